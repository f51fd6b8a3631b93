"""``export`` and ``show``: what they print and write."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc


def test_source_goes_to_standard_output(cli: Any) -> None:
    done = cli("export", "lenet5", "--form", "pytorch")
    assert done.code == 0
    ast.parse(done.out)
    assert "class LeNet5(nn.Module):" in done.out


def test_a_document_reads_back(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    assert cli("export", "resnet18", "--form", "spec", "-o", str(file)).out == f"{file}: a document\n"
    assert convcalc.load(str(file)) == convcalc.load("resnet18")


def test_weights_go_beside_the_source(cli: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **convcalc.init_weights("lenet5"))
    file = tmp_path / "net.py"
    done = cli("export", "lenet5", "--form", "pytorch", "--weights", str(tmp_path / "w.npz"), "-o", str(file))
    assert done.out == f"{file}: PyTorch source and {file.with_suffix('.npz')}\n"
    assert "def load(" in file.read_text(encoding="utf-8")
    with np.load(file.with_suffix(".npz")) as arrays:
        assert set(arrays) == set(convcalc.init_weights("lenet5"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet5", "--form", "pytroch"], "did you mean pytorch?"),
        (["lenet5", "--form", "onnx"], "expected -o FILE"),
        (["lenet5", "--form", "pytorch", "--weights", "w.npz"], "expected -o FILE"),
        (["lenet5", "--form", "spec", "--weights", "w.npz", "-o", "x.yaml"], "a spec holds no weights"),
        (["input 3xHxW | conv 4 k3", "--form", "pytorch"], "only numbers can be exported"),
    ],
)
def test_what_cannot_be_is_refused(cli: Any, arguments: list[str], message: str) -> None:
    done = cli("export", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_nothing_is_written_where_the_weights_do_not_fit(cli: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    file = tmp_path / "net.py"
    done = cli("export", "lenet5", "--form", "pytorch", "--weights", str(tmp_path / "w.npz"), "-o", str(file))
    assert done.code == 2
    assert not file.exists()


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models hold a thousand bytes of arrays at most."""
    from convcalc.exporters.onnx import outside

    own = outside.Outside.tensors
    monkeypatch.setattr(outside.Outside, "tensors", lambda self, arrays: own(self, arrays, 1000))


@pytest.mark.usefixtures("little")
def test_arrays_above_the_limit_lie_beside_an_onnx_model(cli: Any, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    file = tmp_path / "net.onnx"
    done = cli("export", "lenet5", "--form", "onnx", "--seed", "3", "-o", str(file))
    assert (done.code, done.out.splitlines()) == (0, [f"{file}: an ONNX model and {file}.data"])
    assert file.stat().st_size < 10_000
    onnx.checker.check_model(str(file), full_check=True)
    again, weights = convcalc.load(file), convcalc.init_weights("lenet5", 3)
    assert again.weights is not None
    assert all(np.array_equal(again.weights[name], array) for name, array in weights.items())
    x = np.random.default_rng(0).standard_normal((2, 1, 32, 32)).astype(np.float32)
    (got,) = onnxruntime.InferenceSession(str(file)).run(None, {"input": x})
    np.testing.assert_allclose(got, convcalc.execute("lenet5", x, weights), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("little")
def test_a_model_and_its_arrays_stay_as_they_were_where_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convcalc.exporters.onnx import outside

    file = tmp_path / "net.onnx"
    convcalc.export("lenet5", "onnx").write(file)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(self: Any, file: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outside.Outside, "write", full)
    with pytest.raises(OSError, match="No space left"):
        convcalc.export("lenet5", "onnx", seed=5).write(file)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_weights_of_an_onnx_model_are_those_of_a_file(cli: Any, tmp_path: Path) -> None:
    """Also of a .safetensors file, written here by its definition: a length, a table, the bytes."""
    import json
    import struct

    weights = convcalc.init_weights("lenet5", 9)
    np.savez(tmp_path / "w.npz", **weights)
    table, data = {}, b""
    for name, array in weights.items():
        part = array.astype("<f4").tobytes()
        table[name] = {
            "dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(part)]
        }  # fmt: skip
        data += part
    head = json.dumps(table).encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data)
    for name in ("w.npz", "w.safetensors"):
        file = tmp_path / f"{name}.onnx"
        arguments = ("--weights", str(tmp_path / name), "-o", str(file))
        assert cli("export", "lenet5", "--form", "onnx", *arguments).code == 0
        again = convcalc.load(file).weights
        assert again is not None
        assert all(np.array_equal(again[key], array) for key, array in weights.items()), name


def test_without_the_package_one_message_names_the_extra(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    done = cli("export", "lenet5", "--form", "onnx", "-o", str(tmp_path / "net.onnx"))
    assert (done.code, done.out) == (2, "")
    assert "pip install 'convcalc[onnx]'" in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []
