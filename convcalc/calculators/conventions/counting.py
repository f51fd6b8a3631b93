"""Counts as another tool prints them, layer by layer, and what makes the difference to ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.calculators.conventions.declaration import Convention, Rule, Terms, convention
from convcalc.calculators.conventions.structure import kinds, known, ways
from convcalc.dims import UNKNOWN, prod, total
from convcalc.records import Record
from convcalc.spec.language.evaluation import evaluate

if TYPE_CHECKING:
    from convcalc.calculators.count.report import LayerReport, Report
    from convcalc.dims import Shape


@dataclass(frozen=True)
class Counted(Record):
    """What a tool counts of a layer.

    Attributes:
        name: the layer's.
        op: its registered name.
        terms: what counts, by name.
        macs: our multiply-accumulates of it.
        kind: how it is written, in words of :data:`convcalc.graph.WRITTEN`.
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
    return _counted(report, told, told.rules)


def span(report: Report, name: str) -> tuple[int, int] | None:
    """The least and the most that a tool may print, however the layers without parameters are written.

    None where it is known how they are, where that changes nothing, or where totals are no numbers.
    """
    told = convention(name)
    if not told.modules or known(report.graph):
        return None
    least, most, written = 0, 0, kinds(report.graph)
    for row in report.layers:
        if row.node is None or row.op not in told.rules:
            continue
        choices = list(ways(row.node)) if not row.params else [written(row.node)]
        found = [_layer(report, row, told, told.rules[row.op], kind).total for kind in choices]
        if not all(type(value) is int for value in found):
            return None
        least, most = least + min(found), most + max(found)
    return None if least == most else (least, most)


def activations(report: Report, name: str) -> Any:
    """The activations that a tool counts of a report; None where it counts none."""
    told = convention(name)
    return total(row.total for row in _counted(report, told, told.activations)) if told.activations else None


def _counted(report: Report, told: Convention, rules: Mapping[str, Rule]) -> list[Counted]:
    written = kinds(report.graph)
    return [
        _layer(report, row, told, rules.get(row.op), written(row.node))
        for row in report.layers
        if row.node is not None
    ]


def _layer(report: Report, row: LayerReport, told: Convention, rule: Rule | None, kind: str) -> Counted:
    terms: dict[str, Any] = {}
    fault = ""
    if rule is not None:
        facts = _facts(report, row, kind)
        if rule.when is None or evaluate(rule.when, facts):
            fault = rule.fault
            found = _terms(rule, kind, told)
            terms = {key: evaluate(term, facts) for key, term in found.items()}
            if "einsum" in kind and rule.einsum:
                terms = {key: _printed(value, rule.einsum) for key, value in terms.items()}
    return Counted(row.name, row.op, terms, row.macs, kind, rule is not None and bool(terms), fault)


def _terms(rule: Rule, kind: str, told: Convention) -> Terms:
    for word in kind.split():
        if word == "covered" and told.whole:
            return {}
        if word == "module":
            return rule.terms
        if word in rule.written:
            return rule.written[word]
        if word == "part":
            return {}
    return {} if told.modules else rule.terms


def _printed(value: Any, digits: int) -> Any:
    """Half of a number of operations that was read off a printed figure of so many digits."""
    return int(float(f"{2 * value:.{digits - 1}e}") / 2) if isinstance(value, int) else value


def _first(kind: str, batch: Any, outer: Shape) -> Any:
    """The first size of the output in the source, which is the batch where nothing is known of it."""
    words = kind.split()
    if not outer or not {"merged", "behind"} & {*words}:
        return batch
    return batch * outer[0] if "merged" in words else outer[0]


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
        "first": _first(kind, batch, outer),
        "inputs": batch * prod(inner),
        "outputs": batch * prod(outer),
        "macs": row.macs,
        "params": sum(prod(shape) for shape in arrays.values()),
        "weights": sum(prod(shape) for name, shape in arrays.items() if "weight" in name),
        "biases": sum(prod(shape) for name, shape in arrays.items() if "bias" in name),
        "biased": int("bias" in arrays or getattr(layer, "bias", False) is True),
        "affine": int("weight" in arrays),
        "axes": len(inner) - 1,
        "kernel": prod(kernel) if isinstance(kernel, tuple) else 1,
        "groups": getattr(layer, "groups", 1),
        "channels_in": inner[0] if inner else 1,
        "positions_in": prod(inner[1:]),
        "positions_out": batch * prod(outer[1:]),
        "positions_left": prod(outer[1:]),
        "size": inner[axis] if type(axis) is int and inner else 1,
        "batch": batch,
        "rows": batch * (outer[0] if len(outer) > 1 else 1),
        "depth": getattr(layer, "layers", 1),
        "directions": getattr(layer, "directions", 1),
        "gates": getattr(layer, "gates", 1),
        "hidden": getattr(layer, "hidden", 1),
        "state": getattr(layer, "size", 1),
        "in_features": getattr(layer, "in_features", 1),
        "nearest": mode == "nearest",
        "linear": mode == "linear",
        "cubic": mode == "cubic",
        "method": not {"method", "tensor"}.isdisjoint(kind.split()),
        "as_bias": "bias" in kind.split(),
    }
