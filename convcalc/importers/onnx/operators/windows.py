"""Convolutions and pools."""

from __future__ import annotations

from typing import Any, Final

from convcalc.importers.network import Unsayable
from convcalc.importers.onnx.use import INDICES, Operator, Use
from convcalc.importers.tensors import Value

_AUTO: Final = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}


def _sides(use: Use, rank: int) -> tuple[Any, ...]:
    """Padding of every axis, as pairs or as a convention."""
    auto = use.attribute("auto_pad", "NOTSET")
    pads = use.attribute("pads")
    if auto not in ("NOTSET", ""):
        if auto not in _AUTO:
            raise Unsayable(f"with auto_pad={auto} is no layer here")
        return (_AUTO[auto],) * rank
    pads = pads or (0,) * (2 * rank)
    if len(pads) != 2 * rank:
        raise Unsayable(f"has {len(pads)} pads for {rank} axes")
    return tuple((pads[axis], pads[axis + rank]) for axis in range(rank))


def _window(use: Use, rank: int) -> dict[str, Any]:
    return {
        "stride": tuple(use.attribute("strides") or (1,) * rank),
        "dilation": tuple(use.attribute("dilations") or (1,) * rank),
    }


def _negative(use: Use, x: Value, sides: tuple[Any, ...]) -> tuple[Value, tuple[Any, ...]]:
    """Padding below zero cuts the map before."""
    if not any(isinstance(side, tuple) and min(side) < 0 for side in sides):
        return x, sides
    cuts = {axis: (min(a, 0), min(b, 0)) for axis, (a, b) in enumerate(sides, 2)}
    return use.net.pad(x, cuts, f"{use.path}.crop"), tuple((max(a, 0), max(b, 0)) for a, b in sides)


_FILLING: Final = {"kernel": 1, "stride": 1, "dilation": 1, "padding": (0, 0), "output_padding": 0}


def _weighted(use: Use, op: str, x: Value, at: int, out: int, **options: Any) -> Value:
    """A layer with a weight, and perhaps a bias: arrays of the file, or tensors."""
    net, weight = use.net, use.x(at)
    bias = use.x(at + 1) if use.given(at + 1) else None
    edge, more, back = net.maps(x, weight.rank - 2, use.path)
    for field, filling in _FILLING.items() if more else ():
        if field in options:
            options[field] = (filling, *options[field])
    if more:
        shape = (*weight.dims[:2], 1, *weight.dims[2:])
        weight = net.seen(weight, shape, None, False, f"{use.path}.weight")
    if bias is not None and bias.dims != (out,):
        bias = net.reshape(bias, (out,), f"{use.path}.bias")
    options |= {"out_channels": out, "bias": bias is not None}
    return back(net.weighed(op, edge, weight, bias, options, use.path))


def conv(use: Use) -> Value:
    """Conv."""
    x = use.x()
    shape = use.dims(1)
    kernel = tuple(use.attribute("kernel_shape") or shape[2:])
    if kernel != tuple(shape[2:]):
        raise Unsayable(f"has a kernel of {kernel} and a weight of {tuple(shape)}")
    groups = use.attribute("group", 1)
    x, sides = _negative(use, x, _sides(use, len(kernel)))
    options = {"kernel": kernel, "padding": sides, **_window(use, len(kernel))}
    if groups > 1 and groups == x.dims[1] and use.stored(1) is not None:
        return _weighted(use, "dwconv", x, 1, shape[0], **options)
    return _weighted(use, "conv", x, 1, shape[0], groups=groups, **options)


def conv_transpose(use: Use) -> Value:
    """ConvTranspose."""
    x = use.x()
    shape = use.dims(1)
    kernel, rank = tuple(shape[2:]), len(shape) - 2
    use.harmless("kernel_shape")
    groups = use.attribute("group", 1)
    window = _window(use, rank)
    extra = list(use.attribute("output_padding") or (0,) * rank)
    wanted = use.attribute("output_shape")
    auto = use.attribute("auto_pad", "NOTSET")
    sides: list[Any] = list(_sides(use, rank))
    if wanted or auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = (wanted or ())[-rank:]
        for axis in range(rank):
            s, d, k = window["stride"][axis], window["dilation"][axis], kernel[axis]
            size = x.dims[axis + 2]
            o = wanted[axis] if wanted else size * s
            total = s * (size - 1) + extra[axis] + d * (k - 1) + 1 - o
            if type(total) is not int:
                raise Unsayable("asks for a size that depends on a letter")
            if total < 0 and auto in ("SAME_UPPER", "SAME_LOWER"):
                # ONNX says i * s, ONNX Runtime what the windows reach
                raise Unsayable(f"with auto_pad={auto} and a stride above the kernel is read in two ways")
            if total < 0:
                extra[axis] -= total
                total = 0
            small = total // 2
            sides[axis] = (total - small, small) if auto != "SAME_UPPER" else (small, total - small)
    cut = tuple(
        (max(a, 0), max(b, 0)) if not isinstance(p, str) else p
        for p in sides
        for a, b in [p if not isinstance(p, str) else (0, 0)]
    )
    more = {a: (max(-p[0], 0), max(-p[1], 0)) for a, p in enumerate(sides, 2) if not isinstance(p, str)}
    over = {}
    for axis in range(rank):
        if extra[axis] >= max(window["stride"][axis], window["dilation"][axis]):
            over[axis + 2] = extra[axis]
            extra[axis] = 0
    if over or any(side != (0, 0) for side in more.values()):
        raise Unsayable("writes more than its windows reach")
    options = {"kernel": kernel, "padding": cut, "output_padding": tuple(extra), **window}
    return _weighted(use, "convT", x, 1, shape[1] * groups, groups=groups, **options)


