"""What Keras does for a program that is read: layers called on tensors, models of inputs and outputs."""

from __future__ import annotations

import ast
import re
from typing import Any, Final, NamedTuple

from convcalc.budget import spend
from convcalc.graph import Edge
from convcalc.importers.keras.table import ALIASES, CLASSES, UNMODELLED
from convcalc.importers.network import Network, Stored
from convcalc.importers.source import known
from convcalc.importers.source.calls import arrays_of, plain, stages_of
from convcalc.importers.source.known import NotKnown, described
from convcalc.importers.source.machine import Library, Machine
from convcalc.importers.source.tensors import nothing
from convcalc.importers.source.values import Instance, Name, Native
from convcalc.spec.errors import SpecError

_NAMES: Final = {
    "keras": "keras", "tf": "tensorflow", "layers": "keras.layers", "np": "numpy", "math": "math",
    "K": "keras.backend", "models": "keras.models", "Model": "keras.Model", "Sequential": "keras.Sequential",
    "Input": "keras.Input",
    "ops": "keras.ops", "regularizers": "keras.regularizers", "applications": "keras.applications",
    "activations": "keras.activations", "partial": "functools.partial",
    "Layer": "keras.layers.Layer", "os": "os",
    "add": "keras.layers.add", "concatenate": "keras.layers.concatenate", "multiply": "keras.layers.multiply",
    "ValueError": "ValueError", "NotImplementedError": "NotImplementedError", "object": "object",
    "plt": "plt",
    "average": "keras.layers.average", "maximum": "keras.layers.maximum", "optimizers": "keras.optimizers",
}  # fmt: skip
MODELS: Final = frozenset({"Model", "Sequential", "Functional", "Layer"})
_JOINS: Final = {
    "add": "Add", "concatenate": "Concatenate", "multiply": "Multiply", "average": "Average",
    "subtract": "Subtract",
    "maximum": "Maximum", "minimum": "Minimum", "concat": "Concatenate", "add_n": "Add",
}  # fmt: skip
_FUNCTIONS: Final = {
    "relu": "ReLU", "leaky_relu": "LeakyReLU", "softmax": "Softmax", "elu": "ELU", "dropout": "Dropout",
}  # fmt: skip
_ACTIVATIONS: Final = frozenset(
    [
        "relu6",
        "sigmoid",
        "tanh",
        "gelu",
        "selu",
        "swish",
        "silu",
        "softplus",
        "softsign",
        "hard_sigmoid",
        "mish",
        "exponential",
        "linear",
    ]
)
_OPERATORS: Final = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
_IDLE: Final = (
    "keras.regularizers", "keras.initializers", "keras.optimizers", "keras.losses", "keras.callbacks",
    "keras.metrics",
    "keras.utils", "keras.mixed_precision", "keras.constraints", "keras.backend.clear", "keras.preprocessing",
    "keras.datasets", "tensorflow.random.set_seed", "keras.optimizers.",
)  # fmt: skip
_CANONICAL: Final = re.compile(r"^(?:tensorflow\.)?(?:python\.)?keras(?:\.api)?(?=\.|$)")


class Tensor(NamedTuple):
    """A tensor between layers, without its batch, channels first as in the graph.

    Attributes:
        edge: where it comes from, in the network of ``round``.
        round: the number of the network that it is of.
    """

    edge: Edge
    round: int


class Made(NamedTuple):
    """A call that made tensors: what was called, on which, and what came out."""

    what: Any
    args: tuple[Any, ...]
    result: Any


