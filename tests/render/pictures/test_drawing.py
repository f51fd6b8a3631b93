"""The room of pictures: shapes by role, written as SVG and as PNG."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.calculators.answers import Unreachable
from convcalc.render.pictures import theme
from convcalc.render.pictures.drawing import NARROWEST, Drawing, text_width, wrapped
from convcalc.render.pictures.png import png
from convcalc.render.pictures.saving import save
from convcalc.render.pictures.svg import css, svg

SVG = "{http://www.w3.org/2000/svg}"


def every_role(caption: str = "All roles.") -> Drawing:
    drawing = Drawing(100, 100, "Roles", caption, "demo")
    for number, role in enumerate(theme.LIGHT):
        drawing.rect(20 * number, 0, 20, 20, role, title=role, data={"at": number})
        drawing.line([(0, 30), (50, 40 + number)], role, arrow=True, dashed=True)
        drawing.text(20, 60 + number, role, role)
    drawing.dot(5, 5, 3, "accent", title="a dot")
    drawing.area([(0, 0), (5, 5), (0, 9)], "series1")
    drawing.cells([(0, 0), (40, 0)], 20, "hole")
    drawing.legend([("input", "read"), ("pad", "padding"), ("series2", "a line")])
    return drawing


def moving(steps: int = 4) -> Drawing:
    drawing = Drawing(100, 20, "Moves", "It moves.", "demo")
    drawing.steps, drawing.still = steps, 1
    for k in range(steps):
        with drawing.frame(k):
            drawing.rect(20 * k, 0, 20, 20, "kernel")
            drawing.text(0, 40, f"step {k}")
    return drawing


def test_the_same_drawing_gives_the_same_bytes() -> None:
    assert svg(every_role()) == svg(every_role())
    assert svg(moving()) == svg(moving())


def test_png_has_the_size_of_the_svg_and_the_same_bytes() -> None:
    pytest.importorskip("matplotlib")
    found = png(every_role())
    assert found == png(every_role())
    assert found[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", found[16:24])
    root = ET.fromstring(svg(every_role()))
    assert abs(width - 2 * float(root.get("width", 0))) <= 2
    assert abs(height - 2 * float(root.get("height", 0))) <= 2


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_words_are_escaped_and_parse(title: str, words: str) -> None:
    drawing = Drawing(50, 50, title, words, words or "kind")
    drawing.rect(0, 0, 9, 9, "input", title=words, data={"at": words})
    drawing.text(0, 20, words, wrap=80)
    drawing.text(0, 20, words)
    drawing.legend([("input", words)])
    with drawing.group(words, words, {"layer": words}):
        drawing.dot(1, 1, 1, "text", title=words)
    for standalone in (True, False):
        text = svg(drawing, standalone=standalone)
        root = ET.fromstring(text)
        assert not any(ord(c) < 32 and c not in "\n" for c in text)
        names = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert names <= {"svg", "title", "desc", "style", "rect", "text", "tspan", "g", "circle"}


@given(st.text(max_size=200), st.integers(20, 400), st.sampled_from([9, 12, 14]))
def test_wrapped_lines_fit_and_no_letter_is_lost(words: str, width: int, size: int) -> None:
    from convcalc.printable import one_line, visible

    lines = wrapped(words, width, size)
    assert all(text_width(line, size) <= width or len(line) == 1 for line in lines)
    parts = [one_line(part) for part in visible(words).split("\n")]
    assert "".join("".join(lines).split()) == "".join("".join(parts).split())


def test_text_beyond_the_canvas_widens_it() -> None:
    drawing = Drawing(40, 40, "", "", "demo")
    drawing.text(30, 20, "far to the right of what was stated")
    drawing.text(10, 20, "to the left", anchor="end", rotate=-90)
    canvas = drawing.laid_out()
    for words in (shape for shape in canvas.shapes if hasattr(shape, "box")):
        left, top, right, bottom = words.box()
        assert canvas.left <= left and right <= canvas.left + canvas.width
        assert canvas.top <= top and bottom <= canvas.top + canvas.height


def test_what_is_moved_stands_where_it_was_moved_to() -> None:
    one, other = (Drawing(0, 0, "", "", "demo") for _ in range(2))
    one.rect(30, 40, 10, 10, "input")
    one.text(30, 60, "word")
    with other.moved(30, 40):
        other.rect(0, 0, 10, 10, "input")
        other.text(0, 20, "word")
    assert one.laid_out()[1:] == other.laid_out()[1:]
    assert "translate(30 40)" in svg(other)
    pytest.importorskip("matplotlib")
    assert png(one) == png(other)


def test_a_caption_of_any_length_is_wrapped() -> None:
    root = ET.fromstring(svg(every_role("word " * 400)))
    assert float(root.get("width", 0)) < NARROWEST + 300
    assert float(root.get("height", 0)) > 500


def test_every_class_that_is_used_has_its_rule_in_the_page_style() -> None:
    rules = css()
    for element in ET.fromstring(svg(every_role(), standalone=False)).iter():
        for name in element.get("class", "").split():
            assert name == "cc-picture" or f".{name} {{" in rules
    assert "<style" not in svg(every_role(), standalone=False)


def test_a_page_holds_title_and_caption_for_those_who_do_not_see() -> None:
    root = ET.fromstring(svg(every_role(), standalone=False))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Roles"
    assert root.findtext(f"{SVG}desc") == "All roles."
    assert "All roles." not in [element.text for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("looks", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_words_have_contrast(looks: dict[str, theme.Look]) -> None:
    """WCAG 2.2, success criterion 1.4.3: 4.5 to 1 for text, 1.4.11: 3 to 1 for lines."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        dark, light = sorted((luminance(one), luminance(other)))
        return (light + 0.05) / (dark + 0.05)

    paper = looks["paper"].ink
    for role in ("text", "muted"):
        assert contrast(looks[role].ink, paper) >= 4.5
    for role in ("input", "output", "zero", "pad hit", "zero hit", "hole", "hit"):
        fill = looks[role].fill
        assert fill is not None and contrast(looks["text"].ink, fill) >= 4.5, role
    for role in ("input hit", "output hit"):
        fill = looks[role].fill
        assert fill is not None and contrast(looks["inverse"].ink, fill) >= 4.5, role
        assert contrast(fill, looks[role.split()[0]].fill or paper) >= 3, role
    for role in ("kernel", "pad", "axis", "accent", "series1", "series2", "series3"):
        assert contrast(looks[role].ink, paper) >= 3, role


def test_motion_stands_still_in_print_and_for_those_who_want_less_of_it() -> None:
    text = svg(moving())
    assert text.count("animation-delay") == 4
    assert "prefers-reduced-motion: no-preference" in text and "<script" not in text
    still = svg(moving(), animated=False)
    assert "animation" not in still and "step 1" in still and "step 2" not in still


def test_an_unknown_role_is_named() -> None:
    drawing = Drawing(1, 1, "", "", "demo")
    drawing.rect(0, 0, 1, 1, "blue")
    with pytest.raises(ValueError, match="no role 'blue'; roles are paper, text"):
        svg(drawing)


def test_the_ending_decides(tmp_path) -> None:
    save(every_role(), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == svg(every_role())
    with pytest.raises(Unreachable, match=r"no picture of the kind '\.gif'"):
        save(every_role(), tmp_path / "a.gif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg"]
