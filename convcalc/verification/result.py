"""What a verification found: every quantity twice, a layer at a time and in total."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from convcalc.layers.base import Ops
from convcalc.records import Record, record

QUANTITIES: Final = (
    "output_shape",
    "params",
    "buffers",
    "macs",
    "valid_macs",
    *Ops._fields,
    "flops",
    "activations",
    "live_bytes",
    "receptive_field",
)
"""What both witnesses state of a layer. ``arrays`` (names and shapes of what is stored), ``shares``
(whose arrays are used: the very same ones) and ``values`` (two forms of execution against each other) are
checked besides, and ``indices`` where some are stored."""

TOTALS: Final = (
    "params",
    "buffers",
    "macs",
    "valid_macs",
    *Ops._fields,
    "flops",
    "activations",
    "peak_memory_bytes",
)
"""What both witnesses state of the whole graph."""


class Check(NamedTuple):
    """One quantity, by formula and by execution.

    Attributes:
        quantity: one of :data:`QUANTITIES` or :data:`TOTALS`, ``arrays``, ``shares``, ``values`` or
            ``unread``.
        formula: what the formula says.
        executed: what running showed.
        ok: whether they agree.
        witness: how it was executed: ``arrays`` (counted from the operands of the fast kernels),
            ``scalars`` (counted operation by operation in the naive ones), ``a batch of 2``,
            ``taint`` (influence traced back to the input), ``poison`` (and forwards from it).
    """

    quantity: str
    formula: Any
    executed: Any
    ok: bool
    witness: str = "arrays"


def compare(quantity: str, formula: Any, executed: Any, witness: str = "arrays") -> Check:
    """A check that holds where both are equal."""
    return Check(quantity, formula, executed, bool(formula == executed), witness)


@dataclass(frozen=True)
class LayerCheck(Record):
    """One layer: every quantity twice.

    Attributes:
        name: unique dotted name of the node.
        op: registered name of its layer.
        spec: the layer as the spec language writes it.
        checks: all checks made of it.
        executed: whether the layer was reached by the run.
    """

    KEYS = "name op ok formula executed differences"

    name: str
    op: str
    spec: str
    checks: tuple[Check, ...]
    executed: bool = True

    @property
    def ok(self) -> bool:
        """Whether all checks hold and the layer was executed."""
        return self.executed and all(check.ok for check in self.checks)

    @property
    def differences(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.ok)

    def find(self, quantity: str) -> Check | None:
        """The check of a quantity: one that does not hold, else the first; None if there is none."""
        found = [check for check in self.checks if check.quantity == quantity]
        return next((check for check in found if not check.ok), found[0] if found else None)

    def to_dict(self) -> dict[str, Any]:
        """The layer as JSON holds it."""
        first: dict[str, Check] = {}
        for check in self.checks:
            first.setdefault(check.quantity, check)
        executed = {name: check.executed for name, check in first.items()} if self.executed else None
        formula = {name: check.formula for name, check in first.items()}
        return record(self, formula=formula, executed=executed)


@dataclass(frozen=True, repr=False)
class Verification(Record):
    """A graph, by formula and by execution.

    Attributes:
        name: what the spec calls the network.
        inputs: shapes of the inputs it was run on.
        own_inputs: shapes of the inputs that were asked for; they differ where it was reduced.
        layers: one entry a layer, in execution order; inputs are no layers.
        totals: checks of the sums, and of peak memory.
        error: why the run stopped, where the formulas describe something that cannot be executed.
        scalars: whether every operation was also counted one by one.
        fields: number of layers whose receptive field was traced.
        notes: what a reader must know (a reduced size, fields that nothing can show).
        asked: layers in all, where it was interrupted before the last of them; else None.
    """

    KEYS = (
        "name ok input=inputs own_input=own_inputs reduced checks scalars fields error notes complete layers "
        "totals"
    )

    name: str
    inputs: tuple[tuple[int, ...], ...]
    own_inputs: tuple[tuple[Any, ...], ...]
    layers: tuple[LayerCheck, ...]
    totals: tuple[Check, ...]
    error: str | None = None
    scalars: bool = False
    fields: int = 0
    notes: tuple[str, ...] = field(default=())
    asked: int | None = None

    @property
    def complete(self) -> bool:
        """Whether it came to its end; else it was interrupted, and holds the layers that were run."""
        return self.asked is None

    @property
    def ok(self) -> bool:
        """Whether formula and execution agree on everything."""
        return (
            self.error is None
            and all(layer.ok for layer in self.layers)
            and all(check.ok for check in self.totals)
        )

    @property
    def reduced(self) -> bool:
        """Whether it was run at another size than its own."""
        return self.inputs != self.own_inputs

    @property
    def sums(self) -> tuple[Check, ...]:
        """The totals of one sample; those of a batch are checked besides."""
        return tuple(check for check in self.totals if check.witness == "arrays")

    @property
    def checks(self) -> int:
        """How many pairs of numbers were compared."""
        return len(self.totals) + sum(len(layer.checks) for layer in self.layers)

    def differences(self) -> Iterator[tuple[str, Check]]:
        """Every check that does not hold, with the name of its layer (empty for totals)."""
        for layer in self.layers:
            for check in layer.differences:
                yield layer.name, check
        for check in self.totals:
            if not check.ok:
                yield "", check

    def to_dict(self) -> dict[str, Any]:
        """The verification as JSON holds it."""
        totals = {
            "formula": {check.quantity: check.formula for check in self.sums},
            "executed": {check.quantity: check.executed for check in self.sums},
            "differences": [check for check in self.totals if not check.ok],
        }
        return record(self, totals=totals)

    def __str__(self) -> str:
        state = "agree" if self.ok else "DIFFER"
        lines = [f"{self.name}: formula and execution {state} ({self.checks} comparisons)"]
        lines += [f"  {describe(name, check)}" for name, check in self.differences()]
        if self.error:
            lines.append(f"  not executed: {self.error}")
        return "\n".join(lines)


def describe(name: str, check: Check) -> str:
    """A difference in one line."""
    words = f"{name or 'total'}: {check.quantity} is {show(check.formula)} by formula, "
    words += f"{show(check.executed)} by execution"
    if check.witness != "arrays":
        words += f" ({check.witness})"
    if type(check.formula) is int and type(check.executed) is int:
        words += f": {check.formula - check.executed:+,}"
    return words


def show(value: Any) -> str:
    """A quantity as people read it."""
    if type(value) is int:
        return f"{value:,}"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{key} {show(part)}" for key, part in value.items()) or "nothing"
    if isinstance(value, tuple):
        if value and all(type(size) is int for size in value):
            return "x".join(map(str, value))
        return ", ".join(map(show, value)) or "nothing"
    return str(value)
