"""Convolutions, pools, and resizing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import floor, prod
from typing import Any, Final

from convcalc.exporters.pytorch.code import Expr, Item, call, expr, key, listed, method, plain, tight, value
from convcalc.exporters.pytorch.forms.form import (
    Form,
    Former,
    Place,
    even,
    function,
    made,
    padded,
    widths,
)
from convcalc.layers.windows.window import resolved

Pairs = tuple[tuple[int, int], ...]


def _pads(place: Place) -> Pairs:
    """Padding in numbers, before and after each axis."""
    layer = place.layer
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    found: Any = resolved(layer.padding, place.shapes[0][1:], layer.kernel, layer.stride, dilation)
    return tuple((int(a), int(b)) for a, b in found)


def _even_sides(pads: Pairs) -> bool:
    return all(a == b for a, b in pads)


def _window(layer: Any, padding: Any) -> list[Item]:
    return [
        key("stride", even(layer.stride), 1),
        key("padding", padding, 0),
        key("dilation", even(layer.dilation), 1),
    ]


def _conv_module(place: Place, padding: Any, *more: Item) -> Expr:
    layer = place.layer
    return call(
        f"nn.Conv{place.axes}d",
        value(layer.in_channels, "in_channels"),
        value(layer.out_channels, "out_channels"),
        value(even(layer.kernel), "kernel_size"),
        *_window(layer, padding),
        key("groups", layer.groups, 1),
        key("bias", layer.bias, True),
        *more,
    )


def _padding(pads: Pairs, mode: str) -> Callable[[Expr], Expr]:
    """What pads a map before a convolution does."""
    if mode == "zeros":
        return padded(pads)
    return lambda x: call("F.pad", x, plain(widths_all(pads)), Item(plain(mode), "mode"))


def _conv(place: Place) -> Form:
    layer = place.layer
    pads = _pads(place)
    mode = layer.padding_mode
    if _even_sides(pads):
        padding: Any = even([a for a, _ in pads])
    elif all(p == "same" for p in layer.padding) and all(s == 1 for s in layer.stride):
        padding = "same"
    else:
        padding = None
    before = None
    if padding is None:
        before = _padding(pads, mode)
        padding, mode = 0, "zeros"
    if layer.arriving is not None:
        return _arriving(place, f"F.conv{place.axes}d", _window(layer, padding), before, mode)
    return made(place, _conv_module(place, padding, key("padding_mode", mode, "zeros")), before)


def _arriving(
    place: Place, name: str, options: list[Item], before: Any, mode: str = "zeros", after: Any = None
) -> Form:
    """A convolution whose weight arrives: one for all samples, or one each."""
    layer = place.layer
    module = place.weights() if place.arrays else None
    if mode != "zeros":
        before = _padding(_pads(place), mode)
        options = [key("padding", 0, 0) if item.key == "padding" else item for item in options]
    options = [*options, key("groups", layer.groups, 1)]

    def apply(xs: list[Expr]) -> Expr:
        x = xs[0] if before is None else before(xs[0])
        own = [Item(place.own("bias"), "bias")] if place.arrays else []
        if all(place.single[1:]):
            given = [expr(tight(w), "[0]") for w in xs[1:]]
            y = call(name, x, *given, *own, *options)
        else:
            y = call(place.helper("each"), name, x, *xs[1:], *own, *options)
        return y if after is None else after(y)

    return Form(apply, module)


def _convt(place: Place) -> Form:
    layer = place.layer
    crops, extra = _cropped(layer, place.shapes[0][1:], place.outputs[0][1:])
    padding, output_padding, rest, more_input = [], [], [], []
    for (first, last), more, s, d in zip(crops, extra, layer.stride, layer.dilation, strict=True):
        end = last - more  # what is cut off at the end, or added where negative
        longer = -(-(1 - max(s, d) - end) // s) if -end >= max(s, d) else 0
        more_input.append((0, longer))  # zeros behind the input, where PyTorch does not add as much
        end += longer * s
        if 0 <= first - end < max(s, d):
            padding.append(first)
            output_padding.append(first - end)
            rest.append((0, 0))
        else:
            common = max(min(first, end), 0)
            padding.append(common)
            output_padding.append(max(-end, 0))
            rest.append((first - common, max(end, 0) - common))
    after = None
    before = padded(more_input) if any(map(any, more_input)) else None
    if any(map(any, rest)):
        after = padded([(-a, -b) for a, b in rest])
    options = [
        key("stride", even(layer.stride), 1),
        key("padding", even(padding), 0),
        key("output_padding", even(output_padding), 0),
        key("dilation", even(layer.dilation), 1),
    ]
    if layer.arriving is not None:
        return _arriving(place, f"F.conv_transpose{place.axes}d", options, before, after=after)
    module = call(
        f"nn.ConvTranspose{place.axes}d",
        value(layer.in_channels, "in_channels"),
        value(layer.out_channels, "out_channels"),
        value(even(layer.kernel), "kernel_size"),
        *options,
        key("groups", layer.groups, 1),
        key("bias", layer.bias, True),
    )
    return made(place, module, before, after)


def _cropped(layer: Any, sizes: Sequence[int], out: Sequence[int]) -> tuple[Pairs, list[int]]:
    """What is cropped before and after each axis, and what is appended."""
    pairs, extra = [], []
    axes = zip(layer.padding, layer.kernel, layer.stride, layer.dilation, layer.output_padding, strict=True)
    for pad, k, s, d, op in axes:
        span = (k - 1) * d + 1
        if not isinstance(pad, str):
            pairs.append((int(pad[0]), int(pad[1])))
            extra.append(int(op))
            continue
        both = 0 if pad == "valid" else max(span - s, 0)
        small, large = both // 2, both - both // 2
        pairs.append((large, small) if pad == "same_lower" else (small, large))
        extra.append(int(op) + (0 if pad == "valid" else max(s - span, 0)))
    return tuple(pairs), extra


def _deformconv(place: Place) -> Form:
    module = _conv_module(place, 0)
    name = place.helper("deform_conv")
    pads = _pads(place)

    def apply(xs: list[Expr]) -> Expr:
        return call(name, place.me, *xs, Item(plain(pads), "padding"))

    return Form(apply, module)


# Pools


def _fits(place: Place, pads: Pairs) -> bool:
    """Whether PyTorch's pools take it: both sides padded alike, by half of a kernel that fits at most."""
    layer = place.layer
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    own = place.axes == 3  # of volumes PyTorch asks that the kernel fits without padding
    axes = zip(pads, place.shapes[0][1:], layer.kernel, dilation, strict=True)
    return _even_sides(pads) and all(
        2 * a <= k and (k - 1) * d < n + (0 if own else a + b) for (a, b), n, k, d in axes
    )


