"""What an exported program says in a roundabout way, said straight: regions, changes in place, checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from convcalc.importers.torch.program import Call, Program, Ref, Region, references

# Where the region stands among the arguments of a call that runs it as it is.
PLAIN_REGIONS: Final = {
    "higher_order.wrap_with_set_grad_enabled": 1,
    "higher_order.tag_activation_checkpoint": 0,
    "higher_order.wrap": 0,
    "higher_order.invoke_subgraph": 0,
}

_VIEW_NAMES: Final = (
    "view reshape flatten unflatten slice select narrow transpose permute t mT mH T H adjoint swapaxes "
    "swapdims movedim moveaxis expand expand_as view_as reshape_as squeeze unsqueeze detach alias "
    "contiguous to type_as float double half chunk split split_with_sizes unsafe_chunk unsafe_split "
    "tensor_split hsplit vsplit dsplit unbind diagonal unfold as_strided dropout dropout1d dropout2d "
    "dropout3d feature_dropout alpha_dropout real imag view_as_real view_as_complex positive identity "
    "numpy_T _unsafe_view _reshape_alias lift broadcast_to atleast_1d atleast_2d atleast_3d ravel "
    "resolve_conj resolve_neg conj unsafe_split_with_sizes data _conj"
)
# Operators that may give a view of what they read, so that a change of one is seen in the other.
_VIEWS: Final = frozenset(_VIEW_NAMES.split())

# Calls that check something and make no value.
_CHECKS: Final = ("_assert", "sym_constrain", "_check")


def operator_name(target: str) -> str:
    """``add_`` of ``aten.add_.Tensor``."""
    parts = target.split(".")
    return parts[1] if len(parts) > 1 else target


def in_place(target: str) -> bool:
    """Whether an operator writes into its first argument."""
    name = operator_name(target)
    return target.startswith("aten.") and name.endswith("_") and not name.endswith("__")


def tidy(program: Program) -> Program:
    """The program with plain regions written out, changes in place as values, and no checks.

    Raises:
        ValueError: a tensor is changed in place and read again under another name.
    """
    program = written_out(program)
    changed = changed_in_place(program)
    if changed:
        where = f" ({changed.place})" if changed.place else ""
        raise ValueError(
            f"{changed.target} in {changed.path or 'the network'}{where} changes a tensor that is read again "
            "under another name; exported.run_decompositions({}) writes such changes as values: save that"
        )
    plain = [_as_value(call) for call in program.calls if not _is_check(call)]
    read = set(references([given for _, given in program.outputs]))
    kept: list[Call] = []
    for call in reversed(plain):
        if call.outputs and all(out.shape is None and out.name not in read for out in call.outputs):
            continue
        read.update(call.reads())
        kept.append(call)
    return replace(program, calls=tuple(reversed(kept)))


def _is_check(call: Call) -> bool:
    return operator_name(call.target).startswith(_CHECKS)


def _as_value(call: Call) -> Call:
    if not in_place(call.target):
        return call
    name = operator_name(call.target)
    return replace(call, target=call.target.replace(f".{name}", f".{name[:-1]}", 1))


def changed_in_place(program: Program) -> Call | None:
    """The first call that changes a tensor which is read afterwards under a name from before, if any.

    A change whose result alone is read afterwards (``x = F.relu_(x)``) is a value like any other.
    """
    calls, outputs = program.calls, program.outputs
    if not any(in_place(call.target) for call in calls):
        return None
    family: dict[str, int] = {}  # of every value, the storage it may be a view of
    made: dict[str, int] = {}
    last: dict[str, int] = {}
    for number, call in enumerate(calls):
        for name in call.reads():
            last[name] = number
        first = next(call.reads(), None)
        shares = first is not None and (operator_name(call.target) in _VIEWS or in_place(call.target))
        for out in call.outputs:
            made[out.name] = number
            family[out.name] = family.setdefault(first, -1 - len(family)) if shares and first else number
    for name in references([given for _, given in outputs]):
        last[name] = len(calls)
    members: dict[int, list[str]] = {}
    for name, number in family.items():
        members.setdefault(number, []).append(name)
    for number, call in enumerate(calls):
        if not in_place(call.target):
            continue
        target = next(call.reads(), None)
        if target is None or operator_name(call.target) == "detach_":
            continue
        for other in members.get(family.get(target, number), ()):
            if made.get(other, -1) < number < last.get(other, -1):
                return call
    return None


def written_out(program: Program) -> Program:
    """The program with the calls of plain regions in the place of the call that runs the region."""
    names: dict[str, Any] = {}
    calls = tuple(_inlined(program.calls, names, ""))
    outputs = tuple((name, _renamed(given, names)) for name, given in program.outputs)
    return replace(program, calls=calls, outputs=outputs)


def _inlined(calls: Iterable[Call], names: dict[str, Any], suffix: str) -> Iterator[Call]:
    """Calls with what they read renamed; ``names`` learns what the calls of regions have made.

    Args:
        calls: of the program, or of a region in it.
        names: what a name stands for: a value given to the region, or a fresh name.
        suffix: what makes the names of a region's values unique; empty outside.
    """
    for call in calls:
        arguments = _renamed(call.arguments, names)
        at = _region_at(call)
        region = call.args[at] if at is not None and at < len(call.args) else None
        if isinstance(region, Region) and at is not None:
            skip = 2 if call.target == "higher_order.invoke_subgraph" else 1  # an identifier follows it
            inside = dict(zip(region.inputs, tuple(arguments.values())[at + skip :], strict=False))
            for inner in _inlined(region.calls, inside, f"{suffix}.{call.name}"):
                yield inner if inner.path else replace(inner, path=call.path)
            for out, value in zip(call.outputs, region.outputs, strict=False):
                names[out.name] = _renamed(value, inside)
            continue
        outputs = call.outputs
        if suffix:
            outputs = tuple(out._replace(name=out.name and out.name + suffix) for out in outputs)
            names.update((old.name, Ref(new.name)) for old, new in zip(call.outputs, outputs, strict=True))
        yield replace(call, name=call.name + suffix, arguments=arguments, outputs=outputs)


def _region_at(call: Call) -> int | None:
    """Where the region stands among the arguments of a call that runs it as it is."""
    if call.target == "higher_order.wrap_with_autocast":
        return 4 if call.args[2:3] == (False,) else None  # enabled, it changes the types of values
    return PLAIN_REGIONS.get(call.target)


def _renamed(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, Ref):
        return names.get(value.name, value)
    if isinstance(value, dict):
        return {key: _renamed(part, names) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_renamed(part, names) for part in value)
    return value


def output_names(tree: Any) -> list[str]:
    """Dotted names of the leaves of a returned structure, given as (type, context, children), None a leaf."""

    def walk(node: Any, path: str) -> Iterator[str]:
        if node is None:
            yield path or "output"
            return
        _, context, children = node
        keys = (
            context
            if isinstance(context, list | tuple) and len(context) == len(children)
            else range(len(children))
        )
        for key, child in zip(keys, children, strict=True):
            yield from walk(child, f"{path}.{key}" if path else str(key))

    return list(walk(tree, ""))
