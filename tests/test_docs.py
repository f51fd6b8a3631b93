"""Every command and every Python session of the documentation gives what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import docs

BLOCKS = [block for page in docs.pages() for block in docs.blocks(page)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.label)
def test_the_page_says_what_the_program_prints(block: docs.Block) -> None:
    faults = docs.check(block)
    assert not faults, "\n\n".join(faults)


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
