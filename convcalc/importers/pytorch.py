"""What people paste from PyTorch: which layer a class is, and what becomes of each of its arguments.

The rows are those of :func:`convcalc.importers.call.table`, in the order and with the defaults of
PyTorch 2.13. Nothing is dropped: an argument sets an option, is translated by a function of
:data:`SPECIAL`, changes nothing (:data:`HARMLESS` says why) or is taken for some values alone
(:data:`ONLY` says which, and why not the others). What PyTorch refuses of the shapes that arrive is
refused by :func:`refusal`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final

from convcalc.dims import Shape
from convcalc.importers.call import Call, Row, table
from convcalc.spec.errors import fault
from convcalc.spec.language.expression import Expr, constant
from convcalc.spec.language.stage import Arg, Stage

_CONV = (
    "in_channels! out_channels! kernel_size!>kernel stride padding dilation groups bias padding_mode "
    "device- dtype="
)
_CONVT = (
    "in_channels! out_channels! kernel_size!>kernel stride padding output_padding groups bias dilation "
    "padding_mode= device- dtype="
)
_NORM = "num_features!>channels eps momentum- affine track_running_stats{} device- dtype= ** bias"
_RESIZE = "size scale_factor>scale mode align_corners recompute_scale_factor>recompute"
_LP = "norm_type!>norm kernel_size!>kernel stride ceil_mode>ceil|signed=true"


def _lazy(arguments: str) -> str:
    """The arguments of a class that takes its channels from what arrives."""
    return arguments.split(maxsplit=1)[1]


# name (# is the spatial rank, 1 to 3) | op | arguments | constants
_TORCH: Final = f"""
Conv#d|conv|{_CONV}
ConvTranspose#d|convT|{_CONVT}
LazyConv#d|conv|{_lazy(_CONV)}
LazyConvTranspose#d|convT|{_lazy(_CONVT)}
Linear|linear|in_features! out_features! bias device- dtype=
LazyLinear|linear|out_features! bias device- dtype=
MaxPool#d|maxpool|kernel_size!>kernel stride padding dilation return_indices- ceil_mode>ceil
AvgPool1d|avgpool|kernel_size!>kernel stride padding ceil_mode>ceil count_include_pad
AvgPool2d|avgpool|kernel_size!>kernel stride padding ceil_mode>ceil count_include_pad divisor_override>divisor
AvgPool3d|avgpool|kernel_size!>kernel stride padding ceil_mode>ceil count_include_pad divisor_override>divisor
LPPool#d|lppool|{_LP}
MaxUnpool#d|unpool|kernel_size!>kernel stride padding
AdaptiveAvgPool#d|adaptiveavgpool|output_size!>size
AdaptiveMaxPool#d|adaptivemaxpool|output_size!>size return_indices=
BatchNorm#d|bn|{_NORM.format(">track")}
LazyBatchNorm#d|bn|{_lazy(_NORM.format(">track"))}
SyncBatchNorm|bn|{_NORM.format(">track").replace(" device-", " process_group- device-")}
InstanceNorm#d|instancenorm|{_NORM.format("*")}
LazyInstanceNorm#d|instancenorm|{_lazy(_NORM.format("*"))}
GroupNorm|gn|num_groups!>groups num_channels!>channels eps affine device- dtype= ** bias
LayerNorm|ln|normalized_shape!>shape eps elementwise_affine>affine bias device- dtype=
LayerNorm2d|ln|normalized_shape!>shape eps elementwise_affine>affine bias device- dtype=|over=channels
LocalResponseNorm|lrn|size! alpha beta k
ReLU|relu|inplace
ReLU6|relu6|inplace
LeakyReLU|leakyrelu|negative_slope>slope inplace
PReLU|prelu|num_parameters>channels init- device- dtype=
ELU|elu|alpha inplace
SELU|selu|inplace
GELU|gelu|approximate
SiLU|silu|inplace
Mish|mish|inplace
Softplus|softplus|beta threshold
Hardswish|hardswish|inplace
Hardsigmoid|hardsigmoid|inplace
Hardtanh|hardtanh|min_val>low max_val>high inplace min_value* max_value*
Sigmoid|sigmoid|
Tanh|tanh|
Softmax|softmax|dim*
Softmax2d|softmax|
Dropout|dropout|p inplace-
Dropout#d|dropout|p inplace-
AlphaDropout|dropout|p inplace-
FeatureAlphaDropout|dropout|p inplace-
StochasticDepth|identity|p!- mode!-
Identity|identity|
Flatten|flatten|start_dim* end_dim*
Unflatten|reshape|dim!* unflattened_size!*
Upsample|upsample|{_RESIZE}
UpsamplingNearest2d|upsample|size scale_factor>scale|mode=nearest
UpsamplingBilinear2d|upsample|size scale_factor>scale|mode=bilinear align_corners=true
PixelShuffle|pixelshuffle|upscale_factor!>factor
PixelUnshuffle|pixelunshuffle|downscale_factor!>factor
ChannelShuffle|shuffle|groups!
ZeroPad#d|pad|padding!
ConstantPad#d|pad|padding! value!|mode=constant
ReflectionPad#d|pad|padding!|mode=reflect
ReplicationPad#d|pad|padding!|mode=replicate
CircularPad#d|pad|padding!|mode=circular
CELU|celu|alpha inplace
Softsign|softsign|
LogSigmoid|logsigmoid|
Threshold|threshold|threshold! value! inplace
Tanhshrink|tanhshrink|
Softshrink|softshrink|lambd
Hardshrink|hardshrink|lambd
RReLU|leakyrelu|lower* upper* inplace
LogSoftmax|logsoftmax|dim*
Softmin|softmin|dim*
GLU|glu|dim*
RMSNorm|rmsnorm|normalized_shape!>shape eps elementwise_affine>affine device- dtype=
Unfold|unfold|kernel_size!>kernel dilation padding stride
Fold|fold|output_size!>size kernel_size!>kernel dilation padding stride
DeformConv2d|deformconv|in_channels! out_channels! kernel_size!>kernel stride padding dilation groups bias
"""
ROWS: Final[dict[str, Row]] = table(_TORCH, False)

# functions of torch.nn.functional, whose first argument is the tensor that arrives
_FUNCTIONS: Final = f"""
interpolate|upsample|input!- {_RESIZE} antialias=
pad|pad|input!- pad!>padding mode value
"""
FUNCTIONS: Final[dict[str, Row]] = table(_FUNCTIONS, False)

HARMLESS: Final = {
    "input": "it is the tensor that arrives",
    "device": "where a layer runs changes nothing that is counted",
    "momentum": "it is how training updates the stored statistics; at inference nothing reads it",
    "process_group": "it is whose batches training shares; at inference nothing reads it",
    "init": "it is where training starts from; the slopes are weights",
    "return_indices": "the indices are there anyhow, as NAME.indices, and cost nothing where not read",
    "inplace": "at inference dropout gives back what it reads",
    "p": "at inference every path is kept",
    "mode": "at inference every path is kept",
}
"""Arguments that change no number, shape, value or field here (``name-`` in a row), and why."""

ONLY: Final[dict[str, tuple[tuple[Any, ...], str, str]]] = {
    "antialias": (
        (False,),
        "resizing with antialias=True is not modelled: it widens its windows when it shrinks",
        "antialias=False, or mode='area', which is the mean of what it shrinks",
    ),
    "dtype": (
        (None, "float32", "float"),
        "the type of the elements is that of the whole network",
        "no dtype here; params, flops, memory and summary take --dtype float16",
    ),
    "padding_mode": (("zeros",), "a transposed convolution crops, it pads nothing", "padding_mode='zeros'"),
    "return_indices": (
        (False,),
        "indices of adaptive pools are not modelled: no layer here reads them",
        "return_indices=False",
    ),
}
"""Arguments that are taken for some values (``name=`` in a row): these, why no others, what would do."""

_RECURRENT: Final = "recurrent layers are not modelled", "layers that 'convcalc list' shows"
_ATTENTION: Final = (
    "attention is not modelled",
    "its parts that are: linear layers, ln, softmax",
)
_EMBEDDING: Final = (
    "tables that are looked up are not modelled: their input holds numbers of rows, not values",
    "a network from the embedded vectors on",
)
_TWO_INPUTS: Final = "a module of two inputs that is not modelled", "layers of one input, add, mul or concat"
_HOLDER: Final = (
    "it only holds modules, and does not say in which order they run",
    "nn.Sequential, whose parts run in order",
)
_LOSS: Final = "losses are not modelled", "the network without its loss"
NOT_MODELLED: Final[dict[str, tuple[str, str]]] = {
    **dict.fromkeys(("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "RNNBase"), _RECURRENT),
    "RNNCellBase": _RECURRENT,
    **dict.fromkeys(("MultiheadAttention", "Transformer"), _ATTENTION),
    **dict.fromkeys(("TransformerEncoder", "TransformerEncoderLayer"), _ATTENTION),
    **dict.fromkeys(("TransformerDecoder", "TransformerDecoderLayer"), _ATTENTION),
    **dict.fromkeys(("Embedding", "EmbeddingBag"), _EMBEDDING),
    **dict.fromkeys(("Bilinear", "CosineSimilarity", "PairwiseDistance"), _TWO_INPUTS),
    **dict.fromkeys(("ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Container"), _HOLDER),
    "DataParallel": ("it runs a module on several devices and computes nothing itself", "the module alone"),
    "FractionalMaxPool2d": ("its windows are drawn at random", "MaxPool2d or AdaptiveMaxPool2d"),
    "FractionalMaxPool3d": ("its windows are drawn at random", "MaxPool3d or AdaptiveMaxPool3d"),
    "CrossMapLRN2d": ("PyTorch keeps it for old files alone", "LocalResponseNorm"),
    "AdaptiveLogSoftmaxWithLoss": _LOSS,
    **dict.fromkeys(("L1Loss", "MSELoss", "HuberLoss", "SmoothL1Loss", "KLDivLoss", "CTCLoss"), _LOSS),
    **dict.fromkeys(("NLLLoss", "NLLLoss2d", "PoissonNLLLoss", "GaussianNLLLoss"), _LOSS),
    **dict.fromkeys(("CrossEntropyLoss", "LinearCrossEntropyLoss", "BCELoss", "BCEWithLogitsLoss"), _LOSS),
    **dict.fromkeys(("MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss"), _LOSS),
    **dict.fromkeys(("SoftMarginLoss", "MarginRankingLoss", "HingeEmbeddingLoss"), _LOSS),
    **dict.fromkeys(("TripletMarginLoss", "TripletMarginWithDistanceLoss", "CosineEmbeddingLoss"), _LOSS),
}
"""Classes that have no translation: why, and what there is instead."""


def check_value(call: Call, arg: Arg) -> None:
    """Take an argument of :data:`ONLY` where its value changes nothing.

    Raises:
        SpecError: it does; with the reason.
    """
    values, reason, instead = ONLY[arg.key or ""]
    value = call.literal(arg)
    if not any(value is one or (value == one and type(value) is type(one)) for one in values):
        raise fault(call.text, arg.start, arg.end, f"{call.name}: {reason}", instead)


# Literals


def _fixed(expr: Expr) -> bool:
    """Whether an expression has no variables, so that its value is known here."""
    return not expr.names()


def _checked_axes(call: Call, *fields: str, one: bool = True) -> None:
    """Refuse what PyTorch does not take for one number per axis, where it is written in numbers.

    Raises:
        SpecError: pairs, a list of another length, or what are no whole numbers.
    """
    rank = call.row.rank or 1
    for field in fields:
        arg = call.values.get(field)
        if arg is None or not _fixed(arg.expr):
            continue
        value = call.literal(arg)
        if value is None or isinstance(value, str):
            continue
        items = value if isinstance(value, tuple) else (value,)
        lengths = (1, rank) if one or not isinstance(value, tuple) else (rank,)
        whole = all(type(item) is int for item in items)
        if len(items) not in lengths or not whole:
            wanted = "one whole number" + (f", or {rank} in brackets" if rank > 1 else "")
            raise call.fault(field, f"{call.name} takes no such {field}", wanted)


# Translations


def _conv(call: Call) -> list[Stage]:
    _checked_axes(call, "kernel", one=False)
    _checked_axes(call, "stride", "padding", "dilation", "output_padding")
    padding, stride = call.values.get("padding"), call.values.get("stride")
    if padding is not None and padding.expr.kind in ("const", "name"):
        word = padding.expr.value
        if isinstance(word, str) and padding.expr.kind == "const":
            _check_word(call, word, stride)
    return [call.stage(call.row.op)]


def _check_word(call: Call, word: str, stride: Arg | None) -> None:
    if call.row.op == "convT":
        raise call.fault("padding", f"{call.name} takes its padding in numbers", "padding=1")
    if word not in ("same", "valid"):
        raise call.fault("padding", f"{call.name} has no padding {word!r}", "'same', 'valid' or numbers")
    if word == "same" and stride is not None and _fixed(stride.expr):
        steps = call.literal(stride)
        if any(step != 1 for step in (steps if isinstance(steps, tuple) else (steps,))):
            raise call.fault("padding", "PyTorch's padding='same' needs stride 1", "a number, or stride 1")


def _pool(call: Call) -> list[Stage]:
    _checked_axes(call, "kernel", "stride", "padding", "dilation")
    if call.name == "LPPool1d" and call.values["kernel"].expr.kind == "tuple":
        raise call.fault("kernel", "LPPool1d takes its kernel as a number", "kernel_size=2")
    for field in ("kernel", "stride", "padding", "dilation"):
        arg = call.values.get(field)
        if arg is not None and arg.expr.kind == "const" and isinstance(arg.expr.value, str):
            raise call.fault(field, f"{call.name} takes its {field} in numbers", f"{field}=1")
    return [call.stage(call.row.op)]


def _unfold(call: Call) -> list[Stage]:
    """PyTorch has it for maps of two axes; a fold reads their columns, which have one."""
    call.row = call.row._replace(rank=2)
    _checked_axes(call, "kernel", "stride", "padding", "dilation", "size")
    size = call.values.get("size")
    if size is not None and _fixed(size.expr):
        value = call.literal(size)
        call.set("size", value if isinstance(value, tuple) and len(value) == 2 else _items_of(value) * 2)
    call.row = call.row._replace(rank=1 if call.row.op == "fold" else 2)
    return [call.stage(call.row.op)]


def _items_of(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _adaptive(call: Call) -> list[Stage]:
    arg = call.values["size"]
    if _fixed(arg.expr):
        value, rank = call.literal(arg), call.row.rank or 1
        items = value if isinstance(value, tuple) else (value,) * rank
        if value is None or len(items) != rank or (rank == 1 and items == (None,)):
            raise call.fault("size", f"{call.name} takes a size, or {rank} of them", "a number")
    return [call.stage(call.row.op)]


def _instance_norm(call: Call) -> list[Stage]:
    """With stored statistics, at inference, it is batch normalisation."""
    lazy = call.name.startswith("Lazy")
    call.default("affine", lazy)
    if call.take("*track_running_stats", lazy) is True:
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


def _hardtanh(call: Call) -> list[Stage]:
    """The older names of both bounds win, as in PyTorch."""
    for old, field in (("*min_value", "low"), ("*max_value", "high")):
        arg = call.values.pop(old, None)
        if arg is not None and not (arg.expr.kind == "const" and arg.expr.value is None):
            call.values[field] = arg
    return [call.stage("hardtanh")]


def _axis(call: Call, key: str) -> int | None:
    """An axis of a tensor with its batch as an axis of one without; None where it is not given.

    Raises:
        SpecError: it is the batch.
    """
    arg = call.values.get(key)
    dim = call.take(key)
    if dim is None:
        return None
    if type(dim) is not int:
        raise call.fault("", f"{call.name}: {key[1:]} must be a whole number", "1 for the channels")
    if dim == 0 and arg is not None:
        raise fault(
            call.text, arg.start, arg.end, f"{call.name}: {key[1:]}=0 is the batch, which no shape here has",
            "1 for the channels, 2 for the first size, or from the end: -1",
        )  # fmt: skip
    return dim - 1 if dim > 0 else dim


def _softmax(call: Call) -> list[Stage]:
    stated = "*dim" in call.values or "nn" in call.prefix.split(".")  # Keras' Softmax() is of the channels
    axis = _axis(call, "*dim")
    if axis is not None:
        call.set("axis", axis)
    stage = call.stage("softmax")
    if axis is None and stated:
        stage.refuses = _batch
    return [stage]


def _flatten(call: Call) -> list[Stage]:
    start, end = _axis(call, "*start_dim"), _axis(call, "*end_dim")
    if start is not None:
        call.set("start", start)
    if end is not None:
        call.set("end", end)
    return [call.stage("flatten")]


def _unflatten(call: Call) -> list[Stage]:
    arg = call.values.pop("*unflattened_size")
    if _fixed(arg.expr) and not isinstance(call.literal(arg), tuple):
        raise fault(call.text, arg.start, arg.end, "Unflatten takes a list of sizes", "(2, 2)")
    call.set("axis", _axis(call, "*dim"))
    call.values["shape"] = Arg("shape", arg.expr, arg.start, arg.end)
    return [call.stage("reshape")]


def _padding(call: Call) -> list[Stage]:
    """PyTorch lists the last axis first; one number pads every side."""
    arg = call.values["padding"]
    value = call.literal(arg)
    rank = call.row.rank or 1
    sides = value if isinstance(value, tuple) else (value,)
    if any(type(side) is int and side < 0 for side in sides):
        raise call.fault("padding", f"{call.name}: negative padding cuts", "crop, which cuts")
    if isinstance(value, tuple):
        if len(value) != 2 * rank:
            raise call.fault(
                "padding", f"{call.name} takes {2 * rank} numbers, got {len(value)}", "(left, right, ...)"
            )
        value = tuple((value[2 * i], value[2 * i + 1]) for i in reversed(range(rank)))
    call.values["padding"] = Arg("padding", constant(value, arg.start, arg.end), arg.start, arg.end)
    return [call.stage("pad")]


def _functional_pad(call: Call) -> list[Stage]:
    """``F.pad``: as many axes as half its numbers, from the last on; here these are all there are."""
    mode = "constant" if "mode" not in call.values else call.literal(call.values["mode"])
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise call.fault("mode", f"pad has no mode {mode!r}", "constant, reflect, replicate or circular")
    call.default("mode", "constant")
    sides = call.literal(call.values["padding"])
    if not isinstance(sides, tuple) or len(sides) % 2 or not sides:
        raise call.fault("padding", "pad takes two numbers per axis, the last axis first", "(1, 1, 2, 2)")
    call.row = call.row._replace(rank=len(sides) // 2)
    return _padding(call)


_MODES: Final = {
    "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic", "nearest-exact": "nearest_exact",
}  # fmt: skip
_INTERPOLATION_RANK: Final = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_PYTORCH_MODES: Final = ("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area")


def _upsample(call: Call) -> list[Stage]:
    """PyTorch's resize: its sizes are floors of products in double precision."""
    mode_arg = call.values.get("mode")
    mode = "nearest" if mode_arg is None else call.literal(mode_arg)
    if mode not in _PYTORCH_MODES:
        modes = "one of " + ", ".join(_PYTORCH_MODES)
        raise call.fault("mode", f"{call.name} has no mode {mode!r} here", modes)
    corners = call.values.get("align_corners")
    plain = mode.startswith("nearest") or mode == "area"
    if plain and corners is not None and call.literal(corners) is not None:
        message = f"PyTorch takes no align_corners with mode={mode!r}"
        raise call.fault("align_corners", message, "nothing, or another mode")
    recompute = call.values.pop("recompute", None)
    scale = call.values.get("scale")
    given = scale is not None and not (scale.expr.kind == "const" and scale.expr.value is None)
    if recompute is not None and call.literal(recompute) is True:
        if not given:
            raise fault(
                call.text, recompute.start, recompute.end, "recompute_scale_factor is about a scale_factor",
                "scale_factor=, or nothing",
            )  # fmt: skip
        call.values["recompute"] = recompute
    if given and scale is not None:
        scale = Arg("scale", _in_double(scale.expr), scale.start, scale.end)
        call.values["scale"] = scale
        if not all(_short(expr) for expr in _items(scale.expr)):
            call.set("rounding", "double")
    if call.row.rank is None:  # PyTorch has a name for each rank: its linear is for signals alone
        call.row = call.row._replace(rank=_INTERPOLATION_RANK.get(mode))
    if mode_arg is not None and mode in _MODES:
        word = constant(_MODES[mode], mode_arg.start, mode_arg.end)
        call.values["mode"] = Arg("mode", word, mode_arg.start, mode_arg.end)
    return [call.stage("upsample")]


