"""One graph, formula against execution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod, sqrt
from typing import Any, TypeAlias

import numpy as np

from convcalc.budget import OverBudgetError, apart
from convcalc.calculators.count.footprint import footprints
from convcalc.calculators.count.report import LayerReport, Report, analyze
from convcalc.dims import is_known
from convcalc.executor import Counts, MemoryLimitError, NodeCount, count, execute, init_weights
from convcalc.executor.arithmetic.arith import PLAIN, Arith, Array
from convcalc.executor.arithmetic.tally import ScalarArith
from convcalc.executor.call import Call, Params
from convcalc.executor.counting import random_inputs
from convcalc.executor.kernels import run_kernel
from convcalc.executor.run import Runner, prepare_weights
from convcalc.executor.weights import own_weights, stored_indices, weight_shapes
from convcalc.exporters.text import format_placed
from convcalc.graph import Edge, Graph, Node, Spec, as_graph
from convcalc.layers.base import Ops
from convcalc.solve.sizes import MACS, choose, own_inputs, shape_text
from convcalc.spec import load
from convcalc.verification.receptive_field import field_checks
from convcalc.verification.result import Check, LayerCheck, Verification, compare
from convcalc.verification.traced_field import elements

SCALAR_WORK = 100_000
"""Operations up to which a graph is also counted one by one: a tenth of a second."""

BATCH = 2
"""Samples of a further run of small graphs: what must grow with the batch does."""

TRACED = 1_000_000_000
"""Elements of all tensors up to which receptive fields are traced at the own size of a graph."""

TOLERANCE = 1e-9
"""Largest relative difference of two forms of one kernel in float64."""

Progress = Callable[[int, int, str], None]

_COUNTS = ("params", "buffers", "macs", "valid_macs")
_SPLIT = ("trainable", "frozen")
"""Checked besides where a layer is frozen; elsewhere they are all of the parameters, and none."""


@apart
def verify(
    graph: Spec,
    *,
    macs: int | None = MACS,
    max_memory: int | None = None,
    scalars: bool | None = None,
    fields: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Verification:
    """Hold every number stated for a graph against what running it shows.

    Shapes, parameters, buffers, MACs, valid MACs, operations by kind, activations and memory are
    counted in one forward pass on real arrays; small graphs are run a second time scalar by
    scalar, and the values of both runs compared; and as a batch, whose samples must come out the
    same in either order. Receptive fields are traced back from a sample of output positions.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        macs: multiply-accumulates that may be executed; above, the graph is run at a reduced input
            size that keeps its structure. None: always its own size.
        max_memory: bytes the run may need; half of the machine's where None.
        scalars: whether to count scalar by scalar too; None: where the graph is small.
        fields: whether to trace receptive fields.
        seed: of weights and inputs.
        progress: called with layers done, layers in all and the name of the layer. A KeyboardInterrupt
            while the layers run ends it with those that were run.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Returns:
        every quantity twice, by layer and in total.

    Raises:
        ValueError: a dimension is a symbol.
        MemoryLimitError: the run would need more memory than it may.
        SpecError: the spec cannot be read.
    """
    graph, notes = _known_part(as_graph(graph, input=input, set=set))
    chosen = choose(graph, macs, max_memory)
    run = chosen.graph
    if chosen.note:
        smaller = ", with every layer and channel of its own" if _known(graph) else ""
        notes.append(f"{chosen.note}: run on {shape_text(own_inputs(run))}{smaller}.")
    work = analyze(run).totals
    if scalars is None:
        scalars = _small(work.flops, run)
    report = analyze(run)
    few = type(work.params) is int and work.params <= 1_000_000
    if run.weights is not None:
        weights = own_weights(run, max_memory=max_memory)
    else:
        weights = init_weights(run, seed) if few else quick_weights(run, seed)
    witness = _Witness(run, weights, "float32", seed)
    counts, error, reached = witness.count(progress)
    complete = counts is None or counts.complete
    with _cut_short(not complete):
        if counts is not None and not counts.complete:
            reached = {node.name for node in counts.nodes}
        checks = _layer_checks(report, run, counts, weights, reached, whole=error is None and complete)
        if not complete:
            layers = tuple(layer for layer in _layers(run, checks, reached) if layer.executed)
            asked = len(run) - len(run.inputs)
            return Verification(
                graph.name,
                own_inputs(run),
                own_inputs(graph),
                layers,
                (),
                None,
                False,
                0,
                tuple(notes),
                asked,
            )
        if scalars and error is None:
            for name, more in _scalar_checks(run, seed).items():
                checks[name] += more
        traced = 0
        if fields and error is None:
            own = graph if _known(graph) and elements(graph) <= TRACED else run
            found, more_notes = field_checks(own, every=scalars and own_inputs(own) == own_inputs(run))
            notes += more_notes
            for name, more in found.items():
                checks[name] += more
            traced = len(found)
        totals = _total_checks(report, counts) if error is None else ()
        if scalars and error is None:
            try:
                with np.errstate(all="ignore"):
                    pair = count(run, None, weights, batch=BATCH, seed=seed)
                swapped = _sample_checks(run, seed)
            except Exception as fault:  # a kernel that takes one sample only; see _Witness.count
                error = f"a batch of {BATCH}: {type(fault).__name__}: {fault}"
            else:
                totals += _total_checks(analyze(run, batch=BATCH), pair, f"a batch of {BATCH}")
                for name, check in swapped.items():
                    checks[name].append(check)
        layers = _layers(run, checks, reached)
        return Verification(
            graph.name,
            own_inputs(run),
            own_inputs(graph),
            layers,
            totals,
            error,
            scalars,
            traced,
            tuple(notes),
        )


@contextmanager
def _cut_short(interrupted: bool) -> Iterator[None]:
    """Of a run that was interrupted, what is left may have no budget to be told: it is an interrupt then."""
    try:
        yield
    except OverBudgetError:
        if not interrupted:
            raise
        raise KeyboardInterrupt from None


def _layers(run: Graph, checks: Mapping[str, list[Check]], reached: set[str]) -> tuple[LayerCheck, ...]:
    return tuple(
        LayerCheck(
            node.name,
            node.op,
            format_placed(node, run.input_shapes(node)),
            tuple(checks.get(node.name, ())),
            node.name in reached,
        )
        for index, node in enumerate(run.nodes)
        if index not in run.inputs
    )


def _known_part(graph: Graph) -> tuple[Graph, list[str]]:
    """What can be executed: all that reads nothing of an operator that is not known; and what was left out.

    Raises:
        ValueError: nothing can.
    """
    left: set[int] = set()
    for number, node in enumerate(graph.nodes):
        if node.layer.opaque or any(edge.node in left for edge in node.inputs):
            left.add(number)
    if not left:
        return graph, []
    kept = [number for number in range(len(graph.nodes)) if number not in left]
    unknown = [node.name for node in graph.nodes if node.layer.opaque]
    if len(kept) == len(graph.inputs):
        raise ValueError(f"nothing can be executed: all of it reads {unknown[0]}, which is not known")
    new = {old: number for number, old in enumerate(kept)}
    nodes: list[Node] = []
    read: set[Edge] = set()
    for old in kept:
        node = graph.nodes[old]
        read.update(node.inputs)
        edges = tuple(Edge(new[edge.node], edge.output) for edge in node.inputs)
        nodes.append(Node(node.name, node.layer, edges, node.outputs, node.frozen, node.shares))
    followed = {edge.node for edge in read} | set(graph.inputs)
    ends = [Edge(old) for old in kept if old not in followed]
    outputs = dict.fromkeys([*ends, *(edge for edge in graph.outputs if edge.node in new)])

    def again(shapes: Mapping[str, Any], variables: Mapping[str, Any]) -> Graph:
        found = load(graph.text, input=shapes, set=variables) if whole is None else whole(shapes, variables)
        return _known_part(found)[0]

    whole = graph.again
    part = Graph(
        graph.name,
        nodes,
        tuple(new[number] for number in graph.inputs),
        tuple(Edge(new[edge.node], edge.output) for edge in outputs),
        variables=graph.variables,
        weights=graph.weights,
        again=again if graph.resizable else None,
    )
    several, after = len(unknown) > 1, len(left) - len(unknown)
    shown = ", ".join(unknown[:8]) + f" and {len(unknown) - 8} more" * (len(unknown) > 8)
    note = f"{shown} {'are' if several else 'is'} not known, and {'were' if several else 'was'} not run"
    if after:
        note += f", nor {'were' if after > 1 else 'was'} the {after} layer{'s' * (after > 1)} after"
    return part, [f"{note}."]


def _known(graph: Graph) -> bool:
    return all(is_known(*shape) for shape in own_inputs(graph))


def _small(flops: Any, graph: Graph) -> bool:
    moved = sum(prod(shape) for node in graph.nodes for shape in node.outputs)
    return type(flops) is int and flops + 4 * moved <= 2 * SCALAR_WORK


def _scalar_checks(graph: Graph, seed: int) -> dict[str, list[Check]]:
    """Checks of a run in which every scalar counts itself, and of its values against the fast kernels'."""
    report, weights = analyze(graph, dtype="float64"), prepare_weights(graph, None, seed, "float64")
    witness = _Witness(graph, weights, "float64", seed)
    witness.count(None)
    fast = witness.values
    counts, error, reached = witness.count(None, scalar=True)
    checks = _layer_checks(report, graph, counts, weights, reached, error is None, "scalars")
    run = _again(graph, weights)

    def naive(node: Node, xs: tuple[Array, ...]) -> Outputs:
        t = ScalarArith()
        return run(node, tuple(t.wrap(x) if x.dtype.kind == "f" else x for x in xs), "naive", t)

    for name, check in _value_checks(graph, fast, witness.values, naive).items():
        checks[name].append(check)
    if error is not None:
        last = next(node.name for node in graph.nodes if node.name not in reached)
        checks[last].append(Check("values", "forms agree", error, False, "scalars"))
    return checks


