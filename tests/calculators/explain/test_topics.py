"""Topics: found in any spelling, their textbook formulas those that were counted, their numbers executed."""

from __future__ import annotations

import json
import re
import shlex
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.dims import is_symbolic
from convcalc.executor import count
from convcalc.layers import names
from convcalc.render.views.design import topics as render
from convcalc.spec.library import has_block, zoo_names
from convcalc.spec.topics import asked, declaration, is_layer_or_block, topic_called, topics
from convcalc.verification import laws
from tests.conftest import ROOT

ISSUE = (
    *("depthwise separable", "padding", "dilation", "receptive field", "transposed convolution", "groups"),
    *("bottleneck", "shift", "FLOPs vs MACs", "roofline"),
)


def value(topic: Any, group: str, quantity: str) -> Any:
    (line,) = [one for one in topic.lines if (one.group, one.quantity) == (group, quantity)]
    return line.value if line.value is not None else line.formula


def test_every_topic_that_people_ask_for_is_there() -> None:
    assert set(ISSUE) <= set(topics())
    assert convcalc.topics() == topics()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Depthwise Separable", "depthwise separable"),
        ("depthwise-separable", "depthwise separable"),
        ("'depthwise_separable convolutions'", "depthwise separable"),
        ("FLOPs-vs-MACs", "FLOPs vs MACs"),
        ("macs versus flops", "FLOPs vs MACs"),
        ("receptive fields", "receptive field"),
        ("Transposed Convolution", "transposed convolution"),
        ("deconvolution", "transposed convolution"),
        ("grouped convolution", "groups"),
        ("atrous", "dilation"),
        ("why roofline", "roofline"),
        ("arithmetic intensity", "roofline"),
        ("conv", None),
        ("resnet50", None),
        ("", None),
    ],
)
def test_found_by_any_spelling(text: str, name: str | None) -> None:
    assert topic_called(text) == name


def test_no_topic_hides_a_network_and_no_name_means_two() -> None:
    assert [name for name in zoo_names() if topic_called(name)] == []
    seen: dict[str, str] = {}
    for name in topics():
        for text in (name, *declaration(name)["also"]):
            assert seen.setdefault(re.sub(r"[\W_]+", "", text).lower(), name) == name, text
            assert topic_called(text) == name


@pytest.mark.parametrize("name", topics())
def test_the_form_of_the_textbook_is_what_was_counted(name: str) -> None:
    """The formulas in the files are stated; what the calculators count on letters is derived."""
    found = convcalc.topic(name)
    assert any(line.textbook is not None for line in found.lines)
    for line in found.lines:
        if line.textbook is not None:
            assert line.textbook.value == line.formula, line.quantity
        if is_symbolic(line.formula):
            assert line.value is not None, line.quantity


@pytest.mark.parametrize("name", topics())
def test_what_a_topic_names_is_there(name: str) -> None:
    said = declaration(name)
    assert (ROOT / "examples" / said["page"]).exists()
    assert set(said["laws"]) <= set(laws.NUMBERS)
    layer = said.get("layer")
    assert layer is None or layer in names() or has_block(layer)
    assert re.search(r"\d{4}", said["source"])
    page = (ROOT / "examples" / said["page"]).read_text(encoding="utf-8")
    assert any(f"--law {law}" in page for law in said["laws"])
    assert f"convcalc explain {asked(name)}" in page or f'convcalc explain "{name}"' in page


@pytest.mark.parametrize("name", topics())
def test_every_line_to_go_on_runs(name: str, cli: Any) -> None:
    for head, line in render.onward(convcalc.topic(name)):
        if head in ("page", "law"):
            continue
        done = cli(*shlex.split(line)[1:])
        assert done.code == 0, line


@pytest.mark.parametrize("name", topics())
def test_in_every_form(name: str, cli: Any) -> None:
    for form in ("plain", "unicode", "latex"):
        done = cli("explain", name, "--why", "--notation", form)
        assert done.code == 0 and "None" not in done.out
    held = json.loads(cli("explain", name, "--why", "--json").out)
    assert held["name"] == name and held["lines"] and held["laws"]
    assert "$" in cli("explain", name, "--why", "--markdown").out


small = st.integers(1, 9)


@settings(max_examples=25)
@given(m=small, n=small, k=st.integers(1, 5), h=st.integers(5, 9), w=st.integers(5, 9))
def test_numbers_of_separable_are_executed(m: int, n: int, k: int, h: int, w: int) -> None:
    found = convcalc.topic("depthwise separable", input=f"{m}x{h}x{w}", set={"N": n, "K": str(k)})
    specs = (f"conv {n} k{k} p=same bias=false", f"dwconv k{k} p=same bias=false | conv {n} k1 bias=false")
    full, apart = (count(convcalc.load(spec, input=f"{m}x{h}x{w}")) for spec in specs)
    assert value(found, "MACs", "standard") == full.total("macs")
    assert value(found, "MACs", "both") == apart.total("macs")
    assert value(found, "weights", "separable") == apart.total("params")
    assert value(found, "MACs", "of the standard") == Fraction(1, n) + Fraction(1, k * k)


