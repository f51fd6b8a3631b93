"""Every class of PyTorch that is read, with drawn arguments, against the same call run by PyTorch.

Formula and executor both believed a wrong reading of a pasted ``nn.Upsample(scale_factor=1.4)``, and
agreed: here the original is the witness. A call is written, built by PyTorch, run in float64 on drawn
values, and compared: shape, parameters and buffers by name, what is trained, values, and whether the
result shares the memory of the input. What PyTorch refuses is refused; what it takes is taken, or
refused by one of the reasons that :data:`REFUSED_HERE` lists for the class.

``python -m tests.importers.test_pytorch`` prints the table of classes by arguments that were drawn.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute
from convcalc.importers.pytorch import table as pytorch
from convcalc.spec.errors import SpecError

pytestmark = pytest.mark.torch

Draw = Callable[[st.SearchStrategy[Any]], Any]


def nn() -> Any:
    import torch.nn

    return torch.nn


class Word(str):
    """A value that is written without quotes: ``torch.float32``."""

    def __repr__(self) -> str:
        return str(self)


class Call(NamedTuple):
    """A class with arguments by name, as many of them positional, and the shape that arrives."""

    name: str
    given: dict[str, Any]
    positional: int
    shape: tuple[int, ...]

    @property
    def text(self) -> str:
        """The call as people write it."""
        words = [
            repr(value) if number < self.positional else f"{key}={value!r}"
            for number, (key, value) in enumerate(self.given.items())
        ]
        return f"nn.{self.name}({', '.join(words)})"


# What is drawn for each class

whole = st.integers


def maybe(draw: Draw, given: dict[str, Any], key: str, values: st.SearchStrategy[Any]) -> Any:
    """An argument that is left out half of the time."""
    if draw(st.booleans()):
        given[key] = draw(values)
    return given.get(key)


def per_axis(rank: int, values: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    """One number, or one per axis."""
    return st.one_of(values, st.tuples(*[values] * rank), st.tuples(*[values] * rank).map(list))


def sizes(rank: int, least: int = 1, most: int = 9) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[whole(least, most)] * rank)


def last(given: dict[str, Any], draw: Draw) -> None:
    """Where and in which type: the first changes nothing, the second is refused where it does."""
    maybe(draw, given, "device", st.sampled_from([None, "cpu"]))
    maybe(
        draw, given, "dtype", st.sampled_from([None] + [Word("torch.float32")] * 4 + [Word("torch.float16")])
    )


def conv(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    lazy, transposed = name.startswith("Lazy"), "Transpose" in name
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    ins, outs = groups * draw(whole(1, 2)), groups * draw(whole(1, 2))
    if draw(whole(0, 19)) == 0:
        outs += 1
    given: dict[str, Any] = {} if lazy else {"in_channels": ins}
    given |= {"out_channels": outs, "kernel_size": draw(per_axis(rank, whole(1, 4)))}
    maybe(draw, given, "stride", per_axis(rank, whole(1, 3)))
    words = st.sampled_from(["same", "valid", "same", "causal"] if not transposed else ["valid"])
    simple = per_axis(rank, whole(0, 2))
    maybe(draw, given, "padding", simple if draw(whole(0, 2)) else words)
    if transposed:
        maybe(draw, given, "output_padding", per_axis(rank, whole(0, 2)))
    order = ["groups", "bias", "dilation"] if transposed else ["dilation", "groups", "bias"]
    for key in order:
        if key == "groups":
            if groups > 1 or draw(st.booleans()):
                given["groups"] = groups
        else:
            maybe(draw, given, key, st.booleans() if key == "bias" else per_axis(rank, whole(1, 3)))
    modes = ["zeros", "reflect", "replicate", "circular"]
    maybe(draw, given, "padding_mode", st.sampled_from(["zeros"] * 12 * transposed + modes))
    last(given, draw)
    return given, (ins + (draw(whole(0, 19)) == 0), *draw(sizes(rank, least=draw(st.sampled_from([1, 4])))))


def linear(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    ins = draw(whole(1, 6))
    given: dict[str, Any] = {} if name.startswith("Lazy") else {"in_features": ins}
    given["out_features"] = draw(whole(1, 6))
    maybe(draw, given, "bias", st.booleans())
    last(given, draw)
    return given, (*draw(sizes(draw(st.sampled_from([0, 0, 0, 1, 2])))), ins + (draw(whole(0, 19)) == 0))


def embedding(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    entries = draw(whole(1, 6))
    given: dict[str, Any] = {"num_embeddings": entries, "embedding_dim": draw(whole(1, 4))}
    maybe(draw, given, "padding_idx", st.one_of(st.none(), whole(-entries - 1, entries)))
    maybe(draw, given, "max_norm", st.sampled_from([None, 1.0, None]))
    maybe(draw, given, "norm_type", st.sampled_from([2.0, 1.0]))
    maybe(draw, given, "scale_grad_by_freq", st.booleans())
    maybe(draw, given, "sparse", st.booleans())
    maybe(draw, given, "_freeze", st.sampled_from([False, True, False]))
    last(given, draw)
    return given, draw(sizes(draw(whole(1, 3)), most=4))


def pool(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    given: dict[str, Any] = {}
    if name.startswith("LP"):
        given["norm_type"] = draw(st.sampled_from([1, 2, 3, 2.0, 1.5, 4, 0.5, -1]))
    given["kernel_size"] = draw(per_axis(rank, whole(1, 4)))
    maybe(draw, given, "stride", st.one_of(st.none(), per_axis(rank, whole(1, 4))))
    if not name.startswith("LP"):
        maybe(draw, given, "padding", per_axis(rank, whole(0, 2)))
    if name.startswith("Max"):
        maybe(draw, given, "dilation", per_axis(rank, whole(1, 3)))
        maybe(draw, given, "return_indices", st.booleans())
    maybe(draw, given, "ceil_mode", st.booleans())
    if name.startswith("Avg"):
        maybe(draw, given, "count_include_pad", st.booleans())
        if rank > 1:
            maybe(draw, given, "divisor_override", st.one_of(st.none(), whole(1, 7)))
    return given, (draw(whole(1, 3)), *draw(sizes(rank)))


def unpool(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    given: dict[str, Any] = {"kernel_size": draw(per_axis(rank, whole(1, 3)))}
    maybe(draw, given, "stride", st.one_of(st.none(), per_axis(rank, whole(1, 3))))
    maybe(draw, given, "padding", per_axis(rank, whole(0, 1)))
    return given, (draw(whole(1, 3)), *draw(sizes(rank)))


def adaptive(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    one = st.one_of(st.none(), whole(1, 9))
    given: dict[str, Any] = {"output_size": draw(st.one_of(whole(1, 9), st.tuples(*[one] * rank)))}
    if "Max" in name:
        maybe(draw, given, "return_indices", st.sampled_from([False, False, True]))
    return given, (draw(whole(1, 3)), *draw(sizes(rank)))


def norm(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    channels = draw(whole(1, 4))
    given: dict[str, Any] = {} if name.startswith("Lazy") else {"num_features": channels}
    maybe(draw, given, "eps", st.sampled_from([1e-5, 1e-3, 0.1]))
    maybe(draw, given, "momentum", st.sampled_from([0.1, 0.9] + [None] * ("Batch" in name)))
    maybe(draw, given, "affine", st.booleans())
    maybe(draw, given, "track_running_stats", st.booleans())
    if name == "SyncBatchNorm":
        maybe(draw, given, "process_group", st.none())
        rank = draw(whole(0, 3))
    last(given, draw)
    maybe(draw, given, "bias", st.booleans())
    if rank == 1 and "Batch" in name:
        rank = draw(whole(0, 1))
    return given, (channels + (draw(whole(0, 19)) == 0), *draw(sizes(rank, most=5)))


def group_norm(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    groups = draw(whole(1, 3))
    channels = groups * draw(whole(1, 3)) + (draw(whole(0, 19)) == 0)
    given: dict[str, Any] = {"num_groups": groups, "num_channels": channels}
    maybe(draw, given, "eps", st.sampled_from([1e-5, 1e-3, 0.1]))
    maybe(draw, given, "affine", st.booleans())
    last(given, draw)
    maybe(draw, given, "bias", st.booleans())
    return given, (channels, *draw(sizes(draw(whole(0, 3)), most=5)))


def layer_norm(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    plane = name.endswith("2d")
    shape = (draw(whole(1, 4)), *draw(sizes(2 if plane else draw(whole(0, 3)), most=5)))
    count = draw(whole(1, len(shape)))
    over = shape[:1] if plane else shape[len(shape) - count :]
    given: dict[str, Any] = {"normalized_shape": over[0] if len(over) == 1 and draw(st.booleans()) else over}
    maybe(draw, given, "eps", st.sampled_from([1e-5, 1e-3, 0.1]))
    maybe(draw, given, "elementwise_affine", st.booleans())
    if name != "RMSNorm":
        maybe(draw, given, "bias", st.booleans())
    last(given, draw)
    return given, shape


def response_norm(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    given: dict[str, Any] = {"size": draw(whole(1, 6))}
    maybe(draw, given, "alpha", st.sampled_from([1e-4, 0.5]))
    maybe(draw, given, "beta", st.sampled_from([0.75, 0.5, 2]))
    maybe(draw, given, "k", st.sampled_from([1.0, 2]))
    return given, (draw(whole(1, 5)), *draw(sizes(draw(whole(0, 3)), most=4)))


NUMBERS = {
    "negative_slope": st.sampled_from([0.01, 0.3, 0.0, 2]),
    "alpha": st.sampled_from([1.0, 0.5, 2]),
    "approximate": st.sampled_from(["none", "tanh"]),
    "inplace": st.booleans(),
    "init": st.sampled_from([0.25, 0.5]),
    "p": st.sampled_from([0.5, 0.0, 1.0, 0.2]),
    "mode": st.sampled_from(["row", "batch"]),
    "beta": st.sampled_from([1.0, 2, 0.3]),
    "threshold": st.sampled_from([20.0, 1, 0.5]),
    "value": st.sampled_from([0, -1.5, 2]),
    "lambd": st.sampled_from([0.5, 0.0, 1.2]),
    "lower": st.sampled_from([0.125, 0.2, 0]),
    "upper": st.sampled_from([1 / 3, 0.5, 1]),
    "min_val": st.sampled_from([-1.0, 0, -0.3]),
    "max_val": st.sampled_from([1.0, 2, -0.5]),
    "min_value": st.sampled_from([None, -0.7]),
    "max_value": st.sampled_from([None, 0.7]),
}


def pointwise(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Elementwise layers: their arguments in the order of the signature, each from :data:`NUMBERS`."""
    channels = draw(whole(1, 4))
    given: dict[str, Any] = {}
    for argument in pytorch.ROWS[name].arguments:
        if argument.name in ("device", "dtype"):
            continue
        if argument.name == "num_parameters":
            maybe(draw, given, "num_parameters", st.sampled_from([1, channels, channels, channels + 1]))
        elif argument.required:
            given[argument.name] = draw(NUMBERS[argument.name])
        else:
            maybe(draw, given, argument.name, NUMBERS[argument.name])
    if name == "PReLU":
        last(given, draw)
    if name == "Identity" and draw(st.booleans()):
        given = {"anything": draw(whole(0, 9))}
    return given, (channels, *draw(sizes(rank or draw(whole(0, 3)), most=5)))


