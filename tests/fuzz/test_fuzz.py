# ruff: noqa: E501 - cases read best in one line each
"""A short run of the fuzzer, and what longer ones found."""

from __future__ import annotations

import json

import pytest

from tests.fuzz.cases import Case, case
from tests.fuzz.running import EXECUTE, call, finds, warm_up

CASES = 500


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_short_run(folder) -> None:
    warm_up()
    for index in range(CASES):
        one = case(2026, index)
        if one.arguments[0] in EXECUTE and one.arguments[0] != "run":
            continue  # the long run has them
        found = [f for f in finds(one, call(one)) if f.kind not in ("slow", "memory")]
        assert not found, (index, one, found)


@pytest.mark.slow
def test_a_long_run(folder) -> None:
    warm_up()
    for index in range(20_000):
        one = case(7, index)
        assert not finds(one, call(one)), (index, one)


# One of each kind that was found: the arguments, and a word of the answer.
FOUND = [
    (("params", "input 1e399 | relu"), "no size"),
    (("params", "conv 3->[1e399] k3"), "error"),
    (("params", "conv 3->0.5+2**4000 k3"), "10**1204"),
    (("params", "input C_inx | relu"), "C_inx"),
    (("params", "Conv2DTranspose((2, 2), ['{i}'])"), "is no number"),
    (("params", "input 1x7x8 | upsample scale=8:3"), "no two sides"),
    (("padding", "input 3x4x32; nn.()"), "error"),
    (("params", "input 16x4x4; crop size=4", "--depth", "9" * 18), "crop1"),
    (("run", "input 4x4x4 | shift kH"), "not numeric"),
    (("rf", "input: 3x32x32\nlayers: [{branches: {a: [conv 3 k3 p1 s=S], b: [conv 3 k1 s=S]}, merge: add}]"), "S"),
    (("params", "input 3x8x8 | bn eps=10**400"), "too large"),
    (("params", "input 3x8x8 | relu", "--set", "x=" + "(" * 3000), "error"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "word"), FOUND)
def test_what_was_found(arguments: tuple[str, ...], word: str, folder) -> None:
    one = Case(arguments)
    outcome = call(one)
    assert not [f for f in finds(one, outcome) if f.kind not in ("slow", "memory")]
    assert outcome.code in (0, 2)
    assert word in outcome.out + outcome.err


def test_the_fuzzer_finds(folder, monkeypatch) -> None:
    """A check that cannot fail is none: a traceback, a control character and a missing word are finds."""
    from convcalc.cli.commands.count import report

    def broken(*_: object) -> None:
        raise KeyError("nothing")

    one = Case(("params", "input 3x8x8 | relu"))
    assert not finds(one, call(one))
    good = call(one)
    assert [f.kind for f in finds(one, good._replace(out="a\x1b[31mb"))] == ["control"]
    assert [f.kind for f in finds(one, good._replace(code=2))] == ["exit"]
    assert [f.kind for f in finds(one, good._replace(seconds=1.5))] == ["slow"]
    assert [f.kind for f in finds(one, good._replace(megabytes=300))] == ["memory"]
    monkeypatch.setattr(report, "_report", broken)
    assert [f.kind for f in finds(one, call(one))] == ["exception"]


def test_a_case_is_the_same_everywhere() -> None:
    assert json.dumps([case(1, 5).arguments, case(1, 6).arguments]) == json.dumps(
        [case(1, 5).arguments, case(1, 6).arguments]
    )
    assert len({case(1, n).arguments for n in range(50)}) > 40
