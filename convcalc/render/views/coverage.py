"""What ``convcalc rf --coverage`` and ``--map`` show: how a field is really read, as facts and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convcalc.layers.values import show
from convcalc.render import numbers
from convcalc.render.table import Table, Text
from convcalc.render.views.receptive_field import regions_table

if TYPE_CHECKING:
    from convcalc.solve.coverage import Coverage

WIDEST: Final = 64
"""Pixels per axis that a text map shows one by one; more are taken together in blocks."""

UNREAD: Final = "."

PARTLY: Final = ":"
"""A block of pixels some of which are never read."""


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
    """The part of the field inside the input, a character per pixel (or block of pixels), with a legend."""
    if found.paths is None:
        parts = _map(found, found.reached.astype(int), "9", "# contributes")
    else:
        parts = _map(found, found.paths // found.unit, "", "1 to 9: paths, in ninths of the most")
    if found.effective is not None:
        parts += _map(found, found.effective.mass, "", "1 to 9: gradient, in ninths of the largest")
    return parts


def _map(found: Coverage, values: Any, fixed: str, legend: str) -> list[Text]:
    import numpy as np

    read = found.crop(found.reached)
    shown = np.where(read, found.crop(values), 0)
    where = ""
    if shown.ndim == 1:
        read, shown = read[None], shown[None]
    elif shown.ndim == 3:
        middle = (shown.shape[0] - 1) // 2
        where = f"; the plane {found.box[0][0] + middle} of axis 0"
        read, shown = read[middle], shown[middle]
    step = max(1, -(-max(shown.shape) // WIDEST))
    if step > 1:
        where += f"; a character is {step}x{step} pixels"
    top = max((value for value in shown.flat), default=0)
    lines = []
    blank = " " if shown.shape[1] // step <= WIDEST // 2 else ""
    for y in range(0, shown.shape[0], step):
        line = []
        for x in range(0, shown.shape[1], step):
            block = shown[y : y + step, x : x + step]
            seen = read[y : y + step, x : x + step]
            if not seen.any():
                line.append(UNREAD)
            elif not seen.all():
                line.append(PARTLY)
            elif fixed:
                line.append("#")
            else:
                line.append(_ninth(sum(block.flat), block.size, top))
        lines.append(blank.join(line))
    area = show(f"{first}..{last}" for first, last in found.box)
    partly = any(PARTLY in line for line in lines)
    unread = f"{UNREAD} never read, {PARTLY} in part" if partly else f"{UNREAD} is never read"
    told = f"pixels {area}{where}; {unread}; {legend}"
    return [Text("\n".join(lines), drawn=True), Text(told)]


def _ninth(total: Any, count: int, top: Any) -> str:
    if not top:
        return "1"
    if isinstance(total, int):
        return str(max(1, -(-9 * total // (count * top))))
    return str(max(1, min(9, int(-(-9 * float(total) / (count * float(top)) // 1)))))
