"""A call of a framework's class whose arguments are values: written out, and read as a pasted call is."""

from __future__ import annotations

from typing import Any, Final

from convcalc import layers
from convcalc.dims import UNKNOWN, DimensionError, Shape
from convcalc.importers.source.known import NotKnown, described
from convcalc.importers.source.values import BatchSize, Name
from convcalc.spec.errors import SpecError
from convcalc.spec.language.arguments import values_of
from convcalc.spec.language.stage import Stage, option_kinds
from convcalc.spec.source import Source, Text

_SCALARS: Final = (int, float, str, bool, type(None))
_LIKELY: Final = ((), (UNKNOWN,), (UNKNOWN, UNKNOWN), (UNKNOWN,) * 3)


def written(value: Any) -> str:
    """A value as Python writes it.

    Raises:
        NotKnown: it is none that a call could be given as text.
    """
    if isinstance(value, BatchSize):
        raise NotKnown("a layer's argument depends on how many samples there are")
    if isinstance(value, _SCALARS):
        return repr(value)
    if isinstance(value, (list, tuple)) and len(value) < 100:
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, Name):
        return repr(value.last)
    raise NotKnown(f"{described(value)} as an argument of a layer", "numbers, texts and lists of them")


def stages_of(
    prefix: str, name: str, args: list[Any], kwargs: dict[str, Any], hints: str = ""
) -> list[Stage]:
    """The stages of a call of a class or function of a framework.

    Args:
        prefix: ``nn`` or ``layers``, which says whose class it is.
        name: of the class.
        args: its arguments by position.
        kwargs: its arguments by name.
        hints: text of the program around it that decides how the call is read.

    Raises:
        NotKnown: an argument is not taken, or the class is not modelled.
    """
    from convcalc.importers.frameworks import KNOWN, stages_of

    if name not in KNOWN and prefix != "F":
        raise NotKnown(f"{name} is not known here")
    pieces = [*map(written, args), *(f"{key}={written(value)}" for key, value in kwargs.items())]
    head = f"{prefix}.{name}"
    call = f"{head}({', '.join(pieces)})"
    source = Source("<call>", f"{call}\n{hints}")
    text = Text(call, source, 0, len(call))
    try:
        return stages_of(name, text, 0, len(head), len(call), {}, set())
    except SpecError as error:
        raise plain(error) from None


def plain(error: SpecError) -> NotKnown:
    """The error of a call that was written out, to be told at the place in the program."""
    problem = error.problems[0]
    return NotKnown(problem.message, problem.expected)


def arrays_of(stage: Stage, shape: Shape | None = None) -> dict[str, tuple[Shape, bool]] | None:
    """The arrays of a stage, each with whether it is learned; None where only what arrives says them.

    Args:
        stage: one layer.
        shape: of what arrives; that which its options imply, where not given.
    """
    cls = layers.lookup(stage.name)
    try:
        values = values_of(stage, {})
    except SpecError as error:
        raise plain(error) from None
    for arriving in [shape] if shape is not None else _implied(stage, values):
        try:
            adapted = stage.adapt((arriving,), dict(values)) if stage.adapt is not None else values
            layer = cls.create((arriving,), adapted)
            learned = layer.parameters((arriving,))
            found = layer.arrays((arriving,))
        except (DimensionError, TypeError, ValueError, IndexError, KeyError, AttributeError):
            continue
        if all(type(n) is int for sizes in found.values() for n in sizes):
            return {array: (sizes, array in learned) for array, sizes in found.items()}
    return None


def _implied(stage: Stage, values: dict[str, Any]) -> list[Shape]:
    """Shapes that might arrive, by what the options say."""
    found: list[Shape] = []
    try:
        implied = layers.lookup(stage.name).implied(values)
    except (KeyError, TypeError):
        implied = None
    if implied is not None:
        found.append(implied)
    stated = values.get("shape")
    if stated is not None:
        sizes = stated if isinstance(stated, tuple) else (stated,)
        found += [tuple(sizes), (UNKNOWN, *sizes)]
    for field in ("in_channels", "in_features", "channels"):
        if field not in values or field not in option_kinds(stage.name):
            continue
        channels = values[field]
        axis = values.get("axis")
        first = [(channels, *rest) for rest in _LIKELY]
        last = [(*rest, channels) for rest in _LIKELY]
        ordered = last if axis == -1 or (stage.channels_last and axis not in (0, "channels")) else first
        if stage.rank is not None:
            ordered = [s for s in ordered if len(s) == stage.rank + 1] or ordered
        found += ordered
    return found or [(UNKNOWN, *rest) for rest in _LIKELY]
