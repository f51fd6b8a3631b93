"""The call form: what people paste from PyTorch and Keras means what it means there.

Expectations are worked by hand from the definitions of the frameworks: a convolution has
out * in/groups * taps weights and a bias an output channel; SAME keeps ceil(size / stride).
"""

from __future__ import annotations

import pytest

from convcalc import analyze, load
from convcalc.exporters.text import format_layer
from convcalc.spec import SpecError


def lines(spec: str, shape: str | None = None) -> list[str]:
    """The layers of a spec in line form."""
    return [format_layer(node.layer) for node in load(spec, input=shape).nodes if node.op != "input"]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("Conv2d(3, 64, 7, 2, 3, 1, 1, False)", "conv 3->64 k7 s2 p3 bias=false"),
        ("nn.Conv2d(3, 64, kernel_size=(7, 5), stride=(2, 1))", "conv 3->64 k7x5 s2x1"),
        ("torch.nn.Conv2d(in_channels=4, out_channels=8, kernel_size=3, groups=4)", "conv 4->8 k3 g4"),
        ("Conv2d(3, 8, 3, padding='same', dilation=2)", "conv 3->8 k3 p=same d2"),
        ("Conv2d(3, 8, (3, 3), padding=(0, 1), padding_mode='reflect')", None),
        (
            "ConvTranspose2d(3, 8, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), bias=False)",
            "convT 3->8 k4 s2 p1 bias=false",
        ),
        ("ConvTranspose2d(3, 8, 3, 2, 1, 1)", "convT 3->8 k3 s2 p1 op1"),
        ("MaxPool2d(3, 2, 1)", "maxpool k3 s2 p1"),
        ("MaxPool2d(kernel_size=2)", "maxpool k2 s2"),
        (
            "MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=True)",
            "maxpool k3 s2 ceil=true",
        ),
        ("AvgPool2d(3, stride=1, padding=1, count_include_pad=False)", None),
        ("AdaptiveAvgPool2d((1, 1))", None),
        ("BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)", "bn 3"),
        ("GroupNorm(3, 3)", "gn 3 channels=3"),
        ("nn.ReLU(inplace=True)", "relu inplace=true"),
        ("LeakyReLU(negative_slope=0.2)", "leakyrelu slope=0.2"),
        ("Dropout(p=0.5, inplace=False)", None),
        ("Identity()", "identity"),
        ("PixelShuffle(upscale_factor=1)", None),
    ],
)
def test_pytorch_layers(call: str, line: str | None) -> None:
    shape = "4x32x32" if "in_channels=4" in call else "3x32x32"
    (found,) = lines(call, shape)
    if line is not None:
        assert found == line
    assert lines(found, shape) == [found]


def test_what_print_shows_of_a_sequential() -> None:
    text = (
        "Sequential(\n"
        "  (0): Conv2d(3, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
        "  (1): Sequential(\n"
        "    (0): BatchNorm2d(16, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)\n"
        "    (1): ReLU(inplace=True)\n"
        "  )\n"
        "  (2-3): 2 x Conv2d(16, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
        "  (pool): AdaptiveAvgPool2d(output_size=(1, 1))\n"
        "  (5): Flatten(start_dim=1, end_dim=-1)\n"
        "  (6): Linear(in_features=16, out_features=10, bias=True)\n"
        ")"
    )
    report = analyze(load(text, input="3x32x32"))
    conv1, conv2 = 16 * 3 * 9 + 16, 16 * 16 * 9 + 16
    assert report.totals.params == conv1 + 2 * 16 + 2 * conv2 + 16 * 10 + 10
    assert report.totals.buffers == 2 * 16
    assert report.layers[-1].output_shape == (10,)


@pytest.mark.parametrize(
    ("call", "params", "shape"),
    [
        ("Conv2D(64, 3, strides=2, padding='same')", 64 * 3 * 9 + 64, (64, 16, 17)),
        ("layers.Conv2D(8, (5, 3), activation='relu', use_bias=False)", 8 * 3 * 15, (8, 27, 31)),
        ("keras.layers.Conv2D(filters=6, kernel_size=3, groups=3, dilation_rate=2)", 6 * 9 + 6, (6, 27, 29)),
        ("DepthwiseConv2D(3, depth_multiplier=2, padding='same')", 6 * 9 + 6, (6, 31, 33)),
        # Keras: the pointwise part alone has a bias.
        ("SeparableConv2D(64, 3, depth_multiplier=2)", 6 * 9 + 64 * 6 + 64, (64, 29, 31)),
        ("Conv2DTranspose(8, 4, strides=2, padding='same')", 3 * 8 * 16 + 8, (8, 62, 66)),
        ("Conv2DTranspose(8, 3, strides=2)", 3 * 8 * 9 + 8, (8, 63, 67)),
        ("MaxPooling2D()", 0, (3, 15, 16)),
        ("AveragePooling2D(pool_size=3, strides=2, padding='same')", 0, (3, 16, 17)),
        ("GlobalAveragePooling2D() | Dense(10, activation='softmax')", 3 * 10 + 10, (10,)),
        ("BatchNormalization()", 2 * 3, (3, 31, 33)),
        ("BatchNormalization(center=False, scale=False)", 0, (3, 31, 33)),
        ("UpSampling2D(size=(2, 3))", 0, (3, 62, 99)),
        ("ZeroPadding2D(((1, 2), (3, 0)))", 0, (3, 34, 36)),
        ("Cropping2D(cropping=1)", 0, (3, 29, 31)),
        ("Activation('relu')", 0, (3, 31, 33)),
    ],
)
def test_keras_layers_take_channels_from_upstream(call: str, params: int, shape: tuple[int, ...]) -> None:
    report = analyze(load(call, input="3x31x33"))
    assert report.totals.params == params
    assert report.layers[-1].output_shape == shape


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("Conv1d(3, 8, 3)", "Conv1d needs 1 spatial axes"),
        ("Conv2d(3, 8)", "needs in_channels, out_channels and kernel_size"),
        ("Conv2d(3, 8, 3, kernal=3)", "has no argument 'kernal'"),
        ("Conv2d(3, 8, 3, 1, 0, 1, 1, True, 'zeros', None, None, 5)", "takes"),
        ("Conv2d(3, 8, 3, padding='same', stride=2)", "needs stride 1"),
        ("Conv2d(3, 8, 3, 1, stride=2)", "twice"),
        ("Conv2D(8, 3, padding='causal')", "Conv2D has no padding 'causal'"),
        ("BatchNormalization(renorm=True)", "batch renormalisation has weights of its own"),
        ("BasicBlock((conv1): Conv2d(3, 8, 3))", "module with code of its own"),
        ("Conv2d(3, 8, 3", "never closed"),
        ("Sequential((0): Conv2d(3, 8, 3), (1): Foo())", "Foo"),
        ("Activation('reluu')", "reluu"),
        ("os.system('true')", "no layer stands here"),
    ],
)
def test_a_wrong_call_is_refused_at_its_place(call: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(call, input="3x32x32")
    problem = caught.value.problems[0]
    assert message in problem.message
    assert problem.text == call
    assert 1 <= problem.column <= len(call)


def test_calls_and_lines_mix() -> None:
    assert lines("Conv2d(3, 8, 3) | bn | nn.ReLU() ; conv 4 k1", "3x8x8") == [
        "conv 3->8 k3",
        "bn 8",
        "relu",
        "conv 8->4 k1",
    ]
