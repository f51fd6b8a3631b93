"""Arithmetic of the spec language: its parser. :mod:`convcalc.spec.language.evaluation` walks what it parsed.

Grammar, loosest first::

    expression := or ["if" or "else" expression]
    or         := and ("or" and)*
    and        := not ("and" not)*
    not        := "not" not | comparison
    comparison := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)*
    sum        := product (("+" | "-") product)*
    product    := unary (("*" | "/" | "//" | "%") unary)*
    unary      := ("-" | "+") unary | power
    power      := postfix ["**" unary]
    postfix    := atom ("[" (expression | [expression] ":" [expression]) "]")*
    atom       := number | string | name | name "(" arguments ")"
                | "(" expression ("," expression)* [","] ")" | "[" expressions "]"

A string is filled in where it holds ``{expression}``, a whole number or a text: ``'stage{i+1}'``.

Decimals are exact fractions: ``0.1`` is one tenth. There is no ``eval`` and no attribute; the
size of every value is bounded.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Final

MAX_BITS: Final = 4096
"""Largest number of bits of an integer (or of a fraction's numerator and denominator)."""
MAX_DEPTH: Final = 48
"""Deepest nesting of brackets, signs and powers in one expression."""
MAX_OPERATORS: Final = 120
"""Most operators in one expression."""
MAX_LENGTH: Final = 4000
"""Longest expression, in characters."""
ARRIVING: Final = frozenset(("in", "size"))
"""Names of what arrives: its channels, and all its sizes where no variable of that name hides them.

Variables hold the whole shape under ``in``, or that it is unknown.
"""

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<op>\*\*|//|<=|>=|==|!=|[-+*/%<>()\[\],:]))"
)
_SYMBOL: Final = re.compile(r"[A-Z]\d*(?:_\w+)?\Z")
_FILLED: Final = re.compile(r"\{([^{}]*)\}")
_KEYWORDS: Final = frozenset({"if", "else", "and", "or", "not"})
_CONSTANTS: Final[dict[str, Any]] = {
    "true": True, "false": False, "True": True, "False": False, "none": None, "None": None,
}  # fmt: skip


FUNCTIONS: Final[dict[str, tuple[int, int]]] = {
    **dict.fromkeys(("min", "max", "sum", "prod"), (1, 99)),
    **dict.fromkeys(("round", "floor", "ceil", "int", "abs", "len"), (1, 1)),
    "make_divisible": (1, 3),
    "power": (2, 2),
}
"""Functions by name: fewest and most arguments."""


