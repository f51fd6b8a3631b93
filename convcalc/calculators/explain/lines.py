"""The lines of an explanation: what the calculators count where letters stand for the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from convcalc.calculators.count.report import analyze
from convcalc.calculators.explain.letters import Lettered, size_letters
from convcalc.calculators.explain.records import Line
from convcalc.calculators.explain.terms import Term, Terms
from convcalc.calculators.explain.textbook import Textbook
from convcalc.calculators.receptive_field.axis import AxisField
from convcalc.calculators.receptive_field.graph import receptive_field
from convcalc.dims import UNKNOWN, Shape, is_symbolic, prod, symbol
from convcalc.graph import Graph, Node
from convcalc.layers.base import Layer
from convcalc.layers.values import axis_names

KINDS: Final = {
    "add": "additions",
    "mul": "multiplications",
    "cmp": "comparisons",
    "div": "divisions",
    "special": "special functions",
}
EVERYTHING: Final = "the whole input"
UNCLEAR: Final = "no closed form; numbers decide"


class Lines:
    """Collects lines, with the value of each where the letters have numbers."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self.values: dict[str, Any] = dict(values)
        self.found: list[Line] = []
        self._terms = Terms(self.values)

    def add(
        self,
        group: str,
        quantity: str,
        formula: Any,
        letter: str = "",
        value: Any = None,
        textbook: Textbook | None = None,
    ) -> None:
        """Add a line; ``value`` is for what has no formula in letters, only a number."""
        if formula is UNKNOWN:
            formula = UNCLEAR
        elif is_symbolic(formula) and self.values:
            value = formula.subs(self.values)
        if letter:
            number = formula if value is None else value
            if type(number) is int:
                self.values[letter] = number
        terms: tuple[Term, ...] = ()
        if is_symbolic(formula):
            sizes = {line.letter: line.formula for line in self.found if line.letter}
            terms = self._terms.of(formula, self.values, sizes)
        self.found.append(Line(group, quantity, letter, formula, value, textbook, terms))


def outputs(lines: Lines, made: Lettered) -> tuple[tuple[Any, ...], ...]:
    """Lines of the output sizes, and the outputs with a letter where a size is a longer formula."""
    node, arrives = made.node, made.graph.input_shapes(made.node)
    found: list[tuple[Any, ...]] = []
    known = node.layer.textbook(arrives)
    beside = [number for number in node.layer.index_outputs if number]  # of the shape of the values
    single = len(node.outputs) - len(beside) == 1
    for number, shape in enumerate(node.outputs):
        if number in beside:
            found.append(found[0])
            continue
        part = _part(node, number)
        names, letters = _axes(node.layer, shape)
        sizes = []
        titles = node.layer.output_axes(number, len(shape)) or names
        for axis, (name, letter, size) in enumerate(zip(titles, letters, shape, strict=True)):
            letter = f"{letter}_out" if _long(size) and single else ""
            lines.add("output", name + part, size, letter, textbook=_textbook(known.get(axis), size))
            sizes.append(symbol(letter) if letter else size)
        found.append(tuple(sizes))
    return tuple(found)


def _textbook(known: tuple[str, dict[str, Any]] | None, size: Any) -> Textbook | None:
    """The form of a size that textbooks have, where it is the same and reads otherwise."""
    if known is None or not is_symbolic(size):
        return None
    found = Textbook(*known)
    return found if found.value == size and found.write() != str(size) else None


def _part(node: Node, number: int) -> str:
    """Which of several outputs is meant: ``of h``, ``of part 0``; nothing of what flows on."""
    name = node.layer.output_names()[number]
    return f" of part {name}" if name.isdigit() else f" of {name}" if name else ""


def _axes(layer: Layer, shape: Shape) -> tuple[list[str], list[str]]:
    """What the axes of a shape are called, in words and in letters."""
    rank = len(shape)
    if not rank:
        return [], []
    names, letters = [*axis_names(rank - 1)], [*size_letters(rank - 1)]
    at = layer.feature_axis({layer.sized_by: getattr(layer, layer.sized_by, None)}) % rank
    names.insert(at, "features" if at or rank == 1 else "channels")
    letters.insert(at, "F" if at or rank == 1 else "C")
    return names, letters


def _long(size: Any) -> bool:
    return is_symbolic(size) and size.size > 2


def parameters(lines: Lines, made: Lettered) -> None:
    """Lines of every trainable array, of all together, and of what is stored but not trained."""
    node = made.node
    shapes = made.graph.input_shapes(node)
    arrays = {**node.layer.parameters(shapes)}
    for name, shape in arrays.items():
        lines.add("parameters", f"{name} ({' x '.join(map(str, shape))})", prod(shape))
    if len(arrays) != 1:
        lines.add("parameters", "all parameters", sum(prod(shape) for shape in arrays.values()))
    for name, shape in node.layer.buffers(shapes).items():
        lines.add("parameters", f"{name}, not trained ({' x '.join(map(str, shape))})", prod(shape))
    for name, shape in node.layer.indices(shapes).items():
        lines.add("parameters", f"{name}, whole numbers ({' x '.join(map(str, shape))})", prod(shape))


