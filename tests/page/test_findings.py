"""Findings stand at their place, and what they say to try works when it is followed."""

from __future__ import annotations

import shlex

import pytest

import convcalc
from convcalc.calculators.padding.check import check_padding
from convcalc.page.findings import quoted
from tests.page.nested import nested

# By hand, each with what must be found: (layer, kind).
CASES = {
    "input 3x33x33 | conv 8 k3 s2": {("conv1", "padding")},
    "input 3x33x33 | conv 8 k2 s1 p0:1": {("conv1", "padding")},
    "input 8x33x33 | maxpool k2 s2": {("maxpool1", "padding")},
    "input 64x56x56 | conv 128 k1 s2 bias=false": {("conv1", "padding")},
    "input 4x33x33 | conv 8 k3 d40 p40": {("conv1", "padding")},
    "input 4x9x9 | conv 8 k3 p1 d2": {("conv1", "padding"), ("conv1", "dilation")},
    "input 4x3x3 | conv 8 k3 p1": {("conv1", "padding")},
    "input 3x64x64 | conv 8 k3 p2 d2 | conv 8 k3 p2 d2 | conv 8 k3 p2 d2": {
        ("conv1", "dilation"), ("conv3", "dilation"),
    },
    "input 1x4096 | conv 4 k2 d2 padding=causal | conv 4 k2 d4 padding=causal": {("conv2", "dilation")},
    "input 8x16x16 | convT 4 k3 s2": {("convT1", "checkerboard")},
    "input 8x16 | convT 4 k5 s3": {("convT1", "checkerboard")},
    "input 8x4x4x4 | convT 4 k3 s2 p1": {("convT1", "checkerboard")},
    "input 4x9x9 | conv 4 k2 p0:1 id=a | conv 4 k1 from=input id=b | add from=[a,b] id=sum": {
        ("a", "padding"), ("sum", "misalignment"),
    },
    "input 3x8x8 | conv 4 k1 | opaque TopK shapes=4x8x8 | relu": {("opaque1", "unknown")},
    "input 8x16x16 | convT 4 k4 s2 p1": set(),
    "input 3x32x32 | conv 8 k3 p1 | relu": set(),
}  # fmt: skip
NETWORKS = ("resnet18", "deeplabv3_resnet50", "unet", "dcgan_generator", "vgg16", "wavenet")


@pytest.mark.parametrize("spec", CASES)
def test_findings_stand_where_they_are(spec: str) -> None:
    (network,) = convcalc.page(spec).to_dict()["networks"]
    found = {(one["id"], one["kind"]) for one in network["findings"] if one["kind"] != "input"}
    wanted = CASES[spec]
    assert found == wanted if not wanted else found & wanted, found
    ids = {row["id"] for row in network["rows"]}
    for one in network["findings"]:
        assert one["id"] in ids
        assert one["level"] in ("warn", "note")
        assert one["text"] and one["why"]


@pytest.mark.parametrize("spec", [*CASES, *NETWORKS])
def test_what_is_said_to_try_works(cli, spec: str) -> None:
    follow(cli, spec)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_said_to_try_of_random_graphs_works(cli, seed: int) -> None:
    graph = nested(seed, 12)
    follow(cli, graph)


def follow(cli, spec) -> None:
    """Run every command that a finding gives, and look that what was found is gone there."""
    graph = convcalc.load(spec) if isinstance(spec, str) else spec
    text = spec if isinstance(spec, str) else ""
    (network,) = convcalc.page(graph, texts=[text]).to_dict()["networks"]
    kinds = {(one.layer, one.message): one.kind for one in check_padding(graph).findings}
    for one in network["findings"]:
        if not one["try"]:
            assert not one["instead"], one
            continue
        program, *words = shlex.split(one["try"])
        assert program == "convcalc"
        done = cli(*words, "--json")
        assert done.code == 0, (one, done.err)
        if one["kind"] == "padding":
            left = {found["kind"] for found in done.json()["findings"]}
            assert kinds[one["id"], one["text"]] not in left, one
        elif one["kind"] == "checkerboard":
            assert [layer["even"] for layer in done.json()["layers"]] == [True]
            shapes = [
                graph.shape(edge) for node in graph.nodes if node.name == one["id"] for edge in node.inputs
            ]
            after = convcalc.load(one["instead"], input=shapes[0])
            before = next(node for node in graph.nodes if node.name == one["id"])
            assert after.shape(after.outputs[0]) == before.outputs[0]
        elif one["kind"] == "dilation":
            assert done.json()["holes"] is False


def test_without_a_text_no_command_names_the_network() -> None:
    graph = convcalc.load("vgg16", input="3x64x64")
    (network,) = convcalc.page(graph).to_dict()["networks"]
    assert not any("vgg16" in one["try"] for one in network["findings"])


@pytest.mark.parametrize("text", ["resnet18", "conv 3->4 k3 | relu", 'a "b" $c', "a\\b", "it's"])
def test_words_of_a_command_line_are_quoted(text: str) -> None:
    assert shlex.split(quoted(text)) == [text]


@pytest.mark.parametrize(
    "options",
    [["--input", "3x64x64"], ["--set", "classes=10", "--input", "3x32x32"], ["--set", "alpha=1/2"]],
)
def test_commands_ask_for_the_network_as_it_was_asked_for(cli, options: list[str]) -> None:
    spec = "mobilenet_v2" if "alpha=1/2" in options else "vgg16"
    (network,) = cli("page", spec, *options, "--json").json()["networks"]
    commands = [one["try"] for one in network["findings"] if spec in one["try"]]
    for command in commands:
        _, name, *words = shlex.split(command)
        done = cli(name, *words, "--json")
        assert done.code == 0, done.err
        assert next(iter(done.json()["inputs"].values())) == network["report"]["input"]
    assert commands or "alpha=1/2" in options


def test_a_place_in_the_file_system_is_not_told(tmp_path) -> None:
    import json

    path = tmp_path / "net.yaml"
    path.write_text("input: 3x8x8\nlayers: [conv 4 k3, opaque X shapes=4x6x6]\n", encoding="utf-8")
    page = convcalc.page(str(path)).to_dict()
    assert page["networks"][0]["spec"] == "net.yaml"
    assert str(tmp_path) not in json.dumps(page)


def test_a_print_has_one_finding_and_no_field() -> None:
    """Nothing says how its parts are joined: that is said once, not of each of them."""
    parts = ("(a): Conv2d(3, 8, kernel_size=(3, 3))", "(act): ReLU()", "(b): Conv2d(8, 2, kernel_size=1)")
    text = "\n  ".join(("Net(", *parts)) + "\n)\n"
    (network,) = convcalc.page(text).to_dict()["networks"]
    assert [(f["kind"], f["text"]) for f in network["findings"]] == [
        ("unknown", "how its layers are joined is not known")
    ]
    (field,) = [total for total in network["totals"] if total["key"] == "receptive_field"]
    assert (field["text"], field["value"]) == ("unknown", None) and "no pixel" not in field["note"]
