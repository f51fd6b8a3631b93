"""An exported program from a ``.pt2`` file, read without PyTorch: a zip of JSON and raw bytes.

The layout is that of ``torch.export.save`` since PyTorch 2.8 (``models/model.json``, ``data/weights/...``),
and the one before it (``serialized_exported_program.json`` beside pickles of ``torch.save``, which are
scanned and not executed). The schema is ``torch/_export/serde/schema.py``, version 8.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.importers.torch import dtypes
from convcalc.importers.torch.archive import Archive, BrokenFile
from convcalc.importers.torch.inputs import Wanted, wanted
from convcalc.importers.torch.pickled import Foreign, TensorRecord, scan
from convcalc.importers.torch.program import Call, Held, Program, Ref, Region, Tensor, references
from convcalc.importers.torch.state import from_archive
from convcalc.importers.torch.tidy import output_names, tidy
from convcalc.importers.torch.written import said, with_writing

if TYPE_CHECKING:
    from convcalc.graph import Graph

_OLD_MODEL: Final = "serialized_exported_program.json"
_SCHEMA: Final = 8
_MAX_AXES: Final = 64
_MAX_SIZE: Final = 1 << 62
_MAX_PICKLED: Final = 1 << 34
_LAYOUTS: Final = {
    1: "sparse_coo",
    2: "sparse_csr",
    3: "sparse_csc",
    4: "sparse_bsr",
    5: "sparse_bsc",
    7: "strided",
}
_FORMATS: Final = {1: "contiguous_format", 2: "channels_last", 3: "channels_last_3d", 4: "preserve_format"}
_SIZES_NOTE: Final = "the program was exported for sizes that may change; they are read as in its example"

# What a value of the file can break in this reader; each becomes one message with its place.
_FAULTS: Final = (
    KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, OverflowError, StopIteration,
)  # fmt: skip


def read(path: str | os.PathLike[str], input: Any = None, set: Mapping[str, Any] | None = None) -> Graph:
    """The network of a saved exported program.

    Args:
        path: a file of ``torch.export.save``.
        input: refused unless it is the program's own: its sizes were fixed when it was exported.
        set: refused: a program has no variables.

    Raises:
        SpecError: it is none, a damaged one, or one that cannot be said.
        OSError: it cannot be opened.
    """
    from convcalc.importers.torch.translate import translate
    from convcalc.spec.errors import Problem, SpecError

    name = os.fspath(path)

    def refused(message: str, expected: str | None = None) -> SpecError:
        return SpecError([Problem(message, file=name, line=0, expected=expected)])

    try:
        program = read_program(name)
    except BrokenFile as error:
        raise refused(f"the file {error}") from None
    except ValueError as error:
        raise refused(str(error)) from None
    if set:
        raise refused(f"an exported program has no variables, and no {', '.join(set)}")
    if input is not None:
        own = {tensor.name: tensor.shape[1:] for tensor in program.inputs if tensor.shape}
        if not _is_own(input, own):
            sizes = ", ".join(f"{key}={'x'.join(map(str, shape))}" for key, shape in own.items())
            expected = f"{sizes}, or the module itself: torch:package.module:factory exports it at any size"
            raise refused("the sizes of an exported program were fixed when it was exported", expected)
    return translate(program, file=name)


def _is_own(input: Any, own: Mapping[str, tuple[int | None, ...]]) -> bool:
    """Whether an input that is asked for is the program's own."""
    try:
        order, by_name = wanted(input)
    except ValueError:
        return False
    given = by_name or dict(zip(own, order, strict=False))
    shapes = {name: part.shape for name, part in given.items() if isinstance(part, Wanted)}
    return len(order) <= len(own) and all(own.get(name) == shape for name, shape in shapes.items())


def is_program(archive: Archive) -> bool:
    """Whether an archive holds an exported program."""
    return _OLD_MODEL in archive or any(_is_model(name) for name in archive.members)


def _is_model(name: str) -> bool:
    return name.startswith("models/") and name.endswith(".json")


def read_program(path: str | os.PathLike[str]) -> Program:
    """The record of a saved exported program.

    Raises:
        BrokenFile: it is none, or a damaged one.
        ValueError: it changes a tensor in place that is read again (see :func:`tidy.tidy`).
        OSError: it cannot be opened.
    """
    with Archive(path) as archive:
        if not is_program(archive):
            raise BrokenFile("holds no exported program: it has neither models/*.json nor " + _OLD_MODEL)
        models = [name for name in archive.members if _is_model(name)]
        if len(models) > 1:
            names = ", ".join(name[7:-5] for name in models[:5])
            raise BrokenFile(f"holds {len(models)} programs ({names}); save one of them alone")
        model = archive.json(models[0] if models else _OLD_MODEL)
        title = models[0][7:-5] if models else ""
        stem = os.path.splitext(os.path.basename(os.fspath(path)))[0]
        reader = _Reader()
        try:
            program = reader.program(model, _Payloads(archive, title), stem)
        except BrokenFile:
            raise
        except _FAULTS as error:
            what = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:80]}"
            raise BrokenFile(f"has a program that is damaged {reader.place()} ({what})") from None
    return with_writing(tidy(program))


