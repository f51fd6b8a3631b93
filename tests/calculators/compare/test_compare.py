"""Comparisons: the textbook's and the papers' ratios, closed forms, warnings, layer differences."""

from __future__ import annotations

import csv
import io
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.compare.layers import difference
from convcalc.calculators.compare.measures import ratio
from convcalc.render import data, text
from convcalc.render.views.design import compare as render

STANDARD = "conv M->N kK bias=false"
SEPARABLE = "dwconv M kK bias=false | conv N k1 bias=false"


def test_textbook_case() -> None:
    """3 channels to 4 with 3x3: 108 against 27 + 12 = 39 parameters."""
    line = convcalc.compare(
        "conv 3->4 k3 bias=false", "dwconv 3 k3 bias=false | conv 4 k1 bias=false", input="3x32x32"
    )["params"]
    assert line.values == (108, 39)
    assert line.differences == (0, -69)
    assert line.ratios == (1, Fraction(39, 108))
    assert f"{float(line.ratios[1]):.3f}" == "0.361"


def test_separable_over_standard_is_the_paper_s_formula() -> None:
    """Howard et al. 2017, section 3.1: 1/N + 1/D_K^2, of parameters and of multiply-adds."""
    n, k = convcalc.symbol("N"), convcalc.symbol("K")
    result = convcalc.compare(STANDARD, SEPARABLE, input="MxHxW")
    for key in ("params", "macs"):
        assert result[key].ratios[1] == 1 / n + 1 / k**2
        assert str(result[key].ratios[1]) == "1/N + 1/K**2"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 7))
def test_the_closed_ratio_holds_at_numbers(m: int, n: int, k: int) -> None:
    shape = f"{m}x9x9"
    line = convcalc.compare(
        f"conv {m}->{n} k{k} bias=false", f"dwconv {m} k{k} bias=false | conv {n} k1 bias=false", input=shape
    )["macs"]
    assert line.ratios[1] == Fraction(1, n) + Fraction(1, k * k)


def test_mobilenet_table_3() -> None:
    """Howard et al. 2017, Table 3: 462 against 52.3 M mult-adds, 2.36 against 0.27 M parameters."""
    result = convcalc.compare(
        "conv 512->512 k3 p1 bias=false",
        "dwconv 512 k3 p1 bias=false | conv 512 k1 bias=false",
        input="512x14x14",
    )
    assert [round(v / 1e5) for v in result["macs"].values] == [4624, 523]
    assert [round(v / 1e4) for v in result["params"].values] == [236, 27]


def test_three_small_kernels_against_a_large_one() -> None:
    """Simonyan & Zisserman 2015, section 2.3: 27 C^2 against 49 C^2."""
    result = convcalc.compare(
        "conv 8->8 k7 bias=false",
        "conv 8->8 k3 bias=false | conv 8 k3 bias=false | conv 8 k3 bias=false",
        input="8x32x32",
    )
    assert result["params"].ratios[1] == Fraction(27, 49)
    assert result.warnings == ()


def test_any_baseline() -> None:
    specs = ("conv 4->4 k1 bias=false", "conv 4->8 k1 bias=false", "conv 4->2 k1 bias=false")
    line = convcalc.compare(*specs, baseline=1, input="4x5x5")["params"]
    assert line.ratios == (Fraction(1, 2), 1, Fraction(1, 4))
    assert line.differences == (-16, 0, -24)


def test_warnings_name_what_differs() -> None:
    result = convcalc.compare("conv 3->4 k3", "conv 3->4 k3 s2 | relu", input="3x9x9")
    assert any(text == "B writes 4x4x4, A 4x7x7" for text in result.warnings)
    assert (
        "B has a receptive field of 3x3, A of 5x5"
        in convcalc.compare("conv 3->4 k5 p2", "conv 3->4 k3 p1", input="3x9x9").warnings
    )
    assert (
        "B reads 3x8x8, A 3x9x9"
        in convcalc.compare(
            convcalc.load("relu", input="3x9x9"), convcalc.load("relu", input="3x8x8")
        ).warnings
    )
    same = convcalc.compare("conv 3->4 k3 p1", "conv 3->4 k3 p=same", input="3x9x9")
    assert same.warnings == ()


@pytest.mark.parametrize("specs", [(), ("conv 3->4 k3",)])
def test_one_network_is_no_comparison(specs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="two networks or more"):
        convcalc.compare(*specs)


def test_a_baseline_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no network number 2"):
        convcalc.compare("relu", "relu", baseline=2, input="3x4x4")


def test_ratio_of_nothing_and_of_the_unknown() -> None:
    assert ratio(3, 0) is None
    result = convcalc.compare("conv 3->4 k3", "conv 3->4 k1")
    assert result["params"].values == (112, 16)
    assert result["macs"].to_dict()["ratios"] == [None, None]


OLD = """
name: net
input: 3x32x32
layers:
  - conv 16 k3 p1 id=stem
  - relu
  - group: body
    body: [conv 32 k3 p1, relu, conv 32 k3 p1, relu]
  - globalavgpool | flatten | linear 10 id=head
"""
NEW = """
name: net
input: 3x32x32
layers:
  - conv 16 k3 p1 id=stem
  - bn
  - relu
  - group: body
    body: [conv 32 k5 p2, relu, conv 32 k3 p1, relu]
  - group: extra
    body: [conv 32 k1, relu]
  - globalavgpool | flatten | linear 10 id=head
"""


def test_two_versions_of_a_document() -> None:
    result = convcalc.compare(OLD, NEW)
    (found,) = result.differences
    assert [(c.kind, c.name, c.layers, c.params) for c in found.changes] == [
        ("added", "bn1", 1, 32),
        ("changed", "body.conv1", 1, 16 * 32 * (25 - 9)),
        ("added", "extra", 2, 32 * 32 + 32),
    ]
    assert sum(c.params for c in found.changes) == result["params"].differences[1]
    assert sum(c.macs for c in found.changes) == result["macs"].differences[1]


