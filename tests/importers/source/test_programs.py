"""Networks in their own words: counts that the frameworks gave, names, refusals at their line."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from convcalc import SpecError, analyze, load
from tests.importers.source import keras_texts
from tests.importers.source.fuzzing import mutated
from tests.importers.source.texts import TEXTS


@pytest.mark.parametrize("name", TEXTS)
def test_a_class_of_pytorch_has_the_parameters_that_pytorch_counts(name: str) -> None:
    source = TEXTS[name]
    graph = load(source.text, input=source.inputs, set=source.given)
    assert analyze(graph).totals.params == source.parameters
    assert tuple(graph.named_outputs().values()) == source.outputs


@pytest.mark.parametrize("name", keras_texts.TEXTS)
def test_a_program_on_keras_has_the_parameters_that_keras_counts(name: str) -> None:
    source = keras_texts.TEXTS[name]
    graph = load(source.text)
    totals = analyze(graph).totals
    assert totals.params + totals.buffers == source.counted
    shapes = [shape if len(shape) < 2 else (*shape[1:], shape[0]) for shape in graph.named_outputs().values()]
    assert tuple(shapes) == source.outputs


def test_layers_have_the_names_of_the_state_dictionary() -> None:
    source = TEXTS["resnet18"]
    names = {node.name for node in load(source.text, input=source.inputs).nodes}
    assert {"conv1", "layer1.0.conv1", "layer2.0.downsample.1", "layer4.1.bn2", "fc"} <= names


def _net(init: str, forward: str, head: str = "") -> str:
    lines = [
        "import torch",
        "import torch.nn as nn",
        "import torch.nn.functional as F",
        head,
        "class Net(nn.Module):",
    ]
    lines += ["    def __init__(self, width=8):", "        super().__init__()"]
    lines += [f"        {line}" for line in init.split("\n")]
    return "\n".join(
        [*lines, "    def forward(self, x):", *[f"        {line}" for line in forward.split("\n")], ""]
    )


CONV = "self.c = nn.Conv2d(3, width, 3)"
REFUSED: list[tuple[str, str, int]] = [
    (_net(CONV, "if x.mean() > 0:\n    return x\nreturn self.c(x)"), "batch", 10),
    (_net(CONV, "while True:\n    x = x\nreturn x"), "steps of work", 10),
    (_net(CONV, "for i in range(10**9):\n    x = x + 1\nreturn x"), "100,000 items", 10),
    (_net("self.l = [nn.Conv2d(3, 8, 3)]", "return self.l[0](x)"), "no part of the network", 10),
    (_net(CONV, "return self.d(x)"), "no attribute 'd'", 10),
    (_net(CONV, "return self.c(y)"), "unknown name 'y'", 10),
    (_net("self.c = nn.Conv2d(3, 8)", "return self.c(x)"), "Conv2d needs", 8),
    (_net("self.c = nn.Conv2d(4, 8, 3)", "return self.c(x)"), "in_channels is 4", 10),
    (_net("self.c = nn.Conv2d(3, 8, 3, paddin=1)", "return self.c(x)"), "no argument 'paddin'", 8),
    (_net(CONV, "return torch.fft.fft(self.c(x))"), "torch.fft.fft is not known", 10),
    (_net(CONV, "x = self.c(x)\nreturn x.view(x.size(0), 5, -1)"), "cannot be", 11),
    (_net(CONV, "return x * x.size(0)"), "batch size", 10),
    (_net(CONV, "x = self.c(x)\nreturn x[0]"), "batch", 11),
    (_net(CONV, "return self.c(x).mean(0)"), "batch", 10),
    (_net("self.m = torchvision.models.resnet18()", "return self.m(x)"), "is not run", 8),
    (_net("self.c = nn.utils.weight_norm(nn.Conv2d(3, 8, 3))", "return self.c(x)"), "other parameters", 8),
    (_net("f = lambda n: f(n + 1)\nf(0)", "return x"), "nested deeper", 8),
    (_net("open('/tmp/x', 'w').write('x')", "return x"), "unknown name 'open'", 8),
    (_net("self.c = eval('nn.Conv2d(3, 8, 3)')", "return self.c(x)"), "unknown name 'eval'", 8),
    (_net("self.c = nn.Dropuot()", "return self.c(x)"), "not known", 8),
    (_net(CONV, "assert x.shape[1] == 4\nreturn self.c(x)"), "assertion", 10),
    (
        _net(CONV, "if x.shape[1] != 1:\n    raise ValueError('grey')\nreturn self.c(x)"),
        "ValueError here: grey",
        11,
    ),
    (_net("self.l = nn.LSTM(3, 5)", "return self.l(x)[0]"), "samples", 10),
    (_net(CONV, "x[:, 0] = 0\nreturn x"), "not written", 10),
    (_net(CONV, "return x +"), "no Python", 10),
]


@pytest.mark.parametrize(("text", "message", "line"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_is_not_straight_is_refused_at_its_line(text: str, message: str, line: int) -> None:
    with pytest.raises(SpecError) as caught:
        load(text, input="3x16x16")
    (problem,) = caught.value.told()
    assert message in problem.message
    assert problem.line == line
    assert problem.column > 0


def test_nothing_of_a_text_is_run(tmp_path: Path) -> None:
    there = tmp_path / "made"
    text = _net(
        f"import os\nos.system('touch {there}')", "return x", f"__import__('os').system('touch {there}')"
    )
    with pytest.raises(SpecError):
        load(text, input="3x16x16")
    assert not there.exists()


def test_arguments_of_the_constructor_come_from_outside() -> None:
    text = _net(CONV, "return self.c(x)")
    assert analyze(load(text, input="3x16x16", set={"width": "5"})).totals.params == 5 * 27 + 5
    two = text + "\nclass Other(nn.Module):\n    def forward(self, x):\n        return F.relu(x)\n"
    assert analyze(load(two, input="3x16x16", set={"class": "Net"})).totals.params == 8 * 27 + 8
    assert analyze(load(two, input="3x16x16")).totals.params == 0
    with pytest.raises(SpecError, match="no variable 'widht'") as caught:
        load(text, input="3x16x16", set={"widht": "5"})
    assert caught.value.told()[0].nearest == "width"


def test_an_input_that_is_missing_is_asked_for_with_the_channels_that_fit() -> None:
    with pytest.raises(SpecError, match="what goes into Net: x") as caught:
        load(_net(CONV, "return self.c(x)"))
    expected = caught.value.told()[0].expected
    assert expected == "--input 3x224x224"
    assert load(_net(CONV, "return self.c(x)"), input=expected.removeprefix("--input "))


def test_a_program_that_runs_its_network_says_what_goes_in() -> None:
    text = (
        _net(CONV, "return self.c(x)")
        + "model = Net()\nout = model(torch.randn(4, 3, 20, 24))\nprint(out.shape)\n"
    )
    assert load(text).named_outputs() == {"c": (8, 18, 22)}


def test_what_is_frozen_is_frozen() -> None:
    text = _net("self.a = nn.Conv2d(3, 4, 1)\nself.b = nn.Conv2d(4, 5, 1)", "return self.b(self.a(x))")
    text += "model = Net()\nfor p in model.a.parameters():\n    p.requires_grad = False\n"
    totals = analyze(load(text, input="3x8x8")).totals
    assert (totals.frozen, totals.trainable) == (16, 25)


def test_symbols_go_through_a_program() -> None:
    graph = load(_net(CONV, "return F.relu(self.c(x))"), input="3xHxW")
    assert [str(size) for size in graph.named_outputs()["relu"]] == ["8", "H - 2", "W - 2"]


PRINTED = """Net(
  (stem): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), bias=False)
  (blocks): ModuleList(
    (0-2): 3 x Block(
      (norm): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
      (conv): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
      (scale): LayerScale()
    )
  )
  (gain): ParameterList(
      (0): Parameter containing: [torch.float32 of size 4x5]
  )
)
"""


def test_a_printed_module_has_its_parameters_and_no_more() -> None:
    graph = load(PRINTED)
    report = analyze(graph)
    assert report.totals.params == 216 + 3 * (16 + 8 * 8 * 9 + 8) + 20
    assert report.totals.buffers == 3 * 16
    assert {"stem", "blocks.2.norm", "blocks.0.conv"} <= {node.name for node in graph.nodes}
    assert any("not how they are joined" in note for note in graph.notes)
    assert any("LayerScale (3)" in note for note in graph.notes)
    assert (
        report.totals.macs is None
        or "macs" not in report.to_dict()["totals"]
        or not report.to_dict()["totals"]["macs"]
    )


def test_the_parts_of_a_printed_module_run_in_order_where_it_is_said() -> None:
    parts = (
        "(a): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))",
        "(act): ReLU()",
        "(b): Conv2d(8, 2, kernel_size=1)",
    )
    text = "\n  ".join(("Net(", *parts)) + "\n)\n"
    graph = load(text, input="3x9x9", in_order=True)
    totals = analyze(graph).totals
    assert (totals.params, totals.macs) == (224 + 18, 49 * (8 * 27 + 2 * 8))
    assert [node.name for node in graph.nodes] == ["input", "a", "act", "b"]


TWO = """
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3)
        self.b = nn.Conv2d(1, 8, 3)

    def forward(self, left, right):
        return self.a(left) + self.b(right)
