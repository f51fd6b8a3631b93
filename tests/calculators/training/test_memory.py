"""Memory in training: figures measured elsewhere, identities, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.training.kept import forward
from convcalc.verification.random.specs import random_spec

TORCHVISION = {
    "alexnet": 7_482_368,
    "convnext_tiny": 218_311_616,
    "densenet121": 261_057_280,
    "efficientnet_b0": 176_556_096,
    "googlenet": 96_400_000,
    "mobilenet_v2": 156_555_520,
    "mobilenet_v3_small": 32_388_096,
    "resnet18": 44_398_080,
    "resnet50": 172_031_488,
    "shufflenet_v2_x1_0": 40_834_640,
    "squeezenet1_1": 42_139_456,
    "swin_t": 213_268_256,
    "vgg11": 97_738_752,
}
"""Bytes that ``torch.autograd.graph.saved_tensors_hooks`` was given of torchvision 0.28 in training mode: two
images, each storage once, without parameters and buffers; stochastic depth off, no auxiliary heads (PyTorch
2.13, processor)."""


@pytest.mark.parametrize(("name", "bytes_"), TORCHVISION.items())
def test_networks_keep_what_torchvision_keeps(name: str, bytes_: int) -> None:
    assert convcalc.training_memory(name, batch=2, in_place=True).saved_bytes == bytes_


def test_by_hand() -> None:
    """A convolution keeps its input, batch normalisation its own and two statistics, relu its output."""
    found = convcalc.training_memory(
        "input 3x8x8 | conv 4 k3 p1 | bn | relu | maxpool k2 | flatten | linear 5"
    )
    image, maps, pooled = 3 * 64 * 4, 4 * 64 * 4, 4 * 16
    assert [row.saved_bytes for row in found.layers] == [
        image, maps + 2 * 4 * 4, maps, pooled * 8, 0, pooled * 4,
    ]  # fmt: skip
    assert found.saved_fixed_bytes == 32
    assert found.saved_sample_bytes == image + 2 * maps + pooled * 12


def test_what_is_kept_twice_counts_once() -> None:
    found = convcalc.training_memory(
        "input 3x8x8 | conv 4 k3 id=a | conv 4 k3 from=input | add with=a | relu"
    )
    assert [row.saved_bytes for row in found.layers] == [3 * 64 * 4, 0, 0, 4 * 36 * 4]
    assert found.layers[1].saved == ("(input)",)


def test_gradients_are_of_what_is_trained() -> None:
    """Shared arrays count once; frozen ones have neither gradients nor a state."""
    spec = "input 4x8x8 | conv 4 k3 p1 id=a | relu | conv 4 k3 p1 share=a | conv 6 k1 frozen=true"
    totals = convcalc.analyze(spec).totals
    for optimizer, times in (("sgd", 0), ("momentum", 1), ("adam", 2), ("adamw", 2)):
        found = convcalc.training_memory(spec, optimizer=optimizer)
        assert found.parameter_bytes == 4 * totals.params
        assert found.gradient_bytes == 4 * totals.trainable
        assert found.state_bytes == times * found.gradient_bytes


def test_a_pass_without_training_keeps_nothing() -> None:
    found = convcalc.training_memory("input 3x8x8 | conv 4 k3 frozen=true | bn frozen=true | relu")
    assert (found.saved_bytes, found.gradient_bytes, found.weight_macs, found.input_macs) == (0, 0, 0, 0)
    assert {step.phase for step in found.steps} == {"forward"}


def test_half_as_many_bytes() -> None:
    full = convcalc.training_memory("resnet18", batch=4, optimizer="adam")
    half = convcalc.training_memory("resnet18", batch=4, optimizer="adam", precision="bf16")
    indices = 4 * 64 * 56 * 56 * 8  # of the pool, which stay
    assert 2 * (half.saved_bytes - indices) == full.saved_bytes - indices
    assert 2 * half.state_bytes == full.state_bytes


def test_checkpointed_blocks_keep_what_enters_them() -> None:
    whole = convcalc.training_memory("resnet18", batch=8)
    parts = convcalc.training_memory("resnet18", batch=8, checkpoint=["layer*.*"])
    inside = {row.name: row for row in parts.layers}
    assert all(row.saved_bytes == 0 for row in parts.layers if row.name.endswith(("bn1", "relu1", "add1"))
               and row.name.startswith("layer"))  # fmt: skip
    assert inside["layer2.basic_block1.conv_bn1.conv1"].saved_bytes == 8 * 64 * 56 * 56 * 4
    assert parts.saved_bytes < whole.saved_bytes and parts.peak_bytes < whole.peak_bytes
    assert parts.again_macs == sum(row.macs for row in parts.layers if row.name.startswith("layer"))
    assert parts.training_flops == whole.training_flops + 2 * parts.again_macs


def test_the_largest_batch_stands_between_its_neighbours() -> None:
    found = convcalc.largest_batch("resnet18", "2GB", optimizer="adam")
    assert found.batch is not None
    below = convcalc.training_memory("resnet18", batch=found.batch, optimizer="adam")
    above = convcalc.training_memory("resnet18", batch=found.batch + 1, optimizer="adam")
    assert below.peak_bytes <= 2 * 10**9 < above.peak_bytes
    assert found.fixed_bytes + found.sample_bytes * found.batch == below.peak_bytes


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_the_largest_batch_of_any_limit(room: int, batch: int) -> None:
    spec = "input 3x9x9 | conv 4 k3 | bn | relu | conv 4 k3 s2 | flatten | linear 5"
    peak = convcalc.training_memory(spec, batch=batch).peak_bytes
    assert convcalc.largest_batch(spec, peak).batch == batch
    found = convcalc.largest_batch(spec, room)
    smallest = convcalc.training_memory(spec, batch=1).peak_bytes
    assert (found.batch is None) == (room < smallest)
    if found.batch is not None:
        assert convcalc.training_memory(spec, batch=found.batch).peak_bytes <= room
        assert convcalc.training_memory(spec, batch=found.batch + 1).peak_bytes > room


@settings(max_examples=40)
@given(st.integers(0, 100_000), st.integers(1, 4))
def test_of_random_networks(index: int, batch: int) -> None:
    """The peak holds all that is saved and always there; what is saved is a line in the batch."""
    graph = convcalc.load(random_spec(11, index).text)
    found = convcalc.training_memory(graph, batch=batch, optimizer="momentum")
    always = found.parameter_bytes + found.buffer_bytes + found.state_bytes
    assert found.peak_bytes >= always + found.saved_bytes
    assert found.saved_bytes == sum(row.saved_bytes for row in found.layers)
    assert found.state_bytes == found.gradient_bytes
    if found.saved_sample_bytes is not None:
        twice = convcalc.training_memory(graph, batch=2 * batch)
        assert twice.saved_bytes - found.saved_bytes == batch * found.saved_sample_bytes
    assert min(step.bytes for step in found.steps) >= always


@settings(max_examples=40)
@given(st.integers(0, 100_000))
def test_checkpointing_keeps_no_more(index: int) -> None:
    spec = random_spec(13, index)
    graph = convcalc.load(spec.text)
    assume(len(graph.inputs) == 1 and len(graph.nodes) > 3)
    for node in graph.nodes:  # all of it as one block
        if not node.is_input:
            node.name = f"all.{node.name}"
    assume(all(not node.shares for node in graph.nodes))
    whole = convcalc.training_memory(graph, batch=2)
    parts = convcalc.training_memory(graph, batch=2, checkpoint=["all"])
    entering = forward(graph, 2, 4).storages[0].bytes
    assert parts.saved_bytes <= max(entering, 0)
    assert parts.saved_bytes == 0 if whole.saved_bytes == 0 else parts.saved_bytes <= entering
    assert parts.gradient_bytes == whole.gradient_bytes


def test_json_holds_what_the_object_does() -> None:
    found = convcalc.training_memory("lenet5", batch=2, optimizer="adam", checkpoint=[])
    data = json.loads(found.to_json())
    assert data["saved_bytes"] == sum(row["saved_bytes"] for row in data["layers"])
    assert data["peak_bytes"] == max(step["bytes"] for step in data["steps"])
    assert data["training_flops"] == 2 * sum(data[key] for key in ("macs", "input_macs", "weight_macs"))
    assert len(data["layers"]) == 12
    assert data["peak_phase"] in ("forward", "backward")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch": 0}, "batch must be"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion'"),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
        ({"checkpoint": ["nowhere"]}, "no block 'nowhere'"),
        ({"checkpoint": ["layer1", "layer1.basic_block1"]}, "overlap"),
    ],
)
def test_what_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        convcalc.training_memory("resnet18", **options)  # type: ignore[arg-type]


def test_sizes_that_are_letters_are_refused() -> None:
    with pytest.raises(convcalc.Unreachable, match="no numbers"):
        convcalc.training_memory("conv 4 k3 | relu", input="3xHxW")


def test_limits() -> None:
    peak = convcalc.training_memory("lenet5", batch=4, optimizer="adam").peak_bytes
    adam = {"optimizer": "adam"}
    assert convcalc.check("lenet5", max_training_memory=peak, batch=4, training=adam)
    held = convcalc.check("lenet5", max_training_memory=peak - 1, batch=4, training=adam)
    assert not held and held.rows[0].value == peak
    with pytest.raises(ValueError, match="no limit 'max_training_memry'"):
        convcalc.check("lenet5", max_training_memry=1)
