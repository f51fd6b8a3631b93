"""Peak activation memory: the largest sum of live tensors over the execution order."""

from __future__ import annotations

from typing import Final, NamedTuple

from convcalc.dims import UNKNOWN, Dim, equal, maximum_of, prod, total
from convcalc.graph import Edge, Graph

DTYPES: Final[dict[str, int]] = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of one element."""
ALIASES: Final[dict[str, str]] = {
    "fp64": "float64", "double": "float64", "fp32": "float32", "float": "float32", "fp16": "float16",
    "half": "float16", "bf16": "bfloat16",
}  # fmt: skip
"""Other names of element types, by which frameworks and people call them."""
INDEX_BYTES: Final = 8


def canonical(dtype: str) -> str:
    """The one name of an element type that has several: ``fp16`` is ``float16``."""
    return ALIASES.get(dtype, dtype)


def itemsize(dtype: str) -> int:
    """Bytes of one element.

    Raises:
        ValueError: the dtype is not one of :data:`DTYPES`.
    """
    dtype = canonical(dtype)
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    return DTYPES[dtype]


class Stored(NamedTuple):
    """A tensor that owns memory.

    Attributes:
        node: number of the node that writes it.
        output: which of the outputs of that node it is.
        bytes: its size.
        last: number of the node that reads it last; that of all nodes where the graph returns it.
    """

    node: int
    output: int
    bytes: Dim
    last: int


def stored(graph: Graph, batch: int, item: int, known: bool = False) -> list[Stored]:
    """The tensors that own memory while the graph runs, in the order in which they are written.

    A tensor lives from the node that writes it (inputs of the graph: from the start) to the node
    that reads it last; outputs of the graph live to the end. Views own nothing (a tensor of the network's
    own is a view of its parameters or buffers), nor does what runs in
    place where nothing else reads what it overwrites; positions of a max-pool that nobody reads are
    not written.

    Args:
        graph: the graph.
        batch: samples in one pass.
        item: bytes of an element; positions are 8-byte integers.
        known: whether tensors of unknown size count as nothing, so that what is found is at least reached.
    """
    nodes = graph.nodes
    read = {(e.node, e.output) for node in nodes for e in node.inputs if e.output}
    read |= {(e.node, e.output) for e in graph.outputs}
    reader = {edge: number for number, node in enumerate(nodes) for edge in node.inputs}
    reader.update(dict.fromkeys(graph.outputs, len(nodes)))
    # Tensors in the order they are written. A node's first stands at `first`; a view stands for the
    # tensor it is a view of. `until`: the last reader, now or later, of a tensor and of what stands for
    # it so far.
    owner: list[tuple[int, int]] = []
    sizes: list[Dim] = []
    last: list[int] = []
    until: list[int] = []
    first: list[int] = []
    repeated: set[int] = set()  # views that show entries several times
    for number, node in enumerate(nodes):
        for edge in node.inputs:
            last[first[edge.node] + edge.output] = number
        if node.inputs and (node.layer.view or node.layer.overwrites):
            source = node.inputs[0]
            held = first[source.node] + source.output
            again = source.node in repeated
            if (node.layer.view and not (again and node.layer.regroups)) or (
                not node.layer.view and until[held] <= number and not again
            ):
                more = equal(prod(graph.shape(source)), prod(node.outputs[0])) is not True
                if again or (node.layer.repeats and more):
                    repeated.add(number)
                first.append(held)
                until[held] = max(until[held], reader.get(Edge(number), number))
                continue
        first.append(len(sizes))
        own = node.layer.view and not node.inputs  # counted as parameters, and never written over
        if own and node.layer.repeats and equal(prod(node.outputs[0]), 1) is not True:
            repeated.add(number)
        for output, shape in enumerate(node.outputs):
            positions = output in node.layer.index_outputs
            unread = positions and output and (number, output) not in read
            size = 0 if unread or own else prod(shape) * batch * (INDEX_BYTES if positions else item)
            owner.append((number, output))
            sizes.append(0 if known and size is UNKNOWN else size)
            last.append(number)
            until.append(len(nodes) if own else reader.get(Edge(number, output), number))
    for edge in graph.outputs:
        last[first[edge.node] + edge.output] = len(nodes)
    return [Stored(*at, size, end) for at, size, end in zip(owner, sizes, last, strict=True)]


def live_bytes(graph: Graph, batch: int, item: int, known: bool = False) -> tuple[list[Dim], list[Dim]]:
    """Bytes that each node writes, and bytes of all tensors that are live while it runs.

    See :func:`stored` for its arguments, and for how long a tensor lives.

    Returns:
        two lists with one entry per node.
    """
    written: list[Dim] = [0] * len(graph.nodes)
    freed: list[Dim] = [0] * (len(graph.nodes) + 1)
    for tensor in stored(graph, batch, item, known):
        written[tensor.node] = written[tensor.node] + tensor.bytes
        freed[tensor.last] = freed[tensor.last] + tensor.bytes
    inputs = set(graph.inputs)
    current = total(written[number] for number in graph.inputs)
    alive: list[Dim] = []
    for number, new in enumerate(written):
        if number not in inputs:
            current = current + new
        alive.append(current)
        current = current - freed[number]
    return written, alive


def peak_memory(graph: Graph, batch: int, item: int, known: bool = False) -> tuple[Dim, str]:
    """Largest sum of live tensors in bytes, and the node at which it is reached.

    See :func:`stored` for how long a tensor lives. Of symbols the peak is a maximum over the
    nodes that no other is certain to exceed, reached at no one node; where those are too many to read,
    as of sizes that nobody stated, it is unknown.
    """
    _, peaks = live_bytes(graph, batch, item, known)
    if all(type(p) is int for p in peaks):
        peak = max(peaks, default=0)
        return peak, graph.nodes[peaks.index(peak)].name if peaks else ""
    return maximum_of(peaks), ""
