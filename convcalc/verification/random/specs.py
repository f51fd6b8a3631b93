"""Random specs: layers and graphs of every kind, as texts that go through the parser.

A spec grows stage by stage. Each stage is drawn for the shapes that the spec so far writes, and kept
if the parser takes it; what comes out depends on the seed alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from random import Random
from typing import Final

from convcalc.calculators.count.report import analyze
from convcalc.graph import Graph
from convcalc.layers import lookup
from convcalc.spec import SpecError, load
from convcalc.verification.random.steps import DRAWN, Added, Steps

WORK: Final = 15_000
"""Operations and moves that a random spec may take; a scalar run of it takes some hundredths of a second."""


@dataclass(frozen=True)
class Stage:
    """One stage: the words of its layer, its name, and the tensors it reads."""

    words: tuple[str, ...]
    name: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class RandomSpec:
    """A spec as data, to be written out or shrunk.

    Attributes:
        inputs: shape of each input by name.
        stages: in order.
    """

    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()

    @property
    def text(self) -> str:
        """The spec in the spec language: a line, or a document where there are several inputs."""
        lines = self._lines()
        if len(self.inputs) == 1:
            (shape,) = self.inputs.values()
            return " | ".join(["input " + "x".join(map(str, shape)), *lines])
        shapes = [f"  {name}: {'x'.join(map(str, shape))}" for name, shape in self.inputs.items()]
        return "\n".join(["inputs:", *shapes, "layers:", *(f"  - {line}" for line in lines), ""])

    def _lines(self) -> list[str]:
        """Stages as text; names and inputs are written only where they are needed."""
        before = next(iter(self.inputs)) if len(self.inputs) == 1 else None
        needed: set[str] = set()
        reads = []
        for stage in self.stages:
            flows = len(stage.reads) == 1 and stage.reads[0] == before
            reads.append(() if flows else stage.reads)
            needed.update(name.partition(".")[0] for name in reads[-1])
            needed.update(word[6:].partition(".")[0] for word in stage.words if word.startswith("share="))
            before = stage.name
        lines = []
        for stage, sources in zip(self.stages, reads, strict=True):
            words = list(stage.words)
            if len(sources) == 1:
                words.append(f"from={sources[0]}")
            elif sources:
                words.append(f"from=[{','.join(sources)}]")
            if stage.name in needed:
                words.append(f"id={stage.name}")
            lines.append(" ".join(words))
        return lines

    def load(self) -> Graph:
        """The graph.

        Raises:
            SpecError: the spec is refused.
        """
        return load(self.text)


def random_spec(seed: int, index: int, longest: int = 7) -> RandomSpec:
    """Spec number ``index`` of a seed: one layer in every third, else a graph of a few.

    Args:
        seed: any integer.
        index: any integer.
        longest: steps that a graph may have; a step is one layer, or a residual, a set of
            branches or the like of several.
    """
    rng = Random(f"{seed}:{index}")
    steps = 1 if index % 3 == 0 else rng.randint(2, longest)
    # Every layer of the language comes first of all in its turn.
    first = DRAWN[index % len(DRAWN)] if rng.random() < 0.7 else None
    return _Growth(rng).grown(steps, first)


class _Growth:
    """A spec while it grows."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.steps = Steps(rng)
        self.spec = RandomSpec()
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.weighed: list[Stage] = []
        self.broken = False

    def grown(self, steps: int, first: str | None) -> RandomSpec:
        """The whole spec."""
        self._begin()
        tries = 24 * steps
        for left in range(tries, 0, -1):
            if steps == 0 or self.broken:
                break
            # What goes on no shape that was drawn is given up in the end.
            wanted = first if not self.spec.stages and left > tries // 2 else None
            again = self._again() if self.weighed and self.rng.random() < 0.12 else ()
            if self._keep(again or self.steps.step(self._source(), self.shapes, wanted)):
                steps -= 1
            elif not self.spec.stages and self.rng.random() < 0.3:
                self._begin()
        return self.spec

    def _begin(self) -> None:
        """Inputs of some shape, nothing else."""
        rng = self.rng
        rank = rng.choice((0, *(1, 2, 2, 2, 3) * 3, 1, 4, 5))
        most = (0, 14, 9, 5, 3, 3)[rank]
        many = 2 if rng.random() < 0.08 else 1
        channels = rng.choice((1, 2, 3, 4, 4, 6, 8, 12))
        sizes = tuple(rng.randint(2, most) for _ in range(rank))
        names = ("input",) if many == 1 else ("left", "right")
        self.spec = RandomSpec({name: (channels, *sizes) for name in names})
        self.shapes = dict(self.spec.inputs)
        self.steps.inputs = names

    def _source(self) -> str:
        """Mostly the last tensor, else any."""
        names = list(self.shapes)
        return names[-1] if self.rng.random() < 0.75 else self.rng.choice(names)

    def _again(self) -> tuple[Added, ...]:
        """A layer that there is already, with the same weights, on a tensor of the shape that it reads."""
        stage = self.rng.choice(self.weighed)
        shape = self.shapes[stage.reads[0]]
        # What is looked up by are whole numbers, which those inputs are that others look up by.
        there = self.spec.inputs if 0 in lookup(stage.words[0]).looks_up else self.shapes
        read = self.rng.choice([name for name, other in there.items() if other == shape])
        words = [word for word in stage.words if not word.startswith("share=")]
        return (Added((*words, f"share={stage.name}"), (read,)),)

    def _keep(self, added: Sequence[Added]) -> bool:
        """Add the stages if the parser takes them and they are small; whether it did."""
        number = len(self.spec.stages)
        inputs, names = dict(self.spec.inputs), []
        new: list[Stage] = []
        for one in added:
            if one.shape is not None:
                names.append(f"beside{len(inputs)}")
                inputs[names[-1]] = one.shape
                continue
            names.append(f"n{number + len(new) + 1}")
            reads = tuple(_resolved(read, names) for read in one.reads)
            new.append(Stage(one.words, names[-1], reads))
        if not new:
            return False
        grown = RandomSpec(inputs, (*self.spec.stages, *new))
        try:
            graph = grown.load()
            if work(graph) > WORK:
                return False
        except SpecError:
            return False
        except Exception:  # a formula that breaks: the verification of the spec will tell
            self.spec, self.broken = grown, True
            return True
        self.spec = grown
        self.shapes.update({name: shape for name, shape in inputs.items() if name not in self.shapes})
        nodes = [node for i, node in enumerate(graph.nodes) if i not in graph.inputs]
        for stage, node in zip(grown.stages[number:], nodes[number:], strict=True):
            if len(node.inputs) == 1 and node.layer.arrays(graph.input_shapes(node)):
                self.weighed.append(stage)
            parts = node.layer.output_names()
            for number, (part, shape) in enumerate(zip(parts, node.outputs, strict=True)):
                if number not in node.layer.index_outputs:
                    self.shapes[f"{stage.name}.{part}" if part else stage.name] = shape
        return True


def _resolved(read: str, names: Sequence[str]) -> str:
    """``@0`` and ``@0.indices`` mean the first of the stages drawn together."""
    if not read.startswith("@"):
        return read
    number, dot, part = read[1:].partition(".")
    return names[int(number)] + dot + part


def work(graph: Graph) -> int:
    """Operations and elements moved by running the graph."""
    totals = analyze(graph).totals
    moved = sum(prod(shape) for node in graph.nodes for shape in node.outputs)
    return int(totals.flops) + 4 * moved
