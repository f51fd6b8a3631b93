"""A model of ONNX as a graph of layers: nodes in order, each folded, said by layers, or named as opaque."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from convcalc.dims import UNKNOWN, DimensionError, collecting, symbol
from convcalc.graph import Graph as Network
from convcalc.importers.batched import Batched
from convcalc.importers.network import SeveralUses, Stored, Unsayable
from convcalc.importers.onnx.folded import Folded, Unfolded
from convcalc.importers.onnx.folding import FOLDS
from convcalc.importers.onnx.model import Function, Graph, Model, Node, ValueInfo
from convcalc.importers.onnx.operators import DOMAINS
from convcalc.importers.onnx.operators.recognised import ROWS as RECOGNISED
from convcalc.importers.onnx.order import ordered
from convcalc.importers.onnx.own import said
from convcalc.importers.onnx.paths import Paths
from convcalc.importers.onnx.patterns import Recognised, recognised
from convcalc.importers.onnx.use import Term, Use, of_tensor
from convcalc.importers.tensors import Value, broadcast
from convcalc.layers.values import show
from convcalc.spec.errors import Problem, SpecError

LEAST_OPSET: Final = 7
_DEEPEST: Final = 32
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

_KEEPING: Final = {
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"), "bool"),
    **dict.fromkeys(("And", "Or", "Xor", "Not", "IsNaN", "IsInf"), "bool"),
    **dict.fromkeys(("Round", "Mod", "Div", "Pow", "Where", "Cast"), "float32"),
    **dict.fromkeys(("Hardmax", "CumSum", "CumProd"), "float32"),
    **dict.fromkeys(("Tan", "Acos", "Asin", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"), "float32"),
    **dict.fromkeys(("BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot"), "int64"),
}
"""Operators that no layer says in every use, and that keep the shape that arrives: what they write."""


class Translation:
    """One reading of a model."""

    def __init__(self, model: Model, given: Any, name: str, tensors: set[str], primitive: bool) -> None:
        self.model = model
        self.primitive = primitive
        self.given = given
        self.name = name or os.path.basename(model.wire.name)
        self.tensors = tensors
        self.letters: dict[str, Any] = {}
        self.inputs: dict[str, tuple[Any, ...]] = {}
        self.uses: dict[str, int] = {}

    def error(self, message: str, expected: str | None = None) -> SpecError:
        """A refusal of the whole file."""
        return SpecError([Problem(message, file=self.model.wire.name, expected=expected)])

    def run(self) -> Network:
        """Translate everything."""
        graph = self.model.graph
        self.paths = Paths(graph.nodes)
        opset = self.model.opsets.get("", 1)
        arrays = set(graph.initializers) | set(graph.sparse_initializers)
        entering = [info for info in graph.inputs if info.name not in arrays]
        dims = self._shapes(entering)
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
        self._nodes(self._prepared(graph.nodes, env, [o.name for o in graph.outputs]), env, opset, "", 0)
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

    # -- inputs -----------------------------------------------------------------------------

    def _shapes(self, entering: list[ValueInfo]) -> dict[str, tuple[Any, ...]]:
        found = {}
        given = self.given
        if given is not None and not isinstance(given, Mapping):
            given = {entering[0].name: given} if entering else {}
        given = dict(given or {})
        for info in entering:
            if info.type.kind != "tensor" or info.dims is None:
                found[info.name] = ()
                continue
            axis = batch_axis(info, self.model.graph)
            stated = _channelled(info, self.model.graph, axis)
            letters = [self._letter(info, place, n, axis) for place, n in enumerate(stated)]
            shape = given.pop(info.name, None)
            if shape is None:
                shape = next((given.pop(k) for k in list(given) if _same(k, info.name)), None)
            if shape is not None:
                own = [place for place in range(len(letters)) if place != axis]
                if len(shape) != len(own):
                    text = show([letters[place] for place in own])
                    raise self.error(f"input {info.name!r} is {text}, and {show(shape)} was given", text)
                for place, size in zip(own, shape, strict=True):
                    if type(info.dims[place]) is str and type(size) is int:
                        self.letters[str(info.dims[place])] = size
                    letters[place] = size
            found[info.name] = tuple(letters)
        if given:
            names = ", ".join(info.name for info in entering)
            raise self.error(f"there is no input {next(iter(given))!r}", names)
        return found

    def _letter(self, info: ValueInfo, place: int, n: Any, axis: int) -> Any:
        if type(n) is int and n > 0:
            return n
        if place == axis:
            if isinstance(n, str):
                self.letters.setdefault(n, 1)
            return 1
        if isinstance(n, str) and n in self.letters:
            return self.letters[n]
        if isinstance(n, str) and not re.search(r"\w", n):
            n = None  # such as "?"
        rank = len(info.dims or ())
        plain = {3: ("", "C", "L"), 4: ("", "C", "H", "W"), 5: ("", "C", "D", "H", "W")}.get(rank)
        word = plain[place] if plain else _word(n) if isinstance(n, str) else f"N{place}"
        taken = {str(value) for value in self.letters.values()}
        found = word
        while found in taken:
            found += "a"
        made = symbol(found)
        self.letters[n if isinstance(n, str) else f"{info.name} {place}"] = made
        return made

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

    def _prepared(self, nodes: list[Node], env: Mapping[str, Term], wanted: list[str]) -> list[Node]:
        """The nodes that the outputs need in their order, one in the place of several that are a layer."""
        found = ordered(nodes, wanted)
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
            return self._opaque(node, terms, path, error.reason)
        except (DimensionError, Unfolded) as error:
            return self._opaque(node, terms, path, str(error) or "cannot be worked out")

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
            return self._opaque(node, terms, path, "chooses by what is known only when it runs")
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

    def _opaque(self, node: Node, terms: list[Term | None], path: str, reason: str) -> Sequence[Any]:
        """An operator that no layer says: the shapes that the file states, and what it reads."""
        shapes: list[Any] = []
        found: list[Any] = []
        kept = self._kept(node, terms)
        any_batch = any(t is not None and (t.lost or (t.value and t.value.batch is not None)) for t in terms)
        for name in node.outputs:
            if kept is not None:
                shapes.append(self.net.own(kept.dims, kept.batch, kept.folded))
                found.append(kept)
                continue
            info = self._infos.get(name)
            dims = None if info is None else info.dims
            if dims is None:
                shapes.append((UNKNOWN,))
                found.append(None)
                continue
            sizes = [self._stated(n) for n in dims]
            shapes.append(tuple(sizes[1:] if any_batch else sizes) or (1,))
            found.append((dims, info, sizes))
        edges = []
        for term in terms:
            if term is not None and term.value is not None and term.value.edge is not None:
                edges.append(term.value.edge)
        if path in self.net._blocks:
            path = f"{path}.{node.op.lower()}"
        what = re.sub(r"[^\w.:/+-]", "_", f"{node.domain}:{node.op}" if node.domain else node.op)
        made = self.net.opaque(what, edges, shapes, path, reason)
        results: list[Any] = []
        for name, edge, about in zip(node.outputs, made, found, strict=True):
            if about is None:
                why = f"{name!r}, which {node.op} writes in a shape that is not stated"
                results.append(Term(name, lost=why, value=Value((UNKNOWN,), None, False, edge)))
                continue
            if isinstance(about, Value):
                dtype = _KEEPING.get(node.op) or ("float32" if name == node.outputs[0] else "int64")
                made_of = Value(about.dims, about.batch, about.folded, edge, dtype=dtype)
                results.append(Term(name, value=made_of))
                continue
            _, info, sizes = about
            batch = 0 if sizes and any_batch else None
            dims = tuple(sizes) if batch is None else (self.net.batch, *sizes[1:])
            results.append(Term(name, value=Value(dims, batch, False, edge, dtype=info.dtype)))
        return results

    def _kept(self, node: Node, terms: list[Term | None]) -> Value | None:
        """Axes of what an operator writes that works entry by entry, or picks entries along one axis."""
        if node.op == "TopK" and not node.domain:
            return _picked(node, terms)
        if node.domain or node.op not in _KEEPING or not terms:
            return None
        try:
            values = [term for term in terms if term is not None]
            dims = broadcast(*(term.dims for term in values))
        except Unsayable:
            return None
        for term in values:
            value = term.value
            if value is not None and value.batch is not None:
                more = len(dims) - value.rank
                folded = value.folded or dims[value.batch + more] != value.dims[value.batch]
                return Value(dims, value.batch + more, folded)
        return Value(dims)

    def _stated(self, n: Any) -> Any:
        if type(n) is int and n > 0:
            return n
        return self.letters.get(n, UNKNOWN) if isinstance(n, str) else UNKNOWN


def _picked(node: Node, terms: list[Term | None]) -> Value | None:
    """Axes of the K largest entries along an axis, where K is known: both outputs have them."""
    value = terms[0].value if terms and terms[0] is not None else None
    axis = node.get("axis", -1)
    if value is None or type(axis) is not int or not -value.rank <= axis < value.rank:
        return None
    try:
        many = node.get("k") if len(terms) < 2 or terms[1] is None else terms[1].entries().items[0]
    except (Unfolded, IndexError):
        return None
    axis %= value.rank
    if type(many) is not int or many < 1 or axis == value.batch:
        return None
    return Value((*value.dims[:axis], many, *value.dims[axis + 1 :]), value.batch, value.folded)


def _term(name: str, result: Any) -> Term:
    return Term(name, folded=result) if isinstance(result, Folded) else Term(name, value=result)


def _same(one: str, other: str) -> bool:
    """Whether a name of the graph is that of an input of the file, illegal letters aside."""
    return re.sub(r"\W+", "_", one).strip("_") == re.sub(r"\W+", "_", other).strip("_")


def _word(name: str) -> str:
    """A letter for a size that the file names: ``height`` is H, ``seq_len`` Seq_len."""
    short = {"height": "H", "width": "W", "h": "H", "w": "W", "channels": "C", "length": "L", "depth": "D"}
    if name in short:
        return short[name]
    word = re.sub(r"\W+", "_", name).strip("_").replace("x", "") or "N"
    return (word[0].upper() + word[1:]) if word[0].isalpha() else f"N{word}"


_BATCH: Final = re.compile(r"batch|^N$|^n$|^bs$", re.IGNORECASE)


def batch_axis(info: ValueInfo, graph: Graph) -> int:
    """The axis of the batch: the first; the second of what a recurrent layer reads step after step."""
    dims = info.dims or ()
    named = [place for place, n in enumerate(dims) if isinstance(n, str) and _BATCH.search(n)]
    if len(named) == 1:
        return named[0]
    for node in graph.nodes:
        if node.op in ("LSTM", "GRU", "RNN") and node.inputs[:1] == (info.name,):
            return 0 if node.get("layout", 0) else 1
    return 0


def _channelled(info: ValueInfo, graph: Graph, axis: int) -> tuple[Any, ...]:
    """The sizes of an input; its channels, where they are a letter, by the convolution that reads it."""
    dims = list(info.dims or ())
    if len(dims) < 3 or axis != 0 or (type(dims[1]) is int and dims[1] > 0):
        return tuple(dims)
    for node in graph.nodes:
        if node.op in ("Conv", "ConvTranspose") and node.inputs[:1] == (info.name,) and not node.domain:
            weight = graph.initializers.get(node.inputs[1]) if len(node.inputs) > 1 else None
            if weight is not None and len(weight.dims) == len(dims):
                many = node.get("group", 1) if node.op == "Conv" else 1
                dims[1] = weight.dims[node.op == "Conv"] * many
                break
    return tuple(dims)


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


__all__ = ["Stored", "translate"]
