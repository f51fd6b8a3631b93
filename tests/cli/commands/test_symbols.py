"""Closed forms on the command line."""

from __future__ import annotations

import pytest

RESNET = ("resnet50", "--input", "3xHxW")


def test_the_parameters_of_a_convolution(cli) -> None:
    out = cli("params", "conv M->N kK bias=false", "--input", "MxHxW").out
    assert "K**2*M*N" in out
    assert "Valid where H >= K, W >= K." in out


def test_a_network_prints_every_shape_and_its_totals(cli) -> None:
    out = cli("summary", *RESNET).out
    assert "2048 x ceil(H/32) x ceil(W/32)" in out
    assert "floor" not in out
    macs = next(line for line in out.splitlines() if line.startswith("MACs "))
    assert macs.split(None, 1)[1].startswith("64*(147*ceil(H/2)*ceil(W/2) + 3840*ceil(H/4)*ceil(W/4)")


def test_what_is_printed_for_large_sizes_says_from_where(cli) -> None:
    import re

    import convcalc
    from convcalc.spec.language.evaluation import evaluate
    from convcalc.spec.language.expression import parse

    out = cli("summary", *RESNET).out
    report = convcalc.analyze(convcalc.load("resnet50", input="3xHxW"))
    for title, key in (("valid MACs", "valid_macs"), ("peak memory", "peak_memory_bytes")):
        line = next(line for line in out.splitlines() if line.startswith(title))
        text, least = re.fullmatch(rf"{title} +(.*?)(?: B)?  \(where H >= (\d+), W >= \2\)", line).groups()
        whole = getattr(report.totals, key)
        for size in (int(least), int(least) + 1, 224, 225):
            expected = whole.subs(H=size, W=size + 3)
            names = {"H": size, "W": size + 3}
            assert evaluate(parse(text), names) == expected


def test_json_holds_the_forms_and_what_they_must_meet(cli) -> None:
    data = cli("params", "conv M->N k3 g=G", "--input", "MxHxW", "--json").json()
    assert data["input"] == ["M", "H", "W"]
    assert data["totals"]["weights"] == "9*M*N/G"
    assert data["constraints"] == ["H >= 3", "W >= 3", "G divides M", "G divides N"]
    assert data["roundings"] == []


def test_json_says_which_roundings_stay(cli) -> None:
    data = cli("params", "mobilenet_v2", "--set", "alpha=a", "--json").json()
    assert {"value": "make_divisible(32*a, 8)", "exact_where": "4*a is whole"} in data["roundings"]


def test_json_of_numbers_has_no_constraints(cli) -> None:
    data = cli("params", "conv 3->4 k3", "--json").json()
    assert data["constraints"] == [] == data["roundings"]


@pytest.mark.parametrize(
    ("notation", "shape", "constraint"),
    [
        ("plain", "N x (ceil(H/2) - 1) x (ceil(W/2) - 1)", "H >= 3"),
        ("unicode", "N × (⌈H/2⌉ - 1) × (⌈W/2⌉ - 1)", "H ≥ 3"),
        ("latex", r"$N \times \left(\left\lceil \frac{H}{2} \right\rceil - 1\right) \times ", r"$H \ge 3$"),
    ],
)
def test_notation(cli, notation: str, shape: str, constraint: str) -> None:
    for form in ((), ("--markdown",)):
        out = cli("shapes", "conv N k3 s2", "--input", "MxHxW", "--notation", notation, *form).out
        assert shape in out
        assert constraint in out


def test_an_unknown_notation_is_refused(cli) -> None:
    done = cli("shapes", "conv 3->4 k3", "--notation", "tex")
    assert done.code == 2
    assert "plain, unicode or latex" in done.err


@pytest.mark.parametrize(
    "line", ["conv H>3 k1", "conv 2**H k1", "dropout H", "conv 8 k3 bias=H", "conv len(H) k1"]
)
def test_symbols_where_none_can_stand_are_refused_at_their_place(cli, line: str) -> None:
    done = cli("params", line, "--input", "MxHxW")
    assert done.code == 2
    assert done.err.startswith("error: <spec>:1:")


def test_a_symbolic_network_loads_neither_sympy_nor_numpy(process) -> None:
    code = (
        "import sys, convcalc\n"
        "convcalc.analyze(convcalc.load('resnet50', input='3xHxW')).table('memory')\n"
        "print([m for m in ('sympy', 'numpy') if m in sys.modules])"
    )
    assert process(code=code).out == "[]\n"


def test_numbers_load_no_closed_forms(process) -> None:
    code = (
        "import sys, convcalc\n"
        "convcalc.analyze(convcalc.load('resnet50')).table('memory')\n"
        "print([m for m in sys.modules if m.startswith('convcalc.symbols')])"
    )
    assert process(code=code).out == "[]\n"
