"""Reports: sums by block and in total, batches, what is unknown, JSON, and how a report shows itself."""

from __future__ import annotations

import json
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.count.counts import METRICS
from convcalc.calculators.count.report import LayerReport

OPS = ("add", "mul", "cmp", "div", "special")
COUNTED = {"params", "buffers", "macs", "valid_macs", "flops", "ops", "activations"}
LAYER_KEYS = COUNTED | {"name", "op", "block", "input_shapes", "output_shape"}
TOTAL_KEYS = COUNTED | {"param_bytes", "peak_memory_bytes"}
NETWORKS = ["resnet18", "mobilenet_v2", "squeezenet1_1"]


def report(spec: str, shape: Any = None, **settings: Any) -> Any:
    return convcalc.analyze(convcalc.load(spec, input=shape), **settings)


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Any:
    return report(request.param)


def numbers(counts: Any) -> dict[str, int]:
    return {m: getattr(counts, m) for m in METRICS} | {f"ops.{k}": getattr(counts.ops, k) for k in OPS}


def summed(rows: list[LayerReport]) -> dict[str, int]:
    if not rows:
        return {}
    return {key: sum(numbers(row)[key] for row in rows) for key in numbers(rows[0])}


def test_totals_are_the_sums_of_the_layers(network: Any) -> None:
    assert numbers(network.totals) == summed(network.layers)


def test_every_layer_keeps_the_definitions(network: Any) -> None:
    for row in [*network.layers, network.totals]:
        assert row.params == row.weights + row.biases + row.other
        assert row.flops == 2 * row.macs + sum(row.ops)
        assert 0 <= row.valid_macs <= row.macs
    for row in network.layers:
        weighted = row.op in ("conv", "dwconv", "convT", "linear")
        assert bool(row.macs) == weighted
        assert row.activations == (prod(row.output_shape) if weighted else 0)
        assert bool(row.buffers) == (row.op == "bn")


@pytest.mark.parametrize("depth", range(6))
def test_blocks_are_the_sums_of_what_stands_in_them(network: Any, depth: int) -> None:
    """Folding by the dotted names, done here with plain prefixes."""
    groups: dict[str, list[LayerReport]] = {}
    for row in network.layers:
        groups.setdefault(".".join(row.name.split(".")[:depth]) if depth else network.name, []).append(row)
    folded = network.fold(depth)
    assert [row.name for row in folded] == list(groups)
    for row in folded:
        inside = groups[row.name]
        assert numbers(row) == summed(inside)
        assert row.input_shapes[:1] == inside[0].input_shapes[:1]
        assert row.output_shape == inside[-1].output_shape
        if row.op == "block":
            assert row.layers == len(inside)
            assert row.node is None
        else:
            assert inside == [row]
    for metric in METRICS:
        shares = [network.share(row, metric) for row in folded]
        if None not in shares:
            assert sum(shares) == pytest.approx(1)


def test_folding_needs_a_depth(network: Any) -> None:
    with pytest.raises(ValueError, match="depth must be 0 or more, got -1"):
        network.fold(-1)


@given(st.integers(1, 10**6), st.sampled_from(["float64", "float32", "float16", "bfloat16", "int8"]))
def test_a_batch_multiplies_all_but_what_is_stored(batch: int, dtype: str) -> None:
    line = "conv 8 k3 p1 s2 | bn | relu | globalavgpool | flatten | linear 5"
    one, many = (report(line, "3x16x16", batch=n, dtype=dtype) for n in (1, batch))
    for a, b in zip([*one.layers, one.totals], [*many.layers, many.totals], strict=True):
        before, after = numbers(a), numbers(b)
        for key in before:
            stored = key in ("params", "trainable", "frozen", "weights", "biases", "other", "buffers")
            assert after[key] == before[key] * (1 if stored else batch), key
    assert many.totals.param_bytes == one.totals.param_bytes
    assert many.totals.peak_memory_bytes == batch * one.totals.peak_memory_bytes


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "2", None])
def test_batches_are_whole(batch: Any) -> None:
    with pytest.raises(ValueError, match="batch must be a whole number"):
        report("conv 4 k3", "3x8x8", batch=batch)


def test_number_types_are_known() -> None:
    with pytest.raises(ValueError, match="unknown dtype 'float8'"):
        report("conv 4 k3", "3x8x8", dtype="float8")


def test_json_holds_the_contract(network: Any) -> None:
    data = json.loads(network.to_json())
    assert data == json.loads(json.dumps(network.to_dict()))
    assert data["name"] == network.name
    assert data["input"] == list(network.inputs[0])
    assert data["batch"] == 1
    assert len(data["layers"]) == len(network.layers)
    assert data["totals"].keys() >= TOTAL_KEYS
    for row, layer in zip(data["layers"], network.layers, strict=True):
        assert row.keys() >= LAYER_KEYS
        assert tuple(row["ops"]) == OPS
        assert row["name"] == layer.name
        assert row["block"] == layer.name.rpartition(".")[0]
        assert row["output_shape"] == list(layer.output_shape)
        assert row["input_shapes"] == [list(shape) for shape in layer.input_shapes]
        for key in ("params", "buffers", "macs", "valid_macs", "flops", "activations"):
            assert type(row[key]) is int
            assert row[key] == getattr(layer, key)
    assert tuple(data["totals"]["ops"]) == OPS
    for key in TOTAL_KEYS - {"ops"}:
        assert type(data["totals"][key]) is int
        assert data["totals"][key] == getattr(network.totals, key)


