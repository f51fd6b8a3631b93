"""Small whole numbers run through one layer by the executor: what a picture shows in its cells."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.calculators.answers import Unreachable
from convcalc.calculators.explain.letters import alone

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node
    from convcalc.render.pictures.draw.picture import Place

MOST_CHANNELS: Final = 3
"""Channels whose numbers are shown: each has a map of its own."""

MOST_ENTRIES: Final = 1 << 20
"""Entries of the maps that are run."""


class Numbers(NamedTuple):
    """What arrives, what is learned and what leaves, of the first output channel.

    Attributes:
        input: by channel that is read, and position.
        kernel: by the same channel, and tap; None for a layer without weights.
        bias: what is added; None where there is none.
        output: by position.
    """

    input: Any
    kernel: Any
    bias: int | None
    output: Any

    def at(self, channel: int, place: Place) -> str:
        """An entry of the input as it is written."""
        return written(self.input[channel][place])

    def tap(self, channel: int, tap: Place) -> str:
        """A number of the kernel as it is written."""
        return written(self.kernel[channel][tap])

    def result(self, place: Place) -> str:
        """An entry of the output as it is written."""
        return written(self.output[place])


def written(value: Any) -> str:
    """A number in few characters."""
    number = float(value)
    return str(int(number)) if number.is_integer() else f"{number:.4g}"


def numbers(graph: Graph, node: Node, channels: list[int]) -> Numbers:
    """Run a layer alone on whole numbers from 0 to 4, with weights from 0 to 2 and a bias of 1.

    Args:
        graph: the network.
        node: the layer.
        channels: those that the first output channel reads.

    Raises:
        Unreachable: it reads too many channels, or is too large.
    """
    import numpy as np

    from convcalc.executor.run import execute
    from convcalc.executor.weights import weight_shapes

    if len(channels) > MOST_CHANNELS:
        raise Unreachable(
            f"an output of {node.name} reads {len(channels)} channels: too many for their numbers",
            expected=f"at most {MOST_CHANNELS} channels, such as --input 1xHxW",
        )
    shapes = graph.input_shapes(node)
    if len(shapes) != 1:
        raise Unreachable(f"{node.name} reads {len(shapes)} tensors", expected="a layer that reads one")
    one = alone("layer", node.layer, shapes, node.outputs)
    if max(np.prod(shape, dtype=float) for shape in (*shapes, *node.outputs)) > MOST_ENTRIES:
        raise Unreachable(
            f"the maps of {node.name} are too large for their numbers", expected="a smaller --input"
        )
    x = _small(np.indices(shapes[0]), 5)
    weights = {
        name: np.ones(shape) if len(shape) == 1 else _small(np.indices(shape), 3)
        for name, shape in weight_shapes(one).items()
    }
    out = execute(one, x[None].astype(np.float64), weights)
    array = out if not isinstance(out, dict) else next(iter(out.values()))
    weight = weights.get("layer.weight")
    kernel = None
    if weight is not None:
        # (out, in/groups, ...) of a convolution, (in, out/groups, ...) of a transposed one
        kernel = weight[channels, 0] if hasattr(node.layer, "crops") else weight[0]
    bias = 1 if "layer.bias" in weights else None
    return Numbers(x[channels], kernel, bias, array[0, 0])


def _small(index: Any, most: int) -> Any:
    """A number below ``most`` for every index: neither in order nor by chance."""
    mixed = sum((3 + 4 * axis) * (along + along * along // 2) for axis, along in enumerate(index))
    return (mixed + 2) % most


def taps_of(counts: Place) -> list[Place]:
    """Indices of the taps of a kernel, in order."""
    return list(product(*map(range, counts)))
