"""An exported program of a live PyTorch, as the neutral record of :mod:`program`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from convcalc.importers.torch.program import Call, Held, Program, Ref, Region, Tensor
from convcalc.importers.torch.tidy import changed_in_place, output_names, tidy, written_out
from convcalc.importers.torch.written import order, said, with_writing


def read_exported(exported: Any, *, module: Any = None, name: str = "", batch: int = 1) -> Program:
    """The record of a ``torch.export.ExportedProgram``.

    Args:
        exported: the program.
        module: the live module it was exported from, whose parameters and buffers are read when a value is
            asked for; without it those that the program holds.
        name: what to call it; without it the class of the module.
        batch: size of the first axis of the inputs that stands for a batch.

    Raises:
        ValueError: a call changes a tensor in place that is read again under another name, and PyTorch
            cannot write the program without that.
    """
    program = written_out(_read(exported, module, name, batch))
    if not changed_in_place(program) and not _autocast(program):
        return with_writing(tidy(program), _parents(module))
    try:
        functional = exported.run_decompositions({})
    except Exception as error:
        raise ValueError(
            f"PyTorch cannot write the program without changes in place: {first_line(error)}"
        ) from None
    return with_writing(tidy(_read(functional, module, name, batch)), _parents(module))


def _parents(module: Any) -> set[str] | None:
    """Paths of the parts of a live module that have parts themselves."""
    if module is None:
        return None
    return {path for path, part in module.named_modules(remove_duplicate=False) if any(part.children())}


def first_line(error: BaseException, width: int = 200) -> str:
    """The first line of an error that says something, cut to a width."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."


def _autocast(program: Program) -> bool:
    return any(call.target == "higher_order.wrap_with_autocast" for call in program.calls)


def _read(exported: Any, module: Any, name: str, batch: int) -> Program:
    reader = _Reader(batch)
    signature = exported.graph_signature
    holders = _Tensors(exported, module)
    inputs: list[Tensor] = []
    fixed: dict[str, Any] = {}
    specs = {spec.arg.name: spec for spec in signature.input_specs}
    for node in exported.graph.nodes:
        if node.op != "placeholder":
            continue
        spec = specs[node.name]
        kind = spec.kind.name
        if kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            reader.names[node.name] = holders.called(spec, node.name)
            if kind == "PARAMETER":
                reader.learned.add(node.name)
        elif kind == "USER_INPUT":
            value = node.meta.get("val")
            if hasattr(value, "shape") and hasattr(value, "dtype"):
                inputs.append(reader.tensor(node.name, value))
            else:
                fixed[node.name] = reader.known[node.name] = reader.plain(getattr(spec.arg, "value", value))
    calls = tuple(reader.calls(exported.graph, exported.graph_module))
    kinds = [spec.kind.name for spec in signature.output_specs]
    returned = next(node for node in exported.graph.nodes if node.op == "output").args[0]
    names = output_names(_neutral(exported.call_spec.out_spec))
    values = [reader.plain(v) for v, kind in zip(returned, kinds, strict=False) if kind == "USER_OUTPUT"]
    outputs = tuple(zip(names, values, strict=False))
    notes = tuple(reader.notes)
    if not name:
        stacks = (node.meta.get("nn_module_stack") for node in exported.graph.nodes)
        stack: Mapping[str, Any] = next(filter(None, stacks), {})
        name = _class(next(iter(stack.values()), ("", ""))[1]).rpartition(".")[2] or "program"
    return Program(name, tuple(inputs), holders.held(), calls, outputs, fixed, batch, notes)


