"""The table of operators: which function says a call of PyTorch's in layers, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, Final, TypeVar

from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.program import Call, Ref

Row = Callable[..., Any]
_F = TypeVar("_F", bound=Row)

ROWS: Final[dict[str, Row]] = {}
"""By the operator's name, a function of the network, the call and the arguments by their names."""

ALIKE: Final = {"self": "x", "input": "x"}
"""Names of an operator's first tensor, which is ``x`` in the table."""

PLACES: Final = frozenset({
    "device", "layout", "pin_memory", "memory_format", "non_blocking", "copy", "requires_grad", "implicit",
})  # fmt: skip
"""Arguments that say where and how numbers are kept, and change none of them."""


def row(*targets: str) -> Callable[[_F], _F]:
    """Register a function for operators: ``conv2d.default`` (of ``aten`` unless they say otherwise)."""

    def register(function: _F) -> _F:
        for target in targets:
            name = target if target.count(".") > 1 else f"aten.{target}"
            if name in ROWS:
                raise ValueError(f"{name} has a row already")
            ROWS[name] = function
        return function

    return register


def found(target: str) -> Row | None:
    """The row of an operator, under its own name or under that of the form that changes nothing in place."""
    if target in ROWS:
        return ROWS[target]
    library, _, rest = target.partition(".")
    name, _, overload = rest.partition(".")
    if name.endswith("_") and not name.endswith("__"):
        return ROWS.get(f"{library}.{name[:-1]}.{overload}")
    return None


def resolved(argument: Any, values: Mapping[str, Value]) -> Any:
    """An argument with the values it refers to in their places."""
    if isinstance(argument, Ref):
        return values[argument.name]
    if isinstance(argument, tuple | list):
        return tuple(resolved(part, values) for part in argument)
    return argument


def arguments_of(function: Row, call: Call, values: Mapping[str, Value]) -> dict[str, Any]:
    """The arguments of a call by the names of its row.

    Raises:
        Unsayable: the row does not read one of them.
    """
    known = signature(function).parameters
    more = any(one.kind is Parameter.VAR_KEYWORD for one in known.values())
    given: dict[str, Any] = {}
    for name, argument in call.arguments.items():
        name = ALIKE.get(name, name)
        if name in known or (more and name not in PLACES):
            given[name] = resolved(argument, values)
        elif name not in PLACES and argument is not None:
            raise Unsayable(f"is called with {name}={argument!r}, which is not read here")
    return given


def place(call: Call, word: str = "", *weights: Value | None) -> str:
    """Dotted path of what a call makes: that of its module where that does nothing else."""
    for weight in weights:
        stored = None if weight is None else weight.stored
        if stored is not None and call.path and stored.name.rpartition(".")[0] == call.path:
            return call.path
    if call.path and call.kind.startswith("torch.nn.modules.") and not call.kind.startswith(_COMPOUND):
        return call.path
    name = call.target.split(".")[1].strip("_") if "." in call.target else call.target
    return f"{call.path}.{word or name}" if call.path else word or name


_COMPOUND: Final = (
    "torch.nn.modules.container", "torch.nn.modules.transformer", "torch.nn.modules.activation.Multihead",
    "torch.nn.modules.module",
)  # fmt: skip


def written(call: Call) -> tuple[int, ...]:
    """The shape of what a call makes, as the program has written it down.

    Raises:
        Unsayable: data decides it.
    """
    shape = call.outputs[0].shape
    if shape is None or any(size is None for size in shape):
        raise Unsayable("makes a tensor whose sizes data decides")
    return tuple(size for size in shape if size is not None)


def pair(value: Any, count: int) -> tuple[Any, ...]:
    """A value for each of so many axes; one stands for all of them."""
    if not isinstance(value, tuple | list):
        return (value,) * count
    return tuple(value) * count if len(value) == 1 else tuple(value)


def numeric(dtype: str) -> bool:
    """Whether a type is of real numbers with fractions."""
    return dtype.startswith(("float", "bfloat"))


def layers(
    network: Batched,
    op: str,
    values: Sequence[Value],
    path: str,
    weights: Mapping[str, Stored] | None = None,
    **options: Any,
) -> list[Value]:
    """What a layer writes that leaves the batch where it is in the first of its inputs."""
    return network.layer(op, values, path, options, weights)


def one(
    network: Batched,
    op: str,
    value: Value,
    path: str,
    weights: Mapping[str, Stored] | None = None,
    **options: Any,
) -> Value:
    """The first of what a layer writes that keeps the axes of its input."""
    return network.one(op, value, path, options, weights)
