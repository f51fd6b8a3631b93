"""Layers that join tensors: concatenation, and arithmetic entry by entry.

What is joined entry by entry is broadcast as NumPy and ONNX do: shapes are aligned at their last axes, and
an axis of size 1, or one that is missing in front, is repeated. A constant may stand for one of the tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import UNKNOWN, Dim, DimensionError, Shape, equal, is_array, maximum, prod, require, total
from convcalc.layers.base import NO_OPS, Layer, Ops, Option, Template
from convcalc.layers.values import show

if TYPE_CHECKING:
    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved


@dataclass(frozen=True, slots=True)
class Concat(Layer):
    """Concatenation along one axis, the channels (0) unless told otherwise; negatives count from the end."""

    axis: int

    op: ClassVar[str] = "concat"
    keeps_positions: ClassVar[bool] = True
    source: ClassVar[str] = "Szegedy et al. 2015, Going deeper with convolutions (filter concatenation)"
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    merges: ClassVar[bool] = True
    alone: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axis", 0),)
    template: ClassVar[Template] = Template(
        ("C_1 H W", "C_2 H W"),
        meanings={"C_1": "channels of the first input", "C_2": "channels of the second input"},
    )

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The sizes along the axis add up; all others stay."""
        first = inputs[0]
        for shape in inputs[1:]:
            if len(shape) != len(first):
                raise DimensionError(
                    f"concat cannot join {show(first)} and {show(shape)}", hint="inputs of one rank"
                )
            for a, (x, y) in enumerate(zip(first, shape, strict=True)):
                if a != self.axis:
                    require(
                        equal(x, y),
                        f"concat cannot join {show(first)} and {show(shape)}",
                        hint="equal sizes on every other axis",
                    )
        joined = total(shape[self.axis] for shape in inputs)
        return ((*first[: self.axis], joined, *first[self.axis + 1 :]),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Each input is read by its own part of the axis."""
        from convcalc.layers.reads import Part, along

        found = []
        first: Dim = 0
        for shape in inputs:
            found.append((along(shape, {self.axis: Part(first, shape[self.axis])}),))
            first = first + shape[self.axis]
        return tuple(found)


def broadcast(op: str, inputs: tuple[Shape, ...]) -> Shape:
    """The common shape of inputs that agree, or are 1, on every axis; axes are counted from the last one.

    Raises:
        DimensionError: they do not.
    """
    rank = max(map(len, inputs))
    result = [1] * (rank - len(inputs[0])) + list(inputs[0])
    for shape in inputs[1:]:
        before = tuple(result)
        for a, size in enumerate(shape, rank - len(shape)):
            one = result[a]
            if type(size) is int and size == 1:
                continue
            if type(one) is int and one == 1:
                result[a] = size
                continue
            fits = equal(one, size)
            if is_array(one) or is_array(size):  # equal here, 1 there
                fits = fits | equal(one, 1) | equal(size, 1)
                result[a] = maximum(one, size)
            if fits is not True:
                left = inputs[0] if len(inputs) == 2 else before
                require(fits, f"{op} cannot join {show(left)} and {show(shape)}", hint=_fitting(left, shape))
            if one is UNKNOWN:
                result[a] = size
    return tuple(result)


def _fitting(one: Shape, other: Shape) -> str:
    """What would make two shapes fit: axes of 1 in the shorter one, where that is enough."""
    short, long = sorted((one, other), key=len)
    for places in combinations(range(len(long)), len(short)) if len(short) < len(long) else ():
        sizes: list[Dim] = [1] * len(long)
        for place, size in zip(places, short, strict=True):
            sizes[place] = size
        if all(_agree(n, m) for n, m in zip(sizes, long, strict=True)):
            made = ",".join(map(str, sizes))
            return f"'reshape ({made})' of {show(short)}: shapes are aligned at their last axes"
    return "equal sizes, or 1, on every axis" + ", counted from the last" * (len(one) != len(other))


def _agree(one: Dim, other: Dim) -> bool:
    """Whether two sizes certainly go together."""
    return any(type(n) is int and n == 1 for n in (one, other)) or equal(one, other) is True


@dataclass(frozen=True, slots=True)
class Join(Layer):
    """Entry by entry over several tensors, or over one and a constant."""

    value: Dim | None

    kind: ClassVar[str]
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    merges: ClassVar[bool] = True
    alone: ClassVar[bool] = True
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (Option("value", "value", None),)
    positional: ClassVar[tuple[str, ...]] = ("value",)
    template: ClassVar[Template] = Template(("C H W", "C H W"))
    reading: ClassVar[str] = "two tensors, or one and a constant"

    @classmethod
    def fewest(cls, values: Mapping[str, Any]) -> int:
        """Two tensors, or one beside a constant."""
        return 2 if values.get("value") is None else 1

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """There are two operands: tensors, or one tensor and a constant."""
        if len(inputs) + (self.value is not None) < 2:
            raise DimensionError(
                f"{self.op} reads 2 {'' if self.arity[1] else 'or more '}tensors, got 1",
                hint=f"from=[a,b], with=b beside the tensor that arrives, or a constant: {self.op} 2",
            )
        if self.value is not None and len(inputs) == self.arity[1]:
            raise DimensionError(
                f"{self.op} has a constant beside {len(inputs)} tensors",
                field="value",
                hint="two tensors, or one and a constant",
            )

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The common shape; sizes of 1, and axes missing in front, are repeated."""
        return (broadcast(self.op, inputs),)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """``m - 1`` operations per element for ``m`` operands, a constant among them."""
        operands = len(inputs) + (self.value is not None)
        return NO_OPS._replace(**{self.kind: (operands - 1) * prod(outputs[0])})

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every input index for index, repeated along axes of size 1."""
        from convcalc.layers.reads import broadcast as repeated

        return tuple((repeated(shape, outputs[0]),) for shape in inputs)


@dataclass(frozen=True, slots=True)
class _Ordered(Join):
    """Of two operands in order, which ``reverse=true`` exchanges: ``sub 1 reverse=true`` is ``1 - x``."""

    reverse: bool

    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    alone: ClassVar[bool] = False
    options: ClassVar[tuple[Option, ...]] = (Option("value", "value", None), Option("reverse", "flag", False))


class Add(Join):
    """Sum of its operands."""

    __slots__ = ()
    op: ClassVar[str] = "add"
    kind: ClassVar[str] = "add"
    source: ClassVar[str] = "He et al. 2016, Deep residual learning, equation 1"


class Mul(Join):
    """Product of its operands (the gate of squeeze-and-excitation)."""

    __slots__ = ()
    op: ClassVar[str] = "mul"
    kind: ClassVar[str] = "mul"
    source: ClassVar[str] = "Hu et al. 2018, Squeeze-and-excitation networks, equation 4"

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """Every factor whose partner wants a gradient, and the products on the way."""
        return _chained(inputs, need, products=True)


class Maximum(Join):
    """The largest of its operands: a comparison for each but the first."""

    __slots__ = ()
    op: ClassVar[str] = "maximum"
    kind: ClassVar[str] = "cmp"
    source: ClassVar[str] = "Goodfellow et al. 2013, Maxout networks"

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """All that is compared."""
        return _compared(inputs, outputs, self.value, need)


class Minimum(Join):
    """The smallest of its operands: a comparison for each but the first."""

    __slots__ = ()
    op: ClassVar[str] = "minimum"
    kind: ClassVar[str] = "cmp"
    source: ClassVar[str] = "ONNX Min"

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """All that is compared."""
        return _compared(inputs, outputs, self.value, need)


class Sub(_Ordered):
    """The first operand less the second; counted as an addition."""

    __slots__ = ()
    op: ClassVar[str] = "sub"
    kind: ClassVar[str] = "add"
    source: ClassVar[str] = "ONNX Sub"


class Div(_Ordered):
    """The first operand over the second."""

    __slots__ = ()
    op: ClassVar[str] = "div"
    kind: ClassVar[str] = "div"
    source: ClassVar[str] = "ONNX Div"

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """There are two operands, and nothing is divided by the constant 0."""
        _Ordered.check(self, inputs)
        if type(self.value) in (int, float) and self.value == 0 and not self.reverse:
            raise DimensionError("div divides by 0", field="value", hint="a number other than 0")

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The divisor, and the first operand where the divisor wants a gradient."""
        from convcalc.layers.saved import Own, Saved

        if self.value is not None:  # a constant over x is its reciprocal times the constant
            return Saved(own=(Own("1 / x", prod(inputs[0])),)) if self.reverse else Saved()
        above, below = (1, 0) if self.reverse else (0, 1)
        return Saved((below, above) if need.inputs[below] else (below,))


class Pow(_Ordered):
    """The first operand to the power of the second; of a negative number to a fraction, no number."""

    __slots__ = ()
    op: ClassVar[str] = "pow"
    autocast: ClassVar[str] = "full"
    kind: ClassVar[str] = "special"
    source: ClassVar[str] = "ONNX Pow"

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """Base, exponent and power, as far as a gradient needs them."""
        from convcalc.layers.saved import INPUT, Saved

        if self.value is not None:
            return Saved((0,), (0,)) if self.reverse else INPUT
        exponent = 0 if self.reverse else 1
        return Saved((0, 1), (0,) if need.inputs[exponent] else ())


def _chained(inputs: tuple[Shape, ...], need: Need, products: bool) -> Saved:
    """What a product of several tensors keeps, multiplied from left to right."""
    from convcalc.layers.saved import Own, Saved

    kept: set[int] = set()
    own = []
    wanted = need.inputs[0]
    for number in range(1, len(inputs)):
        if need.inputs[number]:
            if number == 1:
                kept.add(0)
            else:
                own.append(Own("product", prod(broadcast("mul", inputs[:number]))))
        if wanted:
            kept.add(number)
        wanted = wanted or need.inputs[number]
    return Saved(tuple(sorted(kept)), own=tuple(own))


def _compared(inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], value: Any, need: Need) -> Saved:
    """What is compared from left to right: the inputs, and the largest or smallest on the way."""
    from convcalc.layers.saved import Own, Saved

    wanted, kept, own = need.inputs[0], set[int](), []
    for number in range(1, len(inputs)):
        wanted = wanted or need.inputs[number]
        if wanted:
            kept |= {number} if number > 1 else {0, 1}
            if number > 1:
                own.append(Own("compared", prod(broadcast("maximum", inputs[:number]))))
    if value is not None:
        if len(inputs) == 1:
            kept = {0}
        else:
            own.append(Own("compared", prod(outputs[0])))
    return Saved(tuple(sorted(kept)), own=tuple(own))


LAYERS = (Concat, Add, Sub, Mul, Div, Pow, Maximum, Minimum)
