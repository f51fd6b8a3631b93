"""The engine of the live page: the numbers of the Python API, errors at their place, and no way out of it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.page.live.engine import COMMANDS, MAX_LAYERS, MAX_SPECS, MAX_TEXT, QUESTIONS, answer
from convcalc.page.live.sliders import moved, sliders, window
from convcalc.page.live.worker import SECONDS, respond
from tests.page.hostile import NO_TEXTS, TEXTS


def ask(question: str, spec: str | list[str] = "", **more: Any) -> dict[str, Any]:
    """The answer, through JSON and back as every page gets it."""
    specs = spec if isinstance(spec, list) else [spec]
    found: dict[str, Any] = json.loads(respond({"question": question, "specs": specs, **more}))
    return found


def errors(*arguments: Any, **more: Any) -> list[dict[str, Any]]:
    found = ask(*arguments, **more)
    assert set(found) == {"errors"}, "it was answered"
    return found["errors"]


PASTED = "nn.Conv2d(3, 32, 3, padding=1)\nnn.ReLU()\nnn.Flatten()\nnn.Linear(32 * 8 * 8, 10)"
DOCUMENT = (
    "name: two\ninput: 3x32x32\nlayers:\n  - repeat: 2\n    body:\n      - conv 8 k3 p1\n      - relu\n"
)
SPECS = {
    "a line": ("conv 3->64 k7 s2 p3 | relu", "3x224x224"),
    "a network": ("resnet18", ""),
    "letters": ("conv M k=K s2 | maxpool k2", "3xHxW"),
    "pasted": (PASTED, "3x8x8"),
    "a document": (DOCUMENT, ""),
    "another size": ("vgg16", "3x64x64"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", SPECS)
def test_the_json_is_that_of_the_command(cli, name: str, command: str) -> None:
    spec, shape = SPECS[name]
    shaped = ("--input", shape) if shape else ()
    told = cli(command, spec, *shaped, "--json")
    assert told.code == 0
    assert ask("json", spec, input=shape, command=command) == told.json()


@pytest.mark.parametrize("name", SPECS)
def test_a_page_shows_the_totals_of_the_python_api(name: str) -> None:
    spec, shape = SPECS[name]
    report = convcalc.analyze(spec, input=shape or None)
    found = ask("page", spec, input=shape)
    totals = {total["key"]: total["value"] for total in found["networks"][0]["totals"]}
    assert str(totals["params"]) == str(report.totals.params)
    assert str(totals["macs"]) == str(report.totals.macs)
    assert found["networks"][0]["spec"] == spec


def test_published_figures() -> None:
    """torchvision: 25,557,032 parameters of ResNet-50, 138,357,544 of VGG-16."""
    found = ask("page", ["resnet50", "vgg16"])
    params = [{t["key"]: t["value"] for t in network["totals"]}["params"] for network in found["networks"]]
    assert params == [25_557_032, 138_357_544]
    assert found["comparison"] and found["matches"]
    assert len(found["live"]) == 2


def test_variables_are_heard() -> None:
    whole, half = (
        ask("json", "mobilenet_v1", set=given)["totals"]["params"] for given in ({}, {"alpha": "1/2"})
    )
    assert half < whole
    assert half == convcalc.analyze("mobilenet_v1", set={"alpha": "1/2"}).totals.params


@pytest.mark.parametrize(
    ("spec", "shape", "file", "line", "column", "length", "marked"),
    [
        ("conv 3->16 k3 strid=2", "3x7x7", "<spec>", 1, 15, 5, "strid"),
        ("conv 3->16 k3 | rleu", "3x7x7", "<spec>", 1, 17, 4, "rleu"),
        ("conv 8 k3 |\n  conv 8 k9", "3x9x9", "<spec>", 2, 10, 2, "k9"),
        ("# größe\nconv 8 k3 | relü | rleu", "3x9x9", "<spec>", 2, 13, 4, "relü"),
        ("nn.Conv2d(3, 8, 3)\nnn.RelU()", "3x9x9", "<spec>", 2, 1, 7, "nn.RelU"),
        ("conv 8 k3", "3xx9", "--input", 1, 3, 1, ""),
        ("resnt18", "", "<spec>", 1, 1, 7, "resnt18"),
    ],
)
def test_an_error_stands_at_its_place(
    spec: str, shape: str, file: str, line: int, column: int, length: int, marked: str
) -> None:
    error = errors("page", spec, input=shape)[0]
    assert (error["file"], error["line"]) == (file, line)
    if marked:
        shown = spec.split("\n")[line - 1]
        assert marked in shown[
            error["column"] - 1 : error["column"] - 1 + error["length"]
        ] or marked.endswith(shown[error["column"] - 1 : error["column"] - 1 + error["length"]])
    assert error["column"] >= column
    # As a terminal shows it: the caret stands under the place.
    text, carets = next(
        (a, b)
        for a, b in zip(error["text"].split("\n"), error["text"].split("\n")[1:], strict=False)
        if set(b) <= {" ", "^"}
    )
    assert carets.index("^") - 4 == error["column"] - 1
    assert text.startswith("    ")


def test_an_error_says_of_which_spec_it_is() -> None:
    assert [error["spec"] for error in errors("page", ["conv 3->4 k3", "conv 3->4 kk"], input="3x9x9")] == [1]


@pytest.mark.parametrize(
    ("spec", "shape", "fix"),
    [
        ("cnv 3->16 k3", "3x7x7", {"spec": "conv 3->16 k3"}),
        ("resnt18", "", {"spec": "resnet18"}),
        ("resnet18", "224x224x3", {"input": "3x224x224"}),
        ("resnet18", "1x3x224x224", {"input": "3x224x224"}),
        ("conv 3->16 k3 |\n rleu", "3x7x7", {"spec": "conv 3->16 k3 |\n relu"}),
        ("conv 8 k9", "3x7x7", None),
    ],
)
def test_a_suggestion_that_is_offered_works(spec: str, shape: str, fix: dict[str, str] | None) -> None:
    error = errors("page", spec, input=shape)[0]
    assert error.get("fix") == fix
    if fix:
        assert "errors" not in ask("page", fix.get("spec", spec), input=fix.get("input", shape))


@pytest.mark.parametrize(
    "what", [pytest.param(name, marks=[pytest.mark.slow] * (name == "strides of sizes")) for name in TEXTS]
)
def test_hostile_texts_are_answered_in_time(what: str) -> None:
    before = time.process_time()  # which other processes of the machine do not lengthen
    found = ask("page", TEXTS[what])
    assert time.process_time() - before < SECONDS
    assert "errors" in found or found["networks"]
    assert not any("defect" in error["message"] for error in found.get("errors", []))


def test_long_texts_and_large_networks_are_refused_by_name() -> None:
    assert f"{MAX_TEXT:,}" in errors("page", "conv 8 k3 | " * 30_000)[0]["text"]
    layers = "input 8x9x9 | " + " | ".join(["relu"] * (MAX_LAYERS + 2))
    error = errors("page", layers)[0]
    assert "5,000 layers" in error["message"]
    assert "max_layers" not in error["text"], "which nobody can give on a page"


WATCHED = """
import json, sys
from convcalc.page.live.engine import answer
import convcalc.page.data, convcalc.page.live.sliders
texts = json.loads(sys.stdin.read())
for spec in ["conv 3->8 k3", "resnet18"]:
    for question in ("page", "draw", "export", "json"):
        answer({"question": question, "specs": [spec], "input": "3x32x32", "to": "pytorch"})
