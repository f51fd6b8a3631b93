"""The table of a page: totals, columns, and a row for every layer, input and block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from convcalc.calculators.count.footprint import footprints
from convcalc.calculators.count.report import Report, given
from convcalc.calculators.receptive_field.graph import ReceptiveField
from convcalc.calculators.receptive_field.output import field_of, show_field
from convcalc.calculators.receptive_field.rows import LayerField
from convcalc.dims import UNKNOWN, Dim, maximum_of
from convcalc.exporters.text import format_placed
from convcalc.page.repeats import repeats
from convcalc.page.tree import Place, Tree
from convcalc.records import plain
from convcalc.render import numbers
from convcalc.render.views.count.report import NAMED, with_shown
from convcalc.render.views.solve.receptive_field import each, size


class Column(NamedTuple):
    """A column of the table: ``main`` ones stay on a narrow screen."""

    key: str
    title: str
    align: str
    main: bool


COLUMNS: Final = (
    Column("label", "layer", "left", True),
    Column("what", "what", "left", True),
    Column("output", "output", "right", True),
    Column("params", "parameters", "right", True),
    Column("macs", "MACs", "right", True),
    Column("flops", "FLOPs", "right", False),
    Column("memory", "memory", "right", False),
    Column("field", "field", "right", False),
    Column("stride", "stride", "right", False),
)

TOTALS: Final = (
    "params", "macs", "peak_memory_bytes", "receptive_field", "flops", "valid_macs", "activations",
    "param_bytes", "trainable", "frozen", "buffers",
)  # fmt: skip
"""Keys of the totals, those of the header first."""

SHARED: Final = ("params", "macs", "flops", "memory")
"""Keys of values of which a row has a share: of the total, or of the peak."""


def totals(report: Report, fields: ReceptiveField) -> list[dict[str, Any]]:
    """The totals, those of the header first.

    Returns:
        of each ``key``, ``title``, ``text`` as people read it, ``value`` (a number, the text of a closed
        form, or None of what is not known), ``unit`` and ``note``.
    """
    found = []
    for key in TOTALS:
        if key == "receptive_field":
            found.append(_field_total(report, fields))
            continue
        title, _, human = NAMED[key]
        value = getattr(report.totals, key)
        text, note = human(value), ""
        if report.at_least.get(key):
            text, note = f"at least {human(report.at_least[key])}", "some of it is not known"
        elif value is UNKNOWN:
            text, note = "unknown", "it depends on what is not known"
        elif key == "peak_memory_bytes" and report.totals.peak_memory_at:
            note = f"at {numbers.label(report.totals.peak_memory_at)}"
        unit = "bytes" if human is numbers.human_bytes else ""
        found.append(_total(key, title, text, value, unit, note))
    return found


def _total(key: str, title: str, text: str, value: Any, unit: str, note: str) -> dict[str, Any]:
    return {"key": key, "title": title, "text": text, "value": plain(value), "unit": unit, "note": note}


def _field_total(report: Report, fields: ReceptiveField) -> dict[str, Any]:
    found = field_of(report.graph, fields)
    note, text, value = "", "unknown", None
    if found is not None:
        text = value = show_field(found)
        if found.everything and text != "all":
            note = "before a layer that sees everything"
        elif found.everything:
            text = "all"
    elif fields.output is None and not fields.decided:
        text, note = "none", "the output sees no pixel of an input"
    elif fields.decided:
        name, what = next(iter(fields.decided.items()))
        note = f"{what} decide what {name} reads"
    return _total("receptive_field", "receptive field", text, value, "pixels", note)


def report_json(report: Report) -> dict[str, Any]:
    """The report as ``convcalc summary --json`` gives it."""
    shown = report.table("summary").records()
    layers = [with_shown(row.to_dict(), cells) for row, cells in zip(report.layers, shown, strict=True)]
    return {**report.to_dict(), "layers": layers}


def rows(
    report: Report,
    fields: ReceptiveField,
    tree: Tree,
    detail: Mapping[str, int],
    groups: dict[str, Any],
) -> list[dict[str, Any]]:
    """A row for every layer, input and block; a block stands before its children.

    Returns:
        of each ``id``, ``parent``, ``label``, ``depth``, ``kind`` (``block``, ``layer``, ``input``), ``op``,
        ``what`` (as the spec language writes it), ``cells`` (texts of the other columns), ``values``
        (numbers, texts of closed forms, None of what is not known), ``share`` (0 to 1), ``times`` and
        ``same`` of equal repeats, and ``detail``, a number of :func:`convcalc.page.details.details` or None.
    """
    memory = _memory(report, tree)
    whole: dict[str, Dim] = {key: getattr(report.totals, key) for key in SHARED if key != "memory"}
    whole["memory"] = report.totals.peak_memory_bytes
    known: dict[Any, str] = {}
    texts = {id: _what(place, report, known) for id, place in tree.places.items()}
    again = repeats(report.graph, tree, groups, texts)
    seen: dict[str, LayerField] = {}
    for row in fields.layers:
        seen.setdefault(row.name, row)
    made = []
    for id, place in tree.places.items():
        times, same = again.get(id, (1, None))
        shown = _row(place, report, seen, memory.get(id, 0), whole, texts[id])
        made.append({**shown, "times": times, "same": same, "detail": detail.get(id)})
    return made


def _memory(report: Report, tree: Tree) -> dict[str, Dim]:
    """Bytes that are live while each row runs: of a block, at most."""
    found: dict[str, Dim] = {}
    inside: dict[str, list[Dim]] = {}
    for row, one in zip(report.layers, footprints(report), strict=True):
        *above, id = tree.above(row.name)
        found[id] = one.live_bytes
        for block in above:
            inside.setdefault(block, []).append(one.live_bytes)
    with given(report.constraints):
        return found | {block: maximum_of(sizes) for block, sizes in inside.items()}


def _row(
    place: Place,
    report: Report,
    fields: Mapping[str, LayerField],
    memory: Dim,
    whole: dict[str, Dim],
    what: str,
) -> dict[str, Any]:
    counts, node = place.counts, None if place.number is None else report.graph.nodes[place.number]
    kind = "block" if node is None else "input" if counts is None else "layer"
    values: dict[str, Any] = {}
    cells: dict[str, str] = {}
    share: dict[str, float | None] = {}
    if counts is None:
        assert node is not None
        cells["output"] = numbers.shape(node.outputs[0])
    else:
        cells["output"] = numbers.shape(counts.output_shape)
        values = {key: getattr(counts, key) for key in ("params", "macs", "flops", "activations")}
        values["memory"] = memory
        for key, form in _FORMS.items():
            cells[key] = form(values[key])
        share = {key: numbers.part(numbers.Share(values[key], whole[key])) for key in SHARED}
        seen = fields.get(node.name) if node is not None else None
        if seen is not None:
            cells["field"], cells["stride"] = each(size(seen)), each(seen.stride)
            values |= {"field": seen.size, "stride": seen.stride, "start": _starts(seen)}
    return {
        "id": place.id,
        "parent": place.parent,
        "label": place.label,
        "depth": place.depth,
        "kind": kind,
        "op": "block" if node is None else node.op,
        "what": what,
        "cells": cells,
        "values": plain(values),
        "share": share,
    }


def _starts(seen: LayerField) -> list[Any]:
    """Where the first output's field begins, per axis, in pixels; None where that is not known."""
    return [-one if isinstance(one, (int, Fraction)) else None for one in seen.padding]


_FORMS: Final[dict[str, Callable[[Any], str]]] = {
    "params": numbers.human,
    "macs": numbers.human,
    "flops": numbers.human,
    "memory": numbers.human_bytes,
}


def _what(place: Place, report: Report, texts: dict[Any, str]) -> str:
    counts = place.counts
    if counts is None:
        assert place.number is not None
        return f"input {numbers.shape(report.graph.nodes[place.number].outputs[0])}"
    if counts.node is None:
        return f"{counts.layers} layer{'s' * (counts.layers != 1)}"
    key = id(counts.node.layer), counts.node.frozen, counts.node.shares
    if key not in texts:
        texts[key] = format_placed(counts.node, counts.input_shapes)
    return texts[key]
