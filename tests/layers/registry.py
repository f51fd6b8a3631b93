"""Layers that need no case of their own, because everything about them follows from what they are."""

from __future__ import annotations

from convcalc.dims import DimensionError
from convcalc.layers import lookup, names
from convcalc.layers.base import Layer


def bare(op: str) -> bool:
    """Whether a layer needs no option."""
    try:
        lookup(op).create(((4, 3),), {})
    except DimensionError:
        return False
    return True


ELEMENTWISE = tuple(op for op in names() if lookup(op).reads is Layer.reads and bare(op))
"""Layers of one input that work entry by entry and need no option: a new one is among them."""
