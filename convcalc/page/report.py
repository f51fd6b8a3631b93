"""``convcalc.page``: networks as one HTML file that a person can send by mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from os import PathLike
from typing import Any

from convcalc.graph import Spec
from convcalc.page.data import page_data
from convcalc.page.html import render


class Page:
    """The report of networks.

    Attributes:
        data: what it shows; see :func:`convcalc.page.data.page_data`.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @property
    def html(self) -> str:
        """The whole file: no network, nothing beside it."""
        return render(self.data)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the file, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        from convcalc.files import write_whole

        write_whole(path, self.html.encode())

    def to_dict(self) -> dict[str, Any]:
        """What it shows, as ``convcalc page --json`` prints it."""
        return self.data

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that a notebook and the page cannot disturb each other."""
        style = "width:100%;height:640px;border:1px solid #8888"
        return f'<iframe title="convcalc" style="{style}" srcdoc="{escape(self.html)}"></iframe>'

    def __repr__(self) -> str:
        return f"<Page {', '.join(network['title'] for network in self.data['networks'])}>"


def page(
    *specs: Spec,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    batch: int = 1,
    dtype: str = "float32",
    texts: Sequence[str | Sequence[str]] | None = None,
) -> Page:
    """The report of a network, or of several side by side.

    Args:
        specs: graphs, or specs to load with ``input`` and ``set``.
        input: see :func:`convcalc.load`.
        set: see :func:`convcalc.load`.
        batch: samples in one pass.
        dtype: element type of the bytes.
        texts: how each network was asked for, where graphs are given: the spec, or the words of a command
            line, the spec first. The page shows it.

    Raises:
        ValueError: there is no spec, the batch is not positive, or the dtype is unknown.
        SpecError: a spec cannot be read.
    """
    return Page(page_data(*specs, input=input, set=set, batch=batch, dtype=dtype, texts=texts))
