"""Why one convolution costs what it costs against others that do its work: the ratio as a sum of parts."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, Final, NamedTuple

from convcalc.calculators.count.report import Report
from convcalc.dims import symbol
from convcalc.graph import Graph
from convcalc.layers.windows.conv import Conv
from convcalc.records import Record, record

MOST: Final = 6
"""Layers whose parts are still read as a sum."""


class Part(NamedTuple):
    """One layer of the form that stands for a convolution.

    Attributes:
        layer: its name.
        ratio: its MACs for one MAC of the convolution.
    """

    layer: str
    ratio: Fraction


@dataclass(frozen=True)
class Reason(Record):
    """The MACs of a standard convolution and of another form of it, as an exact sum.

    Attributes:
        form: ``separable``, ``grouped`` or ``factored``.
        parts: of the other form, layer by layer; their sum is the ratio.
        formula: the sum in letters (a closed form); None where the parts are those of no known form.
        letters: the letters of the formula with their numbers.
        inverted: whether the standard convolution is the one that is compared, not the baseline.
    """

    KEYS = "form parts ratio formula letters inverted"

    form: str
    parts: tuple[Part, ...]
    formula: Any
    letters: dict[str, int]
    inverted: bool = False

    @property
    def ratio(self) -> Fraction:
        """MACs of the other form for one of the convolution."""
        return sum((part.ratio for part in self.parts), Fraction(0))

    def to_dict(self) -> dict[str, Any]:
        """The reason as JSON holds it; fractions as text."""
        parts = [{"layer": part.layer, "ratio": str(part.ratio)} for part in self.parts]
        return record(
            self,
            parts=parts,
            ratio=str(self.ratio),
            formula=None if self.formula is None else str(self.formula),
        )


def reason(base: Report, other: Report) -> Reason | None:
    """Why ``other`` has the MACs it has for those of ``base``.

    One of them must be a standard convolution (one layer with MACs, and it has no groups), the other one
    convolutions in a line with the same input and output. Layers without MACs may stand in both. None where
    that is not so, or where sizes are not numbers.
    """
    for whole, form, inverted in ((base, other, False), (other, base, True)):
        found = _parts(whole, form)
        if found is not None:
            parts, layer, layers = found
            kind, formula, letters = _form(layer, layers)
            return Reason(kind, parts, formula, letters, inverted)
    return None


def _parts(whole: Report, form: Report) -> tuple[tuple[Part, ...], Conv, list[Conv]] | None:
    standard, layers = _convolutions(whole), _convolutions(form)
    if standard is None or layers is None or len(standard) != 1 or len(layers) > MOST:
        return None
    ((_, layer, macs),) = standard
    if layer.groups != 1 or any(_ends(whole)[n] != _ends(form)[n] for n in (0, 1)):
        return None
    if len(layers) == 1 and (layers[0][1].groups == 1 or not _alike(layer, layers[0][1])):
        return None  # a convolution with another window is no form of it
    if not _straight(form.graph):
        return None
    parts = tuple(Part(name, Fraction(count, macs)) for name, _, count in layers)
    return parts, layer, [one for _, one, _ in layers]


def _convolutions(report: Report) -> list[tuple[str, Conv, int]] | None:
    """Name, layer and MACs of what has MACs; None where that is no convolution, or not known."""
    found = []
    for row in report.layers:
        if row.node is None or row.node.layer.opaque or type(row.macs) is not int:
            return None
        if not row.node.layer.has_macs:
            continue
        if not isinstance(row.node.layer, Conv) or not row.macs:
            return None
        found.append((row.name, row.node.layer, row.macs))
    return found or None


def _straight(graph: Graph) -> bool:
    """Whether every layer reads the one before it, and nothing else."""
    return all(
        [edge.node for edge in node.inputs] == [number - 1]
        for number, node in enumerate(graph.nodes)
        if number not in graph.inputs
    )


def _ends(report: Report) -> tuple[Any, Any]:
    graph = report.graph
    entered = tuple(graph.nodes[number].outputs[0] for number in graph.inputs)
    return entered, tuple(graph.shape(edge) for edge in graph.outputs)


def _form(layer: Conv, layers: list[Conv]) -> tuple[str, Any, dict[str, int]]:
    """What the form is called, and its sum in letters where it is a known one."""
    first, taps = layers[0], prod(layer.kernel)
    if len(layers) == 1:
        return "grouped", 1 / symbol("G"), {"G": first.groups}
    separable = (
        len(layers) == 2
        and first.groups == first.in_channels == first.out_channels == layer.in_channels
        and _window(first) == _window(layer)
        and layers[1].groups == 1
        and set(layers[1].kernel) == set(layers[1].stride) == {1}
        and layers[1].out_channels == layer.out_channels
    )
    if not separable or taps == 1:
        return "factored", None, {}
    letters = {"N": layer.out_channels}
    if len(set(layer.kernel)) == 1:
        letters |= {"K": layer.kernel[0]}
        return "separable", 1 / symbol("N") + 1 / symbol("K") ** len(layer.kernel), letters
    names = [f"K_{mark}" for mark in "thw"[3 - len(layer.kernel) :]]
    letters |= dict(zip(names, layer.kernel, strict=True))
    return "separable", 1 / symbol("N") + 1 / prod(map(symbol, names)), letters


def _alike(layer: Conv, grouped: Conv) -> bool:
    """Whether they are the same but for groups."""
    channels = (layer.in_channels, layer.out_channels) == (grouped.in_channels, grouped.out_channels)
    return channels and _window(layer) == _window(grouped)


def _window(layer: Conv) -> tuple[Any, ...]:
    return layer.kernel, layer.stride, layer.dilation
