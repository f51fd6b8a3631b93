"""``cost``: bytes that must move, and the least time on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.hardware import Device
from convcalc.cli.options import EXACT, FORM, GRAPH, NOTATION, ROWS, SIZED, SPECS, Common, command
from convcalc.cli.rows import chosen, more, refuse
from convcalc.render.answer import Answer

if TYPE_CHECKING:
    from convcalc.calculators.hardware.devices import Device as OnDevice
    from convcalc.calculators.hardware.roofline import Cost
    from convcalc.render.pictures.drawing import Drawing

Bits = Annotated[
    list[str] | None,
    typer.Option(
        "--bits",
        metavar="[LAYER=]wNaN",
        help="Bits of weights and activations: w4a8; may be given again for some: 'stem.*=w8a16'.",
    ),
]
Sparsity = Annotated[
    list[str] | None,
    typer.Option(
        "--sparsity",
        metavar="[LAYER=]N%",
        help="Share of the weights that is zero, and neither stored nor multiplied.",
    ),
]


@command(SPECS, *GRAPH, *SIZED, *ROWS, EXACT, NOTATION, *FORM, pictures=True)
def cost(
    common: Common,
    device: Device = None,
    peak: Annotated[
        str | None,
        typer.Option("--peak", metavar="NAME", help="Another peak of the device, such as tf32."),
    ] = None,
    bandwidth: Annotated[
        str | None,
        typer.Option("--bandwidth", metavar="NAME", help="Another memory of the device, such as TCM."),
    ] = None,
    bits: Bits = None,
    sparsity: Sparsity = None,
    arena: Annotated[
        bool,
        typer.Option(
            "--arena",
            help="RAM and flash of a microcontroller: the best order, in place, packed by lifetime.",
        ),
    ] = False,
    align: Annotated[
        int | None, typer.Option("--align", metavar="N", min=1, help="With --arena: bytes of alignment.")
    ] = None,
) -> Answer:
    """Bytes that must move, what bounds each layer, and the least time on a device.

    The time of a layer is no less than max(FLOPs / peak, bytes / bandwidth), with its input, weights and
    output moved once. Several networks stand side by side.
    """
    from convcalc.calculators.hardware.devices import device as read_device
    from convcalc.calculators.hardware.roofline import costs
    from convcalc.cli.output import UsageProblem

    if device is None:
        for name, value in (("--peak", peak), ("--bandwidth", bandwidth)):
            if value is not None:
                raise UsageProblem(f"{name} {value} is of a device", expected="--device NAME beside it")
    on = None if device is None else read_device(device)
    if arena:
        return _arena(common, on, peak or bandwidth, align, bits, sparsity)
    if align is not None:
        raise UsageProblem(f"--align {align} is of an arena", expected="--arena beside it")
    found = [
        costs(common.analyze(spec), on, peak=peak, bandwidth=bandwidth, bits=bits, sparsity=sparsity)
        for spec in common.specs
    ]

    def picture() -> Drawing:
        from convcalc.render.pictures.questions.roofline import roofline

        return roofline(found)

    if len(found) == 1:
        return _layers(common, found[0])._replace(picture=picture)
    refuse(common, "several networks", "layer", "depth", "sort", "top", "tree", "flat")
    from convcalc.render.views.count.cost import side_by_side

    def data() -> dict[str, Any]:
        return {"networks": [one.to_dict() for one in found]}

    return Answer([side_by_side(found, exact=common.exact)], data, picture=picture)


def _arena(
    common: Common,
    on: OnDevice | None,
    rate: str | None,
    align: int | None,
    bits: list[str] | None,
    sparsity: list[str] | None,
) -> Answer:
    """RAM and flash of a microcontroller."""
    from convcalc.calculators.hardware.arena import ALIGN, arena_of
    from convcalc.cli.output import UsageProblem
    from convcalc.render.views.arena import table

    if len(common.specs) > 1:
        raise UsageProblem("--arena is of one network", expected="one SPEC")
    if rate is not None:
        raise UsageProblem("--peak and --bandwidth are of a bound of time", expected="no --arena beside them")
    refuse(common, "--arena", "layer", "depth", "sort", "top", "tree", "flat")
    report = common.analyze(common.specs[0])
    found = arena_of(report, on, align=align or ALIGN, bits=bits, sparsity=sparsity)

    def picture() -> Drawing:
        from convcalc.render.pictures.arena import arena

        return arena(found)

    return Answer([table(found, exact=common.exact)], found.to_dict, picture=picture)


def _layers(common: Common, found: Cost) -> Answer:
    from convcalc.render.views.count.cost import table, tree

    whole = table(found, exact=common.exact)
    main = "time" if found.device is not None else "bytes"
    rows = chosen(common, whole, main, found.name, lambda inside, **settings: tree(found, inside, **settings))
    if rows.table.tree is None:
        rows.table.more = more(whole, main) if common.depth is not None else ""

    def data() -> dict[str, Any]:
        layers = [layer.to_dict() for layer in found.layers]
        return {**found.to_dict(), "layers": rows.records(layers)}

    return Answer([rows.table], data)
