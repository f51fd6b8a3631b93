"""Attention: products of queries and keys, a softmax, and products with the values.

Sequences have their features first here, ``(C, T)``. Heads are cut out of the features, so that a score is
``(heads, T, S)`` and nothing has to be moved.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any, Final

from convcalc.graph import Edge
from convcalc.importers.keras.files.placing import At, known, product
from convcalc.importers.network import Stored, Unsayable

Handler = Callable[[At, list[Any], dict[str, Any]], list[Edge]]
_IDLE: Final = frozenset(("training",))


def _given(args: list[Any], kwargs: dict[str, Any], *names: str) -> dict[str, Any]:
    """Arguments by name.

    Raises:
        Unsayable: there are others.
    """
    found = dict(zip(names, args, strict=False))
    if len(args) > len(names):
        raise Unsayable("is called with more arguments than it takes")
    for key, value in kwargs.items():
        if key in names:
            found[key] = value
        elif key not in _IDLE and value is not None and value is not False:
            raise Unsayable(f"is called with {key[:60]}=")
    return {key: value for key, value in found.items() if value is not None}


def _sequence(at: At, edge: Any, name: str) -> Edge:
    """A tensor as a sequence ``(C, T)``; of a map the positions are one after the other."""
    if not isinstance(edge, Edge):
        raise Unsayable(f"is given a {name} that is no tensor")
    rank = len(at.shape(edge))
    if rank < 2:
        raise Unsayable(f"is given a {name} that is no sequence")
    if at.first:
        edge = at.order(edge, (rank - 1, *range(rank - 1)), f"{name}.entering")
    shape = at.shape(edge)
    return edge if rank == 2 else at.reshape(edge, (shape[0], product(shape[1:])), f"{name}.positions")


def _projection(
    at: At, edge: Edge, name: str, groups: str, heads: int, size: int, bias: bool, own: str = ""
) -> Edge:
    """Features of all heads, ``(heads, size, T)``."""
    holder = at.holder.part(groups, own or name)
    entering = known(at.shape(edge)[0])
    out = heads * size
    weights = {
        "weight": at.stored(0, "kernel", (entering, heads, size), holder=holder)
        .reshaped((entering, out))
        .permuted((1, 0))
    }
    if bias:
        weights["bias"] = at.stored(1, "bias", (heads, size), holder=holder).reshaped((out,))
    found = at.add("linear", (edge,), name, weights, out_features=out, bias=bias, axis="channels")
    return at.reshape(found, (heads, size, *at.shape(found)[1:]), f"{name}.heads")


def _attended(
    at: At, query: Edge, key: Edge, value: Edge, scale: float | None, causal: bool
) -> tuple[Edge, Edge]:
    """Values by their scores, ``(..., size, T)``, and the scores."""
    scores = at.add("matmul", (query, key), "scores", transpose_a=True)
    if scale is not None and scale != 1:
        scores = at.add("mul", (scores,), "scale", value=scale)
    if causal:
        scores = at.add("add", (scores, _mask(at, *at.shape(scores)[-2:])), "masked")
    weights = at.add("softmax", (scores,), "softmax", axis=-1)
    return at.add("matmul", (value, weights), "mix", transpose_b=True), weights


def _mask(at: At, rows: Any, columns: Any) -> Edge:
    """Zero for what a step sees, and a number no score comes near for the steps behind it."""
    shape = (known(rows), known(columns))

    def read() -> Any:
        import numpy as np

        return np.triu(np.full(shape, -1e9, dtype=np.float32), 1)

    name = f"{at.path}.causal"
    return at.network.source(Stored(name, shape, "float32", read, learned=False, counted=False), shape, name)


def _out(at: At, edge: Edge, like: Any) -> Edge:
    """A sequence of features as the query was laid out."""
    shape = at.shape(like)
    inner = shape[:-1] if at.first else shape[1:]
    edge = at.reshape(edge, (at.shape(edge)[0], *inner), "leaving.positions")
    if at.first:
        return at.order(edge, (*range(1, len(inner) + 1), 0), "leaving")
    return edge


def multi_head(at: At, args: list[Any], kwargs: dict[str, Any]) -> list[Edge]:
    """``MultiHeadAttention``, and with fewer heads of keys and values ``GroupQueryAttention``."""
    at.single()
    grouped = at.record.kind != "MultiHeadAttention"
    given = _given(args, kwargs, "query", "value", "key", "query_mask", "value_mask", "key_mask",
                   "attention_mask",
                   "return_attention_scores", "training", "use_causal_mask")  # fmt: skip
    if any(name.endswith("_mask") and name != "use_causal_mask" for name in given):
        raise Unsayable("reads a mask")
    if "query" not in given or "value" not in given:
        raise Unsayable("is given no query or no value")
    if at.config.get("sliding_window") is not None or at.config.get("use_gate"):
        raise Unsayable("has a window that slides, or a gate")
    rank = len(at.shape(given["query"])) if isinstance(given["query"], Edge) else 0
    axes = at.config.get("attention_axes")
    listed = axes if isinstance(axes, list) else [1] if axes is None and rank == 2 else list(range(1, rank))
    if not grouped and sorted(a if a > 0 else a + rank + 1 for a in listed if type(a) is int) != list(
        range(1, rank)
    ):
        raise Unsayable("attends along some of its axes")
    heads = at.whole("num_query_heads" if grouped else "num_heads")
    size = at.whole("head_dim" if grouped else "key_dim")
    wide = size if grouped or at.config.get("value_dim") is None else at.whole("value_dim")
    few = at.whole("num_key_value_heads") if grouped else heads
    if heads % few:
        raise Unsayable("has heads that do not divide")
    bias = at.flag("use_bias", True)
    query = _sequence(at, given["query"], "query")
    value = _sequence(at, given["value"], "value")
    key = _sequence(at, given["key"], "key") if "key" in given else value
    q = _projection(at, query, "query", "_query_dense" if grouped else "query_dense", heads, size, bias)
    k = _projection(at, key, "key", "_key_dense" if grouped else "key_dense", few, size, bias)
    v = _projection(at, value, "value", "_value_dense" if grouped else "value_dense", few, wide, bias)
    if few < heads:
        repeats = heads // few
        steps = at.shape(q)[2]
        q = at.reshape(q, (few, repeats, size, steps), "query.groups")
        k = at.reshape(k, (few, 1, *at.shape(k)[1:]), "key.groups")
        v = at.reshape(v, (few, 1, *at.shape(v)[1:]), "value.groups")
    causal = given.get("use_causal_mask") is True
    mixed, weights = _attended(at, q, k, v, 1 / sqrt(size), causal)
    steps = at.shape(mixed)[-1]
    mixed = at.reshape(mixed, (heads * wide, steps), "heads")
    stated = at.config.get("output_shape")
    if isinstance(stated, list) and len(stated) == 1:
        stated = stated[0]
    if stated is None:
        stated = at.shape(query)[0]
    out = known(stated)
    if not 0 < out < 1 << 40:
        raise Unsayable(f"has an output_shape of {out}")
    holder = at.holder.part("_output_dense" if grouped else "output_dense", "attention_output")
    kernel = at.stored(0, "kernel", (heads, wide, out), holder=holder)
    stored = {"weight": kernel.reshaped((heads * wide, out)).permuted((1, 0))}
    if bias:
        stored["bias"] = at.stored(1, "bias", (out,), holder=holder)
    found = at.add(
        "linear", (mixed,), "attention_output", stored, out_features=out, bias=bias, axis="channels"
    )
    found = _out(at, found, given["query"])
    if given.get("return_attention_scores") is True:
        if few < heads or at.first or rank != 2:
            raise Unsayable("is asked for its scores")
        return [found, at.ours(weights, "scores.leaving")]
    return [found]


def dot_product(at: At, args: list[Any], kwargs: dict[str, Any]) -> list[Edge]:
    """``Attention``: luong-style, of ``[query, value]`` or ``[query, value, key]``."""
    at.single()
    given = _given(args, kwargs, "inputs", "mask", "training", "return_attention_scores", "use_causal_mask")
    read = given.get("inputs")
    if given.get("mask") is not None or not isinstance(read, list) or not 2 <= len(read) <= 3:
        raise Unsayable("reads a mask, or other tensors than a query, a value and a key")
    if at.config.get("score_mode", "dot") != "dot" or given.get("return_attention_scores"):
        raise Unsayable("has scores of another kind, or is asked for them")
    query, value = (_sequence(at, read[n], name) for n, name in enumerate(("query", "value")))
    key = _sequence(at, read[2], "key") if len(read) > 2 else value
    scores = at.add("matmul", (query, key), "scores", transpose_a=True)
    if at.flag("use_scale", False):
        scale = at.stored(0, "scale", ())
        factor = at.network.source(scale.reshaped((1,)), (1,), f"{at.path}.factor")
        scores = at.add("mul", (scores, factor), "scale")
    if given.get("use_causal_mask") is True:
        scores = at.add("add", (scores, _mask(at, *at.shape(scores)[-2:])), "masked")
    weights = at.add("softmax", (scores,), "softmax", axis=-1)
    return [_out(at, at.add("matmul", (value, weights), "mix", transpose_b=True), read[0])]


ATTENTION: Final[dict[str, Handler]] = {
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention"), multi_head),
    "Attention": dot_product,
}
