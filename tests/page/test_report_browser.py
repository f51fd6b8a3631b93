"""The report as a person uses it, in a real Chromium."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import convcalc
from convcalc.page.html import render
from tests.page.conftest import Heard

pytestmark = pytest.mark.browser

Write = Callable[..., str]
Tab = Callable[..., Any]

HOSTILE = (
    '<script>document.title="owned"</script>',
    '"><img src=x onerror=document.title=1>',
    "';alert(1)//",
    "\u202eevil\u202c",
    "a\x00b\x1b[31mred\x07",
    "</script><!--",
    "x" * 300,
    "${document.title=2}",
    " ",
)


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Write the report of specs once, and give its address."""
    folder = tmp_path_factory.mktemp("reports")
    known: dict[Any, str] = {}

    def call(*specs: str, **options: Any) -> str:
        key = specs, str(options)
        if key not in known:
            path = folder / f"report{len(known)}.html"
            convcalc.page(*specs, **options).save(path)
            known[key] = path.as_uri()
        return known[key]

    return call


@pytest.fixture
def opened(tab: Tab, write: Write) -> Callable[..., Any]:
    """Open the report of specs in a tab."""

    def call(*specs: str, at: str = "", input: Any = None, **options: Any) -> Any:
        page = tab(**options)
        page.goto(write(*specs, input=input) + at)
        page.wait_for_selector("#convcalc [role=treegrid]")
        return page

    return call


def rows(page: Any) -> list[str]:
    """Ids of the rows of the table, from the top."""
    return page.eval_on_selector_all("tbody tr[data-row]", "rows => rows.map(row => row.dataset.row)")


def boxes(page: Any) -> list[str]:
    """Ids of the boxes of the graphs."""
    return page.eval_on_selector_all("[role=treeitem]", "boxes => boxes.map(box => box.dataset.row)")


def chosen(page: Any) -> set[tuple[str, str]]:
    """What is selected: of each, its part (table or graph) and id."""
    found = page.eval_on_selector_all(
        "[aria-selected=true]", "all => all.map(one => [one.dataset.part, one.dataset.row])"
    )
    return {(part, row) for part, row in found}


def until(page: Any, script: str) -> None:
    """Wait until a script says so; Playwright's own way is refused by the policy of the page."""
    for _ in range(100):
        if page.evaluate(script):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {script}")


def box(page: Any, id: str) -> Any:
    return page.locator(f'[role=treeitem][data-row="{id}"]')


def line(page: Any, id: str) -> Any:
    return page.locator(f'tr[data-row="{id}"]')


def test_it_opens_with_what_was_worked_out(opened: Callable[..., Any], heard: Heard) -> None:
    page = opened("lenet5")
    assert page.title() == "LeNet-5"
    head = page.inner_text("header")
    for text in ("LeNet-5", "61.71 K", "416.52 K", "32x32", "1x32x32"):
        assert text in head
    layers = ["c1", "c3", "c5", "f6", "linear1"]
    assert [row for row in rows(page) if row in layers] == layers
    assert set(boxes(page)) == set(rows(page))
    shapes = page.eval_on_selector_all(".cv-shape", "all => all.map(one => one.textContent)")
    assert {"1x32x32", "6x28x28", "16x10x10", "120x1x1"} <= set(shapes)
    assert line(page, "c5").locator("td.cv-col-params").inner_text() == "48.12 K"
    assert heard.requests == [page.url]


def test_blocks_fold_in_the_table_and_in_the_graph(opened: Callable[..., Any]) -> None:
    page = opened("resnet18")
    page.get_by_role("button", name="close all").click()
    top = rows(page)
    assert "layer1" in top and not any("." in row for row in top)
    line(page, "layer1").locator(".cv-fold").click()
    assert "layer1.basic_block1" in rows(page)
    assert "layer1.basic_block1" in boxes(page)
    assert line(page, "layer1").get_attribute("aria-expanded") == "true"
    assert box(page, "layer1").get_attribute("aria-expanded") == "true"
    page.get_by_role("button", name="open all").click()
    assert len(rows(page)) == len(boxes(page)) > 80
    box(page, "layer1").locator(".cv-fold").first.click()
    assert "layer1.basic_block1" not in rows(page) + boxes(page)