class Payload(NamedTuple):
    """Where the values of a tensor are.

    Attributes:
        read: gives the array.
        key: what two names of one tensor have in common.
        shape: its sizes.
        dtype: type of its elements.
        learned: whether it is a parameter.
        requires_grad: whether it is trained.
    """

    read: Callable[[], Any]
    key: Any
    shape: tuple[int, ...]
    dtype: str
    learned: bool
    requires_grad: bool


class _Payloads(Mapping[str, Payload]):
    """Parameters, buffers and constants of a file by their dotted names."""

    def __init__(self, archive: Archive, title: str) -> None:
        self.found: dict[str, Payload] = {}
        self.archive = archive
        order = ">" if "byteorder" in archive and archive.read("byteorder", 64) == b"big" else "<"
        if title:
            for kind in ("weights", "constants"):
                name = f"data/{kind}/{title}_{kind}_config.json"
                if name in archive:
                    self._configured(archive.json(name), kind, order)
                elif f"data/{kind}/{title}.pt" in archive:
                    self._pickled(f"data/{kind}/{title}.pt")
            return
        for name in ("serialized_state_dict.pt", "serialized_constants.pt"):
            if name in archive and archive.size(name):
                self._pickled(name)

    def _configured(self, config: Any, kind: str, order: str) -> None:
        entries = config.get("config") if isinstance(config, dict) else None
        if not isinstance(entries, dict):
            raise BrokenFile(f"has a list of {kind} that is none")
        for name, entry in entries.items():
            try:
                meta = entry["tensor_meta"]
                if meta is None:
                    continue  # an object that is no tensor
                shape = tuple(_size(size) for size in meta["sizes"])
                strides = tuple(_size(size) for size in meta["strides"])
                dtype = dtypes.BY_NUMBER[meta["dtype"]]
                offset = _size(meta["storage_offset"])
                member = f"data/{kind}/{entry['path_name']}"
                learned, trained = entry["is_param"] is True, meta["requires_grad"] is True
                pickled = entry["use_pickle"] is True
                sound = len(shape) == len(strides) <= _MAX_AXES and member in self.archive
            except _FAULTS:
                raise BrokenFile(f"has no description of {str(name)[:100]}") from None
            need = (offset + dtypes.span(shape, strides)) * dtypes.width(dtype) if sound else 0
            if not sound or (not pickled and need > self.archive.size(member)):
                raise BrokenFile(f"lacks values of {str(name)[:100]}")
            if pickled:
                read = partial(_from_pickled, self.archive.path, member, None)
            else:
                record = (offset, shape, strides, dtype, order)
                read = partial(_from_member, self.archive.path, member, record)
            self.found[str(name)] = Payload(
                read, (member, offset, shape, strides), shape, dtype, learned, trained
            )

    def _pickled(self, member: str) -> None:
        with Archive(self.archive.path, BytesIO(self.archive.read(member, _MAX_PICKLED))) as inner:
            root = scan(inner.read("data.pkl"))
        root = root.state if isinstance(root, Foreign) else root
        for name, value in root.items() if isinstance(root, dict) else ():
            if isinstance(value, TensorRecord):
                read = partial(_from_pickled, self.archive.path, member, value)
                key = (member, value.storage.key, value.offset, value.shape, value.strides)
                learned = value.learned is True
                self.found[str(name)] = Payload(read, key, value.shape, value.dtype, learned, learned)

    def __getitem__(self, name: str) -> Payload:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


def _from_member(path: str, member: str, record: tuple[Any, ...]) -> Any:
    offset, shape, strides, dtype, order = record
    item = dtypes.width(dtype)
    with Archive(path) as archive:
        data = archive.read(member, _MAX_PICKLED * 16, offset * item, dtypes.span(shape, strides) * item)
    return dtypes.array(data, dtype, shape, strides, order)


