"""What the recurrent layers of Keras mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.importers.keras.reading import Keras
from convcalc.spec.language.stage import Stage


def _function(call: Keras, key: str, usual: str, *others: str) -> str:
    """An activation of a cell; ``None`` and ``'linear'`` leave it out, which no layer here does."""
    value = call.value(key, usual)
    if value not in (usual, *others):
        names = " or ".join(map(repr, (usual, *others)))
        raise call.fault(key, f"{call.name} with {key}={value!r} is not in the language", f"{key}={names}")
    return str(value)


def _recurrent(call: Keras) -> list[Stage]:
    """Along the sequence, which is the axis after the batch; all of it, or its last step."""
    fields = call.fields()
    fields["axis"] = axis = 0 if call.first else 1
    fields["recurrent_bias"] = False  # one bias a gate
    op = call.entry.op
    if op == "rnn":
        fields["nonlinearity"] = _function(call, "activation", "tanh", "relu")
    else:
        _function(call, "activation", "tanh")
        _function(call, "recurrent_activation", "sigmoid")
    if op == "gru":
        after = call.flag("reset_after", True)
        fields["reset"] = "after" if after else "before"
        fields["recurrent_bias"] = after
    stages = [call.stage(op, fields)]
    stages[0].rank = 1
    if call.flag("return_sequences", False):
        return stages
    last: dict[str, Any] = {"start": -1, "axis": axis}
    return [*stages, call.stage("slice", last), call.stage("flatten", {})]


RECURRENT: Final[dict[str, Callable[[Keras], list[Stage]]]] = dict.fromkeys(
    ("SimpleRNN", "LSTM", "GRU"), _recurrent
)