class _Witness:
    """Runs a graph and counts; keeps the values of small ones."""

    def __init__(self, graph: Graph, weights: Mapping[str, Array], dtype: str, seed: int) -> None:
        self.graph = graph
        self.weights = weights
        self.dtype = dtype
        self.seed = seed
        self.values: dict[str, tuple[Array | None, ...]] = {}

    def count(
        self, progress: Progress | None, scalar: bool = False
    ) -> tuple[Counts | None, str | None, set[str]]:
        """Counts, why the run stopped (None where it did not), and the nodes that were reached."""
        graph, self.values = self.graph, {}
        reached: set[str] = set()

        def note(node: Node, outputs: tuple[Array | None, ...]) -> None:
            reached.add(node.name)
            if self.dtype == "float64":
                # a copy: what runs in place writes over it
                self.values[node.name] = tuple(None if a is None else a.copy() for a in outputs)
            if progress is not None:
                progress(len(reached), len(graph), node.name)

        def run(part: Graph, weights: Mapping[str, Array]) -> Counts:
            return count(part, None, weights, scalar=scalar, dtype=self.dtype, seed=self.seed, progress=note)

        with np.errstate(all="ignore"):
            try:
                return run(graph, self.weights), None, reached
            except MemoryLimitError:
                raise
            # A wrong formula gives shapes or weights that no kernel takes; NumPy has many words for it.
            except Exception as fault:
                error = f"{type(fault).__name__}: {fault}"
            done = len(reached)
            if done <= len(graph.inputs):
                return None, error, set()
            part = Graph(graph.name, graph.nodes[:done], graph.inputs, (Edge(done - 1),))
            weights = {name: self.weights[name] for name in weight_shapes(part)}
            reached.clear()
            return run(part, weights), error, reached


