"""Makes the pictures at the top of the README anew: ``python -m tests.page.screenshots``.

A terminal (a real one, behind a pseudo-terminal), the report and the live page, each in Chromium.
"""

from __future__ import annotations

import html
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "examples" / "pictures"
COLUMNS: Final = 96
SCREEN: Final = ("summary", "resnet50", "--depth", "2")

# Of the sixteen colours of a terminal, those that convcalc uses; on a light ground.
_STYLES: Final = {
    "1": "font-weight:700", "2": "color:#6e7781", "31": "color:#b3261e", "32": "color:#1a7f37",
    "33": "color:#8a5a00", "35": "color:#8250df", "36": "color:#0a7ea4",
}  # fmt: skip


def terminal(*arguments: str, columns: int = COLUMNS, rows: int = 60) -> str:
    """What a command writes to a terminal of that size, with its escapes."""
    outer, inner = pty.openpty()
    ioctl(inner, TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    held = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR", "COLUMNS")}
    environment = {**held, "TERM": "xterm-256color", "CONVCALC_PAGER": "cat", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "convcalc", *arguments]
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment, cwd=ROOT) as run:
        os.close(inner)
        found = b""
        while select.select([outer], [], [], 60)[0]:
            try:
                block = os.read(outer, 1 << 16)
            except OSError:  # the terminal is gone with the command
                break
            if not block:
                break
            found += block
    os.close(outer)
    assert run.returncode == 0, found.decode()
    return found.decode().replace("\r\n", "\n")


def page_of(text: str, title: str) -> str:
    """A terminal's text as a page: escapes become styles."""
    parts, opened = [], False
    for piece in re.split(r"(\x1b\[[\d;]*m)", text.rstrip("\n")):
        code = re.fullmatch(r"\x1b\[([\d;]*)m", piece)
        if code is None:
            parts.append(html.escape(piece))
            continue
        parts.append("</span>" if opened else "")
        styles = [_STYLES[one] for one in code[1].split(";") if one in _STYLES]
        opened = bool(styles)
        parts.append(f'<span style="{";".join(styles)}">' if styles else "")
    ground = "margin:0;padding:14px 18px;background:#fff;color:#1f2328;display:inline-block"
    face = "font:14px/1.35 'DejaVu Sans Mono',monospace;margin:0"
    ask = f'<b style="color:#1a7f37">$</b> {html.escape(title)}'
    return f'<body style="{ground}"><pre style="{face}">{ask}\n{"".join(parts)}</pre></body>'


def shoot_terminal(page: Any, path: Path) -> None:
    """The summary of a network on a screen."""
    page.set_content(page_of(terminal(*SCREEN), f"convcalc {' '.join(SCREEN)}"))
    page.locator("body").screenshot(path=str(path))


def shoot_report(page: Any, path: Path) -> None:
    """The report of a network with a layer selected."""
    import convcalc

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        convcalc.page("resnet50").save(file)
        page.goto(f"{file.as_uri()}#layer=stem.conv_bn1.conv1")
        page.wait_for_timeout(400)
        page.screenshot(path=str(path))


def shoot_live(page: Any, path: Path) -> None:
    """The live page with a transposed convolution at work."""
    from tests.page.live_server import running

    with running() as server:
        page.goto(server.url)
        page.get_by_role("button", name="transposed").first.click()
        page.wait_for_timeout(1500)
        page.screenshot(path=str(path))


SHOTS: Final[dict[str, tuple[Callable[[Any, Path], None], int, int]]] = {
    "terminal.png": (shoot_terminal, 1000, 900),
    "report.png": (shoot_report, 1440, 860),
    "live.png": (shoot_live, 1440, 860),
}
"""Each picture with what makes it, and the window it is made in."""


def shot(browser: Any, name: str, folder: Path) -> Path:
    """One picture, made in a folder, with as many colours as a small file needs."""
    from PIL import Image

    shoot, width, height = SHOTS[name]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    path = folder / name
    shoot(page, path)
    page.close()
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    return path


def main() -> None:
    """Make them all anew."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(os.environ.get("CONVCALC_CHROMIUM", "chromium")),
            args=["--no-sandbox"],
        )
        for name in SHOTS:
            shot(browser, name, FOLDER)
        browser.close()


if __name__ == "__main__":
    main()
