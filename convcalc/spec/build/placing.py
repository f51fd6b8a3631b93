"""Layers into the graph: their inputs, their options, their shapes, their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from convcalc import layers
from convcalc.budget import OverBudgetError
from convcalc.dims import UNKNOWN, DimensionError, Shape, is_involved
from convcalc.graph import Edge
from convcalc.layers.products.weights import Weighted
from convcalc.layers.tensors.shape import Input
from convcalc.layers.values import MOST_AXES, show
from convcalc.spec.build.given import (
    Stated,
    by_first,
    channels_last,
    contradiction,
    first_layer,
    moved,
    option,
    reading,
    refusal,
)
from convcalc.spec.build.scope import POISON, Choice, Env, Flow, Poison, Scope
from convcalc.spec.build.sharing import Place, Sharing
from convcalc.spec.errors import SpecError
from convcalc.spec.language.arguments import check_shape, dimension_fault, fields_of, values_of
from convcalc.spec.language.stage import Stage, option_kinds

FEW_NODES: Final = 64
"""Layers back to which a second input is looked for, to be suggested."""


class Placing(Sharing):
    """Places one layer at a time."""

    def _layer(self, stage: Stage, env: Env, scope: Scope, edge: Flow) -> Flow:
        if stage.name == "input":
            return self._input_stage(stage, env, scope)
        if layers.lookup(stage.name).arity == (0, 0):
            return self._source(stage, self._with_in({"in": UNKNOWN, **env}, edge), scope)
        if stage.refs is None and not stage.withs:
            if edge is None:
                edge = self._implied_input(stage, env, scope)
            return self._apply(stage, [self._edge(edge, stage.text, stage)], env, scope)
        edges = []
        if stage.refs is None:
            edges.append(self._edge(edge, stage.text, stage))
        outer = self._with_in(env, edge)
        templates = (*(stage.refs or ()), *stage.withs)
        for template in templates:
            for flow in self._references(template, stage.text, outer, scope):
                edges.append(self._edge(flow, stage.text, template))
        if any(template.many for template in templates) and self._is_itself(stage, edges, env, scope):
            if stage.id is not None:
                given = self._name(stage.id, stage.text, env)
                self._once(given, scope, stage, stage.id)
                scope.ids[given] = edges[0]
            return edges[0]
        return self._apply(stage, edges, env, scope)

    def _is_itself(self, stage: Stage, edges: Sequence[Edge | Poison], env: Env, scope: Scope) -> bool:
        """Whether a join of as many tensors as there are has one to join, which is the result.

        What the stage says must be right for two of it all the same.
        """
        if len(edges) != 1 or not layers.lookup(stage.name).alone:
            return False
        if any(field != ("axis",) for field in fields_of(stage)):
            return False
        (edge,) = edges
        if isinstance(edge, Edge):
            shape = self.nodes[edge.node].outputs[edge.output]
            self._make(stage, {**env, "in": shape}, scope, (shape, shape))
        return True

    def _source(self, stage: Stage, env: Env, scope: Scope) -> Flow:
        """A tensor of the network's own, with which another flow starts."""
        given = (*(stage.refs or ()), *stage.withs)
        if given:
            raise stage.fault(f"{stage.origin} reads no tensor", "no from= and no with=", at=given[0])
        return self._apply(stage, (), env, scope)

    def _input_stage(self, stage: Stage, env: Env, scope: Scope) -> Flow:
        name = self._name(stage.id, stage.text, env) if stage.id else "input"
        args = stage.args
        if stage.frozen is not None:
            raise stage.fault("an input has no parameters that could be frozen")
        if stage.share is not None:
            raise stage.fault("an input has no weights to share", "no share=", at=stage.share[0])
        if len(args) != 1 or args[0].pair is not None:
            raise stage.fault("an input has one shape", "input 3x224x224")
        given = name == "input" and name in self.inputs and not self.document.input_names
        if name in scope.ids and not (given and len(self.nodes) == 1):
            raise stage.fault(f"the input {name!r} is stated twice", "one of them")
        values = values_of(stage, env)
        if stage.adapt is not None:
            values = stage.adapt((), values)
        try:
            shape = check_shape(values["shape"])
        except ValueError as error:
            raise stage.fault(str(error), "a shape such as 3x224x224", at=args[0]) from None
        shape = self._held(name, shape)
        return scope.ids[name] if name in scope.ids else self._input(name, shape, scope)

    def stated(self, name: str, shape: Shape | None) -> Stated:
        """What the spec says of an input: its shape where it has one, else what its first layer says."""
        first = by_first(first_layer(self.document.layers))
        ranks = self.document.ranks
        if shape is None:
            return first
        return Stated(shape, (*dict.fromkeys((len(shape) - 1, *ranks)),), first.keras)

    def _held(self, name: str, shape: Shape | None, setting: str | None = None) -> Shape:
        """The shape of an input: that from outside where there is one, held against the spec's own.

        Raises:
            SpecError: it contradicts what the spec states, or has the channels where Keras has them.
        """
        given = self.inputs.get(name)
        if given is None:
            assert shape is not None
            return shape
        stated = self.statements[name] = self.stated(name, shape)
        if len(given) > MOST_AXES:
            message = f"{show(given)} has {len(given)} sizes, a shape has at most {MOST_AXES}"
            raise SpecError(refusal(name, given, stated, message))
        if shape is not None:
            wrong = contradiction(given, stated, "the spec's" if self.line else "the document's")
            if wrong is not None:
                if setting is None and len(given) == len(shape) and self.document.file.startswith("zoo:"):
                    other = show((given[0], *shape[1:]))
                    setting = f"a document 'extends: {self.document.file[4:]}' with 'input: {other}'"
                raise SpecError(refusal(name, given, stated, wrong, setting))
        elif stated.keras and channels_last(given):
            message = f"{show(given)} is {reading(given)} here, where Keras has the channels last"
            problem = refusal(name, given, stated, message)
            problem.expected = f"{option(name, moved(given))}, or 'input {show(given)}' in the spec"
            raise SpecError(problem)
        return given

    def _implied_input(self, stage: Stage, env: Env, scope: Scope) -> Flow:
        """The input of a spec without one, where the first layer says its channels."""
        if self.nodes:
            return None
        values = values_of(stage, env)
        if values.get("axis") not in (None, "channels", 0, -1):  # the input has more axes than are stated
            return None
        for field in ("in_channels", "in_features", "channels"):
            if field in values:
                shape = layers.lookup(stage.name).implied(values)
                if shape is not None:
                    return self._input("input", shape, scope)
                rank = stage.rank
                if rank is None:
                    sizes = [
                        v
                        for k, v in values.items()
                        if option_kinds(stage.name)[k].kind == "axes" and isinstance(v, tuple)
                    ]
                    rank = max((len(v) for v in sizes if len(v) > 1), default=2)
                if field == "in_features" and values.get("axis") != "channels":
                    rank = 0
                return self._input("input", (values[field], *(UNKNOWN,) * rank), scope)
        return None

    def _apply(self, stage: Stage, edges: Sequence[Edge | Poison], env: Env, scope: Scope) -> Flow:
        nodes = self.nodes
        shapes = tuple(nodes[e.node].outputs[e.output] for e in edges if isinstance(e, Edge))
        if stage.arrives and edges:
            env = {**env, "in": shapes[0] if len(shapes) == len(edges) else UNKNOWN}
        if len(shapes) < len(edges):
            values_of(stage, env)
            self._poison_stage(stage, env, scope)
            return POISON
        made = None
        key: Any = None
        if stage.like is None:
            try:
                key = (stage, shapes, *[env.get(n) for n in stage.names]) if stage.names else (stage, shapes)
                if stage.arrives and not edges:  # a source, which does not read what it takes its sizes of
                    key = (*key, env.get("in"))
                made = self.memo.get(key)
            except TypeError:
                key = None
        if made is None:
            self._charge(stage.cost, stage.text, stage.start, stage.end)
            made = self._make(stage, env, scope, shapes)
            if key is not None:
                self.memo[key] = made
        else:
            self._charge(1, stage.text, stage.start, stage.end)
        layer, outputs = made
        self._refuse_indices(stage, layer, edges)
        stated = self._frozen(stage.frozen, stage.text, env, scope)
        frozen = stated is True and bool(layer.parameters(shapes))
        shares: tuple[str, ...] = ()
        if stage.share is not None:
            arrays = layer.arrays(shapes)
            found = self._shares(stage, layer.op, arrays, env, scope)
            if found is None:
                self._poison_stage(stage, env, scope)
                return POISON
            shares, place = found, Place(stage.text, stage.share[0], "")
            who = stage.origin if stage.id is None else self._name(stage.id, stage.text, env)
            if shares:
                frozen = self._freeze(who, stated, shares, len(shares) == len(arrays), place)
        if stated is not None:
            self.freezing[len(self.nodes)] = stated
        if stage.id is None:
            name = self._auto(scope, layer.op)
        else:
            given = self._name(stage.id, stage.text, env)
            self._once(given, scope, stage, stage.id)
            name = self._numbered(given, scope, self.used.__contains__)
        edge: Flow = self._add(layer, tuple(edges), outputs, name, scope, frozen, shares)  # type: ignore[arg-type]
        if layer.overwrites and stage.origin != stage.name:
            assert isinstance(edge, Edge)
            self.overwriting[edge.node] = stage  # a framework's, whose later readers see what it wrote
        assert isinstance(edge, Edge)
        if layer.index_outputs:
            where = "map" if any(layer.index_outputs) else "axis"
            self.indices.update((Edge(edge.node, number), where) for number in layer.index_outputs)
        elif layer.view and edges and (of := self.indices.get(edges[0])) is not None:  # type: ignore[arg-type]
            self.indices.update((Edge(edge.node, number), of) for number in range(len(outputs)))
        if len(outputs) > 1 and (names := layer.output_names())[0]:
            edge = Choice(edge.node, names, name)
        scope.ids[name] = edge
        if stage.id is not None:
            scope.ids[given] = edge
        return edge

    def _refuse_indices(self, stage: Stage, layer: Any, edges: Sequence[Edge | Poison]) -> None:
        """Refuse a layer that reads, as values, whole numbers that say where something stands.

        Raises:
            SpecError: it does.
        """
        if not self.indices or layer.view:
            return
        for number, edge in enumerate(edges):
            where = self.indices.get(edge)  # type: ignore[arg-type]
            if where is None or number in layer.looks_up:
                continue
            undoes = number in layer.index_inputs
            if not (undoes and where == "map"):
                assert isinstance(edge, Edge)
                node = self.nodes[edge.node]
                part = node.layer.output_names()[edge.output]
                name = f"{node.name}.{part}" if part else node.name
                reads = "reads indices of a pool" if undoes else "reads values"
                raise stage.fault(
                    f"{stage.origin} {reads}, and {name} holds indices{' along an axis' * undoes}",
                    "those of the pool that it undoes" if undoes
                    else "a layer that looks up by them, or another input",
                )  # fmt: skip

    def _make(
        self, stage: Stage, env: Env, scope: Scope, shapes: tuple[Shape, ...]
    ) -> tuple[Any, tuple[Shape, ...]]:
        cls = layers.lookup(stage.name)
        low, high = cls.arity
        if len(shapes) < low or (high is not None and len(shapes) > high):
            wanted = str(low) if low == high else f"{low} or more" if high is None else f"{low} to {high}"
            raise stage.fault(
                f"{stage.origin} reads {wanted} tensor{'s' * (wanted != '1')}, got {len(shapes)}",
                cls.reading or (self._lacking(stage, env, scope, shapes) if low > 1 else "one tensor"),
            )
        if stage.owns and issubclass(cls, Weighted) and len(shapes) > 1:
            raise stage.fault(
                f"{stage.origin} owns its weight and reads 1 tensor, got {len(shapes)}",
                f"one tensor; '{cls.op}' takes a weight that arrives",
            )
        wrong = stage.rank is not None and shapes and len(shapes[0]) - 1 != stage.rank
        if wrong and not (stage.flat_too and len(shapes[0]) == 1):
            raise stage.fault(
                f"{stage.origin} needs {stage.rank} spatial axes, got {show(shapes[0])}",
                f"an input of channels and {stage.rank} sizes",
            )
        values = values_of(stage, env)
        if stage.like is not None:
            found = self._edge(self._reference(stage.like, stage.text, env, scope), stage.text, stage.like)
            if isinstance(found, Poison):
                raise SpecError([])
            if "size" not in option_kinds(stage.name):
                raise stage.fault(f"{stage.origin} has no size to take", "upsample or crop", at=stage.like)
            values["size"] = self.nodes[found.node].outputs[found.output][1:]
        try:
            if stage.adapt is not None:
                values = stage.adapt(shapes, values)
            if len(shapes) < cls.fewest(values):
                several = "" if high == 2 else "or more "
                raise stage.fault(
                    f"{stage.origin} reads 2 {several}tensors, got 1",
                    f"{self._lacking(stage, env, scope, shapes)}, or a constant: {stage.origin} 2",
                )
            layer = cls.create(shapes, values)
            outputs = layer.output_shapes(shapes)
            if any(is_involved(size) for shape in outputs for size in shape):
                raise DimensionError(
                    "a closed form too long to read", hint="numbers in place of some symbols"
                )
            refused = stage.refuses(layer, shapes) if stage.refuses is not None else None
            if refused is not None:
                raise stage.fault(refused)
            return layer, outputs
        except DimensionError as error:
            raise dimension_fault(stage, error) from None
        except OverBudgetError as error:
            raise self._limit(error, stage.fault("").problems[0]) from None
        except RecursionError:
            raise stage.fault("the sizes are too involved to compute") from None

    def _lacking(self, stage: Stage, env: Env, scope: Scope, shapes: tuple[Shape, ...]) -> str:
        """How a layer gets the inputs that it lacks: of one that reads indices, those of the last pool."""
        cls = layers.lookup(stage.name)
        if cls.index_inputs and len(shapes) == 1:
            for node in reversed(self.nodes):
                if not any(node.layer.index_outputs) or node.outputs[0] != shapes[0]:
                    continue
                name = f"{node.name.removeprefix(scope.prefix)}.{node.layer.output_names()[1]}"
                before = self.nodes[node.inputs[0].node].outputs[node.inputs[0].output]
                try:
                    after = cls.create(shapes * 2, values_of(stage, env)).output_shapes(shapes * 2)[0]
                except DimensionError:
                    return f"with={name}"
                if after == before or not all(type(size) is int for size in before):
                    return f"with={name}"
                size = f"size={show(before[1:])}, or like=NAME of what was pooled"
                return f"with={name}, and, since the pool left rows over, {size}"
            return "with=NAME.indices, of the pool that it undoes"
        for node in self.nodes[-2:-FEW_NODES:-1]:
            name = node.name.removeprefix(scope.prefix)
            if len(shapes) != 1 or not isinstance(self._find(scope, name), Edge):
                continue
            both = (shapes[0], node.outputs[0])
            try:
                cls.create(both, values_of(stage, env)).output_shapes(both)
            except DimensionError:
                continue
            return f"with={name}, say, beside the tensor that arrives, from=[a,b] naming both"
        return "with=b beside the tensor that arrives, from=[a,b]"

    def _input(self, name: str, shape: Shape, scope: Scope) -> Edge:
        edge = self._add(Input(tuple(shape)), (), (shape,), name, scope)
        self.input_nodes.append(edge.node)
        scope.ids[name] = edge
        return edge
