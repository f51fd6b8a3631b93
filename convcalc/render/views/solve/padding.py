"""What ``convcalc padding`` shows: an answer with its formula, or the check of a network."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from convcalc.layers.values import axis_names, joined
from convcalc.render import numbers
from convcalc.render.table import Column, Table

if TYPE_CHECKING:
    from convcalc.calculators.answers import Step
    from convcalc.calculators.padding.answer import AxisPadding, PaddingSolution
    from convcalc.calculators.padding.check import PaddingReport


def steps_table(steps: tuple[Step, ...], title: str, notes: Any = ()) -> Table:
    """Formulas with the numbers put in, one a line."""
    columns = (
        Column("name", "", numbers.label, "left"),
        Column("formula", "formula", numbers.label, "left", shrink=16, wrap=True),
        Column("substitution", "with the numbers", numbers.label, "left", shrink=16, wrap=True),
        Column("value", "value", numbers.other),
    )
    return Table(columns, steps, title=title, notes=tuple(notes))


def weights_text(histogram: dict[int, int]) -> str:
    """A histogram of valid weights: ``9 at 81.0%, 6 at 18.0%, 4 at 1.0% of the positions``."""
    whole = sum(histogram.values())
    parts = [
        f"{weights} at {numbers.share(numbers.Share(count, whole))}"
        for weights, count in sorted(histogram.items(), reverse=True)
    ]
    return ", ".join(parts) + " of the output positions"


def solution_tables(solution: PaddingSolution) -> Iterator[Table]:
    """The answer: for each distinct axis its formula, and what the frameworks do beside it."""
    names = axis_names(len(solution.axes))
    done: list[AxisPadding] = []
    for axis in solution.axes:
        if axis in done:
            continue
        done.append(axis)
        same = [name for name, other in zip(names, solution.axes, strict=True) if other == axis]
        where = "" if len(same) == len(names) else f"{' and '.join(same)}: "
        yield steps_table(axis.steps, where + _answer(axis), axis.notes)
        yield _conventions(axis)
    weights = solution.valid_weights
    if weights is not None and any(axis.dilation > 1 for axis in solution.axes):
        full = 1
        for axis in solution.axes:
            full *= axis.kernel
        notes = []
        if full not in weights:
            notes.append(f"So dilated, the filter degenerates: no position reads all {full} weights.")
        yield Table((), (), facts=[("valid weights", weights_text(weights))], notes=notes)


def _answer(axis: AxisPadding) -> str:
    window = f"kernel {axis.kernel}" + (f", dilation {axis.dilation}" if axis.dilation > 1 else "")
    window += f", stride {axis.stride}" if axis.stride > 1 else ""
    window += f", input {axis.input}" if axis.input is not None else ""
    pairs = {(case.before, case.after) for case in axis.cases}
    if len(pairs) > 1:
        padding = f"padding {' or '.join(f'{a}:{b}' for a, b in sorted(pairs))}"
    elif axis.before == axis.after:
        padding = f"padding {axis.before}"
    else:
        padding = f"padding {axis.before} before and {axis.after} after"
    keeps = "keeps the size" if axis.stride == 1 else f"gives ceil(i / {axis.stride})"
    outputs = " or ".join(dict.fromkeys(case.output_text for case in axis.cases))
    what = {
        "same": keeps,
        "same_lower": keeps,
        "size": f"gives {axis.wanted}",
        "given": f"gives {outputs}",
    }.get(axis.mode, f"is {axis.mode} padding: {outputs} leave")
    return f"{padding} {what}: {window}"


def _centre(value: Any) -> str:
    if value is None:
        return "-"
    return f"{float(value):g}" if isinstance(value, Fraction) else str(value)


def _signed(value: Any) -> str:
    return "-" if value is None else f"{value:+d}" if value else "0"


def _conventions(axis: AxisPadding) -> Table:
    columns = [
        Column("convention", "convention", numbers.label, "left"),
        Column("before", "before", numbers.other),
        Column("after", "after", numbers.other),
        Column("output", "output", numbers.other),
        Column("centre", "centre", _centre),
        Column("shift", "shift", _signed),
        Column("note", "", numbers.label, "left", 10, 16, wrap=True),
    ]
    split = len(axis.cases) > 1
    if split:
        columns.insert(1, Column("remainder", f"i % {axis.stride}", numbers.other))
    rows = []
    for row in range(len(axis.cases[0].conventions)):
        for case in axis.cases:
            one = case.conventions[row]
            cells = [one.name, one.before, one.after, one.output, one.centre, one.shift, one.note]
            rows.append([cells[0], case.remainder, *cells[1:]] if split else cells)
            if one.before is None:
                break
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(
        columns,
        rows,
        notes=[
            "centre: the input pixel under the centre of the first window. "
            "shift: pixels by which its windows stand further right than the answer's."
        ],
    )


def report_table(report: PaddingReport) -> Table:
    """The check of a network: every layer with windows, and below it what was found."""
    from convcalc.exporters.text import format_layer

    columns = (
        Column("name", "name", numbers.label, "left", 0, 14, True),
        Column("layer", "layer", numbers.label, "left", 50, 18),
        Column("input", "input", numbers.shape, "right", 30),
        Column("padding", "padding", numbers.label, "right", 10),
        Column("output", "output", numbers.shape, "right", 20),
        Column("unread", "unread", numbers.shape, "right", 40),
        Column("wasted", "padding MACs", numbers.share, "right", 15),
        Column("findings", "findings", numbers.label, "left"),
    )
    rows = [
        (
            layer.name,
            format_layer(layer.node.layer),
            layer.input or ("?",),
            _pads(layer.padding),
            layer.output or ("?",),
            ("?",) if layer.unread is None else layer.unread if any(layer.unread) else None,
            _wasted(layer.macs, layer.valid_macs),
            ", ".join(dict.fromkeys(finding.kind for finding in layer.findings)),
        )
        for layer in report.layers
    ]
    facts = [*_grouped(report), *_histograms(report)]
    total = _wasted(report.macs, report.valid_macs)
    notes = []
    if report.macs is None:
        notes.append("Unread rows and MACs are unavailable where a size is no number; --input states it.")
    if not report.layers:
        notes.append("No convolution or pooling: nothing to check.")
    if report.transposed:
        notes.append(f"Not checked here: {_named(list(report.transposed))}; see convcalc transposed.")
    return Table(
        columns,
        rows,
        footer=["total", None, None, None, None, None, total, _count(len(report.findings))],
        title=_found(report),
        facts=facts,
        notes=notes,
    )


def _found(report: PaddingReport) -> str:
    """What was found, in a line: how many findings, of which kinds."""
    name = numbers.label(report.name)
    if not report.layers:
        return f"{name}: no convolution or pooling"
    if not report.findings:
        return numbers.toned(f"{name}: nothing found", "good")
    kinds: dict[str, int] = {}
    for finding in report.findings:
        kinds[finding.kind] = kinds.get(finding.kind, 0) + 1
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return numbers.toned(f"{name}: {_count(len(report.findings))} ({said})", "warn")


def _count(findings: int) -> str:
    return f"{findings} finding{'s' * (findings != 1)}"


def _wasted(macs: Any, valid: Any) -> numbers.Share:
    return numbers.Share(None if macs is None or valid is None else macs - valid, macs)


def _pads(pairs: Any) -> str:
    texts = ["?" if p is None else str(p[0]) if p[0] == p[1] else f"{p[0]}:{p[1]}" for p in pairs]
    return joined(texts)


def _grouped(report: PaddingReport) -> Iterator[tuple[str, str]]:
    """Findings with the layers they are about; what several layers share is said once."""
    groups: dict[tuple[str, str], list[str]] = {}
    for finding in report.findings:
        groups.setdefault((finding.kind, finding.message), []).append(finding.layer)
    for (kind, message), layers in groups.items():
        yield kind, f"{_named(layers)}: {message}"


def _histograms(report: PaddingReport) -> Iterator[tuple[str, str]]:
    """How many weights of dilated layers are valid at how many positions; equal ones are said once."""
    groups: dict[str, list[str]] = {}
    for layer in report.layers:
        told = any(finding.kind == "degenerate" for finding in layer.findings)
        full = 1
        for k in layer.kernel:
            full *= k
        if layer.valid_weights and max(layer.dilation) > 1 and full > 1 and not told:
            groups.setdefault(weights_text(layer.valid_weights), []).append(layer.name)
    for text, layers in groups.items():
        yield "valid weights", f"{_named(layers)}: {text}"


def _named(layers: list[str]) -> str:
    return ", ".join(layers[:2]) + (f" and {len(layers) - 2} more" if len(layers) > 2 else "")
