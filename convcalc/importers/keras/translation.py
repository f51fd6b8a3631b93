"""What each class of Keras means, in the layers of the language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.dims import DimensionError, Shape
from convcalc.importers.keras.activations import ACTIVATIONS
from convcalc.importers.keras.adapting import along, axes, last_axis
from convcalc.importers.keras.inputs import input_of
from convcalc.importers.keras.reading import Adapt, Keras
from convcalc.importers.keras.recurrent import RECURRENT
from convcalc.importers.keras.shapes import SHAPES
from convcalc.importers.keras.windows import WINDOWS
from convcalc.layers.values import show
from convcalc.spec.language.stage import Stage


def plain(call: Keras) -> list[Stage]:
    """A class whose arguments are fields of the layer."""
    return [call.stage(call.entry.op, call.fields())]


def _dense(call: Keras) -> list[Stage]:
    """On the last axis, which is the channels unless these come first."""
    return [call.stage("linear", {**call.fields(), "axis": -1 if call.first else "channels"})]


def _embedding(call: Keras) -> list[Stage]:
    """Its features are the last axis, which is the channels: here the first."""
    stage = call.stage("embedding", call.fields())
    if call.first:
        return [stage]

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        last = len(shapes[0]) - 1
        return {"order": (last, *range(1, last), 0)}

    return [stage, call.stage("permute", {"order": (1, 0)}, adapt)]


def _norm(call: Keras) -> list[Stage]:
    """Batch normalisation, along an axis."""
    return [call.stage("bn", call.fields(), along(call, call.value("axis", -1)))]


def _group_norm(call: Keras) -> list[Stage]:
    """Along the channels."""
    last = last_axis(call, axes(call))

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if values.get("groups") == -1:
            values["groups"] = shapes[0][0]
        return last(shapes, values)

    return [call.stage("gn", call.fields(), adapt)]


def _layer_norm(call: Keras) -> list[Stage]:
    """Over the channels at each position, or over other axes.

    Keras sorts the axes as they are written, and the weights of an RMS normalisation lie on the last axes
    whatever they are.
    """
    given = axes(call)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        rank = len(shapes[0])
        found = [along(call, a)(shapes, values)["axis"] for a in given]
        listed = ", ".join(map(str, given))
        if len({a < 0 for a in given}) > 1:
            raise DimensionError(
                f"{call.name}: axes {listed} count from both ends, and Keras sorts them as they are",
                hint="all from the front, or all from the end",
            )
        last = {along(call, a)(shapes, values)["axis"] for a in range(-len(given), 0)}
        if call.entry.op == "rmsnorm" and set(found) != last:
            raise DimensionError(
                f"{call.name}: Keras lays its scale on the last axes, not along axis {listed} of {rank}",
                hint="axis=-1",
            )
        return {**values, "axis": tuple(found)}

    return [call.stage(call.entry.op, call.fields(), adapt)]


def _unit_norm(call: Keras) -> list[Stage]:
    given = axes(call)
    if len(given) != 1:
        raise call.fault("axis", "a length over several axes at once is not in the language", "axis=-1")
    return [call.stage("l2norm", {}, along(call, given[0]))]


def _aligned(call: Keras) -> Adapt:
    """Shapes of one rank: Keras aligns others at their last axes, which are the channels there."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        short, long = (choose(shapes, key=len) for choose in (min, max))
        if len(short) < len(long) and not call.first:
            ones = ", ".join(["1"] * (len(long) - len(short)))
            sizes = ", ".join(map(str, (*short[1:], short[0])))
            raise DimensionError(
                f"{call.name} joins {show(long)} and {show(short)}, of other ranks, at their last axes",
                hint=f"Reshape(({ones}, {sizes})) before it",
            )
        return values

    return adapt


def _join(call: Keras) -> list[Stage]:
    return [call.stage(call.entry.op, {}, _aligned(call))]


def _average(call: Keras) -> list[Stage]:
    """The sum over how many there are."""
    check, many = _aligned(call), [2]

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        many[0] = len(shapes)
        return check(shapes, values)

    def divide(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        return {"value": many[0]}

    return [call.stage("add", {}, adapt), call.stage("div", {}, divide)]


def _input(call: Keras) -> list[Stage]:
    stage = input_of(call)
    if stage is None:
        raise call.fault("", f"{call.name} needs a shape", f"{call.name}(shape=(height, width, channels))")
    return [stage]


TRANSLATIONS: Final[dict[str, Callable[[Keras], list[Stage]]]] = {
    **WINDOWS,
    **ACTIVATIONS,
    **SHAPES,
    **RECURRENT,
    "Dense": _dense,
    "BatchNormalization": _norm,
    "GroupNormalization": _group_norm,
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _layer_norm),
    "Embedding": _embedding,
    "UnitNormalization": _unit_norm,
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Maximum", "Minimum"), _join),
    "Average": _average,
    **dict.fromkeys(("Input", "InputLayer"), _input),
}
"""What people paste from Keras."""
