"""Whether a count grows with a variable: what makes the answer of a bisection exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convcalc.calculators.check.limits import Limit
from convcalc.calculators.compare.measures import MEASURES, read
from convcalc.calculators.count.report import analyze
from convcalc.dims import DimensionError, is_symbolic, symbol
from convcalc.spec import SpecError
from convcalc.spec.loading import build
from convcalc.spec.source import Source


def grows(value: Any, name: str, *, nonnegative: bool = False) -> bool:
    """Whether a closed form is certain never to fall as a positive variable grows.

    Sums and products of what is not negative and never falls do not fall; nor do rounding, maxima and
    minima of it. A constant may be negative at the top, where nothing is multiplied with it.

    Args:
        value: a number or closed form.
        name: the variable, the only letter that may occur.
        nonnegative: whether the value must be certain not to be below zero, too.
    """
    if not is_symbolic(value):
        return not nonnegative or bool(value >= 0)
    for monomial, coefficient in value.terms.items():
        if coefficient < 0 and (monomial or nonnegative):
            return False
        if not all(exponent > 0 and _atom_grows(atom, name) for atom, exponent in monomial):
            return False
    return True


def _atom_grows(atom: Any, name: str) -> bool:
    if atom.kind == "symbol":
        return bool(atom.args[0] == name)
    if atom.kind in ("floor", "max", "min"):
        return all(grows(arg, name, nonnegative=True) for arg in atom.args)
    if atom.function and atom.function.grows:
        first, *rest = atom.args
        return grows(first, name, nonnegative=True) and not any(map(is_symbolic, rest))
    return False


def proven(
    source: Source, name: str, exceeded: tuple[Limit, ...], *, input: Any, set: Mapping[str, Any]
) -> bool:
    """Whether no larger value of a variable can hold limits that a value exceeds.

    The network is counted with a letter for the variable. Where every size and a count that exceeds
    its largest value never fall as the letter grows, no larger value fits, and two values between
    which nothing changes have the same network between them.
    """
    keys = [limit.kind.key for limit in exceeded if limit.most and limit.kind.key in MEASURES]
    if not keys:
        return False
    try:
        graph = build(source, input=input, set={**set, name: symbol(name, whole=False)})
        report = analyze(graph)
    except (SpecError, DimensionError, ValueError, TypeError):
        return False
    # A condition "a != b" chose one of two forms of the network, which may have the other elsewhere.
    if any("!=" in str(condition) for condition in graph.constraints):
        return False
    sizes = (size for node in graph.nodes for shape in node.outputs for size in shape)
    return all(grows(size, name) for size in sizes) and any(grows(read(report, key), name) for key in keys)
