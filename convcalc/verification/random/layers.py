"""Drawing one random step of a spec: a layer for a shape, or a few that belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from random import Random
from typing import Final, NamedTuple

from convcalc.layers import OPS

Shape = tuple[int, ...]


class Drawn(NamedTuple):
    """A stage to add: its words and what it reads; ``@0`` is the first stage of the same step."""

    words: tuple[str, ...]
    reads: tuple[str, ...]


ACTIVATIONS: Final = tuple(op for op, family in OPS.items() if family == "activation")
CONVENTIONS: Final = ("same", "same_lower", "valid", "full", "causal")


class Draw:
    """Draws steps with one source of randomness."""

    def __init__(self, rng: Random) -> None:
        """Draw with ``rng``."""
        self.rng = rng

    def step(self, source: str, shapes: Mapping[str, Shape], wanted: str | None) -> tuple[Drawn, ...]:
        """A step that reads ``source``; of the layer ``wanted``, if any."""
        shape = shapes[source]
        if wanted is None and self.rng.random() < 0.25:
            return self.rng.choice((self.residual, self.branches, self.gate, self.unpooling))(source, shape)
        op = wanted or self._kind(len(shape) > 1)
        if op in ("add", "mul", "concat"):
            return self.merge(op, source, shapes)
        if op == "unpool":
            return self.unpooling(source, shape)
        if op == "pixelshuffle" and len(shape) > 1:
            return self.shuffle_up(source, shape)
        words = self.words(op, shape)
        return () if words is None else (Drawn(words, (source,)),)

    def _kind(self, spatial: bool) -> str:
        if not spatial:
            return self.rng.choice(("linear", "linear", "bn", "ln", "dropout", "reshape", *ACTIVATIONS))
        return self.rng.choice(_KINDS)

    def words(self, op: str, shape: Shape) -> tuple[str, ...] | None:
        """The words of one layer for a shape; None where it does not go on it."""
        rule: Callable[[Draw, Shape], str] | None = _RULES.get(op)
        if rule is None:
            text = _plain(self, op, shape)
        elif len(shape) < 2 and op not in _FLAT:
            return None
        else:
            text = rule(self, shape)
        return (op, *text.split())

    # Steps of several layers

    def merge(self, op: str, source: str, shapes: Mapping[str, Shape]) -> tuple[Drawn, ...]:
        """Join the source with tensors that fit it, itself among them."""
        shape, rng = shapes[source], self.rng
        axis = rng.randrange(len(shape)) if op == "concat" and rng.random() < 0.4 else 0

        def fits(other: Shape) -> bool:
            if len(other) != len(shape):
                return False
            if op == "concat":
                return all(a == b for i, (a, b) in enumerate(zip(shape, other, strict=True)) if i != axis)
            return all(a == b or 1 in (a, b) for a, b in zip(shape, other, strict=True))

        others = [name for name, other in shapes.items() if fits(other)]
        reads = [source, *(rng.choice(others) for _ in range(rng.choice((1, 1, 2))))]
        rng.shuffle(reads)
        return (Drawn((op, *([f"axis={axis}"] if axis else [])), tuple(reads)),)

    def residual(self, source: str, shape: Shape) -> tuple[Drawn, ...]:
        """A convolution or two whose result is added to what they read."""
        if len(shape) < 2:
            return ()
        rng, channels = self.rng, shape[0]
        convention = rng.choice(("same", "same", "same_lower"))
        k = self.axes(shape, 1, 3)
        steps = [Drawn(("conv", f"{channels}", f"k{k}", f"p={convention}"), (source,))]
        if rng.random() < 0.6:
            steps.append(Drawn((rng.choice(ACTIVATIONS),), ("@0",)))
        last = f"@{len(steps) - 1}"
        steps.append(
            Drawn((rng.choice(("add", "add", "mul")),), rng.choice(((last, source), (source, last))))
        )
        return tuple(steps)

    def branches(self, source: str, shape: Shape) -> tuple[Drawn, ...]:
        """Two or three layers that keep the sizes, side by side, concatenated or added."""
        if len(shape) < 2:
            return ()
        rng = self.rng
        out = rng.randint(1, 4)
        merge = rng.choice(("concat", "concat", "add"))
        steps = []
        for _ in range(rng.randint(2, 3)):
            width = out if merge == "add" else rng.randint(1, 4)
            k, d = self.axes(shape, 1, 3), rng.choice((1, 1, 2, 3))
            if merge == "concat" and rng.random() < 0.3:
                op = rng.choice(("maxpool", "avgpool"))
                steps.append(Drawn((op, f"k{k}", "s1", "p=same"), (source,)))
            else:
                steps.append(Drawn(("conv", f"{width}", f"k{k}", f"d{d}", "p=same"), (source,)))
        steps.append(Drawn((merge,), tuple(f"@{i}" for i in range(len(steps)))))
        return tuple(steps)

    def gate(self, source: str, shape: Shape) -> tuple[Drawn, ...]:
        """Squeeze and excitation: channels scaled by what is seen of the whole map."""
        if len(shape) < 2:
            return ()
        squeeze = self.rng.choice(("globalavgpool", "globalmaxpool"))
        return (
            Drawn((squeeze,), (source,)),
            Drawn(("conv", f"{shape[0]}", "k1"), ("@0",)),
            Drawn((self.rng.choice(("sigmoid", "hardsigmoid")),), ("@1",)),
            Drawn(("mul",), (source, "@2")),
        )

    def unpooling(self, source: str, shape: Shape) -> tuple[Drawn, ...]:
        """A max-pooling, perhaps a layer, and the unpooling that undoes it."""
        if len(shape) < 2:
            return ()
        rng = self.rng
        kernel = [rng.randint(1, min(3, n)) for n in shape[1:]]
        stride = [1] * len(kernel) if rng.random() < 0.3 else kernel
        window = (f"k{'x'.join(map(str, kernel))}", f"s{'x'.join(map(str, stride))}")
        pool, unpool = ["maxpool", *window], ["unpool", *window]
        # Indices are places in the map before the pool: where windows left some of it out, its size is due.
        left = any((n - k) % s for n, k, s in zip(shape[1:], kernel, stride, strict=True))
        if left or rng.random() < 0.4:
            unpool.append("size=(" + "".join(f"{n}," for n in shape[1:]) + ")")
        steps = [Drawn(tuple(pool), (source,))]
        if rng.random() < 0.5:
            steps.append(Drawn(("conv", f"{shape[0]}", "k3", "p=same"), ("@0",)))
        steps.append(Drawn(tuple(unpool), (f"@{len(steps) - 1}", "@0.indices")))
        return tuple(steps)

    def shuffle_up(self, source: str, shape: Shape) -> tuple[Drawn, ...]:
        """Pixel shuffle, after a convolution that makes channels for it."""
        factor = self.rng.choice((1, 2, 2, 2, 3) if len(shape) < 4 else (1, 2))
        mode = self.rng.choice(((), ("mode=dcr",)))
        block = factor ** (len(shape) - 1)
        if shape[0] % block == 0:
            return (Drawn(("pixelshuffle", f"{factor}", *mode), (source,)),)
        return (
            Drawn(("conv", f"{block * self.rng.randint(1, 2)}", "k1"), (source,)),
            Drawn(("pixelshuffle", f"{factor}", *mode), ("@0",)),
        )

    # Values

    def axes(self, shape: Shape, least: int, most: int) -> str:
        """One number for all axes, or one each."""
        rng, rank = self.rng, len(shape) - 1
        if rng.random() < 0.4:
            return str(rng.randint(least, most))
        return "x".join(str(rng.randint(least, most)) for _ in range(rank))

    def pads(self, shape: Shape, most: int) -> str:
        """Padding in numbers: one for all, one an axis, or a pair an axis."""
        rng, rank = self.rng, len(shape) - 1
        kind = rng.random()
        if kind < 0.3:
            return str(rng.randint(0, most))
        if kind < 0.5:
            return "x".join(str(rng.randint(0, most)) for _ in range(rank))
        return "x".join(f"{rng.randint(0, most)}:{rng.randint(0, most)}" for _ in range(rank))

    def divisor(self, number: int) -> int:
        """A divisor of a number."""
        return self.rng.choice([g for g in range(1, number + 1) if number % g == 0])

    def some(self, text: str, chance: float = 0.3) -> str:
        """The text now and then."""
        return text if self.rng.random() < chance else ""


def _convolution(d: Draw, shape: Shape, grouped: bool) -> str:
    rng = d.rng
    kernel = d.axes(shape, 1, 4)
    words = []
    if grouped:
        groups = d.divisor(shape[0])
        words += [f"{groups * rng.randint(1, max(1, 6 // groups))}", f"g{groups}" if groups > 1 else ""]
    words += [f"k{kernel}", d.some(f"s{d.axes(shape, 1, 3)}", 0.5), d.some(f"d{d.axes(shape, 1, 3)}", 0.4)]
    mode = rng.choice(("",) * 6 + ("reflect", "replicate", "circular"))
    if rng.random() < 0.4:
        words.append(f"p={rng.choice(CONVENTIONS)}")
    else:
        words.append(f"p{d.pads(shape, 1 if mode else 3)}")
    if mode:
        words.append(f"padding_mode={mode}")
    return " ".join([*words, d.some("bias=false", 0.4)])


def _conv(d: Draw, shape: Shape) -> str:
    return _convolution(d, shape, True)


def _dwconv(d: Draw, shape: Shape) -> str:
    return _convolution(d, shape, False) + " " + d.some(f"multiplier={d.rng.randint(1, 3)}")


def _conv_transposed(d: Draw, shape: Shape) -> str:
    rng = d.rng
    groups = d.divisor(shape[0])
    out = groups * rng.randint(1, max(1, 4 // groups))
    words = [f"{out}", f"g{groups}" if groups > 1 else "", f"k{d.axes(shape, 1, 4)}"]
    words += [d.some(f"s{d.axes(shape, 1, 3)}", 0.7), d.some(f"d{d.axes(shape, 1, 2)}", 0.3)]
    padding = rng.choice(("same", "same_lower", "valid")) if rng.random() < 0.35 else None
    words.append(f"p={padding}" if padding else f"p{d.pads(shape, 2)}")
    return " ".join([*words, d.some(f"op{d.axes(shape, 0, 2)}"), d.some("bias=false", 0.4)])


def _linear(d: Draw, shape: Shape) -> str:
    axis = "axis=channels" if len(shape) > 1 else ""
    return f"{d.rng.randint(1, 6)} {axis} {d.some('bias=false', 0.4)}"


def _pool(d: Draw, shape: Shape) -> str:
    rng = d.rng
    words = [f"k{d.axes(shape, 1, 4)}", d.some(f"s{d.axes(shape, 1, 3)}", 0.7)]
    if rng.random() < 0.2:
        words.append(f"p={rng.choice(CONVENTIONS)}")
    elif rng.random() < 0.7:
        words.append(f"p{d.pads(shape, 2)}")
    return " ".join([*words, d.some("ceil=true", 0.4)])


def _maxpool(d: Draw, shape: Shape) -> str:
    return f"{_pool(d, shape)} {d.some(f'd{d.axes(shape, 1, 2)}')}"


def _avgpool(d: Draw, shape: Shape) -> str:
    counted, divisor = d.some("count_include_pad=false", 0.5), f"divisor={d.rng.randint(1, 5)}"
    return f"{_pool(d, shape)} {counted} {d.some(divisor, 0.2)}"


def _lppool(d: Draw, shape: Shape) -> str:
    return f"{_pool(d, shape)} norm={d.rng.choice((1, 2, 3))}"


def _adaptive(d: Draw, shape: Shape) -> str:
    return "size=(" + "".join(f"{d.rng.randint(1, n + 1)}," for n in shape[1:]) + ")"


def _bn(d: Draw, shape: Shape) -> str:
    return f"{d.some('affine=false')} {d.some('track=false', 0.2)}"


def _ln(d: Draw, shape: Shape) -> str:
    return f"{d.some('over=channels', 0.5)} {d.some('affine=false', 0.25)} {d.some('bias=false', 0.25)}"


def _gn(d: Draw, shape: Shape) -> str:
    return f"{d.divisor(shape[0])} {d.some('affine=false')}"


def _instancenorm(d: Draw, shape: Shape) -> str:
    return d.some("affine=true", 0.5)


def _lrn(d: Draw, shape: Shape) -> str:
    return str(d.rng.randint(1, 5))


def _scale(d: Draw, shape: Shape) -> str:
    return d.some("bias=true", 0.5)


def _prelu(d: Draw, shape: Shape) -> str:
    return d.some(str(shape[0]), 0.5)


def _gelu(d: Draw, shape: Shape) -> str:
    return d.some("approximate=tanh", 0.5)


def _upsample(d: Draw, shape: Shape) -> str:
    rng, rank = d.rng, len(shape) - 1
    mode = rng.choice(("nearest", "nearest_exact", "linear", "cubic", "spline"))
    if rank == 2 and mode in ("linear", "cubic"):
        mode = rng.choice((mode, f"bi{mode}"))
    if rng.random() < 0.3:
        where = "size=(" + "".join(f"{rng.randint(1, 2 * n)}," for n in shape[1:]) + ")"
    elif rng.random() < 0.5:
        where = f"scale={rng.choice((1, 2, 3, 1.5, 0.5, 2.5))}"
    else:
        where = "scale=(" + "".join(f"{rng.choice((1, 2, 3, 1.5, 0.75))}," for _ in range(rank)) + ")"
    corners = d.some("align_corners=true", 0.4) if not mode.startswith("nearest") else ""
    return f"{where} mode={mode} {corners}"


def _unshuffle(d: Draw, shape: Shape) -> str:
    factors = [f for f in (1, 2, 3) if all(n % f == 0 for n in shape[1:])]
    return f"{max(factors) if d.rng.random() < 0.7 else d.rng.choice(factors)} {d.some('mode=dcr', 0.5)}"


def _shift(d: Draw, shape: Shape) -> str:
    kernel = "x".join(str(d.rng.choice((1, 3, 3))) for _ in shape[1:])
    if prod(map(int, kernel.split("x"))) > shape[0]:
        kernel = "x".join(["3"] + ["1"] * (len(shape) - 2))
    return f"k{kernel} {d.some(f'd{d.axes(shape, 1, 2)}')}"


def _shuffle(d: Draw, shape: Shape) -> str:
    return str(d.divisor(shape[0]))


def _permute(d: Draw, shape: Shape) -> str:
    order = list(range(len(shape)))
    if d.rng.random() < 0.5:
        d.rng.shuffle(order)
    else:  # the channels stay where they are
        rest = order[1:]
        d.rng.shuffle(rest)
        order[1:] = rest
    return "order=(" + "".join(f"{axis}," for axis in order) + ")"


def _reshape(d: Draw, shape: Shape) -> str:
    number, sizes = prod(shape), []
    for _ in range(d.rng.randint(0, 2)):
        sizes.append(d.divisor(number))
        number //= sizes[-1]
    return "x".join(map(str, [*sizes, number]))


def _pad(d: Draw, shape: Shape) -> str:
    mode = d.rng.choice(("zeros", "constant value=0.5", "reflect", "replicate", "circular"))
    return f"p{d.pads(shape, 2)} mode={mode}"


def _crop(d: Draw, shape: Shape) -> str:
    rng = d.rng
    if rng.random() < 0.3:
        return "size=(" + "".join(f"{rng.randint(1, n)}," for n in shape[1:]) + ")"
    pairs = []
    for n in shape[1:]:
        before = rng.randint(0, (n - 1) // 2)
        pairs.append(f"{before}:{rng.randint(0, (n - 1) // 2)}")
    return f"amounts={'x'.join(pairs)}"


def _slice(d: Draw, shape: Shape) -> str:
    axis = d.rng.choice((0, 0, d.rng.randrange(len(shape))))
    start = d.rng.randint(0, shape[axis] - 1)
    stop = d.rng.randint(start + 1, shape[axis])
    return f"{start} {stop} {f'axis={axis}' if axis else ''}"


def _split(d: Draw, shape: Shape) -> str:
    axis = d.rng.choice((0, 0, d.rng.randrange(len(shape))))
    size = shape[axis]
    parts: list[int] = []
    while size > 1 and len(parts) < 2:
        parts.append(d.rng.randint(1, size - 1))
        size -= parts[-1]
    return f"sizes=({''.join(f'{part},' for part in (*parts, size))}) {f'axis={axis}' if axis else ''}"


def _plain(d: Draw, op: str, shape: Shape) -> str:
    return ""


_RULES: Final[dict[str, Callable[[Draw, Shape], str]]] = {
    "conv": _conv,
    "dwconv": _dwconv,
    "convT": _conv_transposed,
    "linear": _linear,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "lppool": _lppool,
    "adaptiveavgpool": _adaptive,
    "adaptivemaxpool": _adaptive,
    "bn": _bn,
    "ln": _ln,
    "gn": _gn,
    "instancenorm": _instancenorm,
    "lrn": _lrn,
    "scale": _scale,
    "prelu": _prelu,
    "gelu": _gelu,
    "upsample": _upsample,
    "pixelunshuffle": _unshuffle,
    "shift": _shift,
    "shuffle": _shuffle,
    "permute": _permute,
    "reshape": _reshape,
    "pad": _pad,
    "crop": _crop,
    "slice": _slice,
    "split": _split,
}
_FLAT: Final = frozenset(("linear", "bn", "ln", "gn", "lrn", "scale", "prelu", "gelu", "shuffle", "permute",
                          "reshape", "slice", "split"))  # fmt: skip
"""Layers with options that go on flat tensors too."""

_KINDS: Final = (
    *("conv",) * 6, *("convT",) * 4, *("dwconv",) * 2, *("maxpool", "avgpool", "lppool") * 2,
    *("upsample",) * 3, *(op for op in OPS if op not in ("input", "flatten", "reshape", "globalavgpool",
                                                        "globalmaxpool", "softmax")),
    *ACTIVATIONS[:3], "flatten", "reshape",
)  # fmt: skip
