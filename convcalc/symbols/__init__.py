"""Closed forms: exact arithmetic with symbols, in one normal form.

A closed form is a polynomial with rational coefficients over *atoms* (:mod:`.form`): symbols,
rounded quotients (:mod:`.rounding`), maxima and minima (:mod:`.extremes`) and named functions. It
knows the Python operators that the formulas of convcalc are written in, so that the methods which
count integers count symbols. Everything here is plain Python: SymPy is loaded only where somebody
hands in one of its expressions or asks for one (:mod:`.convert`).

Two polynomials over the same atoms are equal exactly where their closed forms are, and rounded
quotients have a normal form of their own, so that a chain of strided layers is ``ceil(H/32)``.
"""

from __future__ import annotations

from convcalc.symbols.conditions import Condition as Condition
from convcalc.symbols.form import Form as Form
from convcalc.symbols.form import symbol as symbol
