"""What is inside closed forms, and their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from convcalc.symbols.form import Atom, Form, Monomial, Number, lift, made, normal, of_atom


def atoms_within(*values: Any) -> Iterable[Atom]:
    """Every atom of these forms, those inside others too, each once."""
    seen: dict[Atom, None] = {}
    todo = [v for v in values if type(v) is Form]
    while todo:
        for monomial in todo.pop().terms:
            for a, _ in monomial:
                if a not in seen:
                    seen[a] = None
                    todo.extend(v for v in a.args if type(v) is Form)
    return seen


def replace(form: Form, target: Atom, value: Any) -> Any:
    """The form with one atom of its own monomials replaced."""
    kept: dict[Monomial, Number] = {}
    result: Any = 0
    for monomial, c in form.terms.items():
        exponent = next((e for a, e in monomial if a is target), 0)
        if exponent:
            rest = Form({tuple(p for p in monomial if p[0] is not target): c})
            part = (
                value**exponent
                if exponent > 0
                else 1 / (value**-exponent if type(value) is Form else Fraction(value) ** -exponent)
            )
            result = result + (part * (c if len(monomial) == 1 else rest))
        else:
            kept[monomial] = c
    return made(kept) + result if kept else result


def substitute(form: Any, values: Mapping[str, Any], memo: dict[Atom, Any]) -> Any:
    """A form with symbols replaced; ``memo`` holds values of atoms met before."""
    if type(form) is not Form or not form.names & values.keys():
        return form
    result: Any = 0
    for monomial, c in form.terms.items():
        part: Any = c
        for a, e in monomial:
            value = memo.get(a)
            if value is None:
                value = memo[a] = _value(a, values, memo)
            if e < 0:
                part = part * (Fraction(1, value**-e) if type(value) is int else 1 / value**-e)
            else:
                part = part * (value if e == 1 else value**e)
        result = result + part
    return _tidy(result)


def _tidy(value: Any) -> Any:
    if type(value) is Fraction:
        return normal(value)
    if hasattr(value, "dtype") and value.dtype == object:
        import numpy as np

        return np.frompyfunc(normal, 1, 1)(value)
    return value


def _value(a: Atom, values: Mapping[str, Any], memo: dict[Atom, Any]) -> Any:
    if not a.names & values.keys():
        return of_atom(a)
    if a.kind == "symbol":
        value = values[a.args[0]]
        return lift(value) if lift(value) is not NotImplemented else value
    args = [substitute(arg, values, memo) for arg in a.args]
    if a.kind == "floor":
        from convcalc.symbols.rounding import floor

        return floor(args[0])
    if a.kind == "sum":
        return args[0]
    if a.kind == "call":
        assert a.function is not None
        return a.function(*args)
    from convcalc import dims

    if not any(map(dims.is_array, args)):
        from convcalc.symbols import extremes

        return (extremes.maximum if a.kind == "max" else extremes.minimum)(*args)
    result = args[0]
    for other in args[1:]:
        result = (dims.maximum if a.kind == "max" else dims.minimum)(result, other)
    return result
