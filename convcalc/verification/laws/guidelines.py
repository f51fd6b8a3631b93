"""Laws 23 to 27: the four guidelines of ShuffleNetV2, and MobileNetV2 against ResNet-18."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import prod

from convcalc.calculators.count.report import analyze
from convcalc.calculators.explain.topics import moved
from convcalc.dims import symbol
from convcalc.executor import count
from convcalc.graph import Graph
from convcalc.spec import load
from convcalc.verification.laws.base import Case, Trial, built, by, law, macs, params, touched

PUBLISHED = {"mobilenet_v2": (3_504_872, 300_774_272), "resnet18": (11_689_512, 1_814_073_344)}
"""Parameters and MACs at 3x224x224, read off torchvision 0.29.1 by PyTorch's own counter, halved."""


def _pointwise(m: int, n: int, size: tuple[int, ...], groups: int = 1) -> Graph:
    return built(f"conv {n} k1 g={groups} bias=false", m, *size)


def _pairs(number: int) -> list[tuple[int, int]]:
    """The ways to write a number as a product of two."""
    return [(m, number // m) for m in range(1, number + 1) if number % m == 0]


def _cost(m: int, n: int, size: tuple[int, ...]) -> tuple[int, int, int]:
    """Places, executed MACs and numbers that move of a 1x1 layer."""
    graph = _pointwise(m, n, size)
    return prod(size), count(graph).total("macs"), touched(graph)


@law(
    23,
    "G1: equal widths move least. A 1x1 layer of B = hw c1 c2 MACs moves hw(c1 + c2) + c1 c2 numbers, at "
    "least 2 sqrt(hw B) + B/(hw), and as few as that only where c1 = c2.",
)
def widths(t: Trial) -> None:
    for case in t.random_cases():
        size, m, n = case.each(1, 4), case.whole(1, 12), case.whole(1, 12)
        places, products, moves = _cost(m, n, size)
        t.count("numbers that move, executed, are hw(c1 + c2) + c1 c2", moves, places * (m + n) + m * n)
        t.count("and those of the formulas", moved(_pointwise(m, n, size)), moves)
        # mac >= 2 sqrt(hw B) + B/(hw), squared and without fractions
        rest = moves * places - products
        t.true("at least 2 sqrt(hw B) + B/(hw)", rest >= 0 and rest**2 >= 4 * places**3 * products)
        t.count("reached exactly where c1 = c2", rest**2 == 4 * places**3 * products, m == n)
        side = case.whole(2, 6)
        cost = {pair: _cost(*pair, size) for pair in _pairs(side * side)}
        t.count("all of them have the same MACs", len({products for _, products, _ in cost.values()}), 1)
        t.count("of all widths with these MACs the equal ones move least",
                min(cost, key=lambda pair: cost[pair][2]), (side, side))  # fmt: skip
    h, w, m, n = map(symbol, "HWMN")
    graph = load("conv N k1 bias=false", input="MxHxW")
    b = macs(graph)
    t.symbolic("numbers that move", moved(graph), h * w * (m + n) + m * n)
    # mac - B/(hw) = hw(c1 + c2), and its square less 4 hw B is (hw (c1 - c2))^2: never below 0
    t.symbolic("the square of what is above the bound", (moved(graph) - b / (h * w)) ** 2 - 4 * h * w * b,
               (h * w * (m - n)) ** 2)  # fmt: skip


@widths.broken("the sum of the widths is kept instead of the MACs")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        size, side = case.each(1, 4), case.whole(2, 6)
        cost = {(m, 2 * side - m): _cost(m, 2 * side - m, size) for m in range(1, 2 * side)}
        t.count("of all widths with these MACs the equal ones move least",
                min(cost, key=lambda pair: cost[pair][2]), (side, side))  # fmt: skip


@widths.broken("unequal widths at the bound")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        places, products, moves = _cost(case.whole(1, 4), case.whole(5, 9), case.each(1, 4))
        t.count("at the bound", (moves * places - products) ** 2, 4 * places**3 * products)


def _grouped(t: Trial, case: Case, kept: str) -> None:
    m, n, size = 12, case.whole(1, 4) * 12, case.each(1, 4)
    every = [1, 2, 3, 4, 6, 12]
    graphs = [_pointwise(m, g * n if kept == "MACs" else n, size, g) for g in every]
    moves = [touched(graph) for graph in graphs]
    t.true("with more groups more numbers move", all(a < b for a, b in pairwise(moves)))
    if kept != "MACs":
        return
    products = {count(graph).total("macs") for graph in graphs}
    t.count("all of them have the same MACs", len(products), 1)
    places, (b,) = prod(size), products
    for g, graph, executed in zip(every, graphs, moves, strict=True):
        t.count("numbers that move, executed, are hw c1 + B g/c1 + B/(hw)", Fraction(executed),
                places * m + Fraction(b * g, m) + Fraction(b, places))  # fmt: skip
        t.count("and those of the formulas", moved(graph), executed)


@law(
    24,
    "G2: at the same MACs B and input width c1, a 1x1 layer of g groups moves hw c1 + B g/c1 + B/(hw) "
    "numbers, more with every group.",
)
def groups(t: Trial) -> None:
    for case in t.random_cases():
        _grouped(t, case, "MACs")
    h, w, g = map(symbol, "HWG")
    text = "inputs: {x: [G*A, H, W]}\nlayers: [conv G*N k1 g=G bias=false]"
    graph = load(text)
    b, c = macs(graph), g * symbol("A")
    t.symbolic("numbers that move", moved(graph), h * w * c + b * g / c + b / (h * w))
    t.symbolic("MACs, whatever g", b, h * w * c * symbol("N"))


@groups.broken("the output width is kept instead of the MACs")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _grouped(t, case, "width")


def _series(width: int | str, pieces: int) -> str:
    return " | ".join([f"conv {width} k1 bias=false"] * pieces)


def _parallel(width: int, pieces: int, size: tuple[int, ...]) -> str:
    lines = [f"input: {'x'.join(map(str, (width, *size)))}", "layers:"]
    lines += [f"  - conv {width} k1 bias=false from=input id=b{n}" for n in range(pieces)]
    lines += [f"outputs: [{', '.join(f'b{n}' for n in range(pieces))}]"]
    return "\n".join(lines)


def longest(graph: Graph) -> int:
    """Layers with MACs on the longest way through a graph."""
    depth: list[int] = []
    for node in graph.nodes:
        before = max((depth[edge.node] for edge in node.inputs), default=0)
        depth.append(before + bool(not node.is_input and node.layer.has_macs))
    return max(depth)


def _pieces(t: Trial, case: Case) -> None:
    root, width, size = case.whole(2, 3), case.whole(1, 4), case.each(1, 4)
    pieces, c = root**2, root * width
    one = _pointwise(c, c, size)
    forms = {
        "in a row": built(_series(width, pieces), width, *size),
        "side by side": load(_parallel(width, pieces, size)),
    }
    whole = count(one)
    for way, graph in forms.items():
        executed = count(graph)
        t.count("fragments have the same MACs together", executed.total("macs"), whole.total("macs"))
        t.count("and the same weights", executed.total("params"), whole.total("params"))
        parts = {node.macs for node in executed.nodes if node.macs}
        t.count("each does 1/n of the work", parts, {whole.total("macs") // pieces})
        maps = [touched(g) - count(g).total("params") for g in (graph, one)]
        t.count("together they move sqrt(n) times the maps", maps[0], root * maps[1])
        t.count("numbers that move, by formula and by execution", moved(graph), touched(graph))
        t.count("n one after the other, or n apart", longest(graph), pieces if way == "in a row" else 1)


@law(
    25,
    "G3: n fragments with the MACs and weights of one 1x1 layer are sqrt(n) times narrower; together they "
    "move sqrt(n) times the maps, each does 1/n of the work, and they run n in a row or n apart.",
)
def fragments(t: Trial) -> None:
    for case in t.random_cases():
        _pieces(t, case)
    h, w, c = map(symbol, "HWC")
    four = load(_series("C", 4), input="CxHxW")
    one = load("inputs: {x: [2*C, H, W]}\nlayers: [conv 2*C k1 bias=false]")
    t.symbolic("MACs of four at half the width", macs(four), macs(one))
    t.symbolic("weights of four at half the width", params(four), params(one))
    t.symbolic("numbers that move more", moved(four) - moved(one), 4 * h * w * c)


@fragments.broken("fragments narrower still")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        size = case.each(1, 4)
        one, apart = _pointwise(6, 6, size), built(_series(2, 4), 2, *size)
        t.count("fragments have the same MACs together", count(apart).total("macs"), count(one).total("macs"))


UNIT = """
input: {shape}
layers:
  - conv {a} k1 bias=false id=down
  - relu id=relu1
  - conv {a} k3 p1 bias=false id=middle
  - relu id=relu2
  - conv {c} k1 bias=false id=up
  - add from=[up,input] id=sum
  - relu id=relu3
"""
"""ResNet's bottleneck unit (Ma et al. 2018, Table 4), without normalisation."""


def _unit(t: Trial, case: Case) -> None:
    a, size = case.whole(1, 4), case.each(2, 4)
    places = prod(size)
    graph = load(UNIT.format(shape=by((4 * a, *size)), a=a, c=4 * a))
    executed = {node.name: node for node in count(graph).nodes}
    plain = [node.name for node in graph.nodes if not node.is_input and not node.layer.has_macs]
    ops = sum(executed[name].flops for name in plain)
    moves = sum(touched(graph, only=[name]) for name in plain)
    t.count("operations of ReLU and addition are 10 a hw", ops, 10 * a * places)
    t.count("numbers that they move are 24 a hw", moves, 24 * a * places)
    taps = 3**case.rank
    t.count("MACs of the convolutions are (8 + K^r) a^2 hw", count(graph).total("macs"),
            (8 + taps) * a * a * places)  # fmt: skip
    t.count("numbers that the convolutions move are 12 a hw + (8 + K^r) a^2", touched(graph) - moves,
            12 * a * places + (8 + taps) * a * a)  # fmt: skip
    t.count("of all numbers that move, by formula and by execution", moved(graph), touched(graph))


@law(
    26,
    "G4: elementwise layers cost memory, not FLOPs. A ReLU moves 2 numbers for one operation, an addition 3; "
    "in a bottleneck unit they do 10a hw of the operations and move 24a hw of 36a hw + 17a^2 numbers.",
)
def elementwise(t: Trial) -> None:
    for case in t.random_cases():
        _unit(t, case)
        x = (case.whole(1, 6), *case.each(1, 5))
        relu, add = (
            load(f"input {by(x)} | relu"),
            load(f"inputs: {{x: {by(x)}, y: {by(x)}}}\nlayers: ['add from=[x,y]']"),
        )
        t.count("a ReLU moves 2 numbers for one operation", touched(relu), 2 * count(relu).total("flops"))
        t.count("an addition 3", touched(add), 3 * count(add).total("flops"))
        c = case.whole(4, 12)
        square = _pointwise(c, c, x[1:])
        places = prod(x[1:])
        t.count("a 1x1 from c to c has c/2 MACs for each, less the weights",
                Fraction(count(square).total("macs"), touched(square)),
                Fraction(c * places, 2 * places + c))  # fmt: skip
    a, h, w = map(symbol, "AHW")
    graph = load(
        "inputs: {input: [4*A, H, W]}\nlayers:" + UNIT.partition("layers:")[2].format(a="A", c="4*A")
    )
    t.symbolic("numbers that move", moved(graph), 36 * a * h * w + 17 * a**2)
    t.symbolic("FLOPs", analyze(graph).totals.flops, 34 * a**2 * h * w + 10 * a * h * w)


@elementwise.broken("a ReLU in place that writes nothing")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        relu = load(f"input {by((2, *case.each(1, 4)))} | relu")
        t.count("a ReLU moves 2 numbers for one operation", touched(relu), count(relu).total("flops"))


@elementwise.broken("a unit without its shortcut")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        size = case.each(2, 4)
        spec = "conv 2 k1 bias=false | relu | conv 2 k3 p1 bias=false | relu | conv 8 k1 bias=false | relu"
        graph = built(spec, 8, *size)
        plain = [node.name for node in graph.nodes if not node.is_input and not node.layer.has_macs]
        t.count("numbers that they move are 24 a hw", touched(graph, only=plain), 24 * 2 * prod(size))


def _separated(t: Trial, case: Case) -> None:
    """A standard convolution and its separable form on a large map: fewer MACs, more numbers."""
    c = case.whole(3, 6)
    size = (128, *(4,) * (case.rank - 1))
    full = built(f"conv {c} k3 p1 bias=false", c, *size)
    apart = built(f"dwconv k3 p1 bias=false | conv {c} k1 bias=false", c, *size)
    t.true("a separable convolution has fewer MACs", count(apart).total("macs") < count(full).total("macs"))
    t.true("and moves more numbers, where the map is large", touched(apart) > touched(full))
    t.count("by formula and by execution", moved(apart), touched(apart))


@law(
    27,
    "Fewer MACs are not fewer bytes: MobileNetV2 has 6.0 times fewer MACs and 3.3 times fewer parameters "
    "than ResNet-18, and moves 1.5 times as many numbers; a separable layer on a large map moves more too.",
)
def networks(t: Trial) -> None:
    for case in t.random_cases(4):
        _separated(t, case)
    small = {name: load(name, input="3x32x32") for name in PUBLISHED}
    for graph in small.values():
        executed = count(graph)
        t.count("executed MACs are those of the formulas", executed.total("macs"), macs(graph))
        t.count("executed parameters are those of the formulas", executed.total("params"), params(graph))
        t.count("numbers that move, by formula and by execution", moved(graph), touched(graph))
    full = {name: load(name) for name in PUBLISHED}
    for name, graph in full.items():
        t.count("parameters and MACs of torchvision", (params(graph), macs(graph)), PUBLISHED[name])
    light, heavy = (full[name] for name in PUBLISHED)
    t.count("MACs, tenths", round(10 * macs(heavy) / macs(light)), 60)
    t.count("parameters, tenths", round(10 * params(heavy) / params(light)), 33)
    t.count("numbers that move, tenths", round(10 * moved(light) / moved(heavy)), 15)
    for name, graph in full.items():
        t.extra[f"{name} at 224"] = {
            "parameters": params(graph), "MACs": macs(graph), "numbers that move": moved(graph)
        }  # fmt: skip


@networks.broken("a small map, where weights decide")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        c = 16
        full = built(f"conv {c} k3 p1 bias=false", c, *(2,) * case.rank)
        apart = built(f"dwconv k3 p1 bias=false | conv {c} k1 bias=false", c, *(2,) * case.rank)
        t.true("and moves more numbers, where the map is large", touched(apart) > touched(full))


LAWS = (widths, groups, fragments, elementwise, networks)
