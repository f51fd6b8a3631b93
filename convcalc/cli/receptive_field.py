"""``rf``: receptive fields of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from convcalc.cli.options import FORM, GRAPH, SPEC, Common, command
from convcalc.cli.output import UsageProblem, emit

if TYPE_CHECKING:
    from convcalc.calculators.receptive_field import ReceptiveField


def indices(text: str, option: str) -> tuple[int, ...]:
    """``3,5`` as indices.

    Raises:
        UsageProblem: it is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(
        part.lstrip("-").isascii() and part.lstrip("-").isdigit() and len(part) < 19 for part in parts
    ):
        raise UsageProblem(f"{option} {text!r} is no position", expected="one index an axis, such as 3,5")
    return tuple(map(int, parts))


@command(SPEC, *GRAPH, *FORM)
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
) -> None:
    """What a pixel sees: receptive field, stride, padding, centre.

    One row a layer: size of the field, effective stride and padding in input pixels, centre of the
    first output. Output i sees [i*stride - padding, i*stride - padding + field - 1].
    """
    import convcalc

    fields = convcalc.receptive_field(common.load(), start=start)
    if at is not None:
        from convcalc.render.receptive_field import regions_table

        found = fields.at(indices(at, "--at"), layer)
        data = {"name": fields.name, "regions": [region.to_dict() for region in found]}
        emit(regions_table(found), common.form, data)
        return
    _layers(common, fields, layer)


def _layers(common: Common, fields: ReceptiveField, layer: str | None) -> None:
    from convcalc.render.receptive_field import fields_table

    rows = None if layer is None else fields.of(layer)
    data = None
    if common.json:
        data = fields.to_dict()
        if rows is not None:
            data["layers"] = [row.to_dict() for row in rows]
    emit(fields_table(fields, rows), common.form, data)
