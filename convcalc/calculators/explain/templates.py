"""Which letters stand in a layer or block that is explained without a spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from convcalc.calculators.explain.letters import (
    MEANINGS,
    Lettered,
    Variable,
    channel_letter,
    lettered,
    option_letter,
)
from convcalc.dims import symbol
from convcalc.layers import lookup
from convcalc.layers.base import INFER


def _value(text: Any) -> Any:
    """Letters, sums and products of letters from their text; anything else as it is."""
    if isinstance(text, tuple):
        return tuple(_value(part) for part in text)
    if not isinstance(text, str) or not (text[0].isupper() or text[0].isdigit()):
        return text
    if text.isdigit():
        return int(text)
    for mark in "+*":
        if mark in text:
            left, right = (_value(part) for part in text.split(mark, 1))
            return left + right if mark == "+" else left * right
    return symbol(text)


def _shape(text: str) -> tuple[Any, ...]:
    return tuple(_value(size) for size in text.split())


def template(op: str) -> Lettered:
    """A layer in letters."""
    cls = lookup(op)
    arrives, stated, meanings = cls.template
    if arrives is None:
        arrives = (f"{channel_letter(cls)} H W",) * cls.arity[0]
    shapes = tuple(map(_shape, arrives))
    letters = {
        o.field: letter for o in cls.options if o.default is not INFER and (letter := option_letter(o))
    }
    options = {field: _value(value) for field, value in {**letters, **stated}.items()}
    made = lettered(op, options, shapes)
    found = tuple(Variable(v.name, meanings.get(v.name) or _meaning(v.name), None) for v in made.variables)
    return made._replace(variables=found)


def _meaning(name: str) -> str:
    return MEANINGS.get(name, MEANINGS.get(name.partition("_")[0], "given as a symbol"))


class Called(NamedTuple):
    """A block in letters.

    Attributes:
        arguments: what it is called with.
        arrives: sizes, or those of several inputs by name, the first of which is what it is called on. A
            product such as ``2*H`` answers what a block asks about its input: whether the height is even.
        meanings: what letters stand for that are neither channels, sizes nor options of a convolution.
    """

    arguments: str
    arrives: str | dict[str, str] = "M H W"
    meanings: Mapping[str, str] = {}


_HEADS: Final = {
    "A": "heads",
    "B": "features between the two linear layers",
    "D": "features of each head",
    "P": "rows of a window",
    "Q": "columns of a window",
    "T": "tokens",
}
_TOKENS: Final = _HEADS | {"M": "features of each token"}
_WINDOWS: Final = _HEADS | {"H": "input height over P", "L": "windows", "W": "input width over Q"}
_SQUARES: Final = {
    "H": "input height over P",
    "P": "rows, and columns, of a patch or window",
    "W": "input width over P",
}
_HALVES: Final = {"H": "half of the input height, rounded down", "W": "half of the input width, rounded down"}
BLOCKS: Final[dict[str, Called]] = {
    "attention": Called("A", "T A*D", _HEADS),
    "basic_stage": Called("N, n=2"),
    "biased_attention": Called("A, P, Q", "L P*Q A*D", _WINDOWS),
    "bottleneck_stage": Called("N, n=2"),
    "causal_mask": Called("B", "T M", _TOKENS | {"B": "the most tokens"}),
    "channel_attention": Called("A", "A*D H W", _HEADS),
    "class_attention": Called("A", "T A*D", _HEADS),
    "class_block": Called("A, B", "T A*D", _HEADS),
    "class_token": Called("", "T M", _TOKENS),
    "column_attention": Called(
        "keys='keys', values='values'",
        {"queries": "A D L", "keys": "A D T", "values": "A E T"},
        {"A": "heads", "D": "features of a key", "E": "features of a value", "L": "queries", "T": "keys"},
    ),
    "continuous_bias": Called("A, P, Q", meanings=_HEADS),
    "conv_bn": Called("N, k=K, p='same'"),
    "conv_lstm_cell": Called("N, k=K", {"x": "M H W", "h": "N H W", "c": "N H W"}),
    "cross_covariance_attention": Called("A", "A*D H W", _HEADS),
    "darknet_stage": Called("N, n=2"),
    "dwconv_bn": Called("k=K, p='same'"),
    "efficient_channel_attention": Called("k=2*P+1"),
    "encoder_block": Called("A, B", "T A*D", _HEADS),
    "fire": Called(
        "s1x1=A, e1x1=B, e3x3=N", meanings={"A": "channels that are squeezed", "B": "channels of 1x1"}
    ),
    "gated_attention": Called("A", "T A*D", _HEADS),
    "grid": Called("P, Q", "M P*H Q*W", _WINDOWS),
    "grid_attention": Called("A, P, Q", "A*D P*H Q*W", _WINDOWS),
    "grouped_conv": Called("N, groups=G, k=K, p='same'"),
    "gru_cell": Called("N", {"x": "M", "h": "N"}),
    "inverted_residual": Called("N"),
    "lstm_cell": Called("N", {"x": "M", "h": "N", "c": "N"}),
    "map_attention": Called("A, D", "3*A*D H W", _HEADS),
    "merged_patches": Called("", "M 2*H 2*W", _HALVES),
    "mobilenet_v3_features": Called(
        "[[3, 16, 16, 1, 0, 2], [3, 72, 24, 0, 0, 2], [3, 88, 24, 0, 0, 1]]", "3 H W"
    ),
    "mobileone_block": Called("M"),
    "mobileone_convs": Called("N, 3, S, 1"),
    "modulated_conv": Called(
        "N, style='style'", {"input": "M H W", "style": "L"}, {"L": "numbers of a style"}
    ),
    "offset_bias": Called("A, L, T", meanings={"A": "heads", "L": "positions", "T": "queries"}),
    "outlook_attention": Called("A", "A*D H W", _HEADS),
    "padded_to": Called("2", "M 2*H+1 2*W+1", _HALVES),
    "patch_tokens": Called("N, P", "M P*H P*W", _SQUARES),
    "post_norm_block": Called("A, B", "T A*D", _HEADS),
    "position_embedding": Called("", "T M", _TOKENS),
    "query_value_bias": Called("", "T 3 A D", _HEADS),
    "query_value_projection": Called("N", "T M", _TOKENS),
    "reduced_attention": Called("A, 2", "A*D 2*H 2*W", _HEADS | _HALVES),
    "relative_bias": Called("A, P, Q", meanings=_HEADS),
    "resnet_backbone": Called("[3, 4, 6, 3]", "3 H W"),
    "rotated": Called(
        "'sines', 'cosines'",
        {"x": "A T 2*D", "sines": "T 2*D", "cosines": "T 2*D"},
        _HEADS | {"D": "pairs of features"},
    ),
    "scaled_std_conv": Called("N, p=1", "32 H W"),
    "separable": Called("N, k=K, p='same'"),
    "separable_conv": Called("N, k=K, p='same'"),
    "separable_inception": Called("N_b1, N_r3, N_b3, N_r5, N_b5, N_pool", "M T H W"),
    "shift_block": Called("N, expansion=E", meanings={"E": "expansion"}),
    "shift_mask": Called("7, 3, 3, 7*H, 7*W", meanings={"H": "windows down", "W": "windows across"}),
    "shuffle_unit": Called("M, groups=G"),
    "sine_places": Called("L", meanings={"L": "positions"}),
    "sine_waves": Called("L, B, 10000", meanings={"B": "waves", "L": "positions"}),
    "talking_heads_attention": Called("A", "T A*D", _HEADS),
    "temporal_separable": Called("N", "M T H W"),
    "token_mlp": Called("B", "T M", _TOKENS),
    "ungrid": Called("P, Q, P*H, Q*W", "H*W P*Q M", _WINDOWS),
    "unwindows": Called("P, Q, P*H, Q*W", "H*W P*Q M", _WINDOWS),
    "volume_block": Called("N", "M T H W"),
    "volume_conv": Called("N", "M T H W"),
    "window_attention": Called("A, P", "A*D P*H P*W", _HEADS | _SQUARES),
    "windows": Called("P, Q", "M P*H Q*W", _WINDOWS),
}
"""Blocks whose letters are not simply those of their parameters, or which read something other than a map."""

_PARAMETERS: Final = {
    "out": "N", "width": "N", "classes": "N", "mid": "A", "groups": "G", "growth": "G", "c": "M",
}  # fmt: skip
_MEANINGS: Final = {"mid": "channels in the middle", "groups": "groups", "growth": "channels that are added"}
"""Meanings of parameters whose letters stand for something else elsewhere."""


def block_call(name: str) -> tuple[str, tuple[Any, ...] | dict[str, str]]:
    """How a block is called in letters, and what arrives: one shape, or the text of one for each name."""
    called = _called(name)
    call = f"{name}({called.arguments})"
    if isinstance(called.arrives, str):
        return call, _shape(called.arrives)
    return call, {one: f"[{', '.join(sizes.split())}]" for one, sizes in called.arrives.items()}


def _called(name: str) -> Called:
    from convcalc.spec.document.reading import block

    required = [parameter for parameter, default in block(name).parameters if default is None]
    return BLOCKS.get(name) or Called(", ".join(_PARAMETERS.get(p, f"N_{p}") for p in required))


def block_letters(name: str, names: list[str]) -> tuple[Variable, ...]:
    """What the letters of a block stand for."""
    from convcalc.spec.document.reading import block

    meanings = _called(name).meanings
    parameters = {_PARAMETERS.get(p, f"N_{p}"): p for p, _ in block(name).parameters}
    found = []
    for letter in names:
        parameter = parameters.get(letter)
        meaning = _MEANINGS.get(parameter or "") or MEANINGS.get(letter)
        if parameter and parameter not in _MEANINGS:
            meaning = f"{parameter}: {meaning}" if meaning else parameter
        found.append(Variable(letter, meanings.get(letter) or meaning or "given as a symbol", None))
    return tuple(found)


_SOURCES: Final = {
    "basic_block": "He et al. 2016, Deep residual learning, Figure 5",
    "basic_stage": "He et al. 2016, Deep residual learning, Table 1",
    "bottleneck": "He et al. 2016, Deep residual learning, Figure 5; Xie et al. 2017, ResNeXt",
    "bottleneck_stage": "He et al. 2016, Deep residual learning, Table 1",
    "cbr": "Szegedy et al. 2016, Rethinking the Inception architecture",
    "classifier": "Lin et al. 2014, Network in network, section 3.2",
    "conv_bn_biased": "Ioffe & Szegedy 2015",
    "down": "Radford et al. 2016, DCGAN",
    "dwconv_bn": "Howard et al. 2017, MobileNets, Figure 3",
    "fcn_head": "Long et al. 2015, Fully convolutional networks, as torchvision has it",
    "inception_conv": "Szegedy et al. 2015, Going deeper with convolutions",
    "resnet_backbone": "He et al. 2016, Deep residual learning, Table 1; Chen et al. 2017, DeepLabv3",
    "resnet_stem": "He et al. 2016, Deep residual learning, Table 1",
    "separable_inception": "Xie et al. 2018, Rethinking spatiotemporal feature learning (S3D)",
    "shuffle_path": "Zhang et al. 2018, ShuffleNet, Figure 2",
    "transition": "Huang et al. 2017, DenseNet, section 3",
    "two_tower_conv": "Krizhevsky et al. 2012, AlexNet, section 3.5",
    "up": "Radford et al. 2016, DCGAN",
    "volume_block": "Tran et al. 2018, A closer look at spatiotemporal convolutions",
    "volume_conv": "Tran et al. 2018, A closer look at spatiotemporal convolutions",
}
_CITED: Final = re.compile(r"\(([^()]*\b(?:19|20)\d\d[^()]*)\)")


def block_source(name: str, doc: str) -> str:
    """Where a block was proposed: what its description cites, else what is known here."""
    return _SOURCES.get(name) or "; ".join(_CITED.findall(doc))
