# ruff: noqa: E501 - cases read best in one line each
"""Files of arrays from outside: damage of every kind is one message that names file and member."""

from __future__ import annotations

import io
import os
import resource
import struct
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest

import convcalc
from convcalc.executor.archives import Archive, read_array
from convcalc.executor.weights import load_weights
from tests.fuzz import mutate
from tests.fuzz.cases import good_weights

LINE = "input 2x5x5 | conv 3 k3 | bn | relu"


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(text: str, version: int = 1) -> bytes:
    data = text.encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(data))
    return b"\x93NUMPY" + bytes((version, 0)) + length + data


def with_member(path: Path, name: str, data: bytes, packed: int = zipfile.ZIP_DEFLATED) -> Path:
    """The good weights with one member replaced."""
    with zipfile.ZipFile(io.BytesIO(good_weights())) as good, zipfile.ZipFile(path, "w", packed) as file:
        for info in good.infolist():
            file.writestr(info.filename, data if info.filename == f"{name}.npy" else good.read(info))
    return path


DAMAGES = {
    "a shape that is not there": header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"),
    "a shape of gigabytes": header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }"),
    "a garbled header": header("{'descr': '<f4', 'fort"),
    "a header that is no mapping": header("(((((((("),
    "a negative shape": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }"),
    "objects": header("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"),
    "no array": b"nothing",
    "nothing": b"",
    "a header of gigabytes": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100,
    "an unknown version": b"\x93NUMPY\x09\x00" + b"\0" * 100,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_names_file_and_member(name: str, cli, tmp_path: Path) -> None:
    path = with_member(tmp_path / "w.npz", "conv1.bias", DAMAGES[name])
    done = cli("run", LINE, "--weights", str(path))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ") and "Traceback" not in done.err
    assert "conv1.bias" in done.err
    (tmp_path / "x.npy").write_bytes(DAMAGES[name])
    done = cli("run", LINE, "--input-file", str(tmp_path / "x.npy"))
    assert (done.code, done.out) == (2, "")
    assert "x.npy" in done.err and done.err.count("error:") == 1


def test_damaged_zips(cli, tmp_path: Path) -> None:
    good = good_weights(True)
    path = tmp_path / "w.npz"
    at = good.index(b"PK\x01\x02")
    encrypted, unknown = bytearray(good), bytearray(good)
    encrypted[at + 8] |= 1
    encrypted[6] |= 1
    unknown[at + 10] = unknown[8] = 77
    corrupt = bytearray(good)
    start = 30 + len("conv1.weight.npy")
    corrupt[start : start + 20] = b"\xff" * 20
    for data, word in ((encrypted, "is encrypted"), (unknown, "not read"), (corrupt, "cannot be read"),
                       (good[: len(good) // 2], "not an .npz archive"), (b"PK", "not an .npz archive")):  # fmt: skip
        path.write_bytes(bytes(data))
        done = cli("run", LINE, "--weights", str(path))
        assert (done.code, done.out) == (2, ""), word
        assert "w.npz" in done.err and word in done.err, (word, done.err)


def test_any_damage_is_one_message(cli, tmp_path: Path) -> None:
    random = Random(5)
    path = tmp_path / "w.npz"
    for n in range(150):
        path.write_bytes(mutate.data(good_weights(n % 2 == 0), random))
        done = cli("run", LINE, "--weights", str(path))
        assert done.code in (0, 2)
        assert done.code == 0 or done.err.startswith("error: ")


def test_names_and_sizes_are_looked_at_before_anything_is_unpacked(cli, tmp_path: Path) -> None:
    """Members that unpack to gigabytes: refused by their headers, in little memory."""
    path = tmp_path / "bomb.npz"
    head = header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**8},), }}")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name in ("a", "conv1.weight"):
            with file.open(f"{name}.npy", "w") as member:
                member.write(head)
                for _ in range(100):
                    member.write(bytes(4 * 10**6))
    assert os.path.getsize(path) < 5_000_000
    cli("run", LINE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = cli("run", LINE, "--weights", str(path), "--guard", "10MB")
    assert done.code == 2
    assert "conv1.weight has the shape (100000000,)" in done.err
    assert "a belongs to no layer" in done.err
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    right = convcalc.load("input 100000000 | linear 1 bias=false")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        shape = header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': (1, {10**8}), }}")
        file.writestr("linear1.weight.npy", shape)
    with pytest.raises(convcalc.ExecutionError, match="400,000,000 bytes of memory; 10,000,000 may be used"):
        load_weights(right, path, max_memory=10**7)


def test_good_files_are_read(tmp_path: Path) -> None:
    graph = convcalc.load(LINE)
    weights = convcalc.init_weights(graph, 3)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "w.npz", **weights)
        found = load_weights(graph, tmp_path / "w.npz")
        assert all(np.array_equal(found[name], array) for name, array in weights.items())
    for array in (
        np.ones((2, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.float32(3),
        np.zeros((0, 2)),
    ):
        (tmp_path / "x.npy").write_bytes(npy(np.asarray(array)))
        assert np.array_equal(read_array(tmp_path / "x.npy"), array)
    with Archive(tmp_path / "w.npz") as archive:
        assert archive.headers.keys() == weights.keys()
