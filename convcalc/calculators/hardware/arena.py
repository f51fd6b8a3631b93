"""The memory of a small device: an arena in which each tensor has a place while it lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple

from convcalc.budget import question, spend
from convcalc.calculators.answers import whole
from convcalc.calculators.count.report import Report, analyze
from convcalc.calculators.hardware.bits import Stated, layer_bits, layer_sparsity, stated
from convcalc.calculators.hardware.devices import Device, device
from convcalc.calculators.hardware.roofline import stored_bytes
from convcalc.calculators.hardware.schedule import STEPS, Schedule, Work, as_written, best_order, work
from convcalc.dims import Dim
from convcalc.graph import Spec, as_graph
from convcalc.records import Record, record

ALIGN: Final = 16
"""Bytes that TensorFlow Lite Micro aligns every buffer to."""


class Span(NamedTuple):
    """Memory that is needed from one step to another.

    Attributes:
        bytes: its size.
        first: the first step at which it is needed.
        last: the last.
    """

    bytes: int
    first: int
    last: int


class Placed(NamedTuple):
    """A piece of the arena.

    Attributes:
        offset: where it starts.
        bytes: its size.
        first: the first step of the order at which it is in use.
        last: the last.
        layers: names of the layers that write to it, one over the other.
    """

    offset: int
    bytes: int
    first: int
    last: int
    layers: tuple[str, ...]

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.offset + self.bytes


def pack(spans: Sequence[Span], align: int = ALIGN) -> list[int]:
    """Offsets of pieces of memory, no two of which overlap while both are in use.

    Greedily by size, as the planner of TensorFlow Lite Micro does (David et al. 2021, section 4.4):
    the largest first, each at the lowest offset at which it is clear of all that were placed before and are
    in use at one time with it.

    Args:
        spans: the pieces.
        align: what every offset is a multiple of.
    """
    order = sorted(range(len(spans)), key=lambda number: (-spans[number].bytes, number))
    offsets = [0] * len(spans)
    placed: list[int] = []  # by offset
    for number in order:
        one = spans[number]
        spend(1 + len(placed) // 16)
        at = 0
        for other in placed:
            there = spans[other]
            if there.first > one.last or one.first > there.last or not there.bytes:
                continue
            if at + one.bytes <= offsets[other]:
                break
            at = max(at, -(-(offsets[other] + there.bytes) // align) * align)
        offsets[number] = at
        place = next((i for i, other in enumerate(placed) if offsets[other] > at), len(placed))
        placed.insert(place, number)
    return offsets


@dataclass(frozen=True)
class Plan(Record):
    """Memory by one way to run a network.

    Attributes:
        title: the way, in words.
        bytes: what it needs.
        at: the layer at which; empty of an arena.
        least: what no order goes below; None where the order is given.
    """

    KEYS = "title bytes at? least exact"

    title: str
    bytes: int
    at: str = ""
    least: int | None = None

    @property
    def exact(self) -> bool | None:
        """Whether no order needs less; None where the order is given."""
        return None if self.least is None else self.bytes == self.least

    @property
    def gap(self) -> Fraction | None:
        """How much more than the least that it may need."""
        return None if not self.least else Fraction(self.bytes - self.least, self.least)


@dataclass(frozen=True, repr=False)
class Arena(Record):
    """The memory that a network needs on a small device.

    Attributes:
        report: its counts.
        plans: the peaks: as it is written and in the best order, each with and without writing in place.
        packed: the arena, in the best order and in place.
        pieces: what lies where in it.
        order: names of the layers in the best order.
        flash_bytes: bytes of parameters, buffers and stored indices.
        align: what every offset is a multiple of.
        device: the device that it is for, if one was named.
        bits: as they were stated.
    """

    KEYS = (
        "name inputs=report.inputs batch=report.batch dtype=report.dtype bits device fits plans packed "
        "flash_bytes align order pieces"
    )

    report: Report
    plans: tuple[Plan, ...]
    packed: Plan
    pieces: tuple[Placed, ...]
    order: tuple[str, ...]
    flash_bytes: Dim
    align: int
    device: Device | None = None
    bits: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Of the network."""
        return self.report.name

    @property
    def ram_bytes(self) -> int:
        """The size of the arena."""
        return self.packed.bytes

    @property
    def peak_bytes(self) -> int:
        """The smallest peak: what the arena cannot go below in this order."""
        return self.plans[-1].bytes

    def fits_into(self, memory: str) -> bool | None:
        """Whether it fits into the ``ram`` or ``flash`` of the device; None where that is not stated."""
        size = None if self.device is None else self.device.memory.get(memory)
        needed = self.ram_bytes if memory == "ram" else self.flash_bytes
        return None if size is None or type(needed) is not int else needed <= size

    @property
    def fits(self) -> dict[str, bool | None] | None:
        """The same of both."""
        return None if self.device is None else {name: self.fits_into(name) for name in ("ram", "flash")}

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON holds it."""
        return record(self, bits=dict(self.bits) or None)


@question
def arena(
    graph: Spec,
    device: str | Device | None = None,
    *,
    align: int = ALIGN,
    bits: Stated = None,
    sparsity: Stated = None,
    batch: int = 1,
    dtype: str = "float32",
    steps: int = STEPS,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Arena:
    """The RAM and flash that a network needs: the best order, in place, packed into one arena.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``; its sizes are numbers.
        device: the name of one, the path of its YAML file, or a :class:`Device`, to hold it to.
        align: what every offset is a multiple of.
        bits: of weights and activations; see :func:`convcalc.cost`.
        sparsity: the share of weights that are zero, in the same way.
        batch: samples in one pass.
        dtype: number type where no bits are stated.
        steps: how far the best order is looked for; see
            :func:`convcalc.calculators.hardware.schedule.best_order`.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        Unreachable: a size is not a number, or there is no such device or layer, or no such bits.
        SpecError: the spec, or the file of the device, cannot be read.
        ValueError: the batch is not positive, or the dtype is unknown.
    """
    report = analyze(as_graph(graph, input=input, set=set), batch=batch, dtype=dtype)
    return arena_of(report, device, align=align, bits=bits, sparsity=sparsity, steps=steps)


def arena_of(
    report: Report,
    on: str | Device | None = None,
    *,
    align: int = ALIGN,
    bits: Stated = None,
    sparsity: Stated = None,
    steps: int = STEPS,
) -> Arena:
    """The same of a network that was counted; see :func:`arena`."""
    graph = report.graph
    whole(align, "align", 1)
    asked = [*graph.bits.items(), *stated(bits)]
    sizes = layer_bits(graph, report.dtype, asked)
    zeros = layer_sparsity(graph, stated(sparsity))
    apart = work(graph, report.batch, sizes, in_place=False)
    over = work(graph, report.batch, sizes, in_place=True)
    plans = []
    for words, one in (("", apart), (", in place", over)):
        given = as_written(one)
        plans.append(Plan(f"as written{words}", given.peak, graph.nodes[given.at].name))
    found: Schedule | None = None
    for words, one in (("", apart), (", in place", over)):
        found = best_order(one, steps)
        plans.append(Plan(f"best order{words}", found.peak, graph.nodes[found.at].name, found.least))
    assert found is not None
    pieces = placed(over, found.order, align, [node.name for node in graph.nodes])
    size = max((piece.end for piece in pieces), default=0)
    packed = Plan("arena, packed by size", size, "", found.peak)
    inputs = frozenset(graph.inputs)
    return Arena(
        report,
        tuple(plans),
        packed,
        tuple(pieces),
        tuple(graph.nodes[number].name for number in found.order if number not in inputs),
        total_of(stored_bytes(report, sizes, zeros)),
        align,
        on if isinstance(on, Device) or on is None else device(on),
        tuple(asked),
    )


def total_of(stored: tuple[Dim, Dim]) -> Dim:
    """Parameters and all else that is stored."""
    return stored[0] + stored[1]


def placed(work: Work, order: Sequence[int], align: int, names: Sequence[str]) -> list[Placed]:
    """Where all that owns memory lies while a network runs in an order."""
    step = {number: place for place, number in enumerate(order)}
    last = len(order) - 1
    spans: list[list[Any]] = []  # bytes, first, last, names
    of: dict[int, int] = {}
    done = work.start
    for number in order:
        task = work.tasks[number]
        at = work.over(task, done, number) if task.over else None
        done |= 1 << number
        for block_number in task.writes:
            block = work.blocks[block_number]
            ends = [step[reader] for reader in readers(block.readers)]
            end = last if block.kept else max(ends, default=step[number])
            if at is not None:
                span = spans[of[at]]
                span[2] = end
                span[3].append(names[number])
                of[block_number] = of[at]
                at = None
                continue
            of[block_number] = len(spans)
            first = 0 if number in work.inputs else step[number]
            spans.append([block.bytes, first, end, [names[number]]])
    held = [span for span in spans if span[0]]
    offsets = pack([Span(*span[:3]) for span in held], align)
    return [
        Placed(offset, bytes, first, end, tuple(written))
        for offset, (bytes, first, end, written) in zip(offsets, held, strict=True)
    ]


def readers(mask: int) -> list[int]:
    """Numbers of the nodes of a set."""
    from convcalc.calculators.hardware.schedule import bits_of

    return list(bits_of(mask))
