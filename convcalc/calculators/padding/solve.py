"""Which padding gives a wanted size, with the formula and the numbers put into it."""

from __future__ import annotations

from typing import Any

from convcalc.budget import question
from convcalc.calculators.answers import Step, Unreachable, per_axis, rate, whole
from convcalc.calculators.padding.answer import AxisPadding, PaddingCase, PaddingSolution
from convcalc.calculators.padding.conventions import conventions, output_text, stand_in
from convcalc.layers.values import CONVENTIONS
from convcalc.layers.windows.window import effective, needed, output_size, resolve

SIZE, GIVEN = "size", "given"

_NEGATIVE = "a negative padding would crop the input, and no framework takes one"


@question
def solve_padding(
    kernel: int | tuple[int, ...],
    *,
    dilation: int | tuple[int, ...] = 1,
    stride: int | tuple[int, ...] = 1,
    input: int | tuple[int, ...] | None = None,
    output: int | tuple[int, ...] | None = None,
    mode: str | None = None,
    padding: Any = None,
    symmetric: bool = False,
    rank: int | None = None,
) -> PaddingSolution:
    """Which padding keeps the size, or gives a wanted one.

    Every argument is one number for all axes, or a tuple with one per axis. With ``output`` the
    padding for that size is found; with ``padding`` (a number, or one number or pair per axis) it
    is judged; else ``mode`` says what is wanted: ``same`` (``ceil(input / stride)``, the odd pixel
    after, as TensorFlow and ONNX SAME_UPPER), ``same_lower``, ``valid``, ``full`` or ``causal``.

    Args:
        kernel: taps.
        dilation: pixels from tap to tap (the atrous rate).
        stride: pixels from window to window.
        input: size that goes in, in pixels; needed for ``output``.
        output: size that should leave, in pixels.
        mode: ``same`` unless given.
        padding: pixels of padding to judge.
        symmetric: refuse a padding that differs between the two sides.
        rank: number of axes, where no tuple says it.

    Returns:
        the padding of every axis, with its formula, and what the frameworks do beside it.

    Raises:
        Unreachable: no padding does it; with the reason and the nearest answer.

    Source: Dumoulin & Visin 2016, relationship 6; TensorFlow's and ONNX's definitions of SAME.
    """
    if mode is not None and mode not in CONVENTIONS:
        raise Unreachable(f"no padding mode {mode!r}", expected=", ".join(CONVENTIONS), field="mode")
    stated = [name for name, value in (("mode", mode), ("output", output), ("padding", padding)) if value]
    if (output is not None and mode is not None) or (padding is not None and (mode or output is not None)):
        raise Unreachable(f"{' and '.join(stated)} cannot go together", expected="one of them")
    _, found = per_axis(
        {"kernel": kernel, "dilation": dilation, "stride": stride, "input": input, "output": output,
         "padding": _pairs(padding)},
        rank,
    )  # fmt: skip
    axes = []
    for k, d, s, i, o, pair in zip(*found.values(), strict=True):
        whole(k, "kernel", 1)
        rate(d)
        whole(s, "stride", 1)
        if i is not None:
            whole(i, "input", 1)
        chosen = GIVEN if pair is not None else SIZE if o is not None else mode or "same"
        axis = _Axis(k, d, s, i, chosen)
        found_axis = axis.solve(o, pair)
        if symmetric:
            found_axis = _symmetric(found_axis)
        axes.append(found_axis)
    return PaddingSolution(tuple(axes))


def _pairs(padding: Any) -> Any:
    """Padding as a list with one pair per axis; a bare pair of numbers is one number per axis."""
    if padding is None:
        return None
    items = padding if isinstance(padding, (tuple, list)) else (padding,)
    return [tuple(item) if isinstance(item, (tuple, list)) else (item, item) for item in items]


