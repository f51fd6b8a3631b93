"""The live page as a static site: written whole, and answering in the browser what Python answers."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import convcalc
from convcalc.page.live.site import INNER, LEFT_OUT, RUNTIME, RUNTIME_FILES, SOURCES, archive
from tests.page.conftest import _absent
from tests.page.hostile import TEXTS
from tests.page.test_live import params, settled, shown, until

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_site_is_a_folder_of_files(cli, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "site"
    told = cli("serve", "resnet18", "--input", "3x64x64", "--site", str(folder), "--json")
    assert told.code == 0, told.err
    found = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert told.json()["files"] == found
    assert {"index.html", "live.js", "live.css", "report.js", "report.css", "browser.js", SOURCES} == set(
        found
    )
    assert found[SOURCES] < 1_000_000
    page = (folder / "index.html").read_text()
    assert RUNTIME in page and "3x64x64" in page
    assert [path.name for path in folder.parent.iterdir()] == ["site"], "nothing is left beside it"
    assert os.stat(folder).st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_empty_folder_is_taken_and_another_is_not(cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("serve", "--site", str(tmp_path / "empty")).code == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file", "empty"):  # which is not empty any more
        told = cli("serve", "--site", str(tmp_path / name))
        assert told.code == 2
        assert "not empty" in told.err and "new or empty" in told.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "mine"]


def test_a_runtime_that_is_none_is_refused(cli, tmp_path: Path) -> None:
    (tmp_path / "pyodide").mkdir()
    told = cli("serve", "--site", str(tmp_path / "site"), "--runtime", str(tmp_path / "pyodide"))
    assert told.code == 2 and "pyodide.mjs" in told.err
    for name in RUNTIME_FILES:
        (tmp_path / "pyodide" / name).write_text("another")
    told = cli("serve", "--site", str(tmp_path / "site"), "--runtime", str(tmp_path / "pyodide"))
    assert told.code == 2 and "another version" in told.err
    assert not (tmp_path / "site").exists()


def test_a_site_that_cannot_be_written_leaves_nothing(cli, tmp_path: Path, monkeypatch) -> None:
    from convcalc.page.live import site

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(Path, "write_bytes", full)
    told = cli("serve", "--site", str(tmp_path / "site"))
    assert told.code == 2 and "no space left" in told.err
    assert list(tmp_path.iterdir()) == []
    assert site.archive()


def test_the_same_sources_make_the_same_bytes() -> None:
    assert archive() == archive()


def sources() -> zipfile.ZipFile:
    """The files that the browser unpacks: an archive inside the archive."""
    outer = zipfile.ZipFile(io.BytesIO(archive()))
    assert outer.namelist() == [INNER]
    return zipfile.ZipFile(io.BytesIO(outer.read(INNER)))


def test_what_is_left_out_is_there_to_be_left_out() -> None:
    assert [name for name in LEFT_OUT if not (ROOT / "convcalc" / name).exists()] == []
    names = sources().namelist()
    assert "yaml/LICENSE" in names and "yaml/__init__.py" in names
    assert not any(name.endswith((".pyc", ".so")) for name in names)


COMMAND = (sys.executable, "-m", "convcalc", "serve")

ALONE = """
import json, sys
here, left_out = sys.argv[1:]
kept = [path for path in sys.path if path not in ("", left_out) and "site-packages" not in path]
sys.path[:] = [here, *kept]
for name in ("numpy", "rich", "typer", "sympy", "scipy", "fast_sugiyama"):
    sys.modules[name] = None
from convcalc.page.live.worker import respond
import convcalc, yaml
assert convcalc.__file__.startswith(here) and yaml.__file__.startswith(here)
for line in sys.stdin:
    sys.stdout.write(respond(json.loads(line)).decode())
