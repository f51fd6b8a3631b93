"""Arithmetic that counts: over arrays from the operands passed, over scalars as they happen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from operator import truediv
from typing import Any, TypeVar, cast

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array


class Tally:
    """Executed scalar operations. ``macs`` and ``valid`` are products of weights with activations.

    ``accumulations`` are the sums that belong to them: one per product, save that a matrix product
    writes its first product instead of adding it to zero.
    """

    __slots__ = ("accumulations", "add", "cmp", "div", "macs", "mul", "special", "valid")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Set every number to zero."""
        self.macs = self.valid = self.accumulations = 0
        self.add = self.mul = self.cmp = self.div = self.special = 0


Method = TypeVar("Method", bound=Callable[..., Array])


def _by_result(kind: str, method: Method) -> Method:
    """The method of plain arithmetic, counted once per element that it computes."""

    @wraps(method)
    def counted(self: CountingArith, *args: Any, **kwargs: Any) -> Array:
        result = method(self, *args, **kwargs)
        setattr(self.tally, kind, getattr(self.tally, kind) + result.size)
        return result

    return cast(Method, counted)


def _by_operand(kind: str, method: Method) -> Method:
    """The same for a reduction: counted once per element that it reads."""

    @wraps(method)
    def counted(self: CountingArith, a: Array, *args: Any, **kwargs: Any) -> Array:
        setattr(self.tally, kind, getattr(self.tally, kind) + a.size)
        return method(self, a, *args, **kwargs)

    return cast(Method, counted)


