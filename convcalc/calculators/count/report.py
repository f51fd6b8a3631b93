"""Every count of a graph: by layer, by block and in total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from convcalc.budget import question, spend
from convcalc.calculators.count.counts import METRICS, Counts, Memo
from convcalc.calculators.count.memory import INDEX_BYTES, canonical, itemsize, peak_memory
from convcalc.collector import collector_paused
from convcalc.dims import UNKNOWN, Dim, Shape, is_symbolic, prod, total
from convcalc.graph import Graph, Node, Spec, as_graph
from convcalc.layers.base import Ops
from convcalc.records import Record, record
from convcalc.shown import Shown, table


class Lent(NamedTuple):
    """An array that a row uses and that is counted in another.

    Attributes:
        owner: name of the layer in whose row it is counted.
        params: numbers in it that are learned.
        buffers: numbers in it that are stored, not learned.
    """

    owner: str
    params: Dim
    buffers: Dim


class LayerReport(Counts, Record):
    """One row: a layer, or a block into which layers were folded.

    Attributes:
        name: unique dotted name.
        op: registered name of the layer; ``block`` for a folded one.
        block: dotted path of the block around it.
        input_shapes: channels, then spatial sizes, without batch.
        output_shape: that of its first output.
        node: the node of the graph; None for a folded row.
        lent: the arrays that it uses and that are counted in another row, by full name.
    """

    __slots__ = ("block", "input_shapes", "layers", "lent", "name", "node", "op", "output_shape")

    KEYS = f"name op block input_shapes output_shape {' '.join(METRICS)} ops shares shared_params"

    def __init__(
        self,
        name: str,
        op: str,
        input_shapes: tuple[Shape, ...],
        output_shape: Shape,
        node: Node | None,
        layers: int = 1,
    ) -> None:
        super().__init__()
        self.name = name
        self.op = op
        self.block = name.rpartition(".")[0]
        self.input_shapes = input_shapes
        self.output_shape = output_shape
        self.node = node
        self.layers = layers
        self.lent: dict[str, Lent] = {}

    @property
    def shares(self) -> str | None:
        """The layers (of a folded row: the blocks) whose arrays it uses besides its own; None of none."""
        return ", ".join(dict.fromkeys(one.owner for one in self.lent.values())) or None

    @property
    def shared_params(self) -> Dim:
        """Parameters that it uses and that are counted in another row."""
        return total(one.params for one in self.lent.values())


class Totals(Counts, Record):
    """Sums over the graph, and memory.

    Attributes:
        param_bytes: bytes of the parameters in the chosen dtype.
        buffer_bytes: bytes of the buffers.
        index_bytes: bytes of the stored indices, 8 each.
        peak_memory_bytes: the largest sum of live activations over the execution order.
        peak_memory_at: name of the layer at which it is reached; empty where sizes are symbols.
    """

    __slots__ = ("buffer_bytes", "index_bytes", "param_bytes", "peak_memory_at", "peak_memory_bytes")

    KEYS = f"{' '.join(METRICS)} ops param_bytes buffer_bytes index_bytes peak_memory_bytes peak_memory_at"

    def __init__(self) -> None:
        super().__init__()
        self.param_bytes: Dim = 0
        self.buffer_bytes: Dim = 0
        self.index_bytes: Dim = 0
        self.peak_memory_bytes: Dim = 0
        self.peak_memory_at = ""


class Report(Record, Shown):
    """Every count of a graph.

    Attributes:
        name: what the spec calls the network.
        inputs: shapes of the inputs.
        outputs: shapes of what the network returns, by name, in its order.
        batch: samples that all counts but parameters and buffers are for.
        dtype: element type of the byte counts.
        layers: one row per layer, in execution order; inputs are no rows.
        totals: sums, and memory.
        status: for every metric ``complete``, ``partial`` (some layers could not be counted
            because a size was not stated) or ``unavailable`` (no layer could).
        constraints: what the symbols must meet for the spec to be valid, and the counts with it.
        notes: how the spec was read, where others may mean it otherwise.
        at_least: where that was asked for, of every total that is not known what is known of it.
        unknown: the operators that are not known, by what they are called, with the layers that they are.
        roundings: channel roundings of symbols that could not be worked out, such as
            ``make_divisible(32*a, 8)``, each with the condition under which it changes nothing.
    """

    KEYS = "name input inputs outputs batch dtype layers totals status constraints roundings notes"

    def __init__(self, graph: Graph, batch: int, dtype: str) -> None:
        self.graph = graph
        self.name = graph.name
        self.inputs: tuple[Shape, ...] = tuple(graph.nodes[i].outputs[0] for i in graph.inputs)
        self.outputs: dict[str, Shape] = graph.named_outputs()
        self.batch = batch
        self.dtype = dtype
        self.layers: list[LayerReport] = []
        self.totals = Totals()
        self.status: dict[str, str] = {}
        self.at_least: dict[str, Dim] = {}
        self.unknown: dict[str, list[str]] = {}
        for node in graph.nodes:
            if node.layer.opaque:
                self.unknown.setdefault(node.layer.what, []).append(node.name)  # type: ignore[attr-defined]
        self.constraints: tuple[Any, ...] = graph.constraints
        self.notes: tuple[str, ...] = graph.notes

    @property
    def roundings(self) -> list[tuple[Any, Any]]:
        """Channel roundings that could not be worked out, each with where it changes nothing."""
        if not any(is_symbolic(n) for n in (self.totals.params, self.totals.activations, self.totals.flops)):
            return []
        from convcalc.symbols.conditions import roundings

        sizes = (size for node in self.graph.nodes for shape in node.outputs for size in shape)
        return roundings(sizes)

    def table(
        self,
        view: str = "summary",
        *,
        exact: bool = False,
        rows: Sequence[LayerReport] | None = None,
        notation: str = "plain",
    ) -> Any:
        """One of the tables that the command line prints.

        Args:
            view: ``summary``, ``params``, ``flops``, ``shapes`` or ``memory``.
            exact: every digit instead of human units.
            rows: what :meth:`fold` gave; every layer by default.
            notation: how closed forms are written: ``plain``, ``unicode`` or ``latex``.

        Raises:
            ValueError: there is no such view, or no such notation.
        """
        return table(self, view, exact=exact, rows=rows, notation=notation)

    def fold(self, depth: int) -> list[LayerReport]:
        """Rows with everything below ``depth`` levels of blocks folded into one row per block.

        A folded row has the input of its first layer and the output of its last.

        Raises:
            ValueError: the depth is negative.
        """
        if depth < 0:
            raise ValueError(f"depth must be 0 or more, got {depth}")
        parts: dict[tuple[str, bool], list[LayerReport]] = {}
        for row in self.layers:
            name = folded(row.name, depth)
            parts.setdefault((name, name == row.name), []).append(row)
        return [rows[0] if own else self.block(name, rows, depth) for (name, own), rows in parts.items()]

    def block(self, name: str, rows: Sequence[LayerReport], depth: int | None = None) -> LayerReport:
        """One row for the layers of a block, with the input of the first and the output of the last.

        Args:
            name: what the row is called; the whole network where it is empty.
            rows: its layers.
            depth: levels of blocks after which other blocks are folded, for whose arrays it uses; those
                of ``name`` by default.
        """
        shapes = rows[0].input_shapes[:1]
        made = LayerReport(name or self.name, "block", shapes, rows[-1].output_shape, None, 0)
        made.block = name.rpartition(".")[0]
        levels = (name.count(".") + 1 if name else 0) if depth is None else depth
        for row in rows:
            made.add(row)
            made.layers += row.layers
            for key, one in row.lent.items():
                owner = folded(one.owner, levels)
                if owner != name:  # what the block has from itself is counted in its row
                    made.lent[key] = one._replace(owner=owner)
        return made

    def share(self, row: LayerReport, metric: str) -> float | None:
        """A row's part of the total, from 0 to 1; None where that is no number."""
        part, whole = getattr(row, metric), getattr(self.totals, metric)
        if type(part) is not int or type(whole) is not int or whole == 0:
            return None
        return part / whole

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON holds it.

        A size or count that is not known is null; a total that is not complete is null too, and
        what could be summed stands under ``partial_totals``, and under ``at_least`` where that was asked
        for. Symbolic values are texts.
        """
        rounded = [{"value": str(value), "exact_where": str(where)} for value, where in self.roundings]
        partial = {m: self._known_sum(m) for m in METRICS if self.status[m] == "partial"}
        first = self.inputs[0] if self.inputs else None
        outputs = [{"name": name, "shape": shape} for name, shape in self.outputs.items()]
        more: dict[str, Any] = {"partial_totals": partial} if partial else {}
        more |= {"at_least": self.at_least} if self.at_least else {}
        more |= {"unknown_operators": self.unknown} if self.unknown else {}
        return record(self, input=first, outputs=outputs, roundings=rounded, **more)

    def _known_sum(self, metric: str) -> Dim:
        return sum(v for row in self.layers if (v := getattr(row, metric)) is not UNKNOWN)


def folded(name: str, depth: int) -> str:
    """The block that a layer belongs to, ``depth`` levels of blocks down; ``""`` is the whole network.

    A layer that stands no deeper belongs to itself.
    """
    parts = name.split(".", min(depth, len(name)))
    return name if len(parts) <= depth else ".".join(parts[:depth])


@question
def analyze(
    graph: Spec,
    *,
    batch: int = 1,
    dtype: str = "float32",
    partial: bool = False,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Report:
    """Count parameters, buffers, MACs, operations, FLOPs, activations and memory of every layer.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        batch: samples in one pass; all counts but parameters and buffers scale with it.
        dtype: element type for the byte counts.
        partial: give of every total that is not known what is known of it, as :attr:`Report.at_least`.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        ValueError: the batch is not positive, or the dtype is unknown.
        SpecError: the spec cannot be read.
    """
    if type(batch) is not int or batch < 1:
        raise ValueError(f"batch must be a whole number of at least 1, got {batch}")
    item = itemsize(dtype)
    graph = as_graph(graph, input=input, set=set)
    report = Report(graph, batch, canonical(dtype))
    with collector_paused(), given(graph.constraints):
        _fill(report, item)
        if partial:
            _add_known(report, item)
    return report


def given(constraints: tuple[Any, ...]) -> AbstractContextManager[None]:
    """While it lasts, what the symbols of a graph must meet is taken for granted."""
    if not constraints:
        return nullcontext()
    from convcalc.symbols.bounds import assuming
    from convcalc.symbols.conditions import least_values, shifts

    return assuming(least_values(constraints), shifts(constraints))


def _fill(report: Report, item: int) -> None:
    graph, batch, totals = report.graph, report.batch, report.totals
    inputs = set(graph.inputs)
    memo = Memo(batch)
    lent = graph.lent()
    for number, node in enumerate(graph.nodes):
        if number in inputs:
            continue
        spend(3)
        shapes = graph.input_shapes(node)
        row = LayerReport(node.name, node.layer.op, shapes, node.outputs[0], node)
        if number in lent:
            row.lent = _lent(graph, node, shapes, lent[number])
            row.take(memo.counts(node, shapes, tuple(lent[number])))
        else:
            row.take(memo.counts(node, shapes))
        report.layers.append(row)
    for counts, times in memo.found:
        totals.add(counts, times)
    totals.param_bytes = totals.params * item
    totals.buffer_bytes = totals.buffers * item
    totals.index_bytes = totals.indices * INDEX_BYTES
    totals.peak_memory_bytes, totals.peak_memory_at = peak_memory(graph, batch, item)
    for metric in (*METRICS, "param_bytes", "buffer_bytes", "index_bytes", "peak_memory_bytes"):
        if getattr(totals, metric) is not UNKNOWN:
            report.status[metric] = "complete"
        elif metric in METRICS and any(_counts(row, metric) for row in report.layers):
            report.status[metric] = "partial"
        else:
            report.status[metric] = "unavailable"


_BYTES = ("param_bytes", "buffer_bytes", "index_bytes")


def _add_known(report: Report, item: int) -> None:
    """Of totals that are not known, the sum of what is."""
    totals, found = report.totals, report.at_least
    for metric in METRICS:
        if getattr(totals, metric) is UNKNOWN:
            found[metric] = report._known_sum(metric)
    for kind in Ops._fields:
        if getattr(totals.ops, kind) is UNKNOWN:
            values = (getattr(row.ops, kind) for row in report.layers)
            found[f"ops.{kind}"] = total(value for value in values if value is not UNKNOWN)
    for name, metric, size in zip(
        _BYTES, ("params", "buffers", "indices"), (item, item, INDEX_BYTES), strict=True
    ):
        if metric in found:
            found[name] = found[metric] * size
    if totals.peak_memory_bytes is UNKNOWN:
        found["peak_memory_bytes"], _ = peak_memory(report.graph, report.batch, item, known=True)


def _lent(graph: Graph, node: Node, shapes: tuple[Shape, ...], owners: Mapping[str, int]) -> dict[str, Lent]:
    """The arrays of a layer that are counted in other rows, by full name."""
    learned, stored = node.layer.parameters(shapes), node.layer.buffers(shapes)
    return {
        node.key(name): Lent(
            graph.nodes[owner].name,
            prod(learned[name]) if name in learned else 0,
            prod(stored[name]) if name in stored else 0,
        )
        for name, owner in owners.items()
    }


def _counts(row: LayerReport, metric: str) -> bool:
    value = getattr(row, metric)
    return value is not UNKNOWN and (type(value) is not int or value > 0)
