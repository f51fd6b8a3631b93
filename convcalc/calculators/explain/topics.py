"""Why: topics of the field, their formulas counted on letters, with the reader's numbers and a law."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from convcalc.budget import question
from convcalc.calculators.answers import did_you_mean
from convcalc.calculators.count.report import analyze
from convcalc.calculators.explain.letters import MEANINGS, Variable, lettered
from convcalc.calculators.explain.lines import Lines
from convcalc.calculators.explain.records import Line
from convcalc.calculators.explain.textbook import Textbook
from convcalc.calculators.hardware.roofline import cost
from convcalc.calculators.receptive_field.graph import receptive_field
from convcalc.dims import Shape
from convcalc.graph import Graph, Spec, as_graph
from convcalc.records import Record
from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import parse
from convcalc.spec.topics import declaration, topic_called, topics

_UNSTATED: Final = {"stride": ("S", 1), "padding": ("P", 0), "dilation": ("D", 1), "groups": ("G", 1)}
"""Options whose defaults have no letter in an explanation, with the letter and number of a topic."""
_SMALLEST: Final = {"P": 0}


@dataclass(frozen=True, repr=False)
class Topic(Record):
    """A topic, explained.

    Attributes:
        name: as it is asked for.
        title: the field's standard term for it.
        question: what people ask.
        answer: the law, in a sentence.
        why: where that comes from.
        source: the paper.
        variables: the letters with their numbers.
        specs: by name, the specs that were counted, in letters.
        input: what they read, in letters; empty where they read nothing.
        lines: the quantities, with the numbers put in.
        laws: numbers of the laws that execute it (``convcalc verify --law N``).
        page: its page of the course, in ``examples/``.
        example: a call of convcalc that shows it.
        layer: the layer or block of the same subject; empty where there is none.
        given: the layer of the reader's spec that the numbers are those of; empty where there is none.
    """

    KEYS = "name title question answer why source variables specs input lines laws page example layer? given?"

    name: str
    title: str
    question: str
    answer: str
    why: str
    source: str
    variables: tuple[Variable, ...]
    specs: dict[str, str]
    input: Shape
    lines: tuple[Line, ...]
    laws: tuple[int, ...]
    page: str
    example: str
    layer: str = ""
    given: str = ""

    def numbers(self) -> dict[str, int]:
        """The letters with their numbers."""
        return {v.name: v.value for v in self.variables if v.value is not None}


@question
def topic(
    name: str,
    spec: Spec | None = None,
    *,
    layer: str | None = None,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Topic:
    """Explain a topic: why something costs, sees or reaches what it does.

    Args:
        name: of the topic, in any spelling; see :func:`topics`.
        spec: a network with the layer whose numbers are put in: the first with a window, or ``layer``.
        layer: name of that layer.
        input: the shape that goes in: of the spec, or of the topic's own specs.
        set: numbers by letter (``{"K": 5}``); with a spec, variables of the spec too.

    Raises:
        ValueError: there is no such topic, no such letter, or a number is none that fits.
        SpecError: the spec cannot be read, or the numbers do not go together.
    """
    called = topic_called(name)
    if called is None:
        raise ValueError(f"there is no topic {name!r}{did_you_mean(name, topics())}")
    declared = declaration(called)
    arrives = tuple(evaluate(parse(size), {}) for size in str(declared["input"]).split())
    own = {letter: value for letter, value in (set or {}).items() if letter in declared["given"]}
    rest = {letter: value for letter, value in (set or {}).items() if letter not in own}
    numbers, given = dict(declared["given"]), ""
    if spec is not None:
        found, given = _of_spec(as_graph(spec, input=input, set=rest), layer, numbers, called)
        numbers |= found
    else:
        if rest:
            letter = next(iter(rest))
            raise ValueError(
                f"the topic {called!r} has no letter {letter!r}: expected one of "
                f"{', '.join(f'{name}={value}' for name, value in numbers.items())}"
            )
        if input is not None:
            numbers |= _of_input(input, arrives, str(declared["input"]), called)
    numbers |= {letter: _whole(letter, value) for letter, value in own.items()}
    return _counted(declared, arrives, numbers, given)


def _counted(declared: Mapping[str, Any], arrives: Shape, numbers: dict[str, int], given: str) -> Topic:
    """The topic with its specs counted on letters, and these numbers put in."""
    env = _Counts(declared["specs"], arrives)
    env.check(numbers)
    lines = Lines(numbers)
    for row in declared["lines"]:
        textbook = Textbook(row["textbook"]) if "textbook" in row else None
        formula = evaluate(parse(str(row["formula"])), env)
        if textbook is None and not env.reads(row["formula"]):
            textbook = Textbook(str(row["formula"]))
        lines.add(row["group"], row["quantity"], formula, row.get("letter", ""), textbook=textbook)
    meanings = {**MEANINGS, **declared.get("letters", {})}
    return Topic(
        name=declared["name"],
        title=declared["title"],
        question=declared["question"],
        answer=declared["answer"],
        why=" ".join(declared["why"].split()),
        source=declared["source"],
        variables=tuple(Variable(name, meanings[name], value) for name, value in numbers.items()),
        specs=dict(declared["specs"]),
        input=arrives,
        lines=tuple(lines.found),
        laws=tuple(declared["laws"]),
        page=declared["page"],
        example=declared["example"],
        layer=declared.get("layer", ""),
        given=given,
    )


class _Counts(Mapping[str, Any]):
    """What an expression of a topic may name: counts of its specs, counted when they are asked for.

    ``standard_macs`` are the MACs of the spec named ``standard``; so ``params``, ``valid_macs``, ``flops``,
    ``out`` (the shape that leaves), ``values`` (how many numbers leave), ``moved`` (the numbers that move if
    each is read and written once: input, weights, output), ``field`` and ``step`` (the receptive field and
    effective stride of its first axis).
    """

    def __init__(self, specs: Mapping[str, str], arrives: Shape) -> None:
        self._specs, self._arrives = specs, arrives
        self._graphs: dict[str, Graph] = {}

    def check(self, numbers: Mapping[str, int]) -> None:
        """Load every spec with the numbers, for what they must meet."""
        from convcalc.spec import load

        shape = tuple(size.subs(numbers) for size in self._arrives)
        for text in self._specs.values():
            load(_put_in(text, numbers), input=shape)

    def reads(self, text: Any) -> bool:
        """Whether an expression names a count."""
        return any(self._split(name) for name in parse(str(text)).names())

    def _split(self, name: str) -> tuple[str, str] | None:
        head = next((spec for spec in self._specs if name.startswith(f"{spec}_")), None)
        what = name[len(head) + 1 :] if head else ""
        return (head, what) if head and what in _QUANTITIES else None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._split(name) is not None

    def __getitem__(self, name: str) -> Any:
        found = self._split(name)
        if found is None:
            raise KeyError(name)
        head, what = found
        if head not in self._graphs:
            from convcalc.spec import load

            self._graphs[head] = load(self._specs[head], input=self._arrives)
        return _QUANTITIES[what](self._graphs[head])

    def __iter__(self) -> Iterator[str]:
        return (f"{spec}_{what}" for spec in self._specs for what in _QUANTITIES)

    def __len__(self) -> int:
        return len(self._specs) * len(_QUANTITIES)


def moved(graph: Graph) -> Any:
    """Numbers that move if each layer reads its inputs and arrays once and writes its outputs once."""
    return cost(graph).totals["accesses"]


_QUANTITIES: Final[dict[str, Any]] = {
    "macs": lambda graph: analyze(graph).totals.macs,
    "valid_macs": lambda graph: analyze(graph).totals.valid_macs,
    "params": lambda graph: analyze(graph).totals.params,
    "flops": lambda graph: analyze(graph).totals.flops,
    "out": lambda graph: graph.shape(graph.outputs[0]),
    "values": lambda graph: analyze(graph).layers[-1].activations,
    "moved": moved,
    "field": lambda graph: receptive_field(graph).output.axes[0].size,  # type: ignore[union-attr]
    "step": lambda graph: receptive_field(graph).output.stride[0],  # type: ignore[union-attr]
}


def _put_in(text: str, numbers: Mapping[str, int]) -> str:
    """A spec of a topic with numbers in the place of its letters: ``kK`` becomes ``k3``."""
    for letter, value in numbers.items():
        text = re.sub(rf"(?<![A-Z]){letter}(?![A-Za-z])", str(value), text)
    return text


def _of_input(input: Any, arrives: Shape, written: str, name: str) -> dict[str, int]:
    """The letters of the sizes that go in, from ``64x56x56`` or a tuple."""
    sizes = input.strip().lower().split("x") if isinstance(input, str) else input
    where = "x".join(written.split())
    problem = f"the topic {name!r} reads {where}: expected numbers such as --input 64x56x56, got {input!r}"
    if isinstance(sizes, Mapping) or len(sizes) != len(arrives):
        raise ValueError(problem)
    found: dict[str, int] = {}
    for size, form in zip(sizes, arrives, strict=True):
        text = str(size).strip()
        if not text.isdecimal() or not int(text):
            raise ValueError(problem)
        (letter,) = form.names
        factor = form.subs({letter: 1})
        if int(text) % factor:
            raise ValueError(f"the topic {name!r} reads {where}: {text} is no multiple of {factor}")
        found[letter] = int(text) // factor
    return found


def _whole(letter: str, value: Any) -> int:
    """A number for a letter."""
    least = _SMALLEST.get(letter, 1)
    text = str(value).strip()
    if not text.isdecimal() or int(text) < least or len(text) > 12:
        raise ValueError(
            f"{letter}={text} is no number for a topic: expected a whole number, {least} or more"
        )
    return int(text)


def _of_spec(
    graph: Graph, layer: str | None, wanted: Mapping[str, int], name: str
) -> tuple[dict[str, int], str]:
    """The numbers of a layer of a spec, by the letters of a topic, and the layer as it is written."""
    from convcalc.exporters.text import format_placed

    nodes = [node for number, node in enumerate(graph.nodes) if number not in graph.inputs]
    if layer is not None:
        nodes = [node for node in nodes if node.name == layer]
        if not nodes:
            names = [node.name for node in graph.nodes]
            raise ValueError(f"there is no layer {layer!r} in the spec{did_you_mean(layer, names)}")
    for node in nodes:
        options = {o.field: getattr(node.layer, o.field, None) for o in node.layer.options}
        if "kernel" not in options or not node.layer.has_macs:
            continue
        shapes = graph.input_shapes(node)
        made = lettered(node.op, options, shapes)
        found = {v.name: v.value for v in made.variables if type(v.value) is int}
        for field, (letter, default) in _UNSTATED.items():
            if field in options:
                found.setdefault(letter, default)
        if "N" in wanted and "N" not in found and type(node.outputs[0][0]) is int:
            found["N"] = node.outputs[0][0]
        if "M" not in found and type(shapes[0][0]) is int:
            found["M"] = shapes[0][0]
        found |= {"C": found["M"], "A": -(-found["M"] // 4)}
        kept = {letter: value for letter, value in found.items() if letter in wanted}
        return kept, f"{node.name}: {format_placed(node, shapes)}"
    raise ValueError(
        f"the topic {name!r} takes its numbers from a convolution, and there is none in the spec"
    )
