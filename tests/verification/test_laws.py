"""The laws: each holds, each counterexample is noticed, and each notices a kernel that is wrong."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor.kernels import OPERATIONS
from convcalc.layers import lookup
from convcalc.render import text
from convcalc.render.views.execute import laws as render
from convcalc.verification import laws
from convcalc.verification.laws import base

NUMBERS = range(1, 28)


@lru_cache
def result_of(number: int) -> laws.LawResult:
    (result,) = convcalc.run_laws(0, [number])
    return result


def test_there_are_twenty_seven(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(laws.NUMBERS) == [*NUMBERS]
    assert [law.number for law in laws.laws()] == [*NUMBERS]
    monkeypatch.setattr(laws, "_judge", lambda law, seed: law.number)
    assert convcalc.run_laws(0) == [*NUMBERS]


@pytest.mark.parametrize("number", NUMBERS)
def test_holds_and_fails_when_broken(number: int) -> None:
    result = result_of(number)
    assert result.number == number
    assert result.holds, result.details
    assert result.counterexample_fails, result.details["counterexamples"]
    assert result.passed
    assert result.worst_error <= 1e-7
    assert result.cases >= 12
    assert "\n" not in result.statement
    assert "error" not in result.details
    assert len(result.details["checks"]) >= 2
    assert result.details["ranks"] == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_holds_whatever_the_seed(seed: int) -> None:
    found = convcalc.run_laws(seed, [number for number in NUMBERS if number != 8])
    assert [result.number for result in found if not result.passed] == []


def covers(rates: tuple[int, ...]) -> bool:
    """Whether sums of one of -r, 0, r for each rate reach every place between the outermost."""
    reached = {0}
    for r in rates:
        reached = {place + step for place in reached for step in (-r, 0, r)}
    return len(reached) == 1 + 2 * sum(rates)


def test_law_8_lists_every_disagreement() -> None:
    passed, refused = [], []
    for a, b, c in product(range(1, 13), repeat=3):
        # Wang et al. 2018, equation 2, for three layers: M3 = c, M2 from it.
        met = max(c - 2 * b, c - 2 * (c - b), b) <= 3
        if met and not covers((a, b, c)):
            passed.append([a, b, c])
        if not met and covers((a, b, c)):
            refused.append([a, b, c])
    details = result_of(8).details
    assert details["triples"] == 1728
    assert list(details["disagreements"].values()) == [passed, refused]
    assert len(passed) + len(refused) > 0
    shown = text.render(render.detail_table(result_of(8)))
    assert all("-".join(map(str, triple)) in shown for triple in passed + refused)


def test_law_9_counts_valid_weights() -> None:
    # Chen et al. 2017, Figure 4: a 3x3 filter on a 65x65 map has 9 valid weights at small rates and 1 at 65.
    shares = result_of(9).details["valid weights a position, 3x3 on 65x65, by rate"]
    assert shares["65"] == 1
    assert 8.5 < shares["1"] < 9
    assert sorted(shares.values(), reverse=True) == list(shares.values())


Change = Callable[[Any, Any], Any]
"""What a sabotaged kernel returns, of its call and the right result."""


def scaled(when: Callable[[Any], bool] = lambda layer: True) -> Change:
    return lambda call, y: y * 1.000001 if when(call.layer) else y


def turned(call: Any, y: Any) -> Any:
    return np.ascontiguousarray(y[..., ::-1])


# Kernel, what is done to it, the laws that must notice. Some change one kind of its layers only, since a
# law compares two ways of writing the same map and a common factor would be on both sides.
KERNELS: dict[str, tuple[str, Change, tuple[int, ...]]] = {
    "groups": ("conv", scaled(lambda layer: layer.groups > 1), (1, 2)),
    "sums": ("conv", scaled(), (21,)),
    "a row less": ("conv", lambda call, y: y[..., 1:], (20,)),
    "depthwise": ("dwconv", scaled(), (2, 4, 14)),
    "pointwise": ("conv", scaled(lambda layer: max(layer.kernel) == 1), (2, 4, 5, 9, 14)),
    "large": ("conv", scaled(lambda layer: max(layer.kernel) == 7), (6,)),
    "dilated": ("conv", scaled(lambda layer: max(layer.dilation) > 1), (7, 9, 10)),
    "padded": ("conv", scaled(lambda layer: layer.padding[0] != (0, 0)), (9, 10, 12)),
    "not a number": ("conv", lambda call, y: np.full_like(y, np.nan), (1, 2, 4, 6, 7, 10)),
    "shuffle": ("shuffle", lambda call, y: call.x.copy(), (3,)),
    "shift": ("shift", turned, (14,)),
    "transposed": ("convT", turned, (10, 11, 12, 13, 16)),
    "transposed by a little": ("convT", scaled(), (10, 11, 12, 13, 16)),
    "linear": ("linear", scaled(), (13,)),
    "unpool": ("unpool", turned, (15,)),
    "upsample": ("upsample", scaled(), (16, 17)),
    "mean for maximum": (
        "maxpool",
        lambda call, y: (y[0] + 1e-6 * call.x.mean(), *y[1:]) if isinstance(y, tuple) else y,
        (15, 19),
    ),
}


def plant(monkeypatch: pytest.MonkeyPatch, op: str, part: str, make: Callable[[Any], Any]) -> None:
    """Replace one part of an operation by a wrong one made from it."""
    right = OPERATIONS[op]
    wrong = right._replace(**{part: make(getattr(right, part))})
    monkeypatch.setitem(OPERATIONS, op, wrong)


QUICK = ("groups", "sums", "a row less", "shift", "transposed", "unpool", "upsample")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in KERNELS]
)
def test_a_wrong_kernel_breaks_the_laws_concerned(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    op, change, concerned = KERNELS[name]
    plant(monkeypatch, op, "fast", lambda real: lambda call: change(call, real(call)))
    found = convcalc.run_laws(0, concerned)
    assert [result.number for result in found if result.holds] == []


@pytest.mark.slow
def test_wrong_influence_breaks_the_laws_of_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    def undilated(r: Any) -> Any:
        once = (1,) * len(r.layer.kernel)
        return r._replace(layer=dataclasses.replace(r.layer, dilation=once))

    plant(monkeypatch, "conv", "backward", lambda real: lambda r: real(undilated(r)))
    assert [result.number for result in convcalc.run_laws(0, [7, 8, 18, 19]) if result.holds] == []


@pytest.mark.slow
@pytest.mark.parametrize("op", ["conv", "convT", "maxpool"])
def test_padding_on_the_wrong_side_breaks_the_law_of_fields(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(r: Any) -> Any:
        sides = tuple((b + 1, a - 1) if a > 0 else (a, b) for a, b in r.layer.padding)
        return r._replace(layer=dataclasses.replace(r.layer, padding=sides))

    plant(monkeypatch, op, "backward", lambda real: lambda r: real(moved(r)))
    assert not convcalc.run_laws(0, [18])[0].holds


def moved_padding(call: Any) -> Any:
    """A call whose padding stands one further on one side: the same size, another place."""
    sides = tuple((b + 1, a - 1) if a > 0 else (a, b) for a, b in call.layer.padding)
    return with_(call, layer=dataclasses.replace(call.layer, padding=sides))


def swapped_axes(call: Any) -> Any:
    """A call whose square kernels have their last two axes swapped."""
    weight = call.params["weight"]
    if weight.ndim < 4 or weight.shape[-1] != weight.shape[-2]:
        return call
    return with_(call, params={**call.params, "weight": np.ascontiguousarray(weight.swapaxes(-1, -2))})


def moved_groups(call: Any) -> Any:
    """A call whose groups have the weights of the group before."""
    weight, groups = call.params["weight"], call.layer.groups
    if groups == 1:
        return call
    moved = np.roll(weight, len(weight) // groups, axis=0)
    return with_(call, params={**call.params, "weight": moved})


def with_(call: Any, **changed: Any) -> Any:
    other = copy.copy(call)
    for name, value in changed.items():
        setattr(other, name, value)
    return other


# Kernel, how its call is spoilt, the laws that must notice.
CALLS: dict[str, tuple[str, Callable[[Any], Any], tuple[int, ...]]] = {
    "padding of a convolution": ("conv", moved_padding, (7, 9, 10, 11, 12, 14)),
    "padding of a depthwise": ("dwconv", moved_padding, (2, 14)),
    "padding of a transposed": ("convT", moved_padding, (10, 11, 12, 16)),
    "axes of a convolution": ("conv", swapped_axes, (1, 2, 4, 6, 7, 10, 11, 12, 14)),
    "axes of a depthwise": ("dwconv", swapped_axes, (2, 4, 14)),
    "axes of a transposed": ("convT", swapped_axes, (10, 11, 12, 13)),
    "groups of a convolution": ("conv", moved_groups, (1, 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_a_spoilt_call_breaks_the_laws_concerned(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    op, change, concerned = CALLS[name]
    plant(monkeypatch, op, "fast", lambda real: lambda call: real(change(call)))
    assert [result.number for result in convcalc.run_laws(0, concerned) if result.holds] == []


def test_a_wrong_formula_breaks_the_laws_of_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    conv = lookup("conv")

    def parameters(self: Any, inputs: Any) -> dict[str, Any]:
        # Forgets the groups.
        return {"weight": (self.out_channels, self.in_channels, *self.kernel)}

    monkeypatch.setattr(conv, "parameters", parameters)
    assert [result.number for result in convcalc.run_laws(0, [1, 2, 4, 5]) if result.holds] == []


def test_a_wrong_formula_breaks_the_laws_of_what_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    conv = lookup("conv")
    right = conv.parameters
    # A number too many, which no kernel reads.
    monkeypatch.setattr(conv, "parameters", lambda self, inputs: {**right(self, inputs), "more": (1,)})
    assert [result.number for result in convcalc.run_laws(0, MOVES) if result.holds] == []


MOVES = (22, 23, 24, 25, 26, 27)
"""Laws that hold what moves by formula against what an execution touched."""


def test_guidelines_by_hand() -> None:
    """Ma et al. 2018, equations 1 and 2, on plain numbers: nothing of convcalc."""
    for hw in (1, 49, 3136):
        for c1 in range(1, 40):
            for c2 in range(1, 40):
                b = hw * c1 * c2
                mac = hw * (c1 + c2) + c1 * c2
                bound = 2 * (hw * b) ** 0.5 + b / hw
                assert mac >= bound - 1e-6
                assert (abs(mac - bound) < 1e-6) == (c1 == c2)


def test_law_27_has_the_published_figures() -> None:
    details = result_of(27).details
    assert details["mobilenet_v2 at 224"]["MACs"] == 300_774_272  # PyTorch's own counter, halved
    assert details["resnet18 at 224"]["parameters"] == 11_689_512


def test_every_law_has_a_saboteur() -> None:
    noticed = {number for _, _, concerned in KERNELS.values() for number in concerned}
    assert noticed | {7, 8, 18, 19} | {*MOVES} == {*NUMBERS}


# How laws are judged: laws made for the purpose.


def judged(check: base.Check, **broken: base.Check) -> laws.LawResult:
    return laws._judge(base.Law(1, "made up", check, broken), 0)


def agree(t: base.Trial) -> None:
    t.equal("ones", np.ones(3), np.ones(3))


def differ(t: base.Trial) -> None:
    t.equal("ones", np.ones(3), np.zeros(3))


def crash(t: base.Trial) -> None:
    raise RuntimeError("broken")


def test_judgement() -> None:
    assert judged(agree, a=differ).passed
    assert not judged(differ, a=differ).holds
    assert not judged(agree, a=agree).counterexample_fails
    assert not judged(agree, a=differ, b=agree).counterexample_fails
    assert not judged(agree).counterexample_fails, "a law without a counterexample proves nothing"
    assert not judged(lambda t: None, a=differ).holds, "nothing was compared"
    assert not judged(agree, a=lambda t: None).counterexample_fails
    crashed = judged(crash, a=crash)
    assert not crashed.holds
    assert not crashed.counterexample_fails, "an error is no difference"
    assert crashed.details["error"] == "RuntimeError: broken"


def test_a_broken_condition_must_be_noticed_every_time() -> None:
    def sometimes(t: base.Trial) -> None:
        agree(t)
        differ(t)

    assert not judged(agree, a=sometimes).counterexample_fails


@pytest.mark.parametrize(("left", "right"), [
    (np.array([np.nan]), np.array([np.nan])),
    (np.array([np.inf]), np.array([1.0])),
    (np.ones(3), np.ones((3, 1))),
    (np.array([1e6]), np.array([1e6 + 1.0])),
])  # fmt: skip
def test_what_is_no_agreement(left: Any, right: Any) -> None:
    assert not judged(lambda t: t.equal("x", left, right), a=differ).holds


def test_numbers_and_closed_forms_must_be_the_same() -> None:
    n = convcalc.symbol("n")
    for check in (
        lambda t: t.count("x", 10**20, 10**20 + 1),
        lambda t: t.count("x", (1, 2), (1, 3)),
        lambda t: t.symbolic("x", n * n, n),
        lambda t: t.true("x", []),
    ):
        assert not judged(check, a=differ).holds
    assert judged(lambda t: t.symbolic("x", (n + 1) ** 2, n * n + 2 * n + 1), a=differ).holds


# The command.


def test_command(cli: Any) -> None:
    outcome = cli("verify", "--law", "9", "--law", "12")
    assert outcome.code == 0
    assert "2 of 2" in outcome.out
    data = cli("verify", "--law", "12", "--json").json()
    assert data[0]["number"] == 12
    assert data[0]["passed"] is True
    assert {"statement", "cases", "worst_error", "holds", "counterexample", "counterexample_fails"} <= {
        *data[0]
    }


def test_command_of_all_laws(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laws, "run_laws", lambda *args, **kwargs: [*map(result_of, NUMBERS)])
    outcome = cli("verify", "--laws")
    assert outcome.code == 0
    assert "27 of 27" in outcome.out
    assert all(result_of(number).statement in outcome.out for number in NUMBERS)


def test_command_fails_with_a_law(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "convT", "fast", lambda real: lambda call: real(call) + 1.0)
    outcome = cli("verify", "--law", "12")
    assert outcome.code == 1
    assert "✗" in outcome.out
    assert cli("verify", "--law", "12", "--json").code == 1


def test_command_fails_with_a_counterexample_that_holds(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laws, "laws", lambda only=None: [base.Law(12, "made up", agree, {"never": agree})])
    outcome = cli("verify", "--law", "12")
    assert outcome.code == 1
    assert "holds although it is broken" in outcome.out


@pytest.mark.parametrize("arguments", [
    ("--law", "0"), ("--law", "28"), ("--laws", "resnet18"), ("--laws", "--zoo"), ("--laws", "--seed", "-1"),
])  # fmt: skip
def test_wrong_use(cli: Any, arguments: tuple[str, ...]) -> None:
    outcome = cli("verify", *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
