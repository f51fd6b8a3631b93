"""Topics that are explained, as ``convcalc/topics`` declares them: found by any spelling of their names."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any, Final

from convcalc.spec.errors import nearest_name
from convcalc.spec.library import has_block, spelt

_FOLDER: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "topics")


@lru_cache(maxsize=1)
def _files() -> tuple[str, ...]:
    return tuple(sorted(name[:-5] for name in os.listdir(_FOLDER) if name.endswith(".yaml")))


@lru_cache(maxsize=64)
def _declared(file: str) -> dict[str, Any]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with open(os.path.join(_FOLDER, f"{file}.yaml"), encoding="utf-8") as text:
        found: dict[str, Any] = yaml.load(text, loader)
    return found


@lru_cache(maxsize=1)
def topics() -> tuple[str, ...]:
    """Names of the topics that are explained."""
    return tuple(_declared(file)["name"] for file in _files())


def declaration(name: str) -> dict[str, Any]:
    """What the file of a topic says; it is shared, and not to be changed.

    Raises:
        KeyError: there is no such topic.
    """
    return _declared(_spellings()[spelt(name)])


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    """File of every topic by its names, as they are spelt without marks."""
    found: dict[str, str] = {}
    for file in _files():
        declared = _declared(file)
        for name in (file, declared["name"], declared["title"], *declared["also"]):
            found.setdefault(spelt(str(name)), file)
    return found


def topic_called(name: str) -> str | None:
    """The topic of a name in any spelling, such as ``Depthwise-Separable``; None where there is none."""
    words = re.sub(r"\A\s*(why|the)\s+", "", name.casefold())
    known = _spellings()
    for text in (spelt(words), spelt(words).removesuffix("s"), spelt(words) + "s"):
        if text in known:
            return str(_declared(known[text])["name"])
    return None


def nearest_topic(text: str) -> str | None:
    """The topic whose name is nearest to a misspelt one, or None where none is close."""
    near = nearest_name(spelt(text), _spellings())
    return None if near is None else topic_called(near)


def is_layer_or_block(name: str) -> bool:
    """Whether a name alone stands for a layer or a block, whatever topic has it too."""
    from convcalc.layers import ALIASES, OPS

    return name in OPS or name in ALIASES or has_block(name)


def asked(name: str) -> str:
    """What is written behind ``convcalc explain`` for a topic."""
    quoted = f"'{name}'" if " " in name else name
    return f"{quoted} --why" if is_layer_or_block(name) else quoted
