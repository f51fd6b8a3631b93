"""Devices as they are declared in ``convcalc/devices``, or in a file of one's own: peaks and bandwidths."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from convcalc.calculators.amounts import LimitError, amount
from convcalc.calculators.answers import Unreachable, did_you_mean
from convcalc.calculators.count.memory import ALIASES
from convcalc.records import Record
from convcalc.spec.document.yamlnodes import Mapping as Entries
from convcalc.spec.document.yamlnodes import Node, Scalar, compose
from convcalc.spec.errors import nearest_name
from convcalc.spec.source import Source

_FOLDER: Final = os.path.join(os.path.dirname(__file__), "..", "..", "devices")
ENDINGS: Final = (".yaml", ".yml")
MAX_FILE: Final = 1_000_000
"""Longest file of a device, in bytes."""

TYPES: Final[dict[str, int]] = {
    "float64": 64, "float32": 32, "bfloat16": 16, "float16": 16, "int32": 32, "int16": 16, "int8": 8,
    "int4": 4,
}  # fmt: skip
"""Number types that a peak may be of, with their bits."""


@dataclass(frozen=True)
class Peak(Record):
    """The most operations a second that a device can do in a number type.

    Attributes:
        name: what it is called; the number type where there is one peak of it.
        type: the number type.
        rate: operations a second; a multiply-accumulate is two.
        source: where that is said.
    """

    KEYS = "name type rate source?"

    name: str
    type: str
    rate: int
    source: str = ""


@dataclass(frozen=True)
class Bandwidth(Record):
    """The most bytes a second that move between a memory and what computes.

    Attributes:
        name: of the memory.
        rate: bytes a second.
        source: where that is said.
    """

    KEYS = "name rate source?"

    name: str
    rate: int
    source: str = ""


@dataclass(frozen=True)
class Device(Record):
    """What a device can do at most.

    Attributes:
        name: as ``--device`` takes it.
        title: what it is called.
        kind: such as ``GPU`` or ``microcontroller``.
        source: the data sheet.
        peaks: by name, in the order of the file.
        bandwidths: by name; the first is that of the memory that holds tensors unless another is chosen.
        memory: bytes of its memories: ``ram``, ``flash``.
    """

    KEYS = "name title kind? source? memory"

    name: str
    title: str
    kind: str
    source: str
    peaks: Mapping[str, Peak]
    bandwidths: Mapping[str, Bandwidth]
    memory: Mapping[str, int]

    def peak(self, name: str) -> Peak:
        """The peak of a number type, or of that name.

        Raises:
            Unreachable: there is none.
        """
        if name in self.peaks:
            return self.peaks[name]
        of_type = [one for one in self.peaks.values() if one.type == name]
        if of_type:
            return max(of_type, key=lambda one: one.rate)
        raise Unreachable(
            f"{self.name} has no peak for {name}",
            expected=f"one of {', '.join(self.peaks)}",
            field="dtype",
        )

    def integers(self, bits: int) -> Peak:
        """The fastest peak in numbers that hold so many bits.

        Raises:
            Unreachable: no number type of the device does.
        """
        wide = [one for one in self.peaks.values() if TYPES[one.type] >= bits]
        if not wide:
            raise Unreachable(
                f"{self.name} has no peak for numbers of {bits} bits",
                expected=f"one of {', '.join(self.peaks)}",
                field="bits",
            )
        return max(wide, key=lambda one: one.rate)

    def bandwidth(self, name: str | None = None) -> Bandwidth:
        """The bandwidth of a memory, the first by default.

        Raises:
            Unreachable: there is none of that name.
        """
        if name is None:
            return next(iter(self.bandwidths.values()))
        if name not in self.bandwidths:
            known = ", ".join(self.bandwidths)
            raise Unreachable(f"{self.name} has no bandwidth {name!r}", expected=f"one of {known}")
        return self.bandwidths[name]


def names() -> tuple[str, ...]:
    """The devices that are declared, by name."""
    files = os.listdir(_FOLDER)
    return tuple(sorted(file[: -len(ENDINGS[0])] for file in files if file.endswith(ENDINGS[0])))


def device(name: str | os.PathLike[str]) -> Device:
    """A device by name, or of a YAML file.

    Raises:
        Unreachable: there is none of that name; the message names those that are.
        SpecError: its file is not well-formed; the message shows the place.
        OSError: its file cannot be read.
    """
    text = os.fspath(name)
    if text.lower() in names():
        return _declared(text.lower())
    if not text.lower().endswith(ENDINGS):
        raise Unreachable(
            f"no device {text!r}{did_you_mean(text.lower(), names())}",
            expected=f"one of {', '.join(names())}, or a file that ends in .yaml",
            field="device",
        )
    from convcalc.files import open_regular

    with open_regular(text) as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise Unreachable(f"{text} is too long for a device", expected=f"at most {MAX_FILE} bytes")
    try:
        written = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise Unreachable(f"{text} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    return read(Source(text, written), os.path.basename(text).rpartition(".")[0])


@lru_cache(maxsize=32)
def _declared(name: str) -> Device:
    path = os.path.join(_FOLDER, f"{name}{ENDINGS[0]}")
    with open(path, encoding="utf-8") as file:
        return read(Source(path, file.read()), name)


def read(source: Source, name: str) -> Device:
    """A device of the text of its file.

    Raises:
        SpecError: it is not well-formed.
    """
    root = compose(source)
    if root is None:
        from convcalc.spec.errors import Problem, SpecError

        raise SpecError(
            Problem("a device without a word", file=source.name, expected="peaks: and bandwidths:")
        )
    keys = _entries(
        root,
        ("title", "kind", "source", "peaks", "bandwidths", "memory"),
        "a mapping with peaks: and bandwidths:",
    )
    for key in ("peaks", "bandwidths"):
        if key not in keys:
            raise root.fault(
                f"a device without {key}:",
                "peaks: {float32: 100G}" if key == "peaks" else "bandwidths: {memory: 25GB}",
            )
    peaks = {}
    for entry, node in _entries(keys["peaks"], None, "peaks by name, such as float32: 100G").items():
        told = _told(node, ("rate", "type", "source"))
        type = _type(told.get("type"), node, entry)
        peaks[entry] = Peak(entry, type, _rate(told["rate"], "count"), _text(told.get("source")))
    bandwidths = {}
    for entry, node in _entries(keys["bandwidths"], None, "bandwidths by name, such as memory: 25GB").items():
        told = _told(node, ("rate", "source"))
        bandwidths[entry] = Bandwidth(entry, _rate(told["rate"], "bytes"), _text(told.get("source")))
    sizes = (
        _entries(keys["memory"], ("ram", "flash"), "ram: and flash:, in bytes") if "memory" in keys else {}
    )
    memory = {entry: _rate(node, "bytes") for entry, node in sizes.items()}
    for key, found in (("peaks", peaks), ("bandwidths", bandwidths)):
        if not found:
            raise keys[key].fault(f"{key}: holds nothing", "at least one")
    texts = {key: _text(keys.get(key)) for key in ("title", "kind", "source")}
    return Device(name, texts["title"] or name, texts["kind"], texts["source"], peaks, bandwidths, memory)


def _entries(node: Node, known: tuple[str, ...] | None, expected: str) -> dict[str, Node]:
    """The entries of a mapping by key; each must be known where a tuple says which are."""
    if not isinstance(node, Entries):
        raise node.fault(f"{node.kind} stands here", expected)
    for key, (place, _) in node.entries.items():
        if known is not None and key not in known:
            raise place.fault(f"unknown key {key!r}", ", ".join(known), nearest_name(key, known))
    return {key: value for key, (_, value) in node.entries.items()}


def _told(node: Node, keys: tuple[str, ...]) -> dict[str, Node]:
    """What an entry says: a rate alone, or a mapping that has one."""
    if isinstance(node, Scalar):
        return {"rate": node}
    told = _entries(node, keys, f"a rate, or a mapping of {', '.join(keys)}")
    if "rate" not in told:
        raise node.fault("no rate: stands here", "rate: 100G")
    return told


def _text(node: Node | None) -> str:
    if node is None:
        return ""
    if not isinstance(node, Scalar):
        raise node.fault(f"{node.kind} stands here", "a text")
    return node.text.value


def _rate(node: Node, unit: str) -> int:
    try:
        value = amount(_text(node), unit)
    except LimitError as error:
        raise node.fault(str(error), error.hint) from None
    if type(value) is not int or value <= 0:
        raise node.fault(f"{_text(node)!r} is no whole number above 0", "such as 100G")
    return value


def _type(node: Node | None, peak: Node, name: str) -> str:
    """The number type of a peak: what it states, or its name."""
    text = name if node is None else _text(node)
    type = ALIASES.get(text, text)
    if type in TYPES:
        return type
    expected = ", ".join(TYPES)
    if node is not None:
        raise node.fault(f"unknown number type {text!r}", expected, nearest_name(text, TYPES))
    raise peak.fault(
        f"the peak {name!r} is named after no number type, and states none", f"type: with one of {expected}"
    )
