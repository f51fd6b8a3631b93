"""Closed forms as text: plain, as the spec language reads it, Unicode, or LaTeX."""

from __future__ import annotations

import re
from fractions import Fraction
from math import lcm
from typing import Any, Final

from convcalc.symbols import factors
from convcalc.symbols.form import Atom, Form, Monomial, is_whole

NOTATIONS: Final = ("plain", "unicode", "latex")
_SUPERSCRIPTS: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LETTERS: Final = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip


def write(value: Any, notation: str = "plain") -> str:
    """A number or form as text, common factors taken out.

    Raises:
        ValueError: the notation is none of :data:`NOTATIONS`.
    """
    if notation not in NOTATIONS:
        raise ValueError(f"unknown notation {notation!r}: expected one of {', '.join(NOTATIONS)}")
    if type(value) is not Form:
        return _number(value, notation)
    return _product(factors.factored(value), notation)


def of_atom(a: Atom, notation: str = "plain") -> str:
    """An atom as text; plain text is kept with the atom, and made anew with no notation."""
    if notation == "plain":
        return a.text
    notation = notation or "plain"
    if a.kind == "symbol":
        return _name(a.args[0], notation)
    if a.kind == "floor":
        return _rounded(a.args[0], notation)
    if a.kind == "sum":
        text = write(a.args[0], notation)
        return rf"\left({text}\right)" if notation == "latex" else f"({text})"
    args = ", ".join(write(v, notation) for v in a.args)
    name = a.args[0] if a.kind == "symbol" else a.kind
    if a.kind == "call":
        assert a.function is not None
        name = getattr(a.function, "label", a.function.__name__)
        if notation == "latex":
            escaped = name.replace("_", r"\_")
            return rf"\operatorname{{{escaped}}}\left({args}\right)"
    if notation == "latex":
        return rf"\{name}\left({args}\right)"
    return f"{name}({args})"


def _name(name: str, notation: str) -> str:
    if notation == "plain":
        return name
    head, underscore, rest = name.partition("_")
    match = re.fullmatch(r"([A-Za-z]+)(\d+)", head)
    if match and not underscore:
        head, rest = match.groups()
    if notation == "unicode":
        letter = _LETTERS.get(head, head)
        digits = rest.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")) if rest.isdigit() else ""
        return letter + (digits or (f"_{rest}" if rest else ""))
    letter = rf"\{head}" if head in _LETTERS else head if len(head) == 1 else rf"\mathrm{{{head}}}"
    escaped = rest.replace("_", r"\_")
    return letter + (f"_{{{escaped}}}" if rest else "")


def _rounded(inside: Form, notation: str) -> str:
    """``floor(x)`` or ``ceil(y)``, whichever has the smaller number in it."""
    kind = "floor"
    below = lcm(*(c.denominator for c in inside.terms.values()))
    divisor: Any = below
    powers: dict[Atom, int] = {}
    for monomial in inside.terms:
        for a, e in monomial:
            if e < 0:
                powers[a] = max(powers.get(a, 0), -e)
    if powers:
        divisor = Form({tuple(sorted(powers.items(), key=lambda p: p[0].serial)): below})
    top = inside * divisor
    if is_whole(top) and is_whole(divisor):
        raised = top - (divisor - 1)
        if type(raised) is Form and _weight(raised) < _weight(top):
            kind, top = "ceil", raised
        text = _fraction(top, divisor, notation)
    else:
        text = write(inside, notation)
    if notation == "unicode":
        return f"⌈{text}⌉" if kind == "ceil" else f"⌊{text}⌋"
    if notation == "latex":
        return rf"\left\l{kind} {text} \right\r{kind}"
    return f"{kind}({text})"


def _weight(value: Any) -> Any:
    if type(value) is not Form:
        return (0, 0)
    return len(value.terms), abs(value.terms.get((), 0))


def _fraction(top: Any, divisor: Any, notation: str) -> str:
    """``(H - 1)/2``: the sum above one divisor."""
    above, below = (write(v, notation) for v in (top, divisor))
    if divisor == 1:
        return above
    if notation == "latex":
        return rf"\frac{{{above}}}{{{below}}}"
    if type(top) is Form and len(top.terms) > 1 and not factors.is_product(top):
        above = f"({above})"
    if (
        type(divisor) is Form
        and sum(len(m) for m in divisor.terms) + (next(iter(divisor.terms.values())) != 1) > 1
    ):
        below = f"({below})"
    return f"{above}/{below}"


def _number(value: Any, notation: str) -> str:
    if isinstance(value, Fraction) and value.denominator != 1:
        if notation == "latex":
            sign = "-" if value < 0 else ""
            return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
        return f"{value.numerator}/{value.denominator}"
    return str(value)


def _product(found: factors.Factored, notation: str) -> str:
    """``coefficient * powers * (sum) * (sum) / divisor``."""
    above: list[str] = []
    below: list[str] = []
    number = found.number
    sign = "-" if number < 0 else ""
    number = abs(number)
    sums = [(_sum(f, notation), e) for f, e in found.sums]
    parts = [*((of_atom(a, notation), e, False) for a, e in found.powers), *((t, e, True) for t, e in sums)]
    for text, e, is_sum in parts:
        wrapped = text
        if is_sum and (len(parts) > 1 or number != 1 or e != 1 or sign):
            wrapped = rf"\left({text}\right)" if notation == "latex" else f"({text})"
        (above if e > 0 else below).append(_power(wrapped, abs(e), notation))
    numerator, denominator = Fraction(number).numerator, Fraction(number).denominator
    if numerator != 1 or not above:
        above.insert(0, str(numerator))
    if denominator != 1:
        below.insert(0, str(denominator))
    times = {"plain": "*", "unicode": "·", "latex": " "}[notation]
    if notation == "latex":
        top = _latex_times(above)
        return sign + (rf"\frac{{{top}}}{{{_latex_times(below)}}}" if below else top)
    text = times.join(above)
    if below:
        joined = times.join(below)
        if (
            len(parts) == 1
            and parts[0][2]
            and not above[0].startswith("(")
            and len(above) == 1
            and parts[0][1] > 0
        ):
            text = f"({text})"
        text += f"/({joined})" if len(below) > 1 else f"/{joined}"
    return sign + text


def _latex_times(parts: list[str]) -> str:
    text = ""
    for part in parts:
        text += (r" \cdot " if text and part[0].isdigit() else r" " if text else "") + part
    return text


def _power(text: str, exponent: int, notation: str) -> str:
    if exponent == 1:
        return text
    if notation == "unicode":
        return text + str(exponent).translate(_SUPERSCRIPTS)
    return f"{text}^{{{exponent}}}" if notation == "latex" else f"{text}**{exponent}"


def _sum(form: Form, notation: str) -> str:
    parts = factors.grouped(form)
    if len(parts) > 1:
        products = [
            factors.factored(part) if type(part) is Form else factors.Factored(part, (), ()) for part in parts
        ]
    else:
        products = [factors.Factored(c, _powers(monomial), ()) for monomial, c in factors.ordered(form)]
    text = ""
    for product in products:
        piece = _product(product._replace(number=abs(product.number)), notation)
        negative = product.number < 0
        text += (" - " if negative else " + ") + piece if text else ("-" if negative else "") + piece
    return text


def _powers(monomial: Monomial) -> tuple[tuple[Atom, int], ...]:
    return tuple(sorted(monomial, key=lambda p: factors.atom_order(p[0])))
