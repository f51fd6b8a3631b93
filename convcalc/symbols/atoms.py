"""What the polynomials of closed forms are made of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any
from weakref import WeakValueDictionary


class Atom:
    """What a polynomial is made of. Equal atoms are one object.

    Attributes:
        kind: ``symbol``, ``floor``, ``max``, ``min``, ``call``, or ``sum`` (a divisor of several
            terms, which only has negative exponents).
        args: what it is made of: the name; the form rounded down; the forms compared; the
            arguments.
        serial: its place in the order of atoms within a monomial, which is that of their making.
        whole: its values are whole numbers.
        names: symbols in it.
        size: how much there is to read.
        function: what computes a ``call`` from its arguments, on every carrier.
    """

    __slots__ = ("__weakref__", "_text", "args", "function", "kind", "names", "serial", "size", "whole")

    _text: str
    kind: str
    args: tuple[Any, ...]
    serial: int
    whole: bool
    names: frozenset[str]
    size: int
    function: Callable[..., Any] | None

    @property
    def text(self) -> str:
        """How it is written in plain notation; two atoms differ exactly where their texts do."""
        if not self._text:
            from convcalc.symbols import notation

            self._text = notation.of_atom(self, "")
        return self._text

    def __reduce__(self) -> Any:
        return atom, (self.kind, self.args, self.whole, self.function)

    def __repr__(self) -> str:
        return self.text


_SERIALS = count()
_ATOMS: WeakValueDictionary[Any, Atom] = WeakValueDictionary()


def atom(
    kind: str, args: tuple[Any, ...], whole: bool = True, function: Callable[..., Any] | None = None
) -> Atom:
    """The one atom of this kind and these arguments."""
    key = (kind, args, whole, function)
    found = _ATOMS.get(key)
    if found is None:
        found = Atom()
        found.serial, found._text = next(_SERIALS), ""
        found.kind, found.args, found.whole, found.function = kind, args, whole, function
        if kind == "symbol":
            found.names, found.size = frozenset(args), 1
        else:
            forms = [a for a in args if hasattr(a, "terms")]
            found.names = frozenset().union(*(f.names for f in forms))
            found.size = 1 + sum(f.size for f in forms)
        _ATOMS[key] = found
    return found
