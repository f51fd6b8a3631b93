"""Transposed convolutions: sizes, settings, overlap and costs."""
