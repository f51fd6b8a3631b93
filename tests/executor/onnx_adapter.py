"""ONNX operators by the executor's kernels: attributes become fields, one or a few layers a node.

Only what surrounds an operator is done here (attributes, layouts, axes); every value comes out of a
kernel. What the language has no layers for raises :class:`Outside` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

from convcalc.executor.call import Call, Params
from convcalc.executor.kernels import run_kernel
from tests.executor.stand_ins import layer

Arrays = list[Any]
Attributes = dict[str, Any]
SAME = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower"}


class Outside(Exception):
    """The language has no layers for this; the message says why."""


def run(stand_in: Any, *xs: np.ndarray, wanted: tuple[int, ...] = (0,), **params: np.ndarray) -> Any:
    """Outputs of one kernel."""
    return run_kernel(Call(stand_in, xs, Params("layer", params), wanted=frozenset(wanted)))


def one(stand_in: Any, *xs: np.ndarray, **params: np.ndarray) -> Any:
    """First output of one kernel."""
    return run(stand_in, *xs, **params)[0]


def execute(op: str, attributes: Attributes, arrays: Arrays) -> Arrays:
    """First outputs of an operator.

    Raises:
        Outside: the language cannot express it.
    """
    if op not in OPERATORS:
        raise Outside("there is no such layer")
    for array in arrays:
        if array is not None and array.dtype.kind == "f" and array.dtype.itemsize < 4:
            raise Outside("the executor computes in float32 and float64")
        if array is not None and array.dtype.kind not in "fiu":
            raise Outside("the executor computes in float32 and float64")
    return OPERATORS[op](attributes, arrays)


def window(a: Attributes, rank: int) -> dict[str, Any]:
    """Stride, padding and dilation as layers have them."""
    pads = a.get("pads", [0] * 2 * rank)
    padding: Any = tuple(zip(pads[:rank], pads[rank:], strict=True))
    kind = a.get("auto_pad", "NOTSET")
    if kind in SAME:
        padding = (SAME[kind],) * rank
    return {
        "stride": tuple(a.get("strides", [1] * rank)),
        "padding": padding,
        "dilation": tuple(a.get("dilations", [1] * rank)),
    }


def conv(a: Attributes, arrays: Arrays) -> Arrays:
    x, w, *bias = arrays
    stand_in = layer("conv", x.ndim - 2, groups=a.get("group", 1), bias=bool(bias), **window(a, x.ndim - 2))
    return [one(stand_in, x, weight=w, **({"bias": bias[0]} if bias else {}))]


def conv_transposed(a: Attributes, arrays: Arrays) -> Arrays:
    x, w, *bias = arrays
    rank = x.ndim - 2
    fields = window(a, rank)
    extra = tuple(a.get("output_padding", [0] * rank))
    if "output_shape" in a:  # the padding is what makes it so, the odd one after
        axes = zip(x.shape[2:], w.shape[2:], fields["stride"], fields["dilation"], strict=True)
        full = [s * (n - 1) + (k - 1) * d + 1 for n, k, s, d in axes]
        over = [f + e - m for f, e, m in zip(full, extra, a["output_shape"], strict=True)]
        extra = tuple(e + max(-o, 0) for e, o in zip(extra, over, strict=True))
        fields["padding"] = tuple((max(o, 0) // 2, max(o, 0) - max(o, 0) // 2) for o in over)
    stand_in = layer("convT", rank, groups=a.get("group", 1), output_padding=extra, bias=bool(bias), **fields)
    return [one(stand_in, x, weight=w, **({"bias": bias[0]} if bias else {}))]


def maxpool(a: Attributes, arrays: Arrays) -> Arrays:
    (x,) = arrays
    values = x if x.dtype.kind == "f" else x.astype(np.float32)  # small integers are exact
    rank = x.ndim - 2
    stand_in = layer(
        "maxpool", rank, kernel=tuple(a["kernel_shape"]), ceil=bool(a.get("ceil_mode")), **window(a, rank)
    )
    y, indices = run(stand_in, values, wanted=(0, 1))
    sizes = x.shape[2:]
    if a.get("storage_order"):  # column by column
        places = np.unravel_index(indices, sizes)
        indices = np.ravel_multi_index(places[::-1], sizes[::-1])
    maps = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * rank)
    return [y.astype(x.dtype), indices + maps * int(np.prod(sizes))]


def avgpool(a: Attributes, arrays: Arrays) -> Arrays:
    (x,) = arrays
    rank = x.ndim - 2
    fields = window(a, rank)
    kernel, dilation = tuple(a["kernel_shape"]), fields.pop("dilation")
    ceil = bool(a.get("ceil_mode"))
    if any(d != 1 for d in dilation):
        # Without padding that is a depthwise convolution with equal weights.
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        over = any((n - e) % s for n, e, s in zip(x.shape[2:], spans, fields["stride"], strict=True))
        if any(map(any, fields["padding"])) or (ceil and over):
            raise Outside("average pooling has no dilation (and no convolution rounds its size up)")
        weight = np.full((x.shape[1], 1, *kernel), 1 / np.prod(kernel), x.dtype)
        stand_in = layer("dwconv", rank, dilation=dilation, groups=x.shape[1], bias=False, **fields)
        return [one(stand_in, x, weight=weight)]
    include = bool(a.get("count_include_pad"))
    return [one(layer("avgpool", rank, kernel=kernel, ceil=ceil, count_include_pad=include, **fields), x)]


def lppool(a: Attributes, arrays: Arrays) -> Arrays:
    (x,) = arrays
    fields = window(a, x.ndim - 2)
    if any(d != 1 for d in fields.pop("dilation")):
        raise Outside("pooling by a norm has no dilation")
    kernel = tuple(a["kernel_shape"])
    ceil = bool(a.get("ceil_mode"))
    return [one(layer("lppool", x.ndim - 2, kernel=kernel, norm=a.get("p", 2), ceil=ceil, **fields), x)]


def unpool(a: Attributes, arrays: Arrays) -> Arrays:
    x, indices, *shape = arrays
    rank = x.ndim - 2
    fields = window(a, rank)
    del fields["dilation"]
    # Indices are into the tensor that was pooled: of the size that the kernel implies.
    axes = zip(x.shape[2:], fields["stride"], a["kernel_shape"], strict=True)
    own = tuple((n - 1) * s + k for n, s, k in axes)
    size = tuple(int(n) for n in shape[0][2:]) if shape else own
    maps = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * rank)
    places = np.unravel_index(indices - maps * int(np.prod(own)), own)
    inside = np.ravel_multi_index(places, size)
    given = {"size": size} if shape else {}
    return [one(layer("unpool", rank, kernel=tuple(a["kernel_shape"]), **given, **fields), x, inside)]


def resize(a: Attributes, arrays: Arrays) -> Arrays:
    x, _, scales, sizes = [*arrays, None, None][:4]
    how = a.get("coordinate_transformation_mode", "half_pixel")
    mode = a.get("mode", "nearest")
    if a.get("antialias"):
        raise Outside("interpolation has no antialiasing filter")
    if how == "tf_crop_and_resize":
        raise Outside("interpolation takes the whole input, not a region")
    if a.get("exclude_outside"):
        raise Outside("interpolation repeats the border, it leaves nothing out")
    axes = list(a.get("axes", range(x.ndim)))
    factors = [Fraction(1)] * x.ndim
    target: tuple[int, ...] | None = None
    if sizes is not None:
        found = list(x.shape)
        for axis, n in zip(axes, sizes, strict=True):
            found[axis] = int(n)
        policy = a.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            choose = min if policy == "not_larger" else max
            ratio = choose(Fraction(found[axis], x.shape[axis]) for axis in axes)
            for axis in axes:
                found[axis] = floor(ratio * x.shape[axis] + Fraction(1, 2))
            factors = [ratio if axis in axes else Fraction(1) for axis in range(x.ndim)]
        else:
            factors = [Fraction(m, n) for m, n in zip(found, x.shape, strict=True)]
        target = tuple(found)
    else:
        for axis, factor in zip(axes, scales, strict=True):
            factors[axis] = Fraction(float(factor))
    fields: dict[str, Any] = {"size": target[2:]} if target else {"scale": tuple(factors[2:])}
    out = target or tuple(floor(n * f) for n, f in zip(x.shape, factors, strict=True))
    if mode == "nearest":
        return [_nearest(x, out, factors, how, a.get("nearest_mode", "round_prefer_floor"), fields)]
    if how == "pytorch_half_pixel" and any(m == 1 for m in out[2:]):
        raise Outside("a size of 1 is sampled in the middle, as PyTorch does")
    if how == "align_corners" and any(n * f != m for n, f, m in zip(x.shape, factors, out, strict=True)):
        raise Outside("corners are aligned at the size that comes out, not at the fraction that scale gives")
    if how not in ("half_pixel", "align_corners", "pytorch_half_pixel"):
        raise Outside(f"there is no {how} sampling of {mode} interpolation")
    return [
        one(
            layer(
                "upsample",
                x.ndim - 2,
                mode=mode,
                align_corners=how == "align_corners",
                a=a.get("cubic_coeff_a", -0.75),
                **fields,
            ),
            x,
        )
    ]


def _nearest(
    x: np.ndarray,
    out: tuple[int, ...],
    factors: list[Fraction],
    how: str,
    nearest: str,
    fields: dict[str, Any],
) -> np.ndarray:
    """Nearest neighbours, if those that the operator's definition names are those of one of ours."""
    half = Fraction(1, 2)
    wanted, floors, rounds = [], [], []
    for n, m, f in zip(x.shape[2:], out[2:], factors[2:], strict=True):
        for o in range(m):
            place = {
                "half_pixel": (o + half) / f - half,
                "asymmetric": o / f,
                "align_corners": o * Fraction(n - 1, m - 1) if m > 1 else Fraction(0),
            }[how]
            rounded = {
                "floor": floor(place),
                "ceil": -floor(-place),
                "round_prefer_floor": -floor(half - place),
                "round_prefer_ceil": floor(place + half),
            }[nearest]
            wanted.append(min(max(rounded, 0), n - 1))
            ratio = Fraction(n, m) if "size" in fields else 1 / f
            floors.append(min(floor(o * ratio), n - 1))
            rounds.append(min(floor((o + half) * ratio), n - 1))
    for mode, found in (("nearest", floors), ("nearest_exact", rounds)):
        if found == wanted:
            return one(layer("upsample", x.ndim - 2, mode=mode, **fields), x)
    raise Outside(f"neighbours by {how} and {nearest} are not those of nearest or nearest_exact")


