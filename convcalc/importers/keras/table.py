"""The classes of Keras, every argument of each with what becomes of it.

A row is ``class|layer|arguments``, in the order and with the defaults of Keras 3. Behind its default an
argument says what becomes of it:

- ``kernel_size>kernel``: it is that field of the layer (``groups>groups`` where both have one name);
- ``activation=None*``: it is translated by the class's function in :mod:`convcalc.importers.keras.layers`;
- ``seed=None~``: it changes no number, shape, value or field; :data:`HARMLESS` says why;
- ``renorm=False!``: anything but its default is refused; :data:`REFUSED` says why.

``#`` in a class stands for the spatial ranks 1 to 3. ``...`` at the end stands for :data:`KEYWORDS`,
which a layer takes through ``**kwargs``, and what follows ``/`` is what one takes that does not take all.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

_CONV = (
    "data_format=None* dilation_rate=1>dilation groups=1>groups activation=None* use_bias=True>bias "
    "kernel_initializer='glorot_uniform'~ bias_initializer='zeros'~ kernel_regularizer=None~ "
    "bias_regularizer=None~ activity_regularizer=None~ kernel_constraint=None~ bias_constraint=None~ ..."
)
_TRANSPOSED = _CONV.replace("groups=1>groups ", "").removeprefix("data_format=None* ")
_DEPTHWISE = (
    "activation=None* use_bias=True>bias depthwise_initializer='glorot_uniform'~ bias_initializer='zeros'~ "
    "depthwise_regularizer=None~ bias_regularizer=None~ activity_regularizer=None~ "
    "depthwise_constraint=None~ bias_constraint=None~ ..."
)
_SEPARABLE = (
    "activation=None* use_bias=True>bias depthwise_initializer='glorot_uniform'~ "
    "pointwise_initializer='glorot_uniform'~ bias_initializer='zeros'~ depthwise_regularizer=None~ "
    "pointwise_regularizer=None~ bias_regularizer=None~ activity_regularizer=None~ "
    "depthwise_constraint=None~ pointwise_constraint=None~ bias_constraint=None~ ..."
)
_POOL = "strides=None>stride padding='valid'* data_format=None* name=None~ ..."
_NORM = (
    "axis=-1* {}epsilon=0.001>eps center=True>bias scale=True>weight beta_initializer='zeros'~ "
    "gamma_initializer='ones'~ {}beta_regularizer=None~ gamma_regularizer=None~ beta_constraint=None~ "
    "gamma_constraint=None~ "
)
_BATCH = _NORM.format(
    "momentum=0.99~ ", "moving_mean_initializer='zeros'~ moving_variance_initializer='ones'~ "
)
_CELL = (
    "use_bias=True>bias kernel_initializer='glorot_uniform'~ recurrent_initializer='orthogonal'~ "
    "bias_initializer='zeros'~ {}kernel_regularizer=None~ recurrent_regularizer=None~ bias_regularizer=None~ "
    "activity_regularizer=None~ kernel_constraint=None~ recurrent_constraint=None~ bias_constraint=None~ "
    "dropout=0.0~ recurrent_dropout=0.0~ "
)
_SEQUENCE = "return_sequences=False* return_state=False! go_backwards=False! stateful=False! unroll=False~ "
_WARP = "fill_mode='reflect'~ interpolation='bilinear'~ seed=None~ fill_value=0.0~ data_format=None~ ..."

_CLASSES: Final = f"""
Conv#D|conv|filters>out_channels kernel_size>kernel strides=1>stride padding='valid'* {_CONV}
DepthwiseConv1D|dwconv|kernel_size>kernel strides=1>stride padding='valid'* depth_multiplier=1>multiplier \
data_format=None* dilation_rate=1>dilation {_DEPTHWISE}
DepthwiseConv2D|dwconv|kernel_size>kernel strides=1>stride padding='valid'* depth_multiplier=1>multiplier \
data_format=None* dilation_rate=1>dilation {_DEPTHWISE}
SeparableConv1D|dwconv|filters* kernel_size>kernel strides=1>stride padding='valid'* data_format=None* \
dilation_rate=1>dilation depth_multiplier=1>multiplier {_SEPARABLE}
SeparableConv2D|dwconv|filters* kernel_size>kernel strides=1>stride padding='valid'* data_format=None* \
dilation_rate=1>dilation depth_multiplier=1>multiplier {_SEPARABLE}
Conv1DTranspose|convT|filters>out_channels kernel_size>kernel strides=1>stride padding='valid'* \
output_padding=None* data_format=None* {_TRANSPOSED}
Conv2DTranspose|convT|filters>out_channels kernel_size>kernel strides=1>stride padding='valid'* \
output_padding=None* data_format=None* {_TRANSPOSED}
Conv3DTranspose|convT|filters>out_channels kernel_size>kernel strides=1>stride padding='valid'* \
data_format=None* output_padding=None* {_TRANSPOSED}
Dense|linear|units>out_features activation=None* use_bias=True>bias kernel_initializer='glorot_uniform'~ \
bias_initializer='zeros'~ kernel_regularizer=None~ bias_regularizer=None~ activity_regularizer=None~ \
kernel_constraint=None~ bias_constraint=None~ lora_rank=None! lora_alpha=None~ quantization_config=None! ...
SimpleRNN|rnn|units>hidden activation='tanh'* {_CELL.format("")}{_SEQUENCE}seed=None~ ...
LSTM|lstm|units>hidden activation='tanh'* recurrent_activation='sigmoid'* \
{_CELL.format("unit_forget_bias=True~ ")}seed=None~ {_SEQUENCE}use_cudnn='auto'~ ...
GRU|gru|units>hidden activation='tanh'* recurrent_activation='sigmoid'* {_CELL.format("")}seed=None~ \
{_SEQUENCE}reset_after=True* use_cudnn='auto'~ ...
Embedding|embedding|input_dim>entries output_dim>features embeddings_initializer='uniform'~ \
embeddings_regularizer=None~ embeddings_constraint=None~ mask_zero=False! weights=None! lora_rank=None! \
lora_alpha=None~ quantization_config=None! / input_length=None* ...
MaxPooling#D|maxpool|pool_size=2>kernel {_POOL}
AveragePooling#D|avgpool|pool_size>kernel {_POOL}
GlobalAveragePooling#D|globalavgpool|data_format=None* keepdims=False* ...
GlobalMaxPooling#D|globalmaxpool|data_format=None* keepdims=False* ...
AdaptiveAveragePooling#D|adaptiveavgpool|output_size>size data_format=None* ...
AdaptiveMaxPooling#D|adaptivemaxpool|output_size>size data_format=None* ...
BatchNormalization|bn|{_BATCH}renorm=False! renorm_clipping=None~ renorm_momentum=0.99~ \
synchronized=False~ ...
LayerNormalization|ln|{_NORM.format("", "")}...
GroupNormalization|gn|groups=32>groups {_NORM.format("", "")}...
RMSNormalization|rmsnorm|axis=-1* epsilon=1e-06>eps ...
UnitNormalization|l2norm|axis=-1* ...
Activation|identity|activation* ...
ReLU|relu|max_value=None* negative_slope=0.0* threshold=0.0* ...
LeakyReLU|leakyrelu|negative_slope=0.3>slope ...
PReLU|prelu|alpha_initializer='Zeros'~ alpha_regularizer=None~ alpha_constraint=None~ shared_axes=None* ...
ELU|elu|alpha=1.0>alpha ...
Softmax|softmax|axis=-1* ...
Dropout|dropout|rate>p noise_shape=None~ seed=None~ ...
AlphaDropout|dropout|rate>p noise_shape=None~ seed=None~ ...
GaussianDropout|dropout|rate>p seed=None~ ...
SpatialDropout1D|dropout|rate>p seed=None~ name=None~ dtype=None*
SpatialDropout2D|dropout|rate>p data_format=None* seed=None~ name=None~ dtype=None*
SpatialDropout3D|dropout|rate>p data_format=None* seed=None~ name=None~ dtype=None*
GaussianNoise|identity|stddev~ seed=None~ ...
ActivityRegularization|identity|l1=0.0~ l2=0.0~ / trainable=True* dtype=None* autocast=True~ name=None~
RandomFlip|identity|mode='horizontal_and_vertical'~ seed=None~ data_format=None~ ...
RandomRotation|identity|factor~ {_WARP}
RandomZoom|identity|height_factor~ width_factor=None~ {_WARP}
RandomTranslation|identity|height_factor~ width_factor~ {_WARP}
RandomContrast|identity|factor~ value_range=(0,255)~ seed=None~ ...
RandomBrightness|identity|factor~ value_range=(0,255)~ seed=None~ ...
Identity|identity|...
UpSampling1D|upsample|size=2>scale ...
UpSampling2D|upsample|size=2>scale data_format=None* interpolation='nearest'* ...
UpSampling3D|upsample|size=2>scale data_format=None* ...
ZeroPadding#D|pad|padding=1>padding data_format=None* ...
Cropping1D|crop|cropping=(1,1)>amounts ...
Cropping2D|crop|cropping=((0,0),(0,0))>amounts data_format=None* ...
Cropping3D|crop|cropping=((1,1),(1,1),(1,1))>amounts data_format=None* ...
Flatten|flatten|data_format=None* ...
Reshape|reshape|target_shape* ...
Permute|permute|dims>order ...
RepeatVector|reshape|n* ...
Rescaling|rescale|scale>scale offset=0.0>offset ...
Add|add|...
Subtract|sub|...
Multiply|mul|...
Average|add|...
Maximum|maximum|...
Minimum|minimum|...
Concatenate|concat|axis=-1* ...
Input|input|shape=None* batch_size=None~ dtype=None* sparse=None! ragged=None! batch_shape=None* name=None~ \
tensor=None! optional=False~
InputLayer|input|shape=None* batch_size=None~ dtype=None* sparse=None! ragged=None! batch_shape=None* \
input_tensor=None! optional=False~ name=None~ ...
"""

KEYWORDS: Final = (
    "activity_regularizer=None~ trainable=True* dtype=None* autocast=True~ name=None~ "
    "input_shape=None* input_dim=None* batch_input_shape=None*"
)
"""What a layer takes besides the arguments of its class; the last is one of Keras 2."""

HARMLESS: Final = {
    "*_initializer": "the values that training starts from; a run is given its weights, or draws them",
    "*_regularizer": "it adds to the loss alone",
    "*_constraint": "it acts where weights are trained",
    "activity_regularizer": "it adds to the loss alone",
    "autocast": "it is about types, and dtype says those",
    "name": "a label; id= names a layer for from= and the reports",
    "momentum": "it acts where the stored statistics are trained",
    "renorm_*": "they are about renorm, which is refused",
    "synchronized": "it joins the statistics of several devices where they are trained",
    "unit_forget_bias": "a value that training starts from",
    "dropout recurrent_dropout": "at inference nothing is dropped",
    "unroll use_cudnn": "how the steps are run changes no number",
    "lora_alpha": "it is about lora_rank, which is refused",
    "seed noise_shape stddev l1 l2": "at inference the layer does nothing",
    "factor height_factor width_factor mode fill_* interpolation value_range data_format": (
        "at inference the layer does nothing"
    ),
    "batch_size": "shapes and counts are those of one sample; --batch is for several",
    "optional": "it is about whether the input may be left out",
}
"""Why an argument changes nothing, by names or patterns of names."""

REFUSED: Final = {
    "renorm": "batch renormalisation has weights of its own, which are not modelled",
    "mask_zero": "masks are not modelled",
    "weights": "an array is no text: the table is among the weights",
    "lora_rank": "it freezes the kernel and adds two factors, which are not modelled",
    "quantization_config": "quantised weights are not modelled",
    "return_state": "a call that is pasted has one output; the states are NAME.h and NAME.c here",
    "go_backwards": "a sequence that comes out reversed is not modelled",
    "stateful": "a state kept from batch to batch is not modelled: every sequence starts at zero",
    "sparse": "sparse tensors are not modelled",
    "ragged": "ragged tensors have no shape to count with",
    "tensor": "a tensor is no text: state its shape",
    "input_tensor": "a tensor is no text: state its shape",
}
"""Why an argument can only have its default."""

_NO_CELL = "a cell by itself, or around one, is not read: LSTM, GRU and SimpleRNN over a sequence are"
_NO_CONVLSTM = "convolutional recurrence is not read: the block conv_lstm_cell is one step of it"
_NO_BOTH_WAYS = (
    "layers around layers are not read; the language has 'lstm 64 axis=-1 bidirectional=true "
    "recurrent_bias=false'"
)
_NO_ATTENTION = (
    "attention is not modelled as a layer of its own; the block attention(heads) is that of tokens T x C"
)
_NO_JOIN = "a product of two tensors along axes is not modelled as a layer of its own"
_NO_TEXT = "layers that prepare text and tables are not modelled"
_NO_AUGMENTATION = "this augmentation is not modelled; leave it out, it changes no layer after it"
UNMODELLED: Final[dict[str, str]] = {
    name: reason
    for names, reason in {
        "RNN LSTMCell GRUCell SimpleRNNCell StackedRNNCells": _NO_CELL,
        "ConvLSTM1D ConvLSTM2D ConvLSTM3D": _NO_CONVLSTM,
        "Bidirectional": _NO_BOTH_WAYS,
        "TimeDistributed Wrapper SpectralNormalization": "layers around layers are not modelled",
        "MultiHeadAttention GroupQueryAttention Attention AdditiveAttention": _NO_ATTENTION,
        "ReversibleEmbedding": "an embedding that is multiplied by backwards is not modelled",
        "Dot": _NO_JOIN,
        "TextVectorization CategoryEncoding Discretization Hashing HashedCrossing IntegerLookup "
        "StringLookup": _NO_TEXT,
        "RandomCrop RandomErasing RandomHue RandomSaturation RandomSharpness RandomShear RandomGrayscale "
        "RandomInvert RandomPerspective RandomPosterization RandomGaussianBlur RandomElasticTransform "
        "RandomColorJitter RandomColorDegeneration RandAugment AugMix MixUp CutMix AutoContrast Equalization "
        "Solarization": _NO_AUGMENTATION,
        "Resizing CenterCrop": "resizing before the network is not modelled: state the input it gives",
        "Normalization": "its mean and variance come from data; Rescaling, or BatchNormalization",
        "Masking": "masks are not modelled",
        "Lambda": "a function is code, which is not run: write what it does as layers",
        "EinsumDense": "it is not modelled; Dense acts on the last axis",
        "STFTSpectrogram MelSpectrogram": "Fourier transforms are not modelled",
        "TorchModuleWrapper JaxLayer FlaxLayer TFSMLayer": "code of another framework is not read here",
    }.items()
    for name in names.split()
}
"""Classes of Keras that are refused, and why."""

ALIASES: Final = {
    **{f"{old}#D{end}": f"{new}#D{end}" for old, new, end in (
        ("Convolution", "Conv", ""), ("Convolution", "Conv", "Transpose"),
        ("SeparableConvolution", "SeparableConv", ""), ("MaxPool", "MaxPooling", ""),
        ("AvgPool", "AveragePooling", ""), ("GlobalAvgPool", "GlobalAveragePooling", ""),
        ("GlobalMaxPool", "GlobalMaxPooling", ""),
    )},
}  # fmt: skip
"""Other names by which Keras exports the same classes."""

OLDER: Final = {"LeakyReLU": {"alpha": "negative_slope"}}
"""Names that arguments had in Keras 2 and that Keras 3 still takes."""


class Argument(NamedTuple):
    """One argument of a class.

    Attributes:
        name: as Keras calls it.
        default: as Python writes it, None where the argument must be given.
        fate: ``>`` a field, ``*`` translated, ``~`` harmless, ``!`` refused unless it is the default.
        field: the layer's field, for ``>``.
    """

    name: str
    default: str | None
    fate: str
    field: str = ""


class Class(NamedTuple):
    """One class of Keras: the layer, the spatial rank its name states, its arguments in order.

    ``special`` is the name under which its translation is registered; arguments from ``keyed`` on take
    a keyword alone.
    """

    op: str
    rank: int | None
    arguments: tuple[Argument, ...]
    keyed: int
    special: str


_ARGUMENT: Final = re.compile(r"(\w+)(?:=([^>*~!]+))?([>*~!])(\w*)\Z")


def _arguments(text: str) -> list[Argument]:
    found = []
    for word in text.split():
        match = _ARGUMENT.match(word)
        assert match is not None, word
        name, default, fate, field = match.groups()
        found.append(Argument(name, default, fate, field))
    return found


def _table() -> dict[str, Class]:
    keywords = _arguments(KEYWORDS)
    found: dict[str, Class] = {}
    others = {new: old for old, new in ALIASES.items()}
    for line in _CLASSES.strip().splitlines():
        name, op, text = line.split("|")
        own, _, words = text.removesuffix("...").partition("/")
        arguments = _arguments(own)
        keyed = len(arguments)
        arguments += _arguments(words)
        if text.endswith("..."):
            known = {argument.name for argument in arguments}
            arguments += [argument for argument in keywords if argument.name not in known]
        general = re.sub(r"\d(?=D)", "#", name)
        digit = re.search(r"\d(?=D)", name)
        for rank in (1, 2, 3) if "#" in name else (int(digit.group()) if digit else None,):
            entry = Class(op, rank, tuple(arguments), keyed, general)
            for one in dict.fromkeys((general, others.get(general, general))):
                found[one.replace("#", str(rank))] = entry
    return found


CLASSES: Final[dict[str, Class]] = _table()
"""Every class that has a translation."""


def reason(name: str, fate: str) -> str:
    """Why an argument is harmless (``~``) or can only have its default (``!``)."""
    from fnmatch import fnmatchcase

    reasons: dict[str, Any] = REFUSED if fate == "!" else HARMLESS
    for patterns, why in reasons.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns.split()):
            return str(why)
    raise KeyError(name)