own = [path for path in sys.path if path] + [sys.prefix, sys.base_prefix]
seen = []
def watch(event, given):
    if event in ("os.system", "subprocess.Popen", "os.exec", "socket.connect", "exec") or event == "import":
        seen.append((event, str(given[0])[:80]))
    elif event in ("open", "os.listdir", "os.scandir") and isinstance(given[0], (str, bytes)):
        name = given[0] if isinstance(given[0], str) else given[0].decode()
        writes = event == "open" and (given[1] or "r")[0] != "r"
        if writes or not any(name.startswith(path) for path in own):
            seen.append((event, name))
sys.addaudithook(watch)
for text in texts:
    for question in ("page", "draw", "move", "export", "json"):
        answer({"question": question, "specs": [text], "key": "kernel", "value": 3, "to": "report"})
        answer({"question": question, "specs": ["conv 3->8 k3"], "input": text, "key": text, "value": 3,
                "to": text, "at": text, "command": text, "set": {text: text}})
seen = [one for one in seen if one[0] not in ("import", "exec") or "torch" == one[1].split(".")[0]
        or one[1].split(".")[0] in ("os", "builtins", "cli")]
loaded = [name for name in ("numpy", "typer", "rich", "torch") if name in sys.modules]
print(json.dumps({"seen": seen, "loaded": loaded}))
"""


def test_a_page_reaches_no_file_and_no_code(process) -> None:
    """Python's own audit hook tells of every file that is opened, every module and every process."""
    done = process(code=WATCHED, stdin=json.dumps([*NO_TEXTS, f"extends: {NO_TEXTS[0]}\n"]))
    assert done.code == 0, done.err
    assert done.json() == {"seen": [], "loaded": []}


