"""What each class of Keras means, in the layers of the language.

Where an argument means something else for every number of axes (``axis=3``), a stage is completed by the
shape that arrives, which is channels first here whatever it was in the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from convcalc.dims import Dim, DimensionError, Shape, exact_div, prod
from convcalc.importers.keras.reading import Adapt, Keras, axis
from convcalc.importers.keras.table import CLASSES
from convcalc.layers.values import show
from convcalc.spec.errors import fault, nearest_name
from convcalc.spec.language.expression import Expr
from convcalc.spec.language.stage import Arg, Stage

_ACTIVATIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    **{name: (name, {}) for name in ("relu", "relu6", "sigmoid", "tanh", "elu", "selu", "gelu", "silu")},
    "swish": ("silu", {}),
    "softmax": ("softmax", {}),
    "hard_sigmoid": ("hardsigmoid", {}),
    "hard_swish": ("hardswish", {}),
    "hard_silu": ("hardswish", {}),
    "leaky_relu": ("leakyrelu", {"slope": Fraction(1, 5)}),
    "mish": ("mish", {}),
    "softplus": ("softplus", {"threshold": 10**6}),
    "softsign": ("softsign", {}),
    "log_sigmoid": ("logsigmoid", {}),
    "log_softmax": ("logsoftmax", {}),
    "hard_tanh": ("hardtanh", {}),
    "celu": ("celu", {}),
    "glu": ("glu", {}),
    "tanh_shrink": ("tanhshrink", {}),
    "soft_shrink": ("softshrink", {}),
    "hard_shrink": ("hardshrink", {}),
}
_UNREAD: Final = ("exponential", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "threshold")
_CALL: Final = re.compile(r"([A-Za-z_][\w.]*)\s*\(")
_NAME: Final = re.compile(r"[A-Za-z_][\w.]*\Z")
_ALONG_AN_AXIS: Final = ("softmax", "logsoftmax", "glu")


def activation(call: Keras, start: int, end: int) -> list[Stage]:
    """The activation that is written there: a name, a function of Keras or TensorFlow, or a layer."""
    value = call.text.value
    text = value[start:end]
    if text == "None":
        return []
    head = _CALL.match(value, start, end)
    if head is not None:
        name = head.group(1).rpartition(".")[2]
        if name in CLASSES and CLASSES[name].special in ACTIVATION_LAYERS:
            return call.read(name, call.text, start, head.end() - 1, end)
        raise fault(
            call.text, start, end, f"{name}(...) is no activation that is read here", "a name, such as 'relu'"
        )
    quoted = text[:1] in "'\"" and text[-1:] == text[:1]
    name = text[1:-1] if quoted else text.rpartition(".")[2] if _NAME.match(text) else ""
    if name == "linear":
        return []
    if name not in _ACTIVATIONS:
        unread = name in _UNREAD
        message = (
            f"the activation {name!r} is not in the language"
            if unread
            else f"unknown activation {name or text!r}"
        )
        names = "one of linear, " + ", ".join(_ACTIVATIONS)
        raise fault(call.text, start, end, message, names, nearest_name(name, _ACTIVATIONS))
    op, fields = _ACTIVATIONS[name]
    stage = call.stage(op, fields, _along(call, -1) if op in _ALONG_AN_AXIS else None)
    stage.rank, stage.start, stage.end, stage.origin = None, start, end, name
    return [stage]


def _along(call: Keras, given: Any) -> Adapt:
    """A layer that works along one axis, whichever it is."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        rank = len(shapes[0])
        found = axis(given, rank, call.first) if type(given) is int else None
        if found is None:
            raise DimensionError(f"no axis {given} in {rank} axes and the batch", hint=f"1 to {rank}, or -1")
        return {**values, "axis": found}

    return adapt


