"""Tables of verifications: each quantity twice, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.render import numbers
from convcalc.render.table import Column, Format, Table
from convcalc.render.views.count.report import shortened

if TYPE_CHECKING:
    from convcalc.verification.random.run import RandomRun
    from convcalc.verification.result import Check, LayerCheck, Verification
    from convcalc.verification.zoo import ZooRun

TICK: Final = "✓"
CROSS: Final = "✗"

_NUMBERS: Final = (
    ("output_shape", "output", 10),
    ("params", "params", 5),
    ("buffers", "buffers", 60),
    ("indices", "indices", 61),
    ("macs", "MACs", 6),
    ("valid_macs", "valid MACs", 30),
    ("add", "add", 41),
    ("mul", "mul", 42),
    ("cmp", "cmp", 43),
    ("div", "div", 44),
    ("special", "special", 45),
    ("flops", "FLOPs", 35),
    ("activations", "activations", 55),
    ("live_bytes", "live bytes", 50),
)
_MOST = 20


def table(
    found: Verification,
    *,
    exact: bool = False,
    brief: bool = False,
    headed: bool = False,
    only: Callable[[str], bool] = bool,
) -> Table:
    """A verification: two rows a layer, the formula's and the executed one, with a tick or what differs.

    Args:
        found: the verification.
        exact: every digit instead of human units.
        brief: only layers on which formula and execution differ.
        headed: keep the columns where there are no rows.
        only: of which layers rows are shown, by name; totals and the verdict are of all.
    """
    form = numbers.exact if exact else numbers.human
    fields = any(layer.find("receptive_field") for layer in found.layers)
    columns = [
        Column("name", "name", numbers.label, "left", 0, 12, True),
        Column("spec", "layer", numbers.label, "left", 70, 18),
        Column("by", "by", numbers.label, "left", 0),
        Column("verdict", "", numbers.label, "left", 0),
    ]
    shown_numbers = _numbers(found)
    for key, title, priority in shown_numbers:
        shown: Format = _shape if key == "output_shape" else form
        columns.append(Column(key, title, shown, priority=priority))
    if fields:
        columns.append(Column("receptive_field", "receptive field", numbers.label, "left", 25))
    rows: list[tuple[Any, ...]] = []
    for layer in found.layers:
        if only(layer.name) and not (brief and layer.ok):
            rows += _rows(layer, [key for key, _, _ in shown_numbers], fields)
    facts = [
        (check.quantity.replace("_", " "), _both(check))
        for check in found.sums
        if check.formula or check.executed or not check.ok
    ]
    if found.fields:
        facts.append(("receptive fields", _fields([found])))
    name, verdict = shortened(numbers.label(found.name)), "agree" if found.ok else "DIFFER"
    headline = f"{name}: formula and execution {verdict} in {found.checks:,} comparisons"
    if found.asked is not None:
        headline += f"; interrupted after {len(found.layers)} of {found.asked} layers"
    facts.insert(0, ("input", numbers.shapes(found.inputs)))
    if not rows and not headed:
        columns = []
    return Table(
        columns,
        rows,
        title=_verdict_line(headline, found.ok, found.complete),
        facts=facts,
        notes=[*_difference_lines(found), *found.notes],
    )


def _numbers(found: Verification) -> list[tuple[str, str, int]]:
    """The numbers that have a column: stored indices only where there are any."""
    some = any(layer.find("indices") is not None for layer in found.layers)
    columns: list[tuple[str, str, int]] = [*_NUMBERS]
    return [column for column in columns if some or column[0] != "indices"]


def _rows(layer: LayerCheck, keys: list[str], fields: bool) -> list[tuple[Any, ...]]:
    checks = [layer.find(key) for key in keys]
    formula = [None if check is None else check.formula for check in checks]
    executed = [None if check is None else check.executed for check in checks]
    if fields:
        check = layer.find("receptive_field")
        formula.append("-" if check is None else str(check.formula))
        executed.append("-" if check is None else str(check.executed))
    return [
        (layer.name, layer.spec, "formula", "", *formula),
        ("", "", "executed" if layer.executed else "not run", _verdict(layer), *executed),
    ]


def _verdict(layer: LayerCheck) -> str:
    """A tick, or what differs and by how much."""
    if layer.ok:
        return TICK
    words: dict[str, str] = {}
    for check in layer.differences:
        numeric = type(check.formula) is int and type(check.executed) is int
        by = f" {check.formula - check.executed:+,}" if numeric else ""
        words.setdefault(check.quantity, f"{check.quantity.replace('_', ' ')}{by}")
    found = list(words.values())
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return " ".join((CROSS, ", ".join(found[:3]) + more)).rstrip()


def _shape(value: Any) -> str:
    if value and isinstance(value[0], tuple):
        return numbers.shapes(value)
    return numbers.shape(value)


def _both(check: Check) -> str:
    if check.ok:
        return f"{numbers.exact(check.formula)} = {numbers.exact(check.executed)} {TICK}"
    return f"{numbers.exact(check.formula)} by formula, {numbers.exact(check.executed)} executed {CROSS}"


def _difference_lines(found: Verification) -> list[str]:
    from convcalc.verification.result import describe

    lines = [f"{CROSS} {describe(name, check)}" for name, check in found.differences()]
    if len(lines) > _MOST:
        lines[_MOST:] = [f"{CROSS} and {len(lines) - _MOST} more differences (--json has them all)"]
    if found.error:
        lines.append(f"{CROSS} not executed: {found.error}")
    return lines


def zoo_table(run: ZooRun, *, exact: bool = False) -> Table:
    """The zoo: one row per network with its totals, and below it what was compared and what differs."""
    form = numbers.exact if exact else numbers.human
    columns = (
        Column("network", "network", numbers.label, "left", 0, 12),
        Column("verdict", "", numbers.label, "left"),
        Column("input", "input", numbers.label, "left", 20),
        Column("own_input", "reduced from", numbers.label, "left", 30),
        Column("layers", "layers", numbers.exact, priority=10),
        Column("params", "params", form, priority=5),
        Column("macs", "MACs", form, priority=6),
        Column("fields", "fields", numbers.exact, priority=45),
        Column("checks", "comparisons", numbers.exact, priority=40),
        Column("seconds", "s", lambda value: f"{value:.1f}", priority=50),
    )
    rows: list[tuple[Any, ...]] = []
    for name, found in run.networks.items():
        totals = {check.quantity: check.executed for check in found.sums}
        rows.append(
            (
                name,
                TICK if found.ok else CROSS,
                numbers.shapes(found.inputs),
                numbers.shapes(found.own_inputs) if found.reduced else "",
                len(found.layers),
                totals.get("params"),
                totals.get("macs"),
                found.fields,
                found.checks,
                run.seconds[name],
            )
        )
    good = sum(found.ok for found in run.networks.values())
    reduced = sum(found.reduced for found in run.networks.values())
    headline = f"formula and execution agree on {good} of {len(rows)} networks"
    if good < len(rows):
        headline = f"formula and execution DIFFER on {len(rows) - good} of {len(rows)} networks"
    if not run.complete:
        headline += f"; interrupted, {run.asked} were asked for"
    facts = [
        ("at their own size", f"{len(rows) - reduced} of {len(rows)}"),
        ("layers", numbers.exact(sum(len(found.layers) for found in run.networks.values()))),
        ("receptive fields", _fields(list(run.networks.values()))),
        ("comparisons", numbers.exact(sum(found.checks for found in run.networks.values()))),
        ("time", f"{sum(run.seconds.values()):.0f} s"),
    ]
    notes = [
        f"{name}: {line}" for name, found in run.networks.items() for line in _difference_lines(found)[:5]
    ]
    title = _verdict_line(headline, run.ok, run.complete)
    return Table(columns, rows, title=title, facts=facts, notes=notes)


def _verdict_line(words: str, ok: bool, complete: bool) -> str:
    """A verdict with its tick, and what it means."""
    tone = "bad" if not ok else "good" if complete else "warn"
    return numbers.toned(f"{TICK if ok else CROSS} {words}", tone)


def _fields(many: Sequence[Verification]) -> str:
    """How many fields were traced, and of how many size, stride and padding were seen."""
    layers = [layer for found in many for layer in found.layers]
    traced = [layer.find("receptive_field") for layer in layers if layer.find("receptive_field")]
    whole = sum(check is not None and "all" in str(check.formula) for check in traced)
    region = sum(check is not None and "region" in str(check.executed) for check in traced)
    words = f"{len(traced):,} of {len(layers):,} layers traced"
    if whole:
        words += f"; {whole:,} see all of the input"
    if region - whole > 0:
        words += f"; {region - whole:,} are larger than the input and were compared as far as it goes"
    return words


def random_table(run: RandomRun, *, listed: bool = False) -> Table:
    """What was verified, and each failure as a spec that shows it.

    Args:
        run: what was found.
        listed: failures as rows, not as notes.
    """
    facts = [
        ("random specs", f"{run.number:,} (seed {run.seed}), {run.layers:,} layers of {len(run.ops)} kinds"),
        ("scalar by scalar", f"{run.scalars:,} of them too"),
        ("receptive fields", numbers.exact(run.fields)),
        ("comparisons", numbers.exact(run.checks)),
        ("time", f"{run.seconds:.1f} s"),
    ]
    many = f"{run.number:,} random specs"
    headline = f"formula and execution agree on {many}"
    if not run.ok:
        headline = f"formula and execution DIFFER on {len(run.failures)} of {many}"
    if not run.complete:
        headline += f"; interrupted, {run.asked:,} were asked for"
    title = _verdict_line(headline, run.ok, run.complete)
    if listed:
        columns = [
            Column(key, key, numbers.label, "left") for key in ("index", "spec", "reasons", "original")
        ]
        rows = [(one.index, one.spec, "; ".join(one.reasons), one.original) for one in run.failures]
        return Table(columns, rows, title=title, facts=facts)
    notes = []
    for failure in run.failures:
        notes.append(f"{CROSS} spec {failure.index}: convcalc verify {quoted(failure.spec)}")
        notes += [f"    {reason}" for reason in failure.reasons[:5]]
    return Table((), (), title=title, facts=facts, notes=notes)


def quoted(spec: str) -> str:
    """A spec as an argument of a shell; a document on standard input."""
    if "\n" in spec:
        return f"- <<'END'\n{spec.rstrip()}\nEND"
    return "'" + spec.replace("'", "'\\''") + "'"
