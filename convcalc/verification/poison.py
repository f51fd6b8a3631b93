"""Influence seen forwards: a pixel is poisoned with NaN, and the layers it comes out of are noted.

Tracing runs the kernels' windows backwards; this runs the kernels themselves. Both must see the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from convcalc.executor import init_weights
from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.arithmetic.poison import POISONED
from convcalc.executor.call import at
from convcalc.executor.counting import random_inputs
from convcalc.executor.run import Runner, input_arrays
from convcalc.graph import Graph


class Poisoned(NamedTuple):
    """One pixel of one input, and the positions of every tensor that it reaches.

    Attributes:
        input: name of the input.
        pixel: spatial indices.
        reached: by tensor (``node`` or ``node.output``), booleans over its spatial positions.
        undecided: the same for positions that are NaN without it, as sums of infinities are.
    """

    input: str
    pixel: tuple[int, ...]
    reached: Mapping[str, Array]
    undecided: Mapping[str, Array]


def poisoned(graph: Graph, seed: int = 0) -> list[Poisoned]:
    """Runs of a small graph with the first, the middle and the last pixel of every input poisoned."""
    weights = init_weights(graph, seed, "float64")
    plain = random_inputs(graph, dtype="float64", seed=seed)
    undecided = _nan_places(graph, plain, weights)
    found = []
    for name, array in plain.items():
        sizes = array.shape[2:]
        ends = ((0,) * len(sizes), tuple(n // 2 for n in sizes), tuple(n - 1 for n in sizes))
        for pixel in dict.fromkeys(ends):
            inputs = {**plain, name: array.copy()}
            inputs[name][at(0, slice(None), *pixel)] = np.nan
            found.append(Poisoned(name, pixel, _nan_places(graph, inputs, weights), undecided))
    return found


def _nan_places(
    graph: Graph, inputs: Mapping[str, Array], weights: Mapping[str, Array]
) -> Mapping[str, Array]:
    """Where NaN stands in any channel, by tensor."""
    reached: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for step in Runner(graph, weights, POISONED).steps(input_arrays(graph, inputs)):
            names = step.node.layer.output_names()
            for part, array in zip(names, step.outputs, strict=False):
                if array is not None and array.dtype.kind == "f":
                    name = f"{step.node.name}.{part}" if part and len(names) > 1 else step.node.name
                    reached[name] = np.isnan(array[0]).any(axis=0)
    return reached