def _exact(place: Place, pads: Pairs) -> Pairs:
    """Padding that makes room for the windows and nothing else, so that no rounding up is needed."""
    layer = place.layer
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    sizes, out = place.shapes[0][1:], place.outputs[0][1:]
    axes = zip(pads, sizes, out, layer.kernel, layer.stride, dilation, strict=True)
    return tuple((b, (o - 1) * s + (k - 1) * d + 1 - b - n) for (b, _), n, o, k, s, d in axes)


def _stride(layer: Any) -> Item:
    return key("stride", even(layer.stride), even(layer.kernel))


def _maxpool(place: Place) -> Form:
    layer, pads = place.layer, _pads(place)
    both = len(place.wanted) > 1
    indices = 1 in place.wanted
    before, ceil, padding = None, layer.ceil, even([a for a, _ in pads])
    if not _fits(place, pads):
        pads = _exact(place, pads)
        before, ceil, padding = padded(pads, Item(plain(float("-inf")), "value")), False, 0
    module = call(
        f"nn.MaxPool{place.axes}d",
        value(even(layer.kernel), "kernel_size"),
        _stride(layer),
        key("padding", padding, 0),
        key("dilation", even(layer.dilation), 1),
        key("return_indices", indices, False),
        key("ceil_mode", ceil, False),
    )
    if not indices:
        return made(place, module, before)

    def apply(xs: list[Expr]) -> Expr:
        x = xs[0] if before is None else before(xs[0])
        y = call(place.me, x)
        if before is not None:
            y = call(place.helper("unpadded"), y, plain(pads), plain(tuple(place.shapes[0][1:])))
        return y if both else expr(y, "[1]")

    return Form(apply, module, parts=2 if both else 0)


