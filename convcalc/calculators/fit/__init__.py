"""The largest value of a variable whose network stays within limits."""
