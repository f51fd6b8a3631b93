"""Archives and configurations of Keras with bytes or values changed: each is read, or refused in one message.

``python -m tests.importers.keras.fuzz 20000`` runs so many, and prints what came out and the slowest.
"""

from __future__ import annotations

import io
import json
import random
import resource
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import convcalc
from convcalc.importers.keras.files import looks_like, read
from convcalc.spec.errors import SpecError
from tests.importers.keras.models import DATA

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 10**6, 2**63, 10**30, -(10**9), 0.5, 1e308,
    "", "x", "valid", "same", "relu",
    "é\x1b[31m",
    [], [1], [0, 0], [None], [[1, 1], [1, 1]], {}, {"class_name": "Dense"},
    {"class_name": "__tuple__", "items": [1]},
    ["conv2d", 0, 0], ["x", 5, 5], "channels_first", [[[[]]]], "Dense", "LSTM",
    "Bidirectional", "keras.layers",
)  # fmt: skip


def places(tree: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every place of a tree: what holds it, and its key."""
    for key in tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        found.append((tree, key))
        places(tree[key], found)
    return found


def changed(text: str, rng: random.Random) -> str:
    """A configuration with some of its values replaced, left out, doubled or exchanged."""
    tree = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        found = places(tree, [])
        holder, key = rng.choice(found)
        action = rng.randrange(5)
        if action == 0:
            del holder[key]
        elif action == 1 and isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(holder[key])))
        elif action == 2:
            other, place = rng.choice(found)
            holder[key] = (
                json.loads(json.dumps(other[place]))
                if place in (other if isinstance(other, dict) else range(len(other)))
                else 7
            )
        else:
            holder[key] = json.loads(json.dumps(rng.choice(STRANGE)))
    return json.dumps(tree)


def torn(data: bytes, rng: random.Random) -> bytes:
    """Bytes with some changed, cut or doubled."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(found))
        action = rng.randrange(4)
        if action == 0:
            found[at] = rng.randrange(256)
        elif action == 1:
            found[at : at + rng.choice((1, 4, 100))] = b""
        elif action == 2:
            found[at:at] = found[at : at + 8]
        else:
            found[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
        if not found:
            return b"P"
    return bytes(found)


def cases(seed: int) -> Any:
    """Draws of a file: an archive with its bytes or its configuration changed, or a text."""
    sources = [path.read_bytes() for path in sorted(DATA.glob("*.keras"))]
    texts = [zipfile.ZipFile(io.BytesIO(data)).read("config.json").decode() for data in sources]
    rng = random.Random(seed)
    while True:
        kind = rng.randrange(4)
        number = rng.randrange(len(sources))
        if kind == 0:
            data = sources[number]
            head = rng.randrange(2)  # weights stand at the end, and are most of it
            yield torn(data[: 12_000 if head else None], rng) + (data[12_000:] if head else b"")
        elif kind == 1:
            yield torn(texts[number].encode(), rng)
        elif kind == 2:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", rng.choice((0, zipfile.ZIP_DEFLATED))) as archive:
                archive.writestr("config.json", changed(texts[number], rng))
                archive.writestr("metadata.json", rng.choice(("{}", "[", '{"keras_version": 3}')))
            yield packed.getvalue()
        else:
            yield changed(texts[number], rng).encode()


def main(many: int, seed: int = 0) -> Counter[str]:
    """Read so many; whatever is no refusal in words ends it."""
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        draws = cases(seed)
        for number in range(many):
            data = next(draws)
            path.write_bytes(data)
            start = time.perf_counter()
            try:
                looks_like(data[:4096])
                graph = read(path)
                convcalc.analyze(graph).totals  # noqa: B018
                outcomes["read"] += 1
            except SpecError as error:
                text = str(error)
                assert len(error.problems) == 1 and "\x1b" not in text and len(text) < 2000, text
                outcomes["refused"] += 1
            except OSError as error:
                assert error.filename is not None
                outcomes["no file"] += 1
            except BaseException:
                Path("/tmp/fuzzed.bin").write_bytes(data)
                print("number", number, file=sys.stderr)
                raise
            slowest = max(slowest, time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(dict(outcomes), f"slowest {slowest:.2f} s, {memory} MB")
    return outcomes


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
