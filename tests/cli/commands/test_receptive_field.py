"""``convcalc rf``: tables, regions, maps, plots, forms and refusals."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest


def row(text: str, name: str) -> list[str]:
    """The cells of a line of a table."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [name])


def test_a_table_of_layers(cli) -> None:
    out = cli("rf", "vgg16").out
    assert row(out, "features.stack5.maxpool1")[-4:] == ["212", "32", "90", "31/2"]
    assert row(out, "classifier.linear1")[3] == "all"
    assert "productive input sizes  164 to 196" in out


def test_one_layer_and_one_to_measure_from(cli) -> None:
    out = cli("rf", "resnet50", "--layer", "layer1.bottleneck1.relu1").out
    assert len([line for line in out.splitlines() if line.startswith("layer")]) == 1
    data = cli(
        "rf", "conv 3->4 k3 id=a | conv 4 k3 | conv 4 k3 id=c", "--start", "a", "--layer", "c", "--json"
    ).json()
    assert data["from"] == "a"
    assert [layer["size"] for layer in data["layers"]] == [[5, 5]]


def test_json_of_a_network(cli) -> None:
    data = cli("rf", "resnet50", "--json").json()
    assert set(data) >= {"name", "from", "inputs", "layers", "misaligned", "range"}
    layer = next(one for one in data["layers"] if one["size"] == [427, 427])
    assert (layer["stride"], layer["padding"]) == ([32, 32], [213, 213])


def test_csv_and_markdown(cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("rf", "conv 3->4 k3x5 s2", "--csv").out)))
    assert rows[0]["size"] == "3x5"
    assert rows[0]["stride"] == "2x2"
    assert "| conv1 | conv |" in cli("rf", "conv 3->4 k3", "--markdown").out


def test_misaligned_branches_are_told(cli, tmp_path: Path) -> None:
    page = tmp_path / "net.yaml"
    page.write_text(
        "input: 4x9x9\nlayers:\n  - {branches: {a: [conv 4 k3 s2 p0:2], b: [conv 4 k1 s2]}, merge: add}\n",
        encoding="utf-8",
    )
    out = cli("rf", str(page)).out
    assert "Misaligned in add1: a.conv1 and b.conv1, by 1 pixel, on axes 0, 1." in out


def test_tired_layers_are_marked(cli) -> None:
    out = cli("rf", "vgg16", "--input", "3x32x32").out
    assert row(out, "features.stack4.conv1")[-3:] == ["no", "new", "context"]
    assert "no new context" not in cli("rf", "vgg16").out


def test_a_position(cli) -> None:
    done = cli("rf", "conv 3->4 k3 p1 | conv 4 k3 p1", "--input", "3x32x32", "--at", "0,15")
    assert row(done.out, "input")[1:] != []
    assert "10 of 25 positions (40.0%)" in done.out
    data = cli("rf", "conv 3->4 k3", "--input", "3x9x9", "--at", "2, 3", "--json").json()
    assert data["regions"][0]["axes"][1] == {
        "first": 3, "last": 5, "size": 3, "read": [3, 5], "read_count": 3, "padding": [0, 0],
    }  # fmt: skip


SPEC = "conv 1->1 k3 d2 | conv 1 k3 d2"


def test_a_map(cli) -> None:
    out = cli("rf", SPEC, "--map").out
    assert "contributes       25 of 81 pixels (30.9%)" in out
    lines = out.splitlines()
    assert "1 . 2 . 3 . 2 . 1" in lines  # 1 2 3 2 1 of at most 9 paths, in ninths
    assert ". . . . . . . . ." in lines
    assert lines.count(". . . . . . . . .") == 4
    assert "\n\n```\n1 . 2 . 3" in cli("rf", SPEC, "--map", "--markdown").out


def test_coverage_without_a_map(cli) -> None:
    out = cli("rf", SPEC, "--coverage").out
    assert "25 of 81" in out
    assert ". . ." not in out
    data = cli("rf", SPEC, "--map", "--json").json()
    assert data["regions"][0]["map"][0] == [1, 0, 2, 0, 3, 0, 2, 0, 1]


def test_effective_and_picture(cli, tmp_path: Path) -> None:
    path = tmp_path / "field.svg"
    done = cli("rf", SPEC, "--effective", "-o", str(path), "--samples", "1", "--json")
    assert done.code == 0
    assert path.read_text(encoding="utf-8").startswith("<svg")
    found = done.json()["regions"][0]["effective"]
    assert found["samples"] == 1
    assert [one["share"] for one in found["radii"]] == [0.5, 0.9, 0.9545, 0.99]
    assert "95.45% within" in cli("rf", SPEC, "--effective", "--samples", "1").out


@pytest.mark.parametrize("more", [(), ("--at", "3,3"), ("--layer", "conv1"), ("--coverage",)])
@pytest.mark.parametrize("ending", ["svg", "html"])
def test_what_is_drawn_by_default(cli, tmp_path: Path, more: tuple[str, ...], ending: str) -> None:
    path = tmp_path / f"field.{ending}"
    done = cli("rf", SPEC, "--input", "1x32x32", *more, "-o", str(path))
    assert done.code == 0 and len(done.out.splitlines()) == 1
    text = path.read_text(encoding="utf-8")
    assert "<svg" in text
    assert ("paths to each pixel" in text) == ("--coverage" in more)
    assert ("growth along the depth" in text) == ("--coverage" not in more)


