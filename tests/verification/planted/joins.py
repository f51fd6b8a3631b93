"""Mistakes in joins entry by entry, and in functions of one element."""

from __future__ import annotations

from typing import Any

import numpy as np

from convcalc.layers.reads import Axis
from tests.verification.planted.base import after, ignoring, mutant, ops
from tests.verification.planted.kernels import RECORDS, kernel

JOIN, KERNEL = "layers.arithmetic.merge:Join", "executor.kernels.arithmetic.merge"
MORE = "sub div pow maximum minimum"

# Formulas
mutant("joins with a constant are free", f"{JOIN}.ops", f"mul add {MORE}", ignoring(value=None))
for op, kind in (("sub", "add"), ("div", "div"), ("pow", "special"), ("maximum", "cmp"), ("minimum", "cmp")):
    mutant(f"{op} is free", f"{JOIN}.ops", op, ops(**{kind: lambda n: 0}))
mutant("pow is a product", f"{JOIN}.ops", "pow", after(lambda f, *_: f._replace(mul=f.special, special=0)))
mutant(
    "joins are aligned at their first axes",
    "layers.arithmetic.merge:broadcast",
    "add sub",
    lambda f: lambda op, inputs: f(op, tuple((*i, *(1,) * (max(map(len, inputs)) - len(i))) for i in inputs)),
)
mutant(
    "joins of several ranks read the axes of the same number",
    f"{JOIN}.reads",
    "add sub div",
    after(
        lambda f, s, i, o, *_: tuple(
            tuple(tuple(Axis(a, axis.rule) for a, axis in enumerate(way)) for way in ways) for ways in f
        )
    ),
)
mutant(
    "clip of both bounds is one comparison",
    "layers.arithmetic.functions:Clip.ops",
    "clip",
    ops(cmp=lambda n: n // 2),
)
mutant("rsqrt is a root alone", "layers.arithmetic.activation:Activation.ops", "rsqrt", ops(div=lambda n: 0))
mutant(
    "sign is one comparison", "layers.arithmetic.activation:Activation.ops", "sign", ops(cmp=lambda n: n // 2)
)
mutant("l2norm has one root", "layers.arithmetic.functions:L2Norm.ops", "l2norm", ops(special=lambda n: 1))
mutant("l2norm sums for free", "layers.arithmetic.functions:L2Norm.ops", "l2norm", ops(add=lambda n: 0))
mutant("l2norm over the channels", "layers.arithmetic.functions:L2Norm.ops", "l2norm", ignoring(axis=0))
mutant("l2norm reads the channels", "layers.arithmetic.functions:L2Norm.reads", "l2norm", ignoring(axis=0))

# Kernels


def first_axes(right: Any) -> Any:
    def wrong(xs: Any) -> Any:
        rank = max(x.ndim for x in xs)
        return [x.reshape(*x.shape, *(1,) * (rank - x.ndim)) for x in xs]

    return wrong


mutant("join kernel aligns at the first axes", f"{KERNEL}:_aligned", "add sub", first_axes)
for form in ("fast", "naive"):
    for op in ("sub", "div", "pow"):
        mutant(
            f"{form} {op} kernel in the wrong order",
            f"{RECORDS}[{op}].{form}",
            op,
            kernel(reverse=lambda s: not s.reverse),
        )
    mutant(f"{form} join kernel of another constant", f"{RECORDS}[mul].{form}", "mul", kernel(value=2.0))
    mutant(f"{form} l2norm kernel over the channels", f"{RECORDS}[l2norm].{form}", "l2norm", kernel(axis=0))
    mutant(f"{form} l2norm kernel without eps", f"{RECORDS}[l2norm].{form}", "l2norm", kernel(eps=0.0))
mutant("clip kernel of the upper bound alone", f"{RECORDS}[clip].fast", "clip", kernel(min=None))
mutant(
    "maximum kernel takes the smaller",
    f"{RECORDS}[maximum].fast",
    "maximum",
    lambda f: lambda call: np.negative(f(call)),
)
mutant(
    "tracing sub to its first input",
    f"{RECORDS}[sub].backward",
    "sub",
    lambda f: lambda r: [f(r)[0], *(mark & False for mark in f(r)[1:])],
)
mutant("tracing div to what is not repeated", f"{RECORDS}[div].backward", "div", lambda f: _unsummed)
mutant("tracing l2norm itself", f"{RECORDS}[l2norm].backward", "l2norm", lambda f: lambda r: [r.mark])


def _unsummed(r: Any) -> Any:
    """Marks of the first place alone of an axis that is repeated."""
    missing = [len(r.outputs[0]) - len(shape) for shape in r.inputs]
    full = np.broadcast_to(r.mark, (len(r.mark), *r.outputs[0]))
    found = []
    for shape, many in zip(r.inputs, missing, strict=True):
        mark = full[(slice(None), *(0,) * many)]
        found.append(mark[(slice(None), *(slice(0, n) for n in shape))])
    return found
