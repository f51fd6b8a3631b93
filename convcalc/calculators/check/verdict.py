"""Hold a network to its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convcalc.budget import question
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
    """

    KEYS = "limit=limit.name bound=limit.bound value margin ok"

    limit: Limit
    value: Dim
    ok: bool | None
    at_least: Dim = None

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON holds it, with what a value is at least where it cannot be known."""
        return record(self, **({} if self.at_least is None else {"at_least": self.at_least}))

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
        rows: one per limit, those of the document first.
    """

    KEYS = "name ok limits=rows"

    name: str
    rows: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """Whether every limit holds; one that cannot be told does not."""
        return all(row.ok for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok


@question
def check(
    graph: Spec,
    budget: Mapping[str, Any] | None = None,
    *,
    batch: int = 1,
    dtype: str = "float32",
    input: Any = None,
    set: Any = None,
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
        given: more limits: ``max_macs="300M", min_rf=200``.

    Raises:
        LimitError: a limit that does not exist or has no amount, or no limit at all.
        SpecError: the spec cannot be read.
    """
    graph = as_graph(graph, input=input, set=set)
    chosen = merged(graph.budget, budget or {}, given)
    if not chosen:
        raise LimitError(
            "there is nothing to check: no limit is given, and the document has no budget",
            "a limit such as max_params=5M, or 'budget: {max_params: 5M}' in the document",
        )
    counts = counted(graph, analyze(graph, batch=batch, dtype=dtype, partial=True), chosen)
    return Check(
        graph.name,
        tuple(
            Verdict(limit, limit.value(counts), limit.holds(counts), limit.known(counts)) for limit in chosen
        ),
    )


def merged(*sources: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Limits of several sources; the last one of a name counts."""
    found: dict[str, Limit] = {}
    for source in sources:
        for limit in limits(source):
            found[limit.name] = limit
    return tuple(found.values())
