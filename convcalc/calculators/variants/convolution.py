"""Every way to replace one convolution at the same shapes, with what each costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from convcalc.budget import question
from convcalc.calculators.answers import did_you_mean
from convcalc.calculators.compare.measures import MEASURES, ratio, read
from convcalc.calculators.count.report import Report, analyze
from convcalc.calculators.receptive_field.output import OutputField, field_of
from convcalc.calculators.variants import upsampling
from convcalc.calculators.variants.forms import forms
from convcalc.calculators.variants.target import Form, Target, sides
from convcalc.dims import Shape
from convcalc.exporters.text import format_layer
from convcalc.graph import Graph, Node, Spec, as_graph
from convcalc.layers.base import Layer
from convcalc.layers.values import joined, show
from convcalc.layers.windows.conv import Conv, DepthwiseConv
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.records import Record, record
from convcalc.shown import Shown
from convcalc.spec.errors import SpecError

REPLACEABLE: Final[dict[type[Layer], tuple[str, str]]] = {
    Conv: ("standard", "LeCun et al. 1989"),
    DepthwiseConv: ("depthwise", "Sifre 2014; Howard et al. 2017, MobileNets"),
    ConvTranspose: ("transposed", "Zeiler et al. 2010; Dumoulin & Visin 2016"),
}
"""What can be replaced, what the table calls it and where it comes from."""


@dataclass(frozen=True)
class Variant(Record):
    """One replacement and its cost.

    Attributes:
        name: what it is called.
        spec: the replacement in the spec language; it loads at the input of :class:`Variants`.
        source: where it was proposed.
        note: what a reader must know; may be empty.
        report: its counts.
        field: what an output of it sees.
        params_ratio: its parameters over those of the layer that is replaced; a Fraction.
        macs_ratio: the same of its MACs.
    """

    name: str
    spec: str
    source: str
    note: str
    report: Report
    field: OutputField | None
    params_ratio: Any
    macs_ratio: Any

    KEYS = f"name spec {' '.join(MEASURES)} params_ratio macs_ratio receptive_field=field source note"

    def to_dict(self) -> dict[str, Any]:
        """The variant as JSON holds it."""
        ratios = (None if ratio is None else float(ratio) for ratio in (self.params_ratio, self.macs_ratio))
        counts = {key: read(self.report, key) for key in MEASURES}
        return record(self, **counts, **dict(zip(("params_ratio", "macs_ratio"), ratios, strict=True)))


@dataclass(frozen=True, repr=False)
class Variants(Record, Shown):
    """Replacements of one layer.

    Attributes:
        layer: the layer in the spec language.
        input: shape that arrives.
        output: shape that leaves each of them.
        rows: the layer itself, then every replacement.
    """

    KEYS = "layer input output variants=rows"

    layer: str
    input: Shape
    output: Shape
    rows: tuple[Variant, ...]


@question
def variants(
    graph: Spec,
    *,
    layer: str | None = None,
    expand: int = 6,
    reduce: int = 4,
    batch: int = 1,
    dtype: str = "float32",
    input: Any = None,
    set: Any = None,
) -> Variants:
    """Every published way to replace a convolution at the same shapes, with what it costs.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        layer: name of the convolution; not needed where there is only one.
        expand: width of the inverted residual, in multiples of the input channels.
        reduce: what the bottleneck and the low rank divide the channels by.
        batch: samples in one pass.
        dtype: element type for the byte counts.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        ValueError: no such layer, or not one convolution; a size is missing or a symbol.
        SpecError: the spec cannot be read.
    """
    for name, value in (("expand", expand), ("reduce", reduce)):
        if type(value) is not int or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value}")
    graph = as_graph(graph, input=input, set=set)
    node = _node(graph, layer)
    arrives, leaves = graph.input_shapes(node)[0], node.outputs[0]
    target = _target(node, arrives, leaves, expand, reduce)
    given = format_layer(node.layer)
    own, source = REPLACEABLE[type(node.layer)]
    if type(node.layer) is Conv and target.groups > 1:
        own, source = f"grouped, {target.groups} groups", "Krizhevsky et al. 2012, AlexNet"
    found = [Form(f"{own} (given)", given, source)]
    found += _forms(node.layer, target)
    rows: list[Variant] = []
    first: Report | None = None
    for form in found:
        made = _load(form.spec, arrives)
        if made is None or made.shape(made.outputs[0]) != leaves:
            continue
        report = analyze(made, batch=batch, dtype=dtype)
        first = first or report
        rows.append(
            Variant(
                form.name,
                form.spec,
                form.source,
                form.note,
                report,
                field_of(made),
                ratio(report.totals.params, first.totals.params),
                ratio(report.totals.macs, first.totals.macs),
            )
        )
    return Variants(given, arrives, leaves, tuple(rows))


def _forms(layer: Layer, target: Target) -> Iterator[Form]:
    if isinstance(layer, ConvTranspose):
        return upsampling.forms(target, _up_options(layer))
    return forms(target)


def _node(graph: Graph, name: str | None) -> Node:
    found = [node for node in graph.nodes if type(node.layer) in REPLACEABLE]
    if name is not None:
        try:
            node = graph.nodes[graph.find(name).node]
        except LookupError:
            hint = did_you_mean(name, (node.name for node in found))
            raise ValueError(f"no convolution named {name!r}{hint}") from None
        if type(node.layer) in REPLACEABLE:
            return node
        within = [other.name for other in found if other.name.startswith(f"{name}.")]
        hint = f"; did you mean {within[-1]}?" if within else ""
        raise ValueError(f"{node.name} is no convolution but {node.op}{hint}")
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValueError("the spec has no convolution to replace")
    raise ValueError(
        f"the spec has {len(found)} convolutions: name one of them as the layer, such as {found[0].name}"
    )


def _target(node: Node, arrives: Shape, leaves: Shape, expand: int, reduce: int) -> Target:
    if not all(type(size) is int for size in (*arrives, *leaves)):
        like = [256 if type(arrives[0]) is not int else arrives[0], *(56 for _ in arrives[1:])]
        raise ValueError(
            f"variants need every size as a number, got {show(arrives)}: state the input, "
            f"such as {show(like)}"
        )
    layer: Any = node.layer
    if layer.arriving is not None:
        raise ValueError(f"the weight of {node.name} arrives: variants are of layers that own theirs")
    if not all(type(n) is int for n in (*layer.kernel, *layer.stride, *layer.dilation, layer.groups)):
        raise ValueError("variants need kernel, stride, dilation and groups as numbers")
    crops = isinstance(layer, ConvTranspose)
    pads = tuple((b, a) for b, a, _ in layer.crops()) if crops else layer.pads(arrives)
    return Target(
        arrives[0],
        leaves[0],
        arrives[1:],
        leaves[1:],
        tuple(layer.kernel),
        tuple(layer.stride),
        tuple(layer.dilation),
        pads,
        layer.groups,
        layer.bias,
        getattr(layer, "padding_mode", "zeros"),
        expand,
        reduce,
    )


def _up_options(layer: ConvTranspose) -> str:
    """Kernel, stride, crop, output padding and dilation of a transposed convolution, in numbers."""
    crops = layer.crops()
    words = [f"k{joined(layer.kernel)}", f"s{joined(layer.stride)}"]
    words.append(f"p{sides(tuple((b, a) for b, a, _ in crops))}")
    words.append(f"op{joined(tuple(extra for *_, extra in crops))}")
    words.append(f"d{joined(layer.dilation)}")
    defaults = {"s1", "p0", "op0", "d1"}
    return " ".join(word for word in words if word not in defaults)


def _load(spec: str, shape: Shape) -> Graph | None:
    """The graph of a form; None where it does not fit (padding that reflects more than there is)."""
    from convcalc.spec import load

    try:
        return load(spec, input=shape)
    except SpecError:
        return None
