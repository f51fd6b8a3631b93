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
