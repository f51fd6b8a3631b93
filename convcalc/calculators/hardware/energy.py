"""Energy of products and of memory, by the figures of Horowitz 2014 for 45 nm at 0.9 V.

They are figures of one process of 2014, for comparing designs: what a chip of today takes is another matter.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from convcalc.calculators.hardware.bits import Bits

SOURCE: Final = "Horowitz 2014, Computing's energy problem, figure 1.1.9: 45 nm, 0.9 V"

MULTIPLY: Final = {
    "int8": Fraction("0.2"), "int32": Fraction("3.1"), "float16": Fraction("1.1"),
    "float32": Fraction("3.7"),
}  # fmt: skip
"""Picojoules of a multiplication."""
ADD: Final = {
    "int8": Fraction("0.03"), "int16": Fraction("0.05"), "int32": Fraction("0.1"),
    "float16": Fraction("0.4"), "float32": Fraction("0.9"),
}  # fmt: skip
"""Picojoules of an addition."""
DRAM: Final = Fraction(640, 4)
"""Picojoules of a byte that is read from or written to DRAM: 640 for 32 bits (1.3 to 2.6 nJ for 64)."""


def product(dtype: str, bits: Bits | None) -> Fraction | None:
    """Picojoules of a multiply-accumulate; None where the source has no figure for it.

    Whole numbers of up to 8 bits are multiplied as 8 bits, larger ones of up to 32 as 32 bits, and summed
    in 32.
    """
    if bits is None:
        if dtype == "int8":
            return MULTIPLY["int8"] + ADD["int32"]
        return MULTIPLY[dtype] + ADD[dtype] if dtype in MULTIPLY else None
    width = max(bits.weights, bits.activations)
    if width > 32:
        return None
    return MULTIPLY["int8" if width <= 8 else "int32"] + ADD["int32"]
