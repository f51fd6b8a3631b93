"""Layers along any axis of tensors of one to seven axes: against NumPy, and as they are written and read."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute
from convcalc.executor.weights import init_weights
from convcalc.exporters.text import format_graph, format_layer
from convcalc.layers.tensors.reshaping import reshaped
from convcalc.layers.values import MOST_AXES
from convcalc.spec import SpecError
from convcalc.verification import verify


@st.composite
def tensors(draw: st.DrawFn, least: int = 1, most: int = 7) -> tuple[tuple[int, ...], int]:
    """A shape of a few elements and one of its axes, from the front or from the end."""
    rank = draw(st.integers(least, most))
    shape = tuple(draw(st.lists(st.integers(1, 5 if rank < 4 else 3), min_size=rank, max_size=rank)))
    return shape, draw(st.integers(-rank, rank - 1))


def loaded(line: str, shape: tuple[int, ...]) -> convcalc.Graph:
    """The graph of a line, after printing and reading it back to the same."""
    graph = convcalc.load(f"input {'x'.join(map(str, shape))} | {line}")
    again = convcalc.load(format_graph(graph))
    assert [node.layer for node in again.nodes] == [node.layer for node in graph.nodes]
    return graph


def run(line: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Two samples, what a line of one layer makes of them, and its weights by their short names."""
    graph = loaded(line, shape)
    x = np.random.default_rng(len(shape)).standard_normal((2, *shape))
    weights = init_weights(graph, 1, "float64")
    y = execute(graph, x, weights)
    assert y.shape[1:] == graph.nodes[-1].outputs[0], line
    return x, y, {name.rpartition(".")[2]: array for name, array in weights.items()}


def lying(array: np.ndarray, axes: tuple[int, ...], rank: int) -> np.ndarray:
    """Weights over some axes, to broadcast over samples."""
    order = np.argsort(np.argsort(axes))
    assert sorted(order) == list(range(array.ndim))
    sizes = dict(zip(sorted(axes), array.shape, strict=True))
    return array.reshape([1, *(sizes.get(a, 1) for a in range(rank))])


def same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@given(tensors(), st.integers(1, 4), st.booleans())
def test_linear(tensor: tuple[tuple[int, ...], int], out: int, bias: bool) -> None:
    shape, axis = tensor
    at = axis % len(shape)
    line = f"linear {shape[at]}->{out} axis={axis} bias={str(bias).lower()}"
    x, y, own = run(line, shape)
    expected = np.moveaxis(np.tensordot(x, own["weight"], (at + 1, 1)), -1, at + 1)
    same(y, expected + lying(own["bias"], (at,), len(shape)) if bias else expected)
    totals = convcalc.analyze(loaded(line, shape)).totals
    positions = int(np.prod(shape)) // shape[at]
    assert totals.macs == totals.valid_macs == positions * shape[at] * out
    assert totals.params == out * (shape[at] + bias)
    assert tuple(totals.ops) == (bias * positions * out, 0, 0, 0, 0)


@given(tensors(), st.data())
def test_normalisation_over_axes(tensor: tuple[tuple[int, ...], int], data: st.DataObject) -> None:
    shape, _ = tensor
    rank = len(shape)
    chosen = data.draw(st.lists(st.integers(0, rank - 1), min_size=1, unique=True))
    written = ",".join(str(a - rank * data.draw(st.booleans())) for a in chosen)
    axes = tuple(a + 1 for a in chosen)
    x, y, own = run(f"ln axis=({written},)", shape)
    centred = x - x.mean(axis=axes, keepdims=True)
    unit = centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + 1e-5)
    at = tuple(chosen)
    same(y, unit * lying(own["weight"], at, rank) + lying(own["bias"], at, rank))
    x, y, own = run(f"rmsnorm axis=({written},) eps=0.01", shape)
    size = np.sqrt((x**2).mean(axis=axes, keepdims=True) + 0.01)
    same(y, x / size * lying(own["weight"], at, rank))


