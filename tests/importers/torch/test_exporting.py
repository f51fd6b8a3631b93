"""Live modules: counted and executed as PyTorch does, and left as they were."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc import SpecError
from convcalc.importers.torch.exporting import export
from convcalc.importers.torch.factory import open_factory
from tests.importers.torch.files.make import network

pytestmark = pytest.mark.torch
INPUT = "image=3x9x9,words=5:int64"


def test_a_module_gives_the_graph_of_its_saved_program() -> None:
    from convcalc.importers.torch import pt2
    from tests.importers.torch.test_state import FILES

    assert convcalc.from_torch(network(), INPUT) == pt2.read(FILES / "small.pt2")


def test_values_are_those_of_pytorch() -> None:
    import torch

    module = network()
    graph = convcalc.from_torch(module, INPUT)
    image, words = torch.randn(1, 3, 9, 9), torch.tensor([[4, 0, 2, 2, 7]])
    with torch.no_grad():
        due = module.eval()(image, words)
    found = convcalc.run(graph, {"image": image.numpy()[0], "words_input": words.numpy()[0]}).outputs
    for name, tensor in (
        ("scores", due["scores"]),
        ("states.0", due["states"][0]),
        ("states.1", due["states"][1]),
    ):
        assert np.abs(found[name] - tensor[0].numpy()).max() < 1e-5 * float(tensor.abs().max()), name


def state(module: Any) -> Any:
    """All that may not change: modes, hooks, tensors by identity, values and gradients."""
    return [
        (name, part.training, dict(part._forward_hooks), {k: id(t) for k, t in part._parameters.items()},
         {k: (id(t), t.device.type, t.sum().item()) for k, t in part._buffers.items()},
         sorted(part.__dict__))
        for name, part in module.named_modules()
    ]  # fmt: skip


def test_the_module_stays_as_it_was() -> None:
    import torch

    module = network().train()
    module.block.eval()
    calls: list[Any] = []
    module.conv.register_forward_hook(lambda *_: calls.append(None))
    module.head.weight.grad = torch.ones(10, 8)
    before, values = state(module), copy.deepcopy(module.state_dict())
    seed = torch.get_rng_state()
    graph = convcalc.from_torch(module, INPUT)
    assert state(module) == before
    assert all(torch.equal(values[name], tensor) for name, tensor in module.state_dict().items())
    assert torch.equal(module.head.weight.grad, torch.ones(10, 8))
    assert torch.equal(torch.get_rng_state(), seed)
    assert "training" not in str(graph.nodes), "read as in evaluation"


def test_weights_are_read_when_they_are_needed() -> None:
    module = network()
    graph = convcalc.from_torch(module, INPUT)
    module.conv.weight.data.zero_()
    assert graph.weights is not None
    assert not graph.weights["conv.weight"].any()


def test_a_module_on_the_meta_device_is_counted_and_has_no_values() -> None:
    import torch

    with torch.device("meta"):
        module = torch.nn.Sequential(torch.nn.Linear(1 << 20, 1 << 16), torch.nn.ReLU())
    graph = convcalc.from_torch(module, "1048576")
    assert convcalc.analyze(graph).totals.params == (1 << 36) + (1 << 16)
    with pytest.raises(ValueError, match=r"0\.bias has no values"):
        graph.weights["0.bias"]  # type: ignore[index]


def test_inputs_are_given_in_every_form() -> None:
    import torch

    whole = convcalc.from_torch(network(), INPUT)
    image, words = torch.zeros(3, 3, 9, 9), torch.zeros(3, 5, dtype=torch.int64)
    for given in (
        ["3x9x9", "5:int64"], "3x9x9,5:int64", (image, words), [(3, 9, 9), words[:1].expand(3, -1)],
        {"words": "5:long", "image": (3, 9, 9)}, (image[:1], words[:1]),
    ):  # fmt: skip
        found = convcalc.from_torch(network(), given)
        shapes = {node.name: node.outputs[0] for node in found.nodes if node.is_input}
        assert shapes == {"image": (3, 9, 9), "words_input": (5,)}
        assert convcalc.analyze(found).totals.macs == convcalc.analyze(whole).totals.macs


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "say what it is given"),
        ("3xx9", "is no shape"),
        ("3x9x9,5:integer", "no type 'integer'"),
        ("3x9x9,5", "whole numbers is written with its type: 16:int64"),
        ("3x9x9", "Small takes image, words: missing a required argument"),
        ("image=3x9x9,5:int64", "names some inputs and not others"),
        ("4x9x9,5:int64", "PyTorch cannot export Small"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_message(given: Any, said: str, capfd: Any) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        convcalc.from_torch(network(), given)
    assert len(str(caught.value)) < 600
    assert capfd.readouterr() == ("", "")


def test_a_network_that_looks_at_values_is_refused_with_pytorchs_reason() -> None:
    import torch

    class Branching(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x if x.sum() > 0 else -x

    with pytest.raises(SpecError, match=r"PyTorch cannot export Branching: .*data-dependent"):
        convcalc.from_torch(Branching(), "3x4")
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module, got int"):
        convcalc.from_torch(3, "3x4")


def test_changes_in_place_and_regions_without_gradients_are_values() -> None:
    import torch

    class Changing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                y = self.inner(x)
            y = y + 0
            y[:, 0] = 0.5
            view = y[:, 1:]
            y.mul_(2)
            return view * 3

    module = Changing()
    x = torch.randn(2, 4)
    program = export(module, "4")
    assert not any(call.target.split(".")[1].endswith("_") for call in program.calls)
    graph = convcalc.from_torch(module, "4")
    assert not any(node.op == "opaque" for node in graph.nodes)
    found = convcalc.run(graph, x.numpy()[0]).outputs["output"]
    assert np.allclose(found, module(x).detach().numpy()[0], atol=1e-6)


def test_a_graph_is_read_again_at_other_sizes() -> None:
    graph = convcalc.from_torch(network(), INPUT)
    assert graph.again is not None
    again = graph.again({"image": (3, 17, 17), "words_input": (2,)}, {})
    assert again == convcalc.from_torch(network(), "image=3x17x17,words=2:int64")


def test_factories_are_imported_and_said_to_be(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "made_here.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n"
        "    def __init__(self, width, depth=1):\n        super().__init__()\n"
        "        self.rows = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(depth)))\n"
        "    def forward(self, x):\n        return self.rows(x)\n"
        "def wrong():\n    return 3\ndef broken():\n    raise KeyError('nothing')\nready = Net(2)\n"
    )
    monkeypatch.chdir(tmp_path)
    graph = open_factory("torch:made_here:Net", "4", {"width": 4, "depth": 3})
    assert convcalc.analyze(graph).totals.params == 3 * 20
    assert "the code of made_here was imported" in graph.notes[0]
    assert graph.again is not None
    assert convcalc.analyze(graph.again({"x": (4,)}, {"depth": 2})).totals.params == 2 * 20
    assert convcalc.analyze(open_factory("torch:made_here:ready", "2")).totals.params == 6
    for text, arguments, said in (
        ("torch:made_here:Nett", {}, r"has no Nett; did you mean Net\?"),
        ("torch:made_here:Net", {}, "needs width: give --set width="),
        ("torch:made_here:Net", {"width": 4, "dept": 2}, r"no argument dept; did you mean depth\?"),
        ("torch:made_here:wrong", {}, "gives int"),
        ("torch:made_here:broken", {}, "fails: KeyError"),
        ("torch:made_there:Net", {}, "no Python module made_there"),
        ("torch:made_here", {}, "names no factory"),
    ):
        with pytest.raises(SpecError, match=said):
            open_factory(text, "4", arguments)
    assert str(tmp_path) not in sys.path


def test_what_code_prints_and_how_it_ends_stay_out_of_the_answer(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """Its prints go beside the answer; an exit is a failure; arguments are numbers where they look so."""
    (tmp_path / "made_loud.py").write_text(
        "import sys, torch\nprint('on import')\n"
        "def pair(n, m, name='2'):\n    print('on making', name + '!')\n    return Two(n, m)\n"
        "class Two(torch.nn.Module):\n"
        "    def __init__(self, n, m):\n        super().__init__()\n        self.a = torch.nn.Linear(n, m)\n"
        "    def forward(self, x, y):\n        print('on running')\n        return self.a(x) + y\n"
        "def leaves():\n    sys.exit(0)\n"
    )
    monkeypatch.chdir(tmp_path)
    given = {"n": "4", "m": "2", "name": "7"}
    graph = open_factory("torch:made_loud:pair", {"x": "4", "y": "2"}, given)
    assert convcalc.analyze(graph).totals.params == 10
    said = capsys.readouterr()
    assert said.out == "" and "on making 7!" in said.err and "on running" in said.err
    for text, input, arguments, expected in (
        ("torch:made_loud:leaves", "4", {}, "leaves fails: SystemExit"),
        ("torch:made_loud:pair", "4", {}, "--set n=... --set m=..."),
        ("torch:made_loud:pair", None, given, "--input x=3x224x224 --input y=3x224x224"),
        ("torch:made_loud:pair", "4", given, "--input x=3x224x224 --input y=3x224x224"),
    ):
        with pytest.raises(SpecError) as error:
            open_factory(text, input, arguments)
        (problem,) = error.value.problems
        assert problem.file == text
        assert expected in f"{problem.message} {problem.expected}"


@pytest.mark.parametrize(
    "name",
    ["test_resnet", "test_convnext", "test_efficientnet", "test_byobnet", "test_nfnet", "test_mambaout",
     "test_vit", "test_vit2", "test_vit3", "test_maxvit", "test_coatnet", "test_vit_relpos"],
)  # fmt: skip
def test_models_of_timm_are_exact_and_give_the_same_values(name: str) -> None:
    from tests.importers.torch.models import judged
    from tests.importers.torch.shim import declare

    declare()
    pytest.importorskip("timm")
    text = judged("timm", name, None, True)
    assert text.startswith("exact"), text
    assert "values equal" in text, text
