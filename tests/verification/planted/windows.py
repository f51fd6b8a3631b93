"""Mistakes in the formulas of convolutions, linear layers and pools."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from convcalc.layers.reads import FIXED, Axis
from tests.verification.planted.base import (
    CONV,
    CONVS,
    POOL,
    POOLS,
    TRANSPOSED,
    after,
    ignoring,
    mutant,
    ones,
    ops,
    without,
)

# Convolution: MACs
mutant("conv macs without the kernel", f"{CONV}.macs", CONVS, after(lambda m, s, *_: m // prod(s.kernel)))
mutant("conv macs of one kernel axis", f"{CONV}.macs", CONVS, after(lambda m, s, *_: m // s.kernel[-1]))
mutant("conv macs without groups", f"{CONV}.macs", CONVS, ignoring(groups=1))
mutant(
    "conv macs of the input size",
    f"{CONV}.macs",
    CONVS,
    lambda f: lambda s, i, o: f(s, i, ((o[0][0], *i[0][1:]),)),
)
mutant("conv macs count twice", f"{CONV}.macs", CONVS, after(lambda m, *_: 2 * m))
mutant(
    "conv macs with the bias",
    f"{CONV}.macs",
    CONVS,
    after(lambda m, s, i, o: m + (prod(o[0]) if s.bias else 0)),
)
mutant(
    "conv macs of out channels squared",
    f"{CONV}.macs",
    CONVS,
    lambda f: lambda s, i, o: f(replace(s, in_channels=s.out_channels), i, o),
)
mutant("conv valid macs are the macs", f"{CONV}.valid_macs", CONVS, lambda f: lambda s, i, o: s.macs(i, o))
mutant("conv valid macs without dilation", f"{CONV}.valid_macs", CONVS, ignoring(dilation=ones))
mutant("conv valid macs without stride", f"{CONV}.valid_macs", CONVS, ignoring(stride=ones))
mutant(
    "conv valid macs of copied padding count as zeros",
    f"{CONV}.valid_macs",
    CONVS,
    ignoring(padding_mode="zeros"),
)
mutant(
    "valid pairs forget the far side",
    "layers.windows.window:valid_pairs",
    f"{CONVS} convT",
    lambda f: lambda i, k, s, d, before, o: f(10**6, k, s, d, before, o),
)
mutant(
    "valid pairs forget the near side",
    "layers.windows.window:valid_pairs",
    f"{CONVS} convT",
    lambda f: lambda i, k, s, d, before, o: f(i + before, k, s, d, 0, o),
)

# Convolution: parameters and operations
mutant("conv forgets its bias", f"{CONV}.parameters", CONVS, without("bias"))
mutant("conv parameters without groups", f"{CONV}.parameters", CONVS, ignoring(groups=1))
mutant(
    "conv weight with in and out swapped",
    f"{CONV}.parameters",
    CONVS,
    after(lambda p, *_: {**p, "weight": (p["weight"][1], p["weight"][0], *p["weight"][2:])}),
)
mutant(
    "conv weight of a square kernel",
    f"{CONV}.parameters",
    CONVS,
    after(lambda p, *_: {**p, "weight": (*p["weight"][:-1], p["weight"][2])}),
)
WEIGHTED = "layers.products.weights:Weighted"
mutant("weights that arrive are owned", f"{WEIGHTED}.owned", f"{CONVS} convT linear", ignoring(arriving=None))
mutant(
    "a bias that arrives is owned",
    f"{WEIGHTED}.owned",
    f"{CONVS} convT linear",
    ignoring(arriving=lambda s: s.arriving and "weight"),
)
mutant(
    "filters that arrive are not read",
    f"{WEIGHTED}.with_arriving",
    f"{CONVS} convT",
    lambda f: lambda s, windows, weight, axis=0: f(s, windows, (Axis(None, FIXED),) * len(weight), axis),
)
mutant("conv adds no bias", f"{CONV}.ops", CONVS, ops(add=lambda n: 0))
mutant(
    "conv adds its bias once a channel",
    f"{CONV}.ops",
    CONVS,
    after(lambda f, s, i, o: f._replace(add=min(f.add, o[0][0]))),
)

# Sizes of windows
mutant(
    "window size off by one",
    "layers.windows.window:output_size",
    f"{CONVS} {POOLS}",
    lambda f: lambda *a, **k: f(*a, **k) + 1,
)
mutant(
    "window size without dilation",
    "layers.windows.window:output_size",
    f"{CONVS} {POOLS}",
    lambda f: lambda i, k, s, d, b, a, **m: f(i, k, s, 1, b, a, **m),
)
mutant(
    "window size without padding after",
    "layers.windows.window:output_size",
    f"{CONVS} {POOLS}",
    lambda f: lambda i, k, s, d, b, a, **m: f(max(i + b, d * (k - 1) + 1), k, s, d, 0, 0, **m),
)
mutant(
    "window size without stride",
    "layers.windows.window:output_size",
    f"{CONVS} {POOLS}",
    lambda f: lambda i, k, s, d, b, a, **m: f(i, k, 1, d, b, a, **m),
)
mutant(
    "window size rounded up",
    "layers.windows.window:output_size",
    f"{CONVS} {POOLS}",
    lambda f: lambda i, k, s, d, b, a, **m: f(i + s - 1, k, s, d, b, a, **m),
)
mutant(
    "same pads the odd one before",
    "layers.windows.window:resolve",
    f"{CONVS} {POOLS}",
    lambda f: lambda p, *a: f("same_lower" if p == "same" else p, *a),
)
mutant(
    "same_lower pads the odd one after",
    "layers.windows.window:resolve",
    f"{CONVS} {POOLS}",
    lambda f: lambda p, *a: f("same" if p == "same_lower" else p, *a),
)
mutant(
    "same forgets the stride",
    "layers.windows.window:resolve",
    f"{CONVS} {POOLS}",
    lambda f: lambda p, i, k, s, d: f(p, i, k, 1 if p == "same" else s, d),
)
mutant(
    "same forgets the dilation",
    "layers.windows.window:resolve",
    CONVS,
    lambda f: lambda p, i, k, s, d: f(p, i, k, s, 1 if p == "same" else d),
)
mutant(
    "full forgets the dilation",
    "layers.windows.window:resolve",
    CONVS,
    lambda f: lambda p, i, k, s, d: f(p, i, k, s, 1 if p == "full" else d),
)
mutant(
    "causal pads after",
    "layers.windows.window:resolve",
    CONVS,
    lambda f: lambda p, *a: f(p, *a)[::-1] if p == "causal" else f(p, *a),
)

# Transposed convolution
mutant(
    "transposed macs of the output size",
    f"{TRANSPOSED}.macs",
    "convT",
    after(lambda m, s, i, o: m // prod(i[0][1:]) * prod(o[0][1:])),
)
mutant("transposed macs without groups", f"{TRANSPOSED}.macs", "convT", ignoring(groups=1))
mutant(
    "transposed valid macs are the macs",
    f"{TRANSPOSED}.valid_macs",
    "convT",
    lambda f: lambda s, i, o: s.macs(i, o),
)
mutant(
    "transposed weight with in and out swapped",
    f"{TRANSPOSED}.parameters",
    "convT",
    after(lambda p, *_: {**p, "weight": (p["weight"][1], p["weight"][0], *p["weight"][2:])}),
)
mutant("transposed forgets its bias", f"{TRANSPOSED}.parameters", "convT", without("bias"))
mutant(
    "transposed adds bias at input positions",
    f"{TRANSPOSED}.ops",
    "convT",
    after(lambda f, s, i, o: f._replace(add=f.add // prod(o[0][1:]) * prod(i[0][1:]))),
)
mutant(
    "transposed size without output padding",
    f"{TRANSPOSED}.output_shapes",
    "convT",
    ignoring(output_padding=lambda s: (0,) * len(s.kernel)),
)
mutant("transposed size without dilation", f"{TRANSPOSED}.output_shapes", "convT", ignoring(dilation=ones))
mutant(
    "transposed size is the stride times the input",
    f"{TRANSPOSED}.output_shapes",
    "convT",
    lambda f: lambda s, i: ((s.out_channels, *(a * b for a, b in zip(i[0][1:], s.stride, strict=True))),),
)
mutant(
    "transposed crops on the wrong side",
    f"{TRANSPOSED}.crops",
    "convT",
    after(lambda c, *_: tuple((b, a, e) for a, b, e in c)),
)
mutant("transposed reads as if not dilated", f"{TRANSPOSED}.reads", "convT", ignoring(dilation=ones))

# Linear
LINEAR = "layers.products.linear:Linear"
mutant(
    "linear macs at one position",
    f"{LINEAR}.macs",
    "linear",
    lambda f: lambda s, i, o: s.in_features * s.out_features,
)
mutant(
    "linear weight transposed",
    f"{LINEAR}.parameters",
    "linear",
    after(lambda p, *_: {**p, "weight": p["weight"][::-1]} if "weight" in p else p),
)
mutant("linear forgets its bias", f"{LINEAR}.parameters", "linear", without("bias"))
mutant("linear adds no bias", f"{LINEAR}.ops", "linear", ops(add=lambda n: 0))
mutant(
    "linear writes in features",
    f"{LINEAR}.output_shapes",
    "linear",
    lambda f: lambda s, i: ((s.in_features, *i[0][1:]),),
)

# Pooling
mutant("pool ignores ceil", f"{POOL}.output_shapes", POOLS, ignoring(ceil=False))
mutant("pool always rounds up", f"{POOL}.output_shapes", POOLS, ignoring(ceil=True))
mutant(
    "pool keeps a last window that starts in the padding",
    "layers.windows.window:minimum",
    POOLS,
    lambda f: lambda a, b: a,
)
mutant(
    "max-pool compares once an output",
    "layers.windows.pool:MaxPool.ops",
    "maxpool",
    after(lambda f, s, i, o: f._replace(cmp=prod(o[0]))),
)
mutant(
    "max-pool compares a tap less",
    "layers.windows.pool:MaxPool.ops",
    "maxpool",
    after(lambda f, s, i, o: f._replace(cmp=f.cmp - prod(o[0]))),
)
mutant("average pool does not divide", "layers.windows.pool:AvgPool.ops", "avgpool", ops(div=lambda n: 0))
mutant(
    "average pool adds only real inputs",
    "layers.windows.pool:AvgPool.ops",
    "avgpool",
    after(lambda f, s, i, o: f._replace(add=min(f.add, prod(i[0])))),
)
mutant("power pool takes no root", "layers.windows.pool:LPPool.ops", "lppool", ops(special=lambda n: 0))
mutant(
    "global pool divides every input",
    "layers.windows.adaptive:GlobalAvgPool.ops",
    "globalavgpool",
    after(lambda f, *_: f._replace(div=f.add)),
)
mutant(
    "global pool leaves one axis",
    "layers.windows.adaptive:_Global.output_shapes",
    "globalavgpool globalmaxpool",
    lambda f: lambda s, i: ((*f(s, i)[0][:-1], i[0][-1]),),
)
mutant(
    "adaptive windows never overlap",
    "layers.windows.adaptive:adaptive_taps",
    "adaptiveavgpool adaptivemaxpool",
    lambda f: lambda i, o: max(i, o),
)
mutant(
    "unpool forgets the kernel",
    "layers.windows.unpool:MaxUnpool.output_shapes",
    "unpool",
    after(
        lambda f, s, i: (
            f if s.size else ((f[0][0], *(n - k + 1 for n, k in zip(f[0][1:], s.kernel, strict=True))),)
        )
    ),
)
