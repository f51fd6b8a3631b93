"""Holes of the dilated runs of a network, by formula: which offsets a run reads, shortcuts included.

What an output of a run reads of its start is a union of boxes, each a set of offsets per axis: a window
adds its taps to every set, a join puts the boxes of its branches together. Sets are Python integers, one
bit an offset, so this costs a few shifts a layer; :mod:`convcalc.solve.dilation` executes the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final, NamedTuple

from convcalc.calculators.dilation.closing import Closing, closings, gap
from convcalc.calculators.dilation.runs import DilatedRun, dilated_runs
from convcalc.graph import Graph
from convcalc.layers.windows.window import Sliding
from convcalc.records import Record, record

MOST: Final = 32
"""Boxes that are kept apart; a run of more is not judged."""

LARGEST: Final = 1 << 14
"""Largest field along an axis that is judged."""

RUNS: Final = 64
"""Runs of a network that are judged."""


class Offsets(NamedTuple):
    """Offsets along one axis: ``low``, and above it one bit each."""

    low: int
    bits: int

    def windowed(self, taps: int, rate: int, before: int) -> Offsets:
        """What a window reads by these: each of its taps from each of them."""
        bits = 0
        for tap in range(taps):
            bits |= self.bits << tap * rate
        return Offsets(self.low - before, bits)

    def within(self, other: Offsets) -> bool:
        """Whether all of them are among the others."""
        shift = self.low - other.low
        return shift >= 0 and (self.bits << shift) | other.bits == other.bits


Box = tuple[Offsets, ...]


@dataclass(frozen=True, slots=True)
class Holes(Record):
    """A dilated run that steps over positions of what it reads.

    Attributes:
        first, last: names of its first and last layer.
        rates, kernels: of its layers, one number per axis.
        field: of the run, in positions of what it reads.
        covered, total: positions of the field that are read, and all of them.
        closing: rates in place of those of the run that read all of such a field, the nearest first; per
            axis alike. Empty where the axes differ.
    """

    first: str
    last: str
    rates: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]
    field: tuple[int, ...]
    covered: int
    total: int
    closing: tuple[Closing, ...]

    KEYS = "first last rates kernels field covered total"

    def to_dict(self) -> dict[str, object]:
        """The run as JSON holds it."""
        return record(self, closing=self.closing)


def holes(graph: Graph) -> list[Holes]:
    """The dilated runs of a network that leave holes, in the order of execution.

    Positions at which no path of convolutions and shortcuts of the run arrives, as if what it reads had
    no end. Runs of more than :data:`LARGEST` positions along an axis, and all after the first
    :data:`RUNS`, are left out.
    """
    if not any(isinstance(node.layer, Sliding) and _dilated(node.layer) for node in graph.nodes):
        return []
    found = []
    for run in dilated_runs(graph)[:RUNS]:
        axes = list(zip(zip(*run.kernels, strict=True), zip(*run.rates, strict=True), strict=True))
        field = tuple(1 + sum((k - 1) * r for k, r in zip(*axis, strict=True)) for axis in axes)
        if all(gap(*axis) is None for axis in axes) or max(field) > LARGEST:
            continue
        boxes = _boxes(graph, run)
        if boxes is None:
            continue
        low = [min(box[a].low for box in boxes) for a in range(len(axes))]
        high = [max(box[a].low + box[a].bits.bit_length() for box in boxes) for a in range(len(axes))]
        total = prod(h - n for h, n in zip(high, low, strict=True))
        covered = _count([tuple(o.bits << o.low - n for o, n in zip(box, low, strict=True)) for box in boxes])
        if covered < total:
            alike = len(set(axes)) == 1
            closing = tuple(closings(*axes[0])) if alike else ()
            whole = tuple(h - n for h, n in zip(high, low, strict=True))
            names = run.names[0], run.names[-1]
            found.append(Holes(*names, run.rates, run.kernels, whole, covered, total, closing))
    return found


def _dilated(layer: Sliding) -> bool:
    pairs = zip(layer.kernel, layer.dilation, strict=True)
    return any(type(k) is type(d) is int and k > 1 and d > 1 for k, d in pairs)


def _boxes(graph: Graph, run: DilatedRun) -> list[Box] | None:
    """What the end of a run reads of its start; None where that is not told by boxes."""
    rank = len(run.kernels[0])
    found: dict[int, list[Box]] = {run.start.node: [(Offsets(0, 1),) * rank]}
    for number in run.inside:
        node = graph.nodes[number]
        arriving = [found[edge.node] for edge in node.inputs if edge.node in found]
        if not arriving:
            continue
        boxes: list[Box] = []
        for box in (one for many in arriving for one in many):
            if isinstance(node.layer, Sliding):
                pads = node.layer.pads(graph.input_shapes(node)[0])
                if not all(type(before) is int for before, _ in pads):
                    return None
                sides = zip(box, node.layer.kernel, node.layer.dilation, pads, strict=True)
                box = tuple(offsets.windowed(k, d, before) for offsets, k, d, (before, _) in sides)
            if not any(_within(box, other) for other in boxes):
                boxes = [other for other in boxes if not _within(other, box)] + [box]
        if len(boxes) > MOST:
            return None
        found[number] = boxes
    return found.get(run.end)


def _within(box: Box, other: Box) -> bool:
    return all(a.within(b) for a, b in zip(box, other, strict=True))


def _count(boxes: list[tuple[int, ...]]) -> int:
    """Positions in a union of boxes of sets."""
    if len(boxes) == 1 or len(boxes[0]) == 1:
        if len(boxes[0]) == 1:
            union = 0
            for (bits,) in boxes:
                union |= bits
            return union.bit_count()
        return prod(bits.bit_count() for bits in boxes[0])
    return sum(many * _count(rest) for many, rest in _slices(boxes))


def _slices(boxes: list[tuple[int, ...]]) -> Iterator[tuple[int, list[tuple[int, ...]]]]:
    """How many indices of the first axis lie in the same boxes, and what is left of these boxes."""
    parts: list[tuple[int, list[tuple[int, ...]]]] = [(-1, [])]
    everything = 0
    for first, *rest in boxes:
        everything |= first
        split = []
        for bits, inside in parts:
            split += [(bits & first, [*inside, tuple(rest)]), (bits & ~first, inside)]
        parts = [(bits, inside) for bits, inside in split if (bits and bits & everything) or bits < 0]
    for bits, inside in parts:
        if inside and bits & everything:
            yield (bits & everything).bit_count(), inside
