"""A graph run by PyTorch, layer by layer, eagerly: the witness of the executor for whole networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as f

from convcalc.graph import Edge, Graph, Node


class TorchGraph:
    """The network as PyTorch functions; tensors are freed when their last reader has run.

    Args:
        graph: the graph.
        weights: arrays by name, in PyTorch's layouts.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, np.ndarray]) -> None:
        self.graph = graph
        self.weights: dict[str, dict[str, torch.Tensor]] = {}
        for name, array in weights.items():
            node, _, short = name.rpartition(".")
            self.weights.setdefault(node, {})[short] = torch.from_numpy(np.array(array))
        self.last = {edge: i for i, node in enumerate(graph.nodes) for edge in node.inputs}
        for edge in graph.outputs:
            self.last[edge] = len(graph.nodes)
        self.inputs = {index: number for number, index in enumerate(graph.inputs)}

    @torch.inference_mode()
    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """The outputs for inputs (N, C, *spatial)."""
        return [y.numpy() for y in self.run(*map(torch.from_numpy, arrays))]

    @torch.inference_mode()
    def run(self, *arriving: torch.Tensor) -> list[torch.Tensor]:
        """The same on tensors."""
        live: dict[Edge, torch.Tensor] = {}
        for index, node in enumerate(self.graph.nodes):
            if node.op == "input":
                outputs: Any = arriving[self.inputs[index]]
            else:
                xs = [live[edge] for edge in node.inputs]
                ends = all(self.last[edge] == index for edge in node.inputs)
                fresh = all(self.graph.nodes[edge.node].op != "input" for edge in node.inputs)
                outputs = self._layer(node, xs, ends and fresh)
            for i, y in enumerate(outputs if isinstance(outputs, (tuple, list)) else (outputs,)):
                if Edge(index, i) in self.last:
                    live[Edge(index, i)] = y
            for edge in node.inputs:
                if self.last[edge] == index:
                    live.pop(edge, None)
        return [live[edge] for edge in self.graph.outputs]

    def _layer(self, node: Node, xs: list[torch.Tensor], spare: bool) -> Any:
        layer: Any = node.layer
        own = self.weights.get(node.name, {})
        x = xs[0]
        rank = x.ndim - 2
        match node.op:
            case "conv" | "dwconv":
                x, pads = self._padded(x, layer, layer.padding_mode)
                conv = (f.conv1d, f.conv2d, f.conv3d)[rank - 1]
                return conv(
                    x, own["weight"], own.get("bias"), layer.stride, pads, layer.dilation, layer.groups
                )
            case "convT":
                conv = (f.conv_transpose1d, f.conv_transpose2d, f.conv_transpose3d)[rank - 1]
                assert all(a == b for a, b in layer.padding)
                pads = tuple(a for a, _ in layer.padding)
                more = (layer.stride, pads, layer.output_padding, layer.groups, layer.dilation)
                return conv(x, own["weight"], own.get("bias"), *more)
            case "linear":
                if x.ndim == 2:
                    return f.linear(x, own["weight"], own.get("bias"))
                return f.linear(x.movedim(1, -1), own["weight"], own.get("bias")).movedim(-1, 1)
            case "bn":
                return f.batch_norm(
                    x,
                    own["running_mean"],
                    own["running_var"],
                    own.get("weight"),
                    own.get("bias"),
                    eps=layer.eps,
                )
            case "ln" if layer.axis == (0,):
                y = f.layer_norm(x.movedim(1, -1), layer.shape, own.get("weight"), own.get("bias"), layer.eps)
                return y.movedim(-1, 1)
            case "ln":
                return f.layer_norm(x, layer.shape, own.get("weight"), own.get("bias"), layer.eps)
            case "gn":
                return f.group_norm(x, layer.groups, own.get("weight"), own.get("bias"), layer.eps)
            case "lrn":
                return f.local_response_norm(x, layer.size, layer.alpha, layer.beta, layer.k)
            case "scale":
                shape = (1, -1, *(1,) * rank)
                y = x * own["weight"].reshape(shape)
                return y + own["bias"].reshape(shape) if "bias" in own else y
            case "maxpool":
                x, pads = self._padded(x, layer, value=float("-inf"))
                pool = (f.max_pool1d, f.max_pool2d, f.max_pool3d)[rank - 1]
                indices = Edge(self.graph.nodes.index(node), 1) in self.last
                return pool(x, layer.kernel, layer.stride, pads, layer.dilation, layer.ceil, indices)
            case "unpool":
                pool = (f.max_unpool1d, f.max_unpool2d, f.max_unpool3d)[rank - 1]
                return pool(x, xs[1], layer.kernel, layer.stride, 0, layer.size)
            case "avgpool":
                x, pads = self._padded(x, layer)
                pool = (f.avg_pool1d, f.avg_pool2d, f.avg_pool3d)[rank - 1]
                return pool(x, layer.kernel, layer.stride, pads, layer.ceil, layer.count_include_pad)
            case "globalavgpool":
                return (f.adaptive_avg_pool1d, f.adaptive_avg_pool2d, f.adaptive_avg_pool3d)[rank - 1](x, 1)
            case "adaptiveavgpool":
                pool = (f.adaptive_avg_pool1d, f.adaptive_avg_pool2d, f.adaptive_avg_pool3d)[rank - 1]
                return pool(x, layer.size)
            case "upsample":
                mode = {
                    "nearest": "nearest",
                    "nearest_exact": "nearest-exact",
                    "linear": ("linear", "bilinear", "trilinear")[rank - 1],
                    "cubic": "bicubic",
                }[layer.mode]
                corners = None if mode.startswith("nearest") else layer.align_corners
                if layer.size is not None:
                    return f.interpolate(x, tuple(layer.size), mode=mode, align_corners=corners)
                return f.interpolate(
                    x, scale_factor=tuple(map(float, layer.scale)), mode=mode, align_corners=corners
                )
            case "relu":
                return torch.relu_(x) if spare else torch.relu(x)
            case "relu6" | "hardswish" | "silu":
                run = {"relu6": f.relu6, "hardswish": f.hardswish, "silu": f.silu}[node.op]
                return run(x, inplace=spare)
            case "leakyrelu":
                return f.leaky_relu(x, layer.slope)
            case "prelu":
                return f.prelu(x, own["weight"])
            case "gelu":
                return f.gelu(x, approximate=layer.approximate)
            case "sigmoid" | "tanh":
                return getattr(torch, node.op)(x)
            case "hardsigmoid":
                return f.hardsigmoid(x)
            case "softmax":
                return x.softmax(layer.axis + 1)
            case "dropout" | "identity":
                return x
            case "flatten":
                return x.flatten(1)
            case "reshape":
                return x.reshape(len(x), *layer.shape)
            case "permute":
                return x.permute(0, *(axis + 1 for axis in layer.order))
            case "crop":
                return f.pad(x, [-width for pair in reversed(layer.amounts) for width in pair])
            case "slice":
                stop = x.shape[layer.axis + 1] if layer.stop is None else layer.stop
                return x.narrow(layer.axis + 1, layer.start, stop - layer.start)
            case "split":
                return x.split(list(layer.sizes), layer.axis + 1)
            case "shuffle":
                return f.channel_shuffle(x, layer.groups)
            case "pixelshuffle":
                return f.pixel_shuffle(x, layer.factor)
            case "concat":
                return torch.cat(xs, layer.axis + 1)
            case "add" | "mul":
                y = x
                for other in xs[1:]:
                    y = y + other if node.op == "add" else y * other
                return y
        raise NotImplementedError(node.op)

    @staticmethod
    def _padded(
        x: torch.Tensor, layer: Any, mode: str = "zeros", value: float = 0.0
    ) -> tuple[torch.Tensor, tuple[int, ...]]:
        """The input, padded if PyTorch's layers cannot pad so, and the padding they are to add."""
        pads = []
        for axis, pad in enumerate(layer.padding):
            if isinstance(pad, str):  # TensorFlow's rule, as its documentation states it
                n, k, s = x.shape[axis + 2], layer.kernel[axis], layer.stride[axis]
                span = (k - 1) * getattr(layer, "dilation", (1,) * x.ndim)[axis] + 1
                need = max(span - (s if n % s == 0 else n % s), 0)
                pad = {"same": (need // 2, need - need // 2), "valid": (0, 0), "causal": (span - 1, 0)}[pad]
            pads.append(pad)
        if mode == "zeros" and all(a == b for a, b in pads):
            return x, tuple(a for a, _ in pads)
        widths = [width for pair in reversed(pads) for width in pair]
        if mode == "zeros":
            return f.pad(x, widths, value=value), (0,) * len(pads)
        return f.pad(x, widths, mode=mode), (0,) * len(pads)
