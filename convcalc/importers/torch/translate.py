"""An exported program becomes a graph: one call after the other, each by its row of the table of operators.

Every tensor that a row makes is held against the shape that PyTorch has recorded for it: a row that reads an
argument otherwise than PyTorch does is found here, and not believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from convcalc.dims import DimensionError
from convcalc.graph import Edge, Graph, Weights
from convcalc.importers.batched import Batched
from convcalc.importers.network import SeveralUses, Stored, Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.dtypes import is_floating
from convcalc.importers.torch.program import Call, Held, Program, Ref, Tensor
from convcalc.layers.values import show
from convcalc.spec.errors import Problem, SpecError

WEIGHED: Final = ("aten.linear", "aten.conv")
"""Calls that take a bias, which stands apart where it is put together before."""
NORMS: Final = ("aten.batch_norm", "aten.native_batch_norm")
"""Batch norms, through which weights are standardised: they are layer norms then, with parts beside."""
_TRACKED: Final = "num_batches_tracked"
"""A counter beside running statistics: it takes part in no formula, and no count here has it."""


def translate(program: Program, *, file: str = "") -> Graph:
    """The graph of an exported program.

    What no layer says becomes an ``opaque`` layer with the shapes that PyTorch has recorded.

    Args:
        program: the record.
        file: where it was read from, for messages.

    Raises:
        SpecError: a call has arguments that make no sense of its operator, or a size that only data decides.
    """
    parted: set[str] = set()
    while True:
        try:
            return _Translation(program, file or f"<{program.name}>", parted).graph()
        except SeveralUses as several:
            if several.name in parted:
                reason = f"{several.name} is the weight of a layer and is read otherwise as well"
                raise SpecError([Problem(reason, file=file or f"<{program.name}>", line=0)]) from None
            parted.add(several.name)


class _Translation:
    def __init__(self, program: Program, file: str, parted: Iterable[str]) -> None:
        self.program = program
        self.file = file
        self.network = Batched(program.name, program.batch)
        self.network.tensors.update(parted)
        self.network.notes.extend(program.notes)
        self.values: dict[str, Value] = {}
        targets = (name for held in program.held for name in held.names)
        self.modules = {name.partition(".")[0] for name in (*targets, *(call.path for call in program.calls))}

    def graph(self) -> Graph:
        program, network = self.program, self.network
        for given in program.inputs:
            self.values[given.name] = self.input(given)
        stored = [(held, _stored(held)) for held in program.held]
        self.values.update((held.name, network.constant(entry)) for held, entry in stored if held.name)
        for call in program.calls:
            self.say(call)
        outputs = [found for name, given in program.outputs if (found := self.output(name, given))]
        statistics = {held.target.rpartition(".")[0] for held in program.held if _is_mean(held)}
        read = {name for call in program.calls for name in call.reads()}
        beside: dict[str, Stored] = {}  # what a file of weights holds that no layer reads
        for held, entry in stored:
            owner, _, last = held.target.rpartition(".")
            if held.kind == "constant" or (last == _TRACKED and owner in statistics):
                continue
            if held.name in read and not is_floating(held.dtype):
                beside[held.target] = entry
                continue  # indices that were computed with: whole numbers are no buffers of a count
            if held.name in read and held.kind == "buffer" and not network.reads(entry):
                beside[held.target] = entry
            network.unused(entry)
        if not outputs:
            raise SpecError([Problem("the program returns no tensor", file=self.file, line=0)])
        graph = network.finish(outputs)
        if isinstance(graph.weights, Weights):
            graph.weights.beside = beside
        return graph

    def input(self, given: Tensor) -> Value:
        shape = self.sizes(given, "an input")
        batch = self.program.batch
        name = f"{given.name}_input" if given.name in self.modules else given.name  # weights keep their names
        if any(size == 0 for size in shape):
            raise SpecError(
                [Problem(f"the input {given.name} of {show(shape)} has no entries", file=self.file, line=0)]
            )
        axis = self.program.axis
        if axis >= len(shape) or shape[axis] % batch:
            of = show(shape) if shape else "no axes"
            self.network.notes.append(f"{given.name} of {of} has no batch: it is the same for every sample")
            return self.network.input(name, shape, None, given.dtype)
        return self.network.input(name, shape, axis, given.dtype)

    def sizes(self, tensor: Tensor, what: str) -> tuple[int, ...]:
        shape = tensor.shape
        if shape is None or any(size is None for size in shape):
            raise SpecError(
                [Problem(f"{what} {tensor.name} has sizes that only data decides", file=self.file, line=0)]
            )
        return tuple(size for size in shape if size is not None)

    def output(self, name: str, given: Any) -> tuple[str, Edge] | None:
        if isinstance(given, Ref):
            try:
                return name, self.network.edge(self.values[given.name], name)
            except Unsayable as unsayable:
                raise SpecError(
                    [Problem(f"the output {name} {unsayable.reason}", file=self.file, line=0)]
                ) from None
        if given is not None:
            self.network.notes.append(f"the output {name} is {given!r}, and no tensor")
        return None

    # -- calls ------------------------------------------------------------------------------

    def say(self, call: Call) -> None:
        from convcalc.importers.torch.aten import translate as said

        self.network.written = call.written
        first = len(self.network.nodes)
        try:
            self.bind(call, said(self.network, call, self.values))
            self.lead(call, first)
        except Unsayable as unsayable:
            self.opaque(call, unsayable.reason)
        except DimensionError as error:
            self.opaque(call, f"does not fit: {error.message}")
        except (SeveralUses, SpecError):
            raise
        except Exception as error:  # a table of rows meets arguments of any type in a file
            reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:120]}"
            where = f" ({call.place})" if call.place else ""
            text = f"{call.target} in {call.path or 'the network'}{where} is called as it cannot be: {reason}"
            raise SpecError([Problem(text, file=self.file, line=0)]) from error

    def lead(self, call: Call, first: int) -> None:
        """Say of the nodes of a call where the first axis in the source is not the batch alone."""
        for node in self.network.nodes[first:]:
            if call.target.startswith(WEIGHED) and node.op == "add":
                node.written = "bias"
            elif call.target.startswith(NORMS) and node.op not in ("bn", "ln"):
                node.written = f"part {node.written}"
        value = self.values.get(call.outputs[0].name) if call.outputs else None
        if not call.written or value is None or value.batch is None or not value.dims:
            return
        if value.batch or value.dims[0] != self.network.batch:
            word = "behind" if value.batch else "merged"
            for node in self.network.nodes[first:]:
                node.written = f"{node.written} {word}"

    def bind(self, call: Call, made: Sequence[Value | None]) -> None:
        if len(made) < len(call.outputs):
            raise Unsayable(f"makes {len(call.outputs)} tensors, of which {len(made)} are said")
        for value, out in zip(made, call.outputs, strict=False):
            if value is not None and out.shape is not None and tuple(value.dims) != out.shape:
                raise Unsayable(f"makes {show(out.shape)}, and would be {show(value.dims)} here")
        for value, out in zip(made, call.outputs, strict=False):
            if value is not None:
                value.dtype = out.dtype
                self.values[out.name] = value

    def opaque(self, call: Call, reason: str) -> None:
        """What no layer says, with the shapes that are recorded; the batch is taken to be outermost."""
        network = self.network
        read = [self.values[name] for name in dict.fromkeys(call.reads())]
        path = f"{call.path}.{call.name}" if call.path else call.name
        what = call.target.removeprefix("aten.").removesuffix(".default")
        depends = any(value.batch is not None for value in read)
        dims = [self.sizes(out, f"the result of {call.target},") for out in call.outputs]
        places = [_batch(shape, network.batch) if depends else None for shape in dims]
        folds = [
            at is not None and shape[at] != network.batch for shape, at in zip(dims, places, strict=True)
        ]
        shapes = [network.own(*placed) for placed in zip(dims, places, folds, strict=True)]
        try:
            edges = [network.edge(value, path) for value in read if value.edge or value.stored]
            made = network.opaque(what, edges, shapes, path, reason)
        except (Unsayable, DimensionError) as error:
            raise SpecError(
                [Problem(f"{call.target} in {path} {reason}: {error}", file=self.file, line=0)]
            ) from None
        for out, shape, at, fold, edge in zip(call.outputs, dims, places, folds, made, strict=True):
            self.values[out.name] = Value(shape, at, fold, edge, dtype=out.dtype)


def _batch(shape: tuple[int, ...], batch: int) -> int | None:
    """The axis that probably holds the batch: one that is as long, or the first where it is a factor."""
    for axis, size in enumerate(shape):
        if size == batch:
            return axis
    return 0 if shape and shape[0] % batch == 0 else None


def _stored(held: Held) -> Stored:
    return Stored(
        held.target,
        held.shape,
        held.dtype,
        held.read,
        learned=held.kind == "parameter",
        frozen=held.kind == "parameter" and not held.requires_grad,
        counted=held.kind != "constant",
        names=held.names,
        saved=held.persistent,
    )


def _is_mean(held: Held) -> bool:
    return held.target.rpartition(".")[2] == "running_mean"
