"""Peak activation memory and footprints against a simulation that keeps a list of living tensors.

The networks are written as text by this module, which notes of every tensor how many elements it
has, whether it is stored or a view, and who reads it. Nothing of the graph is asked.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from math import prod
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.count.footprint import footprints

BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
POSITIONS = 8
"""Bytes of an index that max-pooling keeps for unpooling."""


@dataclass
class Tensor:
    """One output of one layer: its elements, or the tensor that it is a view of."""

    name: str
    step: int
    shape: tuple[int, ...]
    view: Tensor | None = None
    positions: bool = False
    reads: list[int] = field(default_factory=list)
    returned: bool = False

    def owner(self) -> Tensor:
        return self if self.view is None else self.view.owner()


class Net:
    """Random layers on maps of 4 x 4, with branches, views, splits, unread outputs and unpooling."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.lines: list[str] = []
        self.tensors: list[Tensor] = []
        self.steps: list[str] = []
        self.inputs = [self.tensor(f"x{i}", (rng.randint(1, 5), 4, 4), -1) for i in range(rng.randint(1, 3))]
        for _ in range(rng.randint(1, 14)):
            self.layer()
        returned = rng.sample(self.readable(), rng.randint(1, min(3, len(self.readable()))))
        for tensor in returned:
            tensor.returned = True
        self.returned = [t.name for t in returned]

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        step: int,
        view: Tensor | None = None,
        positions: bool = False,
    ) -> Tensor:
        made = Tensor(name, step, shape, view, positions)
        self.tensors.append(made)
        return made

    def readable(self) -> list[Tensor]:
        return [t for t in self.tensors if not t.positions]

    def layer(self) -> None:
        rng, step = self.rng, len(self.steps)
        source = rng.choice(self.readable()[-5:])
        name = f"n{step}"
        c = source.shape[0]
        flat = len(source.shape) == 1
        kinds = ["relu", "drop", "add"]
        kinds += ["linear", "reshape"] if flat else ["conv", "conv", "flatten", "concat", "split", "unpool"]
        kind = rng.choice(kinds)
        reads = [source]
        if kind == "relu":
            self.write(name, "relu", reads, [("", source.shape, None)])
        elif kind == "drop":
            self.write(name, rng.choice(["dropout", "identity"]), reads, [("", source.shape, source)])
        elif kind == "flatten":
            self.write(name, "flatten", reads, [("", (prod(source.shape),), source)])
        elif kind == "reshape":
            self.write(name, f"reshape {c}x1x1", reads, [("", (c, 1, 1), source)])
        elif kind == "linear":
            out = rng.randint(1, 90)
            self.write(name, f"linear {out}", reads, [("", (out,), None)])
        elif kind == "conv":
            out = rng.randint(1, 9)
            self.write(name, f"conv {out} k1", reads, [("", (out, *source.shape[1:]), None)])
        elif kind == "add":
            twins = [t for t in self.readable() if t.shape == source.shape]
            self.write(name, "add", [source, rng.choice(twins)], [("", source.shape, None)])
        elif kind == "concat":
            others = [t for t in self.readable() if t.shape[1:] == source.shape[1:] and len(t.shape) == 3]
            other = rng.choice(others)
            self.write(
                name,
                "concat",
                [source, other],
                [("", (c + other.shape[0], *source.shape[1:]), None)],
            )
        elif kind == "split":
            sizes = (c // 2, c - c // 2) if c > 1 else (1,)
            parts = [(str(i) if c > 1 else "", (n, *source.shape[1:]), None) for i, n in enumerate(sizes)]
            self.write(name, f"split ({','.join(map(str, sizes))},)", reads, parts)
        elif kind == "unpool":
            self.write(name, "maxpool k1", reads, [("", source.shape, None), ("indices", source.shape, None)])
            if rng.random() < 0.6:
                pooled, indices = self.tensors[-2:]
                self.write(f"n{step + 1}", "unpool k1", [pooled, indices], [("", source.shape, None)])

    def write(
        self,
        name: str,
        layer: str,
        reads: list[Tensor],
        outputs: list[tuple[str, tuple[int, ...], Tensor | None]],
    ) -> None:
        step = len(self.steps)
        for tensor in reads:
            tensor.reads.append(step)
        self.steps.append(name)
        sources = ",".join(t.name for t in reads)
        self.lines.append(f"  - '{layer} from=[{sources}] id={name}'")
        for suffix, shape, view in outputs:
            full = f"{name}.{suffix}" if suffix else name
            self.tensor(full, shape, step, view, positions=suffix == "indices")

    def text(self) -> str:
        inputs = [f"  {t.name}: {'x'.join(map(str, t.shape))}" for t in self.inputs]
        outputs = [f"  - {name}" for name in self.returned]
        return "\n".join(["name: net", "inputs:", *inputs, "layers:", *self.lines, "outputs:", *outputs, ""])

    def cost(self, tensor: Tensor, batch: int, item: int) -> int:
        return prod(tensor.shape) * batch * (POSITIONS if tensor.positions else item)

    def simulate(self, batch: int, item: int) -> tuple[list[int], list[int]]:
        """Bytes written by each step, and bytes of all that lives while it runs."""
        last: dict[int, int] = {}
        for tensor in self.tensors:
            owner = tensor.owner()
            end = max([tensor.step, *tensor.reads])
            if tensor.returned:
                end = len(self.steps)
            last[id(owner)] = max(last.get(id(owner), owner.step), end)
        written, alive = [], []
        for step in range(len(self.steps)):
            stored = [
                t
                for t in self.tensors
                # indices that nobody reads are never made
                if t.owner() is t and not (t.positions and not t.reads)
            ]
            written.append(sum(self.cost(t, batch, item) for t in stored if t.step == step))
            alive.append(sum(self.cost(t, batch, item) for t in stored if t.step <= step <= last[id(t)]))
        return written, alive


NETS = st.integers(0, 1 << 40).map(lambda seed: Net(Random(seed)))


@settings(max_examples=300)
@given(NETS, st.integers(1, 5), st.sampled_from(sorted(BYTES)))
def test_random_networks(net: Net, batch: int, dtype: str) -> None:
    item = BYTES[dtype]
    written, alive = net.simulate(batch, item)
    entry = sum(net.cost(t, batch, item) for t in net.inputs)
    report = convcalc.analyze(convcalc.load(net.text()), batch=batch, dtype=dtype)
    assert [row.name for row in report.layers] == net.steps
    assert report.totals.peak_memory_bytes == max([entry, *alive])
    found = footprints(report)
    assert [row.output_bytes for row in found] == written
    assert [row.live_bytes for row in found] == alive
    if max(alive) > entry:
        assert report.totals.peak_memory_at == net.steps[alive.index(max(alive))]
    (folded,) = footprints(report, report.fold(0))
    assert (folded.output_bytes, folded.live_bytes) == (sum(written), max(alive))


def test_the_networks_hold_what_matters() -> None:
    """Enough of them have views, split outputs, positions that are read and that are not."""
    nets = [Net(Random(seed)) for seed in range(300)]
    assert sum(any(t.view for t in n.tensors) for n in nets) > 50
    assert sum(any(t.positions and t.reads for t in n.tensors) for n in nets) > 30
    assert sum(any(t.positions and not t.reads for t in n.tensors) for n in nets) > 30
    assert sum(any(".1" in t.name for t in n.tensors) for n in nets) > 30
    assert sum(len(n.returned) > 1 for n in nets) > 50


@pytest.mark.parametrize(
    ("line", "shape", "peak", "at"),
    [
        # in and out of one layer: 3*8*8 + 4*6*6 = 336 numbers
        ("conv 4 k3", "3x8x8", 336, "conv1"),
        # the input is gone when the second runs: 4*6*6 + 8*6*6 = 432
        ("conv 4 k3 | conv 8 k1", "3x8x8", 432, "conv2"),
        # a shortcut keeps it: 64 + 64 + 64 while the second convolution runs
        ("identity id=x | conv 4 k1 | conv 4 k1 | add with=x", "4x4x4", 192, "conv2"),
        # a view has no memory: 16 + 5
        ("flatten | linear 5", "4x2x2", 21, "linear1"),
        # the largest is what goes in and out of the first
        ("maxpool k2 | maxpool k2", "2x8x8", 160, "maxpool1"),
    ],
)
def test_peaks_worked_by_hand(line: str, shape: str, peak: int, at: str) -> None:
    totals = convcalc.analyze(convcalc.load(line, input=shape)).totals
    assert (totals.peak_memory_bytes, totals.peak_memory_at) == (4 * peak, at)


@pytest.mark.parametrize("dtype", BYTES)
def test_bytes_of_parameters(dtype: str) -> None:
    report = convcalc.analyze(convcalc.load("resnet18"), dtype=dtype)
    assert report.totals.param_bytes == 11_689_512 * BYTES[dtype]
    assert report.totals.buffer_bytes == 9_600 * BYTES[dtype]
    rows = footprints(report)
    assert sum(row.param_bytes for row in rows) == report.totals.param_bytes
    assert sum(row.buffer_bytes for row in rows) == report.totals.buffer_bytes
    assert max(row.live_bytes for row in rows) == report.totals.peak_memory_bytes


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_folded_footprints(depth: int) -> None:
    report = convcalc.analyze(convcalc.load("resnet18"))
    single = {row.name: one for row, one in zip(report.layers, footprints(report), strict=True)}
    folded = report.fold(depth)
    for row, one in zip(folded, footprints(report, folded), strict=True):
        inside = [p for name, p in single.items() if depth == 0 or f"{name}.".startswith(f"{row.name}.")]
        assert one.output_bytes == sum(p.output_bytes for p in inside)
        assert one.live_bytes == max(p.live_bytes for p in inside)
        assert one.param_bytes == sum(p.param_bytes for p in inside)


RESIDUAL = "conv M k3 p1 id=a | relu | conv M k1 | add with=a | globalavgpool"


@functools.cache
def closed_form() -> Any:
    return convcalc.analyze(convcalc.load(RESIDUAL, input="CxNxN")).totals.peak_memory_bytes


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_a_closed_form_takes_the_value_of_its_numbers(c: int, m: int, n: int) -> None:
    # the first convolution: C*N*N in, M*N*N out; the second: its input, its output and the shortcut
    expected = 4 * n * n * max(c + m, 3 * m)
    values = {s: {"C": c, "M": m, "N": n}[s.name] for s in closed_form().free_symbols}
    assert int(closed_form().subs(values)) == expected
    numbers = convcalc.load(RESIDUAL.replace("M", str(m)), input=(c, n, n))
    assert convcalc.analyze(numbers).totals.peak_memory_bytes == expected


def test_a_size_that_nobody_stated_leaves_memory_unknown() -> None:
    report = convcalc.analyze(convcalc.load("conv 3->4 k3"))
    assert report.status["peak_memory_bytes"] == "unavailable"
    assert report.to_dict()["totals"]["peak_memory_bytes"] is None
    assert report.status["param_bytes"] == "complete"
    assert report.totals.param_bytes == 4 * 112
