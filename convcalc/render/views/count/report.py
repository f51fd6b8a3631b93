"""The tables of a report: ``summary``, ``params``, ``flops``, ``shapes`` and ``memory``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.dims import UNKNOWN, is_symbolic, total
from convcalc.render import numbers
from convcalc.render.table import Column, Format, Scale, Table

if TYPE_CHECKING:
    from convcalc.calculators.conventions.bridge import Bridge
    from convcalc.calculators.count.footprint import Footprint
    from convcalc.calculators.count.report import LayerReport, Report
    from convcalc.render.tree import Group, Tree


class Field(NamedTuple):
    """A column of a report.

    Attributes:
        key: attribute of a layer's counts, or ``ops.add`` and the like; ``spec`` is the layer as
            the spec language writes it, ``params%`` the share of ``params`` in the total.
        title: heading.
        priority: columns with the largest number go first where the terminal is too narrow.
        exact: how a value is written in full.
        human: how it is written in human units.
        total: whether the totals line shows it.
        scale: how a screen shows all its values in one unit.
    """

    key: str
    title: str
    priority: int = 0
    exact: Format = numbers.exact
    human: Format = numbers.human
    total: bool = True
    scale: Scale | None = numbers.one_unit


class View(NamedTuple):
    """A table of a report: the column that ``--top`` orders by, its fields, and its named results."""

    main: str
    fields: tuple[Field, ...]
    facts: tuple[str, ...] = ()
    always_exact: bool = False


def _text(key: str, title: str, priority: int = 0) -> Field:
    return Field(key, title, priority, numbers.label, numbers.label, False, None)


def _shape(key: str, title: str, priority: int, form: Format = numbers.shape) -> Field:
    return Field(key, title, priority, form, form, False, None)


def _bytes(key: str, title: str, priority: int = 0, total: bool = True) -> Field:
    return Field(key, title, priority, numbers.exact, numbers.human_bytes, total, numbers.one_byte_unit)


_NAME: Final = _text("name", "name")
_SPEC: Final = _text("spec", "layer", 40)
_OUTPUT: Final = _shape("output_shape", "output", 20)
_SPLIT: Final = (Field("trainable", "trainable", 5), Field("frozen", "frozen", 6))
"""What the parameters are made up of; shown where something is frozen."""
_INDICES: Final = (Field("indices", "indices", 31), _bytes("index_bytes", "indices", 41))
"""Whole numbers that are stored; shown where there are any."""
_STORED: Final = Field("buffers", "buffers", 60)
"""Shown in the summary where something is stored."""
_LENT: Final = (Field("shared_params", "shared", 4, total=False), _text("shares", "weights of", 3))
"""Whose parameters a layer uses that are counted there, and how many; shown where there are such."""

VIEWS: Final[dict[str, View]] = {
    "summary": View(
        "flops",
        (
            _NAME,
            _SPEC,
            _OUTPUT,
            Field("params", "params"),
            *_SPLIT,
            *_LENT,
            _STORED,
            Field("macs", "MACs", 10),
            Field("flops", "FLOPs", 50),
            Field("flops%", "FLOPs %", 30),
            Field("activations", "activations", 70),
        ),
        (
            "params",
            "trainable",
            "frozen",
            "buffers",
            "indices",
            "macs",
            "valid_macs",
            "flops",
            "activations",
            "param_bytes",
            "peak_memory_bytes",
        ),
    ),
    "params": View(
        "params",
        (
            _NAME,
            _SPEC,
            Field("weights", "weights", 50),
            Field("biases", "biases", 51),
            Field("other", "other", 52),
            Field("params", "params"),
            *_SPLIT,
            *_LENT,
            Field("params%", "share", 20),
            Field("buffers", "buffers", 45),
            _INDICES[0],
        ),
        ("params", "trainable", "frozen"),
        always_exact=True,
    ),
    "flops": View(
        "flops",
        (
            _NAME,
            _SPEC,
            _OUTPUT,
            Field("macs", "MACs", 10),
            Field("valid_macs", "valid MACs", 30),
            Field("ops.add", "add", 54),
            Field("ops.mul", "mul", 53),
            Field("ops.cmp", "cmp", 52),
            Field("ops.div", "div", 55),
            Field("ops.special", "special", 56),
            Field("flops", "FLOPs"),
            Field("flops%", "share", 20),
        ),
    ),
    "shapes": View(
        "output_shape",
        (
            _NAME,
            _SPEC,
            _shape("input_shapes", "input", 20, numbers.shapes),
            _shape("output_shape", "output", 0),
        ),
        always_exact=True,
    ),
    "memory": View(
        "live_bytes",
        (
            _NAME,
            _SPEC,
            _OUTPUT,
            _bytes("param_bytes", "params", 10),
            _LENT[1],
            Field("params%", "params %", 70),
            _bytes("buffer_bytes", "buffers", 60),
            _INDICES[1],
            _bytes("output_bytes", "writes", 15, total=False),
            _bytes("live_bytes", "live", total=False),
        ),
        ("param_bytes", "buffer_bytes", "index_bytes", "peak_memory_bytes"),
    ),
}
"""The views by name. ``live`` is every tensor that is alive while the layer runs."""

NAMED: Final[dict[str, tuple[str, Format, Format]]] = {
    "params": ("parameters", numbers.exact, numbers.human),
    "trainable": ("trainable", numbers.exact, numbers.human),
    "frozen": ("frozen", numbers.exact, numbers.human),
    "buffers": ("buffers", numbers.exact, numbers.human),
    "indices": ("stored indices", numbers.exact, numbers.human),
    "macs": ("MACs", numbers.exact, numbers.human),
    "valid_macs": ("valid MACs", numbers.exact, numbers.human),
    "flops": ("FLOPs", numbers.exact, numbers.human),
    "activations": ("activations", numbers.exact, numbers.human),
    "param_bytes": ("parameter memory", numbers.exact, numbers.human_bytes),
    "buffer_bytes": ("buffer memory", numbers.exact, numbers.human_bytes),
    "index_bytes": ("index memory", numbers.exact, numbers.human_bytes),
    "peak_memory_bytes": ("peak memory", numbers.exact, numbers.human_bytes),
}
"""Name of each total, and how it is written in full and in human units."""

UNAVAILABLE: Final = "unavailable"
AT_LEAST: Final = ">="
TOO_MANY: Final = "too many layers may be the largest; put numbers in place of symbols"
NO_SIZE: Final = "the size of the input is not stated; give it with --input CxHxW"


def heading(report: Report) -> str:
    """What was counted: name, input, batch and number type."""
    sizes = ", ".join(f"input {numbers.shape(shape)}" for shape in report.inputs)
    batch = "" if report.batch == 1 else f", batch {numbers.other(report.batch)}"
    return f"{shortened(numbers.label(report.name))}: {sizes or 'no input'}{batch}, {report.dtype}"


def shortened(text: str, length: int = 80) -> str:
    """A name of at most so many characters, for a heading; what is longer ends in dots."""
    return text if len(text) <= length else text[: length - 3] + "..."


def table(
    report: Report,
    view: str = "summary",
    *,
    exact: bool = False,
    rows: Sequence[LayerReport] | None = None,
    notation: str = "plain",
    others: Sequence[Bridge] = (),
) -> Table:
    """One table of a report; of all layers, with the tree that a screen shows.

    Args:
        report: the counts.
        view: ``summary``, ``params``, ``flops``, ``shapes`` or ``memory``.
        exact: every digit instead of human units.
        rows: what :meth:`Report.fold` gave; every layer by default.
        notation: how closed forms are written: ``plain``, ``unicode`` or ``latex``.
        others: what other tools print of it; each has a column, and one of shares.

    Returns:
        the table, with every row in order.

    Raises:
        ValueError: there is no such view, or no such notation.
    """
    if view not in VIEWS:
        raise ValueError(f"no view {view!r}: expected one of {', '.join(VIEWS)}")
    chosen = _needed(report, VIEWS[view])
    with numbers.written_in(notation):
        made = _table(report, chosen, exact, report.layers if rows is None else rows, others)
    if rows is None:
        made.tree = lambda: tree(report, view, made, others)
    return made


def tree(report: Report, view: str, table: Table, others: Sequence[Bridge] = (), **settings: Any) -> Tree:
    """The layers of a table under the blocks they stand in, each block with its sums.

    Args:
        report: the counts.
        view: the view that the table is.
        table: a table of it with a row for every layer.
        others: the tools that have a column in it.
        settings: as for :class:`convcalc.render.tree.Tree`.
    """
    from convcalc.render.tree import Tree

    chosen = _needed(report, VIEWS[view])
    layers = {row.name: row for row in report.layers}
    prints: dict[str, Footprint] = {}
    if _measured(chosen):
        from convcalc.calculators.count.footprint import footprints

        prints = dict(zip(layers, footprints(report), strict=True))

    def values(groups: Sequence[Group]) -> Sequence[Sequence[Any]]:
        from convcalc.calculators.count.footprint import together

        rows, measured = [], []
        for group in groups:
            inside = [layers[table.rows[row][0]] for row in group.rows]
            one = inside[0] if len(inside) == 1 and group.leaf else report.block(group.path, inside)
            if group.leaf:
                one.node = inside[0].node
                one.input_shapes = inside[0].input_shapes
            rows.append(one)
            if prints:
                measured.append(together(report, one, [prints[row.name] for row in inside]))
        columns = [_values(report, rows, measured, field.key) for field in chosen.fields]
        for number, field in enumerate(chosen.fields):
            if field.key == "spec":
                columns[number] = [
                    "" if group.open else text for group, text in zip(groups, columns[number], strict=True)
                ]
        inside_each = [[table.rows[row][0] for row in group.rows] for group in groups]
        return list(zip(*columns, *_of_tools(others, inside_each), strict=True))

    return Tree(table, values, whole=report.name, title=headline(report), **settings)


def headline(report: Report) -> str:
    """What a screen shows above a table: what was counted, and where the network was published."""
    source = report.graph.source
    batch = "" if report.batch != 1 else ", batch 1"
    return f"{heading(report)}{batch}" + (f"\n{numbers.label(source)}" if source else "")


def _measured(view: View) -> bool:
    """Whether a view shows what layers hold in memory."""
    return any(field.key in _FOOTPRINT for field in view.fields)


def _needed(report: Report, view: View) -> View:
    """The view without columns that would say nothing: where nothing is frozen, shared or stored."""
    hidden: list[Field] = []
    facts = view.facts
    if not any(node.frozen for node in report.graph.nodes):
        hidden += _SPLIT
        facts = tuple(name for name in facts if name not in ("trainable", "frozen"))
    if not any(row.lent for row in report.layers):
        hidden += _LENT
    if type(report.totals.buffers) is int and not report.totals.buffers:
        hidden.append(_STORED)
    if type(report.totals.indices) is int and not report.totals.indices:
        hidden += _INDICES
        facts = tuple(name for name in facts if name not in ("indices", "index_bytes"))
    return view._replace(fields=tuple(field for field in view.fields if field not in hidden), facts=facts)


def _table(
    report: Report, chosen: View, exact: bool, rows: Sequence[LayerReport], others: Sequence[Bridge] = ()
) -> Table:
    exact = exact or chosen.always_exact
    prints: list[Footprint] = []
    if _measured(chosen):
        from convcalc.calculators.count.footprint import footprints

        prints = footprints(report, rows)
    columns: list[Column] = []
    values: list[list[Any]] = []
    footer: list[Any] = []
    for field in chosen.fields:
        columns.append(_column(field, exact, report.totals.peak_memory_bytes))
        values.append(_values(report, rows, prints, field.key))
        if field.key == "name":
            footer.append("total")
        elif not field.total:
            footer.append(None)
        elif field.key.endswith("%"):
            whole = getattr(report.totals, field.key[:-1])
            footer.append(numbers.Share(whole, whole))
        elif field.key in report.at_least:
            form = columns[-1].format
            footer.append(numbers.Text(f"{AT_LEAST} {form(report.at_least[field.key])}"))
        else:
            footer.append(_read(report.totals, field.key))
    fields = chosen.fields
    for one in others:
        both = (Field(one.tool, one.tool, total=False), Field(f"{one.tool}%", "share", 25, total=False))
        fields += both
        columns += [_column(field, exact, None) for field in both]
        footer += [one.total, numbers.Share(one.total, one.total)]
    values += _of_tools(others, [_names(report, row) for row in rows])
    facts = [*_outputs(report), *(_fact(report, name, exact) for name in chosen.facts)]
    facts += [_told(one, report, exact) for one in others]
    chosen = chosen._replace(fields=fields)
    if any(map(is_symbolic, footer)):
        footer, more = _long_totals(columns, footer, chosen)
        facts = [*(fact for fact in more if fact[0] not in dict(facts)), *facts]
    return Table(
        columns,
        list(zip(*values, strict=True)),
        footer=footer if any(field.total for field in chosen.fields) else None,
        title=heading(report),
        facts=facts,
        notes=[*_notes(report, chosen), *closed_form_notes(report)],
    )


def _names(report: Report, row: LayerReport) -> list[str]:
    """Names of the layers of a row: its own, or those of the block that it is."""
    if row.node is not None:
        return [row.name]
    names = [one.name for one in report.layers]
    return names if row.layers == len(names) else [one for one in names if one.startswith(f"{row.name}.")]


def _of_tools(others: Sequence[Bridge], groups: Sequence[Sequence[str]]) -> list[list[Any]]:
    """What each tool counts of each group of layers, and its share in the tool's total."""
    columns: list[list[Any]] = []
    for one in others:
        counted = {layer.name: layer.total for layer in one.layers}
        parts = [total(counted.get(name, 0) for name in names) for names in groups]
        columns += [parts, [numbers.Share(part, one.total) for part in parts]]
    return columns


