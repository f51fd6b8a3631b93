"""The way from our multiply-accumulates to what another tool prints, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from convcalc.budget import question
from convcalc.calculators.conventions.counting import Counted, activations, count, span
from convcalc.calculators.conventions.declaration import Convention, convention, names
from convcalc.calculators.conventions.structure import known
from convcalc.calculators.count.report import Report, analyze
from convcalc.dims import UNKNOWN, Dim, total
from convcalc.graph import Graph, Spec, as_graph
from convcalc.records import Record

PRODUCTS: Final = "products"
"""The term of a rule that stands for what we count as multiply-accumulates."""


@dataclass(frozen=True)
class Step(Record):
    """One reason why a tool's total is not ours.

    Attributes:
        what: the reason: ``bias``, ``not seen: linear layers``, a fault of the tool.
        amount: what it adds; below 0 where it is left out.
        layers: how many layers it is about.
        op: registered name of those layers where they are of one kind; empty otherwise.
        source: where the tool says so; empty where it says nothing about them.
        seen: whether the tool sees these layers at all.
        fault: what is wrong with the tool's rule; empty where nothing is.
    """

    KEYS = "what amount layers op seen fault? source"

    what: str
    amount: Dim
    layers: int
    op: str
    source: str
    seen: bool = True
    fault: str = ""


@dataclass(frozen=True, repr=False)
class Bridge(Record):
    """What a tool prints of a network, and why.

    Attributes:
        convention: how the tool counts.
        name: of the network.
        macs: our multiply-accumulates.
        total: the tool's.
        steps: what lies between the two, the largest first; they add up to the difference.
        layers: what the tool counts of each layer.
        notes: on what the total depends that is not known here.
        activations: the tool's count of activations; None where it has none.
        span: the least and the most it may print, where how layers are written is not known and matters.
    """

    KEYS = "name tool title version unit macs total ratio=share span activations steps layers notes"

    convention: Convention
    name: str
    macs: Dim
    total: Dim
    steps: tuple[Step, ...]
    layers: tuple[Counted, ...]
    notes: tuple[str, ...]
    activations: Dim | None = None
    span: tuple[int, int] | None = None

    @property
    def products(self) -> Dim:
        """What the total holds of products alone."""
        return total(row.terms.get(PRODUCTS, 0) for row in self.layers)

    @property
    def tool(self) -> str:
        """Name of the convention."""
        return self.convention.name

    @property
    def title(self) -> str:
        """What the tool's counter is called."""
        return self.convention.title

    @property
    def ratio(self) -> Fraction | None:
        """The tool's total to our multiply-accumulates, where both are numbers."""
        known = type(self.total) is int and type(self.macs) is int and self.macs > 0
        return Fraction(self.total, self.macs) if known else None

    def head(self) -> dict[str, Any]:
        """As JSON holds it, without the layers."""
        return {key: value for key, value in self.to_dict().items() if key != "layers"}

    @property
    def version(self) -> str:
        """Version of the tool."""
        return self.convention.version

    @property
    def share(self) -> float | None:
        """The ratio as JSON holds it."""
        return None if self.ratio is None else float(self.ratio)

    @property
    def unit(self) -> str:
        """What the tool calls what it counts."""
        return self.convention.unit


UNKNOWN_STRUCTURE: Final = (
    "how its layers are written (as modules, functions or operators) decides what this tool sees, and "
    "is not known here: each is taken for a module of PyTorch's own class, and what joins tensors for an "
    "operator"
)


@question
def conventions(
    spec: Spec,
    tools: tuple[str, ...] | None = None,
    *,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    batch: int = 1,
) -> tuple[Bridge, ...]:
    """What other counters print for a network, each with the way there from our numbers.

    Args:
        spec: a graph, or what :func:`convcalc.load` takes, with ``input`` and ``set``.
        tools: names of conventions; all that are declared by default.
        input: for a spec.
        set: for a spec.
        batch: samples at a time.

    Raises:
        LookupError: there is no such convention.
        SpecError: the spec cannot be read.
    """
    graph = as_graph(spec, input=input, set=set)
    report = analyze(graph, batch=batch)
    return tuple(bridge(report, tool) for tool in (names() if tools is None else tools))


def bridge(report: Report, tool: str) -> Bridge:
    """The way from a report to a tool's total."""
    told = convention(tool)
    rows = count(report, tool)
    steps: dict[tuple[str, str, bool, str], list[Any]] = {}

    def add(what: str, amount: Dim, row: Counted, seen: bool = True, fault: str = "") -> None:
        if amount is UNKNOWN or (isinstance(amount, int) and not amount):
            return
        held = steps.setdefault((what, row.op, seen, fault), [0, 0])
        held[0] += amount
        held[1] += 1

    for row in rows:
        products = row.terms.get(PRODUCTS)
        if products is None:
            add("not seen", -row.macs, row, False, row.fault)
        elif told.per_sample and products * report.batch == row.macs:
            add(f"one of {report.batch} samples is counted", products - row.macs, row)
        else:
            add(row.fault or "counted otherwise", products - row.macs, row, True, row.fault)
        for term, amount in row.terms.items():
            if term != PRODUCTS:
                add(term, amount, row)
    found = [
        Step(what, amount, layers, op, told.rules[op].source if op in told.rules else "", seen, fault)
        for (what, op, seen, fault), (amount, layers) in steps.items()
    ]
    found.sort(key=lambda step: -abs(step.amount) if isinstance(step.amount, int) else 0)
    return Bridge(
        told,
        report.name,
        report.totals.macs,
        total(row.total for row in rows),
        tuple(found),
        tuple(rows),
        assumed(report.graph, (tool,)),
        activations(report, tool),
        span(report, tool),
    )


def assumed(graph: Graph, tools: Iterable[str]) -> tuple[str, ...]:
    """On what totals of a graph depend that is not known, and what is taken for it."""
    modules = any(convention(tool).modules for tool in tools)
    return (UNKNOWN_STRUCTURE,) if modules and not known(graph) else ()
