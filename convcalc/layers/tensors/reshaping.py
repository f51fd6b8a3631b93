"""What an output index reads where axes are joined or cut: the index windows of reshapes."""

from __future__ import annotations

from convcalc.dims import Shape
from convcalc.layers.reads import ALL, FIXED, ONE, Axis, Block, Digit, Reads, Rule, identity


def reshaped(shape: Shape, out: Shape) -> Reads:
    """How a reshape reads: axes that stay, axes that are joined, axes that are cut.

    Axes are matched by products of their sizes. Where several axes become others, what is written is
    counted off along those, and every axis that is read is a digit of that count.
    """
    if shape == out:
        return identity(shape)
    if not all(type(n) is int for n in (*shape, *out)):
        return tuple(ALL for _ in shape)
    axes: list[Axis] = []
    at = 0
    for these, those in _matched(shape, out):
        written = tuple(a for a, n in enumerate(those, at) if n != 1) or tuple(range(at, at + len(those)))
        at += len(those)
        output = written[0] if len(written) == 1 else written
        larger = len(these) - these.count(1)
        inner = 1
        digits: list[Axis] = []
        for n in reversed(these):
            if not those or n == 1 != len(these):
                digits.append(Axis(None, FIXED))  # an axis of size 1 that is taken away
                continue
            larger -= 1
            if larger <= 0 and inner == 1:
                rule: Rule = ONE
            else:  # the first digit of a count goes on rising; the others come again and again
                rule = Digit(inner, n) if larger else Block(inner, 1)
            digits.append(Axis(output, rule))
            inner *= n
        axes += reversed(digits)
    return tuple(axes)


def _matched(shape: Shape, out: Shape) -> list[tuple[Shape, Shape]]:
    """Smallest runs of axes of both shapes that hold equally many elements."""
    found: list[tuple[Shape, Shape]] = []
    i = j = 0
    while i < len(shape) and j < len(out):
        start, begin, have, want = i, j, shape[i], out[j]
        i, j = i + 1, j + 1
        while have != want:
            if have < want:
                have *= shape[i]
                i += 1
            else:
                want *= out[j]
                j += 1
        found.append((shape[start:i], out[begin:j]))
    # what is left over are axes of size 1
    if i < len(shape):
        found.append((shape[i:], ()))
    return found
