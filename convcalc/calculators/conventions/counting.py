"""Counts as another tool prints them, layer by layer, and what makes the difference to ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.calculators.conventions.declaration import BIAS, EINSUM, METHOD, MODULE, Convention, convention
from convcalc.calculators.conventions.structure import kinds
from convcalc.dims import UNKNOWN, prod, total
from convcalc.records import Record
from convcalc.spec.language.evaluation import evaluate

if TYPE_CHECKING:
    from convcalc.calculators.count.report import LayerReport, Report


@dataclass(frozen=True)
class Counted(Record):
    """What a tool counts of a layer.

    Attributes:
        name: the layer's.
        op: its registered name.
        terms: what counts, by name.
        macs: our multiply-accumulates of it.
        kind: how it is written; see :mod:`convcalc.calculators.conventions.structure`.
        seen: whether the tool counts anything of it as it is written.
        fault: what is wrong with the tool's rule for it.
    """

    KEYS = "name op total terms macs written=kind seen fault?"

    name: str
    op: str
    terms: dict[str, Any]
    macs: Any
    kind: str
    seen: bool
    fault: str

    @property
    def total(self) -> Any:
        """All that counts."""
        return total(self.terms.values()) if self.seen or self.macs is not UNKNOWN else UNKNOWN


def count(report: Report, name: str) -> list[Counted]:
    """What a tool counts of each layer of a report."""
    told = convention(name)
    written = kinds(report.graph)
    return [_layer(report, row, told, written(row.node)) for row in report.layers if row.node is not None]


def _layer(report: Report, row: LayerReport, told: Convention, kind: str) -> Counted:
    rule = told.rules.get(row.op)
    terms: dict[str, Any] = {}
    fault = ""
    if rule is not None:
        facts = _facts(report, row, kind)
        if rule.when is None or evaluate(rule.when, facts):
            fault = rule.fault
            found = (
                rule.terms if kind == MODULE else rule.written.get(kind, {} if told.modules else rule.terms)
            )
            terms = {key: evaluate(term, facts) for key, term in found.items()}
            if kind == EINSUM and rule.einsum:
                terms = {key: _printed(value, rule.einsum) for key, value in terms.items()}
    return Counted(row.name, row.op, terms, row.macs, kind, rule is not None and bool(terms), fault)


def _printed(value: Any, digits: int) -> Any:
    """Half of a number of operations that was read off a printed figure of so many digits."""
    return int(float(f"{2 * value:.{digits - 1}e}") / 2) if isinstance(value, int) else value


def _facts(report: Report, row: LayerReport, kind: str) -> dict[str, Any]:
    """What the terms of a rule may speak of."""
    assert row.node is not None
    layer, batch = row.node.layer, report.batch
    inner, outer = row.input_shapes[0] if row.input_shapes else (), row.output_shape
    arrays = layer.parameters(row.input_shapes)
    kernel = getattr(layer, "kernel", None)
    mode = str(getattr(layer, "mode", ""))
    axis = getattr(layer, "axis", None)
    return {
        "inputs_count": len(row.input_shapes),
        "first": batch,
        "inputs": batch * prod(inner),
        "outputs": batch * prod(outer),
        "macs": row.macs,
        "params": sum(prod(shape) for shape in arrays.values()),
        "weights": sum(prod(shape) for name, shape in arrays.items() if "weight" in name),
        "biases": sum(prod(shape) for name, shape in arrays.items() if "bias" in name),
        "biased": int("bias" in arrays),
        "affine": int("weight" in arrays),
        "axes": len(inner) - 1,
        "kernel": prod(kernel) if isinstance(kernel, tuple) else 1,
        "groups": getattr(layer, "groups", 1),
        "channels_in": inner[0] if inner else 1,
        "positions_in": prod(inner[1:]),
        "positions_out": batch * prod(outer[1:]),
        "positions_left": prod(outer[1:]),
        "size": inner[axis] if type(axis) is int and inner else 1,
        "rows": batch * (outer[0] if len(outer) > 1 else 1),
        "nearest": mode == "nearest",
        "linear": mode == "linear",
        "cubic": mode == "cubic",
        "method": kind == METHOD,
        "as_bias": kind == BIAS,
    }
