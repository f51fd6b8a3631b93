"""Functions that are written into a file where PyTorch has none for a layer; ``helpers.txt`` holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files


@cache
def _helpers() -> dict[str, str]:
    text = files("convcalc.exporters.pytorch").joinpath("helpers.txt").read_text(encoding="utf-8")
    found = {}
    for part in re.split(r"\n\n\n", text.strip()):
        name = re.match(r"(?:class |def )?(\w+)", part)
        assert name is not None
        found[name[1]] = part
    return found


def written(names: Iterable[str]) -> list[str]:
    """The sources of helpers, with those that they call themselves, in the order of ``helpers.txt``."""
    texts = _helpers()
    needed: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in needed:
            continue
        needed.add(name)
        words = set(re.findall(r"(?<![.\w\"'])\w+", texts[name]))
        todo += [other for other in texts if other in words and re.search(rf"\b{other}\b[(,)]", texts[name])]
    return [text for name, text in texts.items() if name in needed]