def batchnorm(a: Attributes, arrays: Arrays) -> Arrays:
    x, weight, bias, mean, variance = arrays
    track = not a.get("training_mode")
    running = {"running_mean": mean, "running_var": variance} if track else {}
    stand_in = layer("bn", channels=x.shape[1], track=track, eps=a.get("epsilon", 1e-5))
    return [one(stand_in, x, weight=weight, bias=bias, **running)]


def pixels(op: str, default: str) -> Callable[[Attributes, Arrays], Arrays]:
    def kernel(a: Attributes, arrays: Arrays) -> Arrays:
        mode = a.get("mode", default).lower()
        return [one(layer(op, factor=a["blocksize"], mode=mode), arrays[0])]

    return kernel


def gemm(a: Attributes, arrays: Arrays) -> Arrays:
    x, w, *term = arrays
    x = np.ascontiguousarray(x.T) if a.get("transA") else x
    w = (w if a.get("transB") else w.T) * np.float32(a.get("alpha", 1.0))
    c = term[0] * np.float32(a.get("beta", 1.0)) if term else None
    if c is not None and c.ndim < 2:
        c = np.broadcast_to(c, len(w))
        return [one(layer("linear", bias=True), x, weight=w, bias=c)]
    y = one(layer("linear", bias=False), x, weight=w)
    return [y if c is None else one(layer("add"), y, c)]