"""


@pytest.mark.parametrize(
    ("text", "given", "meant"),
    [
        (_net("self.c = nn.Conv2d(3, 8, 3)", "return self.c(x)"), "1x3x20x30", "--input 3x20x30 (--batch 1)"),
        (_net("self.c = nn.Conv2d(3, 8, 3)", "return self.c(x)"), "20x30x3", "--input 3x20x30"),
        (_net("self.c = nn.Conv2d(3, 8, 3)", "return self.c(x)"), "8x20x30x3", "--input 3x20x30 (--batch 8)"),
        (_net("self.c = nn.Conv2d(3, 8, 3)", "return self.c(x)"), "4x20x30", None),
        (TWO, {"left": "3x9x9", "right": "9x9x1"}, "--input left=3x9x9 --input right=1x9x9"),
    ],
)
def test_an_input_that_was_meant_otherwise_is_offered_and_works(text: str, given: Any, meant: Any) -> None:
    with pytest.raises(SpecError) as caught:
        load(text, input=given)
    assert caught.value.told()[0].nearest == meant


def test_the_inputs_that_are_offered_work() -> None:
    with pytest.raises(SpecError) as caught:
        load(TWO)
    offered = re.findall(r"--input (\w+)=(\S+)", caught.value.problems[0].expected or "")
    assert [name for name, _ in offered] == ["left", "right"]
    assert analyze(load(TWO, input=dict(offered))).totals.params == 8 * 27 + 8 + 8 * 9 + 8


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (">>> model = Net()\n>>> print(model)\n", ""),
        (">>> model\n", ">>> \n"),
        ("print(model)\n", ""),
        ("In [3]: model\nOut[3]: \n", ""),
        ("Out[3]: ", ""),
    ],
)
def test_a_print_is_pasted_with_the_prompt_that_asked_for_it(before: str, after: str) -> None:
    plain, pasted = load(PRINTED), load(before + PRINTED.lstrip() + after)
    assert [node.name for node in pasted.nodes] == [node.name for node in plain.nodes]
    assert analyze(pasted).to_dict() == analyze(plain).to_dict()


def test_an_error_in_a_pasted_print_stands_at_its_line() -> None:
    text = ">>> print(net)\nNet(\n  (a): Conv2d(3, x, kernel_size=3)\n)\n"
    with pytest.raises(SpecError) as caught:
        load(text)
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (3, 3)


@pytest.mark.parametrize("seed", range(3))
def test_any_text_has_one_answer(seed: int) -> None:
    _answers(seed, 60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_twenty_thousand_texts_have_one_answer_each(seed: int) -> None:
    _answers(seed, 2000)


def _answers(seed: int, many: int) -> None:
    for text, inputs, given in mutated(seed, many):
        start = time.perf_counter()
        try:
            load(text, input=inputs, set=given)
        except SpecError as error:
            assert str(error)
        assert time.perf_counter() - start < 20


def test_what_a_program_computes_of_numbers_is_computed() -> None:
    import numpy as np

    from convcalc.executor import init_weights

    source = TEXTS["transformer_encoder"]
    table = init_weights(load(source.text, input=source.inputs))["pos_encoder.pe.buffer"][0]
    at, pair = np.meshgrid(np.arange(500), np.arange(16), indexing="ij")
    angles = at / 10000 ** (2 * pair / 32)
    np.testing.assert_allclose(table[:, 0::2], np.sin(angles), atol=1e-4)
    np.testing.assert_allclose(table[:, 1::2], np.cos(angles), atol=1e-4)


_MAKERS = """
class Block(nn.Module):
    def __init__(self, planes):
        super().__init__()
        self.conv = nn.Conv2d(3, planes, 3)
    def forward(self, x):
        return F.relu(self.conv(x))

