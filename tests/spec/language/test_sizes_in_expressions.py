"""``size`` in expressions: the sizes that arrive, against the shapes that the graph itself works out."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc import load
from convcalc.dims import UNKNOWN, symbol
from convcalc.graph import Graph
from convcalc.spec import SpecError
from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import ExpressionError, parse

shapes = st.lists(st.integers(1, 9), min_size=2, max_size=4).map(tuple)


def shown(shape: tuple[Any, ...]) -> str:
    return "x".join(map(str, shape))


def last(graph: Graph) -> tuple[Any, ...]:
    return graph.nodes[-1].outputs[0]


# -- what the expressions mean -----------------------------------------------------------------


@given(shapes, st.integers(-4, 3), st.integers(-5, 5), st.integers(-5, 5))
def test_items_cuts_sums_and_products_are_those_of_python(
    shape: tuple[int, ...], index: int, start: int, stop: int
) -> None:
    env = {"in": shape}
    assert evaluate(parse("in"), env) == shape[0]
    assert evaluate(parse("size"), env) == shape
    assert evaluate(parse("len(size)"), env) == len(shape)
    assert evaluate(parse(f"size[{start}:{stop}]"), env) == shape[start:stop]
    assert evaluate(parse(f"size[:{stop}] + size[{start}:] + (7,)"), env) == (
        *shape[:stop],
        *shape[start:],
        7,
    )
    assert evaluate(parse(f"size*{index} + 2*[in]"), env) == shape * index + (shape[0],) * 2
    assert evaluate(parse(f"prod(size[{start}:{stop}])"), env) == prod(shape[start:stop])
    assert evaluate(parse(f"sum(size[{start}:{stop}])"), env) == sum(shape[start:stop])
    if -len(shape) <= index < len(shape):
        assert evaluate(parse(f"size[{index}]"), env) == shape[index]
    else:
        with pytest.raises(ExpressionError, match="no item"):
            evaluate(parse(f"size[{index}]"), env)


def test_what_follows_from_unknown_sizes_is_unknown() -> None:
    for text in (
        *("size[1]**-0.5", "size[1]**2", "2**size[1]"),
        *("in", "size", "size[0]", "size[-1]*2", "len(size)", "size[1:]", "prod(size[1:])", "sum(size)"),
        *("max(size)", "size + (1,)", "(1,) + size", "size*2", "(1,)*in", "(1, 2)[len(size)]", "(1, 2)[:in]"),
    ):
        assert evaluate(parse(text), {"in": UNKNOWN}) is UNKNOWN, text
    assert evaluate(parse("prod(size[1:])"), {"in": (3, 4, UNKNOWN)}) is UNKNOWN
    assert evaluate(parse("prod(size[:2])"), {"in": (3, 4, UNKNOWN)}) == 12


def test_arrays_and_symbols_work() -> None:
    h = np.array([4, 6, 8])
    assert list(evaluate(parse("size[1]*size[0]"), {"in": (3, h)})) == [12, 18, 24]
    assert evaluate(parse("prod(size)"), {"in": (3, symbol("H"))}) == 3 * symbol("H")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size[1.5:]", "whole numbers"),
        ("size['a':]", "whole numbers"),
        ("3[1:]", "only a list"),
        ("size[1:2:1]", "unexpected ':'"),
        ("size[", "too early"),
        ("size[:", "too early"),
        ("size + 3", "another list, got 3"),
        ("3 + size", "another list, got 3"),
        ("size * 1.5", "a whole number, got 1.5"),
        ("size * size", r"a whole number, got \(3, 4, 5\)"),
        ("size * 10**6", "more than 10,000 items"),
        ("size - size", "needs numbers"),
        ("sum('a')", "expected a number"),
        ("1 : 2", "unexpected ':'"),
    ],
)
def test_what_is_no_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        evaluate(parse(text), {"in": (3, 4, 5)})


@pytest.mark.parametrize("name", ["in", "size"])
def test_where_nothing_arrives_it_is_said(name: str) -> None:
    with pytest.raises(ExpressionError, match="no tensor arrives") as caught:
        evaluate(parse(name), {})
    assert "--input" in (caught.value.expected or "")
    with pytest.raises(SpecError, match="no tensor arrives"):
        load(f"vars: {{a: 'max({name}, 4)'}}\ninput: 3x8x8\nlayers: [conv a k1]")
    with pytest.raises(SpecError, match="no tensor arrives"):
        load(f"conv max({name}) k3")


# -- where they may stand ----------------------------------------------------------------------


@given(shapes)
def test_a_reshape_by_the_sizes_that_arrive(shape: tuple[int, ...]) -> None:
    graph = load(f"input {shown(shape)} | reshape (in, prod(size[1:])) | permute order=(1,0)")
    assert last(graph) == (prod(shape[1:]), shape[0])
    graph = load(f"input {shown(shape)} | reshape (size[-1],)+size[:-1]")
    assert last(graph) == (shape[-1], *shape[:-1])


def test_a_token_network_follows_its_input() -> None:
    text = "input 3x224x224 | conv 768 k16 s16 | reshape (in, size[1]*size[2]) | permute order=(1,0)"
    assert last(load(text)) == (196, 768)
    assert last(load(text, input="3x384x224")) == (24 * 14, 768)
    symbolic = load(text, input="3xHxW")
    for h, w in ((224, 224), (96, 33), (16, 17)):
        tokens = last(symbolic)[0].subs({"H": h, "W": w})
        assert tokens == last(load(text, input=(3, h, w)))[0] == (h // 16) * (w // 16)
    assert last(load(text, input="3x?x?")) == (UNKNOWN, 768)


def test_every_place_that_knows_in_knows_size() -> None:
    graph = load("""
