# ruff: noqa: E501 - tables of values read best in long lines
"""Random specs, documents, expressions and pasted code: mostly well formed, with wild values in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from convcalc import layers
from convcalc.importers.frameworks import KNOWN
from convcalc.importers.keras import table as keras
from convcalc.importers.pytorch import table as pytorch
from convcalc.spec.language.expression import FUNCTIONS
from convcalc.spec.language.stage import option_kinds, option_names
from convcalc.spec.library import block_names, zoo_names

NUMBERS = (
    *(
        [
            "0",
            "1",
            "1",
            "1",
            "2",
            "2",
            "2",
            "3",
            "3",
            "3",
            "4",
            "5",
            "6",
            "7",
            "8",
            "8",
            "16",
            "-1",
            "-2",
            "32",
            "64",
            "100",
            "127",
            "224",
            "255",
            "256",
            "1000",
            "4096",
            "65535",
            "65536",
        ]
    ),
    *(["99999", "1000003", "99999999", "2147483648", "9999999999", "18446744073709551616"]),
    *("9" * 30, "9" * 300, "9" * 500, "1e3", "1e399", "1e-399", "0.5", "-0.0", "0.1", "3.7", "1e18", "1e308"),
    *("2**10", "2**4000", "0.5+2**4000", "9**9**9", "1/3", "7//2", "-7%3", "0x10", "1_000", "٣", "²", "½"),
    *("nan", "inf", "none", "true", "false", "None", "True"),
)
SYMBOLS = ("H", "W", "C", "K", "S", "P", "D", "M", "N", "G", "H2", "C_in", "L")
NAMES = (
    "x",
    "y",
    "a",
    "b",
    "i",
    "in",
    "size",
    "conv1",
    "relu1",
    "id",
    "n" * 500,
    "ä",
    "名",
    "a.b",
    "x" * 3,
    "C_inx",
)
ODD = (
    *("\0", "\x1b[31m", "\x1b]0;t\x07", "\x07", "\u202e", "\u2066", "\u2028", "\u2029", "\x85", "\x9b", "\r"),
    *(
        "\ufeff",
        "\udc80",
        "🙂",
        "\t",
        "\n",
        "é",
        "\u0301",
        "=1+1",
        "|",
        "@SUM(A1)",
        "<b>",
        "&amp;",
        "${x}",
        "`",
    ),
    *("\\", "%s", "{0}", "{i}", "{", "}", "[", "]", "(", ")", "'", '"', "#", ";", ",", ":", "->", "--", "="),
)
STRUCTURES = (
    "repeat",
    "each",
    "of",
    "when",
    "do",
    "else",
    "branches",
    "merge",
    "residual",
    "shortcut",
    "group",
)
SMALL = ("1", "2", "3", "4", "8")


class Grammar:
    """Draws texts from one source of random numbers."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.wild = random.choice((0.0, 0.02, 0.1, 0.4))
        self.symbolic = random.random() < 0.3

    def one(self, *choices: Any) -> Any:
        """One of the choices; functions are called."""
        found = self.random.choice(choices)
        return found() if callable(found) else found

    def often(self, share: float) -> bool:
        """True in a share of cases."""
        return self.random.random() < share

    def list_of(self, draw: Callable[[], str], most: int, joint: str = ",") -> str:
        """Up to ``most`` of a kind."""
        return joint.join(draw() for _ in range(self.random.randint(0, most)))

    # -- values --------------------------------------------------------------------------------

    def number(self) -> str:
        if self.often(self.wild):
            return str(self.random.choice(NUMBERS))
        if self.symbolic and self.often(0.3):
            return str(self.random.choice(SYMBOLS))
        return str(self.random.choice(SMALL))

    def sizes(self) -> str:
        number = self.number
        return str(
            self.one(
                number, lambda: f"{number()}x{number()}", lambda: f"({number()},{number()})",
                lambda: f"{number()}:{number()}", lambda: f"[{self.list_of(number, 4)}]",
            )
        )  # fmt: skip

    def shape(self) -> str:
        if self.often(0.7):
            rank = self.random.choice((0, 1, 1, 2, 2, 2, 2, 2, 3))
            sizes = [self.random.choice(("1", "2", "3", "4", "8", "16"))]
            for axis in range(rank):
                sizes.append(
                    "HWD"[axis]
                    if self.symbolic and self.often(0.7)
                    else str(self.random.choice((4, 7, 8, 16, 32)))
                )
            if self.often(self.wild):
                sizes[self.random.randrange(len(sizes))] = self.number()
            return "x".join(sizes)
        return "x".join(self.number() for _ in range(self.random.randint(1, 5)))

    def expression(self, depth: int = 3) -> str:
        inner = lambda: self.expression(depth - 1)  # noqa: E731
        if depth <= 0 or self.often(0.3):
            return str(self.one(self.number, lambda: self.random.choice(SYMBOLS + NAMES)))
        return str(
            self.one(
                lambda: f"{inner()}{self.random.choice(['+', '-', '*', '/', '//', '%', '**', '<', '<=', '==', '!='])}{inner()}",
                lambda: f"({inner()})", lambda: f"-{inner()}", lambda: f"[{self.list_of(inner, 4)}]",
                lambda: f"{self.random.choice(tuple(FUNCTIONS))}({self.list_of(inner, 3)})",
                lambda: f"{inner()} if {inner()} else {inner()}", lambda: f"{inner()}[{inner()}]",
                lambda: f"size[{self.one('', inner)}:{self.one('', inner)}]", lambda: f"size[{self.number()}]",
                lambda: f"{inner()} and {inner()}", lambda: f"not {inner()}", lambda: f"'{self.text()}'",
            )
        )  # fmt: skip

    def text(self) -> str:
        return "".join(
            self.random.choice(ODD) if self.often(0.5) else self.random.choice(NAMES)
            for _ in range(self.random.randint(0, 4))
        )

    def name(self) -> str:
        return self.text() if self.often(self.wild) else str(self.random.choice(NAMES))

    # -- stages --------------------------------------------------------------------------------

    def value(self, option: Any) -> str:
        """A value of an option, of its kind as a rule."""
        if self.often(self.wild):
            return self.expression()
        kind = option.kind
        if kind == "flag":
            return str(self.random.choice(("true", "false")))
        if kind == "choice":
            return str(self.random.choice(option.choices))
        if kind == "padding":
            return str(self.one("same", "valid", "same_lower", "full", "causal", self.sizes, self.sizes))
        return str(self.one(self.number, self.sizes) if kind != "dim" else self.number())

    def layer(self) -> str:
        """A layer with options of its own."""
        op = self.random.choice(LAYERS)
        options = option_kinds(op)
        parts = [op]
        if self.often(0.8):
            for field in layers.lookup(op).positional:
                if self.often(0.8):
                    parts.append(f"{self.number()}->{self.number()}" if self.often(0.1) else self.number())
                    if "->" not in field and self.often(0.3):
                        break
        for short in option_names(op)[1]:
            if self.often(0.3):
                parts.append(f"{short}{self.number()}")
        for field, option in options.items():
            if self.often(0.15):
                parts.append(f"{field}={self.value(option)}")
        return self.tail(" ".join(parts))

    def tail(self, stage: str) -> str:
        if self.often(0.1):
            stage += f" id={self.name()}"
        if self.often(0.05):
            stage += f" from={self.one(self.name, 'input', lambda: f'[input,{self.name()}]', self.reference)}"
        if self.often(0.05):
            stage += f" with={self.one(self.name, 'input')}"
        if self.often(0.08):
            stage += f" share={self.one(self.name, 'conv1', lambda: f'{self.name()}.weight', lambda: f'[conv1,{self.name()}]')}"
        return stage

    def pasted(self, depth: int = 2) -> str:
        """A call of a class of PyTorch or Keras with arguments of any kind."""
        name = self.random.choice(PASTED)
        names = [argument.name for argument in ARGUMENTS.get(name, ())]
        arguments = []
        for _ in names[: self.random.randint(0, 4)] if self.often(0.7) else ():
            arguments.append(self.argument())
        for argument in names:
            if self.often(0.15):
                arguments.append(f"{argument}={self.argument()}")
        if self.often(0.1):
            extra = (
                "input_shape",
                "activation",
                "name",
                "dtype",
                "trainable",
                "data_format",
                "device",
                "zzz",
            )
            arguments.append(f"{self.random.choice(extra)}={self.argument()}")
        call = f"{self.random.choice(('', '', 'nn.', 'layers.', 'torch.nn.', 'keras.layers.'))}{name}({', '.join(arguments)})"
        if depth and self.often(0.1):
            inner = ", ".join(self.pasted(depth - 1) for _ in range(self.random.randint(0, 4)))
            call = self.one(f"nn.Sequential({inner})", f"Sequential([{inner}])", f"nn.ModuleList([{inner}])")
        return str(call)

    def argument(self) -> str:
        return str(
            self.one(
                self.number, self.number, lambda: f"({self.number()}, {self.number()})",
                lambda: f"[{self.list_of(self.number, 3)}]", "'same'", "'valid'", "'relu'", "True", "False", "None",
                lambda: repr(self.text()), "['{i}']", "torch.float16", "lambda x: x", lambda: self.expression(2),
                "'channels_first'", "nn.ReLU()", "{}",
            )
        )  # fmt: skip

    def program(self) -> str:
        """Pasted code with what stands around it."""
        lines = []
        if self.often(0.5):
            lines.append(self.one("import torch.nn as nn", "from keras import layers", "import torch"))
        if self.often(0.3):
            lines.append(f"{self.random.choice(NAMES)} = {self.argument()}")
        calls = [self.pasted() for _ in range(self.random.randint(0, 5))]
        lines.append(
            self.one(
                lambda: "model = nn.Sequential(\n    " + ",\n    ".join(calls) + "\n)",
                lambda: "model = Sequential([\n    " + ",\n    ".join(calls) + "\n])",
                lambda: "Sequential(\n" + "".join(f"  ({i}): {c}\n" for i, c in enumerate(calls)) + ")",
                lambda: "class Net(nn.Module):\n    def forward(self, x):\n"
                + "".join(f"        x = {c}(x)\n" for c in calls) + "        return x",
                lambda: "\n".join(f"model.add({c})" for c in calls),
            )
        )  # fmt: skip
        if self.often(0.2):
            lines.append(self.one("model.summary()", "print(model)", "model.compile('adam')", "x.fit(y)"))
        return "\n".join(lines)

    def stage(self) -> str:
        kind = self.random.random()
        if kind < 0.72:
            return self.layer()
        if kind < 0.85:
            return self.pasted()
        if kind < 0.92:
            return f"{self.random.choice(BLOCKS)}({self.list_of(self.argument, 3)})"
        return str(self.one(self.name, lambda: f"${self.name()}", self.text, lambda: self.expression(2)))

    def line(self) -> str:
        stages = [self.stage() for _ in range(self.random.choice((1, 1, 2, 3, 5, 8)))]
        if self.often(0.8):
            stages.insert(0, f"input {self.shape()}")
        return self.random.choice((" | ", " | ", "; ", "\n")).join(stages)

    # -- documents -----------------------------------------------------------------------------

    def flow(self, depth: int) -> str:
        """A body of a document in flow style."""
        if depth <= 0 or self.often(0.4):
            return self.quoted(self.stage())
        inner = lambda: self.flow(depth - 1)  # noqa: E731
        count = lambda: self.one(self.number, "3", "2", lambda: self.quoted(self.expression(2)))  # noqa: E731
        return str(
            self.one(
                lambda: f"[{self.list_of(inner, 4, ', ')}]",
                lambda: f"{{repeat: {count()}, body: [{inner()}]}}",
                lambda: f"{{repeat: {count()}, each: i, body: [{inner()}]}}",
                lambda: f"{{repeat: {count()}, index: i, merge: {self.one('add', 'concat axis=1', 'mul')}, body: [{inner()}]}}",
                lambda: f"{{each: x, index: i, of: {self.quoted(self.expression(2))}, merge: {self.one('add', self.stage)}, from: {self.reference()}, body: {inner()}}}",
                lambda: f"{{each: i, of: {self.quoted(self.expression(2))}, body: [{inner()}]}}",
                lambda: f"{{when: {self.quoted(self.expression(2))}, do: [{inner()}], else: [{inner()}]}}",
                lambda: f"{{branches: {{a: [{inner()}], b: [{inner()}]}}, merge: {self.one('add', 'concat', inner)}}}",
                lambda: f"{{residual: {self.one('auto', 'project', 'identity', self.name)}, body: [{inner()}]}}",
                lambda: f"{{group: {self.quoted(self.name())}, body: [{inner()}]}}",
                lambda: f"{{repeat: {count()}, share: {self.one('true', self.name)}, body: [{inner()}]}}",
                lambda: f"{{group: x, share: {self.quoted(self.name())}, frozen: true, body: [{inner()}]}}",
                lambda: f"{{let: {{x: {self.quoted(self.expression(2))}}}, body: [{inner()}]}}",
                lambda: f"{{{self.random.choice(STRUCTURES)}: {inner()}}}",
                lambda: f"b({self.number()})",
            )
        )  # fmt: skip

    def reference(self) -> str:
        """Names of tensors, a range among them."""
        part = lambda: self.one(self.name, lambda: f"c{{{self.expression(1)}..{self.expression(1)}}}")  # noqa: E731
        return str(self.one(part, lambda: self.quoted(part()), lambda: f"[{part()}, {part()}]"))

    def quoted(self, text: str) -> str:
        if self.often(0.1):
            return text
        return "'" + text.replace("'", "''") + "'"

    def document(self) -> str:
        lines = []
        if self.often(0.3):
            lines.append(f"name: {self.quoted(self.text()) if self.often(0.5) else 'net'}")
        if self.often(0.4):
            values = [f"{self.random.choice(NAMES[:6])}: {self.quoted(self.expression())}" for _ in range(2)]
            lines.append(f"vars: {{{', '.join(values)}}}")
        if self.often(0.05):
            lines.append(
                "vars: {a0: [1], " + ", ".join(f'a{i}: "[a{i - 1},a{i - 1}]"' for i in range(1, 40)) + "}"
            )
        if self.often(0.9):
            lines.append(f"input: {self.shape()}")
        elif self.often(0.5):
            lines.append(f"inputs: {{x: {self.shape()}, y: {self.shape()}}}")
        if self.often(0.2):
            lines.append(f"blocks: {{b(x): [{self.flow(2)}]}}")
        if self.often(0.05):
            lines.append(f"output{self.one('', 's')}: {self.one('x', '[relu1]', '{a: relu1}')}")
        if self.often(0.05):
            lines.append(self.one("<<: *a", "x: &a [*a]", "zzz: 1", "budget: {params: 1}", "---", "!!str x"))
        bodies = [f"  - {self.flow(3)}" for _ in range(self.random.randint(0, 4))]
        lines.append("layers:\n" + "\n".join(bodies) if bodies else f"layers: {self.flow(4)}")
        return "\n".join(lines) + "\n"

    def spec(self, known: bool = True) -> str:
        """A spec of any kind; names of whole networks only where ``known``."""
        kind = self.random.random()
        if kind < 0.5:
            return self.line()
        if kind < 0.7:
            return self.document()
        if kind < 0.85:
            return self.program()
        if kind < 0.93:
            return str(self.random.choice(ZOO)) if known else self.line()
        return self.text() or "relu"


def _small(names: Sequence[str]) -> tuple[str, ...]:
    keep = (
        "resnet18",
        "unet",
        "lenet5",
        "alexnet",
        "mobilenet_v2",
        "wavenet",
        "dcgan_generator",
        "googlenet",
    )
    return tuple(name for name in names if name in keep)


LAYERS = tuple(layers.names())
BLOCKS = tuple(block_names())
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    name: row.arguments for name, row in (*pytorch.ROWS.items(), *keras.CLASSES.items())
}
PASTED = tuple(sorted(KNOWN))
ZOO = _small(zoo_names())
