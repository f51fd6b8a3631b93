"""Functions of every entry, arithmetic of two tensors, softmax and its kin."""

from __future__ import annotations

from typing import Any, Final

from convcalc.dims import prod
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.folded import Unfolded
from convcalc.importers.onnx.use import Operator, Use, written
from convcalc.importers.tensors import Value, broadcast, is_one


def _plain(op: str) -> Operator:
    return lambda use: use.one(op, use.x(), use.path)


def _float(use: Use, place: int = 0) -> Value:
    x = use.x(place)
    if "int" in x.dtype or x.dtype == "bool":
        raise Unsayable(f"of {x.dtype} is no layer here")
    return x


def _number(op: str, attribute: str, option: str, default: float) -> Operator:
    def made(use: Use) -> Value:
        return use.one(op, use.x(), use.path, **{option: use.attribute(attribute, default)})

    return made


def selu(use: Use) -> Value:
    """Selu, with its own constants."""
    for name, due in (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875)):
        if abs(use.attribute(name, due) - due) > 1e-5:
            raise Unsayable(f"with another {name} than Klambauer's is no layer here")
    return use.one("selu", use.x(), use.path)


def hard_sigmoid(use: Use) -> Value:
    """HardSigmoid: of slope 1/6 a layer, of another a multiple cut off."""
    slope, offset = use.attribute("alpha", 0.2), use.attribute("beta", 0.5)
    if abs(slope - 1 / 6) < 1e-7 and offset == 0.5:
        return use.one("hardsigmoid", use.x(), use.path)
    scaled = use.one("rescale", use.x(), f"{use.path}.rescale", scale=slope, offset=offset)
    return use.one("clip", scaled, use.path, min=0.0, max=1.0)


def gelu(use: Use) -> Value:
    """Gelu."""
    return use.one("gelu", use.x(), use.path, approximate=use.attribute("approximate", "none"))


def swish(use: Use) -> Value:
    """Swish of alpha 1."""
    use.only("alpha", 1.0)
    return use.one("silu", use.x(), use.path)


def thresholded(use: Use) -> Value:
    """ThresholdedRelu."""
    return use.one("threshold", use.x(), use.path, threshold=use.attribute("alpha", 1.0), value=0)


def shrink(use: Use) -> Value:
    """Shrink, hard or soft."""
    limit, bias = use.attribute("lambd", 0.5), use.attribute("bias", 0.0)
    if bias not in (0.0, limit):
        raise Unsayable(f"with bias={bias} and lambd={limit} is no layer here")
    return use.one("softshrink" if bias else "hardshrink", use.x(), use.path, lambd=limit)


def ceil(use: Use) -> Value:
    """Ceil: the floor of what is turned around."""
    x = use.one("neg", _float(use), f"{use.path}.neg")
    x = use.one("floor", x, f"{use.path}.floor")
    return use.one("neg", x, use.path)


def clip(use: Use) -> Value:
    """Clip: bounds are attributes before set 11, inputs from then on."""
    bounds: dict[str, Any] = {}
    for place, name in ((1, "min"), (2, "max")):
        bound = use.attribute(name)
        if use.given(place):
            bound = use.numbers(place)[0]
        if bound is not None and abs(bound) < 3.4e38:
            bounds[name] = bound
    if not bounds:
        return use.x()
    if bounds.get("min") == 0 and len(bounds) == 1:
        return use.one("relu", use.x(), use.path)
    if (bounds.get("min"), bounds.get("max")) == (0, 6):
        return use.one("relu6", use.x(), use.path)
    if "min" in bounds and "max" in bounds and bounds["min"] > bounds["max"]:
        raise Unsayable("has a lower bound above the upper one")
    return use.one("clip", use.x(), use.path, **bounds)


def prelu(use: Use) -> Value:
    """PRelu: slopes of any shape that repeats to what arrives."""
    x, slope = use.x(), use.stored(1)
    if slope is None:
        raise Unsayable("has slopes that are no array")
    size = prod(slope.shape)
    if size == 1:
        return use.one("prelu", x, use.path, {"weight": slope.reshaped((1,))}, channels=1)
    full = (1,) * (x.rank - len(slope.shape)) + tuple(slope.shape)
    if x.batch is None or x.folded or not is_one(full[x.batch]):
        raise Unsayable("has slopes of its own for every sample")
    own = full[: x.batch] + full[x.batch + 1 :]
    held = [axis for axis, n in enumerate(own) if n != 1]
    if len(held) == 1 and own[held[0]] == use.net.shape(use.net.edge(x))[held[0]]:
        weights = {"weight": slope.reshaped((size,))}
        return use.one("prelu", x, use.path, weights, channels=size, axis=held[0])
    return use.one("prelu", x, use.path, {"weight": slope.reshaped(own)}, shape=own)


