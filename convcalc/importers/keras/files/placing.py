"""One call of one layer of a file: where it stands, and how its stages become nodes with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convcalc import layers
from convcalc.dims import UNKNOWN, DimensionError, Shape, prod
from convcalc.graph import Edge
from convcalc.importers.keras.files.records import Record
from convcalc.importers.keras.files.weights import Holder, Weights
from convcalc.importers.keras.reading import axis as axis_of
from convcalc.importers.network import Network, Stored, Unsayable
from convcalc.layers.base import Layer
from convcalc.spec.errors import SpecError
from convcalc.spec.language.arguments import values_of

if TYPE_CHECKING:
    from convcalc.spec.language.stage import Stage


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
        return (
            edge
            if self.shape(edge) == tuple(shape)
            else self.add("reshape", (edge,), name, shape=tuple(shape))
        )

    # -- stages -----------------------------------------------------------------------------

    def inside(self, shape: Shape) -> Shape:
        """The shape of one step, of a tensor that has steps that the layer knows nothing of."""
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


class Misfit(Exception):
    """A layer that does not fit the shapes that arrive, as of a size that is too small."""

    def __init__(self, error: DimensionError) -> None:
        super().__init__(str(error))
        self.error = error


def known(size: Any) -> int:
    """A size that must be a number."""
    if type(size) is not int:
        raise Unsayable("needs a size that is a number")
    return size


def product(shape: Shape) -> Any:
    """Elements of a shape."""
    return prod(shape) if all(size is not UNKNOWN for size in shape) else UNKNOWN
