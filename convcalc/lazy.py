"""Public names of a package: declared once, in its stub, and loaded when they are first used.

A package says in ``__init__.pyi`` where its public names are defined, one a line, as type checkers and
editors read it (``from convcalc.graph import Graph as Graph``), and in ``__init__.py``::

    def __getattr__(name: str) -> object:
        from convcalc.lazy import load

        return load(__name__, name)

So ``import convcalc`` loads nothing else, and no name is written twice.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from pkgutil import get_data


@cache
def homes(package: str) -> dict[str, str]:
    """The module in which each public name of a package is defined, as its stub says."""
    text = (get_data(package, "__init__.pyi") or b"").decode()
    return {name: home for home, name in re.findall(r"^from (\S+) import (\w+) as \2$", text, re.MULTILINE)}


def load(package: str, name: str) -> object:
    """The value of a public name; from then on the package has it like any other attribute.

    Raises:
        AttributeError: the package has no such name.
    """
    found = homes(package)
    if name == "__all__":
        return sorted(found)
    if name not in found:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    value = getattr(import_module(found[name]), name)
    setattr(sys.modules[package], name, value)
    return value
