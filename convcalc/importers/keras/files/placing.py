"""One call of one layer of a file: where it stands, and how its stages become nodes with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc import layers
from convcalc.dims import UNKNOWN, DimensionError, Shape, prod
from convcalc.graph import Edge
from convcalc.importers.keras.files.records import Record
from convcalc.importers.keras.files.weights import Holder, Turn, Weights, depthwise, last_first, to_front
from convcalc.importers.keras.reading import axis as axis_of
from convcalc.importers.network import Network, Stored, Unsayable
from convcalc.layers.base import Layer
from convcalc.spec.errors import SpecError
from convcalc.spec.language.arguments import values_of

if TYPE_CHECKING:
    from convcalc.spec.language.stage import Stage


class Variable(NamedTuple):
    """One variable of Keras that is an array of ours.

    Attributes:
        array: the array of the layer.
        name: what Keras calls it.
        shape: its shape there.
        turn: makes it the array.
        learned: whether it is a parameter.
    """

    array: str
    name: str
    shape: tuple[int, ...]
    turn: Turn | None = None
    learned: bool = True


class At:
    """A layer of a file at one of its calls.

    Attributes:
        network: what is built.
        weights: of the file.
        record: the layer.
        path: where it stands.
        holder: where its weights are.
        first: whether tensors have their channels first.
        times: axes of steps behind the channels that the layer knows nothing of (``TimeDistributed``).
    """

    def __init__(
        self, network: Network, weights: Weights, record: Record, path: str, holder: Holder, first: bool,
        times: int = 0,
    ) -> None:  # fmt: skip
        self.network = network
        self.weights = weights
        self.record = record
        self.path = path
        self.holder = holder
        self.first = first
        self.times = times

    @property
    def config(self) -> dict[str, Any]:
        """The arguments of the layer."""
        return self.record.config

    def shape(self, edge: Edge) -> Shape:
        """Shape of a tensor, as it is here."""
        return self.network.shape(edge)

    def add(
        self, op: str, edges: Sequence[Edge], name: str = "", weights: dict[str, Stored] | None = None,
        **options: Any,
    ) -> Edge:  # fmt: skip
        """A layer of this one; the first of what it writes."""
        path = f"{self.path}.{name}" if name else self.path
        return self.network.add(op, edges, options, path, weights)[0]

    def stored(
        self, number: int, name: str, shape: Shape, *, learned: bool = True, holder: Holder | None = None
    ) -> Stored:
        """A variable of this layer, or of one inside it."""
        if any(type(size) is not int for size in shape):
            raise Unsayable("has weights of an unknown shape")
        where = self.holder if holder is None else holder
        return self.weights.stored(where, number, name, tuple(shape), learned=learned)

    def number(self, key: str, otherwise: Any = None, least: float | None = None) -> Any:
        """A number of the configuration."""
        value = self.config.get(key, otherwise)
        if value is None or isinstance(value, bool) or not isinstance(value, int | float):
            raise Unsayable(f"has a {key} that is no number")
        if value != value or abs(value) > 1e300 or (least is not None and value < least):
            raise Unsayable(f"has a {key} of {value}")
        return value

    def whole(self, key: str, otherwise: Any = None) -> int:
        """A whole number from 1 of the configuration."""
        value = self.number(key, otherwise, 1)
        if not isinstance(value, int) or value >= 1 << 62:
            raise Unsayable(f"has a {key} of {value}")
        return value

    def flag(self, key: str, otherwise: bool) -> bool:
        """A switch of the configuration."""
        value = self.config.get(key)
        if value is None:
            return otherwise
        if not isinstance(value, bool):
            raise Unsayable(f"has a {key} that is neither true nor false")
        return value

    def single(self) -> None:
        """Refuse to be repeated along an axis of steps."""
        if self.times:
            raise Unsayable("stands in TimeDistributed, where it is not modelled")

    # -- axes -------------------------------------------------------------------------------

    def axis(self, given: Any, rank: int) -> int:
        """The axis here of one of Keras, which counts the batch."""
        found = axis_of(given, rank, self.first) if type(given) is int else None
        if found is None:
            raise Unsayable(f"works along axis {str(given)[:20]} of {rank} and the batch")
        return found

    def natural(self, edge: Edge, name: str = "order") -> Edge:
        """A tensor with its axes as Keras has them."""
        rank = len(self.shape(edge))
        return edge if self.first or rank < 2 else self.order(edge, (*range(1, rank), 0), name)

    def ours(self, edge: Edge, name: str = "order") -> Edge:
        """A tensor whose axes are as Keras has them, with them as they are here."""
        rank = len(self.shape(edge))
        return edge if self.first or rank < 2 else self.order(edge, (rank - 1, *range(rank - 1)), name)

    def order(self, edge: Edge, order: Sequence[int], name: str = "order") -> Edge:
        """The axes in another order."""
        if list(order) == sorted(order):
            return edge
        return self.add("permute", (edge,), name, order=tuple(order))

    def turned(self, shape: Sequence[Any]) -> tuple[Any, ...]:
        """A shape of Keras without its batch, as it is here."""
        return tuple(shape) if self.first or len(shape) < 2 else (shape[-1], *shape[:-1])

    def reshape(self, edge: Edge, shape: Shape, name: str = "reshape") -> Edge:
        """Another shape of the same elements, in the order in which they stand here."""
        return edge if self.shape(edge) == tuple(shape) else self.add("reshape", (edge,), name, shape=tuple(shape))

    # -- stages -----------------------------------------------------------------------------

    def run(self, stages: Sequence[Stage], edges: Sequence[Edge], names: Sequence[str] = ()) -> Edge:
        """The stages of a layer one after the other, with the variables of the layer as their weights."""
        from convcalc.importers.keras.files.timed import lifted

        number = 0
        for place, stage in enumerate(stages):
            shapes = tuple(self._inside(self.shape(edge)) for edge in edges)
            layer = self.made(stage, shapes)
            stored = {}
            for variable in variables(layer, shapes, self):
                found = self.stored(number, variable.name, variable.shape, learned=variable.learned)
                stored[variable.array] = variable.turn(found) if variable.turn else found
                number += 1
            name = stage.name if len(stages) > 1 else ""
            if place < len(names):
                name = names[place]
            if self.times:
                edges = (lifted(self, layer, edges, shapes, stored, name),)
            else:
                path = f"{self.path}.{name}" if name else self.path
                edges = self.network.place(layer, edges, layer.output_shapes(shapes), path, stored)[:1]
        return edges[0]

    def _inside(self, shape: Shape) -> Shape:
        return (shape[0], *shape[1 + self.times :]) if self.times else shape

    def made(self, stage: Stage, shapes: tuple[Shape, ...]) -> Layer:
        """The layer of a stage.

        Raises:
            Unsayable: it does not fit the shapes.
        """
        try:
            values = values_of(stage, {})
            wrong = stage.rank is not None and shapes and len(shapes[0]) - 1 != stage.rank
            if wrong and not (stage.flat_too and len(shapes[0]) == 1):
                raise DimensionError(f"{stage.origin} needs {stage.rank} spatial axes")
            if stage.adapt is not None:
                values = stage.adapt(shapes, values)
            cls = layers.lookup(stage.name)
            low, high = cls.arity
            if len(shapes) < low or (high is not None and len(shapes) > high):
                raise DimensionError(f"{stage.origin} reads {low} tensors, and not {len(shapes)}")
            layer = cls.create(shapes, values)
            layer.output_shapes(shapes)
        except SpecError as error:
            raise Unsayable(f"is not read: {error.problems[0].message}") from None
        except DimensionError as error:
            raise Misfit(error) from None
        return layer


class Misfit(Exception):  # noqa: N818
    """A layer that does not fit the shapes that arrive, as of a size that is too small."""

    def __init__(self, error: DimensionError) -> None:
        super().__init__(str(error))
        self.error = error


_NORMAL: Final = (("weight", "gamma", True), ("bias", "beta", True), ("running_mean", "moving_mean", False),
                  ("running_var", "moving_variance", False))  # fmt: skip


def variables(layer: Layer, shapes: tuple[Shape, ...], at: At) -> list[Variable]:
    """The variables that Keras keeps for a layer, in the order in which it does.

    Raises:
        Unsayable: the layer has arrays that are not known of Keras.
    """
    arrays = layer.arrays(shapes)
    if not arrays:
        return []
    if any(type(size) is not int for shape in arrays.values() for size in shape):
        raise Unsayable("has weights of an unknown shape")
    kind: Any = _FORMS.get(layer.op)
    if kind is None:
        raise Unsayable(f"has weights of a form that is not known here ({layer.op})")
    found: list[Variable] = kind(arrays, shapes[0], at)
    return found


def _convolution(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    out, group, *kernel = arrays["weight"]
    found = [Variable("weight", "kernel", (*kernel, group, out), to_front)]
    return found + _bias(arrays)


def _bias(arrays: dict[str, Any]) -> list[Variable]:
    return [Variable("bias", "bias", arrays["bias"])] if "bias" in arrays else []


def _depthwise(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    out, _, *kernel = arrays["weight"]
    found = [Variable("weight", "depthwise_kernel", (*kernel, shape[0], out // shape[0]), depthwise)]
    return found + _bias(arrays)


def _dense(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    out, entering = arrays["weight"]
    return [Variable("weight", "kernel", (entering, out), to_front), *_bias(arrays)]


def _norm(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    """Of several axes the channels are the last there."""
    found = []
    axes = at.config.get("axis", -1)
    listed = axes if isinstance(axes, list) else [axes]
    channels = not at.first and bool({-1, len(shape)} & set(map(int, (a for a in listed if type(a) is int))))
    for array, name, learned in _NORMAL:
        if array in arrays:
            own = arrays[array]
            turned = channels and len(own) > 1
            stated = (*own[1:], own[0]) if turned else own
            found.append(Variable(array, name, stated, last_first if turned else None, learned))
    return found


def _slopes(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    own = arrays["weight"]
    if len(own) == len(shape) and len(own) > 1:
        turned = not at.first
        return [Variable("weight", "alpha", (*own[1:], own[0]) if turned else own, last_first if turned else None)]
    ones = (1,) * (len(shape) - 1)
    return [Variable("weight", "alpha", (*own, *ones) if at.first else (*ones, *own), lambda s: s.reshaped(own))]


def _table(arrays: dict[str, Any], shape: Shape, at: At) -> list[Variable]:
    return [Variable("weight", "embeddings", arrays["weight"])]


_FORMS: Final = {
    **dict.fromkeys(("conv", "convT"), _convolution),
    "dwconv": _depthwise,
    "linear": _dense,
    **dict.fromkeys(("bn", "ln", "gn", "rmsnorm"), _norm),
    "prelu": _slopes,
    "embedding": _table,
}  # fmt: skip
"""How the arrays of a layer are kept by Keras."""


def known(size: Any) -> int:
    """A size that must be a number."""
    if type(size) is not int:
        raise Unsayable("needs a size that is a number")
    return size


def product(shape: Shape) -> Any:
    """Elements of a shape."""
    return prod(shape) if all(size is not UNKNOWN for size in shape) else UNKNOWN


__all__ = ["At", "Misfit", "Variable", "known", "product", "replace", "variables"]
