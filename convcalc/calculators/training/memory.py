"""Memory that training takes: parameters, gradients, the optimizer's state, and what is kept for backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from convcalc.budget import question
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.training.kept import Forward, forward, learns
from convcalc.calculators.training.optimizers import OPTIMIZERS
from convcalc.calculators.training.timeline import AGAIN, Step, Timeline, timeline
from convcalc.dims import Dim, Shape, prod
from convcalc.graph import Graph, Node, Spec, as_graph
from convcalc.records import Record
from convcalc.shown import Shown

PRECISIONS: Final[dict[str, tuple[int, int, str]]] = {
    "fp32": (4, 4, "everything in single precision"),
    "amp": (4, 4, "parameters in single precision, layers in the type that autocast gives them"),
    "bf16": (2, 2, "everything in bfloat16"),
}
"""By name: bytes of a parameter (of its gradient and of the optimizer's state, too) and of an activation."""


@dataclass(frozen=True, slots=True)
class TrainingLayer(Record):
    """One layer in training.

    Attributes:
        name: unique dotted name.
        op: registered name of the layer.
        output_shape: that of its first output.
        saved: what it keeps for its backward pass, in words; what another keeps already stands in brackets.
        saved_bytes: of what it is the first to keep.
        gradient_bytes: of the gradients of its parameters.
        state_bytes: of what the optimizer keeps for them.
        macs: multiply-accumulates of its forward pass.
        input_macs: those for the gradients of what it reads.
        weight_macs: those for the gradients of its parameters.
        frozen: whether it has parameters that are not trained.
    """

    KEYS = (
        "name op output_shape saved saved_bytes gradient_bytes state_bytes macs input_macs weight_macs frozen"
    )

    name: str
    op: str
    output_shape: Shape
    saved: tuple[str, ...]
    saved_bytes: int
    gradient_bytes: int
    state_bytes: int
    macs: Dim
    input_macs: Dim
    weight_macs: Dim
    frozen: bool


@dataclass(frozen=True, repr=False)
class TrainingMemory(Record, Shown):
    """Memory that training on one batch takes.

    Attributes:
        name: what the spec calls the network.
        batch: samples in one pass.
        precision: number types, one of :data:`PRECISIONS`.
        optimizer: one of :data:`convcalc.calculators.training.optimizers.OPTIMIZERS`.
        checkpoint: the blocks that run again instead of being kept.
        in_place: whether activations run in place wherever they can.
        parameter_bytes: of all parameters.
        buffer_bytes: of buffers and stored indices.
        gradient_bytes: of the gradients of those that are trained.
        state_bytes: of what the optimizer keeps.
        saved_bytes: of all that is kept for the backward pass, each storage once: what the hooks of
            ``torch.autograd.graph.saved_tensors_hooks`` are given, parameters and buffers apart.
        saved_fixed_bytes: the part of it that does not grow with the batch.
        saved_sample_bytes: what each sample adds to it; None where it is no straight line in the batch.
        peak_bytes: the most that is live at a step, all of the above as far as it is there then; the space
            that kernels work in is left out.
        peak_at: name of the layer at which it is reached.
        peak_phase: ``forward``, ``again`` or ``backward``.
        layers: one row per layer.
        steps: bytes that are live at each step, in the order of execution.
    """

    KEYS = (
        "name input=input_shape batch precision optimizer checkpoint in_place parameter_bytes buffer_bytes "
        "gradient_bytes state_bytes saved_bytes saved_fixed_bytes saved_sample_bytes peak_bytes peak_at "
        "peak_phase macs input_macs weight_macs again_macs training_flops layers steps"
    )

    graph: Graph
    batch: int
    precision: str
    optimizer: str
    checkpoint: tuple[str, ...]
    in_place: bool
    parameter_bytes: int
    buffer_bytes: int
    gradient_bytes: int
    state_bytes: int
    saved_bytes: int
    saved_fixed_bytes: int | None
    saved_sample_bytes: int | None
    peak_bytes: int
    peak_at: str
    peak_phase: str
    layers: tuple[TrainingLayer, ...]
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """What the spec calls the network."""
        return self.graph.name

    @property
    def input_shape(self) -> Shape | None:
        """Shape of the first input."""
        return self.graph.nodes[self.graph.inputs[0]].outputs[0] if self.graph.inputs else None

    @property
    def macs(self) -> Dim:
        """Multiply-accumulates of the forward pass."""
        return sum(row.macs for row in self.layers)

    @property
    def input_macs(self) -> Dim:
        """Multiply-accumulates for the gradients of tensors."""
        return sum(row.input_macs for row in self.layers)

    @property
    def weight_macs(self) -> Dim:
        """Multiply-accumulates for the gradients of parameters."""
        return sum(row.weight_macs for row in self.layers)

    @property
    def again_macs(self) -> Dim:
        """Multiply-accumulates of checkpointed blocks that run a second time."""
        again = {step.name for step in self.steps if step.phase == AGAIN}
        return sum(row.macs for row in self.layers if row.name in again)

    @property
    def training_flops(self) -> Dim:
        """Two operations for each multiply-accumulate of a training step, forward, again and back."""
        return 2 * (self.macs + self.again_macs + self.input_macs + self.weight_macs)


@question
def training_memory(
    graph: Spec,
    *,
    batch: int = 1,
    optimizer: str = "sgd",
    precision: str = "fp32",
    checkpoint: Sequence[str] = (),
    in_place: bool = False,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> TrainingMemory:
    """Work out what training takes: memory by layer and its peak, and the MACs of the backward pass.

    What is kept for the backward pass is what autograd of PyTorch keeps (``derivatives.yaml``), as its
    processor kernels do, each storage once however often it is kept.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``; its sizes must be numbers.
        batch: samples in one pass.
        optimizer: ``sgd``, ``momentum``, ``adam``, ``adamw`` or ``adafactor``.
        precision: ``fp32``, ``amp`` (autocast, with copies of weights in half precision) or ``bf16``.
        checkpoint: blocks (or patterns of their names, ``layer*``) that keep only what enters them and run
            again before their backward pass.
        in_place: activations run in place wherever nothing else needs what they overwrite.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        Unreachable: a size is no number, an operator is unknown, or there is no such block.
        ValueError: the batch is not positive, or there is no such optimizer or precision.
        SpecError: the spec cannot be read.
    """
    if type(batch) is not int or batch < 1:
        raise ValueError(f"batch must be a whole number of at least 1, got {batch}")
    for word, known, what in (
        (optimizer, OPTIMIZERS, "optimizer"),
        (precision, PRECISIONS, "precision"),
    ):
        if word not in known:
            raise ValueError(f"unknown {what} {word!r}: expected one of {', '.join(known)}")
    graph = as_graph(graph, input=input, set=set)
    for node in graph.nodes:
        if node.layer.opaque:
            raise Unreachable(
                f"what {node.name} keeps is unknown: nothing is known of its operator",
                expected="a network whose layers are all known",
            )
    groups = _groups(graph, checkpoint)
    parameter, item, _ = PRECISIONS[precision]
    mixed = precision == "amp"
    passed, found = _once(graph, batch, item, in_place, groups, parameter, optimizer, mixed)
    fixed, sample = _line(graph, batch, item, in_place, groups, parameter, optimizer, mixed, found.saved)
    rows = _rows(graph, passed, found, parameter, optimizer, batch)
    peak = max(found.steps, key=lambda step: step.bytes)
    arrays = _arrays(graph)
    return TrainingMemory(
        graph=graph,
        batch=batch,
        precision=precision,
        optimizer=optimizer,
        checkpoint=tuple(checkpoint),
        in_place=in_place,
        parameter_bytes=parameter * sum(prod(shape) for _, shape, _ in arrays),
        buffer_bytes=_buffer_bytes(graph, parameter),
        gradient_bytes=sum(row.gradient_bytes for row in rows),
        state_bytes=sum(row.state_bytes for row in rows),
        saved_bytes=found.saved,
        saved_fixed_bytes=fixed,
        saved_sample_bytes=sample,
        peak_bytes=peak.bytes,
        peak_at=peak.name,
        peak_phase=peak.phase,
        layers=rows,
        steps=tuple(found.steps),
    )


def _once(
    graph: Graph,
    batch: int,
    item: int,
    in_place: bool,
    groups: Sequence[Sequence[int]],
    parameter: int,
    optimizer: str,
    mixed: bool,
) -> tuple[Forward, Timeline]:
    """A forward pass and its timeline."""
    passed = forward(graph, batch, item, in_place, mixed=mixed)
    arrays = _arrays(graph)
    state = OPTIMIZERS[optimizer][0]
    static = parameter * sum(prod(shape) for _, shape, _ in arrays) + _buffer_bytes(graph, parameter)
    static += parameter * sum(state(shape) for _, shape, trained in arrays if trained)
    gradients: dict[int, int] = {}
    for number, shape, trained in _last_users(graph):
        if trained:
            gradients[number] = gradients.get(number, 0) + prod(shape) * parameter
    return passed, timeline(graph, passed, groups, static, gradients)


def _line(
    graph: Graph,
    batch: int,
    item: int,
    in_place: bool,
    groups: Sequence[Sequence[int]],
    parameter: int,
    optimizer: str,
    mixed: bool,
    saved: int,
) -> tuple[int | None, int | None]:
    """What of the bytes kept is fixed and what each sample adds, where they lie on a line in the batch."""

    def at(samples: int) -> int:
        return _once(graph, samples, item, in_place, groups, parameter, optimizer, mixed)[1].saved

    first = max(batch, 2)
    here = saved if batch == first else at(first)
    sample = at(first + 1) - here
    fixed = here - sample * first
    if fixed + sample * batch != saved or fixed + sample * (first + 2) != at(first + 2):
        return None, None
    return fixed, sample


def _arrays(graph: Graph) -> list[tuple[int, Shape, bool]]:
    """Every array of parameters once: number of its first user, shape, and whether it is trained."""
    lent = graph.lent()
    found = []
    for number, node in enumerate(graph.nodes):
        for name, shape in node.layer.parameters(graph.input_shapes(node)).items():
            if name not in lent.get(number, {}):
                found.append((number, shape, not node.frozen))
    return found


def _last_users(graph: Graph) -> list[tuple[int, Shape, bool]]:
    """The same with the number of its last user, whose backward step comes first."""
    users: dict[str, tuple[int, Shape, bool]] = {}
    for number, node in enumerate(graph.nodes):
        for name, shape in node.layer.parameters(graph.input_shapes(node)).items():
            users[node.key(name)] = (number, shape, not node.frozen)
    return list(users.values())


def _buffer_bytes(graph: Graph, item: int) -> int:
    """Bytes of buffers and stored indices, each once."""
    lent = graph.lent()
    found = 0
    for number, node in enumerate(graph.nodes):
        shapes, others = graph.input_shapes(node), lent.get(number, {})
        for arrays, size in ((node.layer.buffers(shapes), item), (node.layer.indices(shapes), 8)):
            found += sum(prod(shape) * size for name, shape in arrays.items() if name not in others)
    return found


def _groups(graph: Graph, names: Sequence[str]) -> list[list[int]]:
    """Numbers of the nodes of each block that is named, or whose name a pattern meets."""
    blocks: dict[str, list[int]] = {}
    for number, node in enumerate(graph.nodes):
        parts = node.name.split(".")
        for depth in range(1, len(parts)):
            blocks.setdefault(".".join(parts[:depth]), []).append(number)
    found: list[list[int]] = []
    taken: dict[int, str] = {}
    for name in names:
        met = [block for block in blocks if _meets(block, name)]
        if not met:
            some = ", ".join(list(blocks)[:4])
            raise Unreachable(
                f"there is no block {name!r} to checkpoint",
                expected=f"a block that summary shows, such as {some}" if some else "a network with blocks",
            )
        for block in met:
            both = next((taken[n] for n in blocks[block] if n in taken), None)
            if both == block:
                continue
            if both is not None:
                raise Unreachable(f"{both} and {block} overlap", expected="blocks beside each other")
            taken.update(dict.fromkeys(blocks[block], block))
            found.append([n for n in blocks[block] if not graph.nodes[n].is_input])
    return found


def _meets(block: str, pattern: str) -> bool:
    """Whether the name of a block is met by a pattern, part by part."""
    parts, wanted = block.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _rows(
    graph: Graph, passed: Forward, found: Timeline, parameter: int, optimizer: str, batch: int
) -> tuple[TrainingLayer, ...]:
    state = OPTIMIZERS[optimizer][0]
    sizes: dict[int, list[int]] = {}
    for number, shape, trained in _arrays(graph):
        if trained:
            pair = sizes.setdefault(number, [0, 0])
            pair[0] += prod(shape) * parameter
            pair[1] += state(shape) * parameter
    held: dict[int, int] = {}
    for storage, holder in found.holders.items():
        held[holder] = held.get(holder, 0) + passed.storages[storage].bytes
    rows = []
    for number, node in enumerate(graph.nodes):
        if node.is_input:
            continue
        shapes = graph.input_shapes(node)
        need = passed.needs[number]
        runs = any(one.wants for one in passed.tensors[number])
        macs = node.layer.macs(shapes, node.outputs) * batch
        back = node.layer.backward_macs(shapes, node.outputs, need) if runs else (0, 0)
        gradient, kept = sizes.get(number, (0, 0))
        rows.append(
            TrainingLayer(
                name=node.name,
                op=node.op,
                output_shape=node.outputs[0],
                saved=_words(passed, found, number),
                saved_bytes=held.get(number, 0),
                gradient_bytes=gradient,
                state_bytes=kept,
                macs=macs,
                input_macs=back[0] * batch,
                weight_macs=back[1] * batch,
                frozen=_frozen(graph, node),
            )
        )
    return tuple(rows)


def _frozen(graph: Graph, node: Node) -> bool:
    return bool(node.layer.parameters(graph.input_shapes(node))) and not learns(graph, node)


def _words(passed: Forward, found: Timeline, number: int) -> tuple[str, ...]:
    """What a node keeps; in brackets what another has kept, or keeps, already."""
    words = []
    for name, storage in passed.kept[number]:
        holder = found.holders.get(storage)
        if holder is not None:
            words.append(name if holder == number else f"({name})")
    return tuple(dict.fromkeys(words))
