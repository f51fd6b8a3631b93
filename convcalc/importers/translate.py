"""Classes of frameworks that need more than other names for their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from convcalc.spec.errors import SpecError, fault, nearest_name
from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import ExpressionError, constant
from convcalc.spec.language.stage import Arg, Stage
from convcalc.spec.source import Text

_ACTIVATIONS: Final = {
    **{name: name for name in ("relu", "relu6", "sigmoid", "tanh", "softmax", "elu", "selu", "gelu", "silu")},
    "swish": "silu",
    "hard_sigmoid": "hardsigmoid",
    "hard_swish": "hardswish",
    "leaky_relu": "leakyrelu",
    "linear": "identity",
}
_MODES: Final = {
    "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic", "nearest-exact": "nearest_exact",
}  # fmt: skip
_BARE: Final = (
    "same",
    "valid",
    "causal",
    "full",
    "zeros",
    "reflect",
    "replicate",
    "circular",
    "relu",
    "linear",
)


class Row(NamedTuple):
    """What a framework's class is: layer, spatial rank, arguments, constants, Keras or not."""

    op: str
    rank: int | None
    arguments: tuple[str, ...]
    defaults: dict[str, Any]
    keras: bool


class Call:
    """Arguments of a framework's class by the layer's field; ``*name`` for those to be translated."""

    def __init__(self, name: str, row: Row, text: Text, start: int, end: int) -> None:
        self.name = name
        self.row = row
        self.text = text
        self.start = start
        self.end = end
        self.values: dict[str, Arg] = {}

    def set(self, field: str, value: Any) -> None:
        """Set a field to a constant."""
        self.values[field] = Arg(field, constant(value, self.start, self.end), self.start, self.end)

    def default(self, field: str, value: Any) -> None:
        """Set a field unless it was given."""
        if field not in self.values:
            self.set(field, value)

    def take(self, key: str, otherwise: Any = None) -> Any:
        """Remove an argument and give its value, which must be a literal."""
        arg = self.values.pop(key, None)
        return otherwise if arg is None else self.literal(arg)

    def literal(self, arg: Arg) -> Any:
        """Value of an argument that cannot be a formula here."""
        try:
            return evaluate(arg.expr, {}, _BARE)
        except ExpressionError as error:
            raise fault(self.text, arg.start, arg.end, error.message, "a literal", error.nearest) from None

    def fault(self, key: str, message: str, expected: str | None = None) -> SpecError:
        """A spec error at an argument."""
        arg = self.values.get(key)
        return fault(self.text, *((arg.start, arg.end) if arg else (self.start, self.end)), message, expected)

    def stage(self, op: str, values: dict[str, Arg] | None = None) -> Stage:
        """A stage of this call's place."""
        stage = Stage("layer", op, self.text, self.start, self.end)
        stage.origin = self.name
        stage.rank = self.row.rank
        for field, arg in (self.values if values is None else values).items():
            if arg.expr.kind == "const" and arg.expr.value is None:
                continue
            stage.args.append(Arg(field, arg.expr, arg.start, arg.end))
        return stage.finish()


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


def _torch_conv(call: Call) -> list[Stage]:
    for field in ("in_channels", "out_channels", "kernel"):
        if field not in call.values:
            raise call.fault(field, f"{call.name} needs in_channels, out_channels and kernel_size")
    transposed_mode = call.values.get("*padding_mode")
    if transposed_mode is not None and call.take("*padding_mode") != "zeros":
        place = transposed_mode.start, transposed_mode.end
        raise fault(call.text, *place, f"{call.name} crops, it pads nothing", "padding_mode='zeros'")
    padding, stride = call.values.get("padding"), call.values.get("stride")
    if padding is not None and padding.expr.kind in ("const", "name") and stride is not None:
        value = padding.expr.value
        step = stride.expr
        if (
            value == "same"
            and step.kind != "name"
            and call.literal(stride) not in (1, (1,), (1, 1), (1, 1, 1))
        ):
            raise call.fault("padding", "PyTorch's padding='same' needs stride 1", "a number, or stride 1")
    return [call.stage(call.row.op)]


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


