"""Random graphs of real layers, with what receptive fields are hard for.

Transposed and dilated, resized by odd factors, shuffled, padded with its own border, cut along
space and along channels, joined and branched, in one to three dimensions. The layers that the
executor's tests draw are drawn too.
"""

from __future__ import annotations

from math import prod
from random import Random
from typing import Any

from convcalc.dims import DimensionError
from convcalc.graph import Edge, Graph, Node
from convcalc.layers import lookup
from convcalc.layers.base import Layer
from tests.executor.random_graphs import make_layer as stand_in

Shape = tuple[int, ...]


def made(op: str, shapes: tuple[Shape, ...], **values: Any) -> Layer:
    """A layer from the options given; those it does not have are left out."""
    cls = lookup(op)
    names = {option.field for option in cls.options} | {"size", "multiplier"}
    given = {k: v for k, v in values.items() if k in names and v is not None}
    return cls.create(shapes, given)


def _drawn(rng: Random, shape: Shape) -> Layer:
    layer = stand_in(rng, shape)
    return made(layer.op, (shape,), **{k: v for k, v in vars(layer).items() if k != "op"})


def _conv(rng: Random, shape: Shape) -> Layer:
    rank = len(shape) - 1
    kernel = tuple(rng.randint(1, 3) for _ in range(rank))
    dilation = tuple(rng.randint(1, 3) for _ in range(rank))
    mode = rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"])
    most = [n - 1 if mode == "reflect" else n for n in shape[1:]]
    pads = tuple(
        (rng.randint(0, min(m, d * (k - 1))), rng.randint(0, min(m, d * (k - 1))))
        for m, k, d in zip(most, kernel, dilation, strict=True)
    )
    stride = tuple(rng.randint(1, 3) for _ in range(rank))
    return made(
        "conv", (shape,), out_channels=rng.randint(1, 3), kernel=kernel, stride=stride, dilation=dilation,
        padding=pads, padding_mode=mode,
    )  # fmt: skip


