"""``compare``: networks side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.budget import apart
from convcalc.cli.hardware import Device
from convcalc.cli.options import AS, COUNT, EXACT, FORM, GRAPH, NOTATION, SPECS, Common, command
from convcalc.cli.output import INTERRUPTED, UsageProblem, note
from convcalc.cli.progress import Advance, progress
from convcalc.cli.training import Optimizer, Training
from convcalc.render.answer import Answer

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.render.pictures.drawing import Drawing


@command(SPECS, *GRAPH, *COUNT, AS, EXACT, NOTATION, *FORM, pictures=True)
def compare(
    common: Common,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", metavar="SPEC", help="What the others are compared with: a spec, or its number."
        ),
    ] = None,
    layers: Annotated[
        bool | None,
        typer.Option(
            "--layers/--no-layers",
            help="Layer by layer: added, removed, changed. On for two versions of one document.",
        ),
    ] = None,
    training: Training = False,
    optimizer: Optimizer = None,
    device: Device = None,
) -> Answer:
    """Networks side by side: costs, differences, ratios.

    --set 2:NAME=VALUE and --input 2:CxHxW are for the second of them only.
    """
    import convcalc
    from convcalc.calculators.compare.networks import letters
    from convcalc.render.views.design.compare import tables

    if optimizer is not None and not training:
        raise UsageProblem("--optimizer goes with --training", expected="both of them, or neither")
    if len(common.specs) < 2:
        raise UsageProblem("a comparison needs two specs or more", expected="convcalc compare A B")
    base = _baseline(common.specs, baseline)
    with progress() as advance:
        graphs = _loaded(common, base, advance)
        result = apart(convcalc.compare)(
            *graphs,
            baseline=base,
            labels=(_labels(common.specs) or letters(len(common.specs)))[: len(graphs)],
            layers=layers,
            batch=common.batch,
            dtype=common.dtype,
            partial=common.partial,
            counted_as=common.counted_as or (),
            training={"optimizer": optimizer or "sgd"} if training else None,
            device=device,
            progress=advance,
        )
    if common.counted_as:
        from convcalc.calculators.conventions.bridge import assumed

        for text in dict.fromkeys(text for graph in graphs for text in assumed(graph, common.counted_as)):
            note(text)
    if len(graphs) < len(common.specs):
        result = replace(result, asked=len(common.specs))
    code = 0 if result.complete else INTERRUPTED

    def picture() -> Drawing:
        from convcalc.render.pictures.questions.comparison import side_by_side

        return side_by_side(result)

    parts = list(tables(result, exact=common.exact))
    if training:
        parts[0].notes += (f"Memory in training: the peak of a step in fp32 with {optimizer or 'sgd'}.",)
    if device is not None:
        parts[0].notes += (f"The bound of time is the least time on {device}, no prediction.",)
    return Answer(parts, result.to_dict, code, picture=picture)


def _loaded(common: Common, baseline: int, advance: Advance | None) -> list[Graph]:
    """The graph of every spec; where it is interrupted, of those that were read, if they can be compared."""
    graphs: list[Graph] = []
    load = apart(_load)
    try:
        for number, spec in enumerate(common.specs):
            if advance is not None:
                advance(number, len(common.specs), spec)
            graphs.append(load(common, number))
    except KeyboardInterrupt:
        if len(graphs) < max(2, baseline + 1):
            raise
    return graphs


def _labels(specs: list[str]) -> list[str] | None:
    """The specs themselves where they are short names, else letters."""
    plain = all(len(spec) <= 32 and " " not in spec and spec.isprintable() for spec in specs)
    return list(specs) if plain and len(set(specs)) == len(specs) and "-" not in specs else None


def _baseline(specs: list[str], given: str | None) -> int:
    if given is None:
        return 0
    if given in specs:
        return specs.index(given)
    if given.isdecimal() and 1 <= int(given) <= len(specs):
        return int(given) - 1
    if len(given) == 1 and 0 <= ord(given.upper()) - ord("A") < len(specs):
        return ord(given.upper()) - ord("A")
    raise UsageProblem(
        f"--baseline {given!r} is none of the specs",
        expected=f"one of them, or a number from 1 to {len(specs)}",
    )


def _load(common: Common, number: int) -> Graph:
    """The graph of one of the specs, with the options that are for it."""
    from convcalc.spec.loading import build

    own = own_options(common, number)
    return build(own.source(common.specs[number]), input=own.shapes(), set=own.assignments())


def own_options(common: Common, number: int) -> Common:
    """The options of a command of several specs that are for one of them."""
    own = Common(vars(common))
    own.set = _mine("--set", common.set, number, len(common.specs))
    own.input = _mine("--input", common.input, number, len(common.specs))
    return own


def _mine(option: str, texts: Any, number: int, count: int) -> list[str] | None:
    """What an option says to one spec: ``2:alpha=0.5`` is for the second, ``alpha=0.5`` for all."""
    general: list[str] = []
    own: list[str] = []
    for text in texts or ():
        head, colon, rest = text.partition(":")
        if not colon or not head.isdecimal():
            general.append(text)
        elif not 1 <= int(head) <= count:
            raise UsageProblem(f"{option} {text!r}: there are {count} specs", expected=f"1: to {count}:")
        elif int(head) == number + 1:
            own.append(rest)
    named = {text.partition("=")[0].strip() for text in own}
    if option == "--input" and own:
        general = [text for text in general if "=" in text]
    kept = [text for text in general if text.partition("=")[0].strip() not in named]
    return (kept + own) or None
