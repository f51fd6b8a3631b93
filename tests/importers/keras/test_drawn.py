"""Functional models with drawn layers, saved by Keras, read here, and run by both."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.importers.keras.files import read
from tests.importers.keras.models import flat, inputs, ours, weighted
from tests.importers.keras.test_files import values

pytestmark = pytest.mark.keras
EXAMPLES = int(os.environ.get("KERAS_EXAMPLES", "60"))


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


ACTIVATIONS = (
    *("linear", "relu", "relu6", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "softmax", "hard_sigmoid"),
    *("hard_silu", "leaky_relu", "mish", "exponential", "softplus", "softsign", "log_sigmoid", "log_softmax"),
    *("hard_tanh", "celu", "tanh_shrink", "soft_shrink", "hard_shrink"),
)
ANYWHERE = (
    *(
        "Dense",
        "BatchNormalization",
        "LayerNormalization",
        "RMSNormalization",
        "UnitNormalization",
        "Rescaling",
    ),
    *(
        "Normalization",
        "Activation",
        "ReLU",
        "LeakyReLU",
        "ELU",
        "PReLU",
        "Softmax",
        "Dropout",
        "GaussianNoise",
    ),
    *("GaussianDropout", "AlphaDropout", "Identity", "Flatten", "Reshape", "Permute"),
)
MAPS = (
    *("Conv", "ConvTranspose", "MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling"),
    *("UpSampling", "ZeroPadding", "SpatialDropout", "GroupNormalization"),
)
FLATTER = ("DepthwiseConv", "SeparableConv")
SEQUENCES = (
    *("SimpleRNN", "LSTM", "GRU", "Bidirectional", "TimeDistributed", "EinsumDense", "MultiHeadAttention"),
)
RANKS = {
    **dict.fromkeys(ANYWHERE, (0, 1, 2, 3)),
    **dict.fromkeys(MAPS, (1, 2, 3)),
    **dict.fromkeys(FLATTER, (1, 2)),
    **dict.fromkeys(SEQUENCES, (1,)),
    "RepeatVector": (0,),
}


def layer(d: Any, k: Any, kind: str, rank: int, channels: int, sizes: list[int]) -> Any:
    """A layer for maps of a rank, with drawn arguments."""
    L = k.layers

    def pick(*choices: Any) -> Any:
        return d.draw(st.sampled_from(choices))

    def flag() -> bool:
        return pick(False, True)

    def ranked(text: str) -> Any:
        return getattr(L, f"{text}{rank}D")

    kernel = d.draw(st.integers(1, max(1, min(3, min(sizes, default=1)))))
    axes = list(range(1, rank + 2))

    def around() -> dict[str, Any]:
        return {"padding": pick("same", "valid"), "activation": pick(*ACTIVATIONS), "use_bias": flag()}

    def again() -> dict[str, Any]:
        return {"return_sequences": flag(), "go_backwards": flag(), "use_bias": flag()}

    def attention() -> Any:
        made = L.MultiHeadAttention(2, 3, use_bias=flag())
        causal = flag()
        return lambda x: made(x, x, use_causal_mask=causal)

    known = {
        "Dense": lambda: L.Dense(pick(1, 3, 4), activation=pick(*ACTIVATIONS), use_bias=flag()),
        "BatchNormalization": lambda: L.BatchNormalization(scale=flag(), center=flag(), trainable=flag()),
        "LayerNormalization": lambda: L.LayerNormalization(axis=pick(-1, axes), scale=flag()),
        "RMSNormalization": lambda: L.RMSNormalization(),
        "UnitNormalization": lambda: L.UnitNormalization(),
        "Rescaling": lambda: L.Rescaling(0.5, offset=-1),
        "Normalization": lambda: L.Normalization(axis=pick(-1, None), invert=flag()),
        "Activation": lambda: L.Activation(pick(*ACTIVATIONS)),
        "ReLU": lambda: L.ReLU(pick(None, 6.0, 2.0)),
        "LeakyReLU": lambda: L.LeakyReLU(0.2),
        "ELU": lambda: L.ELU(0.7),
        "PReLU": lambda: L.PReLU(shared_axes=pick(None, axes[:-1]) or None),
        "Softmax": lambda: L.Softmax(),
        "Dropout": lambda: L.Dropout(0.4),
        "GaussianNoise": lambda: L.GaussianNoise(0.4),
        "GaussianDropout": lambda: L.GaussianDropout(0.4),
        "AlphaDropout": lambda: L.AlphaDropout(0.4),
        "Identity": lambda: L.Identity(),
        "Flatten": lambda: L.Flatten(),
        "Reshape": lambda: L.Reshape((channels, -1)),
        "Permute": lambda: L.Permute(d.draw(st.permutations(axes))),
        "GroupNormalization": lambda: L.GroupNormalization(pick(1, -1)),
        "Conv": lambda: ranked("Conv")(pick(2, 4), kernel, strides=pick(1, 2), **around()),
        "ConvTranspose": lambda: getattr(L, f"Conv{rank}DTranspose")(
            pick(2, 3), kernel, strides=pick(1, 2), **around()
        ),
        "MaxPooling": lambda: ranked("MaxPooling")(kernel),
        "AveragePooling": lambda: ranked("AveragePooling")(kernel),
        "GlobalMaxPooling": lambda: ranked("GlobalMaxPooling")(keepdims=flag()),
        "GlobalAveragePooling": lambda: ranked("GlobalAveragePooling")(keepdims=flag()),
        "UpSampling": lambda: ranked("UpSampling")(2),
        "ZeroPadding": lambda: ranked("ZeroPadding")(1),
        "SpatialDropout": lambda: ranked("SpatialDropout")(0.3),
        "DepthwiseConv": lambda: ranked("DepthwiseConv")(kernel, depth_multiplier=pick(1, 2), **around()),
        "SeparableConv": lambda: ranked("SeparableConv")(
            pick(2, 3), kernel, depth_multiplier=pick(1, 2), **around()
        ),
        "SimpleRNN": lambda: L.SimpleRNN(3, **again()),
        "LSTM": lambda: L.LSTM(3, **again()),
        "GRU": lambda: L.GRU(3, reset_after=flag(), **again()),
        "Bidirectional": lambda: L.Bidirectional(
            pick(L.LSTM, L.GRU, L.SimpleRNN)(2, return_sequences=flag()),
            merge_mode=pick("concat", "sum", "mul", "ave"),
        ),
        "TimeDistributed": lambda: L.TimeDistributed(L.Dense(3, activation="relu")),
        "EinsumDense": lambda: L.EinsumDense("abc,cd->abd", (None, 3), bias_axes=pick(None, "d")),
        "MultiHeadAttention": attention,
        "RepeatVector": lambda: L.RepeatVector(3),
    }
    return known[kind]()


def test_drawn_models_are_what_they_are_in_keras(keras: Any, tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES * 2, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def check(data: Any) -> None:
        keras.utils.clear_session()
        kind = data.draw(st.sampled_from(sorted(RANKS)))
        rank = data.draw(st.sampled_from(RANKS[kind]))
        shape = (*(data.draw(st.integers(3, 6)) for _ in range(rank)), data.draw(st.sampled_from((2, 3, 4))))
        start = x = keras.Input(shape)
        names = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(data.draw(st.integers(1, 3))):
                *sizes, channels = x.shape[1:]
                try:
                    y = layer(data, keras, kind, len(sizes), channels, sizes)(x)
                except (ValueError, RuntimeError, TypeError):
                    break  # Keras does not take it
                if any(size == 0 for size in y.shape[1:]) or len(y.shape) > 5:
                    break
                names.append(kind)
                joined = data.draw(st.sampled_from(("", "", "", "Add", "Multiply", "Maximum")))
                x = getattr(keras.layers, joined)()([x, y]) if joined and y.shape == x.shape else y
                fitting = [one for one, ranks in RANKS.items() if len(x.shape) - 2 in ranks]
                kind = data.draw(st.sampled_from(fitting))
            if not names:
                return
            built = keras.Model(start, x)
            weighted(keras, built)
            path = tmp_path / "drawn.keras"
            built.save(path)
            batch = inputs(built)
            expected = flat(keras, built(batch[0], training=False))
        graph = read(path)
        assert not [node for node in graph.nodes if node.op == "opaque"], (names, graph.notes)
        totals = convcalc.analyze(graph).totals
        assert totals.params + totals.buffers == built.count_params(), names
        assert totals.trainable == sum(int(np.prod(v.shape)) for v in built.trainable_weights), names
        (found,) = values(graph, [ours(batch[0], False)])
        other = ours(expected[0], False)
        assert found.shape == other.shape, names
        if np.isfinite(other).all():
            bound = 2e-4 * max(1.0, float(np.abs(other).max()))
            np.testing.assert_allclose(found, other, rtol=2e-3, atol=bound, err_msg=str(names))
        seen.update(names)

    check()
    if EXAMPLES >= 150:
        assert set(seen) == set(RANKS)
