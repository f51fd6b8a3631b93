"""``verify``: every number twice, of specs, of large networks at a smaller size, and of wrong formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import convcalc
from convcalc.executor import MemoryLimitError
from convcalc.layers import lookup
from convcalc.layers.windows.conv import Conv
from convcalc.layers.windows.pool import AvgPool
from convcalc.solve.sizes import own_inputs, reduced
from convcalc.verification.poison import poisoned
from convcalc.verification.result import QUANTITIES, TOTALS, Verification
from convcalc.verification.traced_field import Larger

LINE = "conv 4 k3 p1 | bn | relu6 | maxpool k2 | flatten | linear 10"


def verified(spec: str, input: str | None = None, **more: object) -> Verification:
    return convcalc.verify(convcalc.load(spec, input=input), **more)


def test_every_quantity_of_every_layer_stands_twice() -> None:
    found = verified(LINE, "3x8x8")
    assert found.ok
    assert found.scalars
    assert found.fields == len(found.layers) == 6
    for layer in found.layers:
        for quantity in (
            *(q for q in QUANTITIES if q != "indices"),
            "arrays",
            "values",
            "receptive_region",
            "influence",
        ):
            assert layer.find(quantity) is not None, f"{layer.name}: {quantity}"
        assert {check.witness for check in layer.checks} == {
            "arrays",
            "scalars",
            "taint",
            "poison",
            "a batch of 2",
        }
    assert tuple(check.quantity for check in found.sums) == TOTALS
    assert {check.witness for check in found.totals} == {"arrays", "a batch of 2"}


def test_the_numbers_are_those_of_the_definition() -> None:
    # 3->4 channels of 3x3 on 8x8 with padding 1, by hand: 4*27 weights and 4 biases; 64 positions of
    # 4*27 products; of 24 row-tap pairs an axis 22 are inside.
    (conv, *_) = verified(LINE, "3x8x8").layers
    by_hand = {
        "output_shape": (4, 8, 8), "params": 112, "buffers": 0, "macs": 64 * 108,
        "valid_macs": 22 * 22 * 12, "add": 256, "activations": 256,
        "arrays": {"weight": (4, 3, 3, 3), "bias": (4,)}, "receptive_field": "3x3 s1 p1",
    }  # fmt: skip
    for quantity, value in by_hand.items():
        check = conv.find(quantity)
        assert check is not None
        assert (check.formula, check.executed) == (value, value), quantity


def test_a_wrong_formula_is_told_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conv, "macs", lambda self, inputs, outputs: 7)
    monkeypatch.setattr(Conv, "valid_macs", lambda self, inputs, outputs: 5)
    found = verified("conv 4 k3 | relu", "3x8x8")
    assert not found.ok
    assert not found.layers[0].ok
    assert found.layers[1].ok
    differences = {(name, check.quantity) for name, check in found.differences()}
    assert {("conv1", "macs"), ("conv1", "valid_macs"), ("", "macs"), ("", "flops")} <= differences
    assert "conv1: macs is 7 by formula, 3,888 by execution" in str(found)


def test_a_wrong_shape_stops_the_run_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Conv.output_shapes
    monkeypatch.setattr(
        Conv,
        "output_shapes",
        lambda self, inputs: ((right(self, inputs)[0][0] + 1, *right(self, inputs)[0][1:]),),
    )
    found = verified("conv 4 k3 | conv 2 k1", "3x8x8")
    assert not found.ok
    assert found.error is not None and "conv2" in found.error
    assert [layer.executed for layer in found.layers] == [True, False]
    shape = found.layers[0].find("output_shape")
    assert shape is not None
    assert (shape.formula, shape.executed) == ((5, 6, 6), (4, 6, 6))


def test_the_command_prints_both_and_leaves_with_0(cli) -> None:
    outcome = cli("verify", LINE, "--input", "3x8x8", "--exact")
    assert outcome.code == 0
    rows = outcome.out.splitlines()
    conv = next(i for i, row in enumerate(rows) if row.startswith("conv1"))
    assert "formula" in rows[conv] and "6,912" in rows[conv] and "5,808" in rows[conv]
    assert "executed  ✓" in rows[conv + 1] and "6,912" in rows[conv + 1] and "5,808" in rows[conv + 1]
    assert "formula and execution agree" in outcome.out


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",), ("--markdown",), ("--brief",)])
def test_a_difference_leaves_with_1_in_every_form(cli, monkeypatch: pytest.MonkeyPatch, form) -> None:
    monkeypatch.setattr(AvgPool, "ops", lambda self, inputs, outputs: Conv.ops.__globals__["Ops"](add=1))
    outcome = cli("verify", "conv 4 k3 | avgpool k2", "--input", "3x8x8", *form)
    assert outcome.code == 1
    assert "avgpool1" in outcome.out
    if form != ("--json",):
        assert "✗ add -143, div -36, flops -179" in outcome.out
    if form == ("--json",):
        data = outcome.json()
        assert data["ok"] is False
        assert [layer["ok"] for layer in data["layers"]] == [True, False]
        pool = data["layers"][1]
        assert (pool["formula"]["add"], pool["executed"]["add"]) == (1, 144)
        assert {d["quantity"] for d in pool["differences"]} == {"add", "div", "flops"}


def test_json_holds_everything(cli) -> None:
    data = cli("verify", LINE, "--input", "3x8x8", "--json").json()
    assert data == json.loads(json.dumps(verified(LINE, "3x8x8").to_dict()))
    assert data["ok"] is True and data["reduced"] is False and data["error"] is None
    assert data["layers"][0]["formula"] == data["layers"][0]["executed"]
    assert data["totals"]["formula"] == data["totals"]["executed"]


def test_a_spec_without_a_size_is_given_one(cli) -> None:
    outcome = cli("verify", "conv 3->4 k3 bias=false")
    assert outcome.code == 0
    assert "states no size" in outcome.out
    assert "108 = 108" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to verify"),
        (("--zoo", "--random", "3"), "--random and --zoo cannot go together"),
        (("resnet18", "--zoo"), "SPEC and --zoo cannot go together"),
        (("--random", "0"), "1 or more"),
        (("--random", "3", "--seed", "-1"), "0 or more"),
        (("--zoo", "--input", "3x8x8"), "--input and --set go with a SPEC"),
        (("conv M->N k3", "--input", "Mx8x8"), "only numbers can be executed"),
        (("conv 4 k3 | bnn", "--input", "3x8x8"), "bn"),
    ],
)
def test_wrong_use_leaves_with_2(cli, arguments, message: str) -> None:
    outcome = cli("verify", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    as_json = cli("verify", *arguments, "--json")
    assert as_json.code == 2
    assert as_json.json()["errors"]


def test_a_large_network_is_run_at_a_smaller_size_that_keeps_its_structure() -> None:
    graph = convcalc.load("unet", set={}, input=None)
    found = convcalc.verify(graph, macs=10**9, fields=False)
    assert found.ok and found.reduced
    # By hand: 572 less a multiple of 16; at 188 - 16 the lowest map would lose its last 3x3 position pair.
    assert found.inputs == ((1, 188, 188),)
    assert found.own_inputs == ((1, 572, 572),)
    assert "1x188x188" in found.notes[0]
    assert len(found.layers) == len(graph) - 1


def test_the_reduced_size_keeps_layers_channels_and_maps() -> None:
    for name in ("vgg11", "segnet", "fcn8s"):
        graph = convcalc.load(name)
        small = reduced(graph, 10**10)
        assert small is not None and own_inputs(small) < own_inputs(graph)
        for node, other in zip(graph.nodes, small.nodes, strict=True):
            assert (node.name, node.op) == (other.name, other.op)
            for shape, less in zip(node.outputs, other.outputs, strict=True):
                assert len(shape) == len(less)
                if len(shape) > 1:
                    assert shape[0] == less[0]
                    assert all(b > 1 for a, b in zip(shape[1:], less[1:], strict=True) if a > 1)
        weights = convcalc.analyze(graph).totals.params
        assert convcalc.analyze(small).totals.params == weights


@pytest.mark.parametrize(("name", "own", "shapes"), [
    ("gpt2", "1x1024", ((1, 64),)),
    ("vit_b_16", "3x224x224", ((3, 32, 32),)),
])  # fmt: skip
def test_the_reduced_size_of_tokens_keeps_layers_and_features(
    name: str, own: str, shapes: tuple[tuple[int, ...], ...]
) -> None:
    """Tokens stand on the first axis: there are fewer of them, of as many features, and no weight changes."""
    graph = convcalc.load(name, input=own)
    small = reduced(graph, 10**10)
    assert small is not None and own_inputs(small) == shapes
    assert [(n.name, n.op) for n in graph.nodes] == [(n.name, n.op) for n in small.nodes]
    sources = 0
    for node, other in zip(graph.nodes, small.nodes, strict=True):
        parameters = node.layer.parameters(graph.input_shapes(node))
        if node.op == "param" and parameters != other.layer.parameters(()):
            sources += 1
            assert node.outputs[0][-1] == other.outputs[0][-1]
        else:
            assert parameters == other.layer.parameters(small.input_shapes(other))
    assert sources == (name == "vit_b_16")  # its positions; those of gpt2 are cut


def test_channels_that_come_from_sizes_are_not_reduced() -> None:
    graph = convcalc.load(
        "input 2x64x64 | conv 4 k3 p1 | reshape 4x64x64 | permute order=(1,0,2) | conv 8 k3"
    )
    assert reduced(graph, 10**3) is None


def test_work_above_the_bound_reduces_and_no_bound_does_not() -> None:
    graph = convcalc.load("squeezenet1_1")
    assert convcalc.verify(graph, macs=1000, fields=False).reduced
    assert not convcalc.verify(graph, macs=None, fields=False).reduced


def test_a_size_that_no_machine_holds_is_reduced(cli) -> None:
    outcome = cli("verify", "input 3x900000x900000 | conv 4 k3 s2 | relu", "--brief")
    assert outcome.code == 0
    assert "its own size needs" in outcome.out


def test_memory_that_is_not_there_is_refused() -> None:
    with pytest.raises(MemoryLimitError, match="bytes"):
        verified("conv 64 k3 | linear 9 axis=channels", "3x64x64", max_memory=1000)


def test_a_global_layer_is_said_to_see_everything() -> None:
    layers = {
        layer.name: layer for layer in verified("conv 4 k3 | globalavgpool | conv 2 k1", "2x7x6").layers
    }
    for name in ("globalavgpool1", "conv2"):
        check = layers[name].find("receptive_field")
        assert check is not None and check.ok
        assert check.formula == "all"


def test_fields_of_phases_are_shown_by_execution() -> None:
    # Kernel 4 at stride 2: every output meets 2 positions, which see 3 pixels each, 4 together. Kernel 3
    # at stride 2 meets 1 or 2, by the phase of the output.
    layers = verified("conv 4 k3 p1 | convT 2 k4 s2 p1", "1x16x16").layers
    check = layers[1].find("receptive_field")
    assert check is not None
    assert check.formula == check.executed == "4x4 s1/2 p2"
    layers = verified("convT 2 k3 s2 p1", "1x16x16").layers
    check = layers[0].find("receptive_field")
    assert check is not None
    assert check.formula == check.executed == "1/2x1/2 s1/2 p0"


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    text = """
inputs: {left: 3x8x8, right: 2x8x8}
layers:
  - conv 4 k3 p1 from=left id=a
  - conv 4 k5 p2 from=right id=b
  - add from=[a,b] id=sum
  - split (1,3) id=parts