def _told(one: Bridge, report: Report, exact: bool) -> tuple[str, str]:
    """A tool's total as a named result: its unit, and how much of our MACs it is."""
    text = (numbers.exact if exact else numbers.human)(one.total)
    return f"{one.title} {one.version}", f"{text} {one.unit}{_times_ours(one, report)}"


def _times_ours(one: Bridge, report: Report) -> str:
    ours = report.totals.macs
    if type(ours) is not int or type(one.total) is not int or not ours:
        return ""
    return "  (our MACs)" if one.total == ours else f"  ({one.total / ours:.4g} of our MACs)"


def _outputs(report: Report) -> list[tuple[str, str]]:
    """What a network with several outputs returns, by name; of one, the last row says it."""
    if len(report.outputs) < 2:
        return []
    return [(f"output {numbers.label(name)}", numbers.shape(shape)) for name, shape in report.outputs.items()]


BELOW: Final = "(below)"
_LONG: Final = 40


def _long_totals(
    columns: list[Column], footer: list[Any], view: View
) -> tuple[list[Any], list[tuple[str, str]]]:
    """Totals that are too long for a column, as named results below the table."""
    facts = []
    for number, (column, field) in enumerate(zip(columns, view.fields, strict=True)):
        if not is_symbolic(footer[number]):
            continue
        text = column.format(footer[number])
        if len(text) > _LONG:
            footer[number] = numbers.Text(BELOW)
            facts.append((NAMED[field.key][0] if field.key in NAMED else field.title, text))
    return footer, facts


