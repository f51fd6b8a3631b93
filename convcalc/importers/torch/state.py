"""Weights alone: names, shapes and types of ``.safetensors`` and of what ``torch.save`` writes.

Nothing in a file is executed: the pickle inside is scanned by a machine (:mod:`pickled`) that knows tensors,
containers and numbers, and takes every other object for a symbol. Values are read when they are asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final

from convcalc.files import open_regular
from convcalc.importers.torch import dtypes
from convcalc.importers.torch.archive import Archive, BrokenFile
from convcalc.importers.torch.pickled import Foreign, Legacy, TensorRecord, legacy, scan

MAX_HEADER: Final = 100_000_000
"""Bytes of a header of safetensors: the bound of the format itself."""
_MAX_TENSORS: Final = 1_000_000
_MAX_NAME: Final = 2000
_RUNNING: Final = frozenset({"running_mean", "running_var", "num_batches_tracked"})


@dataclass(frozen=True, eq=False)
class Weight:
    """One tensor of a file.

    Attributes:
        name: as the file has it, the containers around it before it with dots: ``model.conv1.weight``.
        shape: its sizes.
        dtype: type of its elements.
        read: its values as a NumPy array.
        same_as: name of the tensor before it that is this one under another name; empty for none.
        learned: True for what the file says is a parameter, False for what it says is none, None where it
            does not say.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Any]
    same_as: str = ""
    learned: bool | None = None

    @property
    def count(self) -> int:
        """How many elements it has."""
        number = 1
        for size in self.shape:
            number *= size
        return number

    @property
    def is_buffer(self) -> bool:
        """Whether it is stored and not learned: by its type, or by the names batch normalisation has."""
        if self.learned is not None:
            return not self.learned
        return not dtypes.is_floating(self.dtype) or self.name.rpartition(".")[2] in _RUNNING


