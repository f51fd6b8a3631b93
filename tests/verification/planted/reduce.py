"""Mistakes in reductions and in moves: formulas, what they read, kernels, tracing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convcalc.executor.kernels import OPERATIONS
from convcalc.layers.reads import ALL, FIXED, Axis
from tests.verification.planted.base import Make, after, ignoring, mutant, ops
from tests.verification.planted.kernels import RECORDS, kernel
from tests.verification.planted.tracing import as_the_first, backward, both

REDUCE, MOVES = "layers.arithmetic.reduce", "layers.tensors.moves"
SUMS = "mean sum prod max min norm var std"

# Formulas of reductions
mutant(
    "reductions are over all axes",
    f"{REDUCE}:_Reduction.over",
    SUMS,
    lambda f: lambda s, shape: range(len(shape)),
)
mutant("reductions keep their axes", f"{REDUCE}:_Reduction.output_shapes", SUMS, ignoring(keep=True))
mutant("reductions drop their axes", f"{REDUCE}:_Reduction.output_shapes", SUMS, ignoring(keep=False))
mutant("means are sums", f"{REDUCE}:Mean.ops", "mean", ops(div=lambda n: 0))
mutant("sums save one addition", f"{REDUCE}:Sum.ops", "sum", ops(add=lambda n: n - 1))
mutant("products are sums", f"{REDUCE}:Prod.ops", "prod", after(lambda f, *_: f._replace(add=f.mul, mul=0)))
mutant("extremes are free", f"{REDUCE}:Max.ops", "max min", ops(cmp=lambda n: 0))
mutant("norms are of squares", f"{REDUCE}:Norm.ops", "norm", ignoring(p="2"))
mutant("norms take no root", f"{REDUCE}:Norm.ops", "norm", ops(special=lambda n: 0))
mutant("variances divide once", f"{REDUCE}:Var.ops", "var std", ops(div=lambda n: n // 2))
mutant("deviations take no root", f"{REDUCE}:Std.ops", "std", ops(special=lambda n: 0))
mutant("places are found for nothing", f"{REDUCE}:ArgMax.ops", "argmax argmin", ops(cmp=lambda n: 0))
mutant(
    "fields of reductions are those of positions",
    f"{REDUCE}:_Reduction.reads",
    SUMS,
    after(lambda f, *_: ((tuple(Axis(0, FIXED) if axis is ALL else axis for axis in f[0][0]),),)),
)

# Their kernels, fast and naive
for op in ("mean", "sum", "prod", "max", "min", "norm", "var", "std"):
    mutant(f"{op} kernel over all axes", f"{RECORDS}[{op}].fast", op, kernel(axis=None))
    mutant(f"naive {op} kernel over all axes", f"{RECORDS}[{op}].naive", op, kernel(axis=None))
for op in ("var", "std"):
    mutant(f"{op} kernel without correction", f"{RECORDS}[{op}].fast", op, kernel(correction=0))
mutant("norm kernel of squares", f"{RECORDS}[norm].fast", "norm", kernel(p="2"))


def last(right: Any) -> Callable[[Any], Any]:
    """A kernel that is given everything in reverse order, and so finds places from the other end."""

    def wrong(call: Any) -> Any:
        axis = call.layer.axis + 1
        call.xs = (np.flip(call.x, axis),)
        return right(call)

    return wrong


for op in ("argmax", "argmin"):
    mutant(f"{op} kernel counts from the end", f"{RECORDS}[{op}].fast", op, last)
    mutant(f"naive {op} kernel counts from the end", f"{RECORDS}[{op}].naive", op, last)
mutant("min kernel finds the largest", f"{RECORDS}[min].fast", "min", lambda f: OPERATIONS["max"].fast)
for op in ("mean", "max", "norm", "var"):
    mutant(
        f"tracing {op} to its first entry",
        f"{RECORDS}[{op}].backward",
        op,
        after(lambda f, r: [_first(f[0])]),
    )


def _first(mark: Any) -> Any:
    kept = np.zeros_like(mark)
    kept[..., 0] = mark[..., 0]
    return kept


# Moves
def turned(layer: Any) -> tuple[int, ...]:
    return tuple(-shift for shift in layer.shift)


def more(layer: Any) -> tuple[int, ...]:
    return (*layer.counts[:-1], layer.counts[-1] + 1)


for name, owner, op, fields in (
    ("roll run the other way", "Roll", "roll", {"shift": turned}),
    ("flip are of no axis", "Flip", "flip", {"axis": ()}),
    ("tile are of one copy", "Tile", "tile", {"counts": lambda s: (1,) * len(s.counts)}),
    ("unstack are of the first axis", "Unstack", "unstack", {"axis": 0}),
):
    mutant(f"fields of {name}", f"{MOVES}:{owner}.reads", op, ignoring(**fields))
mutant("tile makes a copy too many", f"{MOVES}:Tile.output_shapes", "tile", ignoring(counts=more))
mutant("stack has its axis in front", f"{MOVES}:Stack.output_shapes", "stack", ignoring(axis=0))
mutant("unstack is of the first axis", f"{MOVES}:Unstack.output_shapes", "unstack", ignoring(axis=0))
mutant(
    "stack reads every input everywhere",
    f"{MOVES}:Stack.reads",
    "stack",
    after(lambda f, *_: tuple((ways[0][:-1],) for ways in f)),
)
mutant(
    "unstack reads its first part always",
    f"{MOVES}:Unstack.reads",
    "unstack",
    lambda f: lambda s, i, o, number=0: f(s, i, o, 0),
)
mutant("rolled ends are lost", "layers.reads:Rolled.taps", "roll", lambda f: lambda s, j: (j - s.shift,))
mutant("flips are off by one", "layers.reads:Flipped.taps", "flip", lambda f: lambda s, j: (s.size - j,))
mutant("flips run forwards", "layers.reads:Flipped.period", "flip", lambda f: lambda s: (1, 1))
mutant("copies go on behind each other", "layers.reads:Tiled.taps", "tile", lambda f: lambda s, j: (j,))
mutant(
    "flipped fields grow backwards",
    "calculators.receptive_field.compose:_slid",
    "flip",
    lambda f: (
        lambda field, driver, rule: (
            f(field, driver, rule) if field.advance > 0 else _shrunk(f(field, driver, rule), rule)
        )
    ),
)


def _shrunk(field: Any, rule: Any) -> Any:
    field.sizes = tuple(n - 2 * (rule.count - 1) for n in field.sizes)
    return field


VIEWS: tuple[tuple[str, str, Make], ...] = (
    ("roll kernel runs the other way", "roll", kernel(shift=turned)),
    ("flip kernel of the last axis", "flip", kernel(axis=(1,))),
    ("stack kernel joins backwards", "stack", lambda f: lambda call: f(_reversed(call))),
    ("unstack kernel gives its parts backwards", "unstack", lambda f: lambda call: f(call)[::-1]),
    ("roll kernel takes all samples for the first", "roll", as_the_first),
    ("mean kernel takes all samples for the first", "mean", as_the_first),
)
for name, op, make in VIEWS:
    both(name, op, make)


def _reversed(call: Any) -> Any:
    call.xs = call.xs[::-1]
    return call


for op, name, change in (
    ("roll", "the other way", {"shift": turned}),
    ("flip", "along no axis", {"axis": ()}),
):
    mutant(f"tracing {op} {name}", f"{RECORDS}[{op}].backward", op, backward(**change))
mutant(
    "tracing tile to its first copy",
    f"{RECORDS}[tile].backward",
    "tile",
    lambda f: lambda r: f(r._replace(marks=[_cut(r.mark, r.inputs[0])])),
)


def _cut(mark: Any, shape: tuple[int, ...]) -> Any:
    kept = np.array(mark)
    for axis, n in enumerate(shape[1:], 2):
        np.moveaxis(kept, axis, 0)[n:] = 0
    return kept


mutant(
    "tracing stack to its first input",
    f"{RECORDS}[stack].backward",
    "stack",
    after(lambda f, r: [f[0], *(mark & False for mark in f[1:])]),
)
mutant(
    "repeated views are memory of their own",
    f"{MOVES}:Expand.view",
    "expand",
    lambda f: False,
)
