"""Arguments of a call, as Python writes them: ``(64, stride=2, id=last)``."""

from __future__ import annotations

import re
from typing import Any, Final

from convcalc.spec.errors import fault
from convcalc.spec.language.expression import Expr, ExpressionError, Parser, constant
from convcalc.spec.language.stage import NODE_KEYS, Arg, Stage, add_keyed, expression_fault, set_node_key
from convcalc.spec.language.tokens import parse_sizes, split_stages
from convcalc.spec.source import Text

_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?=\s*[,)])")
_KEYED: Final = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*")
_SIZES: Final = re.compile(r"\d+(?:x\d+)+(?=\s*[,)])")


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
        sizes = _SIZES.match(self.text, self.token_start, self.end)
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


def arguments_of(
    text: Text, start: int, end: int, fills: bool = False
) -> tuple[list[tuple[str | None, Any, int, int]], int]:
    """The arguments of a call, each as key, value and place, and where the call closes.

    ``fills`` says whether what stands in braces in a text is an expression.
    """
    try:
        parser = CallParser(text.value, start, end)
        parser.fills = fills
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


def fill(stage: Stage, text: Text, start: int, end: int) -> None:
    """Give a stage the arguments of the call whose bracket opens at ``start``.

    Raises:
        SpecError: an argument cannot be read, or the layer has none of its key.
    """
    arguments, close = arguments_of(text, start, end, fills=True)
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
