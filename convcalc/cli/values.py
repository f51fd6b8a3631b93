"""What the texts of options mean: numbers per axis, pairs, positions, sizes."""

from __future__ import annotations

from typing import Any

from convcalc.cli.options import Common
from convcalc.cli.output import UsageProblem, note
from convcalc.layers.values import axis_names


def axes(text: str | None, option: str) -> Any:
    """``3`` or ``3x5`` as a number or one number per axis; None where nothing was given.

    Raises:
        UsageProblem: it is neither.
    """
    if text is None:
        return None
    found = tuple(_number(part, text, option) for part in text.split("x"))
    return found[0] if len(found) == 1 else found


def pairs(text: str | None, option: str) -> Any:
    """``1``, ``0:1`` or ``1x0:2`` as one number or pair per axis; None where nothing was given.

    Raises:
        UsageProblem: it is none of them.
    """
    if text is None:
        return None
    found = []
    for part in text.split("x"):
        sides = [_number(side, text, option) for side in part.split(":")]
        if len(sides) > 2:
            raise UsageProblem(f"{option} {text!r} has {len(sides)} sides", expected="before:after")
        found.append(tuple(sides) if len(sides) == 2 else sides[0])
    return found


def position(text: str | None, option: str = "--at") -> tuple[int, ...] | None:
    """``3,5`` or ``3x5`` as an index per axis, nothing as the position of an output without axes.

    Raises:
        UsageProblem: it is something else.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.replace("x", ",").split(",")] if text.strip() else []
    if not all(map(_is_whole, parts)):
        raise UsageProblem(f"{option} {text!r} is no position", expected="one index per axis, such as 3,5")
    return tuple(map(int, parts))


def _number(part: str, text: str, option: str) -> int:
    if not _is_whole(part.strip()):
        raise UsageProblem(f"{option} {text!r} is no whole number per axis", expected=f"{option} 3 or 3x5")
    return int(part)


def _is_whole(text: str) -> bool:
    digits = text.lstrip("+-")
    return digits.isascii() and digits.isdigit() and len(text) - len(digits) < 2 and len(text) <= 18


def sizes(common: Common, given: str | None, option: str = "--from") -> Any:
    """Sizes of ``--from`` (no channels), or of ``--input`` (channels first, where there are several).

    Raises:
        UsageProblem: both are given.
    """
    if not common.input:
        found = axes(given, option)
        if isinstance(found, tuple):
            _note_channels(found, option)
        return found
    if given is not None:
        raise UsageProblem(f"{option} and --input cannot go together", expected="one of them")
    if len(common.input) > 1 or "=" in common.input[0]:
        raise UsageProblem("--input names an input, but there is no SPEC", expected="--from 224 or 224x224")
    found = axes(common.input[0], "--input")
    if isinstance(found, tuple):
        found = found[1:]
        return found[0] if len(found) == 1 else found
    return found


def _note_channels(found: tuple[int, ...], option: str) -> None:
    """Tell how sizes were read that look as if channels were among them."""
    first, last = found[0], found[-1]
    few, many = 4, 8
    if first <= few and all(size > many for size in found[1:]):
        channels, rest = first, found[1:]
    elif last <= few and all(size > many for size in found[:-1]):
        channels, rest = last, found[:-1]
    else:
        return
    names = ", ".join(f"{name} {size}" for name, size in zip(axis_names(len(found)), found, strict=False))
    text = "x".join(map(str, rest))
    note(
        f"{option} {'x'.join(map(str, found))} is read as {names}: {option} takes no channels; "
        f"for {channels} channel{'s' * (channels != 1)} of {text} give {option} {text}"
    )


def alone(options: dict[str, Any]) -> None:
    """Refuse options of a question beside a SPEC, which would go unheard.

    Raises:
        UsageProblem: one of them was given.
    """
    heard = [option for option, value in options.items() if value]
    if heard:
        raise UsageProblem(
            f"SPEC and {heard[0]} cannot go together",
            expected="--input 3x224x224, which is the size of a SPEC"
            if heard[0] == "--from"
            else "one of them",
        )
