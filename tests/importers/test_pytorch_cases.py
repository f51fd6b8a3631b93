"""Calls of PyTorch that were read as something else, each with what PyTorch 2.13 gives.

The numbers were read off PyTorch; ``test_pytorch.py`` holds drawn calls against it.
"""

from __future__ import annotations

import numpy as np
import pytest

from convcalc import analyze, load
from convcalc.executor import execute
from convcalc.importers.pytorch import table as pytorch
from convcalc.spec import SpecError


def outputs(call: str, shape: str) -> tuple[object, ...]:
    graph = load(call, input=shape)
    return graph.shape(graph.outputs[0])


def values(call: str, *entries: float) -> list[float]:
    graph = load(call, input=f"1x{len(entries)}")
    return list(execute(graph, np.array([[entries]], dtype=np.float64))[0, 0])


@pytest.mark.parametrize(
    ("call", "shape", "expected"),
    [
        ("nn.Upsample(scale_factor=1.4)", "3x45x45", (3, 62, 62)),
        ("nn.Upsample(scale_factor=120/88)", "3x88x88", (3, 119, 119)),
        ("nn.Upsample(scale_factor=(1.4, 0.7))", "3x90x90", (3, 125, 62)),
        ("nn.Upsample(scale_factor=0.29)", "3x100", (3, 28)),
        # as a double 1.4 is less than 7/5, but the product rounds to 7
        ("nn.Upsample(scale_factor=1.4)", "3x5x5", (3, 7, 7)),
        ("F.interpolate(x, scale_factor=1.4, mode='bilinear')", "3x45x45", (3, 62, 62)),
        ("nn.UpsamplingBilinear2d(scale_factor=1.4)", "3x45x45", (3, 62, 62)),
        ("nn.Upsample(scale_factor=1.5, mode='area')", "3x5x5", (3, 7, 7)),
        ("F.pad(x, (1, 2, 0, 3))", "3x5x5", (3, 8, 8)),
        ("nn.Unflatten(1, (2, 2))", "4x5x5", (2, 2, 5, 5)),
        ("nn.Embedding(10, 4)", "7", (7, 4)),
        ("nn.Embedding(10, 4, padding_idx=0)", "2x7", (2, 7, 4)),
        ("nn.Unflatten(-1, (5, -1))", "4x5x10", (4, 5, 5, 2)),
        ("nn.Flatten(2)", "4x5x6", (4, 30)),
        ("nn.Flatten(1, 2)", "4x5x6", (20, 6)),
        ("nn.LazyConv2d(8, 3) | nn.Flatten() | nn.LazyLinear(10)", "3x9x9", (10,)),
    ],
)
def test_shapes(call: str, shape: str, expected: tuple[int, ...]) -> None:
    assert outputs(call, shape) == expected


def test_the_scale_that_was_given_relates_the_places_unless_it_is_worked_out_again() -> None:
    line = tuple(range(33))
    call = "nn.Upsample(scale_factor=1.5, mode='linear', recompute_scale_factor={})"
    assert values(call.format(True), *line)[-1] == pytest.approx(32.0)
    assert values(call.format(False), *line)[-1] == pytest.approx(31.8333333)
    nearest = "nn.Upsample(scale_factor=0.7, mode='nearest', recompute_scale_factor={})"
    assert values(nearest.format(True), *range(9)) == [0, 1, 3, 4, 6, 7]
    assert values(nearest.format(None), *range(9)) == [0, 1, 2, 4, 5, 7]


def test_powers_of_pytorch_keep_their_sign() -> None:
    assert values("nn.LPPool1d(1, 2, stride=1)", 3, -1, 2) == [2, 1]
    assert values("lppool norm=1 k2 s1", 3, -1, 2) == [4, 3]  # ONNX LpPool
    # a window that hangs over the end: the mean of what it reads, times the kernel
    found = values("nn.LPPool1d(2, 3, stride=2, ceil_mode=True)", 3, -1, 2, 1)
    assert found == pytest.approx([3.7416574, 2.7386129])


@pytest.mark.parametrize(("inplace", "kib"), [(True, 237), (False, 450)])
def test_what_runs_in_place_needs_no_memory_of_its_own(inplace: bool, kib: int) -> None:
    # 64x30x30 float32 is 225 KiB, the input 12 KiB: both while the convolution runs, or twice the map
    graph = load(f"nn.Conv2d(3, 64, 3) | nn.ReLU(inplace={inplace})", input="3x32x32")
    assert analyze(graph).totals.peak_memory_bytes == kib * 1024


