"""What a module is given: shapes without a batch, tensors with one, several in order or by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_SHAPE: Final = re.compile(r"\s*(?:\d+\s*(?:[x×]\s*\d+\s*)*)?\Z")
_DTYPES: Final = {
    "int": "int64",
    "long": "int64",
    "float": "float32",
    "half": "float16",
    "double": "float64",
    **{
        name: name
        for name in (
            "float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool",
            "complex64", "complex128",
        )
    },
}  # fmt: skip
_MAX_AXES: Final = 16
_MAX_SIZE: Final = 1 << 40


class Wanted(NamedTuple):
    """One tensor to give: its sizes, whether the batch is among them, its type; "" is the module's own."""

    shape: tuple[int, ...]
    batched: bool
    dtype: str = ""


def wanted(given: Any) -> tuple[list[Any], dict[str, Any]]:
    """What is given, in order and by name: :class:`Wanted` for a tensor, anything else as it is.

    Args:
        given: a shape text (``"3x224x224"``, ``"16:int64"``), a shape as a tuple of numbers, a tensor, a list
            of these, or a mapping of these by argument name. Shapes have no batch, tensors have one.

    Raises:
        ValueError: a text is no shape.
    """
    if isinstance(given, Mapping):
        return [], {str(name): _one(part, f" of {name}") for name, part in given.items()}
    if isinstance(given, str):
        parts = [part for part in re.split(r"[,;]", given)]
        named = [part.partition("=") for part in parts]
        if any(equals for _, equals, _ in named):
            if not all(equals for _, equals, _ in named):
                raise ValueError(f"{given!r} names some inputs and not others; expected a=3x32x32,b=16:int64")
            return [], {name.strip(): _one(part, f" of {name.strip()}") for name, _, part in named}
        return [_one(part) for part in parts], {}
    if isinstance(given, tuple) and all(type(size) is int for size in given):
        return [_one(given)], {}
    if isinstance(given, list | tuple):
        return [_one(part, f" {number}") for number, part in enumerate(given)], {}
    return [_one(given)], {}


def _one(given: Any, where: str = "") -> Any:
    if isinstance(given, Wanted):
        return given
    if isinstance(given, str):
        text, _, kind = given.partition(":")
        kind = kind.strip().removeprefix("torch.")
        if not _SHAPE.match(text) or len(text) > 400:
            raise ValueError(
                f"input{where} {given[:60]!r} is no shape; expected sizes without the batch, as 3x224x224, "
                "and a type where it is not the module's: 16:int64"
            )
        if kind and kind not in _DTYPES:
            names = ", ".join(sorted(set(_DTYPES.values())))
            raise ValueError(f"input{where} {given[:60]!r}: no type {kind[:30]!r}; known are {names}")
        return _sized(tuple(int(size) for size in re.findall(r"\d+", text)), _DTYPES.get(kind, ""), where)
    if isinstance(given, tuple) and all(type(size) is int for size in given):
        return _sized(given, "", where)
    if hasattr(given, "shape") and hasattr(given, "dtype"):
        shape = tuple(int(size) for size in given.shape)
        if not shape:
            raise ValueError(f"input{where} is a tensor of no axes; its first axis should be the batch")
        return Wanted(shape, True, str(given.dtype).removeprefix("torch."))
    if isinstance(given, list | tuple):
        return type(given)(_one(part, where) for part in given)
    return given


def _sized(shape: tuple[int, ...], dtype: str, where: str) -> Wanted:
    if len(shape) > _MAX_AXES or any(not 0 < size <= _MAX_SIZE for size in shape):
        raise ValueError(f"input{where} {'x'.join(map(str, shape[:20]))} is no shape: sizes are positive")
    return Wanted(shape, False, dtype)
