"""The live page as a person uses it, in Chromium: typing, sliding, comparing, sharing, downloading."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

import convcalc
from tests.page.hostile import TEXTS
from tests.page.live_server import Server, running

pytestmark = pytest.mark.browser

SPEC, INPUT, REPORT = "#spec-0", "#input", "#report"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture
def live(server: Server, tab: Callable[..., Any]) -> Callable[..., Any]:
    """Open the live page with a state in its address."""

    def opened(state: list[tuple[str, str]] | None = None, **options: Any) -> Any:
        page = tab(**options)
        page.goto(server.url + (f"#{urlencode(state)}" if state else ""))
        settled(page)
        return page

    return opened


def until(page: Any, condition: str, seconds: float = 20) -> None:
    """Wait until an expression holds; the page's policy forbids the way of Playwright itself, an eval."""
    for _ in range(int(seconds * 20)):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"it did not come to pass: {condition}")


def settled(page: Any) -> None:
    """Until what was typed is answered."""
    page.wait_for_timeout(50)  # a slider asks for the text first
    until(page, "document.querySelector('#report').getAttribute('aria-busy') !== 'true'", 40)


def shown(number: int) -> str:
    """A number as people read it."""
    return f"{number:,}" if number < 10_000 else f"{number / 1000:.2f} K"


def write(page: Any, text: str, shape: str | None = None) -> None:
    if shape is not None:
        page.fill(INPUT, shape)
    page.fill(SPEC, text)
    settled(page)


def params(page: Any) -> list[str]:
    """The parameters that the report shows, of each network."""
    found = page.locator("#report .cv-totals").all_inner_texts()
    return [re.search(r"parameters\s+(\S+( [KMG])?)", text)[1] for text in found]  # type: ignore[index]


def state(page: Any) -> dict[str, list[str]]:
    return parse_qs(page.evaluate("location.hash.slice(1)"))


def test_the_first_answer_is_there_before_anything_is_asked(live, heard) -> None:
    page = live()
    assert page.input_value(SPEC) == "conv 3->16 k3 p1"
    assert params(page) == [shown(3 * 16 * 9 + 16)]
    assert page.locator("#picture svg").count() == 1
    assert not [url for url in heard.requests if url.endswith("/api")]
    assert {url.split("/")[2] for url in heard.requests if "//" in url} == {page.url.split("/")[2]}, (
        "no other host"
    )


def test_the_report_follows_as_one_types(live) -> None:
    page = live()
    page.click(SPEC)
    page.keyboard.press("End")
    page.keyboard.type(" | relu | conv 8 k1")
    settled(page)
    assert params(page) == [shown(3 * 16 * 9 + 16 + 16 * 8 + 8)]
    assert page.evaluate("document.activeElement.id") == "spec-0"
    caret = page.evaluate("document.activeElement.selectionStart")
    assert caret == len(page.input_value(SPEC)), "the caret keeps its place"
    write(page, "resnet50", "")
    assert "25.56 M" in page.inner_text(REPORT)
    assert page.is_hidden("#bench")
    assert page.get_attribute(INPUT, "placeholder") == "3x224x224"


def test_an_offered_input_goes_where_a_network_brings_its_own(live) -> None:
    """The chip of a 3x3 offers a small map; a network that is typed after it is counted at its own size."""
    page = live()
    page.locator(INPUT).wait_for()
    assert page.input_value(INPUT) != ""
    page.fill(SPEC, "lenet5")
    settled(page)
    assert page.input_value(INPUT) == ""
    assert shown(convcalc.analyze("lenet5").totals.macs) in page.inner_text(REPORT)
    page.fill(INPUT, "1x36x36")  # what a person typed stays
    page.fill(SPEC, "unet")
    settled(page)
    assert page.input_value(INPUT) == "1x36x36"


