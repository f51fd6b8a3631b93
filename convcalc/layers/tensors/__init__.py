"""Tensors as they are: where they come from, how they are moved, cut and looked up."""
