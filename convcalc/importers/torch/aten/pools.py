"""Pooling over windows, to a stated size, and back; resizing."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.maps import channelwise
from convcalc.importers.torch.aten.rows import layers, pair, place, row, written
from convcalc.importers.torch.program import Call


def _rank(call: Call) -> int:
    """How many axes the operator's name says that it pools."""
    name = call.target.split(".")[1]
    return int(next(char for char in name if char.isdigit()))


def pooled(network: Batched, call: Call, x: Value, op: str, **options: Any) -> list[Value]:
    """What a layer over maps writes."""
    path = place(call)
    return channelwise(network, x, _rank(call), path, lambda one: layers(network, op, [one], path, **options))


def _window(call: Call, kernel: Any, stride: Any, padding: Any) -> dict[str, Any]:
    rank = _rank(call)
    return {
        "kernel": pair(kernel, rank),
        "stride": pair(stride or kernel, rank),
        "padding": tuple((p, p) for p in pair(padding, rank)),
    }


def _maxpool(
    network: Batched, call: Call, x: Value, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> list[Value]:
    window = _window(call, kernel, stride, padding)
    return pooled(network, call, x, "maxpool", dilation=pair(dilation, _rank(call)), ceil=ceil, **window)


@row("max_pool1d.default", "max_pool2d.default", "max_pool3d.default")
def max_pool(
    network: Batched,
    call: Call,
    x: Value,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Value:
    """The largest entry of each window."""
    return _maxpool(network, call, x, kernel_size, stride, padding, dilation, ceil_mode)[0]


@row("max_pool1d_with_indices.default", "max_pool2d_with_indices.default", "max_pool3d_with_indices.default")
def max_pool_with_indices(
    network: Batched,
    call: Call,
    x: Value,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest entry of each window, and where it stood."""
    return tuple(_maxpool(network, call, x, kernel_size, stride, padding, dilation, ceil_mode))


@row("avg_pool1d.default", "avg_pool2d.default", "avg_pool3d.default")
def avg_pool(
    network: Batched,
    call: Call,
    x: Value,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """The mean of each window."""
    return pooled(
        network, call, x, "avgpool", ceil=ceil_mode, count_include_pad=count_include_pad,
        divisor=divisor_override, **_window(call, kernel_size, stride, padding),
    )[0]  # fmt: skip


def _adaptive(network: Batched, call: Call, x: Value, size: Any, op: str) -> Value:
    rank = _rank(call)
    sizes = tuple(
        n if n is not None else x.dims[len(x.dims) - rank + a] for a, n in enumerate(pair(size, rank))
    )
    if set(sizes) == {1}:
        return pooled(network, call, x, f"global{op}")[0]
    return pooled(network, call, x, f"adaptive{op}", size=sizes)[0]


@row("adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default", "adaptive_avg_pool3d.default",
     "_adaptive_avg_pool2d.default", "_adaptive_avg_pool3d.default")  # fmt: skip
def adaptive_avg_pool(network: Batched, call: Call, x: Value, output_size: Any) -> Value:
    """Means of windows that cover the map evenly."""
    return _adaptive(network, call, x, output_size, "avgpool")


@row("adaptive_max_pool1d.default", "adaptive_max_pool2d.default", "adaptive_max_pool3d.default")
def adaptive_max_pool(network: Batched, call: Call, x: Value, output_size: Any) -> Any:
    """The largest entries of windows that cover the map evenly; their places are written by no layer."""
    return (_adaptive(network, call, x, output_size, "maxpool"), None)


@row("max_unpool2d.default", "max_unpool3d.default")
def max_unpool(
    network: Batched,
    call: Call,
    x: Value,
    indices: Value,
    output_size: Any,
    stride: Any = None,
    padding: Any = None,
) -> Value:
    """Values put back where max-pooling took them from: the places say where, whatever the windows were."""
    rank = _rank(call)
    arriving = x.dims[len(x.dims) - rank :]
    sizes = pair(output_size, rank)
    steps = tuple(max(o // i, 1) for i, o in zip(arriving, sizes, strict=True))
    return layers(network, "unpool", [x, indices], place(call), kernel=steps, stride=steps, size=sizes)[0]


# -- resizing ---------------------------------------------------------------------------------


def _factor(value: float) -> Any:
    """A factor, exactly as double precision has it."""
    return int(value) if value == int(value) else Fraction(value)


def _resize(network: Batched, call: Call, x: Value, mode: str, scales: Any, **options: Any) -> Value:
    path = place(call, "upsample")
    rank = _rank(call)
    size = written(call)[-rank:]
    options = {"mode": mode, **{key: value for key, value in options.items() if value}}
    if scales is not None and all(scale is not None for scale in scales):
        factors = tuple(map(_factor, scales))
        made = tuple(int(n * scale) for n, scale in zip(x.dims[-rank:], scales, strict=True))
        if made == size:
            rounding = "double" if any(isinstance(f, Fraction) for f in factors) else None
            options.update(scale=factors, rounding=rounding)
            return channelwise(
                network, x, rank, path, lambda one: layers(network, "upsample", [one], path, **options)
            )[0]
        raise Unsayable(f"is to make {size} by the factors {scales}")
    if scales is not None and any(scale is not None for scale in scales):
        raise Unsayable("has a factor for one axis alone")
    options["size"] = size
    return channelwise(
        network, x, rank, path, lambda one: layers(network, "upsample", [one], path, **options)
    )[0]


def _given(scale_factors: Any, *scales: Any) -> Any:
    if scale_factors is not None:
        return scale_factors
    return scales if any(scale is not None for scale in scales) else None


@row("upsample_nearest1d.vec", "upsample_nearest2d.vec", "upsample_nearest3d.vec",
     "upsample_nearest2d.default", "upsample_nearest1d.default", "upsample_nearest3d.default",
     "_upsample_nearest_exact1d.vec", "_upsample_nearest_exact2d.vec", "_upsample_nearest_exact3d.vec",
     "_upsample_nearest_exact1d.default", "_upsample_nearest_exact2d.default",
     "_upsample_nearest_exact3d.default")  # fmt: skip
def upsample_nearest(
    network: Batched,
    call: Call,
    x: Value,
    output_size: Any = None,
    scale_factors: Any = None,
    scales: Any = None,
    scales_d: Any = None,
    scales_h: Any = None,
    scales_w: Any = None,
) -> Value:
    """The nearest sample, or the exactly nearest one."""
    mode = "nearest_exact" if "exact" in call.target else "nearest"
    own = {1: (scales,), 2: (scales_h, scales_w), 3: (scales_d, scales_h, scales_w)}[_rank(call)]
    return _resize(network, call, x, mode, _given(scale_factors, *own))


@row("upsample_linear1d.vec", "upsample_bilinear2d.vec", "upsample_trilinear3d.vec", "upsample_bicubic2d.vec",
     "_upsample_bilinear2d_aa.vec", "_upsample_bicubic2d_aa.vec", "upsample_linear1d.default",
     "upsample_bilinear2d.default", "upsample_trilinear3d.default", "upsample_bicubic2d.default",
     "_upsample_bilinear2d_aa.default", "_upsample_bicubic2d_aa.default")  # fmt: skip
def upsample_linear(
    network: Batched,
    call: Call,
    x: Value,
    output_size: Any = None,
    align_corners: bool = False,
    scale_factors: Any = None,
    scales: Any = None,
    scales_d: Any = None,
    scales_h: Any = None,
    scales_w: Any = None,
) -> Value:
    """Interpolation between samples, linear or cubic, with antialiasing or without."""
    smooth = "_aa." in call.target
    mode = "cubic" if "cubic" in call.target else "linear"
    own = {1: (scales,), 2: (scales_h, scales_w), 3: (scales_d, scales_h, scales_w)}[_rank(call)]
    a = -0.5 if smooth and mode == "cubic" else None
    return _resize(
        network,
        call,
        x,
        mode,
        _given(scale_factors, *own),
        align_corners=align_corners,
        antialias=smooth,
        a=a,
    )