def _from_pickled(path: str, member: str, record: TensorRecord | None) -> Any:
    with Archive(path) as archive, Archive(path, BytesIO(archive.read(member, _MAX_PICKLED))) as inner:
        found = record if record is not None else scan(inner.read("data.pkl"))
        if not isinstance(found, TensorRecord):
            raise BrokenFile(f"has {member[:100]} that is no tensor")
        return from_archive(inner, f"data/{found.storage.key}", found)


class _Reader:
    """Turns the JSON of a program into the record."""

    def __init__(self) -> None:
        self.at = "at its head"
        self.known: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self.varies = False

    def place(self) -> str:
        """Where it was reading."""
        return self.at

    def program(self, model: Any, payloads: _Payloads, stem: str) -> Program:
        version = model.get("schema_version") or {}
        if version.get("major", _SCHEMA) != _SCHEMA:
            raise BrokenFile(
                f"is written in version {str(version.get('major'))[:20]} of the schema; 8 is read"
            )
        module = model["graph_module"]
        graph, signature = module["graph"], module["signature"]
        tensors = self.tensors(graph)
        inputs, fixed, held = self.inputs(signature["input_specs"], tensors, payloads)
        calls = tuple(self.calls(graph, tensors))
        outputs = self.outputs(signature["output_specs"], module)
        self.at = "in its order"
        _ordered(inputs, held, calls, outputs)
        first = next((call.kind for call in calls if call.kind), "")
        stack = (
            str((graph["nodes"][0].get("metadata") or {}).get("nn_module_stack", ""))
            if graph["nodes"]
            else ""
        )
        top = _stack(stack)[:1]
        name = (top[0][1] if top else first).rpartition(".")[2] or stem
        sizes = {tensor.shape[0] if tensor.shape else 1 for tensor in inputs}
        batch = sizes.pop() if len(sizes) == 1 else 1
        notes = (_SIZES_NOTE,) if self.varies else ()
        return Program(name, inputs, held, calls, outputs, fixed, batch or 1, notes)

    # -- values -----------------------------------------------------------------------------

    def tensors(self, graph: Any) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, meta in graph["tensor_values"].items():
            self.at = f"at the value {name[:60]}"
            sizes = tuple(self.size(size) for size in meta["sizes"])
            if not all(size is None or type(size) is int for size in sizes):
                raise TypeError("a size is no number")
            if len(sizes) > _MAX_AXES:
                raise BrokenFile(f"has {name[:60]} of {len(sizes)} axes")
            found[name] = Tensor(name, sizes, dtypes.BY_NUMBER[meta["dtype"]])
        for kind in ("sym_int_values", "sym_float_values", "sym_bool_values"):
            for name, value in (graph.get(kind) or {}).items():
                known = self.size(value)
                if isinstance(known, int | float):
                    self.known[name] = known
        return found

    def size(self, size: Any) -> Any:
        """A size, or the one of the example where it may change; None where data decides it."""
        kind, value = _union(size)
        if kind == "as_expr":
            hint = value.get("hint")
            self.varies = True
            return None if hint is None else _union(hint)[1]
        if type(value) is int and not 0 <= value <= _MAX_SIZE:
            raise BrokenFile(f"has a size of {value}")
        return value

    def inputs(
        self, specs: Any, tensors: dict[str, Tensor], payloads: _Payloads
    ) -> tuple[tuple[Tensor, ...], dict[str, Any], tuple[Held, ...]]:
        inputs: list[Tensor] = []
        fixed: dict[str, Any] = {}
        held: dict[Any, dict[str, Any]] = {}
        for spec in specs:
            kind, value = _union(spec)
            self.at = f"at an input ({kind})"
            if kind == "user_input":
                given, inner = _union(value["arg"])
                if given == "as_tensor":
                    inputs.append(tensors[inner["name"]])
                elif given != "as_none":
                    name = inner.get("as_name", "") if isinstance(inner, dict) else ""
                    fixed[name or str(len(fixed))] = self.known.get(name, inner if not name else None)
            elif kind == "constant_input":
                _, constant = _union(value["value"])
                fixed[str(value["name"])] = self.known[str(value["name"])] = constant
            elif kind in ("parameter", "buffer", "tensor_constant"):
                target = str(value[f"{kind}_name"])
                self.hold(held, value["arg"]["name"], target, kind, value, tensors, payloads)
        stated = {name for entry in held.values() for name in entry["names"]}
        for name, payload in payloads.items():
            if name not in stated:
                kind = "parameter" if payload.learned else "buffer"
                self.hold(held, "", name, kind, {}, tensors, payloads)
        made = (Held(**{**entry, "names": tuple(entry["names"])}) for entry in held.values())
        return tuple(inputs), fixed, tuple(made)

    def hold(
        self,
        held: dict[Any, dict[str, Any]],
        name: str,
        target: str,
        kind: str,
        value: Any,
        tensors: dict[str, Tensor],
        payloads: _Payloads,
    ) -> None:
        payload = payloads.get(target)
        tensor = tensors.get(name)
        if payload is None and tensor is None:
            raise BrokenFile(f"has neither shape nor values of {target[:100]}")
        if payload is not None and tensor is not None and payload.shape != tensor.shape:
            raise BrokenFile(f"has {target[:100]} in two shapes")
        entry = held.get(payload.key if payload else target)
        if entry is not None:  # another name of the same tensor
            entry["names"].append(target)
            if name and entry["name"]:
                self.names[name] = entry["name"]
            entry["name"] = entry["name"] or name
            return
        shape = (
            payload.shape if payload else tuple(size or 0 for size in (tensor.shape if tensor else ()) or ())
        )
        held[payload.key if payload else target] = {
            "name": name,
            "kind": {"tensor_constant": "constant"}.get(kind, kind),
            "target": target,
            "names": [target],
            "shape": shape,
            "dtype": payload.dtype if payload else tensor.dtype if tensor else "float32",
            "read": payload.read if payload else partial(_nothing, target),
            "requires_grad": payload.requires_grad if payload else kind == "parameter",
            "persistent": value.get("persistent") is not False,
        }

    # -- calls ------------------------------------------------------------------------------

    def calls(self, graph: Any, tensors: dict[str, Tensor]) -> Iterator[Call]:
        for number, node in enumerate(graph["nodes"]):
            target = str(node["target"]).removeprefix("torch.ops.").replace("_operator.", "operator.", 1)
            self.at = f"at call {number} ({target[:60]})"
            arguments: dict[str, Any] = {}
            for position, given in enumerate(node["inputs"]):
                arguments[str(given.get("name") or position)] = self.argument(given["arg"])
            outputs = tuple(self.results(node["outputs"], tensors))
            if outputs and all(out.shape is None and out.name in self.known for out in outputs):
                continue  # a number that is known
            metadata = node.get("metadata") or {}
            stack = _stack(str(metadata.get("nn_module_stack", "")))
            path, kind = stack[-1] if stack else ("", "")
            name = str(node.get("name") or (outputs[0].name if outputs else f"call_{number}"))
            trace = str(metadata.get("stack_trace") or "")
            function = said(str(metadata.get("torch_fn") or ""), trace)
            yield Call(name, target, arguments, outputs, path, kind, _place(trace), function)

    def results(self, outputs: Any, tensors: dict[str, Tensor]) -> Iterator[Tensor]:
        for output in outputs:
            kind, value = _union(output)
            if kind == "as_tensor":
                yield self.result(value["name"], tensors)
            elif kind == "as_tensors":
                for part in value:
                    yield self.result(part["name"], tensors)
            elif kind in ("as_optional_tensor", "as_optional_tensors"):
                for part in value if isinstance(value, list) else [value]:
                    inner, given = _union(part)
                    if inner == "as_tensor":
                        yield self.result(given["name"], tensors)
            elif kind.startswith("as_sym"):
                yield Tensor(str(value["as_name"]), None, "bool" if "bool" in kind else "int64")

    def result(self, name: Any, tensors: dict[str, Tensor]) -> Tensor:
        found = tensors.get(name)
        return found if found is not None else Tensor(str(name), None, "float32")

    def argument(self, given: Any) -> Any:
        """A plain value of what the schema calls an argument."""
        kind, value = _union(given)
        if kind == "as_none":
            return None
        if kind == "as_tensor":
            return self.reference(value["name"])
        if kind == "as_tensors":
            return tuple(self.reference(part["name"]) for part in value)
        if kind == "as_nested_tensors":
            return tuple(tuple(self.reference(part["name"]) for part in parts) for parts in value)
        if kind == "as_optional_tensor":
            return self.argument(value)
        if kind == "as_optional_tensors":
            return tuple(self.argument(part) for part in value)
        if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
            return self.symbolic(value)
        if kind in ("as_sym_ints", "as_sym_floats", "as_sym_bools"):
            return tuple(self.symbolic(part) for part in value)
        if kind == "as_scalar_type":
            return dtypes.BY_NUMBER[value]
        if kind == "as_memory_format":
            return _FORMATS[value]
        if kind == "as_layout":
            return _LAYOUTS[value]
        if kind == "as_device":
            return str(value["type"])
        if kind == "as_graph":
            return self.region(value["graph"])
        if kind == "as_complex":
            return complex(float(value["real"]), float(value["imag"]))
        if kind == "as_float":
            return float(value)  # "Infinity" and "NaN" are text
        if kind == "as_floats":
            return tuple(float(part) for part in value)
        if kind == "as_string_to_argument":
            return {str(name): self.argument(part) for name, part in value.items()}
        if kind in ("as_custom_obj", "as_operator"):
            return f"<{kind[3:]}>"
        return _plain(value)

    def reference(self, name: Any) -> Ref:
        return Ref(self.names.get(str(name), str(name)))

    def symbolic(self, value: Any) -> Any:
        kind, given = _union(value)
        if kind != "as_name":
            return _plain(given)
        return self.known[given] if given in self.known else Ref(str(given))

    def region(self, graph: Any) -> Region:
        tensors = self.tensors(graph)
        inputs = tuple(str(_union(given)[1]["name"]) for given in graph["inputs"])
        calls = tuple(self.calls(graph, tensors))
        return Region(inputs, calls, tuple(self.argument(given) for given in graph["outputs"]))

    def outputs(self, specs: Any, module: Any) -> tuple[tuple[str, Any], ...]:
        self.at = "at its outputs"
        values = []
        for spec in specs:
            kind, value = _union(spec)
            if kind == "user_output":
                values.append(self.argument(value["arg"]))
        names = output_names(_tree(module))
        if len(names) != len(values):
            names = [str(number) for number in range(len(values))]
        return tuple(zip(names, values, strict=True))


