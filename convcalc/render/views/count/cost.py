"""What a network costs on hardware: layers with what bounds them, several networks side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from convcalc.dims import UNKNOWN, total
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.count.report import closed_form_notes, heading, shortened

if TYPE_CHECKING:
    from convcalc.calculators.hardware.devices import Peak
    from convcalc.calculators.hardware.roofline import Cost, LayerCost
    from convcalc.render.tree import Tree

NO_DEVICE: Final = "without --device no time: convcalc cost SPEC --device a100, or with a file of your own"
RATES: Final = ("", "K", "M", "G", "T", "P", "E")
HOROWITZ: Final = "(45 nm, Horowitz 2014)"
TIMES: Final = ((Fraction(1), "s"), (Fraction(1, 10**3), "ms"), (Fraction(1, 10**6), "us"))


@dataclass(frozen=True)
class Quotient:
    """A part by a whole, of which those of a block add up."""

    part: Any
    whole: Any

    @property
    def value(self) -> Any:
        """The quotient; None where there is nothing to divide by, or no number."""
        if not _number(self.part) or not _number(self.whole):
            from convcalc.calculators.compare.measures import ratio

            known = self.part is not None and self.whole is not None
            return ratio(self.part, self.whole) if known else None
        return Fraction(self.part) / self.whole if self.whole else None

    def __str__(self) -> str:
        return numbers.plain(self.value)


def _number(value: Any) -> bool:
    return isinstance(value, (int, Fraction))


def _together(values: Sequence[Any]) -> Any:
    """Quotients of the layers of a block as one."""
    return Quotient(_sum([one.part for one in values]), _sum([one.whole for one in values]))


def _sum(values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None and value is not UNKNOWN]
    return total(known) if known else None


def _agreed(values: Sequence[Any]) -> Any:
    """What bounds a block: what bounds each of its layers that takes time."""
    found = {value for value in values if value}
    return found.pop() if len(found) == 1 else "both" if found else None


def seconds(value: Any) -> str:
    """A time with three digits: ``1.23 ms``, ``577 us``."""
    if not _number(value):
        return numbers.other(value)
    if not value:
        return "-"
    if value < 0:
        return f"-{seconds(-value)}"
    size, unit = next((one for one in TIMES if value >= one[0]), (Fraction(1, 10**9), "ns"))
    return f"{_three(value / size)} {unit}"


def rate(value: Any) -> str:
    """A rate in the largest unit: ``312 T``."""
    if not _number(value):
        return numbers.other(value)
    size = 0
    while size + 1 < len(RATES) and value >= 1000 ** (size + 1):
        size += 1
    return f"{_three(Fraction(value) / 1000**size)} {RATES[size]}".rstrip()


def number(value: Any) -> str:
    """A number with three digits."""
    if isinstance(value, Quotient):
        value = value.value
    return _three(value) if _number(value) else numbers.other(value)


def part(value: Any) -> str:
    """A part of one as a percentage."""
    found = value.value if isinstance(value, Quotient) else value
    if not _number(found):
        return numbers.other(found)
    return "<0.1%" if 0 < found < Fraction(1, 2000) else f"{float(found):.1%}"


def unit_of(peak: Peak) -> str:
    """What a peak is counted in: operations on floats, or on whole numbers."""
    return "OP/s" if peak.type.startswith("int") else "FLOP/s"


def _three(value: Any) -> str:
    """Three digits, or all before the point."""
    held = float(value)
    if held and held < 0.001:
        return f"{held:.1e}"
    digits = 2 if held < 10 else 1 if held < 100 else 0
    if held < 0.1:
        digits = 4
    return f"{held:,.{digits}f}"


def joules(picojoules: Any) -> str:
    """Energy: ``12.3 mJ``."""
    if not _number(picojoules):
        return "no figure" if picojoules is None else "?"
    size, unit = next(
        (one for one in ((10**12, "J"), (10**9, "mJ"), (10**6, "uJ"), (10**3, "nJ")) if picojoules >= one[0]),
        (1, "pJ"),
    )
    return f"{_three(Fraction(picojoules) / size)} {unit}"


def _float(value: Any) -> Any:
    found = value.value if isinstance(value, Quotient) else value
    return float(found) if _number(found) else None


Entry = tuple[Column, Callable[["LayerCost"], Any]]


def _columns(found: Cost, exact: bool) -> list[Entry]:
    count = numbers.exact if exact else numbers.human
    size = numbers.exact if exact else numbers.human_bytes
    one, byte = (None, None) if exact else (numbers.one_unit, numbers.one_byte_unit)

    def counts(key: str, title: str, priority: int = 0) -> Column:
        return Column(key, title, count, priority=priority, join=_sum, tone=numbers.weight, scale=one)

    def bytes_of(key: str, title: str, priority: int = 0) -> Column:
        return Column(key, title, size, priority=priority, join=_sum, tone=numbers.weight, scale=byte)

    entries: list[Entry] = [
        (Column("name", "name", numbers.label, "left", 0, 12, True), lambda row: row.name),
        (Column("op", "layer", numbers.label, "left", 70, join=numbers.layers), lambda row: row.op),
        (counts("flops", "FLOPs"), lambda row: row.flops),
        (bytes_of("input_bytes", "input", 40), lambda row: row.moved.input),
        (bytes_of("weight_bytes", "weights", 41), lambda row: row.moved.weights),
        (bytes_of("output_bytes", "output", 42), lambda row: row.moved.output),
        (bytes_of("bytes", "moves", 0), lambda row: row.bytes),
    ]
    if found.device is None:
        entries.append((counts("accesses", "accesses", 50), lambda row: row.moved.accesses))
    entries.append(
        (
            Column("intensity", "FLOP/byte", number, priority=10, join=_together, rank=_float),
            lambda row: Quotient(row.flops, row.bytes),
        )
    )
    if found.bits:
        entries += [
            (Column("bits", "bits", numbers.label, "left", 30, join=_agreed_bits), lambda row: str(row.bits)),
            (counts("bops", "BOPs", 20), lambda row: row.bops),
        ]
    if found.device is not None:
        whole = _femto(found.time)
        entries += [
            (Column("bound", "bound by", numbers.other, "left", join=_agreed), lambda row: row.bound),
            (Column("time", "at least", seconds, join=_sum, rank=_float), lambda row: row.time),
            (
                Column("time%", "share", numbers.share, priority=25, bar=True)._replace(
                    tone=numbers.weight, join=numbers.summed
                ),
                lambda row: numbers.Share(_femto(row.time), whole),
            ),
            (
                Column("utilisation", "of peak", part, priority=15, join=_together, rank=_float),
                lambda row: Quotient(row.compute_time, row.time),
            ),
            (
                Column("achievable", "FLOP/s", _achievable, priority=60, join=_together, rank=_float),
                lambda row: Quotient(row.flops, row.time),
            ),
        ]  # fmt: skip
    return entries


def _achievable(value: Any) -> str:
    return rate(value.value)


def _agreed_bits(values: Sequence[Any]) -> Any:
    found = set(values)
    return found.pop() if len(found) == 1 else "mixed"


def _femto(time: Any) -> Any:
    """A time in whole femtoseconds, of which shares are made."""
    return int(time * 10**15) if _number(time) else UNKNOWN


def table(found: Cost, *, exact: bool = False) -> Table:
    """One row a layer, the verdict above and the totals below."""
    entries = _columns(found, exact)
    columns = [column for column, _ in entries]
    rows = [tuple(value(row) for _, value in entries) for row in found.layers]
    footer: list[Any] = ["total"]
    for i, column in enumerate(columns[1:], 1):
        joins = column.join is not None and column.key not in ("op", "bound", "bits")
        footer.append(column.join([row[i] for row in rows]) if joins and column.join and rows else None)
    made = Table(
        columns, rows, footer=footer, title=title(found), facts=facts(found, exact), notes=notes(found)
    )
    made.tree = lambda: tree(found, made)
    return made


def tree(found: Cost, table: Table, **settings: Any) -> Tree:
    """The layers of a table under the blocks they stand in."""
    from convcalc.render.tree import Tree

    return Tree(table, whole=found.name, **settings)


def title(found: Cost) -> str:
    """The verdict, then what it is about."""
    head = heading(found.report)
    if found.bits:
        head = f"{head.rpartition(',')[0]}, {_said(found)}"
    if found.device is None:
        return head
    return f"{verdict(found)}\n{head}"


def _said(found: Cost) -> str:
    return ", ".join(text if name == "*" else f"{name}={text}" for name, text in found.bits)


def verdict(found: Cost) -> numbers.Toned:
    """What bounds it, and how long it takes at least."""
    assert found.device is not None
    if not found.time:
        return numbers.toned("no bound: no layer's operations and bytes are numbers", "warn")
    bound = found.bound
    own = found.bound_by(str(bound))
    held = part(total(row.time for row in own) / found.time) if own else ""
    batch = found.report.batch
    each = "a sample" if batch == 1 else f"for {batch:,} samples"
    layers = f"{len(own):,} of {len(found.timed):,} layers, {held} of the time"
    least = f"at least {seconds(found.time)} {each} on {numbers.label(found.device.title)}"
    return numbers.toned(f"{bound}-bound: {layers}; {least}", "strong")


def facts(found: Cost, exact: bool = False) -> list[tuple[str, str]]:
    """Totals, and what the device is held to."""
    totals = found.totals
    count = numbers.exact if exact else numbers.human
    size = numbers.exact if exact else numbers.human_bytes
    told = [("FLOPs", count(totals["flops"])), ("moves", size(totals["bytes"]))]
    if found.device is None:
        told.append(("memory accesses", count(totals["accesses"])))
    if _number(found.sum("flops")) and _number(found.sum("bytes")):
        ridge = f"; ridge point {number(found.ridge)}" if found.ridge is not None else ""
        told.append(("FLOP/byte", f"{number(Quotient(totals['flops'], totals['bytes']))}{ridge}"))
    if found.device is not None and found.peak is not None and found.bandwidth is not None:
        told += rates(found)
        if found.time:
            reached = Fraction(found.sum("flops")) / found.time
            told.append(
                (
                    "of the peak",
                    f"{part(found.utilisation)}, {rate(reached)}{unit_of(found.peak)}",
                )
            )
            told.append(
                (
                    "all fused",
                    f"at least {seconds(found.fused_time)}, where only input, weights and output move",
                )
            )
    if found.bits or found.sparsity:
        told.append(("parameter memory", size(totals["param_bytes"])))
    if found.bits:
        told.append(("BOPs", f"{count(totals['bops'])}  (MACs x bits of weights x bits of activations)"))
    if found.sparsity:
        said = ", ".join(text if name == "*" else f"{name}={text}" for name, text in found.sparsity)
        told.append(
            ("zeros", f"{said} of the weights, neither stored nor multiplied; their places are not counted")
        )
    if _number(found.sum("energy_memory")) and found.sum("energy_memory"):
        products = joules(found.sum("energy_products")) if _figures(found) else "no figure"
        told.append(
            (
                "energy",
                f"{joules(found.sum('energy_memory'))} of memory, {products} of products {HOROWITZ}",
            )
        )
    return told


def rates(found: Cost) -> list[tuple[str, str]]:
    """The peak and the bandwidth that it is held to, with their sources."""
    peak, lane = found.peak, found.bandwidth
    if peak is None or lane is None:
        return []
    return [
        ("peak", f"{rate(peak.rate)}{unit_of(peak)} {peak.name}{_source(found, peak.source)}"),
        ("bandwidth", f"{rate(lane.rate)}B/s {lane.name}{_source(found, lane.source)}"),
    ]


def _figures(found: Cost) -> bool:
    return all(row.energy_products is not None for row in found.layers)


def _source(found: Cost, source: str) -> str:
    device = found.device
    assert device is not None
    told = "; ".join(filter(None, (source, device.source)))
    return f"  ({numbers.label(told)})" if told else ""


def notes(found: Cost) -> list[str]:
    """What a reader must know."""
    told = [*found.notes]
    if found.device is not None and found.time:
        told.append(
            "A bound: layers one after the other, each from memory to memory; no prediction of a latency."
        )
    elif found.device is None:
        told.append(f"{NO_DEVICE[0].upper()}{NO_DEVICE[1:]}.")
    return [*told, *closed_form_notes(found.report)]


def side_by_side(found: Sequence[Cost], *, exact: bool = False) -> Table:
    """Several networks, a row each; what the first has more or less of than the last stands above."""
    count = numbers.exact if exact else numbers.human
    size = numbers.exact if exact else numbers.human_bytes
    timed = found[0].device is not None
    columns = [
        Column("name", "network", numbers.label, "left", 0, 12),
        Column("macs", "MACs", count, priority=30),
        Column("flops", "FLOPs", count),
        Column("bytes", "moves", size),
        Column("intensity", "FLOP/byte", number, rank=_float),
    ]
    if timed:
        columns += [
            Column("memory_bound", "memory-bound", numbers.label, "left", priority=10),
            Column("time", "at least", seconds, rank=_float),
            Column("utilisation", "of peak", part, priority=15, rank=_float),
            Column("fused_time", "all fused", seconds, priority=20, rank=_float),
        ]
    rows = []
    for one in found:
        row: list[Any] = [
            shortened(numbers.label(one.name), 40),
            one.sum("macs"),
            one.sum("flops"),
            one.sum("bytes"),
        ]
        row.append(Quotient(one.sum("flops"), one.sum("bytes")))
        if timed:
            held = f"{len(one.bound_by('memory')):,} of {len(one.timed):,} layers"
            row += [held, one.time, one.utilisation, one.fused_time]
        rows.append(row)
    made = Table(
        columns,
        rows,
        title=_against(found),
        notes=list(dict.fromkeys(n for one in found for n in notes(one))),
    )
    device = found[0].device
    if device is not None:
        made.facts = (("device", numbers.label(device.title)), *rates(found[0]))
    return made


def _against(found: Sequence[Cost]) -> str:
    """The first against the last, in operations and in time."""
    one, other = found[0], found[-1]
    parts = []
    for key, what in (("flops", "operations"), ("bytes", "bytes")):
        a, b = one.sum(key), other.sum(key)
        if _number(a) and _number(b) and a and b:
            parts.append(_times(a, b, "fewer", "more", what))
    if one.time and other.time:
        parts.append(_times(one.time, other.time, "shorter", "longer", "a bound of time"))
    if not parts:
        return ""
    name, base = (shortened(numbers.label(each.name), 40) for each in (one, other))
    return numbers.toned(f"{name} against {base}: {', '.join(parts)}", "strong")


def _times(value: Any, base: Any, less: str, more: str, what: str) -> str:
    if value == base:
        return f"as many {what}" if what != "a bound of time" else "the same bound of time"
    word = less if value < base else more
    times = Fraction(base) / value if value < base else Fraction(value) / base
    if what == "a bound of time":
        return f"a bound {_three(times)} times {word}"
    return f"{_three(times)} times {word} {what}"
