"""``explain``: what a layer, a block or a spec does, with its formulas; topics, for people who ask why."""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli import completion
from convcalc.cli.options import GRAPH, JSON, MARKDOWN, NOTATION, OUTPUT, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.render.answer import Answer
from convcalc.render.table import Text

if TYPE_CHECKING:
    from convcalc.graph import Graph


@command(*GRAPH, NOTATION, JSON, MARKDOWN, OUTPUT)
def explain(
    common: Common,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC] [SPEC]",
            help="A topic, in any spelling, then a SPEC for its numbers; or a layer, a block or a SPEC. "
            "Nothing lists the topics.",
            autocompletion=completion.explained,
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option("--layer", "-l", metavar="NAME", help="Only this layer of the spec.")
    ] = None,
    why: Annotated[
        bool, typer.Option("--why", help="The topic, where a layer or block has the same name.")
    ] = False,
) -> Answer:
    """What a layer, block or spec does, with its formulas; and why.

    SPEC may be the name of a layer or block, for the formulas in letters. The formulas come out of the
    calculators themselves, run on letters; of a spec with numbers, they are put in line by line. A TOPIC
    ("depthwise separable", roofline) is a law with where it comes from; --input and --set K=5 put your
    numbers in. --notation latex is for amsmath.
    """
    from convcalc.spec.topics import is_layer_or_block, nearest_topic

    texts = [word for word in words or () if word.strip()]
    if not texts:
        return _listed(common)
    topic, rest = _topic(texts)
    if why and topic is None:
        raise UsageProblem(
            f"there is no topic {' '.join(texts)!r}",
            expected="one of 'convcalc list topics'",
            nearest=nearest_topic(" ".join(texts)),
        )
    several = len(texts) - len(rest) > 1  # "shift" may be the layer, "depthwise separable" is none
    if topic is not None and (why or several or not is_layer_or_block(texts[0].strip())):
        return _why(common, topic, " ".join(rest), layer)
    common.spec = " ".join(texts)
    return _what(common, layer)


def _topic(words: list[str]) -> tuple[str | None, list[str]]:
    """The topic that the first words name, as many as can be, and the words after it."""
    from convcalc.spec.topics import topic_called

    for count in range(len(words), 0, -1):
        found = topic_called(" ".join(words[:count]))
        if found is not None:
            return found, words[count:]
    return None, words


def _listed(common: Common) -> Answer:
    """The topics, where nothing is asked for."""
    from convcalc.render.views.catalog import tables
    from convcalc.spec.catalog import catalog

    found = catalog(kind="topics")
    return Answer(list(tables(found)), lambda: [entry.to_dict() for entry in found])


def _why(common: Common, name: str, spec: str, layer: str | None) -> Answer:
    """A topic, with the numbers of the options or of a spec."""
    import convcalc
    from convcalc.render.views.design import topics as render

    if layer is not None and not spec:
        raise UsageProblem(
            "--layer is for a SPEC after the topic", expected=f"convcalc explain {name!r} SPEC"
        )
    assigned: dict[str, Any] = {**common.assignments()}
    graph = None
    if spec:
        own = set(convcalc.topic(name).numbers())
        inner = Common(vars(common))
        inner.set = [text for text in common.set or () if text.partition("=")[0].strip() not in own]
        graph = inner.load(spec)
        assigned = {letter: value for letter, value in assigned.items() if letter in own}
    found = convcalc.topic(
        name, graph, layer=layer, input=None if spec else common.shapes(), set=assigned or None
    )
    latex = common.notation == "latex"
    seen = sys.stdout.isatty() and common.output is None
    width = min(render.WIDTH, shutil.get_terminal_size().columns) if seen else render.WIDTH
    text = render.to_latex(found) if latex else render.to_text(found, common.notation, max(width, 20))
    return Answer(
        [Text(text, prose=not latex)],
        found.to_dict,
        forms={
            "markdown": lambda: render.to_markdown_text(found),
            "latex": lambda: render.to_latex(found),
        },
    )


def _what(common: Common, layer: str | None) -> Answer:
    """A layer, a block or a spec."""
    import convcalc
    from convcalc.render.views.design import explain as render

    target = _target(common)
    given = {"input": common.shapes(), "set": common.assignments()} if isinstance(target, str) else {}
    found = convcalc.explain(target, layer=layer, **given)
    latex = common.notation == "latex"
    text = render.to_latex(found) if latex else render.to_text(found, common.notation)
    parts = [Text(text, prose=not latex)]
    if isinstance(target, str) and not latex and (related := _related(target)):
        parts.append(Text(f"why: convcalc explain {related}\n"))
    return Answer(
        parts,
        found.to_dict,
        forms={
            "markdown": lambda: render.to_markdown_text(found),
            "latex": lambda: render.to_latex(found),
        },
    )


def _related(name: str) -> str | None:
    """How the topic is asked for that a layer or block shares its name or its subject with."""
    from convcalc.spec.topics import asked, declaration, topic_called, topics

    found = topic_called(name) or next((t for t in topics() if declaration(t).get("layer") == name), None)
    return None if found is None else asked(found)


def _target(common: Common) -> str | Graph:
    """The name of a layer or block as it is; a spec as a graph."""
    from convcalc.layers import ALIASES, OPS
    from convcalc.spec import library
    from convcalc.spec.errors import SpecError

    name = common.spec.strip()
    bare = name in OPS or name in ALIASES
    if (bare and not common.input) or library.has_block(name):
        return name
    try:
        return common.load()
    except SpecError as error:
        from convcalc.spec.topics import nearest_topic

        near = nearest_topic(name) if re.fullmatch(r"[\w\s'-]+", name) else None
        if near is None or any(problem.nearest for problem in error.problems):
            raise
        raise UsageProblem(
            f"there is no topic, layer, block, network or file {name!r}",
            expected="a SPEC, or a topic of 'convcalc list topics'",
            nearest=near,
        ) from None
