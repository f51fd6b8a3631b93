"""The tables of training: what each layer keeps and costs on the way back, and what all of it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.count.report import folded
from convcalc.calculators.training.optimizers import OPTIMIZERS
from convcalc.render import numbers
from convcalc.render.table import Column, Table

if TYPE_CHECKING:
    from convcalc.calculators.training.batch import LargestBatch
    from convcalc.calculators.training.memory import TrainingLayer, TrainingMemory

_WORKING: Final = "The working space of kernels comes on top."


def table(result: TrainingMemory, *, exact: bool = False, depth: int | None = None) -> Table:
    """One row per layer: what is kept for its backward pass, gradients, and the optimizer's state.

    Args:
        result: what :func:`convcalc.training_memory` gave.
        exact: bytes to the last one instead of binary units.
        depth: levels of blocks after which layers are folded into one row.
    """
    form = numbers.exact if exact else numbers.human_bytes
    columns = (
        Column("name", "name", numbers.label, "left", 0, 12, True),
        Column("layer", "layer", numbers.label, "left", 30, 12),
        Column("output_shape", "output", numbers.shape, priority=20),
        Column("saved_bytes", "saved", form),
        Column("saved", "what is saved", numbers.label, "left", 10, 12),
        Column("gradient_bytes", "gradients", form, priority=5),
        Column("state_bytes", "optimizer", form, priority=6),
    )
    texts = _texts(result)
    rows = [
        (
            name,
            _text(texts, part),
            part[-1].output_shape,
            sum(row.saved_bytes for row in part),
            ", ".join(part[0].saved) if len(part) == 1 else "",
            sum(row.gradient_bytes for row in part),
            sum(row.state_bytes for row in part),
        )
        for name, part in rows_of(result, depth)
    ]
    footer = ("total", "", None, result.saved_bytes, "", result.gradient_bytes, result.state_bytes)
    return Table(
        columns,
        rows,
        footer=footer,
        title=_title(result),
        facts=_facts(result, form),
        notes=_notes(result),
    )


def costs(result: TrainingMemory, *, exact: bool = False, depth: int | None = None) -> Table:
    """One row per layer: MACs forward and back, and what a training step costs in FLOPs."""
    form = numbers.exact if exact else numbers.human
    columns = (
        Column("name", "name", numbers.label, "left", 0, 12, True),
        Column("layer", "layer", numbers.label, "left", 30, 12),
        Column("macs", "MACs forward", form),
        Column("input_macs", "gradient of input", form),
        Column("weight_macs", "gradient of weights", form),
        Column("training_macs", "together", form, priority=5),
    )
    rows, texts = [], _texts(result)
    for name, part in rows_of(result, depth):
        layer = _text(texts, part)
        counts = [sum(getattr(row, key) for row in part) for key in ("macs", "input_macs", "weight_macs")]
        rows.append((name, layer, *counts, sum(counts)))
    sums = (result.macs, result.input_macs, result.weight_macs)
    facts = [
        ("training step", f"{form(result.training_flops)} FLOPs, 2 a MAC"),
        ("forward", f"{form(2 * result.macs)} FLOPs of these"),
    ]
    if result.macs:
        facts.append(("training / forward", f"{result.training_flops / (2 * result.macs):.3f}"))
    notes = ["Only multiply-accumulates are counted on the way back; the first layer needs no gradient of"
             " its input, a frozen one none of its weights."]  # fmt: skip
    if result.checkpoint:
        notes.append(f"Blocks that run again add {form(result.again_macs)} MACs forward.")
    return Table(
        columns,
        rows,
        footer=("total", "", *sums, sum(sums)),
        title=_title(result, costs=True),
        facts=facts,
        notes=notes,
    )


def rows_of(result: TrainingMemory, depth: int | None) -> list[tuple[str, list[TrainingLayer]]]:
    """Rows by name, each with the layers that it stands for."""
    if depth is None:
        return [(row.name, [row]) for row in result.layers]
    found: dict[str, list[TrainingLayer]] = {}
    for row in result.layers:
        found.setdefault(folded(row.name, depth) or numbers.label(result.name), []).append(row)
    return list(found.items())


def _texts(result: TrainingMemory) -> dict[str, str]:
    """Each layer as the spec language writes it."""
    from convcalc.exporters.text import format_placed

    graph = result.graph
    return {
        node.name: format_placed(node, graph.input_shapes(node)) for node in graph.nodes if not node.is_input
    }


def _text(texts: dict[str, str], part: Sequence[TrainingLayer]) -> str:
    return texts[part[0].name] if len(part) == 1 else f"{len(part)} layers"


def _title(result: TrainingMemory, costs: bool = False) -> str:
    shape = numbers.shape(result.input_shape) if result.input_shape else "no input"
    words = [f"input {shape}", f"batch {result.batch}"]
    if not costs:
        words += [result.precision, result.optimizer]
    if result.in_place:
        words.append("activations in place")
    return f"{numbers.label(result.name)} in training: {', '.join(words)}"


def _facts(result: TrainingMemory, form: Any) -> Sequence[tuple[str, str]]:
    state = OPTIMIZERS[result.optimizer][1]
    facts = [
        ("parameters", form(result.parameter_bytes)),
        *([("buffers", form(result.buffer_bytes))] if result.buffer_bytes else []),
        ("gradients", form(result.gradient_bytes)),
        ("optimizer's state", f"{form(result.state_bytes)}: {state}"),
        ("saved for backward", form(result.saved_bytes)),
    ]
    if result.saved_sample_bytes is not None and result.saved_fixed_bytes is not None:
        sample = f"{form(result.saved_sample_bytes)} * batch"
        fixed = f"{form(result.saved_fixed_bytes)} + " if result.saved_fixed_bytes else ""
        facts.append(("saved for batch", fixed + sample))
    phase = {"forward": "forward", "again": "run again", "backward": "backward"}[result.peak_phase]
    facts.append(("peak", f"{form(result.peak_bytes)}  (at {numbers.label(result.peak_at)}, {phase})"))
    return facts


def _notes(result: TrainingMemory) -> list[str]:
    notes = [
        "Saved is what PyTorch's autograd keeps, each tensor once; in brackets what another layer has kept.",
        _WORKING,
    ]
    if result.checkpoint:
        again = numbers.human(result.again_macs)
        notes.append(f"Checkpointed: {', '.join(result.checkpoint)}; they run again, {again} MACs more.")
    return notes


def batch_table(found: LargestBatch, *, exact: bool = False) -> Table:
    """The largest batch, and what one sample more would take.

    Args:
        found: what :func:`convcalc.largest_batch` gave.
        exact: bytes to the last one instead of binary units.
    """
    form = numbers.exact if exact else numbers.human_bytes
    columns = (
        Column("batch", "batch", numbers.exact),
        Column("saved_bytes", "saved", form),
        Column("peak_bytes", "peak", form),
        Column("peak_at", "at", numbers.label, "left", 10, 12, True),
        Column("verdict", "", numbers.label, "left"),
    )
    limit = found.text if found.text and not exact else form(found.max_memory)
    rows = [
        (one.batch, one.saved_bytes, one.peak_bytes, f"{one.peak_at}, {one.peak_phase}",
         "fits" if one.peak_bytes <= found.max_memory else "too large")
        for one in (found.best, found.above)
    ]  # fmt: skip
    name = numbers.label(found.name)
    if found.batch is None:
        title = numbers.toned(f"{name}: not even one sample trains in {limit}", "bad")
    else:
        title = numbers.toned(f"{name}: {found.batch:,} is the largest batch that trains in {limit}", "good")
    best = found.best
    facts = [("with", f"{best.precision}, {best.optimizer}")]
    if best.checkpoint:
        facts.append(("checkpointed", ", ".join(best.checkpoint)))
    if found.sample_bytes is not None and found.fixed_bytes is not None:
        facts.append(("peak", f"{form(found.fixed_bytes)} + {form(found.sample_bytes)} * batch"))
    return Table(columns, rows, title=title, facts=facts, notes=[_WORKING])