def quick_weights(graph: Graph, seed: int) -> dict[str, Array]:
    """Random float32 weights in no time: all of them are cut from one pool of random numbers.

    What is counted does not depend on their values; they are scaled so that nothing overflows.
    """
    pool = np.random.default_rng(seed).standard_normal((1 << 20) + 1, dtype=np.float32)
    near_one = np.abs(pool) / 4 + np.float32(0.5)
    weights = {}
    chosen = stored_indices(graph)
    for name, shape in weight_shapes(graph).items():
        kind, size = name.rpartition(".")[2], prod(shape)
        matrix = len(shape) > 1 and kind == "weight"
        source = pool if matrix or kind not in ("weight", "running_var") else near_one
        array: Array = np.resize(source[:size], shape)
        if name in chosen:
            weights[name] = (np.abs(array) * 1000).astype(np.int64) % chosen[name].size
            continue
        if matrix:
            np.multiply(array, np.float32(sqrt(2.0 / prod(shape[1:]))), out=array)
        weights[name] = array
    return weights


def _layer_checks(
    report: Report,
    graph: Graph,
    counts: Counts | None,
    weights: Mapping[str, Array],
    reached: set[str],
    whole: bool,
    witness: str = "arrays",
) -> dict[str, list[Check]]:
    """Checks of every layer that was reached, by name."""
    rows = {row.name: row for row in report.layers}
    live = dict(zip(rows, (one.live_bytes for one in footprints(report)), strict=True))
    found: dict[str, list[Check]] = {node.name: [] for node in graph.nodes}
    if counts is None:
        return found
    given: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, array in weights.items():
        owner, _, short = name.rpartition(".")
        given.setdefault(owner, {})[short] = array.shape
    for node in graph.nodes:
        for name in node.shares:
            given.setdefault(node.name, {})[name.rpartition(".")[2]] = weights[name].shape
    nodes = {node.name: node for node in graph.nodes}
    for counted in counts.nodes:
        row = rows.get(counted.name)
        if row is None or counted.name not in reached:
            continue
        node = nodes[counted.name]
        checks = found[counted.name]
        checks.append(_shape_check(node, counted, witness))
        checks.extend(_count_checks(row, counted, witness))
        if whole:
            checks.append(compare("live_bytes", live[row.name], counted.live, witness))
        stated = node.layer.arrays(row.input_shapes)
        read = {k: s for k, s in given.get(node.name, {}).items() if k not in counted.unread}
        checks.append(compare("arrays", stated, read, witness))
        if node.shares:
            owners = {key.rpartition(".")[2]: one.owner for key, one in row.lent.items()}
            checks.append(compare("shares", owners, dict(counted.shared), witness))
    return found


