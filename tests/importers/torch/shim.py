"""Import before torchvision where its compiled extension does not load, beside a CPU build of PyTorch.

The operators that its Python part asks for are declared and not implemented: models are exported and built,
and none of those operators runs.
"""

from __future__ import annotations

import sys
import types
from typing import Any

_LIBRARIES: list[Any] = []


def declare() -> None:
    """Declare what torchvision's extension would; nothing where the extension loads."""
    import torch

    if _LIBRARIES or "torchvision" in sys.modules:
        return
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        registrations = "torchvision._meta_registrations"
        sys.modules[registrations] = types.ModuleType(registrations)
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
