"""Damages files of weights and programs, and sees that every reader answers with one message.

    python -m tests.importers.torch.mutations 20000 model.pt2 model.safetensors model.pth

Bytes are changed as they lie, and within the members of an archive, which is then put together again, so that
the damage reaches the reader behind the checksums; in JSON also whole values.
"""

from __future__ import annotations

import collections
import json
import random
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

NUMBERS = (0, 1, -1, 2, 255, 1 << 16, 1 << 31, 1 << 32, 1 << 62, 1 << 63, 10**30, -(1 << 63))
VALUES: tuple[Any, ...] = (None, True, False, "", "x", "conv", [], {}, [[]], 1.5, float("inf"), *NUMBERS)


def bytes_changed(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, cut, doubled or moved."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(found) or 1)
        kind = rng.randrange(6)
        if not found:
            break
        if kind == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            number = rng.choice(NUMBERS) % (1 << 64)
            found[at : at + 8] = number.to_bytes(8, "little")[: rng.choice((1, 2, 4, 8))]
        elif kind == 3:
            del found[at : at + rng.choice((1, 2, 8, 100, len(found)))]
        elif kind == 4:
            found[at:at] = found[at : at + rng.choice((1, 4, 64))]
        else:
            other = rng.randrange(len(found))
            found[at : at + 4] = found[other : other + 4]
    return bytes(found)


def json_changed(text: bytes, rng: random.Random) -> bytes:
    """A value of a JSON text in another's place, another value, or none."""
    tree = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        spots = list(_spots(tree))
        if not spots:
            break
        holder, key = rng.choice(spots)
        kind = rng.randrange(4)
        if kind == 0:
            holder[key] = rng.choice(VALUES)
        elif kind == 1:
            other, name = rng.choice(spots)
            holder[key] = json.loads(json.dumps(other[name]))
        elif kind == 2 and isinstance(holder, dict):
            del holder[key]
        elif isinstance(holder[key], int) and not isinstance(holder[key], bool):
            holder[key] += rng.choice((-1, 1, 7, 1 << 40))
        else:
            holder[key] = [holder[key]] * rng.choice((0, 2, 3))
    return json.dumps(tree).encode()


def _spots(tree: Any) -> Iterator[tuple[Any, Any]]:
    stack = [tree]
    while stack:
        one = stack.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            yield one, key
            if isinstance(one[key], dict | list):
                stack.append(one[key])


def changed(data: bytes, rng: random.Random) -> bytes:
    """A damaged file."""
    if data[:2] == b"PK" and rng.random() < 0.7:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        told = [name for name in members if name.endswith((".json", ".pkl"))]
        name = rng.choice(told if told and rng.random() < 0.9 else list(members))
        is_json = name.endswith(".json") and rng.random() < 0.8
        members[name] = json_changed(members[name], rng) if is_json else bytes_changed(members[name], rng)
        out = BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return out.getvalue()
    if data[8:9] == b"{" and rng.random() < 0.7:
        size = int.from_bytes(data[:8], "little")
        header = json_changed(data[8 : 8 + size], rng)
        return len(header).to_bytes(8, "little") + header + data[8 + size :]
    return bytes_changed(data, rng)


def answer(path: Path) -> str:
    """What the reader of a file says: ``read`` or ``refused``; anything else is a fault and is raised."""
    from convcalc.calculators.count.report import analyze
    from convcalc.importers.torch import pt2, state
    from convcalc.spec.errors import SpecError

    try:
        if path.suffix == ".pt2":
            analyze(pt2.read(path))
        else:
            found = state.read(path)
            assert found.params >= 0
            for weight in found.tensors:
                try:
                    weight.read()
                except ValueError:
                    return "values refused"
    except SpecError as error:
        assert len(error.problems) == 1
        assert len(str(error)) < 4000
        return "refused"
    return "read"


def main(count: int, names: list[str]) -> int:
    """Try each file so many times; one line a file."""
    worst = 0
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    for name in names:
        whole = Path(name).read_bytes()
        tally: collections.Counter[str] = collections.Counter()
        slow = 0.0
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"file{Path(name).suffix}"
            for seed in range(count):
                path.write_bytes(changed(whole, random.Random(seed)))
                start = time.process_time()
                try:
                    tally[answer(path)] += 1
                except Exception as error:
                    at = error.__traceback__
                    while at is not None and at.tb_next is not None:
                        at = at.tb_next
                    place = f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}" if at else ""
                    kind = f"FAULT {type(error).__name__} at {place}: {str(error)[:80]}"
                    if kind not in tally:
                        print(f"  seed {seed}: {kind}", flush=True)
                    tally[kind] += 1
                    worst = 1
                slow = max(slow, time.process_time() - start)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{name}: {dict(tally)}; slowest {slow:.2f} s, {memory} MB", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
