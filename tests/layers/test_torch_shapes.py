"""Shapes, parameters and buffers of random layers against PyTorch, through every way to state them.

Where PyTorch refuses, convcalc refuses, and the other way round. The known differences:

* an output without elements is an output in PyTorch, and refused here;
* factors of upsampling are exact in the line form, and binary fractions in PyTorch
  (``floor(100 * 0.29)``), in a pasted call and with ``rounding=double``;
* ``linear`` and ``cubic`` interpolation work on every number of axes in the line form; a pasted
  ``Upsample(mode='linear')`` means what PyTorch means;
* ``p=same`` with a stride is TensorFlow's here; a pasted call of it is refused as in PyTorch;
* a map of one position can be instance-normalised here, a vector can be response-normalised;
* ``linear`` works on flat inputs or, with ``axis=channels``, on the channels; layer normalisation
  on everything or on the channels; PyTorch means the last axes by both;
* pools allow padding up to half the kernel, without its dilation there and with it here; AvgPool3d
  and LPPool3d refuse kernels that need padding or ``ceil_mode`` to fit; a BatchNorm that stores
  nothing does not look at its channels;
* what crops is ``crop``: negative padding is refused.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import convcalc
from convcalc import layers
from convcalc.dims import DimensionError
from convcalc.spec.errors import SpecError
from tests.layers.spelling import spell
from tests.layers.torch_cases import DRAWS, Case, nn

pytestmark = pytest.mark.torch

Result = tuple[tuple[int, ...], int, int] | None
"""Output shape without batch, parameters, buffers; None where it is refused."""


def torch_says(case: Case) -> tuple[Result, str]:
    """What the module gives, and how it prints itself.

    Kernels on meta tensors check less than those that run, so a case must pass both.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = case.build().eval()
        except (RuntimeError, ValueError) as error:
            return None, str(error)
        try:
            with torch.no_grad():
                real = tuple(module(torch.zeros(2, *case.shape)).shape)
            if 0 in real:
                return None, repr(module)
        except (RuntimeError, ValueError, IndexError):
            return None, repr(module)
        meta = module.to("meta")
        shape = tuple(meta(torch.empty(2, *case.shape, device="meta")).shape)
    assert shape == real
    params = sum(p.numel() for p in module.parameters())
    # num_batches_tracked counts batches: a number of the training loop, not of the network
    buffers = sum(b.numel() for name, b in module.named_buffers() if not name.endswith("num_batches_tracked"))
    return (shape[1:], params, buffers), repr(module)


def spec_says(spec: str, shape: tuple[int, ...]) -> Result:
    try:
        graph = convcalc.load(spec, input=shape)
    except SpecError:
        return None
    totals = convcalc.analyze(graph).totals
    return graph.shape(graph.outputs[0]), totals.params, totals.buffers


def layer_says(case: Case) -> Result:
    inputs = (case.shape,)
    try:
        layer = layers.lookup(case.op).create(inputs, case.values)
        shape = layer.output_shapes(inputs)[0]
    except DimensionError:
        return None

    def numbers(arrays: dict[str, tuple[int, ...]]) -> int:
        total = 0
        for array in arrays.values():
            product = 1
            for n in array:
                product *= n
            total += product
        return total

    return shape, numbers(layer.parameters(inputs)), numbers(layer.buffers(inputs))


