"""Programs around the layers that people paste: passed over by name, read, or refused at the place.

Expectations are worked by hand from the frameworks' definitions; nothing of a text is ever run.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc import SpecError, analyze, load

TORCH = '''
"""A small net."""
import torch
import torch.nn as nn
from torch import optim

num_classes = 5
nf, k = 16, 3
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, nf, k, padding=k // 2),  # the first
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(nf, num_classes),
)
model = model.to(device)
print(model)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
losses = []
for epoch in range(10):
    for x, y in loader:
        input, scale = x, 1
        loss = criterion(model(x), y)
        loss.backward()
        losses.append(loss.item())
with torch.no_grad():
    out = model(torch.randn(1, 3, 32, 32))

def accuracy(out, y):
    return (out.argmax(1) == y).float().mean()

if __name__ == "__main__":
    print(out.shape)
'''
KERAS = """
from tensorflow import keras
from tensorflow.keras import layers
num_classes = 10
input_shape = (28, 28, 1)
model = keras.Sequential(
    [
        keras.Input(shape=input_shape),
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(num_classes),
    ],
    name="mnist",
)
model.summary()
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=128, epochs=15)
"""
ADDED = """
model = Sequential()
model.add(Conv2D(8, (3, 3), input_shape=(32, 32, 3)))
model.add(Activation('relu'))
model.add(Flatten())
model.add(Dense(4))
model.compile(optimizer='sgd')
"""
CHAIN = """
inputs = keras.Input(shape=(32, 32, 3), name="img")
x = layers.Conv2D(16, 3, activation="relu")(inputs)
x = layers.Conv2D(32, 3)(x)
y = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(10)(y)
model = keras.Model(inputs=inputs, outputs=outputs, name="toy")
model.summary()
"""
PROMPT = """
>>> import torch.nn as nn
>>> model = nn.Sequential(
...     nn.Conv2d(1, 4, 3),
...     nn.ReLU(),
... )
>>> model
"""
PRINTED = """Net(
  (main): Sequential(
    (0): Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1))
    (1): ReLU()
  )
)"""


def params(text: str, **given: object) -> int:
    return int(analyze(load(text, **given)).totals.params)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "count", "passed"),
    [
        (TORCH, 3 * 16 * 9 + 16 + 16 * 5 + 5, ["import torch", "print(model)", "nn.CrossEntropyLoss"]),
        (KERAS, 9 * 32 + 32 + 26 * 26 * 32 * 10 + 10, ["model.compile(...)", "model.fit(...)"]),
        (ADDED, 27 * 8 + 8 + 30 * 30 * 8 * 4 + 4, ["model.compile"]),
        (PROMPT, 9 * 4 + 4, ["import torch.nn as nn"]),
        ("m = nn.Sequential(nn.Conv2d(3, 4, 1)).to(device).eval()\n", 16, ["m = (...).to(device).eval()"]),
        (
            "m = models.Sequential()\nm.add(layers.Conv2D(4, 1, input_shape=(8, 8, 3)))\nm.summary()",
            16,
            ["summary"],
        ),
        (PRINTED, 75 * 6 + 6, ["Net is read as the one part it holds"]),
    ],
)
def test_what_people_paste(text: str, count: int, passed: list[str]) -> None:
    graph = load(text)
    assert params(text) == count
    (note,) = graph.notes
    assert all(name in note for name in passed), note


CONVS = 27 * 16 + 16 + 9 * 16 * 32 + 32
INPUT = "a = Input((8, 8, 3))\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (CHAIN, CONVS + 32 * 10 + 10),
        (CHAIN.replace("(y)", "(x)", 1), CONVS + 32 * 10 + 10),
        (CHAIN.replace("outputs=outputs", "outputs=y", 1), CONVS),
        (f"{INPUT}b = Conv2D(3, 1)(a)\nc = Add()([a, b])", 12),
        (f"{INPUT}b = Conv2D(3, 1)(a)\nc = add([a, b])", 12),
        (f"{INPUT}a = Conv2D(3, 1)(a)\na = a * 2", 12),
        (f"{INPUT}a = Conv2D(3, 1)(a)\na = tf.nn.relu(a)", 12),
        (
            f"{INPUT}b = Input((8, 8, 3))\nc = Concatenate()([Conv2D(3, 1)(b), a])\nd = Conv2D(2, 1)(c)",
            12 + 14,
        ),
    ],
)
def test_layers_on_tensors_are_followed(text: str, count: int) -> None:
    assert params(text) == count


def test_a_text_without_a_program_has_no_note() -> None:
    for text in ("nn.Conv2d(3, 8, 3) | nn.ReLU()", "model = nn.Conv2d(3, 8, 3)", "conv 3->8 k3 id=a\nrelu"):
        assert load(text).notes == ()


@given(st.integers(1, 64), st.integers(1, 64))
def test_assignments_are_variables(own: int, other: int) -> None:
    text = f"n = {own}\nm = 2 * n\nmodel = nn.Sequential(nn.Conv2d(3, n, 1), nn.Conv2d(n, m, 1))\n"
    assert params(text) == 4 * own + 2 * own * (own + 1)
    assert load(text).variables == {"n": own, "m": 2 * own}
    assert params(f"n = {own}\nconv 3->n k1", set={"n": other}) == 4 * other
    assert params(f"n = {own}\nnn.Conv2d(3, n, 1)", set={"n": other}) == 4 * other


def test_what_is_set_goes_into_what_is_made_of_it() -> None:
    text = "n = 4\nm = 2 * n\nmodel = nn.Sequential(nn.Conv2d(3, n, 1), nn.Conv2d(n, m, 1))\n"
    assert params(text, set={"n": "5"}) == 3 * 5 + 5 + 5 * 10 + 10
    assert params(text, set={"m": 3}) == 3 * 4 + 4 + 4 * 3 + 3
    with pytest.raises(SpecError, match="no variable 'q' to set"):
        load(text, set={"q": 3})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nn.ConvTranspose2d(nz, 8, 4)", "nz"),
        ("Conv2d(3, 8, 3, padding=(p, p))", "p"), ("conv 3->c k3", "c"),
        ("Conv2DTranspose(8, k, strides=2, input_shape=(4, 4, 3))", "k"),
        ("k = len(names)\nconv 3->k k3", "k"),
    ],
)  # fmt: skip
def test_an_unknown_name_says_how_it_is_set(text: str, name: str) -> None:
    with pytest.raises(SpecError, match=f"--set {name}=N"):
        load(text)
    assert load(text, set={name: 2}).nodes


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("class Net(nn.Module):\n    def f(self):\n        self.c = nn.Conv2d(1, 6, 5)", "no forward", (1, 1)),  # noqa: E501
        ("def make(n):\n    return nn.Sequential(nn.Conv2d(1, n, 5))\n", "make needs n", (1, 1)),
        ("while n:\n    conv 3->4 k3\nrelu", "'while' is not run", (1, 1)),
        ("m = Sequential()\nfor i in range(3):\n    m.add(Conv2D(8, 3))\n", "'for' is not run", (2, 1)),
        ("m = Sequential([Conv2D(3, 1)])\nm.trainable = False", "what is frozen here is not read", (2, 1)),
        ("m = nn.Sequential(nn.Conv2d(3, 4, 1))\nm.requires_grad_(False)", "frozen", (2, 1)),
        (
            "m = nn.Sequential(nn.Conv2d(3, 4, 1))\nfor p in m.parameters():\n    p.requires_grad = False",
            "frozen", (3, 5),
        ),
        ("c1 = nn.Conv2d(3, 4, 1)\nc2 = nn.Conv2d(4, 4, 1)", "assignments do not say in which order", (2, 1)),
        ("m = Sequential([Conv2D(3, 1)])\nx = m(x)\nx = m(x)", "one after the other", (3, 1)),
        ("m = Sequential([Conv2D(3, 1)], 7)", "unexpected ', 7' after the list", (1, 30)),
    ],
)  # fmt: skip
def test_what_changes_the_network_is_refused_at_its_place(
    text: str, message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(SpecError) as caught:
        load(text, input=None)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.line, problem.column) == place
    assert problem.expected


@pytest.mark.parametrize(
    "name", ["LSTMCell", "GRUCell", "RNNBase", "DeformConv2d", "EmbeddingBag", "MultiheadAttention", "lstm"]
)
def test_nothing_far_is_suggested(name: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(f"{name}(3, 4)")
    assert caught.value.problems[0].nearest is None


@pytest.mark.parametrize(
    ("dtype", "size"), [("fp16", 2), ("half", 2), ("bf16", 2), ("fp32", 4), ("float", 4)]
)
def test_types_by_their_other_names(dtype: str, size: int) -> None:
    report = analyze(load("conv 3->8 k3"), dtype=dtype)
    assert report.totals.param_bytes == size * 224
    assert report.dtype in ("float16", "bfloat16", "float32")


def test_functions_of_the_tensor_that_flows() -> None:
    text = "x = nn.Conv2d(3, 8, 3)(x)\nx = F.interpolate(x, scale_factor=2)\nx = F.pad(x, (1, 1, 1, 1))\n"
    assert load(text, input="3x8x8").nodes[-1].outputs == ((8, 14, 14),)
    with pytest.raises(SpecError, match="'x' is read here, and 'y' was made last"):
        load(text.replace("x = F.i", "y = F.i"), input="3x8x8")
