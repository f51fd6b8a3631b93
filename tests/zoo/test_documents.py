"""What holds for every document of the zoo, whatever network it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import convcalc
from convcalc.exporters import text as printer
from convcalc.spec.document import schema
from tests.zoo.counts import counts, graph

HERE = Path(__file__).parent
ZOO = Path(convcalc.__file__).parent / "zoo"
BLOCKS = Path(convcalc.__file__).parent / "blocks"
VALIDATOR = jsonschema.Draft202012Validator(schema.json_schema())
NAMES = sorted(path.stem for path in ZOO.glob("*.yaml"))
# Documents that other documents extend and that are no published network of their own name.
BASES = {
    "beit",
    "cait",
    "coat",
    "coatnet",
    "convnext",
    "crossvit",
    "davit",
    "densenet",
    "dla",
    "edgenext",
    "efficientformer",
    "efficientnet_v2",
    "eva02",
    "fastvit",
    "hiera",
    "hrnet",
    "levit",
    "mobilevit",
    "mvitv2",
    "nfnet",
    "poolformer",
    "pvt_v2",
    "regnet",
    "resnest",
    "resnet",
    "sequencer2d",
    "sknet",
    "swin",
    "twins",
    "vgg",
    "visformer",
    "vit",
    "vovnet",
    "xcit",
}


def read(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("path", [*ZOO.glob("*.yaml"), *BLOCKS.glob("*.yaml")], ids=lambda p: p.stem)
def test_fits_the_schema(path: Path) -> None:
    VALIDATOR.validate(read(path))


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    document = read(ZOO / f"{name}.yaml")
    assert document["name"] == graph(name).name
    assert document["source"] == graph(name).source


# Those that only set variables of another are left to the long run.
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if "extends" in read(ZOO / f"{n}.yaml") else n for n in NAMES],
)
def test_expanded_text_reads_back_as_the_same_graph(name: str) -> None:
    network = graph(name)
    again = convcalc.load(printer.format_graph(network))
    assert [(n.name, n.layer, n.inputs, n.outputs) for n in again.nodes] == [
        (n.name, n.layer, n.inputs, n.outputs) for n in network.nodes
    ]
    assert again.outputs == network.outputs


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_has_a_name_of_its_own(name: str) -> None:
    names = [node.name for node in graph(name).nodes]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", NAMES)
def test_every_count_is_known(name: str) -> None:
    totals = convcalc.analyze(graph(name)).to_dict()["totals"]
    numbers = json.loads(json.dumps(totals))
    assert all(isinstance(v, int) for v in numbers["ops"].values())
    assert numbers["params"] > 0
    assert 0 < numbers["valid_macs"] <= numbers["macs"]
    assert numbers["flops"] == 2 * numbers["macs"] + sum(numbers["ops"].values())


def test_sixty_networks_each_held_to_a_published_figure() -> None:
    held = "".join(
        path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py") if path != Path(__file__)
    )
    networks = [name for name in NAMES if name not in BASES]
    assert len(networks) >= 60
    assert [name for name in networks if f'"{name}"' not in held] == []


@pytest.mark.parametrize("base", sorted(BASES))
def test_a_base_is_a_network_too(base: str) -> None:
    assert counts(base).params > 1_000_000
