"""How results become JSON: one rule for all of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from operator import attrgetter
from typing import Any, ClassVar

from convcalc.dims import UNKNOWN
from convcalc.shown import Told


class Record(Told):
    """A result that JSON can hold.

    ``KEYS`` says what of it, in order: names of attributes, ``key=attribute`` where JSON has another
    name for it (``limit=limit.name`` looks inside), with a ``?`` behind what is null where it is empty.
    Without ``KEYS``, every field of the dataclass is held under its own name.
    """

    __slots__ = ()

    KEYS: ClassVar[str] = ""

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return record(self)

    def to_json(self, indent: int | None = 2) -> str:
        """:meth:`to_dict` as JSON text."""
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)


def record(result: Record, **other: Any) -> dict[str, Any]:
    """What ``KEYS`` of a result names, by key.

    Args:
        result: the result.
        other: values for keys that no attribute holds; those that ``KEYS`` does not name come last.
    """
    keys = result.KEYS or " ".join(result.__dataclass_fields__)  # type: ignore[attr-defined]
    found = {key: plain(other.pop(key) if key in other else get(result)) for key, get in _getters(keys)}
    return found | {key: plain(value) for key, value in other.items()}


@lru_cache(maxsize=256)
def _getters(keys: str) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """What reads each key of ``KEYS`` from a result."""
    found = []
    for word in keys.split():
        key, _, path = word.rstrip("?").partition("=")
        get = attrgetter(path or key)
        found.append((key, (lambda result, get=get: get(result) or None) if word.endswith("?") else get))
    return tuple(found)


def plain(value: Any) -> Any:
    """A value as JSON holds it.

    Numbers, truth values and texts stay what they are; a size that nobody stated is null; fractions,
    closed forms and conditions are texts; arrays and sequences are lists, mappings and named tuples
    objects; and a result says itself what it is.
    """
    if value is None or type(value) in (int, str, bool, float):
        return value
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", None)
        parts = [plain(part) for part in value]
        return parts if names is None else dict(zip(names, parts, strict=True))
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if value is UNKNOWN:
        return None
    if isinstance(value, (int, Fraction)) and value.denominator == 1:
        return value.numerator
    return value.tolist() if hasattr(value, "tolist") else str(value)