def test_sorted_by_a_column_it_lists_layers_from_the_dearest(opened: Callable[..., Any]) -> None:
    page = opened("resnet18")
    tree = rows(page)
    order = {layer.name: layer.params for layer in convcalc.analyze("resnet18").layers}
    heading = page.get_by_role("columnheader", name="parameters")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    params = [order.get(row, -1) for row in rows(page)]
    assert params == sorted(params, reverse=True)
    assert params[0] == max(order.values())
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    known = [order[row] for row in rows(page) if row in order]
    assert known == sorted(known)
    page.get_by_role("button", name="back to the tree").click()
    assert rows(page) == tree
    page.get_by_role("columnheader", name="layer").get_by_role("button").click()
    assert [row for row in rows(page)][:1] == ["head.flatten1"]


def test_search_shows_what_fits_and_the_blocks_around_it(opened: Callable[..., Any]) -> None:
    page = opened("resnet18")
    before = rows(page)
    page.keyboard.press("/")
    page.keyboard.type("maxpool")
    assert rows(page) == ["stem", "stem.maxpool1"]
    assert "1 of" in page.inner_text(".cv-tablenote")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.row") == "stem.maxpool1"
    page.keyboard.press("Escape")
    assert rows(page) == before
    page.fill(".cv-search", "no such layer")
    assert rows(page) == []
    assert "Nothing fits" in page.inner_text(".cv-rows")


def test_row_and_box_select_each_other(opened: Callable[..., Any]) -> None:
    page = opened("resnet50")
    line(page, "layer4").click()
    assert chosen(page) == {("table", "layer4"), ("graph", "layer4")}
    assert page.inner_text(".cv-panel h2") == "layer4"
    seen = page.evaluate(
        """() => {
          const inner = document.querySelector('[role=treeitem][data-row=layer4]').getBoundingClientRect();
          const outer = document.querySelector('.cv-graph').getBoundingClientRect();
          return inner.top < outer.bottom && inner.bottom > outer.top;
        }"""
    )
    assert seen
    box(page, "layer3").locator(".cv-name").first.click()
    assert chosen(page) == {("table", "layer3"), ("graph", "layer3")}
    line(page, "head").hover()
    assert "cv-hover" in str(box(page, "head").get_attribute("class"))
    page.keyboard.press("Escape")
    assert chosen(page) == set()


def test_the_panel_shows_the_formula_with_its_numbers(opened: Callable[..., Any]) -> None:
    page = opened("conv 3->64 k3 s2 p1 | relu", input="3x32x32")
    line(page, "conv1").click()
    panel = page.inner_text(".cv-panel")
    assert "1,792" in panel  # 64 (3 * 3 * 3 + 1)
    assert "(32 - 3 + 2·1)/2" in panel.replace("⌊", "")
    assert "442.37 K" in panel  # 64 * 16 * 16 * 3 * 9 = 442,368
    assert page.locator(".cv-panel .cv-window svg").count() == 1
    button = page.get_by_role("button", name="enlarge")
    button.click()
    dialog = page.get_by_role("dialog", name="window of conv 3->64 k3 s2 p1")
    assert dialog.bounding_box()["width"] > 2 * page.locator(".cv-window svg").bounding_box()["width"]
    page.keyboard.press("Escape")
    assert dialog.count() == 0
    assert chosen(page) == {("table", "conv1"), ("graph", "conv1")}
    assert button.evaluate("node => node === document.activeElement")