"""


def questions() -> list[dict[str, Any]]:
    """Every question, of specs of every kind."""
    from tests.page.test_engine import SPECS

    more = {
        "dilated": ("conv 8 k3 d2 p2 | conv 8 k3 d2 p2", "3x32x32"),
        "transposed": ("convT 8 k3 s2", "3x9x9"),
        "volume": ("conv 4 k3", "1x5x6x7"),
        "sequence": ("lstm 8", "3x20"),
        "keras": (
            "Conv2D(8, 3, strides=2, padding='same', input_shape=(32, 32, 3))\nFlatten()\nDense(10)",
            "",
        ),
        "a class": ((ROOT / "examples/lenet5.py").read_text(), "1x32x32"),
        "printed": ((ROOT / "examples/residual.txt").read_text(), ""),
        "wrong": ("conv 3->8 kk", "3x9x9"),
        "too small": ("vgg16", "3x9x9"),
    }
    found: list[dict[str, Any]] = [{"question": "list"}]
    for spec, shape in {**SPECS, **more}.values():
        given = {"specs": [spec], "input": shape}
        found += [
            {"question": "json", "command": command, **given} for command in ("summary", "rf", "padding")
        ]
        found += [{"question": name, "to": "yaml", **given} for name in ("page", "draw", "export")]
        found += [{"question": "export", "to": to, **given} for to in ("pytorch", "report")]
        found += [{"question": "move", "key": "kernel", "value": 5, **given}]
    return found


@pytest.mark.slow
def test_the_archive_alone_answers_everything(tmp_path: Path) -> None:
    """In a Python without NumPy, Rich and Typer, with nothing but the archive on its path."""
    from convcalc.page.live.worker import respond

    sources().extractall(tmp_path)
    asked = questions()
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(tmp_path), str(ROOT)],
        input="".join(json.dumps(question) + "\n" for question in asked),
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(replies) == len(asked)
    for question, reply in zip(asked, replies, strict=True):
        here = json.loads(respond(question))
        assert "defect" not in json.dumps(reply.get("errors", "")), (question, done.stderr[-2000:])
        if question["question"] in ("page", "export") and "errors" not in here:  # the layout may be another
            assert "errors" not in reply, (question, reply)
            for one, other in zip(reply.get("networks", ()), here.get("networks", ()), strict=True):
                assert one["totals"] == other["totals"] and one["rows"] == other["rows"]
            continue
        if question["question"] == "draw" and "errors" in reply and "errors" not in here:
            assert "NumPy" in reply["errors"][0]["text"], "what needs it is left out by name"
            continue
        assert reply == here, question


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """Any web server: Python's own."""
    code = (
        "import functools, http.server as h\n"
        "class Quiet(h.SimpleHTTPRequestHandler):\n"
        "    def log_message(self, *a): pass\n"
        f"handler = functools.partial(Quiet, directory={str(folder)!r})\n"
        "server = h.ThreadingHTTPServer(('127.0.0.1', 0), handler)\n"
        "print(server.server_port, flush=True)\n"
        "server.serve_forever()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site with the runtime of CONVCALC_PYODIDE, in a folder below the root."""
    runtime = os.environ.get("CONVCALC_PYODIDE")
    if not runtime:
        _absent("no Pyodide: CONVCALC_PYODIDE names the folder of the npm package")
    root = tmp_path_factory.mktemp("web")
    done = subprocess.run(
        [*COMMAND, "--site", str(root / "calculator"), "--runtime", str(runtime)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    with files(root) as address:
        yield f"{address}calculator/"


READY = "/ready|Worked out/.test(document.querySelector('#state').textContent)"
TOTALS = [
    "resnet18",
    "resnet50",
    "vgg16",
    "mobilenet_v2",
    "unet",
    "densenet121",
    "efficientnet_b0",
    "conv 3->64 k7 s2 p3 bias=false",
]


@pytest.mark.browser
def test_python_in_the_browser_answers_as_python(site: str, tab, heard, record_property) -> None:
    page = tab()
    began = time.perf_counter()
    page.goto(site)
    assert params(page) == [shown(448)], "the first answer is there before Python is"
    until(page, READY, 120)
    record_property("seconds to start", round(time.perf_counter() - began, 2))
    for spec in TOTALS:
        shape = "3x224x224" if " " in spec else ""
        began = time.perf_counter()
        page.fill("#input", shape)
        page.fill("#spec-0", spec)
        settled(page)
        record_property(f"seconds of {spec}", round(time.perf_counter() - began, 2))
        assert page.locator("#faults-0 pre").count() == 0, page.inner_text("#faults-0")
        found = page.evaluate(
            "(question) => new Promise((resolve) => convcalc.live.ask(question).then(resolve))",
            {"question": "json", "specs": [spec], "input": shape},
        )
        assert found == json.loads(json.dumps(convcalc_json(spec, shape)))
    own = {url.split("/")[2] for url in heard.requests if url.startswith("http")}
    assert own == {site.split("/")[2]}, "no other host is asked"


def convcalc_json(spec: str, shape: str) -> Any:
    from convcalc.page.live.engine import answer

    found = answer({"question": "json", "specs": [spec], "input": shape})
    assert found["totals"]["params"] == convcalc.analyze(spec, input=shape or None).totals.params
    return found


@pytest.mark.browser
def test_the_site_slides_and_tells_errors(site: str, tab) -> None:
    page = tab()
    page.goto(f"{site}#spec=convT+3-%3E8+k4+s2+p1&input=3x4x4")
    until(page, "document.querySelector('#slider-kernel')", 120)
    settled(page)
    page.locator("#slider-stride").fill("3")
    settled(page)
    assert page.input_value("#spec-0") == "convT 3->8 k4 s3 p1"
    page.fill("#spec-0", "convT 3->8 k4 strid=3")
    settled(page)
    assert page.inner_text(".marks mark") == "strid"


@pytest.mark.browser
def test_a_runaway_question_is_ended_and_python_started_anew(site: str, tab) -> None:
    page = tab()
    page.goto(site)
    until(page, READY, 120)
    page.evaluate("convcalc.live.patience = 1")
    page.fill("#input", "")
    page.fill("#spec-0", TEXTS["strides of sizes"])
    settled(page)
    assert "more than 1 seconds" in page.inner_text("#faults-0") or "steps of work" in page.inner_text(
        "#faults-0"
    )
    page.evaluate("convcalc.live.patience = 60")
    page.fill("#input", "3x9x9")
    page.fill("#spec-0", "conv 3->4 k3")
    settled(page)
    assert params(page) == [shown(3 * 4 * 9 + 4)]


@pytest.mark.browser
def test_a_runtime_that_cannot_be_loaded_is_told(tab, heard, cli, tmp_path: Path) -> None:
    cli("serve", "--site", str(tmp_path / "site"))
    page_file = tmp_path / "site" / "index.html"
    page_file.write_text(page_file.read_text().replace(RUNTIME, "nowhere/"))
    with files(tmp_path / "site") as address:
        page = tab()
        page.goto(address)
        page.fill("#spec-0", "conv 3->4 k5")
        until(page, "document.querySelector('#faults-0').textContent", 40)
        assert "Python does not start" in page.inner_text("#faults-0")
    heard.console.clear()  # Chromium itself tells of what is missing
