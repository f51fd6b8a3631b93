"""A scanner of the pickles that ``torch.save`` writes: tensors, containers and numbers; nothing is called.

A pickle is a program for a machine with a stack. This one builds lists, tuples, dictionaries and numbers,
knows how tensors are put together of storages, and takes whatever else the program names for a symbol: no
name is imported, no function called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import IO, Any, Final, NamedTuple

from convcalc.importers.torch import dtypes
from convcalc.importers.torch.archive import BrokenFile

MAX_READ: Final = 1 << 28
"""Bytes that one string in a pickle may have."""

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_MARK: Final = object()
_PLAIN: Final = frozenset(
    {
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING", "BINSTRING",
        "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE",
        "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "FLOAT", "BINFLOAT",
    }
)  # fmt: skip


class Storage(NamedTuple):
    """Values in one row: where the file has them, their type and number."""

    key: str
    dtype: str
    size: int


@dataclass(frozen=True, eq=False)
class TensorRecord:
    """A tensor: a view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str
    learned: bool | None = None


class Symbol(NamedTuple):
    """A name that the pickle would import."""

    name: str


@dataclass(eq=False)
class Foreign:
    """An object that the pickle would make: what it would call, with what, and the state it would set."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None


class Legacy(NamedTuple):
    """A file from before PyTorch 1.6: the object, and for every storage its place and number of elements."""

    root: Any
    places: dict[str, tuple[int, int]]
    order: str


def scan(data: bytes | IO[bytes]) -> Any:
    """What a pickle describes; of a file the position is behind it afterwards.

    Raises:
        BrokenFile: it is no pickle, or one that no machine can follow.
    """
    machine = _Machine()
    try:
        return machine.run(BytesIO(data) if isinstance(data, bytes) else data)
    except BrokenFile:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError) as error:
        raise BrokenFile(f"is damaged in its pickle ({str(error)[:100] or type(error).__name__})") from None


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: IO[bytes]) -> Any:
        last = ""
        for opcode, given, _ in pickletools.genops(file):
            last = opcode.name
            if last in _PLAIN:
                self.stack.append(given)
            else:
                _STEPS[last](self, given)
        if last != "STOP" or len(self.stack) != 1 or self.stack[0] is _MARK:
            raise BrokenFile("ends before its pickle does")
        return self.stack[0]

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise BrokenFile("has a pickle out of step")
        return value

    def marked(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise BrokenFile("has a pickle out of step")
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def put(self, index: int | None) -> None:
        value = self.pop()
        self.stack.append(value)
        self.memo[len(self.memo) if index is None else index] = value

    def fill(self, parts: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(parts)
        elif isinstance(target, Foreign):
            if target.state is None:
                target.state = list(parts)
        else:
            raise BrokenFile("has a pickle out of step")

    def enter(self, parts: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Foreign):
            if not isinstance(target.state, dict):
                target.state = {}
            target = target.state
        if not isinstance(target, dict) or len(parts) % 2:
            raise BrokenFile("has a pickle out of step")
        for at in range(0, len(parts), 2):
            target[_key(parts[at])] = parts[at + 1]

    def call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(arguments, tuple | list):
            raise BrokenFile("has a pickle out of step")
        name = function.name if isinstance(function, Symbol) else type(function).__name__
        return _made(name, tuple(arguments))

    def build(self) -> None:
        state = self.pop()
        target = self.stack[-1]
        if isinstance(target, Foreign):
            target.state = state if not isinstance(target.state, dict | list) else target.state

    def persistent(self, given: Any) -> None:
        if not isinstance(given, tuple) or not given:
            raise BrokenFile("refers to something outside of it")
        if given[0] == "module" and len(given) > 1:  # a class with its source, before PyTorch 1.6
            self.stack.append(given[1])
            return
        if given[0] != "storage" or len(given) < 5 or not isinstance(given[1], Symbol):
            raise BrokenFile("refers to something outside of it")
        kind = given[1].name.rpartition(".")[2]
        dtype = dtypes.STORAGES.get(kind, "")
        if not dtype:
            raise BrokenFile(f"has a storage of unknown type {kind[:40]}")
        count, start = given[4], 0
        if len(given) > 5 and given[5] is not None:  # a view: (key, offset, size)
            raise BrokenFile("has a storage that is a view of another, as files before PyTorch 1.0")
        self.stack.append(Storage(str(given[2]), dtype, _int(count) + start))


def _key(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else f"<{type(value).__name__}>"


def _int(value: Any) -> int:
    if type(value) is not int:
        raise BrokenFile("has a tensor whose sizes are no numbers")
    return value


def _ints(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list):
        raise BrokenFile("has a tensor whose sizes are no numbers")
    return tuple(_int(size) for size in value)


def _tensor(arguments: tuple[Any, ...], dtype: str = "") -> TensorRecord:
    storage = arguments[0]
    if not isinstance(storage, Storage):
        raise BrokenFile("has a tensor without a storage")
    if dtype and dtype != storage.dtype:  # an untyped storage counts bytes
        storage = Storage(storage.key, dtype, storage.size // dtypes.width(dtype))
    learned = True if len(arguments) > 4 and arguments[4] is True else None
    return TensorRecord(
        storage, _int(arguments[1]), _ints(arguments[2]), _ints(arguments[3]), storage.dtype, learned
    )


def _made(name: str, arguments: tuple[Any, ...]) -> Any:
    """What a call would make, for the few functions that tensors and plain data are made by."""
    if name in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"):
        return _tensor(arguments)
    if name == "torch._utils._rebuild_tensor_v3":
        kind = arguments[6].name.rpartition(".")[2] if isinstance(arguments[6], Symbol) else ""
        return _tensor(arguments, kind)
    if name in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"):
        data = arguments[0]
        return replace(data, learned=True) if isinstance(data, TensorRecord) else data
    if name == "torch._tensor._rebuild_from_type_v2" and len(arguments) > 2:
        inner = arguments[0]
        if isinstance(inner, Symbol) and inner.name != name and isinstance(arguments[2], tuple):
            return _made(inner.name, arguments[2])
    if name in ("collections.OrderedDict", "collections.defaultdict", "builtins.dict", "__builtin__.dict"):
        pairs = next((part for part in arguments if isinstance(part, list)), [])
        return {_key(pair[0]): pair[1] for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2}
    if name == "torch.Size":
        return tuple(arguments[0]) if arguments and isinstance(arguments[0], list | tuple) else ()
    if name in ("torch.device", "_codecs.encode", "torch.serialization._get_layout"):
        return str(arguments[0])[:100] if arguments and isinstance(arguments[0], str) else None
    if name.rpartition(".")[2] in ("set", "frozenset", "complex", "slice", "bytearray", "range"):
        return list(arguments)
    return Foreign(name, arguments)


def _several(count: int) -> Callable[[_Machine, Any], None]:
    def step(m: _Machine, _: Any) -> None:
        parts = [m.pop() for _ in range(count)]
        m.stack.append(tuple(reversed(parts)))

    return step


def _symbol(m: _Machine, given: Any) -> None:
    module, _, name = str(given).partition(" ")
    m.stack.append(Symbol(f"{module}.{name}"[:300]))


def _stack_symbol(m: _Machine, _: Any) -> None:
    name, module = m.pop(), m.pop()
    m.stack.append(Symbol(f"{module}.{name}"[:300]))


def _reduce(m: _Machine, _: Any) -> None:
    arguments, function = m.pop(), m.pop()
    m.stack.append(m.call(function, arguments))


def _newobj_ex(m: _Machine, _: Any) -> None:
    m.pop()
    _reduce(m, None)


def _inst(m: _Machine, given: Any) -> None:
    arguments = m.marked()
    _symbol(m, given)
    m.stack.append(m.call(m.pop(), arguments))


def _obj(m: _Machine, _: Any) -> None:
    cls, *arguments = m.marked()
    m.stack.append(m.call(cls, arguments))


def _pairs(m: _Machine, _: Any) -> None:
    parts = m.marked()
    m.stack.append({})
    m.enter(parts)


def _one_item(m: _Machine, _: Any) -> None:
    value = m.pop()
    m.enter([m.pop(), value])


def _one_more(m: _Machine, _: Any) -> None:
    m.fill([m.pop()])


def _refuse(m: _Machine, _: Any) -> None:
    raise BrokenFile("has a pickle that needs a registry or buffers outside of it")


def _nothing(m: _Machine, _: Any) -> None:
    pass


def _push(make: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda m, _: m.stack.append(make())


_STEPS: Final[dict[str, Callable[[_Machine, Any], Any]]] = {
    "PROTO": _nothing,
    "FRAME": _nothing,
    "STOP": _nothing,
    "MARK": _push(lambda: _MARK),
    "POP": lambda m, _: m.stack.pop(),
    "POP_MARK": lambda m, _: m.marked(),
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "NONE": _push(lambda: None),
    "NEWTRUE": _push(lambda: True),
    "NEWFALSE": _push(lambda: False),
    "EMPTY_LIST": _push(list),
    "EMPTY_SET": _push(list),
    "EMPTY_TUPLE": _push(tuple),
    "EMPTY_DICT": _push(dict),
    "LIST": lambda m, _: m.stack.append(m.marked()),
    "FROZENSET": lambda m, _: m.stack.append(m.marked()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.marked())),
    "TUPLE1": _several(1),
    "TUPLE2": _several(2),
    "TUPLE3": _several(3),
    "DICT": _pairs,
    "APPEND": _one_more,
    "APPENDS": lambda m, _: m.fill(m.marked()),
    "ADDITEMS": lambda m, _: m.fill(m.marked()),
    "SETITEM": _one_item,
    "SETITEMS": lambda m, _: m.enter(m.marked()),
    "GET": lambda m, given: m.stack.append(m.memo[given]),
    "BINGET": lambda m, given: m.stack.append(m.memo[given]),
    "LONG_BINGET": lambda m, given: m.stack.append(m.memo[given]),
    "PUT": lambda m, given: m.put(given),
    "BINPUT": lambda m, given: m.put(given),
    "LONG_BINPUT": lambda m, given: m.put(given),
    "MEMOIZE": lambda m, _: m.put(None),
    "GLOBAL": _symbol,
    "STACK_GLOBAL": _stack_symbol,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "INST": _inst,
    "OBJ": _obj,
    "BUILD": lambda m, _: m.build(),
    "BINPERSID": lambda m, _: m.persistent(m.pop()),
    "PERSID": _refuse,
    "EXT1": _refuse,
    "EXT2": _refuse,
    "EXT4": _refuse,
    "NEXT_BUFFER": _refuse,
    "READONLY_BUFFER": _refuse,
}


@dataclass
class _Bounded:
    """A file whose reads are as long as what is there: no length in the file asks for more."""

    file: IO[bytes]
    end: int = field(default=0)

    def read(self, size: int = -1) -> bytes:
        left = self.end - self.file.tell()
        if size < 0 or size > min(left, MAX_READ):
            raise BrokenFile("is cut short, or is no pickle of torch.save")
        return self.file.read(size)

    def readline(self) -> bytes:
        return self.file.readline(1 << 16)

    def tell(self) -> int:
        return self.file.tell()


def legacy(file: IO[bytes]) -> Legacy:
    """The object of a file from before PyTorch 1.6: five pickles, then the storages one after the other.

    Raises:
        BrokenFile: it is none, or a damaged one.
    """
    import os

    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    bounded: Any = _Bounded(file, end)
    if scan(bounded) != _MAGIC:
        raise BrokenFile("is a pickle, but none of torch.save; no pickle is executed here")
    if scan(bounded) != _PROTOCOL:
        raise BrokenFile("is of torch.save with an unknown protocol")
    system = scan(bounded)
    order = ">" if isinstance(system, dict) and system.get("little_endian") is False else "<"
    machine = _Storages()
    try:
        root = machine.run(bounded)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError) as error:
        if isinstance(error, BrokenFile):
            raise
        raise BrokenFile(f"is damaged in its pickle ({str(error)[:100] or type(error).__name__})") from None
    keys = scan(bounded)
    if not isinstance(keys, list):
        raise BrokenFile("has no list of storages")
    places: dict[str, tuple[int, int]] = {}
    at = file.tell()
    for key in keys:
        storage = machine.storages.get(str(key))
        file.seek(at)
        count = int.from_bytes(file.read(8), "little" if order == "<" else "big")
        length = count * dtypes.width(storage.dtype if storage else "uint8")
        if storage is None or at + 8 + length > end:
            raise BrokenFile("is cut short at its storages")
        places[storage.key] = (at + 8, count)
        at += 8 + length
    return Legacy(root, places, order)


class _Storages(_Machine):
    """The machine that remembers the storages it met."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[str, Storage] = {}

    def persistent(self, given: Any) -> None:
        super().persistent(given)
        if isinstance(self.stack[-1], Storage):
            self.storages[self.stack[-1].key] = self.stack[-1]
