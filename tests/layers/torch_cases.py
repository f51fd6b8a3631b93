"""Random layers, each as a PyTorch module and as options of the layer of convcalc.

About a quarter of the draws are wild: kernels beyond the input, groups that do not divide, strides
of nothing. They must be refused on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

Axes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Case(NamedTuple):
    """One configuration.

    Attributes:
        build: makes the module; constructors may refuse.
        op: the layer's name in convcalc.
        values: its options by field.
        shape: what arrives: channels, then sizes.
        pasted: whether ``print(module)`` states the whole of it.
        line: whether the line form can state it.
        agree: False where the two are known to differ; the reason is in the generator.
    """

    build: Callable[[], Any]
    op: str
    values: dict[str, Any]
    shape: tuple[int, ...]
    pasted: bool = True
    line: bool = True
    agree: bool = True


def nn() -> Any:
    import torch.nn

    return torch.nn


def ints(rng: Random, low: int, high: int, rank: int) -> Axes:
    return tuple(rng.randint(low, high) for _ in range(rank))


def flat(pads: Pairs) -> list[int]:
    """Padding as PyTorch lists it: the last axis first."""
    return [side for pair in reversed(pads) for side in pair]


def padder(rank: int, pads: Pairs, mode: str = "zeros", value: float = 0.0) -> Any:
    name = {
        "zeros": "ConstantPad",
        "reflect": "ReflectionPad",
        "replicate": "ReplicationPad",
        "circular": "CircularPad",
    }[mode]
    arguments = (flat(pads), value) if mode == "zeros" else (flat(pads),)
    return getattr(nn(), f"{name}{rank}d")(*arguments)


def symmetric(pads: Pairs) -> bool:
    return all(before == after for before, after in pads)


def draw_sizes(rng: Random, extents: Axes, wild: bool) -> Axes:
    """Sizes around what the window needs; below it where wild."""
    return tuple(max(1, e + rng.randint(-3 if wild else 0, 9)) for e in extents)


def conv(rng: Random) -> Case:
    rank, wild = rng.randint(1, 3), rng.random() < 0.25
    groups = rng.choice([1, 1, 2, 3, 4])
    ins, outs = groups * rng.randint(1, 4), groups * rng.randint(1, 4)
    if wild and rng.random() < 0.3:
        ins, outs = rng.randint(1, 9), rng.randint(1, 9)
    kernel, dilation = ints(rng, 1, 5, rank), ints(rng, 1, 3, rank)
    stride = ints(rng, 0 if wild and rng.random() < 0.1 else 1, 4, rank)
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    sizes = draw_sizes(rng, extents, wild)
    arriving = ins + (rng.randint(1, 2) if wild and rng.random() < 0.1 else 0)
    mode = rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"])
    kind = rng.choice(["pairs", "pairs", "even", "even", "same", "valid", "full", "causal"])
    bias = rng.random() < 0.5
    pads: Pairs | str
    if kind == "pairs":
        pads = tuple((rng.randint(0, e), rng.randint(0, e)) for e in extents)
    elif kind == "even":
        pads = tuple((p, p) for p in (rng.randint(0, e) for e in extents))
    else:
        pads = kind
    if kind == "same":
        stride = (1,) * rank  # PyTorch knows it at stride 1 alone
    if kind == "full":
        explicit: Pairs = tuple((e - 1, e - 1) for e in extents)
    elif kind == "causal":
        explicit = tuple((e - 1, 0) for e in extents)
    else:
        explicit = () if isinstance(pads, str) else pads

    def build() -> Any:
        conv_class = getattr(nn(), f"Conv{rank}d")
        if kind in ("same", "valid"):
            return conv_class(ins, outs, kernel, stride, kind, dilation, groups, bias, mode)
        if symmetric(explicit):
            even = tuple(before for before, _ in explicit)
            return conv_class(ins, outs, kernel, stride, even, dilation, groups, bias, mode)
        return nn().Sequential(
            padder(rank, explicit, mode), conv_class(ins, outs, kernel, stride, 0, dilation, groups, bias)
        )

    values = {
        "in_channels": ins,
        "out_channels": outs,
        "kernel": kernel,
        "stride": stride,
        "padding": pads,
        "dilation": dilation,
        "groups": groups,
        "bias": bias,
        "padding_mode": mode,
    }
    return Case(build, "conv", values, (arriving, *sizes))


def depthwise(rng: Random) -> Case:
    rank, channels, multiplier = rng.randint(1, 3), rng.randint(1, 6), rng.randint(1, 3)
    kernel, stride, dilation = ints(rng, 1, 4, rank), ints(rng, 1, 3, rank), ints(rng, 1, 2, rank)
    even = tuple(rng.randint(0, k) for k in kernel)
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    sizes = draw_sizes(rng, extents, rng.random() < 0.2)
    bias = rng.random() < 0.5
    values = {
        "kernel": kernel,
        "stride": stride,
        "padding": tuple((p, p) for p in even),
        "dilation": dilation,
        "multiplier": multiplier,
        "bias": bias,
    }
    return Case(
        lambda: getattr(nn(), f"Conv{rank}d")(
            channels, channels * multiplier, kernel, stride, even, dilation, channels, bias
        ),
        "dwconv",
        values,
        (channels, *sizes),
    )


def transposed(rng: Random) -> Case:
    rank, wild = rng.randint(1, 3), rng.random() < 0.3
    groups = rng.choice([1, 1, 2, 3])
    ins, outs = groups * rng.randint(1, 3), groups * rng.randint(1, 3)
    if wild and rng.random() < 0.3:
        ins, outs = rng.randint(1, 7), rng.randint(1, 7)
    kernel, dilation = ints(rng, 1, 5, rank), ints(rng, 1, 3, rank)
    stride = ints(rng, 1, 4, rank)
    most = [max(s, d) - (0 if wild else 1) for s, d in zip(stride, dilation, strict=True)]
    extra = tuple(rng.randint(0, m) for m in most)
    sizes = ints(rng, 1, 6, rank)
    room = [
        s * (i - 1) + d * (k - 1) + e
        for s, i, d, k, e in zip(stride, sizes, dilation, kernel, extra, strict=True)
    ]
    even = rng.random() < 0.6
    if even:
        pads: Pairs = tuple((p, p) for p in (rng.randint(0, r // 2 + wild) for r in room))
    else:
        before = [rng.randint(0, r) for r in room]
        pads = tuple((b, rng.randint(0, r - b + wild)) for b, r in zip(before, room, strict=True))
    bias = rng.random() < 0.5

    def build() -> Any:
        module = getattr(nn(), f"ConvTranspose{rank}d")
        if symmetric(pads):
            crop = tuple(b for b, _ in pads)
            return module(ins, outs, kernel, stride, crop, extra, groups, bias, dilation)
        # An uneven crop is a crop of the whole map.
        negative = tuple((-b, -a) for b, a in pads)
        return nn().Sequential(
            module(ins, outs, kernel, stride, 0, extra, groups, bias, dilation), padder(rank, negative)
        )

    values = {
        "in_channels": ins,
        "out_channels": outs,
        "kernel": kernel,
        "stride": stride,
        "padding": pads,
        "output_padding": extra,
        "dilation": dilation,
        "groups": groups,
        "bias": bias,
    }
    return Case(build, "convT", values, (ins, *sizes), pasted=symmetric(pads))


def linear(rng: Random) -> Case:
    ins, outs, bias = rng.randint(1, 40), rng.randint(1, 40), rng.random() < 0.5
    arriving = ins + (rng.random() < 0.2)
    values = {"in_features": ins, "out_features": outs, "bias": bias, "axis": -1}
    shape = (*ints(rng, 1, 6, rng.choice((0, 0, 1, 2, 5))), arriving)
    return Case(lambda: nn().Linear(ins, outs, bias), "linear", values, shape)


def pool_window(rng: Random, dilated: bool) -> tuple[int, Axes, Axes | None, Axes, Axes, Axes]:
    rank, wild = rng.randint(1, 3), rng.random() < 0.25
    kernel = ints(rng, 1, 4, rank)
    dilation = ints(rng, 1, 3, rank) if dilated else (1,) * rank
    stride = ints(rng, 1, 5, rank) if rng.random() < 0.8 else None
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    even = tuple(rng.randint(0, e // 2 + wild) for e in extents)
    sizes = tuple(
        max(1, e - 2 * p + rng.randint(-3 if wild else 0, 9)) for e, p in zip(extents, even, strict=True)
    )
    return rank, kernel, stride, even, dilation, sizes


def half_of_kernel(kernel: Axes, dilation: Axes, pads: Pairs) -> bool:
    """Whether two readings of "at most half the kernel" agree: PyTorch's, without its dilation, and ours."""
    axes = zip(kernel, dilation, pads, strict=True)
    return all(2 * max(p) <= k or 2 * max(p) > d * (k - 1) + 1 for k, d, p in axes)


