"""Conventions as they are declared in ``convcalc/conventions``: a file each, read when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from convcalc.graph import WRITTEN
from convcalc.layers import lookup
from convcalc.spec.language.expression import Expr, parse

_FOLDER: Final = os.path.join(os.path.dirname(__file__), "..", "..", "conventions")
STRUCTURES: Final = "structures"
"""The one file there that is no convention: how networks are built of modules."""

Terms = dict[str, Expr]


@dataclass(frozen=True)
class Rule:
    """What counts of layers of some kinds.

    Attributes:
        layers: registered names.
        when: a condition; a layer that does not meet it is not counted.
        terms: what counts, by name, where the layer is a module of the library's own class (for a convention
            that sees operators: always).
        written: what counts where it is written otherwise, by a word of :data:`convcalc.graph.WRITTEN`. Of
            what does not stand here a convention that sees modules counts nothing, one that sees operators
            the same.
        einsum: digits of the figure that a product written as an einsum is counted by; 0 for all.
        source: where the tool says so.
        fault: what is wrong with it, in a few words; empty where nothing is.
    """

    layers: tuple[str, ...]
    when: Expr | None
    terms: Terms
    written: dict[str, Terms]
    einsum: int
    source: str
    fault: str


@dataclass(frozen=True)
class Convention:
    """How a tool counts.

    Attributes:
        name: as ``--as`` takes it.
        title: what the tool's counter is called.
        version: of the tool.
        about: in a sentence or two.
        modules: it sees modules and the functions it knows, not operators.
        unit: what it calls what it counts.
        source: the files of the tool that say so.
        whole: it counts modules of attention in the place of the modules inside them.
        per_sample: what it counts of modules is divided by the batch.
        rules: by the registered name of a layer; of no other anything is counted.
        activations: rules for the activations that it counts besides; empty where it counts none.
    """

    name: str
    title: str
    version: str
    about: str
    modules: bool
    unit: str
    source: str
    whole: bool
    per_sample: bool
    rules: dict[str, Rule]
    activations: dict[str, Rule]


_HEADS: Final = ("name", "title", "version", "about", "sees", "unit", "source")
_ROW: Final = frozenset({"layers", "when", "terms", "source", "fault", "einsum_digits", *WRITTEN})


def names() -> tuple[str, ...]:
    """The conventions that are declared, by name."""
    files = (file[:-5] for file in os.listdir(_FOLDER) if file.endswith(".yaml"))
    return tuple(sorted(name for name in files if name != STRUCTURES))


@lru_cache(maxsize=32)
def convention(name: str) -> Convention:
    """A convention by name.

    Raises:
        LookupError: there is none of that name; the message names those that are.
        ValueError: its file is not well-formed.
    """
    if name not in names():
        raise LookupError(f"no convention {name!r}: expected one of {', '.join(names())}")
    held = read(name)
    missing = [key for key in (*_HEADS, "rules") if key not in held]
    more = [key for key in held if key not in (*_HEADS, "whole", "per_sample", "rules", "activations")]
    if missing or more or held["sees"] not in ("modules", "operators"):
        raise ValueError(f"{name}: expected {', '.join(_HEADS)} and rules, sees: modules or operators")
    texts = {key: str(held[key]) for key in _HEADS if key != "sees"}
    rules, activations = (_rules(name, held.get(key, ())) for key in ("rules", "activations"))
    return Convention(
        **texts,
        modules=held["sees"] == "modules",
        whole=held.get("whole") is True,
        per_sample=held.get("per_sample") is True,
        rules=rules,
        activations=activations,
    )


def _rules(name: str, rows: Iterable[dict[str, Any]]) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for row in rows:
        place = f"{name}, {row.get('layers')}"
        if not row.keys() <= _ROW or not row.keys() >= {"layers", "terms", "source"}:
            raise ValueError(f"{place}: expected layers, terms, source, of {', '.join(sorted(_ROW))}")
        terms = _terms(row["terms"])
        rule = Rule(
            tuple(row["layers"]),
            parse(row["when"]) if "when" in row else None,
            terms,
            {kind: terms if row[kind] == "same" else _terms(row[kind]) for kind in WRITTEN if kind in row},
            row.get("einsum_digits", 0),
            row["source"],
            row.get("fault", ""),
        )
        for op in rule.layers:
            if lookup(op).op != op or op in rules:
                raise ValueError(f"{place}: {op} has two rules, or is no layer's own name")
            rules[op] = rule
    return rules


def read(name: str) -> Any:
    """A file of the folder as plain data."""
    import yaml

    with open(os.path.join(_FOLDER, f"{name}.yaml"), encoding="utf-8") as file:
        return yaml.load(file, yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)


def _terms(row: dict[str, Any]) -> Terms:
    return {name: parse(str(text)) for name, text in row.items()}
