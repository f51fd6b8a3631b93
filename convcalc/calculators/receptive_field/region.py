"""The exact input region of an output position, by index sets carried backwards through a graph.

A box is one set of indices per axis, the channels included; what a tensor is read for is a list of
boxes. Sets are Python integers, bit ``i`` for index ``i``, so that a window over a whole axis is a
few shifts. Every tensor is cut at its ends, so padding of any layer reads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from convcalc.budget import spend
from convcalc.calculators.answers import Unreachable
from convcalc.dims import Shape
from convcalc.graph import Edge, Graph
from convcalc.layers.reads import ONE, Every, Flipped, Reads, Rolled, Rule, Slide, Spread
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


def indices(bits: int) -> list[int]:
    """The indices of a set, ascending."""
    if bits.bit_count() * 8 < bits.bit_length():  # few of them, far apart
        found = []
        while bits:
            low = bits & -bits
            found.append(low.bit_length() - 1)
            bits ^= low
        return found
    return [i for i, bit in enumerate(reversed(format(bits, "b"))) if bit == "1"] if bits else []


def ends(bits: int) -> tuple[int, int] | None:
    """First and last index of a set; None if it is empty."""
    return ((bits & -bits).bit_length() - 1, bits.bit_length() - 1) if bits else None


def regions(
    graph: Graph, edge: Edge, position: Sequence[int | None], sources: Sequence[Edge]
) -> list[Region]:
    """What the output at a position reads of every source.

    Args:
        graph: the graph; its sizes must be numbers.
        edge: the tensor asked about.
        position: one index per spatial axis; None for all along that axis.
        sources: the tensors to which the way back leads.

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
            loose.add(node.inputs[0])
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
                more = [box for way in ways for part in boxes for box in _boxes_read(way, part, read, memo)]
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


def _boxes_read(way: Reads, box: Box, read: Shape, memo: dict[tuple[Rule, int, int], int]) -> list[Box]:
    """The boxes of an input that one box of an output reads."""
    drivers = [axis.output for axis in way if axis.output is not None]
    if len(set(drivers)) < len(drivers):  # two axes follow one: index by index
        shared = {d for d in drivers if drivers.count(d) > 1}
        choices = [
            [1 << i for i in indices(bits)] if axis in shared else [bits] for axis, bits in enumerate(box)
        ]
        found: dict[Box, None] = {}
        for part in product(*choices):
            spend(10)
            found.update(dict.fromkeys(_box_read(way, part, read, memo)))
        boxes: list[Box] = []
        _add(boxes, list(found))
        return boxes
    return _box_read(way, box, read, memo)


def _box_read(way: Reads, box: Box, read: Shape, memo: dict[tuple[Rule, int, int], int]) -> list[Box]:
    """The box of an input that one box of an output reads, axis by axis; none where nothing is read."""
    found = []
    for (output, rule), n in zip(way, (*read, 1) if len(way) > len(read) else read, strict=True):
        if isinstance(rule, Every):
            bits = (1 << n) - 1
        elif output is None:
            bits = indices_read(rule, 1, n)
        elif rule is ONE:
            bits = box[output] & ((1 << n) - 1)
        else:
            key = (rule, box[output], n)
            known = memo.get(key)
            bits = memo[key] = indices_read(rule, box[output], n) if known is None else known
        if not bits:
            return []
        found.append(bits)
    return [tuple(found[: len(read)])]


def indices_read(rule: Rule, bits: int, n: int) -> int:
    """The indices of an input of ``n`` that a set of output indices reads by a rule."""
    if isinstance(rule, Slide) and rule.mode in ("zeros", "constant") and rule.stride > 0:
        reach = _smeared(_spread(bits, rule.stride), rule.count, rule.dilation)
        return _moved(reach, -rule.before) & ((1 << n) - 1)
    if isinstance(rule, Spread):
        # from the last tap up, so that no index is negative
        low = rule.before - (rule.count - 1) * rule.dilation
        reach = _smeared(bits, rule.count, rule.dilation)
        first = -(-max(-low, 0) // rule.stride) * rule.stride  # a whole number of inputs before 0
        return (_thin(_moved(reach, low + first), rule.stride) >> first // rule.stride) & ((1 << n) - 1)
    if isinstance(rule, Rolled):
        shift = rule.shift % n
        return (bits >> shift | bits << n - shift) & ((1 << n) - 1)
    if isinstance(rule, Flipped):
        return int(format(bits, f"0{n}b")[::-1], 2)
    found = 0
    for j in indices(bits):
        for i in rule.of(j, n):
            found |= 1 << i
    return found


def _smeared(bits: int, count: int, step: int) -> int:
    """Every index of a set, and ``step``, ``2*step``, ... beyond it: ``count`` indices for each."""
    done = 1
    while done < count:
        more = min(done, count - done)
        bits |= bits << more * step
        done += more
    return bits


def _moved(bits: int, by: int) -> int:
    """Index ``i`` becomes ``i + by``; negative indices are dropped."""
    return bits << by if by >= 0 else bits >> -by


def _spread(bits: int, stride: int) -> int:
    """Index ``i`` becomes ``i*stride``."""
    if stride == 1 or bits <= 1:
        return bits
    return int(("0" * (stride - 1)).join(format(bits, "b")), 2)


def _thin(bits: int, stride: int) -> int:
    """Index ``i*stride`` becomes ``i``; the others are dropped."""
    if stride == 1 or not bits:
        return bits
    return int(format(bits, "b")[::-1][::stride][::-1], 2)


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
