"""``rf``: receptive fields of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from convcalc.cli.options import FORM, GRAPH, NOTATION, SPEC, Common, command
from convcalc.cli.output import UsageProblem, emit, write

if TYPE_CHECKING:
    from convcalc.calculators.receptive_field.graph import ReceptiveField
    from convcalc.graph import Graph
    from convcalc.solve.coverage import Coverage


def indices(text: str, option: str) -> tuple[int, ...]:
    """``3,5`` as indices; nothing for an output without spatial axes.

    Raises:
        UsageProblem: it is something else.
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if not all(
        part.lstrip("-").isascii() and part.lstrip("-").isdigit() and len(part) < 19 for part in parts
    ):
        raise UsageProblem(f"{option} {text!r} is no position", expected="one index an axis, such as 3,5")
    return tuple(map(int, parts))


@command(SPEC, *GRAPH, NOTATION, *FORM)
def rf(
    common: Common,
    layer: Annotated[
        str | None, typer.Option("--layer", "-l", metavar="NAME", help="Only this layer.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="Measure from this layer instead of the input."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="Y,X", help="Exact input region of this output position."),
    ] = None,
    of: Annotated[
        str | None, typer.Option("--of", metavar="INPUT", help="Only this input, where there are several.")
    ] = None,
    covered: Annotated[
        bool, typer.Option("--coverage", help="Which share of the field contributes, by execution.")
    ] = False,
    map: Annotated[bool, typer.Option("--map", help="The same, with a map in text.")] = False,
    effective: Annotated[
        bool, typer.Option("--effective", help="The spread of the gradient too (Luo et al. 2016).")
    ] = False,
    plot: Annotated[
        str | None,
        typer.Option("--plot", metavar="FILE", help="Write a heat map, .png or .svg, with the gradient."),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", help="Random weights and inputs behind the gradient.")
    ] = 2,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the first of them.")] = 0,
) -> None:
    """What a pixel sees: receptive field, stride, padding, centre.

    One row a layer: size of the field, effective stride and padding in input pixels, and the centre
    of the first output. Output i sees as many pixels as the field has, from i*stride - padding on.
    """
    import convcalc

    position = None if at is None else indices(at, "--at")
    if covered or map or effective or plot is not None:
        if samples < 1 or seed < 0:
            raise UsageProblem(
                f"--samples {samples} --seed {seed}", expected="--samples from 1 on, --seed from 0 on"
            )
        if plot is not None:
            from convcalc.render.pictures.heatmap import check

            check(plot)
        count = samples if effective or plot is not None else 0
        graph = common.load()
        found = convcalc.coverage(
            graph, position, layer=layer, input=of, start=start, samples=count, seed=seed
        )
        _coverage(common, found, map, plot, _which(graph, layer))
        return
    fields = convcalc.receptive_field(common.load(), start=start)
    if of is not None and of not in {row.input for row in fields.layers}:
        raise UsageProblem(
            f"--of {of!r} is no input that is seen",
            expected=", ".join({row.input: 0 for row in fields.layers}),
        )
    if position is not None:
        from convcalc.render.views.receptive_field import regions_table

        regions = [region for region in fields.at(position, layer) if of in (None, region.input)]
        data = {"name": fields.name, "regions": [region.to_dict() for region in regions]}
        table = regions_table(regions)
        table.notes = (*table.notes, *_which(fields.graph, layer))
        emit(table, common.form, data)
        return
    _layers(common, fields, layer, of)


def _which(graph: Graph, layer: str | None) -> list[str]:
    """A note where a network has several outputs and none of them was named."""
    if layer is not None or len(graph.outputs) < 2:
        return []
    names = ", ".join(graph.nodes[edge.node].name for edge in graph.outputs)
    return [f"This is the first of {len(graph.outputs)} outputs ({names}); --layer asks about another."]


def _coverage(common: Common, found: Coverage, map: bool, plot: str | None, notes: list[str]) -> None:
    from convcalc.render.views.coverage import coverage_table, text_maps

    if plot is not None:
        from convcalc.render.pictures.heatmap import draw

        draw(found, plot)
    data = None
    if common.json:
        data = {"name": common.spec, "regions": [found.to_dict(maps=map)], "plot": plot}
    table = coverage_table(found)
    table.notes = (*table.notes, *notes)
    if plot is not None:
        table.facts = (*table.facts, ("plot", plot))
    emit(table, common.form, data)
    if map and common.form == "table":
        write("\n" + text_maps(found))


def _layers(common: Common, fields: ReceptiveField, layer: str | None, of: str | None) -> None:
    from convcalc.render.numbers import written_in
    from convcalc.render.views.receptive_field import fields_table

    rows = fields.layers if layer is None else fields.of(layer)
    rows = [row for row in rows if of in (None, row.input)]
    data = None
    if common.json:
        data = fields.to_dict()
        data["layers"] = [row.to_dict() for row in rows]
    with written_in(common.notation):
        emit(fields_table(fields, rows), common.form, data)
