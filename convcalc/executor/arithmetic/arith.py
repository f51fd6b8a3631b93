"""The one door through which kernels do arithmetic.

A kernel adds, multiplies, compares only by the methods of an :class:`Arith`. The plain one is
NumPy itself; the counting one (:mod:`convcalc.executor.counting`) computes the same and notes how
many scalars went through, from the operands it was given. What a kernel does outside this door
is moving data and working out geometry, which is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convcalc.executor.arithmetic.special import erf

Array: TypeAlias = NDArray[Any]
Axes: TypeAlias = int | tuple[int, ...]

# NumPy's own annotations know neither object arrays nor an ``out`` of any dtype.
_Ufunc: TypeAlias = Callable[..., Array]
_absolute: _Ufunc = np.absolute
_add: _Ufunc = np.add
_add_reduce: _Ufunc = np.add.reduce
_cos: _Ufunc = np.cos
_divide: _Ufunc = np.divide
_exp: _Ufunc = np.exp
_floor: _Ufunc = np.floor
_rint: _Ufunc = np.rint
_greater: _Ufunc = np.greater
_less_equal: _Ufunc = np.less_equal
_log: _Ufunc = np.log
_matmul: _Ufunc = np.matmul
_maximum: _Ufunc = np.maximum
_maximum_reduce: _Ufunc = np.maximum.reduce
_minimum: _Ufunc = np.minimum
_minimum_reduce: _Ufunc = np.minimum.reduce
_multiply: _Ufunc = np.multiply
_multiply_reduce: _Ufunc = np.multiply.reduce
_power: _Ufunc = np.power
_sin: _Ufunc = np.sin
_sqrt: _Ufunc = np.sqrt
_subtract: _Ufunc = np.subtract
_log1p: _Ufunc = np.log1p
_tanh: _Ufunc = np.tanh


def _as_array(value: Any) -> Array:
    return np.asarray(value, dtype=object)


_ROW = 16384


@lru_cache(maxsize=16)
def _row(value: float, dtype: str) -> Array:
    return np.full(_ROW, value, dtype)


def _compare(ufunc: _Ufunc, a: Array, b: Any, out: Array | None) -> Array:
    """Maximum or minimum. With a plain number NumPy runs scalar code; against a row of it, vectors."""
    if type(b) is not float or a.dtype.kind != "f" or not a.flags.c_contiguous:
        return ufunc(a, b, out=out)
    result = np.empty_like(a) if out is None or not out.flags.c_contiguous else out
    row = _row(b, a.dtype.char)
    source, target = a.reshape(-1), result.reshape(-1)
    whole = a.size // _ROW * _ROW
    if whole:
        ufunc(source[:whole].reshape(-1, _ROW), row, out=target[:whole].reshape(-1, _ROW))
    ufunc(source[whole:], row[: a.size - whole], out=target[whole:])
    if out is not None and result is not out:
        out[...] = result
        return out
    return result


class Arith:
    """Plain arithmetic. Every method computes elementwise with broadcasting, as NumPy does.

    Works on arrays of numbers and on object arrays alike: an object array calls the operators
    and methods (``exp``, ``sqrt``, ...) of its elements.
    """

    counting = False
    """Whether operands are noted; kernels then build masks of what is real and what is padding."""

    shared = True
    """Whether several threads may compute with it at once."""

    meant = True
    """Whether the values of results mean anything: what has shapes alone is looked up nowhere."""

    def constant(self, value: float) -> Any:
        """A number that is not of the input: what a window reads where there is only padding."""
        return value

    def adopt(self, array: Array) -> Array:
        """What a layer wrote, as the next one is to read it."""
        return array

    def add(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """Sum."""
        return _add(a, b, out=out)

    def subtract(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """Difference; counted as an addition."""
        return _subtract(a, b, out=out)

    def multiply(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """Product."""
        return _multiply(a, b, out=out)

    def divide(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """Quotient."""
        return _divide(a, b, out=out)

    def maximum(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """The larger; one comparison."""
        return _compare(_maximum, a, b, out)

    def minimum(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """The smaller; one comparison."""
        return _compare(_minimum, a, b, out)

    def greater(self, a: Any, b: Any) -> Array:
        """Whether ``a > b``; one comparison."""
        return _greater(a, b, dtype=bool)

    def at_most(self, a: Any, b: Any) -> Array:
        """Whether ``a <= b``, which nothing is that is no number; one comparison."""
        return _less_equal(a, b, dtype=bool)

    def absolute(self, a: Array, out: Array | None = None) -> Array:
        """Absolute value; one comparison (with zero)."""
        return _absolute(a, out=out)

    def exp(self, a: Array, out: Array | None = None) -> Array:
        """Exponential; a special function."""
        with np.errstate(over="ignore"):
            return _exp(a, out=out)

    def log(self, a: Array, out: Array | None = None) -> Array:
        """Logarithm; a special function."""
        return _log(a, out=out)

    def log1p(self, a: Array, out: Array | None = None) -> Array:
        """Logarithm of 1 + a, precise where a is small; an addition and a special function."""
        return _log1p(a, out=out)

    def tanh(self, a: Array, out: Array | None = None) -> Array:
        """Hyperbolic tangent; a special function."""
        return _tanh(a, out=out)

    def sqrt(self, a: Array, out: Array | None = None) -> Array:
        """Square root; a special function."""
        return _sqrt(a, out=out)

    def sin(self, a: Array, out: Array | None = None) -> Array:
        """Sine; a special function."""
        return _sin(a, out=out)

    def cos(self, a: Array, out: Array | None = None) -> Array:
        """Cosine; a special function."""
        return _cos(a, out=out)

    def floor(self, a: Array, out: Array | None = None) -> Array:
        """The whole number at or below; a special function."""
        return _floor(a, out=out)

    def round(self, a: Array, out: Array | None = None) -> Array:
        """The nearest whole number, halves to the even one; a special function."""
        return _rint(a, out=out)

    def erf(self, a: Array) -> Array:
        """Error function; a special function."""
        return erf(a)

    def power(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """Power; a special function."""
        return _power(a, b, out=out)

    def sum(self, a: Array, axis: Axes, keepdims: bool = True) -> Array:
        """Sum over axes; the accumulator starts from zero, so n items are n additions."""
        if a.dtype.hasobject:
            return _as_array(_add_reduce(a, axis=axis, keepdims=keepdims, initial=0.0))
        return _add_reduce(a, axis=axis, keepdims=keepdims)

    def max(self, a: Array, axis: Axes, keepdims: bool = True) -> Array:
        """Maximum over axes; the accumulator starts from minus infinity: n items, n comparisons."""
        if a.dtype.hasobject:
            return _as_array(_maximum_reduce(a, axis=axis, keepdims=keepdims, initial=-np.inf))
        return _maximum_reduce(a, axis=axis, keepdims=keepdims)

    def min(self, a: Array, axis: Axes, keepdims: bool = True) -> Array:
        """Minimum over axes; the accumulator starts from infinity: n items, n comparisons."""
        if a.dtype.hasobject:
            return _as_array(_minimum_reduce(a, axis=axis, keepdims=keepdims, initial=np.inf))
        return _minimum_reduce(a, axis=axis, keepdims=keepdims)

    def product(self, a: Array, axis: Axes, keepdims: bool = True) -> Array:
        """Product over axes; the accumulator starts from one: n items, n multiplications."""
        if a.dtype.hasobject:
            return _as_array(_multiply_reduce(a, axis=axis, keepdims=keepdims, initial=1.0))
        return _multiply_reduce(a, axis=axis, keepdims=keepdims)

    def argmax(self, a: Array, axis: int) -> Array:
        """Where along an axis the first of the largest stands, in 64 bits; n items, n comparisons."""
        return np.asarray(np.argmax(a, axis=axis, keepdims=True), np.int64)

    def argmin(self, a: Array, axis: int) -> Array:
        """Where along an axis the first of the smallest stands; as :meth:`argmax`."""
        return np.asarray(np.argmin(a, axis=axis, keepdims=True), np.int64)

    def matmul(self, a: Array, b: Array, out: Array | None = None, real: Array | None = None) -> Array:
        """Matrix product of weights ``a (..., m, k)`` with activations ``b (..., k, n)``.

        ``real`` (when counting) tells which entries of ``b`` were read from the input rather
        than from zero padding: ``(r, n)`` with ``r`` dividing ``k``, repeated over the rows.
        """
        return _matmul(a, b, out=out)

    def products(self, weight: Array, x: Array, out: Array | None = None, real: Array | None = None) -> Array:
        """Elementwise products of weights with activations that :meth:`accumulate` will add up.

        ``real`` as in :meth:`matmul`, with the shape of ``x`` save for its channels.
        """
        return _multiply(x, weight, out=out)

    def accumulate(self, total: Array, part: Array) -> None:
        """Add partial sums of products to their accumulator, in place."""
        np.add(total, part, out=total)

    def cropped(self, products: int) -> None:
        """Note that so many products already computed fall outside the output."""

    @contextmanager
    def accumulating(self, valid: bool = True) -> Iterator[None]:
        """Scalar products and sums inside are multiply-accumulates (used by the naive loops)."""
        yield


PLAIN = Arith()
