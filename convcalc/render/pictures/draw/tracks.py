"""One axis of the map that a window slides over, and which part of it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from convcalc.layers.reads import Rule, Slide, Spread
from convcalc.layers.reads.windows import folded

WHOLE: Final = {1: 40, 2: 24, 3: 9}
"""By number of axes: cells along an axis that are all shown."""

ROOM: Final = {1: 25, 2: 11, 3: 5}
"""By number of axes: cells along an axis that are shown around a window of a longer one."""

WIDEST: Final = 33
"""Cells of a window that are all shown; of a wider one the taps and their neighbours are."""

PLAIN: Final = frozenset({"zeros", "constant"})
"""Modes of padding that read no input."""


@dataclass(frozen=True)
class Track:
    """One axis: cells, and where the window of each output stands on them.

    A convolution slides over its input with padding around. A transposed one slides, at stride 1, over its
    input with ``stride - 1`` zeros between the entries and ``d*(k - 1) - p`` cells of padding around
    (Dumoulin & Visin 2016, relationships 13 and 14).

    Attributes:
        inputs: entries of the input.
        outputs: entries of the output.
        total: cells.
        step: cells from the window of an output to that of the next.
        extent: cells from the first to the last of a window.
        dilation: cells from tap to tap.
        first: place of the first cell, entry ``i`` of the input standing at ``i*stretch``.
        stretch: places from entry to entry.
        mode: what padding holds.
    """

    inputs: int
    outputs: int
    total: int
    step: int
    extent: int
    dilation: int
    first: int
    stretch: int = 1
    mode: str = "zeros"

    def at(self, cell: int) -> tuple[str, int | None]:
        """What a cell is (``input``, ``pad`` or ``zero``) and the entry of the input that it holds."""
        place = self.first + cell
        if not 0 <= place <= (self.inputs - 1) * self.stretch:
            return "pad", None if self.mode in PLAIN else folded(place, self.inputs, self.mode)
        return ("zero", None) if place % self.stretch else ("input", place // self.stretch)

    def taps(self, output: int) -> range:
        """The cells that an output reads."""
        return range(output * self.step, output * self.step + self.extent, self.dilation)


def sliding(rule: Slide, inputs: int, outputs: int, after: int) -> Track:
    """The axis of a convolution or a pool."""
    extent = (rule.count - 1) * rule.dilation + 1
    total = max(inputs + rule.before + after, (outputs - 1) * rule.stride + extent)
    return Track(inputs, outputs, total, rule.stride, extent, rule.dilation, -rule.before, mode=rule.mode)


def stretched(rule: Spread, inputs: int, outputs: int) -> Track:
    """The axis of a transposed convolution."""
    extent = (rule.count - 1) * rule.dilation + 1
    return Track(
        inputs, outputs, outputs + extent - 1, 1, extent, rule.dilation, rule.before - extent + 1, rule.stride
    )


def track(rule: Rule, inputs: int, outputs: int, after: int) -> Track | None:
    """The axis of a rule that is a window of either kind; None for another rule."""
    if isinstance(rule, Slide):
        return sliding(rule, inputs, outputs, after)
    return stretched(rule, inputs, outputs) if isinstance(rule, Spread) else None


class View(NamedTuple):
    """What is shown of an axis: cells, in order, and outputs."""

    cells: Sequence[int]
    outputs: range

    def whole(self, track: Track) -> bool:
        """Whether that is all of it."""
        return len(self.cells) == track.total and len(self.outputs) == track.outputs


def everything(track: Track) -> View:
    """All of an axis."""
    return View(range(track.total), range(track.outputs))


def around(track: Track, output: int, room: int) -> View:
    """The window of an output with its neighbours, in about ``room`` cells."""
    if track.extent > WIDEST:
        return View(_neighbours(track, output), range(max(output - 2, 0), min(output + 3, track.outputs)))
    low = high = output
    for turn in range(2 * room):
        after = turn % 2 == 0
        wider = (low, high + 1) if after else (low - 1, high)
        if wider[0] < 0 or wider[1] >= track.outputs or wider[1] - wider[0] >= room:
            continue
        if (wider[1] - wider[0]) * track.step + track.extent <= max(room, track.extent):
            low, high = wider
    first, last = low * track.step, high * track.step + track.extent
    edge = 1 if last - first < room + 2 else 0
    cells = range(max(first - edge, 0), min(last + edge, track.total))
    return View(cells, range(low, high + 1))


def _neighbours(track: Track, output: int) -> list[int]:
    """The cells around each tap of a wide window; of many taps those around the first and the last."""
    taps = track.taps(output)
    kept = [*taps] if len(taps) <= 7 else [*taps[:4], *taps[-3:]]
    found = {cell for tap in kept for cell in (tap - 1, tap, tap + 1)}
    return sorted(cell for cell in found if 0 <= cell < track.total)


def runs(cells: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring cells as first and last of each run."""
    first = last = None
    for cell in cells:
        if last is not None and cell == last + 1:
            last = cell
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = cell
    if first is not None and last is not None:
        yield first, last