def deform_conv(use: Use) -> Value:
    """DeformConv."""
    x, offset = use.map_(), use.map_(2)
    shape = use.dims(1)
    kernel = tuple(shape[2:])
    use.harmless("kernel_shape", "offset_group")
    weight, bias = use.stored(1), use.stored(3)
    if weight is None or (use.given(3) and bias is None):
        raise Unsayable("has a weight that is no array")
    values = [x, offset] + ([use.map_(4)] if use.given(4) else [])
    weights = {"weight": weight, **({} if bias is None else {"bias": bias})}
    options = {"kernel": kernel, "padding": _sides(use, len(kernel)), **_window(use, len(kernel))}
    options |= {"out_channels": shape[0], "bias": bias is not None, "groups": use.attribute("group", 1)}
    return use.net.layer("deformconv", values, use.path, options, weights)[0]


def _pool(use: Use, x: Value) -> dict[str, Any]:
    rank = x.rank - 2
    kernel = tuple(use.attribute("kernel_shape"))
    if len(kernel) != rank:
        raise Unsayable(f"has a kernel of {len(kernel)} axes for a map of {rank}")
    options = {"kernel": kernel, "padding": _sides(use, rank), **_window(use, rank)}
    use.harmless("storage_order")
    if "same" in str(options["padding"]) and set(options["dilation"]) != {1}:
        # ONNX pads for the dilated window, ONNX Runtime for one that is not
        raise Unsayable("with dilations and auto_pad is read in two ways")
    if use.attribute("ceil_mode", 0):
        options["ceil"] = True
    return options


def max_pool(use: Use) -> list[Any]:
    """MaxPool, with its indices where they are asked for."""
    x = use.map_()
    options = _pool(use, x)
    found = use.net.layer("maxpool", [x], use.path, options)
    if use.node.get("storage_order", 0) and len(use.node.outputs) > 1:
        raise Unsayable("counts its indices column by column")
    found[1].dtype = INDICES
    return found


def average_pool(use: Use) -> Value:
    """AveragePool."""
    x = use.map_()
    options = _pool(use, x)
    if set(options.pop("dilation")) != {1}:
        raise Unsayable("with dilations is no layer here")
    padded = bool(use.attribute("count_include_pad", 0))
    return use.layer("avgpool", x, count_include_pad=padded, **options)


def lp_pool(use: Use) -> Value:
    """LpPool."""
    x = use.map_()
    options = _pool(use, x)
    if set(options.pop("dilation")) != {1}:
        raise Unsayable("with dilations is no layer here")
    steps = zip(options["stride"], options["kernel"], strict=True)
    if "same" in str(options["padding"]) and any(s > k for s, k in steps):
        raise Unsayable("with auto_pad and a stride above the kernel is read in two ways")
    return use.layer("lppool", x, norm=use.attribute("p", 2), **options)


def _global(op: str, **options: Any) -> Operator:
    def made(use: Use) -> Value:
        x = use.map_()
        if op == "norm":
            p = use.attribute("p", 2)
            if p not in (1, 2):
                raise Unsayable(f"with p={p} is no layer here")
            return use.net.reduce("norm", x, range(2, x.rank), True, use.path, p=str(p))
        return use.net.reduce(op, x, range(2, x.rank), True, use.path) if x.rank > 5 else _whole(use, op, x)

    return made


def _whole(use: Use, op: str, x: Value) -> Value:
    word = {"mean": "globalavgpool", "max": "globalmaxpool"}[op]
    made = use.layer(word, x)
    dims = (*x.dims[:2], *(1,) * (x.rank - 2))
    return made if made.dims == dims else use.net.seen(made, dims, 0, False, f"{use.path}.reshape")


def max_unpool(use: Use) -> Value:
    """MaxUnpool: values and the indices of a max-pooling."""
    x = use.map_()
    indices = use.term(1).value
    if indices is None or indices.dtype != INDICES:
        raise Unsayable("reads indices that no max-pooling here wrote")
    kernel = tuple(use.attribute("kernel_shape"))
    pads = _sides(use, len(kernel))
    stride = tuple(use.attribute("strides") or (1,) * len(kernel))
    size = tuple(use.numbers(2)[2:]) if use.given(2) else None
    return use.layer("unpool", x, indices, kernel=kernel, stride=stride, padding=pads, size=size)


ROWS: Final[dict[str, Operator]] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DeformConv": deform_conv,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "GlobalAveragePool": _global("mean"),
    "GlobalMaxPool": _global("max"),
    "GlobalLpPool": _global("norm"),
    "MaxUnpool": max_unpool,
}
