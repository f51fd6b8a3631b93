"""Weights: created by seed, or taken from a mapping or an ``.npz`` and checked.

Names are ``<node name>.weight``, ``.bias``, ``.running_mean``, ``.running_var``, of tensors of the
network's own ``.value`` (learned) and ``.buffer`` (stored); layouts are those
of PyTorch and ONNX: (out, in / groups, *kernel) for convolutions, (in, out / groups, *kernel) for
transposed ones, (out, in) for linear layers.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from math import sqrt
from typing import Any

import numpy as np

from convcalc.executor.archives import Archive, check_room
from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.indices import as_indices
from convcalc.executor.kernels import operation
from convcalc.executor.operation import Entries, Shapes
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Graph, Spec, as_graph
from convcalc.printable import one_line


class WeightsError(ExecutionError):
    """Weights that do not fit the graph.

    ``faults`` lists what is missing, unknown or misshapen; the message shows the first ten.
    """

    def __init__(self, faults: list[str]) -> None:
        more = [f"... and {len(faults) - 10} more"] if len(faults) > 10 else []
        super().__init__("the weights do not fit the graph:\n  " + "\n  ".join(faults[:10] + more))
        self.faults = faults


BUFFERS = frozenset(("running_mean", "running_var", "buffer"))
"""Arrays that are stored, not learned."""


def weight_shapes(graph: Graph) -> Shapes:
    """Shape of every array the graph needs, by name, in the order of its nodes.

    Raises:
        ExecutionError: a layer has dimensions that are not numbers.
    """
    shapes: Shapes = {}
    for node in graph.nodes:
        for option in getattr(node.layer, "__dataclass_fields__", ()):
            if _has_symbols(value := getattr(node.layer, option)):
                raise ExecutionError(f"{node.name}: {option} is {value}, which is not numeric")
        for name, shape in operation(node.layer).weights(node.layer).items():
            if not all(isinstance(n, int) for n in shape):
                raise ExecutionError(f"{node.name}: {name} has the shape {shape}, which is not numeric")
            shapes[f"{node.name}.{name}"] = shape
    return shapes


def stored_indices(graph: Graph) -> dict[str, Entries]:
    """By name of each array that holds whole numbers, what they choose from."""
    return {
        f"{node.name}.{name}": entries
        for node in graph.nodes
        for name, entries in operation(node.layer).indices(node.layer).items()
    }


def _has_symbols(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_has_symbols, value))
    return hasattr(value, "free_symbols")


def init_weights(graph: Spec, seed: int = 0, dtype: str = "float32") -> dict[str, Array]:
    """Random weights for every layer of the graph.

    Weights of convolutions and linear layers are normal with variance 2 / fan-in (He et al. 2015);
    factors of normalisations lie around one, running variances between 0.5 and 1.5, terms and
    running means around zero. Stored indices are whole numbers (64 bits) below the number of entries that
    they choose from. Each array depends on the seed and its name alone, not on the order
    of the nodes; float32 and float64 give the same numbers.

    Args:
        graph: a graph, or a spec as it stands; all dimensions are numbers.
        seed: a non-negative integer.
        dtype: ``float32`` or ``float64``.

    Returns:
        Arrays by name (``<node name>.weight`` and so on), in PyTorch's layouts.

    Raises:
        ExecutionError: a layer has dimensions that are not numbers, or the dtype is another one.
    """
    if str(np.dtype(dtype)) not in ("float32", "float64"):
        raise ExecutionError(f"weights are float32 or float64, not {dtype}")
    graph = as_graph(graph)
    shapes = weight_shapes(graph)
    fans: dict[str, int | None] = {}
    for one in graph.nodes:
        fan_in = operation(one.layer).fan_in
        fans[one.name] = None if fan_in is None else fan_in(one.layer)
    weights = {}
    chosen = stored_indices(graph)
    for name, shape in shapes.items():
        node, _, kind = name.rpartition(".")
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        values: Array
        if name in chosen:
            weights[name] = rng.integers(0, chosen[name].size, shape)
            continue
        if kind == "running_var" or (kind == "weight" and fans[node] is None):
            values = rng.random(shape, dtype=np.float32) + np.float32(0.5)
        else:
            fan = fans[node] if kind == "weight" else None
            deviation = 0.1 if fan is None else sqrt(2.0 / fan)
            values = rng.standard_normal(shape, dtype=np.float32)
            values *= np.float32(deviation)
        weights[name] = values.astype(dtype, copy=False)
    return weights


def load_weights(
    graph: Spec,
    source: Mapping[str, Any] | str | os.PathLike[str],
    dtype: str = "float32",
    *,
    max_memory: int | None = None,
) -> dict[str, Array]:
    """Weights from a mapping or an ``.npz`` file, checked against the graph.

    Names, shapes and types of a file are checked by its headers before anything is unpacked.
    PyTorch's ``num_batches_tracked`` is passed over.

    Raises:
        WeightsError: arrays are missing, unknown or of another shape, or indices choose entries that are
            not there; all of them are listed.
        ExecutionError: the file is damaged or no ``.npz`` archive, or its arrays take more than
            ``max_memory`` bytes.
        OSError: the file cannot be read.
    """
    graph = as_graph(graph)
    expected = weight_shapes(graph)
    if isinstance(source, Mapping):
        arrays = {name: np.asarray(source[name]) for name in source}
        _check(expected, arrays)
        return _typed(graph, expected, arrays.__getitem__, dtype)
    with Archive(source) as archive:
        _check(expected, archive.headers)
        needed = sum(archive.headers[name].nbytes for name in expected)
        check_room(needed, max_memory, archive.place)
        return _typed(graph, expected, archive.read, dtype)


def _typed(graph: Graph, names: Iterable[str], read: Callable[[str], Array], dtype: str) -> dict[str, Array]:
    """Arrays in the dtype of a run, one after the other; those of indices as whole numbers, checked."""
    chosen = stored_indices(graph)
    arrays: dict[str, Array] = {}
    problems = []
    for name in names:
        array = read(name)
        if name not in chosen:
            arrays[name] = np.ascontiguousarray(array, dtype=dtype)
            continue
        try:
            arrays[name], missing = as_indices(array, chosen[name])
            if missing is not None:
                raise ExecutionError("an index is no number")
        except ExecutionError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise WeightsError(problems)
    return arrays


def _check(expected: Shapes, given: Mapping[str, Any]) -> None:
    """Hold names, shapes and types (of arrays or of their headers) to those that the graph needs."""
    problems = []
    for name, shape in expected.items():
        found = given.get(name)
        if found is None:
            problems.append(f"{name} is missing; its shape should be {shape}")
        elif found.shape != shape:
            problems.append(f"{name} has the shape {found.shape}; it should be {shape}")
        elif found.dtype.kind not in "fiu":
            problems.append(f"{name} holds {found.dtype}, not numbers")
    unknown = [n for n in given if n not in expected and not str(n).endswith(".num_batches_tracked")]
    problems += [f"{one_line(str(name))[:200]} belongs to no layer of the graph" for name in unknown]
    if problems:
        raise WeightsError(problems)
