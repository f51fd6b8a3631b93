"""What one output index of a layer reads along an axis of its input: the index window of each layer.

A :class:`Rule` is about one axis. It says which input indices an output index ``j`` reads, as if
both axes had no end (:meth:`Rule.taps`), and which it reads of an input of ``n`` (:meth:`Rule.of`),
where padding reads nothing, or reads the border again. A layer states a rule for every axis of
every input, the channels included (axis 0); the output axis that ``j`` runs along need not be the
same one (``permute``) and need not exist (global pooling reads everything).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from convcalc.dims import Dim, Shape, prod
from convcalc.layers.reads.order import (
    Block,
    Chain,
    Digit,
    Flipped,
    From,
    Part,
    Picks,
    Rolled,
    Shuffled,
    Tiled,
    UpTo,
    Whole,
)
from convcalc.layers.reads.rule import Decided, Every, Rule, Unstated
from convcalc.layers.reads.windows import Antialiased, Bins, Resample, Slide, Spread, folded


class Axis(NamedTuple):
    """How one axis of an input is read: along which axis of the output, by which rule.

    ``output`` is None where the rule reads the same for every output index. Several axes stand for the
    index that counts their entries off together, the last of them fastest: so an axis is read that was cut.
    """

    output: int | tuple[int, ...] | None
    rule: Rule

    @property
    def outputs(self) -> tuple[int, ...]:
        """The axes of the output that decide what is read."""
        if self.output is None:
            return ()
        return self.output if isinstance(self.output, tuple) else (self.output,)

    def count(self, written: Shape) -> Dim:
        """How many indices the rule is asked for."""
        return prod(written[axis] for axis in self.outputs)


Reads: TypeAlias = tuple[Axis, ...]
"""How one input is read, axis by axis from the channels on.

There may be one axis more than the input has, of size 1: it says which outputs read the input at all.
"""


Windows: TypeAlias = tuple[tuple[Reads, ...], ...]
"""How a layer reads each of its inputs: in one way, or in several that together are it."""


ONE: Final = Slide(1, 1)
"""Index for index."""


EVERY: Final = Every()


UNSTATED: Final = Unstated()


DECIDED: Final = Decided()


ALL: Final = Axis(None, EVERY)
"""The whole axis."""


FIXED: Final = Slide(1, 0)
"""Index 0 for every output: an axis of size 1 that is repeated."""


_IDENTITIES: Final[list[Reads]] = [tuple(Axis(a, ONE) for a in range(rank + 1)) for rank in range(8)]
"""Of the numbers of axes that nearly all tensors have."""


def identity(shape: Shape) -> Reads:
    """Index for index along every axis."""
    rank = len(shape)
    return _IDENTITIES[rank - 1] if rank <= len(_IDENTITIES) else tuple(Axis(a, ONE) for a in range(rank))


def along(shape: Shape, rules: Mapping[int, Rule]) -> Reads:
    """Index for index, but along some axes by these rules; :data:`EVERY` is the whole axis."""
    return tuple(
        ALL if isinstance(rule := rules.get(a, ONE), Every) else Axis(a, rule) for a in range(len(shape))
    )


def groups(read: Dim, written: Dim, count: Dim) -> Rule:
    """Channels of a grouped convolution."""
    if type(count) is int and count == 1:
        return EVERY
    if type(read) is int and type(written) is int and type(count) is int:
        return ONE if read == written == count else Block(written // count, read // count)
    return EVERY


def broadcast(shape: Shape, out: Shape) -> Reads:
    """Index for index from the last axis on, but axes of size 1 are repeated."""
    if shape == out:
        return identity(out)
    missing = len(out) - len(shape)
    return tuple(
        Axis(a, FIXED if type(n) is int and n == 1 and not (type(out[a]) is int and out[a] == 1) else ONE)
        for a, n in enumerate(shape, missing)
    )


__all__ = [
    "ALL",
    "DECIDED",
    "EVERY",
    "FIXED",
    "ONE",
    "UNSTATED",
    "Antialiased",
    "Axis",
    "Bins",
    "Block",
    "Chain",
    "Decided",
    "Digit",
    "Every",
    "Flipped",
    "From",
    "Part",
    "Picks",
    "Reads",
    "Resample",
    "Rolled",
    "Rule",
    "Shuffled",
    "Slide",
    "Spread",
    "Tiled",
    "Unstated",
    "UpTo",
    "Whole",
    "Windows",
    "along",
    "broadcast",
    "folded",
    "groups",
    "identity",
]
