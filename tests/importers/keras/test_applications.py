"""Networks of ``keras.applications``, built without weights, against what Keras counts and computes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc.importers.keras.files import read
from tests.importers.keras.models import facts, ours, weighted
from tests.importers.keras.test_files import holds, values

pytestmark = [pytest.mark.keras, pytest.mark.slow]
NAMES = {
    **dict.fromkeys(("ResNet50", "ResNet50V2", "VGG16", "MobileNet", "MobileNetV2", "MobileNetV3Small"), 64),
    **dict.fromkeys(("MobileNetV3Large", "EfficientNetB0", "EfficientNetV2B0", "DenseNet121"), 64),
    **dict.fromkeys(("ConvNeXtTiny", "InceptionV3", "InceptionResNetV2", "Xception"), 75),
}


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


@pytest.mark.parametrize("name", NAMES)
def test_an_application_has_the_parameters_and_shapes_of_keras(keras: Any, name: str) -> None:
    keras.utils.clear_session()
    built = getattr(keras.applications, name)(weights=None)
    holds(read(built.to_json()), facts(keras, built), False)


@pytest.mark.parametrize("name", NAMES)
def test_an_application_gives_the_outputs_of_keras(keras: Any, name: str, tmp_path: Path) -> None:
    keras.utils.clear_session()
    size = NAMES[name]
    built = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
    rng = np.random.default_rng(0)
    weighted(keras, built)
    for variable in built.weights:  # of the size that training starts with, so that nothing overflows
        if len(variable.shape) > 1:
            scale = float(np.prod(variable.shape[:-1])) ** -0.5
            variable.assign(rng.standard_normal(variable.shape).astype("float32") * scale)
    path = tmp_path / "model.keras"
    built.save(path)
    x = rng.uniform(0, 1, (2, size, size, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(built(x, training=False))
    (found,) = values(read(path), [ours(x, False)])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * float(np.abs(expected).max()))
