"""Weights that arrive as tensors, held against weights that are owned, PyTorch, and brute force."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import count, execute, gradient, init_weights, poison, taint
from convcalc.exporters.text import format_graph

Shape = tuple[int, ...]


class Case(NamedTuple):
    """A layer that owns its weight, and what arrives for it otherwise."""

    line: str
    shape: Shape
    weight: Shape
    channels: int

    def owning(self) -> convcalc.Graph:
        return convcalc.load(f"{self.line} bias=true id=layer", input=self.shape)

    def document(self, bias: bool, line: str | None = None) -> str:
        shapes = {"x": self.shape, "w": self.weight, **({"b": (self.channels,)} if bias else {})}
        listed = ", ".join(f"{name}: {'x'.join(map(str, one))}" for name, one in shapes.items())
        reads = ",".join(shapes)
        return f"inputs: {{{listed}}}\nlayers:\n  - {line or self.line} from=[{reads}] id=layer\n"

    def arrays(self, batch: int, seed: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        shapes = {"x": self.shape, "w": self.weight, "b": (self.channels,)}
        return {name: rng.standard_normal((batch, *shape)) for name, shape in shapes.items()}


@st.composite
def cases(draw: st.DrawFn, ops: tuple[str, ...] = ("conv", "dwconv", "convT", "linear")) -> Case:
    op, size = draw(st.sampled_from(ops)), st.integers(1, 3)
    if op == "linear":
        shape = tuple(draw(st.lists(size, min_size=1, max_size=3)))
        axis = draw(st.integers(0, len(shape) - 1))
        out = draw(size)
        return Case(f"linear {out} axis={axis}", shape, (out, shape[axis]), out)
    rank = draw(st.integers(1, 2))
    per_axis = st.lists(st.integers(1, 2), min_size=rank, max_size=rank)
    kernel, stride, dilation = (
        draw(st.lists(size, min_size=rank, max_size=rank)),
        draw(per_axis),
        draw(per_axis),
    )
    pads = [draw(st.integers(0, 1)) for _ in range(rank)]
    sizes = [(k - 1) * d + draw(st.integers(1, 3)) for k, d in zip(kernel, dilation, strict=True)]
    window = "k{} s{} d{} p{}".format(*("x".join(map(str, one)) for one in (kernel, stride, dilation, pads)))
    groups = draw(st.integers(1, 2)) if op != "dwconv" else draw(size)
    ins = groups * (1 if op == "dwconv" else draw(size))
    outs = groups * draw(st.integers(1, 2))
    if op == "convT":
        weight: Shape = (ins, outs // groups, *kernel)
        if any(2 * p >= (n - 1) * s + (k - 1) * d + 1 for n, s, k, d, p in
               zip(sizes, stride, kernel, dilation, pads, strict=True)):  # fmt: skip
            window = window.rpartition(" ")[0]
    else:
        weight = (outs, ins // groups, *kernel)
    words = "" if op == "dwconv" else f" g{groups}"
    return Case(f"{op} {outs} {window}{words}", (ins, *sizes), weight, outs)


def own_arrays(arrays: dict[str, np.ndarray], sample: int) -> dict[str, np.ndarray]:
    return {"layer.weight": arrays["w"][sample], "layer.bias": arrays["b"][sample]}


@settings(max_examples=120, deadline=None)
@given(cases(), st.integers(1, 3), st.booleans(), st.integers(0, 2**31))
def test_each_sample_has_its_own_weights(case: Case, batch: int, bias: bool, seed: int) -> None:
    arrays = case.arrays(batch, seed)
    if not bias:
        arrays["b"][...] = 0
    owning = case.owning()
    lines = [execute(owning, arrays["x"][i : i + 1], own_arrays(arrays, i)) for i in range(batch)]
    graph = convcalc.load(case.document(bias))
    given = arrays if bias else {name: arrays[name] for name in "xw"}
    for form in ("fast", "naive"):
        found = execute(graph, given, form=form)
        np.testing.assert_allclose(found, np.concatenate(lines), rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(2, 3), st.sampled_from(("repeated", "equal")), st.integers(0, 2**31))
def test_samples_that_share_their_weights(case: Case, batch: int, how: str, seed: int) -> None:
    """Repeated by a stride of 0, as a parameter of the network is, or copied."""
    arrays = case.arrays(batch, seed)
    for name in "wb":
        one = np.broadcast_to(arrays[name][:1], arrays[name].shape)
        arrays[name] = one if how == "repeated" else one.copy()
    expected = execute(case.owning(), arrays["x"], own_arrays(arrays, 0))
    np.testing.assert_allclose(
        execute(convcalc.load(case.document(True)), arrays), expected, rtol=1e-12, atol=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(cases(), st.booleans())
def test_costs_are_those_of_the_layer_that_owns_them(case: Case, bias: bool) -> None:
    graph, owning = convcalc.load(case.document(bias)), case.owning()
    ours, theirs = convcalc.analyze(graph).totals, convcalc.analyze(owning).totals
    assert (ours.macs, ours.valid_macs, ours.activations) == (
        theirs.macs,
        theirs.valid_macs,
        theirs.activations,
    )
    assert ours.params == 0
    assert ours.ops.add == (theirs.ops.add if bias else 0)
    assert graph.nodes[-1].outputs == owning.nodes[-1].outputs
    assert count(graph) == count(graph, scalar=True)
    found = convcalc.verify(graph)
    assert found.ok, str(found)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_what_of_the_weight_reaches_what(case: Case) -> None:
    """NaN in an entry of the weight or the bias comes out where it is said to be read."""
    graph = convcalc.load(case.document(True))
    for name in "wb":
        np.testing.assert_array_equal(taint(graph, input=name), poison(graph, input=name))


@settings(max_examples=30, deadline=None)
@given(cases())
def test_a_channel_reads_its_own_filter(case: Case) -> None:
    """The formulas' windows against NaN: an entry at a time, at every position of the output."""
    graph = convcalc.load(case.document(True))
    node = graph.nodes[-1]
    shapes = graph.input_shapes(node)
    windows = node.layer.reads(shapes, node.outputs)
    arrays = case.arrays(1, 0)
    for number, name in ((1, "w"), (2, "b")):
        ((window,),) = (windows[number],)
        for entry in np.ndindex(*shapes[number]):
            poisoned = arrays[name].copy()
            poisoned[(0, *entry)] = np.nan
            with np.errstate(invalid="ignore"):
                y = execute(graph, {**arrays, name: poisoned})[0]
            for place in np.ndindex(*y.shape):
                read = all(
                    i in axis.rule.of(0 if axis.output is None else place[axis.output], n)
                    for i, axis, n in zip(entry, window, shapes[number], strict=True)
                )
                assert read == bool(np.isnan(y[place])), (entry, place)


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(1, 2), st.integers(0, 2**31))
def test_gradients_along_a_random_direction(case: Case, batch: int, seed: int) -> None:
    """The layer is linear in each of its inputs: differences are exact."""
    graph = convcalc.load(case.document(True))
    arrays, steps = case.arrays(batch, seed), case.arrays(batch, seed + 1)
    shape = graph.nodes[-1].outputs[0]
    middle = (slice(None), slice(None), *(n // 2 for n in shape[1:]))
    found = gradient(graph, arrays)
    for name in "xwb":
        ends = (execute(graph, {**arrays, name: arrays[name] + sign * steps[name]}) for sign in (1, -1))
        up, down = (float(y[middle].sum()) for y in ends)
        assert (found[name] * steps[name]).sum() == pytest.approx((up - down) / 2, rel=1e-8, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(cases(), st.booleans())
def test_text_reads_back_to_the_same(case: Case, bias: bool) -> None:
    for text in (case.document(bias), case.document(bias, f"{case.line} bias=true")):
        graph = convcalc.load(text)
        again = convcalc.load(format_graph(graph))
        assert [n.layer for n in again.nodes] == [n.layer for n in graph.nodes]
        assert convcalc.analyze(again).totals.params == convcalc.analyze(graph).totals.params


@pytest.mark.parametrize(
    ("text", "params", "macs"),
    [
        ("{x: 8x9x9, w: 6x8x3x3} conv s2 p1 from=[x,w]", 0, 5 * 5 * 6 * 8 * 9),
        ("{x: 8x9x9, w: 6x4x3x3} conv 6 k3 g2 bias=true from=[x,w]", 6, 7 * 7 * 6 * 4 * 9),
        ("{x: 8x9, w: 16x1x3} dwconv p1 from=[x,w]", 0, 9 * 16 * 3),
        ("{x: 8x4x4, w: 8x3x2x2} convT s2 g2 from=[x,w]", 0, 16 * 8 * 3 * 4),
        ("{x: 8, w: 5x8, b: 5} linear from=[x,w,b]", 0, 40),
        ("{x: 7x8, w: 5x8} linear axis=-1 bias=true from=[x,w]", 5, 280),
        ("{x: 7x8, w: 5x7} linear axis=0 with=w from=x", 0, 280),
    ],
)
def test_what_the_weight_states_may_be_left_out(text: str, params: int, macs: int) -> None:
    inputs, line = text.split("} ")
    totals = convcalc.analyze(convcalc.load(f"inputs: {inputs}}}\nlayers:\n  - {line}\n")).totals
    assert (totals.params, totals.macs) == (params, macs)


REFUSALS = [
    ("{x: 8x9x9, w: 6x4x3x3}", "conv k3 from=[x,«w»]", "6x4x3x3 arrives where 6x8x3x3 is due", "g2"),
    ("{x: 8x9x9, w: 6x3x3x3}", "conv k3 from=[x,«w»]", "6x3x3x3 arrives where 6x8x3x3 is due", "6x8x3x3"),
    ("{x: 8x9x9, w: 6x8x3x3}", "conv k5 from=[x,«w»]", "arrives where 6x8x5x5 is due", "6x8x5x5"),
    ("{x: 8x9x9, w: 6x8x3x3}", "conv 4 from=[x,«w»]", "arrives where 4x8x3x3 is due", "4x8x3x3"),
    ("{x: 8x9x9, w: 6x8x3}", "conv from=[x,«w»]", "where 4 axes are due (out, in/groups, kernel)", "4 axes"),
    ("{x: 8x9x9, w: 6x8x3x3, b: 5}", "conv from=[x,w,«b»]", "a bias of 5 arrives where 6 is due", "6"),
    ("{x: 8x9x9, w: 6x8x3x3, b: 6}", "conv «bias=false» from=[x,w,b]", "bias=false, and a", "[x,weight]"),
    ("{x: 8x9x9, w: 6x8x3x3}", "conv «arriving=both» from=[x,w]", "conv reads 2 tensors", "[x,weight,bias]"),
    ("{x: 8x9x9, w: 8x2x3x3}", "convT 6 from=[x,«w»]", "8x2x3x3 arrives where 8x6x3x3 is due", "8x6x3x3"),
    ("{x: 8x9x9, w: 8x2x3x3}", "dwconv from=[x,«w»]", "8x2x3x3 arrives where 8x1x3x3 is due", "8x1x3x3"),
    ("{x: 8, w: 8x5}", "linear from=[x,«w»]", "a weight of 8x5 arrives where 8x8 is due (out, in)", "8x8"),
    ("{x: 8, w: 8x5}", "linear from=[«w»,x]", "linear needs a flat input", "flatten"),
    ("{x: 8x9x9, w: 6x8x3x3}", "«conv from=[x,w,w,w]»", "reads 1 to 3 tensors, got 4", "from=[x,weight]"),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "line", "message", "expected"), REFUSALS)
def test_refusals_show_the_place(inputs: str, line: str, message: str, expected: str) -> None:
    plain = line.replace("«", "").replace("»", "")
    with pytest.raises(convcalc.SpecError) as caught:
        convcalc.load(f"inputs: {inputs}\nlayers:\n  - {plain}\n")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert expected in (problem.expected or "")
    if "needs a flat" not in message:
        place = line.index("«")
        assert problem.column == place + len("  - ") + 1


def test_the_groups_that_are_offered_work() -> None:
    for line, groups in (("conv k3", 2), ("conv 6", 2)):
        convcalc.load(f"inputs: {{x: 8x9x9, w: 6x4x3x3}}\nlayers:\n  - {line} g{groups} from=[x,w]\n")


def test_a_layer_alone_says_that_nothing_arrives() -> None:
    with pytest.raises(convcalc.SpecError, match="arriving=weight, and conv reads 1 tensor"):
        convcalc.load("conv 8 k3 arriving=weight", input="3x9x9")


@pytest.mark.parametrize("call", ["nn.Conv2d(3, 8, 3)", "Conv2D(8, 3)", "nn.ConvTranspose2d(3, 8, 3)"])
def test_classes_of_frameworks_own_their_weight(call: str) -> None:
    with pytest.raises(convcalc.SpecError, match="owns its weight and reads 1 tensor, got 2"):
        convcalc.load(f"inputs: {{x: 3x8x8, w: 8x3x3x3}}\nlayers:\n  - '{call} from=[x,w]'\n")


def test_no_variants_of_a_weight_that_is_not_owned() -> None:
    graph = convcalc.load("inputs: {x: 8x9x9, w: 6x8x3x3}\nlayers:\n  - conv from=[x,w]\n")
    with pytest.raises(ValueError, match="the weight of conv1 arrives"):
        convcalc.variants(graph)


def test_in_letters() -> None:
    graph = convcalc.load("inputs: {x: MxHxW, w: NxMxKxK}\nlayers:\n  - conv p=same from=[x,w]\n")
    m, n, k, h, w = map(convcalc.symbol, "MNKHW")
    assert graph.nodes[-1].outputs == ((n, h, w),)
    assert convcalc.analyze(graph).totals.macs == h * w * n * m * k * k
    (section,) = convcalc.explain(graph).sections
    assert {line.quantity: str(line.formula) for line in section.lines}["all parameters"] == "0"


@pytest.mark.parametrize(
    ("inputs", "line"),
    [
        ("{x: 32x120x120, w: 32x32x3x3}", "conv p1 from=[x,w]"),
        ("{x: 32x120x120, w: 32x1x3x3}", "dwconv p1 from=[x,w]"),
        ("{x: 32x60x60, w: 32x32x2x2}", "convT s2 from=[x,w]"),
        ("{x: 4000, w: 1000x4000}", "linear from=[x,w]"),
        ("{x: 500x400, w: 300x400}", "linear axis=-1 from=[x,w]"),
    ],
)
def test_no_more_memory_than_is_said(inputs: str, line: str) -> None:
    from tests.executor.test_memory import SLACK, allocated

    real, said = allocated(convcalc.load(f"inputs: {inputs}\nlayers:\n  - {line}\n"))
    assert real <= said + SLACK


def test_the_field_of_a_dynamic_convolution() -> None:
    """The kernel is made from all of the input, so all of it is seen; the features alone see 5 pixels."""
    text = "\n".join(
        [
            "input: 4x12x12",
            "layers:",
            "  - conv 4 k3 p1 id=x",
            "  - globalavgpool",
            "  - flatten",
            "  - linear 144",
            "  - reshape 4x4x3x3 id=w",
            "  - conv p1 from=[x,w]",
        ]
    )
    found = convcalc.verify(convcalc.load(text))
    assert found.ok, str(found)
    graph = convcalc.load(text)
    assert taint(graph).all()


# Published constructions, against PyTorch


def by_torch(case: Case, arrays: dict[str, np.ndarray], torch: Any) -> Any:
    """PyTorch's functions, one sample at a time; and the tensors whose gradients are asked for."""
    f = torch.nn.functional
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    word, *words = case.line.split()
    window = {w[0]: [int(n) for n in w[1:].split("x")] for w in words if w[0] in "skdp" and w[1:2].isdigit()}
    axis = next((int(w.removeprefix("axis=")) for w in words if w.startswith("axis=")), 0)
    groups = next((int(w[1:]) for w in words if w[0] == "g"), case.shape[0] if word == "dwconv" else 1)
    lines = []
    for x, w, b in zip(*(tensors[name] for name in "xwb"), strict=True):
        if word == "linear":
            lines.append(torch.movedim(f.linear(torch.movedim(x, axis, -1), w, b), -1, axis))
            continue
        name = f"conv_transpose{len(case.shape) - 1}d" if word == "convT" else f"conv{len(case.shape) - 1}d"
        call = partial(
            getattr(f, name), x[None], w, b, stride=window["s"], dilation=window["d"], groups=groups
        )
        lines.append(call(padding=window.get("p", 0))[0])
    return torch.stack(lines), tensors


@pytest.mark.torch
@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(1, 2), st.integers(0, 2**31))
def test_values_and_gradients_of_pytorch(case: Case, batch: int, seed: int) -> None:
    torch = pytest.importorskip("torch")
    arrays = case.arrays(batch, seed)
    expected, tensors = by_torch(case, arrays, torch)
    graph = convcalc.load(case.document(True))
    found = execute(graph, arrays)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    expected[(slice(None), slice(None), *(n // 2 for n in found.shape[2:]))].sum().backward()
    for name, slopes in gradient(graph, arrays).items():
        np.testing.assert_allclose(slopes, tensors[name].grad.numpy(), rtol=1e-9, atol=1e-10)


def test_the_weights_of_a_batch_are_counted_once_a_sample() -> None:
    graph = convcalc.load("inputs: {x: 8x9x9, w: 6x8x3x3}\nlayers:\n  - conv from=[x,w]\n")
    assert count(graph, batch=3).total("macs") == 3 * 49 * 6 * 8 * 9
    assert init_weights(graph) == {}
    assert prod(graph.nodes[-1].outputs[0]) == 6 * 49
