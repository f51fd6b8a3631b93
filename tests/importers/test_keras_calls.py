"""What calls of Keras mean, as Keras 3.15 was seen to answer, without Keras.

The numbers are those of ``model.summary()`` and of ``layer(x)`` there; transposed convolutions and bicubic
interpolation are worked from their definition in TensorFlow. ``test_keras.py`` asks Keras itself.
"""

from __future__ import annotations

import numpy as np
import pytest

import convcalc
from convcalc.executor import execute
from convcalc.exporters.text import format_layer
from convcalc.importers.calls import Pasted
from convcalc.spec import SpecError
from convcalc.spec.source import Source, Text


def params(spec: str, shape: str | None = None) -> int:
    return int(convcalc.analyze(convcalc.load(spec, input=shape)).totals.params)


def last(spec: str, shape: str | None = None) -> str:
    return format_layer(convcalc.load(spec, input=shape).nodes[-1].layer)


def refused(spec: str, shape: str | None = None) -> str:
    with pytest.raises(SpecError) as caught:
        convcalc.load(spec, input=shape)
    problem = caught.value.problems[0]
    assert spec.splitlines()[0].startswith(problem.text.splitlines()[0][:10])
    return problem.message + (f" ({problem.expected})" if problem.expected else "")


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("Input(shape=(3, 150, 150)) | Conv2D(32, (3, 3), data_format='channels_first')", 896),
        ("Conv2D(64, 7, strides=2, padding='same', input_shape=(224, 224, 3))", 9472),
        ("Conv2D(32, 5, input_shape=(28,28,1)) | PReLU()", 832 + 18432),
        ("Conv2D(32, 5, input_shape=(28,28,1)) | PReLU(shared_axes=[1,2])", 832 + 32),
        ("Conv2D(32, 5, input_shape=(28,28,1)) | PReLU(shared_axes=[1])", 832 + 24 * 32),
        ("Conv2D(32, 5, input_shape=(28,28,1)) | PReLU(shared_axes=[1, 2, 3])", 832 + 1),
        ("Conv2D(32, 3, input_shape=(28,28,1)) | Dense(10)", 320 + 330),
        ("Conv2D(32, 3, input_shape=(28,28,1)) | Flatten() | Dense(10)", 320 + 26 * 26 * 32 * 10 + 10),
        ("Conv2D(8, 3, padding=\"SAME\", input_shape=(None,None,3))", 224),
        ("Dense(5, input_dim=100)", 505),
        ("Dense(5, batch_input_shape=(None, 20))", 105),
        ("Conv2D(8, 3, input_shape=(9,9,3), kernel_regularizer=regularizers.l2(l2=0.01), "
         "kernel_initializer=tf.keras.initializers.HeNormal(seed=1), bias_constraint=lambda w: w)", 224),
        ("Conv2D(8, 3, input_shape=(9,9,3)) | BatchNormalization(scale=False)", 224 + 8),
        ("Conv2D(8, 3, input_shape=(9,9,3)) | BatchNormalization(axis=3, center=False)", 224 + 8),
        ("Conv2D(8, 3, input_shape=(9,9,3)) | LayerNormalization(axis=[1, 2, 3])", 224 + 2 * 8 * 49),
        ("Conv2D(8, 3, input_shape=(9,9,3)) | LayerNormalization(scale=False)", 224 + 8),
        ("Conv2D(8, 3, input_shape=(9,8,3)) | BatchNormalization(axis=2)", 224 + 2 * 6),
        ("Conv2D(8, 3, input_shape=(9,8,3)) | LayerNormalization(axis=[1, 2])", 224 + 2 * 7 * 6),
        ("Conv2D(8, 3, data_format='channels_first', input_shape=(3,9,8)) | Dense(5)", 224 + 6 * 5 + 5),
        ("Conv2D(8, 3, input_shape=(9,9,3)) | GroupNormalization(groups=-1)", 224 + 16),
        ("Conv3DTranspose(2, 3, 2, 'valid', None, (1, 1, 1), input_shape=(4,4,4,1))", 56),
        ("SeparableConv1D(4, 3, depth_multiplier=2, input_shape=(9, 3))", 18 + 24 + 4),
    ],
)  # fmt: skip
def test_parameters(spec: str, count: int) -> None:
    assert params(spec) == count


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("Conv2D(1, 1, activation=LeakyReLU(0.1))", "leakyrelu slope=0.1"),
        ("Conv2D(1, 1, activation=layers.LeakyReLU(alpha=0.2))", "leakyrelu slope=0.2"),
        ("Conv2D(1, 1, activation='leaky_relu')", "leakyrelu slope=0.2"),
        ("Conv2D(1, 1, activation=tf.nn.relu6)", "relu6"),
        ("Conv2D(1, 1, activation=keras.activations.swish)", "silu"),
        ("Conv2D(1, 1, activation=tf.keras.layers.ReLU(max_value=6))", "relu6"),
        ("Activation('linear')", "identity"),
        ("layers.LeakyReLU()", "leakyrelu slope=0.3"),
        ("nn.LeakyReLU()", "leakyrelu"),
        ("keras.layers.PReLU()", "prelu shape=(3,5,4)"),
        ("nn.PReLU()", "prelu 1"),
        ("MaxPooling2D(1) | LeakyReLU()", "leakyrelu slope=0.3"),
        ("AvgPool2d(1) | LeakyReLU()", "leakyrelu"),
        ("Dropout(rate=0.25)", "dropout p=0.25"),
        ("Dropout(p=0.25)", "dropout p=0.25"),
        ("Permute((2, 1, 3))", "permute order=(0,2,1)"),
        ("Permute((3, 1, 2))", "permute order=(2,0,1)"),
        ("Reshape((2, -1, 6))", "reshape 6x2x5 order=last"),
        ("Flatten(data_format='channels_last')", "flatten order=last"),
        ("UpSampling2D(2, None, 'bicubic')", "upsample scale=(2,2) mode=cubic exclude_outside=true a=-0.5"),
        ("Rescaling(0.5, offset=-1)", "rescale scale=0.5 offset=-1"),
        ("GaussianNoise(0.1)", "identity"),
        ("layers.ReLU(max_value=4)", "hardtanh low=0 high=4"),
        ("ReLU(threshold=0.5)", "threshold threshold=0.5 value=0"),
        ("layers.Softmax(axis=1)", "softmax axis=1"),
        ("Conv2D(4, 1, activation='softmax')", "softmax"),
        ("RMSNormalization()", "rmsnorm axis=0 eps=1e-06 shape=(3,)"),
        ("RandomRotation(0.2, fill_mode='nearest')", "identity"),
    ],
)  # fmt: skip
def test_lines(call: str, line: str) -> None:
    assert last(call, "3x5x4") == line


