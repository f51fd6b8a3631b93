"""The forms that configurations come in, what is not in the language, and files that mean harm.

Configurations are written by hand, after what Keras 2.15 and 3.15 write; numbers are worked out beside them.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import convcalc
from convcalc.importers.keras.files import looks_like, read
from convcalc.spec.errors import SpecError
from tests.importers.keras import fuzz
from tests.importers.keras.models import DATA

CONV = {
    "class_name": "Conv2D",
    "config": {"name": "c", "filters": 4, "kernel_size": [3, 3], "padding": "same"},
}
DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 5, "activation": "relu"}}


def entry(*shape: Any, name: str = "in") -> dict[str, Any]:
    return {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": name}}


def chain(*layers: dict[str, Any], **more: Any) -> str:
    return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [*layers], **more}})


def totals(given: Any, **more: Any) -> Any:
    return convcalc.analyze(read(given, **more)).totals


def refused(given: Any, **more: Any) -> str:
    with pytest.raises(SpecError) as caught:
        read(given, **more)
    assert len(caught.value.problems) == 1
    return str(caught.value)


def keras2() -> dict[str, Any]:
    """A residual block as Keras 2 writes it: nodes are lists, and a layer is called twice."""

    def layer(kind: str, name: str, nodes: list[Any], **config: Any) -> dict[str, Any]:
        return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}

    size = {"filters": 3, "kernel_size": [3, 3], "padding": "same", "activation": "relu"}
    layers = [
        layer("InputLayer", "x", [], batch_input_shape=[None, 8, 8, 3], sparse=False, ragged=False),
        layer("Conv2D", "c", [[["x", 0, 0, {}]], [["c", 0, 0, {}]]], **size),
        layer("Add", "a", [[["c", 1, 0, {}], ["x", 0, 0, {}]]]),
        layer("TFOpLambda", "t", [["a", 0, 0, {"y": 2.0, "name": None}]], function="math.multiply"),
    ]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["t", 0, 0]]}
    return {"class_name": "Functional", "config": {"name": "m", "layers": layers, **ends}}


def test_nodes_of_keras_2_are_read_and_a_layer_called_twice_is_counted_once() -> None:
    graph = read(json.dumps(keras2()))
    assert [node.name for node in graph.nodes if node.op == "conv"] == ["c.conv", "c-2.conv"]
    found = convcalc.analyze(graph).totals
    assert found.params == 3 * 3 * 3 * 3 + 3
    assert found.macs == 2 * 8 * 8 * 81 * 1
    assert graph.nodes[-1].op == "mul"


def test_a_configuration_without_its_class_is_read() -> None:
    assert totals(json.dumps(keras2()["config"])).params == 84
    assert totals(json.dumps(json.loads(chain(entry(6, 6, 3), CONV))["config"])).params == 112


def test_the_first_axis_is_the_channels_here_whatever_it_is_there() -> None:
    assert read(chain(entry(6, 5, 3), CONV)).shape(convcalc.graph.Edge(1)) == (4, 6, 5)
    first = {"class_name": "Conv2D", "config": {**CONV["config"], "data_format": "channels_first"}}
    assert read(chain(entry(3, 6, 5), first)).shape(convcalc.graph.Edge(1)) == (4, 6, 5)


def test_sizes_that_are_open_are_letters_and_given_ones_replace_them() -> None:
    text = chain(entry(None, None, 3), CONV)
    assert str(totals(text).macs) in ("108*H*W", "108*W*H")
    assert totals(text, input="3x4x5").macs == 108 * 20
    assert totals(text, input={"in": (3, 4, 5)}).macs == 108 * 20
    assert totals(text, set={"H": 4, "W": "5"}).macs == 108 * 20
    assert totals(chain(entry(9, 9, 3), CONV), input=(3, 4, 5)).macs == 108 * 20


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("4x6x6", "has 4 channels"),
        ("1x3x6x6", "has 4 sizes"),
        ("3x0x6", "is no size"),
        ({"other": "3x6x6"}, "no input 'other'"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(given: Any, said: str) -> None:
    assert said in refused(chain(entry(6, 6, 3), CONV), input=given)


def test_an_input_that_changes_what_a_dense_layer_reads_is_refused() -> None:
    dense = {**DENSE, "build_config": {"input_shape": [None, 108]}}
    text = chain(entry(6, 6, 3), {"class_name": "Flatten", "config": {"name": "f"}}, dense)
    assert totals(text).params == 545
    assert "weights for 108 features, and 192 arrive" in refused(text, input="3x8x8")


def test_what_is_not_in_the_language_is_named_and_the_rest_is_counted() -> None:
    odd = {
        "module": "mine",
        "class_name": "Swirl",
        "config": {"name": "odd"},
        "registered_name": "mine>Swirl",
    }
    conv = {**CONV, "build_config": {"input_shape": [None, 6, 6, 3]}}
    code = {"class_name": "Lambda", "config": {"name": "l", "function": ["4wEAAAAA", None, None]}}
    graph = read(chain(entry(6, 6, 3), odd, conv, code))
    assert [node.op for node in graph.nodes] == ["input", "opaque", "conv", "opaque"]
    assert [note.partition(":")[0] for note in graph.notes] == ["odd", "l"]
    rows = {row.name: row for row in convcalc.analyze(graph).layers}
    assert rows["c"].params == 112
    assert rows["c"].macs == 36 * 108


def test_what_changes_a_value_is_never_dropped() -> None:
    for config in (
        {"class_name": "Conv2D", "config": {**CONV["config"], "novel": 3}},
        {"class_name": "Dense", "config": {**DENSE["config"], "activation": "sparsemax"}},
        {"class_name": "Embedding", "config": {"input_dim": 4, "output_dim": 3, "mask_zero": True}},
        {"class_name": "Dense", "config": {**DENSE["config"], "dtype": {
            "class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}}},
    ):  # fmt: skip
        assert any(node.op == "opaque" for node in read(chain(entry(6, 6, 3), config)).nodes), config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("{}", "class_name is missing"),
        ('{"class_name": "Dense", "config": {}}', "is no Sequential or functional model"),
        ('{"class_name": "Sequential", "config": {"layers": [7]}}', "a layer is a number"),
        ('{"class_name": "Sequential", "config": {"layers": []}}', "does not say what it reads"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"a": ' + "1" * 10_000 + "}", "no configuration"),
        ('{"a": [' + "1," * 1_600_000 + "1]}", "more than 1,500,000 values"),
        (chain(entry(6, 6, 3), CONV, CONV), "two layers of this name"),
    ],
)
def test_a_text_that_is_no_model_is_one_message(text: str, said: str) -> None:
    assert said in refused(text)


def test_layers_that_wait_for_one_another_are_refused() -> None:
    tree = keras2()
    tree["config"]["layers"][1]["inbound_nodes"] = [[["c", 1, 0, {}]], [["c", 0, 0, {}]]]
    assert "wait for one another" in refused(json.dumps(tree))
    tree["config"]["layers"][1]["inbound_nodes"] = [[["y", 0, 0, {}]]]
    assert "there is no such layer" in refused(json.dumps(tree))


def test_models_called_in_models_do_not_multiply_without_end() -> None:
    model = keras2()["config"]
    for level in range(20):
        twice = [[["x", 0, 0, {}]], [["m", 0, 0, {}]], [["m", 1, 0, {}]]]
        inner = {
            "class_name": "Functional",
            "name": "m",
            "config": {**model, "name": "m"},
            "inbound_nodes": twice,
        }
        layers = [keras2()["config"]["layers"][0], inner]
        ends = {"input_layers": [["x", 0, 0]], "output_layers": [["m", 2, 0]]}
        model = {"name": f"level{level}", "layers": layers, **ends}
    assert "calls of layers" in refused(json.dumps(model))


def packed(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", ".", 1), content)
    return data.getvalue()


def test_archives_that_unpack_to_more_than_they_say_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.keras"
    path.write_bytes(packed(config_json=b" " * 30_000_000))
    assert "at most 16,000,000 are read" in refused(path)
    path.write_bytes(packed(metadata_json=b"{}"))
    assert "has no config.json" in refused(path)
    path.write_bytes(packed(config_json=chain(entry(6, 6, 3), CONV).encode())[:-30])
    assert "damaged" in refused(path)


def test_weights_elsewhere_are_not_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = [[1.0] * 5] * 3
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = h5py.ExternalLink(str(secret), "kernel")
        group["1"] = [0.0] * 4
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("config.json", chain(entry(3), DENSE))
        archive.writestr("model.weights.h5", weights.getvalue())
    path = tmp_path / "a.keras"
    path.write_bytes(data.getvalue())
    graph = read(path)
    assert graph.weights is not None
    with pytest.raises(SpecError, match="no such weights"):
        graph.weights["d.linear.weight"]
    with pytest.raises(SpecError, match="the file has 4, and the layer needs 5"):
        graph.weights["d.linear.bias"]


def test_an_old_file_is_read_with_its_weights(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = chain(entry(3), DENSE)
        group = file.create_group("model_weights/d")
        group.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        group["d/kernel:0"] = [[float(10 * i + o) for o in range(5)] for i in range(3)]
        group["d/bias:0"] = [0.0, 1.0, 2.0, 3.0, 4.0]
    graph = read(path)
    assert graph.weights is not None
    assert graph.weights["d.linear.weight"].tolist() == [
        [float(10 * i + o) for i in range(3)] for o in range(5)
    ]
    assert graph.weights["d.linear.bias"].tolist() == [0, 1, 2, 3, 4]
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["a"] = 1
    assert "weights alone" in refused(other)


def test_a_file_is_known_by_its_content() -> None:
    assert looks_like((DATA / "text.keras").read_bytes()[:4096])
    assert looks_like(chain(entry(3), DENSE).encode())
    assert not looks_like(b'{"layers": 3}')
    assert not looks_like(b"layers:\n  - relu")
    assert not looks_like(packed(data_pkl=b""))


def test_changed_files_are_read_or_refused_in_one_message() -> None:
    outcomes = fuzz.main(150, seed=3)
    assert outcomes["read"] > 20
    assert outcomes["refused"] > 20
