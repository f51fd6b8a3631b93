"""Mistakes in recurrent layers: formulas, kernels, tracing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convcalc.layers.reads import EVERY, UpTo
from tests.verification.planted.base import after, ignoring, mutant, ops
from tests.verification.planted.kernels import RECORDS, kernel

LAYERS = "layers.products.recurrent"
ALL = "rnn lstm gru"

for name, fields in (
    ("of one layer", {"layers": 1}),
    ("of one direction", {"bidirectional": False}),
):
    mutant(f"recurrent products {name}", f"{LAYERS}:Recurrent.macs", ALL, ignoring(**fields))
    mutant(f"recurrent weights {name}", f"{LAYERS}:Recurrent.parameters", ALL, ignoring(**fields))
    mutant(f"recurrent operations {name}", f"{LAYERS}:Recurrent.ops", ALL, ignoring(**fields))
for name, change in (
    ("recurrent layer with one bias always", ignoring(recurrent_bias=False)),
    ("recurrent layer without bias always", ignoring(bias=False)),
):
    mutant(f"{name}, weights", f"{LAYERS}:Recurrent.parameters", ALL, change)
    mutant(f"{name}, operations", f"{LAYERS}:Recurrent.ops", ALL, change)
mutant(
    "recurrent products of the steps alone",
    f"{LAYERS}:Recurrent.macs",
    ALL,
    lambda f: lambda s, i, o: i[0][s.axis] * s.directions * s.gates * s.hidden * s.in_features,
)
mutant(
    "later layers read one direction",
    f"{LAYERS}:Recurrent.parameters",
    ALL,
    after(
        lambda f, s, i: {
            k: (v[0], s.size) if k.startswith("weight_ih") and "l0" not in k else v for k, v in f.items()
        }
    ),
)
mutant("recurrent layer runs along the other axis", f"{LAYERS}:Recurrent.ops", ALL, ignoring(axis=0))
mutant("sequence of one direction", f"{LAYERS}:Recurrent.output_shapes", ALL, ignoring(bidirectional=False))
mutant("states of one layer", f"{LAYERS}:Recurrent.output_shapes", ALL, ignoring(layers=1))
mutant(
    "cells as small as states", f"{LAYERS}:LSTM.output_shapes", "lstm", after(lambda f, *_: (*f[:2], f[1]))
)
mutant(
    "recurrent layer over one of several sequences",
    f"{LAYERS}:Recurrent._apart",
    ALL,
    lambda f: lambda s, shape: f(s, shape)[:0],
)
mutant(
    "states of one of several sequences",
    f"{LAYERS}:Recurrent._state",
    ALL,
    after(lambda f, *_: (f[0], f[-1])),
)
mutant("projection is free", f"{LAYERS}:LSTM.macs", "lstm", ignoring(projection=None))
mutant(
    "projection has no weights",
    f"{LAYERS}:LSTM.parameters",
    "lstm",
    after(lambda f, *_: {k: v for k, v in f.items() if "weight_hr" not in k}),
)
mutant("recurrent layer squashes nothing", f"{LAYERS}:Recurrent.ops", ALL, ops(special=lambda n: 0))
mutant("gates of a recurrent layer are not added", f"{LAYERS}:Recurrent.ops", ALL, ops(add=lambda n: n // 2))


def rules(change: Any) -> Any:
    """The windows with some rules replaced."""

    def make(found: Any, *_: Any) -> Any:
        return tuple(
            tuple(tuple(axis._replace(rule=change(axis.rule)) for axis in way) for way in ways)
            for ways in found
        )

    return after(make)


READS = f"{LAYERS}:Recurrent.reads"
mutant("steps read all steps", READS, ALL, rules(lambda r: EVERY if isinstance(r, UpTo) else r))
mutant("steps read themselves", READS, ALL, ignoring(layers=1, bidirectional=False))
mutant("a recurrent layer runs along the other axis, fields", READS, ALL, ignoring(axis=0))
mutant("recurrence from the end is not read", READS, ALL, after(lambda f, *_: tuple(ways[:1] for ways in f)))

for form in ("fast", "naive"):
    for op in ALL.split():
        for name, fields in (
            ("of one layer", {"layers": 1}),
            ("without bias", {"bias": False}),
            ("without the bias of its state", {"recurrent_bias": False}),
        ):
            mutant(f"{form} {op} kernel {name}", f"{RECORDS}[{op}].{form}", op, kernel(**fields))
    mutant(
        f"{form} rnn kernel with tanh always",
        f"{RECORDS}[rnn].{form}",
        "rnn",
        kernel(nonlinearity="tanh"),
    )
    mutant(f"{form} gru kernel resets late", f"{RECORDS}[gru].{form}", "gru", kernel(reset="after"))


def backwards(right: Any) -> Any:
    """A kernel that runs the sequence from its end."""

    def wrong(call: Any) -> Any:
        axis = 1 + call.layer.axis
        call.xs = (np.flip(call.x, axis),)
        y, *states = right(call)
        return np.flip(y, axis), *states

    return wrong


def without_states(right: Any) -> Any:
    """A kernel whose last states are those of the first layer."""

    def wrong(call: Any) -> Any:
        y, *states = right(call)
        return y, *(np.broadcast_to(s[:, :1], s.shape).copy() for s in states)

    return wrong


for op in ALL.split():
    mutant(f"fast {op} kernel runs from the end", f"{RECORDS}[{op}].fast", op, backwards)
    mutant(f"fast {op} kernel gives the first layer's state", f"{RECORDS}[{op}].fast", op, without_states)
    mutant(
        f"tracing {op} of one direction",
        f"{RECORDS}[{op}].backward",
        op,
        lambda f: lambda r: f(r._replace(layer=_one_way(r.layer)) if r.layer.layers == 1 else r),
    )
    mutant(
        f"tracing {op} to its own step",
        f"{RECORDS}[{op}].backward",
        op,
        lambda f: lambda r: [mark & _own(r, mark) for mark in f(r)],
    )


def _one_way(layer: Any) -> Any:
    return replace(layer, bidirectional=False, hidden=layer.hidden * (2 if layer.bidirectional else 1))


def _own(r: Any, mark: Any) -> Any:
    """What is read with every step before the last one left out."""
    kept = np.zeros(mark.shape, bool)
    last = [slice(None)] * mark.ndim
    last[1 + r.layer.axis] = slice(-1, None)
    kept[tuple(last)] = True
    return kept
