"""``rf``: receptive fields of a network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

import convcalc
from convcalc.cli.options import FORM, GRAPH, NOTATION, POSITION, ROWS, SEED, SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.cli.rows import chosen, refuse
from convcalc.cli.values import position
from convcalc.render.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.calculators.receptive_field.graph import ReceptiveField
    from convcalc.graph import Graph
    from convcalc.render.pictures.drawing import Drawing
    from convcalc.solve.coverage import Coverage


@command(
    SPEC,
    POSITION,
    SEED,
    *GRAPH,
    *ROWS,
    NOTATION,
    *FORM,
    pictures=True,
    words={"position": ("--at",), "input": ("--of",)},
)
def rf(
    common: Common,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="NAME", help="Measure from this layer instead of the input."),
    ] = None,
    of: Annotated[
        str | None, typer.Option("--of", metavar="INPUT", help="Only this input, where there are several.")
    ] = None,
    covered: Annotated[
        bool, typer.Option("--coverage", help="Which share of the field contributes, by execution.")
    ] = False,
    map: Annotated[bool, typer.Option("--map", help="Map in text of the same.")] = False,
    effective: Annotated[
        bool, typer.Option("--effective", help="The spread of the gradient too (Luo et al. 2016).")
    ] = False,
    samples: Annotated[
        int,
        typer.Option("--samples", metavar="N", min=1, help="Random weights and inputs behind the gradient."),
    ] = 2,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="FILE", help="With -o: an image that lies under the field."),
    ] = None,
) -> Answer:
    """What a pixel sees: receptive field, stride, padding, centre.

    One row per layer: size of the field, effective stride and padding in input pixels, and the centre
    of the first output. Output i sees as many pixels as the field has, from i*stride - padding on.
    """
    place, layer = position(common.at), common.layer
    if image is not None and common.picture is None:
        raise UsageProblem("--image lies under a picture", expected="-o FILE.svg or -o FILE.png beside it")
    alone = {"--coverage": covered, "--map": map, "--effective": effective, "--at": place is not None}
    for name in [name for name, given in alone.items() if given][:1]:
        refuse(common, name, "depth", "sort", "top", "tree", "flat")
    if covered or map or effective:
        graph = common.load()
        found = convcalc.coverage(
            graph,
            place,
            layer=layer,
            input=of,
            start=start,
            samples=samples if effective else 0,
            seed=common.seed,
        )
        return _coverage(common, found, map, _which(graph, layer), image)
    fields = convcalc.receptive_field(common.load(), start=start)
    if of is not None and of not in {row.input for row in fields.layers}:
        raise UsageProblem(
            f"--of {of!r} is no input that is seen",
            expected=", ".join({row.input: 0 for row in fields.layers}),
        )

    def picture() -> Drawing:
        from convcalc.render.pictures.questions.overview import overview

        one = None if layer is not None and any(mark in layer for mark in "*?[") else layer
        rows = fields.of(one)
        under = _photo(image, rows[0].input_shape) if image is not None and rows else None
        return overview(fields, one, place, input=of, image=under)

    if place is None:
        return _layers(common, fields, of)._replace(picture=picture)
    return _regions(fields, place, layer, of)._replace(picture=picture)


def _photo(path: str, shape: Sequence[Any]) -> bytes:
    """The image that lies under a picture, stretched to the input."""
    from convcalc.layers.values import show
    from convcalc.render.pictures.questions.photo import photo

    sizes = shape[1:]
    if len(sizes) != 2 or not all(type(n) is int for n in sizes):
        raise UsageProblem(
            f"--image {path}: the input {show(shape)} is no image", expected="an input such as 3x224x224"
        )
    return photo(path, sizes[0], sizes[1])


def _which(graph: Graph, layer: str | None) -> list[str]:
    """A note where a network has several outputs and none of them was named."""
    if layer is not None or len(graph.outputs) < 2:
        return []
    names = ", ".join(graph.nodes[edge.node].name for edge in graph.outputs)
    return [f"This is the first of {len(graph.outputs)} outputs ({names}); --layer asks about another."]


def _coverage(common: Common, found: Coverage, map: bool, notes: list[str], image: str | None) -> Answer:
    """How much of the field of one position contributes."""
    from convcalc.render.views.solve.coverage import coverage_table, text_maps

    table = coverage_table(found)
    table.notes = (*table.notes, *notes)

    def data() -> dict[str, Any]:
        return {"name": common.spec, "regions": [found.to_dict(maps=map)]}

    def picture() -> Drawing:
        from convcalc.render.pictures.questions.field import over_input

        under = _photo(image, found.field.input_shape) if image is not None else None
        return over_input(found, image=under)

    return Answer([table, *(text_maps(found) if map else ())], data, picture=picture)


def _regions(fields: ReceptiveField, place: tuple[int, ...], layer: str | None, of: str | None) -> Answer:
    """The input region of one position."""
    from convcalc.render.views.solve.receptive_field import regions_table

    regions = [region for region in fields.at(place, layer) if of in (None, region.input)]
    table = regions_table(regions)
    table.notes = (*table.notes, *_which(fields.graph, layer))
    return Answer([table], lambda: {"name": fields.name, "regions": [r.to_dict() for r in regions]})


def _layers(common: Common, fields: ReceptiveField, of: str | None) -> Answer:
    """The field of every layer, or of some; ``--layer`` with the name of a block is what leaves it."""
    from convcalc.render.views.solve.receptive_field import fields_table, tree

    rows, layer = fields.layers, common.layer
    if layer is not None and not any(mark in layer for mark in "*?["):
        one = None if layer is not None and any(mark in layer for mark in "*?[") else layer
        rows = fields.of(one)
    rows = [row for row in rows if of in (None, row.input)]
    whole = len(rows) == len(fields.layers)
    table = fields_table(fields, None if whole else rows)
    if not whole:
        common.layer = None
    several = len({row.input for row in rows}) > 1
    drawn = partial(tree, fields) if whole and not several else None
    found = chosen(common, table, "size", fields.name, drawn)
    return Answer(
        [found.table],
        lambda: {**fields.to_dict(), "layers": found.records([row.to_dict() for row in rows])},
    )
