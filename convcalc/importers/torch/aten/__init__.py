"""Operators of PyTorch's ATen library, said in layers: a table with a row for each, by families.

A row is a function of the network, of the call and of its arguments by their names; what it returns are the
values that the call makes. What is computed of constants alone is computed (:mod:`.folding`).
"""

from __future__ import annotations

from collections.abc import Mapping

from convcalc.dims import DimensionError
from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten import (  # noqa: F401 - each registers its rows
    activations,
    arithmetic,
    attention,
    convolutions,
    lookups,
    moves,
    norms,
    pools,
    products,
    recurrent,
    reductions,
)
from convcalc.importers.torch.aten.folding import folded
from convcalc.importers.torch.aten.reductions import Deferred
from convcalc.importers.torch.aten.rows import ROWS, arguments_of, found
from convcalc.importers.torch.program import Call

__all__ = ["ROWS", "translate"]


def translate(network: Batched, call: Call, values: Mapping[str, Value]) -> tuple[Value | None, ...]:
    """The values that a call makes, one for each of its outputs; None for one that no layer writes.

    Args:
        network: what the layers are added to.
        call: of an operator.
        values: all values so far, by their names in the program.

    Raises:
        Unsayable: no layer says the operator, or this use of it.
        SeveralUses: see :class:`~convcalc.importers.network.Network`.
    """
    constants = folded(call, values)
    if constants is not None:
        return constants
    function = found(call.target)
    if function is None:
        raise Unsayable("is no layer here")
    try:
        made = function(network, call, **arguments_of(function, call, values))
        results = tuple(made) if isinstance(made, tuple | list) else (made,)
        read = [bool(out.name) for out in call.outputs]
        results = tuple(
            one.make() if isinstance(one, Deferred) and number < len(read) and read[number] else one
            for number, one in enumerate(results)
        )
    except DimensionError as error:
        raise Unsayable(f"does not fit: {error}") from error
    results = tuple(None if isinstance(one, Deferred) else one for one in results)
    for out, one in zip(call.outputs, results, strict=False):
        if one is not None and out.shape is not None and tuple(one.dims) != tuple(out.shape):
            raise Unsayable(f"would make {one.dims} here, and PyTorch makes {out.shape}")
    return results[: len(call.outputs)]
