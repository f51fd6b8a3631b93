"""What every part of the builder does: charge for work, evaluate, name, look up, join."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final

from convcalc.budget import OverBudgetError, allow, spend
from convcalc.dims import UNKNOWN, Shape
from convcalc.graph import Edge, Node
from convcalc.spec.build.given import Stated
from convcalc.spec.build.scope import POISON, Choice, Env, Flow, LimitError, Poison, Scope, Several
from convcalc.spec.document.items import Body, Document, Formula, Item, Value
from convcalc.spec.errors import MAX_PROBLEMS, Problem, SpecError, fault, nearest_name
from convcalc.spec.language.evaluation import Name, bounded, describe, evaluate, joined
from convcalc.spec.language.expression import ARRIVING, Expr, ExpressionError
from convcalc.spec.language.stage import Range, Stage, Template, expression_fault
from convcalc.spec.source import Text

MAX_LAYERS: Final = 100_000
"""Most layers a document may expand to, plus one per 8 characters of its text."""
STEP: Final = 5
"""Steps of the budget for one of the builder: a layer made anew takes about 10, a repeated one 1."""
LONGEST_NAME: Final = 200
"""Most characters of a name."""
MAX_NAMES: Final = 10_000
"""Most names that one with ranges stands for."""
STEPS_A_LAYER: Final = 100
"""Steps of the budget besides for each layer that is allowed by ``max_layers``."""


class Wiring:
    """The graph while it grows, its names and its faults.

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
        if max_layers is not None:
            allow(STEPS_A_LAYER * max_layers)
        self.memo: dict[Any, tuple[Any, tuple[Shape, ...]]] = {}
        self.texts: dict[tuple[str, Document], Body] = {}
        self.paths: set[str] = set()
        self.given: dict[tuple[int, ...], set[str]] = {}
        self.walked: set[int] = set()
        self.poisoned: set[int] = set()
        self.overwriting: dict[int, Stage] = {}
        self.indices: dict[Edge, str] = {}  # of places along an "axis", or in a "map"
        self.env: Env = {}
        self.line = False
        self.stopped = False  # by a limit, so that nothing is known of what follows
        self.statements: dict[str, Stated] = {}

    # -- faults and bounds ------------------------------------------------------------------

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

    def _problem(self, error: SpecError) -> None:
        self.problems.extend(error.problems)
        if len(self.problems) > 4 * MAX_PROBLEMS:
            self._stop_if_problems(True)

    def _charge(self, cost: int, text: Text, start: int, end: int) -> None:
        if len(self.nodes) > self.max_layers:
            raise LimitError(
                Problem.at(
                    text, start, end, f"the spec expands to more than {self.max_layers:,} layers",
                    expected="fewer repeats, or a higher limit (max_layers)",
                )
            )  # fmt: skip
        try:
            spend(STEP * cost)
        except OverBudgetError as error:
            raise self._limit(error, Problem.at(text, start, end, "")) from None

    def _limit(self, error: OverBudgetError, problem: Problem) -> LimitError:
        """The budget is used up at this place: nothing more is built."""
        problem.message, problem.expected = error.message, error.hint
        return LimitError(problem)

    def _traced(self, error: SpecError, scope: Scope) -> SpecError:
        name, at = error.unknown, scope
        while name is not None and at.outside is None and at.parent is not None:
            at = at.parent
        if name is not None and name in (at.outside or ()):
            for problem in error.problems:
                problem.nearest = None
                problem.expected = (
                    f"{name} among the arguments: it is known where the block is called, and a block sees "
                    "its parameters and the document's variables"
                )
        if scope.via:
            for problem in error.problems:
                if " (in block " not in problem.message:
                    problem.message += scope.via
        return error

    # -- values -----------------------------------------------------------------------------

    def _formula(self, formula: Formula, env: Env) -> Any:
        word = formula.word
        if word is not None and word not in env and (word not in ARRIVING or "in" not in env):
            return word
        try:
            return evaluate(formula.expr, env)
        except ExpressionError as error:
            raise expression_fault(formula.text, error) from None
        except OverBudgetError as error:
            raise self._limit(error, formula.fault("").problems[0]) from None

    def _value(self, value: Value, env: Env) -> Any:
        if isinstance(value, tuple):
            try:
                return bounded(tuple(self._value(v, env) for v in value))
            except (SpecError, OverBudgetError):
                raise
            except ValueError as error:
                place: Value = value
                while isinstance(place, tuple):
                    place = place[0]
                raise place.fault(str(error), "a shorter list") from None
        return self._formula(value, env)

    def _with_in(self, env: Env, edge: Flow) -> Env:
        """The variables, with the shape that arrives, of which ``in`` is the channels."""
        if isinstance(edge, Several):
            edge = edge.flows[0]
        shape: Any = UNKNOWN
        if isinstance(edge, Edge):
            shape = self.nodes[edge.node].outputs[edge.output]
        elif edge is None:
            return env
        if env.get("in", env) is shape:
            return env
        return {**env, "in": shape}

    def _frozen(self, expr: Expr | None, text: Text, env: Env, scope: Scope) -> bool | None:
        """Whether ``frozen=`` holds; what does not say is as the level it stands in, None where none says."""
        if expr is None:
            return scope.frozen
        try:
            value = evaluate(expr, env)
        except ExpressionError as error:
            if expr.kind == "name":
                error.expected = "true or false"
            raise expression_fault(text, error) from None
        if not isinstance(value, bool):
            raise fault(
                text, expr.start, expr.end, f"frozen: {describe(value)} is no switch", "true or false"
            )
        return value

    def _count(self, item: Item, env: Env) -> Any:
        assert isinstance(item.value, Formula)
        count = self._formula(item.value, env)
        if count is UNKNOWN:
            return None
        if type(count) is not int or count < 0:
            raise item.value.fault(f"repeat takes a whole number, got {describe(count)}", "0 or more")
        if count > self.max_layers:
            shown = count if count < 10**30 else "count"
            error = item.value.fault(f"repeat {shown} is beyond the limit", f"at most {self.max_layers:,}")
            raise LimitError(error.problems)
        return count

    def _name(self, template: Template, text: Text, env: Env) -> str:
        literal = template.literal
        if literal is not None and len(literal) <= LONGEST_NAME:
            return literal
        (name,) = self._names(template, text, env)
        return str(name)

    def _names(self, template: Template, text: Text, env: Env) -> list[str]:
        """The names that a template stands for: several where it has ranges, the last fastest."""
        names = [""]
        for part in template.parts:
            if isinstance(part, Range):
                numbers = self._range(part, text, env)
                if len(names) * len(numbers) > MAX_NAMES:
                    raise fault(text, part.start, part.end, f"more than {MAX_NAMES:,} names", "fewer")
                spend(STEP * len(names) * len(numbers))
                names = [joined(name, str(number)) for name in names for number in numbers]
                continue
            if isinstance(part, Expr):
                value = self._part(part, text, env)
                if value is UNKNOWN:
                    if self.problems:
                        raise SpecError([])  # told already, in all likelihood
                    message = "a size that was not given, in a name"
                    raise fault(text, part.start, part.end, message, "--input CxHxW")
                if isinstance(value, (tuple, Fraction)) or value is None:
                    raise fault(
                        text, part.start, part.end, f"{describe(value)} in a name", "a whole number or a text"
                    )
                part = value if isinstance(value, str) else str(value)
            names = [joined(name, part) for name in names]
        if max(map(len, names)) > LONGEST_NAME:
            message = f"a name of more than {LONGEST_NAME} characters"
            raise fault(text, template.start, template.end, message)
        return names

    @staticmethod
    def _part(part: Expr, text: Text, env: Env) -> Any:
        try:
            return evaluate(part, env)
        except ExpressionError as error:
            raise expression_fault(text, error) from None

    def _range(self, part: Range, text: Text, env: Env) -> range:
        """The numbers of a range in a name.

        Raises:
            SpecError: an end is no whole number, or there are none.
        """
        ends = []
        for end in (part.first, part.last):
            value = self._part(end, text, env)
            if type(value) is not int:
                message = f"a range of names ends at a whole number, got {describe(value)}"
                raise fault(text, end.start, end.end, message, "a number, such as n-1")
            ends.append(value)
        first, last = ends
        if last < first:
            raise fault(
                text,
                part.start,
                part.end,
                f"the range {first}..{last} is empty",
                f"an end of {first} or more",
            )
        return range(first, min(last, first + MAX_NAMES) + 1)

    # -- names ------------------------------------------------------------------------------

    def _auto(self, scope: Scope, base: str) -> str:
        """The name of what was given none: its kind and a number, counted in each scope anew."""
        given = self._given(scope)
        stem = f"{base}_" if base[-1].isdigit() else base
        count = scope.counters.get(base, 0) + 1
        while (name := f"{stem}{count}") in given or self._taken(scope.prefix + name):
            count += 1
        scope.counters[base] = count
        return name

    def _given(self, scope: Scope) -> set[str]:
        """The names that the text of a scope gives, which automatic ones leave alone.

        A structure or block of a name of its own is a scope of its own: what it gives inside counts there.
        """
        key = tuple(map(id, scope.bodies))
        names = self.given.get(key)
        if names is not None:
            return names
        names = self.given[key] = set()
        todo = list(scope.bodies)
        seen: set[int] = set()
        while todo:
            body = todo.pop()
            if id(body) in seen:
                continue
            seen.add(id(body))
            if id(body) in self.walked:  # an alias of YAML: what is written once is read without charge
                spend(len(body))
            self.walked.add(id(body))
            for inner in body:
                template = inner.id
                if isinstance(inner, Item):
                    template = inner.label or inner.id
                    if template is None and not inner.parallel:
                        todo += (inner.body, inner.other)
                if template is not None and template.literal is not None:
                    names.add(template.literal)
        return names

    def _use(self, name: str, scope: Scope) -> str:
        """Note a name of a layer or a level as taken, and give it in full."""
        full = scope.prefix + name
        self.used.add(full)
        at = name.find(".")
        while at >= 0:
            self.paths.add(scope.prefix + name[:at])
            at = name.find(".", at + 1)
        return full

    def _taken(self, name: str) -> bool:
        """Whether a full name is that of a layer, or the beginning of an id with dots in it."""
        return name in self.used or name in self.paths

    def _once(self, name: str, scope: Scope, maker: Stage, template: Template) -> None:
        """Refuse an id that two stages give; one stage in a repeat may give it again.

        Raises:
            SpecError: another stage of the scope gave it.
        """
        if scope.makers.setdefault(name, maker) is not maker:
            raise maker.fault(f"the name {name!r} is given twice", "another id", at=template)

    def _numbered(self, base: str, scope: Scope, taken: Callable[[str], bool]) -> str:
        """The name itself, or numbered where it is taken: ``x``, ``x_2``, ``x_3``."""
        name = base
        while taken(scope.prefix + name):
            count = scope.counters.get("." + base, 1) + 1
            scope.counters["." + base] = count
            name = f"{base}_{count}"
        return name

    def _child(self, scope: Scope, name: str, document: Document, *bodies: Body) -> Scope:
        """A scope below, its name numbered where it is taken."""
        spend(2 * STEP)
        label = self._numbered(name, scope, self._taken)
        self._use(label, scope)
        child = Scope(scope, label, document, bodies, len(self.nodes))
        scope.children[label] = scope.children[name] = child
        return child

    def _add(
        self,
        layer: Any,
        inputs: tuple[Edge, ...],
        outputs: tuple[Shape, ...],
        name: str,
        scope: Scope,
        frozen: bool = False,
        shares: tuple[str, ...] = (),
    ) -> Edge:
        self.nodes.append(Node(self._use(name, scope), layer, inputs, outputs, frozen, shares))
        return Edge(len(self.nodes) - 1)

    def _find(self, scope: Scope | None, name: str) -> Flow | str:
        """A tensor by name: own names first, then those around; for what was handed over, its own place's."""
        for start in (name.scope, scope) if isinstance(name, Name) else (scope,):
            at = start
            while at is not None:
                found = self._within(at, name)
                if found is not None:
                    return found
                at = at.parent
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
            if isinstance(flow, Poison):  # its fault is told already
                return flow
            if isinstance(flow, Edge):
                names = self.nodes[flow.node].layer.output_names()
                if rest in names:
                    return Edge(flow.node, names.index(rest))
            elif isinstance(flow, Choice) and rest in flow.names:
                return Edge(flow.node, flow.names.index(rest))
            at = name.find(".", at + 1)
        return None

    def _reference(self, template: Template, text: Text, env: Env, scope: Scope) -> Flow:
        (found,) = self._references(template, text, env, scope)
        return found

    def _references(self, template: Template, text: Text, env: Env, scope: Scope) -> list[Flow]:
        """The tensors that a template names."""
        names = self._names(template, text, env)
        found: list[Flow] = []
        for name in names:
            flow = self._find(scope, name)
            if isinstance(flow, str):
                raise self._missing(name, names[: len(found)], template, text, scope)
            found.append(flow)
        return found

    def _missing(
        self, name: str, before: list[str], template: Template, text: Text, scope: Scope
    ) -> SpecError:
        """The fault of a name that no tensor has; those ``before`` it in a range are names of tensors."""
        message, expected = f"no tensor named {name!r} so far", "an id given before this place"
        if before:
            listed = before[0] if len(before) == 1 else f"{before[0]} to {before[-1]}"
            return fault(text, template.start, template.end, message, f"{expected}, as {listed}")
        known: set[str] = set()
        at: Scope | None = scope
        while at is not None:
            known |= at.ids.keys() | at.children.keys()
            at = at.parent
        return fault(text, template.start, template.end, message, expected, nearest_name(name, known))

    def _edge(self, flow: Flow, text: Text, place: Any) -> Edge | Poison:
        """An edge to read, or the fault of what is none."""
        assert not isinstance(flow, Several), "only structures that merge read several"
        if isinstance(flow, Choice):
            names = ", ".join(flow.names)
            raise fault(
                text, place.start, place.end, f"{flow.name} has the outputs {names}: choose one",
                f"from={flow.name}.{flow.names[0]}",
            )  # fmt: skip
        if flow is None and len(self.document.inputs) > 1:
            names = ", ".join(name for name, _, _ in self.document.inputs)
            raise fault(
                text, place.start, place.end, f"which of the inputs is read is not stated: {names}",
                f"from={self.document.inputs[0][0]}",
            )  # fmt: skip
        if flow is None and (later := self.document.input_names):
            raise fault(
                text, place.start, place.end, f"nothing arrives here: {' and '.join(later)} is stated later",
                "the input before the layers that read it",
            )  # fmt: skip
        if flow is None:
            raise fault(
                text, place.start, place.end, "the input is not stated",
                "--input CxHxW, an 'input' stage, or channels such as 'conv 3->64'",
            )  # fmt: skip
        return flow

    def _poison_stage(self, stage: Stage, env: Env, scope: Scope) -> None:
        """Let the name of a refused stage stand for its fault: what reads it is not refused again."""
        if stage.id is not None:
            self._poison(stage.id, stage.text, env, scope)
        elif stage.kind == "layer":
            scope.ids[self._auto(scope, stage.name)] = POISON

    def _poison_inside(self, item: Item, scope: Scope) -> None:
        """The same for the names that a structure at fault would have given."""
        if id(item) in self.poisoned:
            return
        self.poisoned.add(id(item))
        names: list[str] = [name for name, _ in item.parts]
        for body in (item.body, item.other, item.shortcut):
            for inner in body:
                template = inner.label or inner.id if isinstance(inner, Item) else inner.id
                if template is not None:
                    names += [p for p in template.parts if isinstance(p, str) and len(template.parts) == 1]
                elif isinstance(inner, Item):
                    self._poison_inside(inner, scope)
        for name in names:
            if name not in scope.children:
                scope.ids.setdefault(name, POISON)

    def _poison(self, template: Template, text: Text, env: Env, scope: Scope) -> None:
        try:
            scope.ids[self._name(template, text, env)] = POISON
        except SpecError:
            return
