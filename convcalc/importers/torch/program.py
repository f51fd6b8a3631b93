"""An exported program, written down without PyTorch: what a live export and a ``.pt2`` file both give.

The translation (``translate``) and the table of operators (``aten``) read nothing else, so a saved
program is read where PyTorch is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Ref(NamedTuple):
    """A value of the program by its name, where it stands among the arguments of a call."""

    name: str

    def __repr__(self) -> str:
        return f"%{self.name}"


class Tensor(NamedTuple):
    """What is known of one value.

    Attributes:
        name: unique within the program.
        shape: its sizes, the batch included; None for a number (``item``, a size that data decides).
            A size that only a run can tell is None.
        dtype: in NumPy's words, ``bfloat16`` and the floats of 8 bits by PyTorch's: ``float32``, ``int64``.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str


@dataclass(frozen=True, eq=False)
class Held:
    """A tensor that the module brings along: a parameter, a buffer or a constant of the code.

    Attributes:
        name: how the calls refer to it (``p_conv_weight``); empty where no call can.
        kind: ``"parameter"``, ``"buffer"`` or ``"constant"``.
        target: its dotted name in the module (``layer1.0.conv1.weight``), the first of ``names``.
        names: all dotted names of this one tensor: more than one where modules share it.
        shape: its sizes.
        dtype: see :class:`Tensor`.
        requires_grad: whether training changes it; a parameter without is frozen.
        persistent: whether the state dictionary holds it (buffers).
        read: its values as a NumPy array, read when called; raises ``ValueError`` where the program has none.
    """

    name: str
    kind: str
    target: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Any]
    names: tuple[str, ...] = ()
    requires_grad: bool = False
    persistent: bool = True


@dataclass(frozen=True, eq=False)
class Call:
    """One call of an operator.

    Arguments are plain values: int, float, bool, complex, None, str (types, layouts and devices are text:
    ``"float32"``, ``"channels_last"``, ``"cpu"``), :class:`Ref`, and tuples of these. They stand under the
    names of the operator's schema, in its order; those left at their default are missing.

    Attributes:
        name: of the call; that of its value where it has one.
        target: ``aten.conv2d.default``; other libraries by their own first word.
        arguments: by the schema's names.
        outputs: the values it makes, in order; of a list (``split``, ``unbind``) its elements. One that
            nothing reads may be missing in a file, and then has an empty name.
        path: dotted path of the innermost module that made the call; empty at the top.
        kind: class of that module, such as ``torch.nn.modules.conv.Conv2d``.
        place: file and line of the code, where known.
        function: the function of the source, such as ``function.relu``; see :mod:`.written`.
        written: how it is written, in words of :data:`convcalc.graph.WRITTEN`.
    """

    name: str
    target: str
    arguments: dict[str, Any]
    outputs: tuple[Tensor, ...]
    path: str = ""
    kind: str = ""
    place: str = ""
    function: str = ""
    written: str = ""

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments in the schema's order, by position."""
        return tuple(self.arguments.values())

    def get(self, name: str, default: Any = None) -> Any:
        """The argument of that name, or the default of the schema, which the caller knows."""
        return self.arguments.get(name, default)

    def reads(self) -> Iterator[str]:
        """Names of the values it reads, in order."""
        return references(self.arguments.values())


@dataclass(frozen=True, eq=False)
class Region:
    """A graph among the arguments of a call (``torch.cond``): names of its inputs, calls, what it returns."""

    inputs: tuple[str, ...]
    calls: tuple[Call, ...]
    outputs: tuple[Any, ...]


def references(value: Any) -> Iterator[str]:
    """Names of the values that arguments refer to, however deep they stand."""
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, dict):
        yield from references(value.values())
    elif not isinstance(value, str | bytes | int | float | complex | Region) and value is not None:
        for part in value:
            yield from references(part)


@dataclass(eq=False)
class Program:
    """An exported program.

    Attributes:
        name: of the module's class, or of the file.
        inputs: what the caller gives, tensors alone, in order; named as ``forward`` names them.
        held: parameters, buffers and constants, in the module's order, one a tensor; those that no call
            reads are among them.
        calls: in order; every value is made before it is read.
        outputs: what is returned: a dotted name in the returned structure (``"out"``, ``"0"``,
            ``"boxes.1"``) and a reference, or a plain value.
        fixed: inputs that are no tensors, by name, with the value that the program was exported for.
        batch: size of the first axis of the inputs that stands for a batch; 1 where that is not certain.
        notes: how something was read that others may mean otherwise.
        axis: the axis of the inputs that stands for the batch.
    """

    name: str
    inputs: tuple[Tensor, ...]
    held: tuple[Held, ...]
    calls: tuple[Call, ...]
    outputs: tuple[tuple[str, Any], ...]
    fixed: dict[str, Any] = field(default_factory=dict)
    batch: int = 1
    notes: tuple[str, ...] = ()
    axis: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """Every value of the program, by name."""
        found = {tensor.name: tensor for tensor in self.inputs}
        found.update(
            (held.name, Tensor(held.name, held.shape, held.dtype)) for held in self.held if held.name
        )
        found.update((tensor.name, tensor) for call in self.calls for tensor in call.outputs if tensor.name)
        return found