def instancenorm(a: Attributes, arrays: Arrays) -> Arrays:
    x, weight, bias = arrays
    stand_in = layer("instancenorm", channels=x.shape[1], affine=True, eps=a.get("epsilon", 1e-5))
    return [one(stand_in, x, weight=weight, bias=bias)]


def layernorm(a: Attributes, arrays: Arrays) -> Arrays:
    x, weight, *bias = arrays
    axes = tuple(range(a.get("axis", -1) % x.ndim, x.ndim))
    shape = x.shape[axes[0] :]
    stand_in = layer("ln", axis=axes, shape=shape, bias=bool(bias), eps=a.get("epsilon", 1e-5))
    params = {"weight": weight.reshape(shape), **({"bias": bias[0].reshape(shape)} if bias else {})}
    return [one(stand_in, x[None], **params)[0]]


def groupnorm(a: Attributes, arrays: Arrays) -> Arrays:
    x, weight, bias = arrays
    stand_in = layer("gn", groups=a["num_groups"], channels=x.shape[1], eps=a.get("epsilon", 1e-5))
    return [one(stand_in, x, weight=weight, bias=bias)]


def lrn(a: Attributes, arrays: Arrays) -> Arrays:
    fields = {"alpha": a.get("alpha", 1e-4), "beta": a.get("beta", 0.75), "k": a.get("bias", 1.0)}
    return [one(layer("lrn", size=a["size"], **fields), arrays[0])]


