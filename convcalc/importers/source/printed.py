"""What ``print(model)`` shows of a module: its parts with their arguments, not how they are joined.

Parameters follow from the arguments; a network does not, except where the parts run in order. Each part is
a row with its parameters, whose MACs are unknown; or, where the reader is told so, the parts run as printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any, Final

from convcalc.budget import spend
from convcalc.dims import UNKNOWN
from convcalc.graph import Edge, Graph
from convcalc.importers.network import Network, Stored
from convcalc.importers.pytorch import table
from convcalc.importers.source.calls import arrays_of
from convcalc.importers.source.detection import asked
from convcalc.importers.source.known import NotKnown
from convcalc.importers.source.tensors import nothing
from convcalc.spec.errors import Problem, SpecError
from convcalc.spec.language.stage import Stage
from convcalc.spec.source import Source, Text

_LINE: Final = re.compile(r"\(([\w.\-]+)\): (?:(\d{1,4}) x )?([A-Za-z_]\w*)\((.*)\Z")
_ROOT: Final = re.compile(r"([A-Za-z_]\w*)\((.*)\Z")
_PARAMETER: Final = re.compile(r"\(([\w.\-]+)\): (Parameter|Buffer|Object|Tensor)\b.*of size ([\dx]*)")
_RUN_IN_ORDER: Final = frozenset({
    "Sequential", "Conv2dNormActivation", "Conv3dNormActivation", "ConvNormActivation", "ConvBNReLU",
})  # fmt: skip
_ALIKE: Final = {
    "NonDynamicallyQuantizableLinear": "Linear", "BatchNormAct2d": "BatchNorm2d", "Conv2dSame": "Conv2d",
    "StdConv2d": "Conv2d", "StdConv2dSame": "Conv2d", "GroupNormAct": "GroupNorm",
    "LayerNormAct": "LayerNorm",
    "LayerNormAct2d": "LayerNorm", "GroupNorm1": "GroupNorm", "LayerNormFp32": "LayerNorm",
    "SyncBatchNormAct": "BatchNorm2d", "Conv3DSimple": "Conv3d", "Conv3DNoTemporal": "Conv3d",
}  # fmt: skip
"""Classes of torchvision and timm that hold the arrays of one of PyTorch's, printed with its arguments."""
_IDLE: Final = frozenset({
    "DropPath", "StochasticDepth", "SelectAdaptivePool2d", "FastAdaptiveAvgPool2d", "AvgPool2dSame",
    "MaxPool2dSame",
    "Swish", "HardSwish", "HardSigmoid", "HardMish", "GELUTanh", "QuickGELU", "PatchDropout", "Permute",
    "GLU", "SwiGLU", "Format", "Concat", "LambdaLayer", "Sigmoid",
})  # fmt: skip
"""Classes of theirs that hold nothing."""
_CONTAINERS: Final = frozenset({"ModuleList", "ModuleDict", "ParameterList", "ParameterDict"})
_MOST: Final = 100_000


class Part:
    """A module of a printed one: where it stands, its class, its arguments as text, its parts."""

    __slots__ = ("arguments", "kind", "label", "line", "parts", "size", "times")

    def __init__(self, label: str, kind: str, arguments: str, line: int, times: int = 1) -> None:
        self.label = label
        self.kind = kind
        self.arguments = arguments
        self.line = line
        self.times = times
        self.parts: list[Part] = []
        self.size: tuple[int, ...] | None = None


def tree(source: Source) -> Part | None:
    """The parts of a printed module; None where the text is none, line by line."""
    root: Part | None = None
    stack: list[Part] = []
    start = asked(source.text)
    for number, raw in enumerate(source.text[start:].splitlines(), 1 + source.text.count("\n", 0, start)):
        line = raw.strip()
        spend(5)
        if not line:
            continue
        if root is None:
            found = _ROOT.match(line)
            if found is None:
                return None
            root = Part("", found[1], found[2], number)
            stack.append(root)
        elif not stack:
            if line.startswith(">>>"):  # the session goes on
                break
            return None
        elif held := _PARAMETER.match(line):
            part = Part(held[1], held[2], "", number)
            part.size = tuple(int(n) for n in held[3].split("x") if n)
            stack[-1].parts.append(part)
            continue
        elif found := _LINE.match(line):
            part = Part(found[1], found[3], found[4], number, int(found[2] or 1))
            stack[-1].parts.append(part)
            stack.append(part)
        elif line == ")":
            stack.pop()
            continue
        else:
            stack[-1].arguments += f" {line}"
            continue
        if _closes(stack[-1].arguments):
            part = stack.pop()
            part.arguments = part.arguments[:-1]
    return root if root is not None and not stack else None


