"""The numeric path is light: what a process has loaded when it has printed its numbers."""

from __future__ import annotations

import pytest

HEAVY = ("numpy", "sympy", "scipy", "matplotlib", "torch", "pydantic")

CODE = """
import sys
from convcalc.cli import main
try:
    main({arguments!r})
except SystemExit as stop:
    assert not stop.code, stop.code
print("\\n" + " ".join(sorted(sys.modules)), file=sys.stderr)
"""


def loaded(process, *arguments: str) -> set[str]:
    done = process(code=CODE.format(arguments=list(arguments)))
    assert done.code == 0, done.err
    assert done.out
    return set(done.err.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("params", "resnet50"),
        ("params", "conv 3->4 k3 bias=false"),
        ("params", "resnet50", "--csv"),
        ("summary", "mobilenet_v2", "--depth", "1"),
        ("flops", "resnet50", "--json"),
        ("shapes", "resnet50", "--markdown"),
        ("memory", "resnet50", "--top", "3"),
    ],
    ids=" ".join,
)
def test_the_numeric_path_loads_neither_numpy_nor_sympy(process, arguments: tuple[str, ...]) -> None:
    modules = loaded(process, *arguments)
    assert modules.isdisjoint(HEAVY)
    assert not any(name.startswith("rich") for name in modules), "Rich is for terminals"
    assert "importlib.metadata" not in modules


def test_a_command_loads_only_its_own_module(process) -> None:
    modules = loaded(process, "params", "resnet50")
    assert "convcalc.cli.commands.count.report" in modules
    assert "convcalc.cli.commands.share.catalog" not in modules
    assert not any(name.startswith(("convcalc.executor", "convcalc.verification")) for name in modules)


def test_a_list_of_networks_loads_no_layers(process) -> None:
    modules = loaded(process, "list", "networks")
    assert modules.isdisjoint(HEAVY)
    assert not any(name.startswith(("convcalc.layers", "rich", "yaml")) for name in modules)


def test_the_package_loads_nothing_before_it_is_used(process) -> None:
    code = "import sys, convcalc; print([m for m in sys.modules if m.startswith(('convcalc.', 'typer'))])"
    assert process(code=code).out == "[]\n"
