"""Broken ONNX files: ``python -m tests.importers.onnx.broken --count 20000 --seed 1`` mutates and reads them.

What is refused is refused in one `SpecError` with the byte; what is read is what the ``onnx`` package reads.
Nothing takes a second or 200 MB. The number of a find repeats it.
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

from convcalc.importers.onnx.model import Function, Graph, Model, Node
from convcalc.importers.onnx.tensors import SparseTensor, Tensor
from convcalc.importers.onnx.wire import Wire
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
        if isinstance(one, Graph):
            waiting += [*one.nodes, *one.initializers.values(), *one.sparse_initializers.values()]
            seen += sum(value.type is not None for value in (*one.inputs, *one.outputs, *one.values.values()))
            assert one.annotations is not None
        elif isinstance(one, Function):
            waiting += [*one.nodes, *(a.value for a in one.defaults.values())]
        elif isinstance(one, Node):
            assert one.metadata is not None
            waiting += [attribute.value for attribute in one.attributes.values()]
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


def mutated(count: int, seed: int, first: int = 0) -> list[str]:
    """Read so many mutated files; what was found wrong with the reader, with the number of the file."""
    starts, finds = seeds(), []
    for number in range(first, first + count):
        draw = random.Random(f"{seed}/{number}")
        data = mutate(draw.choice(starts), draw)
        begin = time.perf_counter()
        try:
            message = problem(data)
        except Exception as error:
            finds.append(f"{number}: {type(error).__name__}: {error}")
            continue
        if (took := time.perf_counter() - begin) > SECONDS:
            finds.append(f"{number}: {took:.1f} s")
        if message is not None:
            place = re.match(r"it\.onnx: byte ([\d,]+): ", message)
            if place is None or int(place[1].replace(",", "")) > len(data) or "Traceback" in message:
                finds.append(f"{number}: {message}")
            continue
        try:
            same_model(Model(Wire(data, "it.onnx")), onnx.ModelProto.FromString(data))
        except (AssertionError, DecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
            finds.append(f"{number}: read otherwise than by onnx: {type(error).__name__} {error}"[:400])
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
