"""The lines of ``forward``: what each unit of a block is called on, and what its result is called."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from convcalc.exporters.pytorch.code import Expr
from convcalc.exporters.pytorch.forms.form import Form, moved
from convcalc.graph import Edge

LONGEST: Final = 64
DEEPEST: Final = 3
MOST: Final = 4
"""Parts of a tensor that get a name each; more are taken from a list."""
RESERVED: Final = frozenset(
    [
        "self",
        "torch",
        "nn",
        "math",
        "itertools",
        "F",
        "Fraction",
        "len",
        "range",
        "float",
        "super",
        "getattr",
        "batch",
        "i",
        "OrderedDict",
        "np",
        "Path",
        "Weights",
        "Buffers",
        "Recurrent",
        "each",
        "gather",
        "pad",
        "shift",
        "pixel_shuffle",
        "pixel_unshuffle",
        "unfold",
        "fold",
        "unpadded",
        "max_unpool",
        "avg_pool",
        "lp_pool",
        "deform_conv",
        "resize",
        "along",
        "without",
        "load",
        "main",
    ]
)


class Line(NamedTuple):
    """One statement: a text, an expression."""

    before: str
    value: Expr
    after: str = ""


class Step(NamedTuple):
    """One unit that is called.

    Attributes:
        name: of the unit.
        reads: the tensors that it is called on, in order.
        writes: the tensors that it gives, in order; None for a part that nobody reads.
        form: how it is called.
        block: it is a block.
        names: what its parts are called, where that is known.
    """

    name: str
    reads: tuple[Edge, ...]
    writes: tuple[Edge | None, ...]
    form: Form
    block: bool
    names: tuple[str, ...] = ()


class _Pending(NamedTuple):
    edge: Edge
    value: Expr
    at: int
    used: tuple[Edge, ...]
    step: Step


def identifier(name: str) -> str:
    """A name of Python that is like a name of a graph."""
    found = re.sub(r"\W", "_", name)
    if not found or found[0].isdigit():
        found = f"x{found}"
    return found + "_" * (keyword.iskeyword(found) or found in RESERVED)


class Flow:
    """Writes the lines, step by step.

    Args:
        steps: what is called, in order.
        inputs: the tensors that arrive, with their names.
        outputs: the tensors that leave.
    """

    def __init__(self, steps: Sequence[Step], inputs: dict[Edge, str], outputs: Sequence[Edge]) -> None:
        self.steps, self.outputs = steps, outputs
        self.lines: list[Line] = []
        self.names = dict(inputs)
        self.moved: dict[Edge, Expr] = {}
        self.kept = {identifier(step.name.rpartition(".")[2]) for step in steps if step.block}
        self.kept |= set(inputs.values()) - {"x"}
        self.uses: dict[Edge, list[int]] = {}
        for at, step in enumerate(steps):
            for edge in step.reads:
                self.uses.setdefault(edge, []).append(at)
        for edge in outputs:
            self.uses.setdefault(edge, []).append(len(steps))
        self.pending: _Pending | None = None
        for at, step in enumerate(steps):
            self._step(at, step)

    def last(self, edge: Edge) -> int:
        """Where a tensor is read last."""
        return self.uses[edge][-1] if edge in self.uses else -1

    def _step(self, at: int, step: Step) -> None:
        waiting = self.pending
        value = None
        used = step.reads
        if waiting is not None and self._joins(waiting, step, at):
            xs = [waiting.value if e == waiting.edge else self._read(e) for e in step.reads]
            found = step.form.apply(xs)
            if len(found.text()) + 6 * len(list(found.holes())) <= LONGEST and found.depth <= DEEPEST:
                value = found
                used = tuple(
                    e for edge in step.reads for e in ((edge,) if edge != waiting.edge else waiting.used)
                )
        if value is None:
            self.flush()
            value = step.form.apply([self._read(edge) for edge in step.reads])
        self.pending = None
        if len(step.writes) == 1:
            (edge,) = step.writes
            assert edge is not None
            if not step.reads and not step.block and value.depth == 0:
                self.names[edge] = str(value)  # an attribute, which needs no other name
                return
            if str(value) in {self.names[e] for e in used} and used:
                self._same(edge, used[0])
                return
            pending = _Pending(edge, value, at, used, step)
            if self.uses.get(edge) == [at + 1]:
                self.pending = pending
            else:
                self._assign(pending)
            return
        if len(step.writes) > MOST:
            base = self._name(next(e for e in step.writes if e is not None), at, step, (), "")
            for number, target in enumerate(step.writes):
                if target is not None:
                    self.names[target] = f"{base}[{number}]"
            self.lines.append(Line(f"{base} = ", value))
            return
        targets = []
        for number, target in enumerate(step.writes):
            if target is None:
                targets.append("_")
            elif step.names and step.names[number] not in self._taken(at):
                self.names[target] = step.names[number]
                self.kept.add(self.names[target])
                targets.append(self.names[target])
            else:
                self.names[target] = self._name(target, at, step, used if number == 0 or step.block else ())
                targets.append(self.names[target])
        self.lines.append(Line(", ".join(targets) + " = ", value))

    def _same(self, edge: Edge, source: Edge) -> None:
        """Another name of the same tensor: both are read where either is."""
        self.names[edge] = self.names[source]
        if source in self.moved:
            self.moved[edge] = self.moved[source]
        both = sorted(self.uses.get(source, []) + self.uses.get(edge, []))
        self.uses[source] = self.uses[edge] = both

    def _joins(self, waiting: _Pending, step: Step, at: int) -> bool:
        """Whether what was computed last can stand in the expression of this step, without a name."""
        if step.form.named or step.reads.count(waiting.edge) != 1:
            return False
        if step.block:  # x + self.attention(self.norm(x))
            around = any(self.last(edge) > at for edge in waiting.used)
            alone = waiting.step.form.plain and waiting.value.depth == 1 and not waiting.step.block
            return around and alone and len(step.writes) == 1
        return not (waiting.step.block and step.form.module is not None)

    def flush(self) -> None:
        """Give what was computed last a name of its own."""
        if self.pending is not None:
            waiting, self.pending = self.pending, None
            self._assign(waiting)

    def _assign(self, waiting: _Pending) -> None:
        name = self._name(waiting.edge, waiting.at, waiting.step, waiting.used)
        self.names[waiting.edge] = name
        value = waiting.value
        if value.moved is not None:
            before, source, target = value.moved
            later = moved(source, target)(Expr((name,)))
            if all(self._moves(later, waiting.edge, at) for at in self.uses.get(waiting.edge, ())):
                self.moved[waiting.edge], value = later, before
        self.lines.append(Line(f"{name} = ", value))

    def _read(self, edge: Edge) -> Expr:
        """The tensor of an edge: its name, with an axis moved where that was put off."""
        return self.moved.get(edge) or Expr((self.names[edge],))

    def _moves(self, x: Expr, edge: Edge, at: int) -> bool:
        """Whether a step moves an axis back, or its result instead, so that it need not be moved before."""
        if at == len(self.steps) or self.steps[at].block:
            return False
        step = self.steps[at]
        found = step.form.apply([x if read == edge else Expr(("_",)) for read in step.reads])
        return str(x) not in str(found)

    def _taken(self, at: int) -> set[str]:
        return {name.partition("[")[0] for e, name in self.names.items() if self.last(e) > at}

    def _name(self, edge: Edge, at: int, step: Step, used: tuple[Edge, ...], stem: str | None = None) -> str:
        taken = self._taken(at)
        dying = [self.names[e] for e in used if self.last(e) <= at and self.names[e] not in taken]
        dying = [name for name in dying if name.isidentifier() and name not in self.kept]
        own = identifier(step.name.rpartition(".")[2])
        again = at + 1 < self.last(edge) < len(self.steps) or (edge in self.outputs and len(self.outputs) > 1)
        if step.block and stem is None and len(step.writes) == 1 and again and own not in taken:
            return own  # read again later: a block has a name that says which tensor that is
        if dying:
            return "x" if "x" in dying else dying[0]
        if "x" not in taken and stem is None and len(step.writes) == 1:
            return "x"
        if stem is None and self.last(edge) == at + 1 and "out" not in taken and not step.block:
            return "out"
        whole, stem = stem is not None, step.name.rpartition(".")[2]
        if step.block and stem[-1:].isdigit() and "out" not in taken and self.last(edge) == at + 1:
            return "out"
        if not whole and len(step.writes) > 1:
            stem = f"{stem}{edge.output}"
        stem = identifier(stem)
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        return name

    def returned(self, make: Callable[[list[Expr]], Expr]) -> None:
        """The last line: what is returned, of the tensors that leave."""
        waiting = self.pending
        if waiting is not None and [waiting.edge] == list(self.outputs):
            self.lines.append(Line("return ", make([waiting.value])))
            return
        self.flush()
        self.lines.append(Line("return ", make([self._read(edge) for edge in self.outputs])))
