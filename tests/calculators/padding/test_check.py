"""The padding of whole networks, against execution and against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc import check_padding
from convcalc.executor import count, taint


def findings(spec: str, input: str) -> list[tuple[str, object]]:
    report = check_padding(convcalc.load(spec, input=input))
    return [(finding.kind, finding.value) for finding in report.findings]


@pytest.mark.parametrize(
    ("spec", "input", "expected"),
    [
        ("conv 8 k3 p1 | bn | relu | maxpool k2", "3x32x32", []),
        ("conv 8 k7 s2 p3 | maxpool k3 s2 p1", "3x224x224", []),
        ("conv 8 k3", "3x32x32", [("border", 2)]),
        ("conv 8 k5 p1", "3x32x32", [("border", 2)]),
        ("maxpool k2", "3x7x7", [("dropped", 1)]),
        ("conv 8 k11 s4", "3x230x230", [("dropped", 3), ("border", 2)]),  # 55 of 58, windows end at 227
        ("conv 8 k1 s2", "3x56x56", [("dropped", 28)]),
        ("conv 8 k2 p0:1", "3x8x8", [("asymmetric", 1)]),
        ("conv 8 k4 p=same", "3x8x8", [("asymmetric", 1)]),
        ("conv 8 k3 s2 p=same", "3x8x8", [("asymmetric", 1)]),
        ("conv 8 k3 s2 p=same", "3x9x9", []),
        ("conv 8 k3 d4 p4", "3x64x64", []),
        ("conv 8 k3 d4 p1", "3x64x64", [("dilation", -6), ("border", 6)]),
        ("conv 8 k3 d4 p=causal", "3x64", []),
        ("conv 8 k3 d2 p4:0", "3x64", []),
        ("conv 8 k7", "3x7x7", []),  # the whole map in one window
        ("pad p1 | conv 8 k3", "3x8x8", []),  # padding as a layer is padding
    ],
)
def test_findings_by_hand(spec: str, input: str, expected: list[tuple[str, object]]) -> None:
    assert findings(spec, input) == expected


def test_a_filter_that_degenerates_and_what_it_wastes() -> None:
    (layer,) = check_padding(convcalc.load("conv 8 k3 d65 p65", input="3x65x65")).layers
    assert [finding.kind for finding in layer.findings] == ["degenerate", "wasted"]
    assert layer.valid_weights == {1: 65 * 65}
    assert layer.findings[0].value == 1
    assert layer.findings[1].value == pytest.approx(8 / 9)
    assert "1 at 100.0%" in layer.findings[0].message


def test_the_share_that_is_waste_can_be_set() -> None:
    graph = convcalc.load("conv 8 k3 p1", input="3x4x4")  # 16 positions, 100 of 144 taps are real
    assert check_padding(graph).findings[0].value == pytest.approx(44 / 144)
    assert check_padding(graph, wasted=0.31).findings == []
    with pytest.raises(ValueError, match="from 0 to 1"):
        check_padding(graph, wasted=31)


def test_axes_are_told_apart() -> None:
    (finding,) = check_padding(convcalc.load("conv 8 k3x3 p1x0", input="3x9x9")).findings
    assert (finding.axes, finding.message) == ((1,), "width: 9 become 7: 2 border pixels lost")
    (both,) = check_padding(convcalc.load("conv 8 k3", input="3x9x9")).findings
    assert (both.axes, both.message) == ((0, 1), "height and width: 9 become 7: 2 border pixels lost")


def test_what_is_not_stated_is_not_judged() -> None:
    report = check_padding(convcalc.load("conv 3->4 k4 p1:2 | conv 4 k3 d2 p1"))
    assert [finding.kind for finding in report.findings] == ["asymmetric", "dilation"]
    assert report.macs is None
    assert report.layers[0].unread is None
    symbolic = check_padding(convcalc.load("conv 4 k3 p1", input="3xHxW"))
    assert symbolic.findings == []


CONV = st.tuples(*(st.integers(1, n) for n in (5, 4, 3)), st.integers(0, 6), st.integers(0, 6))


@settings(max_examples=150)
@given(CONV, st.integers(1, 24))
def test_unread_rows_are_those_that_taint_does_not_reach(parts: tuple[int, ...], size: int) -> None:
    k, s, d, before, after = parts
    assume(size + before + after >= (k - 1) * d + 1)
    graph = convcalc.load(f"conv 1 k{k} s{s} d{d} p{before}:{after}", input=(1, size))
    (layer,) = check_padding(graph).layers
    assert layer.unread == (int((~taint(graph).any(axis=0)).sum()),)


@settings(max_examples=40)
@given(CONV, st.integers(1, 12), st.integers(1, 8))
def test_valid_weights_sum_to_the_executed_products(parts: tuple[int, ...], size: int, other: int) -> None:
    k, s, d, before, after = parts
    assume(min(size, other) + before + after >= (k - 1) * d + 1)
    graph = convcalc.load(f"conv 1 k{k} s{s} d{d} p{before}:{after} bias=false", input=(1, size, other))
    (layer,) = check_padding(graph).layers
    assert layer.valid_weights is not None
    counted = count(graph, np.ones((1, 1, size, other)))
    assert sum(n * many for n, many in layer.valid_weights.items()) == counted.total("valid_macs")
    assert sum(layer.valid_weights.values()) == layer.output[0] * layer.output[1]


@pytest.mark.parametrize(
    "name", ["resnet50", "deeplabv3_resnet50", "mobilenet_v2", "inception_v3", "r3d_18", "tcn"]
)
def test_totals_are_those_of_the_report(name: str) -> None:
    graph = convcalc.load(name)
    report, counted = check_padding(graph), convcalc.analyze(graph)
    rows = [row for row in counted.layers if row.op in ("conv", "dwconv")]
    assert report.macs == sum(row.macs for row in rows)
    assert report.valid_macs == sum(row.valid_macs for row in rows)


def test_deeplabv3_at_a_small_input_degenerates() -> None:
    # Its rates 12, 24, 36 on a map of 28: from 24 on no position reads all nine weights.
    report = check_padding(convcalc.load("deeplabv3_resnet50"))
    names = [finding.layer for finding in report.findings if finding.kind == "degenerate"]
    assert names == ["aspp.atrous2.conv_bn1.conv1", "aspp.atrous3.conv_bn1.conv1"]


@pytest.mark.slow
def test_the_whole_zoo_by_listing_what_windows_read() -> None:
    from convcalc.spec.library import zoo_names

    seen = 0
    for name in zoo_names():
        for layer in check_padding(convcalc.load(name)).layers:
            assert layer.input is not None and layer.output is not None and layer.unread is not None
            seen += 1
            share = 1.0
            for axis, (i, o, k, s, d) in enumerate(
                zip(layer.input, layer.output, layer.kernel, layer.stride, layer.dilation, strict=True)
            ):
                before, _ = layer.padding[axis]
                taps = np.add.outer(np.arange(o) * s, np.arange(k) * d) - before
                inside = (taps >= 0) & (taps < i)
                assert layer.unread[axis] == i - len(np.unique(taps[inside]))
                share *= inside.mean()
            if layer.valid_weights is not None:
                full = np.prod(layer.kernel) * np.prod(layer.output)
                assert sum(n * many for n, many in layer.valid_weights.items()) == pytest.approx(share * full)
                assert layer.valid_macs == pytest.approx(share * layer.macs)
    assert seen > 3000


def test_a_pad_of_some_axes_pads_those_alone() -> None:
    for pads, axis, seen in (
        ("1", "2", ((0, 0), (1, 1))),
        ("1:0x2", "(2,0)", ((0, 0), (1, 0))),
        ("1", "0", None),
    ):
        (layer,) = check_padding(f"input 3x8x8 | pad p={pads} axis={axis} | conv 4 k3").layers
        assert layer.padding == (seen or ((0, 0), (0, 0)))
        assert layer.input == (8, 8)
