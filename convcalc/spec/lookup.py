"""What a SPEC argument stands for: a file, a network of the zoo, or the text itself."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

from convcalc.files import open_regular
from convcalc.spec import library
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.source import Source

_PATH: Final = re.compile(r"[/\\]|\.(?:ya?ml|txt|conv|json|onnx|pt2?|pth|keras|h5|hdf5|safetensors|npz|py)\Z")
MAX_TEXT: Final = 32_000_000
"""Longest file of a spec, in bytes."""
_WORD: Final = re.compile(r"[\w.\-+]+\Z")
_WORDS: Final = re.compile(r"[^\W\d][\w.\-+]* [\w.\-+]+\Z")
"""Two words, as a network may be called: ``ResNet 50``."""

_CLASS: Final = re.compile(r"([^|()]+\.py):([^\W\d]\w*)")
"""A class of a file, as other tools write it."""
_SPACED: Final = re.compile(rf"[^|(){{}}\[\]>]* [^|(){{}}\[\]>]*(?:{_PATH.pattern.partition('|')[2]})")
"""What has the ending of a file and blanks in its name."""


def find(spec: str | os.PathLike[str], primitive: bool = False) -> Source:
    """What a spec argument stands for: a file, a factory of PyTorch, a zoo name, or the text itself.

    A file that is no text is known by its content (:mod:`convcalc.importers.formats`), a factory by
    ``torch:package.module:factory``; ``primitive`` shows what stands in it operator by operator.

    Raises:
        SpecError: it is none of them.
    """
    if not isinstance(spec, str):
        return _file(os.fspath(spec), primitive)
    if "\n" in spec or len(spec) > 1000 or "\0" in spec:
        return Source("<spec>", spec)
    stripped = spec.strip()
    if not stripped:
        raise SpecError(Problem("the spec is empty", expected="a one-line spec, a file, '-' or a zoo name"))
    if stripped.startswith("torch:"):
        from convcalc.importers.formats import factory

        return factory(stripped, primitive)
    if _PATH.search(stripped) and "(" not in stripped and "|" not in stripped and " " not in stripped:
        return _file(stripped, primitive)
    if not _WORD.match(stripped):
        if os.path.exists(spec):
            return _file(spec, primitive)
        if (of := _CLASS.fullmatch(stripped)) is not None and os.path.isfile(of[1]):
            expected = f"the file, and which class of it beside: {of[1]} --set class={of[2]}"
            raise SpecError(
                Problem(f"{of[1]}:{of[2]} is no file", text=stripped, length=len(stripped), expected=expected)
            )
        if _SPACED.fullmatch(stripped) is not None and not _begins_with_layer(stripped):
            return _file(stripped, primitive)  # which tells that there is none
        return _network(stripped) or Source("<spec>", spec)
    if stripped in library.zoo_names():
        return Source(f"zoo:{stripped}", library.zoo_text(stripped))
    if os.path.isfile(stripped):
        return _file(stripped, primitive)
    from convcalc import layers

    if stripped in layers.OPS or stripped in layers.ALIASES or library.has_block(stripped):
        return Source("<spec>", spec)
    if (named := _network(stripped)) is not None:
        return named
    raise _unknown(spec, f"no network, file or layer named {stripped!r}", _expected(stripped))


def _begins_with_layer(text: str) -> bool:
    """Whether the first word of a text is one of the language."""
    from convcalc import layers

    word = text.split()[0]
    return word in layers.OPS or word in layers.ALIASES or library.has_block(word) or word == "input"


def text_or_name(spec: str) -> Source:
    """What a spec from a page stands for: the text itself, or a zoo name; never a file, and no code.

    Nothing outside of the package is looked at: the names of files, ``-`` and factories of PyTorch are
    refused like any other word that is no network and no layer.

    Raises:
        SpecError: it is neither.
    """
    stripped = spec.strip()
    if not stripped:
        raise SpecError(Problem("the spec is empty", expected="a one-line spec, a document or a network"))
    if stripped in library.zoo_names():
        return Source(f"zoo:{stripped}", library.zoo_text(stripped))
    from convcalc import layers

    known = stripped in layers.OPS or stripped in layers.ALIASES or library.has_block(stripped)
    inside = "\n" in stripped or any(mark in stripped for mark in "(|")
    path = not inside and " " not in stripped and (_PATH.search(stripped) or stripped == "-")
    if path or re.match(r"torch:[\w.]+\Z|torch:[\w.]+:", stripped):
        raise _unknown(spec, f"{stripped!r} is no text: files and code are not read here", "the text itself")
    named = None if known else _network(stripped)
    if named is not None or known or not _WORD.match(stripped):
        return named or Source("<spec>", spec)
    raise _unknown(spec, f"no network or layer named {stripped!r}", "a layer, a network, or a document")


def _unknown(spec: str, message: str, expected: str) -> SpecError:
    """The error of a word that stands for nothing, with the nearest that does."""
    from convcalc import layers

    word = spec.strip()
    close = _close(word)
    known = close or [*library.zoo_names(), *layers.OPS, *layers.ALIASES, *library.block_names()]
    nearest = nearest_name(word, known) or nearest_name(library.spelt(word), known) or _begun(word, close)
    return SpecError(
        Problem.in_source(
            Source("<spec>", spec), spec.index(word), len(word), message, expected=expected, nearest=nearest
        )
    )


def _network(name: str) -> Source | None:
    """The network that a name stands for in another spelling; see :func:`convcalc.spec.library.zoo_called`.

    Raises:
        SpecError: there are several.
    """
    if not _WORD.match(name) and not _WORDS.match(name):
        return None
    found = library.zoo_called(name)
    if len(found) > 1:
        raise SpecError(
            Problem(
                f"there are several networks named {name!r}",
                text=name,
                length=len(name),
                expected=f"one of {', '.join(found[:8])}{', ...' * (len(found) > 8)}",
                nearest=found[0],
            )
        )
    return Source(f"zoo:{found[0]}", library.zoo_text(found[0])) if found else None


def _close(name: str) -> list[str]:
    """The networks whose names begin so."""
    stem = library.spelt(name)
    return [own for own in library.zoo_names() if stem and library.spelt(own).startswith(stem)]


def _begun(name: str, close: list[str]) -> str | None:
    """The first network of a family of that name (``mobilnet``), or the layer whose name it begins with."""
    from convcalc import layers

    if close:
        return close[0]
    stem = library.spelt(name)
    families: dict[str, str] = {}
    for own in library.zoo_names():
        families.setdefault(re.split(r"[_\d]", own)[0], own)
    if family := nearest_name(stem, families):
        return families[family]
    begun = (op for op in sorted(layers.OPS, key=len, reverse=True) if len(op) > 3 and stem.startswith(op))
    return next(begun, None)


def _expected(name: str) -> str:
    """What would be taken, with the networks whose names begin so."""
    stem, close = library.spelt(name), _close(name)
    if not close:
        return "a one-line spec, a file, '-' or a zoo name (see 'convcalc list')"
    more = f", ... (see 'convcalc list {stem}')" if len(close) > 6 else ""
    return f"a one-line spec, a file, '-' or a zoo name, such as {', '.join(close[:6])}{more}"


def _file(path: str, primitive: bool = False) -> Source:
    from convcalc.importers.formats import HEAD, TAKEN, opened

    name = os.fspath(path)
    try:
        with open_regular(path) as file:
            head = file.read(HEAD)
            foreign = opened(name, name, head, primitive)
            if foreign is not None:
                return foreign
            if os.fstat(file.fileno()).st_size > MAX_TEXT:
                raise OSError(errno.EFBIG, f"Larger than {MAX_TEXT:,} bytes", name)
            text = (head + file.read()).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        message = f"this is no model that is known, and no UTF-8 text ({error.reason} at byte {error.start})"
        raise SpecError(Problem(message, file=name, line=0, expected=TAKEN)) from None
    except SpecError:  # which is a ValueError
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        nearest = None
        if isinstance(error, FileNotFoundError):
            folder = os.path.dirname(name) or "."
            try:
                own = os.path.basename(name)  # it is there where it is a link to nothing
                close = nearest_name(own, [other for other in os.listdir(folder)[:1000] if other != own])
            except OSError:
                close = None
            nearest = os.path.join(os.path.dirname(name), close) if close else None
        raise SpecError(Problem(f"cannot be read: {reason}", file=name, line=0, nearest=nearest)) from None
    if not text.strip():
        raise SpecError(Problem("the file is empty", file=name, line=0, expected="a spec"))
    return Source(name, text)
