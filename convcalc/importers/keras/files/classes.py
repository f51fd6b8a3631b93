"""Classes of Keras that files hold and pasted calls do not, and those of its applications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.graph import Edge
from convcalc.importers.keras.files.arrays import constant, entries
from convcalc.importers.keras.files.einsum import dot, einsum_dense
from convcalc.importers.keras.files.placing import At
from convcalc.importers.keras.files.staging import run
from convcalc.importers.keras.files.writing import stages
from convcalc.importers.network import Stored, Unsayable


def _one(edges: list[Edge], many: int = 1) -> list[Edge]:
    if len(edges) != many:
        raise Unsayable(f"reads {many} tensor{'s' * (many > 1)}, and is given {len(edges)}")
    return edges


def _layer_scale(at: At, edges: list[Edge]) -> list[Edge]:
    """``x * gamma`` along the channels (ConvNeXt)."""
    at.single()
    (edge,) = _one(edges)
    axis = len(at.shape(edge)) - 1 if at.first else 0
    gamma = at.stored(0, "gamma", (at.whole("projection_dim"),))
    return [at.add("scale", (edge,), weights={"weight": gamma}, axis=axis)]


def _custom_scale(at: At, edges: list[Edge]) -> list[Edge]:
    """``x + scale * y`` (Inception-ResNet)."""
    first, second = _one(edges, 2)
    scaled = at.add("mul", (second,), "mul", value=at.number("scale"))
    return [at.add("add", (first, scaled), "add")]


def _idle(at: At, edges: list[Edge]) -> list[Edge]:
    return [at.add("identity", _one(edges))]


def _normalization(at: At, edges: list[Edge]) -> list[Edge]:
    """``(x - mean) / max(sqrt(variance), 1e-7)``, with what was found in data or is given."""
    at.single()
    (edge,) = _one(edges)
    rank = len(at.shape(edge))
    given = at.config.get("axis", -1)
    listed = given if isinstance(given, list) else [] if given is None else [given]
    kept = sorted({at.axis(one, rank) for one in listed}, key=lambda a: a if at.first else (a - 1) % rank)
    shape = tuple(size if a in kept else 1 for a, size in enumerate(at.shape(edge)))
    stated = tuple(at.shape(edge)[a] for a in kept)
    mean, variance = at.config.get("mean"), at.config.get("variance")
    if mean is None or variance is None:
        means = at.stored(0, "mean", stated, learned=False)
        variances = at.stored(1, "variance", stated, learned=False)
        turn = at.first or len(kept) < 2 or 0 not in kept
        if not turn:
            means, variances = (
                one.permuted((len(kept) - 1, *range(len(kept) - 1))) for one in (means, variances)
            )
    else:
        means, variances = (_stated(at, key, stated, kept, rank) for key in ("mean", "variance"))
    centre = at.network.source(means.reshaped(shape), shape, f"{at.path}.mean")
    spread = _deviation(variances.reshaped(shape))
    deviation = at.network.source(spread, shape, f"{at.path}.deviation")
    if at.flag("invert", False):
        found = at.add("add", (at.add("mul", (edge, deviation), "mul"), centre), "add")
    else:
        found = at.add("div", (at.add("sub", (edge, centre), "sub"), deviation), "div")
    if mean is None:
        count = Stored("/".join((*at.holder.names, "count")), (1,), "int64", _zero, learned=False)
        at.network.unused(count)
    return [found]


def _zero() -> Any:
    """How many samples the statistics were found in, which no inference reads."""
    import numpy as np

    return np.zeros(1, dtype=np.int64)


def _deviation(variance: Stored) -> Stored:
    def root(array: Any) -> Any:
        import numpy as np

        return np.maximum(np.sqrt(array), 1e-7)

    return variance.map(root, variance.shape, "root")


def _stated(at: At, key: str, shape: tuple[Any, ...], kept: list[int], rank: int) -> Stored:
    """The mean or the variance that the configuration states, for the axes that are kept."""
    given = entries(at.config[key])
    if given is None:
        raise Unsayable(f"has a {key} that is no numbers")
    own, values = given
    if len(values) == 1:
        own, values = (1,) * len(shape), values
    elif own != shape:
        own = tuple(n for n in own if n != 1)
        if own != tuple(n for n in shape if n != 1):
            raise Unsayable(f"has a {key} of another shape than its axes")
        own = shape
    if not at.first and len(own) > 1 and 0 in kept and len(values) > 1:
        raise Unsayable(f"has a {key} for several axes")

    def read() -> Any:
        import numpy as np

        array = np.asarray(values, dtype=np.float32).reshape(own or (1,))
        return np.ascontiguousarray(np.broadcast_to(array, shape or (1,)))

    name = "/".join((*at.holder.names, key))
    return Stored(name, tuple(shape) or (1,), "float32", read, learned=False, counted=False)


def _rescaling(at: At, edges: list[Edge]) -> list[Edge]:
    """With one number each, or with one for each channel."""
    (edge,) = _one(edges)
    scale, offset = at.config.get("scale"), at.config.get("offset", 0.0)
    if not isinstance(scale, list | dict) and not isinstance(offset, list | dict):
        return [run(at, stages("Rescaling", at.config, at.first), edges)]
    at.single()
    found = edge
    for op, value in (("mul", scale), ("add", offset)):
        if isinstance(value, list | dict):
            found = at.add(op, (found, constant(at, value, len(at.shape(edge)), op)), op)
        else:
            found = at.add(op, (found,), op, value=at.number("scale" if op == "mul" else "offset", 0.0))
    return [found]


def _merging(at: At, edges: list[Edge]) -> list[Edge]:
    """Joins of tensors, of which some may have fewer axes: Keras puts axes of 1 behind their batch."""
    most = max(len(at.shape(edge)) for edge in edges)
    if at.times:
        most = 0
    found = []
    for number, edge in enumerate(edges):
        shape = at.shape(edge)
        if len(shape) < most:
            ones = (1,) * (most - len(shape))
            shape = (*ones, *shape) if at.first else (shape[0], *ones, *shape[1:])
            edge = at.reshape(edge, shape, f"reshape{number}")
        found.append(edge)
    made = stages(at.record.kind, at.config, at.first)
    if len(found) < 2:
        raise Unsayable("joins fewer than two tensors")
    names = [made[0].name] if any(a != b for a, b in zip(edges, found, strict=True)) else []
    return [run(at, made, found, names)]


CLASSES: Final[dict[str, Callable[[At, list[Edge]], list[Edge]]]] = {
    "LayerScale": _layer_scale,
    "CustomScaleLayer": _custom_scale,
    "StochasticDepth": _idle,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "EinsumDense": einsum_dense,
    "Dot": dot,
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), _merging),
}
