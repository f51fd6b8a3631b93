"""The live page on this machine alone: a small server on the loopback address, with nothing to write.

It gives the page, the files that the page loads, and answers to questions by POST. Questions are answered by
processes of their own (:mod:`convcalc.page.live.worker`), which end where one takes too long.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from convcalc.page.html import loaded
from convcalc.page.live import opening as live
from convcalc.page.live import worker
from convcalc.page.live.engine import MAX_REQUEST, errors_of

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST: Final = "127.0.0.1"
PORT: Final = 8017
"""Where the page is, unless another port is asked for: always the same, so that its addresses can be kept."""
WORKERS: Final = 2
"""Questions that are answered at a time."""
WAITING: Final = 16
"""Questions that may wait; more are sent away."""
BODY_SECONDS: Final = 5
"""Seconds in which a question must have arrived."""

HEADERS: Final = {
    "content-security-policy": f"{live.POLICY}; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""What every response says besides: no scripts but ours, no frames, nothing kept."""
TYPES: Final = {"css": "text/css", "js": "text/javascript"}


def bind(port: int | None) -> socket.socket:
    """A socket that listens on the loopback address.

    Args:
        port: the port; 0 for one that is free; None for :data:`PORT`, or a free one where that is taken.

    Raises:
        OSError: the port cannot be had.
    """
    tries = (PORT, 0) if port is None else (port,)
    for number in tries:
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere it would let another process take the port over
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((HOST, number))
            found.listen(64)
        except OSError:
            found.close()
            if number == tries[-1]:
                raise
        else:
            return found
    raise AssertionError


