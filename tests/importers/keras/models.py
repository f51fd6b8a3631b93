"""Small models of Keras, of every kind that files hold, and how they are held against what is read of them.

``python -m tests.importers.keras.models`` writes the fixtures of ``data/``: the archive of each model with
its weights, and what Keras itself says of it (parameters, shapes of all layers, outputs for one input). It
needs Keras, and prints the version.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data"
MODELS: dict[str, Callable[[Any], Any]] = {}


def model(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    MODELS[function.__name__] = function
    return function


@model
def nested_and_shared(k: Any) -> Any:
    """A Sequential and a layer called twice, functions between them, an activation that is a layer."""
    L = k.layers
    image = x = k.Input((8, 6, 3), name="image")
    inner = k.Sequential([L.Conv2D(4, 3, activation="relu", name="c"), L.BatchNormalization()], name="inner")
    a, b = inner(x), inner(x * 2.0)
    x = L.Add()([a, b]) + 1.0
    x = k.ops.relu6(x) * (1 / 6)
    same = L.Conv2D(4, 1, name="same")
    x = same(same(x))
    x = k.ops.mean(x, axis=[1, 2], keepdims=True)
    x = k.ops.reshape(x, (-1, 4))
    y = L.Dense(3, activation="softmax", name="out")(x)
    return k.Model(image, [y, L.Activation(L.LeakyReLU(0.1))(x)])


@model
def twice_functional(k: Any) -> Any:
    L = k.layers
    i = k.Input((5, 4))
    block = k.Model(i, [L.Dense(4, name="d")(i), L.Dense(2, use_bias=False)(i)], name="block")
    x = k.Input((5, 4), name="left")
    z = k.Input((5, 4), name="right")
    (a, b), (c, d) = block(x), block(z)
    return k.Model([x, z], {"far": L.Concatenate()([a, c]), "near": L.Subtract()([b, d])})


@model
def recurrent(k: Any) -> Any:
    L = k.layers
    x = k.Input((7, 5))
    y = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    z = L.Bidirectional(L.GRU(2), merge_mode="sum")(y)
    s, h = L.GRU(4, return_state=True, return_sequences=True, reset_after=False)(y)
    r = L.SimpleRNN(3, go_backwards=True)(s)
    q = L.RNN([L.LSTMCell(3), L.GRUCell(2)])(s)
    out, h2, c2 = L.LSTM(3, return_state=True)(y)
    return k.Model(x, L.Concatenate()([z, h, r, q, out, h2, c2]))


@model
def timed(k: Any) -> Any:
    L = k.layers
    x = k.Input((4, 9, 8, 3))
    y = L.TimeDistributed(L.Conv2D(4, 3, strides=2, padding="same", activation="relu"))(x)
    y = L.TimeDistributed(L.BatchNormalization())(y)
    y = L.TimeDistributed(L.MaxPooling2D(2))(y)
    inner = k.Sequential(
        [L.DepthwiseConv2D(2, name="dw"), L.Conv2D(5, 1), L.Flatten(), L.Dense(6, activation="tanh")]
    )
    z = L.TimeDistributed(inner)(y)
    g = L.TimeDistributed(L.GlobalAveragePooling2D())(y)
    return k.Model(x, L.LSTM(3)(L.Concatenate()([z, g])))


@model
def attention(k: Any) -> Any:
    L = k.layers
    x = k.Input((6, 8))
    y = L.MultiHeadAttention(2, 4, name="own")(x, x)
    y = L.LayerNormalization()(L.Add()([x, y]))
    z = L.MultiHeadAttention(2, 3, value_dim=5, output_shape=7, use_bias=False)(query=y, value=x, key=y)
    z = L.MultiHeadAttention(1, 3)(z, z, use_causal_mask=True)
    w = L.GroupQueryAttention(4, 4, 2)(x, x)
    w = L.Attention(use_scale=True)([w, x])
    z = L.RMSNormalization()(z)
    return k.Model(x, L.Concatenate()([L.GlobalAveragePooling1D()(z), L.UnitNormalization()(L.Flatten()(w))]))


@model
def convolutions(k: Any) -> Any:
    L = k.layers
    x = k.Input((12, 11, 4))
    a = L.SeparableConv2D(6, 3, depth_multiplier=2, activation="gelu")(L.Rescaling(1 / 255, offset=-1)(x))
    a = L.Conv2DTranspose(5, 3, strides=2, padding="same")(a)
    a = L.Cropping2D(((1, 2), (0, 1)))(L.UpSampling2D(2, interpolation="bilinear")(L.AveragePooling2D(3)(a)))
    a = L.PReLU(shared_axes=[1, 2])(L.ZeroPadding2D(1)(a))
    b = L.Conv2D(4, 3, groups=2, dilation_rate=2, padding="same")(x)
    b = L.GroupNormalization(2)(L.SpatialDropout2D(0.3)(L.ReLU(6.0)(b)))
    b = L.GlobalMaxPooling2D(keepdims=True)(L.GaussianNoise(0.1)(b))
    return k.Model(
        x,
        [
            L.Flatten()(L.LayerNormalization(axis=[1, 2, 3])(a)),
            L.Multiply()([x, b]),
            L.Multiply()([x, L.Flatten()(b)]),
        ],
    )


@model
def shapes(k: Any) -> Any:
    L = k.layers
    x = k.Input((4, 6, 5))
    y = L.Permute((3, 1, 2))(x)
    y = L.Reshape((10, -1))(y)
    y = L.EinsumDense("abc,cde->abde", output_shape=(None, 3, 2), bias_axes="de", activation="relu")(y)
    y = L.EinsumDense("abcd,cde->abe", output_shape=(None, 4))(y)
    v = L.RepeatVector(10)(L.GlobalAveragePooling1D()(y))
    z = L.Dot(axes=(2, 2))([y, v])
    u = L.Dot(axes=1, normalize=True)([L.GlobalMaxPooling1D()(y), L.GlobalAveragePooling1D()(v)])
    t = k.ops.transpose(x, (0, 2, 1, 3))[:, 1:4, 0]
    t = k.ops.concatenate([t, k.ops.flip(t, axis=1)], axis=1)
    t = k.ops.expand_dims(k.ops.softmax(t, axis=1), 2)
    t = k.ops.squeeze(k.ops.stack([t, t * t], axis=3), 2)
    t = 1.0 - k.ops.matmul(t, k.ops.swapaxes(t, 2, 3)) / 2.0
    return k.Model(x, [L.Average()([z, z]), u, t, k.ops.max(t, axis=-1), k.ops.split(y, 2, axis=1)[1]])


@model
def first(k: Any) -> Any:
    """Channels first, throughout."""
    L = k.layers
    x = k.Input((3, 9, 8))
    f = {"data_format": "channels_first"}
    y = L.Conv2D(4, 3, padding="same", activation="silu", **f)(x)
    y = L.BatchNormalization(axis=1)(y)
    y = L.MaxPooling2D(2, **f)(y)
    y = L.Concatenate(axis=1)([y, L.DepthwiseConv2D(3, padding="same", **f)(y)])
    z = L.GlobalAveragePooling2D(**f)(y)
    return k.Model(x, [L.Dense(3)(L.Flatten(**f)(y)), L.Dense(2, activation="softplus")(z)])


@model
def frozen(k: Any) -> Any:
    L = k.layers
    base = k.Sequential(
        [k.Input((8, 8, 3)), L.Conv2D(4, 3), L.BatchNormalization(), L.GlobalAveragePooling2D()], name="base"
    )
    base.trainable = False
    return k.Sequential(
        [k.Input((8, 8, 3)), base, L.Dense(5), L.Normalization(), L.Dense(2, trainable=False)]
    )


@model
def text(k: Any) -> Any:
    L = k.layers
    x = k.Input((9,), dtype="int32")
    y = L.Embedding(11, 6)(x)
    y = L.Conv1D(5, 3, padding="causal", activation="elu")(L.Dropout(0.5)(y))
    y = L.SeparableConv1D(4, 3)(y)
    return k.Model(x, L.Dense(1, activation="sigmoid")(L.GlobalMaxPooling1D()(y)))


def weighted(k: Any, built: Any, seed: int = 0) -> None:
    """Weights that are drawn, none of them zero."""
    rng = np.random.default_rng(seed)
    for variable in built.weights:
        value = np.asarray(k.ops.convert_to_numpy(variable))
        if value.dtype.kind == "f":
            low, high = (0.5, 1.5) if "variance" in variable.name or "gamma" in variable.name else (-0.8, 0.8)
            variable.assign(rng.uniform(low, high, value.shape).astype("float32"))


def flat(k: Any, structure: Any) -> list[Any]:
    """Arrays of a structure in the order in which Keras lays it flat."""
    return [np.asarray(k.ops.convert_to_numpy(one)) for one in k.tree.flatten(structure)]


def inputs(built: Any, seed: int = 1) -> list[np.ndarray]:
    """A batch of two for each input."""
    rng = np.random.default_rng(seed)
    found = []
    for tensor in built.inputs:
        shape = (2, *(5 if size is None else size for size in tensor.shape[1:]))
        whole = str(tensor.dtype).startswith("int")
        found.append(rng.integers(0, 9, shape) if whole else rng.standard_normal(shape).astype("float32"))
    return found


def ours(array: np.ndarray, first: bool) -> np.ndarray:
    """A batch with its channels first."""
    return array if first or array.ndim < 3 else np.moveaxis(array, -1, 1)


def facts(k: Any, built: Any) -> dict[str, Any]:
    """What Keras says of a model: numbers that are learned and not, and the shape of every layer."""
    named = {}
    for layer in built.layers:
        found = layer.output if not isinstance(layer.output, list | tuple | dict) else None
        if found is not None and len(layer._inbound_nodes) == 1:
            named[layer.name] = list(found.shape[1:])
    trainable = sum(int(np.prod(v.shape)) for v in built.trainable_weights)
    return {"count": int(built.count_params()), "trainable": trainable, "shapes": named}


def main() -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    DATA.mkdir(exist_ok=True)
    recorded: dict[str, Any] = {"keras": keras.__version__}
    for name, make in MODELS.items():
        keras.utils.clear_session()
        built = make(keras)
        weighted(keras, built)
        built.save(DATA / f"{name}.keras")
        given = inputs(built)
        written = flat(keras, built(given if len(given) > 1 else given[0], training=False))
        recorded[name] = {
            **facts(keras, built),
            "inputs": [one.tolist() for one in given],
            "outputs": [np.round(one.astype(float), 7).tolist() for one in written],
        }
    (DATA / "recorded.json").write_text(json.dumps(recorded))
    print(keras.__version__, {path.name: path.stat().st_size for path in sorted(DATA.iterdir())})


if __name__ == "__main__":
    main()