def _items(expr: Expr) -> tuple[Expr, ...]:
    return expr.args if expr.kind == "tuple" else (expr,)


def _short(expr: Expr) -> bool:
    """Whether a factor is a short binary fraction, whose products double precision does not round."""
    value = expr.value if expr.kind == "const" else None
    if not isinstance(value, int | Fraction):
        return False
    d = value.denominator
    return d & (d - 1) == 0 and max(abs(value.numerator), d) < 1 << 20


_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _in_double(expr: Expr) -> Expr:
    """Factors as Python works them out: 120/88 is 1.3636363636363635, not 15/11."""
    if expr.kind == "tuple":
        return Expr("tuple", None, tuple(map(_in_double, expr.args)), expr.start, expr.end)
    value = _double(expr)
    if value is None or isinstance(value, int):
        return expr if value is None else constant(value, expr.start, expr.end)
    short = Fraction(value).limit_denominator(1000)  # 1.4 is written as that, and means the same double
    exact = short if float(short) == value else Fraction(repr(value))
    return constant(exact, expr.start, expr.end)


def _double(expr: Expr) -> float | int | None:
    """What Python makes of sums and products of numbers; None of all else."""
    if expr.kind == "const" and isinstance(expr.value, int | Fraction) and not isinstance(expr.value, bool):
        return expr.value if type(expr.value) is int else float(expr.value)
    if expr.kind == "unary" and expr.value == "-":
        inner = _double(expr.args[0])
        return None if inner is None else -inner
    if expr.kind == "binary" and expr.value in _ARITHMETIC:
        left, right = map(_double, expr.args)
        if left is None or right is None or (expr.value == "/" and right == 0):
            return None
        try:
            found = _ARITHMETIC[expr.value](left, right)
        except OverflowError:
            return None
        return found if abs(found) < 1e15 else None
    return None


