"""Random layers and graphs, each held to formula against execution; failures shrunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from convcalc.budget import apart
from convcalc.records import Record, record
from convcalc.verification.random.shrink import shrink
from convcalc.verification.random.specs import RandomSpec, random_spec
from convcalc.verification.result import Verification, describe
from convcalc.verification.run import verify


@dataclass(frozen=True)
class Failure(Record):
    """A random spec on which formula and execution differ.

    Attributes:
        index: its number; the seed and the number draw it again.
        original: the spec as it was drawn.
        spec: a smaller spec that fails too: ``convcalc verify`` of it shows the difference.
        reasons: the differences of the smaller spec.
    """

    index: int
    original: str
    spec: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class RandomRun(Record):
    """What verifying random specs found.

    Attributes:
        number: specs verified.
        seed: what they were drawn from.
        layers: layers in all of them.
        checks: pairs of numbers compared.
        ops: how often each layer came.
        scalars: specs that were also counted scalar by scalar.
        fields: layers whose receptive field was traced.
        seconds: what it took.
        failures: specs on which formula and execution differ.
        asked: specs that were to be verified.
        complete: whether it came to its end; else it was interrupted.
    """

    KEYS = "ok number seed layers checks scalars fields seconds ops failures complete"

    number: int
    seed: int
    layers: int
    checks: int
    ops: dict[str, int]
    scalars: int
    fields: int
    seconds: float
    failures: tuple[Failure, ...]
    asked: int = 0
    complete: bool = True

    @property
    def ok(self) -> bool:
        """Whether formula and execution agreed on every spec."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON holds it."""
        return record(self, seconds=round(self.seconds, 3), ops=dict(sorted(self.ops.items())))


@apart
def verify_random(
    number: int,
    seed: int = 0,
    *,
    start: int = 0,
    most: int = 5,
    progress: Callable[[int, int, str], None] | None = None,
) -> RandomRun:
    """Verify random layers and graphs of every rank and of every layer of the language.

    Args:
        number: how many specs.
        seed: the same seed draws the same specs.
        start: number of the first spec.
        most: failures after which it stops.
        progress: called with specs done, specs in all and the last spec.
            A KeyboardInterrupt ends the run with what was found, once there is something.

    Returns:
        what was verified, and the failures, each shrunk.

    Raises:
        ValueError: the number is not positive.
    """
    if number < 1:
        raise ValueError(f"the number of random specs must be at least 1, got {number}")
    began = perf_counter()
    ops: dict[str, int] = {}
    layers = checks = scalars = fields = done = 0
    failures: list[Failure] = []
    complete = True
    for index in range(start, start + number):
        try:
            spec = random_spec(seed, index)
            found = outcome(spec, seed)
        except KeyboardInterrupt:
            if not done:
                raise
            complete = False
            break
        done += 1
        if isinstance(found, Verification):
            layers += len(found.layers)
            checks += found.checks
            scalars += found.scalars
            fields += found.fields
            for layer in found.layers:
                ops[layer.op] = ops.get(layer.op, 0) + 1
        if not _holds(found):
            small, reasons = spec, _reasons(found)
            try:
                small = _shrunk(spec, found, seed)
                reasons = _reasons(outcome(small, seed))
            except KeyboardInterrupt:
                small, complete = spec, False
            failures.append(Failure(index, spec.text, small.text, reasons))
            if len(failures) >= most or not complete:
                break
        if progress is not None:
            progress(done, number, spec.text)
    seconds = perf_counter() - began
    return RandomRun(
        done, seed, layers, checks, ops, scalars, fields, seconds, tuple(failures), number, complete
    )


def outcome(spec: RandomSpec, seed: int, **more: Any) -> Verification | Exception:
    """The verification of a spec, or what it broke with; ``more`` is for :func:`convcalc.verify`."""
    try:
        return verify(spec.load(), seed=seed, **more)
    except Exception as error:  # whatever it is, it belongs in the report of the spec that caused it
        return error


def _shrunk(spec: RandomSpec, found: Verification | Exception, seed: int) -> RandomSpec:
    """The smallest spec found that fails in one of the ways in which this one does."""
    ways = _ways(found)
    # What the quick witness saw needs no other while the spec shrinks.
    quick = {way for way in ways if way.endswith(" arrays")}
    ways = frozenset(quick) if quick else ways
    more: dict[str, bool] = {"scalars": False, "fields": False} if quick else {}
    return shrink(spec, lambda one: bool(ways & _ways(outcome(one, seed, **more))))


def _ways(found: Verification | Exception) -> frozenset[str]:
    """What differs: quantities with their witness, or the kind of exception."""
    if not isinstance(found, Verification):
        return frozenset((type(found).__name__,))
    ways = {f"{check.quantity} {check.witness}" for _, check in found.differences()}
    return frozenset(ways | ({found.error.partition(":")[0]} if found.error else set()))


def _holds(found: Verification | Exception) -> bool:
    return isinstance(found, Verification) and found.ok


def _reasons(found: Verification | Exception) -> tuple[str, ...]:
    if not isinstance(found, Verification):
        return (f"{type(found).__name__}: {found}",)
    reasons = [describe(name, check) for name, check in found.differences()]
    return (*reasons, *([f"not executed: {found.error}"] if found.error else []))