class CountingArith(Arith):
    """Computes as :class:`Arith` does and notes how many scalars went through, by kind."""

    counting = True
    shared = False

    def __init__(self) -> None:
        self.tally = Tally()

    add = _by_result("add", Arith.add)
    subtract = _by_result("add", Arith.subtract)
    multiply = _by_result("mul", Arith.multiply)
    divide = _by_result("div", Arith.divide)
    maximum = _by_result("cmp", Arith.maximum)
    minimum = _by_result("cmp", Arith.minimum)
    greater = _by_result("cmp", Arith.greater)
    at_most = _by_result("cmp", Arith.at_most)
    absolute = _by_result("cmp", Arith.absolute)
    exp = _by_result("special", Arith.exp)
    log = _by_result("special", Arith.log)
    log1p = _by_result("add", _by_result("special", Arith.log1p))
    tanh = _by_result("special", Arith.tanh)
    sqrt = _by_result("special", Arith.sqrt)
    sin = _by_result("special", Arith.sin)
    cos = _by_result("special", Arith.cos)
    floor = _by_result("special", Arith.floor)
    round = _by_result("special", Arith.round)
    erf = _by_result("special", Arith.erf)
    power = _by_result("special", Arith.power)
    sum = _by_operand("add", Arith.sum)
    max = _by_operand("cmp", Arith.max)
    min = _by_operand("cmp", Arith.min)
    product = _by_operand("mul", Arith.product)
    argmax = _by_operand("cmp", Arith.argmax)
    argmin = _by_operand("cmp", Arith.argmin)

    def matmul(self, a: Array, b: Array, out: Array | None = None, real: Array | None = None) -> Array:
        """Matrix product: every entry of the result takes a product for each column of ``a``."""
        result = super().matmul(a, b, out)
        inner = a.shape[-1]
        products = result.size * inner
        self.tally.macs += products
        self.tally.accumulations += products - result.size
        if real is None:
            self.tally.valid += products
        else:  # each real entry of b meets one weight of every row of a
            entries = int(np.count_nonzero(real)) * (b.size // real.size)
            self.tally.valid += entries * (result.size // math.prod(b.shape[:-2]) // b.shape[-1])
        return result

    def products(self, weight: Array, x: Array, out: Array | None = None, real: Array | None = None) -> Array:
        """Elementwise products of weights with activations."""
        result = super().products(weight, x, out)
        self.tally.macs += result.size
        if real is None:
            self.tally.valid += result.size
        else:
            self.tally.valid += int(np.count_nonzero(real)) * (result.size // real.size)
        return result

    def accumulate(self, total: Array, part: Array) -> None:
        """Add partial sums."""
        self.tally.accumulations += part.size
        super().accumulate(total, part)

    def cropped(self, products: int) -> None:
        """Products that fall outside the output are executed, but not valid."""
        self.tally.valid -= products


class ScalarArith(Arith):
    """Arithmetic over object arrays of :class:`CountingScalar`: the scalars count themselves."""

    shared = False

    def __init__(self) -> None:
        self.tally = Tally()
        self.inside = False
        self.valid = True

    def constant(self, value: float) -> CountingScalar:
        """A marked scalar: its products are executed, but not valid."""
        return CountingScalar(value, self, padding=True)

    def wrap(self, array: Array) -> Array:
        """An object array of counting scalars with the values of ``array``."""
        return self.adopt(array.astype(object))

    def adopt(self, array: Array) -> Array:
        """Make every element a counting scalar of its own right, in place.

        Zeros that a kernel filled in are plain numbers or marked as padding until then; an array of the
        network's own holds machine numbers and is left as it is, for a copy.
        """
        if array.dtype.kind == "f" and array.size > 1 and not any(array.strides):  # one value everywhere
            return np.broadcast_to(self.adopt(array[(slice(1),) * array.ndim]), array.shape)
        if array.dtype.kind == "f":
            array = array.astype(object, order="C")
        if array.dtype.hasobject:
            flat = array.reshape(-1)
            for i, value in enumerate(flat):
                if not isinstance(value, CountingScalar) or value.padding:
                    flat[i] = CountingScalar(number(value), self)
        return array

    def maximum(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """The larger; a plain number that wins counts from then on, as any scalar."""
        holes = _holes(a)
        return self._without(holes, super().maximum(a, self._counting(b), out))

    def minimum(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """The smaller; as :meth:`maximum`."""
        holes = _holes(a)
        return self._without(holes, super().minimum(a, self._counting(b), out))

    def _without(self, holes: Array, result: Array) -> Array:
        """No number where the first operand was none; of objects NumPy takes the second then."""
        if not holes.any():
            return result
        nothing = CountingScalar(math.nan, self)
        if not isinstance(result, np.ndarray):
            return cast(Array, nothing)
        result[np.broadcast_to(holes, result.shape)] = nothing
        return result

    def _counting(self, value: Any) -> Any:
        return CountingScalar(value, self) if isinstance(value, int | float) else value

    @contextmanager
    def accumulating(self, valid: bool = True) -> Iterator[None]:
        """Products and sums inside are multiply-accumulates."""
        before = self.inside, self.valid
        self.inside, self.valid = True, valid
        try:
            yield
        finally:
            self.inside, self.valid = before


class CountingScalar:
    """A number that notes every operation it takes part in.

    Attributes:
        value: the number.
        arith: where operations are noted.
        padding: whether it was not read from the input; a product with it is not valid.
    """

    __slots__ = ("arith", "padding", "value")

    def __init__(self, value: float, arith: ScalarArith, padding: bool = False) -> None:
        self.value = value
        self.arith = arith
        self.padding = padding

    def _new(self, value: float) -> CountingScalar:
        return CountingScalar(value, self.arith)

    def _add(self, value: float) -> CountingScalar:
        if self.arith.inside:
            self.arith.tally.accumulations += 1
        else:
            self.arith.tally.add += 1
        return CountingScalar(value, self.arith)

    def __add__(self, other: Any) -> CountingScalar:
        return self._add(self.value + number(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> CountingScalar:
        return self._add(self.value - number(other))

    def __rsub__(self, other: Any) -> CountingScalar:
        return self._add(number(other) - self.value)

    def __mul__(self, other: Any) -> CountingScalar:
        arith = self.arith
        if arith.inside:
            arith.tally.macs += 1
            if arith.valid and not self.padding and not getattr(other, "padding", False):
                arith.tally.valid += 1
        else:
            arith.tally.mul += 1
        return self._new(self.value * number(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> CountingScalar:
        self.arith.tally.div += 1
        return self._new(_scalar(truediv, np.divide, self.value, number(other)))

    def __rtruediv__(self, other: Any) -> CountingScalar:
        self.arith.tally.div += 1
        return self._new(_scalar(truediv, np.divide, number(other), self.value))

    def __neg__(self) -> CountingScalar:
        return self._new(-self.value)  # a change of sign is not counted

    def __abs__(self) -> CountingScalar:
        self.arith.tally.cmp += 1
        return self._new(abs(self.value))

    def __pow__(self, exponent: Any) -> CountingScalar:
        return self._special(_scalar(pow, np.power, self.value, number(exponent)))

    def __rpow__(self, base: Any) -> CountingScalar:
        return self._special(_scalar(pow, np.power, number(base), self.value))

    def _compare(self, answer: bool) -> bool:
        self.arith.tally.cmp += 1
        return answer

    def __lt__(self, other: Any) -> bool:
        return self._compare(self.value < number(other))

    def __le__(self, other: Any) -> bool:
        return self._compare(self.value <= number(other))

    def __gt__(self, other: Any) -> bool:
        return self._compare(self.value > number(other))

    def __ge__(self, other: Any) -> bool:
        return self._compare(self.value >= number(other))

    def _special(self, value: float) -> CountingScalar:
        self.arith.tally.special += 1
        return self._new(value)

    def exp(self) -> CountingScalar:
        """Exponential; NumPy's functions call these methods on objects."""
        return self._special(_scalar(math.exp, np.exp, self.value))

    def log(self) -> CountingScalar:
        """Logarithm."""
        return self._special(_scalar(math.log, np.log, self.value))

    def log1p(self) -> CountingScalar:
        """Logarithm of 1 + the number."""
        self.arith.tally.add += 1
        return self._special(_scalar(math.log1p, np.log1p, self.value))

    def tanh(self) -> CountingScalar:
        """Hyperbolic tangent."""
        return self._special(_scalar(math.tanh, np.tanh, self.value))

    def sqrt(self) -> CountingScalar:
        """Square root."""
        return self._special(_scalar(math.sqrt, np.sqrt, self.value))

    def sin(self) -> CountingScalar:
        """Sine."""
        return self._special(_scalar(math.sin, np.sin, self.value))

    def cos(self) -> CountingScalar:
        """Cosine."""
        return self._special(_scalar(math.cos, np.cos, self.value))

    def __floor__(self) -> CountingScalar:
        return self._special(float(math.floor(self.value)) if math.isfinite(self.value) else self.value)

    def rint(self) -> CountingScalar:
        """The nearest whole number."""
        return self._special(float(round(self.value)) if math.isfinite(self.value) else self.value)

    def erf(self) -> CountingScalar:
        """Error function."""
        return self._special(math.erf(self.value))

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"CountingScalar({self.value!r})"


def _scalar(compute: Callable[..., Any], arrays: Callable[..., Any], *values: float) -> float:
    """What Python computes; where it raises or leaves the real numbers, what a function of arrays gives."""
    with suppress(ArithmeticError, ValueError):
        found = compute(*values)
        if not isinstance(found, complex):
            return float(found)
    with np.errstate(all="ignore"):
        return float(arrays(*values))


def _holes(values: Any) -> Array:
    """Where scalars are no numbers."""
    return np.asarray(np.frompyfunc(lambda value: math.isnan(number(value)), 1, 1)(values), bool)


def number(value: Any) -> float:
    """The plain number of a scalar, counting or not."""
    return float(value.value if isinstance(value, CountingScalar) else value)
