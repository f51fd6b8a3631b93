"""Broken ONNX files: ``python -m tests.importers.onnx.broken --count 20000 --seed 1`` mutates and reads them.

What is refused is refused in one `SpecError` with the byte; what is read is what the ``onnx`` package reads,
and is said by layers, or refused in the same way. Nothing takes a second or 200 MB. The number of a find
repeats it.
"""

from __future__ import annotations

import argparse
import random
import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from convcalc.importers.onnx import schema
from convcalc.importers.onnx.model import Attribute, Function, Graph, Model, Node, ValueInfo
from convcalc.importers.onnx.tensors import SparseTensor, Tensor
from convcalc.importers.onnx.translate import translate
from convcalc.importers.onnx.wire import Wire, pairs
from convcalc.spec.errors import SpecError
from tests.importers.onnx.witness import same_model

SECONDS = 1.0
BYTES = 200e6


def problem(data: bytes) -> str | None:
    """What is wrong with a file, all of it looked at; None where nothing is."""
    try:
        look_at_all(Model(Wire(data, "it.onnx")))
    except SpecError as error:
        assert len(error.problems) == 1
        return str(error)
    return None


def look_at_all(model: Model) -> int:
    """Ask for everything in a model; how many records there were."""
    seen = 0
    waiting: list[Any] = [model.graph, *model.functions.values()]
    for training in model.training:
        waiting += [training.initialization, training.algorithm]
    assert isinstance(model.metadata, dict)
    assert isinstance(model.doc, str)
    while waiting:
        one = waiting.pop()
        seen += 1
        for name in ("metadata", "doc"):
            assert getattr(one, name, "") is not None
        if isinstance(one, Graph):
            waiting += [*one.nodes, *one.initializers.values(), *one.sparse_initializers.values()]
            waiting += [*one.inputs, *one.outputs, *one.values.values()]
            assert one.annotations is not None
        elif isinstance(one, Function):
            waiting += [*one.nodes, *one.defaults.values(), *one.values.values()]
        elif isinstance(one, Node):
            waiting += one.attributes.values()
        elif isinstance(one, Attribute):
            waiting.append(one.value)
        elif isinstance(one, ValueInfo):
            assert one.type is not None
        elif isinstance(one, Tensor):
            if one.stored and one.external is None and one.dtype != "undefined" and one.dtype[:5] != "type ":
                assert one.array().shape == one.dims
                one.values()
        elif isinstance(one, SparseTensor):
            waiting += [one.stored_values, one.indices]
            one.array()
        elif isinstance(one, tuple) and one and not isinstance(one[0], (int, float, str)):
            waiting += one
    return seen


def seeds() -> list[bytes]:
    """Small models to start from: whole networks, single operators, functions, sequences, all types."""
    folder = Path(onnx.__file__).parent
    found = [path.read_bytes() for path in sorted(folder.rglob("*.onnx"))]
    return [data for data in found if len(data) < 20_000]


def mutate(data: bytes, draw: random.Random) -> bytes:
    """A few changes: bits, bytes, numbers that are lengths, parts cut, doubled, moved, zeroed."""
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        size = len(found)
        at = draw.randrange(size + 1)
        more = min(size, at + draw.choice((1, 2, 4, 16, 200)))
        way = draw.randrange(9)
        if way == 0 and at < size:
            found[at] ^= 1 << draw.randrange(8)
        elif way == 1 and at < size:
            found[at] = draw.choice((0, 1, 2, 8, 10, 18, 34, 42, 58, 127, 128, 255, draw.randrange(256)))
        elif way == 2:
            del found[at:]
        elif way == 3:
            del found[at:more]
        elif way == 4:
            found[at:at] = found[at:more]
        elif way == 5:
            found[at:at] = draw.randbytes(draw.choice((1, 3, 10)))
        elif way == 6:
            found[at:more] = bytes(more - at)
        elif way == 7:
            found[at:at] = b"\xff" * draw.choice((1, 4, 8, 9, 10)) + b"\x01"
        else:
            other = draw.randrange(size + 1)
            found[other:other] = found[at:more]
    return bytes(found)


def varint(number: int) -> bytes:
    """A number as the format writes it."""
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


