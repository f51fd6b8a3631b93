"""Every class of Keras with every argument, against Keras itself.

Each class is built in Keras with drawn arguments and run; the same call, pasted as text, must have the same
output shape, as many trainable and other parameters, and the same values with the same weights. What Keras
refuses is refused. What is refused here alone is refused for one of the reasons of :data:`REFUSED_HERE`.

Keras runs on PyTorch, whose results are those of its other backends but for three that are held against
the definition of the others instead: normalisation over neighbouring axes, bicubic interpolation
(``a = -3/4`` there, the border repeated), and average pooling whose ``same`` pads an odd number (the border
is repeated there and counted). ``python -m tests.importers.test_keras`` prints which arguments of which
classes were drawn.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute
from convcalc.executor.weights import weight_shapes
from convcalc.importers.keras import table
from convcalc.spec.errors import SpecError

pytestmark = pytest.mark.keras

EXAMPLES = int(os.environ.get("KERAS_EXAMPLES", "60"))
REFUSED_HERE = {
    "is 0 everywhere": "a ReLU up to 0",
    "TensorFlow cannot run padding 'same'": "the other backends give an output of (i - 1)*s + k % 2",
    "Keras lays its scale on the last axes": "an RMS normalisation whose scale lies on other axes",
    "count from both ends": "axes whose weights Keras puts in another order",
    "is not along the channels": "group normalisation along a spatial axis",
    "not in the language": "activations, interpolations and forms of ReLU that the language lacks",
    "has no number type of its own": "dtype other than float32",
    "crops all of the output|leaves nothing|nothing is left": "an output without elements",
    "a shape of": "a reshape to more axes than the language has",
    "shared_axes counts the axes from 1": "negative shared axes, which Keras shifts by one",
    "has no padding 'causal'": "pools with it: TensorFlow refuses, PyTorch takes it as valid",
}
drawn: Counter[tuple[str, str]] = Counter()
outcomes: Counter[str] = Counter()


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    found = pytest.importorskip("keras")
    from keras.src.ops import nn

    # There alone Keras takes a function of PyTorch for neighbouring axes, which is for the last ones.
    nn.is_continuous_axis = lambda axis: False
    return found


def general(entry: table.Class, name: str) -> bool:
    """Whether a name is the one of the table, not another name of the same class."""
    return re.sub(r"\d(?=D)", "#", name) == entry.special


RECURRENT = ("SimpleRNN", "LSTM", "GRU")
"""Their sequence is an axis of its own; tests/importers/test_recurrent.py holds them."""
NAMES = [name for name, entry in table.CLASSES.items() if general(entry, name) and name not in RECURRENT]
JOINS = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
LAYERS = [name for name in NAMES if table.CLASSES[name].op != "input" and name not in JOINS]


# The table against the signatures


def spread(value: Any) -> Any:
    """A default for all axes as one number: (2, 2) as 2, ((1, 1), (1, 1)) as 1."""
    while isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    return value


@pytest.mark.parametrize("name", table.CLASSES)
def test_the_table_has_the_arguments_of_the_signature(keras: Any, name: str) -> None:
    entry = table.CLASSES[name]
    function = keras.Input if name == "Input" else getattr(keras.layers, name).__init__
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    parameters = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    stated = entry.arguments[: entry.keyed]
    assert [a.name for a in stated] == [p.name for p in parameters]
    for argument, parameter in zip(stated, parameters, strict=True):
        if parameter.default is parameter.empty:
            assert argument.default is None
        else:
            assert argument.default is not None
            assert spread(eval(argument.default)) == spread(parameter.default), argument.name
    assert open_ended == (len(entry.arguments) > entry.keyed)


def test_the_table_has_what_every_layer_takes(keras: Any) -> None:
    parameters = inspect.signature(keras.layers.Layer.__init__).parameters.values()
    named = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    known = {word.partition("=")[0] for word in table.KEYWORDS.split()}
    assert known == named | {"input_shape", "input_dim", "batch_input_shape"}


def test_every_class_of_keras_is_read_or_refused_by_name(keras: Any) -> None:
    exported = {name for name in dir(keras.layers) if name[0].isupper()}
    bases = {
        "Layer",
        "InputSpec",
        "Pipeline",
        "MaxNumBoundingBoxes",
        "ContrastLimitedAdaptiveHistogramEqualization",
    }
    missing = exported - {*table.CLASSES, *table.UNMODELLED} - bases
    assert not missing
    assert not set(table.CLASSES) & set(table.UNMODELLED)


@pytest.mark.parametrize("name", [*NAMES, *RECURRENT])
def test_what_changes_nothing_has_a_reason(name: str) -> None:
    for argument in table.CLASSES[name].arguments:
        if argument.fate in "~!":
            assert table.reason(argument.name, argument.fate)


# Drawing


class Draw:
    """Draws of one example."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def int(self, low: int, high: int) -> int:
        return int(self.data.draw(st.integers(low, high)))

    def pick(self, *options: Any) -> Any:
        return self.data.draw(st.sampled_from(options))

    def per_axis(self, rank: int, low: int, high: int) -> Any:
        """One number, or one per axis; seldom one axis too few."""
        if self.int(0, 2):
            return self.int(low, high)
        return tuple(self.int(low, high) for _ in range(rank if self.int(0, 9) else max(1, rank - 1)))


