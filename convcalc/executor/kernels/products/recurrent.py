"""Recurrent layers: plain (Elman), LSTM and GRU, step by step.

Sequences that stand along further axes of a sample are taken as samples, one each. Arrays are held as
columns: features by ``T * N`` columns, sample ``n`` of step ``t`` in column ``t * N + n``. What the input
adds to all steps of a layer is one product; the steps follow in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import PLAIN, Arith, Array
from convcalc.executor.call import Call, Params
from convcalc.executor.marks import Reach, all_channels
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Shapes, Sizes
from convcalc.executor.windows import ExecutionError

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
"""Affine maps of each kind, in PyTorch's order: ``h``; ``i f g o``; ``r z n``."""


class Place(NamedTuple):
    """One direction of one layer."""

    number: int
    reverse: bool

    @property
    def suffix(self) -> str:
        """What the names of its weights end in."""
        return f"l{self.number}" + "_reverse" * self.reverse


def _directions(layer: Any) -> int:
    return 2 if layer.bidirectional else 1


def _places(layer: Any) -> Iterator[list[Place]]:
    """The directions of each layer in turn."""
    for number in range(layer.layers):
        yield [Place(number, bool(way)) for way in range(_directions(layer))]


def _state_size(layer: Any) -> int:
    projection = getattr(layer, "projection", None)
    return int(layer.hidden if projection is None else projection)


def _sigmoid(t: Arith, x: Array) -> Array:
    y = t.exp(np.negative(x))
    y = t.add(y, 1.0, out=y)
    return t.divide(1.0, y, out=y)


class Weights(NamedTuple):
    """Arrays of one direction of one layer; terms as columns, None where there are none."""

    w_x: Array
    w_h: Array
    b_x: Array | None
    b_h: Array | None
    w_r: Array | None


def _weights_of(layer: Any, params: Params, place: Place) -> Weights:
    end = place.suffix
    own = layer.bias and layer.recurrent_bias
    return Weights(
        params[f"weight_ih_{end}"],
        params[f"weight_hh_{end}"],
        params[f"bias_ih_{end}"][:, None] if layer.bias else None,
        params[f"bias_hh_{end}"][:, None] if own else None,
        params[f"weight_hr_{end}"] if getattr(layer, "projection", None) is not None else None,
    )


# One step of each kind: from what the input adds (gates*hidden, N) and the state before to the state after,
# with what its gradient needs


class State(NamedTuple):
    """The state and the cell (of an LSTM) of one direction, each ``(size, N)``."""

    h: Array
    c: Array


def _from_state(t: Arith, w: Array, h: Array, b: Array | None) -> Array:
    a = t.matmul(w, h)
    return a if b is None else t.add(a, b, out=a)


def _rnn_step(t: Arith, layer: Any, x: Array, s: State, w: Weights) -> tuple[State, tuple[Array, ...]]:
    a = _from_state(t, w.w_h, s.h, w.b_h)
    a = t.add(a, x, out=a)
    h = t.tanh(a) if layer.nonlinearity == "tanh" else t.maximum(a, 0.0)
    return State(h, s.c), (h,)


def _lstm_step(t: Arith, layer: Any, x: Array, s: State, w: Weights) -> tuple[State, tuple[Array, ...]]:
    n = layer.hidden
    a = _from_state(t, w.w_h, s.h, w.b_h)
    a = t.add(a, x, out=a)
    first = _sigmoid(t, a[: 2 * n])
    i, f, g, o = first[:n], first[n:], t.tanh(a[2 * n : 3 * n]), _sigmoid(t, a[3 * n :])
    c = t.add(t.multiply(f, s.c), t.multiply(i, g))
    squashed = t.tanh(c)
    h = t.multiply(o, squashed)
    if w.w_r is not None:
        h = t.matmul(w.w_r, h)
    return State(h, c), (i, f, g, o, s.c, squashed)


