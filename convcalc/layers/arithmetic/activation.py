"""Activations: what each costs per element, and its parameters where there are any.

Costs are those of the definitions: ``sigmoid(x) = 1 / (1 + exp(-x))`` is one special function,
one addition, one division.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convcalc.dims import Dim, DimensionError, Shape, equal, prod, require
from convcalc.layers.base import Layer, Ops, Option, Template
from convcalc.layers.values import show, whole

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.saved import Need, Saved


INPLACE: Final = Option("inplace", "flag", False)


@dataclass(frozen=True, slots=True)
class Activation(Layer):
    """A function of fixed cost per element.

    Those that are elementwise take ``inplace=true``: they write over what they read, which saves its
    memory. Where something reads it afterwards (a shortcut, an output of the network) they do not.
    """

    inplace: bool = field(default=False, kw_only=True)

    cost: ClassVar[Ops] = Ops()
    saves_in_place: ClassVar[str] = ""
    """What autograd keeps of it in place, where that is another; else it copies the input that it needs."""
    options: ClassVar[tuple[Option, ...]] = (INPLACE,)

    def __init_subclass__(cls) -> None:
        """Give every elementwise activation the option ``inplace``."""
        own = tuple(option for option in cls.options if option is not INPLACE)
        cls.options = (*own, INPLACE) if cls.reads is Layer.reads else own

    @property
    def overwrites(self) -> bool:
        """Whether it runs in place."""
        return self.inplace

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """The cost per element, times the elements."""
        return self.cost.times(prod(outputs[0]))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, or the output: in place often that, where its sign says enough."""
        from convcalc.layers.saved import OUTPUT

        return OUTPUT if self.overwrites and self.saves_in_place else Layer.saved(self, inputs, outputs, need)


class ReLU(Activation):
    """``max(x, 0)`` (Nair & Hinton 2010)."""

    __slots__ = ()
    op: ClassVar[str] = "relu"
    saves: ClassVar[str] = "output"
    source: ClassVar[str] = "Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines"
    cost: ClassVar[Ops] = Ops(cmp=1)


class ReLU6(Activation):
    """``min(max(x, 0), 6)`` (Krizhevsky 2010)."""

    __slots__ = ()
    op: ClassVar[str] = "relu6"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10"
    cost: ClassVar[Ops] = Ops(cmp=2)


@dataclass(frozen=True, slots=True)
class LeakyReLU(Activation):
    """``x`` where positive, else ``slope * x`` (Maas et al. 2013)."""

    slope: float

    op: ClassVar[str] = "leakyrelu"
    saves: ClassVar[str] = "input"
    saves_in_place: ClassVar[str] = "output"
    source: ClassVar[str] = "Maas et al. 2013, Rectifier nonlinearities improve acoustic models"
    options: ClassVar[tuple[Option, ...]] = (Option("slope", "number", 0.01),)
    positional: ClassVar[tuple[str, ...]] = ("slope",)
    cost: ClassVar[Ops] = Ops(cmp=1, mul=1)