INITIALIZERS = ("zeros", "ones", "glorot_uniform", "he_normal")
ACTIVATIONS = (
    *("relu", "relu6", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "swish", "softmax", "hard_sigmoid"),
    *("hard_swish", "hard_silu", "leaky_relu", "mish", "softplus", "softsign", "log_sigmoid", "log_softmax"),
    *("hard_tanh", "celu", "linear", "exponential", "squareplus", "glu", "soft_shrink", "hard_shrink", None),
)


def argument(d: Draw, entry: table.Class, name: str, shape: tuple[int, ...], rank: int, first: bool) -> Any:
    """A value of an argument; shapes are those of Keras, without the batch."""
    axes = len(shape)
    if name.endswith("_initializer"):
        return d.pick(*INITIALIZERS)
    if name.endswith("_regularizer"):
        return d.pick(None, "l1", "l2")
    if name.endswith("_constraint"):
        return d.pick(None, "non_neg", "max_norm")
    spatial = max(rank, 1)
    found = {
        "input_dim": lambda: 5,
        "output_dim": lambda: d.int(1, 4),
        "filters": lambda: d.pick(1, 2, 3, 4, 6),
        "units": lambda: d.int(1, 4),
        "kernel_size": lambda: d.per_axis(spatial, 1, 4),
        "pool_size": lambda: d.per_axis(spatial, 1, 3),
        "strides": lambda: d.per_axis(spatial, 1, 4) if d.int(0, 9) else None,
        "padding": lambda: d.pick("valid", "same", "SAME", "Valid", "causal"),
        "data_format": lambda: "channels_first" if first else d.pick("channels_last", None),
        "dilation_rate": lambda: d.per_axis(spatial, 1, 3),
        "groups": lambda: d.pick(1, 2, 3, -1 if entry.op == "gn" else 1),
        "activation": lambda: d.pick(*ACTIVATIONS),
        "depth_multiplier": lambda: d.int(1, 3),
        "output_padding": lambda: d.per_axis(spatial, 0, 3) if d.int(0, 6) else None,
        "output_size": lambda: d.per_axis(spatial, 1, 4),
        "axis": lambda: d.pick(-1, axes, 1, several(d, axes) if entry.op in ("ln", "rmsnorm") else -1),
        "momentum": lambda: d.pick(0.0, 0.9),
        "renorm_momentum": lambda: 0.5,
        "renorm_clipping": lambda: None,
        "epsilon": lambda: d.pick(1e-3, 1e-5, 0.1),
        "max_value": lambda: d.pick(None, 6, 6.0, 3.0, 0),
        "negative_slope": lambda: d.pick(0.0, 0.1, 0.25, -0.5),
        "threshold": lambda: d.pick(0.0, 0, 0.5),
        "shared_axes": lambda: d.pick(
            None, [], [1], [axes], list(range(1, axes)), list(range(1, axes + 1)), 1
        ),
        "alpha": lambda: d.pick(1.0, 0.5, 2),
        "rate": lambda: d.pick(0.0, 0.25, 0.5),
        "noise_shape": lambda: None,
        "seed": lambda: d.pick(None, 7),
        "stddev": lambda: d.pick(0.0, 0.5),
        "l1": lambda: 0.1,
        "l2": lambda: 0.1,
        "mode": lambda: d.pick("horizontal", "vertical"),
        "factor": lambda: 0.2,
        "height_factor": lambda: 0.2,
        "width_factor": lambda: 0.1,
        "fill_mode": lambda: d.pick("reflect", "nearest"),
        "fill_value": lambda: 1.0,
        "value_range": lambda: (0, 1),
        "size": lambda: d.per_axis(spatial, 1, 3),
        "interpolation": lambda: d.pick(
            *("nearest", "bilinear", *(("BILINEAR", "lanczos3") if entry.op == "upsample" else ()))
        ),
        "cropping": lambda: sides(d, spatial),
        "target_shape": lambda: target(d, shape),
        "dims": lambda: tuple(d.data.draw(st.permutations(range(1, axes + 1)))),
        "n": lambda: d.int(1, 4),
        "scale": lambda: d.pick(2, 0.5, 1 / 255) if entry.op == "rescale" else d.pick(True, False),
        "offset": lambda: d.pick(0.0, -1, 0.25),
        "dtype": lambda: d.pick(None, "float32"),
        "name": lambda: d.pick("abc", None),
        "autocast": lambda: d.pick(True, False),
        "lora_alpha": lambda: None,
        "trainable": lambda: d.pick(True, False),
        "input_shape": lambda: shape,
    }
    if name == "padding" and entry.op == "pad":
        return sides(d, spatial)
    if name == "synchronized":  # True needs TensorFlow
        return False
    if name in ("center", "use_bias", "keepdims"):
        return d.pick(True, False)
    return found[name]()


