"""What a shell is offered, asked as Bash asks: through the program, by words and the number of the last."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = "from convcalc.cli import main; main()"


def offered(line: str, folder: Path) -> list[str]:
    """What is offered behind a line; its last word is incomplete."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_CONVCALC_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("convcalc para", ["params"]),
        ("convcalc params resnet15", ["resnet152"]),
        ("convcalc params conv_bn_", ["conv_bn_biased"]),
        ("convcalc params hardsw", ["hardswish"]),
        ("convcalc params own", ["own.yaml"]),
        ("convcalc params parts/", ["parts/inner.onnx"]),
        ("convcalc summary own.yaml --layer s", ["stem", "stem.conv1", "stem.relu1"]),
        ("convcalc summary own.yaml --set w", ["width=8"]),
        ("convcalc summary own.yaml --input ", ["3x16x16"]),
        ("convcalc summary own.yaml --notation u", ["unicode"]),
        ("convcalc padding --mode v", ["valid"]),
        ("convcalc summary own.yaml --no", ["--notation", "--no-pager"]),
        ("convcalc summary own.yaml --sort flops", ["flops", "flops_share"]),
        ("convcalc memory own.yaml --sort param", ["param_bytes", "params_share"]),
        ("convcalc list --sort flops", []),
        ("convcalc fit own.yaml --var ", ["resolution=", "width="]),
        ("convcalc fit net.py --input 3x9x9 --var w", ["wide="]),
        ("convcalc summary net.py --input 3x9x9 --layer ", ["a"]),
        ("convcalc summary net.py --input 3x9x9 --set w", ["wide=8"]),
        ("convcalc summary broken.yaml --layer ", []),
        ("convcalc summary nothing --set ", []),
    ],
)
def test_what_is_offered(line: str, wanted: list[str], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "vars: {width: 8}\ninput: 3x16x16\nlayers:\n  - {group: stem, body: [conv width k3, relu]}\n  - bn\n"
    )
    (tmp_path / "broken.yaml").write_text("layers: [\x1b[31m")
    (tmp_path / "net.py").write_text(
        "class Net(nn.Module):\n    def __init__(self, wide=8):\n        super().__init__()\n"
        "        self.a = nn.Conv2d(3, wide, 3)\n\n    def forward(self, x):\n        return self.a(x)\n"
    )
    (tmp_path / "own.lock").write_text("no SPEC")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "inner.onnx").write_bytes(b"")
    assert sorted(offered(line, tmp_path)) == sorted(wanted)
