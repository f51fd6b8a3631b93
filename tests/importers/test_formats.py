"""Files are known by their content: which reader gets one, and what is said of those that nobody reads."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.graph import Graph
from convcalc.importers import formats
from convcalc.spec import SpecError


def zipped(*names: str) -> bytes:
    """An archive with members of these names."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return data.getvalue()


def safetensors(**shapes: tuple[int, ...]) -> bytes:
    """A file as the format's description has it: length, header, numbers."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape)) * 4
        header[name.replace("__", ".")] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + np.arange(at // 4, dtype="<f4").tobytes()


# As the ONNX IR describes it: ir_version, producer_name, an empty graph, an operator set.
ONNX = b"\x08\x08\x12\x01p\x3a\x00\x42\x02\x10\x11"
KERAS_JSON = b'{"module": "keras", "class_name": "Sequential", "config": {"layers": []}}'

KNOWN = {
    "an ONNX model": ONNX,
    "a Keras model": KERAS_JSON,
    "a Keras model ": zipped("metadata.json", "config.json", "model.weights.h5"),
    "a Keras model  ": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "an exported PyTorch program": zipped("m/archive_format", "m/models/model.json"),
    "an exported PyTorch program ": zipped("serialized_exported_program.json", "version"),
    "a file of PyTorch weights": zipped("s/data.pkl", "s/version", "s/data/0"),
    "a file of PyTorch weights ": b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
    "a safetensors file": safetensors(a=(2, 3)),
    "an archive of NumPy arrays": zipped("a.npy"),
    "a ZIP archive": zipped("readme.txt"),
    "a damaged ZIP archive": b"PK\x03\x04" + bytes(30),
    "an Office document": zipped("[Content_Types].xml", "word/document.xml"),
    "a PNG picture": b"\x89PNG\r\n\x1a\n" + bytes(20),
    "a JPEG picture": b"\xff\xd8\xff\xe0" + bytes(20),
    "a PDF document": b"%PDF-1.7\n%",
    "a gzip archive": b"\x1f\x8b\x08" + bytes(20),
    "a tar archive": bytes(257) + b"ustar\x0000",
    "a TensorFlow Lite model": b"\x1c\0\0\0TFL3" + bytes(8),
    "a GGUF file of weights": b"GGUF\3\0\0\0",
    "a NumPy array": b"\x93NUMPY\1\0",
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_content_decides_and_not_the_name(name: str, tmp_path: Path) -> None:
    for ending in ("onnx", "txt", "bin", "pt"):
        file = tmp_path / f"file.{ending}"
        file.write_bytes(KNOWN[name])
        found = formats.known(KNOWN[name], str(file))
        assert found is not None
        assert found.name == name.strip()


TEXTS = [
    "conv 3->4 k3",
    "input: 3x8x8\nlayers:\n  - conv 4 k3\n",
    '{"input": "3x8x8", "layers": ["conv 4 k3"]}',
    "BM | relu",
    "MZ",
    "nn.Conv2d(3, 4, 3)",
    "import torch\nclass Net(nn.Module): pass\n",
    "# größer\nconv 3->4 k3",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_stay_texts(text: str) -> None:
    assert formats.known(text.encode(), "x") is None


READ = ("ONNX", "Keras", "PyTorch", "safetensors")


@pytest.mark.parametrize("name", [name for name in KNOWN if not any(read in name for read in READ)])
def test_what_nobody_reads_is_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(KNOWN[name])
    with pytest.raises(SpecError) as found:
        convcalc.load(file)
    (problem,) = found.value.problems
    assert problem.message == f"this is {name}"
    assert problem.file == str(file)
    assert problem.expected
    assert str(found.value).startswith(f"{file}: this is")


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A reader in place of the one for ONNX: a convolution on the size that is asked for."""
    calls: list[dict[str, Any]] = []

    def read(path: str, **given: Any) -> Graph:
        calls.append({"path": path, **given})
        shape = given["input"] or "3x8x8"
        graph = convcalc.load("conv 4 k3 id=c | relu", input=shape)
        graph.text, graph.name = "", "of a file"
        return graph

    module = ModuleType("stand_in")
    module.read = read  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stand_in", module)
    monkeypatch.setattr(formats, "ONNX", formats.ONNX._replace(reader="stand_in:read"))
    return calls


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that is known as an ONNX model."""
    file = tmp_path / "model.of"
    file.write_bytes(ONNX)
    return file


def test_a_reader_gets_what_was_asked(reader: list[dict[str, Any]], model: Path) -> None:
    graph = convcalc.load(model, input="3x16x16", set={"n": "2"})
    asked = {"input": (3, 16, 16), "set": {"n": "2"}, "primitive": False}
    assert reader == [{"path": str(model), **asked}]
    assert graph.nodes[-1].outputs == ((4, 14, 14),)
    convcalc.load(str(model), primitive=True)
    assert reader[-1]["primitive"] is True


def test_every_question_takes_it(reader: list[dict[str, Any]], model: Path) -> None:
    spec = str(model)
    assert convcalc.analyze(spec).totals.params == 4 * 3 * 9 + 4
    assert convcalc.receptive_field(spec).layers[0].axes[0].size == 3
    assert convcalc.compare(spec, "conv 3->4 k3", input="3x9x9")["params"].differences == (0, 0)
    assert convcalc.check(spec, max_params="1K").ok
    assert convcalc.verify(spec).ok
    assert convcalc.sizes(spec)["height"].smallest == 3
    assert convcalc.fit(spec, {"resolution": "8..64"}, max_macs="100K").best is not None
    assert reader[-1]["path"] == spec


def test_what_a_reader_does_not_take_is_refused(
    reader: list[dict[str, Any]], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: str, input: Any = None) -> Graph:
        return convcalc.load("conv 3->4 k3")

    monkeypatch.setattr(sys.modules["stand_in"], "read", read)
    assert convcalc.load(model).nodes[-1].op == "conv"
    with pytest.raises(SpecError, match="no variable 'n' to set: an ONNX model has none"):
        convcalc.load(model, set={"n": 3})


@pytest.mark.parametrize(
    ("fault", "message"),
    [(RecursionError(), "nested too deep"), (OSError(5, "Input/output error"), "Input/output error")],
)
def test_one_message_for_what_overwhelms_a_reader(
    fault: Exception, message: str, reader: list[dict[str, Any]], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: str, **_: Any) -> Graph:
        raise fault

    monkeypatch.setattr(sys.modules["stand_in"], "read", read)
    with pytest.raises(SpecError, match=message):
        convcalc.load(model)


def test_a_file_of_weights_is_a_list_of_tensors(tmp_path: Path, cli: Callable[..., Any]) -> None:
    file = tmp_path / "weights"
    file.write_bytes(safetensors(a__weight=(4, 3, 3, 3), a__bias=(4,), b__running_mean=(4,)))
    result = cli("params", str(file), "--json")
    assert result.code == 0
    data = json.loads(result.out)
    assert (data["totals"]["params"], data["totals"]["buffers"]) == (4 * 27 + 4, 4)
    assert [row["name"] for row in data["layers"]] == ["a.weight", "a.bias", "b.running_mean"]
    for name in ("summary", "rf", "run", "verify"):
        result = cli(name, str(file))
        assert (result.code, result.out) == (2, "")
        assert "this holds weights alone (3 tensors), and no network" in result.err
        assert "--weights" in result.err


def test_weights_are_taken_from_it(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(safetensors(a__weight=(4, 3, 3, 3), a__bias=(4,)))
    spec = "conv 3->4 k3 id=a"
    x = np.ones((1, 3, 3, 3), np.float32)
    weights = {"a.weight": np.arange(108.0).reshape(4, 3, 3, 3), "a.bias": np.arange(108.0, 112.0)}
    expected = convcalc.execute(spec, x, weights, input="3x3x3")
    np.testing.assert_array_equal(convcalc.execute(spec, x, str(file), input="3x3x3"), expected)
    with pytest.raises(convcalc.WeightsError, match="belongs to no layer"):
        convcalc.execute("conv 3->4 k3 id=a bias=false", x, str(file), input="3x3x3")
