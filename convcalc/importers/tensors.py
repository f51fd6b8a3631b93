"""Tensors as other frameworks have them, with the batch among their axes, as tensors of the graph.

A shape of the graph has no batch. A tensor of a source has one: :class:`Value` says on which axis, and
whether that axis holds more (the windows of a Swin transformer, say: the batch is then the outermost factor
of it, and the rest is an axis of ours). Every operation here says where the batch is afterwards; one that
would mix the samples of a batch, or leave the batch elsewhere, is :class:`Unsayable`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convcalc.dims import UNKNOWN, Dim, Shape, divides, equal, exact_div, prod
from convcalc.graph import Edge
from convcalc.importers.network import Network, Stored, Unsayable
from convcalc.layers.values import show


class Value:
    """A tensor of the source.

    Attributes:
        dims: its shape there, the batch included.
        batch: the axis whose outermost factor is the batch; None where it is the same for every sample.
        folded: whether that axis holds more than the batch.
        edge: the tensor of the graph; None until one is needed of a stored or a known one.
        stored: the array that it is, where the source holds it.
        known: its entries, nested as they lie, where they are numbers that are known.
        dtype: type of its elements.
    """

    __slots__ = ("batch", "dims", "dtype", "edge", "folded", "known", "stored")

    def __init__(
        self,
        dims: Sequence[Dim],
        batch: int | None = None,
        folded: bool = False,
        edge: Edge | None = None,
        stored: Stored | None = None,
        known: Any = None,
        dtype: str = "float32",
    ) -> None:
        self.dims = tuple(dims)
        self.batch = batch
        self.folded = folded
        self.edge = edge
        self.stored = stored
        self.known = known
        self.dtype = dtype

    @property
    def rank(self) -> int:
        """Number of axes in the source."""
        return len(self.dims)

    def __repr__(self) -> str:
        return f"Value({show(self.dims) or 'scalar'}, batch={self.batch}{' folded' * self.folded})"


def is_one(size: Dim) -> bool:
    """Whether a size is certainly 1."""
    return type(size) is int and size == 1


class Tensors(Network):
    """A network whose tensors have a batch.

    Args:
        name: what the network is called.
        batch: samples in the source's shapes.
    """

    def __init__(self, name: str, batch: int = 1) -> None:
        super().__init__(name)
        self.batch = batch

    # -- values -----------------------------------------------------------------------------

    def own(self, dims: Sequence[Dim], batch: int | None, folded: bool = False) -> Shape:
        """The shape in the graph of a tensor of the source."""
        dims = tuple(dims)
        if batch is None or batch >= len(dims):
            return dims or (1,)
        here = (exact_div(dims[batch], self.batch),) if folded else ()
        return (*dims[:batch], *here, *dims[batch + 1 :]) or (1,)

    def input(self, name: str, dims: Sequence[Dim], batch: int | None = 0, dtype: str = "float32") -> Value:
        """An input of the network; its first axis is the batch unless told otherwise."""
        folded = batch is not None and batch < len(dims) and equal(dims[batch], self.batch) is not True
        return Value(dims, batch, folded, self.enter(name, self.own(dims, batch, folded)), dtype=dtype)

    def constant(self, stored: Stored) -> Value:
        """A stored array."""
        return Value(stored.shape, stored=stored, dtype=stored.dtype)

    def edge(self, value: Value, path: str = "") -> Edge:
        """The tensor of the graph that a value is."""
        if value.edge is None:
            value.edge = self._entered(value, path)
        return value.edge

    def _entered(self, value: Value, path: str) -> Edge:
        if value.stored is not None:
            return self.source(value.stored, value.dims)
        if value.known is None:
            raise Unsayable("reads a tensor that nothing here makes")
        flat = flattened(value.known)
        shape = value.dims or (1,)
        if flat and all(entry == flat[0] for entry in flat):
            return self.add("const", (), {"shape": shape, "value": float(flat[0])}, f"{path}.constant")[0]

        def read() -> Any:
            import numpy as np

            return np.asarray(flat, value.dtype).reshape(shape)

        if not all(isinstance(size, int) for size in shape) or not all(
            isinstance(entry, int | float) for entry in flat
        ):
            raise Unsayable("reads, as values, sizes that are not known")
        name = f"{path or 'constant'}.{len(self.nodes)}"
        return self.source(Stored(name, shape, value.dtype, read, learned=False, counted=False), path=name)

    def axis(self, value: Value, axis: int) -> int:
        """The axis of the graph's tensor that an axis of the source's is.

        Raises:
            Unsayable: it is the batch, or holds it.
        """
        axis = self.place_of(value, axis)
        if value.batch is not None and axis == value.batch and not self._alone(value):
            raise Unsayable("works along the axis of the batch, and so would mix its samples")
        return axis - (value.batch is not None and not value.folded and axis > value.batch)

    def _alone(self, value: Value) -> bool:
        """Whether the axis of the batch is one like any other: it holds the entries of the one sample."""
        return self.batch == 1 and value.folded

    def _moved(self, values: Sequence[Value], rank: int, path: str) -> list[Value]:
        """Tensors with their batch on one axis: that of one sample is wherever the others have it.

        Args:
            values: the tensors.
            rank: axes of the result, at whose last ones they are aligned.
            path: where this stands.
        """
        places = {rank - v.rank + v.batch for v in values if v.batch is not None}
        if self.batch > 1 or len(places) < 2:
            return list(values)
        plain = [rank - v.rank + v.batch for v in values if v.batch is not None and not v.folded]
        at = min(plain or places)
        found = []
        for value in values:
            own = at - (rank - value.rank)
            if value.batch is None or value.batch == own:
                found.append(value)
                continue
            if own < 0:
                value = self.seen(value, (1,) * -own + value.dims, 0, False, path)
                found.append(value)
                continue
            found.append(self.seen(value, value.dims, own, not is_one(value.dims[own]), path))
        return found

    @staticmethod
    def place_of(value: Value, axis: int) -> int:
        """An axis counted from the front.

        Raises:
            Unsayable: there is none of that number.
        """
        rank = max(value.rank, 1)
        if not -rank <= axis < rank:
            raise Unsayable(f"names axis {axis} of a tensor of {value.rank}")
        return axis % rank

    def made(
        self, edge: Edge, like: Value | None = None, batch: int | None = None, folded: bool = False
    ) -> Value:
        """The value of a tensor of the graph, whose batch is where it is in ``like``, or as stated."""
        if like is not None:
            batch, folded = like.batch, like.folded
        shape = self.shape(edge)
        if batch is None:
            dims = shape
        elif folded:
            dims = (*shape[:batch], shape[batch] * self.batch, *shape[batch + 1 :])
        else:
            dims = (*shape[:batch], self.batch, *shape[batch:])
        dtype = "float32" if like is None else like.dtype
        return Value(dims, batch, folded, edge, dtype=dtype)

    def layer(
        self,
        op: str,
        values: Sequence[Value],
        path: str,
        options: Mapping[str, Any] | None = None,
        weights: Mapping[str, Stored] | None = None,
    ) -> list[Value]:
        """A layer that leaves the batch where the first of its inputs has it; options are its own."""
        edges = [self.edge(value, path) for value in values]
        found = self.add(op, edges, options, path, weights)
        return [self.made(edge, values[0]) for edge in found]

    def one(
        self,
        op: str,
        value: Value,
        path: str,
        options: Mapping[str, Any] | None = None,
        weights: Mapping[str, Stored] | None = None,
    ) -> Value:
        """A layer that keeps the axes of its input: the first of what it writes, with the input's dims."""
        (made, *_) = self.layer(op, [value], path, options, weights)
        if value.rank < 2 and prod(made.dims) == prod(value.dims):
            made.dims = value.dims
        return made

    # -- shapes -----------------------------------------------------------------------------

    def seen(self, value: Value, dims: Sequence[Dim], batch: int | None, folded: bool, path: str) -> Value:
        """The same elements in the same order under other axes, whose batch is known to be there."""
        shape = self.own(dims, batch, folded)
        if value.edge is None and value.stored is not None and batch is None:
            stored = value.stored.reshaped(tuple(dims))
            return Value(dims, stored=stored, known=value.known, dtype=value.dtype)
        edge = self.reshaped(self.edge(value, path), shape, path)
        return Value(dims, batch, folded, edge, dtype=value.dtype)

    def reshaped(self, edge: Edge, shape: Shape, path: str) -> Edge:
        """A tensor of the graph in another shape: as it is, flattened where axes are joined, or reshaped."""
        before = self.shape(edge)
        if _equal(before, shape):
            return edge
        joined = len(before) - len(shape)
        for start in range(len(shape) if joined > 0 else 0):
            end = start + joined
            rest = _equal(before[:start], shape[:start]) and _equal(before[end + 1 :], shape[start + 1 :])
            if rest and equal(prod(before[start : end + 1]), shape[start]) is True:
                return self.add("flatten", (edge,), {"start": start, "end": end}, path)[0]
        return self.add("reshape", (edge,), {"shape": shape}, path)[0]

    def reshape(self, value: Value, dims: Sequence[Dim], path: str) -> Value:
        """The elements in another shape of the source; sizes are numbers, none of them open.

        Raises:
            Unsayable: the batch is not outermost in any of the new axes.
        """
        dims = tuple(dims)
        if value.batch is None:
            return self.seen(value, dims, None, False, path)
        before: Dim = prod(value.dims[: value.batch])
        passed: Dim = 1
        for axis, size in enumerate(dims):
            if equal(passed, before) is True and not (is_one(size) and self.batch > 1):
                if divides(self.batch, size) is not True:
                    break
                folded = equal(size, self.batch) is not True
                if folded and self.batch == 1 and is_one(dims[0]):
                    break
                return self.seen(value, dims, axis, folded, path)
            passed = passed * size
        if self.batch == 1:  # the one sample is on any axis
            return self.seen(value, dims, 0, bool(dims) and not is_one(dims[0]), path)
        raise Unsayable(
            f"makes {show(dims)} of {show(value.dims)}, in which the batch is not outermost in an axis"
        )

    def unsqueeze(self, value: Value, axis: int, path: str) -> Value:
        """A new axis of size 1 before that axis of the result."""
        rank = value.rank + 1
        axis = axis % rank
        dims = (*value.dims[:axis], 1, *value.dims[axis:])
        if value.batch is None:
            return self.seen(value, dims, None, False, path)
        batch = value.batch + (axis <= value.batch) if value.dims else 0
        return self.seen(value, dims, batch, value.folded, path)

    def squeeze(self, value: Value, axes: Sequence[int] | None, path: str) -> Value:
        """Without those axes of size 1, or without all of them; the batch of one sample goes too if named."""
        named = None if axes is None else {self.place_of(value, axis) for axis in axes}
        gone = {
            axis for axis, size in enumerate(value.dims) if is_one(size) and (named is None or axis in named)
        }
        dims = tuple(size for axis, size in enumerate(value.dims) if axis not in gone)
        if value.batch is None:
            return self.seen(value, dims, None, False, path)
        batch = value.batch - sum(axis < value.batch for axis in gone)
        folded = value.folded
        if value.batch in gone:  # one sample: the batch is outermost in the axis that follows
            folded = batch < len(dims) and not is_one(dims[batch])
            if batch and batch >= len(dims):
                raise Unsayable("takes the axis of the batch away from behind all others")
        return self.seen(value, dims, batch, folded, path)

    def permute(self, value: Value, order: Sequence[int], path: str) -> Value:
        """The axes of the source in another order."""
        order = tuple(self.place_of(value, axis) for axis in order)
        dims = tuple(value.dims[axis] for axis in order)
        if order == tuple(range(len(order))):
            return value
        if value.edge is None and value.stored is not None:
            return Value(dims, stored=value.stored.permuted(order), dtype=value.dtype)
        batch = None if value.batch is None else order.index(value.batch)
        own = [
            axis - (value.batch is not None and not value.folded and axis > value.batch)
            for axis in order
            if value.folded or axis != value.batch
        ]
        edge = self.edge(value, path)
        moved = [axis for axis in own if not is_one(self.shape(edge)[axis])]
        if moved != sorted(moved):
            (edge,) = self.add("permute", (edge,), {"order": tuple(own)}, path)
        elif own != sorted(own):
            edge = self.reshaped(edge, self.own(dims, batch, value.folded), path)
        return Value(dims, batch, value.folded, edge, dtype=value.dtype)

    def transpose(self, value: Value, one: int, other: int, path: str) -> Value:
        """Two axes of the source in each other's place."""
        order = list(range(value.rank))
        one, other = self.place_of(value, one), self.place_of(value, other)
        order[one], order[other] = other, one
        return self.permute(value, order, path)

    def expand(self, value: Value, dims: Sequence[Dim], path: str) -> Value:
        """Axes of size 1 repeated to a shape of the source; -1 stays what it is.

        A tensor that has no batch gets one where its first axis becomes the number of samples.
        """
        more = len(dims) - value.rank
        if more < 0:
            raise Unsayable(f"expands {show(value.dims)} to {show(dims)}, which has fewer axes")
        old = (1,) * more + value.dims
        dims = tuple(
            had if (type(size) is int and size == -1) or is_one(size) else size
            for size, had in zip(dims, old, strict=True)
        )
        batch, folded = value.batch, value.folded
        if batch is not None:
            batch += more
        elif len(dims) > 1 and self.batch > 1 and is_one(old[0]) and equal(dims[0], self.batch) is True:
            start = value if more else self.seen(value, value.dims[1:], None, False, path)
            edge, shape = self.edge(start, path), dims[1:] or (1,)
            if not _equal(self.shape(edge), shape):
                (edge,) = self.add("expand", (edge,), {"shape": shape}, path)
            return Value(dims, 0, False, edge, dtype=value.dtype)
        if _equal(old, dims):
            return self.seen(value, dims, batch, folded, path)
        edge = self.edge(value, path)
        shape = self.own(dims, batch, folded)
        if batch is not None and not folded and more > 0:  # the batch was in front of what is new
            edge = self.reshaped(edge, self.own(old, batch, folded), path)
        if not _equal(self.shape(edge), shape):
            (edge,) = self.add("expand", (edge,), {"shape": shape}, path)
        return Value(dims, batch, folded, edge, dtype=value.dtype)

    # -- along axes -------------------------------------------------------------------------

    def along(self, op: str, value: Value, axis: int, path: str, **options: Any) -> Value:
        """A layer that works along one axis of the source and keeps the shape: ``softmax``, ``l2norm``."""
        return self.one(op, value, path, {"axis": self.axis(value, axis), **options})

    def over(self, op: str, value: Value, axes: Sequence[int], path: str, **options: Any) -> Value:
        """The same along several axes."""
        own = tuple(sorted(self.axis(value, axis) for axis in axes))
        return self.one(op, value, path, {"axis": own, **options})

    def slice(self, value: Value, axis: int, start: Dim, stop: Dim | None, step: int, path: str) -> Value:
        """The entries from ``start`` to before ``stop`` along an axis, every ``step``-th, from 0."""
        axis = self.place_of(value, axis)
        size = value.dims[axis]
        stop = size if stop is None else stop
        if type(start) is int and start == 0 and equal(stop, size) is True and step == 1:
            return value
        own = self.axis(value, axis)
        if step == 1:
            return self.layer("slice", [value], path, {"axis": own, "start": start, "stop": stop})[0]
        if not all(type(n) is int for n in (start, stop, step)):
            raise Unsayable("takes every second entry, or the like, of an axis whose size is no number")
        return self.take(value, axis, tuple(range(start, stop, step)), path)

    def take(self, value: Value, axis: int, index: Sequence[int], path: str) -> Value:
        """The entries of those numbers along an axis, in that order."""
        own = self.axis(value, axis)
        return self.layer("gather", [value], path, {"axis": own, "index": tuple(index)})[0]

    def select(self, value: Value, axis: int, index: int, path: str) -> Value:
        """The entry of one number along an axis, which goes."""
        axis = self.place_of(value, axis)
        size = value.dims[axis]
        at = index + size if index < 0 else index
        if value.batch == axis and is_one(size) and type(at) is int and at == 0:
            return self.squeeze(value, (axis,), path)
        part = self.slice(value, axis, at, at + 1, 1, path)
        dims = (*part.dims[:axis], *part.dims[axis + 1 :])
        batch = None if part.batch is None else part.batch - (axis < part.batch)
        return self.seen(part, dims, batch, part.folded, path)

    def split(self, value: Value, sizes: Sequence[Dim], axis: int, path: str) -> list[Value]:
        """Parts of those sizes along an axis."""
        if len(sizes) == 1:
            return [value]
        return self.layer("split", [value], path, {"sizes": tuple(sizes), "axis": self.axis(value, axis)})

    def unstack(self, value: Value, axis: int, path: str) -> list[Value]:
        """The parts of one entry each along an axis, which goes."""
        axis = self.place_of(value, axis)
        if is_one(value.dims[axis]):
            return [self.squeeze(value, (axis,), path)]
        batch = None if value.batch is None else value.batch - (axis < value.batch)
        found = self.add("unstack", (self.edge(value, path),), {"axis": self.axis(value, axis)}, path)
        dims = (*value.dims[:axis], *value.dims[axis + 1 :])
        return [Value(dims, batch, value.folded, edge, dtype=value.dtype) for edge in found]

    def roll(self, value: Value, shifts: Sequence[int], axes: Sequence[int], path: str) -> Value:
        """Entries moved along axes; what leaves at one end comes in at the other."""
        own = tuple(self.axis(value, axis) for axis in axes)
        return self.layer("roll", [value], path, {"shift": tuple(shifts), "axis": own})[0]

    def flip(self, value: Value, axes: Sequence[int], path: str) -> Value:
        """Entries in reverse order along axes."""
        own = tuple(sorted(self.axis(value, axis) for axis in axes))
        return self.layer("flip", [value], path, {"axis": own})[0]

    def tile(self, value: Value, counts: Sequence[int], path: str) -> Value:
        """Repeated so many times along every axis of the source."""
        more = len(counts) - value.rank
        for _ in range(more):
            value = self.unsqueeze(value, 0, path)
        spread = [
            axis
            for axis, count in enumerate(counts)
            if count == self.batch > 1 and is_one(value.dims[axis]) and value.batch is None
        ]
        if spread[:1] == [0]:
            value = self.expand(value, (self.batch, *value.dims[1:]), path)
            counts = (1, *counts[1:])
        elif len(spread) == 1:  # one for every sample on another axis
            (axis,) = spread
            dims = (*value.dims[:axis], self.batch, *value.dims[axis + 1 :])
            inner = self.seen(value, self.own(dims, axis), None, False, path)
            value = Value(dims, axis, False, self.edge(inner, path), dtype=value.dtype)
            counts = (*counts[:axis], 1, *counts[axis + 1 :])
        changed = [axis for axis, count in enumerate(counts) if not is_one(count)]
        if not changed:
            return value
        own = tuple(self.axis(value, axis) for axis in changed)
        picked = tuple(counts[axis] for axis in changed)
        return self.layer("tile", [value], path, {"counts": picked, "axis": own})[0]

    def pad(
        self,
        value: Value,
        sides: Mapping[int, tuple[int, int]],
        path: str,
        mode: str = "constant",
        number: float = 0.0,
    ) -> Value:
        """Entries before and after along axes of the source; a negative number cuts."""
        pads = {self.place_of(value, axis): side for axis, side in sides.items() if side != (0, 0)}
        for axis, (left, right) in list(pads.items()):
            if left < 0 or right < 0:
                size = value.dims[axis]
                value = self.slice(value, axis, max(-left, 0), size - max(-right, 0), 1, path)
                pads[axis] = (max(left, 0), max(right, 0))
        pads = {axis: side for axis, side in sorted(pads.items()) if side != (0, 0)}
        if not pads:
            return value
        own = tuple(self.axis(value, axis) for axis in pads)
        options: dict[str, Any] = {"value": number} if number and mode == "constant" else {}
        mode = "zeros" if mode == "constant" and not number else mode
        options |= {"padding": tuple(pads.values()), "axis": own, "mode": mode}
        return self.layer("pad", [value], path, options)[0]

    # -- several tensors --------------------------------------------------------------------

    def aligned(self, values: Sequence[Value], rank: int, path: str) -> tuple[list[Edge], int | None, bool]:
        """Tensors that go together entry by entry, as the source aligns them at their last axes.

        Args:
            values: the tensors.
            rank: axes that the result has in the source.
            path: where this stands.

        Returns:
            the tensors of the graph; the axis of the batch in the result; and whether it holds more.

        Raises:
            Unsayable: their batches stand on several axes, or a tensor without one differs between samples.
        """
        values = self._moved(values, rank, path)
        places = {rank - v.rank + v.batch for v in values if v.batch is not None}
        if len(places) > 1:
            raise Unsayable("joins tensors whose batches are on different axes")
        if not places:
            return [self.edge(value, path) for value in values], None, False
        (batch,) = places
        sizes = []
        for value in values:
            at = batch - (rank - value.rank)
            if 0 <= at < value.rank:
                size = value.dims[at]
                if value.batch is None and not is_one(size) and self.batch > 1:
                    raise Unsayable(f"joins samples of a batch with a tensor of {show(value.dims)}")
                sizes.append(exact_div(size, self.batch) if value.batch is not None else size)
        folded = not all(map(is_one, sizes))
        edges = []
        for value in values:
            at = batch - (rank - value.rank)
            shape = list(value.dims)
            if 0 <= at < value.rank:
                here = exact_div(shape[at], self.batch) if value.batch is not None else shape[at]
                shape[at : at + 1] = [here] if folded else []
            while len(shape) > 1 and is_one(shape[0]) and value.batch is None:
                del shape[0]
            edges.append(self._formed(value, tuple(shape) or (1,), path))
        return edges, batch, folded

    def _formed(self, value: Value, shape: Shape, path: str) -> Edge:
        if value.edge is None and value.stored is not None:
            return self.reshaped(self.source(value.stored, shape), shape, f"{path}.reshape")
        return self.reshaped(self.edge(value, path), shape, f"{path}.reshape")

    def join(self, op: str, a: Value | float, b: Value | float, path: str) -> Value:
        """Arithmetic entry by entry over two tensors, or over one and a number: ``add``.

        Raises:
            Unsayable: the batches of both do not meet.
        """
        one, other = _scalar(a), _scalar(b)
        if other is not None and isinstance(a, Value):
            return self.one(op, a, path, {"value": other})
        if one is not None and isinstance(b, Value):
            ordered = {"reverse": True} if op in ("sub", "div", "pow") else {}
            return self.one(op, b, path, {"value": one, **ordered})
        assert isinstance(a, Value)
        assert isinstance(b, Value)
        dims = broadcast(a.dims, b.dims)
        edges, batch, folded = self.aligned((a, b), len(dims), path)
        (edge,) = self.add(op, edges, {}, path)
        return self._shaped(edge, dims, batch, folded, a.dtype, path)

    def _shaped(
        self, edge: Edge, dims: Shape, batch: int | None, folded: bool, dtype: str, path: str
    ) -> Value:
        edge = self.reshaped(edge, self.own(dims, batch, folded), f"{path}.reshape")
        return Value(dims, batch, folded, edge, dtype=dtype)

    def concat(self, values: Sequence[Value], axis: int, path: str) -> Value:
        """Side by side along an axis of the source."""
        values = [value for value in values if value.dims != (0,)]  # PyTorch passes over empty ones
        if len(values) == 1:
            return values[0]
        rank = values[0].rank
        axis = axis % rank
        edges, batch, folded = self._together(values, rank, path)
        if batch == axis and not (folded and self.batch == 1):
            raise Unsayable("joins tensors along the axis of the batch")
        own = axis - (batch is not None and not folded and axis > batch)
        (edge,) = self.add("concat", edges, {"axis": own}, path)
        dims = list(next((value for value in values if value.batch is not None), values[0]).dims)
        dims[axis] = sum(value.dims[axis] for value in values)
        return Value(tuple(dims), batch, folded, edge, dtype=values[0].dtype)

    def stack(self, values: Sequence[Value], axis: int, path: str) -> Value:
        """Side by side along a new axis of the source."""
        rank = values[0].rank
        axis = axis % (rank + 1)
        edges, batch, folded = self._together(values, rank, path)
        own = axis - (batch is not None and not folded and axis > batch)
        (edge,) = self.add("stack", edges, {"axis": own}, path)
        like = next((value for value in values if value.batch is not None), values[0])
        dims = (*like.dims[:axis], len(values), *like.dims[axis:])
        return Value(dims, None if batch is None else batch + (axis <= batch), folded, edge)

    def _together(self, values: Sequence[Value], rank: int, path: str) -> tuple[list[Edge], int | None, bool]:
        """Tensors of one rank in the graph, of which those without a batch lose its axis."""
        values = self._moved(values, rank, path)
        batches = {(value.batch, value.folded) for value in values if value.batch is not None}
        if len(batches) > 1:
            raise Unsayable("joins tensors whose batches are on different axes")
        if not batches:
            return [self.edge(value, path) for value in values], None, False
        ((batch, folded),) = batches
        sizes = {exact_div(value.dims[batch], self.batch) for value in values if value.batch is not None}
        edges = []
        for value in values:
            if value.batch is None and folded and value.dims[batch] in sizes:
                pass  # it is what is there of each sample
            elif value.batch is None:
                if folded or not is_one(value.dims[batch]):
                    raise Unsayable("joins samples of a batch with a tensor that has none")
                value = self.seen(
                    value, (*value.dims[:batch], *value.dims[batch + 1 :]), None, False, f"{path}.reshape"
                )
            edges.append(self.edge(value, path))
        return edges, batch, folded

    def reduce(
        self, op: str, value: Value, axes: Sequence[int] | None, keep: bool, path: str, **options: Any
    ) -> Value:
        """A sum, mean or the like over axes of the source, over all of them where none are given."""
        if axes is None or not len(axes):
            axes = range(value.rank)
        placed = sorted({self.place_of(value, axis) for axis in axes})
        over = tuple(self.axis(value, axis) for axis in placed)
        dims = tuple(
            1 if axis in placed else size
            for axis, size in enumerate(value.dims)
            if keep or axis not in placed
        )
        batch = value.batch
        if batch is not None and not keep:
            batch -= sum(axis < batch for axis in placed)
        (edge, *_) = self.add(op, (self.edge(value, path),), {"axis": over, "keep": keep, **options}, path)
        return Value(dims, batch, value.folded, edge, dtype=value.dtype)


