"""Pooling over windows that slide: the largest value, the mean or a power mean of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, prod
from convcalc.layers.base import Layer, Ops, Option, fill
from convcalc.layers.values import Padding
from convcalc.layers.windows.window import Sliding, checked_padding, effective, output_size

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved

WINDOW = (
    Option("kernel", "axes", short="k"),
    Option("stride", "axes", None, "s"),
    Option("padding", "padding", 0, "p"),
)
"""Options of a pool; the stride is the kernel unless given."""
_CEIL = Option("ceil", "flag", False)


def strided(cls: type[Layer], inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """:func:`fill`, with the kernel for the stride where none is given."""
    found = fill(cls, inputs, values)
    return {**found, "stride": found["stride"] or found["kernel"]}


class _Pool(Sliding):
    """What all sliding pools share."""

    __slots__ = ()
    ceil: bool

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the stride is the kernel unless given."""
        layer = cls(**strided(cls, inputs, values))
        layer.check(inputs)
        return layer

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Channels, and ``floor`` or ``ceil`` of ``(i + pads - k_eff) / s``, plus 1.

        With ``ceil``, a last window that would start in the padding after the input is left out,
        as in Caffe and PyTorch.
        """
        shape = inputs[0]
        sizes = []
        for axis, (given, (before, after), i, k, s, d) in enumerate(
            zip(
                self.padding,
                self.pads(shape),
                shape[1:],
                self.kernel,
                self.stride,
                self.dilation,
                strict=True,
            )
        ):
            if not isinstance(given, str):
                checked_padding(before, after, effective(k, d))
            sizes.append(output_size(i, k, s, d, before, after, axis=axis, ceil=self.ceil))
        return ((shape[0], *sizes),)

    def _taps(self, outputs: tuple[Shape, ...]) -> Dim:
        return prod(outputs[0]) * prod(self.kernel)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads a window along every axis of its channel, its index too."""
        from convcalc.layers.reads import along

        return ((along(inputs[0], self.windows(inputs[0])),),)


class _Undilated(_Pool):
    """A pool whose taps lie side by side."""

    __slots__ = ()

    @property
    def dilation(self) -> tuple[Dim, ...]:  # type: ignore[override]
        """1 on every axis."""
        return (1,) * len(self.kernel)


