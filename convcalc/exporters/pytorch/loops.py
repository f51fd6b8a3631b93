"""Lines and arguments that differ in a number alone, as loops."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from typing import Final

from convcalc.exporters.pytorch.code import Bracket, Expr, Item, Part, expr, structured
from convcalc.exporters.pytorch.flow import Line

FEWEST: Final = 4
"""So many lines or more become a loop."""

_NUMBERS = re.compile(r"(?<![\w.])(\d+)(?![\w.])")


def _split(text: str) -> tuple[list[str], list[int]]:
    parts = _NUMBERS.split(text)
    return parts[::2], list(map(int, parts[1::2]))


def formula(texts: Sequence[str], first: int) -> str | None:
    """One text for several, with whole numbers linear in ``i`` from ``first`` on; None if there is none."""
    shells, rows = zip(*map(_split, texts), strict=True)
    if any(shell != shells[0] for shell in shells):
        return None
    out = [shells[0][0]]
    for number, after in enumerate(shells[0][1:]):
        column = [row[number] for row in rows]
        step = column[1] - column[0]
        if any(b - a != step for a, b in itertools.pairwise(column)):
            return None
        start = column[0] - step * first
        if step == 0:
            out.append(str(column[0]))
        elif start == 0:
            out.append(f"{step} * i" if step != 1 else "i")
        elif step < 0:
            out.append(f"{start} - {-step} * i" if step != -1 else f"{start} - i")
        else:
            term = f"{step} * i" if step != 1 else "i"
            out.append(f"{term} - {-start}" if start < 0 else f"{start} + {term}")
        out.append(after)
    return "".join(out)


_NAMED = re.compile(r"^self\.([A-Za-z_]\w*?)(\d+) = $")


def _range(start: int, many: int) -> str:
    return f"range({f'{start}, ' if start else ''}{start + many})"


def _run(names: Sequence[tuple[str, int] | None], at: int) -> int:
    """Where a run of names ends that count up from the one here."""
    end = at
    start = names[at]
    while start is not None and end < len(names) and names[end] == (start[0], start[1] + end - at):
        end += 1
    return max(end, at + 1)


def constructors(lines: Sequence[Line]) -> tuple[list[Line], set[str]]:
    """Lines of a constructor with loops, and the names that loops make, without their numbers."""
    names = [
        (m[1], int(m[2])) if (m := _NAMED.match(line.before)) and "\n" not in line.value.text() else None
        for line in lines
    ]
    found: list[Line] = []
    looped: set[str] = set()
    at = 0
    while at < len(lines):
        end = _run(names, at)
        while end - at >= FEWEST:
            start = names[at]
            assert start is not None
            body = formula([line.value.text() for line in lines[at:end]], start[1])
            if body is not None:
                found.append(Line(f"for i in {_range(start[1], end - at)}:", Expr(())))
                added = f'self.add_module(f"{start[0]}{{i}}", {body})'
                found.append(Line("    ", structured(added)))
                looped.add(start[0])
                at = end
                break
            end -= 1
        else:
            found.append(lines[at])
            at += 1
    return found, looped


_CALLED = re.compile(r"self\.([A-Za-z_]\w*?)(\d+)\(")


def calls(lines: Sequence[Line], looped: Collection[str]) -> list[Line]:
    """Lines of ``forward`` with loops over modules that were made in one."""
    texts = [line.before + line.value.text() + line.after for line in lines]
    names = [
        (m[1], int(m[2])) if len(found) == 1 and (m := found[0]) else None
        for found in (list(_CALLED.finditer(text)) for text in texts)
    ]
    found: list[Line] = []
    at = 0
    while at < len(lines):
        end = _run(names, at)
        name = names[at]
        while end - at >= FEWEST and name is not None and name[0] in looped:
            shapes = {
                text.replace(f"self.{name[0]}{name[1] + i}(", "\0") for i, text in enumerate(texts[at:end])
            }
            if len(shapes) == 1 and not texts[at].startswith("return"):
                body = shapes.pop().replace("\0", f'getattr(self, f"{name[0]}{{i}}")(')
                found.append(Line(f"for i in {_range(name[1], end - at)}:", Expr(())))
                found.append(Line(f"    {body}", Expr(())))
                at = end
                break
            end -= 1
        else:
            found.append(lines[at])
            at += 1
    return found


_KEY = re.compile(r"^([A-Za-z_]\w*?)(\d+)$")


def arguments(given: Expr) -> Expr:
    """Runs of modules within a sequence as comprehensions."""
    parts: list[Part] = []
    for part in given.parts:
        if not isinstance(part, Bracket):
            parts.append(part)
            continue
        items = _repeated([Item(arguments(item.value), item.key) for item in part.items])
        if len(items) == 1 and items[0].value.parts[0] == "**":  # nothing but one dictionary
            items = [Item(Expr(items[0].value.parts[1:]))]
        parts.append(Bracket(part.open, tuple(items), part.close, part.call, part.comma))
    return Expr(tuple(parts), given.level, given.depth)


def _repeated(items: list[Item]) -> list[Item]:
    keyed = all(item.key for item in items)
    if not keyed and any(item.key for item in items):
        return items
    if not all(re.match(r"[\w.]+\(", item.value.text()) for item in items):
        return items
    names: list[tuple[str, int] | None] = []
    for at, item in enumerate(items):
        m = _KEY.match(item.key)
        names.append((m[1], int(m[2])) if m else None if keyed else ("", at))
    found: list[Item] = []
    at = 0
    while at < len(items):
        end, start = _run(names, at), names[at]
        while end - at >= FEWEST - 1 and start is not None:
            body = formula([item.value.text() for item in items[at:end]], start[1])
            if body is not None:
                found.append(_comprehension(body, start, end - at, keyed))
                at = end
                break
            end -= 1
        else:
            found.append(items[at])
            at += 1
    return found


def _comprehension(body: str, start: tuple[str, int], many: int, keyed: bool) -> Item:
    letter = "i" if keyed or re.search(r"\bi\b", body) else "_"
    first = start[1] if letter == "i" else 0
    times = Item(Expr((f"for {letter} in {_range(first, many)}",)))
    if keyed:
        one = Item(expr(f'f"{start[0]}{{i}}": ', structured(body)))
        return Item(Expr(("**", Bracket("{", (one, times), "}", comma=False))))
    return Item(Expr(("*", Bracket("(", (Item(structured(body)), times), ")", comma=False))))
