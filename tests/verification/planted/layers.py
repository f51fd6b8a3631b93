"""Mistakes in the formulas of the other layers, of whole graphs and of receptive fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from tests.verification.planted.base import (
    CONV,
    CONVS,
    POOL,
    POOLS,
    Make,
    after,
    ignoring,
    mutant,
    nothing,
    ones,
    ops,
    sizes,
    without,
)

# Normalisation, activations
NORM = "layers.arithmetic.norm"
mutant("batch norm forgets its running mean", f"{NORM}:BatchNorm.buffers", "bn", without("running_mean"))
mutant(
    "batch norm counts buffers as parameters",
    f"{NORM}:BatchNorm.parameters",
    "bn",
    lambda f: lambda s, i: {**f(s, i), **s.buffers(i)},
)
mutant(
    "batch norm without affine keeps its weights", f"{NORM}:BatchNorm.parameters", "bn", ignoring(affine=True)
)
mutant("batch norm only multiplies", f"{NORM}:BatchNorm.ops", "bn", ops(add=lambda n: 0))
mutant("layer norm over channels as over all", f"{NORM}:LayerNorm.ops", "ln", ignoring(axis=None))
mutant("layer norm forgets its offset", f"{NORM}:LayerNorm.parameters", "ln", without("bias"))
mutant("group norm of one group", f"{NORM}:GroupNorm.ops", "gn", ignoring(groups=1))
mutant("instance norm of one channel", f"{NORM}:InstanceNorm.ops", "instancenorm", ignoring(channels=1))
mutant("local response norm over three channels", f"{NORM}:LocalResponseNorm.ops", "lrn", ignoring(size=3))
mutant("scale always has an offset", f"{NORM}:Scale.parameters", "scale", ignoring(bias=True))
mutant("normalisation always has a factor", f"{NORM}:BatchNorm.parameters", "bn", ignoring(weight=True))
mutant("layer norm always has a factor", f"{NORM}:LayerNorm.ops", "ln", ignoring(weight=True))
mutant("group norm always has a factor", f"{NORM}:GroupNorm.ops", "gn", ignoring(weight=True))
mutant("rescaling adds nothing", f"{NORM}:Rescale.ops", "rescale", ops(add=lambda n: 0))
ACT, SOFTMAX = "layers.arithmetic.activation", "layers.arithmetic.softmax"
mutant("prelu has no parameters", f"{ACT}:PReLU.parameters", "prelu", lambda f: lambda s, i: {})
mutant(
    "gelu by tanh as if exact",
    f"{ACT}:GELU.ops",
    "gelu",
    lambda f: lambda s, i, o: f(type(s)(approximate="none"), i, o),
)
mutant(
    "slopes of a shape are one per channel",
    f"{ACT}:PReLU.parameters",
    "prelu",
    lambda f: lambda s, i: f(s, i) if s.shape is None else {"weight": i[0][:1]},
)
mutant(
    "glu keeps the axis",
    f"{SOFTMAX}:GLU.output_shapes",
    "glu",
    lambda f: lambda s, i: i,
)
mutant("glu reads the first half alone", f"{SOFTMAX}:GLU.reads", "glu", after(lambda f, *_: ((f[0][0],),)))
mutant(
    "log softmax takes one logarithm",
    f"{SOFTMAX}:LogSoftmax.ops",
    "logsoftmax",
    ops(special=lambda n: n - 1),
)
mutant(
    "softmax is over the channels",
    f"{SOFTMAX}:Softmax.reads",
    "softmax softmin logsoftmax",
    ignoring(axis=0),
)
mutant(
    "activations are free",
    f"{ACT}:Activation.ops",
    "relu silu hardswish softmax elu",
    lambda f: lambda s, i, o: type(s.cost)(),
)

mutant("rms norm forgets its weight", f"{NORM}:RMSNorm.parameters", "rmsnorm", without("weight"))
mutant(
    "rms norm is over all axes",
    f"{NORM}:_axes",
    "rmsnorm",
    lambda f: lambda axis, shape: tuple(range(len(shape))),
)
mutant(
    "rms norm centres",
    f"{NORM}:RMSNorm.ops",
    "rmsnorm",
    after(lambda f, s, i, o: f._replace(add=f.add + prod(o[0]))),
)
mutant("rms norm of one group", f"{NORM}:RMSNorm.ops", "rmsnorm", ops(div=lambda n: 2, special=lambda n: 1))

# Products of two tensors
PRODUCT = "layers.products.product:Matmul"
mutant("matmul forgets the inner size", f"{PRODUCT}.macs", "matmul", lambda f: lambda s, i, o: prod(o[0]))
mutant("matmul counts its first input", f"{PRODUCT}.macs", "matmul", lambda f: lambda s, i, o: prod(i[0]))
mutant("matmul sums over the other axis", f"{PRODUCT}.inner", "matmul", lambda f: lambda s, i: i[0][0])
mutant(
    "matmul forgets to transpose when it counts",
    f"{PRODUCT}.macs",
    "matmul",
    ignoring(transpose_a=False),
)
for side in "ab":
    mutant(
        f"matmul forgets to transpose {side} when it reads",
        f"{PRODUCT}.reads",
        "matmul",
        ignoring(**{f"transpose_{side}": False}),
    )
mutant("matmul keeps the first shape", f"{PRODUCT}.output_shapes", "matmul", lambda f: lambda s, i: i[:1])

# Windows as columns
COLUMNS = "layers.windows.unfold"
mutant(
    "unfold keeps one tap a channel", f"{COLUMNS}:Unfold.output_shapes", "unfold", sizes(lambda n: n // 2, 0)
)
for name, fields in (
    ("ignores dilation", {"dilation": ones}),
    ("ignores stride", {"stride": ones}),
    ("ignores padding", {"padding": nothing}),
):
    mutant(f"positions of unfold {name}", f"{COLUMNS}:Unfold.positions", "unfold", ignoring(**fields))
    mutant(f"fields of unfold {name}", f"{COLUMNS}:Unfold.reads", "unfold", ignoring(**fields))
    mutant(f"fields of fold {name}", f"{COLUMNS}:Fold.reads", "fold", ignoring(**fields))
mutant(
    "fold adds what stands in the padding",
    f"{COLUMNS}:Fold.ops",
    "fold",
    lambda f: lambda s, i, o: f(s, i, o)._replace(add=prod(i[0])),
)
mutant("fold is free", f"{COLUMNS}:Fold.ops", "fold", ops(add=lambda n: 0))
mutant("fold keeps all channels", f"{COLUMNS}:Fold.output_shapes", "fold", sizes(lambda n: 2 * n, 0))

# Deformable convolution
DEFORM = "layers.windows.deformable:DeformableConv"
mutant(
    "deformable convolution samples at no cost",
    f"{DEFORM}.sampling",
    "deformconv",
    lambda f: lambda s, i, o: f(s, i, o).times(0),
)
mutant(
    "deformable convolution samples pixels alone",
    f"{DEFORM}.sampling",
    "deformconv",
    after(lambda f, s, i, o: f._replace(mul=f.mul // 4)),
)
mutant(
    "deformable convolution has one group of offsets",
    f"{DEFORM}._offset_groups",
    "deformconv",
    lambda f: lambda s, i: 1,
)
mutant(
    "deformable convolution forgets its mask",
    f"{DEFORM}.sampling",
    "deformconv",
    lambda f: lambda s, i, o: f(s, i[:2], o),
)
mutant(
    "deformable convolution knows what is padding",
    f"{DEFORM}.valid_macs",
    "deformconv",
    lambda f: lambda s, i, o: f(s, i, o) - 1,
)
mutant(
    "deformable convolution has the weights of its offsets",
    f"{CONV}.parameters",
    "deformconv",
    lambda f: lambda s, i: {**f(s, i), **({"offset": i[-1]} if i else {})},
)

# Resizing, moving, joining
mutant(
    "interpolation reads all taps at once",
    "layers.windows.resize:Upsample.ops",
    "upsample",
    after(lambda f, s, i, o: f._replace(mul=2 ** (len(o[0]) - 1) * prod(o[0]) if f.mul else 0)),
)
mutant(
    "splines solve nothing",
    "layers.windows.resize:Upsample.ops",
    "upsample",
    after(lambda f, s, i, o: f._replace(add=f.mul) if s.mode == "spline" else f),
)
mutant(
    "antialias reads a fixed number of taps",
    "layers.windows.resize:antialias_taps",
    "upsample",
    lambda f: lambda i, o, factor, corners, size: size * o,
)
mutant(
    "upsampling rounds up", "layers.windows.resize:floor_div", "upsample", lambda f: lambda a, b: -(-a // b)
)
mutant(
    "corners are never aligned",
    "layers.windows.resize:Upsample.reads",
    "upsample",
    ignoring(align_corners=False),
)
mutant(
    "pixel shuffle keeps a factor too many channels",
    "layers.tensors.rearrange:PixelShuffle.output_shapes",
    "pixelshuffle",
    sizes(lambda c: c * 2, 0),
)
mutant(
    "pixel unshuffle of one axis",
    "layers.tensors.rearrange:PixelUnshuffle.output_shapes",
    "pixelunshuffle",
    lambda f: lambda s, i: ((i[0][0] * s.factor, *f(s, i)[0][1:]),),
)
mutant(
    "permute the other way round",
    "layers.tensors.rearrange:Permute.output_shapes",
    "permute",
    lambda f: lambda s, i: (tuple(i[0][s.order.index(a)] for a in range(len(s.order))),),
)
mutant(
    "pad forgets the far side",
    "layers.tensors.cut:Pad.output_shapes",
    "pad",
    lambda f: lambda s, i: f(replace(s, padding=tuple((b, 0) for b, _ in s.padding)), i),
)
mutant("crop off by one", "layers.tensors.cut:Crop.output_shapes", "crop", sizes(lambda n: n + 1))
mutant(
    "slice keeps its end",
    "layers.tensors.cut:Slice.output_shapes",
    "slice",
    after(lambda f, s, *_: ((*f[0][: s.axis], f[0][s.axis] + 1, *f[0][s.axis + 1 :]),)),
)
mutant(
    "split gives equal parts",
    "layers.tensors.cut:Split.output_shapes",
    "split",
    after(lambda f, *_: (f[0],) * len(f)),
)
mutant(
    "flatten keeps channels only",
    "layers.tensors.shape:Flatten.output_shapes",
    "flatten",
    lambda f: lambda s, i: ((i[0][0],),),
)
mutant(
    "concat takes the largest", "layers.arithmetic.merge:total", "concat", lambda f: lambda sizes: max(sizes)
)
mutant(
    "add counts every input",
    "layers.arithmetic.merge:Join.ops",
    "add",
    after(lambda f, s, i, o: f._replace(add=f.add + prod(o[0]))),
)
mutant("mul is free", "layers.arithmetic.merge:Join.ops", "mul", ops(mul=lambda n: 0))
mutant(
    "joins have the shape of their first input",
    "layers.arithmetic.merge:broadcast",
    "add mul",
    lambda f: lambda op, inputs: inputs[0],
)

# Whole graphs
COUNT = "calculators.count.counts:count"


def _counted(change: Callable[[Any, Any, Any], None]) -> Make:
    def make(right: Any) -> Any:
        def wrong(node: Any, inputs: Any, batch: int, lent: Any = ()) -> Any:
            found = right(node, inputs, batch, lent)
            change(found, node, inputs)
            return found

        return wrong

    return make


mutant(
    "flops count a MAC once",
    COUNT,
    "conv linear",
    _counted(lambda c, *_: setattr(c, "flops", c.flops - c.macs)),
)
mutant(
    "activations of every layer",
    COUNT,
    "maxpool relu",
    _counted(lambda c, n, i: setattr(c, "activations", prod(n.outputs[0]))),
)
mutant(
    "activations of the input",
    COUNT,
    "conv linear",
    _counted(lambda c, n, i: setattr(c, "activations", c.activations and prod(i[0]))),
)
mutant(
    "the batch is forgotten",
    COUNT,
    "conv bn",
    lambda f: lambda node, inputs, batch, lent=(): f(node, inputs, 1, lent),
)
mutant(
    "totals forget a layer",
    "calculators.count.counts:Counts.add",
    "conv linear bn",
    lambda f: lambda s, other, *a, **k: None if other.macs else f(s, other, *a, **k),
)


def _alive(change: Callable[[list[Any], list[Any], Any], Any]) -> Make:
    def make(right: Any) -> Any:
        def wrong(graph: Any, batch: int, item: int, known: bool = False) -> Any:
            return change(*right(graph, batch, item, known), graph)

        return wrong

    return make


LIVE = "calculators.count.memory:live_bytes"
mutant("tensors die as soon as they are written", LIVE, "conv add", _alive(lambda w, a, g: (w, w)))
mutant(
    "tensors never die",
    LIVE,
    "conv add",
    _alive(lambda w, a, g: (w, [sum(w[: i + 1]) for i in range(len(w))])),
)
mutant("inputs take no memory", LIVE, "conv", _alive(lambda w, a, g: (w, [n - w[0] for n in a])))

# Receptive fields
mutant("fields of convolutions ignore dilation", f"{CONV}.reads", CONVS, ignoring(dilation=ones))
mutant("fields of convolutions ignore padding", f"{CONV}.reads", CONVS, ignoring(padding=nothing))
mutant("fields of convolutions ignore stride", f"{CONV}.reads", CONVS, ignoring(stride=ones))
mutant("fields of pools ignore the stride", f"{POOL}.reads", POOLS, ignoring(stride=ones))
mutant("fields of pools ignore padding", f"{POOL}.reads", POOLS, ignoring(padding=nothing))


def _composed(change: Callable[[Any, Any], Any]) -> Make:
    def make(right: Any) -> Any:
        def wrong(field: Any, axis: Any, read: Any, written: Any) -> Any:
            found = right(field, axis, read, written)
            return change(found, axis) if found.starts[0] is not None and not found.everything else found

        return wrong

    return make


def _rebuilt(found: Any, **new: Any) -> Any:
    names = ("driver", "starts", "sizes", "advance", "everything", "periodic")
    return type(found)(**{name: new.get(name, getattr(found, name)) for name in names})


COMPOSE = "calculators.receptive_field.compose:compose"
WINDOWS = "conv dwconv maxpool avgpool"
mutant(
    "field size off by one",
    COMPOSE,
    WINDOWS,
    _composed(
        lambda f, a: _rebuilt(f, sizes=tuple(n + 1 for n in f.sizes)) if hasattr(a.rule, "count") else f
    ),
)
mutant(
    "field padding off by one",
    COMPOSE,
    WINDOWS,
    _composed(
        lambda f, a: (
            _rebuilt(f, starts=tuple(n and n + 1 for n in f.starts)) if hasattr(a.rule, "count") else f
        )
    ),
)
mutant(
    "field stride off by one",
    COMPOSE,
    WINDOWS,
    _composed(lambda f, a: _rebuilt(f, advance=f.advance + 1) if hasattr(a.rule, "count") else f),
)
mutant("shared parameters count at each use", "graph:Graph.lent", "share", lambda f: lambda self: {})
mutant(
    "field of branches is that of the first",
    "calculators.receptive_field.paths:hull",
    "add concat",
    lambda f: lambda fields, written: fields[0],
)
