"""From what was read to a graph."""