def test_what_is_overwritten_cannot_be_read_afterwards() -> None:
    text = "inputs: {x: 4x8x8}\nlayers:\n  - conv 4 k1 id=a\n  - %s\n  - conv 4 k1\n  - add with=a\n"
    with pytest.raises(SpecError, match="ReLU runs in place and writes over what add1 reads after it"):
        load(text % "nn.ReLU(inplace=True)")
    assert load(text % "nn.ReLU()").nodes
    # in the language it has memory of its own there
    kept = analyze(load(text % "relu inplace=true")).totals.peak_memory_bytes
    assert kept == analyze(load(text % "relu")).totals.peak_memory_bytes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("nn.Conv2d(3, 8, 3, dtype=torch.float16)", "that of the whole network"),
        ("nn.Conv2d(3, 8, 3, padding=((1, 2), (0, 1)))", "takes no such padding"),
        ("nn.Conv2d(3, 8, 3, padding='causal')", "has no padding 'causal'"),
        ("nn.Conv2d(3, 8, 3, name='stem')", "has no argument 'name'"),
        ("nn.ConvTranspose2d(3, 8, 3, padding='same')", "takes its padding in numbers"),
        ("nn.Upsample(scale_factor=2, mode='nearest', align_corners=False)", "takes no align_corners"),
        ("nn.Upsample(size=4, recompute_scale_factor=True)", "is about a scale_factor"),
        ("nn.Upsample(scale_factor=2, mode='spline')", "has no mode 'spline'"),
        (
            "F.interpolate(x, scale_factor=0.5, mode='area', antialias=True)",
            "takes no antialias with mode='area'",
        ),
        ("nn.AdaptiveMaxPool2d(2, return_indices=True)", "indices of adaptive pools"),
        ("nn.MaxPool2d(3, padding=2, dilation=2)", "half its kernel"),
        ("nn.AvgPool1d(2, divisor_override=3)", "has no argument 'divisor_override'"),
        ("nn.GroupNorm(3)", "needs num_groups and num_channels"),
        ("nn.LPPool2d(kernel_size=2)", "needs norm_type and kernel_size"),
        ("nn.Sigmoid(inplace=True)", "has no argument 'inplace'"),
        ("nn.Flatten(0)", "start_dim=0 is the batch"),
        ("nn.ZeroPad2d(-1)", "negative padding cuts"),
        ("nn.LSTM(3, 4)", "LSTM needs 1 spatial axes, got 3x16x16"),
        ("nn.GRU(3, 4, proj_size=2)", "has no argument 'proj_size'"),
        ("nn.LSTM(3, 4, nonlinearity='relu')", "has no argument 'nonlinearity'"),
        ("nn.LSTM(3, 4, dtype=torch.float64)", "the type of the elements is that of the whole network"),
        ("nn.LSTMCell(3, 4)", "one step of a recurrence reads its state beside its input"),
        ("nn.MultiheadAttention(8, 2)", "attention is not modelled as a layer: it is a block"),
        ("nn.EmbeddingBag(10, 4)", "sums over bags of rows are not modelled"),
        ("nn.Embedding(10, 4, padding_idx=10)", "there is no row 10 to pad with"),
        ("nn.Embedding(10, 4, max_norm=1)", "made shorter as they are looked up"),
        ("nn.Embedding(10, 4, _freeze=True)", "said behind the call"),
        ("Embedding(10, 4)", "features on the last axis in PyTorch and channels in Keras"),
        ("nn.Sequential(nn.CrossEntropyLoss())", "losses are not modelled"),
    ],
)
def test_what_has_no_translation_is_refused_with_its_reason(call: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(call, input="3x16x16")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.nearest is None


def test_every_argument_that_is_not_meant_says_why() -> None:
    for name, argument, kind in pytorch.arguments():
        reasons = {"harmless": pytorch.HARMLESS, "restricted": pytorch.ONLY}.get(kind)
        assert reasons is None or argument in reasons, (name, argument)


def test_a_class_that_is_not_modelled_is_no_suggestion() -> None:
    for name in pytorch.NOT_MODELLED:
        with pytest.raises(SpecError) as caught:
            load(f"nn.{name[:-1]}(3)", input="3x8x8")
        assert caught.value.problems[0].nearest not in pytorch.NOT_MODELLED, name
