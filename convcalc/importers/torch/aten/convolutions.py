"""Convolutions and fully connected layers."""

from __future__ import annotations

from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.rows import layers, pair, place, row
from convcalc.importers.torch.program import Call


def _mapped(network: Batched, x: Value, rank: int, path: str) -> tuple[Value, bool]:
    """A map with a batch: one without has an axis of one sample put before it."""
    if len(x.dims) == rank + 2:
        return x, False
    if len(x.dims) != rank + 1:
        raise Unsayable(f"reads a tensor of {len(x.dims)} axes")
    return network.unsqueeze(x, 0, path), True


def _convolve(
    network: Batched,
    call: Call,
    x: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    transposed: bool = False,
    output_padding: Any = 0,
) -> Value:
    rank = len(weight.dims) - 2
    path = place(call, "", weight)
    x, single = _mapped(network, x, rank, path)
    stride, dilation, output_padding = (pair(one, rank) for one in (stride, dilation, output_padding))
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise Unsayable(f"has a padding of {padding!r}")
        totals = [
            d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, weight.dims[2:], strict=True)
        ]
        sides: tuple[Any, ...] = tuple((t // 2, t - t // 2) for t in totals)
    else:
        sides = tuple((p, p) for p in pair(padding, rank))
    many = x.dims[0] // (network.batch if x.batch == 0 else 1)
    if rank == 3 and many > 1 and x.batch in (0, None):
        return _side_by_side(
            network, x, weight, bias, many, path, stride=stride, padding=sides, dilation=dilation,
            groups=groups, transposed=transposed, output_padding=output_padding,
        )  # fmt: skip
    out = network.conv(
        x, weight, bias, path, stride=stride, padding=sides, dilation=dilation, groups=groups,
        transposed=transposed, output_padding=output_padding,
    )  # fmt: skip
    return network.squeeze(out, (0,), path) if single else out


def _side_by_side(
    network: Batched,
    x: Value,
    weight: Value,
    bias: Value | None,
    many: int,
    path: str,
    groups: int,
    **options: Any,
) -> Value:
    """A convolution of several maps of a sample, which are groups of channels with one weight for all.

    A map of three sizes has no room for an axis of them.
    """
    size = network.batch if x.batch == 0 else 1
    inner = network.reshape(x, (size, many * x.dims[1], *x.dims[2:]), f"{path}.reshape")
    weights = network.tile(weight, (many, *(1,) * (weight.rank - 1)), f"{path}.weight")
    biases = None if bias is None else network.tile(bias, (many,), f"{path}.bias")
    made = network.conv(inner, weights, biases, path, groups=groups * many, **options)
    return network.reshape(made, (x.dims[0], made.dims[1] // many, *made.dims[2:]), f"{path}.reshape")


@row(
    "conv1d.default", "conv2d.default", "conv3d.default", "conv1d.padding", "conv2d.padding", "conv3d.padding"
)
def conv(
    network: Batched,
    call: Call,
    x: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    """A convolution; ``padding="same"`` puts the odd one behind."""
    return _convolve(network, call, x, weight, bias, stride, padding, dilation, groups)


@row("conv_transpose1d.default", "conv_transpose2d.input", "conv_transpose3d.input")
def conv_transpose(
    network: Batched,
    call: Call,
    x: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    """A transposed convolution."""
    return _convolve(network, call, x, weight, bias, stride, padding, dilation, groups, True, output_padding)


@row("convolution.default")
def convolution(
    network: Batched,
    call: Call,
    x: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Value:
    """Either of them."""
    return _convolve(
        network, call, x, weight, bias, stride, padding, dilation, groups, transposed, output_padding
    )


@row("linear.default")
def linear(network: Batched, call: Call, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """Fully connected over the last axis."""
    return network.linear(x, weight, bias, place(call, "", weight))


@row("addmm.default")
def addmm(
    network: Batched, call: Call, x: Value, mat1: Value, mat2: Value, beta: float = 1, alpha: float = 1
) -> Value:
    """``beta * x + alpha * mat1 @ mat2``: fully connected where both are learned and nothing is scaled."""
    stored = mat2.stored is not None and mat2.stored.learned and (x.stored is not None and len(x.dims) == 1)
    if stored and beta == alpha == 1:
        weight = network.permute(mat2, (1, 0), place(call, "", mat2))
        return network.linear(mat1, weight, x, place(call, "", mat2))
    path = place(call)
    product = network.matmul(mat1, mat2, path)
    if alpha != 1:
        product = network.join("mul", product, alpha, place(call, "mul"))
    if beta != 1:
        x = network.join("mul", x, beta, place(call, "mul"))
    return network.join("add", product, x, place(call, "add"))


@row("baddbmm.default")
def baddbmm(
    network: Batched, call: Call, x: Value, batch1: Value, batch2: Value, beta: float = 1, alpha: float = 1
) -> Value:
    """``beta * x + alpha * batch1 @ batch2``."""
    return addmm(network, call, x, batch1, batch2, beta, alpha)


@row("torchvision.deform_conv2d.default")
def deform_conv2d(
    network: Batched,
    call: Call,
    x: Value,
    weight: Value,
    offset: Value,
    mask: Value,
    bias: Value,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> Value:
    """A deformable convolution, with a mask or without."""
    if weight.stored is None or (bias.stored is None and bias.dims != (0,)):
        raise Unsayable("has a weight that is computed")
    out, _, *kernel = weight.dims
    weights = {"weight": weight.stored}
    has_bias = bias.stored is not None and bias.stored.learned
    if has_bias:
        weights["bias"] = bias.stored  # type: ignore[assignment]
    inputs = [x, offset, mask] if use_mask else [x, offset]
    return layers(network, 
        "deformconv", inputs, place(call, "", weight), weights, out_channels=out, kernel=tuple(kernel),
        stride=(stride_h, stride_w), padding=((pad_h, pad_h), (pad_w, pad_w)),
        dilation=(dilation_h, dilation_w), groups=groups, bias=has_bias,
    )[0]  # fmt: skip
