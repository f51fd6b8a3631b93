"""The largest width or resolution within limits, against brute force over every value there is."""

from __future__ import annotations

import csv
import io
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.check.limits import LimitError
from convcalc.calculators.fit.ranges import Rules, decimal, read_range, simplest
from convcalc.render import data, text
from convcalc.render.views.design import fit as render

WIDTHS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


def mobilenet_macs(alpha: Fraction, resolution: int = 224) -> int:
    """Howard et al. 2017, Table 1, widths rounded down; counted by hand."""

    def wide(channels: int) -> int:
        return channels * alpha.numerator // alpha.denominator

    size, before = resolution // 2, wide(32)
    macs = 27 * before * size**2
    for width, stride in WIDTHS:
        size //= stride
        macs += (9 * before + before * wide(width)) * size**2
        before = wide(width)
    return macs + 1000 * before


@pytest.mark.parametrize(
    "millions",
    [40, 300, *(pytest.param(millions, marks=pytest.mark.slow) for millions in (149, 418, 569, 1000))],
)
def test_width_multiplier_against_every_breakpoint(millions: int) -> None:
    """All widths divide 1024, so the network changes at most at whole multiples of 1/1024."""
    limit = millions * 10**6
    steps = range(256, 1434)
    fitting = [k for k in steps if mobilenet_macs(Fraction(k, 1024)) <= limit]
    found = convcalc.fit("mobilenet_v1", {"alpha": "0.25..1.4"}, max_macs=limit)
    if not fitting:
        assert found.best is None
        return
    best = fitting[-1]
    assert (found.best.low, found.best.high) == (Fraction(best, 1024), Fraction(best + 1, 1024))
    assert (found.best.low_in, found.best.high_in) == (True, False)
    assert found.best.low <= found.best.value < found.best.high
    assert found.best.trial.counts["macs"] == mobilenet_macs(Fraction(best, 1024)) <= limit
    assert found.above.low == Fraction(best + 1, 1024)
    assert found.above.trial.counts["macs"] == mobilenet_macs(Fraction(best + 1, 1024)) > limit
    assert found.below.trial.counts["macs"] == mobilenet_macs(Fraction(best - 1, 1024))


