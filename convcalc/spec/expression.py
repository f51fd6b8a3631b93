"""Arithmetic of the spec language: a small parser and a safe walk of what it parsed.

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
    postfix    := atom ("[" expression "]")*
    atom       := number | string | name | name "(" arguments ")"
                | "(" expression ("," expression)* [","] ")" | "[" expressions "]"

Decimals are exact fractions: ``0.1`` is one tenth. There is no ``eval`` and no attribute; the
size of every value is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final

from convcalc import dims

MAX_BITS: Final = 4096
"""Largest number of bits of an integer (or of a fraction's numerator and denominator)."""
MAX_DEPTH: Final = 48
"""Deepest nesting of brackets, signs and powers in one expression."""
MAX_OPERATORS: Final = 120
"""Most operators in one expression."""
MAX_LENGTH: Final = 4000
"""Longest expression, in characters."""

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<op>\*\*|//|<=|>=|==|!=|[-+*/%<>()\[\],]))"
)
_SYMBOL: Final = re.compile(r"[A-Z]\d*(?:_\w+)?\Z")
_KEYWORDS: Final = frozenset({"if", "else", "and", "or", "not"})
_CONSTANTS: Final[dict[str, Any]] = {
    "true": True, "false": False, "True": True, "False": False, "none": None, "None": None,
}  # fmt: skip


