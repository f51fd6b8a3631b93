"""The size of an output, as a formula with its numbers put in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convcalc.layers.values import axis_names

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node


def sizes(graph: Graph, node: Node) -> list[str]:
    """A line per axis, equal ones once: ``o = floor((i + 2*p - k)/s) + 1 = floor((7 + 2*1 - 3)/2) + 1 = 4``.

    Source: Dumoulin & Visin 2016, relationships 6, 14 and 15.
    """
    shape = graph.input_shapes(node)[0]
    inner, outer = shape[1:], node.outputs[0][1:]
    lines = _transposed(node, inner, outer) if hasattr(node.layer, "crops") else _sliding(node, shape, outer)
    if len(set(lines)) == 1:
        return lines[:1]
    names = axis_names(len(inner))
    return [f"{name}: {line}" for name, line in zip(names, lines, strict=True)]


def _sliding(node: Node, shape: Sequence[Any], outer: Sequence[int]) -> list[str]:
    layer: Any = node.layer
    found = []
    settings = zip(layer.kernel, layer.stride, layer.dilation, layer.pads(shape), strict=True)
    for i, o, (k, s, d, (before, after)) in zip(shape[1:], outer, settings, strict=True):
        letters, numbers = "i", f"{i}"
        if before or after:
            letters += " + 2*p" if before == after else " + before + after"
            numbers += f" + 2*{before}" if before == after else f" + {before} + {after}"
        letters += " - k" if d == 1 else " - d*(k - 1)"
        numbers += f" - {k}" if d == 1 else f" - {d}*({k} - 1)"
        if d != 1 and (s != 1 or getattr(layer, "ceil", False)):
            letters, numbers = f"{letters} - 1", f"{numbers} - 1"
        if getattr(layer, "ceil", False):
            ends = ("i + before", f"{i} + {before}") if before else ("i", f"{i}")
            letters = f"min(ceil(({letters})/s) + 1, ceil(({ends[0]})/s))"
            numbers = f"min(ceil(({numbers})/{s}) + 1, ceil(({ends[1]})/{s}))"
        elif s == 1:
            letters, numbers = (letters, numbers) if d != 1 else (f"{letters} + 1", f"{numbers} + 1")
        else:
            letters, numbers = f"floor(({letters})/s) + 1", f"floor(({numbers})/{s}) + 1"
        found.append(f"o = {letters} = {numbers} = {o}")
    return found


def _transposed(node: Node, inner: Sequence[int], outer: Sequence[int]) -> list[str]:
    layer: Any = node.layer
    found = []
    settings = zip(layer.kernel, layer.stride, layer.dilation, layer.crops(), strict=True)
    for i, o, (k, s, d, (before, after, extra)) in zip(inner, outer, settings, strict=True):
        letters = "s*(i - 1)" + (" + k" if d == 1 else " + d*(k - 1) + 1")
        numbers = f"{s}*({i} - 1)" + (f" + {k}" if d == 1 else f" + {d}*({k} - 1) + 1")
        if before or after:
            letters += " - 2*p" if before == after else " - before - after"
            numbers += f" - 2*{before}" if before == after else f" - {before} - {after}"
        if extra:
            letters, numbers = f"{letters} + op", f"{numbers} + {extra}"
        found.append(f"o = {letters} = {numbers} = {o}")
    return found