def several(d: Draw, axes: int) -> list[int]:
    """Some of the axes, from the front or the end, in any order."""
    found = d.data.draw(st.permutations(range(1, axes + 1)))[: d.int(1, axes)]
    return [a if d.int(0, 1) else a - axes - 1 for a in found]


def sides(d: Draw, rank: int) -> Any:
    if rank == 1:
        return d.pick(d.int(0, 2), (d.int(0, 2), d.int(0, 2)))
    kind = d.int(0, 2)
    if kind == 0:
        return d.int(0, 2)
    if kind == 1:
        return tuple(d.int(0, 2) for _ in range(rank))
    return tuple((d.int(0, 2), d.int(0, 2)) for _ in range(rank))


def target(d: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    total, sizes = int(np.prod(shape)), []
    for _ in range(d.int(0, 2)):
        divisors = [n for n in range(1, total + 1) if total % n == 0]
        sizes.append(d.pick(*divisors))
        total //= sizes[-1]
    sizes.append(total)
    if d.int(0, 2) == 0:
        sizes[d.int(0, len(sizes) - 1)] = -1
    return tuple(sizes)


ONLY_REFUSED = ("input_dim", "batch_input_shape", "input_length")
"""Arguments for which a case of their own stands below."""


def arguments(d: Draw, name: str, shape: tuple[int, ...], rank: int, first: bool) -> dict[str, Any]:
    entry = table.CLASSES[name]
    found = {}
    for one in entry.arguments:
        needed = one.default is None and one in entry.arguments[: entry.keyed]
        stated = first and one.name == "data_format" and one.fate == "*"
        elsewhere = one.name in ONLY_REFUSED and not needed
        if one.fate == "!" or elsewhere or not (needed or stated or d.int(0, 2) == 0):
            continue
        if one.name == "input_shape" and first:
            continue
        found[one.name] = argument(d, entry, one.name, shape, rank, first)
    return found


# The two sides


def moved(array: np.ndarray, first: bool) -> np.ndarray:
    """A Keras sample batch, channels first."""
    return array if first or array.ndim < 3 else np.moveaxis(array, -1, 1)


OURS = {
    **{"gamma": "weight", "scale": "weight", "beta": "bias", "alpha": "weight"},
    "embeddings": "weight",
    **{"moving_mean": "running_mean", "moving_variance": "running_var"},
}


def copied(layer: Any, graph: Any, first: bool) -> dict[str, np.ndarray]:
    """The weights of a Keras layer under our names."""
    found = {}
    by_op = {node.op: node.name for node in graph.nodes}
    shapes = weight_shapes(graph)
    for variable in layer.weights:
        value = np.asarray(variable.detach().numpy() if hasattr(variable, "detach") else variable.numpy())
        name, owner = variable.name, by_op.get(table.CLASSES[type(layer).__name__].op, "")
        if name in ("kernel", "depthwise_kernel") and by_op.get("dwconv"):
            value = np.moveaxis(value, (-2, -1), (0, 1))
            value, name = value.reshape(-1, 1, *value.shape[2:]), "weight"
        elif name == "kernel" and "linear" in by_op:
            value, name = value.T, "weight"
        elif name in ("kernel", "pointwise_kernel"):
            value = np.moveaxis(value, (-1, -2), (0, 1))
            owner, name = by_op.get("conv", owner), "weight"
        elif name == "bias" and "dwconv" in by_op and "conv" in by_op:
            owner = by_op["conv"]
        name = OURS.get(name, name)
        if (
            value.ndim > 1
            and name in ("weight", "bias")
            and owner in map(by_op.get, ("ln", "rmsnorm", "prelu"))
        ):
            over = getattr(layer, "axis", -1)
            channels = over == -1 or {-1, len(graph.nodes[0].outputs[0])} & set(over)
            value = np.moveaxis(value, -1, 0) if channels and not first else value
        found[f"{owner}.{name}"] = value.reshape(shapes[f"{owner}.{name}"])
    return found


def keras_side(keras: Any, name: str, given: dict[str, Any], x: np.ndarray) -> Any:
    """The layer and its output, or the error by which Keras refused."""
    given = {key: value for key, value in given.items() if key != "input_shape"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            layer = getattr(keras.layers, name)(**given)
            layer.build((None, *x.shape[1:]))
            rng = np.random.default_rng(len(x.shape))
            for variable in layer.weights:
                variable.assign(rng.uniform(0.2, 1.5, variable.shape).astype("float32"))
            y = keras.ops.convert_to_numpy(layer(x, training=False) if takes_training(layer) else layer(x))
        except (ValueError, TypeError, RuntimeError, IndexError, AssertionError) as error:
            return None, error
    return layer, np.asarray(y)


def takes_training(layer: Any) -> bool:
    return "training" in inspect.signature(layer.call).parameters


def written(name: str, given: dict[str, Any], first: bool) -> str:
    call = f"layers.{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})"
    return f"{call}  # data_format='channels_first'" if first else call


@pytest.mark.parametrize("name", LAYERS)
def test_each_class_is_what_it_is_in_keras(keras: Any, name: str) -> None:
    entry = table.CLASSES[name]

    @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: Any) -> None:
        d = Draw(data)
        rank = entry.rank
        if rank is None:
            rank = 0 if name == "RepeatVector" else 2 if name.startswith("Random") else d.int(0, 3)
        channels = d.pick(1, 2, 3, 4, 6)
        sizes = tuple(d.int(1, 7) for _ in range(rank))
        first = (
            rank > 0
            and any(a.name == "data_format" and a.fate == "*" for a in entry.arguments)
            and d.int(0, 4) == 0
        )
        shape = (channels, *sizes) if first or not rank else (*sizes, channels)
        given_ = arguments(d, name, shape, rank, first)
        x = np.random.default_rng(1).standard_normal((2, *shape)).astype("float32")
        x = np.floor(abs(x)) if entry.op == "embedding" else x
        compare(keras, name, given_, x, first)

    check()


def compare(keras: Any, name: str, given: dict[str, Any], x: np.ndarray, first: bool) -> None:
    drawn.update((name, key) for key in given)
    layer, y = keras_side(keras, name, given, x)
    text = written(name, given, first)
    ours_in = moved(x, first)
    try:
        stated = "" if "input_shape" in given else f"input {'x'.join(map(str, ours_in.shape[1:]))} | "
        graph = convcalc.load(stated + text)
    except SpecError as error:
        if layer is None or y.size == 0:
            outcomes["refused by both"] += 1
            return
        message = error.problems[0].message
        reasons = [r for r in REFUSED_HERE if any(part in message for part in r.split("|"))]
        assert reasons, (text, x.shape, message)
        outcomes[reasons[0]] += 1
        return
    if graph.nodes[-1].op == "avgpool" and given.get("padding", "valid").lower() == "same":
        expected = tensorflow_mean(graph.nodes[-1].layer, ours_in)
        np.testing.assert_allclose(execute(graph, ours_in), expected, rtol=1e-4, atol=1e-5, err_msg=text)
        assert layer is not None or "AveragePooling" in str(y)  # copies of a border that is too short
        outcomes["equal"] += 1
        return
    assert layer is not None, (text, x.shape, f"Keras refuses: {y}")
    expected = moved(y, first)
    got = execute(graph, ours_in, copied(layer, graph, first))
    assert got.shape == expected.shape, (text, x.shape)
    totals = convcalc.analyze(graph).totals
    learned = sum(int(np.prod(v.shape)) for v in layer.weights if "moving_" not in v.name)
    assert totals.params == learned, text
    assert totals.buffers == sum(int(np.prod(v.shape)) for v in layer.weights if "moving_" in v.name), text
    trainable = sum(int(np.prod(v.shape)) for v in layer.trainable_weights)
    assert (totals.trainable, totals.frozen) == (trainable, learned - trainable), text
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4, err_msg=text)
    outcomes["equal"] += 1


