"""A given input against what the spec states of it, and against the habits of other tools.

A shape here has its channels first and no batch. Others put a batch in front, or the channels last: such a
shape is refused where it contradicts the spec, and is noted where it may be meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from convcalc.dims import Shape, is_array
from convcalc.layers import lookup
from convcalc.layers.values import show
from convcalc.spec.errors import Problem
from convcalc.spec.language.stage import Stage, option_kinds

FEW: Final = 4
"""Most channels that an image is taken to have."""


class Stated(NamedTuple):
    """What a spec says of one of its inputs.

    Attributes:
        shape: its shape, where it has one.
        ranks: numbers of sizes that it takes; empty where it does not say.
        keras: whether its first layer is one of Keras that has the channels last.
        arriving: the channels that its first layer says arrive.
        features: what its first layer says of the last axis, as a pasted ``nn.Linear`` does.
        tokens: whether its first layer reads an axis by its number, or tokens along the first one.
        windows: whether its first layer moves a window over a number of axes that it does not say.
    """

    shape: Shape | None = None
    ranks: tuple[int, ...] = ()
    keras: bool = False
    arriving: int | None = None
    features: int | None = None
    tokens: bool = False
    windows: bool = False

    @property
    def channels(self) -> int | None:
        """Its channels, where they are a number."""
        first = self.shape[0] if self.shape else None
        return first if type(first) is int else None


def contradiction(given: Shape, stated: Stated, whose: str = "the") -> str | None:
    """What is wrong with a shape, in words; None where it may be meant."""
    assert stated.shape is not None
    channels, ranks = stated.channels, stated.ranks or (len(stated.shape) - 1,)
    if len(given) - 1 in ranks and (channels is None or type(given[0]) is not int or given[0] == channels):
        return None
    has = sizes_text(channels, ranks)
    return f"{whose} input has {has}, got {show(given)}"


def sizes_text(channels: int | None, ranks: Sequence[int]) -> str:
    """``3 channels and 2 sizes``."""
    words = "channels" if channels is None else f"{channels} channel{'s' * (channels != 1)}"
    if tuple(ranks) == (0,):
        return f"{words} and no sizes"
    return f"{words} and {' or '.join(map(str, ranks))} size{'s' * (tuple(ranks) != (1,))}"


def refusal(name: str, given: Shape, stated: Stated, message: str, setting: str | None = None) -> Problem:
    """The problem of a shape that cannot be meant; which one was meant is found when it is told."""
    own = stated.shape
    expected = "channels first, without a batch"
    if own is not None:
        expected = f"{option(name, own)}, or other sizes" if len(own) > 1 else option(name, own)
    if setting is not None:
        expected += f"; {setting} for other channels"
    text = show(given)
    return Problem(message, file="--input", text=text, length=len(text), expected=expected)


def option(name: str, shape: Shape) -> str:
    """A shape as the command line takes it."""
    return f"--input {'' if name == 'input' else name + '='}{show(shape)}"


def first_layer(body: Iterable[object]) -> Stage | None:
    """The stage that reads the input of a spec without one; None where a structure stands first."""
    for item in body:
        return item if isinstance(item, Stage) and item.kind == "layer" and item.name != "input" else None
    return None


def first_rank(stage: Stage) -> int | None:
    """Number of sizes that a stage says it works on: by its name (``Conv2d``) or its options (``k3x3x3``)."""
    if stage.rank is not None:
        return stage.rank
    kinds = option_kinds(stage.name)
    axes = [
        len(arg.expr.args)
        for arg in stage.args
        if arg.expr.kind == "tuple" and arg.key in kinds and kinds[arg.key].kind == "axes"
    ]
    return max((n for n in axes if n > 1), default=None)


def by_first(stage: Stage | None) -> Stated:
    """What the first layer of a spec says of the input that it reads."""
    if stage is None:
        return Stated()
    rank = first_rank(stage)
    ranks = () if rank is None else (rank,)
    return Stated(
        None,
        ranks,
        stage.channels_last,
        _arriving(stage),
        _features(stage),
        stage.rank is None and _tokens(stage),
        rank is None and "kernel" in option_kinds(stage.name),
    )


def _arriving(stage: Stage) -> int | None:
    """The channels that a stage says arrive: ``conv 64->128``, ``Conv2d(64, 128, 3)``."""
    for arg in stage.args:
        if (arg.pair is not None or arg.key in ("in_channels", "channels")) and type(arg.expr.value) is int:
            return arg.expr.value
    return None


def _features(stage: Stage) -> int | None:
    """The features that a stage says lie on the last axis."""
    given = {arg.key: arg.expr.value for arg in stage.args}
    features = given.get("in_features")
    return features if type(features) is int and given.get("axis") == -1 else None


def _tokens(stage: Stage) -> bool:
    """Whether the axes of what a stage reads are no channels and sizes of a map."""
    if any(arg.key == "axis" and arg.expr.value not in (0, "channels") for arg in stage.args):
        return True
    arrives = lookup(stage.name).template.arrives
    return arrives is not None and arrives[0].split()[0] == "L"  # a length, as in ``L M`` of a recurrence


def small(size: object) -> bool:
    """Whether a size is a number that an image may have of channels."""
    return type(size) is int and size <= FEW


def channels_last(given: Shape) -> bool:
    """Whether a shape looks as if the channels came last: ``224x224x3``."""
    if len(given) < 2 or small(given[0]) or not small(given[-1]):
        return False
    return len(given) == 2 or not small(given[1])


def batch_first(given: Shape, stated: Stated) -> bool:
    """Whether a shape that a spec allows looks as if a batch came first: ``8x3x224x224``."""
    if len(given) - 1 in stated.ranks or len(given) not in (3, 4):
        return False
    if small(given[1]) and not small(given[2]):
        return True
    return len(given) == 4 and not small(given[0])


def moved(given: Shape) -> Shape:
    """A shape with the channels last as one with the channels first."""
    return (given[-1], *given[:-1])


def note(name: str, given: Shape, stated: Stated) -> str | None:
    """How a shape was read that others would write for something else; None where it is a common one."""
    if any(map(is_array, given)):  # a table of sizes, which nobody types
        return None
    read = f"{option(name, given)} is read as {reading(given)}"
    if stated.shape is not None:
        last = type(given[0]) is not int and stated.channels is not None and given[-1] == stated.channels
        return f"{read}; with the channels first it is {option(name, moved(given))}" if last else None
    if stated.arriving == given[0]:
        return None
    if len(given) == 2 and stated.features == given[1]:
        batch = f" (--batch {given[0]})" if type(given[0]) is int else ""
        return (
            f"{option(name, given)} is read as {given[1]} features at each of "
            f"{given[0]} place{'s' * (given[0] != 1)}; "
            f"a batch of {given[0]} is {option(name, given[1:])}{batch}"
        )
    if batch_first(given, stated):
        batch = f" (--batch {given[0]})" if type(given[0]) is int else ""
        return f"{read}; a batch of {given[0]} is {option(name, given[1:])}{batch}"
    if channels_last(given) and not stated.tokens:
        return f"{read}; channels come first, as in {option(name, moved(given))}"
    last, first = given[-1], given[0]
    if stated.windows and len(given) == 2 and type(first) is int and first == last and first > 1:
        return f"{read}; a map of one channel is {option(name, (1, *given))}"
    if stated.keras and len(given) > 1 and type(first) is int and type(last) is int and last < first:
        return f"{read}; what Keras writes with the channels last is {option(name, moved(given))}"
    return None


def reading(given: Shape) -> str:
    """A shape in words: ``a volume of 3x224x224 with 8 channels``."""
    rank = len(given) - 1
    channels = f"{given[0]} channel{'s' * (given[0] != 1)}"
    if rank < 1:
        return channels
    kind = {1: "a sequence", 2: "a map", 3: "a volume"}.get(rank, f"a map of {rank} axes")
    return f"{kind} of {show(given[1:])} with {channels}"