class ExpressionError(ValueError):
    """A fault in an expression, by offsets into its text."""

    def __init__(
        self,
        message: str,
        start: int,
        end: int,
        *,
        expected: str | None = None,
        nearest: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.expected = expected
        self.nearest = nearest


class Expr:
    """A parsed expression.

    ``kind`` is one of const, name, call, tuple, list, index, unary, binary, compare, and, or,
    not, if. ``start`` and ``end`` are offsets into the text it was parsed from.
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
            if expr.kind == "name":
                found.add(expr.value)
            todo.extend(expr.args)
        return found

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
            raise self.fail("an operator or the end of the expression")
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
            index = self.expression()
            end = self.token_end
            self.expect("]")
            value = Expr("index", None, (value, index), value.start, end)
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
            return constant(token[1:-1], start, end)
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
    low, high, _ = FUNCTIONS[name]
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


def bounded(value: Any) -> Any:
    """The value, an integer where a fraction is whole; refused where it grew beyond bounds."""
    if type(value) is Fraction:
        if value.denominator == 1:
            value = value.numerator
        elif value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
            raise OverflowError
    if type(value) is int:
        if value.bit_length() > MAX_BITS:
            raise OverflowError
    elif dims.is_involved(value):
        raise ValueError("a closed form too long to read: put numbers in place of some symbols")
    return value


def is_symbol_name(name: str) -> bool:
    """Whether an undefined name stands for a symbol: one capital, then digits or ``_word``."""
    return _SYMBOL.match(name) is not None


def _is_number(value: Any) -> bool:
    return (
        (type(value) in (int, Fraction))
        or value is dims.UNKNOWN
        or dims.is_symbolic(value)
        or dims.is_array(value)
    )


def _power(a: Any, b: Any) -> Any:
    if dims.is_symbolic(a) or dims.is_symbolic(b):
        return a**b
    if type(b) is int and isinstance(a, (int, Fraction)):
        bits = max(abs(a.numerator), a.denominator).bit_length()
        if abs(b) > MAX_BITS or (bits - 1) * abs(b) > MAX_BITS:
            raise OverflowError
        return Fraction(a) ** b if b < 0 else a**b
    if isinstance(b, Fraction):
        root = float(a) ** float(b)
        if isinstance(root, complex):
            raise ArithmeticError("the power is not a real number")
        return Fraction(root)
    return a**b


def _divide(a: Any, b: Any) -> Any:
    return Fraction(a, b) if type(a) is int and type(b) is int else a / b


_BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": _power,
}
_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _many(combine: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def apply(*values: Any) -> Any:
        if len(values) == 1 and isinstance(values[0], tuple):
            values = values[0]
        if not values:
            raise ValueError("needs at least one value")
        result = _numeric(values[0])
        for value in values[1:]:
            result = combine(result, _numeric(value))
        return result

    return apply


def _numeric(value: Any) -> Any:
    if not _is_number(value):
        raise TypeError(f"expected a number, got {describe(value)}")
    return value


def _length(value: Any) -> int:
    if not isinstance(value, (tuple, str)):
        raise TypeError(f"len takes a list, got {describe(value)}")
    return len(value)


def _round(value: Any) -> Any:
    return dims.rounded(_numeric(value))


def _int(value: Any) -> Any:
    value = _numeric(value)
    if isinstance(value, Fraction):
        return int(value)
    return value if type(value) is int else dims.floor_div(value, 1)


FUNCTIONS: Final[dict[str, tuple[int, int, Callable[..., Any]]]] = {
    "min": (1, 99, _many(dims.minimum)),
    "max": (1, 99, _many(dims.maximum)),
    "round": (1, 1, _round),
    "floor": (1, 1, lambda x: dims.floor_div(_numeric(x), 1)),
    "ceil": (1, 1, lambda x: dims.ceil_div(_numeric(x), 1)),
    "int": (1, 1, _int),
    "abs": (1, 1, lambda x: abs(_numeric(x))),
    "len": (1, 1, _length),
    "make_divisible": (1, 3, lambda *a: dims.make_divisible(*map(_numeric, a))),
}
"""Functions by name: fewest arguments, most arguments, implementation."""


def describe(value: Any) -> str:
    """A value as an error message names it."""
    if isinstance(value, tuple):
        return "a list" if len(value) > 6 else "(" + ", ".join(map(describe, value)) + ")"
    if isinstance(value, Fraction):
        return str(value) if value.denominator > 10**6 or 10**9 % value.denominator else f"{float(value):g}"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def evaluate(expr: Expr, env: Mapping[str, Any], words: frozenset[str] | tuple[str, ...] = ()) -> Any:
    """Value of an expression.

    ``words`` are bare names that stand for themselves (``same``, ``reflect``).

    Raises:
        ExpressionError: an unknown name, a wrong type, a division by zero, a value out of bounds.
    """
    kind = expr.kind
    if kind == "const":
        return expr.value
    if kind == "name":
        name = expr.value
        if name in words:
            return name
        if name in env:
            return env[name]
        if is_symbol_name(name):
            return dims.symbol(name)
        from convcalc.spec.errors import nearest_name

        raise ExpressionError(
            f"unknown name {name!r}",
            expr.start,
            expr.end,
            expected=_known(env, words),
            nearest=nearest_name(name, [*env, *words, *FUNCTIONS]),
        )
    try:
        return bounded(_apply(expr, env, words))
    except ExpressionError:
        raise
    except ZeroDivisionError:
        raise ExpressionError("division by zero", expr.start, expr.end) from None
    except OverflowError:
        raise ExpressionError(f"value of more than {MAX_BITS} bits", expr.start, expr.end) from None
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ExpressionError(str(error), expr.start, expr.end) from None


def _known(env: Mapping[str, Any], words: frozenset[str] | tuple[str, ...]) -> str:
    names = sorted({*env, *words})
    return (
        "a number"
        if not names
        else "a number or one of " + ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    )


def _apply(expr: Expr, env: Mapping[str, Any], words: frozenset[str] | tuple[str, ...]) -> Any:
    kind, args = expr.kind, expr.args
    if kind == "binary":
        left = evaluate(args[0], env, words)
        right = evaluate(args[1], env, words)
        for value, arg in ((left, args[0]), (right, args[1])):
            if not _is_number(value):
                raise ExpressionError(
                    f"{expr.value} needs numbers, got {describe(value)}", arg.start, arg.end
                )
        return _BINARY[expr.value](left, right)
    if kind == "tuple":
        return tuple(evaluate(a, env, words) for a in args)
    if kind == "call":
        return FUNCTIONS[expr.value][2](*(evaluate(a, env, words) for a in args))
    if kind == "unary":
        value = _numeric(evaluate(args[0], env, words))
        return -value if expr.value == "-" else value
    if kind == "compare":
        return _compare(expr, [evaluate(a, env, words) for a in args])
    if kind == "if":
        return evaluate(args[1] if truth(evaluate(args[0], env, words)) else args[2], env, words)
    if kind == "and":
        return truth(evaluate(args[0], env, words)) and truth(evaluate(args[1], env, words))
    if kind == "or":
        return truth(evaluate(args[0], env, words)) or truth(evaluate(args[1], env, words))
    if kind == "not":
        return not truth(evaluate(args[0], env, words))
    value = evaluate(args[0], env, words)
    index = evaluate(args[1], env, words)
    if not isinstance(value, tuple):
        raise ExpressionError(f"only a list has items, got {describe(value)}", args[0].start, args[0].end)
    if type(index) is not int or not -len(value) <= index < len(value):
        raise ExpressionError(
            f"no item {describe(index)} in a list of {len(value)}",
            args[1].start,
            args[1].end,
            expected=f"0 to {len(value) - 1}",
        )
    return value[index]


def _compare(expr: Expr, values: list[Any]) -> Any:
    for op, left, right in zip(expr.value, values, values[1:], strict=False):
        if op in ("==", "!="):
            if left is dims.UNKNOWN or right is dims.UNKNOWN:
                raise UndecidedError("the condition depends on a size that was not given")
            found = dims.equal(left, right) if _is_number(left) and _is_number(right) else left == right
            result = truth(found) is (op == "==")
        else:
            result = truth(_COMPARE[op](_numeric(left), _numeric(right)))
        if not result:
            return False
    return True


class UndecidedError(ValueError):
    """A condition on an unknown or symbolic size."""


def truth(value: Any) -> bool:
    """Truth of a condition."""
    if isinstance(value, bool):
        return value
    if value is dims.UNKNOWN:
        raise UndecidedError("the condition depends on a size that was not given: give --input")
    if dims.is_symbolic(value):
        if value == True:  # noqa: E712
            return True
        if value == False:  # noqa: E712
            return False
        if not getattr(value, "is_Relational", False) and getattr(value, "is_positive", None):
            return True
        raise UndecidedError(f"the condition {value} cannot be decided for symbols: set them to numbers")
    if dims.is_array(value):
        raise UndecidedError("a condition cannot hold for a whole array of sizes")
    if value is None or isinstance(value, (int, Fraction, tuple, str)):
        return bool(value)
    raise TypeError(f"no condition: {describe(value)}")
