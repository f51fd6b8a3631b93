"""The best order and the arena: against brute force over all orders, and published figures."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.hardware.arena import Span, pack
from convcalc.calculators.hardware.bits import layer_bits
from convcalc.calculators.hardware.schedule import Block, Task, Work, as_written, best_order, work


@st.composite
def works(draw: st.DrawFn) -> Work:
    """Small graphs: each node reads some before it, writes one block, and may write over what it reads."""
    count = draw(st.integers(2, 7))
    before = [
        draw(st.sets(st.integers(0, number - 1), min_size=1, max_size=3)) if number else set()
        for number in range(count)
    ]
    sizes = [draw(st.integers(0, 9)) for _ in range(count)]
    readers = [sum(1 << n for n in range(count) if at in before[n]) for at in range(count)]
    kept = [not readers[at] or draw(st.integers(0, 9)) == 0 for at in range(count)]
    blocks = tuple(Block(sizes[at], at, readers[at], kept[at]) for at in range(count))
    in_place = draw(st.booleans())
    tasks = tuple(
        Task(
            sum(1 << n for n in before[number]),
            tuple(sorted(before[number])),
            (number,),
            tuple(n for n in sorted(before[number]) if in_place and sizes[n] == sizes[number]),
        )
        for number in range(count)
    )
    return Work(tasks, blocks, (0,))


def slow_peak(one: Work, order: tuple[int, ...]) -> int:
    """The peak of an order from the definition alone: who is still to be read when."""
    place = {number: at for at, number in enumerate(order)}
    peak = 0
    for at, number in enumerate(order):
        live = 0
        freed = 0
        for name, block in enumerate(one.blocks):
            reads = [place[n] for n in range(len(order)) if block.readers >> n & 1]
            last = len(order) if block.kept else max([*reads, place[block.writer]])
            if place[block.writer] <= at <= last:
                live += block.bytes
                if name in one.tasks[number].over and last == at:
                    freed = block.bytes  # its output takes this place
        peak = max(peak, live - freed)
    return peak


@settings(max_examples=150, deadline=None)
@given(one=works())
def test_no_order_has_a_smaller_peak(one: Work) -> None:
    found = best_order(one)
    assert sorted(found.order) == list(range(len(one.tasks)))
    place = {number: at for at, number in enumerate(found.order)}
    assert all(place[n] < place[number] for number, task in enumerate(one.tasks) for n in task.reads)
    orders = [
        (0, *rest)
        for rest in permutations(range(1, len(one.tasks)))
        if all(
            n == 0 or rest.index(n) < at for at, number in enumerate(rest) for n in one.tasks[number].reads
        )
    ]
    assert found.exact
    assert found.peak == slow_peak(one, found.order) == min(slow_peak(one, order) for order in orders)


@settings(max_examples=100, deadline=None)
@given(one=works())
def test_without_time_to_look_the_optimum_is_bounded_from_both_sides(one: Work) -> None:
    hurried, found = best_order(one, steps=1), best_order(one)
    assert hurried.least <= found.peak <= hurried.peak


@settings(max_examples=200, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9), st.integers(0, 5)), max_size=12),
    align=st.sampled_from([1, 4, 16]),
)
def test_pieces_of_the_arena_never_overlap_while_both_are_in_use(
    spans: list[tuple[int, int, int]], align: int
) -> None:
    pieces = [Span(size, first, first + more) for size, first, more in spans]
    offsets = pack(pieces, align)
    assert all(offset % align == 0 for offset in offsets)
    for i, (one, low) in enumerate(zip(pieces, offsets, strict=True)):
        for other, high in zip(pieces[:i], offsets[:i], strict=True):
            apart = one.last < other.first or other.last < one.first
            assert apart or low + one.bytes <= high or high + other.bytes <= low


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "densenet121", "unet", "gpt2", "wavenet"])
def test_the_order_as_written_has_the_peak_that_memory_states(name: str) -> None:
    graph = convcalc.load(name)
    one = work(graph, 1, layer_bits(graph, "float32", ()), in_place=None)
    assert as_written(one).peak == convcalc.analyze(graph).totals.peak_memory_bytes


PERSON = """
extends: mobilenet_v1
input: 1x96x96
vars: {alpha: 0.25, classes: 2}
"""


def test_person_detection_needs_what_tensorflow_lite_micro_measured() -> None:
    """David et al. 2021, Table 2: 55.30 kB nonpersistent of the Visual Wake Words reference, int8."""
    found = convcalc.arena(PERSON, dtype="int8")
    assert found.packed.exact
    assert f"{found.ram_bytes / 1000:.2f} kB" == "55.30 kB"


def test_mobilenet_v2_needs_what_mcunet_v2_states() -> None:
    """Lin et al. 2021, Figure 1: 1372 kB, with depthwise layers in place, so without their outputs."""
    graph = convcalc.load("mobilenet_v2")
    one = work(graph, 1, layer_bits(graph, "int8", ()), in_place=True)
    done, held, most = one.start, one.held(one.start), 0
    for number, node in enumerate(graph.nodes[1:], 1):
        during, held = one.step(number, done, held)
        done |= 1 << number
        if "dwconv" not in node.name:
            most = max(most, during)
    assert most == 1372 * 1024


def test_branches_run_one_after_the_other() -> None:
    """Two branches with a large middle and a small end: written side by side, run one after the other."""
    spec = (
        "input 100 | linear 1000 id=a | linear 1000 from=input id=c | linear 2 from=a id=b | "
        "linear 2 from=c id=d | concat from=[b,d]"
    )
    written, _, best, _ = convcalc.arena(spec).plans
    assert written.bytes == 4 * (100 + 1000 + 1000)
    assert (best.bytes, best.exact) == (4 * (100 + 1000 + 2), True)
