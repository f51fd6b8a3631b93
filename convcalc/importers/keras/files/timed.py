"""Layers that are applied at every step of a sequence (``TimeDistributed``): the same with an axis more.

The steps are the axis behind the channels: a convolution has a kernel of 1 along it, an axis that is named
is one further on. What joins axes is done with the steps in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from convcalc.dims import Shape
from convcalc.graph import Edge
from convcalc.importers.keras.files.placing import At
from convcalc.importers.network import Stored, Unsayable
from convcalc.layers.base import Layer

_NEUTRAL: Final = {
    **dict.fromkeys(("kernel", "stride", "dilation", "scale"), 1),
    "output_padding": 0,
    **dict.fromkeys(("padding", "amounts"), (0, 0)),
}
"""What a window does along an axis that it leaves alone."""
_WHOLE: Final = {"globalavgpool": "mean", "globalmaxpool": "max"}
_REGROUP: Final = ("flatten", "reshape")
_MIXING: Final = (
    "gn",
    "instancenorm",
    "pixelshuffle",
    "pixelunshuffle",
    "adaptiveavgpool",
    "adaptivemaxpool",
)


def lifted(
    at: At,
    layer: Layer,
    edges: Sequence[Edge],
    shapes: tuple[Shape, ...],
    stored: dict[str, Stored],
    name: str,
) -> Edge:
    """A layer for the shapes of one step, placed on tensors that have the steps behind their channels.

    Raises:
        Unsayable: the layer cannot be had so.
    """
    if at.first or at.times != 1:
        raise Unsayable("stands in TimeDistributed, with channels first or several times over")
    if layer.op in _WHOLE:
        places = tuple(range(2, len(at.shape(edges[0]))))
        found = at.add(_WHOLE[layer.op], edges[:1], name, axis=places, keep=True)
        return found
    if layer.op in _REGROUP:
        return _regrouped(at, layer, edges[0], shapes, name)
    if layer.op in _MIXING:
        raise Unsayable("stands in TimeDistributed, where it is not modelled")
    arriving = tuple(at.shape(edge) for edge in edges)
    values: dict[str, Any] = {}
    for option in layer.options:
        value = getattr(layer, option.field, None)
        if value is not None:
            values[option.field] = _moved(option.field, option.kind, value, arriving[0][1])
    if (layer.op == "ln" and getattr(layer, "axis", None) is None) or (
        layer.op == "rmsnorm" and values.get("axis") is None
    ):
        values["axis"] = (0, *range(2, len(arriving[0])))
    values.pop("arriving", None)
    if layer.op == "linear" and getattr(layer, "axis", None) == "flat":
        values["axis"] = "channels"
    if layer.op in ("rnn", "lstm", "gru"):
        values["features"] = 0
    new = type(layer).create(arriving, values)
    arrays = new.arrays(arriving)
    turned = {array: one.reshaped(tuple(arrays[array])) for array, one in stored.items()}
    path = f"{at.path}.{name}" if name else at.path
    return at.network.place(new, edges, new.output_shapes(arriving), path, turned)[0]


def _moved(field: str, kind: str, value: Any, steps: Any) -> Any:
    if kind == "axis" and type(value) is int:
        return value + (value > 0)
    if kind == "axislist":
        return tuple(axis + (axis > 0) for axis in value)
    if field in _NEUTRAL and isinstance(value, tuple):
        return (_NEUTRAL[field], *value)
    if field == "order" and isinstance(value, tuple):
        first, *rest = (axis + (axis > 0) for axis in value)
        return (first, 1, *rest)
    if field == "size" and isinstance(value, tuple):
        return (steps, *value)
    if kind in ("shape", "ints") and isinstance(value, tuple) and field != "shape":
        raise Unsayable("stands in TimeDistributed, where it is not modelled")
    return value


def _regrouped(at: At, layer: Layer, edge: Edge, shapes: tuple[Shape, ...], name: str) -> Edge:
    """Axes joined or cut: with the steps in front, and back behind the channels."""
    rank = len(at.shape(edge))
    last = getattr(layer, "order", "first") == "last"
    (target,) = layer.output_shapes(shapes)
    order = (1, *range(2, rank), 0) if last else (1, 0, *range(2, rank))
    written = (*target[1:], target[0]) if last else target
    edge = at.order(edge, order, f"{name or layer.op}.steps")
    edge = at.reshape(edge, (at.shape(edge)[0], *written), name or layer.op)
    many = len(target)
    back = (many, 0, *range(1, many)) if last else (1, 0, *range(2, many + 1))
    return at.order(edge, back, f"{name or layer.op}.back")
