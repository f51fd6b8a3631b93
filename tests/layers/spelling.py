"""Options of a layer as somebody might write them in the line form."""

from __future__ import annotations

from random import Random
from typing import Any

from convcalc.layers import lookup, names

SHORT = {option.field: option.short for op in names() for option in lookup(op).options if option.short}
PAIRS = {op: pair[0].split("->") for op in names() if "->" in (pair := lookup(op).positional or ("",))[0]}


def spell(rng: Random, op: str, values: dict[str, Any]) -> str:
    """One of the many lines that state these options."""
    words = []
    left = dict(values)
    pair = PAIRS.get(op)
    if pair and all(name in left for name in pair) and rng.random() < 0.7:
        words.append(f"{left.pop(pair[0])}->{left.pop(pair[1])}")
    words += [word(rng, name, value) for name, value in left.items()]
    if words and "->" in words[0]:
        head, *rest = words
        rng.shuffle(rest)
        words = [head, *rest]
    else:
        rng.shuffle(words)
    return " ".join([op, *words])


def word(rng: Random, name: str, value: Any) -> str:
    short = SHORT.get(name)
    compact = literal(value)
    if compact is not None and short is not None and rng.random() < 0.7:
        return short + compact
    key = short if short is not None and rng.random() < 0.5 else name
    return f"{key}={compact if compact is not None and rng.random() < 0.5 else written(value)}"


def literal(value: Any) -> str | None:
    """``3``, ``3x5``, ``0:1x2:2``; None where the value has no such form."""
    if type(value) is int:
        return str(value) if value >= 0 else None
    if not isinstance(value, tuple) or not value:
        return None
    axes = []
    for item in value:
        if type(item) is int and item >= 0:
            axes.append(str(item))
        elif isinstance(item, tuple) and len(item) == 2:
            axes.append(f"{item[0]}:{item[1]}")
        else:
            return None
    return "x".join(axes)


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "(" + ",".join(map(written, value)) + ("," if len(value) == 1 else "") + ")"
    return str(value)
