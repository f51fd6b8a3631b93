"""Limits of a network, and whether it holds them."""
