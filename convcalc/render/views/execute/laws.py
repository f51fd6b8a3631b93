"""Tables of laws: one row per law, or one law with all its comparisons."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.execute.verification import CROSS, TICK

if TYPE_CHECKING:
    from convcalc.verification.laws import LawResult

WIDTH = 12
"""Triples in a line of those that are listed."""

LONGEST = 110
"""Characters in a line of a statement."""


def error(value: Any) -> str:
    """An error as people read it: 0, two digits, or that there is no agreement at all."""
    if isinstance(value, str):
        return "no agreement" if value == "inf" else value
    if value == 0:
        return "0"
    return "no agreement" if value == float("inf") else f"{value:.1e}"


def _verdict(good: bool) -> str:
    return TICK if good else CROSS


def table(results: Sequence[LawResult]) -> Table:
    """One row per law: cases, worst error, whether it holds and whether its counterexamples fail."""
    columns = (
        Column("number", "law", numbers.exact),
        Column("holds", "holds", _verdict, "left"),
        Column("counterexample_fails", "fails when broken", _verdict, "left", 10),
        Column("cases", "cases", numbers.exact, priority=30),
        Column("worst_error", "worst error", error, priority=5),
        Column("seconds", "s", lambda value: f"{value:.1f}", priority=60),
        Column("statement", "statement", numbers.label, "left", 0, 30),
    )
    rows = [
        (
            r.number,
            r.holds,
            r.counterexample_fails,
            r.cases,
            r.worst_error,
            r.seconds,
            r.statement,
        )
        for r in results
    ]
    good = sum(result.passed for result in results)
    whole = f"{TICK if good == len(rows) else CROSS} {good} of {len(rows)} laws hold, and fail when broken"
    title = numbers.toned(whole, "good" if good == len(rows) else "bad")
    facts = [
        ("cases", numbers.exact(sum(result.cases for result in results))),
        ("worst error", error(max((result.worst_error for result in results), default=0.0))),
        ("time", f"{sum(result.seconds for result in results):.1f} s"),
    ]
    notes = [f"law {r.number}: {r.details['note']}" for r in results if "note" in r.details]
    notes += [f"{CROSS} law {r.number}: {line}" for r in results if not r.passed for line in _faults(r)]
    return Table(columns, rows, title=title, facts=facts, notes=notes)


def _faults(result: LawResult) -> list[str]:
    """What a law that did not come out fell over."""
    lines = [result.details["error"]] if "error" in result.details else []
    lines += [
        f"{check['check']}: worst error {error(check['worst_error'])}"
        for check in result.details["checks"]
        if not check["holds"]
    ]
    for text, outcome in result.details["counterexamples"].items():
        if not outcome["fails"]:
            lines.append(f"holds although it is broken ({text}): {outcome.get('error', 'nothing differed')}")
    return lines


def detail_table(result: LawResult) -> Table:
    """One law: every comparison, every broken condition, and what it lists."""
    columns = (
        Column("verdict", "", numbers.label, "left"),
        Column("kind", "", numbers.label, "left"),
        Column("check", "comparison", numbers.label, "left", 0, 30),
        Column("cases", "cases", numbers.exact, priority=30),
        Column("worst_error", "worst error", error),
    )
    rows: list[tuple[Any, ...]] = [
        (_verdict(check["holds"]), "holds", check["check"], check["cases"], check["worst_error"])
        for check in result.details["checks"]
    ]
    for text, outcome in result.details["counterexamples"].items():
        worst = [check["worst_error"] for check in outcome["checks"]]
        rows.append(
            (
                _verdict(outcome["fails"]),
                "must fail",
                text,
                sum(check["cases"] for check in outcome["checks"]),
                "inf" if "inf" in worst else max(worst, default=0.0),
            )
        )
    facts = [(key, _plain(value)) for key, value in result.details.items() if _is_fact(key, value)]
    notes = [result.details["note"]] if "note" in result.details else []
    for name, triples in result.details.get("disagreements", {}).items():
        notes.append(f"{name} ({len(triples)}):")
        words = ["-".join(map(str, triple)) for triple in triples]
        notes += ["  " + " ".join(words[i : i + WIDTH]) for i in range(0, len(words), WIDTH)]
    notes += [f"{CROSS} {line}" for line in _faults(result)]
    # In a pipe nothing else breaks the line; a terminal breaks it anew.
    title = textwrap.fill(f"law {result.number}: {result.statement}", LONGEST, break_on_hyphens=False)
    return Table(columns, rows, title=title, facts=facts, notes=notes)


def _is_fact(key: str, value: Any) -> bool:
    return (
        key not in ("checks", "counterexamples", "disagreements", "note", "error", "ranks")
        and value is not None
    )


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items())
    return numbers.exact(value) if isinstance(value, int) else str(value)
