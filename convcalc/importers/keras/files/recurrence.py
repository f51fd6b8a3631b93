"""Recurrent layers of files: both directions, cells, and states that are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from convcalc.graph import Edge
from convcalc.importers.keras.files.placing import At
from convcalc.importers.keras.files.timed import lifted
from convcalc.importers.keras.files.weights import Holder, gates, row, to_front
from convcalc.importers.keras.files.writing import stages
from convcalc.importers.network import Stored, Unsayable
from convcalc.layers.base import Layer

_GATES: Final = {"SimpleRNN": (0,), "LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2)}
"""Which gate of Keras (of a GRU they are z r h) is which of ours."""
_OWN: Final = ("return_state", "go_backwards", "return_sequences", "stateful")
CELLS: Final = {"SimpleRNNCell": "SimpleRNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}


def recurrent(at: At, edges: Sequence[Edge]) -> list[Edge]:
    """``SimpleRNN``, ``LSTM``, ``GRU``: the sequence or its last step, and the states if asked for."""
    _alone(at, edges)
    if at.times and len(at.shape(edges[0])) < 2:
        raise Unsayable("stands in TimeDistributed, and reads no sequence")
    return _sequence(at, at.record.kind, at.config, at.holder.part("cell", "cell"), edges[0], "")


def cells(at: At, edges: Sequence[Edge]) -> list[Edge]:
    """``RNN`` around a cell, or around several that read one another."""
    _alone(at, edges)
    given = at.config.get("cell")
    parts = given if isinstance(given, list) else [given]
    if isinstance(given, dict) and given.get("class_name") == "StackedRNNCells":
        config = given.get("config")
        listed = config.get("cells") if isinstance(config, dict) else None
        parts = listed if isinstance(listed, list) else []
    kinds = [CELLS.get(str(one.get("class_name"))) if isinstance(one, dict) else None for one in parts]
    if not kinds or None in kinds:
        raise Unsayable("goes around a cell that is not known here")
    if len(kinds) > 1 and (at.flag("return_state", False) or at.flag("go_backwards", False)):
        raise Unsayable("has states of several cells")
    found = [edges[0]]
    used: dict[str, int] = {}
    for number, (kind, part) in enumerate(zip(kinds, parts, strict=True)):
        inner = part.get("config")
        if kind is None or not isinstance(inner, dict):
            raise Unsayable("goes around a cell without a configuration")
        last = number == len(kinds) - 1
        config = {**inner, **{key: at.config.get(key, False) for key in _OWN}, "name": at.record.name}
        config["return_sequences"] = True if not last else at.config.get("return_sequences", False)
        config["trainable"] = inner.get("trainable", True) is not False and at.holder.trainable
        name = {"SimpleRNN": "simple_rnn_cell", "LSTM": "lstm_cell", "GRU": "gru_cell"}[kind]
        used[name] = used.get(name, -1) + 1
        group = f"cell/cells/{name}_{used[name]}" if used[name] else f"cell/cells/{name}"
        holder = at.holder.part(group if len(kinds) > 1 else "cell", str(inner.get("name", name)))
        found = _sequence(at, kind, config, holder, found[0], "" if len(kinds) == 1 else f"cell{number}")
    return found


def bidirectional(at: At, edges: Sequence[Edge]) -> list[Edge]:
    """Two layers that read a sequence from its two ends."""
    _alone(at, edges)
    at.single()
    ways = []
    for key in ("layer", "forward_layer", "backward_layer"):
        found = at.config.get(key)
        if isinstance(found, dict):
            ways.append(found)
    if not ways:
        raise Unsayable("goes around no layer")
    forward, backward = ways[0], ways[-1]
    kind, config = str(forward.get("class_name")), forward.get("config")
    other = backward.get("config")
    if kind not in _GATES or backward.get("class_name") != kind:
        raise Unsayable(f"goes around {str(kind)[:60]}, or around two kinds of layers")
    if not isinstance(config, dict) or not isinstance(other, dict):
        raise Unsayable("goes around a layer without a configuration")
    differing = {
        key for key in config
        if key not in ("name", "go_backwards", "trainable") and not key.endswith(_AT_START)
        and config[key] != other.get(key)
    }  # fmt: skip
    if differing:
        raise Unsayable(f"has two directions of other {', '.join(sorted(differing))[:80]}")
    mode = at.config.get("merge_mode", "concat")
    if mode not in ("concat", "sum", "ave", "mul") or config.get("go_backwards") is True:
        raise Unsayable("has outputs of two directions that are not joined, or runs backwards first")
    layer = _layer(at, kind, {**config, "trainable": True}, edges[0], bidirectional=True)
    trains = all(one.get("trainable", True) is not False for one in (config, other))
    stored: dict[str, Stored] = {}
    for key, one, end in (("forward_layer", config, ""), ("backward_layer", other, "_reverse")):
        name = str(one.get("name") or f"{key.partition('_')[0]}_{kind.lower()}")
        holder = at.holder.part(key, name, trains).part("cell", "cell")
        stored |= _arrays(at, kind, layer, holder, end)
    sequences, states = config.get("return_sequences") is True, config.get("return_state") is True
    plain = mode == "concat" and not states
    name = "" if plain and sequences else layer.op
    path = f"{at.path}.{name}" if name else at.path
    outputs = layer.output_shapes((at.shape(edges[0]),))
    sequence, *ends = at.network.place(layer, edges, outputs, path, stored)
    features = 0 if not at.first else len(outputs[0]) - 1
    result, axis = sequence, features
    if not sequences:
        result, axis = at.add("flatten", ends[:1], "flatten"), 0
    if mode != "concat":
        half = at.shape(result)[axis] // 2
        parts = [
            at.add("slice", (result,), part, start=start, stop=start + half, axis=axis)
            for part, start in (("forward", 0), ("backward", half))
        ]
        result = at.add("mul" if mode == "mul" else "add", parts, mode)
        if mode == "ave":
            result = at.add("mul", (result,), "half", value=0.5)
    if not states:
        return [result]
    found = [result]
    for number in range(2):
        for end, state in zip("hc", ends, strict=False):
            part = at.add("slice", (state,), f"{end}{number}", start=number, stop=number + 1, axis=0)
            found.append(at.add("flatten", (part,), f"{end}{number}.flatten"))
    return found


_AT_START: Final = ("_initializer", "_regularizer", "_constraint", "dropout", "seed")


def _alone(at: At, edges: Sequence[Edge]) -> None:
    if len(edges) != 1:
        raise Unsayable("starts from a state that it is given")
    if at.config.get("stateful") is True:
        raise Unsayable("keeps its state from batch to batch")


def _layer(at: At, kind: str, config: dict[str, Any], edge: Edge, **more: Any) -> Layer:
    """The layer of a recurrence over a whole sequence."""
    plain = {key: value for key, value in config.items() if key not in _OWN}
    (stage,) = stages(kind, {**plain, "return_sequences": True}, at.first)
    shape = at.shape(edge)
    inside = at.inside(shape)
    layer = at.made(stage, (inside,))
    if more:
        values = {option.field: getattr(layer, option.field) for option in layer.options}
        layer = type(layer).create((inside,), {**{k: v for k, v in values.items() if v is not None}, **more})
    return layer


def _arrays(at: At, kind: str, layer: Any, holder: Holder, end: str = "") -> dict[str, Stored]:
    """The kernel, the recurrent kernel and the bias of a cell as PyTorch has them."""
    order, units, entering = _GATES[kind], layer.hidden, layer.in_features
    wide = len(order) * units
    kernel = at.stored(0, "kernel", (entering, wide), holder=holder)
    again = at.stored(1, "recurrent_kernel", (units, wide), holder=holder)
    found = {
        f"weight_ih_l0{end}": to_front(gates(kernel, order)),
        f"weight_hh_l0{end}": to_front(gates(again, order)),
    }
    if layer.bias and layer.recurrent_bias:
        bias = gates(at.stored(2, "bias", (2, wide), holder=holder), order)
        found[f"bias_ih_l0{end}"], found[f"bias_hh_l0{end}"] = row(bias, 0), row(bias, 1)
    elif layer.bias:
        found[f"bias_ih_l0{end}"] = gates(at.stored(2, "bias", (wide,), holder=holder), order)
    return found


def _sequence(at: At, kind: str, config: dict[str, Any], holder: Holder, edge: Edge, name: str) -> list[Edge]:
    sequences, states = config.get("return_sequences") is True, config.get("return_state") is True
    backwards = config.get("go_backwards") is True
    if at.times and (states or backwards):
        raise Unsayable("stands in TimeDistributed, where its states are not modelled")
    layer: Any = _layer(at, kind, config, edge)
    stored = _arrays(at, kind, layer, holder)
    lead = f"{name}." if name else ""
    if at.times:
        shape = at.shape(edge)
        found = lifted(at, layer, (edge,), ((shape[0], *shape[2:]),), stored, f"{lead}{layer.op}")
        if not sequences:
            found = at.add("slice", (found,), f"{lead}last", start=-1, axis=2)
            found = at.reshape(found, at.shape(found)[:2], f"{lead}flatten")
        return [found]
    if backwards:
        edge = at.add("flip", (edge,), f"{lead}flip", axis=layer.axis)
    plain = sequences and not states and not backwards
    own = name if plain else f"{lead}{layer.op}"
    path = f"{at.path}.{own}" if own else at.path
    result, *ends = at.network.place(layer, (edge,), layer.output_shapes((at.shape(edge),)), path, stored)
    if not sequences:
        result = at.add("slice", (result,), f"{lead}last", start=-1, axis=layer.axis)
        result = at.add("flatten", (result,), f"{lead}flatten")
    if not states:
        return [result]
    return [
        result,
        *(at.add("flatten", (one,), f"{lead}{end}") for end, one in zip("hc", ends, strict=False)),
    ]