@pytest.mark.parametrize("name", JOINS)
def test_joins(keras: Any, name: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.data())
    def check(data: Any) -> None:
        d = Draw(data)
        rank = d.int(0, 3)
        shape = tuple(d.int(1, 4) for _ in range(rank + 1))
        given_: dict[str, Any] = {}
        options_of: dict[str, tuple[Any, ...]] = {
            "axis": (*range(-rank - 1, 0), *range(1, rank + 2)),
            **{"name": ("abc", None), "trainable": (True, False), "dtype": (None, "float32")},
            **{"autocast": (True, False), "activity_regularizer": (None, "l2")},
        }
        for key, options in options_of.items():
            if any(a.name == key for a in table.CLASSES[name].arguments) and d.int(0, 2) == 0:
                given_[key] = d.pick(*options)
        drawn.update((name, key) for key in given_)
        x = np.random.default_rng(1).standard_normal((2, *shape)).astype("float32")
        many = 2 if name == "Subtract" else d.int(2, 3)
        arrays = [x, 2 * x, x][:many]
        expected = keras.ops.convert_to_numpy(getattr(keras.layers, name)(**given_)(arrays))
        read = ", ".join(["input", "twice", "input"][:many])
        call = ", ".join([*(f"{key}={value!r}" for key, value in given_.items()), f"from=[{read}]"])
        graph = convcalc.load(
            f"Rescaling(2, id=twice) | {name}({call})", input="x".join(map(str, moved(x, False).shape[1:]))
        )
        np.testing.assert_allclose(
            execute(graph, moved(x, False)), moved(np.asarray(expected), False), rtol=1e-5
        )

    check()


