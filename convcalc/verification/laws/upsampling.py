"""Laws 16 and 17: interpolation as fixed transposed convolution, and the polynomials it reproduces."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from convcalc.dims import symbol
from convcalc.spec import load
from convcalc.verification.laws.base import Array, Case, Trial, law, params, run

SPLINE_MARGIN = 20
"""Samples from the end at which what happens there is gone: a disturbance shrinks by 2 - sqrt(3) a
sample inwards (de Boor 1978), by 4e-12 over these."""


def triangle(scale: int) -> list[float]:
    """The taps of linear interpolation by a whole factor: 2s of them, 2s - 1 for odd s.

    Tap ``t`` lies ``|t - (k - 1)/2| / s`` input positions from the sample it reads.
    """
    taps = 2 * scale - scale % 2
    return [1 - abs(t - (taps - 1) / 2) / scale for t in range(taps)]


def outer(taps: list[float], channels: int, rank: int) -> Array:
    """The separable depthwise kernel (C, 1, *kernel) of taps per axis."""
    kernel = np.array(1.0)
    for _ in range(rank):
        kernel = np.multiply.outer(kernel, taps)
    return np.broadcast_to(kernel, (channels, 1, *kernel.shape)).copy()


def _bilinear(t: Trial, case: Case, border: bool) -> None:
    s, c = case.whole(2, 4), case.whole(1, 3)
    x = case.normal(2, c, *case.each(3, 5))
    kernel = outer(triangle(s), c, case.rank)
    k = kernel.shape[-1]
    y = run(f"convT {c} k{k} s{s} p={(k - s) // 2} g={c} bias=false", x, kernel)
    z = run(f"upsample scale={s} mode=linear", x)
    if not border:
        # The outermost s // 2 positions lie beyond the first and the last sample.
        inner = (slice(None), slice(None), *(slice(s // 2, n * s - s // 2) for n in x.shape[2:]))
        y, z = y[inner], z[inner]
    t.equal("linear upsampling is a depthwise transposed convolution with a triangle", y, z)


def _nearest(t: Trial, case: Case, taps: int) -> None:
    s, c = case.whole(2, 4), case.whole(1, 3)
    x = case.normal(2, c, *case.each(2, 5))
    k = s + taps
    y = run(f"convT {c} k{k} s{s} p={taps // 2} g={c} bias=false", x, outer([1.0] * k, c, case.rank))
    t.equal("nearest upsampling is one with ones", y, run(f"upsample scale={s}", x))


@law(
    16,
    "Bilinear upsampling by s equals a fixed depthwise transposed convolution with a triangle kernel away "
    "from the border; nearest equals one with ones everywhere.",
)
def fixed(t: Trial) -> None:
    for case in t.random_cases():
        _bilinear(t, case, border=False)
        _nearest(t, case, 0)
    for s in range(2, 9):
        taps = triangle(s)
        # Each output reads with weights that add up to one: constants stay what they are.
        for phase in range(s):
            t.equal("the taps that meet an output add up to one", sum(taps[phase::s]), 1.0)
    h, s = symbol("H"), symbol("S")
    up = load("upsample scale=S mode=linear", input="CxH").nodes[-1]
    t.symbolic("the size of upsampling", up.outputs[0][1], s * h)
    for kernel, padding in (("2*S", "S/2"), ("2*S-1", "(S-1)/2")):
        odd = "2*J" if padding == "S/2" else "2*J+1"  # the scale, even or odd
        spec = f"convT C k={kernel} s=S p={padding} g=C bias=false".replace("S", f"({odd})")
        out = load(spec, input="CxH").nodes[-1].outputs[0][1]
        scale = 2 * symbol("J") + (1 if padding != "S/2" else 0)
        t.symbolic("is the size of the transposed convolution", out, scale * h)
    t.symbolic("upsampling has nothing to learn", params(load("upsample scale=S", input="CxH")), 0)


@fixed.broken("the border included")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _bilinear(t, case, border=True)


@fixed.broken("two ones more than the factor")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _nearest(t, case, 2)


def _polynomial(case: Case, degree: int) -> Callable[..., Array]:
    """A random polynomial of that degree in every axis, as a function of one array per axis."""
    coefficients = case.normal(*(degree + 1,) * case.rank)
    coefficients[(-1,) * case.rank] += 3.0  # the highest term is there

    def evaluate(*axes: Array) -> Array:
        value: Array = coefficients
        for x in axes:
            powers = np.stack([(x / 8) ** i for i in range(degree + 1)])
            value = np.tensordot(value, powers, axes=([0], [0]))  # the axis just done goes last
        return value

    return evaluate


def _sampled(case: Case, scale: int, n: int, corners: bool) -> tuple[Array, Array]:
    """Sample positions of a line and the positions that upsampling asks for."""
    places = np.arange(n * scale)
    if corners:
        return np.arange(n), places * (n - 1) / (n * scale - 1)
    return np.arange(n), (places + 0.5) / scale - 0.5


def _reproduces(
    t: Trial, case: Case, mode: str, degree: int, a: str = "", margin: int = 2, n: int = 9
) -> None:
    """Interpolate a random polynomial of a degree and compare with its values in between."""
    scale, corners = case.whole(2, 4), bool(case.whole(0, 1))
    sizes = [n + case.whole(0, 2) for _ in range(case.rank)]
    grids = [_sampled(case, scale, size, corners) for size in sizes]
    polynomial = _polynomial(case, degree)
    x = polynomial(*(samples for samples, _ in grids))[None, None]
    spec = f"upsample scale={scale} mode={mode} align_corners={str(corners).lower()}"
    y = run(f"{spec} a={a}" if a else spec, x)[0, 0]
    inner = [
        np.flatnonzero((places >= margin) & (places <= size - 1 - margin))
        for (_, places), size in zip(grids, sizes, strict=True)
    ]
    wanted = polynomial(*(places[keep] for (_, places), keep in zip(grids, inner, strict=True)))
    found = y[np.ix_(*inner)]
    words = f"{mode} a={a}" if a else mode
    t.equal(f"{words} interpolation reproduces degree {degree}", found, wanted)


def natural(knots: int, kink: int) -> Callable[[Array], Array]:
    """A natural cubic spline on the knots 0 to ``knots - 1``: the ``kink``-th of the usual basis.

    ``d_k(x) - d_(n-2)(x)`` with ``d_k(x) = ((x - k)_+^3 - (x - (n-1))_+^3) / (n - 1 - k)``: cubic
    between the knots, twice differentiable, straight beyond both ends (Hastie, Tibshirani &
    Friedman, The Elements of Statistical Learning, equation 5.4).
    """

    def d(x: Array, k: int) -> Array:
        last = knots - 1
        return (np.maximum(x - k, 0.0) ** 3 - np.maximum(x - last, 0.0) ** 3) / (last - k)

    return lambda x: d(x, kink) - d(x, knots - 2)


@law(
    17,
    "Linear, bicubic and spline interpolation reproduce polynomials of their degree: 1; 2 with Keys's "
    "a = -1/2 (0 with a = -3/4); 3 away from the border, and every natural spline up to it.",
)
def reproduction(t: Trial) -> None:
    for case in t.random_cases(3):
        for degree in (0, 1):
            _reproduces(t, case, "linear", degree, margin=0)
        for degree in (0, 1, 2):
            _reproduces(t, case, "cubic", degree, a="-1/2")
        _reproduces(t, case, "cubic", 0, margin=0)
        _reproduces(t, case, "spline", 1, margin=0)
    for case in t.random_cases(4, ranks=(1,)):
        # Disturbances at the ends, where a cubic bends on and the natural spline does not, die out.
        _reproduces(t, case, "spline", 3, n=51, margin=SPLINE_MARGIN)
        knots, scale = case.whole(6, 9), case.whole(2, 4)
        samples, places = _sampled(case, scale, knots, corners=True)
        spline = natural(knots, case.whole(0, knots - 3))
        y = run(f"upsample scale={scale} mode=spline align_corners=true", spline(samples)[None, None])
        t.equal("spline interpolation reproduces natural splines, up to the ends", y[0, 0], spline(places))
    _moments(t)


def _moments(t: Trial) -> None:
    """Degrees of the cubic kernel in closed form: its weights have the moments of a shifted delta."""
    w, a = symbol("w", whole=False), symbol("a", whole=False)

    def kernel(v: Any, far: bool) -> Any:
        return a * v**3 - 5 * a * v**2 + 8 * a * v - 4 * a if far else (a + 2) * v**3 - (a + 3) * v**2 + 1

    weights = {-1: kernel(1 + w, True), 0: kernel(w, False), 1: kernel(1 - w, False), 2: kernel(2 - w, True)}
    for degree in range(3):
        moment = sum(weight * (j - w) ** degree for j, weight in weights.items())
        wanted = 1 if degree == 0 else 0
        here = moment.subs(a=Fraction(-1, 2)) if degree else moment
        t.symbolic(f"moment {degree} of Keys's kernel at a = -1/2", here, wanted)
        if degree == 0:
            t.symbolic("moment 0 of Keys's kernel at every a", moment, wanted)


@reproduction.broken("linear, degree 2")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _reproduces(t, case, "linear", 2)


@reproduction.broken("bicubic with a = -1/2, degree 3")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _reproduces(t, case, "cubic", 3, a="-1/2")


@reproduction.broken("bicubic with a = -3/4, degree 1")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _reproduces(t, case, "cubic", 1, a="-3/4")


@reproduction.broken("spline, degree 4")
def _(t: Trial) -> None:
    for case in t.random_cases(2, ranks=(1,)):
        _reproduces(t, case, "spline", 4, n=51, margin=SPLINE_MARGIN)


@reproduction.broken("spline, degree 3 up to the border")
def _(t: Trial) -> None:
    for case in t.random_cases(2, ranks=(1,)):
        _reproduces(t, case, "spline", 3, margin=0)


LAWS = (fixed, reproduction)
