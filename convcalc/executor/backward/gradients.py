"""Gradients of an output with respect to an input, for the effective receptive field.

Reverse mode through the very kernels: what a convolution passes back is a transposed convolution
with its weights, and the other way round; moves are traced back as in tainting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import pi, prod, sqrt
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import PLAIN, Array
from convcalc.executor.arithmetic.special import erf
from convcalc.executor.backward.marks import PULLS, Pull, combine, unpad
from convcalc.executor.call import Call, Params, at, per_channel
from convcalc.executor.dry import ancestors
from convcalc.executor.kernels import run_kernel
from convcalc.executor.kernels.activation import SELU_ALPHA, SELU_SCALE
from convcalc.executor.kernels.conv import conv as run_conv
from convcalc.executor.kernels.interp import MODES, grids, resample
from convcalc.executor.kernels.pool import adaptive_windows, pool_divisor
from convcalc.executor.kernels.transposed import canvas
from convcalc.executor.kernels.transposed import conv_transposed as run_conv_transposed
from convcalc.executor.run import Runner, find_edge, input_arrays, prepare_weights
from convcalc.executor.windows import (
    ExecutionError,
    conv_padding,
    extend,
    out_sizes,
    pad,
    tap_slices,
    taps,
    transposed_padding,
)
from convcalc.graph import Edge, Graph


class Back(NamedTuple):
    """One layer to differentiate: gradients by output, values it read and wrote, its arrays."""

    layer: Any
    gradients: list[Array | None]
    xs: tuple[Array, ...]
    ys: tuple[Array, ...]
    params: Params

    @property
    def g(self) -> Array:
        """Gradient of the first output."""
        g = self.gradients[0]
        return np.zeros_like(self.ys[0]) if g is None else g

    @property
    def x(self) -> Array:
        """First input."""
        return self.xs[0]

    def pulled(self, g: Array | None = None) -> list[Array]:
        """Passed back by the rule of tainting, whose factors are all one."""
        marks: list[Array | None] = self.gradients if g is None else [g]
        inputs, outputs = [x.shape[1:] for x in self.xs], tuple(y.shape[1:] for y in self.ys)
        return PULLS[self.layer.op](Pull(self.layer, marks, inputs, outputs, False))


def _conv(b: Back) -> list[Array]:
    layer, sizes, weight = b.layer, b.x.shape[2:], b.params["weight"]
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, layer.dilation)
    none = ((0, 0),) * len(sizes)
    back = SimpleNamespace(
        groups=layer.groups,
        stride=layer.stride,
        dilation=layer.dilation,
        padding=none,
        output_padding=(0,) * len(sizes),
        bias=False,
    )
    total = run_conv_transposed(Call(back, (b.g,), Params("", {"weight": weight})))
    room = zip(sizes, pads, total.shape[2:], strict=True)
    total = pad(total, tuple((0, before + n + after - m) for n, (before, after), m in room))
    return [unpad(total, sizes, pads, layer.padding_mode)]


def _conv_transposed(b: Back) -> list[Array]:
    layer, sizes, weight = b.layer, b.x.shape[2:], b.params["weight"]
    pads, extra = transposed_padding(
        layer.padding, layer.kernel, layer.stride, layer.dilation, layer.output_padding
    )
    room, keep = canvas(sizes, layer.kernel, layer.stride, layer.dilation, pads, extra)
    total = pad(b.g, tuple((k.start, n - k.stop) for n, k in zip(room, keep, strict=True)))
    none = ((0, 0),) * len(sizes)
    back = SimpleNamespace(
        groups=layer.groups,
        stride=layer.stride,
        dilation=layer.dilation,
        padding=none,
        padding_mode="zeros",
        bias=False,
    )
    passed = run_conv(Call(back, (total,), Params("", {"weight": weight})))
    return [passed[at(slice(None), slice(None), *(slice(n) for n in sizes))]]


def _linear(b: Back) -> list[Array]:
    flat = b.g.reshape(*b.g.shape[:2], -1)
    return [np.matmul(b.params["weight"].T, flat).reshape(b.x.shape)]


def _by_index(b: Back, g: Array, index: Array) -> Array:
    flat = np.zeros((prod(b.x.shape[:2]), prod(b.x.shape[2:])), g.dtype)
    rows = np.arange(len(flat))[:, None]
    np.add.at(flat, (rows, index.reshape(len(flat), -1)), g.reshape(len(flat), -1))
    return flat.reshape(b.x.shape)


def _maxpool(b: Back) -> list[Array]:
    index = run_kernel(Call(b.layer, b.xs, wanted=frozenset((0, 1))))[1]
    assert index is not None
    return [_by_index(b, b.g, index)]


def _avgpool(b: Back) -> list[Array]:
    return b.pulled(b.g / pool_divisor(b.layer, b.x.shape[2:], b.ys[0].shape[2:]))


def _lppool(b: Back) -> list[Array]:
    layer, sizes, p = b.layer, b.x.shape[2:], b.layer.norm
    once = (1,) * len(sizes)
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, once)
    out = out_sizes(sizes, layer.kernel, layer.stride, once, pads, layer.ceil)
    padded = extend(pad(b.x, pads), out, layer.kernel, layer.stride, once, 0.0)
    y = np.where(b.ys[0] == 0, 1.0, b.ys[0])
    factor = b.g * y ** (1.0 - p)
    total = np.zeros_like(padded)
    for tap in taps(layer.kernel):
        read = at(slice(None), slice(None), *tap_slices(tap, out, layer.stride, once))
        total[read] += factor * np.sign(padded[read]) * np.abs(padded[read]) ** (p - 1.0)
    return [unpad(total, sizes, pads, "zeros")]


def _global_avgpool(b: Back) -> list[Array]:
    return b.pulled(b.g / prod(b.x.shape[2:]))


def _global_maxpool(b: Back) -> list[Array]:
    return [_by_index(b, b.g, b.x.reshape(*b.x.shape[:2], -1).argmax(axis=2))]


def _adaptive(b: Back) -> list[Array]:
    average = b.layer.op == "adaptiveavgpool"
    total = np.zeros_like(b.x)
    for cell, window in adaptive_windows(b.x.shape[2:], b.layer.size):
        read = b.x[at(slice(None), slice(None), *window)]
        flat = read.reshape(*read.shape[:2], -1)
        g = b.g[at(slice(None), slice(None), *cell)][..., None]
        share = np.full(flat.shape, 1.0 / flat.shape[2])
        if not average:
            share = (np.arange(flat.shape[2]) == flat.argmax(axis=2)[..., None]).astype(b.x.dtype)
        total[at(slice(None), slice(None), *window)] += (g * share).reshape(read.shape)
    return [total]


def _unpool(b: Back) -> list[Array]:
    flat = b.g.reshape(*b.g.shape[:2], -1)
    index = b.xs[1].reshape(*b.x.shape[:2], -1)
    return [np.take_along_axis(flat, index, axis=2).reshape(b.x.shape), np.zeros(b.x.shape, b.g.dtype)]


def _upsample(b: Back) -> list[Array]:
    g = b.g
    for axis, (out, ratio) in enumerate(grids(b.layer, b.x.shape[2:])):
        impulses = np.eye(b.x.shape[2 + axis])[:, None]
        corners, a = bool(b.layer.align_corners), float(b.layer.a)
        matrix = resample(PLAIN, impulses, 2, out, ratio, MODES[b.layer.mode], corners, a)[:, 0].T
        g = np.moveaxis(np.matmul(np.moveaxis(g, axis + 2, -1), matrix), -1, axis + 2)
    return [g]


def _batchnorm(b: Back) -> list[Array]:
    weight = per_channel(b.params["weight"], b.x) if b.layer.affine else 1.0
    if b.layer.track:
        return [b.g * weight / np.sqrt(per_channel(b.params["running_var"], b.x) + b.layer.eps)]
    return [_normalised(b.x, b.g * weight, (0, *range(2, b.x.ndim)), b.layer.eps)]


def _normalised(x: Array, g: Array, axes: tuple[int, ...], eps: float) -> Array:
    """Back through (x - mean) / sqrt(variance + eps) over some axes."""
    centred = x - x.mean(axis=axes, keepdims=True)
    scale = 1.0 / np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + eps)
    unit = centred * scale
    along = (g * unit).mean(axis=axes, keepdims=True)
    return np.asarray(scale * (g - g.mean(axis=axes, keepdims=True) - unit * along))


def _layernorm(b: Back) -> list[Array]:
    weight: Any = 1.0
    if b.layer.affine:
        weight = b.params["weight"]
        weight = weight[None] if weight.shape == b.x.shape[1:] else per_channel(weight, b.x)
    axes = (1,) if b.layer.over == "channels" else tuple(range(1, b.x.ndim))
    return [_normalised(b.x, b.g * weight, axes, b.layer.eps)]


def _groupnorm(b: Back) -> list[Array]:
    weight = per_channel(b.params["weight"], b.x) if b.layer.affine else 1.0
    groups = b.layer.groups if b.layer.op == "gn" else b.x.shape[1]
    shape = (len(b.x), groups, -1)
    g = _normalised(b.x.reshape(shape), (b.g * weight).reshape(shape), (2,), b.layer.eps)
    return [g.reshape(b.x.shape)]


def _lrn(b: Back) -> list[Array]:
    layer, channels = b.layer, b.x.shape[1]
    before, after = layer.size // 2, layer.size - 1 - layer.size // 2

    def window(values: Array, ahead: int, behind: int) -> Array:
        width = [(0, 0), (ahead, behind), *((0, 0),) * (values.ndim - 2)]
        padded = np.pad(values, width)
        return np.asarray(sum(padded[:, j : j + channels] for j in range(layer.size)))

    base = layer.k + layer.alpha / layer.size * window(b.x * b.x, before, after)
    inner = window(b.g * b.x * base ** (-layer.beta - 1.0), after, before)
    return [b.g * base**-layer.beta - 2.0 * layer.alpha * layer.beta / layer.size * b.x * inner]


def _softmax(b: Back) -> list[Array]:
    y = b.ys[0]
    return [y * (b.g - (b.g * y).sum(axis=1, keepdims=True))]


def _reduced(g: Array, shape: tuple[int, ...]) -> Array:
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] > 1)
    return np.asarray(g.sum(axis=axes, keepdims=True)) if axes else g


def _add(b: Back) -> list[Array]:
    return [_reduced(b.g, x.shape) for x in b.xs]


def _mul(b: Back) -> list[Array]:
    found = []
    for i, x in enumerate(b.xs):
        g = b.g
        for j, other in enumerate(b.xs):
            g = g if i == j else g * other
        found.append(_reduced(g, x.shape))
    return found


def _scale(b: Back) -> list[Array]:
    return [b.g * per_channel(b.params["weight"], b.x)]


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _silu(x: Array) -> Array:
    s = _sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


def _gelu(x: Array, approximate: str) -> Array:
    if approximate == "tanh":
        c = sqrt(2.0 / pi)
        t = np.tanh(c * (x + 0.044715 * x**3))
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044715 * x * x)
    return 0.5 * (1.0 + erf(x * sqrt(0.5))) + x * np.exp(-0.5 * x * x) / sqrt(2.0 * pi)


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


def _prelu(b: Back) -> list[Array]:
    return [b.g * np.where(b.x > 0, 1.0, per_channel(b.params["weight"], b.x))]


SLOPES: dict[str, Callable[[Any, Array], Array]] = {
    "relu": lambda layer, x: (x > 0).astype(x.dtype),
    "relu6": lambda layer, x: ((x > 0) & (x < 6)).astype(x.dtype),
    "leakyrelu": lambda layer, x: np.where(x > 0, 1.0, layer.slope),
    "elu": lambda layer, x: _elu(x, layer.alpha),
    "selu": lambda layer, x: SELU_SCALE * _elu(x, SELU_ALPHA),
    "silu": lambda layer, x: _silu(x),
    "sigmoid": lambda layer, x: _sigmoid(x) * (1.0 - _sigmoid(x)),
    "tanh": lambda layer, x: 1.0 - np.tanh(x) ** 2,
    "hardsigmoid": lambda layer, x: (np.abs(x) < 3) / 6.0,
    "hardswish": lambda layer, x: np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (2.0 * x + 3.0) / 6.0)),
    "gelu": lambda layer, x: _gelu(x, layer.approximate),
}
"""Derivatives of elementwise layers."""

RULES: dict[str, Callable[[Back], list[Array]]] = {
    "conv": _conv,
    "dwconv": _conv,
    "convT": _conv_transposed,
    "linear": _linear,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "lppool": _lppool,
    "globalavgpool": _global_avgpool,
    "globalmaxpool": _global_maxpool,
    "adaptiveavgpool": _adaptive,
    "adaptivemaxpool": _adaptive,
    "unpool": _unpool,
    "upsample": _upsample,
    "bn": _batchnorm,
    "ln": _layernorm,
    "gn": _groupnorm,
    "instancenorm": _groupnorm,
    "lrn": _lrn,
    "softmax": _softmax,
    "add": _add,
    "mul": _mul,
    "scale": _scale,
    "prelu": _prelu,
}


def gradient(
    graph: Graph,
    inputs: Array | Mapping[str, Array],
    weights: Any = None,
    *,
    position: Sequence[int] | None = None,
    channel: int | None = None,
    output: str | None = None,
    seed: int = 0,
) -> dict[str, Array]:
    """Gradient of one output position with respect to every input.

    The effective receptive field of a position (Luo et al. 2016) is the magnitude of this over
    input pixels, averaged over random inputs and weights.

    Args:
        graph: the graph.
        inputs: arrays as for :func:`~convcalc.executor.execute`.
        weights: arrays by name or an ``.npz`` file; created from ``seed`` when not given.
        position: spatial position in the output; the centre (the later one of two) when not given.
        channel: channel of the output; the sum over channels when not given.
        output: the layer asked about; the first output of the graph when not given.
        seed: for the weights.

    Returns:
        Arrays of the shapes of the inputs, by input name.

    Raises:
        ExecutionError: inputs do not fit, or there is no such layer or position.
    """
    arrays = input_arrays(graph, inputs)
    prepared = prepare_weights(graph, weights, seed, str(arrays[0].dtype))
    part = ancestors(graph, graph.outputs[0] if output is None else find_edge(graph, output))
    edges = {edge for node in part.nodes for edge in node.inputs}
    runner = Runner(part, prepared, keep=edges, reuse=False)
    written = [len(step.outputs) for step in runner.steps(arrays)]
    top = runner.tensors[part.outputs[0]]
    seeded = np.zeros(top.shape, top.dtype)
    place = tuple(n // 2 for n in top.shape[2:]) if position is None else tuple(position)
    try:
        seeded[at(slice(None), slice(None) if channel is None else channel, *place)] = 1.0
    except IndexError:
        raise ExecutionError(f"there is no position {place} in an output of {top.shape[2:]}") from None
    gradients: dict[Edge, list[Array]] = {part.outputs[0]: [seeded]}
    for index in range(len(part.nodes) - 1, -1, -1):
        node = part.nodes[index]
        here = [gradients.pop(Edge(index, i), None) for i in range(written[index])]
        if node.layer.op == "input" or all(g is None for g in here):
            if here[0] is not None:
                gradients[Edge(index)] = here[0]
            continue
        xs = tuple(runner.tensors[edge] for edge in node.inputs)
        ys = tuple(runner.tensors.get(Edge(index, i), np.zeros(0)) for i in range(len(here)))
        back = Back(
            node.layer,
            [None if g is None else combine(g) for g in here],
            xs,
            ys,
            Params(node.name, runner.by_node.get(node.name)),
        )
        slope = SLOPES.get(node.layer.op)
        if slope is not None:
            passed = [back.g * slope(node.layer, back.x)]
        else:
            passed = RULES.get(node.layer.op, Back.pulled)(back)
        for edge, g in zip(node.inputs, passed, strict=True):
            gradients.setdefault(edge, []).append(g)
    result = {}
    for index, array in zip(part.inputs, arrays, strict=True):
        found = gradients.get(Edge(index))
        result[part.nodes[index].name] = np.zeros_like(array) if found is None else np.array(combine(found))
    return result
