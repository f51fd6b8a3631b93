"""How roles look: on a light ground (and in print), and on a dark one.

Three hues that colour-blind people tell apart (blue, bluish green and vermilion, after Okabe & Ito 2008), and
greys. Input blue, output green, kernel outlined, padding dashed, inserted zeros grey, as in Dumoulin & Visin
2016.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Theme = Literal["auto", "light", "dark"]


class Look(NamedTuple):
    """Colours of a role.

    Attributes:
        fill: of its boxes; None for nothing.
        stroke: of the outlines of its boxes; None for nothing.
        ink: of its lines, dots, areas and words.
    """

    fill: str | None
    stroke: str | None
    ink: str


def _looks(
    paper: str, text: str, muted: str, faint: str, pale: str, grey: str, blue: str, green: str, red: str,
    light_blue: str, light_green: str,
) -> dict[str, Look]:  # fmt: skip
    return {
        "paper": Look(paper, None, paper),
        "text": Look(text, None, text),
        "muted": Look(muted, None, muted),
        "inverse": Look(paper, None, paper),
        "axis": Look(None, muted, muted),
        "grid": Look(None, pale, pale),
        "input": Look(light_blue, paper, blue),
        "input hit": Look(blue, paper, blue),
        "output": Look(light_green, paper, green),
        "output hit": Look(green, paper, green),
        "kernel": Look(None, red, red),
        "weight": Look(paper, pale, text),
        "pad": Look(None, faint, faint),
        "pad hit": Look(pale, faint, faint),
        "zero": Look(pale, paper, faint),
        "zero hit": Look(grey, paper, faint),
        "hit": Look(grey, paper, text),
        "hole": Look(paper, red, red),
        "accent": Look(red, None, red),
        "warn": Look(red, None, red),
        "good": Look(green, None, green),
        "series1": Look(blue, None, blue),
        "series2": Look(green, None, green),
        "series3": Look(red, None, red),
    }


LIGHT: Final = _looks(
    paper="#ffffff", text="#1f2328", muted="#59636e", faint="#8c959f", pale="#e4e7eb", grey="#c4cad1",
    blue="#0b62a8", green="#0f6e48", red="#c2410c", light_blue="#c5def5", light_green="#c3e8d3",
)  # fmt: skip
DARK: Final = _looks(
    paper="#0d1117", text="#e6edf3", muted="#9da7b3", faint="#7d8590", pale="#2b313a", grey="#4b535d",
    blue="#79bdff", green="#56d394", red="#ff9b5e", light_blue="#1b3f63", light_green="#17432f",
)  # fmt: skip

DASHED: Final = frozenset({"pad", "pad hit"})
"""Roles whose boxes have a dashed outline."""

CROSSED: Final = frozenset({"hole"})
"""Roles whose boxes are crossed out where they are large enough: not told by colour alone."""

THIN: Final = 0.07
"""Width of the outlines of small cells, in their size."""

BOLD: Final = {"kernel": 2.5}
"""Widths of outlines that are not 1."""


def look(role: str, looks: dict[str, Look]) -> Look:
    """How a role looks.

    Raises:
        ValueError: there is no such role.
    """
    if role not in looks:
        raise ValueError(f"there is no role {role!r}; roles are {', '.join(looks)}")
    return looks[role]
