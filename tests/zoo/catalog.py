"""The index of the zoo, which ``convcalc list`` shows: made of the documents and of what is counted of them.

``python -m tests.zoo.catalog --update`` writes it anew; ``test_catalog.py`` fails where it is not up to date.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import yaml

import convcalc
from convcalc.dims import is_known
from convcalc.files import write_whole
from convcalc.layers.values import show
from convcalc.spec.library import INDEX, zoo_names, zoo_text


def row(name: str) -> dict[str, Any]:
    """What the index says of one network."""
    document = yaml.safe_load(zoo_text(name))
    report = convcalc.analyze(name)
    year = re.search(r"\b(?:19|20)\d\d\b", document["source"])
    return {
        "title": document["name"],
        "about": " ".join(document["source"].split()),
        "year": int(year[0]) if year else None,
        "input": ", ".join(map(show, report.inputs)),
        "params": _number(report.totals.params),
        "macs": _number(report.totals.macs),
    }


def _number(value: Any) -> Any:
    return value if type(value) is int else str(value) if is_known(value) else None


def text() -> str:
    """The index as its file holds it: a line a network."""
    lines = (f"{json.dumps(name)}: {json.dumps(row(name), ensure_ascii=False)}" for name in zoo_names())
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit("usage: python -m tests.zoo.catalog --update")
    write_whole(INDEX, text().encode())
    print(f"wrote {INDEX}")
