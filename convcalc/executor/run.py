"""Running a graph: nodes in order, each activation freed when its last reader has run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import PLAIN, Arith, Array
from convcalc.executor.call import Call, Params
from convcalc.executor.indices import LARGEST, Bound, as_indices, bounds
from convcalc.executor.kernels import run_kernel
from convcalc.executor.memory import MemoryEstimate, MemoryLimitError, estimate_memory
from convcalc.executor.weights import init_weights, load_weights
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Edge, Graph, Node, Spec, as_graph

Outputs = tuple["Array | None", ...]


class Step(NamedTuple):
    """One node that has just run.

    ``live`` is the bytes of all tensors alive at that moment: what the node read, what it wrote,
    and everything somebody has still to read. Tensors that share storage are counted once.
    """

    node: Node
    outputs: Outputs
    params: Params
    live: int


class Runner:
    """Executes a graph node by node and frees what nobody reads any more.

    Args:
        graph: the graph.
        weights: arrays by name.
        t: the arithmetic.
        form: ``fast`` or ``naive``.
        keep: edges whose tensors stay alive to the end, besides the outputs of the graph.
        reuse: whether elementwise layers may write into an input that nobody reads any more.
        object_bytes: bytes that an element of an object array counts as.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, Array],
        t: Arith = PLAIN,
        *,
        form: str = "fast",
        keep: Iterable[Edge] = (),
        reuse: bool = True,
        object_bytes: int = 8,
    ) -> None:
        self.object_bytes = object_bytes
        self.graph = graph
        self.t = t
        self.form = form
        self.reuse = reuse
        self.tensors: dict[Edge, Array] = {}
        self.by_node: dict[str, dict[str, Array]] = {}
        for name, array in weights.items():
            owner, _, short = name.rpartition(".")
            self.by_node.setdefault(owner, {})[short] = array
        for node in graph.nodes:
            for name in node.shares:
                if name in weights:
                    self.by_node.setdefault(node.name, {})[name.rpartition(".")[2]] = weights[name]
        self.reads: dict[Edge, int] = {}
        for node in graph.nodes:
            for edge in node.inputs:
                self.reads[edge] = self.reads.get(edge, 0) + 1
        for edge in (*graph.outputs, *keep):
            self.reads[edge] = self.reads.get(edge, 0) + 1
        # Storage of a tensor, by the identity of the array that owns it; readers left of each.
        self.owners: dict[Edge, int] = {}
        self.readers: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        # What no layer may write over: arrays of the caller, and those of the network itself.
        self.foreign: set[int] = set()
        self.own: set[int] = set()
        self.stored = {id(_owner(array)) for array in weights.values()}
        self.batch = 1
        self.dtype: Any = np.float32

    def steps(self, inputs: list[Array]) -> Iterator[Step]:
        """Run all nodes; yields after each, before anything it read is freed."""
        arriving = dict(zip(self.graph.inputs, inputs, strict=True))
        overwrites = any(_in_place(node) for node in self.graph.nodes)
        if inputs:
            self.batch, dtype = len(inputs[0]), inputs[0].dtype
            self.dtype = np.float64 if dtype.hasobject else dtype
        for index, array in arriving.items():
            if overwrites:  # whoever gave the array keeps it as it is
                array = arriving[index] = array.copy()
            else:
                self.foreign.add(id(_owner(array)))
            if self.reads.get(Edge(index)):
                self._hold(Edge(index), array)
        for index, node in enumerate(self.graph.nodes):
            params = Params(node.name, self.by_node.get(node.name))
            outputs: Outputs = (arriving[index],) if index in arriving else self._execute(node, index, params)
            own = not node.inputs and index not in arriving and all(map(self._is_stored, outputs))
            outputs = tuple(None if array is None else self.t.adopt(_in_order(array)) for array in outputs)
            for i, output in enumerate(outputs):
                edge = Edge(index, i)
                if output is not None and self.reads.get(edge) and edge not in self.tensors:
                    self._hold(edge, output, own)
            fresh = {id(_owner(a)): self._bytes(_owner(a)) for a in outputs if a is not None and not own}
            fresh.update(dict.fromkeys(self.own & fresh.keys(), 0))
            live = sum({**fresh, **self.sizes}.values())
            yield Step(node, outputs, params, live)
            for edge in node.inputs:
                self._release(edge)

    def _execute(self, node: Node, index: int, params: Params) -> Outputs:
        xs = tuple(self._tensor(edge, node) for edge in node.inputs)
        spare = False
        if xs and (self.reuse or _in_place(node)):
            owner = self.owners[node.inputs[0]]
            here = sum(self.owners[edge] == owner for edge in node.inputs)
            spare = here == self.readers[owner] and owner not in self.foreign | self.own
        wanted = frozenset(i for i in (0, 1) if self.reads.get(Edge(index, i)))
        try:
            call = Call(node.layer, xs, params, self.t, spare, wanted, self.batch, self.dtype)
            outputs = run_kernel(call, form=self.form)
        except ExecutionError as error:
            if str(error).startswith(node.name):
                raise
            raise ExecutionError(f"{node.name}: {error}") from error
        return outputs

    def _is_stored(self, array: Array | None) -> bool:
        """Whether a tensor is an array of the network itself, or one number that is repeated."""
        owner = None if array is None else _owner(array)
        return owner is None or id(owner) in self.stored or owner.size == 1

    def _tensor(self, edge: Edge, reader: Node) -> Array:
        array = self.tensors.get(edge)
        if array is None:
            source = self.graph.nodes[edge.node].name
            raise ExecutionError(f"{reader.name} reads an output of {source} that was not written")
        return array

    def _bytes(self, array: Array) -> int:
        return array.size * self.object_bytes if array.dtype.hasobject else array.nbytes

    def _hold(self, edge: Edge, array: Array, own: bool = False) -> None:
        """Keep a tensor until it was read; one of the network's own is its array, no activation."""
        owner = _owner(array)
        key = id(owner)
        self.tensors[edge] = array
        self.owners[edge] = key
        if own:
            self.own.add(key)
        self.sizes[key] = 0 if key in self.own else self._bytes(owner)
        self.readers[key] = self.readers.get(key, 0) + self.reads[edge]

    def _release(self, edge: Edge) -> None:
        key = self.owners[edge]
        self.readers[key] -= 1
        self.reads[edge] -= 1
        if self.reads[edge] == 0:
            del self.tensors[edge]
        if self.readers[key] == 0:
            del self.readers[key], self.sizes[key]
            self.foreign.discard(key)
            self.own.discard(key)


