"""Products of two tensors: neither of them is learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from convcalc.dims import Dim, DimensionError, Shape, equal, prod, require
from convcalc.layers.arithmetic.merge import broadcast
from convcalc.layers.base import Layer, Option, Template, fill
from convcalc.layers.values import show

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Reads, Windows
    from convcalc.layers.saved import Need, Saved


class _Operand(NamedTuple):
    """One of the two tensors, transposed where that is asked for.

    Attributes:
        batch: sizes of the axes before the matrix.
        matrix: rows and columns; a vector has its entries alone.
        places: axes of the tensor where these stand.
    """

    batch: Shape
    matrix: Shape
    places: tuple[int, ...]


def _operand(shape: Shape, transposed: bool) -> _Operand:
    first = max(0, len(shape) - 2)
    places = tuple(range(first, len(shape)))
    places = places[::-1] if transposed else places
    return _Operand(shape[:first], tuple(shape[axis] for axis in places), places)


@dataclass(frozen=True, slots=True)
class Matmul(Layer):
    """Matrix product ``a b`` of two tensors: ``(..., m, k)`` by ``(..., k, n)`` gives ``(..., m, n)``.

    The last two axes are the matrices, all before them are broadcast, aligned at the end, as NumPy does; a
    tensor of one axis is a row on the left and a column on the right, and that axis goes (the product of two
    of them has the shape ``(1,)``). ``transpose_a`` and ``transpose_b`` swap the last two axes first.
    ``macs`` are elements of the output times ``k``.

    Source: NumPy's ``matmul``; ONNX ``MatMul``. Attention is two of them (Vaswani et al. 2017, equation 1).
    """

    transpose_a: bool
    transpose_b: bool

    op: ClassVar[str] = "matmul"
    autocast: ClassVar[str] = "half"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    merges: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        Option("transpose_a", "flag", False),
        Option("transpose_b", "flag", False),
    )
    source: ClassVar[str] = "NumPy, matmul; Vaswani et al. 2017, Attention is all you need, equation 1"
    reading: ClassVar[str] = "from=[a,b], or with=b beside the tensor that arrives"
    template: ClassVar[Template] = Template(
        ("M K", "K N"),
        meanings={"M": "rows of the first", "K": "columns of the first, rows of the second",
                  "N": "columns of the second"},
    )  # fmt: skip

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; a vector has no second axis to swap."""
        layer = cls(**fill(cls, inputs, values))
        for field, transposed, shape in zip(
            ("transpose_a", "transpose_b"), (layer.transpose_a, layer.transpose_b), inputs, strict=True
        ):
            if transposed and len(shape) < 2:
                raise DimensionError(
                    f"{field} swaps the last two axes, and {show(shape)} has one",
                    field=field,
                    hint="an input of two axes or more",
                )
        layer.output_shapes(inputs)
        return layer

    @classmethod
    def partners(cls, shape: Shape, size: Callable[[], int]) -> tuple[tuple[Shape, ...], ...]:
        """A second tensor that meets the columns of the first, or its rows, transposed or not."""
        batch, inner, free = shape[:-2], shape[-1], size()
        rows = shape[-2] if len(shape) > 1 else inner
        shapes = ((*batch, inner, free), (*batch, free, inner), (inner, free), (inner,), (rows, free))
        return tuple((one,) for one in shapes)

    def output_axes(self, output: int, rank: int) -> tuple[str, ...] | None:
        """Rows and columns, behind what is broadcast."""
        before = tuple(f"axis {axis}" for axis in range(rank - 2))
        return (*before, "rows", "columns") if rank > 1 else None

    def _operands(self, inputs: tuple[Shape, ...]) -> tuple[_Operand, _Operand]:
        return _operand(inputs[0], self.transpose_a), _operand(inputs[1], self.transpose_b)

    def inner(self, inputs: tuple[Shape, ...]) -> Dim:
        """The size that is summed over."""
        return self._operands(inputs)[0].matrix[-1]

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(..., m, n)``, the axes before the matrices broadcast."""
        a, b = self._operands(inputs)
        shapes = " by ".join(
            show(shape) + (" transposed" if transposed else "")
            for shape, transposed in zip(inputs, (self.transpose_a, self.transpose_b), strict=True)
        )
        rank = max(len(a.batch), len(b.batch))
        try:
            batch = broadcast(self.op, tuple((1,) * (rank - len(one.batch)) + one.batch for one in (a, b)))
        except DimensionError:
            raise DimensionError(
                f"matmul cannot multiply {shapes}: the axes before the last two differ",
                hint="equal sizes, or 1, on every axis before the last two",
            ) from None
        columns, rows = a.matrix[-1], b.matrix[0]
        hint = "as many columns of the first as rows of the second"
        if len(b.matrix) == 2 and equal(columns, b.matrix[1]) is True:
            hint = f"transpose_b={str(not self.transpose_b).lower()}"
        elif len(a.matrix) == 2 and equal(a.matrix[0], rows) is True:
            hint = f"transpose_a={str(not self.transpose_a).lower()}"
        require(
            equal(columns, rows),
            f"matmul cannot multiply {shapes}: {columns} columns meet {rows} rows",
            hint=hint,
        )
        return ((*batch, *a.matrix[:-1], *b.matrix[1:]) or (1,),)

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """``elements of the output * k``."""
        return prod(outputs[0]) * self.inner(inputs)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """Either factor where the other wants a gradient, as a batch of matrices in order."""
        from convcalc.layers.saved import Laid, Saved

        a, b = self._operands(inputs)
        rank = max(len(a.batch), len(b.batch))
        batch = broadcast(self.op, tuple((1,) * (rank - len(one.batch)) + one.batch for one in (a, b)))
        found = []
        for number, one in enumerate((a, b)):
            if not need.inputs[1 - number]:
                continue
            axes = (0, *range(1, len(one.batch) + 1), *(place + 1 for place in one.places))
            found.append(Laid(number, axes, (*batch, *one.matrix), together=rank + 1))
        return Saved(laid=tuple(found))

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An entry reads a row of the first and a column of the second, both whole."""
        a, b = self._operands(inputs)
        batch = max(len(a.batch), len(b.batch))
        return (
            (_along(a, outputs[0], batch, batch, 0),),
            (_along(b, outputs[0], batch, batch + len(a.matrix) - 1, len(b.matrix) - 1),),
        )


def _along(operand: _Operand, written: Shape, batch: int, line: int, kept: int) -> Reads:
    """How an operand is read: ``kept`` of its matrix along axis ``line`` of the output, the other whole."""
    from convcalc.layers.reads import ALL, FIXED, ONE, Axis

    found = [ALL] * (len(operand.batch) + len(operand.matrix))
    first = batch - len(operand.batch)
    for axis, size in enumerate(operand.batch):
        repeated = type(size) is int and size == 1 and written[first + axis] != 1
        found[axis] = Axis(first + axis, FIXED if repeated else ONE)
    if len(operand.matrix) == 2:
        found[operand.places[kept]] = Axis(line, ONE)
    return tuple(found)


LAYERS = (Matmul,)
