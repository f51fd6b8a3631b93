"""A graph as a document with structure: groups by block, and what occurs more than once written once.

A block whose layers stand together becomes a group, or, where others are alike but for numbers and for the
tensors that they read, a call of one definition. Calls that follow one another and differ in their number
alone become a ``repeat``. Whatever is not certain to read back to the same stays a plain line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from convcalc.exporters.pytorch.classes import Argument, Body, Class, share, stem_of
from convcalc.exporters.pytorch.code import NONE, Expr, Hole, Part
from convcalc.exporters.pytorch.flow import Line
from convcalc.exporters.text import closed, format_document, format_placed
from convcalc.layers import ALIASES, OPS

if TYPE_CHECKING:
    from convcalc.graph import Edge, Graph

LETTERS: Final = {"k": "k", "s": "s", "p": "p", "d": "d", "g": "g", "op": "op"}
RESERVED: Final = frozenset(
    [
        "in",
        "size",
        "id",
        "from",
        "with",
        "share",
        "frozen",
        "like",
        "and",
        "or",
        "not",
        "if",
        "else",
        "true",
        "false",
        "none",
        "min",
        "max",
        "sum",
        "prod",
        "round",
        "floor",
        "ceil",
        "int",
        "abs",
        "len",
        "make_divisible",
        "power",
        "i",
        "input",
        "e",
    ]
)
NUMBERS: Final = re.compile(r"(?<= )(?:(->)?(\d+)(?= |$)|(k|s|p|d|g|op)(\d+)(?= |$))")
FEWEST: Final = 2
"""So many calls in a row become a repeat."""


def to_spec(graph: Graph) -> str:
    """A graph as a document of the language, with groups, blocks and repeats where these are certain.

    Reading it gives the same graph: layers, names, edges, what is shared, frozen and returned.
    """
    return _Document(closed(graph)).text()


@dataclass(eq=False)
class _Level:
    """A run of nodes that share a path.

    Attributes:
        path: of the block; empty at the top.
        parts: numbers of nodes, and the levels between them, in order.
        first: number of the first node.
        end: behind the last.
    """

    path: str
    parts: list[int | _Level] = field(default_factory=list)
    first: int = 0
    end: int = 0
    definition: Class | None = None
    number: int = 0
    tensors: tuple[Edge, ...] = ()
    body: Body | None = None

    @property
    def height(self) -> int:
        """How many levels stand in one another."""
        return 1 + max((part.height for part in self.parts if isinstance(part, _Level)), default=0)


class _Document:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = [node.name for node in graph.nodes]
        self.inputs = set(graph.inputs)
        self.top = self._levels()
        self.definitions: list[Class] = []
        self._look()

    # Levels

    def _look(self) -> None:
        """Note every name that stands for a tensor, and the blocks that end with each layer."""
        self.ends: dict[int, list[str]] = {}
        levels = self._all(self.top)
        for level in sorted(levels, key=lambda level: len(level.path)):
            if level.path:
                self.ends.setdefault(level.end - 1, []).append(level.path)
        self.groups = {level.path for level in levels}
        self.paths = self.groups | set(self.names)
        for node in self.graph.nodes:
            self.paths |= {f"{node.name}.{name}" for name in node.layer.output_names() if name}

    def _torn(self, top: _Level) -> tuple[_Level, _Level] | None:
        """A level, with its holder, from within which a tensor or weight cannot be named."""
        todo = [(top, part) for part in top.parts if isinstance(part, _Level)]
        while todo:
            holder, level = todo.pop()
            if level.definition is not None and self._callable(level, holder):
                continue
            todo += [(level, part) for part in level.parts if isinstance(part, _Level)]
            for number in level.parts:
                if isinstance(number, _Level):
                    continue
                node = self.graph.nodes[number]
                named = () if self._implicit(number) else node.inputs
                if not all(self._reference(edge, level) for edge in named):
                    return holder, level
                if any(self._hidden(name.rpartition(".")[0], level) for name in node.shares):
                    return holder, level
        return None

    def _hidden(self, name: str, level: _Level) -> bool:
        """Whether something else has the name of a layer, seen from a level."""
        at = level.path
        while at:
            if f"{at}.{name}" in self.paths:
                return True
            at = at.rpartition(".")[0]
        return False

    def _levels(self) -> _Level:
        top = _Level("", [], 0, len(self.names))
        runs: dict[str, list[int]] = {}
        previous: list[str] = []
        counts: dict[str, int] = {}
        for number, name in enumerate(self.names):
            parts = name.split(".")[:-1]
            paths = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
            for path in paths:
                if path not in previous:
                    counts[path] = counts.get(path, 0) + 1
                runs.setdefault(path, []).append(number)
            previous = paths
        own = set(self.names)
        sound = {
            path
            for path, count in counts.items()
            if count == 1 and path not in own and all(path.split(".")) and not self.inputs & set(runs[path])
        }
        levels = {"": top}
        for number, name in enumerate(self.names):
            if number in self.inputs:
                continue
            parts, holder = name.split(".")[:-1], top
            for depth in range(1, len(parts) + 1):
                path = ".".join(parts[:depth])
                if path not in sound:
                    break
                if path not in levels:
                    levels[path] = _Level(path, [], number)
                    holder.parts.append(levels[path])
                holder = levels[path]
                holder.end = number + 1
            holder.parts.append(number)
        return top

    def _all(self, level: _Level) -> list[_Level]:
        found, todo = [], [level]
        while todo:
            one = todo.pop()
            found.append(one)
            todo += [part for part in one.parts if isinstance(part, _Level)]
        return found

    # Definitions, from the innermost on

    def text(self) -> str:
        """The whole document."""
        levels = sorted(
            (level for level in self._all(self.top) if level.path),
            key=lambda level: (level.height, level.first),
        )
        by_height: dict[int, dict[Any, list[_Level]]] = {}
        for height in sorted({level.height for level in levels}):
            groups: dict[Any, list[_Level]] = {}
            for level in levels:
                if level.height != height:
                    continue
                body = self._defined(level)
                if body is not None:
                    level.body = body
                    groups.setdefault(body.pattern(), []).append(level)
            by_height[height] = groups
            for group in groups.values():
                if len(group) > 1:
                    self._define(group)
        while (torn := self._torn(self.top)) is not None:
            holder, torn_level = torn
            at = holder.parts.index(torn_level)
            holder.parts[at : at + 1] = torn_level.parts
            self._look()
        lines = self._body(self.top, 1)
        used = self._used()
        blocks = []
        for one in self.definitions:
            if one.name in used:
                blocks += self._definition(one)
        found = ["blocks:", *blocks] if blocks else []
        return format_document(self.graph, [*found, "layers:", *lines])

    def _define(self, group: list[_Level]) -> None:
        bodies = [level.body for level in group if level.body is not None]
        stem = re.sub(r"\W", "_", stem_of(group[0].path)) or "block"
        stem = f"block_{stem}" if stem[0].isdigit() else stem
        if stem in OPS or stem in ALIASES or stem.lower() in OPS or stem in RESERVED:
            stem += "_block"
        taken = {one.name for one in self.definitions}
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        reserved = RESERVED | {f"x{i}" for i in range(len(group[0].tensors))} | {"x"}
        one = share(bodies[0], bodies, name, reserved)
        self.definitions.append(one)
        for number, level in enumerate(group):
            level.definition, level.number = one, number

    def _used(self) -> set[str]:
        """Definitions that are called, by groups or by one another."""
        found: set[str] = set()
        todo = [self.top]
        while todo:
            level = todo.pop()
            if level.definition is not None:
                found.add(level.definition.name)
            todo += [part for part in level.parts if isinstance(part, _Level)]
        return found

    def _outer(self, level: _Level) -> list[Edge]:
        """The tensors from outside, in the order in which they are read, but for the one that flows in."""
        found: dict[Edge, None] = {}
        primary = self._primary(level)
        for number in range(level.first, level.end):
            node = self.graph.nodes[number]
            for edge in node.inputs:
                if edge.node >= level.first:
                    continue
                if number == level.first and node.inputs == (primary,):
                    continue
                found.setdefault(edge)
        return list(found)

    def _primary(self, level: _Level) -> Edge | None:
        inputs = self.graph.nodes[level.first].inputs
        return inputs[0] if len(inputs) == 1 else None

    def _defined(self, level: _Level) -> Body | None:
        """The lines of a level as those of a definition, with holes; None where it can be none."""
        nodes = self.graph.nodes[level.first : level.end]
        if any(node.shares for node in nodes):
            return None
        if any(isinstance(part, _Level) and part.definition is None for part in level.parts):
            return None
        outer = self._outer(level)
        level.tensors = tuple(outer)
        names = self._parameters(len(outer))
        given = dict(zip(outer, names, strict=True))
        lines = []
        for part in level.parts:
            if isinstance(part, _Level):
                lines.append(Line("", self._call(part, level, given)))
            else:
                lines.append(Line("", self._line(part, level, given)))
        return Body(names, lines, [])

    @staticmethod
    def _parameters(many: int) -> list[str]:
        return ["x"] if many == 1 else [f"x{number}" for number in range(many)]

    def _implicit(self, number: int) -> bool:
        """Whether a node reads the tensor of the node before, which flows on."""
        node, previous = self.graph.nodes[number], number - 1
        if node.inputs != ((previous, 0),) or self.graph.nodes[previous].layer.output_names()[0]:
            return False
        return len(self.graph.inputs) == 1 or previous not in self.inputs

    def _line(self, number: int, level: _Level, given: dict[Edge, str]) -> Expr:
        node = self.graph.nodes[number]
        text = format_placed(node, self.graph.input_shapes(node), inferred=len(node.inputs) != 1)
        parts = _holes(text)
        opens = number == level.first and node.inputs == (self._primary(level),)
        if node.inputs and not opens and not self._implicit(number):
            names = [self._inside(edge, level, given) for edge in node.inputs]
            parts.append(" from=" + (names[0] if len(names) == 1 else f"[{','.join(names)}]"))
        if not self._automatic(number, level):
            parts.append(f" id={self._local(node.name, level)}")
        return Expr(tuple(parts))

    def _call(self, part: _Level, level: _Level, given: dict[Edge, str]) -> Expr:
        """The call of a definition within another one."""
        assert part.definition is not None
        items: list[Part] = [f"{part.definition.name}("]
        for at, argument in enumerate(part.definition.arguments):
            items += [
                _given(argument, at == 0),
                Hole(argument.values[part.number], argument.name, NONE),
                ", ",
            ]
        for name, edge in zip(self._parameters(len(part.tensors)), part.tensors, strict=True):
            items.append(f"{name}={given[edge] if edge in given else self._quoted(edge, level)}, ")
        primary = self._primary(part)
        if primary is not None and not self._implicit(part.first) and part.first != level.first:
            items.append(f"from={self._inside(primary, level, given)}, ")
        items.append(f"id={self._local(part.path, level)})")
        return Expr(tuple(items))

    def _inside(self, edge: Edge, level: _Level, given: dict[Edge, str]) -> str:
        return f"{{{given[edge]}}}" if edge in given else self._local(self._edge(edge, level), level)

    def _quoted(self, edge: Edge, level: _Level) -> str:
        return f"'{self._local(self._edge(edge, level), level)}'"

    def _edge(self, edge: Edge, level: _Level) -> str:
        """The name of a tensor: that of the largest block whose last layer gives it, seen from a level."""
        name = self.graph.nodes[edge.node].layer.output_names()[edge.output]
        for path in self.ends.get(edge.node, ()) if not name else ():
            if not f"{level.path}.".startswith(f"{path}."):
                return path
        return self.names[edge.node] + (f".{name}" if name else "")

    @staticmethod
    def _local(name: str, level: _Level) -> str:
        return name[len(level.path) + 1 :] if level.path else name

    def _automatic(self, number: int, level: _Level) -> bool:
        """Whether a layer without an id gets its name: all of its kind in the level are counted from 1."""
        op = self.graph.nodes[number].op
        stem = f"{op}_" if op[-1].isdigit() else op
        kind, others = [], []
        for part in level.parts:
            if isinstance(part, _Level):
                others.append(self._local(part.path, level))
            elif self.graph.nodes[part].op == op:
                kind.append(self._local(self.names[part], level))
            else:
                others.append(self._local(self.names[part], level))
        if not level.path:
            others += [self.names[n] for n in self.graph.inputs]
        if kind != [f"{stem}{n}" for n in range(1, len(kind) + 1)]:
            return False
        return not any(re.fullmatch(rf"{re.escape(stem)}\d+", other) for other in others)

    # The text

    def _definition(self, one: Class) -> list[str]:
        arguments = [a.name for a in one.arguments] + one.body.arguments
        lines = [f"  {one.name}({', '.join(arguments)}):"]
        fills = iter(one.fills)
        for line in one.body.init:
            text = line.value.filled(lambda hole: _filling(next(fills))).text()
            text = re.sub(r"(?<= )(k|s|p|d|g|op)\0", r"\1=", text).replace("\0", "")
            lines.append(f"    - {text}")
        return lines

    def _body(self, level: _Level, depth: int) -> list[str]:
        """The lines of a level that is written where it stands."""
        margin = "  " * depth
        lines: list[str] = []
        for part in level.parts:
            if not isinstance(part, _Level):
                lines.append(f"{margin}- {self._plain(part, level)}")
            elif part.definition is not None and self._callable(part, level):
                lines.append(f"{margin}- {self._called(part, level)}")
            else:
                lines.append(f"{margin}- group: {_scalar(self._local(part.path, level))}")
                lines.append(f"{margin}  body:")
                lines += self._body(part, depth + 2)
        return _repeats(lines)

    def _plain(self, number: int, level: _Level) -> str:
        node = self.graph.nodes[number]
        text = format_placed(node, self.graph.input_shapes(node))
        if node.inputs and not self._implicit(number):
            names = [self._reference(edge, level) for edge in node.inputs]
            text += " from=" + (names[0] if len(names) == 1 else f"[{','.join(names)}]")
        return text if self._automatic(number, level) else f"{text} id={self._local(node.name, level)}"

    def _callable(self, part: _Level, level: _Level) -> bool:
        primary = self._primary(part)
        needed = [*part.tensors, *([primary] if primary is not None else [])]
        return all(self._reference(edge, level) for edge in needed)

    def _called(self, part: _Level, level: _Level) -> str:
        assert part.definition is not None
        arguments = part.definition.arguments
        items = [f"{_given(a, at == 0)}{a.values[part.number]}" for at, a in enumerate(arguments)]
        for name, edge in zip(self._parameters(len(part.tensors)), part.tensors, strict=True):
            items.append(f"{name}='{self._reference(edge, level)}'")
        primary = self._primary(part)
        if primary is not None and not self._implicit(part.first):
            items.append(f"from={self._reference(primary, level)}")
        items.append(f"id={self._local(part.path, level)}")
        return f"{part.definition.name}({', '.join(items)})"

    def _reference(self, edge: Edge, level: _Level) -> str:
        """A name by which a level reaches a tensor, inside or around it; empty where others hide it."""
        full = self._edge(edge, level)
        around = [level.path]
        while around[-1]:
            around.append(around[-1].rpartition(".")[0])
        around = [path for path in around if path in self.groups]  # no name is looked up in what is no group
        for start in around:
            if start and not full.startswith(start + "."):
                continue
            name = full[len(start) + 1 :] if start else full
            for at in around:  # innermost first, as it is looked up
                found = f"{at}.{name}" if at else name
                if found == full:
                    return name
                if found in self.paths:
                    break
        return ""


def _holes(text: str) -> list[Part]:
    """A line with holes for its numbers."""
    parts: list[Part] = []
    at = 0
    for match in NUMBERS.finditer(text):
        if match[4] is not None:
            parts += [text[at : match.start(4)], Hole(int(match[4]), LETTERS[match[3]])]
            at = match.end(4)
        else:
            parts += [text[at : match.start(2)], Hole(int(match[2]), "out")]
            at = match.end(2)
    return [*parts, text[at:]]


def _filling(fill: str | None) -> str:
    """What stands in a hole; a formula is marked, for an option takes it behind ``=``."""
    text = (fill or "").replace(" ", "")
    return text if text.isdigit() else f"\0{text}"


def _given(argument: Argument, first: bool) -> str:
    """How a call names an argument: the first, where it is channels, by its place."""
    return "" if first and argument.name == "out" else f"{argument.name}="


def _scalar(text: str) -> str:
    """A name as YAML holds it: in quotes where it might be a number or another value."""
    return text if re.fullmatch(r"[A-Za-z_][\w.-]*", text) and text.lower() not in _WORDS else f"'{text}'"


_WORDS: Final = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n"])

_NUMBER: Final = re.compile(r"(?<=[A-Za-z_])(\d+)(?=[').,])")
"""The number at the end of a name in a call."""


def _counted(lines: list[str]) -> str | None:
    """One call for several whose names count up, with ``i`` from 0 on; None if there is none."""
    shells, rows = [], []
    for line in lines:
        parts = _NUMBER.split(line)
        shells.append(parts[::2])
        rows.append([int(part) if part == str(int(part)) else -1 for part in parts[1::2]])
    if any(shell != shells[0] for shell in shells):
        return None
    found = shells[0][0]
    for number, after in enumerate(shells[0][1:]):
        column = [row[number] for row in rows]
        step = column[1] - column[0]
        if (
            step not in (0, 1)
            or column != [column[0] + step * at for at in range(len(column))]
            or column[0] < 0
        ):
            return None
        shown = str(column[0]) if step == 0 else "{i}" if column[0] == 0 else f"{{i+{column[0]}}}"
        found += shown + after
    return found


def _repeats(lines: list[str]) -> list[str]:
    """Calls in a row that differ in the numbers of names alone, as one repeat."""
    found: list[str] = []
    at = 0
    while at < len(lines):
        end, call = at + 1, None
        if re.match(r" *- \w+\(.*id=[A-Za-z_][\w.-]*\)$", lines[at]):
            while end < len(lines) and (longer := _counted(lines[at : end + 1])) is not None:
                end, call = end + 1, longer
        if call is None or end - at < FEWEST or "{i" not in call.rpartition("id=")[2]:
            found.append(lines[at])
            at += 1
            continue
        margin = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        found += [
            f"{margin}- repeat: {end - at}",
            f"{margin}  each: i",
            f"{margin}  body:",
            f"{margin}    - {call.strip()[2:]}",
        ]
        at = end
    return found