NESTED = {  # which field of a message holds which message
    "ModelProto": {
        7: "GraphProto",
        8: "OperatorSetIdProto",
        25: "FunctionProto",
        14: "StringStringEntryProto",
    },
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto", 11: "ValueInfoProto"}
    | {12: "ValueInfoProto", 13: "ValueInfoProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {5: "TensorProto", 6: "GraphProto", 14: "TypeProto", 22: "SparseTensorProto"},
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "ValueInfoProto": {2: "TypeProto"},
    "TypeProto": {1: "Tensor", 4: "Sequence", 9: "Sequence", 5: "Map", 8: "Tensor"},
    "Tensor": {2: "TensorShapeProto"},
    "Sequence": {1: "TypeProto"},
    "Map": {2: "TypeProto"},
    "TensorShapeProto": {1: "Dimension"},
}


def fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a message that is whole: the tag, and the content as bytes or a number."""
    found: list[tuple[int, Any]] = []
    wire, at = Wire(data, "it"), 0
    while at < len(data):
        tag, at = wire.varint(at, len(data))
        if tag & 7 == 0:
            value, at = wire.varint(at, len(data))
            found.append((tag, value))
            continue
        size = {1: 8, 5: 4}.get(tag & 7)
        if size is None:
            size, at = wire.varint(at, len(data))
        found.append((tag, data[at : at + size]))
        at += size
    return found


class Noting(Wire):
    """Notes where one alternative of a type replaces another, which is then never looked into."""

    replaced = False

    def decode(self, spans: Any, one: Any, depth: int = 0) -> dict[str, Any]:
        if one is schema.TYPE:
            inside = {tag >> 3 for start, end in pairs(spans) for tag, _ in fields(self.data[start:end])}
            self.replaced |= len(inside & {1, 4, 5, 7, 8, 9}) > 1
        return super().decode(spans, one, depth)


def mutate_inside(data: bytes, kind: str, draw: random.Random) -> bytes:
    """A change somewhere inside, with all lengths around it set right."""
    parts = fields(data)
    inner = [i for i, (tag, _) in enumerate(parts) if tag & 7 == 2 and tag >> 3 in NESTED.get(kind, ())]
    if inner and draw.random() < 0.85:
        index = draw.choice(inner)
        tag, content = parts[index]
        parts[index] = tag, mutate_inside(content, NESTED[kind][tag >> 3], draw)
    elif parts:
        index = draw.randrange(len(parts))
        tag, content = parts[index]
        way = draw.randrange(6)
        if way == 0:
            del parts[index]
        elif way == 1:
            parts.insert(draw.randrange(len(parts) + 1), parts[index])
        elif way == 2:
            parts[index] = draw.randrange(1, 30) << 3 | tag & 7, content
        elif isinstance(content, int):
            large = (
                0,
                1,
                2,
                3,
                7,
                8,
                127,
                128,
                255,
                1 << 31,
                (1 << 31) - 1,
                1 << 32,
                1 << 40,
                1 << 62,
                1 << 63,
                -1,
            )
            parts[index] = tag, draw.choice(large)
        elif tag & 7 == 2:
            parts[index] = tag, mutate(content, draw)
        else:
            parts[index] = tag, draw.randbytes(len(content))
    found = b""
    for tag, content in parts:
        found += varint(tag)
        if isinstance(content, int):
            found += varint(content)
        else:
            found += (varint(len(content)) if tag & 7 == 2 else b"") + content
    return found


def mutated(count: int, seed: int, first: int = 0) -> list[str]:
    """Read so many mutated files; what was found wrong with the reader, with the number of the file."""
    starts, finds = seeds(), []
    for number in range(first, first + count):
        draw = random.Random(f"{seed}/{number}")
        data = draw.choice(starts)
        if draw.random() < 0.8:
            for _ in range(draw.choice((1, 1, 2, 4))):
                try:
                    data = mutate_inside(data, "ModelProto", draw)
                except (SpecError, KeyError, MemoryError):  # no longer whole
                    break
        else:
            data = mutate(data, draw)
        begin = time.process_time()
        try:
            message = problem(data)
        except Exception as error:
            finds.append(f"{number}: {type(error).__name__}: {error}")
            continue
        if (took := time.process_time() - begin) > SECONDS:
            finds.append(f"{number}: {took:.1f} s")
        if message is not None:
            place = re.match(r"it\.onnx: byte ([\d,]+): ", message)
            if place is None or int(place[1].replace(",", "")) > len(data) or "Traceback" in message:
                finds.append(f"{number}: {message}")
            continue
        wire = Noting(data, "it.onnx")
        ours = Model(wire)
        look_at_all(ours)
        if "configuration" in ours._fields or any(n.sharded for g in ours.graphs() for n in g.nodes):
            continue  # where it runs, which is not looked into
        try:
            same_model(ours, onnx.ModelProto.FromString(data))
        except DecodeError as error:
            if not wire.replaced:
                finds.append(f"{number}: refused by onnx alone: {error}")
        except (AssertionError, UnicodeDecodeError, ValueError, TypeError) as error:
            finds.append(f"{number}: read otherwise than by onnx: {type(error).__name__} {error}"[:400])
        try:
            translate(ours)
        except SpecError as error:
            if len(str(error)) > 2000:
                finds.append(f"{number}: {len(str(error)):,} letters")
        except Exception as error:
            finds.append(f"{number}: in layers: {type(error).__name__}: {error}"[:400])
    return finds


def main() -> int:
    """Run as many as were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--memory", action="store_true", help="measure what each takes, which is slow")
    arguments = parser.parse_args()
    start, finds, peak = time.perf_counter(), [], 0
    if arguments.memory:
        tracemalloc.start()
    for first in range(arguments.first, arguments.first + arguments.count, 100):
        last = min(first + 100, arguments.first + arguments.count)
        finds += mutated(last - first, arguments.seed, first)
        if arguments.memory:
            peak = max(peak, tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
    if peak > BYTES:
        finds.append(f"a peak of {peak:,} bytes")
    print("\n".join(finds[:50]))
    print(f"{arguments.count:,} files in {time.perf_counter() - start:.0f} s: {len(finds)} finds")
    return 1 if finds else 0


if __name__ == "__main__":
    raise SystemExit(main())
