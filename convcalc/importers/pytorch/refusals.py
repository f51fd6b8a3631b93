"""What PyTorch refuses: values of arguments, and of the shapes that arrive."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from convcalc.dims import Shape
from convcalc.importers.call import Call
from convcalc.importers.pytorch.table import ONLY
from convcalc.spec.errors import fault
from convcalc.spec.language.stage import Arg

Refusal = Callable[[Any, tuple[Shape, ...]], str | None]


def check_value(call: Call, arg: Arg) -> None:
    """Take an argument of :data:`ONLY` where its value changes nothing.

    Raises:
        SpecError: it does; with the reason.
    """
    values, reason, instead = ONLY[arg.key or ""]
    value = call.literal(arg)
    if not any(value is one or (value == one and type(value) is type(one)) for one in values):
        raise fault(call.text, arg.start, arg.end, f"{call.name}: {reason}", instead)


# Shapes that arrive


def _needs_space(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    return "a vector has no spatial axes" if len(shapes[0]) == 1 else None


def _varies(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    """Normalisation of one value by itself."""
    one = layer.op == "instancenorm" and all(type(n) is int and n == 1 for n in shapes[0][1:])
    return "PyTorch does not normalise a map of one position: nothing varies in it" if one else None


def _half(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    """Padding of pools: up to half the kernel, without its dilation."""
    for (before, after), k in zip(layer.padding, layer.kernel, strict=True):
        if all(type(n) is int for n in (before, after, k)) and max(before, after) > k // 2:
            return f"PyTorch pads a pool by half its kernel at most, dilation apart: {k // 2}, not {before}"
    return None


def _fits(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    """Kernels of three axes must fit into the input without padding."""
    for n, k in zip(shapes[0][1:], layer.kernel, strict=True):
        if type(n) is int and type(k) is int and k > n:
            return f"PyTorch takes no kernel of {k} on an input of {n} here, not even with padding"
    return None


def batch(layer: Any, shapes: tuple[Shape, ...]) -> str | None:
    """Softmax without an axis: PyTorch takes the first of three."""
    if len(shapes[0]) == 2:
        return "Softmax: without dim PyTorch takes the batch of a signal; dim=1 is the channels"
    return None


_REFUSALS: Final[dict[str, Refusal]] = {
    **dict.fromkeys(("LocalResponseNorm", "ChannelShuffle"), _needs_space),
    **{f"{lazy}InstanceNorm#d": _varies for lazy in ("", "Lazy")},
    "MaxPool#d": _half,
    **dict.fromkeys(("AvgPool3d", "LPPool3d"), _fits),
}


def refusal(name: str) -> Refusal | None:
    """What PyTorch refuses of a class beyond what its layer refuses here, as a reason; None for nothing."""
    found = _REFUSALS.get(name) or _REFUSALS.get(re.sub(r"\d(?=d)", "#", name))
    return None if found is None else lambda layer, shapes: _named(name, found(layer, shapes))


def _named(name: str, reason: str | None) -> str | None:
    return None if reason is None else f"{name}: {reason}"
