"""``list``, ``show`` and ``schema``: what convcalc knows, and how it is written."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from convcalc.cli.options import FORM, GRAPH, JSON, OUTPUT, SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.files import write_whole
from convcalc.render.answer import Answer, File
from convcalc.render.table import Column, Table, Text

KINDS = ("networks", "layers", "blocks")


@command(*FORM)
def list_names(
    common: Common,
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[networks|layers|blocks]",
            help="Only these.",
            autocompletion=lambda incomplete: [kind for kind in KINDS if kind.startswith(incomplete)],
        ),
    ] = None,
) -> Answer:
    """Networks, layers and blocks that convcalc knows."""
    from convcalc.render import numbers

    if kind is not None and kind not in KINDS:
        from convcalc.spec.errors import nearest_name

        raise UsageProblem(
            f"there are no {kind!r} to list", expected=", ".join(KINDS), nearest=nearest_name(kind, KINDS)
        )
    rows: list[tuple[str, ...]] = []
    if kind in (None, "networks"):
        rows += _networks()
    if kind in (None, "layers"):
        rows += _layers()
    if kind in (None, "blocks"):
        rows += _blocks()
    columns = (
        Column("kind", "kind", numbers.label, "left"),
        Column("name", "name", numbers.label, "left"),
        Column("about", "about", numbers.label, "left", 0, 20),
        Column("arguments", "arguments", numbers.label, "left", 1, 20),
    )
    return Answer([Table(columns, rows)])


def _networks() -> list[tuple[str, ...]]:
    from convcalc.spec.library import zoo_names, zoo_text

    return [("network", name, _source(zoo_text(name)), "") for name in zoo_names()]


def _source(text: str) -> str:
    found = re.search(r"^source: *(.+)$", text, re.MULTILINE)
    return found[1].strip().strip("\"'") if found else ""


def _layers() -> list[tuple[str, ...]]:
    from convcalc.layers import ALIASES, lookup, names

    rows: list[tuple[str, ...]] = []
    for name in names():
        other = [alias for alias, op in ALIASES.items() if op == name]
        layer = lookup(name)
        also = f" Also {', '.join(other)}." if other else ""
        rows.append(("layer", name, layer.about() + also, _options(layer)))
    return rows


def _options(layer: Any) -> str:
    from convcalc.layers.base import INFER, REQUIRED

    words = [place for place in layer.positional]
    done = {field for place in layer.positional for field in place.split("->")}
    for option in layer.options:
        if option.field in done:
            continue
        name = option.short or option.field
        if option.default is REQUIRED:
            words.append(name)
        elif option.default in (INFER, None):
            words.append(f"[{name}]")
        else:
            words.append(f"{name}={_plain(option.default)}")
    return " ".join(words)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _blocks() -> list[tuple[str, ...]]:
    from convcalc.spec.library import block_about, block_names, block_text

    rows: list[tuple[str, ...]] = []
    for name in block_names():
        signature = re.match(r"\s*\w+(\(.*\))?\s*:", block_text(name))
        rows.append(("block", name, block_about(name), (signature and signature[1]) or "()"))
    return rows


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

        layer = lookup(ALIASES.get(name, name))
        return f"{layer.op} {_options(layer)}".strip() + "\n\n" + inspect.cleandoc(layer.__doc__ or "")
    source = common.source()
    return source.text or _structured(common)


@command(JSON, OUTPUT)
def schema(common: Common) -> Answer:
    """JSON Schema of the document form, for editors."""
    import json

    from convcalc.spec.document.schema import json_schema

    return Answer([Text(json.dumps(json_schema(), indent=2, ensure_ascii=False))])
