"""Reads the imports of a source tree, wherever they stand, and says which break the design.

DESIGN: arrows run downwards only, cli -> api -> render -> verify -> (calculators | executor) ->
layers -> dims -> symbols; the executor knows nothing of formulas; the numeric path loads neither NumPy nor
SymPy.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = "convcalc"

# The rooms from the lowest to the highest: each may import those of the lines above its own.
# "root" is convcalc/__init__.py and __main__.py.
ORDER = (
    "blocks zoo carriers collector",
    "symbols",
    "dims",
    "layers",
    "graph",
    "exporters",
    "spec importers",
    "calculators executor",
    "solve",
    "verification",
    "render",
    "api",
    "root",
    "cli",
)
# Arrows that the order allows and the design does not, or the other way round.
LESS = {"executor": frozenset({"graph"})}
MORE = {
    "spec": frozenset({"importers"}),
    "importers": frozenset({"spec"}),
    "exporters": frozenset({"spec"}),
    "root": frozenset({"cli"}),
}
_BELOW = {
    room: frozenset(" ".join(ORDER[:rank]).split())
    for rank, rooms in enumerate(ORDER)
    for room in rooms.split()
}
ALLOWED: dict[str, frozenset[str]] = {
    room: LESS.get(room, below) | MORE.get(room, frozenset()) for room, below in _BELOW.items()
}

FORMULAS = frozenset({"layers", "calculators"})

# Rooms that may see formulas and execution side by side: verify compares them, api and root only
# hand on what both offer, and cli calls api.
MAY_MEET = frozenset({"verification", "solve", "api", "root", "cli", "render"})

# Rooms whose modules may import NumPy or SymPy at their top: the numeric path never loads them.
HEAVY = frozenset({"numpy", "sympy", "scipy", "matplotlib"})
MAY_BE_HEAVY = frozenset({"executor", "solve", "verification"})


class Import(NamedTuple):
    """One import: the module it stands in, the line, the module it names, whether it runs at load."""

    module: str
    line: int
    target: str
    at_load: bool


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Every module of the package under ``root``, by dotted name."""
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(module: str, source: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import statement of a source, inside functions and type-checking blocks too."""

    def visit(node: ast.AST, at_load: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name, at_load)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                package = package[: len(package) - (node.level - 1)]
                base = ".".join([*package, *([base] if base else [])])
            for alias in node.names:
                yield Import(module, node.lineno, f"{base}.{alias.name}", at_load)
        elif isinstance(node, ast.Call) and _is_import_call(node):
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield Import(module, node.lineno, argument.value, at_load)
        inside = at_load and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            for child in node.body:
                yield from visit(child, False)
            for child in node.orelse:
                yield from visit(child, at_load)
            return
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(source), True)


def _is_import_call(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("import_module", "__import__") and bool(node.args)


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def room(module: str) -> str | None:
    """The room a module of convcalc belongs to; None for a module of another package."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return None
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else "root"


def broken_arrows(found: list[Import]) -> list[str]:
    """Imports that run upwards or sideways."""
    faults = []
    for item in found:
        here, there = room(item.module), room(item.target)
        if here is None or there is None or here == there:
            continue
        if there not in ALLOWED[here]:
            faults.append(f"{item.module}:{item.line}: {here} may not import {there} ({item.target})")
    return faults


def second_meetings(found: list[Import]) -> list[str]:
    """Rooms other than verify that import both the executor and formulas."""
    seen: dict[str, set[str]] = {}
    for item in found:
        here, there = room(item.module), room(item.target)
        if here and there:
            seen.setdefault(here, set()).add(there)
    return [
        f"{here} imports the executor and {', '.join(sorted(there & FORMULAS))}"
        for here, there in sorted(seen.items())
        if here not in MAY_MEET and "executor" in there and there & FORMULAS
    ]


def heavy_at_load(found: list[Import]) -> list[str]:
    """Imports of NumPy, SymPy and the like that run when a module outside the executor is loaded."""
    return [
        f"{item.module}:{item.line}: imports {item.target} when it is loaded"
        for item in found
        if item.at_load
        and item.target.split(".")[0] in HEAVY
        and room(item.module) not in MAY_BE_HEAVY | {None}
    ]


def all_imports(root: Path) -> list[Import]:
    """Every import of the package under ``root``."""
    return [
        item
        for module, path in modules(root)
        for item in imports(module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py")
    ]
