"""The tables of a comparison: every measure side by side, and what changed layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.compare.measures import MEASURES, Quantity, at_least, quantity
from convcalc.calculators.receptive_field.output import show_field
from convcalc.dims import UNKNOWN, is_symbolic
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.count.report import unknown_operators

if TYPE_CHECKING:
    from convcalc.calculators.compare.layers import Change, Difference
    from convcalc.calculators.compare.networks import Comparison, Line
    from convcalc.calculators.compare.reasons import Reason


LONGEST: Final = 72
"""Characters of a closed form in the column of values; a longer one stands below the table."""
UNREADABLE: Final = 120
"""Characters of a difference or ratio that says no more than the two values."""


HEADLINE: Final = ("params", "macs")
"""The measures that say first what is smaller."""
IMPORTANT: Final = (
    "params", "macs", "peak_memory_bytes", "flops", "param_bytes", "activations", "trainable", "frozen",
    "valid_macs", "buffers",
)  # fmt: skip
"""Measures by what they say of a network, for where there is no room for all of them."""


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
    """What is smaller by how much, measures side by side, then what changed layer by layer."""
    sentences = list(_sentences(comparison))
    if len(comparison.labels) > 2 and sentences:
        base = numbers.label(comparison.labels[comparison.baseline])
        yield Table((), (), title=f"against {base}", facts=sentences)
    whole = table(comparison, exact=exact)
    if len(comparison.labels) == 2 and sentences:
        ((name, words),) = sentences
        base = numbers.label(comparison.labels[comparison.baseline])
        whole.title = f"{name} against {base}: {words}"
    yield whole
    for difference in comparison.differences:
        yield layers_table(difference, exact=exact)


def _sentences(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Each network but the baseline with how many parameters and MACs it has for those of the baseline."""
    reasons = comparison.reasons
    for number, label in enumerate(comparison.labels):
        if number == comparison.baseline:
            continue
        said = []
        for key in HEADLINE:
            line = comparison[key]
            words = in_words(line.values[number], line.values[comparison.baseline], MEASURES[key].title)
            why = reasons.get(label) if key == "macs" else None
            said += [words + (f": {summed(why)}" if why else "")] if words else []
        if said:
            yield numbers.label(label), ", ".join(said)


def summed(why: Reason) -> str:
    """A reason as a sum: ``1/128 + 1/9 = 0.119``; of the way back ``1/(1/128 + 1/9) = 8.41``."""
    text = " + ".join(str(part.ratio) for part in why.parts)
    value = why.ratio
    if why.inverted:
        text, value = f"1/({text})", 1 / value
    return f"{text} = {ratio(value)}"


def in_words(value: Any, base: Any, what: str) -> str:
    """How much a count is of another: ``8.2x fewer MACs``, ``12% more MACs``, ``2.1x the MACs``.

    Empty where either is no number.
    """
    if type(value) is not int or type(base) is not int:
        return ""
    if value == base:
        return f"as many {what}" if value else f"no {what} either"
    if not value or not base:
        return f"no {what}" if not value else f"{numbers.human(value)} {what} for none"
    words = ratio_in_words(Fraction(value, base))
    return f"{words} the {what}" if words.endswith("x") else f"{words} {what}"


def ratio_in_words(value: Any) -> str:
    """A ratio as people say it: ``8.2x fewer``, ``12% more``, ``2.1x``; ``same`` for 1, ``-`` of nothing."""
    if not isinstance(value, Fraction):
        return ratio(value)
    if value == 1:
        return "same"
    if not value:
        return "none"
    if Fraction(2, 3) < value < Fraction(3, 2):
        change = abs(float(value) - 1) * 100
        size = (
            "<0.1" if change < 0.05 else f"{change:.1f}".removesuffix(".0") if change < 1 else f"{change:.0f}"
        )
        return f"{size}% {'more' if value > 1 else 'fewer'}"
    return f"{_times(float(value))}x" if value > 1 else f"{_times(float(1 / value))}x fewer"


def _times(number: float) -> str:
    return f"{number:,.0f}" if number >= 99.95 else f"{number:.1f}".removesuffix(".0")


def better(cell: Any) -> str:
    """The tone of a ratio of costs: good below 1, bad above."""
    found = cell.value if isinstance(cell, Written) else cell
    if not isinstance(found, Fraction) or found == 1:
        return ""
    return "good" if found < 1 else "bad"


def table(comparison: Comparison, *, exact: bool = False) -> Table:
    """Measures in rows; for each network its value and, but for the baseline, difference and ratio.

    Differences go first where a terminal is too narrow for them; where values and ratios of all networks
    have no room either, the networks are the rows, and the measures go that matter least.

    Args:
        comparison: what to show.
        exact: every digit instead of human units.
    """
    if any(is_symbolic(value) for line in _shown(comparison) for value in line.values):
        return _tall(comparison)
    columns = [Column("measure", "", written, "left")]
    base = comparison.labels[comparison.baseline]
    many = len(comparison.labels) > 2
    for number, label in enumerate(comparison.labels):
        columns.append(Column(label, numbers.label(label), written))
        if number != comparison.baseline:
            columns.append(Column(f"{label} - {base}", "difference", written, priority=50 + number * many))
            columns.append(Column(f"{label} / {base}", "ratio", written, tone=better))
    rows: list[list[Any]] = []
    for line in _shown(comparison):
        row: list[Any] = [measure(line).title]
        form = _form(line, exact)
        for number in range(len(line.values)):
            row.append(_value(comparison, line, number, form))
            if number != comparison.baseline:
                row.append(Written(line.differences[number], signed(form)))
                row.append(Written(line.ratios[number], ratio))
        rows.append(row)
    rows.append(_texts(comparison, "output", [_shapes(shapes) for shapes in comparison.outputs]))
    if any(field is not None for field in comparison.fields):
        texts = [_field(field) for field in comparison.fields]
        rows.append(_texts(comparison, "receptive field", texts))
    return Table(
        columns,
        rows,
        facts=_legend(comparison),
        notes=_notes(comparison),
        narrow=lambda whole: _by_network(comparison, whole, exact),
    )


