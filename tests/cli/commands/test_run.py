"""``convcalc run``: what goes in, what comes out, and what it refuses."""

from __future__ import annotations

import builtins
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc

LINE = "conv 4 k3 p1 | relu | globalavgpool"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Six pixels whose red is 0, 51, 102, ... of 255; green is full, blue is none."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[..., 0] = np.arange(6).reshape(2, 3) * 51
    pixels[..., 1] = 255
    image.fromarray(pixels).save(tmp_path / "x.png")
    return tmp_path / "x.png"


def test_the_table_says_what_went_through(cli: Any, tmp_path: Path) -> None:
    # A 1x1 convolution of ones adds the channels; the relu then zeroes the one negative sum.
    x = np.array([[[1.0, 2.0], [-5.0, 0.5]], [[1.0, 1.0], [1.0, 1.0]]])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "w.npz", **{"conv1.weight": np.ones((1, 2, 1, 1))})
    files = ("--input-file", str(tmp_path / "x.npy"), "--weights", str(tmp_path / "w.npz"))
    done = cli("run", "conv 1 k1 bias=false | relu", "--input", "2x2x2", *files, "--json")
    assert done.code == 0
    data = done.json()
    conv, relu = data["layers"]
    assert (conv["name"], conv["output_shape"], conv["min"], conv["max"]) == ("conv1", [1, 2, 2], -4.0, 3.0)
    assert (relu["mean"], relu["zeros"], relu["nonfinite"]) == ((2 + 3 + 1.5) / 4, 1, 0)
    assert relu["std"] == pytest.approx(np.std([2.0, 3.0, 0.0, 1.5]))
    assert data["dtype"] == "float64"  # as the file
    assert data["outputs"] == [{"name": "relu1", "shape": [1, 1, 2, 2]}]
    table = cli("run", "conv 1 k1 bias=false | relu", "--input", "2x2x2", *files).out
    assert "1x2x2  1.625" in table
    assert "25.0%" in table


def test_output_equals_execute(cli: Any, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    graph = convcalc.load(LINE, input="3x8x8")
    weights = convcalc.init_weights(graph, 7, "float32")
    done = cli("run", LINE, "--input", "3x8x8", "--input-file", str(tmp_path / "x.npy"), "--seed", "7",
               "-o", str(tmp_path / "y.npy"))  # fmt: skip
    assert done.code == 0, done.err
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), convcalc.execute(graph, x, weights))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.npy", "y.npy"]


