"""Values of every layer against PyTorch, over random configurations of every rank."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from convcalc.executor.call import Call, Params
from convcalc.executor.kernels import OPERATIONS, run_kernel
from tests.executor.stand_ins import layer

pytestmark = pytest.mark.torch

Rng = np.random.Generator
Case = tuple[Any, tuple[np.ndarray, ...], dict[str, np.ndarray], Any]


def torch_() -> Any:
    return pytest.importorskip("torch")


def functional() -> Any:
    torch_()
    import torch.nn.functional as functional

    return functional


def tensor(array: Any) -> Any:
    return torch_().from_numpy(np.ascontiguousarray(array))


def ints(rng: Rng, low: int, high: int, rank: int) -> tuple[int, ...]:
    return tuple(int(v) for v in rng.integers(low, high + 1, rank))


def pick(rng: Rng, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def some(rng: Rng, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def widths(pads: tuple[tuple[int, int], ...]) -> list[int]:
    """Padding as torch.nn.functional.pad takes it: last axis first."""
    return [w for pair in reversed(pads) for w in pair]


def tensorflow_same(n: int, k: int, s: int, d: int, lower: bool) -> tuple[int, int]:
    """SAME padding as TensorFlow's documentation states it."""
    span = (k - 1) * d + 1
    total = max(span - s, 0) if n % s == 0 else max(span - n % s, 0)
    return (total - total // 2, total // 2) if lower else (total // 2, total - total // 2)


def conv(rng: Rng) -> Case:
    rank = int(rng.integers(1, 4))
    depthwise = rng.random() < 0.3
    groups = int(rng.integers(2, 5)) if depthwise else pick(rng, 1, 1, 2, 3)
    ins = groups if depthwise else groups * int(rng.integers(1, 4))
    outs = groups * int(rng.integers(1, 4))
    kernel, stride, dilation = ints(rng, 1, 4, rank), ints(rng, 1, 3, rank), ints(rng, 1, 3, rank)
    if rng.random() < 0.2:
        kernel = (1,) * rank
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = tuple(s + int(rng.integers(0, 7)) for s in span)
    mode = pick(rng, "zeros", "zeros", "reflect", "replicate", "circular")
    convention = pick(rng, None, None, "same", "same_lower", "valid", "full", "causal")
    if convention == "valid":
        pads = ((0, 0),) * rank
    elif convention == "full":
        pads = tuple((s - 1, s - 1) for s in span)
    elif convention == "causal":
        pads = tuple((s - 1, 0) for s in span)
    elif convention is not None:
        axes = zip(sizes, kernel, stride, dilation, strict=True)
        pads = tuple(tensorflow_same(*axis, convention == "same_lower") for axis in axes)
    else:
        pads = tuple(ints(rng, 0, 3, 2) for _ in range(rank))
    if mode != "zeros" and any(max(p) >= n for p, n in zip(pads, sizes, strict=True)):
        mode = "zeros"
    bias = bool(rng.integers(2))
    stand_in = layer(
        "conv",
        rank,
        in_channels=ins,
        out_channels=outs,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        bias=bias,
        padding_mode=mode,
        padding=(convention,) * rank if convention else pads,
    )
    x, w, b = some(rng, 2, ins, *sizes), some(rng, outs, ins // groups, *kernel), some(rng, outs)
    padded = tensor(x)
    if mode == "zeros":
        padded = functional().pad(padded, widths(pads))
    elif any(map(any, pads)):
        padded = functional().pad(padded, widths(pads), mode=mode)
    run = getattr(functional(), f"conv{rank}d")
    params = {"weight": w, **({"bias": b} if bias else {})}
    if convention == "same" and mode == "zeros" and all(s == 1 for s in stride):
        expected = run(tensor(x), tensor(w), tensor(b) if bias else None, 1, "same", dilation, groups)
    else:
        expected = run(padded, tensor(w), tensor(b) if bias else None, stride, 0, dilation, groups)
    return stand_in, (x,), params, expected


def conv_transposed(rng: Rng) -> Case:
    rank = int(rng.integers(1, 4))
    groups = pick(rng, 1, 1, 2, 3)
    ins, outs = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
    kernel, stride, dilation = ints(rng, 1, 4, rank), ints(rng, 1, 3, rank), ints(rng, 1, 2, rank)
    sizes = ints(rng, 2, 5, rank)
    extra = tuple(int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = tuple((int(rng.integers(0, s)), int(rng.integers(0, s))) for s in span)
    if rng.random() < 0.4:
        pads = tuple((p, p) for p, _ in pads)
    room = [s * (n - 1) + e for s, n, e in zip(stride, sizes, span, strict=True)]
    given: Any = pads
    same = rng.random() < 0.2
    if same:
        given, extra = ("same",) * rank, (0,) * rank
        pads = tuple(
            (max(e - s, 0) // 2, max(e - s, 0) - max(e - s, 0) // 2)
            for e, s in zip(span, stride, strict=True)
        )
        extra = tuple(max(s - e, 0) for e, s in zip(span, stride, strict=True))
    elif any(r - sum(p) + e < 1 for r, p, e in zip(room, pads, extra, strict=True)):
        return conv_transposed(rng)
    bias = bool(rng.integers(2))
    stand_in = layer(
        "convT",
        rank,
        in_channels=ins,
        out_channels=outs,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        bias=bias,
        padding=given,
        output_padding=(0,) * rank if same else extra,
    )
    x, w, b = some(rng, 2, ins, *sizes), some(rng, ins, outs // groups, *kernel), some(rng, outs)
    params = {"weight": w, **({"bias": b} if bias else {})}
    run = getattr(functional(), f"conv_transpose{rank}d")
    arrays = (tensor(x), tensor(w), tensor(b) if bias else None)
    if all(p == q for p, q in pads) and all(
        e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)
    ):
        return stand_in, (x,), params, run(*arrays, stride, [p for p, _ in pads], extra, groups, dilation)
    # Unequal padding: everything, extended by what output_padding adds, then cropped.
    every = run(arrays[0], arrays[1], None, stride, 0, 0, groups, dilation)
    every = functional().pad(every, widths(tuple((0, e) for e in extra)))
    for axis, (p, q) in enumerate(pads):
        every = every.narrow(axis + 2, p, every.shape[axis + 2] - p - q)
    if bias:
        every = every + arrays[2].reshape(1, -1, *(1,) * rank)
    return stand_in, (x,), params, every


def linear(rng: Rng) -> Case:
    ins, outs, n = ints(rng, 1, 9, 3)
    flat = bool(rng.integers(2))
    sizes = () if flat else ints(rng, 1, 4, int(rng.integers(1, 6)))
    bias, axis = bool(rng.integers(2)), int(rng.integers(len(sizes) + 1))
    x, w, b = some(rng, n, *sizes[:axis], ins, *sizes[axis:]), some(rng, outs, ins), some(rng, outs)
    last = tensor(np.moveaxis(x, axis + 1, -1))
    expected = functional().linear(last, tensor(w), tensor(b) if bias else None)
    word = "flat" if flat else "channels" if axis == 0 else axis
    stand_in = layer("linear", in_features=ins, out_features=outs, bias=bias, axis=word)
    params = {"weight": w, **({"bias": b} if bias else {})}
    return stand_in, (x,), params, expected.moveaxis(-1, axis + 1)


def pool_sizes(rng: Rng, dilated: bool) -> dict[str, Any]:
    rank = int(rng.integers(1, 4))
    kernel, stride = ints(rng, 1, 4, rank), ints(rng, 1, 4, rank)
    dilation = ints(rng, 1, 2, rank) if dilated else (1,) * rank
    pads = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    sizes = tuple((k - 1) * d + 1 + int(rng.integers(0, 7)) for k, d in zip(kernel, dilation, strict=True))
    return {
        "rank": rank,
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "pads": pads,
        "sizes": sizes,
    }


def maxpool(rng: Rng) -> Case:
    p = pool_sizes(rng, True)
    ceil = bool(rng.integers(2))
    stand_in = layer(
        "maxpool",
        p["rank"],
        kernel=p["kernel"],
        stride=p["stride"],
        dilation=p["dilation"],
        padding=p["pads"],
        ceil=ceil,
    )
    x = some(rng, 2, int(rng.integers(1, 9)), *p["sizes"])
    if rng.random() < 0.3:
        x = np.round(x)  # equal values: the first of them is the one
    run = getattr(functional(), f"max_pool{p['rank']}d")
    values, indices = run(tensor(x), p["kernel"], p["stride"], p["pads"], p["dilation"], ceil, True)
    own = run_kernel(Call(stand_in, (x,), wanted=frozenset((0, 1))))
    np.testing.assert_array_equal(own[1], indices.numpy())
    np.testing.assert_array_equal(own[0], values.numpy())
    return stand_in, (x,), {}, values


def avgpool(rng: Rng) -> Case:
    p = pool_sizes(rng, False)
    ceil, include = bool(rng.integers(2)), bool(rng.integers(2))
    divisor = int(rng.integers(1, 9)) if p["rank"] > 1 and rng.random() < 0.3 else None
    stand_in = layer(
        "avgpool",
        p["rank"],
        kernel=p["kernel"],
        stride=p["stride"],
        padding=p["pads"],
        ceil=ceil,
        count_include_pad=include,
        divisor=divisor,
    )
    x = some(rng, 2, int(rng.integers(1, 9)), *p["sizes"])
    run = getattr(functional(), f"avg_pool{p['rank']}d")
    more = (divisor,) if p["rank"] > 1 else ()
    return stand_in, (x,), {}, run(tensor(x), p["kernel"], p["stride"], p["pads"], ceil, include, *more)


def lppool(rng: Rng) -> Case:
    p = pool_sizes(rng, False)
    norm = pick(rng, 1, 2, 3, 4, 1.5)
    stand_in = layer("lppool", p["rank"], kernel=p["kernel"], stride=p["stride"], norm=norm)
    x = np.abs(some(rng, 2, 3, *p["sizes"]))  # PyTorch takes powers without the absolute value
    run = getattr(functional(), f"lp_pool{p['rank']}d")
    kernel, stride = (p["kernel"][0], p["stride"][0]) if p["rank"] == 1 else (p["kernel"], p["stride"])
    return stand_in, (x,), {}, run(tensor(x), float(norm), kernel, stride)


def unpool(rng: Rng) -> Case:
    p = pool_sizes(rng, False)
    rank, sizes, kernel = p["rank"], p["sizes"], p["kernel"]
    whole = [getattr(functional(), f"max_pool{rank}d"), getattr(functional(), f"max_unpool{rank}d")]
    # Windows that do not overlap write no place twice.
    values, indices = whole[0](tensor(some(rng, 2, 3, *sizes)), kernel, kernel, return_indices=True)
    given = bool(rng.integers(2)) or any(n % k for n, k in zip(sizes, kernel, strict=True))
    stand_in = layer("unpool", rank, kernel=kernel, size=sizes if given else None)
    expected = whole[1](values, indices, kernel, kernel, 0, sizes if given else None)
    return stand_in, (values.numpy(), indices.numpy()), {}, expected


def global_pool(rng: Rng) -> Case:
    rank = int(rng.integers(1, 4))
    x = some(rng, 2, 3, *ints(rng, 1, 6, rank))
    op = pick(rng, "avg", "max")
    run = getattr(functional(), f"adaptive_{op}_pool{rank}d")
    return layer(f"global{op}pool"), (x,), {}, run(tensor(x), 1)


def adaptive_pool(rng: Rng) -> Case:
    rank = int(rng.integers(1, 4))
    x, size = some(rng, 2, 3, *ints(rng, 1, 9, rank)), ints(rng, 1, 6, rank)
    op = pick(rng, "avg", "max")
    run = getattr(functional(), f"adaptive_{op}_pool{rank}d")
    return layer(f"adaptive{op}pool", size=size), (x,), {}, run(tensor(x), size)


def upsample(rng: Rng) -> Case:
    rank = int(rng.integers(1, 4))
    mode = pick(rng, "nearest", "nearest_exact", "linear", "cubic")
    names = {
        "nearest": "nearest",
        "nearest_exact": "nearest-exact",
        "cubic": "bicubic",
        "linear": ("linear", "bilinear", "trilinear")[rank - 1],
    }
    if mode == "cubic":
        rank = int(rng.integers(1, 3))
    sizes = ints(rng, 1, 7, rank)
    corners = bool(rng.integers(2)) and not mode.startswith("nearest")
    x = some(rng, 2, 2, *sizes)
    given: dict[str, Any]
    if rng.random() < 0.5:
        size = ints(rng, 1, 12, rank)
        stand_in = layer("upsample", rank, size=size, mode=mode, align_corners=corners)
        given = {"size": size}
    else:
        scale = tuple(
            pick(rng, 1, 2, 3, Fraction(3, 2), Fraction(5, 4), Fraction(11, 8)) for _ in range(rank)
        )
        stand_in = layer("upsample", rank, scale=scale, mode=mode, align_corners=corners)
        given = {"scale_factor": tuple(map(float, scale)), "recompute_scale_factor": False}
    arriving = tensor(x)
    if mode == "cubic" and rank == 1:  # PyTorch has it in two dimensions: add one of size 1
        arriving = arriving[..., None]
        given = {key: (*v, 1) if isinstance(v, tuple) else v for key, v in given.items()}
    if corners or not mode.startswith("nearest"):
        given["align_corners"] = corners
    expected = functional().interpolate(arriving, mode=names[mode], **given)
    return stand_in, (x,), {}, expected[..., 0] if arriving.ndim > x.ndim else expected


def norm_input(rng: Rng) -> tuple[np.ndarray, int, int]:
    rank = int(rng.integers(1, 4))
    groups = int(rng.integers(1, 4))
    channels = groups * int(rng.integers(1, 4))
    return some(rng, 2, channels, *ints(rng, 2, 5, rank)) * 2 + 1, channels, groups


def affine(rng: Rng, shape: tuple[int, ...], on: bool) -> dict[str, np.ndarray]:
    return {"weight": some(rng, *shape), "bias": some(rng, *shape)} if on else {}


def batchnorm(rng: Rng) -> Case:
    x, channels, _ = norm_input(rng)
    on, track = bool(rng.integers(2)), rng.random() < 0.7
    eps = pick(rng, 1e-5, 1e-3)
    params = affine(rng, (channels,), on)
    if track:
        params |= {"running_mean": some(rng, channels), "running_var": rng.random(channels) + 0.1}
    t = {name: tensor(v) for name, v in params.items()}
    expected = functional().batch_norm(
        tensor(x),
        t.get("running_mean"),
        t.get("running_var"),
        t.get("weight"),
        t.get("bias"),
        not track,
        eps=eps,
    )
    return layer("bn", channels=channels, affine=on, track=track, eps=eps), (x,), params, expected


def layernorm(rng: Rng) -> Case:
    x, _, _ = norm_input(rng)
    on, rank = bool(rng.integers(2)), x.ndim - 1
    axes = tuple(sorted(int(a) for a in rng.permutation(rank)[: rng.integers(1, rank + 1)]))
    shape = tuple(x.shape[a + 1] for a in axes)
    params = affine(rng, shape, on)
    bias = on and bool(rng.integers(2))
    if not bias:
        params.pop("bias", None)
    t = {name: tensor(v) for name, v in params.items()}
    axis = None if len(axes) == rank else axes
    stand_in = layer("ln", axis=axis, affine=on, bias=bias, shape=shape)
    there, last = tuple(a + 1 for a in axes), tuple(range(-len(axes), 0))
    moved = tensor(np.moveaxis(x, there, last))
    expected = functional().layer_norm(moved, shape, t.get("weight"), t.get("bias"))
    return stand_in, (x,), params, expected.movedim(last, there)


def groupnorm(rng: Rng) -> Case:
    x, channels, groups = norm_input(rng)
    on = bool(rng.integers(2))
    params = affine(rng, (channels,), on)
    expected = functional().group_norm(tensor(x), groups, *map(tensor, params.values()))
    return layer("gn", groups=groups, channels=channels, affine=on), (x,), params, expected


def instancenorm(rng: Rng) -> Case:
    x, channels, _ = norm_input(rng)
    on = bool(rng.integers(2))
    params = affine(rng, (channels,), on)
    t = {name: tensor(v) for name, v in params.items()}
    expected = functional().instance_norm(tensor(x), weight=t.get("weight"), bias=t.get("bias"))
    return layer("instancenorm", channels=channels, affine=on), (x,), params, expected


def lrn(rng: Rng) -> Case:
    x, _, _ = norm_input(rng)
    size, alpha, beta, k = int(rng.integers(1, 7)), rng.random(), rng.random() + 0.2, rng.random() + 0.5
    expected = functional().local_response_norm(tensor(x), size, alpha, beta, k)
    return layer("lrn", size=size, alpha=alpha, beta=beta, k=k), (x,), {}, expected


def activation(rng: Rng) -> Case:
    f = functional()
    x = some(rng, 2, 4, *ints(rng, 1, 4, int(rng.integers(0, 4)))) * 4
    t = tensor(x)
    slope, alpha = float(rng.random()), float(rng.random() + 0.5)
    kind = pick(rng, "none", "tanh")
    weight = some(rng, pick(rng, 1, 4))
    cases: dict[str, Callable[[], Case]] = {
        "relu": lambda: (layer("relu"), (x,), {}, f.relu(t)),
        "relu6": lambda: (layer("relu6"), (x,), {}, f.relu6(t)),
        "silu": lambda: (layer("silu"), (x,), {}, f.silu(t)),
        "mish": lambda: (layer("mish"), (x,), {}, f.mish(t)),
        "softplus": lambda: (
            layer("softplus", beta=alpha, threshold=slope),
            (x,),
            {},
            f.softplus(t, alpha, slope),
        ),
        "hardtanh": lambda: (
            layer("hardtanh", low=-slope, high=alpha),
            (x,),
            {},
            f.hardtanh(t, -slope, alpha),
        ),
        "hardswish": lambda: (layer("hardswish"), (x,), {}, f.hardswish(t)),
        "hardsigmoid": lambda: (layer("hardsigmoid"), (x,), {}, f.hardsigmoid(t)),
        "sigmoid": lambda: (layer("sigmoid"), (x,), {}, t.sigmoid()),
        "tanh": lambda: (layer("tanh"), (x,), {}, t.tanh()),
        "leakyrelu": lambda: (layer("leakyrelu", slope=slope), (x,), {}, f.leaky_relu(t, slope)),
        "prelu": lambda: (
            layer("prelu", channels=weight.size),
            (x,),
            {"weight": weight},
            f.prelu(t, tensor(weight)),
        ),
        "elu": lambda: (layer("elu", alpha=alpha), (x,), {}, f.elu(t, alpha)),
        "selu": lambda: (layer("selu"), (x,), {}, f.selu(t)),
        "gelu": lambda: (layer("gelu", approximate=kind), (x,), {}, f.gelu(t, approximate=kind)),
        "celu": lambda: (layer("celu", alpha=alpha), (x,), {}, f.celu(t, alpha)),
        "threshold": lambda: (
            layer("threshold", threshold=slope, value=alpha),
            (x,),
            {},
            f.threshold(t, slope, alpha),
        ),
        "softsign": lambda: (layer("softsign"), (x,), {}, f.softsign(t)),
        "logsigmoid": lambda: (layer("logsigmoid"), (x * 300,), {}, f.logsigmoid(t * 300)),
        "tanhshrink": lambda: (layer("tanhshrink"), (x,), {}, f.tanhshrink(t)),
        "softshrink": lambda: (layer("softshrink", lambd=alpha), (x,), {}, f.softshrink(t, alpha)),
        "hardshrink": lambda: (layer("hardshrink", lambd=alpha), (x,), {}, f.hardshrink(t, alpha)),
        "dropout": lambda: (layer("dropout", p=0.5), (x,), {}, f.dropout(t, 0.5, False)),
        "identity": lambda: (layer("identity"), (x,), {}, t),
    }
    return cases[pick(rng, *cases)]()


def rmsnorm(rng: Rng) -> Case:
    x = some(rng, 2, *ints(rng, 1, 5, int(rng.integers(1, 5))))
    eps, on = pick(rng, None, 0.1), bool(rng.integers(2))
    over = pick(rng, "all", "all", "channels")
    shape = x.shape[1:2] if over == "channels" else x.shape[int(rng.integers(1, x.ndim)) :]
    weight = some(rng, *shape)
    rank = x.ndim - 1
    axis = (0,) if over == "channels" else tuple(range(rank - len(shape), rank))
    stand_in = layer("rmsnorm", axis=axis, shape=shape, eps=eps, affine=on)
    t = tensor(x).movedim(1, -1) if over == "channels" else tensor(x)
    expected = functional().rms_norm(t, shape, tensor(weight) if on else None, eps)
    expected = expected.movedim(-1, 1) if over == "channels" else expected
    return stand_in, (x,), {"weight": weight} if on else {}, expected


def fold_and_unfold(rng: Rng) -> Case:
    """Of maps; what has one or three axes is in :mod:`tests.executor.test_unfold`."""
    f = functional()
    window = {"kernel": ints(rng, 1, 3, 2), "dilation": ints(rng, 1, 2, 2), "stride": ints(rng, 1, 3, 2)}
    pads = ints(rng, 0, 2, 2)
    sizes = tuple(
        (k - 1) * d + 1 + int(rng.integers(0, 5))
        for k, d in zip(window["kernel"], window["dilation"], strict=True)
    )
    names = {"kernel_size": window["kernel"], "dilation": window["dilation"], "stride": window["stride"]}
    x = some(rng, 2, 3, *sizes)
    columns = f.unfold(tensor(x), padding=pads, **names)
    padding = tuple((p, p) for p in pads)
    if rng.random() < 0.5:
        return layer("unfold", padding=padding, **window), (x,), {}, columns
    y = some(rng, *columns.shape)
    expected = f.fold(tensor(y), sizes, padding=pads, **names)
    return layer("fold", size=sizes, padding=padding, **window), (y,), {}, expected


def deformable(rng: Rng) -> Case:
    """Samples by ``grid_sample`` (bilinear, zeros outside), then a product: torchvision's definition."""
    torch, f = torch_(), functional()
    own, groups = pick(rng, 1, 2), pick(rng, 1, 2)
    kernel, dilation, stride = ints(rng, 1, 3, 2), ints(rng, 1, 2, 2), ints(rng, 1, 2, 2)
    pads = ints(rng, 0, 2, 2)
    sizes = tuple(
        max(2, (k - 1) * d + 1) + int(rng.integers(0, 4)) for k, d in zip(kernel, dilation, strict=True)
    )
    out = [
        (n + 2 * p - (k - 1) * d - 1) // s + 1
        for n, p, k, d, s in zip(sizes, pads, kernel, dilation, stride, strict=True)
    ]
    many = kernel[0] * kernel[1]
    x, offsets = some(rng, 2, 4, *sizes), 3 * some(rng, 2, 2 * many * own, *out)
    mask = some(rng, 2, many * own, *out) if rng.random() < 0.5 else None
    weight, bias = some(rng, 6, 4 // groups, *kernel), some(rng, 6)
    columns = []
    for tap in range(many):
        parts = []
        for g in range(own):
            ends = []
            for axis, t in enumerate(divmod(tap, kernel[1])):
                start = t * dilation[axis] - pads[axis]
                base = torch.arange(out[axis], dtype=torch.float64) * stride[axis] + start
                base = base.reshape((-1, 1) if axis == 0 else (1, -1))
                place = base + tensor(offsets[:, (g * many + tap) * 2 + axis])
                ends.append(place * 2 / (sizes[axis] - 1) - 1)
            part = tensor(x[:, 4 // own * g : 4 // own * (g + 1)])
            part = f.grid_sample(part, torch.stack(ends[::-1], -1), align_corners=True)
            if mask is not None:
                part = part * tensor(mask[:, None, g * many + tap])
            parts.append(part)
        columns.append(torch.cat(parts, 1))
    samples = torch.stack(columns, 2).reshape(2, groups, 4 // groups * many, -1)
    rows = tensor(weight).reshape(groups, 6 // groups, -1)
    expected = (rows @ samples).reshape(2, 6, *out) + tensor(bias).reshape(1, 6, 1, 1)
    stand_in = layer(
        "deformconv", in_channels=4, out_channels=6, kernel=kernel, dilation=dilation, stride=stride,
        groups=groups, padding=tuple((p, p) for p in pads),
    )  # fmt: skip
    xs = (x, offsets) if mask is None else (x, offsets, mask)
    return stand_in, xs, {"weight": weight, "bias": bias}, expected


def along_an_axis(rng: Rng) -> Case:
    f = functional()
    x = some(rng, 2, *(2 * n for n in ints(rng, 1, 3, int(rng.integers(1, 5))))) * 4
    t, axis = tensor(x), int(rng.integers(x.ndim - 1))
    cases: dict[str, Callable[[], Any]] = {
        "softmax": lambda: t.softmax(axis + 1),
        "softmin": lambda: f.softmin(t, axis + 1),
        "logsoftmax": lambda: f.log_softmax(t, axis + 1),
        "glu": lambda: f.glu(t, axis + 1),
    }
    op = pick(rng, *cases)
    return layer(op, axis=axis), (x,), {}, cases[op]()


def padding(rng: Rng) -> Case:
    rank = int(rng.integers(1, 4))
    sizes = ints(rng, 4, 6, rank)
    pads = tuple(ints(rng, 0, 3, 2) for _ in range(rank))
    mode = pick(rng, "zeros", "constant", "reflect", "replicate", "circular")
    x, value = some(rng, 2, 3, *sizes), float(rng.random())
    if mode in ("zeros", "constant"):
        expected = functional().pad(tensor(x), widths(pads), value=value if mode == "constant" else 0.0)
    else:
        expected = functional().pad(tensor(x), widths(pads), mode=mode)
    return layer("pad", rank, padding=pads, mode=mode, value=value), (x,), {}, expected


def moves(rng: Rng) -> Case:
    torch = torch_()
    rank = int(rng.integers(1, 4))
    sizes = ints(rng, 3, 6, rank)
    x = some(rng, 2, 6, *sizes)
    t = tensor(x)
    op = pick(rng, "flatten", "reshape", "permute", "crop", "slice", "split", "concat", "shuffle", "shift")
    if op == "flatten":
        return layer(op), (x,), {}, t.flatten(1)
    if op == "reshape":
        return layer(op, shape=(3, 2, *sizes)), (x,), {}, t.reshape(2, 3, 2, *sizes)
    if op == "permute":
        order = tuple(int(i) for i in rng.permutation(rank + 1))
        return layer(op, order=order), (x,), {}, t.permute(0, *(i + 1 for i in order))
    if op == "crop":
        amounts = tuple(ints(rng, 0, 1, 2) for _ in range(rank))
        return layer(op, amounts=amounts), (x,), {}, functional().pad(t, [-w for w in widths(amounts)])
    axis = int(rng.integers(0, rank + 1))
    if op == "slice":
        start, stop = int(rng.integers(0, 2)), pick(rng, 2, 3, None)
        return (
            layer(op, axis=axis, start=start, stop=stop),
            (x,),
            {},
            t.index_select(axis + 1, torch.arange(start, x.shape[axis + 1] if stop is None else stop)),
        )
    if op == "split":
        rest = x.shape[axis + 1] - 1
        return layer(op, axis=axis, sizes=(rest, 1)), (x,), {}, t.split([rest, 1], axis + 1)[0]
    if op == "concat":
        return layer(op, axis=axis), (x, x + 1, x * 2), {}, torch.cat([t, t + 1, t * 2], axis + 1)
    if op == "shuffle":
        groups = pick(rng, 1, 2, 3, 6)
        return layer(op, groups=groups), (x,), {}, torch.nn.functional.channel_shuffle(t, groups)
    # Shift: a depthwise convolution whose kernels are single ones (Wu et al. 2018, equation 3).
    kernel = (3, 1, 1)[:rank] if rng.random() < 0.5 else (1, 3, 1)[:rank]
    dilation = ints(rng, 1, 2, rank)
    taps = int(np.prod(kernel))
    weight = np.zeros((6, 1, taps))
    for c in range(6):
        tap = c // (6 // taps) if c < 6 // taps * taps else taps // 2
        weight[c, 0, tap] = 1.0
    around = [(k - 1) // 2 * d for k, d in zip(kernel, dilation, strict=True)]
    run = getattr(functional(), f"conv{rank}d")
    expected = run(t, tensor(weight.reshape(6, 1, *kernel)), None, 1, around, dilation, 6)
    return layer(op, rank, kernel=kernel, dilation=dilation), (x,), {}, expected


def shuffle_pixels(rng: Rng) -> Case:
    r = int(rng.integers(1, 4))
    if rng.random() < 0.5:
        x = some(rng, 2, 2 * r * r, *ints(rng, 1, 4, 2))
        return layer("pixelshuffle", factor=r), (x,), {}, functional().pixel_shuffle(tensor(x), r)
    h, w = ints(rng, 1, 4, 2)
    x = some(rng, 2, 2, h * r, w * r)
    return layer("pixelunshuffle", factor=r), (x,), {}, functional().pixel_unshuffle(tensor(x), r)


def joins(rng: Rng) -> Case:
    sizes = ints(rng, 1, 4, int(rng.integers(1, 4)))
    op = pick(rng, "add", "mul", "scale")
    x = some(rng, 2, 3, *sizes)
    if op == "scale":
        bias = bool(rng.integers(2))
        params = affine(rng, (3,), True)
        shape = (1, 3, *(1,) * len(sizes))
        expected = tensor(x) * tensor(params["weight"]).reshape(shape)
        if bias:
            expected = expected + tensor(params["bias"]).reshape(shape)
        else:
            params.pop("bias")
        return layer("scale", channels=3, bias=bias), (x,), params, expected
    others = [
        some(rng, 2, *(n if rng.random() < 0.6 else 1 for n in (3, *sizes)))
        for _ in range(int(rng.integers(1, 3)))
    ]
    arrays = (x, *others) if rng.random() < 0.5 else (*others, x)
    expected = tensor(arrays[0])
    for other in arrays[1:]:
        expected = expected + tensor(other) if op == "add" else expected * tensor(other)
    return layer(op), arrays, {}, expected


# How many configurations of each; over 3,000 in all.
DRAWS: list[tuple[Callable[[Rng], Case], int]] = [
    (conv, 900),
    (conv_transposed, 450),
    (linear, 60),
    (maxpool, 250),
    (avgpool, 250),
    (lppool, 100),
    (unpool, 60),
    (global_pool, 40),
    (adaptive_pool, 100),
    (upsample, 350),
    (batchnorm, 60),
    (layernorm, 60),
    (groupnorm, 40),
    (instancenorm, 40),
    (lrn, 50),
    (activation, 300),
    (along_an_axis, 80),
    (rmsnorm, 60),
    (fold_and_unfold, 150),
    (deformable, 100),
    (padding, 100),
    (moves, 200),
    (shuffle_pixels, 40),
    (joins, 80),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize(("draw", "many"), DRAWS, ids=[draw.__name__ for draw, _ in DRAWS])
def test_values_equal_pytorch(draw: Callable[[Rng], Case], many: int) -> None:
    for seed in range(many):
        stand_in, xs, params, expected = draw(np.random.default_rng((seed, many)))
        own = run_kernel(Call(stand_in, xs, Params("layer", params)))[0]
        assert own is not None
        assert own.dtype == np.float64
        np.testing.assert_allclose(
            own, expected.numpy(), rtol=1e-10, atol=1e-11, err_msg=f"{seed}: {stand_in}"
        )
        if OPERATIONS[stand_in.op].naive and seed % 10 == 0 and own.size < 3000:
            naive = run_kernel(Call(stand_in, xs, Params("layer", params)), form="naive")[0]
            np.testing.assert_allclose(naive, expected.numpy(), rtol=1e-10, atol=1e-11, err_msg=str(stand_in))


def test_enough_configurations() -> None:
    assert sum(many for _, many in DRAWS) >= 3000


def test_float32_stays_float32() -> None:
    rng = np.random.default_rng(1)
    for draw, _ in DRAWS:
        stand_in, xs, params, expected = draw(rng)
        narrow = tuple(x.astype(np.float32) if x.dtype == np.float64 else x for x in xs)
        weights = {name: value.astype(np.float32) for name, value in params.items()}
        own = run_kernel(Call(stand_in, narrow, Params("layer", weights)))[0]
        assert own is not None
        assert own.dtype == np.float32, stand_in
        np.testing.assert_allclose(own, expected.numpy(), rtol=2e-3, atol=2e-4, err_msg=str(stand_in))
