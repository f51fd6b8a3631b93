"""Pooling and unpooling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import (
    UNKNOWN,
    Dim,
    DimensionError,
    Shape,
    divides,
    equal,
    is_array,
    is_symbolic,
    prod,
    require,
)
from convcalc.layers.base import Layer, Ops, Option, Padding, axes, fill, show, spatial
from convcalc.layers.window import checked_padding, effective, output_size, resolve

if TYPE_CHECKING:
    from convcalc.layers.reads import Windows

_WINDOW = (
    Option("kernel", "axes", short="k"),
    Option("stride", "axes", None, "s"),
    Option("padding", "padding", 0, "p"),
)
_CEIL = Option("ceil", "flag", False)


def _filled(cls: type[Layer], inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    found = fill(cls, inputs, values)
    if found["stride"] is None:
        found["stride"] = found["kernel"]
    return found


class _Pool(Layer):
    """What all sliding pools share. The stride is the kernel unless given."""

    __slots__ = ()
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    ceil: bool

    def _dilation(self) -> tuple[Dim, ...]:
        return getattr(self, "dilation", (1,) * len(self.kernel))

    def pads(self, shape: Shape) -> tuple[tuple[Dim, Dim], ...]:
        """Padding before and after, an axis, for an input of this shape."""
        return tuple(
            resolve(*args)
            for args in zip(self.padding, shape[1:], self.kernel, self.stride, self._dilation(), strict=True)
        )

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
                self._dilation(),
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
        """A window along every axis, for values and indices."""
        from convcalc.layers.reads import Slide, along

        rules = {
            axis: Slide(k, s, d, before)
            for axis, (k, s, d, (before, _)) in enumerate(
                zip(self.kernel, self.stride, self._dilation(), self.pads(inputs[0]), strict=True), 1
            )
        }
        return ((along(inputs[0], rules),),)


@dataclass(frozen=True, slots=True)
class MaxPool(_Pool):
    """Largest value of each window; ``indices`` says where it stood in the spatial map.

    One comparison a tap, padding included.
    """

    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    dilation: tuple[Dim, ...]
    ceil: bool

    op: ClassVar[str] = "maxpool"
    source: ClassVar[str] = "Ranzato et al. 2007; Scherer et al. 2010, Evaluation of pooling operations"
    options: ClassVar[tuple[Option, ...]] = (*_WINDOW, Option("dilation", "axes", 1, "d"), _CEIL)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> MaxPool:
        """Make the layer; see :meth:`Layer.create`."""
        return cls(**_filled(cls, inputs, values))

    def output_names(self) -> tuple[str, ...]:
        """The values, and ``indices``."""
        return ("", "indices")

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Two equal shapes: values and indices."""
        return _Pool.output_shapes(self, inputs) * 2

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison a tap."""
        return Ops(cmp=self._taps(outputs))


@dataclass(frozen=True, slots=True)
class AvgPool(_Pool):
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
        *_WINDOW,
        _CEIL,
        Option("count_include_pad", "flag", True),
        Option("divisor", "dim", None),
    )

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> AvgPool:
        """Make the layer; see :meth:`Layer.create`."""
        return cls(**_filled(cls, inputs, values))

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition a tap, one division an output."""
        return Ops(add=self._taps(outputs), div=prod(outputs[0]))


@dataclass(frozen=True, slots=True)
class LPPool(_Pool):
    """``(sum |x|^p)^(1/p)`` of each window (ONNX LpPool)."""

    norm: Dim
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    ceil: bool

    op: ClassVar[str] = "lppool"
    options: ClassVar[tuple[Option, ...]] = (Option("norm", "number", 2), *_WINDOW, _CEIL)
    source: ClassVar[str] = "ONNX operator LpPool"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> LPPool:
        """Make the layer; see :meth:`Layer.create`."""
        found = _filled(cls, inputs, values)
        if not found["norm"] > 0:
            raise DimensionError(
                f"norm must be positive, got {found['norm']}", field="norm", hint="1, 2, ..."
            )
        return cls(**found)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """A tap: its power and an addition; an output: the root."""
        taps, count = self._taps(outputs), prod(outputs[0])
        if self.norm == 1:
            return Ops(cmp=taps, add=taps)
        if self.norm == 2:
            return Ops(mul=taps, add=taps, special=count)
        return Ops(cmp=taps, add=taps, special=taps + count)