@pytest.mark.parametrize(
    ("text", "marked", "words"),
    [
        ("conv 3->16 k3 strid=2", "strid", "conv has no option 'strid'"),
        ("conv 3->16 k3 |\n  rleu", "rleu", "unknown layer or block 'rleu'"),
        ("name: 𝔸\ninput: 3x9x9\nlayers:\n  - conv 8 k3\n  - 𝔹 rleu", "𝔹", ""),
        ("conv 8 k9", "k9", "kernel 9 is larger than the input 7"),
    ],
)
def test_an_error_is_marked_at_its_place_and_the_old_answer_stays(
    live, text: str, marked: str, words: str
) -> None:
    page = live()
    before = params(page)
    write(page, text)
    assert page.inner_text(".marks mark") == marked
    box = page.locator(".marks mark").bounding_box()
    # The mark lies over the same letters of the text: measured by a range in a copy of the textarea.
    area = page.locator(SPEC).bounding_box()
    lines = text[: text.index(marked)].split("\n")
    width = page.evaluate(
        "(text) => { const c = document.createElement('canvas').getContext('2d');"
        "c.font = getComputedStyle(document.querySelector('#spec-0')).font;"
        " return c.measureText(text).width; }",
        lines[-1],
    )
    assert abs(box["x"] - (area["x"] + 10 + width)) < 2.5
    assert abs(box["y"] - (area["y"] + 8 + 24 * (len(lines) - 1))) < 6
    told = page.inner_text("#faults-0 pre")
    assert words in told and "^" in told
    assert page.get_attribute(SPEC, "aria-invalid") == "true"
    assert page.evaluate("document.querySelector('#report').classList.contains('stale')")
    assert params(page) == before
    write(page, "conv 3->16 k3")
    assert not page.evaluate("document.querySelector('#report').classList.contains('stale')")
    assert page.locator("#faults-0 pre").count() == 0
    assert page.get_attribute(SPEC, "aria-invalid") == "false"


def test_the_caret_in_the_message_stands_under_the_fault(live) -> None:
    page = live()
    write(page, "conv 3->16 k3 | bn | rleu")
    lines = page.inner_text("#faults-0 pre").split("\n")
    carets = next(line for line in lines if set(line) <= {" ", "^"} and "^" in line)
    text = lines[lines.index(carets) - 1]
    assert text[carets.index("^") : carets.rindex("^") + 1] == "rleu"


def test_a_suggestion_can_be_followed(live) -> None:
    page = live()
    write(page, "resnt18", "")
    page.click("text=Use resnet18")
    settled(page)
    assert page.input_value(SPEC) == "resnet18"
    write(page, "resnet18", "224x224x3")
    assert page.get_attribute(INPUT, "aria-invalid") == "true"
    page.click("text=Use --input 3x224x224")
    settled(page)
    assert page.input_value(INPUT) == "3x224x224"
    assert page.get_attribute(INPUT, "aria-invalid") == "false"


def drag(page: Any, key: str, value: int) -> None:
    page.locator(f"#slider-{key}").fill(str(value))
    settled(page)


def test_sliders_move_the_text_the_picture_and_the_numbers(live) -> None:
    page = live()
    before = page.inner_html("#picture")
    drag(page, "kernel", 5)
    assert page.input_value(SPEC) == "conv 3->16 k5 p1"
    assert params(page) == [shown(3 * 16 * 25 + 16)]
    assert page.inner_html("#picture") != before
    drag(page, "stride", 2)
    assert page.input_value(SPEC) == "conv 3->16 k5 p1 s2"
    assert "16x3x3" in page.inner_text(REPORT), "floor((7 + 2 - 5)/2) + 1 = 3"
    formulas = page.inner_text("#formulas")
    assert "3" in formulas and "S" in formulas
    # And the other way round.
    write(page, "conv 3->16 k7 p3")
    assert page.input_value("#slider-kernel") == "7"
    assert page.input_value("#slider-stride") == "1"
    assert page.inner_text("label[data-key=padding] output") == "3"


def test_sliders_go_by_the_keyboard(live) -> None:
    page = live()
    page.focus("#slider-padding")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    settled(page)
    assert page.input_value(SPEC) == "conv 3->16 k3 p3"
    assert page.evaluate("document.activeElement.id") == "slider-padding"


def test_a_transposed_convolution_has_its_output_padding(live) -> None:
    page = live()
    page.click("text=transposed ×2")
    settled(page)
    drag(page, "output_padding", 1)
    assert page.input_value(SPEC).endswith("op1")
    assert "16x9x9" in page.inner_text(REPORT), "2*(4 - 1) + 4 - 2 + 1 = 9"
    drag(page, "output_padding", 5)  # more than the stride leaves room for
    assert "op5" in page.input_value(SPEC)
    assert "output_padding 5 is not smaller" in page.inner_text("#faults-0")
    drag(page, "output_padding", 0)
    assert page.input_value(SPEC) == "convT 3->16 k4 s2 p1"
    assert page.locator("#faults-0 pre").count() == 0


