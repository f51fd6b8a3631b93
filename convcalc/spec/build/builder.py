"""Items to a graph: the whole of a document.

Nesting of blocks and repeats costs no recursion: every structure is a generator that yields the
structures inside it, and one loop drives them. Stages that meet the same variables and shapes
again (in a repeat) share the layer that was made the first time.
"""

from __future__ import annotations

from bisect import bisect_right

from convcalc.budget import OverBudgetError
from convcalc.dims import UNKNOWN, collecting, is_array
from convcalc.graph import Edge, Graph
from convcalc.layers.values import show
from convcalc.spec.build.given import note
from convcalc.spec.build.scope import POISON, Choice, Flow, LimitError, Scope, Step
from convcalc.spec.build.structures import Structures
from convcalc.spec.document.items import Value
from convcalc.spec.errors import MAX_PROBLEMS, Problem, SpecError, fault, nearest_name
from convcalc.spec.language.arguments import check_shape
from convcalc.spec.language.evaluation import describe
from convcalc.spec.language.expression import Expr, is_symbol_name


class Builder(Structures):
    """Builds one graph; see :class:`~convcalc.spec.build.wiring.Wiring` for its arguments."""

    def build(self) -> Graph:
        """The graph.

        Raises:
            SpecError: with every independent fault found.
        """
        try:
            with collecting() as conditions:
                graph = self._graph()
            if conditions:
                from convcalc.symbols.conditions import simplified

                graph.constraints = simplified(conditions)
        except OverBudgetError as error:
            file, text = self.document.file, self.document.text.split("\n", 1)[0][:80]
            problem = Problem(error.message, file=file, text=text, expected=error.hint)
            raise SpecError([*self.problems[: MAX_PROBLEMS - 1], problem]) from None
        return graph

    def _graph(self) -> Graph:
        root = Scope(None, "", self.document, (self.document.layers,))
        self._letters()
        self._variables()
        if (frozen := self.document.frozen) is not None:
            root.frozen = self._frozen(frozen.expr, frozen.text, self.env, root)
        edge = self._inputs(root)
        self._stop_if_problems(len(self.problems) > 0)
        edge = self._drive(self._body(self.document.layers, self.env, root, edge))
        self._stop_if_problems(len(self.problems) > 0)
        outputs, names = self._outputs(root, edge)
        if self.overwriting:
            self._overwritten(outputs)
        self._stop_if_problems(len(self.problems) > 0)
        return Graph(
            name=self.document.name,
            nodes=self.nodes,
            inputs=tuple(self.input_nodes),
            outputs=outputs,
            output_names=names,
            variables={k: v for k, v in self.env.items() if k != "in"},
            source=self.document.source,
            notes=(*self.document.notes, *self._notes()),
            text=self.document.text,
            budget=dict(self.document.budget),
            bits=dict(self.document.bits),
        )

    def _overwritten(self, outputs: tuple[Edge, ...]) -> None:
        """Refuse layers of a framework that run in place and write over what is read after them.

        There the later reader sees the new values; here it would see the old ones.
        """
        stored = list(range(len(self.nodes)))  # by node: whose memory its result lies in
        writers: dict[int, list[int]] = {}
        for number, node in enumerate(self.nodes):
            if node.inputs and (node.layer.view or number in self.overwriting):
                stored[number] = stored[node.inputs[0].node]
            if number in self.overwriting:
                writers.setdefault(stored[number], []).append(number)
        reads = [(edge, number) for number, node in enumerate(self.nodes) for edge in node.inputs]
        for edge, reader in [*reads, *((edge, len(self.nodes)) for edge in outputs)]:
            if edge.output:
                continue
            between = writers.get(stored[edge.node], [])
            at = bisect_right(between, edge.node)
            if at < len(between) and between[at] < reader:
                stage = self.overwriting[between[at]]
                who = self.nodes[reader].name if reader < len(self.nodes) else "the output"
                message = f"{stage.origin} runs in place and writes over what {who} reads after it"
                self._problem(stage.fault(message, "inplace=False"))

    def _letters(self) -> None:
        """Give the letters of shapes that the spec states (``TxC``) the sizes that come from outside.

        Raises:
            SpecError: one letter would be two sizes.
        """
        for name, exprs in self._stated_sizes():
            given = self.inputs.get(name, ())
            for expr, size in zip(exprs, given, strict=False) if len(exprs) == len(given) else ():
                letter = expr.value if expr is not None and expr.kind == "name" else None
                if letter is None or not is_symbol_name(letter):
                    continue
                known = self.env.setdefault(letter, size)
                if type(known) is int and type(size) is int and known != size:
                    text = show(given)
                    message = f"{letter} is {known} already, and would be {size} here"
                    raise SpecError(
                        Problem(
                            message, file="--input", text=text, length=len(text),
                            expected=f"the same size wherever the spec says {letter}",
                        )
                    )  # fmt: skip

    def _stated_sizes(self) -> list[tuple[str, list[Expr | None]]]:
        """The sizes of every input that the spec states, as they are written."""
        found: list[tuple[str, list[Expr | None]]] = []
        stated = [(name, value) for name, value, _ in self.document.inputs]
        stated += [(n, s.args[0]) for n, s in self.document.input_stages() if len(s.args) == 1]
        for name, value in stated:
            parts = value if isinstance(value, tuple) else (value,)
            exprs = [getattr(part, "expr", None) for part in parts]
            if len(exprs) == 1 and exprs[0] is not None and exprs[0].kind in ("tuple", "list"):
                exprs = list(exprs[0].args)
            found.append((name, exprs))
        return found

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
        for name, value, _ in self.document.vars:
            try:
                if name in self.overrides:
                    self.env[name] = self.overrides[name]
                else:
                    self.env[name] = self._value(value, self.env)
            except SpecError as error:
                self.problems.extend(error.problems)
                self.env[name] = UNKNOWN

    def _inputs(self, root: Scope) -> Flow:
        known = self.document.input_names
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
                sizes = self._value(value, self.env)
                try:
                    shape = check_shape(sizes)
                except ValueError as error:
                    raise node.fault(str(error), "channels and sizes, such as 3x224x224") from None
                made = self._input(name, self._held(name, shape, self._setting(value)), root)
                edge = made if edge is None else edge
            except SpecError as error:
                self.problems.extend(error.problems)
        if not known and "input" in self.inputs:
            edge = self._input("input", self._held("input", None), root)
        if len(self.document.inputs) > 1:
            return None
        return edge

    @staticmethod
    def _setting(shape: Value) -> str | None:
        """The variable that an input has its channels from, as an option to set it."""
        first = shape[0].expr if isinstance(shape, tuple) and shape else getattr(shape, "expr", None)
        if isinstance(first, Expr) and first.kind == "tuple" and first.args:
            first = first.args[0]
        if isinstance(first, Expr) and first.kind == "name" and not is_symbol_name(str(first.value)):
            return f"--set {first.value}=N"
        return None

    def _notes(self) -> list[str]:
        """How shapes from outside were read that others would write for something else."""
        found = []
        for name, given in self.inputs.items():
            stated = None if any(map(is_array, given)) else self.statements.get(name)
            if stated is not None and (text := note(name, given, stated)):
                found.append(text)
        return found

    def _outputs(self, root: Scope, edge: Flow) -> tuple[tuple[Edge, ...], tuple[str, ...]]:
        if self.nodes and not self.input_nodes:
            raise SpecError(
                Problem(
                    "the spec has no input: all of its tensors are its own",
                    file=self.document.file,
                    text=self.document.text.split("\n", 1)[0][:80],
                    expected="an input, such as 'input 3x224x224 | ...' or --input CxHxW",
                )
            )
        if not self.document.outputs:
            if isinstance(edge, Choice):
                return (
                    tuple(Edge(edge.node, i) for i in range(len(edge.names))),
                    tuple(f"{edge.name}.{n}" for n in edge.names),
                )
            if not isinstance(edge, Edge) or len(self.nodes) == len(self.input_nodes):
                raise SpecError(
                    Problem(
                        "the spec has no layers",
                        file=self.document.file,
                        text=self.document.text.split("\n", 1)[0][:80],
                        expected="at least one layer that runs",
                    )
                )
            return (edge,), (self.nodes[edge.node].name,)
        found: list[Edge] = []
        names: list[str] = []
        for name, template, text in self.document.outputs:
            try:
                flows = self._references(template, text, self.env, root)
                if name is not None and len(flows) > 1:
                    raise fault(
                        text, template.start, template.end, f"{len(flows)} tensors under one name",
                        "a list of outputs, or a name for each",
                    )  # fmt: skip
                names += self._names(template, text, self.env) if name is None else [name]
                found += [e for f in flows if isinstance(e := self._edge(f, text, template), Edge)]
            except SpecError as error:
                self.problems.extend(error.problems)
        return tuple(found), tuple(names)

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
            except LimitError as error:
                self.stopped = True
                raise SpecError([*self.problems[: MAX_PROBLEMS - 1], *error.problems]) from None
            except SpecError as error:
                self._problem(error)
                stack.pop()
                value = POISON
            else:
                stack.append(child)
                value = None
        return value
