"""What a session shows of a result when it is named: one line, never all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.layers.values import show
from convcalc.render import numbers
from convcalc.render.views.solve.receptive_field import each, size


def _report(report: Any) -> str:
    totals = report.totals
    held = any(node.frozen for node in report.graph.nodes)
    params = f"{numbers.exact(totals.params)} parameters"
    params += f" ({numbers.exact(totals.trainable)} trainable)" if held else ""
    return f"{_name(report)}: {params}, {_macs(totals.macs)}"


def _macs(macs: Any) -> str:
    return f"{numbers.human(macs)} MACs"


def _name(result: Any) -> str:
    name = " ".join(str(result.name).split())
    return name if len(name) <= 60 else name[:57] + "..."


def _graph(graph: Any) -> str:
    inputs = [graph.nodes[i].outputs[0] for i in graph.inputs]
    layers = _many(len(graph.nodes) - len(inputs), "layer")
    leaves = [graph.shape(edge) for edge in graph.outputs]
    return f"{_name(graph)}: {layers}, {numbers.shapes(inputs)} -> {numbers.shapes(leaves)}"


def _fields(fields: Any) -> str:
    row = fields.output
    if row is None:
        return f"{_name(fields)}: {'not known' if fields.decided else 'the output sees no pixel'}"
    return f"{_name(fields)}: field {each(size(row))}, stride {each(row.stride)}, padding {each(row.padding)}"


def _padding(report: Any) -> str:
    return f"{_name(report)}: {_many(len(report.layers), 'layer')}, {_many(len(report.findings), 'finding')}"


def _judged(judged: Any) -> str:
    rates = " ".join(show(r) if len(set(r)) > 1 else str(r[0]) for r in judged.rates)
    return f"rates {rates}: {_holes(judged)}, {judged.covered:,} of {judged.total:,} pixels"


def _holes(judged: Any) -> str:
    return "holes" if judged.has_holes else "no holes"


def _transposed(solution: Any) -> str:
    into, out = (show(tuple(getattr(axis, side) for axis in solution.axes)) for side in ("input", "output"))
    return f"{solution.spec}: {into} -> {out}, {'even' if solution.is_even else 'uneven'}"


def _verification(found: Any) -> str:
    verdict = "agrees" if found.ok else "differs"
    return f"{_name(found)}: {verdict}, {_many(len(found.layers), 'layer')}"


def _random(found: Any) -> str:
    many = _many(found.number, "spec")
    return f"{many}, {_many(found.checks, 'check')}: {_many(len(found.failures), 'failure')}"


def _zoo(found: Any) -> str:
    differ = sum(not one.ok for one in found.networks.values())
    return f"{_many(len(found.networks), 'network')}: {differ or 'none'} differ"


def _comparison(found: Any) -> str:
    pairs = zip(found.labels, found.reports, strict=True)
    return ", ".join(f"{label} {_macs(report.totals.macs)}" for label, report in pairs)


def _explanation(found: Any) -> str:
    parts = len(found.parts) or len(found.sections)
    return f"{_name(found)}: {_many(parts, 'layer')}, {_many(_lines(found), 'quantity', 'quantities')}"


def _lines(found: Any) -> int:
    return len(found.lines) + sum(len(section.lines) for section in found.sections)


def _check(found: Any) -> str:
    failed = sum(row.ok is not True for row in found.rows)
    limits = _many(len(found.rows), "limit")
    return f"{_name(found)}: {f'{failed} of {limits} not held' if failed else f'holds {limits}'}"


def _fit(found: Any) -> str:
    name, best = _name(found), found.best
    return f"{name}: nothing fits" if best is None else f"{name}: {found.variables[0]} = {best.value}"


def _padded(found: Any) -> str:
    pads = ", ".join(str(a) if a == b else f"{a}:{b}" for a, b in found.padding)
    return f"padding {pads}"


def _variants(found: Any) -> str:
    return f"{found.layer} on {numbers.shape(found.input)}: {_many(len(found.rows) - 1, 'replacement')}"


def _run(found: Any) -> str:
    outputs = ", ".join(f"{name} {numbers.shape(array.shape)}" for name, array in found.outputs.items())
    return f"{_name(found)}: {_many(len(found.layers), 'tensor')}, {found.dtype}, outputs {outputs}"


def _picture(found: Any) -> str:
    return f"{found.kind}: {found.caption}"


def _coverage(found: Any) -> str:
    seen = f"{found.count:,} of {found.pixels:,} pixels"
    return f"{found.field.layer}: {seen} of {found.field.input} contribute"


def _layer(row: Any) -> str:
    counts = f"{numbers.exact(row.params)} parameters, {_macs(row.macs)}"
    return f"{_name(row)}: {row.op} -> {numbers.shape(row.output_shape)}, {counts}"


def _training(found: Any) -> str:
    saved, peak = numbers.human_bytes(found.saved_bytes), numbers.human_bytes(found.peak_bytes)
    return f"{_name(found)}: {saved} saved for backward, peak {peak}, batch {found.batch}"


def _largest_batch(found: Any) -> str:
    return f"{_name(found)}: batch {found.batch} trains in {numbers.human_bytes(found.max_memory)}"


def _run_judged(one: Any) -> str:
    return f"{one.run.names[0]} to {one.run.names[-1]}: {_holes(one)}"


def _many(count: int, noun: str, plural: str = "") -> str:
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


HEADLINES: Final[dict[str, Callable[[Any], str]]] = {
    "Graph": _graph,
    "Report": _report,
    "ReceptiveField": _fields,
    "PaddingReport": _padding,
    "PaddingSolution": _padded,
    "DilationJudgement": _judged,
    "TransposedSolution": _transposed,
    "Verification": _verification,
    "RandomRun": _random,
    "ZooRun": _zoo,
    "Comparison": _comparison,
    "Explanation": _explanation,
    "Check": _check,
    "Fit": _fit,
    "Variants": _variants,
    "Run": _run,
    "Picture": _picture,
    "Coverage": _coverage,
    "LayerReport": _layer,
    "TrainingMemory": _training,
    "LargestBatch": _largest_batch,
    "RunJudgement": _run_judged,
}
"""The headline of a result by the name of its class."""
