"""A model of ONNX as a graph of layers: nodes in order, each folded, said by layers, or named as opaque."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from convcalc.dims import DimensionError, collecting
from convcalc.graph import Graph as Network
from convcalc.importers.batched import Batched
from convcalc.importers.network import SeveralUses, Unsayable
from convcalc.importers.onnx.folded import Folded, Unfolded
from convcalc.importers.onnx.folding import FOLDS
from convcalc.importers.onnx.model import Function, Graph, Model, Node, ValueInfo
from convcalc.importers.onnx.opaque import opaque
from convcalc.importers.onnx.operators import DOMAINS
from convcalc.importers.onnx.operators.recognised import ROWS as RECOGNISED
from convcalc.importers.onnx.order import ordered
from convcalc.importers.onnx.own import said
from convcalc.importers.onnx.paths import Paths
from convcalc.importers.onnx.patterns import Recognised, recognised
from convcalc.importers.onnx.sizes import Sizes, batch_axis
from convcalc.importers.onnx.use import Term, Use, of_tensor
from convcalc.spec.errors import SpecError

_DEEPEST: Final = 32
_MALFORMED: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
Shapes = Mapping[str, Sequence[Any]]


def translate(
    model: Model, given: Shapes | Sequence[Any] | None = None, name: str = "", primitive: bool = False
) -> Network:
    """The graph of a model.

    Args:
        model: what a file says.
        given: shapes of the inputs in place of those of the file, without the batch, by name or of the first.
        name: what the network is called.
        primitive: whether operators are shown as they stand, where several of them are one layer.

    Raises:
        SpecError: its nodes have no order, or a shape that is given is none of its input's.
    """
    tensors: set[str] = set()
    while True:
        work = Translation(model, given, name, tensors, primitive)
        try:
            with collecting() as conditions:
                graph = work.run()
            if conditions:
                from convcalc.symbols.conditions import simplified

                graph.constraints = simplified(conditions)
            return graph
        except SeveralUses as error:  # begin anew: that array is a tensor of its own
            if error.name in tensors:
                raise work.error(f"the array {error.name!r} is read in several forms") from None
            tensors = {*tensors, error.name}


_KIND: Final = "pkg.torch.export.graph_signature.InputSpec.kind"
"""Where PyTorch's newer exporter says what an array is."""