def _gru_step(t: Arith, layer: Any, x: Array, s: State, w: Weights) -> tuple[State, tuple[Array, ...]]:
    n = layer.hidden
    if layer.reset == "after":
        a = _from_state(t, w.w_h, s.h, w.b_h)
        both = _sigmoid(t, t.add(a[: 2 * n], x[: 2 * n]))
        r, z, product = both[:n], both[n:], a[2 * n :]
        inner = t.multiply(r, product)
    else:
        a = _from_state(t, w.w_h[: 2 * n], s.h, None if w.b_h is None else w.b_h[: 2 * n])
        both = _sigmoid(t, t.add(a, x[: 2 * n]))
        r, z = both[:n], both[n:]
        product = t.multiply(r, s.h)
        inner = _from_state(t, w.w_h[2 * n :], product, None if w.b_h is None else w.b_h[2 * n :])
    candidate = t.tanh(t.add(x[2 * n :], inner))
    h = t.add(t.multiply(t.subtract(1.0, z), candidate), t.multiply(z, s.h))
    return State(h, s.c), (r, z, candidate, s.h, product)


STEPS = {"rnn": _rnn_step, "lstm": _lstm_step, "gru": _gru_step}


# Whole sequences


class Run(NamedTuple):
    """One direction of one layer that has run: what each step kept, in its order, and its last state."""

    place: Place
    kept: list[tuple[Array, ...]]
    last: State


def _order(layer: Any, rank: int) -> list[int]:
    """The axes of an array: the samples, those of sequences of their own, the steps, the features."""
    steps, features = layer.axis + 1, 2 - layer.axis if layer.features is None else layer.features + 1
    return [*(a for a in range(rank) if a not in (steps, features)), steps, features]


def _sequences(layer: Any, x: Array) -> Array:
    """All sequences of all samples, one behind another, ``(N, T, F)``."""
    turned = x.transpose(_order(layer, x.ndim))
    return turned.reshape(-1, *turned.shape[-2:])


def _placed(layer: Any, sequences: Array, like: Array) -> Array:
    """The other way round, where they came from an array ``like`` this one."""
    order = _order(layer, like.ndim)
    turned = sequences.reshape(*(like.shape[a] for a in order[:-2]), *sequences.shape[1:])
    return np.ascontiguousarray(turned.transpose(np.argsort(order)))


def _states(layer: Any, states: Array, like: Array) -> Array:
    """States ``(N, layers, size)`` of sequences that came from there: the layers behind the samples."""
    lead = [like.shape[a] for a in _order(layer, like.ndim)[:-2]]
    return np.ascontiguousarray(np.moveaxis(states.reshape(*lead, *states.shape[1:]), -2, 1))


def _of_states(states: Array) -> Array:
    """The other way round."""
    moved = np.moveaxis(states, 1, -2)
    return moved.reshape(-1, *moved.shape[-2:])


def _columns(x: Array) -> Array:
    """``(N, T, F)`` as columns ``(F, T * N)``."""
    turned = x.transpose(2, 1, 0)
    return np.ascontiguousarray(turned).reshape(len(turned), -1)


def _from_columns(columns: Array, steps: int) -> Array:
    """The other way round."""
    return columns.reshape(len(columns), steps, -1).transpose(2, 1, 0)


def _check(layer: Any, x: Array, params: Params) -> None:
    if x.ndim < 3:
        raise ExecutionError(f"a sequence has two axes, {x.ndim - 1} arrived")
    expected, features = params["weight_ih_l0"].shape[1], x.shape[_order(layer, x.ndim)[-1]]
    if features != expected:
        raise ExecutionError(f"the weights are for {expected} input features, {features} arrived")


def _forward(t: Arith, layer: Any, x: Array, params: Params, keep: bool) -> tuple[Array, list[Run]]:
    """Run all layers on columns; the last sequence, and every direction in order."""
    step = STEPS[layer.op]
    batch, runs = len(x), []
    columns = _columns(x)
    steps = columns.shape[1] // batch
    size = _state_size(layer)
    for places in _places(layer):
        written = np.empty((size * len(places), columns.shape[1]), x.dtype)
        for at, place in enumerate(places):
            w = _weights_of(layer, params, place)
            arriving = t.matmul(w.w_x, columns)
            if w.b_x is not None:
                arriving = t.add(arriving, w.b_x, out=arriving)
            cells = layer.hidden if layer.op == "lstm" else 0
            state = State(*(t.adopt(np.full((n, batch), 0.0, x.dtype)) for n in (size, cells)))
            kept = []
            for number in reversed(range(steps)) if place.reverse else range(steps):
                now = slice(number * batch, (number + 1) * batch)
                state, values = step(t, layer, arriving[:, now], state, w)
                written[at * size : (at + 1) * size, now] = state.h
                if keep:
                    kept.append(values)
            runs.append(Run(place, kept, state))
        columns = written
    return columns, runs


