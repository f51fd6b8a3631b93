"""Output shapes of random layers against ONNX shape inference, and SAME against Keras's formula.

Each generator gives an ONNX node and the same layer in the language. Where they differ on purpose:

* transposed convolutions of ``SAME`` with a kernel below the stride give ``size * stride`` here, as
  ONNX's operator text says; its inference does not;
* ONNX lets a pool's padding exceed half its kernel, which convcalc refuses;
* with ``ceil_mode`` convcalc leaves out windows that start behind the input, as PyTorch and ONNX
  from opset 22 on.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, prod
from random import Random
from typing import Any, NamedTuple

import onnx
import pytest
from onnx import TensorProto, helper

import convcalc
from convcalc.spec.errors import SpecError

Axes = tuple[int, ...]
OPSET = 22


class Case(NamedTuple):
    """A node, what arrives (the first is the data, with a batch of 1 left out), and the line."""

    op: str
    attributes: dict[str, Any]
    shapes: list[Axes]
    line: str
    constants: dict[int, Any] = {}  # noqa: RUF012
    of_constants: Axes | None = None


def infer(case: Case) -> Axes:
    """What ONNX infers for the first output, batch left out; -1 or 0 where a window does not fit."""
    inputs, initializers = [], []
    names = []
    for i, shape in enumerate(case.shapes):
        names.append(f"x{i}")
        inputs.append(helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, shape))
    for i, (kind, values) in case.constants.items():
        while len(names) < i:
            names.append("")
        names.append(f"c{i}")
        initializers.append(helper.make_tensor(f"c{i}", kind, case.of_constants or [len(values)], values))
    node = helper.make_node(case.op, names, ["y"], **case.attributes)
    graph = helper.make_graph([node], "g", inputs, [helper.make_empty_tensor_value_info("y")], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    (output,) = inferred.graph.output
    return tuple(d.dim_value for d in output.type.tensor_type.shape.dim)[1:]


def ours(line: str, shape: Axes) -> Axes:
    graph = convcalc.load(line, input=shape)
    found: Axes = graph.shape(graph.outputs[0])
    return found


def ints(rng: Random, low: int, high: int, rank: int) -> Axes:
    return tuple(rng.randint(low, high) for _ in range(rank))


def by(values: Axes) -> str:
    return "x".join(map(str, values))


def sides(pairs: list[tuple[int, int]]) -> str:
    return "x".join(f"{b}:{a}" for b, a in pairs)


def onnx_pads(pairs: list[tuple[int, int]]) -> list[int]:
    return [b for b, _ in pairs] + [a for _, a in pairs]


CONVENTIONS = {"SAME_UPPER": ("same", "same_upper"), "SAME_LOWER": ("same_lower",), "VALID": ("valid",)}


def convention(rng: Random, pairs: list[tuple[int, int]]) -> tuple[dict[str, Any], str]:
    """Padding in numbers or by a convention: ONNX attributes and the option."""
    auto = rng.choice(["NOTSET", "NOTSET", *CONVENTIONS])
    if auto == "NOTSET":
        return {"pads": onnx_pads(pairs)}, f"p{sides(pairs)}"
    return {"auto_pad": auto}, f"p={rng.choice(CONVENTIONS[auto])}"


def conv(rng: Random) -> Case:
    rank, groups = rng.randint(1, 3), rng.randint(1, 3)
    ins, outs = groups * rng.randint(1, 4), groups * rng.randint(1, 4)
    kernel, stride, dilation = ints(rng, 1, 5, rank), ints(rng, 1, 4, rank), ints(rng, 1, 3, rank)
    sizes = tuple(d * (k - 1) + 1 + rng.randint(0, 9) for k, d in zip(kernel, dilation, strict=True))
    attributes, padding = convention(rng, [(rng.randint(0, 4), rng.randint(0, 4)) for _ in kernel])
    attributes |= {"strides": stride, "dilations": dilation, "group": groups, "kernel_shape": kernel}
    line = f"conv {ins}->{outs} k{by(kernel)} s{by(stride)} d{by(dilation)} g{groups} {padding}"
    return Case("Conv", attributes, [(1, ins, *sizes), (outs, ins // groups, *kernel)], line)


def conv_transpose(rng: Random) -> Case:
    rank, groups = rng.randint(1, 3), rng.randint(1, 3)
    ins, outs = groups * rng.randint(1, 4), groups * rng.randint(1, 4)
    kernel, stride, dilation = ints(rng, 1, 5, rank), ints(rng, 1, 4, rank), ints(rng, 1, 3, rank)
    extra = tuple(rng.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    sizes = ints(rng, 1, 8, rank)
    room = [d * (k - 1) + s * (i - 1) for d, k, s, i in zip(dilation, kernel, stride, sizes, strict=True)]
    pairs = [(rng.randint(0, r // 2), rng.randint(0, r // 2)) for r in room]
    words = [f"convT {ins}->{outs} k{by(kernel)} s{by(stride)} d{by(dilation)} g{groups}"]
    attributes = {"strides": stride, "dilations": dilation, "group": groups, "kernel_shape": kernel}
    auto = rng.choice(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
    if any(d * (k - 1) + 1 < s for d, k, s in zip(dilation, kernel, stride, strict=True)):
        # ONNX's text wants size * stride of SAME, but its inference leaves the gap out.
        auto = "NOTSET"
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        attributes["auto_pad"] = auto
        words.append(f"p={rng.choice(CONVENTIONS[auto])}")
    elif auto == "VALID":
        attributes |= {"auto_pad": auto, "output_padding": extra}
        words.append(f"p=valid op{by(extra)}")
    else:
        attributes |= {"pads": onnx_pads(pairs), "output_padding": extra}
        words.append(f"p{sides(pairs)} op{by(extra)}")
    shapes = [(1, ins, *sizes), (ins, outs // groups, *kernel)]
    return Case("ConvTranspose", attributes, shapes, " ".join(words))


def pool(rng: Random) -> Case:
    rank, op = rng.randint(1, 3), rng.choice(["MaxPool", "AveragePool", "LpPool"])
    kernel, stride = ints(rng, 1, 5, rank), ints(rng, 1, 5, rank)
    dilation = ints(rng, 1, 3, rank) if op == "MaxPool" else (1,) * rank
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = tuple(e + rng.randint(0, 9) for e in extents)
    attributes, padding = convention(rng, [(rng.randint(0, e // 2), rng.randint(0, e // 2)) for e in extents])
    attributes |= {"strides": stride, "kernel_shape": kernel}
    line = f"{op.lower().replace('average', 'avg')} k{by(kernel)} s{by(stride)} {padding}"
    if op == "MaxPool":
        attributes["dilations"] = dilation
        line += f" d{by(dilation)}"
    if "pads" in attributes and rng.random() < 0.5:
        attributes["ceil_mode"] = 1
        line += " ceil=true"
    return Case(op, attributes, [(1, rng.randint(1, 4), *sizes)], line)


def resize(rng: Random) -> Case:
    rank = rng.randint(1, 3)
    shape = (rng.randint(1, 4), *ints(rng, 2, 12, rank))
    mode, line_mode = rng.choice([("nearest", "nearest"), ("linear", "linear"), ("cubic", "cubic")])
    if rng.random() < 0.5:
        size = ints(rng, 1, 20, rank)
        constants = {3: (TensorProto.INT64, [1, shape[0], *size])}
        option = f"size=({','.join(map(str, size))},)"
    else:
        # floor(size * scale), in single precision there: factors that it holds exactly
        scale = [rng.choice([0.5, 1, 1.25, 1.5, 2, 2.75, 3]) for _ in range(rank)]
        constants = {2: (TensorProto.FLOAT, [1, 1, *scale])}
        option = f"scale=({','.join(map(str, scale))},)"
    line = f"upsample {option} mode={line_mode}"
    return Case("Resize", {"mode": mode}, [(1, *shape)], line, constants)


def depth_to_space(rng: Random) -> Case:
    block, mode = rng.randint(1, 4), rng.choice(["DCR", "CRD"])
    shape = (1, block * block * rng.randint(1, 4), *ints(rng, 1, 6, 2))
    line = f"pixelshuffle {block} mode={mode.lower()}"
    return Case("DepthToSpace", {"blocksize": block, "mode": mode}, [shape], line)


def space_to_depth(rng: Random) -> Case:
    block = rng.randint(1, 4)
    shape = (1, rng.randint(1, 4), *(block * n for n in ints(rng, 1, 6, 2)))
    return Case("SpaceToDepth", {"blocksize": block}, [shape], f"pixelunshuffle {block} mode=dcr")


def flatten(rng: Random) -> Case:
    return Case("Flatten", {"axis": 1}, [(1, *ints(rng, 1, 6, rng.randint(1, 4)))], "flatten")


def gemm(rng: Random) -> Case:
    ins, outs = ints(rng, 1, 30, 2)
    return Case("Gemm", {"transB": 1}, [(1, ins), (outs, ins), (outs,)], f"linear {ins}->{outs}")


def matmul(rng: Random) -> Case:
    ins, outs = ints(rng, 1, 9, 2)
    shape = (*ints(rng, 1, 5, rng.randint(1, 5)), ins)
    return Case("MatMul", {}, [(1, *shape), (ins, outs)], f"linear {outs} axis=-1 bias=false")


def join(rng: Random) -> Case:
    rank = rng.randint(1, 4)
    first = ints(rng, 1, 6, rank)
    kind = rng.choice(["Concat", "Add", "Mul"])
    if kind == "Concat":
        axis = rng.randint(0, rank - 1)
        second = tuple(rng.randint(1, 6) if a == axis else n for a, n in enumerate(first))
        cut = " ".join(
            f"| slice 0 {n} axis={a}" for a, n in enumerate(second)
        )  # a second tensor of that shape, in the language
        source = tuple(max(pair) for pair in zip(first, second, strict=True))
        one = " ".join(f"| slice 0 {n} axis={a}" for a, n in enumerate(first))
        line = (
            f"identity id=all {one} | identity id=a | identity from=all {cut} | identity id=b "
            f"| concat axis={axis} from=[a,b]"
        )
        return Case("Concat", {"axis": axis + 1}, [(1, *first), (1, *second), (1, *source)], line)
    second = tuple(rng.choice([n, 1]) for n in first)
    cut = " ".join(f"| slice 0 {n} axis={a}" for a, n in enumerate(second))
    line = f"identity id=a {cut} | identity id=b | {kind.lower()} from=[a,b]"
    return Case(kind, {}, [(1, *first), (1, *second), (1, *first)], line)


def transpose(rng: Random) -> Case:
    shape = ints(rng, 1, 6, rng.randint(2, 4))
    order = list(range(len(shape)))
    rng.shuffle(order)
    line = f"permute ({','.join(map(str, order))})"
    return Case("Transpose", {"perm": [0, *(a + 1 for a in order)]}, [(1, *shape)], line)


def pad(rng: Random) -> Case:
    rank = rng.randint(1, 3)
    shape = (rng.randint(1, 4), *ints(rng, 4, 9, rank))
    mode = rng.choice(["constant", "reflect", "edge", "wrap"])
    pairs = [(rng.randint(0, 3), rng.randint(0, 3)) for _ in range(rank)]
    values = [0, 0, *(b for b, _ in pairs), 0, 0, *(a for _, a in pairs)]
    name = {"edge": "replicate", "wrap": "circular"}.get(mode, mode)
    constants = {1: (TensorProto.INT64, values)}
    return Case("Pad", {"mode": mode}, [(1, *shape)], f"pad p{sides(pairs)} mode={name}", constants)


def cut(rng: Random) -> Case:
    shape = ints(rng, 2, 9, rng.randint(1, 4))
    axis = rng.randrange(len(shape))
    start = rng.randint(0, shape[axis] - 1)
    stop = rng.randint(start + 1, shape[axis])
    if rng.random() < 0.3:
        start -= shape[axis]
    constants = {
        1: (TensorProto.INT64, [start]),
        2: (TensorProto.INT64, [stop]),
        3: (TensorProto.INT64, [axis + 1]),
    }
    line = f"slice start={start} stop={stop} axis={axis}"
    return Case("Slice", {}, [(1, *shape)], line, constants)


def gather(rng: Random) -> Case:
    shape = ints(rng, 1, 6, rng.randint(1, 3))
    index = ints(rng, 1, 4, rng.randint(1, 2))
    axis = rng.randrange(len(shape))
    line = f"gather {by(index)} axis={axis - rng.choice((0, len(shape)))}"
    values = [rng.randrange(shape[axis]) for _ in range(prod(index))]
    return Case("Gather", {"axis": axis + 1}, [(1, *shape)], line, {1: (TensorProto.INT64, values)}, index)


def reshape(rng: Random) -> Case:
    shape = ints(rng, 1, 6, rng.randint(1, 4))
    total = prod(shape)
    divisor = rng.choice([d for d in range(1, total + 1) if total % d == 0])
    to = (divisor, total // divisor)
    return Case("Reshape", {}, [(1, *shape)], f"reshape {by(to)}", {1: (TensorProto.INT64, [1, divisor, -1])})


def reduction(rng: Random) -> Case:
    rank = rng.randint(1, 4)
    shape, axes = ints(rng, 1, 6, rank), sorted(rng.sample(range(rank), rng.randint(1, rank)))
    keep = rng.random() < 0.5 or len(axes) == rank
    if rng.random() < 0.2:
        op = rng.choice(["argmax", "argmin"])
        attributes = {"axis": axes[0] + 1, "keepdims": int(keep or rank == 1)}
        name = {"argmax": "ArgMax", "argmin": "ArgMin"}[op]
        flag = str(keep or rank == 1).lower()
        return Case(name, attributes, [(1, *shape)], f"{op} axis={axes[0]} keep={flag}")
    op, name = rng.choice(
        [("mean", "Mean"), ("sum", "Sum"), ("prod", "Prod"), ("max", "Max"), ("min", "Min"), ("norm", "L2")]
    )
    line = f"{op} axis=({','.join(map(str, axes))},) keep={str(keep).lower()}"
    constants = {1: (TensorProto.INT64, [a + 1 for a in axes])}
    return Case(f"Reduce{name}", {"keepdims": int(keep)}, [(1, *shape)], line, constants)


def repetition(rng: Random) -> Case:
    shape = ints(rng, 1, 3, rng.randint(1, 4))
    if rng.random() < 0.5:
        counts = ints(rng, 1, 3, len(shape))
        line = f"tile ({','.join(map(str, counts))},)"
        return Case("Tile", {}, [(1, *shape)], line, {1: (TensorProto.INT64, [1, *counts])})
    wide = tuple(rng.randint(1, 4) if n == 1 else n for n in shape)
    return Case("Expand", {}, [(1, *shape)], f"expand {by(wide)}", {1: (TensorProto.INT64, [1, *wide])})


def plain(rng: Random) -> Case:
    rank = rng.randint(1, 3)
    shape = (rng.randint(1, 6), *ints(rng, 1, 6, rank))
    c = shape[0]
    return rng.choice(
        [
            Case("GlobalAveragePool", {}, [(1, *shape)], "globalavgpool"),
            Case("GlobalMaxPool", {}, [(1, *shape)], "globalmaxpool"),
            Case("BatchNormalization", {}, [(1, *shape), (c,), (c,), (c,), (c,)], "bn"),
            Case("InstanceNormalization", {}, [(1, *shape), (c,), (c,)], "instancenorm affine=true"),
            Case("LRN", {"size": 3}, [(1, *shape)], "lrn 3"),
            Case("PRelu", {}, [(1, *shape), (c, *(1,) * rank)], f"prelu {c}"),
            Case("Softmax", {"axis": 1}, [(1, *shape)], "softmax"),
        ]
    )


DRAWS: list[tuple[Callable[[Random], Case], int]] = [
    (conv, 700),
    (conv_transpose, 450),
    (pool, 600),
    (resize, 150),
    (depth_to_space, 40),
    (space_to_depth, 40),
    (flatten, 20),
    (gemm, 20),
    (matmul, 20),
    (join, 120),
    (transpose, 40),
    (pad, 80),
    (cut, 80),
    (gather, 60),
    (reshape, 60),
    (reduction, 100),
    (repetition, 60),
    (plain, 80),
]


@pytest.mark.parametrize(("draw", "many"), DRAWS, ids=[draw.__name__ for draw, _ in DRAWS])
def test_random_layers(draw: Callable[[Random], Case], many: int) -> None:
    compared = 0
    for seed in range(many):
        case = draw(Random(f"{draw.__name__} {seed}"))
        arriving = case.shapes[-1] if draw is join else case.shapes[0]
        known = case._replace(shapes=case.shapes[:2]) if draw is join else case
        expected = infer(known)
        if any(n < 1 for n in expected):
            with pytest.raises(SpecError):
                ours(case.line, arriving[1:])
            continue
        compared += 1
        about = f"{seed}: {case.op} {case.attributes} on {arriving}: {case.line}"
        assert ours(case.line, arriving[1:]) == expected, about
    assert compared > many * 0.8


def test_there_are_enough_of_them() -> None:
    assert sum(many for _, many in DRAWS) >= 2000


@pytest.mark.parametrize("seed", range(150))
def test_transposed_convolution_to_a_stated_size(seed: int) -> None:
    """ONNX's rule: the padding that ``output_shape`` implies, split by ``auto_pad``."""
    rng = Random(seed)
    rank = rng.randint(1, 3)
    kernel, stride, sizes = ints(rng, 1, 5, rank), ints(rng, 1, 3, rank), ints(rng, 1, 8, rank)
    largest = [s * (i - 1) + k for s, i, k in zip(stride, sizes, kernel, strict=True)]
    # the inference gives up on outputs that are smaller than the input
    wanted = tuple(rng.randint(i, n) for i, n in zip(sizes, largest, strict=True))
    lower = rng.random() < 0.5
    pairs = []
    for n, size in zip(largest, wanted, strict=True):
        total = n - size
        half = total // 2
        pairs.append((total - half, half) if lower else (half, total - half))
    case = Case(
        "ConvTranspose",
        {
            "strides": stride,
            "kernel_shape": kernel,
            "output_shape": wanted,
            "auto_pad": "SAME_LOWER" if lower else "SAME_UPPER",
        },
        [(1, 2, *sizes), (2, 3, *kernel)],
        f"convT 2->3 k{by(kernel)} s{by(stride)} p{sides(pairs)}",
    )
    assert infer(case) == (3, *wanted)
    assert ours(case.line, (2, *sizes)) == (3, *wanted)


