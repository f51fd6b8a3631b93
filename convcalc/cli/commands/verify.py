"""``verify``: every number twice, by formula and by execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.options import EXACT, FORM, GRAPH, Common, command, complete_spec
from convcalc.cli.output import UsageProblem, emit

if TYPE_CHECKING:
    from convcalc.render.table import Table

DIFFERENT = 1
"""Exit code where formula and execution differ."""


@command(*GRAPH, EXACT, *FORM)
def verify(
    common: Common,
    spec: Annotated[
        str | None,
        typer.Argument(
            metavar="SPEC",
            help="A line of the spec language, a file, - for standard input, or the name of a network.",
            autocompletion=complete_spec,
        ),
    ] = None,
    random: Annotated[
        int | None, typer.Option("--random", metavar="N", help="N random layers and graphs instead.")
    ] = None,
    zoo: Annotated[bool, typer.Option("--zoo", help="Every network of the zoo instead.")] = False,
    laws: Annotated[
        bool, typer.Option("--laws", help="The laws of the field, as executed identities, instead.")
    ] = False,
    law: Annotated[
        list[int] | None, typer.Option("--law", metavar="N", help="Only this law; repeatable.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", help="Of random specs, weights and inputs.")
    ] = 0,
    full: Annotated[
        bool, typer.Option("--full", help="Run large networks at their own size, however long it takes.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Only totals, and layers that differ.")] = False,
) -> None:
    """Every number twice: by formula and by execution."""
    from convcalc.cli.commands.run import bar

    asked = [
        name
        for name, given in (
            ("SPEC", spec),
            ("--random", random is not None),
            ("--zoo", zoo),
            ("--laws", laws or law is not None),
        )
        if given
    ]
    if len(asked) != 1:
        what = f"{' and '.join(asked)} cannot go together" if asked else "nothing to verify"
        raise UsageProblem(what, expected="a SPEC, --random N, --zoo or --laws")
    if spec is None and (common.input or common.set):
        raise UsageProblem(f"--input and --set go with a SPEC, not with {asked[0]}")
    if seed < 0:
        raise UsageProblem(f"--seed is {seed}", expected="a whole number, 0 or more")
    if laws or law is not None:
        _laws(common, seed, law)
        return
    import convcalc.verification as package

    table: Table
    found: Any
    with bar() as progress:
        if random is not None:
            if random < 1:
                raise UsageProblem(f"--random is {random}", expected="a whole number, 1 or more")
            found = package.verify_random(random, seed, progress=progress)
        elif zoo:
            size: dict[str, Any] = {"macs": None} if full else {}
            found = package.verify_zoo(seed=seed, progress=progress, **size)
        else:
            common.spec = spec or ""
            size = {"macs": None} if full else {}
            found = package.verify(common.load(), seed=seed, progress=progress, **size)
    from convcalc.render.views import verification as render

    if random is not None:
        table = render.random_table(found, listed=common.form != "table")
    elif zoo:
        table = render.zoo_table(found, exact=common.exact)
    else:
        table = render.table(found, exact=common.exact, brief=brief, headed=common.form != "table")
    emit(table, common.form, found.to_dict() if common.json else None)
    if not found.ok:
        raise typer.Exit(DIFFERENT)


def _laws(common: Common, seed: int, only: list[int] | None) -> None:
    """``--laws`` and ``--law N``."""
    from convcalc.cli.commands.run import bar
    from convcalc.render.views import laws as render
    from convcalc.verification.laws import run_laws

    with bar() as progress:
        found = run_laws(seed, only, progress=progress)
    table = render.detail_table(found[0]) if len(found) == 1 else render.table(found)
    emit(table, common.form, [result.to_dict() for result in found] if common.json else None)
    if not all(result.passed for result in found):
        raise typer.Exit(DIFFERENT)
