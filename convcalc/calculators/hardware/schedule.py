"""The order of execution that holds the fewest bytes at a time.

A network is run node by node. While a node runs, all tensors are held that were written and are still to be
read, and those that it writes. The most bytes at any time is the peak; of all topological orders the smallest
peak is looked for.

What has run decides which bytes are held, not in which order: so sets of nodes that have run are searched,
those with the least peak first, and what is reached first at the end is the optimum. A node, or a chain of
nodes each of which needs the one before, that makes less be held in the end and on the way needs no more than
the peak so far, runs at once: in any order that runs it later it can be moved to the front, and nothing gets
larger, as what is held is a submodular function of what has run, and such a chain ends where it is smallest.
So nearly all networks take few sets, although there may be exponentially many.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from convcalc.budget import spend
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.count.memory import INDEX_BYTES
from convcalc.calculators.hardware.bits import Bits, bytes_of, tensor_bits
from convcalc.dims import equal, prod
from convcalc.graph import Edge, Graph, Node
from convcalc.layers.reads import identity

STEPS: Final = 100_000
"""Steps that are tried; where more would be needed, the optimum is bounded from both sides."""


class Block(NamedTuple):
    """Memory that one or several tensors share: that of a node's output, and all views of it.

    Attributes:
        bytes: its size.
        writer: number of the node that writes it.
        readers: the nodes that read it, as bits of a number.
        kept: it is held to the end, as the graph returns it.
    """

    bytes: int
    writer: int
    readers: int
    kept: bool


class Task(NamedTuple):
    """A node, as far as memory goes.

    Attributes:
        before: the nodes that must have run, as bits of a number.
        reads: the blocks that it reads.
        writes: the blocks that it writes.
        over: blocks that it may write its output over, where nobody reads them afterwards.
    """

    before: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    over: tuple[int, ...]


@dataclass(frozen=True)
class Work:
    """A network as tasks and blocks of memory.

    Attributes:
        tasks: one a node.
        blocks: all that own memory.
        inputs: numbers of the nodes by which tensors enter; they are held from the start.
    """

    tasks: tuple[Task, ...]
    blocks: tuple[Block, ...]
    inputs: tuple[int, ...]

    @property
    def start(self) -> int:
        """What has run at the start, as bits of a number."""
        return sum(1 << number for number in self.inputs)

    @property
    def everything(self) -> int:
        """All nodes, as bits of a number."""
        return (1 << len(self.tasks)) - 1

    def held(self, done: int) -> int:
        """Bytes that are held between two nodes, where these have run."""
        return sum(
            block.bytes
            for block in self.blocks
            if done >> block.writer & 1 and (block.kept or block.readers & ~done)
        )

    def over(self, task: Task, done: int, number: int) -> int | None:
        """The block that a node writes over; None where it needs memory of its own."""
        after = done | 1 << number
        for at in task.over:
            block = self.blocks[at]
            if not block.kept and not block.readers & ~after:
                return at
        return None

    def step(self, number: int, done: int, held: int) -> tuple[int, int]:
        """Bytes that are held while a node runs, and after it."""
        task = self.tasks[number]
        new = sum(self.blocks[at].bytes for at in task.writes)
        during = held + new
        if task.over and (at := self.over(task, done, number)) is not None:
            during -= self.blocks[at].bytes
        after, done = held + new, done | 1 << number
        for at in (*task.reads, *task.writes):
            block = self.blocks[at]
            if not block.kept and not block.readers & ~done:
                after -= block.bytes
        return during, after

    def least(self) -> int:
        """What no order can do without: each node's own blocks, the inputs, the outputs."""
        kept = sum(block.bytes for block in self.blocks if block.kept)
        most = max(kept, self.held(self.start))
        for task in self.tasks:
            bytes = sum(self.blocks[at].bytes for at in {*task.reads, *task.writes})
            if task.over:
                bytes -= max(self.blocks[at].bytes for at in task.over)
            most = max(most, bytes)
        return most

    def peak(self, order: Sequence[int]) -> tuple[int, int]:
        """The most bytes that are held, and the node at which."""
        done, held = self.start, self.held(self.start)
        peak, at = held, self.inputs[0] if self.inputs else 0
        for number in order:
            if done >> number & 1:
                continue
            during, held = self.step(number, done, held)
            done |= 1 << number
            if during > peak:
                peak, at = during, number
        return peak, at


