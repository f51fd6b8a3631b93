"""Whole numbers of eight bits: QuantizeLinear, DequantizeLinear, and layers that compute with such numbers.

A quantized layer is the layer itself, with its shapes, parameters and multiply-accumulates. Its weight is
the array of the file with its scale and zero point worked in (``(q - z) * s``) when it is read; what arrives
is brought to real numbers by ``sub`` and ``mul`` in front of it and, where the file says so, back to whole
ones by ``div``, ``round`` (halves to the even number, as ONNX says), ``add`` and ``clip`` behind. So every
tensor that the file names has the values that it says: whole numbers where it has them. ONNX Runtime adds the
products as integers and scales the sum; here they are summed as real numbers, so that a sum within rounding
of a half can be rounded to the other side: one step of the scale at most.

Scales and zero points are constants, and count as no parameters.
"""

from __future__ import annotations

from typing import Any, Final

from convcalc.dims import equal
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.folded import Unfolded
from convcalc.importers.onnx.operators.products import ROWS as PRODUCTS
from convcalc.importers.onnx.operators.windows import ROWS as WINDOWS
from convcalc.importers.onnx.use import Operator, Term, Use, written
from convcalc.importers.tensors import Value

_RANGES: Final = {
    "uint8": (0, 255),
    "int8": (-128, 127),
    "uint16": (0, 65535),
    "int16": (-32768, 32767),
    "uint4": (0, 15),
    "int4": (-8, 7),
    "uint2": (0, 3),
    "int2": (-2, 1),
}


def _number(use: Use, place: int, what: str) -> float | None:
    """The only entry of an input; None where there are more."""
    try:
        entries = use.term(place).entries(whole=False)
    except Unfolded:
        raise Unsayable(f"has a {what} that is worked out when it runs") from None
    if len(entries.items) != 1:
        return None
    number: float = written(entries.items[0])
    return number


def _pair(use: Use, scale: int, zero: int) -> tuple[float, float]:
    """A scale and a zero point for all of a tensor of the network."""
    found = _number(use, scale, "scale"), _number(use, zero, "zero point") if use.given(zero) else 0
    if found[0] is None or found[1] is None:
        raise Unsayable("has a scale for every channel of a tensor that arrives, which is no layer here")
    return found[0], found[1]


def stored_real(
    use: Use, place: int, scale: int | None, zero: int | None, axis: int, block: int = 0
) -> Value | None:
    """A stored array less its zero point, times its scale; None of what is none."""
    term = use.term(place)
    if term.tensor is None:
        return None
    tensor = term.tensor
    arrays = []
    for at in (scale, zero):
        held = use.stored(at) if at is not None and use.given(at) else None
        if held is None and at is not None and use.given(at):
            raise Unsayable("has a scale that is worked out when it runs")
        arrays.append(held)
    scales, zeros = arrays
    rank = len(tensor.dims)
    axis = axis % rank if rank else 0
    for held in arrays:
        if held is None or _single(held) or len(held.shape) == rank:
            continue
        if len(held.shape) != 1 or not rank or held.shape[0] != tensor.dims[axis]:
            raise Unsayable(f"has {held.shape} scales for the shape {tensor.dims}")

    def read() -> Any:
        import numpy as np

        def spread(held: Stored) -> Any:
            array = held.read()
            if array.size == 1:
                return array.reshape(())
            if block:
                return np.repeat(array, block, axis)[tuple(map(slice, tensor.dims))]
            if array.ndim == 1 and rank > 1:
                return array.reshape([-1 if a == axis else 1 for a in range(rank)])
            return array

        # Whole numbers are exact in float64, and the product is rounded once.
        real = tensor.array().astype(np.float64)
        if zeros is not None:
            real = real - spread(zeros).astype(np.float64)
        if scales is not None:
            real = real * spread(scales).astype(np.float64)
        return real.astype(np.float32)

    tag = "quantized" + "".join(f" {held.name}" for held in arrays if held is not None)
    stored = Stored(term.name, tensor.dims, "float32", read, learned=term.learned, tag=tag)
    return Value(stored.shape, stored=stored)


