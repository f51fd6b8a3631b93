"""Fully connected layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, equal, prod
from convcalc.layers.base import INFER, Option, Template, fill
from convcalc.layers.products.weights import ARRIVING, Weighted, weight_first
from convcalc.layers.values import axis_of, show

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved, Steps


@dataclass(frozen=True, slots=True)
class Linear(Weighted):
    """Fully connected layer: over a flat input or, where an ``axis`` holds the features, along that one.

    The axis is a number, or ``channels`` for the first; all other axes are positions. Weights ``(out, in)``;
    ``macs = positions * in * out``.
    """

    in_features: Dim
    out_features: Dim
    bias: bool
    axis: int | str
    arriving: str | None = None

    op: ClassVar[str] = "linear"
    autocast: ClassVar[str] = "half"
    options: ClassVar[tuple[Option, ...]] = (
        Option("in_features", "dim", INFER, aliases=("in",)),
        Option("out_features", "dim", aliases=("out",)),
        Option("bias", "flag", True),
        Option("axis", "axis", "flat", choices=("flat", "channels")),
        ARRIVING,
    )
    positional: ClassVar[tuple[str, ...]] = ("in_features->out_features",)
    sized_by: ClassVar[str] = "axis"
    source: ClassVar[str] = "the affine map y = W x + b"
    layout: ClassVar[str] = "(out, in)"
    template: ClassVar[Template] = Template(
        ("M",), meanings={"M": "features that arrive", "N": "features that leave"}
    )

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; several axes must be flattened unless it is said which one has the features."""
        if len(inputs[0]) > 1 and values.get("axis", "flat") == "flat":
            raise DimensionError(
                f"linear needs a flat input, got {show(inputs[0])}",
                hint="'flatten' before it, or axis=channels or axis=-1 to apply it at every position",
            )
        _check_features(inputs[0], values)
        found = weight_first(cls, inputs, values, 2)
        if len(inputs) > 1:
            found.setdefault("out_features", inputs[1][0])
        found = fill(cls, inputs, found)
        if len(inputs[0]) == 1:  # there is one position, and all mean the same
            found["axis"] = "flat"
        elif found["axis"] == 0:
            found["axis"] = "channels"
        layer = cls(**found)
        layer.check_arriving(inputs)
        return layer

    @classmethod
    def partners(cls, shape: Shape, size: Callable[[], int]) -> tuple[tuple[Shape, ...], ...]:
        """A weight, with a bias or without."""
        out = size()
        return tuple(beside for n in shape for beside in (((out, n),), ((out, n), (out,))))

    @property
    def along(self) -> int:
        """The axis of the features."""
        return self.axis if isinstance(self.axis, int) else 0

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``out_features`` in place of the features that arrive."""
        shape = inputs[0]
        return ((*shape[: self.along], self.out_features, *shape[self.along + 1 :]),)

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight (out, in)`` and ``bias (out,)``, as far as they do not arrive."""
        return self.owned((self.out_features, self.in_features), self.out_features)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input as rows of features, for the gradient of the weight; what arrives as weight."""
        from convcalc.layers.saved import Laid, Saved

        rank = len(inputs[0])
        order = (*(a for a in range(rank + 1) if a != self.along + 1), self.along + 1)
        if len(inputs) == 1 or all(need.single[1:]):
            arriving = (1,) * (len(inputs) > 1 and need.inputs[0])
            wanted = need.inputs[1] if arriving else need.learned
            return Saved(arriving, laid=(Laid(0, order, together=rank),) if wanted else ())
        # a weight for each sample: a batch of products of matrices
        between = tuple(n for a, n in enumerate(inputs[0]) if a != self.along)[:-1]
        batch = 1 + len(between)
        found = (Laid(0, order, together=batch), Laid(1, (0, 1, 2), (*between, *inputs[1]), batch))
        return Saved(
            laid=tuple(one for one, partner in zip(found, (1, 0), strict=True) if need.inputs[partner])
        )

    def writes(self, shape: tuple[int, ...]) -> Steps | None:
        """The features lie together wherever their axis is."""
        from convcalc.layers.saved import laid_out

        axis = self.along + 1
        return laid_out([*(a for a in range(len(shape)) if a != axis), axis], shape)

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """``positions * in * out``."""
        return prod(outputs[0]) * self.in_features

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every output reads all features at its position, and its row of the weight."""
        from convcalc.layers.reads import ALL, EVERY, ONE, Axis, along

        window = along(inputs[0], {self.along: EVERY})
        return self.with_arriving(((window,),), (Axis(self.along, ONE), ALL), self.along)


def _check_features(shape: Shape, values: Mapping[str, Any]) -> None:
    """Refuse features that lie on no axis but are all there are: what was forgotten is to flatten them."""
    features, axis = values.get("in_features"), values.get("axis")
    if features is None or not isinstance(axis, int) or len(shape) < 2:
        return
    arriving = shape[axis_of(axis, shape)]
    if equal(features, arriving) is False and equal(features, prod(shape)) is True:
        raise DimensionError(
            f"in_features is {features}, but {arriving} arrive on the axis of the features of {show(shape)}",
            field="in_features",
            hint="'flatten' before it",
        )


LAYERS = (Linear,)
