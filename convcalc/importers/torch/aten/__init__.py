"""Operators of PyTorch's ATen library, said in layers: a table with a row for each, by families.

A row is a function of the network, of the call and of its arguments by their names; what it returns are the
values that the call makes. What is computed of constants alone is computed (:mod:`.folding`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from convcalc.dims import DimensionError
from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten import (  # noqa: F401 - each registers its rows
    activations,
    arithmetic,
    attention,
    convolutions,
    folded_arithmetic,
    lookups,
    moves,
    norms,
    patches,
    pools,
    products,
    recurrent,
    reductions,
)
from convcalc.importers.torch.aten.arithmetic import first_sample
from convcalc.importers.torch.aten.folding import folded, is_constant, operator, repeats
from convcalc.importers.torch.aten.reductions import Deferred
from convcalc.importers.torch.aten.rows import ROWS, arguments_of, found, place, written
from convcalc.importers.torch.aten.turned import BY_ROWS, RESHAPES, Turned, parted_rows
from convcalc.importers.torch.program import Call

__all__ = ["ROWS", "arguments_of", "found", "translate"]


WEIGHING: Final = frozenset({
    "conv1d", "conv2d", "conv3d", "linear", "matmul", "bmm", "layer_norm", "add", "mul",
})  # fmt: skip
"""Operators by which constants that are repeated for every sample meet what is learned."""


def sampled(network: Batched, call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments in which a constant that is repeated for every sample of a batch is one for each sample.

    A network that makes positions for ``len(x)`` samples and projects them by a weight does so.
    """
    tensors = [one for one in arguments.values() if isinstance(one, Value)]
    if operator(call) not in WEIGHING or network.batch == 1 or any(one.batch is not None for one in tensors):
        return arguments
    found = dict(arguments)
    for name, one in arguments.items():
        if not isinstance(one, Value) or not is_constant(one) or one.rank < 3 or one.dims[0] != network.batch:
            continue
        if repeats(one, 0, network.batch):
            single = first_sample(one, 0, 1)
            assert single.stored is not None
            inner = single.dims[1:]
            edge = network.edge(Value(inner, stored=single.stored.reshaped(inner), dtype=one.dtype))
            found[name] = Value(one.dims, 0, False, edge, dtype=one.dtype)
    return found


def _by_rows(network: Batched, call: Call, arguments: dict[str, Any], turned: Turned) -> Value:
    """A call that reads rows in which samples stand side by side."""
    function, word = found(call.target), operator(call)
    assert function is not None
    if word in RESHAPES and arguments.get("x") is turned:
        return parted_rows(network, turned, written(call), place(call, "reshape"))
    beside = [one for one in arguments.values() if isinstance(one, Value) and not isinstance(one, Turned)]
    alike = all(one.batch is None and (one.rank < 2 or one.stored is not None) for one in beside)
    same = all(one.steps == turned.steps for one in arguments.values() if isinstance(one, Turned))
    if word not in BY_ROWS or not alike or not same or turned.batch == turned.rank - 1:
        raise Unsayable("reads rows in which the samples of a batch stand side by side")
    plain = {key: one.inner if isinstance(one, Turned) else one for key, one in arguments.items()}
    return Turned(function(network, call, **plain), turned.steps)


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
        arguments = sampled(network, call, arguments_of(function, call, values))
        turned = next((one for one in arguments.values() if isinstance(one, Turned)), None)
        if turned is None:
            made = function(network, call, **arguments)
        else:
            made = _by_rows(network, call, arguments, turned)
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