@given(tensors(), st.booleans())
def test_statistics_and_factors_along_an_axis(tensor: tuple[tuple[int, ...], int], track: bool) -> None:
    shape, axis = tensor
    rank, at = len(shape), axis % len(tensor[0])
    x, y, own = run(f"bn {shape[at]} axis={axis} track={str(track).lower()}", shape)
    others = tuple(a for a in range(rank + 1) if a != at + 1)
    if track:
        mean, variance = (lying(own[name], (at,), rank) for name in ("running_mean", "running_var"))
    else:
        mean, variance = x.mean(axis=others, keepdims=True), x.var(axis=others, keepdims=True)
    weight, bias = (lying(own[name], (at,), rank) for name in ("weight", "bias"))
    same(y, (x - mean) / np.sqrt(variance + 1e-5) * weight + bias)
    x, y, own = run(f"scale axis={axis} bias=true", shape)
    same(y, x * lying(own["weight"], (at,), rank) + lying(own["bias"], (at,), rank))
    x, y, own = run(f"prelu {shape[at]} axis={axis}", shape)
    same(y, np.where(x > 0, x, x * lying(own["weight"], (at,) if shape[at] > 1 else (0,), rank)))


@given(tensors(), st.data())
def test_padding_and_cropping(tensor: tuple[tuple[int, ...], int], data: st.DataObject) -> None:
    shape, _ = tensor
    rank = len(shape)
    chosen = data.draw(st.lists(st.integers(0, rank - 1), min_size=1, unique=True))
    sides = [(data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in chosen]
    mode = data.draw(st.sampled_from(["zeros", "constant", "replicate", "reflect", "circular"]))
    if mode in ("reflect", "circular"):
        sides = [
            (min(b, shape[a] - 1), min(c, shape[a] - 1)) for a, (b, c) in zip(chosen, sides, strict=True)
        ]
    order = ",".join(str(a - rank * data.draw(st.booleans())) for a in chosen)
    text = "x".join(f"{b}:{c}" for b, c in sides)
    value = " value=1.5" if mode == "constant" else ""
    x, y, _ = run(f"pad p={text} axis=({order},) mode={mode}{value}", shape)
    widths = [(0, 0)] * (rank + 1)
    for a, pair in zip(chosen, sides, strict=True):
        widths[a + 1] = pair
    names: dict[str, Any] = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}
    more = {"constant_values": 1.5} if mode == "constant" else {}
    same(y, np.pad(x, widths, names.get(mode, mode), **more))
    big = y.shape[1:]
    z, cut, _ = run(f"crop amounts={text} axis=({order},)", big)
    same(cut, z[tuple(slice(b, n - c) for n, (b, c) in zip(z.shape, widths, strict=True))])
    assert cut.shape[1:] == shape
    wanted = "x".join(str(shape[a]) for a in chosen)
    _, centre, _ = run(f"crop size={wanted} axis=({order},)", big)
    assert centre.shape[1:] == shape


@given(tensors(), st.data())
def test_moves(tensor: tuple[tuple[int, ...], int], data: st.DataObject) -> None:
    shape, axis = tensor
    rank, at = len(shape), axis % len(tensor[0])
    order = data.draw(st.permutations(range(rank)))
    text = ",".join(str(a - rank * data.draw(st.booleans())) for a in order)
    x, y, _ = run(f"permute ({text},)", shape)
    same(y, x.transpose(0, *(a + 1 for a in order)))
    last = data.draw(st.integers(at, rank - 1))
    x, y, _ = run(f"flatten start={axis} end={last - rank * data.draw(st.booleans())}", shape)
    same(y, x.reshape(2, *shape[:at], -1, *shape[last + 1 :]))
    x, y, _ = run(f"reshape ({shape[at]},1,-1) axis={axis}", shape)
    same(y, x.reshape(2, *shape[:at], shape[at], 1, 1, *shape[at + 1 :]))
    start = data.draw(st.integers(0, shape[at] - 1))
    x, y, _ = run(f"slice {start} axis={axis}", shape)
    same(y, np.take(x, range(start, shape[at]), at + 1))
    x, y, _ = run(f"softmax axis={axis}", shape)
    e = np.exp(x)
    same(y, e / e.sum(axis=at + 1, keepdims=True))
    x, y, _ = run(f"logsoftmax axis={axis}", shape)
    same(y, np.log(e / e.sum(axis=at + 1, keepdims=True)))
    twice = (*shape[:at], 2 * shape[at], *shape[at + 1 :])
    x, y, _ = run(f"glu axis={axis}", twice)
    a, b = np.split(x, 2, at + 1)
    same(y, a / (1 + np.exp(-b)))
    line = f"split ({shape[at]},{shape[at]}) axis={axis} id=s | concat axis={axis} from=[s.1,s.0]"
    x, y, _ = run(line, twice)
    a, b = np.split(x, 2, at + 1)
    same(y, np.concatenate([b, a], at + 1))


