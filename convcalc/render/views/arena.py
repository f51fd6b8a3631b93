"""The memory of a small device: peaks by the ways to run a network, and the arena that holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.count.report import heading

if TYPE_CHECKING:
    from convcalc.calculators.hardware.arena import Arena, Plan


def table(found: Arena, *, exact: bool = False) -> Table:
    """A row for each way to run it; what it needs stands above."""
    size = numbers.exact if exact else numbers.human_bytes
    columns = (
        Column("title", "way to run it", numbers.label, "left"),
        Column("bytes", "bytes" if exact else "memory", size),
        Column("at", "peak at", numbers.label, "left", 20, 12, True),
        Column("proof", "", numbers.label, "left", 10),
    )
    rows: list[list[Any]] = [[one.title, one.bytes, one.at, _proof(one, size)] for one in found.plans]
    packed = found.packed
    gap = "no gap to the peak" if packed.exact else f"{_percent(packed)} above the peak"
    rows.append([packed.title, packed.bytes, "", gap])
    facts = [
        ("pieces", f"{len(found.pieces):,}, aligned to {found.align} bytes"),
        ("flash", f"{size(found.flash_bytes)} of parameters, buffers and stored indices"),
    ]
    if found.device is not None:
        for name in ("ram", "flash"):
            if name in found.device.memory:
                facts.append((f"{found.device.name} has", f"{size(found.device.memory[name])} of {name}"))
    notes = [
        "In place: what is computed entry by entry is written over what it is computed from, where nobody "
        "reads that afterwards."
    ]
    if any(one.exact is False for one in found.plans):
        notes.append("Not all orders were looked at: the optimum lies between what none goes below and this.")
    return Table(columns, rows, title=_title(found, size), facts=facts, notes=notes)


def _title(found: Arena, size: numbers.Format) -> str:
    needs = f"{size(found.ram_bytes)} of RAM and {size(found.flash_bytes)} of flash"
    head = heading(found.report)
    if found.bits:
        said = ", ".join(text if name == "*" else f"{name}={text}" for name, text in found.bits)
        head = f"{head.rpartition(',')[0]}, {said}"
    if found.device is None:
        return f"{numbers.toned(f'needs {needs}', 'strong')}\n{head}"
    known = [(name, fits) for name, fits in (found.fits or {}).items() if fits is not None]
    short = [name.upper() if name == "ram" else name for name, fits in known if not fits]
    where = numbers.label(found.device.name)
    if short:
        return f"does not fit into the {' and the '.join(short)} of {where}: needs {needs}\n{head}"
    fits = f"fits into {where}" if known else f"{where} states no memory"
    return f"{fits}: needs {needs}\n{head}"


def _proof(one: Plan, size: numbers.Format) -> str:
    if one.exact is None:
        return ""
    if one.exact:
        return "no order needs less"
    assert one.least is not None
    return f"none needs less than {size(one.least)} (gap {_percent(one)})"


def _percent(one: Plan) -> str:
    return "?" if one.gap is None else f"{float(one.gap):.1%}"
