"""The document form: YAML nodes to items, checked as far as the text alone allows.

Nothing is evaluated here. Every fault that can be seen without values is found in one pass, so
that independent errors are reported together.
"""

from __future__ import annotations

import re
from typing import Final

from convcalc import layers
from convcalc.spec.document.items import Block, Body, Document, Formula, Item, Value
from convcalc.spec.document.yamlnodes import Mapping, Node, Scalar, Sequence
from convcalc.spec.errors import MAX_PROBLEMS, Problem, SpecError, nearest_name
from convcalc.spec.language.expression import ExpressionError, is_symbol_name, parse
from convcalc.spec.language.stage import (
    Stage,
    Template,
    expression_fault,
    parse_references,
    parse_stages,
    parse_template,
)
from convcalc.spec.source import Text

MAX_VALUES: Final = 10_000
"""Most values in one list of a document, nested ones and aliases counted."""
MERGES: Final = tuple(sorted(op for op, family in layers.OPS.items() if family == "merge"))
"""Layers that join tensors, which ``merge`` may name."""
_NAME: Final = re.compile(r"[A-Za-z_]\w*\Z")
_SIGNATURE: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)


class Compiler:
    """Turns the nodes of one document into items, collecting faults."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.known: frozenset[str] = frozenset()
        self._bodies: dict[int, Body] = {}

    # -- the document ---------------------------------------------------------------------

    def compile(self, root: Node) -> Document:
        """Compile from the root.

        Raises:
            SpecError: with every fault found.
        """
        if isinstance(root, Sequence):
            self.document.layers = self.body(root)
        elif isinstance(root, Mapping):
            self._top(root)
        else:
            self.problems.append(root.problem("no document", "a mapping with 'layers:'"))
        if self.problems:
            self.problems.sort(key=lambda p: (p.line, p.column))
            raise SpecError(self.problems[:MAX_PROBLEMS])
        return self.document

    def _top(self, root: Mapping) -> None:
        document = self.document
        entries = self._keys(root, TOP_KEYS, "a document")
        if "blocks" in entries:
            self._block_names(entries["blocks"])
        for key, node in entries.items():
            try:
                if key in ("name", "source", "notes", "extends"):
                    text = self._string(node, key)
                    if key == "extends":
                        document.extends = text
                    elif key != "notes":
                        setattr(document, key, text.text.value)
                elif key == "vars":
                    for name, value in self._mapping(node, "vars").entries.items():
                        self._check_name(value[0], "variable")
                        document.vars.append((name, self.value(value[1], words=True), value[1]))
                elif key == "input":
                    document.inputs.append(("input", self._shape(node), node))
                elif key == "inputs":
                    for name, (key_node, value_node) in self._mapping(node, "inputs").entries.items():
                        parse_template(key_node.text, 0, len(name))
                        document.inputs.append((name, self._shape(value_node), value_node))
                elif key == "outputs":
                    self._outputs(node)
                elif key == "budget":
                    for name, (_, value_node) in self._mapping(node, "budget").entries.items():
                        document.budget[name] = self._string(value_node, "a budget").text.value
                elif key == "layers":
                    document.layers = self.body(node)
            except SpecError as error:
                self.problems.extend(error.problems)
        if "input" in entries and "inputs" in entries:
            self.problems.append(
                entries["inputs"].problem("'input' and 'inputs' are both given", "one of them")
            )
        misspelt = any(problem.nearest == "layers" for problem in self.problems)
        if not misspelt and not {"layers", "extends", "blocks"} & entries.keys():
            self.problems.append(root.problem("the document has no layers", "a 'layers:' key"))
        for block in document.blocks.values():
            self._block(block)

    def _outputs(self, node: Node) -> None:
        items: list[tuple[str, Node]] = []
        if isinstance(node, Mapping):
            items = [(name, value) for name, (_, value) in node.entries.items()]
        elif isinstance(node, Sequence):
            items = [("", value) for value in node.items]
        else:
            items = [("", node)]
        for name, value in items:
            text = self._string(value, "outputs").text
            for template in parse_references(text, 0, len(text.value)):
                self.document.outputs.append((name or text.value, template, text))

    # -- pieces ---------------------------------------------------------------------------

    def _keys(self, node: Mapping, allowed: tuple[str, ...], what: str) -> dict[str, Node]:
        found = {}
        for key, (scalar, value) in node.entries.items():
            if key not in allowed:
                self.problems.append(
                    scalar.problem(
                        f"unknown key {key!r} in {what}",
                        "one of " + ", ".join(allowed),
                        nearest_name(key, allowed),
                    )
                )
                continue
            found[key] = value
        return found

    def _string(self, node: Node, what: str) -> Scalar:
        if not isinstance(node, Scalar):
            raise node.fault(f"{what} cannot be {node.kind}", "a text")
        return node

    def _mapping(self, node: Node, what: str) -> Mapping:
        if not isinstance(node, Mapping):
            raise node.fault(f"{what} cannot be {node.kind}", "a mapping such as {name: value}")
        return node

    def _check_name(self, node: Scalar, what: str) -> str:
        name = node.text.value
        if not _NAME.match(name) or name in _RESERVED:
            raise node.fault(
                f"{name[:60]!r} is no name for a {what}", "letters, digits and '_', no reserved word"
            )
        return name

    def formula(self, node: Node, words: bool = False) -> Formula:
        """An expression from a scalar."""
        scalar = self._string(node, "an expression")
        text = scalar.text
        try:
            expr = parse(text.value)
        except ExpressionError as error:
            raise expression_fault(text, error) from None
        word = expr.value if words and expr.kind == "name" and not is_symbol_name(expr.value) else None
        return Formula(expr, text, word)

    def value(self, node: Node, words: bool = False) -> Value:
        """A formula, or a list of values; the copies that aliases make are counted."""
        count = 0

        def convert(node: Node, depth: int) -> Value:
            nonlocal count
            count += 1
            if count > MAX_VALUES:
                raise node.fault(f"more than {MAX_VALUES:,} values in one list")
            if depth > 16:
                raise node.fault("a list nested deeper than 16 levels")
            if isinstance(node, Sequence):
                return tuple(convert(item, depth + 1) for item in node.items)
            if isinstance(node, Scalar) and node.empty:
                raise node.fault("no value", "a number, an expression, a text, a list, or none")
            return self.formula(node, words)

        return convert(node, 0)

    def _shape(self, node: Node) -> Value:
        from convcalc.spec.language.stage import parse_value

        if isinstance(node, Sequence):
            return self.value(node)
        text = self._string(node, "a shape").text
        try:
            stripped = text.value.strip()
            at = text.value.index(stripped)
            return Formula(parse_value(text, at, at + len(stripped)), text)
        except ExpressionError as error:
            problem = expression_fault(text, error).problems[0]
            problem.expected = "channels and sizes, such as 3x224x224"
            raise SpecError(problem) from None

    # -- blocks ---------------------------------------------------------------------------

    def _block_names(self, node: Node) -> None:
        try:
            mapping = self._mapping(node, "blocks")
        except SpecError as error:
            self.problems.extend(error.problems)
            return
        for key, value in mapping.entries.values():
            try:
                block = self._signature(key, value)
            except SpecError as error:
                self.problems.extend(error.problems)
                continue
            if block.name in self.document.blocks:
                self.problems.append(key.problem(f"block {block.name!r} is defined twice"))
            self.document.blocks[block.name] = block
        self.known = frozenset(self.document.blocks)

    def _signature(self, key: Scalar, node: Node) -> Block:
        text = key.text
        match = _SIGNATURE.match(text.value)
        if match is None:
            raise key.fault("no block signature", "name(parameter, other=default)")
        parameters: list[tuple[str, Formula | None]] = []
        from convcalc.spec.language.stage import split_stages

        inner = match.span(2) if match.group(2) is not None else (0, 0)
        for left, right in split_stages(text, *inner, ","):
            name, equals, _ = text.value[left:right].partition("=")
            stripped = name.strip()
            if (
                not _NAME.match(stripped)
                or stripped in _RESERVED
                or any(stripped == p for p, _ in parameters)
            ):
                problem = Problem.at(
                    text,
                    left,
                    left + max(1, len(stripped)),
                    f"{stripped[:60]!r} is no parameter name, or given twice",
                )
                raise SpecError(problem)
            default = None
            if equals:
                try:
                    default = Formula(parse(text.value, left + len(name) + 1, right), text)
                except ExpressionError as error:
                    raise expression_fault(text, error) from None
            parameters.append((stripped, default))
        return Block(match.group(1), parameters, node)

    def _block(self, block: Block) -> None:
        node = block.node
        block.document = self.document
        try:
            if not isinstance(node, Mapping):
                block.body = self.body(node)
                return
            entries = self._keys(node, BLOCK_KEYS, f"block {block.name!r}")
            if "doc" in entries:
                block.doc = self._string(entries["doc"], "doc").text.value
            if "body" not in entries:
                raise node.fault(f"block {block.name!r} has no body", "a 'body:' key")
            body: Body = []
            if "let" in entries:
                body.append(self._let(entries["let"]))
            if "residual" in entries:
                body.append(self._residual(node, entries))
            else:
                body.extend(self.body(entries["body"]))
            block.body = body
        except SpecError as error:
            self.problems.extend(error.problems)

    # -- bodies ---------------------------------------------------------------------------

    def body(self, node: Node) -> Body:
        """Items of a list, a text or one mapping; faults are collected."""
        done = self._bodies.get(id(node))
        if done is not None:
            return done
        items: Body = []
        self._bodies[id(node)] = items
        if isinstance(node, Scalar) and (node.empty or not node.text.value.strip()):
            return items
        for item in node.items if isinstance(node, Sequence) else [node]:
            if len(self.problems) > 4 * MAX_PROBLEMS:
                break
            try:
                if isinstance(item, Scalar):
                    items.extend(self._stages(item))
                elif isinstance(item, Sequence):
                    inner = Item("sequence", item)
                    inner.body = self.body(item)
                    items.append(inner)
                else:
                    items.append(self._item(item))
            except SpecError as error:
                self.problems.extend(error.problems)
        return items

    def _stages(self, node: Scalar) -> list[Stage]:
        if node.empty or not node.text.value.strip():
            raise node.fault("an empty item", "a layer, a block or a structure")
        try:
            stages = parse_stages(node.text, known=self.known)
        except SpecError as error:
            if node.flow and node.plain and "never closed" in error.problems[0].message:
                error.problems[0].expected = "quotes around a text with ',' inside [...] or {...}"
            raise
        for stage in stages:
            if stage.id is not None and len(stage.id.parts) == 1 and isinstance(stage.id.parts[0], str):
                self.document.reserved.add(stage.id.parts[0])
        return stages

    def _item(self, node: Node) -> Item:
        assert isinstance(node, Mapping)
        heads = [key for key in node.entries if key in ITEMS]
        if len(heads) != 1 and set(heads) != {"repeat", "each"}:
            if not heads:
                known = (*ITEMS, "body")
                keys = ", ".join(node.entries) or "nothing"
                key = next(iter(node.entries), "")
                if key in self.known or key in layers.OPS or key in layers.ALIASES:
                    raise node.fault(
                        f"{key!r} heads no structure: layers and blocks are texts",
                        f"- {key} ARGUMENTS, or - {key}(ARGUMENTS), without ':'",
                    )
                raise node.fault(
                    f"no structure: {{{keys[:60]}}}",
                    "one of the keys " + ", ".join(ITEMS),
                    nearest_name(key, known),
                )
            raise node.fault(f"{' and '.join(heads)} in one item", "one of them")
        head = "repeat" if "repeat" in heads else heads[0]
        entries = self._keys(node, ITEMS[head], f"a '{head}' item")
        for key in REQUIRED[head]:
            if key not in entries:
                raise node.fault(f"a '{head}' item without '{key}'", f"a '{key}:' key")
        item: Item = getattr(self, f"_{head}")(node, entries)
        if "id" in entries:
            text = self._string(entries["id"], "id").text
            item.id = parse_template(text, 0, len(text.value))
            item.text = text
            if len(item.id.parts) == 1 and isinstance(item.id.parts[0], str):
                self.document.reserved.add(item.id.parts[0])
        if "from" in entries:
            item.refs, item.text = self._from(entries["from"])
        return item

    def _from(self, node: Node) -> tuple[list[Template], Text]:
        if isinstance(node, Sequence):
            raise node.fault("a structure reads one tensor", "one name")
        text = self._string(node, "from").text
        return parse_references(text, 0, len(text.value)), text

    def _names(self, node: Node) -> tuple[str, ...]:
        nodes = node.items if isinstance(node, Sequence) else [node]
        return tuple(self._check_name(self._string(n, "each"), "variable") for n in nodes)

    def _repeat(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("repeat", node)
        item.value = self.formula(entries["repeat"])
        item.index = self._names(entries["each"]) if "each" in entries else ()
        item.body = self.body(entries["body"])
        return item

    def _each(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("each", node)
        item.index = self._names(entries["each"])
        item.value = self.value(entries["of"], words=True)
        item.body = self.body(entries["body"])
        return item

    def _when(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("when", node)
        item.condition = self.formula(entries["when"])
        item.body = self.body(entries["do"])
        item.other = self.body(entries["else"]) if "else" in entries else []
        return item

    def _merge(self, node: Node, entries: dict[str, Node], default: str) -> Stage:
        name = default
        at = node
        if "merge" in entries:
            at = entries["merge"]
            name = self._string(at, "merge").text.value
        if name not in MERGES:
            raise at.fault(
                f"unknown merge {name!r}", "one of " + ", ".join(MERGES), nearest_name(name, MERGES)
            )
        text = at.text if isinstance(at, Scalar) else Text("", at.source, at.start, at.start)
        return Stage("layer", name, text, 0, len(text.value))

    def _branches(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("branches", node)
        branches = entries["branches"]
        if isinstance(branches, Mapping):
            for name, (key, value) in branches.entries.items():
                parse_template(key.text, 0, len(name))
                item.parts.append((name, self.body(value)))
        elif isinstance(branches, Sequence):
            item.parts = [(f"branch{i}", self.body(value)) for i, value in enumerate(branches.items, 1)]
        if not item.parts:
            raise branches.fault("no branches", "{a: [...], b: [...]}")
        item.merge = self._merge(node, entries, "concat")
        return item

    def _residual(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("residual", node)
        mode = entries["residual"]
        if isinstance(mode, Sequence):
            item.mode, item.shortcut = "always", self.body(mode)
        else:
            item.mode = self._string(mode, "residual").text.value
            if item.mode not in RESIDUALS:
                raise mode.fault(
                    f"unknown residual {item.mode!r}",
                    "one of " + ", ".join(RESIDUALS),
                    nearest_name(item.mode, RESIDUALS),
                )
        if "shortcut" in entries:
            item.shortcut = self.body(entries["shortcut"])
        if item.mode == "project" and not item.shortcut:
            raise mode.fault(
                "residual: project needs a shortcut", "a 'shortcut:' key with the projecting layers"
            )
        if "shortcut" in entries and item.mode != "project":
            raise entries["shortcut"].fault(f"residual: {item.mode} takes no shortcut", "residual: project")
        item.merge = self._merge(node, entries, "add")
        item.body = self.body(entries["body"])
        return item

    def _group(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("group", node)
        text = self._string(entries["group"], "group").text
        item.label = parse_template(text, 0, len(text.value))
        item.text = text
        item.body = self.body(entries["body"])
        if len(item.label.parts) == 1 and isinstance(item.label.parts[0], str):
            self.document.reserved.add(item.label.parts[0])
        return item

    def _let(self, node: Node, entries: dict[str, Node] | None = None) -> Item:
        item = Item("let", node)
        source = node if entries is None else entries["let"]
        for name, (key, value) in self._mapping(source, "let").entries.items():
            self._check_name(key, "variable")
            item.lets.append((name, self.value(value, words=True)))
        if entries is not None and "body" in entries:
            item.body = self.body(entries["body"])
            item.mode = "body"
        return item


TOP_KEYS: Final = (
    "name", "source", "notes", "extends", "vars", "input", "inputs", "blocks", "layers", "outputs", "budget",
)  # fmt: skip
BLOCK_KEYS: Final = ("doc", "source", "let", "residual", "shortcut", "merge", "body")
ITEMS: Final[dict[str, tuple[str, ...]]] = {
    "repeat": ("repeat", "each", "body", "id", "from"),
    "each": ("each", "of", "body", "id", "from"),
    "when": ("when", "do", "else", "id", "from"),
    "branches": ("branches", "merge", "id", "from"),
    "residual": ("residual", "shortcut", "merge", "body", "id", "from"),
    "group": ("group", "body", "from"),
    "let": ("let", "body", "id", "from"),
}
"""Structures by the key that names them, and the keys each may have."""
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "repeat": ("body",), "each": ("of", "body"), "when": ("do",), "branches": (), "residual": ("body",),
    "group": ("body",), "let": (),
}  # fmt: skip
RESIDUALS: Final = ("auto", "identity", "project", "none")
_RESERVED: Final = frozenset(
    {"in", "if", "else", "and", "or", "not", "true", "false", "none", "True", "False", "None"}
)
