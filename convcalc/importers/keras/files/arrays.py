"""Arrays that a configuration writes out."""

from __future__ import annotations

from typing import Any, Final

from convcalc.graph import Edge
from convcalc.importers.keras.files.placing import At
from convcalc.importers.network import Stored, Unsayable

_MOST: Final = 1_000_000
_DEEP: Final = 16


def entries(value: Any) -> tuple[tuple[int, ...], list[float]] | None:
    """Shape and entries of an array: a number, lists of numbers, or an object of Keras that holds such."""
    for _ in range(3):
        if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
            config = value.get("config")
            value = config.get("value") if isinstance(config, dict) else None
        elif isinstance(value, dict) and value.get("class_name") == "__tuple__":
            value = value.get("items")
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list):
        if len(shape) >= _DEEP or not all(
            isinstance(one, list) and len(one) == len(level[0]) for one in level
        ):
            return None
        shape.append(len(level[0]))
        level = [part for one in level for part in one]
        if len(level) > _MOST:
            return None
    if not level or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in level):
        return None
    if any(abs(one) > 1e300 for one in level):
        return None
    return tuple(shape), [float(one) for one in level]


def constant(at: At, value: Any, rank: int, name: str) -> Edge:
    """An array that is joined with a tensor of so many axes, lined up at the last axis as NumPy does.

    Raises:
        Unsayable: it is none, or has numbers of its own for the samples of a batch.
    """
    found = entries(value)
    if found is None:
        raise Unsayable("is joined with something that is no array of numbers")
    shape, numbers = found
    shape = (1,) * (rank + 1 - len(shape)) + shape
    if len(shape) != rank + 1 or shape[0] != 1:
        raise Unsayable("is joined with an array that mixes the samples of a batch")
    inner = shape[1:]
    turn = not at.first and rank > 1
    turned = (inner[-1], *inner[:-1]) if turn else inner

    def read() -> Any:
        import numpy as np

        array = np.asarray(numbers, dtype=np.float32).reshape(inner)
        return np.ascontiguousarray(np.moveaxis(array, -1, 0)) if turn else array

    path = f"{at.path}.{name}" if name else f"{at.path}.value"
    stored = Stored(f"{path}.value", turned, "float32", read, learned=False, counted=False)
    return at.network.source(stored, turned, f"{path}.value")