def work(graph: Graph, batch: int, bits: Sequence[Bits], in_place: bool | None = False) -> Work:
    """The tasks and blocks of a network; what owns memory is as in ``stored`` of the memory of a report.

    Args:
        graph: the graph; all its sizes are numbers.
        batch: samples in one pass.
        bits: of every node.
        in_place: whether all that is computed entry by entry may be written over what it is computed
            from; None: where a layer states it.

    Raises:
        Unreachable: a size is not a number.
    """
    nodes, sizes = graph.nodes, tensor_bits(graph, bits)
    read = {(e.node, e.output) for node in nodes for e in node.inputs if e.output}
    read |= {(e.node, e.output) for e in graph.outputs}
    block_of: dict[Edge, int] = {}
    writers: list[int] = []
    bytes: list[int] = []
    again: set[int] = set()  # nodes whose output shows entries several times
    tasks = []
    for number, node in enumerate(nodes):
        layer = node.layer
        before = 0
        for edge in node.inputs:
            before |= 1 << edge.node
        reads = tuple(dict.fromkeys(block_of[edge] for edge in node.inputs))
        own = layer.view and not node.inputs  # counted as parameters
        if layer.view and node.inputs and not (node.inputs[0].node in again and layer.regroups):
            source = node.inputs[0]
            block_of[Edge(number)] = block_of[source]
            more = equal(prod(graph.shape(source)), prod(node.outputs[0])) is not True
            if source.node in again or (layer.repeats and more):
                again.add(number)
            tasks.append(Task(before, reads, (), ()))
            continue
        if own and layer.repeats and equal(prod(node.outputs[0]), 1) is not True:
            again.add(number)
        writes = []
        for output, shape in enumerate(node.outputs):
            count = prod(shape) * batch
            if type(count) is not int:
                raise Unreachable(
                    f"the size of {node.name} is not a number here", expected="the shape of the input"
                )
            places = output in layer.index_outputs
            if own or (places and output and (number, output) not in read):
                size = 0
            else:
                size = count * INDEX_BYTES if places else int(bytes_of(count, sizes[Edge(number, output)]))
            block_of[Edge(number, output)] = len(bytes)
            writes.append(len(bytes))
            writers.append(number)
            bytes.append(size)
        over: list[int] = []
        if len(node.outputs) == 1 and node.inputs:
            over = [
                at
                for edge in _overwritten(graph, node, in_place)
                if bytes[at := block_of[edge]] == bytes[writes[0]]
                and edge.node not in again
                and sizes[edge] == sizes[Edge(number)]
            ]
        tasks.append(Task(before, reads, tuple(writes), tuple(dict.fromkeys(over))))
    readers = [0] * len(bytes)
    for number, node in enumerate(nodes):
        for edge in node.inputs:
            readers[block_of[edge]] |= 1 << number
    kept = {block_of[edge] for edge in graph.outputs}
    blocks = tuple(
        Block(size, writer, reading, at in kept)
        for at, (size, writer, reading) in enumerate(zip(bytes, writers, readers, strict=True))
    )
    return Work(tuple(tasks), blocks, tuple(graph.inputs))


def _overwritten(graph: Graph, node: Node, in_place: bool | None) -> tuple[Edge, ...]:
    """The tensors that a node may write over, if nobody reads them afterwards."""
    if in_place is None:
        return node.inputs[:1] if node.layer.overwrites else ()
    if not in_place:
        return ()
    shapes = graph.input_shapes(node)
    windows = node.layer.reads(shapes, node.outputs)
    return tuple(
        edge
        for edge, shape, window in zip(node.inputs, shapes, windows, strict=False)
        if shape == node.outputs[0] and window == (identity(shape),)
    )


@dataclass(frozen=True)
class Schedule:
    """An order of execution.

    Attributes:
        order: numbers of the nodes, those of the inputs first.
        peak: the most bytes that are held.
        at: number of the node at which.
        least: what no order goes below; the peak itself where it is the optimum.
    """

    order: tuple[int, ...]
    peak: int
    at: int
    least: int

    @property
    def exact(self) -> bool:
        """Whether no order has a smaller peak."""
        return self.peak == self.least


class _State(NamedTuple):
    """A set of nodes that have run, with the least peak by which it was reached.

    States are ordered by their peaks, and of equal ones those first that are further on.
    """

    peak: int
    left: int
    number: int
    done: int
    held: int
    ready: tuple[int, ...]
    ran: _Ran | None


