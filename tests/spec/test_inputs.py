"""Shapes given from outside: held against the spec and against the habits of other tools."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc import SpecError

UNET = "input: {left: 3x32x32, right: 1x32x32}".replace("input:", "inputs:") + (
    "\nlayers: ['concat from=[left,right]', conv 8 k3 p1]\n"
)
VARIABLE = "vars: {channels: 3}\ninput: (channels,32,32)\nlayers: [conv 8 k3]\n"


def refusal(spec: str, shape: Any) -> tuple[str, str | None]:
    """The message, and the suggestion, after trying that it works."""
    with pytest.raises(SpecError) as caught:
        convcalc.load(spec, input=shape)
    problem = caught.value.told()[0]
    for text in (problem.nearest, problem.expected):
        options = re.findall(r"--input (\S+)(?<![,;])", text or "")
        if options:
            named = all("=" in option for option in options)
            values = dict(option.split("=") for option in options) if named else options[0]
            assert convcalc.load(spec, input=values).nodes
    return problem.message, problem.nearest


@pytest.mark.parametrize(
    ("spec", "shape", "meant"),
    [
        ("resnet18", "1x3x224x224", "--input 3x224x224 (--batch 1)"),
        ("resnet18", (8, 3, 224, 224), "--input 3x224x224 (--batch 8)"),
        ("resnet50", "224x224x3", "--input 3x224x224"),
        ("resnet18", "8x224x224x3", "--input 3x224x224 (--batch 8)"),
        ("resnet18", "NxCxHxW", "--input CxHxW"),
        ("resnet18", "?x3x224x224", "--input 3x224x224"),
        ("resnet18", "320x256", "--input 3x320x256"),
        ("resnet18", "256", "--input 3x256x256"),
        ("r3d_18", "16x112x112x3", "--input 3x16x112x112"),
        ("r3d_18", "4x3x16x112x112", "--input 3x16x112x112 (--batch 4)"),
        ("input 1x128 | conv 4 k3", "8x1x128", "--input 1x128 (--batch 8)"),
        ("input 1x128 | conv 4 k3", "128x1", "--input 1x128"),
        ("input 784 | linear 10", "32x784", "--input 784 (--batch 32)"),
        ("nn.Conv2d(3, 64, 7)", "1x3x224x224", "--input 3x224x224 (--batch 1)"),
        ("nn.Conv2d(3, 64, 7)", "224x224x3", "--input 3x224x224"),
        ("nn.Conv1d(2, 8, 3)", "16x2x64", "--input 2x64 (--batch 16)"),
        ("conv 3->8 k3", "32x32x3", "--input 3x32x32"),
        ("Conv2D(64, 7, strides=2, padding='same')", "224x224x3", "--input 3x224x224"),
        ("Conv1D(64, 7)", "128x3", "--input 3x128"),
        ("Conv2D(32, 5, input_shape=(28, 28, 1))", "28x28x1", "--input 1x28x28"),
        (
            UNET,
            {"left": "2x3x16x16", "right": "2x1x16x16"},
            "--input left=3x16x16 --input right=1x16x16 (--batch 2)",
        ),
        (UNET, {"right": "32x32x1"}, "--input right=1x32x32"),
    ],
)  # fmt: skip
def test_what_contradicts_is_refused_with_what_was_meant(spec: str, shape: Any, meant: str) -> None:
    assert refusal(spec, shape)[1] == meant


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ("resnet18", "1x224x224", "the document's input has 3 channels and 2 sizes, got 1x224x224"),
        ("input 3x8x8 | conv 4 k3", "1x8x8", "the spec's input has 3 channels and 2 sizes, got 1x8x8"),
        ("conv 4 k3", "1x2x3x4x5", "conv works on up to 3 sizes besides the channels, got 1x2x3x4x5"),
        ("relu", "x".join("1" * 17), "x".join("1" * 17) + " has 17 sizes, a shape has at most 16"),
        ("nn.Conv2d(3, 64, 3)", "7x32x32", "in_channels is 3, but 7 arrive"),
    ],
)
def test_where_nothing_was_meant_nothing_is_suggested(spec: str, shape: str, message: str) -> None:
    assert refusal(spec, shape) == (message, None)


def test_other_channels_have_a_way() -> None:
    with pytest.raises(SpecError, match="--set channels=N for other channels"):
        convcalc.load(VARIABLE, input="1x32x32")
    assert convcalc.load(VARIABLE, input="1x16x16", set={"channels": 1}).nodes[0].outputs == ((1, 16, 16),)
    with pytest.raises(SpecError, match="'extends: resnet18' with 'input: 1x224x224'"):
        convcalc.load("resnet18", input="1x64x64")
    graph = convcalc.load("extends: resnet18\ninput: 1x224x224")
    # 2 x 49 x 64 weights of the first convolution less than with three channels
    assert convcalc.analyze(graph).totals.params == 11_689_512 - 2 * 49 * 64


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (
            "conv 64 k7 s2 p3 bias=false",
            "8x3x224x224",
            ["a volume of 3x224x224 with 8 channels", "--batch 8"],
        ),
        ("conv 64 k7 s2 p3", "1x3x224x224", ["with 1 channel;", "--input 3x224x224 (--batch 1)"]),
        ("conv 64 k3", "32x64x56x56", ["--batch 32"]),
        ("conv 64 k7 p3", "224x224x3", ["a map of 224x3 with 224 channels", "--input 3x224x224"]),
        ("conv 64 k3 p1", "16x2x500", ["a map of 2x500 with 16 channels", "--batch 16"]),
        ("resnet18", "HxWx3", ["--input 3xHxW"]),
        ("Conv1D(32, 3)", "128x16", ["--input 16x128"]),
        ("linear 5 axis=channels", "224x224x3", ["--input 3x224x224"]),
        ("nn.Linear(784, 10)", "1x784", ["784 features at each of 1 place;", "--input 784 (--batch 1)"]),
    ],
)
def test_what_may_be_meant_is_noted(spec: str, shape: str, words: list[str]) -> None:
    graph = convcalc.load(spec, input=shape)
    (note,) = graph.notes
    assert all(word in note for word in words), note
    assert convcalc.analyze(graph).to_dict()["notes"] == [note]


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        ("resnet18", "3x64x64"), ("resnet18", "CxHxW"), ("resnet18", "3xHxW"), ("conv 64 k3", "3x224x224"),
        ("conv 64 k3", "3x16x112x112"), ("conv 64 k3", "1x64x64x64"), ("conv 64->64 k3", "64x16x28x28"),
        ("conv 64 k3x3x3", "8x3x224x224"), ("Conv3d(8, 4, 3)", "8x3x224x224"), ("conv 4 k1", "100x1x1"),
        ("conv 8 k1", "512x7x7"), ("Conv2D(8, 3)", "3x32x32"), ("linear 10", "784"), ("conv 8 k3", "CxH"),
        ("dcgan_generator", "100x1x1"), ("linear 10 axis=-1", "197x768"), ("nn.Linear(784, 10)", "784"),
        ("lstm 8", "100x4"), ("gru 8 axis=-1", "100x3"), ("embedding 50->8", "100x4"),
        ("linear 10 axis=-1", "100x4"), ("ln axis=-1", "196x3"), ("softmax axis=1", "196x3"),
    ],
)  # fmt: skip
def test_common_shapes_are_not_noted(spec: str, shape: str) -> None:
    assert convcalc.load(spec, input=shape).notes == ()


def test_ranks() -> None:
    text = "input: 3x32x32\nranks: [1, 3]\nlayers: [conv 8 k3 p1, globalavgpool]\n"
    for shape in ("3x64", "3x16x16", "3x8x8x8"):
        graph = convcalc.load(text, input=shape)
        assert graph.notes == ()
        assert convcalc.analyze(graph).totals.params == 3 * 8 * 3 ** (shape.count("x")) + 8
    assert refusal(text, "32")[0] == "the document's input has 3 channels and 2 or 1 or 3 sizes, got 32"
    assert convcalc.load(text.replace("[1, 3]", "3"), input="3x8x8x8").nodes
    with pytest.raises(SpecError, match="'16' is no number of sizes"):
        convcalc.load(text.replace("[1, 3]", "16"))


@given(st.integers(1, 64), st.integers(8, 40), st.integers(8, 40))
def test_every_batch_and_order(batch: int, height: int, width: int) -> None:
    spec, own = "input 3x32x32 | conv 4 k3", f"--input 3x{height}x{width}"
    assert refusal(spec, (batch, 3, height, width))[1] == f"{own} (--batch {batch})"
    assert refusal(spec, (batch, height, width, 3))[1] == f"{own} (--batch {batch})"
    assert refusal(spec, (height, width, 3))[1] == own


def test_positions_of_features_are_told_apart_from_a_batch() -> None:
    """``nn.Linear`` works along the last axis, which others have behind the batch."""
    (note,) = convcalc.load("nn.Linear(784, 10)", input="32x784").notes
    assert "784 features at each of 32 places" in note
    assert "--input 784 (--batch 32)" in note
    assert not convcalc.load("nn.Linear(784, 10)", input="784").notes
    assert not convcalc.load("linear 10 axis=-1", input="32x784").notes


@pytest.mark.parametrize(
    ("spec", "shape", "out"),
    [
        ("input 5x5 id=b | relu", "5x7", (5, 7)),
        ("input 5x5 id=b | relu", "b=5x7", (5, 7)),
        ("param 1x8 id=c | input Tx8 | concat axis=0 from=[c,input]", "10x8", (11, 8)),
        ("const 5x1 value=0.5 | input 5x5 id=b | add with=const1", "5x7", (5, 7)),
        ("input 5x5 id=b | relu | input 6x5 id=c | concat from=[relu1,c]", "b=5x9,c=6x9", (11, 9)),
    ],
)
def test_inputs_that_are_layers_are_given_shapes(spec: str, shape: str, out: tuple[int, ...]) -> None:
    graph = convcalc.load(spec, input=shape)
    assert len(graph.inputs) == spec.count("input ")
    assert graph.shape(graph.outputs[0]) == out


@pytest.mark.parametrize(
    ("spec", "shape", "message", "expected"),
    [
        ("input 5x5 id=b | relu", "input=5x7", "no input 'input'", "one of b"),
        (
            "input 5 id=b | input 5 id=c | add with=b",
            "7",
            "the spec has 2 inputs",
            "--input b=CxHxW --input c",
        ),
        (
            "relu | input 5x5 id=b | relu",
            "5x7",
            "nothing arrives here: b is stated later",
            "the input before",
        ),
        ("input 5x5 | input 5x5 | relu", "5x7", "'input' is stated twice", "one of them"),
    ],
)
def test_inputs_that_are_layers_are_refused(spec: str, shape: str, message: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load(spec, input=shape)
    problem = caught.value.problems[0]
    assert message in problem.message
    assert expected in (problem.expected or "")


LETTERS = "inputs: {x: TxC, y: CxT}\nlayers: ['matmul from=[x,y]', linear T*C axis=-1]\n"


@pytest.mark.parametrize(
    ("spec", "shape", "same"),
    [
        (
            "input TxC | linear 2*C axis=-1 | reshape (C,-1)",
            "3x4",
            "input 3x4 | linear 8 axis=-1 | reshape 4x6",
        ),
        ("input CxHxW | conv C k3 | conv 2*C k1", "3x8x8", "input 3x8x8 | conv 3 k3 | conv 6 k1"),
        ("input TxC | linear 2*C axis=-1", "CxT", "input CxT | linear 2*T axis=-1"),
        (
            "vars: {d: C//2}\ninput: TxC\nlayers: [linear d axis=-1]\n",
            "3x8",
            "input 3x8 | linear 4 axis=-1",
        ),
        (
            LETTERS,
            "y=4x3",
            "inputs: {x: 3x4, y: 4x3}\nlayers: ['matmul from=[x,y]', linear 12 axis=-1]\n",
        ),
    ],
)
def test_letters_of_a_stated_shape_are_the_sizes_given(spec: str, shape: str, same: str) -> None:
    found, expected = convcalc.load(spec, input=shape), convcalc.load(same)
    assert [node.outputs for node in found.nodes] == [node.outputs for node in expected.nodes]
    one, other = (convcalc.analyze(graph).totals for graph in (found, expected))
    assert (one.params, one.macs) == (other.params, other.macs)


@pytest.mark.parametrize(("spec", "shape"), [("input HxH | relu", "3x4"), (LETTERS, "x=3x4,y=4x5")])
def test_a_letter_is_one_size(spec: str, shape: str) -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load(spec, input=shape)
    assert "is 3 already, and would be" in caught.value.problems[0].message
