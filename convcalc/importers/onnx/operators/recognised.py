"""What several operators of a file are together: the rows for `convcalc.importers.onnx.patterns`.

A row that cannot say its use raises `Unsayable` before it has made a layer; the operators then stay as they
stand in the file.
"""

from __future__ import annotations

from typing import Any, Final

from convcalc.dims import equal
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.operators import entries
from convcalc.importers.onnx.use import Operator, Use
from convcalc.importers.tensors import Value, is_one


def _fitted(use: Use, place: int, x: Value, axes: list[int]) -> Stored | None:
    """A factor or a term of the shape that is normalised over; None where it is left out."""
    if not use.given(place):
        return None
    stored = use.stored(place)
    if stored is None:
        raise Unsayable("has a factor that is no array")
    full = (1,) * (x.rank - len(stored.shape)) + tuple(stored.shape)
    fits = len(full) == x.rank and all(
        equal(n, x.dims[axis]) is True if axis in axes else is_one(n) for axis, n in enumerate(full)
    )
    if not fits:
        raise Unsayable("has a factor of another shape than what it normalises over")
    return stored.reshaped(tuple(full[axis] for axis in axes))


def _over_axes(op: str) -> Operator:
    def made(use: Use) -> Value:
        x = use.x()
        axes = sorted({use.net.place_of(x, axis) for axis in use.attribute("axes")})
        own = tuple(use.net.axis(x, axis) for axis in axes)
        weight, bias = _fitted(use, 1, x, axes), _fitted(use, 2, x, axes)
        weights = {n: s for n, s in (("weight", weight), ("bias", bias)) if s is not None}
        options: dict[str, Any] = {"axis": own, "eps": use.attribute("epsilon")}
        if not weights:
            options["affine"] = False
        elif op == "ln":
            options |= {"weight": weight is not None, "bias": bias is not None}
        return use.one(op, x, use.path, weights, **options)

    return made


def grouped(use: Use) -> Value:
    """Normalisation over groups of channels."""
    x, groups = use.map_(), use.attribute("num_groups")
    first, shape = use.attribute("first"), use.attribute("shape")
    if first not in (0, x.dims[0]) or x.rank < 3:
        raise Unsayable("has groups that are not those of the channels")
    whole = len(shape) in (0, x.rank) and all(
        n in (0, -1) or equal(n, size) is True for n, size in zip(shape, x.dims, strict=False)
    )
    if not whole or type(x.dims[1]) is not int or x.dims[1] % groups:
        raise Unsayable("is seen in another shape afterwards")
    weight, bias = _fitted(use, 1, x, [1]), _fitted(use, 2, x, [1])
    weights = {n: s for n, s in (("weight", weight), ("bias", bias)) if s is not None}
    options = {"weight": weight is not None, "bias": bias is not None} if weights else {"affine": False}
    return use.one("gn", x, use.path, weights, groups=groups, eps=use.attribute("epsilon"), **options)


def _one_or(size: Any, other: Any) -> bool:
    return is_one(size) or equal(size, other) is True


def unit_length(use: Use) -> Value:
    """A division of vectors by their lengths."""
    x = use.x()
    axis, eps, shape = use.attribute("axis"), use.attribute("epsilon"), use.attribute("shape")
    if shape and not (len(shape) == x.rank and all(map(_one_or, shape, x.dims))):
        raise Unsayable("has lengths that are spread over another shape")
    use.net.axis(x, axis)
    return use.net.along("l2norm", x, axis, use.path, eps=eps)


_SAME: Final = (
    "Swish",
    "HardSwish",
    "HardSigmoid",
    "Mish",
    "Gelu",
    "LeakyRelu",
    "PRelu",
    "Softsign",
    "Softplus",
    "Elu",
)


def threshold(use: Use) -> Value:
    """What is at most a threshold is another number."""
    bounds = {"threshold": use.attribute("threshold"), "value": use.attribute("value")}
    return use.net.one("threshold", use.x(), use.path, bounds)


ROWS: Final[dict[str, Operator]] = {
    **{op: entries.ROWS[op] for op in _SAME},
    "ThresholdedValue": threshold,
    "Tanhshrink": lambda use: use.one("tanhshrink", use.x(), use.path),
    "AxesNormalization": _over_axes("ln"),
    "RootMeanSquare": _over_axes("rmsnorm"),
    "GroupedNormalization": grouped,
    "L2Normalization": unit_length,
}
