"""Recurrent layers: counts by definition, and what they read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import count, taint
from convcalc.layers.reads import From, UpTo, Whole


@st.composite
def recurrences(draw: Any) -> tuple[str, tuple[int, int], dict[str, Any]]:
    """A line, the steps and features that arrive, and its options."""
    whole = st.integers
    op = draw(st.sampled_from(["rnn", "lstm", "gru"]))
    options: dict[str, Any] = {
        "hidden": draw(whole(1, 6)),
        "layers": draw(whole(1, 3)),
        "bidirectional": draw(st.booleans()),
        "bias": draw(st.booleans()),
        "recurrent_bias": draw(st.booleans()),
        "axis": draw(st.sampled_from([0, 1, -1, -2])),
    }
    if op == "rnn":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if op == "gru":
        options["reset"] = draw(st.sampled_from(["after", "before"]))
    if op == "lstm" and options["hidden"] > 1 and draw(st.booleans()):
        options["projection"] = draw(whole(1, options["hidden"] - 1))
    words = [f"{key}={str(value).lower()}" for key, value in options.items()]
    return f"{op} {' '.join(words)}", (draw(whole(1, 6)), draw(whole(1, 5))), options


def arriving(steps: int, features: int, options: dict[str, Any]) -> tuple[int, int]:
    return (steps, features) if options["axis"] % 2 == 0 else (features, steps)


@settings(max_examples=60, deadline=None)
@given(recurrences())
def test_every_step_is_counted(case: tuple[str, tuple[int, int], dict[str, Any]]) -> None:
    """Layer by layer, direction by direction and step by step, from the formulas of one step."""
    line, (steps, features), o = case
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[line.split()[0]]
    hidden, size = o["hidden"], o.get("projection", o["hidden"])
    macs = adds = muls = divs = special = cmp = params = 0
    for number in range(o["layers"]):
        ways = 2 if o["bidirectional"] else 1
        reads = features if number == 0 else ways * size
        for _ in range(ways):
            biases = o["bias"] + (o["bias"] and o["recurrent_bias"])
            params += gates * hidden * (reads + size + biases) + hidden * o.get("projection", 0)
            for _ in range(steps):
                macs += gates * hidden * (reads + size) + hidden * o.get("projection", 0)
                adds += gates * hidden * (1 + biases)
                for _ in range(hidden):
                    if gates == 1:
                        special += o["nonlinearity"] == "tanh"
                        cmp += o["nonlinearity"] == "relu"
                    else:
                        sigmoids, tanhs = (3, 2) if gates == 4 else (2, 1)
                        special += sigmoids + tanhs  # 1 / (1 + exp(-x))
                        adds += sigmoids
                        divs += sigmoids
                        muls += 3  # f*c, i*g, o*tanh(c); r*(Wh), (1-z)*n, z*h
                        adds += 1 if gates == 4 else 2  # their sum, and 1 - z
    totals = convcalc.analyze(convcalc.load(line, input=arriving(steps, features, o))).totals
    assert (totals.macs, totals.valid_macs, totals.params) == (macs, macs, params)
    assert tuple(totals.ops) == (adds, muls, cmp, divs, special)


@settings(max_examples=25, deadline=None)
@given(recurrences())
def test_execution_counts_the_same(case: tuple[str, tuple[int, int], dict[str, Any]]) -> None:
    line, (steps, features), o = case
    graph = convcalc.load(line, input=arriving(steps, features, o))
    totals = convcalc.analyze(graph).totals
    for scalar in (False, True):
        found = count(graph, scalar=scalar).totals
        for what in ("macs", "valid_macs", "params", "activations", "flops"):
            assert found[what] == getattr(totals, what), what


@pytest.mark.parametrize(
    ("line", "shape", "params"),
    [
        ("lstm 256", "10x64", 329_728),  # PyTorch 2.13: sum(p.numel() for p in nn.LSTM(64, 256).parameters())
        ("gru 256", "10x64", 247_296),
        ("rnn 256", "10x64", 82_432),
        ("lstm 256 layers=2 bidirectional=true", "10x64", 2_236_416),
        ("lstm 256 projection=32", "10x64", 108_544),
        ("lstm 128 axis=-1 recurrent_bias=false", "64x10", 98_816),  # keras.layers.LSTM(128)
        ("gru 128 axis=-1", "64x10", 74_496),  # keras.layers.GRU(128)
    ],
)
def test_parameters_that_frameworks_state(line: str, shape: str, params: int) -> None:
    assert convcalc.analyze(convcalc.load(line, input=shape)).totals.params == params


def outputs(line: str, shape: str) -> dict[str, tuple[int, ...]]:
    node = convcalc.load(line, input=shape).nodes[-1]
    return dict(zip(node.layer.output_names(), node.outputs, strict=True))


def test_outputs_by_name() -> None:
    assert outputs("rnn 5", "7x3") == {"": (7, 5), "h": (1, 5)}
    both = "layers=2 bidirectional=true"
    assert outputs(f"lstm 5 {both} projection=2", "7x3") == {"": (7, 4), "h": (4, 2), "c": (4, 5)}
    assert outputs(f"gru 5 {both} axis=-1", "3x7") == {"": (10, 7), "h": (4, 5)}
    text = "input: 7x3\nlayers:\n- lstm 5 id=a\noutputs: {sequence: a, state: a.h, cell: a.c}\n"
    graph = convcalc.load(text)
    assert [graph.shape(edge) for edge in graph.outputs] == [(7, 5), (1, 5), (1, 5)]


@pytest.mark.parametrize("op", ["rnn", "lstm", "gru"])
def test_a_step_reads_the_steps_up_to_it(op: str) -> None:
    """Brute force: an output that changes with an input step reads it."""
    graph = convcalc.load(f"{op} 4 layers=2 axis=-1", input="3x9")
    fields = convcalc.receptive_field(graph)
    seen = taint(graph)
    for step in range(9):
        assert np.flatnonzero(seen[step]).tolist() == list(range(step + 1))
        assert fields.at((step,))[0].axes[0].read == (0, step)
    assert fields.output is not None
    assert (fields.output.smallest, fields.output.size) == ((1,), (9,))


def test_both_directions_read_all_and_each_its_own() -> None:
    graph = convcalc.load("gru 4 axis=-1 bidirectional=true", input="3x9")
    assert taint(graph).all()
    for channel, steps in ((0, range(6)), (4, range(5, 9))):
        seen = taint(graph, [(5,)], channels=[channel])
        assert np.flatnonzero(seen[0]).tolist() == list(steps)
    halves = convcalc.load("gru 4 axis=-1 bidirectional=true | slice 4 8", input="3x9")
    assert convcalc.receptive_field(halves).at((5,))[0].axes[0].read == (5, 8)
    deep = convcalc.load("gru 4 axis=-1 bidirectional=true layers=2 | slice 4 8", input="3x9")
    assert taint(deep).all()


def test_states_read_all() -> None:
    graph = convcalc.load("lstm 4 axis=-1 layers=2", input="3x9")
    for name in ("lstm1.h", "lstm1.c"):
        assert taint(graph, output=name).all()
        (row,) = convcalc.receptive_field(graph).of(name)
        assert row.axes[0].everything


def test_the_length_may_be_a_letter() -> None:
    graph = convcalc.load("lstm N layers=2", input="TxF")
    totals = convcalc.analyze(graph).totals
    assert str(totals.macs) == "4*N*T*(F + 3*N)"
    assert str(graph.nodes[-1].outputs[1]) == "(2, N)"
    assert convcalc.receptive_field(convcalc.load("gru 4 axis=1", input="3xT")).output.axes[0].everything


def test_a_shortcut_around_recurrence_is_no_fault() -> None:
    for line in ("lstm 3 axis=1 id=a", "lstm 3 axis=1 | gru 3 axis=1 id=a"):
        graph = convcalc.load(f"{line} | add from=[a,input]", input="3x9")
        assert convcalc.receptive_field(graph).misaligned == []
    graph = convcalc.load(
        "lstm 3 axis=1 | pad p=1:0 | slice 0 9 axis=1 id=a | add from=[a,input]", input="3x9"
    )
    assert convcalc.receptive_field(graph).misaligned != []


def test_fields_of_long_sequences_are_quick() -> None:
    """Each step of each layer is looked at once, not once for every step behind it."""
    graph = convcalc.load(" | ".join(["gru 4 axis=1"] * 5), input="3x20000")
    assert convcalc.receptive_field(graph).output.size == (20000,)


@settings(max_examples=100)
@given(st.integers(1, 12), st.data())
def test_rules_read_what_they_say(n: int, data: st.DataObject) -> None:
    from convcalc.layers.reads.sets import indices

    first, many = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
    wanted = data.draw(st.integers(0, (1 << n) - 1))
    for rule, reads in (
        (UpTo(), lambda j: range(j + 1)),
        (From(n), lambda j: range(j, n)),
        (Whole(first, many, n), lambda j: range(n) if first <= j < first + many else ()),
    ):
        for j in range(n):
            assert list(rule.of(j, n)) == list(reads(j)) == [i for i in rule.taps(j) if i < n]
        brute = sorted({i for j in indices(wanted) for i in reads(j)})
        assert indices(rule.all_of(wanted, n)) == brute


def test_the_features_of_several_axes_lie_last_unless_told_otherwise() -> None:
    assert outputs("lstm 7 axis=1", "4x5x3") == {"": (4, 5, 7), "h": (1, 4, 7), "c": (1, 4, 7)}
    assert outputs("gru 7", "4x5x3") == {"": (4, 5, 7), "h": (1, 5, 7)}
    assert outputs("gru 7 axis=-1", "4x5x3") == {"": (7, 5, 3), "h": (1, 5, 7)}
    assert outputs("rnn 7 axis=1 features=0 bidirectional=true", "4x5x3x2") == {
        "": (14, 5, 3, 2),
        "h": (2, 3, 2, 7),
    }
    assert outputs("rnn 7 features=1", "4x3") == outputs("rnn 7", "4x3")


def test_a_sequence_has_features_beside_its_steps() -> None:
    for line, message in (
        ("gru 3 axis=1 features=-2", "the features lie on axis 1, which is the sequence"),
        ("gru 3 axis=1 features=3", "axis 3"),
    ):
        with pytest.raises(convcalc.SpecError, match=message):
            convcalc.load(line, input="4x5x3")
    with pytest.raises(convcalc.SpecError, match="gru reads sequences of two axes or more, got 4"):
        convcalc.load("gru 3", input="4")


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["rnn 2", "gru 2 bidirectional=true", "lstm 2 layers=2"]), st.permutations(range(3)))
def test_what_is_read_along_further_axes(line: str, order: list[int]) -> None:
    """Brute force: what an output position reads is its own sequence, as far as it has come."""
    steps, features = order[:2]
    graph = convcalc.load(f"{line} axis={steps} features={features}", input=(3, 4, 5))
    sizes = graph.nodes[1].outputs[0]
    places = [tuple(place) for place in np.ndindex(*sizes[1:])]
    fields = convcalc.receptive_field(graph)
    for place, seen in zip(places, taint(graph, places), strict=True):
        for axis, row in enumerate(fields.at(place)[0].axes):
            read = np.flatnonzero(seen.any(axis=1 - axis))
            assert row.read == (read[0], read[-1]), (place, axis)
