"""Laws 10 to 13: the matrix of a convolution, its transpose, and what a transposed convolution is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convcalc.dims import symbol
from convcalc.executor import gradient
from convcalc.graph import Graph
from convcalc.spec import load
from convcalc.verification.laws.base import (
    Array,
    Case,
    Trial,
    built,
    by,
    law,
    params,
    random_weights,
    run,
    shared,
    turned,
)

STEP = 2.0**-20
"""Step of the finite differences; a power of two, so that adding it is exact."""
DIFFERENCES = 1e-7
"""What finite differences in double precision can be trusted to."""


def _list(sizes: Sequence[int]) -> str:
    return f"({','.join(map(str, sizes))})"


class Window(NamedTuple):
    """A convolution's hyper-parameters, per axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"k={_list(self.kernel)} s={_list(self.stride)} p={_list(self.padding)} d={_list(self.dilation)}"
        )

    @property
    def extent(self) -> list[int]:
        """The effective kernel."""
        return [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]


def _window(case: Case, stride: int = 3) -> Window:
    kernel, dilation = case.each(1, 3), case.each(1, 2)
    padding = tuple(case.whole(0, (d * (k - 1) + 1) // 2) for k, d in zip(kernel, dilation, strict=True))
    return Window(kernel, case.each(1, stride), padding, dilation)


def _sizes(case: Case, window: Window, most: int = 3) -> list[int]:
    """Input sizes the convolution can run on."""
    return [e + case.whole(0, most) for e in window.extent]


def matrix(graph: Graph, *weights: Array) -> Array:
    """What a graph does to every unit vector: (outputs, inputs), by executing it."""
    shape = graph.nodes[graph.inputs[0]].outputs[0]
    unit = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    images: Array = run(graph, unit, *weights)
    return images.reshape(len(unit), -1).T


def sparse(weight: Array, window: Window, sizes: Sequence[int], out: Sequence[int]) -> Array:
    """The matrix C of a convolution from its definition: one entry per tap that meets the input.

    Row (o, position) and column (i, position * s + tap * d - p) hold ``weight[o, i, tap]``.
    """
    table = np.zeros((weight.shape[0], *out, weight.shape[1], *sizes))
    for position in np.ndindex(*out):
        for tap in np.ndindex(*window.kernel):
            meets = [
                j * s + a * d - p
                for j, a, s, d, p in zip(
                    position, tap, window.stride, window.dilation, window.padding, strict=True
                )
            ]
            if all(0 <= m < n for m, n in zip(meets, sizes, strict=True)):
                table[(slice(None), *position, slice(None), *meets)] += weight[
                    (slice(None), slice(None), *tap)
                ]
    return table.reshape(weight.shape[0] * int(np.prod(out)), -1)


def _differences(graph: Graph, x: Array, g: Array, *weights: Array) -> Array:
    """Central differences of ``sum(g * y)`` with respect to every entry of ``x (1, ...)``."""
    unit = np.eye(x.size).reshape(-1, *x.shape[1:]) * STEP
    above, below = run(graph, x + unit, *weights), run(graph, x - unit, *weights)
    return ((above - below) * g).reshape(x.size, -1).sum(axis=1) / (2 * STEP)


def _backward(t: Trial, case: Case, activation: str) -> None:
    i, o, window = case.whole(1, 2), case.whole(1, 2), _window(case)
    # With an activation, outputs enough that some are cut off.
    x = (
        case.normal(1, i, *_sizes(case, window))
        if not activation
        else case.normal(1, i, *(24, 9, 6)[: case.rank])
    )
    conv = built(f"conv {o} {window} bias=false{activation}", *x.shape[1:])
    weight = case.normal(o, i, *window.kernel)
    y = run(conv, x, weight)
    c = sparse(weight, window, x.shape[2:], y.shape[2:])
    g = case.normal(*y.shape)
    t.equal("the backward pass of a convolution is C^T (finite differences)",
            _differences(conv, x, g, weight), c.T @ g.reshape(-1), DIFFERENCES)  # fmt: skip


def _transposed(window: Window, channels: int, sizes: Sequence[int], out: Sequence[int]) -> str:
    """The transposed convolution that returns to ``sizes`` from the map ``out``."""
    rest = [
        n - (s * (m - 1) + e - 2 * p)
        for n, m, s, e, p in zip(sizes, out, window.stride, window.extent, window.padding, strict=True)
    ]
    return f"convT {channels} {window} op={_list(rest)} bias=false"


@law(
    10,
    "Convolution is a sparse matrix C; its backward pass with respect to the input is C^T; the transposed "
    "convolution's forward is C^T and its backward is C.",
)
def adjoint(t: Trial) -> None:
    for case in t.random_cases():
        i, o, window = case.whole(1, 2), case.whole(1, 3), _window(case)
        x = case.normal(1, i, *_sizes(case, window))
        conv = built(f"conv {o} {window} bias=false", *x.shape[1:])
        weight = case.normal(o, i, *window.kernel)
        y = run(conv, x, weight)
        c = sparse(weight, window, x.shape[2:], y.shape[2:])
        t.equal("C from the definition is what execution does to unit vectors", matrix(conv, weight), c)
        t.equal("the forward pass is C x", y.reshape(-1), c @ x.reshape(-1))
        full = o * int(np.prod(y.shape[2:])) * i * int(np.prod(window.kernel))
        t.true("C holds at most one entry a tap of a position", np.count_nonzero(c) <= full)
        _backward(t, case, "")

        # The gradient of one output, by reverse mode, is a row of C.
        position = [n // 2 for n in y.shape[2:]]
        row = np.ravel_multi_index((0, *position), y.shape[1:])
        found = gradient(conv, x, {"conv1.weight": weight}, position=position, channel=0)["input"]
        t.equal("a row of C is the gradient of one output", found.reshape(-1), c[row])

        back = built(_transposed(window, i, x.shape[2:], y.shape[2:]), *y.shape[1:])
        t.equal("the transposed convolution with the same weights is C^T", matrix(back, weight), c.T)
        g = case.normal(*x.shape)
        t.equal("its backward pass is C (finite differences)",
                _differences(back, y, g, weight), c @ g.reshape(-1), DIFFERENCES)  # fmt: skip


@adjoint.broken("a ReLU after the convolution")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _backward(t, case, " | relu")


@adjoint.broken("the transposed convolution has weights of its own")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        window = Window((3,) * case.rank, (2,) * case.rank, (1,) * case.rank, (1,) * case.rank)
        sizes = (5,) * case.rank
        conv = built(f"conv 1 {window} bias=false", 1, *sizes)
        out = conv.nodes[-1].outputs[0]
        back = built(_transposed(window, 1, sizes, out[1:]), *out)
        t.equal("the transposed convolution with the same weights is C^T",
                matrix(back, case.normal(1, 1, *window.kernel)),
                matrix(conv, case.normal(1, 1, *window.kernel)).T)  # fmt: skip


def stretched(x: Array, stride: Sequence[int], extra: Sequence[int]) -> Array:
    """``x`` with ``s - 1`` zeros between its entries and so many after the last."""
    sizes = [(n - 1) * s + 1 + e for n, s, e in zip(x.shape[2:], stride, extra, strict=True)]
    result = np.zeros((*x.shape[:2], *sizes))
    places = (slice(None, (n - 1) * s + 1, s) for n, s in zip(x.shape[2:], stride, strict=True))
    result[(slice(None), slice(None), *places)] = x
    return result


def _inserted(t: Trial, case: Case, rotate: bool) -> None:
    i, o, window = case.whole(1, 3), case.whole(1, 3), _window(case)
    if not rotate:
        window = window._replace(kernel=(3,) * case.rank, padding=(1,) * case.rank)
    extra = [case.whole(0, max(s, d) - 1) for s, d in zip(window.stride, window.dilation, strict=True)]
    x = case.normal(2, i, *case.each(2, 4))
    weight, bias = case.normal(i, o, *window.kernel), case.normal(o)
    y = run(f"convT {o} {window} op={_list(extra)}", x, weight, bias)
    zeros = stretched(x, window.stride, extra)
    sides = [e - 1 - p for e, p in zip(window.extent, window.padding, strict=True)]
    kernel = weight.swapaxes(0, 1)
    plain = f"conv {o} k={_list(window.kernel)} d={_list(window.dilation)} p={_list(sides)}"
    t.equal(
        "zeros between, padding k_eff - 1 - p, the kernel rotated, stride 1",
        y, run(plain, zeros, turned(kernel) if rotate else kernel, bias),
    )  # fmt: skip


def _returns(t: Trial, case: Case) -> tuple[Array, Array]:
    """What a convolution and its transpose make of an input: ``C^T C x`` and ``x``."""
    window = Window(case.each(2, 3), case.each(1, 2), (0,) * case.rank, (1,) * case.rank)
    x = case.normal(1, 2, *_sizes(case, window))
    conv = built(f"conv 3 {window} bias=false", *x.shape[1:])
    weight = case.normal(3, 2, *window.kernel)
    y = run(conv, x, weight)
    return run(_transposed(window, 2, x.shape[2:], y.shape[2:]), y, weight), x


@law(
    11,
    "A transposed convolution is zero insertion, padding k_eff - 1 - p, the rotated kernel and stride 1; it "
    "is no inverse (C^T C is not the identity), though shapes invert.",
)
def insertion(t: Trial) -> None:
    for case in t.random_cases():
        _inserted(t, case, rotate=True)
        back, x = _returns(t, case)
        t.count("the shape comes back", back.shape, x.shape)
        t.true("the values do not", np.abs(back - x).max() > 1e-3)
    i, k, p, s = map(symbol, "IKPS")
    forward = load("conv N kK sS pP", input="MxI").nodes[-1].outputs[0][1]
    again = load("convT N kK sS pP", input=f"Mx{'O'}").nodes[-1].outputs[0][1].subs({symbol("O"): forward})
    t.symbolic("the size comes back at stride 1", again.subs({s: 1}), i)
    remainder = (i + 2 * p - k) - s * ((i + 2 * p - k) // s)
    t.symbolic("and at any stride with output padding (i + 2p - k) mod s", again + remainder, i)


@insertion.broken("the kernel is not rotated")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _inserted(t, case, rotate=False)


@insertion.broken("taken for an inverse: C^T C for the identity")
def _(t: Trial) -> None:
    for case in t.random_cases(2):
        t.equal("a transposed convolution undoes a convolution", *_returns(t, case))


def _ordinary(t: Trial, case: Case, stride: int) -> None:
    i, o, window = case.whole(1, 3), case.whole(1, 3), _window(case, stride=1)
    window = window._replace(stride=(stride,) * case.rank)
    x = case.normal(2, i, *case.each(2, 5))
    weight, bias = case.normal(i, o, *window.kernel), case.normal(o)
    sides = [e - 1 - p for e, p in zip(window.extent, window.padding, strict=True)]
    y = run(f"convT {o} {window}", x, weight, bias)
    plain = f"conv {o} k={_list(window.kernel)} d={_list(window.dilation)} p={_list(sides)}"
    z = run(plain, x, turned(weight.swapaxes(0, 1)), bias)
    if stride > 1:
        y, z = shared(y, z)
    t.equal("at stride 1 nothing is inserted: an ordinary convolution of the same map", y, z)


@law(
    12,
    "A transposed convolution of stride 1 inserts no zeros and is an ordinary (full) convolution with the "
    "rotated kernel.",
)
def ordinary(t: Trial) -> None:
    for case in t.random_cases():
        _ordinary(t, case, stride=1)
    for case in t.random_cases(2):
        x, weight, bias = (
            case.normal(2, 2, *case.each(2, 5)),
            case.normal(2, 3, *(3,) * case.rank),
            case.normal(3),
        )
        t.equal("without padding it is the full convolution", run("convT 3 k3", x, weight, bias),
                run("conv 3 k3 p=full", x, turned(weight.swapaxes(0, 1)), bias))  # fmt: skip
    h, k, p = map(symbol, "HKP")
    transposed = load("convT N kK pP", input="MxH").nodes[-1].outputs[0][1]
    t.symbolic(
        "its size is that of a convolution with padding k - 1 - p", transposed, h + 2 * (k - 1 - p) - k + 1
    )


@ordinary.broken("stride 2")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _ordinary(t, case, stride=2)


def _project(t: Trial, case: Case, own_bias: bool) -> None:
    n, o, size = case.whole(2, 6), case.whole(1, 4), case.each(2, 4)
    x = case.normal(3, n, *(1,) * case.rank)
    weight = case.normal(n, o, *size)
    bias = case.normal(o)
    cells = int(np.prod(size))
    spread = case.normal(o * cells) if own_bias else np.repeat(bias, cells)
    y = run(f"flatten | linear {o * cells} | reshape {by((o, *size))}", x, weight.reshape(n, -1).T, spread)
    t.equal("linear + reshape is a transposed convolution on a 1x1 map", y,
            run(f"convT {o} k={_list(size)}", x, weight, bias))  # fmt: skip


@law(
    13,
    "Project and reshape: a linear layer and a reshape equal a transposed convolution on a 1x1 map, with the "
    "bias repeated over the positions.",
)
def project(t: Trial) -> None:
    for case in t.random_cases():
        _project(t, case, own_bias=False)
    for case in t.random_cases(3, ranks=(2,)):
        # The library's block, in both of its implementations.
        n, o, size = case.whole(2, 6), case.whole(1, 4), case.whole(2, 4)
        x = case.normal(2, n, 1, 1)
        forms = [
            f"project_and_reshape({o}, size={size}, how='{how}', bias=false)"
            for how in ("linear", "transposed")
        ]
        weight = next(iter(random_weights(built(forms[1], n, 1, 1), case.rng).values()))
        t.equal("both implementations of project_and_reshape agree",
                run(forms[0], x, weight.reshape(n, -1).T), run(forms[1], x, weight))  # fmt: skip
    n, m, k = map(symbol, "NMK")
    for how in ("linear", "transposed"):
        block = load(f"project_and_reshape(N, size=K, how='{how}', bias=false)", input="Mx1x1")
        t.symbolic(f"weights of the {how} form", params(block), m * n * k**2)


@project.broken("a bias for every position")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _project(t, case, own_bias=True)


LAWS = (adjoint, insertion, ordinary, project)
