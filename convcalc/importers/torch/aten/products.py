"""Products of two tensors, and sums of products over named axes."""

from __future__ import annotations

from math import prod
from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value, broadcast
from convcalc.importers.torch.aten.arithmetic import joined, meeting
from convcalc.importers.torch.aten.rows import place, row
from convcalc.importers.torch.program import Call


def multiplied(network: Batched, a: Value, b: Value, path: str) -> Value:
    """A matrix product; a constant that is one for every sample goes with those of a batch."""
    if a.rank > 2 and b.rank > 2:
        a, b = meeting(network, b, a, path), meeting(network, a, b, path)
    if b.rank == 1 and a.rank > 1 and a.batch is not None:
        column = network.unsqueeze(b, 1, path)
        return network.squeeze(network.matmul(a, column, path), (-1,), path)
    if b.rank > 1 and b.batch is None and a.rank > 2 and a.folded and a.batch == a.rank - 2:
        # samples side by side in the rows of every matrix
        (edge,) = network.add("matmul", (network.edge(a, path), network.edge(b, path)), {}, path)
        dims = (*broadcast(a.dims[:-2], b.dims[:-2]), a.dims[-2], b.dims[-1])
        return Value(dims, len(dims) - 2, True, edge, dtype=a.dtype)
    return network.matmul(a, b, path)


@row("matmul.default", "mm.default", "bmm.default", "mv.default", "dot.default")
def matmul(
    network: Batched,
    call: Call,
    x: Value,
    other: Value | None = None,
    mat2: Value | None = None,
    vec: Value | None = None,
    tensor: Value | None = None,
) -> Value:
    """A product of matrices, of many at once, or of vectors."""
    second = next(one for one in (other, mat2, vec, tensor) if one is not None)
    made = multiplied(network, x, second, place(call))
    if not call.outputs[0].shape:
        made = Value((), made.batch, made.folded, made.edge, dtype=made.dtype)
    return made


@row("outer.default")
def outer(network: Batched, call: Call, x: Value, vec2: Value) -> Value:
    """Every product of entries of two vectors."""
    path = place(call)
    return joined(network, "mul", network.unsqueeze(x, 1, path), network.unsqueeze(vec2, 0, path), path)


@row("einsum.default")
def einsum(network: Batched, call: Call, equation: str, tensors: Any, path: Any = None) -> Value:
    """Products summed over the axes that the result does not name, two tensors at a time."""
    where = place(call)
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise Unsayable(f"has {len(terms)} terms for {len(tensors)} tensors")
    terms, right = _written_out(terms, right if arrow else None, [one.rank for one in tensors])
    for term in (*terms, right):
        if len(set(term)) != len(term):
            raise Unsayable(f"takes a diagonal ({equation})")
    value, term = tensors[0], terms[0]
    for number in range(1, len(terms)):
        later = set("".join(terms[number + 1 :])) | set(right)
        value, term = _contracted(network, value, term, tensors[number], terms[number], later, where)
    value, term = _summed(network, value, term, set(right), where)
    return network.permute(value, tuple(term.index(letter) for letter in right), where)


_SPARE = "αβγδεζηθικλμνξ"


def _written_out(terms: list[str], right: str | None, ranks: list[int]) -> tuple[list[str], str]:
    """Terms without dots, and what is written: all letters that stand once, where nothing is said."""
    many = max(
        (rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks, strict=True) if "..." in t),
        default=0,
    )
    found = [
        t.replace("...", _SPARE[many - (rank - len(t) + 3) : many])
        for t, rank in zip(terms, ranks, strict=True)
    ]
    if right is None:
        letters = "".join(found)
        named = sorted(one for one in set(letters) - set(_SPARE) if letters.count(one) == 1)
        return found, _SPARE[:many] * any("..." in t for t in terms) + "".join(named)
    return found, right.replace("...", _SPARE[:many])


def _summed(network: Batched, value: Value, term: str, kept: set[str], path: str) -> tuple[Value, str]:
    """Without the axes that nobody names any more."""
    gone = [axis for axis, letter in enumerate(term) if letter not in kept]
    if not gone:
        return value, term
    value = network.reduce("sum", value, gone, False, f"{path}.sum")
    return value, "".join(letter for letter in term if letter in kept)


def _contracted(
    network: Batched, a: Value, one: str, b: Value, other: str, later: set[str], path: str
) -> tuple[Value, str]:
    """The product of two tensors, summed over what both have and nobody reads later: a matrix product.

    Axes of the samples stay in front of all others, so that they are never within a matrix.
    """
    a, one = _summed(network, a, one, later | set(other), path)
    b, other = _summed(network, b, other, later | set(one), path)
    inner = [letter for letter in one if letter in other and letter not in later]
    batch = {term[v.batch] for v, term in ((a, one), (b, other)) if v.batch is not None}
    if batch & set(inner):
        raise Unsayable("sums over the axis of the batch, and so would mix its samples")
    both = sorted((x for x in one if x in other and x not in inner), key=one.index)
    front = [letter for letter in (*one, *other) if letter in batch and letter not in both]
    front += [letter for letter in both if letter in batch] + [
        letter for letter in both if letter not in batch
    ]
    front = sorted(dict.fromkeys(front), key=lambda letter: letter not in batch)
    rows = [letter for letter in one if letter not in (*front, *inner)]
    columns = [letter for letter in other if letter not in (*front, *inner)]
    sizes = {**dict(zip(one, a.dims, strict=True)), **dict(zip(other, b.dims, strict=True))}
    if not inner:
        letters = [*front, *rows, *columns]
        first, second = (_spread(network, v, term, letters, path) for v, term in ((a, one), (b, other)))
        return joined(network, "mul", first, second, path), "".join(letters)
    left = _matrix(network, a, one, front, rows, inner, path)
    right = _matrix(network, b, other, front, inner, columns, path)
    made = multiplied(network, left, right, path)
    dims = [sizes[letter] for letter in (*front, *rows, *columns)]
    made = network.reshape(made, dims, f"{path}.reshape")
    return made, "".join((*front, *rows, *columns))


def _spread(network: Batched, value: Value, term: str, letters: list[str], path: str) -> Value:
    """A tensor with its axes in an order, and axes of size 1 for letters that it has not."""
    order = [term.index(letter) for letter in letters if letter in term]
    value = network.permute(value, order, path)
    dims = dict(zip([letter for letter in letters if letter in term], value.dims, strict=True))
    return network.reshape(value, [dims.get(letter, 1) for letter in letters], f"{path}.reshape")


def _matrix(
    network: Batched,
    value: Value,
    term: str,
    front: list[str],
    rows: list[str],
    columns: list[str],
    path: str,
) -> Value:
    """A tensor as matrices: axes before them, then those of the rows in one, those of the columns in one."""
    order = [letter for letter in (*front, *rows, *columns) if letter in term]
    sizes = dict(zip(term, value.dims, strict=True))
    value = network.permute(value, [term.index(letter) for letter in order], f"{path}.permute")
    dims = [sizes.get(letter, 1) for letter in front]
    while dims and dims[0] == 1 and front[len(front) - len(dims)] not in term:
        dims = dims[1:]
    shape = [*dims, prod(sizes[letter] for letter in rows), prod(sizes[letter] for letter in columns)]
    return network.reshape(value, shape, f"{path}.reshape")