class Net(nn.Module):
    def __init__(self, block, planes):
        super().__init__()
        self.block = block(planes)
    def forward(self, x):
        return self.block(x)

def Small():
    return Net(Block, 4)
{more}
def test():
    net = Small()
    print(net(torch.randn(1, 3, 8, 8)).size())
"""
_LARGE = "\ndef Large():\n    net = Net(Block, 8)\n    return net\n"


def test_a_function_makes_the_network() -> None:
    """3*4*9 + 4 parameters, and 3*8*9 + 8."""
    graph = load(_MAKERS.format(more=""), input="3x8x8")
    assert analyze(graph).totals.params == 112
    assert any("Small()" in note for note in graph.notes)
    both = _MAKERS.format(more=_LARGE)
    with pytest.raises(SpecError, match="several functions make a Net: Small, Large"):
        load(both, input="3x8x8")
    graph = load(both, input="3x8x8", set={"class": "Large"})
    assert analyze(graph).totals.params == 224


def test_a_mask_is_worked_out_of_the_buffer_that_the_text_makes() -> None:
    """Its entries are those of the text: a file that holds others is refused."""
    import numpy as np

    from convcalc import WeightsError, execute
    from convcalc.executor.weights import load_weights

    text = TEXTS["gpt_mask"]
    graph = load(text.text, input=text.inputs)
    assert analyze(graph).totals.buffers == 2 * 12 * 12
    triangle = np.tril(np.ones((12, 12), np.float32)).reshape(1, 1, 12, 12)
    state = {}
    for one in graph.stored.headers.values():
        if one.saved:
            state[one.names[0]] = np.full(one.origin, 0.1, np.float32)
    state |= {f"h.{number}.attn.bias": triangle for number in (0, 1)}
    assert execute(graph, np.zeros((1, 8)), state).shape == (1, 8, 50)
    state["h.0.attn.bias"] = 1 - triangle
    with pytest.raises(WeightsError, match=r"h\.0\.attn\.bias is not what the network was read with"):
        load_weights(graph, state)


def test_the_input_that_is_suggested_works() -> None:
    tried = 0
    for text in TEXTS.values():
        try:
            load(text.text, set=text.given)
        except SpecError as error:
            expected = error.problems[0].expected or ""
            if "does not say what goes in" not in str(error) or not expected.startswith("--input "):
                continue
            if expected.startswith("--input with"):  # none of those that people use
                continue
            several = dict(re.findall(r"--input (\w+)=(\S+)", expected))
            load(text.text, input=several or expected.removeprefix("--input "), set=text.given)
            tried += 1
    assert tried >= 20
