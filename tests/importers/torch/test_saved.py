"""Saved programs, read without PyTorch and held against what PyTorch has computed with the same weights."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.importers.torch import pt2
from tests.importers.torch.mutations import answer, changed
from tests.importers.torch.test_state import FILES, PARAMS

SMALL = FILES / "small.pt2"


def test_a_saved_program_is_counted() -> None:
    graph = pt2.read(SMALL)
    report = convcalc.analyze(graph)
    # conv 8*27*5*5 + grouped conv 8*4*9*5*5 + head 8*10 + lstm (16*8 + 16*4) for each of 5 words
    assert report.totals.macs == 8 * 27 * 25 + 8 * 36 * 25 + 80 + 5 * 192
    assert report.totals.params == PARAMS
    assert report.totals.frozen == 224, "the first convolution"
    assert report.totals.buffers == 16 + 8 + 3
    assert report.outputs == {"scores": (10,), "states.0": (5, 4), "states.1": (8,)}


def test_it_gives_what_pytorch_gave() -> None:
    graph = pt2.read(SMALL)
    due = np.load(FILES / "values.npz")
    found = convcalc.run(graph, {"image": due["image"], "words_input": due["words"]}).outputs
    for name, key in (("scores", "scores"), ("states.0", "states0"), ("states.1", "states1")):
        assert np.abs(found[name] - due[key]).max() < 1e-5 * np.abs(due[key]).max(), name


def test_paths_are_those_of_the_modules() -> None:
    names = [node.name for node in pt2.read(SMALL).nodes]
    assert {"conv", "bn", "block.0", "words_input", "words", "memory", "head"} <= set(names)


def test_its_sizes_are_fixed() -> None:
    own = pt2.read(SMALL, "image=3x9x9,words=5")
    assert own == pt2.read(SMALL)
    with pytest.raises(convcalc.SpecError, match="sizes of an exported program were fixed") as caught:
        pt2.read(SMALL, "3x10x10")
    assert caught.value.problems[0].expected is not None
    assert "image=3x9x9, words=5" in caught.value.problems[0].expected


def rewritten(path: Path, change: Callable[[Any], None]) -> Path:
    """The saved program with its JSON changed."""
    with zipfile.ZipFile(SMALL) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename.endswith("models/model.json"):
                tree = json.loads(data)
                change(tree)
                data = json.dumps(tree).encode()
            new.writestr(info.filename, data)
    return path


def calls(tree: Any) -> list[Any]:
    found: list[Any] = tree["graph_module"]["graph"]["nodes"]
    return found


def test_an_unknown_operator_is_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    def change(tree: Any) -> None:
        node = next(node for node in calls(tree) if node["target"].endswith("relu_.default"))
        node["target"] = "torch.ops.aten.fold_away.default"

    graph = pt2.read(rewritten(tmp_path / "x.pt2", change))
    (node,) = (node for node in graph.nodes if node.op == "opaque")
    assert node.outputs == ((8, 5, 5),)
    assert any("fold_away" in note for note in graph.notes)
    assert convcalc.analyze(graph).totals.params == PARAMS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.update(schema_version={"major": 9}), "version 9 of the schema"),
        (lambda t: calls(t).reverse(), "which nothing before it makes"),
        (lambda t: calls(t).append(calls(t)[-1]), "twice"),
        (lambda t: calls(t)[3].pop("inputs"), r"at call 3 \(aten"),
        (lambda t: t.pop("graph_module"), "damaged at its head"),
        (lambda t: t["graph_module"]["graph"]["tensor_values"].clear(), "damaged at an input"),
    ],
)
def test_a_damaged_program_is_refused_at_its_place(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(convcalc.SpecError, match=said):
        pt2.read(rewritten(tmp_path / "x.pt2", change))


def test_a_change_in_place_that_is_seen_elsewhere_is_refused(tmp_path: Path) -> None:
    def change(tree: Any) -> None:
        relu = next(node for node in calls(tree) if node["target"].endswith("relu_.default"))
        mul = next(node for node in calls(tree) if node["target"].endswith("mul.Tensor"))
        mul["inputs"][0]["arg"] = relu["inputs"][0]["arg"]  # read under the name from before

    with pytest.raises(convcalc.SpecError, match=r"aten\.relu_\.default in block\.1 .* read again"):
        pt2.read(rewritten(tmp_path / "x.pt2", change))


@pytest.mark.parametrize("name", ["small.pt2", "small.pth", "small_old.pth", "checkpoint.pth", "script.pt"])
def test_damaged_files_are_answered_with_one_message(tmp_path: Path, name: str) -> None:
    import random

    whole = (FILES / name).read_bytes()
    path = tmp_path / name
    for seed in range(60):
        path.write_bytes(changed(whole, random.Random(seed)))
        answer(path)  # raises whatever is no answer
