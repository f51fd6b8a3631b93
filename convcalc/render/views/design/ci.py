"""Checks for machines that run them: JUnit XML, and annotations of GitHub's workflows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from convcalc.printable import visible
from convcalc.render.views.design.check import cost_lines, headline, sentence

if TYPE_CHECKING:
    from convcalc.calculators.check.verdict import Check, Verdict

_NO_XML: Final = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that XML 1.0 has no way to hold (section 2.2)."""


class Place(NamedTuple):
    """Where a network stands.

    Attributes:
        spec: what was asked for.
        file: the path of its file; empty where it is none.
        text: what stands in it; empty where that is no text.
    """

    spec: str
    file: str = ""
    text: str = ""

    def line(self, row: Verdict) -> int:
        """The line of a limit in the document; of one from elsewhere the first."""
        names = (row.limit.name, row.limit.name.replace("_", "-"), "budget")
        for name in names:
            found = re.search(rf"^[^#\n]*?(?<![\w-]){name}[\"']?[ \t]*:", self.text, re.MULTILINE)
            if found:
                return self.text.count("\n", 0, found.end()) + 1
        return 1


def junit(checks: Sequence[Check], places: Sequence[Place]) -> str:
    """JUnit XML: a suite per network, a case per limit, a failure with the costliest layers.

    The form is that of Jenkins' schema (``junit-10.xsd``), which GitLab, CircleCI, Azure and GitHub's report
    actions read too. It holds no time and no name of a machine: the same checks give the same text.
    """
    suites = [_suite(check, place) for check, place in zip(checks, places, strict=True)]
    count = sum(len(check.rows) for check in checks)
    failed = sum(len(check.failed) for check in checks)
    head = f'<testsuites name="convcalc check" tests="{count}" failures="{failed}" errors="0">\n'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{"".join(suites)}</testsuites>\n'


def _suite(check: Check, place: Place) -> str:
    name = _attribute(place.spec)
    cases = "".join(_case(row, name) for row in check.rows)
    counts = f'tests="{len(check.rows)}" failures="{len(check.failed)}" errors="0" skipped="0"'
    return f'  <testsuite name="{name}" {counts}>\n{cases}  </testsuite>\n'


def _case(row: Verdict, suite: str) -> str:
    side = "at most" if row.limit.most else "at least"
    against = f" against {row.limit.of}" if row.limit.of else ""
    name = _attribute(f"{side} {row.limit.kind.title}{against}")
    open_ = f'    <testcase name="{name}" classname="{suite}"'
    if row.ok:
        return f"{open_}/>\n"
    kind = "unknown" if row.ok is None else "exceeded" if row.limit.most else "too small"
    told = sentence(row)
    text = "\n".join([told, *(f"most in {line}" for line in cost_lines(row))])
    failure = f'<failure message="{_attribute(told)}" type="{kind}">{_text(text)}</failure>'
    return f"{open_}>\n      {failure}\n    </testcase>\n"


def _text(text: str) -> str:
    """Text as it may stand between two tags; what XML cannot hold is written out."""
    kept = _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", visible(text))
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(text: str) -> str:
    """Text as it may stand between quotes: what a parser would make a blank is a reference."""
    kept = _text(text).replace('"', "&quot;")
    return kept.replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")


def github(checks: Sequence[Check], places: Sequence[Place]) -> str:
    """Commands of a GitHub workflow: an error at its place for each limit that fails, else a notice.

    Nothing but these commands is written, each in one line: no name can become a command of its own.
    """
    lines = [line for check, place in zip(checks, places, strict=True) for line in _annotated(check, place)]
    return "".join(f"{line}\n" for line in lines)


def _annotated(check: Check, place: Place) -> Iterator[str]:
    if check.ok:
        yield _command("notice", {"file": place.file, "title": "convcalc check"}, headline([check]))
    for row in check.failed:
        title = f"{check.name}: {row.limit.kind.title}"
        where = {"file": place.file, "line": str(place.line(row)) if place.file else "", "title": title}
        lines = [sentence(row), *(f"most in {line}" for line in cost_lines(row))]
        yield _command("error", where, "\n".join(lines))


def _command(kind: str, properties: dict[str, str], message: str) -> str:
    given = ",".join(f"{key}={escaped(value, True)}" for key, value in properties.items() if value)
    return f"::{kind} {given}::{escaped(message)}"


def escaped(text: str, inside: bool = False) -> str:
    """Text of a workflow command; ``inside`` its properties, where colons and commas part them."""
    found = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    if inside:
        found = found.replace(":", "%3A").replace(",", "%2C")
    return visible(found)
