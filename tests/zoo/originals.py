"""Networks as torchvision and timm build them, for the tests that hold our outputs to theirs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pytest

import convcalc

DECLARED: list[Any] = []
"""What declares the operators of a torchvision without its compiled part."""


def torchvision_or_skip() -> Any:
    """The package torchvision, also one whose compiled part does not load."""
    torch = pytest.importorskip("torch")
    place = find_spec("torchvision")
    if "torchvision" not in sys.modules and place is not None and place.submodule_search_locations:
        try:
            torch.ops.load_library(f"{place.submodule_search_locations[0]}/_C.so")
        except OSError:
            sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")
            DECLARED.append(torch.library.Library("torchvision", "DEF"))
            DECLARED[0].define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    torch.manual_seed(0)
    return pytest.importorskip("torchvision")


def timm_or_skip() -> Any:
    """The package timm."""
    torchvision_or_skip()
    return pytest.importorskip("timm")


def drawn(model: Any, seed: int = 0, gain: float = 1) -> Any:
    """The model in float64, every parameter and statistic drawn: a 0 or a 1 could hide a mistake.

    Args:
        model: the original, which is changed.
        seed: of what is drawn.
        gain: times this are the weights of sums, where activations would let what flows fade.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    with torch.no_grad():
        for module in model.modules():
            for name, array in module.named_parameters(recurse=False):
                fan = max(array[0].numel(), 1) if array.ndim > 1 else 1
                array.normal_(0, gain * fan**-0.5 if array.ndim > 1 else 0.2, generator=generator)
                if array.ndim == 1 and name == "weight":  # of a normalisation
                    array.add_(1)
            for name, array in module.named_buffers(recurse=False):
                if name == "running_mean":
                    array.normal_(0, 0.2, generator=generator)
                elif name == "running_var":
                    array.uniform_(0.5, 1.5, generator=generator)
    return model


def renamed(
    model: Any,
    network: convcalc.Graph,
    rules: Iterable[tuple[str, Any]],
    passed: str = "num_batches_tracked",
    extra: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """The arrays of a model under our names; those that come to one name stand behind one another there.

    Args:
        model: the original; its buffers are taken whether or not it would save them.
        network: ours; every array of it must be found, with its shape or one that differs by axes of 1 or
            by axes taken together.
        rules: patterns and what stands for them, each applied once, in order.
        passed: a pattern of those that we have no use for.
        extra: arrays of ours that the original does not hold.
    """
    shapes = {name: array.shape for name, array in convcalc.init_weights(network, 0, "float32").items()}
    found: dict[str, list[Any]] = {name: [array] for name, array in extra.items()}
    for name, array in (model.state_dict() | dict(model.named_buffers())).items():
        if re.search(passed, name):
            continue
        for pattern, text in rules:
            name = re.sub(pattern, text, name)
        assert name in shapes, name
        found.setdefault(name, []).append(np.atleast_1d(array.numpy()))
    assert set(found) == set(shapes)
    return {name: np.concatenate(parts).reshape(shapes[name]) for name, parts in found.items()}


def by_kind(
    model: Any,
    network: convcalc.Graph,
    rules: Iterable[tuple[str, str]] = (),
    passed: str = "num_batches_tracked",
) -> dict[str, Any]:
    """The arrays of a model under our names, where both have those of each kind in the same order.

    Args:
        model: the original, as it would be saved.
        network: ours; shapes must agree, but for axes of 1.
        rules: patterns in either's names and what stands for them; what follows the last dot is then the kind
            (``weight``, ``running_var``).
        passed: a pattern of those that we have no use for.
    """
    theirs: dict[str, list[Any]] = {}
    for name, array in model.state_dict().items():
        if not re.search(passed, name):
            theirs.setdefault(kind(name, rules), []).append(array.numpy())
    found = {}
    for name, array in convcalc.init_weights(network, 0, "float32").items():
        own = theirs[kind(name, rules)].pop(0)
        assert [n for n in own.shape if n > 1] == [n for n in array.shape if n > 1], name
        found[name] = own.reshape(array.shape)
    assert not any(theirs.values())
    return found


def kind(name: str, rules: Iterable[tuple[str, str]]) -> str:
    """What kind of array has a name."""
    for pattern, text in rules:
        name = re.sub(pattern, text, name)
    return name.rpartition(".")[2]


def held(
    model: Any,
    network: convcalc.Graph,
    weights: Mapping[str, Any],
    size: tuple[int, ...],
    near: float = 1e-9,
) -> None:
    """Both give the same for two samples, near in relation to the largest value."""
    import torch

    x = np.random.default_rng(1).standard_normal((2, *size))
    found = convcalc.execute(network, x, dict(weights))
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).numpy()
    assert np.abs(expected).max() > 0.1
    assert np.abs(expected[0] - expected[1]).max() > 0.01
    assert np.abs(found - expected).max() <= near * np.abs(expected).max()


def multiplied(model: Any, *inputs: Any) -> int:
    """Multiply-accumulates of one sample by PyTorch's own operator counter."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(*inputs)
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return int(flops // 2)