def test_heat_is_a_number_and_a_bar_as_well(opened: Callable[..., Any]) -> None:
    page = opened("lenet5")
    page.get_by_label("parameters", exact=True).check()
    widths = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('[role=treeitem]')].map(box => {
             const bar = box.querySelector('.cv-bar');
             return [box.dataset.row, bar ? bar.width.baseVal.value : 0];
           }))"""
    )
    assert widths["c5"] == max(widths.values())
    assert widths["f6"] / widths["c5"] == pytest.approx(10164 / 48120, rel=0.02)
    assert box(page, "c5").locator(".cv-value").text_content() == "48.12 K"
    assert "78%" in page.inner_text(".cv-legend")  # 48,120 of 61,706


def test_it_can_be_used_by_the_keyboard_alone(opened: Callable[..., Any]) -> None:
    page = opened("resnet18")
    page.get_by_role("button", name="close all").click()
    stops = []
    for _ in range(30):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.dataset.part || document.activeElement.tagName"))
    around = stops[: stops.index("BODY")] if "BODY" in stops else stops
    assert around.count("table") == 1  # one stop, in which the arrows move
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert chosen(page) == {("table", "layer1"), ("graph", "layer1")}
    page.keyboard.press("Enter")
    assert "layer1.basic_block2" in rows(page)
    page.keyboard.press("ArrowRight")
    assert ("table", "layer1.basic_block1") in chosen(page)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    assert "layer1.basic_block2" not in rows(page)
    page.keyboard.press("End")
    assert ("table", "head") in chosen(page)
    page.keyboard.press("Home")
    assert ("table", "input") in chosen(page)
    box(page, "input").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("[document.activeElement.dataset.part, document.activeElement.dataset.row]") == [
        "graph",
        "stem",
    ]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert chosen(page) == {("table", "stem.conv_bn1"), ("graph", "stem.conv_bn1")}
    outline = page.evaluate(
        "getComputedStyle(document.activeElement.querySelector('.cv-ground')).strokeWidth"
    )
    assert float(outline.removesuffix("px")) >= 3


def test_roles_and_names_for_screen_readers(opened: Callable[..., Any]) -> None:
    page = opened("resnet18")
    bad = page.evaluate(
        """() => {
          const label = node => node.labels && node.labels[0] && node.labels[0].textContent;
          const name = node => node.getAttribute('aria-label') || node.textContent.trim() || label(node);
          const named = 'button, input, select, svg[role], [role=treeitem]';
          const bad = [...document.querySelectorAll(named)].filter(node => !name(node));
          const rows = [...document.querySelectorAll('tbody tr[data-row], [role=treeitem]')];
          for (const row of rows) {
            const block = row.classList.contains('cv-block');
            if (block !== row.hasAttribute('aria-expanded')) bad.push(row);
            if (!(Number(row.getAttribute('aria-level')) >= 1)) bad.push(row);
            const number = key => Number(row.getAttribute(`aria-${key}`));
            const [place, among] = [number('posinset'), number('setsize')];
            if (!(place >= 1 && place <= among)) bad.push(row);
          }
          for (const list of ['tbody tr[data-row]', '[role=treeitem]']) {
            const stops = [...document.querySelectorAll(list)].filter(node => node.tabIndex === 0);
            if (stops.length !== 1) bad.push(document.body);
          }
          const ids = [...document.querySelectorAll('[id]')].map(node => node.id);
          if (new Set(ids).size !== ids.length) bad.push(document.documentElement);
          return bad.map(node => node.outerHTML.slice(0, 200));
        }"""
    )
    assert bad == []
    assert page.get_by_role("treegrid", name="layers of ResNet-18").count() == 1
    assert page.get_by_role("tree", name="graph of ResNet-18").count() == 1
    named = (
        page.get_by_role("treeitem", name="layer1, 2 layers").or_(box(page, "layer1")).locator("title").first
    )
    named = named.text_content()
    assert named.startswith("layer1") and "64x56x56" in named and "MACs" in named
    assert page.get_attribute("html", "lang") == "en"


CONTRAST = """() => {
  // Colours as the browser paints them, whatever they are written in.
  const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const solid = colour => rgba(colour)[3] === 255;
  const under = node => {  // every ground that may lie behind a text: colours, bars and boxes
    const found = [];
    for (let one = node; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      const box = one.classList && one.classList.contains('cv-box') && one.querySelector('.cv-ground');
      if (box) return [...found, getComputedStyle(box).fill];
      const painted = style.backgroundImage.match(/rgba?\\([^)]*\\)|color\\([^)]*\\)/g) || [];
      found.push(...painted.filter(solid));
      if (solid(style.backgroundColor)) return [...found, style.backgroundColor];
    }
    return [...found, getComputedStyle(document.body).backgroundColor];
  };
  const bad = [];
  let seen = 0;
  const walk = document.createTreeWalker(document.querySelector('#convcalc'), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.getClientRects().length) continue;
    if (node.closest('.cv-pictures, .cv-window, title, option')) continue;
    const style = getComputedStyle(node);
    const ink = rgba(node.closest('svg') ? style.fill : style.color);
    seen += 1;
    for (const ground of under(node)) {
      const found = ratio(ink, rgba(ground));
      const name = node.className.baseVal || node.className;
      if (found < 4.5) bad.push([walk.currentNode.data.slice(0, 30), found.toFixed(2), ground, name]);
    }
  }
  return [seen, bad];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(opened: Callable[..., Any], scheme: str) -> None:
    page = opened("resnet18", color_scheme=scheme)
    page.get_by_label("parameters", exact=True).check()
    line(page, "layer4").click()
    seen, bad = page.evaluate(CONTRAST)
    assert seen > 150
    assert bad == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 384) == (scheme == "light")