outputs: [sum, parts.1]
"""
    found = convcalc.verify(convcalc.load(text))
    assert found.ok and found.fields == 4
    total = next(layer for layer in found.layers if layer.name == "sum")
    fields = [check.formula for check in total.checks if check.quantity == "receptive_field"]
    assert fields == ["3x3 s1 p1", "5x5 s1 p2"]


def test_a_batch_that_does_not_run_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.executor.kernels import OPERATIONS

    right = OPERATIONS["relu"]

    def single(call: Any) -> Any:
        if len(call.x) > 1:
            raise ValueError("one sample at a time")
        return right.fast(call)

    monkeypatch.setitem(OPERATIONS, "relu", right._replace(fast=single))
    found = verified("conv 4 k3 | relu", "3x8x8")
    assert not found.ok
    assert found.error == "a batch of 2: ValueError: one sample at a time"


@pytest.mark.parametrize("line", ["reshape 2x4x5 | conv 2 k1", "reshape 4x10 | slice 0 1", "reshape 2x2x2x5"])
def test_a_reshape_that_cuts_axes_is_held_to_what_it_states(line: str) -> None:
    # One input axis becomes several: what is stated is the run that one index of the first of them holds.
    found = verified(line, "2x20")
    assert found.ok, str(found)


CORNERS = (
    # Windows that lie wholly in padding: maxima of minus infinity, whose sums are no numbers.
    "input 2x1x1 | maxpool k2x1 p=same_upper d2 | convT 1 k1",
    "input 1x1x1 | maxpool k2 p=same_upper d2 | gn 1 | maxpool k1x1",
    "input 2x1x1 | maxpool k1x2 p=same d1x2 | conv 1 k1 | hardsigmoid",
    # Part of the channels that a map was flattened to sees part of the map.
    "input 1x2x2 | flatten | slice 2",
    # The larger map on which the field is traced is cropped; the own one is not.
    "input 1x2 | crop size=2 | conv 1 k2 p=same",
    # All rows of it are the only one there is; the padding beside them reads nothing.
    "input 1x1x1 | upsample size=1x2 mode=linear align_corners=true | pad p1x0",
    # A copy of the last pixel stands where no value was put back.
    "input 3x6x8 | maxpool k2x1 s4x1 id=a | unpool k2x1 s4x1 size=6x8 from=[a,a.indices]"
    " | dwconv 3 k2x3 s2x3 p2x0 d1x2 bias=false padding_mode=replicate",
    # Of two ways, one sees nothing along the first axis from every other position.
    "input 1x1x1 | convT 1 k1 s2x1 id=a | conv 1 k2 p=same_lower id=b | conv 1 k1x2 p=same from=a id=c"
    " | concat from=[b,c]",
)


@pytest.mark.parametrize("spec", CORNERS)
def test_corners_where_the_witnesses_must_not_be_misread(spec: str) -> None:
    found = convcalc.verify(convcalc.load(spec))
    assert found.ok, str(found)
    assert found.scalars and found.fields


@pytest.mark.parametrize(
    "spec",
    [
        # One to the power of NaN is one, and so is NaN to the power of nothing.
        "input 1x1 | pow 1 reverse=true",
        "input 2x3 | pow 0 id=a | identity from=input id=b | pow from=[b,a]",
        # What a look-up reads was computed.
        "input 2x3x4 | mul 0 | embedding 1->2",
        "input 2x3x4 | clip min=0 max=2 | floor | embedding 3->2 | linear 3 axis=-1",
        "input 5x4 | argmax axis=0 | embedding 5->3",
        "input 5x4 id=a | argmax axis=1 id=i | gather axis=1 from=[a,i] | linear 2 axis=0",
        "input 3x4x4 | maxpool k2 s2 id=p | embedding 16->2 from=p.indices",
        # What is expanded to as many entries is shown once, and stays a view.
        "input 4x4x2x2 | expand 4x4x2x2 | flatten",
        "input 1x4 | expand 1x1x4 | reshape 2x2",
        "input 1x4 | expand 3x1x4 | reshape 12",
        "input 2x3x6 | expand 2x3x6 | neg inplace=true",
        "input 1x4 | expand 3x1x4 | neg inplace=true",
        "param 1x4 id=p | input 1x4 | add with=p | expand 1x1x4 | relu inplace=true | add with=p",
        # Beside channels that were made rows lies no pixel, however large the input.
        "input 1x1x1 | permute order=(1,0,2) id=a | conv 1 p=same k2 d2 id=b | concat from=[b,a]",
        "input 1x1x1 | lstm 1 bidirectional=true | conv 1 p=same_lower k1x2 d1x3",
        "input 1x1x1 | linear 1 axis=1 id=a | conv 1 p=same_lower k2x2 d2 id=b | add from=[a,b]",
        # A sum that is one but for a rounding: of a negative number that power is none.
        "inputs: {x: 1x1, y: 2x2x2}\nlayers: [softmax from=y, sum, pow -0.25 reverse=true]\n",
        "input 3x5 | softmax axis=0 | sum axis=0 | sub 1 | sqrt | log",
        "input 3x5 | softmax axis=0 | sum axis=0 | floor | reciprocal | sign",
        "input 1x3x2 | concat axis=1 from=[input,input] | conv 1 p=same_lower k2x1 padding_mode=reflect",
        # Roundings are all there is left to divide by their own size.
        "input 1x1x8 | bn bias=false track=false | globalavgpool | rmsnorm",
        # More tensors come out of a larger input.
        "input 1x2 | maxpool k2 | unstack axis=1",
        "input 1x5 | floor | reciprocal | rnn 1 nonlinearity=relu",
        # Where the same is seen again and again, the ends of a map on the way lie in every period.
        "input 3x3x2 | concat axis=1 from=[input,input] | conv 3->1 p=same k2x1",
        "input 3x3x2 | tile (1,2,1) | conv 3->1 p=same k2x1",
    ],
)
def test_what_was_a_false_alarm_agrees(spec: str) -> None:
    found = convcalc.verify(spec)
    assert found.ok, str(found)
    assert found.scalars


def test_the_larger_input_leaves_no_indices_beside_the_map() -> None:
    # Of 19 columns, the first size that is large enough, windows of 3 leave one out; of 21 none.
    graph = convcalc.load("input 1x3x3 | maxpool k1x3 id=a | unpool k1x3 from=[a,a.indices]")
    found = Larger(graph).at_least(5)
    assert found is not None
    assert found[0].nodes[0].outputs[0] == found[0].nodes[2].outputs[0] == (1, 21, 21)


def test_poison_decides_nothing_where_no_number_stands_without_it() -> None:
    # Both taps of the only window lie beside the only pixel: the maximum of nothing.
    (one,) = poisoned(convcalc.load("input 2x1 | maxpool k2 p=same d2 | softmax"))
    assert not one.undecided["maxpool1"].any() and not one.reached["maxpool1"].any()
    assert one.undecided["softmax1"].all()


def test_the_word_none_is_a_choice_where_it_is_one() -> None:
    assert convcalc.load("input 1x4 | gelu approximate=none").nodes[1].layer == lookup("gelu")(
        approximate="none"
    )
