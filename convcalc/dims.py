"""Dimension arithmetic over every carrier a formula may meet.

A formula of convcalc is written once, with ``+ - * // %`` and the helpers of this module.
The same text then works on four carriers:

* ``int``: the numeric path; neither NumPy nor SymPy is imported for it;
* SymPy expressions: closed forms;
* NumPy integer arrays: a whole table of cases at once;
* :data:`UNKNOWN`: a size nobody stated (``convcalc params "conv 3->4 k3"`` knows no height).
  Whatever is computed from it is unknown too, and is reported as unavailable, never as a number.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

Dim: TypeAlias = Any
"""``int``, SymPy expression, NumPy integer array or :data:`UNKNOWN`."""

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


class DimensionError(ValueError):
    """A hyper-parameter or shape breaks a rule of its layer.

    ``field`` names the hyper-parameter at fault (the spec parser puts its caret there),
    ``hint`` says what would be accepted.
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint


def is_known(*dims: Dim) -> bool:
    """Whether none of the given dimensions is :data:`UNKNOWN`."""
    return not any(d is UNKNOWN for d in dims)


def is_int(dim: Dim) -> bool:
    """Whether the dimension is a plain Python integer."""
    return type(dim) is int


def is_symbolic(dim: Dim) -> bool:
    """Whether the dimension is a SymPy expression (without importing SymPy)."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(dim, sympy.Basic)


def is_array(dim: Dim) -> bool:
    """Whether the dimension is an array (without importing NumPy)."""
    return not isinstance(dim, int) and hasattr(dim, "__array__") and not is_symbolic(dim)


MAX_OPERATIONS: Final = 16
"""Most operations of a closed form that stands for one dimension."""


def is_involved(dim: Dim) -> bool:
    """Whether a closed form has more than :data:`MAX_OPERATIONS` operations.

    Costs at most that many steps: what is larger is not walked to its end.
    """
    if not is_symbolic(dim):
        return False
    count, todo = 0, [dim]
    while todo:
        args = todo.pop().args
        count += len(args)
        if count > MAX_OPERATIONS:
            return True
        todo.extend(args)
    return False


def symbol(name: str) -> Dim:
    """A positive integer symbol, for closed forms."""
    import sympy

    return sympy.Symbol(name, integer=True, positive=True)


def floor_div(a: Dim, b: Dim) -> Dim:
    """Floor of ``a / b``."""
    return a // b


def ceil_div(a: Dim, b: Dim) -> Dim:
    """Ceiling of ``a / b`` for positive ``b``."""
    return -(-a // b)


def maximum(a: Dim, b: Dim) -> Dim:
    """The larger of two dimensions, on every carrier."""
    if type(a) is int and type(b) is int:
        return a if a >= b else b
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if is_symbolic(a) or is_symbolic(b):
        import sympy

        return sympy.Max(a, b)
    if is_array(a) or is_array(b):
        import numpy as np

        return np.maximum(a, b)
    return max(a, b)


def minimum(a: Dim, b: Dim) -> Dim:
    """The smaller of two dimensions, on every carrier."""
    if type(a) is int and type(b) is int:
        return a if a <= b else b
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if is_symbolic(a) or is_symbolic(b):
        import sympy

        return sympy.Min(a, b)
    if is_array(a) or is_array(b):
        import numpy as np

        return np.minimum(a, b)
    return min(a, b)


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

    Unknown conditions pass. A symbolic condition that SymPy cannot decide passes too and is
    collected as a constraint of the spec (see :class:`collect_constraints`); arrays must hold
    everywhere.
    """
    if condition is True:
        return
    if condition is False:
        raise DimensionError(message, field=field, hint=hint)
    if condition is UNKNOWN:
        return
    if is_symbolic(condition):
        if condition == True:  # noqa: E712  (SymPy's own true)
            return
        if condition == False:  # noqa: E712
            raise DimensionError(message, field=field, hint=hint)
        if _constraints is not None:
            _constraints.append(condition)
        return
    if hasattr(condition, "all"):
        condition = bool(condition.all())
    if not condition:
        raise DimensionError(message, field=field, hint=hint)


_constraints: list[Any] | None = None


def equal(a: Dim, b: Dim) -> Any:
    """Whether two dimensions are equal, as something :func:`require` accepts."""
    if type(a) is int and type(b) is int:
        return a == b
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if is_symbolic(a) or is_symbolic(b):
        import sympy

        return sympy.Eq(a, b)
    return a == b


def divides(divisor: Dim, number: Dim) -> Any:
    """Whether ``divisor`` divides ``number``, as something :func:`require` accepts."""
    return equal(number % divisor, 0)


def make_divisible(value: Dim, divisor: Dim = 8, least: Dim | None = None) -> Dim:
    """The multiple of ``divisor`` nearest to ``value``, not below ``least`` nor 90% of ``value``.

    The channel rounding of MobileNetV2 and its successors: halves go up, ``least`` is the
    divisor unless given, and one divisor is added where rounding lost more than a tenth.
    """
    nearest = floor_div(2 * value + divisor, 2 * divisor) * divisor
    nearest = maximum(divisor if least is None else least, nearest)
    if value is UNKNOWN or nearest is UNKNOWN:
        return UNKNOWN
    lost = 10 * nearest < 9 * value
    if isinstance(lost, bool):
        return nearest + divisor if lost else nearest
    if is_symbolic(lost):
        import sympy

        return sympy.Piecewise((nearest + divisor, lost), (nearest, True))
    import numpy as np

    return np.where(lost, nearest + divisor, nearest)