@pytest.mark.parametrize("name", NO_TEXTS)
def test_a_file_is_no_spec(name: str) -> None:
    assert errors("page", name)[0]["file"] == "<spec>"


def test_a_network_is_found_by_its_name_not_by_a_file_of_that_name(tmp_path, monkeypatch) -> None:
    (tmp_path / "mine").write_text("conv 3->4 k3")
    (tmp_path / "conv 3->4 k3").write_text("resnet18")
    monkeypatch.chdir(tmp_path)
    assert convcalc.load("mine", input="3x9x9").shape(convcalc.load("mine", input="3x9x9").outputs[0]) == (
        4,
        7,
        7,
    )
    assert "no network or layer" in errors("page", "mine", input="3x9x9")[0]["message"]
    assert ask("json", "conv 3->4 k3", input="3x9x9")["totals"]["params"] == 3 * 4 * 9 + 4


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (None, "a question is an object"),
        ([], "a question is an object"),
        ({}, "there is no question"),
        ({"question": "pages"}, "there is no question"),
        ({"question": ["page"]}, "there is no question"),
        ({"question": "page"}, "0 specs"),
        ({"question": "page", "specs": "resnet18"}, "no list of texts"),
        ({"question": "page", "specs": [1]}, "no list of texts"),
        ({"question": "page", "specs": ["relu"] * (MAX_SPECS + 1)}, f"{MAX_SPECS + 1} specs"),
        ({"question": "page", "specs": ["relu"], "input": 3}, "'input' is no text"),
        ({"question": "page", "specs": ["relu"], "set": []}, None),
        ({"question": "page", "specs": ["relu"], "set": {"a": [1]}}, "'set' is no object"),
        ({"question": "draw", "specs": ["relu", "relu"], "input": "3x9x9"}, "2 specs"),
        ({"question": "draw", "spec": "conv 3->4 k3", "input": "3x9x9", "at": "x"}, "no position"),
        ({"question": "draw", "spec": "conv 3->4 k3", "input": "3x9x9", "at": "9,9"}, "no position"),
        ({"question": "move", "spec": "conv 3->4 k3", "key": "kernel", "value": "3"}, "'value'"),
        ({"question": "move", "spec": "conv 3->4 k3", "key": "kernel", "value": -1}, "'value'"),
        ({"question": "move", "spec": "conv 3->4 k3", "key": "groups", "value": 3}, "no groups can be moved"),
        ({"question": "export", "spec": "relu", "to": "/tmp/x"}, "no export to '/tmp/x'"),
        ({"question": "json", "spec": "relu", "command": "run"}, "no command 'run'"),
    ],
)
def test_a_question_that_is_none_is_told(request_: Any, message: str | None) -> None:
    found = json.loads(respond(request_))
    assert "errors" in found
    if message is not None:
        assert message in found["errors"][0]["message"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["question", "specs", "spec", "input", "set", "to", "at", "key", "value", "command"]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_arrives_is_answered(request_: Any) -> None:
    if isinstance(request_, dict):
        request_.setdefault("question", "page")
    found = json.loads(respond(request_))
    assert isinstance(found, dict)
    assert "defect" not in json.dumps(found.get("errors", ""))


WORDS = st.sampled_from(
    [
        *(
            "conv",
            "convT",
            "depthwise",
            "relu",
            "bn",
            "maxpool",
            "linear",
            "resnet18",
            "8",
            "64",
            "3->8",
            "3x9x9",
        ),
        *("k3", "s2", "p1", "d2", "op1", "k=K", "id=a", "from=a", "name:", "input:", "layers:", "repeat: 2"),
        *(
            "nn.Conv2d(",
            "Conv2D(",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            "=",
            ":",
            "-",
            "|",
            "\n",
            "&x",
            "*x",
            "!",
        ),
        *("%", "\x00", "\u202e", "\U0001d538"),
    ]
)


@settings(max_examples=60)
@given(st.lists(WORDS, max_size=14).map(" ".join), st.sampled_from(["", "3x9x9", "3xHxW", "a=3x4x4", "3x9"]))
def test_whatever_is_typed_is_answered_at_its_place(spec: str, shape: str) -> None:
    found = ask("page", spec, input=shape)
    assert "defect" not in json.dumps(found.get("errors", ""))
    for error in found.get("errors", []):
        assert error["text"] and error["spec"] == 0
        if error["file"] == "<spec>" and error["line"]:
            lines = spec.split("\n")
            assert error["line"] <= len(lines)
            assert 1 <= error["column"] <= len(lines[error["line"] - 1]) + 1


NUMBERS = st.integers(1, 5)


@settings(max_examples=60)
@given(
    st.sampled_from(
        [
            "conv 8 k{k} s{s} p{p}",
            "conv 3->8 kernel={k} d{s}",
            "convT 8 k{k} s{s}",
            "conv k={k} out=8 | bn | relu",
            "nn.Conv2d(3, 8, {k}, stride={s}, padding={p})",
            "x = nn.ConvTranspose2d(3, 8, kernel_size=({k},{k}))",
            "depthwise k{k} p{p} id=a",
            "nn.Sequential(nn.Conv2d(3, 8, {k}, {s}), nn.ReLU())",
            "maxpool k{k} s{s}",
            "conv 8 k{k}x{s} p{p}:0",
            "Conv2D(8, {k}, strides={s}, padding='same')",
        ]
    ),
    NUMBERS,
    NUMBERS,
    st.integers(0, 2),
    NUMBERS,
    st.data(),
)
def test_a_move_says_what_was_asked_and_nothing_else(
    form: str, k: int, s: int, p: int, value: int, data: Any
) -> None:
    spec = form.format(k=k, s=s, p=p)
    graph = convcalc.load(spec, input="3x40x40")
    key = data.draw(st.sampled_from([slider.key for slider in sliders(graph)]))
    text = moved(spec, key, value, "3x40x40")
    try:
        after = convcalc.load(text, input="3x40x40")
    except convcalc.SpecError:
        return  # padding larger than half a kernel of a pool, output padding larger than the stride
    old, new = window(graph), window(after)
    assert old is not None and new is not None and len(graph.nodes) == len(after.nodes)
    for option in new.layer.options:
        values = getattr(new.layer, option.field, None)
        if option.field == key:
            assert all(one in (value, (value, value)) for one in values)
        elif (option.field, form[:7]) != ("stride", "maxpool"):
            assert values == getattr(old.layer, option.field, None)


def test_a_move_keeps_the_text_around_it() -> None:
    assert moved("conv 3->8 k3 p1 id=a | bn", "kernel", 5) == "conv 3->8 k5 p1 id=a | bn"
    assert moved("conv 3->8 k3 p1 id=a | bn", "padding", 0) == "conv 3->8 k3 id=a | bn"
    assert moved("conv 3->8 k3 id=a | bn", "stride", 2) == "conv 3->8 k3 id=a s2 | bn"
    assert moved("nn.Conv2d(3, 8, 3)", "dilation", 2) == "nn.Conv2d(3, 8, 3, dilation=2)"


def test_the_picture_is_that_of_the_python_api() -> None:
    found = ask("draw", "convT 3->4 k3 s2", input="3x4x4", at="2,3")
    picture = convcalc.draw("convT 3->4 k3 s2", (2, 3), input="3x4x4")
    assert (found["svg"], found["caption"]) == (picture.to_svg(standalone=False), picture.caption)


def test_networks_with_one_window_can_be_moved_and_others_not() -> None:
    live = ask("page", ["conv 3->4 k3 op1".replace(" op1", ""), "resnet18"], input="")
    assert live["live"][0]["sliders"] and not live["live"][1]["sliders"]
    assert [s["key"] for s in ask("page", "convT 4 k3 s2", input="3x4x4")["live"][0]["sliders"]] == [
        "kernel", "stride", "padding", "output_padding", "dilation",
    ]  # fmt: skip


def test_exports_read_back_to_the_same_network() -> None:
    found = ask("export", "resnet18", to="yaml")
    assert found["name"] == "resnet-18.yaml"
    assert convcalc.analyze(convcalc.load(found["text"])).totals.params == 11_689_512
    code = ask("export", "resnet18", to="pytorch")
    compile(code["text"], code["name"], "exec")
    report = ask("export", ["conv 3->4 k3", "conv 3->4 k5"], input="3x9x9", to="report")
    assert report["name"].endswith(".html") and report["text"].lower().startswith("<!doctype html>")
    assert "/" not in report["name"]


def test_what_can_be_named_is_listed() -> None:
    found = ask("list")
    assert {"resnet50", "unet"} <= {one["name"] for one in found["networks"]}
    assert {"conv", "convT"} <= {one["name"] for one in found["layers"]}
    assert all(one["about"] for kind in found.values() for one in kind)


def test_every_question_is_documented() -> None:
    assert all(function.__doc__ for function in QUESTIONS.values())
    assert (
        answer({"question": "page", "specs": ["conv 3->4 k3"], "input": "3x9x9"})["live"][0]["sizes"]
        == "3x9x9"
    )
