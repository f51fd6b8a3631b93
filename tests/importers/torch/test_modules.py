"""Modules as people write them: parameters, and values of PyTorch with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc

pytestmark = pytest.mark.torch


def written(x: Any, *writes: Callable[[Any], Any]) -> Any:
    """A copy that has been written into."""
    y = x.clone()
    for write in writes:
        write(y)
    return y


def put(*place: Any, value: Any) -> Callable[[Any], Any]:
    """Writes a value, or what a function makes of the tensor, at a place."""
    return lambda y: y.__setitem__(place, value(y) if callable(value) else value)


def shifted(x: Any) -> Any:
    """The channels moved by a row, up and down, over zeros."""
    y = x.new_zeros(x.shape)
    y[:, :1, 1:], y[:, 1:, :-1] = x[:, :1, :-1], x[:, 1:, 1:]
    return y


def stepped(cell: Any, x: Any) -> Any:
    """A cell over all steps, from zeros."""
    state = x.new_zeros(len(x), 5)
    pair = (state, state)
    for step in range(x.shape[1]):
        if isinstance(cell.weight_ih, type(None)) or cell.weight_ih.shape[0] != 20:
            state = cell(x[:, step], state)
        else:
            pair = cell(x[:, step], pair)
            state = pair[0]
    return state


def mask(n: int) -> Any:
    import torch

    return torch.nn.Transformer.generate_square_subsequent_mask(n)


# name: what makes the module, what is called of it, the shapes of a sample
CASES: dict[str, tuple[Callable[[Any], Any], Callable[..., Any], list[str]]] = {
    "write a column": (
        lambda nn: nn.Linear(4, 4),
        lambda m, x: written(m(x), put(slice(None), 0, value=0.5)),
        ["4"],
    ),
    "write parts": (
        lambda nn: nn.Linear(4, 4),
        lambda m, x: written(m(x), put(slice(None), slice(1, 3), value=x[:, :2]), lambda y: y[:, -1].add_(1)),
        ["4"],
    ),
    "write every second": (
        lambda nn: nn.Linear(4, 4),
        lambda m, x: written(m(x), put(..., slice(None, None, 2), value=0)),
        ["3x4"],
    ),
    "write a list": (
        lambda nn: nn.Linear(4, 4),
        lambda m, x: written(m(x), put(slice(None), [0, 2], value=1.0)),
        ["4"],
    ),
    "fill zeros": (lambda nn: nn.Conv2d(2, 3, 1), lambda m, x: m(shifted(x)), ["2x4x4"]),
    "view(1, -1)": (lambda nn: nn.Linear(4, 4), lambda m, x: m(x.view(1, -1)), ["4"]),
    "view(1, -1) at the end": (lambda nn: nn.Linear(4, 4), lambda m, x: m(x).view(1, -1), ["4"]),
    "lstm": (lambda nn: nn.LSTM(4, 5, 2, batch_first=True), lambda m, x: m(x)[0], ["6x4"]),
    "lstm, steps first": (
        lambda nn: nn.LSTM(4, 5),
        lambda m, x: m(x.transpose(0, 1))[0].transpose(0, 1),
        ["6x4"],
    ),
    "gru, last state": (lambda nn: nn.GRU(4, 5, 2, batch_first=True), lambda m, x: m(x)[1][-1], ["6x4"]),
    "gru, both ways": (
        lambda nn: nn.GRU(4, 5, bidirectional=True, batch_first=True),
        lambda m, x: m(x)[0][:, -1],
        ["6x4"],
    ),
    "gru cell": (lambda nn: nn.GRUCell(4, 5), stepped, ["3x4"]),
    "lstm cell": (lambda nn: nn.LSTMCell(4, 5), stepped, ["3x4"]),
    "rnn cell": (lambda nn: nn.RNNCell(4, 5), stepped, ["3x4"]),
    "attention": (lambda nn: nn.MultiheadAttention(8, 2, batch_first=True), lambda m, x: m(x, x, x), ["5x8"]),
    "attention, no weights": (
        lambda nn: nn.MultiheadAttention(8, 2, batch_first=True),
        lambda m, x: m(x, x, x, attn_mask=mask(5), need_weights=False)[0],
        ["5x8"],
    ),
    "attention, steps first": (
        lambda nn: nn.MultiheadAttention(8, 2),
        lambda m, x: m(*[x.transpose(0, 1)] * 3)[0].transpose(0, 1),
        ["5x8"],
    ),
    "attention, bias and zeros": (
        lambda nn: nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True),
        lambda m, x: m(x, x, x)[0],
        ["5x8"],
    ),
    "attention, two": (
        lambda nn: nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True),
        lambda m, q, k: m(q, k, k, need_weights=False)[0],
        ["5x8", "7x6"],
    ),
    "encoder": (
        lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        lambda m, x: m(x, mask=mask(5), is_causal=True),
        ["5x8"],
    ),
    "transformer": (
        lambda nn: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        lambda m, a, b: m(a, b),
        ["5x8", "7x8"],
    ),
    "samples together": (
        lambda nn: nn.Linear(4, 3),
        lambda m, x: (lambda q: (q @ q.transpose(-2, -1)).softmax(-1) @ q)(m(x).flatten(1)),
        ["4"],
    ),
}


def module_of(name: str) -> Any:
    """The module of a case, which calls its part as the case says."""
    import torch

    make, call, _ = CASES[name]

    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.part = make(torch.nn)

        def forward(self, *inputs: Any) -> Any:
            return call(self.part, *inputs)

    return Module().eval()


def held_to(graph: Any, module: Any, inputs: list[Any], axis: int = 0) -> None:
    """Parameters and values are PyTorch's, of one sample."""
    import torch

    assert "opaque" not in {node.op for node in graph.nodes}, graph.notes
    assert convcalc.analyze(graph).totals.params == sum(one.numel() for one in module.parameters())
    with torch.no_grad():
        due = module(*inputs)
    due = list(due) if isinstance(due, tuple) else [due]
    names = [graph.nodes[at].name for at in graph.inputs]
    given = {name: one.select(axis, 0).numpy() for name, one in zip(names, inputs, strict=True)}
    found = [np.ravel(one) for one in convcalc.run(graph, given).outputs.values()]
    assert len(found) >= len(due)
    for one, want in zip(found, due, strict=False):
        np.testing.assert_allclose(one, want.numpy().ravel(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_module_gives_the_values_of_pytorch(name: str) -> None:
    import torch

    module, shapes = module_of(name), CASES[name][2]
    inputs = [torch.randn(1, *map(int, shape.split("x"))) for shape in shapes]
    held_to(convcalc.from_torch(module, shapes), module, inputs)


@pytest.mark.parametrize(
    "name", ["attention", "lstm", "gru cell", "fill zeros", "encoder", "samples together"]
)
def test_a_program_saved_with_one_sample_gives_them(name: str, tmp_path: Path) -> None:
    import torch

    module, shapes = module_of(name), CASES[name][2]
    inputs = [torch.randn(1, *map(int, shape.split("x"))) for shape in shapes]
    program = torch.export.export(module, tuple(inputs))
    if name == "fill zeros":  # what is written in place is a value then
        program = program.run_decompositions({})
    torch.export.save(program, tmp_path / "one.pt2")
    held_to(convcalc.load(str(tmp_path / "one.pt2")), module, inputs)


def test_the_batch_of_a_sequence_that_comes_first_is_the_second_axis() -> None:
    import torch
    from torch import nn

    for module in (
        nn.LSTM(8, 5),
        nn.GRU(8, 5),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 1),
    ):
        module = module.eval()
        line = torch.randn(5, 1, 8)
        first = torch.nn.Sequential(module)
        for given in ("5x8", [line]):
            graph = convcalc.from_torch(first, given)
            assert any("the batch is the second axis" in note for note in graph.notes)
            assert graph.nodes[graph.inputs[0]].outputs[0] == (5, 8)
            out = module(line)
            want = (out[0] if isinstance(out, tuple) else out).detach().numpy().ravel()
            found = next(iter(convcalc.run(graph, line[:, 0].numpy()).outputs.values()))
            np.testing.assert_allclose(np.ravel(found), want, rtol=1e-4, atol=1e-5)


def test_what_the_input_decides_is_no_layer() -> None:
    import torch

    class Masked(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return written(x, lambda y: y.__setitem__(y < 0, 0.0))

    graph = convcalc.from_torch(Masked(), "4")
    assert [node.layer.what for node in graph.nodes if node.op == "opaque"] == ["lt.Scalar", "index_put"]


@pytest.mark.parametrize("name", ["Bert", "GPT2", "Llama", "ViT", "DistilBert"])
def test_small_transformers_of_hugging_face_give_their_values(name: str) -> None:
    import torch

    from tests.importers.torch.shim import declare

    declare()
    library = pytest.importorskip("transformers")
    sizes = {"vocab_size": 50, "image_size": 16, "patch_size": 8, "bos_token_id": 0, "eos_token_id": 0}
    known = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "intermediate_size": 24, "n_embd": 16, "n_layer": 1, "n_head": 2, "dim": 16, "n_layers": 1,
        "n_heads": 2, "hidden_dim": 24,
    }  # fmt: skip
    config = getattr(library, f"{name}Config")
    config = config(use_cache=False, **{k: v for k, v in {**sizes, **known}.items() if hasattr(config(), k)})

    class First(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.model = getattr(library, f"{name}Model")(config)

        def forward(self, x: Any) -> Any:
            return self.model(x)[0]

    module = First().eval()
    image = name == "ViT"
    given = torch.randn(1, 3, 16, 16) if image else torch.randint(50, (1, 7))
    held_to(convcalc.from_torch(module, "3x16x16" if image else "7:int64"), module, [given])


def test_a_program_saved_as_it_was_before_is_read(tmp_path: Path) -> None:
    import zipfile

    import torch
    from torch._export.serde.serialize import serialize

    module = module_of("attention")
    inputs = [torch.randn(1, 5, 8)]
    parts = serialize(torch.export.export(module, tuple(inputs)))
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as file:
        file.writestr("version", "8.1")
        for name, data in (
            ("exported_program.json", parts.exported_program), ("state_dict.pt", parts.state_dict),
            ("constants.pt", parts.constants), ("example_inputs.pt", parts.example_inputs),
        ):  # fmt: skip
            file.writestr(f"serialized_{name}", data)
    held_to(convcalc.load(str(tmp_path / "old.pt2")), module, inputs)


def test_networks_that_return_a_dictionary_have_outputs_by_name() -> None:
    from tests.importers.torch.shim import declare

    declare()
    models = pytest.importorskip("torchvision").models.segmentation
    module = models.fcn_resnet50(weights=None, weights_backbone=None, aux_loss=True)
    shapes = convcalc.analyze(convcalc.from_torch(module, "3x32x32")).outputs
    assert shapes == {"out": (21, 32, 32), "aux": (21, 32, 32)}