def closed_form_notes(report: Report) -> list[str]:
    """What symbols must meet, and which roundings stay."""
    notes = []
    if report.constraints:
        notes.append(f"Valid where {', '.join(map(numbers.other, report.constraints))}{_met(report)}.")
    roundings = [
        f"{numbers.other(value)} (exact where {numbers.other(where)})" for value, where in report.roundings
    ]
    if roundings:
        notes.append(f"Symbols do not decide, and leave as it is: {', '.join(roundings)}.")
    return notes


def _met(report: Report) -> str:
    """Which sizes meet the conditions on one symbol: ``; that is, H and W: multiples of 16``."""
    from convcalc.spec.sizes.meeting import meeting

    names: dict[str, list[str]] = {}
    for name, sizes in meeting(report.constraints).items():
        names.setdefault(sizes.text(), []).append(name)
    met = [f"{' and '.join(mine)}: {text}" for text, mine in names.items()]
    return f"; that is, {', '.join(met)}" if met else ""


_FOOTPRINT: Final = ("param_bytes", "buffer_bytes", "index_bytes", "output_bytes", "live_bytes")


def _column(field: Field, exact: bool, peak: Any) -> Column:
    form = field.exact if exact else field.human
    if field.key.endswith("%"):
        key = f"{field.key[:-1]}_share"
        return Column(key, field.title, numbers.share, priority=field.priority, tone=numbers.weight, bar=True)
    if form is numbers.label:
        name = field.key == "name"
        return Column(field.key, field.title, form, "left", field.priority, 14 if name else 18, name)
    return Column(
        field.key.rpartition(".")[2],
        field.title,
        form,
        priority=field.priority,
        tone=(lambda value: "strong" * (value == peak)) if field.key == "live_bytes" else numbers.weight,
        scale=None if exact else field.scale,
    )


