"""Stand-ins for layers and graphs: the executor reads fields by name and needs nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from convcalc.executor.call import Call, Params
from convcalc.executor.kernels import run_kernel
from convcalc.graph import Edge, Graph, Node

RECURRENT = {
    "layers": 1,
    "bidirectional": False,
    "bias": True,
    "recurrent_bias": True,
    "axis": 0,
    "features": None,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "conv": {
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": True,
        "padding_mode": "zeros",
        "arriving": None,
    },
    "convT": {
        "stride": 1,
        "padding": 0,
        "output_padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": True,
        "arriving": None,
    },
    "linear": {"bias": True, "axis": "flat", "arriving": None},
    "matmul": {"transpose_a": False, "transpose_b": False},
    "rnn": {**RECURRENT, "nonlinearity": "tanh"},
    "lstm": {**RECURRENT, "projection": None},
    "gru": {**RECURRENT, "reset": "after"},
    "maxpool": {"stride": None, "padding": 0, "dilation": 1, "ceil": False},
    "avgpool": {"stride": None, "padding": 0, "ceil": False, "count_include_pad": True, "divisor": None},
    "lppool": {"norm": 2, "stride": None, "padding": 0, "ceil": False},
    "unpool": {"stride": None, "padding": 0, "size": None},
    "upsample": {"scale": None, "size": None, "mode": "nearest", "align_corners": False, "a": -0.75},
    "pixelshuffle": {"mode": "crd"},
    "pixelunshuffle": {"mode": "crd"},
    "shift": {"kernel": 3, "dilation": 1},
    "bn": {"affine": True, "track": True, "eps": 1e-5, "axis": 0},
    "ln": {"axis": None, "affine": True, "bias": True, "eps": 1e-5},
    "rmsnorm": {"axis": None, "affine": True, "eps": None},
    "unfold": {"stride": 1, "padding": 0, "dilation": 1},
    "fold": {"stride": 1, "padding": 0, "dilation": 1},
    "deformconv": {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True, "arriving": None},
    "gn": {"affine": True, "eps": 1e-5},
    "instancenorm": {"affine": False, "eps": 1e-5},
    "lrn": {"alpha": 1e-4, "beta": 0.75, "k": 1.0},
    "leakyrelu": {"slope": 0.01},
    "prelu": {"channels": 1, "shape": None, "axis": 0},
    "celu": {"alpha": 1.0},
    "threshold": {"threshold": 0.1, "value": 20.0},
    "softshrink": {"lambd": 0.5},
    "hardshrink": {"lambd": 0.5},
    "softmax": {"axis": 0},
    "softmin": {"axis": 0},
    "logsoftmax": {"axis": 0},
    "glu": {"axis": 0},
    "elu": {"alpha": 1.0},
    "clip": {"min": -0.5, "max": 0.5},
    "l2norm": {"axis": 0, "eps": 1e-12},
    "hardtanh": {"low": -1.0, "high": 1.0},
    "softplus": {"beta": 1.0, "threshold": 20.0},
    "gelu": {"approximate": "none"},
    "pad": {"mode": "zeros", "value": 0.0, "axis": None},
    "crop": {"axis": None},
    "slice": {"start": 0, "stop": None, "axis": 0},
    "split": {"axis": 0},
    "concat": {"axis": 0},
    "scale": {"bias": False, "axis": 0},
    "const": {"value": None, "stored": True},
    **{op: {"value": None} for op in ("add", "mul", "maximum", "minimum")},
    **{op: {"value": None, "reverse": False} for op in ("sub", "div", "pow")},
    "stack": {"axis": 0},
    "unstack": {"axis": 0},
    "flip": {"axis": None},
    **{op: {"axis": None, "keep": False} for op in ("mean", "sum", "prod", "max", "min", "argmax", "argmin")},
    "norm": {"axis": None, "keep": False, "p": "2"},
    "var": {"axis": None, "keep": False, "correction": 1},
    "std": {"axis": None, "keep": False, "correction": 1},
    "gather": {"shape": None, "index": None, "axis": 0},
}
DEFAULTS["dwconv"] = DEFAULTS["conv"]
PER_AXIS = ("kernel", "stride", "dilation", "output_padding", "scale")


class StandIn(SimpleNamespace):
    """Fields of a layer under their names."""

    def output_names(self) -> tuple[str, ...]:
        return ("", "indices") if self.op == "maxpool" else ("",)


def layer(op: str, rank: int = 2, **fields: Any) -> Any:
    """A layer of that name; numbers are repeated over the axes."""
    values = {**DEFAULTS.get(op, {}), **fields}
    if "stride" in values and values["stride"] is None:
        values["stride"] = values["kernel"]
    for name in PER_AXIS:
        if name in values and isinstance(values[name], int):
            values[name] = (values[name],) * rank
    if "padding" in values:
        pad = values["padding"]
        if isinstance(pad, int | str):
            pad = (pad,) * rank
        values["padding"] = tuple((p, p) if isinstance(p, int) else p for p in pad)
    return StandIn(op=op, **values)


def run(stand_in: Any, *xs: Any, form: str = "fast", t: Any = None, **params: Any) -> Any:
    """Execute one layer; its first output."""
    arrays = Params("layer", {k: np.asarray(v) for k, v in params.items()})
    more = {} if t is None else {"t": t}
    return run_kernel(Call(stand_in, tuple(map(np.asarray, xs)), arrays, **more), form=form)[0]


class Net:
    """Builds a graph of stand-ins. Shapes are filled in by running it."""

    def __init__(self, *shapes: tuple[int, ...]) -> None:
        self.nodes: list[Node] = []
        for i, shape in enumerate(shapes):
            stand_in: Any = StandIn(op="input", shape=shape)
            self.nodes.append(Node(f"input{i + 1}" if len(shapes) > 1 else "input", stand_in, (), (shape,)))
        self.inputs = tuple(range(len(shapes)))

    def add(self, stand_in: Any, *sources: int | Edge, name: str | None = None) -> int:
        """Append a layer that reads the given nodes (the last one if none is given)."""
        own = stand_in.op in ("param", "const")
        read = sources or () if own else sources or (len(self.nodes) - 1,)
        edges = tuple(s if isinstance(s, Edge) else Edge(s) for s in read)
        self.nodes.append(Node(name or f"{stand_in.op}{len(self.nodes)}", stand_in, edges, ()))
        return len(self.nodes) - 1

    def graph(self, *outputs: int | Edge) -> Graph:
        """The graph, returning the given nodes (the last one if none is given)."""
        from convcalc.executor.counting import count

        edges = tuple(o if isinstance(o, Edge) else Edge(o) for o in outputs or (len(self.nodes) - 1,))
        graph = Graph("stand-in", self.nodes, self.inputs, edges)
        for node, counted in zip(graph.nodes, count(graph).nodes, strict=True):
            node.outputs = counted.outputs
        return graph


def chain(shape: tuple[int, ...], *layers: Any) -> Graph:
    """A graph of one layer after the other."""
    net = Net(shape)
    for stand_in in layers:
        net.add(stand_in)
    return net.graph()
