"""Values that are known: what the operators, functions and methods of Python make of them, within bounds."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from convcalc.budget import spend
from convcalc.importers.source.values import BatchSize, Class, Instance, Name, Native

MAX_ITEMS: Final = 100_000
"""Longest list, tuple or text that is made."""
MAX_BITS: Final = 256
"""Longest whole number, in bits."""
PLAIN: Final = (int, float, str, bool, type(None), tuple, list, dict, range, set)
"""Values that Python's own operators work on here."""


class NotKnown(Exception):
    """What Python would do is not worked out, or is an error there.

    Attributes:
        message: which.
        expected: what would be read.
    """

    def __init__(self, message: str, expected: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected


_BINARY: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_, ast.BitXor: operator.xor, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}  # fmt: skip
_COMPARE: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_SIGNS: Final = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.BitOr: "|", ast.BitAnd: "&", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip


def sign(op: ast.operator) -> str:
    """How an operator is written."""
    return _SIGNS[type(op)]


def described(value: Any) -> str:
    """What a value is, in a few words for an error."""
    if value is None or isinstance(value, (bool, float, BatchSize)) or type(value) is int:
        return str(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 30 else value[:27] + "...")
    if isinstance(value, (tuple, list, dict, range, set)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, (Class, Name)):
        return str(value)
    if isinstance(value, Instance):
        return f"a {value.name}"
    return {"Function": "a function", "Bound": "a method", "Native": "a function"}.get(
        type(value).__name__, "a tensor"
    )


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise NotKnown(f"a number of more than {MAX_BITS} bits")
    if isinstance(value, (str, list, tuple)) and len(value) > MAX_ITEMS:
        raise NotKnown(f"more than {MAX_ITEMS:,} items")
    return value


