"""A page as one file: the assets of this folder, with the data inside."""

from __future__ import annotations

import json
import re
from html import escape
from importlib.resources import files
from typing import Any, Final

from convcalc.printable import in_json, one_line
from convcalc.render.pictures.svg import css

_MARK: Final = re.compile(r"<!--convcalc:(title|style|script|data)-->")


SCRIPTS: Final = ("report-elements.js", "report.js", "report-graph.js", "report-table.js", "report-panel.js")
"""The parts of the report's script, in order: each adds to the one global of the first."""


def script() -> str:
    """The report's script, which gives a page ``convcalc.show``."""
    return "".join(map(asset, SCRIPTS))


def style() -> str:
    """The report's style sheet, with the colours of the pictures."""
    return asset("report.css") + css()


def loaded(name: str) -> str:
    """What a page gets that loads its parts by name: ``report.js`` and ``report.css`` are whole."""
    whole = {"report.js": script, "report.css": style}.get(name)
    return asset(name) if whole is None else whole()


def asset(name: str) -> str:
    """Text of a file of the folder ``assets``."""
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def render(page: dict[str, Any]) -> str:
    """The report of :func:`convcalc.page.data.page_data` as one self-contained HTML file.

    ``report.html`` says by comments where what stands: ``<!--convcalc:title-->``, ``<!--convcalc:style-->``
    (:func:`style` in a ``style`` element), ``<!--convcalc:script-->`` (:func:`script` in a ``script``
    element) and ``<!--convcalc:data-->`` (the JSON in ``<script type="application/json"
    id="convcalc-page">``). The data are without ``report``, whose numbers the rows hold.
    """
    shown = [{key: value for key, value in one.items() if key != "report"} for one in page["networks"]]
    title = ", ".join(network["title"] for network in page["networks"])
    data = embedded(page | {"networks": shown})
    parts = {
        "title": escape(one_line(title)),
        "style": f"<style>\n{style()}</style>",
        "script": f"<script>\n{script()}</script>",
        "data": f'<script type="application/json" id="convcalc-page">{data}</script>',
    }
    return _MARK.sub(lambda match: parts[match[1]], asset("report.html"))


def embedded(data: Any) -> str:
    """JSON that stands inside a ``script`` element: no text in it ends the element or begins a comment."""
    text = in_json(json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    return text.replace("<", "\\u003c")
