"""Arithmetic on entries: activations, functions, joins, normalisations, reductions."""