input: 3x20x12
blocks:
  default(k=size[2]//4): conv size[1] k=k
  given(n): conv n k1
  hiding(size): conv size k1
layers:
  - conv len(size) k1 id=c{size[1]}_{len(size)}   # options and names
  - default                                       # defaults of a block
  - given(size[-1] + 1)                           # arguments
  - hiding(5)                                     # a parameter of the name hides it
  - let: {h: "size[1] - 10"}
  - conv h k1
  - {when: "size[1] > size[2]", do: conv 31 k1, else: conv 32 k1}
  - {repeat: "len(size)", body: conv in+1 k1}
  - {group: "g{size[1]}", body: "conv 40 k1 frozen=(size[1]==18)"}
  - {each: s, of: size, body: conv s k1}
  - conv size[0] k1 from=c{size[1]+2}_{3}
""")
    channels = [node.outputs[0][0] for node in graph.nodes if node.op == "conv"]
    assert channels == [3, 20, 11, 5, 8, 31, 32, 33, 34, 40, 40, 18, 10, 3]
    assert graph.nodes[1].name == "c20_3"
    assert graph.nodes[-1].inputs[0].node == 1
    assert [node.name for node in graph.nodes if node.frozen] == ["g18.conv1"]


def test_it_is_of_the_first_tensor_that_a_stage_reads() -> None:
    graph = load(
        "input 3x9x9 | conv 4 k3 id=a | conv 5 k3 id=b | conv size[1] k1 from=a | conv size[1] k1 from=b"
    )
    assert [node.outputs[0][0] for node in graph.nodes] == [3, 4, 5, 7, 5]
    graph = load("input 3x9x9 | conv 4 k3 id=a | conv 4 k3 p1 | concat from=[a] with=a axis=len(size)-1")
    assert last(graph) == (4, 7, 14)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("vars: {size: 8}\ninput: [3, size, size]\nlayers: [conv size k1]", {}),
        ("layers:\n - input 3x8x8\n - let: {size: 8}\n - conv 5 k1\n - conv size k1", {}),
        ("input: 3x9x9\nlayers:\n - {repeat: 9, each: size, body: conv size+1 k1}\n - conv 8 k1", {}),
        ("input 3x9x9 | conv size k1", {"set": {"size": 8}}),
    ],
)
def test_a_variable_of_the_name_hides_it(text: str, settings: dict[str, Any]) -> None:
    assert last(load(text, **settings))[0] == 8


def test_it_is_said_where_a_variable_hides_the_sizes() -> None:
    with pytest.raises(SpecError, match="hides the sizes that arrive"):
        load("vars: {size: 8}\ninput: [3, size, size]\nlayers: ['conv size[0] k1']")


@pytest.mark.parametrize(
    "call", ["nn.LayerNorm(size)", "nn.Linear(size, 5)", "Conv2D(size, 3)", "Dense(size)"]
)
def test_in_a_pasted_call_it_is_a_variable_of_the_program(call: str) -> None:
    with pytest.raises(SpecError, match="unknown name 'size'") as caught:
        load(f"input 3x8x8 | {call}")
    assert "--set size=N" in str(caught.value)


def test_what_arrives_cannot_be_set_from_outside() -> None:
    with pytest.raises(SpecError, match="no variable 'in' to set"):
        load("input 3x8x8 | conv in k3", set={"in": 5})


def test_a_repeat_by_an_unknown_size_is_refused() -> None:
    with pytest.raises(SpecError, match="a size that was not given"):
        load("layers:\n - conv 3->4 k3\n - {repeat: 'size[1]', body: relu}")


# -- which sizes work --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "input 3x24x24 | conv 8 k3 s2 p1 | reshape (size[0],size[1]//2,2*size[2])",
        "input 3x24x24 | conv 8 k3 s2 p1 | reshape (in*size[1]//3, 3*size[2])",
        "input 3x24x24 | maxpool k2 s2 | conv 4 k=size[1]//2 | conv 4 k3",
        "input 3x24x24 | conv 4 k2 s2 | reshape (len(size), prod(size)//3)",
    ],
)
def test_sizes_are_found_through_size(text: str) -> None:
    both = next(axis for axis in convcalc.sizes(text).axes if "=" in axis.name)
    works = []
    for n in range(1, 60):
        try:
            load(text, input=(3, n, n))
            works.append(n)
        except SpecError:
            pass
    assert 0 < len(works) < 59
    assert [n for n in range(1, 60) if n in both.sizes] == works
