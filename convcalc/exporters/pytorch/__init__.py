"""Graphs as PyTorch source."""
