"""Normalisations, and reductions over axes."""

from __future__ import annotations

from typing import Any, Final

from convcalc.dims import prod
from convcalc.importers.network import Unsayable
from convcalc.importers.onnx.use import Operator, Use
from convcalc.importers.tensors import Value


def _alone(use: Use) -> None:
    if any(use.node.outputs[1:]):
        raise Unsayable("writes its statistics, which no layer here does")


def batch_norm(use: Use) -> Value:
    """BatchNormalization with stored statistics."""
    use.harmless("momentum")
    use.only("spatial", 1)
    use.only("is_test", 1, 0)
    x = use.x()
    if use.attribute("training_mode", 0):
        return _standardised(use, x)
    _alone(use)
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = [use.stored(place) for place in range(1, 5)]
    if any(array is None for array in arrays):
        return _by_statistics(use, x)
    weights = {n: a.reshaped((prod(a.shape),)) for n, a in zip(names, arrays, strict=True) if a is not None}
    axis = use.net.axis(x, 1) if x.rank > 1 else 0
    return use.one("bn", x, use.path, weights, eps=use.attribute("epsilon", 1e-5), axis=axis)


def _standardised(use: Use, x: Value) -> Value:
    """Batch normalisation by statistics of what arrives: the weight of a standardised convolution."""
    if x.batch is not None:
        raise Unsayable("in training mixes the samples of a batch")
    if any(place < len(use.node.outputs) and use.node.outputs[place] for place in (3, 4)):
        raise Unsayable("writes its statistics, which no layer here does")
    eps = use.attribute("epsilon", 1e-5)
    return _scaled(use, x, use.one("bn", x, use.path, axis=1, track=False, affine=False, eps=eps))


def _by_statistics(use: Use, x: Value) -> Value:
    """Batch normalisation by a mean and a variance that are worked out when it runs, as is written there."""
    join, eps = use.net.join, use.attribute("epsilon", 1e-5)
    mean, variance = (_along_channels(use, x, place) for place in (3, 4))
    variance = use.one("sqrt", join("add", variance, eps, f"{use.path}.eps"), f"{use.path}.sqrt")
    centred = join("sub", x, mean, f"{use.path}.sub")
    return _scaled(use, x, join("div", centred, variance, f"{use.path}.div"))


def _scaled(use: Use, x: Value, made: Value) -> Value:
    """With a factor and a term for each channel, where they are not 1 and 0."""
    for place, op, nothing in ((1, "mul", 1), (2, "add", 0)):
        try:
            plain = all(entry == nothing for entry in use.numbers(place))
        except Unsayable:
            array = use.term(place).tensor
            values = None if array is None else array.values()
            plain = values is not None and all(entry == nothing for entry in values)
        if not plain:
            made = use.net.join(op, made, _along_channels(use, x, place), f"{use.path}.{op}")
    return made


def _along_channels(use: Use, x: Value, place: int) -> Value:
    """A vector that arrives, along the second axis."""
    array = use.x(place)
    shape = (*array.dims, *(1,) * (x.rank - 2))
    return use.net.reshape(array, shape, f"{use.path}.reshape{place}")


def instance_norm(use: Use) -> Value:
    """InstanceNormalization."""
    x, scale, bias = use.map_(), use.stored(1), use.stored(2)
    if scale is None or bias is None:
        raise Unsayable("has a scale that is no array")
    weights = {"weight": scale, "bias": bias}
    return use.one("instancenorm", x, use.path, weights, affine=True, eps=use.attribute("epsilon", 1e-5))


def _affine(use: Use, x: Value, made: Value, first: int) -> Value:
    """A factor and a term that arrive, or have another shape than the layer's."""
    for place, op in ((1, "mul"), (2, "add")):
        if use.given(place):
            made = use.net.join(op, made, use.x(place), f"{use.path}.{op}")
    return made


def layer_norm(use: Use) -> Value:
    """LayerNormalization, RMSNormalization: over the axes from one on."""
    use.harmless("stash_type")
    _alone(use)
    rms = use.node.op == "RMSNormalization"
    x = use.x()
    first = use.net.place_of(x, use.attribute("axis", -1))
    axes = tuple(use.net.axis(x, axis) for axis in range(first, x.rank))
    shape = x.dims[first:]
    eps = use.attribute("epsilon", 1e-5)
    op = "rmsnorm" if rms else "ln"
    scale, bias = use.stored(1), use.stored(2)
    fits = (
        scale is not None
        and scale.shape == shape
        and (not use.given(2) or (bias is not None and bias.shape == shape))
    )
    if not fits:
        made = use.one(op, x, use.path, axis=axes, affine=False, eps=eps)
        return _affine(use, x, made, first)
    weights = {"weight": scale, **({"bias": bias} if bias is not None else {})}
    options: dict[str, Any] = {} if rms else {"bias": bias is not None}
    return use.one(op, x, use.path, weights, axis=axes, eps=eps, **options)  # type: ignore[arg-type]


