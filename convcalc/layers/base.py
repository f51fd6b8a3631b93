"""What every layer is: a frozen dataclass of hyper-parameters with its local formulas.

A layer never sees a graph. Its methods take the shapes that arrive (channels, then spatial
sizes, no batch) and answer with shapes and counts, in plain arithmetic that works on every
carrier of :mod:`convcalc.dims`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from convcalc.dims import (
    UNKNOWN,
    Dim,
    DimensionError,
    Shape,
    equal,
    require,
)
from convcalc.layers.values import axes, axes_of, axis_of, pads, spatial, whole

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved, Steps


class _Marker:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


REQUIRED: Final = _Marker("REQUIRED")
"""Default of an option that must be given."""

INFER: Final = _Marker("INFER")
"""Default of an option that is taken from the shapes that arrive."""


class Option(NamedTuple):
    """One hyper-parameter as the spec language sees it.

    ``field`` is the dataclass field and the long key; ``short`` the letter of literals such as ``k3``;
    ``kind`` is one of ``dim``, ``axes``, ``padding``, ``number``, ``flag``, ``choice``, ``value`` (a
    number, or a closed form of one), ``shape``, ``ints``, ``axis`` (the number of an axis of the first
    input, from the end where negative, or one of ``choices``), ``axislist`` (several of them), ``word`` (a
    name that stands for itself) and ``shapes`` (of several tensors, ``10x4,?``); ``default`` may be
    ``REQUIRED`` or ``INFER``. ``minimum`` bounds ``dim`` and ``axes``.
    """

    field: str
    kind: str
    default: Any = REQUIRED
    short: str | None = None
    choices: tuple[str, ...] = ()
    minimum: int = 1
    aliases: tuple[str, ...] = ()


class Ops(NamedTuple):
    """Executed scalar operations outside the multiply-accumulates, by kind."""

    add: Dim = 0
    mul: Dim = 0
    cmp: Dim = 0
    div: Dim = 0
    special: Dim = 0

    def plus(self, other: Ops) -> Ops:
        """The operations of both."""
        return Ops(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, count: Dim) -> Ops:
        """The operations of ``count`` elements."""
        return Ops(*(n * count for n in self))


NO_OPS: Final = Ops()


class Template(NamedTuple):
    """A layer in letters, as it is explained where no spec gives it numbers (``convcalc explain conv``).

    An option that is not named here has the letter of its field (``K`` for a kernel), where it has one.

    Attributes:
        arrives: the shapes that arrive, such as ``M H W``; None for a map for each input it needs.
        options: by field: a letter, a sum or product of letters, or a value; None leaves the option out.
        meanings: what a letter stands for, where that is not what it stands for elsewhere.
    """

    arrives: tuple[str, ...] | None = None
    options: Mapping[str, Any] = {}
    meanings: Mapping[str, str] = {}


@dataclass(frozen=True)
class Layer:
    """Base of every layer.

    A layer is a frozen dataclass; one that adds no hyper-parameter needs no decorator. Its class
    attributes are what the rest of convcalc asks it. A new elementwise layer states ``op``,
    ``source`` and, where it has any, ``options``: all else follows.

    Class attributes:
        op: registered name.
        options: the hyper-parameters in the order the spec prints them.
        positional: fields that may be given without a key, in order; a pair given as
            ``in->out`` is written as the two fields joined by ``->``.
        arity: smallest and largest number of inputs (``None``: any number).
        enters: it stands for a tensor that comes from outside, an input of the graph.
        merges: it reads several tensors as equals, so that branches may end in it.
        alone: where it reads one tensor, and nothing else is said, it is that tensor.
        view: the output shares the storage of the input, or of an array of the layer (it has no memory of its
            own).
        repeats: it is a view that shows entries several times, which cannot be counted off nor written over
            without a copy.
        regroups: it joins and cuts axes, so that places along them are no places of the input.
        keeps_positions: a position of the output stands for one of the input and neighbours stay
            neighbours, statistics of the map aside. :attr:`elementwise` layers do so unasked.
        cuts_axes: it makes several axes of one and is stated to read along the first of them only, so that
            its windows may hold more than it reads.
        undoes: registered name of the layer that it is the transpose of, where it reads what that writes.
        sized_by: the option that names the axis whose size an ``INFER`` option takes; empty for the channels.
        opaque: nobody here knows what it does: it states what it writes, and has no costs and no kernel.
        decided_by: what decides, when it runs, which places of its first input are read; empty where the
            shapes do, as they do nearly everywhere.
        reading: how what it reads is stated, where several inputs are of several kinds.
        index_inputs: numbers of the inputs that hold places in a map instead of values.
        index_outputs: numbers of the outputs that do: the first, or one beside it of the same shape that is
            written where somebody reads it.
        join: registered name of the layer that the same word means with several inputs, or with a number.
        looks_up: numbers of the inputs that hold whole numbers, by which it looks up what it writes.
        saves: what autograd keeps of it where nothing else is said: ``input``, ``output``, both or nothing.
        autocast: the number type it runs in where PyTorch mixes them: ``half``, ``full``, or that of what it
            reads, the widest of several (the op reference of ``torch.amp`` for graphics cards).
        cuts_gradient: no gradient goes back through it.
        ordered: whether what it writes lies in order however what it reads does; where it is not, elementwise
            layers write as they read, and others put the channels last where they arrive so.
        template: how it is explained in letters.
        source: where the layer was proposed or is defined.
    """

    __slots__ = ()

    op: ClassVar[str]
    options: ClassVar[tuple[Option, ...]] = ()
    positional: ClassVar[tuple[str, ...]] = ()
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    enters: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    alone: ClassVar[bool] = False
    view: ClassVar[bool] = False
    repeats: ClassVar[bool] = False
    regroups: ClassVar[bool] = False
    keeps_positions: ClassVar[bool] = False
    cuts_axes: ClassVar[bool] = False
    undoes: ClassVar[str] = ""
    sized_by: ClassVar[str] = ""
    opaque: ClassVar[bool] = False
    decided_by: ClassVar[str] = ""
    reading: ClassVar[str] = ""
    index_inputs: ClassVar[tuple[int, ...]] = ()
    index_outputs: ClassVar[tuple[int, ...]] = ()
    join: ClassVar[str] = ""
    looks_up: ClassVar[tuple[int, ...]] = ()
    saves: ClassVar[str] = ""
    autocast: ClassVar[str] = ""
    cuts_gradient: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    template: ClassVar[Template] = Template()
    source: ClassVar[str] = ""

    @classmethod
    def about(cls) -> str:
        """What it does, in a sentence: the first paragraph of its docstring, without the markup."""
        import inspect
        import re

        text = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        text = re.sub(r":\w+:`~?\.?([^`]*)`", lambda match: match[1].rpartition(".")[2], text)
        return text.replace("``", "")

    @property
    def elementwise(self) -> bool:
        """Whether every entry of the output is made from the entry at its own index alone."""
        return type(self).reads is Layer.reads

    @property
    def overwrites(self) -> bool:
        """Whether it runs in place: it writes over what it reads, where nothing reads that afterwards."""
        return False

    @property
    def folds(self) -> tuple[int, ...]:
        """The axis along which it is a factor and a term at inference, and nothing more; empty otherwise."""
        return ()

    def takes_factors(self, axis: tuple[int, ...]) -> bool:
        """Whether factors and terms along an axis of what it writes can go into arrays of its own."""
        return False

    @property
    def has_macs(self) -> bool:
        """Whether it multiplies and accumulates, as convolutions and fully connected layers do."""
        return type(self).macs is not Layer.macs

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer from the shapes that arrive and the options given.

        ``values`` holds evaluated options by field name, absent where not given; per-axis
        values may be one number for all axes. Missing ones are filled from defaults or, where
        the default is ``INFER``, from the shapes.

        Raises:
            DimensionError: an option is missing, out of range or does not fit the input.
        """
        layer = cls(**fill(cls, inputs, values))
        layer.check(inputs)
        return layer

    @classmethod
    def fewest(cls, values: Mapping[str, Any]) -> int:
        """How many inputs it needs at least, with these options."""
        return cls.arity[0]

    @classmethod
    def beside(cls, rank: int, kernel: tuple[int, ...]) -> tuple[int, ...]:
        """Channels of the maps that :attr:`decided_by` speaks of, for one group, at a rank and kernel."""
        return ()

    @classmethod
    def partners(cls, shape: Shape, size: Callable[[], int]) -> tuple[tuple[Shape, ...], ...]:
        """Shapes of further inputs that go with a first one of this shape, in several ways to choose from.

        Sizes that are free come from ``size()``. None where what fits is found among tensors of any kind, as
        for joins.
        """
        return ()

    def default(self, option: Option) -> Any:
        """What an option is where nothing is said: that of the option, unless the inputs make it another."""
        return option.default

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Refuse options that do not go together, or that the inputs do not allow.

        Raises:
            DimensionError: with the option it is about.
        """

    @classmethod
    def implied(cls, values: Mapping[str, Any]) -> Shape | None:
        """The shape that arrives where only the options say it; None for channels and a usual map."""
        return None

    @classmethod
    def feature_axis(cls, options: Mapping[str, Any]) -> int:
        """The axis of the first input that holds its channels, or its features; from the end if negative."""
        value = options.get(cls.sized_by)
        return value if type(value) is int else 0

    def output_axes(self, output: int, rank: int) -> tuple[str, ...] | None:
        """What the axes of an output of so many are called; None for channels and positions."""
        return None

    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs; ``("",)`` for a layer with one."""
        return ("",)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Shapes of the outputs, one for each of :meth:`output_names`.

        Raises:
            DimensionError: the layer does not fit the shapes.
        """
        return (inputs[0],)

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """Shapes of the trainable arrays by name (``weight``, ``bias``)."""
        return {}

    def buffers(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """Shapes of the arrays that are stored but not trained."""
        return {}

    def arrays(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """Shapes of all arrays that are stored for the layer, trained or not."""
        return {**self.parameters(inputs), **self.buffers(inputs), **self.indices(inputs)}

    def indices(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """Shapes of the arrays of whole numbers that are stored with the weights; they are no buffers."""
        return {}

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """Multiply-accumulates for one sample, padded positions included, biases not."""
        return 0

    def valid_macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """:meth:`macs` less those that only multiply padding."""
        return self.macs(inputs, outputs)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Scalar operations outside the multiply-accumulates, for one sample."""
        return NO_OPS

    def backward_macs(
        self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need
    ) -> tuple[Dim, Dim]:
        """Multiply-accumulates for the gradients of what it reads, and of its parameters, for one sample.

        A product ``y = x w`` of ``n`` multiply-accumulates takes as many for the gradient of either factor.
        """
        macs = self.macs(inputs, outputs)
        arriving = macs if need.inputs and need.inputs[0] else 0
        weights = macs if need.learned or any(need.inputs[1:2]) else 0
        return arriving, weights

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """What autograd keeps for the backward pass; it is asked only where some gradient is wanted."""
        from convcalc.layers.saved import Saved

        words = self.saves.split()
        return Saved((0,) * ("input" in words), (0,) * ("output" in words))

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """Steps of each output where PyTorch shows what it reads instead of copying it; None otherwise.

        Args:
            shape: of its first input, the batch first.
            steps: how many entries lie between neighbours along each axis.
        """
        return None

    def writes(self, shape: tuple[int, ...]) -> Steps | None:
        """Steps of its first output, of this shape with the batch first, where it has an order of its own."""
        return None

    def apart(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> dict[str, Ops]:
        """Parts of :meth:`ops` that are worth stating by themselves, by what they are for."""
        return {}

    def shared_ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Scalar operations done once however many samples there are, as statistics of a batch are."""
        return NO_OPS

    def textbook(self, inputs: tuple[Shape, ...]) -> dict[int, tuple[str, dict[str, Any]]]:
        """By axis of the output: its size as textbooks write it, in the expression language.

        Beside each text, what its letters stand for. An explanation shows it where it equals the size.
        """
        return {}

    def particulars(self, inputs: tuple[Shape, ...]) -> tuple[tuple[str, str, str], ...]:
        """What an explanation says besides shapes and costs: a heading, what it is about, a sentence each."""
        return ()

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """How each input is read for one of the outputs: one window, or several that together are it.

        By default index for index, along every axis of the first input.
        """
        from convcalc.layers.reads import identity

        return ((identity(inputs[0]),),)


def stated(value: Any, arriving: Dim, field: str) -> Dim:
    """The channels that arrive, after checking them against those stated.

    Raises:
        DimensionError: they differ.
    """
    if value is None or value is INFER:
        return arriving
    value = whole(value, field)
    require(
        equal(value, arriving),
        f"{field} is {value}, but {arriving} arrive",
        field=field,
        hint=f"{arriving}, or nothing: it is taken from the input",
    )
    return value if arriving is UNKNOWN else arriving


def fill(cls: type[Layer], inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """Checked values of all options of a layer, by field.

    An ``INFER`` option becomes the channels that arrive, or the size of the axis that the option
    ``sized_by`` names. Choices and flags were checked by the
    reader; numbers become floats where they are fractions.

    Raises:
        DimensionError: an option is missing or out of range.
    """
    rank = len(inputs[0]) - 1 if inputs else 0
    found: dict[str, Any] = {}
    for field, kind, default, _, words, minimum, _ in cls.options:
        value = values.get(field)
        if value is None:
            if default is REQUIRED:
                raise DimensionError(
                    f"{cls.op} needs {field}", hint=f"{field}=..., such as '{_example(cls)}'"
                )
            value = default
        if default is INFER:
            value = stated(value, inputs[0][_sizing(cls, inputs[0], values)], field)
        elif value is None:
            pass
        elif kind == "dim":
            value = whole(value, field, minimum)
        elif kind == "axis":
            value = value if value in words else axis_of(value, inputs[0], field)
        elif kind == "axislist":
            value = axes_of(value, inputs[0], field)
        elif kind == "axes":
            value = axes(value, field, len(spatial(cls.op, inputs[0])), minimum)
        elif kind == "padding":
            value = pads(value, field, rank)
        elif kind == "shape" and not isinstance(value, tuple):
            value = (value,)
        elif kind in ("number", "value") and isinstance(value, Fraction):
            value = float(value)
        found[field] = value
    return found


def _sizing(cls: type[Layer], shape: Shape, values: Mapping[str, Any]) -> int:
    """The axis whose size an ``INFER`` option takes."""
    value = values.get(cls.sized_by) if cls.sized_by else None
    return 0 if value is None or isinstance(value, str) else axis_of(value, shape, cls.sized_by)


def _example(cls: type[Layer]) -> str:
    words = [cls.op]
    for option in cls.options:
        if option.default is REQUIRED:
            key = option.short or f"{option.field}="
            words.append("64" if option.field in ("out_channels", "out_features") else f"{key}3")
    return " ".join(words)
