"""A spec to a graph: found, read, given its shapes and variables, built."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from convcalc.budget import STEPS, STEPS_A_CHARACTER, allow, question
from convcalc.dims import Shape
from convcalc.spec.build.reading import Reading
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.library import zoo_names, zoo_text
from convcalc.spec.lookup import find
from convcalc.spec.source import Source, Text

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.spec.document.items import Document

MAX_TITLE: Final = 300
"""Longest name of a spec in a line, in characters."""


def load(
    spec: str | os.PathLike[str],
    *,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    max_layers: int | None = None,
    in_order: bool = False,
    primitive: bool = False,
) -> Graph:
    """Read a spec, or a network as it was written elsewhere.

    Args:
        spec: a one-line spec, the text of a document, the path of a file, or a zoo name. A file is known by
            its content: a text of the language, an ONNX model, a ``.pt2`` of PyTorch, a model of Keras, or
            source; ``torch:package.module:factory`` imports code and exports the module that it makes.
        input: shape to use instead of the spec's: ``"3x224x224"``, ``(3, 224, 224)``, or a
            mapping of input name to shape. Sizes may be symbols, such as ``"3xHxW"``.
        set: values for the document's variables; texts are read as expressions.
        max_layers: bound on the number of layers the spec may expand to.
        in_order: of a printed module (``print(model)``), that its parts run as they are printed.
        primitive: show what stands in a file operator by operator, where several would be one layer.

    Returns:
        The graph, with every shape worked out.

    Raises:
        SpecError: the spec cannot be read; it lists every fault with its place.
    """
    return build(find(spec, primitive), input=input, set=set, max_layers=max_layers, in_order=in_order)


@question
def build(
    source: Source,
    *,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    max_layers: int | None = None,
    listed: bool = False,
    in_order: bool = False,
) -> Graph:
    """The graph of a source; see :func:`load`. ``listed``: of weights alone, their tensors will do."""
    from convcalc.collector import collector_paused

    if not source.is_text:
        from convcalc.importers.formats import Foreign
        from convcalc.spec.settings import shapes_given

        assert isinstance(source, Foreign)
        if source.format.shapes:
            input = shapes_given(input)
        with collector_paused():
            return source.graph(input, set, listed)

    allow(STEPS_A_CHARACTER * len(source.text))
    kind, _, name = source.name.partition(":")
    if kind == "zoo" and name in zoo_names() and source.text == zoo_text(name):
        allow(STEPS)  # texts of our own may be short and deep
    with collector_paused():
        program = written(source, input, set, in_order)
        if program is not None:
            return program
        reading = read(source, input, set)
        try:
            return reading.builder(max_layers=max_layers).build()
        except SpecError as error:
            if reading.line:
                settable(error)
            raise helped(reading, error) from None


def written(
    source: Source, input: Any = None, set: Mapping[str, Any] | None = None, in_order: bool = False
) -> Graph | None:
    """The graph of a program that builds a network in its own words, or of a printed module; else None."""
    from convcalc.importers.source.detection import is_printed, is_program

    if not is_program(source.text) and not is_printed(source.text):
        return None
    from convcalc.spec.settings import shapes_by_name

    shapes = partial(shapes_by_name, input)
    if is_printed(source.text):
        from convcalc.importers.source.printed import read as read_printed

        return read_printed(source, shapes, in_order)
    from convcalc.importers.source.program import read

    asked: dict[str, Shape] = {}

    def given(names: list[str]) -> Mapping[str, Shape]:
        asked.update(shapes(names))
        return shapes(names)

    try:
        return read(source, given, set)
    except SpecError as error:
        if asked:
            error.search = partial(_meant, source, dict(asked), set, error.problems[0])
        raise


def _meant(
    source: Source, asked: Mapping[str, Shape], set: Mapping[str, Any] | None, problem: Problem
) -> None:
    """Say which input of a program was probably meant: one that was tried, and works."""
    from convcalc.importers.source.program import read
    from convcalc.spec.build.given import option
    from convcalc.spec.build.meant import meant

    for shapes, batch in meant(asked, {}):
        with suppress(SpecError):
            read(source, lambda names, shapes=shapes: shapes, set)  # type: ignore[misc]
            name = option if len(asked) > 1 else lambda _, shape: option("input", shape)
            problem.nearest = " ".join(name(*one) for one in shapes.items())
            problem.nearest += f" (--batch {batch})" if batch is not None else ""
            return


def helped(reading: Reading, error: SpecError) -> SpecError:
    """The error of a spec that was read, which says when it is told what would work instead."""
    error.search = partial(_helped, reading, error.problems[0])
    return error


def _helped(reading: Reading, problem: Problem) -> Any:
    """Say which input was probably meant; where none was, give the sizes that would work."""
    from convcalc.spec.build.meant import suggestion

    found = suggestion(reading)
    if found is not None:
        problem.nearest = found
        return None
    from convcalc.spec.sizes.quote import quote

    return quote(reading)


def read(source: Source, input: Any = None, set: Mapping[str, Any] | None = None) -> Reading:
    """The document of a source, with what is given from outside; see :func:`load`."""
    from convcalc.spec.document.reading import compile_document, is_document
    from convcalc.spec.settings import inputs_of, variables_of

    line = not is_document(source.text)
    if line:
        from convcalc.importers.calls import Pasted
        from convcalc.spec.document.items import Document, Formula
        from convcalc.spec.language.stage import Stage

        document = Document(source.text)
        pasted = Pasted(given=variables_of(set, document))
        try:
            document.layers = list(pasted.stages(Text.whole(source)))
        except SpecError as error:
            raise settable(error) from None
        document.notes = pasted.notes
        document.name = _title(Text.whole(source))
        if pasted.program is not None:
            if pasted.program.passed or pasted.program.tensors:
                named = " | ".join(stage.origin for stage in document.layers if isinstance(stage, Stage))
                document.name = named[:MAX_TITLE] if source.name[:1] == "<" else os.path.basename(source.name)
            assigned = pasted.program.assigned.items()
            document.vars = [(name, Formula(expr, Text.whole(source)), None) for name, expr in assigned]
    else:
        document = compile_document(source)
        document.name = document.name or os.path.basename(source.name)
    document.file = source.name
    variables = variables_of(set, document)
    inputs = inputs_of(input, document, variables)
    if line and variables:
        variables = _read_in_line(variables, document, input, pasted.read)
    return Reading(document, inputs, variables, line)


_NUMBERS: Final = ("a number", "a literal", "a value")


def settable(error: SpecError) -> SpecError:
    """Say of names that a line does not know how they are given a value."""
    for problem in error.problems:
        unknown = re.search(r"unknown name '([a-z_]\w*)'", problem.message)
        if unknown and (problem.expected or "").startswith(_NUMBERS) and not problem.nearest:
            problem.expected = f"{problem.expected}, or a value for it: --set {unknown.group(1)}=N"
    return error


def _title(text: Text) -> str:
    """What a spec in a line is called: its text, as one line, shortened where it is a whole program."""
    from convcalc.spec.language.tokens import split_stages

    title = text.value
    if "\n" in title or "#" in title:
        title = " | ".join(text.value[left:right] for left, right in split_stages(text, 0, len(title))[:100])
    title = " ".join(title.split())
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1].rstrip() + "…"


def _read_in_line(
    variables: dict[str, Any], document: Document, given: Any, known: Collection[str]
) -> dict[str, Any]:
    """The variables that stages of a line read.

    Raises:
        SpecError: neither a stage nor the shape that is given reads a variable.
    """
    stages: list[Any] = document.layers
    if any(stage.kind == "text" for stage in stages):  # its own text may read any of them
        return variables
    read: dict[str, None] = dict.fromkeys([*(name for name, _, _ in document.vars), *sorted(known)])
    for stage in stages:
        read.update(dict.fromkeys(stage.names))
        for template in (stage.id, *(stage.refs or ()), *stage.withs, stage.like, *(stage.share or ())):
            for expr in template.exprs() if template else ():
                read.update(dict.fromkeys(sorted(expr.names())))
        if stage.frozen is not None:
            read.update(dict.fromkeys(sorted(stage.frozen.names())))
    read.pop("in", None)  # which is what arrives
    shape = dict.fromkeys(re.findall(r"[A-Z]\w*?(?=x|\W|\Z)", str(given or "")))
    problems = [
        Problem(
            f"no variable {name!r} to set",
            file="--set",
            text=name,
            length=len(name),
            expected="one of " + ", ".join({**read, **shape}) if read or shape else "no variables",
            nearest=nearest_name(name, [*read, *shape]),
        )
        for name in variables
        if (name not in read and name not in shape) or name == "in"
    ]
    if problems:
        raise SpecError(problems)
    return {name: value for name, value in variables.items() if name in read}
