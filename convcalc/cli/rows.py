"""Which rows of layers are shown: ``--layer``, ``--depth``, ``--sort``, ``--top``, ``--tree``, ``--flat``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.cli.output import UsageProblem
from convcalc.dims import is_symbolic
from convcalc.render.numbers import Share

if TYPE_CHECKING:
    from convcalc.cli.options import Common
    from convcalc.render.table import Table
    from convcalc.render.tree import Tree

ALL: Final = 9
"""A depth that shows all of every network that people have drawn up by hand."""


class Asked(NamedTuple):
    """What ``--layer`` means.

    Attributes:
        pattern: what was typed; None where nothing was.
        block: it is a block, and this its name.
        alone: it is a layer.
    """

    pattern: str | None = None
    block: str = ""
    alone: bool = False

    @property
    def levels(self) -> int:
        """Levels of blocks around what is in the block."""
        return self.block.count(".") + 1 if self.block else 0

    def holds(self, name: str) -> bool:
        """Whether a row of that name is asked for."""
        if self.pattern is None:
            return True
        if self.block:
            return name == self.block or name.startswith(f"{self.block}.")
        if self.alone:
            return name == self.pattern
        from fnmatch import fnmatchcase

        return fnmatchcase(name, self.pattern)


def asked(pattern: str | None, names: Sequence[str]) -> Asked:
    """What ``--layer`` means among the names of all layers.

    Raises:
        UsageProblem: nothing is called so; with the nearest name.
    """
    if pattern is None:
        return Asked()
    if pattern in names:
        return Asked(pattern, alone=True)
    if pattern and any(name.startswith(f"{pattern}.") for name in names):
        return Asked(pattern, block=pattern)
    known = dict.fromkeys(name[:end] for name in names for end in _ends(name))
    found = Asked(pattern)
    if any(map(found.holds, known)):
        return found
    first = next(iter(known), "")
    inside = f"*.{pattern}"
    raise UsageProblem(
        f"no layer {pattern!r}",
        expected="the name of a layer or of a block, or a pattern such as "
        + repr(f"{first}.*" if any(name.startswith(f"{first}.") for name in names) else f"{first}*"),
        nearest=f"'{inside}'" if any(map(Asked(inside).holds, names)) else _nearest(pattern, list(known)),
    )


def _nearest(pattern: str, known: list[str]) -> str | None:
    """The nearest name, or the nearest pattern that something is like."""
    from convcalc.spec.errors import nearest_name

    end = next((i for i, char in enumerate(pattern) if char in "*?["), len(pattern))
    head = pattern[:end].rstrip(".")
    near = nearest_name(head, known)
    found = None if near is None else near + pattern[len(head) :]
    return (
        found if found is not None and (end == len(pattern) or any(map(Asked(found).holds, known))) else None
    )


def _ends(name: str) -> list[int]:
    """Where the names of the blocks around a layer end in its name, and its own."""
    return [i for i, char in enumerate(name) if char == "."] + [len(name)]


def more(table: Table, main: str) -> str:
    """How a reader sees what is folded; every part of it works when it is followed."""
    title = next(column.title for column in table.columns if column.key == main)
    at = next(i for i, column in enumerate(table.columns) if column.key == main)
    main = title.lower() if title and " " not in title else main
    levels = max((str(row[0]).count(".") + 1 for row in table.rows), default=0)
    told = f"all: --depth {max(ALL, levels)}"
    if any(is_symbolic(row[at].part if isinstance(row[at], Share) else row[at]) for row in table.rows):
        return told  # formulas have no largest
    return f"{told}; the largest: --sort {main} --top 10"


def laid_out(
    common: Common, table: Table, order: Sequence[int], what: Asked, tree: Callable[[], Tree] | None
) -> Table:
    """The rows that were asked for, with the tree of them where their order leaves one."""
    shown = table.rows_at(order)
    shown.layout = "tree" if common.tree else "flat" if common.flat else "auto"
    if common.tree and tree is None:
        raise UsageProblem("--tree: these rows are no tree", expected="one input, and no --layer but a block")
    ordered = common.sort is not None or common.top is not None
    if common.sort is not None:  # what rows are ordered by is seen
        asked_for = common.sort.lower()
        shown.columns = tuple(
            one._replace(priority=0) if asked_for in (one.key, one.title.lower()) else one
            for one in shown.columns
        )
    if ordered or (what.pattern is not None and not what.block):
        if common.tree:
            raise UsageProblem(
                f"--tree shows blocks, and {what.pattern!r} is none",
                expected="--layer with the name of a block",
            )
        shown.tree = None
    else:
        shown.tree = tree
    return shown


class Rows(NamedTuple):
    """Rows of layers as they were asked for.

    Attributes:
        table: what is shown.
        numbers: for each row of it the number of its layer, or of the last one of a block.
        names: and its name.
    """

    table: Table
    numbers: list[int]
    names: list[str]

    def records(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """The same rows as JSON holds them, of the records of all layers; a block has its last layer's."""
        found = []
        for number, name in zip(self.numbers, self.names, strict=True):
            record = rows[number]
            whole = {} if record["name"] == name else {"name": name, "op": "block"}
            found.append({**record, **whole})
        return found


def chosen(
    common: Common, table: Table, main: str, whole: str, tree: Callable[..., Tree] | None = None
) -> Rows:
    """The rows of a table of layers that were asked for; a block has what leaves it.

    Args:
        common: the options.
        table: one row a layer, their names first.
        main: key of the column that ``--top`` alone goes by.
        whole: what all layers together are called.
        tree: makes the tree of a table; None where there is none.
    """
    what = asked(common.layer, [str(row[0]) for row in table.rows])
    parts, made = [[i] for i in range(len(table.rows))], table
    if common.depth is not None:
        from convcalc.render.tree import folded_table

        made, parts = folded_table(table, common.depth + what.levels, whole)
    names = [str(row[0]) for row in made.rows]
    order = [i for i in common.choose(made, main) if what.holds(names[i])][: common.top]

    def drawn() -> Tree:
        assert tree is not None
        inside = table.rows_at([i for i, row in enumerate(table.rows) if what.holds(str(row[0]))])
        return tree(inside, depth=common.depth, root=what.block, more=more(inside, main))

    shown = laid_out(common, made, order, what, drawn if tree is not None else None)
    return Rows(shown, [parts[i][-1] for i in order], [names[i] for i in order])


def refuse(common: Common, where: str, *names: str) -> None:
    """Refuse options that choose rows where there are none to choose.

    Raises:
        UsageProblem: one of them was given.
    """
    for name in names:
        if getattr(common, name) not in (None, False):
            raise UsageProblem(f"--{name} and {where} cannot go together", expected="one of them")


def without_spec(common: Common) -> None:
    """Refuse to choose among layers where there is no network.

    Raises:
        UsageProblem: an option that chooses was given.
    """
    for name in ("layer", "sort", "top"):
        if getattr(common, name) is not None:
            raise UsageProblem(f"--{name} chooses among the layers of a SPEC", expected="a SPEC beside it")
