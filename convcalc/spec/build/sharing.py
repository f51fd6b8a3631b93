"""Weights that layers and structures have from others: ``share=NAME``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from convcalc.budget import spend
from convcalc.dims import DimensionError, Shape, equal, known_apart, require
from convcalc.graph import Edge, Node
from convcalc.layers.values import show
from convcalc.spec.build.scope import Choice, Env, Poison, Scope
from convcalc.spec.build.wiring import Wiring
from convcalc.spec.document.items import Item
from convcalc.spec.errors import SpecError, fault, nearest_name
from convcalc.spec.language.evaluation import Name
from convcalc.spec.language.expression import Expr
from convcalc.spec.language.stage import Stage, Template
from convcalc.spec.source import Text

Arrays = Mapping[str, Shape]


class Place(NamedTuple):
    """Where ``share=`` stands, for what is refused there, and the name that it gives."""

    text: Text
    template: Template
    name: str

    def fault(self, message: str, expected: str | None = None, nearest: str | None = None) -> SpecError:
        """A spec error at the name."""
        return fault(self.text, self.template.start, self.template.end, message, expected, nearest)


class Lender(NamedTuple):
    """The block or structure whose weights another uses, and where that is said."""

    scope: Scope
    place: Place


class Sharing(Wiring):
    """Finds whose arrays a layer uses, and holds them to those that it needs."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.freezing: dict[int, bool] = {}  # by node: whether it is frozen, where something says so
        self.by_name: dict[str, Node] = {}  # of as many nodes as were asked for so far

    # -- layers -----------------------------------------------------------------------------

    def _shares(
        self, stage: Stage, op: str, arrays: Arrays, env: Env, scope: Scope
    ) -> tuple[str, ...] | None:
        """Full names of the arrays that a layer has from others; None where their fault is told already.

        Raises:
            SpecError: there is no such layer before this place, or its arrays are others.
        """
        assert stage.share is not None
        found: dict[str, str] = {}
        mine = None if stage.id is None else self._name(stage.id, stage.text, env)
        for template in stage.share:
            place = self._place(template, stage.text, env)
            if place is None:
                continue
            if not arrays:
                raise place.fault(f"{stage.origin} has no weights that it could share", "no share=")
            lender = self._lender(place, scope, mine)
            if isinstance(lender, Poison):
                return None
            if isinstance(lender, Scope):
                inside = self._weighed(lender.first, len(self.nodes) if lender.past is None else lender.past)
                name = f"share={place.name}{inside[0][len(lender.prefix) - 1 :]}" if inside else "a layer"
                raise place.fault(f"{place.name!r} is no layer, but what layers stand in", name)
            node, array = self.nodes[lender[0]], lender[1]
            for name in self._common(stage, op, arrays, node, array, place):
                if name in found:
                    raise place.fault(f"{name} is shared twice", "each array with one layer")
                found[name] = node.key(name)
        return tuple(found[name] for name in arrays if name in found)

    def _common(
        self, stage: Stage, op: str, mine: Arrays, node: Node, array: str | None, place: Place
    ) -> list[str]:
        """Names of the arrays that a layer has from a node, after holding their shapes to each other."""
        theirs = self._arrays(node)
        whole = place.name if array is None else place.name.removesuffix(f".{array}")
        both = [name for name in mine if name in theirs]
        fitting = [name for name in both if not known_apart(mine[name], theirs[name])]
        alone = [f"{whole}.{name}" for name in fitting]
        instead = f"share={alone[0]}" if len(alone) == 1 else f"share=[{','.join(alone)}]"
        if array is not None:
            if array not in mine:
                raise place.fault(f"{stage.origin} has no {array}", instead if alone else _have(mine))
            both = [array]
        elif not theirs:
            raise place.fault(f"{place.name} ({node.op}) has no weights", "a layer that has some")
        elif not both or (op == node.op and mine.keys() != theirs.keys()):
            message = f"{stage.origin} has {_have(mine)} here, and {place.name} has {_have(theirs)}"
            raise place.fault(message, instead if alone else "arrays of the same names and shapes")
        for name in both:
            _agree(name, mine[name], theirs[name], whole, place, instead if alone and array is None else None)
        return both

    def _lender(
        self, place: Place, scope: Scope, mine: str | None
    ) -> Scope | tuple[int, str | None] | Poison:
        """What a name stands for: a level, or the number of a node and one of its arrays or all of them.

        Raises:
            SpecError: nothing before this place has the name.
        """
        at: Scope | None
        for at in (place.name.scope, scope) if isinstance(place.name, Name) else (scope,):
            while at is not None:
                found = self._lends(at, place.name)
                if found is not None:
                    return found
                at = at.parent
        head, _, array = place.name.rpartition(".")
        if head and head != mine:
            if isinstance(place.name, Name):
                head = Name.of(head, place.name.scope)
            owner = self._lender(place._replace(name=head), scope, mine)
            if isinstance(owner, tuple) and owner[1] is None:
                there = self._arrays(self.nodes[owner[0]])
                expected = " or ".join(f"share={head}.{name}" for name in there) or "a layer with weights"
                raise place.fault(f"{head} has no {array!r}", expected, nearest_name(array, there))
        if place.name == mine:
            raise place.fault(f"{mine!r} cannot share the weights of itself", "a layer or block before it")
        known: set[str] = set()
        at = scope
        while at is not None:
            known |= at.ids.keys() | at.children.keys()
            at = at.parent
        raise place.fault(
            f"no layer or block named {place.name!r} so far",
            "a name given before this place",
            nearest_name(place.name, known - {mine or ""}),
        )

    def _lends(self, scope: Scope, name: str) -> Scope | tuple[int, str | None] | Poison | None:
        flow = scope.ids.get(name)
        if isinstance(flow, Poison):
            return flow
        if name in scope.children:
            return scope.children[name]
        if isinstance(flow, Edge | Choice):
            return flow.node, None
        at = name.find(".")
        while at >= 0:
            head, rest = name[:at], name[at + 1 :]
            child, flow = scope.children.get(head), scope.ids.get(head)
            if isinstance(flow, Poison):
                return flow
            if child is not None and (found := self._lends(child, rest)) is not None:
                return found
            layer = flow.node if child is None and isinstance(flow, Edge | Choice) else None
            if layer is not None and rest in self._arrays(self.nodes[layer]):
                return layer, rest
            at = name.find(".", at + 1)
        return None

    def _place(self, template: Template, text: Text, env: Env) -> Place | None:
        """Whose weights ``share=`` names, and where; None where ``{an expression}`` says none: its own."""
        only = template.parts[0] if len(template.parts) == 1 else None
        if isinstance(only, Expr) and self._part(only, text, env) is None:
            return None
        (name,) = self._names(template, text, env)
        return Place(text, template, name)

    # -- structures -------------------------------------------------------------------------

    def _turns_share(self, item: Item, env: Env) -> bool:
        """Whether all turns of a loop use the weights of the first: ``share: true``."""
        place = None if item.share is None else self._place(*item.share, env)
        return place is not None and place.name.lower() == "true"

    def _structure_lender(self, item: Item, env: Env, scope: Scope) -> Lender | Poison | None:
        """Whose weights a structure uses; None where it has its own.

        Raises:
            SpecError: there is no such structure, or the one that shares has no name.
        """
        if item.share is None:
            return None
        place = self._place(*item.share, env)
        if place is None:
            return None
        if place.name.lower() in ("true", "false"):
            if item.kind not in ("repeat", "each"):
                raise place.fault(f"share: {place.name} is for the turns of a loop", "share: NAME")
            return None
        if item.label is None and item.id is None:
            raise place.fault("what shares weights by name has a name of its own", "an 'id:' key beside it")
        return self._level(place, scope)

    def _call_lender(self, stage: Stage, env: Env, scope: Scope) -> Lender | Poison | None:
        """The same of a block call.

        Raises:
            SpecError: there is no such block, or several are named.
        """
        if stage.share is None:
            return None
        if len(stage.share) > 1:
            raise stage.fault("a block shares the weights of one other", "share=NAME", at=stage.share[1])
        place = self._place(stage.share[0], stage.text, env)
        return None if place is None else self._level(place, scope)

    def _level(self, place: Place, scope: Scope) -> Lender | Poison:
        found = self._lender(place, scope, None)
        if isinstance(found, Poison):
            return found
        if not isinstance(found, Scope):
            op = self.nodes[found[0]].op
            raise place.fault(f"{place.name!r} is a layer ({op}), not a block or structure", "a block's name")
        if found.past is None:
            raise place.fault(f"{place.name!r} is what this stands in", "a block before it")
        return Lender(found, place)

    def _tie(self, child: Scope, lender: Lender) -> None:
        """Give every layer of a finished structure the arrays of the layer of its name in another.

        Raises:
            SpecError: the structures do not correspond; the first difference is named.
        """
        theirs, place = lender
        assert child.past is not None
        assert theirs.past is not None
        spend(theirs.past - theirs.first)
        there = {
            self.nodes[n].name[len(theirs.prefix) :]: n for n in self._numbers(theirs.first, theirs.past)
        }
        here = {self.nodes[n].name[len(child.prefix) :]: n for n in self._numbers(child.first, child.past)}
        same = f"the same layers as {place.name}"
        for name, number in here.items():
            if name not in there:
                op = self.nodes[number].op
                raise place.fault(f"{place.name} has no {name} with weights, as there is here ({op})", same)
            self._tied(number, there[name], place, name)
        for name, number in there.items():
            if name not in here:
                op = self.nodes[number].op
                raise place.fault(f"{place.name} has {name} with weights ({op}), which is missing here", same)

    def _alike(self, item: Item, env: Env, ends: Sequence[int]) -> None:
        """Give the layers of every turn of a loop the arrays of those of the first turn, in their order.

        Args:
            item: the loop.
            env: the variables.
            ends: how many nodes there were before the first turn, and after each.

        Raises:
            SpecError: a turn does not correspond to the first; the first difference is named.
        """
        if not self._turns_share(item, env) or len(ends) < 3:
            return
        assert item.share is not None
        place = Place(item.share[1], item.share[0], "the first turn")
        first = self._numbers(ends[0], ends[1])
        for turn, (start, end) in enumerate(pairwise(ends[1:]), 2):
            numbers = self._numbers(start, end)
            for number, there in zip(numbers, first, strict=False):
                self._tied(number, there, place, self.nodes[number].name)
            if len(numbers) != len(first):
                longer, at = (numbers, turn) if len(numbers) > len(first) else (first, 1)
                node = self.nodes[longer[min(len(numbers), len(first))]]
                raise place.fault(
                    f"turn {turn} has {len(numbers)} layers with weights, the first has {len(first)}:"
                    f" {node.name} ({node.op}) stands in turn {at} alone",
                    "turns of the same layers",
                )

    def _tied(self, number: int, other: int, place: Place, name: str) -> None:
        node, theirs = self.nodes[number], self.nodes[other]
        mine, given = self._arrays(node), self._arrays(theirs)
        if mine.keys() != given.keys():
            message = f"{name} has {_have(mine)} here, and {_have(given)} in {place.name}"
            raise place.fault(message, "arrays of the same names and shapes")
        for array, shape in mine.items():
            _agree(f"{array} of {name}", shape, given[array], place.name, place)
        node.shares = tuple(theirs.key(array) for array in mine)
        node.frozen = self._freeze(name, self.freezing.get(number), node.shares, True, place)

    # -- what both need ---------------------------------------------------------------------

    def _freeze(
        self, name: str, stated: bool | None, shares: Sequence[str], whole: bool, place: Place
    ) -> bool:
        """Whether a layer is frozen whose arrays are others', as these are.

        Raises:
            SpecError: what is said of it contradicts what is said of them.
        """
        owners = [self._named(key.rpartition(".")[0]) for key in shares]
        for owner in owners:
            if stated is not None and owner.frozen != stated:
                word, other = ("frozen", "trained") if stated else ("trained", "frozen")
                raise place.fault(
                    f"{name} is to be {word}, and its weights are those of {owner.name}, which are {other}",
                    f"the same of both: frozen={str(stated).lower()} for {owner.name} too",
                )
        return all(owner.frozen for owner in owners) if whole else bool(stated)

    def _named(self, name: str) -> Node:
        for node in self.nodes[len(self.by_name) :]:
            self.by_name[node.name] = node
        return self.by_name[name]

    def _arrays(self, node: Node) -> Arrays:
        shapes = tuple(self.nodes[n].outputs[o] for n, o in node.inputs)
        return node.layer.arrays(shapes)

    def _numbers(self, first: int, past: int) -> list[int]:
        """Numbers of the nodes with arrays, of those from one number to before another."""
        return [number for number in range(first, past) if self._arrays(self.nodes[number])]

    def _weighed(self, first: int, past: int) -> list[str]:
        return [self.nodes[number].name for number in self._numbers(first, past)]


def _agree(
    what: str, mine: Shape, theirs: Shape, whose: str, place: Place, instead: str | None = None
) -> None:
    """Refuse an array whose shape is another than that of the one it is to be.

    Raises:
        SpecError: they differ. Where symbols decide, that they do not is a condition on these.
    """
    message = f"{what} is {show(mine)} here and {show(theirs)} in {whose}"
    try:
        require(len(mine) == len(theirs), message)
        for a, b in zip(mine, theirs, strict=True):
            require(equal(a, b), message)
    except DimensionError:
        raise place.fault(message, instead or f"a {what.partition(' ')[0]} of {show(theirs)}") from None


def _have(arrays: Arrays) -> str:
    return ", ".join(f"{name} {show(shape)}" for name, shape in arrays.items())
