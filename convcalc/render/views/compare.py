"""The tables of a comparison: every measure side by side, and what changed layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.compare.measures import MEASURES, at_least
from convcalc.calculators.receptive_field.output import show_field
from convcalc.dims import UNKNOWN, is_symbolic
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.report import unknown_operators

if TYPE_CHECKING:
    from convcalc.calculators.compare.layers import Change, Difference
    from convcalc.calculators.compare.networks import Comparison, Line


LONGEST: Final = 72
"""Characters of a closed form in the column of values; a longer one stands below the table."""
UNREADABLE: Final = 120
"""Characters of a difference or ratio that says no more than the two values."""


class Written:
    """A value with the way to write it; the raw value is what CSV holds."""

    __slots__ = ("form", "value")

    def __init__(self, value: Any, form: Callable[[Any], str]) -> None:
        self.value = value
        self.form = form

    def __str__(self) -> str:
        return numbers.plain(self.value)


def written(cell: Any) -> str:
    """The text of a cell: a value in its own form, or a name."""
    return cell.form(cell.value) if isinstance(cell, Written) else numbers.label(cell)


def tables(comparison: Comparison, *, exact: bool = False) -> Iterator[Table]:
    """Measures side by side, then what changed layer by layer, where that was asked for."""
    yield table(comparison, exact=exact)
    for difference in comparison.differences:
        yield layers_table(difference, exact=exact)


def table(comparison: Comparison, *, exact: bool = False) -> Table:
    """Measures in rows; for each network its value and, but for the baseline, difference and ratio.

    Args:
        comparison: what to show.
        exact: every digit instead of human units.
    """
    if any(is_symbolic(value) for line in _shown(comparison) for value in line.values):
        return _tall(comparison)
    count = numbers.exact if exact else numbers.human
    size = numbers.exact if exact else numbers.human_bytes
    columns = [Column("measure", "", written, "left")]
    base = comparison.labels[comparison.baseline]
    many = len(comparison.labels) > 2
    for number, label in enumerate(comparison.labels):
        columns.append(Column(label, numbers.label(label), written))
        if number != comparison.baseline:
            place = number if many else 0
            columns.append(
                Column(f"{label} - {base}", "" if many else "difference", written, priority=50 + place)
            )
            columns.append(Column(f"{label} / {base}", "ratio", written, priority=10 + place))
            if many:
                columns[-2] = columns[-2]._replace(title=f"- {base}")
                columns[-1] = columns[-1]._replace(title=f"/ {base}")
    rows: list[list[Any]] = []
    for line in _shown(comparison):
        measure = MEASURES[line.key]
        form = size if measure.unit == "bytes" else count
        row: list[Any] = [measure.title]
        for number, value in enumerate(line.values):
            known = at_least(comparison.reports[number]).get(line.key)
            more = None if known is None else f">= {form(known)}"
            row.append(Written(value, form) if more is None else more)
            if number != comparison.baseline:
                row.append(Written(line.differences[number], signed(form)))
                row.append(Written(line.ratios[number], ratio))
        rows.append(row)
    rows.append(_texts(comparison, "output", [_shapes(shapes) for shapes in comparison.outputs]))
    if any(field is not None for field in comparison.fields):
        texts = [_field(field) for field in comparison.fields]
        rows.append(_texts(comparison, "receptive field", texts))
    return Table(columns, rows, facts=_legend(comparison), notes=_notes(comparison))


def _shown(comparison: Comparison) -> list[Line]:
    """The measures that say something: of frozen parameters and buffers, where a network has some."""
    held = any(node.frozen for report in comparison.reports for node in report.graph.nodes)
    nothing = {"buffers"} if all(_none(value) for value in comparison["buffers"].values) else set()
    nothing |= set() if held else {"trainable", "frozen"}
    return [line for line in comparison.lines if line.key not in nothing]


def _none(value: Any) -> bool:
    return type(value) is int and value == 0


def _tall(comparison: Comparison) -> Table:
    """Closed forms are wide: a row for each network under each measure."""
    base = comparison.labels[comparison.baseline]
    columns = (
        Column("measure", "", written, "left"),
        Column("network", "", numbers.label, "left"),
        Column("ratio", f"/ {base}", written, "left"),
        Column("value", "value", written, "left"),
        Column("difference", f"- {base}", written, "left", 50),
    )
    rows: list[list[Any]] = []
    below: list[tuple[str, str]] = []
    for line in _shown(comparison):
        title, unit = MEASURES[line.key].title, MEASURES[line.key].unit
        form = _in_bytes if unit == "bytes" else numbers.exact
        for number, label in enumerate(comparison.labels):
            value, change = line.values[number], line.differences[number]
            quotient: Any = Written(line.ratios[number], _short(ratio, UNREADABLE))
            more: Any = Written(change, _short(signed(form), UNREADABLE))
            if number == comparison.baseline:
                quotient = more = ""
            if is_symbolic(value) and len(form(value)) > LONGEST:
                below.append((f"{title}, {label}", form(value)))
            rows.append(
                [
                    _head(title, number),
                    label,
                    quotient,
                    Written(value, _short(form, LONGEST, "(below)")),
                    more,
                ]
            )
    for number, (label, outputs) in enumerate(zip(comparison.labels, comparison.outputs, strict=True)):
        rows.append([_head("output", number), label, "", _shapes(outputs), ""])
    if any(field is not None for field in comparison.fields):
        for number, (label, field) in enumerate(zip(comparison.labels, comparison.fields, strict=True)):
            rows.append([_head("receptive field", number), label, "", _field(field), ""])
    return Table(columns, rows, facts=[*_legend(comparison), *below], notes=_notes(comparison))


def _head(title: str, number: int) -> Written:
    """The measure of a row: a reader needs it once, a program in every row."""
    return Written(title, numbers.label if number == 0 else lambda _: "")


def _in_bytes(value: Any) -> str:
    return f"{numbers.exact(value)} B"


def _short(
    form: Callable[[Any], str], longest: int, instead: str = "(no simpler form)"
) -> Callable[[Any], str]:
    """The form, where the text of a closed form is not too long for a column."""

    def apply(value: Any) -> str:
        text = form(value)
        return text if not is_symbolic(value) or len(text) <= longest else instead

    return apply


def _legend(comparison: Comparison) -> list[tuple[str, str]]:
    return [
        (label, f"{_whole_name(report)}{_input(report)}{_settings(comparison, report)}")
        for label, report in zip(comparison.labels, comparison.reports, strict=True)
    ]


def _settings(comparison: Comparison, report: Any) -> str:
    """The variables by which a network differs from another one of the same name."""
    namesakes = [other.graph for other in comparison.reports if other.name == report.name]
    different = [
        f"{name}={_number(value)}"
        for name, value in report.graph.variables.items()
        if any(str(graph.variables.get(name)) != str(value) for graph in namesakes)
    ]
    return f"  {', '.join(different)}" if different else ""


def _number(value: Any) -> str:
    from convcalc.calculators.fit.ranges import show

    return numbers.label(show(value) if isinstance(value, Fraction) else str(value))


def _whole_name(report: Any) -> str:
    """The name of a document, or a line of stages in full, however long."""
    from convcalc.spec.document.reading import is_document

    text = report.graph.text
    return numbers.label(report.name if not text or is_document(text) else " ".join(text.split()))


def _notes(comparison: Comparison) -> list[str]:
    """What the symbols must meet, and why the networks are not alike."""
    met = dict.fromkeys(c for report in comparison.reports for c in report.graph.constraints)
    notes = [f"As long as {', '.join(map(numbers.other, met))}."] if met else []
    if any(field is not None and field.everything for field in comparison.fields):
        notes.append("A receptive field is that of the features, before a global operation sees everything.")
    for label, report in zip(comparison.labels, comparison.reports, strict=True):
        if unknown := unknown_operators(report):
            told = "its totals are at least (>=)" if report.at_least else "--partial gives at least"
            notes.append(f"{numbers.label(label)}: {unknown}; {told}.")
    if comparison.warnings:
        notes += ["No like-for-like comparison:", *(f"- {text}" for text in comparison.warnings)]
    return notes


def _texts(comparison: Comparison, title: str, texts: list[str]) -> list[Any]:
    row: list[Any] = [title]
    for number, text in enumerate(texts):
        row += [text] if number == comparison.baseline else [text, "", ""]
    return row


def _field(field: Any) -> str:
    if field is None:
        return "-"
    return numbers.shape(field.size) if any(map(is_symbolic, field.size)) else show_field(field)


def _shapes(shapes: Any) -> str:
    return ", ".join(map(numbers.shape, shapes))


def _input(report: Any) -> str:
    return f"  (input {numbers.shapes(report.inputs)})" if report.inputs else ""


def signed(form: Callable[[Any], str]) -> Callable[[Any], str]:
    """The form with a plus before what is more."""

    def apply(value: Any) -> str:
        text = form(value)
        return f"+{text}" if type(value) is int and value > 0 else text

    return apply


def ratio(value: Any) -> str:
    """Three decimals, three digits where that would say nothing; a closed form as a sum of fractions."""
    if value is None:
        return "-"
    if value is UNKNOWN:
        return "?"
    if is_symbolic(value):
        return numbers.other(value) if value.size <= 100 else "(no simpler form)"
    if isinstance(value, Fraction):
        if value == 1:
            return "1"
        number = float(value)
        return f"{number:.3f}" if 0.01 <= abs(number) < 1000 else f"{number:.3g}"
    return numbers.other(value)


SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def layers_table(difference: Difference, *, exact: bool = False) -> Table:
    """What was added (+), removed (-) and changed (~), in the order of the network."""
    count = numbers.exact if exact else numbers.human
    columns = (
        Column("change", "", numbers.label, "left"),
        Column("name", "layer", numbers.label, "left", 0, 16, True),
        Column("before", "before", numbers.label, "left", 30, 20),
        Column("after", "after", numbers.label, "left", 0, 20),
        Column("params", "parameters", signed(count), priority=10),
        Column("macs", "MACs", signed(count), priority=20),
    )
    rows = [
        (SIGNS[c.kind], c.name, _text(c, "before"), _text(c, "after"), c.params, c.macs)
        for c in difference.changes
    ]
    notes = [f"{difference.same} layers are the same in both"]
    if difference.renamed:
        notes[0] += f", {difference.renamed} of them under another name"
    if difference.resized:
        notes[0] += f", {difference.resized} of them at another size"
    notes[0] += "."
    if not rows:
        return Table((), (), facts=[("layers", "no difference")], notes=notes)
    return Table(columns, rows, notes=notes)


def _text(change: Change, side: str) -> str:
    text = getattr(change, side)
    if text is not None:
        return str(text)
    here = "added" if side == "after" else "removed"
    return f"{change.layers} layers" if change.kind == here and change.layers > 1 else ""
