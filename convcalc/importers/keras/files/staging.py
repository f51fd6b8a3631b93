"""The stages of a layer of a file as nodes, with the variables of the layer as their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.dims import Shape
from convcalc.graph import Edge
from convcalc.importers.keras.files.placing import At
from convcalc.importers.keras.files.timed import lifted
from convcalc.importers.keras.files.weights import Turn, depthwise, last_first, to_front
from convcalc.importers.network import Unsayable
from convcalc.layers.base import Layer

if TYPE_CHECKING:
    from convcalc.spec.language.stage import Stage


class Variable(NamedTuple):
    """One variable of Keras that is an array of ours.

    Attributes:
        array: the array of the layer.
        name: what Keras calls it.
        shape: its shape there.
        turn: makes it the array.
        learned: whether it is a parameter.
    """

    array: str
    name: str
    shape: tuple[int, ...]
    turn: Turn | None = None
    learned: bool = True


def run(at: At, stages: Sequence[Stage], edges: Sequence[Edge], names: Sequence[str] = ()) -> Edge:
    """The stages of a layer one after the other, with the variables of the layer as their weights."""
    if at.times and any(len(at.shape(edge)) < 2 for edge in edges):
        raise Unsayable("stands in TimeDistributed, and reads no sequence")
    number = 0
    for place, stage in enumerate(stages):
        shapes = tuple(at.inside(at.shape(edge)) for edge in edges)
        layer = at.made(stage, shapes)
        stored = {}
        for variable in variables(layer, shapes, at):
            found = at.stored(number, variable.name, variable.shape, learned=variable.learned)
            stored[variable.array] = variable.turn(found) if variable.turn else found
            number += 1
        name = stage.name if len(stages) > 1 else ""
        if place < len(names):
            name = names[place]
        if at.times:
            edges = (lifted(at, layer, edges, shapes, stored, name),)
        else:
            path = f"{at.path}.{name}" if name else at.path
            edges = at.network.place(layer, edges, layer.output_shapes(shapes), path, stored)[:1]
    return edges[0]


_NORMAL: Final = (("weight", "gamma", True), ("bias", "beta", True), ("running_mean", "moving_mean", False),
                  ("running_var", "moving_variance", False))  # fmt: skip


def variables(layer: Layer, shapes: tuple[Shape, ...], at: At) -> list[Variable]:
    """The variables that Keras keeps for a layer, in the order in which it does.

    Raises:
        Unsayable: the layer has arrays that are not known of Keras.
    """
    arrays = layer.arrays(shapes)
    if not arrays:
        return []
    if any(type(size) is not int for shape in arrays.values() for size in shape):
        raise Unsayable("has weights of an unknown shape")
    kind: Any = _FORMS.get(layer.op)
    if kind is None:
        raise Unsayable(f"has weights of a form that is not known here ({layer.op})")
    found: list[Variable] = kind(arrays, shapes[0], at)
    return found


def _convolution(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    out, group, *kernel = arrays["weight"]
    found = [Variable("weight", "kernel", (*kernel, group, out), to_front)]
    return found + _bias(arrays)


def _bias(arrays: dict[str, Any]) -> list[Variable]:
    return [Variable("bias", "bias", arrays["bias"])] if "bias" in arrays else []


def _depthwise(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    out, _, *kernel = arrays["weight"]
    found = [Variable("weight", "depthwise_kernel", (*kernel, shape[0], out // shape[0]), depthwise)]
    return found + _bias(arrays)


def _dense(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    out, entering = arrays["weight"]
    return [Variable("weight", "kernel", (entering, out), to_front), *_bias(arrays)]


def _norm(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    """Of several axes the channels are the last there."""
    found = []
    axes = at.config.get("axis", -1)
    listed = axes if isinstance(axes, list) else [axes]
    channels = not at.first and bool({-1, len(shape)} & set(map(int, (a for a in listed if type(a) is int))))
    for array, name, learned in _NORMAL:
        if array in arrays:
            own = arrays[array]
            turned = channels and len(own) > 1
            stated = (*own[1:], own[0]) if turned else own
            found.append(Variable(array, name, stated, last_first if turned else None, learned))
    return found


def _slopes(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    own = arrays["weight"]
    if len(own) == len(shape) and len(own) > 1:
        turned = not at.first
        return [
            Variable("weight", "alpha", (*own[1:], own[0]) if turned else own, last_first if turned else None)
        ]
    ones = (1,) * (len(shape) - 1)
    return [
        Variable("weight", "alpha", (*own, *ones) if at.first else (*ones, *own), lambda s: s.reshaped(own))
    ]


def _table(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    return [Variable("weight", "embeddings", arrays["weight"])]


_FORMS: Final = {
    **dict.fromkeys(("conv", "convT"), _convolution),
    "dwconv": _depthwise,
    "linear": _dense,
    **dict.fromkeys(("bn", "ln", "gn", "rmsnorm"), _norm),
    "prelu": _slopes,
    "embedding": _table,
}  # fmt: skip
"""How the arrays of a layer are kept by Keras."""
