"""What no layer says: named, with the shapes that the file states or that must be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from convcalc.dims import UNKNOWN
from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.onnx.folded import Unfolded
from convcalc.importers.onnx.model import Node, ValueInfo
from convcalc.importers.onnx.sizes import Sizes
from convcalc.importers.onnx.use import Term
from convcalc.importers.tensors import Value, broadcast

_KEEPING: Final = {
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"), "bool"),
    **dict.fromkeys(("And", "Or", "Xor", "Not", "IsNaN", "IsInf"), "bool"),
    **dict.fromkeys(("Round", "Mod", "Div", "Pow", "Where", "Cast"), "float32"),
    **dict.fromkeys(("Hardmax", "CumSum", "CumProd"), "float32"),
    **dict.fromkeys(("Tan", "Acos", "Asin", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"), "float32"),
    **dict.fromkeys(("BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot"), "int64"),
}
"""Operators that no layer says in every use, and that keep the shape that arrives: what they write."""


def opaque(
    net: Batched,
    node: Node,
    terms: list[Term | None],
    path: str,
    reason: str,
    infos: Mapping[str, ValueInfo],
    sizes_of: Sizes,
) -> list[Term]:
    """An operator that no layer says: the shapes that the file states, and what it reads.

    Args:
        net: the network in the making.
        node: the operator.
        terms: what it reads.
        path: where it stands, dotted.
        reason: why no layer says it.
        infos: what the file states of tensors, by name.
        sizes_of: what letters of the file stand for.
    """
    shapes: list[Any] = []
    found: list[Any] = []
    kept = _kept(node, terms)
    any_batch = any(t is not None and (t.lost or (t.value and t.value.batch is not None)) for t in terms)
    for name in node.outputs:
        if kept is not None:
            shapes.append(net.own(kept.dims, kept.batch, kept.folded))
            found.append(kept)
            continue
        info = infos.get(name)
        dims = None if info is None else info.dims
        if dims is None:
            shapes.append((UNKNOWN,))
            found.append(None)
            continue
        sizes = [sizes_of.stated(n) for n in dims]
        shapes.append(tuple(sizes[1:] if any_batch else sizes) or (1,))
        found.append((dims, info, sizes))
    edges = []
    for term in terms:
        if term is not None and term.value is not None and term.value.edge is not None:
            edges.append(term.value.edge)
    if path in net._blocks:
        path = f"{path}.{node.op.lower()}"
    what = re.sub(r"[^\w.:/+-]", "_", f"{node.domain}:{node.op}" if node.domain else node.op)
    made = net.opaque(what, edges, shapes, path, reason)
    results: list[Term] = []
    for name, edge, about in zip(node.outputs, made, found, strict=True):
        if about is None:
            why = f"{name!r}, which {node.op} writes in a shape that is not stated"
            results.append(Term(name, lost=why, value=Value((UNKNOWN,), None, False, edge)))
            continue
        if isinstance(about, Value):
            dtype = _KEEPING.get(node.op) or ("float32" if name == node.outputs[0] else "int64")
            made_of = Value(about.dims, about.batch, about.folded, edge, dtype=dtype)
            results.append(Term(name, value=made_of))
            continue
        _, info, sizes = about
        batch = 0 if sizes and any_batch else None
        dims = tuple(sizes) if batch is None else (net.batch, *sizes[1:])
        results.append(Term(name, value=Value(dims, batch, False, edge, dtype=info.dtype)))
    return results


def _kept(node: Node, terms: list[Term | None]) -> Value | None:
    """Axes of what an operator writes that works entry by entry, or picks entries along one axis."""
    if node.op == "TopK" and not node.domain:
        return _picked(node, terms)
    if node.domain or node.op not in _KEEPING or not terms:
        return None
    try:
        values = [term for term in terms if term is not None]
        dims = broadcast(*(term.dims for term in values))
    except Unsayable:
        return None
    for term in values:
        value = term.value
        if value is not None and value.batch is not None:
            more = len(dims) - value.rank
            folded = value.folded or dims[value.batch + more] != value.dims[value.batch]
            return Value(dims, value.batch + more, folded)
    return Value(dims)


def _picked(node: Node, terms: list[Term | None]) -> Value | None:
    """Axes of the K largest entries along an axis, where K is known: both outputs have them."""
    value = terms[0].value if terms and terms[0] is not None else None
    axis = node.get("axis", -1)
    if value is None or type(axis) is not int or not -value.rank <= axis < value.rank:
        return None
    try:
        many = node.get("k") if len(terms) < 2 or terms[1] is None else terms[1].entries().items[0]
    except (Unfolded, IndexError):
        return None
    axis %= value.rank
    if type(many) is not int or many < 1 or axis == value.batch:
        return None
    return Value((*value.dims[:axis], many, *value.dims[axis + 1 :]), value.batch, value.folded)
