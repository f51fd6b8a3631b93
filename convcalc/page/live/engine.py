"""What the live page asks, answered: one function behind the server and in the browser.

A question is a dictionary with ``question`` and what it needs; the answer is one too, and holds what the
Python API returns as JSON holds it, or ``errors``. Whatever comes from a page is text of strangers: it is
never the name of a file, it imports nothing and writes nothing, and each question has a budget of steps
(:mod:`convcalc.budget`) whatever it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.budget import budget
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.loading import build
from convcalc.spec.lookup import text_or_name

if TYPE_CHECKING:
    from convcalc.graph import Graph

MAX_REQUEST: Final = 1_000_000
"""Longest question, in bytes of JSON."""
MAX_SPECS: Final = 4
"""Most networks beside each other."""
MAX_TEXT: Final = 300_000
"""Longest spec, in characters."""
MAX_LAYERS: Final = 5_000
"""Most layers of a network: more would take a browser too long to show."""


class Refused(ValueError):
    """A question that cannot be answered as it is put.

    Attributes:
        message: what is wrong.
        expected: what is accepted.
        nearest: the accepted value that is closest.
    """

    def __init__(self, message: str, expected: str | None = None, nearest: str | None = None) -> None:
        super().__init__(message)
        self.message, self.expected, self.nearest = message, expected, nearest


class Asked(NamedTuple):
    """One network of a question: its graph and the text it was read from."""

    graph: Graph
    text: str


def answer(request: Any) -> dict[str, Any]:
    """The answer to one question of the live page.

    Args:
        request: ``question`` says which (:data:`QUESTIONS`); besides ``specs`` or ``spec``, each a text or
            the name of a network, ``input`` (``3x32x32``, ``a=3x32x32, b=8``, or empty for the spec's own),
            and what the question names.

    Returns:
        what the question says, ready for JSON; or ``{"errors": [...]}``, each with ``message``, ``file``
        (``<spec>`` for the text itself, ``--input`` for the shape), ``line``, ``column`` and ``length`` in
        characters, from 1, ``expected``, ``nearest``, ``spec`` (which of several), ``text``, the whole
        error as a terminal shows it, and ``fix`` where following ``nearest`` was tried and mends this
        error: the ``spec`` or the ``input`` to put in the place of the old.
    """
    try:
        if not isinstance(request, Mapping):
            raise Refused("a question is an object", '{"question": "page", "specs": [...]}')
        name = request.get("question")
        ask = QUESTIONS.get(name) if isinstance(name, str) else None
        if ask is None:
            near = nearest_name(name, QUESTIONS) if isinstance(name, str) else None
            raise Refused(f"there is no question {str(name)[:40]!r}", ", ".join(QUESTIONS), near)
        with budget():
            return ask(request)
    except (ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        found = errors_of(error)
        if isinstance(error, _InSpec):
            with suppress(ValueError, ArithmeticError, RecursionError), budget():
                _add_fixes(found, request)
        return {"errors": found}


def errors_of(error: BaseException, spec: int = 0) -> list[dict[str, Any]]:
    """What went wrong, each fault with its place and as a terminal shows it; of the spec with that number."""
    if isinstance(error, _InSpec):
        return errors_of(error.error, error.spec)
    if isinstance(error, SpecError):
        return [{**problem.to_dict(), "text": str(problem), "spec": spec} for problem in error.told()]
    if isinstance(error, RecursionError):
        error = Refused("this is nested too deep to work out", "a simpler spec")
    elif isinstance(error, MemoryError):
        error = Refused("this takes more memory than there is", "a smaller input")
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    expected = getattr(error, "expected", None) or getattr(error, "hint", None)
    problem = Problem(str(message), line=0, expected=expected, nearest=getattr(error, "nearest", None))
    lines = [problem.message]
    lines += [f"  expected {problem.expected}"] if expected else []
    lines += [f"  did you mean {problem.nearest}?"] if problem.nearest else []
    return [{**problem.to_dict(), "file": "", "text": "\n".join(lines), "spec": spec}]


def _add_fixes(errors: list[dict[str, Any]], request: Mapping[str, Any]) -> None:
    """Put ``fix`` to the errors whose suggestion works when it is followed."""
    given = _given(request)
    for error in errors:
        place = (error["file"], error["line"], error["column"])
        text = _specs(request)[error["spec"]]
        fix = _fix(error, text)
        if fix is None:
            continue
        try:
            _built(fix.get("spec", text), **given | {k: v for k, v in fix.items() if k == "input"})
        except SpecError as other:
            if place in {(problem.file, problem.line, problem.column) for problem in other.problems}:
                continue
        error["fix"] = fix


def _fix(error: Mapping[str, Any], text: str) -> dict[str, str] | None:
    """What following a suggestion would write; None where it is no word to put in a place."""
    nearest = error["nearest"] or ""
    if shape := re.fullmatch(r"--input (\S+)(?: \(.*\))?", nearest):
        return {"input": shape[1]}
    if error["file"] != "<spec>" or not error["line"] or not re.fullmatch(r"[\w.+-]+", nearest):
        return None
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: error["line"] - 1]) + error["column"] - 1
    return {"spec": f"{text[:start]}{nearest}{text[start + error['length'] :]}"}


class _InSpec(ValueError):
    """An error of one of several specs."""

    def __init__(self, error: Exception, spec: int) -> None:
        super().__init__(str(error))
        self.error, self.spec = error, spec


def _text(request: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text of the question.

    Raises:
        Refused: it is none, or not there.
    """
    value = request.get(name, default)
    if not isinstance(value, str):
        raise Refused(f"{name!r} is no text", f'"{name}": "..."')
    return value


def _specs(request: Mapping[str, Any]) -> list[str]:
    given = request.get("specs", [request["spec"]] if "spec" in request else [])
    if not isinstance(given, list) or not all(isinstance(spec, str) for spec in given):
        raise Refused("'specs' is no list of texts", '"specs": ["conv 3->64 k3"]')
    if not 1 <= len(given) <= MAX_SPECS:
        raise Refused(f"{len(given)} specs", f"1 to {MAX_SPECS}")
    return given


def _given(request: Mapping[str, Any]) -> dict[str, Any]:
    """The shape and the variables of the question, as :func:`convcalc.load` takes them."""
    variables = request.get("set") or {}
    if not isinstance(variables, Mapping) or not all(
        isinstance(value, (str, int)) for value in variables.values()
    ):
        raise Refused("'set' is no object of numbers and texts", '"set": {"alpha": "1/2"}')
    return {"input": _text(request, "input", "").strip() or None, "set": dict(variables)}


def _graphs(request: Mapping[str, Any]) -> list[Asked]:
    """The networks of the question."""
    given = _given(request)
    found = []
    for number, text in enumerate(_specs(request)):
        try:
            found.append(Asked(_built(text, **given), text))
        except ValueError as error:
            raise _InSpec(error, number) from None
    return found


def _built(text: str, **given: Any) -> Graph:
    """The graph of a text from a page.

    Raises:
        SpecError: the text cannot be read, or the network has too many layers.
        Refused: the text is too long.
    """
    if len(text) > MAX_TEXT:
        raise Refused(f"a spec of {len(text):,} characters", f"at most {MAX_TEXT:,}")
    try:
        return build(text_or_name(text), max_layers=MAX_LAYERS, **given)
    except SpecError as error:
        for problem in error.problems:
            if "max_layers" in (problem.expected or ""):  # which nobody can give here
                problem.expected = "fewer repeats, or the commands in a terminal"
        raise


def _one(request: Mapping[str, Any]) -> Asked:
    found = _graphs(request)
    if len(found) > 1:
        raise Refused(f"{len(found)} specs", "one")
    return found[0]


def page(request: Mapping[str, Any]) -> dict[str, Any]:
    """All that a page shows of one network or more, and ``live``: what can be moved of each.

    Each entry of ``live`` has ``sliders`` (see :class:`convcalc.page.live.sliders.Slider`; empty where the
    network has no single window), ``layer``, the name of that window's layer, ``svg`` and ``caption`` of its
    picture, or ``why`` there is none, and ``sizes``, the input in one text.
    """
    from convcalc.page.data import options, page_data

    asked, given = _graphs(request), _given(request)
    more = [*options("--input", given["input"]), *options("--set", given["set"] or None)]
    found = page_data(*(one.graph for one in asked), texts=[[one.text, *more] for one in asked])
    return {**found, "live": [_live(one, request) for one in asked]}


def _live(asked: Asked, request: Mapping[str, Any]) -> dict[str, Any]:
    from convcalc.page.live.sliders import sliders, window
    from convcalc.spec.document.reading import is_document

    graph = asked.graph
    shapes = {graph.nodes[i].name: "x".join(map(str, graph.nodes[i].outputs[0])) for i in graph.inputs}
    sizes = (
        next(iter(shapes.values())) if len(shapes) == 1 else ", ".join(f"{k}={v}" for k, v in shapes.items())
    )
    found: dict[str, Any] = {
        "sliders": [], "layer": None, "svg": "", "caption": "", "why": "", "sizes": sizes,
    }  # fmt: skip
    node = window(graph)
    if node is None or is_document(asked.text) or text_or_name(asked.text).name != "<spec>":
        return found
    found["layer"] = node.name
    found["sliders"] = [slider._asdict() for slider in sliders(graph)]
    try:
        return found | _picture(graph, None)
    except ValueError as error:
        told = errors_of(error)[0]
        wanted = f"; expected {told['expected']}" if told["expected"] else ""
        return found | {"why": f"{told['message']}{wanted}"}


def draw(request: Mapping[str, Any]) -> dict[str, Any]:
    """The picture of a layer at work, for a page: ``svg`` and ``caption``.

    With ``at`` (``"2,3"``) it stands still at that position of the output.
    """
    at = _text(request, "at", "")
    place = [part.strip() for part in at.split(",")] if at.strip() else None
    if place is not None and not all(
        part.isascii() and part.isdecimal() and len(part) < 10 for part in place
    ):
        raise Refused(f"'at' {at[:40]!r} is no position", "one index per axis, such as 2,3")
    return _picture(_one(request).graph, None if place is None else tuple(map(int, place)))


def _picture(graph: Graph, place: tuple[int, ...] | None) -> dict[str, Any]:
    from convcalc.render.pictures.draw.answer import draw as drawn

    found = drawn(graph, place)
    return {"svg": found.to_svg(standalone=False), "caption": found.caption}


def move(request: Mapping[str, Any]) -> dict[str, Any]:
    """The ``spec`` in which ``key`` (``kernel``, ``stride``, ...) has another ``value``."""
    from convcalc.page.live.sliders import moved

    value = request.get("value")
    if type(value) is not int or not 0 <= value <= 10_000:
        raise Refused("'value' is no whole number", "0 to 10000")
    given = _given(request)
    return {"spec": moved(_specs(request)[0], _text(request, "key"), value, **given)}


def export(request: Mapping[str, Any]) -> dict[str, Any]:
    """The network as a file: ``text`` and ``name``; ``to`` is ``yaml``, ``pytorch`` or ``report``."""
    to = _text(request, "to")
    if to == "report":
        from convcalc.page.html import render

        data = page(request)
        del data["live"]
        names = [network["name"] for network in data["networks"]]
        return {"text": render(data), "name": f"{_file_name(' and '.join(names))}.html"}
    endings = {"yaml": "yaml", "pytorch": "py"}
    if to not in endings:
        near = nearest_name(to, [*endings, "report"])
        raise Refused(f"there is no export to {to[:40]!r}", "yaml, pytorch or report", near)
    graph = _one(request).graph
    if to == "yaml":
        from convcalc.exporters.document import to_spec

        text = to_spec(graph)
    else:
        from convcalc.exporters.pytorch.source import to_pytorch

        text = to_pytorch(graph)
    return {"text": text, "name": f"{_file_name(graph.name)}.{endings[to]}"}


def _file_name(name: str) -> str:
    """A name that every system takes: letters, digits, dashes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or "network"


def names(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a spec may name: ``networks``, ``layers`` and ``blocks``, each with one sentence."""
    from convcalc.layers import lookup
    from convcalc.layers import names as layer_names
    from convcalc.spec.library import block_about, block_names, zoo_names, zoo_text

    return {
        "networks": [{"name": name, "about": _source(zoo_text(name))} for name in zoo_names()],
        "layers": [{"name": name, "about": lookup(name).about()} for name in layer_names()],
        "blocks": [{"name": name, "about": block_about(name)} for name in block_names()],
    }


def _source(text: str) -> str:
    found = re.search(r"^source: *(.+)$", text, re.MULTILINE)
    return found[1].strip().strip("\"'") if found else ""


def _report(view: str, graph: Graph) -> dict[str, Any]:
    from convcalc.calculators.count.report import analyze
    from convcalc.render.views.count.report import with_shown

    report = analyze(graph)
    shown = report.table(view).records()
    rows = [with_shown(row.to_dict(), texts) for row, texts in zip(report.layers, shown, strict=True)]
    return {**report.to_dict(), "layers": rows}


def _fields(graph: Graph) -> dict[str, Any]:
    from convcalc.calculators.receptive_field.graph import receptive_field

    return receptive_field(graph).to_dict()


def _padding(graph: Graph) -> dict[str, Any]:
    from convcalc.calculators.padding.check import check_padding

    return check_padding(graph).to_dict()


COMMANDS: Final[Mapping[str, Callable[[Graph], dict[str, Any]]]] = {
    **{view: partial(_report, view) for view in ("summary", "params", "flops", "shapes", "memory")},
    "rf": _fields,
    "padding": _padding,
}
"""What gives the JSON of a command that the page may ask for."""


def as_json(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``command`` prints with ``--json``."""
    command = _text(request, "command", "summary")
    if command not in COMMANDS:
        near = nearest_name(command, COMMANDS)
        raise Refused(f"there is no command {command[:40]!r} here", ", ".join(COMMANDS), near)
    from convcalc.records import plain

    found: dict[str, Any] = plain(COMMANDS[command](_one(request).graph))
    return found


QUESTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "page": page,
    "draw": draw,
    "move": move,
    "export": export,
    "list": names,
    "json": as_json,
}
"""Every question by its name."""