def test_flatten_counts_off_the_channels_last() -> None:
    """Keras' Flatten of (height, width, channels) is the C order of that array."""
    x = np.arange(2 * 3 * 4.0).reshape(1, 2, 3, 4)
    for spec in ("Flatten(data_format='channels_last')", "Reshape((24,))"):
        graph = convcalc.load(spec, input="2x3x4")
        np.testing.assert_array_equal(execute(graph, x), np.moveaxis(x, 1, -1).reshape(1, -1))
    back = convcalc.load("Reshape((3, 4, 2))", input="24")
    np.testing.assert_array_equal(execute(back, np.moveaxis(x, 1, -1).reshape(1, -1)), x)


@pytest.mark.parametrize(
    ("kernel", "stride", "extra", "first", "count"),
    [(3, 2, 1, 2, 3), (4, 2, 1, 1, 4), (5, 3, 1, 2, 5), (4, 3, 1, 2, 4), (1, 2, 1, 2, 1), (5, 2, 0, 0, 5)],
)
def test_where_an_input_of_a_transposed_convolution_lands(
    kernel: int, stride: int, extra: int, first: int, count: int
) -> None:
    """TensorFlow crops max(2*(k // 2) - output_padding, 0), the smaller half before; input 1 starts at s."""
    text = f"Conv1DTranspose(1, {kernel}, {stride}, 'same', output_padding={extra}, use_bias=False)"
    graph = convcalc.load(text, input="1x4")
    x = np.zeros((1, 1, 4))
    x[0, 0, 1] = 1.0
    y = execute(graph, x, {"convT1.weight": np.ones((1, 1, kernel))})
    assert y.shape[2] == 3 * stride + kernel % 2 + extra
    assert first == stride - max(2 * (kernel // 2) - extra, 0) // 2
    assert np.nonzero(y[0, 0])[0].tolist() == list(range(first, first + count))


def test_bicubic_as_jax_ran_it() -> None:
    """Keras 3.15 on JAX 0.10: the first row of UpSampling2D(2, interpolation='bicubic') of 0, 1 / 2, 3."""
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    got = execute(convcalc.load("UpSampling2D(2, interpolation='bicubic')", input="1x2x2"), x)
    np.testing.assert_allclose(got[0, 0, 0], [-0.26470593, 0.03067228, 0.61638665, 0.91176486], atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Conv2D(8, 3, strides=2, dilation_rate=2)", "no strides with a dilation_rate"),
        ("Conv2DTranspose(1, 4, strides=2, padding='same', output_padding=0)", "TensorFlow cannot run"),
        ("Conv2DTranspose(1, 4, strides=2, output_padding=2)", "not smaller than the stride 2"),
        ("Conv2D(8, (3,))", "takes 2 values of kernel, got 1"),
        ("Conv2D(8, 3, strides=None)", "strides of Conv2D is not None"),
        ("Conv2D(8, 3, padding=1)", "has no padding 1"),
        ("Conv2D(8, 3, dtype='float16')", "no number type of its own"),
        ("Conv2D(8, 3, activation='squareplus')", "'squareplus' is not in the language"),
        ("Conv2D(8, 3, activation=lambda x: x)", "unknown activation"),
        ("Conv2D(8)", "Conv2D needs kernel_size"),
        ("Conv2D(*args)", "arguments behind *"),
        ("Dense(3, lora_rank=4)", "adds two factors"),
        ("layers.Softmax(axis=4)", "no axis 4 in 3 axes and the batch (1 to 3, or -1)"),
        ("GroupNormalization(axis=1)", "is not along the channels (axis=3 or axis=-1)"),
        (
            "RMSNormalization(axis=1)",
            "Keras lays its scale on the last axes, not along axis 1 of 3 (axis=-1)",
        ),
        ("LayerNormalization(axis=[1, -1])", "axes 1, -1 count from both ends"),
        ("Conv2D(8, 3) | MaxPooling2D(2, data_format='channels_first')", "channels last"),
        ("layers.ReLU(threshold=0.5, max_value=6)", "a threshold with max_value"),
        ("layers.ReLU(max_value=4, negative_slope=0.5)", "a bounded ReLU with a slope"),
        ("UpSampling2D(interpolation='lanczos3')", "'lanczos3' is not in the language"),
        ("RepeatVector(3)", "takes a vector"),
        ("Input(shape=(None, None, None)) | Conv2D(8, 3)", "the channels must be a number"),
        ("LSTM(32)", "LSTM needs 1 spatial axes, got 3x8x8"),
        ("LSTM(32, activation='relu')", "LSTM with activation='relu' is not in the language"),
        ("GRU(32, recurrent_activation='hard_sigmoid')", "GRU with recurrent_activation='hard_sigmoid'"),
        ("SimpleRNN(32, activation=None)", "SimpleRNN with activation=None is not in the language"),
        ("LSTM(32, go_backwards=True)", "a sequence that comes out reversed is not modelled"),
        ("LSTM(32, return_state=True)", "a call that is pasted has one output"),
        ("LSTM(32, stateful=True)", "every sequence starts at zero"),
        ("Bidirectional(LSTM(32))", "layers around layers are not read"),
        ("ConvLSTM2D(32, 3)", "the block conv_lstm_cell is one step of it"),
        ("layers.GRUCell(32)", "a cell by itself"),
        ("Dot(1)", "a product of two tensors along axes"),
        ("MultiHeadAttention(8, 64)", "attention is not modelled"),
        ("LeakyReLU()", "0.01 in PyTorch and of 0.3 in Keras (nn.LeakyReLU() or layers.LeakyReLU())"),
    ],
)
def test_refusals(spec: str, message: str) -> None:
    assert message in refused(spec, "3x8x8")


def test_sizes_that_are_not_stated_are_letters() -> None:
    graph = convcalc.load("Conv2D(8, 3, input_shape=(None, None, 3))")
    assert list(map(str, graph.nodes[-1].outputs[0])) == ["8", "H - 2", "W - 2"]
    assert convcalc.load("Conv2D(8, 3, input_shape=(None, None, 3))", input="3x9x7").nodes[-1].outputs == (
        (8, 7, 5),
    )


def test_a_shape_may_be_a_variable() -> None:
    text = "vars: {img_shape: [9, 7, 3]}\nlayers:\n  - Conv2D(8, 3, input_shape=img_shape)\n"
    assert convcalc.load(text).nodes[-1].outputs == ((8, 7, 5),)


def test_channels_first_is_set_for_a_program() -> None:
    text = "K.set_image_data_format('channels_first')"
    spec = "Conv2D(8, 3, input_shape=(3, 9, 7)) | BatchNormalization(axis=1) | Flatten()  # " + text
    graph = convcalc.load(spec)
    assert [node.outputs[0] for node in graph.nodes] == [(3, 9, 7), (8, 7, 5), (8, 7, 5), (280,)]
    assert last(spec.replace("axis=1", "axis=-1").replace(" | Flatten()", "")) == "bn 5 eps=0.001 axis=2"


def test_a_whole_program() -> None:
    """The numbers of Keras' model.summary(): 320, 64 and 64 that are not trained, 216,330."""
    program = """
from keras import layers, backend as K
K.set_image_data_format('channels_first')
num_classes = 10
input_shape = (1, 28, 28)
model = keras.Sequential([
    keras.Input(shape=input_shape),
    layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),  # the first (of one
    layers.BatchNormalization(axis=1),
    layers.LeakyReLU(),
    layers.Flatten(),
    layers.Dense(num_classes, activation="softmax"),
])
model.summary()
"""
    report = convcalc.analyze(convcalc.load(program))
    assert [layer.params for layer in report.layers if layer.params] == [320, 64, 216330]
    assert report.totals.buffers == 64


def test_whether_the_channels_are_last() -> None:
    def fact(spec: str) -> bool:
        return bool(Pasted().stages(Text.whole(Source("<spec>", spec)))[0].channels_last)

    assert fact("Conv2D(64, 7, strides=2, padding='same')")
    assert fact("layers.ReLU()")
    assert not fact("Conv2D(64, 7, data_format='channels_first')")
    assert not fact("nn.Conv2d(3, 64, 7)")
    assert not fact("conv 64 k7")


def test_an_embedding_has_its_features_as_channels() -> None:
    """Keras: Embedding(1000, 64) after an input of 20 words is 20 x 64, channels last; 64,000 weights."""
    text = "layers.Embedding(1000, 64, input_length=20) | Conv1D(8, 5)"
    graph = convcalc.load(text)
    assert [node.outputs[0] for node in graph.nodes] == [(20,), (20, 64), (64, 20), (8, 16)]
    assert convcalc.analyze(graph).totals.params == 1000 * 64 + 5 * 64 * 8 + 8
    assert convcalc.load("Input(shape=(20,)) | Embedding(input_dim=1000, output_dim=64)").nodes[
        -1
    ].outputs == ((64, 20),)
    frozen = convcalc.analyze("Input(shape=(20,)) | Embedding(10, 4, trainable=False)").totals
    assert (frozen.frozen, frozen.trainable) == (40, 0)
    with pytest.raises(SpecError, match="masks are not modelled"):
        convcalc.load("Input(shape=(20,)) | Embedding(10, 4, mask_zero=True)")
