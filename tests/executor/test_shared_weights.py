"""Weights that layers share: stored once, under any of their names, executed as the same arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor.memory import estimate_memory
from convcalc.executor.run import Runner
from convcalc.executor.weights import WeightsError, init_weights, load_weights, weight_shapes

SPEC = "input 4x6x6 | conv 4 k3 p1 id=a | relu | conv 4 k3 p1 share=a id=b | convT 4 k3 share=a.weight id=c"
NAMES = ["a.weight", "a.bias", "c.bias"]


def arrays() -> dict[str, Any]:
    return init_weights(convcalc.load(SPEC), seed=3)


def test_each_array_is_there_once() -> None:
    graph = convcalc.load(SPEC)
    assert list(weight_shapes(graph)) == NAMES
    weights = init_weights(graph)
    assert list(weights) == NAMES
    runner = Runner(graph, weights)
    assert runner.by_node["b"]["weight"] is runner.by_node["a"]["weight"] is runner.by_node["c"]["weight"]
    assert runner.by_node["b"]["bias"] is runner.by_node["a"]["bias"]
    assert runner.by_node["c"]["bias"] is weights["c.bias"]


def test_memory_holds_it_once() -> None:
    line = "input 64 | linear 64 id=a" + " | linear 64 share=a" * 9
    many = line.replace(" share=a", "")
    one, ten = (estimate_memory(convcalc.load(spec)).needed for spec in (line, many))
    assert ten - one == 9 * (64 * 64 + 64) * 4


@pytest.fixture(params=["mapping", "file"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    def loaded(weights: dict[str, Any]) -> dict[str, Any]:
        if request.param == "mapping":
            return load_weights(SPEC, weights)
        np.savez(tmp_path / "w.npz", **weights)
        return load_weights(SPEC, tmp_path / "w.npz")

    return loaded


def test_a_copy_under_the_name_of_a_sharer_is_taken_where_it_is_equal(load: Any) -> None:
    weights = arrays()
    copies = {**weights, "b.weight": weights["a.weight"].copy(), "c.weight": weights["a.weight"].copy()}
    found = load(copies)
    assert list(found) == NAMES
    assert all((found[name] == weights[name]).all() for name in NAMES)


def test_a_copy_that_differs_is_refused_by_name(load: Any) -> None:
    weights = arrays()
    other = weights["a.weight"].copy()
    other[0, 0, 0, 0] += 1
    with pytest.raises(WeightsError) as caught:
        load({**weights, "c.weight": other})
    assert caught.value.faults == [
        "c.weight differs from a.weight; both are a.weight, which their layers share"
    ]


def test_it_may_stand_under_the_name_of_a_sharer_alone(load: Any) -> None:
    weights = arrays()
    moved = {"b.weight": weights["a.weight"], "a.bias": weights["a.bias"], "c.bias": weights["c.bias"]}
    assert all((array == weights[name]).all() for name, array in load(moved).items())


def test_what_is_missing_misshapen_or_unknown_is_named(load: Any) -> None:
    weights = arrays()
    given = {"c.weight": np.zeros((4, 4)), "c.bias": weights["c.bias"], "d.weight": weights["a.weight"]}
    with pytest.raises(WeightsError) as caught:
        load(given)
    assert sorted(caught.value.faults) == [
        "a.bias is missing; its shape should be (4,)",
        "c.weight has the shape (4, 4); it should be (4, 4, 3, 3)",
        "d.weight belongs to no layer of the graph",
    ]


def test_one_array_given_under_two_names_is_not_shared() -> None:
    """What is shared the graph says, not who gives the arrays: both layers have their own."""
    from convcalc.executor.counting import count

    weight, bias = np.ones((4, 4), np.float32), np.ones(4, np.float32)
    given = {"a.weight": weight, "a.bias": bias, "b.weight": weight, "b.bias": bias}
    assert (
        count(convcalc.load("input 4 | linear 4 id=a | linear 4 id=b"), weights=given).total("params") == 40
    )


@pytest.mark.torch
class TestPyTorch:
    """The same modules, used twice."""

    def test_a_module_used_twice(self) -> None:
        torch = pytest.importorskip("torch")
        conv, norm = torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.BatchNorm2d(3)
        net = torch.nn.Sequential(conv, norm, torch.nn.ReLU(), conv, norm).double().eval()
        norm.running_mean[:] = torch.randn(3)
        graph = convcalc.load(
            "input 3x6x7 | conv 3 k3 p1 id=c | bn id=n | relu | conv 3 k3 p1 share=c | bn share=n"
        )
        totals = convcalc.analyze(graph).totals
        assert totals.params == sum(p.numel() for p in net.parameters())
        assert totals.buffers == sum(b.numel() for b in net.buffers() if b.is_floating_point())
        # PyTorch's own file holds each array under both names.
        places = {"0": "c", "1": "n", "3": "conv1", "4": "bn1"}
        state = {
            f"{places[name.partition('.')[0]]}.{name.partition('.')[2]}": array.numpy()
            for name, array in net.state_dict().items()
        }
        assert {"c.weight", "conv1.weight"} <= state.keys()
        x = torch.randn(2, 3, 6, 7).double()
        ours = convcalc.execute(graph, x.numpy(), state)
        assert np.allclose(ours, net(x).detach().numpy(), rtol=0, atol=1e-12)

    def test_an_autoencoder_with_tied_weights(self) -> None:
        torch = pytest.importorskip("torch")
        down = torch.nn.Conv2d(2, 5, 3, stride=2).double()
        up = torch.nn.ConvTranspose2d(5, 2, 3, stride=2).double()
        up.weight = down.weight
        net = torch.nn.Sequential(down, torch.nn.ReLU(), up)
        graph = convcalc.load("input 2x9x9 | conv 5 k3 s2 id=0 | relu | convT 2 k3 s2 share=0.weight id=2")
        assert convcalc.analyze(graph).totals.params == sum(p.numel() for p in net.parameters())
        x = torch.randn(3, 2, 9, 9).double()
        state = {name: array.numpy() for name, array in net.state_dict().items()}
        ours = convcalc.execute(graph, x.numpy(), state)
        assert np.allclose(ours, net(x).detach().numpy(), rtol=0, atol=1e-12)

    def test_frozen_parameters_of_a_shared_module(self) -> None:
        torch = pytest.importorskip("torch")
        first, last = torch.nn.Linear(4, 4), torch.nn.Linear(4, 2)
        first.requires_grad_(False)
        net = torch.nn.Sequential(first, first, last)
        totals = convcalc.analyze("input 4 | linear 4 id=f frozen=true | linear 4 share=f | linear 2").totals
        assert totals.trainable == sum(p.numel() for p in net.parameters() if p.requires_grad)
        assert totals.frozen == sum(p.numel() for p in net.parameters() if not p.requires_grad)
