"""``explain``: what a layer, a block or a spec does, with its formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from convcalc.cli.options import GRAPH, JSON, MARKDOWN, NOTATION, OUTPUT, SPEC, Common, command
from convcalc.render.answer import Answer
from convcalc.render.table import Text

if TYPE_CHECKING:
    from convcalc.graph import Graph


@command(SPEC, *GRAPH, NOTATION, JSON, MARKDOWN, OUTPUT)
def explain(
    common: Common,
    layer: Annotated[
        str | None, typer.Option("--layer", "-l", metavar="NAME", help="Only this layer of the spec.")
    ] = None,
) -> Answer:
    """What a layer, block or spec does, with its formulas.

    SPEC may be the name of a layer or block, for the formulas in letters. The formulas come out of the
    calculators themselves, run on letters; of a spec with numbers, they are put in line by line.
    --notation latex is for amsmath.
    """
    import convcalc
    from convcalc.render.views import explain as render

    target = _target(common)
    given = {"input": common.shapes(), "set": common.assignments()} if isinstance(target, str) else {}
    found = convcalc.explain(target, layer=layer, **given)
    latex = common.notation == "latex"
    text = render.to_latex(found) if latex else render.to_text(found, common.notation)
    return Answer(
        [Text(text, prose=not latex)],
        found.to_dict,
        forms={
            "markdown": lambda: render.to_markdown_text(found),
            "latex": lambda: render.to_latex(found),
        },
    )


def _target(common: Common) -> str | Graph:
    """The name of a layer or block as it is; a spec as a graph."""
    from convcalc.layers import ALIASES, OPS
    from convcalc.spec import library

    name = common.spec.strip()
    bare = name in OPS or name in ALIASES
    if (bare and not common.input) or library.has_block(name):
        return name
    return common.load()
