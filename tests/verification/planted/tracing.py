"""Mistakes in what layers say they read, in tracing that back, and in how kernels treat a batch."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from convcalc.layers.arithmetic import activation, softmax
from tests.verification.planted.base import CONV, CONVS, Make, after, ignoring, mutant, ones, ops
from tests.verification.planted.kernels import RECORDS, kernel, mirrored


def inverse(layer: Any) -> tuple[int, ...]:
    return tuple(layer.order.index(axis) for axis in range(len(layer.order)))


# What layers say they read
for name, op, owner, fields in (
    ("convolutions ignore groups", "conv", CONV, {"groups": 1}),
    ("convolutions pad zeros always", CONVS, CONV, {"padding_mode": "zeros"}),
    ("convolutions pad on the wrong side", CONVS, CONV, {"padding": mirrored}),
    (
        "transposed convolutions ignore groups",
        "convT",
        "layers.windows.transposed:ConvTranspose",
        {"groups": 1},
    ),
    (
        "transposed convolutions ignore stride",
        "convT",
        "layers.windows.transposed:ConvTranspose",
        {"stride": ones},
    ),
    ("unpooling ignores stride", "unpool", "layers.windows.unpool:MaxUnpool", {"stride": ones}),
    ("unpooling ignores the kernel", "unpool", "layers.windows.unpool:MaxUnpool", {"kernel": ones}),
    ("shift ignores dilation", "shift", "layers.tensors.rearrange:Shift", {"dilation": ones}),
    ("channel shuffle moves nothing", "shuffle", "layers.tensors.rearrange:ChannelShuffle", {"groups": 1}),
    ("permute run the other way round", "permute", "layers.tensors.rearrange:Permute", {"order": inverse}),
    (
        "pixel shuffle are of the other order",
        "pixelshuffle",
        "layers.tensors.rearrange:PixelShuffle",
        {"mode": "dcr"},
    ),
    (
        "pixel unshuffle are of the other order",
        "pixelunshuffle",
        "layers.tensors.rearrange:PixelUnshuffle",
        {"mode": "crd"},
    ),
    ("pads are of zeros always", "pad", "layers.tensors.cut:Pad", {"mode": "zeros"}),
    ("pads are on the wrong side", "pad", "layers.tensors.cut:Pad", {"padding": mirrored}),
    ("slices start at once", "slice", "layers.tensors.cut:Slice", {"start": 0}),
    ("interpolation are those of nearest", "upsample", "layers.windows.resize:Upsample", {"mode": "nearest"}),
    ("layer norm see everything", "ln", "layers.arithmetic.norm:LayerNorm", {"axis": None}),
    ("layer norm see channels only", "ln", "layers.arithmetic.norm:LayerNorm", {"axis": (0,)}),
    ("local response norm see one channel", "lrn", "layers.arithmetic.norm:LocalResponseNorm", {"size": 1}),
    ("batch norm see the whole map", "bn", "layers.arithmetic.norm:BatchNorm", {"track": False}),
):
    mutant(f"fields of {name}", f"{owner}.reads", op, ignoring(**fields))

WINDOWED = f"{CONVS} maxpool avgpool lppool upsample"
ADAPTIVE = "adaptiveavgpool adaptivemaxpool"
for name, target, about, make in (
    ("reshape reads the wrong digit", "Digit.taps", "reshape", lambda f: lambda s, j: (j % s.size,)),
    ("adaptive bins are short", "Bins.taps", ADAPTIVE, lambda f: lambda s, j: f(s, j)[:-1] or f(s, j)),
    ("adaptive bins drift", "Bins.period", ADAPTIVE, lambda f: lambda s: (f(s)[0], f(s)[1] + 1)),
    ("reshape never comes again", "Digit.period", "reshape", lambda f: lambda s: (s.inner * s.size, 1)),
    ("transposed windows are of one tap", "Spread.taps", "convT", lambda f: lambda s, j: f(s, j)[:1]),
    ("interpolation stands one further", "Resample.place", "upsample", lambda f: lambda s, j: f(s, j) + 1),
    ("blocks of channels are of one", "Block.taps", "conv", lambda f: lambda s, j: f(s, j)[:1]),
    ("parts are the whole", "Part.taps", "slice crop pad split", lambda f: lambda s, j: (j,)),
    ("what is repeated is read in place", "broadcast", "mul add", lambda f: lambda s, o: f(o, o)),
    *(
        (
            f"{mode} is taken for {other}",
            "folded",
            f"{CONVS} pad",
            lambda f, mode=mode, other=other: lambda i, n, m: f(i, n, other if m == mode else m),
        )
        for mode, other in (("reflect", "replicate"), ("replicate", "circular"), ("circular", "reflect"))
    ),
):
    mutant(f"rules: {name}", f"layers.reads:{target}", about, make)
REGION = "calculators.receptive_field.region"
mutant(
    "regions miss a tap",
    "layers.reads.sets:smeared",
    WINDOWED,
    lambda f: lambda b, n, d: f(b, max(1, n - 1), d),
)
mutant("regions ignore stride", "layers.reads.sets:spread", WINDOWED, lambda f: lambda bits, stride: bits)
mutant(
    "regions of branches are that of the first",
    f"{REGION}:_add",
    "add concat",
    lambda f: lambda boxes, more: None if boxes else boxes.extend(more),
)
mutant(
    "tensors are never freed", "executor.run:Runner._release", "conv relu", lambda f: lambda self, edge: None
)


# Tracing back through a kernel


def backward(**fields: Any) -> Make:
    """A kernel run backwards that misreads hyper-parameters of its layer."""

    def make(right: Any) -> Any:
        def wrong(r: Any) -> Any:
            call = SimpleNamespace(layer=r.layer)
            kernel(**fields)(lambda misread: misread)(call)
            return right(r._replace(layer=call.layer))

        return wrong

    return make


for op, name, fields in (
    ("conv", "without dilation", {"dilation": ones}),
    ("conv", "with padding on the wrong side", {"padding": mirrored}),
    ("conv", "with padding of zeros always", {"padding_mode": "zeros"}),
    ("conv", "of one group", {"groups": 1}),
    ("dwconv", "without dilation", {"dilation": ones}),
    ("dwconv", "with padding of zeros always", {"padding_mode": "zeros"}),
    ("dwconv", "of one group", {"groups": 1}),
    ("convT", "without dilation", {"dilation": ones}),
    ("convT", "that crops the wrong side", {"padding": mirrored}),
    ("convT", "of one group", {"groups": 1}),
    ("maxpool", "without dilation", {"dilation": ones}),
    ("avgpool", "with padding on the wrong side", {"padding": mirrored}),
    ("unpool", "without stride", {"stride": ones}),
    ("upsample", "as if nearest", {"mode": "nearest"}),
    ("upsample", "that aligns no corners", {"align_corners": False}),
    ("ln", "over channels", {"axis": (0,)}),
    ("lrn", "over one channel", {"size": 1}),
    ("gn", "of one group", {"groups": 1}),
    ("shift", "without dilation", {"dilation": ones}),
):
    mutant(f"tracing {op} {name}", f"{RECORDS}[{op}].backward", op, backward(**fields))
for op in ("unfold", "fold"):
    mutant(f"tracing {op} without dilation", f"{RECORDS}[{op}].backward", op, backward(dilation=ones))
    mutant(
        f"tracing {op} with padding on the wrong side",
        f"{RECORDS}[{op}].backward",
        op,
        backward(padding=mirrored),
    )
mutant("tracing rms norm itself", f"{RECORDS}[rmsnorm].backward", "rmsnorm", lambda f: lambda r: [r.mark])
mutant(
    "tracing deformable convolution to its offsets alone",
    f"{RECORDS}[deformconv].backward",
    "deformconv",
    lambda f: lambda r: [mark & bool(number) for number, mark in enumerate(f(r))],
)
mutant(
    "tracing convolutions to what they work on, not to weights that arrive",
    "executor.kernels.products.weights:one_filter",
    "conv dwconv linear",
    lambda f: lambda r, axis=0: [mark & False for mark in f(r, axis)],
)
mutant(
    "tracing weights that arrive by another channel",
    "executor.kernels.products.weights:one_filter",
    "conv dwconv linear",
    lambda f: lambda r, axis=0: [np.roll(mark, 1, axis=1) for mark in f(r, axis)],
)
for side in "ab":
    mutant(
        f"tracing matmul that forgets to transpose {side}",
        f"{RECORDS}[matmul].backward",
        "matmul",
        backward(**{f"transpose_{side}": False}),
    )
mutant(
    "tracing matmul to its first input",
    f"{RECORDS}[matmul].backward",
    "matmul",
    lambda f: lambda r: [f(r)[0], f(r)[1] & False],
)
mutant(
    "tracing softmax itself",
    f"{RECORDS}[softmax].backward",
    "softmax",
    lambda f: lambda r: [r.mark],
)
mutant(
    "tracing add to its first input",
    f"{RECORDS}[add].backward",
    "add",
    lambda f: lambda r: [f(r)[0], *(mark & False for mark in f(r)[1:])],
)


# Kernels whose two forms are one: only what layers say they read can tell
def both(name: str, op: str, make: Make) -> None:
    mutant(name, f"{RECORDS}[{op}].fast", op, make)


def _backwards(right: Any) -> Callable[[Any], Any]:
    def wrong(call: Any) -> Any:
        call.xs = call.xs[::-1]
        return right(call)

    return wrong


both("concat kernel joins backwards", "concat", _backwards)
both("channel shuffle kernel moves nothing", "shuffle", kernel(groups=1))
both("pixel shuffle kernel of the other order", "pixelshuffle", kernel(mode="dcr"))
both("pixel unshuffle kernel of the other order", "pixelunshuffle", kernel(mode="crd"))
both("split kernel cuts from the end", "split", kernel(sizes=lambda s: s.sizes[::-1]))
both("group norm kernel of all groups", "gn", kernel(groups=lambda s: s.channels))


# A batch
def as_the_first(right: Any) -> Callable[[Any], Any]:
    def wrong(call: Any) -> Any:
        result = right(call)
        values = result[0] if isinstance(result, tuple) else result
        values[1:] = values[:1]
        return result

    return wrong


for op in (
    "conv",
    "dwconv",
    "convT",
    "linear",
    "matmul",
    "maxpool",
    "avgpool",
    "bn",
    "gn",
    "upsample",
    "relu",
    "rmsnorm",
    "fold",
    "deformconv",
):
    both(f"{op} kernel takes all samples for the first", op, as_the_first)
mutant(
    "statistics of a batch are free",
    "layers.arithmetic.norm:BatchNorm.shared_ops",
    "bn",
    after(lambda found, *_: found.times(0)),
)

# The rest of the formulas
for one in (*activation.LAYERS, *softmax.LAYERS):
    cost = vars(one).get("cost")
    for kind, many in cost._asdict().items() if cost else ():
        if many:
            mutant(
                f"{one.op} counts too few of {kind}",
                f"{one.__module__.removeprefix('convcalc.')}:{one.__name__}.cost",
                one.op,
                lambda right, kind=kind, many=many: right._replace(**{kind: many - 1}),
            )
mutant("batch norm always tracks", "layers.arithmetic.norm:BatchNorm.buffers", "bn", ignoring(track=True))
mutant(
    "batch norm computes no statistics", "layers.arithmetic.norm:BatchNorm.ops", "bn", ignoring(track=True)
)
mutant("layer norm always adds an offset", "layers.arithmetic.norm:LayerNorm.ops", "ln", ignoring(bias=True))
mutant(
    "unpool ignores its size", "layers.windows.unpool:MaxUnpool.output_shapes", "unpool", ignoring(size=None)
)
mutant(
    "concat is of channels always", "layers.arithmetic.merge:Concat.output_shapes", "concat", ignoring(axis=0)
)
mutant(
    "global max is free", "layers.windows.adaptive:GlobalMaxPool.ops", "globalmaxpool", ops(cmp=lambda n: 0)
)
mutant("lrn divides nothing", "layers.arithmetic.norm:LocalResponseNorm.ops", "lrn", ops(div=lambda n: 0))
