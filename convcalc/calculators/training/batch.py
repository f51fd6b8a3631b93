"""The largest batch that a limit of memory allows in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from convcalc.budget import question
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.check.limits import amount
from convcalc.calculators.training.memory import TrainingMemory, training_memory
from convcalc.graph import Spec, as_graph
from convcalc.records import Record

MOST: Final = 10**9
"""A batch beyond which none is looked for."""


@dataclass(frozen=True, repr=False)
class LargestBatch(Record):
    """The largest batch that fits.

    Attributes:
        name: what the spec calls the network.
        max_memory: bytes that there are.
        batch: the largest that fits; None where not even one sample does.
        best: what training takes at it; at a batch of 1 where none fits.
        above: what it takes with one sample more.
        fixed_bytes: the part of the peak that does not grow with the batch, around the answer.
        sample_bytes: what each sample adds to the peak there: the peak is ``fixed + sample * batch``; None
            where the peak moves to another step at the answer.
        text: the limit as it was written; empty where it was a number.
    """

    KEYS = "name max_memory batch fixed_bytes sample_bytes best above"

    name: str
    max_memory: int
    batch: int | None
    best: TrainingMemory
    above: TrainingMemory
    fixed_bytes: int | None
    sample_bytes: int | None
    text: str = ""

    def __bool__(self) -> bool:
        return self.batch is not None

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON holds it, with the totals at the batch and above it."""
        from convcalc.records import record

        def totals(found: TrainingMemory) -> dict[str, Any]:
            return {k: v for k, v in found.to_dict().items() if k not in ("layers", "steps")}

        return record(self, best=totals(self.best), above=totals(self.above))


@question
def largest_batch(
    graph: Spec,
    max_memory: int | str,
    *,
    optimizer: str = "sgd",
    precision: str = "fp32",
    checkpoint: Sequence[str] = (),
    in_place: bool = False,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> LargestBatch:
    """Find the largest batch whose training stays within so many bytes.

    Bytes that are live at a step are ``fixed + sample * batch``, from which the batch follows; the answer is
    worked out again at it, and with one sample more.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        max_memory: bytes, or a text such as ``24GB`` or ``8GiB``.
        optimizer: see :func:`convcalc.training_memory`, as for all that follow.
        precision: number types.
        checkpoint: blocks that run again instead of being kept.
        in_place: activations run in place.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        Unreachable: a size is no number, or memory does not grow with the batch.
        LimitError: the limit is no amount of bytes.
        SpecError: the spec cannot be read.
    """
    limit = int(amount(max_memory, "bytes"))
    text = max_memory.strip() if isinstance(max_memory, str) else ""
    graph = as_graph(graph, input=input, set=set)

    def at(batch: int) -> TrainingMemory:
        return training_memory(
            graph,
            batch=batch,
            optimizer=optimizer,
            precision=precision,
            checkpoint=checkpoint,
            in_place=in_place,
        )

    two, three = at(2), at(3)
    lines = [
        (b.bytes - a.bytes, 3 * a.bytes - 2 * b.bytes) for a, b in zip(two.steps, three.steps, strict=True)
    ]
    growing = [(sample, fixed) for sample, fixed in lines if sample > 0]
    if not growing:
        raise Unreachable(
            "memory does not grow with the batch", expected="a network that reads an input and learns"
        )
    guess = min(MOST, min((limit - fixed) // sample for sample, fixed in growing))
    found = _settled(at, limit, max(guess, 1))
    if found == 0:
        return LargestBatch(graph.name, limit, None, at(1), two, None, None, text)
    best, above = at(found), at(found + 1)
    sample = above.peak_bytes - best.peak_bytes
    fixed = best.peak_bytes - sample * found
    straight = any((sample, fixed) == line for line in lines)
    fixed_bytes, sample_bytes = (fixed, sample) if straight else (None, None)
    return LargestBatch(graph.name, limit, found, best, above, fixed_bytes, sample_bytes, text)


def _settled(at: Any, limit: int, guess: int) -> int:
    """The largest batch that fits, from a guess that is nearly always it; 0 where none does."""
    if at(guess).peak_bytes <= limit:
        low, high = guess, guess + 1
        while at(high).peak_bytes <= limit:
            low, high = high, 2 * high
    else:
        low, high = 0, guess
        step = 1
        while high - step > 0 and at(high - step).peak_bytes > limit:
            high, step = high - step, 2 * step
        low = max(high - step, 0)
        if low == 0 and high > 1 and at(1).peak_bytes <= limit:
            low = 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle).peak_bytes <= limit else (low, middle)
    return low
