"""What padding does to a whole network: borders lost, rows never read, zeros multiplied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final, NamedTuple

from convcalc.budget import question
from convcalc.calculators.padding.taps import unread_rows, valid_weights
from convcalc.dims import ceil_div
from convcalc.graph import Graph, Node, Spec, as_graph
from convcalc.layers.reads import Slide
from convcalc.layers.tensors.cut import Crop, Pad, Slice
from convcalc.layers.values import axis_names, show
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.layers.windows.window import Sliding, effective
from convcalc.records import Record, record

KINDS: Final = {
    "border": "loses border pixels",
    "dropped": "input rows that no window reads",
    "asymmetric": "padding that differs between the two sides",
    "dilation": "dilation whose padding is not rate*(k - 1)/2",
    "wasted": "share of MACs that multiply padding",
    "degenerate": "so dilated that no position reads all weights",
}
"""Kinds of findings."""


MOST_SHOWN: Final = 12
"""Most numbers of weights that a finding lists."""


class Finding(NamedTuple):
    """One thing to know about a layer.

    Attributes:
        kind: one of :data:`KINDS`.
        layer: its name.
        axes: the spatial axes it is about, from 0.
        value: pixels, positions or a share, as the kind says.
        message: the same for a reader.
    """

    kind: str
    layer: str
    axes: tuple[int, ...]
    value: Any
    message: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.message}"


@dataclass(slots=True)
class LayerPadding(Record):
    """One layer with windows.

    Attributes:
        name, op: of the layer.
        node: the node of the graph.
        input, output: spatial sizes; None where they are not numbers.
        kernel, stride, dilation: per axis.
        padding: (before, after) per axis; None where it depends on a size that is not a number.
            What a ``pad`` layer in front adds is included.
        unread: input rows of each axis that no window reads; None where sizes are not numbers.
        macs, valid_macs: of the layer; zero for pooling, None where not numbers.
        valid_weights: how many output positions multiply how many weights with real input (a
            histogram: weights to positions), for convolutions padded with zeros.
        findings: what to know.
    """

    KEYS = "name op input output kernel stride dilation padding unread macs valid_macs valid_weights findings"

    name: str
    op: str
    node: Node
    input: tuple[int, ...] | None
    output: tuple[int, ...] | None
    kernel: tuple[Any, ...]
    stride: tuple[Any, ...]
    dilation: tuple[Any, ...]
    padding: tuple[tuple[int, int] | None, ...]
    unread: tuple[int, ...] | None = None
    macs: int | None = None
    valid_macs: int | None = None
    valid_weights: dict[int, int] | None = None
    findings: list[Finding] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The layer as JSON holds it."""
        return record(self, findings=[finding.kind for finding in self.findings])


@dataclass(slots=True, repr=False)
class PaddingReport(Record):
    """What :func:`check_padding` found.

    Attributes:
        name: what the spec calls the network.
        layers: every layer with windows, in execution order.
        macs, valid_macs: over these layers; None where a size is not a number.
        transposed: names of transposed convolutions, whose padding crops and is not checked here.
    """

    KEYS = "name layers findings macs valid_macs transposed"

    name: str
    layers: list[LayerPadding]
    macs: int | None
    valid_macs: int | None
    transposed: tuple[str, ...] = ()

    @property
    def findings(self) -> list[Finding]:
        """All findings, in execution order."""
        return [finding for layer in self.layers for finding in layer.findings]


