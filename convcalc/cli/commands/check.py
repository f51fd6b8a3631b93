"""``check``: hold a network to its limits, for use in CI."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import COUNT, EXACT, FORM, GRAPH, SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.render.answer import Answer

FAILED = 1
"""Exit code where a limit does not hold."""

MaxParams = Annotated[str | None, typer.Option("--max-params", metavar="N", help="Parameters, such as 5M.")]
MaxMacs = Annotated[str | None, typer.Option("--max-macs", metavar="N", help="MACs, such as 300M.")]
MaxFlops = Annotated[str | None, typer.Option("--max-flops", metavar="N", help="FLOPs, such as 1.2G.")]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="BYTES",
        help="Parameters, buffers and the peak of live activations together, such as 8MB or 8MiB.",
    ),
]
MinField = Annotated[
    int | None, typer.Option("--min-rf", metavar="PIXELS", help="Receptive field of the output.")
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=N",
        help="Any other: max_ or min_ with params, trainable, frozen, buffers, macs, valid_macs, flops, "
        "activations, param_memory, peak_memory, memory, rf or layers.",
    ),
]


def given(more: list[str] | None, **named: str | int | None) -> dict[str, str | int]:
    """The limits of a call by name.

    Raises:
        UsageProblem: ``--limit`` holds no assignment.
    """
    found = {name: value for name, value in named.items() if value is not None}
    for text in more or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageProblem(
                f"--limit {text!r} is not an assignment", expected="NAME=N, such as max_layers=50"
            )
        found[name.strip().replace("-", "_")] = value.strip()
    return found


@command(SPEC, *GRAPH, *COUNT, EXACT, *FORM)
def check(
    common: Common,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_flops: MaxFlops = None,
    max_memory: MaxMemory = None,
    min_rf: MinField = None,
    limit: Limits = None,
) -> Answer:
    """Hold a network to limits; exit 1 where one fails.

    Limits are given here, or as `budget:` in the document.
    """
    import convcalc
    from convcalc.render.views.check import table

    result = convcalc.check(
        common.load(),
        given(
            limit,
            max_params=max_params,
            max_macs=max_macs,
            max_flops=max_flops,
            max_memory=max_memory,
            min_rf=min_rf,
        ),
        batch=common.batch,
        dtype=common.dtype,
    )
    return Answer([table(result, exact=common.exact)], result.to_dict, 0 if result.ok else FAILED)
