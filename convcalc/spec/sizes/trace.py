"""A spec built once for all sizes of its input: which of them it can be built at.

The builder is given letters where the input has sizes (:mod:`convcalc.spec.sizes.quasi`). What a
layer asks for leaves the sizes at which it holds; where the structure itself depends on the size (a
shortcut that is dropped, a condition of the document) both ways are built, each for its own sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

from convcalc.budget import Budget, drawing_on
from convcalc.dims import UNKNOWN, DimensionError, Shape
from convcalc.graph import Edge, Graph
from convcalc.spec.build.builder import Builder
from convcalc.spec.build.reading import Reading
from convcalc.spec.build.scope import Scope
from convcalc.spec.errors import SpecError
from convcalc.spec.sizes.truth import Entangled, Split, Truth, Untraceable, everywhere
from convcalc.spec.sizes.window import Window

Place = tuple[str, int]
"""Name of an input and number of a spatial axis of it, from 1."""

WINDOWS: Final = (512, 4096)
"""How far values are computed, and how far where it is not certain from these how they go on."""

WAYS: Final = 64
"""Most ways that the structure of a spec may take."""


class Network(Protocol):
    """What can be built at other shapes of its inputs."""

    def build(self, shape: Callable[[str, Shape], Shape]) -> Any:
        """Build it, with what ``shape`` makes of the name and the own shape of each input.

        Raises:
            SpecError: it cannot be built at these shapes.
            DimensionError: the same, of a graph without a text.
        """


class Spec:
    """A spec as a :class:`Network`.

    Args:
        reading: the spec.
        max_layers: bound on its expansion.
        steps: budget of all that is built together; that of the question that is open where not given.
    """

    def __init__(self, reading: Reading, max_layers: int | None = None, steps: int | None = None) -> None:
        self.reading = reading
        self.max_layers = max_layers
        self.steps = None if steps is None else Budget(steps)

    def build(self, shape: Callable[[str, Shape], Shape]) -> Graph:
        """See :meth:`Network.build`."""
        builder = self.reading.builder(_Shaped, max_layers=self.max_layers)
        assert isinstance(builder, _Shaped)
        builder.shaped = shape
        try:
            with drawing_on(self.steps):
                return builder.build()
        except SpecError as error:
            if builder.stopped:
                raise Untraceable(error.problems[-1].message) from None
            raise


class _Shaped(Builder):
    """A builder that asks for the shape of each input as it is placed."""

    shaped: Callable[[str, Shape], Shape]

    def _input(self, name: str, shape: Shape, scope: Scope) -> Edge:
        return super()._input(name, self.shaped(name, shape), scope)


class Walk:
    """A graph that has no text as a :class:`Network`: its layers, as they are, at other shapes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def build(self, shape: Callable[[str, Shape], Shape]) -> None:
        """See :meth:`Network.build`."""
        outputs: list[tuple[Shape, ...]] = []
        for index, node in enumerate(self.graph.nodes):
            if index in self.graph.inputs:
                outputs.append((shape(node.name, node.outputs[0]),))
            else:
                outputs.append(node.layer.output_shapes(tuple(outputs[n][o] for n, o in node.inputs)))


class Traced(NamedTuple):
    """The sizes at which a network can be built.

    Attributes:
        boxes: for each way that its structure takes, the sizes of each letter.
        joint: sets of letters that conditions join, so that the boxes promise too much.
        undecided: whether a way was given up since several letters decide it.
    """

    boxes: list[dict[str, Truth]]
    joint: set[frozenset[str]]
    undecided: bool = False


def shapes_of(network: Network) -> dict[str, Shape]:
    """The shapes that the inputs of a network have of themselves, whether they fit or not."""
    found: dict[str, Shape] = {}

    def shape(name: str, own: Shape) -> Shape:
        found[name] = own
        return (own[0], *(UNKNOWN for _ in own[1:]))

    with suppress(SpecError, DimensionError, TypeError):
        network.build(shape)
    return found


def trace(network: Network, letters: Mapping[Place, str | int], *, steps: int, window: int) -> Traced:
    """The sizes at which a network can be built.

    Args:
        network: what is built.
        letters: for each spatial axis the letter it is, or a number that it keeps.
        steps: how many values may be computed in all.
        window: how far they are computed.

    Raises:
        Untraceable: the network cannot be followed for all sizes at once.
    """
    names = sorted({letter for letter in letters.values() if isinstance(letter, str)})
    todo = [{name: everywhere(window) for name in names}]
    boxes: list[dict[str, Truth]] = []
    joint: set[frozenset[str]] = set()
    ways = 0
    undecided = False
    arithmetic = Window(window, steps)

    def shape(name: str, own: Shape) -> Shape:
        sizes = (letters[name, axis] for axis in range(1, len(own)))
        return (own[0], *(arithmetic.letter(s) if isinstance(s, str) else s for s in sizes))

    while todo:
        ways += 1
        if ways > WAYS:
            raise Untraceable(f"the structure takes more than {WAYS} ways")
        start = todo.pop()
        arithmetic.restart(start)
        try:
            network.build(shape)
        except Split as split:
            at = arithmetic.left
            for part in (~split.truth, split.truth):
                todo.append({**at, split.letter: at[split.letter] & part})
            joint |= arithmetic.joint
        except Entangled as found:
            undecided = True
            joint.add(found.letters)
            joint |= arithmetic.joint
        except (SpecError, DimensionError):
            if arithmetic.unsettled:  # no size in the window works; larger ones may
                boxes.append(dict.fromkeys(names, Truth(0, window, 0, None)))
            joint |= arithmetic.joint
        except (TypeError, ValueError, ArithmeticError, AttributeError, KeyError, IndexError) as error:
            raise Untraceable(f"{type(error).__name__}: {error}") from None
        else:
            boxes.append(dict(arithmetic.left))
            joint |= arithmetic.joint
    return Traced(_merged(boxes), joint, undecided)


def _merged(boxes: Iterable[dict[str, Truth]]) -> list[dict[str, Truth]]:
    """Boxes that differ in one letter only become one, until none do."""
    found = list(boxes)
    again = True
    while again:
        again = False
        for i, one in enumerate(found):
            for j in range(i + 1, len(found)):
                apart = [letter for letter in one if one[letter] != found[j][letter]]
                if len(apart) <= 1:
                    for letter in apart:
                        one[letter] = one[letter] | found[j][letter]
                    del found[j]
                    again = True
                    break
            if again:
                break
    return found
