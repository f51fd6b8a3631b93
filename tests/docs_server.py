"""Runs many ``convcalc`` commands without starting Python and importing NumPy for each.

A server imports everything once and forks for each command; a client, the ``convcalc`` on the path of
the pages, hands it its arguments, folder, environment and open files, and ends with its exit code. The
command itself runs as it would alone: in a process of its own, on the files it was given.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

CLIENT = """#!{python} -SE
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    files = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
    server.sendmsg([b"!"], files)
    server.sendall(json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    code = server.recv(1)
os._exit(code[0] if code else 70)
"""


def start(folder: Path) -> None:
    """Start a server for this process, and put a ``convcalc`` that uses it into a folder."""
    address = str(folder / "server")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    environment["PYTHONIOENCODING"] = "utf-8"
    server = subprocess.Popen(
        [sys.executable, __file__, str(listener.fileno())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[listener.fileno()],
        env=environment,
    )
    listener.close()
    atexit.register(_end, server)
    script = folder / "convcalc"
    script.write_text(CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
    script.chmod(0o755)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server, by ending its standard input (which happens as well if this process is killed)."""
    assert server.stdin is not None
    server.stdin.close()
    server.wait()


def serve(listener: socket.socket) -> None:
    """Fork for each command that comes, until standard input ends."""
    import convcalc

    for module in pkgutil.walk_packages(convcalc.__path__, "convcalc."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in ("numpy", "rich.progress", "typer.main"):
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for a command
    threading.Thread(target=_end_with_the_owner, daemon=True).start()
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            _command(client)
        client.close()


def _end_with_the_owner() -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock a command would inherit and wait for
        pass
    os._exit(0)


def _command(client: socket.socket) -> None:
    """Run what a client asks for and tell it the exit code; does not return."""
    files = array.array("i")
    _, notes, _, _ = client.recvmsg(1, socket.CMSG_SPACE(3 * files.itemsize))
    for _, _, data in notes:
        files.frombytes(data)
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    argv, folder, environment = json.loads(b"".join(parts))
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = argv
    code = 0
    try:
        from convcalc.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    client.send(bytes([code]))
    os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
