"""YAML text to nodes that know their place, with every size bounded.

Spec files are untrusted. Events of PyYAML's safe loader are composed here without recursion:
no tags, no duplicate keys, bounded depth, no alias into itself. An alias shares its node, so
nothing grows; whoever copies a node's content counts what it copies.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from convcalc.spec.document.quotes import quotes_for, quotes_moved, start_of_text
from convcalc.spec.errors import Problem, SpecError
from convcalc.spec.source import Source, Text

MAX_TEXT: Final = 32_000_000
"""Longest document, in characters."""
MAX_DEPTH: Final = 200
"""Deepest nesting of sequences and mappings."""


_TAGS: Final = frozenset({"str", "int", "float", "bool", "null", "seq", "map"})


class Node:
    """A node of the document; ``start`` and ``end`` are indices into the source."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    kind = "nothing"

    def fault(self, message: str, expected: str | None = None, nearest: str | None = None) -> SpecError:
        """A spec error at this node."""
        return SpecError(self.problem(message, expected, nearest))

    def problem(self, message: str, expected: str | None = None, nearest: str | None = None) -> Problem:
        """A fault at this node."""
        return Problem.in_source(
            self.source, self.start, self.end - self.start, message, expected=expected, nearest=nearest
        )


class Scalar(Node):
    """A scalar; ``plain`` unless quoted; ``flow`` where it stands inside ``[...]`` or ``{...}``."""

    __slots__ = ("flow", "plain", "text")
    kind = "a value"

    def __init__(self, text: Text, plain: bool, flow: bool) -> None:
        super().__init__(text.source, text.start, text.end)
        self.text = text
        self.plain = plain
        self.flow = flow

    @property
    def empty(self) -> bool:
        """Whether nothing was written (``key:``) or ``null``."""
        return self.plain and self.text.value in ("", "null", "~", "Null", "NULL")


class Sequence(Node):
    """A list."""

    __slots__ = ("items",)
    kind = "a list"

    def __init__(self, source: Source, start: int, end: int) -> None:
        super().__init__(source, start, end)
        self.items: list[Node] = []


class Mapping(Node):
    """Key and value pairs in the order written."""

    __slots__ = ("entries",)
    kind = "a mapping"

    def __init__(self, source: Source, start: int, end: int) -> None:
        super().__init__(source, start, end)
        self.entries: dict[str, tuple[Scalar, Node]] = {}


def compose(source: Source) -> Node | None:
    """The root node of a document, None where it is empty.

    Raises:
        SpecError: no YAML, or beyond the bounds.
    """
    import yaml

    if len(source.text) > MAX_TEXT:
        raise SpecError(Problem(f"document longer than {MAX_TEXT:,} characters", file=source.name))
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _compose(source, yaml.parse(source.text, Loader=loader), yaml)
    except yaml.MarkedYAMLError as error:
        raise SpecError(_no_yaml(source, error)) from None
    except yaml.reader.ReaderError as error:
        raise SpecError(
            Problem.in_source(
                source, min(error.position, len(source.text)), 1, f"no valid YAML: {error.reason}"
            )
        ) from None
    except yaml.YAMLError as error:
        raise SpecError(Problem(f"no valid YAML: {error}", file=source.name)) from None
    except UnicodeError:
        bad = next((i for i, c in enumerate(source.text) if 0xD800 <= ord(c) <= 0xDFFF), 0)
        raise SpecError(Problem.in_source(source, bad, 1, "no valid text: a lone surrogate")) from None


def _no_yaml(source: Source, error: Any) -> Problem:
    """The fault of a text that is no YAML, and the quotes that would make it one."""
    mark = error.problem_mark or error.context_mark
    context = error.context or ""
    message = "no valid YAML: " + " ".join(filter(None, (error.context, error.problem)))
    at, length = mark.index if mark else 0, 1
    flow = context.startswith("while parsing a flow")
    expected = None
    if source.text[at : at + 1] == "\t":
        expected = "spaces: YAML does not indent with tabs"
    elif context.startswith("while scanning a quoted") and error.context_mark:
        at = error.context_mark.index
        expected = quotes_moved(source.text, at) or f"a closing {source.text[at]}"
    elif context.startswith("while scanning a simple key") and error.context_mark:
        at = error.context_mark.index
        length = max(len(source.text[at:].split("\n", 1)[0].rstrip()), 1)
        expected = "'key: value', as on the lines it stands below"
    elif at < len(source.text):
        start = start_of_text(source.text, at, flow)
        expected = None if start is None else quotes_for(source.text, start, flow)
    if expected is None and flow:
        expected = "quotes around a text with any of , [ ] { } : inside [...] or {...}"
    return Problem.in_source(source, at, length, message, expected=expected)


