"""Products of matrices: MatMul, Gemm, Einsum."""

from __future__ import annotations

from typing import Final

from convcalc.dims import prod
from convcalc.importers.network import Unsayable
from convcalc.importers.onnx.use import Operator, Use
from convcalc.importers.tensors import Value


def matmul(use: Use) -> Value:
    """MatMul: by a stored matrix a fully connected layer."""
    a, b = use.x(0), use.x(1)
    if b.stored is not None and b.edge is None and b.rank == 2 and a.batch not in (None, a.rank - 1):
        return use.net.linear(a, use.net.permute(b, (1, 0), use.path), None, use.path)
    return use.net.matmul(a, b, use.path)


def _scaled(value: Value, factor: float) -> Value:
    if factor == 1 or value.stored is None:
        return value
    stored = value.stored.map(lambda a: a * factor, value.stored.shape, f"times{factor}")
    return Value(value.dims, stored=stored, dtype=value.dtype)


def gemm(use: Use) -> Value:
    """Gemm: alpha A B + beta C, either of them transposed."""
    alpha, beta = use.attribute("alpha", 1.0), use.attribute("beta", 1.0)
    across, down = use.attribute("transA", 0), use.attribute("transB", 0)
    use.harmless("broadcast")
    net, path = use.net, use.path
    a, b = use.x(0), use.x(1)
    a = net.permute(a, (1, 0), f"{path}.transpose") if across else a
    c = use.x(2) if use.given(2) and beta else None
    if b.stored is not None and b.edge is None and a.batch == 0:
        weight = _scaled(b if down else net.permute(b, (1, 0), path), alpha)
        out = weight.dims[0]
        fits = c is not None and c.stored is not None and c.edge is None and prod(c.dims[:-1]) == 1
        if c is None:
            return net.linear(a, weight, None, path)
        if fits and c.dims and c.dims[-1] == out:
            bias = _scaled(net.reshape(c, (out,), path), beta)
            return net.linear(a, weight, bias, path)
        made = net.linear(a, weight, None, path)
    else:
        b = net.permute(b, (1, 0), f"{path}.transpose") if down else b
        made = net.matmul(a, b, path)
        if alpha != 1:
            made = net.join("mul", made, alpha, f"{path}.alpha")
    if c is not None:
        c = c if beta == 1 else net.join("mul", c, beta, f"{path}.beta")
        made = net.join("add", made, c, f"{path}.add")
    return made


def einsum(use: Use) -> Value:
    """Einsum of two tensors: a product of matrices, with the axes in order before and after."""
    text = use.attribute("equation").replace(" ", "")
    left, arrow, written = text.partition("->")
    out = str(written)
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
            held = "".join(letter for letter in mine if letter in out or letter in its)
            one, other = (held, other) if number == 0 else (one, held)
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
    made = net.matmul(a, b, path)
    made_of = [*both, *rows, *columns]
    made = net.reshape(made, [size[c] for c in made_of], f"{path}.reshape")
    return net.permute(made, [made_of.index(c) for c in out], f"{path}.permute")


ROWS: Final[dict[str, Operator]] = {"MatMul": matmul, "Gemm": gemm, "Einsum": einsum}
