"""What a law is made of: its statement, its check, its counterexamples, and how they are judged.

A check draws random cases and compares what the executor computes with what the law says. Every
comparison has a label; the error of an array is relative to its largest entry (absolute where that
is below one), the error of a count is the difference. A counterexample makes the very comparison
of the law with the condition broken: it must find a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from convcalc.calculators.count.report import analyze
from convcalc.executor import count, execute, taint
from convcalc.executor.operation import operation
from convcalc.executor.weights import weight_shapes
from convcalc.graph import Graph
from convcalc.records import Record, record
from convcalc.spec import load

Array: TypeAlias = Any
"""A NumPy array."""

TOLERANCE = 1e-9
"""Largest error of a comparison that holds: double precision, with room for long sums."""


@dataclass(frozen=True)
class Finding(Record):
    """One comparison of a check, over all the cases it was made in.

    Attributes:
        check: what was compared.
        cases: how often.
        worst_error: the largest error.
        least_error: the smallest; a broken condition must be noticed in every case.
        tolerance: the largest that is still agreement.
    """

    KEYS = "check cases worst_error tolerance holds"

    check: str
    cases: int
    worst_error: float
    least_error: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the sides agreed every time; not-a-number does not agree."""
        return self.worst_error <= self.tolerance

    @property
    def noticed(self) -> bool:
        """Whether the sides differed every time."""
        return self.least_error > self.tolerance

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON holds it."""
        return record(self, worst_error=finite(self.worst_error))


def finite(error: float) -> float | str:
    """An error as JSON can hold it."""
    return error if np.isfinite(error) else str(error)


class Case(NamedTuple):
    """One random case: its number, its spatial rank and its source of random numbers."""

    number: int
    rank: int
    rng: np.random.Generator

    def whole(self, low: int, high: int) -> int:
        """A random whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def each(self, low: int, high: int) -> tuple[int, ...]:
        """One random whole number per spatial axis."""
        return tuple(self.whole(low, high) for _ in range(self.rank))

    def normal(self, *shape: int) -> Array:
        """A normal random array."""
        return self.rng.standard_normal(shape)


class Trial:
    """What a check writes down.

    Attributes:
        cases: random cases made so far.
        ranks: their numbers of spatial axes.
        extra: what a reader may want besides the findings, such as every disagreement.
    """

    def __init__(self, seed: Sequence[int]) -> None:
        """Random numbers follow from the seed alone."""
        self.seed = tuple(seed)
        self.cases = 0
        self.ranks: set[int] = set()
        self.extra: dict[str, Any] = {}
        self._found: dict[str, tuple[int, float, float, float]] = {}

    def random_cases(self, each: int = 8, ranks: Sequence[int] = (1, 2, 3)) -> Iterator[Case]:
        """Random cases, ``each`` of every rank; equal seeds give equal cases."""
        for rank in ranks:
            for _ in range(each):
                self.cases += 1
                self.ranks.add(rank)
                yield Case(self.cases, rank, np.random.default_rng((*self.seed, self.cases)))

    def equal(self, check: str, left: Array, right: Array, tolerance: float = TOLERANCE) -> None:
        """The two arrays must agree, in shape and in every entry."""
        left, right = np.asarray(left), np.asarray(right)
        if left.shape != right.shape:
            self._note(check, float("inf"), tolerance)
            return
        if left.size == 0:
            raise AssertionError(f"{check}: nothing was compared")
        difference = np.abs(left.astype(np.float64) - right.astype(np.float64))
        scale = max(1.0, float(np.max(np.abs(right))))
        worst = float(np.max(difference)) / scale
        self._note(check, worst if worst == worst else float("inf"), tolerance)

    def count(self, check: str, left: Any, right: Any) -> None:
        """The two numbers, or sequences of them, must be the same."""
        same = left == right
        if same:
            self._note(check, 0.0, 0.0)
            return
        try:
            error = max(1e-300, abs(float(left) - float(right)))
        except (TypeError, ValueError):
            error = float("inf")
        self._note(check, error, 0.0)

    def true(self, check: str, condition: Any) -> None:
        """The condition must hold."""
        self._note(check, 0.0 if bool(condition) else 1.0, 0.0)

    def symbolic(self, check: str, left: Any, right: Any) -> None:
        """The two closed forms must be one: nothing is left of their difference in normal form."""
        self._note(f"{check} (in closed form)", 0.0 if left - right == 0 else float("inf"), 0.0)

    def _note(self, check: str, error: float, tolerance: float) -> None:
        cases, worst, least, _ = self._found.get(check, (0, 0.0, float("inf"), tolerance))
        self._found[check] = (cases + 1, max(worst, error), min(least, error), tolerance)

    @property
    def findings(self) -> list[Finding]:
        """One entry per comparison."""
        return [Finding(check, *found) for check, found in self._found.items()]

    @property
    def worst_error(self) -> float:
        """The largest error of all comparisons."""
        return max((finding.worst_error for finding in self.findings), default=float("inf"))

    @property
    def holds(self) -> bool:
        """Whether something was compared and everything agreed."""
        return bool(self._found) and all(finding.holds for finding in self.findings)


Check: TypeAlias = Callable[[Trial], None]


@dataclass
class Law:
    """A law: what it says, how it is checked, and what breaks it.

    Attributes:
        number: its number.
        statement: one line.
        check: makes the comparisons.
        counterexamples: by what is broken, the comparison that must then fail.
    """

    number: int
    statement: str
    check: Check
    counterexamples: dict[str, Check] = field(default_factory=dict)

    def broken(self, text: str) -> Callable[[Check], Check]:
        """Add a counterexample: ``text`` says which condition it breaks."""

        def add(function: Check) -> Check:
            self.counterexamples[text] = function
            return function

        return add


