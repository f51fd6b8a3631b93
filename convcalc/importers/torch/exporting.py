"""A live module becomes an exported program, by ``torch.export`` on tensors without memory: nothing runs.

The module stays as it was. What is exported is a copy that shares its tensors and is set to evaluation;
parameters on the meta device are stood in for by fake ones on the CPU, so that tensors which ``forward``
makes there can meet them.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from convcalc.importers.torch.inputs import Wanted, wanted
from convcalc.importers.torch.live import first_line, read_exported

if TYPE_CHECKING:
    from convcalc.dims import Shape
    from convcalc.graph import Graph
    from convcalc.importers.torch.program import Program

BATCH: Final = 11
"""Samples a module is exported with: a size that is seldom another's says where the batch is."""

_LOUD: Final = ("torch.export", "torch.export._trace", "torch._dynamo", "torch.fx", "torch._subclasses")


def from_torch(module: Any, input: Any = None, *, name: str | None = None) -> Graph:
    """The network of a PyTorch module, through ``torch.export`` on tensors without memory.

    Nothing runs and nothing moves: the module keeps its device, its mode, its hooks and its gradients, and it
    is read as in evaluation. Module paths become block paths; shared and frozen parameters come along, and
    weights are read from the module when something is executed.

    Args:
        module: a ``torch.nn.Module``, or a ``torch.export.ExportedProgram``, which needs no input.
        input: what ``forward`` takes: a shape without the batch as text (``"3x224x224"``; with a type where
            it is not that of the weights, ``"16:int64"``) or as a tuple; tensors with the batch first (only
            their shapes and types are looked at); a list of these, or a mapping by argument name.
        name: what to call the network; without it the class of the module.

    Returns:
        the graph, on which every question works.

    Raises:
        ImportError: PyTorch is not installed.
        TypeError: it is no module.
        SpecError: PyTorch cannot export the module (with its reason), or the input is no shape.
    """
    from convcalc.spec.errors import Problem, SpecError

    title = name or type(module).__name__
    try:
        program, graph = read(module, input, name=name)
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError([Problem(str(error), file=f"<{title}>", line=0)]) from None
    types = {tensor.name: tensor.dtype for tensor in program.inputs}
    if input is not None and set(types) <= _arguments(module):

        def again(shapes: Mapping[str, Shape], variables: Mapping[str, Any]) -> Graph:
            names = (graph.nodes[number].name for number in graph.inputs)
            pairs = zip(names, types.items(), strict=True)
            given = {key: Wanted(tuple(shapes[own]), False, kind) for own, (key, kind) in pairs}
            return from_torch(module, given, name=name)

        graph.again = again
    return graph


def read(module: Any, input: Any = None, *, name: str | None = None) -> tuple[Program, Graph]:
    """The exported program of a module and its graph; see :func:`from_torch`.

    Where not all can be said with the batch in front, the batch is on the second axis (``nn.LSTM`` and
    ``nn.MultiheadAttention`` are so unless told ``batch_first``), or the module treats the samples of a batch
    together and is read as it works on one.

    Raises:
        ValueError: PyTorch cannot export it, or the input is no shape.
        SpecError: what is exported cannot be read.
    """
    from convcalc.importers.torch.translate import translate
    from convcalc.spec.errors import SpecError

    program = export(module, input, name=name)
    graph: Graph | None = None
    fault: Exception | None = None
    try:
        graph = translate(program)
        if _whole(graph):
            return program, graph
    except SpecError as error:
        fault = error
    for axis, batch in ((1, None), (0, 1)) if input is not None and program.batch > 1 else ():
        try:
            other = export(module, input, name=name, axis=axis, batch=batch)
            found = translate(other)
        except (ValueError, SpecError):
            continue
        if _whole(found):
            return other, found
    if graph is None:
        assert fault is not None
        raise fault
    return program, graph


def _whole(graph: Graph) -> bool:
    return all(node.op != "opaque" for node in graph.nodes)