class Translation:
    """One reading of a model."""

    def __init__(self, model: Model, given: Any, name: str, tensors: set[str], primitive: bool) -> None:
        self.model = model
        self.primitive = primitive
        self.name = name or os.path.basename(model.wire.name)
        self.tensors = tensors
        self.sizes = Sizes(model, given)

    def error(self, message: str, expected: str | None = None) -> SpecError:
        """A refusal of the whole file."""
        return self.model.wire.refused(message, expected)

    def run(self) -> Network:
        """Translate everything."""
        graph = self.model.graph
        self.paths = Paths(graph.nodes)
        opset = self.model.opsets.get("", 1)
        arrays = set(graph.initializers) | set(graph.sparse_initializers)
        entering = [info for info in graph.inputs if info.name not in arrays]
        dims = self.sizes.of(entering)
        axes = {info.name: batch_axis(info, graph) for info in entering}
        sizes = {d[axes[n]] for n, d in dims.items() if d and axes[n] < len(d) and type(d[axes[n]]) is int}
        batch = sizes.pop() if len(sizes) == 1 else 1
        self.net = net = Batched(self.name, batch)
        net.tensors = self.tensors
        env: dict[str, Term] = {}
        learned_constants = not any("float" in t.dtype for t in graph.initializers.values())
        self.learned_constants = learned_constants
        for info in entering:
            env[info.name] = self._input(info, dims[info.name], axes[info.name], batch)
        kinds = self._kinds(graph)
        for key, tensor in graph.initializers.items():
            constant = bool(kinds) and key not in kinds and tensor.size == 1
            env[key] = Term(key, tensor, learned=not constant and kinds.get(key) != "BUFFER")
        for key in graph.sparse_initializers:
            env[key] = Term(key, lost=f"the sparse array {key!r}")
        self._infos = {**graph.values, **{info.name: info for info in graph.outputs}}
        names = [info.name for info in graph.outputs]
        self._nodes(self._prepared(graph.nodes, env, names, _weighted(graph)), env, opset, "", 0)
        outputs = []
        for info in graph.outputs:
            term = env.get(info.name)
            if term is None:
                raise self.error(f"no node makes the output {info.name!r}")
            if term.lost and term.value is None:
                continue
            try:
                made = term.value if term.lost else term.tensor_of()
                assert made is not None
                outputs.append((info.name, net.edge(made, info.name)))
            except (DimensionError, Unsayable) as error:
                net.notes.append(f"the output {info.name}: {error}")
        unread = self._unread(graph)
        for key, tensor in graph.initializers.items():
            if "float" in tensor.dtype and key in unread:
                net.unused(of_tensor(key, tensor, True))
        if not outputs:
            raise self.error("nothing that the file writes can be said", "an output that is a tensor")
        found = net.finish(outputs)
        found.again = lambda shapes, variables: translate(self.model, dict(shapes), self.name, self.primitive)
        return found

    def _unread(self, graph: Graph) -> set[str]:
        read = {name for one in self.model.graphs() for node in one.nodes for name in node.inputs}
        read |= {info.name for info in graph.outputs}
        return set(graph.initializers) - read

    # -- arrays and inputs ------------------------------------------------------------------

    def _kinds(self, graph: Any) -> dict[str, str]:
        """What an array is to the module that was exported, ``PARAMETER`` or ``BUFFER``, where said."""
        if self.model.producer != "pytorch":
            return {}
        values = graph.values
        said = {key: values[key].metadata.get(_KIND, "") for key in graph.initializers if key in values}
        return {key: kind for key, kind in said.items() if kind}

    def _input(self, info: ValueInfo, dims: tuple[Any, ...], axis: int, batch: int) -> Term:
        if info.type.kind != "tensor" or info.dims is None:
            return Term(info.name, lost=f"the input {info.name!r}, {info.type}")
        at: int | None = axis if dims else None
        value = self.net.input(info.name, dims, at, info.dtype)
        return Term(info.name, value=value)

    # -- nodes ------------------------------------------------------------------------------

    def _prepared(
        self, nodes: list[Node], env: Mapping[str, Term], wanted: list[str], more: Sequence[str] = ()
    ) -> list[Node]:
        """The nodes that the outputs, and more, need in order; one in the place of those that are a layer."""
        found = ordered(nodes, [*wanted, *more])
        if self.primitive:
            return found
        held = {name: term.tensor for name, term in env.items() if term.tensor is not None}
        return recognised(found, held, wanted)

    def _nodes(self, nodes: list[Node], env: dict[str, Term], opset: int, block: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise self.error("functions or branches lie too deep inside each other")
        for node in nodes:
            if isinstance(node, Recognised) and not self._recognised(node, env, opset, block):
                self._nodes(list(node.parts), env, opset, block, depth)
                continue
            if isinstance(node, Recognised):
                continue
            terms = [env.get(name) if name else None for name in node.inputs]
            for place, name in enumerate(node.inputs):
                if name and terms[place] is None:
                    raise node.error(f"reads {name!r}, which nothing makes")
            path = self.paths.of(node, block)
            results = self._node(node, terms, env, opset, path, depth)
            for name, result in zip(node.outputs, results, strict=False):
                if name and result is not None:
                    env[name] = result if isinstance(result, Term) else _term(name, result)
            for name in node.outputs:
                if name and name not in env:
                    env[name] = Term(name, lost=f"{name!r}, which {node.op} does not write here")

    def _recognised(self, node: Recognised, env: dict[str, Term], opset: int, block: str) -> bool:
        """Say several nodes as the layer that they are; False, and nothing made, where they are not."""
        terms = [env.get(name) if name else None for name in node.inputs]
        use = Use(node, terms, max(opset, 21), self.net, self.paths.of(node, block))
        try:
            env[node.outputs[0]] = _term(node.outputs[0], RECOGNISED[node.op](use))
        except (Unsayable, DimensionError, Unfolded):
            return False
        return True

    def _node(
        self, node: Node, terms: list[Term | None], env: dict[str, Term], opset: int, path: str, depth: int
    ) -> Sequence[Any]:
        function = self.model.functions.get((node.domain, node.op, node.overload))
        if function is not None:
            layer = said(self.net, node, terms, path)
            return layer if layer is not None else self._inlined(node, function, terms, path, depth)
        if node.domain == "" and node.op == "Constant":
            return [self._constant(node)]
        if node.domain == "" and node.op == "If":
            return self._branch(node, terms, env, opset, path, depth)
        use = Use(node, terms, opset, self.net, path)
        try:
            if node.domain == "":
                folded = self._folded(use)
                if folded is not None:
                    return folded
            operator = DOMAINS.get(node.domain, {}).get(node.op)
            if operator is None:
                raise Unsayable("is an operator that no layer here is")
            made = operator(use)
            left = use.unread()
            if left:
                raise Unsayable(f"has an attribute {left[0]!r} that nothing here means")
            return made if isinstance(made, list) else [made]
        except Unsayable as error:
            return self._unsaid(node, terms, path, error.reason)
        except (DimensionError, Unfolded) as error:
            return self._unsaid(node, terms, path, str(error) or "cannot be worked out")
        except SpecError:
            raise
        except _MALFORMED as error:  # too few inputs, lists of other lengths, attributes of other types
            raise node.error(
                f"cannot be read ({error})", "inputs and attributes such as the operator has"
            ) from error

    def _folded(self, use: Use) -> list[Any] | None:
        fold = FOLDS.get(use.node.op)
        if fold is None:
            return None
        try:
            found = fold(use)
        except (Unfolded, Unsayable, DimensionError, ValueError, ZeroDivisionError):
            use._read.clear()
            return None
        if use.unread():
            return None
        if use.node.op == "Identity" and use.terms[0] is not None:
            return [use.terms[0]]
        return found if isinstance(found, list) else [found]

    def _constant(self, node: Node) -> Any:
        for name, dtype in (("value_int", "int64"), ("value_float", "float32")):
            if (value := node.get(name)) is not None:
                return Folded((), (value,), dtype)
        for name, dtype in (("value_ints", "int64"), ("value_floats", "float32")):
            if (value := node.get(name)) is not None:
                return Folded((len(value),), tuple(value), dtype)
        tensor = node.get("value")
        name = node.outputs[0] if node.outputs else ""
        if tensor is None:
            return Term(name, lost=f"the constant {name!r}, which is no tensor")
        return Term(name, tensor, learned=self.learned_constants and tensor.size > 1)

    def _branch(
        self, node: Node, terms: list[Term | None], env: dict[str, Term], opset: int, path: str, depth: int
    ) -> Sequence[Any]:
        try:
            condition = terms[0].entries().items[0] if terms and terms[0] is not None else None
            if not isinstance(condition, bool | int):
                raise Unfolded
        except (Unfolded, IndexError):
            return self._unsaid(node, terms, path, "chooses by what is known only when it runs")
        graph = node.get("then_branch" if condition else "else_branch")
        inner = dict(env)
        for key, tensor in graph.initializers.items():
            inner[key] = Term(key, tensor)
        infos = self._infos
        self._infos = {**infos, **graph.values}
        names = [info.name for info in graph.outputs]
        self._nodes(self._prepared(graph.nodes, inner, names), inner, opset, path, depth + 1)
        self._infos = infos
        return [inner[info.name] for info in graph.outputs]

    def _inlined(
        self, node: Node, function: Function, terms: list[Term | None], path: str, depth: int
    ) -> Sequence[Any]:
        """What a function of the file computes, in its place."""
        inner = {name: term for name, term in zip(function.inputs, terms, strict=False) if term is not None}
        given = {**function.defaults, **node.attributes}
        nodes = [_filled(one, given) for one in function.nodes]
        opset = function.opsets.get("", self.model.opsets.get("", 1))
        infos, self._infos = self._infos, dict(function.values)
        self._nodes(self._prepared(nodes, inner, list(function.outputs)), inner, opset, path, depth + 1)
        self._infos = infos
        return [inner.get(name) for name in function.outputs]

    def _unsaid(self, node: Node, terms: list[Term | None], path: str, reason: str) -> Sequence[Any]:
        return opaque(self.net, node, terms, path, reason, self._infos, self.sizes)


def _weighted(graph: Graph) -> list[str]:
    """What nodes with arrays of real numbers write: these count, also where no output needs them."""
    arrays = {name for name, tensor in graph.initializers.items() if "float" in tensor.dtype and tensor.dims}
    return [name for node in graph.nodes if not arrays.isdisjoint(node.inputs) for name in node.outputs[:1]]


def _term(name: str, result: Any) -> Term:
    return Term(name, folded=result) if isinstance(result, Folded) else Term(name, value=result)


def _filled(node: Node, given: Mapping[str, Any]) -> Node:
    """A node of a function with the attributes that the function was given."""
    if not any(attribute.reference for attribute in node.attributes.values()):
        return node
    options = {}
    for name, attribute in node.attributes.items():
        if not attribute.reference:
            options[name] = attribute.value
        elif attribute.reference in given:
            options[name] = given[attribute.reference].value
    made = Node.made(node.op, node.inputs, node.outputs, options, node, node.domain)
    made.overload = node.overload
    return made
