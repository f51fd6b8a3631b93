"""What counting shows."""