@pytest.mark.parametrize(("draw", "many"), DRAWS, ids=[draw.__name__ for draw, _ in DRAWS])
def test_random_layers(draw: Callable[[Random], Case], many: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(many):
        rng = Random(f"{draw.__name__} {seed}")
        case = draw(rng)
        if not case.agree and case.op != "upsample":  # that is pasted with PyTorch's rounding
            continue
        expected, printed = torch_says(case)
        seen["refused" if expected is None else "run"] += 1
        about = f"{seed}: {case.op} {case.values} on {case.shape}\n{printed}"
        if case.line and case.agree:
            assert layer_says(case) == expected, about
            line = spell(rng, case.op, case.values)
            assert spec_says(line, case.shape) == expected, f"{about}\n{line}"
        # a constructor that refused left a message instead
        if case.pasted and (expected is not None or printed.partition("(")[0] in vars(nn())):
            assert spec_says(printed, case.shape) == expected, about
            seen["pasted"] += 1
    assert seen["run"] > many // 4


def test_there_are_enough_of_them() -> None:
    assert sum(many for _, many in DRAWS) >= 2000


class Written:
    """Stands in for ``torch.nn``: what is constructed is the text of the call."""

    def __getattr__(self, name: str) -> Callable[..., Written]:
        def call(*arguments: Any, **named: Any) -> Written:
            made = Written()
            given = [*map(repr, arguments), *(f"{key}={value!r}" for key, value in named.items())]
            made.text = f"{name}({', '.join(given)})"
            return made

        return call

    text = ""

    def __repr__(self) -> str:
        return self.text


@pytest.mark.parametrize(("draw", "many"), DRAWS, ids=[draw.__name__ for draw, _ in DRAWS])
def test_constructor_calls(
    draw: Callable[[Random], Case], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people paste from source code: positional and keyword arguments."""
    read = 0
    for seed in range(many // 2):
        case = draw(Random(f"call {draw.__name__} {seed}"))
        with monkeypatch.context() as patch:
            patch.setattr("tests.layers.torch_cases.nn", Written)
            text = repr(case.build())
        if (
            not case.agree and case.op != "upsample"
        ) or "-" in text:  # negative padding and infinities are for the witness alone
            continue
        expected, _ = torch_says(case)
        assert spec_says(f"nn.{text}", case.shape) == expected, f"{seed}: {text} on {case.shape}"
        read += expected is not None
    assert read > many // 8


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_transposed_convolutions_have_no_padding_mode(mode: str) -> None:
    with pytest.raises(ValueError, match="zeros"):
        nn().ConvTranspose2d(3, 4, 3, padding_mode=mode)
    assert spec_says(f"ConvTranspose2d(3, 4, 3, padding_mode='{mode}')", (3, 8, 8)) is None
    assert spec_says("ConvTranspose2d(3, 4, 3, padding_mode='zeros')", (3, 8, 8)) is not None


def unpool(rng: Random) -> tuple[str, tuple[int, ...], Any]:
    rank = rng.randint(1, 3)
    kernel = tuple(rng.randint(1, 3) for _ in range(rank))
    stride = tuple(rng.randint(1, 3) for _ in range(rank))
    padding = tuple(rng.randint(0, k // 2) for k in kernel)
    sizes = tuple(rng.randint(k, 10) for k in kernel)
    joined = ["x".join(map(str, v)) for v in (kernel, stride, padding)]
    window = f"k{joined[0]} s{joined[1]} p{joined[2]}"
    size = rng.choice([None, sizes, tuple(n + rng.randint(-2, 2) for n in sizes)])
    stated = "" if size is None else f" size=({','.join(map(str, size))},)"
    line = f"maxpool {window} id=pool | unpool {window}{stated} from=[pool,pool.indices]"

    def run() -> Any:
        import torch

        pool = getattr(nn(), f"MaxPool{rank}d")(kernel, stride, padding, return_indices=True)
        with torch.device("meta"):
            values, indices = pool(torch.empty(2, 3, *sizes))
            back = getattr(nn(), f"MaxUnpool{rank}d")(kernel, stride, padding)
            return back(values, indices, None if size is None else [2, 3, *size])

    return line, (3, *sizes), run


def test_unpooling() -> None:
    seen: Counter[bool] = Counter()
    for seed in range(150):
        line, shape, run = unpool(Random(seed))
        try:
            expected: Result = (tuple(run().shape)[1:], 0, 0)
        except (RuntimeError, ValueError):
            expected = None
        if expected is not None and 0 in expected[0]:
            expected = None
        seen[expected is None] += 1
        assert spec_says(line, shape) == expected, (seed, line, shape)
    assert min(seen.values()) > 5


def chain(rng: Random, length: int) -> tuple[Any, tuple[int, ...]]:
    """A Sequential whose parts fit, some of them nested, some repeated."""
    import torch

    rank = rng.randint(1, 3)
    channels = rng.randint(1, 6)
    shape = first = (channels, *(rng.randint(6, 14) for _ in range(rank)))
    parts: list[Any] = []
    while len(parts) < length:
        c, flat = shape[0], len(shape) == 1
        out = rng.randint(1, 8)
        choices: list[Callable[[], Any]] = [nn().ReLU, lambda: nn().Dropout(0.1), nn().SiLU]
        if flat:
            choices += [lambda c=c, out=out: nn().Linear(c, out), lambda c=c: nn().BatchNorm1d(c)]
        else:
            conv, norm = getattr(nn(), f"Conv{rank}d"), getattr(nn(), f"BatchNorm{rank}d")
            pool = getattr(nn(), f"MaxPool{rank}d")
            choices += [
                lambda c=c, out=out, conv=conv: conv(
                    c, out, 3, rng.choice([1, 2]), 1, bias=rng.random() < 0.5
                ),
                lambda c=c, conv=conv: conv(c, c, 3, padding="same", groups=c),
                lambda c=c, norm=norm: norm(c),
                lambda c=c: nn().GroupNorm(1, c),
                lambda pool=pool: pool(2, ceil_mode=True),
                lambda c=c, out=out, conv=conv: nn().Sequential(conv(c, out, 1), nn().ReLU6()),
                nn().Flatten,
            ]
        try:
            module = rng.choice(choices)().eval()
            with torch.device("meta"):
                reached = tuple(module.to("meta")(torch.empty(2, *shape)).shape[1:])
        except (RuntimeError, ValueError):
            continue
        again = reached == shape and rng.random() < 0.2
        parts += [module] * (3 if again else 1)
        shape = reached
    return nn().Sequential(*parts), first


def test_printed_sequentials() -> None:
    import copy

    import torch

    for seed in range(150):
        built, shape = chain(Random(seed), 8)
        # one object standing in several places would count once
        model = nn().Sequential(*map(copy.deepcopy, built))
        with torch.device("meta"):
            out = tuple(model(torch.empty(2, *shape)).shape[1:])
        params = sum(p.numel() for p in model.parameters())
        buffers = sum(b.numel() for n, b in model.named_buffers() if not n.endswith("num_batches_tracked"))
        assert spec_says(repr(model), shape) == (out, params, buffers), (seed, repr(model))
        assert spec_says(repr(built), shape) == (out, params, buffers), (seed, repr(built))
