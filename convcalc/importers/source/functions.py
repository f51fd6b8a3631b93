"""Functions and methods of PyTorch by their arguments: which operator of ATen each is, or which layer.

A row is ``names|arguments|operator``: arguments in PyTorch's order with its defaults under the names of the
operator's schema, ``name-`` for one that changes no number, ``*name`` for one that takes what is left, and
``name!`` where a method gives the tensor. The operator is that of ``torch/aten``; one in brackets is a class
of ``torch.nn`` with the same arguments, whose layer it is.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from convcalc.importers.source.known import NotKnown

_ROWS: Final = """
relu relu_|self inplace-=False|(ReLU)
relu6|self inplace-=False|(ReLU6)
leaky_relu leaky_relu_|self negative_slope=0.01 inplace-=False|(LeakyReLU)
elu elu_|self alpha=1.0 inplace-=False|(ELU)
selu|self inplace-=False|(SELU)
celu|self alpha=1.0 inplace-=False|(CELU)
gelu|self approximate='none'|(GELU)
silu swish|self inplace-=False|(SiLU)
mish|self inplace-=False|(Mish)
softplus|self beta=1.0 threshold=20.0|(Softplus)
hardswish|self inplace-=False|(Hardswish)
hardsigmoid|self inplace-=False|(Hardsigmoid)
hardtanh hardtanh_|self min_val=-1.0 max_val=1.0 inplace-=False|(Hardtanh)
softsign|self|(Softsign)
logsigmoid|self|(LogSigmoid)
tanhshrink|self|(Tanhshrink)
softshrink|self lambd=0.5|(Softshrink)
hardshrink|self lambd=0.5|(Hardshrink)
threshold|self threshold value inplace-=False|(Threshold)
rrelu|self lower=0.125 upper=0.3333333333333333 training-=False inplace-=False|(RReLU)
sigmoid sigmoid_|self|(Sigmoid)
tanh tanh_|self|(Tanh)
dropout|self p=0.5 training-=True inplace-=False|(Dropout)
dropout1d|self p=0.5 training-=True inplace-=False|(Dropout1d)
dropout2d|self p=0.5 training-=True inplace-=False|(Dropout2d)
dropout3d|self p=0.5 training-=True inplace-=False|(Dropout3d)
alpha_dropout feature_alpha_dropout|self p=0.5 training-=False inplace-=False|(AlphaDropout)
pixel_shuffle|self upscale_factor|(PixelShuffle)
pixel_unshuffle|self downscale_factor|(PixelUnshuffle)
channel_shuffle|self groups|(ChannelShuffle)
interpolate|self size=None scale_factor=None mode='nearest' align_corners=None recompute_scale_factor=None \
antialias=False|(interpolate)
upsample|self size=None scale_factor=None mode='nearest' align_corners=None|(Upsample)
upsample_nearest|self size=None scale_factor=None|(UpsamplingNearest2d)
upsample_bilinear|self size=None scale_factor=None|(UpsamplingBilinear2d)
local_response_norm|self size alpha=0.0001 beta=0.75 k=1.0|(LocalResponseNorm)
unfold|self kernel_size dilation=1 padding=0 stride=1|(Unfold)
fold|self output_size kernel_size dilation=1 padding=0 stride=1|(Fold)
lp_pool1d|self norm_type kernel_size stride=None ceil_mode=False|(LPPool1d)
lp_pool2d|self norm_type kernel_size stride=None ceil_mode=False|(LPPool2d)
max_pool#d|self kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices-=False|(MaxPool#d)
avg_pool1d|self kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True|(AvgPool1d)
avg_pool2d|self kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True \
divisor_override=None|(AvgPool2d)
avg_pool3d|self kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True \
divisor_override=None|(AvgPool3d)
adaptive_avg_pool#d|self output_size|(AdaptiveAvgPool#d)
adaptive_max_pool#d|self output_size return_indices=False|(AdaptiveMaxPool#d)
glu|self dim=-1|aten.glu.default
prelu|self weight|aten.prelu.default
softmin|self dim=None _stacklevel-=3 dtype-=None|(Softmin)
softmax|self dim=None _stacklevel-=3 dtype=None|aten.softmax.int
log_softmax|self dim=None _stacklevel-=3 dtype=None|aten.log_softmax.int
pad|self pad mode='constant' value=None|aten.pad.default
conv1d|input weight bias=None stride=1 padding=0 dilation=1 groups=1|aten.conv1d.default
conv2d|input weight bias=None stride=1 padding=0 dilation=1 groups=1|aten.conv2d.default
conv3d|input weight bias=None stride=1 padding=0 dilation=1 groups=1|aten.conv3d.default
conv_transpose1d|input weight bias=None stride=1 padding=0 output_padding=0 groups=1 \
dilation=1|aten.conv_transpose1d.default
conv_transpose2d|input weight bias=None stride=1 padding=0 output_padding=0 groups=1 \
dilation=1|aten.conv_transpose2d.input
conv_transpose3d|input weight bias=None stride=1 padding=0 output_padding=0 groups=1 \
dilation=1|aten.conv_transpose3d.input
linear|input weight bias=None|aten.linear.default
layer_norm|input normalized_shape weight=None bias=None eps=1e-05|aten.layer_norm.default
rms_norm|input normalized_shape weight=None eps=None|aten.rms_norm.default
group_norm|input num_groups weight=None bias=None eps=1e-05|aten.group_norm.default
instance_norm|input running_mean=None running_var=None weight=None bias=None use_input_stats=True \
momentum-=0.1 eps=1e-05|aten.instance_norm.default
batch_norm|input running_mean running_var weight=None bias=None training=False momentum-=0.1 \
eps=1e-05|aten.batch_norm.default
embedding|indices weight|aten.embedding.default
scaled_dot_product_attention|query key value attn_mask=None dropout_p=0.0 is_causal=False scale=None \
enable_gqa=False|aten.scaled_dot_product_attention.default
flatten|self start_dim=0 end_dim=-1|aten.flatten.using_ints
unflatten|self dim sizes|aten.unflatten.int
view|self *size|aten.view.default
reshape|self *shape|aten.reshape.default
permute|self *dims|aten.permute.default
transpose swapaxes swapdims|self dim0 dim1|aten.transpose.int
t|self|aten.t.default
movedim moveaxis|self source destination|aten.movedim.int
squeeze|self dim=...|aten.squeeze.dim
unsqueeze|self dim|aten.unsqueeze.default
expand|self *size implicit-=False|aten.expand.default
expand_as|self other|aten.expand_as.default
view_as reshape_as|self other|aten.view_as.default
repeat|self *repeats|aten.repeat.default
repeat_interleave|self repeats dim=None|aten.repeat_interleave.self_int
tile|self *dims|aten.tile.default
cat concat concatenate|tensors dim=0|aten.cat.default
stack|tensors dim=0|aten.stack.default
chunk|self chunks dim=0|aten.chunk.default
split|self split_size dim=0|aten.split.Tensor
split_with_sizes|self split_sizes dim=0|aten.split_with_sizes.default
unbind|self dim=0|aten.unbind.int
select|self dim index|aten.select.int
narrow|self dim start length|aten.narrow.default
index_select|self dim index|aten.index_select.default
gather|self dim index|aten.gather.default
flip|self *dims|aten.flip.default
roll|self shifts dims=()|aten.roll.default
mean|self dim=None keepdim=False dtype=None|aten.mean.dim
sum|self dim=None keepdim=False dtype=None|aten.sum.dim_IntList
amax|self dim=() keepdim=False|aten.amax.default
amin|self dim=() keepdim=False|aten.amin.default
max|self dim=... keepdim=False|aten.max.dim
min|self dim=... keepdim=False|aten.min.dim
var|self dim=None unbiased=True keepdim=False|aten.var.dim
std|self dim=None unbiased=True keepdim=False|aten.std.dim
vector_norm|self ord=2 dim=None keepdim=False dtype-=None|aten.linalg_vector_norm.default
norm|self p=2 dim=None keepdim=False|aten.norm.ScalarOpt_dim
cumsum|self dim dtype=None|aten.cumsum.default
matmul|self other|aten.matmul.default
mm|self mat2|aten.mm.default
bmm|self mat2|aten.bmm.default
baddbmm|self batch1 batch2 beta=1 alpha=1|aten.baddbmm.default
einsum|equation *tensors|aten.einsum.default
add add_|self other alpha=1|aten.add.Tensor
sub sub_ subtract|self other alpha=1|aten.sub.Tensor
mul mul_ multiply|self other|aten.mul.Tensor
div div_ divide true_divide|self other|aten.div.Tensor
maximum|self other|aten.maximum.default
minimum|self other|aten.minimum.default
pow|self exponent|aten.pow.Tensor_Scalar
sqrt|self|aten.sqrt.default
rsqrt|self|aten.rsqrt.default
exp|self|aten.exp.default
log|self|aten.log.default
abs|self|aten.abs.default
neg|self|aten.neg.default
sin|self|aten.sin.default
cos|self|aten.cos.default
erf|self|aten.erf.default
square|self|aten.square.default
sign|self|aten.sign.default
floor|self|aten.floor.default
round|self|aten.round.default
reciprocal|self|aten.reciprocal.default
clamp clamp_ clip|self min=None max=None|aten.clamp.default
where|condition self other|aten.where.self
masked_fill masked_fill_|self mask value|aten.masked_fill.Scalar
tril|self diagonal=0|aten.tril.default
triu|self diagonal=0|aten.triu.default
lt|self other|aten.lt.Scalar
gt|self other|aten.gt.Scalar
le|self other|aten.le.Scalar
ge|self other|aten.ge.Scalar
eq|self other|aten.eq.Scalar
ne|self other|aten.ne.Scalar
logical_not|self|aten.logical_not.default
argmax|self dim=None keepdim=False|aten.argmax.default
one_hot|self num_classes=-1|aten.one_hot.default
normalize|self p=2.0 dim=1 eps=1e-12|normalize
arange|*size dtype=None device-=None|aten.arange.default
zeros ones empty rand randn|*size dtype=None device-=None requires_grad-=False|aten.zeros.default
full|size fill_value dtype=None device-=None|aten.full.default
"""

IDENTITIES: Final = frozenset(
    [
        "contiguous",
        "to",
        "float",
        "double",
        "half",
        "cuda",
        "cpu",
        "detach",
        "clone",
        "requires_grad_",
        "type_as",
        "long",
        "int",
        "data",
        "type",
        "bool",
        "requires_grad",
        "detach_",
        "checkpoint",
    ]
)
"""Methods of a tensor that give the same numbers."""


class Argument(NamedTuple):
    """An argument of a function: ``kind`` is ``*`` for what is left, ``-`` for what changes no number."""

    name: str
    kind: str
    default: Any
    required: bool


class FunctionRow(NamedTuple):
    """A function: its arguments, and the operator of ATen or the class of ``torch.nn`` (``layer``)."""

    name: str
    arguments: tuple[Argument, ...]
    target: str
    layer: str


def _rows() -> dict[str, FunctionRow]:
    found: dict[str, FunctionRow] = {}
    for line in _ROWS.strip().splitlines():
        names, text, target = line.split("|")
        arguments = []
        for word in text.split():
            name, equals, default = word.partition("=")
            value = ... if default == "..." else literal_eval(default) if equals else None
            kind = "*" if name.startswith("*") else "-" if name.endswith("-") else ""
            arguments.append(Argument(name.strip("*-"), kind, value, not equals and kind != "*"))
        for rank in ("1", "2", "3") if "#" in names else ("",):
            for name in names.replace("#", rank).split():
                layer = target.strip("()").replace("#", rank) if target.startswith("(") else ""
                found[name] = FunctionRow(name, tuple(arguments), "" if layer else target, layer)
    return found


FUNCTIONS: Final[Mapping[str, FunctionRow]] = _rows()

_FIRST: Final = {"self": ("input", "x"), "input": ("input",), "indices": ("input",), "tensors": ("tensors",)}
_OTHER_NAMES: Final = {
    "axis": "dim", "split_size_or_sections": "split_size", "keepdims": "keepdim", "correction": "unbiased",
}  # fmt: skip


def bound(row: FunctionRow, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by the names of the row; those at their default are there too.

    Raises:
        NotKnown: one that the function does not have, has already or must have.
    """
    found: dict[str, Any] = {}
    order = [a for a in row.arguments]
    for place, value in enumerate(args):
        at = next((a for a in order[: place + 1] if a.kind == "*"), None)
        if at is not None and place >= order.index(at):
            rest = args[order.index(at) :]
            found[at.name] = rest[0] if len(rest) == 1 and isinstance(rest[0], (list, tuple)) else tuple(rest)
            break
        if place >= len(order):
            raise NotKnown(f"{row.name} takes {len(order)} arguments, got {len(args)}")
        found[order[place].name] = value
    names = {a.name: a.name for a in order}
    for a in order[:1]:
        names.update(dict.fromkeys(_FIRST.get(a.name, ()), a.name))
    for key, value in kwargs.items():
        key = key if key in names else _OTHER_NAMES.get(key, key)
        if key not in names:
            raise NotKnown(f"{row.name} has no argument {key!r}", ", ".join(a.name for a in order))
        if names[key] in found:
            raise NotKnown(f"{row.name}: {key} is given twice")
        found[names[key]] = value
    for a in order:
        if a.name not in found:
            if a.required:
                raise NotKnown(f"{row.name} needs {a.name}")
            if a.kind != "*":
                found[a.name] = a.default
    return found
