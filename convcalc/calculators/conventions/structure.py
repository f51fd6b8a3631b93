"""How the layers of a network are written in PyTorch: what counters with hooks see of them."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from convcalc.calculators.conventions.declaration import STRUCTURES, read
from convcalc.graph import WRITTEN

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node


@lru_cache(maxsize=1)
def _structures() -> dict[str, dict[str, str]]:
    held: dict[str, dict[str, Any]] = read(STRUCTURES)["networks"]
    for network, rows in held.items():
        for pattern, kind in rows.items():
            if not set(kind.split()) <= {*WRITTEN}:
                raise ValueError(
                    f"{STRUCTURES}: {network}, {pattern}: {kind!r}, expected {', '.join(WRITTEN)}"
                )
    return held


def known(graph: Graph) -> bool:
    """Whether it is known how the layers of a graph are written."""
    return _rows(graph.name) is not None or any(node.written for node in graph.nodes)


def _rows(name: str) -> dict[str, str] | None:
    return next((rows for pattern, rows in _structures().items() if fnmatchcase(name, pattern)), None)


def ways(node: Node) -> tuple[str, ...]:
    """How a layer may be written of which that is not known."""
    if len(node.inputs) > 1:
        return ("method", "function")
    return ("module", "function", "method")


def kinds(graph: Graph) -> Callable[[Node], str]:
    """How each layer of a graph is written, in words of :data:`convcalc.graph.WRITTEN`.

    A graph that was read from a program of PyTorch says it. Of networks in ``conventions/structures.yaml`` it
    is known. Of others each layer with one input is taken for a module of its own, and what joins tensors for
    an operator.
    """
    held = _rows(graph.name)
    rows = [] if held is None else list(held.items())

    def kind(node: Node) -> str:
        if node.written:
            return node.written
        for pattern, found in rows:
            path, _, op = pattern.rpartition(" ") if pattern[-1:] != "*" else (pattern, "", "*")
            if fnmatchcase(node.name, path or "*") and fnmatchcase(node.op, op):
                return found
        return "method" if len(node.inputs) > 1 else "module"

    return kind
