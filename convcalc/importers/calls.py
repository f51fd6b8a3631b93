"""The call form: blocks, layers and what people paste from PyTorch and Keras, as calls."""

from __future__ import annotations

import re
from typing import Any, Final

from convcalc.spec.errors import Problem, SpecError
from convcalc.spec.language.expression import Expr, ExpressionError, Parser, constant
from convcalc.spec.language.stage import (
    NODE_KEYS,
    Arg,
    Stage,
    add_keyed,
    expression_fault,
    fault,
    new_stage,
    parse_sizes,
    set_node_key,
    split_stages,
)
from convcalc.spec.source import Text

MAX_NESTING: Final = 32
"""Deepest nesting of ``Sequential`` containers."""
_CONTAINERS: Final = frozenset({"Sequential", "Conv2dNormActivation", "Conv3dNormActivation", "ConvBNReLU"})
_LABEL: Final = re.compile(r"\(([\w.\-]+)\)\s*:\s*")
_PAIR: Final = re.compile(r"\(\s*(['\"])[\w.\-]+\1\s*,\s*")
_ORDERED: Final = re.compile(r"\A(?:\w+\.)?OrderedDict\(\s*(?=\[)")
_ADDED: Final = re.compile(r"[A-Za-z_][\w.]*\.add\(\s*(?=[A-Za-z_][\w.]*\()")
_ASSIGNED: Final = re.compile(r"[A-Za-z_][\w.]*\s*=\s*(?=[A-Za-z_][\w.]*\()")
_CALLED: Final = re.compile(r"(?:[A-Za-z_][\w.]*\s*=\s*)?(?:[A-Za-z_][\w.]*)?\(")
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?=\s*[,)])")
_TIMES: Final = re.compile(r"(\d{1,4}) x (?=[A-Za-z_])")


def labelled(text: Text, start: int, end: int) -> tuple[int, int] | None:
    """The call behind a printed label such as ``(0): Conv2d(...)``, or None."""
    match = _LABEL.match(text.value, start, end)
    return (match.end(), end) if match else None


