"""Networks that find boxes, make images, compare two inputs or read points.

Counts as published, and values as PyTorch's with the same weights. SSD is torchvision's; the other modules
are written here, from the papers and from what the authors' code sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import pytest

import convcalc
from tests.zoo.counts import counts, graph, millions
from tests.zoo.originals import by_kind, drawn, multiplied, renamed, torchvision_or_skip


def sizes(name: str) -> list[tuple[int, ...]]:
    """The shapes of all outputs."""
    network = graph(name)
    return [tuple(map(int, network.shape(output))) for output in network.outputs]


# YOLOv3 (Redmon & Farhadi 2018)


def test_yolov3_has_as_many_numbers_as_its_file_of_weights() -> None:
    found = counts("yolov3")
    # What the ports to PyTorch and Keras print, the latter with 62,001,757 in all.
    assert (found.params, found.buffers) == (61_949_149, 52_608)
    # The size of the authors' yolov3.weights: three numbers of 4 bytes, one of 8, then float32.
    assert 4 * (found.params + found.buffers) + 20 == 248_007_048


# The table of the authors' page, in 10^9 operations: two for each multiply-accumulate of a convolution.
@pytest.mark.parametrize(("size", "printed"), [(320, "38.97"), (416, "65.86"), (608, "140.69")])
def test_yolov3_operations(size: int, printed: str) -> None:
    found = counts("yolov3", f"3x{size}x{size}")
    assert millions(2 * found.conv_macs // 1000, 2) == printed
    assert found.macs == found.conv_macs


def test_yolov3_has_three_heads() -> None:
    # Section 2.3: N x N x (3 * (4 + 1 + 80)), here 10,647 boxes.
    assert sizes("yolov3") == [(255, 13, 13), (255, 26, 26), (255, 52, 52)]
    assert sum(3 * h * w for _, h, w in sizes("yolov3")) == 10_647


# SSD (Liu et al. 2016)


def test_ssd300_of_torchvision() -> None:
    found = counts("ssd300")
    # `num_params` of torchvision's weights and its operator counter, halved; it prints 34.858 GFLOPS.
    assert (found.params, found.buffers, found.macs) == (35_641_826, 0, 34_858_153_472)
    assert found.conv_macs == found.macs


def test_ssd300_of_the_paper() -> None:
    # 26,285,486 is what ports of the authors' model for VOC print, in PyTorch and in Keras.
    assert counts("ssd300", classes=21).params == 26_285_486
    boxes = sizes("ssd300")[6:]
    assert [h for _, h, _ in boxes] == [38, 19, 10, 5, 3, 1]
    assert sum(prod(shape) // 4 for shape in boxes) == 8_732  # Figure 2: "Detections: 8732 per class"
    assert [prod(c) // 91 for c in sizes("ssd300")[:6]] == [prod(b) // 4 for b in boxes]


# pix2pix (Isola et al. 2017)

# What the authors' code prints; with maps of one channel and with fewer layers in its issue 1152.
PRINTED = [
    ("pix2pix", {}, "54.414"),
    ("pix2pix_discriminator", {}, "2.769"),
    ("pix2pix", {"channels": 1, "out": 1}, "54.408"),
    ("pix2pix_discriminator", {"channels": 2}, "2.765"),
    ("pix2pix", {"channels": 1, "out": 1, "depth": 6}, "29.238"),
    ("pix2pix_discriminator", {"channels": 2, "layers": 2}, "0.662"),
]


@pytest.mark.parametrize(("name", "variables", "printed"), PRINTED)
def test_pix2pix_parameters(name: str, variables: dict[str, Any], printed: str) -> None:
    assert millions(counts(name, **variables).params, 3) == printed


# Appendix 6.1.2: what a discriminator of so many layers sees.
@pytest.mark.parametrize(("layers", "field"), [(1, 16), (3, 70), (5, 286)])
def test_pix2pix_judges_patches(layers: int, field: int) -> None:
    found = convcalc.receptive_field(graph("pix2pix_discriminator", None, layers=layers)).output
    assert found is not None
    assert [axis.size for axis in found.axes] == [field, field]


def test_the_finest_boxes_of_ssd_see_108_pixels() -> None:
    # Zhang et al. 2017, S3FD, Table 1: of the detection layer behind conv4_3.
    (found,) = convcalc.receptive_field(graph("ssd300")).of("boxes1")
    assert [axis.size for axis in found.axes] == [108, 108]


def test_pix2pix_goes_down_to_one_pixel() -> None:
    network = graph("pix2pix")
    smallest = [n.outputs[0] for n in network.nodes if n.name.startswith("down8.")]
    assert tuple(smallest[-1]) == (512, 1, 1)
    assert [n.layer.p for n in network.nodes if n.op == "dropout"] == [0.5] * 3
    assert sizes("pix2pix") == [(3, 256, 256)]
    assert sizes("pix2pix_discriminator") == [(1, 30, 30)]


# A siamese pair (Koch et al. 2015)


def test_siamese_counts_its_tower_once() -> None:
    # 38,951,745 is what Keras' summary says of the network with the L1 distance.
    found = counts("siamese")
    assert found.params == 38_951_745
    assert found.output == (1,)


# PointNet (Qi et al. 2017)


# Table 6: parameters and "FLOPs/sample": multiply-accumulates of 1000 points, 440 being rounded to tens.
@pytest.mark.parametrize(("transforms", "params", "macs"), [(True, "3.5", 440), (False, "0.8", 148)])
def test_pointnet_costs_what_table_6_says(transforms: bool, params: str, macs: int) -> None:
    found = counts("pointnet", "3x1000", transforms=transforms)
    assert millions(found.params, 1) == params
    assert round(found.macs / 10**6, -1 if transforms else 0) == macs


def test_pointnet_by_hand() -> None:
    """Weights of all layers; an offset and two numbers of a normalisation for each but the last of a part."""

    def part(*widths: int, last: bool = False) -> int:
        pairs = list(pairwise(widths))
        weights = sum(a * b for a, b in pairs)
        return weights + 3 * sum(b for _, b in pairs) - (2 * widths[-1] if last else 0)

    net = part(3, 64, 64) + part(64, 64, 128, 1024) + part(1024, 512, 256, 40, last=True)
    transforms = sum(part(c, 64, 128, 1024, 512, 256, c * c, last=True) for c in (3, 64))
    assert counts("pointnet").params == net + transforms
    assert counts("pointnet", transforms=False).params == net


def test_pointnet_reads_points_in_any_order() -> None:
    """Theorem 1 of the paper: the network is a function of the set."""
    network = graph("pointnet", "3x12")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 3, 12))
    weights = convcalc.init_weights(network, 1, "float64")
    one, other = (convcalc.execute(network, data, weights) for data in (x, x[:, :, rng.permutation(12)]))
    np.testing.assert_allclose(one, other, rtol=1e-9)
    assert np.abs(one).max() > 0


# The same values as PyTorch


def agree(model: Any, network: convcalc.Graph, weights: Mapping[str, Any], inputs: list[Any]) -> None:
    """Every output is the model's, near in relation to the largest value; so are the counted MACs."""
    import torch

    names = [network.nodes[number].name for number in network.inputs]
    found = convcalc.execute(network, dict(zip(names, inputs, strict=True)), dict(weights))
    values = list(found.values()) if isinstance(found, dict) else [found]
    tensors = [torch.from_numpy(x) for x in inputs]
    with torch.no_grad():
        expected = model(*tensors)
    for ours, theirs in zip(values, expected, strict=True):
        reference = theirs.numpy()
        assert ours.shape == reference.shape
        assert np.abs(reference).max() > 0.01
        assert np.abs(reference[0] - reference[-1]).max() > 1e-3 * np.abs(reference).max()
        assert np.abs(ours - reference).max() <= 1e-9 * np.abs(reference).max()
    assert multiplied(model, *(x[:1] for x in tensors)) == convcalc.analyze(network).totals.macs


