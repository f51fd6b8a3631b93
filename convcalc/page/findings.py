"""What there is to know about single layers, at their place: text, reason, and what to try.

The calculators find; here each finding gets a reason in words and, where there is one, a layer that does not
have it. That layer was read from its text and checked by the same calculator before it is offered.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple

from convcalc.calculators.dilation.closing import reason
from convcalc.calculators.padding.check import LayerPadding, check_padding
from convcalc.calculators.receptive_field.graph import ReceptiveField
from convcalc.calculators.transposed.check import TransposedLayer, check_transposed
from convcalc.calculators.transposed.offers import offers
from convcalc.calculators.transposed.settings import Fixed
from convcalc.dims import UNKNOWN, Shape
from convcalc.exporters.text import format_layer
from convcalc.graph import Graph, as_graph
from convcalc.layers.tensors.cut import Pad
from convcalc.layers.values import axis_names, joined, show
from convcalc.layers.windows.window import effective
from convcalc.page.asked import Asked
from convcalc.render import numbers
from convcalc.render.views.solve.receptive_field import closing_text

MOST_TRIED: Final = 100
"""Layers that are read and checked for one network, to offer those that have not what was found."""
LONGEST: Final = 400
"""Longest command, in characters."""

PADDING: Final = {
    "border": ("note", "each such layer makes the map smaller, and fewer windows read what is at its border"),
    "dropped": ("warn", "what stands in those rows changes nothing of the output"),
    "asymmetric": (
        "warn",
        "the output is shifted against the input; other frameworks may pad the other side",
    ),
    "dilation": ("note", "the taps do not lie around the pixel that they are for, or the map changes size"),
    "wasted": ("note", "products with zeros cost what others cost; on larger maps their share falls"),
    "degenerate": (
        "warn",
        "the kernel works as a smaller one: at each place some weights multiply only zeros",
    ),
}
"""By kind of a finding of the padding, its level and its reason."""


class Finding(NamedTuple):
    """One thing to know.

    Attributes:
        id: of the row it is about; None where it is about the whole network.
        kind: ``padding``, ``checkerboard``, ``misalignment``, ``dilation``, ``input`` or ``unknown``.
        level: ``warn`` or ``note``.
        text: what it is.
        why: why it matters, or how it comes about.
        instead: what does not have it, as the spec language writes it or in words; empty where none is known.
        command: a command that shows that, or shows the finding where there is nothing instead; empty where
            the network has no text to name it by.
    """

    id: str | None
    kind: str
    level: str
    text: str
    why: str
    instead: str = ""
    command: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON holds it."""
        return {("try" if key == "command" else key): value for key, value in self._asdict().items()}


def findings(asked: Asked) -> list[dict[str, Any]]:
    """All findings, in the order of the layers; see :class:`Finding`, whose ``command`` is ``try`` here."""
    graph, words = asked.graph, asked.words
    found = [
        *_inputs(asked),
        *_padding(graph),
        *_checkerboards(graph),
        *_misaligned(words, asked.fields),
        *_holes(asked.fields),
    ]
    order = {node.name: number for number, node in enumerate(graph.nodes)}
    return [one.to_dict() for one in sorted(found, key=lambda one: order.get(one.id or "", -1))]


def quoted(text: str) -> str:
    """A text as one word of a command line, in double quotes where those are enough."""
    simple = not any(c in text for c in '"\\$`!\n')
    return text if text == shlex.quote(text) else f'"{text}"' if simple else shlex.quote(text)


def _command(command: str, words: Sequence[str], *more: str) -> str:
    """A command about a spec; nothing where the spec cannot be written in a line."""
    if not words or words[0] in ("", "-") or os.path.isabs(words[0]):
        return ""
    line = " ".join(["convcalc", command, *map(quoted, (*words, *more))])
    return line if line.isprintable() and len(line) <= LONGEST else ""


# -- padding ---------------------------------------------------------------------------------


