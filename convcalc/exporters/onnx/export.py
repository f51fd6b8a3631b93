"""``export(graph)``: an ONNX model with the same names, layers and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convcalc.exporters.errors import ExportError
from convcalc.graph import Graph

if TYPE_CHECKING:
    from convcalc.exporters.onnx.outside import Outside


def to_onnx(graph: Graph, weights: Mapping[str, Any]) -> Any:
    """A graph as an ONNX model (a ``ModelProto``); :func:`written` tells the arrays beside it too."""
    return written(graph, weights)[0]


def written(graph: Graph, weights: Mapping[str, Any]) -> tuple[Any, Outside]:
    """A graph as an ONNX model, and the arrays beside it: of a model above 2 GB, which no file itself holds.

    The batch of its inputs is free. Layers that ONNX has an operator for are that operator; any other is a
    function of the model, in the domain ``convcalc``, named after the layer, with a body of ONNX's operators.

    Args:
        graph: the graph; all of its sizes are numbers.
        weights: every array by its name (``<node>.weight``), as :func:`convcalc.init_weights` makes them.

    Raises:
        ExportError: the ``onnx`` package is missing, a layer has no form in ONNX, or a size is no number.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ExportError("the onnx package is not installed", "pip install 'convcalc[onnx]'") from None
    from convcalc.exporters.onnx.forms import FORMS
    from convcalc.exporters.onnx.writer import Writer

    for node in graph.nodes:
        for shape in node.outputs:
            if not all(type(size) is int for size in shape):
                raise ExportError(
                    f"{node.name} has a size that is no number", "--input with a number for every size"
                )
    writer = Writer(graph, weights, FORMS)
    return writer.write(), writer.outside