def test_two_specs_stand_beside_each_other(live) -> None:
    page = live()
    page.click("#compare")
    settled(page)
    page.fill("#spec-1", "conv 3->16 k5 p2")
    settled(page)
    assert params(page) == [shown(448), shown(3 * 16 * 25 + 16)]
    assert page.is_disabled("#compare")
    drag(page, "kernel", 7)  # of the one that was written last
    assert page.input_value("#spec-1") == "conv 3->16 k7 p2"
    assert page.input_value("#spec-0") == "conv 3->16 k3 p1"
    page.fill("#spec-1", "conv 3->16 kk")
    settled(page)
    assert page.locator("#faults-1 pre").count() == 1 and page.locator("#faults-0 pre").count() == 0
    page.click("[aria-label='Remove Spec 1']")
    settled(page)
    assert page.locator("textarea").count() == 1
    assert page.input_value(SPEC) == "conv 3->16 kk"


def test_the_address_holds_everything(live, server: Server, tab) -> None:
    page = live()
    write(page, 'conv 3->8 k3\n| relu # 50% & more + "that"', "3x12x12")
    page.click("#compare")
    page.fill("#spec-1", "resnet18")
    page.fill(INPUT, "3x64x64")
    settled(page)
    page.locator("#report").get_by_label("parameters", exact=True).check()
    until(page, "location.hash.includes('heat')")
    other = tab()
    other.goto(page.url)
    settled(other)
    assert other.input_value("#spec-0") == page.input_value("#spec-0")
    assert other.input_value("#spec-1") == "resnet18"
    assert other.input_value(INPUT) == "3x64x64"
    assert state(other) == state(page)
    assert other.locator("#report").get_by_label("parameters", exact=True).is_checked()
    assert params(other) == params(page)
    other.goto(f"{server.url}#spec=conv+3-%3E4+k3&input=3x9x9")  # a change of the address alone
    settled(other)
    assert params(other) == [shown(3 * 4 * 9 + 4)]
    assert other.locator("textarea").count() == 1


def test_variables_of_a_network_can_be_set(live) -> None:
    page = live([("spec", "mobilenet_v1"), ("set", "alpha=0.5")])
    settled(page)
    expected = convcalc.analyze("mobilenet_v1", set={"alpha": "0.5"}).totals.params
    assert f"{expected / 1e6:.2f} M" in page.inner_text(REPORT)
    page.fill("#set", "alphas=0.5")
    settled(page)
    assert "alphas" in page.inner_text("#given-faults")
    assert page.get_attribute("#set", "aria-invalid") == "true"


def download(page: Any, name: str, folder: Path) -> Path:
    page.click("#download summary")
    with page.expect_download() as found:
        page.click(f"#download button:has-text('{name}')")
    path = folder / found.value.suggested_filename
    found.value.save_as(path)
    return path


def test_what_is_shown_can_be_downloaded(live, tab, tmp_path) -> None:
    page = live([("spec", "resnet18"), ("input", "3x64x64")])
    settled(page)
    report = download(page, "Report", tmp_path)
    opened = tab()
    opened.goto(report.as_uri())
    until(opened, "document.querySelector('.cv-totals')")
    totals = opened.inner_text(".cv-totals")
    assert totals == page.inner_text("#report .cv-totals")
    document = download(page, "YAML", tmp_path)
    assert convcalc.load(document).shape(convcalc.load(document).outputs[0]) == (1000,)
    assert convcalc.analyze(document).totals.macs == convcalc.analyze("resnet18", input="3x64x64").totals.macs
    source = download(page, "PyTorch", tmp_path)
    assert source.name == "resnet-18.py"
    compile(source.read_text(), source.name, "exec")


def test_pasted_code_is_read(live) -> None:
    page = live()
    page.click("text=paste yours")
    settled(page)
    assert params(page) == [shown(3 * 32 * 9 + 32 + 64 + 32 * 64 * 9 + 64)]
    write(page, "nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)", "3x224x224")
    assert params(page) == [shown(9408)]
    write(page, "name: mine\ninput: 3x8x8\nlayers:\n  - repeat: 2\n    body: [conv 3 k3 p1, relu]\n", "")
    assert params(page) == [shown(2 * (3 * 3 * 9 + 3))]
    assert page.inner_text("#report h1").startswith("mine")