def _closes(arguments: str) -> bool:
    """Whether the bracket of a class closes at the end of its line."""
    return arguments.endswith(")") and arguments.count(")") == arguments.count("(") + 1


def in_order(part: Part) -> bool:
    """Whether the parts of a module, and those in them, certainly run as they are printed."""
    if not part.parts:
        return True
    if part.kind in _CONTAINERS or part.size is not None:
        return False
    own = part.kind in _RUN_IN_ORDER
    return own and all(in_order(one) for one in part.parts)


def walk(part: Part, prefix: str = "") -> Iterator[tuple[str, Part]]:
    """Every module with its path, repeated ones (``(0-11): 12 x Block``) under each of their numbers."""
    todo = [(prefix, part)]
    many = 0
    while todo:
        path, one = todo.pop()
        many += 1
        if many > _MOST:
            raise SpecError(Problem(f"more than {_MOST:,} modules"))
        spend(5)
        yield path, one
        below: list[tuple[str, Part]] = []
        for child in one.parts:
            first = re.match(r"\d+", child.label)
            labels = [child.label]
            if child.times > 1 and first is not None:
                labels = [str(int(first[0]) + i) for i in range(child.times)]
            below += [(f"{path}.{label}" if path else label, child) for label in labels]
        todo += reversed(below)