def recurrent(call: Call) -> tuple[Array, ...]:
    """The sequence ``(N, T, directions * size)``, the last states and, of an LSTM, the last cells."""
    layer = call.layer
    _check(layer, call.x, call.params)
    x = _sequences(layer, call.x)
    shown = x.shape[1] if call.t.meant else 1  # where shapes alone are asked for, one step has those of all
    columns, runs = _forward(call.t, layer, x[:, :shown], call.params, keep=False)
    steps = _from_columns(columns, shown)
    if shown < x.shape[1]:
        steps = np.zeros((len(x), x.shape[1], steps.shape[2]))
    sequence = _placed(layer, steps, call.x)
    states = [np.stack([run.last.h.T for run in runs], axis=1)]
    if layer.op == "lstm":
        states.append(np.stack([run.last.c.T for run in runs], axis=1))
    return (sequence, *(_states(layer, state, call.x) for state in states))


# The naive form: number by number


def naive_recurrent(call: Call) -> tuple[Array, ...]:
    """The same for each sample, layer, direction, step and unit in turn."""
    layer = call.layer
    _check(layer, call.x, call.params)
    x = _sequences(layer, call.x)
    size, ways = _state_size(layer), _directions(layer)
    many, steps = x.shape[:2]
    y = call.zeros((many, steps, ways * size))
    states = call.zeros((many, layer.layers * ways, size))
    cells = call.zeros((many, layer.layers * ways, layer.hidden))
    for sample in range(many):
        sequence = list(x[sample])
        for row, place in enumerate(place for places in _places(layer) for place in places):
            if row % ways == 0:
                arriving, sequence = sequence, [np.empty(ways * size, x.dtype) for _ in range(steps)]
            own = slice(row % ways * size, (row % ways + 1) * size)
            h, c = (call.t.adopt(np.full(n, 0.0, x.dtype)) for n in (size, layer.hidden))
            for number in range(steps - 1, -1, -1) if place.reverse else range(steps):
                h, c = _naive_step(call, place, arriving[number], h, c)
                sequence[number][own] = h
            states[sample, row], cells[sample, row] = h, c
        y[sample] = sequence
    ends = (states, cells) if layer.op == "lstm" else (states,)
    return (_placed(layer, y, call.x), *(_states(layer, end, call.x) for end in ends))


def _affine(call: Call, weight: Array, bias: Array | None, x: Array) -> Array:
    """``weight x + bias``, row by row."""
    y = np.empty(len(weight), x.dtype)
    for row, factors in enumerate(weight):
        total = 0
        with call.t.accumulating():
            for factor, value in zip(factors, x, strict=True):
                total = total + factor * value
        y[row] = total if bias is None else total + bias[row]
    return y


