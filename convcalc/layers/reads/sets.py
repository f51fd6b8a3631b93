"""Sets of indices as whole numbers, bit ``i`` for index ``i``: a window over a whole axis is a few shifts."""

from __future__ import annotations


def indices(bits: int) -> list[int]:
    """The indices of a set, ascending."""
    if bits.bit_count() * 8 < bits.bit_length():  # few of them, far apart
        found = []
        while bits:
            low = bits & -bits
            found.append(low.bit_length() - 1)
            bits ^= low
        return found
    return [i for i, bit in enumerate(reversed(format(bits, "b"))) if bit == "1"] if bits else []


def smeared(bits: int, count: int, step: int) -> int:
    """Every index of a set, and ``step``, ``2*step``, ... beyond it: ``count`` indices for each."""
    done = 1
    while done < count:
        more = min(done, count - done)
        bits |= bits << more * step
        done += more
    return bits


def moved(bits: int, by: int) -> int:
    """Index ``i`` becomes ``i + by``; negative indices are dropped."""
    return bits << by if by >= 0 else bits >> -by


def spread(bits: int, stride: int) -> int:
    """Index ``i`` becomes ``i*stride``."""
    if stride == 1 or bits <= 1:
        return bits
    return int(("0" * (stride - 1)).join(format(bits, "b")), 2)


def thin(bits: int, stride: int) -> int:
    """Index ``i*stride`` becomes ``i``; the others are dropped."""
    if stride == 1 or not bits:
        return bits
    return int(format(bits, "b")[::-1][::stride][::-1], 2)