def elementwise(stand_in: Any, x: np.ndarray, **params: np.ndarray) -> np.ndarray:
    """A layer on a tensor of any shape: as one channel of a row of values."""
    return one(stand_in, x.reshape(1, 1, -1), **params).reshape(x.shape)


def scaled(x: np.ndarray, factor: float, term: float = 0.0) -> np.ndarray:
    """By the scale layer."""
    params = {"weight": np.array([factor], x.dtype), "bias": np.array([term], x.dtype)}
    return elementwise(layer("scale", channels=1, bias=True), x, **params)


def plain(op: str) -> Callable[[Attributes, Arrays], Arrays]:
    return lambda a, arrays: [elementwise(layer(op), arrays[0])]


def leaky(a: Attributes, arrays: Arrays) -> Arrays:
    return [elementwise(layer("leakyrelu", slope=a.get("alpha", 0.01)), arrays[0])]


def prelu(a: Attributes, arrays: Arrays) -> Arrays:
    x, slope = arrays
    if slope.shape == x.shape:  # a channel an entry
        return [
            one(layer("prelu", channels=x.size), x.reshape(1, -1), weight=slope.reshape(-1)).reshape(x.shape)
        ]
    if slope.shape != x.shape[-1:]:
        raise Outside("slopes are one, or one a channel")
    moved = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    return [np.moveaxis(one(layer("prelu", channels=slope.size), moved, weight=slope), 1, -1)]


def elu(a: Attributes, arrays: Arrays) -> Arrays:
    return [elementwise(layer("elu", alpha=a.get("alpha", 1.0)), arrays[0])]


def selu(a: Attributes, arrays: Arrays) -> Arrays:
    if not a:
        return [elementwise(layer("selu"), arrays[0])]
    return [scaled(elementwise(layer("elu", alpha=a["alpha"]), arrays[0]), a["gamma"])]


def celu(a: Attributes, arrays: Arrays) -> Arrays:
    return [elementwise(layer("celu", alpha=a.get("alpha", 1.0)), arrays[0])]


def thresholded(a: Attributes, arrays: Arrays) -> Arrays:
    return [elementwise(layer("threshold", threshold=a.get("alpha", 1.0), value=0.0), arrays[0])]


