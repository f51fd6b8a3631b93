"""What ``convcalc transposed`` shows: settings, the equivalent convolution, overlap, costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.transposed.costs import COUNTERS
from convcalc.calculators.transposed.settings import phases
from convcalc.layers.values import axis_names, show
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.solve.padding import steps_table

if TYPE_CHECKING:
    from convcalc.calculators.transposed.check import TransposedLayer
    from convcalc.calculators.transposed.offers import Offer
    from convcalc.calculators.transposed.settings import Settings, TransposedAxis
    from convcalc.solve.transposed import TransposedSolution

MAX_LISTED: Final = 16
"""Phases that are listed in one line."""

SHOWN: Final = 12
"""Settings that a reader sees unless all are asked for."""


def solution_tables(
    solution: TransposedSolution, *, every: bool = False, exact: bool = False
) -> Iterator[Table]:
    """Settings and the equivalent convolution of each axis, then overlap, costs and alternatives."""
    sizes = [show(side) for side in zip(*((axis.input, axis.output) for axis in solution.axes), strict=True)]
    title = f"{solution.spec}: {sizes[0]} -> {sizes[1]}"
    if solution.like:
        title += f", the inverse of the shape of {solution.like}"
    yield _verdict(solution, sizes)
    same = len(set(solution.offers)) == 1
    for number, offered in enumerate(solution.offers[:1] if same else solution.offers):
        where = "" if same else f"{axis_names(len(solution.axes))[number]}: "
        yield _offers(solution.axes[number], offered, where)
    done: list[TransposedAxis] = []
    for name, axis, options in zip(
        axis_names(len(solution.axes)), solution.axes, solution.settings, strict=True
    ):
        if axis in done:
            continue
        done.append(axis)
        same = all(other == axis for other in solution.axes)
        where = "" if same else f"{name}: "
        if len(options.found) > 1:
            yield _settings(axis, options, where, every)
        equivalent = where + _equivalent(axis) + (" Executed: both give the same." if solution.proven else "")
        heading = title if len(done) == 1 else f"{name}: {axis.input} -> {axis.output}"
        yield steps_table(axis.steps, heading, [equivalent])
    yield _checkerboard(solution)
    yield _costs(solution, exact)
    yield _alternatives(solution, exact)


def _verdict(solution: TransposedSolution, sizes: Sequence[str]) -> Table:
    """The answer: the layer, whether it makes a checkerboard, and how PyTorch takes it."""
    board = "no checkerboard" if solution.is_even else "checkerboard"
    title = f"{sizes[0]} -> {sizes[1]}: {solution.spec}, {board}"
    facts = []
    if not solution.is_even:
        facts.append(("why", _evenness(solution)))
        for one in solution.even_instead:
            options = f"--kernel {one.kernel} --stride {one.stride} --padding {one.padding}"
            options += f" --output-padding {one.output_padding}" if one.output_padding else ""
            facts.append(("try", f"k{one.kernel} s{one.stride} p{one.padding}: even  ({options})"))
    if solution.pytorch is not None:
        facts.append(("PyTorch", solution.pytorch))
    else:
        facts.append(("PyTorch", "cannot take it: its padding is the same before and after"))
        facts += [("nearest", text) for text in solution.nearest_in_pytorch()]
    return Table((), (), title=numbers.toned(title, "good" if solution.is_even else "warn"), facts=facts)


def _offers(axis: TransposedAxis, offered: Sequence[Offer], where: str) -> Table:
    """Kernels to choose from, the good ones first."""
    columns = (
        Column("kernel", "kernel", numbers.exact),
        Column("stride", "stride", numbers.exact),
        Column("padding", "padding", numbers.exact),
        Column("output_padding", "output padding", numbers.exact),
        Column("dilation", "dilation", numbers.exact, "right", 20),
        Column("overlap", "taps per phase", _phases, "left"),
        Column("checkerboard", "checkerboard", numbers.label, "left"),
        Column("note", "", numbers.label, "left"),
    )
    rows = [
        (
            *one[:5],
            phases(one.kernel, one.stride, one.padding, one.dilation),
            "none" if one.even else "uneven",
            "this one" if number == 0 else "",
        )
        for number, one in enumerate(offered)
    ]
    notes = ["PyTorch takes each of them; --kernel shows all settings of another."]
    return Table(
        columns, rows, title=f"{where}from {axis.input} to {axis.output}, the best first", notes=notes
    )


def _settings(axis: TransposedAxis, options: Settings, where: str, every: bool) -> Table:
    columns = (
        Column("stride", "stride", numbers.exact),
        Column("padding", "padding", numbers.other),
        Column("output_padding", "output padding", numbers.exact),
        Column("dilation", "dilation", numbers.exact),
        Column("overlap", "overlap", _phases, "left"),
        Column("note", "", numbers.label, "left"),
    )
    shown = options.found if every else options.found[:SHOWN]
    rows = []
    for number, one in enumerate(shown):
        counts = phases(axis.kernel, one.stride, one.padding, one.dilation)
        first = "the conventional one" if one.dilation == 1 else "the nearest to convention"
        note = first if number == 0 else ""
        crop = f"{one.padding}:{one.padding + one.more_after}" if one.more_after else one.padding
        note += f"{', ' if note else ''}not in PyTorch" if one.more_after else ""
        rows.append((one.stride, crop, one.output_padding, one.dilation, counts, note))
    notes = []
    if len(shown) < len(options.found):
        notes.append(f"{len(shown)} of {len(options.found)} settings are shown; --all shows every one.")
    if not options.complete:
        notes.append(
            f"There are more, at dilations above {max(one.dilation for one in options.found)}; "
            "--max-dilation looks for them."
        )
    if axis.input == 1:
        notes.append(
            "An input of 1 has no neighbour: of strides that do the same only the smallest is listed."
        )
    return Table(
        columns,
        rows,
        title=f"{where}kernel {axis.kernel} from {axis.input} to {axis.output}: "
        f"{len(options.found)} setting{'s' * (len(options.found) != 1)}",
        notes=notes,
    )


def _equivalent(axis: TransposedAxis) -> str:
    one = axis.equivalent
    pads = str(one.before) if one.before == one.after else f"{one.before} before and {one.after} after"
    zeros = f"{one.zeros} zero{'s' * (one.zeros != 1)} between inputs" if one.zeros else "no zeros inserted"
    crop = " (a negative padding crops)" if min(one.before, one.after) < 0 else ""
    return (
        f"The same as an ordinary convolution: {zeros}, padding {pads}{crop}, "
        f"the kernel rotated, stride 1" + (f", dilation {axis.dilation}" if axis.dilation > 1 else "") + "."
    )


def _checkerboard(solution: TransposedSolution) -> Table:
    """Whether every output pixel gets the same number of products, and what each phase gets."""
    facts = [("checkerboard", _evenness(solution) + (", executed" if solution.proven else ""))]
    seen = set()
    for name, axis in zip(axis_names(len(solution.axes)), solution.axes, strict=True):
        if axis.overlap in seen:
            continue
        seen.add(axis.overlap)
        same = all(other.overlap == axis.overlap for other in solution.axes)
        phase = _phases(axis.overlap.counts)
        where = "" if same or not name else f", {name}"
        facts.append((f"taps per phase{where}", phase))
        facts.append((f"rule of thumb{where}", axis.overlap.judged()))
    if not solution.is_even and solution.phase_map() is not None:
        lines = phase_lines(solution)
        if len(lines) * len(lines[0]) <= 80:
            facts.append(("products per phase", " / ".join(lines)))
    return Table((), (), facts=facts)


def _evenness(solution: TransposedSolution) -> str:
    """How many products output pixels get, in the inner part and at the borders."""
    least, most = solution.least, solution.most
    if not solution.has_inner and solution.executed is not None:
        fewest, largest = solution.executed
        many = f"{fewest}" if fewest == largest else f"from {fewest or 'none'} to {largest}"
        verdict = (
            f"so small an input has borders everywhere: output pixels get {many} "
            f"product{'s' * (largest != 1)} a channel"
        )
    elif solution.is_even:
        verdict = f"even: every output pixel gets {most} product{'s' * (most != 1)} a channel"
    elif least == 0:
        verdict = f"uneven: output pixels get from none to {most} products a channel"
    else:
        verdict = (
            f"uneven: output pixels get from {least} to {most} products a channel ({most / least:.3g} times)"
        )
    if solution.has_inner and solution.executed is not None and solution.executed[0] < least:
        verdict += f", down to {solution.executed[0] or 'none'} at the borders"
    return verdict


def phase_lines(solution: TransposedSolution) -> list[str]:
    """The overlap of one period, as a grid of numbers; of three axes the first phase."""
    counts = solution.phase_map()
    if counts is None:
        return ["too many to show"]
    while counts.ndim > 2:
        counts = counts[0]
    rows = counts.tolist() if counts.ndim == 2 else [counts.tolist()]
    width = max(len(str(n)) for row in rows for n in row)
    return [" ".join(f"{n:>{width}}" for n in row) for row in rows]


def _phases(counts: tuple[int, ...]) -> str:
    return " ".join(map(str, counts[:MAX_LISTED])) + (" ..." if len(counts) > MAX_LISTED else "")


def _form(exact: bool) -> Any:
    return numbers.exact if exact else numbers.human


def _costs(solution: TransposedSolution, exact: bool) -> Table:
    cost = solution.costs
    form = numbers.exact if exact or cost.naive < 10**9 else numbers.human
    columns = (
        Column("count", "counted", numbers.label, "left"),
        Column("macs", "MACs", form),
        Column("ratio", "of executed", lambda ratio: f"{ratio:.3g}x"),
        Column("how", "how", numbers.label, "left", shrink=24, wrap=True),
        Column("printed_by", "printed by", numbers.label, "left", 10),
    )
    by = {
        kind: ", ".join(name for name, other in COUNTERS if other == kind) for kind in ("executed", "naive")
    }
    rows = [
        ("executed", cost.executed, 1.0, "input positions x whole kernel", by["executed"]),
        (
            "naive", cost.naive, cost.naive / cost.executed,
            "output positions x whole kernel, over the zero-inserted input", by["naive"],
        ),
        (
            "needed", cost.needed, cost.needed / cost.executed,
            "without inserted zeros, padding and what is cropped", "valid MACs of convcalc flops",
        ),
    ]  # fmt: skip
    into, out = solution.channels
    notes = [
        "Counters differ because the rule for convolutions, weights times output positions, counts the "
        "inserted zeros when it is used for a transposed one."
    ]
    if (into, out) == (1, 1):
        notes.append("For one channel in and one out; --channels 64->32 counts yours.")
    title = f"cost of one sample, {into} channel{'s' * (into != 1)} in, {out} out, {cost.params:,} weights"
    return Table(columns, rows, title=title, notes=notes)


def _alternatives(solution: TransposedSolution, exact: bool) -> Table:
    columns = (
        Column("name", "the same size by", numbers.label, "left"),
        Column("spec", "as", numbers.label, "left", 20, 20, wrap=True),
        Column("params", "params", _form(exact)),
        Column("macs", "MACs", _form(exact)),
        Column("flops", "FLOPs", _form(exact), "right", 10),
        Column("overlap", "overlap", numbers.label, "left", 5),
        Column("note", "", numbers.label, "left", 30, 10),
    )
    rows = [tuple(row) for row in solution.alternatives]
    return Table(columns, rows, title="alternatives, without bias")


def layers_table(layers: Sequence[TransposedLayer], name: str) -> Table:
    """The transposed convolutions of a network."""
    from convcalc.exporters.text import format_layer

    columns = (
        Column("name", "name", numbers.label, "left", 0, 12, True),
        Column("layer", "layer", numbers.label, "left", 30, 18),
        Column("input", "input", numbers.shape, "right", 20),
        Column("output", "output", numbers.shape, "right", 20),
        Column("overlap", "taps per phase", numbers.label, "left"),
        Column("even", "checkerboard", numbers.label, "left"),
        Column("executed", "executed MACs", numbers.human),
        Column("naive", "naive MACs", numbers.human, "right", 10),
        Column("needed", "needed MACs", numbers.human, "right", 15),
    )
    rows, notes = [], []
    for layer in layers:
        overlaps = [_phases(one.counts) for one in layer.overlaps]
        rows.append(
            (
                layer.name,
                format_layer(layer.node.layer),
                [axis.input for axis in layer.axes] if layer.axes else ("?",),
                [axis.output for axis in layer.axes] if layer.axes else ("?",),
                " x ".join(dict.fromkeys(overlaps)) or "?",
                {True: "even", False: "uneven", None: "?"}[layer.is_even],
                layer.costs.executed if layer.costs else None,
                layer.costs.naive if layer.costs else None,
                layer.costs.needed if layer.costs else None,
            )
        )
        notes += [
            f"{layer.name}: {said}."
            for said in dict.fromkeys(one.judged() for one in layer.overlaps if not one.is_even)
        ]
    if any(layer.axes is None for layer in layers):
        notes.append("What depends on a size that is no number is unavailable; --input states it.")
    if not layers:
        return Table((), (), title=f"{name}: no transposed convolution")
    return Table(columns, rows, title=_boards(layers, name), notes=notes)


def _boards(layers: Sequence[TransposedLayer], name: str) -> str:
    """Whether a network makes checkerboards, and where."""
    many = f"{len(layers)} transposed convolution{'s' * (len(layers) != 1)}"
    uneven = [layer.name for layer in layers if layer.is_even is False]
    unknown = sum(layer.is_even is None for layer in layers)
    if uneven:
        shown = f"{', '.join(uneven[:3])}{' and more' * (len(uneven) > 3)}"
        return numbers.toned(f"{name}: checkerboards from {len(uneven)} of {many}: {shown}", "bad")
    if unknown:
        return numbers.toned(
            f"{name}: whether {unknown} of {many} makes checkerboards cannot be told", "warn"
        )
    return numbers.toned(f"{name}: no checkerboard from {many}", "good")