def _instance_norm(call: Call) -> list[Stage]:
    """With stored statistics, at inference, it is batch normalisation."""
    if call.take("*track_running_stats", False) is True:
        call.default("affine", False)
        return [call.stage("bn")]
    return [call.stage("instancenorm")]


def _vectors_too(call: Call) -> list[Stage]:
    """A layer whose name has a rank and which takes vectors as well."""
    stage = call.stage(call.row.op)
    stage.flat_too = True
    return [stage]


def _map(call: Call) -> list[Stage]:
    """A layer that PyTorch defines for maps of two axes alone."""
    call.row = call.row._replace(rank=2)
    return [call.stage(call.row.op)]


def _activation(call: Call) -> list[Stage]:
    if "*activation" not in call.values:
        raise call.fault("*activation", "Activation needs a name", "Activation('relu')")
    return _activated(call, []) or [call.stage("identity", {})]


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


def _flatten(call: Call) -> list[Stage]:
    if call.take("*start_dim", 1) != 1 or call.take("*end_dim", -1) != -1:
        raise call.fault("", "flatten keeps the batch and flattens all the rest", "start_dim=1, end_dim=-1")
    return [call.stage("flatten")]


def _unflatten(call: Call) -> list[Stage]:
    if call.take("*dim", 1) != 1:
        raise call.fault("", "only the channels can be unflattened", "dim=1")
    return [call.stage("reshape")]


def _torch_pad(call: Call) -> list[Stage]:
    """PyTorch lists the last axis first; one number pads every side."""
    arg = call.values.get("padding")
    if arg is None:
        raise call.fault("padding", f"{call.name} needs its padding")
    value = call.literal(arg)
    rank = call.row.rank or 1
    if isinstance(value, tuple):
        if len(value) != 2 * rank:
            raise call.fault(
                "padding", f"{call.name} takes {2 * rank} numbers, got {len(value)}", "(left, right, ...)"
            )
        value = tuple((value[2 * i], value[2 * i + 1]) for i in reversed(range(rank)))
    call.values["padding"] = Arg("padding", constant(value, arg.start, arg.end), arg.start, arg.end)
    return [call.stage("pad")]


_INTERPOLATION_RANK: Final = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def _upsample(call: Call) -> list[Stage]:
    arg = call.values.get("mode")
    if arg is not None and call.row.rank is None:
        # PyTorch has a name for each rank: its linear is for signals alone.
        call.row = call.row._replace(rank=_INTERPOLATION_RANK.get(arg.expr.value))
    if arg is not None and arg.expr.value in _MODES:
        call.values["mode"] = Arg(
            "mode", constant(_MODES[arg.expr.value], arg.start, arg.end), arg.start, arg.end
        )
    return [call.stage("upsample")]


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


SPECIAL: Final[dict[str, Callable[[Call], list[Stage]]]] = {
    "Conv#d": _torch_conv,
    "ConvTranspose#d": _torch_conv,
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
    "BatchNorm1d": _vectors_too,
    "InstanceNorm#d": _instance_norm,
    "PixelShuffle": _map,
    "PixelUnshuffle": _map,
    "Softmax2d": _map,
    "Activation": _activation,
    "ReLU": _relu,
    "Softmax": _softmax,
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "Upsample": _upsample,
    "UpsamplingNearest2d": _upsample,
    "UpsamplingBilinear2d": _upsample,
    "UpSampling#D": _upsample,
    "ZeroPad#d": _torch_pad,
    "ConstantPad#d": _torch_pad,
    "ReflectionPad#d": _torch_pad,
    "ReplicationPad#d": _torch_pad,
    "CircularPad#d": _torch_pad,
    "Reshape": _reshape,
    "Input": input_stage,
    "InputLayer": input_stage,
}
