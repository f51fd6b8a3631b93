"""``serve``: the live calculator in the browser, on this machine or as a site."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from convcalc.cli.options import INPUT, JSON, MAYBE_SPEC, SET, Common, command
from convcalc.cli.output import UsageProblem, tell, write
from convcalc.render.answer import Answer
from convcalc.render.table import Text


@command(MAYBE_SPEC, INPUT, SET, JSON)
def serve(
    common: Common,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", help="Port on 127.0.0.1; 0 for a free one.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only tell the address.")] = False,
    site: Annotated[
        str | None,
        typer.Option("--site", metavar="DIR", help="Write the page as a static site, which needs no server."),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option("--runtime", metavar="DIR", help="With --site: a copy of Pyodide to put beside it."),
    ] = None,
) -> Answer:
    """The live calculator in the browser: type a spec, and its report follows.

    The page is on this machine alone (127.0.0.1) and writes nothing; Ctrl-C ends it. With --site it is
    written as files for any web server: convcalc itself runs in the browser then.
    """
    if runtime is not None and site is None:
        raise UsageProblem("--runtime goes with --site", expected="--site DIR --runtime DIR")
    if site is not None and (port is not None or no_browser):
        raise UsageProblem(f"--site and {'--no-browser' if port is None else '--port'} cannot go together")
    if port is not None and not 0 <= port < 65536:
        raise UsageProblem(f"--port is {port}", expected="0 to 65535")
    if site is None:
        _needs()
    first = _first(common)
    if site is not None:
        return _site(first, site, runtime)
    return _serve(first, port, not no_browser, common.json)


def _first(common: Common) -> dict[str, Any]:
    """What the page opens with.

    Raises:
        SpecError: the spec cannot be read.
    """
    from convcalc.page.live import opening as live
    from convcalc.spec.loading import build

    given = common.shapes()
    if isinstance(given, dict):
        given = ", ".join(f"{name}={shape}" for name, shape in given.items())
    if common.spec is None:
        if common.input or common.set:
            raise UsageProblem(
                "--input and --set need a SPEC", expected='serve "conv 3->16 k3" --input 3x7x7'
            )
        _, spec, shape = live.CHIPS[0]
        return live.start([spec], shape)
    source = common.source()
    graph = build(source, input=common.shapes(), set=common.assignments())  # which tells what is wrong
    if not source.text:  # a model's file
        from convcalc.exporters.document import to_spec

        return live.start([to_spec(graph)])
    text = common.spec.strip() if source.name.startswith("zoo:") else source.text
    return live.start([text], given or "", common.assignments())


def _needs() -> None:
    """Ask for the packages of the server.

    Raises:
        UsageProblem: they are not installed.
    """
    from importlib.util import find_spec

    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise UsageProblem(
            "serve needs Starlette and Uvicorn",
            expected=f"{sys.executable} -m pip install starlette uvicorn, or --site DIR, which needs neither",
        )


def _serve(first: dict[str, Any], port: int | None, opens: bool, as_json: bool) -> Answer:
    from convcalc.page.live.server import HOST, bind, serve

    try:
        listening = bind(port)
    except OSError as error:
        raise UsageProblem(
            f"--port {port}: {(error.strerror or 'cannot be had').lower()}", expected="--port 0, a free one"
        ) from None
    with listening:
        address = f"http://{HOST}:{listening.getsockname()[1]}/"
        write(f'{{"address": "{address}"}}\n' if as_json else f"convcalc is at {address}\n")
        tell("Ctrl-C ends it\n")
        if opens and _has_display():
            import threading
            import webbrowser

            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        serve(listening, first)
    return Answer([])


def _has_display() -> bool:
    """Whether a browser would have a window to open in."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def _site(first: dict[str, Any], folder: str, runtime: str | None) -> Answer:
    from convcalc.page.live.site import SiteError, write

    try:
        found = write(folder, first, runtime)
    except SiteError as error:
        raise UsageProblem(error.message, expected=error.expected) from None
    text = f"{folder}: {len(found)} files for any web server, such as: python -m http.server -d {folder}"
    return Answer([Text(text)], lambda: {"site": folder, "files": found})
