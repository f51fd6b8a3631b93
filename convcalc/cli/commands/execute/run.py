"""``run``: execute a network on an input and look at every tensor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import convcalc
from convcalc.cli.coerce import Spelled
from convcalc.cli.options import BATCH, FORM, GRAPH, ROWS, SEED, SPEC, Common, command, one_name
from convcalc.cli.output import INTERRUPTED, UsageProblem
from convcalc.cli.progress import progress
from convcalc.cli.rows import chosen
from convcalc.render import numbers
from convcalc.render.answer import Answer, File

if TYPE_CHECKING:
    from convcalc.graph import Graph

ARRAYS = (".npy", ".npz")
"""Endings of files that hold the outputs."""

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
UNITS |= {f"{unit}i": 1024**i for i, unit in enumerate("kmgt", 1)}


@command(SPEC, SEED, *GRAPH, BATCH, *ROWS, *FORM, files=ARRAYS, words={"max_memory": ("--guard",)})
def run(
    common: Common,
    input_file: Annotated[
        list[str] | None,
        typer.Option(
            "--input-file",
            metavar="FILE",
            help="What goes in, .npy or .png; NAME=FILE where there are several. Random by default.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="Weights by name: .npz, .safetensors, .pth. By default the model's own, or random.",
        ),
    ] = None,
    dtype: Annotated[
        Literal["float32", "float64"] | None,
        typer.Option("--dtype", help="Number type; that of the input file, or float32."),
        Spelled(one_name),
    ] = None,
    guard: Annotated[
        str | None,
        typer.Option(
            "--guard",
            metavar="BYTES",
            help="What the run may take of the memory, such as 4GiB; half of the machine's by default.",
        ),
    ] = None,
) -> Answer:
    """Run a network on an input: shape and statistics of every tensor."""
    from convcalc.executor.files import check_output, write_outputs

    limit = None if guard is None else size(guard)
    graph, inputs = _with_inputs(common, input_file or [], limit)
    _check_numbers(graph)
    if common.output is not None and common.output.lower().endswith(ARRAYS):
        check_output(common.output, len(graph.outputs))
    if dtype is None:
        given = [str(array.dtype) for array in (inputs or {}).values()]
        dtype = "float64" if "float64" in given else "float32"
    with progress() as advance:
        done = convcalc.run(
            graph,
            inputs,
            weights,
            seed=common.seed,
            batch=common.batch,
            dtype=dtype,
            max_memory=limit,
            progress=advance,
        )
    from convcalc.render.views.execute.run import table, tree

    if not done.complete and common.output is not None and common.output.lower().endswith(ARRAYS):
        common.output = None  # there are no outputs to write
    found = chosen(common, table(done), "max", done.name, partial(tree, done))

    def write(path: str) -> str:
        write_outputs(path, done.outputs)
        return ", ".join(f"{name} {numbers.shape(array.shape)}" for name, array in done.outputs.items())

    def data() -> dict[str, Any]:
        whole = done.to_dict()
        return {**whole, "layers": found.records(whole["layers"])}

    code = 0 if done.complete else INTERRUPTED
    files = {ending: File(write, beside=True) for ending in ARRAYS}
    return Answer([found.table], data, code, files=files)


def _check_numbers(graph: Graph) -> None:
    """Refuse a network whose sizes are symbols or not stated."""
    for node in graph.nodes:
        if node.layer.opaque:
            what = node.layer.what  # type: ignore[attr-defined]
            raise UsageProblem(
                f"{node.name} is {what}, which is not known here, and cannot be run",
                expected="a network without it; 'convcalc verify' runs all that does not read it",
            )
        for shape in node.outputs:
            if not all(type(size) is int for size in shape):
                raise UsageProblem(
                    f"{node.name} has the shape {numbers.shape(shape)}, and only numbers can be executed",
                    expected="--input CxHxW, or --set NAME=VALUE, with a number for every size",
                )


def _with_inputs(common: Common, files: list[str], most: int | None) -> tuple[Graph, dict[str, Any] | None]:
    """The graph and what goes into it. A spec that states no input takes the shape of the file."""
    from convcalc.executor.files import read_input
    from convcalc.spec.errors import SpecError

    if not files:
        return common.load(), None
    try:
        graph = common.load()
    except SpecError:
        if common.input or len(files) > 1:
            raise
        graph = None
    if graph is None or not all(type(n) is int for i in graph.inputs for n in graph.nodes[i].outputs[0]):
        return _by_file(common, files[0], graph, most)
    paths = _paths([graph.nodes[i].name for i in graph.inputs], files)
    arrays = {}
    for node in (graph.nodes[i] for i in graph.inputs):
        shape = node.outputs[0]
        array = read_input(paths[node.name], shape[0], max_memory=most)
        if array.shape[-len(shape) :] != tuple(shape):
            raise UsageProblem(
                f"{paths[node.name]} has the shape {numbers.shape(array.shape)}",
                expected=f"{numbers.shape(shape)}, the shape of {node.name}; --input changes it",
            )
        arrays[node.name] = array
        batch = len(array) if array.ndim > len(shape) else 1
        if common.batch not in (1, batch):
            raise UsageProblem(f"--batch is {common.batch}, but {paths[node.name]} holds {batch}")
    return graph, arrays


def _by_file(
    common: Common, path: str, graph: Graph | None, most: int | None
) -> tuple[Graph, dict[str, Any]]:
    from convcalc.executor.files import read_input
    from convcalc.spec.errors import SpecError
    from convcalc.spec.loading import build

    channels = None if graph is None else graph.nodes[graph.inputs[0]].outputs[0][0]
    array = read_input(path, channels if type(channels) is int else None, max_memory=most)
    try:
        found = build(common.source(), input=array.shape, set=common.assignments())
    except SpecError:
        if graph is None:
            common.load()  # tells what the spec lacks
        raise
    return found, {found.nodes[found.inputs[0]].name: array}


def _paths(names: list[str], files: list[str]) -> dict[str, str]:
    """The file of each input."""
    paths: dict[str, str] = {}
    for text in files:
        name, equals, path = text.partition("=")
        if not equals or name not in names:
            if len(names) > 1:
                raise UsageProblem(
                    f"--input-file {text!r} does not say which input it is for",
                    expected=f"NAME=FILE with one of {', '.join(names)}",
                )
            name, path = names[0], text
        if name in paths:
            raise UsageProblem(f"--input-file for {name} is given twice")
        paths[name] = path
    for name in names:
        if name not in paths:
            raise UsageProblem(f"input {name!r} has no file", expected=f"--input-file {name}=FILE")
    return paths


def size(text: str) -> int:
    """Bytes from a text such as ``4GiB``, ``500MB`` or ``1000000``.

    Raises:
        UsageProblem: it is no size.
    """
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = text.strip()[len(number) :].strip().lower().removesuffix("b")
    try:
        value = float(number) * UNITS[unit]
        if not 0 < value < 2**63:
            raise ValueError
    except (ValueError, KeyError):
        raise UsageProblem(
            f"--guard {text!r} is no size",
            expected="bytes, or a number with a unit such as 4GiB or 500MB",
        ) from None
    return int(value)