@question
def check_padding(
    graph: Spec,
    *,
    wasted: float = 0.25,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> PaddingReport:
    """Check the padding of every convolution and pooling layer.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        wasted: share of a layer's MACs that may multiply padding before it is a finding.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        ValueError: the share is not between 0 and 1.
        SpecError: the spec cannot be read.
    """
    if not 0 <= wasted <= 1:
        raise ValueError(f"a share of {wasted}: expected a number from 0 to 1")
    graph = as_graph(graph, input=input, set=set)
    cuts = _cut_behind(graph)
    layers = [
        _Check(graph, node, node.layer, wasted, cuts.get(number)).layer
        for number, node in enumerate(graph.nodes)
        if isinstance(node.layer, Sliding)
    ]
    counts = [(layer.macs, layer.valid_macs) for layer in layers]
    known = all(macs is not None and valid is not None for macs, valid in counts)
    return PaddingReport(
        graph.name,
        layers,
        sum(macs or 0 for macs, _ in counts) if known else None,
        sum(valid or 0 for _, valid in counts) if known else None,
        tuple(node.name for node in graph.nodes if isinstance(node.layer, ConvTranspose)),
    )


def _cut_behind(graph: Graph) -> dict[int, tuple[int, ...]]:
    """What everyone who reads a node cuts off its end, per axis, and nothing else of it.

    So temporal convolutions are made causal: padded on both sides, then cut at the end (Bai et al. 2018).
    """
    found: dict[int, tuple[int, ...]] = {}
    read = {edge.node for edge in graph.outputs}
    for node in graph.nodes:
        for edge in node.inputs:
            shape = graph.shape(edge)
            cut: tuple[int, ...] = ()
            if isinstance(node.layer, Crop | Slice) and edge.node not in read:
                ways = node.layer.reads((shape,), node.outputs)[0][0]
                if all(isinstance(rule, Slide) and rule.before == 0 for _, rule in ways):
                    sizes = zip(shape[1:], node.outputs[0][1:], strict=True)
                    cut = tuple(a - b for a, b in sizes if type(a) is type(b) is int)
            if cut != found.setdefault(edge.node, cut):
                found[edge.node] = ()
    return {number: cut for number, cut in found.items() if cut}


class _Check:
    """One layer while it is checked."""

    def __init__(
        self, graph: Graph, node: Node, layer: Sliding, wasted: float, cut: tuple[int, ...] | None
    ) -> None:
        shapes = graph.input_shapes(node)
        sizes = shapes[0][1:]
        rank = len(sizes)
        pads = tuple(_whole_pair(pair) for pair in layer.pads(shapes[0]))
        before = graph.nodes[node.inputs[0].node]
        if isinstance(before.layer, Pad):  # what a layer of padding adds is padding too
            arriving = graph.input_shapes(before)[0]
            added = before.layer.sides(arriving)
            extra = [added.get(axis, (0, 0)) for axis in range(1, rank + 1)]
            sizes = arriving[1:]
            pads = tuple(
                None if p is None else (p[0] + a, p[1] + b) for p, (a, b) in zip(pads, extra, strict=True)
            )
        self.names = axis_names(rank)
        self.weighted = layer.has_macs
        self.given = layer.padding
        self.cut = cut or (0,) * rank
        self.layer = LayerPadding(
            node.name, node.op, node, _ints(sizes), _ints(node.outputs[0][1:]), layer.kernel, layer.stride,
            layer.dilation, pads,
        )  # fmt: skip
        for axis in range(rank):
            self._axis(axis)
        self._read()
        self._count(node, shapes, wasted)

    def _find(self, kind: str, axis: int | None, value: Any, message: str) -> None:
        """Add a finding; the same on another axis is said once."""
        findings = self.layer.findings
        axes = tuple(range(len(self.names))) if axis is None else (axis,)
        if axis is not None and len(self.names) > 1:
            for at, found in enumerate(findings):
                if found.kind == kind and found.message.endswith(f": {message}"):
                    axes = (*found.axes, axis)
                    names = " and ".join(self.names[a] for a in axes)
                    findings[at] = Finding(kind, found.layer, axes, value, f"{names}: {message}")
                    return
            message = f"{self.names[axis]}: {message}"
        findings.append(Finding(kind, self.layer.name, axes, value, message))

    def _axis(self, axis: int) -> None:
        """Findings that need no sizes: sides that differ, dilation that its padding does not fit."""
        row = self.layer
        k, s, d, pair = row.kernel[axis], row.stride[axis], row.dilation[axis], row.padding[axis]
        if pair is None or not all(type(n) is int for n in (k, s, d)):
            return
        before, after = pair
        total = effective(k, d) - 1
        behind = after - self.cut[axis]
        causal = self.given[axis] == "causal" or (before == total and behind == 0)
        if len(row.kernel) == 1 and behind == 0 and s > 1:  # steps of a sequence, each read to its end
            causal = causal or before == total - (s - 1)
        if before != after and not causal:
            self._find(
                "asymmetric",
                axis,
                after - before,
                f"padding {before} before, {after} after; turned around it shifts the output by "
                f"{abs(after - before)} pixel{'s' * (abs(after - before) != 1)}",
            )
        if d > 1 and self.weighted and not causal:
            small, large = total // 2, total - total // 2
            if sorted(pair) != [small, large]:
                wanted = f"{small}" if small == large else f"{small}:{large}"
                self._find(
                    "dilation",
                    axis,
                    before + after - total,
                    f"padding {_pair(pair)} at rate {d}, not {d}*({k} - 1)/2 = {wanted}",
                )

    def _read(self) -> None:
        """Findings that need sizes: positions that no window reads, borders that are lost."""
        row = self.layer
        if row.input is None or row.output is None or None in row.padding:
            return
        if not all(type(n) is int for n in (*row.kernel, *row.stride, *row.dilation)):
            return
        sizes = zip(row.input, row.output, strict=True)
        row.unread = tuple(self._missed(axis, i, o) for axis, (i, o) in enumerate(sizes))

    def _missed(self, axis: int, i: int, o: int) -> int:
        """How many of ``i`` positions no window reads; findings of these, and of borders that are lost."""
        row = self.layer
        k, s, d = row.kernel[axis], row.stride[axis], row.dilation[axis]
        before, after = row.padding[axis] or (0, 0)
        missed = unread_rows(i, k, s, d, before, o)
        tail = max(i - ((o - 1) * s + effective(k, d) - before), 0)
        if effective(k, d) < s and missed:
            self._find(
                "dropped",
                axis,
                missed,
                f"stride {s} with a window of {effective(k, d)} reads {i - missed} of {i} input rows",
            )
        elif tail:
            self._find(
                "dropped",
                axis,
                tail,
                f"stride {s} drops the last {tail} of {i} input rows" if s > 1
                else f"the last {tail} of {i} input rows are read by no window",
            )  # fmt: skip
        if missed > tail and effective(k, d) >= s:
            self._find(
                "dropped",
                axis,
                missed - tail,
                f"windows of {k} at stride {s}"
                + (f" and rate {d}" if d > 1 else "")
                + f" step over {missed - tail} of {i} input rows",
            )
        whole_map = o == 1 and effective(k, d) == i and not before + after
        lost = ceil_div(i, s) - o - (1 if tail else 0)
        if lost > 0 and not whole_map:
            self._find(
                "border",
                axis,
                lost,
                f"{i} become {o}: {lost} border pixel{'s' * (lost != 1)} lost"
                if s == 1
                else f"{i} become {o}, not ceil({i}/{s}) = {ceil_div(i, s)}: the border is read less",
            )
        return missed

    def _count(self, node: Node, shapes: Any, wasted: float) -> None:
        row = self.layer
        if not self.weighted:
            row.macs = row.valid_macs = 0
            return
        macs, valid = node.layer.macs(shapes, node.outputs), node.layer.valid_macs(shapes, node.outputs)
        if type(macs) is not int or type(valid) is not int:
            return
        row.macs, row.valid_macs = macs, valid
        if row.input is None or row.output is None or getattr(node.layer, "padding_mode", "") != "zeros":
            return
        pairs = [pair or (0, 0) for pair in row.padding]
        row.valid_weights = valid_weights(
            row.input, row.kernel, row.stride, row.dilation, tuple(b for b, _ in pairs), row.output
        )
        full, positions = prod(row.kernel), sum(row.valid_weights.values())
        if max(row.dilation) > 1 and full > 1 and not row.valid_weights.get(full):
            shares = ", ".join(
                f"{n} at {100 * count / positions:.1f}%"
                for n, count in sorted(row.valid_weights.items())[:MOST_SHOWN]
            )
            if len(row.valid_weights) > MOST_SHOWN:
                shares += f", and {len(row.valid_weights) - MOST_SHOWN:,} other numbers"
            self._find(
                "degenerate",
                None,
                sum(n * count for n, count in row.valid_weights.items()) / positions,
                f"no position of the {show(row.output)} map reads all {full} weights; "
                f"valid weights: {shares} of the positions",
            )
        if macs and (macs - valid) / macs >= wasted and macs > valid:
            share = (macs - valid) / macs
            self._find("wasted", None, share, f"{100 * share:.1f}% of the MACs multiply padding")


def _ints(sizes: tuple[Any, ...]) -> tuple[int, ...] | None:
    return tuple(sizes) if all(type(n) is int for n in sizes) else None


def _whole_pair(pair: tuple[Any, Any]) -> tuple[int, int] | None:
    return pair if type(pair[0]) is int and type(pair[1]) is int else None


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}:{pair[1]}"
