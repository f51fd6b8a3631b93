# ruff: noqa: E501 - cases read best in one line each
"""One budget of steps bounds every question: a few hundred bytes are answered or refused at once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.budget import STEPS, OverBudgetError, allow, apart, budget, question, spend
from convcalc.calculators.padding.taps import _valid_taps, unread_rows
from convcalc.layers.windows.window import effective

SECONDS = 2.0
"""Twice what is promised: the machine may be slow."""

DOUBLING = "vars: {a0: [1], " + ", ".join(f'a{i}: "[a{i - 1},a{i - 1}]"' for i in range(1, 60)) + "}\n"
LISTS = "vars: {a0: [1], " + ", ".join(f"a{i}: [a{i - 1},a{i - 1}]" for i in range(1, 60)) + "}\n"
DEEP = "vars: {a0: [1], " + ", ".join(f'a{i}: "[a{i - 1}]"' for i in range(1, 900)) + "}\n"
SIZES = "input: 3x224x224\n"
HUGE = "99999999"

# What is asked, and a word of the answer.
HOSTILE = {
    "lists double": (("params", f"{DOUBLING}{SIZES}layers: ['conv len(a59) k3']"), "10,000 items"),
    "lists of documents double": (("params", f"{LISTS}{SIZES}layers: ['conv len(a59) k3']"), "10,000 items"),
    "lists nest": (("params", f"{DEEP}{SIZES}layers: ['conv len(a899) k3']"), "32 levels"),
    "strides of maxima": (
        ("params", f"{SIZES}layers:\n  - {{repeat: 10, body: ['conv 8 k3 p1 s=max(H,2)', relu]}}"),
        "steps of work",
    ),
    "empty branches": (
        ("params", "input: Cx8x8\nlayers: [{repeat: 50000, body: [{branches: {a: [], b: []}, merge: add}]}]\n"),
        "steps of work",
    ),
    "repeats": (("rf", "input: 3x8x8\nlayers: [{repeat: 99999, body: [relu]}]"), "steps of work"),
    "pixels": (("padding", f"input 3x{HUGE}x{HUGE} | conv 8 k3 s2"), "unread"),
    "taps of pixels": (("padding", f"input 3x{HUGE} | conv 8 k99999 p49999 d3 s2"), ""),
    "holes of pixels": (("padding", f"input 3x{HUGE}x{HUGE} | conv 8 k9999999 s8888888"), ""),
    "long runs": (("dilation", *("1 2 5 " * 60).split()), ""),
    "stacks": (("variants", f"input {HUGE}x{HUGE}x{HUGE} | conv {HUGE} k{HUGE[1:]}"), ""),
    "two long networks": (
        (
            "compare",
            "input: 3x8x8\nlayers: [{repeat: 9999, body: [relu, bn]}]",
            "input: 3x8x8\nlayers: [{repeat: 9999, body: [bn, relu]}]",
        ),
        "",
    ),
    "faulty lines": (("params", "x = x\n" * 20_000), "error"),
    "powers": (("params", "input MxHxW | conv (M+H+W+K+L+N)**60 k1"), "error"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_few_bytes_do_not_ask_for_much(name: str, cli: Callable[..., convcalc.Graph]) -> None:
    arguments, word = HOSTILE[name]
    cli("params", "relu")  # what is loaded once costs no case
    start = time.process_time()
    done = cli(*arguments)
    assert time.process_time() - start < SECONDS
    assert done.code in (0, 2)
    assert word in done.out + done.err


def test_the_message_names_the_limit_and_the_way_out(cli, monkeypatch) -> None:
    text = "input: 3x8x8\nlayers: [{repeat: 300, body: [relu]}]"
    assert cli("params", text).code == 0
    monkeypatch.setenv("CONVCALC_STEPS", "1000")
    done = cli("params", text, "--json")
    assert done.code == 2
    (error,) = done.json()["errors"]
    assert "steps of work" in error["message"]
    assert "CONVCALC_STEPS" in error["expected"]
    monkeypatch.setenv("CONVCALC_STEPS", "1000000")
    assert cli("params", text).code == 0


def test_questions_inside_a_question_share_its_budget() -> None:
    @question
    def inner() -> None:
        spend(STEPS // 2 + 1)

    @question
    def outer() -> None:
        inner()
        inner()

    inner()
    with pytest.raises(OverBudgetError):
        outer()

    @apart
    def long() -> None:
        inner()
        inner()

    with budget(10):
        long()  # each of its questions is one of its own
        with pytest.raises(OverBudgetError):
            spend(11)
    spend(10**12)  # nobody asked
    with budget(10):
        allow(10)
        spend(20)


@pytest.mark.slow
def test_long_texts_and_graphs_have_more() -> None:
    lines = "\n".join(f"  - conv {8 + n % 3} k3 p1" for n in range(20_000))
    graph = convcalc.load(f"input: 8x9x9\nlayers:\n{lines}\n")
    assert convcalc.analyze(graph).totals.params > 0
    many = convcalc.load("input: 8x9x9\nlayers: [{repeat: 30000, body: [relu]}]", max_layers=200_000)
    assert len(convcalc.analyze(many).layers) == 30_000


windows = st.tuples(
    st.integers(1, 40), *(st.integers(1, most) for most in (6, 8, 8)), st.integers(0, 9), st.integers(0, 9)
)


@given(windows)
def test_padding_counts_without_a_look_at_the_pixels(window: tuple[int, ...]) -> None:
    """Rows that no window reads and taps by position, against a count by brute force."""
    i, k, s, d, before, after = window
    if i + before + after < effective(k, d):
        return
    o = (i + before + after - effective(k, d)) // s + 1
    read = {j * s + t * d - before for j in range(o) for t in range(k)}
    assert unread_rows(i, k, s, d, before, o) == sum(x not in read for x in range(i))
    taps = Counter(sum(0 <= j * s - before + t * d < i for t in range(k)) for j in range(o))
    assert dict(_valid_taps(i, k, s, d, before, o)) == dict(taps)


def test_alignment_by_names_is_the_longest() -> None:
    """Against the classic table, on random orders of names."""
    from convcalc.calculators.compare.layers import Entry, _by_name

    draw = random.Random(3)
    for _ in range(200):
        names = [f"n{i}" for i in range(9)]
        one, two = (draw.sample(names, draw.randint(0, 9)) for _ in range(2))
        left, right = ([Entry(name, "relu", "relu", (1,), 0, 0) for name in side] for side in (one, two))
        table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
        for i, a in enumerate(one):
            for j, b in enumerate(two):
                longest = max(table[i][j + 1], table[i + 1][j])
                table[i + 1][j + 1] = table[i][j] + 1 if a == b else longest
        pairs = _by_name(left, right)
        both = [(i, j) for i, j in pairs if i is not None and j is not None]
        assert len(both) == table[-1][-1]
        assert all(one[i] == two[j] for i, j in both)
        assert [i for i, _ in pairs if i is not None] == list(range(len(one)))
        assert [j for _, j in pairs if j is not None] == list(range(len(two)))


def test_verify_does_not_grow_with_the_square(cli) -> None:
    spec = "input 8x2x{0}x7 | permute order=(1,0,2,3) | reshape (2,{1}) | permute order=(1,0)"
    start = time.process_time()
    assert cli("verify", spec.format(28, 1568)).code == 0  # 41 s when each box was held against each
    assert time.process_time() - start < 4


def test_fit_that_is_interrupted_says_what_it_has() -> None:
    told: list[tuple[int, int, str]] = []

    def stop(done: int, many: int, text: str) -> None:
        told.append((done, many, text))
        if done == 3:
            raise KeyboardInterrupt

    found = convcalc.fit(
        "vars: {m: 1}\ninput: 3x32x32\nlayers: ['conv 8*m k3', relu]",
        {"m": "1..4", "resolution": "8..64:8"},
        max_macs="100K",
        progress=stop,
    )
    assert not found.complete and not found.proven
    assert found.best is not None and found.best.trial.fits
    assert len(found.frontier) >= 1
    assert "interrupted after" in found.how
    assert told[-1][0] == 3 and told[-1][1] == 8