def test_the_check_of_contrast_can_fail(opened: Callable[..., Any]) -> None:
    page = opened("lenet5")
    page.add_style_tag(content=".cv-box .cv-what { fill: #bbb !important } .cv-rows .cv-what { color: #999 }")
    _, bad = page.evaluate(CONTRAST)
    assert {"cv-what"} <= {one[3] for one in bad}


def test_the_switch_of_colours_wins_over_the_system(opened: Callable[..., Any]) -> None:
    page = opened("lenet5", color_scheme="light")
    page.get_by_label("colours").select_option("dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    page.get_by_label("colours").select_option("light")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("width", [360, 390, 768])
@pytest.mark.parametrize("spec", ["resnet50", "inception_v3", "conv 3->64 k3"])
def test_a_narrow_screen_has_no_sideways_scroll(opened: Callable[..., Any], width: int, spec: str) -> None:
    page = opened(spec, width=width, height=740, input="3x32x32" if " " in spec else None)
    page.get_by_role("treegrid").locator("tbody tr").nth(1).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    parts = [".cv-head", ".cv-graph", ".cv-rows", ".cv-panel"]
    tops = [page.locator(part).bounding_box()["y"] for part in parts]
    if width <= 700:
        assert tops == sorted(tops) and len(set(tops)) == 4
        lefts = page.eval_on_selector_all(
            "[role=treeitem]:not(.cv-open)", "all => all.map(one => one.getBoundingClientRect().left)"
        )
        assert max(lefts) - min(lefts) < 120  # one below the other
    assert page.locator("tbody tr").first.locator("td:visible").count() >= 3


def test_in_print_all_is_on_white(opened: Callable[..., Any]) -> None:
    page = opened("resnet50", color_scheme="dark", at="#layer=layer2.bottleneck1.conv_bn2")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for part in (".cv-rows", ".cv-pieces"):
        inner, outer = page.eval_on_selector(part, "node => [node.scrollHeight, node.clientHeight]")
        assert inner <= outer + 1  # nothing is hidden behind a scroll bar
    assert page.locator(".cv-search").is_hidden()
    pieces = page.eval_on_selector_all(
        ".cv-piece", "all => all.map(one => one.getAttribute('viewBox').split(' ').map(Number))"
    )
    whole = page.eval_on_selector(".cv-graph svg", "svg => svg.viewBox.baseVal.height")
    assert len(pieces) > 1
    assert [top for _, top, _, _ in pieces[1:]] == [top + height for _, top, _, height in pieces[:-1]]
    assert pieces[-1][1] + pieces[-1][3] == pytest.approx(whole)
    copies = page.eval_on_selector_all(
        ".cv-piece use", "all => all.map(one => [one.width.baseVal.value, one.height.baseVal.value])"
    )
    whole = page.eval_on_selector(
        ".cv-graph svg", "svg => [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]"
    )
    assert copies == [whole] * len(pieces)  # in full size, also where the graph on the screen is smaller
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".cv-piece").count() == 0


