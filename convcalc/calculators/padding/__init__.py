"""Which padding gives a size, and what padding does to a network."""
