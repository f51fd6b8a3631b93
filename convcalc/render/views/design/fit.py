"""The table of a fit: the answer between its neighbours."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from convcalc.calculators.check.limits import KINDS, Limit
from convcalc.calculators.fit.ranges import show
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.design.check import form_of, percent
from convcalc.render.views.design.compare import Written, written

if TYPE_CHECKING:
    from convcalc.calculators.fit.answer import Fit
    from convcalc.calculators.fit.search import Cell


def table(fit: Fit, *, exact: bool = False) -> Table:
    """The answer and its neighbours, from the smallest; or, of several variables, every best one."""
    rows = [("", cell) for cell in fit.frontier] if fit.frontier else _neighbours(fit)
    settings = list(
        dict.fromkeys([*fit.variables, *(name for _, cell in rows for name in cell.trial.settings)])
    )
    keys = ["params", "macs"]
    keys += [key for key in dict.fromkeys(_key(limit) for limit in fit.limits) if key not in keys]
    titles = {kind.key: kind for kind in KINDS.values()}
    free = any(cell.low != cell.high for _, cell in rows)
    columns = [
        *([] if fit.frontier else [Column("which", "", numbers.label, "left")]),
        *(Column(name, name, written) for name in settings),
        *([Column("same", f"same {fit.variables[0]}", numbers.label, "left", 30)] if free else []),
        *(Column(key, _title(key, titles), written) for key in keys),
        Column("verdict", "", numbers.label, "left", 10),
    ]
    body = []
    for which, cell in rows:
        counts = cell.trial.counts
        row: list[Any] = [] if fit.frontier else [which]
        row += [Written(_setting(fit, cell, name), _show) for name in settings]
        if free:
            row.append(_interval(cell))
        row += [Written(counts.get(key), form_of(_unit(key, titles), exact)) for key in keys]
        body.append([*row, _verdict(cell)])
    facts = _most(fit) if fit.frontier else [(fit.variables[0], _answer(fit))]
    title = _headline(fit)
    return Table(columns, body, title=title, facts=facts, notes=[f"{fit.how[0].upper()}{fit.how[1:]}."])


def _headline(fit: Fit) -> str:
    """The answer in a line: the largest value within the limits, or that there is none."""
    name, limits = numbers.label(fit.name), _limits(fit)
    best = fit.best
    if best is None:
        return numbers.toned(f"{name}: nothing in the range has {limits}", "bad")
    values = ", ".join(f"{variable} {_show(_setting(fit, best, variable))}" for variable in fit.variables)
    if not fit.complete:
        return numbers.toned(f"{name}: {values} is the best so far with {limits}", "warn")
    what = "has the most MACs" if fit.frontier else "is the largest"
    return numbers.toned(f"{name}: {values} {what} with {limits}", "good")


def _most(fit: Fit) -> list[tuple[str, str]]:
    """Of several variables: the best with the most MACs, between its neighbours."""
    facts = []
    for which, cell in _neighbours(fit):
        settings = ", ".join(f"{name} {_show(_setting(fit, cell, name))}" for name in fit.variables)
        macs = form_of("count", False)(cell.trial.counts.get("macs"))
        text = f"{settings}: {macs} MACs" + (", the most of those that fit" if which == "best" else "")
        facts.append((which, text if which == "best" else f"{text}, {_verdict(cell)}"))
    return facts


def _neighbours(fit: Fit) -> list[tuple[str, Cell]]:
    named = (("smaller", fit.below), ("best", fit.best), ("larger" if fit.best else "smallest", fit.above))
    return [(name, cell) for name, cell in named if cell is not None]


def _key(limit: Limit) -> str:
    if limit.kind.key == "receptive_field":
        return "largest_field" if limit.most else "smallest_field"
    return limit.kind.key


def _title(key: str, titles: Any) -> str:
    return "receptive field" if key.endswith("_field") else str(titles[key].title)


def _unit(key: str, titles: Any) -> str:
    return "pixels" if key.endswith("_field") else str(titles[key].unit)


def _setting(fit: Fit, cell: Cell, name: str) -> Any:
    return cell.trial.settings.get(name, cell.value if name == fit.variables[0] else None)


def _show(value: Any) -> str:
    return "-" if value is None else show(value)


def _interval(cell: Cell) -> str:
    """The values that give the same network, in the notation of intervals."""
    if cell.low == cell.high:
        return ""
    left, right = "[" if cell.low_in else "(", "]" if cell.high_in else ")"
    return f"{'' if cell.exact else 'about '}{left}{show(cell.low)}, {show(cell.high)}{right}"


def _verdict(cell: Cell) -> str:
    trial = cell.trial
    if trial.error:
        return f"cannot be built: {trial.error}"
    if not trial.exceeds:
        return "fits"
    return ", ".join(_excess(limit, limit.value(trial.counts)) for limit in trial.exceeds)


def _excess(limit: Limit, value: Any) -> str:
    title = limit.kind.title
    if type(value) is not int:
        return f"{title} cannot be known"
    if not limit.bound:
        return f"{title} more than 0"
    part = Fraction(value - limit.bound) / limit.bound
    return f"{title} +{percent(part)}" if limit.most else f"{title} -{percent(-part)}"


def _limits(fit: Fit) -> str:
    return " and ".join(
        f"{'at most' if limit.most else 'at least'} "
        f"{limit.text or form_of(limit.kind.unit, True)(limit.bound)} {limit.kind.title}"
        for limit in fit.limits
    )


def _answer(fit: Fit) -> str:
    best = fit.best
    if best is None:
        return "nothing in the range fits"
    text = show(best.value)
    if best.low != best.high:
        text += f"  (any value in {_interval(best)} gives the same network)"
    if fit.above is None:
        text += "  (the end of the range)"
    return text