@dataclass(frozen=True, eq=False)
class StateFile(Mapping[str, Any]):
    """The tensors of a file of weights: what they say, and what they cannot say.

    As a mapping it gives the values by name, each read when it is asked for.

    Attributes:
        path: the file.
        format: what it is: ``safetensors``, ``torch.save``, ``torch.save (before PyTorch 1.6)``,
            ``TorchScript``.
        tensors: in the file's order.
        unknown: classes of objects in the file that are neither tensors nor plain data, with their number.
    """

    path: str
    format: str
    tensors: tuple[Weight, ...]
    unknown: Mapping[str, int]

    @property
    def own(self) -> tuple[Weight, ...]:
        """The tensors, one however many names it has."""
        return tuple(weight for weight in self.tensors if not weight.same_as)

    @property
    def params(self) -> int:
        """Elements of all tensors that are not known to be buffers."""
        return sum(weight.count for weight in self.own if not weight.is_buffer)

    @property
    def buffers(self) -> int:
        """Elements of all tensors that are buffers by their type or name."""
        return sum(weight.count for weight in self.own if weight.is_buffer)

    @property
    def bytes(self) -> int:
        """Bytes of all tensors in their types."""
        return sum(weight.count * dtypes.width(weight.dtype) for weight in self.own)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed, and what more is needed to say the rest."""
        said = []
        if any(weight.learned is None and weight.is_buffer for weight in self.own):
            said.append(
                "buffers are told by type and name (running_mean, running_var, num_batches_tracked, whole "
                "numbers); others would be counted as parameters"
            )
        twice = [weight for weight in self.tensors if weight.same_as]
        if twice:
            shown = ", ".join(f"{weight.name} is {weight.same_as}" for weight in twice[:3])
            said.append(f"stored once: {shown}{' and more' if len(twice) > 3 else ''}")
        if self.unknown:
            shown = ", ".join(f"{name} ({number})" for name, number in list(self.unknown.items())[:5])
            said.append(f"objects that are no tensors were passed over, and nothing was executed: {shown}")
        said.append(
            "weights alone say nothing of strides, activations or sizes; for MACs and shapes give the "
            "network (an ONNX or .pt2 file, torch:package.module:factory, source, a spec), and these "
            "with --weights"
        )
        return tuple(said)

    def __getitem__(self, name: str) -> Any:
        for weight in self.tensors:
            if weight.name == name:
                return weight.read()
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (weight.name for weight in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __hash__(self) -> int:
        return id(self)


def read(path: str | os.PathLike[str]) -> StateFile:
    """Names, shapes and types of the tensors in a file of weights; values stay where they are.

    Args:
        path: a ``.safetensors`` file, or one that ``torch.save`` or ``torch.jit.save`` has written.

    Raises:
        SpecError: it is none, or a damaged one.
        OSError: it cannot be opened.
    """
    from convcalc.spec.errors import Problem, SpecError

    name = os.fspath(path)
    try:
        return _read(name)
    except BrokenFile as error:
        raise SpecError([Problem(f"the file {error}", file=name, line=0)]) from None


def _read(path: str) -> StateFile:
    with open_regular(path) as file:
        start = file.read(64)
        if start[:4] == b"PK\x03\x04":
            return _zipped(path)
        if start[8:9] == b"{" or (start[8:].lstrip()[:1] == b"{" and start[:1] != b"\x80"):
            return _safetensors(path, file)
        if start[:1] == b"\x80":
            return _old(path, file)
    raise BrokenFile("holds no weights: it begins neither as safetensors nor as torch.save writes")


# -- safetensors ----------------------------------------------------------------------------


def _safetensors(path: str, file: IO[bytes]) -> StateFile:
    whole = file.seek(0, os.SEEK_END)
    file.seek(0)
    size = int.from_bytes(file.read(8), "little")
    if size > min(MAX_HEADER, whole - 8):
        raise BrokenFile(f"has a header of {size:,} bytes, and is {whole:,} long")
    try:
        header = json.loads(file.read(size), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BrokenFile(f"has a header that is no JSON ({str(error)[:100]})") from None
    if not isinstance(header, dict):
        raise BrokenFile("has a header that is no object")
    room = whole - 8 - size
    found = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape, start, end = _entry(name, entry)
        due = dtypes.width(dtype)
        for axis in shape:
            due *= axis
        if not 0 <= start <= end <= room or end - start != due:
            raise BrokenFile(f"has {name[:100]} of {due:,} bytes at {start:,} to {end:,} of {room:,}")
        reading = partial(_raw, path, 8 + size + start, end - start, dtype, shape)
        found.append((start, Weight(name, shape, dtype, reading)))
    return StateFile(path, "safetensors", tuple(weight for _, weight in found), {})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    try:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise BrokenFile(f"says of {name[:100]} neither type, shape nor place") from None
    known = dtypes.SAFETENSORS.get(dtype) if isinstance(dtype, str) else None
    if known is None:
        raise BrokenFile(f"has {name[:100]} of an unknown type {str(dtype)[:30]!r}")
    if not isinstance(shape, list) or not all(_is_size(size) for size in [*shape, start, end]):
        raise BrokenFile(f"has {name[:100]} of an impossible shape or place")
    return known, tuple(shape), start, end


def _is_size(size: Any) -> bool:
    return type(size) is int and 0 <= size < 1 << 62


def _raw(path: str, at: int, length: int, dtype: str, shape: tuple[int, ...]) -> Any:
    with open_regular(path) as file:
        file.seek(at)
        return dtypes.array(file.read(length), dtype, shape, dtypes.dense(shape))


# -- torch.save -----------------------------------------------------------------------------


def _zipped(path: str) -> StateFile:
    with Archive(path) as archive:
        if "data.pkl" not in archive:
            models = any(name.startswith("models/") for name in archive.members)
            kind = (
                "an exported program (.pt2)" if models else "an archive without data.pkl, not of torch.save"
            )
            raise BrokenFile(f"holds no weights alone: it is {kind}")
        script = any(name.startswith("code/") for name in archive.members)
        order = ">" if archive.members.get("byteorder") and archive.read("byteorder", 64) == b"big" else "<"
        root = scan(archive.read("data.pkl"))
        place = partial(_in_archive, path, order)
        sizes = {name: info.file_size for name, info in archive.members.items()}
        return _gathered(path, "TorchScript" if script else "torch.save", root, place, sizes)


def _in_archive(path: str, order: str, record: TensorRecord) -> Any:
    with Archive(path) as archive:
        return from_archive(archive, f"data/{record.storage.key}", record, order)


def from_archive(archive: Archive, member: str, record: TensorRecord, order: str = "<") -> Any:
    """The values of a tensor whose storage is a member of an archive.

    Raises:
        ValueError: it is damaged or cut short.
    """
    item = dtypes.width(record.dtype)
    length = dtypes.span(record.shape, record.strides) * item
    data = archive.read(member, 1 << 40, record.offset * item, length)
    return dtypes.array(data, record.dtype, record.shape, record.strides, order)


def _old(path: str, file: IO[bytes]) -> StateFile:
    file.seek(0)
    found = legacy(file)
    return _gathered(
        path, "torch.save (before PyTorch 1.6)", found.root, partial(_in_legacy, path, found), None
    )


def _in_legacy(path: str, found: Legacy, record: TensorRecord) -> Any:
    at, count = found.places.get(record.storage.key, (0, 0))
    item = dtypes.width(record.dtype)
    length = dtypes.span(record.shape, record.strides)
    if record.offset + length > count:
        raise ValueError(f"storage {record.storage.key} of the file is cut short")
    with open_regular(path) as file:
        file.seek(at + record.offset * item)
        data = file.read(length * item)
    return dtypes.array(data, record.dtype, record.shape, record.strides, found.order)


def _gathered(
    path: str, kind: str, root: Any, place: Callable[[TensorRecord], Any], sizes: Mapping[str, int] | None
) -> StateFile:
    """The tensors in nested containers, by dotted names; optimizers' states stay out of it."""
    unknown: dict[str, int] = {}
    found: list[Weight] = []
    first: dict[Any, str] = {}
    seen: set[int] = set()
    stack: list[tuple[str, Any, Any]] = [("", root, None)]
    while stack:
        name, value, learned = stack.pop()
        if isinstance(value, TensorRecord):
            if len(found) >= _MAX_TENSORS:
                raise BrokenFile(f"has more than {_MAX_TENSORS:,} tensors")
            _check(name, value, sizes)
            key = (value.storage.key, value.offset, value.shape, value.strides, value.dtype)
            before = first.setdefault(key, name)
            found.append(
                Weight(
                    name or "tensor",
                    value.shape,
                    value.dtype,
                    partial(place, value),
                    before if before != name else "",
                    value.learned if value.learned is not None else learned,
                )
            )
            continue
        if isinstance(value, dict | list | tuple | Foreign):
            if id(value) in seen:
                continue
            seen.add(id(value))
        if len(name) > _MAX_NAME:
            raise BrokenFile(f"has names of more than {_MAX_NAME:,} letters")
        if isinstance(value, Foreign):
            parts_of = list(_inside(name, value, learned))
            if not value.name.startswith(("__torch__", "torch.nn.")) and not _is_module(value):
                unknown[value.name] = unknown.get(value.name, 0) + 1
            stack.extend(parts_of)
        elif isinstance(value, dict) and "param_groups" in value and "state" in value:
            unknown["state of an optimizer"] = unknown.get("state of an optimizer", 0) + 1
        elif isinstance(value, dict):
            parts = [(str(key), part) for key, part in value.items()]
            stack.extend((f"{name}.{key}" if name else key, part, learned) for key, part in reversed(parts))
        elif isinstance(value, list | tuple):
            parts = [(str(number), part) for number, part in enumerate(value)]
            stack.extend((f"{name}.{key}" if name else key, part, learned) for key, part in reversed(parts))
    if not found:
        objects = f"; it holds {', '.join(list(unknown)[:5])}" if unknown else ""
        raise BrokenFile(f"of {kind} holds no tensors{objects}")
    return StateFile(path, kind, tuple(found), unknown)


