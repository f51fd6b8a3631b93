"""One operator after the other, drawn at random and held against ONNX Runtime: shapes and values."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.importers.onnx.models import close, graph_of, model_of, opaque, ours, theirs

RNG = np.random.default_rng(5)
QUICK = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def _held(
    node: Any, shape: tuple[int, ...], arrays: dict[str, Any], opset: int = 17, *, refused: bool = True
) -> None:
    """Run a node on both sides; what ONNX Runtime refuses, or no layer says, is passed over."""
    model = model_of([node], {"x": shape}, arrays, ["y"], opset)
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    try:
        (expected,) = theirs(model, {"x": x})
    except Exception:  # whatever it has to say against the model
        return
    if 0 in expected.shape:
        return
    with tempfile.TemporaryDirectory() as folder:
        graph = graph_of(model, Path(folder))
        if opaque(graph):
            assert refused, graph.notes
            return
        batch = () if expected.ndim == 0 else (1,)
        assert expected.size == np.prod(batch + graph.shape(graph.outputs[0])) * shape[0]
        (found,) = ours(graph, [x]).values()
        assert close(found, expected), node


def _array(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


_WINDOW = {
    "k": st.integers(1, 4), "s": st.integers(1, 3), "d": st.integers(1, 2), "p": st.integers(0, 2),
    "q": st.integers(0, 2), "size": st.integers(5, 9), "rank": st.integers(1, 2),
}  # fmt: skip


@QUICK
@given(auto=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]), groups=st.sampled_from([1, 4]),
       bias=st.booleans(), **_WINDOW)  # fmt: skip
def test_conv(
    auto: str, groups: int, bias: bool, k: int, s: int, d: int, p: int, q: int, size: int, rank: int
) -> None:
    pads = {"pads": [p] * rank + [q] * rank} if auto == "NOTSET" else {}
    node = helper.make_node(
        "Conv", ["x", "w"] + ["b"] * bias, ["y"], group=groups, auto_pad=auto, strides=[s] * rank,
        dilations=[d] * rank, **pads,
    )  # fmt: skip
    arrays = {"w": _array(8, 4 // groups, *(k,) * rank), **({"b": _array(8)} if bias else {})}
    _held(node, (2, 4, *(size,) * rank), arrays, refused=False)


@QUICK
@given(auto=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]), groups=st.sampled_from([1, 2]),
       extra=st.integers(0, 1), wanted=st.integers(0, 20), **_WINDOW)  # fmt: skip
def test_conv_transpose(
    auto: str,
    groups: int,
    extra: int,
    wanted: int,
    k: int,
    s: int,
    d: int,
    p: int,
    q: int,
    size: int,
    rank: int,
) -> None:
    more: dict[str, Any] = {"pads": [p] * rank + [q] * rank} if auto == "NOTSET" else {}
    if wanted > 5:
        more = {"output_shape": [wanted] * rank}
    node = helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], group=groups, auto_pad=auto, strides=[s] * rank,
        dilations=[d] * rank, output_padding=[extra] * rank, **more,
    )  # fmt: skip
    _held(node, (2, 4, *(size,) * rank), {"w": _array(4, 3, *(k,) * rank)})


@QUICK
@given(op=st.sampled_from(["MaxPool", "AveragePool", "LpPool"]), ceil=st.booleans(), padded=st.booleans(),
       auto=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]), **_WINDOW)  # fmt: skip
def test_pools(
    op: str, ceil: bool, padded: bool, auto: str, k: int, s: int, d: int, p: int, q: int, size: int, rank: int
) -> None:
    more: dict[str, Any] = {"pads": [p] * rank + [q] * rank} if auto == "NOTSET" else {}
    if op == "MaxPool":
        more["dilations"] = [d] * rank
    if op == "AveragePool":
        more["count_include_pad"] = int(padded)
    if op != "LpPool":
        more["ceil_mode"] = int(ceil)
    node = helper.make_node(
        op, ["x"], ["y"], kernel_shape=[k] * rank, strides=[s] * rank, auto_pad=auto, **more
    )
    _held(node, (2, 3, *(size,) * rank), {})


_PLACES = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"]


@QUICK
@given(
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    where=st.sampled_from(_PLACES),
    nearest=st.sampled_from(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]),
    sizes=st.booleans(), n=st.integers(2, 7), out=st.integers(1, 12), outside=st.booleans(),
    antialias=st.booleans(), opset=st.sampled_from([11, 13, 18, 19]),
)  # fmt: skip
def test_resize(
    mode: str,
    where: str,
    nearest: str,
    sizes: bool,
    n: int,
    out: int,
    outside: bool,
    antialias: bool,
    opset: int,
) -> None:
    arrays: dict[str, Any] = {"t": np.array([1, 2, out, out + 1])}
    if not sizes:
        arrays = {"t": np.array([1, 1, out / 4, out / 2], np.float32)}
    more: dict[str, Any] = {"antialias": int(antialias)} if opset >= 18 and mode != "nearest" else {}
    if mode == "cubic":
        more["exclude_outside"] = int(outside)
    node = helper.make_node(
        "Resize", ["x", "", "", "t"] if sizes else ["x", "", "t"], ["y"], mode=mode, nearest_mode=nearest,
        coordinate_transformation_mode=where, **more,
    )  # fmt: skip
    _held(node, (1, 2, n, n), arrays, opset)


_BY_SET = [
    ("Squeeze", {"axes": [2]}, [], (2, 3, 1), 11), ("Squeeze", {}, [np.array([2])], (2, 3, 1), 13),
    ("Unsqueeze", {"axes": [1, 4]}, [], (2, 3, 4), 11), ("Unsqueeze", {}, [np.array([1, 4])], (2, 3, 4), 13),
    ("Clip", {"min": -0.5, "max": 0.5}, [], (2, 3), 7),
    ("Clip", {}, [np.float32(-0.5), np.float32(0.5)], (2, 3), 13),
    ("Slice", {"starts": [1], "ends": [100], "axes": [2]}, [], (2, 3, 5), 9),
    ("Slice", {}, [np.array([-1]), np.array([-100]), np.array([2]), np.array([-1])], (2, 3, 5), 13),
    ("Slice", {}, [np.array([0, 1]), np.array([9, -1]), np.array([1, 2]), np.array([2, 1])], (2, 3, 5), 13),
    ("Pad", {"pads": [0, 0, 1, 0, 0, 2], "value": 3.0}, [], (2, 3, 4), 9),
    ("Pad", {"mode": "reflect"}, [np.array([0, 0, 1, 0, 0, 2])], (2, 3, 4), 13),
    ("Pad", {"mode": "edge"}, [np.array([0, 0, -1, 0, 0, 2])], (2, 3, 4), 13),
    ("ReduceSum", {"axes": [1], "keepdims": 0}, [], (2, 3, 4), 11),
    ("ReduceSum", {"keepdims": 0}, [np.array([1])], (2, 3, 4), 13),
    ("ReduceMean", {"axes": [-1]}, [], (2, 3, 4), 13), ("ReduceMean", {}, [np.array([-1])], (2, 3, 4), 18),
    ("ReduceLogSumExp", {"axes": [2]}, [], (2, 3, 4), 13), ("ReduceL2", {"axes": [2]}, [], (2, 3, 4), 13),
    ("Softmax", {}, [], (2, 3, 4), 11), ("Softmax", {}, [], (2, 3, 4), 13),
    ("LogSoftmax", {"axis": 2}, [], (2, 3, 4), 11), ("LogSoftmax", {"axis": 1}, [], (2, 3, 4, 2), 13),
    ("Upsample", {"mode": "nearest"}, [np.array([1, 1, 2, 2], np.float32)], (2, 3, 4, 5), 9),
    ("Dropout", {"ratio": 0.3}, [], (2, 3), 10), ("Dropout", {}, [np.float32(0.3)], (2, 3), 13),
    ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, [], (2, 8, 2, 3), 13),
    ("DepthToSpace", {"blocksize": 2}, [], (2, 8, 2, 3), 13),
    ("SpaceToDepth", {"blocksize": 2}, [], (2, 2, 4, 6), 13),
    ("Reshape", {}, [np.array([0, -1])], (2, 3, 4), 13),
    ("Reshape", {}, [np.array([2, 4, 3])], (2, 3, 4), 13),
    ("Flatten", {"axis": 2}, [], (1, 3, 4, 2), 13), ("Transpose", {"perm": [0, 2, 1]}, [], (2, 3, 4), 13),
    ("Gather", {"axis": 1}, [np.array([[2, 0], [1, -1]])], (2, 3, 4), 13),
    ("Gather", {"axis": 2}, [np.array(1)], (2, 3, 4), 13), ("Tile", {}, [np.array([1, 2, 3])], (2, 3, 4), 13),
    ("Expand", {}, [np.array([2, 3, 4])], (2, 1, 4), 13), ("PRelu", {}, [_array(3, 1)], (2, 3, 4), 16),
    ("LRN", {"size": 3, "alpha": 0.1, "beta": 0.5, "bias": 2.0}, [], (2, 5, 4), 13),
    ("HardSigmoid", {}, [], (2, 3), 13), ("HardSigmoid", {"alpha": 1 / 6}, [], (2, 3), 13),
    ("Selu", {}, [], (2, 3), 13), ("Celu", {"alpha": 2.0}, [], (2, 3), 13), ("HardSwish", {}, [], (2, 3), 14),
    ("Gelu", {"approximate": "tanh"}, [], (2, 3), 20),
    ("Mish", {}, [], (2, 3), 18),
    ("Ceil", {}, [], (2, 3), 13),
    ("ThresholdedRelu", {"alpha": 0.5}, [], (2, 3), 13),
    ("Shrink", {"lambd": 0.4, "bias": 0.4}, [], (2, 3), 13),
    ("InstanceNormalization", {}, [_array(3), _array(3)], (2, 3, 4, 4), 13),
    ("LayerNormalization", {"axis": 2}, [_array(4, 2), _array(4, 2)], (2, 3, 4, 2), 17),
    ("GroupNormalization", {"num_groups": 2}, [_array(4), _array(4)], (2, 4, 3), 21),
    ("LpNormalization", {"axis": 1, "p": 1}, [], (2, 3, 4), 13), ("Where", {}, [], (2, 3), 0),
    ("Gemm", {"transB": 1, "alpha": 0.5, "beta": 2.0}, [_array(5, 3), _array(5)], (2, 3), 13),
    ("Gemm", {}, [_array(3, 5), _array(1, 5)], (2, 3), 7), ("MatMul", {}, [_array(4, 5)], (2, 3, 4), 13),
    ("Einsum", {"equation": "bij,jk->bki"}, [_array(4, 5)], (2, 3, 4), 13),
    ("BatchNormalization", {}, [_array(3), _array(3), _array(3), np.abs(_array(3))], (2, 3, 4), 15),
    ("GlobalAveragePool", {}, [], (2, 3, 4, 5), 13), ("GlobalMaxPool", {}, [], (2, 3, 4), 13),
    ("GlobalLpPool", {"p": 1}, [], (2, 3, 4), 13), ("Pow", {}, [np.float32(3)], (2, 3), 13),
    ("Sub", {}, [_array(3, 1)], (2, 3, 4), 13), ("Max", {}, [_array(4), np.float32(0.1)], (2, 3, 4), 13),
    ("Mean", {}, [_array(2, 3)], (2, 3), 13),
]  # fmt: skip


@pytest.mark.parametrize("row", [row for row in _BY_SET if row[4]], ids=lambda row: f"{row[0]}-{row[4]}")
def test_what_differs_between_sets_of_operators(row: Any) -> None:
    op, attributes, arrays, shape, opset = row
    names = [f"i{number}" for number in range(len(arrays))]
    if op == "Mean":
        shape, arrays = (2, 3), [_array(1, 3)]
    node = helper.make_node(op, ["x", *names], ["y"], **attributes)
    _held(node, shape, dict(zip(names, arrays, strict=True)), opset, refused=False)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("after", [0, 1])
def test_recurrent(op: str, gates: int, direction: str, after: int, tmp_path: Path) -> None:
    ways, hidden, features, steps = 1 + (direction == "bidirectional"), 5, 3, 6
    arrays = {
        "w": _array(ways, gates * hidden, features), "r": _array(ways, gates * hidden, hidden),
        "b": _array(ways, 2 * gates * hidden),
    }  # fmt: skip
    more = {"linear_before_reset": after} if op == "GRU" else {}
    node = helper.make_node(
        op, ["x", "w", "r", "b"], ["y", "h"], hidden_size=hidden, direction=direction, **more
    )
    model = model_of([node], {"x": (steps, 2, features)}, arrays, ["y", "h"], 14)
    x = np.random.default_rng(2).standard_normal((steps, 2, features)).astype(np.float32)
    expected = theirs(model, {"x": x})
    graph = graph_of(model, tmp_path)
    assert not opaque(graph), graph.notes
    found = ours(graph, [np.moveaxis(x, 1, 0)])
    assert close(np.moveaxis(found["y"], 0, 2), expected[0])
    assert close(np.moveaxis(found["h"], 0, 1), expected[1])
