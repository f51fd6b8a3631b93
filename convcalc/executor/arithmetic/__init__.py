"""The arithmetic that kernels do, plain or counted."""
