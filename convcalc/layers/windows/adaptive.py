"""Pooling to a stated size: of the whole map, or of windows that cover it evenly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convcalc.dims import UNKNOWN, Dim, DimensionError, Shape, divides, equal, is_array, is_symbolic, prod
from convcalc.layers.base import Layer, Ops, Option, Template, fill
from convcalc.layers.values import MOST_AXES, axis_names, joined, spatial

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved


class _Global(Layer):
    __slots__ = ()

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Channels, with every spatial size 1."""
        return ((inputs[0][0], *(1 for _ in spatial(self.op, inputs[0], MOST_AXES))),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every output reads the whole map of its channel."""
        from convcalc.layers.reads import EVERY, along

        return ((along(inputs[0], dict.fromkeys(range(1, len(inputs[0])), EVERY)),),)


class GlobalAvgPool(_Global):
    """Mean of the whole map (Lin et al. 2014)."""

    __slots__ = ()
    op: ClassVar[str] = "globalavgpool"
    source: ClassVar[str] = "Lin et al. 2014, Network in network, section 3.2"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition per input, one division per output."""
        return Ops(add=prod(inputs[0]), div=inputs[0][0])


class GlobalMaxPool(_Global):
    """Largest value of the whole map."""

    __slots__ = ()
    op: ClassVar[str] = "globalmaxpool"
    source: ClassVar[str] = "Oquab et al. 2015, Is object localization for free?"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison per input."""
        return Ops(cmp=prod(inputs[0]))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, and the places of what was largest; of more than three axes the largest itself."""
        from convcalc.layers.saved import BOTH, INDEX, Own, Saved

        if len(inputs[0]) > 4:
            return BOTH
        return Saved((0,), own=(Own("indices", prod(outputs[0]), INDEX),))


def adaptive_taps(i: Dim, o: Dim) -> Dim:
    """Sum of the window lengths that adaptive pooling from ``i`` to ``o`` reads.

    Output ``j`` reads ``floor(j*i/o)`` up to ``ceil((j + 1)*i/o)``. Inner bounds where ``j*i/o`` is
    whole count once, the others twice: ``i + o - gcd(i, o)``.
    """
    if type(i) is int and type(o) is int:
        from math import gcd

        return i + o - gcd(i, o)
    if i is UNKNOWN or o is UNKNOWN:
        return UNKNOWN
    if type(o) is int and o == 1:
        return i
    if is_symbolic(i) or is_symbolic(o):
        return i + o - _gcd(i, o)
    import numpy as np

    return i + o - np.gcd(i, o)


def _gcd(i: Dim, o: Dim) -> Dim:
    """The greatest common divisor of sizes some of which may be symbols."""
    if is_array(i) or is_array(o):
        import numpy as np

        return np.gcd(i, o)
    if not (is_symbolic(i) or is_symbolic(o)):
        from math import gcd

        return gcd(i, o)
    if equal(i, o) is True:
        return i
    if divides(o, i) is True:
        return o
    if divides(i, o) is True:
        return i
    from convcalc.symbols.form import call

    return call("gcd", _gcd, i, o, least=1)


SHOWN: Final = 16
"""Windows along an axis that an explanation lists."""


def adaptive_windows(i: int, o: int, most: int) -> list[tuple[int, int]]:
    """First index and the one behind the last, of the first ``most`` windows from ``i`` to ``o``."""
    return [(j * i // o, -(-(j + 1) * i // o)) for j in range(min(o, most))]


def equal_windows(i: int, o: int) -> tuple[int, int] | None:
    """Size and stride of the windows where all have the same; None where they differ.

    Windows start at ``floor(j*i/o)`` and reach to ``ceil((j + 1)*i/o)``; both sequences have equal steps
    only where ``o`` divides ``i``, or where every window is one step of a stride of ``floor(i/o)`` further,
    up to the last.
    """
    step = i // o
    if o == 1 or i % o == 0:
        return step, step
    starts_equal = (o - 1) * i // o == (o - 1) * step
    ends_equal = i - -(-i // o) == (o - 1) * step
    return (-(-i // o), step) if step and starts_equal and ends_equal else None


@dataclass(frozen=True, slots=True)
class _Adaptive(Layer):
    """What both adaptive pools share: the sizes; None keeps that of an axis."""

    size: tuple[Dim, ...]

    pool: ClassVar[str]
    """The pool whose windows are all alike."""

    options: ClassVar[tuple[Option, ...]] = (Option("size", "axes", None),)
    template: ClassVar[Template] = Template(
        options={"size": ("O_h", "O_w")}, meanings={"O_h": "output height", "O_w": "output width"}
    )

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; one size is that of every axis."""
        size = values.get("size")
        if size is None:
            raise DimensionError(f"{cls.op} needs size", hint=f"size=..., such as '{cls.op} size=7'")
        arriving = spatial(cls.op, inputs[0])
        items = size if isinstance(size, tuple) else (size,)
        items = items * len(arriving) if len(items) == 1 else items
        if len(items) == len(arriving):
            items = tuple(i if item is None else item for i, item in zip(arriving, items, strict=True))
        return cls(**fill(cls, inputs, {"size": items}))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The channels, and the sizes asked for."""
        return ((inputs[0][0], *self.size),)

    def particulars(self, inputs: tuple[Shape, ...]) -> tuple[tuple[str, str, str], ...]:
        """The windows along every axis, and the pool of equal windows that does the same, if there is one."""
        names = axis_names(len(self.size))
        pairs = list(zip(inputs[0][1:], self.size, strict=True))
        found = []
        steps: list[tuple[int, int] | None] = []
        for name, (i, o) in zip(names, pairs, strict=True):
            if not type(i) is type(o) is int:
                found.append(
                    ("windows", name, f"output j reads floor(j*{i}/{o}) up to ceil((j + 1)*{i}/{o}) - 1")
                )
                continue
            windows = adaptive_windows(i, o, SHOWN)
            texts = [str(a) if b - a == 1 else f"{a} to {b - 1}" for a, b in windows]
            found.append(("windows", name, ", ".join(texts) + (", ..." if o > SHOWN else "")))
            steps.append(equal_windows(i, o))
        if len(steps) == len(pairs):
            found.append(("windows", "as a pool of equal windows", self._equal(steps)))
        return tuple(found)

    def _equal(self, steps: list[tuple[int, int] | None]) -> str:
        known = [step for step in steps if step is not None]
        if len(known) < len(steps):
            return "none: the windows differ in size or distance"
        return f"{self.pool} k{joined([k for k, _ in known])} s{joined([s for _, s in known])}"

    def _reads(self, inputs: tuple[Shape, ...]) -> Dim:
        return inputs[0][0] * prod(adaptive_taps(i, o) for i, o in zip(inputs[0][1:], self.size, strict=True))

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads its bin along every axis."""
        from convcalc.layers.reads import EVERY, Bins, along

        rules = {
            axis: EVERY if type(o) is int and o == 1 else Bins(i, o)
            for axis, (i, o) in enumerate(zip(inputs[0][1:], self.size, strict=True), 1)
        }
        return ((along(inputs[0], rules),),)


class AdaptiveAvgPool(_Adaptive):
    """Means of as many windows as asked for, which cover the map evenly (PyTorch)."""

    __slots__ = ()
    op: ClassVar[str] = "adaptiveavgpool"
    pool: ClassVar[str] = "avgpool"
    source: ClassVar[str] = "He et al. 2014, Spatial pyramid pooling; PyTorch AdaptiveAvgPool"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition per value read, one division per output."""
        return Ops(add=self._reads(inputs), div=prod(outputs[0]))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input; nothing where one mean is all there is."""
        from convcalc.layers.saved import INPUT, NOTHING

        return NOTHING if all(n == 1 for n in outputs[0][1:]) else INPUT


class AdaptiveMaxPool(_Adaptive):
    """Largest values of as many windows as asked for."""

    __slots__ = ()
    op: ClassVar[str] = "adaptivemaxpool"
    pool: ClassVar[str] = "maxpool"
    source: ClassVar[str] = "He et al. 2014, Spatial pyramid pooling; PyTorch AdaptiveMaxPool"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison per value read."""
        return Ops(cmp=self._reads(inputs))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, and the places of what was largest."""
        from convcalc.layers.saved import INDEX, Own, Saved

        return Saved((0,), own=(Own("indices", prod(outputs[0]), INDEX),))


LAYERS = (GlobalAvgPool, GlobalMaxPool, AdaptiveAvgPool, AdaptiveMaxPool)
