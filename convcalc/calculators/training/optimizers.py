"""What optimizers keep beside every parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from convcalc.dims import Dim, Shape, prod


def _factored(shape: Shape) -> Dim:
    """Second moments by row and by column of the last two axes; of a vector each entry's own."""
    if len(shape) < 2:
        return prod(shape)
    return prod(shape[:-1]) + prod((*shape[:-2], shape[-1]))


OPTIMIZERS: Final[dict[str, tuple[Callable[[Shape], Dim], str]]] = {
    "sgd": (lambda shape: 0, "nothing (Robbins & Monro 1951)"),
    "momentum": (prod, "a velocity (Polyak 1964; torch.optim.SGD with momentum)"),
    "adam": (lambda shape: 2 * prod(shape), "a first and a second moment (Kingma & Ba 2015)"),
    "adamw": (lambda shape: 2 * prod(shape), "a first and a second moment (Loshchilov & Hutter 2019)"),
    "adafactor": (
        _factored,
        "second moments by row and column (Shazeer & Stern 2018; torch.optim.Adafactor)",
    ),
}
"""By name: numbers kept for a parameter of a shape, and what they are. Counts of steps are left out."""
