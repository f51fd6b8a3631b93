"""Products of matrices: MatMul, Gemm, Einsum."""

from __future__ import annotations

from typing import Final

from convcalc.dims import equal, prod
from convcalc.importers.batched import Value, broadcast
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.use import Operator, Use


def linear(use: Use, x: Value, weight: Stored, bias: Stored | None, path: str) -> Value:
    """A fully connected layer over the last axis; the weight is (out, in)."""
    out = weight.shape[0]
    own = use.net.axis(x, -1)
    flat = len(use.net.shape(use.net.edge(x, path))) == 1
    weights = {"weight": weight, **({} if bias is None else {"bias": bias})}
    options = {} if flat else {"axis": own}
    made = use.net.layer("linear", [x], path, weights, out_features=out, bias=bias is not None, **options)[0]
    made.dims = (*x.dims[:-1], out)
    return made


def product(use: Use, a: Value, b: Value, path: str) -> Value:
    """The matrix product of two tensors, the axes before the last two broadcast."""
    net = use.net
    if a.rank < 2 or b.rank < 2:
        raise Unsayable("multiplies a vector, which no layer does here")
    dims = (*broadcast(a.dims[:-2], b.dims[:-2]), a.dims[-2], b.dims[-1])
    rank = len(dims)
    if b.batch is None and a.batch == a.rank - 2:
        if a.rank > 2:
            raise Unsayable("has the batch among the rows of its matrices")
        edges = [net.edge(a, path), net.edge(b, path)]
        if b.rank > 2:
            raise Unsayable("has the batch among the rows of its matrices")
        (edge,) = net.add("matmul", edges, {}, path)
        return Value(dims, 0, a.folded, edge, dtype=a.dtype)
    for value in (a, b):
        if value.batch is not None and value.batch >= value.rank - 2:
            raise Unsayable("sums over the batch, or has it among the rows of its matrices")
    edges, batch, folded = net.aligned((a, b), rank, path)
    (edge,) = net.add("matmul", edges, {}, path)
    edge = net.reshaped(edge, net.own(dims, batch, folded), f"{path}.reshape")
    return Value(dims, batch, folded, edge, dtype=a.dtype)


def matmul(use: Use) -> Value:
    """MatMul: by a stored matrix a fully connected layer."""
    weight = use.stored(1)
    a = use.x(0)
    if weight is not None and len(weight.shape) == 2 and a.rank >= 2 and a.batch not in (None, a.rank - 1):
        return linear(use, a, weight.permuted((1, 0)), None, use.path)
    return product(use, a, use.x(1), use.path)


def _scaled(array: Stored, factor: float) -> Stored:
    return array if factor == 1 else array.map(lambda a: a * factor, array.shape, f"times{factor}")


def gemm(use: Use) -> Value:
    """Gemm: alpha A B + beta C, either of them transposed."""
    alpha, beta = use.attribute("alpha", 1.0), use.attribute("beta", 1.0)
    across, down = use.attribute("transA", 0), use.attribute("transB", 0)
    a, weight = use.x(0), use.stored(1)
    use.harmless("broadcast")
    if across:
        a = use.net.permute(a, (1, 0), f"{use.path}.transpose")
    bias = use.stored(2)
    if weight is not None and len(weight.shape) == 2 and a.batch == 0:
        weight = _scaled(weight if down else weight.permuted((1, 0)), alpha)
        out = weight.shape[0]
        fits = (
            bias is not None
            and prod(bias.shape) == out
            and equal(bias.shape[-1] if bias.shape else 1, out) is True
        )
        if not use.given(2):
            return linear(use, a, weight, None, use.path)
        if fits and bias is not None:
            return linear(use, a, weight, _scaled(bias.reshaped((out,)), beta), use.path)
        made = linear(use, a, weight, None, use.path)
    else:
        b = use.x(1)
        b = use.net.permute(b, (1, 0), f"{use.path}.transpose") if down else b
        made = product(use, a, b, use.path)
        if alpha != 1:
            made = use.net.join("mul", made, alpha, f"{use.path}.alpha")
    if use.given(2) and beta:
        c = use.x(2)
        c = c if beta == 1 else use.net.join("mul", c, beta, f"{use.path}.beta")
        made = use.net.join("add", made, c, f"{use.path}.add")
    return made


def einsum(use: Use) -> Value:
    """Einsum of two tensors: a product of matrices, with the axes in order before and after."""
    text = use.attribute("equation").replace(" ", "")
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    if not arrow or "." in text or len(terms) != use.count or any(len(set(t)) != len(t) for t in terms):
        raise Unsayable(f"of {text!r} is no layer here")
    net, path = use.net, use.path
    if len(terms) == 1:
        x = use.x()
        gone = [axis for axis, letter in enumerate(terms[0]) if letter not in out]
        x = net.reduce("sum", x, gone, False, f"{path}.sum") if gone else x
        kept = [letter for letter in terms[0] if letter in out]
        return net.permute(x, [kept.index(letter) for letter in out], path)
    if len(terms) != 2:
        raise Unsayable(f"of {len(terms)} tensors is no layer here")
    one, other = terms
    values = [use.x(0), use.x(1)]
    for number, (mine, its) in enumerate(((one, other), (other, one))):
        alone = [axis for axis, letter in enumerate(mine) if letter not in out and letter not in its]
        if alone:
            values[number] = net.reduce("sum", values[number], alone, False, f"{path}.sum")
            kept = "".join(letter for letter in mine if letter in out or letter in its)
            one, other = (kept, other) if number == 0 else (one, kept)
    both = [c for c in one if c in other and c in out]
    inner = [c for c in one if c in other and c not in out]
    rows, columns = [c for c in one if c not in other], [c for c in other if c not in one]
    size = {
        c: n for term, v in zip((one, other), values, strict=True) for c, n in zip(term, v.dims, strict=True)
    }
    lead = [size[c] for c in both]

    def formed(value: Value, term: str, order: list[str], matrix: list[list[str]]) -> Value:
        moved = net.permute(value, [term.index(c) for c in order], f"{path}.permute")
        return net.reshape(
            moved, [*lead, *(prod(size[c] for c in part) for part in matrix)], f"{path}.reshape"
        )

    a = formed(values[0], one, [*both, *rows, *inner], [rows, inner])
    b = formed(values[1], other, [*both, *inner, *columns], [inner, columns])
    made = product(use, a, b, path)
    order = [*both, *rows, *columns]
    made = net.reshape(made, [size[c] for c in order], f"{path}.reshape")
    return net.permute(made, [order.index(c) for c in out], f"{path}.permute")


ROWS: Final[dict[str, Operator]] = {"MatMul": matmul, "Gemm": gemm, "Einsum": einsum}
