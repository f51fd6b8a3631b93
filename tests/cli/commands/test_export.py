"""``export`` and ``show``: what they print and write."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc


def test_source_goes_to_standard_output(cli: Any) -> None:
    done = cli("export", "lenet5", "--to", "pytorch")
    assert done.code == 0
    ast.parse(done.out)
    assert "class LeNet5(nn.Module):" in done.out


def test_a_document_reads_back(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    assert cli("export", "resnet18", "--to", "spec", "-o", str(file)).out == f"{file}\n"
    assert convcalc.load(str(file)) == convcalc.load("resnet18")


def test_weights_go_beside_the_source(cli: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **convcalc.init_weights("lenet5"))
    file = tmp_path / "net.py"
    done = cli("export", "lenet5", "--to", "pytorch", "--weights", str(tmp_path / "w.npz"), "-o", str(file))
    assert done.out.splitlines() == [str(file), str(file.with_suffix(".npz"))]
    assert "def load(" in file.read_text(encoding="utf-8")
    with np.load(file.with_suffix(".npz")) as arrays:
        assert set(arrays) == set(convcalc.init_weights("lenet5"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet5", "--to", "pytroch"], "did you mean pytorch?"),
        (["lenet5", "--to", "onnx"], "expected -o FILE"),
        (["lenet5", "--to", "pytorch", "--weights", "w.npz"], "expected -o FILE"),
        (["lenet5", "--to", "spec", "--weights", "w.npz", "-o", "x.yaml"], "a spec holds no weights"),
        (["input 3xHxW | conv 4 k3", "--to", "pytorch"], "only numbers can be exported"),
    ],
)
def test_what_cannot_be_is_refused(cli: Any, arguments: list[str], message: str) -> None:
    done = cli("export", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_nothing_is_written_where_the_weights_do_not_fit(cli: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    file = tmp_path / "net.py"
    done = cli("export", "lenet5", "--to", "pytorch", "--weights", str(tmp_path / "w.npz"), "-o", str(file))
    assert done.code == 2
    assert not file.exists()