def _transposed(rng: Random, shape: Shape) -> Layer:
    rank = len(shape) - 1
    kernel = tuple(rng.randint(1, 4) for _ in range(rank))
    stride = tuple(rng.randint(1, 3) for _ in range(rank))
    dilation = tuple(rng.randint(1, 3) for _ in range(rank))
    pads = tuple((rng.randint(0, k - 1), rng.randint(0, k - 1)) for k in kernel)
    extra = tuple(rng.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    return made(
        "convT", (shape,), out_channels=rng.randint(1, 3), kernel=kernel, stride=stride, dilation=dilation,
        padding=rng.choice([pads, ("same",) * rank]), output_padding=extra,
    )  # fmt: skip


def _resized(rng: Random, shape: Shape) -> Layer:
    rank = len(shape) - 1
    modes = ["nearest", "nearest_exact", "linear", "cubic"] + (["spline"] if min(shape[1:]) > 1 else [])
    mode = rng.choice(modes)
    corners = rng.random() < 0.4 and not mode.startswith("nearest")
    if rng.random() < 0.5:
        size = tuple(rng.randint(1, 2 * n + 1) for n in shape[1:])
        return made("upsample", (shape,), size=size, mode=mode, align_corners=corners)
    from fractions import Fraction

    scale = tuple(rng.choice([2, 3, Fraction(3, 2), Fraction(1, 2), Fraction(4, 3)]) for _ in range(rank))
    return made("upsample", (shape,), scale=scale, mode=mode, align_corners=corners)


def _moved(rng: Random, shape: Shape) -> Layer:
    rank = len(shape) - 1
    op = rng.choice(
        ["pixelshuffle", "pixelunshuffle", "slice", "permute", "reshape", "flatten", "shift", "pad"]
    )
    axis = rng.randint(0, rank)
    start = rng.randint(0, shape[axis] - 1)
    order = tuple(rng.sample(range(rank + 1), rank + 1))
    target: Shape = shape
    if rank > 1:
        at = rng.randint(1, rank - 1)
        target = (*shape[:at], shape[at] * shape[at + 1], *shape[at + 2 :])
    pads = tuple((rng.randint(0, n - 1), rng.randint(0, n - 1)) for n in shape[1:])
    values: dict[str, dict[str, Any]] = {
        "pixelshuffle": {"factor": 2, "mode": rng.choice(["crd", "dcr"])},
        "pixelunshuffle": {"factor": 2, "mode": rng.choice(["crd", "dcr"])},
        "slice": {"start": start, "stop": rng.randint(start + 1, shape[axis]), "axis": axis},
        "permute": {"order": order},
        "reshape": {"shape": target},
        "flatten": {},
        "shift": {"kernel": 3, "dilation": rng.randint(1, 2)},
        "pad": {"padding": pads, "mode": rng.choice(["zeros", "reflect", "replicate", "circular"])},
    }
    return made(op, (shape,), **values[op])


MAKERS = (_drawn, _drawn, _conv, _conv, _transposed, _transposed, _resized, _resized, _moved)


class Build:
    """A graph that grows."""

    def __init__(self, shape: Shape) -> None:
        self.nodes = [Node("input", made("input", (), shape=shape), (), (shape,))]

    def shape(self, edge: Edge) -> Shape:
        shape: Shape = self.nodes[edge.node].outputs[edge.output]
        return shape

    def add(self, layer: Layer, *edges: Edge) -> Edge:
        shapes = tuple(self.shape(edge) for edge in edges)
        outputs = layer.output_shapes(shapes)
        self.nodes.append(Node(f"{layer.op}{len(self.nodes)}", layer, edges, outputs))
        return Edge(len(self.nodes) - 1)

    def graph(self, edge: Edge | None = None) -> Graph:
        last = Edge(len(self.nodes) - 1) if edge is None else edge
        return Graph("random", self.nodes, (0,), (last,))


def make_graph(
    rng: Random,
    longest: int = 6,
    biggest: int = 600,
    makers: Any = MAKERS,
    shape: Shape | None = None,
    joins: bool = True,
) -> Graph:
    """A graph of a few layers, branched now and then unless told otherwise."""
    rank = rng.choice([1, 1, 2, 2, 3])
    largest = {1: 12, 2: 7, 3: 4}[rank]
    build = Build(shape or (rng.randint(1, 4), *(rng.randint(2, largest) for _ in range(rank))))
    edges = [Edge(0)]
    for _ in range(rng.randint(1, longest)):
        count = len(build.nodes)
        here = edges[-1] if not joins or rng.random() < 0.8 else rng.choice(edges)
        arriving = build.shape(here)
        try:
            last = _step(rng, build, here, arriving, edges, makers, joins)
        except DimensionError:  # for example a window that does not fit: draw on without it
            del build.nodes[count:]
            continue
        shapes = [s for node in build.nodes[count:] for s in node.outputs]
        if max(map(prod, shapes)) > biggest or len(shapes[-1]) < 2:
            del build.nodes[count:]
            continue
        edges.append(last)
        edges += [Edge(len(build.nodes) - 1, o) for o in range(1, len(build.nodes[-1].outputs))
                  if build.nodes[-1].op == "split"]  # fmt: skip
    return build.graph(edges[-1])


def _step(
    rng: Random, build: Build, here: Edge, shape: Shape, edges: list[Edge], makers: Any, joins: bool
) -> Edge:
    join = (
        rng.choice(["none"] * 14 + ["add", "mul", "concat", "space", "unpool", "gate"]) if joins else "none"
    )
    twins = [edge for edge in edges if build.shape(edge) == shape]
    if join in ("add", "mul"):
        return build.add(made(join, (shape, shape)), here, rng.choice(twins))
    if join == "concat":
        return build.add(made("concat", (shape, shape), axis=0), here, rng.choice(twins))
    if join == "space":
        axis = rng.randint(1, len(shape) - 1)
        return build.add(made("concat", (shape, shape), axis=axis), here, rng.choice(twins))
    if join == "unpool":
        kernel = tuple(min(rng.choice([2, 3]), n) for n in shape[1:])
        stride = tuple(min(2, k) for k in kernel)
        pool = build.add(made("maxpool", (shape,), kernel=kernel, stride=stride), here)
        both = (build.shape(pool), build.shape(pool))
        unpool = made("unpool", both, kernel=kernel, stride=stride, size=shape[1:])
        return build.add(unpool, pool, Edge(pool.node, 1))
    if join == "gate":
        pooled = build.add(made("globalavgpool", (shape,)), here)
        return build.add(made("mul", (shape, build.shape(pooled))), here, pooled)
    return build.add(rng.choice(makers)(rng, shape), here)