@pytest.mark.parametrize("name", JOINS[:-1])
def test_joins_that_repeat(keras: Any, name: str) -> None:
    x = np.random.default_rng(2).standard_normal((2, 4, 5, 3)).astype("float32")
    small = x.mean(axis=(1, 2), keepdims=True)
    expected = keras.ops.convert_to_numpy(getattr(keras.layers, name)()([x, small]))
    graph = convcalc.load(
        f"GlobalAveragePooling2D(keepdims=True) | {name}(from=[input, globalavgpool1])", input="3x4x5"
    )
    np.testing.assert_allclose(execute(graph, moved(x, False)), moved(np.asarray(expected), False), rtol=1e-5)


@pytest.mark.parametrize("name", JOINS[:-1])
def test_joins_of_other_ranks_are_aligned_at_the_channels(keras: Any, name: str) -> None:
    """A vector meets the channels, which are last there: refused, with what means the same."""
    x = np.random.default_rng(2).standard_normal((2, 4, 3, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(getattr(keras.layers, name)()([x, x.mean(axis=(1, 2))]))
    pool = "GlobalAveragePooling2D(id=g) | "
    with pytest.raises(convcalc.SpecError, match=r"Reshape\(\(1, 1, 3\)\)"):
        convcalc.load(f"{pool}{name}(from=[input, g])", input="3x4x3")
    graph = convcalc.load(f"{pool}Reshape((1, 1, 3), id=r) | {name}(from=[input, r])", input="3x4x3")
    np.testing.assert_allclose(execute(graph, moved(x, False)), moved(np.asarray(expected), False), rtol=1e-5)


@pytest.mark.parametrize("name", ["Input", "InputLayer"])
@pytest.mark.parametrize("shape", [(5,), (7, 3), (9, 8, 3), (4, 5, 6, 2)])
def test_inputs(keras: Any, name: str, shape: tuple[int, ...]) -> None:
    others = "batch_size=None, dtype='float32', sparse=None, ragged=None, optional=False, name='abc'"
    tensor = "tensor" if name == "Input" else "input_tensor"
    last = (
        "batch_size=None, "
        if name == "Input"
        else "trainable=True, activity_regularizer=None, autocast=True, "
    )
    for text in (
        f"shape={shape}, {others}, {tensor}=None",
        f"batch_shape={(None, *shape)}, {last}dtype=None",
    ):
        drawn.update((name, word.split("=")[0].strip()) for word in re.findall(r"\w+=", text))
        there = eval(f"keras.{'Input' if name == 'Input' else 'layers.InputLayer'}({text})", {"keras": keras})
        there = tuple(there.shape)[1:] if name == "Input" else tuple(there.batch_shape)[1:]
        graph = convcalc.load(f"{name}({text}) | Activation('relu')")
        assert graph.nodes[0].outputs == ((there[-1], *there[:-1]),)


def tensorflow_mean(layer: Any, x: np.ndarray) -> np.ndarray:
    """tf.nn.avg_pool, SAME: ceil(i / s) windows, each the mean of what it finds inside; odd padding after."""
    for axis, (k, s) in enumerate(zip(layer.kernel, layer.stride, strict=True), 2):
        n = x.shape[axis]
        out = -(-n // s)
        before = max((out - 1) * s + k - n, 0) // 2
        spans = [range(max(j * s - before, 0), min(j * s - before + k, n)) for j in range(out)]
        x = np.stack([np.take(x, list(span), axis=axis).mean(axis=axis) for span in spans], axis=axis)
    return x


def tensorflow_bicubic(x: np.ndarray, factor: int, axis: int) -> np.ndarray:
    """tf.image.resize(..., 'bicubic'): Keys' kernel, a = -1/2, over what is inside; weights of sum 1."""
    n = x.shape[axis]
    matrix = np.zeros((n * factor, n))
    for o in range(n * factor):
        place = (o + 0.5) / factor - 0.5
        for i in range(n):
            t = abs(place - i)
            near = 1.5 * t**3 - 2.5 * t**2 + 1
            far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
            matrix[o, i] = near if t <= 1 else far if t < 2 else 0.0
        matrix[o] /= matrix[o].sum()
    return np.moveaxis(np.tensordot(matrix, np.moveaxis(x, axis, 0), 1), 0, axis)


def test_bicubic_is_that_of_tensorflow_and_jax() -> None:
    """The row of numbers is what Keras 3.15 gives on JAX 0.10."""
    drawn["UpSampling2D", "interpolation"] += 1
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    graph = convcalc.load("UpSampling2D(2, interpolation='bicubic')", input="1x2x2")
    got = execute(graph, x)
    np.testing.assert_allclose(got[0, 0, 0], [-0.26470593, 0.03067228, 0.61638665, 0.91176486], atol=1e-6)
    for shape, factor in (((2, 3, 5), 3), ((1, 1, 4), 2), ((3, 6, 2), 4)):
        x = np.random.default_rng(2).standard_normal((1, *shape))
        text = f"UpSampling2D(({factor}, 2), interpolation='BICUBIC')"
        got = execute(convcalc.load(text, input="x".join(map(str, shape))), x)
        np.testing.assert_allclose(
            got, tensorflow_bicubic(tensorflow_bicubic(x, factor, 2), 2, 3), atol=1e-12
        )


def uncovered() -> list[tuple[str, str]]:
    """Arguments that were never drawn."""
    return [
        (name, argument.name)
        for name in NAMES
        for argument in table.CLASSES[name].arguments
        if argument.fate != "!"
        and argument.name not in ONLY_REFUSED
        and not drawn[name, argument.name]
        and not (argument.name == "input_shape" and name not in LAYERS)
    ]


def test_every_argument_was_drawn(request: pytest.FixtureRequest) -> None:
    """After the tests above, in one process."""
    names = {item.name for item in request.session.items}
    if not all(
        f"test_each_class_is_what_it_is_in_keras[{name}]" in names for name in LAYERS
    ) or os.environ.get("PYTEST_XDIST_WORKER"):
        pytest.skip("only where all classes were drawn in this process")
    assert uncovered() == []
    assert outcomes["equal"] > 2000


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "torch")
    code = pytest.main(["-q", "-m", "keras", "-p", "no:cacheprovider", __file__])
    here = sys.modules["tests.importers.test_keras"]
    marks = {">": "meant", "*": "meant", "~": "harmless", "!": "refused"}
    for name in NAMES:
        words = (
            f"{a.name} {marks[a.fate]} {here.drawn[name, a.name]}" for a in table.CLASSES[name].arguments
        )
        print(f"{name}: " + ", ".join(words))
    print(*(f"{count:6d} {outcome}" for outcome, count in here.outcomes.most_common()), sep="\n")
    raise SystemExit(code)
