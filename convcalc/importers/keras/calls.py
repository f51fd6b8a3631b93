"""A call of a class of Keras to stages of the language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from convcalc import layers
from convcalc.importers.keras.activations import activation
from convcalc.importers.keras.inputs import input_of
from convcalc.importers.keras.reading import Keras, bound
from convcalc.importers.keras.recurrent import RECURRENT
from convcalc.importers.keras.table import UNMODELLED
from convcalc.importers.keras.translation import TRANSLATIONS, plain
from convcalc.layers.base import Layer
from convcalc.spec.errors import fault
from convcalc.spec.language.calls import read_tail
from convcalc.spec.language.expression import constant
from convcalc.spec.language.stage import Stage, set_node_key
from convcalc.spec.source import Text


def stages_of(
    name: str,
    text: Text,
    start: int,
    head_end: int,
    end: int,
    values: Mapping[str, Any] | None = None,
    used: set[str] | None = None,
) -> list[Stage]:
    """The stages of a call of a class of Keras, whose bracket opens at ``head_end``.

    Variables of the program around it, ``values``, are put in; ``used`` collects which.

    Raises:
        SpecError: an argument is not known, given twice or not supported, or the class is not modelled.
    """
    if name in UNMODELLED:
        raise fault(text, start, head_end, f"{name}: {UNMODELLED[name]}")
    call = Keras(name, text, start, end, partial(stages_of, values=values, used=used), values, used)
    nodes, close = bound(call, head_end, end)
    _check_type(call)
    _check_layout(call)
    translate = TRANSLATIONS.get(call.entry.special, plain)
    stages = translate(call)
    _freeze(call, stages)
    if call.entry.special not in ("Activation", *RECURRENT) and "activation" in call.given:
        stages += activation(call, *call.given["activation"])
    if call.entry.op != "input" and (shape := input_of(call)) is not None:
        stages = [shape, *stages]
    for key, place in nodes.items():
        set_node_key(stages[-1 if key == "id" else 0], key, text, *place)
    read_tail(stages[-1], text, close, end)
    return stages


def _check_type(call: Keras) -> None:
    if call.value("dtype") not in (None, "float32"):
        raise call.fault("dtype", "a layer has no number type of its own here", "--dtype for the network")


def _check_layout(call: Keras) -> None:
    """All layers of a program must agree where the channels are."""
    if not any(a.name == "data_format" and a.fate == "*" for a in call.entry.arguments):
        return
    given = call.value("data_format")
    if given not in (None, "channels_last", "channels_first"):
        raise call.fault("data_format", f"unknown data_format {given!r}", "'channels_last', 'channels_first'")
    first = call.preset if given is None else given == "channels_first"
    if first != call.first and call.entry.op != "flatten":
        raise call.fault(
            "data_format",
            f"{call.name} has its channels {'first' if first else 'last'}, other layers have them "
            + ("first" if call.first else "last"),
            "one data_format for all of them",
        )


def _freeze(call: Keras, stages: list[Stage]) -> None:
    """``trainable=False`` freezes what the layer learns."""
    if call.flag("trainable", True):
        return
    for stage in stages:
        if layers.lookup(stage.name).parameters is Layer.parameters:
            continue
        stage.frozen = constant(True, *call.given["trainable"])
