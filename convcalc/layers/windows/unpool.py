"""Unpooling: the values of a max-pool back where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, equal, require
from convcalc.layers.base import Option, Template
from convcalc.layers.values import Padding, axes, show
from convcalc.layers.windows.pool import WINDOW, strided
from convcalc.layers.windows.window import Spreading

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved


@dataclass(frozen=True, slots=True)
class MaxUnpool(Spreading):
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
    options: ClassVar[tuple[Option, ...]] = (*WINDOW, Option("size", "axes", None))
    source: ClassVar[str] = "Badrinarayanan et al. 2017, SegNet"
    index_inputs: ClassVar[tuple[int, ...]] = (1,)
    template: ClassVar[Template] = Template(options={"size": None})

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the two inputs must be of one shape."""
        found = strided(cls, inputs, values)
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
        """An output reads every value whose window covers it: its index may point anywhere into that."""
        from convcalc.layers.reads import Spread, along

        rules = {
            axis: Spread(k, s, 1, before)
            for axis, (k, s, (before, _)) in enumerate(
                zip(self.kernel, self.stride, self.padding, strict=True), 1
            )
        }
        window = along(inputs[0], rules)
        return ((window,), (window,))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The indices."""
        from convcalc.layers.saved import Saved

        return Saved((1,))


LAYERS = (MaxUnpool,)
