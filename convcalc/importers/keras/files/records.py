"""A configuration of Keras as records: models, their layers, and the calls of each.

What Keras writes is a tree of JSON. Nothing in it is trusted: every value is checked where it is used, and
what is not as it should be is one message that names the layer and the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from convcalc.spec.errors import Problem, SpecError

MAX_TEXT: Final = 16_000_000
"""Longest configuration, in characters."""
MAX_VALUES: Final = 1_500_000
"""Most values in a configuration."""
MAX_DEPTH: Final = 24
"""Deepest nesting of models."""
MAX_LAYERS: Final = 20_000
"""Most layers of all models."""
_STRUCTURE: Final = 60
"""Deepest nesting of the arguments of a call."""


class Reference(NamedTuple):
    """A tensor as a configuration names it: the layer, which of its calls, which output of that.

    Attributes:
        shape: its sizes with the batch, as far as the configuration states them.
    """

    layer: str
    call: int
    output: int
    shape: tuple[int | None, ...] | None = None


class Call(NamedTuple):
    """One call of a layer: arguments in which a :class:`Reference` stands for each tensor."""

    args: list[Any]
    kwargs: dict[str, Any]


class Record:
    """One layer of a configuration.

    Attributes:
        name: of the layer in its model.
        kind: its class.
        module: where Keras finds the class, empty where it does not say.
        registered: the name under which a class that is not Keras' own is registered.
        config: its arguments.
        calls: each time it is called.
        model: what it holds, where it is a model.
        build: what Keras says of the shapes it was built for.
    """

    __slots__ = ("build", "calls", "config", "kind", "model", "module", "name", "registered")

    def __init__(self, name: str, kind: str, module: str, registered: str, config: dict[str, Any]) -> None:
        self.name = name
        self.kind = kind
        self.module = module
        self.registered = registered
        self.config = config
        self.calls: list[Call] = []
        self.model: Model | None = None
        self.build: dict[str, Any] = {}

    @property
    def operation(self) -> bool:
        """Whether it is a function of ``keras.ops``, which is no layer."""
        return self.module.startswith(("keras.src.ops", "keras.ops")) or self.kind in _LEGACY

    @property
    def own(self) -> bool:
        """Whether its class is one of Keras itself."""
        return self.module in _MODULES or self.module.startswith(("keras.src.", "keras.api."))


_MODULES: Final = frozenset(("", "keras", "keras.layers", "keras.models", "tf_keras", "tf_keras.layers"))
_LEGACY: Final = frozenset(("TFOpLambda", "SlicingOpLambda"))


class Model(NamedTuple):
    """A model: its layers in order, and which tensors it reads and writes.

    Attributes:
        sequential: whether its layers run one after the other, so that none of them says what it reads.
        trainable: whether anything in it is trained.
        inputs: the structure of what it reads.
        outputs: the structure of what it writes.
    """

    name: str
    layers: list[Record]
    sequential: bool
    trainable: bool
    inputs: Any
    outputs: Any
    build: tuple[int | None, ...] | None


class Reader:
    """Reads configurations from one place, which its messages name.

    Args:
        file: the place.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.count = 0

    def fault(self, message: str, where: str = "", expected: str | None = None) -> SpecError:
        """What is wrong, and in which layer."""
        at = f"layer {shown(where)}: " if where else ""
        return SpecError(Problem(f"{at}{message}", file=self.file, expected=expected))

    def parse(self, text: str) -> Any:
        """The tree of a text of JSON.

        Raises:
            SpecError: it is too long, too deep, or no JSON.
        """
        if len(text) > MAX_TEXT:
            raise self.fault(f"a configuration longer than {MAX_TEXT:,} characters")
        if sum(map(text.count, ",[{")) > MAX_VALUES:
            raise self.fault(f"a configuration of more than {MAX_VALUES:,} values")
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            near = shown(text[max(0, error.pos - 20) : error.pos + 20])
            message = f"no JSON: {error.msg[0].lower()}{error.msg[1:]}, near {near}"
            raise SpecError(Problem(message, file=self.file, line=error.lineno, column=error.colno)) from None
        except RecursionError:
            raise self.fault("a configuration nested too deeply to be one of Keras") from None
        except ValueError as error:  # a number of thousands of digits
            raise self.fault(f"no configuration of Keras: {str(error)[:100]}") from None

    def model(self, tree: Any, name: str = "model") -> tuple[Record, Model]:
        """The model of a tree: that of ``to_json``, of ``get_config``, or the record of a layer.

        Raises:
            SpecError: it is none.
        """
        if not isinstance(tree, dict):
            raise self.fault("no configuration of a Keras model", expected="what model.to_json() gives")
        if "layers" in tree and "config" not in tree:  # get_config()
            kind = "Functional" if "input_layers" in tree else "Sequential"
            tree = {"class_name": kind, "config": tree}
        if isinstance(tree.get("config"), list):  # a Sequential of Keras 1
            tree = {**tree, "config": {"layers": tree["config"]}}
        record = self.record(tree, name, 0)
        if record.model is None:
            kind = shown(record.kind)
            raise self.fault(
                f"{kind} is no Sequential or functional model: its configuration names no layers",
                expected="a model whose layers Keras writes down, or the layers of this one",
            )
        return record, record.model

    def record(self, tree: Any, name: str, depth: int) -> Record:
        """The record of a layer or a model."""
        if not isinstance(tree, dict):
            raise self.fault(f"a layer is {_kind(tree)}", name, "class_name and config")
        kind = self.text(tree, "class_name", name)
        config = tree.get("config")
        if config is None:
            config = {}
        if not isinstance(config, dict):
            raise self.fault(f"config is {_kind(config)}", name, "an object")
        own = tree.get("name", config.get("name", ""))
        if not isinstance(own, str):
            raise self.fault(f"name is {_kind(own)}", name, "a text")
        own = own or name
        module, registered = (tree.get(key) or "" for key in ("module", "registered_name"))
        if not isinstance(module, str) or not isinstance(registered, str):
            raise self.fault("module and registered_name are texts", own)
        record = Record(own, kind.rpartition(">")[2], module, registered, config)
        build = tree.get("build_config")
        record.build = build if isinstance(build, dict) else {}
        self.count += 1
        if self.count > MAX_LAYERS:
            raise self.fault(f"more than {MAX_LAYERS:,} layers")
        if "layers" in config and isinstance(config["layers"], list):
            if depth >= MAX_DEPTH:
                raise self.fault(f"models nested deeper than {MAX_DEPTH}", own)
            record.model = self._model(record, depth + 1)
        nodes = tree.get("inbound_nodes") or []
        if not isinstance(nodes, list):
            raise self.fault(f"inbound_nodes is {_kind(nodes)}", own, "a list")
        record.calls = [self.call(node, own) for node in nodes]
        return record

    def text(self, tree: dict[str, Any], key: str, where: str) -> str:
        """A text that must be there."""
        value = tree.get(key)
        if not isinstance(value, str) or not value:
            raise self.fault(f"{key} is {_kind(value)}", where, "a text")
        return value

    def _model(self, record: Record, depth: int) -> Model:
        config = record.config
        layers = [
            self.record(tree, f"{record.name}/{number}", depth)
            for number, tree in enumerate(config["layers"])
        ]
        names: set[str] = set()
        for layer in layers:
            if layer.name in names:
                raise self.fault(f"{shown(record.name)} has two layers of this name", layer.name)
            names.add(layer.name)
        trainable = config.get("trainable", True)
        if trainable is None:
            trainable = True
        if not isinstance(trainable, bool):
            raise self.fault(f"trainable is {_kind(trainable)}", record.name, "true or false")
        if "input_layers" not in config:
            build = sizes(config.get("build_input_shape")) or sizes(record.build.get("input_shape"))
            return Model(record.name, layers, True, trainable, None, None, build)
        entering = self.structure(config.get("input_layers"), record.name, "input_layers")
        leaving = self.structure(config.get("output_layers"), record.name, "output_layers")
        return Model(record.name, layers, False, trainable, entering, leaving, None)

    def structure(self, value: Any, where: str, key: str, depth: int = 0) -> Any:
        """Inputs or outputs of a model: a reference, or lists and dicts of them."""
        found = reference(value)
        if found is not None:
            return found
        if depth < _STRUCTURE:
            if isinstance(value, list):
                return [self.structure(part, where, key, depth + 1) for part in value]
            if isinstance(value, dict):
                return {name: self.structure(part, where, key, depth + 1) for name, part in value.items()}
        raise self.fault(f"{key} is {_kind(value)}", where, "[layer, call, output], or several of them")

    def call(self, node: Any, where: str) -> Call:
        """One call of a layer, as Keras 3 or Keras 2 writes it."""
        if isinstance(node, dict):
            args, kwargs = node.get("args", []), node.get("kwargs") or {}
            if not isinstance(args, list) or not isinstance(kwargs, dict):
                raise self.fault("a node of inbound_nodes has no args or kwargs", where)
            return Call(
                [self.argument(value, where) for value in args],
                {key: self.argument(value, where) for key, value in kwargs.items()},
            )
        if not isinstance(node, list):
            raise self.fault(f"a node of inbound_nodes is {_kind(node)}", where, "args and kwargs")
        if reference(node) is not None:  # a call that reads one tensor, in some files
            node = [node]
        read: list[Any] = []
        kwargs = {}
        for item in node:
            found = reference(item)
            if found is None:
                raise self.fault("a node of inbound_nodes names no tensor", where, "[layer, call, output]")
            read.append(found)
            if len(item) > 3 and isinstance(item[3], dict):
                kwargs.update({key: self.legacy(value, where) for key, value in item[3].items()})
        return Call([read[0] if len(read) == 1 else read], kwargs)

    def legacy(self, value: Any, where: str) -> Any:
        """An argument in Keras 2's form, where a list names a tensor."""
        found = reference(value)
        return found if found is not None and not isinstance(value, dict) else self.argument(value, where)

    def argument(self, value: Any, where: str, depth: int = 0) -> Any:
        """An argument of a call, with a :class:`Reference` for each tensor in it."""
        if depth > _STRUCTURE:
            raise self.fault("the arguments of a call are nested too deeply", where)
        if isinstance(value, list):
            return [self.argument(part, where, depth + 1) for part in value]
        if not isinstance(value, dict):
            return value
        if value.get("class_name") != "__keras_tensor__":
            return {key: self.argument(part, where, depth + 1) for key, part in value.items()}
        config = value.get("config")
        found = reference(config.get("keras_history")) if isinstance(config, dict) else None
        if found is None or not isinstance(config, dict):
            raise self.fault("a tensor has no keras_history", where, "[layer, call, output]")
        return found._replace(shape=sizes(config.get("shape")))


