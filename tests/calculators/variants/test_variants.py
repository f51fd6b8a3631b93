"""Replacements of a convolution: shapes by execution, costs by the closed forms of the papers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.variants.convolution import Variants


def found(spec: str, shape: str, **options: int) -> Variants:
    return convcalc.variants(spec, input=shape, **options)


def costs(result: Variants) -> dict[str, tuple[int, int]]:
    return {row.name: (row.report.totals.params, row.report.totals.macs) for row in result.rows}


def test_costs_are_those_of_the_papers() -> None:
    """Closed forms at M = N = 256 channels, K = 3, a map of 56 x 56, no biases."""
    m = n = 256
    k2, area = 9, 56 * 56
    weights = {
        "standard (given)": k2 * m * n,
        "grouped, 2 groups": k2 * m * n // 2,
        "grouped, 32 groups": k2 * m * n // 32,
        "depthwise": k2 * m,
        # Howard et al. 2017, equation 5: D_K^2 M + M N
        "depthwise separable": k2 * m + m * n,
        "pointwise, then depthwise": m * n + k2 * n,
        # He et al. 2016, Figure 5: 256 -> 64 -> 64 -> 256
        "bottleneck": 256 * 64 + 9 * 64 * 64 + 64 * 256,
        # Xie et al. 2017, equation 4 with C = 32 and d = 4: C (256 d + 3*3 d d + d 256)
        "bottleneck, 32 groups": 32 * (256 * 4 + 9 * 4 * 4 + 4 * 256),
        # Sandler et al. 2018, section 3: t d' (d' + k^2 + d'')
        "inverted residual": 6 * m * (m + k2 + n),
        # Zhang et al. 2018, section 3.2: 2 c m / g + 9 m with m = c / 4
        "shuffle unit, 2 groups": 2 * m * 64 // 2 + 9 * 64,
        "shuffle unit, 8 groups": 2 * m * 64 // 8 + 9 * 64,
        # Iandola et al. 2016: squeeze s = (e1 + e3) / 8; M s + s e1 + 9 s e3
        "fire": m * 32 + 32 * 128 + 9 * 32 * 128,
        # Wu et al. 2018: a shift has no parameters and no arithmetic
        "shift, then 1x1": m * n,
        "1x1, shift, 1x1": 2 * m * n,
        # Szegedy et al. 2016, section 3.2: two thirds of a 3x3
        "spatially separable": k2 * m * n * 2 // 3,
        "separable, axis by axis": 6 * m + m * n,
    }
    result = costs(found("conv 256->256 k3 p1 bias=false", "256x56x56"))
    assert {name: result[name] for name in weights} == {
        name: (count, count * area) for name, count in weights.items()
    }


def test_vgg_s_argument() -> None:
    """Simonyan & Zisserman 2015, section 2.3: three 3x3 for a 7x7 are 27 C^2 against 49 C^2."""
    result = costs(found("conv 64->64 k7 p3 bias=false", "64x28x28"))
    assert result["standard (given)"][0] == 49 * 64 * 64
    assert result["3 stacked kernels of 3"][0] == 27 * 64 * 64
    assert result["dilated, kernel 3"][0] == 9 * 64 * 64


def test_factorised_video_convolution_matches_its_budget() -> None:
    """Tran et al. 2018, section 3.5: the middle width is chosen to match the 3-D convolution."""
    result = costs(found("conv 64->64 k3 p1 bias=false", "64x8x14x14"))
    given_params, parted = result["standard (given)"][0], result["(2+1)D"][0]
    assert parted == 144 * (9 * 64 + 3 * 64)
    assert given_params * 0.99 <= parted <= given_params


def test_transposed_forms() -> None:
    m, n, i, o = 64, 32, 8 * 8, 16 * 16
    result = costs(found("convT 64->32 k4 s2 p1 bias=false", "64x8x8"))
    assert result["transposed (given)"] == (16 * m * n, 16 * m * n * i)
    assert result["depthwise, then 1x1"] == (16 * m + m * n, 16 * m * i + m * n * o)
    assert result["nearest upsampling, then convolution"] == (9 * m * n, 9 * m * n * o)
    assert result["sub-pixel convolution"] == (9 * m * n * 4, 9 * m * n * 4 * i)


def test_strided_forms() -> None:
    result = costs(found("conv 16->32 k4 s2 p1 bias=false", "16x32x32"))
    area = 16 * 16
    assert result["standard (given)"] == (16 * 16 * 32, 16 * 16 * 32 * area)
    assert result["convolution, then max pooling"][1] == 16 * 16 * 32 * 31 * 31
    # Space to depth of a factor 2 reads at most 3 x 3 positions of 4 times the channels.
    assert result["space to depth, then convolution"] == (9 * 64 * 32, 9 * 64 * 32 * area)


def test_depthwise_forms_keep_the_channels_apart() -> None:
    result = costs(found("dwconv 32 k5 p2 bias=false", "32x20x20"))
    assert result["depthwise (given)"][0] == 25 * 32
    assert result["2 stacked kernels of 3, depthwise"][0] == 18 * 32
    assert result["dilated, kernel 3, depthwise"][0] == 9 * 32
    assert result["depthwise, axis by axis"][0] == 10 * 32
    assert result["shift"] == (0, 0)


def layers() -> st.SearchStrategy[tuple[str, str]]:
    """A convolution of any rank and its input."""

    @st.composite
    def draw(draw: st.DrawFn) -> tuple[str, str]:
        rank = draw(st.integers(1, 3))
        op = draw(st.sampled_from(["conv", "conv", "dwconv", "convT"]))

        def each(low: int, high: int) -> list[int]:
            return [draw(st.integers(low, high)) for _ in range(rank)]

        m = draw(st.sampled_from([1, 3, 4, 8, 12, 16]))
        n = m * draw(st.integers(1, 2)) if op == "dwconv" else draw(st.sampled_from([1, 2, 8, 16, 24]))
        kernel, stride, dilation = each(1, 7 if rank < 3 else 5), each(1, 3), each(1, 2)
        extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        if op == "convT":
            pads = [(draw(st.integers(0, e // 2)), draw(st.integers(0, (e - 1) // 2))) for e in extent]
            sizes = each(2, 5)
        else:
            pads = [(draw(st.integers(0, e)), draw(st.integers(0, e))) for e in extent]
            sizes = [
                draw(st.integers(max(1, e - b - a), e + 6)) for e, (b, a) in zip(extent, pads, strict=True)
            ]
        words = [op, f"{m}->{n}"]
        for key, values in (("k", kernel), ("s", stride), ("d", dilation)):
            words.append(key + "x".join(map(str, values)))
        words.append("p" + "x".join(f"{b}:{a}" for b, a in pads))
        words.append(f"bias={draw(st.sampled_from(['true', 'false']))}")
        return " ".join(words), "x".join(map(str, [m, *sizes]))

    return draw()


@settings(max_examples=40, deadline=None)
@given(layers())
def test_every_form_has_the_shape_of_the_layer_when_executed(case: tuple[str, str]) -> None:
    """And none is left out but where its own condition fails."""
    spec, shape = case
    result = found(spec, shape)
    graph = convcalc.load(spec, input=shape)
    expected = executed(graph)
    for row in result.rows:
        assert executed(convcalc.load(row.spec, input=shape)) == expected, row.spec
    assert promised(graph.nodes[-1].layer) <= {row.name for row in result.rows}


def executed(graph: convcalc.Graph) -> list[tuple[int, ...]]:
    arrays = convcalc.execute(graph, np.ones((1, *graph.nodes[graph.inputs[0]].outputs[0]), np.float32))
    return [array.shape for array in (arrays.values() if isinstance(arrays, dict) else [arrays])]


def promised(layer: Any) -> set[str]:
    """Names of forms that have no condition, or one that is easily told."""
    if layer.op == "convT":
        names = {"nearest upsampling, then convolution"} if max(layer.stride) > 1 else set()
        return names | ({"depthwise, then 1x1"} if layer.in_channels > 1 else set())
    names = {"convolution, then max pooling"} if max(layer.stride) > 1 else set()
    if prod(layer.kernel) == 1:
        return names
    names |= {"depthwise separable", "pointwise, then depthwise", "inverted residual"}
    if layer.out_channels >= 8:
        names |= {"fire", "bottleneck"}
    if all(k % 2 for k in layer.kernel):
        names |= {"shift, then 1x1"} if layer.in_channels >= prod(layer.kernel) else set()
        names |= {"1x1, shift, 1x1"} if layer.out_channels >= prod(layer.kernel) else set()
    if sum(k > 1 for k in layer.kernel) > 1:
        names |= {"spatially separable", "separable, axis by axis"}
    if max(layer.kernel) > 3:
        names.add(f"{max(layer.kernel) // 2} stacked kernels of 3")
    return names


def test_a_layer_inside_a_network() -> None:
    result = convcalc.variants("resnet18", layer="layer2.basic_block1.conv_bn1.conv1")
    assert (result.input, result.output) == ((64, 56, 56), (128, 28, 28))
    assert result.rows[0].params_ratio == 1


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ("relu", "3x4x4", "no convolution"),
        ("conv 3->4 k3 | conv 4 k3", "3x9x9", "2 convolutions"),
        ("conv 3->4 k3", None, "every size as a number"),
        ("conv 3->4 kK", "3x9x9", "as a number"),
        ("conv M->4 k3", "MxHxW", "every size as a number"),
    ],
)
def test_what_cannot_be_replaced_is_said(spec: str, shape: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convcalc.variants(spec, input=shape)


def test_a_misspelt_layer_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean layer1\.basic_block1\.conv_bn1\.conv1"):
        convcalc.variants("resnet18", layer="layer1.basic_block1.conv_bn1.conv")


def test_a_width_that_is_none() -> None:
    with pytest.raises(ValueError, match="expand must be"):
        convcalc.variants("conv 3->4 k3", input="3x9x9", expand=0)


def test_what_the_forms_see() -> None:
    """Forms that are said to have the field of a 7x7 have it (Simonyan & Zisserman 2015, section 2.3)."""
    result = found("conv 64->64 k7 p3 bias=false", "64x28x28")
    sizes = {row.name: row.field.size for row in result.rows if row.field is not None}
    assert len(sizes) == len(result.rows)
    assert {size for size in sizes.values()} == {(7, 7)}
    pooled = found("conv 16->32 k3 s2 p1", "16x32x32")
    fields = {row.name: row.field.size for row in pooled.rows if row.field is not None}
    # A pooling of two windows that overlap by one sees one more; after a pooling, every step is two.
    assert fields["convolution, then max pooling"] == (4, 4)
    assert fields["average pooling, then convolution"] == (6, 6)


def test_no_shift_of_fewer_channels_than_taps() -> None:
    """Wu et al. 2018, section 3.1: floor(M / K^2) channels a position; the rest are not shifted."""
    assert not {"shift, then 1x1", "1x1, shift, 1x1"} & set(costs(found("conv 8->8 k3 p1", "8x9x9")))
    assert {"shift, then 1x1", "1x1, shift, 1x1"} <= set(costs(found("conv 9->9 k3 p1", "9x9x9")))
    few_then_many = set(costs(found("conv 8->9 k3 p1", "8x9x9")))
    assert "shift, then 1x1" not in few_then_many
    assert "1x1, shift, 1x1" in few_then_many
    assert "shift" not in set(costs(found("dwconv 8 k3 p1", "8x9x9")))
    assert "shift" in set(costs(found("dwconv 9 k3 p1", "9x9x9")))


def test_a_stride_leaves_no_shortcut() -> None:
    """A padded convolution with a stride may keep the size; its positions still move apart."""
    for row in found("conv 24->24 k2 s3 p3", "24x3x3").rows:
        if row.name == "inverted residual":
            assert "add" not in row.spec
            assert row.note
            break
    else:
        raise AssertionError("no inverted residual")


@pytest.mark.parametrize("spec", ["conv 64->64 k3 p1", "conv 12->8 k3", "conv M->64 k3"])
def test_the_input_that_an_error_states_works(spec: str) -> None:
    with pytest.raises(ValueError, match="every size as a number") as caught:
        found(spec, None)
    assert found(spec.replace("M->", ""), str(caught.value).rpartition(" ")[2]).rows


def test_results_side_by_side_show_themselves_as_the_command_does(cli) -> None:
    """Printed as text, and in a notebook as tables."""
    made = found("conv 24->24 k3 p1", "24x9x9")
    assert str(made) == cli("variants", "conv 24->24 k3 p1", "--input", "24x9x9").out
    assert "<td" in made._repr_html_() and "inverted residual" in made._repr_html_()
    both = convcalc.compare("lenet5", "alexnet", labels=["lenet5", "alexnet"])
    assert str(both) == cli("compare", "lenet5", "alexnet").out
    assert "<table" in both._repr_html_() and "alexnet" in both._repr_html_()
