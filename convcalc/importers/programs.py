"""What stands around the layers of a pasted program: read, passed over by name, or refused; never run."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from convcalc.importers.call import closing
from convcalc.spec.errors import fault
from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import Expr, ExpressionError, constant, parse
from convcalc.spec.source import Text

_IMPORT: Final = re.compile(r"(?:import\s+[\w.]|from\s+[\w.]+\s+import\b)")
_MAIN: Final = re.compile(r"if\s+__name__\s*==.*:\s*\Z", re.DOTALL)
_COMPOUND: Final = re.compile(r"(?:async\s+)?(class|def|for|while|with|try|except|finally|if|elif|else)\b.*:")
_ASSIGNMENT: Final = re.compile(
    r"([A-Za-z_][\w.]*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?::\s*[A-Za-z_][\w.\[\], ]*)?=(?!=)\s*"
)
_CALL: Final = re.compile(r"([A-Za-z_][\w.]*)\s*\(")
_NAME: Final = re.compile(r"[A-Za-z_]\w*\Z")
_WORD: Final = re.compile(r"(?:pass|return|del|assert|global|raise|break|continue)\b|[@%!]")
_FREEZES: Final = re.compile(r"\.requires_grad(?:_\(|\s*=(?!=))|\.trainable\s*=(?!=)")
_METHODS: Final = frozenset({
    "add_loss", "add_metric", "apply", "backward", "bfloat16", "build", "compile", "count_params",
    "cpu", "cuda", "double", "eval", "evaluate", "fit", "fit_generator", "float", "get_config", "half",
    "load_state_dict", "load_weights", "named_parameters", "parameters", "predict", "save",
    "save_weights", "state_dict", "step", "summary", "to", "to_json", "train", "train_on_batch",
    "zero_grad", "item", "numpy", "shape", "size", "set_image_data_format",
})  # fmt: skip
"""Methods of a model that change none of its layers."""
_FUNCTIONS: Final = frozenset({
    "print", "display", "summary", "plot_model", "set_seed", "seed_everything", "profile",
    "get_model_complexity_info", "thop", "len", "int", "float", "str", "list", "dict", "range", "min",
    "max", "sum", "set_image_data_format", "open", "device", "isinstance", "input", "tuple", "set",
})  # fmt: skip
_MODULES: Final = frozenset({
    "os", "sys", "np", "numpy", "random", "math", "time", "plt", "torch", "tf", "optim", "optimizers",
    "losses", "metrics", "callbacks", "datasets", "utils", "transforms", "torchvision", "torchinfo",
    "torchsummary", "keras", "data", "backend", "pd", "json", "logging", "warnings",
})  # fmt: skip
"""Modules whose functions make no layers, unless ``nn`` or ``layers`` stands behind them."""
_TOOLS: Final = re.compile(
    r"(?:\w*Loss|\w*(?:DataLoader|Dataset|DataGenerator)|Adam\w*|SGD|RMSprop|Adagrad|DataParallel|DistributedDataParallel|\w*LR|\w*Scheduler"
    r"|EarlyStopping|ModelCheckpoint|TensorBoard|Compose|Path|Mean\w+|Sparse\w+|Categorical\w+|Binary\w+)\Z"
)
"""Losses, optimisers, data and callbacks."""
_MOVED: Final = re.compile(r"\s*(?:\.(?:to|cuda|cpu|eval|train|float|double|half)\([^()]*\)\s*)+")
_PROMPT: Final = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?=[ \t]|$)", re.MULTILINE)
_DOCSTRING: Final = re.compile(r"(?:\"\"\".*?\"\"\"|'''.*?''')", re.DOTALL)
_CONTINUED: Final = re.compile(r"\\[ \t]*\n")
_SHOWN: Final = 8
_IN_ORDER: Final = "the layers alone, in the order they run: Conv2d(3, 16, 3) | ReLU() | ..."


class Cleaned(Text):
    """A text with prompts, docstrings and continued lines blanked; places are those of the original."""

    __slots__ = ("original",)

    def __init__(self, original: Text) -> None:
        value = original.value
        for pattern in (_PROMPT, _DOCSTRING, _CONTINUED):
            value = pattern.sub(_blank, value)
        super().__init__(value, original.source, original.start, original.end)
        self.original = original

    def locate(self, offset: int) -> int:
        """Index in the source of the character at ``offset`` of the string."""
        return self.original.locate(offset)


def _blank(match: re.Match[str]) -> str:
    keep = "" if match.re is _CONTINUED else "\n"
    return "".join(char if char == keep else " " for char in match.group())


class Rest(NamedTuple):
    """What of a statement is to be read as layers: a range of the text, and what it is assigned to."""

    start: int
    end: int
    name: str | None = None


class Program:
    """The statements of one pasted program, as they are read one after the other.

    Args:
        classes: names of classes that stand for layers.
        words: names of layers and blocks of the language.
        given: values from outside that replace those of plain assignments.
    """

    def __init__(self, classes: Collection[str], words: Collection[str], given: Mapping[str, Any]) -> None:
        self.classes = classes
        self.words = words
        self.given = given
        self.values: dict[str, Any] = {}
        self.assigned: dict[str, Expr] = {}
        self.tensor: str | None = None
        self.tensors: set[str] = set()
        self.models: set[str] = set()
        self.results: set[str] = set()
        self.passed: list[str] = []
        self.below: int | None = None

    @property
    def notes(self) -> list[str]:
        """One note that names what was passed over, where anything was."""
        if not self.passed:
            return []
        names = list(dict.fromkeys(self.passed))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return [f"passed over, since it makes no layer: {'; '.join(names[:_SHOWN])}{more}"]

    def statement(self, text: Text, start: int, end: int, layers_inside: bool) -> Rest | None:
        """What of a statement is left to be read as layers; None where there is nothing.

        Args:
            text: the program.
            start: where the statement begins.
            end: where it ends.
            layers_inside: whether what is indented below it makes layers.

        Raises:
            SpecError: it changes the network in a way that is not read.
        """
        value = text.value[start:end]
        if _FREEZES.search(value):
            raise fault(text, start, end, "what is frozen here is not read", "frozen=true on its layers")
        if self.below is not None:  # inside what is passed over as a whole
            if _indent(text.value, start) > self.below:
                return None
            self.below = None
        head = re.match(r"[A-Za-z_]\w*", value)
        if head is not None and head.group() in self.words and not _ASSIGNMENT.match(value):
            return Rest(start, end)
        if _IMPORT.match(value) or _MAIN.match(value) or (_WORD.match(value) and not self._makes(value)):
            self._pass(value)
            return None
        compound = _COMPOUND.match(value)
        if compound is not None:
            self._compound(text, start, end, compound.group(1), layers_inside)
            return None
        assignment = _ASSIGNMENT.match(value)
        if assignment is not None:
            return self._assignment(text, start, end, assignment.group(1), start + assignment.end())
        if value in self.models or value in self.tensors or value in self.assigned:
            self._pass(value)
            return None
        call = _CALL.match(value)
        if call is not None and self._idle(call.group(1)):
            self._unread(text, start, end)
            self._pass(value)
            return None
        return Rest(start, end)

    def _pass(self, value: str) -> None:
        shown = " ".join(value.split())
        bracket = shown.find("(")
        if bracket > 0 and len(shown) > 40:
            shown = shown[: bracket + 1] + "...)"
        self.passed.append(shown if len(shown) <= 60 else shown[:57] + "...")

    def _makes(self, value: str) -> bool:
        """Whether a piece of a program names a layer."""
        return makes_layers(value, self.classes)

    def _compound(self, text: Text, start: int, end: int, word: str, layers_inside: bool) -> None:
        value = text.value[start:end]
        if not layers_inside and not self._makes(value):
            self.below = _indent(text.value, start)
            self._pass(value)
            return
        if word == "with":
            self._pass(value)
            return
        self.below = _indent(text.value, start)  # the refusal stands for all that is inside
        raise fault(text, start, end, f"a program's '{word}' is not run", _IN_ORDER)

    def _idle(self, name: str) -> bool:
        """Whether a call of this name makes no layer."""
        *modules, last = name.split(".")
        if {"init", "utils"} & set(modules) or _TOOLS.match(last):
            return True
        if {"models", "applications", "hub"} & set(modules) and last not in ("load_model", "Model"):
            return False
        if modules and (last in _METHODS) and not {"nn", "layers", "F"} & set(modules):
            return True
        if {"nn", "layers"} & set(modules) or last in self.classes:
            return False
        if modules and modules[0] in _MODULES:
            return True
        return (not modules and last in _FUNCTIONS) or last in self.models

    def _unread(self, text: Text, start: int, end: int) -> None:
        """Refuse what reads the tensor that flows and is no layer: it may change it."""
        value = text.value[start:end]
        if self.tensor is None or not _ASSIGNMENT.match(value):
            return
        if re.search(rf"(?<![\w.]){re.escape(self.tensor)}(?!\w)", value.partition("=")[2]):
            raise fault(text, start, end, f"what is done to {self.tensor!r} here is not read", _IN_ORDER)

    def _assignment(self, text: Text, start: int, end: int, names: str, at: int) -> Rest | None:
        value = text.value
        call = _CALL.match(value, at, end)
        if call is not None and not self._idle(call.group(1)) and call.group(1) not in _SAFE:
            return self._called(text, start, end, names, at, call)
        name = names if _NAME.match(names) else None
        if name is not None and value[at:end].strip() in self.tensors:
            self._flow(text, at, end, value[at:end].strip(), self.tensor)
            self.tensor = name
            self.tensors.add(name)
            return None
        if call is None or "." not in call.group(1):
            found = self._constants([part.strip() for part in names.split(",")], text, at, end)
            if found:
                self.assigned.update(found)
                self.values.update((key, expr.value) for key, expr in found.items())
                return None
        if call is not None and call.group(1) in self.models:
            self._once(text, start, end, names, value[call.end() : end])
        if call is None and self._makes(value[at:end]):
            raise fault(text, start, end, "this assignment is not read", _IN_ORDER)
        self._unread(text, start, end)
        self._pass(value[start:end])
        return None

    def _once(self, text: Text, start: int, end: int, names: str, arguments: str) -> None:
        """Refuse a model that is run on what a model gave: it would be counted once."""
        if self.results & set(re.findall(r"[A-Za-z_]\w*", arguments)):
            raise fault(text, start, end, "models that are run one after the other", _IN_ORDER)
        self.results.add(names)

    def _constants(self, names: list[str], text: Text, start: int, end: int) -> dict[str, Expr]:
        """The constants that an assignment gives, or those given from outside in their place."""
        if not all(map(_NAME.match, names)):
            return {}
        try:
            listed = f"({text.value[start:end]})"  # as in: height, width = 32, 64
            found = evaluate(parse(listed if len(names) > 1 else text.value[start:end]), self.values)
        except (ExpressionError, ValueError, RecursionError):
            return {name: constant(self.given[name], start, end) for name in names if name in self.given}
        values = found if len(names) > 1 else (found,)
        if not isinstance(values, tuple) or len(values) != len(names):
            return {}
        return {
            name: constant(self.given.get(name, value), start, end)
            for name, value in zip(names, values, strict=True)
        }

    def _called(
        self, text: Text, start: int, end: int, names: str, at: int, call: re.Match[str]
    ) -> Rest | None:
        """``x = Conv2D(...)(y)``, ``model = Sequential(...)``, ``model = Model(inputs, x)``."""
        value = text.value
        last = call.group(1).rpartition(".")[2]
        close = closing(text, call.end() - 1, end)
        tail = value[close:end].strip()
        moved = _MOVED.match(value, close, end)
        if moved is not None and moved.end() == end:  # Sequential(...).to(device)
            self._pass(f"{names} = (...){tail}")
            end, tail = close, ""
        if tail.startswith("("):
            inner = tail[1:-1].strip().rstrip(",").strip()
            if not _NAME.match(inner):
                raise fault(
                    text, value.index(tail, close), end, "a layer that reads anything but one tensor in line",
                    "a straight chain x = layer(x), or from= and with= in the language: add with=skip",
                )  # fmt: skip
            arrived, self.tensor = self.tensor, names
            self.tensors |= {inner, names}
            self._flow(text, value.index(tail, close), end, inner, arrived)
            return Rest(at, close)
        if last in ("Input", "InputLayer"):
            self.tensor = names
            self.tensors.add(names)
            return Rest(at, end)
        if call.group(1).rpartition(".")[0].rpartition(".")[2] in ("F", "functional") and not tail:
            first = re.match(r"\s*([A-Za-z_]\w*)\s*[,)]", value[call.end() : close])
            if first is not None:  # a function of the tensor that stands first
                arrived, self.tensor = self.tensor, names
                self.tensors |= {first.group(1), names}
                place = call.end() + first.start(1)
                self._flow(text, place, place + len(first.group(1)), first.group(1), arrived)
                return Rest(at, end)
        inside = set(re.findall(r"[A-Za-z_]\w*", value[call.end() : close]))
        if self.tensor is not None and self.tensors & inside:
            read_here = " and ".join(map(repr, sorted(self.tensors & inside)))
            raise fault(
                text, start, end, f"what is done to {read_here} here is not read",
                "layers in a straight chain, or from= and with= in the language, such as add with=skip",
            )  # fmt: skip
        self.models.add(names)
        return Rest(start, end, names)

    @staticmethod
    def _flow(text: Text, start: int, end: int, name: str, last: str | None) -> None:
        """Check that a tensor that is read is the one made last.

        Raises:
            SpecError: it is another: the chain is not straight.
        """
        if last is not None and name != last:
            raise fault(
                text, start, end, f"{name!r} is read here, and {last!r} was made last",
                "a straight chain, or id= and from= in the language: conv 8 k3 id=a | relu | add with=a",
            )  # fmt: skip


_MAKES: Final = re.compile(
    r"\.add\(|(?<![\w.])(?:nn|layers|F|functional)\.(?!Module\b|\w*[Ll]oss\b|cross_entropy|utils\b|init\b|DataPar)\w+"
)
_SAFE: Final = frozenset(
    {"max", "min", "round", "len", "int", "abs", "sum", "floor", "ceil", "make_divisible"}
)


def makes_layers(value: str, classes: Collection[str]) -> bool:
    """Whether a piece of a program names a layer."""
    if _MAKES.search(value):
        return True
    return any(name in classes for name in re.findall(r"([A-Z]\w*)\s*\(", value))


def compounds(
    text: Text, pieces: list[tuple[int, int]], classes: Collection[str], words: Collection[str]
) -> set[int]:
    """Starts of those statements below which, indented, layers are made, or words of the language stand."""
    found = set()
    open_: list[tuple[int, int]] = []
    for start, end in pieces:
        value = text.value[start:end]
        indent = _indent(text.value, start)
        while open_ and indent <= open_[-1][0]:
            open_.pop()
        head = re.match(r"[A-Za-z_]\w*", value)
        word = head is not None and head.group() in words and not _ASSIGNMENT.match(value)
        if open_ and (word or makes_layers(value, classes)):
            found |= {begin for _, begin in open_}
        if _COMPOUND.match(value):
            open_.append((indent, start))
    return found


def _indent(value: str, start: int) -> int:
    return start - (value.rfind("\n", 0, start) + 1)


def _written(value: Any, start: int, end: int) -> Expr:
    """A value as if it were written out: a list with its parts."""
    if not isinstance(value, tuple):
        return constant(value, start, end)
    return Expr("tuple", None, tuple(_written(part, start, end) for part in value), start, end)


def bound(expr: Any, values: Mapping[str, Any], read: set[str]) -> Any:
    """An expression with the variables of a program put in; ``read`` collects which."""
    if not isinstance(expr, Expr):
        return expr
    if expr.kind == "name" and expr.value in values:
        read.add(str(expr.value))
        return _written(values[str(expr.value)], expr.start, expr.end)
    if not expr.args:
        return expr
    args = tuple(bound(arg, values, read) for arg in expr.args)
    return Expr(expr.kind, expr.value, args, expr.start, expr.end)
