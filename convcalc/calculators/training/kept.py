"""The tensors of a forward pass as PyTorch stores them, and which of them are kept for the backward pass.

A storage is what memory is spent on; a tensor shows it, whole or in part. A layer says what it shows, writes
and keeps (:mod:`convcalc.layers.saved`); here that is followed through a graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from convcalc.budget import spend
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.count.memory import INDEX_BYTES
from convcalc.dims import prod
from convcalc.graph import Edge, Graph, Node
from convcalc.layers.base import Layer
from convcalc.layers.saved import FULL, VALUE, Laid, Need, Own, Saved, Steps, in_order, laid_out, viewed


class Tensor(NamedTuple):
    """What a node writes, as it lies in memory.

    Attributes:
        storage: number of the storage that it shows; None of parameters and buffers, which are counted apart.
        shape: its sizes, the batch first.
        steps: how many entries lie between neighbours along each axis.
        wants: whether its gradient is wanted.
        item: bytes of an entry.
    """

    storage: int | None
    shape: tuple[int, ...]
    steps: Steps
    wants: bool
    item: int


@dataclass(slots=True)
class Storage:
    """Memory that a tensor owns.

    Attributes:
        node: number of the node that writes it.
        name: what it holds besides the output of that node; empty where that is what it holds.
        bytes: its size.
        keepers: numbers of the nodes that keep it for their backward pass, ascending.
        last: number of the node that reads it last in the forward pass; the number of nodes for an output.
        made: whether it is made for the backward pass alone.
    """

    node: int
    name: str
    bytes: int
    keepers: list[int] = field(default_factory=list)
    last: int = -1
    made: bool = False


class Forward(NamedTuple):
    """A forward pass.

    Attributes:
        storages: in the order in which they are written.
        tensors: by node, a tensor for each of its outputs.
        needs: by node, what gradients are wanted of it.
        kept: by node, what it keeps: a description and the number of a storage.
    """

    storages: list[Storage]
    tensors: list[list[Tensor]]
    needs: list[Need]
    kept: list[list[tuple[str, int]]]


def learns(graph: Graph, node: Node) -> bool:
    """Whether a node has parameters, its own or shared, that are trained."""
    return not node.frozen and bool(node.layer.parameters(graph.input_shapes(node)))


def forward(
    graph: Graph,
    batch: int,
    item: int,
    in_place: bool = False,
    wanted: bool = False,
    mixed: bool = False,
) -> Forward:
    """Follow the tensors of a forward pass.

    Args:
        graph: the graph; all its sizes are numbers.
        batch: samples in one pass.
        item: bytes of an entry of an activation.
        in_place: activations run in place wherever they can.
        wanted: gradients of the network's inputs are wanted as well.
        mixed: layers run in the number type that autocast gives them, two bytes or four.

    Raises:
        Unreachable: a size is no number.
    """
    return _Pass(graph, batch, item, in_place, wanted, mixed).run()


class _Pass:
    def __init__(
        self, graph: Graph, batch: int, item: int, in_place: bool, wanted: bool, mixed: bool
    ) -> None:
        self.mixed = mixed
        self.here = item  # bytes of an entry in the number type of the layer at hand
        self.cast: set[str] = set()  # parameters of which there is a copy in half precision
        self.graph, self.batch, self.item, self.in_place = graph, batch, item, in_place
        self.wanted = wanted
        self.alive = {edge.node for edge in graph.outputs}
        for number in range(len(graph.nodes) - 1, -1, -1):
            if number in self.alive:
                self.alive.update(edge.node for edge in graph.nodes[number].inputs)
        self.found = Forward([], [], [], [])
        self.single: list[bool] = []
        self.readers: dict[Edge, int] = {}
        for number, node in enumerate(graph.nodes):
            for edge in node.inputs:
                self.readers[edge] = number
        self.until: list[int] = []  # by storage, the last node that reads it, now or later

    def run(self) -> Forward:
        graph, found = self.graph, self.found
        for number, node in enumerate(graph.nodes):
            for shape in node.outputs:
                if not all(type(n) is int for n in shape):
                    raise Unreachable(
                        f"what {node.name} writes has sizes that are no numbers",
                        expected="the shape of the input: --input 3x224x224",
                    )
            spend(5)
            self._node(number, node)
        for edge in graph.outputs:
            storage = found.tensors[edge.node][edge.output].storage
            if storage is not None:
                found.storages[storage].last = len(graph.nodes)
        return found

    def _node(self, number: int, node: Node) -> None:
        found, layer = self.found, node.layer
        read = [found.tensors[n][o] for n, o in node.inputs]
        self.single.append(not node.is_input and all(self.single[e.node] for e in node.inputs))
        wanted = tuple(
            one.wants and place not in layer.looks_up and place not in layer.index_inputs
            for place, one in enumerate(read)
        )
        single = tuple(self.single[edge.node] for edge in node.inputs)
        need = Need(wanted, learns(self.graph, node), single)
        wants = (any(wanted) or need.learned) and not layer.cuts_gradient
        wants = (wants and number in self.alive) or (node.is_input and self.wanted)
        found.needs.append(need)
        for one in read:
            if one.storage is not None:
                found.storages[one.storage].last = number
        if self.in_place:
            layer = _running(layer, True)
        self.here = self._item(layer, read)
        tensors, over = self._written(number, node, layer, read, wants)
        found.tensors.append(tensors)
        found.kept.append([])
        if not wants or not (read or need.learned):
            return
        shapes = self.graph.input_shapes(node)
        if not over:
            layer = _running(layer, False)
        saved = layer.saved(shapes, node.outputs, need)
        if over and 0 in saved.inputs:  # it is copied before it is written over
            own = Own("input", prod(shapes[0]))
            saved = saved._replace(inputs=tuple(n for n in saved.inputs if n), own=(own, *saved.own))
        self._keep(number, read, tensors, saved)

    def _written(
        self, number: int, node: Node, layer: Layer, read: list[Tensor], wants: bool
    ) -> tuple[list[Tensor], bool]:
        """The tensors that a node writes, and whether it writes them over what it reads."""
        graph = self.graph
        batch = 1 if self.single[number] else self.batch
        shapes = [(batch, *shape) for shape in node.outputs]
        if not read and not node.is_input:  # a tensor of the network's own
            return [Tensor(None, shape, in_order(shape), wants, self.item) for shape in shapes], False
        shown = layer.shows(read[0].shape, read[0].steps) if read else None
        if shown is not None:
            self._read_until(number, read[0].storage)
            return [
                Tensor(read[0].storage, s, steps, wants, read[0].item)
                for s, steps in zip(shapes, shown, strict=True)
            ], False
        if read and layer.overwrites and self._may_overwrite(number, node, read[0]):
            self._read_until(number, read[0].storage)
            return [Tensor(read[0].storage, read[0].shape, read[0].steps, wants, read[0].item)], True
        tensors = []
        for output, shape in enumerate(shapes):
            positions = output in layer.index_outputs
            entry = INDEX_BYTES if positions else self.here
            name = node.layer.output_names()[output] if output else ""
            storage = self._own(number, name, prod(shape) * entry)
            self.until[storage] = self.readers.get(Edge(number, output), number)
            if Edge(number, output) in graph.outputs:
                self.until[storage] = len(graph.nodes)
            steps = in_order(shape) if output else _laid(layer, shape, read)
            tensors.append(Tensor(storage, shape, steps, wants and not positions, entry))
        return tensors, False

    def _read_until(self, number: int, storage: int | None) -> None:
        """Whoever reads what a node shows reads the storage."""
        if storage is None:
            return
        node = self.graph.nodes[number]
        for output in range(len(node.outputs)):
            edge = Edge(number, output)
            last = len(self.graph.nodes) if edge in self.graph.outputs else self.readers.get(edge, number)
            self.until[storage] = max(self.until[storage], last)

    def _may_overwrite(self, number: int, node: Node, read: Tensor) -> bool:
        """Whether nothing reads or keeps afterwards what a node would write over."""
        if read.storage is None or self.until[read.storage] > number:
            return False
        if self.graph.nodes[node.inputs[0].node].is_input:
            return False
        return not self.found.storages[read.storage].keepers and 0 not in read.steps

    def _own(self, number: int, name: str, size: int, made: bool = False) -> int:
        self.found.storages.append(Storage(number, name, size, last=number, made=made))
        self.until.append(number)
        return len(self.found.storages) - 1

    def _item(self, layer: Layer, read: list[Tensor]) -> int:
        """Bytes of an entry of what a layer writes."""
        if not self.mixed:
            return self.item
        given = {"half": 2, "full": 4}.get(layer.autocast)
        return given or max((one.item for one in read if one.item != INDEX_BYTES), default=self.item)

    def _other(self, number: int, tensor: Tensor) -> bool:
        """Whether a layer reads a tensor in another number type, in a copy of its own."""
        layer = self.graph.nodes[number].layer
        return self.mixed and bool(layer.autocast) and tensor.item not in (self.here, INDEX_BYTES)

    def _cast(self, number: int, shape: tuple[int, ...], name: str) -> None:
        """Keep a copy in the number type of the layer at hand."""
        word = "half precision" if self.here == 2 else "single precision"
        self._hold(number, f"{name} in {word}", self._own(number, name, prod(shape) * self.here, made=True))

    def _keep(self, number: int, read: list[Tensor], tensors: list[Tensor], saved: Saved) -> None:
        node = self.graph.nodes[number]
        if self.mixed and node.layer.autocast == "half":
            for array, shape in node.layer.parameters(self.graph.input_shapes(node)).items():
                if len(shape) > 1 and node.key(array) not in self.cast:
                    self.cast.add(node.key(array))
                    self._cast(number, shape, array)
        for place in saved.inputs:
            if self._other(number, read[place]):
                self._cast(number, read[place].shape, _numbered("input", place, len(read)))
            else:
                self._hold(number, _numbered("input", place, len(read)), read[place].storage)
        for laid in saved.laid:
            self._lay(number, laid, read[laid.input], _numbered("input", laid.input, len(read)))
        for place in saved.outputs:
            storage = tensors[place].storage
            name = self.found.storages[storage].name if storage is not None else ""
            self._hold(number, name or "output", storage)
        for own in saved.own:
            self._hold(number, own.name, self._made(number, own))

    def _made(self, number: int, own: Own) -> int:
        batch = 1 if own.shared or self.single[number] else self.batch
        item = {VALUE: self.here, FULL: self.item}.get(own.item, own.item)
        return self._own(number, own.name, int(own.size) * batch * item, made=True)

    def _lay(self, number: int, laid: Laid, tensor: Tensor, name: str) -> None:
        """Keep a tensor in an order: the one that is there, or a copy."""
        shape = [tensor.shape[a] for a in laid.order]
        steps = [tensor.steps[a] for a in laid.order]
        if laid.shape is not None:
            batch = 1 if self.single[number] else self.batch
            to = (batch, *laid.shape)
            more = len(to) - len(shape)
            shape[1:1] = [1] * more
            steps[1:1] = [0] * more
            steps = [0 if n == 1 and m != 1 else step for n, m, step in zip(shape, to, steps, strict=True)]
            shape = list(to)
        together = laid.together or len(shape)
        joined = (prod(shape[:together]), *shape[together:])
        if self._other(number, tensor):
            self._cast(number, tuple(shape), name)
            return
        if tensor.storage is None and prod(shape) == prod(tensor.shape):
            return
        if viewed(tuple(shape), tuple(steps), joined) is not None:
            self._hold(number, name, tensor.storage)
        else:
            copy = self._own(number, name, prod(shape) * tensor.item, made=True)
            self._hold(number, f"{name}, copied", copy)

    def _hold(self, number: int, name: str, storage: int | None) -> None:
        if storage is None:
            return
        self.found.kept[number].append((name, storage))
        keepers = self.found.storages[storage].keepers
        if number not in keepers:
            keepers.append(number)


def _running(layer: Any, in_place: bool) -> Layer:
    """A layer that runs in place, or one that does not, where it is one that can."""
    if getattr(layer, "inplace", in_place) is in_place:
        return layer  # type: ignore[no-any-return]
    return replace(layer, inplace=in_place)  # type: ignore[no-any-return]


def _numbered(word: str, place: int, many: int) -> str:
    return word if many == 1 else f"{word} {place}"


def _laid(layer: Layer, shape: tuple[int, ...], read: Iterable[Tensor]) -> Steps:
    """Steps of what a layer writes into a storage of its own."""
    stated = layer.writes(shape)
    if stated is not None:
        return stated
    first = next((one for one in read if len(one.shape) == len(shape)), None)
    if layer.ordered or first is None:
        return in_order(shape)
    if layer.elementwise and first.shape == shape and 0 not in first.steps:
        order = sorted(range(len(shape)), key=lambda a: (-first.steps[a], a))
        return laid_out(order, shape)
    last = len(shape) in (4, 5) and first.steps[1] == 1 and first.shape[1] > 1
    dense = first.steps == laid_out([0, *range(2, len(shape)), 1], first.shape)
    return laid_out([0, *range(2, len(shape)), 1], shape) if last and dense else in_order(shape)
