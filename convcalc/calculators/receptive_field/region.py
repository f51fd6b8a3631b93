"""The exact input region of an output position, by index sets carried backwards through a graph.

A box is one set of indices per axis, the channels included; what a tensor is read for is a list of
boxes. Sets are Python integers, bit ``i`` for index ``i``, so that a window over a whole axis is a
few shifts. Every tensor is cut at its ends, so padding of any layer reads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Final, NamedTuple, TypeAlias

from convcalc.budget import spend
from convcalc.calculators.answers import Unreachable
from convcalc.dims import Shape
from convcalc.graph import Edge, Graph
from convcalc.layers.reads import (
    ONE,
    Axis,
    Block,
    Digit,
    Reads,
    Rule,
)
from convcalc.layers.reads.sets import indices
from convcalc.layers.values import show

Box: TypeAlias = tuple[int, ...]

LONGEST: Final = 1 << 26
"""Longest axis whose indices are listed."""

MOST: Final = 64
"""Boxes that are kept apart; more become the one box around them."""


MANY: Final = 4 * MOST
"""Boxes of which each is held against each other."""


class Region(NamedTuple):
    """What is read of one tensor: boxes of index sets, and whether none of it is an overestimate."""

    boxes: tuple[Box, ...]
    exact: bool

    def axis(self, number: int) -> int:
        """The indices read along an axis (0 is the channels), as a set of bits."""
        found = 0
        for box in self.boxes:
            found |= box[number]
        return found


def ends(bits: int) -> tuple[int, int] | None:
    """First and last index of a set; None if it is empty."""
    return ((bits & -bits).bit_length() - 1, bits.bit_length() - 1) if bits else None


def regions(
    graph: Graph,
    edge: Edge,
    position: Sequence[int | None],
    sources: Sequence[Edge],
    *,
    through: bool = False,
) -> list[Region]:
    """What the output at a position reads of every source.

    Args:
        graph: the graph; its sizes must be numbers.
        edge: the tensor asked about.
        position: one index per spatial axis; None for all along that axis.
        sources: the tensors to which the way back leads.
        through: go on behind a source, to those before it.

    Returns:
        One region per source, without boxes where nothing of it is read.

    Raises:
        Unreachable: there is no such position, or a size is not a number.
    """
    shape = graph.shape(edge)
    check_position(position, shape[1:])
    check_numbers(graph.nodes[edge.node].name, shape)
    wanted: dict[Edge, list[Box]] = {
        edge: [((1 << shape[0]) - 1, *(_one(at, n) for at, n in zip(position, shape[1:], strict=True)))]
    }
    exact = True
    memo: dict[tuple[Rule, int, int], int] = {}
    found: dict[Edge, list[Box]] = {}
    loose: set[Edge] = set()  # tensors of which an input of a layer decides what is read
    for number in range(edge.node, -1, -1):
        node = graph.nodes[number]
        plain = node.layer.elementwise
        if any(Edge(number, o) in loose for o in range(len(node.outputs))):
            loose.update(node.inputs)
        elif node.layer.decided_by:
            loose.update(node.inputs if node.layer.opaque else node.inputs[:1])
        for o in range(len(node.outputs)):
            here = Edge(number, o)
            boxes = wanted.pop(here, None)
            if boxes is None:
                continue
            if len(boxes) > 1:
                boxes = _merged(boxes)
            if len(boxes) > MOST:
                boxes, exact = [_around(boxes)], False
            if here in sources:
                found[here] = boxes
                if not through:
                    continue
            if plain and node.inputs:
                _add(wanted.setdefault(node.inputs[0], []), boxes)
                continue
            shapes = graph.input_shapes(node)
            for read in shapes:
                check_numbers(node.name, read)
            windows = node.layer.reads(shapes, node.outputs, o)
            for source, ways, read in zip(node.inputs, windows, shapes, strict=True):
                spend(10 * len(boxes) * len(ways))
                more = [
                    box
                    for way in ways
                    for part in boxes
                    for box in _boxes_read(way, part, read, node.outputs[o], memo)
                ]
                if more:
                    _add(wanted.setdefault(source, []), more)
    return [Region(tuple(found.get(source, ())), exact and source not in loose) for source in sources]


def check_numbers(name: str, shape: Shape) -> None:
    """Refuse a shape with a size that is no number, or longer than :data:`LONGEST`.

    Raises:
        Unreachable: there is one.
    """
    if not all(type(n) is int for n in shape):
        raise Unreachable(
            f"{name}: not all of {show(shape)} are numbers", expected="--input CxHxW, --set NAME=VALUE"
        )
    if max(shape) > LONGEST:
        raise Unreachable(f"{name}: an axis of {max(shape)} indices", expected=f"at most {LONGEST}")


def check_position(position: Sequence[int | None], sizes: Sequence[object]) -> None:
    """Refuse a position that is not in an output of these sizes.

    Raises:
        Unreachable: it is not.
    """
    if not all(type(n) is int for n in sizes):
        raise Unreachable("the sizes of the network are not numbers", expected="--input CxHxW")
    if len(position) != len(sizes):
        raise Unreachable(
            f"position {_shown(position)} has {len(position)} indices, "
            f"the output has {len(sizes)} spatial axes",
            expected="one index an axis, such as " + ",".join("0" for _ in sizes)
            if sizes
            else "a layer whose output has spatial axes",
        )
    for axis, (at, n) in enumerate(zip(position, sizes, strict=True)):
        assert isinstance(n, int)
        if at is not None and not 0 <= at < n:
            raise Unreachable(
                f"there is no position {at} on axis {axis}, the output has {n}",
                expected=f"0 to {n - 1}",
                nearest=_shown(
                    [
                        p if p is None else min(max(p, 0), int(str(m)) - 1)
                        for p, m in zip(position, sizes, strict=True)
                    ]
                ),
            )


def _shown(position: Sequence[int | None]) -> str:
    return ",".join("*" if at is None else str(at) for at in position)


def _one(at: int | None, n: int) -> int:
    return (1 << n) - 1 if at is None else 1 << at


def _boxes_read(
    way: Reads, box: Box, read: Shape, written: Shape, memo: dict[tuple[Rule, int, int], int]
) -> list[Box]:
    """The boxes of an input that one box of an output reads."""
    if len(way) > len(read):  # the axis more says whether the input is read at all
        return [one[:-1] for one in _boxes_read(way, box, (*read, 1), written, memo)]
    groups = _groups(way)
    if len(groups) == len(way):
        return _box_read(way, box, read, written, memo)
    # Axes that follow the same axes of the output are read together, not each by itself.
    parts: list[list[Box]] = []
    for group in groups:
        axes, sizes = [way[axis] for axis in group], tuple(read[axis] for axis in group)
        if len(group) == 1:
            parts.append(_box_read(axes, box, sizes, written, memo))
        elif _inner(axes, sizes):
            parts.append(_digits(_counted(axes[0], box, written) & ((1 << prod(sizes)) - 1), sizes))
        else:
            parts.append(_entry_by_entry(axes, box, sizes, written, memo))
    boxes: list[Box] = []
    for choice in product(*parts):
        spend(10)
        place = {
            axis: one for group, part in zip(groups, choice, strict=True)
            for axis, one in zip(group, part, strict=True)
        }  # fmt: skip
        boxes.append(tuple(place[axis] for axis in range(len(way))))
    if len(boxes) > MOST:
        boxes = _merged(boxes)
    found: list[Box] = []
    _add(found, boxes)
    return found


def _entry_by_entry(
    axes: Sequence[Axis], box: Box, read: Shape, written: Shape, memo: dict[tuple[Rule, int, int], int]
) -> list[Box]:
    """The boxes that axes of an input read together, for each entry of the axes that they follow."""
    followed = sorted({output for axis in axes for output in axis.outputs})
    found: dict[Box, None] = {}
    for place in product(*(indices(box[output]) for output in followed)):
        spend(10)
        entry = list(box)
        for output, index in zip(followed, place, strict=True):
            entry[output] = 1 << index
        found.update(dict.fromkeys(_box_read(axes, tuple(entry), read, written, memo)))
    boxes: list[Box] = []
    _add(boxes, list(found))
    return boxes


def _groups(way: Reads) -> list[list[int]]:
    """The axes of an input, those together that an axis of the output decides together."""
    found: list[tuple[set[int], list[int]]] = []
    for number, axis in enumerate(way):
        outputs, members = set(axis.outputs), [number]
        rest = []
        for others, those in found:
            if outputs & others:
                outputs |= others
                members = those + members
            else:
                rest.append((others, those))
        found = [*rest, (outputs, members)]
    return [sorted(members) for _, members in found]


def _inner(axes: Sequence[Axis], sizes: Shape) -> bool:
    """Whether axes are the digits of one count, all of them, the last one fastest."""
    inner = 1
    for axis, size in zip(reversed(axes), reversed(sizes), strict=True):
        digit = axis.rule == Digit(inner, size) or (axis is axes[0] and axis.rule == Block(inner, 1))
        if axis.output != axes[0].output or not digit:
            return False
        inner *= size
    return True


def _digits(bits: int, sizes: Shape) -> list[Box]:
    """The boxes of a set of counts, axis by axis of what is counted off, the last one fastest."""
    if len(sizes) == 1:
        return [(bits,)]
    inner = prod(sizes[1:])
    mask = (1 << inner) - 1
    rows: dict[int, int] = {}
    spend(sizes[0])
    for index in range(sizes[0]):
        row = bits >> index * inner & mask
        if row:
            rows[row] = rows.get(row, 0) | 1 << index
    return [(outer, *box) for row, outer in rows.items() for box in _digits(row, sizes[1:])]


def _counted(axis: Axis, box: Box, written: Shape) -> int:
    """The counts that a box holds along the axes of an output that an axis follows."""
    found = 1
    for output in axis.outputs:
        n, inside = written[output], box[output]
        if found == 1:
            found = inside
        else:
            spend(n)
            found = sum(inside << index * n for index in indices(found))
    return found


def _box_read(
    way: Sequence[Axis], box: Box, read: Shape, written: Shape, memo: dict[tuple[Rule, int, int], int]
) -> list[Box]:
    """The box of an input that one box of an output reads, axis by axis; none where nothing is read."""
    found = []
    for axis, n in zip(way, read, strict=True):
        output, rule = axis
        if output is None:
            bits = rule.all_of(1, n)
        else:
            bits = box[output] if isinstance(output, int) else _counted(axis, box, written)
            if rule is ONE:
                bits &= (1 << n) - 1
            else:
                key = (rule, bits, n)
                known = memo.get(key)
                bits = memo[key] = rule.all_of(bits, n) if known is None else known
        if not bits:
            return []
        found.append(bits)
    return [tuple(found[: len(read)])]


def _add(boxes: list[Box], more: Sequence[Box]) -> None:
    """Add boxes to a list, without those that lie in another.

    Of many only those are left out that are the same or make one box with others, so that the work does
    not grow with the square of their number.
    """
    if len(boxes) + len(more) > MANY:
        more = _merged(list(dict.fromkeys((*boxes, *more))))
        boxes[:] = more if len(more) > MANY else []
        if boxes:
            return
    for box in more:
        if any(_within(box, other) for other in boxes):
            continue
        boxes[:] = [other for other in boxes if not _within(other, box)]
        boxes.append(box)


def _merged(boxes: list[Box]) -> list[Box]:
    """The same boxes, those that differ along one axis only made into one."""
    count = 0
    while count != len(boxes) > 1:
        count = len(boxes)
        for axis in range(len(boxes[0])):
            sets: dict[Box, int] = {}
            for box in boxes:
                rest = box[:axis] + box[axis + 1 :]
                sets[rest] = sets.get(rest, 0) | box[axis]
            boxes = [(*rest[:axis], bits, *rest[axis:]) for rest, bits in sets.items()]
    return boxes


def _within(box: Box, other: Box) -> bool:
    return all(a | b == b for a, b in zip(box, other, strict=True))


def _around(boxes: Sequence[Box]) -> Box:
    found = list(boxes[0])
    for box in boxes[1:]:
        found = [a | b for a, b in zip(found, box, strict=True)]
    return tuple(found)
