"""The public names: each declared once, in a stub, and there when it is asked for."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STUBS = sorted((ROOT / "convcalc").rglob("__init__.pyi"))
PACKAGES = [".".join(stub.parent.relative_to(ROOT).parts) for stub in STUBS]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_of_the_stub_is_there(name: str) -> None:
    package = import_module(name)
    assert package.__all__
    for public in package.__all__:
        value = getattr(package, public)
        assert value.__name__.rpartition(".")[2] == public  # a room that is called like its function is both
        assert vars(package)[public] is value, "it is looked up once"


@pytest.mark.parametrize("stub", STUBS, ids=PACKAGES)
def test_every_import_of_a_stub_is_read(stub: Path) -> None:
    package = import_module(".".join(stub.parent.relative_to(ROOT).parts))
    names = re.findall(r"^.*import.* as (\w+)$", stub.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(names) == package.__all__, "one a line, and none twice"


def test_the_package_lists_its_names_and_has_no_other() -> None:
    import convcalc

    assert {"load", "Graph", "verify", "__version__"} <= set(dir(convcalc))
    with pytest.raises(AttributeError, match="module 'convcalc' has no attribute 'laod'"):
        _ = convcalc.laod
    namespace: dict[str, object] = {}
    exec("from convcalc import *", namespace)
    assert set(convcalc.__all__) <= set(namespace)