def unwrapped(text: Text, start: int, end: int, first: bool) -> tuple[int, int]:
    """The call in a line of a program: without ``model =``, ``model.add(...)`` and a comma at its end.

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
                "the calls alone, in the order they run", None,
            )  # fmt: skip
        return assigned.end(), end
    added = _ADDED.match(value, start, end)
    if added is not None and value[end - 1] == ")":
        return added.end(), len(value[: end - 1].rstrip(" \t\r\n,"))
    return start, end


class CallParser(Parser):
    """Arguments of a call: expressions, some with a key, some of them node keys."""

    def arguments(self, text: Text) -> list[tuple[str | None, Expr | tuple[int, int], int, int]]:
        """``(key, value, start, end)`` of each; the value of a node key is a range of text."""
        found: list[tuple[str | None, Any, int, int]] = []
        self.expect("(")
        while not (self.kind == "op" and self.token == ")"):
            start = self.token_start
            match = _KEYED.match(self.text, start, self.end)
            if match is not None:
                key = match.group(1)
                self.position = match.end()
                self.advance()
                if key in NODE_KEYS:
                    stop = _argument_end(self.text, match.end(), self.end)
                    found.append((key, (match.end(), stop), start, stop))
                    self.position = stop
                    self.advance()
                else:
                    found.append((key, self._argument(), start, self.last_end))
            else:
                found.append((None, self._argument(), start, self.last_end))
            if self.accept(",") is None and not (self.kind == "op" and self.token == ")"):
                raise self.fail("',' or ')'")
        self.close = self.token_end
        self.advance()
        return found

    def _argument(self) -> Expr:
        sizes = _CALL_SIZES.match(self.text, self.token_start, self.end)
        if sizes is not None:
            expr = parse_sizes(self.text, sizes.start(), sizes.end())
            self.position = sizes.end()
            self.advance()
            return expr
        dotted = _DOTTED.match(self.text, self.token_start, self.end)
        if dotted is not None:  # torch.float32, tf.nn.relu: known by their last name
            self.position = dotted.end()
            self.advance()
            return constant(dotted.group().rpartition(".")[2], *dotted.span())
        return self.expression()


_KEYED: Final = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*")
_CALL_SIZES: Final = re.compile(r"\d+(?:x\d+)+(?=\s*[,)])")


def _argument_end(value: str, start: int, end: int) -> int:
    depth = 0
    for i in range(start, end):
        char = value[i]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                return len(value[:i].rstrip())
            depth -= 1
        elif char == "," and depth == 0:
            return len(value[:i].rstrip())
    return end


def is_class(name: str) -> bool:
    """Whether a name is a class of PyTorch or Keras; their tables are read for capital names alone."""
    if not name[:1].isupper():
        return False
    from convcalc.importers.frameworks import CLASSES

    return name in CLASSES


def parse_call(text: Text, start: int, end: int, known: frozenset[str], depth: int = 0) -> list[Stage]:
    """Stages of one call: a block, a layer, a framework's class or a ``Sequential``.

    Raises:
        SpecError: the name or an argument is not known.
    """
    value = text.value
    head = re.compile(r"[A-Za-z_][\w.]*").match(value, start, end)
    if head is None or not value.startswith("(", head.end()):
        raise fault(
            text, start, end, f"unexpected {value[start:end][:40]!r}", "a call, such as Conv2d(3, 64, 3)"
        )
    dotted = head.group()
    name = dotted.rpartition(".")[2]
    if name in _CONTAINERS:
        return _container(text, head.end(), end, known, depth)
    if name in known or not is_class(name):
        if re.match(r"\(\s*\([\w.\-]+\):", value[head.end() : end]):
            raise fault(
                text, start, head.end(), f"{name} is a module with code of its own",
                "layers, blocks and nn.Sequential, whose parts run in order", None,
            )  # fmt: skip
        stage = new_stage(name, text, start, end, head.end(), known)
        _fill(stage, text, head.end(), end)
        return [stage.finish()]
    from convcalc.importers import frameworks

    return frameworks.stages_of(name, text, start, head.end(), end)


def arguments_of(text: Text, start: int, end: int) -> tuple[list[tuple[str | None, Any, int, int]], int]:
    """The arguments of a call, each as key, value and place, and where the call closes."""
    try:
        parser = CallParser(text.value, start, end)
        return parser.arguments(text), parser.close
    except ExpressionError as error:
        raise expression_fault(text, error) from None


def read_tail(stage: Stage, text: Text, start: int, end: int) -> None:
    """``id=``, ``from=`` and the like behind a call."""
    for left, right in split_stages(text, start, end, " \t\r\n\f\v"):
        key, equals, _ = text.value[left:right].partition("=")
        if not equals or key not in NODE_KEYS:
            raise fault(
                text,
                left,
                right,
                f"unexpected {text.value[left:right][:40]!r} after the call",
                "'|' or id=name",
            )
        set_node_key(stage, key, text, left + len(key) + 1, right)


def _fill(stage: Stage, text: Text, start: int, end: int) -> None:
    arguments, close = arguments_of(text, start, end)
    for key, value, left, right in arguments:
        if key in NODE_KEYS:
            set_node_key(stage, key, text, *value)
        elif key is None:
            if any(arg.key is not None for arg in stage.args):
                raise fault(text, left, right, "a positional argument after one with a key")
            stage.args.append(Arg(None, value, left, right))
        else:
            add_keyed(stage, key, value, left, right)
    read_tail(stage, text, close, end)


def _container(text: Text, start: int, end: int, known: frozenset[str], depth: int) -> list[Stage]:
    if depth >= MAX_NESTING:
        raise fault(text, start, start + 1, f"Sequential nested deeper than {MAX_NESTING}")
    value = text.value
    close = _closing(text, start, end)
    if value[close:end].strip():
        raise fault(
            text, close, end, f"unexpected {value[close:end].strip()[:40]!r} after the call", "'|' or the end"
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
                stages.extend(parse_call(text, begin, stop, known, depth + 1))
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