@pytest.mark.parametrize("seed", range(300))
def test_same_of_keras(seed: int) -> None:
    """TensorFlow's published SAME: ``ceil(i/s)`` outputs; VALID: ``ceil((i - k_eff + 1)/s)``."""
    rng = Random(seed)
    rank = rng.randint(1, 3)
    kernel, sizes = ints(rng, 1, 5, rank), ints(rng, 5, 17, rank)
    strided = rng.random() < 0.5
    stride = (rng.randint(2, 4),) * rank if strided else (1,) * rank
    dilation = (1,) * rank if strided else ints(rng, 1, 2, rank)
    padding = rng.choice(["same", "valid"])
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if padding == "same":
        expected = tuple(ceil(i / s) for i, s in zip(sizes, stride, strict=True))
    else:
        expected = tuple(ceil((i - e + 1) / s) for i, e, s in zip(sizes, extents, stride, strict=True))
    call = f"Conv{rank}D(7, {kernel}, strides={stride}, padding='{padding}', dilation_rate={dilation})"
    pool = f"MaxPooling{rank}D({kernel}, strides={stride}, padding='{padding}')"
    if any(n < 1 for n in expected):
        with pytest.raises(SpecError):
            ours(call, (3, *sizes))
        return
    assert ours(call, (3, *sizes)) == (7, *expected)
    assert ours(f"conv 7 k{by(kernel)} s{by(stride)} d{by(dilation)} p={padding}", (3, *sizes)) == (
        7,
        *expected,
    )
    if dilation == (1,) * rank:
        assert ours(pool, (3, *sizes)) == (3, *expected)


