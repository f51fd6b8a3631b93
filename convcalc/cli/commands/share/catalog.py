"""``list``, ``show`` and ``schema``: what convcalc knows, and how it is written."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import EXACT, FORM, GRAPH, JSON, OUTPUT, SORT, SPEC, TOP, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.files import write_whole
from convcalc.render.answer import Answer, File
from convcalc.render.table import Text

KINDS = ("networks", "layers", "blocks", "topics")
"""As in :data:`convcalc.spec.catalog.KINDS`, which help and completion need not load."""


@command(SORT, TOP, EXACT, *FORM)
def list_names(
    common: Common,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[networks|layers|blocks|topics] [PATTERN]...",
            help="Only one kind; only what matches: part of a name, a glob such as 'resnet*', the beginning "
            "of a word of where it was published.",
            autocompletion=lambda incomplete: [kind for kind in KINDS if kind.startswith(incomplete)],
        ),
    ] = None,
) -> Answer:
    """Networks, layers and blocks that convcalc knows, and topics that it explains."""
    from convcalc.render.views.catalog import tables, whole
    from convcalc.spec.catalog import catalog

    kind, patterns = _asked(what or [])
    found = catalog(patterns, kind)
    if not found:
        raise _nothing(patterns, kind)
    if common.sort is not None or common.top is not None:
        order = common.choose(whole(found), "macs" if kind in (None, "networks") else "name")
        found = [found[i] for i in order]
    parts = [whole(found, exact=common.exact)] if common.form == "csv" else tables(found, exact=common.exact)
    return Answer(parts, lambda: [entry.to_dict() for entry in found])


def _asked(words: list[str]) -> tuple[str | None, list[str]]:
    """Which kind is asked for, if one is, and the patterns."""
    first = words[0].lower() if words else ""
    for kind in KINDS:
        if first in (kind, kind[:-1]):
            return kind, words[1:]
    return None, words


def _nothing(patterns: list[str], kind: str | None) -> UsageProblem:
    """Nothing matches: what does, by a name that is near, or in another kind."""
    from convcalc.spec.catalog import catalog
    from convcalc.spec.errors import nearest_name
    from convcalc.spec.library import spelt

    asked = " ".join(patterns)
    elsewhere = [entry for entry in catalog(patterns)] if kind else []
    if elsewhere:
        other = elsewhere[0].kind
        return UsageProblem(
            f"there are no {kind} that match {asked!r}",
            expected=f"{other}s",
            nearest=f"list {other}s {asked}",
        )
    names = {entry.name: entry.name for entry in catalog((), kind)}
    names |= {spelt(name.rstrip("0123456789")): name for name in reversed(names)}
    near = nearest_name(spelt(asked), [*KINDS, *names])
    return UsageProblem(
        f"nothing matches {asked!r}",
        expected="part of a name, a glob such as 'resnet*', or the beginning of a word of its source",
        nearest=near,
    )


@command(SPEC, *GRAPH, JSON, OUTPUT, files=(".yaml",))
def show(
    common: Common,
    expand: Annotated[
        bool,
        typer.Option("--expand", "-x", help="Every layer in one line, with blocks and loops written out."),
    ] = False,
) -> Answer:
    """The source text of a network or block."""
    text = _expanded(common) if expand else _text(common)

    def write(path: str) -> str:
        write_whole(path, text.encode())
        return "a document" if not expand else "a spec"

    return Answer([Text(text)], lambda: {"name": common.spec, "text": text}, files={".yaml": File(write)})


def _expanded(common: Common) -> str:
    from convcalc.exporters.text import format_graph

    return format_graph(common.load())


def _structured(common: Common) -> str:
    from convcalc.exporters.document import to_spec

    return to_spec(common.load())


def _text(common: Common) -> str:
    from convcalc.layers import ALIASES, lookup, names
    from convcalc.spec import library

    if common.input or common.set:
        raise UsageProblem("--input and --set need --expand: the source text is shown as it is written")
    name = common.spec.strip()
    if name in library.zoo_names():
        return library.zoo_text(name)
    if library.has_block(name):
        return library.block_text(name)
    if name in names() or name in ALIASES:
        import inspect

        from convcalc.spec.catalog import options

        layer = lookup(ALIASES.get(name, name))
        return f"{layer.op} {options(layer)}".strip() + "\n\n" + inspect.cleandoc(layer.__doc__ or "")
    source = common.source()
    return source.text or _structured(common)


@command(JSON, OUTPUT)
def schema(common: Common) -> Answer:
    """JSON Schema of the document form, for editors."""
    import json

    from convcalc.spec.document.schema import json_schema

    return Answer([Text(json.dumps(json_schema(), indent=2, ensure_ascii=False))])
