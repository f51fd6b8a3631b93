"""The graph: nodes in topological order, each a layer, its inputs and its block path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

from convcalc.shown import told

if TYPE_CHECKING:
    from convcalc.dims import Shape
    from convcalc.layers.base import Layer


WEIGHTS_READER: Final = "convcalc.importers.formats"
"""Where :func:`stored_weights` finds the reader of files of weights."""
WRITTEN: Final = (
    "module", "subclass", "unnamed", "function", "tensor", "method", "einsum", "bias", "attention", "fused",
    "unfused", "learned", "covered", "part", "strided", "folded", "merged", "behind",
)  # fmt: skip
"""Words for how a layer is written in PyTorch, of which counters see some and some they do not.

- ``module``: it is a module of the library's own class, which runs it alone.
- ``subclass``: a module without parts of another class, by its own weight; ``unnamed``: and ``Conv`` is no
  part of the name of that class.
- ``function``: of ``torch.nn.functional``, or one of ``torch`` that joins tensors.
- ``tensor``: a method of a tensor by its name; ``method``: an operator (``+``, ``@``) or a function that no
  counter replaces; ``einsum``: by ``torch.einsum``.
- ``bias``: a sum that the source leaves to the layer before, as its bias; ``part``: of a call that makes
  several layers, not its main one.
- ``attention``: a part of a module of attention, which runs it as functions of its own; ``covered``: a module
  inside one.
- ``fused``: inside ``scaled_dot_product_attention``, ``learned``: with a mask that is learned; ``unfused``: a
  product of an attention that is not.
- ``strided``: its input lies in memory in another order than its axes, ``folded``: in a batch of several
  alone.
- ``merged``: its first axis is the batch together with another; ``behind``: another than the batch.
"""
READER: Final = "convcalc.spec"
"""Where :func:`as_graph` finds the reader of specs."""


class Header(Protocol):
    """What is known of an array before it is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> Any:
        """The type of its entries, or the name of it: ``float32``, ``bfloat16``, ``int8``."""


class Unread(Header, Protocol):
    """An array that has not been read."""

    @property
    def read(self) -> Callable[[], Any]:
        """Reads it."""


class Weights(Mapping[str, Any]):
    """Arrays by name, each read when it is asked for and not kept.

    Args:
        headers: by name of each, its shape, its type and what reads it.

    Attributes:
        beside: what the source stores besides and its constants are computed of, by the source's names.
    """

    def __init__(self, headers: Mapping[str, Unread]) -> None:
        self.headers = headers
        self.beside: Mapping[str, Unread] = {}

    def __getitem__(self, name: str) -> Any:
        return self.headers[name].read()

    def __contains__(self, name: object) -> bool:
        return name in self.headers

    def __iter__(self) -> Iterator[str]:
        return iter(self.headers)

    def __len__(self) -> int:
        return len(self.headers)

    def __repr__(self) -> str:
        return f"<{len(self)} arrays>"


Again: TypeAlias = "Callable[[Mapping[str, Shape], Mapping[str, Any]], Graph]"
"""Reads a network again at other shapes of its inputs, by name, with values for its variables.

It raises a :class:`convcalc.spec.errors.SpecError` where the network does not go on them.
"""


class Edge(NamedTuple):
    """One tensor: output number ``output`` of node number ``node``."""

    node: int
    output: int = 0