def test_shapes_are_without_the_batch() -> None:
    data = report("conv 4 k3 | flatten", "3x8x6", batch=7).to_dict()
    assert (data["batch"], data["input"]) == (7, [3, 8, 6])
    assert [row["output_shape"] for row in data["layers"]] == [[4, 6, 4], [96]]
    assert data["layers"][0]["input_shapes"] == [[3, 8, 6]]


@given(*(st.integers(10**9, 10**30) for _ in range(4)))
def test_integers_are_exact_at_any_size(c: int, m: int, h: int, w: int) -> None:
    data = json.loads(report(f"conv {c}->{m} k3", (c, h, w)).to_json())
    totals = data["totals"]
    assert totals["params"] == 9 * c * m + m
    assert totals["macs"] == totals["valid_macs"] == 9 * c * m * (h - 2) * (w - 2)
    assert totals["activations"] == m * (h - 2) * (w - 2)
    assert totals["flops"] == 2 * totals["macs"] + totals["activations"]
    assert totals["peak_memory_bytes"] == 4 * (c * h * w + m * (h - 2) * (w - 2))
    assert totals["params"] > 2**53


def test_padding_of_any_size_is_counted_exactly() -> None:
    """Same padding of k3 leaves out one tap at each end of an axis: (3n - 2) of 3n."""
    n = 10**20
    data = report("conv 1->1 k3 p1 bias=false", (1, n, n)).to_dict()
    assert data["totals"]["macs"] == 9 * n * n
    assert data["totals"]["valid_macs"] == (3 * n - 2) ** 2


def test_several_inputs() -> None:
    text = (
        "inputs: {a: 3x8x8, b: 5x4}\noutputs: [c, d]\n"
        "layers:\n  - conv 4 k3 from=a id=c\n  - linear 2 axis=channels from=b id=d\n"
    )
    data = report(text).to_dict()
    assert data["input"] == [3, 8, 8]
    assert data["inputs"] == [[3, 8, 8], [5, 4]]
    assert [row["output_shape"] for row in data["layers"]] == [[4, 6, 6], [2, 4]]


def test_what_is_unknown_is_null_and_never_a_total() -> None:
    found = report("conv 3->4 k3 | flatten")
    assert found.status["params"] == "complete"
    assert found.status["macs"] == found.status["flops"] == "unavailable"
    data = json.loads(found.to_json())
    assert data["totals"]["params"] == 112
    assert data["totals"]["macs"] is None
    assert data["totals"]["peak_memory_bytes"] is None
    assert data["layers"][0]["output_shape"] == [4, None, None]


def test_a_part_is_named_a_part() -> None:
    """After adaptive pooling the sizes are known again; what comes before them is not."""
    found = report("conv 3->4 k3 | adaptiveavgpool size=2 | conv 5 k1 bias=false")
    assert found.status["macs"] == "partial"
    data = found.to_dict()
    assert data["totals"]["macs"] is None
    assert data["partial_totals"]["macs"] == 4 * 5 * 2 * 2
    assert data["status"]["macs"] == "partial"


def test_closed_forms_are_texts() -> None:
    import sympy

    data = report("conv M->N kK bias=false", "MxHxW").to_dict()
    k, m, n = sympy.symbols("K M N")
    assert sympy.sympify(data["totals"]["params"], {"K": k, "M": m, "N": n}).equals(m * n * k**2)
    assert json.loads(json.dumps(data)) == data


def test_it_shows_in_a_terminal(network: Any) -> None:
    import io

    from rich.console import Console

    for width in (60, 200):
        out = io.StringIO()
        Console(file=out, width=width, force_terminal=False).print(network, crop=False, soft_wrap=True)
        lines = out.getvalue().splitlines()
        assert network.name in lines[0]
        assert max(map(len, lines)) <= max(width, 80)
        assert lines[-1].strip()
    assert lines[0].rstrip() == f"{str(network).splitlines()[0]}, batch 1"


def test_it_shows_in_a_notebook(network: Any) -> None:
    from html.parser import HTMLParser

    class Rows(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.rows = 0
            self.text: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag != "br":
                self.open.append(tag)
            self.rows += tag == "tr"

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

        def handle_data(self, data: str) -> None:
            self.text.append(data)

    parser = Rows()
    parser.feed(network._repr_html_())
    assert parser.open == []
    assert 4 < parser.rows <= len(network.layers) + 2  # blocks are folded where there are many layers
    assert any(network.layers[0].name.partition(".")[0] in text for text in parser.text)
    assert any(f"{network.totals.params:,}" in text for text in parser.text)


def test_a_notebook_runs_nothing_of_a_spec() -> None:
    found = report('name: "<script>alert(1)</script>"\ninput: 3x8x8\nlayers: [conv 4 k3]\n')
    assert "<script" not in found._repr_html_()


def test_tables_of_a_report(network: Any) -> None:
    assert network.table("params").records()[0]["params"] == network.layers[0].params
    with pytest.raises(ValueError, match="no view 'sizes'"):
        network.table("sizes")
