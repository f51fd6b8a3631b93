"""Programs that were damaged: pieces cut out, doubled, exchanged, put in."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any, Final

from tests.importers.source import keras_texts
from tests.importers.source.texts import TEXTS

PIECES: Final = (
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "=",
    "+",
    "*",
    "**",
    "-",
    "/",
    "//",
    "%",
    "@",
    "->",
    "\n",
    "\n    ",
    '"',
    "'",
    "\\",
    "None",
    "True",
    "0",
    "-1",
    "10**9",
    "1e999",
    "10**10**10",
    "x",
    "self",
    "lambda: 0",
    "*args",
    "while True:\n            pass\n        ",
    "for i in range(10**12): pass\n",
    "'a'*10**9",
    "[0]*10**9",
    "1<<10**9",
    "super()",
    "nn.Linear(3, 3)",
    "self.forward(x)",
    "x.view(-1)",
    "x.size(0)",
    "F.relu",
    "yield x",
    "await x",
    "async ",
    "global x",
    "del x",
    "import os",
    "__import__('os').system('touch /tmp/hacked')",
    "eval('1')",
    "{**x}",
    "x[...]",
    "x[None]",
    "x[::0]",
    "x[::-1]",
    "f'{x:99999999999}'",
    "'%99999999d' % 1",
    "\x00",
    "\u202e",
    "é",
    "\t",
    "~",
    "not ",
    "if x:",
    "assert 0",
    "raise x",
    "try:\n",
    "with x:",
    "@x\n",
    "class A(A):",
    "torch.zeros(10**9,10**9)",
    "torch.arange(10**18)",
    "nn.Sequential(*[1])",
    "range(10**18)",
    "x = [x, x]",
    "x == x",
    "<",
    "dict(x=1)",
    "sorted",
    "sum",
    "max",
    "map(x, x)",
    "getattr(x, 'view')",
    "setattr(self, 'a', self)",
    "self.a = self",
    "copy.deepcopy(self)",
    "isinstance(x, int)",
    "x @ x",
    "x.T",
    "torch.cat([x, x], 0)",
    "x.chunk(10**9)",
    "x.repeat(10**9, 1)",
    "torch.stack([x]*5)",
    "nn.Conv2d(10**9,10**9,10**5)",
    "nn.LSTM(10,10,10**6)",
)
NUMBERS: Final = ("0", "1", "-1", "7", "2.5", "10**6", "99999999999", "None", "(1,2)")


def mutated(seed: int, many: int) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """So many damaged programs, with their inputs and settings."""
    draw = random.Random(seed)
    pool: list[tuple[str, Any, dict[str, Any]]] = [(s.text, s.inputs, s.given) for s in TEXTS.values()]
    pool += [(s.text, None, {}) for s in keras_texts.TEXTS.values()]
    for _ in range(many):
        text, inputs, given = draw.choice(pool)
        for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
            text = _changed(draw, text)
        yield text, inputs, given


def _changed(draw: random.Random, text: str) -> str:
    start = draw.randrange(len(text) + 1)
    end = min(len(text), start + draw.randrange(1, 30))
    kind = draw.randrange(7)
    if kind < 3:
        piece = "" if kind == 0 else draw.choice(PIECES)
        return text[:start] + piece + text[start if kind == 1 else end :]
    if kind < 5:
        lines = text.split("\n")
        at = draw.randrange(len(lines))
        if kind == 3:
            lines.insert(draw.randrange(len(lines)), lines[at])
        else:
            del lines[at]
        return "\n".join(lines)
    found = list(re.finditer(r"\b\w+\b" if kind == 5 else r"\b\d+\b", text))
    if len(found) < 2:
        return text
    one = draw.choice(found)
    other = draw.choice(found).group() if kind == 5 else draw.choice(NUMBERS)
    return text[: one.start()] + other + text[one.end() :]