def test_weights_go_round(cli: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **convcalc.init_weights(convcalc.load(LINE, input="3x8x8"), 3, "float32"))
    for how, name in ((("--seed", "3"), "a.npy"), (("--weights", str(tmp_path / "w.npz")), "b.npy")):
        np.save(tmp_path / "x.npy", np.ones((3, 8, 8), np.float32))
        done = cli("run", LINE, "--input", "3x8x8", "--input-file", str(tmp_path / "x.npy"), *how,
                   "-o", str(tmp_path / name))  # fmt: skip
        assert done.code == 0, done.err
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_several_inputs_and_outputs(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(
        "inputs: {left: 1x4, right: 1x4}\n"
        "layers:\n  - add from=(left,right) id=sum\n  - mul from=(left,right) id=product\n"
        "outputs: {s: sum, p: product}\n"
    )
    for name, start in (("left", 0), ("right", 1)):
        np.save(tmp_path / f"{name}.npy", np.arange(start, start + 4.0).reshape(1, 4))
    spec, target = str(tmp_path / "two.yaml"), tmp_path / "y.npz"
    files = [part for n in ("left", "right") for part in ("--input-file", f"{n}={tmp_path / n}.npy")]
    done = cli("run", spec, *files, "-o", str(target))
    assert done.code == 0, done.err
    with np.load(target) as found:
        np.testing.assert_array_equal(found["s"], [[[1.0, 3.0, 5.0, 7.0]]])
        np.testing.assert_array_equal(found["p"], [[[0.0, 2.0, 6.0, 12.0]]])
    target.unlink()
    for arguments, text in (
        ((*files, "-o", str(tmp_path / "y.npy")), ".npz holds several"),
        (files[:2], "input 'right' has no file"),
        (("--input-file", str(tmp_path / "left.npy")), "does not say which input"),
        ((*files[:2], *files[:2]), "given twice"),
    ):
        done = cli("run", spec, *arguments)
        assert (done.code, done.out) == (2, "")
        assert text in done.err
    assert not target.exists()


def test_an_image_becomes_channels_from_zero_to_one(cli: Any, picture: Path, tmp_path: Path) -> None:
    done = cli("run", "identity", "--input-file", str(picture), "-o", str(tmp_path / "y.npy"))
    assert done.code == 0, done.err
    y = np.load(tmp_path / "y.npy")
    assert y.shape == (1, 3, 2, 3)
    np.testing.assert_allclose(y[0, 0], np.arange(6).reshape(2, 3) / 5, rtol=1e-6)
    assert (y[0, 1] == 1).all() and (y[0, 2] == 0).all()
    # Grey where one channel is wanted: ITU-R 601 luma, 299 R + 587 G + 114 B.
    done = cli(
        "run", "identity", "--input", "1x2x3", "--input-file", str(picture), "-o", str(tmp_path / "g.npy")
    )
    assert done.code == 0, done.err
    luma = (0.299 * np.arange(6).reshape(2, 3) * 51 + 0.587 * 255) / 255
    np.testing.assert_allclose(np.load(tmp_path / "g.npy")[0, 0], luma, atol=1 / 255)
    done = cli("run", "identity", "--input", "3x4x4", "--input-file", str(picture))
    assert done.code == 2
    assert "3x2x3" in done.err and "3x4x4" in done.err
    done = cli("run", "identity", "--input", "5x2x3", "--input-file", str(picture))
    assert done.code == 2
    assert "1, 3 or 4 channels" in done.err


def test_pillow_is_asked_for_where_it_is_missing(
    cli: Any, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "PIL":
            raise ImportError("No module named 'PIL'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    done = cli("run", "identity", "--input", "3x2x3", "--input-file", str(picture))
    assert (done.code, done.out) == (2, "")
    assert "pip install 'convcalc[image]'" in done.err


def test_too_little_memory_is_refused_before_anything_is_allocated(cli: Any, tmp_path: Path) -> None:
    target = tmp_path / "y.npy"
    # 3 x 99,999^2 float32 values alone are 120 GB: drawing them would end this process.
    spec = ("run", "conv 8 k3", "--input", "3x99999x99999", "-o", str(target))
    done = cli(*spec)
    assert (done.code, done.out) == (2, "")
    assert "conv1 needs" in done.err and "are allowed" in done.err
    done = cli("run", "vgg16", "--guard", "100MB", "--json")
    assert done.code == 2
    assert "100,000,000 are allowed" in done.json()["errors"][0]["message"]
    assert not target.exists()


def test_sizes_are_read() -> None:
    from convcalc.cli.commands.execute.run import size
    from convcalc.cli.output import UsageProblem

    assert [size(t) for t in ("4GiB", "500MB", "1000000", "1.5k", "2 G", "1TiB")] == [
        4 << 30, 500_000_000, 1_000_000, 1500, 2_000_000_000, 1 << 40,
    ]  # fmt: skip
    for text in ("", "GB", "four", "-1G", "0", "1.5.2M", "nan", "1PB"):
        with pytest.raises(UsageProblem):
            size(text)


def test_wrong_files_are_told(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "y.txt").write_text("")
    np.save(tmp_path / "words.npy", np.array(["a"]))
    np.save(tmp_path / "small.npy", np.ones((3, 4, 4)))
    np.savez(tmp_path / "other.npz", **{"conv1.weight": np.ones((4, 3, 1, 1)), "bn1.bias": np.ones(3)})
    target = tmp_path / "y.npy"
    for arguments, texts in (
        (("--input-file", "nowhere.npy"), ("nowhere.npy: no such file",)),
        (("--input-file", str(tmp_path / "y.txt")), ("expected a .npy file",)),
        (("--input-file", str(tmp_path / "text.npy")), ("text.npy cannot be read",)),
        (("--input-file", str(tmp_path / "words.npy")), ("not numbers",)),
        (("--input-file", str(tmp_path / "small.npy")), ("3x4x4", "3x8x8")),
        (("--weights", "nowhere.npz"), ("nowhere.npz: no such file",)),
        (("--weights", str(tmp_path / "text.npz")), ("not an .npz archive",)),
        (
            ("--weights", str(tmp_path / "other.npz")),
            ("conv1.weight has the shape", "conv1.bias is missing", "bn1.bias belongs to no layer"),
        ),
        (("--dtype", "float3"), ("float32 or float64", "did you mean float32?")),
        (("--seed", "-1"), ("seed is -1",)),
        (("-o", str(tmp_path / "nowhere" / "y.npy")), ("there is no such folder",)),
        (("-o", str(tmp_path / "y.zip")), (".npy, .npz",)),
        (("--guard", "lots"), ("is no size",)),
    ):
        more = () if "-o" in arguments else ("-o", str(target))
        done = cli("run", LINE, "--input", "3x8x8", *arguments, *more)
        assert (done.code, done.out) == (2, ""), arguments
        for text in texts:
            assert text in done.err, arguments
        assert json.loads(cli("run", LINE, "--input", "3x8x8", *arguments, *more, "--json").out)["errors"]
        assert not target.exists()
    if pytest.importorskip("PIL"):
        assert "not an image" in cli("run", "identity", "--input-file", str(tmp_path / "text.png")).err


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.executor import files

    target = tmp_path / "y.npy"
    target.write_bytes(b"before")

    def full(file: Any, *args: Any, **kwargs: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(files.np, "save", full)
    with pytest.raises(OSError):
        files.write_outputs(target, {"y": np.ones(3)})
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_values_that_are_no_numbers_are_said(cli: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1.0, np.nan, np.inf, 3.0]]))
    done = cli("run", "identity", "--input", "1x4", "--input-file", str(tmp_path / "x.npy"))
    assert "infinite or no number (2 of them)" in done.out
    row = cli("run", "identity", "--input", "1x4", "--input-file", str(tmp_path / "x.npy"), "--json").json()
    assert (row["layers"][0]["mean"], row["layers"][0]["nonfinite"]) == (2.0, 2)


def test_unstated_dimensions_are_told(cli: Any) -> None:
    for spec, shape in (("conv 3->4 k3", ()), ("conv 4 k3", ("--input", "3xHxW")), ("conv 3->N k3", ())):
        done = cli("run", spec, *shape)
        assert (done.code, done.out) == (2, "")
        assert "only numbers can be executed" in done.err
        assert "--input CxHxW" in done.err


def in_terminal(*arguments: str) -> bytes:
    """Standard error of the command line, where that is a terminal."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "convcalc", *arguments], stdout=subprocess.DEVNULL, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(ours)
    assert child.wait() == 0
    return seen


@pytest.mark.slow
def test_long_work_shows_a_bar_in_a_terminal_only(process: Any) -> None:
    assert b"/41" in in_terminal("run", "vgg16")
    assert in_terminal("run", "relu", "--input", "1x4") == b""
    assert process("run", "vgg16").err == ""


def test_a_batch_of_nothing_is_refused(cli: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 3, 8, 8), np.float32))
    done = cli("run", LINE, "--input", "3x8x8", "--input-file", str(tmp_path / "none.npy"))
    assert done.code == 2
    assert "input 'input' holds no sample; its shape is (0, 3, 8, 8)" in done.err
    with pytest.raises(convcalc.ExecutionError, match="no sample"):
        convcalc.execute(convcalc.load("relu", input="2x4"), np.zeros((0, 2, 4)))


def test_unpooling_to_less_than_was_pooled_says_what_is_missing(cli: Any) -> None:
    # 7 -> 3 leaves the last row out: 2*3 = 6 has no place for the indices (a RuntimeError in PyTorch).
    line = "input 64x7x7 | maxpool k2 id=p | unpool k2 {}from=[p,p.indices]"
    done = cli("run", line.format(""))
    assert done.code == 2
    assert "unpool1: an index points outside the output of size 6x6; size= states that of the map" in done.err
    assert cli("run", line.format("size=(7,7) ")).code == 0


def test_a_file_of_the_other_byte_order_keeps_its_precision(cli: Any, tmp_path: Path) -> None:
    third = np.full((1, 4), 1 / 3)
    np.save(tmp_path / "x.npy", third.astype(third.dtype.newbyteorder()))
    files = ("--input-file", str(tmp_path / "x.npy"), "--output", str(tmp_path / "y.npy"))
    assert cli("run", "identity", "--input", "1x4", *files).code == 0
    assert np.array_equal(np.load(tmp_path / "y.npy"), third[None])