@pytest.mark.parametrize(
    ("i", "k", "s", "before", "after"), [(5, 3, 2, 1, 1), (6, 3, 2, 0, 1), (7, 2, 2, 0, 1)]
)
def test_same_pads_as_tensorflow_says(i: int, k: int, s: int, before: int, after: int) -> None:
    """``pad_along = max(k - s, 0)`` or ``max(k - i % s, 0)``; the odd one at the bottom and right."""
    layer = convcalc.load(f"conv 1->1 k{k} s{s} p=same", input=(1, i)).nodes[-1].layer
    assert layer.pads((1, i)) == ((before, after),)
    total = max(k - s, 0) if i % s == 0 else max(k - i % s, 0)
    assert (before, after) == (total // 2, total - total // 2)


@pytest.mark.parametrize("i", range(1, 9))
@pytest.mark.parametrize("k", range(1, 6))
@pytest.mark.parametrize("s", range(1, 5))
def test_keras_transposed(i: int, k: int, s: int) -> None:
    """Keras's deconv_output_length: same ``i*s``; valid ``i*s + max(k - s, 0)``."""
    assert ours(f"Conv1DTranspose(4, {k}, strides={s}, padding='same')", (2, i)) == (4, i * s)
    assert ours(f"Conv1DTranspose(4, {k}, strides={s})", (2, i)) == (4, i * s + max(k - s, 0))
