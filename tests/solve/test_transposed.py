"""Solutions executed: against NumPy's convolution, PyTorch, and the definition of the inverse shape."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc import SpecError, Unreachable, solve_transposed
from convcalc.solve import overlap

SMALL = st.tuples(*(st.integers(1, n) for n in (20, 5, 4, 3)), st.integers(0, 4))


def test_the_conventional_solution() -> None:
    found = solve_transposed(32, 64, 4)
    assert found.spec == "convT 1->1 k4 s2 p1 bias=false"
    assert found.phase_map().tolist() == [[4, 4], [4, 4]]
    assert found.is_even and found.proven
    graph = convcalc.load(found.spec, input="1x32x32")
    assert graph.nodes[-1].outputs[0] == (1, 64, 64)


@settings(max_examples=60)
@given(SMALL)
def test_the_inverse_of_a_layers_shape(parts: tuple[int, ...]) -> None:
    i, k, s, d, p = parts
    span = d * (k - 1) + 1
    assume(i + 2 * p >= span)
    found = solve_transposed(i, like=f"conv 3->5 k{k} s{s} p{p} d{d}", rank=1)
    (axis,) = found.axes
    # Dumoulin & Visin 2016, relationship 14: a = (i + 2p - k) mod s
    assert axis.input == (i + 2 * p - span) // s + 1
    assert axis.output == i
    assert axis.output_padding == (i + 2 * p - span) % s
    assert found.channels == (5, 3)
    layer = convcalc.load(found.spec, input=(5, axis.input))
    assert layer.nodes[-1].outputs[0] == (3, i)


def test_the_example_of_the_issue() -> None:
    found = solve_transposed(64, like="conv 64 k5 s2 p2")
    assert found.spec == "convT 64->1 k5 s2 p2 op1 bias=false"
    assert [axis.output for axis in found.axes] == [64, 64]
    assert found.overlap.min() > 0
    assert found.phase_map().tolist() == [[9, 6], [6, 4]]


@pytest.mark.parametrize(
    ("like", "size", "rank", "spec"),
    [
        ("conv 8 k3 s2 p=same", 8, None, "convT 8->1 k3 s2 p0:1x0:1 bias=false"),
        ("conv 3->8 k3 s2 p1", (9, 12), None, "convT 8->3 k3 s2 p1 op0x1 bias=false"),
        ("dwconv 8 k3 s2 p1", 8, None, "convT 8->8 k3 s2 p1 op1 g8 bias=false"),
        ("conv 4->8 k3 g2", 8, 1, "convT 8->4 k3 g2 bias=false"),
        ("Conv2d(3, 64, 5, stride=2, padding=2)", 64, None, "convT 64->3 k5 s2 p2 op1 bias=false"),
        ("conv 8 k3x4x5 s2", 12, None, "convT 8->1 k3x4x5 s2 op1x0x1 bias=false"),
    ],
)
def test_layers_of_all_kinds_are_inverted(like: str, size, rank: int | None, spec: str) -> None:
    assert solve_transposed(size, like=like, rank=rank).spec == spec


@settings(max_examples=60)
@given(SMALL, st.integers(0, 9))
def test_the_equivalent_convolution_by_numpy(parts: tuple[int, ...], extra: int) -> None:
    i, k, s, d, p = parts
    extra %= max(s, d)
    size = s * (i - 1) + d * (k - 1) + 1 - 2 * p + extra
    assume(size >= 1)
    found = solve_transposed(i, None, k, stride=s, padding=p, output_padding=extra, dilation=d, rank=1)
    (axis,) = found.axes
    assert axis.output == size
    # Zeros between inputs and between taps, one full convolution, then the crop: nothing of convcalc.
    rng = np.random.default_rng(i * 100 + k)
    x, weight = rng.integers(-9, 9, i), rng.integers(-9, 9, k)
    stretched, dilated = np.zeros(s * (i - 1) + 1, int), np.zeros(d * (k - 1) + 1, int)
    stretched[::s], dilated[::d] = x, weight
    full = np.concatenate([np.convolve(stretched, dilated), np.zeros(extra, int)])
    wanted = full[p : len(full) - p]
    equivalent = axis.equivalent
    assert equivalent.stretched == len(stretched)
    padded = np.pad(stretched, (max(equivalent.before, 0), max(equivalent.after, 0)))
    padded = padded[max(-equivalent.before, 0) : len(padded) - max(-equivalent.after, 0)]
    assert np.array_equal(np.correlate(padded, dilated[::-1], "valid"), wanted)


def test_a_wrong_equivalent_would_be_noticed() -> None:
    axis = solve_transposed(6, 12, 4, rank=1).axes[0]
    assert overlap.same_as_convolution([axis])
    from dataclasses import replace

    shifted = replace(axis.equivalent, before=axis.equivalent.before - 1, after=axis.equivalent.after + 1)
    assert not overlap.same_as_convolution([replace(axis, equivalent=shifted)])


def test_wrong_counts_would_be_noticed() -> None:
    axis = solve_transposed(6, 13, 5, stride=2, rank=1).axes[0]
    from dataclasses import replace

    short = overlap.executed_overlap([overlap.shortened(axis)])
    assert overlap.as_counted([axis], short)
    turned = replace(axis.overlap, counts=axis.overlap.counts[::-1])
    assert not overlap.as_counted([replace(axis, overlap=turned)], short)


def written(i: int, k: int, s: int, d: int, p: int) -> np.ndarray:
    """How many taps write to each output pixel, borders included."""
    counts = np.zeros(s * (i - 1) + d * (k - 1) + 1, int)
    for j, t in product(range(i), range(k)):
        counts[j * s + t * d] += 1
    return counts[p : len(counts) - p]


@settings(max_examples=25)
@given(SMALL, SMALL)
def test_overlap_is_executed(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    sides = []
    for i, k, s, d, p in (a, b):
        p = min(p, d * (k - 1))
        assume(s * (i - 1) + d * (k - 1) + 1 - 2 * p >= 1)
        sides.append((i, k, s, d, p))
    i, k, s, d, p = zip(*sides, strict=True)
    found = solve_transposed(i, None, k, stride=s, padding=p, dilation=d)
    counts = np.zeros([4 * n for n in s], int)
    for y in product(*(range(n) for n in counts.shape)):
        counts[y] = np.prod([sum((t * d[x] - p[x] - y[x]) % s[x] == 0 for t in range(k[x])) for x in (0, 1)])
    assert np.array_equal(np.tile(found.phase_map(), (4, 4)), counts)
    assert found.overlap.shape == tuple(axis.output for axis in found.axes)
    sides = [written(*side) for side in sides]
    assert np.array_equal(found.overlap, np.multiply.outer(*sides))


@pytest.mark.parametrize(
    ("arguments", "reason", "nearest"),
    [
        (dict(input=32), "needs its kernel", "kernel 4"),
        (dict(input=0, output=64, kernel=4), "input is at least 1", "input 1"),
        (dict(input=4, output=8, kernel=4, padding=-1), "crops; a negative one adds", "padding 0"),
        (dict(input=4, output=8, kernel=4, stride=0), "stride 0", "stride 1"),
        (dict(input=4, output=8, kernel=4, dilation=0), "rate 0", "dilation 1"),
        (
            dict(input=4, kernel=4, stride=2, output_padding=2),
            "not smaller than stride 2",
            "output padding 1",
        ),
        (dict(input=4, kernel=4, output_padding=1), "not smaller than stride 1", "output padding 0"),
        (dict(input=32, like="conv 8 k3", kernel=3), "beside a layer", None),
        (dict(input=32, like="conv 8 k3 | relu"), "is not one convolution", None),
        (dict(input=32, like="maxpool k2"), "is not one convolution", None),
        (dict(input=4, output=8, kernel=4, channels=(0, 1)), "channels is at least 1", "channels 1"),
        (dict(input=(4, 4), output=(8, 8, 8), kernel=4), "axes", None),
    ],
)
def test_bad_input(arguments, reason: str, nearest: str | None) -> None:
    with pytest.raises(Unreachable) as refusal:
        solve_transposed(**arguments)
    assert reason in str(refusal.value)
    assert refusal.value.nearest == nearest


def test_a_layer_that_cannot_be_read_is_told_at_its_place() -> None:
    with pytest.raises(SpecError, match="kernel"):
        solve_transposed(2, like="conv 8 k7")
    with pytest.raises(SpecError):
        solve_transposed(32, like="conv 8 kk")


@pytest.mark.torch
@pytest.mark.parametrize(
    ("i", "o", "k"), [(8, 16, 4), (8, 16, 3), (5, 15, 5), (6, 13, 5), (1, 4, 4), (7, 7, 3)]
)
def test_every_setting_gives_the_size_in_pytorch(i: int, o: int, k: int) -> None:
    torch = pytest.importorskip("torch")
    (options,) = solve_transposed(i, o, k, rank=1).settings
    assert options.complete and options.found
    for stride, padding, extra, dilation in options.found:
        layer = torch.nn.ConvTranspose1d(1, 1, k, stride, padding, extra, dilation=dilation)
        assert layer(torch.zeros(1, 1, i)).shape[-1] == o


@pytest.mark.torch
@pytest.mark.parametrize(("i", "k", "s", "p"), [(64, 5, 2, 2), (63, 5, 2, 2), (30, 4, 3, 1), (17, 3, 4, 0)])
def test_the_inverse_leads_back_in_pytorch(i: int, k: int, s: int, p: int) -> None:
    torch = pytest.importorskip("torch")
    axis = solve_transposed(i, like=f"conv 1->1 k{k} s{s} p{p}", rank=1).axes[0]
    conv = torch.nn.Conv1d(1, 1, k, s, p)
    back = torch.nn.ConvTranspose1d(1, 1, k, s, axis.before, axis.output_padding)
    assert back(conv(torch.zeros(1, 1, i))).shape[-1] == i


@pytest.mark.torch
def test_overlap_by_pytorch() -> None:
    torch = pytest.importorskip("torch")
    found = solve_transposed((9, 7), (18, 21), (5, 4), stride=(2, 3))
    layer = torch.nn.ConvTranspose2d(
        1,
        1,
        (5, 4),
        (2, 3),
        tuple(a.before for a in found.axes),
        tuple(a.output_padding for a in found.axes),
        bias=False,
    )
    torch.nn.init.ones_(layer.weight)
    counts = layer(torch.ones(1, 1, 9, 7))[0, 0].detach().numpy().round().astype(int)
    inner = counts[4:14, 3:15]
    phases = found.phase_map()
    wanted = [[phases[y % 2, x % 3] for x in range(3, 15)] for y in range(4, 14)]
    assert inner.tolist() == wanted


@pytest.mark.parametrize(("k", "s"), [(4, 2), (2, 2), (6, 3), (6, 2), (3, 3)])
def test_a_pixel_shuffle_computes_the_same_functions(k: int, s: int) -> None:
    # Shi et al. 2016: the phases of the kernel are the filters before the shuffle.
    from convcalc.executor import execute

    rng = np.random.default_rng(k)
    x, weight = rng.integers(-9, 9, (1, 1, 7)).astype(float), rng.integers(-9, 9, k).astype(float)
    full = convcalc.load(f"convT 1 k{k} s{s} bias=false", input="1x7")
    wanted = execute(full, x, {f"{full.nodes[1].name}.weight": weight.reshape(1, 1, k)})
    taps = k // s
    shuffled = convcalc.load(f"conv {s} k{taps} p{taps - 1} bias=false | pixelshuffle {s}", input="1x7")
    filters = np.stack([weight[phase::s][::-1] for phase in range(s)])[:, None]
    found = execute(shuffled, x, {f"{shuffled.nodes[1].name}.weight": np.ascontiguousarray(filters)})
    assert np.array_equal(found, wanted)


@pytest.mark.torch
@settings(max_examples=60, deadline=None)
@given(SMALL, st.integers(0, 9))
def test_the_products_of_every_pixel_by_torch(parts: tuple[int, ...], extra: int) -> None:
    torch = pytest.importorskip("torch")
    i, k, s, d, p = parts
    extra %= max(s, d)
    assume(s * (i - 1) + d * (k - 1) + 1 - 2 * p + extra >= 1)
    found = solve_transposed(i, None, k, stride=s, padding=p, output_padding=extra, dilation=d, rank=1)
    counts = torch.nn.functional.conv_transpose1d(
        torch.ones(1, 1, i), torch.ones(1, 1, k), stride=s, padding=p, output_padding=extra, dilation=d
    )
    assert found.executed == (int(counts.min()), int(counts.max()))
    assert found.overlap.tolist() == counts[0, 0].int().tolist()
    if found.has_inner:
        (axis,) = found.axes
        inner = counts[0, 0, axis.inner.start : axis.inner.stop]
        assert (found.least, found.most) == (int(inner.min()), int(inner.max()))


def test_borders_everywhere() -> None:
    found = solve_transposed(5, 64, 2, stride=2, rank=1)
    assert found.is_even and not found.has_inner and found.executed == (0, 1)
    assert solve_transposed(32, 64, 4).executed == (1, 4)


def test_without_a_kernel_the_good_ones_are_offered() -> None:
    found = solve_transposed(8, 16)
    (best, *others), _ = found.offers
    assert best[:5] == (4, 2, 1, 0, 1) and best.even  # DCGAN's
    assert found.pytorch == "nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1)"
    assert found.axes[0].kernel == 4 and found.is_even and found.proven
    assert [one.even for one in found.offers[0]] == sorted(
        (one.even for one in found.offers[0]), reverse=True
    )
    for one in (best, *others):
        assert (
            one.stride * 7 + one.dilation * (one.kernel - 1) + 1 - 2 * one.padding + one.output_padding == 16
        )
    assert solve_transposed((7, 1), (15, 4)).pytorch == (
        "nn.ConvTranspose2d(in_channels, out_channels, 4, (2, 1), (1, 0), output_padding=(1, 0))"
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 5), st.integers(-2, 3))
def test_offers_lead_there_and_are_even_where_they_say_so(i: int, s: int, more: int) -> None:
    from convcalc.calculators.transposed.offers import offers
    from convcalc.calculators.transposed.settings import FREE

    o = i * s + more
    assume(o >= 1)
    for one in offers(i, o, FREE, 6):
        extent = one.dilation * (one.kernel - 1) + 1
        assert one.stride * (i - 1) + extent - 2 * one.padding + one.output_padding == o
        assert one.output_padding < max(one.stride, one.dilation)  # as PyTorch wants it
        counts = [0] * one.stride
        for tap in range(one.kernel):
            counts[tap * one.dilation % one.stride] += 1
        assert one.even == (len(set(counts)) == 1)


def test_what_pytorch_cannot_take_is_said_with_the_nearest() -> None:
    found = solve_transposed(100, 100, 4, stride=1)
    assert [(axis.before, axis.after) for axis in found.axes] == [(1, 2)] * 2
    assert found.pytorch is None
    cut, itself = found.nearest_in_pytorch()
    assert cut.startswith("nn.ConvTranspose2d(in_channels, out_channels, 4, 1, 1) gives 101x101")
    assert cut.endswith("y[..., :-1, :-1] is the same")
    assert itself == "nn.ConvTranspose2d(in_channels, out_channels, 4, 1, 3, dilation=2) gives 100x100 itself"
    assert found.to_dict()["solutions"][0][0]["padding_after"] == 2
    # The cut layer is the same, executed.
    from convcalc.executor import execute

    rng = np.random.default_rng(0)
    x, weight = (
        rng.integers(-9, 9, (1, 1, 9, 9)).astype(float),
        rng.integers(-9, 9, (1, 1, 4, 4)).astype(float),
    )
    one, other = (
        convcalc.load(f"convT 1 k4 {pads} bias=false id=up", input="1x9x9") for pads in ("p1:2", "p1")
    )
    whole = execute(other, x, {"up.weight": weight})
    assert whole.shape == (1, 1, 10, 10)
    assert np.array_equal(execute(one, x, {"up.weight": weight}), whole[..., :-1, :-1])


def test_an_uneven_layer_comes_with_even_ones() -> None:
    found = solve_transposed(8, 16, 3)
    assert not found.is_even
    assert [(one.kernel, one.stride, one.padding) for one in found.even_instead] == [(4, 2, 1), (6, 2, 2)]
    assert all(solve_transposed(8, 16, k, stride=s, padding=p).is_even
               for k, s, p, *_ in found.even_instead)  # fmt: skip
    assert solve_transposed(8, 16, 4).even_instead == []


@pytest.mark.torch
@pytest.mark.parametrize(
    "arguments",
    [(8, 16), (7, 15), (5, 17), (1, 4), (8, 8), (8, 16, 3), ((7, 5), (15, 20)), (9, 12, 4), (100, 100, 4)],
)
def test_pytorch_takes_what_it_is_said_to_take(arguments: tuple) -> None:
    torch = pytest.importorskip("torch")
    found = solve_transposed(*arguments)
    calls = [(found.pytorch, [axis.output for axis in found.axes])]
    if found.pytorch is None:
        calls = [(found.nearest_in_pytorch()[-1].split(" gives ")[0], [axis.output for axis in found.axes])]
    for call, sizes in calls:
        names = {"nn": torch.nn, "in_channels": 1, "out_channels": 1}
        layer = eval(call, names)
        assert list(layer(torch.zeros(1, 1, *(axis.input for axis in found.axes))).shape[2:]) == sizes
