"""Mistakes about tensors of a network's own and about look-ups, in formulas and in kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convcalc.layers.reads import ONE, Axis
from tests.verification.planted.base import after, ignoring, mutant, without

PARAM, CONST = "layers.tensors.sources:Param", "layers.tensors.sources:Const"
mutant("a learned tensor has no parameters", f"{PARAM}.parameters", "param", without("value"))
mutant(
    "a learned tensor is a buffer besides",
    f"{PARAM}.parameters",
    "param",
    lambda f: lambda s, i: {**f(s, i), "buffer": s.shape},
)
mutant(
    "a learned tensor has a row more", f"{PARAM}.parameters", "param",
    after(lambda found, s, i: {"value": (s.shape[0] + 1, *s.shape[1:])}),
)  # fmt: skip
mutant("a stored tensor is not stored", f"{CONST}.buffers", "const", without("buffer"))
mutant("a filled tensor is stored", f"{CONST}.buffers", "const", ignoring(value=None))
mutant(
    "own tensors are turned round",
    "layers.tensors.sources:_Source.output_shapes",
    "param const",
    after(lambda found, *_: tuple(shape[::-1] for shape in found)),
)
mutant(
    "a learned tensor is an activation",
    "layers.tensors.sources:_Source.view",
    "param const",
    lambda right: False,
)

EMBEDDING, GATHER = "layers.tensors.lookups:Embedding", "layers.tensors.lookups:Gather"
mutant(
    "an embedding has a row less",
    f"{EMBEDDING}.parameters",
    "embedding",
    lambda f: lambda s, i: f(replace(s, entries=s.entries - 1), i),
)
mutant(
    "an embedding writes its features first",
    f"{EMBEDDING}.output_shapes",
    "embedding",
    after(lambda found, s, i: ((s.features, *i[0]),)),
)
mutant(
    "an embedding reads its neighbour",
    f"{EMBEDDING}.reads",
    "embedding",
    after(lambda found, *_: ((found[0][0][::-1],),)),
)
mutant("a stored index is none", f"{GATHER}.indices", "gather", without("index"))
mutant("an index that is written out is stored", f"{GATHER}.indices", "gather",
       lambda f: lambda s, i: f(replace(s, shape=s.shape or (len(s.index or ()),)), i))  # fmt: skip
mutant(
    "a stored index is a buffer",
    "layers.base:Layer.buffers",
    "gather",
    lambda f: lambda s, i: {**f(s, i), **s.indices(i)},
)
mutant(
    "a gather forgets an axis of its index",
    f"{GATHER}.output_shapes",
    "gather",
    after(lambda found, s, i: ((*found[0][: s.axis], *found[0][s.axis + 1 :]),)),
)
mutant("a gather is along the first axis", f"{GATHER}.output_shapes", "gather", ignoring(axis=0))
mutant(
    "a gather reads place for place",
    f"{GATHER}.reads",
    "gather",
    after(lambda found, s, i, *_: ((tuple(Axis(a, ONE) for a in range(len(i[0]))),), *found[1:])),
)
mutant(
    "a gather reads its index backwards",
    f"{GATHER}.reads",
    "gather",
    lambda f: lambda s, i, o, n=0: f(replace(s, index=s.index and s.index[::-1]), i, o, n),
)

RECORDS = "executor.kernels:OPERATIONS"
KERNELS = "executor.kernels.tensors.lookups"


def _call(call: Any, **fields: Any) -> Any:
    """The call of a kernel with something else in it."""
    new = type(call)(
        call.layer, call.xs, call.params, call.t, call.spare, call.wanted, call.batch, call.dtype
    )
    for name, value in fields.items():
        setattr(new, name, value)
    return new


mutant(
    "a learned tensor for one sample",
    f"{RECORDS}[param].fast",
    "param",
    lambda f: lambda call: f(_call(call, batch=1)),
)
mutant("a learned tensor is copied", f"{RECORDS}[param].fast", "param",
       lambda f: lambda call: f(call).copy())  # fmt: skip
mutant(
    "a stored tensor is never read",
    f"{RECORDS}[const].fast",
    "const",
    lambda f: lambda call: np.zeros((call.batch, *call.layer.shape), call.dtype),
)


for form in ("fast", "naive"):
    mutant(
        f"{form} embedding of another row",
        f"{RECORDS}[embedding].{form}",
        "embedding",
        lambda f: lambda call: f(_call(call, xs=(np.flip(call.x, -1),))),
    )
    mutant(
        f"{form} gather turned round",
        f"{RECORDS}[gather].{form}",
        "gather",
        lambda f: lambda call: f(_call(call, xs=(np.flip(call.x, call.layer.axis + 1), *call.xs[1:]))),
    )
mutant(
    "gather by the index of the first sample",
    f"{RECORDS}[gather].fast",
    "gather",
    lambda f: (
        lambda call: f(_call(call, xs=(call.x, *(np.broadcast_to(x[:1], x.shape) for x in call.xs[1:]))))
    ),
)
mutant(
    "tracing through an embedding reaches nothing",
    f"{RECORDS}[embedding].backward",
    "embedding",
    lambda f: lambda r: [np.zeros_like(mark) for mark in f(r)],
)
mutant(
    "tracing through a gather reaches nothing of its index",
    f"{RECORDS}[gather].backward",
    "gather",
    lambda f: lambda r: [f(r)[0], *(np.zeros_like(mark) for mark in f(r)[1:])],
)
mutant(
    "tracing through a written index reads it backwards",
    f"{RECORDS}[gather].backward",
    "gather",
    lambda f: lambda r: [np.flip(mark, r.layer.axis + 1) for mark in f(r)] if r.layer.index else f(r),
)
mutant(
    "tracing through a stored index sees the last entry",
    f"{RECORDS}[gather].backward",
    "gather",
    lambda f: (
        lambda r: (
            [np.where(_last(mark, r.layer.axis + 1), mark, False) for mark in f(r)] if r.layer.shape else f(r)
        )
    ),
)


def _last(mark: Any, axis: int) -> Any:
    """Where the index along an axis is its last."""
    along = np.arange(mark.shape[axis]) == mark.shape[axis] - 1
    return along.reshape([-1 if a == axis else 1 for a in range(mark.ndim)])
