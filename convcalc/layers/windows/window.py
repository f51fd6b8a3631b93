"""Windows: padding conventions, output sizes, pairs that count, and the layers that have them.

The functions are about one axis: input size ``i``, kernel ``k``, stride ``s``, dilation ``d``,
padding before and after, output size ``o``. Output position ``j`` meets input position
``j*s + t*d - before`` with tap ``t``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convcalc.dims import (
    UNKNOWN,
    Dim,
    Shape,
    ceil_div,
    divides,
    equal,
    exact_div,
    floor_div,
    is_array,
    is_symbolic,
    largest,
    maximum,
    minimum,
    require,
)
from convcalc.layers.base import Layer
from convcalc.layers.values import Padding

if TYPE_CHECKING:
    from convcalc.layers.reads import Rule


def effective(k: Dim, d: Dim) -> Dim:
    """Extent of a dilated kernel: ``d*(k - 1) + 1`` (Dumoulin & Visin 2016, section 5.1)."""
    return d * (k - 1) + 1


def resolve(padding: Any, i: Dim, k: Dim, s: Dim, d: Dim) -> tuple[Dim, Dim]:
    """Padding before and after, of a pair or of a convention.

    ``same`` is TensorFlow's and Keras's SAME and ONNX's SAME_UPPER: ``ceil(i/s)`` outputs, total
    padding ``max((o - 1)*s + k_eff - i, 0)``, the odd one after; ``same_lower`` puts it before.
    """
    if not isinstance(padding, str):
        before, after = padding
        return before, after
    extent = effective(k, d)
    if padding == "valid":
        return 0, 0
    if padding == "full":
        return extent - 1, extent - 1
    if padding == "causal":
        return extent - 1, 0
    # at stride 1 the input does not matter, so its size need not be known
    one = type(s) is int and s == 1
    total = extent - 1 if one else maximum(needed(i, ceil_div(i, s), k, s, d), 0)
    small = floor_div(total, 2)
    return (total - small, small) if padding == "same_lower" else (small, total - small)


def resolved(
    padding: Padding,
    sizes: Shape,
    kernel: tuple[Dim, ...],
    stride: tuple[Dim, ...],
    dilation: tuple[Dim, ...],
) -> tuple[tuple[Dim, Dim], ...]:
    """:func:`resolve` for every axis."""
    return tuple(resolve(*args) for args in zip(padding, sizes, kernel, stride, dilation, strict=True))


def needed(i: Dim, o: Dim, k: Dim, s: Dim, d: Dim) -> Dim:
    """Least padding, before and after together, for ``o`` outputs: ``(o - 1)*s + k_eff - i``.

    Negative where the input is larger than ``o`` windows reach.
    """
    return (o - 1) * s + effective(k, d) - i


def output_size(
    i: Dim,
    k: Dim,
    s: Dim,
    d: Dim,
    before: Dim,
    after: Dim,
    *,
    axis: int,
    field: str = "kernel",
    ceil: bool = False,
) -> Dim:
    """``floor((i + before + after - k_eff) / s) + 1`` (Dumoulin & Visin 2016, relationship 6).

    With ``ceil`` the last window may hang over the end by less than a stride, if it starts inside
    the input or the padding before it, as in Caffe and PyTorch.

    Raises:
        DimensionError: the kernel is larger than the padded input, and than what ``ceil`` adds.
    """
    extent = effective(k, d)
    room = i + before + after - extent
    if ceil:
        room = room + s - 1
    require(
        room >= 0,
        _too_large(i, k, d, before, after, axis)
        if type(room) is int and room < 0
        else "the kernel exceeds the padded input",
        field=field,
        hint=f"a kernel of at most {i + before + after}, more padding, or a larger input"
        if type(d) is int and d == 1
        else f"an extent of at most {i + before + after}, more padding, or a larger input",
    )
    size = floor_div(room, s) + 1
    return minimum(size, floor_div(i + before - 1, s) + 1) if ceil else size


def textbook_size(
    i: Dim, k: Dim, s: Dim, d: Dim, before: Dim, after: Dim, *, padding: Any = None, ceil: bool = False
) -> tuple[str, dict[str, Any]]:
    """The output size in the order of textbooks: ``floor((I + 2*P - D*(K - 1) - 1)/S) + 1``.

    What is 1 (a stride, a dilation) or 0 (padding) is left out; ``same`` is ``ceil(I/S)``. As Dumoulin &
    Visin 2016 (relationship 15) and the documentation of PyTorch have it.

    Returns:
        the text in the expression language, and what its letters stand for.
    """
    names = {"I": i, "K": k, "S": s, "D": d, "P": before, "Q": after}
    strided = not (type(s) is int and s == 1)
    if padding in ("same", "same_lower"):
        return ("ceil(I/S)" if strided else "I"), names
    text = "I"
    if equal(before, after) is not True:
        text += " + P + Q"
    elif not (type(before) is int and before == 0):
        text += " + 2*P"
    text += " - K" if type(d) is int and d == 1 else " - D*(K - 1) - 1"
    return (f"{'ceil' if ceil else 'floor'}(({text})/S) + 1" if strided else f"{text} + 1"), names


def _too_large(i: Dim, k: Dim, d: Dim, before: Dim, after: Dim, axis: int) -> str:
    extent = effective(k, d)
    kernel = f"kernel {k}" + (f" at dilation {d} (extent {extent})" if type(d) is not int or d != 1 else "")
    padded = f"input {i}" + (f" padded to {i + before + after}" if before + after else "")
    return f"{kernel} is larger than the {padded} on axis {axis}"


def valid_pairs(i: Dim, k: Dim, s: Dim, d: Dim, before: Dim, o: Dim) -> Dim:
    """Number of (output, tap) pairs that read a real input, not padding.

    Of the ``k*o`` pairs, output ``j`` reads before the input with the taps ``t`` of
    ``t*d < before - j*s``: that is ``min(k, ceil((before - j*s) / d))`` taps where positive. Since
    no pair reads on both sides, ``k*o`` less these, less their mirror image, is exact. Seen from
    the last output backwards, the overhang on the far side is
    ``(o - 1)*s + (k - 1)*d + 1 - i - before``. Only the outputs that overhang are visited, so the
    cost does not grow with the input.
    """
    far = (o - 1) * s + (k - 1) * d + 1 - i - before
    pairs = k * o - _missed(before, k, s, d, o) - _missed(far, k, s, d, o)
    if is_symbolic(pairs) and pairs.size > _MOST_TO_READ:
        from convcalc.symbols.form import call

        return call("pairs", valid_pairs, i, k, s, d, before, o)
    return pairs


_MOST_TO_READ: Final = 60


def _missed(overhang: Dim, k: Dim, s: Dim, d: Dim, o: Dim) -> Dim:
    """Sum over outputs ``j`` of ``min(k, max(0, ceil((overhang - j*s) / d)))``."""
    if type(overhang) is int and type(k) is int and type(s) is int and type(d) is int and type(o) is int:
        return _missed_int(overhang, k, s, d, o)
    if any(n is UNKNOWN for n in (overhang, k, s, d, o)):
        return UNKNOWN
    if any(map(is_array, (overhang, k, s, d, o))):
        import numpy as np

        return np.vectorize(_missed_int, otypes=[object])(overhang, k, s, d, o)
    return _missed_symbolic(overhang, k, s, d, o)


def _missed_int(overhang: int, k: int, s: int, d: int, o: int) -> int:
    """The sum in closed form: whole kernels first, then a floor sum over the partial ones."""
    overhang, k, s, d, o = int(overhang), int(k), int(s), int(d), int(o)
    if overhang <= 0 or o <= 0:
        return 0
    count = min(o, -(-overhang // s))
    # The first outputs miss every tap: overhang - j*s > (k - 1)*d.
    full = min(count, max(0, -(-(overhang - (k - 1) * d) // s))) if overhang > (k - 1) * d else 0
    rest = count - full
    # sum of ceil((overhang - j*s)/d) for j in [full, count), as floors from the last term upwards
    last = overhang - (count - 1) * s + d - 1
    return full * k + _floor_sum(rest, d, s, last)


def _floor_sum(n: int, m: int, a: int, b: int) -> int:
    """Sum of ``floor((a*i + b) / m)`` for ``i`` from 0 to ``n - 1``, by Euclid's algorithm.

    Graham, Knuth & Patashnik, Concrete Mathematics, section 3.5.
    """
    total = 0
    while n > 0:
        if a >= m:
            total += n * (n - 1) // 2 * (a // m)
            a %= m
        if b >= m:
            total += n * (b // m)
            b %= m
        top = a * n + b
        if top < m:
            break
        n, b = top // m, top % m
        m, a = a, m
    return total


def _missed_symbolic(overhang: Dim, k: Dim, s: Dim, d: Dim, o: Dim) -> Dim:
    """The sum in closed form.

    Where the overhang has a largest value and the stride is a number, the outputs that may overhang
    are written out: with ``t_j`` the taps that output ``j`` misses, summation by parts gives ``sum of
    (t_j - t_(j+1)) * min(o, j + 1)``, which has a term only where the taps change. Otherwise, where
    the dilation divides the stride, ``ceil((y - j*s)/d)`` is ``ceil(y/d) - j*s/d``, so that the taps
    fall in an arithmetic series; ``min(k, t) = t - max(0, t - k)`` makes it the difference of two.
    Where neither holds it stays one function of its numbers.
    """
    most = largest(overhang)
    if most is not None and most <= 0:
        return 0
    if type(s) is int and most is not None and -(-most // s) <= _MOST_WRITTEN:
        found = _written_out(overhang, most, k, s, d, o)
        if found is not None:
            return found
    if divides(d, s) is True:
        steps = exact_div(s, d)
        first = ceil_div(overhang, d)
        return _series(first, steps, o) - _series(first - k, steps, o)
    from convcalc.symbols.form import call

    return call("missed", _missed, overhang, k, s, d, o)


_MOST_WRITTEN: Final = 4096
_MOST_TERMS: Final = 12


def _written_out(overhang: Dim, most: int, k: Dim, s: int, d: Dim, o: Dim) -> Dim | None:
    """The sum by parts; None where it has too many terms to be read."""
    count = -(-most // s)
    if type(overhang) is not int and count > _MOST_TERMS:
        return None
    if type(overhang) is int and type(k) is int and type(d) is int and d == 1 and overhang <= k:
        return _series(overhang, s, o)
    result: Dim = 0
    terms = 0
    taps = _taps(overhang, k, d)
    for j in range(count):
        following = _taps(overhang - (j + 1) * s, k, d) if j + 1 < count else 0
        if type(taps) is not int or type(following) is not int or taps != following:
            terms += 1
            if terms > _MOST_TERMS:
                return None
            result = result + (taps - following) * minimum(o, j + 1)
        taps = following
    return result


def _taps(overhang: Dim, k: Dim, d: Dim) -> Dim:
    return minimum(k, maximum(ceil_div(overhang, d), 0))


def _series(first: Dim, step: Dim, o: Dim) -> Dim:
    """Sum over ``j < o`` of ``max(0, first - j*step)``: the first ``n`` of them are positive."""
    n = minimum(o, ceil_div(maximum(first, 0), step))
    return first * n - step * exact_div(n * (n - 1), 2)


def checked_padding(before: Dim, after: Dim, extent: Dim, field: str = "padding") -> None:
    """Pool windows must meet the input: padding is at most half the effective kernel.

    Raises:
        DimensionError: it is more.
    """
    for side in (before, after):
        require(
            2 * side <= extent,
            f"pool padding {side} is more than half the kernel {extent}",
            field=field,
            hint=f"at most {extent // 2}" if type(extent) is int else "at most half the kernel",
        )


class Sliding(Layer):
    """A layer whose window slides over the input: a convolution or a pool.

    Every output position reads a window of the input: a kernel with its stride, dilation and padding.
    """

    __slots__ = ()
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    dilation: tuple[Dim, ...]
    padding: Padding

    def pads(self, shape: Shape) -> tuple[tuple[Dim, Dim], ...]:
        """Padding before and after, per axis, for an input of this shape."""
        return resolved(self.padding, shape[1:], self.kernel, self.stride, self.dilation)

    def textbook(self, inputs: tuple[Shape, ...]) -> dict[int, tuple[str, dict[str, Any]]]:
        """The size along every axis that the window slides over."""
        shape = inputs[0]
        ceil = getattr(self, "ceil", False)
        every = zip(
            self.pads(shape), self.padding, shape[1:], self.kernel, self.stride, self.dilation, strict=True
        )
        return {
            axis: textbook_size(i, k, s, d, before, after, padding=padding, ceil=ceil)
            for axis, ((before, after), padding, i, k, s, d) in enumerate(every, 1)
        }

    def windows(self, shape: Shape, mode: str = "zeros") -> dict[int, Rule]:
        """By spatial axis, from 1: how an input of this shape is read along it."""
        from convcalc.layers.reads import Slide

        return {
            axis: Slide(k, s, d, before, mode)
            for axis, (k, s, d, (before, _)) in enumerate(
                zip(self.kernel, self.stride, self.dilation, self.pads(shape), strict=True), 1
            )
        }


class Spreading(Layer):
    """A layer that writes a window of the output for every input position.

    It is the transpose of a :class:`Sliding` one: a transposed convolution, or unpooling.
    """

    __slots__ = ()
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
