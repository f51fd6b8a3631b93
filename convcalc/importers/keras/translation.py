"""What each class of Keras means, in the layers of the language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.dims import DimensionError, Shape
from convcalc.importers.keras.activations import ACTIVATIONS
from convcalc.importers.keras.adapting import axes, last_axis
from convcalc.importers.keras.inputs import input_of
from convcalc.importers.keras.reading import Keras, axis
from convcalc.importers.keras.shapes import SHAPES
from convcalc.importers.keras.windows import WINDOWS
from convcalc.layers.values import show
from convcalc.spec.language.stage import Stage


def plain(call: Keras) -> list[Stage]:
    """A class whose arguments are fields of the layer."""
    return [call.stage(call.entry.op, call.fields())]


def _dense(call: Keras) -> list[Stage]:
    """On the last axis, which is the channels."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if call.first and len(shapes[0]) > 1:
            raise DimensionError(
                "Dense acts on the last axis, which is none of channels where these come first",
                hint="Flatten() before it",
            )
        return values

    return [call.stage("linear", {**call.fields(), "axis": "channels"}, adapt)]


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
    """Batch and group normalisation: along the channels."""
    groups = call.entry.op == "gn"
    along = last_axis(call, axes(call))

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if groups and values.get("groups") == -1:
            values["groups"] = shapes[0][0]
        return along(shapes, values)

    return [call.stage(call.entry.op, call.fields(), adapt)]


def _layer_norm(call: Keras) -> list[Stage]:
    """Over the channels at each position, or over all axes."""
    given = axes(call)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        rank = len(shapes[0])
        found = sorted(axis(a, rank, call.first) if type(a) is int else -1 for a in given)  # type: ignore[type-var]
        if found == [0]:
            values["over"] = "channels"
        elif found != list(range(rank)):
            raise DimensionError(
                f"LayerNormalization over axis {show(given)} of {rank} is not over the channels or over all",
                hint=f"axis=-1, or axis=[{', '.join(map(str, range(1, rank + 1)))}]",
            )
        return values

    return [call.stage("ln", call.fields(), adapt)]


def _rms_norm(call: Keras) -> list[Stage]:
    along = last_axis(call, axes(call))
    return [call.stage("rmsnorm", {**call.fields(), "over": "channels"}, along)]


def _input(call: Keras) -> list[Stage]:
    stage = input_of(call)
    if stage is None:
        raise call.fault("", f"{call.name} needs a shape", f"{call.name}(shape=(height, width, channels))")
    return [stage]


TRANSLATIONS: Final[dict[str, Callable[[Keras], list[Stage]]]] = {
    **WINDOWS,
    **ACTIVATIONS,
    **SHAPES,
    "Dense": _dense,
    "Embedding": _embedding,
    **dict.fromkeys(("BatchNormalization", "GroupNormalization"), _norm),
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    **dict.fromkeys(("Input", "InputLayer"), _input),
}
"""What people paste from Keras."""
