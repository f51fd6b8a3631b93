"""Paths that lead nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

import convcalc


def test_a_link_to_nothing_is_not_offered_for_itself(tmp_path: Path) -> None:
    link = tmp_path / "gone.onnx"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(convcalc.SpecError, match="No such file") as error:
        convcalc.load(link)
    assert error.value.problems[0].nearest is None


@pytest.mark.parametrize("name", ["with a space", "nothing.onnx", "a/b.yaml"])
def test_what_is_no_file_is_told_without_a_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "with a space").mkdir()
    with pytest.raises(convcalc.SpecError) as caught:
        convcalc.load(name)
    assert str(caught.value).startswith(f"{name}: cannot be read: ")
