"""Runs what the documentation shows, and compares it with what the documentation says.

A fenced ``console`` block holds commands after ``$`` and, below each, exactly what it prints.
``console exit=2`` is for a block whose last command fails with that code. A ``pycon`` block is a
Python session for doctest. Commands run in the folder of the page, with ``convcalc`` on the path,
into a pipe (so no colour and no fitting to a width). Those of ``examples/`` run in a copy of it, and
every file that they write there must be the stored one. An error of rounding (``3.8e-16``) may be
another one, or none.

``python -m tests.docs`` says which pages differ; ``python -m tests.docs --update`` rewrites the
outputs of the commands and the files they write; names of pages after it leave the others alone.
Read the difference before you commit it: the update believes the program.
"""

from __future__ import annotations

import doctest
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests import docs_server

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(?P<info>console[^\n]*|pycon[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)

ROUNDING = re.compile(r"\b\d\.\de-(?:09|1\d)\b")
"""An error of double precision, which differs from machine to machine."""


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    info: str
    body: str
    start: int
    end: int

    @property
    def label(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Step(NamedTuple):
    """A command and what stands below it."""

    command: str
    output: str


def pages() -> list[Path]:
    """Every page whose commands are run."""
    return [
        path for path in (ROOT / "README.md", *sorted((ROOT / "examples").rglob("*.md"))) if path.exists()
    ]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page that can be run."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, match["info"], match["body"], match.start("body"), match.end("body"))


def steps(body: str) -> list[Step]:
    """The commands of a console block; a line ending in a backslash goes on in the next."""
    found: list[Step] = []
    lines = iter(body.splitlines(keepends=True))
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\\n"):
                command += next(lines, "")
            found.append(Step(command.rstrip("\n"), ""))
        elif found:
            found[-1] = Step(found[-1].command, found[-1].output + line)
        else:
            raise ValueError(f"a console block starts with '$ ', not {line!r}")
    return [Step(step.command, step.output.rstrip("\n")) for step in found]


@functools.cache
def _path() -> str:
    """A folder with a ``convcalc`` that runs this tree with this interpreter."""
    folder = Path(tempfile.mkdtemp(prefix="convcalc-docs-"))
    docs_server.start(folder)
    (folder / "python").symlink_to(sys.executable)
    return str(folder)


def run(command: str, folder: Path) -> tuple[str, int]:
    """Run a command as a reader would, and give what it prints and its exit code."""
    environment = {
        k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE")
    }
    environment["PATH"] = _path() + os.pathsep + environment.get("PATH", "")
    environment["PYTHONPATH"] = str(ROOT)
    environment["PYTHONIOENCODING"] = "utf-8"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        encoding="utf-8",
    )
    return done.stdout.rstrip("\n"), done.returncode


def expected_code(block: Block) -> int:
    """Exit code of the block's last command."""
    found = re.search(r"exit=(\d+)", block.info)
    return int(found[1]) if found else 0


def check(block: Block) -> list[str]:
    """What differs between a block and what running it gives; empty if nothing does."""
    if block.info.startswith("pycon"):
        return _check_session(block)
    faults = []
    todo = steps(block.body)
    with workplace(block.page) as folder:
        before = contents(folder) if folder != ROOT else {}
        for number, step in enumerate(todo, 1):
            output, code = run(step.command, folder)
            wanted = expected_code(block) if number == len(todo) else 0
            if code != wanted:
                faults.append(f"{block.label}: {step.command}\nexit code {code}, not {wanted}\n{output}")
            elif not same(output, step.output):
                faults.append(
                    f"{block.label}: {step.command}\n--- on the page\n{step.output}\n--- it prints\n{output}"
                )
        for name, written in (contents(folder) if folder != ROOT else {}).items():
            if before.get(name) != written:
                what = "differs from the one stored" if name in before else "is not stored"
                faults.append(f"{block.label}: {name} was written and {what}")
    return faults


def same(left: str, right: str) -> bool:
    """Whether two outputs are equal but for errors of rounding, which may also be none: ``0``."""
    return left == right or _rounded(left) == _rounded(right)


def _rounded(text: str) -> str:
    return ROUNDING.sub(lambda match: "0".rjust(len(match[0])), text)


@contextmanager
def workplace(page: Path) -> Iterator[Path]:
    """The folder in which the commands of a page run: a copy, so that what they write can be compared."""
    if page.parent == ROOT:
        yield ROOT
        return
    with tempfile.TemporaryDirectory(prefix="convcalc-docs-") as temporary:
        yield Path(shutil.copytree(page.parent, Path(temporary) / page.parent.name))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _check_session(block: Block) -> list[str]:
    test = doctest.DocTestParser().get_doctest(block.body, {}, block.label, str(block.page), block.line)
    written: list[str] = []
    folder = Path.cwd()
    os.chdir(block.page.parent)
    try:
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
        runner.run(test, out=written.append)
    finally:
        os.chdir(folder)
    return ["".join(written)] if runner.failures else []


def updated(page: Path) -> str:
    """The text of a page with the outputs of its commands as they are now."""
    text = page.read_text(encoding="utf-8")
    for block in reversed(list(blocks(page))):
        if not block.info.startswith("console"):
            continue
        parts = []
        for step in steps(block.body):
            output, _ = run(step.command, page.parent)
            output = step.output if same(output, step.output) else output
            parts.append(f"$ {step.command}\n{output}\n" if output else f"$ {step.command}\n")
        # A blank line between two commands of a block is part of the first one's output only.
        text = text[: block.start] + "".join(parts) + text[block.end :]
    return text


def main() -> int:
    """Check or update every page."""
    update = "--update" in sys.argv[1:]
    chosen = [Path(name).resolve() for name in sys.argv[1:] if not name.startswith("-")] or pages()
    failed = 0
    for page in chosen:
        if update:
            text = updated(page)
            if text != page.read_text(encoding="utf-8"):
                page.write_text(text, encoding="utf-8")
                print(f"updated {page.relative_to(ROOT)}")
        for block in blocks(page):
            for fault in check(block) if not update or block.info.startswith("pycon") else []:
                failed += 1
                print(fault, end="\n\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
