"""What the backward pass of a layer needs: the vocabulary in which a layer says what is kept for it.

What autograd saves stands, operator by operator, in PyTorch's ``tools/autograd/derivatives.yaml``; a layer
that PyTorch composes of several operators says what those save together. Parameters and buffers are there
anyway and are not named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from convcalc.dims import Dim, Shape, prod

VALUE: Final = 0
"""Bytes of an entry that is an activation: those of the element type in which the network is trained."""
FULL: Final = -1
"""Bytes of an entry of statistics: those of the parameters' type, which autocast leaves alone."""
INDEX: Final = 8
"""Bytes of an entry that is a position."""
MASK: Final = 1
"""Bytes of an entry that is true or false."""

Steps = tuple[int, ...]
"""How many entries lie between neighbours along each axis, the batch first."""


class Need(NamedTuple):
    """What gradients are wanted of a layer.

    Attributes:
        inputs: of each input, whether its gradient is wanted.
        learned: whether those of its parameters are.
        single: of each input, whether it is one for the whole batch.
    """

    inputs: tuple[bool, ...]
    learned: bool
    single: tuple[bool, ...] = ()


class Own(NamedTuple):
    """A tensor that is made for the backward pass alone.

    Attributes:
        name: what it holds.
        size: entries, for one sample unless it is shared.
        item: bytes of an entry: :data:`VALUE`, :data:`FULL`, :data:`INDEX` or :data:`MASK`.
        shared: whether there is one for the whole batch.
    """

    name: str
    size: Dim
    item: int = VALUE
    shared: bool = False


class Laid(NamedTuple):
    """An input that is kept as rows in order, and copied where it does not lie so.

    Attributes:
        input: its number.
        order: its axes in order, the batch being axis 0.
        shape: what it is repeated to, the batch apart; its own shape in that order where None.
        together: how many of the first axes are counted off as one; all of them where 0.
    """

    input: int
    order: tuple[int, ...]
    shape: Shape | None = None
    together: int = 0


class Saved(NamedTuple):
    """What is kept for the backward pass of a layer.

    Attributes:
        inputs: numbers of the inputs that are kept as they arrived.
        outputs: numbers of the outputs that are kept.
        own: tensors that are made for it alone.
        laid: inputs that are kept in an order of their own.
    """

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    own: tuple[Own, ...] = ()
    laid: tuple[Laid, ...] = ()


NOTHING: Final = Saved()
INPUT: Final = Saved((0,))
OUTPUT: Final = Saved((), (0,))
BOTH: Final = Saved((0,), (0,))


def contiguous(number: int, shape: Shape) -> Laid:
    """An input that is kept with its entries in order."""
    return Laid(number, tuple(range(len(shape) + 1)))


def in_order(shape: tuple[int, ...]) -> Steps:
    """Steps of a tensor whose entries lie in order, the last axis fastest."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= max(size, 1)
    return tuple(reversed(steps))


def laid_out(order: Sequence[int], shape: tuple[int, ...]) -> Steps:
    """Steps of a tensor whose axes lie in this order, the last of them fastest."""
    steps = in_order(tuple(shape[a] for a in order))
    return tuple(steps[order.index(a)] for a in range(len(shape)))


def viewed(shape: tuple[int, ...], steps: Steps, to: tuple[int, ...]) -> Steps | None:
    """Steps with which a tensor shows another shape; None where it has to be copied.

    Axes may be joined where one follows the other without a gap (PyTorch's ``computeStride``).
    """
    if prod(shape) == 0:
        return in_order(to)
    joined: list[list[int]] = []  # runs of entries that lie at one distance: how many, and which
    for size, step in zip(shape, steps, strict=True):
        if size == 1:
            continue
        if joined and joined[-1][1] == size * step:
            joined[-1][0] *= size
            joined[-1][1] = step
        else:
            joined.append([size, step])
    found: list[int] = []
    left = list(reversed(joined))
    inside = 1  # entries of the last run that the axes found so far take
    for size in reversed(to):
        if size == 1:
            found.append(left[0][1] * inside if left else 1)
            continue
        if left and inside == left[0][0]:
            left.pop(0)
            inside = 1
        if not left or left[0][0] % (inside * size):
            return None
        found.append(left[0][1] * inside)
        inside *= size
    return tuple(reversed(found))
