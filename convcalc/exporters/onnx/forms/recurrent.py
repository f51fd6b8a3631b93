"""Recurrent layers: one operator for every layer of the stack, both directions in it."""

from __future__ import annotations

from typing import Any, Final

from convcalc.exporters.onnx.writer import Form, Place

_GATES: Final = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
"""Which of PyTorch's gates (i f g o, and r z n) stand where ONNX has them (i o f c, and z r h)."""


def _gated(place: Place, name: str, gates: tuple[int, ...]) -> str:
    """An array of the layer with its gates in ONNX's order, and an axis for the direction in front."""
    array = place.weight(name)
    if len(gates) > 1:
        hidden = place.layer.hidden
        parts = place.ops("Split", array, place.ints([hidden] * len(gates)), outputs=len(gates), axis=0)
        array = place.op("Concat", *(parts[gate] for gate in gates), axis=0)
    return place.op("Unsqueeze", array, place.ints([0]))


def _recurrent(place: Place) -> list[str]:
    layer, kind = place.layer, place.node.op
    if getattr(layer, "projection", None) is not None:
        raise place.fault("projects its state, which no operator of ONNX does", "no projection")
    gates, ways = _GATES[kind], 2 if layer.bidirectional else 1
    rank = len(place.shape)
    features = (1 - layer.axis) if layer.features is None else layer.features
    apart = [axis for axis in range(rank) if axis not in (layer.axis, features)]
    order = [*apart, layer.axis, features]
    x = place.transpose(place.x, order)
    steps, size = place.shape[layer.axis], place.shape[features]
    lead = [place.shape[axis] for axis in apart]
    # to (steps, sequences, features)
    x = place.op("Reshape", x, place.ints([-1, steps, size]))
    x = place.op("Transpose", x, perm=[1, 0, 2])
    states: list[str] = []
    cells: list[str] = []
    for number in range(layer.layers):
        arrays: dict[str, list[str]] = {}
        for end in ("", "_reverse")[:ways]:
            for part in ("weight_ih", "weight_hh"):
                arrays.setdefault(part, []).append(_gated(place, f"{part}_l{number}{end}", gates))
            if layer.bias:
                own = [_gated(place, f"bias_ih_l{number}{end}", gates)]
                if layer.recurrent_bias:
                    own.append(_gated(place, f"bias_hh_l{number}{end}", gates))
                else:
                    zeros = [[0.0] * (layer.hidden * len(gates))]
                    own.append(place.constant(zeros, "float32"))
                arrays.setdefault("bias", []).append(place.op("Concat", *own, axis=1))
        given = [parts[0] if ways == 1 else place.op("Concat", *parts, axis=0) for parts in arrays.values()]
        options: dict[str, Any] = {"hidden_size": layer.hidden}
        options["direction"] = "bidirectional" if ways == 2 else "forward"
        if kind == "rnn" and layer.nonlinearity == "relu":
            options["activations"] = ["Relu"] * ways
        if kind == "gru":
            options["linear_before_reset"] = int(layer.reset == "after")
        found = place.ops(kind.upper(), x, *given, outputs=3 if kind == "lstm" else 2, **options)
        # (steps, ways, sequences, hidden) to (steps, sequences, ways * hidden)
        turned = place.op("Transpose", found[0], perm=[0, 2, 1, 3])
        x = place.op("Reshape", turned, place.ints([steps, -1, ways * layer.hidden]))
        states.append(found[1])
        cells += found[2:]
    y = place.op("Transpose", x, perm=[1, 0, 2])
    y = place.op("Reshape", y, place.ints([-1, *lead, steps, ways * layer.hidden]))
    outputs = [place.transpose(y, [order.index(axis) for axis in range(rank)])]
    for parts in (states, cells)[: len(place.outputs) - 1]:
        whole = parts[0] if len(parts) == 1 else place.op("Concat", *parts, axis=0)
        whole = place.op("Transpose", whole, perm=[1, 0, 2])
        many = layer.layers * ways
        whole = place.op("Reshape", whole, place.ints([-1, *lead, many, layer.hidden]))
        outputs.append(place.transpose(whole, [len(lead), *range(len(lead)), len(lead) + 1]))
    return outputs


FORMS: Final[dict[str, Form]] = dict.fromkeys(_GATES, _recurrent)
