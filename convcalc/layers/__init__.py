"""The layers by registered name. A family is imported when one of its layers is first asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from convcalc.layers.base import Layer

_FAMILIES: Final = {
    "windows.conv": "conv dwconv",
    "windows.deformable": "deformconv",
    "windows.transposed": "convT",
    "products.linear": "linear",
    "products.product": "matmul",
    "products.recurrent": "rnn lstm gru",
    "windows.pool": "maxpool avgpool lppool",
    "windows.adaptive": "globalavgpool globalmaxpool adaptiveavgpool adaptivemaxpool",
    "windows.unpool": "unpool",
    "windows.unfold": "unfold fold",
    "arithmetic.norm": "bn ln rmsnorm gn instancenorm lrn scale rescale",
    "arithmetic.activation": (
        "relu relu6 leakyrelu prelu elu celu selu gelu silu mish softplus hardswish hardsigmoid hardtanh "
        "threshold softsign logsigmoid tanhshrink softshrink hardshrink sigmoid tanh"
    ),
    "arithmetic.functions": (
        "neg exp log sqrt rsqrt abs square sin cos erf reciprocal clip sign floor round l2norm"
    ),
    "arithmetic.softmax": "softmax softmin logsoftmax glu",
    "windows.resize": "upsample",
    "tensors.rearrange": "pixelshuffle pixelunshuffle shift shuffle permute",
    "tensors.sources": "param const",
    "tensors.opaque": "opaque",
    "tensors.lookups": "embedding gather",
    "tensors.shape": "input dropout identity flatten reshape",
    "tensors.cut": "pad crop slice split",
    "tensors.moves": "roll flip expand tile stack unstack",
    "arithmetic.reduce": "mean sum prod max min norm var std argmax argmin",
    "arithmetic.merge": "concat add sub mul div pow maximum minimum",
}
OPS: Final[dict[str, str]] = {op: family for family, ops in _FAMILIES.items() for op in ops.split()}
"""Family module of every layer."""

ALIASES: Final[dict[str, str]] = {
    "batchnorm": "bn",
    "channelshuffle": "shuffle",
    "convtranspose": "convT",
    "convt": "convT",
    "deconv": "convT",
    "dense": "linear",
    "depthwise": "dwconv",
    "fc": "linear",
    "gap": "globalavgpool",
    "gmp": "globalmaxpool",
    "groupnorm": "gn",
    "layernorm": "ln",
    "resize": "upsample",
    "swish": "silu",
    "unshuffle": "pixelunshuffle",
}
"""Other names of layers in the spec language."""

_found: dict[str, type[Layer]] = {}


def lookup(op: str) -> type[Layer]:
    """The class of a layer by its registered name.

    Raises:
        KeyError: there is none.
    """
    found = _found.get(op)
    if found is None:
        name = f"convcalc.layers.{OPS[op]}"
        __import__(name)
        for cls in sys.modules[name].LAYERS:
            _found[cls.op] = cls
        found = _found[op]
    return found


def names() -> tuple[str, ...]:
    """Registered names of all layers."""
    return tuple(OPS)
