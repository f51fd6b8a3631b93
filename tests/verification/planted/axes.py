"""Mistakes about axes: layers that work along another one than they say."""

from __future__ import annotations

from typing import Any

from tests.verification.planted.base import ignoring, mutant
from tests.verification.planted.kernels import RECORDS, kernel
from tests.verification.planted.tracing import backward

LINEAR, NORM, CUT = "layers.products.linear:Linear", "layers.arithmetic.norm", "layers.tensors.cut"


def first(layer: Any) -> tuple[int, ...]:
    """As many axes as it names, from the first on."""
    return tuple(range(len(layer.axis or layer.padding)))


def turned(layer: Any) -> tuple[Any, ...]:
    """The sides of the axes in the other order."""
    return (layer.padding if layer.op == "pad" else layer.amounts)[::-1]


for name, target, op, fields in (
    ("linear writes the channels", f"{LINEAR}.output_shapes", "linear", {"axis": "channels"}),
    ("linear reads the channels", f"{LINEAR}.reads", "linear", {"axis": "channels"}),
    ("rms norm reads everything", f"{NORM}:RMSNorm.reads", "rmsnorm", {"axis": None}),
    ("rms norm counts the groups of the channels", f"{NORM}:RMSNorm.ops", "rmsnorm", {"axis": (0,)}),
    ("layer norm counts the groups of the channels", f"{NORM}:LayerNorm.ops", "ln", {"axis": (0,)}),
    ("batch norm reads a map a channel", f"{NORM}:BatchNorm.reads", "bn", {"axis": 0}),
    ("pad pads all but the channels", f"{CUT}:Pad.output_shapes", "pad", {"axis": first}),
    ("pad reads all but the channels", f"{CUT}:Pad.reads", "pad", {"axis": first}),
    ("pad has its axes in the other order", f"{CUT}:Pad.output_shapes", "pad", {"padding": turned}),
    ("crop has its axes in the other order", f"{CUT}:Crop.output_shapes", "crop", {"amounts": turned}),
    ("split cuts the channels", "layers.tensors.cut:Split.output_shapes", "split", {"axis": 0}),
    ("softmax reads the channels", "layers.arithmetic.softmax:Softmax.reads", "softmax", {"axis": 0}),
):
    mutant(name, target, op, ignoring(**fields))

for form in ("fast", "naive"):
    mutant(f"{form} linear kernel over the channels", f"{RECORDS}[linear].{form}", "linear", kernel(axis=0))
for name, op, fields in (
    ("batch norm kernel along the channels", "bn", {"axis": 0}),
    ("scale kernel along the channels", "scale", {"axis": 0}),
    ("rms norm kernel over the channels", "rmsnorm", {"axis": (0,)}),
    ("pad kernel of the first axes", "pad", {"axis": first}),
    ("pad kernel has its axes in the other order", "pad", {"padding": turned}),
    ("crop kernel has its axes in the other order", "crop", {"amounts": turned}),
):
    mutant(name, f"{RECORDS}[{op}].fast", op, kernel(**fields))
for op, axis in (("linear", 0), ("rmsnorm", (0,)), ("ln", None), ("bn", 0), ("softmax", 0)):
    mutant(f"tracing {op} along another axis", f"{RECORDS}[{op}].backward", op, backward(axis=axis))
