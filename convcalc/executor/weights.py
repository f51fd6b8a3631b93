"""Weights: created by seed, or taken from a mapping or an ``.npz`` and checked.

Names are ``<node name>.weight``, ``.bias``, ``.running_mean``, ``.running_var``, of tensors of the
network's own ``.value`` (learned), ``.buffer`` (stored) and ``.constant`` (computed, not stored); layouts
are those of PyTorch and ONNX: (out, in / groups, *kernel) for convolutions, (in, out / groups, *kernel)
for transposed ones, (out, in) for linear layers. What several layers share has one name, that of the layer
it is stored for.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from math import prod, sqrt
from typing import Any

import numpy as np

from convcalc.executor.archives import Archive, check_room
from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.indices import as_indices
from convcalc.executor.kernels import operation
from convcalc.executor.operation import Entries, Shapes
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Graph, Spec, Weights, as_graph, stored_weights
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
COMPUTED = frozenset(("constant",))
"""Arrays that are worked out when a network runs, and stored nowhere."""


def computed_arrays(graph: Graph) -> dict[str, Any]:
    """The arrays that a source computes of nothing but numbers, such as positions and masks."""
    found = {}
    for name, stored in _stored(graph).items():
        if not (getattr(stored, "counted", True) and getattr(stored, "learned", True)):
            try:
                found[name] = stored.read()
            except ValueError:  # its text does not say
                continue
    return found


def _under_own_names(graph: Graph, given: Mapping[str, Any], turned: bool = False) -> dict[str, str]:
    """The name in a file of every array of a graph that the file has under what its source calls it.

    Those whose axes stand in another order there are among them where they can be ``turned``.
    """
    return {
        name: stored.name
        for name, stored in _stored(graph).items()
        if name not in given
        and getattr(stored, "name", "") in given
        and (turned or getattr(stored, "order", None) is None)  # whose axes stand as they do there
    }


def _is_the_sources(graph: Graph, given: Mapping[str, Any]) -> bool:
    """Whether arrays stand under the names that the source of a graph has for its own.

    So they do where all of its names are there, or more of them than of those of the graph.
    """
    own = _stored(graph)
    if not own or not all(hasattr(stored, "names") for stored in own.values()):
        return False
    if any(name in given for name, stored in own.items() if not (stored.saved and stored.counted)):
        return False  # these have no name there
    called = [stored.names for stored in own.values() if stored.saved and stored.counted]
    theirs = sum(any(name in given for name in names) for names in called)
    ours = sum(name in given for name in own)
    alike = all(
        stored.form is None or tuple(given[name].shape) != tuple(stored.shape)
        for name, stored in own.items()
        if name in given
    )
    return theirs > ours or (0 < theirs == len(called) and alike)


def _from_source(
    graph: Graph,
    given: Mapping[str, Any],
    read: Callable[[str], Any],
    expected: Shapes,
) -> tuple[dict[str, Any], Callable[[str], Array]]:
    """The arrays of a state of a graph's source by their names in the graph, and what reads one.

    What a state does not hold, because it is computed or never saved, is the graph's own.

    Raises:
        WeightsError: arrays are missing, unknown or of another shape, two names of one array differ, or one
            that constants were computed of is another one.
    """
    own, beside = _stored(graph), getattr(graph.stored or graph.weights, "beside", {})
    problems, found, at, known = [], {}, {}, set()
    for name in expected:
        stored = own.get(name)
        if stored is None:
            problems.append(f"{name} is missing; its shape should be {expected[name]}")
            continue
        places = [one for one in stored.names if one in given]
        known.update(places)
        for place in places:
            if tuple(given[place].shape) != tuple(stored.origin):
                shape = tuple(given[place].shape)
                problems.append(f"{place} has the shape {shape}; it should be {tuple(stored.origin)}")
        found[name] = stored
        if places:
            at[name] = places
        elif stored.saved:
            problems.append(f"{stored.name} is missing; its shape should be {tuple(stored.origin)}")
    if not problems:
        for stored in beside.values():
            for one in (one for one in stored.names if one in given):
                known.add(one)
                problems += _is_another(one, read(one), stored)
        for places in at.values():
            for one in places[1:]:
                if not np.array_equal(np.asarray(read(places[0])), np.asarray(read(one))):
                    problems.append(f"{one} differs from {places[0]}; both are one array")
    unknown = [n for n in given if n not in known and n not in beside and not n.endswith(_COUNTER)]
    problems += [f"{one_line(str(name))[:200]} belongs to no layer of the graph" for name in unknown]
    if problems:
        raise WeightsError(problems)

    def reading(name: str) -> Array:
        stored = own[name]
        if name not in at:
            return np.asarray(stored.read())
        array = np.asarray(read(at[name][0]))
        return array if stored.form is None else np.asarray(stored.form(array))

    return found, reading


def _is_another(name: str, array: Any, stored: Any) -> list[str]:
    """What is wrong where a network's constants were computed of another array than that of a state."""
    try:
        own = stored.read()
    except ValueError:  # the graph has no numbers: then its constants have none
        return []
    if np.array_equal(np.asarray(array), own):
        return []
    return [f"{name} is not what the network was read with, and constants are computed of it: read that one"]


