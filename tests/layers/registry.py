"""Layers that need no case of their own, because everything about them follows from what they are."""

from __future__ import annotations

from convcalc.layers import lookup, names
from convcalc.layers.base import REQUIRED, Layer

ELEMENTWISE = tuple(
    op
    for op in names()
    if lookup(op).reads is Layer.reads and all(o.default is not REQUIRED for o in lookup(op).options)
)
"""Layers of one input that work entry by entry and need no option: a new one is among them."""
