"""Every command and every Python session of the documentation gives what the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests import docs
from tests.page.screenshots import SHOTS

ROOT = docs.ROOT / "examples"
BLOCKS = [block for page in docs.pages() for block in docs.blocks(page)]

# They take seconds, and what they compute has tests of its own.
SLOW = re.compile(r"convcalc (verify --law 18|fit mobilenet_v1 .* --resolution .* --step 32)")


@pytest.mark.parametrize("block", [
    pytest.param(block, id=block.label, marks=[pytest.mark.slow] if SLOW.search(block.body) else [])
    for block in BLOCKS
])  # fmt: skip
def test_the_page_says_what_the_program_prints(block: docs.Block) -> None:
    faults = docs.check(block)
    assert not faults, "\n\n".join(faults)


@pytest.mark.parametrize(("arguments", "exit_code"), [
    ("params 'conv 3->4 k3'", 0), ("params 'conv 3->4 k'", 2), ("params resnet50 | head -n 3", 0),
    ("params - <<< 'conv 3->4 k3'", 0), ("verify --law 2 | tail -n 3", 0),
])  # fmt: skip
def test_a_command_does_what_it_does_alone(arguments: str, exit_code: int, tmp_path: Path) -> None:
    # The pages' convcalc is forked from a server (docs_server).
    found = docs.run(f"convcalc {arguments}", tmp_path)
    assert found == docs.run(f"{sys.executable} -m convcalc {arguments}", tmp_path)
    assert found[1] == exit_code


def test_the_readme_has_commands() -> None:
    readme = [block for block in BLOCKS if block.page.name == "README.md"]
    assert sum(len(docs.steps(block.body)) for block in readme if block.info.startswith("console")) >= 5


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    path = tmp_path / "page.md"

    def write(body: str, info: str = "console") -> docs.Block:
        path.write_text(f"Text.\n\n```{info}\n{body}```\n", encoding="utf-8")
        (block,) = docs.blocks(path)
        return block

    return write


def test_a_right_page_passes(page) -> None:
    assert docs.check(page("$ echo one\none\n$ printf 'two\\n\\nthree\\n'\ntwo\n\nthree\n")) == []


def test_a_wrong_output_is_a_fault(page) -> None:
    (fault,) = docs.check(page("$ echo one\ntwo\n"))
    assert "page.md:3: echo one" in fault


def test_a_wrong_exit_code_is_a_fault(page) -> None:
    assert "exit code 3, not 0" in docs.check(page("$ exit 3\n"))[0]
    assert docs.check(page("$ exit 3\n", "console exit=3")) == []


def test_a_wrong_session_is_a_fault(page) -> None:
    assert docs.check(page(">>> 1 + 1\n2\n", "pycon")) == []
    assert "Expected:\n    3" in docs.check(page(">>> 1 + 1\n3\n", "pycon"))[0]


def test_an_update_makes_the_page_right(page) -> None:
    block = page("$ echo one \\\n  two\nwrong\n$ true\nwrong\n")
    block.page.write_text(docs.updated(block.page), encoding="utf-8")
    (block,) = docs.blocks(block.page)
    assert block.body == "$ echo one \\\n  two\none two\n$ true\n"
    assert docs.check(block) == []


def test_an_error_of_rounding_may_be_another(page) -> None:
    assert docs.check(page("$ echo '3.8e-16  7'\n2.2e-16  7\n")) == []
    assert docs.check(page("$ echo '      0  7'\n2.2e-16  7\n")) == []
    assert docs.check(page("$ echo '3.8e-06  7'\n2.2e-06  7\n")) != []
    assert docs.check(page("$ echo '3.8e-16  8'\n2.2e-16  7\n")) != []


def test_a_file_that_a_command_writes_is_the_one_stored(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    folder = tmp_path / "examples"
    folder.mkdir()
    page = folder / "page.md"
    page.write_text("```console\n$ echo one >picture.svg\n```\n", encoding="utf-8")
    (block,) = docs.blocks(page)
    assert "picture.svg was written and is not stored" in docs.check(block)[0]
    assert not (folder / "picture.svg").exists()
    (folder / "picture.svg").write_text("two\n", encoding="utf-8")
    assert "picture.svg was written and differs" in docs.check(block)[0]
    docs.updated(page)
    assert docs.check(block) == []


def test_every_picture_stands_on_a_page_and_is_written_by_one() -> None:
    pictures = ROOT / "pictures"
    screens = {f"pictures/{name}" for name in SHOTS}  # of the README: tests/page/test_screenshots.py
    stored = {f"pictures/{path.name}" for path in pictures.glob("*")} - screens
    shown, made = set(), set()
    for page in ROOT.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        shown |= set(re.findall(r"!\[[^\]]+\]\((pictures/[^)]+)\)", text))
        made |= {
            name
            for name in stored
            if any(
                name in step.command
                for block in docs.blocks(page)
                if block.info.startswith("console")
                for step in docs.steps(block.body)
            )
        }
    assert stored == shown == made


def test_every_link_of_a_page_leads_somewhere() -> None:
    for page in docs.pages():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_table_of_contents_lists_every_page() -> None:
    listed = re.findall(r"\]\(([^)/]+\.md)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(page.name for page in ROOT.glob("*.md") if page.name != "README.md")


def test_the_course_shows_every_law_and_its_sources() -> None:
    laws = set()
    for page in sorted(ROOT.glob("[0-9]*.md")):
        commands = [
            step.command
            for block in docs.blocks(page)
            if block.info.startswith("console")
            for step in docs.steps(block.body)
        ]
        laws |= {int(number) for command in commands for number in re.findall(r"--law (\d+)", command)}
        assert any(command.startswith("convcalc verify ") for command in commands), page.name
        text = page.read_text(encoding="utf-8")
        assert re.search(r"^\*\*.+\?\*\*$", text, re.MULTILINE | re.DOTALL), f"{page.name} asks nothing"
        assert "\n## What was published\n" in text, page.name
    assert laws == set(range(1, 28))


def test_every_spec_of_the_examples_is_used() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in ROOT.glob("*.md"))
    assert [path.name for path in ROOT.glob("*.yaml") if path.name not in text] == []


NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+")


def test_exact_figures_of_the_course_are_printed_on_their_page() -> None:
    found = 0
    for page in sorted(ROOT.glob("[0-9]*.md")):
        text = page.read_text(encoding="utf-8")
        printed = set(NUMBER.findall("".join(block.body for block in docs.blocks(page))))
        for row in text.partition("## What was published")[2].splitlines():
            cells = [cell.strip() for cell in row.strip("|").split(" | ")]
            if len(cells) == 3:
                claimed = NUMBER.findall(cells[0] if cells[2].startswith("the same") else cells[2])
                assert set(claimed) <= printed, f"{page.name}: {row}"
                found += len(claimed)
    assert found > 20
