"""What a shell offers to complete: networks, files, blocks, layers and variables of the SPEC, choices.

Completion never tells of errors: what cannot be read has nothing to offer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from numbers import Rational
from typing import Any, Final

FILES: Final = (
    ".yaml",
    ".yml",
    ".json",
    ".spec",
    ".txt",
    ".py",
    ".onnx",
    ".pt2",
    ".pt",
    ".pth",
    ".keras",
    ".h5",
    ".safetensors",
)
"""Endings of files that a SPEC may be."""


def spec(incomplete: str) -> list[str]:
    """Networks, blocks and layers that start like what was typed, and files beside them."""
    from convcalc.layers import names
    from convcalc.spec.library import block_names, zoo_names

    known = _starting(incomplete, (*zoo_names(), *block_names(), *names()))
    return [*known, *files(incomplete, FILES)]


def explained(incomplete: str) -> list[str]:
    """Topics, by the words that a shell takes for one, and what a SPEC may be."""
    from convcalc.spec.topics import topics

    names = [name.lower().replace(" ", "-") for name in topics()]
    return [*_starting(incomplete.lower(), names), *(word for word in spec(incomplete) if word not in names)]


def files(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    """Files of these endings, and folders, that start like what was typed."""
    folder, _, start = incomplete.rpartition("/")
    before = incomplete[: len(incomplete) - len(start)]
    found = []
    with suppress(OSError), os.scandir(folder or (before or ".")) as entries:
        for entry in entries:
            if not entry.name.startswith(start) or (entry.name.startswith(".") and not start):
                continue
            if entry.is_dir():
                found.append(f"{before}{entry.name}/")
            elif entry.name.endswith(endings):
                found.append(before + entry.name)
    return sorted(found)


def layers(ctx: Any, incomplete: str) -> list[str]:
    """Layers and blocks of the SPEC that stands on the line."""
    graph = _graph(ctx)
    names: dict[str, None] = {}
    for number, node in enumerate(graph.nodes if graph is not None else ()):
        if number in graph.inputs:
            continue
        parts = node.name.split(".")
        names.update(dict.fromkeys(".".join(parts[:length]) for length in range(1, len(parts) + 1)))
    return _starting(incomplete, names)


def inputs(ctx: Any, incomplete: str) -> list[str]:
    """The shape that the SPEC states for its input; with names where it has several."""
    graph = _graph(ctx)
    nodes = [graph.nodes[index] for index in graph.inputs] if graph is not None else []
    shapes = {node.name: "x".join(map(str, node.outputs[0])) for node in nodes}
    stated = [
        shape if len(nodes) == 1 else f"{name}={shape}" for name, shape in shapes.items() if "?" not in shape
    ]
    return _starting(incomplete, stated)


def variables(ctx: Any, incomplete: str) -> list[str]:
    """Variables of the document on the line, each with the value it has."""
    graph = _graph(ctx)
    held = graph.variables if graph is not None else {}
    return _starting(incomplete, [f"{name}={value}" for name, value in held.items()])


def tools() -> tuple[str, ...]:
    """Names of the conventions by which ``--as`` counts."""
    from convcalc.calculators.conventions.declaration import names

    return names()


def tool(incomplete: str) -> list[str]:
    """Names of conventions that start like what was typed."""
    return _starting(incomplete, tools())


def device(incomplete: str) -> list[str]:
    """Names of devices that start like what was typed, and files that may be one."""
    from convcalc.calculators.hardware.devices import ENDINGS, names

    return [*_starting(incomplete.lower(), names()), *files(incomplete, ENDINGS)]


def ranges(ctx: Any, incomplete: str) -> list[str]:
    """What ``fit`` can vary: numbers of the document on the line, and the resolution."""
    graph = _graph(ctx)
    held = graph.variables if graph is not None else {}
    numeric = [name for name, value in held.items() if isinstance(value, Rational)]
    return _starting(incomplete, [f"{name}=" for name in (*numeric, "resolution")])


def columns(ctx: Any, incomplete: str) -> list[str]:
    """Columns by which the rows of a counting command can be ordered, where its SPEC has them."""
    from convcalc.calculators.count.report import analyze
    from convcalc.render.views.count.report import VIEWS

    graph = _graph(ctx)
    if graph is None or ctx.info_name not in VIEWS:
        return []
    with suppress(Exception):
        return _starting(incomplete, [column.key for column in analyze(graph).table(ctx.info_name).columns])
    return []


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _spec(ctx: Any) -> str:
    # Where an option waits for its value, the parser leaves the words before it unread.
    given = (
        ctx.params.get("spec")
        or ctx.params.get("specs")
        or ctx.params.get("words")
        or [word for word in ctx.args if word[:1] != "-"]
    )
    return str(given[0] if given else "") if isinstance(given, (list, tuple)) else str(given)


def _graph(ctx: Any) -> Any:
    """The graph of the SPEC on the line; None where there is none yet."""
    text = _spec(ctx)
    if not text or text == "-":
        return None
    from convcalc.spec.loading import build
    from convcalc.spec.lookup import find

    settings = dict(one.split("=", 1) for one in _given(ctx, "set", ("--set",)) if "=" in one)
    shapes = _given(ctx, "input", ("--input", "-i"))
    named = bool(shapes) and all("=" in shape for shape in shapes)
    with suppress(Exception):
        input = dict(shape.split("=", 1) for shape in shapes) if named else next(iter(shapes), None)
        return build(find(text), input=input, set=settings)
    return None


def _given(ctx: Any, name: str, options: tuple[str, ...]) -> list[str]:
    """Values of an option that stand on the line already, read or not."""
    words = list(ctx.args)
    unread = [value for option, value in pairwise(words) if option in options]
    return [*(ctx.params.get(name) or ()), *unread]