class ExpressionError(ValueError):
    """A fault in an expression, by offsets into its text; ``unknown`` is the name that is not known."""

    def __init__(
        self,
        message: str,
        start: int,
        end: int,
        *,
        expected: str | None = None,
        nearest: str | None = None,
        unknown: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.expected = expected
        self.nearest = nearest
        self.unknown = unknown


class Expr:
    """A parsed expression.

    ``kind`` is one of const, text, name, variable, call, tuple, list, index, cut, unary, binary, compare,
    and, or, not, if. ``start`` and ``end`` are offsets into the text it was parsed from. The ``args`` of a
    text are its parts, in order; its ``value`` is how it is written.
    """

    __slots__ = ("args", "end", "kind", "start", "value")

    def __init__(self, kind: str, value: Any, args: tuple[Expr, ...], start: int, end: int) -> None:
        self.kind = kind
        self.value = value
        self.args = args
        self.start = start
        self.end = end

    def names(self) -> set[str]:
        """Variables it reads."""
        found: set[str] = set()
        todo = [self]
        while todo:
            expr = todo.pop()
            if expr.kind in ("name", "variable"):
                found.add(expr.value)
            todo.extend(expr.args)
        return found

    def of_variables(self) -> Expr:
        """The same as a call of a program means it: ``size`` a variable or nothing, texts as they stand."""
        if self.kind == "text":
            return constant(self.value, self.start, self.end)
        kind = "variable" if self.kind == "name" and self.value == "size" else self.kind
        return Expr(kind, self.value, tuple(arg.of_variables() for arg in self.args), self.start, self.end)

    def size(self) -> int:
        """Number of nodes."""
        count, todo = 0, [self]
        while todo:
            count += 1
            todo.extend(todo.pop().args)
        return count


def constant(value: Any, start: int, end: int) -> Expr:
    """An expression that is a value."""
    return Expr("const", value, (), start, end)


class Parser:
    """Parses expressions from ``text[start:end]``; offsets stay those of ``text``."""

    fills = True
    """Whether what stands in braces in a string is an expression."""

    def __init__(self, text: str, start: int = 0, end: int | None = None) -> None:
        self.text = text
        self.end = len(text) if end is None else end
        self.position = start
        self.depth = 0
        self.operators = 0
        self.kind = ""
        self.token = ""
        self.token_start = start
        self.token_end = start
        if self.end - start > MAX_LENGTH:
            raise ExpressionError(f"expression longer than {MAX_LENGTH} characters", start, start + 1)
        self.advance()

    def advance(self) -> None:
        """Read the next token."""
        self.last_end = self.token_end
        match = _TOKEN.match(self.text, self.position, self.end)
        if match is None or match.lastgroup is None:
            rest = self.position
            while rest < self.end and self.text[rest].isspace():
                rest += 1
            self.token_start = self.token_end = rest
            self.kind, self.token = ("end", "") if rest >= self.end else ("bad", self.text[rest])
            return
        self.kind = match.lastgroup
        self.token = match.group(self.kind)
        self.token_start, self.token_end = match.span(self.kind)
        self.position = match.end()

    def fail(self, expected: str) -> ExpressionError:
        """The error for the token in hand."""
        if self.kind == "end":
            return ExpressionError(
                "the expression ends too early", self.token_start, self.token_end + 1, expected=expected
            )
        if self.token in "'\"" and self.kind == "bad":
            return ExpressionError("unclosed quote", self.token_start, self.end, expected=expected)
        return ExpressionError(
            f"unexpected {self.token!r}",
            self.token_start,
            max(self.token_end, self.token_start + 1),
            expected=expected,
        )

    def accept(self, *tokens: str) -> str | None:
        """Take the token in hand if it is one of these."""
        if self.token in tokens and self.kind in ("op", "name"):
            token = self.token
            self.advance()
            return token
        return None

    def expect(self, token: str) -> None:
        """Take exactly this token."""
        if self.accept(token) is None:
            raise self.fail(f"{token!r}")

    def deeper(self) -> None:
        """Enter one level of nesting."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(
                f"nested deeper than {MAX_DEPTH} levels", self.token_start, self.token_start + 1
            )

    def whole(self) -> Expr:
        """One expression up to the end."""
        expr = self.expression()
        if self.kind != "end":
            expected = "an operator or the end of the expression"
            if self.token == ",":
                expected += "; in a line, blanks stand between options, and '|' between layers"
            raise self.fail(expected)
        return expr

    def expression(self) -> Expr:
        """The loosest level: a conditional."""
        self.deeper()
        start = self.token_start
        value = self._or()
        if self.accept("if"):
            condition = self._or()
            self.expect("else")
            other = self.expression()
            value = Expr("if", None, (condition, value, other), start, other.end)
        self.depth -= 1
        return value

    def _or(self) -> Expr:
        value = self._and()
        while self.accept("or"):
            self._grow(value.start)
            other = self._and()
            value = Expr("or", None, (value, other), value.start, other.end)
        return value

    def _and(self) -> Expr:
        value = self._not()
        while self.accept("and"):
            self._grow(value.start)
            other = self._not()
            value = Expr("and", None, (value, other), value.start, other.end)
        return value

    def _not(self) -> Expr:
        start = self.token_start
        if self.accept("not"):
            self.deeper()
            value = self._not()
            self.depth -= 1
            return Expr("not", None, (value,), start, value.end)
        return self._comparison()

    def _comparison(self) -> Expr:
        first = self._sum()
        operators: list[str] = []
        operands = [first]
        while op := self.accept("<", "<=", ">", ">=", "==", "!="):
            operators.append(op)
            operands.append(self._sum())
        if not operators:
            return first
        return Expr("compare", tuple(operators), tuple(operands), first.start, operands[-1].end)

    def _sum(self) -> Expr:
        value = self._product()
        while op := self.accept("+", "-"):
            value = self._binary(op, value, self._product())
        return value

    def _product(self) -> Expr:
        value = self._unary()
        while op := self.accept("*", "//", "/", "%"):
            value = self._binary(op, value, self._unary())
        return value

    def _unary(self) -> Expr:
        start = self.token_start
        if op := self.accept("-", "+"):
            self.deeper()
            value = self._unary()
            self.depth -= 1
            return Expr("unary", op, (value,), start, value.end)
        value = self._postfix()
        if self.accept("**"):
            self.deeper()
            exponent = self._unary()
            self.depth -= 1
            return self._binary("**", value, exponent)
        return value

    def _grow(self, start: int) -> None:
        """Count an operator that nests to the left, where brackets do not bound the depth."""
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            raise ExpressionError(f"more than {MAX_OPERATORS} operators in one expression", start, start + 1)

    def _binary(self, op: str, left: Expr, right: Expr) -> Expr:
        self._grow(left.start)
        return Expr("binary", op, (left, right), left.start, right.end)

    def _postfix(self) -> Expr:
        value = self._atom()
        while self.token == "[" and self.kind == "op":
            self._grow(value.start)
            self.advance()
            first = None if self.token == ":" else self.expression()
            sliced = self.accept(":") is not None
            last = self.expression() if sliced and self.token != "]" else None
            start, end = value.start, self.token_end
            self.expect("]")
            if sliced:
                bounds = (bound or constant(None, start, end) for bound in (first, last))
                value = Expr("cut", None, (value, *bounds), start, end)
            else:
                assert first is not None
                value = Expr("index", None, (value, first), start, end)
        return value

    def _items(self, close: str) -> tuple[tuple[Expr, ...], int, bool]:
        """Comma-separated expressions up to a bracket; their end; whether a comma was seen."""
        items: list[Expr] = []
        comma = False
        while not (self.token == close and self.kind == "op"):
            items.append(self.expression())
            if self.accept(","):
                comma = True
                continue
            if not (self.token == close and self.kind == "op"):
                raise self.fail(f"',' or {close!r}")
        end = self.token_end
        self.advance()
        return tuple(items), end, comma

    def _atom(self) -> Expr:
        start, end, token, kind = self.token_start, self.token_end, self.token, self.kind
        if kind == "number":
            self.advance()
            return constant(_number(token, start, end), start, end)
        if kind == "string":
            self.advance()
            return self._string(token[1:-1], start, end)
        if kind == "name" and token not in _KEYWORDS:
            self.advance()
            if token in _CONSTANTS:
                return constant(_CONSTANTS[token], start, end)
            if self.token == "(" and self.kind == "op" and self.token_start == end:
                self.advance()
                arguments, end, _ = self._items(")")
                return _call(token, arguments, start, end)
            return Expr("name", token, (), start, end)
        if token == "(" and kind == "op":
            self.advance()
            items, end, comma = self._items(")")
            if len(items) == 1 and not comma:
                inner = items[0]
                return Expr(inner.kind, inner.value, inner.args, start, end)
            return Expr("tuple", None, items, start, end)
        if token == "[" and kind == "op":
            self.advance()
            items, end, _ = self._items("]")
            return Expr("tuple", None, items, start, end)
        raise self.fail("a number, a name or '('")

    def _string(self, value: str, start: int, end: int) -> Expr:
        if not self.fills or "{" not in value:
            return constant(value, start, end)
        parts: list[Expr] = []
        at = 0
        for match in _FILLED.finditer(value):
            if match.start() > at:
                parts.append(constant(value[at : match.start()], start, end))
            self._grow(start)
            left, right = (start + 1 + place for place in match.span(1))
            parts.append(parse(self.text, left, right))
            at = match.end()
        if at < len(value):
            parts.append(constant(value[at:], start, end))
        return Expr("text", value, tuple(parts), start, end)


def _number(token: str, start: int, end: int) -> Any:
    if len(token) > 400:
        raise ExpressionError("number with more than 400 characters", start, end)
    if token.isdigit():
        return int(token)
    exponent = re.search(r"[eE]([+-]?\d+)\Z", token)
    if exponent and abs(int(exponent.group(1))) > 400:
        raise ExpressionError("exponent beyond 400", start, end)
    return Fraction(token)


def _call(name: str, arguments: tuple[Expr, ...], start: int, end: int) -> Expr:
    from convcalc.spec.errors import nearest_name

    if name not in FUNCTIONS:
        raise ExpressionError(
            f"unknown function {name!r}",
            start,
            start + len(name),
            expected="one of " + ", ".join(sorted(FUNCTIONS)),
            nearest=nearest_name(name, FUNCTIONS),
        )
    low, high = FUNCTIONS[name]
    if not low <= len(arguments) <= high:
        wanted = str(low) if low == high else f"{low} or more" if high > 9 else f"{low} to {high}"
        raise ExpressionError(
            f"{name} takes {wanted} argument{'s' * (wanted != '1')}, got {len(arguments)}", start, end
        )
    return Expr("call", name, arguments, start, end)


def parse(text: str, start: int = 0, end: int | None = None) -> Expr:
    """Parse ``text[start:end]`` as one expression.

    Raises:
        ExpressionError: the text is no expression.
    """
    return Parser(text, start, end).whole()


def is_symbol_name(name: str) -> bool:
    """Whether an undefined name stands for a symbol: one capital, then digits or ``_word``."""
    return _SYMBOL.match(name) is not None
