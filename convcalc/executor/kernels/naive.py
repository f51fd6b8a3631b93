"""Naive forms, straight from the definitions: readable loops, one scalar at a time.

They take any dtype, object arrays of counting scalars included, and are what the fast forms are
tested against. Slow by design.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.kernels.conv import check_channels
from convcalc.executor.kernels.transposed import canvas
from convcalc.executor.windows import conv_padding, extend, out_sizes, pad, taps, transposed_padding


def _empty(call: Call, shape: tuple[int, ...]) -> Array:
    return np.full(shape, call.t.constant(0), call.x.dtype)


def _places(
    window: tuple[int, ...], stride: Sequence[int], tap: tuple[int, ...], dilation: Sequence[int]
) -> tuple[int, ...]:
    return tuple(p * s + k * d for p, s, k, d in zip(window, stride, tap, dilation, strict=True))


def conv(call: Call) -> Array:
    """Convolution: output (o, p) is the sum over input channels of its group and over taps."""
    layer, t, x = call.layer, call.t, call.x
    weight = call.params["weight"]
    outs, per_group, *kernel = weight.shape
    check_channels(x, per_group * layer.groups)
    sizes, stride, dilation = x.shape[2:], layer.stride, layer.dilation
    pads = conv_padding(layer.padding, sizes, kernel, stride, dilation)
    out = out_sizes(sizes, kernel, stride, dilation, pads)
    padded = pad(x, pads, t.constant(0), layer.padding_mode)
    y = _empty(call, (len(x), outs, *out))
    for i in range(len(x)):
        for o in range(outs):
            first = o // (outs // layer.groups) * per_group  # first input channel of the group
            for p in taps(out):
                total = 0
                with t.accumulating():
                    for c in range(per_group):
                        for k in taps(kernel):
                            read = _places(p, stride, k, dilation)
                            total = total + weight[at(o, c, *k)] * padded[at(i, first + c, *read)]
                if layer.bias:
                    total = total + call.params["bias"][o]
                y[at(i, o, *p)] = total
    return y


def conv_transposed(call: Call) -> Array:
    """Transposed convolution: every input entry times the kernel is added at stride steps."""
    layer, t, x = call.layer, call.t, call.x
    weight = call.params["weight"]
    channels, per_group, *kernel = weight.shape
    check_channels(x, channels)
    sizes, stride, dilation = x.shape[2:], layer.stride, layer.dilation
    pads, extra = transposed_padding(layer.padding, kernel, stride, dilation, layer.output_padding)
    room, keep = canvas(sizes, tuple(kernel), stride, dilation, pads, extra)
    total = _empty(call, (len(x), layer.groups * per_group, *room))
    for i in range(len(x)):
        for c in range(channels):
            first = c // (channels // layer.groups) * per_group  # first output channel of the group
            for p in taps(sizes):
                for o in range(per_group):
                    for k in taps(kernel):
                        lands = _places(p, stride, k, dilation)
                        inside = all(b.start <= a < b.stop for a, b in zip(lands, keep, strict=True))
                        with t.accumulating(valid=inside):
                            product = weight[at(c, o, *k)] * x[at(i, c, *p)]
                            total[at(i, first + o, *lands)] = total[at(i, first + o, *lands)] + product
    y = np.array(total[at(slice(None), slice(None), *keep)])
    if layer.bias:
        bias = call.params["bias"]
        for entry in taps(y.shape):
            y[entry] = y[entry] + bias[entry[1]]
    return y


def linear(call: Call) -> Array:
    """Linear layer, at each position."""
    t, x, weight = call.t, call.x, call.params["weight"]
    outs, ins = weight.shape
    check_channels(x, ins)
    y = _empty(call, (len(x), outs, *x.shape[2:]))
    for entry in taps(y.shape):
        i, o, p = entry[0], entry[1], entry[2:]
        total = 0
        with t.accumulating():
            for c in range(ins):
                total = total + weight[o, c] * x[at(i, c, *p)]
        if call.layer.bias:
            total = total + call.params["bias"][o]
        y[entry] = total
    return y


def maxpool(call: Call) -> tuple[Array, Array | None]:
    """Maximum over each window, from minus infinity; the index of the first of the largest."""
    layer, x = call.layer, call.x
    kernel, stride, dilation = layer.kernel, layer.stride, layer.dilation
    sizes = x.shape[2:]
    pads = conv_padding(layer.padding, sizes, kernel, stride, dilation)
    out = out_sizes(sizes, kernel, stride, dilation, pads, layer.ceil)
    low = call.t.constant(-np.inf)
    padded = extend(pad(x, pads, low), out, kernel, stride, dilation, low)
    y = _empty(call, (*x.shape[:2], *out))
    indices = np.zeros(y.shape, np.int64)
    for entry in taps(y.shape):
        i, c, p = entry[0], entry[1], entry[2:]
        best, where = -np.inf, 0
        for k in taps(kernel):
            read = _places(p, stride, k, dilation)
            value = padded[at(i, c, *read)]
            if value > best or value != value:  # NaN wins, as in PyTorch
                best = value
                where = 0
                for axis, n in enumerate(sizes):
                    where = where * n + read[axis] - pads[axis][0]
        y[entry], indices[entry] = best, where
    return y, indices if 1 in call.wanted else None


def avgpool(call: Call) -> Array:
    """Sum over each window, divided by the entries it counts."""
    layer, x = call.layer, call.x
    kernel, stride = layer.kernel, layer.stride
    once = (1,) * len(kernel)
    sizes = x.shape[2:]
    pads = conv_padding(layer.padding, sizes, kernel, stride, once)
    out = out_sizes(sizes, kernel, stride, once, pads, layer.ceil)
    zero = call.t.constant(0)
    padded = extend(pad(x, pads, zero), out, kernel, stride, once, zero)
    y = _empty(call, (*x.shape[:2], *out))
    for entry in taps(y.shape):
        i, c, p = entry[0], entry[1], entry[2:]
        total, inside, within = 0, 0, 0
        for k in taps(kernel):
            read = tuple(a * s + b for a, s, b in zip(p, stride, k, strict=True))
            total = total + padded[at(i, c, *read)]
            axes = list(zip(read, sizes, pads, strict=True))
            inside += all(b <= r < b + n for r, n, (b, _) in axes)
            within += all(r < b + n + a for r, n, (b, a) in axes)  # not in what ceil added
        y[entry] = total / (layer.divisor or (within if layer.count_include_pad else inside))
    return y


def lppool(call: Call) -> Array:
    """p-norm over each window."""
    layer, x, p_norm = call.layer, call.x, call.layer.norm
    kernel, stride = layer.kernel, layer.stride
    once = (1,) * len(kernel)
    sizes = x.shape[2:]
    pads = conv_padding(layer.padding, sizes, kernel, stride, once)
    out = out_sizes(sizes, kernel, stride, once, pads, layer.ceil)
    zero = call.t.constant(0)
    padded = extend(pad(x, pads, zero), out, kernel, stride, once, zero)
    y = _empty(call, (*x.shape[:2], *out))
    for entry in taps(y.shape):
        i, c, p = entry[0], entry[1], entry[2:]
        total = 0
        for k in taps(kernel):
            value = padded[at(i, c, *(a * s + b for a, s, b in zip(p, stride, k, strict=True)))]
            if p_norm == 2:
                total = total + value * value
            elif p_norm == 1:
                total = total + abs(value)
            else:
                total = total + abs(value) ** p_norm
        if p_norm == 1:
            y[entry] = total
        else:
            y[entry] = np.sqrt(total) if p_norm == 2 else total ** (1.0 / p_norm)
    return y
