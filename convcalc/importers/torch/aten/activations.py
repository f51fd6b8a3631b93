"""Activations and functions of one entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.rows import numeric, one, place, row
from convcalc.importers.torch.program import Call

PLAIN: Final = {
    "relu": "relu", "relu6": "relu6", "selu": "selu", "silu": "silu", "mish": "mish",
    "hardswish": "hardswish", "hardsigmoid": "hardsigmoid", "sigmoid": "sigmoid", "tanh": "tanh",
    "log_sigmoid": "logsigmoid", "neg": "neg", "exp": "exp", "log": "log", "sqrt": "sqrt",
    "rsqrt": "rsqrt", "abs": "abs", "square": "square", "sin": "sin", "cos": "cos", "erf": "erf",
    "reciprocal": "reciprocal", "sign": "sign", "sgn": "sign", "floor": "floor", "round": "round",
    "special_expit": "sigmoid", "negative": "neg", "absolute": "abs",
}  # fmt: skip
"""Operators that read one tensor and nothing else, and the layers that they are."""


def _plain(op: str) -> Callable[..., Value]:
    def write(network: Batched, call: Call, x: Value) -> Value:
        return one(network, op, x, place(call))

    return write


for _name, _op in PLAIN.items():
    row(f"{_name}.default")(_plain(_op))


@row("leaky_relu.default")
def leaky_relu(network: Batched, call: Call, x: Value, negative_slope: float = 0.01) -> Value:
    """``x`` where positive, else its product with the slope."""
    return one(network, "leakyrelu", x, place(call), slope=negative_slope)


@row("elu.default")
def elu(
    network: Batched, call: Call, x: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1
) -> Value:
    """``scale * alpha * (exp(input_scale * x) - 1)`` below 0: ELU where nothing is scaled."""
    if scale == 1 and input_scale == 1:
        return one(network, "elu", x, place(call), alpha=alpha)
    raise Unsayable(f"scales by {scale} and {input_scale}")


@row("celu.default")
def celu(network: Batched, call: Call, x: Value, alpha: float = 1) -> Value:
    """See :class:`~convcalc.layers.arithmetic.activation.CELU`."""
    return one(network, "celu", x, place(call), alpha=alpha)


@row("gelu.default")
def gelu(network: Batched, call: Call, x: Value, approximate: str = "none") -> Value:
    """Exact, or by its tanh."""
    return one(network, "gelu", x, place(call), approximate=approximate)


@row("softplus.default")
def softplus(network: Batched, call: Call, x: Value, beta: float = 1, threshold: float = 20) -> Value:
    """``log(1 + exp(beta * x)) / beta``."""
    return one(network, "softplus", x, place(call), beta=beta, threshold=threshold)


@row("hardtanh.default")
def hardtanh(network: Batched, call: Call, x: Value, min_val: float = -1, max_val: float = 1) -> Value:
    """Between two bounds; 0 and 6 are those of ReLU6."""
    if (min_val, max_val) == (0, 6):
        return one(network, "relu6", x, place(call))
    return one(network, "hardtanh", x, place(call), low=min_val, high=max_val)


@row("threshold.default")
def threshold(network: Batched, call: Call, x: Value, threshold: float, value: float) -> Value:
    """``x`` above a threshold, else a value."""
    return network.one("threshold", x, place(call), {"threshold": threshold, "value": value})


@row("softshrink.default")
def softshrink(network: Batched, call: Call, x: Value, lambd: float = 0.5) -> Value:
    """``x`` moved towards 0."""
    return one(network, "softshrink", x, place(call), lambd=lambd)


@row("hardshrink.default")
def hardshrink(network: Batched, call: Call, x: Value, lambd: float = 0.5) -> Value:
    """``x`` where it is far from 0, else 0."""
    return one(network, "hardshrink", x, place(call), lambd=lambd)


@row("log1p.default")
def log1p(network: Batched, call: Call, x: Value) -> Value:
    """``log(1 + x)``."""
    return one(network, "log", network.join("add", x, 1, place(call, "add")), place(call))


@row("expm1.default")
def expm1(network: Batched, call: Call, x: Value) -> Value:
    """``exp(x) - 1``."""
    return network.join("sub", one(network, "exp", x, place(call)), 1, place(call, "sub"))


@row("exp2.default")
def exp2(network: Batched, call: Call, x: Value) -> Value:
    """``2**x``."""
    return network.join("pow", 2, x, place(call))


@row("log2.default")
def log2(network: Batched, call: Call, x: Value) -> Value:
    """``log(x) / log(2)``."""
    from math import log as ln

    return network.join("div", one(network, "log", x, place(call)), ln(2), place(call, "div"))


@row("ceil.default")
def ceil(network: Batched, call: Call, x: Value) -> Value:
    """``-floor(-x)``."""
    down = one(network, "floor", one(network, "neg", x, place(call, "neg")), place(call))
    return one(network, "neg", down, place(call, "neg"))


@row("tan.default")
def tan(network: Batched, call: Call, x: Value) -> Value:
    """``sin(x) / cos(x)``."""
    sine, cosine = (one(network, op, x, place(call, op)) for op in ("sin", "cos"))
    return network.join("div", sine, cosine, place(call))


@row("prelu.default")
def prelu(network: Batched, call: Call, x: Value, weight: Value) -> Value:
    """Slopes: one, or one a channel, which stand on the second axis of PyTorch's shape."""
    path = place(call, "", weight)
    if weight.stored is None:
        raise Unsayable("has slopes that are computed")
    if weight.dims[0] == 1 or len(x.dims) < 2:
        return one(network, "prelu", x, path, {"weight": weight.stored}, channels=weight.dims[0])
    axis = network.axis(x, 1)
    return one(network, "prelu", x, path, {"weight": weight.stored}, channels=weight.dims[0], axis=axis)