def _along(call: Call) -> list[Stage]:
    """A layer that works along one axis: PyTorch counts the batch among them."""
    dim = call.take("*dim", -1 if call.row.op == "glu" else None)
    if type(dim) is not int or dim == 0:
        what = "dim=0 is the batch" if dim == 0 else "without a dim, PyTorch chooses by the number of axes"
        raise call.fault("", f"{call.name}: {what}", "dim=1 for the channels, dim=-1 for the last axis")
    call.set("axis", dim - 1 if dim > 0 else dim)
    return [call.stage(call.row.op)]


def _fold(call: Call) -> list[Stage]:
    """PyTorch folds into maps of two axes alone; one number is the size of both."""
    arg = call.values.get("size")
    if arg is None:
        raise call.fault("size", f"{call.name} needs its output_size")
    value = call.literal(arg)
    size = value if isinstance(value, tuple) else (value, value)
    if len(size) != 2:
        raise call.fault(
            "size", f"{call.name} folds into a map of two axes, got {len(size)}", "(height, width)"
        )
    call.values["size"] = Arg("size", constant(size, arg.start, arg.end), arg.start, arg.end)
    return [call.stage("fold")]


def _mean_slope(call: Call) -> list[Stage]:
    """A slope that is drawn when training; at inference it is the mean of the bounds."""
    lower, upper = call.take("*lower", 1 / 8), call.take("*upper", 1 / 3)
    call.set("slope", Fraction((float(lower) + float(upper)) / 2))
    return [call.stage("leakyrelu")]


