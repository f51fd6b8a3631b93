"""A layer with letters for its numbers: what ``explain`` counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from convcalc.dims import DimensionError, Shape, collecting, equal, is_symbolic, symbol
from convcalc.exporters.text import is_default
from convcalc.graph import Edge, Graph, Node, input_node
from convcalc.layers import lookup
from convcalc.layers.base import INFER, REQUIRED, Layer, Option
from convcalc.layers.products.weights import Weighted
from convcalc.layers.values import axis_names

LETTERS: Final = {
    "in_channels": "M",
    "out_channels": "N",
    "in_features": "M",
    "out_features": "N",
    "hidden": "N",
    "projection": "P",
    "kernel": "K",
    "stride": "S",
    "padding": "P",
    "dilation": "D",
    "groups": "G",
    "output_padding": "A",
    "multiplier": "Q",
    "factor": "R",
    "scale": "R",
    "size": "O",
    "amounts": "P",
    "start": "A",
    "stop": "B",
}
"""The letter of an option; others stay what they are."""

MEANINGS: Final = {
    "M": "channels that arrive",
    "N": "channels that leave",
    "C": "channels",
    "K": "kernel",
    "S": "stride",
    "P": "padding on each side",
    "D": "dilation",
    "G": "groups",
    "A": "output padding",
    "B": "end",
    "Q": "filters a channel",
    "R": "factor",
    "O": "output size",
    "L": "input length",
    "T": "input depth",
    "H": "input height",
    "W": "input width",
}
_OF_FIELDS: Final = {
    "start": "start",
    "amounts": "cropped on each side",
    "out_features": "features that leave",
    "in_features": "features that arrive",
    "hidden": "features of a state",
    "projection": "features of a projected state",
}
"""Meanings of letters that stand for other things in other layers."""
_AXES: Final = {0: (), 1: ("L",), 2: ("H", "W"), 3: ("T", "H", "W")}


def size_letters(rank: int) -> tuple[str, ...]:
    """Letters of the sizes that arrive, by the number of axes besides that of the channels."""
    return _AXES.get(rank) or tuple(f"L_{number}" for number in range(1, rank + 1))


class Variable(NamedTuple):
    """A letter.

    Attributes:
        name: the letter.
        meaning: what it stands for.
        value: its number; None where there is none.
    """

    name: str
    meaning: str
    value: int | None


class Lettered(NamedTuple):
    """A layer with letters for its numbers.

    Attributes:
        graph: its inputs and the layer, all with letters.
        variables: the letters, in the order in which they are read.
        constraints: what the letters must meet.
    """

    graph: Graph
    variables: tuple[Variable, ...]
    constraints: tuple[Any, ...]

    @property
    def node(self) -> Node:
        """The layer."""
        return self.graph.nodes[-1]


class _Letters:
    """Hands out letters and remembers what they stand for.

    Args:
        given: the letters that stand in the values already, whatever they mean there.
    """

    def __init__(self, given: frozenset[str] = frozenset()) -> None:
        self.given = given
        self.found: dict[str, Variable] = {}

    def of(self, name: str, value: Any, meaning: str | None = None) -> Any:
        """The letter for a value; the value itself where it is a letter already."""
        if is_symbolic(value):
            for text in sorted(value.names):
                about = meaning or MEANINGS.get(text.partition("_")[0], "given as a symbol")
                self.found.setdefault(text, Variable(text, about, None))
            return value
        known = value if type(value) is int else None
        head = name.partition("_")[0]
        while name in self.given:  # which is another number
            name += "_0"
        self.found[name] = Variable(name, meaning or MEANINGS[head], known)
        return symbol(name)


def _names(value: Any) -> frozenset[str]:
    """The letters in values, and in tuples of them."""
    if isinstance(value, tuple):
        return frozenset().union(*map(_names, value))
    return frozenset(value.names) if is_symbolic(value) else frozenset()


def lettered(op: str, options: Mapping[str, Any], shapes: tuple[Shape, ...]) -> Lettered:
    """A layer with letters for its numbers.

    Letters that a layer cannot take (a crop that must be smaller than its input, a shape that must
    have as many elements) stay numbers: first the options, then the sizes.

    Args:
        op: registered name of the layer.
        options: its options by field; ``None`` where they are not given.
        shapes: what arrives, with numbers, letters or unknown sizes.
    """
    attempts = ((True, True), (False, True), (False, False))
    for number, (of_options, of_sizes) in enumerate(attempts):
        try:
            with collecting() as found:
                made = _lettered(op, options, shapes, of_options, of_sizes)
            return made._replace(constraints=tuple(found))
        except (DimensionError, TypeError, ValueError):
            if number + 1 == len(attempts):
                raise
    raise AssertionError


def _lettered(
    op: str, options: Mapping[str, Any], shapes: tuple[Shape, ...], of_options: bool, of_sizes: bool
) -> Lettered:
    cls = lookup(op)
    letters = _Letters(_names((tuple(options.values()), shapes)))
    # the weight and the bias that arrive follow from the first input and from the options
    weighted = of_sizes and issubclass(cls, Weighted) and options.get("arriving") is not None
    own = shapes[:1] if weighted else shapes
    arriving = _sizes(cls, letters, own, cls.feature_axis(options)) if of_sizes else shapes
    values: dict[str, Any] = {}
    for option in cls.options:
        value = options.get(option.field)
        if value is None or (option.default is INFER and _arrives(option, value, shapes)):
            continue
        named = options.get("axis") if option.kind == "padding" else None
        values[option.field] = _letter(option, value, letters, shapes, named) if of_options else value
    if weighted:
        learned = cls.create(arriving, {**values, "arriving": None, "bias": True})
        arriving = (*arriving, *list(learned.parameters(arriving).values())[: len(shapes) - 1])
    layer: Any = cls.create(arriving, values)
    graph = alone(op, layer, arriving, layer.output_shapes(arriving))
    return Lettered(graph, tuple(letters.found.values()), ())


def alone(name: str, layer: Layer, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Graph:
    """A layer as a graph of its own."""
    nodes = [input_node(f"input{number}", shape) for number, shape in enumerate(inputs, 1)]
    edges = tuple(Edge(number) for number in range(len(nodes)))
    nodes.append(Node(name, layer, edges, outputs))
    return Graph(name, nodes, tuple(range(len(edges))), (Edge(len(edges)),), (name,))


def channel_letter(cls: type[Layer]) -> str:
    """The letter of the channels that arrive: M where others leave."""
    return "M" if {option.field for option in cls.options} & {"in_channels", "in_features"} else "C"


def option_letter(option: Option) -> str | None:
    """The letter of an option; None where it stays what it is."""
    return LETTERS.get(option.field) if option.kind in ("dim", "axes", "padding") else None


def _sizes(cls: Any, letters: _Letters, shapes: tuple[Shape, ...], features: int = 0) -> tuple[Shape, ...]:
    """Letters for what arrives. Sizes that are equal in several inputs have one letter; 1 stays 1."""
    channel = channel_letter(cls)
    found: list[Shape] = []
    used: dict[tuple[str, Any], Any] = {}
    for shape in shapes:
        names = [*size_letters(len(shape) - 1)]
        names.insert(features % len(shape), channel)
        sizes = []
        for name, size in zip(names, shape, strict=True):
            if type(size) is int and size == 1 and len(shapes) > 1:
                sizes.append(1)
                continue
            key = (name, str(size))
            if key not in used:
                taken = sum(1 for other, _ in used if other == name)
                many = taken or any(_differs(name, size, names, other) for other in shapes)
                letter = f"{name}_{taken + 1}" if many else name
                meaning = _meaning(name)
                meaning = (
                    meaning
                    if len(shape) > 1 and not features % len(shape)
                    else meaning.replace("channels", "features")
                )
                used[key] = letters.of(letter, size, meaning + (f" {taken + 1}" if many else ""))
            sizes.append(used[key])
        found.append(tuple(sizes))
    return tuple(found)


def _meaning(name: str) -> str:
    number = name.partition("_")[2]
    return f"size of axis {number}" if number else MEANINGS[name]


def _differs(name: str, size: Any, names: list[str], shape: Shape) -> bool:
    """Whether another input has another size where this letter stands."""
    if len(shape) != len(names):
        return False
    other = shape[names.index(name)]
    return equal(size, other) is False and not (type(other) is int and other == 1)


def _arrives(option: Option, value: Any, shapes: tuple[Shape, ...]) -> bool:
    """Whether an option only repeats what the shapes that arrive say."""
    return option.field != "out_channels" or equal(value, shapes[0][0]) is True


def _letter(
    option: Option, value: Any, letters: _Letters, shapes: tuple[Shape, ...], named: tuple[int, ...] | None
) -> Any:
    """An option with letters for its numbers, one for each of the axes named or of all but the channels.

    One that is the default stays what it is.
    """
    name = option_letter(option)
    if name is None:
        for part in value if isinstance(value, tuple) else (value,):
            if is_symbolic(part):
                letters.of("", part)
        return value
    if option.default is not REQUIRED and option.default is not INFER and is_default(option, value):
        return value
    meaning = _OF_FIELDS.get(option.field, MEANINGS[name])
    if option.kind == "dim" or not isinstance(value, tuple):
        return letters.of(name, value, meaning) if not isinstance(value, str) else value
    rank = len(shapes[0]) - 1
    marks = axes = ("",) * len(value)
    if len(set(map(str, value))) > 1:
        marks = tuple(f"_{mark}" for mark in _marks(rank, named))
        axes = axis_names(rank) if named is None else tuple(f"axis {a}" for a in named)
    return tuple(
        _side(name, mark, (meaning, axis), part, letters, option.kind)
        for mark, axis, part in zip(marks, axes, value, strict=True)
    )


def _marks(rank: int, named: tuple[int, ...] | None) -> tuple[str, ...]:
    """What tells the letters of axes apart: the letters of the sizes, or the numbers of the axes."""
    if named is None and rank in _AXES:
        return tuple(letter.lower() for letter in _AXES[rank])
    return tuple(map(str, range(1, rank + 1) if named is None else named))


def _side(name: str, mark: str, meant: tuple[str, str], part: Any, letters: _Letters, kind: str) -> Any:
    """The letter of one axis; of padding that differs between its sides, the letters of both."""
    meaning, axis = meant
    along = f", {axis}" if axis else ""
    if isinstance(part, str) or part is None:
        return part
    if kind != "padding":
        return letters.of(name + mark, part, meaning + along)
    before, after = part if isinstance(part, tuple) else (part, part)
    if equal(before, after) is True:
        return 0 if type(before) is int and not before else letters.of(name + mark, before, meaning + along)
    mark = mark or "_"
    return (
        letters.of(f"{name}{mark}1", before, f"padding before{along}"),
        letters.of(f"{name}{mark}2", after, f"padding after{along}"),
    )
