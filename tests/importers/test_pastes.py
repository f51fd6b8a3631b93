"""Lines of programs as people paste them, and shapes and variables as people give them."""

from __future__ import annotations

import pytest

from convcalc import analyze, load
from convcalc.spec import SpecError

KERAS = """\
model = keras.Sequential([
    keras.Input(shape=(32, 32, 3)),
    layers.Conv2D(8, 3, activation='relu'),  # the stem
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(10),
])
"""
ADDED = """\
model = Sequential()
model.add(Conv2D(8, 3, activation=tf.nn.relu, input_shape=(32, 32, 3)))
model.add(MaxPooling2D(
    (2, 2),
))
model.add(Flatten())
model.add(Dense(10))
"""


@pytest.mark.parametrize("text", [KERAS, ADDED])
def test_a_keras_program_is_read(text: str) -> None:
    report = analyze(load(text))
    # 3*3*3*8+8 in the convolution, 15*15*8*10+10 in the dense layer: model.count_params() of Keras
    assert report.totals.params == 224 + 18010
    assert [layer.op for layer in report.layers] == ["conv", "relu", "maxpool", "flatten", "linear"]


@pytest.mark.parametrize(
    "text",
    [
        "self.conv1 = nn.Conv2d(3, 8, 3)",
        "nn.Conv2d(3, 8, 3),",
        "nn.Conv2d(3, 8, 3),  # stem\nnn.ReLU(),\n",
        "(0): Conv2d(3, 8, 3),\n(1): ReLU(),",
        "nn.Conv2d(3, 8, 3, device='cuda', dtype=torch.float32)",
        "Sequential(OrderedDict([('conv', nn.Conv2d(3, 8, 3)), ('relu', nn.ReLU())]))",
        "nn.Sequential(collections.OrderedDict([\n  ('a', nn.Conv2d(3, 8, 3)),\n"
        "  ('b', nn.Sequential(nn.ReLU(), nn.Tanh())),\n]))",
    ],
)
def test_a_line_of_a_pytorch_program_is_read(text: str) -> None:
    assert analyze(load(text)).totals.params == 3 * 8 * 9 + 8


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("self.a = nn.Conv2d(3, 8, 3)\nself.b = nn.BatchNorm2d(8)", 2, 1, "order"),
        ("conv 3->8 k3 | bn, | relu", 1, 18, "unexpected ','"),
        ("add from=(a,b),", 1, 10, "is no name"),
        ("x = Conv2D(64, 3)([x, y])", 1, 18, "anything but one tensor"),
    ],
)
def test_what_is_no_sequence_of_layers_is_refused(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.line, problem.column) == (line, column)


@pytest.mark.parametrize(
    "shape", ["3,8,9", "(3, 8, 9)", "[3, 8, 9]", "3×8×9", "3 x 8 x 9", "3,8,9,", (3, 8, 9)]
)
def test_shapes_are_read_as_people_write_them(shape: object) -> None:
    assert load("conv 4 k3", input=shape).nodes[0].outputs == ((3, 8, 9),)


@pytest.mark.parametrize("shape", ["3,,9", "3,8]", "3x8,9", "(3,8,9", ",", "()", "[]", "3,x"])
def test_other_shapes_are_refused(shape: str) -> None:
    with pytest.raises(SpecError):
        load("conv 4 k3", input=shape)


def test_several_inputs_may_come_in_one_text() -> None:
    spec = "inputs: {a: 3x8x8, b: 3x8x8}\nlayers:\n  - add from=[a, b]\n"
    graph = load(spec, input="a=3,4,5, b=3x4x5")
    assert graph.nodes[-1].outputs == ((3, 4, 5),)


@pytest.mark.parametrize("shape", ["MxHxW", ("M", "H", "W")])
def test_set_gives_the_symbols_of_an_input_their_values(shape: object) -> None:
    graph = load("conv M->N k3", input=shape, set={"M": 8, "H": 9, "W": 7, "N": 2})
    assert graph.nodes[0].outputs == ((8, 9, 7),)
    assert graph.nodes[-1].outputs == ((2, 7, 5),)


def test_a_variable_that_no_stage_of_a_line_reads_is_refused() -> None:
    with pytest.raises(SpecError, match="no variable 'n' to set") as caught:
        load("conv 3->N k3 id=c{i}", set={"n": 8, "i": 1})
    assert caught.value.problems[0].nearest == "N"
    assert load("conv 3->N k3 id=c{i}", set={"N": 8, "i": 1}).nodes[-1].name == "c1"


def test_a_document_whose_first_key_is_misspelt_is_still_a_document() -> None:
    with pytest.raises(SpecError) as caught:
        load("nmae: x\ninput: 3x4x4\nlayers: [conv 4 k3]\n")
    (problem,) = caught.value.problems
    assert "unknown key 'nmae'" in problem.message
    assert problem.nearest == "name"


def test_lines_are_named_by_their_stages() -> None:
    assert load("conv 3->4 k3  # stem\nbn\n").name == "conv 3->4 k3 | bn"
    assert load("conv 3->4   k3|relu").name == "conv 3->4 k3|relu"
    assert len(load("#" + "x" * 9999 + "\nconv 3->4 k3" + " | relu" * 999).name) <= 300


@pytest.mark.parametrize("given", [{"alpha": float("nan")}, {"alpha": float("-inf")}, "alpha=1", ["alpha"]])
def test_variables_that_are_no_finite_numbers_are_refused_as_a_fault_of_the_spec(given: object) -> None:
    with pytest.raises(SpecError):
        load("vars: {alpha: 1.0}\nlayers: ['conv 3->4 k3']", set=given)