def test_the_address_leads_to_a_layer(opened: Callable[..., Any]) -> None:
    page = opened("resnet50", at="#layer=layer3.bottleneck2.conv_bn2.conv1&heat=params")
    assert ("table", "layer3.bottleneck2.conv_bn2.conv1") in chosen(page)
    assert page.get_by_label("parameters", exact=True).is_checked()
    assert "layer3.bottleneck2.conv_bn2" in boxes(page)
    line(page, "head").click()
    until(page, "location.hash.includes('layer=head')")
    again = page.url
    page.goto("about:blank")
    page.goto(again)
    assert ("table", "head") in chosen(page)
    page.evaluate("location.hash = '#layer=stem'")
    until(page, "document.querySelector('[aria-selected=true]').dataset.row === 'stem'")
    page.evaluate("location.hash = '#layer=no such layer&heat=x&open=y&sort=z&network=7'")
    until(page, "!document.querySelector('[aria-selected=true]')")


def test_two_networks_stand_beside_each_other(opened: Callable[..., Any]) -> None:
    page = opened("resnet18", "resnet34", width=1400)
    lefts = page.eval_on_selector_all(".cv-graph", "all => all.map(one => one.getBoundingClientRect().left)")
    assert len(lefts) == 2 and lefts[0] + 300 < lefts[1]
    assert page.get_by_role("tree").count() == 2
    page.get_by_role("button", name="ResNet-34", exact=True).click()
    assert page.get_by_role("treegrid", name="layers of ResNet-34").count() == 1
    first = page.locator('[role=treeitem][data-number="0"][data-row="head"]')
    first.locator(".cv-name").first.click()
    assert page.get_by_role("treegrid", name="layers of ResNet-18").count() == 1
    assert page.inner_text(".cv-panel h2") == "head"


def test_large_networks_open_at_once(opened: Callable[..., Any]) -> None:
    page = opened("resnet152")
    times = []
    for _ in range(3):
        page.reload()
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
    assert min(times) < 1000  # milliseconds
    assert page.locator("*").count() < 4000  # closed blocks have no elements
    page.get_by_role("button", name="open all").click()
    assert len(boxes(page)) > 600


def test_drawn_again_it_keeps_what_the_reader_did(tab: Tab, opened: Callable[..., Any]) -> None:
    page = opened("resnet18", at="#layer=layer1.basic_block1")
    page.get_by_role("button", name="close all").click()
    line(page, "layer2").locator(".cv-fold").click()
    line(page, "layer2").click()
    page.get_by_label("memory", exact=True).check()
    page.fill(".cv-search", "conv")
    before = rows(page), boxes(page), chosen(page)
    page.evaluate(
        """() => convcalc.show(JSON.parse(document.getElementById('convcalc-page').textContent),
                               document.getElementById('convcalc'))"""
    )
    assert (rows(page), boxes(page), chosen(page)) == before
    assert page.evaluate("document.activeElement.className") == "cv-search"
    assert page.get_by_label("memory", exact=True).is_checked()