@settings(max_examples=25)
@given(
    i=st.integers(1, 20), k=st.integers(1, 5), s=st.integers(1, 3), p=st.integers(0, 3), d=st.integers(1, 3)
)
def test_sizes_of_padding_are_counted(i: int, k: int, s: int, p: int, d: int) -> None:
    fits = len(range(0, i + 2 * p - d * (k - 1), s))
    numbers = {"K": k, "S": s, "P": p, "D": d}
    if fits < 1:
        with pytest.raises(convcalc.SpecError, match="larger than"):
            convcalc.topic("padding", input=(3, i, i), set=numbers)
        return
    assert value(convcalc.topic("padding", input=(3, i, i), set=numbers), "output", "height") == fits


def test_numbers_of_a_spec() -> None:
    found = convcalc.topic("groups", "conv 8->16 k5 g2 p2", input="8x9x9")
    assert found.numbers() == {"M": 8, "H": 9, "W": 9, "N": 16, "K": 5, "G": 2}
    assert found.given == "conv1: conv 8->16 k5 p2 g2"
    name = "layer2.bottleneck1.conv_bn2.conv1"
    assert convcalc.topic("padding", "resnet50", layer=name).numbers()["S"] == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("groups", "--set", "G=5"), "groups 5 do not divide"),
        (("groups", "--set", "Z=5"), "has no letter 'Z'"),
        (("groups", "--set", "K=0"), "1 or more"),
        (("groups", "--set", "K=x"), "whole number"),
        (("groups", "--input", "3x4"), "reads MxHxW"),
        (("groups", "--input", "x=3x4x4"), "reads MxHxW"),
        (("bottleneck", "--why", "--input", "6x4x4"), "no multiple of 4"),
        (("dilatoin",), "did you mean dilation?"),
        (("conv", "--why"), "there is no topic 'conv'"),
        (("padding", "relu", "--input", "3x4x4"), "takes its numbers from a convolution"),
        (("padding", "resnet50", "--layer", "nothing"), "there is no layer 'nothing'"),
        (("padding", "--layer", "conv1"), "--layer is for a SPEC"),
    ],
)
def test_refusals_say_what_would_work(cli: Any, call: tuple[str, ...], message: str) -> None:
    done = cli("explain", *call)
    assert done.code == 2 and message in done.err and "Traceback" not in done.err


def test_words_without_quotes(cli: Any) -> None:
    one, two = cli("explain", "depthwise separable").out, cli("explain", "Depthwise", "separable").out
    assert one == two and "1/128 + 1/9 = 0.119" in one
    assert "with the numbers of conv1: conv 3->8 k5" in cli(
        "explain", "depthwise", "separable", "conv 8 k5", "--input", "3x9x9"
    ).out  # fmt: skip


@pytest.mark.parametrize("name", ["shift", "bottleneck"])
def test_a_layer_of_the_same_name_is_shown_and_names_the_topic(cli: Any, name: str) -> None:
    assert is_layer_or_block(name)
    layer, topic = cli("explain", name), cli("explain", name, "--why")
    assert layer.out.startswith(name + "\n") and f"why: convcalc explain {name} --why" in layer.out
    assert f"convcalc explain {name}\n" in topic.out and layer.out != topic.out
    assert cli("explain", "shift", "k3", "--input", "9x5x5").code == 0


def test_alone_and_list(cli: Any) -> None:
    alone, listed = cli("explain"), cli("list", "topics")
    assert alone.code == listed.code == 0 and alone.out == listed.out
    assert all(name in alone.out for name in topics())
    assert "roofline" in cli("list", "topics", "Williams").out


def test_published_figures(capsys: Any) -> None:
    """He et al. 2016: bottlenecks have 'similar complexity', 17 to 18; MobileNets: 8 to 9 times."""
    found = convcalc.topic("bottleneck")
    assert value(found, "MACs", "bottleneck") * 18 == 17 * 56 * 56 * 18 * 64 * 64
    ratio = value(convcalc.topic("depthwise separable", set={"N": 512}), "MACs", "of the standard")
    assert 8 < 1 / ratio < 9
    # Dumoulin & Visin 2016: i = 5, k = 3, s = 2, p = 1 gives 3 (figure 2.6)
    assert (
        value(convcalc.topic("padding", input="1x5x5", set={"K": 3, "S": 2, "P": 1}), "output", "height") == 3
    )


def test_completion(tmp_path: Path) -> None:
    from convcalc.cli.completion import explained

    assert explained("depth") == ["depthwise-separable"]
    assert "roofline" in explained("roof") and "shift" in explained("shif")
    assert all(topic_called(word) for word in explained("flops"))


def test_roofline_is_what_cost_says() -> None:
    """The bounds of the topic against those of ``convcalc.cost``, which are counted another way."""
    found = convcalc.topic("roofline")
    for group, spec in (
        ("standard", "conv 128 k3 p1 bias=false"),
        ("depthwise", "dwconv k3 p1 bias=false"),
        ("pointwise", "conv 128 k1 bias=false"),
    ):
        known = convcalc.cost(spec, input="64x56x56", device="v100")
        bound = value(found, "on the device", f"{group}, nanoseconds at least")
        assert abs(float(bound) - 1e9 * float(known.time)) < 1e-6 * float(bound)
        assert value(found, group, "FLOPs per byte") == known.totals["flops"] / Fraction(
            known.totals["bytes"]
        )
    assert value(found, "on the device", "ridge point, FLOPs per byte") == known.ridge
