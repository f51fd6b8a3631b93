"""A file that is not there is told as a file, also where its name looks like something else."""

from __future__ import annotations

from pathlib import Path

import pytest

import convcalc

NET = (
    "class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.a = nn.Conv2d(3, 8, 3)\n\n    def forward(self, x):\n        return self.a(x)\n"
)


@pytest.mark.parametrize("name", ["my net.yaml", "a b c.onnx", "run 3/net.yaml"])
def test_a_missing_file_may_have_blanks_in_its_name(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(convcalc.SpecError) as caught:
        convcalc.load(name)
    assert "cannot be read: No such file or directory" in str(caught.value)


def test_the_nearest_file_with_blanks_is_offered(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my net.yaml").write_text("input: 3x9x9\nlayers: [relu]\n")
    with pytest.raises(convcalc.SpecError) as caught:
        convcalc.load("my nte.yaml")
    assert caught.value.problems[0].nearest == "my net.yaml"
    assert convcalc.load("my net.yaml").name


def test_a_class_behind_a_file_is_said_as_it_is_asked_for(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET + NET.replace("class A", "class B").replace("8, 3", "4, 3"))
    with pytest.raises(convcalc.SpecError) as caught:
        convcalc.load("net.py:A", input="3x9x9")
    expected = caught.value.problems[0].expected or ""
    assert expected.endswith("net.py --set class=A")
    found = convcalc.analyze("net.py", input="3x9x9", set={"class": "A"})
    assert found.totals.params == 8 * 27 + 8
