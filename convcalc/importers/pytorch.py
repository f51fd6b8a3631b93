"""What people paste from PyTorch: which layer a class is, and what its arguments are called.

A row says the class, the layer, its arguments in positional order and constants: ``kernel_size>kernel``
renames, ``name-`` is accepted and ignored, ``name*`` is translated by a function of :data:`SPECIAL`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from convcalc.importers.call import Call, Row, table
from convcalc.spec.errors import fault
from convcalc.spec.language.expression import constant
from convcalc.spec.language.stage import Arg, Stage

_CONV = (
    "in_channels out_channels kernel_size>kernel stride padding dilation groups bias padding_mode "
    "device- dtype-"
)
_CONVT = (
    "in_channels out_channels kernel_size>kernel stride padding output_padding groups bias dilation "
    "padding_mode* device- dtype-"
)
_NORM = "num_features>channels eps momentum- affine track_running_stats{} device- dtype- bias"

# name (# is the spatial rank, 1 to 3) | op | arguments | defaults
_TORCH: Final = f"""
Conv#d|conv|{_CONV}
ConvTranspose#d|convT|{_CONVT}
Linear|linear|in_features out_features bias device- dtype-
MaxPool#d|maxpool|kernel_size>kernel stride padding dilation return_indices- ceil_mode>ceil
AvgPool#d|avgpool|kernel_size>kernel stride padding ceil_mode>ceil count_include_pad divisor_override>divisor
LPPool#d|lppool|norm_type>norm kernel_size>kernel stride ceil_mode>ceil
MaxUnpool#d|unpool|kernel_size>kernel stride padding
AdaptiveAvgPool#d|adaptiveavgpool|output_size>size
AdaptiveMaxPool#d|adaptivemaxpool|output_size>size return_indices-
BatchNorm#d|bn|{_NORM.format(">track")}
SyncBatchNorm|bn|{_NORM.format(">track")}
InstanceNorm#d|instancenorm|{_NORM.format("*")}
GroupNorm|gn|num_groups>groups num_channels>channels eps affine device- dtype- bias
LayerNorm|ln|normalized_shape>shape eps elementwise_affine>affine bias device- dtype-
LayerNorm2d|ln|normalized_shape- eps elementwise_affine>affine bias|over=channels
LocalResponseNorm|lrn|size alpha beta k
ReLU|relu|inplace-
ReLU6|relu6|inplace-
LeakyReLU|leakyrelu|negative_slope>slope inplace-
PReLU|prelu|num_parameters>channels init- device- dtype-
ELU|elu|alpha inplace-
SELU|selu|inplace-
GELU|gelu|approximate
SiLU|silu|inplace-
Mish|mish|inplace-
Softplus|softplus|beta threshold
Hardswish|hardswish|inplace-
Hardsigmoid|hardsigmoid|inplace-
Hardtanh|hardtanh|min_val>low max_val>high inplace-
Sigmoid|sigmoid|
Tanh|tanh|
Softmax|softmax|dim*
Softmax2d|softmax|
Dropout|dropout|p inplace-
Dropout#d|dropout|p inplace-
AlphaDropout|dropout|p inplace-
StochasticDepth|identity|p- mode-
Identity|identity|
Flatten|flatten|start_dim* end_dim*
Unflatten|reshape|dim* unflattened_size>shape
Upsample|upsample|size scale_factor>scale mode align_corners recompute_scale_factor-
UpsamplingNearest2d|upsample|size scale_factor>scale mode|mode=nearest
UpsamplingBilinear2d|upsample|size scale_factor>scale mode|mode=bilinear align_corners=true
PixelShuffle|pixelshuffle|upscale_factor>factor
PixelUnshuffle|pixelunshuffle|downscale_factor>factor
ChannelShuffle|shuffle|groups
ZeroPad#d|pad|padding
ConstantPad#d|pad|padding value|mode=constant
ReflectionPad#d|pad|padding|mode=reflect
ReplicationPad#d|pad|padding|mode=replicate
CircularPad#d|pad|padding|mode=circular
"""
ROWS: Final[dict[str, Row]] = table(_TORCH, False)

_MODES: Final = {
    "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic", "nearest-exact": "nearest_exact",
}  # fmt: skip
_INTERPOLATION_RANK: Final = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


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


def _flatten(call: Call) -> list[Stage]:
    if call.take("*start_dim", 1) != 1 or call.take("*end_dim", -1) != -1:
        raise call.fault("", "flatten keeps the batch and flattens all the rest", "start_dim=1, end_dim=-1")
    return [call.stage("flatten")]


def upsample(call: Call) -> list[Stage]:
    """A resize: PyTorch has a name of its modes for each rank."""
    arg = call.values.get("mode")
    if arg is not None and call.row.rank is None:
        # PyTorch has a name for each rank: its linear is for signals alone.
        call.row = call.row._replace(rank=_INTERPOLATION_RANK.get(arg.expr.value))
    if arg is not None and arg.expr.value in _MODES:
        call.values["mode"] = Arg(
            "mode", constant(_MODES[arg.expr.value], arg.start, arg.end), arg.start, arg.end
        )
    return [call.stage("upsample")]


SPECIAL: Final[dict[str, Callable[[Call], list[Stage]]]] = {
    "BatchNorm1d": _vectors_too,
    "Conv#d": _torch_conv,
    "ConvTranspose#d": _torch_conv,
    "InstanceNorm#d": _instance_norm,
    "PixelShuffle": _map,
    "PixelUnshuffle": _map,
    "Softmax2d": _map,
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "Upsample": upsample,
    "UpsamplingNearest2d": upsample,
    "UpsamplingBilinear2d": upsample,
    "ZeroPad#d": _torch_pad,
    "ConstantPad#d": _torch_pad,
    "ReflectionPad#d": _torch_pad,
    "ReplicationPad#d": _torch_pad,
    "CircularPad#d": _torch_pad,
}
