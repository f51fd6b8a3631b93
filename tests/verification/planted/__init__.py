"""Mistakes planted in formulas and kernels, by subject; the modules fill one list."""

from tests.verification.planted import axes, joins, kernels, layers, lookups, reduce, tracing, windows
from tests.verification.planted.base import MUTANTS, Mutant, planted
from tests.verification.planted.judge import kill, listing

SUBJECTS = (windows, layers, kernels, tracing, axes, joins, lookups, reduce)

__all__ = ["MUTANTS", "SUBJECTS", "Mutant", "kill", "listing", "planted"]
