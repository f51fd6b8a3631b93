"""The options that commands share, declared once.

A command states which of them it takes and gets their values in one :class:`Common`::

    @command(SPEC, *GRAPH, *COUNT, *ROWS, *FORM)
    def params(common: Common) -> Answer:
        ...

What it returns is shown in the form that was asked for.

Options of its own are ordinary Typer parameters after ``common``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

import typer

from convcalc.cli import completion
from convcalc.cli.coerce import Among, Spelled
from convcalc.cli.output import UsageProblem, errors, note, show, write, written_to

if TYPE_CHECKING:
    from convcalc.calculators.conventions.bridge import Bridge
    from convcalc.calculators.count.report import Report
    from convcalc.graph import Graph
    from convcalc.render.answer import Answer, Form
    from convcalc.render.table import Table
    from convcalc.spec.source import Source


class Shared(NamedTuple):
    """A parameter that several commands take."""

    name: str
    annotation: Any
    default: Any = ...


NO_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


def one_name(dtype: str) -> str:
    """The one name of a number type that has several."""
    from convcalc.calculators.count.memory import canonical

    return canonical(dtype)


_SPEC_HELP = (
    "A line of the spec language, a file (a spec; a model of ONNX, PyTorch or Keras; source), - for standard "
    "input, or the name of a network."
)

SPEC: Final = Shared(
    "spec", Annotated[str, typer.Argument(metavar="SPEC", help=_SPEC_HELP, autocompletion=completion.spec)]
)
MAYBE_SPEC: Final = Shared(
    "spec",
    Annotated[str | None, typer.Argument(metavar="SPEC", help=_SPEC_HELP, autocompletion=completion.spec)],
    None,
)
SPECS: Final = Shared(
    "specs",
    Annotated[list[str], typer.Argument(metavar="SPEC...", help=_SPEC_HELP, autocompletion=completion.spec)],
)
INPUT: Final = Shared(
    "input",
    Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="CxHxW",
            help="Shape that goes in: channels, then spatial sizes. NAME=CxHxW where there are several.",
            autocompletion=completion.inputs,
        ),
    ],
    None,
)
SET: Final = Shared(
    "set",
    Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Give a variable of the document another value.",
            autocompletion=completion.variables,
        ),
    ],
    None,
)
IN_ORDER: Final = Shared(
    "in_order",
    Annotated[
        bool, typer.Option("--in-order", help="Of a printed module: its parts run as they are printed.")
    ],
    False,
)
MaxDilation = Annotated[
    int | None, typer.Option("--max-dilation", metavar="D", min=1, help="Largest dilation that is tried.")
]

BATCH: Final = Shared(
    "batch", Annotated[int, typer.Option("--batch", "-b", metavar="N", min=1, help="Samples at a time.")], 1
)
DTYPE: Final = Shared(
    "dtype",
    Annotated[
        Literal["float64", "float32", "float16", "bfloat16", "int8"],
        typer.Option("--dtype", help="Number type."),
        Spelled(one_name),
    ],
    "float32",
)
SEED: Final = Shared(
    "seed",
    Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of random weights and inputs.")],
    0,
)
AS: Final = Shared(
    "counted_as",
    Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="TOOL",
            help="Beside it what this tool prints, to the integer, its faults included; may be given again.",
            autocompletion=completion.tool,
        ),
        Among(completion.tools),
    ],
    None,
)
RANK: Final = Shared(
    "rank",
    Annotated[
        int | None,
        typer.Option("--rank", metavar="N", min=1, max=3, help="Number of axes, where no size says it."),
    ],
    None,
)
POSITION: Final = Shared(
    "at",
    Annotated[str | None, typer.Option("--at", metavar="Y,X", help="Output position to look at.")],
    None,
)
DEPTH: Final = Shared(
    "depth",
    Annotated[
        int | None,
        typer.Option(
            "--depth", metavar="N", min=0, help="Levels of blocks that are shown; 0 is all in one row."
        ),
    ],
    None,
)
SORT: Final = Shared(
    "sort",
    Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="COLUMN",
            help="Order the rows, largest first.",
            autocompletion=completion.columns,
        ),
    ],
    None,
)
TOP: Final = Shared(
    "top",
    Annotated[int | None, typer.Option("--top", metavar="N", min=1, help="Show only the N largest rows.")],
    None,
)
LAYER: Final = Shared(
    "layer",
    Annotated[
        str | None,
        typer.Option(
            "--layer",
            "-l",
            metavar="NAME",
            help="Only this layer, this block, or all like 'stem.*'.",
            autocompletion=completion.layers,
        ),
    ],
    None,
)
TREE: Final = Shared(
    "tree",
    Annotated[bool, typer.Option("--tree", help="Layers under their blocks, in a pipe too.")],
    False,
)
FLAT: Final = Shared(
    "flat",
    Annotated[bool, typer.Option("--flat", help="Every layer by its full name, in a terminal too.")],
    False,
)
COLOR: Final = Shared(
    "color",
    Annotated[
        Literal["auto", "always", "never"],
        typer.Option("--color", help="Show in colour; auto: in a terminal that can."),
    ],
    "auto",
)
NO_PAGER: Final = Shared(
    "no_pager",
    Annotated[bool, typer.Option("--no-pager", help="Show what is longer than the screen all at once.")],
    False,
)
EXACT: Final = Shared(
    "exact", Annotated[bool, typer.Option("--exact", help="Every digit instead of K, M, G.")], False
)
NOTATION: Final = Shared(
    "notation",
    Annotated[
        Literal["plain", "unicode", "latex"],
        typer.Option("--notation", help="How closed forms are written."),
    ],
    "plain",
)
JSON: Final = Shared("json", Annotated[bool, typer.Option("--json", help="Print JSON.")], False)
CSV: Final = Shared(
    "csv", Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")], False
)
MARKDOWN: Final = Shared(
    "markdown", Annotated[bool, typer.Option("--markdown", "--md", help="Print a Markdown table.")], False
)
OUTPUT: Final = Shared(
    "output",
    Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the answer here; the ending says how: ",
        ),
    ],
    None,
)

PRIMITIVE: Final = Shared(
    "primitive",
    Annotated[
        bool, typer.Option("--primitive", help="A model's file operator by operator, as it stands there.")
    ],
    False,
)
PARTIAL: Final = Shared(
    "partial",
    Annotated[
        bool, typer.Option("--partial", help="Totals of what is known, as at least, where some is not.")
    ],
    False,
)

SIZES: Final = MappingProxyType({"input": ("--from", "--input"), "output": ("--to",)})
"""The options that state the sizes of a question without a SPEC."""

GRAPH: Final = (INPUT, SET, PRIMITIVE, IN_ORDER)
"""What a spec needs to become a graph."""

SIZED: Final = (BATCH, DTYPE)
"""What costs are counted for."""

COUNT: Final = (*SIZED, PARTIAL)
"""What a graph needs to be counted."""

ROWS: Final = (DEPTH, SORT, TOP, LAYER, TREE, FLAT)
"""Which rows of a table are shown."""

FORM: Final = (JSON, CSV, MARKDOWN, OUTPUT, COLOR, NO_PAGER)
"""The form in which the answer is written."""


TAKES: Final = (SPEC, SPECS, *GRAPH, *COUNT)
"""What goes into a question, among the options of its help."""

SHOWS: Final = (*ROWS, EXACT, NOTATION, *FORM)
"""How an answer is shown, among them."""


class Common:
    """Values of the shared options of one call, and what follows from them."""

    spec: str
    specs: list[str]
    input: list[str] | None = None
    set: list[str] | None = None
    in_order: bool = False
    batch: int = 1
    dtype: str = "float32"
    depth: int | None = None
    sort: str | None = None
    top: int | None = None
    layer: str | None = None
    tree: bool = False
    flat: bool = False
    color: str = "auto"
    no_pager: bool = False
    exact: bool = False
    notation: str = "plain"
    json: bool = False
    csv: bool = False
    markdown: bool = False
    output: str | None = None
    seed: int = 0
    rank: int | None = None
    at: str | None = None
    primitive: bool = False
    partial: bool = False
    counted_as: list[str] | None = None

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def check(self, endings: tuple[str, ...] = ()) -> None:
        """Refuse values that no command can use.

        Args:
            endings: those that files of this command's answers may have.

        Raises:
            UsageProblem: two forms are asked for, or two ways to show.
            Unreachable: no answer is written to a file of such a name.
        """
        forms = [f"--{name}" for name in ("json", "csv", "markdown") if getattr(self, name)]
        if len(forms) > 1:
            raise UsageProblem(f"{' and '.join(forms)} cannot go together", expected="one of them")
        if self.output is not None:
            self._check_output(self.output, endings)
        if self.tree:
            self._check_tree(forms)

    def _check_tree(self, forms: list[str]) -> None:
        """Refuse a tree where its order is another, or where what is written is no text."""
        others = [*(f"--{name}" for name in ("flat", "sort", "top") if getattr(self, name)), *forms]
        if self.form not in ("table", "html"):
            others.append(f"-o {self.output}")
        if others:
            raise UsageProblem(f"--tree and {others[0]} cannot go together", expected="one of them")

    def _check_output(self, output: str, endings: tuple[str, ...]) -> None:
        """Refuse what cannot be written before anything is worked out."""
        from convcalc.files import check_place
        from convcalc.render.answer import refusal

        ending = PurePath(output).suffix.lower()
        if ending not in endings:
            raise refusal(output, endings)
        check_place(output)
        if ending == ".png":
            from convcalc.render.pictures.png import available

            available()
        if ending == ".tex":
            self.notation = "latex"

    @property
    def shown(self) -> Form | None:
        """The form that was asked for on standard output; None where none was."""
        return "json" if self.json else "csv" if self.csv else "markdown" if self.markdown else None

    @property
    def form(self) -> Form:
        """The form in which the answer is shown or written."""
        if self.shown is not None or self.output is None:
            return self.shown or "table"
        from convcalc.render.answer import FORMS

        return FORMS.get(PurePath(self.output).suffix.lower(), "table")

    @property
    def picture(self) -> str | None:
        """The file of a picture, where ``-o`` asks for one."""
        from convcalc.render.answer import PICTURES

        return self.output if self.output is not None and self.output.lower().endswith(PICTURES) else None

    def assignments(self) -> dict[str, str]:
        """The variables of ``--set``."""
        return _pairs("--set", "NAME=VALUE", self.set or ())

    def shapes(self) -> Any:
        """What ``--input`` says: one shape, or a mapping from the names of inputs to shapes."""
        given = self.input
        if not given:
            return None
        if len(given) == 1 and "=" not in given[0]:
            return given[0]
        return _pairs("--input", "NAME=CxHxW", given)

    def source(self, spec: str | None = None) -> Source:
        """The text of a spec (of the command's own by default)."""
        text = self.spec if spec is None else spec
        if text == "-":
            return _standard_input(self.primitive)
        from convcalc.spec.lookup import find

        return find(text, self.primitive)

    def load(self, spec: str | None = None, listed: bool = False) -> Graph:
        """The graph of a spec (of the command's own by default); ``listed``: or of weights alone."""
        return self.built(self.source(spec), listed)

    def built(self, source: Source, listed: bool = False) -> Graph:
        """The graph of a source; ``listed``: or of weights alone."""
        from convcalc.spec.loading import build

        graph = build(
            source, input=self.shapes(), set=self.assignments(), listed=listed, in_order=self.in_order
        )
        for text in graph.notes:
            note(text)
        return graph

    def analyze(self, spec: str | None = None, listed: bool = False) -> Report:
        """The counts of a spec (of the command's own by default); ``listed``: or of weights alone."""
        from convcalc.calculators.count.report import analyze

        graph = self.load(spec, listed)
        return analyze(graph, batch=self.batch, dtype=self.dtype, partial=self.partial)

    def bridges(self, report: Report) -> list[Bridge]:
        """What the tools of ``--as`` print of a report."""
        if not self.counted_as:
            return []
        from convcalc.calculators.conventions.bridge import bridge

        found = [bridge(report, tool) for tool in dict.fromkeys(self.counted_as)]
        for text in dict.fromkeys(text for one in found for text in one.notes):
            note(text)
        return found

    def choose(self, table: Table, main: str) -> list[int]:
        """Which rows ``--sort`` and ``--top`` show, in order; with ``--layer`` all of them, to choose from.

        Args:
            table: the table with all rows.
            main: key of the column that ``--top`` alone goes by.

        Raises:
            UsageProblem: ``--sort`` names no column.
        """
        keys = [column.key for column in table.columns]
        # A column may be named as JSON names it, or as its heading does.
        headings = {column.title.lower(): column.key for column in table.columns if column.title}
        sort = self.sort
        if sort is not None and sort not in keys:
            sort = headings.get(sort.lower())
        if sort is None and self.sort is not None:
            from convcalc.spec.errors import nearest_name

            raise UsageProblem(
                f"--sort {self.sort!r} is no column",
                expected=", ".join(keys),
                nearest=nearest_name(self.sort, [*keys, *headings])
                or next((key for key in keys if key[:5] == self.sort[:5].lower()), None),
            )
        if sort is None and self.top is None:
            return list(range(len(table.rows)))
        order = table.order(sort or main)
        return order if self.layer is not None else order[: self.top]


MAX_INPUT: Final = 32_000_000
"""Bytes of a spec that are read from standard input."""
MAX_MODEL: Final = 1 << 34
"""Bytes of a model's file that are."""


def _standard_input(primitive: bool = False) -> Source:
    from convcalc.importers.formats import HEAD, opened
    from convcalc.spec.source import Source

    if sys.stdin is None:
        raise UsageProblem("standard input is closed", expected="a spec")
    data = sys.stdin.buffer.read(HEAD)
    if not data.isascii() or b"\0" in data or data.lstrip()[:1] == b"{":  # a model is read from its file
        held, path = _kept(data)
        foreign = opened("<stdin>", path, data, primitive)
        if foreign is not None:
            foreign.held = held
            return foreign
        held.seek(0)
        data = held.read(MAX_INPUT + 1)
    else:
        data += sys.stdin.buffer.read(MAX_INPUT + 1 - len(data))
    if len(data) > MAX_INPUT:
        raise UsageProblem("standard input is too long", expected=f"at most {MAX_INPUT} bytes")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise UsageProblem(
            f"standard input is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from None
    if not text.strip():
        raise UsageProblem("standard input is empty", expected="a spec")
    return Source("<stdin>", text)


def _kept(head: bytes) -> tuple[Any, str]:
    """A temporary file of what comes in, and its path; it is gone with the process."""
    import shutil
    import tempfile

    file = tempfile.NamedTemporaryFile(prefix="convcalc-")  # noqa: SIM115 - it lives as long as the source
    file.write(head)
    while block := sys.stdin.buffer.read(1 << 20):
        if file.tell() + len(block) > min(MAX_MODEL, shutil.disk_usage(file.name).free):
            raise UsageProblem("standard input is too long", expected="the path of the file")
        file.write(block)
    file.flush()
    return file, file.name


def _pairs(option: str, form: str, texts: Any) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name or not value.strip():
            raise UsageProblem(f"{option} {text!r} is not an assignment", expected=form)
        if name in pairs:
            raise UsageProblem(f"{option} {name} is given twice")
        pairs[name] = value.strip()
    return pairs


def _to_file(endings: tuple[str, ...]) -> Any:
    """``-o`` with the endings that a command can write."""
    option = copy(OUTPUT.annotation.__metadata__[0])
    option.help += " ".join(endings)
    return Annotated[str | None, option]


def command(
    *shared: Shared,
    files: tuple[str, ...] = (),
    forms: bool = True,
    pictures: bool = False,
    words: Mapping[str, tuple[str, ...]] = NO_WORDS,
    bare: tuple[str, ...] = (),
) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Make a command of a function whose first parameter is :class:`Common` and that returns an answer.

    Args:
        shared: the options that it shares with others.
        files: endings of ``-o`` that are its own.
        forms: whether ``-o`` writes what is shown, in one of the forms of every answer.
        pictures: whether there are pictures among its answers.
        words: arguments of its question that are no name of an option, with the options that state each;
            errors of the question name these.
        bare: options that may stand without their value, and then say nothing.
    """
    from convcalc.render.answer import FORMS, PICTURES

    endings = tuple(dict.fromkeys((*files, *(FORMS if forms else ()), *(PICTURES if pictures else ()))))

    def wrap(function: Callable[..., Answer]) -> Callable[..., None]:
        import inspect

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter(
                option.name,
                kind,
                default=inspect.Parameter.empty if option.default is ... else option.default,
                annotation=_to_file(endings) if option is OUTPUT else option.annotation,
            )
            for option in shared
        ]
        arguments = [p for p in parameters if p.default is inspect.Parameter.empty]
        options = [p for p in parameters if p.default is not inspect.Parameter.empty]
        signature = inspect.Signature([*arguments, *(p.replace(kind=kind) for p in own), *options])

        def run(**values: Any) -> None:
            common = Common({option.name: values.pop(option.name) for option in shared})
            with errors(common.json):
                common.check(endings)
                from convcalc.budget import budget
                from convcalc.render.numbers import written_in

                with budget(), written_in(common.notation):
                    answer = function(common, **values)
                    told = None
                    if common.output is not None:
                        answer, told = written_to(common.output, answer)
                    if told is None or told.beside or common.shown is not None:
                        show(answer, common.form, color=common.color, pager=not common.no_pager)
                    if told is not None and common.shown is None:
                        write(f"{common.output}: {told.words}\n")
            if answer.code:
                raise typer.Exit(answer.code)

        run.__name__ = function.__name__
        run.__doc__ = function.__doc__
        run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        run.__dict__["__signature__"] = signature
        run.__dict__["words"] = words
        run.__dict__["bare"] = bare
        return run

    return wrap
