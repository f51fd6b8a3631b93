"""Paths from each pixel of the field of a dilated run: the holes of gridding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.layers.values import show
from convcalc.printable import one_line
from convcalc.render.pictures import maps

if TYPE_CHECKING:
    from convcalc.render.pictures.drawing import Drawing
    from convcalc.solve.dilation import DilationJudgement


def paths(judged: DilationJudgement, label: str) -> Drawing:
    """The field of dilated layers, every pixel by the number of its paths to the output.

    Args:
        judged: what :func:`convcalc.judge_dilations` found.
        label: what the layers are called.

    Raises:
        Unreachable: the field is too large.
    """
    noun = "pixels" if len(judged.field) > 1 else "positions"
    holes = judged.total - judged.covered
    caption = (
        f"Paths from each of the {show(judged.field)} {noun} of the field to one output ({one_line(label)}), "
        f"by execution: {judged.covered:,} of {judged.total:,} are read"
    )
    caption += f", {holes:,} are holes (gridding, Wang et al. 2018)." if holes else "; there are no holes."
    return maps.counts(judged.counts, one_line(label), "paths", caption, "gridding")
