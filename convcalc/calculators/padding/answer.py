"""What an answer about padding holds: by axis, and by kind of input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convcalc.calculators.answers import Step
from convcalc.calculators.padding.conventions import Convention
from convcalc.calculators.padding.taps import valid_weights_of
from convcalc.records import Record, record


@dataclass(frozen=True, slots=True)
class PaddingCase(Record):
    """The answer for inputs of one kind.

    Attributes:
        remainder: what ``input % stride`` is in this case; None where the case is the only one.
        before, after: padding, in pixels.
        output: size that leaves; None where the input is not stated.
        output_text: the size, or how it follows from the input ``i``.
        conventions: what the frameworks do, compared with this answer.
    """

    KEYS = "remainder before after symmetric=is_symmetric output output_text conventions"

    remainder: int | None
    before: int
    after: int
    output: int | None
    output_text: str
    conventions: tuple[Convention, ...]

    @property
    def is_symmetric(self) -> bool:
        """Whether both sides get the same padding."""
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class AxisPadding(Record):
    """The answer for one axis.

    Attributes:
        mode: ``same``, ``same_lower``, ``valid``, ``full``, ``causal``, ``size`` (a wanted size) or
            ``given`` (a padding to judge).
        kernel, dilation, stride: of the window.
        input: size that goes in; None where it is not stated.
        wanted: size that was asked for; None where none was.
        extent: input pixels from the first tap to the last, ``d*(k - 1) + 1``.
        symmetric: every padding that, put on both sides alike, gives the size.
        steps: the formulas with the numbers put in.
        cases: one, unless the padding depends on ``input % stride`` and no input is stated.
        notes: what else a reader should know.
    """

    KEYS = (
        "mode kernel dilation stride input wanted effective_kernel=extent padding before after output "
        "symmetric steps cases notes"
    )

    mode: str
    kernel: int
    dilation: int
    stride: int
    input: int | None
    wanted: int | None
    extent: int
    symmetric: tuple[int, ...]
    steps: tuple[Step, ...]
    cases: tuple[PaddingCase, ...]
    notes: tuple[str, ...]

    @property
    def is_settled(self) -> bool:
        """Whether the padding is the same for every input."""
        return len({(case.before, case.after) for case in self.cases}) == 1

    @property
    def before(self) -> int:
        """Padding before (of the first case)."""
        return self.cases[0].before

    @property
    def after(self) -> int:
        """Padding after (of the first case)."""
        return self.cases[0].after

    @property
    def output(self) -> int | None:
        """Size that leaves; None where the input is not stated."""
        return self.cases[0].output

    def to_dict(self) -> dict[str, Any]:
        """The axis as JSON holds it; what depends on the input is null."""
        case = self.cases[0]
        sides = (case.before, case.after) if self.is_settled else (None, None)
        both = case.before if self.is_settled and case.is_symmetric else None
        return record(self, padding=both, before=sides[0], after=sides[1])


@dataclass(frozen=True, slots=True, repr=False)
class PaddingSolution(Record):
    """What :func:`solve_padding` found, axis by axis."""

    KEYS = "padding output valid_weights axes"

    axes: tuple[AxisPadding, ...]

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """(before, after) per axis."""
        return tuple((axis.before, axis.after) for axis in self.axes)

    @property
    def output(self) -> tuple[int | None, ...]:
        """Sizes that leave; None where no input is stated."""
        return tuple(axis.output for axis in self.axes)

    @property
    def valid_weights(self) -> dict[int, int] | None:
        """How many output positions multiply how many weights with real input; None without an input.

        With a rate near the map size one weight is left (Chen et al. 2017, DeepLabv3, section 3.3).
        """
        sizes = tuple(axis.input for axis in self.axes if axis.input is not None)
        if len(sizes) != len(self.axes):
            return None
        kernel, stride, dilation = zip(
            *((axis.kernel, axis.stride, axis.dilation) for axis in self.axes), strict=True
        )
        return valid_weights_of(sizes, kernel, stride, dilation, self.padding)

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON holds it."""
        settled = all(axis.is_settled for axis in self.axes)
        return record(self, padding=self.padding if settled else None)