def broadcast(*shapes: Sequence[Dim]) -> Shape:
    """The common shape of tensors of a source, aligned at their last axes.

    Raises:
        Unsayable: there is none.
    """
    rank = max(map(len, shapes))
    found: list[Dim] = [1] * rank
    for shape in shapes:
        for at, size in enumerate(shape, rank - len(shape)):
            if is_one(size):
                continue
            if not is_one(found[at]):
                # of letters that is a condition on them, which the layer states
                if equal(found[at], size) is False:
                    raise Unsayable(f"joins {' and '.join(show(one) for one in shapes)}, which do not fit")
                if found[at] is not UNKNOWN:
                    continue
            found[at] = size
    return tuple(found)


def flattened(entries: Any) -> list[Any]:
    """All entries of nested tuples, in order."""
    if isinstance(entries, tuple | list):
        return [one for entry in entries for one in flattened(entry)]
    return [entries]


def _scalar(value: Any) -> Any:
    """The number that an operand is, None for a tensor."""
    if not isinstance(value, Value):
        return value
    if value.known is not None and not isinstance(value.known, tuple) and not value.dims:
        return value.known
    return None


def _equal(one: Shape, other: Shape) -> bool:
    return len(one) == len(other) and all(equal(a, b) is True for a, b in zip(one, other, strict=True))