@dataclass(frozen=True, slots=True)
class PReLU(Activation):
    """Leaky ReLU with learned slopes (He et al. 2015).

    There is one for all, one per channel (of the first axis, or of ``axis``) or, with a ``shape``, one for
    every entry of that shape, which is repeated along the axes where it is 1.
    """

    channels: Dim | None
    shape: tuple[Dim, ...] | None
    axis: int

    op: ClassVar[str] = "prelu"
    autocast: ClassVar[str] = "half"
    source: ClassVar[str] = "He et al. 2015, Delving deep into rectifiers"
    options: ClassVar[tuple[Option, ...]] = (
        Option("channels", "dim", 1),
        Option("shape", "shape", None),
        Option("axis", "axis", 0),
    )
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    cost: ClassVar[Ops] = Ops(cmp=1, mul=1)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; slopes of a shape fit what arrives, axis by axis."""
        shape, arriving = values.get("shape"), inputs[0]
        if shape is None:
            layer = super(PReLU, cls).create(inputs, values)
            return replace(layer, axis=0) if type(layer.channels) is int and layer.channels == 1 else layer
        for other in ("channels", "axis"):
            if values.get(other) is not None:
                raise DimensionError(f"prelu takes {other} or a shape", field=other, hint="one of them")
        shape = tuple(whole(n, "shape") for n in (shape if isinstance(shape, tuple) else (shape,)))
        message = f"slopes of the shape {show(shape)} do not fit {show(arriving)}"
        hint = f"{show(arriving)}, with 1 for each axis along which slopes are shared"
        if len(shape) != len(arriving):
            raise DimensionError(message, field="shape", hint=hint)
        for own, size in zip(shape, arriving, strict=True):
            if not (type(own) is int and own == 1):
                require(equal(own, size), message, field="shape", hint=hint)
        return cls(None, shape, 0)

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """There is one slope, or as many as channels arrive, or a shape that repeats to what arrives."""
        if self.shape is None and not (type(self.channels) is int and self.channels == 1):
            arriving = inputs[0][self.axis]
            require(
                equal(self.channels, arriving),
                f"prelu has {self.channels} slopes, but {arriving} channels arrive",
                field="channels",
                hint=f"1 or {arriving}",
            )

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight``, of ``(channels,)`` or of the shape: the slopes."""
        return {"weight": (self.channels,) if self.shape is None else self.shape}

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, by whose sign the slope is chosen, and of slopes of a shape where that is."""
        from convcalc.layers.saved import INPUT, MASK, Own, Saved

        if self.shape is None:
            return INPUT
        return Saved((0,) * need.learned, own=(Own("sign", prod(inputs[0]), MASK),))


@dataclass(frozen=True, slots=True)
class ELU(Activation):
    """``x`` where positive, else ``alpha * (exp(x) - 1)`` (Clevert et al. 2016)."""

    alpha: float

    op: ClassVar[str] = "elu"
    saves: ClassVar[str] = "input"
    saves_in_place: ClassVar[str] = "output"
    source: ClassVar[str] = "Clevert et al. 2016, Exponential linear units"
    options: ClassVar[tuple[Option, ...]] = (Option("alpha", "number", 1.0),)
    positional: ClassVar[tuple[str, ...]] = ("alpha",)
    cost: ClassVar[Ops] = Ops(cmp=1, special=1, add=1, mul=1)


@dataclass(frozen=True, slots=True)
class CELU(Activation):
    """``x`` where positive, else ``alpha * (exp(x / alpha) - 1)`` (Barron 2017)."""

    alpha: float

    op: ClassVar[str] = "celu"
    saves: ClassVar[str] = "input"
    saves_in_place: ClassVar[str] = "output"
    source: ClassVar[str] = "Barron 2017, Continuously differentiable exponential linear units"
    options: ClassVar[tuple[Option, ...]] = (Option("alpha", "number", 1.0),)
    positional: ClassVar[tuple[str, ...]] = ("alpha",)
    cost: ClassVar[Ops] = Ops(cmp=1, div=1, special=1, add=1, mul=1)

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Alpha divides, so it is not 0."""
        require(self.alpha != 0, "celu divides by alpha", field="alpha", hint="a number other than 0")


class SELU(Activation):
    """Scaled ELU with the fixed constants of Klambauer et al. 2017."""

    __slots__ = ()
    op: ClassVar[str] = "selu"
    saves: ClassVar[str] = "input"
    saves_in_place: ClassVar[str] = "output"
    source: ClassVar[str] = "Klambauer et al. 2017, Self-normalizing neural networks"
    cost: ClassVar[Ops] = Ops(cmp=1, special=1, add=1, mul=2)