@dataclass(frozen=True, slots=True)
class MaxPool(_Pool):
    """Largest value of each window; ``indices`` says where it stood in the spatial map.

    One comparison per tap, padding included.
    """

    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    dilation: tuple[Dim, ...]
    ceil: bool

    op: ClassVar[str] = "maxpool"
    source: ClassVar[str] = "Ranzato et al. 2007; Scherer et al. 2010, Evaluation of pooling operations"
    options: ClassVar[tuple[Option, ...]] = (*WINDOW, Option("dilation", "axes", 1, "d"), _CEIL)
    index_outputs: ClassVar[tuple[int, ...]] = (1,)

    def output_names(self) -> tuple[str, ...]:
        """The values, and ``indices``."""
        return ("", "indices")

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Two equal shapes: values and indices."""
        return _Pool.output_shapes(self, inputs) * 2

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison per tap."""
        return Ops(cmp=self._taps(outputs))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, padded where PyTorch has to be helped, and the places of what was largest."""
        from convcalc.layers.saved import INDEX, Own

        found = _padded(self, inputs[0], outputs[0])
        if found.inputs:
            return found._replace(outputs=(1,))
        return found._replace(own=(*found.own, Own("indices of the padded map", prod(outputs[0]), INDEX)))


@dataclass(frozen=True, slots=True)
class AvgPool(_Undilated):
    """Mean of each window. ``count_include_pad`` divides by the kernel, else by the real inputs."""

    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    ceil: bool
    count_include_pad: bool
    divisor: Dim | None

    op: ClassVar[str] = "avgpool"
    source: ClassVar[str] = "LeCun et al. 1998, Gradient-based learning applied to document recognition"
    options: ClassVar[tuple[Option, ...]] = (
        *WINDOW,
        _CEIL,
        Option("count_include_pad", "flag", True),
        Option("divisor", "dim", None),
    )

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition per tap, one division per output; none by a stated divisor of 1."""
        whole = type(self.divisor) is int and self.divisor == 1
        return Ops(add=self._taps(outputs), div=0 if whole else prod(outputs[0]))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, padded where PyTorch has to be helped, and then what the sums are divided by."""
        from convcalc.layers.saved import Own

        shape, pads = inputs[0], self.pads(inputs[0])
        found = _padded(self, shape, outputs[0], self.divisor is None or len(shape) > 2)
        if found.inputs or self.divisor is not None:
            if (
                not found.inputs
                and all(a == b == 0 for a, b in pads)
                and _room(self, shape, outputs[0]) == prod(shape)
            ):
                return found._replace(inputs=(0,), own=())
            return found
        return found._replace(own=(*found.own, Own("shares", prod(outputs[0][1:]), shared=True)))


@dataclass(frozen=True, slots=True)
class LPPool(_Undilated):
    """``(sum |x|^p)^(1/p)`` of each window (ONNX LpPool).

    With ``signed=true`` it is PyTorch's: powers of the values themselves, no absolute value, so that
    norm 1 is the sum and an odd norm of a window with a negative sum is no number. The sum is the
    mean times the kernel's size there, which is more than the sum in a window that ``ceil`` lets hang
    over the end. It has no padding.

    Source: ONNX operator LpPool; PyTorch ``torch.nn.functional.lp_pool2d``.
    """

    norm: Dim
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    ceil: bool
    signed: bool

    op: ClassVar[str] = "lppool"
    autocast: ClassVar[str] = "full"
    options: ClassVar[tuple[Option, ...]] = (
        Option("norm", "number", 2),
        *WINDOW,
        _CEIL,
        Option("signed", "flag", False),
    )
    source: ClassVar[str] = "ONNX operator LpPool"

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """The norm must be positive; signed powers go without padding."""
        if not self.norm > 0:
            raise DimensionError(f"norm must be positive, got {self.norm}", field="norm", hint="1, 2, ...")
        if self.signed and any(p not in ((0, 0), "valid") for p in self.padding):
            raise DimensionError("signed pooling has no padding", field="padding", hint="a pad before it")

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Per tap its power and an addition; per output the root; signed and ``ceil``, the mean."""
        taps, count = self._taps(outputs), prod(outputs[0])
        if self.signed:
            mean = Ops(div=count, mul=count) if self.ceil else Ops()
            if self.norm == 1:
                return mean.plus(Ops(add=taps))
            if self.norm == 2:
                return mean.plus(Ops(mul=taps, add=taps, special=count))
            return mean.plus(Ops(add=taps, special=taps + count))
        if self.norm == 1:
            return Ops(cmp=taps, add=taps)
        if self.norm == 2:
            return Ops(mul=taps, add=taps, special=count)
        return Ops(cmp=taps, add=taps, special=taps + count)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, its powers, and what the root is taken of; in PyTorch's own with signs beside it."""
        from convcalc.layers.saved import Own, Saved

        n, out = prod(inputs[0]), prod(outputs[0])
        pads = self.pads(inputs[0])
        even = self.norm % 2 == 0 and not self.ceil
        if (self.signed or even) and _fits(self, inputs[0]) and all(a == b == 0 for a, b in pads):
            names = ("means", "signs", "sizes", "sums")
            return Saved((0,), own=(Own("powers", n), *(Own(name, out) for name in names)))
        padded = Own("padded powers", _room(self, inputs[0], outputs[0]))
        if self.signed:
            return Saved(
                (0,), own=(padded, Own("shares", prod(outputs[0][1:]), shared=True), Own("sums", out))
            )
        return Saved((0,), own=(Own("|x|", n), padded, Own("sums", out)))


def _fits(layer: Any, shape: Shape) -> bool:
    """Whether a pool of PyTorch's takes it: both sides padded alike, by half of a kernel that fits at most.

    Of volumes it asks that the kernel fits without padding.
    """
    return all(
        a == b and 2 * a <= k and (k - 1) * d < n + (0 if len(shape) == 4 else a + b)
        for (a, b), n, k, d in zip(layer.pads(shape), shape[1:], layer.kernel, layer.dilation, strict=True)
    )


def _room(layer: Any, shape: Shape, out: Shape) -> Dim:
    """Entries of a map that is padded to what the windows need, and to no more."""
    axes = zip(out[1:], layer.stride, layer.kernel, layer.dilation, strict=True)
    return shape[0] * prod((o - 1) * s + (k - 1) * d + 1 for o, s, k, d in axes)


def _padded(layer: Any, shape: Shape, out: Shape, natural: bool = True) -> Saved:
    """The map that is pooled, as it arrives or as the padded copy that PyTorch needs."""
    from convcalc.layers.saved import Own, Saved

    if natural and _fits(layer, shape):
        return Saved((0,))
    return Saved(own=(Own("padded input", _room(layer, shape, out)),))


LAYERS = (MaxPool, AvgPool, LPPool)
