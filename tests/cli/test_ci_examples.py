"""The hook and the workflow that stand in ``examples/ci``, run for real."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

CI = ROOT / "examples" / "ci"
NETWORK = "name: {name}\ninput: 3x32x32\nbudget: {{max_params: 1K}}\nlayers: [conv {width} k3 bias=false]\n"


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Run a line in a folder, with ``convcalc`` and ``pip`` on the path."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, line in (("convcalc", f'exec "{sys.executable}" -m convcalc "$@"'), ("pip", "exit 0")):
        tool = tools / name
        tool.write_text(f"#!/bin/sh\n{line}\n")
        tool.chmod(tool.stat().st_mode | stat.S_IEXEC)

    def run(line: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        paths = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            ["bash", "-e", "-c", line], cwd=cwd, env={**os.environ, **paths, **env},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_the_hook_runs(shell: Any, tmp_path: Path) -> None:
    """As pre-commit runs it: the entry, its arguments, then the files that were changed and that match."""
    (repository,) = yaml.safe_load((CI / "pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repository["hooks"]
    assert repository["repo"] == "local"
    assert {"id", "name", "entry", "language"} <= set(hook)  # what pre-commit asks of a local hook
    assert hook["language"] == "python" and hook["additional_dependencies"] == ["convcalc"]
    work = tmp_path / "work"
    (work / "models").mkdir(parents=True)
    (work / "models" / "small.yaml").write_text(NETWORK.format(name="small", width=8))
    (work / "models" / "large.yaml").write_text(NETWORK.format(name="large", width=80))
    (work / "other.yaml").write_text("no network\n")
    files = [str(path.relative_to(work)) for path in sorted(work.rglob("*.yaml"))]
    matched = [name for name in files if re.search(hook["files"], name)]
    assert matched == ["models/large.yaml", "models/small.yaml"]
    line = " ".join([hook["entry"], *map(str, hook["args"])])
    done = shell(f"{line} {' '.join(matched)}", work)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("1 of 2 networks fails: large\n")
    assert shell(f"{line} models/small.yaml", work).returncode == 0


def test_the_page_shows_the_hook() -> None:
    page = (ROOT / "examples" / "check.md").read_text()
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (repository,) = yaml.safe_load((CI / "pre-commit-config.yaml").read_text())["repos"]
    assert yaml.safe_load(shown) == repository["hooks"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize(
    ("width", "new", "code"), [(8, False, 0), (9, False, 1), (8, True, 0), (80, True, 1)]
)
def test_the_workflow_runs(shell: Any, tmp_path: Path, width: int, new: bool, code: int) -> None:
    """A pull request into ``main``: a convolution of 8 has another width, or another file came."""
    workflow = yaml.safe_load((CI / "github-workflow.yml").read_text())
    assert workflow[True]["pull_request"]  # YAML 1.1 reads the key "on" as true
    steps = workflow["jobs"]["check"]["steps"]
    lines = [step["run"] for step in steps if "run" in step]
    assert not any("${{" in line for line in lines)  # what comes from outside goes through the environment
    work = tmp_path / "work"
    setup = """
    git init -q --bare ../origin
    git init -q -b main . && git config user.email a@b.c && git config user.name n
    git add . && git commit -qm base && git remote add origin ../origin && git push -q origin main
    git checkout -qb change
    """
    (work / "models").mkdir(parents=True)
    (work / "models" / "net.yaml").write_text(NETWORK.format(name="net", width=8))
    assert shell(setup, work).returncode == 0
    path = work / "models" / ("more.yaml" if new else "net.yaml")
    path.write_text(NETWORK.format(name="more" if new else "net", width=width))
    last = None
    for line in lines:
        last = shell(line, work, BASE="main")
        if last.returncode:
            break
    assert last is not None and last.returncode == code, last.stderr
    assert (work / "networks.xml").read_text().startswith("<?xml")
    if code:
        errors = [line for line in last.stdout.splitlines() if line.startswith("::error ")]
        assert errors and all(f"file=models/{path.name}," in line for line in errors)
    else:
        assert "::error" not in last.stdout and last.stdout.count("::notice ") == 1 + new
