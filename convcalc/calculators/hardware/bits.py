"""Bits of weights and activations, and the share of weights that are zero, of all layers or of some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from convcalc.calculators.answers import Unreachable, did_you_mean
from convcalc.calculators.count.memory import itemsize
from convcalc.dims import Dim, ceil_div
from convcalc.graph import Edge, Graph
from convcalc.spec.document.keys import BITS, BITS_EXPECTED

MOST: Final = 64
"""Most bits of a number."""
EVERY: Final = "*"
"""Stands for every layer."""


class Bits(NamedTuple):
    """Bits of the numbers that a layer works with.

    Attributes:
        weights: of what it multiplies by.
        activations: of what it reads.
        others: of its other parameters and buffers: biases, and the numbers of norms.
    """

    weights: int
    activations: int
    others: int

    def __str__(self) -> str:
        text = f"w{self.weights}a{self.activations}"
        return text if self.others == self.weights else f"{text}b{self.others}"


def bits(text: str) -> Bits:
    """Bits of their text, such as ``w4a8`` or ``w8a8b32``.

    Raises:
        Unreachable: it says none.
    """
    match = BITS.match(text.strip())
    sizes = [int(part) for part in match.groups() if part is not None] if match else []
    if not sizes or not all(1 <= size <= MOST for size in sizes):
        raise Unreachable(f"{text!r} states no bits", expected=BITS_EXPECTED, field="bits")
    return Bits(sizes[0], sizes[1], sizes[-1] if len(sizes) > 2 else sizes[0])


def fraction(text: str | float | Fraction) -> Fraction:
    """The share of weights that are zero: ``50%``, ``0.5`` or ``1/2``.

    Raises:
        Unreachable: it is no share from 0 to less than 1.
    """
    written = str(text).strip()
    try:
        if len(written) > 20 or "e" in written.lower():
            raise ValueError
        share = Fraction(written[:-1]) / 100 if written.endswith("%") else Fraction(written)
        if not 0 <= share < 1:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise Unreachable(
            f"{written!r} is no share of zeros",
            expected="a share from 0 to less than 1, such as 50% or 0.5",
            field="sparsity",
        ) from None
    return share


Stated = str | Sequence[str] | Mapping[str, str] | None
"""One value for all layers, or several with the names of those that they are for: ``w8a8``,
``["w8a8", "stem.*=w8a16"]``, ``{"*": "w8a8", "stem.*": "w8a16"}``."""


def stated(given: Stated) -> list[tuple[str, str]]:
    """Pairs of the names of layers and a text, in order."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [(str(name), str(text)) for name, text in given.items()]
    texts = [given] if isinstance(given, (str, float, int, Fraction)) else given
    found = []
    for text in map(str, texts):
        name, equals, value = text.rpartition("=")
        found.append((name.strip() if equals else EVERY, value.strip()))
    return found


def matching(graph: Graph, pattern: str, option: str) -> list[int]:
    """Numbers of the layers that a name, the name of a block, or a pattern means.

    Raises:
        Unreachable: nothing is called so.
    """
    if pattern == EVERY:
        return list(range(len(graph.nodes)))
    from fnmatch import fnmatchcase

    found = [
        number
        for number, node in enumerate(graph.nodes)
        if node.name == pattern or node.name.startswith(f"{pattern}.") or fnmatchcase(node.name, pattern)
    ]
    if not found:
        raise Unreachable(
            f"{option}: there is no layer {pattern!r}{did_you_mean(pattern, [n.name for n in graph.nodes])}",
            expected="the name of a layer or of a block, or a pattern such as 'stem.*'",
            field=option,
        )
    return found


def layer_bits(graph: Graph, dtype: str, given: Iterable[tuple[str, str]]) -> list[Bits]:
    """Bits of every node: those that are stated last, and where nothing is, those of the number type."""
    whole = 8 * itemsize(dtype)
    found = [Bits(whole, whole, whole)] * len(graph.nodes)
    for pattern, text in given:
        one = bits(text)
        for number in matching(graph, pattern, "bits"):
            found[number] = one
    return found


def layer_sparsity(graph: Graph, given: Iterable[tuple[str, str]]) -> list[Fraction]:
    """The share of zeros among the weights of every node; none where nothing is stated."""
    found = [Fraction(0)] * len(graph.nodes)
    for pattern, text in given:
        share = fraction(text)
        for number in matching(graph, pattern, "sparsity"):
            found[number] = share
    return found


def tensor_bits(graph: Graph, layers: Sequence[Bits]) -> dict[Edge, int]:
    """Bits in which every tensor is stored: the most that any of its readers works with.

    A view reads what its own readers do; what nobody reads has the bits of the layer that writes it.
    """
    found: dict[Edge, int] = {}
    for number in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[number]
        own = [Edge(number, output) for output in range(len(node.outputs))]
        for edge in own:
            if edge not in found:
                found[edge] = layers[number].activations
        asked = max(found[edge] for edge in own) if node.layer.view else layers[number].activations
        for edge in node.inputs:
            found[edge] = max(found.get(edge, 0), asked)
    for edge in graph.outputs:
        found[edge] = max(found[edge], layers[edge.node].activations)
    return found


def bytes_of(count: Dim, bits: int) -> Dim:
    """Bytes of so many numbers side by side; the last byte may be part full."""
    return count * (bits // 8) if bits % 8 == 0 else ceil_div(count * bits, 8)