class Node:
    """One layer in its place.

    Attributes:
        name: unique dotted name, such as ``layer1.0.conv1``.
        layer: the layer; that of a graph input is :class:`convcalc.layers.tensors.shape.Input`.
        inputs: the edges it reads, in order.
        outputs: the shapes it writes, one an output (channels, then spatial sizes).
        frozen: whether its parameters are held fixed while the rest is trained.
        shares: the arrays that it has from others, by their full names (``fc.weight``): they are used
            here under the last part of the name, stored once, and counted where they are used first.
        written: how it is written in the source, in words of :data:`WRITTEN`, the first that a counter has
            a rule for; empty where that is not known. Equal nodes may differ in it.
    """

    __slots__ = ("frozen", "inputs", "layer", "name", "outputs", "shares", "written")

    def __init__(
        self,
        name: str,
        layer: Layer,
        inputs: tuple[Edge, ...],
        outputs: tuple[Shape, ...],
        frozen: bool = False,
        shares: tuple[str, ...] = (),
        written: str = "",
    ) -> None:
        self.name = name
        self.layer = layer
        self.inputs = inputs
        self.outputs = outputs
        self.frozen = frozen
        self.shares = shares
        self.written = written

    @property
    def op(self) -> str:
        """Registered name of the layer."""
        return self.layer.op

    @property
    def is_input(self) -> bool:
        """Whether it is an input of the graph; a tensor of the network's own reads nothing either."""
        return self.layer.enters

    @property
    def block(self) -> str:
        """Dotted path of the block the node stands in; empty at the top."""
        return self.name.rpartition(".")[0]

    def __repr__(self) -> str:
        return f"Node({self.name!r}, {self.layer!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return (self.name, self.layer, self.inputs, self.outputs, self.frozen, self.shares) == (
            other.name,
            other.layer,
            other.inputs,
            other.outputs,
            other.frozen,
            other.shares,
        )

    def key(self, array: str) -> str:
        """Full name of an array that the node uses: that of another node where it shares it."""
        for name in self.shares:
            if name.rpartition(".")[2] == array:
                return name
        return f"{self.name}.{array}"

    __hash__ = None  # type: ignore[assignment]


def input_node(name: str, shape: Shape) -> Node:
    """A node by which a tensor of this shape enters a graph."""
    from convcalc.layers.tensors.shape import Input

    return Node(name, Input(tuple(shape)), (), (shape,))


@dataclass(eq=True)
class Graph:
    """A network.

    Attributes:
        name: what the document calls itself, or the spec line.
        nodes: in topological order, inputs of the graph among them.
        inputs: indices of the input nodes, in the order the document states them.
        outputs: the edges the network returns.
        output_names: a name for each of them.
        variables: the document's variables with their values, after ``--set``.
        source: where the network was published.
        text: the spec text it was read from.
        bits: bits of weights and activations by the name of a layer, as ``w4a8``; ``*`` is for all of them.
        notes: how something was read that others may mean otherwise, and what was passed over.
        weights: its arrays, by the names that :mod:`convcalc.executor.weights` gives them, where it was
            read with them; a :class:`Weights` reads none before it is asked for.
        stored: of arrays by name, what the source calls them and whether it computes them, where it holds no
            numbers of the others: records with ``name``, ``counted`` and ``read``.
        again: reads it again at other sizes, where what it was read from is no text of the language.
    """

    name: str
    nodes: list[Node]
    inputs: tuple[int, ...]
    outputs: tuple[Edge, ...]
    output_names: tuple[str, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict, compare=False)
    source: str = field(default="", compare=False)
    text: str = field(default="", compare=False, repr=False)
    constraints: tuple[Any, ...] = field(default=(), compare=False)
    budget: dict[str, Any] = field(default_factory=dict, compare=False)
    bits: dict[str, str] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    weights: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    again: Again | None = field(default=None, compare=False, repr=False)
    stored: Weights | None = field(default=None, compare=False, repr=False)

    @property
    def resizable(self) -> bool:
        """Whether it can be read again at other sizes of its inputs."""
        return bool(self.text) or self.again is not None

    def shape(self, edge: Edge) -> Shape:
        """Shape of a tensor."""
        return self.nodes[edge.node].outputs[edge.output]

    def input_shapes(self, node: Node) -> tuple[Shape, ...]:
        """Shapes a node reads, in order."""
        nodes = self.nodes
        return tuple(nodes[n].outputs[o] for n, o in node.inputs)

    def find(self, name: str) -> Edge:
        """The tensor of that name: a layer, ``layer.output`` for a named output of one, or a block.

        A block's name means its last layer, whose output is that of the block.

        Raises:
            LookupError: there is none.
        """
        last = None
        for index, node in enumerate(self.nodes):
            if node.name == name:
                return Edge(index)
            if name.startswith(node.name + "."):
                names = node.layer.output_names()
                rest = name[len(node.name) + 1 :]
                if rest in names:
                    return Edge(index, names.index(rest))
            if name and node.name.startswith(name + "."):
                last = index
        if last is None:
            raise LookupError(f"the graph has no layer {name!r}")
        return Edge(last)

    def ancestors(self, tensor: Edge | str) -> list[int]:
        """Numbers of the nodes that a tensor, or one of that name, depends on; its own is the last.

        Raises:
            LookupError: there is no tensor of that name.
        """
        last = (self.find(tensor) if isinstance(tensor, str) else tensor).node
        needed = {last}
        for number in range(last, -1, -1):
            if number in needed:
                needed.update(edge.node for edge in self.nodes[number].inputs)
        return sorted(needed)

    def part(self, edge: Edge) -> Graph:
        """What one tensor depends on, with that tensor as its only output; all inputs stay."""
        needed = sorted({*self.inputs, *self.ancestors(edge)})
        number = {old: new for new, old in enumerate(needed)}
        nodes = []
        for old in needed:
            node = self.nodes[old]
            inputs = tuple(Edge(number[e.node], e.output) for e in node.inputs)
            nodes.append(
                Node(node.name, node.layer, inputs, node.outputs, node.frozen, node.shares, node.written)
            )
        kept = tuple(number[i] for i in self.inputs)
        outputs = (Edge(number[edge.node], edge.output),)
        return Graph(self.name, nodes, kept, outputs, weights=self.weights, again=self._part_again(edge))

    def _part_again(self, edge: Edge) -> Again | None:
        """Reads the same part again at other sizes, where the whole can be."""
        whole, name = self.again, self.nodes[edge.node].name
        if whole is None:
            return None

        def again(shapes: Mapping[str, Shape], variables: Mapping[str, Any]) -> Graph:
            graph = whole(shapes, variables)
            return graph.part(Edge(graph.find(name).node, edge.output))

        return again

    def lent(self) -> dict[int, dict[str, int]]:
        """Of every node that uses an array that a node before it has: the array's name, and whose it is.

        In a part of a network that lacks the node an array is named after, it belongs to the first
        that uses it.

        Returns:
            by number of the node, the number of the first node that has each array.
        """
        found: dict[int, dict[str, int]] = {}
        if not any(node.shares for node in self.nodes):
            return found
        numbers = {node.name: number for number, node in enumerate(self.nodes)}
        first: dict[str, int] = {}
        for number, node in enumerate(self.nodes):
            for key in node.shares:
                owner, _, array = key.rpartition(".")
                at = first.setdefault(key, min(number, numbers.get(owner, number)))
                if at != number:
                    found.setdefault(number, {})[array] = at
        return found

    def named_outputs(self) -> dict[str, Shape]:
        """The shapes that the network returns, by name, in its order."""
        names = self.output_names or tuple(self.nodes[edge.node].name for edge in self.outputs)
        return {name: self.shape(edge) for name, edge in zip(names, self.outputs, strict=False)}

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        return told(self)


