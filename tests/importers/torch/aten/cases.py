"""Uses of PyTorch's operators, one or more for every row of the table: what is called, of which shapes.

A shape begins with the batch, 2, where the tensor is an input; ``w(...)`` makes a parameter, ``c(...)`` a
constant of the code. A lambda reads ``o`` (the operators), the inputs and then those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    """One use: the operator (``name.overload``), the call, shapes of inputs and parameters."""

    target: str
    call: Callable[..., Any]
    inputs: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[int, ...], ...] = ()
    positive: bool = False
    whole: int = 0


IMAGE = (2, 6, 9, 8)
LINE = (2, 6, 11)
SOLID = (2, 4, 5, 6, 7)
ROWS = (2, 5, 8)

CASES: list[Case] = []


def case(target: str, call: Callable[..., Any], *inputs: tuple[int, ...], w: Any = (), positive: bool = False,
         whole: int = 0) -> None:  # fmt: skip
    """Add one."""
    CASES.append(Case(target, call, inputs, tuple(w), positive, whole))


def plain(names: str, shape: tuple[int, ...] = ROWS, positive: bool = False) -> None:
    """Operators of one tensor and nothing else."""
    for name in names.split():
        case(f"{name}.default", lambda o, x, name=name: getattr(o, name)(x), shape, positive=positive)


plain(
    "relu relu6 selu silu mish hardswish hardsigmoid sigmoid tanh log_sigmoid neg exp abs square sin cos erf "
    "special_expit negative absolute leaky_relu elu celu gelu softplus hardtanh softshrink hardshrink "
    "expm1 exp2 ceil tan rrelu sign sgn floor contiguous clone detach alias positive mT"
)
plain("log sqrt rsqrt reciprocal log1p log2", positive=True)
plain("resolve_conj resolve_neg")
case("numpy_T.default", lambda o, x, w: x @ o.numpy_T(w), (2, 5, 8), w=[(7, 8)])
case("t.default", lambda o, x, w: x @ o.t(w), (2, 5, 8), w=[(7, 8)])
case("leaky_relu.default", lambda o, x: o.leaky_relu(x, 0.2), ROWS)
case("elu.default", lambda o, x: o.elu(x, 0.7), ROWS)
case("gelu.default", lambda o, x: o.gelu(x, approximate="tanh"), ROWS)
case("softplus.default", lambda o, x: o.softplus(x, 2.0, 3.0), ROWS)
case("hardtanh.default", lambda o, x: o.hardtanh(x, 0.0, 6.0), ROWS)
case("hardtanh.default", lambda o, x: o.hardtanh(x, -0.5, 0.7), ROWS)
case("threshold.default", lambda o, x: o.threshold(x, 0.1, -2.0), ROWS)
case("prelu.default", lambda o, x, w: o.prelu(x, w), IMAGE, w=[(6,)])
case("prelu.default", lambda o, x, w: o.prelu(x, w), IMAGE, w=[(1,)])
case("softmax.int", lambda o, x: o.softmax(x, -1), ROWS)
case("_softmax.default", lambda o, x: o._softmax(x, 1, False), ROWS)
case("_safe_softmax.default", lambda o, x: o._safe_softmax(x, 1), ROWS)
case("special_softmax.default", lambda o, x: o.special_softmax(x, 1), ROWS)
case("log_softmax.int", lambda o, x: o.log_softmax(x, -1), ROWS)
case("_log_softmax.default", lambda o, x: o._log_softmax(x, 1, False), ROWS)
case("special_log_softmax.default", lambda o, x: o.special_log_softmax(x, 1), ROWS)
case("glu.default", lambda o, x: o.glu(x, -1), ROWS)
for _name in ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"):
    case(f"{_name}.default", lambda o, x, name=_name: getattr(o, name)(x, 0.3, False), IMAGE)
case("native_dropout.default", lambda o, x: o.native_dropout(x, 0.3, False)[0], ROWS)
case("to.dtype", lambda o, x: o.to.dtype(x, 6), ROWS)
case("to.other", lambda o, x: o.to.other(x, x), ROWS)
case("_to_copy.default", lambda o, x: o._to_copy(x, dtype=6), ROWS)
case("type_as.default", lambda o, x: o.type_as(x, x), ROWS)
# -- convolutions -----------------------------------------------------------------------------
case("conv1d.default", lambda o, x, w, b: o.conv1d(x, w, b, [2], [1]), LINE, w=[(4, 6, 3), (4,)])
case("conv2d.default", lambda o, x, w: o.conv2d(x, w, None, [2, 1], [1, 2], [1, 2]), IMAGE, w=[(4, 6, 3, 2)])
case(
    "conv2d.default",
    lambda o, x, w, b: o.conv2d(x, w, b, [1, 1], [1, 1], [1, 1], 6),
    IMAGE,
    w=[(12, 1, 3, 3), (12,)],
)
case(
    "conv2d.default",
    lambda o, x, w, b: o.conv2d(x, w * 2, b, [1, 1], [1, 1], [1, 1], 2),
    IMAGE,
    w=[(4, 3, 3, 3), (4,)],
)
case("conv2d.default", lambda o, x, w: o.conv2d(x.reshape(6, 2, 9, 8), w), IMAGE, w=[(4, 2, 3, 3)])
case(
    "conv3d.default",
    lambda o, x, w, b: o.conv3d(x, w, b, [1] * 3, [1] * 3, [1] * 3, 2),
    SOLID,
    w=[(6, 2, 3, 2, 3), (6,)],
)
case(
    "conv3d.default",
    lambda o, x, w, b: o.conv3d(x.reshape(8, 1, 5, 6, 7), w, b),
    SOLID,
    w=[(2, 1, 2, 3, 3), (2,)],
)
case("conv1d.padding", lambda o, x, w: o.conv1d.padding(x, w, None, [1], "same"), LINE, w=[(4, 6, 4)])
case(
    "conv2d.padding",
    lambda o, x, w: o.conv2d.padding(x, w, None, [1, 1], "same", [2, 2]),
    IMAGE,
    w=[(4, 6, 2, 3)],
)
case(
    "conv3d.padding",
    lambda o, x, w: o.conv3d.padding(x, w, None, [1] * 3, "valid"),
    SOLID,
    w=[(4, 4, 2, 3, 3)],
)
case(
    "conv_transpose1d.default",
    lambda o, x, w: o.conv_transpose1d(x, w, None, [2], [1], [1]),
    LINE,
    w=[(6, 4, 3)],
)
case(
    "conv_transpose2d.input",
    lambda o, x, w, b: o.conv_transpose2d(x, w, b, [2, 2], [1, 1], [1, 1], 2),
    IMAGE,
    w=[(6, 2, 3, 3), (4,)],
)
case(
    "conv_transpose3d.input",
    lambda o, x, w: o.conv_transpose3d(x, w, None, [2] * 3),
    SOLID,
    w=[(4, 3, 2, 2, 2)],
)
case(
    "convolution.default",
    lambda o, x, w, b: o.convolution(x, w, b, [1, 1], [1, 1], [1, 1], False, [0, 0], 1),
    IMAGE,
    w=[(4, 6, 3, 3), (4,)],
)
case(
    "convolution.default",
    lambda o, x, w: o.convolution(x, w, None, [2, 2], [0, 0], [1, 1], True, [1, 1], 1),
    IMAGE,
    w=[(6, 4, 3, 3)],
)
case("linear.default", lambda o, x, w, b: o.linear(x, w, b), ROWS, w=[(4, 8), (4,)])
case("linear.default", lambda o, x, w, b: o.linear(x, w, b + 1), ROWS, w=[(4, 8), (4,)])
case("linear.default", lambda o, x, w: o.linear(x, w.view(4, 8)), ROWS, w=[(32,)])
case("addmm.default", lambda o, x, b, w: o.addmm(b, x, o.t(w)), (2, 8), w=[(4,), (4, 8)])
case("addmm.default", lambda o, x, y, w: o.addmm(y, x, w, beta=0.5, alpha=2), (2, 8), (2, 4), w=[(8, 4)])
case("baddbmm.default", lambda o, z, x, y: o.baddbmm(z, x, y, beta=0.5), (2, 5, 4), (2, 5, 8), (2, 8, 4))
# -- norms ------------------------------------------------------------------------------------
case(
    "batch_norm.default",
    lambda o, x, w, b, m, v: o.batch_norm(x, w, b, m.detach(), v.abs().detach(), False, 0.1, 1e-3, False),
    IMAGE,
    w=[(6,)] * 4,
)
case(
    "batch_norm.default",
    lambda o, x, w: (
        x * o.batch_norm(w.view(1, 6, 8), None, None, None, None, True, 0.1, 1e-4, False).view(6, 1, 8)
    ),
    IMAGE,
    w=[(48,)],
)
case(
    "_native_batch_norm_legit_no_training.default",
    lambda o, x, w, b, m, v: o._native_batch_norm_legit_no_training(
        x, w, b, m.detach(), v.abs().detach(), 0.1, 1e-3
    )[0],
    IMAGE,
    w=[(6,)] * 4,
)
case(
    "instance_norm.default",
    lambda o, x, w, b: o.instance_norm(x, w, b, None, None, True, 0.1, 1e-4, False),
    IMAGE,
    w=[(6,), (6,)],
)
case("group_norm.default", lambda o, x, w, b: o.group_norm(x, 3, w, b, 1e-4), IMAGE, w=[(6,), (6,)])
case("group_norm.default", lambda o, x, w: o.group_norm(x, 3, w + 1, None, 1e-4), IMAGE, w=[(6,)])
case("layer_norm.default", lambda o, x, w, b: o.layer_norm(x, [8], w, b), ROWS, w=[(8,), (8,)])
case("layer_norm.default", lambda o, x, w: o.layer_norm(x, [5, 8], w, None), ROWS, w=[(5, 8)])
case("layer_norm.default", lambda o, x: o.layer_norm(x, [8]), ROWS)
case(
    "native_layer_norm.default",
    lambda o, x, w, b: o.native_layer_norm(x, [8], w, b, 1e-5)[0],
    ROWS,
    w=[(8,), (8,)],
)
case("rms_norm.default", lambda o, x, w: o.rms_norm(x, [8], w, 1e-5), ROWS, w=[(8,)])
# -- pools ------------------------------------------------------------------------------------
for _d, _shape in ((1, LINE), (2, IMAGE), (3, SOLID)):
    case(
        f"max_pool{_d}d.default",
        lambda o, x, d=_d: getattr(o, f"max_pool{d}d")(x, [3] * d, [2] * d, [1] * d, [1] * d, True),
        _shape,
    )
    case(
        f"avg_pool{_d}d.default",
        lambda o, x, d=_d: getattr(o, f"avg_pool{d}d")(x, [3] * d, [2] * d, [1] * d, True, False),
        _shape,
    )
    case(
        f"adaptive_avg_pool{_d}d.default",
        lambda o, x, d=_d: getattr(o, f"adaptive_avg_pool{d}d")(x, [3] * d),
        _shape,
    )
    case(
        f"adaptive_avg_pool{_d}d.default",
        lambda o, x, d=_d: getattr(o, f"adaptive_avg_pool{d}d")(x, [1] * d),
        _shape,
    )
    case(
        f"adaptive_max_pool{_d}d.default",
        lambda o, x, d=_d: getattr(o, f"adaptive_max_pool{d}d")(x, [3] * d)[0],
        _shape,
    )
    case(
        f"upsample_nearest{_d}d.vec",
        lambda o, x, d=_d: getattr(o, f"upsample_nearest{d}d").vec(x, None, [1.5] * d),
        _shape,
    )
    case(
        f"upsample_nearest{_d}d.default",
        lambda o, x, d=_d: getattr(o, f"upsample_nearest{d}d")(x, [13] * d),
        _shape,
    )
    case(
        f"_upsample_nearest_exact{_d}d.vec",
        lambda o, x, d=_d: getattr(o, f"_upsample_nearest_exact{d}d").vec(x, [13] * d, None),
        _shape,
    )
    case(
        f"_upsample_nearest_exact{_d}d.default",
        lambda o, x, d=_d: getattr(o, f"_upsample_nearest_exact{d}d")(x, [13] * d),
        _shape,
    )
    _name = {1: "linear1d", 2: "bilinear2d", 3: "trilinear3d"}[_d]
    case(
        f"upsample_{_name}.vec",
        lambda o, x, d=_d, n=_name: getattr(o, f"upsample_{n}").vec(x, None, False, [1.4] * d),
        _shape,
    )
    case(
        f"upsample_{_name}.default",
        lambda o, x, d=_d, n=_name: getattr(o, f"upsample_{n}")(x, [13] * d, True),
        _shape,
    )
case("max_pool1d_with_indices.default", lambda o, x: o.max_pool1d_with_indices(x, [3], [2])[0], LINE)
case("max_pool2d_with_indices.default", lambda o, x: o.max_pool2d_with_indices(x, [3, 3], [2, 2])[0], IMAGE)
case(
    "max_pool3d_with_indices.default",
    lambda o, x: o.max_pool3d_with_indices(x, [2, 3, 3], [2, 2, 2])[0],
    SOLID,
)
case(
    "max_unpool2d.default", lambda o, x: o.max_unpool2d(*o.max_pool2d_with_indices(x, [2, 2]), [9, 8]), IMAGE
)
case("_adaptive_avg_pool2d.default", lambda o, x: o._adaptive_avg_pool2d(x, [4, 3]), IMAGE)
case("_adaptive_avg_pool3d.default", lambda o, x: o._adaptive_avg_pool3d(x, [4, 3, 2]), SOLID)
case("avg_pool2d.default", lambda o, x: o.avg_pool2d(x, [3, 3], [1, 1], [1, 1], False, True, 5), IMAGE)
case("avg_pool1d.default", lambda o, x: o.avg_pool1d(x.flatten(0, 1).reshape(2, 66), [3], [3]), LINE)
for _name in ("bilinear2d", "bicubic2d"):
    case(
        f"_upsample_{_name}_aa.vec",
        lambda o, x, n=_name: getattr(o, f"_upsample_{n}_aa").vec(x, [5, 5], False, None),
        IMAGE,
    )
    case(
        f"_upsample_{_name}_aa.default",
        lambda o, x, n=_name: getattr(o, f"_upsample_{n}_aa")(x, [5, 5], False),
        IMAGE,
    )
case(
    "upsample_bicubic2d.vec",
    lambda o, x, w: x + o.upsample_bicubic2d.vec(w, [9, 8], False, None),
    IMAGE,
    w=[(1, 6, 4, 4)],
)
case("upsample_bicubic2d.default", lambda o, x: o.upsample_bicubic2d(x, [12, 13], False, 1.4, 1.7), IMAGE)
# -- moves ------------------------------------------------------------------------------------
case("copy.default", lambda o, x, y: o.copy(x, y), ROWS, (2, 1, 8))
case("view.default", lambda o, x: o.view(x, [2, 40]), ROWS)
case("reshape.default", lambda o, x: o.reshape(x, [2, 10, -1]), ROWS)
case("_unsafe_view.default", lambda o, x: o._unsafe_view(x, [2, 40]), ROWS)
case("_reshape_alias.default", lambda o, x: o._reshape_alias(x, [2, 40], [40, 1]), ROWS)
case("view_as.default", lambda o, x, y: o.view_as(x, y), ROWS, (2, 8, 5))
case("reshape_as.default", lambda o, x, y: o.reshape_as(x, y), ROWS, (2, 8, 5))
case("flatten.using_ints", lambda o, x: o.flatten(x, 1, 2), IMAGE)
case("unflatten.int", lambda o, x: o.unflatten(x, 1, [2, -1]), IMAGE)
case("ravel.default", lambda o, x, w: x + o.ravel(w), (2, 6), w=[(2, 3)])
case("permute.default", lambda o, x: o.permute(x, [0, 2, 3, 1]), IMAGE)
case("transpose.int", lambda o, x: o.transpose(x, 1, -1), IMAGE)
case("swapaxes.default", lambda o, x: o.swapaxes(x, 1, 2), IMAGE)
case("swapdims.default", lambda o, x: o.swapdims(x, 1, 2), IMAGE)
for _name in ("movedim", "moveaxis"):
    case(f"{_name}.int", lambda o, x, n=_name: getattr(o, n)(x, 1, -1), IMAGE)
    case(f"{_name}.intlist", lambda o, x, n=_name: getattr(o, n)(x, [1, 2], [3, 1]), IMAGE)
case("squeeze.default", lambda o, x: o.squeeze(x), (2, 1, 5, 1))
case("squeeze.dim", lambda o, x: o.squeeze(x, -1), (2, 1, 5, 1))
case("squeeze.dims", lambda o, x: o.squeeze(x, [1, 3]), (2, 1, 5, 1))
case("unsqueeze.default", lambda o, x: o.unsqueeze(x, 1), ROWS)
case("expand.default", lambda o, x: o.expand(x, [-1, 4, 8]), (2, 1, 8))
case("broadcast_to.default", lambda o, x: o.broadcast_to(x, [2, 4, 8]), (2, 1, 8))
case("expand_as.default", lambda o, x, y: o.expand_as(x, y), (2, 1, 8), ROWS)
case("expand.default", lambda o, x, w: o.cat([o.expand(w, [2, -1, -1]), x], 1), ROWS, w=[(1, 1, 8)])
case("repeat.default", lambda o, x: o.repeat(x, [1, 2, 3]), ROWS)
case("tile.default", lambda o, x: o.tile(x, [2, 3]), ROWS)
case("repeat_interleave.self_int", lambda o, x: o.repeat_interleave(x, 3, 1), ROWS)
case("select.int", lambda o, x: o.select(x, 1, -2), ROWS)
case("slice.Tensor", lambda o, x: o.slice(x, 1, -4, 9999), ROWS)
case("slice.Tensor", lambda o, x: o.slice(x, 2, 1, None, 3), ROWS)
case("narrow.default", lambda o, x: o.narrow(x, 2, 3, 2), ROWS)
case("slice_scatter.default", lambda o, x, y: o.slice_scatter(x, y, 2, 3, 5), ROWS, (2, 5, 2))
case("slice_scatter.default", lambda o, x, w: x + o.slice_scatter(w, o.zeros([3]), 0, 3, 6), ROWS, w=[(8,)])
case("select_scatter.default", lambda o, x, y: o.select_scatter(x, y, 1, 4), ROWS, (2, 8))
case("split.Tensor", lambda o, x: o.split(x, 3, 2)[2], ROWS)
case("split.sizes", lambda o, x: o.split.sizes(x, [3, 5], 2)[1], ROWS)
case("split_with_sizes.default", lambda o, x: o.split_with_sizes(x, [3, 5], 2)[1], ROWS)
case("chunk.default", lambda o, x: o.chunk(x, 3, -1)[2], ROWS)
case("unsafe_split.Tensor", lambda o, x: o.unsafe_split(x, 3, 2)[1], ROWS)
case("unsafe_chunk.default", lambda o, x: o.unsafe_chunk(x, 2, 2)[1], ROWS)
case("tensor_split.indices", lambda o, x: o.tensor_split.indices(x, [1, 4], 2)[1], ROWS)
case("tensor_split.sections", lambda o, x: o.tensor_split.sections(x, 3, 2)[0], ROWS)
case("unbind.int", lambda o, x: o.unbind(x, 1)[3], ROWS)
case("cat.default", lambda o, x, y: o.cat([x, y], 2), ROWS, (2, 5, 3))
case("concat.default", lambda o, x, y: o.concat([x, y], 1), ROWS, (2, 1, 8))
case("concatenate.default", lambda o, x, y: o.concatenate([x, y], 1), ROWS, (2, 1, 8))
case("stack.default", lambda o, x, y: o.stack([x, y], -1), ROWS, ROWS)
case("roll.default", lambda o, x: o.roll(x, [-2, 3], [1, 2]), ROWS)
case("flip.default", lambda o, x: o.flip(x, [1, 2]), ROWS)
case("pad.default", lambda o, x: o.pad(x, [1, 2, -1, 0], "constant", 0.5), IMAGE)
case("pad.default", lambda o, x: o.pad(x, [1, 2, 2, 0], "circular"), IMAGE)
case("constant_pad_nd.default", lambda o, x: o.constant_pad_nd(x, [1, 2, 0, 3], 2.0), IMAGE)
for _d, _shape in ((1, LINE), (2, IMAGE), (3, SOLID)):
    for _word in ("reflection", "replication"):
        case(
            f"{_word}_pad{_d}d.default",
            lambda o, x, n=f"{_word}_pad{_d}d", d=_d: getattr(o, n)(x, [1, 2] * d),
            _shape,
        )
case("pixel_shuffle.default", lambda o, x: o.pixel_shuffle(x, 2), (2, 8, 3, 4))
case("pixel_unshuffle.default", lambda o, x: o.pixel_unshuffle(x, 2), (2, 3, 6, 4))
case("channel_shuffle.default", lambda o, x: o.channel_shuffle(x, 3), IMAGE)
case("native_channel_shuffle.default", lambda o, x: o.native_channel_shuffle(x, 3), IMAGE)
case("im2col.default", lambda o, x: o.im2col(x, [3, 2], [1, 2], [1, 0], [2, 1]), IMAGE)
case("col2im.default", lambda o, x: o.col2im(x, [6, 5], [2, 2], [1, 1], [0, 0], [2, 1]), (2, 8, 12))
case("unfold.default", lambda o, x: o.unfold(x, 2, 4, 2), IMAGE)
case("unfold.default", lambda o, x: o.unfold(x, 3, 2, 2), IMAGE)
# -- arithmetic -------------------------------------------------------------------------------
case("add.Tensor", lambda o, x, y: o.add(x, y, alpha=2), ROWS, (2, 1, 8))
case("add.Scalar", lambda o, x: o.add.Scalar(x, 3), ROWS)
case("add.Tensor", lambda o, x: x + o.arange(8), ROWS)
case("add.Tensor", lambda o, x, w: x + o.expand(w, [2, 5, 8]), ROWS, w=[(1, 1, 8)])
case("sub.Tensor", lambda o, x, y: o.sub(x, y, alpha=0.5), ROWS, ROWS)
case("sub.Scalar", lambda o, x: o.sub.Scalar(x, 3), ROWS)
case("subtract.Tensor", lambda o, x, y: o.subtract(x, y), ROWS, ROWS)
case("rsub.Scalar", lambda o, x: o.rsub(x, 1.5), ROWS)
case("rsub.Tensor", lambda o, x, y: o.rsub(x, y), ROWS, ROWS)
case("mul.Tensor", lambda o, x, y: o.mul(x, y), ROWS, (2, 5, 1))
case("mul.Scalar", lambda o, x: o.mul.Scalar(x, 3), ROWS)
case("multiply.Tensor", lambda o, x, y: o.multiply(x, y), ROWS, ROWS)
case("div.Tensor", lambda o, x, y: o.div(x, y), ROWS, ROWS, positive=True)
case("div.Scalar", lambda o, x: o.div.Scalar(x, 3), ROWS)
case("true_divide.Tensor", lambda o, x, y: o.true_divide(x, y), ROWS, ROWS, positive=True)
case("div.Tensor_mode", lambda o, x: o.div.Tensor_mode(x, 0.3, rounding_mode="floor"), ROWS)
case("div.Scalar_mode", lambda o, x: o.div.Scalar_mode(x, 0.3, rounding_mode="floor"), ROWS)
case("floor_divide.default", lambda o, x, y: o.floor_divide(x, y), ROWS, ROWS, positive=True)
for _power in (2, 0.5, -0.5, -1, 1, 3):
    case("pow.Tensor_Scalar", lambda o, x, p=_power: o.pow(x, p), ROWS, positive=True)
case("pow.Scalar", lambda o, x: o.pow.Scalar(2, x), ROWS)
case("pow.Tensor_Tensor", lambda o, x, y: o.pow(x, y), ROWS, ROWS, positive=True)
case("maximum.default", lambda o, x, y: o.maximum(x, y), ROWS, ROWS)
case("max.other", lambda o, x, y: o.max.other(x, y), ROWS, ROWS)
case("minimum.default", lambda o, x, y: o.minimum(x, y), ROWS, ROWS)
case("min.other", lambda o, x, y: o.min.other(x, y), ROWS, ROWS)
for _name in ("clamp", "clip"):
    case(f"{_name}.default", lambda o, x, n=_name: getattr(o, n)(x, -0.5, 0.7), ROWS)
    case(f"{_name}.Tensor", lambda o, x, w, n=_name: getattr(o, n).Tensor(x, None, w), ROWS, w=[(8,)])
case("clamp_min.default", lambda o, x: o.clamp_min(x, 0.1), ROWS)
case("clamp_max.default", lambda o, x: o.clamp_max(x, 0.1), ROWS)
case("clamp_min.Tensor", lambda o, x, y: o.clamp_min.Tensor(x, y), ROWS, ROWS)
case("clamp_max.Tensor", lambda o, x, y: o.clamp_max.Tensor(x, y), ROWS, ROWS)
case("addcmul.default", lambda o, x, y, w: o.addcmul(w, x, y, value=0.5), ROWS, ROWS, w=[(8,)])
case("addcdiv.default", lambda o, x, y, z: o.addcdiv(x, y, z, value=0.5), ROWS, ROWS, ROWS, positive=True)
case("lerp.Scalar", lambda o, x, y: o.lerp(x, y, 0.3), ROWS, ROWS)
case("lerp.Tensor", lambda o, x, y, z: o.lerp(x, y, z), ROWS, ROWS, ROWS)
case("where.self", lambda o, x, y: o.where(o.gt(o.arange(8), 3), x, y), ROWS, ROWS)
case("where.ScalarOther", lambda o, x: o.where.ScalarOther(o.gt(o.arange(8), 3), x, 2.0), ROWS)
case("where.ScalarSelf", lambda o, x: o.where.ScalarSelf(o.gt(o.arange(8), 3), 2.0, x), ROWS)
case("masked_fill.Scalar", lambda o, x: o.masked_fill(x, o.gt(o.arange(8), 3), -3.0), ROWS)
case(
    "masked_fill.Scalar",
    lambda o, x: o.softmax(o.masked_fill(x, o.gt(o.arange(8), 3), float("-inf")), -1),
    ROWS,
)
case("masked_fill.Tensor", lambda o, x: o.masked_fill(x, o.gt(o.arange(8), 3), o.full([], 2.0)), ROWS)
case("fill.Scalar", lambda o, x: x + o.fill(x, 2.0), ROWS)
case("zero.default", lambda o, x: x + o.zero(x), ROWS)
case("zeros_like.default", lambda o, x: x + o.zeros_like(x), ROWS)
case("ones_like.default", lambda o, x: x + o.ones_like(x), ROWS)
case("full_like.default", lambda o, x: x * o.full_like(x, 3.0), ROWS)
case("new_zeros.default", lambda o, x: o.cat([x, o.new_zeros(x, [2, 1, 8])], 1), ROWS)
case("new_ones.default", lambda o, x: x + o.new_ones(x, [8]), ROWS)
case("new_full.default", lambda o, x: x + o.new_full(x, [2, 5, 1], 3.0), ROWS)
# -- reductions -------------------------------------------------------------------------------
case("mean.dim", lambda o, x: o.mean(x, [2, 3]), IMAGE)
case("mean.dim", lambda o, x: o.mean(x, [1], True), IMAGE)
case("sum.dim_IntList", lambda o, x: o.sum(x, [-1]), IMAGE)
case("amax.default", lambda o, x: o.amax(x, [1, 2]), IMAGE)
case("amin.default", lambda o, x: o.amin(x, [1], True), IMAGE)
case("prod.dim_int", lambda o, x: o.prod.dim_int(x, 1), ROWS)
for _name, _call in (("mean", "mean"), ("sum", "sum"), ("max", "max"), ("min", "min"), ("prod", "prod")):
    case(f"{_name}.default", lambda o, x, w, n=_call: x * getattr(o, n)(w), ROWS, w=[(3, 2)])
case("max.dim", lambda o, x: o.max.dim(x, 1)[0], ROWS)
case("min.dim", lambda o, x: o.min.dim(x, 2, True)[0], ROWS)
case("argmax.default", lambda o, x: o.argmax(x, 1), ROWS)
case("argmin.default", lambda o, x: o.argmin(x, -1, True), ROWS)
for _name in ("var", "std"):
    case(f"{_name}.correction", lambda o, x, n=_name: getattr(o, n).correction(x, [1], correction=0), ROWS)
    case(f"{_name}.dim", lambda o, x, n=_name: getattr(o, n).dim(x, [1], True, True), ROWS)
    case(f"{_name}.default", lambda o, x, w, n=_name: x * getattr(o, n)(w), ROWS, w=[(4, 3)])
    case(
        f"{_name}_mean.correction",
        lambda o, x, n=_name: o.add(*getattr(o, f"{n}_mean").correction(x, [1])),
        ROWS,
    )
    case(f"{_name}_mean.dim", lambda o, x, n=_name: o.add(*getattr(o, f"{n}_mean").dim(x, [1])), ROWS)
for _order in (1, 2, float("inf")):
    case("linalg_vector_norm.default", lambda o, x, p=_order: o.linalg_vector_norm(x, p, [-1], True), ROWS)
case("norm.ScalarOpt_dim", lambda o, x: o.norm.ScalarOpt_dim(x, 2, [1], True), ROWS)
case("norm.ScalarOpt_dim_dtype", lambda o, x: o.norm.ScalarOpt_dim_dtype(x, 2, [1], True, dtype=6), ROWS)
case("norm.Scalar", lambda o, x, w: x * o.norm.Scalar(w, 2), ROWS, w=[(4, 3)])
case("logsumexp.default", lambda o, x: o.logsumexp(x, [1]), ROWS)
# -- products ---------------------------------------------------------------------------------
case("matmul.default", lambda o, x, y: o.matmul(x, y), (2, 3, 5, 8), (2, 3, 8, 4))
case("matmul.default", lambda o, x, w: o.matmul(x, w), ROWS, w=[(8, 4)])
case("matmul.default", lambda o, x, w: o.matmul(w, x), ROWS, w=[(4, 5)])
case(
    "matmul.default",
    lambda o, x, w: o.matmul(x.permute(1, 0, 2, 3).reshape(6, 18, 8), w).view(6, 2, 9, 3).transpose(0, 1),
    IMAGE,
    w=[(6, 8, 3)],
)
case("mm.default", lambda o, x, w: o.mm(x, w), (2, 8), w=[(8, 4)])
case("bmm.default", lambda o, x, y: o.bmm(x, y), (2, 5, 8), (2, 8, 4))
case("mv.default", lambda o, x, w, v: x + o.mv(w, v), (2, 4), w=[(4, 3), (3,)])
case("dot.default", lambda o, x, w, v: x * o.dot(w, v), (2, 4), w=[(3,), (3,)])
case("outer.default", lambda o, x, w, v: x * o.outer(w, v), (2, 4, 3), w=[(4,), (3,)])
case("einsum.default", lambda o, x, w: o.einsum("bhwc,hkc->bhwk", [x, w]), IMAGE, w=[(6, 5, 8)])
case("einsum.default", lambda o, x, w: o.einsum("bhwc,wkc->bhwk", [x, w]), IMAGE, w=[(9, 5, 8)])
case(
    "einsum.default", lambda o, x, y: o.einsum("bghid,bghjd->bghij", [x, y]), (2, 3, 4, 5, 6), (2, 3, 4, 7, 6)
)
case("einsum.default", lambda o, x, w: o.einsum("b i d, d j", [x, w]), (2, 5, 6), w=[(6, 3)])
case("einsum.default", lambda o, x, y: o.einsum("bi,bj->bji", [x, y]), (2, 5), (2, 7))
case("einsum.default", lambda o, x, w: o.einsum("...c,ck->...k", [x, w]), IMAGE, w=[(8, 3)])
case(
    "einsum.default",
    lambda o, x, y, w: o.einsum("bic,bjc,k->bkij", [x, y, w]),
    (2, 5, 6),
    (2, 7, 6),
    w=[(3,)],
)
case("einsum.default", lambda o, x: o.einsum("bijk->bk", [x]), IMAGE)
_Q, _K = (2, 4, 5, 6), (2, 4, 7, 6)
case(
    "scaled_dot_product_attention.default",
    lambda o, q, k, v: o.scaled_dot_product_attention(q, k, v),
    _Q,
    _K,
    _K,
)
case(
    "scaled_dot_product_attention.default",
    lambda o, q, k, v: o.scaled_dot_product_attention(q, k, v, None, 0.0, True, scale=0.3),
    _Q,
    _K,
    _K,
)
case(
    "scaled_dot_product_attention.default",
    lambda o, q, k, v, m: o.scaled_dot_product_attention(q, k, v, m),
    _Q,
    _K,
    _K,
    w=[(4, 5, 7)],
)
case(
    "scaled_dot_product_attention.default",
    lambda o, q, k, v: o.scaled_dot_product_attention(q, k, v, o.gt(o.view(o.arange(7), [1, 7]), 2)),
    _Q,
    _K,
    _K,
)
case(
    "scaled_dot_product_attention.default",
    lambda o, q, k, v: o.scaled_dot_product_attention(q, k, v, enable_gqa=True),
    _Q,
    (2, 2, 7, 6),
    (2, 2, 7, 6),
)
case(
    "_native_multi_head_attention.default",
    lambda o, x, a, b, c, d: o._native_multi_head_attention(x, x, x, 8, 2, a, b, c, d, None, False)[0],
    ROWS,
    w=[(24, 8), (24,), (8, 8), (8,)],
)
# -- look-ups ---------------------------------------------------------------------------------
case("embedding.default", lambda o, i, w: o.embedding(w, i), (2, 5), w=[(9, 4)], whole=9)
case("embedding.default", lambda o, x, w: x + o.embedding(w, o.arange(5)), (2, 5, 4), w=[(9, 4)])
case("index_select.default", lambda o, x: o.index_select(x, 1, o.arange(3)), ROWS)
case("index.Tensor", lambda o, x: o.index(x, [None, o.flip(o.arange(5), [0])]), ROWS)
case("index.Tensor", lambda o, x: o.index(x, [None, None, o.view(o.arange(6), [2, 3])]), ROWS)
case("index.Tensor", lambda o, x: o.index(x, [None, o.unsqueeze(o.arange(3), 1), o.arange(4)]), ROWS)
case(
    "index.Tensor", lambda o, x, w: x + o.index(w, [o.arange(5), None, o.arange(5)]), (2, 5, 8), w=[(6, 8, 6)]
)
case("diagonal.default", lambda o, x: o.diagonal(x, 1, 1, 2), ROWS)
# -- recurrent --------------------------------------------------------------------------------


def recurrent(name: str, gates: int, both: bool, first: bool, layers: int = 1) -> None:
    """A recurrent layer of 8 features that arrive and 3 of a state, which starts from zeros."""
    ways = 2 if both else 1
    shapes: list[tuple[int, ...]] = []
    for number in range(layers):
        arriving = 8 if number == 0 else 3 * ways
        shapes += [(3 * gates, arriving), (3 * gates, 3), (3 * gates,), (3 * gates,)] * ways

    def call(o: Any, x: Any, *weights: Any) -> Any:
        x = x if first else o.transpose(x, 0, 1)
        zeros = o.zeros([ways * layers, 2, 3])
        state = [zeros, zeros] if name == "lstm" else zeros
        made = getattr(o, name).input(x, state, list(weights), True, layers, 0.0, False, both, first)
        sequence = made[0] if first else o.transpose(made[0], 0, 1)
        return o.add(sequence, o.sum(o.transpose(made[1], 0, 1), [1, 2]).view(2, 1, 1))

    case(f"{name}.input", call, ROWS, w=shapes)


for _name, _gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
    recurrent(_name, _gates, False, True)
    recurrent(_name, _gates, True, False, 2)
case(
    "linear.default",
    lambda o, x, w, b: o.linear(o.transpose(x, 0, 1).reshape(10, 8), w, b).view(5, 2, 4).transpose(0, 1),
    ROWS,
    w=[(4, 8), (4,)],
)


def _written(x: Any, write: Callable[[Any], None]) -> Any:
    y = x.clone()
    write(y)
    return y


def _whole(*numbers: int) -> Any:
    import torch

    return torch.tensor(numbers)


case("select_scatter.default", lambda o, x: o.select_scatter(x, o.select(x, 1, 2), 1, -2), ROWS)
case("slice_scatter.default", lambda o, x: o.slice_scatter(x, x[..., :4] * 3, -1, 1, None, 2), ROWS)
case("slice_scatter.default", lambda o, x: o.slice_scatter(o.zeros_like(x), x[:, 1:], 1, 0, 4), ROWS)
case("slice_scatter.default", lambda o, x: o.slice_scatter(x, o.ones_like(x[:, 1:]), 1, 0, 4), ROWS)
case("fill.Tensor", lambda o, x, w: x + o.fill(x, w.sum()), ROWS, w=[(3,)])
case("fill.Tensor", lambda o, x: _written(x, lambda y: y.__setitem__((slice(None), 0), 0.5)), ROWS)
case("index_put.default", lambda o, x: _written(x, lambda y: y.__setitem__((slice(None), [3, 0]), 1.5)), ROWS)
case("index_put.default", lambda o, x: o.index_put(x, [None, None, _whole(7, 2)], x[..., :2]), ROWS)
case(
    "gru_cell.default",
    lambda o, x, h, *w: o.gru_cell(x, h, *w),
    (2, 4),
    (2, 5),
    w=[(15, 4), (15, 5), (15,), (15,)],
)
case(
    "gru_cell.default",
    lambda o, x, *w: o.gru_cell(x, x.new_zeros(len(x), 5), *w),
    (2, 4),
    w=[(15, 4), (15, 5)],
)
case("lstm_cell.default", lambda o, x, h, *w: sum(o.lstm_cell(x, [h, h * 2], *w)), (2, 4), (2, 5),
     w=[(20, 4), (20, 5), (20,), (20,)])  # fmt: skip
for _kind in ("tanh", "relu"):
    case(
        f"rnn_{_kind}_cell.default",
        lambda o, x, h, *w, kind=_kind: getattr(o, f"rnn_{kind}_cell")(x, h, *w),
        (2, 4),
        (2, 5),
        w=[(5, 4), (5, 5), (5,), (5,)],
    )
case("round.default", lambda o, x: o.round(x * 3), ROWS)