def shrink(a: Attributes, arrays: Arrays) -> Arrays:
    """``x - bias`` above lambda, ``x + bias`` below it, else 0."""
    lambd, bias = a.get("lambd", 0.5), a.get("bias", 0.0)
    if bias not in (0.0, lambd):
        raise Outside("what is left is moved by lambda, or stays")
    return [elementwise(layer("softshrink" if bias else "hardshrink", lambd=lambd), arrays[0])]


def matrix_product(a: Any, b: Any) -> Arrays:
    (y,) = one(layer("matmul"), a[None], b[None])
    return [y if a.ndim + b.ndim > 2 else y[0]]  # of two vectors: a shape of ours has an axis


def rmsnorm(a: Attributes, arrays: Arrays) -> Arrays:
    x, weight = arrays
    axes = tuple(range(a.get("axis", -1) % x.ndim, x.ndim))
    shape = x.shape[axes[0] :]
    stand_in = layer("rmsnorm", axis=axes, shape=shape, eps=a.get("epsilon", 1e-5))
    return [one(stand_in, x[None], weight=np.broadcast_to(weight, shape))[0]]


def col2im(a: Attributes, arrays: Arrays) -> Arrays:
    x, size, block = arrays
    stand_in = layer("fold", size=tuple(size), kernel=tuple(map(int, block)), **window(a, len(size)))
    return [one(stand_in, x)]


def deform_conv(a: Attributes, arrays: Arrays) -> Arrays:
    x, w, offsets, bias, mask = [*arrays, None, None][:5]
    rank = x.ndim - 2
    stand_in = layer(
        "deformconv",
        rank,
        kernel=w.shape[2:],
        groups=a.get("group", 1),
        bias=bias is not None,
        **window(a, rank),
    )
    inputs = (x, offsets) if mask is None else (x, offsets, mask)
    return [one(stand_in, *inputs, weight=w, **({} if bias is None else {"bias": bias}))]


def gather(a: Attributes, arrays: Arrays) -> Arrays:
    """ONNX's tensor as one sample, so that every axis of it may be chosen along."""
    x, index = arrays
    axis = int(a.get("axis", 0)) % x.ndim
    stand_in = layer("gather", axis=axis, size=x.shape[axis])
    return [one(stand_in, x[None], index[None])[0]]


def hard_sigmoid(a: Attributes, arrays: Arrays) -> Arrays:
    # max(0, min(1, alpha x + beta)) is ours, relu6(z + 3) / 6, at z = 6 (alpha x + beta) - 3.
    alpha, beta = a.get("alpha", 0.2), a.get("beta", 0.5)
    return [elementwise(layer("hardsigmoid"), scaled(arrays[0], 6 * alpha, 6 * beta - 3))]


def gelu(a: Attributes, arrays: Arrays) -> Arrays:
    return [elementwise(layer("gelu", approximate=a.get("approximate", "none")), arrays[0])]


def swish(a: Attributes, arrays: Arrays) -> Arrays:
    alpha = a.get("alpha", 1.0)
    return [scaled(elementwise(layer("silu"), scaled(arrays[0], alpha)), 1 / alpha)]


def softmax(a: Attributes, arrays: Arrays) -> Arrays:
    (x,) = arrays
    axis = a.get("axis", -1) % x.ndim
    return [one(layer("softmax", axis=axis), x[None])[0]]


def log_softmax(a: Attributes, arrays: Arrays) -> Arrays:
    (x,) = arrays
    return [one(layer("logsoftmax", axis=a.get("axis", -1) % x.ndim), x[None])[0]]


ORDERS = {"rnn": (0,), "lstm": (0, 2, 3, 1), "gru": (1, 0, 2)}
"""Where ONNX has the gates i f g o and r z n of PyTorch."""


