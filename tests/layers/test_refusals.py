"""Every faulty hyper-parameter has a message of its own, at its place, with what would be accepted.

A row is: what arrives, the line with the faulty part between « and », a fragment of the message,
and a fragment of what was expected. The refused values are wrong by the definition of the layer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

import convcalc
from convcalc.spec.errors import SpecError
from tests.layers.registry import ELEMENTWISE

WINDOWS = [
    ("3x8x8", "conv 4 «k9»", "kernel 9 is larger than the input 8 on axis 0", "at most 8"),
    ("3x8x6", "conv 4 «k7»", "kernel 7 is larger than the input 6 on axis 1", "at most 6"),
    ("3x8x8", "conv 4 «k11» p1", "kernel 11 is larger than the input 8 padded to 10", "at most 10"),
    ("3x8x8", "conv 4 «k3» d4", "dilation 4 (extent 9) is larger than the input 8", "at most 8"),
    ("3x4", "conv 4 «k3» d2 p=valid", "extent 5", "at most 4"),
    ("3x4x4x4", "maxpool «k5»", "kernel 5 is larger than the input 4", "at most 4"),
    ("3x4x4", "avgpool «k6» ceil=true s2", "kernel 6 is larger than the input 4", "at most 4"),
    ("3x4x4", "lppool «k5»", "kernel 5 is larger", "at most 4"),
    ("3x8x8", "maxpool k3 «p2»", "padding 2 is more than half the kernel 3", "at most 1"),
    ("3x8x8", "avgpool k4 «p0:3»", "padding 3 is more than half the kernel 4", "at most 2"),
    ("3x8x8", "convT 4 k3 «p20»", "padding 20:20 crops all of the output", "less than 10"),
    ("3x8x8", "shift «k2»", "must be odd, got 2", "1 or 3"),
]
CHANNELS = [
    ("6x8x8", "conv 6->4 k3 «g4»", "groups 4 do not divide in_channels 6", "1, 2, which divide 4 and 6"),
    ("6x8x8", "conv 6->4 k3 «g3»", "groups 3 do not divide out_channels 4", "1, 2, which"),
    ("6x8x8", "conv «3->4» k3", "in_channels is 3, but 6 arrive", "6"),
    ("6x8x8", "convT 4 k3 «g4»", "groups 4 do not divide in_channels 6", "1, 2, which divide 4 and 6"),
    ("6x8x8", "convT 4 k3 «g3»", "groups 3 do not divide out_channels 4", "1, 2, which"),
    ("6x8x8", "dwconv «6->9» k3", "6 channels cannot give 9", "multiple of 6"),
    ("6x8x8", "dwconv 6->12 k3 «multiplier=3»", "gives 18 channels, not 12", "one of"),
    ("48", "linear «3->10»", "in_features is 3, but 48 arrive", "48"),
    ("6x8x8", "bn «5»", "channels is 5, but 6 arrive", "6"),
    ("6x8x8", "instancenorm «5»", "channels is 5, but 6 arrive", "6"),
    ("6x8x8", "scale «5»", "channels is 5, but 6 arrive", "6"),
    ("6x8x8", "gn «4»", "groups 4 do not divide channels 6", "1, 2, 3, 6"),
    ("6x8x8", "gn 3 «channels=9»", "channels is 9, but 6 arrive", "6"),
    ("6x8x8", "shuffle «4»", "groups 4 do not divide 6 channels", "1, 2, 3, 6"),
    ("6x8x8", "prelu «4»", "prelu has 4 slopes, but 6 channels arrive", "1 or 6"),
    ("6x8x8", "pixelshuffle «2»", "6 channels do not divide into 2^2 = 4", "multiple of 4"),
    ("6x9x8", "pixelunshuffle «2»", "factor 2 does not divide the size 9", "1, 3, 9"),
    ("6x8x8", "ln «shape=6x8x7»", "shape 6x8x7 is not what arrives", "6x8x8"),
    ("6x8x8", "reshape «5x5»", "has 384 elements, 5x5 has 25", "384"),
    ("6x8x8", "split «(2,3)»", "2+3 do not add up to 6", "6"),
    ("6x8x8", "split «(2,4)» axis=1", "2+4 do not add up to 8", "8"),
    ("6x8x8", "mean «axis=3»", "no axis 3 in 6x8x8", "0 to 2, or -1"),
    ("6x8x8", "mean «axis=(1,-2)»", "names an axis of 6x8x8 twice", "each axis once"),
    ("6x8x8", "norm «p=3»", "unknown value 3", "one of 1, 2, inf"),
    ("6x8x8", "var axis=0 «correction=6»", "var of 6 divides by 6 - 6", "correction=0, or more entries"),
    ("1x8x8", "«std» axis=0", "std of 1 divides by 1 - 1", "correction=0, or more entries"),
    ("6x8x8", "«argmax»", "argmax needs its axis: 6x8x8 has 3", "argmax axis=0, or -1 for the last"),
    ("6x8x8", "argmin «axis=-4»", "no axis -4 in 6x8x8", "0 to 2, or -1"),
    ("6x8x8", "argmax axis=0 | «relu»", "relu reads values, and argmax1 holds indices", "looks up by them"),
    (
        "6x8x8",
        "argmax axis=0 | flatten | «linear 3»",
        "linear reads values, and flatten1 holds indices",
        "looks up by them",
    ),
    (
        "6x8x8",
        "maxpool k2 id=p | «conv 4 k3 from=p.indices»",
        "conv reads values, and p.indices holds indices",
        "looks up by them",
    ),
    (
        "1x8x8",
        "argmax axis=0 keep=true id=i | «unpool k2 from=[input,i]»",
        "unpool reads indices of a pool, and i holds indices along an axis",
        "the pool that it undoes",
    ),
    ("6x8x8", "identity id=a | sum with=a «axis=0»", "sum of 2 inputs joins entry by entry", "one input, or"),
    ("6x8x8", "«roll» 3", "roll needs its axis", "roll -3 axis=1"),
    ("6x8x8", "roll «(1,2,3)» axis=(0,1)", "3 shifts for 2 axes", "one for each axis, or one"),
    ("6x8x8", "roll «1/2» axis=1", "shift must be a whole number", "floor()"),
    ("6x8x8", "flip «axis=(0,3)»", "no axis 3 in 6x8x8", "0 to 2"),
    ("6x1x8", "expand «6x4x9»", "6x1x8 does not expand to 6x4x9", "8 in place of 9: only sizes of 1"),
    ("6x1x8", "expand «6x8»", "6x1x8 has more axes than 6x8", "at least 3 sizes"),
    ("6x8x8", "tile «(2,2)»", "2 counts for 3 axes", "one for each axis of 6x8x8, or axis="),
    ("6x8x8", "tile «(1,0,1)»", "counts must be at least 1, got 0", "at least 1"),
    ("6x8x8", "stack «axis=4»", "stacks of 6x8x8 have 4 axes, none of them 4", "0 to 3, or -1"),
    (
        "6x8x8",
        "conv 4 k1 id=a | «stack» from=[input,a]",
        "cannot join 6x8x8 and 4x8x8",
        "inputs of one shape",
    ),
    ("6xHx8", "unstack «axis=1»", "a tensor of each of H indices", "an axis whose size is a number"),
    ("5000x8", "«unstack»", "a tensor of each of 5000 indices", "an axis of at most 4096"),
]
RANGES = [
    ("6x8x8", "conv 4 «k0»", "kernel must be at least 1, got 0", "at least 1"),
    ("6x8x8", "conv 4 k3 «s0»", "stride must be at least 1, got 0", "at least 1"),
    ("6x8x8", "conv 4 k3 «stride=-1»", "stride must be at least 1, got -1", "at least 1"),
    ("6x8x8", "conv 4 k3 «s1x0»", "stride must be at least 1, got 0", "at least 1"),
    ("6x8x8", "conv 4 k3 «p=-1»", "padding must be 0 or more, got -1", "0 or more"),
    ("6x8x8", "conv 4 k3 «p=((0,-1),)»", "padding must be 0 or more, got -1", "0 or more"),
    ("6x8x8", "conv 4 k3 «d0»", "dilation must be at least 1, got 0", "at least 1"),
    ("6x8x8", "conv 4 k3 «g0»", "groups must be at least 1, got 0", "at least 1"),
    ("6x8x8", "conv «0» k3", "out_channels must be at least 1, got 0", "at least 1"),
    ("6x8x8", "conv «-4» k3", "out_channels must be at least 1, got -4", "at least 1"),
    ("6x8x8", "conv «9/2» k3", "out_channels must be a whole number, got 4.5", "round()"),
    ("6x8x8", "conv 4 k3 «s=3/2»", "stride must be a whole number, got 1.5", "round()"),
    ("6x8x8", "dwconv k3 «multiplier=0»", "multiplier must be at least 1, got 0", "at least 1"),
    ("6x8x8", "convT 4 k2 s2 «op2»", "output_padding 2 is not smaller than stride 2", "at most 1"),
    ("6x8x8", "convT 4 k2 s2 d3 «op3»", "not smaller than stride 2 or dilation 3", "at most 2"),
    ("6x8x8", "convT 4 k3 «op=-1»", "output_padding must be 0 or more, got -1", "0 or more"),
    ("6x8x8", "avgpool k3 «divisor=0»", "divisor must be at least 1, got 0", "at least 1"),
    ("6x8x8", "lppool k2 «norm=0»", "norm must be positive, got 0", "1, 2"),
    ("6x8x8", "lppool k2 «norm=-2»", "norm must be positive, got -2", "1, 2"),
    ("6x8x8", "adaptiveavgpool «size=0»", "size must be at least 1, got 0", "at least 1"),
    ("6x8x8", "upsample «scale=0»", "scale must be positive, got 0", "1.5"),
    ("6x8x8", "upsample «scale=-2»", "scale must be positive, got -2", "1.5"),
    ("6x8x8", "upsample «scale=0.05»", "leaves nothing of 8", "larger"),
    ("6x8x8", "pixelshuffle «0»", "factor must be at least 1, got 0", "at least 1"),
    ("6x8x8", "lrn «0»", "size must be at least 1, got 0", "at least 1"),
    ("6x8x8", "dropout «1.5»", "p must be a probability, got 1.5", "0 to 1"),
    ("6x8x8", "dropout «-0.1»", "p must be a probability, got -0.1", "0 to 1"),
    ("6x8x8", "pad «p=-1»", "padding must be 0 or more, got -1", "0 or more"),
    (
        "6x8x8",
        "pad «p=(0,5)» axis=1",
        "padding has 2 values for 1 axis",
        "[[0,5]] for the two sides of one axis",
    ),
    (
        "6x8x8",
        "pad «p=(1,2,3)» axis=(0,1)",
        "padding has 3 values for 2 axes",
        "one for all of them, or one each",
    ),
    ("6x8x8", "crop «amounts=4»", "cropping 4:4 leaves nothing of 8", "less than 8"),
    ("6x8x8", "crop «size=9»", "cannot crop 8 to 9", "at most 8"),
    ("6x8x8", "slice 4 «2»", "nothing between 4 and 2", "start below stop"),
    ("6x8x8", "slice 0 «9»", "stop 9 lies beyond the axis of 6", "at most 6"),
    ("6x8x8", "slice «-9» 3", "start -9 lies before the axis of 6", "-6 to 5"),
    ("6x8x8", "slice 0 2 «axis=3»", "no axis 3 in 6x8x8", "0 to 2"),
    ("6x8x8", "split (2,4) «axis=5»", "no axis 5 in 6x8x8", "0 to 2"),
    ("6x8x8", "div «0»", "div divides by 0", "other than 0"),
    ("6x8x8", "clip 2 «1»", "clip from 2 to 1 leaves nothing between", "2 or more"),
    ("6x8x8", "«clip»", "clip needs a bound", "clip 0 6"),
    ("6x8x8", "l2norm «eps=-1»", "eps is -1", "0 or more"),
    ("6x8x8", "l2norm «axis=3»", "no axis 3 in 6x8x8", "0 to 2, or -1"),
    ("6x8x8", "permute «(0,1)»", "no order of the 3 axes", "0 to 2 once"),
    ("6x8x8", "permute «(0,1,1)»", "no order of the 3 axes", "0 to 2 once"),
]
PADDING_MODES = [
    ("6x8x8", "conv 4 k3 «p8» padding_mode=reflect", "reflect padding 8 needs a larger input", "at most 7"),
    ("6x8x8", "conv 4 k3 «p0:9» padding_mode=circular", "circular padding 9 is more", "at most 8"),
    ("6x4", "conv 4 k9 «p=same» padding_mode=reflect", "reflect padding 4", "at most 3"),
    ("6x8x8", "conv 4 k3 p1 padding_mode=«mirror»", "'mirror'", "zeros, reflect, replicate, circular"),
    ("6x8x8", "pad «p8» mode=reflect", "reflect padding 8 needs a larger input", "at most 7"),
    ("6x8x8", "pad «p9» mode=circular", "circular padding 9 is more", "at most 8"),
    ("6x8x8", "pad p1 mode=reflect «value=2»", "reflect pads no value", "constant"),
    ("6x8x8", "pad «p=same»", "no kernel to follow", "numbers"),
    ("6x8x8", "crop «amounts=same»", "no kernel to follow", "numbers"),
    ("6x8x8", "convT 4 k3 «p=full»", "has no padding 'full'", "valid"),
    ("6x8x8", "convT 4 k3 «p=causal»", "has no padding 'causal'", "valid"),
]
RANKS = [
    ("6x8x8", "conv 4 «k3x3x3»", "kernel has 3 axes, the input has 2", "2 joined by 'x'"),
    ("6x8x8", "conv 4 k3 «s1x2x3»", "stride has 3 axes, the input has 2", "2 joined by 'x'"),
    ("6x8x8x8", "conv 4 k3 «p1x1»", "padding has 2 axes, the input has 3", "3 of them"),
    ("6x8x8", "conv 4 k3 «d2x2x2»", "dilation has 3 axes, the input has 2", "2 joined by 'x'"),
    ("6x8x8", "upsample «scale=2x2x2»", "scale has 3 axes, the input has 2", "one factor an axis"),
    ("6x8x8", "adaptiveavgpool «size=7x7x7»", "size has 3 axes, the input has 2", "2 joined by 'x'"),
    ("6", "«conv» 4 k3", "needs spatial axes, got a flat input of 6", "3x224x224"),
    ("6", "«globalavgpool»", "needs spatial axes, got a flat input of 6", "3x224x224"),
    ("6", "«instancenorm»", "needs spatial axes, got a flat input of 6", "ln"),
    ("6x8x8", "«linear» 10", "needs a flat input, got 6x8x8", "flatten"),
    ("6x8x8", "«Conv1d(6, 4, 3)»", "Conv1d needs 1 spatial ax", "an input of channels"),
    ("6x8", "«Conv2d(6, 4, 3)»", "Conv2d needs 2 spatial axes, got 6x8", "an input of channels"),
    ("6x8x8", "upsample scale=2 «mode=trilinear»", "trilinear interpolation needs 3", "linear or cubic"),
    ("6x8", "upsample scale=2 «mode=bicubic»", "bicubic interpolation needs 2", "linear or cubic"),
    ("6x8", "upsample scale=2 «mode=bilinear»", "bilinear interpolation needs 2", "linear or cubic"),
    ("6x8x1", "upsample scale=2 «mode=spline»", "2 samples or more, got 1", "linear"),
]
OPTIONS = [
    ("6x8x8", "«conv» k3", "conv needs out_channels", "conv 64 k3"),
    ("6x8x8", "«conv» 4", "conv needs kernel", "conv 64 k3"),
    ("6x8x8", "«maxpool»", "maxpool needs kernel", "maxpool k3"),
    ("6x8x8", "«gn»", "gn needs groups", "gn"),
    ("6x8x8", "«upsample»", "one of scale and size", "scale=2"),
    ("6x8x8", "upsample scale=2 «size=16»", "scale or size, not both", "one of them"),
    ("6x8x8", "«crop»", "one of amounts and size", "amounts=2"),
    ("6x8x8", "crop amounts=1 «size=4»", "amounts or size, not both", "one of them"),
    ("6x8x8", "conv 4 k3 «dialtion»=2", "no option 'dialtion'", "dilation"),
    ("6x8x8", "relu «slope»=0.1", "no option 'slope'", "inplace"),
    ("6x8x8", "conv 4 k3 «bias=3»", "3 is no switch", "true or false"),
    ("6x8x8", "conv 4 k3 bias=«maybe»", "'maybe'", "true or false"),
    ("6x8x8", "conv 4 k3 «k5»", "kernel is given twice", None),
    ("6x8x8", "conv 4 k3 «5»", "1 positional argument", "key=value"),
    ("6x8x8", "globalavgpool «3»", "0 positional arguments", "no arguments"),
    ("6x8x8", "rmsnorm «shape=8x6»", "shape 8x6 is not what arrives: 6x8x8", "over=channels"),
    ("6x8x8", "rmsnorm over=channels «shape=8»", "shape 8 is not what arrives: 6", "6"),
    ("6x8x8", "unfold «k9»", "kernel 9 is larger than the input 8", "at most 8"),
    ("12x7x7", "«fold» 8x8 k2", "fold reads columns, got 12x7x7", "length"),
    ("10x49", "fold 8x8 «k2»", "10 channels do not divide into 4 taps", "multiple of 4"),
    ("12x48", "fold «8x8» k2", "48 columns arrive, but 49 windows stand on 8x8", "unfolded"),
    ("12x49", "«fold» k2", "fold needs the size", "fold 32x32"),
    ("6x8x8", "«deformconv 4 k3»", "deformconv reads 2 to 3 tensors, got 1", "from=[map,offsets]"),
    (
        "6x8x8",
        "conv 9 k3 id=o | «deformconv» 4 k3 from=[input,o]",
        "9 channels of offsets are not 2 for each of 9 taps",
        "conv 18",
    ),
    (
        "6x8x8",
        "conv 18 k3 p1 id=o | «deformconv» 4 k3 from=[input,o]",
        "offsets of 18x8x8 where 18x6x6 are due",
        "same kernel, stride, padding and dilation",
    ),
    (
        "6x8x8",
        "conv 18 k3 id=o | «deformconv» 4 k3 from=[input,o,o]",
        "a mask of 18x6x6 where 9x6x6 are due",
        "same kernel",
    ),
    (
        "6x8x8",
        "conv 72 k3 id=o | «deformconv» 4 k3 from=[input,o]",
        "offsets for 4 groups do not divide 6 channels",
        "18 channels",
    ),
    ("6x8x8", "softmax «3»", "0 positional arguments", "axis="),
    ("6x8x8", "logsoftmax «axis=3»", "no axis 3 in 6x8x8", "0 to 2"),
    ("12", "«gru» 4", "gru reads sequences of two axes or more, got 12", "steps and features"),
    ("3x8x8", "lstm 4 axis=1 «features=-2»", "the features lie on axis 1", "another axis"),
    ("3x8x8", "lstm 4 «features=3»", "no axis 3 in 3x8x8", "0 to 2, or -1"),
    ("8x6", "rnn 4 «axis=2»", "no axis 2 in 8x6", "0 to 1"),
    ("8x6", "rnn «8->4»", "in_features is 8, but 6 arrive", "6"),
    ("8x6", "lstm 4 «projection=4»", "a projection to 4 of 4 features", "fewer"),
    ("8x6", "gru 4 «layers=1001»", "1001 layers", "at most"),
    ("8x6", "rnn 4 nonlinearity=«gelu»", "gelu", "tanh"),
    ("6x8x7", "glu «axis=2»", "glu halves axis 2, which has 7", "even"),
    ("6x8x8", "prelu «shape=6x8x4»", "slopes of the shape 6x8x4 do not fit 6x8x8", "with 1"),
    ("6x8x8", "prelu «shape=6»", "slopes of the shape 6 do not fit 6x8x8", "with 1"),
    ("6x8x8", "prelu «6» shape=6x1x1", "prelu takes channels or a shape", "one of them"),
    ("6x8x8", "upsample scale=2 «exclude_outside=true»", "only cubic interpolation has taps", "mode=cubic"),
    ("6x8x8", "celu «alpha=0»", "celu divides by alpha", "other than 0"),
    ("6x8x8", "softshrink «lambd=-1»", "softshrink by -1", "0 or more"),
    ("6x8x8", "conv 4 k3 p=«sam»", "'sam'", "same"),
    ("6x8x8", "upsample scale=2 mode=«lanczos»", "'lanczos'", "nearest"),
    ("6x8x8", "upsample scale=2 «align_corners=true»", "nearest interpolation has no align_corners", "false"),
    ("6x8x8", "gelu approximate=«fast»", "'fast'", "none, tanh"),
    ("6x8x8", "«con» 4 k3", "unknown layer or block 'con'", "convcalc list"),
    ("6x8x8", "Conv2d(6, 4, 3, stride=2, «padding='same'»)", "padding='same' needs stride 1", "stride 1"),
    ("6x8x8", "Conv2d(6, 4, 3, «paddding»=1)", "no argument 'paddding'", "padding"),
]  # fmt: skip
JOINS = [
    (
        "6x8x8",
        "identity id=a | conv 5 k1 | «add» with=a",
        "add cannot join 5x8x8 and 6x8x8",
        "equal sizes, or 1",
    ),
    ("6x8x8", "identity id=a | maxpool k2 | «mul» with=a", "mul cannot join 6x4x4 and 6x8x8", "or 1"),
    ("6x8x8", "identity id=a | flatten | «add» with=a", "add cannot join 384 and 6x8x8", "from the last"),
    ("6x8x8", "identity id=a | maxpool k2 | «concat» with=a", "concat cannot join", "every other axis"),
    ("6x8x8", "identity id=a | flatten | «concat» with=a", "concat cannot join", "one rank"),
    ("6x8x8", "identity id=a | concat with=a «axis=3»", "no axis 3 in 6x8x8", "0 to 2"),
    ("6x8x8", "«add»", "add reads 2 or more tensors, got 1", "with=b"),
    ("6x8x8", "«sub»", "sub reads 2 tensors, got 1", "or a constant: sub 2"),
    ("6x8x8", "identity id=a | sub «1» from=[a,input]", "a constant beside 2 tensors", "one and a constant"),
    ("6x8x8", "identity id=a | «pow from=[a,a,a]»", "pow reads 1 to 2 tensors, got 3", "and a constant"),
    ("6x8x8", "mul «0.5x2»", "is no number", "a number"),
    (
        "6x8x8",
        "globalavgpool | flatten | «sub» with=input",
        "cannot join 6 and 6x8x8",
        "'reshape (6,1,1)' of 6",
    ),
    ("6x8x4", "slice 0 1 | reshape 8x4 id=a | slice 0 2 axis=-1 | «div» with=input", "8x2 and 6x8x4", "or 1"),
    ("6x8x8", "«unpool k2»", "unpool reads 2 tensors, got 1", "with=NAME.indices"),
    ("6x8x8", "maxpool k2 | relu | «unpool k2»", "unpool reads 2 tensors, got 1", "with=maxpool1.indices"),
    ("6x7x8", "maxpool k2 id=p | «unpool k2»", "reads 2 tensors", "with=p.indices, and, since"),
    ("6x7x8", "maxpool k2 id=p | «unpool k2»", "reads 2 tensors", "size=7x8, or like=NAME"),
    ("6x8x8", "maxpool k2 id=p | unpool k2 «size=20» from=[p,p.indices]", "no pool of 2 steps", "7 to 9"),
    (
        "6x8x8",
        "maxpool k2 id=p | conv 5 k1 id=c | «unpool» k2 from=[c,p.indices]",
        "values 5x4x4 and indices 6x4x4 differ",
        "indices of the pool",
    ),
    ("6x8x8", "maxpool k2 id=p | unpool k2 «p9» from=[p,p.indices]", "crops all of the output", "the pool"),
    ("6x8x8", "maxpool k2 id=p | unpool k2 «p=same» from=[p,p.indices]", "in numbers", "the pool"),
    ("6x8x8", "split (2,4) | «relu»", "has the outputs 0, 1: choose one", "split1.0"),
    ("6x8x8", "conv 4 k3 from=«nowhere»", "no tensor named 'nowhere'", "before"),
    ("6x8x8", "conv 4 k3 like=«input»", "no size to take", "upsample or crop"),
]
ROWS = [*WINDOWS, *CHANNELS, *RANGES, *PADDING_MODES, *RANKS, *OPTIONS, *JOINS]


def refused(line: str, shape: str) -> Any:
    with pytest.raises(SpecError) as caught:
        convcalc.load(line, input=shape)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(("shape", "marked", "message", "expected"), ROWS, ids=[row[1] for row in ROWS])
def test_faults(shape: str, marked: str, message: str, expected: str | None) -> None:
    start, end = marked.index("«"), marked.index("»") - 1
    problem = refused(marked.replace("«", "").replace("»", ""), shape)
    assert message in problem.message
    assert (problem.column - 1, problem.length) == (start, end - start), str(problem)
    if expected is not None:
        assert expected in problem.expected
    shown = str(problem).splitlines()
    assert shown[2].index("^") - 4 == start
    assert shown[2].count("^") == end - start


def test_faults_of_different_options_read_differently() -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for shape, marked, _, _ in ROWS:
        before, _, rest = marked.partition("«")
        token, _, after = rest.partition("»")
        line = before + token + after
        stage = (before.rpartition("| ")[2] + rest).replace("»", "").split()[0]
        named = re.match("[A-Za-z_]*", token)
        option = named[0] if named else ""
        key = (shape, stage, refused(line, shape).message)
        assert seen.setdefault(key, option) == option, key


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("conv 4 k3 dialtion=2", "dilation"),
        ("con 4 k3", "conv"),
        ("batchnrom", "batchnorm"),
        ("conv 4 k3 p=sam", "same"),
        ("Conv2d(6, 4, 3, paddding=1)", "padding"),
        ("nn.Conv2D(6, 4, kernal_size=3)", "kernel_size"),
        ("upsample scale=2 mode=neerest", "nearest"),
    ],
)
def test_the_nearest_name_is_offered(line: str, nearest: str) -> None:
    assert refused(line, "6x8x8").nearest == nearest


def test_a_residual_whose_shapes_differ_is_told_at_its_line(tmp_path: Any) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        "input: 4x8x8\nlayers:\n  - conv 4 k3 p1\n  - residual: identity\n    body:\n      - conv 8 k3 p1\n"
    )
    with pytest.raises(SpecError) as caught:
        convcalc.load(path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(path), 4)
    assert "4x8x8" in problem.message
    assert "8x8x8" in problem.message
    assert "project" in (problem.expected or "")


def test_independent_faults_come_together() -> None:
    line = "conv 4 k9 | bnn | conv 8 k3 dialtion=2"
    with pytest.raises(SpecError) as caught:
        convcalc.load(line, input="3x8x8")
    assert [line[p.column - 1 : p.column - 1 + p.length] for p in caught.value.problems] == [
        "bnn",
        "dialtion",
    ]
    with pytest.raises(SpecError) as caught:
        convcalc.load("conv 4 k9 | conv 8 k1 g0", input="3x8x8")
    assert caught.value.problems[0].message.startswith("kernel 9 is larger")


def test_the_command_line_refuses_likewise(cli: Callable[..., Any]) -> None:
    done = cli("params", "conv 6->4 k3 g4", "--input", "6x8x8")
    assert (done.code, done.out) == (2, "")
    assert "groups 4 do not divide in_channels 6" in done.err
    assert "Traceback" not in done.err
    done = cli("params", "conv 6->4 k3 g4", "--input", "6x8x8", "--json")
    assert done.code == 2
    (problem,) = json.loads(done.out)["errors"]
    assert (problem["line"], problem["column"], problem["length"]) == (1, 14, 2)
    assert problem["expected"] == "one of 1, 2, which divide 4 and 6"


# Everything that the issue lists, with every option, in each rank it has.
REACHABLE = {
    "conv 4 k3 s2 p1 d1 g2 bias=false": (1, 2, 3),
    "conv 4 k3 p0:1": (1, 2, 3),
    "conv 4 k3x5 s2x1 p1x2 d1x2": (2,),
    "conv 4 k3x5 p0:1x2:0": (2,),
    "conv 4 k1x2x3 s1x2x1 p0:1x0x1:0 d3x2x1": (3,),
    **{
        f"conv 4 k3 p={p} padding_mode={m}": (1, 2, 3)
        for p in ("same", "same_upper", "same_lower", "valid", "full", "causal")
        for m in ("zeros", "reflect", "replicate", "circular")
    },
    "dwconv k3 s2 p1 d1 bias=false": (1, 2, 3),
    "dwconv k3 multiplier=2": (1, 2, 3),
    "convT 4 k3 s2 p1 op1 d1 g2 bias=false": (1, 2, 3),
    "convT 4 k3 s2 p0:1 d2": (1, 2, 3),
    "convT 4 k3 s2 p=same": (1, 2, 3),
    "flatten | linear 5 bias=false": (0, 1, 2, 3),
    "linear 5 axis=channels": (0, 1, 2, 3),
    "maxpool k3 s2 p1 d1 ceil=true": (1, 2, 3),
    "maxpool k2 s2 p=same": (1, 2, 3),
    "avgpool k3 s2 p1 ceil=true count_include_pad=false": (1, 2, 3),
    "avgpool k3 divisor=4": (1, 2, 3),
    "lppool k3 s2 p1 norm=3 ceil=true": (1, 2, 3),
    "globalavgpool": (1, 2, 3),
    "globalmaxpool": (1, 2, 3),
    "adaptiveavgpool size=3": (1, 2, 3),
    "adaptivemaxpool size=3": (1, 2, 3),
    "adaptiveavgpool size=3x5": (2,),
    "maxpool k2 id=p | unpool k2 from=[p,p.indices]": (1, 2, 3),
    "maxpool k2 id=p | unpool k2 size=8 from=[p,p.indices]": (1, 2, 3),
    **{f"upsample scale=2 mode={m}": (1, 2, 3) for m in ("nearest", "nearest_exact", "linear")},
    **{f"upsample scale=2 mode={m}": (1, 2, 3) for m in ("cubic", "spline")},
    **{f"upsample size=11 mode={m} align_corners=true": (1, 2, 3) for m in ("linear", "cubic", "spline")},
    "upsample scale=2 mode=bilinear": (2,),
    "upsample scale=(1.5,2) mode=bicubic align_corners=true": (2,),
    "upsample scale=3/2 mode=trilinear": (3,),
    "conv 4 k3 s2 id=small | upsample like=input": (1, 2, 3),
    "pixelunshuffle 2 | pixelshuffle 2": (1, 2, 3),
    "pixelunshuffle 2 mode=dcr | pixelshuffle 2 mode=dcr": (1, 2, 3),
    "shift k3 d2": (1, 2, 3),
    "shuffle 2": (0, 1, 2, 3),
    "bn affine=false track=false eps=0.001": (0, 1, 2, 3),
    "bn bias=false": (0, 1, 2, 3),
    "ln over=channels affine=false": (0, 1, 2, 3),
    "ln bias=false": (0, 1, 2, 3),
    "gn 2 affine=false": (0, 1, 2, 3),
    "gn 2 bias=false": (0, 1, 2, 3),
    "instancenorm affine=true": (1, 2, 3),
    "lrn 5 alpha=0.001 beta=0.5 k=2": (1, 2, 3),
    "scale bias=true": (0, 1, 2, 3),
    **{
        name: (0, 1, 2, 3)
        for name in (
            *ELEMENTWISE, "leakyrelu 0.2", "prelu 4", "elu 0.5", "gelu approximate=tanh", "softmax",
            "softmin", "logsoftmax", "glu", "celu 0.5", "threshold 0.5 -1", "softshrink 0.1",
            "hardshrink 0.1", "dropout 0.2", "flatten",
        )
    },
    "softmax axis=1 | softmin axis=1 | logsoftmax axis=1 | glu axis=1": (1, 2, 3),
    "prelu shape=4x1x8": (2,),
    "clip 0.1 0.5 | clip min=-1 | clip max=3 inplace=true": (0, 1, 2, 3),
    "l2norm | l2norm axis=-1 eps=0.1": (0, 1, 2, 3),
    "rmsnorm | rmsnorm over=channels eps=0.1": (0, 1, 2, 3),
    "rmsnorm shape=8 affine=false": (1, 2, 3),
    "unfold k3 s2 p1 d1": (1, 2, 3),
    "unfold k3 p=same | fold 8 k3 p=same": (1,),
    "unfold k3x2 s2x1 p1:0x0:1 d1x2 | fold 8x8 k3x2 s2x1 p1:0x0:1 d1x2": (2,),
    "unfold k2 | fold 8x8x8 k2": (3,),
    "identity id=a | matmul transpose_b=true with=a | matmul with=a": (1, 2, 3),
    "reshape 4x64 id=a | matmul transpose_a=true with=a": (2,),
    "identity id=a | matmul with=a": (0,),
    "conv 6 k3 s2 id=o | deformconv 4 k3 s2 from=[input,o]": (1,),
    "conv 36 k3 id=o | conv 18 k3 from=input id=m | deformconv 4 k3 g2 bias=false from=[input,o,m]": (2,),
    "conv 24 k2 s3 id=o | deformconv 4 k2 s3 from=[input,o]": (3,),
    "reshape 2x128": (2,),
    "permute (1,0,2)": (2,),
    "rnn 5 nonlinearity=relu bias=false | gru 5->6 layers=2 axis=0 reset=before recurrent_bias=false": (1,),
    "lstm 4 layers=3 projection=2 bidirectional=true axis=1": (1,),
    "pad p1:2 mode=constant value=3": (1, 2, 3),
    **{f"pad p1 mode={m}": (1, 2, 3) for m in ("zeros", "reflect", "replicate", "circular")},
    "crop amounts=1:2": (1, 2, 3),
    "crop size=4": (1, 2, 3),
    "split (1,3) id=s | concat from=[s.1,s.0]": (0, 1, 2, 3),
    "slice 1 3": (0, 1, 2, 3),
    "roll -3 axis=0 | roll shift=(1,-2) axis=(-1,0)": (1, 2, 3),
    "flip | flip axis=0": (0, 1, 2, 3),
    "globalavgpool | expand 4x8x8 | expand (2,-1,8,8)": (2,),
    "tile 2 axis=0 | tile (1,3) axis=(0,-1)": (1, 2, 3),
    "identity id=a | stack with=a | stack axis=-1": (0, 1, 2),
    "unstack id=u | add from=[u.0,u.3]": (0, 1, 2, 3),
    "mean | sum | prod | max | min | norm": (0, 1, 2, 3),
    "mean axis=-1 keep=true | sum axis=0 keep=true | argmax axis=-1": (0, 1, 2, 3),
    "max axis=(0,-1) keep=true | min axis=0 | prod": (1, 2, 3),
    "norm p=1 keep=true | norm p=inf axis=0": (0, 1, 2, 3),
    "var | var correction=0": (0, 1, 2, 3),
    "std axis=-1 correction=0 keep=true": (0, 1, 2, 3),
    "argmin axis=0 keep=true": (0, 1, 2, 3),
    "slice start=-2 axis=1": (1, 2, 3),
    "identity id=a | add with=a": (0, 1, 2, 3),
    "mul 0.5 | add -1 | sub 3 reverse=true | div 1/3 | pow 2 | maximum 0.1 | minimum 20": (0, 1, 2, 3),
    "pow 2 id=a | sub with=input | div from=[input,a] | pow with=a": (1, 2),
    "pow 2 id=a | maximum 0 with=input | minimum with=a": (1, 2),
    "globalavgpool id=a | conv 8 k1 | reshape (8,) id=b | add from=[b,input]": (1, 2, 3),
    "identity id=a | concat with=a axis=1": (1, 2, 3),
    "identity id=a | param 4 id=p | const 4 value=0.5 | add with=p | const 4 | mul from=[const2,a]": (0,),
    "identity id=a | param (4,8) id=p | const 4x8 | add with=p | concat with=a": (1,),
    "embedding 9->4": (0, 1, 2, 3),
    "gather 3x2 axis=-1": (0, 1, 2, 3),
    "gather index=(2,-1,0)": (0, 1, 2, 3),
    "param 5x2 id=t | gather from=[t,input]": (0, 1),
    "identity id=a | globalavgpool | conv 4 k1 | sigmoid | mul with=a": (1, 2, 3),
}  # fmt: skip


@pytest.mark.parametrize("line", REACHABLE)
def test_layers_of_every_rank(line: str) -> None:
    """Each can be read and counted, and what is printed of it reads back to the same."""
    from convcalc.exporters.text import format_graph

    for rank in REACHABLE[line]:
        graph = convcalc.load(line, input=(4, *(8,) * rank))
        totals = convcalc.analyze(graph).totals
        assert type(totals.flops) is int
        again = convcalc.load(format_graph(graph))
        assert [n.layer for n in again.nodes] == [n.layer for n in graph.nodes]


@pytest.mark.parametrize("line", REACHABLE)
def test_execution_agrees(line: str) -> None:
    """Shapes, parameters, MACs and operations of each, by running it."""
    rank = max(r for r in REACHABLE[line] if r < 3 or len(REACHABLE[line]) == 1)
    found = convcalc.verify(convcalc.load(line, input=(4, *(8,) * rank)))
    assert found.ok, str(found)


def test_every_layer_is_in_the_table() -> None:
    from convcalc.layers import names

    used = {word for line in REACHABLE for stage in line.split(" | ") for word in [stage.split()[0]]}
    assert set(names()) - used == {"input", "opaque"}
