"""An operator of another notation that no layer here says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convcalc.dims import UNKNOWN, Dim, DimensionError, Shape
from convcalc.layers.base import Layer, Ops, Option, Template
from convcalc.layers.values import MOST_AXES, whole

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows

_WORD: Final = re.compile(r"[A-Za-z_][\w.:/+-]{0,199}\Z", re.ASCII)
_UNKNOWN_OPS: Final = Ops(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)


def word(text: str) -> str:
    """What an operator is called elsewhere, in letters, digits and ``. : / + - _``."""
    legal = re.sub(r"[^\w.:/+-]", "_", text, flags=re.ASCII)[:199]
    legal = re.sub(r":+\Z", lambda end: "_" * len(end[0]), legal)
    return legal if _WORD.match(legal) else f"_{legal}"


@dataclass(frozen=True, slots=True)
class Opaque(Layer):
    """An operator that is not known here: it says what it writes, and nobody what it costs.

    It reads any number of tensors of any shape; ``from=[]`` none. ``shapes`` states its outputs, one
    (``shapes=10x4``) or several (``shapes=10x4,10``), where a size may be ``?`` and ``()`` is a single
    number. ``params`` and ``buffers`` are the numbers that are stored for it, learned and not. Its MACs and
    operations are unknown, so that totals with it are too, and it cannot be run.

    Source: the operators of ONNX, PyTorch and Keras that no layer of convcalc is.
    """

    what: str
    shapes: tuple[Shape, ...]
    params: Dim
    buffered: Dim

    op: ClassVar[str] = "opaque"
    opaque: ClassVar[bool] = True
    source: ClassVar[str] = "operators of ONNX, PyTorch and Keras that no layer is"
    arity: ClassVar[tuple[int, int | None]] = (0, None)
    options: ClassVar[tuple[Option, ...]] = (
        Option("what", "word"),
        Option("shapes", "shapes", aliases=("shape",)),
        Option("params", "dim", 0, minimum=0),
        Option("buffered", "dim", 0, minimum=0, aliases=("buffers",)),
    )
    positional: ClassVar[tuple[str, ...]] = ("what",)
    template: ClassVar[Template] = Template(
        options={"what": "A", "shapes": ("C", "H", "W"), "params": None, "buffered": None},
        meanings={"A": "name of the operator", "H": "height", "W": "width"},
    )

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make it from its name and the shapes that it writes."""
        what, shape = values.get("what"), values.get("shapes")
        if what is None:
            raise DimensionError("opaque needs the name of an operator", hint="opaque TopK shapes=100")
        what = word(str(what))
        if shape is None:
            raise DimensionError(
                "opaque needs the shape that it writes", hint=f"opaque {what} shapes=10x4, or shapes=10x4,?"
            )
        shapes = shape if isinstance(shape, tuple) else (shape,)
        if not any(isinstance(one, tuple) for one in shapes):
            shapes = (shapes,)
        found = []
        for one in shapes:
            sizes = one if isinstance(one, tuple) else (one,)
            if len(sizes) > MOST_AXES:
                raise DimensionError(
                    f"a shape of {len(sizes)} sizes", field="shapes", hint=f"up to {MOST_AXES}"
                )
            found.append(tuple(size if size is UNKNOWN else whole(size, "shapes") for size in sizes))
        given = {name: values.get(name) for name in ("params", "buffered")}
        counts = {name: 0 if count is None else count for name, count in given.items()}
        return cls(what, tuple(found), *(whole(count, name, 0) for name, count in counts.items()))

    @property
    def decided_by(self) -> str:  # type: ignore[override]
        """The operator itself."""
        return f"rules of {self.what} that are not known here"

    def output_names(self) -> tuple[str, ...]:
        """The numbers of the outputs, where there are several."""
        return ("",) if len(self.shapes) == 1 else tuple(map(str, range(len(self.shapes))))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Those that were stated."""
        return self.shapes

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``value``: all that is learned for it."""
        return {"value": (self.params,)} if self.params != 0 else {}

    def buffers(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``buffer``: all that is stored for it and not learned."""
        return {"buffer": (self.buffered,)} if self.buffered != 0 else {}

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Unknown."""
        return _UNKNOWN_OPS

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Anything of any input may be read."""
        from convcalc.layers.reads import DECIDED, Axis

        return tuple((tuple(Axis(None, DECIDED) for _ in shape),) for shape in inputs)


LAYERS = (Opaque,)