class _Global(Layer):
    __slots__ = ()

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Channels, with every spatial size 1."""
        return ((inputs[0][0], *(1 for _ in spatial(self.op, inputs[0]))),)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(self.op)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Everything."""
        from convcalc.layers.reads import EVERY, along

        return ((along(inputs[0], dict.fromkeys(range(1, len(inputs[0])), EVERY)),),)


class GlobalAvgPool(_Global):
    """Mean of the whole map (Lin et al. 2014)."""

    __slots__ = ()
    op: ClassVar[str] = "globalavgpool"
    source: ClassVar[str] = "Lin et al. 2014, Network in network, section 3.2"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition an input, one division an output."""
        return Ops(add=prod(inputs[0]), div=inputs[0][0])


class GlobalMaxPool(_Global):
    """Largest value of the whole map."""

    __slots__ = ()
    op: ClassVar[str] = "globalmaxpool"
    source: ClassVar[str] = "Oquab et al. 2015, Is object localization for free?"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison an input."""
        return Ops(cmp=prod(inputs[0]))


def adaptive_taps(i: Dim, o: Dim) -> Dim:
    """Sum of the window lengths that adaptive pooling from ``i`` to ``o`` reads.

    Output ``j`` reads ``floor(j*i/o)`` up to ``ceil((j + 1)*i/o)``. Inner bounds where ``j*i/o`` is
    whole count once, the others twice: ``i + o - gcd(i, o)``.
    """
    if type(i) is int and type(o) is int:
        from math import gcd

        return i + o - gcd(i, o)
    if i is UNKNOWN or o is UNKNOWN:
        return UNKNOWN
    if type(o) is int and o == 1:
        return i
    if is_symbolic(i) or is_symbolic(o):
        return i + o - _gcd(i, o)
    import numpy as np

    return i + o - np.gcd(i, o)


def _gcd(i: Dim, o: Dim) -> Dim:
    """The greatest common divisor of sizes some of which may be symbols."""
    if is_array(i) or is_array(o):
        import numpy as np

        return np.gcd(i, o)
    if not (is_symbolic(i) or is_symbolic(o)):
        from math import gcd

        return gcd(i, o)
    if equal(i, o) is True:
        return i
    if divides(o, i) is True:
        return o
    if divides(i, o) is True:
        return i
    from convcalc.symbols.form import call

    return call("gcd", _gcd, i, o, least=1)


