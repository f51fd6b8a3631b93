"""Resize and Upsample: the ways of the layer here, exactly; any other is refused by name."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from convcalc.dims import is_symbolic
from convcalc.importers.network import Unsayable
from convcalc.importers.onnx.use import Operator, Use
from convcalc.importers.tensors import Value, is_one


def _ways(use: Use) -> dict[str, Any]:
    """Options of the layer: its mode and where the places of both grids lie."""
    mode = use.attribute("mode", "nearest")
    where = use.attribute("coordinate_transformation_mode", "half_pixel")
    round_ = use.attribute("nearest_mode", "round_prefer_floor")
    a = use.attribute("cubic_coeff_a", -0.75)
    outside, antialias = bool(use.attribute("exclude_outside", 0)), bool(use.attribute("antialias", 0))
    use.harmless("extrapolation_value")
    if use.opset < 11:
        where, round_ = "asymmetric", "floor"
    if mode == "nearest":
        known = {
            ("asymmetric", "floor"): "nearest",
            ("half_pixel", "floor"): "half",
            ("half_pixel", "round_prefer_ceil"): "nearest_exact",
        }
        found = known.get((where, round_))
        return {"mode": found or f"nearest with {where} and {round_}", "where": where, "round": round_}
    if mode not in ("linear", "cubic"):
        raise Unsayable(f"with mode={mode} is no layer here")
    if where not in ("half_pixel", "align_corners", "pytorch_half_pixel", "asymmetric"):
        raise Unsayable(f"with coordinate_transformation_mode={where} is no layer here")
    options: dict[str, Any] = {"mode": mode, "where": where}
    if where == "align_corners":
        options["align_corners"] = True
    if mode == "cubic":
        options["a"] = a
        if outside:
            options["exclude_outside"] = True
    if antialias:
        options["antialias"] = outside
    return options


def _places(where: str, n: int, out: int, scale: Fraction) -> list[Fraction]:
    if where == "align_corners":
        step = Fraction(n - 1, out - 1) if out > 1 else Fraction(0)
        return [j * step for j in range(out)]
    if where == "asymmetric":
        return [j / scale for j in range(out)]
    if where == "pytorch_half_pixel" and out == 1:
        return [Fraction(0)]
    if where in ("half_pixel", "pytorch_half_pixel"):
        return [(j + Fraction(1, 2)) / scale - Fraction(1, 2) for j in range(out)]
    if where == "half_pixel_symmetric":
        adjust = Fraction(out) / (scale * n)
        offset = Fraction(n, 2) * (1 - adjust)
        return [offset + (j + Fraction(1, 2)) / scale - Fraction(1, 2) for j in range(out)]
    raise Unsayable(f"with coordinate_transformation_mode={where} is no layer here")


def _rounded(place: Fraction, how: str) -> int:
    from math import ceil, floor

    half = Fraction(1, 2)
    ways = {
        "floor": floor(place), "ceil": ceil(place), "round_prefer_floor": ceil(place - half),
        "round_prefer_ceil": floor(place + half),
    }  # fmt: skip
    return ways[how]


def _nearest(use: Use, x: Value, axis: int, out: Any, scale: Any, ways: dict[str, Any]) -> Value:
    """Entries of an axis as the nearest ones, whichever way they are rounded."""
    n = x.dims[axis]
    if type(n) is not int or type(out) is not int:
        raise Unsayable(f"with mode={ways['mode']} needs sizes that are numbers")
    places = _places(ways["where"], n, out, scale)
    index = [min(max(_rounded(p, ways["round"]), 0), n - 1) for p in places]
    return use.net.take(x, axis, index, use.path)


def resize(use: Use) -> Value:
    """Resize, Upsample: by factors or to sizes."""
    x = use.x()
    old = use.node.op == "Upsample" or use.opset < 11
    ways = _ways(use)
    scales = sizes = None
    if use.attribute("scales") is not None:
        scales = list(use.attribute("scales"))
    elif old:
        scales = use.numbers(1)
    else:
        if use.given(2) and use.dims(2) != (0,):
            scales = use.numbers(2)
        if use.given(3) and use.dims(3) != (0,):
            sizes, scales = use.numbers(3), None
    axes = [use.net.place_of(x, a) for a in use.attribute("axes") or range(x.rank)]
    policy = use.attribute("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        raise Unsayable(f"with keep_aspect_ratio_policy={policy} is no layer here")
    wanted: dict[int, tuple[Any, Any]] = {}
    for number, axis in enumerate(axes):
        n = x.dims[axis]
        if sizes is not None:
            out, scale = sizes[number], None
            if type(out) is int and type(n) is int:
                scale = Fraction(out, n)
        else:
            assert scales is not None
            scale = _factor(scales[number])
            out = n * scale // 1 if is_symbolic(n) or is_symbolic(scale) else int(n * scale)
        if (type(out) is int and out == n) and (scale is None or scale == 1):
            continue
        wanted[axis] = out, scale
    if not wanted:
        return use.one("identity", x, use.path)
    return _made(use, x, wanted, ways, sizes is None)


def _factor(value: Any) -> Any:
    if is_symbolic(value):
        return value
    exact = Fraction(value)
    short = exact.limit_denominator(1000)
    return short if abs(short - exact) < Fraction(1, 10**6) * exact else exact


def _made(
    use: Use, x: Value, wanted: dict[int, tuple[Any, Any]], ways: dict[str, Any], scaled: bool
) -> Value:
    where, mode = ways.pop("where"), ways.pop("mode")
    spatial = x.batch == 0 and not x.folded and 3 <= x.rank <= 5 and min(wanted) > 1
    if mode in ("nearest", "nearest_exact") and spatial:
        options = _sized(x, wanted, scaled, mode)
        return use.layer("upsample", x, mode=mode, **options)
    if mode.startswith(("nearest", "half")):
        for axis, (out, scale) in wanted.items():
            x = _nearest(use, x, axis, out, scale, {"where": where, "mode": mode, **ways})
        return x
    if not spatial:
        raise Unsayable(f"with mode={mode} resizes other axes than those of a map")
    if "antialias" in ways:
        shrinks = any(type(n) is not int or type(o) is not int or o < n for n, o in _sizes(x, wanted))
        excluded = ways.pop("antialias")
        if shrinks and not excluded:
            raise Unsayable("with antialias reads beyond the edge, which no layer does (exclude_outside=0)")
        if shrinks:
            ways.pop("exclude_outside", None)
            ways["antialias"] = True
    if where == "asymmetric":
        raise Unsayable(f"with mode={mode} and asymmetric places is no layer here")
    if where == "pytorch_half_pixel" and any(is_one(out) for out, _ in wanted.values()):
        raise Unsayable("to a size of 1 with pytorch_half_pixel is no layer here")
    sized = _sized(x, wanted, scaled, mode)
    if where == "align_corners" and "scale" in sized and not _whole(x, wanted):
        raise Unsayable("with align_corners and a factor that leaves a part of a sample is no layer here")
    return use.layer("upsample", x, mode=mode, **ways, **sized)


def _sizes(x: Value, wanted: dict[int, tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [(x.dims[axis], out) for axis, (out, _) in wanted.items()]


def _whole(x: Value, wanted: dict[int, tuple[Any, Any]]) -> bool:
    return all(out == x.dims[axis] * scale for axis, (out, scale) in wanted.items())


def _sized(x: Value, wanted: dict[int, tuple[Any, Any]], scaled: bool, mode: str) -> dict[str, Any]:
    pairs = [wanted.get(axis, (x.dims[axis], Fraction(1))) for axis in range(2, x.rank)]
    exact = all(scale is not None and type(out) is int and type(n) is int and out == n * scale
                for (out, scale), n in zip(pairs, x.dims[2:], strict=True))  # fmt: skip
    if scaled and not exact:
        return {"scale": tuple(scale for _, scale in pairs)}
    if scaled and all(scale.denominator == 1 for _, scale in pairs):
        return {"scale": tuple(int(scale) for _, scale in pairs)}
    return {"size": tuple(out for out, _ in pairs)}


ROWS: Final[dict[str, Operator]] = {"Resize": resize, "Upsample": resize}