LINES = (
    "ln axis={a}", "rmsnorm axis={a}", "bn axis={a}", "bn axis={a} track=false", "scale axis={a}",
    "linear 2 axis={a}", "softmax axis={a}", "pad p1:0 axis={a}", "pad p=0:1 axis={a} mode=replicate",
    "concat axis={a}", "slice 0 1 axis={a}", "gn 1", "instancenorm", "lrn 2", "relu", "flatten start={a}",
    "globalavgpool", "globalmaxpool", "dropout", "shuffle 1", "rescale scale=2", "prelu",
)  # fmt: skip


@settings(max_examples=50)
@given(tensors(2, 7), st.sampled_from(LINES), st.sampled_from(LINES))
def test_formula_and_execution_agree_on_every_number_of_axes(
    tensor: tuple[tuple[int, ...], int], one: str, other: str
) -> None:
    shape, axis = tensor
    shape = tuple(min(n, 2 if len(shape) > 4 else 3) for n in shape)
    try:
        graph = loaded(f"{one.format(a=axis)} | {other.format(a=axis)}", shape)
    except SpecError as error:
        assert "no axis" in str(error)  # fewer are left
        return
    found = verify(graph)
    assert found.ok, str(found)


def test_a_token_axis_is_padded_and_a_class_token_cut_off() -> None:
    graph = loaded("pad p1:0 axis=0 id=p | slice 0 1 axis=0", (196, 768))
    assert [node.outputs[0] for node in graph.nodes] == [(196, 768), (197, 768), (1, 768)]


def test_letters() -> None:
    """Ba et al. 2016 over the last axis of T tokens, and W x + b at each of them, follow the letters."""
    totals = convcalc.analyze(convcalc.load("ln axis=-1 | linear 10 axis=-1", input="Tx768")).totals
    for tokens in (1, 7, 197):
        numbers = convcalc.analyze(
            convcalc.load("ln axis=-1 | linear 10 axis=-1", input=f"{tokens}x768")
        ).totals
        assert totals.macs.subs({"T": tokens}) == numbers.macs == tokens * 768 * 10
        assert totals.flops.subs({"T": tokens}) == numbers.flops
    assert totals.params == 2 * 768 + 768 * 10 + 10


@pytest.mark.parametrize(
    ("shape", "line", "printed"),
    [
        ("197x768", "ln over=all", "ln shape=(197,768)"),
        ("197x768", "ln over=channels", "ln axis=0 shape=(197,)"),
        ("197x768", "ln shape=768", "ln axis=1 shape=(768,)"),
        ("197x768", "ln axis=(0,1)", "ln shape=(197,768)"),
        ("768", "ln axis=-1", "ln shape=(768,)"),
        ("768", "linear 10 axis=-1", "linear 768->10"),
        ("197x768", "linear 10 axis=0", "linear 197->10 axis=channels"),
        ("197x768", "linear 10 axis=-1", "linear 768->10 axis=1"),
        ("3x8x8", "pad p1 axis=(1,2)", "pad p1"),
        ("3x8x8", "pad p=1x2 axis=(2,0)", "pad p2x1 axis=(0,2)"),
        ("3x8x8", "crop size=4 axis=1", "crop amounts=2 axis=1"),
        ("3x8x8", "bn axis=-1", "bn 8 axis=2"),
        ("3x8x8", "prelu axis=1", "prelu 1"),
        ("3x8x8", "permute (0,-1,1)", "permute order=(0,2,1)"),
        ("3x8x8", "concat axis=-1", "concat axis=2"),
    ],
)
def test_one_layer_has_one_text(shape: str, line: str, printed: str) -> None:
    layer = convcalc.load(line, input=shape).nodes[-1].layer
    assert format_layer(layer) == printed
    assert convcalc.load(printed, input=shape).nodes[-1].layer == layer


