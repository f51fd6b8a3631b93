"""A real Chromium for the tests marked ``browser``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def _absent(what: str) -> None:
    """Leave the test out on a machine without a browser; in CI that is a failure."""
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(what)
    pytest.fail(what)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium: CONVCALC_CHROMIUM, or the first of its names on PATH."""
    named = os.environ.get("CONVCALC_CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        _absent(f"no Chromium: looked for {named or ', '.join(NAMES)}")
    return str(found)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One Chromium for all tests of a process; each test takes tabs of its own."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("no Playwright: pip install 'convcalc[browser]'")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Heard:
    """What the tabs of a test said and asked for."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def tab(browser: Any, heard: Heard) -> Iterator[Callable[..., Any]]:
    """Open a tab of its own context (``color_scheme=``, ``viewport=``, ... as Playwright names them).

    A test fails where a tab wrote a message to its console, whatever else it looked at; a test that
    expects one takes it out of ``heard.console``.
    """
    contexts = []

    def open_tab(width: int = 1280, height: int = 900, **options: Any) -> Any:
        options.setdefault("reduced_motion", "reduce")
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: heard.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: heard.console.append(f"error: {error}"))
        page.on("request", lambda request: heard.requests.append(request.url))
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert heard.console == []
