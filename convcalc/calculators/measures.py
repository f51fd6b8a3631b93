"""What networks are compared by and held to: the totals of a report, memory, and what an output sees."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, NamedTuple

from convcalc.calculators.report import Report
from convcalc.dims import UNKNOWN, Dim, is_symbolic


class Measure(NamedTuple):
    """One thing to measure.

    Attributes:
        key: its name in Python and JSON.
        title: its name in tables.
        unit: ``count`` or ``bytes``.
    """

    key: str
    title: str
    unit: str = "count"


MEASURES: Final[dict[str, Measure]] = {
    measure.key: measure
    for measure in (
        Measure("params", "parameters"),
        Measure("buffers", "buffers"),
        Measure("macs", "MACs"),
        Measure("valid_macs", "valid MACs"),
        Measure("flops", "FLOPs"),
        Measure("activations", "activations"),
        Measure("param_bytes", "parameter memory", "bytes"),
        Measure("peak_memory_bytes", "peak memory", "bytes"),
        Measure("memory_bytes", "memory", "bytes"),
    )
}
"""``memory_bytes`` is what a device must hold to run the network: parameters, buffers and the peak
of live activations together."""


def read(report: Report, key: str) -> Dim:
    """One measure of a report.

    Raises:
        KeyError: there is no such measure.
    """
    totals = report.totals
    if key == "memory_bytes":
        return totals.param_bytes + totals.buffer_bytes + totals.peak_memory_bytes
    return getattr(totals, MEASURES[key].key)


def ratio(part: Dim, whole: Dim) -> Any:
    """``part / whole`` in the simplest exact form.

    Returns:
        a Fraction of integers; of closed forms a SymPy expression, with common factors cancelled,
        as a sum of terms where that is shorter than one fraction; None where the whole is 0;
        ``UNKNOWN`` where either is.
    """
    if part is UNKNOWN or whole is UNKNOWN:
        return UNKNOWN
    if type(part) is int and type(whole) is int:
        return Fraction(part, whole) if whole else None
    if not (is_symbolic(part) or is_symbolic(whole)):
        return None  # arrays have no one ratio
    import sympy

    part, whole = sympy.sympify(part), sympy.sympify(whole)
    if whole == 0:
        return None
    if part == whole:
        return Fraction(1)
    if part.count_ops() + whole.count_ops() > 400 or part.has(sympy.Sum) or whole.has(sympy.Sum):
        return part / whole
    single = sympy.factor(sympy.cancel(part / whole))
    terms = sympy.expand(single)
    simplest = terms if terms.count_ops() <= single.count_ops() else single
    return Fraction(int(simplest.p), int(simplest.q)) if simplest.is_Rational else simplest


def closed_ratio(value: Any) -> str:
    """Terms from the simplest denominator on, each as one fraction: ``1/N + 1/K**2``."""
    import sympy

    terms = []
    for term in sympy.Add.make_args(value):
        above, below = term.as_numer_denom()
        negative = above.could_extract_minus_sign()
        above = -above if negative else above
        text = str(above)
        if below != 1:
            text = f"({text})" if above.is_Add else text
            bottom = str(below)
            text += f"/({bottom})" if below.is_Add or below.is_Mul else f"/{bottom}"
        degree = sum(power.as_base_exp()[1] for power in sympy.Mul.make_args(below) if power.free_symbols)
        terms.append((bool(below == 1), str(degree).zfill(3), text, negative))
    terms.sort(key=lambda term: term[:3])
    first = terms[0]
    result = f"-{first[2]}" if first[3] else first[2]
    for _, _, text, negative in terms[1:]:
        result += f" - {text}" if negative else f" + {text}"
    return result
