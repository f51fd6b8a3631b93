"""The laws of the field as identities that are executed: ``convcalc verify --laws``.

Twenty-seven laws, each one line, checked by the executor on random cases of several ranks and sizes,
and in closed form where it is an identity of algebra. Each has counterexamples that must fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from convcalc.budget import apart
from convcalc.records import Record, record
from convcalc.verification.laws.base import Finding, Law, Trial, finite

_MODULES: Final = {
    "grouping": (1, 2, 3),
    "economy": (4, 5, 6),
    "dilation": (7, 8, 9),
    "transposition": (10, 11, 12, 13),
    "moving": (14, 15),
    "upsampling": (16, 17),
    "receptive_field": (18, 19),
    "accounting": (20, 21, 22),
    "guidelines": (23, 24, 25, 26, 27),
}
NUMBERS: Final = tuple(number for numbers in _MODULES.values() for number in numbers)


@dataclass(frozen=True)
class LawResult(Record):
    """How a law came out.

    Attributes:
        number: its number, from 1 to 27.
        statement: what it says, in one line.
        cases: random cases it was checked on.
        worst_error: the largest error of all its comparisons; 0 for what is exact.
        holds: whether every comparison agreed.
        counterexample: which conditions were broken.
        counterexample_fails: whether every broken condition was noticed, as it must be.
        details: the findings by comparison under ``checks``, those of the counterexamples under
            ``counterexamples``, the numbers of spatial axes under ``ranks``, and whatever else the
            law lists.
        seconds: how long it took.
    """

    KEYS = (
        "number statement cases worst_error holds counterexample counterexample_fails passed details seconds"
    )

    number: int
    statement: str
    cases: int
    worst_error: float
    holds: bool
    counterexample: str
    counterexample_fails: bool
    details: dict[str, Any]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the law holds and its counterexamples fail."""
        return self.holds and self.counterexample_fails

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return record(self, worst_error=finite(self.worst_error), seconds=round(self.seconds, 3))


def laws(only: Sequence[int] | None = None) -> list[Law]:
    """The laws of these numbers, or all, in order."""
    wanted = NUMBERS if only is None else only
    homes = [name for name, numbers in _MODULES.items() if set(numbers) & set(wanted)]
    found: list[Law] = [item for name in homes for item in import_module(f"{__name__}.{name}").LAWS]
    return sorted((item for item in found if item.number in wanted), key=lambda item: item.number)


@apart
def run_laws(
    seed: int = 0,
    only: Sequence[int] | None = None,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[LawResult]:
    """Check laws by execution.

    Args:
        seed: of the random cases.
        only: numbers of the laws to check; all of them when not given.
        progress: called with laws done, laws in all and the name of the next. A KeyboardInterrupt then
            ends it with the results there are.

    Returns:
        One result per law, in order. A law that raises an error does not hold; a counterexample
        that raises one did not fail as it should.

    Raises:
        ValueError: there is no law of such a number, or the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"the seed is {seed}: expected a whole number, 0 or more")
    for number in only or ():
        if number not in NUMBERS:
            raise ValueError(f"there is no law {number}: expected 1 to {NUMBERS[-1]}")
    chosen, results = laws(only), []
    for done, item in enumerate(chosen):
        if progress is not None:
            progress(done, len(chosen), f"law {item.number}")
        try:
            results.append(_judge(item, seed))
        except KeyboardInterrupt:
            if not results:
                raise
            return results
    if progress is not None:
        progress(len(chosen), len(chosen), "")
    return results


def _judge(item: Law, seed: int) -> LawResult:
    start = time.perf_counter()
    trial = Trial((seed, item.number))
    details: dict[str, Any] = {}
    try:
        item.check(trial)
    except Exception as error:
        details["error"] = f"{type(error).__name__}: {error}"
    details["checks"] = [finding.to_dict() for finding in trial.findings]
    details["ranks"] = sorted(trial.ranks)
    details.update(trial.extra)
    broken = {}
    for number, (text, check) in enumerate(item.counterexamples.items(), 1):
        attempt = Trial((seed, item.number, 1000 + number))
        outcome: dict[str, Any] = {}
        try:
            check(attempt)
        except Exception as error:
            outcome["error"] = f"{type(error).__name__}: {error}"
        outcome["fails"] = "error" not in outcome and _all_noticed(attempt.findings)
        outcome["checks"] = [finding.to_dict() for finding in attempt.findings]
        broken[text] = outcome
    details["counterexamples"] = broken
    return LawResult(
        number=item.number,
        statement=item.statement,
        cases=trial.cases,
        worst_error=trial.worst_error if "error" not in details else float("inf"),
        holds=trial.holds and "error" not in details,
        counterexample="; ".join(item.counterexamples),
        counterexample_fails=bool(broken) and all(outcome["fails"] for outcome in broken.values()),
        details=details,
        seconds=time.perf_counter() - start,
    )


def _all_noticed(findings: list[Finding]) -> bool:
    """Whether a broken condition was noticed by every comparison made, in every case."""
    return bool(findings) and all(finding.noticed for finding in findings)