def _inside(name: str, value: Foreign, learned: bool | None) -> Iterator[tuple[str, Any, Any]]:
    """What an object holds; of a module the dictionaries that ``torch.nn.Module`` keeps its tensors in."""
    state = value.state
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict | None):
        state = {**(state[0] or {}), **(state[1] if isinstance(state[1], dict) else {})}
    if not isinstance(state, dict):
        if state is not None:
            yield name, state, learned
        yield from ((name, part, learned) for part in value.arguments)
        return
    if _is_module(value):
        kinds = (("_modules", learned), ("_buffers", False), ("_parameters", True))
        for key, kind in kinds:
            inner = state.get(key)
            for part_name, part in reversed(list(inner.items()) if isinstance(inner, dict) else []):
                path = f"{name}.{part_name}" if name else str(part_name)
                yield path, part, kind
        return
    for key, part in reversed(list(state.items())):
        yield f"{name}.{key}" if name else str(key), part, learned


def _is_module(value: Foreign) -> bool:
    state = value.state
    return isinstance(state, dict) and "_parameters" in state and "_modules" in state


def _check(name: str, record: TensorRecord, sizes: Mapping[str, int] | None) -> None:
    if not all(_is_size(size) for size in (*record.shape, *record.strides, record.offset)):
        raise BrokenFile(f"has {name[:100]} of an impossible shape")
    if len(record.shape) != len(record.strides) or len(record.shape) > 64:
        raise BrokenFile(f"has {name[:100]} of an impossible shape")
    need = record.offset + dtypes.span(record.shape, record.strides)
    if need > max(record.storage.size, 0):
        raise BrokenFile(f"has {name[:100]} that reaches beyond its storage")
    if sizes is not None:
        member = f"data/{record.storage.key}"
        if member not in sizes and f"constants/{record.storage.key}" not in sizes:
            raise BrokenFile(f"lacks the values of {name[:100]}")
        if member in sizes and need * dtypes.width(record.dtype) > sizes[member]:
            raise BrokenFile(f"is cut short at {name[:100]}")
