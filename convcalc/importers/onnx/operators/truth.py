"""Comparisons of whole numbers, and truth values as 1 and 0.

The difference of two whole numbers is at least 1 where they differ, so that what is cut off at 0 and 1 says
which is larger. Real numbers that lie closer have no such gap; of these no layer here tells.
"""

from __future__ import annotations

from typing import Any, Final

from convcalc.importers.network import Unsayable
from convcalc.importers.onnx.operators.entries import operand
from convcalc.importers.onnx.use import Operator, Use
from convcalc.importers.tensors import Value

_WHOLE: Final = ("int", "bool")


def _operands(use: Use, kinds: tuple[str, ...]) -> tuple[Any, Any]:
    a, b = operand(use, 0, 1), operand(use, 1, 0)
    if not isinstance(a, Value) and not isinstance(b, Value):
        a = use.x(0)
    for number in (0, 1):
        if not any(kind in use.type(number) for kind in kinds):
            raise Unsayable(f"of {use.type(number)} is no layer here")
    return a, b


def _true(made: Value) -> Value:
    return Value(made.dims, made.batch, made.folded, made.edge, dtype="bool")


def equal(use: Use) -> Value:
    """Equal: 1 less how far they are apart, where that is not below 0."""
    a, b = _operands(use, _WHOLE)
    apart = use.net.join("sub", a, b, f"{use.path}.sub")
    apart = use.one("abs", apart, f"{use.path}.abs")
    left = use.one("rescale", apart, f"{use.path}.left", scale=-1.0, offset=1.0)
    return _true(use.one("relu", left, use.path))


def _larger(swapped: bool, even: bool) -> Operator:
    def made(use: Use) -> Value:
        a, b = _operands(use, _WHOLE)
        apart = use.net.join("sub", *((b, a) if swapped else (a, b)), f"{use.path}.sub")
        if even:
            apart = use.net.join("add", apart, 1.0, f"{use.path}.add")
        return _true(use.one("clip", apart, use.path, min=0.0, max=1.0))

    return made


def _joined(op: str) -> Operator:
    def made(use: Use) -> Value:
        a, b = _operands(use, ("bool",))
        return _true(use.net.join(op, a, b, use.path))

    return made


def negated(use: Use) -> Value:
    """Not."""
    return _true(use.one("rescale", use.x(), use.path, scale=-1.0, offset=1.0))


def either(use: Use) -> Value:
    """Xor."""
    a, b = _operands(use, ("bool",))
    return _true(use.one("abs", use.net.join("sub", a, b, f"{use.path}.sub"), use.path))


ROWS: Final[dict[str, Operator]] = {
    "Equal": equal,
    "Greater": _larger(False, False),
    "GreaterOrEqual": _larger(False, True),
    "Less": _larger(True, False),
    "LessOrEqual": _larger(True, True),
    "And": _joined("mul"),
    "Or": _joined("maximum"),
    "Xor": either,
    "Not": negated,
}
