"""Mistakes in kernels, in what they share, and in how they are counted."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.verification.planted.base import (
    CONVS,
    POOLS,
    Make,
    mutant,
    ones,
)

# Kernels, the fast ones and the naive ones


def kernel(**fields: Any) -> Make:
    """A kernel that misreads hyper-parameters of its layer."""

    def make(right: Any) -> Any:
        def wrong(call: Any) -> Any:
            own = call.layer
            known = {
                n: getattr(own, n)
                for n in dir(own)
                if not n.startswith("__") and not callable(getattr(own, n))
            }
            known.update({k: v(own) if callable(v) else v for k, v in fields.items()})
            call.layer = SimpleNamespace(**known)
            return right(call)

        return wrong

    return make


def weights(change: Callable[[Any], Any]) -> Make:
    """A kernel that misreads its weights."""

    class Misread:
        def __init__(self, params: Any) -> None:
            self.params = params

        def __getitem__(self, name: str) -> Any:
            array = self.params[name]
            return np.ascontiguousarray(change(array)) if name == "weight" else array

        def __getattr__(self, name: str) -> Any:
            return getattr(self.params, name)

    def make(right: Any) -> Any:
        def wrong(call: Any) -> Any:
            call.params = Misread(call.params)
            return right(call)

        return wrong

    return make


def flipped(array: Any) -> Any:
    return np.flip(array, tuple(range(2, array.ndim)))


def mirrored(layer: Any) -> Any:
    return tuple(p if isinstance(p, str) else p[::-1] for p in layer.padding)


for form in ("fast", "naive"):
    home = f"executor.kernels:{form.upper()}"
    mutant(f"{form} conv kernel without dilation", f"{home}[conv]", CONVS, kernel(dilation=ones))
    mutant(f"{form} conv kernel without stride", f"{home}[conv]", CONVS, kernel(stride=ones))
    mutant(f"{form} conv kernel pads on the wrong side", f"{home}[conv]", CONVS, kernel(padding=mirrored))
    mutant(f"{form} conv kernel without bias", f"{home}[conv]", CONVS, kernel(bias=False))
    mutant(f"{form} conv kernel rotated", f"{home}[conv]", CONVS, weights(flipped))
    mutant(f"{form} conv kernel pads zeros always", f"{home}[conv]", CONVS, kernel(padding_mode="zeros"))
    mutant(f"{form} conv kernel mixes up its filters", f"{home}[conv]", CONVS, weights(lambda w: w[::-1]))
    mutant(f"{form} transposed kernel rotated", f"{home}[convT]", "convT", weights(flipped))
    mutant(f"{form} transposed kernel without stride", f"{home}[convT]", "convT", kernel(stride=ones))
    mutant(f"{form} transposed kernel without dilation", f"{home}[convT]", "convT", kernel(dilation=ones))
    mutant(
        f"{form} transposed kernel crops the wrong side", f"{home}[convT]", "convT", kernel(padding=mirrored)
    )
    mutant(f"{form} linear kernel without bias", f"{home}[linear]", "linear", kernel(bias=False))
    # Pools
    mutant(f"{form} max-pool rounds down", f"{home}[maxpool]", "maxpool", kernel(ceil=False))
    mutant(f"{form} max-pool without dilation", f"{home}[maxpool]", "maxpool", kernel(dilation=ones))
    mutant(
        f"{form} average pool counts padding always",
        f"{home}[avgpool]",
        "avgpool",
        kernel(count_include_pad=True),
    )
    mutant(f"{form} average pool ignores its divisor", f"{home}[avgpool]", "avgpool", kernel(divisor=None))
    mutant(f"{form} power pool is always the second", f"{home}[lppool]", "lppool", kernel(norm=2))

# What both forms and the tracing share: only the formulas can tell
mutant(
    "windows split same padding the wrong way",
    "executor.windows:_split",
    f"{CONVS} {POOLS} convT",
    lambda f: lambda total, lower: f(total, not lower),
)
mutant(
    "windows miss the last one",
    "executor.windows:starts",
    f"{CONVS} {POOLS}",
    lambda f: lambda *a, **k: f(*a, **k)[:-1] or f(*a, **k),
)
mutant(
    "windows are a dilation longer", "executor.windows:extent", CONVS, lambda f: lambda k, d: f(k, d) + d - 1
)
mutant(
    "rearranging kernels: shift runs the other way",
    "executor.kernels.move:shift",
    "shift",
    lambda f: lambda call: np.flip(f(_seen_backwards(call)), tuple(range(2, call.x.ndim))).copy(),
)
mutant(
    "crop kernel cuts the wrong side",
    "executor.kernels.move:crop",
    "crop",
    kernel(amounts=lambda s: tuple(p[::-1] for p in s.amounts)),
)
mutant("pad kernel pads the wrong side", "executor.kernels.move:pad", "pad", kernel(padding=mirrored))
mutant(
    "slice kernel starts late",
    "executor.kernels.move:slice_",
    "slice",
    kernel(start=lambda s: max(0, s.start - 1), stop=lambda s: s.stop - (s.start > 0)),
)
mutant(
    "permute kernel the other way round",
    "executor.kernels.move:permute",
    "permute",
    kernel(order=lambda s: tuple(s.order.index(a) for a in range(len(s.order)))),
)
mutant(
    "interpolation kernel aligns no corners",
    "executor.kernels.interp:resample",
    "upsample",
    lambda f: (
        lambda t, x, axis, out, ratio, mode, corners, *more: f(t, x, axis, out, ratio, mode, False, *more)
    ),
)
mutant(
    "interpolation kernel is always nearest",
    "executor.kernels.interp:resample",
    "upsample",
    lambda f: (
        lambda t, x, axis, out, ratio, mode, corners, *more: f(
            t, x, axis, out, ratio, "nearest", False, *more
        )
    ),
)
mutant(
    "adaptive windows end early",
    "executor.kernels.pool:adaptive_windows",
    "adaptiveavgpool adaptivemaxpool",
    lambda f: (
        lambda n, m: ((i, tuple(slice(w.start, max(w.start + 1, w.stop - 1)) for w in s)) for i, s in f(n, m))
    ),
)


def _seen_backwards(call: Any) -> Any:
    call.xs = (np.flip(call.x, tuple(range(2, call.x.ndim))).copy(), *call.xs[1:])
    return call


# Parameters that a kernel does not read
NORMS = "executor.kernels:FAST"
mutant("batch norm kernel without weights", f"{NORMS}[bn]", "bn", kernel(affine=False))
mutant("layer norm kernel without weights", f"{NORMS}[ln]", "ln", kernel(affine=False))
mutant("layer norm kernel over everything", f"{NORMS}[ln]", "ln", kernel(over="all"))
mutant("group norm kernel of one group", f"{NORMS}[gn]", "gn", kernel(groups=1))
mutant("scale kernel without offset", f"{NORMS}[scale]", "scale", kernel(bias=False))

# Counting
TALLY = "executor.arithmetic.tally:CountingArith"


def _tallied(change: Callable[[Any, Any], None]) -> Make:
    """Arithmetic that counts something wrong besides."""

    def make(right: Any) -> Any:
        def wrong(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = right(self, *args, **kwargs)
            change(self.tally, result)
            return result

        return wrong

    return make


def _more(field: str) -> Make:
    return _tallied(lambda t, r: setattr(t, field, getattr(t, field) + 1))


mutant("counted comparisons off by one", f"{TALLY}.maximum", "relu maxpool", _more("cmp"))
mutant("counted sums off by one", f"{TALLY}.add", "add bn", _more("add"))
mutant("counted products off by one", f"{TALLY}.matmul", "conv linear", _more("macs"))
mutant("counted valid products off by one", f"{TALLY}.products", "dwconv", _more("valid"))
mutant("counted cropped products forgotten", f"{TALLY}.cropped", "convT", lambda f: lambda self, n: None)
mutant(
    "counted exponentials forgotten",
    f"{TALLY}.exp",
    "sigmoid softmax",
    _tallied(lambda t, r: setattr(t, "special", 0)),
)
