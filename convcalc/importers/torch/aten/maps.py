"""Maps as layers read them: channels and positions, of one sample."""

from __future__ import annotations

from collections.abc import Callable

from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value


def channelwise(
    network: Batched, x: Value, rank: int, path: str, write: Callable[[Value], list[Value]]
) -> list[Value]:
    """What a layer that treats every channel alike writes for a tensor of so many spatial axes.

    The axes before those are the batch and the channels, or one of them. Where the first one is not the batch
    alone (it holds windows of a sample, or there is no batch), what it holds are channels as well.

    Args:
        network: the network.
        x: the tensor.
        rank: its spatial axes.
        path: where this stands.
        write: makes the layer over a map of a batch of samples, or of none.
    """
    before = x.rank - rank
    if before not in (1, 2):
        raise Unsayable(f"reads a tensor of {x.rank} axes")
    if x.batch is not None and x.batch >= before:
        raise Unsayable("works along the axis of the batch, and so would mix its samples")
    if before == 2 and x.batch == 0 and not x.folded:
        return write(x)
    if before == 1 and x.batch is None:
        return write(x)
    if x.batch is None:
        inner = network.reshape(x, (x.dims[0] * x.dims[1], *x.dims[2:]), f"{path}.reshape")
    elif x.batch == 1:  # each of the first axis is a channel of every sample
        turned = network.permute(x, (1, 0, *range(2, x.rank)), f"{path}.permute")
        if turned.folded:
            raise Unsayable("has the batch within the axis of the channels")
        return [network.permute(one, (1, 0, *range(2, one.rank)), f"{path}.permute") for one in write(turned)]
    else:
        size = network.batch
        channels = x.dims[0] // size * (x.dims[1] if before == 2 else 1)
        inner = network.reshape(x, (size, channels, *x.dims[before:]), f"{path}.reshape")
    return [
        network.reshape(one, (*x.dims[:before], *one.dims[one.rank - rank :]), f"{path}.reshape")
        for one in write(inner)
    ]