def recurrent(op: str) -> Callable[[Attributes, Arrays], Arrays]:
    """One layer, in one direction or in both."""

    def run_layer(a: Attributes, arrays: Arrays) -> Arrays:
        x, w, r, b, lengths, h, c, peepholes = [*arrays, *[None] * 5][:8]
        if any(array is not None for array in (h, c, peepholes)):
            raise Outside("a sequence starts at zero, and gates do not look at the cell")
        if lengths is not None and not (lengths == x.shape[1 if a.get("layout") else 0]).all():
            raise Outside("all sequences have one length")
        usual = {"lstm": ["Sigmoid", "Tanh", "Tanh"], "gru": ["Sigmoid", "Tanh"], "rnn": ["Tanh"]}[op]
        functions = [str(f.decode() if isinstance(f, bytes) else f) for f in a.get("activations", [])]
        relu = op == "rnn" and set(functions) == {"Relu"}
        if functions and functions != usual * len(w) and not relu:
            raise Outside("other functions")
        if a.get("direction", "forward") == "reverse" or a.get("clip") or a.get("input_forget"):
            raise Outside("no layer runs from the end alone, clips or couples its gates")
        rows = np.split(np.arange(w.shape[1]), len(ORDERS[op]))
        order = np.concatenate([rows[i] for i in ORDERS[op]])
        params = {}
        for way, end in enumerate(("", "_reverse")[: len(w)]):
            params |= {f"weight_ih_l0{end}": w[way][order], f"weight_hh_l0{end}": r[way][order]}
            if b is not None:
                first, second = np.split(b[way], 2)
                params |= {f"bias_ih_l0{end}": first[order], f"bias_hh_l0{end}": second[order]}
        fields = {"nonlinearity": "relu"} if relu else {}
        if op == "gru":
            fields["reset"] = "after" if a.get("linear_before_reset") else "before"
        stand_in = layer(
            op,
            in_features=w.shape[2],
            hidden=r.shape[2],
            bidirectional=len(w) == 2,
            bias=b is not None,
            **fields,
        )
        batch_first = bool(a.get("layout"))
        y, *states = run(stand_in, x if batch_first else x.transpose(1, 0, 2).copy(), **params)
        y = y.reshape(*y.shape[:2], len(w), -1)
        if batch_first:
            return [y, *states]
        return [y.transpose(1, 2, 0, 3), *(s.transpose(1, 0, 2) for s in states)]

    return run_layer


def clip(a: Attributes, arrays: Arrays) -> Arrays:
    x, low, high = [*arrays, None, None][:3]
    if x.dtype.kind != "f":
        raise Outside("the executor computes in float32 and float64")
    if low is None and high is None:
        raise Outside("a clip has a bound")
    bounds = {name: None if at is None else float(at) for name, at in (("min", low), ("max", high))}
    return [elementwise(layer("clip", **bounds), x)]


def join(op: str) -> Callable[[Attributes, Arrays], Arrays]:
    """The operator has no batch: one is put in front."""

    def kernel(a: Attributes, arrays: Arrays) -> Arrays:
        first, *rest = arrays
        if first.dtype.kind != "f":
            raise Outside("the executor computes in float32 and float64")
        if not rest:
            raise Outside("a join has two operands")
        return [one(layer(op), *(array[None].astype(first.dtype, copy=False) for array in arrays))[0]]

    return kernel


def lp_normalization(a: Attributes, arrays: Arrays) -> Arrays:
    (x,) = arrays
    if a.get("p", 2) != 2:
        raise Outside("a vector is divided by its length, which is p = 2")
    return [one(layer("l2norm", axis=a.get("axis", -1) % x.ndim), x[None])[0]]


FUNCTIONS = ("Neg", "Exp", "Log", "Sqrt", "Abs", "Sin", "Cos", "Erf", "Reciprocal", "Sign", "Floor", "Round")


def reduction(op: str, **fields: Any) -> Callable[[Attributes, Arrays], Arrays]:
    """A reduction over axes that an input or an attribute names; all of them by default."""

    def run_it(a: Attributes, arrays: Arrays) -> Arrays:
        x, axes = [*arrays, None][:2]
        if x.dtype.kind != "f":
            raise Outside("the executor computes in float32 and float64")
        if x.ndim == 0 or x.size == 0:
            raise Outside("a tensor has an axis at least, and an entry")
        axes = a.get("axes") if axes is None else axes
        if axes is None or len(axes) == 0:
            if a.get("noop_with_empty_axes"):
                raise Outside("a reduction is over an axis at least")
            axes = range(x.ndim)
        over = tuple(sorted(int(axis) % x.ndim for axis in axes))
        keep = bool(a.get("keepdims", 1))
        y = one(layer(op, axis=over, keep=keep, **fields), x[None])[0]
        return [y if keep or len(over) < x.ndim else y.reshape(())]

    return run_it


