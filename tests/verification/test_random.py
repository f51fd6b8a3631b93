"""Random layers and graphs: what is drawn, that all of it verifies, and how a failure is shrunk and told."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from random import Random
from time import process_time

import pytest

import convcalc
from convcalc.dims import DimensionError
from convcalc.layers import OPS, lookup
from convcalc.layers.base import REQUIRED, Layer, Option
from convcalc.layers.windows.conv import MODES, Conv
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.spec import load
from convcalc.verification import verify_random
from convcalc.verification.random import layers as random_layers
from convcalc.verification.random.layers import propose
from convcalc.verification.random.run import outcome
from convcalc.verification.random.shrink import shrink
from convcalc.verification.random.specs import RandomSpec, Stage, random_spec
from convcalc.verification.result import Verification


def failures(run: convcalc.RandomRun) -> str:
    return "\n\n".join(f"{one.spec}\n{one.reasons}" for one in run.failures)


def test_sixty_random_specs_verify() -> None:
    run = verify_random(60, seed=20261124)
    assert run.ok, failures(run)
    assert run.number == run.scalars == 60
    assert run.fields > 100
    assert len(run.ops) > 25


@pytest.mark.slow
def test_a_thousand_random_specs_verify_within_two_minutes() -> None:
    began = process_time()
    run = verify_random(1000, seed=1)
    assert run.ok, failures(run)
    assert set(run.ops) == set(OPS) - {"input", "opaque"}
    # Of one processor: what else the machine does is not counted.
    assert process_time() - began < 120


@pytest.mark.slow
def test_the_specs_are_of_every_kind() -> None:
    ops: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for index in range(540):
        graph = random_spec(0, index).load()
        shapes = {len(node.outputs[0]) - 1 for i, node in enumerate(graph.nodes) if i in graph.inputs}
        seen.update(f"rank {rank}" for rank in shapes)
        seen["inputs 2"] += len(graph.inputs) == 2
        seen["one layer"] += len(graph) == 2
        seen["branches"] += any(
            count > 1 for count in Counter(edge.node for node in graph.nodes for edge in node.inputs).values()
        )
        for node in graph.nodes:
            layer = node.layer
            ops[node.op] += 1
            if isinstance(layer, Conv):
                seen[f"mode {layer.padding_mode}"] += 1
                seen.update(f"padding {p}" for p in layer.padding if isinstance(p, str))
                seen["uneven padding"] += any(not isinstance(p, str) and p[0] != p[1] for p in layer.padding)
                seen["groups"] += layer.groups > 1
                seen["dilation"] += any(d > 1 for d in layer.dilation)
            if isinstance(layer, ConvTranspose):
                seen["output padding"] += any(layer.output_padding)
                seen["transposed dilation"] += any(d > 1 for d in layer.dilation)
            if node.op in ("maxpool", "avgpool", "lppool"):
                seen["ceil"] += layer.ceil  # type: ignore[attr-defined]
            if node.op == "bn":
                seen["statistics of the batch"] += not layer.track  # type: ignore[attr-defined]
            if node.op == "upsample":
                seen[f"mode {layer.mode}"] += 1  # type: ignore[attr-defined]
                seen["aligned corners"] += layer.align_corners  # type: ignore[attr-defined]
                seen["antialias"] += layer.antialias  # type: ignore[attr-defined]
    assert set(ops) == set(OPS) - {"opaque"}  # which cannot be run
    wanted = [f"rank {rank}" for rank in (1, 2, 3)]
    wanted += [f"mode {mode}" for mode in (*MODES, "nearest", "nearest_exact", "linear", "cubic", "spline")]
    wanted += [f"padding {name}" for name in ("same", "same_lower", "valid", "full", "causal")]
    wanted += ["inputs 2", "one layer", "branches", "uneven padding", "groups", "dilation", "output padding"]
    wanted += ["statistics of the batch", "transposed dilation", "ceil", "aligned corners", "antialias"]
    assert [name for name in wanted if not seen[name]] == []


SHAPES = ((6,), (8,), (4, 9), (6, 8), (4, 6, 6), (2, 5, 8), (4, 4, 4, 4), (3, 4, 2, 5))


@pytest.mark.parametrize("op", [op for op in OPS if not lookup(op).enters and not lookup(op).opaque])
def test_every_option_of_every_layer_is_set(op: str) -> None:
    # Whatever the layer: an option never set, or a choice never taken, would never be verified.
    cls, rng = lookup(op), Random(op)
    seen: dict[str, set[object]] = {option.field: set() for option in cls.options}
    for _ in range(60):
        for shape in SHAPES:
            several = [propose(rng, op, (shape,) * max(1, cls.arity[0]))]
            if ways := cls.partners(shape, lambda: rng.randint(1, 5)):
                follows = {option.field: None for option in cls.options if option.default is REQUIRED}
                several.append(propose(rng, op, (shape, *rng.choice(ways)), follows))
            for found in several:
                for field, value in found.values.items() if found else ():
                    seen[field].add(value)
    for option in cls.options:
        if option.field == "value" and cls.join and "maximum" not in OPS:
            continue  # a number is for the joins
        values = seen[option.field] - {None}
        expected = {"flag": {True, False}, "choice": set(option.choices)}.get(option.kind, values)
        assert values >= expected and values, option


class Stretch(Layer):
    """A layer that stands nowhere but here, with options of several kinds."""

    op = "stretch"
    options = (
        Option("parts", "dim"),
        Option("way", "choice", "up", choices=("up", "down")),
        Option("window", "axes", 1, "w"),
        Option("sides", "padding", 0, "p"),
        Option("order", "ints"),
    )
    positional = ("parts",)

    def __init__(self, **fields: object) -> None:
        vars(self).update(fields)

    @classmethod
    def create(cls, inputs, values):
        layer = super().create(inputs, values)
        if inputs[0][0] % layer.parts or layer.parts == 1:
            raise DimensionError("parts must divide", field="parts")
        if sorted(layer.order) != [*range(len(inputs[0]))]:
            raise DimensionError("no order", field="order")
        return layer


def test_a_new_layer_is_drawn_with_no_line_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_layers, "lookup", {"stretch": Stretch}.__getitem__)
    rng, words = Random(0), Counter()
    for _ in range(100):
        found = propose(rng, "stretch", ((6, 5, 5),))
        assert found is not None and found.outputs == ((6, 5, 5),)
        assert found.values["parts"] in (2, 3, 6)
        words.update(word.rstrip("0123456789x:") for word in found.words)
    assert set(words) > {"stretch", "", "parts=", "w", "p", "p=same", "way=down", "order=(1,0,2,)"}
    assert propose(rng, "stretch", ((1, 5),)) is None  # nothing divides one channel


def test_a_seed_draws_the_same_specs_again() -> None:
    again = [random_spec(3, index).text for index in range(20)]
    assert again == [random_spec(3, index).text for index in range(20)]
    assert again != [random_spec(4, index).text for index in range(20)]


def test_a_spec_reads_back_as_it_was_drawn() -> None:
    for index in range(40):
        spec = random_spec(5, index)
        graph = load(spec.text)
        names = [node.op for i, node in enumerate(graph.nodes) if i not in graph.inputs]
        assert len(names) == len(spec.stages)


def test_shrinking_keeps_what_fails() -> None:
    spec = RandomSpec(
        {"input": (4, 9, 9)},
        (
            Stage(("conv", "6", "k3x3", "p1", "d2", "bias=false"), "n1", ("input",)),
            Stage(("relu",), "n2", ("n1",)),
            Stage(("convT", "8", "k3", "s2"), "n3", ("n2",)),
            Stage(("add",), "n4", ("n3", "n3")),
        ),
    )
    found = shrink(spec, lambda one: any(stage.words[0] == "convT" for stage in one.stages))
    # By hand: one channel and one position, and nothing left but the layer with its required words.
    assert found.text == "input 1x1 | convT 1 k1"


def test_a_failure_is_a_spec_that_shows_it(monkeypatch: pytest.MonkeyPatch, cli) -> None:
    right = ConvTranspose.macs
    monkeypatch.setattr(
        ConvTranspose, "macs", lambda self, i, o: right(self, i, o) + (self.stride[0] > 1) * self.out_channels
    )
    printed = cli("verify", "--random", "30", "--seed", "2")
    assert printed.code == 1
    line = next(line for line in printed.out.splitlines() if "convcalc verify '" in line)
    assert "macs is" in printed.out
    program, command, spec = shlex.split(line[line.index("convcalc verify") :])
    assert (program, command) == ("convcalc", "verify")
    assert len(load(spec)) == 2, f"not shrunk to one layer: {spec}"
    shown = cli("verify", spec)
    assert shown.code == 1
    assert "macs is" in shown.out
    monkeypatch.undo()
    assert cli("verify", spec).code == 0


def test_the_run_stops_after_some_failures(monkeypatch: pytest.MonkeyPatch, cli) -> None:
    monkeypatch.setattr(Conv, "parameters", lambda self, inputs: {})
    run = verify_random(200, seed=0, most=2)
    assert not run.ok
    assert len(run.failures) == 2
    assert run.number < 200
    data = run.to_dict()
    assert data == json.loads(json.dumps(data))
    assert data["failures"][0]["reasons"]


def test_what_breaks_is_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Conv, inputs: object, outputs: object) -> int:
        raise RuntimeError("broken formula")

    monkeypatch.setattr(Conv, "macs", broken)
    found = outcome(RandomSpec({"input": (1, 3)}, (Stage(("conv", "1", "k1"), "n1", ("input",)),)), 0)
    assert not isinstance(found, Verification)
    run = verify_random(30, seed=0, most=1)
    assert run.failures[0].reasons == ("RuntimeError: broken formula",)


def test_the_command_says_what_it_did(cli) -> None:
    outcome_ = cli("verify", "--random", "12", "--seed", "7")
    assert outcome_.code == 0
    assert "12 (seed 7)" in outcome_.out
    assert "formula and execution agree" in outcome_.out
    assert cli("verify", "--random", "2", "--csv").out == "index,spec,reasons,original\n"
    data = cli("verify", "--random", "12", "--seed", "7", "--json").json()
    assert data["ok"] is True
    assert data["number"] == 12 and data["checks"] > 500