def group_norm(use: Use) -> Value:
    """GroupNormalization: a scale a group before set 21, a channel from then on."""
    use.harmless("stash_type")
    x, scale, bias = use.map_(), use.stored(1), use.stored(2)
    groups, channels = use.attribute("num_groups"), x.dims[1]
    if scale is None or bias is None:
        raise Unsayable("has a scale that is no array")
    if use.opset < 21:
        each = channels // groups
        scale, bias = (a.map(lambda v: v.repeat(each), (channels,), f"repeat{each}") for a in (scale, bias))
    weights = {"weight": scale, "bias": bias}
    return use.one("gn", x, use.path, weights, groups=groups, eps=use.attribute("epsilon", 1e-5))


def lp_norm(use: Use) -> Value:
    """LpNormalization."""
    x, axis, p = use.x(), use.attribute("axis", -1), use.attribute("p", 2)
    if p == 2:
        return use.net.along("l2norm", x, axis, use.path, eps=1e-30)
    if p != 1:
        raise Unsayable(f"with p={p} is no layer here")
    length = use.net.reduce("norm", x, [axis], True, f"{use.path}.norm", p="1")
    return use.net.join("div", x, length, use.path)


def mean_variance(use: Use) -> Value:
    """MeanVarianceNormalization: less the mean, over the deviation and 1e-9."""
    x, axes = use.x(), use.attribute("axes", (0, 2, 3))
    net, path = use.net, use.path
    centred = net.join("sub", x, net.reduce("mean", x, axes, True, f"{path}.mean"), f"{path}.sub")
    deviation = net.reduce("std", x, axes, True, f"{path}.std", correction=0)
    return net.join("div", centred, net.join("add", deviation, 1e-9, f"{path}.eps"), path)


def lrn(use: Use) -> Value:
    """LRN."""
    size = use.attribute("size")
    options = {"alpha": use.attribute("alpha", 1e-4), "beta": use.attribute("beta", 0.75)}
    if size % 2 == 0:
        raise Unsayable(f"over {size} channels has no middle")
    return use.one("lrn", use.map_(), use.path, size=size, k=use.attribute("bias", 1.0), **options)


def _reduction(op: str, before: str = "", after: str = "", **options: Any) -> Operator:
    def made(use: Use) -> Value:
        x, axes, keep = use.x(), use.axes(1), bool(use.attribute("keepdims", 1))
        if use.attribute("noop_with_empty_axes", 0) and not axes:
            return use.one(before, x, use.path) if before else x
        if "int" in x.dtype and op == "mean":
            raise Unsayable("of whole numbers is rounded, which no layer does")
        if before:
            x = use.one(before, x, f"{use.path}.{before}")
        found = use.net.reduce(op, x, axes, keep, f"{use.path}.{op}" if after else use.path, **options)
        return use.one(after, found, use.path) if after else found

    return made


def log_sum_exp(use: Use) -> Value:
    """ReduceLogSumExp, less the largest entry before it is exponentiated."""
    x, axes, keep = use.x(), use.axes(1), bool(use.attribute("keepdims", 1))
    use.only("noop_with_empty_axes", 0)
    net, path = use.net, use.path
    top = net.reduce("max", x, axes, True, f"{path}.max")
    powers = net.one("exp", net.join("sub", x, top, f"{path}.sub"), f"{path}.exp")
    total = net.one("log", net.reduce("sum", powers, axes, keep, f"{path}.sum"), f"{path}.log")
    top = top if keep else net.reduce("max", x, axes, False, f"{path}.max")
    return net.join("add", total, top, path)


def _arg(op: str) -> Operator:
    def made(use: Use) -> Value:
        use.only("select_last_index", 0)
        x, axis, keep = use.x(), use.attribute("axis", 0), bool(use.attribute("keepdims", 1))
        place, own = use.net.place_of(x, axis), use.net.axis(x, axis)
        (edge, *_) = use.net.add(op, (use.net.edge(x, use.path),), {"axis": own, "keep": keep}, use.path)
        dims = tuple(1 if a == place else n for a, n in enumerate(x.dims) if keep or a != place)
        batch = x.batch
        if batch is not None and not keep and place < batch:
            batch -= 1
        return Value(dims, batch, x.folded, edge, dtype="int64")

    return made


ROWS: Final[dict[str, Operator]] = {
    "BatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "RMSNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "LpNormalization": lp_norm,
    "MeanVarianceNormalization": mean_variance,
    "LRN": lrn,
    "ReduceMean": _reduction("mean"),
    "ReduceSum": _reduction("sum"),
    "ReduceProd": _reduction("prod"),
    "ReduceMax": _reduction("max"),
    "ReduceMin": _reduction("min"),
    "ReduceL1": _reduction("norm", p="1"),
    "ReduceL2": _reduction("norm", p="2"),
    "ReduceSumSquare": _reduction("sum", before="square"),
    "ReduceLogSum": _reduction("sum", after="log"),
    "ReduceLogSumExp": log_sum_exp,
    "ArgMax": _arg("argmax"),
    "ArgMin": _arg("argmin"),
}
