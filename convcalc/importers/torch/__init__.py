"""Modules of PyTorch and files of its making: exported programs, weights alone, and factories by name."""
