"""Mistakes, one at a time, in formulas and in kernels; the verifier must notice each.

A mutant replaces one function by a wrong one made from it. They are made by wrapping, not by editing text,
so that they stay what they are when the code around them changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

Make = Callable[[Any], Any]


class Mutant(NamedTuple):
    """A mistake: what it does, the function it is in (``module:Class.method``), how it is made, whose it is."""

    name: str
    target: str
    make: Make
    ops: tuple[str, ...]

    @property
    def kernel(self) -> bool:
        return ".executor." in self.target


MUTANTS: list[Mutant] = []


def mutant(name: str, target: str, ops: str, make: Make) -> None:
    MUTANTS.append(Mutant(name, f"convcalc.{target}", make, tuple(ops.split())))


@contextmanager
def planted(one: Mutant) -> Iterator[None]:
    """The mistake in place wherever the right function is known by name."""
    from importlib import import_module

    module, _, path = one.target.partition(":")
    holder = import_module(module)
    if path.endswith("]"):  # a kernel, by its place in the table of kernels
        table, _, op = path[:-1].partition("[")
        holder, name = getattr(holder, table), op
        right = holder[name]
    else:
        *owners, name = path.split(".")
        for owner in owners:
            holder = getattr(holder, owner)
        right = holder.__dict__[name]
    wrong = one.make(right)
    undo: list[Callable[[], None]] = []

    def put(where: Any, key: Any, as_item: bool) -> None:
        if as_item:
            where[key] = wrong
            undo.append(lambda: where.__setitem__(key, right))
        else:
            setattr(where, key, wrong)
            undo.append(lambda: setattr(where, key, right))

    put(holder, name, isinstance(holder, dict))
    for other in [m for n, m in sys.modules.items() if n.startswith("convcalc.") and m is not holder]:
        for key, value in list(vars(other).items()):
            if value is right:
                put(other, key, False)
    for other in [m for n, m in sys.modules.items() if n.startswith("convcalc.")]:
        for table in [t for t in vars(other).values() if isinstance(t, dict)]:
            for key, value in list(table.items()):
                if value is right and table is not vars(other):
                    put(table, key, True)
    try:
        yield
    finally:
        for step in reversed(undo):
            step()


# Changes of a layer, for the formulas that forget something.


def ignoring(**fields: Any) -> Make:
    """The formula of a layer with other hyper-parameters; functions are given the layer."""

    def make(right: Any) -> Any:
        def wrong(self: Any, *args: Any) -> Any:
            new = {k: v(self) if callable(v) else v for k, v in fields.items()}
            return right(replace(self, **new), *args)

        return wrong

    return make


def after(change: Callable[..., Any]) -> Make:
    """What the formula gives, changed: ``change(result, self, *args)``."""

    def make(right: Any) -> Any:
        def wrong(self: Any, *args: Any) -> Any:
            return change(right(self, *args), self, *args)

        return wrong

    return make


def ones(self: Any) -> tuple[int, ...]:
    return (1,) * len(self.kernel)


def nothing(self: Any) -> tuple[tuple[int, int], ...]:
    return ((0, 0),) * len(self.kernel)


def without(name: str) -> Make:
    return after(lambda found, *_: {k: v for k, v in found.items() if k != name})


def ops(**change: Callable[[int], int]) -> Make:
    return after(lambda found, *_: found._replace(**{k: f(getattr(found, k)) for k, f in change.items()}))


def sizes(change: Callable[[int], int], axis: int = 1) -> Make:
    """Every shape with one size changed."""

    def changed(found: Any, *_: Any) -> Any:
        at = min(axis, len(found[0]) - 1)
        return tuple((*s[:at], change(s[at]), *s[at + 1 :]) for s in found)

    return after(changed)


CONV, POOL, TRANSPOSED = "layers.conv:Conv", "layers.pool:_Pool", "layers.transposed:ConvTranspose"
conv, pools = "conv dwconv", "maxpool avgpool lppool"

# Convolution: MACs
mutant("conv macs without the kernel", f"{CONV}.macs", conv, after(lambda m, s, *_: m // prod(s.kernel)))
mutant("conv macs of one kernel axis", f"{CONV}.macs", conv, after(lambda m, s, *_: m // s.kernel[-1]))
mutant("conv macs without groups", f"{CONV}.macs", conv, ignoring(groups=1))
mutant("conv macs of the input size", f"{CONV}.macs", conv,
       lambda f: lambda s, i, o: f(s, i, ((o[0][0], *i[0][1:]),)))  # fmt: skip
mutant("conv macs count twice", f"{CONV}.macs", conv, after(lambda m, *_: 2 * m))
mutant("conv macs with the bias", f"{CONV}.macs", conv,
       after(lambda m, s, i, o: m + (prod(o[0]) if s.bias else 0)))  # fmt: skip
mutant("conv macs of out channels squared", f"{CONV}.macs", conv,
       lambda f: lambda s, i, o: f(replace(s, in_channels=s.out_channels), i, o))  # fmt: skip
mutant("conv valid macs are the macs", f"{CONV}.valid_macs", conv, lambda f: lambda s, i, o: s.macs(i, o))
mutant("conv valid macs without dilation", f"{CONV}.valid_macs", conv, ignoring(dilation=ones))
mutant("conv valid macs without stride", f"{CONV}.valid_macs", conv, ignoring(stride=ones))
mutant("conv valid macs of copied padding count as zeros", f"{CONV}.valid_macs", conv,
       ignoring(padding_mode="zeros"))  # fmt: skip
mutant("valid pairs forget the far side", "layers.window:valid_pairs", f"{conv} convT",
       lambda f: lambda i, k, s, d, before, o: f(10**6, k, s, d, before, o))  # fmt: skip
mutant("valid pairs forget the near side", "layers.window:valid_pairs", f"{conv} convT",
       lambda f: lambda i, k, s, d, before, o: f(i + before, k, s, d, 0, o))  # fmt: skip

# Convolution: parameters and operations
mutant("conv forgets its bias", f"{CONV}.parameters", conv, without("bias"))
mutant("conv parameters without groups", f"{CONV}.parameters", conv, ignoring(groups=1))
mutant("conv weight with in and out swapped", f"{CONV}.parameters", conv,
       after(lambda p, *_: {**p, "weight": (p["weight"][1], p["weight"][0], *p["weight"][2:])}))  # fmt: skip
mutant("conv weight of a square kernel", f"{CONV}.parameters", conv,
       after(lambda p, *_: {**p, "weight": (*p["weight"][:-1], p["weight"][2])}))  # fmt: skip
mutant("conv adds no bias", f"{CONV}.ops", conv, ops(add=lambda n: 0))
mutant("conv adds its bias once a channel", f"{CONV}.ops", conv,
       after(lambda f, s, i, o: f._replace(add=min(f.add, o[0][0]))))  # fmt: skip

# Sizes of windows
mutant("window size off by one", "layers.window:output_size", f"{conv} {pools}",
       lambda f: lambda *a, **k: f(*a, **k) + 1)  # fmt: skip
mutant("window size without dilation", "layers.window:output_size", f"{conv} {pools}",
       lambda f: lambda i, k, s, d, b, a, **m: f(i, k, s, 1, b, a, **m))  # fmt: skip
mutant("window size without padding after", "layers.window:output_size", f"{conv} {pools}",
       lambda f: lambda i, k, s, d, b, a, **m: f(max(i + b, d * (k - 1) + 1), k, s, d, 0, 0, **m))  # fmt: skip
mutant("window size without stride", "layers.window:output_size", f"{conv} {pools}",
       lambda f: lambda i, k, s, d, b, a, **m: f(i, k, 1, d, b, a, **m))  # fmt: skip
mutant("window size rounded up", "layers.window:output_size", f"{conv} {pools}",
       lambda f: lambda i, k, s, d, b, a, **m: f(i + s - 1, k, s, d, b, a, **m))  # fmt: skip
mutant("same pads the odd one before", "layers.window:resolve", f"{conv} {pools}",
       lambda f: lambda p, *a: f("same_lower" if p == "same" else p, *a))  # fmt: skip
mutant("same_lower pads the odd one after", "layers.window:resolve", f"{conv} {pools}",
       lambda f: lambda p, *a: f("same" if p == "same_lower" else p, *a))  # fmt: skip
mutant("same forgets the stride", "layers.window:resolve", f"{conv} {pools}",
       lambda f: lambda p, i, k, s, d: f(p, i, k, 1 if p == "same" else s, d))  # fmt: skip
mutant("same forgets the dilation", "layers.window:resolve", conv,
       lambda f: lambda p, i, k, s, d: f(p, i, k, s, 1 if p == "same" else d))  # fmt: skip
mutant("full forgets the dilation", "layers.window:resolve", conv,
       lambda f: lambda p, i, k, s, d: f(p, i, k, s, 1 if p == "full" else d))  # fmt: skip
mutant("causal pads after", "layers.window:resolve", conv,
       lambda f: lambda p, *a: f(p, *a)[::-1] if p == "causal" else f(p, *a))  # fmt: skip

# Transposed convolution
mutant("transposed macs of the output size", f"{TRANSPOSED}.macs", "convT",
       after(lambda m, s, i, o: m // prod(i[0][1:]) * prod(o[0][1:])))  # fmt: skip
mutant("transposed macs without groups", f"{TRANSPOSED}.macs", "convT", ignoring(groups=1))
mutant("transposed valid macs are the macs", f"{TRANSPOSED}.valid_macs", "convT",
       lambda f: lambda s, i, o: s.macs(i, o))  # fmt: skip
mutant("transposed weight with in and out swapped", f"{TRANSPOSED}.parameters", "convT",
       after(lambda p, *_: {**p, "weight": (p["weight"][1], p["weight"][0], *p["weight"][2:])}))  # fmt: skip
mutant("transposed forgets its bias", f"{TRANSPOSED}.parameters", "convT", without("bias"))
mutant("transposed adds bias at input positions", f"{TRANSPOSED}.ops", "convT",
       after(lambda f, s, i, o: f._replace(add=f.add // prod(o[0][1:]) * prod(i[0][1:]))))  # fmt: skip
mutant("transposed size without output padding", f"{TRANSPOSED}.output_shapes", "convT",
       ignoring(output_padding=lambda s: (0,) * len(s.kernel)))  # fmt: skip
mutant("transposed size without dilation", f"{TRANSPOSED}.output_shapes", "convT", ignoring(dilation=ones))
mutant("transposed size is the stride times the input", f"{TRANSPOSED}.output_shapes", "convT",
       lambda f: lambda s, i: ((s.out_channels, *(a * b for a, b in zip(i[0][1:], s.stride, strict=True))),))  # fmt: skip
mutant("transposed crops on the wrong side", f"{TRANSPOSED}.crops", "convT",
       after(lambda c, *_: tuple((b, a, e) for a, b, e in c)))  # fmt: skip
mutant("transposed reads as if not dilated", f"{TRANSPOSED}.reads", "convT", ignoring(dilation=ones))

# Linear
LINEAR = "layers.linear:Linear"
mutant("linear macs at one position", f"{LINEAR}.macs", "linear",
       lambda f: lambda s, i, o: s.in_features * s.out_features)  # fmt: skip
mutant("linear weight transposed", f"{LINEAR}.parameters", "linear",
       after(lambda p, *_: {**p, "weight": p["weight"][::-1]}))  # fmt: skip
mutant("linear forgets its bias", f"{LINEAR}.parameters", "linear", without("bias"))
mutant("linear adds no bias", f"{LINEAR}.ops", "linear", ops(add=lambda n: 0))
mutant("linear writes in features", f"{LINEAR}.output_shapes", "linear",
       lambda f: lambda s, i: ((s.in_features, *i[0][1:]),))  # fmt: skip

# Pooling
mutant("pool ignores ceil", f"{POOL}.output_shapes", pools, ignoring(ceil=False))
mutant("pool always rounds up", f"{POOL}.output_shapes", pools, ignoring(ceil=True))
mutant("pool keeps a last window that starts in the padding", "layers.window:minimum", pools,
       lambda f: lambda a, b: a)  # fmt: skip
mutant("max-pool compares once an output", "layers.pool:MaxPool.ops", "maxpool",
       after(lambda f, s, i, o: f._replace(cmp=prod(o[0]))))  # fmt: skip
mutant("max-pool compares a tap less", "layers.pool:MaxPool.ops", "maxpool",
       after(lambda f, s, i, o: f._replace(cmp=f.cmp - prod(o[0]))))  # fmt: skip
mutant("average pool does not divide", "layers.pool:AvgPool.ops", "avgpool", ops(div=lambda n: 0))
mutant("average pool adds only real inputs", "layers.pool:AvgPool.ops", "avgpool",
       after(lambda f, s, i, o: f._replace(add=min(f.add, prod(i[0])))))  # fmt: skip
mutant("power pool takes no root", "layers.pool:LPPool.ops", "lppool", ops(special=lambda n: 0))
mutant("global pool divides every input", "layers.pool:GlobalAvgPool.ops", "globalavgpool",
       after(lambda f, *_: f._replace(div=f.add)))  # fmt: skip
mutant("global pool leaves one axis", "layers.pool:_Global.output_shapes", "globalavgpool globalmaxpool",
       lambda f: lambda s, i: ((*f(s, i)[0][:-1], i[0][-1]),))  # fmt: skip
mutant("adaptive windows never overlap", "layers.pool:adaptive_taps", "adaptiveavgpool adaptivemaxpool",
       lambda f: lambda i, o: max(i, o))  # fmt: skip
mutant("unpool forgets the kernel", "layers.pool:MaxUnpool.output_shapes", "unpool",
       after(lambda f, s, i: f if s.size else ((f[0][0], *(n - k + 1 for n, k in zip(f[0][1:], s.kernel, strict=True))),)))  # fmt: skip

# Normalisation, activations
NORM = "layers.norm"
mutant("batch norm forgets its running mean", f"{NORM}:BatchNorm.buffers", "bn", without("running_mean"))
mutant("batch norm counts buffers as parameters", f"{NORM}:BatchNorm.parameters", "bn",
       lambda f: lambda s, i: {**f(s, i), **s.buffers(i)})  # fmt: skip
mutant("batch norm without affine keeps its weights", f"{NORM}:BatchNorm.parameters", "bn", ignoring(affine=True))
mutant("batch norm only multiplies", f"{NORM}:BatchNorm.ops", "bn", ops(add=lambda n: 0))
mutant("layer norm over channels as over all", f"{NORM}:LayerNorm.ops", "ln", ignoring(over="all"))
mutant("layer norm forgets its offset", f"{NORM}:LayerNorm.parameters", "ln", without("bias"))
mutant("group norm of one group", f"{NORM}:GroupNorm.ops", "gn", ignoring(groups=1))
mutant("instance norm of one channel", f"{NORM}:InstanceNorm.ops", "instancenorm", ignoring(channels=1))
mutant("local response norm over three channels", f"{NORM}:LocalResponseNorm.ops", "lrn", ignoring(size=3))
mutant("scale always has an offset", f"{NORM}:Scale.parameters", "scale", ignoring(bias=True))
ACT = "layers.activation"
mutant("prelu has no parameters", f"{ACT}:PReLU.parameters", "prelu", lambda f: lambda s, i: {})
mutant("gelu by tanh as if exact", f"{ACT}:GELU.ops", "gelu",
       lambda f: lambda s, i, o: f(type(s)(approximate="none"), i, o))  # fmt: skip
mutant("activations are free", f"{ACT}:Activation.ops", "relu silu hardswish softmax elu",
       lambda f: lambda s, i, o: type(s.cost)())  # fmt: skip

# Resizing, moving, joining
mutant("interpolation reads all taps at once", "layers.resize:Upsample.ops", "upsample",
       after(lambda f, s, i, o: f._replace(mul=2 ** (len(o[0]) - 1) * prod(o[0]) if f.mul else 0)))  # fmt: skip
mutant("splines solve nothing", "layers.resize:Upsample.ops", "upsample",
       after(lambda f, s, i, o: f._replace(add=f.mul) if s.mode == "spline" else f))  # fmt: skip
mutant("upsampling rounds up", "layers.resize:floor_div", "upsample", lambda f: lambda a, b: -(-a // b))
mutant("corners are never aligned", "layers.resize:Upsample.reads", "upsample", ignoring(align_corners=False))
mutant("pixel shuffle keeps a factor too many channels", "layers.rearrange:PixelShuffle.output_shapes",
       "pixelshuffle", sizes(lambda c: c * 2, 0))  # fmt: skip
mutant("pixel unshuffle of one axis", "layers.rearrange:PixelUnshuffle.output_shapes", "pixelunshuffle",
       lambda f: lambda s, i: ((i[0][0] * s.factor, *f(s, i)[0][1:]),))  # fmt: skip
mutant("permute the other way round", "layers.rearrange:Permute.output_shapes", "permute",
       lambda f: lambda s, i: (tuple(i[0][s.order.index(a)] for a in range(len(s.order))),))  # fmt: skip
mutant("pad forgets the far side", "layers.shape:Pad.output_shapes", "pad",
       lambda f: lambda s, i: f(replace(s, padding=tuple((b, 0) for b, _ in s.padding)), i))  # fmt: skip
mutant("crop off by one", "layers.shape:Crop.output_shapes", "crop", sizes(lambda n: n + 1))
mutant("slice keeps its end", "layers.shape:Slice.output_shapes", "slice",
       after(lambda f, s, *_: ((*f[0][: s.axis], f[0][s.axis] + 1, *f[0][s.axis + 1 :]),)))  # fmt: skip
mutant("split gives equal parts", "layers.shape:Split.output_shapes", "split",
       after(lambda f, *_: (f[0],) * len(f)))  # fmt: skip
mutant("flatten keeps channels only", "layers.shape:Flatten.output_shapes", "flatten",
       lambda f: lambda s, i: ((i[0][0],),))  # fmt: skip
mutant("concat takes the largest", "layers.merge:total", "concat", lambda f: lambda sizes: max(sizes))
mutant("add counts every input", "layers.merge:Add.ops", "add",
       after(lambda f, s, i, o: f._replace(add=f.add + prod(o[0]))))  # fmt: skip
mutant("mul is free", "layers.merge:Mul.ops", "mul", ops(mul=lambda n: 0))
mutant("joins have the shape of their first input", "layers.merge:broadcast", "add mul",
       lambda f: lambda op, inputs: inputs[0])  # fmt: skip

# Whole graphs
REPORT = "calculators.report:count"


def _counted(change: Callable[[Any, Any, Any], None]) -> Make:
    def make(right: Any) -> Any:
        def wrong(node: Any, inputs: Any, batch: int) -> Any:
            found = right(node, inputs, batch)
            change(found, node, inputs)
            return found

        return wrong

    return make


mutant("flops count a MAC once", REPORT, "conv linear", _counted(lambda c, *_: setattr(c, "flops", c.flops - c.macs)))
mutant("activations of every layer", REPORT, "maxpool relu",
       _counted(lambda c, n, i: setattr(c, "activations", prod(n.outputs[0]))))  # fmt: skip
mutant("activations of the input", REPORT, "conv linear",
       _counted(lambda c, n, i: setattr(c, "activations", c.activations and prod(i[0]))))  # fmt: skip
mutant("totals forget a layer", "calculators.report:Counts.add", "conv linear bn",
       lambda f: lambda s, other, *a, **k: None if other.macs else f(s, other, *a, **k))  # fmt: skip


def _alive(change: Callable[[list[Any], list[Any], Any], Any]) -> Make:
    def make(right: Any) -> Any:
        def wrong(graph: Any, batch: int, item: int) -> Any:
            return change(*right(graph, batch, item), graph)

        return wrong

    return make


LIVE = "calculators.memory:live_bytes"
mutant("tensors die as soon as they are written", LIVE, "conv add", _alive(lambda w, a, g: (w, w)))
mutant("tensors never die", LIVE, "conv add", _alive(lambda w, a, g: (w, [sum(w[: i + 1]) for i in range(len(w))])))
mutant("inputs take no memory", LIVE, "conv", _alive(lambda w, a, g: (w, [n - w[0] for n in a])))

# Receptive fields
mutant("fields of convolutions ignore dilation", f"{CONV}.reads", conv, ignoring(dilation=ones))
mutant("fields of convolutions ignore padding", f"{CONV}.reads", conv, ignoring(padding=nothing))
mutant("fields of convolutions ignore stride", f"{CONV}.reads", conv, ignoring(stride=ones))
mutant("fields of pools ignore the stride", f"{POOL}.reads", pools, ignoring(stride=ones))
mutant("fields of pools ignore padding", f"{POOL}.reads", pools, ignoring(padding=nothing))


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


COMPOSE = "calculators.receptive_field_axis:compose"
WINDOWS = "conv dwconv maxpool avgpool"
mutant("field size off by one", COMPOSE, WINDOWS,
       _composed(lambda f, a: _rebuilt(f, sizes=tuple(n + 1 for n in f.sizes)) if hasattr(a.rule, "count") else f))  # fmt: skip
mutant("field padding off by one", COMPOSE, WINDOWS,
       _composed(lambda f, a: _rebuilt(f, starts=tuple(n and n + 1 for n in f.starts)) if hasattr(a.rule, "count") else f))  # fmt: skip
mutant("field stride off by one", COMPOSE, WINDOWS,
       _composed(lambda f, a: _rebuilt(f, advance=f.advance + 1) if hasattr(a.rule, "count") else f))  # fmt: skip
mutant("field of branches is that of the first", "calculators.receptive_field_axis:hull", "add concat",
       lambda f: lambda fields, written: fields[0])  # fmt: skip


# Kernels, the fast ones and the naive ones


def kernel(**fields: Any) -> Make:
    """A kernel that misreads hyper-parameters of its layer."""

    def make(right: Any) -> Any:
        def wrong(call: Any) -> Any:
            own = call.layer
            known = {n: getattr(own, n) for n in dir(own) if not n.startswith("__") and not callable(getattr(own, n))}
            known.update({k: v(own) if callable(v) else v for k, v in fields.items()})
            call.layer = SimpleNamespace(**known)
            return right(call)

        return wrong

    return make


def weights(change: Callable[[Any], Any]) -> Make:
    """A kernel that misreads its weights."""

    class Misread:
        def __init__(self, params: Any) -> None:
            self.params = params

        def __getitem__(self, name: str) -> Any:
            array = self.params[name]
            return np.ascontiguousarray(change(array)) if name == "weight" else array

        def __getattr__(self, name: str) -> Any:
            return getattr(self.params, name)

    def make(right: Any) -> Any:
        def wrong(call: Any) -> Any:
            call.params = Misread(call.params)
            return right(call)

        return wrong

    return make


def flipped(array: Any) -> Any:
    return np.flip(array, tuple(range(2, array.ndim)))


def mirrored(layer: Any) -> Any:
    return tuple(p if isinstance(p, str) else p[::-1] for p in layer.padding)


for form in ("fast", "naive"):
    home = f"executor.kernels:{form.upper()}"
    mutant(f"{form} conv kernel without dilation", f"{home}[conv]", conv, kernel(dilation=ones))
    mutant(f"{form} conv kernel without stride", f"{home}[conv]", conv, kernel(stride=ones))
    mutant(f"{form} conv kernel pads on the wrong side", f"{home}[conv]", conv, kernel(padding=mirrored))
    mutant(f"{form} conv kernel without bias", f"{home}[conv]", conv, kernel(bias=False))
    mutant(f"{form} conv kernel rotated", f"{home}[conv]", conv, weights(flipped))
    mutant(f"{form} conv kernel pads zeros always", f"{home}[conv]", conv, kernel(padding_mode="zeros"))
    mutant(f"{form} conv kernel mixes up its filters", f"{home}[conv]", conv, weights(lambda w: w[::-1]))
    mutant(f"{form} transposed kernel rotated", f"{home}[convT]", "convT", weights(flipped))
    mutant(f"{form} transposed kernel without stride", f"{home}[convT]", "convT", kernel(stride=ones))
    mutant(f"{form} transposed kernel without dilation", f"{home}[convT]", "convT", kernel(dilation=ones))
    mutant(f"{form} transposed kernel crops the wrong side", f"{home}[convT]", "convT",
           kernel(padding=mirrored))  # fmt: skip
    mutant(f"{form} linear kernel without bias", f"{home}[linear]", "linear", kernel(bias=False))
    # Pools
    mutant(f"{form} max-pool rounds down", f"{home}[maxpool]", "maxpool", kernel(ceil=False))
    mutant(f"{form} max-pool without dilation", f"{home}[maxpool]", "maxpool", kernel(dilation=ones))
    mutant(f"{form} average pool counts padding always", f"{home}[avgpool]", "avgpool", kernel(count_include_pad=True))
    mutant(f"{form} average pool ignores its divisor", f"{home}[avgpool]", "avgpool", kernel(divisor=None))
    mutant(f"{form} power pool is always the second", f"{home}[lppool]", "lppool", kernel(norm=2))

# What both forms and the tracing share: only the formulas can tell
mutant("windows split same padding the wrong way", "executor.windows:_split", f"{conv} {pools} convT",
       lambda f: lambda total, lower: f(total, not lower))  # fmt: skip
mutant("windows miss the last one", "executor.windows:starts", f"{conv} {pools}",
       lambda f: lambda *a, **k: f(*a, **k)[:-1] or f(*a, **k))  # fmt: skip
mutant("windows are a dilation longer", "executor.windows:extent", conv, lambda f: lambda k, d: f(k, d) + d - 1)
mutant("rearranging kernels: shift runs the other way", "executor.kernels.move:shift", "shift",
       lambda f: lambda call: np.flip(f(_seen_backwards(call)), tuple(range(2, call.x.ndim))).copy())  # fmt: skip
mutant("crop kernel cuts the wrong side", "executor.kernels.move:crop", "crop",
       kernel(amounts=lambda s: tuple(p[::-1] for p in s.amounts)))  # fmt: skip
mutant("pad kernel pads the wrong side", "executor.kernels.move:pad", "pad", kernel(padding=mirrored))
mutant("slice kernel starts late", "executor.kernels.move:slice_", "slice",
       kernel(start=lambda s: max(0, s.start - 1), stop=lambda s: s.stop - (s.start > 0)))  # fmt: skip
mutant("permute kernel the other way round", "executor.kernels.move:permute", "permute",
       kernel(order=lambda s: tuple(s.order.index(a) for a in range(len(s.order)))))  # fmt: skip
mutant("interpolation kernel aligns no corners", "executor.kernels.interp:resample", "upsample",
       lambda f: lambda t, x, axis, out, ratio, mode, corners: f(t, x, axis, out, ratio, mode, False))  # fmt: skip
mutant("interpolation kernel is always nearest", "executor.kernels.interp:resample", "upsample",
       lambda f: lambda t, x, axis, out, ratio, mode, corners: f(t, x, axis, out, ratio, "nearest", False))  # fmt: skip
mutant("adaptive windows end early", "executor.kernels.pool:adaptive_windows", "adaptiveavgpool adaptivemaxpool",
       lambda f: lambda n, m: ((i, tuple(slice(w.start, max(w.start + 1, w.stop - 1)) for w in s)) for i, s in f(n, m)))  # fmt: skip


def _seen_backwards(call: Any) -> Any:
    call.xs = (np.flip(call.x, tuple(range(2, call.x.ndim))).copy(), *call.xs[1:])
    return call


# Parameters that a kernel does not read
NORMS = "executor.kernels:FAST"
mutant("batch norm kernel without weights", f"{NORMS}[bn]", "bn", kernel(affine=False))
mutant("layer norm kernel without weights", f"{NORMS}[ln]", "ln", kernel(affine=False))
mutant("layer norm kernel over everything", f"{NORMS}[ln]", "ln", kernel(over="all"))
mutant("group norm kernel of one group", f"{NORMS}[gn]", "gn", kernel(groups=1))
mutant("scale kernel without offset", f"{NORMS}[scale]", "scale", kernel(bias=False))

# Counting
TALLY = "executor.tally:CountingArith"


def _tallied(change: Callable[[Any, Any], None]) -> Make:
    """Arithmetic that counts something wrong besides."""

    def make(right: Any) -> Any:
        def wrong(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = right(self, *args, **kwargs)
            change(self.tally, result)
            return result

        return wrong

    return make


def _more(field: str) -> Make:
    return _tallied(lambda t, r: setattr(t, field, getattr(t, field) + 1))


mutant("counted comparisons off by one", f"{TALLY}.maximum", "relu maxpool", _more("cmp"))
mutant("counted sums off by one", f"{TALLY}.add", "add bn", _more("add"))
mutant("counted products off by one", f"{TALLY}.matmul", "conv linear", _more("macs"))
mutant("counted valid products off by one", f"{TALLY}.products", "dwconv", _more("valid"))
mutant("counted cropped products forgotten", f"{TALLY}.cropped", "convT", lambda f: lambda self, n: None)
mutant("counted exponentials forgotten", f"{TALLY}.exp", "sigmoid softmax",
       _tallied(lambda t, r: setattr(t, "special", 0)))  # fmt: skip
