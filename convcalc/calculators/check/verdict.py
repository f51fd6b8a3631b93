"""Hold a network to its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convcalc.budget import question
from convcalc.calculators.check.baseline import Baseline, chosen, growths_of, of_report, read_baselines
from convcalc.calculators.check.costliest import Cost, costliest
from convcalc.calculators.check.limits import Limit, LimitError, counted, limits
from convcalc.calculators.count.report import analyze
from convcalc.dims import Dim
from convcalc.graph import Spec, as_graph
from convcalc.records import Record, record


@dataclass(frozen=True)
class Verdict(Record):
    """Whether a network holds one limit.

    Attributes:
        limit: its name and bound.
        value: what the network has; None for a receptive field that is the whole input, ``UNKNOWN``
            where it cannot be known.
        ok: whether the limit holds; None where it cannot be told.
        at_least: of a value that cannot be known, what is known of it.
        costliest: where a maximum does not hold, the layers that cost most of it, the largest first.
    """

    KEYS = "limit=limit.name bound=limit.bound value margin ok"

    limit: Limit
    value: Dim
    ok: bool | None
    at_least: Dim = None
    costliest: tuple[Cost, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON holds it.

        With what a value is at least where it cannot be known, the baseline where there is one, and the
        costliest layers where it fails.
        """
        more: dict[str, Any] = {} if self.at_least is None else {"at_least": self.at_least}
        if self.limit.of:
            more |= {"against": self.limit.of, "base": self.limit.base, "growth": self.limit.growth or None}
        if self.costliest:
            more["costliest"] = [cost.to_dict() for cost in self.costliest]
        return record(self, **more)

    @property
    def excess(self) -> Dim:
        """How far the value is beyond the bound; None where it is not, or where it is no number."""
        margin = self.margin
        return -margin if margin is not None and margin < 0 else None

    @property
    def margin(self) -> Dim:
        """How much further the value may go, negative where it went too far; None for what is no number."""
        if type(self.value) is not int:
            return None
        room = self.limit.bound - self.value
        return room if self.limit.most else -room


@dataclass(frozen=True, repr=False)
class Check(Record):
    """A network held to its limits.

    Attributes:
        name: of the network.
        rows: one per limit, those of the document first, those of a baseline last.
        counted: what the network has, which may be the baseline of another check.
        notes: what of a baseline could not be compared.
    """

    KEYS = "name ok limits=rows"

    name: str
    rows: tuple[Verdict, ...]
    counted: Baseline = field(default_factory=lambda: Baseline(""))
    notes: tuple[str, ...] = ()
    inputs: tuple[Any, ...] = ()
    batch: int = 1
    dtype: str = "float32"

    @property
    def ok(self) -> bool:
        """Whether every limit holds; one that cannot be told does not."""
        return all(row.ok for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The limits that do not hold, or of which it cannot be told."""
        return tuple(row for row in self.rows if not row.ok)

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON holds it, with all that was counted."""
        sizes = {"inputs": self.inputs, "batch": self.batch, "dtype": self.dtype}
        return record(self, **sizes, counts=dict(self.counted.counts), notes=self.notes)


@question
def check(
    graph: Spec,
    budget: Mapping[str, Any] | None = None,
    *,
    batch: int = 1,
    dtype: str = "float32",
    input: Any = None,
    set: Any = None,
    against: Spec | Baseline | Sequence[Baseline] | None = None,
    grow: str | Sequence[str] = (),
    unlimited: bool = False,
    training: Mapping[str, Any] | None = None,
    **given: Any,
) -> Check:
    """Hold a network to limits: its document's own, then ``budget``, then those given by name.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        budget: limits by name (:data:`convcalc.calculators.check.limits.NAMES`), such as
            ``{"max_params": "5M"}``; a later one of the same name takes the place of an earlier.
        batch: samples in one pass.
        dtype: element type for the byte counts.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.
        against: a baseline that must not be exceeded: JSON that ``convcalc summary --json`` or ``check
            --json`` wrote, or another network, in parameters, MACs, FLOPs and peak memory.
        grow: how much more than the baseline is allowed: ``5%``, or ``params=2%``, ``macs=10M`` of one count,
            which is then compared if it is none of those four.
        unlimited: whether there may be nothing to hold it to; the check then holds.
        training: how ``max_training_memory`` is trained: ``{"optimizer": "adam"}``, as of
            :func:`convcalc.training_memory`.
        given: more limits: ``max_macs="300M", min_rf=200``.

    Raises:
        LimitError: a limit that does not exist or has no amount, no limit at all, or no baseline.
        SpecError: the spec cannot be read.
    """
    graph = as_graph(graph, input=input, set=set)
    try:
        limits(graph.budget)
    except LimitError as error:  # it stands in the document, not in the call
        raise LimitError(f"the budget of {graph.name}: {error}", error.hint) from None
    held = list(merged(graph.budget, budget or {}, given))
    report = analyze(graph, batch=batch, dtype=dtype, partial=True)
    own = of_report(report)
    notes: list[str] = []
    growths = growths_of([grow] if isinstance(grow, str) else grow)
    if against is not None:
        baseline = chosen(read_baselines(against, input, set, batch, dtype), graph.name, alone=True)
        more, unknown = baseline.limits(growths)
        held += more
        notes += _differences(baseline, own, unknown)
    elif growths:
        raise LimitError("growth is allowed of nothing: there is no baseline", "against=, a baseline")
    if not held and not unlimited:
        raise LimitError(
            "there is nothing to check: no limit is given, and the document has no budget",
            "a limit such as max_params=5M, or 'budget: {max_params: 5M}' in the document",
        )
    counts = counted(graph, report, tuple(held), training)

    def verdict(limit: Limit) -> Verdict:
        value, ok = limit.value(counts), limit.holds(counts)
        costs = () if ok or not limit.most else costliest(graph, report, limit.kind.key)
        return Verdict(limit, value, ok, limit.known(counts), costs)

    rows = tuple(map(verdict, held))
    return Check(graph.name, rows, own, tuple(notes), report.inputs, batch, dtype)


def _differences(baseline: Baseline, own: Baseline, unknown: list[str]) -> list[str]:
    """What of a baseline could not be compared, and where it was counted for something else."""
    notes = [f"{baseline.name} says nothing of {', '.join(unknown)}."] if unknown else []
    if baseline.counted_for and own.counted_for and baseline.counted_for != own.counted_for:
        notes.append(f"{baseline.name} was counted for {baseline.counted_for}, this for {own.counted_for}.")
    return notes


def merged(*sources: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Limits of several sources; the last one of a name counts."""
    found: dict[str, Limit] = {}
    for source in sources:
        for limit in limits(source):
            found[limit.name] = limit
    return tuple(found.values())
