"""Small damages to texts and files."""

from __future__ import annotations

from random import Random

from tests.fuzz.grammar import NUMBERS, ODD


def text(value: str, random: Random) -> str:
    """A text with a few characters or words changed, doubled, moved or lost."""
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randint(0, len(value))
        to = min(len(value), at + random.choice((0, 1, 2, 8, 40)))
        kind = random.randrange(7)
        if kind == 0:
            value = value[:at] + value[to:]
        elif kind == 1:
            value = value[:at] + random.choice(ODD) + value[at:]
        elif kind == 2:
            value = value[:to] + value[at:to] * random.choice((1, 2, 50)) + value[to:]
        elif kind == 3:
            value = value[:at] + random.choice(NUMBERS) + value[to:]
        elif kind == 4:
            value = value[:at] + random.choice("([{") * random.choice((1, 60, 3000)) + value[at:]
        elif kind == 5:
            digits = [i for i, c in enumerate(value) if c.isdigit()]
            if digits:
                at = random.choice(digits)
                value = value[:at] + random.choice(NUMBERS) + value[at + 1 :]
        else:
            value = value[:at] + value[to:] + value[at:to]
        value = value[:20_000]
    return value


def data(value: bytes, random: Random) -> bytes:
    """Bytes with some changed, inserted, doubled, cut off or lost."""
    damaged = bytearray(value)
    for _ in range(random.choice((1, 1, 1, 3, 10))):
        at = random.randint(0, max(len(damaged) - 1, 0))
        kind = random.randrange(5)
        if kind == 0 and damaged:
            damaged[at] = random.randrange(256)
        elif kind == 1:
            damaged[at:at] = random.randbytes(random.choice((1, 4, 100)))
        elif kind == 2:
            del damaged[at : at + random.choice((1, 8, 200))]
        elif kind == 3:
            del damaged[at:]
        else:
            damaged[at : at + 8] = random.choice((b"\xff" * 8, b"\0" * 8, b"9" * 8, b"(99999,)"))
    return bytes(damaged)
