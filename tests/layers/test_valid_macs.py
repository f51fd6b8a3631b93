"""MACs, valid MACs and operations against their definitions, enumerated pair by pair.

Nothing here shares a formula with convcalc: windows are listed, taps are listed, and those that
meet a real input are counted.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.layers.windows.window import valid_pairs


class Axis(NamedTuple):
    """One axis: input, kernel, stride, dilation, padding before and after."""

    i: int
    k: int
    s: int
    d: int
    before: int
    after: int


@st.composite
def axes(draw: st.DrawFn, longest: int = 12) -> Axis:
    k, d = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    span = d * (k - 1) + 1
    before, after = draw(st.integers(0, 2 * span)), draw(st.integers(0, 2 * span))
    least = max(1, span - before - after)
    return Axis(draw(st.integers(least, least + longest)), k, draw(st.integers(1, 7)), d, before, after)


def windows(axis: Axis) -> list[int]:
    """Where the windows start, in input positions: step by the stride while the window fits."""
    starts, at = [], -axis.before
    while at + axis.d * (axis.k - 1) <= axis.i + axis.after - 1:
        starts.append(at)
        at += axis.s
    return starts


def reads(axis: Axis) -> list[tuple[int, int]]:
    """Every (window, input position) that a convolution multiplies, padding included."""
    return [(j, start + t * axis.d) for j, start in enumerate(windows(axis)) for t in range(axis.k)]


def inside(axis: Axis) -> int:
    return sum(0 <= position < axis.i for _, position in reads(axis))


@settings(max_examples=300)
@given(axes(longest=60))
def test_pairs_of_one_axis(axis: Axis) -> None:
    assert valid_pairs(axis.i, axis.k, axis.s, axis.d, axis.before, len(windows(axis))) == inside(axis)


@given(st.integers(10**15, 10**18), st.integers(10**6, 10**12), st.integers(1, 999), st.integers(1, 999))
def test_pairs_of_one_axis_of_any_size(i: int, k: int, s: int, d: int) -> None:
    """Sizes that cannot be enumerated: the taps of one side, by symmetry of the other.

    A tap ``t`` meets the input at the windows ``j`` with ``0 <= j*s + t*d - p < i``; summed over a
    random sample of taps one by one, and compared as the difference that leaving them out makes.
    """
    p = d * (k - 1) // 2
    o = (i + 2 * p - d * (k - 1) - 1) // s + 1
    if o < 1:
        return

    def of_tap(t: int) -> int:
        first = max(0, -((t * d - p) // s))
        last = min(o - 1, (i - 1 + p - t * d) // s)
        return max(0, last - first + 1)

    # A kernel of one tap more, aligned at its first: one tap's windows more.
    whole = valid_pairs(i, k, s, d, p, o)
    less = valid_pairs(i, k - 1, s, d, p, o)
    assert whole - less == of_tap(k - 1)
    assert valid_pairs(i, 1, s, d, p, o) == of_tap(0)


class Layer(NamedTuple):
    axes: list[Axis]
    groups: int
    ins: int
    outs: int
    bias: bool


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    found = draw(st.lists(axes(longest=4), min_size=1, max_size=3))
    groups = draw(st.integers(1, 3))
    ins, outs = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    return Layer(found, groups, ins, outs, draw(st.booleans()))


def spec(layer: Layer, name: str = "conv", padding: str | None = None) -> str:
    def each(field: str) -> str:
        return "x".join(str(getattr(a, field)) for a in layer.axes)

    pads = padding or "p" + "x".join(f"{a.before}:{a.after}" for a in layer.axes)
    return (
        f"{name} {layer.ins}->{layer.outs} k{each('k')} s{each('s')} d{each('d')} {pads} "
        f"g{layer.groups} bias={str(layer.bias).lower()}"
    )


def counted(line: str, shape: tuple[int, ...], batch: int = 1) -> Any:
    return convcalc.analyze(convcalc.load(line, input=shape), batch=batch).totals


@given(layers(), st.integers(1, 3))
def test_convolutions(layer: Layer, batch: int) -> None:
    totals = counted(spec(layer), (layer.ins, *(a.i for a in layer.axes)), batch)
    channels = layer.outs * layer.ins // layer.groups
    assert totals.macs == batch * channels * prod(len(reads(a)) for a in layer.axes)
    assert totals.valid_macs == batch * channels * prod(inside(a) for a in layer.axes)
    written = batch * layer.outs * prod(len(windows(a)) for a in layer.axes)
    assert totals.activations == written
    assert totals.ops._asdict() == {
        "add": written if layer.bias else 0,
        "mul": 0,
        "cmp": 0,
        "div": 0,
        "special": 0,
    }
    assert totals.flops == 2 * totals.macs + totals.ops.add


@settings(max_examples=30)
@given(layers())
def test_convolutions_output_by_output(layer: Layer) -> None:
    """Over whole positions at once: no use of the axes being independent."""
    sizes = tuple(a.i for a in layer.axes)
    every = valid = 0
    for place in product(*(range(len(windows(a))) for a in layer.axes)):
        for tap in product(*(range(a.k) for a in layer.axes)):
            every += 1
            valid += all(
                0 <= j * a.s + t * a.d - a.before < n
                for j, t, a, n in zip(place, tap, layer.axes, sizes, strict=True)
            )
            if every > 20_000:
                return
    channels = layer.outs * layer.ins // layer.groups
    totals = counted(spec(layer), (layer.ins, *sizes))
    assert (totals.macs, totals.valid_macs) == (channels * every, channels * valid)


@given(layers(), st.sampled_from(["same", "same_lower", "valid", "full", "causal"]))
def test_conventions(layer: Layer, convention: str) -> None:
    resolved = []
    for a in layer.axes:
        span = a.d * (a.k - 1) + 1
        a = a._replace(i=a.i + span)
        total = max((-(-a.i // a.s) - 1) * a.s + span - a.i, 0)
        before, after = {
            "same": (total // 2, total - total // 2),
            "same_lower": (total - total // 2, total // 2),
            "valid": (0, 0),
            "full": (span - 1, span - 1),
            "causal": (span - 1, 0),
        }[convention]
        resolved.append(a._replace(before=before, after=after))
    layer = layer._replace(axes=resolved)
    shape = (layer.ins, *(a.i for a in layer.axes))
    totals = counted(spec(layer, padding=f"p={convention}"), shape)
    channels = layer.outs * layer.ins // layer.groups
    assert totals.macs == channels * prod(len(reads(a)) for a in layer.axes)
    assert totals.valid_macs == channels * prod(inside(a) for a in layer.axes)


@given(layers(), st.data())
def test_copied_padding_is_input(layer: Layer, data: st.DataObject) -> None:
    """Reflected, replicated and wrapped positions multiply values, so every MAC is valid."""
    mode = data.draw(st.sampled_from(["reflect", "replicate", "circular"]))
    small = [a._replace(before=min(a.before, a.i - 1), after=min(a.after, a.i - 1)) for a in layer.axes]
    if any(not windows(a) for a in small):
        return
    layer = layer._replace(axes=small)
    totals = counted(spec(layer) + f" padding_mode={mode}", (layer.ins, *(a.i for a in layer.axes)))
    channels = layer.outs * layer.ins // layer.groups
    assert totals.macs == totals.valid_macs == channels * prod(len(reads(a)) for a in small)


@st.composite
def transposed_axes(draw: st.DrawFn) -> tuple[Axis, int]:
    """Here before and after crop the output; the number is the output padding."""
    k, d, s, i = (draw(st.integers(1, n)) for n in (5, 4, 5, 6))
    extra = draw(st.integers(0, max(s, d) - 1))
    room = s * (i - 1) + d * (k - 1) + 1 + extra
    before = draw(st.integers(0, room - 1))
    return Axis(i, k, s, d, before, draw(st.integers(0, room - 1 - before))), extra


@given(st.lists(transposed_axes(), min_size=1, max_size=3), st.integers(1, 3), st.booleans(), st.data())
def test_transposed(found: list[tuple[Axis, int]], groups: int, bias: bool, data: st.DataObject) -> None:
    ins, outs = (groups * data.draw(st.integers(1, 3)) for _ in range(2))
    layer = Layer([a for a, _ in found], groups, ins, outs, bias)
    every, valid, sizes = 1, 1, []
    for a, extra in found:
        # Every input scatters every tap; those on the map that is left are valid.
        lands = [j * a.s + t * a.d for j in range(a.i) for t in range(a.k)]
        end = a.s * (a.i - 1) + a.d * (a.k - 1) + 1 + extra - a.after
        sizes.append(end - a.before)
        every *= len(lands)
        valid *= sum(a.before <= place < end for place in lands)
    line = spec(layer, "convT") + " op" + "x".join(str(e) for _, e in found)
    totals = counted(line, (ins, *(a.i for a in layer.axes)))
    channels = ins * outs // groups
    assert (totals.macs, totals.valid_macs) == (channels * every, channels * valid)
    assert totals.activations == outs * prod(sizes)
    assert totals.ops.add == (outs * prod(sizes) if bias else 0)


@given(st.integers(1, 50), st.integers(1, 50), st.booleans(), st.lists(st.integers(1, 5), max_size=3))
def test_linear(ins: int, outs: int, bias: bool, sizes: list[int]) -> None:
    axis = " axis=channels" if sizes else ""
    line = f"linear {ins}->{outs} bias={str(bias).lower()}{axis}"
    totals = counted(line, (ins, *sizes))
    positions = prod(sizes)
    assert totals.macs == totals.valid_macs == positions * ins * outs
    assert totals.ops.add == (positions * outs if bias else 0)


# Each expectation is the definition of the layer, counted for an input of 6 channels on 4 x 10
# (240 elements, 40 positions): additions, multiplications, comparisons, divisions, special.
# Pools visit every tap; k2 on 4 x 10 writes 6 x 2 x 5 = 60.
BY_DEFINITION = {
    "relu": (0, 0, 240, 0, 0),  # one comparison with 0
    "relu6": (0, 0, 480, 0, 0),  # and one with 6
    "leakyrelu": (0, 240, 240, 0, 0),
    "prelu 6": (0, 240, 240, 0, 0),
    "elu": (240, 240, 240, 0, 240),  # alpha * (exp(x) - 1)
    "selu": (240, 480, 240, 0, 240),  # and the outer scale
    "gelu": (240, 720, 0, 0, 240),  # 0.5 * x * (1 + erf(x * c)): three products, an addition, erf
    "silu": (240, 240, 0, 240, 240),  # x * 1 / (1 + exp(-x))
    "mish": (240, 240, 0, 0, 720),  # x * tanh(log(1 + exp(x)))
    "softplus": (240, 240, 240, 240, 480),  # log(1 + exp(beta * x)) / beta, beta * x against the threshold
    "hardtanh": (0, 0, 480, 0, 0),  # one comparison with each bound
    "hardswish": (240, 240, 480, 240, 0),  # x * relu6(x + 3) / 6
    "hardsigmoid": (240, 0, 480, 240, 0),
    "celu": (240, 240, 240, 240, 240),  # alpha * (exp(x / alpha) - 1)
    "threshold 0.5 0": (0, 0, 240, 0, 0),
    "softsign": (240, 0, 240, 240, 0),  # x / (1 + |x|)
    "logsigmoid": (480, 0, 480, 0, 480),  # min(x, 0) - log(1 + exp(-|x|))
    "tanhshrink": (240, 0, 0, 0, 240),
    "softshrink": (240, 0, 480, 0, 0),  # x less x between the bounds
    "hardshrink": (0, 0, 480, 0, 0),  # |x|, against lambda
    "glu": (120, 120, 0, 120, 120),  # a sigmoid and a product for each of 3 channels
    "glu axis=2": (120, 120, 0, 120, 120),
    "prelu shape=6x1x10": (0, 240, 240, 0, 0),
    "softmin": (480, 0, 240, 240, 240),
    # x - max, the sum of the exponentials and the difference; a logarithm for each of 40 sums
    "logsoftmax": (720, 0, 240, 0, 280),
    "logsoftmax axis=2": (720, 0, 240, 0, 264),
    "sigmoid": (240, 0, 0, 240, 240),
    "tanh": (0, 0, 0, 0, 240),
    "bn": (240, 240, 0, 0, 0),
    "scale": (0, 240, 0, 0, 0),
    "scale bias=true": (240, 240, 0, 0, 0),
    "dropout": (0, 0, 0, 0, 0),
    "identity": (0, 0, 0, 0, 0),
    "flatten": (0, 0, 0, 0, 0),
    "reshape 40x6": (0, 0, 0, 0, 0),
    "permute (1,0,2)": (0, 0, 0, 0, 0),
    "pad p1": (0, 0, 0, 0, 0),
    "crop amounts=1": (0, 0, 0, 0, 0),
    "shift k3": (0, 0, 0, 0, 0),
    "shuffle 2": (0, 0, 0, 0, 0),
    "slice 0 3": (0, 0, 0, 0, 0),
    "unfold k3 p1": (0, 0, 0, 0, 0),
    # every pixel is in four windows, but two at the ends of an axis, and one in the corners
    "unfold k2 | fold 4x10 k2": (6 * 4 * (3 * 9), 0, 0, 0, 0),
    "unfold k2 s2 | fold 4x10 k2 s2": (240, 0, 0, 0, 0),
    "pixelunshuffle 2": (0, 0, 0, 0, 0),
    **{
        line: (0, 0, 0, 0, 0)
        for line in ("roll 2 axis=1", "flip", "tile (1,2,3)", "expand 5x6x4x10", "unstack", "stack axis=2")
    },
    # every entry is added to its sum, each sum divided
    "mean": (240, 0, 0, 1, 0),
    "mean axis=(1,2)": (240, 0, 0, 6, 0),
    "mean axis=0 keep=true": (240, 0, 0, 40, 0),
    "sum axis=1": (240, 0, 0, 0, 0),
    "prod axis=1": (0, 240, 0, 0, 0),
    "max axis=1": (0, 0, 240, 0, 0),
    "min": (0, 0, 240, 0, 0),
    "argmax axis=0": (0, 0, 240, 0, 0),
    "argmin axis=2": (0, 0, 240, 0, 0),
    "norm axis=0": (240, 240, 0, 0, 40),  # squares, their sum, its root
    "norm axis=0 p=1": (240, 0, 240, 0, 0),  # |x|, their sum
    "norm axis=0 p=inf": (0, 0, 480, 0, 0),  # |x|, the largest of them
    # the mean, x - mean, the sum of its squares; a mean and a variance divided for each of 40
    "var axis=0": (720, 240, 0, 80, 0),
    "std axis=0 correction=0": (720, 240, 0, 80, 40),
    "maxpool k2": (0, 0, 240, 0, 0),  # 60 outputs of 4 taps
    "avgpool k2": (240, 0, 0, 60, 0),
    "lppool k2": (240, 240, 0, 0, 60),  # squares, a sum, a root
    "globalavgpool": (240, 0, 0, 6, 0),
    "globalmaxpool": (0, 0, 240, 0, 0),
    "adaptiveavgpool size=3x4": (6 * 6 * 12, 0, 0, 6 * 12, 0),  # see test_adaptive_windows
    "upsample scale=2": (0, 0, 0, 0, 0),
    # first 4 -> 8 rows of 10: 480 values of 2 taps, then 10 -> 20 columns: 960
    "upsample scale=2 mode=linear": (2 * 1440, 2 * 1440, 0, 0, 0),
    "upsample scale=2 mode=cubic": (4 * 1440, 4 * 1440, 0, 0, 0),
    "identity id=a | add with=a": (240, 0, 0, 0, 0),
    "identity id=a | mul with=a": (0, 240, 0, 0, 0),
    "identity id=a | add with=[a,a]": (480, 0, 0, 0, 0),
    "identity id=a | concat with=a": (0, 0, 0, 0, 0),
    "identity id=a | globalavgpool | mul with=a": (240, 240, 0, 6, 0),
    # over 6 channels at 40 positions: the largest, x - max, exp, their sum, the quotients
    "softmax": (480, 0, 240, 240, 240),
}


@pytest.mark.parametrize("line", BY_DEFINITION)
@pytest.mark.parametrize("batch", [1, 3])
def test_operations_by_definition(line: str, batch: int) -> None:
    expected = BY_DEFINITION[line]
    if line.startswith("adaptive"):
        windows = sum(-(-(j + 1) * 4 // 3) - j * 4 // 3 for j in range(3)) * sum(
            -(-(j + 1) * 10 // 4) - j * 10 // 4 for j in range(4)
        )
        expected = (6 * windows, *expected[1:])
    totals = counted(line, (6, 4, 10), batch)
    assert tuple(totals.ops) == tuple(batch * n for n in expected)
    assert totals.macs == 0
    assert totals.flops == sum(totals.ops)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("line", "groups"), [("", 1), ("over=channels", 40), ("shape=10", 24), ("shape=4x10", 6)]
)
def test_root_mean_squares_by_definition(line: str, groups: int, affine: bool) -> None:
    """Each group of n: n squares, their sum, a mean, eps, a root, a reciprocal, n scaled; n weighted."""
    totals = counted(f"rmsnorm {line} affine={str(affine).lower()}", (6, 4, 10))
    assert tuple(totals.ops) == (240 + groups, 240 * (2 + affine), 0, 2 * groups, groups)
    assert totals.params == 240 // groups * affine


@given(st.integers(1, 30), st.integers(1, 30))
def test_adaptive_windows(i: int, o: int) -> None:
    """Output j reads floor(j*i/o) up to ceil((j + 1)*i/o), as PyTorch documents."""
    reads = sum(-(-(j + 1) * i // o) - j * i // o for j in range(o))
    assert counted(f"adaptiveavgpool size={o}", (5, i)).ops.add == 5 * reads
    assert counted(f"adaptivemaxpool size={o}", (5, i)).ops.cmp == 5 * reads


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "op", ["ln", "gn 2", "instancenorm affine=true", "ln over=channels", "bn track=false"]
)
def test_statistics_by_definition(op: str, bias: bool) -> None:
    """Each group of n: a mean, n centred, n squares, their mean, eps, a root, a reciprocal, n scaled."""
    groups = {"ln": 1, "gn 2": 2, "ln over=channels": 40}.get(op, 6)
    add = 240 + 240 + 240 + groups + 240 * bias  # sums for the mean, centring, sums of squares, eps; bias
    mul = 240 + 240 + 240  # squares, scaling; weight
    totals = counted(f"{op} bias={str(bias).lower()}", (6, 4, 10))
    assert tuple(totals.ops) == (add, mul, 0, 3 * groups, groups)
