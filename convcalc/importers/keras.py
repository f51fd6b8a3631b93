"""What people paste from Keras: which layer a class is, and what its arguments are called.

The rows are read as those of :mod:`convcalc.importers.pytorch`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.importers.call import Call, Row, table
from convcalc.importers.pytorch import upsample
from convcalc.spec.errors import fault, nearest_name
from convcalc.spec.language.expression import constant
from convcalc.spec.language.stage import Arg, Stage

_KCONV = (
    "filters>out_channels kernel_size>kernel strides>stride padding data_format- "
    "dilation_rate>dilation groups activation* use_bias>bias"
)
_KDW = (
    "kernel_size>kernel strides>stride padding depth_multiplier>multiplier data_format- "
    "dilation_rate>dilation activation* use_bias>bias"
)
_KSEP = (
    "filters>out_channels kernel_size>kernel strides>stride padding data_format- "
    "dilation_rate>dilation depth_multiplier>multiplier activation* use_bias>bias"
)
_KCONVT = (
    "filters>out_channels kernel_size>kernel strides>stride padding output_padding data_format- "
    "dilation_rate>dilation activation* use_bias>bias"
)

# name (# is the spatial rank, 1 to 3) | op | arguments | defaults
_KERAS: Final = f"""
Conv#D|conv|{_KCONV}
DepthwiseConv#D|dwconv|{_KDW}
SeparableConv#D|dwconv|{_KSEP}
Conv#DTranspose|convT|{_KCONVT}
Dense|linear|units>out_features activation* use_bias>bias
MaxPooling#D|maxpool|pool_size>kernel strides>stride padding data_format-|kernel=2
MaxPool#D|maxpool|pool_size>kernel strides>stride padding data_format-|kernel=2
AveragePooling#D|avgpool|pool_size>kernel strides>stride padding data_format-|kernel=2 count_include_pad=false
AvgPool#D|avgpool|pool_size>kernel strides>stride padding data_format-|kernel=2 count_include_pad=false
GlobalAveragePooling#D|globalavgpool|data_format- keepdims*
GlobalMaxPooling#D|globalmaxpool|data_format- keepdims*
BatchNormalization|bn|axis- momentum- epsilon>eps center* scale*|eps=1e-3
LayerNormalization|ln|axis- epsilon>eps center* scale*|eps=1e-3 over=channels
GroupNormalization|gn|groups axis- epsilon>eps center* scale*|eps=1e-3 groups=32
Activation|identity|activation*
SpatialDropout#D|dropout|rate>p data_format-
UpSampling#D|upsample|size>scale data_format- interpolation>mode|scale=2
ZeroPadding#D|pad|padding data_format-|padding=1
Cropping#D|crop|cropping>amounts data_format-
Reshape|reshape|target_shape*
InputLayer|input|shape*
Input|input|shape*
Add|add|
Multiply|mul|
Concatenate|concat|axis-
Rescaling|identity|scale- offset-
"""
ROWS: Final[dict[str, Row]] = table(_KERAS, True)

# Keywords by which Keras calls what PyTorch calls otherwise, for classes of the same name.
SHARED: Final = {
    "LeakyReLU": {"alpha": "slope"},
    "Dropout": {"rate": "p"},
    "ReLU": {"max_value": "*", "negative_slope": "*", "threshold": "*"},
    "Softmax": {"axis": "*"},
}

_ACTIVATIONS: Final = {
    **{name: name for name in ("relu", "relu6", "sigmoid", "tanh", "softmax", "elu", "selu", "gelu", "silu")},
    "swish": "silu",
    "hard_sigmoid": "hardsigmoid",
    "hard_swish": "hardswish",
    "leaky_relu": "leakyrelu",
    "mish": "mish",
    "softplus": "softplus",
    "hard_tanh": "hardtanh",
    "celu": "celu",
    "softsign": "softsign",
    "log_sigmoid": "logsigmoid",
    "tanh_shrink": "tanhshrink",
    "soft_shrink": "softshrink",
    "hard_shrink": "hardshrink",
    "log_softmax": "logsoftmax",
    "glu": "glu",
    "linear": "identity",
}


def _activated(call: Call, stages: list[Stage]) -> list[Stage]:
    """Append the activation a Keras layer carries."""
    if "*activation" not in call.values:
        return stages
    arg = call.values.pop("*activation")
    name = call.literal(arg)
    if name is None or name == "linear":
        return stages
    if name not in _ACTIVATIONS:
        raise fault(
            call.text, arg.start, arg.end, f"unknown activation {name!r}",
            "one of " + ", ".join(_ACTIVATIONS), nearest_name(str(name), _ACTIVATIONS),
        )  # fmt: skip
    stage = Stage("layer", _ACTIVATIONS[name], call.text, arg.start, arg.end)
    return [*stages, stage.finish()]


def _keras_conv(call: Call) -> list[Stage]:
    padding = call.values.get("padding")
    if padding is not None and padding.expr.value == "causal" and call.row.rank != 1:
        raise call.fault("padding", f"{call.name} has no padding 'causal'", "'valid' or 'same'")
    activation = call.values.pop("*activation", None)
    stages = [call.stage(call.row.op)]
    if activation is not None:
        call.values["*activation"] = activation
    return _activated(call, stages)


def _separable(call: Call) -> list[Stage]:
    activation = call.values.pop("*activation", None)
    pointwise: dict[str, Arg] = {k: call.values.pop(k) for k in ("out_channels", "bias") if k in call.values}
    call.set("bias", False)
    depthwise = call.stage("dwconv")
    pointwise["kernel"] = Arg("kernel", constant(1, call.start, call.end), call.start, call.end)
    stages = [depthwise, call.stage("conv", pointwise)]
    call.values.clear()
    if activation is not None:
        call.values["*activation"] = activation
    return _activated(call, stages)


def _per_axis(call: Call, value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,) * (call.row.rank or 1)


def _keras_transposed(call: Call) -> list[Stage]:
    """Keras: valid gives ``i*s + max(k - s, 0)``; an output padding changes 'same' to k // 2."""
    kernel = call.values.get("kernel")
    if kernel is None:
        raise call.fault("kernel", f"{call.name} needs filters and kernel_size")
    padding = call.take("padding", "valid")
    given = call.values.get("output_padding")
    k = _per_axis(call, call.literal(kernel))
    stride = call.values.get("stride")
    s = _per_axis(call, call.literal(stride) if stride else 1)
    if padding == "same" and given is not None:
        call.set("padding", tuple(n // 2 for n in k))
    elif padding == "same":
        call.set("padding", "same")
    elif padding == "valid":
        if given is None:
            call.set("output_padding", tuple(max(b - a, 0) for a, b in zip(k, s, strict=False)))
    else:
        raise call.fault("padding", f"unknown padding {padding!r}", "'same' or 'valid'")
    return _keras_conv(call)


def _keras_global(call: Call) -> list[Stage]:
    keep = call.take("*keepdims", False)
    stages = [call.stage(call.row.op)]
    return stages if keep else [*stages, call.stage("flatten", {})]


def _keras_norm(call: Call) -> list[Stage]:
    center, scale = call.take("*center", True), call.take("*scale", True)
    if center != scale:
        raise call.fault("*center", f"{call.name} with only one of center and scale is not in the language")
    if not center:
        call.set("affine", False)
    return [call.stage(call.row.op)]


def _activation(call: Call) -> list[Stage]:
    if "*activation" not in call.values:
        raise call.fault("*activation", "Activation needs a name", "Activation('relu')")
    return _activated(call, []) or [call.stage("identity", {})]


def _channels_first(call: Call, key: str) -> tuple[Any, ...]:
    """A Keras shape, channels last, as channels first."""
    arg = call.values.get(key)
    if arg is None:
        raise call.fault(key, f"{call.name} needs a shape", f"{call.name}((height, width, channels))")
    value = call.literal(arg)
    value = value if isinstance(value, tuple) else (value,)
    if not value or any(type(v) is not int for v in value):
        raise call.fault(key, "every size of the shape must be a number", "(height, width, channels)")
    return (value[-1], *value[:-1])


def _reshape(call: Call) -> list[Stage]:
    shape = _channels_first(call, "*target_shape")
    call.values.clear()
    call.set("shape", shape)
    return [call.stage("reshape")]


def input_stage(call: Call) -> list[Stage]:
    """The input that ``Input(shape=...)`` or a first layer's ``input_shape`` states, channels last."""
    shape = _channels_first(call, "*shape")
    call.values.clear()
    call.set("shape", shape)
    return [call.stage("input")]


def _relu(call: Call) -> list[Stage]:
    top, slope, threshold = (
        call.take("*max_value"),
        call.take("*negative_slope", 0),
        call.take("*threshold", 0),
    )
    if threshold != 0 or (slope != 0 and top is not None) or top not in (None, 6):
        raise call.fault("", "only ReLU, ReLU(max_value=6) and a negative slope are in the language")
    if slope != 0:
        call.set("slope", slope)
        return [call.stage("leakyrelu")]
    return [call.stage("relu" if top is None else "relu6")]


def _softmax(call: Call) -> list[Stage]:
    dim = call.take("*dim")
    axis = call.take("*axis")
    if dim not in (None, 1) or axis not in (None, -1, 1):
        raise call.fault("", "softmax runs over the channels", "dim=1")
    return [call.stage("softmax")]


SPECIAL: Final[dict[str, Callable[[Call], list[Stage]]]] = {
    "Conv#D": _keras_conv,
    "DepthwiseConv#D": _keras_conv,
    "SeparableConv#D": _separable,
    "Conv#DTranspose": _keras_transposed,
    "Dense": _keras_conv,
    "GlobalAveragePooling#D": _keras_global,
    "GlobalMaxPooling#D": _keras_global,
    "BatchNormalization": _keras_norm,
    "LayerNormalization": _keras_norm,
    "GroupNormalization": _keras_norm,
    "Activation": _activation,
    "ReLU": _relu,
    "Softmax": _softmax,
    "UpSampling#D": upsample,
    "Reshape": _reshape,
    "Input": input_stage,
    "InputLayer": input_stage,
}
