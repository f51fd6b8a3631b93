"""The numbers of one window, to be moved: what they are, and the text of the spec with another one.

The text stays the one source of truth. A move changes the word that states the number, adds it, or takes it
out where it becomes the default; the new text is read again, and says exactly what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.exporters.text import format_layer
from convcalc.layers import lookup
from convcalc.layers.base import REQUIRED, Layer, Option
from convcalc.layers.values import joined
from convcalc.spec.errors import Problem, SpecError
from convcalc.spec.language.stage import option_kinds, option_names
from convcalc.spec.loading import build, read
from convcalc.spec.lookup import text_or_name
from convcalc.spec.source import Source

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node
    from convcalc.spec.language.stage import Stage

MOST: Final = {"kernel": 11, "stride": 6, "padding": 10, "dilation": 6, "output_padding": 5}
"""The largest value that a slider offers, by option; a larger one in the text widens it."""


class Slider(NamedTuple):
    """One number that can be moved.

    Attributes:
        key: the option, as the language names it.
        value: what it is, on every axis.
        shown: what is written beside it: the number, or ``3x5`` and ``same``, which a move makes one number.
        least: the smallest value.
        most: the largest one that is offered.
    """

    key: str
    value: int
    shown: str
    least: int
    most: int


def window(graph: Graph) -> Node | None:
    """The one layer of a network that has a kernel to move; None where there is none, or several."""
    found = [node for node in graph.nodes if _movable(node.layer.options)]
    return found[0] if len(found) == 1 else None


def sliders(graph: Graph) -> list[Slider]:
    """What can be moved of a network with one window: a list that is empty for any other."""
    node = window(graph)
    options = () if node is None else node.layer.options
    return [_slider(node.layer, option) for option in options if node is not None and option.field in MOST]


def moved(spec: str, key: str, value: int, input: Any = None, set: Mapping[str, Any] | None = None) -> str:
    """The text of a spec in which one number of its window is another, on every axis.

    Whether the network goes with it is not asked: the text is what the reader then judges, at its place.

    Args:
        spec: a line of the language, or a pasted call.
        key: the option, ``kernel`` or ``output_padding``.
        value: what it shall be.
        input: shape, as of :func:`convcalc.load`.
        set: values of variables, as there.

    Raises:
        SpecError: the spec cannot be read, or has no such number.
    """
    source = text_or_name(spec)
    stage = _stage(source, input, set)
    option = None if stage is None else option_kinds(stage.name).get(key)
    none = SpecError(Problem(f"no {key} can be moved here", expected="a line with one convolution"))
    if stage is None or option is None or key not in MOST:
        raise none
    changed = _replaced(spec, stage, option, value)
    if changed is not None:
        try:
            node = window(build(Source("<spec>", changed), input=input, set=set))
        except SpecError:
            return changed
        if node is not None and _is(getattr(node.layer, key), value):
            return changed
    node = window(build(source, input=input, set=set))
    if node is None:
        raise none
    changed = f"{spec[: stage.start]}{_written(node.layer, option, value)}{spec[stage.end :]}"
    build(Source("<spec>", changed), input=input, set=set)
    return changed


def _is(values: Any, value: int) -> bool:
    """Whether an option has one value on every axis, and on both sides."""
    return all(one in (value, (value, value)) for one in values)


def _movable(options: Sequence[Option]) -> bool:
    """Whether a layer is a window over a map: it has a kernel and a stride, one number per axis."""
    kinds = {option.field: option.kind for option in options}
    return kinds.get("kernel") == kinds.get("stride") == "axes"


def _slider(layer: Layer, option: Option) -> Slider:
    values = getattr(layer, option.field)
    sides = [side for value in values for side in (value if isinstance(value, tuple) else (value,))]
    known = [side for side in sides if type(side) is int]
    least = 0 if option.kind == "padding" else option.minimum
    value = known[0] if known else least
    each = [":".join(map(str, dict.fromkeys(v))) if isinstance(v, tuple) else str(v) for v in values]
    return Slider(option.field, value, joined(each), least, max(MOST[option.field], value))


def _stage(source: Source, input: Any, set: Mapping[str, Any] | None) -> Stage | None:
    """The one window of a line; None where there is none, or several, or it is a document."""
    reading = read(source, input, set)
    stages: list[Any] = reading.document.layers
    if not reading.line or any(getattr(stage, "kind", "") != "layer" for stage in stages):
        return None
    found = [stage for stage in stages if _movable(lookup(stage.name).options)]
    return found[0] if len(found) == 1 else None


def _replaced(spec: str, stage: Stage, option: Option, value: int) -> str | None:
    """The text with another number where the option is stated; None where it cannot be told where."""
    fields, _ = option_names(stage.name)
    args = [arg for arg in stage.args if arg.key is not None and fields.get(arg.key) == option.field]
    text = spec[stage.start : stage.end]
    call = text.endswith(")") and re.match(r"[\w.]+\(", text) is not None
    default = option.default is not REQUIRED and value == option.default
    if not args:
        if default:
            return spec
        word = f", {option.field}={value}" if call else f" {option.short or option.field + '='}{value}"
        at = stage.end - call
        return f"{spec[:at]}{word}{spec[at:]}"
    start, end = args[0].start, args[0].end
    if len(args) > 1 or (start, end) == (stage.start, stage.end):
        return None
    if default and not call:
        return spec[:start].rstrip(" ") + spec[end:]
    expr = args[0].expr
    return f"{spec[: expr.start]}{value}{spec[expr.end :]}"


def _written(layer: Layer, option: Option, value: int) -> str:
    """A layer in the language, with another value of an option."""
    import dataclasses

    one: Any = (value, value) if option.kind == "padding" else value
    values = (one,) * len(getattr(layer, option.field))
    return format_layer(dataclasses.replace(layer, **{option.field: values}))