def reference(value: Any) -> Reference | None:
    """``[layer, call, output]``, or None."""
    if not isinstance(value, list) or not 3 <= len(value) <= 4 or not isinstance(value[0], str):
        return None
    if any(type(number) is not int or not 0 <= number < 1 << 31 for number in value[1:3]):
        return None
    return Reference(value[0], value[1], value[2])


def sizes(value: Any) -> tuple[int | None, ...] | None:
    """Sizes with the batch, of which some are unknown; None where it is no list of such."""
    if isinstance(value, dict) and value.get("class_name") in ("__tuple__", "TensorShape"):
        value = value.get("items")
    if not isinstance(value, list) or not 0 < len(value) <= 64:
        return None
    if any(not (one is None or (type(one) is int and 0 < one < 1 << 62)) for one in value):
        return None
    return tuple(value)


def references(structure: Any) -> Iterator[Reference]:
    """The tensors of a structure in the order in which Keras lays it flat: of dicts, by their keys."""
    if isinstance(structure, Reference):
        yield structure
    elif isinstance(structure, list):
        for part in structure:
            yield from references(part)
    elif isinstance(structure, dict):
        for key in sorted(structure):
            yield from references(structure[key])


def shown(name: str) -> str:
    """A name from a file as a message quotes it."""
    name = name if len(name) <= 80 else name[:77] + "..."
    return repr(name)


def _kind(value: Any) -> str:
    words = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return "missing" if value is None else words[type(value)]
