"""The text of a document to its items, ``extends`` followed; the blocks of the library likewise."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from convcalc.spec import library
from convcalc.spec.document.compiler import Compiler
from convcalc.spec.document.items import Block, Document
from convcalc.spec.document.yamlnodes import compose
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.source import Source

# A line break is read in one way only: many of them take no longer than they are.
_DOCUMENT: Final = re.compile(
    r"\A(?:[^\S\n]*(?:#[^\n]*)?\n|---[^\n]*\n|%YAML[^\n]*\n)*[^\S\n]*(?:[\"']?(?:name|source|notes|extends|vars|input|inputs|ranks|blocks|layers|outputs|budget|bits)"
    r"[\"']?\s*:(?:\s|\Z)|\{|-\s)"
)

# Where the first key is misspelt, one that is spelt well at the beginning of a later line tells as much.
_LATER_KEY: Final = re.compile(
    r"^(?:name|source|vars|inputs?|blocks|layers|outputs)[ \t]*:(?:[ \t]|$)", re.MULTILINE
)


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
    document.ranks = document.ranks or (() if document.inputs else base.ranks)
    document.inputs = document.inputs or base.inputs
    document.outputs = document.outputs or base.outputs
    document.layers = document.layers or base.layers
    document.frozen = document.frozen or base.frozen
    document.bits = document.bits or base.bits
    for key, block in base.blocks.items():
        block.document = document
        document.blocks.setdefault(key, block)


@lru_cache(maxsize=64)
def _block_document(file: str) -> Document:
    return compile_document(Source(f"blocks/{file}", library.block_file(file)))


def block(name: str) -> Block:
    """Definition of a library block.

    Raises:
        SpecError: there is none.
    """
    return _block_document(library.file_of_block(name)).blocks[name]
