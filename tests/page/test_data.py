"""What a page shows is what the calculators answer."""

from __future__ import annotations

import json

import pytest

import convcalc


@pytest.mark.parametrize("spec", ["lenet5", "resnet18", "unet"])
def test_the_report_in_a_page_is_that_of_summary(cli, spec: str) -> None:
    page = cli("page", spec, "--json").json()
    summary = cli("summary", spec, "--json", "--partial").json()
    (network,) = page["networks"]
    assert network["report"] == summary
    rows = {row["id"]: row for row in network["rows"]}
    for layer in summary["layers"]:
        values = rows[layer["name"]]["values"]
        assert {key: values[key] for key in ("params", "macs", "flops")} == {
            key: layer[key] for key in ("params", "macs", "flops")
        }


def test_the_page_can_be_called_by_its_room_and_by_its_function() -> None:
    from convcalc.page import html

    made = convcalc.page("lenet5")
    assert json.dumps(made.to_dict())
    assert html.render(made.to_dict()) == made.html


@pytest.mark.parametrize(
    "spec", ["resnet18", "unet", "efficientnet_b0", pytest.param("hrnet_w18", marks=pytest.mark.slow)]
)
def test_blocks_hold_what_the_tables_fold_into_them(cli, spec: str) -> None:
    (network,) = convcalc.page(spec).to_dict()["networks"]
    rows = {row["id"]: row["values"] for row in network["rows"]}
    folded = cli("memory", spec, "--depth", "1", "--json").json()["layers"]
    assert len(folded) > 2
    for row in folded:
        values = rows[row["name"]]
        assert values["memory"] == row["live_bytes"]
        assert {key: values[key] for key in ("params", "macs", "flops")} == {
            key: row[key] for key in ("params", "macs", "flops")
        }


def test_what_others_published_stands_in_the_header() -> None:
    """ResNet-50: parameters and multiply-adds as torchvision counts them."""
    (network,) = convcalc.page("resnet50").to_dict()["networks"]
    totals = {total["key"]: total for total in network["totals"]}
    assert [total["key"] for total in network["totals"]][:4] == [
        "params", "macs", "peak_memory_bytes", "receptive_field",
    ]  # fmt: skip
    assert totals["params"]["value"] == 25_557_032
    assert totals["params"]["text"] == "25.56 M"
    assert totals["macs"]["value"] == 4_089_184_256
    assert network["title"] == "ResNet-50"
    assert network["input"] == ["3x224x224"]


def test_equal_blocks_in_a_row_are_told() -> None:
    """ResNet-34 has 3, 4, 6 and 3 basic blocks; the first of a stage that halves the map differs."""
    (network,) = convcalc.page("resnet34").to_dict()["networks"]
    times = {row["id"]: row["times"] for row in network["rows"] if row["times"] > 1}
    assert list(times.values()) == [3, 3, 5, 2]
    same = [row["same"] for row in network["rows"] if row["same"]]
    assert {one: same.count(one) + 1 for one in same} == times


def test_what_is_not_known_is_said_by_name(cli) -> None:
    page = cli("page", "conv 3->8 k3 | relu", "--json").json()
    (network,) = page["networks"]
    totals = {total["key"]: total for total in network["totals"]}
    assert (totals["params"]["value"], totals["macs"]["value"]) == (8 * (3 * 9 + 1), None)
    assert totals["macs"]["text"] == "unknown"
    assert any("memory" in note for note in network["notes"])
    assert "memory" not in network["pictures"]


def test_closed_forms_are_texts() -> None:
    (network,) = convcalc.page("conv 8 k3 p1 | relu", input="3xHxW").to_dict()["networks"]
    totals = {total["key"]: total for total in network["totals"]}
    assert totals["macs"]["value"] == "216*H*W"  # 3 * 8 * 9 at each position
    assert network["rows"][1]["values"]["macs"] == "216*H*W"
    assert network["rows"][1]["cells"]["output"] == "8xHxW"


