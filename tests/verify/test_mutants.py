"""The verifier must be able to fail: each of these mistakes, planted alone, is noticed."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from convcalc.spec import SpecError, load
from convcalc.verify import Verification, verify
from tests.verify.corpus import CORPUS
from tests.verify.planted import MUTANTS, Mutant, planted

KILLS: dict[str, str] = {}


def words(spec: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]\w*", spec))


def specs_for(one: Mutant) -> list[str]:
    """The specs of the corpus that hold a layer the mistake is about."""
    return [spec for spec in CORPUS if words(spec) & set(one.ops)]


def checked(spec: str) -> Verification | None:
    """The verification; None where the parser refuses the spec, which is no verdict of the verifier."""
    try:
        graph = load(spec)
    except SpecError:
        return None
    return verify(graph)


def kill(one: Mutant) -> str | None:
    """What the verifier says of the first spec on which it notices the mistake."""
    with planted(one):
        for spec in specs_for(one):
            found = checked(spec)
            if found is None or found.ok:
                continue
            # A mistake must be one of arithmetic, not a call that Python refuses.
            assert not re.match("TypeError|AttributeError|NameError", found.error or ""), found.error
            what = sorted({f"{c.quantity} ({c.witness})" for _, c in found.differences()})
            if found.error:
                what.append(f"not executed: {found.error.partition(chr(10))[0][:60]}")
            return f"{spec}: {', '.join(what)}"
    return None


@pytest.mark.parametrize("spec", CORPUS)
def test_the_corpus_verifies(spec: str) -> None:
    found = verify(load(spec))
    assert found.ok, str(found)
    assert found.scalars, "too large to be counted scalar by scalar"


@pytest.mark.parametrize("one", MUTANTS, ids=lambda one: one.name)
def test_the_mistake_is_noticed(one: Mutant) -> None:
    noticed = kill(one)
    assert noticed is not None, f"verify does not notice: {one.name} ({one.target})"
    KILLS[one.name] = noticed


def test_the_list_of_mutants(capsys: pytest.CaptureFixture[str]) -> None:
    names = Counter(one.name for one in MUTANTS)
    assert max(names.values()) == 1
    kernels = sum(one.kernel for one in MUTANTS)
    assert kernels >= 20
    assert len(MUTANTS) - kernels >= 60
    with capsys.disabled():
        print(
            f"\n{len(MUTANTS)} mutants ({kernels} in kernels); {len(KILLS)} of those that were run are killed"
        )
        for one in MUTANTS:
            print(f"  {one.name}: {KILLS.get(one.name, 'not run')}")
