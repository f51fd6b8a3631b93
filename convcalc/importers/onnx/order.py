"""The order in which the nodes of a graph run."""

from __future__ import annotations

from collections.abc import Mapping

from convcalc.importers.onnx.model import Node, captured


def ordered(nodes: list[Node], wanted: list[str]) -> list[Node]:
    """The nodes that the outputs need, each behind those that it reads.

    Raises:
        SpecError: they read each other in a circle, or two of them make one value.
    """
    makers: dict[str, int] = {}
    for number, node in enumerate(nodes):
        for name in node.outputs:
            if name and makers.setdefault(name, number) != number:
                raise node.error(f"makes {name!r}, which another node makes")
    reads = [[*node.inputs, *captured(node)] for node in nodes]
    state = [0] * len(nodes)
    order: list[int] = []
    for name in wanted:
        stack = [(makers[name], 0)] if name in makers else []
        while stack:
            number, at = stack.pop()
            if at == 0:
                if state[number]:
                    continue
                state[number] = 1
            names = reads[number]
            for place in range(at, len(names)):
                maker = makers.get(names[place])
                if maker is None:
                    continue
                if state[maker] == 1:
                    raise nodes[maker].error("reads what is made of it: the nodes go in a circle")
                if state[maker] == 0:
                    stack += [(number, place + 1), (maker, 0)]
                    break
            else:
                state[number] = 2
                order.append(number)
    return [nodes[number] for number in sorted(order)] if _is_sorted(order, reads, makers) else [
        nodes[number] for number in order
    ]  # fmt: skip


def _is_sorted(order: list[int], reads: list[list[str]], makers: Mapping[str, int]) -> bool:
    """Whether the nodes stand in the file in an order in which they run."""
    return all(makers.get(name, -1) < number for number in order for name in reads[number])
