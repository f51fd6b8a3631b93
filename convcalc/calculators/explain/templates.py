"""Which letters stand in a layer or block that is explained without a spec."""

from __future__ import annotations

import re
from typing import Any, Final

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
    if not isinstance(text, str) or not text[0].isupper():
        return int(text) if isinstance(text, str) and text.isdigit() else text
    for mark in "+*":
        if mark in text:
            left, right = (_value(part) for part in text.split(mark, 1))
            return left + right if mark == "+" else left * right
    return symbol(text)


def template(op: str) -> Lettered:
    """A layer in letters."""
    cls = lookup(op)
    arrives, stated, meanings = cls.template
    if arrives is None:
        arrives = (f"{channel_letter(cls)} H W",) * cls.arity[0]
    shapes = tuple(tuple(_value(size) for size in shape.split()) for shape in arrives)
    letters = {
        o.field: letter for o in cls.options if o.default is not INFER and (letter := option_letter(o))
    }
    options = {field: _value(value) for field, value in {**letters, **stated}.items()}
    made = lettered(op, options, shapes)
    found = tuple(Variable(v.name, meanings.get(v.name) or _meaning(v.name), None) for v in made.variables)
    return made._replace(variables=found)


def _meaning(name: str) -> str:
    return MEANINGS.get(name, MEANINGS.get(name.partition("_")[0], "given as a symbol"))


BLOCKS: Final[dict[str, tuple[str, str | dict[str, str]]]] = {
    "attention": ("N_heads, head=N_head", "LxM"),
    "class_attention": ("N_heads", "LxM"),
    "class_block": ("N_heads, N_hidden", "LxM"),
    "class_token": ("", "LxM"),
    "encoder_block": ("N_heads, N_hidden", "LxM"),
    "post_norm_block": ("N_heads, N_hidden", "LxM"),
    "causal_mask": ("N_most", "L"),
    "gated_attention": ("N_heads", "LxM"),
    "position_embedding": ("", "LxM"),
    "token_mlp": ("N_hidden", "LxM"),
    "biased_attention": ("N_heads, 7, 7", "64x49xM"),
    "merged_patches": ("", "Mx56x56"),
    "ungrid": ("7, 7, 56, 56", "64x49xM"),
    "unwindows": ("7, 7, 56, 56", "64x49xM"),
    "window_attention": ("N_heads, 7", "Mx56x56"),
    "basic_stage": ("N, n=2", "MxHxW"),
    "bottleneck_stage": ("N, n=2", "MxHxW"),
    "conv_lstm_cell": ("N, k=K", {"x": "MxHxW", "h": "NxHxW", "c": "NxHxW"}),
    "gru_cell": ("N", {"x": "M", "h": "N"}),
    "lstm_cell": ("N", {"x": "M", "h": "N", "c": "N"}),
    "conv_bn": ("N, k=K, p='same'", "MxHxW"),
    "dwconv_bn": ("k=K, p='same'", "MxHxW"),
    "fire": ("s1x1=A, e1x1=B, e3x3=N", "MxHxW"),
    "grouped_conv": ("N, groups=G, k=K, p='same'", "MxHxW"),
    "inverted_residual": ("N", "MxHxW"),
    "mobilenet_v3_features": (
        "[[3, 16, 16, 1, 0, 2], [3, 72, 24, 0, 0, 2], [3, 88, 24, 0, 0, 1]]",
        "3xHxW",
    ),
    "modulated_conv": ("N, style='style'", {"input": "MxHxW", "style": "L"}),
    "resnet_backbone": ("[3, 4, 6, 3]", "3xHxW"),
    "scaled_std_conv": ("N, p=1", "32xHxW"),
    "separable": ("N, k=K, p='same'", "MxHxW"),
    "separable_conv": ("N, k=K, p='same'", "MxHxW"),
    "separable_inception": ("N_b1, N_r3, N_b3, N_r5, N_b5, N_pool", "MxTxHxW"),
    "shift_block": ("N, expansion=E", "MxHxW"),
    "shuffle_unit": ("M, groups=G", "MxHxW"),
    "temporal_separable": ("N", "MxTxHxW"),
    "volume_block": ("N", "MxTxHxW"),
    "volume_conv": ("N", "MxTxHxW"),
}
"""Arguments and input (or inputs, the first of which arrives) of blocks whose letters are not simply those of
their parameters."""

_PARAMETERS: Final = {
    "out": "N", "width": "N", "classes": "N", "mid": "A", "groups": "G", "growth": "G", "c": "M",
}  # fmt: skip
_BLOCK_MEANINGS: Final = {
    "A": "channels in the middle",
    "B": "channels of the 1x1 expansion",
    "E": "expansion",
    "G": "groups",
}


def block_call(name: str) -> tuple[str, str | dict[str, str]]:
    """How a block is called in letters, and what arrives: one shape, or several by name."""
    from convcalc.spec.document.reading import block

    shape: str | dict[str, str]
    if name in BLOCKS:
        arguments, shape = BLOCKS[name]
    else:
        required = [parameter for parameter, default in block(name).parameters if default is None]
        arguments, shape = ", ".join(_PARAMETERS.get(p, f"N_{p}") for p in required), "MxHxW"
    return f"{name}({arguments})", shape


def block_letters(name: str, names: list[str]) -> tuple[Variable, ...]:
    """What the letters of a block stand for."""
    from convcalc.spec.document.reading import block

    required = {_PARAMETERS.get(p, f"N_{p}"): p for p, _ in block(name).parameters}
    found = []
    for letter in names:
        meaning = MEANINGS.get(letter, "given as a symbol")
        if letter in required:
            meaning = f"{required[letter]}: {meaning}" if letter in MEANINGS else required[letter]
        if letter in _BLOCK_MEANINGS and required.get(letter) not in ("growth",):
            meaning = _BLOCK_MEANINGS[letter]
        found.append(Variable(letter, meaning, None))
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
