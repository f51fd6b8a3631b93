"""Functions of ``keras.ops`` in functional models, and those of TensorFlow that Keras 2 wrote as layers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from convcalc.graph import Edge
from convcalc.importers.keras.files.arrays import constant, entries
from convcalc.importers.keras.files.placing import At, known, product
from convcalc.importers.keras.files.staging import run
from convcalc.importers.keras.files.writing import stages
from convcalc.importers.network import Unsayable

_JOINS: Final = {
    "Add": "add", "Subtract": "sub", "Multiply": "mul", "Divide": "div", "TrueDivide": "div", "Power": "pow",
    "Maximum": "maximum", "Minimum": "minimum",
}  # fmt: skip
_UNARY: Final = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu", "Exp":
    "exp", "Log": "log",
    "Sqrt": "sqrt", "Rsqrt": "rsqrt", "Absolute": "abs", "Abs": "abs", "Negative": "neg", "Square": "square",
    "Sin": "sin", "Cos": "cos", "Erf": "erf", "Reciprocal": "reciprocal", "Sign": "sign", "Floor": "floor",
    "Softsign": "softsign", "LogSigmoid": "logsigmoid", "TanhShrink": "tanhshrink", "Selu": "selu",
    "HardSigmoid": "hardsigmoid", "HardSilu": "hardswish", "HardSwish": "hardswish", "HardTanh": "hardtanh",
    "Mish": "mish", "StopGradient": "identity", "Copy": "identity", "ConvertToTensor": "identity",
    "Identity": "identity",
}  # fmt: skip
_REDUCED: Final = {
    "Mean": "mean", "Sum": "sum", "Max": "max", "Amax": "max", "Min": "min", "Amin": "min", "Prod": "prod",
    "Var": "var", "Std": "std",
}  # fmt: skip
_PARAMETERS: Final = {
    **dict.fromkeys(_JOINS, "x1 x2"),
    **dict.fromkeys(_UNARY, "x"),
    **dict.fromkeys(_REDUCED, "x axis keepdims"),
    "Elu": "x alpha", "Celu": "x alpha", "LeakyRelu": "x negative_slope", "Gelu": "x approximate",
    "Softplus": "x", "SoftShrink": "x threshold", "HardShrink": "x threshold",
    "Threshold": "x threshold default_value", "Softmax": "x axis", "LogSoftmax": "x axis", "Glu": "x axis",
    "Clip": "x x_min x_max", "Reshape": "x newshape", "Transpose": "x axes", "Swapaxes": "x axis1 axis2",
    "Squeeze": "x axis", "ExpandDims": "x axis", "Concatenate": "xs axis", "Stack": "x axis",
    "Split": "x indices_or_sections axis", "GetItem": "x key", "Flip": "x axis", "Roll": "x shift axis",
    "Pad": "x pad_width mode constant_values", "Matmul": "x1 x2", "Cast": "x dtype",
    "Normalize": "x axis order epsilon",
}  # fmt: skip
_LEGACY: Final = {
    "__operators__.add": "Add", "math.add": "Add", "math.subtract": "Subtract", "math.multiply": "Multiply",
    "math.divide": "Divide", "math.truediv": "Divide", "math.maximum": "Maximum", "math.minimum": "Minimum",
    "nn.relu": "Relu", "nn.relu6": "Relu6", "nn.silu": "Silu", "nn.softmax": "Softmax",
    "math.sigmoid": "Sigmoid",
    "nn.sigmoid": "Sigmoid", "math.tanh": "Tanh", "nn.gelu": "Gelu", "math.reduce_mean": "Mean",
    "math.reduce_sum": "Sum", "math.reduce_max": "Max", "reshape": "Reshape", "transpose": "Transpose",
    "concat": "Concatenate", "math.square": "Square", "math.sqrt": "Sqrt", "math.exp": "Exp",
    "math.abs": "Absolute",
    "__operators__.getitem": "GetItem", "expand_dims": "ExpandDims", "squeeze": "Squeeze",
    "linalg.matmul": "Matmul",
}  # fmt: skip
_OTHERS: Final = {
    "y": "x2",
    "x": "x1",
    "shape": "newshape",
    "perm": "axes",
    "a": "x1",
    "b": "x2",
    "values": "xs",
}
_IDLE: Final = frozenset(("name", "dtype", "training"))


def operation(at: At, args: list[Any], kwargs: dict[str, Any]) -> list[Edge]:
    """What a function writes.

    Raises:
        Unsayable: it is not in the language, or one of its arguments.
    """
    kind = at.record.kind
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        called = at.config.get("function")
        kind = _LEGACY.get(called, "") if isinstance(called, str) else ""
        if not kind:
            raise Unsayable(f"calls {str(called)[:60]!r}, which is not known here")
        both = kind in _JOINS or kind == "Matmul"
        kwargs = {
            _OTHERS.get(key, key) if both or key not in ("x", "y") else key: v for key, v in kwargs.items()
        }
    if kind not in _PARAMETERS:
        raise Unsayable("is a function that is not known here")
    names = _PARAMETERS[kind].split()
    if len(args) > len(names):
        raise Unsayable("is called with more arguments than are known here")
    given: dict[str, Any] = {}
    for key, value in (*at.config.items(), *kwargs.items()):
        if key in names:
            given[key] = value
        elif key not in _IDLE and at.record.kind == kind and value is not None:
            raise Unsayable(f"has an argument {key[:60]!r} that is not known here")
    given.update(zip(names, args, strict=False))
    if kind in _JOINS:
        return [_join(at, _JOINS[kind], given.get("x1"), given.get("x2"))]
    if kind == "Matmul":
        return _matmul(at, given)
    if kind in ("Concatenate", "Stack"):
        return _joined(at, kind, given)
    edge = given.pop("x", None)
    if not isinstance(edge, Edge):
        raise Unsayable("is given no tensor")
    if kind in _UNARY:
        return [at.add(_UNARY[kind], (edge,))]
    if kind in _REDUCED:
        return [_reduced(at, _REDUCED[kind], edge, given)]
    return _HANDLERS[kind](at, edge, given)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e300:
        raise Unsayable("has an argument that is no number")
    return value


def _join(at: At, op: str, a: Any, b: Any) -> Edge:
    """Two tensors, or a tensor and numbers, entry by entry."""
    if isinstance(a, Edge) and isinstance(b, Edge):
        if len(at.shape(a)) != len(at.shape(b)):
            raise Unsayable("joins tensors of other ranks, so that samples meet positions")
        return at.add(op, (a, b))
    first = isinstance(a, Edge)
    edge, value = (a, b) if first else (b, a)
    if not isinstance(edge, Edge):
        raise Unsayable("joins no tensor")
    if isinstance(value, int | float) and not isinstance(value, bool):
        more: dict[str, Any] = {"reverse": True} if not first and op in ("sub", "div", "pow") else {}
        return at.add(op, (edge,), value=_number(value), **more)
    other = constant(at, value, len(at.shape(edge)), "")
    return at.add(op, (edge, other) if first else (other, edge), op)


def _axes(at: At, given: Any, rank: int) -> tuple[int, ...]:
    """Axes of Keras, none of which is the batch, as they are here."""
    if isinstance(given, dict):
        given = given.get("items")
    listed = given if isinstance(given, list) else [given]
    if given is None or any(type(one) is not int for one in listed):
        raise Unsayable("works along all axes, those of the batch among them")
    return tuple(at.axis(one if one >= 0 else one if one + rank + 1 else 0, rank) for one in listed)


def _natural_axis(given: Any, rank: int, more: int = 0) -> int:
    """An axis of Keras as an axis of a sample in its own order."""
    if type(given) is not int:
        raise Unsayable("works along no axis")
    place = given - 1 if given > 0 else given + rank + more
    if given == 0 or not 0 <= place < rank + more:
        raise Unsayable("works along the batch, or an axis there is not")
    return place


def _reduced(at: At, op: str, edge: Edge, given: dict[str, Any]) -> Edge:
    rank = len(at.shape(edge))
    axes = _axes(at, given.get("axis"), rank)
    keep = given.get("keepdims") is True
    more: dict[str, Any] = {"correction": 0} if op in ("var", "std") else {}
    left = rank - len(set(axes))
    if not keep and left == 0:
        raise Unsayable("leaves a number for each sample")
    name = op if not keep and not at.first and left > 1 and 0 in axes else ""
    found = at.add(op, (edge,), name, axis=axes, keep=keep, **more)
    return at.ours(found) if name else found


def _natural_shape(at: At, edge: Edge) -> tuple[Any, ...]:
    shape = at.shape(edge)
    return shape if at.first or len(shape) < 2 else (*shape[1:], shape[0])


def _to_shape(at: At, edge: Edge, target: list[Any], kind: str = "") -> Edge:
    """Another shape, in the order in which Keras counts elements off."""
    if not target:
        raise Unsayable("leaves a number for each sample")
    made = stages("Reshape", {"target_shape": [known(size) for size in target]}, at.first)
    return run(at, made, [edge], [kind] if kind else [])


def _reshape(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    target = given.get("newshape")
    if isinstance(target, dict):
        target = target.get("items")
    if not isinstance(target, list) or not target:
        raise Unsayable("has no shape that is numbers")
    head, *rest = target
    if any(type(size) is not int for size in rest) or not (head is None or type(head) is int):
        raise Unsayable("has no shape that is numbers")
    if head not in (None, -1):
        raise Unsayable("states the size of the batch")
    have = product(at.shape(edge))
    if -1 in rest:
        if head == -1 or rest.count(-1) > 1:
            raise Unsayable("has several sizes that are open")
        others = 1
        for size in rest:
            others *= size if size != -1 else 1
        rest = [known(have) // others if size == -1 and others else size for size in rest]
    if type(have) is int:
        want = 1
        for size in rest:
            want *= size
        if want != have:
            raise Unsayable("makes other samples of the batch")
    return [_to_shape(at, edge, rest)]


def _transpose(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    axes = given.get("axes")
    rank = len(at.shape(edge))
    if not isinstance(axes, list) or any(type(a) is not int for a in axes):
        raise Unsayable("turns the batch to another place")
    axes = [a if a >= 0 else a + rank + 1 for a in axes]
    if axes[:1] != [0] or sorted(axes) != list(range(rank + 1)):
        raise Unsayable("turns the batch to another place")
    return [run(at, stages("Permute", {"dims": axes[1:]}, at.first), [edge])]


def _swap(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    rank = len(at.shape(edge))
    places = [_natural_axis(given.get(key), rank) for key in ("axis1", "axis2")]
    order = list(range(1, rank + 1))
    order[places[0]], order[places[1]] = order[places[1]], order[places[0]]
    return [run(at, stages("Permute", {"dims": order}, at.first), [edge])]


def _squeeze(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    shape = list(_natural_shape(at, edge))
    axis = given.get("axis")
    listed = axis if isinstance(axis, list) else [axis]
    places = {_natural_axis(one, len(shape)) for one in listed}
    if any(shape[place] != 1 for place in places):
        raise Unsayable("takes away an axis that is not 1")
    return [_to_shape(at, edge, [size for place, size in enumerate(shape) if place not in places])]


def _expand(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    shape = list(_natural_shape(at, edge))
    axis = given.get("axis")
    listed = axis if isinstance(axis, list) else [axis]
    for one in listed:
        shape.insert(_natural_axis(one, len(shape), 1), 1)
    return [_to_shape(at, edge, shape)]


def _joined(at: At, kind: str, given: dict[str, Any]) -> list[Edge]:
    read = given.get("xs", given.get("x"))
    if not isinstance(read, list) or not read or not all(isinstance(one, Edge) for one in read):
        raise Unsayable("joins something that is no tensor")
    rank = len(at.shape(read[0]))
    axis = given.get("axis", 0)
    if kind == "Concatenate":
        return [at.add("concat", read, axis=_axes(at, axis, rank)[0])]
    place = _natural_axis(axis, rank, 1)
    parts = []
    for number, edge in enumerate(read):
        shape = list(_natural_shape(at, edge))
        shape.insert(place, 1)
        parts.append(_to_shape(at, edge, shape, f"part{number}"))
    own = place if at.first else (place + 1) % (rank + 1)
    return [at.add("concat", parts, "concat", axis=own)]


def _split(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    rank = len(at.shape(edge))
    (axis,) = _axes(at, given.get("axis", 0), rank)
    size, many = known(at.shape(edge)[axis]), given.get("indices_or_sections")
    if type(many) is int and 0 < many <= 10_000 and size % many == 0:
        sizes = [size // many] * many
    elif isinstance(many, list) and many and all(type(n) is int and 0 < n < size for n in many):
        ends = [0, *many, size]
        sizes = [b - a for a, b in pairwise(ends)]
        if min(sizes) < 1:
            raise Unsayable("has parts without entries")
    else:
        raise Unsayable("has parts that do not fit")
    found = at.network.add("split", (edge,), {"sizes": tuple(sizes), "axis": axis}, at.path)
    return list(found)


def _item(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    """A part along axes: slices, single entries, and new axes."""
    key = given.get("key")
    if isinstance(key, dict) and key.get("class_name") == "__tuple__":
        key = key.get("items")
    listed = key if isinstance(key, list) else [key]
    shape = list(_natural_shape(at, edge))
    rank = len(shape)
    dots = [
        n for n, one in enumerate(listed) if isinstance(one, dict) and one.get("class_name") == "__ellipsis__"
    ]
    taken = sum(one is not None for one in listed) - len(dots)
    if len(dots) > 1 or taken > rank + 1:
        raise Unsayable("takes more axes than there are")
    whole: dict[str, Any] = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}
    if dots:
        listed = [*listed[: dots[0]], *[whole] * (rank + 1 - taken), *listed[dots[0] + 1 :]]
    axis, out, found, number = -1, [], edge, 0
    for one in listed:
        if one is None:
            if axis < 0:
                raise Unsayable("puts an axis before the batch")
            out.append(1)
            continue
        start, stop, step, single = _bounds(one)
        if axis < 0:
            if single or (start, stop, step) != (None, None, None):
                raise Unsayable("takes a part of the batch")
            axis = 0
            continue
        if axis >= rank:
            raise Unsayable("takes more axes than there are")
        own = axis if at.first or rank < 2 else (axis + 1) % rank
        size = shape[axis]
        if step not in (None, 1, -1) or (step == -1 and (start, stop) != (None, None)):
            raise Unsayable("takes every other entry")
        if step == -1:
            found = at.add("flip", (found,), f"flip{number}", axis=own)
        elif (start, stop) != (None, None):
            begin, end, _ = slice(start, stop).indices(known(size))
            if end <= begin:
                raise Unsayable("takes nothing")
            if (begin, end) != (0, size):
                found = at.add("slice", (found,), f"slice{number}", start=begin, stop=end, axis=own)
            size = end - begin
        number += 1
        if not single:
            out.append(size)
        axis += 1
    out += shape[max(axis, 0) :]
    if out != list(_natural_shape(at, found)):
        found = _to_shape(at, found, out, "reshape")
    elif found == edge:
        found = at.add("identity", (edge,))
    return [found]


def _bounds(one: Any) -> tuple[Any, Any, Any, bool]:
    if type(one) is int and abs(one) < 1 << 40:
        return one, one + 1 if one != -1 else None, None, True
    config = one.get("config") if isinstance(one, dict) and one.get("class_name") == "__slice__" else None
    if not isinstance(config, dict):
        if isinstance(one, dict) and {"start", "stop", "step"} <= set(one):
            config = one
        else:
            raise Unsayable("takes entries by a tensor or a list")
    found = [config.get(key) for key in ("start", "stop", "step")]
    if any(not (n is None or (type(n) is int and abs(n) < 1 << 40)) for n in found):
        raise Unsayable("takes entries by a tensor")
    return found[0], found[1], found[2], False


def _matmul(at: At, given: dict[str, Any]) -> list[Edge]:
    a, b = given.get("x1"), given.get("x2")
    if not isinstance(a, Edge) or not isinstance(b, Edge):
        raise Unsayable("multiplies by something that is no tensor")
    if len(at.shape(a)) != len(at.shape(b)) or len(at.shape(a)) < 2:
        raise Unsayable("multiplies the samples of a batch")
    found = at.add("matmul", (at.natural(a, "left"), at.natural(b, "right")), "matmul")
    return [at.ours(found, "leaving")]


def _with(op: str, **fields: tuple[str, Any]) -> Callable[[At, Edge, dict[str, Any]], list[Edge]]:
    """A function whose arguments are options of the layer: by option, the argument and its default."""

    def handler(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
        options = {
            field: _number(given[name] if given.get(name) is not None else default)
            for field, (name, default) in fields.items()
        }
        return [at.add(op, (edge,), **options)]

    return handler


def _gelu(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    approximate = given.get("approximate", True)
    return [at.add("gelu", (edge,), approximate="none" if approximate is False else "tanh")]


def _softplus(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    return [at.add("softplus", (edge,), threshold=10**6)]


def _along(op: str) -> Callable[[At, Edge, dict[str, Any]], list[Edge]]:
    def handler(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
        axis = given.get("axis", -1)
        (own,) = _axes(at, -1 if axis is None else axis, len(at.shape(edge)))
        return [at.add(op, (edge,), axis=own)]

    return handler


def _clip(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    return [at.add("clip", (edge,), min=_number(given.get("x_min")), max=_number(given.get("x_max")))]


def _flip(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    return [at.add("flip", (edge,), axis=_axes(at, given.get("axis"), len(at.shape(edge))))]


def _roll(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    axes = _axes(at, given.get("axis"), len(at.shape(edge)))
    shift = given.get("shift")
    listed = shift if isinstance(shift, list) else [shift]
    if len(listed) != len(axes) or any(type(n) is not int for n in listed):
        raise Unsayable("rolls by something that is no number")
    return [at.add("roll", (edge,), shift=tuple(listed), axis=axes)]


def _pad(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    found = entries(given.get("pad_width"))
    rank = len(at.shape(edge))
    if found is None or given.get("mode", "constant") != "constant":
        raise Unsayable("pads otherwise than with a number")
    shape, numbers = found
    widths = [int(n) for n in numbers]
    if shape == (rank + 1, 2):
        pairs = [(widths[2 * n], widths[2 * n + 1]) for n in range(rank + 1)]
    else:
        raise Unsayable("pads the batch, or by one number for all axes")
    if pairs[0] != (0, 0) or any(n < 0 or n >= 1 << 40 for n in widths):
        raise Unsayable("pads the batch")
    inner = list(at.turned(pairs[1:]))
    axes = [a for a, pair in enumerate(inner) if pair != (0, 0)]
    if not axes:
        return [at.add("identity", (edge,))]
    value = given.get("constant_values")
    options: dict[str, Any] = {"value": _number(value), "mode": "constant"} if value else {}
    return [at.add("pad", (edge,), padding=tuple(inner[a] for a in axes), axis=tuple(axes), **options)]


def _cast(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    kind = given.get("dtype", at.config.get("dtype"))
    if kind not in ("float32", "float16", "bfloat16", "float64"):
        raise Unsayable(f"makes numbers of type {str(kind)[:20]}")
    return [at.add("identity", (edge,))]


def _normalize(at: At, edge: Edge, given: dict[str, Any]) -> list[Edge]:
    if given.get("order", 2) != 2:
        raise Unsayable("has a norm of another order than 2")
    (own,) = _axes(at, given.get("axis", -1), len(at.shape(edge)))
    epsilon = given.get("epsilon")
    return [at.add("l2norm", (edge,), axis=own, eps=1e-12 if epsilon is None else _number(epsilon))]


_HANDLERS: Final[dict[str, Callable[[At, Edge, dict[str, Any]], list[Edge]]]] = {
    "Elu": _with("elu", alpha=("alpha", 1.0)),
    "Celu": _with("celu", alpha=("alpha", 1.0)),
    "LeakyRelu": _with("leakyrelu", slope=("negative_slope", Fraction(1, 5) * 1.0)),
    "SoftShrink": _with("softshrink", lambd=("threshold", 0.5)),
    "HardShrink": _with("hardshrink", lambd=("threshold", 0.5)),
    "Threshold": _with("threshold", threshold=("threshold", None), value=("default_value", None)),
    "Gelu": _gelu,
    "Softplus": _softplus,
    "Softmax": _along("softmax"),
    "LogSoftmax": _along("logsoftmax"),
    "Glu": _along("glu"),
    "Clip": _clip,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Swapaxes": _swap,
    "Squeeze": _squeeze,
    "ExpandDims": _expand,
    "Split": _split,
    "GetItem": _item,
    "Flip": _flip,
    "Roll": _roll,
    "Pad": _pad,
    "Cast": _cast,
    "Normalize": _normalize,
}