def binary(op: ast.operator, a: Any, b: Any) -> Any:
    """The value of ``a op b`` where both are known.

    Raises:
        NotKnown: Python has no such operation, or its value depends on the batch, or is out of bounds.
    """
    if isinstance(a, BatchSize) or isinstance(b, BatchSize):
        return _of_batch(op, a, b)
    if isinstance(op, ast.Mult):
        for many, items in ((a, b), (b, a)):
            if isinstance(many, int) and isinstance(items, (str, list, tuple)):
                if many > 0 and len(items) * many > MAX_ITEMS:
                    raise NotKnown(f"more than {MAX_ITEMS:,} items")
                spend(max(0, len(items) * many))
    grows = isinstance(op, (ast.Pow, ast.LShift)) and isinstance(a, int) and isinstance(b, int)
    if grows and abs(b) * max(1, a.bit_length() if isinstance(op, ast.Pow) else 1) > 4 * MAX_BITS:
        raise NotKnown(f"a number of more than {MAX_BITS} bits")
    if isinstance(op, ast.Mod) and isinstance(a, str):
        return _percent(a, b)
    if isinstance(a, (str, list, tuple, dict, set)):
        spend(len(a) // 8)
    try:
        return _bounded(_BINARY[type(op)](a, b))
    except KeyError:
        raise NotKnown(f"{sign(op)} is for tensors") from None
    except ZeroDivisionError:
        raise NotKnown("a division by zero") from None
    except (TypeError, ValueError, OverflowError):
        raise NotKnown(f"{described(a)} {sign(op)} {described(b)}: Python has no such operation") from None


def _of_batch(op: ast.operator, a: Any, b: Any) -> Any:
    """The batch size goes through products and quotients, as sizes of a reshape need it."""
    if isinstance(op, ast.Mult):
        whole, many = (a, b) if isinstance(a, BatchSize) else (b, a)
        many = int(many) if isinstance(many, float) and many.is_integer() else many
        if type(many) is int:
            return BatchSize(int(whole) // whole.times, whole.times * many)
        if isinstance(many, (list, tuple)) and len(many) == 1:
            return many * int(whole)  # [x] * B
    if isinstance(op, (ast.FloorDiv, ast.Div)) and isinstance(a, BatchSize):
        if isinstance(b, BatchSize) and a.times % b.times == 0:
            return a.times // b.times
        b = int(b) if isinstance(b, float) and b.is_integer() else b
        if type(b) is int and b and a.times % b == 0:
            return BatchSize(int(a) // a.times, a.times // b)
    raise NotKnown(
        f"{described(a)} {sign(op)} {described(b)} depends on how many samples there are",
        "the batch size in sizes alone, and multiplied or divided by numbers",
    )


def _percent(text: str, values: Any) -> str:
    parts = values if isinstance(values, tuple) else (values,)
    if not all(isinstance(part, (int, float, str)) for part in parts) or re.search(r"%[^sdifr%]", text):
        raise NotKnown("this formatting is not worked out", "an f-string")
    if any(isinstance(part, BatchSize) for part in parts):
        raise NotKnown("it depends on how many samples there are")
    spend(len(text))
    try:
        return str(_bounded(text % values))
    except (TypeError, ValueError, KeyError, OverflowError):
        raise NotKnown("the text and its values do not go together") from None


def unary(op: ast.unaryop, value: Any) -> Any:
    """``-x``, ``+x`` and ``~x``."""
    if isinstance(value, BatchSize):
        raise NotKnown("it depends on how many samples there are")
    try:
        if isinstance(op, ast.USub):
            return -value
        return +value if isinstance(op, ast.UAdd) else ~value
    except TypeError:
        raise NotKnown(f"{described(value)} has no sign") from None


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, as Python has it; objects are equal to themselves alone."""
    spend(1)
    if isinstance(a, BatchSize) or isinstance(b, BatchSize):
        if isinstance(a, BatchSize) and isinstance(b, BatchSize):
            return a.times == b.times
        if not isinstance(a, int) or not isinstance(b, int):
            return False
        raise NotKnown("it depends on how many samples there are")
    if isinstance(a, (list, tuple)) and type(a) is type(b):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return len(a) == len(b) and all(key in b and same(value, b[key]) for key, value in a.items())
    if isinstance(a, PLAIN) and isinstance(b, PLAIN):
        return bool(a == b) if not isinstance(a, (set, list, tuple, dict)) else False
    if isinstance(a, Name):
        return isinstance(b, Name) and a.path == b.path
    return a is b


def compare(op: ast.cmpop, a: Any, b: Any) -> bool:
    """``a op b`` of known values.

    Raises:
        NotKnown: Python has no such comparison, or it depends on the batch.
    """
    if isinstance(op, ast.Eq):
        return same(a, b)
    if isinstance(op, ast.NotEq):
        return not same(a, b)
    if isinstance(op, (ast.Is, ast.IsNot)):
        if isinstance(a, PLAIN) and isinstance(b, PLAIN) and not isinstance(a, (list, dict, set)):
            one = type(a) is type(b) and same(a, b)
        else:
            one = a is b or (isinstance(a, Name) and a == b)
        return one == isinstance(op, ast.Is)
    if isinstance(op, (ast.In, ast.NotIn)):
        found = _holds(b, a)
        return found == isinstance(op, ast.In)
    if isinstance(a, BatchSize) or isinstance(b, BatchSize):
        raise NotKnown("it depends on how many samples there are")
    if isinstance(a, (list, tuple)):
        spend(len(a))
        if any(not isinstance(item, (int, float, str)) for item in (*a, *(b if type(b) is type(a) else ()))):
            raise NotKnown("lists of lists are not compared")
    try:
        return bool(_COMPARE[type(op)](a, b))
    except TypeError:
        raise NotKnown(f"{described(a)} and {described(b)} have no order") from None


def _holds(items: Any, value: Any) -> bool:
    if isinstance(items, str):
        if not isinstance(value, str):
            raise NotKnown(f"{described(value)} is in no text")
        return value in items
    if isinstance(items, Instance):
        return value in items.children
    if isinstance(items, range):
        return isinstance(value, int) and value in items
    if isinstance(items, (dict, set)):
        return _hashable(value) and value in items
    if isinstance(items, (list, tuple)):
        return any(same(value, item) for item in items)
    raise NotKnown(f"nothing is in {described(items)}")


def _hashable(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) < 20 and all(not isinstance(v, tuple) and _hashable(v) for v in value)
    return not isinstance(value, (list, dict, set))


def key_of(value: Any) -> Any:
    """A value as the key of a dict.

    Raises:
        NotKnown: it cannot be one.
    """
    if not _hashable(value):
        raise NotKnown(f"{described(value)} is no key")
    return value


def items_of(value: Any) -> list[Any]:
    """What a loop over a value goes through.

    Raises:
        NotKnown: it is nothing to go through, or too long.
    """
    if isinstance(value, Instance) and value.kind in ("Sequential", "ModuleList", "ParameterList"):
        return list({**value.children, **value.parameters}.values())
    if isinstance(value, Instance) and value.kind in ("ModuleDict", "ParameterDict"):
        return list({**value.children, **value.parameters})
    if not isinstance(value, (list, tuple, range, dict, set, str)):
        raise NotKnown(f"{described(value)} is nothing to loop over", "a list, a range, a ModuleList")
    if isinstance(value, BatchSize):
        raise NotKnown("it depends on how many samples there are")
    try:
        many = len(value)
    except OverflowError:
        many = MAX_ITEMS + 1
    if many > MAX_ITEMS:
        raise NotKnown(f"more than {MAX_ITEMS:,} items")
    spend(many)
    return list(value)


def truth(value: Any) -> bool:
    """Whether a condition holds.

    Raises:
        NotKnown: it depends on the data or the batch.
    """
    if isinstance(value, BatchSize):
        raise NotKnown("the condition depends on how many samples there are")
    if isinstance(value, PLAIN):
        try:
            return bool(value)
        except OverflowError:
            return True
    if isinstance(value, Instance):
        if value.kind in CONTAINED:
            return bool(value.children or value.parameters)
        return True
    if type(value).__name__ in (
        "Class",
        "Name",
        "Function",
        "Bound",
        "Native",
        "Array",
        "Parameter",
        "Super",
    ):
        return True
    raise NotKnown("the condition depends on the data", "conditions on known values")


CONTAINED: Final = frozenset({"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"})


def subscript(value: Any, index: Any) -> Any:
    """``value[index]`` of what is known.

    Raises:
        NotKnown: there is none.
    """
    if isinstance(value, Instance) and value.kind in CONTAINED:
        held = {**value.children, **value.parameters}
        if value.kind in ("ModuleDict", "ParameterDict"):
            if index in held:
                return held[index]
            raise NotKnown(f"it has no {described(index)}", ", ".join(map(repr, list(held)[:10])))
        if type(index) is int:
            return subscript(list(held.values()), index)
        if isinstance(index, slice):
            part = Instance(None, value.library, value.node)
            kept = list(held.items())[index]
            part.children = (
                dict(kept)
                if value.kind == "Sequential"
                else {str(i): child for i, (_, child) in enumerate(kept)}
            )
            return part
    if isinstance(value, dict):
        key = key_of(index)
        if key not in value:
            raise NotKnown(f"the dict has no {described(index)}", ", ".join(map(described, list(value)[:10])))
        return value[key]
    if isinstance(value, (list, tuple, range, str)):
        if isinstance(index, BatchSize):
            raise NotKnown("it depends on how many samples there are")
        try:
            return value[index]
        except IndexError:
            raise NotKnown(f"there is no item {index} of {len(value)}") from None
        except (TypeError, ValueError):
            raise NotKnown(f"{described(index)} is no index") from None
    raise NotKnown(f"{described(value)} has no items")


def formatted(value: Any, spec: str, conversion: int) -> str:
    """A value in an f-string.

    Raises:
        NotKnown: it is no number or text.
    """
    if isinstance(value, BatchSize) or not isinstance(value, (int, float, str, bool, type(None))):
        if (
            isinstance(value, (tuple, list))
            and len(value) < 20
            and all(isinstance(v, (int, str)) for v in value)
        ):
            return str(value)
        raise NotKnown(f"{described(value)} in a text", "a number or a text")
    if any(len(part) > 2 for part in "".join(c if c.isdigit() else " " for c in spec).split()):
        raise NotKnown("a text of such a width")
    if conversion == ord("r"):
        return repr(value)
    try:
        return format(value, spec)
    except (ValueError, TypeError):
        raise NotKnown(f"{described(value)} has no format {spec!r}") from None


# Functions of Python


def _numbers(*values: Any) -> None:
    if any(isinstance(value, BatchSize) for value in values):
        raise NotKnown("it depends on how many samples there are")


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*values: Any, **options: Any) -> Any:
        items = items_of(values[0]) if len(values) == 1 else list(values)
        if not items and "default" in options:
            return options["default"]
        if options.keys() - {"default"} or not all(isinstance(v, (int, float, str)) for v in items):
            raise NotKnown("of what is no number")
        _numbers(*items)
        return function(items)

    return run


def _int(value: Any = 0, *rest: Any) -> Any:
    if isinstance(value, BatchSize):
        return value
    if isinstance(value, str) and len(value) > 100:
        raise NotKnown("a text of such a length")
    return int(value)


def _range(*bounds: Any) -> Any:
    _numbers(*bounds)
    if not all(isinstance(bound, int) for bound in bounds):
        raise NotKnown("range takes whole numbers")
    if len(bounds) == 3 and not bounds[2]:
        raise NotKnown("a range goes on by 1 or more, or by -1 or less")
    if any(bound.bit_length() > 62 for bound in bounds):
        raise NotKnown("a range of such a length")
    return range(*bounds)


def product(lists: list[list[Any]], repeat: Any = 1) -> list[Any]:
    """``itertools.product``: all tuples of an item of each list."""
    found: list[Any] = [()]
    for one in lists * int(repeat):
        spend(len(found) * len(one))
        found = [(*before, item) for before in found for item in one]
    return found


def _length(value: Any) -> Any:
    if isinstance(value, Instance) and value.kind in CONTAINED:
        return len(value.children) + len(value.parameters)
    if isinstance(value, (list, tuple, dict, str, range, set)):
        return len(value)
    raise NotKnown(f"{described(value)} has no length")


def _sorted(items: Any, reverse: Any = False) -> list[Any]:
    found = items_of(items)
    if not all(isinstance(v, (int, float)) for v in found) and not all(isinstance(v, str) for v in found):
        raise NotKnown("an order of what are no numbers")
    _numbers(*found)
    return sorted(found, reverse=bool(reverse))


def _zip(*lists: Any, strict: Any = False) -> list[Any]:
    return list(zip(*map(items_of, lists), strict=bool(strict)))


def _dict(*given: Any, **more: Any) -> dict[Any, Any]:
    if given and not isinstance(given[0], dict):
        pairs = [items_of(pair) for pair in items_of(given[0])]
        if any(len(pair) != 2 for pair in pairs):
            raise NotKnown("dict takes pairs")
        return {**{key_of(k): v for k, v in pairs}, **more}
    return {**(given[0] if given else {}), **more}


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of numbers and texts alone."""

    def run(*values: Any, **options: Any) -> Any:
        _numbers(*values)
        if not all(isinstance(v, (int, float, str, bool, type(None))) for v in (*values, *options.values())):
            raise NotKnown(f"{function.__name__} of {described(values[0]) if values else 'nothing'}")
        if any(isinstance(v, str) and len(v) > 1000 for v in values):
            raise NotKnown("a text of such a length")
        return function(*values, **options)

    return run


def _listing(kind: Callable[..., Any]) -> Callable[..., Any]:
    def run(*given: Any) -> Any:
        return kind(items_of(given[0]) if given else ())

    return run


def _pow(a: Any, b: Any) -> Any:
    return binary(ast.Pow(), a, b)


BUILTINS: Final[dict[str, Callable[..., Any]]] = {
    "len": _length,
    "range": _range,
    "min": _extreme(min),
    "max": _extreme(max),
    "round": _plain(round),
    "int": _int,
    "float": _plain(float),
    "str": _plain(str),
    "bool": lambda value=False: truth(value),
    "list": _listing(list),
    "tuple": _listing(tuple),
    "dict": _dict,
    "enumerate": lambda items, start=0: list(enumerate(items_of(items), start)),
    "zip": _zip,
    "reversed": lambda items: items_of(items)[::-1],
    "sorted": _sorted,
    "any": lambda items: any(map(truth, items_of(items))),
    "all": lambda items: all(map(truth, items_of(items))),
    "divmod": lambda a, b: (binary(ast.FloorDiv(), a, b), binary(ast.Mod(), a, b)),
    "pow": _pow,
    "iter": items_of,
    "set": _listing(lambda items: set(map(key_of, items))),
    "repr": _plain(repr),
    "slice": slice,
}
"""Functions of Python that are worked out."""

_MATH: Final = [
    "sqrt",
    "log",
    "log2",
    "log10",
    "exp",
    "floor",
    "ceil",
    "pow",
    "cos",
    "sin",
    "tanh",
    "isqrt",
    "fabs",
    "gcd",
    "prod",
    "pi",
    "inf",
    "e",
]
MATHEMATICS: Final[dict[str, Any]] = {name: getattr(math, name) for name in _MATH}
"""What is known of ``math``, and under the same names of ``numpy``."""
MATHEMATICS["pow"] = _pow


def mathematics(name: str) -> Any:
    """A constant or a function of ``math``.

    Raises:
        KeyError: it is not known.
    """
    found = MATHEMATICS[name]
    if name == "prod":
        return Native("prod", lambda items: _product(items_of(items)))
    return (
        Native(name, _plain(found))
        if callable(found) and name != "pow"
        else (Native(name, found) if callable(found) else found)
    )


def _product(items: Iterable[Any]) -> Any:
    result: Any = 1
    for item in items:
        result = binary(ast.Mult(), result, item)
    return result


# Methods of texts, lists and dicts

_TEXT: Final = frozenset(
    [
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "startswith",
        "endswith",
        "title",
        "capitalize",
        "isdigit",
        "isalpha",
        "count",
        "find",
        "removeprefix",
        "removesuffix",
    ]
)


def method(value: Any, name: str) -> Callable[..., Any] | None:
    """A method of a known value; None where it is not worked out."""
    if isinstance(value, str):
        return _text_method(value, name)
    if isinstance(value, list):
        return _list_method(value, name)
    if isinstance(value, dict):
        return _dict_method(value, name)
    if isinstance(value, tuple) and name in ("index", "count", "numel"):
        if name == "numel":
            return lambda: _product(value)
        return lambda item: _found(value, item) if name == "index" else sum(same(v, item) for v in value)
    if isinstance(value, set) and name == "add":
        return lambda item: value.add(key_of(item))
    return None


def _found(items: Any, item: Any) -> int:
    for i, one in enumerate(items):
        if same(one, item):
            return i
    raise NotKnown(f"{described(item)} is not in the list")


def _text_method(value: str, name: str) -> Callable[..., Any] | None:
    if name in _TEXT:
        return _plain(getattr(value, name))
    if name == "join":
        return lambda items: _bounded(value.join(map(_as_text, items_of(items))))
    if name == "replace":
        return lambda a, b: _replaced(value, a, b)
    if name == "format":
        return lambda *given, **named: _format(value, given, named)
    return None


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise NotKnown(f"{described(value)} is no text")
    return value


def _replaced(value: str, a: Any, b: Any) -> str:
    if len(value) * len(_as_text(b)) > MAX_ITEMS or not _as_text(a):
        raise NotKnown("a text of such a length")
    return value.replace(a, b)


def _format(value: str, given: tuple[Any, ...], named: dict[str, Any]) -> str:
    spend(len(value))
    counter = iter(range(MAX_ITEMS))

    def put(match: re.Match[str]) -> str:
        key = match.group(1)
        if key and not key.isdigit():
            if key not in named:
                raise NotKnown(f"the format has no {key!r}")
            return formatted(named[key], "", -1)
        at = int(key) if key else next(counter)
        if at >= len(given):
            raise NotKnown("the format needs more values")
        return formatted(given[at], "", -1)

    if re.search(r"\{[^}]*[.\[:!]", value):
        raise NotKnown("this format is not worked out", "an f-string")
    return str(_bounded(re.sub(r"\{(\w{0,30})\}", put, value)))


def _list_method(value: list[Any], name: str) -> Callable[..., Any] | None:
    def bounded(change: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            found = change(*args)
            if len(value) > MAX_ITEMS:
                raise NotKnown(f"more than {MAX_ITEMS:,} items")
            return found

        return run

    def pop(at: Any = -1) -> Any:
        subscript(value, at)
        return value.pop(at)

    def remove(item: Any) -> None:
        del value[_found(value, item)]

    found: dict[str, Callable[..., Any]] = {
        "append": bounded(value.append),
        "extend": bounded(lambda items: value.extend(items_of(items))),
        "insert": bounded(value.insert),
        "pop": pop,
        "remove": remove,
        "index": lambda item: _found(value, item),
        "count": lambda item: sum(same(v, item) for v in value),
        "reverse": value.reverse,
        "copy": value.copy,
        "clear": value.clear,
    }
    return found.get(name)


def _dict_method(value: dict[Any, Any], name: str) -> Callable[..., Any] | None:
    def pop(key: Any, *otherwise: Any) -> Any:
        if key_of(key) not in value and not otherwise:
            raise NotKnown(f"the dict has no {described(key)}")
        return value.pop(key, *otherwise)

    found: dict[str, Callable[..., Any]] = {
        "get": lambda key, otherwise=None: value.get(key_of(key), otherwise),
        "items": lambda: [*value.items()],
        "keys": lambda: [*value],
        "values": lambda: [*value.values()],
        "update": lambda *given, **more: value.update(_dict(*given, **more)),
        "pop": pop,
        "setdefault": lambda key, otherwise=None: value.setdefault(key_of(key), otherwise),
        "copy": value.copy,
    }
    return found.get(name)
