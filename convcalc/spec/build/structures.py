"""Structures and blocks: generators that yield what is inside them, so that nesting is no recursion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from convcalc.budget import OverBudgetError, spend
from convcalc.dims import (
    UNKNOWN,
    Shape,
    equal,
    is_array,
    is_symbolic,
    known_apart,
    require,
    same,
)
from convcalc.graph import Edge
from convcalc.importers.calls import Pasted
from convcalc.layers.values import show
from convcalc.spec.build.placing import Placing
from convcalc.spec.build.scope import POISON, Env, Flow, LimitError, Poison, Scope, Several, Step
from convcalc.spec.build.sharing import Lender
from convcalc.spec.build.wiring import STEP
from convcalc.spec.document.items import Block, Body, Formula, Item
from convcalc.spec.document.reading import block as library_block
from convcalc.spec.errors import Problem, SpecError, fault, nearest_name
from convcalc.spec.language.evaluation import Name, UndecidedError, describe, evaluate, truth
from convcalc.spec.language.expression import ExpressionError
from convcalc.spec.language.stage import Stage, expression_fault
from convcalc.spec.source import Source, Text

MAX_CALLS: Final = 200
"""Deepest nesting of block calls."""


class Structures(Placing):
    """Runs bodies: repeats, conditions, branches, residuals, groups, block calls."""

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
                except LimitError:
                    raise
                except SpecError as error:
                    self._problem(self._traced(error, scope))
                    edge = POISON
                    self._poison_stage(item, env, scope)
                    continue
                edge = yield step
                continue
            assert isinstance(item, Item)
            try:
                spend(STEP)
            except OverBudgetError as error:
                raise self._limit(error, item.node.problem("")) from None
            if item.kind == "let" and item.mode != "body":
                env = self._bind(item, env, scope, edge)
                continue
            if item.refs is not None:
                try:
                    edge = self._read(item, self._with_in(env, edge), scope)
                except SpecError as error:
                    self._problem(self._traced(error, scope))
                    edge = POISON
            edge = yield self._structure(item, env, scope, edge)
            if edge is POISON:
                self._poison_inside(item, scope)
                if (template := item.label or item.id) is not None:
                    assert item.text is not None
                    self._poison(template, item.text, env, scope)
        return edge

    def _structure(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        run = getattr(self, f"_{item.kind}")
        template, held = item.label or item.id, scope.frozen
        frozen = held
        if item.frozen is not None:
            frozen = self._frozen(item.frozen.expr, item.frozen.text, env, scope)
        lender = self._structure_lender(item, env, scope)
        if isinstance(lender, Poison):
            return POISON
        if template is None:
            scope.frozen = frozen
            edge = yield run(item, env, scope, edge)
            scope.frozen = held
            return edge
        assert item.text is not None
        name = self._name(template, item.text, self._with_in(env, edge))
        child = self._child(scope, name, scope.document, item.body, item.other)
        child.frozen = frozen
        told = len(self.problems)
        end = yield run(item, env, child, edge)
        whole = end is not POISON and len(self.problems) == told
        self._finish(child, lender if whole else None, scope)
        scope.ids[name] = scope.ids[child.label] = end
        return end

    def _finish(self, child: Scope, lender: Lender | None, scope: Scope) -> None:
        """Note that a level is finished, and give it the weights of the one that it shares them with."""
        child.past = len(self.nodes)
        if lender is not None:
            try:
                self._tie(child, lender)
            except SpecError as error:
                self._problem(self._traced(error, scope))

    def _bind(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Env:
        env = self._with_in(dict(env), edge)
        env = dict(env)
        for name, value in item.lets:
            try:
                env[name] = self._value(value, env)
            except SpecError as error:
                self._problem(self._traced(error, scope))
                env[name] = UNKNOWN
        return env

    def _let(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        return (yield self._body(item.body, self._bind(item, env, scope, edge), scope, edge))

    def _sequence(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        return (yield self._body(item.body, env, scope, edge))

    def _repeat(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        count = self._count(item, self._with_in(env, edge))
        assert isinstance(item.value, Formula)
        if count is None:
            if self.problems or not isinstance(edge, Edge):
                return POISON
            raise item.value.fault("how often depends on a size that was not given", "--input CxHxW")
        text = item.value.text
        index = item.index[0] if item.index else None
        if item.parallel:
            if not count:
                raise item.value.fault(
                    "a merge of no branches", "1 or more; without 'merge:' 0 changes nothing"
                )
            turns = [{index: i} if index else {} for i in range(count)]
            return (yield self._parallel(item, turns, env, scope, edge))
        ends, told = [len(self.nodes)], len(self.problems)
        for i in range(count):
            self._charge(1, text, 0, len(text.value))
            edge = yield self._body(item.body, {**env, index: i} if index else env, scope, edge)
            ends.append(len(self.nodes))
        if len(self.problems) == told:
            self._alike(item, env, ends)
        return edge

    def _each(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        values = self._value(item.value, self._with_in(env, edge))
        if not isinstance(values, tuple):
            raise item.node.fault(f"'of' must be a list, got {describe(values)}", "a list")
        names = item.index
        turns = []
        for number, value in enumerate(values):
            spend(STEP)
            row = value if len(names) > 1 else (value,)
            if not isinstance(row, tuple) or len(row) != len(names):
                raise item.node.fault(
                    f"{describe(value)} does not give {', '.join(names)}", f"a list of {len(names)} values"
                )
            turns.append(dict(zip(names, row, strict=True)))
            if item.number is not None:
                turns[-1][item.number] = number
        if item.parallel:
            if not turns:
                raise item.node.fault("a merge of no branches: the list is empty", "a value or more")
            return (yield self._parallel(item, turns, env, scope, edge))
        ends, told = [len(self.nodes)], len(self.problems)
        for turn in turns:
            edge = yield self._body(item.body, {**env, **turn}, scope, edge)
            ends.append(len(self.nodes))
        if len(self.problems) == told:
            self._alike(item, env, ends)
        return edge

    def _parallel(self, item: Item, turns: list[Env], env: Env, scope: Scope, edge: Flow) -> Step:
        """Turns that all start from what arrives, each a level of its own, and their merge."""
        starts = self._starts(item, len(turns), edge)
        text = Text("", item.node.source, item.node.start, item.node.start)
        ends: list[Flow] = []
        past, told = [len(self.nodes)], len(self.problems)
        for number, (turn, start) in enumerate(zip(turns, starts, strict=True), 1):
            self._charge(1, text, 0, 0)
            child = self._child(scope, f"branch{number}", scope.document, item.body)
            ends.append((yield self._body(item.body, {**env, **turn}, child, start)))
            past.append(len(self.nodes))
        if len(self.problems) == told:
            self._alike(item, env, past)
        return self._merge(item, ends, env, scope)

    @staticmethod
    def _starts(item: Item, count: int, edge: Flow) -> Sequence[Flow]:
        """What each of the branches reads: what arrives, or its own tensor where ``from`` is a list."""
        if not isinstance(edge, Several):
            return [edge] * count
        if len(edge.flows) != count:
            branches = f"{count} branch{'es' * (count != 1)}"
            raise item.node.fault(
                f"'from' gives {len(edge.flows)} tensors to {branches}", "one for all, or one for each"
            )
        return edge.flows

    def _read(self, item: Item, env: Env, scope: Scope) -> Flow:
        """What a structure reads by name."""
        assert item.refs is not None
        flows = [
            self._edge(flow, text, template)
            for template, text in item.refs
            for flow in self._references(template, text, env, scope)
        ]
        return flows[0] if len(flows) == 1 else Several(tuple(flows))

    def _when(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        assert item.condition is not None
        try:
            value = truth(self._formula(item.condition, self._with_in(env, edge)))
        except UndecidedError as error:
            if edge is POISON:
                return POISON
            raise item.condition.fault(str(error), "numbers that decide it") from None
        except TypeError as error:
            raise item.condition.fault(str(error), "a condition such as i > 0") from None
        return (yield self._body(item.body if value else item.other, env, scope, edge))

    def _group(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        return (yield self._body(item.body, env, scope, edge))

    def _branches(self, item: Item, env: Env, scope: Scope, edge: Flow) -> Step:
        starts = self._starts(item, len(item.parts), edge)
        ends: list[Flow] = []
        for (label, body), start in zip(item.parts, starts, strict=True):
            ends.append((yield self._body(body, env, self._child(scope, label, scope.document, body), start)))
        return self._merge(item, ends, env, scope)

    def _merge(self, item: Item, ends: list[Flow], env: Env, scope: Scope) -> Flow:
        assert item.merge is not None
        edges = []
        for end in ends:
            if not isinstance(end, (Edge, Poison)):
                raise item.node.fault("a branch has no single tensor to merge", "one output per branch")
            edges.append(end)
        if self._is_itself(item.merge, edges, env, scope):
            return edges[0]
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
        same = self._fits(item, ours, theirs, end == edge)
        short: Flow = edge
        if item.mode == "always" or (item.mode == "project" and not same):
            child = self._child(scope, "shortcut", scope.document, item.shortcut)
            short = yield self._body(item.shortcut, env, child, edge)
        elif item.mode == "auto" and not same:
            return end
        assert item.merge is not None
        if isinstance(short, Edge) and item.merge.name == "add" and not (item.mode == "identity" and same):
            theirs = self.nodes[short.node].outputs[short.output]
            if known_apart(ours, theirs):
                raise item.node.fault(
                    f"the residual adds {show(ours)} and {show(theirs)}",
                    "equal shapes; 'residual: auto' drops the shortcut, 'residual: project' projects it",
                )
        return self._merge(item, [end, short], env, scope)

    def _fits(self, item: Item, ours: Shape, theirs: Shape, one: bool) -> bool:
        """Whether the shortcut has the shape of the body.

        Where symbols leave that open and the residual chooses by it, the shortcut is taken not to fit,
        and that the shapes differ becomes a condition on the symbols.
        """
        if one:
            return True
        chooses = item.mode in ("project", "auto")
        if all(type(size) is int for size in (*ours, *theirs)):
            return ours == theirs
        found = same(ours, theirs)
        # Two sizes that nobody stated may differ: a stride stands between them, perhaps.
        if chooses and (found is UNKNOWN or (found is True and any(size is UNKNOWN for size in ours))):
            raise item.node.fault(
                "whether the shortcut fits depends on a size that was not given",
                "--input 3x224x224, or --input 3xHxW",
            )
        if isinstance(found, bool) or found is UNKNOWN:
            return found is not False
        if is_array(found):
            if not found.all() and chooses:
                raise item.node.fault(
                    "the shortcut fits for some of the sizes only",
                    "sizes for which it fits, or sizes for which it does not",
                )
            return bool(found.all())
        if chooses:
            for a, b in zip(ours, theirs, strict=True):
                condition = equal(a, b)
                if is_symbolic(condition):
                    require(~condition, "the shortcut fits")
        return not chooses

    def _text(self, stage: Stage, env: Env, scope: Scope, edge: Flow) -> Step:
        name = stage.name
        value = env.get(name)
        if not isinstance(value, str):
            if name in env:
                raise stage.fault(f"${name} is {describe(value)}", "a text variable such as 'relu'")
            raise stage.fault(f"unknown name {name!r}", "a text variable", nearest_name(name, env))
        value = str(value)
        body = self.texts.get((value, scope.document))
        if body is None:
            text = Text.whole(Source(f"${name}", value))
            body = list(Pasted(frozenset(scope.document.blocks)).stages(text))
            self.texts[value, scope.document] = body
        self._charge(1, stage.text, stage.start, stage.end)
        return self._body(body, env, scope, edge)

    def _call(self, stage: Stage, env: Env, scope: Scope, edge: Flow) -> Step:
        block = scope.document.blocks.get(stage.name) or library_block(stage.name)
        self._charge(stage.cost, stage.text, stage.start, stage.end)
        if scope.calls >= MAX_CALLS:
            raise LimitError(
                Problem.at(
                    stage.text, stage.start, stage.end, f"blocks nest deeper than {MAX_CALLS} calls",
                    expected=f"blocks that do not call themselves without end ({stage.name!r} does)",
                )
            )  # fmt: skip
        edge = self._start(stage, self._with_in(env, edge), scope, edge)
        env = self._with_in(env, edge)
        lender = self._call_lender(stage, env, scope)
        if isinstance(lender, Poison):
            return self._ended(POISON)
        inner_env = self._arguments(stage, block, env, edge, scope)
        if stage.id is None:
            name = self._auto(scope, stage.name)
        else:
            name = self._name(stage.id, stage.text, env)
            self._once(name, scope, stage, stage.id)
        child = self._child(scope, name, block.document, block.body)
        child.frozen = self._frozen(stage.frozen, stage.text, env, scope)
        child.calls = scope.calls + 1
        child.outside = env
        line = stage.text.source.position(stage.text.locate(stage.start))[0] if scope.calls == 0 else 0
        child.via = (
            scope.via or f" (in block {stage.name!r}, called in line {line} of {stage.text.source.name})"
        )
        return self._run_block(block, inner_env, child, edge, scope, name, lender)

    def _arguments(self, stage: Stage, block: Block, env: Env, edge: Flow, scope: Scope) -> Env:
        """The variables that a block sees: those of its document, ``in``, and its parameters.

        Names of tensors among its arguments stay those of the ``scope`` that calls it.
        """
        names = [name for name, _ in block.parameters]
        signature = block.signature()
        given: Env = {}
        position = 0
        for arg in stage.args:
            key = arg.key
            if key is None:
                if arg.pair is not None:
                    raise stage.fault("a block takes no in->out", signature, at=arg)
                if position >= len(names):
                    raise stage.fault(f"{block.name} takes {len(names)} arguments", signature, at=arg)
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
                raise stage.fault(f"{key} is given twice", signature, at=arg)
            try:
                given[key] = _meant(evaluate(arg.expr, env), scope)
            except ExpressionError as error:
                raise expression_fault(stage.text, error) from None
        inner = dict(self._with_in(self.env if block.document is self.document else {}, edge))
        for name, default in block.parameters:
            if name in given:
                inner[name] = given[name]
            elif default is not None:
                inner[name] = self._formula(default, inner)
            else:
                raise stage.fault(f"{block.name} needs {name}", signature)
        return inner

    def _ended(self, end: Flow) -> Step:
        return end
        yield

    def _run_block(
        self, block: Block, env: Env, child: Scope, edge: Flow, scope: Scope, name: str, lender: Lender | None
    ) -> Step:
        told = len(self.problems)
        end = yield self._body(block.body, env, child, edge)
        whole = end is not POISON and len(self.problems) == told
        self._finish(child, lender if whole else None, scope)
        scope.ids[name] = scope.ids[child.label] = end
        return end

    def _start(self, stage: Stage, env: Env, scope: Scope, edge: Flow) -> Flow:
        refs = stage.refs
        if stage.withs or (refs is not None and (len(refs) != 1 or refs[0].many)):
            raise stage.fault(f"block {stage.name!r} reads one tensor", "from=name")
        if refs is None:
            return edge
        return self._edge(self._reference(refs[0], stage.text, env, scope), stage.text, refs[0])


def _meant(value: Any, scope: Scope) -> Any:
    """A value with the texts in it as names of a scope."""
    if isinstance(value, str):
        return Name.of(value, scope)
    if isinstance(value, tuple) and any(isinstance(item, str | tuple) for item in value):
        return tuple(_meant(item, scope) for item in value)
    return value
