"""``export``: a network handed back as PyTorch source, an ONNX model or a document."""

from __future__ import annotations

from typing import Annotated

import typer

import convcalc
from convcalc.cli.options import GRAPH, JSON, SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.render.answer import Answer
from convcalc.render.table import Text


@command(SPEC, *GRAPH, JSON)
def export(
    common: Common,
    to: Annotated[str, typer.Option("--to", metavar="FORM", help="pytorch, onnx or spec.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where it goes; standard output otherwise."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="Weights by name: .npz, .safetensors, .pth. For pytorch they go into the .npz beside FILE.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of random weights (onnx).")] = 0,
) -> Answer:
    """PyTorch source, an ONNX model or a document of a network."""
    from convcalc.exporting import FORMS
    from convcalc.spec.errors import nearest_name

    if to not in FORMS:
        raise UsageProblem(
            f"--to {to} is not known", expected="pytorch, onnx or spec", nearest=nearest_name(to, FORMS)
        )
    if output is None and (to == "onnx" or weights is not None):
        what = "an ONNX model is no text" if to == "onnx" else "weights go into a file beside the source"
        raise UsageProblem(what, expected="-o FILE")
    if to == "spec" and weights is not None:
        raise UsageProblem("a spec holds no weights", expected="--to pytorch or --to onnx")
    graph = common.load()
    if output is None:
        graph.weights = None  # what is printed has no file beside it
    found = convcalc.export(graph, to, weights, seed=seed)
    if output is None:
        return Answer([Text(str(found.content).rstrip("\n"))], lambda: {"to": to, "text": found.content})
    files = [str(path) for path in found.write(output)]
    return Answer([Text("\n".join(files))], lambda: {"to": to, "files": files})
