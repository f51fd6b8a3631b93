"""Look-ups: rows of a table, or entries of a tensor, chosen by whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, prod, require
from convcalc.layers.base import Layer, Option, Template, fill
from convcalc.layers.values import show, whole

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved


@dataclass(frozen=True, slots=True)
class Embedding(Layer):
    """Vectors of a learned table: whole number ``i`` becomes row ``i``, along a new last axis.

    The input holds whole numbers from 0 to ``entries - 1`` (tokens, say) in any shape; a number outside is
    an error when it runs. Nothing is computed: no MACs, no operations.

    Source: PyTorch ``Embedding``; Bengio et al. 2003, A neural probabilistic language model.
    """

    entries: Dim
    features: Dim

    op: ClassVar[str] = "embedding"
    source: ClassVar[str] = "Bengio et al. 2003, A neural probabilistic language model; PyTorch Embedding"
    looks_up: ClassVar[tuple[int, ...]] = (0,)
    options: ClassVar[tuple[Option, ...]] = (Option("entries", "dim"), Option("features", "dim"))
    positional: ClassVar[tuple[str, ...]] = ("entries->features",)
    template: ClassVar[Template] = Template(
        ("L",),
        {"entries": "V", "features": "D"},
        {
            "V": "entries of the table",
            "D": "features of each entry",
            "C": "numbers that arrive",
            "L": "numbers that arrive",
        },
    )

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(i..., features)``."""
        return ((*inputs[0], self.features),)

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight``: a row for each entry."""
        return {"weight": (self.entries, self.features)}

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """A vector reads the number at its place."""
        from convcalc.layers.reads import identity

        return ((identity(inputs[0]),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The whole numbers that choose, of 64 bits."""
        from convcalc.layers.saved import INDEX, Own, Saved

        return Saved(own=(Own("indices", prod(inputs[0]), INDEX),))


@dataclass(frozen=True, slots=True)
class Gather(Layer):
    """Entries along one axis, chosen by an index: the axes of the index stand in place of the axis.

    Output ``[a..., i..., b...]`` is input ``[a..., index[i...], b...]``, as of ``numpy.take``. The index is

    - stored with the weights (``shape``; whole numbers, drawn below the size of the axis unless loaded),
    - written out (``index=(0,2,1)``; nothing is stored), or
    - a second input, one for each sample.

    Entries count from 0, negative ones from the end of the axis; any other is an error.

    Source: NumPy ``take``, ONNX Gather; Liu et al. 2021, Swin transformer (relative position bias).
    """

    shape: tuple[Dim, ...] | None
    index: tuple[int, ...] | None
    axis: int
    size: Dim

    op: ClassVar[str] = "gather"
    source: ClassVar[str] = "NumPy take, ONNX Gather"
    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    looks_up: ClassVar[tuple[int, ...]] = (1,)
    reading: ClassVar[str] = "one tensor and a stored index (gather 49x49), or from=[tensor,index]"
    options: ClassVar[tuple[Option, ...]] = (
        Option("shape", "shape", None),
        Option("index", "ints", None),
        Option("axis", "axis", 0),
    )
    positional: ClassVar[tuple[str, ...]] = ("shape",)
    template: ClassVar[Template] = Template(
        ("N D",),
        {"shape": ("L", "L"), "axis": 0},
        {"N": "entries", "D": "features of each entry", "L": "rows and columns of the index"},
    )

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; there is one index, and what is written out of it lies in the axis."""
        found = fill(cls, inputs, values)
        shape, index, axis = found["shape"], found["index"], found["axis"]
        ways = (shape is not None) + (index is not None) + (len(inputs) > 1)
        if ways != 1:
            raise DimensionError(
                f"gather has {'no' if ways == 0 else 'more than one'} index",
                hint="one of: the shape of a stored one (gather 49x49), index=(0,2,1), a second input",
            )
        size = inputs[0][axis]
        if shape is not None:
            shape = tuple(whole(entry, "shape") for entry in shape)
        if index is not None:
            index = index if isinstance(index, tuple) else (index,)
            index = tuple(_entry(entry, size, inputs[0]) for entry in index)
        return cls(shape, index, axis, size)

    @property
    def decided_by(self) -> str:  # type: ignore[override]
        """The entries of the index, unless they are written out."""
        return "" if self.index is not None else "the entries of its index"

    def _index_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if self.index is not None:
            return (len(self.index),)
        return inputs[1] if self.shape is None else self.shape

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape that arrives, with that of the index in place of the axis."""
        shape = inputs[0]
        return ((*shape[: self.axis], *self._index_shape(inputs), *shape[self.axis + 1 :]),)

    def indices(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``index``, where it is stored."""
        return {} if self.shape is None else {"index": self.shape}

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Along the axis what the index says, elsewhere index for index; of the index its own entry."""
        from convcalc.layers.reads import DECIDED, ONE, Axis, Picks

        first, many = self.axis, len(self._index_shape(inputs))
        chosen = DECIDED if self.index is None else Picks(self.index)
        axes = tuple(
            Axis(a, ONE) if a < first else Axis(a, chosen) if a == first else Axis(a - 1 + many, ONE)
            for a in range(len(inputs[0]))
        )
        if len(inputs) == 1:
            return ((axes,),)
        return ((axes,), (tuple(Axis(first + a, ONE) for a in range(many)),))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """An index that is written out; one that is stored is there anyway."""
        from convcalc.layers.saved import INDEX, NOTHING, Own, Saved

        if self.shape is not None:
            return NOTHING
        many = prod(self._index_shape(inputs))
        return Saved(own=(Own("indices", many, INDEX, shared=self.index is not None),))


def _entry(entry: Any, size: Dim, shape: Shape) -> int:
    """An entry of an index that is written out, counted from 0.

    Raises:
        DimensionError: it is no whole number, or no place along the axis.
    """
    if type(entry) is not int:
        raise DimensionError(f"an index of {entry}", field="index", hint="whole numbers, such as (0,2,1)")
    if type(size) is int and -size <= entry < size:
        return entry % size
    message = f"no entry {entry} along an axis of {size} (of {show(shape)})"
    if type(size) is int or entry < 0:
        last = f"0 to {size - 1}" if type(size) is int else "entries from 0 where the size is no number"
        raise DimensionError(message, field="index", hint=last)
    require(size > entry, message, field="index", hint=f"an axis of at least {entry + 1}")
    return entry


LAYERS = (Embedding, Gather)
