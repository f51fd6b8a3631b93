"""Files of weights alone: names, shapes, types and values without running what stands in them."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import SpecError
from convcalc.importers.torch.state import read

FILES = Path(__file__).parent / "files"

# By hand, from the layers in files/make.py: conv 8*3*3*3 + 8, bn 2*8, words (and head) 10*8, head's bias 10,
# unused 4, grouped conv 8*4*3*3 + 8, lstm 16*8 + 16*4 + 16 + 16.
PARAMS = 224 + 16 + 80 + 10 + 4 + 296 + 224
# scale 8 is told by nothing from a parameter; running statistics 16 and the counter 1 are.
SMALL = {"params": PARAMS + 8, "buffers": 17}


@pytest.mark.parametrize(
    ("name", "kind"), [("small.pth", "torch.save"), ("small_old.pth", "torch.save (before PyTorch 1.6)")]
)
def test_a_state_dictionary_is_counted_by_tensor(name: str, kind: str) -> None:
    found = read(FILES / name)
    assert (found.format, found.params, found.buffers) == (kind, SMALL["params"], SMALL["buffers"])
    shapes = {weight.name: weight.shape for weight in found.tensors}
    assert shapes["conv.weight"] == (8, 3, 3, 3)
    assert shapes["memory.weight_ih_l0"] == (16, 8)
    (shared,) = (weight for weight in found.tensors if weight.same_as)
    assert (shared.name, shared.same_as) == ("head.weight", "words.weight")
    assert "spare" not in shapes, "it is not persistent"


def test_old_and_new_files_hold_the_same_values() -> None:
    old, new = read(FILES / "small_old.pth"), read(FILES / "small.pth")
    assert list(old) == list(new)
    for name in new:
        assert np.array_equal(old[name], new[name]), name
    assert np.allclose(new["scale"], np.linspace(0.5, 1.5, 8), rtol=1e-6), "as it was made"


@pytest.mark.parametrize("name", ["module.pt", "script.pt"])
def test_modules_and_scripts_say_what_is_learned(name: str) -> None:
    found = read(FILES / name)
    assert (found.params, found.buffers) == (8 * 27 + 8 + 16, 17)
    assert {weight.name: weight.learned for weight in found.tensors if weight.learned} == dict.fromkeys(
        ["0.weight", "0.bias", "1.weight", "1.bias"], True
    )


def test_a_checkpoint_is_its_model_without_the_state_of_the_optimizer() -> None:
    found = read(FILES / "checkpoint.pth")
    assert found.params == 8 * 27 + 8 + 16
    assert all(weight.name.startswith("model.") for weight in found.tensors)
    assert found.unknown == {"state of an optimizer": 1}
    assert found["model.0.weight"].dtype == np.float32, "bfloat16 comes in a type that holds it"
    full = read(FILES / "module.pt")["0.weight"]
    assert np.abs(found["model.0.weight"] - full).max() <= np.abs(full).max() / 2**8


def safetensors(path: Path, tensors: dict[str, np.ndarray[Any, Any]], **more: Any) -> Path:
    names = {"float32": "F32", "int64": "I64", "float16": "F16", "bool": "BOOL"}
    header: dict[str, Any] = {}
    data = b""
    for name, array in tensors.items():
        start = len(data)
        data += array.tobytes()
        header[name] = {
            "dtype": names[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [start, len(data)],
        }
    header |= more
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_safetensors_are_read(tmp_path: Path) -> None:
    arrays = {
        "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a.running_mean": np.ones(2, np.float32),
        "steps": np.array(7),
        "empty": np.zeros((0, 4), np.float16),
    }
    found = read(safetensors(tmp_path / "x.safetensors", arrays, __metadata__={"format": "pt"}))
    assert (found.format, found.params, found.buffers) == ("safetensors", 6, 3)
    for name, array in arrays.items():
        assert np.array_equal(found[name], array)
        assert found[name].shape == array.shape


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 9]}, "8 bytes at 0 to 9"),
        ({"dtype": "F32", "shape": [1 << 61, 4], "data_offsets": [0, 8]}, "bytes at 0 to 8"),
        ({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}, "impossible shape"),
        ({"dtype": "F31", "shape": [2], "data_offsets": [0, 8]}, "unknown type 'F31'"),
        ({"dtype": "F32", "shape": [2]}, "neither type, shape nor place"),
        ([], "neither type, shape nor place"),
    ],
)
def test_a_header_that_cannot_be_is_refused(tmp_path: Path, entry: Any, said: str) -> None:
    path = safetensors(tmp_path / "x.safetensors", {"a": np.zeros(2, np.float32)}, b=entry)
    with pytest.raises(SpecError, match=said):
        read(path)


class Planted:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('it ran')",))


def test_nothing_in_a_pickle_runs(tmp_path: Path) -> None:
    path = tmp_path / "planted.pt"
    with zipfile.ZipFile(FILES / "small.pth") as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename.endswith("data.pkl"):
                data = pickle.dumps([Planted()], 2)
            new.writestr(info.filename, data)
    with pytest.raises(SpecError, match=r"holds no tensors; it holds builtins\.exec|__builtin__\.exec"):
        read(path)


def test_a_plain_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.pkl"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(SpecError, match="no pickle is executed here"):
        read(path)


def test_a_length_that_is_not_there_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.pth"
    path.write_bytes(b"\x80\x04\x8d" + (1 << 40).to_bytes(8, "little") + b"x" * 60)
    with pytest.raises(SpecError):
        read(path)
    path.write_bytes(struct.pack("<Q", 1 << 40) + b"{" + b" " * 60)
    with pytest.raises(SpecError, match="has a header of"):
        read(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x80", b"x" * 100])
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(data)
    with pytest.raises(SpecError, match=r"x\.pth: the file "):
        read(path)
