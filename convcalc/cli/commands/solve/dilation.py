"""``dilation``: rates judged, runs of a network judged, or rates designed."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

import convcalc
from convcalc.cli import completion
from convcalc.cli.options import FORM, GRAPH, RANK, TOP, Common, MaxDilation, Shared, command
from convcalc.cli.output import UsageProblem
from convcalc.cli.progress import progress
from convcalc.cli.values import alone, axes
from convcalc.dims import is_symbolic
from convcalc.layers.values import show
from convcalc.render.answer import Answer

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.render.pictures.drawing import Drawing
    from convcalc.render.table import Text
    from convcalc.solve.dilation import DilationJudgement

WHAT = Shared(
    "specs",
    Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RATE... | SPEC",
            help="Rates of the layers in order, such as 1 2 5; or a network whose runs are judged.",
            autocompletion=completion.spec,
        ),
    ],
    None,
)
_RATES = re.compile(r"[+-]?\d+(x[+-]?\d+)*(,[+-]?\d+(x[+-]?\d+)*)*,?")


@command(
    WHAT,
    RANK,
    TOP,
    *GRAPH,
    *FORM,
    pictures=True,
    words={"max_rate": ("--max-dilation",), "layers": ("--count",)},
)
def dilation(
    common: Common,
    kernel: Annotated[
        str,
        typer.Option(
            "--kernel",
            "-k",
            metavar="K",
            help="Taps: 3 or 3x5; 3,3,1 is one per layer. With --reach: the kernels to choose from.",
        ),
    ] = "3",
    map: Annotated[
        bool, typer.Option("--map", help="Map in text: how many paths lead from each pixel.")
    ] = False,
    reach: Annotated[
        int | None, typer.Option("--reach", metavar="N", min=1, help="Design: the field to reach, in pixels.")
    ] = None,
    layers: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="Design: exactly so many layers.")
    ] = None,
    max_dilation: MaxDilation = None,
) -> Answer:
    """Whether dilated layers leave holes, and rates that leave none.

    With rates: the field, Wang et al.'s criterion step by step, and the coverage by execution.
    With SPEC: the same of every dilated run of a network. With --reach: the cheapest rates.
    """  # fmt: skip
    given, rank = list(common.specs or ()), common.rank
    kernels = [axes(part, "--kernel") for part in kernel.split(",") if part]
    if not kernels:
        raise UsageProblem(f"--kernel {kernel!r} is no kernel", expected="3, 3x5, or one per layer: 3,3,1")
    if reach is not None:
        if given:
            raise UsageProblem("--reach designs rates, so none are given", expected="--reach N alone")
        return _designs(reach, kernels, layers, max_dilation, rank or 2, common.top or 10)
    if layers is not None or max_dilation is not None:
        raise UsageProblem("--count and --max-dilation design rates", expected="--reach N beside them")
    if not given:
        raise UsageProblem("nothing to judge", expected="rates such as 1 2 5, a SPEC, or --reach N")
    odd = next((text for text in given if not _RATES.fullmatch(text)), None)
    if odd is None:
        rates = [axes(part, "RATE") for text in given for part in text.split(",") if part]
        judged = convcalc.judge_dilations(rates, kernels if len(kernels) > 1 else kernels[0], rank=rank)
        return _judgement(judged, _label(rates, kernel), map)
    if len(given) > 1:
        raise UsageProblem(f"{odd!r} is no rate", expected="whole numbers, or one SPEC (in quotes)")
    alone({"--kernel": kernel != "3", "--rank": rank})
    return _runs(common.load(odd), map, common.picture)


def _designs(
    reach: int, kernels: list[Any], layers: int | None, max_rate: int | None, rank: int, top: int
) -> Answer:
    """The cheapest rates that reach so far without holes."""
    from convcalc.render.views.solve.dilation import designs_table

    if any(isinstance(k, tuple) for k in kernels):
        raise UsageProblem("--reach designs along every axis alike", expected="--kernel 3 or 3,5")
    with progress("rates without holes"):
        found = convcalc.design_dilations(
            reach, kernel=kernels, layers=layers, max_rate=max_rate, rank=rank, top=top
        )
    return Answer(
        [designs_table(found, reach, rank)],
        lambda: {"reach": reach, "designs": [one.to_dict() for one in found]},
    )


def _judgement(judged: DilationJudgement, label: str, map: bool) -> Answer:
    """Rates step by step, and the paths that lead from each pixel."""
    from convcalc.render.pictures.questions.dilated import paths
    from convcalc.render.views.solve.dilation import judgement_tables

    grid = _grid(judged, label, map)
    return Answer(
        chain(judgement_tables(judged), grid),
        lambda: judged.to_dict(grid=map),
        picture=lambda: paths(judged, label),
    )


def _runs(graph: Graph, map: bool, path: str | None) -> Answer:
    """Every dilated run of a network, and the paths of the worst."""
    from convcalc.render.pictures.questions.dilated import paths
    from convcalc.render.views.solve.dilation import runs_table

    for node in graph.nodes:
        rates = [d for d in getattr(node.layer, "dilation", ()) if is_symbolic(d)]
        if rates:
            raise UsageProblem(
                f"the dilation of {node.name} is no number: {rates[0]}",
                expected="a number for every rate, with --set NAME=VALUE",
            )
    runs = convcalc.judge_network_dilations(graph)
    worst = min(runs, key=lambda one: (not one.has_holes, -one.path.total), default=None)
    grid: list[Text] = []
    picture: Callable[[], Drawing] | None = None
    if worst is not None:
        title = f"{worst.run.names[0]} to {worst.run.names[-1]}"
        grid = _grid(worst.path, title, map)
        picture = partial(paths, worst.path, f"{graph.name}, {title}")
    elif map or path:
        raise UsageProblem("no layer is dilated: there is no run to draw")
    return Answer(
        [runs_table(runs, graph.name), *grid],
        lambda: {"name": graph.name, "runs": [one.to_dict() for one in runs]},
        picture=picture,
    )


def _label(rates: list[Any], kernel: str) -> str:
    joined = " ".join(show(r) if isinstance(r, tuple) else str(r) for r in rates)
    return f"rates {joined}, kernel {kernel}"


def _grid(judged: DilationJudgement, title: str, map: bool) -> list[Text]:
    """The paths from each pixel, drawn in text."""
    from convcalc.render.pictures.grid import drawn

    return drawn(judged.counts, f"paths from each pixel ({title})", map)
