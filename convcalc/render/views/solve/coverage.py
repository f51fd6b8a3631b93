"""What ``convcalc rf --coverage`` and ``--map`` show: how a field is really read, as facts and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convcalc.layers.values import show
from convcalc.render import numbers
from convcalc.render.table import Table, Text
from convcalc.render.views.solve.receptive_field import regions_table

if TYPE_CHECKING:
    from convcalc.solve.coverage import Coverage

WIDEST: Final = 64
"""Pixels per axis that a text map shows one by one; more are taken together in blocks."""

UNREAD: Final = "."

BRAILLE: Final = 0x2800
"""The first of the Braille patterns, without a dot."""

DOTS: Final = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1))
"""Row and column of each of their dots, by the bit that sets it."""

MOST_DOTS: Final = 160
"""Widest map of dots, in characters."""


def coverage_table(found: Coverage) -> Table:
    """The region of the position, and how much of it contributes."""
    base = regions_table([found.field])
    facts = list(base.facts)
    share = numbers.share(numbers.Share(found.count, found.pixels))
    facts.append(("contributes", f"{found.count:,} of {found.pixels:,} pixels ({share})"))
    notes = list(base.notes)
    if found.paths is None:
        notes.append(f"No paths are counted: {found.reason}.")
    elif found.count:
        unit = found.unit
        seen = [int(n) // unit for n in found.paths[found.reached].flat]
        times = "" if unit == 1 else f", times {large(unit)}"
        fewest, most = large(min(seen)), large(max(seen))
        many = large(unit) if min(seen) == max(seen) == 1 else f"{fewest} to {most}{times}"
        facts.append(("paths to a pixel", many))
    effective = found.effective
    if effective is not None:
        from convcalc.solve.coverage import SHARES, inscribed

        within = ", ".join(
            f"{100 * part:.4g}% within {radius:.1f}"
            for part, radius in zip(SHARES, effective.radii, strict=True)
        )
        facts.append(("gradient", f"{within} pixels of the centre"))
        radius = inscribed(found.field)
        facts.append(
            ("theoretical radius", f"{radius:.1f}; half of it holds {100 * effective.share(radius / 2):.1f}%")
        )
        many = "1 sample" if effective.samples == 1 else f"mean of {effective.samples} samples"
        notes.append(f"The gradient is that of random weights and inputs ({many}; Luo et al. 2016).")
    return Table(base.columns, base.rows, title=base.title, facts=facts, notes=notes)


def large(value: int) -> str:
    """A whole number, shortened where it is very long."""
    text = f"{value:,}"
    return (
        text if len(text) <= 20 else f"{value // 10 ** (len(str(value)) - 3) / 100:.2f}e{len(str(value)) - 1}"
    )


def text_maps(found: Coverage) -> list[Text]:
    """The part of the field inside the input, a character per pixel, with a legend.

    Where pixels are too many they are taken together in blocks; but where there are holes, which blocks would
    hide, every pixel that contributes is a dot.
    """
    if found.pixels > found.count and max(last - first for first, last in found.box) >= WIDEST:
        parts = _dots(found)
    elif found.paths is None:
        parts = _map(found, found.reached.astype(int), "# contributes")
    else:
        parts = _map(found, found.paths // found.unit, "1 to 9: paths, in ninths of the most")
    if found.effective is not None:
        parts += _map(found, found.effective.mass, "1 to 9: gradient, in ninths of the largest")
    return parts


def _cells(found: Coverage, values: Any) -> tuple[Any, Any, str]:
    """Values and whether they are read, as rows and columns, and what was left out."""
    read, shown = found.crop(found.reached), found.crop(values)
    if read.ndim == 1:
        return read[None], shown[None], ""
    if read.ndim == 3:
        middle = (read.shape[0] - 1) // 2
        return read[middle], shown[middle], f"; the plane {found.box[0][0] + middle} of axis 0"
    return read, shown, ""


def _dots(found: Coverage) -> list[Text]:
    """A dot for every pixel that is read: eight pixels in a character (Braille patterns).

    Where even so they are too many, a dot stands for several pixels, all of which are read.
    """
    import numpy as np

    read, _, where = _cells(found, found.reached)
    fold = 2 * WIDEST
    if read.shape[0] == 1:  # one axis goes on in the next line, each pixel four dots high
        lines = -(-read.shape[1] // fold)
        padded = np.pad(read[0], (0, lines * fold - read.shape[1]))
        read = np.repeat(padded.reshape(lines, fold), 4, axis=0)
        where += f"; {fold} in a line" if lines > 1 else ""
    step = -(-read.shape[1] // (2 * MOST_DOTS))
    if step > 1:
        rows, columns = (-(-n // step) for n in read.shape)
        padded = np.pad(
            read, [(0, n * step - m) for n, m in zip((rows, columns), read.shape, strict=True)],
            constant_values=True,
        )  # fmt: skip
        read = padded.reshape(rows, step, columns, step).all(axis=(1, 3))
        where += f"; a dot is {step}x{step} pixels, all of them read"
    rows, columns = -(-read.shape[0] // 4), -(-read.shape[1] // 2)
    even = np.pad(read, [(0, 4 * rows - read.shape[0]), (0, 2 * columns - read.shape[1])])
    codes = np.full((rows, columns), BRAILLE)
    for bit, (y, x) in enumerate(DOTS):
        codes += even[y::4, x::2].astype(int) << bit
    area = show(f"{first}..{last}" for first, last in found.box)
    told = f"pixels {area}{where}; a dot is a pixel that contributes, a gap between dots a hole: never read"
    return [Text("\n".join("".join(map(chr, row)) for row in codes), drawn=True), Text(told)]


def _map(found: Coverage, values: Any, legend: str) -> list[Text]:
    read, shown, where = _cells(found, values)
    step = max(1, -(-max(shown.shape) // WIDEST))
    if step > 1:
        where += f"; a character is {step}x{step} pixels"
    top = max((value for value in shown[read].flat), default=0)
    lines, partly = [], False
    blank = " " if shown.shape[1] // step <= WIDEST // 2 else ""
    for y in range(0, shown.shape[0], step):
        line = []
        for x in range(0, shown.shape[1], step):
            seen = read[y : y + step, x : x + step]
            block = shown[y : y + step, x : x + step][seen]
            partly = partly or (seen.any() and not seen.all())
            if not block.size:
                line.append(UNREAD)
            elif legend.startswith("#"):
                line.append("#")
            else:
                line.append(_ninth(sum(block.flat), block.size, top))
        lines.append(blank.join(line))
    area = show(f"{first}..{last}" for first, last in found.box)
    mean = ", the mean of those that are read" if partly else ""
    told = f"pixels {area}{where}; {UNREAD} is never read; {legend}{mean}"
    return [Text("\n".join(lines), drawn=True), Text(told)]


def _ninth(total: Any, count: int, top: Any) -> str:
    if not top:
        return "1"
    if isinstance(total, int):
        return str(max(1, -(-9 * total // (count * top))))
    return str(max(1, min(9, int(-(-9 * float(total) / (count * float(top)) // 1)))))
