"""The field that comparisons, replacements and limits go by."""

from __future__ import annotations

import pytest

import convcalc
from convcalc.calculators.receptive_field.output import field_of, show_field


@pytest.mark.parametrize(
    ("network", "size"),
    [
        ("vgg16", 212),  # Araujo et al. 2019
        ("mobilenet_v1", 315),  # Araujo et al. 2019
        ("resnet50", 427),  # Richter et al. 2021, torchvision's form
    ],
)
def test_of_a_classifier_it_is_that_of_the_features(network: str, size: int) -> None:
    """The pooling at the end sees everything, which would say nothing."""
    field = field_of(convcalc.load(network))
    assert field.size == (size, size)
    assert field.everything
    assert show_field(field) == f"{size}x{size}"


@pytest.mark.parametrize(
    ("spec", "shape", "shown"),
    [
        ("conv 3->4 k3x5", "3x9x9", "3x5"),
        ("conv 3->4 k3 | conv 4 k3 d2", "3x19x19", "7x7"),
        ("conv 3->4 k3", None, "3x3"),
        ("conv 3->4 k7", "3x30", "7"),
        ("globalavgpool", "3x9x9", "all"),
        ("conv M->N kK", "MxHxW", "K x K"),
    ],
)
def test_shown(spec: str, shape: str | None, shown: str) -> None:
    assert show_field(field_of(convcalc.load(spec, input=shape))) == shown


@pytest.mark.parametrize(("spec", "shape"), [("linear 10->4", "10"), ("relu", "10")])
def test_of_a_flat_input_there_is_none(spec: str, shape: str) -> None:
    assert field_of(convcalc.load(spec, input=shape)) is None


def test_a_gate_that_sees_everything_does_not_hide_the_path_beside_it() -> None:
    """Squeeze and excitation: the gate is global, the gated path is not."""
    field = field_of(convcalc.load("conv 8 k3 p1 | squeeze_excite(2) | conv 8 k3 p1", input="3x16x16"))
    assert field.size == (5, 5)
    assert field.everything