def maxpool(rng: Random) -> Case:
    rank, kernel, stride, even, dilation, sizes = pool_window(rng, True)
    ceil, channels = rng.random() < 0.5, rng.randint(1, 4)
    pads: Pairs = tuple((p, p) for p in even)
    if not ceil and rng.random() < 0.3:
        extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        pads = tuple((rng.randint(0, e // 2), rng.randint(0, e // 2)) for e in extents)

    def build() -> Any:
        pool = getattr(nn(), f"MaxPool{rank}d")
        if symmetric(pads):
            return pool(kernel, stride, tuple(b for b, _ in pads), dilation, False, ceil)
        return nn().Sequential(
            padder(rank, pads, value=float("-inf")), pool(kernel, stride, 0, dilation, False, ceil)
        )

    values = {"kernel": kernel, "padding": pads, "dilation": dilation, "ceil": ceil}
    if stride is not None:
        values["stride"] = stride
    agree = not symmetric(pads) or half_of_kernel(kernel, dilation, pads)
    return Case(build, "maxpool", values, (channels, *sizes), pasted=symmetric(pads), agree=agree)


def avgpool(rng: Random) -> Case:
    rank, kernel, stride, even, _, sizes = pool_window(rng, False)
    ceil, counted, channels = rng.random() < 0.5, rng.random() < 0.5, rng.randint(1, 4)
    divisor = rng.randint(1, 9) if rank > 1 and rng.random() < 0.2 else None
    values: dict[str, Any] = {
        "kernel": kernel,
        "padding": tuple((p, p) for p in even),
        "ceil": ceil,
        "count_include_pad": counted,
    }
    if stride is not None:
        values["stride"] = stride
    if divisor is not None:
        values["divisor"] = divisor

    def build() -> Any:
        more = {} if divisor is None else {"divisor_override": divisor}
        return getattr(nn(), f"AvgPool{rank}d")(
            kernel, stride, even, ceil_mode=ceil, count_include_pad=counted, **more
        )

    # PyTorch prints neither ceil_mode nor count_include_pad of an average pool.
    # AvgPool3d alone wants the kernel to fit the input without its padding.
    agree = rank < 3 or all(n >= k for n, k in zip(sizes, kernel, strict=True))
    return Case(build, "avgpool", values, (channels, *sizes), pasted=not ceil, agree=agree)


def lppool(rng: Random) -> Case:
    rank, kernel, stride, _, _, sizes = pool_window(rng, False)
    ceil, norm = rng.random() < 0.5, rng.choice([1, 2, 3, 1.5])
    if rank == 1:
        kernel, stride = kernel[:1], stride and stride[:1]
    values: dict[str, Any] = {"norm": norm, "kernel": kernel, "ceil": ceil}
    if stride is not None:
        values["stride"] = stride

    def build() -> Any:
        one = (lambda v: v and v[0]) if rank == 1 else (lambda v: v)
        return getattr(nn(), f"LPPool{rank}d")(norm, one(kernel), one(stride), ceil)

    agree = rank < 3 or all(n >= k for n, k in zip(sizes, kernel, strict=True))  # as AvgPool3d
    return Case(build, "lppool", values, (rng.randint(1, 4), *sizes), agree=agree)


def adaptive(rng: Random) -> Case:
    rank, kind = rng.randint(1, 3), rng.choice(["Avg", "Max"])
    sizes = ints(rng, 1, 9, rank)
    size: Any = tuple(rng.choice([None, *range(1, 10)]) for _ in sizes) if rank > 1 else ints(rng, 1, 9, 1)
    values = {"size": size}
    return Case(
        lambda: getattr(nn(), f"Adaptive{kind}Pool{rank}d")(size if rank > 1 else size[0]),
        f"adaptive{kind.lower()}pool",
        values,
        (rng.randint(1, 5), *sizes),
    )


def global_pool(rng: Random) -> Case:
    rank, kind = rng.randint(1, 3), rng.choice(["Avg", "Max"])
    shape = (rng.randint(1, 5), *ints(rng, 1, 9, rank))
    return Case(
        lambda: getattr(nn(), f"Adaptive{kind}Pool{rank}d")(1), f"global{kind.lower()}pool", {}, shape
    )


def upsample(rng: Random) -> Case:
    rank = rng.randint(1, 3)
    sizes = ints(rng, 2, 12, rank)
    modes = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}
    names = [name for rank_modes in modes.values() for name in rank_modes]
    mode = rng.choice(["nearest", "nearest-exact", *modes[rank], *(names if rng.random() < 0.2 else ())])
    corners = rng.random() < 0.5 if not mode.startswith("nearest") else None
    values: dict[str, Any] = {"mode": mode.replace("-", "_")}
    if corners is not None:
        values["align_corners"] = corners
    given: dict[str, Any] = {}
    agree = True
    if rng.random() < 0.4:
        values["size"] = given["size"] = ints(rng, 1, 20, rank)
    else:
        from fractions import Fraction

        scale = tuple(rng.choice([1, 2, 3, 0.5, 1.5, 2.25, 0.75, 0.25, 1.7, 2.3, 0.29]) for _ in sizes)
        values["scale"] = given["scale_factor"] = scale
        # PyTorch multiplies in floating point: floor(100 * 0.29) is 28 there, and 29 here.
        agree = all(int(Fraction(str(f)) * i) == int(i * float(f)) for f, i in zip(scale, sizes, strict=True))
    return Case(
        lambda: nn().Upsample(**given, mode=mode, align_corners=corners),
        "upsample",
        values,
        (rng.randint(1, 4), *sizes),
        agree=agree,
        # linear and cubic of convcalc work on every rank
        line=mode in ("nearest", "nearest-exact") or mode in modes[rank] or mode != "linear",
    )


def pixel_shuffle(rng: Random) -> Case:
    factor = rng.randint(1, 4)
    channels = factor**2 * rng.randint(1, 3) + (rng.random() < 0.2)
    sizes = ints(rng, 1, 6, 2)
    return Case(lambda: nn().PixelShuffle(factor), "pixelshuffle", {"factor": factor}, (channels, *sizes))


def pixel_unshuffle(rng: Random) -> Case:
    factor = rng.randint(1, 4)
    sizes = tuple(factor * n + (rng.random() < 0.1) for n in ints(rng, 1, 4, 2))
    return Case(
        lambda: nn().PixelUnshuffle(factor),
        "pixelunshuffle",
        {"factor": factor},
        (rng.randint(1, 4), *sizes),
    )


def channel_shuffle(rng: Random) -> Case:
    groups = rng.randint(1, 4)
    channels = groups * rng.randint(1, 4) + (rng.random() < 0.2)
    shape = (channels, *ints(rng, 1, 5, rng.randint(1, 3)))
    return Case(lambda: nn().ChannelShuffle(groups), "shuffle", {"groups": groups}, shape)


def batch_norm(rng: Random) -> Case:
    rank = rng.randint(0, 3)
    channels, affine, track, bias = rng.randint(1, 9), *(rng.random() < 0.6 for _ in range(3))
    arriving = channels + (rng.random() < 0.1)
    shape = (arriving, *ints(rng, 1, 5, rank))
    return Case(
        lambda: getattr(nn(), f"BatchNorm{max(rank, 1)}d")(
            channels, affine=affine, track_running_stats=track, bias=bias
        ),
        "bn",
        {"channels": channels, "affine": affine, "track": track, "bias": bias},
        shape,
        # Without anything stored a channel, PyTorch does not look at the channels.
        agree=affine or track or arriving == channels,
    )


def instance_norm(rng: Random) -> Case:
    # PyTorch refuses maps of a single position; here they are normalised, to nothing.
    rank, channels, affine = rng.randint(1, 3), rng.randint(1, 9), rng.random() < 0.5
    shape = (channels, *ints(rng, 2, 5, rank))
    return Case(
        lambda: getattr(nn(), f"InstanceNorm{rank}d")(channels, affine=affine),
        "instancenorm",
        {"channels": channels, "affine": affine},
        shape,
    )


def tracked_instance_norm(rng: Random) -> Case:
    """With stored statistics, at inference, it is batch normalisation."""
    rank, channels, affine = rng.randint(1, 3), rng.randint(1, 9), rng.random() < 0.5
    return Case(
        lambda: getattr(nn(), f"InstanceNorm{rank}d")(channels, affine=affine, track_running_stats=True),
        "bn",
        {"channels": channels, "affine": affine},
        (channels, *ints(rng, 2, 5, rank)),
    )


def group_norm(rng: Random) -> Case:
    groups = rng.randint(1, 4)
    channels = groups * rng.randint(1, 4) + (rng.random() < 0.15)
    affine, bias = rng.random() < 0.6, rng.random() < 0.6
    shape = (channels, *ints(rng, 2, 5, rng.randint(0, 3)))
    return Case(
        lambda: nn().GroupNorm(groups, channels, affine=affine, bias=bias),
        "gn",
        {"groups": groups, "channels": channels, "affine": affine, "bias": bias},
        shape,
    )


def layer_norm(rng: Random) -> Case:
    shape = (rng.randint(1, 6), *ints(rng, 1, 5, rng.randint(0, 5)))
    stated = tuple(n + (rng.random() < 0.05) for n in shape[rng.randrange(len(shape)) :])
    affine, bias = rng.random() < 0.6, rng.random() < 0.6
    return Case(
        lambda: nn().LayerNorm(stated, elementwise_affine=affine, bias=bias),
        "ln",
        {"shape": stated, "affine": affine, "bias": bias},
        shape,
    )


def rms_norm(rng: Random) -> Case:
    shape = (rng.randint(1, 6), *ints(rng, 1, 5, rng.randint(0, 3)))
    stated = tuple(n + (rng.random() < 0.05) for n in shape[rng.randrange(len(shape)) :])
    affine = rng.random() < 0.6
    return Case(
        lambda: nn().RMSNorm(stated, eps=0.5, elementwise_affine=affine),
        "rmsnorm",
        {"shape": stated, "affine": affine},
        shape,
    )


def unfold(rng: Random) -> Case:
    kernel, dilation, padding, stride = (
        ints(rng, 1, 4, 2),
        ints(rng, 1, 2, 2),
        ints(rng, 0, 3, 2),
        ints(rng, 1, 3, 2),
    )
    extents = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    shape = (rng.randint(1, 4), *draw_sizes(rng, extents, rng.random() < 0.3))
    return Case(
        lambda: nn().Unfold(kernel, dilation, padding, stride),
        "unfold",
        {"kernel": kernel, "dilation": dilation, "padding": tuple((p, p) for p in padding), "stride": stride},
        shape,
    )


def fold(rng: Random) -> Case:
    kernel, stride, padding, size = (
        rng.randint(1, 3),
        rng.randint(1, 3),
        rng.randint(0, 1),
        ints(rng, 3, 8, 2),
    )
    length = 1
    for n in size:
        length *= (n + 2 * padding - kernel) // stride + 1
    channels = kernel * kernel * rng.randint(1, 4) + (rng.random() < 0.1)
    square = rng.random() < 0.3
    size = (size[0],) * 2 if square else size
    given = size[0] if square else size
    return Case(
        lambda: nn().Fold(given, kernel, padding=padding, stride=stride),
        "fold",
        {"size": size, "kernel": kernel, "stride": stride, "padding": padding},
        (channels, length + (rng.random() < 0.1)),
    )


def lrn(rng: Random) -> Case:
    size = rng.randint(1, 7)
    shape = (rng.randint(1, 6), *ints(rng, 1, 5, rng.randint(1, 3)))
    return Case(lambda: nn().LocalResponseNorm(size, 1e-3, 0.5, 2.0), "lrn", {"size": size}, shape)


ACTIVATIONS = {
    "relu": "ReLU()",
    "relu6": "ReLU6()",
    "leakyrelu": "LeakyReLU(0.2)",
    "elu": "ELU(0.5)",
    "selu": "SELU()",
    "gelu": "GELU('tanh')",
    "silu": "SiLU()",
    "mish": "Mish()",
    "softplus": "Softplus(2.0)",
    "hardtanh": "Hardtanh()",
    "hardswish": "Hardswish()",
    "hardsigmoid": "Hardsigmoid()",
    "sigmoid": "Sigmoid()",
    "tanh": "Tanh()",
    "softmax": "Softmax(1)",
    "dropout": "Dropout(0.3)",
    "identity": "Identity()",
}


def activation(rng: Random) -> Case:
    op = rng.choice(list(ACTIVATIONS))
    name, _, arguments = ACTIVATIONS[op].partition("(")
    shape = (rng.randint(1, 6), *ints(rng, 1, 5, rng.randint(0, 3)))
    values = {"approximate": "tanh"} if op == "gelu" else {}
    given = [] if arguments == ")" else ["tanh"] if op == "gelu" else [float(arguments[:-1])]
    if op == "softmax":
        given = [1]
    return Case(lambda: getattr(nn(), name)(*given), op, values, shape)


WITH_OPTIONS: list[tuple[str, tuple[Any, ...], str, dict[str, Any]]] = [
    ("CELU", (0.5,), "celu", {"alpha": 0.5}),
    ("Threshold", (0.1, 20), "threshold", {"threshold": 0.1, "value": 20}),
    ("Softsign", (), "softsign", {}),
    ("LogSigmoid", (), "logsigmoid", {}),
    ("Tanhshrink", (), "tanhshrink", {}),
    ("Softshrink", (0.25,), "softshrink", {"lambd": 0.25}),
    ("Hardshrink", (0.25,), "hardshrink", {"lambd": 0.25}),
    ("RReLU", (0.1, 0.5), "leakyrelu", {"slope": 0.3}),
]


def activation_with_options(rng: Random) -> Case:
    name, given, op, values = rng.choice(WITH_OPTIONS)
    shape = (rng.randint(1, 6), *ints(rng, 1, 5, rng.randint(0, 3)))
    return Case(lambda: getattr(nn(), name)(*given), op, values, shape)


def along_an_axis(rng: Random) -> Case:
    name, op = rng.choice(
        [("Softmin", "softmin"), ("LogSoftmax", "logsoftmax"), ("GLU", "glu"), ("GLU", "glu")]
    )
    shape = (rng.randint(1, 6), *ints(rng, 1, 6, rng.randint(0, 3)))
    dim = rng.randint(1, len(shape) + (rng.random() < 0.1))
    dim = dim - len(shape) - 1 if dim <= len(shape) and rng.random() < 0.3 else dim
    axis = dim if dim < 0 else dim - 1
    # Negative axes print as they are; shapes say whether the right one was halved.
    return Case(lambda: getattr(nn(), name)(dim), op, {"axis": axis}, shape)


def prelu(rng: Random) -> Case:
    channels = rng.choice([1, rng.randint(1, 6)])
    arriving = rng.choice([channels, channels, channels + 1])
    shape = (arriving, *ints(rng, 1, 5, rng.randint(0, 3)))
    return Case(lambda: nn().PReLU(channels), "prelu", {"channels": channels}, shape)


def flatten(rng: Random) -> Case:
    shape = (rng.randint(1, 6), *ints(rng, 1, 5, rng.randint(0, 3)))
    return Case(lambda: nn().Flatten(), "flatten", {}, shape)


def reshape(rng: Random) -> Case:
    to = (rng.randint(1, 6), *ints(rng, 1, 4, rng.randint(0, 3)))
    elements = 1
    for n in to:
        elements *= n
    elements += rng.random() < 0.15
    return Case(lambda: nn().Unflatten(1, to), "reshape", {"shape": to}, (elements,))


def pad(rng: Random) -> Case:
    rank = rng.randint(1, 3)
    mode = rng.choice(["zeros", "reflect", "replicate", "circular"])
    sizes = ints(rng, 1, 6, rank)
    pads: Pairs = tuple((rng.randint(0, n), rng.randint(0, n + 1)) for n in sizes)
    return Case(
        lambda: padder(rank, pads, mode),
        "pad",
        {"padding": pads, "mode": mode},
        (rng.randint(1, 4), *sizes),
    )


DRAWS: list[tuple[Callable[[Random], Case], int]] = [
    (conv, 700),
    (depthwise, 150),
    (transposed, 450),
    (linear, 60),
    (maxpool, 350),
    (avgpool, 300),
    (lppool, 120),
    (adaptive, 120),
    (global_pool, 30),
    (upsample, 250),
    (pixel_shuffle, 40),
    (pixel_unshuffle, 40),
    (channel_shuffle, 40),
    (batch_norm, 90),
    (instance_norm, 40),
    (tracked_instance_norm, 20),
    (group_norm, 60),
    (layer_norm, 60),
    (rms_norm, 60),
    (unfold, 100),
    (fold, 120),
    (lrn, 20),
    (activation, 100),
    (activation_with_options, 60),
    (along_an_axis, 120),
    (prelu, 50),
    (flatten, 20),
    (reshape, 40),
    (pad, 120),
]
"""Generators, and how many configurations of each are drawn: over 3,000."""
