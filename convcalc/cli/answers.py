"""What the commands that answer questions share: values per axis, an optional SPEC, several tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from convcalc.cli.options import Common, Shared, complete_spec
from convcalc.cli.output import UsageProblem, emit, write

if TYPE_CHECKING:
    from convcalc.render.table import Table

MAYBE_SPEC: Final = Shared(
    "spec",
    Annotated[
        str | None,
        typer.Argument(
            metavar="SPEC",
            help="A line of the spec language, a file, - for standard input, or the name of a network.",
            autocompletion=complete_spec,
        ),
    ],
    None,
)


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


def _number(part: str, text: str, option: str) -> int:
    digits = part.strip()
    if not digits.lstrip("+-").isascii() or not digits.lstrip("+-").isdigit() or len(digits) > 18:
        raise UsageProblem(f"{option} {text!r} is no whole number an axis", expected=f"{option} 3 or 3x5")
    return int(digits)


def sizes(common: Common, given: str | None, option: str = "--in") -> Any:
    """Sizes of ``--in`` (no channels), or of ``--input`` (channels first, where there are several).

    Raises:
        UsageProblem: both are given.
    """
    if not common.input:
        return axes(given, option)
    if given is not None:
        raise UsageProblem(f"{option} and --input cannot go together", expected="one of them")
    if len(common.input) > 1 or "=" in common.input[0]:
        raise UsageProblem("--input names an input, but there is no SPEC", expected="--in 224 or 224x224")
    found = axes(common.input[0], "--input")
    if isinstance(found, tuple):
        found = found[1:]
        return found[0] if len(found) == 1 else found
    return found


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
            if heard[0] == "--in"
            else "one of them",
        )


def tell_plot(common: Common, path: str) -> None:
    """Say below the tables where the picture went."""
    if common.form in ("table", "markdown"):
        write(f"\nplot  {path}\n")


def emit_all(tables: Iterable[Table], common: Common, data: Any) -> None:
    """Show several tables below each other; JSON holds the data, CSV the first table."""
    if common.json:
        from convcalc.render.data import to_json

        write(to_json(data))
        return
    for number, table in enumerate(tables):
        if number and common.csv:
            return
        if number:
            write("\n")
        emit(table, common.form)