def _tree(module: Any) -> Any:
    """The structure that is returned, as :func:`tidy.output_names` reads it."""
    import json

    for entry in module.get("module_call_graph") or ():
        if entry.get("fqn") == "" and entry.get("signature"):
            spec = json.loads(entry["signature"]["out_spec"])
            fields = module.get("treespec_namedtuple_fields") or {}
            return _branch(spec[1] if isinstance(spec, list) else spec, fields)
    return None


def _branch(spec: Any, fields: Any) -> Any:
    import json

    kind = spec["type"]
    if kind is None:
        return None
    context = spec.get("context")
    keys: Any = None
    if isinstance(context, str):
        try:
            keys = json.loads(context)
        except ValueError:
            keys = context
    if isinstance(keys, dict):
        keys = keys.get("dict_context")
        keys = json.loads(keys) if isinstance(keys, str) else keys
    elif isinstance(keys, str) and isinstance(fields.get(keys), dict):
        keys = fields[keys].get("field_names")
    return str(kind), keys, [_branch(child, fields) for child in spec["children_spec"]]


def _union(given: Any) -> tuple[str, Any]:
    """The one field that is set of a union of the schema."""
    if not isinstance(given, dict) or len(given) != 1:
        raise TypeError("expected an object of one field")
    return next(iter(given.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_plain(part) for part in value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError("expected a plain value")


def _size(size: Any) -> int:
    _, value = _union(size)
    if isinstance(value, dict):
        value = _union(value["hint"])[1]
    if type(value) is not int or not 0 <= value <= _MAX_SIZE:
        raise ValueError("no size")
    return value


def _nothing(target: str) -> Any:
    raise ValueError(f"the file has no values of {target}")


def _stack(text: str) -> list[tuple[str, str]]:
    """Paths and classes of the modules around a call, the innermost last."""
    found = []
    for entry in text.split(";"):
        parts = entry.split(",", 2)
        if len(parts) == 3:
            path = ".".join(part.partition("@")[0] for part in parts[1].split("."))
            found.append((path, parts[2]))
    return found


def _place(trace: str) -> str:
    for line in reversed(trace.splitlines()):
        words = line.strip()
        if words.startswith('File "') and '", line ' in words:
            path, _, rest = words[6:].partition('", line ')
            return f"{path}:{rest.partition(',')[0]}"
    return ""


def _ordered(
    inputs: tuple[Tensor, ...], held: tuple[Held, ...], calls: tuple[Call, ...], outputs: Any
) -> None:
    """Refuse a program that reads a value before it is made, or makes one twice.

    Raises:
        BrokenFile: as said.
    """
    made = {tensor.name for tensor in inputs} | {entry.name for entry in held if entry.name}
    for call in calls:
        for name in call.reads():
            if name not in made:
                raise BrokenFile(f"has a call {call.name[:60]} of {name[:60]}, which nothing before it makes")
        for out in call.outputs:
            if out.name in made:
                raise BrokenFile(f"makes {out.name[:60]} twice")
            made.add(out.name)
    for name in references([given for _, given in outputs]):
        if name not in made:
            raise BrokenFile(f"returns {name[:60]}, which nothing makes")