def divisible(value: Fraction, divisor: int = 8) -> int:
    """Channel rounding of MobileNetV2, as its authors published it."""
    rounded = max(divisor, int(value + Fraction(divisor, 2)) // divisor * divisor)
    return rounded + divisor if rounded < Fraction(9, 10) * value else rounded


ROUNDED = """
vars: {alpha: 1.0}
input: 3x16x16
layers:
  - conv make_divisible(24*alpha, 8) k3 p1 bias=false
  - conv make_divisible(40*alpha, 8) k3 p1 bias=false
  - conv make_divisible(56*alpha, 8) k1 bias=false
"""


def rounded_params(alpha: Fraction) -> int:
    a, b, c = (divisible(width * alpha) for width in (24, 40, 56))
    return 27 * a + 9 * a * b + b * c


@pytest.mark.parametrize("limit", [2500, 5000, 9000, 20000, 31337, 60000])
def test_channel_rounding_against_every_breakpoint(limit: int) -> None:
    """Rounding changes at half multiples, and where a tenth would be lost: at 10/9 of a multiple."""
    ends = (Fraction(1, 4), Fraction(2))
    points = {Fraction(4 + 8 * n, w) for w in (24, 40, 56) for n in range(40)}
    points |= {Fraction(80 * n, 9 * w) for w in (24, 40, 56) for n in range(1, 40)}
    inner = sorted(point for point in points if ends[0] < point < ends[1])
    # Between two neighbours the network is one; at a point it is that of one of its sides.
    middles = [(a + b) / 2 for a, b in pairwise([ends[0], *inner, ends[1]])]
    values = sorted([ends[0], *inner, *middles, ends[1]])
    best = max(value for value in values if rounded_params(value) <= limit)
    found = convcalc.fit(ROUNDED, {"alpha": "0.25..2.0"}, max_params=limit).best
    assert found.low <= best <= found.high
    assert rounded_params(found.value) <= limit
    assert found.exact
    same = [value for value in values if rounded_params(value) == rounded_params(best)]
    inside = [v for v in values if found.low < v < found.high]
    inside += [found.low] * found.low_in + [found.high] * found.high_in
    assert set(same) <= set(inside)
    assert {rounded_params(v) for v in inside} == {rounded_params(best)}


@pytest.mark.parametrize(
    ("millions", "resolution"), [(600, 224), (569, 224), (568, 192), (300, 160), (200, 128)]
)
def test_resolutions_of_the_paper(millions: int, resolution: int) -> None:
    """Howard et al. 2017, Table 7: 569, 418, 290 and 186 M at 224, 192, 160 and 128."""
    found = convcalc.fit("mobilenet_v1", {"resolution": "128..224:32"}, max_macs=f"{millions}M")
    assert found.best.trial.settings == {"resolution": resolution}
    assert found.best.trial.counts["macs"] == mobilenet_macs(Fraction(1), resolution)
    assert found.counted <= 4


@pytest.mark.slow
def test_a_published_width_is_where_its_network_begins() -> None:
    limit = mobilenet_macs(Fraction(1, 2))
    assert convcalc.fit("mobilenet_v1", {"alpha": "0.25..1.4"}, max_macs=limit).best.low == Fraction(1, 2)
    assert convcalc.fit("mobilenet_v1", {"alpha": "0.25..1.4"}, max_macs=limit - 1).best.high == Fraction(
        1, 2
    )


HEAD = "vars: {alpha: 1.0}\ninput: 3x4x4\nlayers: "
HUMP = """
vars: {a: 1.0}
input: 3x8x8
layers:
  - conv (floor(100*a) if a < 0.7 or a >= 0.8 else 5) k1 bias=false
"""


def test_a_count_that_falls_again_is_found() -> None:
    """Under 0.3 and from 0.7 to 0.8 the network is small; the second is the larger value."""
    found = convcalc.fit(HUMP, {"a": "0.1..1.0"}, max_params=90).best
    assert (found.low, found.high) == (Fraction(7, 10), Fraction(8, 10))
    assert (found.low_in, found.high_in) == (True, False)


@pytest.mark.parametrize(
    ("spec", "sure"),
    [
        ("mobilenet_v1", True),
        (ROUNDED, True),
        (HUMP.replace("a: 1.0", "alpha: 1.0").replace("a <", "alpha <").replace("a >", "alpha >")
         .replace("*a", "*alpha"), False),
        (HEAD + "[conv 40-floor(20*alpha) k1, conv floor(30*alpha) k1]\n", False),
        (HEAD + "[conv floor(9/alpha) k1, conv floor(99*alpha) k1]\n", False),
        (HEAD + "[conv 7+floor(30*alpha*alpha) k1]\n", True),
    ],
)  # fmt: skip
def test_an_answer_is_proven_only_where_the_cost_never_falls(spec: str, sure: bool) -> None:
    limit = {"mobilenet_v1": 10**6, ROUNDED: 9000}.get(spec, 90)
    found = convcalc.fit(spec, {"alpha": "0.25..1.4"}, max_params=limit)
    assert found.above is not None
    assert found.proven is sure
    assert ("closed form" in found.how) is sure


@given(st.fractions(0, 60), st.fractions(0, 60), st.sampled_from([1, 4, 8, 16]))
def test_rounding_of_channels_never_falls(a: Fraction, b: Fraction, divisor: int) -> None:
    """What the proof takes for granted of ``make_divisible``."""
    from convcalc.dims import make_divisible

    assert make_divisible(min(a, b), divisor) <= make_divisible(max(a, b), divisor)


@given(st.integers(-9, 9), st.integers(0, 9), st.integers(1, 9), st.fractions(1, 20), st.fractions(1, 20))
def test_what_is_said_to_grow_grows(c: int, m: int, d: int, x: Fraction, y: Fraction) -> None:
    from convcalc.calculators.fit.proof import grows
    from convcalc.dims import make_divisible, maximum, symbol

    def cost(a: Any) -> Any:
        wide = make_divisible(d * a, 4)
        return c + m * wide * ((d * a + m) // 3) + (maximum(d * a, 5) // 1) * wide

    form = cost(symbol("a", whole=False))
    assert grows(form, "a")
    assert not grows(-form, "a")
    assert not grows(form, "b")
    assert cost(min(x, y)) <= cost(max(x, y))


def test_falling_counts() -> None:
    """Where the cost falls with the variable, the end of the range is the largest that fits."""
    spec = "vars: {a: 1.0}\ninput: 3x4x4\nlayers: [conv 40-floor(30*a) k1 bias=false]\n"
    found = convcalc.fit(spec, {"a": "0.0..1.0"}, max_params=60)
    assert found.best.high == 1
    assert found.above is None


def test_what_cannot_be_built_does_not_fit() -> None:
    """Under 1/10 there are no channels at all."""
    spec = "vars: {a: 1.0}\ninput: 3x4x4\nlayers: [conv floor(10*a) k1 bias=false]\n"
    found = convcalc.fit(spec, {"a": "0.0..1.0"}, max_params=3)
    assert (found.best.low, found.best.high) == (Fraction(1, 10), Fraction(2, 10))
    assert found.below.trial.error
    assert not convcalc.fit(spec, {"a": "0.0..0.05"}, max_params=3)


def test_whole_numbers_are_all_tried() -> None:
    spec = "vars: {n: 3}\ninput: 4x8x8\nlayers: [{repeat: n, body: [conv 4 k3 p1 bias=false]}]\n"
    found = convcalc.fit(spec, {"n": "1..20"}, max_params=144 * 7)
    assert found.best.trial.settings == {"n": 7}
    assert found.above.trial.counts["params"] == 144 * 8


def test_depth_for_a_receptive_field() -> None:
    """n layers of 3x3 see 2n + 1."""
    spec = "vars: {n: 3}\ninput: 1x64x64\nlayers: [{repeat: n, body: [conv 1 k3 p1 bias=false]}]\n"
    found = convcalc.fit(spec, {"n": "1..20"}, {"max_rf": 12})
    assert found.best.trial.settings == {"n": 5}


def test_compound_scaling_against_a_loop() -> None:
    """Tan & Le 2019, equation 3, at every tenth of phi."""
    limit = 700_000_000
    found = convcalc.fit(
        "efficientnet_b0",
        {"phi": "0..2:0.25"},
        compound="depth=1.2**phi, width=1.1**phi, resolution=224*1.15**phi",
        max_macs=limit,
    )
    fitting = []
    for n in range(9):
        phi = n / 4
        pixels = int(224 * 1.15**phi + 0.5)
        graph = convcalc.load(
            "efficientnet_b0", input=(3, pixels, pixels), set={"depth": 1.2**phi, "width": 1.1**phi}
        )
        if convcalc.analyze(graph).totals.macs <= limit:
            fitting.append(phi)
    assert float(found.best.value) == max(fitting)
    assert found.best.trial.settings["resolution"] == int(224 * 1.15 ** max(fitting) + 0.5)


def test_two_variables_give_the_best_of_each() -> None:
    found = convcalc.fit(ROUNDED, {"alpha": "0.25..2.0", "resolution": "8..16:4"}, max_macs=2_000_000)
    assert [cell.trial.settings["resolution"] for cell in found.frontier] == [8, 12, 16]
    for cell in found.frontier:
        pixels = cell.trial.settings["resolution"]
        alone = convcalc.fit(
            ROUNDED, {"alpha": "0.25..2.0"}, max_macs=2_000_000, input=(3, pixels, pixels)
        ).best
        assert (cell.low, cell.high) == (alone.low, alone.high)
    assert found.best.trial.counts["macs"] == max(cell.trial.counts["macs"] for cell in found.frontier)


def test_the_budget_of_the_document_counts() -> None:
    spec = ROUNDED + "budget: {max_params: 9000}\n"
    assert (
        convcalc.fit(spec, {"alpha": "0.25..2.0"}).best
        == convcalc.fit(ROUNDED, {"alpha": "0.25..2.0"}, max_params=9000).best
    )


def test_the_width_multiplier_is_varied_by_default() -> None:
    assert convcalc.fit(ROUNDED, max_params=9000).variables == ("alpha",)


@pytest.mark.parametrize(
    ("spec", "vary", "more", "message"),
    [
        (ROUNDED, {"alpha": "0.25..2.0"}, {}, "nothing to fit to"),
        (ROUNDED, {"alhpa": "0.25..2.0"}, {"max_params": 9}, "did you mean alpha"),
        (ROUNDED, {"alpha": "2..1"}, {"max_params": 9}, "empty range"),
        (ROUNDED, {"alpha": "a..b"}, {"max_params": 9}, "no range"),
        (ROUNDED, {"alpha": "0.1..1:0"}, {"max_params": 9}, "step of 0"),
        (ROUNDED, {"alpha": "1..100000"}, {"max_params": 9}, "100,000 values"),
        (ROUNDED, {"resolution": "8..16", "alpha": "0.1..1.0"}, {"max_params": 9}, "must have a step"),
        (ROUNDED, {"p": "0..3"}, {"compound": "alhpa=2**p", "max_params": 9}, "did you mean alpha"),
        (ROUNDED, {"p": "0..3"}, {"compound": "alpha", "max_params": 9}, "no rule"),
        (ROUNDED, {"p": "0..3"}, {"compound": "alpha=2**", "max_params": 9}, "alpha=2"),
        (ROUNDED, None, {"compound": "alpha=2**p", "max_params": 9}, "range of its parameter"),
        ("conv 3->4 k3", None, {"max_params": 9}, "nothing to vary"),
    ],
)
def test_what_cannot_be_searched_is_said(
    spec: str, vary: object, more: dict[str, object], message: str
) -> None:
    with pytest.raises(LimitError, match=message):
        convcalc.fit(spec, vary, **more)


@given(st.fractions(0, 3, max_denominator=40), st.fractions(0, 3, max_denominator=40))
def test_simplest_fraction(a: Fraction, b: Fraction) -> None:
    low, high = min(a, b), max(a, b)
    found = simplest(low, high)
    assert low <= found <= high
    for denominator in range(1, found.denominator):
        assert -(-low * denominator // 1) > high * denominator


@settings(max_examples=40)
@given(st.integers(0, 300), st.integers(1, 300), st.booleans(), st.booleans())
def test_decimal_between(low: int, more: int, low_in: bool, high_in: bool) -> None:
    """The largest of the fewest digits: of all multiples of one, a tenth, a hundredth in the interval."""
    a, b = Fraction(low, 100), Fraction(low + more, 100)
    found = decimal(a, b, low_in, high_in)
    for digits in range(4):
        inside = [
            Fraction(n, 10**digits)
            for n in range(0, 7 * 10**digits)
            if (a < Fraction(n, 10**digits) < b)
            or (low_in and Fraction(n, 10**digits) == a)
            or (high_in and Fraction(n, 10**digits) == b)
        ]
        if inside:
            assert found == max(inside)
            break


def test_ranges() -> None:
    assert read_range("0.25..1.4") == (Fraction(1, 4), Fraction(7, 5), None)
    assert read_range("96..224:32").values() == [96, 128, 160, 192, 224]
    assert read_range("1..3").values() == [1, 2, 3]
    assert read_range((0.5, 2)) == (Fraction(1, 2), 2, None)


def test_rules_keep_commas_in_brackets() -> None:
    rules = Rules("a=max(1, p), b=make_divisible(8*p, 8)")
    assert rules.settings({"p": 3}) == {"a": 3, "b": 24}


@pytest.mark.parametrize("rule", [None, "resolution=32*p"])
def test_an_input_without_sizes_has_no_resolution(rule: str | None) -> None:
    """A wrong question, not a search in which nothing fits."""
    vary = {"resolution": "8..64"} if rule is None else {"p": "1..3"}
    for spec, shape in (("conv 3->8 k3", None), ("linear 8", "8")):
        with pytest.raises(LimitError, match="no sizes to vary"):
            convcalc.fit(spec, vary, {"max_macs": "10k"}, input=shape, compound=rule)


def test_a_rule_of_a_parameter_that_is_not_varied() -> None:
    with pytest.raises(LimitError, match="unknown name 'q'"):
        convcalc.fit("mobilenet_v2", {"p": "0..4"}, {"max_macs": "1G"}, compound="alpha=1.1**q")


def test_a_variable_of_whole_numbers_is_not_searched_between_them(tmp_path: Path) -> None:
    """A bisection would meet none of the widths 1, 2, 3 and call the smallest the largest."""
    file = tmp_path / "whole.yaml"
    file.write_text("input: 3x32x32\nvars: {w: 8}\nlayers: [conv w k3 p1, conv w k3 p1]\n")
    with pytest.raises(LimitError, match="whole number"):
        convcalc.fit(file, {"w": "1.0..64.0"}, {"max_params": "10k"})
    best = convcalc.fit(file, {"w": "1..64"}, {"max_params": "10k"}).best
    assert best is not None
    # 27 w + w + 9 w^2 + w <= 10,000
    assert best.value == max(w for w in range(1, 65) if 9 * w * w + 29 * w <= 10_000)


def test_closed_forms_cannot_be_held_to_a_limit() -> None:
    """Nothing is known of what fits, so "nothing fits" would be a wrong answer."""
    with pytest.raises(LimitError, match="MACs cannot be held"):
        convcalc.fit(ROUNDED, {"alpha": "0.25..1.0"}, {"max_macs": "1G"}, input="3xHxW")


def test_the_best_of_several_variables_stands_between_its_neighbours() -> None:
    result = convcalc.fit(
        "mobilenet_v2", {"alpha": "0.5..1.0:0.25", "resolution": "128..224:96"}, {"max_macs": "200M"}
    )
    facts = dict(render.table(result).facts)
    # Sandler et al. 2018, Table 4 and the released models: 1.0 at 128 has 99 M, 0.5 at 224 has 97 M.
    assert facts["best"].startswith("alpha 1, resolution 128")
    assert facts["smaller"].startswith("alpha 0.75, resolution 128")
    assert "fits" in facts["smaller"]


def test_a_limit_of_nothing_is_exceeded() -> None:
    result = convcalc.fit("mobilenet_v2", {"alpha": "0.5..1.0:0.25"}, {"max_macs": 0})
    assert result.best is None
    assert "MACs more than 0" in text.render(render.table(result))


def test_csv_holds_decimals() -> None:
    result = convcalc.fit("mobilenet_v2", {"alpha": "0.25..1.25:0.25"}, {"max_macs": "250M"})
    rows = list(csv.DictReader(io.StringIO(data.to_csv(render.table(result)))))
    assert {row["which"]: float(row["alpha"]) for row in rows} == {"smaller": 0.5, "best": 0.75, "larger": 1}


PROGRAM = """
class Net(nn.Module):
    def __init__(self, classes=10, width=16, *, groups=1):
        super().__init__()
        self.a = nn.Conv2d(3, width, 3, bias=False)
        self.b = nn.Conv2d(width, classes, 1, groups=groups, bias=False)

    def forward(self, x):
        return self.b(self.a(x))
"""


@pytest.mark.parametrize("text", ["1..40", "0.5..40.5", None])
@pytest.mark.parametrize("limit", [40, 500, 700, 1_000_000])
def test_the_arguments_of_a_program_are_varied(text: str | None, limit: int) -> None:
    """Of width w it has 27w + 10w parameters; from a sixteenth to four times 16 where no range is given."""
    found = convcalc.fit(PROGRAM, None if text is None else {"width": text}, max_params=limit, input="3x9x9")
    assert found.best is not None
    assert found.best.value == min(limit // 37, 64 if text is None else 40)
    assert found.proven


def test_a_compound_of_a_program_rounds_its_whole_numbers() -> None:
    rules = "width=16*1.1**p,resolution=9*1.2**p"
    found = convcalc.fit(PROGRAM, {"p": "0..3"}, compound=rules, max_params=1000, input="3x9x9")
    # 16, 17.6, 19.36 and 21.296 are 16, 18, 19 and 21: at most 777 parameters
    assert found.best is not None and found.best.value == 3
    assert found.best.trial.settings["width"] == 21


def test_variables_of_a_program_are_what_it_was_built_with() -> None:
    assert convcalc.load(PROGRAM, input="3x9x9").variables == {"classes": 10, "width": 16, "groups": 1}
    made = f"{PROGRAM}\nnet = Net(4, width=8)\n"
    assert convcalc.load(made, input="3x9x9").variables == {"classes": 4, "width": 8, "groups": 1}
    given_ = convcalc.load(made, input="3x9x9", set={"width": "32"})
    assert given_.variables == {"classes": 4, "width": 32, "groups": 1}
    assert convcalc.analyze(given_).totals.params == 27 * 32 + 32 * 4


def test_the_step_that_is_offered_is_of_the_variable_that_lacks_it() -> None:
    vary = {"resolution": "96..128:32", "alpha": "0.25..1.25"}
    with pytest.raises(LimitError) as caught:
        convcalc.fit("mobilenet_v1", vary, max_macs="300M")
    name, _, range_ = (caught.value.hint or "").rpartition(" ")[2].partition("=")
    assert (name, range_) == ("alpha", "0.25..1.25:0.125")
    assert convcalc.fit("mobilenet_v1", {**vary, name: "0.25..1.25:0.5"}, max_macs="300M").best is not None