def _arguments(module: Any) -> set[str]:
    """Names by which inputs can be given to ``forward``."""
    import inspect

    try:
        return set(inspect.signature(module.forward).parameters)
    except (AttributeError, TypeError, ValueError):
        return set()


def export(
    module: Any, input: Any = None, *, name: str | None = None, axis: int = 0, batch: int | None = None
) -> Program:
    """The record of a module's exported program; see :func:`from_torch`.

    Args:
        module: as there.
        input: as there.
        name: as there.
        axis: the axis of the inputs that is the batch: 0, or 1 where a sequence comes first.
        batch: samples to export it with; without it as many as show where they are.

    Raises:
        ValueError: PyTorch cannot export it, or the input is no shape.
    """
    import torch

    if isinstance(module, torch.export.ExportedProgram):
        return read_exported(module, name=name or "", batch=_first_size(module))
    module = getattr(module, "_orig_mod", module)  # what torch.compile has wrapped
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got {type(module).__name__}")
    title = name or type(module).__name__
    if input is None:
        raise ValueError(f"{title} is a module: say what it is given, such as input='3x224x224'")
    if isinstance(module, torch.jit.ScriptModule):
        raise ValueError(
            f"{title} is TorchScript, which PyTorch cannot export; give the module it was made of"
        )
    order, by_name = wanted(input)
    _fits(module, title, order, by_name)
    still, mode = _still(module)
    reasons: list[str] = []
    sizes = _batches([*order, *by_name.values()], axis)
    for size in sizes if batch is None else (batch,) if batch in sizes else ():
        arguments, keywords = _given(module, order, by_name, size, mode, axis)
        for strict in (False, True):
            try:
                with _quiet():
                    exported = torch.export.export(still, tuple(arguments), keywords, strict=strict)
                    program = read_exported(exported, module=module, name=title, batch=size)
            except (Exception, SystemExit) as error:
                reasons.append(_reason(error))
                continue
            if batch is not None:
                note = "read for one sample: of several at once not all can be said"
                program.notes = (*program.notes, note)
            if size == 1 and reasons:
                note = (
                    f"exported for one sample at a time: PyTorch cannot export it for {BATCH} ({reasons[0]})"
                )
                program.notes = (*program.notes, note)
            if axis:
                program.axis = axis
                program.notes = (*program.notes, "the batch is the second axis: a sequence comes first")
            return program
    hint = ""
    if any(isinstance(part, Wanted) and not part.dtype for part in [*order, *by_name.values()]) and any(
        word in reasons[0] for word in ("Long", "indices", "Int", "embedding")
    ):
        hint = "; an input of whole numbers is written with its type: 16:int64"
    raise ValueError(f"PyTorch cannot export {title}: {next(iter(reasons), 'no batch fits')}{hint}")


def _fits(module: Any, title: str, order: list[Any], by_name: dict[str, Any]) -> None:
    """Refuse inputs that ``forward`` does not have, and too few of them.

    Raises:
        ValueError: with the arguments that it has.
    """
    import inspect

    try:
        signature = inspect.signature(module.forward)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*order, **by_name)
    except TypeError as error:
        needed = ", ".join(
            name if one.default is one.empty else f"{name} (may be left out)"
            for name, one in signature.parameters.items()
        )
        raise ValueError(f"{title} takes {needed or 'nothing'}: {error}") from None


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _batches(given: list[Any], axis: int) -> tuple[int, ...]:
    """Batches to try: that of the tensors, :data:`BATCH` where they have one or none is stated, then one.

    Raises:
        ValueError: a tensor has no such axis.
    """
    tensors = [part for part in given if isinstance(part, Wanted)]
    if any(axis > len(part.shape) - part.batched for part in tensors):
        raise ValueError(f"an input has no axis {axis}")
    sizes = {part.shape[axis] for part in tensors if part.batched}
    if axis:
        return (max(min(sizes, default=1), BATCH),) if len(sizes) < 2 else ()
    if len(sizes) == 1 and min(sizes) > 1:
        return (min(sizes),)
    return (1,) if len(sizes) > 1 else (BATCH, 1)


