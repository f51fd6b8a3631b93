"""What is counted of one layer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from convcalc.dims import UNKNOWN, Dim, Shape, prod
from convcalc.graph import Node
from convcalc.layers.base import NO_OPS, Ops

METRICS: Final = (
    "params", "trainable", "frozen", "weights", "biases", "other", "buffers", "indices", "macs",
    "valid_macs", "flops", "activations",
)  # fmt: skip
"""What is counted of every layer and summed over a network."""


class Counts:
    """The counts of a layer, of a block or of a whole graph.

    ``params`` = ``weights`` + ``biases`` + ``other`` are the learned numbers, of which ``frozen`` are
    held fixed in training (``frozen=true``) and ``trainable`` are not; ``buffers`` are stored but not
    learned; ``indices`` are whole numbers that are stored, by which entries are looked up. ``macs`` are
    multiply-accumulates of convolutions, transposed convolutions, linear layers, products of two
    tensors and recurrent cells, padded positions included, biases not; ``valid_macs`` those of them
    that do more than multiply padding. ``ops`` are scalar operations outside the MACs, by kind;
    ``flops`` = 2 * ``macs`` + all ``ops``. ``activations`` are the elements that these layers write,
    of several outputs the first.
    """

    __slots__ = (*METRICS, "ops")

    params: Dim
    trainable: Dim
    frozen: Dim
    weights: Dim
    biases: Dim
    other: Dim
    buffers: Dim
    indices: Dim
    macs: Dim
    valid_macs: Dim
    flops: Dim
    activations: Dim
    ops: Ops

    def __init__(self) -> None:
        self.params = self.weights = self.biases = self.other = self.buffers = 0
        self.trainable = self.frozen = self.indices = 0
        self.macs = self.valid_macs = self.flops = self.activations = 0
        self.ops = NO_OPS

    def take(self, other: Counts) -> None:
        """Become equal to the counts of another part."""
        self.params = other.params
        self.trainable = other.trainable
        self.frozen = other.frozen
        self.weights = other.weights
        self.biases = other.biases
        self.other = other.other
        self.buffers = other.buffers
        self.indices = other.indices
        self.macs = other.macs
        self.valid_macs = other.valid_macs
        self.flops = other.flops
        self.activations = other.activations
        self.ops = other.ops

    def add(self, other: Counts, times: int = 1) -> None:
        """Add the counts of another part, ``times`` over."""
        for metric in METRICS:
            value = getattr(other, metric)
            if type(value) is not int or value:
                setattr(self, metric, getattr(self, metric) + value * times)
        if other.ops is not NO_OPS:
            self.ops = self.ops.plus(other.ops if times == 1 else other.ops.times(times))


def count(node: Node, inputs: tuple[Shape, ...], batch: int, lent: Collection[str] = ()) -> Counts:
    """The counts of one layer; arrays of the names ``lent`` are counted elsewhere."""
    layer = node.layer
    outputs = node.outputs
    counts = Counts()
    for name, shape in layer.parameters(inputs).items():
        if name in lent:
            continue
        size = prod(shape)
        counts.params = counts.params + size
        kind = name.partition("_")[0] if layer.has_macs else "other"  # weight_ih_l0 is a weight
        if kind == "weight":
            counts.weights = counts.weights + size
        elif kind == "bias":
            counts.biases = counts.biases + size
        else:
            counts.other = counts.other + size
    if node.frozen:
        counts.frozen = counts.params
    else:
        counts.trainable = counts.params
    for name, shape in layer.buffers(inputs).items():
        if name not in lent:
            counts.buffers = counts.buffers + prod(shape)
    for name, shape in layer.indices(inputs).items():
        if name not in lent:
            counts.indices = counts.indices + prod(shape)
    ops = layer.ops(inputs, outputs)
    if layer.has_macs:
        counts.macs = layer.macs(inputs, outputs) * batch
        counts.valid_macs = layer.valid_macs(inputs, outputs) * batch
        counts.activations = prod(outputs[0]) * batch
    if ops is not NO_OPS:
        counts.ops = ops if batch == 1 else ops.times(batch)
    shared = layer.shared_ops(inputs, outputs)
    if shared is not NO_OPS:
        counts.ops = counts.ops.plus(shared)
    if layer.opaque:
        counts.macs = counts.valid_macs = counts.activations = UNKNOWN
    counts.flops = (
        2 * counts.macs
        + counts.ops.add
        + counts.ops.mul
        + counts.ops.cmp
        + counts.ops.div
        + counts.ops.special
    )
    return counts


class Memo:
    """Counts of layers met before: repeats share a layer, and written-out ones are equal.

    ``found`` holds every distinct count with the number of times it was asked for.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.found: list[list[Any]] = []
        self.by_identity: dict[Any, list[Any]] = {}
        self.by_value: dict[Any, list[Any]] = {}

    def counts(self, node: Node, shapes: tuple[Shape, ...], lent: tuple[str, ...] = ()) -> Counts:
        """The counts of a node that reads tensors of these shapes; ``lent`` as for :func:`count`."""
        key = (id(node.layer), node.frozen, shapes, lent)
        try:
            entry = self.by_identity.get(key)
        except TypeError:  # arrays cannot be keys
            entry = [count(node, shapes, self.batch, lent), 0]
            self.found.append(entry)
        else:
            if entry is None:
                entry = self.by_identity[key] = self._equal(node, shapes, lent)
        entry[1] += 1
        result: Counts = entry[0]
        return result

    def _equal(self, node: Node, shapes: tuple[Shape, ...], lent: tuple[str, ...]) -> list[Any]:
        key: Any = (node.layer, node.frozen, shapes, lent)
        try:
            entry = self.by_value.get(key)
        except TypeError:  # a layer of arrays
            key, entry = None, None
        if entry is None:
            entry = [count(node, shapes, self.batch, lent), 0]
            self.found.append(entry)
            if key is not None:
                self.by_value[key] = entry
        return entry
