"""The call form: what people paste from PyTorch and Keras, translated to stages.

A row of :data:`FRAMEWORK` says which layer a framework's class is and what its arguments are
called, in positional order: ``kernel_size>kernel`` renames, ``name-`` is accepted and ignored.
Classes that need more than renaming have a function in :data:`_SPECIAL`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.expression import Expr, ExpressionError, constant, evaluate
from convcalc.spec.source import Text
from convcalc.spec.stage import (
    NODE_KEYS,
    Arg,
    CallParser,
    Stage,
    add_keyed,
    expression_fault,
    fault,
    new_stage,
    set_node_key,
    split_stages,
)

MAX_NESTING: Final = 32
"""Deepest nesting of ``Sequential`` containers."""


class Row(NamedTuple):
    """What a framework's class is: layer, spatial rank, arguments, constants, Keras or not."""

    op: str
    rank: int | None
    arguments: tuple[str, ...]
    defaults: dict[str, Any]
    keras: bool


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


FRAMEWORK: Final[dict[str, Row]] = {**_table(_TORCH, False), **_table(_KERAS, True)}
_CONTAINERS: Final = frozenset({"Sequential", "Conv2dNormActivation", "Conv3dNormActivation", "ConvBNReLU"})
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
_LABEL: Final = re.compile(r"\(([\w.\-]+)\)\s*:\s*")
_TIMES: Final = re.compile(r"(\d{1,4}) x (?=[A-Za-z_])")
_IGNORED: Final = re.compile(
    r"(?:name|dtype|trainable|device|batch_size|batch_input_shape|inplace|momentum|seed|sparse"
    r"|\w+_(?:initializer|regularizer|constraint))\Z"
)


def labelled(text: Text, start: int, end: int) -> tuple[int, int] | None:
    """The call behind a printed label such as ``(0): Conv2d(...)``, or None."""
    match = _LABEL.match(text.value, start, end)
    return (match.end(), end) if match else None


def parse_call(text: Text, start: int, end: int, known: frozenset[str], depth: int = 0) -> list[Stage]:
    """Stages of one call: a block, a layer, a framework's class or a ``Sequential``.

    Raises:
        SpecError: the name or an argument is not known.
    """
    value = text.value
    head = re.compile(r"[A-Za-z_][\w.]*").match(value, start, end)
    if head is None or not value.startswith("(", head.end()):
        raise fault(
            text, start, end, f"unexpected {value[start:end][:40]!r}", "a call, such as Conv2d(3, 64, 3)"
        )
    dotted = head.group()
    name = dotted.rpartition(".")[2]
    if name in _CONTAINERS:
        return _container(text, head.end(), end, known, depth)
    if name not in FRAMEWORK or name in known:
        if re.match(r"\(\s*\([\w.\-]+\):", value[head.end() : end]):
            raise fault(
                text, start, head.end(), f"{name} is a module with code of its own",
                "layers, blocks and nn.Sequential, whose parts run in order", None,
            )  # fmt: skip
        stage = new_stage(name, text, start, end, head.end(), known)
        _fill(stage, text, head.end(), end)
        return [stage.finish()]
    return _framework(name, dotted, text, start, head.end(), end)


def _arguments(text: Text, start: int, end: int) -> tuple[list[tuple[str | None, Any, int, int]], int]:
    try:
        parser = CallParser(text.value, start, end)
        return parser.arguments(text), parser.close
    except ExpressionError as error:
        raise expression_fault(text, error) from None


def _tail(stage: Stage, text: Text, start: int, end: int) -> None:
    """``id=``, ``from=`` and the like behind a call."""
    for left, right in split_stages(text, start, end, " \t\r\n\f\v"):
        key, equals, _ = text.value[left:right].partition("=")
        if not equals or key not in NODE_KEYS:
            raise fault(
                text,
                left,
                right,
                f"unexpected {text.value[left:right][:40]!r} after the call",
                "'|' or id=name",
            )
        set_node_key(stage, key, text, left + len(key) + 1, right)


def _fill(stage: Stage, text: Text, start: int, end: int) -> None:
    arguments, close = _arguments(text, start, end)
    for key, value, left, right in arguments:
        if key in NODE_KEYS:
            set_node_key(stage, key, text, *value)
        elif key is None:
            if any(arg.key is not None for arg in stage.args):
                raise fault(text, left, right, "a positional argument after one with a key")
            stage.args.append(Arg(None, value, left, right))
        else:
            add_keyed(stage, key, value, left, right)
    _tail(stage, text, close, end)


