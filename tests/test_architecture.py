"""The arrows of the design and what else holds for imports, enforced by reading every one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import architecture

ROOT = Path(__file__).resolve().parent.parent

CHECKS = {
    "arrows": architecture.broken_arrows,
    "meetings": architecture.second_meetings,
    "heavy": architecture.heavy_at_load,
    "circles": architecture.circles,
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_the_package_keeps_to_the_design(check) -> None:
    found = architecture.all_imports(ROOT)
    assert len(found) > 50, "the imports were not read"
    assert check(found) == []


def test_every_room_has_its_rule() -> None:
    rooms = {
        path.name.removesuffix(".py")
        for path in (ROOT / "convcalc").iterdir()
        if (path.is_dir() and path.name != "__pycache__")
        or (path.suffix == ".py" and not path.name.startswith("__"))
    }
    assert rooms <= set(architecture.ALLOWED)


@pytest.mark.parametrize("room", sorted(set(architecture.ALLOWED) - {"root"}))
def test_every_rule_has_its_room(room: str) -> None:
    path = ROOT.joinpath("convcalc", *room.split("."))
    assert path.is_dir() or path.with_suffix(".py").is_file()


def planted(**sources: str) -> list[architecture.Import]:
    """The imports of a package of a few modules."""
    return [
        item
        for module, source in sources.items()
        for item in architecture.imports(f"convcalc.spec.{module}", source)
    ]


def test_a_circle_is_noticed_wherever_its_imports_stand() -> None:
    circle = planted(
        a="from convcalc.spec.b import parse",
        b="def parse():\n    from convcalc.spec import c",
        c="if TYPE_CHECKING:\n    import convcalc.spec.a",
        d="from convcalc.spec.a import A\nfrom convcalc.spec.d import D",
    )
    assert architecture.circles(circle) == ["convcalc.spec.a <-> convcalc.spec.b <-> convcalc.spec.c"]
    assert architecture.circles([item for item in circle if item.module != "convcalc.spec.c"]) == []


@pytest.mark.parametrize(
    ("check", "module", "source", "fault"),
    [
        ("arrows", "convcalc.dims", "from convcalc.layers import lookup", "dims may not import layers"),
        ("arrows", "convcalc.layers.windows.conv", "import convcalc.graph", "layers may not import graph"),
        ("arrows", "convcalc.spec.load", "from convcalc import calculators", "may not import calculators"),
        ("arrows", "convcalc.spec.load", "from ..calculators import report", "may not import calculators"),
        (
            "arrows",
            "convcalc.spec.language.lines",
            "def f():\n    from convcalc.importers.calls import Pasted",
            "spec.language may not import importers",
        ),
        (
            "arrows",
            "convcalc.importers.calls",
            "from convcalc.spec.build.builder import Builder",
            "importers may not import spec.build",
        ),
        ("arrows", "convcalc.spec.document.items", "import convcalc.spec.loading", "may not import spec"),
        (
            "arrows",
            "convcalc.calculators.count.report",
            "from convcalc.executor import execute",
            "may not import executor",
        ),
        (
            "arrows",
            "convcalc.render.table",
            "def f():\n    from convcalc.cli import main",
            "may not import cli",
        ),
        (
            "arrows",
            "convcalc.executor.conv",
            "def f():\n    from convcalc.dims import ceil_div",
            "import dims",
        ),
        ("arrows", "convcalc.executor.conv", "if True:\n    from ..layers import base", "import layers"),
        ("arrows", "convcalc.executor.conv", "import_module('convcalc.layers')", "import layers"),
        (
            "arrows",
            "convcalc.executor.conv",
            "if TYPE_CHECKING:\n    from convcalc.layers.base import Layer",
            "layers",
        ),
        (
            "meetings",
            "convcalc.calculators.count.report",
            "from convcalc.executor import execute\nfrom convcalc.layers import lookup",
            "calculators imports the executor and layers",
        ),
        ("heavy", "convcalc.layers.windows.conv", "import numpy as np", "imports numpy"),
        ("heavy", "convcalc.dims", "try:\n    import sympy\nexcept ImportError:\n    pass", "imports sympy"),
        ("heavy", "convcalc.render.text", "class A:\n    from numpy import array", "imports numpy.array"),
    ],
)
def test_each_check_can_fail(check: str, module: str, source: str, fault: str) -> None:
    faults = CHECKS[check](list(architecture.imports(module, source)))
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize(
    ("check", "module", "source"),
    [
        (
            "arrows",
            "convcalc.verification.layers",
            "from convcalc.executor import execute\nimport convcalc.layers",
        ),
        (
            "meetings",
            "convcalc.verification.layers",
            "from convcalc.executor import execute\nimport convcalc.layers",
        ),
        ("heavy", "convcalc.dims", "def f():\n    import numpy"),
        ("heavy", "convcalc.dims", "if TYPE_CHECKING:\n    import numpy"),
        ("heavy", "convcalc.executor.conv", "import numpy as np"),
    ],
)
def test_what_the_design_allows_passes(check: str, module: str, source: str) -> None:
    assert CHECKS[check](list(architecture.imports(module, source))) == []
