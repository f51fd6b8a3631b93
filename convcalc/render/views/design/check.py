"""The tables of a check: the verdict, what was allowed, what is, by how much, and what costs most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from convcalc.dims import UNKNOWN
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.design.compare import Written, signed, written

if TYPE_CHECKING:
    from convcalc.calculators.check.costliest import Cost
    from convcalc.calculators.check.limits import Limit
    from convcalc.calculators.check.verdict import Check, Verdict


def form_of(unit: str, exact: bool) -> Callable[[Any], str]:
    """The format of values of a unit: in human units, or every digit; pixels always in full."""
    whole = numbers.exact if exact or unit == "pixels" else numbers.human
    if unit == "bytes" and not exact:
        whole = numbers.human_bytes

    def apply(value: Any) -> str:
        if unit == "seconds" and isinstance(value, (int, Fraction)):
            from convcalc.render.views.count.cost import seconds

            return f"{numbers.exact(value)} ns" if exact else seconds(Fraction(value, 10**9))
        return f"{float(value):,g}" if isinstance(value, Fraction) else whole(value)

    return apply


def tables(
    checks: Sequence[Check], *, exact: bool = False, of: int | None = None, specs: Sequence[str] = ()
) -> Iterator[Table]:
    """The verdict over all, a row per limit of each network, and the costliest layers where one fails.

    Args:
        checks: at least one.
        exact: every digit instead of human units.
        of: how many networks there were to check, where not all of them were.
        specs: what was asked for, which tells networks of one name apart.
    """
    if len(specs) >= len(checks):
        checks = told_apart(checks, specs)
    many = len(checks) > 1
    baselines = list(dict.fromkeys(row.limit.of for check in checks for row in check.rows if row.limit.of))
    base = numbers.label(baselines[0]) if len(baselines) == 1 else "baseline"
    grown = any(row.limit.growth for check in checks for row in check.rows)
    columns = (
        *((Column("network", "network", numbers.label, "left"),) if many else ()),
        Column("limit", "limit", numbers.label, "left"),
        *((Column("base", base, written, priority=5),) if baselines else ()),
        *((Column("growth", "growth", numbers.label, priority=30),) if grown else ()),
        Column("bound", "allowed", written),
        Column("value", "is", written),
        Column("margin", "room", written, priority=10),
        Column("verdict", "", numbers.label, "left"),
    )
    rows = [
        [*([numbers.label(check.name)] if many else []), *_row(row, exact, bool(baselines), grown)]
        for check in checks
        for row in check.rows
    ]
    notes = list(dict.fromkeys(note for check in checks for note in check.notes))
    if of is not None and of > len(checks):
        notes.insert(0, f"Interrupted: {len(checks)} of {of} networks were checked.")
    yield Table(columns, rows, title=headline(checks), notes=notes)
    costs = [
        [*([numbers.label(check.name)] if many else []), *row]
        for check in checks
        for row in _costs(check, exact)
    ]
    if costs:
        yield Table((*columns[:many], *_COSTS), costs, title="what costs most of it")


def told_apart(checks: Sequence[Check], specs: Sequence[str]) -> list[Check]:
    """Checks in which those of one name have what was asked for behind it: ``net (models/b.yaml)``."""
    names = Counter(check.name for check in checks)
    return [
        replace(check, name=f"{check.name} ({spec})")
        if names[check.name] > 1 and check.name != spec
        else check
        for check, spec in zip(checks, specs, strict=False)
    ]


def headline(checks: Sequence[Check]) -> str:
    """The verdict in a line."""
    if len(checks) == 1:
        (check,) = checks
        name, count = numbers.label(check.name), len(check.rows)
        if not check.rows:
            return f"{name} has no limit"
        if check.ok:
            holds = "holds its limit" if count == 1 else f"holds its {count} limits"
            return numbers.toned(f"{name} {holds}", "good")
        baselines = {row.limit.of for row in check.failed}
        one = numbers.label(next(iter(baselines))) if len(baselines) == 1 else ""
        said = "; ".join(shortly(row, len(baselines) > 1) for row in check.failed)
        against = f" against {one}" if one else ""
        return numbers.toned(f"{name} fails {len(check.failed)} of {count}{against}: {said}", "bad")
    failed = [numbers.label(check.name) for check in checks if not check.ok]
    if not failed:
        return numbers.toned(f"all {len(checks)} networks hold their limits", "good")
    fail = "fails" if len(failed) == 1 else "fail"
    return numbers.toned(f"{len(failed)} of {len(checks)} networks {fail}: {', '.join(failed)}", "bad")


def shortly(row: Verdict, named: bool = True) -> str:
    """What is wrong with one limit: ``parameters 411% over``, ``receptive field 20.0% short``.

    Args:
        row: the limit.
        named: name the baseline that sets it.
    """
    title = row.limit.kind.title
    against = f" against {numbers.label(row.limit.of)}" if row.limit.of and named else ""
    if row.ok is None:
        return f"{title} cannot be known{against}"
    part = _excess(row)
    side = "over" if row.limit.most else "short"
    if not part:
        part, side = "too", "many" if row.limit.most else "few"
    return f"{title} {part} {side}{against}"


def sentence(row: Verdict, *, exact: bool = False) -> str:
    """One limit in a sentence: what is, what is allowed, and by how much it fails."""
    form = form_of(row.limit.kind.unit, exact)
    value = _known(row, form)
    bound = f"{'at most' if row.limit.most else 'at least'} {allowed(row.limit, form)}"
    text = f"{row.limit.kind.title} {value}, allowed {bound}"
    if row.excess is not None:
        part = _excess(row)
        text += f": {form(row.excess)}{f' ({part})' if part else ''} {'over' if row.limit.most else 'short'}"
    elif row.ok is None:
        text += ": it cannot be known whether that holds"
    return text


def cost_lines(row: Verdict, *, exact: bool = False) -> list[str]:
    """The costliest layers of one limit that fails, a line each."""
    form = form_of(row.limit.kind.unit, exact)
    return [_cost(cost, form) for cost in row.costliest]


def allowed(limit: Limit, form: Callable[[Any], str]) -> str:
    """What is allowed, with the baseline that says so: ``12.27 M (main.json 11.69 M + 5%)``."""
    if not limit.of:
        return limit.text or form(limit.bound)
    growth = f" + {limit.growth}" if limit.growth else ""
    return f"{form(limit.bound)} ({numbers.label(limit.of)}: {form(limit.base)}{growth})"


_COSTS: Final = (
    Column("of", "of", written, "left"),
    Column("layer", "layer", numbers.label, "left", 0, 16, True),
    Column("op", "", numbers.label, "left", 20),
    Column("times", "", numbers.label, "left"),
    Column("value", "cost", written),
    Column("share", "share", lambda share: "?" if share is None else percent(share)),
)


def _costs(check: Check, exact: bool) -> Iterator[list[Any]]:
    """The costliest layers, once for each count of which a limit fails."""
    told = set()
    for row in check.failed:
        if row.limit.kind.key in told:
            continue
        told.add(row.limit.kind.key)
        form = form_of(row.limit.kind.unit, exact)
        for number, cost in enumerate(row.costliest):
            times = f"x {cost.times}" if cost.times > 1 else ""
            of = Written(row.limit.kind.title, numbers.label if number == 0 else lambda _: "")
            yield [of, cost.layer, cost.op, times, Written(cost.value, form), cost.share]


def _cost(cost: Cost, form: Callable[[Any], str]) -> str:
    """``fc (linear) 2.05 M, 8.0%``; of several alike ``layer4.conv1 (conv) and 2 like it 7.08 M, 27.7%``."""
    what = f" ({cost.op})" if cost.op else ""
    more = f" and {cost.times - 1} like it" if cost.times > 1 else ""
    share = "" if cost.share is None else f", {percent(cost.share)}"
    return f"{numbers.label(cost.layer)}{what}{more} {form(cost.value)}{share}"


def _known(row: Verdict, form: Callable[[Any], str]) -> str:
    if row.value is None:
        return "everything"
    return form(row.value) if row.at_least is None else f">= {form(row.at_least)}"


def _excess(row: Verdict) -> str:
    """By what part of the bound a limit fails; empty where that is no number."""
    if row.at_least is not None or type(row.margin) is not int or not row.limit.bound:
        return ""
    return percent(Fraction(-row.margin) / row.limit.bound)


def _row(row: Verdict, exact: bool, based: bool, grown: bool) -> list[Any]:
    form = form_of(row.limit.kind.unit, exact)
    value: Any = Written(row.value, form)
    if row.value is None or row.at_least is not None:
        value = Written(_known(row, form), numbers.label)
    verdict = numbers.toned("ok", "good")
    if row.ok is None:
        verdict = numbers.toned("cannot be known", "warn")
    elif not row.ok:
        words = "EXCEEDED" if row.limit.most else "TOO SMALL"
        part = _excess(row)
        verdict = numbers.toned(f"{words} by {part}" if part else words, "bad")
    return [
        f"{'at most' if row.limit.most else 'at least'} {row.limit.kind.title}",
        *([Written(row.limit.base, form) if row.limit.of else ""] if based else []),
        *([f"+ {row.limit.growth}" if row.limit.growth else ""] if grown else []),
        Written(row.limit.bound, lambda bound: row.limit.text or form(bound)),
        value if row.value is not UNKNOWN or row.at_least is not None else Written(UNKNOWN, form),
        Written(row.margin, signed(form)),
        verdict,
    ]


def percent(part: Fraction) -> str:
    """A part as a percentage that never reads as nothing: ``12.5%``, ``<0.1%``."""
    number = float(part) * 100
    if number >= 100:
        return f"{number:,.0f}%"
    return f"{number:.1f}%" if number >= 0.05 else "<0.1%"
