"""The classes of PyTorch: which layer each is, and what becomes of each of its arguments.

The rows are those of :func:`convcalc.importers.call.table`, in the order and with the defaults of
PyTorch 2.13. Nothing is dropped: an argument sets an option, is translated by a function of
:data:`convcalc.importers.pytorch.translation.SPECIAL`, changes nothing (:data:`HARMLESS` says why) or is
taken for some values alone (:data:`ONLY` says which, and why not the others).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from convcalc.importers.call import Row, table

_CONV = (
    "in_channels! out_channels! kernel_size!>kernel stride padding dilation groups bias padding_mode "
    "device- dtype="
)
_CONVT = (
    "in_channels! out_channels! kernel_size!>kernel stride padding output_padding groups bias dilation "
    "padding_mode= device- dtype="
)
_NORM = "num_features!>channels eps momentum- affine track_running_stats{} device- dtype= ** bias"
_RESIZE = "size scale_factor>scale mode align_corners recompute_scale_factor>recompute"
_RECURRENCE = (
    "input_size!>in_features hidden_size!>hidden num_layers>layers{} bias batch_first- dropout- "
    "bidirectional{} device- dtype="
)
_LP = "norm_type!>norm kernel_size!>kernel stride ceil_mode>ceil|signed=true"


def _lazy(arguments: str) -> str:
    """The arguments of a class that takes its channels from what arrives."""
    return arguments.split(maxsplit=1)[1]


# name (# is the spatial rank, 1 to 3) | op | arguments | constants
_TORCH: Final = f"""
Conv#d|conv|{_CONV}
ConvTranspose#d|convT|{_CONVT}
LazyConv#d|conv|{_lazy(_CONV)}
LazyConvTranspose#d|convT|{_lazy(_CONVT)}
Linear|linear|in_features! out_features! bias device- dtype=|axis=-1
LazyLinear|linear|out_features! bias device- dtype=|axis=-1
RNN|rnn|{_RECURRENCE.format(" nonlinearity", "")}
LSTM|lstm|{_RECURRENCE.format("", " proj_size*")}
GRU|gru|{_RECURRENCE.format("", "")}
Embedding|embedding|num_embeddings!>entries embedding_dim!>features padding_idx* max_norm= norm_type- \
scale_grad_by_freq- sparse- _weight= _freeze= device- dtype=
MaxPool#d|maxpool|kernel_size!>kernel stride padding dilation return_indices- ceil_mode>ceil
AvgPool1d|avgpool|kernel_size!>kernel stride padding ceil_mode>ceil count_include_pad
AvgPool2d|avgpool|kernel_size!>kernel stride padding ceil_mode>ceil count_include_pad divisor_override>divisor
AvgPool3d|avgpool|kernel_size!>kernel stride padding ceil_mode>ceil count_include_pad divisor_override>divisor
LPPool#d|lppool|{_LP}
MaxUnpool#d|unpool|kernel_size!>kernel stride padding
AdaptiveAvgPool#d|adaptiveavgpool|output_size!>size
AdaptiveMaxPool#d|adaptivemaxpool|output_size!>size return_indices=
BatchNorm#d|bn|{_NORM.format(">track")}
LazyBatchNorm#d|bn|{_lazy(_NORM.format(">track"))}
SyncBatchNorm|bn|{_NORM.format(">track").replace(" device-", " process_group- device-")}
InstanceNorm#d|instancenorm|{_NORM.format("*")}
LazyInstanceNorm#d|instancenorm|{_lazy(_NORM.format("*"))}
GroupNorm|gn|num_groups!>groups num_channels!>channels eps affine device- dtype= ** bias
LayerNorm|ln|normalized_shape!>shape eps elementwise_affine>affine bias device- dtype=
LayerNorm2d|ln|normalized_shape!>shape eps elementwise_affine>affine bias device- dtype=|over=channels
LocalResponseNorm|lrn|size! alpha beta k
ReLU|relu|inplace
ReLU6|relu6|inplace
LeakyReLU|leakyrelu|negative_slope>slope inplace
PReLU|prelu|num_parameters>channels init- device- dtype=
ELU|elu|alpha inplace
SELU|selu|inplace
GELU|gelu|approximate
SiLU|silu|inplace
Mish|mish|inplace
Softplus|softplus|beta threshold
Hardswish|hardswish|inplace
Hardsigmoid|hardsigmoid|inplace
Hardtanh|hardtanh|min_val>low max_val>high inplace min_value* max_value*
Sigmoid|sigmoid|
Tanh|tanh|
Softmax|softmax|dim*
Softmax2d|softmax|
Dropout|dropout|p inplace-
Dropout#d|dropout|p inplace-
AlphaDropout|dropout|p inplace-
FeatureAlphaDropout|dropout|p inplace-
StochasticDepth|identity|p!- mode!-
Identity|identity|
Flatten|flatten|start_dim* end_dim*
Unflatten|reshape|dim!* unflattened_size!*
Upsample|upsample|{_RESIZE}
UpsamplingNearest2d|upsample|size scale_factor>scale|mode=nearest
UpsamplingBilinear2d|upsample|size scale_factor>scale|mode=bilinear align_corners=true
PixelShuffle|pixelshuffle|upscale_factor!>factor
PixelUnshuffle|pixelunshuffle|downscale_factor!>factor
ChannelShuffle|shuffle|groups!
ZeroPad#d|pad|padding!
ConstantPad#d|pad|padding! value!|mode=constant
ReflectionPad#d|pad|padding!|mode=reflect
ReplicationPad#d|pad|padding!|mode=replicate
CircularPad#d|pad|padding!|mode=circular
CELU|celu|alpha inplace
Softsign|softsign|
LogSigmoid|logsigmoid|
Threshold|threshold|threshold! value! inplace
Tanhshrink|tanhshrink|
Softshrink|softshrink|lambd
Hardshrink|hardshrink|lambd
RReLU|leakyrelu|lower* upper* inplace
LogSoftmax|logsoftmax|dim*
Softmin|softmin|dim*
GLU|glu|dim*
RMSNorm|rmsnorm|normalized_shape!>shape eps elementwise_affine>affine device- dtype=
Unfold|unfold|kernel_size!>kernel dilation padding stride
Fold|fold|output_size!>size kernel_size!>kernel dilation padding stride
DeformConv2d|deformconv|in_channels! out_channels! kernel_size!>kernel stride padding dilation groups bias
"""
ROWS: Final[dict[str, Row]] = table(_TORCH, False)

# functions of torch.nn.functional, whose first argument is the tensor that arrives
_FUNCTIONS: Final = f"""
interpolate|upsample|input!- {_RESIZE} antialias
pad|pad|input!- pad!>padding mode value
"""
FUNCTIONS: Final[dict[str, Row]] = table(_FUNCTIONS, False)

HARMLESS: Final = {
    "input": "it is the tensor that arrives",
    "device": "where a layer runs changes nothing that is counted",
    "momentum": "it is how training updates the stored statistics; at inference nothing reads it",
    "process_group": "it is whose batches training shares; at inference nothing reads it",
    "init": "it is where training starts from; the slopes are weights",
    "return_indices": "the indices are there anyhow, as NAME.indices, and cost nothing where not read",
    "norm_type": "it is about max_norm, which is refused",
    "scale_grad_by_freq": "it is about gradients alone",
    "sparse": "it is how gradients are held",
    "inplace": "at inference dropout gives back what it reads",
    "p": "at inference every path is kept",
    "batch_first": "shapes and counts are those of one sample, whose sequence comes first either way",
    "dropout": "at inference nothing is dropped between the layers",
    "mode": "at inference every path is kept",
}
"""Arguments that change no number, shape, value or field here (``name-`` in a row), and why."""

ONLY: Final[dict[str, tuple[tuple[Any, ...], str, str]]] = {
    "dtype": (
        (None, "float32", "float"),
        "the type of the elements is that of the whole network",
        "no dtype here; params, flops, memory and summary take --dtype float16",
    ),
    "max_norm": (
        (None,),
        "rows that are made shorter as they are looked up are not modelled",
        "max_norm=None",
    ),
    "_weight": ((None,), "a tensor is no text: the table is among the weights", "no _weight"),
    "_freeze": ((False,), "it is said behind the call here", "frozen=true behind the call"),
    "padding_mode": (("zeros",), "a transposed convolution crops, it pads nothing", "padding_mode='zeros'"),
    "return_indices": (
        (False,),
        "indices of adaptive pools are not modelled: no layer here reads them",
        "return_indices=False",
    ),
}
"""Arguments that are taken for some values (``name=`` in a row): these, why no others, what would do."""

_CELL: Final = (
    "one step of a recurrence reads its state beside its input, which a call does not show",
    "nn.LSTM, nn.GRU or nn.RNN over a sequence, or the blocks lstm_cell and gru_cell",
)
_ATTENTION: Final = (
    "attention is not modelled as a layer: it is a block",
    "over tokens T x C attention(heads), post_norm_block(heads, hidden) or encoder_block(heads, hidden)",
)
_BAGS: Final = "sums over bags of rows are not modelled", "nn.Embedding, and the sum as a layer"
_TWO_INPUTS: Final = "a module of two inputs that is not modelled", "layers of one input, add, mul or concat"
_HOLDER: Final = (
    "it only holds modules, and does not say in which order they run",
    "nn.Sequential, whose parts run in order",
)
_LOSS: Final = "losses are not modelled", "the network without its loss"
NOT_MODELLED: Final[dict[str, tuple[str, str]]] = {
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell", "RNNCellBase"), _CELL),
    "RNNBase": ("it is what nn.RNN, nn.LSTM and nn.GRU are made of", "one of these"),
    **dict.fromkeys(("MultiheadAttention", "Transformer"), _ATTENTION),
    **dict.fromkeys(("TransformerEncoder", "TransformerEncoderLayer"), _ATTENTION),
    **dict.fromkeys(("TransformerDecoder", "TransformerDecoderLayer"), _ATTENTION),
    "EmbeddingBag": _BAGS,
    **dict.fromkeys(("Bilinear", "CosineSimilarity", "PairwiseDistance"), _TWO_INPUTS),
    **dict.fromkeys(("ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Container"), _HOLDER),
    "DataParallel": ("it runs a module on several devices and computes nothing itself", "the module alone"),
    "FractionalMaxPool2d": ("its windows are drawn at random", "MaxPool2d or AdaptiveMaxPool2d"),
    "FractionalMaxPool3d": ("its windows are drawn at random", "MaxPool3d or AdaptiveMaxPool3d"),
    "CrossMapLRN2d": ("PyTorch keeps it for old files alone", "LocalResponseNorm"),
    "AdaptiveLogSoftmaxWithLoss": _LOSS,
    **dict.fromkeys(("L1Loss", "MSELoss", "HuberLoss", "SmoothL1Loss", "KLDivLoss", "CTCLoss"), _LOSS),
    **dict.fromkeys(("NLLLoss", "NLLLoss2d", "PoissonNLLLoss", "GaussianNLLLoss"), _LOSS),
    **dict.fromkeys(("CrossEntropyLoss", "LinearCrossEntropyLoss", "BCELoss", "BCEWithLogitsLoss"), _LOSS),
    **dict.fromkeys(("MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss"), _LOSS),
    **dict.fromkeys(("SoftMarginLoss", "MarginRankingLoss", "HingeEmbeddingLoss"), _LOSS),
    **dict.fromkeys(("TripletMarginLoss", "TripletMarginWithDistanceLoss", "CosineEmbeddingLoss"), _LOSS),
}
"""Classes that have no translation: why, and what there is instead."""


def arguments() -> Iterator[tuple[str, str, str]]:
    """Every class with every argument and what becomes of it: set, translated, harmless or restricted."""
    for name, row in ROWS.items():
        for argument in row.arguments:
            kind = {"-": "harmless", "=": "restricted"}.get(argument.field, "meant")
            yield name, argument.name, kind