class _Axis:
    """One axis while it is worked out."""

    def __init__(self, k: int, d: int, s: int, i: int | None, mode: str) -> None:
        self.k, self.d, self.s, self.i, self.mode = k, d, s, i, mode
        self.extent = effective(k, d)
        self.steps = [Step("k_eff", "d*(k - 1) + 1", f"{d}*({k} - 1) + 1", self.extent)]
        self.notes: list[str] = []
        self.symmetric: tuple[int, ...] = ()

    def solve(self, wanted: int | None, given: tuple[int, int] | None) -> AxisPadding:
        if self.mode == SIZE:
            assert wanted is not None
            cases = [self._size(whole(wanted, "output", 1))]
        elif self.mode == GIVEN:
            assert given is not None
            cases = self._given(*(whole(side, "padding", 0, _NEGATIVE) for side in given))
        elif self.mode in ("same", "same_lower"):
            cases = self._same()
        else:
            cases = self._rule()
        for case in cases:
            self._output(case)
        return AxisPadding(
            self.mode, self.k, self.d, self.s, self.i, wanted, self.extent, self.symmetric,
            tuple(self.steps), tuple(cases), tuple(self.notes),
        )  # fmt: skip

    def _case(self, before: int, after: int, remainder: int | None = None) -> PaddingCase:
        i = stand_in(self.i, self.k, self.s, self.d, remainder)
        try:
            size = output_size(i, self.k, self.s, self.d, before, after, axis=0)
        except ValueError:
            least = max(1, self.extent - before - after)
            keeping = resolve("same", i, self.k, self.s, self.d)
            raise Unreachable(
                f"the kernel spans {self.extent} pixels, the input has {i}"
                + (f" and {before + after} of padding" if before + after else "")
                + ": no window fits",
                expected=f"an input of at least {least}, or padding of {self.extent - i} or more in all",
                nearest=f"mode same (padding {keeping[0]}:{keeping[1]})",
                field="input",
            ) from None
        text = str(size) if self.i is not None else output_text(size, i, self.s)
        rows = conventions(i, self.k, self.s, self.d, before, self.i is not None)
        return PaddingCase(remainder, before, after, None if self.i is None else size, text, rows)

    def _remainders(self) -> list[int | None]:
        """Kinds of inputs to tell apart: one, unless a stride meets an input that is not stated."""
        if self.i is not None or self.s == 1:
            return [None]
        return list(range(self.s)) if self.s <= 8 else [0, 1, self.s - 1]

    def _same(self) -> list[PaddingCase]:
        k, s, d, i = self.k, self.s, self.d, self.i
        if s == 1:
            total = self.extent - 1
            self.steps.append(Step("total", "k_eff - 1", f"{self.extent} - 1", total))
            case = self._case(*resolve(self.mode, i or self.extent, k, s, d))
            self._sides(case, total)
            return [case]
        if i is not None:
            out = -(-i // s)
            total = max(needed(i, out, k, s, d), 0)
            self.steps += [
                Step("o", "ceil(i / s)", f"ceil({i} / {s})", out),
                Step(
                    "total",
                    "max((o - 1)*s + k_eff - i, 0)",
                    f"max(({out} - 1)*{s} + {self.extent} - {i}, 0)",
                    total,
                ),
            ]
            case = self._case(*resolve(self.mode, i, k, s, d))
            self._sides(case, total)
            self._equivalents(out)
            return [case]
        cases = []
        for remainder in self._remainders():
            assert remainder is not None
            size = stand_in(None, k, s, d, remainder)
            pair = resolve(self.mode, size, k, s, d)
            left = remainder or s
            self.steps.append(
                Step(
                    f"total, i % {s} = {remainder}",
                    "max(k_eff - (i % s), 0)" if remainder else "max(k_eff - s, 0)",
                    f"max({self.extent} - {left}, 0)",
                    sum(pair),
                )
            )
            cases.append(self._case(*pair, remainder=remainder))
        self.notes.append(
            f"At stride {s} the padding depends on the input size i, which is not stated (--from 224)."
        )
        if len({(case.before, case.after) for case in cases}) == 1:
            self.notes.pop()
        if self.extent % 2:
            side = (self.extent - 1) // 2
            self.symmetric = (side,)
            self.notes.append(
                f"Padding {side} on both sides gives ceil(i / {s}) for every i: "
                f"floor((i + {2 * side} - {self.extent}) / {s}) + 1 = floor((i - 1) / {s}) + 1."
            )
        return cases

    def _sides(self, case: PaddingCase, total: int) -> None:
        if total % 2 == 0:
            self.steps.append(Step("padding", "total / 2", f"{total} / 2", case.before))
            if self.s == 1:
                self.symmetric = (case.before,)
            return
        small, large = ("after", "before") if self.mode == "same_lower" else ("before", "after")
        self.steps += [
            Step(small, "floor(total / 2)", f"floor({total} / 2)", total // 2),
            Step(large, f"total - {small}", f"{total} - {total // 2}", total - total // 2),
        ]
        if self.s == 1:
            self.notes.append(
                f"No symmetric padding keeps the size: d*(k - 1) = {total} is odd. "
                f"{total // 2} on both sides loses a pixel, {total // 2 + 1} gains one."
            )

    def _equivalents(self, out: int) -> None:
        """Symmetric padding that gives the wanted size at a stride above 1."""
        assert self.i is not None
        least = max(needed(self.i, out, self.k, self.s, self.d), 0)
        most = needed(self.i, out, self.k, self.s, self.d) + self.s - 1
        self.symmetric = tuple(range((least + 1) // 2, most // 2 + 1))

    def _size(self, wanted: int) -> PaddingCase:
        k, s, d, i = self.k, self.s, self.d, self.i
        if i is None:
            raise Unreachable(
                f"output {wanted} from an input that is not stated",
                expected="the input size too, --from 224",
                field="input",
            )
        least = needed(i, wanted, k, s, d)
        most = least + s - 1
        if most < 0:
            smallest = output_size(i, k, s, d, 0, 0, axis=0)
            raise Unreachable(
                f"output {wanted} would need padding of {most} in all: without any, {smallest} leave already",
                expected=f"an output of {smallest} or more, or a larger stride, kernel or dilation",
                nearest=f"output {smallest}, with padding 0",
                field="output",
            )
        self.steps.append(
            Step("least", "(o - 1)*s + k_eff - i", f"({wanted} - 1)*{s} + {self.extent} - {i}", least)
        )
        if s > 1:
            self.steps.append(Step("most", "least + s - 1", f"{least} + {s} - 1", most))
        self._equivalents(wanted)
        total = 2 * self.symmetric[0] if self.symmetric else max(least, 0)
        before, after = total // 2, total - total // 2
        case = self._case(before, after)
        if self.symmetric:
            self.steps.append(Step("padding", "total / 2", f"{total} / 2", before))
        else:
            above = output_size(i, k, s, d, before + 1, before + 1, axis=0)
            fits = i + 2 * before >= self.extent
            below = output_size(i, k, s, d, before, before, axis=0) if fits else "nothing"
            self.steps += [
                Step("before", "floor(total / 2)", f"floor({total} / 2)", before),
                Step("after", "total - before", f"{total} - {before}", after),
            ]
            self.notes.append(
                f"No symmetric padding gives {wanted}: {before} on both sides gives {below}, "
                f"{before + 1} gives {above}."
            )
        if after >= self.extent:
            largest = output_size(i, k, s, d, self.extent - 1, self.extent - 1, axis=0)
            self.notes.append(
                f"Padding of {after} is more than k_eff - 1 = {self.extent - 1}: whole windows see nothing "
                f"but padding. The largest output in which every window sees the input is {largest}."
            )
        return case

    def _given(self, before: int, after: int) -> list[PaddingCase]:
        cases = [self._case(before, after, remainder) for remainder in self._remainders()]
        spare = before + after - (self.extent - 1)
        if self.s == 1:
            verdict = "keeps" if spare == 0 else f"loses {-spare} of" if spare < 0 else f"adds {spare} to"
            self.notes.append(f"This {verdict} the size.")
        return cases

    def _rule(self) -> list[PaddingCase]:
        before, after = resolve(self.mode, 1, self.k, self.s, self.d)
        for name, side in (("before", before), ("after", after)):
            formula = "k_eff - 1" if side or self.mode == "full" else ""
            self.steps.append(Step(name, formula, f"{self.extent} - 1" if formula else "", side))
        return [self._case(before, after, remainder) for remainder in self._remainders()]

    def _output(self, case: PaddingCase) -> None:
        i = "i" if self.i is None else self.i
        name = "output" if case.remainder is None else f"output, i % {self.s} = {case.remainder}"
        self.steps.append(
            Step(
                name,
                "floor((i + before + after - k_eff) / s) + 1",
                f"floor(({i} + {case.before} + {case.after} - {self.extent}) / {self.s}) + 1",
                case.output_text,
            )
        )


def _symmetric(axis: AxisPadding) -> AxisPadding:
    """The same answer with both sides alike.

    Raises:
        Unreachable: only an asymmetric padding does it.
    """
    if axis.is_settled and axis.cases[0].is_symmetric:
        return axis
    if axis.symmetric:
        p = axis.symmetric[0]
        found = _Axis(axis.kernel, axis.dilation, axis.stride, axis.input, GIVEN)
        found.notes += axis.notes if axis.input is None else []
        return found.solve(None, (p, p))
    k, d, s = axis.kernel, axis.dilation, axis.stride
    keeps = "keeps the size" if s == 1 else f"gives ceil(i / {s}) for every i"
    what = keeps if axis.wanted is None else f"gives {axis.wanted}"
    if axis.mode == "causal":
        raise Unreachable("causal padding is all before the input", expected="mode same", field="mode")
    if axis.mode == GIVEN:
        raise Unreachable(
            f"padding {axis.before}:{axis.after} is not symmetric",
            expected="the same on both sides, or no --symmetric",
            nearest=f"padding {(axis.before + axis.after) // 2}",
            field="padding",
        )
    if s > 1 and axis.input is None:
        why, instead = f"d*(k - 1) = {axis.extent - 1} is odd", "the input size (--from 224)"
    else:
        why = f"the padding in all, {axis.before + axis.after}, is odd"
        instead = f"padding {axis.before}:{axis.after}"
    raise Unreachable(
        f"no symmetric padding {what} for kernel {k}" + (f" at dilation {d}" if d > 1 else "") + f": {why}",
        expected="an odd kernel" + (" or an even dilation" if d > 1 else "") + f", or {instead}",
        nearest=f"kernel {k - 1} or {k + 1}" if k > 1 else None,
        field="kernel",
    )