def test_text_from_outside_is_only_text(live, heard) -> None:
    evil = (
        "name: '<img src=x onerror=alert(1)><script>alert(2)</script>'\ninput: 3x8x8\nlayers: [conv 4 k3]\n"
    )
    page = live([("spec", evil), ("input", "<b>x</b>")])
    page.on("dialog", lambda dialog: heard.console.append("a script ran"))
    settled(page)
    assert "<b>x</b>" in page.inner_text("#given-faults")
    page.fill(INPUT, "")
    settled(page)
    assert "<img src=x" in page.inner_text("#report h1")
    assert page.locator("#report img, #report script, #ask img, #ask b").count() == 0


def test_the_newest_text_wins(live) -> None:
    page = live()
    for text in ("resnet152", "resnet50", "vgg16", "conv 3->4 k3"):
        page.fill(INPUT, "3x9x9" if text.startswith("conv") else "")
        page.fill(SPEC, text)
        page.keyboard.press("Control+Enter")
    until(page, "document.querySelector('#report h1').textContent.includes('conv 3->4 k3')")
    settled(page)
    assert params(page) == [shown(3 * 4 * 9 + 4)]


def test_it_goes_by_the_keyboard_alone(live) -> None:
    page = live()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.textContent.trim().slice(0, 20)"
            )
        )
    assert {"compare", "share", "spec-0", "input", "set", "slider-kernel", "slider-dilation"} <= reached
    page.focus("#download summary")
    page.keyboard.press("Enter")
    assert page.is_visible("text=Network as YAML")
    page.keyboard.press("Escape")
    assert page.is_hidden("text=Network as YAML")


@pytest.mark.parametrize("width", [1600, 1024, 390])
def test_every_width_holds_it(live, width: int) -> None:
    page = live(
        [("spec", "conv 3->16 k3 p1 | bn | relu | maxpool k2 | conv 32 k3 p1 | relu"), ("input", "3x32x32")],
        width=width,
    )
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    area = page.locator(SPEC)
    assert area.evaluate("(one) => one.scrollHeight <= one.clientHeight + 1"), "a long line wraps"
    for name in ("textarea", "#input", "#compare"):
        box = page.locator(name).first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_and_contrast_for_screen_readers(live, scheme: str) -> None:
    """Contrast of WCAG 2.1 (4.5:1), and a name for whatever can be pressed or filled."""
    page = live(color_scheme=scheme)
    write(page, "conv 3->16 k3 strid=2")
    nameless = page.evaluate(
        "[...document.querySelectorAll(':is(#ask, #bench, header) :is(button, input, select, textarea)')]"
        ".filter((one) => !one.hidden && !one.labels?.length)"
        ".filter((one) => !one.getAttribute('aria-label') && !one.textContent.trim())"
        ".map((one) => one.outerHTML)"
    )
    assert nameless == []
    ratios = page.evaluate(CONTRAST)
    assert ratios and min(ratio for _, ratio in ratios) >= 4.5, sorted(ratios, key=lambda one: one[1])[:3]


CONTRAST = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (/^rgb\\(/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  for (const one of document.querySelectorAll('body > header *, #ask *')) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility() || one.closest('svg, .marks, option') || one.disabled) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(ground(one))];
    if (one.closest('.stale')) continue;
    const name = `${one.tagName}.${one.className} ${one.textContent.slice(0, 20)}`;
    found.push([name, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""


def test_when_the_server_is_gone_the_page_says_so(tab, heard) -> None:
    with running() as server:
        page = tab()
        page.goto(server.url)
        until(page, "document.querySelector('#report').textContent")
        server.stop()
        page.fill(SPEC, "conv 3->4 k5")
        until(page, "document.querySelector('#faults-0').textContent")
        assert "still running" in page.inner_text("#faults-0")
    heard.console.clear()  # Chromium itself tells of the refused connection


def test_typing_goes_on_while_a_hostile_text_is_worked_on(live) -> None:
    page = live()
    page.fill(INPUT, "")
    page.fill(SPEC, TEXTS["strides of sizes"])
    page.wait_for_timeout(400)
    page.fill(SPEC, "conv 3->4 k3")
    page.fill(INPUT, "3x9x9")
    until(page, "document.querySelector('#report h1').textContent.includes('conv 3->4 k3')", 40)


def test_a_phone_shows_input_kernel_and_output_together(live) -> None:
    page = live([("spec", "convT 3->16 k4 s2 p1"), ("input", "3x4x4")], width=390)
    settled(page)
    hidden = page.evaluate(
        "(() => { const o = document.querySelector('#picture'); return o.scrollWidth - o.clientWidth; })()"
    )
    assert hidden <= 1
