"""Keras models from files: ``.keras`` archives, configurations as JSON, and whole models in HDF5."""

from convcalc.importers.keras.files.opening import looks_like
from convcalc.importers.keras.files.translation import read

__all__ = ["looks_like", "read"]