@pytest.mark.parametrize(
    ("shape", "line", "message"),
    [
        ("197x768", "linear 10", "linear needs a flat input, got 197x768"),
        ("197x768", "linear 10 axis=2", "no axis 2 in 197x768"),
        ("197x768", "linear 100->10 axis=-1", "in_features is 100, but 768 arrive"),
        ("512x7x7", "linear 25088->10 axis=-1", "25088, but 7 arrive on the axis of the features of 512x7x7"),
        ("3x8x8", "ln axis=(1,-2)", "axis names an axis of 3x8x8 twice"),
        ("3x8x8", "ln axis=3", "no axis 3 in 3x8x8"),
        ("3x8x8", "ln over=channels axis=1", "ln takes over or axis"),
        ("3x8x8", "rmsnorm axis=1 shape=3", "shape 3 is not what arrives: 8"),
        ("3x8x8", "bn 3 axis=-1", "channels is 3, but 8 arrive"),
        ("3x8x8", "prelu 3 axis=1", "prelu has 3 slopes, but 8 channels arrive"),
        ("3x8x8", "pad p=1x2x3 axis=(0,1)", "padding has 3 values for 2 axes"),
        ("3x8x8", "pad p=same axis=0", "a pad layer has no kernel to follow"),
        ("3x8x8", "crop amounts=2 axis=0", "cropping 2:2 leaves nothing of 3"),
        ("3x8x8", "softmax axis=a", "unknown"),
        ("3x8x8", "softmax axis=(1,2)", "axis: (1, 2) is no number of an axis"),
        ("3x8x8", "permute (0,-1,2)", "is no order of the 3 axes"),
        ("2x3x4x5x6", "conv 3 k1", "conv works on up to 3 sizes besides the channels"),
        ("x".join("2" * (MOST_AXES + 1)), "relu", f"a shape of {MOST_AXES + 1} sizes"),
        ("2x64", f"reshape ({','.join('1' * (MOST_AXES - 1))},64) axis=1", "a shape of 17 sizes"),
    ],
)  # fmt: skip
def test_what_goes_along_no_axis_is_refused(shape: str, line: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        convcalc.load(f"input {shape} | {line}")
    assert message in str(refused.value)


COMMANDS = (
    "summary",
    "params",
    "flops",
    "shapes",
    "memory",
    "sizes",
    "rf",
    "padding",
    "dilation",
    "explain",
    "run",
)
SPECS = (
    "input 197x768 | ln axis=-1 | linear 2304 axis=-1",
    "input 4x3x5x2x3x4 | ln axis=(1,-1) | linear 7 axis=2 | softmax axis=-1",
    "input 2x2x2x2x2x2x2x2x2 | bn axis=-1 | globalavgpool | flatten start=2",
    "input AxBxCxDxE | ln axis=(2,3) | pad p1 axis=(0,4) | scale axis=1",
)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_question_is_answered_on_any_number_of_axes(cli: Any, command: str, spec: str) -> None:
    found = cli(command, spec)
    if command == "run" and "A" in spec:
        assert found.code == 2
        assert found.err.startswith("error: input has the shape AxBxCxDxE, and only numbers can be executed")
        return
    assert (found.code, found.err) == (0, "")


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes of as many elements, often with axes of size 1."""
    factors = draw(st.lists(st.sampled_from((1, 1, 2, 3)), min_size=1, max_size=7))
    shapes = []
    for _ in range(2):
        cuts = draw(st.lists(st.integers(0, len(factors)), max_size=6))
        ends = [0, *sorted(cuts), len(factors)]
        shapes.append(tuple(math.prod(factors[a:b]) for a, b in pairwise(ends)))
    return shapes[0], shapes[1]


@given(reshapes())
def test_a_reshape_reads_one_entry_of_every_axis(sizes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Brute force: where NumPy takes each entry from; an axis of size 1 decides nothing."""
    shape, out = sizes
    reads = reshaped(shape, out)
    assert len(reads) in (len(shape), len(shape) + 1)
    places = np.stack(np.unravel_index(np.arange(math.prod(shape)).reshape(out), shape), -1)
    for at in np.ndindex(*out):
        for axis, read, n in zip(places[at], reads, shape, strict=False):
            along = [(at[a], out[a]) for a in read.outputs]
            count = 0
            for index, size in along:
                count = count * size + index
            assert list(read.rule.of(count, n)) == [axis]
    larger = [n for n in shape if n > 1]
    if larger == [n for n in out if n > 1]:
        assert all(len(read.outputs) <= 1 for read in reads)
        assert all(read.rule.period() in ((1, 1), (1, 0)) for read in reads)
