"""Source texts of networks on Keras, with the parameters and outputs that Keras 3.15 counted.

Outputs are without the batch, channels last; ``stored`` is what Keras counts besides: statistics of norms.
"""

# ruff: noqa: E501 - people write such lines
from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """A program, and what Keras' ``count_params`` says of it: learned and stored numbers together."""

    text: str
    counted: int
    outputs: tuple[tuple[int, ...], ...]


TEXTS: dict[str, Source] = {}

TEXTS["resnet_functional"] = Source(
    """
from tensorflow import keras
from tensorflow.keras import layers

def resnet_block(x, filters, stride=1, name=None):
    shortcut = x
    y = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    if stride != 1 or x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=stride, use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
    y = layers.add([y, shortcut])
    return layers.Activation("relu")(y)

def build(num_classes=10):
    inputs = keras.Input(shape=(32, 32, 3), name="img")
    x = layers.Conv2D(16, 3, padding="same")(inputs)
    for filters, stride in [(16, 1), (32, 2), (64, 2)]:
        for i in range(2):
            x = resnet_block(x, filters, stride if i == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="small_resnet")

model = build()
model.summary()
""",
    176330,
    ((10,),),
)

TEXTS["subclass_cnn"] = Source(
    """
import keras
from keras import layers
class CNN(keras.Model):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = layers.Conv2D(32, 3, activation="relu")
        self.blocks = [layers.Conv2D(64, 3, padding="same", activation="relu") for _ in range(2)]
        self.pool = layers.MaxPooling2D()
        self.flatten = layers.Flatten()
        self.drop = layers.Dropout(0.5)
        self.d = layers.Dense(classes)
    def call(self, x, training=False):
        x = self.pool(self.conv1(x))
        for b in self.blocks:
            x = b(x) + x if x.shape[-1] == 64 else b(x)
        x = self.flatten(x)
        if training:
            x = self.drop(x, training=training)
        return self.d(x)
model = CNN()
model.build((None, 28, 28, 1))
""",
    163914,
    ((10,),),
)

TEXTS["shared_encoder"] = Source(
    """
import tensorflow as tf
from tensorflow.keras import layers, Model, Input
def conv_bn(x, f, k=3, s=1):
    x = layers.Conv2D(f, k, strides=s, padding='same', kernel_regularizer=tf.keras.regularizers.l2(1e-4))(x)
    return tf.nn.relu(layers.BatchNormalization(axis=-1)(x))
def encoder():
    i = Input((16, 16, 3)); x = conv_bn(i, 8); x = layers.Flatten()(x); return Model(i, layers.Dense(12)(x), name="enc")
enc = encoder()
a = Input(shape=(16, 16, 3), name="left"); b = Input(shape=(16, 16, 3), name="right")
ea, eb = enc(a), enc(b)
d = layers.concatenate([ea, eb, ea - eb, ea * 2.0])
seq = tf.keras.Sequential([layers.Dense(10, activation='relu'), layers.Dropout(0.2), layers.Dense(1)])
out = tf.keras.activations.sigmoid(seq(d))
model = Model(inputs=[a, b], outputs=out)
model.compile(optimizer='adam', loss='mse')
""",
    25345,
    ((1,),),
)

TEXTS["xception_unet"] = Source(
    """
import keras
from keras import layers
def get_model(img_size=(64, 64), num_classes=3):
    inputs = keras.Input(shape=img_size + (3,))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    previous_block_activation = x
    for filters in [16, 32]:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(filters, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.add([x, residual])
        previous_block_activation = x
    for filters in [32, 16, 8]:
        x = layers.Activation("relu")(x)
        x = layers.Conv2DTranspose(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.UpSampling2D(2)(x)
        residual = layers.UpSampling2D(2)(previous_block_activation)
        residual = layers.Conv2D(filters, 1, padding="same")(residual)
        x = layers.add([x, residual])
        previous_block_activation = x
    outputs = layers.Conv2D(num_classes, 3, activation="softmax", padding="same")(x)
    model = keras.Model(inputs, outputs)
    return model
model = get_model()
""",
    19235,
    ((64, 64, 3),),
)

TEXTS["layers_of_its_own"] = Source(
    """
import keras
from keras import layers
class ResidualBlock(layers.Layer):
    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.c1 = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.c2 = layers.Conv2D(filters, 3, padding="same")
        self.bn = layers.BatchNormalization()
    def call(self, inputs, training=None):
        return keras.activations.relu(self.bn(self.c2(self.c1(inputs)), training=training) + inputs)
inputs = keras.Input((20, 20, 3))
x = layers.Conv2D(16, 5)(inputs)
for i in range(3):
    x = ResidualBlock(16, name=f"block{i}")(x)
lo = x[:, ::2, ::2, :]
x = layers.GlobalAveragePooling2D()(lo)
x = layers.Dense(64, activation="relu")(x)
model = keras.Model(inputs, [layers.Dense(10)(x), layers.Dense(1)(x)])
""",
    17131,
    ((10,), (1,)),
)
