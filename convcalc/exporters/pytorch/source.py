"""A graph as PyTorch source: a class for each kind of block, the names of the graph, and who runs it."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from convcalc.exporters.errors import ExportError
from convcalc.exporters.pytorch.blocks import Blocks, Unit
from convcalc.exporters.pytorch.classes import Body, Class, class_name, filled, share, stem_of
from convcalc.exporters.pytorch.code import (
    NONE,
    WIDTH,
    Bracket,
    Expr,
    Item,
    call,
    expr,
    laid_out,
    listed,
    literal,
    method,
)
from convcalc.exporters.pytorch.flow import RESERVED, Flow, Line, Step, identifier
from convcalc.exporters.pytorch.forms import FORMS
from convcalc.exporters.pytorch.forms.form import Form, Place
from convcalc.exporters.pytorch.helpers import written
from convcalc.exporters.pytorch.loops import arguments, calls, constructors
from convcalc.exporters.text import closed
from convcalc.layers.values import show

if TYPE_CHECKING:
    from convcalc.graph import Edge, Graph

TAKEN: Final = frozenset(
    [
        "T_destination",
        "add_module",
        "append",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "clear",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extend",
        "extra_repr",
        "float",
        "forward",
        "get",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "insert",
        "ipu",
        "items",
        "keys",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "pop",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "update",
        "values",
        "xpu",
        "zero_grad",
    ]
)
"""Attributes that every module of PyTorch has, or those that hold modules: no module can have their names."""

SHARED: Final = 3
"""So many sequences that are alike are a class of their own."""


def to_pytorch(graph: Graph, *, loads: bool = False) -> str:
    """The network as PyTorch source.

    Every kind of block is one class, whose arguments are the numbers in which its blocks differ. The names
    of the ``state_dict`` are those of the graph's weights (``<node>.weight``, ...), and the counters of
    batches that PyTorch keeps. Inputs have the batch first, then the shape of the graph. One output is
    returned as it is, several as a tuple, or as a dictionary where the document names them.

    Args:
        graph: the network; all its sizes are numbers.
        loads: whether the file has a function that loads the weights from the ``.npz`` beside it.

    Raises:
        ExportError: a size is not a number, or a layer has no form in PyTorch.
    """
    return _Writer(closed(graph)).text(loads)


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._check()
        self.numbers = {node.name: number for number, node in enumerate(graph.nodes)}
        self.single: list[bool] = []
        for node in graph.nodes:
            self.single.append(not node.is_input and all(self.single[edge.node] for edge in node.inputs))
        self.helpers: set[str] = set()
        self.blocks: Blocks
        self.arrays = [node.layer.arrays(graph.input_shapes(node)) for node in graph.nodes]
        self.blocks = Blocks(graph, self._stands, lambda number: bool(self.arrays[number]))
        self.made: dict[Unit, Expr] = {}
        self.classes: list[Class] = []

    def _check(self) -> None:
        for node in self.graph.nodes:
            if node.op not in FORMS and not node.is_input:
                what = getattr(node.layer, "what", "")
                raise ExportError(f"{node.name}: {what or node.op} has no form in PyTorch")
            for shape in node.outputs:
                if not all(type(size) is int for size in shape):
                    raise ExportError(
                        f"{node.name} has the shape {show(map(str, shape))}, and only numbers "
                        "can be exported",
                        "--input CxHxW, or --set NAME=VALUE, with a number for every size",
                    )

    def place(self, number: int, me: str = "self.me") -> Place:
        """The layer of a node where it stands."""
        node = self.graph.nodes[number]
        blocks = getattr(self, "blocks", None)
        wanted = frozenset((0,)) if blocks is None else blocks.wanted(number)
        return Place(
            node.layer,
            self.graph.input_shapes(node),
            node.outputs,
            wanted or frozenset((0,)),
            tuple(self.single[edge.node] for edge in node.inputs),
            self.arrays[number],
            self.helpers,
            me,
        )

    def form(self, number: int, me: str = "self.me") -> Form:
        """How a node is made and called."""
        return FORMS[self.graph.nodes[number].op](self.place(number, me))

    def _stands(self, number: int) -> bool:
        before = set(self.helpers)
        form = self.form(number)
        if form.module is None or not form.plain:
            self.helpers = before
        return not form.parts and ((form.module is not None and form.plain) or form.spare is not None)

    # Classes, from the innermost blocks on

    def text(self, loads: bool) -> str:
        """The whole file."""
        top = self.blocks.top
        units = [unit for unit in top.blocks() if unit is not top]
        self.heights = {unit: unit.height for unit in units}
        by_height: dict[int, list[Unit]] = {}
        for unit in units:
            by_height.setdefault(self.heights[unit], []).append(unit)
        name = self._name()
        taken = {name, *RESERVED}
        for height in sorted(by_height):
            groups: dict[object, list[tuple[Unit, Body]]] = {}
            for unit in by_height[height]:
                body = self._body(unit)
                groups.setdefault(body.pattern(), []).append((unit, body))
            for group in groups.values():
                self._share(group, taken)
        body = self._body(top)
        whole = share(body, [body], name, ())
        self.classes.append(whole)
        parts = [self._class(one) for one in self.classes]
        parts += [self._load(name)] if loads else []
        parts += [self._main(name)]
        used = "\n".join(parts)
        helpers = written(h for h in self.helpers if re.search(rf"\b{h}\b", used))
        text = "\n\n\n".join([*helpers, *parts])
        return self._head(text) + "\n\n\n" + text + "\n"

    def _share(self, group: list[tuple[Unit, Body]], taken: set[str]) -> None:
        units, bodies = [unit for unit, _ in group], [body for _, body in group]
        body = bodies[0]
        digits = all(unit.name.rpartition(".")[2].isdigit() for unit in units[0].units)
        if body.sequence is not None and (digits or len(group) < SHARED):
            for unit, own in group:
                assert own.sequence is not None
                self.made[unit] = own.sequence
            return
        more = _extra(units[0], self.classes)
        stems = [stem_of(unit.path) for unit in units]
        if body.sequence is not None and len(units[0].units) <= 4 and units[0].height == 1:
            stems = ["_".join(stem_of(child.name) for child in units[0].units)]
        one = share(body, bodies, class_name(stems, taken, more), self._attributes(units[0]))
        taken.add(one.name)
        self.classes.append(one)
        for number, unit in enumerate(units):
            self.made[unit] = one.made(number)

    @staticmethod
    def _attributes(unit: Unit) -> set[str]:
        return {child.name.partition(".")[0] for child in unit.units}

    def _frozen(self, unit: Unit) -> bool | None:
        """Whether all that is learned within is frozen; None where part of it is."""
        nodes = self.graph.nodes
        found = {nodes[n].frozen for n in unit.nodes if self.arrays[n]}
        return found.pop() if len(found) == 1 else False if not found else None

    def _ties(self, unit: Unit) -> list[tuple[int, str, int]]:
        """What is shared between parts of a unit: node, array, the node that owns it."""
        found = []
        inner = {n: child for child in unit.units for n in child.nodes}
        for number in unit.nodes:
            for name in self.graph.nodes[number].shares:
                owner, _, array = name.rpartition(".")
                other = self.numbers[owner]
                if other == number or other not in inner:
                    continue
                if inner[other] is not inner[number]:
                    found.append((number, array, other))
        return found

    def _body(self, unit: Unit) -> Body:
        ties = self._ties(unit)
        sequence = None
        if unit is not self.blocks.top and not ties and self._frozen(unit) is not None:
            sequence = self._sequence(unit)
        if sequence is not None:
            return Body([], [], [], sequence)
        return self._written(unit, ties)

    def _sequence(self, unit: Unit) -> Expr | None:
        if not self.blocks.chain(unit):
            return None
        items = []
        for child in unit.units:
            if child.node is None:
                module: Expr | None = self.made[child]
            else:
                form = self.form(child.node)
                module = form.module if form.plain else form.spare
            if module is None:
                return None
            items.append((child.name, module))
        names = [name for name, _ in items]
        if names == list(map(str, range(len(names)))):
            return call("nn.Sequential", *(module for _, module in items))
        if not all(_plain(name) for name in names):
            return None
        return call("nn.Sequential", call("OrderedDict", *(Item(module, name) for name, module in items)))

    def _written(self, unit: Unit, ties: list[tuple[int, str, int]]) -> Body:
        top = unit is self.blocks.top
        same = self._aliases(unit, ties)
        holder = _Holder({child.name for child in unit.units}, self._attributes(unit))
        access: dict[Unit, str] = {}
        for child in unit.units:
            if child in same:
                continue
            if child.node is None:
                access[child] = holder.add(child.name, self.made[child], bool(self._stored(child)))
            else:
                module = self.form(child.node).module
                if module is not None:
                    access[child] = holder.add(child.name, module, bool(self.arrays[child.node]))
        holder.settle()
        access = {child: holder.access[name] for child, name in access.items()}
        init = holder.lines()
        at = {n: child for child in unit.units for n in child.nodes}
        init += self._tied([tie for tie in ties if at[tie[0]] not in same], at, access)
        if top and self._frozen(unit):
            init.append(Line("", Expr(("self.requires_grad_(False)",))))
        elif self._frozen(unit) is None:
            for child in unit.units:
                if self._frozen(child) and child in access:
                    init.append(Line("", Expr((f"{access[child]}.requires_grad_(False)",))))
        steps = []
        for child in unit.units:
            if not any(n in self.blocks.alive for n in child.nodes):
                continue
            me = access.get(same.get(child, child), "")
            steps.append(self._step(child, me))
        names = self._inputs(unit)
        outputs = self.graph.outputs if top else unit.writes
        flow = Flow(steps, names, tuple(dict.fromkeys(outputs)))
        if top and any(self.single[edge.node] for edge in outputs):
            first = next(iter(names.values()))
            flow.lines.insert(0, Line("batch = ", call("len", first)))
        flow.returned(self._result if top else _tuple)
        return Body(list(names.values()), init, flow.lines)

    def _stored(self, unit: Unit) -> bool:
        return any(self.arrays[n] for n in unit.nodes)

    def _aliases(self, unit: Unit, ties: list[tuple[int, str, int]]) -> dict[Unit, Unit]:
        """Units whose arrays are all those of another one that is alike: that one is called again."""
        if not ties:
            return {}
        at = {n: child for child in unit.units for n in child.nodes}
        shared: dict[Unit, dict[int, set[str]]] = {}
        owners: dict[Unit, set[Unit]] = {}
        for number, array, owner in ties:
            child = at[number]
            there = self.graph.nodes[owner].name[len(at[owner].path) :]
            here = self.graph.nodes[number].name[len(child.path) :]
            if there == here:
                shared.setdefault(child, {}).setdefault(number, set()).add(array)
                owners.setdefault(child, set()).add(at[owner])
        found = {}
        for child, nodes in shared.items():
            whole = all(nodes.get(n, set()) == set(self.arrays[n]) for n in child.nodes if self.arrays[n])
            if not whole or len(owners[child]) != 1:
                continue
            (lender,) = owners[child]
            if lender in found or self._frozen(lender) != self._frozen(child):
                continue
            if self._module(lender) == self._module(child) and self._module(child) is not None:
                found[child] = lender
        return found

    def _tied(
        self, ties: list[tuple[int, str, int]], at: dict[int, Unit], access: dict[Unit, str]
    ) -> list[Line]:
        """Lines that share arrays, or the whole modules that hold them where these are alike."""
        names = [node.name for node in self.graph.nodes]
        arrays: dict[tuple[int, int], set[str]] = {}
        for number, array, owner in ties:
            arrays.setdefault((number, owner), set()).add(array)
        whole: dict[str, str] = {}
        for (number, owner), found in arrays.items():
            alike = self.form(number).module == self.form(owner).module
            if alike and found == set(self.arrays[number]) and _reachable(names[number]):
                whole[names[number]] = names[owner]
        units = {unit.path: unit for unit in self.blocks.top.blocks()}
        held = {p: [n for n in unit.nodes if self.arrays[n]] for p, unit in units.items()}
        grown = True
        while grown:  # what holds nothing but shared modules is shared as a whole
            grown = False
            for path in sorted({p.rpartition(".")[0] for p in whole}, key=lambda p: (-len(p), p)):
                inner = [p for p in whole if p.startswith(f"{path}.")]
                other = whole[inner[0]][: len(whole[inner[0]]) - len(inner[0]) + len(path)] if inner else ""
                here, there = units.get(path), units.get(other)
                if here is None or there is None or here not in self.made or at.get(here.nodes[0]) is here:
                    continue
                covered = {n for n in held[path] for p in inner if (names[n] + ".").startswith(p + ".")}
                if (
                    covered == set(held[path])
                    and self.made[here] == self.made.get(there)
                    and all(whole[p] == other + p[len(path) :] for p in inner)
                ):
                    for p in inner:
                        del whole[p]
                    whole[path] = other
                    grown = True
                    break
        lines = []
        for path, other in sorted(whole.items(), key=lambda pair: _order(pair[0])):
            left = self._to(at, access, path)
            lines.append(Line(f"{left} = ", Expr((self._to(at, access, other),))))
        for number, array, owner in ties:
            if not any((names[number] + ".").startswith(path + ".") for path in whole):
                left = self._reach(at[number], access, number)
                right = self._reach(at[owner], access, owner)
                lines.append(Line(f"{left}.{array} = ", Expr((f"{right}.{array}",))))
        return lines

    def _to(self, at: dict[int, Unit], access: dict[Unit, str], path: str) -> str:
        """How a module within one of the units is reached."""
        unit = next(u for u in at.values() if path == u.path or path.startswith(u.path + "."))
        rest = path[len(unit.path) + 1 :]
        if not rest or all(map(_plain, rest.split("."))):
            return access[unit] + (f".{rest}" if rest else "")
        return f'{access[unit]}.get_submodule("{rest}")'

    def _module(self, unit: Unit) -> Expr | None:
        return self.made[unit] if unit.node is None else self.form(unit.node).module

    def _reach(self, unit: Unit, access: dict[Unit, str], number: int) -> str:
        """How the module of a node within a unit is reached."""
        return self._to({number: unit}, access, self.graph.nodes[number].name)

    def _step(self, child: Unit, me: str) -> Step:
        if child.node is None:
            form = Form(lambda xs: call(me, *xs), Expr(()))
            return Step(child.name, child.reads, child.writes, form, True)
        node = self.graph.nodes[child.node]
        form = self.form(child.node, me)
        wanted = self.blocks.wanted(child.node)
        from convcalc.graph import Edge

        if form.parts:
            writes: tuple[Edge | None, ...] = tuple(
                Edge(child.node, i) if i in wanted else None for i in range(form.parts)
            )
        else:
            writes = tuple(Edge(child.node, i) for i in sorted(wanted))
        names: tuple[str, ...] = ()
        if form.parts == 3 and len(wanted) == 3:  # the projections of attention
            readers = {n for i in range(3) for n in self.blocks.readers[Edge(child.node, i)] if n >= 0}
            names = ("q", "k", "v") if any(self.graph.nodes[n].op == "matmul" for n in readers) else ()
        return Step(child.name, node.inputs, writes, form, False, names)

    def _inputs(self, unit: Unit) -> dict[Edge, str]:
        from convcalc.graph import Edge

        if unit is not self.blocks.top:
            names = ["x"]
            for number, edge in enumerate(unit.reads[1:], 2):
                name = self._called(unit, edge)
                if name in names or not name:
                    name = {2: "y", 3: "z"}.get(number, f"x{number}")
                names.append(name)
            return dict(zip(unit.reads, names, strict=False))
        if len(self.graph.inputs) == 1:
            return {Edge(self.graph.inputs[0]): "x"}
        found: dict[Edge, str] = {}
        for number in self.graph.inputs:
            name = identifier(self.graph.nodes[number].name)
            while name in found.values():
                name += "_"
            found[Edge(number)] = name
        return found

    def _called(self, unit: Unit, edge: Edge) -> str:
        """What a block calls a tensor after the block or layer it comes from, unless that is one of many."""
        theirs = self.graph.nodes[edge.node].name.split(".")
        for own, part in zip([*unit.path.split("."), ""], theirs, strict=False):
            if own != part:
                return "" if re.search(r"\d$", part) else identifier(part)
        return ""

    def _result(self, unique: list[Expr]) -> Expr:
        graph = self.graph
        by_edge = dict(zip(dict.fromkeys(graph.outputs), unique, strict=True))
        found = []
        for edge in graph.outputs:
            x = by_edge[edge]
            if self.single[edge.node]:
                x = method(x, "expand", "batch", *("-1" for _ in graph.shape(edge)))
            found.append(x)
        if self._named():
            items = (
                Item(expr(f"{literal(name)}: ", x)) for name, x in zip(graph.output_names, found, strict=True)
            )
            return Expr((Bracket("{", tuple(items), "}", call=False),))
        return _tuple(found)

    def _named(self) -> bool:
        """Whether several outputs have names that the document gives them."""
        graph = self.graph
        if len(graph.outputs) < 2 or not graph.output_names:
            return False
        return tuple(graph.output_names) != tuple(graph.nodes[edge.node].name for edge in graph.outputs)

    # The text

    def _name(self) -> str:
        name = self.graph.name
        words = re.findall(r"[A-Za-z0-9]+", re.sub(r"\.(onnx|pt2|keras|json|h5|py|ya?ml)$", "", name))
        if not words or "|" in name or "\n" in name or len(name) > 60:
            return "Network"
        found = "".join(word[0].upper() + word[1:] for word in words)
        return found if not found[0].isdigit() else f"Net{found}"

    def _class(self, one: Class) -> str:
        body = one.body
        fills = list(one.fills)
        own = 0 if body.sequence is None else len(list(body.sequence.holes()))
        inits = own + sum(len(list(line.value.holes())) for line in body.init)
        base = "nn.Module" if body.sequence is None else "nn.Sequential"
        lines = [f"class {one.name}({base}):"]
        if one.body is self.classes[-1].body:
            lines += self._about()
        given = [a.name if a.default is NONE else f"{a.name}={literal(a.default)}" for a in one.arguments]
        if body.sequence is not None:
            (line,) = filled([Line("", body.sequence)], fills[:own])
            inner = line.value.parts[-1]
            assert isinstance(inner, Bracket)
            lines += _definition("__init__", ["self", *given])
            lines += laid_out(arguments(Expr(("super().__init__", inner))), 8)
            return "\n".join(lines)
        init = filled(body.init, fills[own:inits])
        forward = filled(body.forward, fills[inits:])
        made: set[str] = set()
        if init or one.kept:
            lines += _definition("__init__", ["self", *given])
            lines.append(" " * 8 + "super().__init__()")
            lines += [f"{' ' * 8}self.{name} = {name}" for name in one.kept]
            looped, made = constructors([line._replace(value=arguments(line.value)) for line in init])
            for line in looped:
                lines += _written(line)
            lines.append("")
        lines += _definition("forward", ["self", *body.arguments])
        for line in calls(forward, made):
            lines += _written(line)
        return "\n".join(lines)

    def _about(self) -> list[str]:
        text = " ".join(self.graph.source.split()).replace("\\", "\\\\").replace('"""', "'''")
        if not text:
            return []
        indent, quotes = " " * 4, '"""'
        end = " " * text.endswith('"') + quotes
        if len(indent + quotes + text + end) <= WIDTH:
            return [indent + quotes + text + end, ""]
        lines = textwrap.wrap(text, WIDTH, initial_indent=indent + quotes, subsequent_indent=indent)
        return [lines[0] + end, ""] if len(lines) == 1 else [*lines, indent + quotes, ""]

    def _head(self, text: str) -> str:
        title = " ".join(self.graph.name.replace("\\", "\\\\").replace('"', "'").split())
        lines = [f'"""{title} in PyTorch, written by convcalc."""', ""]
        imports = []
        for word, line in (
            ("itertools.", "import itertools"),
            ("math.", "import math"),
            ("OrderedDict(", "from collections import OrderedDict"),
            ("Fraction(", "from fractions import Fraction"),
            ("Path(", "from pathlib import Path"),
        ):
            if re.search(rf"(?<![\w.]){re.escape(word)}", text):
                imports.append(line)
        others = [
            line for word, line in (("np.", "import numpy as np"),) if re.search(rf"(?<![\w.]){word}", text)
        ]
        others.append("import torch")
        if re.search(r"(?<![\w.])F\.", text):
            others.append("import torch.nn.functional as F")
        others.append("from torch import nn")
        return "\n".join([*lines, *imports, *([""] if imports else []), *others])

    def _load(self, name: str) -> str:
        return "\n".join(
            [
                "def load(file=Path(__file__).with_suffix('.npz')):".replace("'", '"'),
                '    """The network with the weights of a ``.npz`` file, which has them by name."""',
                f"    model = {name}()",
                "    state = model.state_dict()",
                "    with np.load(file) as arrays:",
                "        state.update({name: torch.from_numpy(arrays[name]) for name in arrays})",
                "    model.load_state_dict(state)",
                "    return model.eval()",
            ]
        ).replace("{__file__}", "__file__")

    def _main(self, name: str) -> str:
        lines = ['if __name__ == "__main__":', f"    model = {name}().eval()"]
        nodes = [self.graph.nodes[number] for number in self.graph.inputs]
        names = list(self._inputs(self.blocks.top).values())
        for own, node in zip(names, nodes, strict=True):
            zeros = call("torch.zeros", 1, *node.outputs[0])
            lines += laid_out(zeros, 4, f"{own} = ")
        lines.append("    with torch.no_grad():")
        result = "y" if "y" not in names else "result"
        lines += laid_out(call("model", *names), 8, f"{result} = ")
        if len(self.graph.outputs) == 1:
            lines.append(f"    print(tuple({result}.shape))")
        elif self._named():
            lines.append(f"    for name, tensor in {result}.items():")
            lines.append("        print(name, tuple(tensor.shape))")
        else:
            lines.append(f"    for tensor in {result}:")
            lines.append("        print(tuple(tensor.shape))")
        return "\n".join(lines)


