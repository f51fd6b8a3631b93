"""Recurrent layers over a sequence."""

from __future__ import annotations

from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.folding import array_of, is_constant
from convcalc.importers.torch.aten.rows import place, row
from convcalc.importers.torch.program import Call


def _zero(state: Value) -> bool:
    """Whether a state is a constant of zeros."""
    try:
        return is_constant(state) and not array_of(state).any()
    except ValueError:
        return False


def _recurrent(
    network: Batched,
    call: Call,
    op: str,
    x: Value,
    states: tuple[Value, ...],
    params: tuple[Value, ...],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
    **options: Any,
) -> tuple[Value, ...]:
    if train and dropout:
        raise Unsayable("drops at random: export the module after .eval()")
    if not all(map(_zero, states)):
        raise Unsayable("starts from a state of its own; here it starts from zeros")
    path = place(call, "", *params)
    directions = 2 if bidirectional else 1
    names = [
        f"{array}_l{number}{way}"
        for number in range(num_layers)
        for way in ("", "_reverse")[:directions]
        for array in ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if has_biases else ()))
        + (("weight_hr",) if "projection" in options else ())
    ]
    stored: dict[str, Stored] = {}
    for name, value in zip(names, params, strict=True):
        if value.stored is None or value.edge is not None:
            raise Unsayable(f"has a {name} that is computed")
        stored[name] = value.stored
    single = x.rank == 2
    steps = 0 if single or not batch_first else 1
    hidden = params[1].dims[0] // {"lstm": 4, "gru": 3, "rnn": 1}[op]
    found = network.add(
        op,
        (network.edge(x, path),),
        {
            "hidden": hidden,
            "layers": num_layers,
            "bidirectional": bidirectional,
            "bias": has_biases,
            "axis": network.axis(x, steps),
            "features": network.axis(x, x.rank - 1),
            **options,
        },
        path,
        stored,
    )
    sequence = Value(call.outputs[0].shape or (), x.batch, x.folded, found[0])
    beside = 1 if x.batch is not None else None
    rest = [
        Value(out.shape or (), beside, x.folded, edge)
        for out, edge in zip(call.outputs[1:], found[1:], strict=False)
    ]
    return (sequence, *rest)


@row("lstm.input")
def lstm(
    network: Batched,
    call: Call,
    x: Value,
    hx: tuple[Value, ...],
    params: tuple[Value, ...],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    """The sequence, the states and the cells after its last step."""
    options: dict[str, Any] = {}
    if hx[0].dims[-1] != hx[1].dims[-1]:
        options["projection"] = hx[0].dims[-1]
    return _recurrent(
        network,
        call,
        "lstm",
        x,
        hx,
        params,
        has_biases,
        num_layers,
        dropout,
        train,
        bidirectional,
        batch_first,
        **options,
    )


@row("gru.input", "rnn_tanh.input", "rnn_relu.input")
def gru(
    network: Batched,
    call: Call,
    x: Value,
    hx: Value,
    params: tuple[Value, ...],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    """The sequence, and the states after its last step."""
    name = call.target.split(".")[1]
    options = {} if name == "gru" else {"nonlinearity": name.removeprefix("rnn_")}
    return _recurrent(
        network,
        call,
        name.split("_")[0],
        x,
        (hx,),
        params,
        has_biases,
        num_layers,
        dropout,
        train,
        bidirectional,
        batch_first,
        **options,
    )
