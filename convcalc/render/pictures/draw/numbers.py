"""Small whole numbers run through one layer by the executor: what a picture shows in its cells."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
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
    if max(prod(shape) for shape in (*shapes, *node.outputs)) > MOST_ENTRIES:
        raise Unreachable(
            f"the maps of {node.name} are too large for their numbers", expected="a smaller --input"
        )
    x = _small(shapes[0], 5)
    weights = {
        name: np.ones(shape) if len(shape) == 1 else _small(shape, 3)
        for name, shape in weight_shapes(one).items()
    }
    out = execute(one, x[None], weights)
    array = out if not isinstance(out, dict) else next(iter(out.values()))
    weight = weights.get("layer.weight")
    kernel = None
    if weight is not None:
        # (out, in/groups, ...) of a convolution, (in, out/groups, ...) of a transposed one
        kernel = weight[channels, 0] if hasattr(node.layer, "crops") else weight[0]
    bias = 1 if "layer.bias" in weights else None
    return Numbers(x[channels], kernel, bias, array[0, 0])


def _small(shape: Sequence[int], most: int) -> Any:
    """Whole numbers below ``most``, mixed by a multiplicative hash of their places (Knuth, 6.4)."""
    import numpy as np

    place = np.arange(prod(shape), dtype=np.uint64)
    mixed = ((place + np.uint64(1)) * np.uint64(2654435761) % np.uint64(1 << 32)) >> np.uint64(8)
    return (mixed % np.uint64(most)).astype(np.float64).reshape(tuple(shape))