def softmax(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    shape = (draw(whole(1, 4)), *draw(sizes(draw(whole(0, 3)), most=4)))
    given: dict[str, Any] = {}
    maybe(draw, given, "dim", st.one_of(st.none(), whole(-len(shape) - 1, len(shape))))
    return given, shape


def halved(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    shape = [draw(whole(1, 4)), *draw(sizes(draw(whole(0, 3)), most=4))]
    given: dict[str, Any] = {}
    dim = maybe(draw, given, "dim", whole(-len(shape), len(shape)))
    place = -1 if dim is None else dim - 1 if dim > 0 else dim
    shape[place] *= 1 + (draw(whole(0, 9)) > 0)
    return given, tuple(shape)


def unfold(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    size, kernel = draw(sizes(2, least=2)), draw(per_axis(2, whole(1, 3)))
    given: dict[str, Any] = {"output_size": size} if name == "Fold" else {}
    given["kernel_size"] = kernel
    maybe(draw, given, "dilation", per_axis(2, whole(1, 2)))
    maybe(draw, given, "padding", per_axis(2, whole(0, 2)))
    maybe(draw, given, "stride", per_axis(2, whole(1, 3)))
    channels = draw(whole(1, 3))
    if name == "Unfold":
        return given, (channels, *size)
    windows = 1
    for axis, n in enumerate(size):
        k, d, p, s = (
            v[axis] if isinstance(v, tuple | list) else v
            for v in (kernel, given.get("dilation", 1), given.get("padding", 0), given.get("stride", 1))
        )
        windows *= max((n + 2 * p - d * (k - 1) - 1) // s + 1, 1)
        channels *= k
    return given, (channels, windows + (draw(whole(0, 9)) == 0))


def flatten(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    shape = (draw(whole(1, 4)), *draw(sizes(draw(whole(0, 3)), most=4)))
    given: dict[str, Any] = {}
    maybe(draw, given, "start_dim", whole(-len(shape), len(shape)))
    maybe(draw, given, "end_dim", whole(-len(shape), len(shape)))
    return given, shape


def unflatten(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    shape = [draw(whole(1, 4)), *draw(sizes(draw(whole(0, 2)), most=4))]
    dim = draw(whole(-len(shape), len(shape)))
    parts = [draw(whole(1, 3)) for _ in range(draw(whole(1, 2)))]
    if dim:
        shape[dim - 1 if dim > 0 else dim] = int(np.prod(parts)) + (draw(whole(0, 9)) == 0)
    if draw(st.booleans()):
        parts[draw(whole(0, len(parts) - 1))] = -1
    return {"dim": dim, "unflattened_size": tuple(parts)}, tuple(shape)


FACTORS = [1, 2, 3, 0.5, 1.5, 2.25, 1.4, 0.7, 1.1, 0.29, 1.7, 2 / 3, 120 / 88, 2.0]


def upsample(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    rank = 2 if name.endswith("2d") else draw(whole(1, 3))
    given: dict[str, Any] = {}
    if draw(whole(0, 3)) == 0:
        given["size"] = draw(per_axis(rank, whole(1, 12)))
    if "size" not in given or draw(whole(0, 19)) == 0:
        factor = st.sampled_from(FACTORS)
        given["scale_factor"] = draw(st.one_of(factor, st.tuples(*[factor] * rank)))
    if name == "Upsample":
        own = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}[rank]
        common = ["nearest", "nearest-exact", "area"]
        wild = ["linear", "bilinear", "trilinear", "bicubic", "cubic", "spline", "nearest_exact"]
        modes = st.sampled_from(own * 3 + common * 2 + wild)
        mode = maybe(draw, given, "mode", modes) or "nearest"
        if mode in own or draw(whole(0, 9)) == 0:
            maybe(draw, given, "align_corners", st.sampled_from([None, True, False]))
        maybe(draw, given, "recompute_scale_factor", st.sampled_from([None, True, False]))
    return given, (draw(whole(1, 2)), *draw(sizes(rank, most=11)))


def shuffle(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    r = draw(whole(1, 3))
    rank = draw(st.sampled_from([2, 2, 2, 1, 3]))
    wrong = draw(whole(0, 9)) == 0
    if name == "PixelShuffle":
        return {"upscale_factor": r}, (r * r * draw(whole(1, 2)) + wrong, *draw(sizes(rank, most=4)))
    if name == "PixelUnshuffle":
        spatial = tuple(r * n + wrong for n in draw(sizes(rank, most=3)))
        return {"downscale_factor": r}, (draw(whole(1, 3)), *spatial)
    return {"groups": r}, (r * draw(whole(1, 3)) + wrong, *draw(sizes(draw(whole(0, 3)), most=4)))


def pad(draw: Draw, name: str, rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    side = whole(-1, 3) if draw(whole(0, 9)) == 0 else whole(0, 3)
    given: dict[str, Any] = {"padding": draw(st.one_of(side, st.tuples(*[side] * 2 * rank)))}
    if name.startswith("Constant"):
        given["value"] = draw(st.sampled_from([0, 1.5, -2, 3]))
    return given, (draw(whole(1, 2)), *draw(sizes(rank, most=5)))


DRAWS: dict[str, Callable[[Draw, str, int], tuple[dict[str, Any], tuple[int, ...]]]] = {
    r"(Lazy)?Conv(Transpose)?\dd": conv,
    r"(Lazy)?Linear": linear,
    r"Embedding": embedding,
    r"(Max|Avg|LP)Pool\dd": pool,
    r"MaxUnpool\dd": unpool,
    r"Adaptive(Avg|Max)Pool\dd": adaptive,
    r"(Lazy|Sync)?(Batch|Instance)Norm(\dd)?": norm,
    r"GroupNorm": group_norm,
    r"LayerNorm(2d)?|RMSNorm": layer_norm,
    r"LocalResponseNorm": response_norm,
    r"(Log)?Softmax|Softmin": softmax,
    r"GLU": halved,
    r"Unfold|Fold": unfold,
    r"Flatten": flatten,
    r"Unflatten": unflatten,
    r"Upsampl\w+": upsample,
    r"\w+[sS]huffle": shuffle,
    r"(Zero|Constant|Reflection|Replication|Circular)Pad\dd": pad,
    r"\w+": pointwise,
}


@st.composite
def calls(draw: Draw, name: str) -> Call:
    """A call of the class: some arguments left out, some of the others positional."""
    make = next(make for pattern, make in DRAWS.items() if re.fullmatch(pattern, name))
    rank = int(name[-2]) if re.search(r"\dd\Z", name) else 0
    given, shape = make(draw, name, rank)
    order = [argument.name for argument in pytorch.ROWS[name].arguments if not argument.keyword]
    same = 0
    while same < min(len(given), len(order)) and list(given)[same] == order[same]:
        same += 1
    return Call(name, given, draw(whole(0, same)), shape)


# What PyTorch says, and what is read

NOT_FOR_TRAINING = "num_batches_tracked"
"""A number of the training loop, not of the network."""


class Ran(NamedTuple):
    """What running a call gave."""

    parameters: dict[str, tuple[int, ...]]
    buffers: dict[str, tuple[int, ...]]
    trained: int
    values: np.ndarray
    indices: np.ndarray | None
    arrays: dict[str, np.ndarray]
    shares: bool


def module_class(name: str) -> Any:
    if hasattr(nn(), name):
        return getattr(nn(), name)
    try:
        from torchvision.models.convnext import LayerNorm2d
        from torchvision.ops import DeformConv2d, StochasticDepth
    except (ImportError, RuntimeError):  # missing, or built for another PyTorch
        pytest.skip("torchvision is not there")
    return {"LayerNorm2d": LayerNorm2d, "StochasticDepth": StochasticDepth, "DeformConv2d": DeformConv2d}[
        name
    ]


def torch_runs(call: Call, x: np.ndarray, seed: int) -> Ran | None:
    """What PyTorch makes of a call; None where it refuses, or leaves nothing."""
    import torch

    given = {key: getattr(torch, v[6:]) if isinstance(v, Word) else v for key, v in call.given.items()}
    arguments = list(given.values())[: call.positional]
    named = dict(list(given.items())[call.positional :])
    torch.manual_seed(seed)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            module = module_class(call.name)(*arguments, **named).double().eval()
            arriving = torch.from_numpy(x.copy())
            arriving = arriving.long() if call.name == "Embedding" else arriving
            if call.name.startswith("Lazy"):
                module(arriving.clone())
            for array in module.parameters():
                array.copy_(torch.randn(array.shape, dtype=torch.float64))
            for name, array in module.named_buffers():
                if name != NOT_FOR_TRAINING:
                    array.copy_(torch.rand(array.shape, dtype=torch.float64) + 0.5)
            if call.name.startswith("MaxUnpool"):
                y = module(*pool_of(call.name)(**named_of(call), return_indices=True)(arriving))
            else:
                y = module(arriving)
        except (RuntimeError, ValueError, LookupError, TypeError, ArithmeticError, AssertionError):
            return None
        y, where = y if isinstance(y, tuple) else (y, None)
        if y.numel() == 0 or y.shape[0] != len(x):
            return None if y.numel() == 0 else Ran({}, {}, 0, y.numpy(), None, {}, False)
        parameters = {name: tuple(array.shape) for name, array in module.named_parameters()}
        state = {k: v.numpy().copy() for k, v in module.state_dict().items() if k != NOT_FOR_TRAINING}
        return Ran(
            parameters,
            {name: array.shape for name, array in state.items() if name not in parameters},
            sum(p.numel() for p in module.parameters() if p.requires_grad),
            y.numpy().copy(),
            None if where is None else where.numpy(),
            state,
            y.data_ptr() == arriving.data_ptr(),
        )


def pool_of(name: str) -> Any:
    return module_class(name.replace("Unpool", "Pool"))


def named_of(call: Call) -> dict[str, Any]:
    return dict(call.given)


def read(call: Call) -> convcalc.Graph:
    text = call.text
    if call.name.startswith("MaxUnpool"):
        window = ", ".join(f"{key}={value!r}" for key, value in call.given.items())
        pool = f"nn.{call.name.replace('Unpool', 'Pool')}({window}, return_indices=True) id=pool"
        text = f"{pool} | {text} from=[pool,pool.indices]"
    return convcalc.load(text, input="x".join(map(str, call.shape)))


REFUSED_HERE: dict[str, str] = {
    r".*": r"the type of the elements is that of the whole network",
    r"Embedding": r"made shorter as they are looked up|said behind the call",
    r"LPPool\dd": r"norm must be positive",
    r"(Lazy)?InstanceNorm\dd|BatchNorm\dd|SyncBatchNorm": r"channels is \d+, but \d+ arrive",
    r"(Log)?Softmax|Softmin|GLU": r"is the batch|no axis|takes the batch|without a dim",
    r"Flatten|Unflatten": r"is the batch|no axis|a shape of \d sizes",
    r"\w+Pad\dd": r"negative padding cuts",
    r"AdaptiveMaxPool\dd": r"indices of adaptive pools are not modelled",
    r"PixelShuffle|PixelUnshuffle": r"needs 2 spatial axes",
    r"Dropout\dd": r"needs \d spatial axes",
}
"""What PyTorch takes and convcalc refuses, by class: a part of the reason that it gives."""


def allowed(name: str, error: SpecError) -> bool:
    reasons = [reason for pattern, reason in REFUSED_HERE.items() if re.fullmatch(pattern, name)]
    return any(re.search("|".join(reasons), problem.message) for problem in error.problems)


def compare(call: Call, seed: int) -> str:
    """Hold a call against PyTorch; whether it was ``run`` or ``refused``."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, *call.shape))
    if call.name == "Embedding":
        x = np.floor(rng.random(x.shape) * call.given["num_embeddings"])
    expected = torch_runs(call, x, seed)
    about = f"{call.text} on {call.shape}"
    try:
        graph = read(call)
        node = graph.nodes[-1]
        (edge,) = graph.outputs
        if expected is None:
            if "Unpool" in call.name:  # an index beyond the map that unpools: seen when it runs
                with pytest.raises(ValueError, match="outside"):
                    execute(graph, x)
                return "refused"
            pytest.fail(f"PyTorch refuses {about}")
    except SpecError as error:
        assert expected is None or allowed(call.name, error), f"{about}: {error}"
        return "refused"
    weights = {f"{node.name}.{name}": array for name, array in expected.arrays.items()}
    inputs = {graph.nodes[i].layer.shape for i in graph.inputs}
    assert inputs == {call.shape}
    assert graph.shape(edge) == expected.values.shape[1:], about
    report = convcalc.analyze(graph, dtype="float64")
    layer = node.layer
    arriving = graph.input_shapes(node)
    assert layer.parameters(arriving) == expected.parameters, about
    assert layer.buffers(arriving) == expected.buffers, about
    assert report.totals.params == expected.trained, about
    keep = () if expected.indices is None else (f"{node.name}.indices",)
    found = execute(graph, x, weights, keep=keep)
    values = found[node.name]
    np.testing.assert_allclose(values, expected.values, rtol=1e-9, atol=1e-10, err_msg=about)
    if expected.indices is not None:
        assert np.array_equal(found[keep[0]], expected.indices), about
    held = 8 * int(np.prod(call.shape))
    if expected.shares:
        assert report.totals.peak_memory_bytes == held, about
    elif values.shape == x.shape and len(graph) == 2:
        assert report.totals.peak_memory_bytes == 2 * held, about
    return "run"


def meant(name: str) -> dict[str, str]:
    """The arguments of a class and what becomes of each."""
    return {argument: kind for cls, argument, kind in pytorch.arguments() if cls == name}


def draw_class(name: str, many: int = 150) -> Counter[str]:
    """Draw calls of a class; how often each argument was drawn with another value than its default."""
    seen: Counter[str] = Counter()
    defaults = {
        key: parameter.default for key, parameter in inspect.signature(module_class(name)).parameters.items()
    }

    @settings(
        max_examples=many,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(calls(name), whole(0, 1000))
    def hold(call: Call, seed: int) -> None:
        seen[""] += 1
        outcome = compare(call, seed)
        seen[outcome] += 1
        for key, value in call.given.items():
            default = defaults.get(key)
            other = value != default or type(value) is not type(default)
            if other and (outcome == "run" or meant(name).get(key) == "restricted"):
                seen[key] += 1

    hold()
    return seen


RECURRENT = ("RNN", "LSTM", "GRU")
"""They give a tuple, and their signatures are open; tests/importers/test_recurrent.py holds them."""

DRAWN = [name for name in pytorch.ROWS if name not in ("DeformConv2d", *RECURRENT)]
"""All but those, and one whose offsets are a second input; its values have tests of their own."""

CANNOT = {"process_group": "a group of processes", "_weight": "a tensor is no text"}
"""Arguments that have no other value in one process, or as text."""


@pytest.mark.parametrize("name", DRAWN)
def test_a_call_means_what_pytorch_means(name: str) -> None:
    seen = draw_class(name, 1000 if name == "Upsample" else 150)
    assert seen["run"] > seen[""] // 6, seen
    assert [a for a in meant(name) if not seen[a] and a not in CANNOT] == [], "never drawn with a value"


# Functions


@st.composite
def functional_calls(draw: Draw, name: str) -> Call:
    rank = draw(whole(1, 3))
    if name == "interpolate":
        given, shape = upsample(draw, "Upsample", 0)
        maybe(draw, given, "antialias", st.sampled_from([False, True]))
        return Call(name, given, 0, shape)
    side = whole(-1, 3) if draw(whole(0, 9)) == 0 else whole(0, 3)
    given = {"pad": draw(st.tuples(*[side] * 2 * max(1, rank + draw(whole(-1, 1)))))}
    mode = maybe(draw, given, "mode", st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    if mode in (None, "constant"):
        maybe(draw, given, "value", st.sampled_from([None, 0.0, 1.5, -2]))
    return Call(name, given, 0, (draw(whole(1, 2)), *draw(sizes(rank, most=5))))


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data(), whole(0, 1000))
@pytest.mark.parametrize("name", pytorch.FUNCTIONS)
def test_functions_mean_what_pytorch_means(name: str, data: st.DataObject, seed: int) -> None:
    import torch

    call = data.draw(functional_calls(name))
    x = np.random.default_rng(seed).standard_normal((2, *call.shape))
    function = getattr(torch.nn.functional, name)
    try:
        expected = function(torch.from_numpy(x), **call.given).numpy()
        expected = expected if expected.size else None
    except (RuntimeError, ValueError, NotImplementedError):
        expected = None
    words = ", ".join(f"{key}={value!r}" for key, value in call.given.items())
    text = f"F.{name}(x, {words})"
    try:
        graph = convcalc.load(text, input="x".join(map(str, call.shape)))
    except SpecError as error:
        allowed_here = r"negative padding cuts|pad needs \d spatial axes"  # where the batch would be channels
        assert expected is None or re.search(allowed_here, str(error)), f"{text} on {call.shape}: {error}"
        return
    assert expected is not None, f"PyTorch refuses {text} on {call.shape}"
    # There PyTorch goes astray; tests/executor/test_antialias.py shows it.
    assume(not (call.given.get("antialias") and expected.shape[-1] == 1))
    np.testing.assert_allclose(execute(graph, x), expected, rtol=1e-9, atol=1e-10, err_msg=text)


@pytest.mark.parametrize("name", pytorch.FUNCTIONS)
def test_arguments_of_functions_stand_in_the_order_of_pytorch(name: str) -> None:
    import torch

    function = inspect.unwrap(getattr(torch.nn.functional, name))
    parameters = list(inspect.signature(function).parameters.values())
    assert [(a.name, a.required) for a in pytorch.FUNCTIONS[name].arguments] == [
        (p.name, p.default is p.empty) for p in parameters
    ]


# Signatures


def signature(name: str) -> list[inspect.Parameter]:
    found = list(inspect.signature(module_class(name)).parameters.values())
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


@pytest.mark.parametrize("name", [name for name in pytorch.ROWS if name not in RECURRENT])
def test_arguments_stand_in_the_order_of_pytorch(name: str) -> None:
    parameters = signature(name)
    assert [argument.name for argument in pytorch.ROWS[name].arguments] == [p.name for p in parameters]
    assert [argument.required for argument in pytorch.ROWS[name].arguments] == [
        p.default is p.empty for p in parameters
    ]
    assert [argument.keyword for argument in pytorch.ROWS[name].arguments] == [
        p.kind is p.KEYWORD_ONLY for p in parameters
    ]


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.parametrize("name", DRAWN)
def test_a_default_that_is_written_out_changes_nothing(name: str, data: st.DataObject) -> None:
    call = data.draw(calls(name))
    written = dict(call.given)
    for parameter in signature(name):
        if parameter.default is not parameter.empty and parameter.name != "_weight":
            written.setdefault(parameter.name, parameter.default)
    if name.startswith("Upsampl"):
        written["scale_factor"] = call.given.get("scale_factor")
    full = Call(name, written, 0, call.shape)
    try:
        graph = read(call)
    except SpecError:
        with pytest.raises(SpecError):
            read(full)
        return
    other = read(full)
    assert [node.layer for node in other.nodes] == [node.layer for node in graph.nodes]


def test_every_argument_that_is_not_meant_says_why() -> None:
    for name, argument, kind in pytorch.arguments():
        reasons = {"harmless": pytorch.HARMLESS, "restricted": pytorch.ONLY}.get(kind)
        assert reasons is None or argument in reasons, (name, argument)


def test_every_class_of_pytorch_has_an_answer() -> None:
    from convcalc.importers.calls import _CONTAINERS

    classes = {
        name
        for name, cls in vars(nn()).items()
        if isinstance(cls, type) and issubclass(cls, nn().Module) and cls is not nn().Module
    }
    assert classes - set(pytorch.ROWS) - set(pytorch.NOT_MODELLED) - set(_CONTAINERS) == set()


def main() -> None:
    """Print how often each argument of each class was drawn with another value than its default."""
    print("class                 drawn  run  arguments: how often with another value than the default")
    for name in DRAWN:
        seen = draw_class(name)
        marks = {"meant": "", "harmless": " (changes nothing)", "restricted": " (some values)"}
        words = [f"{key} {seen[key]}{marks[kind]}" for key, kind in meant(name).items()]
        print(f"{name:<21}{seen['']:>6}{seen['run']:>5}  {', '.join(words) or '-'}")


if __name__ == "__main__":
    main()
