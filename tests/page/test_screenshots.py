"""The pictures at the top of the README still show what one sees."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.page.screenshots import FOLDER, ROOT, SHOTS, shot

CLOSE = 10
"""Most that the brightness of two pictures may differ by, of 255, on average over 24 x 24 parts."""


def parts(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L").resize((24, 24), Image.Resampling.BOX), dtype=float)


def apart(a: Path, b: Path) -> float:
    return float(np.abs(parts(a) - parts(b)).mean())


def test_the_readme_starts_with_a_picture_of_each() -> None:
    start = (ROOT / "README.md").read_text(encoding="utf-8").partition("```console")[0]
    for name in (*SHOTS, "transposed.svg"):
        assert f"examples/pictures/{name}" in start, name
        assert (FOLDER / name).is_file()


def test_what_stands_below_a_picture_works(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = (ROOT / "README.md").read_text(encoding="utf-8").partition("```console")[0]
    lines = re.findall(r"`convcalc ([^`]+)`", start)
    assert len(lines) == 4
    monkeypatch.chdir(tmp_path)
    for line in lines:
        if line != "serve":  # which runs until it is stopped: tests/page/test_live.py
            assert cli(*shlex.split(line)).code == 0, line
    drawn = (tmp_path / "transposed.svg").read_bytes()
    assert drawn == (FOLDER / "transposed.svg").read_bytes()


def test_no_two_pictures_are_taken_for_each_other() -> None:
    for name in SHOTS:
        for other in set(SHOTS) - {name}:
            assert apart(FOLDER / name, FOLDER / other) > CLOSE


@pytest.mark.browser
@pytest.mark.parametrize("name", SHOTS)
def test_a_picture_is_what_one_sees(browser: Any, name: str, tmp_path: Path) -> None:
    assert apart(shot(browser, name, tmp_path), FOLDER / name) < CLOSE
