"""What a picture of a layer holds, and what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convcalc.calculators.answers import Unreachable
from convcalc.records import Record
from convcalc.render.numbers import shape as sizes_text
from convcalc.render.pictures.drawing import Drawing
from convcalc.render.pictures.svg import svg
from convcalc.render.pictures.theme import Theme

if TYPE_CHECKING:
    import os

    from convcalc.graph import Graph, Node

Place = tuple[int, ...]


@dataclass(frozen=True, repr=False)
class Picture(Record):
    """A picture and what it shows.

    Attributes:
        kind: ``convolution``, ``transposed``, ``chain``, ``gridding``, ``matrix`` or ``network``.
        caption: what it shows, in a sentence.
        position: the output position that is highlighted.
        reads: input positions that reach it, in order; empty where they are not listed.
        input: spatial sizes of the input.
        output: spatial sizes of the output.
        drawing: its shapes.
    """

    KEYS = "kind caption position reads input output svg"

    kind: str
    caption: str
    position: Place
    reads: tuple[Place, ...]
    input: Place
    output: Place
    drawing: Drawing = field(compare=False)

    @property
    def svg(self) -> str:
        """The picture as SVG text, for a file of its own."""
        return self.to_svg()

    def to_svg(self, theme: Theme = "auto", standalone: bool = True, *, animated: bool = True) -> str:
        """The picture as SVG text; see :func:`convcalc.render.pictures.svg.svg`."""
        return svg(self.drawing, theme, standalone, animated=animated)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it into a file: ``.svg``, or ``.png`` (the ``plot`` extra).

        Raises:
            Unreachable: the ending is another one, or Matplotlib is not installed.
            OSError: the file cannot be written.
        """
        from convcalc.render.pictures.saving import save

        save(self.drawing, path)

    def __str__(self) -> str:
        return self.svg

    def _repr_svg_(self) -> str:
        return self.svg


@dataclass(frozen=True)
class Question:
    """What is to be drawn.

    Attributes:
        graph: the network; its first input is drawn.
        place: the output position to highlight.
        moving: whether the window walks over all outputs.
        values: whether numbers are shown.
        windows: the layers that do not work position by position.
    """

    graph: Graph
    place: Place
    moving: bool
    values: bool
    windows: list[Node]

    @property
    def inner(self) -> Place:
        """Spatial sizes of the input."""
        return tuple(self.graph.nodes[self.graph.inputs[0]].outputs[0][1:])

    @property
    def of_inputs(self) -> str:
        """Which input is drawn, where there are several."""
        count = len(self.graph.inputs)
        return f" {self.graph.nodes[self.graph.inputs[0]].name}, one of {count}" if count > 1 else ""

    @property
    def outer(self) -> Place:
        """Spatial sizes of the output."""
        return tuple(self.graph.shape(self.graph.outputs[0])[1:])


def place_of(position: Sequence[int] | None, sizes: Sequence[int]) -> Place:
    """The position to highlight; the middle one where none was given.

    Raises:
        Unreachable: there is no such position.
    """
    place = tuple(n // 2 for n in sizes) if position is None else tuple(position)
    if len(place) != len(sizes) or not all(0 <= p < n for p, n in zip(place, sizes, strict=True)):
        raise Unreachable(
            f"there is no position {joined(place)} in an output of {sizes_text(sizes)}",
            expected=f"one index per axis, up to {','.join(str(n - 1) for n in sizes)}",
        )
    return place


def joined(place: Sequence[int]) -> str:
    """A position as people write it: ``3,4``."""
    return ",".join(map(str, place))


def many(number: int, noun: str) -> str:
    """A number with its noun: ``1 position``, ``9 positions``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
