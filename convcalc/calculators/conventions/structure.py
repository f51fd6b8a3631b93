"""How the layers of a network are written in PyTorch: what counters with hooks see of them."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from convcalc.calculators.conventions.declaration import KINDS, METHOD, MODULE, STRUCTURES, read

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node


@lru_cache(maxsize=1)
def _structures() -> dict[str, dict[str, str]]:
    held: dict[str, dict[str, Any]] = read(STRUCTURES)["networks"]
    for network, rows in held.items():
        for pattern, kind in rows.items():
            if kind not in KINDS:
                raise ValueError(
                    f"{STRUCTURES}: {network}, {pattern}: {kind!r} is none of {', '.join(KINDS)}"
                )
    return held


def known(graph: Graph) -> bool:
    """Whether it is known how the layers of a graph are written."""
    return any(fnmatchcase(graph.name, pattern) for pattern in _structures())


def kinds(graph: Graph) -> Callable[[Node], str]:
    """How each layer of a graph is written, one of :data:`convcalc.calculators.conventions.declaration.KINDS`.

    Of networks in ``conventions/structures.yaml`` it is known. Of others each layer with one input is taken
    for a module of its own, and what joins tensors for an operator.
    """
    rows = [
        row for name, held in _structures().items() if fnmatchcase(graph.name, name) for row in held.items()
    ]

    def kind(node: Node) -> str:
        for pattern, found in rows:
            path, _, op = pattern.rpartition(" ") if pattern[-1:] != "*" else (pattern, "", "*")
            if fnmatchcase(node.name, path or "*") and fnmatchcase(node.op, op):
                return found
        return METHOD if len(node.inputs) > 1 else MODULE

    return kind