def stored_weights(path: str | PathLike[str]) -> Weights | None:
    """The arrays of a file of PyTorch's (``.safetensors``, ``.pth``); None of any other, such as ``.npz``.

    Raises:
        SpecError: it is such a file, and damaged.
        OSError: it cannot be read.
    """
    found: Weights | None = import_module(WEIGHTS_READER).stored_weights(path)
    return found


Spec: TypeAlias = Graph | str | PathLike[str]
"""A network as every question takes it: a graph, or what :func:`as_graph` reads."""


def as_graph(given: Spec, *, input: Any = None, set: Mapping[str, Any] | None = None) -> Graph:
    """A graph as it is; anything else is read as a spec, as :func:`convcalc.load` reads it.

    What works on graphs knows nothing of reading: the reader is looked up when there is something to read.

    Args:
        given: a graph, or a spec: a line, the text of a document, the path of a file, or a zoo name.
        input: shape to use instead of the spec's.
        set: values for the spec's variables.

    Raises:
        SpecError: the spec cannot be read.
        ValueError: a shape or variables beside a graph, which has its own already.
        TypeError: it is neither a graph nor a spec.
    """
    if isinstance(given, Graph):
        if input is not None or set:
            what = "input=" if input is not None else "set="
            raise ValueError(f"{what} is for a spec that is still to be read; a graph has its own already")
        return given
    if not isinstance(given, str | PathLike):
        raise TypeError(f"expected a graph or a spec (text, path or name), got {type(given).__name__}")
    graph: Graph = import_module(READER).load(given, input=input, set=set)
    return graph
