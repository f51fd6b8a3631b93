"""Calls that people paste from PyTorch and Keras, out of a program or a printed module."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from convcalc.spec.errors import Problem, SpecError, fault
from convcalc.spec.language.lines import Lines
from convcalc.spec.language.stage import Stage
from convcalc.spec.language.tokens import split_stages
from convcalc.spec.source import Text

MAX_NESTING: Final = 32
"""Deepest nesting of ``Sequential`` containers."""
_CONTAINERS: Final = frozenset({"Sequential", "Conv2dNormActivation", "Conv3dNormActivation", "ConvBNReLU"})
_HEAD: Final = re.compile(r"[A-Za-z_][\w.]*(?=\()")
_LABEL: Final = re.compile(r"\(([\w.\-]+)\)\s*:\s*")
_LABELLED: Final = re.compile(_LABEL.pattern + rf"(?={_HEAD.pattern})")
_PAIR: Final = re.compile(r"\(\s*(['\"])[\w.\-]+\1\s*,\s*")
_ORDERED: Final = re.compile(r"\A(?:\w+\.)?OrderedDict\(\s*(?=\[)")
_ADDED: Final = re.compile(r"[A-Za-z_][\w.]*\.add\(\s*(?=[A-Za-z_][\w.]*\()")
_ASSIGNED: Final = re.compile(r"[A-Za-z_][\w.]*\s*=\s*(?=[A-Za-z_][\w.]*\()")
_CALLED: Final = re.compile(r"(?:[A-Za-z_][\w.]*\s*=\s*)?(?:[A-Za-z_][\w.]*)?\(")
_TIMES: Final = re.compile(r"(\d{1,4}) x (?=[A-Za-z_])")


class Pasted(Lines):
    """Reads the language, and calls of classes of PyTorch and Keras among it."""

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
        name = head.group().rpartition(".")[2]
        if name in _CONTAINERS:
            return self._container(text, head.end(), end, depth)
        if name not in self.known and name[:1].isupper() and name in self.classes:
            from convcalc.importers.frameworks import stages_of

            return stages_of(name, text, start, head.end(), end)
        if re.match(rf"\(\s*{_LABEL.pattern}", value[head.end() : end]):
            raise fault(
                text, start, head.end(), f"{name} is a module with code of its own",
                "layers, blocks and nn.Sequential, whose parts run in order",
            )  # fmt: skip
        return super().call(text, start, end)

    def _container(self, text: Text, start: int, end: int, depth: int) -> list[Stage]:
        if depth >= MAX_NESTING:
            raise fault(text, start, start + 1, f"Sequential nested deeper than {MAX_NESTING}")
        value = text.value
        close = _closing(text, start, end)
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


def _closing(text: Text, start: int, end: int) -> int:
    depth = 0
    for i in range(start, end):
        if text.value[i] in "([{":
            depth += 1
        elif text.value[i] in ")]}":
            depth -= 1
            if depth == 0:
                return i + 1
    raise fault(text, start, start + 1, "'(' is never closed", "')'")