def _avgpool(place: Place) -> Form:
    layer, pads, axes = place.layer, _pads(place), place.axes
    natural = _fits(place, pads) and (layer.divisor is None or axes > 1)
    if natural:
        counted = [] if not any(map(any, pads)) else [key("count_include_pad", layer.count_include_pad, True)]
        return made(
            place,
            call(
                f"nn.AvgPool{axes}d",
                value(even(layer.kernel), "kernel_size"),
                _stride(layer),
                key("padding", even([a for a, _ in pads]), 0),
                key("ceil_mode", layer.ceil, False),
                *counted,
                key("divisor_override", layer.divisor, None),
            ),
        )
    room = _exact(place, pads)
    kernel, stride = value(tuple(layer.kernel), "kernel_size"), value(tuple(layer.stride), "stride")
    if layer.divisor is not None:
        factor = Fraction(prod(layer.kernel), layer.divisor)

        def scaled(xs: list[Expr]) -> Expr:
            x = padded(room)(xs[0]) if any(map(any, room)) else xs[0]
            y = call(f"F.avg_pool{axes}d", x, kernel, stride)
            return expr(y, " * ", plain(factor), level=1)

        return Form(scaled)
    counted_pads = pads if layer.count_include_pad else ((0, 0),) * axes
    return function(
        place.helper("avg_pool"),
        kernel,
        stride,
        Item(plain(widths_all(room)), "padding"),
        Item(plain(widths_all(counted_pads)), "counted"),
    )


def widths_all(pairs: Pairs) -> tuple[int, ...]:
    """Pairs of all axes as ``F.pad`` takes them, the last axis first."""
    return tuple(width for pair in reversed(pairs) for width in pair)


def _lppool(place: Place) -> Form:
    layer, pads = place.layer, _pads(place)
    norm = Fraction(layer.norm)
    tame = layer.signed or (norm.denominator == 1 and norm % 2 == 0 and not layer.ceil)
    if tame and _fits(place, pads) and not any(map(any, pads)):
        return made(
            place,
            call(
                f"nn.LPPool{place.axes}d",
                value(int(norm) if norm.denominator == 1 else float(norm), "norm"),
                value(even(layer.kernel), "kernel_size"),
                _stride(layer),
                key("ceil_mode", layer.ceil, False),
            ),
        )
    if layer.signed:
        many, order = prod(layer.kernel), float(norm)
        sides = widths_all(_exact(place, pads))

        def signed(xs: list[Expr]) -> Expr:
            y = call(
                place.helper("avg_pool"),
                method(xs[0], "pow", order),
                plain(tuple(layer.kernel)),
                plain(tuple(layer.stride)),
                Item(plain(sides), "padding"),
                Item(plain((0,) * len(sides)), "counted"),
            )
            return method(expr(y, f" * {many}", level=1), "pow", 1 / order)

        return Form(signed)
    return function(
        place.helper("lp_pool"),
        plain(float(norm)),
        plain(tuple(layer.kernel)),
        plain(tuple(layer.stride)),
        Item(plain(widths_all(_exact(place, pads))), "padding"),
    )


def _global(kind: str) -> Former:
    def form(place: Place) -> Form:
        if 1 <= place.axes <= 3:
            return made(place, call(f"nn.Adaptive{kind}Pool{place.axes}d", plain(1)))
        dims = tuple(range(2, place.rank + 1))
        name = {"Avg": "mean", "Max": "amax"}[kind]
        return Form(
            lambda xs: (
                method(xs[0], name, Item(plain(dims), "dim"), Item(plain(True), "keepdim")) if dims else xs[0]
            )
        )

    return form


def _adaptive(kind: str) -> Former:
    def form(place: Place) -> Form:
        return made(place, call(f"nn.Adaptive{kind}Pool{place.axes}d", value(even(place.layer.size), "size")))

    return form


def _unpool(place: Place) -> Form:
    layer = place.layer
    pads: Any = layer.padding
    size = tuple(place.outputs[0][1:])
    if not _even_sides(pads) or place.axes > 3:
        return Form(lambda xs: call(place.helper("max_unpool"), *xs, plain(size)))
    module = call(
        f"nn.MaxUnpool{place.axes}d",
        value(even(layer.kernel), "kernel_size"),
        _stride(layer),
        key("padding", even([a for a, _ in pads]), 0),
    )
    usual = tuple(
        (n - 1) * s - 2 * p[0] + k
        for n, s, p, k in zip(place.shapes[0][1:], layer.stride, pads, layer.kernel, strict=True)
    )
    given = [] if usual == size else [Item(value(size, "size"), "output_size")]
    return Form(lambda xs: call(place.me, *xs, *given), module)


# Windows as columns


def _unfold(place: Place) -> Form:
    layer, pads = place.layer, _pads(place)
    if place.axes == 2 and _even_sides(pads):
        return made(
            place,
            call(
                "nn.Unfold",
                value(even(layer.kernel), "kernel_size"),
                key("dilation", even(layer.dilation), 1),
                key("padding", even([a for a, _ in pads]), 0),
                key("stride", even(layer.stride), 1),
            ),
        )
    return function(place.helper("unfold"), *_columns(place, pads))


