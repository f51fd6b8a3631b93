"""Normalisations."""

from __future__ import annotations

from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.rows import one, place, row
from convcalc.importers.torch.program import Call


def _arrays(**given: Value | None) -> dict[str, Stored] | None:
    """The arrays of a layer, of those that there are; None where one is computed and is no array."""
    found = {name: value.stored for name, value in given.items() if value is not None}
    if any(stored is None for stored in found.values()):
        return None
    return {name: stored for name, stored in found.items() if stored is not None}


def _affine(
    network: Batched, x: Value, weight: Value | None, bias: Value | None, axis: int, path: str
) -> Value:
    """A factor and a term that are computed, of the axis of the source's tensor on which they end."""
    for op, value in (("mul", weight), ("add", bias)):
        if value is not None:
            shape = (*value.dims, *(1,) * (x.rank - 1 - axis))
            x = network.join(op, x, network.reshape(value, shape, f"{path}.reshape"), f"{path}.{op}")
    return x


def over(
    network: Batched,
    op: str,
    x: Value,
    axes: tuple[int, ...],
    path: str,
    weights: dict[str, Stored] | None = None,
    **options: Any,
) -> Value:
    """A normalisation over axes of the source."""
    own = tuple(sorted(network.axis(x, axis) for axis in axes))
    return one(network, op, x, path, weights, axis=own, **options)


def learned(weight: Value | None, bias: Value | None) -> bool:
    """Whether factor and term, as far as there are any, are parameters."""
    return all(
        value is None or (value.stored is not None and value.stored.learned) for value in (weight, bias)
    )


@row("batch_norm.default", "_native_batch_norm_legit_no_training.default", "cudnn_batch_norm.default")
def batch_norm(
    network: Batched,
    call: Call,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """Stored statistics of the channels, the second axis; or, where no sample is in it, its own."""
    path = place(call, "", weight, running_mean)
    if training or running_mean is None:
        if x.batch is not None:
            raise Unsayable("takes its statistics of the whole batch: export the module after .eval()")
        return _standardised(network, x, weight, bias, eps, path)
    several = call.target.startswith("aten._native")
    made = _stored(network, x, weight, bias, running_mean, running_var, eps, path)
    return (made, *(None,) * (len(call.outputs) - 1)) if several else made


def _stored(
    network: Batched,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    mean: Value | None,
    variance: Value | None,
    eps: float,
    path: str,
) -> Value:
    stored = _arrays(weight=weight, bias=bias, running_mean=mean, running_var=variance)
    buffers = all(v is not None and v.stored is not None and not v.stored.learned for v in (mean, variance))
    axis = network.axis(x, 1)
    if stored is not None and buffers and learned(weight, bias):
        return one(network, 
            "bn", x, path, stored, channels=x.dims[1], affine=weight is not None or bias is not None,
            weight=weight is not None, bias=bias is not None, eps=eps, axis=axis,
        )  # fmt: skip
    assert mean is not None
    assert variance is not None
    ends = (x.dims[1], *(1,) * (x.rank - 2))
    middle = network.join("sub", x, network.reshape(mean, ends, f"{path}.mean"), f"{path}.sub")
    spread = network.join("add", network.reshape(variance, ends, f"{path}.var"), eps, f"{path}.eps")
    x = network.join("mul", middle, one(network, "rsqrt", spread, f"{path}.rsqrt"), f"{path}.scale")
    return _affine(network, x, weight, bias, 1, path)


def _standardised(
    network: Batched, x: Value, weight: Value | None, bias: Value | None, eps: float, path: str
) -> Value:
    """Statistics over all axes but the second: of weights, which are standardised before they are used."""
    axes = tuple(axis for axis in range(x.rank) if axis != 1)
    made = over(network, "ln", x, axes, path, affine=False, eps=eps)
    return _affine(network, made, weight, bias, 1, path)


@row("instance_norm.default")
def instance_norm(
    network: Batched,
    call: Call,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Value:
    """Statistics of every channel of a sample, or stored ones."""
    path = place(call, "", weight)
    if not use_input_stats:
        return _stored(network, x, weight, bias, running_mean, running_var, eps, path)
    own = learned(weight, bias) and (weight is not None or bias is None)
    stored = (_arrays(weight=weight, bias=bias) or {}) if own else {}
    made = one(
        network,
        "instancenorm",
        x,
        path,
        stored,
        channels=x.dims[1],
        affine=bool(stored),
        bias="bias" in stored,
        eps=eps,
    )
    return made if own else _affine(network, made, weight, bias, 1, path)


@row("group_norm.default")
def group_norm(
    network: Batched,
    call: Call,
    x: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    """Statistics of groups of channels."""
    path = place(call, "", weight)
    if x.batch != 0 or x.folded:
        raise Unsayable("has the batch elsewhere than on the first axis")
    own = learned(weight, bias)
    stored = (_arrays(weight=weight, bias=bias) or {}) if own else {}
    made = one(network, 
        "gn", x, path, stored, groups=num_groups, channels=x.dims[1], affine=bool(stored),
        weight="weight" in stored, bias="bias" in stored, eps=eps,
    )  # fmt: skip
    return made if own else _affine(network, made, weight, bias, 1, path)


@row("layer_norm.default", "native_layer_norm.default")
def layer_norm(
    network: Batched,
    call: Call,
    x: Value,
    normalized_shape: Any,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """Statistics over the last axes."""
    path = place(call, "", weight)
    axes = tuple(range(x.rank - len(normalized_shape), x.rank))
    own = learned(weight, bias)
    stored = (_arrays(weight=weight, bias=bias) or {}) if own else {}
    made = over(network, 
        "ln", x, axes, path, stored, affine=bool(stored), weight="weight" in stored, bias="bias" in stored,
        eps=eps,
    )  # fmt: skip
    made = made if own else _affine(network, made, weight, bias, x.rank - 1, path)
    return (made, *(None,) * (len(call.outputs) - 1)) if "native" in call.target else made


@row("rms_norm.default")
def rms_norm(
    network: Batched,
    call: Call,
    x: Value,
    normalized_shape: Any,
    weight: Value | None = None,
    eps: float | None = None,
) -> Value:
    """The root of the mean of squares over the last axes."""
    path = place(call, "", weight)
    axes = tuple(range(x.rank - len(normalized_shape), x.rank))
    own = learned(weight, None)
    stored = (_arrays(weight=weight) or {}) if own else {}
    made = over(network, "rmsnorm", x, axes, path, stored, affine=bool(stored), eps=eps)
    return made if own else _affine(network, made, weight, None, x.rank - 1, path)
