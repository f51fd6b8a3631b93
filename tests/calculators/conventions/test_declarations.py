"""The files of conventions: well-formed, complete, and no file more than a file to add."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import convcalc
from convcalc.calculators.conventions import declaration
from convcalc.calculators.conventions.declaration import convention, names, read
from convcalc.calculators.conventions.structure import kinds, known
from convcalc.graph import WRITTEN
from tests.calculators.conventions.test_totals import rows

MINIMAL: dict[str, Any] = {
    "name": "mine", "title": "Mine", "version": "1", "about": "Half of all.", "sees": "operators",
    "unit": "halves", "source": "mine.py",
    "rules": [{"layers": ["conv"], "terms": {"products": "macs//2"}, "source": "half"}],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of conventions of one's own, that of the project copied into it."""
    for name in (*names(), declaration.STRUCTURES):
        (tmp_path / f"{name}.yaml").write_text(Path(declaration._FOLDER, f"{name}.yaml").read_text())
    monkeypatch.setattr(declaration, "_FOLDER", str(tmp_path))
    convention.cache_clear()
    yield tmp_path
    convention.cache_clear()


def write(folder: Path, **changes: Any) -> None:
    (folder / "mine.yaml").write_text(yaml.safe_dump(MINIMAL | changes))


@pytest.mark.parametrize("name", names())
def test_a_convention_is_well_formed(name: str) -> None:
    told = convention(name)
    assert told.name == name
    assert all((told.title, told.version, told.about, told.unit, told.source))
    for op, rule in {**told.rules, **told.activations}.items():
        assert len(rule.source) > 8, op
        assert set(rule.written) <= set(WRITTEN)


@pytest.mark.parametrize("name", names())
def test_a_rule_that_counts_products_otherwise_or_not_at_all_names_a_fault(name: str) -> None:
    """What is left out of our MACs, or counted otherwise, is said to be so beside the rule."""
    told = convention(name)
    weigh = {"conv", "dwconv", "convT", "linear", "matmul", "rnn", "lstm", "gru"}
    assert weigh <= set(told.rules)
    for row in read(name)["rules"]:
        if weigh.isdisjoint(row["layers"]):
            continue
        forms = [row["terms"], *(row[word] for word in WRITTEN if isinstance(row.get(word), dict))]
        whole = row["terms"].get("products") in ("macs", "macs//batch")
        recurrent = {"rnn", "gru", "lstm"} & set(row["layers"]) and row["terms"]
        assert whole or recurrent or row.get("fault") or name == "ptflops", (name, row["layers"], forms)


def test_a_file_more_is_a_choice_more(folder: Path, cli: Any) -> None:
    write(folder)
    done = cli("summary", "conv 8 k3 bias=false", "--input", "3x8x8", "--as", "mine", "--json")
    assert done.code == 0, done.err
    found = done.json()
    (told,) = found["counted_as"]
    assert (told["tool"], told["total"], told["unit"]) == ("mine", found["totals"]["macs"] // 2, "halves")
    assert "mine" in cli("summary", "-h").out
    assert "mine" in cli("conventions", "conv 8 k3", "--input", "3x8x8").out


def test_a_wrong_rule_is_noticed(folder: Path) -> None:
    """The tables would say so: a rule that is changed gives another total."""
    path = folder / "thop.yaml"
    path.write_text(path.read_text().replace("inputs*2*(1 + affine)", "inputs*2"))
    printed = next(row for row in rows("reference.csv") if row["model"] == "resnet18")["thop"]
    (bridge,) = convcalc.conventions("resnet18", ("thop",))
    assert bridge.total != int(float(printed))


@pytest.mark.parametrize(
    "changes",
    [
        {"sees": "nothing"},
        {"surplus": 1},
        {"rules": [{"layers": ["conv"], "terms": {}, "source": "x", "fuse": {}}]},
        {"rules": [{"layers": ["conv"], "terms": {}}]},
        {"rules": [{"layers": ["convolution"], "terms": {}, "source": "x"}]},
        {"rules": [{"layers": ["conv", "conv"], "terms": {}, "source": "x"}]},
        {"rules": [{"layers": ["conv"], "terms": {"products": "macs *"}, "source": "x"}]},
        {"rules": [{"layers": ["conv"], "terms": {"products": "mac"}, "source": "x"}]},
    ],
    ids=str,
)
def test_a_file_that_is_not_well_formed_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    write(folder, **changes)
    with pytest.raises((ValueError, LookupError)):
        convcalc.conventions("conv 8 k3", ("mine",), input="3x8x8")


def test_structures_name_networks_and_layers_that_there_are() -> None:
    """No row of the table is idle, but for what names whole families."""
    from fnmatch import fnmatchcase

    graphs = [convcalc.load(row["model"]) for row in rows("networks.csv")[:40:4]]
    patterns = read(declaration.STRUCTURES)["networks"]
    for graph in graphs:
        hit = any(fnmatchcase(graph.name, pattern) for pattern in patterns)
        assert hit or {kinds(graph)(node) for node in graph.nodes} <= {"module", "method"}
    assert not known(convcalc.load("conv 3->8 k3 | relu"))
