"""The steps from our number to another tool's: they add up, over random networks and in letters."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.conventions.declaration import convention, names
from convcalc.dims import UNKNOWN
from tests.calculators.random_graphs import make_graph

STAGES = (
    "conv 4 k3 p1", "conv 4 k1 bias=false", "dwconv k3 p1", "convT 4 k2 s2", "bn", "relu", "gelu",
    "maxpool k2", "prelu", "linear 6 axis=channels", "gn groups=2", "upsample scale=2", "dropout",
    "conv 4 k3 s2 p1 | bn | relu6",
)  # fmt: skip


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_steps_add_up(seed: int, batch: int) -> None:
    graph = make_graph(Random(seed))
    ours = convcalc.analyze(graph, batch=batch).totals.macs
    for one in convcalc.conventions(graph, batch=batch):
        assert one.macs == ours
        assert (
            one.total == ours + sum(step.amount for step in one.steps) == sum(row.total for row in one.layers)
        )
        assert all(step.amount and step.layers for step in one.steps)
        assert one.total >= 0


@given(st.lists(st.sampled_from(STAGES), min_size=1, max_size=5), st.integers(1, 3), st.integers(1, 3))
def test_a_closed_form_has_the_numbers_of_every_size(stages: list[str], height: int, width: int) -> None:
    """A total in letters, with numbers put in, is the total of those numbers."""
    line = " | ".join(stages)
    sizes = {"H": 64 * height, "W": 64 * width}
    forms = convcalc.conventions(f"input 4xHxW | {line}")
    numbers = convcalc.conventions(line, input=f"4x{sizes['H']}x{sizes['W']}")
    for form, number in zip(forms, numbers, strict=True):
        total = form.total if isinstance(form.total, int) else form.total.subs(sizes)
        assert total == number.total, (form.tool, line)


def test_what_is_not_seen_is_said_with_how_much() -> None:
    (bridge,) = convcalc.conventions("mc3_18", ("thop",))
    unseen = [step for step in bridge.steps if not step.seen]
    (step,) = unseen
    assert (step.what, step.op) == ("not seen", "conv")
    row = {"macs_torch": 43342635008, "thop": 1845477888}
    norms = sum(step.amount for step in bridge.steps if step.seen)
    assert step.amount == row["thop"] - norms - row["macs_torch"]


def test_a_fault_is_named_where_it_changes_a_number() -> None:
    (thop,) = convcalc.conventions("convT 8 k4 s2 p1", ("thop",), input="3x8x8")
    ours = 8 * 8 * 3 * 8 * 16
    assert (thop.macs, thop.total) == (ours, 4 * ours)  # stride 2 along two axes
    assert [step.amount for step in thop.steps] == [3 * ours]
    assert "transposed" in thop.steps[0].what == thop.steps[0].fault
    (torchinfo,) = convcalc.conventions("linear 5 axis=-1 bias=false", ("torchinfo",), input="14x8")
    assert torchinfo.macs == 14 * torchinfo.total
    assert "more than one position" in torchinfo.steps[0].fault


def test_an_unknown_operator_leaves_totals_unknown() -> None:
    (bridge,) = convcalc.conventions("conv 3->4 k3", ("fvcore",))
    assert bridge.total is UNKNOWN
    assert bridge.ratio is None


def test_a_batch_is_counted_as_one_sample_where_a_tool_does() -> None:
    (bridge,) = convcalc.conventions("conv 8 k3 bias=false", ("ptflops",), input="3x8x8", batch=4)
    (step,) = bridge.steps
    assert (bridge.macs, step.what) == (4 * bridge.total, "one of 4 samples is counted")
    (torchinfo,) = convcalc.conventions("linear 5 axis=-1", ("torchinfo",), input="4x8", batch=4)
    assert "more than one position" in torchinfo.steps[0].what  # of as many positions as samples too


def test_the_span_holds_what_functions_and_modules_give() -> None:
    """Of 8x6x6 after a convolution of 64 outputs: an activation is counted twice, once or never."""
    (bridge,) = convcalc.conventions("conv 8 k3 | relu", ("ptflops",), input="3x8x8")
    outputs = 8 * 6 * 6
    assert bridge.total == bridge.macs + outputs + 2 * outputs
    assert bridge.span == (bridge.macs + outputs, bridge.macs + outputs + 2 * outputs)
    assert all(one.span is None for one in convcalc.conventions("resnet18"))


def test_there_is_no_such_convention() -> None:
    with pytest.raises(LookupError, match=r"no convention 'deepspeed': expected one of .*thop"):
        convcalc.conventions("conv 8 k3", ("deepspeed",), input="3x8x8")


def test_what_modules_see_of_a_line_is_said_to_be_assumed() -> None:
    for one in convcalc.conventions("conv 8 k3 | relu", input="3x8x8"):
        assert bool(one.notes) == convention(one.tool).modules
    assert {convention(name).modules for name in names()} == {True, False}