def _container(text: Text, start: int, end: int, known: frozenset[str], depth: int) -> list[Stage]:
    if depth >= MAX_NESTING:
        raise fault(text, start, start + 1, f"Sequential nested deeper than {MAX_NESTING}")
    value = text.value
    close = _closing(text, start, end)
    if value[close:end].strip():
        raise fault(
            text, close, end, f"unexpected {value[close:end].strip()[:40]!r} after the call", "'|' or the end"
        )
    left, right = start + 1, close - 1
    inner = value[left:right].strip()
    if inner.startswith("[") and inner.endswith("]"):
        left, right = value.index("[", left) + 1, value.rindex("]", left, right)
    stages: list[Stage] = []
    problems: list[Problem] = []
    for begin, stop in split_stages(text, left, right, ",\n"):
        label = _LABEL.match(value, begin, stop)
        begin = label.end() if label else begin
        times = _TIMES.match(value, begin, stop)
        begin = times.end() if times else begin
        try:
            for _ in range(int(times.group(1)) if times else 1):
                stages.extend(parse_call(text, begin, stop, known, depth + 1))
                if len(stages) > 10_000:
                    raise fault(text, begin, stop, "more than 10,000 layers in one Sequential")
        except SpecError as error:
            problems.extend(error.problems)
    if problems:
        raise SpecError(problems)
    return stages


def _closing(text: Text, start: int, end: int) -> int:
    depth = 0
    for i in range(start, end):
        if text.value[i] in "([{":
            depth += 1
        elif text.value[i] in ")]}":
            depth -= 1
            if depth == 0:
                return i + 1
    raise fault(text, start, start + 1, "'(' is never closed", "')'")


class _Call:
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


def _framework(name: str, dotted: str, text: Text, start: int, head_end: int, end: int) -> list[Stage]:
    row = FRAMEWORK[name]
    call = _Call(name, row, text, start, end)
    known: dict[str, str] = {}
    order: list[str] = []
    for argument in row.arguments:
        outer, _, field = argument.rstrip("-*").partition(">")
        known[outer] = (
            "-" if argument.endswith("-") else f"*{outer}" if argument.endswith("*") else field or outer
        )
        order.append(outer)
    for outer, field in _SHARED.get(name, {}).items():
        known.setdefault(outer, f"*{outer}" if field == "*" else field)
    keys: dict[str, tuple[int, int]] = {}
    arguments, close = _arguments(text, head_end, end)
    keyed = False
    for index, (key, value, left, right) in enumerate(arguments):
        if key in NODE_KEYS:
            keys[key] = value
            continue
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
        if outer == "input_shape":
            known[outer] = "*input_shape"
        if outer not in known:
            if name == "Identity" or _IGNORED.match(outer):
                continue
            raise fault(
                text, left, left + len(outer), f"{name} has no argument {outer!r}",
                "one of " + ", ".join(order), nearest_name(outer, order),
            )  # fmt: skip
        field = known[outer]
        if field == "-":
            continue
        if field in call.values:
            raise fault(text, left, right, f"{outer} is given twice")
        call.values[field] = Arg(field, value, left, right)
    for field, literal in row.defaults.items():
        if field not in call.values:
            at = constant(None, start, head_end)
            call.values[field] = Arg(field, _default(literal, at), start, head_end)
    shape = call.values.pop("*input_shape", None)
    special = _SPECIAL.get(name) or _SPECIAL.get(re.sub(r"\d(?=[dD])", "#", name))
    stages = special(call) if special else [call.stage(row.op)]
    if "*activation" in call.values:
        raise call.fault("*activation", "the activation is not supported here")
    if shape is not None:
        call.values = {"*shape": shape}
        stages = [*_input(call), *stages]
    for key, where in keys.items():
        set_node_key(stages[-1 if key == "id" else 0], key, text, *where)
    if stages:
        _tail(stages[-1], text, close, end)
    return stages


def _default(literal: str, at: Expr) -> Expr:
    from convcalc.spec.expression import parse

    expr = parse(literal)
    value = expr.value  # a word, a number or a flag
    return constant(value, at.start, at.end)


def _activated(call: _Call, stages: list[Stage]) -> list[Stage]:
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


def _torch_conv(call: _Call) -> list[Stage]:
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