def samples(*shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).standard_normal((2, *shape))


def yolo_of_pytorch() -> Any:
    """Convolution, normalisation and LeakyReLU everywhere; sections 2.3 and 2.4, Table 1."""
    from torch import cat, nn
    from torch.nn import functional

    def unit(inp: int, out: int, k: int = 3, s: int = 1) -> Any:
        return nn.Sequential(
            nn.Conv2d(inp, out, k, s, k // 2, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.1)
        )

    class Residual(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.body = nn.Sequential(unit(width, width // 2, 1), unit(width // 2, width))

        def forward(self, x: Any) -> Any:
            return x + self.body(x)

    class Yolo(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = unit(3, 32)
            widths = (64, 128, 256, 512, 1024)
            self.stages = nn.ModuleList(
                nn.Sequential(unit(width // 2, width, s=2), *(Residual(width) for _ in range(n)))
                for width, n in zip(widths, (1, 2, 8, 8, 4), strict=True)
            )
            self.heads = nn.ModuleList()
            for i, (arriving, width) in enumerate([(1024, 512), (768, 256), (384, 128)]):
                part = nn.ModuleDict()
                if i:
                    part["lateral"] = unit(2 * width, width, 1)
                part["neck"] = nn.Sequential(
                    *(unit(arriving, width, 1), unit(width, 2 * width), unit(2 * width, width, 1)),
                    *(unit(width, 2 * width), unit(2 * width, width, 1)),
                )
                part["head"] = nn.Sequential(unit(width, 2 * width), nn.Conv2d(2 * width, 255, 1))
                self.heads.append(part)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            maps = []
            for stage in self.stages:
                x = stage(x)
                maps.append(x)
            found = []
            for i, part in enumerate(self.heads):
                if i:
                    x = functional.interpolate(part["lateral"](x), scale_factor=2)
                    x = cat([x, maps[4 - i]], 1)
                x = part["neck"](x)
                found.append(part["head"](x))
            return found

    return Yolo()


@pytest.mark.torch
def test_yolov3_has_the_values_of_pytorch() -> None:
    pytest.importorskip("torch")
    model, network = drawn(yolo_of_pytorch()), graph("yolov3", "3x64x96")
    agree(model, network, by_kind(model, network), [samples(3, 64, 96)])


# The place of each convolution among torchvision's features: its stack, and its number there.
FEATURES = {
    **{0: (1, 1), 2: (1, 2), 5: (2, 1), 7: (2, 2), 10: (3, 1), 12: (3, 2), 14: (3, 3)},
    **{17: (4, 1), 19: (4, 2), 21: (4, 3)},
}
SSD = [
    (r"^backbone\.scale_weight", "map1.weight"),
    (r"^backbone\.features\.(\d+)", lambda m: "features.stack{}.conv{}".format(*FEATURES[int(m[1])])),
    (r"^backbone\.extra\.0\.([135])\.", lambda m: f"stack5.conv_stack1.conv{(int(m[1]) + 1) // 2}."),
    (r"^backbone\.extra\.0\.7\.([13])\.", lambda m: f"map2.conv{(int(m[1]) + 1) // 2}."),
    (r"^backbone\.extra\.(\d)\.([02])\.", lambda m: f"map{int(m[1]) + 2}.conv{int(m[2]) // 2 + 1}."),
    (r"^head\.classification_head\.module_list\.(\d)", lambda m: f"classes{int(m[1]) + 1}"),
    (r"^head\.regression_head\.module_list\.(\d)", lambda m: f"boxes{int(m[1]) + 1}"),
]


@pytest.mark.torch
def test_ssd300_has_the_values_of_torchvision() -> None:
    torchvision = torchvision_or_skip()
    from torch import nn

    ssd = torchvision.models.detection.ssd300_vgg16(weights=None, weights_backbone=None)
    ssd, network = drawn(ssd), graph("ssd300")
    for array in ssd.parameters():
        array.requires_grad_(False)
        if array.ndim > 1:
            array.mul_(
                2**0.5
            )  # what a rectifier takes away, so that the input is still felt behind 23 of them

    class Maps(nn.Module):
        """What the heads say before their rows are put in order and the anchors come in."""

        def forward(self, x: Any) -> Any:
            maps = list(ssd.backbone(x).values())
            heads = (ssd.head.classification_head, ssd.head.regression_head)
            return [conv(x) for head in heads for conv, x in zip(head.module_list, maps, strict=True)]

    agree(Maps(), network, renamed(ssd, network, SSD), [samples(3, 300, 300)])


def unet_of_pytorch(depth: int = 8) -> Any:
    """Appendix 6.1.1: C64-C128-C256-C512 and so on down, and up beside each of the way down."""
    from torch import cat, nn

    widths = [64 * min(2**i, 8) for i in range(depth)]

    class Unet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList()
            for i, width in enumerate(widths):
                last = [nn.BatchNorm2d(width)] if 0 < i < depth - 1 else []
                first = [nn.LeakyReLU(0.2)] if i else []
                conv = nn.Conv2d(widths[i - 1] if i else 3, width, 4, 2, 1, bias=False)
                self.down.append(nn.Sequential(*first, conv, *last))
            self.up = nn.ModuleList()
            for i in reversed(range(depth)):
                arriving = widths[i] * (1 if i == depth - 1 else 2)
                conv = nn.ConvTranspose2d(arriving, widths[i - 1] if i else 3, 4, 2, 1, bias=i == 0)
                self.up.append(
                    nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(widths[i - 1]) if i else nn.Tanh())
                )

        def forward(self, x: Any) -> Any:
            maps = []
            for layer in self.down:
                x = layer(x)
                maps.append(x)
            for i, layer in enumerate(self.up):
                x = layer(x if i == 0 else cat([maps[-1 - i], x], 1))
            return [x]

    return Unet()


@pytest.mark.torch
def test_pix2pix_has_the_values_of_pytorch() -> None:
    pytest.importorskip("torch")
    model, network = drawn(unet_of_pytorch()), graph("pix2pix")
    agree(model, network, by_kind(model, network), [samples(3, 256, 256)])


@pytest.mark.torch
def test_the_discriminator_of_pix2pix_has_the_values_of_pytorch() -> None:
    pytest.importorskip("torch")
    from torch import nn

    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[Any] = [nn.Conv2d(6, 64, 4, 2, 1), nn.LeakyReLU(0.2)]
            for inp, out, s in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
                layers += [nn.Conv2d(inp, out, 4, s, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2)]
            self.body = nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1))

        def forward(self, x: Any) -> Any:
            return [self.body(x)]

    model, network = drawn(Patches()), graph("pix2pix_discriminator", "6x96x64")
    agree(model, network, by_kind(model, network), [samples(6, 96, 64)])


@pytest.mark.torch
def test_siamese_has_the_values_of_pytorch() -> None:
    pytest.importorskip("torch")
    from torch import nn

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[Any] = []
            for inp, out, k in ((1, 64, 10), (64, 128, 7), (128, 128, 4), (128, 256, 4)):
                layers += [nn.Conv2d(inp, out, k), nn.ReLU(), nn.MaxPool2d(2)]
            self.tower = nn.Sequential(*layers[:-1], nn.Flatten(), nn.Linear(9216, 4096), nn.Sigmoid())
            self.join = nn.Linear(4096, 1)

        def forward(self, left: Any, right: Any) -> Any:
            return [self.join((self.tower(left) - self.tower(right)).abs()).sigmoid()]

    model, network = drawn(Pair()), graph("siamese")
    left, right = samples(1, 105, 105), samples(1, 105, 105, seed=2)
    weights = by_kind(model, network)
    agree(model, network, weights, [left, right])
    # Which is which does not matter, and a pair of the same has no difference.
    one, other = ({"left": a, "right": b} for a, b in ((left, right), (right, left)))
    np.testing.assert_allclose(
        convcalc.execute(network, one, weights), convcalc.execute(network, other, weights)
    )


def pointnet_of_pytorch() -> Any:
    """Figure 2 and appendix C: points as rows there, as columns here."""
    import torch
    from torch import nn

    def pointwise(*widths: int) -> Any:
        layers: list[Any] = []
        for inp, out in pairwise(widths):
            layers += [nn.Conv1d(inp, out, 1), nn.BatchNorm1d(out), nn.ReLU()]
        return nn.Sequential(*layers)

    def dense(last: int) -> Any:
        layers: list[Any] = []
        for inp, out in ((1024, 512), (512, 256)):
            layers += [nn.Linear(inp, out), nn.BatchNorm1d(out), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(256, last))

    class Transform(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.points, self.matrix = pointwise(channels, 64, 128, 1024), dense(channels**2)

        def forward(self, x: Any) -> Any:
            n = x.shape[1]
            matrix = self.matrix(self.points(x).amax(2)).reshape(-1, n, n) + torch.eye(n, dtype=x.dtype)
            return (x.transpose(1, 2) @ matrix).transpose(1, 2)

    class PointNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *(Transform(3), pointwise(3, 64, 64), Transform(64), pointwise(64, 64, 128, 1024))
            )
            self.head = dense(40)

        def forward(self, x: Any) -> Any:
            return [self.head(self.body(x).amax(2))]

    return PointNet()


@pytest.mark.torch
def test_pointnet_has_the_values_of_pytorch() -> None:
    pytest.importorskip("torch")
    model, network = drawn(pointnet_of_pytorch()), graph("pointnet", "3x64")
    weights = by_kind(model, network)
    for name, channels in (("input_transform", 3), ("feature_transform", 64)):
        bias = f"{name}.linear1.bias"
        weights[bias] = weights[bias] + np.eye(channels).ravel()  # the authors add the unit matrix to it
    agree(model, network, weights, [samples(3, 64)])
