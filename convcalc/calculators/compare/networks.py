"""Networks side by side: what each costs, the differences and ratios, and whether they are alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from convcalc.budget import OverBudgetError
from convcalc.calculators.compare.asked import time_bound, training_bytes
from convcalc.calculators.compare.layers import Difference, alike, difference
from convcalc.calculators.compare.measures import (
    as_counted,
    at_least,
    quantity,
    ratio,
    read,
)
from convcalc.calculators.compare.reasons import Reason, reason
from convcalc.calculators.count.report import Report, analyze
from convcalc.calculators.receptive_field.output import OutputField, field_of, show_field
from convcalc.dims import UNKNOWN, Dim, Shape, is_symbolic
from convcalc.graph import Graph, Spec, as_graph
from convcalc.layers.values import show
from convcalc.records import Record, plain, record
from convcalc.shown import Shown

COMPARED: Final = (
    "params", "trainable", "frozen", "buffers", "macs", "valid_macs", "flops", "activations",
    "param_bytes", "peak_memory_bytes",
)  # fmt: skip
"""Keys of :data:`~convcalc.calculators.compare.measures.MEASURES`, in the order of the table."""


@dataclass(frozen=True)
class Line(Record):
    """One measure of every network.

    Attributes:
        key: of :data:`~convcalc.calculators.compare.measures.MEASURES`.
        values: one per network; ``UNKNOWN`` where it cannot be known.
        differences: to the baseline.
        ratios: to the baseline: a Fraction, a closed form, None (of nothing), ``UNKNOWN``.
    """

    key: str
    values: tuple[Dim, ...]
    differences: tuple[Dim, ...]
    ratios: tuple[Any, ...]

    def to_dict(self) -> dict[str, Any]:
        """The line as JSON holds it."""
        return {
            "values": plain(self.values),
            "differences": plain(self.differences),
            "ratios": [ratio_number(r) for r in self.ratios],
            "exact_ratios": [str(r) if isinstance(r, Fraction) else ratio_number(r) for r in self.ratios],
        }


@dataclass(frozen=True, repr=False)
class Comparison(Record, Shown):
    """Networks side by side.

    Attributes:
        labels: a short name for each.
        reports: the counts of each.
        baseline: number of the one that the others are compared with.
        lines: one per measure of :data:`COMPARED`, and per convention that was asked for.
        fields: receptive field of the first output of each; None where there is none to state.
        warnings: why they cannot be compared like for like; empty where they can.
        differences: layer by layer, baseline to each other; empty where it was not asked for.
        asked: networks in all, where it was interrupted before the last of them; else None.
    """

    KEYS = "networks baseline measures reasons? warnings layers=differences complete"

    labels: tuple[str, ...]
    reports: tuple[Report, ...]
    baseline: int
    lines: tuple[Line, ...]
    fields: tuple[OutputField | None, ...]
    warnings: tuple[str, ...]
    differences: tuple[Difference, ...] = ()
    asked: int | None = None

    @property
    def complete(self) -> bool:
        """Whether every network was counted; else it was interrupted, and holds those that were."""
        return self.asked is None

    def __getitem__(self, key: str) -> Line:
        for line in self.lines:
            if line.key == key:
                return line
        raise KeyError(key)

    @property
    def reasons(self) -> dict[str, Reason]:
        """By label: why a network has the MACs it has for those of the baseline.

        Only where one is a standard convolution and the other a separable, grouped or factored form of it.
        """
        base = self.reports[self.baseline]
        others = (
            pair for n, pair in enumerate(zip(self.labels, self.reports, strict=True)) if n != self.baseline
        )
        found = ((label, reason(base, report)) for label, report in others)
        return {label: why for label, why in found if why is not None}

    @property
    def outputs(self) -> tuple[tuple[Shape, ...], ...]:
        """Shapes of the outputs of each network."""
        return tuple(_outputs(report.graph) for report in self.reports)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON holds it."""
        networks = [
            {
                "label": label,
                "name": report.name,
                "inputs": report.inputs,
                "outputs": outputs,
                "receptive_field": field,
                "constraints": report.constraints,
                **({"at_least": known} if (known := at_least(report)) else {}),
            }
            for label, report, outputs, field in zip(
                self.labels, self.reports, self.outputs, self.fields, strict=True
            )
        ]
        measures = {line.key: line for line in self.lines}
        return record(self, networks=networks, measures=measures)


def ratio_number(value: Any) -> Any:
    """A ratio as JSON holds it: a number, the text of a closed form, or None."""
    if isinstance(value, Fraction):
        return float(value)
    return str(value) if is_symbolic(value) else None


