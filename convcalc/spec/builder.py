"""Items to a graph: evaluation, naming, wiring.

Nesting of blocks and repeats costs no recursion: every structure is a generator that yields the
structures inside it, and one loop drives them. Stages that meet the same variables and shapes
again (in a repeat) share the layer that was made the first time.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from convcalc import layers
from convcalc.dims import UNKNOWN, DimensionError, Shape, is_array, is_symbolic
from convcalc.graph import Edge, Graph, Node
from convcalc.spec import library
from convcalc.spec.document import Block, Body, Document, Formula, Item, Value
from convcalc.spec.errors import MAX_PROBLEMS, Problem, SpecError, nearest_name
from convcalc.spec.expression import (
    Expr,
    ExpressionError,
    UndecidedError,
    describe,
    evaluate,
    truth,
)
from convcalc.spec.source import Text
from convcalc.spec.stage import (
    Arg,
    Stage,
    Template,
    expression_fault,
    fault,
    option_kinds,
    option_names,
    parse_stages,
)

MAX_LAYERS: Final = 100_000
"""Most layers a document may expand to, plus one for each 8 characters it is long."""
STEPS: Final = 4
"""Most steps of evaluation, for each layer allowed: a layer made anew costs about 10, a repeated one 1."""
STEPS_A_CHARACTER: Final = 2
"""Steps allowed besides for each character, so that what is written out is always read."""
MAX_CALLS: Final = 200
"""Deepest nesting of block calls."""


class _Poison:
    """The tensor of a layer that was refused; what reads it is not refused again."""


POISON: Final = _Poison()


class _Choice:
    """The outputs of a layer none of which flows on by itself."""

    def __init__(self, node: int, names: tuple[str, ...], name: str) -> None:
        self.node = node
        self.names = names
        self.name = name


Flow = Edge | _Poison | _Choice | None
Env = dict[str, Any]
Step = Generator[Any, Flow, Flow]


class _LimitError(SpecError):
    """A bound was reached: nothing after it is worth reading."""


class Scope:
    """Names of one level: a group, a block call, a branch, or the whole document."""

    __slots__ = ("blocks", "calls", "children", "counters", "ids", "makers", "parent", "prefix", "via")

    def __init__(self, parent: Scope | None, prefix: str) -> None:
        self.parent = parent
        self.prefix = prefix
        self.ids: dict[str, Flow] = {}
        self.makers: dict[str, object] = {}
        self.children: dict[str, Scope] = {}
        self.counters: dict[str, int] = {}
        self.calls: int = parent.calls if parent else 0
        self.blocks: Mapping[str, Block] = parent.blocks if parent else {}
        self.via: str = parent.via if parent else ""


class Builder:
    """Builds one graph.

    Args:
        document: what to build.
        inputs: shapes by input name that replace those of the document.
        variables: values that replace those of the document's variables.
        max_layers: bound on the expansion, :data:`MAX_LAYERS` unless given.
    """

    def __init__(
        self,
        document: Document,
        inputs: Mapping[str, Shape],
        variables: Mapping[str, Any],
        max_layers: int | None = None,
    ) -> None:
        self.document = document
        self.inputs = dict(inputs)
        self.overrides = dict(variables)
        self.nodes: list[Node] = []
        self.input_nodes: list[int] = []
        self.problems: list[Problem] = []
        self.used: set[str] = set()
        self.max_layers = max_layers or MAX_LAYERS + len(document.text) // 8
        self.max_work = STEPS * self.max_layers + STEPS_A_CHARACTER * len(document.text)
        self.work = 0
        self.memo: dict[Any, tuple[Any, tuple[Shape, ...]]] = {}
        self.texts: dict[str, Body] = {}
        self.env: Env = {}
        self.line = False

    # -- the whole --------------------------------------------------------------------------

    def build(self) -> Graph:
        """The graph.

        Raises:
            SpecError: with every independent fault found.
        """
        root = Scope(None, "")
        root.blocks = self.document.blocks
        self._variables()
        edge = self._inputs(root)
        self._stop_if_problems(len(self.problems) > 0)
        edge = self._drive(self._body(self.document.layers, self.env, root, edge))
        self._stop_if_problems(len(self.problems) > 0)
        outputs, names = self._outputs(root, edge)
        self._stop_if_problems(len(self.problems) > 0)
        return Graph(
            name=self.document.name,
            nodes=self.nodes,
            inputs=tuple(self.input_nodes),
            outputs=outputs,
            output_names=names,
            variables={k: v for k, v in self.env.items() if k != "in"},
            source=self.document.source,
            text=self.document.text,
            budget=dict(self.document.budget),
        )

    def _stop_if_problems(self, stop: bool) -> None:
        if stop:
            seen = set()
            unique = []
            for p in self.problems:
                key = (p.file, p.line, p.column, p.message)
                if key not in seen:
                    seen.add(key)
                    unique.append(p)
            unique.sort(key=lambda p: (p.file, p.line, p.column))
            raise SpecError(unique[:MAX_PROBLEMS])

    def _variables(self) -> None:
        known = [name for name, _, _ in self.document.vars]
        for name in self.overrides:
            if name not in known and not self.line:
                expected = "one of " + ", ".join(known) if known else "no variables: the document has none"
                self.problems.append(
                    Problem(
                        f"no variable {name!r} to set",
                        file="--set",
                        text=f"{name}={describe(self.overrides[name])}",
                        length=len(name),
                        expected=expected,
                        nearest=nearest_name(name, known),
                    )
                )
        if self.line:
            self.env.update(self.overrides)
        for name, value, node in self.document.vars:
            try:
                if name in self.overrides:
                    self.env[name] = self.overrides[name]
                else:
                    self.env[name] = self._value(value, self.env)
            except SpecError as error:
                self.problems.extend(error.problems)
                self.env[name] = UNKNOWN
            del node

    def _inputs(self, root: Scope) -> Flow:
        known = [name for name, _, _ in self.document.inputs]
        for name in self.inputs:
            if name not in known and (known or name != "input"):
                raise SpecError(
                    Problem(
                        f"no input {name!r}",
                        file="--input",
                        text=name,
                        length=len(name),
                        expected="one of " + ", ".join(known) if known else "CxHxW",
                        nearest=nearest_name(name, known),
                    )
                )
        edge: Flow = None
        for name, value, node in self.document.inputs:
            try:
                shape = self.inputs.get(name)
                if shape is None:
                    sizes = self._value(value, self.env)
                    try:
                        shape = check_shape(sizes)
                    except ValueError as error:
                        raise node.fault(str(error), "channels and sizes, such as 3x224x224") from None
                made = self._input(name, shape, root)
                edge = made if edge is None else edge
            except SpecError as error:
                self.problems.extend(error.problems)
        if not self.document.inputs and "input" in self.inputs:
            edge = self._input("input", self.inputs["input"], root)
        if len(self.document.inputs) > 1:
            return None
        return edge

    def _input(self, name: str, shape: Shape, scope: Scope) -> Edge:
        layer = layers.lookup("input").create((), {"shape": shape})
        edge = self._add(layer, (), (shape,), name, scope)
        self.input_nodes.append(edge.node)
        scope.ids[name] = edge
        return edge

    def _outputs(self, root: Scope, edge: Flow) -> tuple[tuple[Edge, ...], tuple[str, ...]]:
        if not self.document.outputs:
            if isinstance(edge, _Choice):
                return (
                    tuple(Edge(edge.node, i) for i in range(len(edge.names))),
                    tuple(f"{edge.name}.{n}" for n in edge.names),
                )
            if not isinstance(edge, Edge) or len(self.nodes) == len(self.input_nodes):
                raise SpecError(
                    Problem("the spec has no layers", text=self.document.text.split("\n")[0][:80])
                )
            return (edge,), (self.nodes[edge.node].name,)
        found = []
        for _, template, text in self.document.outputs:
            try:
                found.append(self._edge(self._reference(template, text, self.env, root), text, template))
            except SpecError as error:
                self.problems.extend(error.problems)
        return tuple(e for e in found if isinstance(e, Edge)), tuple(n for n, _, _ in self.document.outputs)

    def _drive(self, first: Step) -> Flow:
        """Run generators that yield generators, without recursion."""
        stack = [first]
        value: Flow = None
        while stack:
            try:
                child = stack[-1].send(value)
            except StopIteration as stop:
                stack.pop()
                value = stop.value
            except _LimitError as error:
                raise SpecError([*self.problems[: MAX_PROBLEMS - 1], *error.problems]) from None
            except SpecError as error:
                self._problem(error)
                stack.pop()
                value = POISON
            else:
                stack.append(child)
                value = None
        return value

    def _problem(self, error: SpecError) -> None:
        self.problems.extend(error.problems)
        if len(self.problems) > 4 * MAX_PROBLEMS:
            self._stop_if_problems(True)

    def _charge(self, cost: int, text: Text, start: int, end: int) -> None:
        self.work += cost
        if self.work > self.max_work or len(self.nodes) > self.max_layers:
            raise self._limit(Problem.at(text, start, end, ""))

    def _limit(self, problem: Problem) -> _LimitError:
        problem.message = (
            f"the spec expands to more than {self.max_layers:,} layers or {self.max_work:,} steps"
        )
        problem.expected = "fewer repeats, or a higher limit (max_layers)"
        return _LimitError(problem)

    # -- values -----------------------------------------------------------------------------

    def _formula(self, formula: Formula, env: Env) -> Any:
        if formula.word is not None and formula.word not in env:
            return formula.word
        self.work += formula.cost
        try:
            return evaluate(formula.expr, env)
        except ExpressionError as error:
            raise expression_fault(formula.text, error) from None

    def _value(self, value: Value, env: Env) -> Any:
        if isinstance(value, tuple):
            return tuple(self._value(v, env) for v in value)
        return self._formula(value, env)

    def _with_in(self, env: Env, edge: Flow) -> Env:
        """The variables, with ``in`` for the channels that arrive."""
        if isinstance(edge, Edge):
            channels = self.nodes[edge.node].outputs[edge.output][0]
        elif edge is None:
            return env
        else:
            channels = UNKNOWN
        if env.get("in", env) is channels:
            return env
        return {**env, "in": channels}

    def _count(self, item: Item, env: Env) -> Any:
        assert isinstance(item.value, Formula)
        count = self._formula(item.value, env)
        text = item.value.text
        if count is UNKNOWN:
            return None
        if type(count) is not int or count < 0:
            raise fault(
                text, 0, len(text.value), f"repeat takes a whole number, got {describe(count)}", "0 or more"
            )
        if count > self.max_layers:
            raise _LimitError(
                Problem.at(
                    text,
                    0,
                    len(text.value),
                    f"repeat {count if count < 10**30 else 'count'} is beyond the limit",
                    expected=f"at most {self.max_layers:,}",
                )
            )
        return count

    def _name(self, template: Template, text: Text, env: Env) -> str:
        parts = []
        for part in template.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            try:
                value = evaluate(part, env)
            except ExpressionError as error:
                raise expression_fault(text, error) from None
            if isinstance(value, (tuple, Fraction)) or value is None:
                raise fault(
                    text, part.start, part.end, f"{describe(value)} in a name", "a whole number or a text"
                )
            parts.append(str(value))
        name = "".join(parts)
        if len(name) > 200:
            raise fault(text, template.start, template.end, "a name of more than 200 characters")
        return name

    # -- names ------------------------------------------------------------------------------

    def _auto(self, scope: Scope, base: str) -> str:
        count = scope.counters.get(base, 0) + 1
        reserved = self.document.reserved
        while True:
            name = f"{base}{count}"
            if name not in reserved and scope.prefix + name not in self.used:
                scope.counters[base] = count
                return name
            count += 1

    def _claim(self, name: str, scope: Scope, maker: object, text: Text, template: Template) -> str:
        """A given name, numbered where a repeat gives it again."""
        if scope.makers.setdefault(name, maker) is not maker or (
            name in scope.ids and name not in scope.makers
        ):
            raise fault(text, template.start, template.end, f"the name {name!r} is given twice", "another id")
        return self._numbered(name, scope)

    def _numbered(self, base: str, scope: Scope) -> str:
        """The label itself, or numbered where it is taken: ``x``, ``x_2``, ``x_3``."""
        label = base
        while scope.prefix + label in self.used:
            count = scope.counters.get("." + base, 1) + 1
            scope.counters["." + base] = count
            label = f"{base}_{count}"
        return label

    def _child(self, scope: Scope, label: str) -> Scope:
        """A scope below, of a label that is numbered where it is taken."""
        base = label
        label = self._numbered(base, scope)
        self.used.add(scope.prefix + label)
        child = Scope(scope, f"{scope.prefix}{label}.")
        scope.children[label] = child
        if base != label:
            scope.children[base] = child
        return child

    def _add(
        self, layer: Any, inputs: tuple[Edge, ...], outputs: tuple[Shape, ...], name: str, scope: Scope
    ) -> Edge:
        full = scope.prefix + name
        self.used.add(full)
        self.nodes.append(Node(full, layer, inputs, outputs))
        return Edge(len(self.nodes) - 1)

    def _find(self, scope: Scope | None, name: str) -> Flow | str:
        """A tensor by name: own names first, then those around."""
        while scope is not None:
            found = self._within(scope, name)
            if found is not None:
                return found
            scope = scope.parent
        return name

    def _within(self, scope: Scope, name: str) -> Flow:
        if name in scope.ids:
            return scope.ids[name]
        at = name.find(".")
        while at >= 0:
            head, rest = name[:at], name[at + 1 :]
            child = scope.children.get(head)
            if child is not None and (found := self._within(child, rest)) is not None:
                return found
            flow = scope.ids.get(head)
            if isinstance(flow, Edge):
                names = self.nodes[flow.node].layer.output_names()
                if rest in names:
                    return Edge(flow.node, names.index(rest))
            elif isinstance(flow, _Choice) and rest in flow.names:
                return Edge(flow.node, flow.names.index(rest))
            at = name.find(".", at + 1)
        return None

    def _reference(self, template: Template, text: Text, env: Env, scope: Scope) -> Flow:
        name = self._name(template, text, env)
        found = self._find(scope, name)
        if isinstance(found, str):
            known: set[str] = set()
            at: Scope | None = scope
            while at is not None:
                known |= at.ids.keys() | at.children.keys()
                at = at.parent
            raise fault(
                text, template.start, template.end, f"no tensor named {name!r} so far",
                "an id given before this place", nearest_name(name, known),
            )  # fmt: skip
        return found

    def _edge(self, flow: Flow, text: Text, place: Any) -> Edge | _Poison:
        """An edge to read, or the fault of what is none."""
        if isinstance(flow, _Choice):
            names = ", ".join(flow.names)
            raise fault(
                text, place.start, place.end, f"{flow.name} has the outputs {names}: choose one",
                f"from={flow.name}.{flow.names[0]}",
            )  # fmt: skip
        if flow is None:
            raise fault(
                text, place.start, place.end, "the input is not stated",
                "--input CxHxW, an 'input' stage, or channels such as 'conv 3->64'",
            )  # fmt: skip
        return flow

    # -- structures -------------------------------------------------------------------------

    def _body(self, body: Body, env: Env, scope: Scope, edge: Flow) -> Step:
        for item in body:
            if type(item) is Stage:
                try:
                    if item.kind == "layer":
                        edge = self._layer(item, env, scope, edge)
                        continue
                    step = (
                        self._text(item, env, scope, edge)
                        if item.kind == "text"
                        else self._call(item, env, scope, edge)
                    )
                except _LimitError:
                    raise
                except SpecError as error:
                    self._problem(self._traced(error, scope))
                    edge = POISON
                    if item.id is not None:
                        self._poison(item.id, item.text, env, scope)
                    continue
                edge = yield step
                continue
            assert isinstance(item, Item)
            self.work += 1
            if self.work > self.max_work:
                raise self._limit(item.node.problem(""))
            if item.kind == "let" and item.mode != "body":
                env = self._bind(item, env, edge)
                continue
            if item.refs is not None:
                assert item.text is not None
                try:
                    edge = self._edge(
                        self._reference(item.refs[0], item.text, env, scope), item.text, item.refs[0]
                    )
                except SpecError as error:
                    self._problem(self._traced(error, scope))
                    edge = POISON
            inner = scope
            label = ""
            if item.id is not None:
                assert item.text is not None
                label = self._name(item.id, item.text, env)
                inner = self._child(scope, label)
            edge = yield getattr(self, f"_{item.kind}")(item, env, inner, edge)
            if label:
                scope.ids[label] = edge
        return edge

    def _traced(self, error: SpecError, scope: Scope) -> SpecError:
        if scope.via:
            for problem in error.problems:
                if " (in block " not in problem.message:
                    problem.message += scope.via
        return error

    def _poison(self, template: Template, text: Text, env: Env, scope: Scope) -> None:
        try:
            scope.ids[self._name(template, text, env)] = POISON
        except SpecError:
            return

    def _bind(self, item: Item, env: Env, edge: Flow) -> Env:
        env = self._with_in(dict(env), edge)
        env = dict(env)
        for name, value in item.lets:
            try:
                env[name] = self._value(value, env)
            except SpecError as error:
                self._problem(error)
                env[name] = UNKNOWN
        return env

    def _let(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        return (yield self._body(item.body, self._bind(item, env, edge), scope, edge))

    def _sequence(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        return (yield self._body(item.body, env, scope, edge))

    def _repeat(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        count = self._count(item, self._with_in(env, edge))
        if count is None:
            return POISON
        assert isinstance(item.value, Formula)
        text = item.value.text
        index = item.index[0] if item.index else None
        for i in range(count):
            self._charge(1, text, 0, len(text.value))
            edge = yield self._body(item.body, {**env, index: i} if index else env, scope, edge)
        return edge

    def _each(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        values = self._value(item.value, self._with_in(env, edge))
        if not isinstance(values, tuple):
            raise item.node.fault(f"'of' must be a list, got {describe(values)}", "a list")
        for value in values:
            self.work += 1
            names = item.index
            row = value if len(names) > 1 else (value,)
            if not isinstance(row, tuple) or len(row) != len(names):
                raise item.node.fault(
                    f"{describe(value)} does not give {', '.join(names)}", f"a list of {len(names)} values"
                )
            edge = yield self._body(item.body, {**env, **dict(zip(names, row, strict=True))}, scope, edge)
        return edge

    def _when(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        assert item.condition is not None
        text = item.condition.text
        try:
            value = truth(self._formula(item.condition, self._with_in(env, edge)))
        except UndecidedError as error:
            if edge is POISON:
                return POISON
            raise fault(text, 0, len(text.value), str(error), "numbers that decide it") from None
        except TypeError as error:
            raise fault(text, 0, len(text.value), str(error), "a condition such as i > 0") from None
        return (yield self._body(item.body if value else item.other, env, scope, edge))

    def _group(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        assert item.label is not None and item.text is not None
        label = self._name(item.label, item.text, env)
        inner = self._child(scope, label)
        edge = yield self._body(item.body, env, inner, edge)
        scope.ids[label] = edge
        return edge

    def _branches(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        ends: list[Flow] = []
        for label, body in item.parts:
            ends.append((yield self._body(body, env, self._child(scope, label), edge)))
        return self._merge(item, ends, env, scope)

    def _merge(self, item: Item, ends: list[Flow], env: Env, scope: Scope) -> Flow:
        assert item.merge is not None
        edges = []
        for end in ends:
            if end is None or isinstance(end, _Choice):
                raise item.node.fault("a branch has no single tensor to merge", "one output a branch")
            edges.append(end)
        return self._apply(item.merge, edges, env, scope)

    def _residual(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        if edge is None:
            raise item.node.fault("the input is not stated", "--input CxHxW")
        end = yield self._body(item.body, env, scope, edge)
        if end is POISON or edge is POISON or item.mode == "none":
            return end
        if not isinstance(end, Edge) or not isinstance(edge, Edge):
            raise item.node.fault("a residual needs one tensor at both ends", "one output")
        ours, theirs = (self.nodes[e.node].outputs[e.output] for e in (end, edge))
        same: bool | None = ours == theirs
        if same and UNKNOWN in ours and end != edge:
            same = None if item.mode in ("project", "auto") else True
        if same is None:
            raise item.node.fault(
                "whether the shortcut fits depends on a size that was not given", "--input CxHxW"
            )
        short: Flow = edge
        if item.mode == "always" or (item.mode == "project" and not same):
            short = yield self._body(item.shortcut, env, self._child(scope, "shortcut"), edge)
        elif item.mode == "auto" and not same:
            return end
        assert item.merge is not None
        if isinstance(short, Edge) and item.merge.name == "add" and not (item.mode == "identity" and same):
            theirs = self.nodes[short.node].outputs[short.output]
            if ours != theirs and UNKNOWN not in (*ours, *theirs):
                raise item.node.fault(
                    f"the residual adds {show_shape(ours)} and {show_shape(theirs)}",
                    "equal shapes; 'residual: auto' drops the shortcut, 'residual: project' projects it",
                )
        return self._merge(item, [end, short], env, scope)

    def _text(self, stage: Stage, env: Env, scope: Scope, edge: Flow) -> Step:
        name = stage.name
        value = env.get(name)
        if not isinstance(value, str):
            if name in env:
                raise fault(
                    stage.text,
                    stage.start,
                    stage.end,
                    f"${name} is {describe(value)}",
                    "a text variable such as 'relu'",
                )
            raise fault(
                stage.text,
                stage.start,
                stage.end,
                f"unknown name {name!r}",
                "a text variable",
                nearest_name(name, env),
            )
        body = self.texts.get(value)
        if body is None:
            from convcalc.spec.source import Source

            text = Text.whole(Source(f"${name}", value))
            body = list(parse_stages(text, known=frozenset(scope.blocks)))
            self.texts[value] = body
        self._charge(1, stage.text, stage.start, stage.end)
        return self._body(body, env, scope, edge)

    def _call(self, stage: Stage, env: Env, scope: Scope, edge: Flow) -> Step:
        block = scope.blocks.get(stage.name) or library.block(stage.name)
        self._charge(stage.cost, stage.text, stage.start, stage.end)
        if scope.calls >= MAX_CALLS:
            raise _LimitError(
                Problem.at(
                    stage.text, stage.start, stage.end, f"blocks nest deeper than {MAX_CALLS} calls",
                    expected=f"blocks that do not call themselves without end ({stage.name!r} does)",
                )
            )  # fmt: skip
        edge = self._start(stage, env, scope, edge)
        outer = self._with_in(env, edge)
        inner_env: Env = dict(self.env) if block.document is self.document else {}
        names = [name for name, _ in block.parameters]
        signature = f"{block.name}({', '.join(n if d is None else f'{n}={d.text.value[d.expr.start : d.expr.end]}' for n, d in block.parameters)})"  # noqa: E501
        given: Env = {}
        position = 0
        for arg in stage.args:
            key = arg.key
            if key is None:
                if arg.pair is not None:
                    raise fault(stage.text, arg.start, arg.end, "a block takes no in->out", signature)
                if position >= len(names):
                    raise fault(
                        stage.text,
                        arg.start,
                        arg.end,
                        f"{block.name} takes {len(names)} arguments",
                        signature,
                    )
                key = names[position]
                position += 1
            if key not in names:
                raise fault(
                    stage.text,
                    arg.start,
                    arg.start + len(key),
                    f"block {block.name!r} has no parameter {key!r}",
                    signature,
                    nearest_name(key, names),
                )
            if key in given:
                raise fault(stage.text, arg.start, arg.end, f"{key} is given twice", signature)
            try:
                given[key] = evaluate(arg.expr, outer)
            except ExpressionError as error:
                raise expression_fault(stage.text, error) from None
        inner_env = self._with_in(inner_env, edge)
        inner_env = dict(inner_env)
        for name, default in block.parameters:
            if name in given:
                inner_env[name] = given[name]
            elif default is not None:
                inner_env[name] = self._formula(default, inner_env)
            else:
                raise fault(stage.text, stage.start, stage.end, f"{block.name} needs {name}", signature)
        label = self._label(stage, env, scope, stage.name)
        child = self._child(scope, label)
        child.calls = scope.calls + 1
        child.blocks = block.document.blocks if block.document else {}
        line = stage.text.source.position(stage.text.locate(stage.start))[0] if scope.calls == 0 else 0
        child.via = (
            scope.via or f" (in block {stage.name!r}, called in line {line} of {stage.text.source.name})"
        )
        return self._run_block(block, inner_env, child, edge, scope, label)

    def _run_block(self, block: Block, env: Env, child: Scope, edge: Flow, scope: Scope, label: str) -> Step:
        end = yield self._body(block.body, env, child, edge)
        scope.ids[label] = end
        base = label.rpartition("_")[0]
        if base and scope.children.get(base) is child:
            scope.ids[base] = end
        return end

    def _start(self, stage: Stage, env: Env, scope: Scope, edge: Flow) -> Flow:
        if stage.withs or (stage.refs is not None and len(stage.refs) != 1):
            raise fault(
                stage.text, stage.start, stage.end, f"block {stage.name!r} reads one tensor", "from=name"
            )
        if stage.refs is None:
            return edge
        return self._edge(self._reference(stage.refs[0], stage.text, env, scope), stage.text, stage.refs[0])

    def _label(self, stage: Stage, env: Env, scope: Scope, base: str) -> str:
        if stage.id is None:
            return self._auto(scope, base)
        name = self._name(stage.id, stage.text, env)
        label = self._claim(name, scope, stage, stage.text, stage.id)
        return label

    # -- layers -----------------------------------------------------------------------------

    def _layer(self, stage: Stage, env: Env, scope: Scope, edge: Flow) -> Flow:
        if stage.name == "input":
            return self._input_stage(stage, env, scope)
        if stage.refs is None and not stage.withs:
            if edge is None:
                edge = self._implied_input(stage, env, scope)
            return self._apply(stage, [self._edge(edge, stage.text, stage)], env, scope)
        edges = []
        if stage.refs is None:
            edges.append(self._edge(edge, stage.text, stage))
        for template in (*(stage.refs or ()), *stage.withs):
            flow = self._reference(template, stage.text, self._with_in(env, edge), scope)
            edges.append(self._edge(flow, stage.text, template))
        return self._apply(stage, edges, env, scope)

    def _input_stage(self, stage: Stage, env: Env, scope: Scope) -> Flow:
        name = self._name(stage.id, stage.text, env) if stage.id else "input"
        args = stage.args
        if len(args) != 1 or args[0].pair is not None:
            raise fault(stage.text, stage.start, stage.end, "an input has one shape", "input 3x224x224")
        if name in scope.ids:
            given = name == "input" and name in self.inputs and not self.document.inputs
            if given and len(self.nodes) == 1:
                return scope.ids[name]
            raise fault(
                stage.text, stage.start, stage.end, f"the input {name!r} is stated twice", "one of them"
            )
        values = self._values(stage, env)
        try:
            shape = self.inputs.get(name) or check_shape(values["shape"])
        except ValueError as error:
            raise fault(
                stage.text, args[0].start, args[0].end, str(error), "a shape such as 3x224x224"
            ) from None
        return self._input(name, shape, scope)

    def _implied_input(self, stage: Stage, env: Env, scope: Scope) -> Flow:
        """The input of a spec without one, where the first layer says its channels."""
        if self.nodes:
            return None
        values = self._values(stage, env)
        for field in ("in_channels", "in_features", "channels"):
            if field in values:
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

    def _apply(self, stage: Stage, edges: Sequence[Edge | _Poison], env: Env, scope: Scope) -> Flow:
        nodes = self.nodes
        shapes = tuple(nodes[e.node].outputs[e.output] for e in edges if isinstance(e, Edge))
        if "in" in stage.names:
            env = {**env, "in": shapes[0][0] if len(shapes) == len(edges) and shapes else UNKNOWN}
        if len(shapes) < len(edges):
            self._values(stage, env)
            if stage.id is not None:
                self._poison(stage.id, stage.text, env, scope)
            return POISON
        made = None
        key: Any = None
        if stage.like is None:
            try:
                key = (stage, shapes, *[env.get(n) for n in stage.names]) if stage.names else (stage, shapes)
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
        if stage.id is None:
            name = self._auto(scope, layer.op)
        else:
            given = self._name(stage.id, stage.text, env)
            name = self._claim(given, scope, stage, stage.text, stage.id)
        edge: Flow = self._add(layer, tuple(edges), outputs, name, scope)  # type: ignore[arg-type]
        if len(outputs) > 1 and (names := layer.output_names())[0]:
            assert isinstance(edge, Edge)
            edge = _Choice(edge.node, names, name)
        scope.ids[name] = edge
        if stage.id is not None:
            scope.ids[given] = edge
        return edge

    def _make(
        self, stage: Stage, env: Env, scope: Scope, shapes: tuple[Shape, ...]
    ) -> tuple[Any, tuple[Shape, ...]]:
        cls = layers.lookup(stage.name)
        low, high = cls.arity
        if len(shapes) < low or (high is not None and len(shapes) > high):
            wanted = str(low) if low == high else f"{low} or more" if high is None else f"{low} to {high}"
            raise fault(
                stage.text, stage.start, stage.end,
                f"{stage.origin} reads {wanted} tensor{'s' * (wanted != '1')}, got {len(shapes)}",
                "from=[a,b], or with=b beside the tensor that arrives" if low > 1 else "one tensor",
            )  # fmt: skip
        wrong = stage.rank is not None and shapes and len(shapes[0]) - 1 != stage.rank
        if wrong and not (stage.origin in ALSO_FLAT and len(shapes[0]) == 1):
            raise fault(
                stage.text,
                stage.start,
                stage.end,
                f"{stage.origin} needs {stage.rank} spatial axes, got {show_shape(shapes[0])}",
                f"an input of channels and {stage.rank} sizes",
            )
        values = self._values(stage, env)
        if stage.like is not None:
            found = self._edge(self._reference(stage.like, stage.text, env, scope), stage.text, stage.like)
            if isinstance(found, _Poison):
                raise SpecError([])
            if "size" not in option_kinds(stage.name):
                raise fault(
                    stage.text,
                    stage.like.start,
                    stage.like.end,
                    f"{stage.origin} has no size to take",
                    "upsample or crop",
                )
            values["size"] = self.nodes[found.node].outputs[found.output][1:]
        try:
            layer = cls.create(shapes, values)
            return layer, layer.output_shapes(shapes)
        except DimensionError as error:
            raise self._dimension_fault(stage, error) from None
        except RecursionError:
            raise fault(stage.text, stage.start, stage.end, "the sizes are too involved to compute") from None

    def _dimension_fault(self, stage: Stage, error: DimensionError) -> SpecError:
        for arg, field in zip(stage.args, self._fields(stage), strict=True):
            if error.field is not None and error.field in field:
                return fault(stage.text, arg.start, arg.end, error.message, error.hint)
        end = min(stage.end, max(stage.start + 1, stage.start + len(stage.origin)))
        return fault(stage.text, stage.start, end, error.message, error.hint)

    def _fields(self, stage: Stage) -> list[tuple[str, ...]]:
        """The field, or for ``in->out`` the two fields, that each argument sets."""
        positional = layers.lookup(stage.name).positional
        fields: list[tuple[str, ...]] = []
        position = 0
        for arg in stage.args:
            if arg.key is not None:
                fields.append((arg.key,))
                continue
            if position >= len(positional):
                names = ", ".join(positional) or "none"
                many = "s" * (len(positional) != 1)
                keys = ", ".join(f"{o}=" for o in [*option_kinds(stage.name)][:4])
                raise fault(
                    stage.text,
                    arg.start,
                    arg.end,
                    f"{stage.origin} takes {len(positional)} positional argument{many} ({names})",
                    f"key=value, such as {keys}" if keys else "no arguments",
                    meant(stage, stage.text.value[arg.start : arg.end]),
                )
            parts = tuple(positional[position].split("->"))
            position += 1
            if arg.pair is not None and len(parts) != 2:
                raise fault(stage.text, arg.start, arg.end, f"{stage.origin} takes no in->out here", parts[0])
            fields.append(parts if arg.pair is not None else parts[-1:])
        return fields

    def _values(self, stage: Stage, env: Env) -> dict[str, Any]:
        """Evaluated options by field."""
        options = option_kinds(stage.name)
        values: dict[str, Any] = {}
        for arg, fields in zip(stage.args, self._fields(stage), strict=True):
            for field, expr in zip(
                fields, (arg.expr, arg.pair) if arg.pair is not None else (arg.expr,), strict=True
            ):
                if field in values:
                    raise fault(stage.text, arg.start, arg.end, f"{field} is given twice")
                values[field] = self._option(stage, options[field], arg, expr, env)
        return values

    def _option(self, stage: Stage, option: Any, arg: Arg, expr: Expr, env: Env) -> Any:
        words = PADDINGS if option.kind == "padding" else option.choices
        try:
            value = evaluate(expr, env, words)
        except ExpressionError as error:
            if option.kind == "flag" and expr.kind == "name":
                error.expected = "true or false"
                error.nearest = nearest_name(str(expr.value), ("true", "false"))
            elif option.kind == "choice" and expr.kind == "name":
                error.expected = "one of " + ", ".join(option.choices)
            elif (
                arg.key is None
                and expr.kind == "name"
                and error.nearest is None
                and expr.start == error.start
            ):
                shorts = " ".join(option_names(stage.name)[1])
                error.expected = (
                    f"{error.expected}, or one of the options {shorts}" if shorts else error.expected
                )
            raise expression_fault(stage.text, error) from None
        except UndecidedError as error:
            raise fault(stage.text, arg.start, arg.end, str(error), "numbers that decide it") from None
        except RecursionError:
            raise fault(stage.text, arg.start, arg.end, "the value is too involved to compute") from None
        problem = check_kind(option, value, words)
        if problem is not None:
            message, expected = problem
            nearest = nearest_name(value, words) if isinstance(value, str) else None
            raise fault(stage.text, arg.start, arg.end, f"{option.field}: {message}", expected, nearest)
        if option.kind == "number" and isinstance(value, Fraction):
            return float(value)
        return value


def meant(stage: Stage, token: str) -> str | None:
    """The literal that a token such as ``K3`` or ``s-1`` was meant to be."""
    for short in option_names(stage.name)[1]:
        rest = token[len(short) :].lstrip("-")
        if token[: len(short)].lower() == short and rest.isdigit():
            return f"{short}{rest}"
    return None


ALSO_FLAT: Final = frozenset({"BatchNorm1d"})
"""Classes of frameworks whose name has a rank and which take vectors all the same."""
PADDINGS: Final = ("same", "same_upper", "same_lower", "valid", "full", "causal")


def _dimension(value: Any) -> bool:
    return type(value) in (int, Fraction) or value is UNKNOWN or is_symbolic(value) or is_array(value)


def check_kind(option: Any, value: Any, words: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with a value for an option of its kind, and what was expected."""
    kind = option.kind
    if value is None and option.default is None:
        return None
    if kind == "flag":
        return None if isinstance(value, bool) else (f"{describe(value)} is no switch", "true or false")
    if kind == "choice":
        return None if value in words else (f"unknown value {describe(value)}", "one of " + ", ".join(words))
    if kind in ("dim", "number"):
        return None if _dimension(value) else (f"{describe(value)} is no number", "a number")
    items = value if isinstance(value, tuple) else (value,)
    if kind == "padding":
        for item in items:
            sides = item if isinstance(item, tuple) else (item,)
            if not all(_dimension(s) or s in words for s in sides) or len(sides) > 2:
                return (
                    f"{describe(item)} is no padding",
                    "a number, before:after, one a axis, or one of " + ", ".join(words),
                )
        return None
    nested = [s for item in items for s in (item if isinstance(item, tuple) else (item,))]
    if not nested or not all(_dimension(s) or (s is None and option.default is None) for s in nested):
        return (f"{describe(value)} is no list of numbers", "numbers, such as 3, 3x5 or (3,5)")
    return None


def check_shape(value: Any) -> Shape:
    """A shape from what was given.

    Raises:
        ValueError: it is none.
    """
    sizes = value if isinstance(value, tuple) else (value,)
    if not 1 <= len(sizes) <= 4:
        raise ValueError(f"a shape of {len(sizes)} sizes")
    for size in sizes:
        if isinstance(size, bool) or not _dimension(size) or type(size) is Fraction:
            raise ValueError(f"{describe(size)} is no size")
        if type(size) is int and size < 1:
            raise ValueError(f"a size of {size}")
    return sizes


def show_shape(shape: Shape) -> str:
    """A shape as people write it: ``64x28x28``."""
    return "x".join(map(str, shape))
