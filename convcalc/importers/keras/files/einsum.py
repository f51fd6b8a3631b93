"""Products along axes that are named: ``EinsumDense`` and ``Dot``."""

from __future__ import annotations

import re
from typing import Any, Final

from convcalc.graph import Edge
from convcalc.importers.keras.files.placing import At, known
from convcalc.importers.keras.files.staging import run
from convcalc.importers.keras.files.writing import stages
from convcalc.importers.network import Unsayable

_EQUATION: Final = re.compile(r"(\.\.\.)?([a-zA-Z]+),([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)\Z")


def activated(at: At, edge: Edge) -> Edge:
    """What the activation of a layer makes of its result."""
    given = at.config.get("activation")
    if given in (None, "linear"):
        return edge
    name = f"{at.path}.activation"
    inner = At(at.network, at.weights, at.record, name, at.holder, at.first, at.times)
    return run(inner, stages("Activation", {"activation": given}, at.first), [edge])


def einsum_dense(at: At, edges: list[Edge]) -> list[Edge]:
    """A fully connected layer along the axes that an equation names."""
    at.single()
    (edge,) = edges if len(edges) == 1 else (None,)
    equation = at.config.get("equation")
    match = (
        _EQUATION.match(equation.replace(" ", ""))
        if isinstance(equation, str) and len(equation) < 100
        else None
    )
    if edge is None or match is None:
        raise Unsayable("has an equation that is not read here")
    rank = len(at.shape(edge))
    before, read, kernel, after, written = match.groups()
    if before or after:
        free = "".join(chr(0x3B1 + n) for n in range(rank + 1 - len(read)))
        read, written = free + read, free + written
    if len(read) != rank + 1 or any(len(set(word)) < len(word) for word in (read, kernel, written)):
        raise Unsayable(f"has an equation for {len(read) - 1} axes, and {rank} arrive")
    batch, own = read[0], read[1:]
    summed = "".join(c for c in own if c in kernel and c not in written)
    new = "".join(c for c in written if c in kernel and c not in own)
    kept = "".join(c for c in own if c not in kernel)
    if batch in kernel or written[:1] != batch or not summed or not new:
        raise Unsayable("has an equation that mixes the samples of a batch, or sums over nothing")
    if set(kernel) != set(summed + new) or set(written[1:]) != set(kept + new):
        raise Unsayable("has an equation that is not one matrix for all places")
    natural = at.shape(edge) if at.first or rank < 2 else (*at.shape(edge)[1:], at.shape(edge)[0])
    size = {c: natural[n] for n, c in enumerate(own)}
    size |= _sizes(at, written, new)
    into, out = (known(_product([size[c] for c in word])) for word in (summed, new))
    shape = tuple(known(size[c]) for c in kernel)
    order = tuple(kernel.index(c) for c in new + summed)
    weight = at.stored(0, "kernel", shape).permuted(order).reshaped((out, into))
    weights = {"weight": weight}
    bias = at.config.get("bias_axes")
    if bias is not None:
        if not isinstance(bias, str) or set(bias) != set(new):
            raise Unsayable("has a bias along other axes than those it makes")
        laid = "".join(c for c in written if c in bias)
        stored = at.stored(1, "bias", tuple(known(size[c]) for c in laid))
        weights["bias"] = stored.permuted(tuple(laid.index(c) for c in new)).reshaped((out,))
    has_activation = at.config.get("activation") not in (None, "linear")
    direct = not at.first and len(summed) == len(new) == 1 and own[-1] == summed and written[1:] == kept + new
    common: dict[str, Any] = {"out_features": out, "bias": bias is not None}
    if direct:
        name = "linear" if has_activation else ""
        found = at.add("linear", (edge,), name, weights, axis="channels", **common)
        return [activated(at, found)]
    edge = at.natural(edge, "entering")
    edge = at.order(edge, tuple(own.index(c) for c in kept + summed), "collect")
    edge = at.reshape(edge, (*(size[c] for c in kept), into), "join")
    found = at.add("linear", (edge,), "linear", weights, axis=-1, **common)
    found = at.reshape(found, tuple(size[c] for c in kept + new), "cut")
    found = at.order(found, tuple((kept + new).index(c) for c in written[1:]), "place")
    return [activated(at, at.ours(found, "leaving"))]


def _product(sizes: list[Any]) -> Any:
    found = 1
    for size in sizes:
        found *= known(size)
    return found


def _sizes(at: At, written: str, new: str) -> dict[str, int]:
    """The sizes of the axes that are made, as ``output_shape`` states them."""
    given = at.config.get("output_shape")
    listed = given if isinstance(given, list) else [given]
    found = {}
    for letter, size in zip(reversed(written), reversed(listed), strict=False):
        if letter in new:
            if type(size) is not int or not 0 < size < 1 << 40:
                raise Unsayable("has an output_shape without numbers")
            found[letter] = size
    if set(found) != set(new):
        raise Unsayable("has an output_shape that does not go with its equation")
    return found


def dot(at: At, edges: list[Edge]) -> list[Edge]:
    """The product of two tensors along one axis of each (``Dot``)."""
    at.single()
    if len(edges) != 2:
        raise Unsayable("reads two tensors")
    given = at.config.get("axes")
    pair = given if isinstance(given, list) else [given, given]
    if len(pair) != 2 or any(type(axis) is not int for axis in pair):
        raise Unsayable("sums over several axes of each")
    rows = []
    for number, (edge, axis) in enumerate(zip(edges, pair, strict=True)):
        rank = len(at.shape(edge))
        if rank > 2:
            raise Unsayable("joins tensors of more than two axes")
        place = axis - 1 if axis > 0 else axis + rank
        if axis == 0 or not 0 <= place < rank:
            raise Unsayable(f"sums over axis {axis}, which there is not")
        if at.flag("normalize", False):
            own = at.axis(axis, rank)
            edge = at.add("l2norm", (edge,), f"normalize{number}", axis=own)
        edge = at.natural(edge, f"entering{number}")
        if rank == 2 and place != (1 if number == 0 else 0):
            edge = at.order(edge, (1, 0), f"transpose{number}")
        rows.append(edge)
    found = at.add("matmul", rows, "matmul")
    return [at.ours(found, "leaving")]