def measure(line: Line) -> Quantity:
    """What a line is about."""
    found = quantity(line.key)
    assert found is not None
    return found


def _form(line: Line, exact: bool) -> Callable[[Any], str]:
    unit = measure(line).unit
    if unit == "seconds":
        return _nanoseconds if exact else _time
    if exact:
        return numbers.exact
    return numbers.human_bytes if unit == "bytes" else numbers.human


def _time(value: Any) -> str:
    """Nanoseconds in the unit that fits: ``119 us``."""
    from convcalc.render.views.count.cost import seconds

    return seconds(Fraction(value, 10**9)) if type(value) is int else numbers.other(value)


def _nanoseconds(value: Any) -> str:
    return f"{numbers.exact(value)} ns"


def _value(comparison: Comparison, line: Line, number: int, form: Callable[[Any], str]) -> Any:
    """The value of one network; where it is not known, what it is at least."""
    known = at_least(comparison.reports[number]).get(line.key)
    return Written(line.values[number], form) if known is None else f">= {form(known)}"


def _by_network(comparison: Comparison, whole: Table, exact: bool) -> Table:
    """The same with networks in rows: value and ratio of each measure, the most important first."""
    lines = sorted(_shown(comparison), key=_importance)
    columns = [Column("network", "", numbers.label, "left")]
    for place, line in enumerate(lines):
        priority = place if line.key not in HEADLINE else 0
        columns.append(Column(line.key, measure(line).title, written, priority=priority))
        columns.append(Column(f"{line.key}_ratio", "ratio", written, priority=priority, tone=better))
    fields = any(field is not None for field in comparison.fields)
    columns += [Column("field", "receptive field", numbers.label, priority=5)] if fields else []
    rows = []
    for number, label in enumerate(comparison.labels):
        row: list[Any] = [label]
        for line in lines:
            quotient: Any = "" if number == comparison.baseline else Written(line.ratios[number], ratio)
            row += [_value(comparison, line, number, _form(line, exact)), quotient]
        rows.append([*row, *([_field(comparison.fields[number])] if fields else [])])
    return Table(columns, rows, title=whole.title, facts=whole.facts, notes=whole.notes)


def _importance(line: Line) -> int:
    """The place of a measure where there is no room for all; what was asked for goes first."""
    return IMPORTANT.index(line.key) if line.key in IMPORTANT else 0


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
        title, unit = measure(line).title, measure(line).unit
        form = {"bytes": _in_bytes, "seconds": _nanoseconds}.get(unit, numbers.exact)
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
    """The name of a document or a program, or a line of stages in full, however long."""
    from convcalc.spec.document.reading import is_document

    text = report.graph.text
    named = not text or report.graph.again is not None or is_document(text)
    return numbers.label(report.name if named else " ".join(text.split()))


def _notes(comparison: Comparison) -> list[str]:
    """What the symbols must meet, and why the networks are not alike."""
    met = dict.fromkeys(c for report in comparison.reports for c in report.graph.constraints)
    notes = [f"As long as {', '.join(map(numbers.other, met))}."] if met else []
    named = len(comparison.labels) > 2
    notes += [_where_from(label if named else "", why) for label, why in comparison.reasons.items()]
    if comparison.asked is not None:
        notes.insert(0, f"Interrupted: {len(comparison.labels)} of {comparison.asked} networks are compared.")
    if any(field is not None and field.everything for field in comparison.fields):
        notes.append("A receptive field is that of the features, before a global operation sees everything.")
    for label, report in zip(comparison.labels, comparison.reports, strict=True):
        if unknown := unknown_operators(report):
            told = "its totals are at least (>=)" if report.at_least else "--partial gives at least"
            notes.append(f"{numbers.label(label)}: {unknown}; {told}.")
    if comparison.warnings:
        notes += ["No like-for-like comparison:", *(f"- {text}" for text in comparison.warnings)]
    return notes


def _where_from(label: str, why: Reason) -> str:
    """The sum of a reason by its layers, and in letters where it is one that everybody knows."""
    parts = ", ".join(f"{part.ratio} {numbers.label(part.layer)}" for part in why.parts)
    head = f"{numbers.label(label)}: " if label else ""
    text = f"{head}MACs of the {why.form} form for one of the standard convolution: {parts}."
    if why.formula is not None:
        given = ", ".join(f"{name} = {value}" for name, value in why.letters.items())
        text += f" That is {numbers.other(why.formula)} with {given}."
    topic = {"separable": "depthwise separable", "grouped": "grouped convolution"}.get(why.form)
    return text + (f" Why: convcalc explain '{topic}'." if topic else "")


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