def _keras_conv(call: _Call) -> list[Stage]:
    padding = call.values.get("padding")
    if padding is not None and padding.expr.value == "causal" and call.row.rank != 1:
        raise call.fault("padding", f"{call.name} has no padding 'causal'", "'valid' or 'same'")
    activation = call.values.pop("*activation", None)
    stages = [call.stage(call.row.op)]
    if activation is not None:
        call.values["*activation"] = activation
    return _activated(call, stages)


def _separable(call: _Call) -> list[Stage]:
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


def _per_axis(call: _Call, value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,) * (call.row.rank or 1)


def _keras_transposed(call: _Call) -> list[Stage]:
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


def _keras_global(call: _Call) -> list[Stage]:
    keep = call.take("*keepdims", False)
    stages = [call.stage(call.row.op)]
    return stages if keep else [*stages, call.stage("flatten", {})]


def _keras_norm(call: _Call) -> list[Stage]:
    center, scale = call.take("*center", True), call.take("*scale", True)
    if center != scale:
        raise call.fault("*center", f"{call.name} with only one of center and scale is not in the language")
    if not center:
        call.set("affine", False)
    return [call.stage(call.row.op)]


def _instance_norm(call: _Call) -> list[Stage]:
    """With stored statistics, at inference, it is batch normalisation."""
    if call.take("*track_running_stats", False) is True:
        call.default("affine", False)
        return [call.stage("bn")]
    return [call.stage("instancenorm")]


def _map(call: _Call) -> list[Stage]:
    """A layer that PyTorch defines for maps of two axes alone."""
    call.row = call.row._replace(rank=2)
    return [call.stage(call.row.op)]


def _activation(call: _Call) -> list[Stage]:
    if "*activation" not in call.values:
        raise call.fault("*activation", "Activation needs a name", "Activation('relu')")
    return _activated(call, []) or [call.stage("identity", {})]


def _relu(call: _Call) -> list[Stage]:
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


def _softmax(call: _Call) -> list[Stage]:
    dim = call.take("*dim")
    axis = call.take("*axis")
    if dim not in (None, 1) or axis not in (None, -1, 1):
        raise call.fault("", "softmax runs over the channels", "dim=1")
    return [call.stage("softmax")]


def _flatten(call: _Call) -> list[Stage]:
    if call.take("*start_dim", 1) != 1 or call.take("*end_dim", -1) != -1:
        raise call.fault("", "flatten keeps the batch and flattens all the rest", "start_dim=1, end_dim=-1")
    return [call.stage("flatten")]


def _unflatten(call: _Call) -> list[Stage]:
    if call.take("*dim", 1) != 1:
        raise call.fault("", "only the channels can be unflattened", "dim=1")
    return [call.stage("reshape")]


def _torch_pad(call: _Call) -> list[Stage]:
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


def _upsample(call: _Call) -> list[Stage]:
    arg = call.values.get("mode")
    if arg is not None and call.row.rank is None:
        # PyTorch has a name a rank: its linear is for signals alone.
        call.row = call.row._replace(rank=_INTERPOLATION_RANK.get(arg.expr.value))
    if arg is not None and arg.expr.value in _MODES:
        call.values["mode"] = Arg(
            "mode", constant(_MODES[arg.expr.value], arg.start, arg.end), arg.start, arg.end
        )
    return [call.stage("upsample")]


def _channels_first(call: _Call, key: str) -> tuple[Any, ...]:
    """A Keras shape, channels last, as channels first."""
    arg = call.values.get(key)
    if arg is None:
        raise call.fault(key, f"{call.name} needs a shape", f"{call.name}((height, width, channels))")
    value = call.literal(arg)
    value = value if isinstance(value, tuple) else (value,)
    if not value or any(type(v) is not int for v in value):
        raise call.fault(key, "every size of the shape must be a number", "(height, width, channels)")
    return (value[-1], *value[:-1])


def _reshape(call: _Call) -> list[Stage]:
    shape = _channels_first(call, "*target_shape")
    call.values.clear()
    call.set("shape", shape)
    return [call.stage("reshape")]


def _input(call: _Call) -> list[Stage]:
    shape = _channels_first(call, "*shape")
    call.values.clear()
    call.set("shape", shape)
    return [call.stage("input")]


_SPECIAL: Final[dict[str, Callable[[_Call], list[Stage]]]] = {
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
    "Input": _input,
    "InputLayer": _input,
}
