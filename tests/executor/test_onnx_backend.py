"""ONNX's published backend tests, run by the executor's kernels."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tests.executor.onnx_adapter import OPERATORS, Outside, execute

pytestmark = pytest.mark.slow

FIRST_ONLY = {
    "BatchNormalization": "the running statistics of training are not compared",
    "LayerNormalization": "mean and deviation, which it returns too, are not compared",
}

ROUNDED = ("averagepool_2d_ceil_last_window_starts_on_pad",)
"""Cases whose expected values are published with four digits."""

INTEGERS = ("add", "sub", "mul", "div", "max", "min")
"""Operators whose cases are of every type there is."""

# Reasons, by a part of the name: what is outside the language. A case that is not here must run.
OUTSIDE = {
    "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True": "no dilation",
    "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True": "no dilation",
    "lppool_2d_dilations": "no dilation",
    "cubic_A_n0p5_exclude_outside": "repeats the border",
    "resize_upsample_scales_cubic_asymmetric": "no asymmetric sampling",
    "tf_crop_and_resize": "not a region",
    "linear_pytorch_half_pixel": "size of 1",
    "antialias": "antialiasing",
    "half_pixel_symmetric": "half_pixel_symmetric",
    "resize_downsample_sizes_nearest_not_smaller": "neighbours",
    "resize_upsample_sizes_nearest_ceil_half_pixel": "neighbours",
    "resize_upsample_sizes_nearest_floor_align_corners": "neighbours",
    "resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric": "neighbours",
    "resize_downsample_scales_linear_align_corners": "corners",
    "resize_downsample_scales_cubic_align_corners": "corners",
    **{f"{op}_{kind}": "float32 and float64" for op in INTEGERS for kind in ("int", "uint", "float16")},
    "pow_types_int": "float32 and float64",
    "one_input": "two operands",
    "l1normalization": "p = 2",
    "clip_default_inbounds": "has a bound",
    "clip_default_int8": "float32 and float64",
    "select_last_index": "the first is taken",
    "reduce_max_bool_inputs": "float32 and float64",
    "reduce_min_bool_inputs": "float32 and float64",
    "empty_set_bool": "float32 and float64",
    "empty_set": "an entry",
    "empty_axes_input_noop": "an axis at least",
    "celu_float16": "float32 and float64",
    "celu_bfloat16": "float32 and float64",
}


@lru_cache(maxsize=1)
def cases() -> dict[str, Any]:
    """Cases of one operator, by name without ``test_``."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    chosen = {}
    for case in found:
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in OPERATORS and nodes[0].domain == "":
            chosen[case.name.removeprefix("test_")] = case
    return chosen


def attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def arranged(node: Any, given: Any) -> list[Any]:
    """The inputs in their places, None for one that is left out."""
    arrays = iter(given)
    return [next(arrays) if name else None for name in node.input]


def outcome(case: Any) -> str:
    """ "passes", or why it is outside the language.

    Raises:
        AssertionError: the values differ.
    """
    node = case.model.graph.node[0]
    for inputs, expected in case.data_sets:
        arrays = arranged(node, inputs)
        try:
            own = execute(node.op_type, attributes(node), arrays)
        except Outside as reason:
            return str(reason)
        compared = 1 if node.op_type in FIRST_ONLY else len(expected)
        assert len(own) >= compared
        for mine, theirs in zip(own, expected[:compared], strict=False):
            assert mine.shape == theirs.shape
            assert mine.dtype == theirs.dtype
            rtol = case.rtol if case.name.removeprefix("test_") in ROUNDED else 1e-5
            np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=2e-6)
    return "passes"


def listed(name: str) -> str | None:
    """The reason that is stated for a case, if it is known to be outside."""
    if name == "resize_downsample_sizes_nearest":
        return "neighbours"
    return next((reason for part, reason in OUTSIDE.items() if part in name), None)


def test_the_cases_pass(capsys: pytest.CaptureFixture[str]) -> None:
    found = cases()
    assert len(found) > 200
    results, faults = {}, []
    for name, case in found.items():
        try:
            results[name] = outcome(case)
        except AssertionError as error:
            faults.append(f"{name}: {error}")
            continue
        reason = listed(name)
        if (reason is None) != (results[name] == "passes") or (reason or "") not in results[name] + "passes":
            faults.append(f"{name} was expected to be {reason or 'run'}, but: {results[name]}")
    with capsys.disabled():
        print(table(results))
    assert not faults, "\n".join(faults)


def table(results: dict[str, str]) -> str:
    """How many cases of each operator run, and which do not, with the reason."""
    by_op: dict[str, list[str]] = {}
    for name in results:
        by_op.setdefault(cases()[name].model.graph.node[0].op_type, []).append(name)
    lines = ["", f"{'ONNX operator':<22}{'cases':>6}{'pass':>6}  outside the language"]
    for op, names in by_op.items():
        outside = [name for name in names if results[name] != "passes"]
        note = FIRST_ONLY.get(op, "")
        lines.append(f"{op:<22}{len(names):>6}{len(names) - len(outside):>6}  {note}".rstrip())
        lines += [f"{'':<36}{name}: {results[name]}" for name in outside]
    passed = sum(result == "passes" for result in results.values())
    lines.append(f"{'all':<22}{len(results):>6}{passed:>6}  ({passed / len(results):.0%})")
    return "\n".join(lines)


def test_a_wrong_value_would_be_seen() -> None:
    case = cases()["basic_conv_with_padding"]
    (inputs, expected), *_ = case.data_sets
    node = case.model.graph.node[0]
    wrong = {**attributes(node), "pads": [1, 1, 1, 0]}
    own = execute("Conv", wrong, arranged(node, inputs))[0]
    assert own.shape != expected[0].shape