def _written(line: Line) -> list[str]:
    """A statement of a method in lines; what stands in a loop is indented already."""
    text = line.before.lstrip()
    return laid_out(line.value, 8 + len(line.before) - len(text), text, line.after)


def _definition(name: str, given: list[str]) -> list[str]:
    return laid_out(call(f"def {name}", *given), 4, "", ":")


def _tuple(found: list[Expr]) -> Expr:
    if len(found) == 1:
        return found[0]
    if sum(len(x.text()) + 2 for x in found) > 60:
        return listed(found, "()")
    return expr(*(part for i, x in enumerate(found) for part in ((", ", x) if i else (x,))))


def _plain(name: str) -> bool:
    """Whether a module can be an attribute of that name."""
    mangled = name.startswith("__") and not name.endswith("__")
    return name.isidentifier() and not keyword.iskeyword(name) and name not in TAKEN and not mangled


def _order(path: str) -> list[tuple[str, int]]:
    """By which paths stand in order, their numbers counted."""
    return [(word, int(number or 0)) for word, number in re.findall(r"([^\d.]*)(\d*)\.?", path)]


def _reachable(path: str) -> bool:
    """Whether a module can be set by its path."""
    return all(map(_plain, path.split(".")))


def _extra(unit: Unit, classes: Iterable[Class]) -> str:
    """What tells a block from others of its name: the part that has a name of its own."""
    names = [child.name for child in unit.units]
    known = [n for n in names if not re.search(r"\d$", n) and n.isidentifier()]
    return "".join(word.capitalize() for word in known[0].split("_")) if len(known) == 1 else ""