class Keras(Library):
    """Keras' part of a program.

    Args:
        name: of the network.
        hints: words of the program that say where the channels are.
    """

    def __init__(self, name: str, hints: str = "") -> None:
        self.network = Network(name)
        self.round = 0
        self.hints = hints
        self.first = "channels_first" in hints
        self.machine: Machine
        self.tape: list[Made] = []
        self.counts: dict[str, int] = {}
        self.inputs: dict[Tensor, str] = {}
        self.seen: dict[int | None, list[tuple[Any, ...]]] = {}
        self.running = False
        self.prefix: list[str] = []
        self.outside: dict[str, Any] = {}

    # Names

    def resolve(self, name: str) -> Any:
        """What a name means that the program does not define."""
        if name in _NAMES:
            return Name(_NAMES[name])
        if name in CLASSES or name in UNMODELLED:
            return Name(f"keras.layers.{name}")
        raise KeyError(name)

    def owns(self, value: Any) -> bool:
        """Whether a value is a tensor."""
        return isinstance(value, Tensor)

    def is_instance(self, value: Any, name: str) -> bool:
        """Whether a layer is of one of Keras' classes."""
        last = name.rpartition(".")[2]
        return isinstance(value, Instance) and value.module and last in (value.kind, "Layer")

    # Shapes

    def own(self, shape: Any) -> tuple[Any, ...]:
        """Sizes of Keras, channels last, as those of the graph."""
        sizes = tuple(shape)
        if any(size is None or not isinstance(size, int) for size in sizes):
            raise NotKnown(f"the shape {described(shape)} has sizes that are not stated", "(224, 224, 3)")
        return sizes if self.first or not sizes else (sizes[-1], *sizes[:-1])

    def sizes(self, value: Tensor) -> tuple[Any, ...]:
        """Sizes as the program sees them, the batch as None."""
        shape = self.network.shape(self.now(value).edge)
        return (None, *(shape if self.first else (*shape[1:], shape[0])))

    def _axis(self, axis: int, rank: int) -> int:
        """The axis of the graph that an axis of the program is, the batch counted there."""
        place = axis + rank if axis < 0 else axis
        if not 0 < place < rank:
            raise NotKnown(
                "the axis of the samples is not worked along" if place == 0 else f"there is no axis {axis}"
            )
        return place - 1 if self.first else place % (rank - 1)

    def tensor(self, edge: Edge) -> Tensor:
        """A tensor of the network that is made now."""
        return Tensor(edge, self.round)

    def enter(self, name: str, shape: Any) -> Tensor:
        """An input of the network, of a shape of the graph."""
        made = self.tensor(self.network.enter(name, tuple(shape)))
        self.inputs[made] = name
        return made

    # Attributes

    def attribute(self, value: Any, name: str) -> Any:
        """An attribute of a tensor, a layer or a model."""
        if isinstance(value, Tensor):
            if name == "shape":
                return self.sizes(value)
            if name == "get_shape":
                return Native(name, lambda: self.sizes(value))
            if name in ("_keras_shape",):
                return self.sizes(value)
            raise KeyError(name)
        if isinstance(value, list) and name == "as_list":
            return Native(name, lambda: value)
        if isinstance(value, tuple) and name in ("as_list", "rank", "ndims"):
            return Native(name, lambda: list(value)) if name == "as_list" else len(value)
        if not isinstance(value, Instance):
            raise KeyError(name)
        if name == "layers":
            return [m for _, m in value.walk() if m is not value]
        if name == "name":
            return self.name_of(value)
        if name in ("input", "output") and value.fields.get("inputs"):
            return value.fields[name + "s"][0]
        if name in ("output_shape", "input_shape"):
            raise NotKnown(f"{name} of a model is not read")
        method = getattr(self, f"_model_{name}", None)
        if method is None:
            if name in _PASSIVE:
                return Native(name, lambda *args, **kwargs: None)
            raise KeyError(name)
        return Native(name, lambda *args, **kwargs: method(value, *args, **kwargs))

    def _model_add(self, model: Instance, layer: Any) -> None:
        if isinstance(layer, Tensor):
            raise NotKnown("a tensor is no layer", "model.add(layers.Dense(10))")
        model.children[str(len(model.children))] = self._layer(layer)

    def _model_pop(self, model: Instance) -> None:
        model.children.popitem()

    def _model_build(self, model: Instance, shape: Any = None, **more: Any) -> None:
        shape = more.get("input_shape", shape)
        if isinstance(shape, (tuple, list)) and len(shape) > 1:
            self.seen[id(model)] = [self.own(shape[1:])]

    def _model_get_layer(self, model: Instance, name: Any = None, index: Any = None) -> Any:
        for _, module in model.walk():
            if module is not model and self.name_of(module) == name:
                return module
        raise NotKnown(f"there is no layer {described(name)}")

    def _model_call(self, model: Instance, *args: Any, **kwargs: Any) -> Any:
        return self.machine.run_module(model, list(args), kwargs)

    def set(self, module: Instance, name: str, value: Any) -> bool:
        """Keep a layer, or layers in a list, as parts of a model."""
        if not isinstance(module, Instance) or not module.module:
            return False
        if name == "trainable":
            frozen = not known.truth(value)
            for _, one in module.walk():
                one.fields["trainable"] = not frozen
            return True
        if isinstance(value, Instance) and value.module:
            module.children[name] = value
            return True
        if isinstance(value, list) and value and all(isinstance(v, Instance) and v.module for v in value):
            for i, one in enumerate(value):
                module.children[f"{name}.{i}"] = one
        return False

    # Layers

    def _layer(self, value: Any) -> Instance:
        if isinstance(value, Name):
            raise NotKnown(f"{value} is a class: it wants brackets", f"{value.last}(...)")
        if not isinstance(value, Instance) or not value.module:
            raise NotKnown(f"{described(value)} is no layer", "a layer of Keras")
        return value

    def initialize(self, module: Instance, args: list[Any], kwargs: dict[str, Any]) -> None:
        """The constructor of Keras' class that an object is of, or extends."""
        kind = module.kind
        if isinstance(kwargs.get("name"), str):
            module.fields["_name"] = kwargs["name"]
        if kwargs.get("trainable") is False:
            module.fields["trainable"] = False
        if kind == "Sequential":
            for one in known.items_of(args[0] if args else kwargs.get("layers") or []):
                if isinstance(one, Tensor):
                    module.fields["inputs"] = [one]
                    continue
                module.children[str(len(module.children))] = self._layer(one)
            return
        if kind in MODELS:
            inputs = kwargs.get("inputs", args[0] if args else None)
            outputs = kwargs.get("outputs", args[1] if len(args) > 1 else None)
            if inputs is not None and outputs is not None:
                module.fields["inputs"] = self._tensors(inputs)
                module.fields["outputs"] = outputs
                module.fields["tape"] = len(self.tape)
            return
        kwargs = {k: v for k, v in kwargs.items() if not _harmless(k, v)}
        module.call = (args, kwargs)
        module.layer = stages_of("layers", kind, args, kwargs, self.hints)

    def _tensors(self, value: Any) -> list[Any]:
        if isinstance(value, dict):
            return list(value.values())
        found = list(value) if isinstance(value, (list, tuple)) and not isinstance(value, Tensor) else [value]
        if not all(isinstance(one, Tensor) for one in found):
            raise NotKnown("a model is made of tensors", "keras.Model(inputs, outputs)")
        return [self.now(one) for one in found]

    def now(self, value: Tensor) -> Tensor:
        """A tensor of the network that is made now.

        Raises:
            NotKnown: it is another's.
        """
        if value.round != self.round:
            raise NotKnown("this tensor is no part of the model", "a tensor that its inputs lead to")
        return value

    def name_of(self, module: Instance) -> str:
        """The name of a layer: its own, or that which Keras gives it."""
        name = module.fields.get("_name")
        if name is None:
            base = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", module.name)  # as Keras does it
            base = re.sub(r"([a-z])([A-Z])", r"\1_\2", base).lower()
            number = self.counts.get(base, 0)
            self.counts[base] = number + 1
            name = module.fields["_name"] = f"{base}_{number}" if number else base
        return str(name)

    def forward(self, module: Instance, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What a layer or a model of Keras makes of tensors."""
        kwargs = {k: v for k, v in kwargs.items() if k not in ("training", "mask")}
        if kwargs or len(args) != 1:
            if args and all(isinstance(v, Tensor) for v in (*args, *kwargs.values())):
                args = [[*args, *kwargs.values()]]
            else:
                raise NotKnown(f"{module.name} is called on one tensor, or a list of them")
        if module.fields.get("outputs") is not None:
            result = self._again(module, self._tensors(args[0]))
        elif module.kind == "Sequential":
            result = self._in_order(module, args[0])
        elif module.layer is None:
            raise NotKnown(f"{module.name} has no call", "a def call(self, inputs) in the class")
        else:
            result = self._run(module, self._tensors(args[0]))
        self.tape.append(Made(module, (args[0],), result))
        return result

    def _in_order(self, model: Instance, value: Any) -> Any:
        before, tape = self.prefix, len(self.tape)
        self.prefix = [*before, self.name_of(model)]
        for child in model.children.values():
            if child.kind in ("InputLayer", "Input"):
                continue
            value = self.machine.run_module(child, [value], {})
        self.prefix = before
        del self.tape[tape:]
        return value

    def _again(self, model: Instance, values: list[Any]) -> Any:
        """A model of inputs and outputs on other tensors: its layers once more, with the same weights."""
        inputs = model.fields["inputs"]
        if len(values) != len(inputs):
            raise NotKnown(f"{model.name} takes {len(inputs)} tensors, got {len(values)}")
        map_ = dict(zip(inputs, values, strict=True))
        wanted = self._needed(model)
        before, tape = self.prefix, len(self.tape)
        self.prefix = (
            [*before, self.name_of(model)] if before or self.machine.modules[:-1] or not self.running else []
        )
        for made in [one for i, one in enumerate(self.tape[: model.fields["tape"]]) if i in wanted]:
            spend(10)
            given = [_replaced(arg, map_) for arg in made.args]
            if isinstance(made.what, Instance):
                result = self.machine.run_module(made.what, given, {})
            else:
                result = made.what(*given)
            map_.update(zip(flat(made.result), flat(result), strict=True))
        self.prefix = before
        del self.tape[tape:]
        outputs = _replaced(model.fields["outputs"], map_)
        for one in flat(outputs):
            self.now(one)
        return outputs

    def _needed(self, model: Instance) -> frozenset[int]:
        """The calls that lead from the inputs of a model to its outputs."""
        wanted = set(flat(model.fields["outputs"])) - set(model.fields["inputs"])
        found = set()
        for i in range(model.fields["tape"] - 1, -1, -1):
            made = self.tape[i]
            results = set(flat(made.result))
            if results & wanted:
                found.add(i)
                wanted |= set(flat(made.args)) - set(model.fields["inputs"])
        return frozenset(found)

    def _run(self, module: Instance, values: list[Tensor]) -> Tensor:
        path = ".".join([*self.prefix, self.name_of(module)])
        edges: Any = [self.now(value).edge for value in values]
        for number, stage in enumerate(module.layer):
            if stage.name == "input":
                continue
            shapes = tuple(self.network.shape(edge) for edge in edges)
            weights = {}
            if len(shapes) == 1:
                frozen = stage.frozen is not None or module.fields.get("trainable") is False
                owner = path if number == self._first(module) else f"{path}.{stage.name}"
                weights = {
                    name: Stored(f"{self._owner(module)}.{number}.{name}", tuple(shape), "float32", nothing,
                                 learned=learned, frozen=frozen)
                    for name, (shape, learned) in (arrays_of(stage, shapes[0]) or {}).items()
                }  # fmt: skip
            else:
                owner = path
            try:
                edges = self.network.stage(stage, edges, owner, weights)[:1]
            except SpecError as error:
                raise plain(error) from None
        return self.tensor(edges[0])

    @staticmethod
    def _first(module: Instance) -> int:
        return next((i for i, stage in enumerate(module.layer) if stage.name != "input"), 0)

    def _owner(self, module: Instance) -> str:
        return f"{self.name_of(module)}#{id(module)}"

    # Operators and functions

    def _do(self, what: Any, *args: Any) -> Any:
        """Do something to tensors, and remember it."""
        result = what(*args)
        self.tape.append(Made(what, args, result))
        return result

    def _classed(self, name: str, args: Any, path: str, **options: Any) -> Any:
        """A layer of Keras that a function or an operator stands for."""
        stages = stages_of("layers", name, [], options, self.hints)

        def run(values: Any) -> Tensor:
            edges: Any = [one.edge for one in self._tensors(values)]
            for stage in stages:
                try:
                    edges = self.network.stage(stage, edges, ".".join([*self.prefix, path]))[:1]
                except SpecError as error:
                    raise plain(error) from None
            return self.tensor(edges[0])

        return self._do(run, args)

    def _added(self, op: str, path: str, tensor: Tensor, /, **options: Any) -> Any:
        def run(x: Tensor) -> Tensor:
            return self.tensor(
                self.network.add(op, [self.now(x).edge], options, ".".join([*self.prefix, path]))[0]
            )

        return self._do(run, tensor)

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        """An operator on tensors and numbers."""
        name = _OPERATORS.get(type(op))
        if name is None:
            raise NotKnown(f"{known.sign(op)} of tensors is not read", "+ - * / **")
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            layer = {"add": "Add", "sub": "Subtract", "mul": "Multiply"}.get(name)
            if layer is None:
                raise NotKnown(f"{known.sign(op)} of two tensors is not read here", "+ - *")
            return self._classed(layer, [a, b], name)
        number, tensor = (b, a) if isinstance(a, Tensor) else (a, b)
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise NotKnown(f"{name} of a tensor and {described(number)}", "a tensor or a number")
        reverse = {"reverse": True} if number is a and name in ("sub", "div", "pow") else {}
        return self._added(name, name, tensor, value=number, **reverse)

    def unary(self, op: ast.unaryop, value: Any) -> Any:
        """``-x`` of a tensor."""
        return self._added("neg", "neg", value)

    def subscript(self, value: Any, index: Any) -> Any:
        """A part of a tensor: numbers and slices."""
        parts = list(index) if isinstance(index, tuple) else [index]
        rank = len(self.sizes(value))
        if any(part is ... for part in parts):
            at = next(i for i, part in enumerate(parts) if part is ...)
            parts[at : at + 1] = [slice(None)] * (rank - len(parts) + 1)
        if not parts or parts[0] != slice(None) or len(parts) > rank:
            raise NotKnown("a part of the samples is not read", "x[:, ...]")
        kept = [slice(None), *parts[1:], *[slice(None)] * (rank - len(parts))]
        for axis in range(rank - 1, 0, -1):
            part = kept[axis]
            size = self.sizes(value)[axis]
            own = self._axis(axis, rank)
            if type(part) is int and rank > 2 and (self.first or axis == rank - 2 or rank == 3):
                bounds = (part % size, part % size + 1, 1)
            elif isinstance(part, slice) and all(
                b is None or type(b) is int for b in (part.start, part.stop, part.step)
            ):
                bounds = part.indices(size)
            else:
                raise NotKnown(f"{described(part)} as an index of a tensor", "slices")
            if bounds != (0, size, 1):
                value = self._added(
                    "slice", "slice", value, start=bounds[0], stop=bounds[1], step=bounds[2], axis=own
                )
            if type(part) is int:
                shape = self.network.shape(value.edge)
                value = self._added("reshape", "reshape", value, shape=(*shape[:own], *shape[own + 1 :]))
                rank -= 1
        return value

    def enters(self, module: Instance, args: list[Any]) -> None:
        """Remember what a model of the program's own is called on."""
        if args and all(isinstance(a, Instance) and a.kind == "zeros" for a in args):
            self.seen[id(module)] = [self.own(a.fields["shape"][1:]) for a in args]
            raise NotKnown("a network that is run while it is built is not read")

    def call(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A call of a function or class of a library."""
        name = _CANONICAL.sub("keras", name)
        last = name.rpartition(".")[2]
        if name.startswith(_IDLE):
            return last
        if last == "partial" and args:
            function, *rest = args
            return Native(
                "partial", lambda *a, **k: self.machine.call(function, [*rest, *a], {**kwargs, **k})
            )
        if (
            last in ("zeros", "ones", "normal", "uniform", "rand", "randn", "random")
            and args
            and not self.running
        ):
            made = Instance(None, "", self.machine.place or ast.Pass())
            made.library, made.fields["shape"] = (
                "zeros",
                args[0] if isinstance(args[0], (tuple, list)) else tuple(args),
            )
            return made
        if last in ("Input", "InputLayer") and not any(isinstance(a, Tensor) for a in args):
            return self._input(last, args, kwargs)
        if last in MODELS:
            module = Instance(None, f"keras.{last}", self.machine.place or ast.Pass())
            self.initialize(module, args, kwargs)
            return module
        if name.startswith("keras.applications"):
            raise NotKnown(
                f"{last} is code of another package, which is not run",
                "the file that model.save('model.keras') writes",
            )
        if last in CLASSES or last in UNMODELLED or last in ALIASES:
            module = Instance(None, f"keras.layers.{last}", self.machine.place or ast.Pass())
            self.initialize(module, args, kwargs)
            return module
        tensors = [v for v in args if isinstance(v, (Tensor, list, tuple))]
        if last in _JOINS and tensors:
            given = args[0] if not isinstance(args[0], Tensor) else [v for v in args if isinstance(v, Tensor)]
            options = {"axis": kwargs.get("axis", args[1] if len(args) > 1 and type(args[1]) is int else -1)}
            return self._classed(
                _JOINS[last], list(given), last, **(options if _JOINS[last] == "Concatenate" else {})
            )
        if args and isinstance(args[0], Tensor):
            return self._function(name, last, args, kwargs)
        raise NotKnown(f"{name} is not known here", "layers of Keras, + - *, tf.concat, tf.nn.relu")

    def _function(self, name: str, last: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        value = args[0]
        if last in _FUNCTIONS and len(args) == 1 and not kwargs:
            options: dict[str, Any] = {"negative_slope": 0.2} if last == "leaky_relu" else {}
            return self._classed(_FUNCTIONS[last], value, last, **options)
        if last in _ACTIVATIONS and len(args) == 1 and not kwargs:
            return self._classed("Activation", value, last, activation=last)
        if last == "shape" and len(args) == 1:
            return self.sizes(value)
        if last in ("identity", "stop_gradient", "cast", "convert_to_tensor"):
            return value
        if last in ("reduce_mean", "mean", "reduce_sum", "sum", "reduce_max", "max"):
            axes = kwargs.get("axis", args[1] if len(args) > 1 else None)
            keep = bool(kwargs.get("keepdims", args[2] if len(args) > 2 else False))
            rank = len(self.sizes(value))
            if axes is None:
                raise NotKnown(f"{last} over all, samples too, is not read", "axis=[1, 2]")
            listed = sorted(
                {self._axis(a, rank) for a in (axes if isinstance(axes, (list, tuple)) else (axes,))}
            )
            op = {"m": "mean", "s": "sum", "a": "max"}[last.removeprefix("reduce_")[0]]
            op = "max" if last.endswith("max") else op
            return self._added(op, last, value, axis=tuple(listed), keep=keep)
        if last in ("reshape", "flatten") and len(args) > 1:
            sizes = list(args[1])
            if sizes and (sizes[0] in (None, -1)):
                return self._classed("Reshape", value, last, target_shape=sizes[1:])
        raise NotKnown(f"{name} is not known here", "layers of Keras, + - *, tf.concat, tf.nn.relu")

    def _input(self, last: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        shape = kwargs.get("shape", args[0] if args else None)
        for key in ("batch_shape", "input_shape"):
            if key in kwargs:
                shape = kwargs[key][1:] if key == "batch_shape" else kwargs[key]
        if isinstance(shape, int):
            shape = (shape,)
        if not isinstance(shape, (tuple, list)):
            raise NotKnown("an input has a shape", "keras.Input(shape=(224, 224, 3))")
        name = kwargs.get("name")
        if not isinstance(name, str):
            number = self.counts.get("input", 0)
            self.counts["input"] = number + 1
            name = f"input_{number}" if number else "input"
        return self.enter(name, self.given_shape(name, shape))

    def given_shape(self, name: str, shape: Any) -> tuple[Any, ...]:
        """The shape of an input: that of the program, or one from outside."""
        return self.outside.get(name) or self.own(shape)


_PASSIVE: Final = frozenset(
    [
        "compile",
        "fit",
        "summary",
        "evaluate",
        "predict",
        "save",
        "load_weights",
        "save_weights",
        "get_weights",
        "set_weights",
        "plot",
        "to_json",
        "add_loss",
        "add_metric",
        "build_from_config",
        "get_config",
        "fit_generator",
        "train_on_batch",
        "reset_states",
    ]
)
_HARMLESS: Final = ("_initializer", "_regularizer", "_constraint")


def _harmless(key: str, value: Any) -> bool:
    """Whether an argument of a layer changes no number, whatever it is."""
    return key.endswith(_HARMLESS) or key in ("name", "dtype" if value is None else "name", "seed")


def _replaced(value: Any, by: dict[Any, Any]) -> Any:
    if isinstance(value, Tensor):
        return by.get(value, value)
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(one, by) for one in value)
    if isinstance(value, dict):
        return {key: _replaced(one, by) for key, one in value.items()}
    return value


def flat(value: Any) -> list[Any]:
    """The tensors in a value, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [one for part in value for one in flat(part)]
    return []
