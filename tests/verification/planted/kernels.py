"""Mistakes in kernels, in what they share, and in how they are counted."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from convcalc.executor.call import Call
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


RECORDS = "executor.operation:OPERATIONS"
for form in ("fast", "naive"):
    mutant(f"{form} conv kernel without dilation", f"{RECORDS}[conv].{form}", CONVS, kernel(dilation=ones))
    mutant(f"{form} conv kernel without stride", f"{RECORDS}[conv].{form}", CONVS, kernel(stride=ones))
    mutant(
        f"{form} conv kernel pads on the wrong side",
        f"{RECORDS}[conv].{form}",
        CONVS,
        kernel(padding=mirrored),
    )
    mutant(f"{form} conv kernel without bias", f"{RECORDS}[conv].{form}", CONVS, kernel(bias=False))
    mutant(f"{form} conv kernel rotated", f"{RECORDS}[conv].{form}", CONVS, weights(flipped))
    mutant(
        f"{form} conv kernel pads zeros always",
        f"{RECORDS}[conv].{form}",
        CONVS,
        kernel(padding_mode="zeros"),
    )
    mutant(
        f"{form} conv kernel mixes up its filters",
        f"{RECORDS}[conv].{form}",
        CONVS,
        weights(lambda w: w[::-1]),
    )
    mutant(f"{form} transposed kernel rotated", f"{RECORDS}[convT].{form}", "convT", weights(flipped))
    mutant(
        f"{form} transposed kernel without stride", f"{RECORDS}[convT].{form}", "convT", kernel(stride=ones)
    )
    mutant(
        f"{form} transposed kernel without dilation",
        f"{RECORDS}[convT].{form}",
        "convT",
        kernel(dilation=ones),
    )
    mutant(
        f"{form} transposed kernel crops the wrong side",
        f"{RECORDS}[convT].{form}",
        "convT",
        kernel(padding=mirrored),
    )
    mutant(f"{form} linear kernel without bias", f"{RECORDS}[linear].{form}", "linear", kernel(bias=False))
    # Pools
    mutant(f"{form} max-pool rounds down", f"{RECORDS}[maxpool].{form}", "maxpool", kernel(ceil=False))
    mutant(
        f"{form} max-pool without dilation", f"{RECORDS}[maxpool].{form}", "maxpool", kernel(dilation=ones)
    )
    mutant(
        f"{form} average pool counts padding always",
        f"{RECORDS}[avgpool].{form}",
        "avgpool",
        kernel(count_include_pad=True),
    )
    mutant(
        f"{form} average pool ignores its divisor",
        f"{RECORDS}[avgpool].{form}",
        "avgpool",
        kernel(divisor=None),
    )
    mutant(f"{form} power pool is always the second", f"{RECORDS}[lppool].{form}", "lppool", kernel(norm=2))

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
    "executor.kernels.tensors.rearrange:shift",
    "shift",
    lambda f: lambda call: np.flip(f(_seen_backwards(call)), tuple(range(2, call.x.ndim))).copy(),
)
mutant(
    "crop kernel cuts the wrong side",
    "executor.kernels.tensors.shape:crop",
    "crop",
    kernel(amounts=lambda s: tuple(p[::-1] for p in s.amounts)),
)
mutant(
    "pad kernel pads the wrong side", "executor.kernels.tensors.shape:pad", "pad", kernel(padding=mirrored)
)
mutant(
    "slice kernel starts late",
    "executor.kernels.tensors.shape:slice_",
    "slice",
    kernel(start=lambda s: max(0, s.start - 1), stop=lambda s: s.stop - (s.start > 0)),
)
mutant(
    "reshape kernel counts channels off first",
    "executor.kernels.tensors.shape:reshape",
    "reshape",
    kernel(order="first"),
)
mutant(
    "permute kernel the other way round",
    "executor.kernels.tensors.rearrange:permute",
    "permute",
    kernel(order=lambda s: tuple(s.order.index(a) for a in range(len(s.order)))),
)
mutant(
    "interpolation kernel aligns no corners",
    "executor.kernels.windows.resize:resample",
    "upsample",
    lambda f: (
        lambda t, x, axis, out, ratio, mode, corners, *more: f(t, x, axis, out, ratio, mode, False, *more)
    ),
)
mutant(
    "interpolation kernel is always nearest",
    "executor.kernels.windows.resize:resample",
    "upsample",
    lambda f: (
        lambda t, x, axis, out, ratio, mode, corners, *more: f(
            t, x, axis, out, ratio, "nearest", False, *more
        )
    ),
)
mutant(
    "antialias has too narrow a filter",
    "executor.kernels.windows.resize:_filter",
    "upsample",
    lambda f: lambda mode, x, a: f(mode, x * 3 / 2, a),
)
mutant(
    "antialias aligns no corners",
    "executor.kernels.windows.resize:_antialiased",
    "upsample",
    lambda f: lambda t, x, axis, out, ratio, mode, corners, a: f(t, x, axis, out, ratio, mode, False, a),
)
mutant(
    "adaptive windows end early",
    "executor.kernels.windows.adaptive:adaptive_windows",
    "adaptiveavgpool adaptivemaxpool",
    lambda f: (
        lambda n, m: ((i, tuple(slice(w.start, max(w.start + 1, w.stop - 1)) for w in s)) for i, s in f(n, m))
    ),
)


def _seen_backwards(call: Any) -> Any:
    call.xs = (np.flip(call.x, tuple(range(2, call.x.ndim))).copy(), *call.xs[1:])
    return call


def _other_order(call: Any) -> Any:
    rows = call.x.reshape(len(call.x), int(np.prod(call.layer.kernel)), -1, call.x.shape[2])
    call.xs = (rows.swapaxes(1, 2).reshape(call.x.shape).copy(),)
    return call


def _without_mask(call: Any) -> Any:
    call.xs = call.xs[:2]
    return call


def _swapped_offsets(call: Any) -> Any:
    offsets = call.xs[1]
    pairs = offsets.reshape(len(offsets), -1, 2, *offsets.shape[2:])
    call.xs = (call.x, pairs[:, :, ::-1].reshape(offsets.shape).copy(), *call.xs[2:])
    return call


def _without_bias(call: Any) -> Any:
    """The call with a bias that arrives set to zero."""
    if len(call.xs) > 2:
        call.xs = (*call.xs[:2], call.xs[2] * 0)
    return call


def _weights_backwards(call: Any) -> Any:
    """The call with the filters that arrive in the other order."""
    if len(call.xs) > 1:
        call.xs = (call.x, call.xs[1][:, ::-1], *call.xs[2:])
    return call


# Parameters that a kernel does not read
mutant("batch norm kernel without weights", f"{RECORDS}[bn].fast", "bn", kernel(affine=False))
mutant("layer norm kernel without weights", f"{RECORDS}[ln].fast", "ln", kernel(affine=False))
mutant("layer norm kernel over everything", f"{RECORDS}[ln].fast", "ln", kernel(axis=None))
mutant("group norm kernel of one group", f"{RECORDS}[gn].fast", "gn", kernel(groups=1))
mutant("scale kernel without offset", f"{RECORDS}[scale].fast", "scale", kernel(bias=False))

mutant("softmax kernel over the channels", f"{RECORDS}[softmax].fast", "softmax", kernel(axis=0))
mutant("log softmax kernel over the channels", f"{RECORDS}[logsoftmax].fast", "logsoftmax", kernel(axis=0))
mutant("glu kernel halves the channels", f"{RECORDS}[glu].fast", "glu", kernel(axis=0))

mutant("rms norm kernel without weight", f"{RECORDS}[rmsnorm].fast", "rmsnorm", kernel(affine=False))
mutant("rms norm kernel over everything", f"{RECORDS}[rmsnorm].fast", "rmsnorm", kernel(axis=None))

# Weights that arrive
mutant(
    "weights that arrive are those of the first sample",
    "executor.kernels.products.weights:_shared",
    f"{CONVS} convT linear",
    lambda f: lambda arriving: True,
)
for form in ("fast", "naive"):
    for op in ("conv", "convT", "linear"):
        mutant(
            f"{form} {op} kernel forgets a bias that arrives",
            f"{RECORDS}[{op}].{form}",
            op,
            lambda f: lambda call: f(_without_bias(call)),
        )
        mutant(
            f"{form} {op} kernel takes weights that arrive backwards",
            f"{RECORDS}[{op}].{form}",
            op,
            lambda f: lambda call: f(_weights_backwards(call)),
        )

# Products of two tensors
for form in ("fast", "naive"):
    for side in "ab":
        mutant(
            f"{form} matmul kernel forgets to transpose {side}",
            f"{RECORDS}[matmul].{form}",
            "matmul",
            kernel(**{f"transpose_{side}": False}),
        )
    mutant(
        f"{form} matmul kernel takes its inputs the other way round",
        f"{RECORDS}[matmul].{form}",
        "matmul",
        lambda f: lambda call: f(Call(call.layer, call.xs[::-1], call.params, call.t)),
    )
mutant(
    "matmul kernel multiplies the first batch alone",
    "executor.kernels.products.product:_straight",
    "matmul",
    lambda f: lambda x: np.broadcast_to(f(x)[:, :1], x.shape),
)

# Columns, and samples between pixels
for form in ("fast", "naive"):
    for op in ("unfold", "fold", "deformconv"):
        for name, fields in (
            ("without dilation", {"dilation": ones}),
            ("without stride", {"stride": ones}),
            ("that pads on the wrong side", {"padding": mirrored}),
        ):
            mutant(f"{form} {op} kernel {name}", f"{RECORDS}[{op}].{form}", op, kernel(**fields))
    mutant(
        f"{form} fold kernel mixes up taps and channels",
        f"{RECORDS}[fold].{form}",
        "fold",
        lambda f: lambda call: f(_other_order(call)),
    )
    mutant(
        f"{form} deformable kernel ignores its mask",
        f"{RECORDS}[deformconv].{form}",
        "deformconv",
        lambda f: lambda call: f(_without_mask(call)),
    )
    mutant(
        f"{form} deformable kernel takes one axis of its offsets for the other",
        f"{RECORDS}[deformconv].{form}",
        "deformconv",
        lambda f: lambda call: f(_swapped_offsets(call)),
    )
    mutant(
        f"{form} deformable kernel rotated", f"{RECORDS}[deformconv].{form}", "deformconv", weights(flipped)
    )

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


def _apart(right: Any) -> Any:
    def wrong(self: Any, graph: Any, *args: Any, **kwargs: Any) -> None:
        right(self, graph, *args, **kwargs)
        arrays = {node: {k: a.copy() for k, a in own.items()} for node, own in self.by_node.items()}
        self.by_node = arrays

    return wrong


mutant("a layer that shares runs on arrays of its own", "executor.run:Runner.__init__", "share", _apart)
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
