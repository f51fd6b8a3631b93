"""A layer of a configuration as the call that people would have typed, which the reader of calls knows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from convcalc.importers.keras.calls import stages_of
from convcalc.importers.keras.table import CLASSES, OLDER, UNMODELLED, Class
from convcalc.importers.network import Unsayable
from convcalc.spec.errors import SpecError
from convcalc.spec.language.stage import Stage
from convcalc.spec.source import Source, Text

_PLAIN: Final = re.compile(r"[\w.\- ]*\Z", re.ASCII)
_FIRST: Final = "  # data_format='channels_first'"
_ABOUT: Final = frozenset(("name", "dtype", "build_input_shape", "batch_input_shape", "input_dtype"))
"""What a configuration says besides the arguments that make the layer."""
IDLE: Final = frozenset(
    (
        *(
            "autocast",
            "zero_output_for_mask",
            "implementation",
            "ragged",
            "sparse",
            "optional",
            "shared_object_id",
        ),
        *("input_length", "activity_regularizer", "unroll", "time_major", "dynamic", "batch_size", "fused"),
    )
)
"""Arguments that change no number of an inference, or that Keras ignores since version 3."""
OFF: Final = {"rms_scaling": False, "virtual_batch_size": None}
"""Arguments of some versions of Keras that can only be as they are here."""
_DEEP: Final = 12


def text_of(value: Any, depth: int = 0) -> str:
    """A value of a configuration as Python writes it.

    Raises:
        Unsayable: it is none that a call holds.
    """
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        if abs(value) >= 1 << 62:
            raise Unsayable("has a number of more than 62 bits")
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unsayable(f"has an argument that is {value}")
        return repr(value)
    if isinstance(value, str):
        if not _PLAIN.match(value) or len(value) > 200:
            raise Unsayable("has a text that is no name")
        return f"'{value}'"
    if depth < _DEEP and isinstance(value, list):
        parts = [text_of(part, depth + 1) for part in value]
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    if depth < _DEEP and isinstance(value, dict):
        return _object(value, depth)
    raise Unsayable("has an argument that is no number, text or list")


def _object(value: dict[str, Any], depth: int) -> str:
    """A tuple, a type, a function or a layer that stands for a value."""
    kind, config = value.get("class_name"), value.get("config")
    if kind == "__tuple__" and isinstance(value.get("items"), list):
        return text_of(value["items"], depth + 1)
    if kind == "function":
        name = config if isinstance(config, str) else value.get("registered_name")
        if isinstance(name, str) and _PLAIN.match(name):
            return text_of(name)
    if isinstance(kind, str) and isinstance(config, dict) and kind in CLASSES:
        if value.get("registered_name") not in (None, "", kind):
            raise Unsayable(f"has an activation {kind[:60]!r} of its own")
        return written(kind, config, depth + 1)
    raise Unsayable(f"has an argument {str(kind)[:60]!r} that is no number, text or list")


def number_type(config: Mapping[str, Any]) -> str:
    """The type that a layer computes in, as its policy says."""
    found = config.get("dtype")
    for _ in range(3):
        if isinstance(found, dict):
            inner = found.get("config")
            kind = found.get("class_name")
            if isinstance(kind, str) and "Quantized" in kind:
                raise Unsayable("has quantised weights")
            found = inner.get("name") if isinstance(inner, dict) else None
    return found if isinstance(found, str) else "float32"


def _skipped(entry: Class, key: str, value: Any) -> bool:
    if key in _ABOUT:
        return True
    argument = next((a for a in entry.arguments if a.name == key), None)
    if argument is None:
        if key in IDLE or value is None or (key in OFF and value is OFF[key]):
            return True
        raise Unsayable(f"has an argument {key[:60]!r} that is not known here")
    return (argument.fate == "~" and argument.default is not None) or key in IDLE


def written(kind: str, config: Mapping[str, Any], depth: int = 0) -> str:
    """A class and its arguments as a call; what changes nothing is left out."""
    entry = CLASSES[kind]
    older = OLDER.get(kind, {})
    parts = []
    for key, value in config.items():
        key = older.get(key, key)
        if not _skipped(entry, key, value):
            parts.append(f"{key}={text_of(value, depth)}")
    return f"{kind}({', '.join(parts)})"


def stages(kind: str, config: Mapping[str, Any], first: bool) -> list[Stage]:
    """The stages of a layer, by the table of what Keras' classes mean.

    Raises:
        Unsayable: the class or an argument of it is not in the language; the reason says which.
    """
    if kind in UNMODELLED:
        raise Unsayable(f"is not modelled: {UNMODELLED[kind]}")
    if kind not in CLASSES:
        raise Unsayable("is a class that is not known here")
    call = written(kind, config)
    text = Text.whole(Source(f"<{kind}>", call + _FIRST * first))
    try:
        return stages_of(kind, text, 0, len(kind), len(call))
    except SpecError as error:
        raise Unsayable(f"is not read: {error.problems[0].message}") from None
