"""Drawings as SVG text: colours by classes ``cc-ROLE``, light, dark or in print; motion by CSS, no script."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from convcalc.printable import one_line
from convcalc.render.pictures.drawing import (
    LEADING,
    Area,
    Cells,
    Dot,
    Drawing,
    Group,
    Image,
    Line,
    Point,
    Rect,
    Shape,
    Words,
)
from convcalc.render.pictures.theme import BOLD, CROSSED, DARK, DASHED, LIGHT, THIN, Look, Theme, look


def svg(
    drawing: Drawing,
    theme: Theme = "auto",
    standalone: bool = True,
    *,
    animated: bool = True,
) -> str:
    """A drawing as SVG text; the same drawing gives the same text.

    Args:
        drawing: what to write.
        theme: ``auto`` is dark where the reader's screen is; print is always on white.
        standalone: a picture of its own, with its colours, a ground, title and caption. Otherwise it is for a
            page that has :func:`css` once, a ground and a caption of its own; title and caption are still
            there for those who do not see it.
        animated: let it move where it has steps; those who want less motion see one step.
    """
    canvas = drawing.laid_out(captioned=standalone)
    moves = animated and drawing.steps > 1
    writer = _Writer(drawing, moves)
    body = [line for shape in canvas.shapes for line in writer.shape(shape)]
    box = " ".join(map(_n, (canvas.left, canvas.top, canvas.width, canvas.height)))
    size = f'width="{_n(canvas.width)}" height="{_n(canvas.height)}"'
    style = css(theme, writer.used) if standalone else ""
    if moves:
        style += writer.motion()
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" {size} role="img" class="cc-picture" '
            f"data-kind={quoteattr(_plain(drawing.kind))}>",
            f"<title>{_escaped(drawing.title or drawing.caption)}</title>",
            *([f"<desc>{_escaped(drawing.caption)}</desc>"] if drawing.caption else []),
            *([f"<style>\n{style}</style>"] if style else []),
            *([_paper(canvas.left, canvas.top, canvas.width, canvas.height)] if standalone else []),
            *body,
            "</svg>",
            "",
        ]
    )


def css(theme: Theme = "auto", used: Iterable[str] | None = None) -> str:
    """The colours as style sheet text, for a page once.

    Args:
        theme: ``auto`` follows the reader's screen, and ``data-theme="light"`` or ``"dark"`` of an element
            around the picture.
        used: classes to write alone, as the elements have them; all when not given.
    """
    chosen = None if used is None else {*used, "cc-paper"}
    base = DARK if theme == "dark" else LIGHT
    parts = [_FIXED, *_rules(base, chosen, "{}")]
    if theme == "auto":
        parts += ["@media (prefers-color-scheme: dark) {", *_rules(DARK, chosen, "{}"), "}"]
        if used is None:
            parts += _rules(LIGHT, chosen, '[data-theme="light"] {}')
            parts += _rules(DARK, chosen, '[data-theme="dark"] {}')
    if theme != "light":
        pattern = "{0}, [data-theme] {0}" if used is None else "{0}"
        parts += ["@media print {", *_rules(LIGHT, chosen, pattern), "}"]
    return "\n".join(parts) + "\n"


_FIXED: Final = ".cc-picture text { font-family: sans-serif; font-variant-numeric: tabular-nums }"


def _rules(looks: Mapping[str, Look], chosen: set[str] | None, pattern: str) -> Iterator[str]:
    """One rule for boxes of a role, one for its lines, one for its words, as far as they are used."""
    for role, (fill, stroke, ink) in looks.items():
        name = role.replace(" ", "-")
        dash = "; stroke-dasharray: 2.5 2" if role in DASHED else ""
        width = f"; stroke-width: {BOLD[role]}" if role in BOLD else ""
        rules = {
            f"cc-{name}": f"fill: {fill or 'none'}; stroke: {stroke or 'none'}{width}{dash}",
            f"cc-line-{name}": f"fill: none; stroke: {ink}",
            f"cc-ink-{name}": f"fill: {ink}",
        }
        for rule, what in rules.items():
            if chosen is None or rule in chosen:
                yield f"{pattern.format('.' + rule)} {{ {what} }}"


class _Writer:
    """Writes shapes, and remembers which classes and motions they took."""

    def __init__(self, drawing: Drawing, moves: bool) -> None:
        self.steps, self.still, self.seconds = drawing.steps, drawing.still, drawing.seconds
        self.moves = moves
        self.used: dict[str, None] = {}

    @property
    def step_name(self) -> str:
        """The class of a step: pictures of one page share it where they have as many, as long."""
        return f"cc-f{self.steps}-{round(1000 * self.seconds)}"

    def named(self, role: str, prefix: str = "") -> str:
        """The class of a role: ``cc-input-hit``, ``cc-line-axis``."""
        look(role, LIGHT)
        name = f"cc-{prefix}{role.replace(' ', '-')}"
        self.used[name] = None
        return f'class="{name}"'

    def shape(self, shape: Shape) -> Iterator[str]:
        """The elements of a shape."""
        if isinstance(shape, Rect):
            shade = "" if shape.shade == 1 else f' fill-opacity="{_n(shape.shade)}"'
            at = f'x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" height="{_n(shape.height)}"'
            rect = f"<rect {self.named(shape.role)} {at}{shade}{_attributes(shape.data)}"
            yield f"{rect}><title>{_escaped(shape.title)}</title></rect>" if shape.title else f"{rect}/>"
            if shape.role in CROSSED:
                cross = [(shape.x, shape.y, shape.width, shape.height)]
                yield from self._crosses(shape.role, cross)
        elif isinstance(shape, Cells):
            n = _n(shape.size)
            outline = "".join(f"M{_n(x)} {_n(y)}h{n}v{n}h-{n}z" for x, y in shape.corners)
            shade = "" if shape.shade == 1 else f' fill-opacity="{_n(shape.shade)}"'
            thin = f' stroke-width="{_n(shape.size * THIN)}"' if shape.size * THIN < 1 else ""
            yield f'<path {self.named(shape.role)}{shade}{thin} d="{outline}"/>'
            if shape.role in CROSSED:
                yield from self._crosses(
                    shape.role, [(x, y, shape.size, shape.size) for x, y in shape.corners]
                )
        elif isinstance(shape, Line):
            yield from self._line(shape)
        elif isinstance(shape, Area):
            yield f'<path {self.named(shape.role, "ink-")} fill-opacity="0.25" d="{way(shape.points)}z"/>'
        elif isinstance(shape, Dot):
            dot = f'<circle {self.named(shape.role, "ink-")} cx="{_n(shape.x)}" cy="{_n(shape.y)}" '
            dot += f'r="{_n(shape.radius)}"'
            yield f"{dot}><title>{_escaped(shape.title)}</title></circle>" if shape.title else f"{dot}/>"
        elif isinstance(shape, Words):
            yield self._words(shape)
        elif isinstance(shape, Image):
            at = f'x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" height="{_n(shape.height)}"'
            data = b64encode(shape.png).decode()
            yield (
                f'<image {at} preserveAspectRatio="none" style="image-rendering: pixelated" '
                f'href="data:image/png;base64,{data}"/>'
            )
        else:
            yield from self._group(shape)

    def _crosses(self, role: str, boxes: Sequence[tuple[float, float, float, float]]) -> Iterator[str]:
        strokes = [
            f"M{_n(x + w * 0.3)} {_n(y + h * 0.3)}l{_n(w * 0.4)} {_n(h * 0.4)}"
            f"m0 -{_n(h * 0.4)}l-{_n(w * 0.4)} {_n(h * 0.4)}"
            for x, y, w, h in boxes
            if min(w, h) >= 6
        ]
        if strokes:
            yield f'<path {self.named(role, "line-")} d="{"".join(strokes)}"/>'

    def _line(self, line: Line) -> Iterator[str]:
        dash = ' stroke-dasharray="5 3"' if line.dashed else ""
        name = self.named(line.role, "line-")
        yield f'<path {name} stroke-width="{_n(line.width)}"{dash} d="{way(line.points)}"/>'
        if line.arrow:
            head = way(arrow_head(line.points))
            yield f'<path {name} stroke-width="{_n(line.width)}" d="{head}"/>'

    def _words(self, words: Words) -> str:
        anchor = "" if words.anchor == "start" else f' text-anchor="{words.anchor}"'
        bold = ' font-weight="bold"' if words.bold else ""
        turned = (
            f' transform="rotate({_n(words.rotate)} {_n(words.x)} {_n(words.y)})"' if words.rotate else ""
        )
        start = f'<text {self.named(words.role, "ink-")} x="{_n(words.x)}" y="{_n(words.y)}" '
        start += f'font-size="{_n(words.size)}"{anchor}{bold}{turned}>'
        if len(words.lines) == 1:
            return f"{start}{_escaped(words.lines[0])}</text>"
        x, first = _n(words.x), True
        lines = []
        for line in words.lines:
            down = "" if first else f' dy="{_n(LEADING * words.size)}"'
            lines.append(f'<tspan x="{x}"{down}>{_escaped(line)}</tspan>')
            first = False
        return f"{start}{''.join(lines)}</text>"

    def _group(self, group: Group) -> Iterator[str]:
        if group.frame is not None and not self.moves and group.frame != self.still:
            return
        start, names = "", group.classes.split()
        if group.frame is not None and self.moves:
            names += [self.step_name, *(["cc-still"] if group.frame == self.still else [])]
            delay = (group.frame - self.steps) * self.seconds
            start += f' style="animation-delay: {_n(delay)}s"'
        if group.at != (0, 0):
            start += f' transform="translate({_n(group.at[0])} {_n(group.at[1])})"'
        if group.name:
            start += f" id={quoteattr(_plain(group.name))}"
        if names:
            start += f" class={quoteattr(_plain(' '.join(names)))}"
        yield f"<g{start}{_attributes(group.data)}>"
        for shape in group.shapes:
            yield from self.shape(shape)
        yield "</g>"

    def motion(self) -> str:
        """The steps as keyframes; only where the reader has nothing against motion, and not in print."""
        name, whole = self.step_name, _n(self.steps * self.seconds)
        share = f"{100 / self.steps:.4f}%"
        parts = [
            f"g.{name} {{ visibility: hidden }} g.{name}.cc-still {{ visibility: visible }}",
            f"@keyframes {name} {{ 0% {{ visibility: visible }} {share}, 100% {{ visibility: hidden }} }}",
            "@media screen and (prefers-reduced-motion: no-preference) {",
            f"g.{name} {{ animation: {name} {whole}s step-end infinite }}",
        ]
        parts.append(f"svg:hover > g.{name} {{ animation-play-state: paused }}\n}}")
        return "\n".join(parts) + "\n"


def way(points: Sequence[Point]) -> str:
    """The way through points as a path says it: across and up by one number each, as steps of a chart go."""
    parts: list[str] = []
    last = ("", "")
    for x, y in ((_n(x), _n(y)) for x, y in points):
        if not parts:
            parts.append(f"M{x} {y}")
        elif y == last[1]:
            parts.append(f"H{x}")
        elif x == last[0]:
            parts.append(f"V{y}")
        else:
            parts.append(f"L{x} {y}")
        last = x, y
    return "".join(parts)


def arrow_head(points: Sequence[Point]) -> list[Point]:
    """The two barbs at the end of a line, and its end between them."""
    (x0, y0), (x1, y1) = points[-2:]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    return [
        (x1 - 6 * dx - 4 * dy, y1 - 6 * dy + 4 * dx),
        (x1, y1),
        (x1 - 6 * dx + 4 * dy, y1 - 6 * dy - 4 * dx),
    ]


def _paper(x: float, y: float, width: float, height: float) -> str:
    at = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    return f'<rect class="cc-paper" {at}/>'


def _n(value: float) -> str:
    """A number with two decimals at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _attributes(data: Mapping[str, str]) -> str:
    return "".join(f" data-{key}={quoteattr(_plain(value))}" for key, value in data.items())


_NO_XML: Final = re.compile("[\ufffe\uffff]")


def _plain(words: str) -> str:
    r"""Without what XML cannot hold: it is written out, as ``\x00``."""
    return _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", one_line(words))


def _escaped(words: str) -> str:
    return escape(_plain(words))