def _last_axis(call: Keras, given: Any) -> Adapt:
    """A layer that works along one axis, which must be the channels."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        items = given if isinstance(given, tuple) else (given,)
        rank = len(shapes[0])
        if len(items) != 1 or type(items[0]) is not int or axis(items[0], rank, call.first) != 0:
            place = 1 if call.first else rank
            raise DimensionError(
                f"{call.name} along axis {show(items)} of {rank} axes is not along the channels",
                hint=f"axis={place}" + ("" if call.first else " or axis=-1"),
            )
        return values

    return adapt


def _sized(call: Keras, *fields: str) -> Adapt:
    """Lists must have one value per spatial axis; whole numbers alone."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        for field in fields:
            value = values.get(field)
            if isinstance(value, tuple) and len(value) != call.entry.rank:
                raise DimensionError(
                    f"{call.name} takes {call.entry.rank} values of {field}, got {len(value)}",
                    field=field, hint=f"one number, or {call.entry.rank}",
                )  # fmt: skip
        return values

    return adapt


def _greatest(value: Any) -> int:
    items = value if isinstance(value, tuple) else (value,)
    return max((item for item in items if type(item) is int), default=1)


def _convolving(call: Keras) -> Adapt:
    """Keras has no stride and dilation at once, in convolutions whose padding it works out itself."""
    sized = _sized(call, "kernel", "stride", "dilation", "output_padding")

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if _greatest(values.get("stride")) > 1 and _greatest(values.get("dilation")) > 1:
            raise DimensionError(
                f"{call.name} takes no strides with a dilation_rate",
                field="dilation",
                hint="1 for one of them",
            )
        return sized(shapes, values)

    return adapt


def _padding(call: Keras, *conventions: str) -> str:
    """The padding in lower case, as Keras takes it in any."""
    given = call.value("padding", "valid")
    word = given.lower() if isinstance(given, str) else given
    if word not in conventions:
        raise call.fault(
            "padding",
            f"{call.name} has no padding {given!r}",
            " or ".join(f"'{name}'" for name in conventions),
        )
    return str(word)


def plain(call: Keras) -> list[Stage]:
    """A class whose arguments are fields of the layer."""
    return [call.stage(call.entry.op, call.fields())]


def _conv(call: Keras) -> list[Stage]:
    causal = ("causal",) if call.entry.rank == 1 and call.entry.special == "Conv#D" else ()
    fields = {**call.fields(), "padding": _padding(call, "valid", "same", *causal)}
    adapt = (
        _convolving(call) if call.entry.special == "Conv#D" else _sized(call, "kernel", "stride", "dilation")
    )
    return [call.stage(call.entry.op, fields, adapt)]


def _separable(call: Keras) -> list[Stage]:
    fields = {**call.fields(), "padding": _padding(call, "valid", "same")}
    bias = fields.pop("bias")
    depthwise = call.stage("dwconv", {**fields, "bias": False}, _sized(call, "kernel", "stride", "dilation"))
    place = call.given["filters"]
    filters = Arg("out_channels", call.expr(*place), *place)
    return [depthwise, call.stage("conv", {"out_channels": filters, "kernel": 1, "bias": bias})]


