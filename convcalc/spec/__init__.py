"""Text to graph: line form, call form, documents, zoo names."""

from __future__ import annotations

from convcalc.spec.errors import Problem, SpecError
from convcalc.spec.loading import load

__all__ = ["Problem", "SpecError", "load"]
