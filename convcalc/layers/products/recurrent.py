"""Recurrent layers over a sequence: plain (Elman), LSTM and GRU, in the formulas and weights of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convcalc.dims import UNKNOWN, Dim, DimensionError, Shape, is_known, prod, require
from convcalc.layers.base import INFER, Layer, Ops, Option, Template, fill
from convcalc.layers.values import axis_of, show

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Reads, Windows
    from convcalc.layers.saved import Need, Saved, Steps

_BEFORE: Final = (
    Option("in_features", "dim", INFER, aliases=("in",)),
    Option("hidden", "dim", aliases=("hidden_size",)),
    Option("layers", "dim", 1, aliases=("num_layers",)),
    Option("bidirectional", "flag", False),
)
_AFTER: Final = (
    Option("bias", "flag", True),
    Option("recurrent_bias", "flag", True),
    Option("axis", "axis", 0),
    Option("features", "axis", None),
)
_MOST: Final = 1000
"""Most layers of one recurrent layer; each has weights of its own, which are listed."""


@dataclass(frozen=True)
class Recurrent(Layer):
    """What all recurrent layers share.

    ``axis`` (0 unless told otherwise) is the sequence of ``T`` steps; ``features`` is the axis of the
    ``in_features``: of two the other one, of more the last one unless told otherwise, or the first where the
    last is the sequence. Along every further axis there are sequences of their own, all with the same
    weights: the rows of a map ``(H, W, C)`` with ``axis=1``. At every step the ``gates`` are affine in the
    step's input ``x`` and in the state ``h`` of the step before, which starts at zero:
    ``W_ih x + b_ih`` and ``W_hh h + b_hh``. Several ``layers`` read the sequence of the one before;
    ``bidirectional`` ones run from both ends, and write both results side by side.

    Outputs: the sequence, ``(T, directions * size)`` (the axes as they arrive), where the size is ``hidden``
    or, where there is one, ``projection``; ``h``, the state after the last step of every layer and direction,
    ``(layers * directions, ..., size)`` with the further axes between; and of an LSTM ``c``, its cells,
    ``(layers * directions, ..., hidden)``.

    Weights (PyTorch's names and layouts; ``_reverse`` for the second direction): ``weight_ih_l0
    (gates*hidden, in)``, ``weight_hh_l0 (gates*hidden, size)``, ``bias_ih_l0`` and ``bias_hh_l0
    (gates*hidden,)``; without ``recurrent_bias`` the first of the two alone, as in Keras.

    ``macs`` per sequence, step, layer and direction: ``gates * hidden * (in + size)``, and of a projection
    ``hidden * size``; the first step multiplies its state of zeros as well.
    """

    in_features: Dim
    hidden: Dim
    layers: int
    bidirectional: bool
    bias: bool
    recurrent_bias: bool
    axis: int
    features: int | None

    options: ClassVar[tuple[Option, ...]] = (*_BEFORE, *_AFTER)
    positional: ClassVar[tuple[str, ...]] = ("in_features->hidden",)
    template: ClassVar[Template] = Template(
        ("L M",), {"hidden": "N"}, {"L": "steps", "M": "features that arrive", "N": "features of the state"}
    )
    gates: ClassVar[int] = 1
    cost: ClassVar[Ops] = Ops()
    """Operations of a unit at a step, besides the sums of its gates."""

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer for a sequence.

        Raises:
            DimensionError: the input has one axis, or an option does not fit.
        """
        shape = inputs[0]
        if len(shape) < 2:
            raise DimensionError(
                f"{cls.op} reads sequences of two axes or more, got {show(shape)}",
                hint="steps and features, such as 10x64; reshape or permute before it",
            )
        axis = axis_of(values.get("axis"), shape)
        features: int | None = len(shape) - 1 if axis < len(shape) - 1 else 0
        if values.get("features") is not None:
            features = axis_of(values["features"], shape, "features")
            if features == axis:
                raise DimensionError(
                    f"the features lie on axis {axis}, which is the sequence",
                    field="features",
                    hint="another axis, or axis= another one",
                )
        arriving = (shape[features or 0], shape[axis])  # the features first: options are taken from there
        found = fill(cls, (arriving,), {**values, "axis": 0, "features": None})
        layer = cls(**{**found, "axis": axis, "features": features if len(shape) > 2 else None})
        layer.check(inputs)
        return layer

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Layers are listed one by one, so that there must be a number of them."""
        if type(self.layers) is not int or self.layers > _MOST:
            raise DimensionError(f"{self.layers} layers", field="layers", hint=f"a number, {_MOST} at most")

    @classmethod
    def implied(cls, values: Mapping[str, Any]) -> Shape:
        """A sequence of unknown length."""
        features = values["in_features"]
        return (features, UNKNOWN) if cls.feature_axis(values) == 0 else (UNKNOWN, features)

    @classmethod
    def feature_axis(cls, options: Mapping[str, Any]) -> int:
        """The axis of its input that the features lie on, which is not the sequence."""
        found = options.get("features")
        if type(found) is int:
            return found
        return 0 if options.get("axis") in (1, -1) else 1

    @property
    def at(self) -> int:
        """The axis that the features lie on."""
        return 1 - self.axis if self.features is None else self.features

    def _apart(self, shape: Shape) -> tuple[int, ...]:
        """The axes along which there are sequences of their own."""
        return tuple(a for a in range(len(shape)) if a not in (self.axis, self.at))

    def _steps(self, inputs: tuple[Shape, ...]) -> Dim:
        """Steps of all sequences."""
        shape = inputs[0]
        return prod((shape[self.axis], *(shape[a] for a in self._apart(shape))))

    @property
    def directions(self) -> int:
        """2 where it runs from both ends, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def size(self) -> Dim:
        """Features of a state."""
        return self.hidden

    def output_names(self) -> tuple[str, ...]:
        """The sequence, and ``h``."""
        return ("", "h")

    def output_axes(self, output: int, rank: int) -> tuple[str, ...] | None:
        """What the axes of an output are called, where there is one sequence."""
        if self.features is not None:
            return None
        if output:
            return ("layers and directions", "features")
        return ("steps", "features") if self.axis == 0 else ("features", "steps")

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The sequence, and the states after its last step."""
        shape = inputs[0]
        sequence = tuple(self.directions * self.size if a == self.at else n for a, n in enumerate(shape))
        return (sequence, self._state(shape, self.size))

    def _state(self, shape: Shape, size: Dim) -> Shape:
        """Of states of all layers and directions."""
        return (self.layers * self.directions, *(shape[a] for a in self._apart(shape)), size)

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """PyTorch's arrays, layer by layer, the second direction behind the first."""
        found: dict[str, Shape] = {}
        rows = self.gates * self.hidden
        for number in range(self.layers):
            arriving = self.in_features if number == 0 else self.directions * self.size
            for reverse in ("", "_reverse")[: self.directions]:
                name = f"l{number}{reverse}"
                found[f"weight_ih_{name}"] = (rows, arriving)
                found[f"weight_hh_{name}"] = (rows, self.size)
                if self.bias:
                    found[f"bias_ih_{name}"] = (rows,)
                if self.bias and self.recurrent_bias:
                    found[f"bias_hh_{name}"] = (rows,)
        return found

    def _passes(self, inputs: tuple[Shape, ...]) -> Dim:
        """Steps of all sequences, layers and directions."""
        return self._steps(inputs) * self.layers * self.directions

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """Per sequence, step, layer and direction ``gates * hidden * (in + size)``."""
        first = self.in_features + self.size
        later = (self.directions + 1) * self.size
        every = first + (self.layers - 1) * later
        return self._steps(inputs) * self.directions * self.gates * self.hidden * every

    def backward_macs(
        self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need
    ) -> tuple[Dim, Dim]:
        """As many as forward for either; none for the first states, nor for an input that wants none."""
        macs = self.macs(inputs, outputs)
        rows = self.directions * self.gates * self.hidden
        arriving = macs - self._sequences(inputs) * self.layers * rows * self.size
        if not need.inputs[0]:
            arriving = arriving - self._steps(inputs) * rows * self.in_features
        return arriving, macs if need.learned else 0

    def _sequences(self, inputs: tuple[Shape, ...]) -> Dim:
        """How many sequences there are, for one sample."""
        return prod(inputs[0][a] for a in self._apart(inputs[0]))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """Step by step as PyTorch's own cells keep it: gates, states and, of an LSTM, cells.

        Fused kernels (cuDNN, oneDNN) keep as much or more in a workspace of their own.
        """
        from convcalc.layers.saved import Laid, Own, Saved

        shape = inputs[0]
        order = (self.axis + 1, 0, *(a + 1 for a in self._apart(shape)), self.at + 1)
        rows = (Laid(0, order, together=len(shape)),) * (self.directions if self._of_pytorch else 0)
        passes, sequences = self._passes(inputs), self._sequences(inputs)
        later = passes - sequences * self.layers * self.directions
        own = [Own(name, sequences * self.layers * self.directions * n) for name, n in self._first()]
        own += [Own(name, (passes if every else later) * n) for name, n, every in self._kept()]
        if self.layers > 1:
            between = self._steps(inputs) * (self.layers - 1) * self.directions * self.size
            own.append(Own("sequences between layers", between))
        return Saved(() if rows else (0,), own=tuple(own), laid=rows)

    def writes(self, shape: tuple[int, ...]) -> Steps | None:
        """Step by step, each for all sequences of the batch."""
        if not self._of_pytorch:
            return None
        from convcalc.layers.saved import laid_out

        return laid_out((self.axis + 1, 0, *(a + 1 for a in self._apart(shape[1:])), self.at + 1), shape)

    @property
    def _of_pytorch(self) -> bool:
        """Whether PyTorch has such a cell: one bias for each of the two products, or none."""
        return self.recurrent_bias or not self.bias

    def _first(self) -> tuple[tuple[str, Dim], ...]:
        """What a sequence begins with, of zeros."""
        return (("first states", self.size),)

    def _kept(self) -> tuple[tuple[str, Dim, bool], ...]:
        """What a step keeps: what it is, how many entries, and whether the last step keeps it, too."""
        return (("states", self.size, True),)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Per gate the sum of its two products and of its biases, and what makes a state of the gates."""
        sums = self.gates * (1 + self.bias * (1 + self.recurrent_bias))
        units = self._passes(inputs) * self.hidden
        return self.cost.plus(Ops(add=sums)).times(units)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """A step reads all features of the steps up to it; a state, and what runs from both ends, all steps.

        Of one layer that runs from both ends, the second half of the features reads the steps from its own
        on. How much that is of a sequence of no known length is not stated: all of it is.
        """
        from convcalc.layers.reads import ALL, EVERY, ONE, Axis, From, Rule, UpTo, Whole

        shape = inputs[0]
        steps, apart = shape[self.axis], self._apart(shape)
        places = (
            dict(zip(apart, range(1, len(shape)), strict=False))
            if output
            else dict(zip(apart, apart, strict=True))
        )
        rules = {a: Axis(place, ONE) for a, place in places.items()}
        numeric = type(steps) is int and type(self.in_features) is int and type(self.size) is int
        if output or not numeric or (self.bidirectional and self.layers > 1):
            return ((tuple(rules.get(a, ALL) for a in range(len(shape))),),)

        def way(time: Rule, features: Rule) -> Reads:
            found = {self.axis: Axis(self.axis, time), **rules}
            found[self.at] = ALL if features is EVERY else Axis(self.at, features)
            return tuple(found.get(a, ALL) for a in range(len(shape)))

        if not self.bidirectional:
            return ((way(UpTo(), EVERY),),)
        halves = (Whole(first, self.size, self.in_features) for first in (0, self.size))
        return (tuple(way(time, half) for time, half in zip((UpTo(), From(steps)), halves, strict=True)),)

    def particulars(self, inputs: tuple[Shape, ...]) -> tuple[tuple[str, str, str], ...]:
        """The formulas of one step, and what is read."""
        found = [("one step", name, text) for name, text in self._equations()]
        if not self.bias:
            found.append(("one step", "b", "none (bias=false)"))
        elif not self.recurrent_bias:
            found.append(("one step", "b_h", "none (recurrent_bias=false, as in Keras)"))
        steps = inputs[0][self.axis]
        where = f"of {steps} steps" if is_known(steps) else "of the steps"
        found.append(("sequence", "axis", f"{self.axis} {where}; features on axis {self.at}"))
        if apart := self._apart(inputs[0]):
            axes = ", ".join(map(str, apart))
            found.append(
                (
                    "sequence",
                    "each of its own",
                    f"along axis {axes}" if len(apart) == 1 else f"along axes {axes}",
                )
            )
        reads = "all steps" if self.bidirectional else "step t reads steps 0 to t"
        found.append(("sequence", "reads", f"{reads}; the final states read all"))
        return tuple(found)

    def _equations(self) -> tuple[tuple[str, str], ...]:
        """Name and formula of everything that a step computes."""
        raise NotImplementedError


_X: Final = "W_i{0} x + b_i{0}"
_H: Final = "W_h{0} h + b_h{0}"


def _gate(name: str, function: str) -> tuple[str, str]:
    return name, f"{function}({_X.format(name)} + {_H.format(name)})"


@dataclass(frozen=True)
class RNN(Recurrent):
    """Plain recurrence (Elman): ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, or relu instead of tanh."""

    nonlinearity: str

    op: ClassVar[str] = "rnn"
    autocast: ClassVar[str] = "half"
    source: ClassVar[str] = "Elman 1990, Finding structure in time; PyTorch RNN"
    options: ClassVar[tuple[Option, ...]] = (
        *_BEFORE,
        Option("nonlinearity", "choice", "tanh", choices=("tanh", "relu")),
        *_AFTER,
    )

    @property
    def cost(self) -> Ops:  # type: ignore[override]
        """One function of every unit."""
        return Ops(special=1) if self.nonlinearity == "tanh" else Ops(cmp=1)

    def _equations(self) -> tuple[tuple[str, str], ...]:
        return (("h'", f"{self.nonlinearity}({_X.format('h')} + {_H.format('h')})"),)


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory: gates ``i f g o``, a cell ``c' = f*c + i*g`` and a state ``h' = o * tanh(c')``.

    ``i f o`` are sigmoids, ``g`` a tanh. With a ``projection`` the state is ``W_hr (o * tanh(c'))`` of that
    many features (``weight_hr_l0 (projection, hidden)``).
    """

    projection: Dim | None

    op: ClassVar[str] = "lstm"
    autocast: ClassVar[str] = "half"
    source: ClassVar[str] = (
        "Hochreiter & Schmidhuber 1997, Long short-term memory; Sak et al. 2014 (projection); PyTorch LSTM"
    )
    options: ClassVar[tuple[Option, ...]] = (
        *_BEFORE,
        Option("projection", "dim", None, aliases=("proj_size",)),
        *_AFTER,
    )
    template: ClassVar[Template] = Recurrent.template._replace(options={"hidden": "N", "projection": None})
    gates: ClassVar[int] = 4
    cost: ClassVar[Ops] = Ops(add=3 + 1, mul=3, div=3, special=5)

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """A projection makes the state smaller."""
        super().check(inputs)
        if self.projection is not None:
            require(
                self.projection < self.hidden,
                f"a projection to {self.projection} of {self.hidden} features",
                field="projection",
                hint="fewer features than hidden, as PyTorch has it",
            )

    @property
    def size(self) -> Dim:
        """Features of a state: those of the projection, if there is one."""
        return self.hidden if self.projection is None else self.projection

    def output_names(self) -> tuple[str, ...]:
        """The sequence, ``h`` and ``c``."""
        return ("", "h", "c")

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The sequence, and states and cells after its last step."""
        return (*super().output_shapes(inputs), self._state(inputs[0], self.hidden))

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """PyTorch's arrays, and ``weight_hr`` of each projection behind the others."""
        found = super().parameters(inputs)
        if self.projection is None:
            return found
        ordered: dict[str, Shape] = {}
        for number in range(self.layers):
            for reverse in ("", "_reverse")[: self.directions]:
                end = f"_l{number}{reverse}"
                ordered.update((name, shape) for name, shape in found.items() if name.endswith(end))
                ordered[f"weight_hr{end}"] = (self.projection, self.hidden)
        return ordered

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """Per sequence, step, layer and direction ``4*hidden*(in + size)``, and ``hidden*projection``."""
        gates = super().macs(inputs, outputs)
        if self.projection is None:
            return gates
        return gates + self._passes(inputs) * self.hidden * self.projection

    def _equations(self) -> tuple[tuple[str, str], ...]:
        state = "o * tanh(c')" if self.projection is None else "W_hr (o * tanh(c'))"
        gates = (_gate("i", "sigmoid"), _gate("f", "sigmoid"), _gate("g", "tanh"), _gate("o", "sigmoid"))
        return (*gates, ("c'", "f * c + i * g"), ("h'", state))

    def _first(self) -> tuple[tuple[str, Dim], ...]:
        """A state and a cell."""
        return (("first states", self.size), ("first cells", self.hidden))

    def _kept(self) -> tuple[tuple[str, Dim, bool], ...]:
        """Gates, cells, their hyperbolic tangents and states; of a projection what it projects."""
        projected = () if self.projection is None else (("unprojected states", self.hidden, True),)
        return (
            ("gates", 4 * self.hidden, True),
            ("tanh(c)", self.hidden, True),
            *projected,
            ("cells", self.hidden, False),
            ("states", self.size, False),
        )


@dataclass(frozen=True)
class GRU(Recurrent):
    """Gated recurrent unit: gates ``r z``, a candidate ``n`` and a state ``h' = (1 - z) * n + z * h``.

    ``r z`` are sigmoids. The reset gate acts on the product with the state (``reset=after``, PyTorch and
    cuDNN): ``n = tanh(W_in x + b_in + r * (W_hn h + b_hn))``; or on the state itself (``reset=before``, as it
    was published): ``n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)``.
    """

    reset: str

    op: ClassVar[str] = "gru"
    autocast: ClassVar[str] = "half"
    source: ClassVar[str] = "Cho et al. 2014, Learning phrase representations; PyTorch GRU (reset=after)"
    options: ClassVar[tuple[Option, ...]] = (
        *_BEFORE,
        Option("reset", "choice", "after", choices=("after", "before")),
        *_AFTER,
    )
    gates: ClassVar[int] = 3
    cost: ClassVar[Ops] = Ops(add=2 + 2, mul=3, div=2, special=3)

    def _equations(self) -> tuple[tuple[str, str], ...]:
        product = f"r * ({_H.format('n')})" if self.reset == "after" else "W_hn (r * h) + b_hn"
        candidate = ("n", f"tanh({_X.format('n')} + {product})")
        whose = {
            "after": "on the product with the state (reset=after: PyTorch, cuDNN, Keras' reset_after=True)",
            "before": "on the state, before the product (reset=before: Cho et al. 2014, v1)",
        }
        return (
            _gate("r", "sigmoid"),
            _gate("z", "sigmoid"),
            candidate,
            ("h'", "(1 - z) * n + z * h"),
            ("r acts", whose[self.reset]),
        )

    @property
    def _of_pytorch(self) -> bool:
        """PyTorch resets the product with the state."""
        return self.reset == "after" and super()._of_pytorch

    def _kept(self) -> tuple[tuple[str, Dim, bool], ...]:
        """Gates, the product with the state, the candidate, its distance from the state, and states.

        PyTorch's cell stores the candidate's gate beside the two others; a reset before has none to store.
        """
        return (
            ("gates", (3 if self.reset == "after" else 2) * self.hidden, True),
            ("products and candidates", 3 * self.hidden, True),
            ("states", self.hidden, False),
        )


LAYERS = (RNN, LSTM, GRU)