def _values(report: Report, rows: Sequence[LayerReport], prints: Sequence[Footprint], key: str) -> list[Any]:
    if key == "spec":
        return _specs(rows)
    if key == "shares":
        return [row.shares or "" for row in rows]
    if key.endswith("%"):
        whole = getattr(report.totals, key[:-1])
        return [numbers.Share(getattr(row, key[:-1]), whole) for row in rows]
    if key in _FOOTPRINT:
        return [getattr(one, key) for one in prints]
    if "." in key:
        return [_read(row, key) for row in rows]
    return [getattr(row, key) for row in rows]


def _specs(rows: Sequence[LayerReport]) -> list[str]:
    """Each layer as the spec language writes it; a folded block by its number of layers."""
    from convcalc.exporters.text import format_placed

    texts: dict[Any, str] = {}
    result = []
    for row in rows:
        if row.node is None:
            result.append(f"{row.layers} layer{'s' * (row.layers != 1)}")
            continue
        # Repeats share their layers.
        key = id(row.node.layer), row.node.frozen, row.node.shares
        text = texts.get(key)
        if text is None:
            text = texts[key] = format_placed(row.node, row.input_shapes)
        result.append(text)
    return result


def with_shown(row: dict[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON holds it, with what the table shows besides: the layer's text, shares, bytes."""
    for key, value in shown.items():
        if key not in row and key not in row["ops"]:
            row[key] = numbers.part(value) if isinstance(value, numbers.Share) else value
    return row


def _read(counts: Any, key: str) -> Any:
    for name in key.split("."):
        counts = getattr(counts, name)
    return counts


def _fact(report: Report, name: str, exact: bool) -> tuple[str, str]:
    title, full, human = NAMED[name]
    value = getattr(report.totals, name)
    if name in report.at_least:
        return title, f"at least {(full if exact else human)(report.at_least[name])}"
    if value is UNKNOWN:
        return title, UNAVAILABLE
    totals = report.totals
    if is_symbolic(value):
        return title, _closed_fact(value, full if exact else human)
    text = (full if exact else human)(value)
    if name == "valid_macs" and type(totals.macs) is int and totals.macs:
        text += f"  ({numbers.share(numbers.Share(value, totals.macs))} of the MACs do not multiply padding)"
    if name == "params" and value and not any(node.frozen for node in report.graph.nodes):
        text += "  (all trainable)"
    if name == "peak_memory_bytes" and totals.peak_memory_at:
        text += f"  (at {totals.peak_memory_at})"
    return title, text


def _closed_fact(value: Any, form: Format) -> str:
    """A total of symbols; where that is shorter, as it is from some size on."""
    from convcalc.symbols.conditions import settled

    unit = " B" if form is numbers.human_bytes else ""
    text = form(value) + unit
    if len(text) <= _LONG:
        return text
    short, where = settled(value)
    if not where:
        return text
    return f"{form(short)}{unit}  (where {', '.join(map(numbers.other, where))})"


MOST_NAMED: Final = 8


def unknown_operators(report: Report) -> str:
    """What is not known, with a count and the places: ``1 operator is not known: TopK (head.topk)``."""
    count = sum(map(len, report.unknown.values()))
    if not count:
        return ""
    left, said = MOST_NAMED, []
    for what, places in report.unknown.items():
        if left <= 0:
            break
        more = f" and {len(places) - left} more" if len(places) > left else ""
        said.append(f"{numbers.label(what)} ({', '.join(map(numbers.label, places[:left]))}{more})")
        left -= len(places)
    if len(said) < len(report.unknown):
        others = len(report.unknown) - len(said)
        said.append(f"and {others} more {'kinds' if others > 1 else 'kind'}")
    head = f"{count} operators are" if count != 1 else "1 operator is"
    return f"{head} not known: {', '.join(said)}"


def _notes(report: Report, view: View) -> list[str]:
    names = [field.key for field in view.fields if field.total and field.key in NAMED]
    names += [name for name in view.facts if name not in names]
    missing = [NAMED[name][0] for name in names if getattr(report.totals, name) is UNKNOWN]
    if not missing:
        return []
    unknown = unknown_operators(report)
    if report.at_least:
        why = [unknown or "Some sizes are not known", f"{', '.join(missing)}: at least ({AT_LEAST})"]
        return [f"{'; '.join(why)}, without what is not known."]
    if unknown:
        return [f"{unknown}; {', '.join(missing)}: {UNAVAILABLE}; --partial gives at least."]
    sized = not any(size is UNKNOWN for shape in report.inputs for size in shape)
    return [f"{', '.join(missing)}: {UNAVAILABLE}, because {TOO_MANY if sized else NO_SIZE}."]