def test_names_from_outside_are_text(tab: Tab, heard: Heard, tmp_path: Path) -> None:
    """Whatever a document calls its layers, the page shows it and does nothing else."""
    data = copy.deepcopy(convcalc.page("lenet5", "lenet5").to_dict())
    for network in data["networks"]:
        names = {
            row["id"]: f"{HOSTILE[number % len(HOSTILE)]}{number}"
            for number, row in enumerate(network["rows"])
        }
        for row in network["rows"]:
            row["id"] = row["label"] = names[row["id"]]
            row["what"] = row["cells"]["output"] = HOSTILE[0]
        for group in network["graph"]["groups"].values():
            group["ranks"] = [[names[id] for id in rank] for rank in group["ranks"]]
            for edge in group["edges"]:
                edge["from"] = names.get(edge["from"], edge["from"])
                edge["to"] = names.get(edge["to"], edge["to"])
                edge["shape"] = HOSTILE[1]
        network["title"] = network["about"] = network["spec"] = HOSTILE[0]
        for number, detail in enumerate(network["details"]):
            detail["title"] = detail["about"] = HOSTILE[number % len(HOSTILE)]
        network["findings"] = [
            {
                "id": names["c1"],
                "kind": HOSTILE[0],
                "level": "warn",
                "text": HOSTILE[1],
                "why": HOSTILE[2],
                "try": HOSTILE[3],
            }
        ]
        network["pictures"] = {
            "bad": {
                "title": HOSTILE[0],
                "caption": HOSTILE[1],
                "svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="document.title=3">'
                '<script>document.title=4</script><image href="http://example.com/x.png"/></svg>',
                "rows": [],
            }
        }
    data["comparison"], data["matches"] = None, None
    path = tmp_path / "hostile.html"
    path.write_text(render(data), encoding="utf-8")
    page = tab()
    page.goto(path.as_uri())
    title = page.title()
    assert HOSTILE[0] in title
    names = page.eval_on_selector_all("tbody tr .cv-name", "all => all.map(one => one.textContent)")
    assert f"{HOSTILE[0]}0" in names and f"{HOSTILE[1]}1" in names
    for _ in range(len(rows(page))):
        page.keyboard.press("/")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
    page.fill(".cv-search", "<script>")
    for number in range(3):
        page.locator("tbody tr").nth(number).click()
    page.locator(".cv-pictures").scroll_into_view_if_needed()
    page.wait_for_selector(".cv-pictures svg", state="attached")
    page.wait_for_timeout(300)
    page.reload()
    assert page.title() == title
    for made in ("script", "img", "image[href^=http]", "[onload]", "[onerror]"):
        assert page.locator(f"#convcalc {made}").count() == 0
    assert {url for url in heard.requests if not url.startswith("file:")} == set()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_may_be_loaded(opened: Callable[..., Any], heard: Heard) -> None:
    page = opened("lenet5")
    policy = page.get_attribute('meta[http-equiv="Content-Security-Policy"]', "content")
    assert "default-src 'none'" in policy
    refused = page.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'loaded', error => error.constructor.name)"
    )
    assert refused == "TypeError"
    assert any("Content Security Policy" in message for message in heard.console)
    heard.console.clear()


def test_it_works_in_the_frame_of_a_notebook(tab: Tab) -> None:
    page = tab()
    page.set_content(convcalc.page("lenet5")._repr_html_())
    frame = page.frame_locator("iframe")
    frame.locator('tr[data-row="c3"]').click()
    assert frame.locator(".cv-panel h2").inner_text() == "c3"
    page.wait_for_timeout(300)


GEOMETRY = """() => [...document.querySelectorAll('.cv-svg')].map(svg => {
  const place = node => {
    const [, x, y] = /translate\\((\\S+) (\\S+)\\)/.exec(node.getAttribute('transform')).map(Number);
    const {width, height} = node.querySelector('.cv-ground');
    return [x, y, x + width.baseVal.value, y + height.baseVal.value];
  };
  const point = (node, at) => [node.getPointAtLength(at).x, node.getPointAtLength(at).y];
  const ends = node => [point(node, 0), point(node, node.getTotalLength())];
  return {
    boxes: Object.fromEntries([...svg.querySelectorAll('.cv-box')].map(one => [one.dataset.row, place(one)])),
    open: [...svg.querySelectorAll('.cv-open')].map(one => one.dataset.row),
    edges: [...svg.querySelectorAll('.cv-edge')].map(one => [one.dataset.from, one.dataset.to, ends(one)]),
  };
})"""


def overlapping(page: Any) -> list[tuple[str, str]]:
    """Pairs of boxes, layers or closed blocks, that lie over each other."""
    found = []
    for graph in page.evaluate(GEOMETRY):
        closed = sorted((b, id) for id, b in graph["boxes"].items() if id not in graph["open"])
        for at, ((left, top, right, bottom), id) in enumerate(closed):
            for (x, y, _, below), other in closed[at + 1 :]:
                if x >= right:
                    break
                if x > left - 1 and y < bottom and below > top:
                    found.append((id, other))
    return found