def _columns(place: Place, pads: Pairs) -> list[Item]:
    layer = place.layer
    return [
        Item(plain(tuple(layer.kernel))),
        Item(plain(tuple(layer.stride))),
        Item(plain(widths_all(pads))),
        Item(plain(tuple(layer.dilation))),
    ]


def _fold(place: Place) -> Form:
    layer = place.layer
    found: Any = resolved(layer.padding, layer.size, layer.kernel, layer.stride, layer.dilation)
    pads: Pairs = tuple((int(a), int(b)) for a, b in found)
    if len(layer.size) == 2 and _even_sides(pads):
        return made(
            place,
            call(
                "nn.Fold",
                value(tuple(layer.size), "size"),
                value(even(layer.kernel), "kernel_size"),
                key("dilation", even(layer.dilation), 1),
                key("padding", even([a for a, _ in pads]), 0),
                key("stride", even(layer.stride), 1),
            ),
        )
    place.helper("unfold")
    return function(place.helper("fold"), plain(tuple(layer.size)), *_columns(place, pads))


# Resizing


def _upsample(place: Place) -> Form:
    layer, axes = place.layer, place.axes
    sizes, out = place.shapes[0][1:], tuple(place.outputs[0][1:])
    if layer.mode == "area":
        return function("F.adaptive_avg_pool" + f"{axes}d", value(even(out), "size"))
    words = {"nearest": "nearest", "nearest_exact": "nearest-exact"}
    if axes <= 3:
        words["linear"] = ("linear", "bilinear", "trilinear")[axes - 1]
    if axes == 2 and not layer.exclude_outside and layer.a == (-0.5 if layer.antialias else -0.75):
        words["cubic"] = "bicubic"
    known = layer.mode in words and axes <= 3 and (not layer.antialias or axes == 2)
    factor = None if layer.scale is None else [Fraction(s) for s in layer.scale]
    if factor is not None and known and not layer.recompute:
        known = all(floor(float(n) * float(s)) == o for n, s, o in zip(sizes, factor, out, strict=True))
    if not known:
        return _resized(place)
    mode = words[layer.mode]
    corners = [] if mode.startswith("nearest") else [key("align_corners", layer.align_corners, False)]
    if factor is None or layer.recompute:
        where = key("size", even(out), None)
    else:
        factors = [int(s) if s.denominator == 1 else float(s) for s in factor]
        where = key("scale_factor", even(factors), None, "scale")
    options = [where, key("mode", mode, "nearest"), *corners]
    if layer.antialias:
        return function("F.interpolate", *options, Item(plain(True), "antialias"))
    return made(place, call("nn.Upsample", *options))


def _resized(place: Place) -> Form:
    """Axis by axis, by a helper that knows what PyTorch's own does not."""
    layer = place.layer
    sizes, out = place.shapes[0][1:], tuple(place.outputs[0][1:])
    if layer.scale is None or layer.recompute:
        ratios = [Fraction(n, m) for n, m in zip(sizes, out, strict=True)]
    else:
        scales = [Fraction(s) for s in layer.scale]
        if layer.rounding == "double":
            scales = [s.limit_denominator(10**6) for s in scales]
        ratios = [1 / s for s in scales]
        if layer.mode == "nearest" and len(sizes) == 2:
            ratios = [
                Fraction(n, m) if m in (n, 2 * n) else ratio
                for n, m, ratio in zip(sizes, out, ratios, strict=True)
            ]
    shown = [r.numerator if r.denominator == 1 else float(r) for r in ratios]
    options = [
        Item(plain(layer.mode), "mode"),
        key("align_corners", layer.align_corners, False),
        key("antialias", layer.antialias, False),
        key("a", float(layer.a), -0.75),
        key("exclude_outside", layer.exclude_outside, False),
    ]
    return function(place.helper("resize"), plain(out), listed(shown), *options)


FORMS: Final[dict[str, Former]] = {
    "conv": _conv,
    "dwconv": _conv,
    "convT": _convt,
    "deformconv": _deformconv,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "lppool": _lppool,
    "globalavgpool": _global("Avg"),
    "globalmaxpool": _global("Max"),
    "adaptiveavgpool": _adaptive("Avg"),
    "adaptivemaxpool": _adaptive("Max"),
    "unpool": _unpool,
    "unfold": _unfold,
    "fold": _fold,
    "upsample": _upsample,
}
__all__ = ["FORMS", "widths"]
