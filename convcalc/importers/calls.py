"""Calls that people paste from PyTorch and Keras, out of a program or a printed module."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from convcalc import layers
from convcalc.importers.call import closing
from convcalc.spec import library
from convcalc.spec.errors import Problem, SpecError, fault
from convcalc.spec.language.lines import Lines
from convcalc.spec.language.stage import Stage
from convcalc.spec.language.tokens import split_stages
from convcalc.spec.source import Text

if TYPE_CHECKING:
    from convcalc.importers.programs import Program

MAX_NESTING: Final = 32
"""Deepest nesting of ``Sequential`` containers."""
_CONTAINERS: Final = frozenset({"Sequential", "Conv2dNormActivation", "Conv3dNormActivation", "ConvBNReLU"})
_FUNCTIONAL: Final = frozenset({"F", "functional"})
_HEAD: Final = re.compile(r"[A-Za-z_][\w.]*(?=\()")
_LABEL: Final = re.compile(r"\(([\w.\-]+)\)\s*:\s*")
_LABELLED: Final = re.compile(_LABEL.pattern + rf"(?={_HEAD.pattern})")
_PAIR: Final = re.compile(r"\(\s*(['\"])[\w.\-]+\1\s*,\s*")
_ORDERED: Final = re.compile(r"\A(?:\w+\.)?OrderedDict\(\s*(?=\[)")
_ADDED: Final = re.compile(r"[A-Za-z_][\w.]*\.add\(\s*(?=[A-Za-z_][\w.]*\()")
_ASSIGNED: Final = re.compile(r"[A-Za-z_][\w.]*\s*=\s*(?=[A-Za-z_][\w.]*\()")
_CALLED: Final = re.compile(r"(?:[A-Za-z_][\w.]*\s*=\s*)?(?:[A-Za-z_][\w.]*)?\(")
_NAMED: Final = re.compile(r"\s*,?\s*(?:name\s*=\s*(?:'[^']*'|\"[^\"]*\")\s*,?)?\s*\Z")
_PROGRAM: Final = re.compile(
    r"(?:^|[;|])[ \t]*(?:import|from|class|def|for|while|with|if|try|print|summary|assert|return|>>>|@"
    r"|[A-Za-z_][\w.]*(?:\s*,\s*\w+)*\s*(?::\s*\w+\s*)?=(?!=)|[A-Za-z_]\w*\.\w+\()"
    r"|\"{3}|'{3}",
    re.MULTILINE,
)
"""What only a program has: statements around its layers."""
_TIMES: Final = re.compile(r"(\d{1,4}) x (?=[A-Za-z_])")


class Pasted(Lines):
    """Reads the language, and calls of classes of PyTorch and Keras among it.

    Args:
        known: names of the blocks that the document defines.
        given: where the text may be a whole program, the values that replace those it assigns; None
            where it is a part of a document.

    Attributes:
        program: the statements around the layers, once a program was read.
        notes: what was passed over.
        read: the variables whose values were put into calls.
    """

    def __init__(self, known: frozenset[str] = frozenset(), given: Mapping[str, Any] | None = None) -> None:
        super().__init__(known)
        self.given = given
        self.program: Program | None = None
        self.notes: list[str] = []
        self.read: set[str] = set()
        self._inside: set[int] = set()

    def stages(self, text: Text, start: int = 0, end: int | None = None) -> list[Stage]:
        """All stages in characters ``start`` to ``end`` of a text, which may be a whole program.

        Raises:
            SpecError: with every stage that cannot be read.
        """
        if self.given is None or self.program is not None or not _PROGRAM.search(text.value):
            return super().stages(text, start, end)
        from convcalc.importers.programs import Cleaned, Program, compounds

        text = Cleaned(text)
        end = len(text.value) if end is None else end
        classes = frozenset({*self.classes, *_CONTAINERS, "Model"})
        words = frozenset({*layers.OPS, *layers.ALIASES, *self.known, *library.block_names()})
        self.program = Program(classes, words, {**self.given})
        self._inside = compounds(text, split_stages(text, start, end), classes, words)
        found = super().stages(text, start, end)
        if not found and self.program.passed:
            name = self.program.passed[0]
            raise fault(text, start, end, f"no layer stands here, only {name!r} and the like", "layers")
        self.notes += self.program.notes
        return found

    def _piece(self, text: Text, start: int, end: int, first: bool) -> list[Stage]:
        if self.program is not None:
            rest = self.program.statement(text, start, end, start in self._inside)
            if rest is None:
                return []
            start, end = rest.start, rest.end
        return super()._piece(text, start, end, first)

    @property
    def classes(self) -> Collection[str]:
        """The classes of PyTorch and Keras that have a translation."""
        from convcalc.importers.frameworks import CLASSES

        return CLASSES

    def unwrapped(self, text: Text, start: int, end: int, first: bool) -> tuple[int, int]:
        """The call in a line of a program or of a printed module.

        That is without ``model =``, ``model.add(...)``, a label such as ``(0):`` and a comma at its end.

        Raises:
            SpecError: an assignment that is not the first stage: such do not say in which order they run.
        """
        value = text.value
        if value[end - 1] == "," and _CALLED.match(value, start, end):
            end -= 1
        assigned = _ASSIGNED.match(value, start, end)
        if assigned is not None:
            if not first:
                raise fault(
                    text, start, assigned.end(), "assignments do not say in which order layers run",
                    "the calls alone, in the order they run",
                )  # fmt: skip
            return assigned.end(), end
        added = _ADDED.match(value, start, end)
        if added is not None and value[end - 1] == ")":
            return added.end(), len(value[: end - 1].rstrip(" \t\r\n,"))
        labelled = _LABELLED.match(value, start, end)
        return (labelled.end() if labelled else start), end

    def call(self, text: Text, start: int, end: int, depth: int = 0) -> list[Stage]:
        """The stages of a block, a layer, a framework's class or a container such as ``Sequential``.

        Raises:
            SpecError: the name or an argument is not known.
        """
        value = text.value
        head = _HEAD.match(value, start, end)
        if head is None:
            raise fault(
                text, start, end, f"unexpected {value[start:end][:40]!r}", "a call, such as Conv2d(3, 64, 3)"
            )
        module, _, name = head.group().rpartition(".")
        if module.rpartition(".")[2] in _FUNCTIONAL:
            from convcalc.importers.frameworks import FUNCTIONS, stages_of

            if name in FUNCTIONS:
                return stages_of(name, text, start, head.end(), end, self._variables(), self.read)
        if name in _CONTAINERS:
            return self._container(text, head.end(), end, depth)
        if name not in self.known and name[:1].isupper():
            from convcalc.importers.frameworks import KNOWN, stages_of

            if name in KNOWN:
                return stages_of(name, text, start, head.end(), end, self._variables(), self.read)
        if re.match(rf"\(\s*{_LABEL.pattern}", value[head.end() : end]):
            only = self._only_part(text, head.end(), end)
            if only is not None:
                self.notes.append(f"{name} is read as the one part it holds; code of its own is not seen")
                return self.call(text, *only, depth + 1)
            raise fault(
                text, start, head.end(), f"{name} is a module with code of its own",
                "layers, blocks and nn.Sequential, whose parts run in order",
            )  # fmt: skip
        return super().call(text, start, end)

    def _variables(self) -> Mapping[str, Any]:
        """What names of the program around a call stand for, and what was given from outside."""
        return {**(self.given or {}), **self.program.values} if self.program else self.given or {}

    def _only_part(self, text: Text, start: int, end: int) -> tuple[int, int] | None:
        """The one container that a printed module holds; None where it holds more, or another."""
        close = closing(text, start, end)
        if text.value[close:end].strip():
            return None
        parts = split_stages(text, start + 1, close - 1, ",\n")
        if len(parts) != 1:
            return None
        begin, stop = parts[0]
        label = _LABEL.match(text.value, begin, stop)
        begin = label.end() if label else begin
        head = _HEAD.match(text.value, begin, stop)
        return (begin, stop) if head is not None and head.group() in _CONTAINERS else None

    def _container(self, text: Text, start: int, end: int, depth: int) -> list[Stage]:
        if depth >= MAX_NESTING:
            raise fault(text, start, start + 1, f"Sequential nested deeper than {MAX_NESTING}")
        value = text.value
        close = closing(text, start, end)
        if value[close:end].strip():
            raise fault(
                text,
                close,
                end,
                f"unexpected {value[close:end].strip()[:40]!r} after the call",
                "'|' or the end",
            )
        left, right = start + 1, close - 1
        inner = value[left:right].strip()
        if (ordered := _ORDERED.match(inner)) and inner.rstrip(", \n\t").endswith("])"):
            left = value.index(inner, left) + ordered.end()
            right = value.rindex(")", left, right)
            inner = value[left:right].strip()
        if inner.startswith("["):
            opens = value.index("[", left)
            closes = closing(text, opens, right)
            if not _NAMED.match(value, closes, right):
                raise fault(
                    text, closes, right, f"unexpected {value[closes:right].strip()[:40]!r} after the list",
                    "a list of layers, and a name",
                )  # fmt: skip
            left, right = opens + 1, closes - 1
            inner = ""
        if inner.startswith("[") and inner.endswith("]"):
            left, right = value.index("[", left) + 1, value.rindex("]", left, right)
        stages: list[Stage] = []
        problems: list[Problem] = []
        for begin, stop in split_stages(text, left, right, ",\n"):
            label = _LABEL.match(value, begin, stop)
            begin = label.end() if label else begin
            if (pair := _PAIR.match(value, begin, stop)) and value[stop - 1] == ")":
                begin, stop = pair.end(), len(value[: stop - 1].rstrip())
            times = _TIMES.match(value, begin, stop)
            begin = times.end() if times else begin
            try:
                for _ in range(int(times.group(1)) if times else 1):
                    stages.extend(self.call(text, begin, stop, depth + 1))
                    if len(stages) > 10_000:
                        raise fault(text, begin, stop, "more than 10,000 layers in one Sequential")
            except SpecError as error:
                problems.extend(error.problems)
        if problems:
            raise SpecError(problems)
        return stages
