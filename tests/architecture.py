"""Reads the imports of a source tree, wherever they stand, and says which break the design.

Arrows run downwards only (``ORDER``); the executor knows nothing of formulas; the numeric path loads
neither NumPy nor SymPy.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = "convcalc"

# The rooms from the lowest to the highest: each may import those of the lines above its own. A room
# inside a room has its dotted path, and the outer name stands for the modules that no inner room holds.
# "root" is convcalc/__init__.py and __main__.py.
ORDER = (
    "blocks conventions devices topics zoo budget carriers collector files lazy printable shown",
    "symbols",
    "dims",
    "records",
    "layers",
    "graph",
    "spec.source",
    "spec.errors",
    "spec.library",
    "spec.language",
    "exporters importers",
    "spec.document",
    "spec.build",
    "spec.sizes",
    "spec",
    "calculators executor",
    "exporting solve",
    "verification",
    "render",
    "page",
    "root",
    "cli",
)
# Arrows that the order allows and the design does not, or the other way round.
LESS = {"executor": frozenset({"graph", "files", "lazy", "printable", "shown"})}
MORE = {
    "root": frozenset({"cli"}),
    "page": frozenset({"root"}),  # a page names the version that made it
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

# Rooms that may see formulas and execution side by side: verification and solve compare them, render
# shows them, root only hands on what both offer, and cli calls it.
MAY_MEET = frozenset({"verification", "solve", "root", "cli", "render", "page"})

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
    package, *parts = module.split(".")
    if package != PACKAGE:
        return None
    paths = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((path for path in paths if path in ALLOWED), "root")


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


def circles(found: list[Import]) -> list[str]:
    """Circles of modules, by imports wherever they stand; the pending ones are passed over.

    Imports of names that the package itself hands on (``convcalc.load``) count for nothing: it loads
    them from their modules when they are asked for.
    """
    arrows: dict[str, set[str]] = {item.module: set() for item in found}
    for item in found:
        target = item.target
        while target and target not in arrows:  # a name of a module, or a module without imports
            target = target.rpartition(".")[0]
        if target not in ("", PACKAGE, item.module):
            arrows[item.module].add(target)
    reached = {module: _reached(module, arrows) for module in arrows}
    found_circles = {
        frozenset(other for other in there if module in reached[other])
        for module, there in reached.items()
        if module in there
    }
    return sorted(" <-> ".join(sorted(circle)) for circle in found_circles)


def _reached(module: str, arrows: dict[str, set[str]]) -> set[str]:
    """The modules that a module imports, itself or through others."""
    reached: set[str] = set()
    todo = [*arrows[module]]
    while todo:
        there = todo.pop()
        if there not in reached:
            reached.add(there)
            todo += arrows[there]
    return reached


def all_imports(root: Path) -> list[Import]:
    """Every import of the package under ``root``."""
    return [
        item
        for module, path in modules(root)
        for item in imports(module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py")
    ]
