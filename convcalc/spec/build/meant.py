"""Which input was probably meant by one that does not work: the same without a batch, or channels first."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from convcalc.dims import Shape
from convcalc.spec.build.given import (
    Stated,
    batch_first,
    by_first,
    channels_last,
    contradiction,
    first_layer,
    moved,
    option,
)

if TYPE_CHECKING:
    from convcalc.spec.build.reading import Reading

LAYERS: Final = 4000
"""Layers up to which another reading of an input is tried."""


def meant(
    inputs: Mapping[str, Shape], stated: Mapping[str, Stated]
) -> list[tuple[dict[str, Shape], int | None]]:
    """Other readings of the shapes that were given, the likeliest first, each with its batch."""
    found: list[tuple[dict[str, Shape], int | None]] = []
    for change in (_unbatched, _moved, _unbatched_moved, _completed):
        new: dict[str, Shape] = {}
        batches = set()
        for name, given in inputs.items():
            known = stated.get(name, Stated())
            if known.shape is not None and contradiction(given, known) is None:
                continue
            changed = change(given, known)
            if changed is not None:
                new[name] = changed
                if len(changed) < len(given):
                    batches.add(given[0])
        if new:
            batch = batches.pop() if len(batches) == 1 else None
            found.append(({**inputs, **new}, batch if type(batch) is int else None))
    return found


def _takes(shape: Shape, stated: Stated) -> bool:
    """Whether a spec may take a shape, by all it says."""
    ranks = stated.ranks or ((len(stated.shape) - 1,) if stated.shape else ())
    if ranks and len(shape) - 1 not in ranks:
        return False
    return stated.channels is None or shape[0] == stated.channels or type(shape[0]) is not int


def _unbatched(given: Shape, stated: Stated) -> Shape | None:
    if len(given) < 2 or not (stated.shape or stated.ranks or batch_first(given, stated)):
        return None
    return given[1:] if _takes(given[1:], stated) else None


def _moved(given: Shape, stated: Stated) -> Shape | None:
    if len(given) < 2 or not (stated.channels is not None or channels_last(given)):
        return None
    return moved(given) if _takes(moved(given), stated) else None


def _unbatched_moved(given: Shape, stated: Stated) -> Shape | None:
    return _moved(given[1:], stated) if len(given) > 2 else None


def _completed(given: Shape, stated: Stated) -> Shape | None:
    """The sizes alone, or one for all, with the channels that the spec states."""
    if stated.shape is None or stated.channels is None:
        return None
    for sizes in (given, given * (len(stated.shape) - 1)):
        if len(sizes) == len(stated.shape) - 1 and (len(given) > 1 or given == sizes or given[0] != 1):
            return (stated.channels, *sizes)
    return None


def suggestion(reading: Reading) -> str | None:
    """The ``--input`` (and ``--batch``) that was probably meant by one that does not work.

    What is suggested was built: it works.
    """
    from convcalc.dims import UNKNOWN
    from convcalc.spec.errors import SpecError

    if not reading.inputs:
        return None
    plain = reading._replace(inputs={}).builder(max_layers=LAYERS)
    with suppress(SpecError):  # which may be for want of a size: what it states is known by then
        plain.build()
    nodes = [plain.nodes[number] for number in plain.input_nodes]
    stated = {node.name: plain.stated(node.name, node.outputs[0]) for node in nodes}
    if not nodes:
        stated = {name: by_first(first_layer(reading.document.layers)) for name in reading.inputs}
    for shapes, batch in meant(reading.inputs, stated):
        try:
            reading._replace(inputs=shapes).builder(max_layers=LAYERS).build()
        except SpecError:
            continue
        changed = [name for name in shapes if shapes[name] != reading.inputs[name]]
        if any(size is UNKNOWN for name in changed for size in shapes[name][:1]):
            continue
        texts = " ".join(option(name, shapes[name]) for name in shapes)
        return texts + (f" (--batch {batch})" if batch is not None else "")
    return None
