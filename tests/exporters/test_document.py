"""Graphs as documents with structure: reading one gives the same graph."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.exporters.document import to_spec
from convcalc.verification.random.specs import random_spec
from tests.exporters.zoo import QUICK, networks


@pytest.mark.parametrize("name", networks(*QUICK, "coat_mini", "yolov3", every=5))
def test_networks_read_back_to_the_same(name: str) -> None:
    graph = convcalc.load(name)
    text = to_spec(graph)
    assert convcalc.load(text) == graph


@given(st.integers(0, 10**6))
def test_random_networks_read_back_to_the_same(seed: int) -> None:
    graph = random_spec(seed, 0).load()
    assert convcalc.load(to_spec(graph)) == graph


NAMED = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["a", "b", "c1", "c2", "relu1", "0", "conv_bn1"]), max_size=3),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=14,
)


@given(NAMED)
def test_any_names_read_back_to_the_same(parts: list[tuple[list[str], int]]) -> None:
    """Blocks of any names, whole or torn, with layers that read what stands near or far."""
    names: set[str] = set()
    lines, layers = [], []
    for number, (path, kind) in enumerate(parts):
        name = ".".join([*path, ("conv1", "relu1", f"n{number}")[kind]])
        if name in names or any(
            other.startswith(name + ".") or name.startswith(other + ".") for other in names
        ):
            continue
        reads = f" with={layers[number % len(layers)]}" if kind == 2 and layers else ""
        lines.append(f"  - {('conv 4 k1', 'relu', 'add' if reads else 'tanh')[kind]}{reads} id={name}")
        names.add(name)
        layers.append(name)
    graph = convcalc.load("\n".join(["input: 4x3x3", "layers:", *lines]))
    assert convcalc.load(to_spec(graph)) == graph


def test_blocks_that_are_alike_are_written_once() -> None:
    text = to_spec(convcalc.load("resnet50"))
    assert len(text.splitlines()) < 90
    assert text.count("maxpool") == 1


def test_blocks_in_a_row_are_a_repeat() -> None:
    text = to_spec(convcalc.load("gpt2"))
    assert "- repeat: 11" in text or "- repeat: 12" in text


@pytest.mark.parametrize(
    "spec",
    [
        "inputs: {a: 3x4x4, b: 3x4x4}\nlayers:\n  - add from=[a,b] id=block.add1\n  - relu id=block.relu1\n",
        "input 4x5x5 | conv 4 k1 id=a.c | conv 4 k1 id=b.c share=a.c | bn id=b.n frozen=true",
        "input 4x5x5 | maxpool k2 id=p.m | conv 4 k1 id=p.c | unpool k2 id=q.u from=[p.c,p.m.indices]"
        " size=5x5",
        "input 6x4x3 | split (3,3) id=s.x | relu from=s.x.1 id=s.y | add from=[s.x.0,s.y] id=t.z",
        "input 4x5x5 | conv 4 k1 id=conv.a | conv 4 k1 id=conv.b | conv 4 k1 id=relu.a | conv 4 k1 id=relu.b",
        "input 4x5x5 | conv 4 k1 id=0.0.a | relu id=0.0.b | conv 4 k1 id=0.1.a | relu id=0.1.b",
        'inputs: {x: "?"}\nlayers: ["opaque L shapes=? params=? buffered=7 id=l"]\n',
        "input 4 | linear 4 id=add | relu id=b.r | param 4 id=b.0.p | add from=[b.0.p,add] id=b.0.add"
        " | linear 4 id=b.0.m.c | add from=[b.0.p,b.0.m.c] id=b.0.m.a | relu id=b.0.m.r",
        "input 3xHxW | conv 4 k3 id=a.x | relu id=a.y | conv 8 k3 id=b.x | relu id=b.y",
    ],
)
def test_what_is_particular_reads_back(spec: str) -> None:
    graph = convcalc.load(spec)
    assert convcalc.load(to_spec(graph)) == graph
