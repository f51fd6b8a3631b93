"""The document form: YAML nodes to items, checked as far as the text alone allows.

Nothing is evaluated here. Every fault that can be seen without values is found in one pass, so
that independent errors are reported together.
"""

from __future__ import annotations

import re
from typing import Final

from convcalc.layers.values import MOST_AXES
from convcalc.spec.document.bodies import Bodies
from convcalc.spec.document.items import Block, Body, Document, Formula
from convcalc.spec.document.keys import BITS, BITS_EXPECTED, BLOCK_KEYS, ITEMS, RESERVED, TOP_KEYS
from convcalc.spec.document.values import NAME
from convcalc.spec.document.yamlnodes import Mapping, Node, Scalar, Sequence
from convcalc.spec.errors import MAX_PROBLEMS, Problem, SpecError
from convcalc.spec.language.expression import ExpressionError, parse
from convcalc.spec.language.stage import NODE_KEYS, expression_fault, parse_references, parse_template
from convcalc.spec.language.tokens import split_stages

_SIGNATURE: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)


class Compiler(Bodies):
    """Turns the nodes of one document into items."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.document = document

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
                self._entry(key, node)
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

    def _entry(self, key: str, node: Node) -> None:
        """One key of the top, all but ``blocks``."""
        document = self.document
        if key in ("name", "source", "notes"):
            text = self._string(node, key).text.value
            if key != "notes":
                setattr(document, key, text)
        elif key == "extends":
            document.extends = self._string(node, key)
        elif key == "vars":
            for name, (key_node, value) in self._mapping(node, key).entries.items():
                self._check_name(key_node, "variable")
                document.vars.append((name, self.value(value, words=True), value))
        elif key == "input":
            document.inputs.append(("input", self._shape(node), node))
        elif key == "inputs":
            for name, (key_node, value) in self._mapping(node, key).entries.items():
                parse_template(key_node.text, 0, len(name))
                document.inputs.append((name, self._shape(value), value))
        elif key == "ranks":
            document.ranks = self._ranks(node)
        elif key == "outputs":
            self._outputs(node)
        elif key == "budget":
            for name, (_, value) in self._mapping(node, key).entries.items():
                document.budget[name] = self._string(value, "a budget").text.value
        elif key == "bits":
            self._bits(node)
        elif key == "frozen":
            document.frozen = self.formula(node)
        elif key == "layers":
            document.layers = self.body(node)

    def _bits(self, node: Node) -> None:
        """Bits of all layers, or by their names."""
        entries = node.entries if isinstance(node, Mapping) else {"*": (node, node)}
        for name, (_, value) in entries.items():
            text = self._string(value, "bits").text.value.strip()
            match = BITS.match(text)
            if match is None or not all(1 <= int(part) <= 64 for part in match.groups() if part):
                raise value.fault(f"{text[:40]!r} states no bits", BITS_EXPECTED)
            self.document.bits[name] = text

    def _ranks(self, node: Node) -> tuple[int, ...]:
        """The numbers of sizes that an input may have: one, or a list."""
        found = []
        for item in node.items if isinstance(node, Sequence) else [node]:
            text = self._string(item, "ranks").text.value.strip()
            if text not in map(str, range(MOST_AXES)):
                raise item.fault(
                    f"{text[:40]!r} is no number of sizes",
                    f"0 to {MOST_AXES - 1}, or a list such as [1, 2, 3]",
                )
            found.append(int(text))
        return tuple(found)

    def _outputs(self, node: Node) -> None:
        items: list[tuple[str | None, Node]] = []
        if isinstance(node, Mapping):
            items = [(name, value) for name, (_, value) in node.entries.items()]
        elif isinstance(node, Sequence):
            items = [(None, value) for value in node.items]
        else:
            items = [(None, node)]
        for name, value in items:
            text = self._string(value, "outputs").text
            for template in parse_references(text, 0, len(text.value)):
                self.document.outputs.append((name, template, text))

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
        inner = match.span(2) if match.group(2) is not None else (0, 0)
        for left, right in split_stages(text, *inner, ","):
            name, equals, _ = text.value[left:right].partition("=")
            stripped = name.strip()
            if stripped in NODE_KEYS:
                raise SpecError(
                    Problem.at(
                        text, left, left + len(stripped), f"{stripped!r} is what every call takes besides",
                        expected="another name for the parameter",
                    )
                )  # fmt: skip
            if not NAME.match(stripped) or stripped in RESERVED or any(stripped == p for p, _ in parameters):
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
        return Block(match.group(1), parameters, node, self.document)

    def _structure(self, node: Mapping, block: Block) -> Body:
        """The body of a block that is one structure, such as ``{repeat: 3, body: [...]}``."""
        inner = Mapping(node.source, node.start, node.end)
        body: Body = []
        for key, (place, value) in node.entries.items():
            if key == "doc":
                block.doc = self._string(value, "doc").text.value
            elif key == "let":
                body.append(self._let(value))
            elif key != "source":
                inner.entries[key] = (place, value)
        return [*body, *self.body(inner)]

    def _block(self, block: Block) -> None:
        node = block.node
        try:
            if not isinstance(node, Mapping):
                block.body = self.body(node)
                return
            if any(key in ITEMS and key not in BLOCK_KEYS for key in node.entries):
                block.body = self._structure(node, block)
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
