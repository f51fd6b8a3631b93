"""Tensors of a program on PyTorch: layers of the graph, and constants that are known by their shape."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from convcalc import layers
from convcalc.budget import spend
from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.source import known
from convcalc.importers.source.calls import plain
from convcalc.importers.source.known import NotKnown, described
from convcalc.importers.source.values import BatchSize, Parameter
from convcalc.importers.tensors import Value, broadcast
from convcalc.importers.torch import aten
from convcalc.importers.torch.aten.reductions import Deferred
from convcalc.importers.torch.program import Call, Ref, Tensor
from convcalc.layers.values import show
from convcalc.spec.errors import SpecError
from convcalc.spec.language.arguments import values_of

BATCH: Final = 7919
"""Samples in the shapes of a program while it is read: a number that no size of a program is a factor of."""
_MOST_PARTS: Final = 4096
_WRITTEN: Final = 4096
"""Most entries of a constant that are kept as numbers."""
_RANDOM: Final = "random numbers that the program draws for each sample are a constant here"
_KEEPING: Final = frozenset(
    [
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "mish",
        "softplus",
        "hardswish",
        "hardsigmoid",
        "hardtanh",
        "softsign",
        "logsigmoid",
        "tanhshrink",
        "softshrink",
        "hardshrink",
        "sigmoid",
        "tanh",
        "dropout",
        "softmax",
        "log_softmax",
        "flip",
        "roll",
        "cumsum",
        "sqrt",
        "rsqrt",
        "exp",
        "log",
        "abs",
        "neg",
        "sin",
        "cos",
        "erf",
        "square",
        "reciprocal",
        "sign",
        "floor",
        "round",
        "clamp",
        "masked_fill",
        "tril",
        "triu",
        "lt",
        "gt",
        "le",
        "ge",
        "eq",
        "ne",
        "logical_not",
        "zeros_like",
        "ones_like",
    ]
)
"""Functions whose result has the shape of their tensor."""
_ALONG: Final[dict[str, Any]] = {
    "kernel": 1, "stride": 1, "padding": (0, 0), "dilation": 1, "scale": 1, "size": 1, "output_padding": 0,
}  # fmt: skip
"""Options per axis, with what they are along an axis that no window reaches over."""
_SCALARS: Final[dict[str, Callable[..., Any]]] = {
    "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "abs": abs, "neg": lambda x: -x, "sin": math.sin,
    "cos": math.cos, "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "pow": lambda a, b: a**b,
}  # fmt: skip


def nothing() -> Any:
    """Read an array whose numbers source text does not say."""
    raise ValueError("source text holds no weights")


def _tensors_in(given: dict[str, Any]) -> list[Parameter]:
    """The constants among arguments, and in lists among them."""
    found: list[Parameter] = []
    for value in given.values():
        parts = value if isinstance(value, (list, tuple)) else (value,)
        found += [one for one in parts if isinstance(one, Parameter)]
    return found


def _array(value: Any) -> Any:
    """A value with the arrays of its constants worked out."""
    if isinstance(value, Parameter):
        return nothing() if value.make is None else value.make()
    if isinstance(value, (list, tuple)):
        return tuple(map(_array, value))
    return value


def _options(stage: Any, *shapes: Any) -> dict[str, Any]:
    """The options of a layer where it reads tensors of these shapes."""
    cls = layers.lookup(stage.name)
    layer = cls.create(shapes, values_of(stage, {}))
    return {option.field: getattr(layer, option.field) for option in cls.options}


class Tensors:
    """Makes the layers of a program.

    Args:
        network: what takes them.

    Attributes:
        running: whether the network is being run, rather than built.
    """

    def __init__(self, network: Batched) -> None:
        self.network = network
        self.running = False
        self.formulas: dict[str, Parameter] = {}  # stored tensors that constants were worked out of
        self._constants = 0

    @staticmethod
    def owns(value: Any) -> bool:
        """Whether a value is a tensor of the network."""
        return isinstance(value, Value | Deferred)

    def shape(self, value: Any) -> Any:
        """The shape of a tensor without its batch."""
        return self.network.shape(self.network.edge(value))

    def sizes(self, value: Any) -> tuple[Any, ...]:
        """The sizes of a tensor as the program sees them."""
        if isinstance(value, Parameter):
            return tuple(value.shape)
        value = self._value(value)
        batch = self.network.batch
        return tuple(
            BatchSize(batch, size // batch) if axis == value.batch and type(size) is int else size
            for axis, size in enumerate(value.dims)
        )

    def parameter(self, held: Parameter) -> Value:
        """The tensor of a parameter, a buffer or a constant."""
        if held.value is None:
            if held.part is not None:
                held.value = held.part()
            elif any(isinstance(size, BatchSize) for size in held.shape):
                return self._per_sample(held)
            elif held.stored and held.path:
                read = nothing if held.learned or held.make is None else held.make
                stored = Stored(
                    held.path, held.shape, held.dtype, read, learned=held.learned, frozen=held.frozen
                )
                held.value = self.network.constant(stored)
            elif held.learned:
                raise NotKnown("this parameter is no part of the network", "it as an attribute of a module")
            else:
                held.value = self._constant(held)
        found: Value = held.value
        return found

    def _constant(self, held: Parameter) -> Value:
        many = math.prod(held.shape)
        entries = held.known
        if isinstance(entries, (int, float)) and many <= _WRITTEN:
            spend(many)
            nested: Any = entries
            for size in reversed(held.shape):
                nested = (nested,) * size
            return Value(held.shape, known=nested)
        if isinstance(entries, list):
            return Value(held.shape, known=tuple(entries))
        shape = held.shape

        def read() -> Any:
            import numpy as np

            array = held.make() if held.make is not None else nothing()
            return np.broadcast_to(np.asarray(array), shape).astype("float32")

        self._constants += 1
        name = f"constant.{self._constants}"
        stored = Stored(name, shape, held.dtype, read, learned=False, counted=False)
        return self.network.constant(stored)

    def _per_sample(self, held: Parameter) -> Value:
        """A constant with the batch among its sizes: the same numbers for every sample."""
        shape = tuple(1 if isinstance(size, BatchSize) else size for size in held.shape)
        if sum(isinstance(size, BatchSize) for size in held.shape) > 1:
            raise NotKnown("a tensor of so many samples is not read", "zeros or ones of x.size(0) rows")
        if held.known is None and _RANDOM not in self.network.notes:
            self.network.notes.append(_RANDOM)
        row = Parameter(shape, False, held.known)
        row.make = held.make
        one = self._constant(row)
        return self.network.expand(one, tuple(map(int, held.shape)), "expand")

    def live(self, values: Sequence[Any]) -> bool:
        """Whether something of constants is a part of the network, rather than a constant."""
        return self.running and any(v.learned or v.stored or v.of is not None for v in values)

    def compared(self, values: Sequence[Any]) -> bool:
        """Whether a comparison of constants is worked out, though the model stores some of them.

        What they are made of is remembered: other numbers in a file of weights would make another network.
        """
        if any(v.learned or v.make is None for v in values):
            return False
        for value in values:
            held = value if value.of is None else value.of
            if held.stored and held.path:
                self.formulas[held.path] = held
        return True

    # Constants

    def create(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Parameter:
        """A new tensor, whose numbers are worked out where something is run."""
        made = self._created(name, args, kwargs)
        shape, known_ = made.shape, made.known

        def make() -> Any:
            import numpy as np

            if name == "eye":
                return np.eye(shape[0], shape[1])
            return np.full(shape, known_) if isinstance(known_, (int, float)) else np.asarray(known_)

        plain_shape = not any(isinstance(size, BatchSize) for size in shape)
        if plain_shape and (known_ is not None or name == "eye"):
            made.make = make
        return made

    def _created(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Parameter:
        if name in ("tensor", "FloatTensor", "LongTensor", "Tensor", "full", "arange", "linspace"):
            if name in ("FloatTensor", "Tensor", "LongTensor") and all(type(a) is int for a in args):
                return Parameter(self._sizes(args), False, None)
            if name == "full":
                return Parameter(
                    self._sizes([args[0]]), False, args[1] if len(args) > 1 else kwargs["fill_value"]
                )
            if name == "arange":
                steps = known.BUILTINS["range"](*args[:3])
                listed = list(steps) if len(steps) <= _WRITTEN else None
                return Parameter((len(steps),), False, listed, "int64")
            if name == "linspace":
                first, last, many = [*args, *kwargs.values()][:3]
                if type(many) is not int or not 0 < many <= _WRITTEN:
                    raise NotKnown("linspace of so many numbers is not worked out")
                step = (last - first) / max(1, many - 1)
                return Parameter((many,), False, [first + step * i for i in range(many)])
            return self._of_data(args[0])
        if name.endswith("_like"):
            return Parameter(
                self.sizes(args[0]), False, {"zeros": 0, "ones": 1}.get(name.removesuffix("_like"))
            )
        if name == "eye":
            return Parameter((args[0], args[1] if len(args) > 1 else args[0]), False, None)
        numbers = {"zeros": 0, "ones": 1}
        return Parameter(self._sizes(args or [kwargs.get("size", ())]), False, numbers.get(name))

    @staticmethod
    def _of_data(data: Any) -> Parameter:
        if isinstance(data, (int, float)):
            return Parameter((), False, data)
        shape: list[int] = []
        one = data
        while isinstance(one, (list, tuple)) and len(shape) < 9:
            shape.append(len(one))
            one = one[0] if one else None
        flat = isinstance(data, (list, tuple)) and all(isinstance(v, (int, float)) for v in data)
        if flat and any(isinstance(v, BatchSize) for v in data):
            raise NotKnown("a tensor of the batch size is not read")
        return Parameter(tuple(shape), False, list(data) if flat else None)

    @staticmethod
    def _sizes(given: Sequence[Any]) -> tuple[int, ...]:
        sizes = given[0] if len(given) == 1 and isinstance(given[0], (list, tuple)) else given
        for size in sizes:
            if not isinstance(size, int) or not 0 <= size < 2**40:
                raise NotKnown(f"{described(size)} is no size of a tensor")
        return tuple(sizes)

    def constants(self, name: str, a: Any, b: Any) -> Any:
        """Arithmetic with constants: of single numbers it is known, of others the shape is."""
        values = [v for v in (a, b) if isinstance(v, Parameter)]
        if self.live(values):
            return self.operator(name, a, b, name)
        return self._made(name, {"x": a, "other": b}, self._of_both(name, a, b))

    def _of_both(self, name: str, a: Any, b: Any) -> Parameter:
        shapes = [v.shape if isinstance(v, Parameter) else () for v in (a, b)]
        single = [v.known if isinstance(v, Parameter) else v for v in (a, b)]
        if name == "matmul":
            return Parameter((*shapes[0][:-1], *shapes[1][-1:]), False)
        shape = tuple(broadcast(*shapes))
        if all(isinstance(one, (int, float)) and not isinstance(one, BatchSize) for one in single):
            try:
                return Parameter(shape, False, _SCALARS[name](*single))
            except (ArithmeticError, ValueError):
                return Parameter(shape, False)
        return Parameter(shape, False)

    def computed(self, name: str, given: dict[str, Any]) -> Any:
        """A function of constants: its shape, and how its numbers are worked out; None for a layer's work."""
        found = self._computed(name, given)
        words = {"self": "x", "input": "x", "size": "shape"}
        return self._made(name, {words.get(key, key): value for key, value in given.items()}, found)

    @staticmethod
    def _made(name: str, given: dict[str, Any], found: Any) -> Any:
        """A constant that remembers which function of which constants it is."""
        from convcalc.importers.torch.aten.folds import FOLDS

        fold = FOLDS.get(name)
        values = _tensors_in(given)
        ready = all(one.make is not None for one in values)
        if fold is None or not ready or not isinstance(found, Parameter) or found.make is not None:
            return found
        if any(isinstance(size, BatchSize) for size in found.shape):
            return found
        kinds = (Parameter, int, float, bool, type(None), str, list, tuple)
        like = Tensor(name, found.shape, "float32")
        options = {key: value for key, value in given.items() if isinstance(value, kinds) and key != "dtype"}

        def make() -> Any:
            arrays = {key: _array(value) for key, value in options.items()}
            dims = {"dim": None} if arrays.get("dim") is ... else {}
            import numpy as np

            return np.asarray(fold(**{**arrays, **dims}, like=like)).reshape(like.shape or ())

        found.make = make
        return found

    def _computed(self, name: str, given: dict[str, Any]) -> Any:
        first = next(v for v in given.values() if isinstance(v, (Parameter, list, tuple)))
        if not isinstance(first, Parameter):
            return self._joined(name, first, given.get("dim", 0))
        shape = first.shape
        if name in ("add", "sub", "mul", "div", "pow", "matmul", "maximum", "minimum"):
            other = given.get("other", given.get("exponent"))
            return self._of_both(name, first, other)
        if name in _SCALARS and isinstance(first.known, (int, float)):
            try:
                return Parameter(shape, False, _SCALARS[name](first.known))
            except (ArithmeticError, ValueError):
                return Parameter(shape, False)
        moved = self._moved(name, shape, given)
        if moved is not None:
            return Parameter(moved, False, first.known if isinstance(first.known, (int, float)) else None)
        if name in _KEEPING:
            return Parameter(shape, False)
        if self.running:
            return None
        raise NotKnown(f"{name} of constants is not worked out")

    @staticmethod
    def _joined(name: str, parts: Any, dim: int) -> Parameter:
        shape = list(parts[0].shape)
        if name == "stack":
            shape.insert(dim if dim >= 0 else dim + len(shape) + 1, len(parts))
        else:
            shape[dim] = sum(part.shape[dim] for part in parts)
        return Parameter(tuple(shape), False)

    def _moved(self, name: str, shape: Any, given: dict[str, Any]) -> Any:
        rank = len(shape)
        if name == "unsqueeze":
            at = given["dim"] % (rank + 1)
            return (*shape[:at], 1, *shape[at:])
        if name in ("view", "reshape"):
            return self.filled(given.get("size", given.get("shape")), shape)
        if name in ("transpose", "t", "swapaxes"):
            order = list(range(rank))
            a, b = (0, 1) if name == "t" else (given["dim0"] % rank, given["dim1"] % rank)
            order[a], order[b] = order[b], order[a]
            return tuple(shape[i] for i in order)
        if name == "permute":
            return tuple(shape[i] for i in given["dims"])
        if name == "squeeze":
            return self._squeezed(shape, given["dim"])
        if name == "flatten":
            start, end = given["start_dim"] % rank, given["end_dim"] % rank
            return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
        if name in ("repeat", "tile"):
            counts = given["repeats" if "repeats" in given else "dims"]
            wide = (1,) * (len(counts) - rank) + tuple(shape)
            return tuple(known.binary(ast.Mult(), b, a) for a, b in zip(wide, counts, strict=True))
        if name == "expand":
            sizes = given["size"]
            wide = (1,) * (len(sizes) - rank) + tuple(shape)
            return tuple(b if a == -1 else a for a, b in zip(sizes, wide, strict=True))
        if name == "unflatten":
            at = given["dim"] % rank
            return (*shape[:at], *self.filled(given["sizes"], (shape[at],)), *shape[at + 1 :])
        if name in ("mean", "sum", "amax", "amin", "norm", "var", "std") and type(given["keepdim"]) is bool:
            dims = given["dim"] if isinstance(given["dim"], (list, tuple)) else (given["dim"],)
            over = {d % rank for d in dims if d is not None} or set(range(rank))
            keep = given["keepdim"]
            return tuple(1 if axis in over else n for axis, n in enumerate(shape) if keep or axis not in over)
        return None

    @staticmethod
    def _squeezed(shape: Any, dim: Any) -> Any:
        if dim is ...:
            return tuple(size for size in shape if isinstance(size, BatchSize) or size != 1)
        axes = [d % len(shape) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
        return tuple(
            size for axis, size in enumerate(shape)
            if axis not in axes or isinstance(size, BatchSize) or not (type(size) is int and size == 1)
        )  # fmt: skip

    def filled(self, sizes: Any, shape: Any) -> tuple[Any, ...]:
        """The sizes of a reshape with the one that is -1 worked out."""
        sizes = tuple(sizes) if isinstance(sizes, (list, tuple)) else (sizes,)
        for size in sizes:
            if isinstance(size, (bool, float, str, type(None), list, tuple)):
                raise NotKnown(f"{described(size)} is no size")
        free = [i for i, size in enumerate(sizes) if type(size) is int and size == -1]
        if len(free) > 1:
            raise NotKnown("one size can be -1")
        total: Any = 1
        for size in shape:
            total = total * (int(size) if isinstance(size, int) else size)
        rest: Any = 1
        for i, size in enumerate(sizes):
            rest = rest * (1 if i in free else int(size) if isinstance(size, int) else size)
        mine = tuple(int(size) if isinstance(size, int) else size for size in sizes)
        if type(total) is int and type(rest) is int:
            wrong = rest < 1 or total % rest if free else total != rest
            if wrong:
                raise NotKnown(
                    f"{self.told(shape)} has {self.counted(total)} elements, "
                    f"and cannot be {self.told(sizes)}",
                    "sizes that hold as many elements",
                )
        if free:
            from convcalc.dims import exact_div

            mine = tuple(exact_div(total, rest) if i in free else size for i, size in enumerate(mine))
        return mine

    def told(self, sizes: Any) -> str:
        """Sizes in a message, the batch as N."""
        batch = self.network.batch
        return "x".join(
            ("N" if size.times == 1 else f"{size.times}N") if isinstance(size, BatchSize)
            else "N" if type(size) is int and size == batch else str(size)
            for size in sizes
        )  # fmt: skip

    def counted(self, total: int) -> str:
        """How many elements, per sample."""
        batch = self.network.batch
        return f"{total // batch:,} N" if total % batch == 0 else f"{total:,}"

    # Layers

    def stages(
        self, stages: Sequence[Any], values: Sequence[Value], path: str, weights: dict[str, Stored]
    ) -> Any:
        """Layers one after the other on tensors; what the last writes."""
        like = values[0]
        if like.folded and like.batch == 0 and len(values) == 1 and stages[0].rank is not None:
            return self._windows(stages, like, path, weights)
        if like.batch is None and like.dims[:1] == (1,) and stages[0].rank == like.rank - 2:
            inner = f"{path}_sample"
            one = [self.network.reshape(value, value.dims[1:], inner) for value in values]
            made = self.stages(stages, one, path, weights)  # of one sample, which stands for all
            several = made if isinstance(made, tuple) else (made,)
            wide = [self.network.unsqueeze(value, 0, inner) for value in several]
            return tuple(wide) if isinstance(made, tuple) else wide[0]
        edges = [self.network.edge(value, path) for value in values]
        found: Any = edges
        for number, stage in enumerate(stages):
            windows = stage.rank is not None or bool(stage.flat_too)
            if windows and (like.folded or like.batch not in (None, 0)):
                raise Unsayable(f"reads {show(like.dims)}, whose first axis is not that of the samples")
            before = self.network.shape(found[0])
            named = path if number == 0 else f"{path}.{stage.name}"
            try:
                found = self.network.stage(stage, found, named, weights if number == 0 else None)
            except SpecError as error:
                raise plain(error) from None
            if like.batch is not None and (like.folded or like.batch):
                self._local(stage, before, self.network.shape(found[0]), like)
        results = [self.network.made(edge, like) for edge in found]
        return results[0] if len(results) == 1 else tuple(results)

    def _windows(self, stages: Sequence[Any], value: Value, path: str, weights: dict[str, Stored]) -> Any:
        """A layer with windows where the first axis holds more than the samples, which is an axis of maps."""
        (stage,) = stages
        edge, more, back = self.network.maps(value, stage.rank, path)
        shape = self.network.shape(edge)
        if not more:
            try:
                return back(self.network.stage(stage, [edge], path, weights)[0])
            except SpecError as error:
                raise plain(error) from None
        plane = (shape[0], *shape[2:])
        options = _options(stage, plane)
        for field, first in _ALONG.items():
            if isinstance(options.get(field), tuple):
                options[field] = (shape[1] if field == "size" else first, *options[field])
        given = {
            name: one if len(one.shape) < 3 else one.reshaped((*one.shape[:2], 1, *one.shape[2:]))
            for name, one in weights.items()
        }
        return back(self.network.add(stage.name, [edge], options, path, given)[0])

    @staticmethod
    def _local(stage: Any, before: Any, after: Any, like: Value) -> None:
        """Refuse a layer whose axes are not those of the program, where the batch is not the first."""
        if like.batch == like.rank - 1 and before != after:
            raise Unsayable("works along the axis of the batch")
        if before[:-1] != after[:-1] and after[: len(before)] != before:
            raise Unsayable("works along an axis that the batch is folded into")

    def unpool(self, stage: Any, x: Value, indices: Value, size: Any, path: str) -> Value:
        """Values put back into a map of a size that is given."""
        edges = [self.network.edge(x, path), self.network.edge(indices, path)]
        options = _options(stage, *map(self.network.shape, edges))
        (edge,) = self.network.add(stage.name, edges, {**options, "size": size}, path)
        return self.network.made(edge, x)

    def recurrence(
        self, stage: Any, x: Value, batch_first: bool, path: str, weights: dict[str, Stored]
    ) -> list[Value]:
        """A recurrent layer: its sequence, and its states."""
        wanted = 0 if batch_first else 1
        if x.rank != 3 or x.batch != wanted:
            where = f"axis {x.batch}" if x.batch is not None else "no axis"
            raise NotKnown(
                f"it reads {x.rank} axes with the samples on {where}, and takes them on axis {wanted} of 3",
                "batch_first=True, where the samples come first" if wanted else "samples, steps, features",
            )
        edge = self.network.edge(x, path)
        try:
            if x.folded:  # sequences of their own within each sample
                axis, features = self.network.axis(x, 1 - wanted), self.network.axis(x, 2)
                shape = self.network.shape(edge)
                options = _options(stage, (shape[axis], shape[features]))
                options.update(axis=axis, features=features)
                found = self.network.add(stage.name, [edge], options, path, weights)
            else:
                found = self.network.stage(stage, [edge], path, weights)
        except SpecError as error:
            raise plain(error) from None
        if not x.folded:
            return [
                self.network.made(edge, None, wanted if number == 0 else 1)
                for number, edge in enumerate(found)
            ]
        last = [self.network.shape(edge)[-1] for edge in found]
        states = [
            Value((self.network.shape(edge)[0], x.dims[wanted], size), 1, True, edge)
            for edge, size in zip(found[1:], last[1:], strict=True)
        ]
        return [Value((*x.dims[:2], last[0]), wanted, True, found[0]), *states]

    def operator(self, name: str, a: Any, b: Any, path: str) -> Any:
        """Arithmetic with tensors and numbers."""
        sides: list[Any] = []
        for side in (a, b):
            if isinstance(side, BatchSize):
                raise NotKnown("arithmetic with the batch size depends on how many samples there are")
            if isinstance(side, bool) or not isinstance(side, (int, float, Value, Parameter, Deferred)):
                raise NotKnown(f"{name} of a tensor and {described(side)}", "a tensor or a number")
            sides.append(side if isinstance(side, (int, float)) else self._value(side))
        if name == "matmul":
            if not all(isinstance(side, Value) for side in sides):
                raise NotKnown("@ takes two tensors")
            return self.network.matmul(sides[0], sides[1], path)
        return self.network.join(name, sides[0], sides[1], path)

    def subscript(self, value: Any, index: Any, path: str) -> Any:
        """A part of a tensor: numbers, slices, None, the ellipsis."""
        parts = list(index) if isinstance(index, tuple) else [index]
        shape = self.sizes(value)
        axes = sum(part is not None and part is not ... for part in parts)
        if sum(part is ... for part in parts) > 1 or axes > len(shape):
            raise NotKnown(f"{axes} indices of a tensor of {len(shape)} axes")
        if ... in [part for part in parts if part is ...]:
            at = next(i for i, part in enumerate(parts) if part is ...)
            parts[at : at + 1] = [slice(None)] * (len(shape) - axes)
        if isinstance(value, Parameter) and not self.live([value]):
            return self._cut_constant(value, parts)
        plain = all(part is None or type(part) in (int, slice) for part in parts)
        if isinstance(value, Parameter) and value.make is not None and not value.learned and plain:
            cut = self._cut_constant(value, parts)
            cut.of = value if value.of is None else value.of
            cut.part = lambda: self._part(self._value(value), parts, path)
            return cut
        return self._part(self._value(value), parts, path)

    def _part(self, found: Value, parts: list[Any], path: str) -> Value:
        axis = 0
        for part in parts:
            size = self.sizes(found)[axis] if part is not None and axis < found.rank else 1
            if part is None:
                found = self.network.unsqueeze(found, axis, path)
                axis += 1
            elif isinstance(part, BatchSize):
                raise NotKnown("a place that depends on how many samples there are")
            elif isinstance(part, slice):
                found = self._cut(found, axis, part, size, path)
                axis += 1
            elif type(part) is int:
                if not isinstance(size, BatchSize) and type(size) is int and not -size <= part < size:
                    raise NotKnown(f"there is no place {part} on an axis of {size}")
                found = self.network.select(found, axis, part % size if type(size) is int else part, path)
            elif isinstance(part, (list, tuple)) and all(type(one) is int for one in part):
                found = self.network.take(found, axis, [one % size for one in part], path)
                axis += 1
            elif isinstance(part, Parameter) and sum(isinstance(one, Parameter) for one in parts) == 1:
                place = part.path.rpartition(".")[0] if part.path.endswith(".index") else path
                found = self.network.gather(found, self._value(part), axis, place)
                axis += len(part.shape)
            else:
                raise NotKnown(f"{described(part)} as an index of a tensor", "numbers, slices, None and ...")
        return found

    def _cut(self, value: Value, axis: int, part: slice, size: Any, path: str) -> Value:
        if part == slice(None):
            return value
        bounds = []
        for bound in (part.start, part.stop, part.step):
            if isinstance(bound, Value | Parameter | float | str):
                raise NotKnown("a slice takes whole numbers")
            bounds.append(bound)
        if isinstance(size, BatchSize):
            whole = isinstance(bounds[1], BatchSize) and bounds[1].times == size.times
            if bounds[0] in (None, 0) and whole and bounds[2] in (None, 1):
                return value
            raise NotKnown("a part of the samples is not read", "slices of other axes")
        if any(isinstance(bound, BatchSize) for bound in bounds):
            raise NotKnown("a slice that depends on how many samples there are")
        if type(size) is not int:
            if bounds[2] in (None, 1) and all(b is None or b >= 0 for b in bounds[:2]):
                return self.network.slice(value, axis, bounds[0] or 0, bounds[1], 1, path)
            raise NotKnown("a slice of an axis whose size is a letter", "a size in numbers")
        if bounds[2] is not None and bounds[2] < 1:
            raise NotKnown("a slice goes forwards in PyTorch")
        start, stop, step = slice(*bounds).indices(size)
        if start >= stop:
            raise NotKnown(f"this slice of an axis of {size} is empty")
        if (start, stop, step) == (0, size, 1):
            return value
        return self.network.slice(value, axis, start, stop, step, path)

    @staticmethod
    def _cut_constant(value: Parameter, parts: list[Any]) -> Parameter:
        shape: list[Any] = []
        left = list(value.shape)
        for part in parts:
            if part is None:
                shape.append(1)
                continue
            size = left.pop(0)
            if isinstance(part, slice):
                bounds = (part.start, part.stop, part.step)
                if part == slice(None):
                    shape.append(size)
                elif isinstance(size, BatchSize) or any(isinstance(b, BatchSize) for b in bounds):
                    raise NotKnown("a slice that depends on how many samples there are")
                else:
                    shape.append(len(range(*part.indices(size))))
            elif isinstance(part, Parameter):
                shape.extend(part.shape)
        single = isinstance(value.known, list) and len(parts) == 1 and type(parts[0]) is int
        entries = value.known[parts[0]] if single else None
        found = Parameter((*shape, *left), False, entries)
        make = value.make
        if make is not None:
            found.make = lambda: make()[tuple(_array(part) for part in parts)]
        return found

    @staticmethod
    def write(value: Parameter, index: Any, entries: Any) -> None:
        """``value[index] = entries`` of a constant."""
        before = value.make
        parts = index if isinstance(index, tuple) else (index,)
        value.known = value.value = value.make = None
        if before is None or (isinstance(entries, Parameter) and entries.make is None):
            return

        def make() -> Any:
            import numpy as np

            array = np.array(before(), "float32")
            array[tuple(_array(part) for part in parts)] = _array(entries)
            return array

        value.make = make

    # Operators of ATen

    def operate(self, row: Any, given: dict[str, Any], path: str) -> Any:
        """A function by its operator of ATen."""
        own = getattr(self, f"_{row.name}", None)
        first = next(iter(given))
        if own is not None:
            if first != "tensors":
                given = {**given, first: self._value(given[first])}
            return own(path, *given.values())
        self._countable(row.name, given)
        values: dict[str, Value] = {}

        def held(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return tuple(map(held, value))
            if isinstance(value, (Value, Parameter)):
                name = f"v{len(values)}"
                values[name] = self._value(value)
                return Ref(name)
            if isinstance(value, BatchSize):
                return int(value)
            if value is not None and not isinstance(value, (int, float, str, bool)):
                raise NotKnown(f"{described(value)} as an argument of {row.name}")
            return value

        target = self._overload(row.name, row.target, given)
        arguments = {name: held(value) for name, value in given.items()}
        call = Call(row.name, target, arguments, (Tensor("made", (1,), "float32"),), path.rpartition(".")[0])
        function = aten.found(target)
        if function is None:
            raise NotKnown(f"{row.name} is not read", "layers and functions that are")
        found = function(self.network, call, **aten.arguments_of(function, call, values))
        return tuple(found) if isinstance(found, list) else found

    def _value(self, value: Any) -> Value:
        if isinstance(value, Deferred):
            return value.make()  # type: ignore[no-any-return]
        if isinstance(value, Parameter):
            return self.parameter(value)
        if not isinstance(value, Value):
            raise NotKnown(f"{described(value)} where a tensor is read", "a tensor")
        return value

    def _countable(self, name: str, given: dict[str, Any]) -> None:
        """Refuse more parts of a tensor than a network is made of."""
        if name not in ("split", "chunk", "unbind", "split_with_sizes"):
            return
        value, dim = next(iter(given.values())), given.get("dim", 0)
        sizes = self.sizes(value)
        if type(dim) is not int or not -len(sizes) <= dim < len(sizes):
            raise NotKnown(f"{described(dim)} is no axis of {len(sizes)}")
        size = sizes[dim]
        part = given.get("split_size", 1) if name == "split" else 1
        many = given["chunks"] if name == "chunk" else size
        numbers = type(part) is int and type(many) is int and type(size) is int
        if numbers and (part < 1 or many < 1 or min(many, size) > _MOST_PARTS * part):
            raise NotKnown(f"{name} of an axis of {size} into so many parts", f"up to {_MOST_PARTS:,}")

    @staticmethod
    def _overload(name: str, target: str, given: dict[str, Any]) -> str:
        """The form of an operator that its arguments ask for."""
        if name == "split" and isinstance(given["split_size"], (list, tuple)):
            return "aten.split.sizes"
        if name in ("max", "min"):
            if isinstance(given["dim"], (Value, Parameter)):
                raise NotKnown(f"{name} of two tensors", "torch.maximum or torch.minimum")
            if given["dim"] is ...:
                raise NotKnown(f"{name} over all, samples too, is not read", "dim=1, say")
        if name in ("lt", "gt", "le", "ge", "eq", "ne"):
            raise NotKnown("the comparison depends on the data", "conditions on known values")
        return target

    def _normalize(self, path: str, x: Value, p: Any, dim: Any, eps: Any) -> Value:
        """Over the length along an axis, which is ``eps`` at least."""
        if p != 2 or type(dim) is not int or not isinstance(eps, (int, float)):
            raise NotKnown("normalize by another length than that of p=2 along one axis is not read")
        axis = dim % x.rank
        length = self.network.reduce("norm", x, (axis,), True, f"{path}.norm")
        length = self.network.one("maximum", length, f"{path}.least", {"value": float(eps)})
        return self.network.join("div", x, length, path)

    def _view(self, path: str, x: Value, sizes: Any) -> Value:
        return self.network.reshape(x, self.filled(sizes, self.sizes(x)), path)

    _reshape = _view

    def _matmul(self, path: str, x: Value, other: Any) -> Value:
        return self.network.matmul(x, self._value(other), path)

    def _linear(self, path: str, x: Value, weight: Any, bias: Any) -> Value:
        return self.network.linear(x, self._value(weight), None if bias is None else self._value(bias), path)

    def _view_as(self, path: str, x: Value, other: Any) -> Value:
        return self.network.reshape(x, self._value(other).dims, path)

    def _expand_as(self, path: str, x: Value, other: Any) -> Value:
        return self.network.expand(x, self._value(other).dims, path)

    def _flatten(self, path: str, x: Value, start: Any, end: Any) -> Value:
        rank = x.rank
        if not (type(start) is int and type(end) is int and -rank <= start < rank and -rank <= end < rank):
            raise NotKnown(f"axes {start} to {end} of {rank}", f"{-rank} to {rank - 1}")
        start, end = start % rank, end % rank
        size: Any = 1
        for one in x.dims[start : end + 1]:
            size = size * one
        return self.network.reshape(x, (*x.dims[:start], size, *x.dims[end + 1 :]), path)

    def _unflatten(self, path: str, x: Value, dim: Any, sizes: Any) -> Value:
        at = dim % x.rank
        mine = self.filled(sizes, (self.sizes(x)[at],))
        return self.network.reshape(x, (*x.dims[:at], *mine, *x.dims[at + 1 :]), path)

    def _squeeze(self, path: str, x: Value, dim: Any) -> Value:
        mine = self._squeezed(self.sizes(x), dim)
        return self.network.reshape(x, tuple(int(s) if isinstance(s, int) else s for s in mine), path)

    def _expand(self, path: str, x: Value, sizes: Any) -> Value:
        sizes = tuple(sizes) if isinstance(sizes, (list, tuple)) else (sizes,)
        return self.network.expand(x, tuple(int(s) if isinstance(s, int) else s for s in sizes), path)

    def _repeat(self, path: str, x: Value, counts: Any) -> Value:
        counts = tuple(counts) if isinstance(counts, (list, tuple)) else (counts,)
        if any(isinstance(count, BatchSize) for count in counts):  # one row for every sample
            wide = (1,) * (len(counts) - x.rank) + x.dims
            if x.batch is None and all(isinstance(c, BatchSize) or c == 1 for c in counts):
                return self.network.expand(
                    x, tuple(int(c) * s for c, s in zip(counts, wide, strict=True)), path
                )
            raise NotKnown("a repeat that depends on how many samples there are")
        return self.network.tile(x, (1,) * (x.rank - len(counts)) + counts, path)

    def _softmax(self, path: str, x: Value, dim: Any, dtype: Any = None) -> Value:
        return self._along("softmax", path, x, dim)

    def _log_softmax(self, path: str, x: Value, dim: Any, dtype: Any = None) -> Value:
        return self._along("logsoftmax", path, x, dim)

    def _along(self, op: str, path: str, x: Value, dim: Any) -> Value:
        if dim is None:  # PyTorch's choice: the first axis of 1, 3 and 4 - of one less without it
            dim = 0 if x.rank in (0, 1, 3) else 1
        if type(dim) is not int or not -x.rank <= dim < x.rank:
            raise NotKnown(f"{described(dim)} is no axis of {x.rank}")
        return self.network.along(op, x, dim % x.rank, path)