def _single(held: Stored) -> bool:
    return all(length == 1 for length in held.shape)


def _real(use: Use, x: Value, scale: float, zero: float, path: str) -> Value:
    """Whole numbers as the real ones that they stand for."""
    x = Value(x.dims, x.batch, x.folded, x.edge, x.stored, x.known)
    if zero:
        x = use.net.join("sub", x, zero, f"{path}.zero")
    return use.net.join("mul", x, scale, path) if scale != 1 else x


def _whole(use: Use, x: Value, scale: float, zero: float, dtype: str, path: str) -> Value:
    """Real numbers as whole ones within the range of a type."""
    if dtype not in _RANGES:
        raise Unsayable(f"to {dtype} is no layer here")
    low, high = _RANGES[dtype]
    if scale != 1:
        x = use.net.join("div", x, scale, f"{path}.div")
    x = use.one("round", x, f"{path}.round")
    if zero:
        x = use.net.join("add", x, zero, f"{path}.zero")
    found = use.one("clip", x, path, min=low, max=high)
    return Value(found.dims, found.batch, found.folded, found.edge, dtype=dtype)


def _said(use: Use, op: Operator, inputs: list[Value | Term | None]) -> Value:
    """The layer that an operator is, on these inputs, with the attributes of this node."""
    terms = [Term(f"{use.path}.{n}", value=v) if isinstance(v, Value) else v for n, v in enumerate(inputs)]
    inner = Use(use.node, terms, use.opset, use.net, use.path)
    made = op(inner)
    use.harmless(*(set(use.node.attributes) - set(inner.unread())))
    assert isinstance(made, Value)
    return made


def quantize(use: Use) -> Value:
    """QuantizeLinear, with one scale: divide, round to the nearest (halves to even), and cut off."""
    use.harmless("axis", "saturate", "block_size")
    use.only("precision", 0)
    dtype = use.type(2) if use.given(2) else use.dtype(use.attribute("output_dtype", 0) or 2)
    use.harmless("output_dtype")
    scale, zero = _pair(use, 1, 2)
    x = use.x()
    return _whole(use, x, scale, zero, dtype, use.path)


def dequantize(use: Use) -> Value:
    """DequantizeLinear: of a stored array another stored array, else a subtraction and a product."""
    use.only("output_dtype", 0, 1)
    axis, block = use.attribute("axis", 1), use.attribute("block_size", 0)
    if use.type(0) not in (*_RANGES, "int32"):
        raise Unsayable(f"of {use.type(0)} is no layer here")
    weight = stored_real(use, 0, 1, 2, axis, block)
    if weight is not None:
        return weight
    return _real(use, use.x(), *_pair(use, 1, 2), use.path)


def dynamic(use: Use) -> list[Any]:
    """DynamicQuantizeLinear: the scale and the zero point of each sample from its own largest and smallest.

    ONNX takes them over the whole tensor: of a batch of one the same.
    """
    net, path, x = use.net, use.path, use.x()
    if x.batch is None or equal(net.batch, 1) is not True:
        raise Unsayable("takes one scale for all samples of a batch")

    def end(op: str) -> Value:
        """The smallest or largest of a sample, whatever lies on the axis of the samples besides."""
        edge = net.edge(x, path)
        options = {"axis": tuple(range(len(net.shape(edge)))), "keep": True}
        (found,) = net.add(op, (edge,), options, f"{path}.{op}")
        return Value((1,) * x.rank, x.batch, x.folded, found)

    low = net.join("minimum", end("min"), 0.0, f"{path}.low")
    high = net.join("maximum", end("max"), 0.0, f"{path}.high")
    scale = net.join("div", net.join("sub", high, low, f"{path}.range"), 255.0, f"{path}.scale")
    scale = net.join("maximum", scale, 1e-37, f"{path}.some")  # of a tensor of zeros
    zero = use.one("neg", net.join("div", low, scale, f"{path}.steps"), f"{path}.neg")
    zero = _whole(use, zero, 1.0, 0.0, "uint8", f"{path}.zero_point")
    y = use.one("round", net.join("div", x, scale, f"{path}.div"), f"{path}.round")
    y = use.one("clip", net.join("add", y, zero, f"{path}.zero"), path, min=0, max=255)
    y = Value(y.dims, y.batch, y.folded, y.edge, dtype="uint8")
    return [y, scale, zero]


