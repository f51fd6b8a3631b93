"""One random step of a spec: a layer that reads what is there, or a structure of several layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import comb
from random import Random
from typing import Any, Final, NamedTuple

from convcalc.layers import lookup, names
from convcalc.layers.base import REQUIRED
from convcalc.verification.random.layers import Proposal, Shape, divisor, propose

DRAWN: Final = tuple(op for op in names() if not lookup(op).enters and not lookup(op).opaque)
"""Every layer that is not an input of the network, and that is known."""


class Added(NamedTuple):
    """A stage to add: its words and what it reads; ``@0`` is the first stage of the same step.

    With a ``shape`` it is an input of the network instead.
    """

    words: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    shape: Shape | None = None


class Steps:
    """Draws steps with one source of randomness."""

    def __init__(self, rng: Random, inputs: Sequence[str] = ()) -> None:
        """Draw with ``rng`` for a spec with inputs of these names."""
        self.rng = rng
        self.inputs = inputs
        # What can be set in more ways is drawn more often: as often as two options of it may meet.
        self.weights = tuple(accumulate(2 + comb(len(lookup(op).options), 2) for op in DRAWN))

    def step(self, source: str, shapes: Mapping[str, Shape], wanted: str | None) -> tuple[Added, ...]:
        """A step that reads ``source``; of the layer ``wanted``, if any; nothing where it does not go on it.

        Args:
            source: name of a tensor.
            shapes: all tensors there are, by name.
            wanted: registered name of a layer.
        """
        shape = shapes[source]
        if wanted is None and len(shape) > 1 and self.rng.random() < 0.25:
            motifs = (self.residual, self.branches, self.gate, self.subpixel, self.unpooling)
            return self.rng.choice(motifs)(source, shape)
        op = wanted or self.any_layer()
        cls = lookup(op)
        if cls.arity[1] == 0:
            return self.own(op, source, shape)
        if cls.looks_up:
            return self.looked_up(op, source, shapes)
        if cls.index_inputs:
            return self.unpooling(source, shape, op)
        if cls.undoes:
            return self.undoing(op, source, shape)
        if cls.decided_by:
            return self.deformed(op, source, shape)
        joins = cls.arity[0] > 1 or cls.arity[1] is None
        if self.rng.random() < (0.7 if joins else 0.15) and (steps := self.accompanied(op, source, shape)):
            return steps
        if joins:
            return self.join(op, source, shapes)
        found = propose(self.rng, op, (shape,))
        return (Added(found.words, (source,)),) if found else ()

    def any_layer(self) -> str:
        """The name of a layer."""
        return self.rng.choices(DRAWN, cum_weights=self.weights)[0]

    def join(self, op: str, source: str, shapes: Mapping[str, Shape]) -> tuple[Added, ...]:
        """A layer of several inputs, with tensors that fit the source, itself among them."""
        rng, (least, most) = self.rng, lookup(op).arity
        several = [n for n in (1, 2, 2, 2, 3, 3) if least <= n <= (most or n)]
        if 2 in several and rng.random() < 0.2:  # with itself on an axis more
            more = (1, *shapes[source])
            pair = [(source, shapes[source]), ("@0", more)]
            rng.shuffle(pair)
            found = propose(rng, op, tuple(shape for _, shape in pair))
            if found is not None:
                lifted = Added(("reshape", f"({','.join(map(str, more))})"), (source,))
                return (lifted, Added(found.words, tuple(name for name, _ in pair)))
        for _ in range(12):
            reads = [source, *rng.choices(list(shapes), k=rng.choice(several) - 1)]
            rng.shuffle(reads)
            found = propose(rng, op, tuple(shapes[name] for name in reads), tries=4)
            if found is not None:
                return (Added(found.words, tuple(reads)),)
        return ()

    def accompanied(self, op: str, source: str, shape: Shape) -> tuple[Added, ...]:
        """A layer with further inputs of shapes that it names itself; nothing where it names none."""
        rng = self.rng
        ways = lookup(op).partners(shape, lambda: rng.randint(1, 5))
        if not ways:
            return ()
        beside = rng.choice(ways)
        # what has to be stated elsewhere may follow from the inputs here
        follows = {o.field: None for o in lookup(op).options if o.default is REQUIRED and rng.random() < 0.9}
        found = propose(rng, op, (shape, *beside), follows)
        if found is None:
            return ()
        reads = (source, *(f"@{number}" for number in range(len(beside))))
        return (*(Added(shape=one) for one in beside), Added(found.words, reads))

    def own(self, op: str, source: str, shape: Shape) -> tuple[Added, ...]:
        """A tensor of the network's own that fits the source, and a layer that joins the two."""
        rng = self.rng
        together = rng.choice(("concat", "add", "mul"))
        sizes, words = list(shape), [together]
        if together == "concat":
            axis = rng.randrange(len(shape))
            sizes[axis] = rng.randint(1, 3)
            words.append(f"axis={axis}")
        else:
            sizes = [rng.choice((size, size, 1)) for size in sizes]
        made = propose(rng, op, (shape,), {"shape": tuple(sizes)})
        reads = [source, "@0"]
        rng.shuffle(reads)
        return (Added(made.words, ()), Added(tuple(words), tuple(reads))) if made else ()

    def looked_up(self, op: str, source: str, shapes: Mapping[str, Shape]) -> tuple[Added, ...]:
        """A layer that looks something up: by an input of the spec, which is drawn to fit, or by its own."""
        rng, cls = self.rng, lookup(op)
        reads = [source]
        if 0 in cls.looks_up:
            reads = [rng.choice(self.inputs)]
        elif rng.random() < 0.4:
            reads.append(rng.choice(self.inputs))
        given: dict[str, Any] = {}
        if cls.arity[1] != 1:
            own = rng.choice(("shape", "index")) if len(reads) == 1 else None
            size = min(shapes[source])
            given = {
                "shape": tuple(rng.randint(1, 4) for _ in range(rng.randint(1, 2)))
                if own == "shape"
                else None,
                "index": tuple(rng.randrange(-size, size) for _ in range(4)) if own == "index" else None,
            }
        found = propose(rng, op, tuple(shapes[name] for name in reads), given)
        return (Added(found.words, tuple(reads)),) if found else ()

    def keeping(self, shape: Shape, channels: bool) -> Proposal | None:
        """A layer of one input that keeps the spatial sizes, and where wanted the channels."""
        kept = 0 if channels else 1
        for _ in range(20):
            op = self.any_layer()
            alone = lookup(op).arity[0] == 1 and lookup(op).arity[1] is not None
            found = propose(self.rng, op, (shape,), tries=4) if alone else None
            if found is not None and [one[kept:] for one in found.outputs] == [shape[kept:]]:
                return found
        return None

    def convolution(self, shape: Shape, out: int) -> tuple[str, ...]:
        """Words of a convolution that keeps the sizes."""
        given = {
            "out_channels": out,
            "stride": None,
            "padding": self.rng.choice(("same", "same", "same_lower")),
        }
        found = propose(self.rng, "conv", (shape,), given)
        return found.words if found else ("conv", f"{out}", "k1")

    # Structures

    def residual(self, source: str, shape: Shape) -> tuple[Added, ...]:
        """A convolution, perhaps followed by another layer, whose result is joined with what it reads."""
        steps = [Added(self.convolution(shape, shape[0]), (source,))]
        after = self.keeping(shape, channels=True) if self.rng.random() < 0.6 else None
        if after is not None:
            steps.append(Added(after.words, ("@0",)))
        reads = [source, f"@{len(steps) - 1}"]
        self.rng.shuffle(reads)
        return (*steps, Added((self.rng.choice(("add", "add", "mul")),), tuple(reads)))

    def branches(self, source: str, shape: Shape) -> tuple[Added, ...]:
        """Two or three layers that keep the sizes, side by side, concatenated or added."""
        rng = self.rng
        together, width = rng.choice(("concat", "concat", "add")), rng.randint(1, 4)
        steps = []
        for _ in range(rng.randint(2, 3)):
            other = (
                self.keeping(shape, channels=False) if together == "concat" and rng.random() < 0.4 else None
            )
            out = width if together == "add" else rng.randint(1, 4)
            steps.append(Added(other.words if other else self.convolution(shape, out), (source,)))
        return (*steps, Added((together,), tuple(f"@{i}" for i in range(len(steps)))))

    def gate(self, source: str, shape: Shape) -> tuple[Added, ...]:
        """Squeeze and excitation: channels scaled by what is seen of the whole map."""
        return (
            Added((self.rng.choice(("globalavgpool", "globalmaxpool")),), (source,)),
            Added(("conv", f"{shape[0]}", "k1"), ("@0",)),
            Added((self.rng.choice(("sigmoid", "hardsigmoid")),), ("@1",)),
            Added(("mul",), (source, "@2")),
        )

    def subpixel(self, source: str, shape: Shape) -> tuple[Added, ...]:
        """A convolution that makes the channels for a pixel shuffle, and the shuffle."""
        factor = self.rng.choice((2, 2, 3) if len(shape) < 4 else (2,))
        channels = factor ** (len(shape) - 1) * self.rng.randint(1, 2)
        shuffle = propose(self.rng, "pixelshuffle", ((channels, *shape[1:]),), {"factor": factor})
        made = Added(("conv", f"{channels}", "k1"), (source,))
        return (made, Added(shuffle.words, ("@0",))) if shuffle else ()

    def undoing(self, op: str, source: str, shape: Shape) -> tuple[Added, ...]:
        """A layer, perhaps another one that keeps its shape, and the transpose of the first."""
        there = propose(self.rng, lookup(op).undoes, (shape,))
        if there is None:
            return ()
        back = propose(self.rng, op, there.outputs, {**there.values, "size": shape[1:]})
        if back is None:
            return ()
        steps = [Added(there.words, (source,))]
        between = self.keeping(there.outputs[0], channels=True) if self.rng.random() < 0.4 else None
        if between is not None:
            steps.append(Added(between.words, ("@0",)))
        return (*steps, Added(back.words, (f"@{len(steps) - 1}",)))

    def deformed(self, op: str, source: str, shape: Shape) -> tuple[Added, ...]:
        """Convolutions that say where another one reads, beside it, and that one."""
        if len(shape) < 2:
            return ()
        rng, cls = self.rng, lookup(op)
        own = {option.field: None for option in cls.options if option.field in ("groups", "bias")}
        plain = propose(rng, "conv", (shape,), {**own, "padding_mode": None})
        if plain is None:
            return ()
        window = {field: plain.values[field] for field in ("kernel", "stride", "padding", "dilation")}
        kernel = (
            window["kernel"]
            if isinstance(window["kernel"], tuple)
            else (window["kernel"],) * (len(shape) - 1)
        )
        parts = cls.beside(len(shape) - 1, kernel)[: rng.randint(1, 2)]
        groups = rng.choice((1, 1, divisor(rng, shape[0])))
        steps, shapes = [], [shape]
        for channels in parts:
            made = propose(
                rng,
                "conv",
                (shape,),
                {**own, "padding_mode": None, **window, "out_channels": groups * channels},
            )
            if made is None:
                return ()
            steps.append(Added(made.words, (source,)))
            shapes += made.outputs
        found = propose(rng, op, tuple(shapes), window)
        reads = (source, *(f"@{number}" for number in range(len(steps))))
        return (*steps, Added(found.words, reads)) if found else ()

    def unpooling(self, source: str, shape: Shape, undoing: str | None = None) -> tuple[Added, ...]:
        """A pooling that says where its values stood, perhaps a layer, and one that puts them back there."""
        rng = self.rng
        pooling = rng.choice([op for op in DRAWN if any(lookup(op).index_outputs)])  # beside its values
        undoing = undoing or rng.choice([op for op in DRAWN if lookup(op).index_inputs])
        shared = {option.field for option in lookup(undoing).options}
        left_out = {option.field: None for option in lookup(pooling).options if option.field not in shared}
        for _ in range(12):
            pool = propose(rng, pooling, (shape,), left_out)
            if pool is None:
                continue
            same = {field: value for field, value in pool.values.items() if field in shared}
            # Indices are places in the map before the pool: where windows left some out, its size is due.
            back = propose(rng, undoing, pool.outputs, {**same, "size": None})
            if back is None or back.outputs != (shape,) or rng.random() < 0.4:
                back = propose(rng, undoing, pool.outputs, {**same, "size": shape[1:]})
            if back is None:
                continue
            steps = [Added(pool.words, (source,))]
            if rng.random() < 0.5:
                steps.append(Added(("conv", f"{shape[0]}", "k3", "p=same"), ("@0",)))
            return (*steps, Added(back.words, (f"@{len(steps) - 1}", "@0.indices")))
        return ()