def _given(
    module: Any, order: list[Any], by_name: dict[str, Any], batch: int, mode: Any, axis: int
) -> tuple[list[Any], dict[str, Any]]:
    import torch

    known = [*module.parameters(), *module.buffers()]
    float_type = next((tensor.dtype for tensor in known if tensor.is_floating_point()), torch.float32)
    device = next((tensor.device for tensor in known), torch.device("cpu"))
    if device.type == "meta":
        device = torch.device("cpu")

    def tensor(part: Any) -> Any:
        if isinstance(part, list | tuple) and not isinstance(part, Wanted):
            return type(part)(tensor(one) for one in part)
        if not isinstance(part, Wanted):
            return part
        shape = part.shape
        if not part.batched or shape[axis] == 1:
            shape = (*shape[:axis], batch, *shape[axis + part.batched :])
        dtype = getattr(torch, part.dtype) if part.dtype else float_type
        with mode:
            return torch.empty(shape, dtype=dtype, device=device)

    return [tensor(part) for part in order], {name: tensor(part) for name, part in by_name.items()}


def _first_size(exported: Any) -> int:
    """The size of the first axis that all tensors given to a program have in common; 1 where they differ."""
    sizes = set()
    names = set(exported.graph_signature.user_inputs)
    for node in exported.graph.nodes:
        shape = getattr(node.meta.get("val"), "shape", None)
        if node.op == "placeholder" and node.name in names and shape is not None:
            size: Any = shape[0] if len(shape) else 1
            sizes.add(size if type(size) is int else getattr(size.node, "hint", None) or 1)
    return int(sizes.pop()) if len(sizes) == 1 else 1


def _still(module: Any) -> tuple[Any, Any]:
    """A copy of the module in evaluation that shares its tensors, and the mode of tensors without memory.

    Raises:
        ValueError: the module holds something that cannot be copied.
    """
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    mode = FakeTensorMode(allow_non_fake_inputs=True)
    memo: dict[int, Any] = {}
    found = [*_tensors(module)]
    bare = any(tensor.device.type == "meta" for tensor in found)
    for tensor in found:
        memo[id(tensor)] = _fake(tensor, mode) if bare else tensor
    # The lists that a module keeps beside its parameters refer to them; what hooks refer to is copied too.
    try:
        still = copy.deepcopy(module, memo)
    except Exception as error:
        raise ValueError(f"{type(module).__name__} cannot be copied: {first_line(error)}") from None
    if not isinstance(still, torch.nn.Module):
        raise ValueError(f"a copy of {type(module).__name__} is no module")
    return still.eval(), mode


def _fake(tensor: Any, mode: Any) -> Any:
    import torch

    device = torch.device("cpu") if tensor.device.type == "meta" else tensor.device
    with mode:
        made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made


def _tensors(module: Any) -> Iterator[Any]:
    """Every tensor that a module holds: parameters, buffers, and those kept in plain attributes."""
    import torch

    seen: set[int] = set()

    def within(value: Any, depth: int) -> Iterator[Any]:
        if isinstance(value, torch.Tensor):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
        elif depth and isinstance(value, dict):
            for part in list(value.values()):
                yield from within(part, depth - 1)
        elif depth and isinstance(value, list | tuple | set):
            for part in list(value):
                yield from within(part, depth - 1)

    for part in module.modules():
        yield from within(part.__dict__, 4)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """While exporting: no warnings, no state of random numbers used up, and attention written out."""
    import torch

    loggers = [logging.getLogger(name) for name in _LOUD]
    levels = [logger.level for logger in loggers]
    fast = torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        warnings.simplefilter("ignore")
        try:
            torch.backends.mha.set_fastpath_enabled(False)
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            with contextlib.redirect_stderr(io.StringIO()):  # a failing export prints its graph
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