def test_an_image_lies_under_the_field(cli, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    path, photo = tmp_path / "field.svg", tmp_path / "photo.png"
    image.new("RGB", (40, 30), (200, 10, 10)).save(photo)
    assert cli("rf", SPEC, "--input", "1x32x32", "--image", str(photo), "-o", str(path)).code == 0
    assert "data:image/png;base64," in path.read_text(encoding="utf-8")
    call = ("rf", SPEC, "--input", "1x32x32", "--image")
    for arguments, words in (
        ((str(photo),), "-o FILE"),
        ((str(tmp_path / "none.png"), "-o", str(path)), "no such file"),
        ((__file__, "-o", str(path)), "no image that can be read"),
    ):
        done = cli(*call, *arguments)
        assert done.code == 2 and words in done.err
    line = cli("rf", "conv 1->4 k3", "--input", "1x32", "--image", str(photo), "-o", str(path))
    assert line.code == 2 and "is no image" in line.err


def test_large_and_odd_maps_fit(cli) -> None:
    out = cli("rf", "conv 1->1 k120", "--map").out
    assert "a character is 2x2 pixels" in out
    assert max(map(len, out.splitlines()[-70:])) <= 110
    assert "the plane" in cli("rf", "conv 1->1 k3", "--input", "1x5x5x5", "--map").out
    assert "9 9 9" in cli("rf", "conv 1->1 k3", "--input", "1x9", "--map").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--at", "3,x"), "no position"),
        (("--at", "3"), "the output has 2 spatial axes"),
        (("--at", "99,0"), "there is no position 99"),
        (("--layer", "con1"), "no layer 'con1'"),
        (("--start", "con1"), "no layer 'con1'"),
        (("--of", "left"), "--of 'left'"),
        (("-o", "x.gif"), ".gif"),
        (("--effective", "--samples", "0"), "--samples"),
        (("--map", "--at", "0,0,0"), "the output has 2 spatial axes"),
        (("--map", "--of", "left"), "no input 'left'"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_refusals(cli, arguments: tuple[str, ...], words: str, form: tuple[str, ...]) -> None:
    done = cli("rf", "conv 4 k3 | conv 4 k3", "--input", "3x16x16", *arguments, *form)
    assert done.code == 2
    if form:
        assert words in done.json()["errors"][0]["message"]
    else:
        assert words in done.err
        assert done.out == ""


def test_a_layer_that_cannot_see_pixels(cli) -> None:
    assert "No layer sees a pixel" in cli("rf", "linear 10->4").out
    assert cli("rf", "linear 10->4", "--map").code == 2


def test_several_inputs_are_told_apart(cli, tmp_path: Path) -> None:
    page = tmp_path / "net.yaml"
    page.write_text(
        "inputs: {left: 3x16x16, right: 3x16x16}\nlayers:\n  - conv 4 k3 p1 from=left id=l\n"
        "  - conv 4 k7 p3 from=right id=r\n  - add from=[l,r] id=both\n",
        encoding="utf-8",
    )
    out = cli("rf", str(page)).out
    both = [line.split() for line in out.splitlines() if line.startswith("both")]
    assert [cells[3:5] for cells in both] == [["left", "3"], ["right", "7"]]
    only = cli("rf", str(page), "--of", "right", "--layer", "both", "--json").json()["layers"]
    assert [layer["size"] for layer in only] == [[7, 7]]


def test_the_first_of_several_outputs_is_said_to_be_that(cli, tmp_path: Path) -> None:
    page = tmp_path / "net.yaml"
    page.write_text(
        "input: 3x16x16\nlayers:\n  - conv 4 k3 id=a\n  - conv 4 k3 id=b\noutputs: [a, b]\n", encoding="utf-8"
    )
    for option in (("--at", "1,1"), ("--coverage",)):
        out = cli("rf", str(page), *option).out
        assert "What a sees" in out
        assert "This is the first of 2 outputs (a, b); --layer asks about another." in out
        assert "This is the first" not in cli("rf", str(page), "--layer", "b", *option).out


def test_symbols_have_fields_but_no_positions(cli) -> None:
    assert row(cli("rf", "conv M->N kK | conv N kK", "--input", "MxHxW").out, "conv2")[-1] != "?"
    for option in (("--at", "1,1"), ("--coverage",)):
        done = cli("rf", "conv M->N kK", "--input", "MxHxW", *option)
        assert done.code == 2
        assert "numbers" in done.err


def test_the_table_needs_no_numpy(process) -> None:
    code = (
        "import sys; from convcalc.cli import main\n"
        "try: main(['rf', 'unet', '--at', '3,4'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numpy', 'sympy', 'matplotlib') if m in sys.modules])"
    )
    assert process(code=code).out.splitlines()[-1] == "[]"


def test_closed_forms_in_every_notation(cli) -> None:
    spec = ("rf", "conv M->N kK s=S | conv N k=L", "--input", "MxHxW")
    plain = cli(*spec).out
    assert "(K - 1)/2" in plain
    assert "productive input sizes  K to S*(L - 1) + K" in plain
    assert "·" in cli(*spec, "--notation", "unicode").out
    assert "$K$" in cli(*spec, "--notation", "latex", "--markdown").out
    assert cli(*spec, "--notation", "runes").code == 2


def test_phases_that_begin_elsewhere_are_said(cli) -> None:
    """Output 1 of a k4 s2 p1 transposed convolution reads inputs 0 and 1: [-1, 3], not 1 - 3 = -2 on."""
    spec = "conv 4 k3 s2 p1 | convT 4 k4 s2 p1"
    assert "every n-th output is at i*stride - padding" in cli("rf", spec, "--input", "3x32x32").out
    data = cli("rf", spec, "--input", "3x32x32", "--json").json()
    assert data["layers"][-1]["phases"][0] == [{"first": -3, "size": 5}, {"first": -1, "size": 5}]
    assert "every n-th" not in cli("rf", "conv 4 k3 s2", "--input", "3x32x32").out


def test_as_many_paths_from_every_pixel_are_one_number(cli) -> None:
    out = cli("rf", "conv 4 k3", "--input", "5x9x9", "--coverage").out
    assert "paths to a pixel  20\n" in out  # one tap, from 5 channels to 4


def test_the_name_of_a_block_means_its_last_layer(cli) -> None:
    rows = cli("rf", "resnet50").out.splitlines()
    last = [line for line in rows if line.startswith("layer4.")][-1]
    done = cli("rf", "resnet50", "--layer", "layer4")
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines() if line.startswith("layer4.")] == [last.split()]


def test_a_hole_stays_visible_where_pixels_are_many(cli) -> None:
    """Sums of even offsets alone: every second row and column of 125x125 pixels is never read."""
    spec = "conv 1->1 k3 d2 | conv 1->1 k3 d4 | conv 1->1 k3 d8 | conv 1->1 k3 d16 | conv 1->1 k3 d32"
    out = cli("rf", spec, "--map").out
    rows = [line for line in out.splitlines() if line and all(0x2800 <= ord(char) < 0x2900 for char in line)]
    dots = {
        (4 * row + y, 2 * column + x)
        for row, line in enumerate(rows)
        for column, char in enumerate(line)
        for bit, (y, x) in enumerate(((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1)))
        if (ord(char) - 0x2800) >> bit & 1
    }
    assert dots == {(y, x) for y in range(0, 125, 2) for x in range(0, 125, 2)}
    assert "a gap between dots a hole" in out
    whole = cli("rf", spec.replace("k3 d2 ", "k3 d1 ").replace("d4", "d3").replace("d8", "d9").replace(
        "d16", "d20").replace("d32", "d31"), "--map").out  # fmt: skip
    assert "a character is 3x3 pixels" in whole and "a hole" not in whole


def test_holes_of_one_axis_go_on_in_the_next_line(cli) -> None:
    spec = "conv 1->1 k3 d2 | conv 1->1 k3 d4 | conv 1->1 k3 d100"
    out = cli("rf", spec, "--input", "1x220", "--map").out
    rows = [line for line in out.splitlines() if line and all(0x2800 <= ord(char) < 0x2900 for char in line)]
    assert len(rows) == 2
    line = "".join(rows)
    seen = [
        2 * n + half for n, char in enumerate(line) for half, bit in ((0, 0), (1, 3)) if ord(char) >> bit & 1
    ]
    sums = {a + b + c for a in (0, 2, 4) for b in (0, 4, 8) for c in (0, 100, 200)}
    assert seen == sorted(sums)


def test_layers_that_see_nothing_are_named(cli) -> None:
    spec = "input 4x8 | pad p1:0 value=1 | slice 0 1 axis=1"
    assert "slice1 sees no input" in cli("rf", spec).out
    alone = cli("rf", spec, "--layer", "slice1").out
    assert "slice1 sees no input" in alone and "No layer sees a pixel" not in alone
    assert cli("rf", spec, "--json").json()["sees_nothing"] == ["slice1"]


def test_outputs_stand_in_json(cli, tmp_path: Path) -> None:
    page = tmp_path / "net.yaml"
    page.write_text(
        "input: 3x8x8\nlayers: [conv 4 k3 id=a, conv 2 k3 id=b]\noutputs: [a, b]\n", encoding="utf-8"
    )
    for command in ("summary", "params", "flops", "shapes", "memory"):
        held = cli(command, str(page), "--json").json()["outputs"]
        assert held == [{"name": "a", "shape": [4, 6, 6]}, {"name": "b", "shape": [2, 4, 4]}]
        assert "output b" in cli(command, str(page)).out


def test_what_a_print_sees_is_not_known(cli, tmp_path: Path) -> None:
    file = tmp_path / "net.txt"
    file.write_text("Net(\n  (a): Conv2d(3, 8, kernel_size=(3, 3))\n  (act): ReLU()\n)\n")
    out = cli("rf", str(file)).out
    assert "What is seen is not known: " in out and "No layer sees a pixel" not in out
