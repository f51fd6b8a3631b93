"""Laws 4 to 6: bottlenecks, Fire, and small kernels for large ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from convcalc.dims import symbol
from convcalc.executor import count
from convcalc.spec import load
from convcalc.verification.laws.base import (
    Array,
    Case,
    Trial,
    built,
    compose,
    law,
    params,
    random_weights,
    run,
    seen,
)

# A bottleneck of three convolutions and the expansion that reads it (Sandler et al. 2018, Figure 3).
LINEAR = "conv {mid} k1 bias=false | dwconv k{k} bias=false | conv {out} k1 bias=false"


def _one_map(weights: list[Array], channels: int) -> Array:
    """The kernel that a chain of convolutions without activations is; depthwise ones written out."""
    kernel = None
    for weight in weights:
        if weight.shape[1] == 1 and kernel is not None and kernel.shape[0] == weight.shape[0] > 1:
            full = np.zeros((weight.shape[0], weight.shape[0], *weight.shape[2:]))
            full[np.arange(len(weight)), np.arange(len(weight))] = weight[:, 0]
            weight = full
        kernel = weight if kernel is None else compose(weight, kernel)
    assert kernel is not None and kernel.shape[1] == channels
    return kernel


def _bottleneck(t: Trial, case: Case, activation: str) -> None:
    c, mid, out, k = case.whole(2, 4), case.whole(4, 7), case.whole(2, 3), case.whole(2, 3)
    x = case.normal(2, c, *case.each(5, 8))
    spec = LINEAR.format(mid=mid, out=out, k=k) + f"{activation} | conv {mid} k1 bias=false"
    chain = built(spec, *x.shape[1:])
    weights = list(random_weights(chain, case.rng).values())
    kernel = _one_map(weights, c)
    one = run(f"conv {mid} k{k} bias=false", x, kernel)
    t.equal("bottleneck and next expansion are one convolution", run(chain, x, *weights), one)


@law(
    4,
    "A linear bottleneck composes to one linear map; with a ReLU after the projection it does not; inverted "
    "and classic residual blocks have their parameters in closed form.",
)
def bottleneck(t: Trial) -> None:
    for case in t.random_cases():
        _bottleneck(t, case, "")
        c, expand, n, stride = case.whole(2, 9), case.whole(2, 6), case.whole(2, 9), case.whole(1, 2)
        size = case.each(4, 6)
        inverted = built(f"inverted_residual({n}, expand={expand}, stride={stride})", c, *size)
        # Sandler et al. 2018, Table 1, and two numbers a channel for each normalisation.
        mid = expand * c
        by_hand = c * mid + 3**case.rank * mid + mid * n + 2 * (2 * mid + n)
        t.count("parameters of the inverted residual", params(inverted), by_hand)
        t.count("arrays that the inverted residual reads", count(inverted).total("params"), by_hand)
        classic = built(f"bottleneck({c})", 4 * c, *size)
        # He et al. 2016, Figure 5: 4c -> c -> c -> 4c.
        by_hand = 4 * c * c + 3**case.rank * c * c + 4 * c * c + 2 * (c + c + 4 * c)
        t.count("parameters of the classic residual", params(classic), by_hand)
        t.count("arrays that the classic residual reads", count(classic).total("params"), by_hand)
    c, e = symbol("C"), symbol("T")
    # Above 1, or there is no expansion.
    inverted = load("inverted_residual(C, expand=T+1)", input="CxHxW")
    e = e + 1
    t.symbolic("parameters of the inverted residual", params(inverted), 2 * e * c**2 + 13 * e * c + 2 * c)
    classic = load("inputs: {x: [4*C, H, W]}\nlayers: ['bottleneck(C)']")
    t.symbolic("parameters of the classic residual", params(classic), 17 * c**2 + 12 * c)


@bottleneck.broken("a ReLU after the projection")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _bottleneck(t, case, " | relu")


@bottleneck.broken("expand=1, where the block leaves its expansion out")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        c = case.whole(2, 9)
        block = built(f"inverted_residual({c}, expand=1)", c, *case.each(4, 6))
        by_hand = 2 * c * c + 3**case.rank * c + 2 * (2 * c + c)
        t.count("parameters of the inverted residual", params(block), by_hand)


def _fire(c: Any, s: Any, e1: Any, e3: Any, taps: Any = 9) -> Any:
    """Weights and biases of a Fire module (Iandola et al. 2016, section 3.2)."""
    return s * (c + 1) + e1 * (s + 1) + e3 * (taps * s + 1)


def _expand(t: Trial, case: Case, second_tap: bool) -> None:
    """The two kinds of expand filters are one 3x3 convolution whose first kernels hold one tap each."""
    s, e1, e3 = case.whole(1, 3), case.whole(1, 4), case.whole(1, 4)
    c = case.whole(2, 4)
    x = case.normal(2, c, *case.each(4, 7))
    fire = built(f"fire({s}, {e1}, {e3})", *x.shape[1:])
    weights = list(random_weights(fire, case.rng).values())
    if second_tap:  # everything positive: no rectifier hides the tap
        x, weights = np.abs(x), [np.abs(weight) for weight in weights]
    squeeze, bias, w1, b1, w3, b3 = weights
    centre: Any = (slice(None), slice(None), *(1,) * case.rank)
    wide = np.zeros((e1, s, *(3,) * case.rank))
    wide[centre] = w1[(slice(None), slice(None), *(0,) * case.rank)]
    if second_tap:
        corner: Any = (slice(None), slice(None), *(0,) * case.rank)
        wide[corner] += 1.0
    one = run(
        f"conv {s} k1 | relu | conv {e1 + e3} k3 p1 | relu",
        x, squeeze, bias, np.concatenate([wide, w3]), np.concatenate([b1, b3]),
    )  # fmt: skip
    t.equal("both expansions are one 3x3 convolution, the 1x1 kernels padded with zeros",
            run(fire, x, squeeze, bias, w1, b1, w3, b3), one)  # fmt: skip


@law(
    5,
    "Fire has s(c+1) + e1(s+1) + e3(9s+1) parameters and squeeze ratio s = SR (e1 + e3).",
)
def fire(t: Trial) -> None:
    for case in t.random_cases():
        c, s, e1, e3 = case.whole(2, 9), case.whole(1, 4), case.whole(1, 6), case.whole(1, 6)
        size = case.each(4, 6)
        module = built(f"fire({s}, {e1}, {e3})", c, *size)
        by_hand = _fire(c, s, e1, e3, 3**case.rank)
        t.count("parameters of Fire", params(module), by_hand)
        t.count("arrays that Fire reads", count(module).total("params"), by_hand)
        parts, n = case.whole(1, 8), case.whole(1, 4)
        e1 = case.whole(1, 8 * n - 1)
        e3 = 8 * n - e1  # so that SR (e1 + e3) is whole for SR in eighths
        ratio = built(f"fire(e1x1={e1}, e3x3={e3}, sr={parts}/8)", c, *size)
        t.count("the squeeze layer of ratio SR has SR (e1 + e3) filters",
                8 * ratio.nodes[1].outputs[0][0], parts * (e1 + e3))  # fmt: skip
        t.count("and parameters of that", params(ratio), _fire(c, parts * n, e1, e3, 3**case.rank))
        _expand(t, case, second_tap=False)
    c, s, e1, e3 = map(symbol, "CSEF")
    t.symbolic("parameters of Fire", params(load("fire(S, E, F)", input="CxHxW")), _fire(c, s, e1, e3))


@fire.broken("a squeeze ratio of the 3x3 filters alone")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        e1, e3 = 8 * case.whole(1, 3), 8 * case.whole(1, 3)
        module = built(f"fire(e1x1={e1}, e3x3={e3}, sr=1/8)", 4, *case.each(4, 6))
        t.count(
            "the squeeze layer of ratio SR has SR (e1 + e3) filters", 8 * module.nodes[1].outputs[0][0], e3
        )


@fire.broken("a 1x1 filter with a second tap")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _expand(t, case, second_tap=True)


def _stack(t: Trial, case: Case, between: str, padded: bool = False) -> None:
    c = case.whole(1, 3)
    x = case.normal(2, c, *case.each(8, 11))
    p = " p1" if padded else ""
    stages = f" {between}| ".join(f"conv {c} k3{p} bias=false" for _ in range(3))
    small = built(stages, *x.shape[1:])
    weights = list(random_weights(small, case.rng).values())
    kernel = compose(weights[2], compose(weights[1], weights[0]))
    large = run(f"conv {c} k7{' p3' if padded else ''} bias=false", x, kernel)
    t.equal("three 3x3 are one 7x7 of the composed kernel", run(small, x, *weights), large)


@law(
    6,
    "Three 3x3 convolutions without activations equal one 7x7 with the composed kernel: field 7, 27 C^2 "
    "weights against 49 C^2.",
)
def stack(t: Trial) -> None:
    for case in t.random_cases():
        _stack(t, case, "")
        c, size = case.whole(1, 4), case.each(9, 12)
        small, large = " | ".join([f"conv {c} k3 bias=false"] * 3), f"conv {c} k7 bias=false"
        t.count("the field of the stack (tainting)", seen(small, c, *size), [7] * case.rank)
        t.count("the field of the one (tainting)", seen(large, c, *size), [7] * case.rank)
        t.count(
            "weights of the stack",
            count(built(small, c, *size)).total("params"),
            3 ** (case.rank + 1) * c * c,
        )
        t.count("weights of the one", count(built(large, c, *size)).total("params"), 7**case.rank * c * c)
    c = symbol("C")
    three = load(" | ".join(["conv C k3 bias=false"] * 3), input="CxHxW")
    t.symbolic("weights of three 3x3", params(three), 27 * c**2)
    t.symbolic("weights of one 7x7", params(load("conv C k7 bias=false", input="CxHxW")), 49 * c**2)


@stack.broken("a ReLU between the layers")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _stack(t, case, "| relu ")


@stack.broken("zero padding: p1 three times is not p3 once at the border")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _stack(t, case, "", padded=True)


LAWS = (bottleneck, fire, stack)
