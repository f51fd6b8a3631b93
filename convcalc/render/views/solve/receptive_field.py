"""What ``convcalc rf`` shows: the field of every layer, the region of a position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from convcalc.dims import UNKNOWN, is_symbolic
from convcalc.layers.values import show
from convcalc.render import numbers
from convcalc.render.table import Column, Format, Table

if TYPE_CHECKING:
    from convcalc.calculators.dilation.closing import Closing
    from convcalc.calculators.receptive_field.graph import ReceptiveField
    from convcalc.calculators.receptive_field.rows import InputRange, LayerField, PositionField
    from convcalc.render.tree import Tree


def number(value: Any) -> str:
    """A number of a field: ``11``, ``-1/2``, ``all``; ``?`` if it is not known, ``-`` if there is none."""
    if value is UNKNOWN:
        return "?"
    if is_symbolic(value):
        return numbers.other(value)
    return "-" if value is None else str(value)


def each(values: Sequence[Any]) -> str:
    """One value per axis: once where all axes agree, else joined by ``x``."""
    texts = [number(value) for value in values]
    if not texts:
        return "-"
    if len(set(texts)) == 1:
        return texts[0]
    spaced = any(is_symbolic(v) or isinstance(v, Fraction) or text[0] == "-" or ".." in text
                 for v, text in zip(values, texts, strict=True))  # fmt: skip
    return (" x " if spaced else "x").join(texts)


def size(row: LayerField) -> tuple[str, ...]:
    """Sizes of a field per axis: ``427``, ``5..7`` where it depends on the phase, ``all``."""
    return tuple(
        number(large) if large == small else f"{number(small)}..{number(large)}"
        for small, large in zip(row.smallest, row.size, strict=True)
    )


def _extent(sizes: Sequence[str]) -> Any:
    """What fields are ordered by: their pixels; ``all`` is most, and what is unknown stays behind."""
    product = 1
    for text in sizes:
        last = text.rpartition("..")[2]
        if last == "all":
            return float("inf")
        if not last.isdecimal():
            return None
        product *= int(last)
    return product if sizes else None


def _new_context(adds: bool | None) -> str:
    return "no new context" if adds is False else ""


def _last(key: str, title: str, form: Format, align: str = "right", priority: int = 0) -> Column:
    """A column of which a block has what its last layer has."""
    return Column(key, title, form, align, priority, join=numbers.last)


_COLUMNS: Final[tuple[tuple[Column, Callable[[LayerField], Any]], ...]] = (
    (Column("name", "name", numbers.label, "left", 0, 12, True), lambda row: row.name),
    (Column("op", "layer", numbers.label, "left", 60, join=numbers.layers), lambda row: row.op),
    (_last("output_shape", "output", numbers.shape, priority=40), lambda row: row.output_shape),
    (_last("input", "input", numbers.label, "left", 5), lambda row: row.input),
    (_last("size", "field", each)._replace(rank=_extent), size),
    (_last("local_size", "without global", each, priority=35), lambda row: row.local),
    (_last("stride", "stride", each, priority=10), lambda row: row.stride),
    (_last("padding", "padding", each, priority=20), lambda row: row.padding),
    (_last("center", "centre", each, priority=30), lambda row: row.center),
    (_last("period", "period", each, priority=25), lambda row: row.period),
    (_last("adds_context", "", _new_context, "left", 15), lambda row: row.adds_context),
)
"""Every column with the value that a row has in it."""


def fields_table(fields: ReceptiveField, rows: Sequence[LayerField] | None = None) -> Table:
    """One line per layer (and input, where there are several)."""
    chosen = fields.layers if rows is None else rows
    # Columns that would say the same in every line are left out.
    shown = {
        "input": len({row.input for row in chosen}) > 1,
        "local_size": any("all" in row.size and any(n is not None for n in row.local) for row in chosen),
        "period": any(period not in (None, 1) for row in chosen for period in row.period),
        "adds_context": any(row.adds_context is False for row in chosen),
    }
    columns = [(column, value) for column, value in _COLUMNS if shown.get(column.key, True)]
    lines = [tuple(value(row) for _, value in columns) for row in chosen]
    whole = rows is None or len(rows) == len(fields.layers)
    named = len(fields.ranges) > 1 or bool(fields.start)
    facts = [fact for item in fields.ranges for fact in _range(item, named)] if whole else []
    notes = misaligned_notes(fields, None if whole or not chosen else chosen[0].name)
    if whole:
        notes += hole_notes(fields)
        notes += all_notes(fields)
    unseeing = unseeing_notes(fields)
    notes += unseeing
    if fields.start:
        notes.append(f"Measured from {fields.start}, in positions of its output.")
    notes += _decided_notes(fields, chosen)
    unexplained = [row for row in chosen if not fields.decided_before(row.name)]
    notes += [note for note, applies in _NOTES if applies(unexplained, shown)]
    if not chosen and fields.decided:
        name, what = next(iter(fields.decided.items()))
        notes.append(f"What is seen is not known: {what} decide what {numbers.label(name)} reads.")
    elif not chosen and not unseeing:
        notes.append("No layer sees a pixel: the input has no spatial axes, or nothing reads it.")
    made = Table([column for column, _ in columns], lines, facts=facts, notes=notes)
    if rows is None and not shown["input"]:
        made.tree = lambda: tree(fields, made)
    return made


def tree(fields: ReceptiveField, table: Table, **settings: Any) -> Tree:
    """The layers of a table under the blocks they stand in; a block sees what its last layer sees."""
    from convcalc.render.tree import Tree

    sizes = ", ".join(f"input {numbers.shape(fields.graph.nodes[i].outputs[0])}" for i in fields.graph.inputs)
    title = f"{numbers.label(fields.name)}: {sizes}"
    return Tree(table, whole=fields.name, title=title, **settings)


def _decided_notes(fields: ReceptiveField, rows: Sequence[LayerField]) -> list[str]:
    """Which layers make fields unknown, as an input decides what they read."""
    before = {name for row in rows if _field_unknown(row) for name in fields.decided_before(row.name)}
    names = [name for name in fields.decided if name in before]
    notes = [
        f"{name}: {fields.decided[name]} decide what is read, so the field is unknown (?) from there on."
        for name in names[:SHOWN]
    ]
    return notes + ([f"The same of {len(names) - SHOWN} more layers."] if len(names) > SHOWN else [])


def _by_place(row: LayerField) -> bool:
    """Whether the field is another one at every position, as behind a recurrent layer."""
    return any(not axis.periodic for axis in row.axes)


def _padding_unknown(row: LayerField) -> bool:
    return any(axis.known and axis.local and axis.padding is UNKNOWN for axis in row.axes)


def _field_unknown(row: LayerField) -> bool:
    return any(not axis.known and axis.local for axis in row.axes)


_NOTES: Final[tuple[tuple[str, Callable[[Sequence[LayerField], Mapping[str, bool]], bool]], ...]] = (
    (
        "No new context: what arrives sees more than the whole input already (Richter et al. 2021).",
        lambda rows, shown: shown["adds_context"],
    ),
    (
        "A field a..b depends on the phase of the output: the smallest and the largest.",
        lambda rows, shown: any(row.smallest != row.size and not _by_place(row) for row in rows),
    ),
    (
        "A field a..b depends on the position of the output: the smallest and the largest.",
        lambda rows, shown: any(row.smallest != row.size and _by_place(row) for row in rows),
    ),
    (
        "With a period of n, every n-th output is at i*stride - padding; between, --at shows a position.",
        lambda rows, shown: shown["period"],
    ),
    (
        "Padding depends on the size of the input, which is not stated (--input); "
        "branches are taken as aligned.",
        lambda rows, shown: any(map(_padding_unknown, rows)),
    ),
    (
        "A field ? depends on a size that is not stated, on several axes of the output at once, "
        "or has more phases than are told apart.",
        lambda rows, shown: any(map(_field_unknown, rows)),
    ),
)
"""What a reader may have to know, and of which rows."""


SHOWN: Final = 6
"""Misaligned places that are told one by one."""


def misaligned_notes(fields: ReceptiveField, layer: str | None = None) -> list[str]:
    """Where branches are misaligned (on the way to a layer, if one is given), axes of one place together."""
    places: dict[tuple[Any, ...], list[int]] = {}
    for item in fields.misaligned if layer is None else fields.misaligned_before(layer):
        key = (item.layer, item.branches, item.input, item.by, item.at_end)
        places.setdefault(key, []).append(item.axis)
    notes = []
    for (layer, branches, _, by, end), axes in list(places.items())[:SHOWN]:
        pixels = f"{by} pixel" if by <= 1 else f"{by} pixels"
        many = f"by {pixels}" if end is None else f"by {pixels} at the first output and {end} at the last"
        where = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
        notes.append(f"Misaligned in {layer}: {branches[0]} and {branches[1]}, {many}, on {where}.")
    if len(places) > SHOWN:
        notes.append(f"Misaligned in {len(places) - SHOWN} more places; --json lists them.")
    return notes


HOLED: Final = 4
"""Runs with holes that are told one by one."""


def hole_notes(fields: ReceptiveField) -> list[str]:
    """Which dilated runs step over positions, how much they read, and rates that read all of it."""
    notes = []
    for one in fields.holes[:HOLED]:
        rates = " ".join(map(each, one.rates))
        share = numbers.share(numbers.Share(one.covered, one.total))
        run = one.first if one.first == one.last else f"{one.first} to {one.last}"
        sizes = show(one.field)
        read = f"{one.covered:,} of {one.total:,} positions ({share})"
        named = "rate" if len(one.rates) == 1 else "rates"
        verb = "reads" if one.first == one.last else "read"
        text = f"Holes: {run} ({named} {rates}) {verb} {read}, of a {sizes} field"
        if one.closing:
            text += f"; {closing_text(one.closing[0], len(one.rates), one.field)}"
        notes.append(f"{text}.")
    if len(fields.holes) > HOLED:
        notes.append(f"Holes in {len(fields.holes) - HOLED} more dilated runs; convcalc dilation lists them.")
    return notes


def closing_text(closing: Closing, layers: int, field: Sequence[int]) -> str:
    """What other rates do, in words: ``rates 1 2 3 read all of 13x13``."""
    rates = " ".join(map(str, closing.rates))
    named = "rate" if len(closing.rates) == 1 else "rates"
    more = f", {len(closing.rates)} layers," if len(closing.rates) != layers else ""
    verb = "reads" if len(closing.rates) == 1 else "read"
    return f"{named} {rates}{more} {verb} all of {show((closing.field,) * len(field))}"


def all_notes(fields: ReceptiveField) -> list[str]:
    """From which layer on every position sees all of an input."""
    many = len(fields.ranges) > 1
    return [
        f"From {layer} on, every position that comes from {name if many else 'the input'} sees all of it."
        for name, layer in fields.all_from.items()
    ]


def unseeing_notes(fields: ReceptiveField) -> list[str]:
    """Which layers read nothing of the input."""
    names = fields.unseeing
    if not names:
        return []
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    verb = "sees" if len(names) == 1 else "see"
    return [f"{shown} {verb} no input: every position lies in padding, beside the input."]


def _range(item: InputRange, several: bool) -> list[tuple[str, str]]:
    if not item.smallest or all(value is None for value in item.smallest):
        return []
    name = f"productive sizes of {item.input}" if several else "productive input sizes"
    return [(name, f"{each(item.smallest)} to {each(item.largest)}")]


def regions_table(found: Sequence[PositionField]) -> Table:
    """One line per axis of every input that a position sees."""
    columns = (
        Column("input", "input", numbers.label, "left", 50),
        Column("axis", "axis"),
        Column("size", "size", number),
        Column("first", "first", number),
        Column("last", "last", number),
        Column("field", "field", number),
        Column("read", "reads", numbers.label),
        Column("count", "of them read", number, "right", 40),
        Column("before", "padding before", number, "right", 20),
        Column("after", "padding after", number, "right", 21),
    )
    lines = []
    for region in found:
        for axis_number, axis in enumerate(region.axes):
            read = "nothing" if axis.read is None else f"{axis.read[0]} to {axis.read[1]}"
            field = "all" if axis.everything else axis.length
            padding = (axis.before, axis.after)
            ends = (region.input, axis_number, axis.size, axis.first, axis.last, field)
            lines.append((*ends, read, axis.count, *padding))
    facts = []
    for region in found:
        name = "padding" if len(found) == 1 else f"padding in {region.input}"
        share = numbers.share(numbers.Share(region.padding_pixels, region.pixels))
        facts.append((name, f"{region.padding_pixels:,} of {region.pixels:,} positions ({share})"))
    title = ""
    if found:
        where = ",".join(map(str, found[0].position))
        title = f"What {found[0].layer} sees at {where}" if where else f"What {found[0].layer} sees"
    notes = []
    if not found:
        notes.append("It sees no pixel.")
    if any(not region.exact for region in found):
        notes.append(
            "What is read is an overestimate: too many branches to keep their channels apart, "
            "or an input decides what is read."
        )
    return Table(columns, lines, title=title, facts=facts, notes=notes)