def _shape_check(node: Node, counted: NodeCount, witness: str) -> Check:
    """Shapes of the outputs; one that nobody reads is not written and cannot be compared."""
    stated = tuple(
        () if not written else shape for shape, written in zip(node.outputs, counted.outputs, strict=False)
    )
    more = node.outputs[len(counted.outputs) :]
    formula, executed = (*stated, *more), counted.outputs
    if len(executed) > 1 and not any(executed[1:]):
        formula, executed = formula[:1], executed[:1]
    if len(formula) == 1 and len(executed) == 1:
        return compare("output_shape", formula[0], executed[0], witness)
    return compare("output_shape", formula, executed, witness)


def _count_checks(row: LayerReport, counted: NodeCount, witness: str) -> list[Check]:
    checks = [compare(name, getattr(row, name), getattr(counted, name), witness) for name in _COUNTS]
    checks += [compare(kind, getattr(row.ops, kind), getattr(counted, kind), witness) for kind in Ops._fields]
    if row.indices or counted.indices:
        checks.append(compare("indices", row.indices, counted.indices, witness))
    if row.node is not None and row.node.frozen:
        checks += [compare(name, getattr(row, name), getattr(counted, name), witness) for name in _SPLIT]
    checks.append(compare("flops", row.flops, counted.flops, witness))
    checks.append(compare("activations", row.activations, counted.activations, witness))
    return checks


Outputs: TypeAlias = "tuple[Array | None, ...]"
Again: TypeAlias = Callable[[Node, tuple[Array, ...]], Outputs]
"""A layer once more, in the second of two ways, on what it read in the first."""


def _again(graph: Graph, weights: Mapping[str, Array]) -> Callable[..., Outputs]:
    """Runs one node of a graph on arrays, in a form."""
    arrays = Runner(graph, weights).by_node

    def run(node: Node, xs: tuple[Array, ...], form: str, t: Arith = PLAIN) -> Outputs:
        params = Params(node.name, arrays.get(node.name))
        with np.errstate(all="ignore"):
            return run_kernel(Call(node.layer, xs, params, t, wanted=frozenset((0, 1))), form=form)

    return run


def _value_checks(
    graph: Graph,
    one: Mapping[str, Outputs],
    other: Mapping[str, Outputs],
    again: Again,
    whose: str = "forms",
    witness: str = "scalars",
) -> dict[str, Check]:
    """Values of every layer in two runs: by the fast kernels and by the naive ones, or of two batches.

    Roundings of one layer may be large in the next: an entry of a pool that is the largest save for them, a
    step, a root of nothing, a normalisation of hardly anything. So where two runs differ, and what the layer
    read in them differs too, it is run once more on the very same values. What is made of values that are no
    numbers is not compared: comparisons with them may come out either way.
    """
    found = {}
    for index, node in enumerate(graph.nodes):
        if index in graph.inputs or node.name not in one or node.name not in other:
            continue
        read = [one[graph.nodes[edge.node].name][edge.output] for edge in node.inputs]
        if any(map(_has_nan, read)):
            continue
        gap = _largest_gap(node, read, one[node.name], other[node.name])
        if gap > TOLERANCE and _differ(graph, node, read, other):
            try:
                same = again(node, tuple(array for array in read if array is not None))
            except Exception:  # whatever it is, the form takes what it does not take here
                gap = float("inf")
            else:
                gap = _largest_gap(node, read, one[node.name], same)
        good = gap <= TOLERANCE
        found[node.name] = Check(
            "values",
            f"{whose} agree",
            f"{whose} agree" if good else f"{whose} differ by {gap:.1e}",
            good,
            witness,
        )
    return found


