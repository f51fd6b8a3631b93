"""A network handed back: PyTorch source, an ONNX model, or a document of the language."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from convcalc.exporters.errors import ExportError
from convcalc.files import write_whole
from convcalc.graph import Spec, as_graph

if TYPE_CHECKING:
    from convcalc.exporters.onnx.outside import Outside

FORMS: Final = ("pytorch", "onnx", "spec")
"""What a network is exported to."""


@dataclass(frozen=True)
class Export:
    """A network in another notation.

    Attributes:
        to: ``pytorch``, ``onnx`` or ``spec``.
        content: the text; bytes of an ONNX model.
        arrays: weights by name that are written beside a text which loads them.
        outside: weights that are written beside an ONNX model, which holds 2 GB at most.
    """

    to: str
    content: str | bytes
    arrays: Mapping[str, Any] | None = field(default=None, repr=False)
    outside: Outside | None = field(default=None, repr=False)

    def write(self, path: str | os.PathLike[str]) -> tuple[Path, ...]:
        """Write the file, and beside it that of the weights it has; both whole, or neither.

        Weights that PyTorch source loads go into a ``.npz`` of its name; those of an ONNX model above 2 GB
        into a file of its name with ``.data`` added.

        Returns:
            the files that were written.

        Raises:
            OSError: a file cannot be written.
            ExportError: the file itself would be the one beside it.
        """
        target, besides = Path(path), self.beside(path)
        content = self.content.encode() if isinstance(self.content, str) else self.content
        if self.arrays is not None:
            import numpy as np

            arrays = dict(self.arrays)
            write_pair(target, content, besides[0], lambda file: np.savez(file, **arrays))
        elif self.outside is not None:
            from convcalc.exporters.onnx.outside import located

            assert isinstance(content, bytes)
            write_pair(target, located(content, besides[0].name), besides[0], self.outside.write)
        else:
            write_whole(target, content)
        return target, *besides

    def beside(self, path: str | os.PathLike[str]) -> tuple[Path, ...]:
        """The file of weights that stands beside a file of this name; none where it holds all itself."""
        if self.arrays is not None:
            return (Path(path).with_suffix(".npz"),)
        return (Path(path).with_name(f"{Path(path).name}.data"),) if self.outside is not None else ()


def write_pair(target: Path, content: bytes, beside: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file and one beside it, both whole, or leave both as they were.

    Raises:
        OSError: one of them cannot be written.
        ExportError: they would be the same file.
    """
    if beside == target:
        raise ExportError(f"{target} is where the weights go", "another ending, such as .py")

    def both(file: IO[bytes]) -> None:
        file.write(content)
        write_whole(beside, write)

    write_whole(target, both)


def export(
    spec: Spec,
    to: str,
    weights: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Export:
    """A network as PyTorch source, as an ONNX model, or as a document of the spec language.

    PyTorch source has a class for each kind of block, and the names of its ``state_dict`` are those of the
    graph's weights. With weights it has a function ``load``, which reads them from the ``.npz`` file beside
    it. Several outputs are a tuple, or a dictionary where the document names them. An ONNX model holds its
    weights: those given, else the graph's own, else random ones. A document has groups, blocks and repeats
    where these are certain, and reads back to the same graph.

    Args:
        spec: a graph, or a spec to load with ``input`` and ``set``.
        to: ``pytorch``, ``onnx`` or ``spec``.
        weights: arrays by name, or a file of them.
        seed: of random weights.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        ExportError: the notation is another one, or cannot say the network.
        WeightsError: the weights do not fit.
        SpecError: the spec cannot be read.
    """
    if to not in FORMS:
        raise ExportError(f"networks are not exported to {to!r}", ", ".join(FORMS[:-1]) + f" or {FORMS[-1]}")
    graph = as_graph(spec, input=input, set=set)
    if to == "spec":
        from convcalc.exporters.document import to_spec

        if weights is not None:
            raise ExportError("a document of the language holds no weights", "pytorch or onnx, or no weights")
        return Export(to, to_spec(graph))
    given = graph.weights if weights is None else weights
    arrays = None
    if given is not None:
        from convcalc.executor.weights import load_weights

        arrays = load_weights(graph, given)
    if to == "pytorch":
        from convcalc.exporters.pytorch.source import to_pytorch

        return Export(to, to_pytorch(graph, loads=arrays is not None), arrays)
    from convcalc.exporters.onnx.export import written

    if arrays is None:
        from convcalc.executor.weights import init_weights

        arrays = init_weights(graph, seed)
    model, outside = written(graph, arrays)
    return Export(to, model.SerializeToString(), outside=outside if outside.arrays else None)
