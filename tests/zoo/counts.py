"""Counting a zoo network once, for all the tests that hold it to a figure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import convcalc


class Counts(NamedTuple):
    """What a network costs: the words mean what they mean in the report."""

    params: int
    buffers: int
    macs: int
    conv_macs: int
    linear_macs: int
    transposed_macs: int
    output: tuple[int, ...]


@lru_cache(maxsize=256)
def graph(name: str, input: str | None = None, **variables: Any) -> convcalc.Graph:
    return convcalc.load(name, input=input, set=variables or None)


@lru_cache(maxsize=256)
def counts(name: str, input: str | None = None, **variables: Any) -> Counts:
    network = graph(name, input, **variables)
    report = convcalc.analyze(network).to_dict()
    by_op: dict[str, int] = {}
    for layer in report["layers"]:
        by_op[layer["op"]] = by_op.get(layer["op"], 0) + layer["macs"]
    totals = report["totals"]
    return Counts(
        params=totals["params"],
        buffers=totals["buffers"],
        macs=totals["macs"],
        conv_macs=by_op.get("conv", 0) + by_op.get("dwconv", 0),
        linear_macs=by_op.get("linear", 0),
        transposed_macs=by_op.get("convT", 0),
        output=tuple(network.shape(network.outputs[0])),
    )


def row(name: str, input: str | None = None) -> tuple[str, int, int, int, int]:
    """What a row of a reference says: input, parameters, buffers, MACs of convolutions, all others."""
    network, found = graph(name, input), counts(name, input)
    size = "x".join(map(str, network.nodes[network.inputs[0]].outputs[0]))
    return size, found.params, found.buffers, found.conv_macs, found.macs - found.conv_macs


def millions(value: int, digits: int) -> str:
    """A count in millions to a number of printed digits after the point, halves up."""
    scaled = (2 * value * 10**digits + 10**6) // (2 * 10**6)
    whole, part = divmod(scaled, 10**digits)
    return f"{whole}.{part:0{digits}d}" if digits else str(whole)