class Printed:
    """Reads one printed module.

    Args:
        source: the text.
        root: its parts.
    """

    def __init__(self, source: Source, root: Part) -> None:
        self.source = source
        self.root = root
        self._known: dict[tuple[str, str], list[Stage] | None] = {}

    def fault(self, part: Part, message: str, expected: str | None = None) -> SpecError:
        """An error at the line of a part."""
        line = self.source.line(part.line)
        column = len(line) - len(line.lstrip()) + 1
        return SpecError(
            Problem(message, file=self.source.name, line=part.line, column=column, length=len(line.strip()),
                    text=line, expected=expected)
        )  # fmt: skip

    def stages(self, part: Part) -> list[Stage] | None:
        """The layers of a class of PyTorch; None of one that is not."""
        kind = _ALIKE.get(part.kind, part.kind)
        if kind not in table.ROWS:
            return None
        arguments = part.arguments.strip().rstrip(",")
        key = (kind, arguments)
        if key not in self._known:
            from convcalc.importers.frameworks import stages_of

            call = f"nn.{kind}({arguments})"
            text = Text(call, Source("<call>", call), 0, len(call))
            try:
                self._known[key] = stages_of(kind, text, 0, len(kind) + 3, len(call), {}, set())
            except SpecError as error:
                problem = error.problems[0]
                raise self.fault(part, problem.message, problem.expected) from None
        return self._known[key]

    def arrays(self, part: Part) -> dict[str, tuple[tuple[Any, ...], bool]] | None:
        """The arrays that a module holds itself; None where its print does not say."""
        if part.size is not None:
            return {"value": (part.size, part.kind == "Parameter")}
        if part.kind == "MultiheadAttention":
            return self._attention(part)
        if part.kind == "FrozenBatchNorm2d" and (width := re.match(r"(\d+)", part.arguments)):
            names = ("weight", "bias", "running_mean", "running_var")
            return {name: ((int(width[1]),), False) for name in names}
        if part.kind in _IDLE or part.kind in _CONTAINERS or part.kind in _RUN_IN_ORDER:
            return {}
        stages = self.stages(part)
        if stages is None:
            return None
        found: dict[str, tuple[tuple[Any, ...], bool]] = {}
        try:
            for stage in stages:
                arrays = arrays_of(stage)
                if arrays is None:
                    raise self.fault(
                        part, f"what {part.kind} holds follows from what arrives there", "no lazy layer"
                    )
                found.update(arrays)
        except NotKnown as error:
            raise self.fault(part, error.message, error.expected) from None
        return found

    @staticmethod
    def _attention(part: Part) -> dict[str, tuple[tuple[Any, ...], bool]]:
        """The arrays of attention, which its projection says."""
        for child in part.parts:
            width = re.search(r"in_features=(\d+)", child.arguments)
            if width is not None:
                size = int(width[1])
                found: dict[str, tuple[tuple[Any, ...], bool]] = {"in_proj_weight": ((3 * size, size), True)}
                if "bias=True" in child.arguments:
                    found["in_proj_bias"] = ((3 * size,), True)
                return found
        return {}

    def rows(self) -> Graph:
        """A graph of the parts as they are counted: each with its parameters, none with its MACs."""
        network = Network(self.root.kind)
        start = network.enter("input", (UNKNOWN,))
        others: dict[str, int] = {}
        edges: list[Edge] = []
        for path, part in walk(self.root):
            arrays = self.arrays(part)
            if arrays is None:
                if part is not self.root:
                    others[part.kind] = others.get(part.kind, 0) + 1
                arrays = {}
            if part.parts and not arrays:
                continue
            learned = sum(prod(shape) for shape, own in arrays.values() if own)
            buffers = sum(prod(shape) for shape, own in arrays.values() if not own)
            options = {"what": part.kind, "shapes": ((UNKNOWN,),), "params": learned, "buffered": buffers}
            edges += network.add(
                "opaque", (start,), options, path if not part.parts else f"{path}.{part.kind}"
            )
        options = {"what": self.root.kind, "shapes": ((UNKNOWN,),)}
        (end,) = network.add("opaque", edges, options, "forward")
        network.notes.append(
            f"a print shows the parts of {self.root.kind}, not how they are joined: their parameters are all "
            "it tells, of a part used twice in both places; --in-order where they run as printed"
        )
        if others:
            listed = ", ".join(
                f"{kind}{f' ({many})' if many > 1 else ''}" for kind, many in sorted(others.items())
            )
            network.notes.append(
                f"parameters that these hold themselves are not printed, and not counted: {listed}"
            )
        graph = network.finish([("forward", end)])
        graph.weights = None
        return graph

    def run(self, shape: tuple[Any, ...]) -> Graph:
        """The parts, run as they are printed."""
        network = Network(self.root.kind)
        edges: tuple[Edge, ...] = (network.enter("input", shape),)
        for path, part in walk(self.root):
            if part.parts:
                continue
            stages = self.stages(part)
            if stages is None and (part.kind not in _IDLE or "Pool" in part.kind):
                raise self.fault(
                    part, f"{part.kind} is no class of PyTorch that is known here", "the parts of nn"
                )
            for number, stage in enumerate(stages or ()):
                arrays = arrays_of(stage, network.shape(edges[0])) or {}
                weights = {
                    name: Stored(f"{path}.{name}", tuple(sizes), "float32", nothing, learned=learned)
                    for name, (sizes, learned) in arrays.items()
                }
                try:
                    named = path if number == 0 else f"{path}.{stage.name}"
                    edges = network.stage(stage, edges[:1], named, weights)
                except SpecError as error:
                    problem = error.problems[0]
                    raise self.fault(part, problem.message, problem.expected) from None
        if len(network.nodes) < 2:
            raise self.fault(self.root, "no layer is printed here")
        graph = network.finish([(network.nodes[edges[0].node].name, edges[0])])
        graph.weights = None
        graph.again = lambda inputs, variables: self.run(tuple(inputs["input"]))
        return graph


def read(source: Source, shapes: Callable[[list[str]], Mapping[str, Any]], run: bool = False) -> Graph | None:
    """The graph of a printed module; None where its parts certainly run in order, which is a spec of its own.

    Args:
        source: the text.
        shapes: gives the shapes from outside.
        run: whether the parts run as they are printed.

    Raises:
        SpecError: a part cannot be read, at its line.
    """
    root = tree(source)
    if root is None:
        return None
    if in_order(root) or (len(root.parts) == 1 and in_order(root.parts[0]) and root.parts[0].parts):
        return None
    printed = Printed(source, root)
    given = shapes([])
    if not run:
        return printed.rows()
    if "input" not in given:
        raise SpecError(Problem("--in-order runs the parts, and nothing says what goes in", file="--input",
                                expected="--input 3x224x224"))  # fmt: skip
    return printed.run(tuple(given["input"]))