def _integer(layer: Operator) -> Operator:
    """ConvInteger, MatMulInteger: what arrives less its zero point, by weights less theirs."""

    def made(use: Use) -> Value:
        x = use.x(0)
        x = Value(x.dims, x.batch, x.folded, x.edge, x.stored, x.known)
        if use.given(2):
            term = use.term(2)
            if term.value is not None and term.value.edge is not None:
                x = use.net.join("sub", x, term.value, f"{use.path}.zero")
            else:
                x = _real(use, x, *_pair_of_zero(use, 2), f"{use.path}.zero")
        # The zero points of a matrix are those of its columns, of a filter those of its outputs.
        other = stored_real(use, 1, None, 3, -1 if layer is PRODUCTS["MatMul"] else 0)
        if other is None:
            other = _real(use, use.x(1), *_pair_of_zero(use, 3), f"{use.path}.other")
        found = _said(use, layer, [x, other])
        return Value(found.dims, found.batch, found.folded, found.edge, dtype="int32")

    return made


def _pair_of_zero(use: Use, zero: int) -> tuple[float, float]:
    found = _number(use, zero, "zero point") if use.given(zero) else 0
    if found is None:
        raise Unsayable("has a zero point for every row, which is no layer here")
    return 1.0, found


def linear_conv(use: Use) -> Value:
    """QLinearConv: a convolution of real numbers between whole ones."""
    x = _real(use, use.x(0), *_pair(use, 1, 2), f"{use.path}.input")
    weight = stored_real(use, 3, 4, 5, 0)
    if weight is None:
        raise Unsayable("has a weight that is no array")
    inputs: list[Value | Term | None] = [x, weight]
    if use.given(8):
        bias, scales = use.term(8), use.stored(4)
        factor = _pair(use, 1, 2)[0]
        if bias.tensor is None or scales is None:
            raise Unsayable("has a bias that is no array")
        tensor = bias.tensor

        def read() -> Any:
            import numpy as np

            real = tensor.array().astype(np.float64) * factor * scales.read().reshape(-1)
            return real.astype(np.float32)

        stored = Stored(bias.name, tensor.dims, "float32", read, learned=bias.learned, tag="quantized")
        inputs.append(Value(tensor.dims, stored=stored))
    found = _said(use, WINDOWS["Conv"], inputs)
    return _whole(use, found, *_pair(use, 6, 7), use.type(7), f"{use.path}.output")


def linear_matmul(use: Use) -> Value:
    """QLinearMatMul: a product of real numbers between whole ones."""
    factors: list[Value | Term | None] = []
    for place, name in ((0, "a"), (3, "b")):
        stored = stored_real(use, place, place + 1, place + 2, -1 if place else -2)
        if stored is None:
            stored = _real(use, use.x(place), *_pair(use, place + 1, place + 2), f"{use.path}.{name}")
        factors.append(stored)
    found = _said(use, PRODUCTS["MatMul"], factors)
    return _whole(use, found, *_pair(use, 6, 7), use.type(7), f"{use.path}.output")


ROWS: Final[dict[str, Operator]] = {
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "DynamicQuantizeLinear": dynamic,
    "ConvInteger": _integer(WINDOWS["Conv"]),
    "MatMulInteger": _integer(PRODUCTS["MatMul"]),
    "QLinearConv": linear_conv,
    "QLinearMatMul": linear_matmul,
}
