"""What must move between memory and what computes: every tensor that a layer reads or writes, once."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from convcalc.calculators.count.memory import INDEX_BYTES, stored
from convcalc.calculators.hardware.bits import Bits, bytes_of, tensor_bits
from convcalc.dims import UNKNOWN, Dim, ceil_div, minimum, prod, total
from convcalc.graph import Edge, Graph


class Moved(NamedTuple):
    """What a layer moves.

    Attributes:
        input: bytes of the tensors that it reads, each once.
        weights: bytes of its parameters and buffers.
        output: bytes of the tensors that it writes.
        accesses: entries of all of them together.
    """

    input: Dim
    weights: Dim
    output: Dim
    accesses: Dim

    @property
    def bytes(self) -> Dim:
        """All of them."""
        return self.input + self.weights + self.output


NOTHING = Moved(0, 0, 0, 0)


def traffic(graph: Graph, batch: int, bits: Sequence[Bits], sparsity: Sequence[Fraction]) -> list[Moved]:
    """What each node moves.

    A tensor is moved whole and once, however often its entries are used; so are weights, whatever the batch.
    A layer that computes nothing reads no more entries than it writes. A view moves nothing. Of weights the
    share that is zero is not moved.

    Args:
        graph: the graph.
        batch: samples in one pass.
        bits: of every node.
        sparsity: of every node, the share of its weights that is zero.
    """
    sizes = tensor_bits(graph, bits)
    owners = {tensor.node for tensor in stored(graph, 1, 1)}
    read = {(e.node, e.output) for node in graph.nodes for e in node.inputs if e.output}
    read |= {(e.node, e.output) for e in graph.outputs}
    found = []
    for number, node in enumerate(graph.nodes):
        layer = node.layer
        if not node.inputs or (layer.view and number not in owners):
            found.append(NOTHING)
            continue
        shapes = graph.input_shapes(node)
        written = [
            (prod(shape) * batch, Edge(number, output))
            for output, shape in enumerate(node.outputs)
            if not (output and output in layer.index_outputs and (number, output) not in read)
        ]
        most = total(count for count, _ in written) if _computes_nothing(graph, number) else None
        taken: dict[Edge, Dim] = {}
        for edge in node.inputs:
            own = graph.nodes[edge.node]
            fixed = not own.inputs and not own.is_input  # a tensor of the network's own
            taken[edge] = _at_most(prod(graph.shape(edge)) * (1 if fixed else batch), most)
        arrays = {**layer.parameters(shapes), **layer.buffers(shapes)}
        weights = accessed = 0
        for name, shape in arrays.items():
            count = prod(shape)
            if layer.looks_up:  # of a table, what is looked up
                count = _at_most(count, total(entries for entries, _ in written))
            multiplied = is_weight(name, node.layer.has_macs or bool(layer.looks_up))
            count = kept(count, sparsity[number]) if multiplied else count
            accessed = accessed + count
            size = bits[number].weights if multiplied else bits[number].others
            weights = weights + bytes_of(count, size)
        places = total(prod(shape) for shape in layer.indices(shapes).values())
        found.append(
            Moved(
                total(_tensor(graph, edge, count, sizes) for edge, count in taken.items()),
                weights + places * INDEX_BYTES,
                total(_tensor(graph, edge, count, sizes) for count, edge in written),
                total(taken.values()) + accessed + places + total(count for count, _ in written),
            )
        )
    return found


def is_weight(name: str, multiplies: bool) -> bool:
    """Whether an array is what inputs are multiplied by, and no bias nor part of a norm."""
    return multiplies and name.partition("_")[0] == "weight"


def _computes_nothing(graph: Graph, number: int) -> bool:
    """Whether each entry that a layer writes is one that it read, or none."""
    node = graph.nodes[number]
    layer = node.layer
    shapes = graph.input_shapes(node)
    return not (layer.has_macs or layer.opaque or any(_some(n) for n in layer.ops(shapes, node.outputs)))


def _some(count: Dim) -> bool:
    return type(count) is not int or count > 0


def _at_most(count: Dim, most: Dim) -> Dim:
    if most is None or count is UNKNOWN or most is UNKNOWN:
        return count
    return minimum(count, most)


def kept(count: Dim, zeros: Fraction) -> Dim:
    """Weights that are not zero, of so many; a part of one is a whole one."""
    if not zeros:
        return count
    return ceil_div(count * (zeros.denominator - zeros.numerator), zeros.denominator)


def _tensor(graph: Graph, edge: Edge, count: Dim, sizes: dict[Edge, int]) -> Dim:
    """Bytes of so many entries of a tensor."""
    if edge.output in graph.nodes[edge.node].layer.index_outputs:
        return count * INDEX_BYTES
    return bytes_of(count, sizes[edge])
