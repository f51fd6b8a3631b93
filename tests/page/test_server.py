"""The server of the live page: what it gives, what it refuses, and that nothing holds it up."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import convcalc
from convcalc.page.live.engine import MAX_REQUEST
from convcalc.page.live.server import Guard
from tests.page.hostile import TEXTS
from tests.page.live_server import ROOT, Server, running

CONV = {"question": "json", "spec": "conv 3->64 k3", "input": "3x32x32"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


def test_the_page_and_what_it_loads(server: Server) -> None:
    page = server.request("GET", "/")
    assert page.code == 200
    text = page.body.decode()
    for name in ("report.css", "live.css", "report.js", "live.js"):
        assert f'"{name}"' in text
        assert server.request("GET", f"/{name}").code == 200
    assert "conv 3-\\u003e16" not in text  # only what opens an element is written out
    start = json.loads(text.split('id="live-start">')[1].split("</script>")[0])
    assert start["engine"] == {"kind": "server"}
    report = convcalc.analyze(start["first"]["specs"][0], input=start["first"]["input"])
    totals = {total["key"]: total["value"] for total in start["first"]["answer"]["networks"][0]["totals"]}
    assert totals["params"] == report.totals.params, "the first answer is there before anything is asked"


def test_every_response_says_what_a_browser_may_do(server: Server) -> None:
    replies = [
        server.request("GET", "/"), server.request("GET", "/live.js"), server.request("GET", "/nothing"),
        server.request("GET", "/", headers={"Host": "evil.example"}), server.ask(CONV),
        server.request("OPTIONS", "/api", headers={"Origin": "http://evil.example"}),
    ]  # fmt: skip
    for reply in replies:
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy and "unsafe-eval" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert "server" not in reply.headers
        assert not any(name.startswith("access-control") for name in reply.headers)
        assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "//etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/live.js",
        "/live.html",
        "/browser.js",
        "/server.py",
        "/.git/config",
        "/live.js/",
        "/live.js%00",
        "/\\..\\live.js",
        "/api",
        "/..",
        "/%252e%252e/etc/passwd",
        "/live.js?../../x=1#y".replace("live.js", "nothing"),
        "/docs",
        "/openapi.json",
    ],
)
def test_no_other_path_leads_anywhere(server: Server, path: str) -> None:
    reply = server.request("GET", path)
    assert reply.code in (404, 405)
    assert b"root:" not in reply.body and b"import" not in reply.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_nothing_else_can_be_done(server: Server, method: str) -> None:
    for path in ("/", "/live.js"):
        assert server.request(method, path, b"").code == 405


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:{port}",
        "",
        "0.0.0.0:{port}",
    ],
)
def test_another_host_is_refused(server: Server, host: str) -> None:
    """DNS rebinding: a name of another site that leads to 127.0.0.1."""
    reply = server.request("GET", "/", headers={"Host": host.format(port=server.port)})
    assert reply.code in (400, 403)
    assert b"convcalc" not in reply.body


def test_localhost_is_this_host(server: Server) -> None:
    assert server.request("GET", "/", headers={"Host": f"localhost:{server.port}"}).code == 200
    assert server.request("GET", "/", headers={"Host": f"LOCALHOST:{server.port}"}).code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "file://",
    ],
)
def test_another_origin_is_refused(server: Server, origin: str) -> None:
    assert server.ask(CONV, Origin=origin.format(port=server.port)).code == 403


def test_a_request_across_sites_is_refused(server: Server) -> None:
    assert server.ask(CONV, **{"Sec-Fetch-Site": "cross-site"}).code == 403
    assert server.ask(CONV, **{"Sec-Fetch-Site": "same-site"}).code == 403
    assert server.ask(CONV, **{"Sec-Fetch-Site": "same-origin"}).code == 200


def test_two_hosts_are_refused() -> None:
    guard = Guard(None, 80)  # type: ignore[arg-type]
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"host", b"127.0.0.1"), (b"host", b"evil.example")],
    }
    assert guard.refusal(scope) is not None
    assert guard.refusal({**scope, "headers": [(b"host", b"127.0.0.1")]}) is None
    assert guard.refusal({**scope, "headers": []}) is not None


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonp",
    ],
)
def test_only_json_is_a_question(server: Server, kind: str) -> None:
    """A form or a simple request of another site cannot have this type."""
    reply = server.ask(CONV, **{"Content-Type": kind})
    assert reply.code == 415
    assert "application/json" in reply.json()["errors"][0]["text"]


def test_the_answers_are_those_of_the_command(server: Server, cli) -> None:
    for command in ("summary", "rf", "padding"):
        told = cli(command, "resnet18", "--json").json()
        assert server.ask({"question": "json", "spec": "resnet18", "command": command}).json() == told


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"question": "page", "specs": ["\\ud800"]}',
        b"1e999",
        b"1" * 10_000,
        b"NaN",
    ],
)
def test_what_is_no_question_is_told(server: Server, body: bytes) -> None:
    reply = server.request("POST", "/api", body, {"Content-Type": "application/json"})
    assert reply.code in (200, 400)
    assert reply.json()["errors"]
    assert server.ask(CONV).code == 200


def test_a_long_question_is_refused(server: Server) -> None:
    json_type = {"Content-Type": "application/json"}
    body = json.dumps({"question": "page", "specs": ["x" * MAX_REQUEST]}).encode()
    assert server.request("POST", "/api", body, json_type).code == 413
    said = {**json_type, "Content-Length": str(10**15)}
    assert server.request("POST", "/api", b"{}", said).code == 413
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [b" " * 65_536] * 20) + b"0\r\n\r\n"
    unsaid = {**json_type, "Transfer-Encoding": "chunked"}
    with suppress(BrokenPipeError, ConnectionResetError):  # where it hung up before all had arrived
        assert server.request("POST", "/api", pieces, unsaid).code == 413
    assert server.ask(CONV).code == 200


def test_files_and_code_are_no_specs(server: Server) -> None:
    for spec in ("/etc/passwd", "torch:os:system", "-", "../x.yaml"):
        reply = server.ask({"question": "page", "specs": [spec]})
        assert "no text" in reply.json()["errors"][0]["message"]


@pytest.mark.slow
def test_a_question_that_takes_too_long_is_ended_and_others_go_on() -> None:
    """A server whose limit is two seconds, and a text that takes many."""
    code = {"CONVCALC_STEPS": "1000000000"}
    long = TEXTS["strides of sizes"]
    with running(env={**code, "CONVCALC_SERVE_SECONDS": "2"}) as server, ThreadPoolExecutor() as threads:
        assert server.ask(CONV).code == 200
        before = time.perf_counter()
        slow = [
            threads.submit(server.ask, {"question": "page", "specs": [long], "input": "3xHxW"})
            for _ in range(2)
        ]
        found = [one.result() for one in slow]
        assert time.perf_counter() - before < 12
        for reply in found:
            assert reply.code == 200
            assert "more than 2 seconds" in reply.json()["errors"][0]["message"]
        assert server.ask(CONV).json()["totals"]["params"] == 3 * 64 * 9 + 64
        assert len(server.children()) <= 2


def test_a_process_that_dies_is_replaced(server: Server) -> None:
    assert server.ask(CONV).code == 200
    children = server.children()
    assert children
    for child in children:
        os.kill(child, 9)
    time.sleep(0.2)
    assert server.ask(CONV).json()["totals"]["params"] == 1792
    assert server.children() and not server.children() & children


def test_many_questions_at_a_time_are_answered_or_sent_away(server: Server) -> None:
    with ThreadPoolExecutor(40) as threads:
        codes = [reply.code for reply in threads.map(server.ask, [CONV] * 40)]
    assert set(codes) <= {200, 503} and codes.count(200) >= 16
    assert server.ask(CONV).code == 200


def test_ctrl_c_ends_it_quietly() -> None:
    with running("resnet18", "--input", "3x64x64") as server:
        assert server.ask(CONV).code == 200
        children = server.children()
        assert b"3x64x64" in server.request("GET", "/").body
        code, told = server.stop()
        assert code == 0
        assert told.strip() == "Ctrl-C ends it"
        assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_only_this_machine_can_ask(server: Server) -> None:
    """The address of the socket is the loopback one: asked of the system, not of the server."""
    wanted = f"{server.port:04X}"
    rows = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split()[1] for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    assert {row.partition(":")[0] for row in rows if row.endswith(f":{wanted}")} == {"0100007F"}


def test_a_port_that_is_taken(cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = cli("serve", "--no-browser", "--port", str(port))
    assert told.code == 2
    assert f"--port {port}" in told.err and "--port 0" in told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("conv 3->4 kk",), "<spec>:1:11"),
        (("no_such_network",), "no network, file or layer"),
        (("--input", "3x9x9"), "need a SPEC"),
        (("--runtime", "x"), "--site"),
        (("--port", "99999"), "0 to 65535"),
        (("--site", "x", "--port", "1"), "cannot go together"),
    ],
)
def test_wrong_use_is_told_before_anything_is_served(cli, arguments: tuple[str, ...], words: str) -> None:
    told = cli("serve", "--no-browser" if "--site" not in arguments else "--json", *arguments)
    assert told.code == 2
    assert words in told.err


def test_without_the_extra_the_packages_are_named(process) -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'uvicorn' else find(name, *a)\n"
        "from convcalc.cli import main; main(['serve', '--no-browser'])"
    )
    done = process(code=code)
    assert done.code == 2
    assert "pip install starlette uvicorn" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_file_of_the_command_line_is_shown_as_its_text(tmp_path) -> None:
    (tmp_path / "net.yaml").write_text("input: 3x9x9\nlayers:\n  - conv 8 k3  # mine\n")
    with running("net.yaml", cwd=tmp_path) as server:
        assert b"# mine" in server.request("GET", "/").body
    with running(str(ROOT / "examples/models/digits.onnx")) as server:
        text = server.request("GET", "/").body.decode()
        start = json.loads(text.split('id="live-start">')[1].split("</script>")[0])
        report = convcalc.analyze(str(ROOT / "examples/models/digits.onnx"))
        totals = {total["key"]: total["value"] for total in start["first"]["answer"]["networks"][0]["totals"]}
        assert totals["params"] == report.totals.params


@pytest.mark.skipif(sys.platform != "linux", reason="the way of a browser is asked of the system elsewhere")
@pytest.mark.parametrize("display", ["", ":7"])
def test_the_browser_is_opened_where_there_is_a_window_for_it(tmp_path, display: str) -> None:
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\ncd "{tmp_path}"; echo "$1" > part; mv part opened\n')
    script.chmod(0o755)
    env = {"BROWSER": f"{script} %s", "DISPLAY": display, "WAYLAND_DISPLAY": ""}
    with running(env=env, quiet=False) as server:
        assert server.ask(CONV).code == 200
        for _ in range(100 if display else 5):
            if (tmp_path / "opened").exists():
                break
            time.sleep(0.1)
        assert (tmp_path / "opened").exists() == bool(display)
        assert not display or (tmp_path / "opened").read_text().strip() == server.url


def test_the_address_as_json() -> None:
    with running("--json") as server:
        assert json.loads(server.said) == {"address": server.url}
