"""Bytes that are live at every step of training on one batch: forward, backward, and what runs again.

A tensor lives from the step that writes it to the last that needs it: forward readers, and the backward
steps of the layers that keep it. A gradient of a tensor lives from the backward step of its last reader to
that of its writer; views share it. A gradient of parameters lives from its backward step to the end, when the
optimizer reads it. Of a block that is checkpointed only what enters it is kept: it runs again before its
backward pass (Chen et al. 2016, Training deep nets with sublinear memory cost).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from convcalc.budget import spend
from convcalc.calculators.training.kept import Forward, Storage
from convcalc.graph import Graph

FORWARD: Final = "forward"
AGAIN: Final = "again"
BACKWARD: Final = "backward"


class Step(NamedTuple):
    """One layer at work.

    Attributes:
        phase: ``forward``, ``again`` (forward a second time, of a checkpointed block) or ``backward``.
        node: number of the node.
        name: its name.
        bytes: all that is live, parameters and the optimizer's state among it.
    """

    phase: str
    node: int
    name: str
    bytes: int


class Timeline(NamedTuple):
    """A step of training.

    Attributes:
        steps: in the order in which they run.
        saved: bytes that are kept at the end of the forward pass.
        holders: by number of a storage that is kept, the node whose row it is counted in.
    """

    steps: list[Step]
    saved: int
    holders: dict[int, int]


def timeline(
    graph: Graph,
    forward: Forward,
    groups: Sequence[Sequence[int]],
    static: int,
    gradients: Mapping[int, int],
) -> Timeline:
    """The steps of training on one batch.

    Args:
        graph: the graph.
        forward: its forward pass.
        groups: numbers of the nodes of each block that is checkpointed, ascending.
        static: bytes that are there all the time: parameters, buffers, the optimizer's state.
        gradients: bytes of the gradients of parameters that the backward step of a node makes.
    """
    nodes = graph.nodes
    group_of = {number: index for index, group in enumerate(groups) for number in group}
    back = [n for n in reversed(range(len(nodes))) if _runs_back(graph, forward, n)]
    order: list[tuple[str, int]] = [(FORWARD, n) for n in range(len(nodes)) if not nodes[n].is_input]
    done: set[int] = set()
    for number in back:
        index = group_of.get(number)
        if index is not None and index not in done:
            done.add(index)
            order += [(AGAIN, n) for n in groups[index]]
        order.append((BACKWARD, number))
    at = {step: place for place, step in enumerate(order)}
    end = len(order) - 1
    spans = _Spans(len(order))
    first_back = len([1 for phase, _ in order if phase == FORWARD])
    entered: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        for storage in _entering(graph, forward, group):
            entered.setdefault(storage, []).append(index)
    ends = [[at[BACKWARD, n] for n in group if (BACKWARD, n) in at] for group in groups]
    readers = _readers(graph, forward)
    saved, holders = 0, {}
    for number, one in enumerate(forward.storages):
        start = at.get((FORWARD, one.node), 0)
        stop = max(start, end if one.last >= len(nodes) else at.get((FORWARD, one.last), 0))
        if nodes[one.node].is_input:
            start, stop = 0, end
        inside = group_of.get(one.node)
        outside = [n for n in one.keepers if group_of.get(n) is None]
        held = [at[BACKWARD, n] for n in outside if (BACKWARD, n) in at]
        keepers = list(outside)
        for index in entered.get(number, ()):
            if ends[index]:
                held.append(max(ends[index]))
                keepers.append(groups[index][0])
        if held:
            saved += one.bytes
            holders[number] = min(keepers)
        if one.made and inside is not None:
            stop = start  # made for the backward pass, and dropped at once
        spans.add(start, max(stop, *held, 0), one.bytes)
        if inside is not None:
            _again(spans, at, inside, group_of, readers[number], one)
    for node, size in gradients.items():
        if (BACKWARD, node) in at:
            spans.add(at[BACKWARD, node], end, size)
    _tensor_gradients(spans, at, len(nodes), forward, readers, first_back)
    live = spans.sums()
    steps = [Step(phase, n, nodes[n].name, static + live[i]) for i, (phase, n) in enumerate(order)]
    return Timeline(steps, saved, holders)


class _Spans:
    """Bytes over steps, as differences."""

    def __init__(self, many: int) -> None:
        self.changes = [0] * (many + 1)

    def add(self, start: int, stop: int, size: int) -> None:
        self.changes[start] += size
        self.changes[stop + 1] -= size

    def sums(self) -> list[int]:
        found, level = [], 0
        for change in self.changes[:-1]:
            level += change
            found.append(level)
        return found


def _runs_back(graph: Graph, forward: Forward, number: int) -> bool:
    """Whether a node has a backward step."""
    need, node = forward.needs[number], graph.nodes[number]
    wants = any(one.wants for one in forward.tensors[number])
    return not node.is_input and wants and (any(need.inputs) or need.learned)


def _entering(graph: Graph, forward: Forward, group: Sequence[int]) -> set[int]:
    """Numbers of the storages that a block reads and does not write."""
    inside = set(group)
    found = set()
    for number in group:
        for edge in graph.nodes[number].inputs:
            storage = forward.tensors[edge.node][edge.output].storage
            if storage is not None and forward.storages[storage].node not in inside:
                found.add(storage)
    return found


def _readers(graph: Graph, forward: Forward) -> list[list[int]]:
    """By storage, the numbers of the nodes that read a tensor that shows it, ascending."""
    found: list[list[int]] = [[] for _ in forward.storages]
    for number, node in enumerate(graph.nodes):
        spend(1)
        for edge in node.inputs:
            storage = forward.tensors[edge.node][edge.output].storage
            if storage is not None and number not in found[storage][-1:]:
                found[storage].append(number)
    return found


def _again(
    spans: _Spans,
    at: Mapping[tuple[str, int], int],
    group: int,
    group_of: Mapping[int, int],
    readers: Sequence[int],
    one: Storage,
) -> None:
    """A storage of a checkpointed block, while the block runs a second time and goes back."""
    start = at.get((AGAIN, one.node))
    if start is None:
        return
    read = [at[AGAIN, n] for n in readers if group_of.get(n) == group]
    held = [at[BACKWARD, n] for n in one.keepers if group_of.get(n) == group and (BACKWARD, n) in at]
    spans.add(start, max(start, *read, *held, 0), one.bytes)


def _tensor_gradients(
    spans: _Spans,
    at: Mapping[tuple[str, int], int],
    nodes: int,
    forward: Forward,
    readers: Sequence[Sequence[int]],
    first_back: int,
) -> None:
    """Gradients of the tensors that want one: from the backward step of the last reader to the writer's."""
    for number, one in enumerate(forward.storages):
        if one.made or (BACKWARD, one.node) not in at:
            continue
        if not any(t.wants and t.storage == number for t in forward.tensors[one.node]):
            continue
        stop = at[BACKWARD, one.node]
        read = [at[BACKWARD, n] for n in readers[number] if n > one.node and (BACKWARD, n) in at]
        start = first_back if one.last >= nodes else min(read, default=stop)
        spans.add(min(start, stop), stop, one.bytes)