class _Tried:
    """Texts of layers, read and checked; equal questions once."""

    def __init__(self) -> None:
        self.left = MOST_TRIED
        self.known: dict[tuple[str, str], Graph | None] = {}

    def graph(self, text: str, shape: Shape) -> Graph | None:
        """The graph of a text on a shape; None where it does not work, or enough was tried."""
        key = text, show(shape)
        if key not in self.known:
            self.known[key] = None
            self.left -= 1
            if self.left >= 0:
                with suppress(ValueError):
                    self.known[key] = as_graph(text, input=show(shape))
        return self.known[key]


def _padding(graph: Graph) -> Iterator[Finding]:
    tried = _Tried()
    done: dict[Any, tuple[str, str]] = {}
    for layer in check_padding(graph).layers:
        for found in layer.findings:
            level, why = PADDING[found.kind]
            window = [effective(k, d) for k, d in zip(layer.kernel, layer.dilation, strict=True)]
            if found.kind == "dropped" and all(w < s for w, s in zip(window, layer.stride, strict=True)):
                level = "note"  # a stride that is larger than the window is meant so
            shape = _arriving(graph, layer)
            instead = command = ""
            if shape is not None:
                key = layer.node.layer, str(shape), found.kind
                if key not in done:
                    done[key] = _instead(layer, shape, found.kind, tried)
                instead, command = done[key]
            yield Finding(layer.name, "padding", level, found.message, why, instead, command)


def _arriving(graph: Graph, layer: LayerPadding) -> Shape | None:
    """The shape that arrives at a layer, before what a layer of padding adds; None if it is not stated."""
    node = layer.node
    before = graph.nodes[node.inputs[0].node]
    shape = graph.input_shapes(before)[0] if isinstance(before.layer, Pad) else graph.input_shapes(node)[0]
    if len(node.inputs) > 1 or not all(type(n) is int for n in shape) or layer.output is None:
        return None
    return shape


def _instead(layer: LayerPadding, shape: Shape, kind: str, tried: _Tried) -> tuple[str, str]:
    """The layer nearest to this one that has no finding of a kind, and the command that shows it."""
    best: tuple[tuple[int, bool], str, Shape] | None = None
    for text, arriving in _candidates(layer, shape, kind):
        graph = tried.graph(text, arriving)
        if graph is None:
            continue
        left = [found.kind for found in check_padding(graph).findings]
        if kind in left:
            continue
        rank = len(left), graph.shape(graph.outputs[0])[1:] != layer.output
        if best is None or rank < best[0]:
            best = rank, text, arriving
        if rank == (0, False):
            break
    if best is None:
        return "", ""
    _, text, arriving = best
    words = text if arriving == shape else f"a map of {show(arriving[1:])}"
    return words, _command("padding", [text, "--input", show(arriving)])


