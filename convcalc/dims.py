"""Dimension arithmetic over every carrier a formula may meet.

A formula of convcalc is written once, with ``+ - * // %`` and the helpers of this module.
The same text then works on four carriers:

* ``int``: the numeric path; neither NumPy nor SymPy is imported for it;
* closed forms (:mod:`convcalc.symbols`), which expressions of SymPy become where they are met;
* NumPy integer arrays: a whole table of cases at once;
* :data:`UNKNOWN`: a size nobody stated (``convcalc params "conv 3->4 k3"`` knows no height).
  Whatever is computed from it is unknown too, and is reported as unavailable, never as a number.

What is tried for all sizes at once (:mod:`convcalc.spec.sizes`) brings its own arithmetic: such a size has
a ``carrier`` that knows maxima, minima and choices, and a condition on it a method ``demand``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from convcalc.carriers import DimensionError as DimensionError
from convcalc.carriers import Symbolic, is_sympy

Dim: TypeAlias = Any
"""``int``, closed form, NumPy integer array or :data:`UNKNOWN`."""

Shape: TypeAlias = tuple[Dim, ...]
"""Channels, then spatial sizes; no batch. ``(64, 56, 56)`` or, flattened, ``(1000,)``."""


class Unknown:
    """The size nobody stated. Arithmetic and comparisons with it give itself."""

    __slots__ = ()

    def _same(self, *_: object) -> Unknown:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _same
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __truediv__ = __rtruediv__ = _same
    __neg__ = __pos__ = __abs__ = __pow__ = __rpow__ = _same
    __lt__ = __le__ = __gt__ = __ge__ = _same

    def __bool__(self) -> bool:
        raise TypeError("an unknown dimension has no truth value; use dims.require or dims.is_known")

    def __repr__(self) -> str:
        return "?"

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, _: object) -> Unknown:
        return self

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


def is_known(*dims: Dim) -> bool:
    """Whether none of the given dimensions is :data:`UNKNOWN`."""
    return not any(d is UNKNOWN for d in dims)


def is_symbolic(dim: Dim) -> bool:
    """Whether the dimension is a closed form or a condition on one (without importing any)."""
    return isinstance(dim, Symbolic) or is_sympy(dim)


def is_condition(value: Any) -> bool:
    """Whether a value is a condition on symbols, which is no dimension."""
    return isinstance(value, Symbolic) and value.is_condition


def is_array(dim: Dim) -> bool:
    """Whether the dimension is an array (without importing NumPy)."""
    return not isinstance(dim, int) and hasattr(dim, "__array__") and not is_symbolic(dim)


MAX_SIZE: Final = 200  # most atoms, powers and terms in the closed form of one dimension


def is_involved(dim: Dim) -> bool:
    """Whether a closed form is longer than :data:`MAX_SIZE`; nobody could read it."""
    return isinstance(dim, Symbolic) and dim.size > MAX_SIZE


def symbol(name: str, *, whole: bool = True) -> Dim:
    """A positive symbol, for closed forms.

    Args:
        name: an identifier.
        whole: whether it stands for whole numbers only.

    Raises:
        ValueError: the name is no identifier.
    """
    from convcalc.symbols import symbol

    return symbol(name, whole)


def carried(value: Any) -> Dim:
    """A dimension from outside as convcalc carries it.

    Expressions of SymPy become closed forms. Integer arrays hold Python integers from then on, so
    that no count overflows. Everything else is returned as it is.

    Raises:
        ValueError: an array of what are no whole numbers, or an expression without a closed form.
    """
    if type(value) is int or hasattr(value, "carrier"):
        return value
    if is_symbolic(value):
        from convcalc.symbols.form import lift

        found = lift(value)
        if found is NotImplemented:
            raise ValueError(f"{value} has no closed form here")
        return found
    if is_array(value):
        import numpy as np

        array = np.asarray(value)
        if array.dtype.kind not in "iuO":
            raise ValueError(f"an array of {array.dtype} holds no sizes; whole numbers do")
        return np.frompyfunc(int, 1, 1)(array) if array.ndim else int(array)
    return value


def floor_div(a: Dim, b: Dim) -> Dim:
    """Floor of ``a / b``."""
    return a // b


def ceil_div(a: Dim, b: Dim) -> Dim:
    """Ceiling of ``a / b`` for positive ``b``."""
    return -(-a // b)


def rounded(value: Any) -> Dim:
    """The nearest whole number, halves to the even one, as Python rounds."""
    if value is UNKNOWN:
        return UNKNOWN
    if is_symbolic(value):
        from convcalc.symbols.form import call, is_whole, lift

        value = lift(value)
        return value if is_whole(value) else call("round", rounded, value, grows=True)
    if is_array(value) and not hasattr(value, "carrier"):
        import numpy as np

        return np.frompyfunc(round, 1, 1)(value)
    return round(value)


def _carrier(a: Dim, b: Dim) -> Any:
    """What knows the extremes of dimensions that bring an arithmetic of their own, if one of these does."""
    return getattr(a, "carrier", None) or getattr(b, "carrier", None)


def maximum(a: Dim, b: Dim) -> Dim:
    """The larger of two dimensions, on every carrier."""
    if type(a) is int and type(b) is int:
        return a if a >= b else b
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if is_symbolic(a) or is_symbolic(b):
        from convcalc.symbols import rounding

        return rounding.maximum(a, b)
    if carrier := _carrier(a, b):
        return carrier.maximum(a, b)
    if is_array(a) or is_array(b):
        import numpy as np

        return np.maximum(a, b)
    return max(a, b)


def maximum_of(dims: Iterable[Dim]) -> Dim:
    """The largest of many, 0 of none; unknown where too many closed forms stay undecided to be read."""
    values = list(dims)
    if all(type(value) is int for value in values):
        return max(values, default=0)
    if any(value is UNKNOWN for value in values):
        return UNKNOWN
    if any(map(is_symbolic, values)):
        from convcalc.symbols import rounding

        try:
            return rounding.maximum(*dict.fromkeys(values))
        except DimensionError:
            return UNKNOWN
    result = values[0]
    for value in values[1:]:
        result = maximum(result, value)
    return result


def minimum(a: Dim, b: Dim) -> Dim:
    """The smaller of two dimensions, on every carrier."""
    if type(a) is int and type(b) is int:
        return a if a <= b else b
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if is_symbolic(a) or is_symbolic(b):
        from convcalc.symbols import rounding

        return rounding.minimum(a, b)
    if carrier := _carrier(a, b):
        return carrier.minimum(a, b)
    if is_array(a) or is_array(b):
        import numpy as np

        return np.minimum(a, b)
    return min(a, b)


def largest(dim: Dim) -> Any:
    """The largest value of a number, or what a closed form is certain not to exceed; None if nothing is."""
    if is_symbolic(dim):
        from convcalc.symbols import bounds

        found = bounds.upper(dim)
        return None if found is None else floor_div(found, 1)
    return dim


def prod(dims: Iterable[Dim]) -> Dim:
    """Product of dimensions; 1 for none."""
    result: Dim = 1
    for dim in dims:
        result = result * dim
    return result


def total(dims: Iterable[Dim]) -> Dim:
    """Sum of dimensions; 0 for none."""
    result: Dim = 0
    for dim in dims:
        result = result + dim
    return result


def require(condition: Any, message: str, *, field: str | None = None, hint: str | None = None) -> None:
    """Raise :class:`DimensionError` unless the condition holds.

    Unknown conditions pass. An uncertain condition on symbols passes too and is collected as a constraint of
    the spec (see :func:`collecting`); arrays must hold everywhere.
    """
    if condition is True:
        return
    if condition is False:
        raise DimensionError(message, field=field, hint=hint)
    if condition is UNKNOWN:
        return
    if is_symbolic(condition):
        if (found := _COLLECTED.get()) is not None:
            found[condition] = None
        return
    if hasattr(condition, "demand"):
        condition.demand(message, field, hint)
        return
    if hasattr(condition, "all"):
        condition = bool(condition.all())
    if not condition:
        raise DimensionError(message, field=field, hint=hint)


_COLLECTED: Final = ContextVar[dict[Any, None] | None]("collected", default=None)


@contextmanager
def collecting() -> Iterator[dict[Any, None]]:
    """Collect the conditions on symbols that :func:`require` meets.

    Yields:
        A mapping whose keys are the conditions, in the order in which they were met.
    """
    outer, found = _COLLECTED.get(), dict[Any, None]()
    token = _COLLECTED.set(found)
    try:
        yield found
    finally:
        _COLLECTED.reset(token)
        if outer is not None:
            outer.update(found)


def is_whole(dim: Dim) -> Any:
    """Whether a dimension is a whole number, as something :func:`require` accepts."""
    if type(dim) is int or dim is UNKNOWN:
        return True
    if is_symbolic(dim):
        from convcalc.symbols import conditions

        return conditions.whole(dim)
    return dim % 1 == 0


def equal(a: Dim, b: Dim) -> Any:
    """Whether two dimensions are equal, as something :func:`require` accepts."""
    if type(a) is int and type(b) is int:
        return a == b
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if is_symbolic(a) or is_symbolic(b):
        from convcalc.symbols import conditions

        return conditions.equal(a, b)
    return a == b


def divides(divisor: Dim, number: Dim) -> Any:
    """Whether ``divisor`` divides ``number``, as something :func:`require` accepts."""
    if is_symbolic(divisor) or is_symbolic(number):
        if divisor is UNKNOWN or number is UNKNOWN:
            return UNKNOWN
        from convcalc.symbols import conditions

        return conditions.divides(divisor, number)
    return equal(number % divisor, 0)


def exact_div(a: Dim, b: Dim) -> Dim:
    """``a / b`` where :func:`divides` was required: a fraction of symbols instead of a rounded one."""
    if is_symbolic(a) or is_symbolic(b):
        return UNKNOWN if a is UNKNOWN or b is UNKNOWN else a / b
    return a // b


def same(one: Shape, other: Shape) -> Any:
    """Whether two shapes are the same, as something :func:`require` accepts.

    Arrays give an array, closed forms a condition where it depends on the symbols.
    """
    if len(one) != len(other):
        return False
    result: Any = True
    for a, b in zip(one, other, strict=True):
        if a is b:
            continue
        found = equal(a, b)
        if found is False or (is_array(found) and not found.any()):
            return False
        if found is UNKNOWN or result is UNKNOWN:
            result = UNKNOWN
        elif is_symbolic(found):
            result = found
        elif found is not True and not is_symbolic(result):
            result = found if result is True else result & found
    return result


def known_apart(one: Shape, other: Shape) -> bool:
    """Whether two shapes are certain to differ (in arrays: somewhere)."""
    found = same(one, other)
    return found is False or (is_array(found) and not found.all())


def make_divisible(value: Dim, divisor: Dim = 8, least: Dim | None = None) -> Dim:
    """The multiple of ``divisor`` nearest to ``value``, not below ``least`` nor 90% of ``value``.

    The channel rounding of MobileNetV2 and its successors: halves go up, ``least`` is the
    divisor unless given, and one divisor is added where rounding lost more than a tenth. Of a
    closed form it is the form itself where that is certainly a multiple, and stays unevaluated
    where it is not.
    """
    if value is UNKNOWN or divisor is UNKNOWN:
        return UNKNOWN
    if is_symbolic(value) or is_symbolic(divisor) or is_symbolic(least):
        return _make_divisible_of_symbols(value, divisor, least)
    nearest = floor_div(2 * value + divisor, 2 * divisor) * divisor
    nearest = maximum(divisor if least is None else least, nearest)
    if nearest is UNKNOWN:
        return UNKNOWN
    lost = 10 * nearest < 9 * value
    if isinstance(lost, bool):
        return nearest + divisor if lost else nearest
    if carrier := _carrier(value, divisor):
        return carrier.where(lost, nearest + divisor, nearest)
    import numpy as np

    return np.where(lost, nearest + divisor, nearest)


def _make_divisible_of_symbols(value: Dim, divisor: Dim, least: Dim | None) -> Dim:
    from convcalc.symbols.form import call, is_whole, lift

    value, divisor, least = lift(value), lift(divisor), None if least is None else lift(least)
    if is_whole(value / divisor):
        return maximum(divisor if least is None else least, value)
    args = (value, divisor) if least is None else (value, divisor, least)
    return call("make_divisible", make_divisible, *args, least=1, grows=True)