def law(number: int, statement: str) -> Callable[[Check], Law]:
    """Make a law of a check."""

    def make(check: Check) -> Law:
        return Law(number, statement, check)

    return make


# What checks are written with ------------------------------------------------------------------


def by(sizes: Sequence[int]) -> str:
    """Sizes as the spec language writes them: ``3x5``."""
    return "x".join(map(str, sizes))


def built(spec: str, *shape: int) -> Graph:
    """The graph of a spec for an input of this shape (channels, then sizes)."""
    return load(spec, input=by(shape)) if shape else load(spec)


def run(spec: str | Graph, x: Array, *weights: Array, keep: Sequence[str] | None = None) -> Any:
    """Execute a spec on ``x (N, C, *spatial)`` in double precision.

    Args:
        spec: text, or a graph built before.
        x: the input.
        weights: arrays for the weighted layers, in the order the executor asks for them.
        keep: as for ``execute``.

    Raises:
        ValueError: there are not as many arrays as the graph asks for.
    """
    graph = built(spec, *x.shape[1:]) if isinstance(spec, str) else spec
    return execute(graph, x, named(graph, weights), keep=keep)


def named(graph: Graph, weights: Sequence[Array]) -> dict[str, Array]:
    """Arrays by the names the executor asks for them under.

    Raises:
        ValueError: there are not as many arrays as the graph asks for.
    """
    wanted = weight_shapes(graph)
    if len(wanted) != len(weights):
        raise ValueError(f"{len(weights)} arrays were given for {', '.join(wanted) or 'no weights'}")
    return dict(zip(wanted, weights, strict=True))


def random_weights(graph: Graph, rng: np.random.Generator) -> dict[str, Array]:
    """Normal random arrays for every weight of a graph."""
    return {name: rng.standard_normal(shape) for name, shape in weight_shapes(graph).items()}


def params(spec: str | Graph, *shape: int) -> Any:
    """Trainable numbers, by the formulas."""
    return analyze(built(spec, *shape) if isinstance(spec, str) else spec).totals.params


def macs(spec: str | Graph, *shape: int) -> Any:
    """Multiply-accumulates, by the formulas."""
    return analyze(built(spec, *shape) if isinstance(spec, str) else spec).totals.macs


def touched(spec: str | Graph, *shape: int, only: Sequence[str] | None = None) -> int:
    """Numbers that move if each layer reads its inputs and arrays once and writes its outputs once.

    Taken from the arrays that an execution read and wrote; of the layers named, or of all. A view moves
    nothing.
    """
    graph = built(spec, *shape) if isinstance(spec, str) else spec
    counted = count(graph).nodes
    found = 0
    for node, own in zip(graph.nodes, counted, strict=True):
        if (
            node.is_input
            or (only is not None and node.name not in only)
            or operation(node.layer).is_view(node.layer)
        ):
            continue
        read = [counted[edge.node].outputs[edge.output] for edge in node.inputs]
        written = [shape for shape in own.outputs if shape or len(own.outputs) == 1]
        found += sum(map(prod, (*read, *written))) + own.params + own.buffers
    return found


def seen(spec: str | Graph, *shape: int, output: str | None = None) -> list[int]:
    """How many input positions the central output is reached from, per axis, by tainting."""
    graph = built(spec, *shape) if isinstance(spec, str) else spec
    found = []
    sizes = [n for n in graph.nodes[graph.inputs[0]].outputs[0][1:]]
    for axis in range(len(sizes)):
        marks = taint(graph, axis=axis, output=output)
        marked = np.flatnonzero(marks[len(marks) // 2])
        found.append(int(marked[-1] - marked[0] + 1) if marked.size else 0)
    return found


def compose(outer: Array, inner: Array) -> Array:
    """The kernel of two convolutions in a row, stride and dilation one.

    Args:
        outer: weights of the second, (O, M, *kernel).
        inner: weights of the first, (M, I, *kernel).

    Returns:
        (O, I, *kernel) with ``k1 + k2 - 1`` taps per axis: ``sum over m and t of outer[o, m, t]
        inner[m, i, u - t]``, the full convolution of the kernels.
    """
    sizes = [a + b - 1 for a, b in zip(outer.shape[2:], inner.shape[2:], strict=True)]
    result = np.zeros((outer.shape[0], inner.shape[1], *sizes))
    for tap in np.ndindex(*outer.shape[2:]):
        place = tuple(slice(t, t + n) for t, n in zip(tap, inner.shape[2:], strict=True))
        product = np.tensordot(outer[(slice(None), slice(None), *tap)], inner, axes=1)
        result[(slice(None), slice(None), *place)] += product
    return result


def spread(kernel: Array, dilation: Sequence[int]) -> Array:
    """A kernel (O, I, *kernel) with ``d - 1`` zeros between its taps."""
    sizes = [(k - 1) * d + 1 for k, d in zip(kernel.shape[2:], dilation, strict=True)]
    result = np.zeros((*kernel.shape[:2], *sizes))
    result[(slice(None), slice(None), *(slice(None, None, d) for d in dilation))] = kernel
    return result


def turned(kernel: Array) -> Array:
    """A kernel rotated by half a turn in every axis."""
    return kernel[(slice(None), slice(None), *(slice(None, None, -1),) * (kernel.ndim - 2))]


def shared(left: Array, right: Array) -> tuple[Array, Array]:
    """The part of two arrays that both have, from the first entries on."""
    common = tuple(slice(min(a, b)) for a, b in zip(left.shape, right.shape, strict=True))
    return left[common], right[common]