class _Composer:
    """Puts events together to nodes, one event at a time."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root: Node | None = None
        self.open: list[tuple[Sequence | Mapping, str | None]] = []  # with the anchor of each
        self.keys: list[Scalar | None] = []  # of each open mapping, the key that waits for its value
        self.flow = 0
        self.anchors: dict[str, Node] = {}
        self.documents = 0

    def scalar(self, event: Any) -> None:
        """A value or a key."""
        text = Text(event.value, self.source, event.start_mark.index, event.end_mark.index)
        scalar = Scalar(text, not event.style, self.flow > 0)
        if scalar.flow and scalar.plain and event.value.count("(") > event.value.count(")"):
            expected = quotes_for(self.source.text, text.start, True)
            if expected is not None:
                raise scalar.fault("YAML ends a text inside [...] and {...} at a comma", expected)
        _check_tag(event, scalar)
        if event.anchor:
            self.anchors[event.anchor] = scalar
        self._place(scalar)

    def start(self, event: Any, cls: type[Sequence | Mapping]) -> None:
        """The beginning of a list or a mapping."""
        node = cls(self.source, event.start_mark.index, event.end_mark.index)
        _check_tag(event, node)
        if len(self.open) >= MAX_DEPTH:
            raise node.fault(f"nested deeper than {MAX_DEPTH} levels")
        self._place(node)
        self.open.append((node, event.anchor))
        self.keys.append(None)
        self.flow += bool(event.flow_style)

    def end(self, event: Any) -> None:
        """The end of a list or a mapping."""
        node, anchor = self.open.pop()
        self.keys.pop()
        if self.source.text[node.start : node.start + 1] in ("[", "{"):
            self.flow -= self.flow > 0
            node.end = event.end_mark.index
        if anchor:
            self.anchors[anchor] = node

    def alias(self, event: Any) -> None:
        """A node once more."""
        if event.anchor not in self.anchors:
            place = Node(self.source, event.start_mark.index, event.end_mark.index)
            raise place.fault(f"unknown alias, or an alias into itself: {event.anchor!r}")
        self._place(self.anchors[event.anchor])

    def document_start(self, event: Any) -> None:
        """The beginning of a document."""
        self.documents += 1
        if self.documents > 1:
            place = Node(self.source, event.start_mark.index, event.start_mark.index + 3)
            raise place.fault("a second document in one file", "one document")

    def _place(self, node: Node) -> None:
        """Put a node where the text has come to: into a list, as a key, or as a key's value."""
        if not self.open:
            self.root = node
            return
        top = self.open[-1][0]
        if isinstance(top, Sequence):
            top.items.append(node)
            return
        key = self.keys[-1]
        if key is not None:
            top.entries[key.text.value] = (key, node)
            self.keys[-1] = None
            return
        if not isinstance(node, Scalar):
            raise node.fault(f"a key cannot be {node.kind}", "a name")
        name = node.text.value
        if name == "<<" and node.plain:
            raise node.fault("YAML's merge key '<<' is not read", "the keys themselves, or 'let:'")
        if name in top.entries:
            line = self.source.position(top.entries[name][0].start)[0]
            raise node.fault(f"key {name!r} is given twice (first in line {line})")
        self.keys[-1] = node


def _check_tag(event: Any, node: Node) -> None:
    if event.tag not in (None, "!") and event.tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
        raise node.fault(f"tag {event.tag!r} is not allowed", "plain YAML without tags")


def _compose(source: Source, events: Any, yaml: Any) -> Node | None:
    composer = _Composer(source)
    take: dict[Any, Callable[[Any], None]] = {
        yaml.ScalarEvent: composer.scalar,
        yaml.SequenceStartEvent: partial(composer.start, cls=Sequence),
        yaml.MappingStartEvent: partial(composer.start, cls=Mapping),
        yaml.SequenceEndEvent: composer.end,
        yaml.MappingEndEvent: composer.end,
        yaml.AliasEvent: composer.alias,
        yaml.DocumentStartEvent: composer.document_start,
    }
    for event in events:
        if (step := take.get(type(event))) is not None:
            step(event)
    root = composer.root
    return None if isinstance(root, Scalar) and root.empty else root
