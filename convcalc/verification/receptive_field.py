"""Receptive fields: what the formulas state against what tracing the execution back shows.

Two things are compared for a sample of output positions, at both ends and inside. The *region*:
which input indices along each axis are read, holes and ends included, must be the same set. The
*field*: where neither end of the input cuts it, its size, stride and padding are read off the
traced regions and must be those of the formula. Where the field is larger than the input, a larger
input is tried; where the graph takes no other size, the region alone is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from convcalc.calculators.receptive_field.graph import ReceptiveField, receptive_field
from convcalc.calculators.receptive_field.rows import LayerField
from convcalc.executor import taint
from convcalc.graph import Graph
from convcalc.solve.sizes import own_inputs
from convcalc.verification.overstated import field_is_smaller, reads_beside, reads_less, reads_nothing_between
from convcalc.verification.poison import Poisoned, poisoned
from convcalc.verification.result import Check
from convcalc.verification.traced_field import (
    FieldAxis,
    Larger,
    Target,
    describe,
    elements,
    extent,
    stated,
    text,
    traced_field,
)

SAMPLED: Final = 4
"""Layers traced in a large graph: its outputs, and others evenly spread over its depth."""

MANY: Final = 100
"""Layers from which fewer positions are traced."""

LARGE: Final = 300_000_000
"""Elements of all tensors from which half as many layers are traced."""


def field_checks(graph: Graph, every: bool) -> tuple[dict[str, list[Check]], list[str]]:
    """Checks of receptive fields, by name of the layer.

    Args:
        graph: a graph whose sizes are numbers.
        every: whether to trace every layer, not a sample.

    Returns:
        the checks, and what cannot be shown.
    """
    if all(len(shape) == 1 for shape in own_inputs(graph)):
        return {}, []
    fields = receptive_field(graph)
    larger = Larger(graph)
    poison = poisoned(graph) if every else []
    found: dict[str, list[Check]] = {}
    notes: list[str] = []
    for target in targets(graph, every):
        checks = found.setdefault(target.layer, [])
        decided = fields.decided_before(target.layer)
        for row in fields.of(target.tensor):
            if decided and not all(axis.known for axis in row.axes):  # nothing is stated of it
                if poison:
                    checks.append(_poison_check(graph, poison, target, row))
                continue
            try:
                regions, covered = _region_check(graph, fields, target, row)
                checks += (regions, _field_check(graph, larger, target, row, regions.ok and covered))
                if poison:
                    checks.append(_poison_check(graph, poison, target, row))
            except ValueError as error:  # a wrong shape has positions that execution does not know
                checks.append(Check("receptive_field", describe(row), f"nothing: {error}", False, "taint"))
    for name, by in fields.decided.items():
        notes.append(
            f"{name}: {by} decide what is read; no field is stated from there on, and none compared."
        )
    whole = [
        name
        for name, checks in found.items()
        if any(check.quantity == "receptive_field" and "all" in str(check.formula) for check in checks)
    ]
    if whole and not every:
        notes.append(
            f"{whole[0]} sees all of the input (an operation over the whole map lies on its way): "
            "its field has no size to show, the pixels it reads were compared."
        )
    return found, notes


def targets(graph: Graph, every: bool) -> list[Target]:
    """The tensors to trace."""
    found = []
    for number, node in enumerate(graph.nodes):
        if number in graph.inputs:
            continue
        names = node.layer.output_names()
        for output, shape in enumerate(node.outputs):
            if output == 0 or output not in node.layer.index_outputs:
                part = names[output] if len(node.outputs) > 1 else ""
                found.append(Target(node.name, f"{node.name}.{part}" if part else node.name, shape))
    sampled = SAMPLED if every or elements(graph) < LARGE else SAMPLED // 2
    if every or len(found) <= sampled:
        return found
    wanted = {graph.nodes[edge.node].name for edge in graph.outputs}
    spatial = [target for target in found if max(target.shape[1:], default=1) > 1]
    step = max(1, len(spatial) // sampled)
    chosen = spatial[step - 1 :: step][-sampled:]
    return chosen + [one for one in found if one.layer in wanted and one not in chosen][:sampled]


def _positions(sizes: Sequence[int], few: bool = False) -> list[tuple[int, ...]]:
    """Both ends and the middle, and unless ``few`` what lies next to the ends."""
    picks = [[0, n // 2, n - 1] if few else [0, min(1, n - 1), n // 2, max(n - 2, 0), n - 1] for n in sizes]
    return list(dict.fromkeys(zip(*picks, strict=True))) if sizes else [()]


def _region_check(
    graph: Graph, fields: ReceptiveField, target: Target, row: LayerField
) -> tuple[Check, bool]:
    """Whether the positions of the sample read exactly the indices that the formulas say.

    And whether those lie in the runs that the field gives them.
    """
    positions = _positions(target.shape[1:], few=len(graph) > MANY)
    traced = taint(graph, positions, output=target.tensor, input=row.input)
    loose = reads_less(graph, graph.ancestors(target.layer))
    formula: list[Any] = []
    executed: list[Any] = []
    ok = covered = True
    copies = _copies(graph, target)
    for position, mark in zip(positions, traced, strict=True):
        region = next(one for one in fields.at(position, target.tensor) if one.input == row.input)
        due = tuple((axis.read, axis.count) for axis in region.axes)
        seen = tuple(extent(mark, axis) for axis in range(mark.ndim))
        covered = covered and (copies or _covered(row, position, [ends for ends, _ in seen]))
        agree = due == seen if region.exact and not loose else _inside(seen, due)
        if not agree or not executed:
            formula, executed = [position, due], [position, seen]
        ok = ok and agree
        if not ok:
            break
    return Check("receptive_region", _words(*formula), _words(*executed), ok, "taint"), covered


def _covered(row: LayerField, position: Sequence[int], seen: Sequence[tuple[int, int] | None]) -> bool:
    """Whether what a position reads lies in the run that the field gives it, along every axis."""
    for axis, ends in zip(row.axes, seen, strict=True):
        if ends is None or axis.everything or not axis.local or not axis.known or 0 in axis.drivers:
            continue
        run = axis.at(position, row.output_shape)
        if run is None or ends[0] < run[0] or ends[1] >= run[0] + run[1]:
            return False
    return True


def _poison_check(graph: Graph, poison: Sequence[Poisoned], target: Target, row: LayerField) -> Check:
    """Whether poisoned pixels come out at those positions of the sample that are traced back to them."""
    positions = _positions(target.shape[1:])
    traced = taint(graph, positions, output=target.tensor, input=row.input, reads=True)
    # A value may be unpooled to one place of its window only, and is traced to all of them; and where an
    # input decides what is read, to whatever may be. Nor does NaN come out of what is looked up by places.
    layers = [graph.nodes[number].layer for number in graph.ancestors(target.layer)]
    placed = any(layer.index_outputs for layer in layers)
    some = any(layer.index_inputs or layer.decided_by or (placed and layer.looks_up) for layer in layers)
    for one in poison:
        if one.input != row.input or target.tensor not in one.reached:
            continue
        decided = [not one.undecided[target.tensor][position] for position in positions]
        came = [
            yes and bool(one.reached[target.tensor][p]) for yes, p in zip(decided, positions, strict=True)
        ]
        due = [yes and bool(mark[one.pixel]) for yes, mark in zip(decided, traced, strict=True)]
        if any(a > b if some else a != b for a, b in zip(came, due, strict=True)):
            where = f"pixel {','.join(map(str, one.pixel))} of {one.input}"
            back, forth = (
                " and ".join(",".join(map(str, p)) for p, yes in zip(positions, which, strict=True) if yes)
                for which in (due, came)
            )
            return Check(
                "influence",
                f"{where} reaches {back or 'none'}",
                f"reaches {forth or 'none'}",
                False,
                "poison",
            )
    return Check("influence", "as traced", "as traced", True, "poison")


def _inside(seen: Sequence[Any], due: Sequence[Any]) -> bool:
    """Whether what is read lies in a region that is known to be an overestimate."""
    for (inner, _), (outer, _) in zip(seen, due, strict=True):
        if inner is not None and (outer is None or inner[0] < outer[0] or inner[1] > outer[1]):
            return False
    return True


def _words(position: tuple[int, ...], region: Sequence[tuple[tuple[int, int] | None, int]]) -> str:
    parts = [
        "nothing" if ends is None else f"{ends[0]}..{ends[1]}"
        + (f" ({count} of {ends[1] - ends[0] + 1})" if count <= ends[1] - ends[0] else "")
        for ends, count in region
    ]  # fmt: skip
    at = f"at {','.join(map(str, position))} " if position else ""
    return f"{at}reads {' x '.join(parts)}"


def _field_check(graph: Graph, larger: Larger, target: Target, row: LayerField, regions: bool) -> Check:
    """Size, stride and padding, read off traced regions that no end of the input cuts."""

    def check(row: LayerField, executed: str, ok: bool) -> Check:
        return Check("receptive_field", describe(row), executed, ok, "taint")

    agreement = "the region agrees" if regions else "the region differs"
    if not all(axis.known for axis in row.axes) or not any(axis.local for axis in row.axes):
        whole = regions and all(axis.everything for axis in row.axes)
        return check(row, "all" if whole else agreement, regions)
    graph, row, seen, inside = _traced(graph, larger, target, row)
    if seen is None:
        cut = "" if any(axis.everything for axis in row.axes) else "larger than the input; "
        return check(row, f"{cut}{agreement}" if regions else agreement, regions)
    if seen == [stated(axis) for axis in row.axes]:
        return check(row, text(seen), True)
    numbers = graph.ancestors(target.layer)
    # A copy of a pixel beside the map reads what the pixel reads, which between others may be nothing.
    copies = _copies(graph, target)
    # Where the same is seen again and again, every period holds the ends of a map on the way.
    wraps = any(axis.local and axis.periodic and axis.period > 1 and axis.advance == 0 for axis in row.axes)
    part = (inside or copies) and (
        field_is_smaller(graph, numbers) or (wraps and reads_beside(graph, numbers))
    )
    if part or (copies and reads_nothing_between(graph, numbers)):
        return check(row, f"{text(seen)}, a part", regions)
    return check(row, text(seen), False)


def _traced(
    graph: Graph, larger: Larger, target: Target, row: LayerField
) -> tuple[Graph, LayerField, list[FieldAxis] | None, bool]:
    """The graph in which a field was traced, its row there, and what :func:`traced_field` found.

    Where that is not what is stated, an end of some tensor on the way may have cut it: not so in the
    middle of a larger input, which is tried then.
    """

    def traced(graph: Graph, target: Target, row: LayerField) -> tuple[list[FieldAxis] | None, bool]:
        found = traced_field(graph, target, row)
        if found[0] is None or found[0] == [stated(axis) for axis in row.axes]:
            return found
        # Of two ways here, one may see nothing along another axis from some positions.
        gaps = reads_nothing_between(graph, graph.ancestors(target.layer))
        return traced_field(graph, target, row, lines=True) if gaps else found

    best = (graph, row, *traced(graph, target, row))
    if best[2] == [stated(axis) for axis in row.axes]:
        return best
    moving = [axis for axis in row.axes if axis.local and not axis.everything]
    wide = max((axis.size + (2 * abs(axis.advance) if axis.period > 1 else 0) for axis in moving), default=0)
    again = larger.at_least(wide) if type(wide) is int else None
    if again is not None:
        bigger, fields = again
        shape = next(one.shape for one in targets(bigger, True) if one.tensor == target.tensor)
        for other in (one for one in fields.of(target.tensor) if one.input == row.input):
            seen, inside = traced(bigger, target._replace(shape=shape), other)
            if seen is not None:
                best = (bigger, other, seen, inside)
    return best


def _copies(graph: Graph, target: Target) -> bool:
    """Whether some padding on the way is a copy of pixels from elsewhere."""
    layers = [graph.nodes[number].layer for number in graph.ancestors(target.layer)]
    modes = {getattr(layer, "padding_mode", getattr(layer, "mode", "zeros")) for layer in layers}
    return bool(modes & {"reflect", "replicate", "circular"})