def test_an_operator_that_is_not_known_is_a_finding() -> None:
    (network,) = convcalc.page("conv 4 k1 | opaque TopK shapes=4x8x8 | relu", input="3x8x8").to_dict()[
        "networks"
    ]
    totals = {total["key"]: total for total in network["totals"]}
    assert totals["macs"]["text"] == f"at least {3 * 4 * 8 * 8}"
    assert totals["macs"]["value"] is None
    (found,) = [one for one in network["findings"] if one["level"] == "warn" and one["kind"] == "unknown"]
    assert (found["id"], found["text"]) == ("opaque1", "TopK is not known")
    assert any("TopK (opaque1)" in note for note in network["notes"])


def test_pictures_come_in_their_order() -> None:
    (network,) = convcalc.page("resnet18").to_dict()["networks"]
    assert list(network["pictures"]) == [
        "cost",
        "memory",
        "training",
        "growth",
        "field",
        "roofline",
        "conventions",
    ]
    for picture in network["pictures"].values():
        assert picture["title"] and picture["caption"]
        assert picture["svg"].startswith("<svg ")
        assert "<style" not in picture["svg"] and "<script" not in picture["svg"]


def test_another_picture_joins_by_one_line(monkeypatch) -> None:
    from convcalc.page import pictures
    from convcalc.render.pictures.drawing import Drawing

    def draw(asked):
        drawing = Drawing(40, 10, "a box", "A box.", "box")
        drawing.rect(0, 0, 40, 10, "input", data={"layer": asked.report.layers[0].name})
        return drawing

    more = pictures.Question("box", "A box", draw)
    monkeypatch.setattr(pictures, "QUESTIONS", (more, *pictures.QUESTIONS))
    (network,) = convcalc.page("lenet5").to_dict()["networks"]
    assert list(network["pictures"])[:2] == ["box", "cost"]
    assert network["pictures"]["box"]["rows"] == ["c1"]
    assert network["pictures"]["box"]["caption"] == "A box."


def test_a_part_that_takes_too_much_is_left_out_and_said(monkeypatch) -> None:
    from convcalc.page import details

    def endless(graph, layer):
        from convcalc.budget import spend

        while True:
            spend(1000)

    monkeypatch.setattr(details, "explain", endless)
    (network,) = convcalc.page("lenet5").to_dict()["networks"]
    assert network["details"] == []
    assert any(
        note.startswith("Without formulas of 12 layers: this takes more than") for note in network["notes"]
    )
    assert network["findings"] is not None and network["pictures"]


def test_the_command_writes_one_file(cli, tmp_path) -> None:
    path = tmp_path / "report.html"
    done = cli("page", "lenet5", "resnet18", "-o", str(path))
    assert (done.code, done.err) == (0, "")
    assert str(path) in done.out
    assert path.read_text(encoding="utf-8") == convcalc.page("lenet5", "resnet18").html
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_file_the_command_says_what_it_needs(cli) -> None:
    done = cli("page", "lenet5")
    assert done.code == 2
    assert "-o report.html" in done.err


def test_a_wrong_spec_leaves_no_file_and_keeps_the_old_one(cli, tmp_path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    done = cli("page", "lenet5", "conv 3->4 kk", "-o", str(path))
    assert done.code == 2
    assert path.read_text(encoding="utf-8") == "old"


def test_a_notebook_shows_the_page_in_a_frame() -> None:
    from html import unescape

    made = convcalc.page("lenet5")
    shown = made._repr_html_()
    assert shown.startswith("<iframe ")
    assert unescape(shown.partition('srcdoc="')[2].rpartition('"></iframe>')[0]) == made.html
    assert repr(made) == "<Page LeNet-5>"


def test_a_page_needs_a_network() -> None:
    with pytest.raises(ValueError, match="one network or more"):
        convcalc.page()


@pytest.mark.parametrize(
    ("option", "given", "words"),
    [
        ("--input", None, []),
        ("--input", "3x224x224", ["--input", "3x224x224"]),
        ("--input", (3, 224, 224), ["--input", "3x224x224"]),
        ("--input", "a=3x8x8, b=8", ["--input", "a=3x8x8", "--input", "b=8"]),
        ("--input", {"a": (3, 8, 8), "b": "8"}, ["--input", "a=3x8x8", "--input", "b=8"]),
        ("--set", {"alpha": "1/2", "classes": 10}, ["--set", "alpha=1/2", "--set", "classes=10"]),
    ],
)
def test_what_was_asked_for_as_words_of_a_command_line(option: str, given, words: list[str]) -> None:
    from convcalc.page.data import options

    assert options(option, given) == words
