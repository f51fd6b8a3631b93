"""A baseline to hold a network to: what another one, or an earlier version of it, had.

A baseline is a network, or the JSON that ``convcalc summary --json`` or ``convcalc check --json`` wrote of
one: the totals of ``summary``, or the counts of ``check``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any, Final

from convcalc.calculators.answers import did_you_mean
from convcalc.calculators.check.limits import KINDS, Limit, LimitError, amount
from convcalc.calculators.compare.measures import MEASURES, read
from convcalc.calculators.count.report import Report, analyze
from convcalc.dims import Dim
from convcalc.files import open_regular
from convcalc.graph import Graph, Spec, as_graph

HELD: Final = ("params", "macs", "flops", "peak_memory")
"""Kinds of limits that a baseline sets by itself; others where a growth is allowed for them."""
GROWING: Final = tuple(kind for kind in KINDS if kind not in ("rf", "layers", "time_bound"))
"""Kinds that a baseline can be asked for."""
MAX_JSON: Final = 64_000_000
"""Longest file of a baseline, in bytes."""
_BYTES: Final = ("param_bytes", "buffer_bytes", "index_bytes", "peak_memory_bytes")


@dataclass(frozen=True)
class Growth:
    """How much a count may grow.

    Attributes:
        part: of the baseline's, such as 1/20 for ``5%``.
        more: or by a number.
        text: as it was written.
    """

    part: Fraction = Fraction(0)
    more: Dim = 0
    text: str = ""


NONE: Final = Growth()


@dataclass(frozen=True)
class Baseline:
    """What a network had.

    Attributes:
        name: what a reader knows it by: the name of a file or of a network.
        counts: by key of :data:`convcalc.calculators.compare.measures.MEASURES`, as far as they are numbers.
        counted_for: what the counts are for, ``3x224x224, float32, batch 1``; empty where nobody said.
        network: what the network called itself.
        stored: whether it was read from a file of JSON.
    """

    name: str
    counts: Mapping[str, int] = field(default_factory=dict)
    counted_for: str = ""
    network: str = ""
    stored: bool = False

    def limits(self, growths: Mapping[str, Growth]) -> tuple[list[Limit], list[str]]:
        """Limits that the baseline sets, and the kinds that it says nothing of.

        Args:
            growths: by kind of limit, what :func:`growths_of` gave; under the empty text what holds for all.

        Raises:
            LimitError: it says nothing of all that is asked.
        """
        general = growths.get("", NONE)
        found, unknown = [], []
        for kind in dict.fromkeys((*HELD, *(name for name in growths if name))):
            base = self.counts.get(KINDS[kind].key)
            if base is None:
                unknown.append(kind)
                continue
            growth = growths.get(kind, general)
            bound = floor(base + base * growth.part + growth.more)  # counts are whole numbers
            found.append(Limit(f"max_{kind}", bound, "", self.name, base, growth.text))
        if not found:
            raise LimitError(
                f"the baseline {self.name} knows none of {', '.join(unknown)}",
                "what convcalc summary --json or convcalc check --json wrote of a network with known sizes",
            )
        return found, unknown


def growths_of(texts: Sequence[str]) -> dict[str, Growth]:
    """Allowed growth by kind of limit from texts such as ``5%``, ``params=2%``, ``macs=10M``.

    Returns:
        by kind; under the empty text what holds for all that is not named.

    Raises:
        LimitError: no such kind, no growth, or one that is given twice.
    """
    found: dict[str, Growth] = {}
    for text in texts:
        name, equals, size = text.rpartition("=")
        kind = name.strip().replace("-", "_")
        if equals and kind not in GROWING:
            raise LimitError(
                f"nothing to grow is called {name.strip()!r}{did_you_mean(kind, GROWING)}", ", ".join(GROWING)
            )
        if kind in found:
            raise LimitError(f"the growth of {kind or 'everything'} is given twice", "one of them")
        found[kind] = _growth(size.strip(), kind)
    return found


def _growth(text: str, kind: str) -> Growth:
    number, percent, rest = text.partition("%")
    try:
        if rest or not (percent or kind):
            raise ValueError
        if not percent:
            return Growth(more=amount(text, KINDS[kind].unit), text=text)
        part = Fraction(number.strip()) / 100
        if part < 0 or "/" in number or len(number) > 20 or "e" in number.lower():
            raise ValueError
    except (ValueError, ZeroDivisionError):
        expected = "a percentage such as 5%" + (", or an amount such as 10M" if kind else "")
        raise LimitError(f"{text!r} is no growth", f"{expected}, or NAME=5%") from None
    return Growth(part=part, text=text)


def of_report(report: Report, name: str = "") -> Baseline:
    """The baseline that a network is which was counted."""
    counts = {key: read(report, key) for key in MEASURES}
    known = {key: value for key, value in counts.items() if type(value) is int}
    shapes = ", ".join("x".join(map(str, shape)) for shape in report.inputs)
    return Baseline(name or report.name, known, _for(shapes, report.dtype, report.batch), report.name)


def read_baselines(
    given: Spec | Baseline | Sequence[Baseline], input: Any = None, set: Any = None, batch: int = 1,
    dtype: str = "float32",
) -> list[Baseline]:  # fmt: skip
    """The baselines that something gives: a file of JSON, or a network with what it needs to be built.

    Raises:
        LimitError: a file of JSON is none.
        SpecError: a spec cannot be read.
    """
    if isinstance(given, Baseline):
        return [given]
    if isinstance(given, (list, tuple)):
        return list(given)
    if isinstance(given, (str, os.PathLike)) and os.fspath(given).endswith(".json"):
        path = os.fspath(given)
        data = _json(path)
        if is_baseline(data):
            return of_json(data, os.path.basename(path))
    name = given.name if isinstance(given, Graph) else os.fspath(given)  # type: ignore[arg-type]
    graph = as_graph(given, input=input, set=set)  # type: ignore[arg-type]
    return [of_report(analyze(graph, batch=batch, dtype=dtype), name if len(name) <= 40 else graph.name)]


def _json(path: str) -> Any:
    """What a file of JSON holds; None where it cannot be opened, which whoever reads it as a spec tells."""
    try:
        with open_regular(path) as file:
            return json.loads(file.read(MAX_JSON + 1)[:MAX_JSON].decode("utf-8-sig"))
    except OSError:
        return None
    except (ValueError, RecursionError) as error:
        place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise LimitError(f"{path} is no JSON{place}", "what convcalc summary --json wrote") from None


def of_json(data: Any, name: str) -> list[Baseline]:
    """The baselines that JSON of ``summary`` or ``check`` holds, one a network.

    Args:
        data: what JSON gave.
        name: of the file.

    Raises:
        LimitError: it is something else.
    """
    many = data.get("networks") if isinstance(data, dict) else None
    found = [_of_one(one, name) for one in (many if isinstance(many, list) else [data])]
    if not found or None in found:
        raise LimitError(
            f"{name} is no baseline", "what convcalc summary --json or convcalc check --json wrote, or a SPEC"
        )
    return [one for one in found if one is not None]


def is_baseline(data: Any) -> bool:
    """Whether JSON may be a baseline, and no document."""
    return isinstance(data, dict) and any(key in data for key in ("totals", "counts", "networks", "limits"))


def _of_one(data: Any, name: str) -> Baseline | None:
    if not isinstance(data, dict):
        return None
    counts = data.get("counts", data.get("totals"))
    if not isinstance(counts, dict):
        return None
    known = {key: counts[key] for key in MEASURES if type(counts.get(key)) is int and counts[key] >= 0}
    parts = [counts.get(key) for key in _BYTES]
    if "memory_bytes" not in known and all(type(part) is int for part in parts):
        known["memory_bytes"] = sum(part for part in parts if type(part) is int)
    shapes = data.get("inputs")
    shown = ""
    if isinstance(shapes, list) and all(isinstance(shape, list) for shape in shapes):
        shown = ", ".join("x".join(map(str, shape)) for shape in shapes)
    network = data.get("name")
    counted = _for(shown, data.get("dtype"), data.get("batch"))
    return Baseline(name, known, counted, network if isinstance(network, str) else "", stored=True)


def _for(shapes: str, dtype: Any, batch: Any) -> str:
    return f"{shapes}, {dtype}, batch {batch}" if shapes and dtype and batch else ""


def chosen(baselines: Sequence[Baseline], network: str, alone: bool) -> Baseline:
    """The baseline of a network among several: that of its own name, or the only one.

    Args:
        baselines: at least one.
        network: what the network calls itself.
        alone: whether it is the only network that is held to them.

    Raises:
        LimitError: none is of that name.
    """
    own = [one for one in baselines if one.network == network]
    if own:
        return own[0]
    if len(baselines) == 1 and alone:
        return baselines[0]
    names = [one.network for one in baselines]
    raise LimitError(
        f"{baselines[0].name} says nothing of {network!r}{did_you_mean(network, names)}",
        f"a baseline of it, beside {', '.join(names[:6])}{', ...' * (len(names) > 6)}",
    )
