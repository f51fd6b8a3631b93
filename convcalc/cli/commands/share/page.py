"""``page``: the report of networks as one file for a browser."""

from __future__ import annotations

from convcalc.cli.commands.design.compare import own_options
from convcalc.cli.options import GRAPH, JSON, OUTPUT, SIZED, SPECS, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.render.answer import Answer, File

ENDINGS = (".html", ".json")


@command(SPECS, *GRAPH, *SIZED, JSON, OUTPUT, files=ENDINGS, forms=False)
def page(common: Common) -> Answer:
    """The report of networks as one file for a browser: graph, table, memory, fields, findings.

    --set 2:NAME=VALUE and --input 2:CxHxW are for the second of them only.
    """
    from convcalc.page.report import page

    if common.output is None and not common.json:
        raise UsageProblem("page writes a file", expected="-o report.html, or --json for what it shows")
    graphs, texts = [], []
    for number, spec in enumerate(common.specs):
        own = own_options(common, number)
        graphs.append(own.load(spec))
        options = [word for one in own.input or () for word in ("--input", one)]
        options += [word for one in own.set or () for word in ("--set", one)]
        flags = [f"--{flag.replace('_', '-')}" for flag in ("primitive", "in_order") if getattr(own, flag)]
        texts.append([spec, *options, *flags])
    made = page(*graphs, batch=common.batch, dtype=common.dtype, texts=texts)

    def write(path: str) -> str:
        made.save(path)
        names = ", ".join(network["title"] for network in made.data["networks"])
        return f"the report of {names}; open it in a browser"

    return Answer((), made.to_dict, files={".html": File(write)})
