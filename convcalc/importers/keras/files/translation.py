"""A Keras model of a file to a graph: every call of every layer, each behind those whose tensors it reads."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any, Final, TypeAlias

from convcalc import layers
from convcalc.dims import UNKNOWN, DimensionError, Shape, symbol
from convcalc.graph import Edge, Graph
from convcalc.importers.keras.files.attention import ATTENTION
from convcalc.importers.keras.files.classes import CLASSES
from convcalc.importers.keras.files.opening import opened
from convcalc.importers.keras.files.operations import operation
from convcalc.importers.keras.files.placing import At, Misfit
from convcalc.importers.keras.files.records import (
    Call,
    Model,
    Reader,
    Record,
    Reference,
    references,
    shown,
    sizes,
)
from convcalc.importers.keras.files.recurrence import bidirectional, cells, recurrent
from convcalc.importers.keras.files.staging import run
from convcalc.importers.keras.files.weights import Holder, Weights, group_names
from convcalc.importers.keras.files.writing import number_type, stages
from convcalc.importers.network import Network, Unsayable
from convcalc.layers.values import MOST_AXES, show
from convcalc.spec.errors import Problem, SpecError, nearest_name

CALLS: Final = 2_000
"""Calls of layers that any file may have, those of models that are called several times counted each time."""
CALLS_A_LAYER: Final = 20
"""Calls besides for each layer of the file."""
_OUTPUTS: Final = 64
"""Most outputs of a layer that is not in the language."""
_SIZES: Final = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_INPUTS: Final = frozenset(("inputs", "sequences", "query", "value", "key", "x", "inputs_0"))
_MODES: Final = frozenset(("training", "mask"))
_RANDOM: Final = ("Dropout", "Noise", "BatchNormalization", "Random")
_WEIGHTLESS: Final = (
    "Lambda",
    "Masking",
    "Activation",
    "Resizing",
    "CenterCrop",
    "Softmax",
    "Flatten",
    "Reshape",
)
"""Classes that store nothing, whatever their arguments."""
_WORD: Final = re.compile(r"[^\w.]+")
_CHANNELS_LAST: Final = ("Flatten",)

Recorded: TypeAlias = Callable[[], Mapping[int, tuple[int | None, ...]]]
"""Gives the shapes of outputs as the file has them, by number."""

Value = Any
"""An argument of a call: an edge where it is a tensor, lists and dicts of such, or what the file says."""


def read(
    given: str | os.PathLike[str],
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    primitive: bool = False,
) -> Graph:
    """The graph of a Keras model.

    Args:
        given: the path of a ``.keras`` archive, of a configuration as JSON or of an old ``.h5``; or the text
            of a configuration (``model.to_json()``).
        input: shape of the input, channels first and without a batch, as sizes or as a text; several by name.
        set: values for the letters that stand for sizes of the input.
        primitive: changes nothing: there is nothing that several layers of the file are shown as.

    Returns:
        The graph, whose weights are read when they are needed, if the file has any.

    Raises:
        SpecError: the file is no model that can be read, or an input does not fit it; it names the place.
        OSError: the file cannot be opened.
    """
    source = opened(given)
    reader = Reader(source.file)
    default = os.path.basename(os.fspath(given)).partition(".")[0] if source.file != "<config>" else "model"
    record, model = reader.model(reader.parse(source.text), default)
    translation = Translation(reader, Weights(source), model.name, set or {})
    return translation.graph(record, model, input)


class Translation:
    """One file in the making.

    Args:
        reader: of its configuration, for messages.
        weights: of the file.
        name: of the model.
        letters: values for sizes that are letters.
    """

    def __init__(self, reader: Reader, weights: Weights, name: str, letters: Mapping[str, Any]) -> None:
        self.reader = reader
        self.weights = weights
        self.network = Network(name)
        self.letters = letters
        self.used: set[str] = set()
        self.first = False
        self.resized = False
        self.calls = 0
        self.types: dict[str, str] = {}
        self.unread: list[tuple[str, str]] = []

    # -- the whole --------------------------------------------------------------------------

    def graph(self, record: Record, model: Model, given: Any) -> Graph:
        """The graph of a model, with the shapes that are given for its inputs."""
        self.first = _channels_first(model)
        edges = self._inputs(model, given)
        holder = Holder((), (), model.trainable)
        outputs = self.run(model, edges, "", holder, 0)
        if self.types:
            kinds = ", ".join(sorted(set(self.types.values())))
            self.network.notes.append(
                f"written for {kinds}; here it is counted and run in the type of --dtype"
            )
        graph = self.network.finish(_named(model, outputs), source="Keras")
        if not self.weights:
            graph.weights = None
        return graph

    def _inputs(self, model: Model, given: Any) -> list[Edge]:
        """The inputs of the model, channels first, with their own sizes or those that are given."""
        stated = self._stated(model)
        shapes = self._given(given, [name for name, _ in stated])
        found = []
        for name, shape in stated:
            new = shapes.get(name)
            if new is not None:
                self._fits(name, new, shape)
                self.resized = self.resized or new != shape
            elif shape is None:
                raise self.reader.fault(
                    "the model does not say what it reads", name, "its shape: --input 3x224x224"
                )
            elif shape[0] is UNKNOWN:
                example = "x".join(("20", "16", "16", "16")[: len(shape)]) if len(shape) < 3 else "3x224x224"
                given = f"{name}=" if len(stated) > 1 else ""
                what = "size" if len(shape) == 1 else "channels"
                raise self.reader.fault(
                    f"the {what} of {show(shape)} {'is' if what == 'size' else 'are'} unknown",
                    name,
                    f"its shape: --input {given}{example}",
                )
            entering = shape if new is None else new
            assert entering is not None
            found.append(self.network.enter(name, tuple(map(self._size, entering))))
        unknown = sorted(str(name) for name in self.letters if name not in self.used)
        if unknown:
            raise SpecError(
                Problem(f"no size of an input is called {unknown[0]!r}", file="--set", text=unknown[0])
            )
        return found

    def _size(self, size: Any) -> Any:
        """A size, with the value that its letter is given."""
        letter = str(size) if not isinstance(size, int) else ""
        if letter not in self.letters:
            return size
        self.used.add(letter)
        self.resized = True
        value = self.letters[letter]
        value = (
            int(value)
            if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19
            else value
        )
        if type(value) is not int or value < 1:
            raise SpecError(
                Problem(f"{letter} is a size, and no {value!r}", file="--set", text=str(value)[:80])
            )
        return value

    def _stated(self, model: Model) -> list[tuple[str, Shape | None]]:
        if not model.sequential:
            by_name = {record.name: record for record in model.layers}
            found = []
            for one in references(model.inputs):
                if one.layer not in by_name:
                    raise self.reader.fault(
                        f"input_layers names {shown(one.layer)}, and there is no such layer", model.name
                    )
                found.append(
                    (one.layer, self._entering(by_name[one.layer], _batch_shape(by_name[one.layer])))
                )
            if not found:
                raise self.reader.fault("input_layers names no layer", model.name)
            return found
        at: Model | None = model
        name = "input"
        while at is not None and at.layers:
            record = at.layers[0]
            name = record.name if record.kind == "InputLayer" else name
            shape = _batch_shape(record) or at.build or sizes(record.build.get("input_shape"))
            if shape is not None:
                return [(name, self._entering(record, shape))]
            at = record.model if record.model is not None and record.model.sequential else None
        return [(name, None)]

    def _entering(self, record: Record, shape: tuple[int | None, ...] | None) -> Shape | None:
        if shape is None:
            return None
        if len(shape) < 2:
            raise self.reader.fault("an input of single numbers has no axis besides its batch", record.name)
        if len(shape) > MOST_AXES:
            raise self.reader.fault(f"an input of {len(shape)} sizes", record.name, f"at most {MOST_AXES}")
        letters = _SIZES.get(len(shape) - 2, ())
        *inner, channels = shape[1:]
        if self.first and len(shape) > 2:
            channels, *inner = shape[1:]
        named = [letters[n] if size is None and letters else size for n, size in enumerate(inner)]
        whole = [
            symbol(size) if isinstance(size, str) else UNKNOWN if size is None else size for size in named
        ]
        return (UNKNOWN if channels is None else channels, *whole)

    def _given(self, given: Any, names: list[str]) -> dict[str, Shape]:
        if given is None:
            return {}
        if isinstance(given, str) and "=" in given:
            given = re.split(r",\s*(?=[^=,]+=)", given)
        if (
            isinstance(given, list | tuple)
            and given
            and all(isinstance(one, str) and "=" in one for one in given)
        ):
            given = dict(one.split("=", 1) for one in given)
        if not isinstance(given, Mapping):
            if len(names) > 1:
                raise SpecError(
                    Problem(
                        f"the model has {len(names)} inputs", file="--input", text=str(given),
                        expected=" ".join(f"--input {name}=CxHxW" for name in names),
                    )
                )  # fmt: skip
            given = {names[0]: given}
        if len(names) == 1 and set(given) == {"input"}:
            given = {names[0]: given["input"]}
        found = {}
        for name, shape in given.items():
            if name not in names:
                raise SpecError(
                    Problem(
                        f"the model has no input {str(name)[:80]!r}", file="--input", text=str(name),
                        expected="one of " + ", ".join(names), nearest=nearest_name(str(name), names),
                    )
                )  # fmt: skip
            found[name] = shape_of(shape)
        return found

    def _fits(self, name: str, given: Shape, stated: Shape | None) -> None:
        """Hold a given shape to what the model says of its input."""
        if stated is None:
            return
        message = None
        if len(given) != len(stated):
            message = f"{show(given)} has {len(given)} sizes, and {shown(name)} has {len(stated)}"
        elif stated[0] is not UNKNOWN and type(given[0]) is int and given[0] != stated[0]:
            message = f"{show(given)} has {given[0]} channels, and {shown(name)} has {stated[0]}"
        if message is not None:
            sample = show(stated).replace("?", "N")
            where = "channels first, without a batch: " if not self.first else "without a batch: "
            raise SpecError(Problem(message, file="--input", text=show(given), expected=f"{where}{sample}"))

    # -- models -----------------------------------------------------------------------------

    def run(
        self,
        model: Model,
        edges: list[Edge],
        path: str,
        holder: Holder,
        times: int,
        recorded: Recorded = dict,
    ) -> Any:
        """What a model writes: a list for a Sequential, else the structure of its outputs."""
        groups = [(*holder.groups, "layers", name) for name in group_names(model)]
        if model.sequential:
            return [self._chain(model, edges, path, holder, groups, times, recorded)]
        written: dict[tuple[str, int], list[Edge]] = {}
        entering = list(references(model.inputs))
        if len(entering) != len(edges):
            raise self.reader.fault(f"reads {len(entering)} tensors, and is given {len(edges)}", model.name)
        for one, edge in zip(entering, edges, strict=True):
            written[one.layer, 0] = [edge]
        shapes = _recorded(model)
        for number, call in self._ordered(model, written):
            record = model.layers[number]
            inner = self.holder(record, holder, groups[number])
            own = f"{path}.{record.name}" if path else record.name
            place = own if call == 0 else f"{own}-{call + 1}"
            args, kwargs = (self._filled(part, written, record, model) for part in record.calls[call])
            written[record.name, call] = self.call(
                record, Call(args, kwargs), place, inner, times, partial(_of, shapes, record.name, call)
            )
        functional = {one.name for one in model.layers if one.model is not None and not one.model.sequential}
        return self._outputs(model, model.outputs, written, functional)

    def _ordered(self, model: Model, written: Mapping[tuple[str, int], Any]) -> list[tuple[int, int]]:
        """The calls of a model, each behind those it reads of; otherwise as the file has them."""
        number_of = {record.name: number for number, record in enumerate(model.layers)}
        waits: dict[tuple[int, int], int] = {}
        readers: dict[tuple[int, int], list[tuple[int, int]]] = {}
        ready: list[tuple[int, int]] = []
        for number, record in enumerate(model.layers):
            for call in range(len(record.calls)):
                if (record.name, call) in written:
                    continue
                needed = set()
                for one in references([record.calls[call].args, record.calls[call].kwargs]):
                    if one.layer not in number_of:
                        raise self.reader.fault(
                            f"reads {shown(one.layer)}, and there is no such layer", record.name
                        )
                    key = (one.layer, self._call_of(model, one, number_of))
                    if key not in written:
                        needed.add((number_of[one.layer], key[1]))
                waits[number, call] = len(needed)
                for key2 in needed:
                    readers.setdefault(key2, []).append((number, call))
                if not needed:
                    heapq.heappush(ready, (number, call))
        order = []
        while ready:
            at = heapq.heappop(ready)
            order.append(at)
            for waiting in readers.get(at, ()):
                waits[waiting] -= 1
                if not waits[waiting]:
                    heapq.heappush(ready, waiting)
        if len(order) < len(waits):
            done = set(order)
            number, _ = next(key for key in waits if key not in done)
            raise self.reader.fault(
                "reads what no call before it writes: layers wait for one another, or a call is missing",
                model.layers[number].name,
            )
        return order

    def _call_of(self, model: Model, one: Reference, number_of: Mapping[str, int]) -> int:
        """The number of a call: of models, some files count one more that was there before."""
        record = model.layers[number_of[one.layer]]
        many = len(record.calls)
        if record.model is not None and one.call >= many > 0:
            return one.call - 1
        return one.call

    def _filled(
        self, value: Any, written: Mapping[tuple[str, int], list[Edge]], record: Record, model: Model
    ) -> Any:
        """An argument with edges in place of references."""
        if isinstance(value, Reference):
            found = written.get((value.layer, value.call))
            if found is None:
                found = written.get((value.layer, value.call - 1))
            if found is None or value.output >= len(found):
                raise self.reader.fault(
                    f"reads output {value.output} of call {value.call} of {shown(value.layer)}, "
                    "and there is none",
                    record.name,
                )
            return found[value.output]
        if isinstance(value, list):
            return [self._filled(part, written, record, model) for part in value]
        if isinstance(value, dict):
            return {key: self._filled(part, written, record, model) for key, part in value.items()}
        return value

    def _outputs(
        self,
        model: Model,
        structure: Any,
        written: Mapping[tuple[str, int], list[Edge]],
        functional: set[str],
    ) -> Any:
        """The edges of the outputs of a model, in their structure."""
        if isinstance(structure, Reference):
            call = structure.call
            if structure.layer in functional and call > 0:  # these files count one more that was there before
                call -= 1
            found = written.get((structure.layer, call))
            if found is None or structure.output >= len(found):
                raise self.reader.fault(
                    f"output_layers names output {structure.output} of call {call} of "
                    f"{shown(structure.layer)}, "
                    "and there is none",
                    model.name,
                )
            return found[structure.output]
        if isinstance(structure, list):
            return [self._outputs(model, part, written, functional) for part in structure]
        return {key: self._outputs(model, part, written, functional) for key, part in structure.items()}

    def _chain(
        self, model: Model, edges: list[Edge], path: str, holder: Holder, groups: list[tuple[str, ...]],
        times: int,
        last: Recorded,
    ) -> Edge:  # fmt: skip
        """What the layers of a Sequential make of its input, one after the other."""
        if len(edges) != 1:
            raise self.reader.fault(f"reads 1 tensor, and is given {len(edges)}", model.name)
        (edge,) = edges
        for number, record in enumerate(model.layers):
            if record.kind == "InputLayer":
                continue
            inner = self.holder(record, holder, groups[number])
            own = f"{path}.{record.name}" if path else record.name

            def recorded(number: int = number) -> Mapping[int, tuple[int | None, ...]]:
                for after in model.layers[number + 1 : number + 2]:
                    found = sizes(after.build.get("input_shape"))
                    return {} if found is None else {0: found}
                return last()

            edge, *_ = self.call(record, Call([edge], {}), own, inner, times, recorded)
        return edge

    def holder(self, record: Record, holder: Holder, groups: tuple[str, ...]) -> Holder:
        """Where the weights of a layer are, and whether it is trained."""
        trainable = record.config.get("trainable", True)
        return Holder((*holder.names, record.name), groups, holder.trainable and trainable is not False)

    # -- layers -----------------------------------------------------------------------------

    def call(
        self, record: Record, call: Call, path: str, holder: Holder, times: int, recorded: Recorded
    ) -> list[Edge]:
        """What one call of a layer writes, output by output."""
        self.calls += 1
        most = CALLS + CALLS_A_LAYER * self.reader.count
        if self.calls > most:
            raise self.reader.fault(f"more than {most:,} calls of layers", record.name)
        if record.model is not None:
            return self._inner(record, record.model, call, path, holder, times, recorded)
        at = At(self.network, self.weights, record, path, holder, self.first, times)
        mark = _Mark(self.network, path)
        try:
            self._checked(at, call)
            return self._said(at, call)
        except Unsayable as reason:
            mark.undo()
            return self._opaque(at, call, reason.reason, recorded())
        except (DimensionError, Misfit) as error:
            if any(UNKNOWN in self.network.shape(edge) for edge in _edges([call.args, call.kwargs])):
                mark.undo()
                return self._opaque(at, call, "reads a tensor whose shape is not known", recorded())
            cause = error.error if isinstance(error, Misfit) else error
            found = self.reader.fault(cause.message, record.name, cause.hint)
            raise found from None

    def _inner(
        self,
        record: Record,
        model: Model,
        call: Call,
        path: str,
        holder: Holder,
        times: int,
        recorded: Recorded,
    ) -> list[Edge]:
        """A model that is called as a layer."""
        if record.kind not in ("Functional", "Sequential", "Model") and not record.own:
            note = f"{record.kind} {shown(record.name)} is read as its layers; code of its own is not seen"
            if note not in self.network.notes:
                self.network.notes.append(note)
        given = [*call.args, *(value for key, value in call.kwargs.items() if key not in _MODES)]
        structure = given[0] if len(given) == 1 else given
        if isinstance(structure, dict) and not model.sequential:
            names = [one.layer for one in references(model.inputs)]
            keys = sorted(model.inputs) if isinstance(model.inputs, dict) else names
            if set(keys) == set(structure):
                structure = [structure[key] for key in keys]
        edges = list(_edges(structure))
        model = model._replace(trainable=True)
        return list(_edges(self.run(model, edges, path, holder, times, recorded)))

    def _checked(self, at: At, call: Call) -> None:
        kind = number_type(at.config)
        if kind not in ("float32", "int32", "int64", "uint8", "bool", "string") and not at.record.operation:
            self.types[at.path] = kind
        if call.kwargs.get("training") is True and any(word in at.record.kind for word in _RANDOM):
            raise Unsayable("is called with training=True, which draws numbers or uses the batch")
        if any(True for _ in _edges(call.kwargs.get("mask"))):
            raise Unsayable("reads a mask")

    def _said(self, at: At, call: Call) -> list[Edge]:
        """A layer by what its class means.

        Raises:
            Unsayable: that is not in the language.
        """
        record = at.record
        if record.operation:
            at.single()
            return operation(at, call.args, call.kwargs)
        if record.module.startswith("keras.src.applications") or (record.own and record.kind in CLASSES):
            found = CLASSES.get(record.kind)
            if found is not None:
                return found(at, _arguments(call))
        if not record.own or record.registered not in ("", record.kind):
            raise Unsayable("is a class of its own, whose code is not in the file")
        if record.kind in ATTENTION:
            return ATTENTION[record.kind](at, call.args, call.kwargs)
        edges = _arguments(call)
        if record.kind in ("SimpleRNN", "LSTM", "GRU"):
            return recurrent(at, edges)
        if record.kind == "RNN":
            return cells(at, edges)
        if record.kind == "Bidirectional":
            return bidirectional(at, edges)
        if record.kind == "TimeDistributed":
            return self._steps(at, edges)
        made = stages(record.kind, at.config, at.first)
        if self.resized:
            self._as_built(at, edges)
        return [run(at, made, edges)]

    def _as_built(self, at: At, edges: list[Edge]) -> None:
        """Refuse an input of another size than a layer has weights for."""
        built = sizes(at.record.build.get("input_shape"))
        if built is None or len(edges) != 1 or at.record.kind not in ("Dense",):
            return
        shape = at.shape(edges[0])
        arriving, features = (shape[-1] if at.first else shape[0]), built[-1]
        if type(arriving) is int and features is not None and arriving != features:
            raise self.reader.fault(
                f"has weights for {features} features, and {arriving} arrive with this --input",
                at.record.name, "the size that the model was built for, or one that gives as many",
            )  # fmt: skip

    def _steps(self, at: At, edges: list[Edge]) -> list[Edge]:
        """``TimeDistributed``: a layer, or a model, at every step."""
        at.single()
        given = at.config.get("layer")
        if not isinstance(given, dict) or len(edges) != 1:
            raise Unsayable("goes around no layer")
        inner = self.reader.record(given, "layer", 1)
        holder = at.holder.part("layer", inner.name, inner.config.get("trainable", True) is not False)
        if inner.model is not None:
            return self._inner(inner, inner.model, Call([edges[0]], {}), at.path, holder, 1, dict)
        if inner.operation or not inner.own:
            raise Unsayable(f"goes around {shown(inner.kind)}")
        within = At(self.network, self.weights, inner, at.path, holder, at.first, 1)
        return self._said(within, Call([edges[0]], {}))

    def _opaque(
        self, at: At, call: Call, reason: str, recorded: Mapping[int, tuple[int | None, ...]]
    ) -> list[Edge]:
        """A layer that is not in the language: named, with the shapes that the file has of what it writes."""
        edges = [edge for edge in _edges([call.args, call.kwargs])]
        shapes = [self._recorded(recorded.get(number)) for number in range(max(recorded, default=0) + 1)]
        stored: Any = UNKNOWN
        if at.record.operation or at.record.kind in _WEIGHTLESS:
            stored = 0
        elif self.weights:
            try:
                stored = sum(prod(shape) for _, shape in self.weights.found(at.holder))
            except SpecError as error:
                reason = f"{reason}; what it stores is not counted: {error.problems[0].message}"
        what = _WORD.sub("_", at.record.kind)[:60] or "layer"
        values = {"what": what, "shapes": tuple(shapes), "params": stored}
        layer = layers.lookup("opaque").create(tuple(map(self.network.shape, edges)), values)
        self.network.notes.append(f"{at.path}: {at.record.kind[:60]} {reason}")
        return list(self.network.place(layer, edges, tuple(shapes), at.path))

    def _recorded(self, shape: tuple[int | None, ...] | None) -> Shape:
        if shape is None or len(shape) < 2:
            return (UNKNOWN,)
        inner = tuple(UNKNOWN if size is None else size for size in shape[1:])
        inner = inner if self.first or len(inner) < 2 else (inner[-1], *inner[:-1])
        return (inner[0], *(UNKNOWN for _ in inner[1:])) if self.resized else inner


class _Mark:
    """A place to which a network is brought back when a layer turns out not to be sayable."""

    def __init__(self, network: Network, path: str) -> None:
        self.network = network
        self.path = path
        self.nodes = len(network.nodes)

    def undo(self) -> None:
        network = self.network
        gone = {node.name for node in network.nodes[self.nodes :]}
        if not gone:
            return
        del network.nodes[self.nodes :]
        inside = {name[:at] for name in gone for at, char in enumerate(name) if char == "."}
        network._blocks -= {block for block in inside if f"{block}.".startswith(f"{self.path}.")}
        network._names -= gone
        network._owners = {key: owner for key, owner in network._owners.items() if owner[0] not in gone}
        network._sources = {key: edge for key, edge in network._sources.items() if edge.node < self.nodes}
        network.arrays = {
            key: one for key, one in network.arrays.items() if key.rpartition(".")[0] not in gone
        }


def _edges(value: Any) -> list[Edge]:
    """The edges of an argument, in the order in which Keras lays it flat."""
    if isinstance(value, Edge):
        return [value]
    if isinstance(value, list):
        return [edge for part in value for edge in _edges(part)]
    if isinstance(value, dict):
        return [edge for key in sorted(value) for edge in _edges(value[key])]
    return []


def _arguments(call: Call) -> list[Edge]:
    """The tensors that a layer reads: its first argument.

    Raises:
        Unsayable: there are others, which would change what it does.
    """
    rest = [value for value in call.args[1:] if value is not None]
    main = call.args[0] if call.args else None
    for key, value in call.kwargs.items():
        if key in _MODES or value is None:
            continue
        if main is None and key in _INPUTS:
            main = value
        elif value is not False:
            raise Unsayable(f"is called with {key[:60]}=")
    found = _edges(main)
    if rest or not found:
        raise Unsayable("is called with other arguments than tensors in a row")
    return found


def _channels_first(model: Model) -> bool:
    """Whether any layer has its channels first."""
    waiting: list[tuple[Model, int]] = [(model, 0)]
    while waiting:
        one, depth = waiting.pop()
        for record in one.layers:
            if record.config.get("data_format") == "channels_first" and record.kind not in _CHANNELS_LAST:
                return True
            if record.model is not None:
                waiting.append((record.model, depth + 1))
    return False


def _batch_shape(record: Record) -> tuple[int | None, ...] | None:
    """What a layer says of the input it is the first to read."""
    for key in ("batch_shape", "batch_input_shape"):
        found = sizes(record.config.get(key))
        if found is not None:
            return found
    found = sizes(record.config.get("input_shape"))
    return None if found is None else (None, *found)


Shapes: TypeAlias = dict[tuple[str, int], dict[int, tuple[int | None, ...]]]


def _recorded(model: Model) -> Shapes:
    """The shapes of tensors as the layers that read them state them."""
    found: Shapes = {}
    for record in model.layers:
        for call in record.calls:
            for one in references([call.args, call.kwargs]):
                if one.shape is not None and one.output < _OUTPUTS:
                    found.setdefault((one.layer, one.call), {})[one.output] = one.shape
    return found


def _of(shapes: Shapes, layer: str, call: int) -> Mapping[int, tuple[int | None, ...]]:
    return shapes.get((layer, call), {})


def _named(model: Model, outputs: Any) -> list[tuple[str, Edge]]:
    """The outputs of the graph, each with a name of its own."""
    structure = model.outputs
    pairs: list[tuple[str, Edge]] = []

    def collect(shape: Any, found: Any, name: str | None) -> None:
        if isinstance(found, Edge):
            pairs.append((name or (shape.layer if isinstance(shape, Reference) else "output"), found))
        elif isinstance(found, list):
            for part, edge in zip(
                shape if isinstance(shape, list) else [None] * len(found), found, strict=True
            ):
                collect(part, edge, name)
        elif isinstance(found, dict):
            for key in sorted(found):
                collect(shape[key], found[key], f"{name}.{key}" if name else key)

    if model.sequential:
        last = model.layers[-1].name if model.layers else "output"
        return [(last, edge) for edge in _edges(outputs)]
    collect(structure, outputs, None)
    used: dict[str, int] = {}
    named = []
    for name, edge in pairs:
        used[name] = used.get(name, 0) + 1
        named.append((name if used[name] == 1 else f"{name}_{used[name]}", edge))
    return named


def shape_of(given: Any) -> Shape:
    """A shape from sizes or from a text such as ``3x224x224``.

    Raises:
        SpecError: it is none.
    """
    if isinstance(given, str) and "," in given:
        given = [part for part in given.strip("()[] ").split(",") if part.strip()]
    elif isinstance(given, int):
        given = [given]
    parts = given.replace("×", "x").split("x") if isinstance(given, str) else list(given)
    found: list[Any] = []
    for part in parts:
        if isinstance(part, str):
            word = part.strip()
            if word.isascii() and word.isdigit() and len(word) < 19 and int(word):
                found.append(int(word))
            elif word.isascii() and word.isidentifier():
                found.append(symbol(word))
            else:
                raise SpecError(
                    Problem(
                        f"{word[:40]!r} is no size",
                        file="--input",
                        text=str(given),
                        expected="a shape such as 3x224x224",
                    )
                )
        else:
            found.append(part)
    if not 0 < len(found) <= MOST_AXES:
        raise SpecError(
            Problem(
                f"{len(found)} sizes", file="--input", text=str(given), expected="a shape such as 3x224x224"
            )
        )
    return tuple(found)