def _softmax(op: str) -> Operator:
    def made(use: Use) -> Value:
        x = use.x()
        axis = use.net.place_of(x, use.attribute("axis", -1 if use.opset >= 13 else 1))
        if use.opset >= 13 or all(map(is_one, x.dims[axis + 1 :])):
            return use.net.along(op, x, axis, use.path)
        flat = use.net.reshape(x, (*x.dims[:axis], prod(x.dims[axis:])), f"{use.path}.flatten")
        return use.net.reshape(use.net.along(op, flat, axis, use.path), x.dims, f"{use.path}.reshape")

    return made


def operand(use: Use, place: int, other: int) -> Value | float:
    """An operand: a number where it is one that is known and has no more axes than the other."""
    term = use.term(place)
    try:
        entries = term.entries()
    except Unfolded:
        return use.x(place)
    if len(entries.items) == 1 and len(entries.dims) <= len(use.dims(other)):
        item = entries.items[0]
        if not isinstance(item, int | float):
            raise Unsayable("computes with a size of the input")
        return written(item) if isinstance(item, float) and entries.dtype == "float32" else +item
    return use.x(place)


def _join(op: str) -> Operator:
    def made(use: Use) -> Value:
        use.harmless("broadcast", "axis") if use.opset < 7 else None
        a, b = operand(use, 0, 1), operand(use, 1, 0)
        if not isinstance(a, Value) and not isinstance(b, Value):
            a = use.x(0)
        whole = all(isinstance(v, int) or (isinstance(v, Value) and "int" in v.dtype) for v in (a, b))
        if op in ("div", "pow") and whole:
            raise Unsayable("of whole numbers is rounded, which no layer does")
        if op == "pow" and b == 2 and isinstance(a, Value):
            return use.one("square", a, use.path)
        return use.net.join(op, a, b, use.path)

    return made


def _several(op: str) -> Operator:
    def made(use: Use) -> Value:
        if use.count == 1:
            return use.x()
        if use.count > 2 and (together := _alike(use)):
            return use.net.layer(op, together, use.path)[0]
        found: Any = operand(use, 0, 1)
        for place in range(1, use.count):
            last = place == use.count - 1
            right = operand(use, place, 0)
            if not isinstance(found, Value) and not isinstance(right, Value):
                found = use.x(0)
            found = use.net.join(op, found, right, use.path if last else f"{use.path}.{place}")
        return found if isinstance(found, Value) else use.x()

    return made


def _alike(use: Use) -> list[Value]:
    """The inputs, where all are tensors of the network of one shape, which one layer joins; else none."""
    values = [use.term(place).value for place in range(use.count)]
    found = [value for value in values if value is not None and value.edge is not None]
    alike = len(found) == len(values) and all(
        (value.dims, value.batch, value.folded) == (found[0].dims, found[0].batch, found[0].folded)
        for value in found
    )
    return found if alike else []


def mean(use: Use) -> Value:
    """Mean of several tensors."""
    total: Value = _several("add")(use)  # type: ignore[assignment]
    return use.net.join("div", total, float(use.count), f"{use.path}.div")


def where(use: Use) -> Value:
    """Where, by a condition that is stored.

    What is worked out when it runs is multiplied by 1 where it is chosen, by 0 elsewhere; what is stored is
    made 0 where it is not chosen, so that infinite entries, as masks have them, add up.
    """
    condition = use.stored(0)
    if condition is None:
        raise Unsayable("chooses by a condition that is worked out when it runs")
    parts: list[Value] = []
    for place, chosen in ((1, True), (2, False)):
        held = use.stored(place)
        if held is not None:
            parts.append(_kept(use, condition, held, chosen))
        else:
            mask = _kept(use, condition, None, chosen)
            parts.append(use.net.join("mul", use.x(place), mask, f"{use.path}.mul"))
    return use.net.join("add", parts[0], parts[1], use.path)