class _Tensors:
    """The tensors a module brings along, one however many names it has."""

    def __init__(self, exported: Any, module: Any) -> None:
        self.kinds: dict[str, str] = {}
        self.persistent: dict[str, bool] = {}
        self.tensors: dict[str, Any] = {}
        self.graph_names: dict[int, str] = {}
        self.order: dict[Any, list[str]] = {}
        if module is not None:
            parts = dict(module.named_modules(remove_duplicate=False))
            for target, tensor in module.named_parameters(remove_duplicate=False):
                self._add(target, tensor, "parameter")
            for target, tensor in module.named_buffers(remove_duplicate=False):
                owner, _, last = target.rpartition(".")
                self._add(target, tensor, "buffer", last not in parts[owner]._non_persistent_buffers_set)
        for spec in exported.graph_signature.input_specs:
            kind = {"PARAMETER": "parameter", "BUFFER": "buffer", "CONSTANT_TENSOR": "constant"}.get(
                spec.kind.name
            )
            if kind is None or spec.target in self.tensors:
                continue
            found = exported.state_dict.get(spec.target)
            found = exported.constants.get(spec.target) if found is None else found
            self._add(spec.target, found, kind, spec.persistent is not False)
        self.called_as: dict[str, str] = {}

    def _add(self, target: str, tensor: Any, kind: str, persistent: bool = True) -> None:
        self.tensors[target] = tensor
        self.kinds[target] = kind
        self.persistent[target] = persistent
        self.order.setdefault(_identity(tensor, target), []).append(target)

    def called(self, spec: Any, name: str) -> str:
        """The one name of a tensor in the calls, whichever of its names the program uses."""
        first = self.order[_identity(self.tensors[spec.target], spec.target)][0]
        return self.called_as.setdefault(first, name)

    def held(self) -> tuple[Held, ...]:
        found = []
        for targets in self.order.values():
            first = targets[0]
            tensor = self.tensors[first]
            shape = tuple(int(size) for size in tensor.shape) if tensor is not None else ()
            dtype = _dtype(tensor.dtype) if tensor is not None else "float32"
            found.append(
                Held(
                    name=self.called_as.get(first, ""),
                    kind=self.kinds[first],
                    target=first,
                    names=tuple(targets),
                    shape=shape,
                    dtype=dtype,
                    requires_grad=bool(getattr(tensor, "requires_grad", False)),
                    persistent=any(self.persistent[target] for target in targets),
                    read=_reading(tensor, first),
                )
            )
        return tuple(found)


def _identity(tensor: Any, target: str) -> Any:
    """What two names of one tensor have in common, also where a program holds two views of a storage."""
    if tensor is None:
        return target
    try:
        where = tensor.untyped_storage().data_ptr()
    except Exception:  # a fake tensor, or one without a storage
        where = 0
    if not where or not tensor.numel():
        return id(tensor)
    return (where, tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()), str(tensor.dtype))


def _reading(tensor: Any, target: str) -> Callable[[], Any]:
    def read() -> Any:
        import torch

        if tensor is None or tensor.device.type == "meta" or hasattr(tensor, "fake_mode"):
            raise ValueError(f"{target} has no values: it was made without memory (on the meta device)")
        found = tensor.detach().cpu()
        if found.dtype is torch.bfloat16 or "float8" in str(found.dtype):
            found = found.float()  # exact, and NumPy has no such type
        return found.resolve_conj().resolve_neg().numpy()

    return read