def test_a_layer_put_in_front_does_not_change_those_behind() -> None:
    """Automatic numbers of layers move on; the layers themselves stay what they are."""
    before = convcalc.load("conv 3->8 k3 p1 | relu | conv 8 k3 p1 | relu", input="3x8x8")
    after = convcalc.load("conv 3->3 k1 | conv 3->8 k3 p1 | relu | conv 8 k3 p1 | relu", input="3x8x8")
    found = difference(before, after)
    assert [(c.kind, c.after) for c in found.changes] == [("added", "conv 3->3 k1")]
    assert found.same == 4
    assert found.renamed == 2


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["conv 8 k3 p1", "relu", "bn", "conv 8 k1"]), min_size=1, max_size=12), st.data()
)
def test_differences_account_for_every_layer(layers: list[str], data: st.DataObject) -> None:
    """Removed and added layers are those by which the lengths differ, and their costs sum up."""
    kept = data.draw(st.lists(st.booleans(), min_size=len(layers), max_size=len(layers)))
    fewer = [layer for layer, keep in zip(layers, kept, strict=True) if keep] or ["relu"]
    before = convcalc.load("|".join(["conv 8 k1", *layers]), input="8x6x6")
    after = convcalc.load("|".join(["conv 8 k1", *fewer]), input="8x6x6")
    found = difference(before, after)
    added = sum(c.layers for c in found.changes if c.kind == "added")
    removed = sum(c.layers for c in found.changes if c.kind == "removed")
    changed = sum(c.layers for c in found.changes if c.kind == "changed")
    assert removed + changed + found.same == len(layers) + 1
    assert added + changed + found.same == len(fewer) + 1
    ours, theirs = (convcalc.analyze(graph).totals.macs for graph in (before, after))
    assert sum(c.macs for c in found.changes) == theirs - ours


def test_layers_are_compared_where_asked() -> None:
    assert convcalc.compare("conv 3->4 k3", "conv 3->4 k1", layers=True).differences
    assert not convcalc.compare(OLD, NEW, layers=False).differences
    assert not convcalc.compare("conv 3->4 k3", "conv 3->4 k1").differences


def test_resnet_depths_differ_by_whole_blocks() -> None:
    """He et al. 2016, Table 1: ResNet-101 has 17 more blocks in its third stage, nothing else."""
    (found,) = convcalc.compare("resnet50", "resnet101").differences
    assert [c.name for c in found.changes] == [f"layer3.bottleneck{n}" for n in range(7, 24)]
    assert {c.kind for c in found.changes} == {"added"}


def test_json_holds_what_the_objects_hold() -> None:
    import json

    from convcalc.render.data import to_json

    result = convcalc.compare("conv 3->4 k3", "conv 3->4 k1", input="3x8x8")
    data = json.loads(to_json(result.to_dict()))
    assert data["measures"]["params"]["values"] == [112, 16]
    assert data["measures"]["params"]["exact_ratios"] == ["1", "1/7"]
    assert data["networks"][1]["outputs"] == [[4, 8, 8]]


def test_closed_forms_have_differences_and_whole_records() -> None:
    """Absolute, difference and ratio; in CSV each row names its measure, for who reads it by rows."""
    result = convcalc.compare(STANDARD, SEPARABLE, input="MxHxW")
    rows = list(csv.DictReader(io.StringIO(data.to_csv(render.table(result)))))
    assert all(row["measure"] for row in rows)
    (found,) = [row for row in rows if (row["measure"], row["network"]) == ("parameters", "B")]
    at = {"K": 3, "M": 3, "N": 4}
    assert eval(found["value"], {}, at) == 27 + 12
    assert eval(found["difference"], {}, at) == 27 + 12 - 108
    assert eval(found["ratio"], {}, {**at, "N": Fraction(4), "K": Fraction(3)}) == Fraction(39, 108)


def test_no_closed_form_makes_a_table_unreadably_wide() -> None:
    """A network with its width as a letter has totals of hundreds of characters."""
    graphs = [convcalc.load("mobilenet_v2"), convcalc.load("mobilenet_v2", set={"alpha": "a"})]
    table = render.table(convcalc.compare(*graphs, layers=False))
    lines = text.render(table).splitlines()
    rule = next(line for line in lines if line.startswith("---"))
    assert len(rule) < 200
    # What is left out of the table stands below it.
    assert any(line.startswith("MACs, B") and "make_divisible(320*a, 8)" in line for line in lines)


def test_networks_of_one_name_are_told_apart_by_their_variables() -> None:
    graphs = [convcalc.load("mobilenet_v2"), convcalc.load("mobilenet_v2", set={"alpha": "0.5"})]
    facts = dict(render.table(convcalc.compare(*graphs)).facts)
    assert "alpha=1" in facts["A"]
    assert "alpha=0.5" in facts["B"]
    assert "classes" not in facts["A"]


def test_what_is_asked_for_is_what_its_own_question_answers() -> None:
    names = ("lenet5", "resnet18")
    found = convcalc.compare(*names, batch=3, training={"optimizer": "adam"}, device="a100")
    trained = [convcalc.training_memory(name, batch=3, optimizer="adam").peak_bytes for name in names]
    assert list(found["training_memory_bytes"].values) == trained
    for value, name in zip(found["time_bound_ns"].values, names, strict=True):
        least = convcalc.cost(name, "a100", batch=3).time * 10**9
        assert least <= value < least + 1
    with pytest.raises(KeyError):
        convcalc.compare(*names)["time_bound_ns"]
