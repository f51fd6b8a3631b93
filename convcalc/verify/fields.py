"""Receptive fields: what the formulas state against what tracing the execution back shows.

Two things are compared for a sample of output positions, at both ends and inside. The *region*:
which input indices along each axis are read, holes and ends included, must be the same set. The
*field*: where neither end of the input cuts it, its size, stride and padding are read off the
traced regions and must be those of the formula. Where the field is larger than the input, a larger
input is tried; where the graph takes no other size, the region alone is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np

from convcalc.calculators.receptive_field import ReceptiveField, receptive_field
from convcalc.calculators.receptive_field_axis import AxisField
from convcalc.calculators.receptive_field_rows import LayerField
from convcalc.executor import taint
from convcalc.executor.arith import Array
from convcalc.graph import Graph
from convcalc.verify.poison import Poisoned, poisoned
from convcalc.verify.result import Check
from convcalc.verify.sizes import own_inputs, reload

SAMPLED: Final = 4
"""Layers traced in a large graph: its outputs, and others evenly spread over its depth."""

LONGEST: Final = 12
"""Phases of a field up to which a whole period is traced."""

ELEMENTS: Final = 150_000_000
"""Elements of all tensors, up to which a larger input is tried to find fields that no end of it cuts."""


class Target(NamedTuple):
    """A tensor to trace: name of its layer, its own name, and its shape."""

    layer: str
    tensor: str
    shape: tuple[int, ...]


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
    larger = _Larger(graph)
    poison = poisoned(graph) if every else []
    found: dict[str, list[Check]] = {}
    notes: list[str] = []
    for target in targets(graph, every):
        checks = found.setdefault(target.layer, [])
        for row in fields.of(target.tensor):
            try:
                regions = _region_check(graph, fields, target, row)
                checks += (regions, _field_check(graph, larger, target, row, regions.ok))
                if poison:
                    checks.append(_poison_check(graph, poison, target, row))
            except ValueError as error:  # a wrong shape has positions that execution does not know
                checks.append(Check("receptive_field", describe(row), f"nothing: {error}", False, "taint"))
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
            if names[output] != "indices":
                part = names[output] if len(node.outputs) > 1 and names[0] else ""
                found.append(Target(node.name, f"{node.name}.{part}" if part else node.name, shape))
    if every or len(found) <= SAMPLED:
        return found
    wanted = {graph.nodes[edge.node].name for edge in graph.outputs}
    spatial = [target for target in found if max(target.shape[1:], default=1) > 1]
    step = max(1, len(spatial) // SAMPLED)
    chosen = spatial[step - 1 :: step][-SAMPLED:]
    return chosen + [one for one in found if one.layer in wanted and one not in chosen][:SAMPLED]


def _positions(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Both ends, what lies next to them, and the middle."""
    picks = [[0, min(1, n - 1), n // 2, max(n - 2, 0), n - 1] for n in sizes]
    return list(dict.fromkeys(zip(*picks, strict=True))) if sizes else [()]


def _region_check(graph: Graph, fields: ReceptiveField, target: Target, row: LayerField) -> Check:
    """Whether the positions of the sample read exactly the indices that the formulas say."""
    positions = _positions(target.shape[1:])
    traced = taint(graph, positions, output=target.tensor, input=row.input)
    # A reshape is stated to read everything: which part of it lands where is not worked out.
    loose = any(graph.nodes[number].op == "reshape" for number in ancestors(graph, target.layer))
    formula: list[Any] = []
    executed: list[Any] = []
    ok = True
    for position, mark in zip(positions, traced, strict=True):
        region = next(one for one in fields.at(position, target.tensor) if one.input == row.input)
        stated = tuple((axis.read, axis.count) for axis in region.axes)
        seen = tuple(_extent(mark, axis) for axis in range(mark.ndim))
        agree = stated == seen if region.exact and not loose else _inside(seen, stated)
        if not agree or not executed:
            formula, executed = [position, stated], [position, seen]
        ok = ok and agree
        if not ok:
            break
    return Check("receptive_region", _words(*formula), _words(*executed), ok, "taint")


def _poison_check(graph: Graph, poison: Sequence[Poisoned], target: Target, row: LayerField) -> Check:
    """Whether poisoned pixels come out at those positions of the sample that are traced back to them."""
    positions = _positions(target.shape[1:])
    traced = taint(graph, positions, output=target.tensor, input=row.input, reads=True)
    # A value may be unpooled to one place of its window only, and is traced to all of them.
    some = any(graph.nodes[number].op == "unpool" for number in ancestors(graph, target.layer))
    for one in poison:
        if one.input != row.input or target.tensor not in one.reached:
            continue
        came = [bool(one.reached[target.tensor][position]) for position in positions]
        due = [bool(mark[one.pixel]) for mark in traced]
        if any(a > b if some else a != b for a, b in zip(came, due, strict=True)):
            where = f"pixel {','.join(map(str, one.pixel))} of {one.input}"
            stated = [",".join(map(str, p)) for p, yes in zip(positions, due, strict=True) if yes]
            seen = [",".join(map(str, p)) for p, yes in zip(positions, came, strict=True) if yes]
            return Check(
                "influence", f"{where} reaches {stated}", f"{where} reaches {seen}", False, "poison"
            )
    return Check("influence", "as traced", "as traced", True, "poison")


def _extent(mark: Array, axis: int) -> tuple[tuple[int, int] | None, int]:
    """First and last index read along an axis, and how many."""
    other = tuple(i for i in range(mark.ndim) if i != axis)
    seen = np.flatnonzero(mark.any(axis=other))
    return ((int(seen[0]), int(seen[-1])) if len(seen) else None), len(seen)


def _inside(seen: Sequence[Any], stated: Sequence[Any]) -> bool:
    """Whether what is read lies in a region that is known to be an overestimate."""
    for (inner, _), (outer, _) in zip(seen, stated, strict=True):
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


def elements(graph: Graph) -> int:
    """Elements of all tensors of a graph."""
    return sum(prod(shape) for node in graph.nodes for shape in node.outputs)


class _Larger:
    """The graph at inputs large enough for a field to lie inside, and its fields."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.elements = elements(graph)
        self.made: dict[tuple[Any, ...], tuple[Graph, ReceptiveField] | None] = {}

    def at_least(self, extent: int) -> tuple[Graph, ReceptiveField] | None:
        """The graph at inputs of some twice that extent; None where it does not go on them."""
        shapes = []
        for shape in own_inputs(self.graph):
            sizes: list[int] = []
            for size in shape[1:]:
                step = 1 << max(0, min(6, size.bit_length() - 1))
                more = max(0, 2 * extent + 8 - size)
                sizes.append(size + -(-more // step) * step)
            grown = prod(sizes) / max(1, prod(shape[1:]))
            if grown * self.elements > ELEMENTS:
                return None
            shapes.append((shape[0], *sizes))
        key = tuple(shapes)
        if key not in self.made:
            graph = reload(self.graph, key)
            same = graph is not None and len(graph) == len(self.graph)
            self.made[key] = (graph, receptive_field(graph)) if same and graph is not None else None
        return self.made[key]


def _field_check(graph: Graph, larger: _Larger, target: Target, row: LayerField, regions: bool) -> Check:
    """Size, stride and padding, read off traced regions that no end of the input cuts."""
    if not all(axis.known for axis in row.axes) or not any(axis.local for axis in row.axes):
        seen = "all of it" if all(axis.everything for axis in row.axes) else "the region agrees"
        return Check(
            "receptive_field", describe(row), seen if regions else "the region differs", regions, "taint"
        )
    measured, inside = _measured(graph, target, row)
    if measured is None:
        wide = max((axis.size for axis in row.axes if axis.local and not axis.everything), default=0)
        again = larger.at_least(wide) if type(wide) is int else None
        if again is not None:
            bigger, fields = again
            rows = [one for one in fields.of(target.tensor) if one.input == row.input]
            shape = next(one.shape for one in targets(bigger, True) if one.tensor == target.tensor)
            if rows:
                row = rows[0]
                measured, inside = _measured(bigger, target._replace(shape=shape), row)
    if measured is None:
        cut = "" if any(axis.everything for axis in row.axes) else "larger than the input; "
        note = f"{cut}the region agrees" if regions else "the region differs"
        return Check("receptive_field", describe(row), note, regions, "taint")
    stated = [_stated(axis) for axis in row.axes]
    if stated != measured and inside and _partial(graph, target):
        return Check("receptive_field", describe(row), f"{_text(measured)}, a part", regions, "taint")
    return Check("receptive_field", describe(row), _text(measured), stated == measured, "taint")


def _partial(graph: Graph, target: Target) -> bool:
    """Whether the field that is stated may be larger than what is read, though no end of the input cuts it.

    It is that of all channels of a tensor together, as if the tensor had no end: smaller where a
    layer takes apart channels that see different pixels, and where a map was cropped and then padded.
    """
    differ = False
    for number in ancestors(graph, target.layer):
        node = graph.nodes[number]
        groups = getattr(node.layer, "groups", 1)
        if differ and (node.op in _SEPARATE or (type(groups) is int and groups > 1)):
            return True
        if node.op == "crop" or (node.op in ("slice", "split") and getattr(node.layer, "axis", 0) > 0):
            return True
        if node.op == "convT" and node.name != target.layer and _crops(node.layer):
            return True
        differ = differ or node.op in _DIFFER
    return False


def _crops(layer: Any) -> bool:
    return any(before or after for before, after, _ in layer.crops())


_DIFFER: Final = frozenset(("shift", "concat", "pixelunshuffle", "permute"))
_SEPARATE: Final = frozenset(("shift", "slice", "split", "pixelshuffle", "permute", "lrn"))


def ancestors(graph: Graph, name: str) -> list[int]:
    """Numbers of the nodes that a layer depends on, itself among them, in order."""
    last = next(number for number, node in enumerate(graph.nodes) if node.name == name)
    needed = {last}
    for number in range(last, -1, -1):
        if number in needed:
            needed.update(edge.node for edge in graph.nodes[number].inputs)
    return sorted(needed)


def describe(row: LayerField) -> str:
    """Size, stride and padding an axis: ``7x7 s2 p3``."""
    return _text([_stated(axis) for axis in row.axes])


class _Measure(NamedTuple):
    """A field along one axis; ``size`` is None where it is everything."""

    sizes: tuple[int, ...] | None
    stride: Any
    padding: Any


def _stated(axis: AxisField) -> _Measure:
    if axis.everything or not axis.local:
        return _Measure(None, None, None)
    sizes = tuple(sorted(set(axis.sizes), key=str))
    return _Measure(sizes if axis.periodic else sizes[-1:], axis.stride, axis.padding)


def _text(axes: Sequence[_Measure]) -> str:
    """One number where all axes have the same."""

    def joined(values: Sequence[Any]) -> str:
        return str(values[0]) if len(set(values)) == 1 else "x".join(map(str, values))

    sizes = ["all" if axis.sizes is None else "/".join(map(str, axis.sizes)) for axis in axes]
    if all(size == "all" for size in sizes):
        return "all"
    moves = [axis for axis in axes if axis.sizes is not None]
    return f"{'x'.join(sizes)} s{joined([a.stride for a in moves])} p{joined([a.padding for a in moves])}"


def _measured(graph: Graph, target: Target, row: LayerField) -> tuple[list[_Measure] | None, bool]:
    """The field as tracing shows it, and whether every run traced lies in the one that is stated.

    None where every position is cut by an end of the input.
    """
    found, inside = [], True
    for number, (axis, n) in enumerate(zip(row.axes, row.input_shape[1:], strict=True)):
        if axis.everything or not axis.local:
            found.append(_Measure(None, None, None))
            continue
        if axis.driver != number + 1 or not axis.periodic or axis.period > LONGEST:
            return None, True
        first = _interior(axis, n, target.shape[number + 1])
        if first is None:
            return None, True
        lines = range(first, first + 2 * axis.period)
        traced = taint(graph, list(lines), axis=number, output=target.tensor, input=row.input)
        ends = [_extent(mark, 0)[0] for mark in traced]
        if not any(ends):  # along another axis nothing is seen, and so nothing at all
            return None, True
        for line, seen in zip(lines, ends, strict=True):
            run = axis.run(line)
            if seen is not None:
                inside = inside and run is not None and run[0] <= seen[0] and seen[1] < run[0] + run[1]
        found.append(_read_off(ends, first, axis.period))
    return found, inside


def _interior(axis: AxisField, n: int, outputs: int) -> int | None:
    """A first output, at a whole number of periods, whose next two periods lie inside the input."""
    period = axis.period
    middle = max(0, (outputs // 2 // period - 1) * period)
    for first in dict.fromkeys((middle, middle - period, middle + period)):
        if first < 0 or first + 2 * period > outputs:
            continue
        runs = [axis.run(first + t) for t in range(2 * period)]
        if all(run is None or (run[0] >= 0 and run[0] + run[1] <= n) for run in runs):
            return first
    return None


def _read_off(ends: Sequence[tuple[int, int] | None], first: int, period: int) -> _Measure:
    """Size, stride and padding of the runs of two periods of outputs."""
    counts = [0 if run is None else run[1] - run[0] + 1 for run in ends]
    sizes = tuple(sorted(set(counts), key=str))
    pairs = [(a, b) for a, b in zip(ends, ends[period:], strict=False) if a is not None and b is not None]
    if not pairs or counts[:period] != counts[period:]:
        return _Measure(sizes, None, None)
    one, two = pairs[0]
    advance = two[0] - one[0]
    stride = Fraction(advance, period)
    padding = None if ends[0] is None else first // period * advance - ends[0][0]
    return _Measure(sizes, stride.numerator if stride.denominator == 1 else stride, padding)
