"""No room keeps a table of layer names: what it wants to know of a layer, it asks the layer.

Every source is read for strings that are registered names or aliases of layers. A name that is also
a word of the spec language or of English counts only where it must mean the layer: compared with an
``op``, given to ``lookup``, or listed together with other names of layers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from convcalc.layers import ALIASES, OPS

ROOT = Path(__file__).resolve().parent.parent / "convcalc"
NAMES = frozenset(OPS) | frozenset(ALIASES)

WORDS = frozenset([
    "abs", "add", "const", "depthwise", "div", "expand", "floor", "identity", "input", "linear", "max",
    "maximum", "mean", "min", "minimum", "mul", "pad", "prod", "round", "scale", "shift", "std", "sum",
])  # fmt: skip
"""Names that are also functions or kinds of expressions, options, their values, keys, or columns."""

ARITHMETIC = frozenset(["abs", "floor", "max", "mean", "min", "prod", "round", "std", "sum"])
"""Those of arithmetic, which may stand together."""

HOMES = ("layers/", "executor/kernels/", "importers/", "exporters/")
"""Where layers live, and what translates their names into those of other notations."""

EXCEPTIONS: dict[str, tuple[str, str]] = {
    "calculators/variants/forms.py": ("conv dwconv", "writes replacements in the spec language"),
    "verification/laws/receptive_field.py": (
        "conv convT",
        "a law about the two, written in the spec language",
    ),
    "verification/random/steps.py": (
        "add concat conv globalavgpool globalmaxpool hardsigmoid mul pixelshuffle reshape sigmoid",
        "structures that consist of these: shortcuts, branches, gates, sub-pixel convolutions, lifts",
    ),
    "cli/examples.py": ("conv", "lines to try, written in the spec language"),
    "spec/document/bodies.py": ("concat", "how branches are merged where a document does not say"),
}
"""By file: the names it may hold, and why."""


def _texts(node: ast.AST) -> set[object]:
    """What a literal collection lists; keys of a dictionary; words of one string."""
    if isinstance(node, ast.Dict):
        items = [key for key in node.keys if key is not None]
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        items = [item for item in node.elts if not isinstance(item, ast.Starred)]
    else:
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        return set(text.split()) if " " in text else set()
    return {item.value if isinstance(item, ast.Constant) else None for item in items}


def _is_op(node: ast.expr) -> bool:
    return getattr(node, "attr", getattr(node, "id", "")) in ("op", "OPS")


def _meant(node: ast.AST) -> Iterator[ast.expr]:
    """What must be names of layers: compared with an op, looked up, or the keys of a choice by op."""
    if isinstance(node, ast.Compare) and any(map(_is_op, (node.left, *node.comparators))):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "lookup":
        yield from node.args
    elif isinstance(node, ast.Subscript) and (_is_op(node.slice) or _is_op(node.value)):
        yield from (node.value, node.slice)
    elif isinstance(node, ast.MatchValue):
        yield node.value


def _docstrings(tree: ast.AST) -> set[int]:
    """Strings that stand as statements: docstrings of modules, functions, classes and attributes."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def found_names(source: str) -> dict[str, int]:
    """Names of layers that a source holds as strings, with the line of the first."""
    tree = ast.parse(source)
    docstrings = _docstrings(tree)
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if id(node) in docstrings:
            continue
        names: set[object] = set()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= {node.value} & (NAMES - WORDS)
        listed = _texts(node)
        among = not isinstance(node, ast.Constant) and listed & (NAMES - WORDS)
        if len(listed) > 1 and ((listed <= NAMES and not listed <= ARITHMETIC) or among):
            names |= listed & NAMES
        for part in _meant(node):
            value = part.value if isinstance(part, ast.Constant) else None
            names |= ({value} | _texts(part)) & NAMES
        for name in map(str, names):
            found.setdefault(name, getattr(node, "lineno", 0))
    return found


def sources() -> Iterator[tuple[str, dict[str, int]]]:
    """Every source that must not name layers, by its path, with the names it holds."""
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(HOMES):
            yield name, found_names(path.read_text(encoding="utf-8"))


def test_no_layer_is_named_outside_its_home() -> None:
    faults = []
    for file, names in sources():
        allowed = EXCEPTIONS.get(file, ("", ""))[0].split()
        faults += [f"{file}:{line}: {name!r}" for name, line in names.items() if name not in allowed]
    assert faults == []


def test_every_exception_is_needed() -> None:
    held = dict(sources())
    assert {file: set(names.split()) for file, (names, _) in EXCEPTIONS.items()} == {
        file: set(names) for file, names in held.items() if names
    }


def test_words_are_names() -> None:
    assert WORDS <= NAMES


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('if node.op == "conv": pass', {"conv"}),
        ('if "relu" in words: pass', {"relu"}),
        ('KINDS = {"mul": 1, "maxpool": 2}', {"mul", "maxpool"}),
        ('POINTWISE = frozenset({"bn", *("relu", "elu")})', {"bn", "relu", "elu"}),
        ('WINDOWS = "conv dwconv pad".split()', {"conv", "dwconv", "pad"}),
        ('if node.op == "input": pass', {"input"}),
        ('if node.layer.op in ("shift", "unknown"): pass', {"shift"}),
        ('layer = lookup("input").create((), {})', {"input"}),
        ('layer = layers.lookup("pad")', {"pad"}),
        ('letters = {"scale": "R"}[op]', {"scale"}),
        ('family = OPS["add"]', {"add"}),
        ('MOVES = ["shift", "pad"]', {"shift", "pad"}),
        ('def f(op="dwconv"): pass', {"dwconv"}),
        ('match op:\n    case "pad": pass', {"pad"}),
        ('ALIAS = "batchnorm"', {"batchnorm"}),
    ],
)
def test_a_name_is_found(source: str, names: set[str]) -> None:
    assert set(found_names(source)) == names


@pytest.mark.parametrize(
    "source",
    [
        '"""conv"""',
        'def f():\n    """relu"""',
        'LIMIT = 3\n"""maxpool"""',
        'row = {"input": 1, "output": 2}',
        'kinds = ("add", "mul", "cmp", "div", "special")',
        'for mode in ("nearest", "linear"): pass',
        'if atom.kind == "sum": pass',
        'column = Column("shift", "shift", signed)',
        'field = ("add", "add", 41)',
        'text = "conv 64 k3 s2 | relu"',
        'spec = f"conv {n} k3"',
    ],
)
def test_other_words_are_left_alone(source: str) -> None:
    assert found_names(source) == {}
