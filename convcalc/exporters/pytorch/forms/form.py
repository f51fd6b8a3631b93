"""What a form is: how a layer is made and called in PyTorch, in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from convcalc.dims import Shape
from convcalc.exporters.pytorch.code import Expr, call, expr, key, listed, literal, method, tight


@dataclass
class Place:
    """A layer in its place.

    Attributes:
        layer: the layer.
        shapes: those that arrive, without the batch.
        outputs: those that leave.
        wanted: numbers of the outputs that somebody reads.
        single: of each input, whether it is the same for all samples, and has one alone.
        arrays: names of the layer's own arrays with their shapes.
        helpers: names of the functions that the form needs beside PyTorch's own.
        me: how its module is reached.
    """

    layer: Any
    shapes: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    wanted: frozenset[int]
    single: tuple[bool, ...]
    arrays: dict[str, Shape]
    helpers: set[str] = field(default_factory=set)
    me: str = "self.me"

    @property
    def rank(self) -> int:
        """Axes of the first input, without the batch."""
        return len(self.shapes[0])

    @property
    def axes(self) -> int:
        """Spatial axes of the first input."""
        return len(self.shapes[0]) - 1

    def dim(self, axis: int) -> int:
        """An axis as PyTorch counts it, with the batch before it; the last of several is -1."""
        return -1 if axis == self.rank - 1 and axis > 0 else axis + 1

    def helper(self, name: str) -> str:
        """The name of a function that is written into the file."""
        self.helpers.add(name)
        return name

    def weights(self) -> Expr:
        """A module that holds the learned arrays of the layer and nothing else."""
        self.helpers.add("Weights")
        return call("Weights", *(key(name, tuple(shape)) for name, shape in self.arrays.items()))

    def buffers(self) -> Expr:
        """A module that holds the stored arrays of the layer and nothing else."""
        self.helpers.add("Buffers")
        return call("Buffers", *(key(name, tuple(shape)) for name, shape in self.arrays.items()))

    def indices(self) -> Expr:
        """A module that holds the stored indices of the layer."""
        self.helpers.add("Buffers")
        stored = [key(name, tuple(shape)) for name, shape in self.arrays.items()]
        return call("Buffers", *stored, key("dtype", Expr(("torch.long",))))

    def own(self, array: str) -> Expr:
        """An array of the layer."""
        return expr(f"{self.me}.{array}")


class Form(NamedTuple):
    """How a layer is made and called.

    Attributes:
        apply: the expression of its outputs, given those of its inputs.
        module: what makes its module, where it has one.
        plain: calling the module is all there is to it.
        spare: a module that does the same, where it is a function otherwise.
        parts: how many values it gives at once; 0 where it gives its one output.
        named: its inputs are to be names, for they are read several times.
    """

    apply: Callable[[list[Expr]], Expr]
    module: Expr | None = None
    plain: bool = False
    spare: Expr | None = None
    parts: int = 0
    named: bool = False


Former: TypeAlias = Callable[[Place], Form]


def made(place: Place, module: Expr, before: Any = None, after: Any = None) -> Form:
    """A module, and what is done with its input and its output."""

    def apply(xs: list[Expr]) -> Expr:
        x = xs[0] if before is None else before(xs[0])
        y = call(place.me, x)
        return y if after is None else after(y)

    return Form(apply, module, plain=before is None and after is None)


def function(name: str, *arguments: Any, module: Any = None) -> Form:
    """A function of one tensor, with further arguments, and the class of the module that does the same."""
    spare = None if module is None else call(module, *arguments)
    return Form(lambda xs: call(name, xs[0], *arguments), spare=spare)


def of_method(name: str, *arguments: Any, spare: Expr | None = None) -> Form:
    """A method of the tensor."""
    return Form(lambda xs: method(xs[0], name, *arguments), spare=spare)


def even(values: Sequence[Any]) -> Any:
    """One value where all axes have the same."""
    return values[0] if all(v == values[0] for v in values) else tuple(values)


def widths(pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Pairs by axis as ``F.pad`` takes them: the last axis first."""
    found = [width for pair in reversed(pairs) for width in pair]
    while len(found) > 2 and found[-2:] == [0, 0]:
        del found[-2:]
    return tuple(found)


def padded(pairs: Sequence[tuple[int, int]], *more: Any) -> Callable[[Expr], Expr]:
    """What pads a tensor by these pairs."""
    return lambda x: call("F.pad", x, literal(widths(pairs)), *more)


def moved(source: Any, target: Any, rank: int = 0) -> Callable[[Expr], Expr]:
    """What moves axes of a tensor; of one of that rank, without the batch, where it is given."""

    def move(x: Expr) -> Expr:
        if x.moved is not None and x.moved[1:] == (target, source):
            return x.moved[0]
        if rank == 2 and {source, target} == {1, -1}:
            found = method(x, "transpose", 1, 2)
        else:
            found = method(x, "movedim", literal(source), literal(target))
        return replace(found, moved=(x, source, target))

    return move


def anywhere(form: Form, rank: int = 0) -> Form:
    """A function entry by entry: it is applied before an axis is moved, and its result is moved."""

    def apply(xs: list[Expr]) -> Expr:
        if xs[0].moved is None or len(xs) > 1:
            return form.apply(xs)
        x, source, target = xs[0].moved
        return moved(source, target, rank)(form.apply([x]))

    return form._replace(apply=apply)


def inside(x: Expr, axes: int) -> Expr:
    """A tensor with so many axes of size 1 behind the batch."""
    return x if axes == 0 else expr(tight(x), "[:" + ", None" * axes + "]")


def tuple_of(items: Sequence[Any]) -> Expr:
    """A tuple of values that may be arguments."""
    return listed(items, "()")
