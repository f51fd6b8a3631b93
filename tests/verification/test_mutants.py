"""The verifier must be able to fail: each of these mistakes, planted alone, is noticed.

``python -m tests.verification.planted`` prints the list of them and what noticed each.
"""

from __future__ import annotations

from collections import Counter

import pytest

from convcalc.layers.windows.conv import Conv
from convcalc.spec import load
from convcalc.verification import verify
from tests.verification.corpus import CORPUS
from tests.verification.planted import MUTANTS, Mutant, kill, listing, planted


@pytest.mark.parametrize("spec", CORPUS)
def test_the_corpus_verifies(spec: str) -> None:
    found = verify(load(spec))
    assert found.ok, str(found)
    assert found.scalars, "too large to be counted scalar by scalar"


# Every third; the list below is of all of them.
@pytest.mark.parametrize("one", MUTANTS[::3], ids=lambda one: one.name)
def test_the_mistake_is_noticed(one: Mutant) -> None:
    assert kill(one) is not None, f"verify does not notice: {one.name} ({one.target})"


def test_there_are_enough_of_them() -> None:
    names = Counter(one.name for one in MUTANTS)
    assert max(names.values()) == 1
    kernels = sum(one.kernel for one in MUTANTS)
    assert kernels >= 70
    assert len(MUTANTS) - kernels >= 140


def test_what_was_planted_is_taken_out_again() -> None:
    right = Conv.macs
    one = next(one for one in MUTANTS if one.target.endswith("Conv.macs"))
    with planted(one):
        assert Conv.macs is not right
        assert not verify(load("conv 4 k3", input="3x8x8")).ok
    assert Conv.macs is right
    assert verify(load("conv 4 k3", input="3x8x8")).ok


def test_a_mistake_that_changes_nothing_is_not_noticed() -> None:
    harmless = Mutant(
        "nothing", "convcalc.layers.windows.conv:Conv.macs", lambda right: lambda *a: right(*a), ("conv",)
    )
    assert kill(harmless) is None


@pytest.mark.slow
def test_the_list_of_mutants_and_their_kill(capsys: pytest.CaptureFixture[str]) -> None:
    text, survivors = listing()
    with capsys.disabled():
        print(f"\n{text}")
    assert survivors == []
    assert "NOT NOTICED" not in text
