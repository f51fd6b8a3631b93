"""What Python code calls: the counts of a graph, as something that shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from convcalc.calculators.count import report as _calculators

if TYPE_CHECKING:
    from rich.console import RenderableType

    from convcalc.calculators.count.report import LayerReport
    from convcalc.calculators.receptive_field.graph import ReceptiveField
    from convcalc.calculators.receptive_field.rows import LayerField
    from convcalc.graph import Graph
    from convcalc.render.table import Table


class Report(_calculators.Report):
    """Every count of a graph; see :class:`convcalc.calculators.count.report.Report` for its numbers.

    It shows as a table in a terminal (``rich.print(report)``) and in a notebook.
    """

    def table(
        self,
        view: str = "summary",
        *,
        exact: bool = False,
        rows: Sequence[LayerReport] | None = None,
        notation: str = "plain",
    ) -> Table:
        """One of the tables that the command line prints.

        Args:
            view: ``summary``, ``params``, ``flops``, ``shapes`` or ``memory``.
            exact: every digit instead of human units.
            rows: what :meth:`fold` gave; every layer by default.
            notation: how closed forms are written: ``plain``, ``unicode`` or ``latex``.

        Raises:
            ValueError: there is no such view, or no such notation.
        """
        from convcalc.render.views import report

        if view not in report.VIEWS:
            raise ValueError(f"no view {view!r}: expected one of {', '.join(report.VIEWS)}")
        return report.table(self, view, exact=exact, rows=rows, notation=notation)

    def __str__(self) -> str:
        from convcalc.render import text

        return text.render(self.table())

    def __rich__(self) -> RenderableType:
        from convcalc.render.terminal import Fitted

        return Fitted(self.table())

    def _repr_html_(self) -> str:
        from convcalc.render import html

        return html.render(self.table())


def analyze(graph: Graph, *, batch: int = 1, dtype: str = "float32") -> Report:
    """Count parameters, buffers, MACs, operations, FLOPs, activations and memory of every layer.

    Args:
        graph: what :func:`convcalc.load` gave.
        batch: samples in one pass; all counts but parameters and buffers scale with it.
        dtype: ``float64``, ``float32``, ``float16``, ``bfloat16`` or ``int8``, for counts of bytes.

    Raises:
        ValueError: the batch is not positive, or the dtype is unknown.
    """
    report: Any = _calculators.analyze(graph, batch=batch, dtype=dtype, cls=Report)
    assert isinstance(report, Report)
    return report


def receptive_field(graph: Graph, *, start: str | None = None) -> ReceptiveField:
    """What every layer of a graph sees: size, effective stride, effective padding, centre.

    In the convention of Araujo, Norris & Sim 2019: along an axis, output ``i`` sees
    ``[i*S - P, i*S - P + R - 1]``, in input pixels, padding included, as if the input had no end.
    ``S`` is a fraction where transposed convolutions or resizing make it one; where the size
    depends on the phase of ``i``, the smallest, the largest and the period are given.

    The result shows as a table in a terminal (``rich.print(fields)``) and in a notebook.

    Args:
        graph: what :func:`convcalc.load` gave. Sizes may be unknown or symbols; what depends on
            them is unknown then, or a closed form.
        start: layer whose output counts as the input; the inputs of the graph when not given.

    Raises:
        Unreachable: there is no layer ``start``.
    """
    from convcalc.calculators.receptive_field.graph import receptive_field

    return receptive_field(graph, start=start, cls=_shown_fields())


@cache
def _shown_fields() -> type[ReceptiveField]:
    """The class with its table, made when it is first needed: the counting commands do not load it."""
    from convcalc.calculators.receptive_field import graph as fields

    class ReceptiveField(fields.ReceptiveField):
        __doc__ = fields.ReceptiveField.__doc__

        def table(self, rows: Sequence[LayerField] | None = None) -> Table:
            from convcalc.render.views.receptive_field import fields_table

            return fields_table(self, rows)

        __str__ = Report.__str__
        __rich__ = Report.__rich__
        _repr_html_ = Report._repr_html_

    return ReceptiveField