@row("softmax.int", "_softmax.default", "special_softmax.default", "_safe_softmax.default")
def softmax(
    network: Batched, call: Call, x: Value, dim: int, dtype: str | None = None, half_to_float: bool = False
) -> Value:
    """Shares along an axis."""
    return network.along("softmax", x, dim, place(call))


@row("log_softmax.int", "_log_softmax.default", "special_log_softmax.default")
def log_softmax(
    network: Batched, call: Call, x: Value, dim: int, dtype: str | None = None, half_to_float: bool = False
) -> Value:
    """Logarithms of shares along an axis."""
    return network.along("logsoftmax", x, dim, place(call))


@row("glu.default")
def glu(network: Batched, call: Call, x: Value, dim: int = -1) -> Value:
    """Half of an axis, times the sigmoid of the other half."""
    return network.along("glu", x, dim, place(call))


@row("dropout.default", "feature_dropout.default", "alpha_dropout.default", "feature_alpha_dropout.default")
def dropout(network: Batched, call: Call, x: Value, p: float = 0.5, train: bool = False) -> Value:
    """Nothing where the module is evaluated."""
    if train and p:
        raise Unsayable("drops at random: export the module after .eval()")
    return x if p == 0 or call.kind.startswith("timm.") else one(network, "dropout", x, place(call), p=p)


@row("native_dropout.default")
def native_dropout(network: Batched, call: Call, x: Value, p: float, train: bool | None = False) -> Any:
    """Nothing where the module is evaluated; the mask is nobody's."""
    return (dropout(network, call, x, p, bool(train)), None)


@row("rrelu.default")
def rrelu(
    network: Batched, call: Call, x: Value, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Value:
    """A leaky ReLU with the mean of two slopes, where the module is evaluated."""
    if training:
        raise Unsayable("draws its slopes: export the module after .eval()")
    return one(network, "leakyrelu", x, place(call), slope=(lower + upper) / 2)


@row("nan_to_num.default")
def nan_to_num(
    network: Batched, call: Call, x: Value, nan: Any = None, posinf: Any = None, neginf: Any = None
) -> Value:
    """Nothing where there are none, which cannot be known."""
    raise Unsayable("replaces what is no number, for which there is no layer")


@row("to.dtype", "to.device", "to.dtype_layout", "to.other", "to.prim_Device", "_to_copy.default",
     "type_as.default", "float.default", "double.default", "half.default")  # fmt: skip
def to(network: Batched, call: Call, x: Value, dtype: str | None = None, other: Value | None = None) -> Value:
    """The same numbers, where a type with fractions stays one."""
    made = call.outputs[0].dtype
    before = x.dtype or "float32"
    if numeric(before) != numeric(made) and not (made != "bool" and not numeric(before) and numeric(made)):
        raise Unsayable(f"makes {made} of {before}: there is no layer that rounds")
    return x
