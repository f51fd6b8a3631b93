"""Small modules that counters disagree on, each with the shape that it takes; needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import relu


class Runs(nn.Module):
    """A module that runs a function of itself and the input."""

    def __init__(self, run: Callable[[Any, Any], Any], **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.run = run

    def forward(self, x: Any) -> Any:
        """Run the function."""
        return self.run(self, x)


class Same(nn.Conv2d):
    """A convolution of a class of its own, whose name does not say so."""


class SameConv2d(nn.Conv2d):
    """A convolution of a class of its own, whose name says so."""

    def forward(self, x: Any) -> Any:
        """Pad, then convolve."""
        return F.conv2d(F.pad(x, (1, 1, 1, 1)), self.weight, self.bias, self.stride)


class Norm(nn.BatchNorm2d):
    """A batch norm of a class of its own."""


class WithAct(nn.BatchNorm2d):
    """A batch norm that has a part: no leaf any more."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.act = nn.ReLU()

    def forward(self, x: Any) -> Any:
        """Norm, then activation."""
        return self.act(super().forward(x))


class Act(nn.Module):
    """An activation of a class of its own."""

    def forward(self, x: Any) -> Any:
        """Rectify."""
        return F.relu(x)


class Methods(nn.Module):
    """Methods of tensors by their names."""

    def forward(self, x: Any) -> Any:
        """Two that counters replace, and the operators of the same, which they do not."""
        y = x.matmul(x.transpose(1, 2))
        y = y.add(y)
        y = y + y
        return y @ x


class Operator(nn.Module):
    """A product of tensors by the operator."""

    def forward(self, x: Any) -> Any:
        """Multiply."""
        return x @ x.transpose(1, 2)


class Imported(nn.Module):
    """A function that was imported by its name, before counters replace it in its module."""

    def forward(self, x: Any) -> Any:
        """Rectify."""
        return relu(x)


def shared() -> Any:
    """One convolution that runs three times."""
    conv = nn.Conv2d(4, 4, 3, padding=1)
    return nn.Sequential(conv, nn.ReLU(), conv, nn.ReLU(), conv)


IMAGE, WIDE, STEPS, VOLUME, LINE = (3, 12, 12), (4, 8, 8), (6, 8), (2, 6, 6, 6), (4, 12)

