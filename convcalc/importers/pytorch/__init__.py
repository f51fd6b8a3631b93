"""What people paste from PyTorch."""