def operations(lines: Lines, made: Lettered, outputs: tuple[tuple[Any, ...], ...]) -> None:
    """Lines of the operations, in the letters of the layer and of its output sizes."""
    nodes = [*made.graph.nodes[:-1]]
    node = made.node
    nodes.append(Node(node.name, node.layer, node.inputs, outputs, node.frozen, node.shares))
    graph = Graph(made.graph.name, nodes, made.graph.inputs, made.graph.outputs, made.graph.output_names)
    group = "operations"
    if node.layer.opaque:
        lines.add(group, "MACs and operations", "unknown")
        return
    totals = analyze(graph).totals
    if node.layer.has_macs:
        lines.add(group, "MACs", totals.macs)
        lines.add(group, "MACs without padding", _valid_macs(lines, made, totals.valid_macs))
    for kind, title in KINDS.items():
        amount = getattr(totals.ops, kind)
        if type(amount) is not int or amount:
            lines.add(group, title, amount)
    for part, ops in node.layer.apart(graph.input_shapes(node), outputs).items():
        for kind, title in KINDS.items():
            if type(amount := getattr(ops, kind)) is not int or amount:
                lines.add(group, f"{title} of {part}", amount)
    lines.add(group, "FLOPs", totals.flops)
    if node.layer.has_macs:
        lines.add(group, "activations", totals.activations)


def _valid_macs(lines: Lines, made: Lettered, shorter: Any) -> Any:
    """The formula of the valid MACs, in letters of the output sizes where that is shorter and as true.

    How much of the padding is read depends on the input and the output together: a closed form may
    need to see both.
    """
    whole = analyze(made.graph).totals.valid_macs
    if not is_symbolic(whole) or not is_symbolic(shorter) or len(str(shorter)) >= len(str(whole)):
        return whole
    letters = {line.letter: line.formula for line in lines.found if line.letter}
    return shorter if shorter.subs(letters) == whole else whole


def fields(lines: Lines, graph: Graph, numbers: Graph | None = None) -> None:
    """Receptive field, effective stride and effective padding; one line where all axes agree."""
    measured = _measured(graph)
    known = _measured(numbers) if numbers is not None else {}
    by = graph.nodes[-1].layer.decided_by
    for quantity, values in measured.items():
        if by and all(value is UNKNOWN for value in values):
            lines.add("receptive field", quantity, f"unknown: {by} decide what is read")
            continue
        found = known.get(quantity, [None] * len(values))
        shared = len({str(pair) for pair in zip(values, found, strict=True)}) == 1
        names = [""] if shared else axis_names(len(values))
        for name, value, number in zip(names, values, found, strict=False):
            text = f"{quantity}, {name}" if name else quantity
            if type(number) is int and not is_symbolic(value) and value != number:
                value = UNKNOWN  # letters cannot tell what the numbers can
            lines.add("receptive field", text, value, value=number if value is UNKNOWN else None)


def particulars(lines: Lines, made: Lettered, numbers: Graph | None) -> None:
    """What the layer itself has to say: of its numbers where they are known, else of its letters."""
    graph = made.graph if numbers is None else numbers
    node = graph.nodes[-1]
    for group, quantity, text in node.layer.particulars(graph.input_shapes(node)):
        lines.add(group, quantity, text)


def _measured(graph: Graph) -> dict[str, list[Any]]:
    """What the output of a graph sees, axis by axis; nothing where it sees no pixel."""
    row = receptive_field(graph).output
    if row is None or not row.axes:
        return {}
    whole = [axis.everything and not axis.local for axis in row.axes]
    found = {
        "receptive field": [
            EVERYTHING if all_ else _sizes(axis) for all_, axis in zip(whole, row.axes, strict=True)
        ]
    }
    if not any(whole):
        found["effective stride"] = [_exact(n) for n in row.stride]
        found["effective padding"] = [_exact(n) for n in row.padding]
    return found


def _sizes(axis: AxisField) -> Any:
    """The size of a field; where it depends on the phase of the output, the smallest and the largest."""
    if axis.known and not is_symbolic(axis.size) and axis.smallest != axis.size:
        return f"{axis.smallest} to {axis.size}"
    return _exact(axis.size)


def _exact(value: Any) -> Any:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, (int, str)) or is_symbolic(value) or value is UNKNOWN else str(value)


def totals(graph: Graph) -> tuple[Line, ...]:
    """Totals of several layers."""
    totals = analyze(graph).totals
    lines = Lines({})
    for edge, name in zip(graph.outputs, graph.output_names, strict=False):
        title = "output" if len(graph.outputs) == 1 else f"output {name}"
        shape = graph.shape(edge)
        for axis, size in zip(_axes(graph.nodes[edge.node].layer, shape)[0], shape, strict=True):
            lines.add("output", axis if title == "output" else f"{title}, {axis}", size)
    lines.add("parameters", "all parameters", totals.params)
    lines.add("parameters", "buffers, not trained", totals.buffers)
    for key, title in (
        ("macs", "MACs"),
        ("valid_macs", "MACs without padding"),
        ("flops", "FLOPs"),
        ("activations", "activations"),
    ):
        lines.add("operations", title, getattr(totals, key))
    fields(lines, graph)
    return tuple(lines.found)