@dataclass(frozen=True, slots=True)
class GELU(Activation):
    """``x * Phi(x)`` (Hendrycks & Gimpel 2016), exact or by its tanh approximation."""

    approximate: str

    op: ClassVar[str] = "gelu"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Hendrycks & Gimpel 2016, Gaussian error linear units"
    options: ClassVar[tuple[Option, ...]] = (
        Option("approximate", "choice", "none", choices=("none", "tanh")),
    )

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Exact: ``x * 0.5 * (1 + erf(x * c))``; tanh: a cubic inside, the same outside."""
        cost = Ops(mul=3, add=1, special=1) if self.approximate == "none" else Ops(mul=6, add=2, special=1)
        return cost.times(prod(outputs[0]))


class SiLU(Activation):
    """``x * sigmoid(x)`` (Elfwing et al. 2017; swish)."""

    __slots__ = ()
    op: ClassVar[str] = "silu"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Ramachandran et al. 2017, Searching for activation functions (Swish)"
    cost: ClassVar[Ops] = Ops(special=1, add=1, div=1, mul=1)


class Mish(Activation):
    """``x * tanh(log(1 + exp(x)))`` (Misra 2020)."""

    __slots__ = ()
    op: ClassVar[str] = "mish"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Misra 2020, Mish: a self regularized non-monotonic activation function"
    cost: ClassVar[Ops] = Ops(special=3, add=1, mul=1)


@dataclass(frozen=True, slots=True)
class Softplus(Activation):
    """``log(1 + exp(beta * x)) / beta``; ``x`` itself where ``beta * x`` is above the threshold."""

    beta: float
    threshold: float

    op: ClassVar[str] = "softplus"
    autocast: ClassVar[str] = "full"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Glorot et al. 2011, Deep sparse rectifier neural networks; PyTorch's threshold"
    options: ClassVar[tuple[Option, ...]] = (
        Option("beta", "number", 1.0),
        Option("threshold", "number", 20.0),
    )
    cost: ClassVar[Ops] = Ops(mul=1, cmp=1, special=2, add=1, div=1)

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Beta divides, so it is not 0."""
        require(self.beta != 0, "softplus divides by beta", field="beta", hint="a number other than 0")


class Hardswish(Activation):
    """``x * relu6(x + 3) / 6`` (Howard et al. 2019)."""

    __slots__ = ()
    op: ClassVar[str] = "hardswish"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Howard et al. 2019, Searching for MobileNetV3, section 5.2"
    cost: ClassVar[Ops] = Ops(add=1, cmp=2, div=1, mul=1)


class Hardsigmoid(Activation):
    """``relu6(x + 3) / 6`` (Howard et al. 2019)."""

    __slots__ = ()
    op: ClassVar[str] = "hardsigmoid"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Courbariaux et al. 2015, BinaryConnect; as in Howard et al. 2019, MobileNetV3"
    cost: ClassVar[Ops] = Ops(add=1, cmp=2, div=1)


@dataclass(frozen=True, slots=True)
class Hardtanh(Activation):
    """``min(max(x, low), high)`` (Collobert 2004)."""

    low: float
    high: float

    op: ClassVar[str] = "hardtanh"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Collobert 2004, Large scale machine learning, section 5.3"
    options: ClassVar[tuple[Option, ...]] = (
        Option("low", "number", -1.0),
        Option("high", "number", 1.0),
    )
    positional: ClassVar[tuple[str, ...]] = ("low", "high")
    cost: ClassVar[Ops] = Ops(cmp=2)

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """The lower bound is below the upper one."""
        require(
            self.low < self.high,
            f"hardtanh from {self.low} to {self.high} leaves nothing between",
            field="high",
            hint=f"more than {self.low}",
        )


@dataclass(frozen=True, slots=True)
class Threshold(Activation):
    """``x`` above a threshold, elsewhere a value of its own."""

    threshold: float
    value: float

    op: ClassVar[str] = "threshold"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "PyTorch Threshold; ONNX ThresholdedRelu where the value is 0"
    options: ClassVar[tuple[Option, ...]] = (Option("threshold", "number"), Option("value", "number"))
    positional: ClassVar[tuple[str, ...]] = ("threshold", "value")
    template: ClassVar[Template] = Template(options={"threshold": 1, "value": 0})
    cost: ClassVar[Ops] = Ops(cmp=1)


