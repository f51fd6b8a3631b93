"""Kernels by the registered name of their layer."""

from __future__ import annotations

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, Kernel
from convcalc.executor.kernels import activation, conv, interp, move, naive, norm, pool, transposed
from convcalc.executor.parallel import held
from convcalc.executor.windows import ExecutionError

FAST: dict[str, Kernel] = {
    "conv": conv.conv,
    "dwconv": conv.conv,
    "convT": transposed.conv_transposed,
    "linear": conv.linear,
    "maxpool": pool.maxpool,
    "avgpool": pool.avgpool,
    "lppool": pool.lppool,
    "globalavgpool": pool.global_avgpool,
    "globalmaxpool": pool.global_maxpool,
    "adaptiveavgpool": pool.adaptive_avgpool,
    "adaptivemaxpool": pool.adaptive_maxpool,
    "unpool": pool.unpool,
    "upsample": interp.upsample,
    "pixelshuffle": move.pixel_shuffle,
    "pixelunshuffle": move.pixel_unshuffle,
    "shift": move.shift,
    "shuffle": move.channel_shuffle,
    "bn": norm.batchnorm,
    "ln": norm.layernorm,
    "gn": norm.groupnorm,
    "instancenorm": norm.instancenorm,
    "lrn": norm.lrn,
    "relu": activation.relu,
    "relu6": activation.relu6,
    "leakyrelu": activation.leaky_relu,
    "prelu": activation.prelu,
    "elu": activation.elu,
    "selu": activation.selu,
    "silu": activation.silu,
    "sigmoid": activation.sigmoid,
    "tanh": activation.tanh,
    "hardsigmoid": activation.hard_sigmoid,
    "hardswish": activation.hard_swish,
    "gelu": activation.gelu,
    "softmax": activation.softmax,
    "dropout": move.identity,
    "identity": move.identity,
    "flatten": move.flatten,
    "reshape": move.reshape,
    "permute": move.permute,
    "pad": move.pad,
    "crop": move.crop,
    "slice": move.slice_,
    "split": move.split,
    "concat": move.concat,
    "add": activation.add,
    "mul": activation.mul,
    "scale": activation.scale,
}
"""The form used to run networks."""

NAIVE: dict[str, Kernel] = {
    **FAST,  # the others are elementwise or moves and take object arrays as they are
    "conv": naive.conv,
    "dwconv": naive.conv,
    "convT": naive.conv_transposed,
    "linear": naive.linear,
    "maxpool": naive.maxpool,
    "avgpool": naive.avgpool,
    "lppool": naive.lppool,
}
"""The form scalar counting uses: readable loops over any dtype."""

VIEWS = frozenset(("flatten", "reshape", "identity", "dropout"))
"""Layers whose result shares the storage of their input."""


def run_kernel(call: Call, *, form: str = "fast") -> tuple[Array | None, ...]:
    """Execute one layer; outputs in the order the layer names them.

    Raises:
        ExecutionError: no kernel for the layer, or the arrays do not fit it.
    """
    kernel = (NAIVE if form == "naive" else FAST).get(call.layer.op)
    if kernel is None:
        raise ExecutionError(f"there is no kernel for {call.layer.op!r}")
    with held():
        result = kernel(call)
    return result if isinstance(result, tuple) else (result,)
