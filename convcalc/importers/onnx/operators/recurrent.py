"""LSTM, GRU and RNN: gates in PyTorch's order, one direction or two."""

from __future__ import annotations

from typing import Any, Final

from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.use import Operator, Use
from convcalc.importers.tensors import Value

_ORDERS: Final = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where ONNX has the gates that PyTorch has in order: i f g o of iofc, r z n of zrh."""
_FUNCTIONS: Final = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


def _piece(array: Stored, direction: int, gates: tuple[int, ...], hidden: int, half: int = 0) -> Stored:
    """The rows of a direction, gate after gate; ``half`` counts the biases, of which there are two."""
    rows = len(gates) * hidden
    shape = (rows, *array.shape[2:])

    def read() -> Any:
        import numpy as np

        part = array.read()[direction, half * rows : (half + 1) * rows]
        parts = [part[gate * hidden : (gate + 1) * hidden] for gate in gates]
        return np.concatenate(parts)

    end = f".{half}" if len(array.shape) == 2 else ""
    return Stored(f"{array.name}[{direction}]{end}", shape, array.dtype, read, learned=array.learned)


def _zero(use: Use, place: int) -> bool:
    """Whether a first state is left out, or all zeros."""
    if not use.given(place):
        return True
    term = use.term(place)
    if term.value is not None and term.value.edge is not None:
        node = use.net.nodes[term.value.edge.node]
        while node.op in ("expand", "reshape", "flatten", "tile") and node.inputs:
            node = use.net.nodes[node.inputs[0].node]
        return getattr(node.layer, "value", None) == 0 and node.op == "const"
    return not any(use.numbers(place))


def recurrent(use: Use, named: str = "") -> list[Any]:
    """LSTM, GRU, RNN: the operator itself, or which of them it is."""
    op = named or use.node.op
    direction, hidden = use.attribute("direction", "forward"), use.attribute("hidden_size")
    both = direction == "bidirectional"
    batch_first = use.attribute("layout", 0)
    functions = [str(f) for f in use.attribute("activations", ()) or ()]
    use.harmless("output_sequence", "activation_alpha", "activation_beta")
    relu = op == "RNN" and [f.lower() for f in functions] == ["relu"] * (1 + both)
    if (
        functions
        and not relu
        and [f.lower() for f in functions] != [f.lower() for f in _FUNCTIONS[op] * (1 + both)]
    ):
        raise Unsayable(f"with activations {', '.join(functions)} is no layer here")
    use.only("clip", None, 0.0)
    use.only("input_forget", 0)
    x, weight, recurrence, bias = use.x(), use.stored(1), use.stored(2), use.stored(3)
    if x.rank != 3 or x.batch != (0 if batch_first else 1) or x.folded:
        raise Unsayable("reads a tensor whose samples are not on the axis of its batch")
    if weight is None or recurrence is None or (use.given(3) and bias is None):
        raise Unsayable("has weights that are no arrays")
    steps = x.dims[1 if batch_first else 0]
    if use.given(4) and any(n != steps for n in use.numbers(4)):
        raise Unsayable("has sequences of several lengths")
    if not _zero(use, 5) or (op == "LSTM" and not _zero(use, 6)):
        raise Unsayable("starts from a state that is not zero")
    if op == "LSTM" and use.given(7) and any(use.numbers(7)):
        raise Unsayable("with peepholes is no layer here")
    hidden = hidden or recurrence.shape[2]
    weights: dict[str, Stored] = {}
    for number in range(1 + both):
        end = "_l0_reverse" if number else "_l0"
        gates = _ORDERS[op]
        weights[f"weight_ih{end}"] = _piece(weight, number, gates, hidden)
        weights[f"weight_hh{end}"] = _piece(recurrence, number, gates, hidden)
        if bias is not None:
            weights[f"bias_ih{end}"] = _piece(bias, number, gates, hidden, 0)
            weights[f"bias_hh{end}"] = _piece(bias, number, gates, hidden, 1)
    options: dict[str, Any] = {"hidden": hidden, "bidirectional": both, "bias": bias is not None}
    if op == "GRU":
        options["reset"] = "after" if use.attribute("linear_before_reset", 0) else "before"
    if relu:
        options["nonlinearity"] = "relu"
    time = 1 if batch_first else 0
    backwards = direction == "reverse"
    if backwards:
        x = use.net.flip(x, [time], f"{use.path}.flip")
    edges = use.net.add(op.lower(), (use.net.edge(x, use.path),), options, use.path, weights)
    return _outputs(use, x, edges, 1 + both, hidden, bool(batch_first), backwards)


def _outputs(
    use: Use, x: Value, edges: Any, ways: int, hidden: int, batch_first: bool, backwards: bool
) -> list[Any]:
    net, samples = use.net, net_batch(use)
    steps = x.dims[1 if batch_first else 0]
    found: list[Any] = []
    dims: tuple[Any, ...]
    if use.node.outputs and use.node.outputs[0]:
        edge = net.reshaped(edges[0], (steps, ways, hidden), f"{use.path}.reshape")
        dims, at = ((samples, steps, ways, hidden), 0) if batch_first else ((steps, ways, samples, hidden), 2)
        sequence = Value(dims, at, False, edge)
        found.append(net.flip(sequence, [int(batch_first)], f"{use.path}.flip") if backwards else sequence)
    else:
        found.append(None)
    for edge in edges[1:]:
        dims, at = ((samples, ways, hidden), 0) if batch_first else ((ways, samples, hidden), 1)
        found.append(Value(dims, at, False, edge))
    return found


def net_batch(use: Use) -> int:
    """Samples in the shapes of the file."""
    return use.net.batch


ROWS: Final[dict[str, Operator]] = {"LSTM": recurrent, "GRU": recurrent, "RNN": recurrent}
