"""``verify``: every number twice, by formula and by execution."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import convcalc
from convcalc.cli import rows
from convcalc.cli.options import EXACT, FORM, GRAPH, LAYER, MAYBE_SPEC, SEED, Common, command
from convcalc.cli.output import INTERRUPTED, UsageProblem
from convcalc.cli.progress import progress
from convcalc.render.answer import Answer

DIFFERENT = 1
"""Exit code where formula and execution differ."""


@command(MAYBE_SPEC, SEED, *GRAPH, LAYER, EXACT, *FORM)
def verify(
    common: Common,
    random: Annotated[
        int | None, typer.Option("--random", metavar="N", min=1, help="N random layers and graphs instead.")
    ] = None,
    zoo: Annotated[bool, typer.Option("--zoo", help="Every network of the zoo instead.")] = False,
    laws: Annotated[
        bool, typer.Option("--laws", help="The laws of the field, as executed identities, instead.")
    ] = False,
    law: Annotated[
        list[int] | None, typer.Option("--law", metavar="N", help="Only this law; repeatable.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Run large networks at their own size, however long it takes.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Only totals, and layers that differ.")] = False,
) -> Answer:
    """Every number twice: by formula and by execution."""
    laws = laws or law is not None
    asked = {"SPEC": common.spec, "--random": random is not None, "--zoo": zoo, "--laws": laws}
    given = [name for name, value in asked.items() if value]
    if len(given) != 1:
        what = f"{' and '.join(given)} cannot go together" if given else "nothing to verify"
        raise UsageProblem(what, expected="a SPEC, --random N, --zoo or --laws")
    if not common.spec and (common.input or common.set):
        raise UsageProblem(f"--input and --set go with a SPEC, not with {given[0]}")
    if not common.spec:
        rows.without_spec(common)
    seed = common.seed
    with progress() as advance:
        if laws:
            return _laws(seed, law, advance)
        from convcalc.render.views.execute import verification as render

        size: dict[str, Any] = {"macs": None} if full else {}
        found: Any
        if random is not None:
            found = convcalc.verify_random(random, seed, progress=advance)
            table = render.random_table(found, listed=common.form != "table")
        elif zoo:
            found = convcalc.verify_zoo(seed=seed, progress=advance, **size)
            table = render.zoo_table(found, exact=common.exact)
        else:
            graph = common.load()
            only = rows.asked(common.layer, [node.name for node in graph.nodes if not node.is_input]).holds
            found = convcalc.verify(graph, seed=seed, progress=advance, **size)
            headed = common.form != "table"
            table = render.table(found, exact=common.exact, brief=brief, headed=headed, only=only)

            def data() -> dict[str, Any]:
                return {**found.to_dict(), "layers": [row for row in found.layers if only(row.name)]}

            return Answer([table], data, code(found.ok, found.complete))
    return Answer([table], found.to_dict, code(found.ok, found.complete))


def code(ok: bool, complete: bool) -> int:
    """The exit code: what was found, or that it was interrupted."""
    return INTERRUPTED if not complete else 0 if ok else DIFFERENT


def _laws(seed: int, only: list[int] | None, advance: Any) -> Answer:
    """``--laws`` and ``--law N``."""
    from convcalc.render.views.execute import laws as render
    from convcalc.verification import laws

    found = laws.run_laws(seed, only, progress=advance)
    table = render.detail_table(found[0]) if len(found) == 1 else render.table(found)
    passed = all(result.passed for result in found)
    complete = len(found) == len(set(only) if only is not None else laws.NUMBERS)
    return Answer([table], lambda: [result.to_dict() for result in found], code(passed, complete))
