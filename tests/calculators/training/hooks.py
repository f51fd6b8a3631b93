"""What PyTorch's autograd really keeps: the tensors that saved-tensor hooks report, each storage once."""

from __future__ import annotations

from typing import NamedTuple

import torch

from convcalc.exporters.pytorch.source import to_pytorch
from convcalc.graph import Graph
from tests.exporters.executed import inputs, module


class Kept(NamedTuple):
    """A storage that autograd keeps.

    Attributes:
        bytes: of the storage.
        shape: of the tensor that was reported first.
        dtype: its type.
        made: the node of autograd that made it.
    """

    bytes: int
    shape: tuple[int, ...]
    dtype: str
    made: str


def kept(network: torch.nn.Module, *xs: torch.Tensor, autocast: bool = False) -> list[Kept]:
    """The storages that are kept for a backward pass, parameters and buffers apart.

    The network runs in training mode; what it saves is held, so that no address is used twice.
    """
    network.train()
    own = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    found: dict[int, Kept] = {}
    held = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        held.append(storage)
        if storage.data_ptr() not in own:
            made = type(tensor.grad_fn).__name__ if tensor.grad_fn else ""
            one = Kept(storage.nbytes(), tuple(tensor.shape), str(tensor.dtype), made)
            found.setdefault(storage.data_ptr(), one)
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=autocast),
    ):
        held.append(network(*xs))
    return list(found.values())


def exported(graph: Graph, batch: int = 2, autocast: bool = False) -> list[Kept]:
    """The same of what a graph's own export makes, in single precision."""
    network, _ = module(to_pytorch(graph))
    xs = [torch.from_numpy(x).float() for x in inputs(graph, batch, 0).values()]
    return kept(network.float(), *xs, autocast=autocast)
