"""Closed forms of whole networks against the same network at numbers."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

import convcalc
from convcalc.budget import VARIABLE
from convcalc.dims import UNKNOWN, symbol
from convcalc.spec.library import zoo_names
from convcalc.symbols.conditions import least_values
from tests.symbols.lines import value_of
from tests.symbols.test_layers import counts

AXES = "DHW"
COUNTED = {"convlstm": 1}
"""Networks whose first sizes are no letters: frames that are taken apart, one after the other."""
SOME = ["lenet5", "alexnet", "resnet50", "mobilenet_v2", "deeplabv3_resnet50", "unet"]


def symbolic_inputs(name: str) -> dict[str, tuple[Any, ...]]:
    """Channels as they are, every size a symbol."""
    graph = convcalc.load(name)
    shapes = {graph.nodes[i].name: graph.nodes[i].outputs[0] for i in graph.inputs}
    counted = COUNTED.get(name, 0)  # sizes that stay numbers
    return {n: (*s[: 1 + counted], *AXES[4 - len(s) + counted :]) for n, s in shapes.items()}


def multiples(name: str) -> dict[str, tuple[Any, ...]]:
    """Channels as they are, every size a multiple of twice its own, which more windows than one fill."""
    graph = convcalc.load(name)
    shapes = {graph.nodes[i].name: graph.nodes[i].outputs[0] for i in graph.inputs}
    letters = {n: (s[0], *AXES[4 - len(s) :]) for n, s in shapes.items()}
    return {
        n: (s[0], *(2 * size * symbol(axis) for size, axis in zip(s[1:], letters[n][1:], strict=True)))
        for n, s in shapes.items()
    }


def at(size: Any, values: dict[str, int]) -> Any:
    """A size of an input at numbers."""
    return size if type(size) is int else values[size] if isinstance(size, str) else value_of(size, values)


def check(name: str, tries: int) -> None:
    inputs = symbolic_inputs(name)
    try:
        graph = convcalc.load(name, input=inputs)
    except convcalc.SpecError as error:  # what the network is depends on its size
        assert "cannot be decided for symbols" in str(error)
        inputs = multiples(name)
        graph = convcalc.load(name, input=inputs)
    several = any(not isinstance(size, int | str) for shape in inputs.values() for size in shape)
    report = convcalc.analyze(graph)
    least = least_values(graph.constraints)
    rng = random.Random(name)
    first = convcalc.load(name)
    shapes = [first.nodes[i].outputs[0] for i in first.inputs]
    own = {
        axis: size for shape in shapes for axis, size in zip(AXES[4 - len(shape) :], shape[1:], strict=True)
    }
    done = 0
    for attempt in range(60):
        spread = (0, 1, 2)[attempt % 3] if several else (2, 40, 300)[attempt % 3]
        values = {axis: least.get(axis, 1) + rng.randint(0, spread) for axis in AXES}
        if attempt > 50:  # what fits no other size fits its own
            values = own
        if not all(condition.holds(values) for condition in graph.constraints):
            continue
        shapes = {n: tuple(at(s, values) for s in shape) for n, shape in inputs.items()}
        expected = convcalc.analyze(convcalc.load(name, input=shapes))
        for (key, value), (_, number) in zip(counts(report), counts(expected), strict=True):
            if key == "peak" and value is UNKNOWN:
                continue
            assert value_of(value, values) == number, (key, values)
        done += 1
        if done == tries:
            return
    raise AssertionError(f"no sizes meet {graph.constraints}")


@pytest.mark.parametrize("name", [n for n in SOME if n in zoo_names()])
def test_networks(name: str) -> None:
    check(name, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(zoo_names()) - set(SOME)))
def test_every_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "50000000")
    check(name, 2)


@pytest.mark.parametrize("alpha", [Fraction(1), Fraction(1, 2), Fraction(3, 4), Fraction(7, 5), Fraction(2)])
def test_the_width_multiplier_stays_a_symbol(alpha: Fraction) -> None:
    """Sandler et al. 2018: channels are multiples of 8 nearest to alpha times those of the table."""
    symbolic = convcalc.load("mobilenet_v2", set={"alpha": "a"})
    report = convcalc.analyze(symbolic)
    assert all(condition.holds(a=alpha) for condition in symbolic.constraints)
    expected = convcalc.analyze(convcalc.load("mobilenet_v2", set={"alpha": str(alpha)}))
    for (key, value), (_, number) in zip(counts(report), counts(expected), strict=True):
        assert value_of(value, {"a": alpha}) == number, key
    where = dict((str(value), str(condition)) for value, condition in report.roundings)
    assert where["make_divisible(32*a, 8)"] == "4*a is whole"


def test_a_width_at_which_a_shortcut_would_appear_is_excluded() -> None:
    """At alpha = 1/4 the first block has 8 channels in and out, and the numbers one addition more."""
    symbolic = convcalc.load("mobilenet_v2", set={"alpha": "a"})
    assert not all(condition.holds(a=Fraction(1, 4)) for condition in symbolic.constraints)
    numeric = convcalc.load("mobilenet_v2", set={"alpha": "0.25"})
    assert len(numeric) > len(symbolic)


def test_a_width_without_rounding_is_a_plain_factor() -> None:
    document = "vars: {alpha: 1.0}\ninput: 3x8x8\nlayers: ['conv 32*alpha k3 bias=false']\n"
    graph = convcalc.load(document, set={"alpha": "a"})
    assert str(convcalc.analyze(graph).totals.params) == "864*a"
    assert list(map(str, graph.constraints)) == ["32*a is whole"]


def test_what_symbols_cannot_decide_is_said_at_its_place() -> None:
    document = "vars: {alpha: 1.0}\ninput: 3x8x8\nlayers:\n  - {when: alpha > 1, do: [relu]}\n  - conv 8 k1\n"
    with pytest.raises(convcalc.SpecError, match="cannot be decided for symbols") as caught:
        convcalc.load(document, set={"alpha": "a"})
    assert caught.value.problems[0].line == 4


def test_resnet50_reads_well() -> None:
    report = convcalc.analyze(convcalc.load("resnet50", input="3xHxW"))
    shapes = {str(row.output_shape[1]) for row in report.layers if len(row.output_shape) == 3}
    assert shapes == {"ceil(H/2)", "ceil(H/4)", "ceil(H/8)", "ceil(H/16)", "ceil(H/32)", "1"}
    # Table 1 of He et al. 2016 as torchvision builds it: 4.09 G multiply-accumulates at 224x224.
    assert report.totals.macs.subs(H=224, W=224) == 4_089_184_256
    assert len(str(report.totals.macs)) < 200


def test_constraints_are_the_strongest_alone() -> None:
    graph = convcalc.load("conv 8 k3 | maxpool k2 | conv 8 k3 | maxpool k2 | conv 8 k5", input="3xHx64")
    assert list(map(str, graph.constraints)) == ["H >= 26"]
    with pytest.raises(convcalc.SpecError):
        convcalc.load("conv 8 k3 | maxpool k2 | conv 8 k3 | maxpool k2 | conv 8 k5", input="3x25x64")
    convcalc.load("conv 8 k3 | maxpool k2 | conv 8 k3 | maxpool k2 | conv 8 k5", input="3x26x64")


@pytest.mark.parametrize(
    ("line", "constraints"),
    [
        ("conv M->N k3 p1 g=G", ["G divides M", "G divides N"]),
        ("conv 64 k7", ["H >= 7", "W >= 7"]),
        ("conv 3->8 k1", ["M = 3"]),
        ("gn 32", ["32 divides M"]),
        ("pixelunshuffle 2", ["2 divides H", "2 divides W"]),
        ("conv N kK", ["H >= K", "W >= K"]),
        ("shift kK", ["2 divides K - 1"]),
        ("crop size=4x4", ["H >= 4", "W >= 4"]),
    ],
)
def test_constraints_are_said_as_people_say_them(line: str, constraints: list[str]) -> None:
    graph = convcalc.load(line, input="MxHxW")
    assert sorted(map(str, graph.constraints)) == constraints


def test_what_no_symbol_can_meet_is_refused_at_once() -> None:
    with pytest.raises(convcalc.SpecError, match="groups 2 do not divide"):
        convcalc.load("conv 2*M+1 k1 | conv 8 k1 g2", input="MxHxW")


def test_sizes_may_be_multiples_of_letters() -> None:
    """Windows of 7x7 patches of 4 fill a map of 448 pixels per axis at every stage."""
    graph = convcalc.load("swin_t", input="3x448*Hx(448*W)")
    macs = convcalc.analyze(graph).totals.macs
    for height, width in ((1, 1), (2, 1), (1, 3)):
        found = convcalc.analyze(convcalc.load("swin_t", input=f"3x{448 * height}x{448 * width}"))
        assert macs.subs(H=height, W=width) == found.totals.macs
    with pytest.raises(convcalc.SpecError, match="is no size"):
        convcalc.load("swin_t", input="3x0*Hx448")