MODULES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "conv": (lambda: nn.Conv2d(3, 8, 3), IMAGE),
    "conv without bias": (lambda: nn.Conv2d(3, 8, 3, bias=False), IMAGE),
    "conv grouped": (lambda: nn.Conv2d(4, 8, 3, groups=2, stride=2, padding=1), WIDE),
    "conv 1d": (lambda: nn.Conv1d(4, 8, 3), LINE),
    "conv 3d": (lambda: nn.Conv3d(2, 8, 3), VOLUME),
    "depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4), WIDE),
    "subclass": (lambda: nn.Sequential(Same(3, 8, 3)), IMAGE),
    "subclass that pads": (lambda: nn.Sequential(SameConv2d(3, 8, 3)), IMAGE),
    "function conv": (lambda: Runs(lambda m, x: F.conv2d(x, m.c.weight), c=nn.Conv2d(3, 8, 3)), IMAGE),
    "transposed": (lambda: nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1), IMAGE),
    "transposed grouped": (lambda: nn.ConvTranspose2d(4, 8, 2, stride=2, groups=2, bias=False), WIDE),
    "transposed 1d": (lambda: nn.ConvTranspose1d(4, 2, 4, stride=4), LINE),
    "transposed 3d": (lambda: nn.ConvTranspose3d(2, 3, 2, stride=2), VOLUME),
    "linear": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(432, 5)), IMAGE),
    "linear at positions": (lambda: nn.Linear(8, 5), STEPS),
    "linear at positions without bias": (lambda: nn.Linear(8, 5, bias=False), STEPS),
    "linear on channels last": (
        lambda: Runs(lambda m, x: m.l(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), l=nn.Linear(4, 6)), WIDE),
    "function linear": (
        lambda: Runs(lambda m, x: F.linear(x, m.l.weight, m.l.bias), l=nn.Linear(8, 5)), STEPS),
    "batch norm": (lambda: nn.BatchNorm2d(4), WIDE),
    "batch norm without weights": (lambda: nn.BatchNorm2d(4, affine=False), WIDE),
    "batch norm subclass": (lambda: nn.Sequential(Norm(4)), WIDE),
    "batch norm with a part": (lambda: nn.Sequential(WithAct(4)), WIDE),
    "group norm": (lambda: nn.GroupNorm(2, 4), WIDE),
    "group norm without weights": (lambda: nn.GroupNorm(2, 4, affine=False), WIDE),
    "instance norm": (lambda: nn.InstanceNorm2d(4), WIDE),
    "instance norm with weights": (lambda: nn.InstanceNorm2d(4, affine=True), WIDE),
    "layer norm": (lambda: nn.LayerNorm(8), STEPS),
    "layer norm without weights": (lambda: nn.LayerNorm(8, elementwise_affine=False), STEPS),
    "rms norm": (lambda: nn.RMSNorm(8), STEPS),
    "relu": (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), IMAGE),
    "relu in place": (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True)), IMAGE),
    "function relu": (lambda: Runs(lambda m, x: F.relu(x)), WIDE),
    "torch.relu": (lambda: Runs(lambda m, x: torch.relu(x)), WIDE),
    "method relu": (lambda: Runs(lambda m, x: x.relu()), WIDE),
    "own activation": (lambda: nn.Sequential(Act(), Act()), WIDE),
    "activations": (
        lambda: nn.Sequential(
            nn.PReLU(), nn.PReLU(4), nn.ELU(), nn.LeakyReLU(), nn.ReLU6(), nn.GELU(), nn.SiLU(), nn.Sigmoid(),
            nn.Tanh(), nn.Hardswish(), nn.Hardsigmoid(), nn.Mish(), nn.Softplus(), nn.CELU(), nn.SELU(),
        ), WIDE),
    "functions of activations": (
        lambda: Runs(lambda m, x: F.silu(F.gelu(F.leaky_relu(F.elu(F.relu6(F.hardswish(x))))))), WIDE),
    "softmax": (lambda: nn.Softmax(dim=1), WIDE),
    "softmax of the last": (lambda: nn.Softmax(dim=-1), STEPS),
    "log softmax": (lambda: nn.LogSoftmax(dim=-1), STEPS),
    "function softmax": (lambda: Runs(lambda m, x: F.softmax(x, -1)), STEPS),
    "method softmax": (lambda: Runs(lambda m, x: x.softmax(-1)), STEPS),
    "max pool": (lambda: nn.MaxPool2d(2), WIDE),
    "function max pool": (lambda: Runs(lambda m, x: F.max_pool2d(x, 2)), WIDE),
    "average pool": (lambda: nn.AvgPool2d(3, stride=2, padding=1), WIDE),
    "function average pool": (lambda: Runs(lambda m, x: F.avg_pool2d(x, 2)), WIDE),
    "average pool 1d": (lambda: nn.AvgPool1d(2), LINE),
    "average pool 3d": (lambda: nn.AvgPool3d(2), VOLUME),
    "adaptive pool": (lambda: nn.AdaptiveAvgPool2d(4), WIDE),
    "adaptive pool uneven": (lambda: nn.AdaptiveAvgPool2d((3, 5)), WIDE),
    "global pool": (lambda: nn.AdaptiveAvgPool2d(1), WIDE),
    "global pool 1d": (lambda: nn.AdaptiveAvgPool1d(1), LINE),
    "global pool 3d": (lambda: nn.AdaptiveAvgPool3d(1), VOLUME),
    "adaptive max pool": (lambda: nn.AdaptiveMaxPool2d(2), WIDE),
    "function global pool": (lambda: Runs(lambda m, x: F.adaptive_avg_pool2d(x, 1)), WIDE),
    "mean": (lambda: Runs(lambda m, x: x.mean((2, 3), keepdim=True)), WIDE),
    "nearest": (lambda: nn.Upsample(scale_factor=2), WIDE),
    "bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), WIDE),
    "bicubic": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), WIDE),
    "linear resize": (lambda: nn.Upsample(scale_factor=2, mode="linear"), LINE),
    "nearest 1d": (lambda: nn.Upsample(scale_factor=2), LINE),
    "trilinear": (lambda: nn.Upsample(scale_factor=2, mode="trilinear"), VOLUME),
    "interpolate": (lambda: Runs(lambda m, x: F.interpolate(x, size=(9, 7), mode="bilinear")), WIDE),
    "matmul": (lambda: Runs(lambda m, x: torch.matmul(x, x.transpose(1, 2))), STEPS),
    "methods": (Methods, STEPS),
    "function by its name": (Imported, WIDE),
    "bmm": (lambda: Runs(lambda m, x: torch.bmm(x, x.transpose(1, 2))), STEPS),
    "operator @": (Operator, STEPS),
    "einsum": (lambda: Runs(lambda m, x: torch.einsum("bij,bkj->bik", x, x)), STEPS),
    "sums": (lambda: Runs(lambda m, x: (x + x) * x), WIDE),
    "torch.add": (lambda: Runs(lambda m, x: torch.add(x, x)), WIDE),
    "torch.mul": (lambda: Runs(lambda m, x: torch.mul(x, x)), WIDE),
    "fused attention": (
        lambda: Runs(lambda m, x: F.scaled_dot_product_attention(x, x, x)), (2, 6, 8)),
    "attention": (
        lambda: Runs(
            lambda m, x: m.a(x, x, x, need_weights=False)[0], a=nn.MultiheadAttention(8, 2, batch_first=True)
        ), STEPS),
    "attention with weights": (
        lambda: Runs(lambda m, x: m.a(x, x, x)[0], a=nn.MultiheadAttention(8, 2, batch_first=True)), STEPS),
    "transformer layer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), STEPS),
    "rnn": (lambda: Runs(lambda m, x: m.r(x)[0], r=nn.RNN(8, 5, batch_first=True)), STEPS),
    "lstm": (lambda: Runs(lambda m, x: m.r(x)[0], r=nn.LSTM(8, 5, batch_first=True)), STEPS),
    "lstm deep": (
        lambda: Runs(
            lambda m, x: m.r(x)[0], r=nn.LSTM(8, 5, num_layers=2, bidirectional=True, batch_first=True)
        ), STEPS),
    "gru": (lambda: Runs(lambda m, x: m.r(x)[0], r=nn.GRU(8, 5, batch_first=True)), STEPS),
    "gru deep": (
        lambda: Runs(
            lambda m, x: m.r(x)[0],
            r=nn.GRU(8, 5, num_layers=3, bidirectional=True, bias=False, batch_first=True),
        ), STEPS),
    "dropout": (lambda: nn.Sequential(nn.Dropout(0.5), nn.Dropout2d(0.5)), WIDE),
    "shared": (shared, WIDE),
    "pixel shuffle": (lambda: nn.PixelShuffle(2), WIDE),
    "padding": (lambda: nn.ZeroPad2d(1), WIDE),
}  # fmt: skip