def _transposed(call: Keras) -> list[Stage]:
    """Keras: ``i*s + max(k - s, 0)`` for valid, ``i*s`` for same; an output padding states another size.

    With it ``same`` gives ``(i - 1)*s + k % 2 + output_padding``, and what the convolution that is
    transposed pads there, ``max(2*(k // 2) - output_padding, 0)``, is cropped, the smaller half before
    (TensorFlow ``conv_backprop``, Keras ``compute_conv_transpose_padding_args_for_jax``).
    """
    padding = _padding(call, "valid", "same")
    fields = {**call.fields(), "padding": padding}
    place = call.given.get("output_padding")
    if place is not None and call.words("output_padding") != "None":
        fields["output_padding"] = Arg("output_padding", call.expr(*place), *place)
    convolving = _convolving(call)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        values = convolving(shapes, values)
        extra = values.get("output_padding")
        if extra is None and padding == "same":
            return values
        rank = len(shapes[0]) - 1

        def each(field: str) -> tuple[Any, ...]:
            value = values.get(field, 1)
            return value if isinstance(value, tuple) else (value,) * rank

        kernels = [d * (k - 1) + 1 for k, d in zip(each("kernel"), each("dilation"), strict=True)]
        if any(type(n) is not int for n in (*kernels, *each("stride"))):
            raise DimensionError(f"{call.name} needs a kernel and strides that are numbers", field="kernel")
        if extra is None:  # nothing is cropped, and where a stride is longer the output is extended
            pairs = zip(kernels, each("stride"), strict=True)
            return {**values, "padding": tuple("same" if s > k else (0, 0) for k, s in pairs)}
        extras = extra if isinstance(extra, tuple) else (extra,) * rank
        for k, s, more in zip(kernels, each("stride"), extras, strict=True):
            if type(more) is not int or not 0 <= more < s:
                raise DimensionError(
                    f"output_padding {more} is not smaller than the stride {s}",
                    field="output_padding", hint=f"0 to {s - 1}",
                )  # fmt: skip
            if padding == "same" and k % 2 == 0 and more == 0:
                raise DimensionError(
                    f"TensorFlow cannot run padding 'same' with kernel {k} and output_padding 0",
                    field="output_padding", hint=f"1 to {s - 1}, or none" if s > 1 else "none",
                )  # fmt: skip
        if padding == "same":
            crops = [max(2 * (k // 2) - more, 0) for k, more in zip(kernels, extras, strict=True)]
            values["padding"] = tuple((crop // 2, crop - crop // 2) for crop in crops)
            values["output_padding"] = tuple(
                max(more - 2 * (k // 2), 0) for k, more in zip(kernels, extras, strict=True)
            )
        return values

    return [call.stage("convT", fields, adapt)]


def _dense(call: Keras) -> list[Stage]:
    """On the last axis, which is the channels."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if call.first and len(shapes[0]) > 1:
            raise DimensionError(
                "Dense acts on the last axis, which is none of channels where these come first",
                hint="Flatten() before it",
            )
        return values

    return [call.stage("linear", {**call.fields(), "axis": "channels"}, adapt)]


def _pool(call: Keras) -> list[Stage]:
    fields = {**call.fields(), "padding": _padding(call, "valid", "same")}
    if call.entry.op == "avgpool":
        fields["count_include_pad"] = False
    return [call.stage(call.entry.op, fields, _sized(call, "kernel", "stride"))]


def _global(call: Keras) -> list[Stage]:
    keep = call.flag("keepdims", False)
    stages = [call.stage(call.entry.op, {})]
    return stages if keep else [*stages, call.stage("flatten", {})]


def _axes(call: Keras) -> tuple[Any, ...]:
    given = call.value("axis", -1)
    return given if isinstance(given, tuple) else (given,)


def _adaptive(call: Keras) -> list[Stage]:
    return [call.stage(call.entry.op, call.fields(), _sized(call, "size"))]


def _norm(call: Keras) -> list[Stage]:
    """Batch and group normalisation: along the channels."""
    groups = call.entry.op == "gn"
    along = _last_axis(call, _axes(call))

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if groups and values.get("groups") == -1:
            values["groups"] = shapes[0][0]
        return along(shapes, values)

    return [call.stage(call.entry.op, call.fields(), adapt)]


def _layer_norm(call: Keras) -> list[Stage]:
    """Over the channels at each position, or over all axes."""
    given = _axes(call)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        rank = len(shapes[0])
        found = sorted(axis(a, rank, call.first) if type(a) is int else -1 for a in given)  # type: ignore[type-var]
        if found == [0]:
            values["over"] = "channels"
        elif found != list(range(rank)):
            raise DimensionError(
                f"LayerNormalization over axis {show(given)} of {rank} is not over the channels or over all",
                hint=f"axis=-1, or axis=[{', '.join(map(str, range(1, rank + 1)))}]",
            )
        return values

    return [call.stage("ln", call.fields(), adapt)]


def _rms_norm(call: Keras) -> list[Stage]:
    along = _last_axis(call, _axes(call))
    return [call.stage("rmsnorm", {**call.fields(), "over": "channels"}, along)]


def _softmax(call: Keras) -> list[Stage]:
    given = _axes(call)
    if len(given) != 1:
        raise call.fault("axis", "a softmax over several axes at once is not in the language", "axis=-1")
    return [call.stage("softmax", {}, _along(call, given[0]))]


def _activation(call: Keras) -> list[Stage]:
    return activation(call, *call.given["activation"]) or [call.stage("identity", {})]


def _relu(call: Keras) -> list[Stage]:
    """``max_value`` above it, ``x`` from the threshold on, else ``negative_slope * (x - threshold)``."""
    top = call.value("max_value")
    slope, threshold = call.value("negative_slope", 0), call.value("threshold", 0)
    for key, value in (("negative_slope", slope), ("threshold", threshold), ("max_value", top)):
        if value is not None and (isinstance(value, bool | str | tuple) or value < 0):
            raise call.fault(key, f"{key} is a number of 0 or more")
    if threshold is None or slope is None:
        raise call.fault("threshold" if threshold is None else "negative_slope", "None is no number")
    if threshold != 0:
        if slope or top is not None:
            both = "negative_slope" if slope else "max_value"
            raise call.fault(both, f"a threshold with {both} is not in the language", "one of them")
        return [call.stage("threshold", {"threshold": threshold, "value": 0})]
    if top is None:
        return [call.stage("leakyrelu", {"slope": slope}) if slope else call.stage("relu", {})]
    if slope:
        message = "a bounded ReLU with a slope is not in the language"
        raise call.fault("negative_slope", message, "one of them")
    if top == 0:
        raise call.fault("max_value", "a ReLU up to 0 is 0 everywhere", "max_value=6, or none")
    return [call.stage("relu6", {}) if top == 6 else call.stage("hardtanh", {"low": 0, "high": top})]


def _leaky(call: Keras) -> list[Stage]:
    slope = call.value("negative_slope", 0.3)
    if isinstance(slope, bool | str | tuple) or slope is None or slope < 0:
        raise call.fault("negative_slope", "negative_slope is a number of 0 or more")
    return plain(call)


def _prelu(call: Keras) -> list[Stage]:
    """A slope for every entry of a sample, but one along the axes that share it."""
    given = call.value("shared_axes")
    shared = given if isinstance(given, tuple) else () if given is None else (given,)
    if any(type(a) is not int or a < 1 for a in shared):
        raise call.fault(
            "shared_axes", "shared_axes counts the axes from 1, after the batch", "shared_axes=[1, 2]"
        )

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        shape = shapes[0]
        places = {axis(a, len(shape), call.first) for a in shared}
        if None in places:
            raise DimensionError(
                f"shared_axes {show(shared)} of {len(shape)} axes", hint=f"1 to {len(shape)}"
            )
        slopes = tuple(1 if a in places else n for a, n in enumerate(shape))
        if all(type(n) is int and n == 1 for n in slopes[1:]):
            return {**values, "channels": slopes[0]}
        return {**values, "shape": slopes}

    return [call.stage("prelu", {}, adapt)]


def _upsample(call: Keras) -> list[Stage]:
    mode = call.value("interpolation", "nearest")
    mode = mode.lower() if isinstance(mode, str) else mode
    modes: dict[Any, dict[str, Any]] = {
        "nearest": {},
        "bilinear": {"mode": "linear"},
        "bicubic": {"mode": "cubic", "a": Fraction(-1, 2), "exclude_outside": True},
    }
    if mode not in modes:
        known = mode in ("lanczos3", "lanczos5")
        raise call.fault(
            "interpolation",
            f"interpolation {mode!r} " + ("is not in the language" if known else "is unknown"),
            "'nearest', 'bilinear' or 'bicubic'",
        )  # fmt: skip
    sized = _sized(call, "scale")

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        scale = values["scale"]
        if isinstance(scale, tuple) and call.entry.rank == 1:
            raise DimensionError(f"{call.name} takes one number", field="scale", hint="2")
        for factor in scale if isinstance(scale, tuple) else (scale,):
            if type(factor) is not int and getattr(factor, "denominator", 1) != 1:
                raise DimensionError(f"{call.name} takes whole numbers", field="scale", hint="2")
        return sized(shapes, values)

    return [call.stage("upsample", {**call.fields(), **modes[mode]}, adapt)]


def _sides(call: Keras) -> list[Stage]:
    """Padding and cropping: a number for all sides, one per axis, or two per axis (for one axis, two)."""
    field = "amounts" if call.entry.op == "crop" else "padding"

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        value, rank = values[field], call.entry.rank
        if isinstance(value, tuple):
            if rank == 1 and len(value) == 2:
                value = (value,)
            if len(value) != rank:
                raise DimensionError(
                    f"{call.name} takes a number or {'two' if rank == 1 else rank}, got {len(value)}",
                    field=field,
                )
        return {**values, field: value}

    return [call.stage(call.entry.op, call.fields(), adapt)]


def _single(sizes: Shape) -> bool:
    return all(type(n) is int and n == 1 for n in sizes)


def _order(call: Keras, *shapes: Shape) -> str:
    """How elements are counted off: with the channels last, where that differs."""
    if call.first:
        return "first"
    return "first" if all(_single(shape[:1]) or _single(shape[1:]) for shape in shapes) else "last"


def _flatten(call: Keras) -> list[Stage]:
    """Keras moves channels that are said to come first to the end, and flattens what it is given else."""
    stated = call.value("data_format")
    if stated == "channels_first" and not call.first:
        raise call.fault(
            "data_format", "the channels are last in the other layers", "one data_format for all"
        )
    moved = stated == "channels_first" or (call.preset and stated is None)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        shape = shapes[0]
        last = (not call.first or moved) and not (_single(shape[:1]) or _single(shape[1:]))
        return {**values, "order": "last" if last else "first"}

    return [call.stage("flatten", {}, adapt)]


def _reshape(call: Keras) -> list[Stage]:
    place = call.given["target_shape"]
    expr = call.expr(*place)
    items = expr.args if expr.kind == "tuple" else (expr,)
    if not items:
        raise call.fault("target_shape", "the shape has no sizes", "(height, width, channels)")
    turned = items if call.first else (items[-1], *items[:-1])
    shape = Arg("shape", Expr("tuple", None, tuple(turned), *place), *place)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        sizes = values["shape"]
        free = [i for i, size in enumerate(sizes) if type(size) is int and size == -1]
        if len(free) > 1:
            raise DimensionError("one size can be -1", field="shape", hint="numbers for the others")
        if free:
            rest: Dim = prod(size for size in sizes if not (type(size) is int and size == -1))
            total = prod(shapes[0])
            if type(total) is int and type(rest) is int and (rest < 1 or total % rest):
                raise DimensionError(
                    f"{total} elements make no whole number of {rest}",
                    field="shape",
                    hint=f"a divisor of {total}",
                )
            sizes = tuple(exact_div(total, rest) if i in free else size for i, size in enumerate(sizes))
        return {**values, "shape": sizes, "order": _order(call, shapes[0], sizes)}

    return [call.stage("reshape", {"shape": shape}, adapt)]


def _permute(call: Keras) -> list[Stage]:
    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        rank = len(shapes[0])
        dims = values["order"] if isinstance(values["order"], tuple) else (values["order"],)
        if sorted(map(str, dims)) != sorted(map(str, range(1, rank + 1))):
            raise DimensionError(
                f"dims ({', '.join(map(str, dims))}) is no order of {rank} axes", field="order",
                hint=f"each of 1 to {rank} once; the batch is not counted",
            )  # fmt: skip
        read = [axis(a, rank, call.first) for a in dims]
        order = read if call.first else (read[-1], *read[:-1])
        return {**values, "order": tuple(order)}

    return [call.stage("permute", call.fields(), adapt)]


def _repeat(call: Keras) -> list[Stage]:
    """A vector so many times: the same numbers at every place of a sequence."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if len(shapes[0]) != 1 or call.first:
            raise DimensionError(
                "RepeatVector takes a vector, with channels last", hint="Flatten() before it"
            )
        return {"shape": (shapes[0][0], 1)}

    place = call.given["n"]
    times = Arg("scale", call.expr(*place), *place)
    return [call.stage("reshape", {"shape": (1,)}, adapt), call.stage("upsample", {"scale": times})]


def _concat(call: Keras) -> list[Stage]:
    return [call.stage("concat", {}, _along(call, call.value("axis", -1)))]


_SIZES: Final = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


def _named_input(call: Keras, key: str, expr: Expr) -> Stage:
    """An input whose shape is a variable: its axes are put in order when it has a value."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        shape = values["shape"] if isinstance(values["shape"], tuple) else (values["shape"],)
        shape = shape[1:] if key.startswith("batch") else shape
        return {**values, "shape": shape if call.first else (*shape[-1:], *shape[:-1])}

    stage = call.stage("input", {"shape": Arg("shape", expr, expr.start, expr.end)}, adapt)
    stage.rank = None
    return stage


def input_of(call: Keras) -> Stage | None:
    """The input that a first layer states, channels first."""
    stated = [
        key
        for key in ("shape", "input_shape", "batch_shape", "batch_input_shape", "input_dim")
        if key in call.given
    ]
    stated = [key for key in stated if call.words(key) != "None"]
    if not stated:
        return None
    if len(stated) > 1:
        raise call.fault(stated[1], f"{stated[0]} states the shape already")
    key = stated[0]
    place = call.given[key]
    expr = call.expr(*place)
    if expr.kind == "name" and key != "input_dim":
        return _named_input(call, key, expr)
    sizes = list(expr.args if expr.kind == "tuple" else (expr,))
    sizes = sizes[1:] if key.startswith("batch") else sizes
    if not sizes:
        raise call.fault(key, "the shape has no sizes", f"{key}=(height, width, channels)")
    sizes = sizes if call.first else [sizes[-1], *sizes[:-1]]
    letters = _SIZES.get(len(sizes) - 1, ())
    for i, size in enumerate(sizes):
        if size.kind == "const" and size.value is None:
            if i == 0 or not letters:
                raise call.fault(key, "the channels must be a number", f"{key}=(None, None, 3)")
            sizes[i] = Expr("name", letters[i - 1], (), size.start, size.end)
    shape = Arg("shape", Expr("tuple", None, tuple(sizes), *place), *place)
    stage = call.stage("input", {"shape": shape})
    stage.rank = None
    return stage


def _input(call: Keras) -> list[Stage]:
    stage = input_of(call)
    if stage is None:
        raise call.fault("", f"{call.name} needs a shape", f"{call.name}(shape=(height, width, channels))")
    return [stage]


ACTIVATION_LAYERS: Final = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")

TRANSLATIONS: Final[dict[str, Callable[[Keras], list[Stage]]]] = {
    **dict.fromkeys(("Conv#D", "DepthwiseConv#D"), _conv),
    "SeparableConv#D": _separable,
    "Conv#DTranspose": _transposed,
    "Dense": _dense,
    **dict.fromkeys(("MaxPooling#D", "AveragePooling#D"), _pool),
    **dict.fromkeys(("GlobalAveragePooling#D", "GlobalMaxPooling#D"), _global),
    **dict.fromkeys(("AdaptiveAveragePooling#D", "AdaptiveMaxPooling#D"), _adaptive),
    **dict.fromkeys(("BatchNormalization", "GroupNormalization"), _norm),
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "PReLU": _prelu,
    "Softmax": _softmax,
    "UpSampling#D": _upsample,
    **dict.fromkeys(("ZeroPadding#D", "Cropping#D"), _sides),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat,
    "Concatenate": _concat,
    **dict.fromkeys(("Input", "InputLayer"), _input),
}
