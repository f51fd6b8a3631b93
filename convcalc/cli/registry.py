"""The table of commands. A new one is a module with a decorated function, and a row here."""

from __future__ import annotations

from typing import Final, NamedTuple


class Row(NamedTuple):
    """Where a command lives, and its line in ``convcalc --help``.

    Attributes:
        home: ``module:function``; the module is imported when the command is called.
        help: one line, the first of the function's docstring.
        panel: the heading it stands under.
    """

    home: str
    help: str
    panel: str


_COUNT = "Count"
_EXECUTE = "Execute"
_DESIGN = "Design"
_SOLVE = "Solve"
_LANGUAGE = "Language"

COMMANDS: Final[dict[str, Row]] = {
    "summary": Row(
        "convcalc.cli.commands.count.report:summary",
        "Shapes, parameters, MACs and FLOPs of each layer.",
        _COUNT,
    ),
    "params": Row(
        "convcalc.cli.commands.count.report:params",
        "Parameters of each layer: weights, biases, buffers.",
        _COUNT,
    ),
    "flops": Row(
        "convcalc.cli.commands.count.report:flops",
        "MACs, FLOPs and operations by kind of each layer.",
        _COUNT,
    ),
    "conventions": Row(
        "convcalc.cli.commands.count.conventions:conventions",
        "What other counters print of it, and the way there from our MACs.",
        _COUNT,
    ),
    "shapes": Row(
        "convcalc.cli.commands.count.report:shapes", "What goes into each layer and what comes out.", _COUNT
    ),
    "sizes": Row(
        "convcalc.cli.commands.solve.sizes:sizes",
        "Which sizes of the input work: the smallest, the multiple, the nearest.",
        _SOLVE,
    ),
    "memory": Row(
        "convcalc.cli.commands.count.report:memory", "Bytes of parameters and of live activations.", _COUNT
    ),
    "cost": Row(
        "convcalc.cli.commands.count.cost:cost",
        "Bytes that must move, what bounds each layer, and the least time on a device.",
        _COUNT,
    ),
    "run": Row(
        "convcalc.cli.commands.execute.run:run",
        "Run a network on an input: shape and statistics of every tensor.",
        _EXECUTE,
    ),
    "verify": Row(
        "convcalc.cli.commands.execute.verify:verify",
        "Every number twice: by formula and by execution.",
        _EXECUTE,
    ),
    "compare": Row(
        "convcalc.cli.commands.design.compare:compare",
        "Networks side by side: costs, differences, ratios.",
        _DESIGN,
    ),
    "rf": Row(
        "convcalc.cli.commands.solve.receptive_field:rf",
        "What a pixel sees: receptive field, stride, padding, centre.",
        _SOLVE,
    ),
    "padding": Row(
        "convcalc.cli.commands.solve.padding:padding",
        "The padding for a wanted size, or the check of a SPEC.",
        _SOLVE,
    ),
    "variants": Row(
        "convcalc.cli.commands.design.variants:variants",
        "Every way to replace a convolution at the same shapes.",
        _DESIGN,
    ),
    "check": Row(
        "convcalc.cli.commands.design.check:check",
        "Hold networks to limits, or to a baseline; exit 1 where one fails.",
        _DESIGN,
    ),
    "dilation": Row(
        "convcalc.cli.commands.solve.dilation:dilation",
        "Whether dilated layers leave holes, and rates that leave none.",
        _SOLVE,
    ),
    "fit": Row(
        "convcalc.cli.commands.design.fit:fit",
        "The largest width, resolution or training batch within limits.",
        _DESIGN,
    ),
    "transposed": Row(
        "convcalc.cli.commands.solve.transposed:transposed",
        "Transposed convolutions between two sizes, their overlap and costs.",
        _SOLVE,
    ),
    "explain": Row(
        "convcalc.cli.commands.design.explain:explain",
        "What a layer, block or spec does, with its formulas; and why.",
        _DESIGN,
    ),
    "draw": Row(
        "convcalc.cli.commands.solve.draw:draw",
        "A layer at work, as a picture: its window, a chain of maps, holes, its matrix.",
        _SOLVE,
    ),
    "page": Row(
        "convcalc.cli.commands.share.page:page",
        "The report of networks as one file for a browser: graph, table, memory, fields, findings.",
        _DESIGN,
    ),
    "serve": Row(
        "convcalc.cli.commands.share.serve:serve",
        "The live calculator in the browser: type a spec, and its report follows.",
        _DESIGN,
    ),
    "list": Row(
        "convcalc.cli.commands.share.catalog:list_names",
        "Networks, layers and blocks that convcalc knows, and topics that it explains.",
        _LANGUAGE,
    ),
    "show": Row(
        "convcalc.cli.commands.share.catalog:show", "The source text of a network or block.", _LANGUAGE
    ),
    "export": Row(
        "convcalc.cli.commands.share.export:export",
        "PyTorch source, an ONNX model or a document of a network.",
        _LANGUAGE,
    ),
    "schema": Row(
        "convcalc.cli.commands.share.catalog:schema",
        "JSON Schema of the document form, for editors.",
        _LANGUAGE,
    ),
}
