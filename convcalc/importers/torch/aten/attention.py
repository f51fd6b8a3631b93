"""Attention, written out as its products."""

from __future__ import annotations

from math import sqrt
from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.arithmetic import constant, joined
from convcalc.importers.torch.aten.folding import is_constant
from convcalc.importers.torch.aten.products import multiplied
from convcalc.importers.torch.aten.rows import place, row
from convcalc.importers.torch.program import Call


@row("scaled_dot_product_attention.default")
def attention(
    network: Batched,
    call: Call,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    """``softmax(q k^T * scale + mask) v`` (Vaswani et al. 2017, equation 1), with the factor on ``q``."""
    if dropout_p:
        raise Unsayable("drops at random: export the module after .eval()")
    path = place(call, "attention")
    if enable_gqa:
        key, value = (_repeated(network, one, query.dims[-3], f"{path}.repeat") for one in (key, value))
    factor = 1 / sqrt(query.dims[-1]) if scale is None else scale
    scaled = query if factor == 1 else network.join("mul", query, factor, f"{path}.scale")
    turned = network.transpose(key, -2, -1, f"{path}.transpose")
    scores = multiplied(network, scaled, turned, f"{path}.scores")
    if is_causal:
        if attn_mask is not None:
            raise Unsayable("is causal and has a mask")
        attn_mask = _causal(query.dims[-2], key.dims[-2], path)
    if attn_mask is not None:
        scores = joined(network, "add", scores, _additive(attn_mask), f"{path}.mask")
    shares = network.along("softmax", scores, -1, f"{path}.softmax")
    return multiplied(network, shares, value, f"{path}.sum")


def _causal(rows: int, columns: int, path: str) -> Value:
    """Minus infinity where a row would look ahead."""

    def read() -> Any:
        import numpy as np

        return np.triu(np.full((rows, columns), -np.inf, "float32"), 1)

    name = f"{path}.causal"
    return Value(
        (rows, columns), stored=Stored(name, (rows, columns), "float32", read, learned=False, counted=False)
    )


def _additive(mask: Value) -> Value:
    """A mask as what is added: of one that says where to look, 0 there and minus infinity elsewhere."""
    if mask.dtype != "bool":
        return mask
    if not is_constant(mask):
        raise Unsayable("has a mask that is computed of the input")
    import numpy as np

    return constant(mask, mask.dims, "additive", lambda array: np.where(array, 0.0, -np.inf), "float32")


def _repeated(network: Batched, value: Value, heads: int, path: str) -> Value:
    """Every head so many times, one after the other, until there are as many as queries have."""
    axis = value.rank - 3
    count = heads // value.dims[axis]
    if count == 1:
        return value
    one = network.unsqueeze(value, axis + 1, path)
    dims = (*one.dims[: axis + 1], count, *one.dims[axis + 2 :])
    many = network.expand(one, dims, path)
    return network.reshape(many, (*value.dims[:axis], heads, *value.dims[axis + 1 :]), path)


@row("_native_multi_head_attention.default")
def native_attention(
    network: Batched,
    call: Call,
    query: Value,
    key: Value,
    value: Value,
    embed_dim: int,
    num_head: int,
    qkv_weight: Value,
    qkv_bias: Value,
    proj_weight: Value,
    proj_bias: Value,
    mask: Value | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
) -> Any:
    """Self-attention with its projections, as PyTorch's fast path has it."""
    if query is not key or key is not value:
        raise Unsayable("attends from one tensor to another")
    if need_weights:
        raise Unsayable("returns its weights")
    path = place(call, "attention")
    batch, length, _ = query.dims
    joint = network.linear(query, qkv_weight, qkv_bias, f"{path}.in_proj")
    heads = network.reshape(joint, (batch, length, 3, num_head, embed_dim // num_head), f"{path}.heads")
    order = network.permute(heads, (2, 0, 3, 1, 4), f"{path}.heads")
    parts = network.unstack(order, 0, f"{path}.unstack")
    mixed = attention(network, call, parts[0], parts[1], parts[2], mask)
    back = network.permute(mixed, (0, 2, 1, 3), f"{path}.permute")
    flat = network.reshape(back, (batch, length, embed_dim), f"{path}.reshape")
    return network.linear(flat, proj_weight, proj_bias, f"{path}.out_proj"), None
