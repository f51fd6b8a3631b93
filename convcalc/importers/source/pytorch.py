"""What PyTorch does for a program that is read: its modules, functions and methods of tensors."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, Final

from convcalc.budget import spend
from convcalc.importers.network import Stored
from convcalc.importers.pytorch import table
from convcalc.importers.source import known
from convcalc.importers.source.calls import arrays_of, stages_of
from convcalc.importers.source.functions import FUNCTIONS, IDENTITIES, bound
from convcalc.importers.source.known import NotKnown, described
from convcalc.importers.source.machine import Library, Machine
from convcalc.importers.source.tensors import Tensors
from convcalc.importers.source.values import (
    CONTAINERS,
    Array,
    Class,
    Instance,
    Name,
    Native,
    Parameter,
)

_NAMES: Final = {
    "torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional", "np": "numpy", "numpy": "numpy",
    "math": "math", "Tensor": "torch.Tensor", "partial": "functools.partial", "os": "os", "sys": "sys",
    "OrderedDict": "collections.OrderedDict", "copy": "copy", "torchvision": "torchvision", "plt": "plt",
    "Optional": "typing.Optional", "List": "typing.List", "Tuple": "typing.Tuple", "Union": "typing.Union",
    "Callable": "typing.Callable", "Any": "typing.Any", "Dict": "typing.Dict", "Type": "typing.Type",
    "optim": "torch.optim", "object": "object", "Parameter": "torch.nn.Parameter", "itertools": "itertools",
    "ValueError": "ValueError", "NotImplementedError": "NotImplementedError", "Exception": "Exception",
    "TypeError": "TypeError", "RuntimeError": "RuntimeError", "AssertionError": "AssertionError",
    "functional": "torch.nn.functional", "init": "torch.nn.init", "functools": "functools",
    "Variable": "torch.autograd.Variable", "Module": "torch.nn.Module", "Sequential": "torch.nn.Sequential",
    "ModuleList": "torch.nn.ModuleList", "summary": "torchinfo.summary",
}  # fmt: skip
"""What names mean where a program has no import for them."""
_HOLDERS: Final = CONTAINERS | {"Module"}
_IDLE: Final = (
    "torch.nn.init.", "torch.manual_seed", "torch.cuda.manual", "torch.backends", "torch.set_", "warnings.",
    "logging.", "torch.cuda.empty", "torchinfo.", "torchsummary.", "print", "torch.device", "os.environ",
    "torch.optim.", "torch.random", "random.seed", "numpy.random.seed", "torch._assert",
)  # fmt: skip
"""Functions whose call changes no network."""
_HANDED: Final = frozenset({
    "torch.jit.script", "torch.compile", "torch.autograd.Variable", "torch.nn.DataParallel",
    "torch.jit.script_if_tracing",
})  # fmt: skip
"""Functions that hand on what they are given."""
_CREATED: Final = frozenset({
    "zeros_like", "ones_like", "empty_like", "randn_like", "rand_like", "zeros", "ones", "empty", "rand",
    "randn", "full", "tensor", "arange", "linspace", "eye",
})  # fmt: skip
_REARRANGED: Final = frozenset({"weight_norm", "spectral_norm", "remove_weight_norm"})


_COMPARED: Final = {
    ast.Lt: "lt", ast.Gt: "gt", ast.LtE: "le", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
COMPARISONS: Final = frozenset((*_COMPARED.values(), "logical_not", "bitwise_not"))
"""Functions that make masks."""


class PyTorch(Library):
    """PyTorch's part of a program.

    Args:
        tensors: makes the layers.
        prelude: source text of modules that PyTorch builds of others.
    """

    def __init__(self, tensors: Tensors, prelude: Callable[[str], Class | None]) -> None:
        self.tensors = tensors
        self.prelude = prelude
        self.machine: Machine
        self.seen: dict[int | None, list[tuple[Any, ...]]] = {}

    # Names

    def resolve(self, name: str) -> Any:
        """What a name means that the program does not define."""
        if name in _NAMES:
            return Name(_NAMES[name])
        if name in table.ROWS or name in table.NOT_MODELLED:
            return Name(f"torch.nn.{name}")
        raise KeyError(name)

    def owns(self, value: Any) -> bool:
        """Whether a value is a tensor."""
        return self.tensors.owns(value) or isinstance(value, Parameter)

    def is_instance(self, value: Any, name: str) -> bool:
        """Whether a module is of one of PyTorch's classes, or a value a tensor."""
        last = name.rpartition(".")[2]
        if self.owns(value):
            return last == "Tensor" or (
                last == "Parameter" and isinstance(value, Parameter) and value.learned
            )
        if not isinstance(value, Instance) or not value.module:
            return False
        kind = value.kind
        if last in ("Module", kind):
            return True
        bases = {
            "_BatchNorm": "BatchNorm",
            "_ConvNd": "Conv",
            "_NormBase": "Norm",
            "_InstanceNorm": "InstanceNorm",
        }
        return last in bases and bases[last] in kind

    # Attributes

    def attribute(self, value: Any, name: str) -> Any:
        """An attribute of a tensor, of a module or of one of its arrays."""
        if isinstance(value, Instance) and value.module:
            return self._of_module(value, name)
        if isinstance(value, Array):
            return self._of_array(value, name)
        if isinstance(value, tuple) and len(value) == 2 and name in ("values", "indices"):
            return value[name == "indices"]
        if self.owns(value):
            return self._of_tensor(value, name)
        raise KeyError(name)

    def _of_array(self, value: Array, name: str) -> Any:
        if name in ("data", "T", "grad"):
            return value
        if name == "shape":
            return value.shape
        if name in ("size", "dim", "numel"):
            sizes = value.shape
            found: dict[str, Callable[..., Any]] = {
                "size": lambda at=None: sizes if at is None else sizes[at],
                "dim": lambda: len(sizes),
                "numel": lambda: known.BUILTINS["len"](range(int(known.mathematics("prod").run(sizes)))),
            }
            return Native(name, found[name])  # fmt: skip
        if name == "requires_grad":
            return value.name not in value.of.frozen
        if name == "requires_grad_":
            return Native(name, lambda flag=True: self.set(value, "requires_grad", flag))
        return Native(
            name, lambda *args, **kwargs: value
        )  # normal_, fill_: they change what training starts from

    def _of_module(self, value: Instance, name: str) -> Any:
        method = getattr(self, f"_module_{name}", None)
        if method is not None:
            return Native(name, lambda *args, **kwargs: method(value, *args, **kwargs))
        if name == "training":
            return False
        if name == "_modules":
            return value.children
        if value.kind in CONTAINERS:
            many = self._of_container(value, name)
            if many is not None:
                return Native(name, many)
        if value.call is not None:
            arrays = self.arrays(value)
            if arrays is not None and name in arrays:
                return Array(value, name, arrays[name][0])
            if name in ("weight", "bias"):
                return None
            option = self._option(value, name)
            if option is not None:
                return option[0]
        raise KeyError(name)

    def _option(self, value: Instance, name: str) -> tuple[Any] | None:
        """An argument that a layer of PyTorch was built with, or its default."""
        row = table.ROWS.get(value.kind)
        assert value.call is not None
        args, kwargs = value.call
        if row is None:
            return None
        order = [a.name for a in row.arguments if not a.keyword]
        if name in kwargs:
            return (kwargs[name],)
        if name in order and order.index(name) < len(args):
            return (args[order.index(name)],)
        return None

    def _of_container(self, value: Instance, name: str) -> Callable[..., Any] | None:
        def held() -> dict[str, Any]:
            return {**value.children, **value.parameters}

        def append(module: Any) -> Instance:
            self._hold(value, str(len(held())), module)
            return value

        def extend(modules: Any) -> Instance:
            for module in known.items_of(modules):
                append(module)
            return value

        def insert(at: Any, module: Any) -> None:
            items = list(held().values())
            items.insert(at, module)
            value.children.clear()
            for i, item in enumerate(items):
                self._hold(value, str(i), item)

        def pop(key: Any = -1) -> Any:
            names = list(value.children)
            return value.children.pop(names[key] if type(key) is int else key)

        def update(modules: Any) -> None:
            pairs = modules.items() if isinstance(modules, dict) else modules
            for key, module in pairs:
                self._hold(value, key, module)

        found: dict[str, Callable[..., Any]] = {
            "append": append, "extend": extend, "insert": insert, "pop": pop, "update": update,
            "keys": lambda: list(held()), "values": lambda: list(held().values()),
            "items": lambda: list(held().items()),
        }  # fmt: skip
        return found.get(name)

    # Methods of every module

    def _module_children(self, value: Instance) -> list[Any]:
        return [child for child in value.children.values() if child is not None]

    def _module_named_children(self, value: Instance) -> list[Any]:
        return [(name, child) for name, child in value.children.items() if child is not None]

    def _module_modules(self, value: Instance) -> list[Any]:
        return [module for _, module in value.walk()]

    def _module_named_modules(self, value: Instance, *more: Any) -> list[Any]:
        return list(value.walk())

    def _module_parameters(self, value: Instance, recurse: Any = True) -> list[Any]:
        return [array for _, array in self._module_named_parameters(value)]

    def _module_named_parameters(self, value: Instance, *more: Any) -> list[Any]:
        found: list[Any] = []
        for path, module in value.walk():
            prefix = f"{path}." if path else ""
            for name, one in module.parameters.items():
                if isinstance(one, Parameter) and one.learned:
                    found.append((prefix + name, one))
            for name, (shape, learned) in (self.arrays(module) or {}).items():
                if learned and name not in module.lent:
                    found.append((prefix + name, Array(module, name, shape)))
        return found

    def _module_apply(self, value: Instance, function: Any) -> Instance:
        for module in reversed(self._module_modules(value)):
            self.machine.call(function, [module], {})
        return value

    def _module_register_buffer(
        self, value: Instance, name: Any, tensor: Any, persistent: Any = True
    ) -> None:
        if tensor is None:
            value.fields[name] = None
            return
        value.parameters[name] = self._buffer(tensor, persistent)

    def _module_register_parameter(self, value: Instance, name: Any, tensor: Any) -> None:
        self.machine.set_attribute(value, name, tensor)

    def _module_add_module(self, value: Instance, name: Any, module: Any) -> None:
        self._hold(value, name, module)

    _module_register_module = _module_add_module

    def _module_requires_grad_(self, value: Instance, flag: Any = True) -> Instance:
        for array in self._module_parameters(value):
            self.set(array, "requires_grad", flag)
        return value

    def _module_get_submodule(self, value: Instance, path: Any) -> Any:
        for name in str(path).split("."):
            value = self.machine.attribute(value, name)
        return value

    def _module_eval(self, value: Instance, *args: Any, **kwargs: Any) -> Instance:
        return value

    _module_train = _module_to = _module_cuda = _module_cpu = _module_float = _module_double = _module_eval
    _module_half = _module_zero_grad = _module_load_state_dict = _module_share_memory = _module_eval
    _module_register_forward_hook = _module_type = _module_compile = _module_eval

    def _module_forward(self, value: Instance, *args: Any, **kwargs: Any) -> Any:
        return self.machine.run_module(value, list(args), kwargs)

    def _module_flatten_parameters(self, value: Instance) -> None:
        return None

    def _module_init_weights(self, value: Instance, *args: Any) -> None:
        return None

    _module_reset_parameters = _module__reset_parameters = _module_init_weights

    def set(self, module: Any, name: str, value: Any) -> bool:
        """Register a module or a parameter; or freeze an array."""
        if isinstance(module, (Array, Parameter)):
            if name == "requires_grad":
                self._freeze(module, not known.truth(value))
            elif name not in ("data", "grad"):
                raise NotKnown(f"the attribute {name} of a tensor is not set here")
            return True
        if not isinstance(module, Instance) or not module.module:
            return False
        if isinstance(value, Instance) and value.module:
            self._hold(module, name, value)
            return True
        if module.layer and name in (self.arrays(module) or {}):
            self._lend(module, name, value)
            return True
        if isinstance(value, Parameter) and (value.learned or value.stored):
            module.parameters[name] = value
            return True
        if isinstance(value, Array) and value.of.call is not None:
            raise NotKnown(
                "a layer's weights as an attribute of their own are not read", "the layer that has them"
            )
        return False

    def _lend(self, module: Instance, name: str, value: Any) -> None:
        """Give a layer an array of another one: ``self.head.weight = self.embedding.weight``."""
        if not isinstance(value, (Array, Parameter)):
            raise NotKnown(
                f"{described(value)} as the {name} of a {module.kind} is not read",
                "an array of another layer; bias=False where there is to be none",
            )
        shape = (self.arrays(module) or {})[name][0]
        if tuple(value.shape) != tuple(shape):
            raise NotKnown(
                f"the {name} of this {module.kind} is {self.tensors.told(shape)}, "
                f"and was given {self.tensors.told(value.shape)}",
                "arrays of one shape",
            )
        module.lent[name] = value

    @staticmethod
    def _freeze(array: Any, frozen: bool) -> None:
        if isinstance(array, Parameter):
            array.frozen = frozen
        elif frozen:
            array.of.frozen.add(array.name)
        else:
            array.of.frozen.discard(array.name)

    @staticmethod
    def _hold(owner: Instance, name: Any, module: Any) -> None:
        if not isinstance(name, str):
            raise NotKnown(f"{described(name)} is no name of a module")
        if module is None or (isinstance(module, Instance) and module.module):
            owner.children[name] = module
        elif isinstance(module, Parameter):
            owner.parameters[name] = module
        else:
            raise NotKnown(f"{described(module)} in a {owner.name}", "a module")

    # Modules

    def write(self, owner: Any, index: Any, value: Any) -> bool:
        """Write items of a constant, such as a table of positions."""
        if not isinstance(owner, Parameter) or owner.learned or isinstance(value, type(None)):
            return isinstance(owner, Parameter)
        if self.tensors.owns(value):
            return False
        self.tensors.write(owner, index, value)
        return True

    def told(self, message: str) -> str:
        """A message with the batch as N."""
        return re.sub(rf"\b{self.tensors.network.batch}\b", "N", message)

    def enters(self, module: Instance, args: list[Any]) -> None:
        """Remember what a program puts into a network: ``model(torch.randn(1, 3, 32, 32))``."""
        if self.tensors.running:
            return
        if args and all(isinstance(arg, Parameter) and len(arg.shape) > 1 for arg in args):
            self.seen[id(module)] = [tuple(arg.shape[1:]) for arg in args]
        raise NotKnown("a network that is run while it is built is not read", "sizes that are written out")

    def _summary(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        """``summary(model, (3, 32, 32))``, or ``input_size=(1, 3, 32, 32)``, which begins with the batch."""
        size = kwargs.get("input_size", args[1] if len(args) > 1 else None)
        if not args or not isinstance(args[0], Instance) or not isinstance(size, tuple):
            return
        if all(isinstance(one, int) for one in size) and size:
            self.seen[id(args[0])] = [size if "input_size" not in kwargs and len(size) < 4 else size[1:]]

    def initialize(self, module: Instance, args: list[Any], kwargs: dict[str, Any]) -> None:
        """The constructor of PyTorch's class that an object is of, or extends."""
        kind = module.kind
        if kind == "Sequential":
            held = args[0] if len(args) == 1 and isinstance(args[0], dict) else None
            for name, one in held.items() if held is not None else ((str(i), a) for i, a in enumerate(args)):
                self._hold(module, name, one)
        elif kind in ("ModuleList", "ParameterList"):
            for i, one in enumerate(known.items_of(args[0]) if args and args[0] is not None else []):
                self._hold(module, str(i), one)
        elif kind in ("ModuleDict", "ParameterDict"):
            given = args[0] if args else {}
            for name, one in given.items() if isinstance(given, dict) else known.items_of(given):
                self._hold(module, name, one)
        elif kind in table.ROWS:
            kwargs = {k: v for k, v in kwargs.items() if k not in ("device", "dtype")}
            module.call = (args, kwargs)
            module.layer = stages_of("nn", kind, args, kwargs)
        elif kind in table.NOT_MODELLED and not kind.endswith("Loss"):
            reason, instead = table.NOT_MODELLED[kind]
            raise NotKnown(f"{kind}: {reason}", instead)

    def arrays(self, module: Instance) -> dict[str, tuple[Any, bool]] | None:
        """The arrays of a layer of PyTorch with their shapes; None where it has to be run to know them."""
        if not module.layer:
            return {}
        found: dict[str, tuple[Any, bool]] = {}
        for stage in module.layer:
            arrays = arrays_of(stage)
            if arrays is None:
                return None
            found.update(arrays)
        return found

    def forward(self, module: Instance, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What a module of PyTorch makes of tensors."""
        kind = module.kind
        if kind == "Sequential":
            if len(args) != 1:
                raise NotKnown(f"Sequential takes one tensor, got {len(args)}")
            for child in module.children.values():
                args = [self.machine.call(child, args, {})]
            return args[0]
        special = getattr(self, f"_forward_{kind}", None)
        if special is not None:
            return special(module, *args, **kwargs)
        if module.layer is None:
            raise NotKnown(f"{module.name} has no forward", "a def forward(self, x) in the class")
        (row,) = (self._row(kind),)
        if row is not None:  # an operator on axes, of which the batch is one
            return row(module, *args, **kwargs)
        if len(args) < 1 or (kwargs.keys() - {"input"} and not args):
            raise NotKnown(f"{module.name} reads a tensor")
        values = [self.tensor(arg) for arg in [*args, *kwargs.values()]]
        if kind.startswith("ConvTranspose") and len(values) > 1:
            raise NotKnown(
                "output_size of a transposed convolution is not read", "output_padding in its constructor"
            )
        return self.run_layer(module, values)

    def run_layer(self, module: Instance, values: list[Any]) -> Any:
        """The stages of a layer on tensors, with its arrays as weights."""
        self._registered(module)
        weights = {
            name: self.stored(module, name, shape, learned)
            for name, (shape, learned) in (self._arrays_for(module, values) or {}).items()
        }
        found = self.tensors.stages(module.layer, values, self.path(module), weights)
        if not isinstance(found, tuple):
            return found
        indices = self._option(module, "return_indices")
        return found if indices and indices[0] is True else found[0]

    def _arrays_for(self, module: Instance, values: list[Any]) -> dict[str, tuple[Any, bool]] | None:
        arrays = self.arrays(module)
        if arrays is None:
            arrays = arrays_of(module.layer[0], self.tensors.shape(values[0]))
        return arrays

    def _registered(self, module: Instance) -> None:
        arrays = self.arrays(module)
        if module.path is None and (arrays is None or any(learned for _, learned in arrays.values())):
            raise NotKnown(
                f"this {module.kind} is no part of the network: PyTorch does not see its weights",
                "it as an attribute of the module, in __init__; a list of layers as nn.ModuleList",
            )

    def stored(self, module: Instance, name: str, shape: Any, learned: bool) -> Stored:
        """An array of a layer, whose values no text says."""
        while isinstance(lent := module.lent.get(name), Array):
            module, name = lent.of, lent.name
        if lent is not None:
            return Stored(
                lent.path, lent.shape, lent.dtype, _nothing, learned=lent.learned, frozen=lent.frozen
            )
        path = module.path if module.path is not None else module.kind
        return Stored(
            f"{path}.{name}" if path else name, tuple(shape), "float32", _nothing, learned=learned,
            frozen=name in module.frozen,
        )  # fmt: skip

    def path(self, module: Instance | None = None, word: str = "") -> str:
        """Where something stands in the network: a module, or a function in the innermost module."""
        inside = next((m.path for m in reversed(self.machine.modules) if m.path is not None), "")
        if module is not None:
            if module.path is not None:
                return module.path or module.kind.lower()
            word = module.kind.lower()
        return f"{inside}.{word}" if inside else word

    def _row(self, kind: str) -> Callable[..., Any] | None:
        functions: dict[str, tuple[str, str, tuple[Any, ...]]] = {
            "Flatten": ("flatten", "start_dim end_dim", (1, -1)),
            "Softmax": ("softmax", "dim", (None,)),
            "LogSoftmax": ("log_softmax", "dim", (None,)),
            "Unflatten": ("unflatten", "dim sizes", ()),
            "GLU": ("glu", "dim", (-1,)),
        }
        if kind not in functions:
            return None
        name, order, defaults = functions[kind]

        def run(module: Instance, x: Any) -> Any:
            assert module.call is not None
            args, kwargs = module.call
            named = {{"unflattened_size": "sizes"}.get(k, k): v for k, v in kwargs.items()}
            given = {
                **dict(zip(order.split(), defaults, strict=False)),
                **dict(zip(order.split(), args, strict=False)),
            }
            return self.function(name, [x], {**given, **named}, module)

        return run

    def _forward_LSTM(self, module: Instance, x: Any, state: Any = None) -> Any:
        return self._recurrence(module, x, state)

    _forward_GRU = _forward_RNN = _forward_LSTM

    def _forward_MaxUnpool1d(self, module: Instance, x: Any, indices: Any, output_size: Any = None) -> Any:
        (stage,) = module.layer
        x, indices = self.tensor(x), self.tensor(indices)
        if output_size is None:
            return self.tensors.stages([stage], [x, indices], self.path(module), {})
        return self.tensors.unpool(stage, x, indices, tuple(output_size)[-stage.rank :], self.path(module))

    _forward_MaxUnpool2d = _forward_MaxUnpool3d = _forward_MaxUnpool1d

    def _recurrence(self, module: Instance, x: Any, state: Any) -> Any:
        for one in state if isinstance(state, (tuple, list)) else (state,):
            if one is not None and not (isinstance(one, Parameter) and one.known == 0):
                raise NotKnown("a first state other than zero is not read", "no state, or torch.zeros(...)")
        self._registered(module)
        first = self._option(module, "batch_first")
        weights = {
            name: self.stored(module, name, shape, learned)
            for name, (shape, learned) in (self.arrays(module) or {}).items()
        }
        found = self.tensors.recurrence(
            module.layer[0], self.tensor(x), bool(first and first[0]), self.path(module), weights
        )
        out, *states = found
        return out, (tuple(states) if module.kind == "LSTM" else states[0])

    # Tensors

    def tensor(self, value: Any) -> Any:
        """A value as a tensor of the network."""
        if self.tensors.owns(value):
            return value
        if isinstance(value, Parameter):
            return self.tensors.parameter(value)
        raise NotKnown(f"{described(value)} where a tensor is read", "a tensor")

    def _of_tensor(self, value: Any, name: str) -> Any:
        if name in ("shape", "ndim", "size", "dim", "numel", "nelement"):
            sizes = self.tensors.sizes(value)
            if name in ("shape", "ndim"):
                return sizes if name == "shape" else len(sizes)
            found: dict[str, Callable[..., Any]] = {
                "size": lambda dim=None: sizes if dim is None else known.subscript(sizes, dim),
                "dim": lambda: len(sizes),
                "numel": lambda: known.mathematics("prod").run(sizes),
                "nelement": lambda: known.mathematics("prod").run(sizes),
            }
            return Native(name, found[name])  # fmt: skip
        if name in ("data", "device", "dtype", "is_cuda", "requires_grad"):
            return value if name == "data" else {"is_cuda": False}.get(name)
        if name in ("T", "mT", "mH"):
            return self.function(
                "t" if name == "T" else "transpose", [value] if name == "T" else [value, -2, -1], {}
            )
        if name == "new_zeros":
            return Native(name, lambda *size, **kw: self._create("zeros", list(size), kw))
        if isinstance(value, Parameter) and name in ("item", "tolist"):
            return Native(name, lambda: _numbers(value))
        if isinstance(value, Parameter) and name.endswith("_") and name not in FUNCTIONS:
            return Native(name, lambda *args, **kwargs: value)
        if isinstance(value, Parameter) and value.learned is False and name in ("fill_", "zero_"):
            return Native(name, lambda entry=0: self.tensors.write(value, ..., entry) or value)
        if name in IDENTITIES:
            return Native(name, lambda *args, **kwargs: value)
        if name in FUNCTIONS:
            return Native(name, lambda *args, **kwargs: self.function(name, [value, *args], kwargs))
        raise KeyError(name)

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        """An operator on tensors and numbers."""
        name = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.MatMult: "matmul",
                ast.Pow: "pow"}.get(type(op))  # fmt: skip
        if name is None:
            raise NotKnown(f"{known.sign(op)} of tensors is not read", "+ - * / @ **")
        if (isinstance(a, Parameter) and isinstance(b, Parameter | int | float)) or (
            isinstance(b, Parameter) and isinstance(a, int | float)
        ):
            return self.tensors.constants(name, a, b)
        return self.tensors.operator(name, a, b, self.path(None, name))

    def unary(self, op: ast.unaryop, value: Any) -> Any:
        """``-x`` of a tensor."""
        if not isinstance(op, ast.USub):
            raise NotKnown("this sign before a tensor is not read", "-x")
        return self.function("neg", [value], {})

    def compare(self, op: ast.cmpop, a: Any, b: Any) -> Any:
        """A comparison of a tensor with a number, element by element."""
        return self.function(_COMPARED[type(op)], [a, b], {})

    def subscript(self, value: Any, index: Any) -> Any:
        """A part of a tensor: slices, numbers, None and the ellipsis."""
        return self.tensors.subscript(value, index, self.path(None, "slice"))

    def items(self, value: Any) -> list[Any]:
        """The parts of a tensor along its first axis."""
        if isinstance(value, Parameter) and isinstance(value.known, list):
            return [Parameter((), False, one) for one in value.known]
        return list(self.function("unbind", [value], {}))

    # Calls

    def call(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A call of a function or class of a library."""
        last = name.rpartition(".")[2]
        if last == "summary":
            return self._summary(args, kwargs)
        if name.startswith(_IDLE) or ".init." in name:
            return args[0] if args and isinstance(args[0], (Array, Parameter)) else None
        if name in _HANDED and args:
            return args[0]
        if last == "partial" and args:
            function, *rest = args
            return Native(
                "partial", lambda *a, **k: self.machine.call(function, [*rest, *a], {**kwargs, **k})
            )
        if last == "OrderedDict":
            return known.BUILTINS["dict"](*args, **kwargs)
        if last == "deepcopy" and args:
            return copied(args[0])
        if name.startswith("torch.cuda."):
            return 0 if "count" in last else False
        if name == "itertools.product" and kwargs.keys() <= {"repeat"}:
            return known.product([known.items_of(one) for one in args], **kwargs)
        if name == "itertools.chain" or name.startswith("itertools.chain."):
            lists = args if last == "chain" else known.items_of(args[0])
            return [item for one in lists for item in known.items_of(one)]
        if last in _REARRANGED or "parametriz" in name:
            raise NotKnown(
                f"{last} gives a layer other parameters, which is not read", "the layer without it"
            )
        made = self.prelude(last) if not self._is_function(name) else None
        if made is not None:
            return self.machine.build(made, args, kwargs)
        if last == "Parameter":
            return self._parameter(*args, **kwargs)
        if last == "Buffer":
            return self._buffer(*args, **kwargs)
        if name.startswith("torchvision.models") or name.startswith("timm."):
            raise NotKnown(
                f"{name} is code of another package, which is not run",
                f"convcalc params {last}, or convcalc.from_torch(module, input)",
            )
        if last in _HOLDERS or last in table.ROWS or last in table.NOT_MODELLED:
            module = Instance(None, f"torch.nn.{last}", self.machine.place or ast.Pass())
            self.initialize(module, args, kwargs)
            return module
        if last in _CREATED or last in ("FloatTensor", "LongTensor", "Tensor"):
            return self._create(last, args, kwargs)
        if last in ("checkpoint",) and args:
            return self.machine.call(args[0], args[1:], {})
        if last in ("is_tensor",):
            return self.owns(args[0])
        if last in FUNCTIONS and name.startswith("torch"):
            return self.function(last, args, kwargs)
        raise NotKnown(f"{name} is not known here", self._meant(last))

    @staticmethod
    def _meant(last: str) -> str:
        from convcalc.spec.errors import nearest_name

        near = nearest_name(last, [*FUNCTIONS, *table.ROWS, *CONTAINERS])
        return (
            f"{near}, or another function or class that is read"
            if near
            else "layers and functions of PyTorch"
        )

    @staticmethod
    def _is_function(name: str) -> bool:
        return name.rpartition(".")[2][:1].islower()

    def _parameter(self, data: Any = None, requires_grad: Any = True) -> Parameter:
        if isinstance(data, Array):
            raise NotKnown("a copy of a layer's weights is not read")
        if not isinstance(data, Parameter):
            raise NotKnown(f"{described(data)} as a parameter", "a tensor, such as torch.zeros(8)")
        made = Parameter(data.shape)
        made.frozen = requires_grad is False
        return made

    @staticmethod
    def _buffer(data: Any, persistent: Any = True) -> Parameter:
        if not isinstance(data, Parameter):
            raise NotKnown(f"{described(data)} as a buffer", "a tensor, such as torch.zeros(8)")
        data.stored = bool(persistent)
        return data

    def _create(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Parameter:
        """A new tensor: zeros, random numbers, a range."""
        return self.tensors.create(name, args, kwargs)

    def function(self, name: str, args: list[Any], kwargs: dict[str, Any], module: Any = None) -> Any:
        """A function of tensors by its row."""
        if name in ("max", "min") and len(args) > 1 and self.owns(args[1]):
            name += "imum"
        row = FUNCTIONS[name]
        kwargs = {k: v for k, v in kwargs.items() if k not in ("out",) and not (k == "dtype" and v is None)}
        if isinstance(kwargs.get("dtype"), Name):
            del kwargs["dtype"]
        given = bound(row, args, kwargs)
        read = _tensors(given)
        constant = bool(read) and all(isinstance(value, Parameter) for value in read) and module is None
        if constant and (
            not self.tensors.live(read) or (name in COMPARISONS and self.tensors.compared(read))
        ):
            found = self.tensors.computed(name, given)
            if found is not None:
                return found
        kept = {a.name: given[a.name] for a in row.arguments if a.kind != "-" and a.name in given}
        path = self.path(module, name.strip("_"))
        if row.layer:
            x, *rest = kept.values()
            names = [a.name for a in row.arguments if a.kind != "-"][1:]
            options = {k: v for k, v in zip(names, rest, strict=True)}
            prefix, layer = ("F", row.layer) if row.layer == "interpolate" else ("nn", row.layer)
            positional = [0] if layer == "interpolate" else []
            stages = stages_of(prefix, layer, positional, _given(row, options))
            found = self.tensors.stages(stages, [self.tensor(x)], path, {})
            if name.startswith("max_pool") and given.get("return_indices") is True:
                return found if isinstance(found, tuple) else (found, None)
            return found[0] if isinstance(found, tuple) else found
        return self.tensors.operate(row, kept, path)


def _given(row: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The options that differ from their defaults, so that a class's own rules see what was written."""
    defaults = {a.name: a.default for a in row.arguments if not a.required}
    return {
        key: value for key, value in options.items()
        if key not in defaults
        or type(value) is not type(defaults[key])
        or not known.same(value, defaults[key])
    }  # fmt: skip


def _tensors(given: dict[str, Any]) -> list[Any]:
    found = []
    for value in given.values():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(one, Parameter) or Tensors.owns(one):
                found.append(one)
    return found


def _numbers(value: Parameter) -> Any:
    if value.known is None:
        raise NotKnown("the numbers of this tensor are not worked out")
    return value.known


def _nothing() -> Any:
    raise ValueError("source text holds no weights")


def copied(value: Any, seen: dict[int, Any] | None = None) -> Any:
    """A copy of a module or a list with everything in it."""
    seen = {} if seen is None else seen
    spend(5)
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, Instance):
        made = Instance(value.cls, value.library, value.node)
        seen[id(value)] = made
        made.call, made.layer, made.given, made.frozen = (
            value.call,
            value.layer,
            value.given,
            set(value.frozen),
        )
        for held in ("fields", "children", "parameters", "lent"):
            setattr(made, held, {k: copied(v, seen) for k, v in getattr(value, held).items()})
        return made
    if isinstance(value, Parameter):
        other = Parameter(value.shape, value.learned, value.known, value.dtype)
        other.stored, other.frozen = value.stored, value.frozen
        seen[id(value)] = other
        return other
    if isinstance(value, (list, tuple)):
        return type(value)(copied(v, seen) for v in value)
    if isinstance(value, dict):
        return {k: copied(v, seen) for k, v in value.items()}
    return value
