"""The option that names a device, for the commands that ask what hardware takes."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli import completion

Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME|FILE.yaml",
        help="What it runs on: peaks and bandwidths of a data sheet, or of a file of yours.",
        autocompletion=completion.device,
    ),
]
