"""What exporters write out in several operators, found in a graph and put back as the one layer that it is.

`PATTERNS` is the table. A pattern is written as the operators stand: ``Mul(x, Sigmoid(x))``. In it

- a small word (``x``, ``d``) is a value, the same wherever it stands; it may be defined beside the pattern;
- a word that ends in ``_`` (``eps_``) is one number that the file holds, a number is that number;
- a capital (``W``) is an array that the file holds;
- ``axes=a`` is an attribute (or the input that became of it), and every attribute of an operator is named;
- a call of a small word is one of `FORMS`, which can be written in several ways.

A match needs that nobody else reads what lies inside; else the operators stay as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

from convcalc.importers.onnx.model import Attribute, Node, captured
from convcalc.importers.onnx.tensors import Tensor

DOMAIN: Final = "convcalc"
"""Domain of the nodes that stand for several."""

FORMS: Final[dict[str, tuple[str, ...]]] = {
    "square(v)": ("Pow(v, 2)", "Mul(v, v)"),
    "cube(v)": ("Pow(v, 3)", "Mul(Mul(v, v), v)", "Mul(square(v), v)"),
    "root(v)": ("Sqrt(v)", "Pow(v, 0.5)"),
    "inverse(v)": ("Reciprocal(v)", "Div(1, v)", "Pow(v, -1)"),
    "over_root(v, w)": ("Div(v, root(w))", "Mul(v, inverse(root(w)))", "Mul(v, Pow(w, -0.5))"),
    "half(v)": ("Mul(v, 0.5)", "Div(v, 2)"),
    "sixth(v)": ("Div(v, 6)", "Mul(v, 0.16666666666666666)"),
    "half_product(v, w)": ("half(Mul(v, w))", "Mul(v, half(w))", "Mul(half(v), w)"),
    "hat(v)": ("Clip(Add(v, 3), 0, 6)", "Min(Relu(Add(v, 3)), 6)", "Min(Max(Add(v, 3), 0), 6)"),
    "softplus(v)": ("Softplus(v)", "Log(Add(Exp(v), 1))"),
    "hard_sigmoid(v)": ("sixth(hat(v))", "HardSigmoid(v, alpha=0.16666666666666666, beta=0.5)"),
    "error_part(v)": (
        "Add(Erf(Div(v, 1.4142135623730951)), 1)",
        "Add(Erf(Mul(v, 0.7071067811865476)), 1)",
    ),
    "tanh_part(v)": (
        "Add(Tanh(Mul(Add(v, Mul(cube(v), 0.044715)), 0.7978845608028654)), 1)",
        "Add(Tanh(Mul(Mul(v, 0.7978845608028654), Add(Mul(square(v), 0.044715), 1))), 1)",
        "Add(Tanh(Mul(Mul(v, 0.7978845608028654), Add(Mul(Mul(v, 0.044715), v), 1))), 1)",
        "Add(Tanh(Mul(v, Add(Mul(square(v), 0.035677408136300125), 0.7978845608028654))), 1)",
    ),
    "above(v, w, z)": ("Where(Greater(v, w), v, z)", "Where(LessOrEqual(v, w), z, v)"),
    "below(v)": ("Neg(Relu(Neg(v)))", "Min(v, 0)", "half(Sub(v, Abs(v)))"),
    "length(v)": (
        "ReduceL2(v, axes=a, keepdims=1)",
        "root(ReduceSum(square(v), axes=a, keepdims=1))",
        "root(ReduceSumSquare(v, axes=a, keepdims=1))",
    ),
    "at_least(v)": ("Max(v, eps_)", "Clip(v, eps_)"),
    "spread(v, w)": ("v", "Expand(v, Shape(w))", "Expand(v, S)"),
    "mean(v)": ("ReduceMean(v, axes=a, keepdims=1)",),
    "affine(v)": ("Add(Mul(v, 1), 0)", "Add(Mul(v, W), B)", "Mul(v, W)", "Add(v, B)", "v"),
    "scaled(v)": ("Mul(v, W)", "v"),
    "grouped(v)": ("InstanceNormalization(Reshape(v, G), K, Z, epsilon=eps)",),
}
"""What can be written in several ways: the name with what it is made of, and the ways."""


class Pattern(NamedTuple):
    """A row of the table.

    Attributes:
        op: the operator that stands for it, as ONNX names it in its newest set, or one of
            `convcalc.importers.onnx.operators.recognised`.
        text: how exporters write it.
        inputs: names in the text, in the order in which the operator reads them; one that did not occur is
            left out.
        options: its attributes from what was found; None where it is no match after all.
        defined: what small words of the text stand for.
    """

    op: str
    text: str
    inputs: str = "x"
    options: Callable[[Found], dict[str, Any] | None] = lambda found: {}
    defined: Mapping[str, str] = {}


class Found(NamedTuple):
    """What a pattern was found to be.

    Attributes:
        values: names of values and of arrays, numbers, attributes, by their words in the pattern.
        nodes: the places of the nodes that it takes, without order.
        constants: what the file holds.
    """

    values: Mapping[str, Any]
    nodes: tuple[int, ...]
    constants: Constants


def _normalised(found: Found) -> dict[str, Any] | None:
    axes = found.values["a"]
    return {"axes": axes, "epsilon": found.values["eps_"]} if axes else None


def _length(found: Found) -> dict[str, Any] | None:
    axes, eps = found.values["a"], found.values["eps_"]
    shape = found.constants.numbers(found.values["S"]) if "S" in found.values else ()
    if len(axes) != 1 or eps < 0 or shape is None:
        return None
    return {"axis": axes[0], "epsilon": eps, "shape": shape}


def _root_length(found: Found) -> dict[str, Any] | None:
    options = _length(found)
    return options and {**options, "epsilon": options["epsilon"] ** 0.5}


def _leaky(found: Found) -> dict[str, Any] | None:
    return {"alpha": found.values["k_"]} if 0 <= found.values["k_"] <= 1 else None


def _threshold(found: Found) -> dict[str, Any] | None:
    return {"threshold": found.values["t_"], "value": found.values["v_"]}


def _saturated(found: Found) -> dict[str, Any] | None:
    """Where an argument is so large that its softplus is the argument, within float32."""
    return {} if found.values["k_"] >= 17 else None


def _groups(found: Found) -> dict[str, Any] | None:
    """Group normalisation written as instance normalisation of groups that were made one channel each."""
    shape = found.constants.numbers(found.values["G"])
    scale, offset = (found.constants.numbers(found.values[key]) for key in "KZ")
    if shape is None or scale is None or offset is None or len(shape) != 3 or shape[2] != -1:
        return None
    if any(v != 1 for v in scale) or any(v != 0 for v in offset) or len(scale) != shape[1]:
        return None
    after = found.constants.numbers(found.values["S"]) if "S" in found.values else ()
    if after is None:
        return None
    return {
        "num_groups": shape[1],
        "epsilon": found.values.get("eps", 1e-5),
        "first": shape[0],
        "shape": after,
    }


_CENTRED: Final = {"d": "Sub(x, mean(x))"}
PATTERNS: Final = (
    Pattern("Swish", "Mul(x, Sigmoid(x))"),
    Pattern("Swish", "Mul(x, Sigmoid(Mul(x, 1)))"),
    Pattern("Swish", "Div(x, Add(Exp(Neg(x)), 1))"),
    Pattern("HardSwish", "Mul(x, hard_sigmoid(x))"),
    Pattern("HardSwish", "sixth(Mul(x, hat(x)))"),
    Pattern("HardSigmoid", "sixth(hat(x))", options=lambda found: {"alpha": 1 / 6, "beta": 0.5}),
    Pattern("Softsign", "Div(x, Add(Abs(x), 1))"),
    Pattern("Tanhshrink", "Sub(x, Tanh(x))"),
    Pattern("Mish", "Mul(x, Tanh(softplus(x)))"),
    Pattern("Gelu", "half_product(x, error_part(x))"),
    Pattern("Gelu", "half_product(x, tanh_part(x))", options=lambda found: {"approximate": "tanh"}),
    Pattern("Softplus", "above(x, k_, Softplus(x))", options=_saturated),
    Pattern("ThresholdedValue", "above(x, t_, v_)", options=_threshold),
    Pattern("Elu", "above(x, 0, Sub(Exp(x), 1))", options=lambda found: {"alpha": 1.0}),
    Pattern("LeakyRelu", "Max(x, Mul(x, k_))", options=_leaky),
    Pattern("LeakyRelu", "above(x, 0, Mul(x, k_))", options=lambda found: {"alpha": found.values["k_"]}),
    Pattern("PRelu", "above(x, 0, Mul(x, W))", "x W"),
    Pattern("PRelu", "Add(Relu(x), Mul(below(x), W))", "x W"),
    Pattern("PRelu", "Add(Relu(x), Neg(Mul(Relu(Neg(x)), W)))", "x W"),
    Pattern("PRelu", "Add(Relu(x), Mul(Relu(Neg(x)), Neg(W)))", "x W"),
    Pattern("PRelu", "Sub(Relu(x), Mul(Relu(Neg(x)), W))", "x W"),
    Pattern("L2Normalization", "Div(x, spread(at_least(length(x)), x))", options=_length),
    Pattern(
        "L2Normalization",
        "over_root(x, at_least(ReduceSum(square(x), axes=a, keepdims=1)))",
        options=_root_length,
    ),
    Pattern(
        "AxesNormalization",
        "affine(over_root(d, Add(mean(square(d)), eps_)))",
        "x W B",
        _normalised,
        _CENTRED,
    ),
    Pattern("RootMeanSquare", "scaled(over_root(x, Add(mean(square(x)), eps_)))", "x W", _normalised),
    Pattern("GroupedNormalization", "affine(Reshape(grouped(x), Shape(x)))", "x W B", _groups),
    Pattern("GroupedNormalization", "affine(Reshape(grouped(x), S))", "x W B", _groups),
)
"""The table: where several fit one node, the first that takes most nodes is taken."""

_COMMUTATIVE: Final = frozenset(("Add", "Mul", "Max", "Min"))
_DEFAULTS: Final = {"keepdims": 1, "alpha": 0.2, "beta": 0.5, "epsilon": 1e-5}
_BOUNDS: Final = {"min": 1, "max": 2}
_OPEN: Final = frozenset(("Shape",))  # may have other readers, and then stays
_MOST: Final = 1 << 16
_ROUNDED: Final = {"float16": 6e-4, "bfloat16": 5e-3}

Tree: TypeAlias = Any
"""A pattern as it is matched: a number, a name, or a call of operator, arguments and attributes."""


class Call(NamedTuple):
    """An operator, or a form, of a pattern."""

    op: str
    arguments: tuple[Tree, ...]
    attributes: tuple[tuple[str, Tree], ...]


class Recognised(Node):
    """A node that stands for several.

    Attributes:
        parts: the nodes of the file, in their order.
    """

    __slots__ = ("parts",)
    parts: tuple[Node, ...]


class Constants:
    """Arrays that the file holds, by the names that the nodes of a graph give them.

    Args:
        nodes: the nodes of the graph.
        held: arrays of the graph and of those around it.
    """

    def __init__(self, nodes: Iterable[Node], held: Mapping[str, Tensor]) -> None:
        self._held = dict(held)
        self._numbers: dict[str, tuple[Any, ...] | None] = {}
        for node in nodes:
            if node.domain or len(node.outputs) != 1:
                continue
            if node.op == "Identity" and node.inputs[0] in self._held:
                self._held[node.outputs[0]] = self._held[node.inputs[0]]
            elif node.op == "Constant":
                for attribute in node.attributes.values():
                    if attribute.type == "TENSOR":
                        self._held[node.outputs[0]] = attribute.value
                    elif attribute.type in ("FLOAT", "INT"):
                        self._numbers[node.outputs[0]] = (attribute.value,)
                    elif attribute.type in ("FLOATS", "INTS"):
                        self._numbers[node.outputs[0]] = attribute.value

    def array(self, name: str) -> bool:
        """Whether it is an array of the file, of one axis or more."""
        tensor = self._held.get(name)
        return tensor is not None and bool(tensor.dims)

    def numbers(self, name: str) -> tuple[Any, ...] | None:
        """Its entries; None where it is none, or has too many."""
        if name not in self._numbers:
            tensor = self._held.get(name)
            known = tensor is not None and tensor.stored and tensor.dtype != "string"
            small = known and tensor is not None and tensor.size <= _MOST and tensor.external is None
            self._numbers[name] = tensor.values(_MOST) if small and tensor is not None else None
        return self._numbers[name]

    def number(self, name: str) -> tuple[float, float] | None:
        """The only entry, and how far a number that was meant may lie from it, as a part of it."""
        tensor = self._held.get(name)
        if tensor is not None and tensor.size != 1:
            return None
        entries = self.numbers(name)
        if entries is None or len(entries) != 1 or isinstance(entries[0], complex):
            return None
        return float(entries[0]), _ROUNDED.get(tensor.dtype if tensor is not None else "", 2e-6)


def recognised(nodes: Sequence[Node], held: Mapping[str, Tensor], outputs: Iterable[str]) -> list[Node]:
    """The nodes of a graph, with one in the place of several that are a layer.

    Args:
        nodes: those of the file, each behind those that it reads.
        held: arrays that the file holds, by name.
        outputs: names of the values that are asked for.

    Returns:
        nodes in the same order; a `Recognised` stands where the last of its parts stood.
    """
    roots = {op for pattern in _table() for op in pattern[1]}
    if not any(node.op in roots for node in nodes):
        return list(nodes)
    return _Matcher(nodes, held, outputs).run()


class _Matcher:
    def __init__(self, nodes: Sequence[Node], held: Mapping[str, Tensor], outputs: Iterable[str]) -> None:
        self.nodes = nodes
        self.constants = Constants(nodes, held)
        self.makers: dict[str, int] = {}
        self.readers: dict[str, set[int]] = {}
        for number, node in enumerate(nodes):
            for name in node.outputs:
                if name:
                    self.makers[name] = number
            for name in (*node.inputs, *captured(node)):
                self.readers.setdefault(name, set()).add(number)
        for name in outputs:
            self.readers.setdefault(name, set()).add(-1)

    def run(self) -> list[Node]:
        """Match from the last node to the first, so that the larger layer is found before what is in it."""
        kept: dict[int, Node | None] = {}
        taken: set[int] = set()
        by_root: dict[str, list[tuple[Pattern, Tree, dict[str, Tree]]]] = {}
        for pattern, roots, tree, defined in _table():
            for op in roots:
                by_root.setdefault(op, []).append((pattern, tree, defined))
        for number in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[number]
            if number in taken or node.domain or len(node.outputs) != 1 or node.op not in by_root:
                continue
            best: tuple[int, Node, set[int]] | None = None
            for pattern, tree, defined in by_root[node.op]:
                found = self._first(pattern, tree, defined, node.outputs[0], number, taken)
                if found is not None and (best is None or len(found[1]) > best[0]):
                    best = len(found[1]), found[0], found[1]
            if best is not None:
                kept[number] = best[1]
                taken |= best[2]
        found_nodes = []
        for number, node in enumerate(self.nodes):
            if number in kept:
                found_nodes.append(kept[number])
            elif number not in taken:
                found_nodes.append(node)
        return [node for node in found_nodes if node is not None]

    def _first(
        self,
        pattern: Pattern,
        tree: Tree,
        defined: dict[str, Tree],
        name: str,
        root: int,
        taken: set[int],
    ) -> tuple[Node, set[int]] | None:
        """The first way in which a pattern fits a value, with the nodes that it takes."""
        for values, used in self._match(tree, name, {}, (), defined):
            inside = set(used)
            shared = {n for n in inside - {root} if not self._inner(n, inside)}
            if root not in inside or inside & taken or any(self.nodes[n].op not in _OPEN for n in shared):
                continue
            found = Found(values, used, self.constants)
            options = pattern.options(found)
            if options is None:
                continue
            inside -= shared
            inputs = [values.get(word, "") for word in pattern.inputs.split()]
            while inputs and not inputs[-1]:
                inputs.pop()
            last = self.nodes[root]
            node = Recognised.made(pattern.op, tuple(inputs), last.outputs, options, last, DOMAIN)
            node.name = _renamed(last, pattern.op)
            node.parts = tuple(self.nodes[n] for n in sorted(inside))
            return node, inside
        return None

    def _inner(self, number: int, inside: set[int]) -> bool:
        """Whether only nodes inside read what a node makes."""
        return all(self.readers.get(name, set()) <= inside for name in self.nodes[number].outputs)

    def _match(
        self,
        tree: Tree,
        name: str,
        values: dict[str, Any],
        used: tuple[int, ...],
        defined: Mapping[str, Tree],
    ) -> Iterator[tuple[dict[str, Any], tuple[int, ...]]]:
        """All ways in which a tree fits a value: what its words are, and the nodes that it takes."""
        if isinstance(tree, float | int):
            number = self.constants.number(name)
            if number is not None and abs(number[0] - tree) <= number[1] * abs(tree):
                yield values, used
        elif isinstance(tree, str):
            yield from self._word(tree, name, values, used, defined)
        elif tree.op[0].islower():
            for form in _form(tree.op, tree.arguments):
                yield from self._match(form, name, values, used, defined)
        else:
            number_of = self.makers.get(name)
            if number_of is None:
                return
            node = self.nodes[number_of]
            if node.op != tree.op or node.domain or node.outputs[0] != name or any(node.outputs[1:]):
                return
            inputs, more = self._arguments(node, tree, values)
            if more is None or len(inputs) != len(tree.arguments):
                return
            orders = [inputs, inputs[::-1]] if node.op in _COMMUTATIVE and len(inputs) == 2 else [inputs]
            for order in orders:
                yield from self._all(tree.arguments, order, more, (*used, number_of), defined)

    def _all(
        self,
        trees: Sequence[Tree],
        names: Sequence[str],
        values: dict[str, Any],
        used: tuple[int, ...],
        defined: Mapping[str, Tree],
    ) -> Iterator[tuple[dict[str, Any], tuple[int, ...]]]:
        if not trees:
            yield values, used
            return
        for more, nodes in self._match(trees[0], names[0], values, used, defined):
            yield from self._all(trees[1:], names[1:], more, nodes, defined)

    def _word(
        self, word: str, name: str, values: dict[str, Any], used: tuple[int, ...], defined: Mapping[str, Tree]
    ) -> Iterator[tuple[dict[str, Any], tuple[int, ...]]]:
        if word.endswith("_"):
            number = self.constants.number(name)
            if number is not None and values.get(word, number[0]) == number[0]:
                yield {**values, word: number[0]}, used
        elif word in values:
            if values[word] == name:
                yield values, used
            elif word in defined:  # written out once more
                yield from self._match(defined[word], name, values, used, defined)
        elif word.isupper():
            if self.constants.array(name):
                yield {**values, word: name}, used
        elif self.constants.number(name) is None:
            values = {**values, word: name}
            if word in defined:
                yield from self._match(defined[word], name, values, used, defined)
            else:
                yield values, used

    def _arguments(
        self, node: Node, tree: Call, values: dict[str, Any]
    ) -> tuple[list[str], dict[str, Any] | None]:
        """What a node reads, and the words with its attributes; None where these do not fit."""
        inputs = list(node.inputs)
        attributes: dict[str, Attribute] = dict(node.attributes)
        if node.op == "Clip":  # bounds were attributes before set 11
            for key in _BOUNDS:
                bound = attributes.pop(key, None)
                if bound is not None:
                    name = f"\0{node.outputs[0]} {key}"
                    self.constants._numbers[name] = (bound.value,)
                    inputs += [""] * (_BOUNDS[key] + 1 - len(inputs))
                    inputs[_BOUNDS[key]] = name
        for key, wanted in tree.attributes:
            held = attributes.pop(key, None)
            if held is not None:
                value: Any = held.value
            elif key == "axes" and len(inputs) > 1:
                value = self.constants.numbers(inputs.pop(1))
            else:
                value = _DEFAULTS.get(key)
            if value is None:
                return inputs, None
            if isinstance(wanted, str):
                value = tuple(value) if isinstance(value, list | tuple) else value
                if values.get(wanted, value) != value:
                    return inputs, None
                values = {**values, wanted: value}
            elif abs(value - wanted) > 2e-6 * abs(wanted):
                return inputs, None
        attributes.pop("noop_with_empty_axes", None)  # axes are there
        if node.op == "Shape" and node.get("start", 0) == 0:  # from the first axis on, as without it
            attributes.pop("start", None)
        if node.op == "Reshape" and not (
            node.get("allowzero", 0) and 0 in (self.constants.numbers(inputs[1]) or (0,))
        ):
            attributes.pop("allowzero", None)
        while inputs and not inputs[-1]:
            inputs.pop()
        return inputs, None if attributes else values


def _renamed(node: Node, op: str) -> str:
    """A node's name with another operator, where it ends in its own: ``/act/Mul_1`` is ``/act/Swish``."""
    head, slash, last = node.name.rpartition("/")
    return f"{head}/{op}" if slash and last.split("_")[0] == node.op else node.name