class _Ran(NamedTuple):
    """The nodes that have run, the last first."""

    node: int
    before: _Ran | None


def as_written(work: Work) -> Schedule:
    """The order in which the network is written."""
    order = tuple(range(len(work.tasks)))
    peak, at = work.peak(order)
    return Schedule(order, peak, at, work.least())


def best_order(work: Work, steps: int = STEPS) -> Schedule:
    """The order with the smallest peak, or the best that was found with what none goes below.

    Args:
        work: the network.
        steps: steps from a set of nodes to a larger one that may be tried.
    """
    best = as_written(work)
    if best.exact:
        return best
    search = _Search(work)
    first = search.first()
    hurried = search.hurry(first, steps // 2)
    if hurried is not None:
        best = min(best, search.schedule(hurried, best.least), key=lambda one: one.peak)
    heap = [first]
    seen: set[int] = set()
    while heap:
        state = search.run_on(heapq.heappop(heap))
        if state.peak >= best.peak:  # all that is left is no better
            break
        if state.done == work.everything:
            return search.schedule(state, state.peak)
        if state.done in seen:
            continue
        seen.add(state.done)
        if search.count >= steps:
            return Schedule(best.order, best.peak, best.at, state.peak)
        for further in search.steps(state):
            if further.done not in seen and further.peak < best.peak:
                heapq.heappush(heap, further)
    return Schedule(best.order, best.peak, best.at, best.peak)


class _Search:
    """The steps from one set of nodes to the next."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.count = 0
        self.after: list[list[int]] = [[] for _ in work.tasks]
        for number, task in enumerate(work.tasks):
            for one in bits_of(task.before):
                self.after[one].append(number)

    def first(self) -> _State:
        """The inputs are there, and nothing has run."""
        work = self.work
        done = work.start
        ready = tuple(
            number
            for number, task in enumerate(work.tasks)
            if not done >> number & 1 and not task.before & ~done
        )
        return _State(work.least(), len(work.tasks), 0, done, work.held(done), ready, None)

    def step(self, state: _State, number: int) -> _State:
        """One node more has run."""
        spend(1 + len(state.ready) // 200)
        during, held = self.work.step(number, state.done, state.held)
        done = state.done | 1 << number
        ready = [one for one in state.ready if one != number]
        ready += [one for one in self.after[number] if not self.work.tasks[one].before & ~done]
        self.count += 1 + len(state.ready) // 8
        peak = max(state.peak, during)
        return _State(peak, state.left - 1, self.count, done, held, tuple(ready), _Ran(number, state.ran))

    def steps(self, state: _State) -> Iterator[_State]:
        """What each node that is ready leads to."""
        return (self.step(state, number) for number in state.ready)

    def run_on(self, state: _State) -> _State:
        """Run at once each chain after which less is held, and that needs no more than the peak so far."""
        moved = True
        while moved:
            moved = False
            for number in state.ready:
                if state.done >> number & 1:
                    continue
                further = self._chain(state, number)
                if further is not None:
                    state, moved = further, True
        return state

    def _chain(self, state: _State, number: int) -> _State | None:
        """Run a node and what follows it until no more is held than before; None where that cannot be."""
        further = state
        while True:
            self.count += 1
            during, held = self.work.step(number, further.done, further.held)
            if during > state.peak:
                return None
            known = further.ready
            further = self.step(further, number)
            if held <= state.held:
                return further
            follow = further.ready[len(known) - 1 :]
            if len(follow) != 1:
                return None
            number = follow[0]

    def hurry(self, state: _State, steps: int) -> _State | None:
        """Run to the end, at each step the node that needs least; None where that takes too many steps."""
        while state.ready:
            if self.count > steps:
                return None
            state = self.run_on(state)
            if state.ready:
                state = min(self.steps(state), key=lambda one: (one.peak, one.held))
        return state

    def schedule(self, state: _State, least: int) -> Schedule:
        """The order in which everything has run."""
        ran, order = state.ran, []
        while ran is not None:
            order.append(ran.node)
            ran = ran.before
        whole = (*self.work.inputs, *reversed(order))
        peak, at = self.work.peak(whole)
        return Schedule(whole, peak, at, least)


def bits_of(mask: int) -> Iterator[int]:
    """Places of the ones of a number."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