SPECIAL: Final[dict[str, Callable[[Call], list[Stage]]]] = {
    "BatchNorm1d": _vectors_too,
    "LazyBatchNorm1d": _vectors_too,
    **dict.fromkeys(("Conv#d", "ConvTranspose#d", "LazyConv#d", "LazyConvTranspose#d"), _conv),
    **dict.fromkeys(("MaxPool#d", "AvgPool#d", "LPPool#d", "MaxUnpool#d"), _pool),
    **dict.fromkeys(("AdaptiveAvgPool#d", "AdaptiveMaxPool#d"), _adaptive),
    **dict.fromkeys(("InstanceNorm#d", "LazyInstanceNorm#d"), _instance_norm),
    **dict.fromkeys(("PixelShuffle", "PixelUnshuffle"), _map),
    **dict.fromkeys(("Unfold", "Fold"), _unfold),
    "Hardtanh": _hardtanh,
    "Softmax": _softmax,
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", "interpolate"), _upsample),
    "pad": _functional_pad,
    **{f"{kind}Pad#d": _padding for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")},
    **dict.fromkeys(("LogSoftmax", "Softmin", "GLU"), _along),
    "RReLU": _mean_slope,
    "Unfold": _map,
    "Fold": _fold,
    "DeformConv2d": _map,
}


# What PyTorch refuses of the shapes that arrive

Refusal = Callable[[Any, tuple[Shape, ...]], str | None]


def _needs_space(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    return "a vector has no spatial axes" if len(shapes[0]) == 1 else None


def _varies(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    """Normalisation of one value by itself."""
    one = layer.op == "instancenorm" and all(type(n) is int and n == 1 for n in shapes[0][1:])
    return "PyTorch does not normalise a map of one position: nothing varies in it" if one else None


def _half(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    """Padding of pools: up to half the kernel, without its dilation."""
    for (before, after), k in zip(layer.padding, layer.kernel, strict=True):
        if all(type(n) is int for n in (before, after, k)) and max(before, after) > k // 2:
            return f"PyTorch pads a pool by half its kernel at most, dilation apart: {k // 2}, not {before}"
    return None


def _fits(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    """Kernels of three axes must fit into the input without padding."""
    for n, k in zip(shapes[0][1:], layer.kernel, strict=True):
        if type(n) is int and type(k) is int and k > n:
            return f"PyTorch takes no kernel of {k} on an input of {n} here, not even with padding"
    return None


def _batch(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    """Softmax without an axis: PyTorch takes the first of three."""
    if len(shapes[0]) == 2:
        return "Softmax: without dim PyTorch takes the batch of a signal; dim=1 is the channels"
    return None


_REFUSALS: Final[dict[str, Refusal]] = {
    **dict.fromkeys(("LocalResponseNorm", "ChannelShuffle"), _needs_space),
    **{f"{lazy}InstanceNorm#d": _varies for lazy in ("", "Lazy")},
    "MaxPool#d": _half,
    **dict.fromkeys(("AvgPool3d", "LPPool3d"), _fits),
}


def refusal(name: str) -> Refusal | None:
    """What PyTorch refuses of a class beyond what its layer refuses here, as a reason; None for nothing."""
    found = _REFUSALS.get(name) or _REFUSALS.get(re.sub(r"\d(?=d)", "#", name))
    return None if found is None else lambda layer, shapes: _named(name, found(layer, shapes))


def _named(name: str, reason: str | None) -> str | None:
    return None if reason is None else f"{name}: {reason}"


def arguments() -> Iterator[tuple[str, str, str]]:
    """Every class with every argument and what becomes of it: set, translated, harmless or restricted."""
    for name, row in ROWS.items():
        for argument in row.arguments:
            kind = {"-": "harmless", "=": "restricted"}.get(argument.field, "meant")
            yield name, argument.name, kind
