"""Weights: created by seed, or taken from a mapping or an ``.npz`` and checked.

Names are ``<node name>.weight``, ``.bias``, ``.running_mean``, ``.running_var``; layouts are those
of PyTorch and ONNX: (out, in / groups, *kernel) for convolutions, (in, out / groups, *kernel) for
transposed ones, (out, in) for linear layers.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from math import prod, sqrt
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Graph

Shapes = dict[str, tuple[int, ...]]


class WeightsError(ExecutionError):
    """Weights that do not fit the graph; ``faults`` lists what is missing, unknown or misshapen."""

    def __init__(self, faults: list[str]) -> None:
        """Keep the faults; the message shows the first ten."""
        more = [f"... and {len(faults) - 10} more"] if len(faults) > 10 else []
        super().__init__("the weights do not fit the graph:\n  " + "\n  ".join(faults[:10] + more))
        self.faults = faults


def _conv(layer: Any) -> Shapes:
    weight = (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
    return {"weight": weight, **({"bias": (layer.out_channels,)} if layer.bias else {})}


def _conv_transposed(layer: Any) -> Shapes:
    weight = (layer.in_channels, layer.out_channels // layer.groups, *layer.kernel)
    return {"weight": weight, **({"bias": (layer.out_channels,)} if layer.bias else {})}


def _linear(layer: Any) -> Shapes:
    bias = {"bias": (layer.out_features,)} if layer.bias else {}
    return {"weight": (layer.out_features, layer.in_features), **bias}


def _batchnorm(layer: Any) -> Shapes:
    one = (layer.channels,)
    return {**_groupnorm(layer), **({"running_mean": one, "running_var": one} if layer.track else {})}


def _layernorm(layer: Any) -> Shapes:
    if not layer.affine:
        return {}
    shape = tuple(layer.shape)
    return {"weight": shape, **({"bias": shape} if layer.bias else {})}


def _groupnorm(layer: Any) -> Shapes:
    one = (layer.channels,)
    if not layer.affine:
        return {}
    return {"weight": one, **({"bias": one} if getattr(layer, "bias", True) else {})}


def _prelu(layer: Any) -> Shapes:
    return {"weight": (layer.channels,)}


def _scale(layer: Any) -> Shapes:
    return {"weight": (layer.channels,), **({"bias": (layer.channels,)} if layer.bias else {})}


SHAPES: dict[str, Callable[[Any], Shapes]] = {
    "conv": _conv,
    "dwconv": _conv,
    "convT": _conv_transposed,
    "linear": _linear,
    "bn": _batchnorm,
    "ln": _layernorm,
    "gn": _groupnorm,
    "instancenorm": _groupnorm,
    "prelu": _prelu,
    "scale": _scale,
}
BUFFERS = frozenset(("running_mean", "running_var"))


def weight_shapes(graph: Graph) -> Shapes:
    """Shape of every array the graph needs, by name, in the order of its nodes.

    Raises:
        ExecutionError: a layer has dimensions that are not numbers.
    """
    shapes: Shapes = {}
    for node in graph.nodes:
        rule = SHAPES.get(node.layer.op)
        if rule is None:
            continue
        for name, shape in rule(node.layer).items():
            if not all(isinstance(n, int) for n in shape):
                raise ExecutionError(f"{node.name}: {name} has the shape {shape}, which is not numeric")
            shapes[f"{node.name}.{name}"] = shape
    return shapes


def init_weights(graph: Graph, seed: int = 0, dtype: str = "float32") -> dict[str, Array]:
    """Random weights for every layer of the graph.

    Weights of convolutions and linear layers are normal with variance 2 / fan-in (He et al. 2015);
    factors of normalisations lie around one, running variances between 0.5 and 1.5, terms and
    running means around zero. Each array depends on the seed and its name alone, not on the order
    of the nodes; float32 and float64 give the same numbers.

    Args:
        graph: a graph whose dimensions are all numbers.
        seed: a non-negative integer.
        dtype: ``float32`` or ``float64``.

    Returns:
        Arrays by name (``<node name>.weight`` and so on), in PyTorch's layouts.

    Raises:
        ExecutionError: a layer has dimensions that are not numbers, or the dtype is another one.
    """
    if str(np.dtype(dtype)) not in ("float32", "float64"):
        raise ExecutionError(f"weights are float32 or float64, not {dtype}")
    shapes = weight_shapes(graph)
    fans = {node.name: _fan_in(node.layer) for node in graph.nodes if node.layer.op in SHAPES}
    weights = {}
    for name, shape in shapes.items():
        node, _, kind = name.rpartition(".")
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        values: Array
        if kind == "running_var" or (kind == "weight" and fans[node] is None):
            values = rng.random(shape, dtype=np.float32) + np.float32(0.5)
        else:
            fan = fans[node] if kind == "weight" else None
            deviation = 0.1 if fan is None else sqrt(2.0 / fan)
            values = rng.standard_normal(shape, dtype=np.float32)
            values *= np.float32(deviation)
        weights[name] = values.astype(dtype, copy=False)
    return weights


def _fan_in(layer: Any) -> int | None:
    """Products that are summed into one output; ``None`` where weights are factors a channel."""
    if layer.op not in ("conv", "dwconv", "convT", "linear"):
        return None
    if layer.op == "linear":
        return int(layer.in_features)
    fan = int(layer.in_channels // layer.groups * prod(layer.kernel))
    if layer.op == "convT":  # each output receives about kernel / stride taps an axis
        if not all(isinstance(s, int) for s in layer.stride):
            raise ExecutionError(f"a stride of {layer.stride} is not numeric")
        fan //= prod(layer.stride)
    return max(1, fan)


def _archive(path: str | os.PathLike[str]) -> dict[str, Array]:
    name = os.fspath(path)
    try:
        with open(path, "rb") as opened:  # the file is closed whatever NumPy finds in it
            file = np.load(opened, allow_pickle=False)
            if not isinstance(file, Mapping):
                raise ExecutionError(f"{name} is not an .npz archive")
            return {key: file[key] for key in file}
    except ExecutionError:
        raise
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = "it holds Python objects or no arrays" if "pickle" in str(error) else str(error)
        raise ExecutionError(f"{name} is not an .npz archive: {reason}") from None


def load_weights(
    graph: Graph, source: Mapping[str, Any] | str | os.PathLike[str], dtype: str = "float32"
) -> dict[str, Array]:
    """Weights from a mapping or an ``.npz`` file, checked against the graph.

    PyTorch's ``num_batches_tracked`` is passed over.

    Raises:
        WeightsError: arrays are missing, unknown or of another shape; all of them are listed.
        ExecutionError: the file is no ``.npz`` archive.
        OSError: the file cannot be read.
    """
    if not isinstance(source, Mapping):
        return load_weights(graph, _archive(source), dtype)
    expected = weight_shapes(graph)
    problems, weights = [], {}
    for name, shape in expected.items():
        if name not in source:
            problems.append(f"{name} is missing; its shape should be {shape}")
            continue
        array = np.asarray(source[name])
        if array.shape != shape:
            problems.append(f"{name} has the shape {array.shape}; it should be {shape}")
        elif array.dtype.kind not in "fiu":
            problems.append(f"{name} holds {array.dtype}, not numbers")
        else:
            weights[name] = np.ascontiguousarray(array, dtype=dtype)
    unknown = [n for n in source if n not in expected and not n.endswith(".num_batches_tracked")]
    problems += [f"{name} belongs to no layer of the graph" for name in unknown]
    if problems:
        raise WeightsError(problems)
    return weights
