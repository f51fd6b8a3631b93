"""What people paste from PyTorch and Keras: which layer a class is, and what its arguments are called.

A row says the class, the layer, its arguments in positional order and constants: ``kernel_size>kernel``
renames, ``name-`` is accepted and ignored, ``name*`` is translated by a function of
:mod:`convcalc.importers.translate`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from convcalc.importers.translate import SPECIAL, Call, Row, input_stage
from convcalc.spec.errors import fault, nearest_name
from convcalc.spec.language.calls import arguments_of, read_tail
from convcalc.spec.language.expression import Expr, constant, parse
from convcalc.spec.language.stage import NODE_KEYS, Arg, Stage, set_node_key
from convcalc.spec.source import Text

_CONV = (
    "in_channels out_channels kernel_size>kernel stride padding dilation groups bias padding_mode "
    "device- dtype-"
)
_CONVT = (
    "in_channels out_channels kernel_size>kernel stride padding output_padding groups bias dilation "
    "padding_mode* device- dtype-"
)
_NORM = "num_features>channels eps momentum- affine track_running_stats{} device- dtype- bias"
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
Hardswish|hardswish|inplace-
Hardsigmoid|hardsigmoid|inplace-
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
# Keywords by which Keras calls what PyTorch calls otherwise, for classes of the same name.
_SHARED: Final = {
    "LeakyReLU": {"alpha": "slope"},
    "Dropout": {"rate": "p"},
    "ReLU": {"max_value": "*", "negative_slope": "*", "threshold": "*"},
    "Softmax": {"axis": "*"},
}


def _table(text: str, keras: bool) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for line in text.strip().splitlines():
        name, op, arguments, *rest = line.split("|")
        defaults: dict[str, Any] = {}
        for item in rest[0].split() if rest else ():
            key, _, value = item.partition("=")
            defaults[key] = value
        for rank in (1, 2, 3) if "#" in name else (None,):
            full = name.replace("#", str(rank))
            rows[full] = Row(op, rank, tuple(arguments.split()), defaults, keras)
    return rows


CLASSES: Final[dict[str, Row]] = {**_table(_TORCH, False), **_table(_KERAS, True)}
_IGNORED: Final = re.compile(
    r"(?:name|dtype|trainable|device|batch_size|batch_input_shape|inplace|momentum|seed|sparse"
    r"|\w+_(?:initializer|regularizer|constraint))\Z"
)


def stages_of(name: str, text: Text, start: int, head_end: int, end: int) -> list[Stage]:
    """The stages of a call of a framework's class, whose bracket opens at ``head_end``.

    Raises:
        SpecError: an argument is not known, given twice or not supported.
    """
    row = CLASSES[name]
    call = Call(name, row, text, start, end)
    arguments, close = arguments_of(text, head_end, end)
    _take(call, [argument for argument in arguments if argument[0] not in NODE_KEYS])
    for field, literal in row.defaults.items():
        if field not in call.values:
            at = constant(None, start, head_end)
            call.values[field] = Arg(field, _default(literal, at), start, head_end)
    shape = call.values.pop("*input_shape", None)
    special = SPECIAL.get(name) or SPECIAL.get(re.sub(r"\d(?=[dD])", "#", name))
    stages = special(call) if special else [call.stage(row.op)]
    if "*activation" in call.values:
        raise call.fault("*activation", "the activation is not supported here")
    if shape is not None:
        call.values = {"*shape": shape}
        stages = [*input_stage(call), *stages]
    for key, value, _, _ in arguments:
        if key in NODE_KEYS:
            set_node_key(stages[-1 if key == "id" else 0], key, text, *value)
    if stages:
        read_tail(stages[-1], text, close, end)
    return stages


def _take(call: Call, arguments: list[tuple[str | None, Any, int, int]]) -> None:
    """Put the arguments that were given under the names of the layer's fields."""
    name, text = call.name, call.text
    fields = _fields(call)
    order = [argument.rstrip("-*").partition(">")[0] for argument in call.row.arguments]
    keyed = False
    for index, (key, value, left, right) in enumerate(arguments):
        if key is None:
            if keyed:
                raise fault(text, left, right, "a positional argument after one with a key")
            if index >= len(order):
                if name == "Identity":
                    continue
                raise fault(
                    text, left, right, f"{name} takes at most {len(order)} arguments", ", ".join(order)
                )
            outer = order[index]
        else:
            keyed, outer = True, key
        if outer not in fields:
            if name == "Identity" or _IGNORED.match(outer):
                continue
            raise fault(
                text, left, left + len(outer), f"{name} has no argument {outer!r}",
                "one of " + ", ".join(order), nearest_name(outer, order),
            )  # fmt: skip
        field = fields[outer]
        if field == "-":
            continue
        if field in call.values:
            raise fault(text, left, right, f"{outer} is given twice")
        call.values[field] = Arg(field, value, left, right)


def _fields(call: Call) -> dict[str, str]:
    """The field that each argument of a class sets; ``-`` for none, ``*name`` for one to be translated."""
    fields = {"input_shape": "*input_shape"}
    for argument in call.row.arguments:
        outer, _, field = argument.rstrip("-*").partition(">")
        fields[outer] = (
            "-" if argument.endswith("-") else f"*{outer}" if argument.endswith("*") else field or outer
        )
    for outer, field in _SHARED.get(call.name, {}).items():
        fields.setdefault(outer, f"*{outer}" if field == "*" else field)
    return fields


def _default(literal: str, at: Expr) -> Expr:
    expr = parse(literal)
    value = expr.value  # a word, a number or a flag
    return constant(value, at.start, at.end)
