"""Reductions: one number made of all entries along some axes, such as their mean or the largest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, prod, require
from convcalc.layers.base import Layer, Ops, Option, Template, fill
from convcalc.layers.values import axis_of, show

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved

_AXIS = Option("axis", "axislist", None)
_KEEP = Option("keep", "flag", False)


@dataclass(frozen=True, slots=True)
class _Reduction(Layer):
    """Over some axes, all of them unless told otherwise.

    They vanish from the shape, or stay with size 1 (``keep``). A tensor has one axis at least: where all
    vanish, one of size 1 is left.
    """

    axis: tuple[int, ...] | int | None
    keep: bool

    options: ClassVar[tuple[Option, ...]] = (_AXIS, _KEEP)
    template: ClassVar[Template] = Template(options={"axis": (1, 2)})

    @property
    def keeps_positions(self) -> bool:  # type: ignore[override]
        """Over channels that stay as one, a position is one of the input."""
        return self.keep and self.axis in ((0,), 0)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; with several inputs, or with a number, the join that the word means then."""
        joins = len(inputs) > 1 or values.get("value") is not None
        if cls.join and joins:
            return cls._joined(inputs, values)  # type: ignore[no-any-return]
        layer = cls(
            **{field: value for field, value in fill(cls, inputs, values).items() if field != "value"}
        )
        layer.check(inputs)
        return layer

    @classmethod
    def _joined(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Any:
        from convcalc.layers import OPS, lookup

        for field in ("axis", "keep"):
            if field in values:
                what = f"{len(inputs)} inputs" if len(inputs) > 1 else "a number"
                raise DimensionError(
                    f"{cls.op} of {what} joins entry by entry, over no axis",
                    field=field,
                    hint="one input, or no axis= and no keep=",
                )
        if cls.join not in OPS:
            raise DimensionError(f"there is no layer {cls.join!r}", hint=f"{cls.op} of one input")
        join = lookup(cls.join)
        if values.get("value") is not None and all(option.field != "value" for option in join.options):
            raise DimensionError(f"{join.op} takes no number", field="value", hint="inputs alone")
        return join.create(inputs, {"value": values["value"]} if "value" in values else {})

    def over(self, shape: Shape) -> tuple[int, ...]:
        """The axes of a shape that are reduced, ascending."""
        if self.axis is None:
            return tuple(range(len(shape)))
        return self.axis if isinstance(self.axis, tuple) else (self.axis,)

    def entries(self, inputs: tuple[Shape, ...]) -> Dim:
        """How many entries one number is made of."""
        return prod(inputs[0][a] for a in self.over(inputs[0]))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape without the axes, or with 1 in their place."""
        shape, over = inputs[0], self.over(inputs[0])
        if self.keep:
            return (tuple(1 if a in over else n for a, n in enumerate(shape)),)
        return (tuple(n for a, n in enumerate(shape) if a not in over) or (1,),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """All along the axes that are reduced, at its own index along the others, wherever they moved."""
        from convcalc.layers.reads import ALL, ONE, Axis

        found, at = [], 0
        over = self.over(inputs[0])
        for a in range(len(inputs[0])):
            found.append(ALL if a in over else Axis(at, ONE))
            at += self.keep or a not in over
        return ((tuple(found),),)


class Mean(_Reduction):
    """The mean over some axes, or over all."""

    __slots__ = ()
    op: ClassVar[str] = "mean"
    source: ClassVar[str] = "NumPy mean, PyTorch mean, ONNX ReduceMean"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition per entry read, one division per output."""
        return Ops(add=prod(inputs[0]), div=prod(outputs[0]))


class Sum(_Reduction):
    """The sum over some axes, or over all; of several inputs (or of one and a number) it is ``add``."""

    __slots__ = ()
    op: ClassVar[str] = "sum"
    autocast: ClassVar[str] = "full"
    source: ClassVar[str] = "NumPy sum, PyTorch sum, ONNX ReduceSum"
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    merges: ClassVar[bool] = True
    alone: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (_AXIS, _KEEP, Option("value", "number", None))
    positional: ClassVar[tuple[str, ...]] = ("value",)
    join: ClassVar[str] = "add"
    value: ClassVar[None] = None

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition per entry read."""
        return Ops(add=prod(inputs[0]))


class Prod(_Reduction):
    """The product over some axes, or over all."""

    __slots__ = ()
    op: ClassVar[str] = "prod"
    autocast: ClassVar[str] = "full"
    source: ClassVar[str] = "NumPy prod, PyTorch prod, ONNX ReduceProd"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One multiplication per entry read."""
        return Ops(mul=prod(inputs[0]))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """What is multiplied and the product, axis by axis from the last."""
        from convcalc.layers.saved import BOTH, Own, Saved

        over, shape = self.over(inputs[0]), inputs[0]
        if len(over) == 1 or (len(over) == len(shape) and not self.keep):
            return BOTH
        between = (prod(n for a, n in enumerate(shape) if a not in over[k:]) for k in range(1, len(over)))
        return Saved((0,), (0,), tuple(Own("products", size) for size in between))


class Max(_Reduction):
    """The largest entry along some axes; of several inputs (or of one and a number) it is ``maximum``.

    Its gradient is shared equally between entries that are largest together, as PyTorch's ``amax`` does.
    """

    __slots__ = ()
    op: ClassVar[str] = "max"
    saves: ClassVar[str] = "input output"
    source: ClassVar[str] = "NumPy max, PyTorch amax, ONNX ReduceMax"
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    merges: ClassVar[bool] = True
    alone: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = Sum.options
    positional: ClassVar[tuple[str, ...]] = ("value",)
    join: ClassVar[str] = "maximum"
    value: ClassVar[None] = None

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison per entry read."""
        return Ops(cmp=prod(inputs[0]))


class Min(Max):
    """The smallest entry along some axes; of several inputs (or of one and a number) it is ``minimum``.

    Its gradient is shared equally between entries that are smallest together, as PyTorch's ``amin`` does.
    """

    __slots__ = ()
    op: ClassVar[str] = "min"
    source: ClassVar[str] = "NumPy min, PyTorch amin, ONNX ReduceMin"
    join: ClassVar[str] = "minimum"


@dataclass(frozen=True, slots=True)
class Norm(_Reduction):
    """A norm over some axes: the root of the sum of squares (``p=2``), ``sum |x|`` (1), ``max |x|`` (inf)."""

    p: str

    op: ClassVar[str] = "norm"
    autocast: ClassVar[str] = "full"
    saves: ClassVar[str] = "input output"
    source: ClassVar[str] = "NumPy linalg.norm, PyTorch linalg.vector_norm, ONNX ReduceL2 and ReduceL1"
    options: ClassVar[tuple[Option, ...]] = (
        _AXIS, _KEEP, Option("p", "choice", "2", choices=("1", "2", "inf")),
    )  # fmt: skip
    template: ClassVar[Template] = Template(options={"axis": (1, 2), "p": None})

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """A power (or an absolute value) and an addition (or a comparison) per entry; per output its root."""
        n = prod(inputs[0])
        if self.p == "1":
            return Ops(cmp=n, add=n)
        return Ops(mul=n, add=n, special=prod(outputs[0])) if self.p == "2" else Ops(cmp=2 * n)


@dataclass(frozen=True, slots=True)
class Var(_Reduction):
    """The variance over some axes: the sum of squared distances from the mean over ``n - correction``.

    ``correction`` is 1 as in PyTorch (Bessel's); 0 divides by the number of entries, as NumPy does and as
    normalisation layers do.
    """

    correction: Dim

    op: ClassVar[str] = "var"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "PyTorch var, NumPy var (ddof)"
    options: ClassVar[tuple[Option, ...]] = (_AXIS, _KEEP, Option("correction", "dim", 1, minimum=0))
    template: ClassVar[Template] = Template(options={"axis": (1, 2), "correction": None})

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """There are more entries than are taken off their number."""
        n = self.entries(inputs)
        require(
            n > self.correction,
            f"{self.op} of {n} divides by {n} - {self.correction}",
            field="correction",
            hint="correction=0, or more entries",
        )

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Per entry three additions (mean, distance, sum) and a square; per output two divisions."""
        n = prod(inputs[0])
        return Ops(add=3 * n, mul=n, div=2 * prod(outputs[0]))


class Std(Var):
    """The standard deviation over some axes: the root of the variance; see ``var``."""

    __slots__ = ()
    op: ClassVar[str] = "std"
    saves: ClassVar[str] = "input output"
    source: ClassVar[str] = "PyTorch std, NumPy std (ddof)"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Those of the variance, and a root per output."""
        return Var.ops(self, inputs, outputs).plus(Ops(special=prod(outputs[0])))


class ArgMax(_Reduction):
    """Where along one axis the largest entry stands, the first of several: a whole number of 64 bits.

    The axis must be named where there are several.
    """

    __slots__ = ()
    op: ClassVar[str] = "argmax"
    cuts_gradient: ClassVar[bool] = True
    source: ClassVar[str] = "NumPy argmax, PyTorch argmax, ONNX ArgMax"
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axis", None), _KEEP)
    template: ClassVar[Template] = Template(options={"axis": 0})
    index_outputs: ClassVar[tuple[int, ...]] = (0,)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; one axis."""
        axis, shape = values.get("axis"), inputs[0]
        if axis is None and len(shape) > 1:
            raise DimensionError(
                f"{cls.op} needs its axis: {show(shape)} has {len(shape)}",
                hint=f"{cls.op} axis=0, or -1 for the last",
            )
        return cls(axis_of(axis, shape), bool(values.get("keep")))

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison per entry read."""
        return Ops(cmp=prod(inputs[0]))


class ArgMin(ArgMax):
    """Where along one axis the smallest entry stands, the first of several; see ``argmax``."""

    __slots__ = ()
    op: ClassVar[str] = "argmin"
    source: ClassVar[str] = "NumPy argmin, PyTorch argmin, ONNX ArgMin"


LAYERS = (Mean, Sum, Prod, Max, Min, Norm, Var, Std, ArgMax, ArgMin)
