"""What a file is, by its content, and who reads it: the door by which every network comes in.

The first bytes decide, never the name. A reader is a function that is imported when a file of its format is
met; it is called as ``read(path, input=..., set=..., primitive=...)`` and gives a graph.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import import_module
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.spec.errors import Problem, SpecError
from convcalc.spec.source import Source

if TYPE_CHECKING:
    from convcalc.dims import Shape
    from convcalc.graph import Graph, Weights

HEAD: Final = 1 << 16
"""Bytes by which a file is told."""
MAX_MEMBERS: Final = 200_000
"""Most files in an archive."""


class Format(NamedTuple):
    """One kind of file.

    Attributes:
        name: what it is called: ``an ONNX model``.
        reader: ``module:function`` that reads it; empty where nothing does.
        weights: whether it holds arrays alone, and no network.
        shapes: whether its reader takes shapes as sizes; else as they were given.
        fixed: whether its sizes were fixed when it was written.
        instead: what to do with one that is not read.
    """

    name: str
    reader: str = ""
    weights: bool = False
    fixed: bool = False
    shapes: bool = True
    instead: str = ""


ONNX: Final = Format("an ONNX model", "convcalc.importers.onnx:read")
KERAS: Final = Format("a Keras model", "convcalc.importers.keras.files:read")
EXPORTED: Final = Format("an exported PyTorch program", "convcalc.importers.torch.pt2:read", fixed=True)
STATE: Final = Format("a file of PyTorch weights", "convcalc.importers.torch.state:read", weights=True)
SAFETENSORS: Final = STATE._replace(name="a safetensors file")
FACTORY: Final = Format("a PyTorch module", "convcalc.importers.torch.factory:open_factory", shapes=False)
ARRAYS: Final = Format("an archive of NumPy arrays", instead="a network, and these with --weights")

_TO_ONNX: Final = "an ONNX file of the same model (tf2onnx, or the exporter of its framework)"
_SIZES: Final = "a size that 'convcalc sizes' names"
_GOES_IN: Final = "a network; 'convcalc run SPEC --input-file' takes what goes into it"
_FOREIGN: Final[tuple[tuple[int, bytes, Format], ...]] = (
    (
        0,
        b"\x89PNG\r\n\x1a\n",
        Format("a PNG picture", instead=_GOES_IN),
    ),
    (0, b"\xff\xd8\xff", Format("a JPEG picture")),
    (0, b"GIF8", Format("a GIF picture")),
    (0, b"BM", Format("a BMP picture")),
    (8, b"WEBP", Format("a WebP picture")),
    (0, b"%PDF-", Format("a PDF document")),
    (0, b"\x1f\x8b", Format("a gzip archive", instead="what is in it, unpacked")),
    (0, b"BZh", Format("a bzip2 archive", instead="what is in it, unpacked")),
    (0, b"\xfd7zXZ\0", Format("an xz archive", instead="what is in it, unpacked")),
    (0, b"\x28\xb5\x2f\xfd", Format("a Zstandard archive", instead="what is in it, unpacked")),
    (0, b"7z\xbc\xaf\x27\x1c", Format("a 7-Zip archive", instead="what is in it, unpacked")),
    (0, b"Rar!", Format("a RAR archive", instead="what is in it, unpacked")),
    (257, b"ustar", Format("a tar archive", instead="what is in it, unpacked")),
    (0, b"\x7fELF", Format("a program for Linux")),
    (0, b"MZ", Format("a program for Windows")),
    (0, b"\x93NUMPY", Format("a NumPy array", instead=_GOES_IN)),
    (4, b"TFL3", Format("a TensorFlow Lite model", instead=_TO_ONNX)),
    (0, b"GGUF", Format("a GGUF file of weights", instead="the network itself, as ONNX or .pt2")),
    (0, b"PAR1", Format("a Parquet table")),
    (0, b"SQLite format 3\0", Format("an SQLite database")),
)
_PICKLES: Final = re.compile(rb"\x80[\x01-\x05]")


class Foreign(Source):
    """A file that is no text of the language, before it is read.

    Attributes:
        path: where it is; of a factory, its name.
        format: what it is.
        primitive: whether what stands in it is to be shown as it stands, operator by operator.
    """

    is_text = False

    __slots__ = ("format", "held", "path", "primitive")

    def __init__(self, name: str, path: str, format: Format, primitive: bool = False) -> None:
        super().__init__(name, "")
        self.path = path
        self.format = format
        self.primitive = primitive
        self.held: Any = None  # what must live as long as the source, as a temporary file

    def graph(self, input: Any = None, set: Mapping[str, Any] | None = None, listed: bool = False) -> Graph:
        """Read it.

        Args:
            input: shapes instead of its own, as :func:`convcalc.load` takes them.
            set: values for its variables.
            listed: whether a file of weights alone will do, as its tensors.

        Raises:
            SpecError: it is damaged, or what was asked is not in it.
        """
        if self.format.weights:
            return self._listed(input, set, listed)
        graph: Graph = self._read(input, set)
        if input is not None and _unknown(graph):
            try:
                own: Graph = self._read(None, set)
            except SpecError:  # it states no sizes that could be read
                own = graph
            self._check_sizes(graph, _unknown(own))
        if not self.format.fixed:
            known, read = _unknown(graph), graph.again or self._read

            def again(shapes: Mapping[str, Shape], variables: Mapping[str, Any]) -> Graph:
                found: Graph = read(dict(shapes), variables)
                self._check_sizes(found, known)
                found.again = again
                return found

            graph.again = again
        return graph

    def _check_sizes(self, graph: Graph, own: frozenset[str]) -> None:
        """Refuse sizes at which an operator is not known that is known at the file's own.

        Raises:
            SpecError: with the first of them.
        """
        more = _unknown(graph) - own
        for name in (node.name for node in graph.nodes if node.name in more):
            reason = next((note for note in graph.notes if note.startswith(f"{name}: ")), name)
            message = f"the network does not go on this input: {reason}"
            raise SpecError(Problem(message, file=self.name, line=0, expected=_SIZES))

    def _read(self, input: Any, set: Mapping[str, Any] | None) -> Any:
        return self.called(input=input, set=dict(set or {}), primitive=self.primitive)

    def called(self, **given: Any) -> Any:
        """What the reader of the format makes of the file.

        Raises:
            SpecError: it refuses, has nothing to set, cannot be had, or is overwhelmed.
        """
        home, _, function = self.format.reader.partition(":")
        try:
            read = getattr(import_module(home), function, None)
        except ModuleNotFoundError as error:
            if not home.startswith(error.name or "?"):
                raise
            read = None
        if read is None:
            raise self._problem(f"{self.format.name}, which is not read here")
        takes = signature(read).parameters
        anything = any(one.kind is Parameter.VAR_KEYWORD for one in takes.values())
        if given.get("set") and not anything and "set" not in takes:
            name = next(iter(given["set"]))
            message = f"no variable {name!r} to set: {self.format.name} has none"
            raise SpecError(Problem(message, file="--set", text=name, length=len(name)))
        if not anything:
            given = {name: value for name, value in given.items() if name in takes}
        try:
            return read(self.path, **given)
        except RecursionError:
            raise self._problem("nested too deep to be read") from None
        except SpecError as error:
            for problem in error.problems:
                if problem.file == self.path:
                    problem.file = self.name
            raise
        except OSError as error:
            raise self._problem(f"a file that cannot be read: {error.strerror or error}") from None

    def _listed(self, input: Any, set: Mapping[str, Any] | None, listed: bool) -> Graph:
        stored = weights_of(self)
        if not listed or input is not None or set:
            message = f"this holds weights alone ({len(stored)} tensors), and no network"
            expected = (
                "'convcalc params' to list them; for the rest a network (an ONNX or .pt2 file, source, "
                "a spec), and these with --weights"
            )
            raise SpecError(Problem(message, file=self.name, line=0, expected=expected))
        from convcalc.importers.listing import listing

        return listing(os.path.basename(self.name), stored)

    def _problem(self, what: str) -> SpecError:
        return SpecError(Problem(f"this is {what}", file=self.name, line=0))


def _unknown(graph: Graph) -> frozenset[str]:
    """Names of the operators that no layer says."""
    return frozenset(node.name for node in graph.nodes if node.layer.opaque)


def weights_of(source: Foreign) -> Weights:
    """The arrays of a file of weights alone, none of them read."""
    from convcalc.graph import Weights

    read = source.called()
    return Weights({weight.name: weight for weight in read.tensors})


def stored_weights(path: str | os.PathLike[str]) -> Weights | None:
    """The arrays of a file of PyTorch's weights; None where it is another file, as an ``.npz``.

    Raises:
        SpecError: it is such a file, and damaged.
        OSError: it cannot be read.
    """
    from convcalc.files import open_regular

    name = os.fspath(path)
    with open_regular(path) as file:
        found = known(file.read(HEAD), name)
    return weights_of(Foreign(name, name, found)) if found is not None and found.weights else None


def opened(name: str, path: str, head: bytes, primitive: bool = False) -> Foreign | None:
    """A file by its first bytes, ready to be read; None where it is a text of the language, or none at all.

    Raises:
        SpecError: it is something that no reader takes, by its name.
    """
    format = known(head, path)
    if format is None:
        return None
    if not format.reader:
        expected = format.instead or TAKEN
        raise SpecError(Problem(f"this is {format.name}", file=name, line=0, expected=expected))
    return Foreign(name, path, format, primitive)


TAKEN: Final = "a spec, or a network: an ONNX, .pt2, .keras or .h5 file, PyTorch or Keras source"


def factory(text: str, primitive: bool = False) -> Foreign:
    """``torch:package.module:factory``: code that is imported because it was asked for by this name."""
    return Foreign(text, text, FACTORY, primitive)


def known(head: bytes, path: str) -> Format | None:
    """The format of a file by its first bytes (:data:`HEAD` of them); of an archive by its members.

    None where it is none of those known here, as every text is.
    """
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _archive(path)
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return KERAS
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 1 << 27:
        return SAFETENSORS
    text = _is_text(head)
    for start, magic, format in _FOREIGN:
        if head[start : start + len(magic)] == magic and not (text and len(magic) < 4):
            return format
    if text:
        return KERAS if _is_keras(head) else None
    if _PICKLES.match(head) and head[2:3] in (b"\x8a", b"}", b"c", b"\x95", b"]", b"X", b"q", b"("):
        return STATE
    from convcalc.importers.onnx.model import looks_like_onnx

    if looks_like_onnx(head[:1024]):
        return ONNX
    return None


def _is_text(head: bytes) -> bool:
    """Whether the bytes are UTF-8 without control characters; the last character may be cut."""
    if re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]", head):
        return False
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == HEAD
    return True


def _is_keras(head: bytes) -> bool:
    """Whether a text is the configuration of a Keras model, as ``to_json`` writes it."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return (
        start[:1] == b"{"
        and re.match(rb'\{\s*"(class_name|module|config|name)"', start) is not None
        and (b'"class_name"' in start)
    )


def _archive(path: str) -> Format:
    """What a ZIP archive is, by the names of its members."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:MAX_MEMBERS]
    except Exception as error:  # zipfile raises whatever damage leads it to
        if isinstance(error, OSError):
            raise
        return Format("a damaged ZIP archive", instead="a whole one")
    below = {name.partition("/")[2] for name in names}
    if "config.json" in names and ("metadata.json" in names or "model.weights.h5" in names):
        return KERAS
    if "archive_format" in below or "serialized_exported_program.json" in {*names, *below}:
        return EXPORTED
    if any(name.startswith("models/") and name.endswith(".json") for name in below):
        return EXPORTED
    if "data.pkl" in below:
        return STATE
    if names and all(name.endswith(".npy") for name in names):
        return ARRAYS
    if "[Content_Types].xml" in names:
        return Format("an Office document")
    if any(name.endswith("META-INF/MANIFEST.MF") for name in names):
        return Format("a Java archive")
    return Format("a ZIP archive", instead="what is in it, unpacked")