def _candidates(layer: LayerPadding, shape: Shape, kind: str) -> Iterator[tuple[str, Shape]]:
    """Texts that may be without a finding, and the shapes they are for: the smallest changes first."""
    own: Any = layer.node.layer
    totals = [effective(k, d) - 1 for k, d in zip(layer.kernel, layer.dilation, strict=True)]

    def other(**changes: Any) -> tuple[str, Shape]:
        return format_layer(replace(own, **changes)), shape

    if kind == "wasted":
        for times in (2, 4, 8):
            yield format_layer(own), (shape[0], *(times * n for n in shape[1:]))
        return
    if kind == "degenerate":
        rates = [
            max(1, (i - 1) // (k - 1)) if k > 1 else d
            for i, k, d in zip(shape[1:], layer.kernel, layer.dilation, strict=True)
        ]
        sides = [
            (r * (k - 1) // 2, r * (k - 1) - r * (k - 1) // 2)
            for r, k in zip(rates, layer.kernel, strict=True)
        ]
        yield other(dilation=tuple(rates), padding=tuple(sides))
    if kind == "dropped" and all(w < s for w, s in zip(totals, layer.stride, strict=True)):
        pool = f"avgpool k{joined(layer.stride)} s{joined(layer.stride)} ceil=true"
        yield f"{pool} | {format_layer(replace(own, stride=(1,) * len(totals)))}", shape
    if hasattr(own, "ceil"):
        yield other(ceil=True)
    for extra in (0, 1):
        yield other(padding=tuple(((total + extra) // 2,) * 2 for total in totals))
    yield other(padding=("same",) * len(totals))
    yield other(padding=((0, 0),) * len(totals))
    for more in (1, -1):
        kernel = tuple(k + more for k in layer.kernel)
        if min(kernel) > 0:
            sides = [(d * (k - 1) // 2,) * 2 for k, d in zip(kernel, layer.dilation, strict=True)]
            yield other(kernel=kernel, padding=tuple(sides))


# -- transposed convolutions -----------------------------------------------------------------


def _checkerboards(graph: Graph) -> Iterator[Finding]:
    tried = _Tried()
    done: dict[Any, tuple[str, str]] = {}
    for one in check_transposed(graph):
        if one.is_even is not False:
            continue
        shape = graph.input_shapes(one.node)[0]
        counts = [" ".join(map(str, overlap.counts)) for overlap in one.overlaps]
        uneven = [
            f"{text} along the {name}"
            for name, text, overlap in zip(axis_names(len(counts)), counts, one.overlaps, strict=True)
            if not overlap.is_even
        ]
        if len(set(counts)) == 1:
            uneven = [f"{counts[0]}{' along each axis' * (len(counts) > 1)}"]
        key = one.node.layer, str(shape)
        if key not in done:
            done[key] = _even(one, shape, tried) if len(one.node.inputs) == 1 else ("", "")
        yield Finding(
            one.name,
            "checkerboard",
            "warn",
            f"output pixels get different numbers of products ({', '.join(uneven)}, in turn)",
            "the kernel is no multiple of the stride, so neighbours overlap unevenly: a checkerboard shows",
            *done[key],
        )


def _even(one: TransposedLayer, shape: Shape, tried: _Tried) -> tuple[str, str]:
    """An even layer of the same sizes, and the command that shows it."""
    chosen = []
    for axis in one.axes or ():
        even = [offer for offer in offers(axis.input, axis.output, Fixed(), 8) if offer.even]
        if not even:
            return "", ""
        chosen.append(even[0])
    own: Any = one.node.layer
    changed = replace(
        own,
        kernel=tuple(offer.kernel for offer in chosen),
        stride=tuple(offer.stride for offer in chosen),
        padding=tuple((offer.padding, offer.padding) for offer in chosen),
        output_padding=tuple(offer.output_padding for offer in chosen),
        dilation=tuple(offer.dilation for offer in chosen),
    )
    text = format_layer(changed)
    graph = tried.graph(text, shape)
    if graph is None or graph.shape(graph.outputs[0]) != one.node.outputs[0]:
        return "", ""
    if any(found.is_even is not True for found in check_transposed(graph)):
        return "", ""
    return text, _command("transposed", [text, "--input", show(shape)])


# -- what layers see -------------------------------------------------------------------------


def _misaligned(words: Sequence[str], fields: ReceptiveField) -> Iterator[Finding]:
    ranks = {row.name: len(row.axes) for row in fields.layers}
    axes: dict[Any, list[str]] = {}
    for one in fields.misaligned:
        names = axis_names(ranks.get(one.layer, one.axis + 1))
        axes.setdefault((one.layer, one.branches, one.by, one.at_end), []).append(names[one.axis])
    for (layer, (a, b), by, at_end), along in axes.items():
        apart = f"{by} pixel{'s' * (by > 1)}" + (f", {at_end} at the end," if at_end is not None else "")
        yield Finding(
            layer,
            "misalignment",
            "warn",
            f"{a} and {b} meet here {apart} apart along {' and '.join(along)}",
            "what is put together belongs to different places of the input; paddings or strides differ",
            "",
            _command("rf", words, "--layer", layer),
        )


def _holes(fields: ReceptiveField) -> Iterator[Finding]:
    for one in fields.holes:
        share = numbers.share(numbers.Share(one.covered, one.total))
        run = one.first if one.first == one.last else f"{one.first} to {one.last}"
        rates = " ".join(map(joined, one.rates))
        kernels, along = zip(
            *((k[0], r[0]) for k, r in zip(one.kernels, one.rates, strict=True)), strict=True
        )
        instead = command = ""
        if one.closing:
            closing = one.closing[0]
            instead = closing_text(closing, len(one.rates), one.field)
            options = []
            if set(closing.kernels) != {3}:
                alike = len(set(closing.kernels)) == 1
                options = ["--kernel", ",".join(map(str, closing.kernels[:1] if alike else closing.kernels))]
            if len(one.field) != 2:
                options += ["--rank", str(len(one.field))]
            command = " ".join(["convcalc dilation", *map(str, closing.rates), *options])
        yield Finding(
            one.last,
            "dilation",
            "warn",
            f"{run}, rates {rates}: {one.covered:,} of {one.total:,} positions are read ({share}) of a "
            f"{show(one.field)} field",
            reason(kernels, along),
            instead,
            command,
        )


# -- inputs and what is not known ------------------------------------------------------------


def _inputs(asked: Asked) -> Iterator[Finding]:
    graph, words, report, fields = asked.graph, asked.words, asked.report, asked.fields
    entries = [graph.nodes[number] for number in graph.inputs]
    unknown = {name for places in report.unknown.values() for name in places}
    if len(unknown) == len(report.layers) and [node.outputs[0] for node in entries] == [(UNKNOWN,)]:
        yield Finding(  # a print, or arrays alone
            entries[0].name, "unknown", "warn", "how its layers are joined is not known",
            "their parameters are all that is: no sizes, no MACs, no receptive field", "",
            _command("params", words),
        )  # fmt: skip
        return
    for number in graph.inputs:
        node = graph.nodes[number]
        if any(size is UNKNOWN for size in node.outputs[0]):
            letters = iter("HWDTXYZ")
            shape = "x".join(str(n) if n is not UNKNOWN else next(letters, "N") for n in node.outputs[0])
            option = shape if len(graph.inputs) == 1 else f"{node.name}={shape}"
            yield Finding(
                node.name,
                "input",
                "note",
                "the size of the input is not stated",
                "what depends on it is not known: sizes, MACs, memory",
                "" if "--input" in words else f"letters, for closed forms: --input {option}",
                "" if "--input" in words else _command("summary", words, "--input", option),
            )
    beyond = [row.name for row in fields.layers if row.adds_context is False]
    if beyond:
        best = [one for one in fields.ranges if any(n is not None for n in one.smallest)]
        used = (
            f"; inputs of {_sizes(best[0].smallest)} to {_sizes(best[0].largest)} are used fully"
            if best
            else ""
        )
        more = f", and {len(beyond) - 1} more convolutions," if len(beyond) > 1 else ""
        yield Finding(
            beyond[0],
            "input",
            "note",
            f"it{more} read what sees more than the whole input already",
            f"they add no context at this size (Richter et al. 2021){used}",
            "",
            _command("rf", words),
        )
    for name in fields.unseeing:
        yield Finding(
            name, "input", "warn", "it sees nothing of any input",
            "all that it reads is padding or was cut off", "", _command("rf", words),
        )  # fmt: skip
    for name, what in fields.decided.items():
        yield Finding(
            name, "unknown", "note", f"{what} decide what is read",
            "from here on the receptive field is not known before the network runs", "",
            _command("rf", words),
        )  # fmt: skip
    for what, places in report.unknown.items():
        for name in places:
            yield Finding(
                name, "unknown", "warn", f"{numbers.label(what)} is not known",
                "its costs are not counted, and totals are at least what is known", "",
                _command("summary", words, "--partial"),
            )  # fmt: skip


def _sizes(sizes: Any) -> str:
    return "x".join("?" if n is None or n is UNKNOWN else str(n) for n in sizes)
