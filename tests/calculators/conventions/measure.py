"""Runs the real counters anew and writes what they print: the tables that the tests read.

    python -m tests.calculators.conventions.measure lines > tests/calculators/conventions/lines.csv
    python -m tests.calculators.conventions.measure networks > tests/calculators/conventions/networks.csv

It needs PyTorch, torchvision, and the counters: ``pip install --no-deps torchinfo==1.8.0 ptflops==0.7.5
thop==0.1.1.post2209072238 fvcore==0.1.5.post20221221 iopath yacs tabulate``.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tests.calculators.conventions.counters import TOOLS, counted

COLUMNS = ("macs_torch", "fvcore", "thop", "ptflops_pytorch", "ptflops_aten", "torchinfo")
"""Columns of the table of networks, in the order of ``TOOLS``."""

LINES: tuple[tuple[str, str, str], ...] = (
    ("3x12x12", "conv 8 k3", "Conv2d(3, 8, 3)"),
    ("4x9x9", "conv 8 k3 s2 p1 g2 bias=false", "Conv2d(4, 8, 3, 2, 1, groups=2, bias=False)"),
    ("4x12", "conv 8 k3", "Conv1d(4, 8, 3)"),
    ("2x6x6x6", "conv 8 k3 | relu", "Conv3d(2, 8, 3), ReLU()"),
    ("3x8x8", "convT 8 k4 s2 p1", "ConvTranspose2d(3, 8, 4, 2, 1)"),
    ("4x8x8", "convT 8 k2 s2 g2 bias=false", "ConvTranspose2d(4, 8, 2, 2, groups=2, bias=False)"),
    ("2x6x6x6", "convT 3 k2 s2", "ConvTranspose3d(2, 3, 2, 2)"),
    ("3x6x6", "flatten | linear 5", "Flatten(), Linear(108, 5)"),
    ("6x8", "linear 5 axis=-1", "Linear(8, 5)"),
    ("6x8", "linear 5 axis=-1 bias=false", "Linear(8, 5, bias=False)"),
    ("4x8x8", "bn | relu", "BatchNorm2d(4), ReLU()"),
    ("4x8x8", "gn groups=2", "GroupNorm(2, 4)"),
    ("4x8x8", "instancenorm", "InstanceNorm2d(4)"),
    ("6x8", "ln axis=-1", "LayerNorm(8)"),
    ("4x8x8", "relu6 | leakyrelu | elu | gelu | silu", "ReLU6(), LeakyReLU(), ELU(), GELU(), SiLU()"),
    ("4x8x8", "prelu", "PReLU()"),
    ("4x8x8", "softmax axis=0", "Softmax(1)"),
    ("4x8x8", "maxpool k2", "MaxPool2d(2)"),
    ("4x8x8", "avgpool k3 s2 p1", "AvgPool2d(3, 2, 1)"),
    ("4x8x8", "adaptiveavgpool size=4", "AdaptiveAvgPool2d(4)"),
    ("4x8x8", "globalavgpool", "AdaptiveAvgPool2d(1)"),
    ("4x6x6x6", "globalavgpool", "AdaptiveAvgPool3d(1)"),
    ("4x8x8", "upsample scale=2", "Upsample(scale_factor=2)"),
    ("4x8x8", "upsample scale=2 mode=linear", "Upsample(scale_factor=2, mode='bilinear')"),
    ("4x12", "upsample scale=2 mode=linear", "Upsample(scale_factor=2, mode='linear')"),
    ("6x8", "lstm 5", "LSTM(8, 5, batch_first=True)"),
    ("6x8", "gru 5 layers=2 bidirectional=true bias=false", "GRU(8, 5, 2, False, True, bidirectional=True)"),
    ("6x8", "rnn 5 bias=false", "RNN(8, 5, bias=False, batch_first=True)"),
)  # fmt: skip
"""An input, a line of the language, and the modules of PyTorch that are the same."""
BATCHES = (1, 3)


def lines() -> Iterator[list[Any]]:
    """What each counter prints of each line."""
    from torch import nn

    yield ["input", "line", "batch", *TOOLS]
    for shape, line, modules in LINES:
        sizes = tuple(map(int, shape.split("x")))

        def make(modules: str = modules) -> Any:
            return nn.Sequential(*eval(f"[{modules}]", vars(nn)))

        for batch in BATCHES:
            yield [shape, line, batch, *(counted(tool, make, sizes, batch) for tool in TOOLS)]


def networks() -> Iterator[list[Any]]:
    """What each counter prints of each network of the zoo that torchvision has, without auxiliary heads."""
    import convcalc
    from tests.importers.torch.shim import declare

    declare()
    from torchvision.models import get_model, list_models

    from convcalc.spec.library import zoo_names

    yield ["model", "input", *COLUMNS[:2], "fvcore_acts", *COLUMNS[2:]]
    for name in list_models():
        if name not in zoo_names():
            continue
        graph = convcalc.load(name)
        shape = tuple(map(int, graph.shape((graph.inputs[0], 0))))
        make = _made(get_model, name)
        found = [counted(tool, make, shape) for tool in TOOLS]
        found.insert(2, counted("fvcore activations", make, shape))
        yield [name, "x".join(map(str, shape)), *found]


def _made(get_model: Any, name: str) -> Callable[[], Any]:
    backbone = {"weights_backbone": None} if name.startswith(("deeplab", "fcn", "lraspp")) else {}
    quick = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return lambda: get_model(name, weights=None, **backbone, **quick)


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for row in {"lines": lines, "networks": networks}[sys.argv[1]]():
        writer.writerow(row)
        sys.stdout.flush()
