"""What the convolutions and pools of Keras mean, and the layers that resize, pad and cut maps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from convcalc.dims import DimensionError, Shape
from convcalc.importers.keras.adapting import convolving, sized
from convcalc.importers.keras.reading import Keras
from convcalc.spec.language.stage import Arg, Stage


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


def _conv(call: Keras) -> list[Stage]:
    causal = ("causal",) if call.entry.rank == 1 and call.entry.special == "Conv#D" else ()
    fields = {**call.fields(), "padding": _padding(call, "valid", "same", *causal)}
    adapt = (
        convolving(call) if call.entry.special == "Conv#D" else sized(call, "kernel", "stride", "dilation")
    )
    return [call.stage(call.entry.op, fields, adapt)]


def _separable(call: Keras) -> list[Stage]:
    fields = {**call.fields(), "padding": _padding(call, "valid", "same")}
    bias = fields.pop("bias")
    depthwise = call.stage("dwconv", {**fields, "bias": False}, sized(call, "kernel", "stride", "dilation"))
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
    checked = convolving(call)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        values = checked(shapes, values)
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


def _pool(call: Keras) -> list[Stage]:
    fields = {**call.fields(), "padding": _padding(call, "valid", "same")}
    if call.entry.op == "avgpool":
        fields["count_include_pad"] = False
    return [call.stage(call.entry.op, fields, sized(call, "kernel", "stride"))]


def _global(call: Keras) -> list[Stage]:
    keep = call.flag("keepdims", False)
    stages = [call.stage(call.entry.op, {})]
    return stages if keep else [*stages, call.stage("flatten", {})]


def _adaptive(call: Keras) -> list[Stage]:
    return [call.stage(call.entry.op, call.fields(), sized(call, "size"))]


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
    checked = sized(call, "scale")

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        scale = values["scale"]
        if isinstance(scale, tuple) and call.entry.rank == 1:
            raise DimensionError(f"{call.name} takes one number", field="scale", hint="2")
        for factor in scale if isinstance(scale, tuple) else (scale,):
            if type(factor) is not int and getattr(factor, "denominator", 1) != 1:
                raise DimensionError(f"{call.name} takes whole numbers", field="scale", hint="2")
        return checked(shapes, values)

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


WINDOWS: Final[dict[str, Callable[[Keras], list[Stage]]]] = {
    **dict.fromkeys(("Conv#D", "DepthwiseConv#D"), _conv),
    "SeparableConv#D": _separable,
    "Conv#DTranspose": _transposed,
    **dict.fromkeys(("MaxPooling#D", "AveragePooling#D"), _pool),
    **dict.fromkeys(("GlobalAveragePooling#D", "GlobalMaxPooling#D"), _global),
    **dict.fromkeys(("AdaptiveAveragePooling#D", "AdaptiveMaxPooling#D"), _adaptive),
    "UpSampling#D": _upsample,
    **dict.fromkeys(("ZeroPadding#D", "Cropping#D"), _sides),
}
