"""Linear layers, products of tensors, look-ups."""

from __future__ import annotations

from typing import Final

from convcalc.exporters.onnx.forms.windows import varying
from convcalc.exporters.onnx.writer import Form, Place


def _sampled(place: Place, axis: int) -> str:
    """By a weight that differs from sample to sample: (features, positions) on the right of it."""
    layer, rank, (outs, ins) = place.layer, len(place.shape), place.shapes[1]
    order = [axis, *(a for a in range(rank) if a != axis)]
    columns = place.reshape(place.transpose(place.x, order), (ins, -1))
    found = place.op("MatMul", place.inputs[1], columns)
    if layer.bias:
        if layer.arriving == "both":
            bias = place.reshape(place.inputs[2], (outs, 1))
        else:
            bias = place.op("Reshape", place.weight("bias"), place.ints((outs, 1)))
        found = place.op("Add", found, bias)
    found = place.reshape(found, (outs, *(place.shape[a] for a in order[1:])))
    return place.transpose(found, [order.index(a) for a in range(rank)])


def _linear(place: Place) -> str:
    layer, rank = place.layer, len(place.shape)
    axis = layer.axis if isinstance(layer.axis, int) else 0
    bias = ""
    if varying(place):
        return _sampled(place, axis)
    if layer.arriving is None:
        weight = place.weight("weight")
        bias = place.weight("bias") if layer.bias else ""
    else:
        weight = place.alone(1)
        if layer.bias:
            bias = place.alone(2) if layer.arriving == "both" else place.weight("bias")
    if rank == 1:
        return place.op("Gemm", place.x, weight, *([bias] if bias else []), transB=1)
    order = [*(a for a in range(rank) if a != axis), axis]
    found = place.op("MatMul", place.transpose(place.x, order), place.op("Transpose", weight, perm=[1, 0]))
    if bias:
        found = place.op("Add", found, bias)
    return place.transpose(found, [order.index(a) for a in range(rank)])


def _matmul(place: Place) -> str:
    layer = place.layer
    many = [len(shape) for shape in place.shapes]
    rank = max(2, *many)
    names = []
    flags = (layer.transpose_a, layer.transpose_b)
    for number, (name, shape, turned) in enumerate(zip(place.inputs, place.shapes, flags, strict=True)):
        shape = tuple(shape)
        if len(shape) == 1:
            shape = (1, *shape) if number == 0 else (*shape, 1)
            name = place.reshape(name, shape)
        if turned:
            order = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
            name = place.transpose(name, order)
            shape = tuple(shape[a] for a in order)
        names.append(place.ranked(name, shape, rank))
    found = place.op("MatMul", *names)
    return found if min(many) > 1 else place.reshape(found, place.outputs[0])


def _embedding(place: Place) -> str:
    return place.op("Gather", place.weight("weight"), place.x, axis=0)


def _gather(place: Place) -> str:
    layer, axis = place.layer, place.layer.axis
    if len(place.inputs) == 1:
        index = place.ints(layer.index) if layer.index is not None else place.weight("index")
        return place.op("Gather", place.x, index, axis=axis + 1)
    shape, many = place.shape, len(place.shapes[1])
    order = [axis, *(a for a in range(len(shape)) if a != axis)]
    table, index = place.inputs
    moved = place.transpose(table, order)
    edges = place.node.inputs
    if not place.writer.varies(edges[0]):
        found = place.op("Gather", place.op("Squeeze", moved, place.ints([0])), index, axis=0)
    elif not place.writer.varies(edges[1]):
        found = place.op("Gather", moved, place.op("Squeeze", index, place.ints([0])), axis=1)
    else:
        places = place.op("Unsqueeze", index, place.ints([-1]))
        found = place.op("GatherND", moved, places, batch_dims=1)
    # (index axes, axes before, axes after) to (before, index, after)
    back = [*range(many, many + axis), *range(many), *range(many + axis, many + len(shape) - 1)]
    return place.transpose(found, back)


FORMS: Final[dict[str, Form]] = {
    "linear": _linear,
    "matmul": _matmul,
    "embedding": _embedding,
    "gather": _gather,
}
