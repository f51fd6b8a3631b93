"""One use of an operator: its node, what it reads, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import pack, unpack
from typing import TYPE_CHECKING, Any, Final

from convcalc.dims import is_symbolic
from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.folded import MOST, Folded, Unfolded
from convcalc.importers.onnx.tensors import DTYPES, Tensor
from convcalc.importers.tensors import Value

if TYPE_CHECKING:
    from convcalc.importers.onnx.model import Node

INDICES: Final = "indices"
"""Type of what says where a max-pooling found its values: unpooling alone reads it."""


class Term:
    """A named value of the graph: an array of the file, entries that are known, or a tensor of the network.

    Attributes:
        tensor: the array in the file.
        folded: the entries, where they are known.
        value: the tensor of the network.
        learned: whether an array of the file is a parameter, where no layer says what it is.
        lost: why nothing is known of it, not even its shape.
    """

    __slots__ = ("folded", "learned", "lost", "name", "tensor", "value")

    def __init__(
        self,
        name: str,
        tensor: Tensor | None = None,
        folded: Folded | None = None,
        value: Value | None = None,
        learned: bool = True,
        lost: str = "",
    ) -> None:
        self.name, self.tensor, self.folded, self.value = name, tensor, folded, value
        self.learned, self.lost = learned, lost

    @property
    def dims(self) -> tuple[Any, ...]:
        """Its shape."""
        for known in (self.folded, self.tensor, self.value):
            if known is not None:
                return tuple(known.dims)
        raise Unsayable(f"reads {self.lost}")

    @property
    def dtype(self) -> str:
        """Type of its entries."""
        for known in (self.folded, self.tensor, self.value):
            if known is not None:
                return known.dtype
        return "undefined"

    def entries(self, whole: bool = True) -> Folded:
        """Its entries, where they are known; of many numbers that are no whole ones only where asked for.

        Raises:
            Unfolded: they are not.
        """
        if self.folded is None:
            if self.tensor is None:
                raise Unfolded
            short = _short(self.tensor, whole, self.learned)
            values = self.tensor.values(MOST) if short or not self.learned else None
            if values is None or not (short or not any(values)):  # zeros are no weights: first states, say
                raise Unfolded
            self.folded = Folded(self.tensor.dims, values, self.tensor.dtype)
        return self.folded

    def stored(self) -> Stored | None:
        """The array of the file, or that of known entries; None for a tensor of the network."""
        if self.value is not None and (self.value.edge is not None or self.folded is None):
            return self.value.stored if self.value.edge is None else None
        if self.tensor is not None:
            return of_tensor(self.name, self.tensor, self.learned)
        entries = self.folded
        if entries is None or any(map(is_symbolic, entries.items)):
            return None

        def read() -> Any:
            import numpy as np

            return np.asarray(entries.items, entries.dtype).reshape(entries.dims)

        return Stored(self.name, entries.dims, entries.dtype, read, learned=False, counted=False)

    def tensor_of(self) -> Value:
        """The tensor of the network that it is."""
        if self.lost:
            raise Unsayable(f"reads {self.lost}")
        if self.value is None:
            if self.folded is not None and self.tensor is None:
                stored = self.stored() if self.folded.dims else None
                known = None if stored is not None else nested(self.folded.items, self.folded.dims)
                self.value = Value(self.folded.dims, stored=stored, known=known, dtype=self.folded.dtype)
            else:
                stored = self.stored()
                assert stored is not None
                self.value = Value(stored.shape, stored=stored, dtype=stored.dtype)
        return self.value


def _short(tensor: Tensor, whole: bool, learned: bool) -> bool:
    if "float" not in tensor.dtype:
        return tensor.size <= MOST
    return not whole or tensor.dims == () or (tensor.size == 1 and not learned)


def of_tensor(name: str, tensor: Tensor, learned: bool) -> Stored:
    """An array of the file, which is read when it is needed."""
    floating = "float" in tensor.dtype
    return Stored(name, tensor.dims, tensor.dtype, tensor.array, learned=learned and floating)


def nested(items: Sequence[Any], dims: Sequence[int]) -> Any:
    """Entries as nested tuples."""
    if not dims:
        return items[0]
    step = len(items) // dims[0] if dims[0] else 0
    return tuple(nested(items[i * step : (i + 1) * step], dims[1:]) for i in range(dims[0]))


def written(number: Any) -> Any:
    """A number of 32 bits as people write it, by the shortest text that gives it: 0.1, not 0.10000000149."""
    if not isinstance(number, float):
        return number
    for digits in range(6, 9):
        short = float(f"{number:.{digits}g}")
        if unpack("f", pack("f", short)) == unpack("f", pack("f", number)):
            return short
    return number


class Use:
    """One node as an operator sees it.

    Attributes:
        node: the node.
        opset: version of the operators of its domain.
        net: the network in the making.
        path: where the node stands, dotted.
        count: inputs that are stated.
    """

    __slots__ = ("_read", "count", "net", "node", "opset", "path", "terms")

    def __init__(self, node: Node, terms: list[Term | None], opset: int, net: Batched, path: str) -> None:
        self.node, self.terms, self.opset, self.net, self.path = node, terms, opset, net, path
        self.count = len(terms)
        self._read: set[str] = set()

    # -- what it is told --------------------------------------------------------------------

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute; to ask for it is to mean it."""
        self._read.add(name)
        found = self.node.get(name, default)
        if isinstance(found, float):
            return written(found)
        return [written(n) for n in found] if isinstance(found, list) and found else found

    def harmless(self, *names: str) -> None:
        """Attributes that change nothing here."""
        self._read.update(names)

    def only(self, name: str, default: Any, *meant: Any) -> None:
        """An attribute that is taken for some values alone."""
        value = self.attribute(name, default)
        if value not in (default, *meant):
            raise Unsayable(f"with {name}={value} is no layer here")

    def unread(self) -> list[str]:
        """Attributes that nobody asked for."""
        return [name for name in self.node.attributes if name not in self._read]

    def dtype(self, number: int) -> str:
        """Name of a type of elements."""
        return DTYPES.get(number, "undefined")

    # -- what it reads ----------------------------------------------------------------------

    def given(self, place: int) -> bool:
        """Whether an input is there."""
        return place < len(self.terms) and self.terms[place] is not None

    def term(self, place: int) -> Term:
        """An input."""
        term = self.terms[place] if place < len(self.terms) else None
        if term is None:
            raise Unsayable(f"lacks its input {place}")
        if term.lost:
            raise Unsayable(f"reads {term.lost}")
        return term

    def dims(self, place: int) -> tuple[Any, ...]:
        """Shape of an input."""
        return self.term(place).dims

    def type(self, place: int) -> str:
        """Type of the elements of an input."""
        return self.term(place).dtype

    def folded(self, place: int) -> Folded:
        """An input whose entries are known, for folding.

        Raises:
            Unfolded: they are not.
        """
        return self.term(place).entries()

    def numbers(self, place: int) -> list[Any]:
        """Entries of an input that must be known.

        Raises:
            Unsayable: they are worked out when the network runs.
        """
        try:
            return list(self.term(place).entries(whole=False).items)
        except Unfolded:
            name = self.node.inputs[place]
            raise Unsayable(f"takes {name!r}, which is known only when it runs") from None

    whole = numbers

    def axes(self, place: int) -> list[int] | None:
        """Axes: an attribute in older sets of operators, an input in newer ones."""
        axes = self.attribute("axes")
        if axes is not None:
            return list(axes)
        return self.numbers(place) if self.given(place) else None

    def split_sizes(self, size: Any) -> list[Any]:
        """Sizes of the parts of a split."""
        parts = self.attribute("split")
        if parts is None and self.given(1):
            parts = self.numbers(1)
        if parts is not None:
            self.harmless("num_outputs")
            return list(parts)
        many = self.attribute("num_outputs", len(self.node.outputs))
        each = -(-size // many)
        return [each] * (many - 1) + [size - each * (many - 1)]

    def x(self, place: int = 0) -> Value:
        """An input as a tensor of the network."""
        value = self.term(place).tensor_of()
        if value.dtype == INDICES:
            raise Unsayable("reads where a max-pooling found its values, which unpooling alone does here")
        return value

    def stored(self, place: int) -> Stored | None:
        """An input that is an array, None where it is a tensor of the network or left out."""
        return self.term(place).stored() if self.given(place) else None

    def map_(self, place: int = 0) -> Value:
        """An input whose axes are the batch, the channels, and positions."""
        value = self.x(place)
        if value.batch != 0 or value.folded or value.rank < 2:
            raise Unsayable("reads a tensor whose first axis is not that of the samples alone")
        return value

    def layer(self, op: str, *values: Value, **options: Any) -> Value:
        """A layer without weights that leaves the batch where it is."""
        return self.net.layer(op, values, self.path, options)[0]

    def one(
        self, op: str, x: Value, path: str, weights: dict[str, Stored] | None = None, /, **options: Any
    ) -> Value:
        """A layer that keeps the axes of its input."""
        if weights:
            weights = {name: self._own(name, stored) for name, stored in weights.items()}
        return self.net.one(op, x, path, options, weights)

    def _own(self, role: str, stored: Stored) -> Stored:
        """An array that a layer has as its own, also where others have it in another role.

        Exporters store arrays of equal entries once: a factor of ones, say, and a variance of ones.
        """
        if stored.name not in self.net.tensors:
            return stored
        note = f"{stored.name} is read in several roles, and counted in each"
        if note not in self.net.notes:
            self.net.notes.append(note)
        tag, learned = stored.tag, stored.learned
        return Stored(
            f"{stored.name} as {role}", stored.shape, stored.dtype, stored.read, learned=learned, tag=tag
        )


Operator = Callable[[Use], "Value | Folded | list[Any]"]
"""Makes layers of a use, and gives what it writes."""
