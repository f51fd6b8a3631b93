"""What each class of PyTorch means, in the layers of the language."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from convcalc.importers.call import Call
from convcalc.importers.pytorch.refusals import batch
from convcalc.importers.pytorch.resizing import RESIZING
from convcalc.spec.errors import fault
from convcalc.spec.language.expression import Expr, constant
from convcalc.spec.language.stage import Arg, Stage

# Literals


def _fixed(expr: Expr) -> bool:
    """Whether an expression has no variables, so that its value is known here."""
    return not expr.names()


def _checked_axes(call: Call, *fields: str, one: bool = True) -> None:
    """Refuse what PyTorch does not take for one number per axis, where it is written in numbers.

    Raises:
        SpecError: pairs, a list of another length, or what are no whole numbers.
    """
    rank = call.row.rank or 1
    for field in fields:
        arg = call.values.get(field)
        if arg is None or not _fixed(arg.expr):
            continue
        value = call.literal(arg)
        if value is None or isinstance(value, str):
            continue
        items = value if isinstance(value, tuple) else (value,)
        lengths = (1, rank) if one or not isinstance(value, tuple) else (rank,)
        whole = all(type(item) is int for item in items)
        if len(items) not in lengths or not whole:
            wanted = "one whole number" + (f", or {rank} in brackets" if rank > 1 else "")
            raise call.fault(field, f"{call.name} takes no such {field}", wanted)


# Translations


def _conv(call: Call) -> list[Stage]:
    _checked_axes(call, "kernel", one=False)
    _checked_axes(call, "stride", "padding", "dilation", "output_padding")
    padding, stride = call.values.get("padding"), call.values.get("stride")
    if padding is not None and padding.expr.kind in ("const", "name"):
        word = padding.expr.value
        if isinstance(word, str) and padding.expr.kind == "const":
            _check_word(call, word, stride)
    return [call.stage(call.row.op)]


def _check_word(call: Call, word: str, stride: Arg | None) -> None:
    if call.row.op == "convT":
        raise call.fault("padding", f"{call.name} takes its padding in numbers", "padding=1")
    if word not in ("same", "valid"):
        raise call.fault("padding", f"{call.name} has no padding {word!r}", "'same', 'valid' or numbers")
    if word == "same" and stride is not None and _fixed(stride.expr):
        steps = call.literal(stride)
        if any(step != 1 for step in (steps if isinstance(steps, tuple) else (steps,))):
            raise call.fault("padding", "PyTorch's padding='same' needs stride 1", "a number, or stride 1")


def _pool(call: Call) -> list[Stage]:
    _checked_axes(call, "kernel", "stride", "padding", "dilation")
    if call.name == "LPPool1d" and call.values["kernel"].expr.kind == "tuple":
        raise call.fault("kernel", "LPPool1d takes its kernel as a number", "kernel_size=2")
    for field in ("kernel", "stride", "padding", "dilation"):
        arg = call.values.get(field)
        if arg is not None and arg.expr.kind == "const" and isinstance(arg.expr.value, str):
            raise call.fault(field, f"{call.name} takes its {field} in numbers", f"{field}=1")
    return [call.stage(call.row.op)]


def _adaptive(call: Call) -> list[Stage]:
    arg = call.values["size"]
    if _fixed(arg.expr):
        value, rank = call.literal(arg), call.row.rank or 1
        items = value if isinstance(value, tuple) else (value,) * rank
        if value is None or len(items) != rank or (rank == 1 and items == (None,)):
            raise call.fault("size", f"{call.name} takes a size, or {rank} of them", "a number")
    return [call.stage(call.row.op)]


def _embedding(call: Call) -> list[Stage]:
    """A row that training leaves as it is, is a row like any other where nothing is trained."""
    row, entries = call.take("*padding_idx"), call.values["entries"]
    many = call.literal(entries) if _fixed(entries.expr) else None
    if row is not None and type(many) is int and not (type(row) is int and -many <= row < many):
        raise call.fault("", f"{call.name}: there is no row {row} to pad with", f"0 to {many - 1}, or None")
    return [call.stage("embedding")]


def _instance_norm(call: Call) -> list[Stage]:
    """With stored statistics, at inference, it is batch normalisation."""
    lazy = call.name.startswith("Lazy")
    call.default("affine", lazy)
    if call.take("*track_running_stats", lazy) is True:
        return [call.stage("bn")]
    return [call.stage("instancenorm")]


def _vectors_too(call: Call) -> list[Stage]:
    """A layer whose name has a rank and which takes vectors as well."""
    stage = call.stage(call.row.op)
    stage.flat_too = True
    return [stage]


def _map(call: Call) -> list[Stage]:
    """A layer that PyTorch defines for maps of two axes alone."""
    call.row = call.row._replace(rank=2)
    return [call.stage(call.row.op)]


def _hardtanh(call: Call) -> list[Stage]:
    """The older names of both bounds win, as in PyTorch."""
    for old, field in (("*min_value", "low"), ("*max_value", "high")):
        arg = call.values.pop(old, None)
        if arg is not None and not (arg.expr.kind == "const" and arg.expr.value is None):
            call.values[field] = arg
    return [call.stage("hardtanh")]


def _axis(call: Call, key: str) -> int | None:
    """An axis of a tensor with its batch as an axis of one without; None where it is not given.

    Raises:
        SpecError: it is the batch.
    """
    arg = call.values.get(key)
    dim = call.take(key)
    if dim is None:
        return None
    if type(dim) is not int:
        raise call.fault("", f"{call.name}: {key[1:]} must be a whole number", "1 for the channels")
    if dim == 0 and arg is not None:
        raise fault(
            call.text, arg.start, arg.end, f"{call.name}: {key[1:]}=0 is the batch, which no shape here has",
            "1 for the channels, 2 for the first size, or from the end: -1",
        )  # fmt: skip
    return dim - 1 if dim > 0 else dim


def _softmax(call: Call) -> list[Stage]:
    stated = "*dim" in call.values or "nn" in call.prefix.split(".")  # Keras' Softmax() is of the channels
    axis = _axis(call, "*dim")
    if axis is not None:
        call.set("axis", axis)
    stage = call.stage("softmax")
    if axis is None and stated:
        stage.refuses = batch
    return [stage]


def _flatten(call: Call) -> list[Stage]:
    start, end = _axis(call, "*start_dim"), _axis(call, "*end_dim")
    if start is not None:
        call.set("start", start)
    if end is not None:
        call.set("end", end)
    return [call.stage("flatten")]


def _unflatten(call: Call) -> list[Stage]:
    arg = call.values.pop("*unflattened_size")
    if _fixed(arg.expr) and not isinstance(call.literal(arg), tuple):
        raise fault(call.text, arg.start, arg.end, "Unflatten takes a list of sizes", "(2, 2)")
    call.set("axis", _axis(call, "*dim"))
    call.values["shape"] = Arg("shape", arg.expr, arg.start, arg.end)
    return [call.stage("reshape")]


def _padding(call: Call) -> list[Stage]:
    """PyTorch lists the last axis first; one number pads every side."""
    arg = call.values["padding"]
    value = call.literal(arg)
    rank = call.row.rank or 1
    sides = value if isinstance(value, tuple) else (value,)
    if any(type(side) is int and side < 0 for side in sides):
        raise call.fault("padding", f"{call.name}: negative padding cuts", "crop, which cuts")
    if isinstance(value, tuple):
        if len(value) != 2 * rank:
            raise call.fault(
                "padding", f"{call.name} takes {2 * rank} numbers, got {len(value)}", "(left, right, ...)"
            )
        value = tuple((value[2 * i], value[2 * i + 1]) for i in reversed(range(rank)))
    call.values["padding"] = Arg("padding", constant(value, arg.start, arg.end), arg.start, arg.end)
    return [call.stage("pad")]


def _functional_pad(call: Call) -> list[Stage]:
    """``F.pad``: as many axes as half its numbers, from the last on; but for a constant these are all."""
    mode = "constant" if "mode" not in call.values else call.literal(call.values["mode"])
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise call.fault("mode", f"pad has no mode {mode!r}", "constant, reflect, replicate or circular")
    call.default("mode", "constant")
    sides = call.literal(call.values["padding"])
    if not isinstance(sides, tuple) or len(sides) % 2 or not sides:
        raise call.fault("padding", "pad takes two numbers per axis, the last axis first", "(1, 1, 2, 2)")
    rank = len(sides) // 2
    call.row = call.row._replace(rank=rank)
    stages = _padding(call)
    if mode == "constant":
        axes = constant(tuple(range(-rank, 0)), call.start, call.end)
        stages[0].args.append(Arg("axis", axes, call.start, call.end))
        stages[0].rank = None
    return stages


def _along(call: Call) -> list[Stage]:
    """A layer that works along one axis: PyTorch counts the batch among them."""
    dim = call.take("*dim", -1 if call.row.op == "glu" else None)
    if type(dim) is not int or dim == 0:
        what = "dim=0 is the batch" if dim == 0 else "without a dim, PyTorch chooses by the number of axes"
        raise call.fault("", f"{call.name}: {what}", "dim=1 for the channels, dim=-1 for the last axis")
    call.set("axis", dim - 1 if dim > 0 else dim)
    return [call.stage(call.row.op)]


def _fold(call: Call) -> list[Stage]:
    """PyTorch folds into maps of two axes alone; one number is the size of both."""
    arg = call.values.get("size")
    if arg is None:
        raise call.fault("size", f"{call.name} needs its output_size")
    value = call.literal(arg)
    size = value if isinstance(value, tuple) else (value, value)
    if len(size) != 2:
        raise call.fault(
            "size", f"{call.name} folds into a map of two axes, got {len(size)}", "(height, width)"
        )
    call.values["size"] = Arg("size", constant(size, arg.start, arg.end), arg.start, arg.end)
    return [call.stage("fold")]


def _mean_slope(call: Call) -> list[Stage]:
    """A slope that is drawn when training; at inference it is the mean of the bounds."""
    lower, upper = call.take("*lower", 1 / 8), call.take("*upper", 1 / 3)
    call.set("slope", Fraction((float(lower) + float(upper)) / 2))
    return [call.stage("leakyrelu")]


def _recurrent(call: Call) -> list[Stage]:
    """A sequence has two axes there."""
    call.row = call.row._replace(rank=1)
    return [call.stage(call.row.op)]


def _lstm(call: Call) -> list[Stage]:
    """A projection to 0 features is none."""
    arg = call.values.pop("*proj_size", None)
    if arg is not None and not (_fixed(arg.expr) and call.literal(arg) == 0):
        call.values["projection"] = Arg("projection", arg.expr, arg.start, arg.end)
    return _recurrent(call)


SPECIAL: Final[dict[str, Callable[[Call], list[Stage]]]] = {
    "BatchNorm1d": _vectors_too,
    "LazyBatchNorm1d": _vectors_too,
    **dict.fromkeys(("Conv#d", "ConvTranspose#d", "LazyConv#d", "LazyConvTranspose#d"), _conv),
    **dict.fromkeys(("MaxPool#d", "AvgPool#d", "LPPool#d", "MaxUnpool#d"), _pool),
    **dict.fromkeys(("AdaptiveAvgPool#d", "AdaptiveMaxPool#d"), _adaptive),
    **dict.fromkeys(("InstanceNorm#d", "LazyInstanceNorm#d"), _instance_norm),
    **dict.fromkeys(("PixelShuffle", "PixelUnshuffle"), _map),
    "LSTM": _lstm,
    **dict.fromkeys(("RNN", "GRU"), _recurrent),
    "Embedding": _embedding,
    "Hardtanh": _hardtanh,
    "Softmax": _softmax,
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    **RESIZING,
    "pad": _functional_pad,
    **{f"{kind}Pad#d": _padding for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")},
    **dict.fromkeys(("LogSoftmax", "Softmin", "GLU"), _along),
    "RReLU": _mean_slope,
    "Unfold": _map,
    "Fold": _fold,
    "DeformConv2d": _map,
}
