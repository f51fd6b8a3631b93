"""Mistakes planted in formulas and kernels, by subject; the modules fill one list."""

from tests.verify.planted import kernels, layers, tracing, windows
from tests.verify.planted.base import MUTANTS, Mutant, planted
from tests.verify.planted.judge import kill, listing

SUBJECTS = (windows, layers, kernels, tracing)

__all__ = ["MUTANTS", "SUBJECTS", "Mutant", "kill", "listing", "planted"]
