"""Text to graph: line form, call form, documents, zoo names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.source import Source, Text

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.spec.items import Document

__all__ = ["Problem", "SpecError", "load"]

_DOCUMENT: Final = re.compile(
    r"\A(?:\s*(?:#[^\n]*)?\n|---[^\n]*\n|%YAML[^\n]*\n)*\s*(?:[\"']?(?:name|source|notes|extends|vars|input|inputs|blocks|layers|outputs|budget)"
    r"[\"']?\s*:(?:\s|\Z)|\{|-\s)"
)
MAX_TITLE: Final = 300
"""Longest name of a spec in a line, in characters."""

# Where the first key is misspelt, one that is spelt well at the beginning of a later line tells as much.
_LATER_KEY: Final = re.compile(
    r"^(?:name|source|vars|inputs?|blocks|layers|outputs)[ \t]*:(?:[ \t]|$)", re.MULTILINE
)
_PATH: Final = re.compile(r"[/\\]|\.(?:ya?ml|txt|conv|json)\Z")
_WORD: Final = re.compile(r"[\w.\-+]+\Z")


def load(
    spec: str | os.PathLike[str],
    *,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    max_layers: int | None = None,
) -> Graph:
    """Read a spec.

    Args:
        spec: a one-line spec, the text of a document, the path of a file, or a zoo name.
        input: shape to use instead of the spec's: ``"3x224x224"``, ``(3, 224, 224)``, or a
            mapping of input name to shape. Sizes may be symbols, such as ``"3xHxW"``.
        set: values for the document's variables; texts are read as expressions.
        max_layers: bound on the number of layers the spec may expand to.

    Returns:
        The graph, with every shape worked out.

    Raises:
        SpecError: the spec cannot be read; it lists every fault with its place.
    """
    return build(find(spec), input=input, set=set, max_layers=max_layers)


def find(spec: str | os.PathLike[str]) -> Source:
    """The text a spec argument stands for: a file, a zoo name, or the text itself.

    Raises:
        SpecError: it is none of them.
    """
    if not isinstance(spec, str):
        return _file(os.fspath(spec))
    if "\n" in spec or len(spec) > 1000 or "\0" in spec:
        return Source("<spec>", spec)
    stripped = spec.strip()
    if not stripped:
        raise SpecError(Problem("the spec is empty", expected="a one-line spec, a file, '-' or a zoo name"))
    if _PATH.search(stripped) and "(" not in stripped and "|" not in stripped and " " not in stripped:
        return _file(stripped)
    if not _WORD.match(stripped):
        if os.path.isfile(spec):
            return _file(spec)
        return Source("<spec>", spec)
    from convcalc.spec import library

    if stripped in library.zoo_names():
        return Source(f"zoo:{stripped}", library.zoo_text(stripped))
    if os.path.isfile(stripped):
        return _file(stripped)
    from convcalc import layers

    if stripped in layers.OPS or stripped in layers.ALIASES or library.has_block(stripped):
        return Source("<spec>", spec)
    nearest = nearest_name(
        stripped, [*library.zoo_names(), *layers.OPS, *layers.ALIASES, *library.block_names()]
    )
    raise SpecError(
        Problem(
            f"no network, file or layer named {stripped!r}",
            text=stripped,
            length=len(stripped),
            expected="a one-line spec, a file, '-' or a zoo name (see 'convcalc list')",
            nearest=nearest,
        )
    )


def _file(path: str) -> Source:
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig", newline=None) as file:
            text = file.read(32_000_001)
    except UnicodeDecodeError as error:
        raise SpecError(
            Problem(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}", file=name)
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        nearest = None
        if isinstance(error, FileNotFoundError):
            folder = os.path.dirname(name) or "."
            try:
                close = nearest_name(os.path.basename(name), os.listdir(folder)[:1000])
            except OSError:
                close = None
            nearest = os.path.join(os.path.dirname(name), close) if close else None
        raise SpecError(Problem(f"cannot read {name}: {reason}", file=name, nearest=nearest)) from None
    if not text.strip():
        raise SpecError(Problem("the file is empty", file=name, expected="a spec"))
    return Source(name, text)


def is_document(text: str) -> bool:
    """Whether a text is in the document form."""
    return _DOCUMENT.match(text) is not None or _LATER_KEY.search(text) is not None


def compile_document(source: Source) -> Document:
    """Nodes and items of a document, ``extends`` followed.

    Raises:
        SpecError: with every fault that the text alone shows.
    """
    return _compile(source, ())


def _compile(source: Source, extended: tuple[str, ...]) -> Document:
    from convcalc.spec.document import Compiler
    from convcalc.spec.items import Document
    from convcalc.spec.yamlnodes import compose

    document = Document(source.text)
    root = compose(source)
    if root is None:
        raise SpecError(
            Problem("the document is empty", file=source.name, expected="a mapping with 'layers:'")
        )
    Compiler(document).compile(root)
    if document.extends is not None:
        _extend(document, extended)
    return document


def _extend(document: Document, extended: tuple[str, ...]) -> None:
    """Take from the zoo document that is extended what this one does not say itself."""
    from convcalc.spec import library

    assert document.extends is not None
    name = document.extends.text.value
    if name not in library.zoo_names():
        raise document.extends.fault(
            f"no zoo network {name!r} to extend",
            "a name from 'convcalc list'",
            nearest_name(name, library.zoo_names()),
        )
    if name in extended or len(extended) >= 8:
        raise document.extends.fault(f"{name!r} extends itself")
    base = _compile(Source(f"zoo:{name}", library.zoo_text(name)), (*extended, name))
    own = {n: (n, v, at) for n, v, at in document.vars}
    document.vars = [own.pop(n, (n, v, at)) for n, v, at in base.vars] + list(own.values())
    document.name = document.name or base.name
    document.source = document.source or base.source
    document.inputs = document.inputs or base.inputs
    document.outputs = document.outputs or base.outputs
    document.layers = document.layers or base.layers
    document.reserved |= base.reserved
    for key, block in base.blocks.items():
        block.document = document
        document.blocks.setdefault(key, block)


def build(
    source: Source,
    *,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    max_layers: int | None = None,
) -> Graph:
    """The graph of a source; see :func:`load`."""
    from convcalc.collector import paused

    with paused():
        return _build(source, input, set, max_layers)


def _build(source: Source, input: Any, set: Mapping[str, Any] | None, max_layers: int | None) -> Graph:
    from convcalc.spec.builder import Builder

    line = not is_document(source.text)
    if line:
        from convcalc.spec.items import Document
        from convcalc.spec.stage import parse_stages

        document = Document(source.text)
        stages = parse_stages(Text.whole(source))
        document.layers = list(stages)
        document.reserved = {s.id.parts[0] for s in stages if s.id and isinstance(s.id.parts[0], str)}
        document.name = _title(Text.whole(source))
    else:
        document = compile_document(source)
        document.name = document.name or os.path.basename(source.name)
    document.file = source.name
    variables = _variables(set, document)
    inputs = _inputs(input, document, variables)
    if line and variables:
        variables = _read_in_line(variables, document, input)
    builder = Builder(document, inputs, variables, max_layers)
    builder.line = line
    return builder.build()


def _title(text: Text) -> str:
    """What a spec in a line is called: its text, as one line, shortened where it is a whole program."""
    from convcalc.spec.stage import split_stages

    title = text.value
    if "\n" in title or "#" in title:
        title = " | ".join(text.value[left:right] for left, right in split_stages(text, 0, len(title))[:100])
    title = " ".join(title.split())
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1].rstrip() + "…"


def _read_in_line(variables: dict[str, Any], document: Document, given: Any) -> dict[str, Any]:
    """The variables that stages of a line read.

    Raises:
        SpecError: neither a stage nor the shape that is given reads a variable.
    """
    stages: list[Any] = document.layers
    if any(stage.kind == "text" for stage in stages):  # its own text may read any of them
        return variables
    read: dict[str, None] = {}
    for stage in stages:
        read.update(dict.fromkeys(stage.names))
        for template in (stage.id, *(stage.refs or ()), *stage.withs, stage.like):
            for expr in template.exprs() if template else ():
                read.update(dict.fromkeys(sorted(expr.names())))
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
        if name not in read and name not in shape
    ]
    if problems:
        raise SpecError(problems)
    return {name: value for name, value in variables.items() if name in read}


def _inputs(given: Any, document: Document, variables: Mapping[str, Any]) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, (list, tuple)) and given and all(isinstance(g, str) and "=" in g for g in given):
        given = dict(g.split("=", 1) for g in given)
    if isinstance(given, str) and "=" in given:
        given = dict(g.split("=", 1) for g in re.split(r",\s*(?=[^\W\d]\w*\s*=)", given))
    if not isinstance(given, Mapping):
        names = [name for name, _, _ in document.inputs]
        if len(names) > 1:
            raise SpecError(
                Problem(
                    f"the spec has {len(names)} inputs",
                    file="--input",
                    text=str(given),
                    expected=" ".join(f"--input {n}=CxHxW" for n in names),
                )
            )
        given = {names[0] if names else "input": given}
    return {str(name): parse_shape(shape, variables) for name, shape in given.items()}


def parse_shape(given: Any, variables: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    """A shape from text or sizes; symbols that ``variables`` gives a value stand for it.

    Raises:
        SpecError: it is none.
    """
    from convcalc.dims import UNKNOWN, carried, symbol
    from convcalc.spec.arguments import check_shape
    from convcalc.spec.expression import is_symbol_name

    def fail(message: str, start: int = 0, length: int = 1) -> SpecError:
        return SpecError(
            Problem(
                message,
                file="--input",
                column=start + 1,
                length=length,
                text=str(given),
                expected="channels and sizes, such as 3x224x224",
            )
        )

    sizes: list[Any] = []
    if isinstance(given, str):
        at = 0
        inner, separator = given, re.compile("[x×]")
        if "," in given:  # as Python and JSON write a shape: 3,224,224, (3, 224, 224), [3, 224, 224]
            separator = re.compile(",")
            if (given[0], given[-1]) in (("(", ")"), ("[", "]")):
                at, inner = 1, given[1:-1]
            inner = re.sub(r",\s*\Z", "", inner)
        for piece in separator.split(inner):
            name = piece.strip()
            if name.isascii() and name.isdigit() and len(name) < 400:
                sizes.append(int(name))
            elif is_symbol_name(name):
                sizes.append((variables or {}).get(name, symbol(name)))
            elif name == "?":
                sizes.append(UNKNOWN)
            else:
                raise fail(f"{piece!r} is no size", at, max(1, len(piece)))
            if sizes[-1] == 0 and type(sizes[-1]) is int:
                raise fail("a size of 0", at, max(1, len(piece)))
            at += len(piece) + 1
    else:
        try:
            for size in given if isinstance(given, (tuple, list)) else (given,):
                if isinstance(size, str):
                    size = int(size) if size.isdigit() else (variables or {}).get(size, symbol(size))
                sizes.append(carried(size))
        except TypeError:
            raise fail("no shape") from None
        except ValueError as error:
            raise fail(str(error)) from None
    try:
        return check_shape(tuple(sizes))
    except ValueError as error:
        raise fail(str(error)) from None


def _variables(given: Mapping[str, Any] | None, document: Document) -> dict[str, Any]:
    from fractions import Fraction

    from convcalc.spec.items import Formula

    if given is not None and not isinstance(given, Mapping):
        raise SpecError(
            Problem("the variables are no mapping", file="--set", expected="a mapping such as {'alpha': 0.5}")
        )
    kinds = {
        name: isinstance(value, Formula) and (value.word is not None or isinstance(value.expr.value, str))
        for name, value, _ in document.vars
    }
    decimal = {
        name
        for name, value, _ in document.vars
        if isinstance(value, Formula) and type(value.expr.value) is Fraction
    }
    return {
        str(name): _setting(str(name), value, kinds.get(str(name), False), str(name) not in decimal)
        for name, value in (given or {}).items()
    }


def _setting(name: str, value: Any, text: bool, whole: bool = True) -> Any:
    """The value of ``--set name=value``; a bare word is a text for a text variable, else a symbol.

    Such a symbol stands for any positive number where the document writes the variable with a decimal
    point (``alpha: 1.0``), and for whole numbers otherwise.
    """
    from fractions import Fraction

    from convcalc.dims import carried, symbol
    from convcalc.spec.evaluation import bounded, evaluate
    from convcalc.spec.expression import ExpressionError, parse

    if isinstance(value, float):
        if value - value != 0:  # an infinity, or no number
            raise SpecError(
                Problem(
                    f"{value} is no finite number", file="--set", column=len(name) + 2,
                    length=len(str(value)), text=f"{name}={value}", expected="a number, a list or a text",
                )
            )  # fmt: skip
        return bounded(Fraction(repr(value)))
    if isinstance(value, list):
        return tuple(_setting(name, v, text, whole) for v in value)
    if not isinstance(value, str):
        return carried(value)
    try:
        expr = parse(value)
        if text and expr.kind == "name":
            return expr.value
        return evaluate(expr, {n: symbol(n, whole=whole) for n in expr.names()})
    except (ExpressionError, ValueError) as error:
        start, end = getattr(error, "start", 0), getattr(error, "end", len(value))
        raise SpecError(
            Problem(
                str(error),
                file="--set",
                column=len(name) + 2 + start,
                length=max(1, end - start),
                text=f"{name}={value}",
                expected=getattr(error, "expected", None),
            )
        ) from None
