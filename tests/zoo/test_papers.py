"""Networks held to the figures their authors, Keras, timm or a reference model publish."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any

import pytest

import convcalc
from tests.zoo.counts import counts, graph, millions


def weights(name: str, **variables: Any) -> int:
    """Weights of the convolutions and linear layers alone: no bias, no normalisation, no slope."""
    network = graph(name, None, **variables)
    total = 0
    for node in network.nodes:
        if node.op in ("conv", "dwconv", "convT", "linear"):
            total += prod(node.layer.parameters(network.input_shapes(node))["weight"])
    return total


# Exact integers of reference implementations; those of timm were read off timm 1.0.31.
# name: (variables, params, buffers, source)
EXACT: dict[str, tuple[dict[str, Any], int, int, str]] = {
    "alexnet_grouped": ({}, 60_965_224, 0, "BVLC reference model"),
    "alexnet_two_towers": ({}, 60_965_224, 0, "the same weights"),
    "inception_v1": ({}, 6_998_552, 0, "BVLC GoogLeNet without auxiliary heads, as Netscope counts it"),
    "xception": ({}, 22_855_952, 54_528, "Keras applications: 22,910,480 in all"),
    "inception_v4": ({}, 42_679_816, 63_168, "timm inception_v4"),
    "inception_resnet_v2": ({}, 55_843_464, 60_544, "timm inception_resnet_v2"),
    "res2net50": ({}, 25_699_120, 59_492, "timm res2net50_26w_4s"),
    "mixer_b16": ({}, 59_880_472, 0, "timm mixer_b16_224"),
    "seresnet50": ({}, 28_088_024, 53_120, "timm seresnet50"),
    "dilated_resnet50": ({}, 25_557_032, 53_120, "torchvision, replace_stride_with_dilation=[F, T, T]"),
    "convmixer_1536_20": ({}, 51_625_960, 125_952, "timm convmixer_1536_20"),
    "convmixer_768_32": ({}, 21_110_248, 99_840, "timm convmixer_768_32"),
    "convmixer_1024_20": ({}, 24_383_464, 83_968, "timm convmixer_1024_20_ks9_p14"),
    "darknet53": ({}, 41_609_928, 35_712, "timm darknet53"),
    "repvgg_a0": ({}, 9_108_968, 23_648, "timm repvgg_a0"),
    "ghostnet": ({}, 5_182_508, 21_968, "timm ghostnet_100"),
    "dcgan_generator": ({}, 3_576_704, 1_920, "PyTorch DCGAN example"),
    "dcgan_discriminator": ({}, 2_765_568, 1_792, "PyTorch DCGAN example"),
    "unet": ({"head": True, "classes": 1}, 31_031_685, 0, "widely used Keras version"),
    "nin": ({}, 966_986, 0, "the authors' CIFAR-10 model, as imgclsmob counts it"),
    "resnet50_keras": ({}, 25_583_592, 53_120, "Keras applications: 25,636,712 in all"),
    "resnet_v1_50": ({}, 25_557_032, 53_120, "TF-Slim: the strides move, the weights do not"),
    "edsr_baseline": ({}, 1_369_859, 0, "the authors' code, scale 2"),
    "zfnet": ({}, 62_357_608, 0, "the layers of Figure 3, as imgclsmob counts them"),
    "lenet5": ({}, 61_706, 0, "every map connected"),
    "lenet5_original": ({}, 60_000, 0, "LeCun et al. 1998, section II.B: 60,000 trainable parameters"),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str) -> None:
    variables, params, buffers, _ = EXACT[name]
    found = counts(name, **variables)
    assert found.params == params
    assert found.buffers == buffers


# Multiply-accumulates of the same models, by PyTorch's operator counter on timm's and torchvision's, halved;
# Xception's on timm's legacy_xception. name: (conv, linear)
MACS = {
    "xception": (8_355_355_496, 2_048_000),
    "inception_v4": (12_252_438_624, 1_536_000),
    "inception_resnet_v2": (13_154_258_016, 1_536_000),
    "res2net50": (4_253_118_464, 2_048_000),
    "mixer_b16": (115_605_504, 12_486_162_432),
    "seresnet50": (4_089_651_200, 2_048_000),
    "dilated_resnet50": (19_077_316_608, 2_048_000),
    "convmixer_1536_20": (51_097_632_768, 1_536_000),
    "convmixer_768_32": (20_676_083_712, 768_000),
    "convmixer_1024_20": (5_947_523_072, 1_024_000),
    "darknet53": (9_284_091_904, 1_024_000),
    "repvgg_a0": (1_511_301_120, 1_280_000),
    "ghostnet": (139_870_512, 1_280_000),
}


@pytest.mark.parametrize("name", MACS)
def test_multiply_accumulates(name: str) -> None:
    found = counts(name)
    assert (found.conv_macs, found.linear_macs) == MACS[name]


# Millions of parameters as papers print them. name, variables, printed
PRINTED = [
    ("resnet20", {}, "0.27"),
    ("resnet20", {"project": True}, "0.27"),
    ("resnet56", {"project": True}, "0.86"),
    ("resnet110", {"project": True}, "1.73"),
    ("resnet32", {}, "0.46"),
    ("resnet44", {}, "0.66"),
    ("resnet56", {}, "0.85"),
    ("resnet110", {}, "1.7"),
    ("shiftresnet20", {"expansion": 1}, "0.03"),
    ("shiftresnet20", {"expansion": 3}, "0.10"),
    ("shiftresnet20", {"expansion": 6}, "0.19"),
    ("shiftresnet20", {"expansion": 9}, "0.28"),
    ("shiftresnet56", {"expansion": 1}, "0.10"),
    ("shiftresnet56", {"expansion": 3}, "0.29"),
    ("shiftresnet56", {"expansion": 6}, "0.58"),
    ("shiftresnet56", {"expansion": 9}, "0.87"),
    ("shiftresnet110", {"expansion": 1}, "0.20"),
    ("shiftresnet110", {"expansion": 3}, "0.59"),
    ("shiftresnet110", {"expansion": 6}, "1.18"),
    ("shiftresnet110", {"expansion": 9}, "1.76"),
    ("segnet", {}, "29.4"),
    ("convmixer_1536_20", {}, "51.6"),
    ("convmixer_768_32", {}, "21.1"),
    ("convmixer_1024_20", {}, "24.4"),
    ("efficientnet_b0", {}, "5.3"),
]


@pytest.mark.parametrize(("name", "variables", "printed"), PRINTED)
def test_printed_millions(name: str, variables: dict[str, Any], printed: str) -> None:
    assert millions(counts(name, **variables).params, len(printed.partition(".")[2])) == printed


def test_cifar_resnets_of_well_known_code() -> None:
    # Option A, the widely used PyTorch implementation: 269,722 and its deeper kin.
    found = {depth: counts(f"resnet{depth}").params for depth in (20, 32, 44, 56, 110)}
    assert found == {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}


def test_shift_resnets_of_the_authors_code() -> None:
    # The README of Wan's shiftresnet-cifar: its count of ShiftResNet-20 at expansion 3 beside ResNet-20.
    assert counts("shiftresnet20", expansion=3).params == 95_642
    assert counts("resnet20", project=True).params == 272_474


# ShuffleNet (Zhang et al. 2018), Table 1: complexity at 1x. Its MFLOPs are multiply-adds of convolutions.
@pytest.mark.parametrize(("groups", "printed"), [(1, "143"), (2, "140"), (3, "137"), (4, "133"), (8, "137")])
def test_shufflenet_v1_complexity(groups: int, printed: str) -> None:
    assert millions(counts("shufflenet_v1", groups=groups).conv_macs, 0) == printed


# The README of the authors' code (megvii-model/ShuffleNet-Series): millions of multiply-adds, here with the
# classifier, and of parameters. It prints 138 for 1x of 3 groups, where Table 1 has 137: ours is 137.46.
# groups, scale: multiply-adds, parameters
WIDTHS = {
    (3, "1/2"): ("38", "0.7"),
    (8, "1/2"): ("40", "1.0"),
    (3, "1"): ("137", "1.9"),
    (8, "1"): ("138", "2.4"),
    (3, "3/2"): ("292", "3.4"),
    (8, "3/2"): ("290", "4.3"),
    (3, "2"): ("524", "5.4"),
    (8, "2"): ("522", "6.5"),
}


@pytest.mark.parametrize(("groups", "scale"), WIDTHS)
def test_shufflenet_v1_of_every_width(groups: int, scale: str) -> None:
    mult_adds, params = WIDTHS[groups, scale]
    found = counts("shufflenet_v1", groups=groups, scale=Fraction(scale))
    assert millions(found.macs, 0) == mult_adds
    # 5.451 M is printed as 5.4, cut where the others are rounded.
    cut = found.params // 10**5 * 10**5 if scale == "2" and groups == 3 else found.params
    assert millions(cut, 1) == params


# O. Semery's imgclsmob prints the exact counts of its models for every number of groups.
@pytest.mark.parametrize(("groups", "params"), [
    (1, 1_531_936), (2, 1_733_848), (3, 1_865_728), (4, 1_968_344), (8, 2_434_768),
])  # fmt: skip
def test_shufflenet_v1_exactly(groups: int, params: int) -> None:
    assert counts("shufflenet_v1", groups=groups).params == params


def test_shufflenet_v1_of_a_quarter() -> None:
    # Ma et al. 2018, Table 8: 13 MFLOPs at 0.25x.
    assert millions(counts("shufflenet_v1", scale=Fraction(1, 4)).macs, 0) == "13"


def test_shufflenet_v1_parameters() -> None:
    # OpenMMLab's ShuffleNet V1 1.0x of 3 groups prints 1.87 M parameters.
    assert millions(counts("shufflenet_v1").params, 2) == "1.87"


def test_squeezenet_is_fifty_times_smaller_than_alexnet() -> None:
    # Iandola et al. 2016, Table 1: 240 MB of parameters against 4.8 MB, 50x; the squeeze ratio is 0.125.
    # (MB of 10^6 and of 2^20 bytes are mixed there: 243.9 MB against 4.76 MiB.)
    found = convcalc.compare("squeezenet1_0", "alexnet_grouped")
    lines = {line.key: line for line in found.lines}
    assert lines["params"].ratios == (1, Fraction(60_965_224, 1_248_424))
    assert 45 < lines["params"].ratios[1] < 55
    small, large = lines["param_bytes"].values
    assert round(large, -7) == 240 * 10**6
    assert round(small / 2**20, 1) == 4.8
    assert graph("squeezenet1_0").variables["sr"] == Fraction(1, 8)


def test_two_towers_cost_what_two_groups_cost() -> None:
    assert counts("alexnet_two_towers").macs == counts("alexnet_grouped").macs


def shiftnet(
    stem: int, widths: list[int], depths: list[int], first: list[int], rest: list[int], concat: bool = True
) -> int:
    """Parameters of a ShiftNet by hand; with ``concat`` a strided module makes the new channels only."""
    total, arriving = stem * 3 * 49, stem
    for width, depth, e1, e2 in zip(widths, depths, first, rest, strict=True):
        for i in range(depth):
            out = width - arriving if i == 0 and concat else width
            inner = out * (e1 if i == 0 else e2)
            total += arriving * inner + inner * out + 2 * (arriving + inner)
            arriving = width
    return total + 2 * arriving + 1000 * arriving + 1000


def test_shiftnets() -> None:
    # Wu et al. 2018, Table 5: 4.1 M and 1.1 M parameters (digits cut, see the documents), 1.4 G and 371 M
    # FLOPs, and 0.78 M for C; later papers repeat all of them. That the strided modules of C have no
    # shortcut is inferred from this figure.
    a, b, c = map(counts, ("shiftnet_a", "shiftnet_b", "shiftnet_c"))
    wide, narrow, ones = [64, 128, 256, 512], [32, 64, 128, 256], [1, 1, 1, 1]
    assert a.params == shiftnet(32, wide, [5, 6, 7, 3], [4, 4, 3, 2], [4, 3, 2, 1]) == 4_188_680
    assert b.params == shiftnet(16, narrow, [5, 6, 7, 3], [4, 4, 3, 2], [4, 3, 2, 1]) == 1_183_480
    assert c.params == shiftnet(16, narrow, [1, 4, 4, 3], ones, ones, concat=False) == 781_240
    assert millions(c.params, 2) == "0.78"
    shortcut = counts("shiftnet_c", concat=True).params
    assert shortcut == shiftnet(16, narrow, [1, 4, 4, 3], ones, ones) == 693_720
    assert a.params // 10**5 == 41
    assert b.params // 10**5 == 11
    assert millions(a.macs // 1000, 1) == "1.4"
    assert millions(b.macs, 0) == "371"


def test_context_modules() -> None:
    # Yu & Koltun 2016, section 3: the basic module has about 64 C^2 parameters. Its weights are just that.
    assert weights("context_module_basic") == 64 * 21**2
    # Table 1, large: 2C 2C 4C 8C 16C 32C 32C C.
    c = 21
    rows = [1, 2, 2, 4, 8, 16, 32, 32]
    by_hand = sum(9 * a * b for a, b in pairwise(rows)) * c * c + 32 * c * c
    assert weights("context_module_large") == by_hand
    assert counts("context_module_basic").output == (21, 64, 64)
    assert counts("context_module_large").output == (21, 64, 64)


def test_context_front_end() -> None:
    # The adapted VGG-16 of FCN, undilated or not: 134 M parameters, a 66-map from 900 pixels.
    found = counts("context_front_end")
    assert found.params == 134_346_581
    assert found.output == (21, 66, 66)


def test_fully_convolutional_networks() -> None:
    # Long et al. 2015, Table 1: 134 M parameters, the bilinear upsampling not among them.
    upscore = 21 * 21 * 64 * 64
    found = counts("fcn32s")
    assert found.params - upscore == 134_346_581
    assert millions(found.params - upscore, 0) == "134"
    assert found.output == (21, 500, 500)
    # The finer nets add a score layer a skip and trade the kernel of 2s for smaller ones.
    s16 = 134_346_581 + 21 * 21 * (4 * 4 + 32 * 32) + 512 * 21 + 21
    assert counts("fcn16s").params == s16
    assert counts("fcn8s").params == s16 - 21 * 21 * 32 * 32 + 21 * 21 * (4 * 4 + 16 * 16) + 256 * 21 + 21
    assert counts("fcn8s").output == counts("fcn16s").output == (21, 500, 500)


def test_unet_of_the_figure() -> None:
    # Ronneberger et al. 2015: "in total the network has 23 convolutional layers"; 572 pixels in, 388 out.
    ops = [node.op for node in graph("unet").nodes]
    assert ops.count("conv") + ops.count("convT") == 23
    assert counts("unet").output == (2, 388, 388)
    assert counts("unet").params == 31_030_658
    assert counts("unet", "1x512x512", same=True).output == (2, 512, 512)


def test_segnet_encoder() -> None:
    # Badrinarayanan et al. 2017, section 3: the encoder without fully connected layers, from 134 M to 14.7 M.
    network = graph("segnet")
    encoder = sum(
        prod(shape)
        for node in network.nodes
        if node.name.startswith("encoder")
        for shape in node.layer.parameters(network.input_shapes(node)).values()
    )
    assert millions(encoder, 1) == "14.7"
    assert counts("segnet").output == (11, 360, 480)


def test_super_resolution() -> None:
    # The papers' figures of SRCNN, FSRCNN and VDSR have no second source; their layers give the same.
    # Dong et al. 2016, section 4.3: 8,032, 24,416 and 57,184 parameters of 9-1-5, 9-3-5 and 9-5-5.
    assert [weights("srcnn", middle=k) for k in (1, 3, 5)] == [8_032, 24_416, 57_184]
    # Dong, Loy & Tang 2016, Table 1: FSRCNN (56, 12, 4) 12,464, (48, 12, 2) 8,832; FSRCNN-s (32, 5, 1) 3,937.
    assert weights("fsrcnn") == 12_464
    assert weights("fsrcnn", d=48, m=2) == 8_832
    assert weights("fsrcnn", d=32, s=5, m=1) == 3_937
    # Shi et al. 2016: 5x5 into 64, 3x3 into 32, 3x3 into r^2.
    assert weights("espcn") == 25 * 64 + 9 * 64 * 32 + 9 * 32 * 9
    for name in ("srcnn", "espcn", "fsrcnn"):
        assert counts(name).output == (1, 96, 96)

    # Kim et al. 2016: twenty layers of 3x3 and 64, 664,704 weights.
    assert weights("vdsr") == 664_704
    assert counts("vdsr").output == (1, 64, 64)
    assert counts("edsr_baseline").output == (3, 96, 96)


@pytest.mark.parametrize(("name", "rank", "mode"), [
    ("srcnn1d", 1, "linear"), ("srcnn1d", 1, "spline"), ("srcnn", 2, "bicubic"), ("srcnn", 2, "bilinear"),
    ("srcnn", 2, "spline"), ("srcnn3d", 3, "trilinear"), ("srcnn3d", 3, "spline"),
])  # fmt: skip
def test_super_resolution_of_every_rank(name: str, rank: int, mode: str) -> None:
    assert weights(name, mode=mode) == 9**rank * 64 + 64 * 32 + 5**rank * 32
    sizes = graph(name).nodes[0].outputs[0][1:]
    scale = graph(name).variables["scale"]
    assert counts(name, mode=mode).output == (1, *(scale * n for n in sizes))


@pytest.mark.parametrize(("name", "rank", "mode"), [
    ("srcnn1d", 1, "linear"), ("srcnn_bilinear", 2, "linear"), ("srcnn3d", 3, "linear"),
    ("srcnn", 2, "cubic"), ("srcnn_spline", 2, "spline"),
])  # fmt: skip
def test_a_network_of_every_kind_of_interpolation(name: str, rank: int, mode: str) -> None:
    (layer,) = [node.layer for node in graph(name).nodes if node.op == "upsample"]
    assert (layer.mode, len(layer.scale)) == (mode, rank)
    # 9-1-5 with 64 and 32 filters.
    assert weights(name) == 9**rank * 64 + 64 * 32 + 5**rank * 32


def test_three_dimensional_unet() -> None:
    # Çiçek et al. 2016, section 2.1: 19,069,955 parameters, 132x132x116 voxels in, 44x44x28 out; the
    # normalisations are not in that count.
    network = graph("unet3d")
    norms = sum(2 * node.outputs[0][0] for node in network.nodes if node.op == "bn")
    assert counts("unet3d").params - norms == 19_069_955
    assert counts("unet3d").output == (3, 44, 44, 28)


def test_alexnet_v2() -> None:
    # Krizhevsky 2014 as TF-Slim has it, every layer a convolution: 5x5 into 4096.
    hand = 64 * 363 + 192 * 1600 + 384 * 1728 + 384 * 3456 + 256 * 3456 + 4096 * (6400 + 4096 + 1000)
    assert weights("alexnet_v2") == hand
    assert counts("alexnet_v2").params == hand + 64 + 192 + 384 + 384 + 256 + 4096 + 4096 + 1000


def test_repvgg_as_it_is_run() -> None:
    # Ding et al. 2021, Table 4 prints 8.30 M; the fused network of timm has 8,309,384.
    assert counts("repvgg_a0", deploy=True).params == 8_309_384


def test_temporal_convolutional_network() -> None:
    # Bai et al. 2018, Table 1: sequential MNIST at a model size of about 70 K.
    found = counts("tcn").params
    assert round(found, -4) == 70_000
    assert found == (7 * 25 + 25) + (25 + 25) + 15 * (7 * 625 + 25) + 260


def test_wavenet() -> None:
    # van den Oord et al. 2016, section 2.1: dilations 1, 2, ..., 512 see 1024 samples.
    gates = [node for node in graph("wavenet").nodes if ".filter." in node.name and node.op == "conv"]
    found = [node.layer.dilation[0] for node in gates]
    assert found == [2**i for i in range(10)] * 3
    assert 1 + sum(found[:10]) == 1024
    assert counts("wavenet").output == (256, 4096)
    assert weights("wavenet") == 2 * 256 * 32 + 30 * (2 * 2 * 32 * 32 + 32 * 256 + 32 * 32) + 256 * 256 * 2


def test_dcgan_lsun() -> None:
    # Figure 1: 100 -> 1024x4x4 -> 512x8x8 -> 256x16x16 -> 128x32x32 -> 3x64x64 with kernels of 5x5.
    hand = 100 * 16_384 + 25 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3)
    assert weights("dcgan_lsun") == hand
    assert weights("dcgan_lsun", project="transposed") == hand
    assert counts("dcgan_lsun").macs == counts("dcgan_lsun", project="transposed").macs
    assert counts("dcgan_lsun").output == (3, 64, 64)
    assert counts("dcgan_generator").output == (3, 64, 64)
    assert counts("dcgan_discriminator").output == (1, 1, 1)


def test_lenet5_connections() -> None:
    # LeCun et al. 1998: C1 122,304 connections, C3 151,600, C5 48,120; a bias counts as one a position.
    network = graph("lenet5_original")
    found = {"c1": 0, "c3": 0, "c5": 0}
    for node in network.nodes:
        stage = node.name.split(".")[0]
        if node.op == "conv" and stage in found:
            found[stage] += node.layer.macs(network.input_shapes(node), node.outputs) + prod(node.outputs[0])
    assert found == {"c1": 122_304, "c3": 151_600, "c5": 48_120}


def test_dilated_networks_cost_no_parameters() -> None:
    assert counts("dilated_resnet50").params == counts("resnet50").params
    assert counts("dilated_resnet50", output_stride=32).macs == counts("resnet50").macs
    # Hybrid dilated convolution changes rates only: ResNet-101 without its classifier, and 21 scores.
    hdc = counts("hdc_resnet")
    assert hdc.params == 44_549_160 - 2_049_000 + 2048 * 21 + 21
    assert hdc == counts("hdc_resnet", hybrid=False)
    # Section 4.2: 1, 2, 3 in turn and 2 for the two blocks left over; 3, 4, 5.
    rates: dict[str, list[int]] = {"layer3": [], "layer4": []}
    for node in graph("hdc_resnet").nodes:
        if node.op == "conv" and node.layer.kernel == (3, 3) and node.name[:6] in rates:
            rates[node.name[:6]].append(node.layer.dilation[0])
    assert rates == {"layer3": [1, 2, 3] * 7 + [2, 2], "layer4": [3, 4, 5]}
    assert hdc.conv_macs == 33_926_201_344 + 28 * 28 * 2048 * 21


def test_segmentation_heads_by_hand() -> None:
    backbone = 25_557_032 - 2_049_000
    # Zhao et al. 2017: four poolings of 512, then 3x3 from 4096 to 512.
    head = 4 * (2048 * 512 + 1024) + 4096 * 512 * 9 + 1024 + 512 * 150 + 150
    assert counts("pspnet_resnet50").params == backbone + head
    assert counts("pspnet_resnet50").output == (150, 473, 473)
    # Chen et al. 2018: the pyramid, 48 channels of the first stage, one 3x3, scores.
    pyramid = 2 * 2048 * 256 + 3 * 2048 * 256 * 9 + 5 * 256 * 256 + 6 * 512
    decoder = 256 * 48 + 96 + 304 * 256 * 9 + 512 + 256 * 21 + 21
    assert counts("deeplabv3plus").params == backbone + pyramid + decoder
    assert counts("deeplabv3plus").output == (21, 513, 513)