_COUNTER = ".num_batches_tracked"


def _stored(graph: Graph) -> Mapping[str, Any]:
    """What the arrays of a graph are in its source, by their names in the graph."""
    return getattr(graph.stored or graph.weights, "headers", None) or {}


def weight_shapes(graph: Graph) -> Shapes:
    """Shape of every array the graph needs, by name, in the order of its nodes; what is shared once.

    Raises:
        ExecutionError: a layer cannot be executed, has dimensions that are not numbers, or shares an array
            of another shape.
    """
    shapes: Shapes = {}
    for node in graph.nodes:
        if why := operation(node.layer).refuses(node.layer):
            raise ExecutionError(f"{node.name}: {why}")
        for option in getattr(node.layer, "__dataclass_fields__", ()):
            if _has_symbols(value := getattr(node.layer, option)):
                raise ExecutionError(f"{node.name}: {option} is {value}, which is not numeric")
        for name, shape in operation(node.layer).weights(node.layer).items():
            if not all(isinstance(n, int) for n in shape):
                raise ExecutionError(f"{node.name}: {name} has the shape {shape}, which is not numeric")
            key = node.key(name) if node.shares else f"{node.name}.{name}"
            if shapes.setdefault(key, shape) != shape:
                raise ExecutionError(f"{node.name} needs {name} of shape {shape}; {key} is {shapes[key]}")
    return shapes


def copies(graph: Graph) -> dict[str, str]:
    """Other names of shared arrays: those they would have in the layers that use them, with their own."""
    return {f"{node.name}.{name.rpartition('.')[2]}": name for node in graph.nodes for name in node.shares}


