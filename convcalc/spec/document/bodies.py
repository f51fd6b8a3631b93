"""Bodies of a document: lists of stages and structures."""

from __future__ import annotations

import re
from typing import Final

from convcalc.importers.calls import Pasted
from convcalc.spec.document.items import Body, Item
from convcalc.spec.document.keys import ITEMS, REQUIRED, RESIDUALS, is_merge, merges
from convcalc.spec.document.quotes import quoted
from convcalc.spec.document.values import Values, stages_in
from convcalc.spec.document.yamlnodes import Mapping, Node, Scalar, Sequence
from convcalc.spec.errors import MAX_PROBLEMS, SpecError, nearest_name
from convcalc.spec.language.stage import Stage, Template, parse_references, parse_template
from convcalc.spec.source import Text

_WORD: Final = re.compile(r"\w*")
_STAGES: Final = re.compile(r"\S[\s(|;]")
"""What tells stages from a word."""


class Bodies(Values):
    """Reads bodies."""

    def __init__(self) -> None:
        super().__init__()
        self._bodies: dict[int, Body] = {}

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
        return Pasted(self.known).stages(node.text)

    def _item(self, node: Node) -> Item:
        assert isinstance(node, Mapping)
        heads = [key for key in node.entries if key in ITEMS]
        if len(heads) != 1 and set(heads) != {"repeat", "each"}:
            if not heads:
                known = (*ITEMS, "body")
                keys = ", ".join(node.entries) or "nothing"
                key = next(iter(node.entries), "")
                if stages_in(key, self.known):
                    raise node.fault(
                        f"{key[:60]!r} heads no structure: layers and blocks are texts", self._as_text(node)
                    )
                raise node.fault(
                    f"no structure: {{{keys[:60]}}}",
                    "one of the keys " + ", ".join(ITEMS),
                    nearest_name(key, known),
                )
            alone = "'let' in an item of its own, before it or first in its body" if "let" in heads else None
            raise node.fault(f"{' and '.join(heads)} in one item", alone or "one of them")
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
        if "from" in entries:
            item.refs = self._from(entries["from"])
            if len(item.refs) != 1 or item.refs[0][0].many:
                self._one_each(item, entries["from"])
        if "frozen" in entries:
            item.frozen = self.formula(entries["frozen"])
        if "share" in entries:
            text = self._string(entries["share"], "share").text
            item.share = parse_template(text, 0, len(text.value)), text
        return item

    @staticmethod
    def _as_text(node: Mapping) -> str:
        """What to write for a layer or block that YAML took for a mapping."""
        key, (place, value) = next(iter(node.entries.items()))
        if len(node.entries) == 1 and isinstance(value, Scalar) and value.empty:
            return f"{quoted(key)}, a text without braces"
        if len(node.entries) == 1 and isinstance(value, Scalar) and place.text.value == key:
            return quoted(f"{key} {value.text.value}") + ", a text without ':'"
        head = key.split()[0]
        return f"- {head} ARGUMENTS, or - {head}(ARGUMENTS), without ':'"

    def _from(self, node: Node) -> list[tuple[Template, Text]]:
        found = []
        for part in node.items if isinstance(node, Sequence) else [node]:
            text = self._string(part, "a name").text
            found += [(template, text) for template in parse_references(text, 0, len(text.value))]
        if not found:
            raise node.fault("no name to read from", "a name, or a list of them")
        return found

    @staticmethod
    def _one_each(item: Item, node: Node) -> None:
        """Refuse several tensors where no branches stand that read one each."""
        if item.kind != "branches" and not item.parallel:
            expected = (
                "one name" if item.kind not in ("repeat", "each") else "one name, or 'merge:' beside it"
            )
            raise node.fault("only branches read several tensors, one each", expected)

    def _names(self, node: Node) -> tuple[str, ...]:
        nodes = node.items if isinstance(node, Sequence) else [node]
        return tuple(self._check_name(self._string(n, "each"), "variable") for n in nodes)

    def _repeat(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("repeat", node)
        item.value = self.formula(entries["repeat"])
        if "each" in entries and "index" in entries:
            raise entries["index"].fault(
                "a repeat has one index: 'each' and 'index' both name it", "one of them"
            )
        for key in ("each", "index"):
            if key in entries:
                item.index = self._names(entries[key])
        if len(item.index) > 1:
            raise node.fault("a repeat has one index", "one name")
        self._loop(item, node, entries)
        return item

    def _loop(self, item: Item, node: Node, entries: dict[str, Node]) -> None:
        """The body of a loop, and what merges its turns where they run side by side."""
        if "merge" in entries:
            item.merge = self._merge(node, entries, "")
        item.body = self.body(entries["body"])

    def _each(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("each", node)
        item.index = self._names(entries["each"])
        item.value = self.value(entries["of"], words=True)
        if "index" in entries:
            item.number = self._check_name(self._string(entries["index"], "index"), "variable")
            if item.number in item.index:
                raise entries["index"].fault(f"{item.number!r} names a value and the index", "another name")
        self._loop(item, node, entries)
        return item

    def _when(self, node: Node, entries: dict[str, Node]) -> Item:
        item = Item("when", node)
        item.condition = self.formula(entries["when"])
        item.body = self.body(entries["do"])
        item.other = self.body(entries["else"]) if "else" in entries else []
        return item

    def _merge(self, node: Node, entries: dict[str, Node], default: str) -> Stage:
        if "merge" not in entries:
            return Stage("layer", default, Text("", node.source, node.start, node.start), 0, 0)
        at = self._string(entries["merge"], "merge")
        text = at.text
        name = _WORD.match(text.value).group()  # type: ignore[union-attr]
        if not is_merge(name):
            known = merges()
            raise at.fault(
                f"unknown merge {name or text.value!r}",
                "one of " + ", ".join(known),
                nearest_name(name, known),
            )
        stages = Pasted(self.known).stages(text)
        merge = stages[0]
        if len(stages) != 1:
            raise at.fault("a merge is one layer", "what follows it behind the structure")
        if merge.id or merge.like or merge.withs or merge.refs is not None:
            raise at.fault("a merge reads the branches", f"{name} with its options; 'id:' beside 'merge:'")
        return merge

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
        if not isinstance(mode, Scalar) or _STAGES.search(mode.text.value):
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