def serve(listening: socket.socket, first: Mapping[str, Any]) -> None:
    """Answer on a socket until Ctrl-C, or until the process is told to end.

    Args:
        listening: what :func:`bind` gave.
        first: what the page opens with; see :func:`convcalc.page.live.opening.start`.
    """
    import uvicorn

    port = listening.getsockname()[1]
    config = uvicorn.Config(
        application(port, first), log_config=None, access_log=False, server_header=False, lifespan="on",
        timeout_keep_alive=5, timeout_graceful_shutdown=1, limit_concurrency=128, ws="none",
        proxy_headers=False,
    )  # fmt: skip
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def application(port: int, first: Mapping[str, Any]) -> Starlette:
    """The application: ``GET /``, the files that the page loads, ``POST /api``, and nothing else."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import Response
    from starlette.routing import Route

    workers = Workers()
    page = live.html(first, {"kind": "server"}).encode()
    assets = {name: loaded(name).encode() for name in live.ASSETS}

    async def index(request: Request) -> Response:
        return Response(page, media_type="text/html")

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in assets:
            return Response("no such file\n", 404, media_type="text/plain")
        return Response(assets[name], media_type=TYPES[name.rpartition(".")[2]])

    async def api(request: Request) -> Response:
        code, data = await _answered(request, workers)
        return Response(data, code, media_type="application/json")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await workers.open()
        try:
            yield
        finally:
            workers.close()

    app = Starlette(
        routes=[Route("/api", api, methods=["POST"]), Route("/{name}", file), Route("/", index)],
        middleware=[Middleware(Guard, port=port)],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


class Guard:
    """Lets through what the page itself asks, and says with every response what a browser may do with it.

    A name that leads here from elsewhere (DNS rebinding) stands in ``Host``, another site that asks in
    ``Origin`` and ``Sec-Fetch-Site``: both are refused.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}".encode() for name in (HOST, "localhost")}
        if port == 80:
            self.hosts |= {HOST.encode(), b"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request from elsewhere; add the headers to every response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        why = self.refusal(scope)
        if why is None:
            await self.app(scope, receive, guarded)
            return
        from starlette.responses import PlainTextResponse

        await PlainTextResponse(f"{why}\n", 403)(scope, receive, guarded)

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused; None where it is ours."""
        named: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            named.setdefault(name.lower(), []).append(value.lower())
        hosts = named.get(b"host", [])
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return "this host is not served here"
        own = b"http://" + hosts[0]
        if any(origin != own for origin in named.get(b"origin", [])):
            return "another site asks"
        posted = scope["method"] not in ("GET", "HEAD")
        if posted and any(site not in (b"same-origin", b"none") for site in named.get(b"sec-fetch-site", [])):
            return "another site asks"
        return None


async def _answered(request: Request, workers: Workers) -> tuple[int, bytes]:
    """The status and the body of the answer to a POST."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return _problem(415, f"a question of type {kind[:60] or 'nothing'}", "application/json")
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdecimal() or int(length[:12]) > MAX_REQUEST:
        return _problem(413, "this question is too long", f"at most {MAX_REQUEST:,} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_REQUEST:
                    return _problem(413, "this question is too long", f"at most {MAX_REQUEST:,} bytes")
        line = json.dumps(json.loads(body)).encode() + b"\n"
    except TimeoutError:
        return _problem(408, "the question did not arrive")
    except (ValueError, RecursionError):
        return _problem(400, "the question is no JSON", '{"question": "page", "specs": [...]}')
    return await workers.ask(line)


def _problem(code: int, message: str, expected: str | None = None) -> tuple[int, bytes]:
    from convcalc.page.live.engine import Refused

    return code, json.dumps({"errors": errors_of(Refused(message, expected))}).encode()


_BOOT: Final = "import sys; sys.path[:] = sys.argv[1:]; from convcalc.page.live.worker import run; run()"


class Workers:
    """The processes that answer, each one question at a time; one that takes too long is ended."""

    def __init__(self) -> None:
        self.idle: list[asyncio.subprocess.Process] = []
        self.all: set[asyncio.subprocess.Process] = set()
        self.places = asyncio.Semaphore(WORKERS)
        self.waiting = 0
        self.first: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the first process, which gets ready while the page is loaded."""
        self.first = asyncio.create_task(self._start_first())

    async def _start_first(self) -> None:
        async with self.places:
            with suppress(OSError):  # who asks is told
                self.idle.append(await self._start())

    async def _start(self) -> asyncio.subprocess.Process:
        threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        found = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _BOOT, *sys.path,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **threads}, limit=worker.MAX_ANSWER + 1000,
        )  # fmt: skip
        self.all.add(found)
        assert found.stdout is not None
        if not await found.stdout.readline():  # it is ready: the time to start is not that of a question
            self._end(found)
            raise OSError("it does not start")
        return found

    async def ask(self, line: bytes) -> tuple[int, bytes]:
        """The status and the answer to a question, which is a line of JSON."""
        if self.waiting >= WAITING:
            return _problem(503, "too many questions at a time")
        self.waiting += 1
        try:
            async with self.places:
                return await self._ask(await self._ready(), line)
        except OSError as error:
            return _problem(500, f"the process that answers: {error}")
        finally:
            self.waiting -= 1

    async def _ask(self, process: asyncio.subprocess.Process, line: bytes) -> tuple[int, bytes]:
        assert process.stdin is not None and process.stdout is not None
        try:
            async with asyncio.timeout(worker.SECONDS):
                process.stdin.write(line)
                await process.stdin.drain()
                data = await process.stdout.readline()
        except (TimeoutError, OSError):
            data = b""
        except BaseException:  # the server ends, or who asked has left
            self._end(process)
            raise
        if not data.endswith(b"\n"):
            ended = process.returncode is not None or process.stdout.at_eof()
            self._end(process)
            if ended:
                return _problem(
                    200, "the process that answers was ended: it took too much", "a smaller network"
                )
            return _problem(
                200,
                f"this takes more than {worker.SECONDS} seconds, and was stopped",
                "a smaller network, or the commands in a terminal",
            )
        self.idle.append(process)
        return 200, data

    async def _ready(self) -> asyncio.subprocess.Process:
        """A process that waits for a question; one that has ended meanwhile is passed over."""
        while self.idle:
            process = self.idle.pop()
            if process.returncode is None:
                return process
            self._end(process)
        return await self._start()

    def _end(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()
        self.all.discard(process)

    def close(self) -> None:
        """End all processes."""
        if self.first is not None:
            self.first.cancel()
        for process in [*self.all]:
            self._end(process)
