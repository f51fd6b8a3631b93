"""Closed forms as text: plain, as the spec language reads it, Unicode, or LaTeX."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Final

from convcalc.symbols import factors
from convcalc.symbols.atoms import Atom, Monomial
from convcalc.symbols.division import denominator
from convcalc.symbols.form import Form, is_whole

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


def atom_text(a: Atom) -> str:
    """An atom in plain notation, for :attr:`Atom.text`, which keeps it."""
    return _atom(a, "plain")


def _atom(a: Atom, notation: str) -> str:
    if a.kind == "symbol":
        return _name(a.args[0], notation)
    if a.kind == "floor":
        return _rounded(a.args[0], notation)
    args = ", ".join(write(v, notation) for v in a.args)
    if a.kind == "sum":
        return _bracketed(args, notation)
    name = a.function.name if a.function else a.kind
    if notation == "latex":
        escaped = name.replace("_", r"\_")
        name = rf"\operatorname{{{escaped}}}" if a.function else rf"\{name}"
    return name + _bracketed(args, notation)


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
    number, symbols = denominator(inside)
    divisor = symbols * number
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
    number = Fraction(found.number)
    sign, number = ("-" if number < 0 else ""), abs(number)
    alone = not sign and number == 1 and len(found.powers) + len(found.sums) == 1
    above = [] if number.numerator == 1 else [str(number.numerator)]
    below = [] if number.denominator == 1 else [str(number.denominator)]
    for a, e in found.powers:
        text = a.text if notation == "plain" else _atom(a, notation)
        (above if e > 0 else below).append(_power(text, abs(e), notation))
    for form, e in found.sums:
        text = _sum(form, notation) if alone and e == 1 else _bracketed(_sum(form, notation), notation)
        (above if e > 0 else below).append(_power(text, abs(e), notation))
    above = above or ["1"]
    if notation == "latex":
        top = _latex_times(above)
        return sign + (rf"\frac{{{top}}}{{{_latex_times(below)}}}" if below else top)
    times = "*" if notation == "plain" else "·"
    divisor = times.join(below)
    divisor = f"/({divisor})" if len(below) > 1 else f"/{divisor}" if below else ""
    return sign + times.join(above) + divisor


def _bracketed(text: str, notation: str) -> str:
    return rf"\left({text}\right)" if notation == "latex" else f"({text})"


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
