"""The index of the zoo, what patterns mean, and the spellings under which a network is found."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.spec.catalog import catalog, natural
from convcalc.spec.errors import SpecError
from convcalc.spec.library import INDEX, zoo_called, zoo_index, zoo_names
from tests.zoo import catalog as made


def test_the_index_is_what_documents_say_and_what_is_counted() -> None:
    with open(INDEX, encoding="utf-8") as file:
        assert file.read() == made.text(), "python -m tests.zoo.catalog --update"


def test_every_network_has_a_year_an_input_and_counts() -> None:
    for name, row in zoo_index().items():
        assert 1980 < row["year"] < 2030, name
        assert re.fullmatch(r"\d+(x\d+)*(, \d+(x\d+)*)*", row["input"]), name
        assert type(row["params"]) is int and type(row["macs"]) is int, name


def test_published_figures_stand_in_the_index() -> None:
    """He et al. 2016; Simonyan & Zisserman 2015; Sandler et al. 2018: as torchvision states them."""
    index = zoo_index()
    wanted = {"resnet18": 11_689_512, "resnet50": 25_557_032, "vgg16": 138_357_544, "mobilenet_v2": 3_504_872}
    assert {name: index[name]["params"] for name in wanted} == wanted
    assert round(index["resnet50"]["macs"] / 1e9, 2) == 4.09
    assert (index["unet"]["year"], index["vgg16"]["year"]) == (2015, 2015)


def spellings(name: str) -> st.SearchStrategy[str]:
    """A name in other letters and with other signs between its letters."""
    parts = [part for part in re.split(r"[_.]|(?<=[a-z])(?=\d)", name) if part]
    signs = st.lists(st.sampled_from(["", "-", "_"]), min_size=len(parts) - 1, max_size=len(parts) - 1)

    def join(drawn: tuple[list[str], list[bool]]) -> str:
        between, upper = drawn
        text = "".join(a + b for a, b in zip(parts, [*between, ""], strict=True))
        return "".join(c.upper() if up else c for c, up in zip(text, upper, strict=False))

    return st.tuples(signs, st.lists(st.booleans(), min_size=60, max_size=60)).map(join)


@given(st.sampled_from(zoo_names()).flatmap(lambda name: st.tuples(st.just(name), spellings(name))))
def test_a_network_is_found_however_it_is_spelt(drawn: tuple[str, str]) -> None:
    name, spelling = drawn
    titled = [own for own, row in zoo_index().items() if row["title"].casefold() == spelling.casefold()]
    assert zoo_called(spelling) == (tuple(titled) or (name,))


@pytest.mark.parametrize(
    "spec", ["ResNet-50", "resnet-50", "RESNET_50", "Resnet50", "ResNet 50", "resnet 50", " ResNet-50 "]
)
def test_resnet50_however_it_is_spelt(spec: str) -> None:
    assert convcalc.analyze(spec).totals.params == 25_557_032


def test_every_title_is_a_name_too() -> None:
    for name, row in zoo_index().items():
        assert zoo_called(row["title"]) == (name,)


def test_layers_keep_their_names() -> None:
    """What is a layer is none of the networks, whatever is similar."""
    from convcalc import layers

    for name in (*layers.names(), *layers.ALIASES):
        assert name in zoo_names() or not zoo_called(name), name


def test_an_ambiguous_name_names_those_that_work() -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load("CrossViT_9")
    (problem,) = caught.value.problems
    candidates = re.findall(r"crossvit_9\w+", problem.expected or "")
    assert len(candidates) > 1
    for name in candidates:
        assert convcalc.load(name).name.startswith("CrossViT-9")


@pytest.mark.parametrize("spec", ["resnet-5O", "resn", "vg", "denseNET-12", "mobilenet-v9", "efficentnet-b0"])
def test_suggestions_work(spec: str) -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load(spec)
    (problem,) = caught.value.problems
    offered = [problem.nearest] if problem.nearest else []
    offered += re.findall(r"\w+", (problem.expected or "").partition("such as ")[2].partition("(")[0])
    assert offered
    for name in offered:
        assert name in zoo_names()


def found(*patterns: str, kind: str | None = None) -> list[str]:
    return [entry.name for entry in catalog(patterns, kind)]


def test_patterns() -> None:
    assert {"resnet18", "resnet50", "seresnet50"} & set(found("resnet")) == {"resnet18", "resnet50"} | (
        {"seresnet50"} & set(zoo_names())
    )
    assert found("RESNET-18", kind="networks") == ["resnet18", "skresnet18"]
    assert "vgg16" in found("Simonyan") and "resnet50" not in found("Simonyan")
    assert {"mobilenet_v1", "mobilenet_v2"} <= set(found("mobile*"))
    assert found("2014", "alexnet*", kind="networks")
    assert found("xyzzy") == []
    assert "convT" in found("deconv")  # another name of it


@given(st.sampled_from(zoo_names()), st.integers(0, 20), st.integers(1, 20))
def test_part_of_a_name_finds_it(name: str, start: int, size: int) -> None:
    part = name[start : start + size]
    if part.strip("_"):
        assert name in found(part, kind="networks")


@given(st.sampled_from(["*", "resnet*", "*50", "vgg??", "*[0-9]", "ResNet*", "[ab]*"]))
def test_globs_are_those_of_a_shell(pattern: str) -> None:
    wanted = [name for name in zoo_names() if fnmatchcase(name, pattern.lower())]
    assert sorted(found(pattern, kind="networks")) == sorted(wanted)


def test_numbers_in_names_are_ordered_as_numbers() -> None:
    names = [name for name in found("resnet*", kind="networks") if re.fullmatch(r"resnet\d+", name)]
    assert names == sorted(names, key=lambda name: int(name[6:]))
    assert natural("a2b10") < natural("a10b2")


def test_list_shows_what_matches(cli: Any) -> None:
    done = cli("list", "ResNet-50", "--json").json()
    (row,) = [row for row in done if row["name"] == "resnet50"]
    assert (row["year"], row["input"], row["params"]) == (2016, "3x224x224", 25_557_032)
    sorted_ = cli("list", "networks", "--sort", "params", "--top", "5", "--json").json()
    counts = [row["params"] for row in sorted_]
    assert counts == sorted((row["params"] for row in zoo_index().values()), reverse=True)[:5]


@pytest.mark.parametrize("words", [("resnit",), ("networks", "maxpool"), ("zzzzz",), ("blocks", "vgg16")])
def test_what_matches_nothing(cli: Any, words: tuple[str, ...]) -> None:
    done = cli("list", *words)
    assert done.code == 2 and done.out == ""
    nearest = re.search(r"did you mean (.*)\?", done.err)
    if nearest:
        assert cli(*(["list"] * (not nearest[1].startswith("list "))), *nearest[1].split()).code == 0
