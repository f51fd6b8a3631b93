"""Files that other tools wrote, exported with the weights they hold and run by another runtime."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc
from tests.exporters.test_onnx import run

pytestmark = pytest.mark.filterwarnings("ignore")


def close(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * float(np.abs(want).max()))


def run_source(source: Path, monkeypatch: pytest.MonkeyPatch, *arrays: np.ndarray) -> np.ndarray:
    """What PyTorch gives for the source of a network, with the weights of the file beside it."""
    import torch

    monkeypatch.syspath_prepend(str(source.parent))
    __import__(source.stem)
    network = sys.modules.pop(source.stem).load()
    with torch.inference_mode():
        return network(*map(torch.from_numpy, arrays)).numpy()


def onnx_file(path: Path) -> None:
    """A small residual network as ONNX has it, with a name that is none in Python."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)

    def array(name: str, *shape: int, low: float = -1.0) -> Any:
        return numpy_helper.from_array(rng.uniform(low, 1, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "a.w", "a.b"], ["a"], "/stem/conv", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node(
            "BatchNormalization", ["a", "n.s", "n.o", "n.m", "n.v"], ["n"], "/stem/bn", epsilon=1e-3
        ),
        helper.make_node("Relu", ["n"], ["r"], "/stem/act"),
        helper.make_node("Conv", ["r", "c.w"], ["c"], "/block/conv", kernel_shape=[1, 1], group=2),
        helper.make_node("Add", ["c", "r"], ["s"], "/block/add"),
        helper.make_node("GlobalAveragePool", ["s"], ["g"], "/pool"),
        helper.make_node("Flatten", ["g"], ["f"], "/flatten"),
        helper.make_node("Gemm", ["f", "h.w", "h.b"], ["y"], "/head/Gemm", transB=1),
    ]
    arrays = [
        array("a.w", 6, 3, 3, 3), array("a.b", 6), array("n.s", 6), array("n.o", 6), array("n.m", 6),
        array("n.v", 6, low=0.5), array("c.w", 6, 3, 1, 1), array("h.w", 4, 6), array("h.b", 4),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        arrays,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


@pytest.mark.torch
def test_onnx_to_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx

    path = tmp_path / "3-small net.onnx"
    onnx_file(path)
    source = tmp_path / "net_of_onnx.py"
    files = convcalc.export(path, "pytorch").write(source)
    assert [file.name for file in files] == ["net_of_onnx.py", "net_of_onnx.npz"]
    x = np.random.default_rng(1).standard_normal((2, 3, 8, 7)).astype(np.float32)
    (want,) = run(onnx.load(path), {"x": x})
    close(run_source(source, monkeypatch, x), want)


@pytest.mark.torch
def test_an_exported_program_to_onnx_and_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.SiLU())
            self.norm = nn.LayerNorm(8)
            self.scale = nn.Parameter(torch.rand(8))
            self.head = nn.Linear(8, 5)

        def forward(self, x: Any) -> Any:
            x = self.features(x).flatten(2).transpose(1, 2)
            x = x + self.scale * self.norm(x)
            return self.head(x.mean(1))

    torch.manual_seed(0)
    module = Net().eval()
    x = torch.randn(2, 3, 9, 9)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    path = tmp_path / "net-1.pt2"
    torch.export.save(program, path)
    with torch.inference_mode():
        want = module(x).numpy()
    source = tmp_path / "net_of_program.py"
    convcalc.export(path, "pytorch").write(source)
    close(run_source(source, monkeypatch, x.numpy()), want)
    import onnx

    convcalc.export(path, "onnx").write(tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    (got,) = run(model, {model.graph.input[0].name: x.numpy()})
    close(got, want)


@pytest.mark.keras
def test_keras_to_pytorch_and_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    import keras
    import onnx
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = keras.Input((9, 8, 3))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Add()([x, y])
    x = layers.MaxPooling2D(2)(x)
    outputs = layers.Dense(4, activation="softmax")(layers.Flatten()(x))
    model = keras.Model(inputs, outputs, name="small-net")
    path = tmp_path / "small.keras"
    model.save(path)
    x = np.random.default_rng(1).standard_normal((2, 9, 8, 3)).astype(np.float32)
    want = np.asarray(model.predict(x, verbose=0))
    first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    source = tmp_path / "net_of_keras.py"
    convcalc.export(path, "pytorch").write(source)
    close(run_source(source, monkeypatch, first), want)
    convcalc.export(path, "onnx").write(tmp_path / "net.onnx")
    exported = onnx.load(tmp_path / "net.onnx")
    (got,) = run(exported, {exported.graph.input[0].name: first})
    close(got, want)