class _Holder:
    """The modules of one class: how they are set, and how they are reached.

    Those that hold nothing that is stored may have any name. Blocks that were opened are lists of modules
    where their names are numbers, else dictionaries.
    """

    def __init__(self, names: set[str], attributes: set[str]) -> None:
        self.names, self.taken = names, set(attributes)
        self.modules: dict[str, Expr] = {}
        self.free: dict[str, str] = {}
        self.access: dict[str, str] = {}
        self.order: list[str] = []

    def add(self, name: str, module: Expr, stored: bool) -> str:
        """A module; its name is given back."""
        if not stored and not _plain(name):
            own = identifier(name)
            while own in self.taken or not _plain(own):
                own += "_"
            self.taken.add(own)
            self.free[name] = own
        self.modules[name] = module
        self.order.append(name)
        return name

    def settle(self) -> None:
        """Find how every module is reached."""
        self.heads: dict[str, list[str]] = {}
        for name in self.order:
            if name in self.free:
                self.access[name] = f"self.{self.free[name]}"
            elif "." in name:
                self.heads.setdefault(name.partition(".")[0], []).append(name)
            else:
                self.access[name] = f"self.{name}" if _plain(name) else f'self._modules["{name}"]'
        self.trees: dict[str, dict[str, object] | None] = {}
        for head, names in self.heads.items():
            tree: dict[str, object] = {}
            sound = head not in self.names and _plain(head)
            for name in names:
                *path, last = name.split(".")[1:]
                branch = tree
                for part in path:
                    inner = branch.setdefault(part, {})
                    if not isinstance(inner, dict):
                        sound, inner = False, {}
                    branch = inner
                sound = sound and last not in branch
                branch[last] = name
            self.trees[head] = tree if sound and self._sound(tree) else None
            if self.trees[head] is not None:
                self._reach(tree, f"self.{head}")
            else:
                for name in names:
                    self.access[name] = f'self.get_submodule("{name}")'

    def _sound(self, tree: dict[str, object]) -> bool:
        for part, inner in tree.items():
            if part in TAKEN or not re.fullmatch(r"[\w-]+", part):
                return False
            if isinstance(inner, dict) and not self._sound(inner):
                return False
        return True

    @staticmethod
    def _is_list(tree: dict[str, object]) -> bool:
        return sorted(tree, key=lambda p: (len(p), p)) == list(map(str, range(len(tree))))

    def _reach(self, tree: dict[str, object], before: str) -> None:
        numbered = self._is_list(tree)
        for part, inner in tree.items():
            here = f"{before}[{part}]" if numbered else f'{before}["{part}"]'
            if isinstance(inner, dict):
                self._reach(inner, here)
            else:
                self.access[str(inner)] = here

    def _made(self, tree: dict[str, object]) -> Expr:
        def inner(item: object) -> Expr:
            return self._made(item) if isinstance(item, dict) else self.modules[str(item)]

        if self._is_list(tree):
            return call("nn.ModuleList", listed([inner(tree[str(n)]) for n in range(len(tree))]))
        items = tuple(Item(expr(f'"{part}": ', inner(item))) for part, item in tree.items())
        return call("nn.ModuleDict", Expr((Bracket("{", items, "}", call=False),)))

    def lines(self) -> list[Line]:
        """What the constructor does."""
        found = []
        done: set[str] = set()
        later = []
        for name in self.order:
            head = name.partition(".")[0]
            if name in self.free or "." not in name:
                found.append(Line(f"{self.access[name]} = ", self.modules[name]))
            elif (tree := self.trees[head]) is not None:
                if head not in done:
                    done.add(head)
                    found.append(Line(f"self.{head} = ", self._made(tree)))
            else:
                later.append(name)
        made = set(self.modules)
        for name in later:
            parts = name.split(".")
            for depth in range(1, len(parts)):
                path = ".".join(parts[:depth])
                if path not in made:
                    made.add(path)
                    found.append(Line(_set(path), Expr(("nn.Module()",))))
            found.append(Line(_set(name), self.modules[name]))
        return found


def _set(path: str) -> str:
    holder, _, name = path.rpartition(".")
    where = f'self.get_submodule("{holder}")' if holder else "self"
    return f'{where}._modules["{name}"] = '
