"""``export``: a network handed back as PyTorch source, an ONNX model or a document."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any, Literal

import typer

import convcalc
from convcalc.cli.options import GRAPH, JSON, OUTPUT, SEED, SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.render.answer import Answer, File, refusal
from convcalc.render.table import Text

FORMS = {"pytorch": ".py", "onnx": ".onnx", "spec": ".yaml"}
"""The ending of each form."""
WORDS = {"pytorch": "PyTorch source", "onnx": "an ONNX model", "spec": "a document"}


@command(SPEC, SEED, *GRAPH, JSON, OUTPUT, files=tuple(FORMS.values()), forms=False)
def export(
    common: Common,
    form: Annotated[
        Literal["pytorch", "onnx", "spec"] | None,
        typer.Option("--form", help="What is written, where no ending of -o FILE says it."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="Weights by name: .npz, .safetensors, .pth. For pytorch they go into the .npz beside FILE.",
        ),
    ] = None,
) -> Answer:
    """PyTorch source, an ONNX model or a document of a network."""
    output = common.output
    ending = PurePath(output or "").suffix.lower()
    by_ending = next((name for name in FORMS if FORMS[name] == ending), None)
    to = form or by_ending
    if output is not None and (by_ending is None or to != by_ending):
        raise refusal(output, [FORMS[form]] if form else FORMS.values())
    if to is None:
        raise UsageProblem("in which form?", expected="-o FILE.py, .onnx or .yaml; or --form pytorch or spec")
    if output is None and (to == "onnx" or weights is not None):
        what = "an ONNX model is no text" if to == "onnx" else "weights go into a file beside the source"
        raise UsageProblem(what, expected=f"-o FILE{FORMS[to]}")
    if to == "spec" and weights is not None:
        raise UsageProblem("a spec holds no weights", expected="-o FILE.py or FILE.onnx")
    graph = common.load()
    if output is None:
        graph.weights = None  # what is printed has no file beside it
    found = convcalc.export(graph, to, weights, seed=common.seed)

    def write(path: str) -> str:
        return " and ".join([WORDS[to], *map(str, found.write(path)[1:])])

    def data() -> dict[str, Any]:
        if output is None:
            return {"to": to, "text": found.content}
        return {"to": to, "files": [output, *map(str, found.beside(output))]}

    parts = [Text(found.content.rstrip("\n"))] if isinstance(found.content, str) else []
    return Answer(parts, data, files={FORMS[to]: File(write)})
