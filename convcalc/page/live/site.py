"""The live page as files for any web server: convcalc itself runs in the browser, under Pyodide.

The folder holds the page, one archive of what convcalc needs to answer (Python sources as they are, and those
of PyYAML, which is installed here), and the runtime where a copy of it is given; else the page names the
runtime's public address.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from convcalc.page.html import loaded
from convcalc.page.live import opening as live

RUNTIME_VERSION: Final = "314.0.7"
"""The version of Pyodide that the page was tested with."""
RUNTIME: Final = f"https://cdn.jsdelivr.net/pyodide/v{RUNTIME_VERSION}/full/"
"""The public address of the runtime."""
RUNTIME_FILES: Final = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)
"""What of the runtime a browser loads."""
SOURCES: Final = "convcalc.zip"
INNER: Final = "sources.zip"
LEFT_OUT: Final = (
    "cli",  # there is no terminal
    *("executor", "verification", "exporting.py", "solve/coverage.py"),  # need NumPy, which the runtime lacks
    *("importers/onnx", "importers/keras/files", "importers/formats.py", "exporters/onnx"),  # are about files
    *(f"importers/torch/{name}.py" for name in ("archive", "exporting", "factory", "live", "pickled", "pt2")),
    *(f"calculators/{name}" for name in ("check", "fit", "variants")),  # no question of the page
    *(f"render/views/design/{name}.py" for name in ("check", "fit", "variants")),
    *("render/views/execute", "page/live/server.py", "page/live/site.py"),
)
"""What of convcalc the page cannot ask for."""
_KINDS: Final = (".py", ".pyi", ".yaml", ".json", ".txt", ".html", ".css", ".js")
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive, so that the same sources make the same bytes."""


class SiteError(ValueError):
    """A site that cannot be written.

    Attributes:
        message: why.
        expected: what would work.
    """

    def __init__(self, message: str, expected: str | None = None) -> None:
        super().__init__(message)
        self.message, self.expected = message, expected


def write(
    folder: str | os.PathLike[str], first: Mapping[str, Any], runtime: str | os.PathLike[str] | None = None
) -> dict[str, int]:
    """Write the site into a folder that is new or empty: all of it, or nothing.

    Args:
        folder: where it goes.
        first: what the page opens with; see :func:`convcalc.page.live.opening.start`.
        runtime: a folder with Pyodide, which is copied; its public address otherwise.

    Returns:
        the files by name, and their bytes.

    Raises:
        SiteError: the folder holds something, or the runtime is none.
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(folder))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SiteError(f"{os.fspath(folder)} is not empty", "a folder that is new or empty")
    found = files(first, runtime)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-", suffix=".part"))
    try:
        for name, data in found.items():
            path = beside / name
            path.parent.mkdir(exist_ok=True)
            if isinstance(data, Path):
                shutil.copyfile(data, path)
            else:
                path.write_bytes(data)
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod(0o777 & ~mask)
        sizes = {name: (beside / name).stat().st_size for name in found}
        if target.exists():
            target.rmdir()
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return sizes


def files(first: Mapping[str, Any], runtime: str | os.PathLike[str] | None = None) -> dict[str, bytes | Path]:
    """The files of the site by name: their bytes, or where they are copied from.

    Raises:
        SiteError: the runtime is none.
    """
    engine = {"kind": "browser", "runtime": RUNTIME if runtime is None else "runtime/", "sources": SOURCES}
    found: dict[str, bytes | Path] = {
        "index.html": live.html(first, engine).encode(),
        **{name: loaded(name).encode() for name in (*live.ASSETS, "browser.js")},
        SOURCES: archive(),
    }
    if runtime is not None:
        found |= {f"runtime/{path.name}": path for path in _runtime(Path(runtime))}
    return found


def _runtime(folder: Path) -> list[Path]:
    """The files of a copy of Pyodide.

    Raises:
        SiteError: one of them is missing, or it is another version.
    """
    absent = [name for name in RUNTIME_FILES if not (folder / name).is_file()]
    if absent:
        raise SiteError(
            f"{folder} is no copy of Pyodide: it has no {absent[0]}",
            f"the folder of the npm package pyodide@{RUNTIME_VERSION}",
        )
    if RUNTIME_VERSION.encode() not in (folder / "pyodide.mjs").read_bytes():
        raise SiteError(f"{folder} is another version of Pyodide", RUNTIME_VERSION)
    return [folder / name for name in RUNTIME_FILES]


def archive() -> bytes:
    """The sources that answer in the browser, as a ZIP archive.

    It holds one file, :data:`INNER`, an archive of the files as they are: what many small files have in
    common is packed once, which makes it a quarter smaller.
    """
    return _zipped([(INNER, _zipped(sorted(_sources()), zipfile.ZIP_STORED))], zipfile.ZIP_DEFLATED)


def _zipped(entries: Sequence[tuple[str, bytes]], how: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, data in entries:
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, data, how, 9)
    return buffer.getvalue()


def _sources() -> Iterator[tuple[str, bytes]]:
    """Every file of convcalc that is needed, and the Python sources of PyYAML with their license."""
    import yaml

    own = Path(__file__).resolve().parents[2]
    for path in own.rglob("*"):
        name = path.relative_to(own).as_posix()
        out = any(name == left or name.startswith(f"{left}/") for left in LEFT_OUT)
        if path.suffix in _KINDS and not out and path.is_file():
            yield f"convcalc/{name}", path.read_bytes()
    for path in Path(yaml.__file__).parent.glob("*.py"):
        yield f"yaml/{path.name}", path.read_bytes()
    for license in _licenses("PyYAML"):
        yield "yaml/LICENSE", license.read_bytes()


def _licenses(package: str) -> list[Path]:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(package).files or []
    except PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in found if file.name == "LICENSE"][:1]
