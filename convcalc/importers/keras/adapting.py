"""What is checked and put in order when a shape arrives.

Where an argument means something else for every number of axes (``axis=3``), a stage is completed by the
shape that arrives, which is channels first here whatever it was in the program.
"""

from __future__ import annotations

from typing import Any

from convcalc.dims import DimensionError, Shape
from convcalc.importers.keras.reading import Adapt, Keras, axis
from convcalc.layers.values import show


def axes(call: Keras) -> tuple[Any, ...]:
    """The axes a normalisation or a softmax states, as a list."""
    given = call.value("axis", -1)
    return given if isinstance(given, tuple) else (given,)


def along(call: Keras, given: Any) -> Adapt:
    """A layer that works along one axis, whichever it is."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        rank = len(shapes[0])
        found = axis(given, rank, call.first) if type(given) is int else None
        if found is None:
            raise DimensionError(f"no axis {given} in {rank} axes and the batch", hint=f"1 to {rank}, or -1")
        return {**values, "axis": found}

    return adapt


def last_axis(call: Keras, given: Any) -> Adapt:
    """A layer that works along one axis, which must be the channels."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        items = given if isinstance(given, tuple) else (given,)
        rank = len(shapes[0])
        if len(items) != 1 or type(items[0]) is not int or axis(items[0], rank, call.first) != 0:
            place = 1 if call.first else rank
            raise DimensionError(
                f"{call.name} along axis {show(items)} of {rank} axes is not along the channels",
                hint=f"axis={place}" + ("" if call.first else " or axis=-1"),
            )
        return values

    return adapt


def sized(call: Keras, *fields: str) -> Adapt:
    """Lists must have one value per spatial axis; whole numbers alone."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        for field in fields:
            value = values.get(field)
            if isinstance(value, tuple) and len(value) != call.entry.rank:
                raise DimensionError(
                    f"{call.name} takes {call.entry.rank} values of {field}, got {len(value)}",
                    field=field, hint=f"one number, or {call.entry.rank}",
                )  # fmt: skip
        return values

    return adapt


def _greatest(value: Any) -> int:
    items = value if isinstance(value, tuple) else (value,)
    return max((item for item in items if type(item) is int), default=1)


def convolving(call: Keras) -> Adapt:
    """Keras has no stride and dilation at once, in convolutions whose padding it works out itself."""
    checked = sized(call, "kernel", "stride", "dilation", "output_padding")

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if _greatest(values.get("stride")) > 1 and _greatest(values.get("dilation")) > 1:
            raise DimensionError(
                f"{call.name} takes no strides with a dilation_rate",
                field="dilation",
                hint="1 for one of them",
            )
        return checked(shapes, values)

    return adapt
