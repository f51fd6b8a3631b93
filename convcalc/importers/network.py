"""What every reader of networks builds: nodes of the graph, made by the layers' own ``create``.

A reader of a file or of a program asks a :class:`Network` for one layer after the other, says where each
stands in the source and which of its arrays are its weights, and gets the edges of what it writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from convcalc import layers
from convcalc.dims import Shape, equal
from convcalc.graph import Edge, Graph, Node, Weights, input_node
from convcalc.layers.base import Layer
from convcalc.layers.values import show
from convcalc.spec.language.stage import Stage

_ILLEGAL: Final = re.compile(r"[^\w.\-]+")
_DOTS: Final = re.compile(r"\.{2,}")


class Unsayable(Exception):
    """What no layer says: an operator, or one use of it. The reason reads on after the operator's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SeveralUses(Exception):
    """An array that one layer has as its weight and another reads otherwise: it is a tensor of its own.

    Who translates begins anew with the name in :attr:`Network.tensors`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Stored:
    """An array of a file or of a module, which has not been read.

    Attributes:
        name: what the source calls it.
        shape: its sizes.
        dtype: type of its elements, by NumPy's name (``bfloat16`` beside them).
        read: gives the NumPy array, when it is first needed.
        learned: whether it is a parameter; else a buffer or a constant.
        frozen: whether it is a parameter that is not trained.
        counted: whether the model stores it; what is computed from others when it is read is not counted.
        tag: what was done to the array that the source has, empty for nothing: arrays of one name are one
            array where their tags are the same.
        names: all that the source calls it, ``name`` first.
        saved: whether a file of the source's weights holds it.
        origin: the shape it has there.
        form: makes this one of the array that the source has; None where it is the same.
    """

    __slots__ = (
        "counted", "dtype", "form", "frozen", "learned", "name", "names", "order", "origin", "read", "saved",
        "shape", "tag",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        read: Callable[[], Any],
        *,
        learned: bool = True,
        frozen: bool = False,
        counted: bool = True,
        tag: str = "",
        names: tuple[str, ...] = (),
        saved: bool = True,
    ) -> None:
        self.name = name
        self.names = names or (name,)
        self.saved = saved and counted
        self.origin = shape
        self.form: Callable[[Any], Any] | None = None
        self.shape = shape
        self.dtype = dtype
        self.read = read
        self.learned = learned
        self.frozen = frozen
        self.counted = counted
        self.tag = tag
        self.order: tuple[int, ...] | None = None

    def map(self, function: Callable[[Any], Any], shape: tuple[int, ...], tag: str) -> Stored:
        """The array that a function makes of this one, when it is read; ``tag`` says which function."""
        return self._with(function, shape, f"{self.tag} {tag}".strip())

    def reshaped(self, shape: tuple[int, ...]) -> Stored:
        """The same elements in another shape."""
        if shape == self.shape:
            return self
        return self._with(lambda array: array.reshape(shape), shape, self.tag)

    def permuted(self, order: tuple[int, ...]) -> Stored:
        """The axes in another order; an order and its inverse cancel out."""
        before = self.order or tuple(range(len(self.shape)))
        whole = tuple(before[axis] for axis in order)
        shape = tuple(self.shape[axis] for axis in order)
        tag = self.tag.removesuffix(f"permute{before}").strip()
        found = self._with(lambda array: array.transpose(order), shape, tag)
        if whole != tuple(range(len(whole))):
            found.order = whole
            found.tag = f"{tag} permute{whole}".strip()
        return found

    def _with(self, function: Callable[[Any], Any], shape: tuple[int, ...], tag: str) -> Stored:
        read, form = self.read, self.form
        found = Stored(
            self.name, shape, self.dtype, lambda: function(read()), learned=self.learned, frozen=self.frozen,
            counted=self.counted, tag=tag, names=self.names, saved=self.saved,
        )  # fmt: skip
        found.origin = self.origin
        found.form = function if form is None else lambda array: function(form(array))
        return found

    def __repr__(self) -> str:
        return f"Stored({self.name!r}, {show(self.shape)})"


class Network:
    """A graph in the making.

    Args:
        name: what the network is called.

    Attributes:
        arrays: the weights so far, by their names in the graph.
        tensors: names of stored arrays that are tensors of the network, of no single layer.
        notes: what is to be said of how something was read.
        written: how the nodes that are added now are written in the source, where that is known.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[Node] = []
        self.inputs: list[int] = []
        self.arrays: dict[str, Stored] = {}
        self.tensors: set[str] = set()
        self.notes: list[str] = []
        self.written = ""
        self._names: set[str] = set()
        self._blocks: set[str] = set()
        self._counters: dict[str, int] = {}
        self._owners: dict[str, tuple[str, str, str]] = {}  # of a stored name: node, array, tag
        self._sources: dict[str, Edge] = {}

    # -- names ------------------------------------------------------------------------------

    def unique(self, path: str, op: str) -> str:
        """A name for a node at a place of the source: legal, no other's, and that of no block."""
        name = _DOTS.sub(".", _ILLEGAL.sub("_", path)).strip(".") or op
        at = name.find(".")
        while at >= 0:  # no block has the name of a layer
            if name[:at] in self._names:
                name = f"{name[:at]}_{name[at + 1 :]}"
            at = name.find(".", at + 1)
        if name in self._blocks:
            name = f"{name}.{op}"
        found = name
        while found in self._names or found in self._blocks:
            self._counters[name] = self._counters.get(name, 0) + 1
            found = f"{name}_{self._counters[name]}"
        self._names.add(found)
        at = found.rfind(".")
        while at >= 0 and found[:at] not in self._blocks:
            self._blocks.add(found[:at])
            at = found.rfind(".", 0, at)
        return found

    # -- nodes ------------------------------------------------------------------------------

    def shape(self, edge: Edge) -> Shape:
        """Shape of a tensor, without its batch."""
        return self.nodes[edge.node].outputs[edge.output]

    def enter(self, name: str, shape: Shape) -> Edge:
        """An input of the graph."""
        self.nodes.append(input_node(self.unique(name, "input"), shape))
        self.inputs.append(len(self.nodes) - 1)
        return Edge(len(self.nodes) - 1)

    def add(
        self,
        op: str,
        edges: Sequence[Edge],
        options: Mapping[str, Any] | None = None,
        path: str = "",
        weights: Mapping[str, Stored] | None = None,
    ) -> tuple[Edge, ...]:
        """A layer, and the edges of what it writes.

        Args:
            op: registered name of the layer.
            edges: what it reads, in order.
            options: its options by field.
            path: where it stands in the source, dotted: it gives the name.
            weights: its arrays by their names in the layer.

        Raises:
            DimensionError: the layer does not fit what arrives.
            Unsayable: a weight has another shape than the layer's.
            SeveralUses: a weight is another layer's already, in another form.
        """
        cls = layers.lookup(op)
        shapes = tuple(self.shape(edge) for edge in edges)
        layer = cls.create(shapes, {k: v for k, v in (options or {}).items() if v is not None})
        return self.place(layer, edges, layer.output_shapes(shapes), path or op, weights)

    def place(
        self,
        layer: Layer,
        edges: Sequence[Edge],
        outputs: tuple[Shape, ...],
        path: str,
        weights: Mapping[str, Stored] | None = None,
    ) -> tuple[Edge, ...]:
        """A layer that has been made, as :meth:`add` does."""
        shares: list[str] = []
        frozen = False
        if weights:
            shapes = tuple(self.shape(edge) for edge in edges)
            self._check(layer, shapes, weights)
            learned = [weights[name] for name in layer.parameters(shapes) if name in weights]
            frozen = bool(learned) and all(stored.frozen for stored in learned)
            if not frozen and any(stored.frozen for stored in learned):
                fixed = ", ".join(stored.name for stored in learned if stored.frozen)
                self.notes.append(f"{fixed} is frozen, the rest of {path} is not: it is counted as trained")
        name = self.unique(path, layer.op)
        for array, stored in (weights or {}).items():
            owner = self._owners.setdefault(stored.name, (name, array, stored.tag))
            if owner[0] == name:
                self.arrays[f"{name}.{array}"] = stored
            else:
                shares.append(f"{owner[0]}.{owner[1]}")
        self.nodes.append(Node(name, layer, tuple(edges), outputs, frozen, tuple(shares), self.written))
        number = len(self.nodes) - 1
        return tuple(Edge(number, output) for output in range(len(outputs)))

    def _check(self, layer: Layer, shapes: tuple[Shape, ...], weights: Mapping[str, Stored]) -> None:
        arrays = layer.arrays(shapes)
        for array, stored in weights.items():
            due = arrays.get(array)
            if due is None or len(due) != len(stored.shape):
                raise Unsayable(f"has an array {stored.name} of {show(stored.shape)} that no layer takes")
            if not all(equal(a, b) is True for a, b in zip(due, stored.shape, strict=True)):
                raise Unsayable(f"needs a {array} of {show(due)}, and {stored.name} is {show(stored.shape)}")
            owner = self._owners.get(stored.name)
            if stored.name in self._sources or (owner is not None and owner[1:] != (array, stored.tag)):
                raise SeveralUses(stored.name)

    def stage(
        self,
        stage: Stage,
        edges: Sequence[Edge],
        path: str,
        weights: Mapping[str, Stored] | None = None,
        env: Mapping[str, Any] | None = None,
    ) -> tuple[Edge, ...]:
        """The layer of a stage, as the readers of pasted calls make them.

        Raises:
            SpecError: at the stage's place.
        """
        from convcalc.dims import DimensionError
        from convcalc.spec.language.arguments import dimension_fault, values_of

        shapes = tuple(self.shape(edge) for edge in edges)
        cls = layers.lookup(stage.name)
        low, high = cls.arity
        if len(shapes) < low or (high is not None and len(shapes) > high):
            raise stage.fault(f"{stage.origin} reads {low} tensor{'s' * (low != 1)}, got {len(shapes)}")
        wrong = stage.rank is not None and shapes and len(shapes[0]) - 1 != stage.rank
        if wrong and not (stage.flat_too and len(shapes[0]) == 1):
            raise stage.fault(f"{stage.origin} needs {stage.rank} spatial axes, got {show(shapes[0])}")
        values = values_of(stage, {**(env or {}), **({"in": shapes[0]} if shapes else {})})
        try:
            if stage.adapt is not None:
                values = stage.adapt(shapes, values)
            layer = cls.create(shapes, values)
            outputs = layer.output_shapes(shapes)
        except DimensionError as error:
            raise dimension_fault(stage, error) from None
        refused = stage.refuses(layer, shapes) if stage.refuses is not None else None
        if refused is not None:
            raise stage.fault(refused)
        return self.place(layer, edges, outputs, path, weights)

    def source(self, stored: Stored, shape: Shape | None = None, path: str = "") -> Edge:
        """The tensor of a stored array, in a shape of as many elements: one node however often it is read.

        Raises:
            SeveralUses: it is the weight of a layer already.
        """
        shape = tuple(stored.shape if shape is None else shape) or (1,)
        key = f"{stored.name} {stored.tag}"
        edge = self._sources.get(key)
        if edge is None:
            if stored.name in self._owners and stored.name not in self._sources:
                if stored.counted:
                    raise SeveralUses(stored.name)
                stored = stored.map(lambda array: array, stored.shape, "")  # another form of what is computed
                stored.name = f"{stored.name}.{len(self.nodes)}"
                stored.names = (stored.name,)
            if stored.counted and stored.name in self._sources:
                raise Unsayable(f"reads {stored.name} in two forms")
            op, array = ("param", "value") if stored.learned else ("const", "buffer")
            options: dict[str, Any] = {"shape": shape}
            if not stored.learned and not stored.counted:
                options["stored"], array = False, "constant"
            path = path or stored.name.removesuffix(f".{array}")
            (edge,) = self.add(op, (), options, path, {array: stored.reshaped(shape)})
            self._sources[key] = edge
            if stored.counted:
                self._sources[stored.name] = edge
        if self.shape(edge) != shape:  # it was first needed in another
            (edge,) = self.add("reshape", (edge,), {"shape": shape}, f"{path or stored.name}.reshape")
        return edge

    def unused(self, stored: Stored) -> None:
        """An array that the model stores and nothing reads: counted as what it is."""
        if not self.reads(stored):
            self.source(stored)

    def reads(self, stored: Stored) -> bool:
        """Whether a layer has it, or it is a tensor of the network."""
        return stored.name in self._owners or stored.name in self._sources

    def opaque(
        self,
        what: str,
        edges: Sequence[Edge],
        shapes: Sequence[Shape],
        path: str,
        reason: str = "",
    ) -> tuple[Edge, ...]:
        """An operator that no layer says, with the shapes of what it writes."""
        layer = layers.lookup("opaque").create(
            tuple(self.shape(edge) for edge in edges), {"what": what, "shapes": tuple(map(tuple, shapes))}
        )
        if reason:
            self.notes.append(f"{path}: {what} {reason}")
        return self.place(layer, edges, tuple(map(tuple, shapes)), path)

    def finish(self, outputs: Sequence[tuple[str, Edge]], **about: Any) -> Graph:
        """The graph: what no output needs and holds no weights is left out."""
        kept = {edge.node for _, edge in outputs} | set(self.inputs)
        for number in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[number]
            if number not in kept:
                if not node.layer.arrays(tuple(self.shape(e) for e in node.inputs)):
                    continue
                kept.add(number)
            kept.update(edge.node for edge in node.inputs)
        order = sorted(kept)
        number_of = {old: new for new, old in enumerate(order)}
        nodes = []
        for old in order:
            node = self.nodes[old]
            node.inputs = tuple(Edge(number_of[e.node], e.output) for e in node.inputs)
            nodes.append(node)
        graph = Graph(
            self.name,
            nodes,
            tuple(number_of[i] for i in self.inputs),
            tuple(Edge(number_of[e.node], e.output) for _, e in outputs),
            tuple(name for name, _ in outputs),
            notes=tuple(self.notes),
            **about,
        )
        graph.weights = Weights(self.arrays) if self.arrays else None
        return graph
