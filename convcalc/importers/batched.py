"""Layers with weights on tensors that have a batch: convolutions, pools, norms, products, look-ups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convcalc.dims import exact_div
from convcalc.graph import Edge
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Tensors, broadcast, is_one
from convcalc.importers.tensors import Value as Value
from convcalc.layers.values import show

Pairs = Sequence[tuple[Any, Any]]


class Batched(Tensors):
    """All that a reader of tensors with a batch asks for."""

    # -- maps -------------------------------------------------------------------------------

    def maps(self, value: Value, rank: int, path: str) -> tuple[Edge, int, Callable[[Edge], Value]]:
        """A tensor as channels and maps of a layer with windows.

        Where the source's first axis holds more than the batch, the rest of it becomes an axis of the maps
        in front, along which no window reaches.

        Args:
            value: samples, channels and ``rank`` sizes.
            rank: axes that the windows have.
            path: where this stands.

        Returns:
            the tensor; how many axes stand in front of those of the windows; and what makes a value of the
            source of the result of a layer of that many axes.

        Raises:
            Unsayable: the samples are not the first axis.
        """
        if value.rank != rank + 2 or value.batch not in (None, 0):
            raise Unsayable(f"reads {show(value.dims)}, whose first axis is not that of the samples")
        edge = self.edge(value, path)
        if value.batch == 0 and not value.folded:
            return edge, 0, lambda found: self.made(found, value)
        many = value.dims[0] if value.batch is None else exact_div(value.dims[0], self.batch)
        if is_one(many):
            edge = self.reshaped(edge, value.dims[1:], f"{path}.reshape")
        else:
            (edge,) = self.add("permute", (edge,), {"order": (1, 0, *range(2, rank + 2))}, f"{path}.permute")

        def back(found: Edge) -> Value:
            if is_one(many):
                found = self.reshaped(found, (1, *self.shape(found)), f"{path}.reshape")
            else:
                order = (1, 0, *range(2, rank + 2))
                (found,) = self.add("permute", (found,), {"order": order}, f"{path}.permute")
            return self.made(found, value)

        return edge, int(not is_one(many)), back

    def conv(
        self,
        value: Value,
        weight: Value,
        bias: Value | None,
        path: str,
        *,
        stride: Sequence[Any],
        padding: Pairs,
        dilation: Sequence[Any],
        groups: int = 1,
        transposed: bool = False,
        output_padding: Sequence[Any] | None = None,
    ) -> Value:
        """A convolution, or a transposed one: weights as PyTorch and ONNX have them.

        Args:
            value: samples, channels, sizes.
            weight: (out, in / groups, kernel), or (in, out / groups, kernel) of a transposed one.
            bias: one number per channel that leaves.
            path: where it stands.
            stride: per axis.
            padding: before and after, per axis.
            dilation: per axis.
            groups: of channels.
            transposed: whether it is one.
            output_padding: rows added at the end, per axis, of a transposed one.
        """
        rank = weight.rank - 2
        if value.batch == 1 and value.folded and weight.batch == 0 and groups % self.batch == 0:
            each: dict[str, Any] = {"stride": tuple(stride), "padding": tuple(map(tuple, padding))}
            each |= {"dilation": tuple(dilation), "groups": groups // self.batch}
            return self._of_each(value, weight, bias, each, path, transposed)
        edge, more, back = self.maps(value, rank, path)
        channels = value.dims[1]
        op, out = "convT" if transposed else "conv", weight.dims[0]
        options: dict[str, Any] = {
            "kernel": (1,) * more + tuple(weight.dims[2:]),
            "stride": (1,) * more + tuple(stride),
            "padding": ((0, 0),) * more + tuple(map(tuple, padding)),
            "dilation": (1,) * more + tuple(dilation),
            "bias": bias is not None,
        }
        if transposed:
            out = weight.dims[1] * groups
            options["output_padding"] = (0,) * more + tuple(output_padding or (0,) * rank)
            options["groups"] = groups
        elif groups > 1 and groups == channels and out % channels == 0:
            op = "dwconv"
            options["multiplier"] = out // channels
        else:
            options["groups"] = groups
        options["out_channels"] = out
        shape = (*weight.dims[:2], *(1,) * more, *weight.dims[2:])
        weight = weight if not more else self.seen(weight, shape, None, False, path)
        return back(self.weighed(op, edge, weight, bias, options, path))

    def _of_each(
        self,
        value: Value,
        weight: Value,
        bias: Value | None,
        options: Mapping[str, Any],
        path: str,
        transposed: bool,
    ) -> Value:
        """A convolution by a weight of each sample, for which the samples stand in the groups of one."""
        if transposed or not is_one(value.dims[0]) or not weight.folded or (bias and bias.batch != 0):
            raise Unsayable(f"reads {show(value.dims)}, whose first axis is not that of the samples")
        edges = [
            self.reshaped(self.edge(value, path), self.shape(self.edge(value, path))[1:], f"{path}.reshape")
        ]
        edges += [self.edge(one, path) for one in (weight, bias) if one is not None]
        shape = self.shape(edges[1])
        given = {**options, "out_channels": shape[0], "kernel": tuple(shape[2:]), "bias": bias is not None}
        (found,) = self.add("conv", edges, given, path)
        dims = (1, self.batch * shape[0], *self.shape(found)[1:])
        found = self.reshaped(found, (1, *self.shape(found)), f"{path}.reshape")
        return Value(dims, 1, True, found, dtype=value.dtype)

    def weighed(
        self,
        op: str,
        edge: Edge,
        weight: Value,
        bias: Value | None,
        options: Mapping[str, Any],
        path: str,
    ) -> Edge:
        """A layer with a weight and a bias: its own where they are stored, else tensors that arrive."""
        given = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        stored = {name: v.stored for name, v in given.items() if v.stored is not None and v.edge is None}
        stored = {name: one for name, one in stored.items() if one.learned}  # a buffer is no weight
        tensors = any(one.name in self.tensors for one in stored.values())
        alike = len({one.frozen for one in stored.values()}) < 2  # a layer is frozen, or it is not
        if "weight" in stored and len(stored) == len(given) and not tensors and alike:
            return self.add(op, (edge,), options, path, stored)[0]
        if "weight" in stored and stored["weight"].name not in self.tensors:
            # the bias alone is a tensor: it is added
            found = self.weighed(op, edge, weight, None, {**options, "bias": False}, path)
            assert bias is not None
            axis = options.get("axis", 0)
            shape = [1] * len(self.shape(found))
            shape[axis if type(axis) is int else 0] = bias.dims[0]
            term = self.reshaped(self.edge(bias, path), tuple(shape), f"{path}.bias")
            return self.add("add", (found, term), {}, f"{path}.bias")[0]
        edges = [edge]
        for name, one in given.items():
            if one.batch is not None and (one.batch or one.folded) and not self._alone(one):
                raise Unsayable(f"has a {name} with the batch among its axes")
            edges.append(self.edge(one, path))
        return self.add(op, edges, options, path)[0]

    def pool(self, op: str, value: Value, rank: int, path: str, options: Mapping[str, Any]) -> list[Value]:
        """A layer with windows and no weights; its options per axis are tuples of ``rank``."""
        edge, more, back = self.maps(value, rank, path)
        given = dict(options)
        if more:
            for field, filling in (
                ("kernel", 1), ("stride", 1), ("padding", (0, 0)), ("dilation", 1), ("scale", 1),
                ("size", self.shape(edge)[1]),
            ):  # fmt: skip
                if given.get(field) is not None:
                    given[field] = (filling, *given[field])
        return [back(found) for found in self.add(op, (edge,), given, path)]

    # -- norms ------------------------------------------------------------------------------

    def norm(
        self,
        op: str,
        value: Value,
        path: str,
        options: Mapping[str, Any],
        arrays: Mapping[str, Value | None],
    ) -> Value:
        """A normalisation whose arrays are stored; those that are None it does not have.

        Batch normalisation takes its channels from axis 1 of the source, and ``axis`` of the options is
        in the graph's axes.
        """
        weights = {}
        given = dict(options)
        for name, array in arrays.items():
            if array is None:
                continue
            if array.stored is None or array.edge is not None:
                raise Unsayable(f"has a {name} that is computed")
            if array.stored.name in self.tensors:
                raise Unsayable(f"has a {name} that others read as well")
            weights[name] = array.stored
        return self.one(op, value, path, given, weights)

    # -- products ---------------------------------------------------------------------------

    def linear(self, value: Value, weight: Value, bias: Value | None, path: str) -> Value:
        """``x W^T + b`` along the last axis of the source; ``weight`` is (out, in)."""
        if value.batch == value.rank - 1 and not self._alone(value):
            raise Unsayable("multiplies along the axis of the batch")
        edge = self.edge(value, path)
        options: dict[str, Any] = {"out_features": weight.dims[0], "bias": bias is not None}
        if len(self.shape(edge)) > 1:
            options["axis"] = len(self.shape(edge)) - 1
        found = self.weighed("linear", edge, weight, bias, options, path)
        dims = (*value.dims[:-1], weight.dims[0])
        return Value(dims, value.batch, value.folded, found, dtype=value.dtype)

    def matmul(self, a: Value, b: Value, path: str) -> Value:
        """The product of two tensors, over the last axis of one and the last but one of the other.

        By a learned matrix it is a linear layer.
        """
        learned = b.stored is not None and b.edge is None and b.stored.learned and b.rank == 2
        if learned and a.batch != a.rank - 1 and b.stored is not None and b.stored.name not in self.tensors:
            return self.linear(a, self.permute(b, (1, 0), path), None, path)
        inside = [v for v in (a, b) if v.batch is not None and v.batch >= v.rank - 2]
        if self.batch == 1 and inside and a.rank > 1 and b.rank > 1:
            # the axis of one sample is one like any other
            edges = [
                self.edge(v if v.batch is None else self.seen(v, v.dims, v.batch, True, path), path)
                for v in (a, b)
            ]
            (edge,) = self.add("matmul", edges, {}, path)
            dims = (*broadcast(a.dims[:-2], b.dims[:-2]), a.dims[-2], b.dims[-1])
            return Value(dims, 0, True, edge, dtype=a.dtype)
        one, other = min(a.rank, 2), min(b.rank, 2)
        rows = a.batch is not None and a.batch == a.rank - 2 and a.rank == 2 and b.batch is None
        columns = b.batch is not None and b.batch == b.rank - 1 and b.rank == 2 and a.batch is None
        inside = [
            v
            for v, many, free in ((a, one, rows), (b, other, columns))
            if v.batch is not None and v.batch >= v.rank - many and not free and not self._alone(v)
        ]
        if inside:
            raise Unsayable("multiplies matrices with the batch in them")
        if rows or columns:
            (edge,) = self.add("matmul", (self.edge(a, path), self.edge(b, path)), {}, path)
            like = a if rows else b
            return Value((*a.dims[:-1], *b.dims[1:]), 0 if rows else a.rank - 1, like.folded, edge)
        if a.rank < 2 or b.rank < 2:
            if a.batch is not None or b.batch is not None:
                raise Unsayable(f"multiplies {show(a.dims)} by {show(b.dims)}")
            (edge,) = self.add("matmul", (self.edge(a, path), self.edge(b, path)), {}, path)
            return self.made(edge)
        dims = (*broadcast(a.dims[:-2], b.dims[:-2]), a.dims[-2], b.dims[-1])
        edges, batch, folded = self.aligned((a, b), len(dims), path)
        (edge,) = self.add("matmul", edges, {}, path)
        return self._shaped(edge, dims, batch, folded, a.dtype, path)

    # -- look-ups ---------------------------------------------------------------------------

    def embedding(self, weight: Value, index: Value, path: str) -> Value:
        """Rows of a stored table, chosen by whole numbers that arrive: a new last axis."""
        if weight.stored is None or weight.edge is not None or weight.stored.name in self.tensors:
            return self.gather(weight, index, 0, path)
        options = {"entries": weight.dims[0], "features": weight.dims[1]}
        dims = (*index.dims, weight.dims[1])
        (edge,) = self.add("embedding", (self.edge(index, path),), options, path, {"weight": weight.stored})
        shape = self.own(dims, index.batch, index.folded)
        return Value(dims, index.batch, index.folded, self.reshaped(edge, shape, f"{path}.reshape"))

    def gather(self, value: Value, index: Value, axis: int, path: str) -> Value:
        """Entries along an axis of the source, chosen by whole numbers: stored, known or arriving."""
        axis = self.place_of(value, axis)
        own = self.axis(value, axis)
        dims = (*value.dims[:axis], *index.dims, *value.dims[axis + 1 :])
        batch = value.batch
        if batch is not None and batch > axis:
            batch += index.rank - 1
        edge = self.edge(value, path)
        if index.known is not None and index.rank < 2:
            if not isinstance(index.known, tuple):
                return self.select(value, axis, index.known, path)
            return self.take(value, axis, index.known, path)
        if index.stored is not None and index.edge is None:
            shape = tuple(index.dims) or (1,)
            weights = {"index": index.stored.reshaped(shape)}
            (found,) = self.add("gather", (edge,), {"axis": own, "shape": shape}, path, weights)
        elif value.batch is None:  # a table for all samples, and places in it for each
            (found,) = self.add("gather", (edge, self.edge(index, path)), {"axis": own}, path)
            if index.batch is not None:
                batch = axis + index.batch
                return self._shaped(found, dims, batch, index.folded, value.dtype, path)
        else:
            raise Unsayable("looks up in each sample by numbers that arrive")
        return self._shaped(found, dims, batch, value.folded, value.dtype, path)
