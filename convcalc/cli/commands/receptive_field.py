"""``rf``: receptive fields of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

import convcalc
from convcalc.cli.options import FORM, GRAPH, NOTATION, SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.cli.values import position
from convcalc.render.answer import Answer

if TYPE_CHECKING:
    from convcalc.calculators.receptive_field.graph import ReceptiveField
    from convcalc.graph import Graph
    from convcalc.solve.coverage import Coverage


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
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", help="Random weights and inputs behind the gradient.")
    ] = 2,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the first of them.")] = 0,
) -> Answer:
    """What a pixel sees: receptive field, stride, padding, centre.

    One row per layer: size of the field, effective stride and padding in input pixels, and the centre
    of the first output. Output i sees as many pixels as the field has, from i*stride - padding on.
    """
    place, plot = position(at), common.picture
    if covered or map or effective or plot is not None:
        if samples < 1 or seed < 0:
            raise UsageProblem(
                f"--samples {samples} --seed {seed}", expected="--samples from 1 on, --seed from 0 on"
            )
        if plot is not None:
            from convcalc.render.pictures.heatmap import check

            check(plot)
        graph = common.load()
        found = convcalc.coverage(
            graph,
            place,
            layer=layer,
            input=of,
            start=start,
            samples=samples if effective or plot is not None else 0,
            seed=seed,
        )
        return _coverage(common, found, map, _which(graph, layer))
    fields = convcalc.receptive_field(common.load(), start=start)
    if of is not None and of not in {row.input for row in fields.layers}:
        raise UsageProblem(
            f"--of {of!r} is no input that is seen",
            expected=", ".join({row.input: 0 for row in fields.layers}),
        )
    return _layers(fields, layer, of) if place is None else _regions(fields, place, layer, of)


def _which(graph: Graph, layer: str | None) -> list[str]:
    """A note where a network has several outputs and none of them was named."""
    if layer is not None or len(graph.outputs) < 2:
        return []
    names = ", ".join(graph.nodes[edge.node].name for edge in graph.outputs)
    return [f"This is the first of {len(graph.outputs)} outputs ({names}); --layer asks about another."]


def _coverage(common: Common, found: Coverage, map: bool, notes: list[str]) -> Answer:
    """How much of the field of one position contributes."""
    from convcalc.render.pictures.heatmap import coverage_files
    from convcalc.render.views.coverage import coverage_table, text_maps

    table = coverage_table(found)
    table.notes = (*table.notes, *notes)

    def data() -> dict[str, Any]:
        return {"name": common.spec, "regions": [found.to_dict(maps=map)]}

    return Answer([table, *(text_maps(found) if map else ())], data, files=coverage_files(found))


def _regions(fields: ReceptiveField, place: tuple[int, ...], layer: str | None, of: str | None) -> Answer:
    """The input region of one position."""
    from convcalc.render.views.receptive_field import regions_table

    regions = [region for region in fields.at(place, layer) if of in (None, region.input)]
    table = regions_table(regions)
    table.notes = (*table.notes, *_which(fields.graph, layer))
    return Answer([table], lambda: {"name": fields.name, "regions": [r.to_dict() for r in regions]})


def _layers(fields: ReceptiveField, layer: str | None, of: str | None) -> Answer:
    """The field of every layer, or of one."""
    from convcalc.render.views.receptive_field import fields_table

    rows = fields.layers if layer is None else fields.of(layer)
    rows = [row for row in rows if of in (None, row.input)]
    return Answer(
        [fields_table(fields, rows)], lambda: {**fields.to_dict(), "layers": [row.to_dict() for row in rows]}
    )
