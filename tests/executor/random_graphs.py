"""Random graphs of stand-ins: all ranks, branches, every kind of layer.

Hypothesis draws a seed and the seed makes the graph: its own choices favour the smallest.
"""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import strategies as st

from convcalc.executor.windows import ExecutionError
from convcalc.graph import Edge, Graph
from tests.executor.stand_ins import Net, layer

ELEMENTWISE = (
    "relu",
    "relu6",
    "silu",
    "hardswish",
    "mish",
    "softplus",
    "hardtanh",
    "celu",
    "threshold",
    "softsign",
    "logsigmoid",
    "tanhshrink",
    "softshrink",
    "hardshrink",
    "hardsigmoid",
    "sigmoid",
    "tanh",
    "leakyrelu",
    "prelu",
    "elu",
    "selu",
    "gelu",
    "dropout",
    "identity",
)


def make_layer(rng: Random, shape: tuple[int, ...]) -> Any:
    """One layer that takes the shape."""
    channels, *sizes = shape
    rank = len(sizes)
    groups = rng.choice([g for g in (1, 2, 3, channels) if channels % g == 0])
    small = [max(1, min(3, n)) for n in sizes]
    kernel = tuple(rng.randint(1, k) for k in small)

    def axes() -> tuple[int, ...]:
        return tuple(rng.randint(1, 2) for _ in sizes)

    pads = tuple((rng.randint(0, k // 2), rng.randint(0, k // 2)) for k in kernel)
    kind = rng.choice(KINDS)
    if kind == "conv":
        convention = rng.choice(["same", "same_lower", "valid", "full", "causal", None, None])
        return layer(
            rng.choice(["conv", "dwconv"]) if groups == channels else "conv",
            rank,
            in_channels=channels,
            out_channels=groups * rng.randint(1, 2),
            kernel=kernel,
            stride=axes(),
            dilation=(1,) * rank if convention in (None, "valid") else axes(),
            groups=groups,
            padding=(convention,) * rank if convention else pads,
            bias=rng.random() < 0.5,
            padding_mode=rng.choice(["zeros", "zeros", "replicate"]),
        )
    if kind == "convT":
        stride = axes()
        return layer(
            "convT",
            rank,
            in_channels=channels,
            out_channels=groups * rng.randint(1, 2),
            kernel=kernel,
            stride=stride,
            padding=("same",) * rank if rng.random() < 0.5 else 0,
            groups=groups,
            bias=rng.random() < 0.5,
        )
    if kind == "pool":
        op = rng.choice(["maxpool", "avgpool", "lppool"])
        more: dict[str, Any] = {"norm": rng.choice([1, 2, 3])} if op == "lppool" else {}
        if op == "avgpool":
            more = {"count_include_pad": rng.random() < 0.5}
        return layer(op, rank, kernel=kernel, stride=axes(), padding=pads, ceil=rng.random() < 0.5, **more)
    if kind == "norm":
        op = rng.choice(["bn", "ln", "gn", "instancenorm", "lrn", "scale", "rmsnorm"])
        fields: dict[str, Any] = {
            "bn": {"channels": channels, "affine": rng.random() < 0.5},
            "ln": rng.choice([{"shape": shape}, {"shape": (channels,), "axis": (0,)}]),
            "rmsnorm": rng.choice(
                [
                    {"shape": shape},
                    {"shape": shape[rank:], "axis": (rank,)},
                    {"shape": shape[:1], "axis": (0,)},
                ]
            ),
            "gn": {"channels": channels, "groups": groups},
            "instancenorm": {"channels": channels, "affine": rng.random() < 0.5},
            "lrn": {"size": rng.randint(1, 4), "alpha": 0.5},
            "scale": {"channels": channels, "bias": rng.random() < 0.5},
        }[op]
        return layer(op, rank, **fields)
    if kind == "upsample":
        modes = ["nearest", "nearest_exact", "linear", "cubic"] + (["spline"] if min(sizes) > 1 else [])
        return layer("upsample", rank, scale=axes(), mode=rng.choice(modes), align_corners=rng.random() < 0.5)
    if kind == "adaptive":
        op = rng.choice(["adaptiveavgpool", "adaptivemaxpool", "globalavgpool", "globalmaxpool"])
        return layer(op, rank, size=tuple(rng.randint(1, n) for n in sizes))
    if kind == "move":
        op = rng.choice(["pad", "crop", "slice", "split", "permute", "shuffle", "shift"])
        odd = tuple(rng.choice([1, 3]) for _ in sizes)
        fields = {
            "pad": {"padding": pads, "mode": rng.choice(["zeros", "constant", "replicate"]), "value": 0.5},
            "crop": {"amounts": tuple((int(n > 2), 0) for n in sizes)},
            "slice": {"axis": 0, "start": channels // 2, "stop": None},
            "split": {
                "axis": 0,
                "sizes": (channels - channels // 2, channels // 2) if channels > 1 else (1,),
            },
            "permute": {"order": (0, *rng.sample(range(1, rank + 1), rank))},
            "shuffle": {"groups": groups},
            "shift": {"kernel": odd, "dilation": axes()},
        }[op]
        return layer(op, rank, **fields)
    if kind == "softmax":
        return layer(rng.choice(["softmax", "softmin", "logsoftmax"]), axis=rng.randint(0, rank))
    op = rng.choice(ELEMENTWISE)
    return layer(op, rank, **({"channels": rng.choice([1, channels])} if op == "prelu" else {}))


KINDS = (
    "conv",
    "conv",
    "convT",
    "pool",
    "norm",
    "norm",
    "upsample",
    "adaptive",
    "move",
    "softmax",
    "elementwise",
    "elementwise",
)


def size(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def make_graph(rng: Random, longest: int, biggest: int) -> Graph:
    """A graph of a few layers with branches that are added, multiplied, concatenated or unpooled."""
    rank = rng.randint(1, 3)
    largest = {1: 9, 2: 6, 3: 4}[rank]
    shape = (rng.randint(1, 4), *(rng.randint(2, largest) for _ in range(rank)))
    net = Net(shape)
    shapes = [shape]
    for _ in range(rng.randint(1, longest)):
        join = rng.choice(["none"] * 7 + ["add", "mul", "concat", "unpool"])
        here = len(net.nodes) - 1
        before = list(net.nodes)
        if join in ("add", "mul", "concat"):
            twins = [i for i, s in enumerate(shapes) if s == shapes[-1] and (join != "concat" or s[0] < 5)]
            net.add(layer(join), here, rng.choice(twins) if twins else here)
        elif join == "unpool":
            kernel = tuple(min(2, n) for n in shapes[-1][1:])
            pool = net.add(layer("maxpool", rank, kernel=kernel), here)
            shapes.append(())
            net.add(layer("unpool", rank, kernel=kernel, size=shapes[here][1:]), pool, Edge(pool, 1))
        else:
            net.add(make_layer(rng, shapes[-1]))
        try:
            shapes_now = [node.outputs[0] for node in net.graph().nodes]
        except ExecutionError:  # for example a window that does not fit: draw on without it
            net.nodes[:] = before
            shapes = shapes[: len(before)]
            continue
        if size(shapes_now[-1]) > biggest:
            net.nodes[:] = before
            shapes = shapes[: len(before)]
            continue
        shapes = list(shapes_now)
    return net.graph()


def graphs(longest: int = 6, biggest: int = 400) -> st.SearchStrategy[Graph]:
    """Graphs of at most so many layers, whose tensors have at most so many elements."""
    return st.integers(0, 1 << 40).map(lambda seed: make_graph(Random(seed), longest, biggest))
