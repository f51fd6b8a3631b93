"""The least time that a network can take on a device, layer by layer (Williams, Waterman & Patterson 2009).

A layer does ``F`` operations and moves ``B`` bytes. At a peak of ``P`` operations and a bandwidth of ``W``
bytes a second it takes no less than ``max(F/P, B/W)``. It is a bound for layers that run one after the other,
each from memory to memory, and compute what their formula says; it is no prediction of how long they take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from convcalc.budget import question
from convcalc.calculators.count.memory import INDEX_BYTES
from convcalc.calculators.count.report import LayerReport, Report, analyze
from convcalc.calculators.hardware import energy
from convcalc.calculators.hardware.bits import (
    Bits,
    Stated,
    bytes_of,
    layer_bits,
    layer_sparsity,
    stated,
)
from convcalc.calculators.hardware.devices import Bandwidth, Device, Peak, device
from convcalc.calculators.hardware.traffic import Moved, is_weight, kept, traffic
from convcalc.dims import UNKNOWN, Dim, prod, total
from convcalc.graph import Spec, as_graph
from convcalc.records import Record, record

MEMORY, COMPUTE = "memory", "compute"


@dataclass(frozen=True)
class LayerCost(Record):
    """What a layer costs on a device.

    Attributes:
        name: the layer's.
        op: its registered name.
        macs: multiply-accumulates.
        flops: operations of all kinds, a multiply-accumulate being two.
        moved: what it moves.
        bits: of its weights and of what it reads.
        bops: bit operations: multiply-accumulates times both bits.
        energy_products: picojoules of its products; None where there is no figure.
        energy_memory: picojoules of its bytes, all to and from DRAM.
        compute_time: ``F/P`` in seconds; None without a device, ``UNKNOWN`` where the operations are.
        memory_time: ``B/W`` in seconds.
    """

    KEYS = (
        "name op macs flops input_bytes=moved.input weight_bytes=moved.weights output_bytes=moved.output "
        "bytes accesses=moved.accesses intensity bound time utilisation achievable bits bops energy_products "
        "energy_memory"
    )

    name: str
    op: str
    macs: Dim
    flops: Dim
    moved: Moved
    bits: Bits
    bops: Dim
    energy_products: Any
    energy_memory: Any
    compute_time: Any
    memory_time: Any

    @property
    def bytes(self) -> Dim:
        """All that moves."""
        return self.moved.bytes

    @property
    def intensity(self) -> Any:
        """Operations a byte; None where nothing moves."""
        return ratio(self.flops, self.bytes)

    @property
    def time(self) -> Any:
        """Seconds at least; where one of the two is not known, the other; None without a device."""
        return longer(self.compute_time, self.memory_time)

    @property
    def bound(self) -> str | None:
        """What bounds it: ``memory`` or ``compute``; None of what takes no time, or where it is not known."""
        if not _number(self.compute_time) or not _number(self.memory_time) or not self.time:
            return None
        return MEMORY if self.memory_time >= self.compute_time else COMPUTE

    @property
    def utilisation(self) -> Any:
        """The part of the peak that is reached at best."""
        return Fraction(self.compute_time) / self.time if _number(self.compute_time) and self.time else None

    @property
    def achievable(self) -> Any:
        """Operations a second at best."""
        return ratio(self.flops, self.time) if _number(self.time) and self.time else None

    def to_dict(self) -> dict[str, Any]:
        """The layer as JSON holds it; fractions are decimals."""
        return record(self, **decimals(self, _FRACTIONS), bits=str(self.bits))


_FRACTIONS: Final = ("intensity", "time", "utilisation", "achievable", "energy_products", "energy_memory")


@dataclass(frozen=True, repr=False)
class Cost(Record):
    """What a network costs on a device.

    Attributes:
        report: its counts.
        device: the device; None where nothing but bytes and operations were asked for.
        peak: the operations a second that it is held to.
        bandwidth: the bytes a second.
        layers: one row a layer, in the order of execution.
        param_bytes: bytes of all parameters, once each.
        buffer_bytes: bytes of all buffers and stored indices.
        bits: as they were stated; empty where they are those of the number type.
        sparsity: as it was stated.
    """

    KEYS = (
        "name inputs=report.inputs batch=report.batch dtype=report.dtype device peak bandwidth ridge verdict "
        "bits sparsity totals layers notes"
    )

    report: Report
    device: Device | None
    peak: Peak | None
    bandwidth: Bandwidth | None
    layers: tuple[LayerCost, ...]
    param_bytes: Dim
    buffer_bytes: Dim
    bits: tuple[tuple[str, str], ...] = ()
    sparsity: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Of the network."""
        return self.report.name

    @property
    def ridge(self) -> Fraction | None:
        """Operations a byte from which on a layer is bound by compute: the peak by the bandwidth."""
        return (
            None
            if self.peak is None or self.bandwidth is None
            else Fraction(self.peak.rate, self.bandwidth.rate)
        )

    def sum(self, key: str) -> Any:
        """The sum of a column of the layers, of those in which it is known."""
        values = [
            value for row in self.layers if (value := getattr(row, key)) is not UNKNOWN and value is not None
        ]
        return total(values)

    @cached_property
    def time(self) -> Any:
        """Seconds at least for the whole batch: the layers one after the other."""
        return None if self.device is None or not self.timed else self.sum("time")

    @cached_property
    def timed(self) -> tuple[LayerCost, ...]:
        """The layers that take time."""
        return tuple(row for row in self.layers if _number(row.time) and row.time)

    def bound_by(self, what: str) -> tuple[LayerCost, ...]:
        """The layers that ``memory`` or ``compute`` bounds."""
        return tuple(row for row in self.layers if row.bound == what)

    @property
    def bound(self) -> str | None:
        """What bounds most of the time."""
        if not self.time:
            return None
        return MEMORY if 2 * total(row.time for row in self.bound_by(MEMORY)) >= self.time else COMPUTE

    @property
    def least_bytes(self) -> Dim:
        """What moves even where all layers are fused into one: inputs, weights, outputs."""
        return self.ends_bytes + total(row.moved.weights for row in self.layers)

    ends_bytes: Dim = 0

    @property
    def fused_time(self) -> Any:
        """Seconds at least where nothing between two layers goes to memory; None without a device."""
        if self.peak is None or self.bandwidth is None:
            return None
        flops, moved = self.sum("flops"), self.least_bytes
        if not (_number(flops) and _number(moved)):
            return None
        return max(Fraction(flops, self.peak.rate), Fraction(moved, self.bandwidth.rate))

    @property
    def utilisation(self) -> Any:
        """The part of the peak that all layers together reach at best."""
        return (
            total(row.compute_time for row in self.timed if _number(row.compute_time)) / self.time
            if self.time
            else None
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names of the layers of which the operations or the bytes are not known."""
        return tuple(row.name for row in self.layers if row.flops is UNKNOWN or row.bytes is UNKNOWN)

    @property
    def notes(self) -> tuple[str, ...]:
        """How it was read, and what is missing."""
        found = list(self.report.notes)
        if self.unknown:
            shown = ", ".join(self.unknown[:3]) + (", ..." if len(self.unknown) > 3 else "")
            found.append(
                f"What {shown} costs is not known, so sums are of the others, and bounds stay bounds."
            )
        return tuple(found)

    @property
    def totals(self) -> dict[str, Any]:
        """Sums over the layers, and what follows from them."""
        found = {
            key: self.sum(key)
            for key in ("macs", "flops", "bytes", "bops", "energy_products", "energy_memory")
        }
        found |= {
            "input_bytes": total(row.moved.input for row in self.layers if row.moved.input is not UNKNOWN),
            "weight_bytes": total(row.moved.weights for row in self.layers),
            "output_bytes": total(row.moved.output for row in self.layers if row.moved.output is not UNKNOWN),
            "accesses": total(row.moved.accesses for row in self.layers if row.moved.accesses is not UNKNOWN),
            "param_bytes": self.param_bytes,
            "buffer_bytes": self.buffer_bytes,
            "intensity": ratio(found["flops"], found["bytes"]),
            "time": self.time,
            "fused_bytes": self.least_bytes,
            "fused_time": self.fused_time,
            "utilisation": self.utilisation,
            "achievable": ratio(found["flops"], self.time) if self.time else None,
            "memory_bound": len(self.bound_by(MEMORY)) if self.device else None,
            "compute_bound": len(self.bound_by(COMPUTE)) if self.device else None,
        }
        return {key: _decimal(value) for key, value in found.items()}

    @property
    def verdict(self) -> str | None:
        """What bounds it, as JSON names it."""
        return self.bound

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON holds it."""
        said = {key: dict(getattr(self, key)) or None for key in ("bits", "sparsity")}
        return record(self, ridge=_decimal(self.ridge), **said)


def ratio(part: Any, whole: Any) -> Any:
    """A part by a whole; None where the whole is nothing, ``UNKNOWN`` where either is not known."""
    from convcalc.calculators.compare.measures import ratio as exact

    if isinstance(part, Fraction) or isinstance(whole, Fraction):
        return Fraction(part) / whole if _number(part) and _number(whole) and whole else None
    return exact(part, whole)


def longer(one: Any, other: Any) -> Any:
    """The longer of two times; the one that is known where the other is not."""
    known = [value for value in (one, other) if _number(value)]
    return max(known) if known else one


def _number(value: Any) -> bool:
    return isinstance(value, (int, Fraction))


def _decimal(value: Any) -> Any:
    return float(value) if isinstance(value, Fraction) else value


def decimals(row: Any, keys: Sequence[str]) -> dict[str, Any]:
    """Attributes by name, fractions as decimals."""
    return {key: _decimal(getattr(row, key)) for key in keys}


@question
def cost(
    graph: Spec,
    device: str | Device | None = None,
    *,
    peak: str | None = None,
    bandwidth: str | None = None,
    bits: Stated = None,
    sparsity: Stated = None,
    batch: int = 1,
    dtype: str = "float32",
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Cost:
    """Bytes that must move and the least time on a device, layer by layer; bit operations and energy.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        device: the name of one, the path of its YAML file, or a :class:`Device`; None for no time.
        peak: name of the peak to hold it to; that of the number type by default.
        bandwidth: name of the memory; the device's first by default.
        bits: of weights and activations, ``w4a8``; for some layers ``["w8a8", "stem.*=w8a16"]``.
        sparsity: the share of weights that are zero, ``50%``, in the same way.
        batch: samples in one pass.
        dtype: number type where no bits are stated.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        Unreachable: there is no such device, peak, bandwidth or layer, or no such bits.
        SpecError: the spec, or the file of the device, cannot be read.
        ValueError: the batch is not positive, or the dtype is unknown.
    """
    report = analyze(as_graph(graph, input=input, set=set), batch=batch, dtype=dtype)
    return costs(report, device, peak=peak, bandwidth=bandwidth, bits=bits, sparsity=sparsity)


def costs(
    report: Report,
    on: str | Device | None = None,
    *,
    peak: str | None = None,
    bandwidth: str | None = None,
    bits: Stated = None,
    sparsity: Stated = None,
) -> Cost:
    """The same of a network that was counted; see :func:`cost`."""
    graph = report.graph
    asked, zeros = [*graph.bits.items(), *stated(bits)], stated(sparsity)
    sizes = layer_bits(graph, report.dtype, asked)
    shares = layer_sparsity(graph, zeros)
    found = on if isinstance(on, Device) or on is None else device(on)
    top = None if found is None else _peak(found, peak, report.dtype, sizes if asked else None)
    lane = None if found is None else found.bandwidth(bandwidth)
    moved = traffic(graph, report.batch, sizes, shares)
    inputs = frozenset(graph.inputs)
    numbers = [number for number in range(len(graph.nodes)) if number not in inputs]
    rows = [
        _layer(row, moved[number], sizes[number], shares[number], report.dtype, bool(asked), top, lane)
        for number, row in zip(numbers, report.layers, strict=True)
    ]
    params, others = stored_bytes(report, sizes, shares)
    ends = _ends(report, sizes)
    said = tuple(asked), tuple(zeros)
    return Cost(report, found, top, lane, tuple(rows), params, others, *said, ends)


def _peak(found: Device, name: str | None, dtype: str, sizes: Sequence[Bits] | None) -> Peak:
    if name is not None:
        return found.peak(name)
    if sizes is None:
        return found.peak(dtype)
    return found.integers(max(max(one.weights, one.activations) for one in sizes))


def _layer(
    row: LayerReport, moved: Moved, bits: Bits, zeros: Fraction, dtype: str, stated: bool, peak: Peak | None,
    lane: Bandwidth | None,
) -> LayerCost:  # fmt: skip
    assert row.node is not None
    layer = row.node.layer
    weighs = any(is_weight(name, layer.has_macs) for name in layer.parameters(row.input_shapes))
    macs, flops = row.macs, row.flops
    if zeros and weighs and type(macs) is int:
        kept = Fraction(macs) * (1 - zeros)
        macs = kept.numerator if kept.denominator == 1 else -(-kept.numerator // kept.denominator)
        flops = flops - 2 * (row.macs - macs)
    by = bits.weights if weighs else bits.activations
    each = energy.product(dtype, bits if stated else None)
    return LayerCost(
        row.name,
        row.op,
        macs,
        flops,
        moved,
        bits,
        macs * by * bits.activations,
        None if each is None else (macs * each if _number(macs) else UNKNOWN),
        moved.bytes * energy.DRAM if _number(moved.bytes) else UNKNOWN,
        None if peak is None else Fraction(flops, peak.rate) if type(flops) is int else UNKNOWN,
        None if lane is None else Fraction(moved.bytes, lane.rate) if type(moved.bytes) is int else UNKNOWN,
    )


def stored_bytes(report: Report, sizes: Sequence[Bits], zeros: Sequence[Fraction]) -> tuple[Dim, Dim]:
    """Bytes of all parameters, and of buffers and stored indices, each array once."""
    graph, lent = report.graph, report.graph.lent()
    params: Dim = 0
    others: Dim = 0
    for number, node in enumerate(graph.nodes):
        shapes, layer = graph.input_shapes(node), node.layer
        learned = layer.parameters(shapes)
        for name, shape in {**learned, **layer.buffers(shapes)}.items():
            if name in lent.get(number, ()):
                continue
            weight = is_weight(name, layer.has_macs or bool(layer.looks_up))
            count = kept(prod(shape), zeros[number]) if weight else prod(shape)
            size = bytes_of(count, sizes[number].weights if weight else sizes[number].others)
            if name in learned:
                params = params + size
            else:
                others = others + size
        for name, shape in layer.indices(shapes).items():
            if name not in lent.get(number, ()):
                others = others + prod(shape) * INDEX_BYTES
    return params, others


def _ends(report: Report, sizes: Sequence[Bits]) -> Dim:
    """Bytes of what comes into the network and what leaves it."""
    from convcalc.calculators.hardware.bits import tensor_bits
    from convcalc.graph import Edge

    graph = report.graph
    stored_in = tensor_bits(graph, sizes)
    edges = {*(Edge(number) for number in graph.inputs), *graph.outputs}
    return total(bytes_of(prod(graph.shape(edge)) * report.batch, stored_in[edge]) for edge in edges)
