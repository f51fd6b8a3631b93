"""What is computed over a whole graph."""