@pytest.mark.parametrize("spec", ["inception_v3", "unet", "densenet121", "hrnet_w18_small", "vit_b_16"])
def test_boxes_lie_apart_and_lines_join_them(opened: Callable[..., Any], spec: str) -> None:
    page = opened(spec)
    page.get_by_role("button", name="open all").click()
    assert overlapping(page) == []
    (graph,) = page.evaluate(GEOMETRY)
    parents = page.evaluate(
        """() => Object.fromEntries(JSON.parse(document.getElementById('convcalc-page').textContent)
             .networks[0].rows.map(row => [row.id, row.parent]))"""
    )
    places = graph["boxes"]
    for id, (left, top, right, bottom) in places.items():
        if parents[id] is not None:
            x, y, across, below = places[parents[id]]
            assert x <= left and y <= top and right <= across and bottom <= below, id
    assert len(graph["edges"]) >= len(places) - len(graph["open"]) - 1
    for source, target, ((x, y), (u, v)) in graph["edges"]:
        if source in places:
            left, top, right, bottom = places[source]
            assert left - 1 <= x <= right + 1 and top - 1 <= y <= bottom + 1, (source, target)
        if target in places:
            left, top, right, bottom = places[target]
            assert left - 1 <= u <= right + 1 and top - 1 <= v <= bottom + 1, (source, target)


def test_changed_layers_are_marked_and_matched(opened: Callable[..., Any]) -> None:
    same, other = "conv 8 k3 p1 | relu | conv 16 k3 | relu", "conv 8 k3 p1 | relu | conv 16 k5 | relu | bn"
    page = opened(same, other, input="3x16x16", width=1400)
    states = dict(
        page.eval_on_selector_all(
            "tbody tr[data-row]",
            "all => all.map(one => [one.dataset.row, one.querySelector('.cv-state').textContent])",
        )
    )
    assert states["conv1"] == "=" and "changed" in states["conv2"]
    marked = page.eval_on_selector_all(
        ".cv-changed", "all => all.map(one => [one.dataset.number, one.dataset.row])"
    )
    assert ["0", "conv2"] in marked and ["1", "conv2"] in marked and ["1", "bn1"] in marked
    assert ["0", "conv1"] not in marked
    mine, theirs = (page.locator(f'[role=treeitem][data-number="{n}"][data-row="conv2"]') for n in (0, 1))
    assert "≠" in mine.text_content() and "≠" in theirs.text_content()
    mine.hover()
    assert "cv-hover" in theirs.get_attribute("class")
    mine.locator(".cv-name").click()
    assert "cv-twin" in theirs.get_attribute("class")
    page.locator(".cv-panel .cv-state button").click()
    assert ("table", "conv2") in chosen(page)
    assert theirs.get_attribute("aria-selected") == "true"
    table = page.inner_text(".cv-comparison")
    # 8 (3 * 9 + 1) + 16 (8 * 9 + 1), and 25 for the second 9 with 2 * 16 of the normalisation
    assert "1,392" in table and "3,472" in table
    assert [title[:2] for title in page.locator(".cv-network h1").all_inner_texts()] == ["A:", "B:"]


def test_findings_stand_at_their_layer_and_in_a_list(opened: Callable[..., Any]) -> None:
    page = opened("conv 8 k3 s2 | conv 8 k3 s2", input="3x16x16")
    assert page.locator(".cv-findings .cv-finding").count() >= 1
    first = page.locator(".cv-findings .cv-finding").first
    layer = first.locator("button").inner_text()
    first.locator("button").click()
    assert ("table", layer) in chosen(page) and ("graph", layer) in chosen(page)
    assert "▲" in box(page, layer).text_content() and "▲" in line(page, layer).inner_text()
    assert page.locator(".cv-panel .cv-finding code").count() >= 1


