"""Closed forms: exact arithmetic with symbols, in one normal form.

A closed form (:mod:`.form`) is a polynomial with rational coefficients over *atoms* (:mod:`.atoms`):
symbols, rounded quotients, maxima and minima (:mod:`.rounding`), and named functions. It knows the
Python operators that the formulas of convcalc are written in, so that the methods which count
integers count symbols. Sums and products are worked out in :mod:`.form`; what the other operators
mean stands above it (:mod:`.division`, :mod:`.rounding`, :mod:`.conditions`) and is handed to forms
here. Everything is plain Python: SymPy, which need not be installed, is loaded only where somebody
hands in one of its expressions or asks for one (:mod:`.operators`).

Two polynomials over the same atoms are equal exactly where their closed forms are, and rounded
quotients have a normal form of their own, so that a chain of strided layers is ``ceil(H/32)``.
"""

from __future__ import annotations

from convcalc.symbols import operators
from convcalc.symbols.atoms import Atom
from convcalc.symbols.conditions import Condition as Condition
from convcalc.symbols.form import Form as Form
from convcalc.symbols.form import symbol as symbol

Atom.rules = operators