def place(op: str) -> Callable[[Attributes, Arrays], Arrays]:
    def run_it(a: Attributes, arrays: Arrays) -> Arrays:
        (x,) = arrays
        if a.get("select_last_index"):
            raise Outside("of several the first is taken")
        keep = bool(a.get("keepdims", 1))
        return [one(layer(op, axis=a.get("axis", 0) % x.ndim, keep=keep), x[None])[0]]

    return run_it


def tile(a: Attributes, arrays: Arrays) -> Arrays:
    x, counts = arrays
    return [one(layer("tile", counts=tuple(map(int, counts))), x[None])[0]]


def expand(a: Attributes, arrays: Arrays) -> Arrays:
    """ONNX broadcasts both ways: a size of 1 that is asked for leaves what arrives."""
    x, shape = arrays
    return [one(layer("expand", shape=np.broadcast_shapes(x.shape, tuple(map(int, shape)))), x[None])[0]]


OPERATORS: dict[str, Callable[[Attributes, Arrays], Arrays]] = {
    "Conv": conv,
    "ConvTranspose": conv_transposed,
    "MaxPool": maxpool,
    "AveragePool": avgpool,
    "GlobalAveragePool": lambda a, arrays: [one(layer("globalavgpool"), arrays[0])],
    "GlobalMaxPool": lambda a, arrays: [one(layer("globalmaxpool"), arrays[0])],
    "LpPool": lppool,
    "MaxUnpool": unpool,
    "Resize": resize,
    "BatchNormalization": batchnorm,
    "DepthToSpace": pixels("pixelshuffle", "DCR"),
    "SpaceToDepth": pixels("pixelunshuffle", "DCR"),
    "Gemm": gemm,
    "MatMul": lambda a, arrays: matrix_product(*arrays),
    "InstanceNormalization": instancenorm,
    "LayerNormalization": layernorm,
    "GroupNormalization": groupnorm,
    "LRN": lrn,
    "Relu": plain("relu"),
    "LeakyRelu": leaky,
    "PRelu": prelu,
    "Elu": elu,
    "Selu": selu,
    "Celu": celu,
    "Sigmoid": plain("sigmoid"),
    "Tanh": plain("tanh"),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": plain("hardswish"),
    "Mish": plain("mish"),
    "Softplus": plain("softplus"),
    "Softsign": plain("softsign"),
    "Gelu": gelu,
    "Swish": swish,
    "Softmax": softmax,
    "ReduceMean": reduction("mean"),
    "ReduceSum": reduction("sum"),
    "ReduceProd": reduction("prod"),
    "ReduceMax": reduction("max"),
    "ReduceMin": reduction("min"),
    "ReduceL1": reduction("norm", p="1"),
    "ReduceL2": reduction("norm", p="2"),
    "ArgMax": place("argmax"),
    "ArgMin": place("argmin"),
    "Tile": tile,
    "Expand": expand,
    "Clip": clip,
    **{name: plain(name.lower()) for name in FUNCTIONS},
    **{name: join(name.lower()) for name in ("Add", "Sub", "Mul", "Div", "Pow")},
    "Sum": join("add"),
    "Max": join("maximum"),
    "Min": join("minimum"),
    "LpNormalization": lp_normalization,
    "ThresholdedRelu": thresholded,
    "Shrink": shrink,
    "RMSNormalization": rmsnorm,
    "LogSoftmax": log_softmax,
    "Col2Im": col2im,
    "DeformConv": deform_conv,
    **{op.upper(): recurrent(op) for op in ORDERS},
    "Gather": gather,
}