@cache
def _table() -> tuple[tuple[Pattern, frozenset[str], Tree, dict[str, Tree]], ...]:
    """The patterns, with the operators that they may end in."""
    rows = []
    for pattern in PATTERNS:
        tree = _parsed(pattern.text)
        defined = {word: _parsed(text) for word, text in pattern.defined.items()}
        rows.append((pattern, frozenset(_last(tree)), tree, defined))
    return tuple(rows)


def _last(tree: Tree) -> Iterator[str]:
    if isinstance(tree, Call):
        if tree.op[0].islower():
            for form in _form(tree.op, tree.arguments):
                yield from _last(form)
        else:
            yield tree.op


@cache
def _forms() -> dict[str, tuple[tuple[str, ...], tuple[Tree, ...]]]:
    found = {}
    for head, texts in FORMS.items():
        call = _parsed(head)
        found[call.op] = call.arguments, tuple(map(_parsed, texts))
    return found


@cache
def _form(name: str, arguments: tuple[Tree, ...]) -> tuple[Tree, ...]:
    """The ways in which a form with these arguments is written."""
    words, trees = _forms()[name]
    given = dict(zip(words, arguments, strict=True))

    def filled(tree: Tree) -> Tree:
        if isinstance(tree, str):
            return given.get(tree, tree)
        if isinstance(tree, Call):
            return Call(tree.op, tuple(map(filled, tree.arguments)), tree.attributes)
        return tree

    return tuple(map(filled, trees))


@cache
def _parsed(text: str) -> Tree:
    def read(node: ast.expr) -> Tree:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            attributes = tuple((word.arg or "", read(word.value)) for word in node.keywords)
            return Call(node.func.id, tuple(map(read, node.args)), attributes)
        if isinstance(node, ast.Name):
            return node.id
        return ast.literal_eval(node)

    return read(ast.parse(text, mode="eval").body)
