"""What the frameworks mean by "same", side by side, and by how many pixels they differ."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from convcalc.dims import ceil_div
from convcalc.layers.windows.pool import MaxPool
from convcalc.layers.windows.window import effective, needed, output_size, resolve
from convcalc.records import Record, record


@dataclass(frozen=True, slots=True)
class Convention(Record):
    """How one framework pads.

    Attributes:
        name: the framework and its setting.
        before, after: padding in pixels; None where it refuses.
        output: size that leaves, or how it follows from the input ``i``.
        centre: input pixel under the centre of the first window (0 is the first pixel).
        shift: pixels by which its windows stand further right than those of the answer.
        note: where it applies, or why it refuses.
    """

    name: str
    before: int | None
    after: int | None
    output: Any = None
    centre: Fraction | None = None
    shift: int | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON holds it; the centre is a number with a half at most."""
        return record(self, centre=None if self.centre is None else float(self.centre))


def stand_in(i: int | None, k: int, s: int, d: int, remainder: int | None = None) -> int:
    """The input size, or one large enough to behave like every other with this ``i % s``."""
    if i is not None:
        return i
    extent: int = effective(k, d)
    return s * (extent + 2) + (remainder or 0)


def output_text(size: int, i: int, s: int) -> str:
    """How a size follows from an input that is not stated: ``i + 1``, ``ceil(i / 2) - 1``."""
    extra = size - ceil_div(i, s)
    base = "i" if s == 1 else f"ceil(i / {s})"
    return f"{base} {'+' if extra > 0 else '-'} {abs(extra)}" if extra else base


def conventions(i: int, k: int, s: int, d: int, reference: int, known: bool) -> tuple[Convention, ...]:
    """Every framework's padding for a window that should keep ``ceil(i / s)``.

    Args:
        i: input size in pixels (a stand-in where none is stated).
        k: taps.
        s: stride.
        d: dilation.
        reference: padding before of the answer, which shifts are measured against.
        known: whether the input was stated.

    Sources: PyTorch ``torch.nn.Conv2d`` (``padding='same'``), TensorFlow ``tf.nn`` notes on
    padding, Keras layer arguments, ONNX operator Conv (``auto_pad``), Caffe ``PoolingLayer``.
    """
    extent = effective(k, d)

    def row(name: str, pair: tuple[int, int], note: str = "", size: int | None = None) -> Convention:
        before, after = pair
        if size is None:
            if i + before + after < extent:
                return Convention(name, before, after, note="no window fits")
            size = output_size(i, k, s, d, before, after, axis=0)
        output = size if known else output_text(size, i, s)
        return Convention(
            name, before, after, output, Fraction(extent - 1, 2) - before, reference - before, note
        )

    same, lower = resolve("same", i, k, s, d), resolve("same_lower", i, k, s, d)
    rows = []
    if s == 1:
        rows.append(row("PyTorch padding='same'", same))
    else:
        rows.append(Convention("PyTorch padding='same'", None, None, note="refused at stride above 1"))
    small = (extent - 1) // 2
    for side in dict.fromkeys((small, extent - 1 - small)):
        rows.append(row(f"PyTorch, Caffe padding={side}", (side, side)))
    both = s > 1 and d > 1
    rows.append(
        row("TensorFlow, Keras SAME", same, "Keras refuses stride and dilation together" if both else "")
    )
    rows.append(row("ONNX SAME_UPPER", same))
    rows.append(row("ONNX SAME_LOWER", lower))
    if d == 1:
        rows.append(_caffe(i, k, s, small, row))
    return tuple(rows)


def _caffe(i: int, k: int, s: int, side: int, row: Any) -> Convention:
    """Caffe's pooling, which rounds up: what hangs over the end counts as padding after."""
    if i + 2 * side < k:
        fits: Convention = row(f"Caffe pooling pad={side}", (side, side))
        return fits
    pool = MaxPool((k,), (s,), ((side, side),), (1,), True)
    (_, size), _ = pool.output_shapes(((1, i),))
    over = max(needed(i, size, k, s, 1) - 2 * side, 0)
    note = f"rounds up: {over} more at the end" if over else "rounds up; nothing to round here"
    found: Convention = row(f"Caffe pooling pad={side}", (side, side + over), note, size)
    return found
