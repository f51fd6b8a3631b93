"""What every layer of a network sees of its input."""