def _largest_gap(node: Node, read: Sequence[Array | None], one: Outputs, other: Outputs) -> float:
    """How far two results of a layer differ; of indices, how far the values that they point at do."""
    gap = 0.0
    for output, (a, b) in enumerate(zip(one, other, strict=False)):
        if a is None or b is None:
            continue
        if output in node.layer.index_outputs:
            pointed = _along_an_axis if output == 0 else _places
            a, b = pointed(node.layer, read[0], a), pointed(node.layer, read[0], b)
        gap = max(gap, _gap(np.asarray(a, np.float64), np.asarray(b, np.float64)))
    return gap


def _differ(graph: Graph, node: Node, read: Sequence[Array | None], other: Mapping[str, Outputs]) -> bool:
    """Whether what a layer read in two runs is not the same to the last digit."""
    there = [other[graph.nodes[edge.node].name][edge.output] for edge in node.inputs]
    return any(not np.array_equal(a, b) for a, b in zip(read, there, strict=True))  # type: ignore[arg-type]


def _has_nan(array: Array | None) -> bool:
    return array is not None and array.dtype.kind == "f" and bool(np.isnan(array).any())


def _sample_checks(graph: Graph, seed: int) -> dict[str, Check]:
    """Values of every layer for a batch, and for the same samples in reverse order.

    Each sample must come out the same wherever it stands in the batch.
    """
    weights = prepare_weights(graph, None, seed, "float64")
    inputs = random_inputs(graph, BATCH, "float64", seed)
    seen: list[dict[str, tuple[Array | None, ...]]] = []
    for step in (1, -1):
        found: dict[str, tuple[Array | None, ...]] = {}

        def note(node: Node, outputs: tuple[Array | None, ...], step: int = step, found: Any = found) -> None:
            # A copy: what is written may be overwritten in place by the next layer.
            found[node.name] = tuple(None if a is None else a[::step].copy() for a in outputs)

        with np.errstate(all="ignore"):
            execute(graph, {name: a[::step] for name, a in inputs.items()}, weights, progress=note)
        seen.append(found)
    run = _again(graph, weights)

    def swapped(node: Node, xs: tuple[Array, ...]) -> Outputs:
        found = run(node, tuple(x[::-1].copy() for x in xs), "fast")
        return tuple(None if a is None else a[::-1] for a in found)

    return _value_checks(graph, seen[0], seen[1], swapped, "samples", f"a batch of {BATCH}")


def _along_an_axis(layer: Any, source: Array | None, indices: Array) -> Array:
    """The values that indices along the axis of a layer point at."""
    assert source is not None
    axis = layer.axis + 1
    found = indices.reshape(*source.shape[:axis], 1, *source.shape[axis + 1 :])
    return np.take_along_axis(source, found % source.shape[axis], axis)


def _places(layer: Any, source: Array | None, indices: Array) -> Array:
    """The values that indices of a pool point at: of two that are equal, either may be the largest."""
    assert source is not None
    flat = source.reshape(*source.shape[:2], -1)
    return np.take_along_axis(flat, indices.reshape(*indices.shape[:2], -1) % flat.shape[2], axis=2)


def _gap(a: Array, b: Array) -> float:
    """Largest difference, relative to the largest value; infinite where one is NaN and the other not."""
    if a.shape != b.shape:
        return float("inf")
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(np.where(finite, 0.0, a), np.where(finite, 0.0, b), equal_nan=True):
        return float("inf")
    if not finite.any():
        return 0.0
    scale = max(float(np.abs(b[finite]).max()), 1.0)
    return float(np.abs(a[finite] - b[finite]).max()) / scale


def _total_checks(report: Report, counts: Counts | None, witness: str = "arrays") -> tuple[Check, ...]:
    if counts is None:
        return ()
    totals, executed = report.totals, counts.totals
    checks = [compare(name, getattr(totals, name), executed[name], witness) for name in _COUNTS]
    checks += [compare(kind, getattr(totals.ops, kind), executed[kind], witness) for kind in Ops._fields]
    if totals.indices or executed["indices"]:
        checks.append(compare("indices", totals.indices, executed["indices"], witness))
    if any(node.frozen for node in report.graph.nodes):
        checks += [compare(name, getattr(totals, name), executed[name], witness) for name in _SPLIT]
    checks.append(compare("flops", totals.flops, executed["flops"], witness))
    checks.append(compare("activations", totals.activations, executed["activations"], witness))
    checks.append(compare("peak_memory_bytes", totals.peak_memory_bytes, counts.peak_memory, witness))
    return tuple(checks)
