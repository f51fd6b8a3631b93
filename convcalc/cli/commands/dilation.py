"""``dilation``: rates judged, runs of a network judged, or rates designed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.answers import alone, axes, emit_all, tell_plot
from convcalc.cli.options import FORM, GRAPH, Common, Shared, command, complete_spec
from convcalc.cli.output import UsageProblem, emit, write
from convcalc.layers.base import show

if TYPE_CHECKING:
    from convcalc.solve.dilation import DilationJudgement

WHAT = Shared(
    "specs",
    Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RATE... | SPEC",
            help="Rates of the layers in order, such as 1 2 5; or a network whose runs are judged.",
            autocompletion=complete_spec,
        ),
    ],
    None,
)
_RATES = re.compile(r"[+-]?\d+(x[+-]?\d+)*(,[+-]?\d+(x[+-]?\d+)*)*,?")


@command(WHAT, *GRAPH, *FORM)
def dilation(
    common: Common,
    kernel: Annotated[
        str,
        typer.Option(
            "--kernel",
            "-k",
            metavar="K",
            help="Taps: 3, 3x5, or one a layer: 3,3,1. With --reach: the kernels to choose from.",
        ),
    ] = "3",
    rank: Annotated[int | None, typer.Option("--rank", metavar="N", help="Number of axes; 2.")] = None,
    map: Annotated[bool, typer.Option("--map", help="Show how many paths lead from each pixel.")] = False,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Draw the same as PNG or SVG.")
    ] = None,
    reach: Annotated[
        int | None, typer.Option("--reach", metavar="N", help="Design: the field to reach, in pixels.")
    ] = None,
    layers: Annotated[
        int | None, typer.Option("--layers", metavar="N", help="Design: exactly so many layers.")
    ] = None,
    max_rate: Annotated[
        int | None, typer.Option("--max-rate", metavar="R", help="Design: the largest rate allowed.")
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", help="Design: how many sequences.")] = 10,
) -> None:
    """Whether dilated layers leave holes, and rates that leave none.

    With rates: the field, Wang et al.'s criterion step by step, and the coverage by execution.
    With SPEC: the same of every dilated run of a network. With --reach: the cheapest rates.
    """  # fmt: skip
    import convcalc
    from convcalc.render.pictures.grid import check
    from convcalc.render.views import dilation as render

    given = list(common.specs or ())
    kernels = [axes(part, "--kernel") for part in kernel.split(",") if part]
    if not kernels:
        raise UsageProblem(f"--kernel {kernel!r} is no kernel", expected="3, 3x5, or one a layer: 3,3,1")
    if reach is not None:
        if given:
            raise UsageProblem("--reach designs rates, so none are given", expected="--reach N alone")
        if any(isinstance(k, tuple) for k in kernels):
            raise UsageProblem("--reach designs along every axis alike", expected="--kernel 3 or 3,5")
        found = convcalc.design_dilations(
            reach, kernel=kernels, layers=layers, max_rate=max_rate, rank=rank or 2, top=top
        )
        data = {"reach": reach, "designs": [one.to_dict() for one in found]}
        emit(render.designs_table(found, reach, rank or 2), common.form, data)
        return
    if layers is not None or max_rate is not None:
        raise UsageProblem("--layers and --max-rate design rates", expected="--reach N beside them")
    if not given:
        raise UsageProblem("nothing to judge", expected="rates such as 1 2 5, a SPEC, or --reach N")
    if all(_RATES.fullmatch(text) for text in given):
        rates = [axes(part, "RATE") for text in given for part in text.split(",") if part]
        judged = convcalc.judge_dilations(rates, kernels if len(kernels) > 1 else kernels[0], rank=rank)
        check(judged.counts, map, plot)
        emit_all(render.judgement_tables(judged), common, {**judged.to_dict(grid=map), "plot": plot})
        _grid(judged, common, map, plot, _label(rates, kernel))
        return
    if len(given) > 1:
        odd = next(text for text in given if not _RATES.fullmatch(text))
        raise UsageProblem(f"{odd!r} is no rate", expected="whole numbers, or one SPEC (in quotes)")
    alone({"--kernel": kernel != "3", "--rank": rank})
    graph = common.load(given[0])
    runs = convcalc.judge_network_dilations(graph)
    worst = min(runs, key=lambda one: (not one.has_holes, -one.path.total), default=None)
    if map or plot:
        if worst is None:
            raise UsageProblem("no layer is dilated: there is no run to draw")
        check(worst.path.counts, map, plot)
    data = {"name": graph.name, "runs": [one.to_dict() for one in runs], "plot": plot}
    emit(render.runs_table(runs, graph.name), common.form, data)
    if worst is not None:
        _grid(worst.path, common, map, plot, f"{worst.run.names[0]} to {worst.run.names[-1]}")


def _label(rates: list[Any], kernel: str) -> str:
    joined = " ".join(show(r) if isinstance(r, tuple) else str(r) for r in rates)
    return f"rates {joined}, kernel {kernel}"


def _grid(judged: DilationJudgement, common: Common, map: bool, plot: str | None, title: str) -> None:
    """The map below a judgement, and the plot beside it."""
    from convcalc.render.pictures.grid import plot_map, text_map

    if not map and plot is None:
        return
    if map and common.form in ("table", "markdown"):
        lines, legend = text_map(judged.counts)
        fence = "```\n" if common.markdown else ""
        write(f"\npaths from each pixel ({title}): {legend}\n\n{fence}" + "\n".join(lines) + f"\n{fence}")
    if plot is not None:
        plot_map(judged.counts, plot, title, "paths to the output")
        tell_plot(common, plot)
