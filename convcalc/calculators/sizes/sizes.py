"""Which sizes of the input a network works at: the smallest, the multiple required, the nearest to a size."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.dims import DimensionError, Shape
from convcalc.graph import Graph
from convcalc.importers.formats import Foreign
from convcalc.records import Record
from convcalc.shown import Shown
from convcalc.spec.errors import SpecError
from convcalc.spec.loading import build, helped, read, written
from convcalc.spec.lookup import find
from convcalc.spec.settings import shapes_by_name
from convcalc.spec.sizes.quote import axes_text, nearest, place_name
from convcalc.spec.sizes.rows import own_size, places_of, rows_of
from convcalc.spec.sizes.sets import SizeSet
from convcalc.spec.sizes.trace import Network, Spec, Walk, shapes_of
from convcalc.spec.sizes.truth import Untraceable
from convcalc.spec.source import Source

WORK: Final = 2_000_000
"""Steps of building for one answer; see :mod:`convcalc.budget`."""


@dataclass(frozen=True, eq=False)
class AxisSizes(Record):
    """The sizes that work along one axis, or along several of one size.

    Attributes:
        name: ``height``, ``height = width`` for axes that only work alike, ``height at width 224`` for
            sizes that hold where another axis keeps its own.
        axes: name of the input and number of the spatial axis, from 1, of each.
        held: sizes of other axes for which it holds, by name; empty where it holds whatever they are.
        size: the size that was asked about; None where none was stated.
        sizes: every size that works; ``700 in axis.sizes`` says whether one does.
    """

    KEYS = "name axes held size works below above sizes"

    name: str
    axes: tuple[tuple[str, int], ...]
    held: Mapping[str, int]
    size: int | None
    sizes: SizeSet

    @property
    def works(self) -> bool | None:
        """Whether :attr:`size` does; None where none was stated."""
        return None if self.size is None else self.size in self.sizes

    @property
    def smallest(self) -> int | None:
        """The least size that works; None where none does."""
        return self.sizes.smallest

    @property
    def below(self) -> int | None:
        """The greatest size that works and is at most :attr:`size`."""
        return None if self.size is None else self.sizes.below(self.size)

    @property
    def above(self) -> int | None:
        """The least size that works and is at least :attr:`size`."""
        return None if self.size is None else self.sizes.above(self.size)


@dataclass(frozen=True, eq=False)
class Sizes(Record, Shown):
    """The sizes of its input that a network works at.

    Attributes:
        name: what the network calls itself.
        inputs: the shapes that were asked about, by name of the input.
        works: whether it can be built at these; None where they are no numbers.
        reason: what refuses them; None where nothing does.
        nearest: the shapes nearest to them that work, each built to see that it does.
        axes: the sizes per axis. Where axes depend on one another, first those of axes alike, then
            those of each while the others keep their size.
    """

    KEYS = "name inputs works reason nearest axes"

    name: str
    inputs: Mapping[str, Shape]
    works: bool | None
    reason: str | None
    nearest: tuple[Mapping[str, Shape], ...]
    axes: tuple[AxisSizes, ...]

    def __getitem__(self, name: str) -> AxisSizes:
        """The axis of a name, such as ``height``; see :attr:`AxisSizes.name`.

        Raises:
            KeyError: there is none.
        """
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise KeyError(f"{name!r} is none of {', '.join(axis.name for axis in self.axes) or 'no axes'}")

    def __repr__(self) -> str:
        axes = "; ".join(f"{axis.name}: {axis.sizes}" for axis in self.axes)
        return f"<Sizes of {self.name}: {axes or 'no spatial axes'}>"


def sizes(
    spec: str | os.PathLike[str] | Graph,
    *,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    near: int | tuple[int, ...] | None = None,
) -> Sizes:
    """Which sizes of its input a network works at.

    The network is built once with every axis a variable: what its layers ask for (kernels that fit,
    maps that join, the features of a linear layer) decides for all sizes, also those beyond what is
    computed, since the conditions repeat. Sizes around each end are built besides.

    Args:
        spec: a spec, a file or a name, as :func:`convcalc.load` takes it, or a graph.
        input: shape to use instead of the spec's; it need not work.
        set: values for the document's variables.
        near: size to look around instead, for all axes or one per axis.

    Raises:
        SpecError: the spec cannot be read.
        Unreachable: ``near`` does not fit the input, or the answer would take too much work.
    """
    if isinstance(spec, Graph):
        return _answer(_of_graph(spec, input, set), spec.name, near)
    return sizes_of(find(spec), input, set, near)


def sizes_of(
    source: Source,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    near: int | tuple[int, ...] | None = None,
) -> Sizes:
    """The same for a spec that was found; see :func:`sizes`."""
    if isinstance(source, Foreign):
        try:
            graph = build(source, input=input, set=set)
        except SpecError:
            if input is None:
                raise
            graph = build(source, set=set)  # the input that is asked about need not work
        return _answer(_of_graph(graph, input, set), graph.name, near)
    if (program := written(source, input, set)) is not None:
        return _answer(_of_graph(program, None, set), program.name, near)
    reading = read(source, input, set)
    try:
        return _answer(Spec(reading, steps=WORK), reading.document.name, near)
    except SpecError as error:
        raise helped(reading, error) from None


def _of_graph(graph: Graph, input: Any, set: Mapping[str, Any] | None) -> Network:
    shapes = {graph.nodes[i].name: graph.nodes[i].outputs[0] for i in graph.inputs}
    if graph.again is not None:
        return _Again(graph, {**shapes, **shapes_by_name(input, [*shapes])}, set or {})
    if not graph.text:
        return Walk(graph)
    reading = read(Source("<spec>", graph.text), input or shapes, {**graph.variables, **(set or {})})
    return Spec(reading, steps=WORK)


class _Again:
    """A network that is read again from what is no text of the language."""

    def __init__(self, graph: Graph, shapes: Mapping[str, Shape], set: Mapping[str, Any]) -> None:
        assert graph.again is not None
        self.again = graph.again
        self.shapes = shapes
        self.variables = {**graph.variables, **set}

    def build(self, shape: Callable[[str, Shape], Shape]) -> Any:
        """See :meth:`convcalc.spec.sizes.trace.Network.build`."""
        return self.again({name: shape(name, own) for name, own in self.shapes.items()}, self.variables)


class _Near:
    """A network whose inputs have other sizes of themselves."""

    def __init__(self, network: Network, sizes: int | tuple[int, ...]) -> None:
        self.network = network
        self.sizes = sizes

    def build(self, shape: Callable[[str, Shape], Shape]) -> Any:
        """See :meth:`convcalc.spec.sizes.trace.Network.build`."""

        def near(name: str, own: Shape) -> Shape:
            sizes = self.sizes if isinstance(self.sizes, tuple) else (self.sizes,) * (len(own) - 1)
            return shape(name, (own[0], *sizes))

        return self.network.build(near)


def _answer(network: Network, name: str, near: int | tuple[int, ...] | None) -> Sizes:
    if near is not None:
        if any(type(n) is not int or n < 1 for n in (near if isinstance(near, tuple) else (near,))):
            raise Unreachable(f"near {near!r} is no size", expected="a whole number, 1 or more")
        for own in shapes_of(network).values():
            if isinstance(near, tuple) and len(near) != len(own) - 1:
                raise Unreachable(
                    f"near has {len(near)} sizes, the input has {len(own) - 1} axes",
                    expected="one size, or one per axis",
                )
        network = _Near(network, near)
    works, refused = None, None
    near_by: tuple[Mapping[str, Shape], ...] = ()
    try:
        shapes = shapes_of(network)
        sizes = {place: own_size(shapes, place) for place in places_of(shapes)}
        if None not in sizes.values():
            refused = _refused(network, 0)
            works = refused is None
        found = rows_of(network)
    except Untraceable as error:
        raise Unreachable(
            f"which sizes work cannot be found: {error}", expected="a smaller network"
        ) from None
    with suppress(Untraceable):  # what is left of the work may not suffice
        never = isinstance(refused, SpecError) and not any(row.sizes for row in found.rows)
        if never and all(_told(_refused(network, more)) == _told(refused) for more in (1, 100)):
            assert isinstance(refused, SpecError)
            raise refused  # whatever the sizes are: they are not what is wrong
        near_by = tuple(nearest(network, found)) if works is False else ()
    axes = tuple(
        AxisSizes(
            axes_text(row, shapes),
            row.places,
            {place_name(place, shapes): size for place, size in row.held.items()},
            max((sizes[place] for place in row.places if sizes[place] is not None), default=None),
            row.sizes,
        )
        for row in found.rows
    )
    return Sizes(name, shapes, works, _told(refused), near_by, axes)


def _refused(network: Network, more: int) -> SpecError | DimensionError | None:
    """What refuses the own shapes of a network, each size so much larger; None where nothing does."""
    try:
        network.build(lambda _, own: (own[0], *(size + more for size in own[1:])) if more else own)
    except SpecError as error:
        if error.problems[0].file == "--input":  # no other size would mend it
            raise
        return error
    except DimensionError as error:
        return error
    return None


def _told(refused: SpecError | DimensionError | None) -> str | None:
    if not isinstance(refused, SpecError):
        return None if refused is None else refused.message
    problem = refused.problems[0]
    place = f":{problem.line}:{problem.column}" if problem.line else ""
    return f"{problem.file}{place}: {problem.message}"
