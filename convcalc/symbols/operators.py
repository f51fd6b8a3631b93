"""What forms do beyond sums, products and powers: their :class:`~convcalc.symbols.atoms.Rules`."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

from convcalc.budget import spend
from convcalc.symbols.atoms import Atom
from convcalc.symbols.bounds import lower as lower
from convcalc.symbols.conditions import above as above
from convcalc.symbols.conditions import at_least as at_least
from convcalc.symbols.division import quotient as quotient
from convcalc.symbols.factors import is_product as is_product
from convcalc.symbols.form import Form, lift, normal, of_atom, symbol
from convcalc.symbols.notation import atom_text as atom_text
from convcalc.symbols.notation import write as write
from convcalc.symbols.rounding import ceil as ceil
from convcalc.symbols.rounding import floor as floor
from convcalc.symbols.rounding import maximum as maximum
from convcalc.symbols.rounding import minimum as minimum


def substitute(form: Form, values: Mapping[str, Any]) -> Any:
    """The form with symbols replaced by what stands under their names."""
    return _substituted(form, values, {})


def _substituted(form: Any, values: Mapping[str, Any], memo: dict[Atom, Any]) -> Any:
    if type(form) is not Form or not form.names & values.keys():
        return form
    spend(1 + 2 * len(form.terms))
    result: Any = 0
    for m, c in form.terms.items():
        part: Any = c
        for a, e in m:
            value = memo.get(a)
            if value is None:
                value = memo[a] = _value(a, values, memo)
            if e < 0:
                part = part * (Fraction(1, value**-e) if type(value) is int else 1 / value**-e)
            else:
                part = part * (value if e == 1 else value**e)
        result = result + part
    if type(result) is Fraction:
        return normal(result)
    if hasattr(result, "dtype") and result.dtype == object:
        import numpy as np

        return np.frompyfunc(normal, 1, 1)(result)
    return result


def _value(a: Atom, values: Mapping[str, Any], memo: dict[Atom, Any]) -> Any:
    if not a.names & values.keys():
        return of_atom(a)
    if a.kind in ("symbol", "excess"):
        value = values[a.args[0]]
        lifted = lift(value)
        return value if lifted is NotImplemented else lifted
    args = [_substituted(arg, values, memo) for arg in a.args]
    if a.kind == "sum":
        return args[0]
    if a.kind == "floor":
        return floor(args[0])
    if a.function:
        return a.function.compute(*args)
    if any(hasattr(arg, "dtype") for arg in args):
        import numpy as np

        return reduce(np.maximum if a.kind == "max" else np.minimum, args)
    return (maximum if a.kind == "max" else minimum)(*args)


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
        if type(exponent) not in (int, Fraction):
            return NotImplemented
        if type(exponent) is int and type(base) is not Form:
            return normal(Fraction(base) ** exponent)
        return base**exponent if type(base) is Form else NotImplemented
    makers: Any = {
        sympy.floor: floor, sympy.ceiling: ceil, sympy.Max: maximum, sympy.Min: minimum,
        sympy.Mod: lambda a, b: a - b * floor(a / b),
    }  # fmt: skip
    make = makers.get(expression.func)
    return NotImplemented if make is None else make(*args)


def to_sympy(value: Any) -> Any:
    """The expression of SymPy that a form or number is."""
    import sympy

    if type(value) is not Form:
        return sympy.Rational(value.numerator, value.denominator)
    terms = ((to_sympy(c), *(sympy.Pow(_atom_to_sympy(a), e) for a, e in m)) for m, c in value.terms.items())
    return sympy.Add(*(sympy.Mul(*factors) for factors in terms))


def _atom_to_sympy(a: Atom) -> Any:
    import sympy

    if a.kind == "symbol":
        return sympy.Symbol(a.args[0], positive=True, integer=True if a.whole else None)
    args = [to_sympy(v) for v in a.args]
    if a.kind == "sum":
        return args[0]
    if a.function and a.function.name == "power":
        return sympy.Pow(*args)
    if a.function:
        return sympy.Function(a.function.name, integer=True, positive=True)(*args)
    return {"floor": sympy.floor, "max": sympy.Max, "min": sympy.Min}[a.kind](*args)