class Softsign(Activation):
    """``x / (1 + |x|)`` (Turian et al. 2009)."""

    __slots__ = ()
    op: ClassVar[str] = "softsign"
    source: ClassVar[str] = "Turian et al. 2009, Quadratic features and deep architectures for chunking"
    cost: ClassVar[Ops] = Ops(cmp=1, add=1, div=1)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, which is divided and whose sign is needed, and what it is divided by: ``1 + |x|``."""
        from convcalc.layers.saved import Own, Saved

        return Saved((0,), own=(Own("1 + |x|", prod(inputs[0])),))


class LogSigmoid(Activation):
    """``log(1 / (1 + exp(-x)))``, computed as ``min(x, 0) - log(1 + exp(-|x|))``, which never overflows."""

    __slots__ = ()
    op: ClassVar[str] = "logsigmoid"
    source: ClassVar[str] = "the logarithm of the logistic function"
    cost: ClassVar[Ops] = Ops(cmp=2, special=2, add=2)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, and ``exp(-|x|)``, which is kept on a processor and not on a graphics card."""
        from convcalc.layers.saved import Own, Saved

        return Saved((0,), own=(Own("exp(-|x|)", prod(inputs[0])),))


class Tanhshrink(Activation):
    """``x - tanh(x)``."""

    __slots__ = ()
    op: ClassVar[str] = "tanhshrink"
    source: ClassVar[str] = "PyTorch Tanhshrink"
    cost: ClassVar[Ops] = Ops(special=1, add=1)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The hyperbolic tangent of the input."""
        from convcalc.layers.saved import Own, Saved

        return Saved(own=(Own("tanh(x)", prod(inputs[0])),))


@dataclass(frozen=True, slots=True)
class _Shrink(Activation):
    """What lies around 0 becomes 0."""

    lambd: float

    options: ClassVar[tuple[Option, ...]] = (Option("lambd", "number", 0.5),)
    positional: ClassVar[tuple[str, ...]] = ("lambd",)


class Softshrink(_Shrink):
    """``x`` moved towards 0 by lambda, 0 where that would pass it: ``x - min(max(x, -lambda), lambda)``."""

    __slots__ = ()
    op: ClassVar[str] = "softshrink"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Donoho 1995, De-noising by soft-thresholding"
    cost: ClassVar[Ops] = Ops(cmp=2, add=1)

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Lambda is a distance."""
        require(self.lambd >= 0, f"softshrink by {self.lambd}", field="lambd", hint="0 or more")


class Hardshrink(_Shrink):
    """``x`` where ``|x|`` is above lambda, else 0."""

    __slots__ = ()
    op: ClassVar[str] = "hardshrink"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "Donoho & Johnstone 1994, Ideal spatial adaptation by wavelet shrinkage"
    cost: ClassVar[Ops] = Ops(cmp=2)


class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``."""

    __slots__ = ()
    op: ClassVar[str] = "sigmoid"
    saves: ClassVar[str] = "output"
    source: ClassVar[str] = "the logistic function 1 / (1 + exp(-x))"
    cost: ClassVar[Ops] = Ops(special=1, add=1, div=1)


class Tanh(Activation):
    """Hyperbolic tangent."""

    __slots__ = ()
    op: ClassVar[str] = "tanh"
    saves: ClassVar[str] = "output"
    source: ClassVar[str] = "the hyperbolic tangent"
    cost: ClassVar[Ops] = Ops(special=1)


LAYERS = (
    ReLU, ReLU6, LeakyReLU, PReLU, ELU, CELU, SELU, GELU, SiLU, Mish, Softplus, Hardswish, Hardsigmoid,
    Hardtanh, Threshold, Softsign, LogSigmoid, Tanhshrink, Softshrink, Hardshrink, Sigmoid, Tanh,
)  # fmt: skip