def test_a_mark_in_a_picture_selects_its_layer(tab: Tab, tmp_path: Path) -> None:
    data = copy.deepcopy(convcalc.page("resnet18").to_dict())
    layer = "layer4.basic_block2.conv_bn1.conv1"
    data["networks"][0]["pictures"] = {
        "cost": {
            "title": "Cost",
            "caption": "One bar",
            "svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 90" role="img"><title>Bar</title>'
            f'<rect data-layer="{layer}" width="50" height="50"/>'
            '<rect data-layer="none" x="60" width="9" height="9"/></svg>',
            "rows": [layer],
        }
    }
    path = tmp_path / "report.html"
    path.write_text(render(data), encoding="utf-8")
    page = tab()
    page.goto(path.as_uri())
    page.locator(".cv-pictures").scroll_into_view_if_needed()
    page.locator(f'[data-layer="{layer}"]').click()
    assert chosen(page) == {("table", layer), ("graph", layer)}
    assert page.inner_text(".cv-panel h2") == "conv1"
    page.locator('[data-layer="none"]').dispatch_event("click")
    assert ("graph", layer) in chosen(page)


def test_who_wants_less_motion_gets_none(opened: Callable[..., Any]) -> None:
    moving = opened("lenet5", reduced_motion="no-preference")
    still = opened("lenet5")
    motion = "getComputedStyle(document.querySelector('.cv-row')).transitionDuration"
    assert moving.evaluate(motion) != still.evaluate(motion) == "0s"


def test_it_looks_like_a_report(opened: Callable[..., Any]) -> None:
    """Loosely: the parts stand where they belong and are filled, boxes do not overlap."""
    page = opened("resnet50", width=1600, height=1000)
    places = page.evaluate(
        """() => Object.fromEntries(['.cv-head', '.cv-graph', '.cv-rows', '.cv-panel'].map(one => {
             const {left, top, width, height} = document.querySelector(one).getBoundingClientRect();
             return [one, [left, top, width, height]]; }))"""
    )
    assert places[".cv-head"][1] < 40
    assert places[".cv-graph"][0] < places[".cv-rows"][0] < places[".cv-panel"][0]
    assert places[".cv-rows"][2] > 0.35 * 1600
    assert places[".cv-graph"][3] > 500
    assert overlapping(page) == []
    spill = page.evaluate(
        """() => [...document.querySelectorAll('[role=treeitem]')].filter(one => {
             const ground = one.querySelector('.cv-ground').getBoundingClientRect();
             const right = text => text.getBoundingClientRect().right;
             return [...one.querySelectorAll('text')].some(text => right(text) > ground.right + 1);
           }).map(one => one.dataset.row)"""
    )
    assert spill == []


def _axe() -> Path | None:
    """axe-core, where it is: npm install axe-core beside the project, or its file named by CONVCALC_AXE."""
    found = Path(os.environ.get("CONVCALC_AXE", "node_modules/axe-core/axe.min.js"))
    return found if found.is_file() else None


@pytest.mark.skipif(_axe() is None, reason="axe-core is not here")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened: Callable[..., Any], scheme: str) -> None:
    page = opened("resnet18", color_scheme=scheme)
    line(page, "layer1").click()
    page.evaluate(_axe().read_text())  # type: ignore[union-attr]
    found = page.evaluate("axe.run()")
    assert [
        (one["id"], [node["html"][:150] for node in one["nodes"][:3]]) for one in found["violations"]
    ] == []


def test_two_tensors_between_two_boxes_are_one_line(tab: Tab, write: Write, tmp_path: Path) -> None:
    """Two shapes at one place could not be read."""
    spec = tmp_path / "two.yaml"
    spec.write_text(
        "input: 4x8\nlayers:\n"
        "  - {group: head, body: ['split sizes=(1,3) id=parts', 'relu from=parts.0 id=a']}\n"
        "  - 'opaque TopK shapes=1x8 from=[head.a,head.parts.1] id=top'\n"
    )
    page = tab()
    page.goto(write(str(spec)))
    page.wait_for_selector("#convcalc [role=treegrid]")
    (graph,) = page.evaluate(GEOMETRY)
    assert [(a, b) for a, b, _ in graph["edges"]].count(("head", "top")) == 1
    assert page.locator(".cv-shape", has_text="1x8, 3x8").count() == 1