def compare(
    *graphs: Spec,
    baseline: int = 0,
    labels: Sequence[str] | None = None,
    layers: bool | None = None,
    batch: int = 1,
    dtype: str = "float32",
    partial: bool = False,
    counted_as: Sequence[str] = (),
    training: Mapping[str, Any] | None = None,
    device: str | None = None,
    input: Any = None,
    set: Any = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Comparison:
    """Compare networks, each in a question of its own where none is open.

    Args:
        graphs: graphs, or specs to load with ``input`` and ``set``; two or more.
        baseline: number of the one that differences and ratios refer to.
        labels: a short name for each; the letters A, B, ... by default.
        layers: whether to compare layer by layer; by default where there are two graphs that are
            versions of one document (more than half of their layers stand in both).
        batch: samples in one pass.
        dtype: element type for the byte counts.
        partial: give of every total that is not known what is known of it.
        counted_as: names of conventions, whose totals are lines too: ``macs_as_thop``.
        training: how they are trained, as keyword arguments of :func:`convcalc.training_memory`; the peak of
            that is a line then.
        device: name of a device, or path of its file; the least time on it is a line then (nanoseconds).
        input: for specs; see :func:`convcalc.load`.
        set: for specs; see :func:`convcalc.load`.
        progress: called with networks counted, networks in all and the label of the next. A
            KeyboardInterrupt ends it with those that were counted, if the baseline and another are.

    Raises:
        ValueError: fewer than two graphs, no such baseline, or labels that do not fit.
        SpecError: a spec cannot be read.
        LookupError: there is no such convention.
        Unreachable: there is no such device.
    """
    if len(graphs) < 2:
        raise ValueError(f"a comparison needs two networks or more, got {len(graphs)}")
    if not 0 <= baseline < len(graphs):
        raise ValueError(f"no network number {baseline}: the baseline is one of 0 to {len(graphs) - 1}")
    names = tuple(labels) if labels is not None else tuple(letters(len(graphs)))
    if len(names) != len(graphs):
        raise ValueError(f"{len(names)} labels for {len(graphs)} networks")
    if (input is not None or set) and all(isinstance(graph, Graph) for graph in graphs):
        raise ValueError("input= and set= are for specs that are still to be read; all of these are graphs")
    networks = tuple(
        graph if isinstance(graph, Graph) else as_graph(graph, input=input, set=set) for graph in graphs
    )
    counted: list[Report] = []
    fields: list[OutputField | None] = []
    unseen: list[str] = []
    asked = None
    try:
        for graph, label in zip(networks, names, strict=True):
            if progress is not None:
                progress(len(counted), len(networks), label)
            try:
                fields.append(field_of(graph))
            except OverBudgetError as error:
                fields.append(None)
                unseen.append(f"{label} is compared without its receptive field: {error.message}")
            counted.append(analyze(graph, batch=batch, dtype=dtype, partial=partial))
    except KeyboardInterrupt:
        if len(counted) < max(2, baseline + 1):
            raise
        asked = len(networks)
    reports = tuple(counted)
    networks, names = networks[: len(reports)], names[: len(reports)]
    first = networks[baseline]
    others = [graph for number, graph in enumerate(networks) if number != baseline]
    if layers is None:
        layers = len(networks) == 2 and _document(first) and _document(others[0]) and alike(first, others[0])
    seen = tuple(fields[: len(reports)])
    return Comparison(
        names,
        reports,
        baseline,
        tuple(_lines(reports, baseline, counted_as, training, device)),
        seen,
        (*_warnings(names, networks, seen, baseline), *unseen),
        tuple(difference(first, other) for other in others) if layers else (),
        asked,
    )


def _keys(counted_as: Sequence[str]) -> Iterator[str]:
    """The measures of a comparison, those of other tools behind our own."""
    for key in COMPARED:
        yield key
        if key == "macs":
            for tool in dict.fromkeys(counted_as):
                if quantity(as_counted(tool)) is None:
                    from convcalc.calculators.conventions.declaration import convention

                    convention(tool)  # says what there is
                yield as_counted(tool)


def letters(count: int) -> list[str]:
    """A, B, ..., Z, A2, B2, ..."""
    return [chr(ord("A") + n % 26) + (str(n // 26 + 1) if n >= 26 else "") for n in range(count)]


def _document(graph: Graph) -> bool:
    from convcalc.spec.document.reading import is_document

    return is_document(graph.text)


def _lines(
    reports: tuple[Report, ...],
    baseline: int,
    counted_as: Sequence[str],
    training: Mapping[str, Any] | None,
    device: str | None,
) -> Iterator[Line]:
    for key in _keys(counted_as):
        yield _line(key, [read(report, key) for report in reports], baseline)
    if training is not None:
        peaks = [training_bytes(report.graph, report.batch, training) for report in reports]
        yield _line("training_memory_bytes", peaks, baseline)
    if device is not None:
        yield _line("time_bound_ns", [time_bound(report, device) for report in reports], baseline)


def _line(key: str, found: Sequence[Dim], baseline: int) -> Line:
    values = tuple(found)
    whole = values[baseline]
    return Line(
        key,
        values,
        tuple(value - whole for value in values),
        tuple(ratio(value, whole) for value in values),
    )


def _outputs(graph: Graph) -> tuple[Shape, ...]:
    return tuple(graph.shape(edge) for edge in graph.outputs)


def _warnings(
    names: tuple[str, ...], graphs: tuple[Graph, ...], fields: tuple[OutputField | None, ...], baseline: int
) -> list[str]:
    """Where the networks differ in what goes in, what comes out, or what an output sees."""
    found = []
    first = graphs[baseline]
    inputs = [tuple(graph.nodes[i].outputs[0] for i in graph.inputs) for graph in graphs]
    for number, graph in enumerate(graphs):
        if number == baseline:
            continue
        name, base = names[number], names[baseline]
        if _differ(inputs[number], inputs[baseline]):
            found.append(f"{name} reads {_all(inputs[number])}, {base} {_all(inputs[baseline])}")
        ours, theirs = _outputs(graph), _outputs(first)
        if _differ(ours, theirs):
            found.append(f"{name} writes {_all(ours)}, {base} {_all(theirs)}")
        here, there = fields[number], fields[baseline]
        if here is not None and there is not None and here.size != there.size:
            found.append(f"{name} has a receptive field of {show_field(here)}, {base} of {show_field(there)}")
    return found


def _differ(ours: tuple[Shape, ...], theirs: tuple[Shape, ...]) -> bool:
    if [len(shape) for shape in ours] != [len(shape) for shape in theirs]:
        return True
    pairs = [(a, b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)]
    return any(a != b for a, b in pairs if a is not UNKNOWN and b is not UNKNOWN)


def _all(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(show, shapes))