def _in_order(array: Array) -> Array:
    """A result of its own with its elements in order, as what NumPy makes of a repeated view is not."""
    return array if array.base is not None or array.flags.c_contiguous else np.ascontiguousarray(array)


def _in_place(node: Node) -> bool:
    return bool(getattr(node.layer, "inplace", False))


def _owner(array: Array) -> Array:
    """The array that owns the storage."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def inputs_by_name(graph: Graph, inputs: Array | Mapping[str, Array]) -> Mapping[str, Array]:
    """What was given for the inputs, by name; one array is that of the only input.

    Raises:
        ExecutionError: one array was given for several inputs.
    """
    if isinstance(inputs, Mapping):
        return inputs
    names = [graph.nodes[i].name for i in graph.inputs]
    if len(names) != 1:
        raise ExecutionError(f"the graph has {len(names)} inputs ({', '.join(names)}); give a mapping")
    return {names[0]: inputs}


def input_arrays(graph: Graph, inputs: Array | Mapping[str, Array]) -> list[Array]:
    """The arrays for the inputs of the graph, in their order, checked, of one dtype and batch size.

    Raises:
        ExecutionError: an input is missing, unknown, not numeric or of the wrong shape.
    """
    nodes = [graph.nodes[i] for i in graph.inputs]
    given = inputs_by_name(graph, inputs)
    unknown = [name for name in given if name not in {node.name for node in nodes}]
    if unknown:
        raise ExecutionError(f"the graph has no input {unknown[0]!r}")
    arrays: list[Array] = []
    whole = bounds(graph)
    for number, node in zip(graph.inputs, nodes, strict=True):
        if node.name not in given:
            raise ExecutionError(f"input {node.name!r} is missing")
        arrays.append(_input_array(node, given[node.name], whole.get(number)))
    if len({array.dtype for array in arrays}) > 1:
        arrays = [array.astype(np.result_type(*arrays)) for array in arrays]
    if len({len(array) for array in arrays}) > 1:
        raise ExecutionError("the inputs have different batch sizes")
    return arrays


def _input_array(node: Node, given: Any, bound: Bound | None) -> Array:
    array = np.asarray(given)
    if array.dtype.kind not in "fiubO":
        raise ExecutionError(f"input {node.name!r} holds {array.dtype}, not numbers")
    if array.dtype.kind != "O":  # of eight bytes or more in float64, whatever their order
        wide = array.dtype.kind == "f" and array.dtype.itemsize >= 8
        if bound is not None:
            try:
                index, _ = as_indices(array, bound.entries)
            except ExecutionError as error:
                raise ExecutionError(f"input {node.name!r} is looked up in {bound.reader}: {error}") from None
            wide = wide or bool(index.size and index.max() > LARGEST)
        array = array.astype(np.float64 if wide else np.float32, copy=False)
    shape = tuple(node.layer.shape)  # type: ignore[attr-defined]
    fits = array.ndim == len(shape) + 1 and all(
        n == m for n, m in zip(array.shape[1:], shape, strict=True) if isinstance(m, int)
    )
    if not fits:
        expected = ", ".join(map(str, ("N", *shape)))
        raise ExecutionError(f"input {node.name!r} should have the shape ({expected}), not {array.shape}")
    if len(array) == 0:
        raise ExecutionError(f"input {node.name!r} holds no sample; its shape is {array.shape}")
    return np.ascontiguousarray(array)


def in_dtype(graph: Graph, arrays: list[Array], dtype: str) -> list[Array]:
    """The arrays for the inputs in the dtype of a run.

    Raises:
        ExecutionError: one that is looked up by holds whole numbers that the dtype cannot tell apart.
    """
    found = [array.astype(dtype, copy=False) for array in arrays]
    for number in bounds(graph):
        place = graph.inputs.index(number)
        if not np.array_equal(found[place], arrays[place], equal_nan=True):
            name = graph.nodes[number].name
            about = f"indices above {LARGEST:,}, which {dtype} cannot tell apart; float64 can"
            raise ExecutionError(f"input {name!r} holds {about}")
    return found


def input_shape(node: Node, sizes: Sequence[int] | None = None) -> tuple[int, ...]:
    """Shape of an input without the batch, with other spatial sizes if given.

    Raises:
        ExecutionError: a dimension is not a number.
    """
    shape = tuple(node.layer.shape)  # type: ignore[attr-defined]
    if sizes is not None:
        if len(sizes) != len(shape) - 1:
            raise ExecutionError(f"input {node.name!r} has {len(shape) - 1} spatial axes, not {len(sizes)}")
        shape = (shape[0], *sizes)
    if not all(isinstance(n, int) for n in shape):
        raise ExecutionError(f"input {node.name!r} has the shape {shape}, which is not numeric")
    return shape


def find_edge(graph: Graph, name: str | None) -> Edge:
    """The tensor of that name (as :meth:`Graph.find`), or the first output of the graph.

    Raises:
        ExecutionError: there is none.
    """
    if name is None:
        return graph.outputs[0]
    try:
        return graph.find(name)
    except LookupError as error:
        raise ExecutionError(str(error)) from None


def output_names(graph: Graph) -> tuple[str, ...]:
    """A name for each output of the graph."""
    return tuple(graph.named_outputs())


def prepare_weights(
    graph: Graph, weights: Any, seed: int, dtype: str, max_memory: int | None = None
) -> dict[str, Array]:
    """Weights as given, or those that the graph was read with, checked; or created by seed."""
    if weights is None and graph.weights is None:
        return init_weights(graph, seed, dtype)
    return load_weights(graph, weights, dtype, max_memory=max_memory)


def execute(
    graph: Spec,
    inputs: Array | Mapping[str, Array],
    weights: Mapping[str, Array] | str | None = None,
    *,
    keep: Iterable[str] | str | None = None,
    seed: int = 0,
    progress: Callable[[Node, Outputs], None] | None = None,
    max_memory: int | None = None,
    form: str = "fast",
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Any:
    """Run a graph on arrays.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``; its dimensions are numbers.
        inputs: one array (N, C, *spatial) or, by input name, several. float32 and float64 are
            computed in their own precision, integers as float32.
        weights: arrays by name, or a file (``.npz``, ``.safetensors``, ``.pth``). Where they are not given,
            those that the graph was read with, as a model's file has them; else created from ``seed``.
        keep: names of layers whose outputs are returned as well (one as a string will do).
        seed: for :func:`~convcalc.executor.init_weights`.
        progress: called after each layer with its node and its outputs.
        max_memory: bytes the run may need.
        form: ``fast``, or ``naive`` for the readable loops.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Returns:
        The output (N, C, *spatial) when the graph has one and ``keep`` is not given; else a
        dictionary of the outputs by their names and of what was kept by the names given.

    Raises:
        ExecutionError: inputs do not fit the graph, a layer cannot be executed, or there is no such form.
        WeightsError: weights do not fit the graph.
        MemoryLimitError: the run would need more than ``max_memory``; nothing was allocated.
    """
    if form not in ("fast", "naive"):
        raise ExecutionError(f"there is no form {form!r}: expected 'fast' or 'naive'")
    graph = as_graph(graph, input=input, set=set)
    arrays = input_arrays(graph, inputs)
    dtype = str(arrays[0].dtype)
    if max_memory is not None:
        check_memory(graph, len(arrays[0]), dtype, max_memory)
    names = (keep,) if isinstance(keep, str) else tuple(keep or ())
    kept = {name: find_edge(graph, name) for name in names}
    prepared = prepare_weights(graph, weights, seed, dtype, max_memory)
    runner = Runner(graph, prepared, form=form, keep=kept.values())
    for step in runner.steps(arrays):
        if progress is not None:
            progress(step.node, step.outputs)
    results = {
        name: runner.tensors[edge] for name, edge in zip(output_names(graph), graph.outputs, strict=True)
    }
    if keep is None and len(results) == 1:
        return next(iter(results.values()))
    return {**results, **{name: runner.tensors[edge] for name, edge in kept.items()}}


def check_memory(graph: Graph, batch: int, dtype: str, allowed: int) -> MemoryEstimate:
    """What a run needs; raises :class:`MemoryLimitError` if that is more than what is allowed."""
    estimate = estimate_memory(graph, batch, dtype)
    if estimate.needed > allowed:
        raise MemoryLimitError(estimate.layer, estimate.needed, allowed)
    return estimate
