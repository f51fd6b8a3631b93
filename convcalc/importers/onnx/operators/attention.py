"""Attention of set 23, and rotary embeddings, in products, softmax and sums."""

from __future__ import annotations

from math import sqrt
from typing import Any, Final

from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.use import Operator, Use
from convcalc.importers.tensors import Value


def _heads(use: Use, x: Value, heads: int | None, path: str) -> Value:
    """Samples, heads, tokens, features."""
    if x.rank == 4:
        return x
    if heads is None or x.rank != 3:
        raise Unsayable("does not say its heads")
    cut = use.net.reshape(x, (*x.dims[:2], heads, x.dims[2] // heads), f"{path}.heads")
    return use.net.permute(cut, (0, 2, 1, 3), f"{path}.permute")


def _repeated(use: Use, x: Value, times: int, path: str) -> Value:
    """Every head so many times, one after the other (grouped queries)."""
    if times == 1:
        return x
    return use.net.take(x, 1, [head for head in range(x.dims[1]) for _ in range(times)], path)


def attention(use: Use) -> list[Any]:
    """Attention without a cache: softmax(scale Q K^T + mask) V."""
    net, path = use.net, use.path
    use.harmless("softmax_precision")
    use.only("qk_matmul_output_mode", 0)
    if use.given(4) or use.given(5) or use.given(6) or any(use.node.outputs[1:]):
        raise Unsayable("with a cache, or with its products as an output, is no layer here")
    q_heads, kv_heads = use.attribute("q_num_heads"), use.attribute("kv_num_heads")
    causal, scale = use.attribute("is_causal", 0), use.attribute("scale")
    cap = use.attribute("softcap", 0.0)
    flat = use.x(0).rank == 3
    q = _heads(use, use.x(0), q_heads, f"{path}.q")
    k = _heads(use, use.x(1), kv_heads, f"{path}.k")
    v = _heads(use, use.x(2), kv_heads, f"{path}.v")
    k, v = (_repeated(use, x, q.dims[1] // x.dims[1], path) for x in (k, v))
    scale = scale or 1 / sqrt(q.dims[3])
    scores = net.matmul(q, net.permute(k, (0, 1, 3, 2), f"{path}.transpose"), f"{path}.scores")
    scores = net.join("mul", scores, scale, f"{path}.scale")
    if cap:
        scores = net.one("tanh", net.join("div", scores, cap, f"{path}.div"), f"{path}.tanh")
        scores = net.join("mul", scores, cap, f"{path}.cap")
    if use.given(3):
        mask = use.stored(3)
        arrives = use.x(3) if mask is None else None
        if mask is not None and mask.dtype == "bool":
            entries = use.numbers(3)
            columns = mask.shape[-1]
            if not all(any(entries[i : i + columns]) for i in range(0, len(entries), columns)):
                raise Unsayable("has a row of its mask that hides everything")
            mask = _additive(mask)
        if arrives is not None and arrives.dtype == "bool":
            raise Unsayable("has a mask of truth values that arrives")
        term = arrives if arrives is not None else Value(mask.shape, stored=mask)  # type: ignore[union-attr]
        scores = net.join("add", scores, term, f"{path}.mask")
    if causal:
        scores = net.join("add", scores, _causal(use, scores.dims[-2:]), f"{path}.causal")
    made = net.matmul(net.along("softmax", scores, -1, f"{path}.softmax"), v, path)
    if flat:
        made = net.permute(made, (0, 2, 1, 3), f"{path}.permute")
        made = net.reshape(made, (*made.dims[:2], made.dims[2] * made.dims[3]), f"{path}.join")
    return [made]


def _additive(mask: Stored) -> Stored:
    def read() -> Any:
        import numpy as np

        return np.where(mask.read(), np.float32(0), np.float32(-np.inf))

    return Stored(f"{mask.name} added", mask.shape, "float32", read, learned=False, counted=False)


def _causal(use: Use, dims: tuple[Any, ...]) -> Value:
    if not all(type(n) is int for n in dims):
        raise Unsayable("is causal over a number of tokens that is a letter")

    def read() -> Any:
        import numpy as np

        return np.where(np.tri(dims[0], dims[1]) > 0, np.float32(0), np.float32(-np.inf))

    stored = Stored(f"{use.path}.mask", tuple(dims), "float32", read, learned=False, counted=False)
    return Value(stored.shape, stored=stored)


ROWS: Final[dict[str, Operator]] = {"Attention": attention}
