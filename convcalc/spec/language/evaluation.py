"""A safe walk of a parsed expression: exact arithmetic, no ``eval``, values of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final

from convcalc import dims
from convcalc.budget import OverBudgetError, spend
from convcalc.spec.language.expression import (
    ARRIVING,
    FUNCTIONS,
    MAX_BITS,
    Expr,
    ExpressionError,
    is_symbol_name,
)

MAX_ITEMS: Final = 10_000
"""Most items of a list, those of the lists in it counted, however many are one and the same."""
MAX_LEVELS: Final = 32
"""Deepest nesting of lists in a value."""
MAX_TEXT: Final = 4000
"""Longest text that is put together."""


class Name(str):
    """A text that was handed to a block: a name in it is looked up where the block was called.

    Attributes:
        scope: the names there.
    """

    __slots__ = ("scope",)
    scope: Any

    @classmethod
    def of(cls, text: str, scope: Any) -> Name:
        """The text with the names of a place; one that has some keeps them."""
        if isinstance(text, Name):
            return text
        name = cls(text)
        name.scope = scope
        return name

    def joined(self, more: str) -> Name:
        """The name with more behind it."""
        return Name.of(str(self) + more, self.scope)


def joined(name: str, more: str) -> str:
    """Two texts behind one another: a name is that of the first of them."""
    if not name:
        return more
    return name.joined(more) if isinstance(name, Name) else name + more


def bounded(value: Any) -> Any:
    """The value, an integer where a fraction is whole; refused where it grew beyond bounds."""
    if type(value) is tuple:
        _measured(value, MAX_ITEMS, MAX_LEVELS)
        return value
    if type(value) is Fraction:
        if value.denominator == 1:
            value = value.numerator
        elif value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
            raise OverflowError
    if type(value) is int:
        if value.bit_length() > MAX_BITS:
            raise OverflowError
    elif dims.is_involved(value):
        raise ValueError("a closed form too long to read: put numbers in place of some symbols")
    return value


def _measured(value: tuple[Any, ...], most: int, levels: int) -> int:
    """How many items a list has, those inside counted each time they are met.

    Raises:
        ValueError: it is larger or deeper than that.
    """
    if not levels:
        raise ValueError(f"a list nested deeper than {MAX_LEVELS} levels")
    count = len(value)
    for item in value:
        if type(item) is tuple and count <= most:
            count += _measured(item, most - count, levels - 1)
    if count > most:
        raise ValueError(f"a list of more than {MAX_ITEMS:,} items, those of the lists in it counted")
    spend(1 + (count >> 2))
    return count


def _is_number(value: Any) -> bool:
    return (
        (type(value) in (int, Fraction))
        or value is dims.UNKNOWN
        or (dims.is_symbolic(value) and not dims.is_condition(value))
        or dims.is_array(value)
    )


def _power(a: Any, b: Any) -> Any:
    if dims.is_symbolic(a) or dims.is_symbolic(b) or not dims.is_known(a, b):
        return a**b
    if type(b) is int and isinstance(a, (int, Fraction)):
        bits = max(abs(a.numerator), a.denominator).bit_length()
        if abs(b) > MAX_BITS or (bits - 1) * abs(b) > MAX_BITS:
            raise OverflowError
        return Fraction(a) ** b if b < 0 else a**b
    if isinstance(b, Fraction):
        root = float(a) ** float(b)
        if isinstance(root, complex):
            raise ArithmeticError("the power is not a real number")
        return Fraction(root)
    return a**b


def _divide(a: Any, b: Any) -> Any:
    return Fraction(a, b) if type(a) is int and type(b) is int else a / b


_BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": _power,
}
_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _many(combine: Callable[[Any, Any], Any], empty: int | None = None) -> Callable[..., Any]:
    def apply(*values: Any) -> Any:
        if len(values) == 1 and isinstance(values[0], tuple):
            values = values[0]
        if not values and empty is not None:
            return empty
        if not values:
            raise ValueError("needs at least one value")
        result = _numeric(values[0])
        for value in values[1:]:
            result = combine(result, _numeric(value))
        return result

    return apply


def _numeric(value: Any) -> Any:
    if not _is_number(value):
        raise TypeError(f"expected a number, got {describe(value)}")
    return value


def _length(value: Any) -> Any:
    if value is dims.UNKNOWN:
        return value
    if not isinstance(value, (tuple, str)):
        raise TypeError(f"len takes a list, got {describe(value)}")
    return len(value)


def _round(value: Any) -> Any:
    return dims.rounded(_numeric(value))


def _int(value: Any) -> Any:
    value = _numeric(value)
    if isinstance(value, Fraction):
        return int(value)
    return value if type(value) is int else dims.floor_div(value, 1)


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "min": _many(dims.minimum),
    "max": _many(dims.maximum),
    "sum": _many(lambda a, b: bounded(a + b), 0),
    "prod": _many(lambda a, b: bounded(a * b), 1),
    "round": _round,
    "floor": lambda x: dims.floor_div(_numeric(x), 1),
    "ceil": lambda x: dims.ceil_div(_numeric(x), 1),
    "int": _int,
    "abs": lambda x: abs(_numeric(x)),
    "len": _length,
    "make_divisible": lambda *a: dims.make_divisible(*map(_numeric, a)),
    "power": lambda a, b: _power(_numeric(a), _numeric(b)),
}


def describe(value: Any) -> str:
    """A value as an error message names it."""
    if isinstance(value, tuple):
        return "a list" if len(value) > 6 else "(" + ", ".join(map(describe, value)) + ")"
    if isinstance(value, Fraction):
        plain = value.denominator > 10**6 or 10**9 % value.denominator or abs(value) > 10**300
        return _shortened(str(value) if plain else f"{float(value):g}")
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return _shortened(repr(value) if isinstance(value, str) else str(value))


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def evaluate(expr: Expr, env: Mapping[str, Any], words: frozenset[str] | tuple[str, ...] = ()) -> Any:
    """Value of an expression.

    ``words`` are bare names that stand for themselves (``same``, ``reflect``).

    Raises:
        ExpressionError: an unknown name, a wrong type, a division by zero, a value out of bounds.
    """
    kind = expr.kind
    spend(2)
    if kind == "const":
        return expr.value
    if kind == "name" or kind == "variable":
        name = expr.value
        if name in words:
            return name
        if name in env:
            return env[name] if name != "in" else _channels(env[name])
        if is_symbol_name(name):
            return dims.symbol(name)
        if name in ARRIVING and kind == "name":
            if "in" in env:
                return env["in"]
            raise ExpressionError(
                f"{name!r} is not known here, where no tensor arrives", expr.start, expr.end,
                expected="a number, or --input CxHxW for the stage that reads it",
            )  # fmt: skip
        from convcalc.spec.errors import nearest_name

        raise ExpressionError(
            f"unknown name {name!r}",
            expr.start,
            expr.end,
            expected=_known({k: v for k, v in env.items() if kind == "name" or k != "in"}, words),
            nearest=nearest_name(name, [*env, *words, *FUNCTIONS]),
            unknown=name,
        )
    try:
        return bounded(_apply(expr, env, words))
    except (ExpressionError, OverBudgetError):
        raise
    except ZeroDivisionError:
        raise ExpressionError("division by zero", expr.start, expr.end) from None
    except OverflowError:
        raise ExpressionError(f"value of more than {MAX_BITS} bits", expr.start, expr.end) from None
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ExpressionError(str(error), expr.start, expr.end) from None


def _channels(shape: Any) -> Any:
    return shape[0] if type(shape) is tuple else shape


def _known(env: Mapping[str, Any], words: frozenset[str] | tuple[str, ...]) -> str:
    names = sorted({*env, *words, *(ARRIVING if "in" in env else ())})
    return (
        "a number"
        if not names
        else "a number or one of " + ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    )


def _apply(expr: Expr, env: Mapping[str, Any], words: frozenset[str] | tuple[str, ...]) -> Any:
    kind, args = expr.kind, expr.args
    if kind == "binary":
        left = evaluate(args[0], env, words)
        right = evaluate(args[1], env, words)
        for value, arg in ((left, args[0]), (right, args[1])):
            if not _is_number(value):
                if tuple in (type(left), type(right)) and expr.value in ("+", "*"):
                    return _joined(expr, left, right)
                raise ExpressionError(
                    f"{expr.value} needs numbers, got {describe(value)}", arg.start, arg.end
                )
        return _BINARY[expr.value](left, right)
    if kind == "tuple":
        return tuple(evaluate(a, env, words) for a in args)
    if kind == "text":
        return _filled(expr, env, words)
    if kind == "call":
        return _FUNCTIONS[expr.value](*(evaluate(a, env, words) for a in args))
    if kind == "unary":
        value = _numeric(evaluate(args[0], env, words))
        return -value if expr.value == "-" else value
    if kind == "compare":
        return _compare(expr, [evaluate(a, env, words) for a in args])
    if kind == "if":
        return evaluate(args[1] if truth(evaluate(args[0], env, words)) else args[2], env, words)
    if kind == "and":
        return truth(evaluate(args[0], env, words)) and truth(evaluate(args[1], env, words))
    if kind == "or":
        return truth(evaluate(args[0], env, words)) or truth(evaluate(args[1], env, words))
    if kind == "not":
        return not truth(evaluate(args[0], env, words))
    value, *bounds = [evaluate(a, env, words) for a in args]
    if any(part is dims.UNKNOWN for part in (value, *bounds)):
        return dims.UNKNOWN
    if not isinstance(value, tuple):
        hides = args[0].value == "size" and "in" in env
        raise ExpressionError(
            f"only a list has items, got {describe(value)}", args[0].start, args[0].end,
            expected="another name for this variable: it hides the sizes that arrive" if hides else None,
        )  # fmt: skip
    if kind == "cut":
        for bound, arg in zip(bounds, args[1:], strict=True):
            if bound is not None and type(bound) is not int:
                raise ExpressionError(
                    f"a list is cut at whole numbers, got {describe(bound)}", arg.start, arg.end
                )
        return value[bounds[0] : bounds[1]]
    index = bounds[0]
    if not value:
        raise ExpressionError("an empty list has no items", args[1].start, args[1].end)
    if type(index) is not int or not -len(value) <= index < len(value):
        raise ExpressionError(
            f"no item {describe(index)} in a list of {len(value)}",
            args[1].start,
            args[1].end,
            expected=f"0 to {len(value) - 1}",
        )
    return value[index]


def _filled(expr: Expr, env: Mapping[str, Any], words: frozenset[str] | tuple[str, ...]) -> Any:
    """A text with the values of what stands in its braces."""
    found = ""
    for part in expr.args:
        value = evaluate(part, env, words)
        if value is dims.UNKNOWN:
            return value
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ExpressionError(
                f"{describe(value)} in a text", part.start, part.end, expected="a whole number or a text"
            )
        found = joined(found, value if isinstance(value, str) else str(value))
        if len(found) > MAX_TEXT:
            raise ValueError(f"a text of more than {MAX_TEXT} characters")
    return found


def _joined(expr: Expr, left: Any, right: Any) -> Any:
    """Two lists behind one another, or one some times."""
    if left is dims.UNKNOWN or right is dims.UNKNOWN:
        return dims.UNKNOWN
    if expr.value == "+" and type(left) is type(right):
        return left + right
    if expr.value == "*" and int in (type(left), type(right)):
        items, times = (left, right) if type(left) is tuple else (right, left)
        if len(items) * times > MAX_ITEMS:
            raise ValueError(f"a list of more than {MAX_ITEMS:,} items")
        return items * times
    other, arg = (right, expr.args[1]) if type(left) is tuple else (left, expr.args[0])
    wanted = "another list" if expr.value == "+" else "a whole number"
    raise ExpressionError(f"a list {expr.value} {wanted}, got {describe(other)}", arg.start, arg.end)


def _compare(expr: Expr, values: list[Any]) -> Any:
    for op, left, right in zip(expr.value, values, values[1:], strict=False):
        if op in ("==", "!="):
            if left is dims.UNKNOWN or right is dims.UNKNOWN:
                raise UndecidedError("the condition depends on a size that was not given")
            found = dims.equal(left, right) if _is_number(left) and _is_number(right) else left == right
            result = truth(found) is (op == "==")
        else:
            result = truth(_COMPARE[op](_numeric(left), _numeric(right)))
        if not result:
            return False
    return True


class UndecidedError(ValueError):
    """A condition on an unknown or symbolic size."""


def truth(value: Any) -> bool:
    """Truth of a condition."""
    if isinstance(value, bool):
        return value
    if value is dims.UNKNOWN:
        raise UndecidedError("the condition depends on a size that was not given: give --input")
    if dims.is_symbolic(value):
        if value == True:  # noqa: E712
            return True
        if value == False:  # noqa: E712
            return False
        if getattr(value, "is_positive", None):
            return True
        way = "set them to numbers, or sizes to multiples (448*H)"
        raise UndecidedError(f"the condition {value} cannot be decided for symbols: {way}")
    if dims.is_array(value):
        raise UndecidedError("a condition cannot hold for a whole array of sizes")
    if value is None or isinstance(value, (int, Fraction, tuple, str)):
        return bool(value)
    raise TypeError(f"no condition: {describe(value)}")
