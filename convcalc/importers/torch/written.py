"""How the calls of a program are written in its source: what counters that hook modules see of them.

The words are those of :data:`convcalc.graph.WRITTEN`, the most telling first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from convcalc.importers.torch.program import Call, Program

LIBRARY: Final = "torch.nn.modules."
ATTENTION: Final = (f"{LIBRARY}activation.MultiheadAttention", "timm.layers.attention.Attention")
"""Modules that a counter may count as a whole."""
HELD: Final = f"{LIBRARY}transformer."
"""Modules that hold their activation as a function, which nobody replaces any more."""
FUSED: Final = "aten.scaled_dot_product_attention."
OWN: Final = frozenset({"relu", "softmax", "max_pool1d", "max_pool2d", "max_pool3d"})
"""Functions of ``torch`` beside those of the same name in ``torch.nn.functional``, which replaces count."""


def with_writing(program: Program, parents: Collection[str] | None = None) -> Program:
    """A program whose calls say how they are written.

    Args:
        program: with the functions of its calls, as far as they are known.
        parents: paths of the modules that have parts; by default those that are seen to have some.
    """
    if parents is None:
        paths = [call.path for call in program.calls]
        paths += [name.rpartition(".")[0] for held in program.held for name in held.names]
        parents = {end for path in paths for end in _above(path)}
    weighed = {
        owner for held in program.held if held.kind == "parameter" for name in held.names
        for owner, _, last in [name.rpartition(".")] if last == "weight"
    }  # fmt: skip
    whole = {call.path for call in program.calls if call.kind in ATTENTION}
    calls = []
    for call in program.calls:
        words = _words(call, call.path in parents, call.path in weighed)
        covered = "covered" if not whole.isdisjoint(_above(call.path)) else ""
        calls.append(replace(call, written=" ".join(filter(None, (covered, call.written, words)))))
    return replace(program, calls=tuple(calls))


def _above(path: str) -> Iterable[str]:
    """The modules around a module, by their paths."""
    parts = path.split(".") if path else []
    return (".".join(parts[:length]) for length in range(len(parts)))


def _words(call: Call, parent: bool, weighed: bool) -> str:
    fused = call.target.startswith(FUSED)
    if call.kind in ATTENTION:
        return "attention fused" if fused else "unfused attention"
    if fused:
        return "fused"
    if not call.kind and not call.function:
        return ""
    if call.kind.startswith(LIBRARY) and not parent:
        return "module"
    plain = "method" if call.kind.startswith(HELD) else _function(call.function)
    if parent or not weighed or call.arguments.get("weight") is None:
        return plain
    named = "Conv" in call.kind.rpartition(".")[2]
    return f"subclass {plain}" if named else f"unnamed subclass {plain}"


def _function(said: str) -> str:
    """Counters may replace ``function.relu``, but not ``operator.add`` nor ``method_descriptor.mean``."""
    kind, _, name = said.rpartition(".")
    if name == "einsum":
        return "einsum"
    if kind == "function" or (kind == "builtin_function_or_method" and name not in OWN):
        return "function"
    return "tensor" if kind == "method_descriptor" else "method"


def said(function: object, trace: str | None) -> str:
    """The function of a call, as the exporter notes it; what the code writes as an operator is one.

    Args:
        function: ``("add_1", "method_descriptor.add")`` or the same as text, joined by a semicolon.
        trace: the stack trace, whose last line is the code.
    """
    if not isinstance(function, tuple | list | str) or not function:
        return ""
    text = str(function.rpartition(";")[2] if isinstance(function, str) else function[-1])
    kind, _, name = text.rpartition(".")
    lines = (trace or "").strip().splitlines()
    line = lines[-1] if lines else ""  # of the innermost module; what functions of its own run is not shown
    # A line without either calls a function of its own: sums are operators there, as nearly everywhere.
    if f".{name}(" in line:
        return text
    if (kind == "method_descriptor" and (name != "matmul" or "@" in line)) or re.search(
        rf"(?<![\w.]){name}\(", line
    ):
        return f"operator.{name}"
    return text


def order(dims: Sequence[int], strides: Sequence[int], batch: int) -> str:
    """How a tensor of three axes or more lies in memory.

    Returns:
        ``strided`` where its axes are in another order, ``folded`` where they are in a batch of several
        alone; else nothing.
    """
    if len(dims) < 3 or _in_order(dims, strides):
        return ""
    for axis, size in enumerate(dims):
        if size == batch and _in_order(*([*of[:axis], *of[axis + 1 :]] for of in (dims, strides))):
            return "folded"
    return "strided"


def _in_order(dims: Sequence[int], strides: Sequence[int]) -> bool:
    due = 1
    for size, stride in zip(reversed(dims), reversed(strides), strict=True):
        if size != 1 and stride != due:
            return False
        due *= size
    return True