class _Reader:
    """Turns nodes into calls; knows the values that have another name, or are numbers."""

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch
        self.learned: set[str] = set()  # what depends on parameters
        self.names: dict[str, str] = {}
        self.known: dict[str, Any] = {}
        self.notes: list[str] = []

    def tensor(self, name: str, value: Any) -> Tensor:
        if not hasattr(value, "shape"):
            return Tensor(name, None, "bool" if type(value).__name__ == "SymBool" else "int64")
        return Tensor(name, tuple(self.size(size) for size in value.shape), _dtype(value.dtype))

    def size(self, size: Any) -> int | None:
        if type(size) is int:
            return size
        hint = getattr(getattr(size, "node", None), "hint", None)
        if hint is None:
            return None
        note = "the program was exported for sizes that may change; they are read as in its example"
        if note not in self.notes:
            self.notes.append(note)
        return int(hint)

    def plain(self, value: Any) -> Any:
        """An argument as a plain value."""
        if value is None or isinstance(value, str | bool | int | float | complex):
            return value
        kind = type(value).__name__
        if kind == "Node":
            if value.name in self.known:
                return self.known[value.name]
            return Ref(self.names.get(value.name, value.name))
        if kind == "dtype":
            return _dtype(value)
        if kind in ("layout", "memory_format", "device"):
            return str(value).removeprefix("torch.")
        if kind.startswith("Sym"):
            return getattr(getattr(value, "node", None), "hint", None)
        if isinstance(value, Mapping):
            return {str(key): self.plain(part) for key, part in value.items()}
        if isinstance(value, list | tuple) or kind == "Size":
            return tuple(self.plain(part) for part in value)
        if isinstance(value, slice):
            return tuple(self.plain(part) for part in (value.start, value.stop, value.step))
        return f"<{kind}>"

    def calls(self, graph: Any, owner: Any) -> Iterator[Call]:
        import operator

        for node in graph.nodes:
            if node.op == "get_attr":
                found = owner
                for part in str(node.target).split("."):
                    found = getattr(found, part, None)
                if hasattr(found, "graph"):
                    self.known[node.name] = self.region(found)
                continue
            if node.op != "call_function":
                continue
            value = node.meta.get("val")
            if node.target is operator.getitem and isinstance(node.args[0].meta.get("val"), list | tuple):
                continue  # one of several values: it is an output of the call that made it
            if type(value).__name__.startswith("Sym") or (
                value is not None and type(value) in (int, float, bool)
            ):
                hint = value if type(value) in (int, float, bool) else getattr(value.node, "hint", None)
                if hint is not None:
                    self.known[node.name] = hint
                    continue
            yield self.call(node, value)

    def call(self, node: Any, value: Any) -> Call:
        target = node.target
        schema = getattr(target, "_schema", None)
        if schema is not None:
            names = [argument.name for argument in schema.arguments]
            text = str(target)
        else:
            names = []
            module = getattr(target, "namespace", None) or getattr(target, "__module__", "") or ""
            owner = "operator" if module in ("_operator", "operator", "math") else module or "python"
            text = f"{owner}.{getattr(target, '__name__', None) or target}"
            if type(target).__module__.startswith("torch._higher_order_ops") or "HigherOrder" in str(
                type(target).__mro__
            ):
                text = f"higher_order.{getattr(target, '__name__', target)}"
        arguments = {
            (names[index] if index < len(names) else str(index)): self.plain(given)
            for index, given in enumerate(node.args)
        }
        arguments.update((key, self.plain(given)) for key, given in node.kwargs.items())
        if isinstance(value, list | tuple):
            outputs = self.several(node, value)
        elif value is None:
            outputs = ()
        else:
            outputs = (self.tensor(node.name, value),)
        path, kind = _innermost(node.meta.get("nn_module_stack") or {})
        trace = node.meta.get("stack_trace")
        function = said(node.meta.get("torch_fn"), trace)
        return Call(
            node.name, text, arguments, outputs, path, kind, _place(trace), function, self.order(node)
        )

    def order(self, node: Any) -> str:
        """How what a linear or recurrent layer reads lies in memory; see :func:`written.order`.

        Of an attention with a mask, whether that is learned.
        """
        name = getattr(node.target, "__name__", "")
        if not self.learned.isdisjoint(one.name for one in node.all_input_nodes):
            self.learned.add(node.name)
        if name == "scaled_dot_product_attention.default":
            mask = node.args[3] if len(node.args) > 3 else node.kwargs.get("attn_mask")
            return "learned" if getattr(mask, "name", "") in self.learned else ""
        if name == "linear.default":
            value = node.args[0].meta.get("val")
            with suppress(RuntimeError, AttributeError, TypeError, ValueError):
                dims, strides = ([int(n) for n in of] for of in (value.shape, value.stride()))
                return order(dims, strides, self.batch)
        first = node.args[-1] if name.endswith(".input") and node.args else False
        return "folded" if first is True else ""

    def several(self, node: Any, values: Any) -> tuple[Tensor, ...]:
        import operator

        found: dict[int, str] = {}
        for user in node.users:
            if user.op == "call_function" and user.target is operator.getitem and user.args[0] is node:
                index = user.args[1]
                if index in found:
                    self.names[user.name] = found[index]
                else:
                    found[index] = user.name
        return tuple(
            self.tensor(found.get(index, f"{node.name}.{index}"), value)
            for index, value in enumerate(values)
            if value is not None or index in found
        )

    def region(self, module: Any) -> Region:
        outer = self.names, self.known
        self.names, self.known = {}, {}
        inputs = tuple(node.name for node in module.graph.nodes if node.op == "placeholder")
        calls = tuple(self.calls(module.graph, module))
        last = next(node for node in module.graph.nodes if node.op == "output").args[0]
        given = self.plain(last)
        self.names, self.known = outer
        return Region(
            inputs, calls, given if isinstance(given, tuple) and not isinstance(given, Ref) else (given,)
        )


_AGAIN: Final = "@"
"""What follows in a module's path counts how often the module has been called."""


def _innermost(stack: Mapping[str, Any]) -> tuple[str, str]:
    path, kind = "", ""
    for fqn, found in stack.values():
        path, kind = str(fqn), _class(found)
    return ".".join(part.partition(_AGAIN)[0] for part in path.split(".")), kind


def _class(found: Any) -> str:
    return found if isinstance(found, str) else f"{found.__module__}.{found.__qualname__}"


def _place(trace: str | None) -> str:
    """File and line of the innermost frame of a stack trace."""
    for line in reversed((trace or "").splitlines()):
        words = line.strip()
        if words.startswith('File "') and ", line " in words:
            path, _, rest = words[6:].partition('", line ')
            return f"{path}:{rest.partition(',')[0]}"
    return ""


def _dtype(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _neutral(spec: Any) -> Any:
    """A tree of PyTorch as (type, context, children); a leaf is None."""
    if spec.is_leaf():
        return None
    kind = spec.type
    context = spec.context
    if getattr(kind, "__name__", "") == "namedtuple" or hasattr(context, "_fields"):
        context = list(context._fields)
    elif getattr(kind, "__name__", "") == "defaultdict":
        context = context[1]
    children = spec.children() if callable(getattr(spec, "children", None)) else spec.children_specs
    return getattr(kind, "__name__", str(kind)), context, [_neutral(child) for child in children]
