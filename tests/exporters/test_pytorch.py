"""PyTorch source: what it says, without PyTorch."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import convcalc
from convcalc.executor.weights import weight_shapes
from convcalc.exporters.errors import ExportError
from convcalc.exporters.pytorch.forms import FORMS
from convcalc.exporters.pytorch.helpers import written
from convcalc.exporters.pytorch.source import to_pytorch
from convcalc.layers import OPS, lookup
from tests.exporters.zoo import NAMES, QUICK, networks


def test_every_layer_has_a_form() -> None:
    layers = {op for op in OPS if not lookup(op).enters and not getattr(lookup(op), "opaque", False)}
    assert set(FORMS) == layers


@pytest.mark.parametrize("name", networks(*QUICK, every=10))
def test_source_names_every_layer_with_weights(name: str) -> None:
    graph = convcalc.load(name)
    source = to_pytorch(graph)
    tree = ast.parse(source)
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    for key in weight_shapes(graph):
        for part in key.split(".")[:-1]:
            assert part in words or part.rstrip("0123456789") in words or part.isdigit(), key
    assert source == to_pytorch(convcalc.load(name))


RUFF = Path(sys.executable).with_name("ruff")


def formatted(folder: Path) -> str:
    """What Ruff's default rules, and its formatter, say of the files of a folder."""
    found = ""
    for command in (["check", "--select", "E4,E7,E9,F,I,B,UP"], ["format", "--diff"]):
        done = subprocess.run(
            [RUFF, *command, "--isolated", "--no-cache", "-q", folder], capture_output=True, text=True
        )
        found += done.stdout
    return found


@pytest.mark.skipif(not RUFF.exists(), reason="Ruff is not installed")
@pytest.mark.parametrize(
    "names", [QUICK[:6], pytest.param(NAMES[::10], marks=pytest.mark.slow)], ids=["few", "more"]
)
def test_source_is_laid_out_as_ruff_does(names: list[str], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / f"{name}.py").write_text(to_pytorch(convcalc.load(name)), encoding="utf-8")
    assert formatted(tmp_path) == ""


@pytest.mark.skipif(not RUFF.exists(), reason="Ruff is not installed")
def test_helpers_are_laid_out_as_ruff_does(tmp_path: Path) -> None:
    from convcalc.exporters.pytorch.helpers import _helpers

    head = "import itertools\nimport math\nfrom fractions import Fraction\n\nimport torch\n"
    head += "import torch.nn.functional as F\nfrom torch import nn\n\n\n"
    text = head + "\n\n\n".join(written(_helpers())) + "\n"
    (tmp_path / "helpers.py").write_text(text, encoding="utf-8")
    assert formatted(tmp_path) == ""


def test_helpers_bring_what_they_call() -> None:
    assert [text.split("(")[0] for text in written(["fold"])] == ["def unfold", "def fold"]
    assert [text.split("(")[0] for text in written(["resize"])] == [
        "def resize",
        "def resizing",
        "def cubic",
        "def natural_spline",
    ]


def test_blocks_that_are_alike_share_a_class() -> None:
    source = to_pytorch(convcalc.load("resnet18"))
    classes = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    assert len(classes) == len(set(classes)) < 9
    assert source.count("nn.Conv2d(") == 2


def test_residuals_read_as_people_write_them() -> None:
    source = to_pytorch(convcalc.load("resnet18"))
    assert "        out = self.conv_bn1(x)\n        return F.relu(self.conv_bn2(out) + x)\n" in source


def test_names_that_python_keeps_are_reached_all_the_same() -> None:
    source = to_pytorch(
        convcalc.load("input 3x5x5 | conv 4 k1 id=class | conv 4 k1 id=train | conv 4 k1 id=a-b")
    )
    assert 'self._modules["class"] = nn.Conv2d(3, 4, 1)' in source
    assert 'self._modules["train"](' in source
    assert 'self._modules["a-b"](' in source


def test_several_outputs_have_their_names_or_none() -> None:
    layers = "layers: [conv 4 k1 id=a, relu id=b]\n"
    named = convcalc.load(f"input: 3x5x5\n{layers}outputs: {{low: a, high: b}}\n")
    assert 'return {"low": x, "high": F.relu(x)}' in to_pytorch(named) or '"low": ' in to_pytorch(named)
    plain = convcalc.load(f"input: 3x5x5\n{layers}outputs: [a, b]\n")
    assert "return x, " in to_pytorch(plain)


def test_what_is_frozen_is_frozen() -> None:
    source = to_pytorch(convcalc.load("input 3x5x5 | conv 4 k1 frozen=true | bn | conv 4 k1"))
    assert "self.conv1.requires_grad_(False)" in source
    assert source.count("requires_grad_") == 1
    whole = to_pytorch(convcalc.load("input 3x5x5 | conv 4 k1 frozen=true | bn frozen=true"))
    assert "        self.requires_grad_(False)" in whole


def test_shared_weights_are_one_module_or_tied() -> None:
    again = to_pytorch(convcalc.load("input 4x5x5 | conv 4 k1 id=a | relu | conv 4 k1 share=a"))
    assert again.count("nn.Conv2d") == 1 and again.count("self.a(") == 2
    tied = to_pytorch(convcalc.load("input 5 | embedding 7->3 id=t | linear 7 axis=-1 bias=false share=t"))
    assert "self.linear1.weight = self.t.weight" in tied


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("input 3xHxW | conv 4 k3", "input has the shape 3xHxW, and only numbers can be exported"),
        ("conv 3->4 k3", "input has the shape 3x?x?"),
        ("input 3x5x5 | opaque TopK shapes=3x4", "opaque1: TopK has no form in PyTorch"),
    ],
)
def test_what_cannot_be_exported_is_named(spec: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        to_pytorch(convcalc.load(spec))


def test_no_torch_is_needed() -> None:
    if find_spec("torch") is None:
        return
    code = "import sys, convcalc; convcalc.export('lenet5', 'pytorch'); assert 'torch' not in sys.modules"
    code += "; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