def _naive_step(call: Call, place: Place, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    layer, t, end, n = call.layer, call.t, place.suffix, call.layer.hidden
    w_h = call.params[f"weight_hh_{end}"]
    b_x = call.params[f"bias_ih_{end}"] if layer.bias else None
    b_h = call.params[f"bias_hh_{end}"] if layer.bias and layer.recurrent_bias else None
    from_x = _affine(call, call.params[f"weight_ih_{end}"], b_x, x)
    if layer.op == "gru":
        return _naive_gru(call, from_x, w_h, b_h, h), c
    total = from_x + _affine(call, w_h, b_h, h)
    if layer.op == "rnn":
        return (np.tanh(total) if layer.nonlinearity == "tanh" else t.maximum(total, 0.0)), c
    i, f, o = (1.0 / (np.exp(-part) + 1.0) for part in (total[:n], total[n : 2 * n], total[3 * n :]))
    c = f * c + i * np.tanh(total[2 * n : 3 * n])
    h = o * np.tanh(c)
    if getattr(layer, "projection", None) is not None:
        h = _affine(call, call.params[f"weight_hr_{end}"], None, h)
    return h, c


def _naive_gru(call: Call, x: Array, w: Array, b: Array | None, h: Array) -> Array:
    n = call.layer.hidden

    def part(first: int, state: Array) -> Array:
        return _affine(call, w[first : first + n], None if b is None else b[first : first + n], state)

    r = 1.0 / (np.exp(-(x[:n] + part(0, h))) + 1.0)
    z = 1.0 / (np.exp(-(x[n : 2 * n] + part(n, h))) + 1.0)
    inner = r * part(2 * n, h) if call.layer.reset == "after" else part(2 * n, r * h)
    return np.asarray((1.0 - z) * np.tanh(x[2 * n :] + inner) + z * h)


# Backwards


def _backward(r: Reach) -> list[Array]:
    """A step reads the steps before it (behind it, from the end), all features of each."""
    layer, shape = r.layer, r.inputs[0]
    known = [mark for mark in r.marks if mark is not None]
    if any(mark.dtype != bool for mark in known):
        raise ExecutionError(f"paths are counted through linear layers; {layer.op} is not one")
    order = _order(layer, len(shape) + 1)
    steps, ways = shape[layer.axis], _directions(layer)
    many = len(known[0]) * prod(shape[a - 1] for a in order[1:-2])
    reached = np.zeros((many, steps, ways), bool)
    if (mark := r.marks[0]) is not None:
        by_step = _sequences(layer, all_channels(mark, r.outputs[0][0]))
        reached = np.asarray(by_step.reshape(many, steps, ways, -1).any(axis=3))
    ends: Array = np.zeros((many, layer.layers * ways), bool)
    for mark in r.marks[1:]:
        if mark is not None:
            ends |= np.asarray(np.any(_of_states(all_channels(mark, layer.layers * ways)), axis=2))
    read = np.zeros((many, steps), bool)
    for number in reversed(range(layer.layers)):
        reached = reached | read[:, :, None]
        reached[:, -1, 0] |= ends[:, number * ways]
        read = np.logical_or.accumulate(reached[:, ::-1, 0], axis=1)[:, ::-1]
        if ways == 2:
            reached[:, 0, 1] |= ends[:, number * ways + 1]
            read = read | np.logical_or.accumulate(reached[:, :, 1], axis=1)
        reached = np.zeros_like(reached)
    lead = (len(known[0]), *(shape[a - 1] for a in order[1:-2]))
    placed = read.reshape(*lead, steps, 1).transpose(np.argsort(order))  # one channel stands for all
    return [placed if order[-1] == 1 else np.broadcast_to(placed, (len(known[0]), *shape))]


Back = tuple[Array, Array, Array]


def _rnn_back(layer: Any, dh: Array, dc: Array, kept: tuple[Array, ...], w: Weights) -> Back:
    (h,) = kept
    a = dh * (1.0 - h * h) if layer.nonlinearity == "tanh" else dh * (h > 0)
    return a, w.w_h.T @ a, dc


def _lstm_back(layer: Any, dh: Array, dc: Array, kept: tuple[Array, ...], w: Weights) -> Back:
    i, f, g, o, before, squashed = kept
    if w.w_r is not None:
        dh = w.w_r.T @ dh
    dc = dc + dh * o * (1.0 - squashed * squashed)
    parts = (
        dc * g * i * (1.0 - i),
        dc * before * f * (1.0 - f),
        dc * i * (1.0 - g * g),
        dh * squashed * o * (1.0 - o),
    )
    a = np.concatenate(parts)
    return a, w.w_h.T @ a, dc * f


def _gru_back(layer: Any, dh: Array, dc: Array, kept: tuple[Array, ...], w: Weights) -> Back:
    r, z, candidate, h, product = kept
    n = layer.hidden
    dn = dh * (1.0 - z) * (1.0 - candidate * candidate)
    dz = dh * (h - candidate) * z * (1.0 - z)
    if layer.reset == "after":
        dr = dn * product * r * (1.0 - r)
        return np.concatenate([dr, dz, dn]), dh * z + w.w_h.T @ np.concatenate([dr, dz, dn * r]), dc
    inner = w.w_h[2 * n :].T @ dn
    dr = inner * h * r * (1.0 - r)
    gates = w.w_h[: 2 * n].T @ np.concatenate([dr, dz])
    return np.concatenate([dr, dz, dn]), dh * z + inner * r + gates, dc


BACK = {"rnn": _rnn_back, "lstm": _lstm_back, "gru": _gru_back}


def _gradient(b: Backprop) -> list[Array]:
    """Backpropagation through time: layer by layer from the last, each direction from its last step."""
    layer, x = b.layer, _sequences(b.layer, b.x)
    batch, steps, size, ways = len(x), x.shape[1], _state_size(layer), _directions(layer)
    _, runs = _forward(PLAIN, layer, x, b.params, keep=True)
    back = BACK[layer.op]
    first = b.gradients[0]
    g = np.zeros((size * ways, batch * steps), x.dtype)
    if first is not None:
        g = _columns(_sequences(layer, first))
    ends = [None if one is None else _of_states(one).transpose(1, 2, 0) for one in (*b.gradients[1:], None)][
        :2
    ]
    for number in reversed(range(layer.layers)):
        passed: Array | None = None
        for run in runs[number * ways : (number + 1) * ways]:
            row = number * ways + run.place.reverse
            w = _weights_of(layer, b.params, run.place)
            dh, dc = (
                np.zeros_like(like) if end is None else end[row].copy()
                for end, like in zip(ends, run.last, strict=True)
            )
            own = g[run.place.reverse * size : (run.place.reverse + 1) * size]
            arriving = np.empty((len(w.w_x), batch * steps), x.dtype)
            order = range(steps) if run.place.reverse else reversed(range(steps))
            for step, kept in zip(order, reversed(run.kept), strict=True):
                now = slice(step * batch, (step + 1) * batch)
                arriving[:, now], dh, dc = back(layer, dh + own[:, now], dc, kept, w)
            part = w.w_x.T @ arriving
            passed = part if passed is None else passed + part
        assert passed is not None
        g = passed
    return [_placed(layer, _from_columns(g, steps), b.x)]


def _weights(layer: Any) -> Shapes:
    rows, size = GATES[layer.op] * layer.hidden, _state_size(layer)
    shapes: Shapes = {}
    for places in _places(layer):
        for place in places:
            arriving = size * _directions(layer) if place.number else layer.in_features
            shapes[f"weight_ih_{place.suffix}"] = (rows, arriving)
            shapes[f"weight_hh_{place.suffix}"] = (rows, size)
            if layer.bias:
                shapes[f"bias_ih_{place.suffix}"] = (rows,)
            if layer.bias and layer.recurrent_bias:
                shapes[f"bias_hh_{place.suffix}"] = (rows,)
            if getattr(layer, "projection", None) is not None:
                shapes[f"weight_hr_{place.suffix}"] = (layer.projection, layer.hidden)
    return shapes


def _working(s: Sizes) -> int:
    """The input and two sequences as columns, what the input adds to all steps, and what a step makes."""
    layer, shape = s.layer, s.inputs[0]
    order = _order(layer, len(shape) + 1)
    steps, features = shape[layer.axis], shape[order[-1] - 1]
    apart = prod(shape[a - 1] for a in order[1:-2])
    rows, sequence = GATES[layer.op] * layer.hidden, _state_size(layer) * _directions(layer)
    wide = steps * (features + 2 * sequence + rows)
    states = 4 * layer.layers * _directions(layer) * (layer.hidden + _state_size(layer))
    return s.batch * s.item * int(apart * (wide + 8 * rows + states))


for _op in GATES:
    OPERATIONS[_op] = Operation(
        recurrent,
        naive_recurrent,
        _backward,
        _gradient,
        _weights,
        fan_in=lambda layer: int(layer.in_features) + _state_size(layer),
        working_bytes=_working,
    )