def stored_indices(graph: Graph) -> dict[str, Entries]:
    """By name of each array that holds whole numbers, what they choose from."""
    return {
        node.key(name): entries
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
        fan = None if fan_in is None else fan_in(one.layer)
        fans.setdefault(one.key("weight").rpartition(".")[0], fan)
    weights = {}
    chosen, computed = stored_indices(graph), computed_arrays(graph)
    for name, shape in shapes.items():
        node, _, kind = name.rpartition(".")
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        values: Array
        if name in computed:
            weights[name] = np.ascontiguousarray(computed[name], None if name in chosen else dtype)
            continue
        if name in chosen:
            weights[name] = rng.integers(0, chosen[name].size, shape)
            continue
        learned = kind.startswith("weight")
        if kind == "running_var" or (learned and fans[node] is None):
            values = rng.random(shape, dtype=np.float32) + np.float32(0.5)
        else:
            fan = fans[node] if learned else None
            deviation = 0.1 if fan is None else sqrt(2.0 / fan)
            values = rng.standard_normal(shape, dtype=np.float32)
            values *= np.float32(deviation)
        weights[name] = values.astype(dtype, copy=False)
    return weights


def own_weights(graph: Graph, dtype: str = "float32", *, max_memory: int | None = None) -> dict[str, Array]:
    """The weights that a graph was read with, in the dtype of a run: those that its layers need.

    Arrays of half precision, of whole numbers and of booleans become that dtype.

    Raises:
        WeightsError: they do not fit the graph.
        ExecutionError: it was read without any, or they take more than ``max_memory`` bytes.
    """
    if graph.weights is None:
        raise ExecutionError(f"{one_line(graph.name)} was read without weights; give them")
    expected, other = weight_shapes(graph), copies(graph)
    headers = getattr(graph.weights, "headers", graph.weights)
    given = {name: headers[name] for name in (*expected, *other) if name in headers}
    places = _places(expected, other, given)
    _check_room(expected, places, dtype, max_memory, f"what {one_line(graph.name)} holds")
    return _gathered(lambda name: np.asarray(graph.weights[name]), places, stored_indices(graph), dtype)  # type: ignore[index]


def _check_room(expected: Shapes, places: Mapping[str, Any], dtype: str, most: int | None, what: str) -> None:
    """Refuse arrays that take more memory than there may be, with one of them twice while it is converted."""
    kept = [prod(expected[name]) * np.dtype(dtype).itemsize for name in places]
    check_room(sum(kept) + max(kept, default=0), most, what)


def load_weights(
    graph: Spec,
    source: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    dtype: str = "float32",
    *,
    max_memory: int | None = None,
) -> dict[str, Array]:
    """Weights from a mapping or a file (``.npz``, ``.safetensors``, ``.pth``), checked against the graph.

    Without a source they are those that the graph was read with, as a model's file has them.
    Names, shapes and types of a file are checked by its headers before anything is unpacked.
    PyTorch's ``num_batches_tracked`` is passed over. An array that layers share may stand under the name
    of any of them, or of several if all are equal.

    Raises:
        WeightsError: arrays are missing, unknown or of another shape, copies of a shared array differ, or
            indices choose entries that are not there; all of them are listed.
        ExecutionError: the file is damaged or no ``.npz`` archive, or its arrays take more than
            ``max_memory`` bytes.
        OSError: the file cannot be read.
    """
    graph = as_graph(graph)
    if source is None:
        return own_weights(graph, dtype, max_memory=max_memory)
    if not isinstance(source, Mapping):
        source = stored_weights(source) or source
    expected = weight_shapes(graph)
    other, chosen = copies(graph), stored_indices(graph)
    if isinstance(source, Weights) and _is_the_sources(graph, source.headers):
        headers, reading = _from_source(graph, source.headers, source.__getitem__, expected)
        places = {name: [name] for name in expected}
        _check_room(expected, places, dtype, max_memory, "what the weights hold")
        return _gathered(reading, places, chosen, dtype)
    if isinstance(source, Weights):
        headers, reading = _named(graph, source.headers, source.__getitem__)
        places = _places(expected, other, headers)
        _check_room(expected, places, dtype, max_memory, "what the weights hold")
        return _gathered(reading, places, chosen, dtype)
    if isinstance(source, Mapping):
        arrays = {name: np.asarray(source[name]) for name in source}
        if _is_the_sources(graph, arrays):
            _, reading = _from_source(graph, arrays, arrays.__getitem__, expected)
            return _gathered(reading, {name: [name] for name in expected}, chosen, dtype)
        for name, there in _under_own_names(graph, source, turned=True).items():
            array, order = arrays.pop(there), _stored(graph)[name].order
            arrays[name] = (array if order is None else array.transpose(order)).reshape(expected[name])
        arrays = {**computed_arrays(graph), **arrays}
        found = _gathered(arrays.__getitem__, _places(expected, other, arrays), chosen, dtype)
        # One array given under two names is two: what layers share, the graph says.
        distinct = {id(array): name for name, array in found.items()}
        return {name: a if distinct[id(a)] == name else a.copy() for name, a in found.items()}
    with Archive(source) as archive:
        if _is_the_sources(graph, archive.headers):
            headers, reading = _from_source(graph, archive.headers, archive.read, expected)
            places = {name: [name] for name in expected}
            _check_room(expected, places, dtype, max_memory, archive.place)
            return _gathered(reading, places, chosen, dtype)
        headers, reading = _named(graph, archive.headers, archive.read)
        places = _places(expected, other, headers)
        needed = [sum(headers[name].nbytes for name, *_ in places.values())]
        needed += [headers[name].nbytes for _, *more in places.values() for name in more]
        check_room(needed[0] + max(needed[1:], default=0), max_memory, archive.place)
        return _gathered(reading, places, chosen, dtype)


def _named(
    graph: Graph, headers: Mapping[str, Any], read: Callable[[str], Any]
) -> tuple[dict[str, Any], Callable[[str], Array]]:
    """The arrays of a file by their names in a graph, with those that are computed, and what reads one."""
    computed, called = computed_arrays(graph), _under_own_names(graph, headers)
    moved = {*called.values()}
    found = {**computed, **{name: header for name, header in headers.items() if name not in moved}}
    found.update((name, headers[there]) for name, there in called.items())

    def reading(name: str) -> Array:
        if name in computed and name not in headers:
            return np.asarray(computed[name])
        return np.asarray(read(called.get(name, name)))

    return found, reading


def _gathered(
    read: Callable[[str], Array],
    places: Mapping[str, list[str]],
    chosen: Mapping[str, Entries],
    dtype: str,
) -> dict[str, Array]:
    """The arrays of a source by their names in the graph, after comparing those that are there twice.

    They come in the dtype of a run; those of indices as whole numbers, checked.
    """
    found, problems = {}, []
    for name, (first, *more) in places.items():
        array = read(first)
        for one in more:
            if not np.array_equal(array, copy := read(one), equal_nan=copy.dtype.kind == "f"):
                problems.append(f"{one} differs from {first}; both are {name}, which their layers share")
        if name not in chosen:
            found[name] = np.ascontiguousarray(array, dtype=dtype)
            continue
        try:
            found[name], missing = as_indices(array, chosen[name])
            if missing is not None:
                raise ExecutionError("an index is no number")
        except ExecutionError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise WeightsError(problems)
    return found


def _numeric(dtype: Any) -> bool:
    """Whether entries are numbers, or true and false: by NumPy's type or by its name (``bfloat16``)."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", str(dtype))
    return str(name).startswith(("float", "bfloat", "int", "uint", "bool"))


def _places(expected: Shapes, other: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Under which names each array that the graph needs is given, its own first.

    Names, shapes and types (of arrays or of their headers) are held to those that the graph needs.
    """
    problems = []
    places: dict[str, list[str]] = {name: [name] * (name in given) for name in expected}
    for copy, name in other.items():
        if copy in given and name in places:
            places[name].append(copy)
    for name, shape in expected.items():
        if not places[name]:
            problems.append(f"{name} is missing; its shape should be {shape}")
        for place in places[name]:
            found = given[place]
            if tuple(found.shape) != shape:
                problems.append(f"{place} has the shape {found.shape}; it should be {shape}")
            elif not _numeric(found.dtype):
                problems.append(f"{place} holds {found.dtype}, not numbers")
    known = {place for names in places.values() for place in names}
    unknown = [n for n in given if n not in known and not str(n).endswith(_COUNTER)]
    problems += [f"{one_line(str(name))[:200]} belongs to no layer of the graph" for name in unknown]
    if problems:
        raise WeightsError(problems)
    return places
