"""Sizes of the inputs of a model: stated, given, or letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from convcalc.dims import UNKNOWN, symbol
from convcalc.importers.onnx.model import Graph, Model, ValueInfo
from convcalc.layers.values import show


class Sizes:
    """Sizes of the inputs, and what the letters of the file stand for.

    Args:
        model: what a file says.
        given: shapes in place of those of the file, without the batch, by name or of the first.
    """

    def __init__(self, model: Model, given: Any) -> None:
        self.model = model
        self.given = given
        self.letters: dict[str, Any] = {}

    def of(self, entering: list[ValueInfo]) -> dict[str, tuple[Any, ...]]:
        """Shapes of the inputs, the batch among the axes: those of the file, or those that are given.

        Raises:
            SpecError: one that is given is no input's, or has other axes.
        """
        found = {}
        given = self.given
        if given is not None and not isinstance(given, Mapping):
            given = {entering[0].name: given} if entering else {}
        given = dict(given or {})
        for info in entering:
            if info.type.kind != "tensor" or info.dims is None:
                found[info.name] = ()
                continue
            axis = batch_axis(info, self.model.graph)
            stated = channelled(info, self.model.graph, axis)
            letters = [self._letter(info, place, n, axis) for place, n in enumerate(stated)]
            shape = given.pop(info.name, None)
            if shape is None:
                shape = next((given.pop(k) for k in list(given) if same_name(k, info.name)), None)
            if shape is not None:
                own = [place for place in range(len(letters)) if place != axis]
                if len(shape) != len(own):
                    text = show([letters[place] for place in own])
                    raise self.model.wire.refused(
                        f"input {info.name!r} is {text}, and {show(shape)} was given", text
                    )
                for place, size in zip(own, shape, strict=True):
                    if type(info.dims[place]) is str and type(size) is int:
                        self.letters[str(info.dims[place])] = size
                    letters[place] = size
            found[info.name] = tuple(letters)
        if given:
            names = ", ".join(info.name for info in entering)
            raise self.model.wire.refused(f"there is no input {next(iter(given))!r}", names)
        return found

    def _letter(self, info: ValueInfo, place: int, n: Any, axis: int) -> Any:
        if type(n) is int and n > 0:
            return n
        if place == axis:
            if isinstance(n, str):
                self.letters.setdefault(n, 1)
            return 1
        if isinstance(n, str) and n in self.letters:
            return self.letters[n]
        if isinstance(n, str) and not re.search(r"\w", n):
            n = None  # such as "?"
        rank = len(info.dims or ())
        plain = {3: ("", "C", "L"), 4: ("", "C", "H", "W"), 5: ("", "C", "D", "H", "W")}.get(rank)
        word = plain[place] if plain else _word(n) if isinstance(n, str) else f"N{place}"
        taken = {str(value) for value in self.letters.values()}
        found = word
        while found in taken:
            found += "a"
        made = symbol(found)
        self.letters[n if isinstance(n, str) else f"{info.name} {place}"] = made
        return made

    def stated(self, n: Any) -> Any:
        """A size that the file states of a tensor between, as far as it is known."""
        if type(n) is int and n > 0:
            return n
        return self.letters.get(n, UNKNOWN) if isinstance(n, str) else UNKNOWN


def same_name(one: str, other: str) -> bool:
    """Whether a name of the graph is that of an input of the file, illegal letters aside."""
    return re.sub(r"\W+", "_", one).strip("_") == re.sub(r"\W+", "_", other).strip("_")


def _word(name: str) -> str:
    """A letter for a size that the file names: ``height`` is H, ``seq_len`` Seq_len."""
    short = {"height": "H", "width": "W", "h": "H", "w": "W", "channels": "C", "length": "L", "depth": "D"}
    if name in short:
        return short[name]
    word = re.sub(r"\W+", "_", name).strip("_").replace("x", "") or "N"
    return (word[0].upper() + word[1:]) if word[0].isalpha() else f"N{word}"


_BATCH: Final = re.compile(r"batch|^N$|^n$|^bs$", re.IGNORECASE)


def channelled(info: ValueInfo, graph: Graph, axis: int) -> tuple[Any, ...]:
    """The sizes of an input; its channels, where they are a letter, by the convolution that reads it."""
    dims = list(info.dims or ())
    if len(dims) < 3 or axis != 0 or (type(dims[1]) is int and dims[1] > 0):
        return tuple(dims)
    for node in graph.nodes:
        if node.op in ("Conv", "ConvTranspose") and node.inputs[:1] == (info.name,) and not node.domain:
            weight = graph.initializers.get(node.inputs[1]) if len(node.inputs) > 1 else None
            if weight is not None and len(weight.dims) == len(dims):
                many = node.get("group", 1) if node.op == "Conv" else 1
                dims[1] = weight.dims[node.op == "Conv"] * many
                break
    return tuple(dims)


def batch_axis(info: ValueInfo, graph: Graph) -> int:
    """The axis of the batch: the first; the second of what a recurrent layer reads step after step."""
    dims = info.dims or ()
    named = [place for place, n in enumerate(dims) if isinstance(n, str) and _BATCH.search(n)]
    if len(named) == 1:
        return named[0]
    for node in graph.nodes:
        if node.op in ("LSTM", "GRU", "RNN") and node.inputs[:1] == (info.name,):
            return 0 if node.get("layout", 0) else 1
    return 0
