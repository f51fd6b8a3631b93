"""Heat maps: whole files or none, the same bytes each time, and clear refusals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convcalc import Unreachable, coverage, load
from convcalc.render.pictures import heatmap

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(
    ("name", "start"), [("map.png", b"\x89PNG\r\n\x1a\n"), ("map.svg", b"<?xml"), ("MAP.PNG", b"\x89PNG")]
)
def test_kinds(tmp_path: Path, name: str, start: bytes) -> None:
    found = coverage(load("conv 3->4 k3 d2 | conv 4 k3"), samples=1)
    heatmap.draw(found, str(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("spec", ["conv 3->4 k5", "conv 3->4 k3 d2 | conv 4 k3"])
@pytest.mark.parametrize("size", ["3x24", "3x12x12", "3x9x9x9"])
def test_every_rank(tmp_path: Path, spec: str, size: str) -> None:
    path = tmp_path / "map.svg"
    heatmap.draw(coverage(load(spec, input=size), samples=1), str(path))
    text = path.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</svg>")


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    found = coverage(load("conv 3->4 k3 d2 | conv 4 k3"))
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        heatmap.draw(found, str(tmp_path / name))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = coverage(load("conv 3->4 k3"))
    path = tmp_path / "map.png"
    path.write_bytes(b"old")

    def fail(beside: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        heatmap.draw(found, str(path))
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["map.png"]


@pytest.mark.parametrize(
    ("path", "words"), [("map.jpg", "'jpg'"), ("map", "without an ending"), ("nowhere/map.png", "no folder")]
)
def test_refusals(path: str, words: str) -> None:
    with pytest.raises(Unreachable, match=words):
        heatmap.check(path)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unreachable) as error:
        heatmap.check("map.png")
    assert "convcalc[plot]" in str(error.value)
