"""Recurrent layers over a sequence."""

from __future__ import annotations

from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.folding import array_of, is_constant
from convcalc.importers.torch.aten.moves import for_samples
from convcalc.importers.torch.aten.rows import one, place, row
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


def _gates(
    network: Batched, x: Value, weight: Value, bias: Value | None, count: int, path: str
) -> list[Value]:
    """A linear layer of a state or an input, cut into the gates of a cell."""
    found = network.linear(x, weight, bias, path)
    return network.split(found, [found.dims[-1] // count] * count, -1, f"{path}.split")


_Linear = tuple[Value, Value, Value | None]


def _summed(network: Batched, given: _Linear, state: _Linear, path: str) -> Value:
    """Linear layers of the input and of the state, added."""
    one = network.linear(*given, f"{path}.input")
    return network.join("add", one, network.linear(*state, f"{path}.hidden"), f"{path}.sum")


@row("gru_cell.default")
def gru_cell(
    network: Batched,
    call: Call,
    x: Value,
    hx: Value,
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None = None,
    b_hh: Value | None = None,
) -> Value:
    """One step: ``h' = n + z (h - n)`` with ``n = tanh(W x + r (U h))`` (Cho et al. 2014, as in PyTorch)."""
    path = place(call, "", w_ih)
    hx = for_samples(network, x, hx, f"{path}.state")
    given = _gates(network, x, w_ih, b_ih, 3, f"{path}.input")
    state = _gates(network, hx, w_hh, b_hh, 3, f"{path}.hidden")
    reset, update = (
        one(
            network,
            "sigmoid",
            network.join("add", given[at], state[at], f"{path}.{name}_sum"),
            f"{path}.{name}",
        )
        for at, name in enumerate(("reset", "update"))
    )
    kept = network.join("mul", reset, state[2], f"{path}.kept")
    new = one(network, "tanh", network.join("add", given[2], kept, f"{path}.new_sum"), f"{path}.new")
    step = network.join("mul", update, network.join("sub", hx, new, f"{path}.sub"), f"{path}.mul")
    return network.join("add", new, step, path)


@row("lstm_cell.default")
def lstm_cell(
    network: Batched,
    call: Call,
    x: Value,
    hx: tuple[Value, Value],
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None = None,
    b_hh: Value | None = None,
) -> Any:
    """One step: the state and the cell (Hochreiter and Schmidhuber 1997, with a gate that forgets)."""
    path = place(call, "", w_ih)
    hidden, cell = (for_samples(network, x, state, f"{path}.state") for state in hx)
    total = _summed(network, (x, w_ih, b_ih), (hidden, w_hh, b_hh), path)
    parts = network.split(total, [total.dims[-1] // 4] * 4, -1, f"{path}.split")
    names = ("in", "forget", "new", "out")
    gates = [
        one(network, "tanh" if name == "new" else "sigmoid", part, f"{path}.{name}")
        for name, part in zip(names, parts, strict=True)
    ]
    kept = network.join("mul", gates[1], cell, f"{path}.kept")
    cell = network.join("add", kept, network.join("mul", gates[0], gates[2], f"{path}.added"), f"{path}.cell")
    return network.join("mul", gates[3], one(network, "tanh", cell, f"{path}.tanh"), path), cell


@row("rnn_tanh_cell.default", "rnn_relu_cell.default")
def rnn_cell(
    network: Batched,
    call: Call,
    x: Value,
    hx: Value,
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None = None,
    b_hh: Value | None = None,
) -> Value:
    """One step of a plain recurrence."""
    path = place(call, "", w_ih)
    hx = for_samples(network, x, hx, f"{path}.state")
    total = _summed(network, (x, w_ih, b_ih), (hx, w_hh, b_hh), path)
    return one(network, call.target.split("_")[1], total, path)
