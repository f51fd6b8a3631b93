"""Machine-readable forms: CSV and JSON with raw values, and Markdown for documents."""

from __future__ import annotations

import re
from typing import Any, Final

from convcalc.printable import in_json, one_line, visible
from convcalc.records import plain
from convcalc.render import numbers
from convcalc.render.table import Table


@numbers.written_in("plain")
def to_csv(table: Table) -> str:
    """Comma-separated values under the columns' keys: exact integers, nothing where unknown."""
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    writer.writerows([_cell(numbers.plain(value)) for value in row] for row in table.rows)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet runs: a text that would be a formula gets an apostrophe."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and not _NUMBER.fullmatch(text) else text


_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def to_markdown(table: Table) -> str:
    """A Markdown table with the same texts as the terminal shows, totals in bold."""
    cells = table.cells()

    def line(texts: Any) -> str:
        return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"

    lines: list[str] = []
    if table.title:
        lines += [_literal(table.title), ""]
    if table.columns:
        lines.append(line(column.title for column in cells.columns))
        lines.append(line("---:" if column.align == "right" else ":---" for column in cells.columns))
        lines.extend(line(map(_literal, row)) for row in cells.rows)
        if cells.footer is not None:
            lines.append(line(f"**{_literal(text)}**" if text else "" for text in cells.footer))
    if table.facts:
        lines.append("")
        lines.extend(f"- {name}: {_literal(value)}" for name, value in table.facts)
    for note in table.notes:
        lines += ["", f"> {_literal(note)}"]
    return "\n".join(lines) + "\n"


def _literal(text: str) -> str:
    """Text whose asterisks stay asterisks (``M*N*K`` would be N in italics), without tags of HTML."""
    return _TAG.sub(r"\\<", visible(text).replace("*", "\\*"))


_TAG: Final = re.compile("<(?=[A-Za-z/!?])")


def to_json(data: Any) -> str:
    """JSON text: the outer levels indented, each row of a list on one line.

    Integers are exact at any size, unknown sizes are ``null``, closed forms are strings.
    """
    return in_json("".join(_pieces(data, 0))) + "\n"


def _pieces(data: Any, level: int) -> list[str]:
    import json

    inner, outer = "  " * (level + 1), "  " * level
    if isinstance(data, dict) and data and level < 2:
        pieces = ["{\n"]
        for number, (key, value) in enumerate(data.items()):
            pieces.append(f"{inner}{json.dumps(str(key), ensure_ascii=False)}: ")
            pieces.extend(_pieces(value, level + 1))
            pieces.append(",\n" if number + 1 < len(data) else "\n")
        return [*pieces, outer, "}"]
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], (dict, list, tuple)) and level < 3:
        rows = [inner + json.dumps(row, ensure_ascii=False, default=plain) for row in data]
        return ["[\n", ",\n".join(rows), "\n", outer, "]"]
    return [json.dumps(data, ensure_ascii=False, default=plain)]
