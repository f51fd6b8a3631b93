"""Values given from outside the text: shapes of inputs and variables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.spec.errors import Problem, SpecError

if TYPE_CHECKING:
    from convcalc.spec.document.items import Document


_PRODUCT: Final = re.compile(r"\(?([1-9][0-9]{0,17})\*(\w+)\)?")
"""A multiple of a letter, ``448*H``."""


def inputs_of(given: Any, document: Document, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Shapes by name of input of a document; see :func:`shapes_by_name`."""
    return shapes_by_name(given, document.input_names, variables)


def shapes_by_name(
    given: Any, names: Sequence[str], variables: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Shapes by name of input, from what was given for all inputs or by name.

    Args:
        given: a shape (text or sizes), a mapping of names to shapes, or nothing.
        names: of the inputs; ``input`` where there are none.
        variables: values of symbols in the shapes.

    Raises:
        SpecError: a shape cannot be read, or one was given for several inputs.
    """
    if given is None:
        return {}
    if isinstance(given, (list, tuple)) and given and all(isinstance(g, str) and "=" in g for g in given):
        given = dict(g.split("=", 1) for g in given)
    if isinstance(given, str) and "=" in given:
        given = dict(g.split("=", 1) for g in re.split(r",\s*(?=[^\W\d]\w*\s*=)", given))
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise SpecError(
                Problem(
                    f"the spec has {len(names)} inputs",
                    file="--input",
                    text=str(given),
                    expected=" ".join(f"--input {n}=CxHxW" for n in names),
                )
            )
        given = {names[0] if names else "input": given}
    return {str(name): parse_shape(shape, variables) for name, shape in given.items()}


def shapes_given(given: Any) -> Any:
    """What was given for inputs whose names are not known yet: a shape, or shapes by name, of sizes.

    Raises:
        SpecError: a shape cannot be read.
    """
    if given is None or (isinstance(given, (tuple, list)) and not given):
        return None
    named = isinstance(given, Mapping) or (isinstance(given, str) and "=" in given)
    if named or (isinstance(given, (tuple, list)) and all(isinstance(g, str) and "=" in g for g in given)):
        return shapes_by_name(given, ())
    return parse_shape(given)


def parse_shape(given: Any, variables: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    """A shape from text or sizes; symbols that ``variables`` gives a value stand for it.

    Raises:
        SpecError: it is none.
    """
    from convcalc.dims import UNKNOWN, carried, symbol
    from convcalc.layers.values import MOST_AXES
    from convcalc.spec.language.arguments import check_shape
    from convcalc.spec.language.expression import is_symbol_name

    def fail(message: str, start: int = 0, length: int = 1) -> SpecError:
        return SpecError(
            Problem(
                message,
                file="--input",
                column=start + 1,
                length=length,
                text=str(given),
                expected="channels and sizes, such as 3x224x224",
            )
        )

    sizes: list[Any] = []
    if isinstance(given, str):
        at = 0
        inner, separator = given, re.compile("[x×]")
        if "," in given:  # as Python and JSON write a shape: 3,224,224, (3, 224, 224), [3, 224, 224]
            separator = re.compile(",")
            if (given[0], given[-1]) in (("(", ")"), ("[", "]")):
                at, inner = 1, given[1:-1]
            inner = re.sub(r",\s*\Z", "", inner)
        for piece in separator.split(inner):
            name = piece.strip()
            if name.isascii() and name.isdigit() and len(name) < 400:
                sizes.append(int(name))
            elif is_symbol_name(name):
                sizes.append((variables or {}).get(name, symbol(name)))
            elif name == "?":
                sizes.append(UNKNOWN)
            elif (product := _PRODUCT.fullmatch(name)) and is_symbol_name(letter := product[2]):
                sizes.append(int(product[1]) * (variables or {}).get(letter, symbol(letter)))
            else:
                raise fail(f"{piece!r} is no size", at, max(1, len(piece)))
            if sizes[-1] == 0 and type(sizes[-1]) is int:
                raise fail("a size of 0", at, max(1, len(piece)))
            at += len(piece) + 1
    else:
        try:
            for size in given if isinstance(given, (tuple, list)) else (given,):
                if isinstance(size, str):
                    size = int(size) if size.isdigit() else (variables or {}).get(size, symbol(size))
                sizes.append(carried(size))
        except TypeError:
            raise fail("no shape") from None
        except ValueError as error:
            raise fail(str(error)) from None
    try:
        return check_shape(tuple(sizes), MOST_AXES + 1)  # a batch may stand before it, which is told later
    except ValueError as error:
        raise fail(str(error)) from None


def variables_of(given: Mapping[str, Any] | None, document: Document) -> dict[str, Any]:
    """Values of variables given from outside, texts read as expressions.

    Raises:
        SpecError: a value cannot be read.
    """
    from fractions import Fraction

    from convcalc.spec.document.items import Formula

    if given is not None and not isinstance(given, Mapping):
        raise SpecError(
            Problem("the variables are no mapping", file="--set", expected="a mapping such as {'alpha': 0.5}")
        )
    kinds = {
        name: isinstance(value, Formula) and (value.word is not None or isinstance(value.expr.value, str))
        for name, value, _ in document.vars
    }
    decimal = {
        name
        for name, value, _ in document.vars
        if isinstance(value, Formula) and type(value.expr.value) is Fraction
    }
    return {
        str(name): _setting(
            str(name),
            value,
            kinds.get(str(name), False),
            str(name) not in decimal,
            frozenset(document.blocks),
        )
        for name, value in (given or {}).items()
    }


def _setting(
    name: str, value: Any, text: bool, whole: bool = True, known: frozenset[str] = frozenset()
) -> Any:
    """The value of ``--set name=value``; a bare word is a text for a text variable, else a symbol.

    What is no expression and begins with a layer or a block, of which the document has those that are
    ``known``, is a text of stages.

    Such a symbol stands for any positive number where the document writes the variable with a decimal
    point (``alpha: 1.0``), and for whole numbers otherwise.
    """
    from fractions import Fraction

    from convcalc.dims import carried, symbol
    from convcalc.spec.document.values import stages_in
    from convcalc.spec.language.evaluation import bounded, evaluate
    from convcalc.spec.language.expression import ExpressionError, parse

    if isinstance(value, float):
        if value - value != 0:  # an infinity, or no number
            raise SpecError(
                Problem(
                    f"{value} is no finite number", file="--set", column=len(name) + 2,
                    length=len(str(value)), text=f"{name}={value}", expected="a number, a list or a text",
                )
            )  # fmt: skip
        return bounded(Fraction(repr(value)))
    if isinstance(value, list):
        return tuple(_setting(name, v, text, whole, known) for v in value)
    if not isinstance(value, str):
        return carried(value)
    try:
        expr = parse(value)
        if text and expr.kind == "name":
            return expr.value
        return evaluate(expr, {n: symbol(n, whole=whole) for n in expr.names()})
    except (ExpressionError, ValueError) as error:
        if stages_in(value, known):
            return value.strip()
        start, end = getattr(error, "start", 0), getattr(error, "end", len(value))
        raise SpecError(
            Problem(
                str(error),
                file="--set",
                column=len(name) + 2 + start,
                length=max(1, end - start),
                text=f"{name}={value}",
                expected=getattr(error, "expected", None),
            )
        ) from None