def _kept(use: Use, condition: Stored, held: Stored | None, chosen: bool) -> Value:
    """Entries where a condition holds (or does not), 0 elsewhere; 1 for those of a tensor that arrives."""
    dims = broadcast(condition.shape, held.shape if held is not None else ())

    def read() -> Any:
        import numpy as np

        where = condition.read().astype(bool)
        entries = np.float32(1) if held is None else held.read().astype(np.float32)
        kept = np.where(where if chosen else ~where, entries, np.float32(0))
        return np.ascontiguousarray(np.broadcast_to(kept, dims))

    kind = "values" if held is not None else "mask"
    name = f"{use.path}.{kind}{1 if chosen else 2}"
    return Value(dims, stored=Stored(name, dims, "float32", read, learned=False, counted=False))


_WHOLE: Final = ("floor", "round", "sign")


def _cut_off(use: Use, x: Value) -> Value:
    """The whole part of each entry: the sign, times the floor of the rest."""
    net, path = use.net, use.path
    if x.edge is not None and net.nodes[x.edge.node].layer.op in _WHOLE:
        return x
    below = use.one("floor", use.one("abs", x, f"{path}.abs"), f"{path}.floor")
    return net.join("mul", use.one("sign", x, f"{path}.sign"), below, path)


def cast(use: Use) -> Value:
    """Cast: into whole numbers what lies behind the point is cut off, unless nothing lies there."""
    use.harmless("saturate", "round_mode")
    to = use.type(1) if use.node.op == "CastLike" else use.dtype(use.attribute("to"))
    x = use.x()
    into_float = "float" in to
    if not into_float and to != "bool" and "float" in x.dtype and x.edge is not None:
        x = _cut_off(use, x)
    elif not into_float and "float" in x.dtype:
        raise Unsayable(f"from {x.dtype} to {to} rounds, which no layer does")
    if to == "bool" and x.dtype != "bool":
        raise Unsayable(f"from {x.dtype} to truth values is no layer here")
    if x.edge is None:
        x = use.net.made(use.net.edge(x, use.path), x) if x.dims else x
    return Value(x.dims, x.batch, x.folded, x.edge, x.stored, x.known, to)


def trilu(use: Use) -> Value:
    """Trilu: what lies on one side of a diagonal, times 1; the rest times 0."""
    x, upper = use.x(), bool(use.attribute("upper", 1))
    k = use.numbers(1)[0] if use.given(1) else 0
    shape = x.dims[-2:]
    if not all(type(n) is int for n in shape):
        raise Unsayable("needs sizes that are numbers")

    def read() -> Any:
        import numpy as np

        ones = np.ones(shape, np.float32)
        return np.triu(ones, k) if upper else np.tril(ones, k)

    stored = Stored(f"{use.path}.mask", shape, "float32", read, learned=False, counted=False)
    return use.net.join("mul", x, Value(shape, stored=stored), use.path)


_PLAIN: Final = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign",
    "Mish": "mish", "HardSwish": "hardswish", "Neg": "neg", "Exp": "exp", "Log": "log", "Sqrt": "sqrt",
    "Abs": "abs", "Sin": "sin", "Cos": "cos", "Erf": "erf", "Reciprocal": "reciprocal", "Sign": "sign",
    "Floor": "floor",
    "Round": "round",
}  # fmt: skip

ROWS: Final[dict[str, Operator]] = {
    **{name: _plain(op) for name, op in _PLAIN.items()},
    "LeakyRelu": _number("leakyrelu", "alpha", "slope", 0.01),
    "Elu": _number("elu", "alpha", "alpha", 1.0),
    "Celu": _number("celu", "alpha", "alpha", 1.0),
    "Selu": selu,
    "HardSigmoid": hard_sigmoid,
    "Gelu": gelu,
    "Swish": swish,
    "ThresholdedRelu": thresholded,
    "Shrink": shrink,
    "Ceil": ceil,
    "Clip": clip,
    "PRelu": prelu,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("logsoftmax"),
    "Add": _join("add"),
    "Sub": _join("sub"),
    "Mul": _join("mul"),
    "Div": _join("div"),
    "Pow": _join("pow"),
    "Max": _several("maximum"),
    "Min": _several("minimum"),
    "Sum": _several("add"),
    "Mean": mean,
    "Where": where,
    "Cast": cast,
    "CastLike": cast,
    "Trilu": trilu,
}