class _Adaptive(Layer):
    __slots__ = ()
    size: tuple[Dim, ...]

    @classmethod
    def _sizes(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> dict[str, Any]:
        """The sizes; None keeps an axis as it is."""
        size = values.get("size")
        if size is None:
            raise DimensionError(f"{cls.op} needs size", hint=f"size=..., such as '{cls.op} size=7'")
        arriving = spatial(cls.op, inputs[0])
        items = size if isinstance(size, tuple) else (size,)
        items = items * len(arriving) if len(items) == 1 else items
        if len(items) == len(arriving):
            items = tuple(i if item is None else item for i, item in zip(arriving, items, strict=True))
        return fill(cls, inputs, {"size": items})

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Channels and the sizes asked for."""
        return ((inputs[0][0], *self.size),)

    def _reads(self, inputs: tuple[Shape, ...]) -> Dim:
        return inputs[0][0] * prod(adaptive_taps(i, o) for i, o in zip(inputs[0][1:], self.size, strict=True))

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """A bin along every axis."""
        from convcalc.layers.reads import EVERY, Bins, along

        rules = {
            axis: EVERY if type(o) is int and o == 1 else Bins(i, o)
            for axis, (i, o) in enumerate(zip(inputs[0][1:], self.size, strict=True), 1)
        }
        return ((along(inputs[0], rules),),)


@dataclass(frozen=True, slots=True)
class AdaptiveAvgPool(_Adaptive):
    """Means of as many windows as asked for, which cover the map evenly (PyTorch)."""

    size: tuple[Dim, ...]

    op: ClassVar[str] = "adaptiveavgpool"
    options: ClassVar[tuple[Option, ...]] = (Option("size", "axes", None),)
    source: ClassVar[str] = "He et al. 2014, Spatial pyramid pooling; PyTorch AdaptiveAvgPool"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> AdaptiveAvgPool:
        """Make the layer; see :meth:`Layer.create`."""
        return cls(**cls._sizes(inputs, values))

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition a value read, one division an output."""
        return Ops(add=self._reads(inputs), div=prod(outputs[0]))


@dataclass(frozen=True, slots=True)
class AdaptiveMaxPool(_Adaptive):
    """Largest values of as many windows as asked for."""

    size: tuple[Dim, ...]

    op: ClassVar[str] = "adaptivemaxpool"
    source: ClassVar[str] = "He et al. 2014, Spatial pyramid pooling; PyTorch AdaptiveMaxPool"
    options: ClassVar[tuple[Option, ...]] = (Option("size", "axes", None),)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> AdaptiveMaxPool:
        """Make the layer; see :meth:`Layer.create`."""
        return cls(**cls._sizes(inputs, values))

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison a value read."""
        return Ops(cmp=self._reads(inputs))


@dataclass(frozen=True, slots=True)
class MaxUnpool(Layer):
    """Puts each value back where max-pooling took it from, zeros elsewhere; nothing to learn.

    Inputs: values and the indices of the pool. ``o = (i - 1)*s - before - after + k`` unless the
    size is given, which may differ from that by less than a stride: as much as the pool rounds away.

    Source: Zeiler & Fergus 2014; Badrinarayanan et al. 2017, SegNet.
    """

    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    size: tuple[Dim, ...] | None

    op: ClassVar[str] = "unpool"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    options: ClassVar[tuple[Option, ...]] = (*_WINDOW, Option("size", "axes", None))
    source: ClassVar[str] = "Badrinarayanan et al. 2017, SegNet"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> MaxUnpool:
        """Make the layer; the two inputs must be of one shape."""
        found = _filled(cls, inputs, values)
        if any(isinstance(p, str) and p != "valid" for p in found["padding"]):
            raise DimensionError(
                "unpooling takes its padding in numbers", field="padding", hint="that of the pool"
            )
        found["padding"] = tuple((0, 0) if p == "valid" else p for p in found["padding"])
        if found["size"] is not None:
            found["size"] = axes(found["size"], "size", len(inputs[0]) - 1)
        return cls(**found)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Channels, and the sizes before the pool."""
        values, indices = inputs
        if len(values) != len(indices):
            raise DimensionError(
                f"values {show(values)} and indices {show(indices)} differ", hint="NAME.indices of the pool"
            )
        for a, b in zip(values, indices, strict=True):
            require(
                equal(a, b),
                f"values {show(values)} and indices {show(indices)} differ",
                hint="NAME.indices of the pool",
            )
        sizes = []
        for axis, (i, k, s, (before, after)) in enumerate(
            zip(values[1:], self.kernel, self.stride, self.padding, strict=True)
        ):
            size = (i - 1) * s - before - after + k
            if self.size is not None:
                least, most = size - s + 1, size + s - 1
                size = self.size[axis]
                message = f"no pool of {s} steps makes {i} of {size} on axis {axis}"
                require(size >= least, message, field="size", hint=f"{least} to {most}")
                require(size <= most, message, field="size", hint=f"{least} to {most}")
            require(
                size >= 1,
                f"padding {before}:{after} crops all of the output",
                field="padding",
                hint="that of the pool",
            )
            sizes.append(size)
        return ((values[0], *sizes),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every value whose window covers the output: its index may point anywhere into it."""
        from convcalc.layers.reads import Spread, along

        rules = {
            axis: Spread(k, s, 1, before)
            for axis, (k, s, (before, _)) in enumerate(
                zip(self.kernel, self.stride, self.padding, strict=True), 1
            )
        }
        window = along(inputs[0], rules)
        return ((window,), (window,))


LAYERS = (
    MaxPool, AvgPool, LPPool, GlobalAvgPool, GlobalMaxPool, AdaptiveAvgPool, AdaptiveMaxPool, MaxUnpool,
)  # fmt: skip
