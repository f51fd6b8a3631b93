"""Closed forms from SymPy's expressions and back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from convcalc.symbols.extremes import maximum, minimum
from convcalc.symbols.form import Atom, Form, normal, symbol
from convcalc.symbols.rounding import ceil, floor


def from_sympy(expression: Any) -> Any:
    """The form or number of an expression of SymPy; NotImplemented where it has none.

    Symbols are taken as positive whole numbers unless SymPy was told that they are not whole.
    """
    import sympy

    if expression.is_Rational:
        return normal(Fraction(int(expression.p), int(expression.q)))
    if expression.is_Symbol:
        return symbol(expression.name, expression.is_integer is not False)
    args = [from_sympy(a) for a in expression.args] if expression.args else []
    if NotImplemented in args or not args:
        return NotImplemented
    if expression.is_Add:
        return sum(args[1:], args[0])
    if expression.is_Mul:
        result = args[0]
        for arg in args[1:]:
            result = result * arg
        return result
    if expression.is_Pow:
        base, exponent = args
        if type(exponent) is not int:
            return NotImplemented
        return base**exponent if type(base) is Form else normal(Fraction(base) ** exponent)
    makers: Any = {
        sympy.floor: floor, sympy.ceiling: ceil, sympy.Max: maximum, sympy.Min: minimum,
        sympy.Mod: lambda a, b: a - b * floor(a / b),
    }  # fmt: skip
    make = makers.get(expression.func)
    return NotImplemented if make is None else make(*args)


def to_sympy(form: Form) -> Any:
    """The expression of SymPy that a form is."""
    import sympy

    return sympy.Add(
        *(
            sympy.Mul(_number(c), *(sympy.Pow(_atom(a), e) for a, e in monomial))
            for monomial, c in form.terms.items()
        )
    )


def _number(value: Any) -> Any:
    import sympy

    return sympy.Rational(value.numerator, value.denominator)


def _value(value: Any) -> Any:
    return to_sympy(value) if type(value) is Form else _number(value)


def _atom(a: Atom) -> Any:
    import sympy

    if a.kind == "symbol":
        return sympy.Symbol(a.args[0], positive=True, integer=True if a.whole else None)
    args = [_value(v) for v in a.args]
    if a.kind == "floor":
        return sympy.floor(args[0])
    if a.kind in ("max", "min"):
        return (sympy.Max if a.kind == "max" else sympy.Min)(*args)
    if a.kind == "sum":
        return args[0]
    assert a.function is not None
    name = getattr(a.function, "label", a.function.__name__)
    return sympy.Function(name, integer=True, positive=True)(*args)
