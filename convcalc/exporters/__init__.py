"""Graphs written out: as text of the spec language."""
