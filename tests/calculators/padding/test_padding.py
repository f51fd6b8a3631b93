"""Padding that gives a size, against lists of windows, published rules and other implementations."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc import Unreachable, solve_padding
from convcalc.executor import execute

KERNEL, RATE, STRIDE, SIZE = (st.integers(1, n) for n in (7, 5, 5, 40))


def windows(i: int, k: int, s: int, d: int, before: int, after: int) -> list[range]:
    """The taps of every window that fits on the padded input, in input pixels, by listing them."""
    span = range(-before, i + after)
    found = []
    for start in range(-before, i + after, s):
        taps = range(start, start + (k - 1) * d + 1, d)
        if taps[-1] not in span:
            break
        found.append(taps)
    return found


def only(axes):
    (axis,) = axes.axes
    return axis


@pytest.mark.parametrize(
    ("k", "d", "p"),
    [(3, 1, 1), (5, 1, 2), (7, 1, 3), (3, 2, 2), (3, 16, 16), (3, 6, 6), (5, 4, 8), (2, 2, 1)],
)
def test_symmetric_padding_that_keeps_the_size(k: int, d: int, p: int) -> None:
    axis = only(solve_padding(k, dilation=d))
    assert (axis.before, axis.after, axis.symmetric) == (p, p, (p,))
    assert axis.cases[0].output_text == "i"


@pytest.mark.parametrize(("k", "d", "pair"), [(2, 1, (0, 1)), (4, 1, (1, 2)), (4, 3, (4, 5)), (6, 1, (2, 3))])
def test_even_kernels_need_asymmetric_padding(k: int, d: int, pair: tuple[int, int]) -> None:
    assert solve_padding(k, dilation=d).padding == (pair,)
    assert solve_padding(k, dilation=d, mode="same_lower").padding == (pair[::-1],)
    assert any("odd" in note for note in only(solve_padding(k, dilation=d)).notes)


@given(k=KERNEL, d=RATE, s=STRIDE, i=SIZE)
def test_same_gives_the_size_with_no_pixel_to_spare(k: int, d: int, s: int, i: int) -> None:
    axis = only(solve_padding(k, dilation=d, stride=s, input=i))
    found = windows(i, k, s, d, axis.before, axis.after)
    assert len(found) == ceil(i / s) == axis.output
    assert 0 <= axis.after - axis.before <= 1
    if axis.after:
        assert len(windows(i, k, s, d, axis.before, axis.after - 1)) < ceil(i / s)


@given(k=KERNEL, s=st.integers(2, 7), i=SIZE)
def test_same_is_what_tensorflow_publishes(k: int, s: int, i: int) -> None:
    # tf.nn, "Notes on padding": the total along an axis
    total = max(k - s, 0) if i % s == 0 else max(k - i % s, 0)
    assert solve_padding(k, stride=s, input=i).padding == ((total // 2, total - total // 2),)
    unstated = only(solve_padding(k, stride=s))
    (case,) = (case for case in unstated.cases if case.remainder == i % s)
    assert (case.before, case.after) == (total // 2, total - total // 2)


@given(k=KERNEL, d=RATE, s=STRIDE, i=SIZE, o=SIZE)
@settings(max_examples=60)
def test_a_wanted_size_and_every_symmetric_padding_for_it(k: int, d: int, s: int, i: int, o: int) -> None:
    span = (k - 1) * d + 1
    totals = [t for t in range(240) if i + t >= span and len(windows(i, k, s, d, 0, t)) == o]
    symmetric = [t // 2 for t in totals if t % 2 == 0]
    if not totals:
        with pytest.raises(Unreachable) as refusal:
            solve_padding(k, dilation=d, stride=s, input=i, output=o)
        assert refusal.value.nearest == f"output {len(windows(i, k, s, d, 0, 0))}, with padding 0"
        return
    axis = only(solve_padding(k, dilation=d, stride=s, input=i, output=o))
    assert len(windows(i, k, s, d, axis.before, axis.after)) == axis.output == o
    assert axis.symmetric == tuple(symmetric)
    assert axis.before == axis.after if symmetric else axis.after - axis.before == 1


@given(k=KERNEL, d=RATE, s=STRIDE, i=SIZE, mode=st.sampled_from(["valid", "full", "causal"]))
def test_other_modes(k: int, d: int, s: int, i: int, mode: str) -> None:
    span = (k - 1) * d
    pair = {"valid": (0, 0), "full": (span, span), "causal": (span, 0)}[mode]
    if i + sum(pair) <= span:
        with pytest.raises(Unreachable, match="no window fits"):
            solve_padding(k, dilation=d, stride=s, input=i, mode=mode)
        return
    axis = only(solve_padding(k, dilation=d, stride=s, input=i, mode=mode))
    assert (axis.before, axis.after) == pair
    found = windows(i, k, s, d, *pair)
    assert axis.output == len(found)
    if mode == "full" and s == 1:  # every window that meets the input
        assert all(any(0 <= x < i for x in taps) for taps in (found[0], found[-1]))
    if mode == "causal":  # no output reads what comes after it
        assert all(taps[-1] == j * s for j, taps in enumerate(found))


@given(
    k=KERNEL, d=RATE, s=STRIDE, i=st.none() | SIZE,
    mode=st.sampled_from(["same", "same_lower", "full", "causal"]),
)  # fmt: skip
def test_the_numbers_put_into_a_formula_give_its_value(
    k: int, d: int, s: int, i: int | None, mode: str
) -> None:
    axis = only(solve_padding(k, dilation=d, stride=s, input=i, mode=mode))
    names = {"floor": floor, "ceil": ceil, "max": max}
    for step in axis.steps:
        if not step.substitution:
            continue
        size = i
        if size is None:
            size = 5040 + (int(step.name.rpartition("= ")[2]) if "%" in step.name else 0)
        value = step.value if isinstance(step.value, int) else eval(str(step.value), {**names, "i": size})
        assert eval(step.substitution, {**names, "i": size}) == value, step


@settings(max_examples=40)
@given(
    sides=st.lists(st.tuples(KERNEL, RATE, STRIDE, st.integers(1, 16)), min_size=1, max_size=3),
    mode=st.sampled_from(["same", "same_lower", "full", "causal"]),
)
def test_execution_gives_the_size(sides, mode: str) -> None:
    k, d, s, i = (tuple(column) for column in zip(*sides, strict=True))
    found = solve_padding(k, dilation=d, stride=s, input=i, mode=mode)
    words = ["x".join(map(str, values)) for values in (k, s, d)]
    pads = "x".join(f"{before}:{after}" for before, after in found.padding)
    line = f"conv 1 k{words[0]} s{words[1]} d{words[2]} p{pads} bias=false"
    ran = execute(convcalc.load(line, input=(1, *i)), np.zeros((1, 1, *i)))
    assert ran.shape[2:] == found.output


def test_axes_differ() -> None:
    found = solve_padding((3, 5), dilation=(2, 1), input=(8, 9))
    assert found.padding == ((2, 2), (2, 2))
    assert found.output == (8, 9)
    assert solve_padding((1, 3, 5)).padding == ((0, 0), (1, 1), (2, 2))
    assert solve_padding(3, rank=3).padding == ((1, 1),) * 3


@pytest.mark.parametrize(("padding", "output"), [(1, 9), ((2, 1), None), ([(2, 1)], 10), ([3], 13)])
def test_a_given_padding_is_judged(padding, output) -> None:
    if output is None:  # two numbers are two axes
        assert solve_padding(4, input=10, padding=padding).output == (11, 9)
        return
    assert solve_padding(4, input=10, padding=padding).output == (output,)


@pytest.mark.parametrize(
    ("arguments", "reason", "nearest"),
    [
        (dict(kernel=4, symmetric=True), "no symmetric padding keeps the size", "kernel 3 or 5"),
        (dict(kernel=3, dilation=0), "rate 0 would put all taps on one pixel", "dilation 1"),
        (dict(kernel=0), "kernel is at least 1", "kernel 1"),
        (dict(kernel=3, stride=0), "stride is at least 1", "stride 1"),
        (dict(kernel=3, padding=-1), "a negative padding would crop", "padding 0"),
        (dict(kernel=3, input=10, output=4), "without any, 8 leave already", "output 8, with padding 0"),
        (dict(kernel=5, input=3, mode="valid"), "no window fits", "mode same (padding 2:2)"),
        (dict(kernel=3, output=4), "an input that is not stated", None),
        (dict(kernel=3, mode="some"), "no padding mode 'some'", None),
        (dict(kernel=3, mode="same", padding=1), "cannot go together", None),
        (dict(kernel=(3, 3), input=(5, 5, 5)), "input has 3 axes", None),
        (dict(kernel=(3,) * 4), "4 axes", None),
        (dict(kernel=2.5), "whole number", None),
    ],
)  # fmt: skip
def test_bad_input_gets_the_reason_and_the_nearest_answer(arguments, reason, nearest) -> None:
    with pytest.raises(Unreachable) as refusal:
        solve_padding(**arguments)
    assert reason in str(refusal.value) or reason.replace("input has", "kernel has") in str(refusal.value)
    assert refusal.value.nearest == nearest
    assert refusal.value.to_dict()["nearest"] == nearest


def test_an_even_dilation_lets_an_even_kernel_be_symmetric() -> None:
    assert solve_padding(4, dilation=2, symmetric=True).padding == ((3, 3),)


@given(k=KERNEL, d=RATE, s=STRIDE, i=st.integers(36, 80), p=st.integers(0, 9), q=st.integers(0, 9))
def test_how_the_output_follows_from_an_input_that_is_not_stated(k, d, s, i, p, q) -> None:
    axis = only(solve_padding(k, dilation=d, stride=s, padding=[(p, q)]))
    case = axis.cases[i % s] if s > 1 else axis.cases[0]
    assert case.remainder == (i % s if s > 1 else None)
    assert eval(case.output_text, {"ceil": ceil, "i": i}) == len(windows(i, k, s, d, p, q))
    for row in case.conventions:
        if row.before is not None and not row.name.startswith("Caffe"):
            assert eval(row.output, {"ceil": ceil, "i": i}) == len(windows(i, k, s, d, row.before, row.after))


def test_a_symmetric_padding_is_found_where_same_has_none() -> None:
    # 3x3 at stride 2: SAME pads 0:1 for an even input, and 1:1 gives the same size.
    assert solve_padding(3, stride=2, input=224).padding == ((0, 1),)
    found = solve_padding(3, stride=2, input=224, symmetric=True)
    assert (found.padding, found.output) == (((1, 1),), (112,))
    assert solve_padding(3, stride=2, symmetric=True).padding == ((1, 1),)
    with pytest.raises(Unreachable):
        solve_padding(3, mode="causal", symmetric=True)


def rows(**arguments):
    (case,) = only(solve_padding(**arguments)).cases
    return {row.name: row for row in case.conventions}


def test_conventions_side_by_side_for_an_even_kernel() -> None:
    # By the definitions of each: SAME puts the odd pixel after, SAME_LOWER before.
    found = {name: (row.before, row.after, row.shift) for name, row in rows(kernel=4, input=10).items()}
    assert found["PyTorch padding='same'"] == (1, 2, 0)
    assert found["TensorFlow, Keras SAME"] == (1, 2, 0)
    assert found["ONNX SAME_UPPER"] == (1, 2, 0)
    assert found["ONNX SAME_LOWER"] == (2, 1, -1)
    assert found["PyTorch, Caffe padding=1"] == (1, 1, 0)
    assert found["PyTorch, Caffe padding=2"] == (2, 2, -1)


def test_stride_two_shifts_tensorflow_against_pytorch() -> None:
    # The known pixel between a checkpoint of one and a layer of the other: 3x3, stride 2, even input.
    found = rows(kernel=3, stride=2, input=224)
    assert (found["TensorFlow, Keras SAME"].before, found["TensorFlow, Keras SAME"].after) == (0, 1)
    assert found["PyTorch, Caffe padding=1"].output == 112
    assert found["PyTorch, Caffe padding=1"].shift == -1
    assert found["PyTorch padding='same'"].before is None
    odd = rows(kernel=3, stride=2, input=225)
    assert odd["PyTorch, Caffe padding=1"].shift == 0


@given(k=KERNEL, s=STRIDE, i=SIZE)
def test_caffe_pooling_rounds_up(k: int, s: int, i: int) -> None:
    found = [row for name, row in rows(kernel=k, stride=s, input=i).items() if name.startswith("Caffe")]
    p = (k - 1) // 2
    assume(i + 2 * p >= k)
    # caffe/src/caffe/layers/pooling_layer.cpp; the last window must start inside the padded image
    size = ceil((i + 2 * p - k) / s) + 1
    if (size - 1) * s >= i + p:
        size -= 1
    assert [row.output for row in found] == [size]
    assert len(windows(i, k, s, 1, found[0].before, found[0].after)) == size


@given(k=st.integers(1, 6), d=st.integers(1, 3), s=st.integers(1, 3), i=st.integers(1, 20))
def test_shift_is_where_the_windows_stand(k: int, d: int, s: int, i: int) -> None:
    (case,) = only(solve_padding(k, dilation=d, stride=s, input=i)).cases
    answer = windows(i, k, s, d, case.before, case.after)[0]
    for row in case.conventions:
        if row.before is None or row.output is None:
            continue
        first = windows(i, k, s, d, row.before, row.after)[0]
        assert row.shift == first[0] - answer[0]
        assert row.centre == (first[0] + first[-1]) / 2


@pytest.mark.parametrize(("k", "s"), list(product((1, 2, 3, 4, 5), (1, 2, 3))))
def test_conventions_of_onnx_by_onnx_runtime(k: int, s: int) -> None:
    onnx, ort = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    helper = onnx.helper
    rng = np.random.default_rng(k * 10 + s)
    weight = rng.integers(-9, 9, (1, 1, k)).astype(np.float32)

    def run(x: np.ndarray, **attributes) -> np.ndarray:
        node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[s], **attributes)
        graph = helper.make_graph(
            [node], "g",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)],
            [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
            [onnx.numpy_helper.from_array(weight, "w")],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        return ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]

    for i in (k, 8, 9, 10):
        x = rng.integers(-9, 9, (1, 1, i)).astype(np.float32)
        found = rows(kernel=k, stride=s, input=i)
        for name in ("SAME_UPPER", "SAME_LOWER"):
            row = found[f"ONNX {name}"]
            said = run(x, auto_pad=name)
            assert said.shape[-1] == row.output
            np.testing.assert_array_equal(said, run(x, pads=[row.before, row.after]))


@pytest.mark.torch
@pytest.mark.parametrize(("k", "d"), list(product((1, 2, 3, 4, 5, 6), (1, 2, 3))))
def test_conventions_of_pytorch_by_pytorch(k: int, d: int) -> None:
    torch = pytest.importorskip("torch")
    x = torch.randint(-9, 9, (1, 1, 20)).double()
    weight = torch.randint(-9, 9, (1, 1, k)).double()
    found = rows(kernel=k, dilation=d, input=20)
    conv = torch.nn.functional.conv1d
    same = found["PyTorch padding='same'"]
    padded = torch.nn.functional.pad(x, (same.before, same.after))
    assert torch.equal(conv(x, weight, dilation=d, padding="same"), conv(padded, weight, dilation=d))
    for name, row in found.items():
        if name.startswith("PyTorch, Caffe padding="):
            p = int(name.rpartition("=")[2])
            assert conv(x, weight, dilation=d, padding=p).shape[-1] == row.output
    with pytest.raises(ValueError, match="not supported for strided"):
        torch.nn.Conv1d(1, 1, k, stride=2, padding="same")


@pytest.mark.torch
@pytest.mark.parametrize(("k", "s", "i"), list(product((2, 3, 5), (1, 2, 3), (7, 8, 9))))
def test_caffe_pooling_by_pytorch(k: int, s: int, i: int) -> None:
    torch = pytest.importorskip("torch")
    p = (k - 1) // 2
    pooled = torch.nn.MaxPool1d(k, s, p, ceil_mode=True)(torch.zeros(1, 1, i))
    assert rows(kernel=k, stride=s, input=i)[f"Caffe pooling pad={p}"].output == pooled.shape[-1]


def test_a_filter_as_wide_as_the_map_degenerates() -> None:
    # DeepLabv3, section 3.3: at a rate near the map size only the centre weight is valid.
    assert solve_padding(3, dilation=65, input=(65, 65)).valid_weights == {1: 65 * 65}
    assert solve_padding(3, dilation=1, input=(65, 65)).valid_weights == {9: 63 * 63, 6: 4 * 63, 4: 4}
    assert solve_padding(3, dilation=2).valid_weights is None


@given(
    k=st.integers(1, 4), d=st.integers(1, 6), s=st.integers(1, 3), i=st.integers(1, 12), j=st.integers(1, 8)
)
def test_valid_weights_by_listing_the_taps(k: int, d: int, s: int, i: int, j: int) -> None:
    found = solve_padding(k, dilation=d, stride=s, input=(i, j))
    counts: Counter[int] = Counter()
    sides = []
    for axis in found.axes:
        listed = windows(axis.input, k, s, d, axis.before, axis.after)
        sides.append([sum(0 <= x < axis.input for x in taps) for taps in listed])
    for a, b in product(*sides):
        counts[a * b] += 1
    assert found.valid_weights == dict(counts)


def test_the_answer_as_data() -> None:
    data = convcalc.solve_padding(3, dilation=16).to_dict()
    assert data["padding"] == [[16, 16]]
    assert data["axes"][0]["padding"] == 16
    assert convcalc.solve_padding(3, stride=2).to_dict()["padding"] is None
