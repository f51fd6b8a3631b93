"""Random calls of the command line, with the files and the standard input that they read."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from random import Random
from typing import Any, NamedTuple

from convcalc.cli.app import LazyGroup
from convcalc.cli.registry import COMMANDS
from tests.fuzz import mutate
from tests.fuzz.grammar import NUMBERS, Grammar

LONG = ("--zoo", "--laws", "--law", "--full", "--help")
"""Options that ask for long work and say so."""
USUAL = (
    *("params", "shapes", "flops") * 12,
    *("summary", "memory", "rf", "padding", "explain", "dilation", "transposed", "check", "show", "draw") * 2,
    *("compare", "variants", "fit", "verify", "run", "list"),
)
"""Commands, those that only read and count more often: what they have in common is most of the work."""


class Case(NamedTuple):
    """One call: arguments, standard input, and files by name in an empty folder."""

    arguments: tuple[str, ...]
    stdin: bytes = b""
    files: dict[str, bytes] = {}  # noqa: RUF012


@cache
def options(command: str) -> tuple[tuple[tuple[str, ...], bool, str, str], ...]:
    """The options of a command: names, whether it is a flag, what its value is called, its parameter."""
    group: Any = LazyGroup(name="convcalc")
    found = group.get_command(None, command)
    return tuple(
        (
            tuple(p.opts),
            bool(getattr(p, "is_flag", False)),
            str(p.metavar or p.display_type(None).strip("<>")),
            str(p.name),
        )
        for p in found.params
        if p.param_type_name == "option" and not set(p.opts) & set(LONG)
    )


def case(seed: int, index: int) -> Case:
    """The case of a number; the same on every machine."""
    random = Random(f"{seed}:{index}")
    grammar = Grammar(random)
    kind = random.random()
    if kind < 0.03:
        return _weights(random, grammar)
    command = random.choice(USUAL)
    arguments = [command]
    stdin, files = b"", {}
    for _ in range(_specs(command, random)):
        text = grammar.spec(command not in ("run", "verify", "fit"))
        if random.random() < 0.25:
            text = mutate.text(text, random)
        way = random.random()
        if way < 0.1:
            stdin = text.encode("utf-8", "surrogatepass")
            if way < 0.01:
                stdin = mutate.data(stdin, random)
            arguments.append("-")
        elif way < 0.15:
            name = random.choice(("net.yaml", "net.txt", "a\x1b[31mb.yaml", "net.py", "x\u202ey.yaml"))
            files[name] = text.encode("utf-8", "surrogatepass")
            arguments.append(name)
        else:
            arguments.append(text)
    if command == "dilation" and random.random() < 0.6:
        arguments[1:] = [grammar.sizes() for _ in range(random.randint(0, 5))]
    if command == "transposed" and random.random() < 0.6:
        arguments[1:] = ["--from", grammar.sizes()]
    if command == "padding" and random.random() < 0.4:
        arguments[1:] = ["--kernel", grammar.sizes()]
    wanted = random.choice((0, 0, 1, 2, 4))
    for names, flag, metavar, name in random.sample(options(command), min(wanted, len(options(command)))):
        arguments.append(random.choice(names))
        if not flag:
            arguments.append(_value(metavar, name, random, grammar))
    if random.random() < 0.02:
        arguments.append(grammar.text())
    if command == "run" and "--guard" not in arguments:
        arguments += ["--guard", "50MB"]
    clean = tuple(a.replace("\0", "\\0") if random.random() < 0.9 else a for a in arguments)
    return Case(clean, stdin, files)


def _specs(command: str, random: Random) -> int:
    if command == "compare":
        return random.choice((1, 2, 2, 3))
    return 0 if command in ("list", "schema") else 1


def _value(metavar: str, name: str, random: Random, grammar: Grammar) -> str:
    if random.random() < 0.1:
        return str(random.choice((grammar.text(), random.choice(NUMBERS), grammar.expression())))
    if metavar == "CxHxW":
        return grammar.shape() if random.random() < 0.9 else f"{grammar.name()}={grammar.shape()}"
    if metavar.startswith("NAME=LOW"):
        return f"{random.choice(('x', 'width', 'alpha'))}={_range(random, grammar)}"
    if metavar.startswith("LOW"):
        return _range(random, grammar)
    if metavar.startswith("NAME="):
        return f"{random.choice(('x', 'width', 'H', 'classes'))}={grammar.expression(2)}"
    if metavar == "FILE":
        return random.choice(OUTPUTS)
    if metavar in ("N", "S"):
        return grammar.number() if name not in ("random", "samples", "count") else random.choice(("1", "2"))
    if "|" in metavar:  # choices
        return random.choice((*metavar.split("|"), "fp16", "x"))
    if metavar == "IN->OUT":
        return f"{grammar.number()}->{grammar.number()}"
    if "," in metavar:
        return f"{grammar.number()},{grammar.number()}"
    if metavar == "NAME":
        return random.choice(("plain", "unicode", "latex", "conv1", "input", grammar.name()))
    return random.choice((grammar.sizes, grammar.number, grammar.name))()


OUTPUTS = (
    *("out.svg", "out.png", "out.npy", "out.npz", "out.tex", "out.html", "out.csv", "out.json", "out.xls"),
    *(".", "/dev/null", "no/x.svg", "w.npz"),
)


def _range(random: Random, grammar: Grammar) -> str:
    step = f":{grammar.number()}" if random.random() < 0.3 else ""
    return f"{grammar.number()}..{grammar.number()}{step}"


def _weights(random: Random, grammar: Grammar) -> Case:
    """A run with a file of weights or an input that is damaged, or holds something else."""
    spec = random.choice(
        ("input 2x5x5 | conv 3 k3 | bn | relu", "input 4 | linear 3", "input 2x4x4 | conv 2 k1 g2", LOOKED_UP)
    )
    name, content = random.choice(
        (
            ("w.npz", good_weights()),
            ("w.npz", good_weights(True)),
            ("w.npz", looked_up_weights()),
            ("x.npy", good_input()),
        )
    )
    if content == looked_up_weights():
        spec = LOOKED_UP
    files = {name: mutate.data(content, random)}
    option = "--weights" if name == "w.npz" else "--input-file"
    more = ["--guard", random.choice(("10MB", "50MB", "1000"))]
    return Case(("run", spec, option, name, *more), b"", files)


LOOKED_UP = (
    "input 6 | embedding 9->4 id=e | gather 3 id=g | param 3x4 id=p | add with=g"
    " | linear 9 axis=-1 bias=false share=e"
)
"""A network with stored indices, a tensor of its own and weights that two layers share."""


@cache
def looked_up_weights() -> bytes:
    """Weights of that network, the shared ones under both of their names."""
    import numpy as np

    file = io.BytesIO()
    table = np.ones((9, 4), np.float32)
    np.savez(
        file,
        **{"e.weight": table, "linear1.weight": table, "g.index": np.arange(3), "p.value": np.ones((3, 4))},
    )
    return file.getvalue()


@cache
def good_weights(packed: bool = False) -> bytes:
    """Weights of the first network above."""
    import numpy as np

    file = io.BytesIO()
    shapes = {"conv1.weight": (3, 2, 3, 3), "conv1.bias": (3,)}
    shapes |= {f"bn1.{name}": (3,) for name in ("weight", "bias", "running_mean", "running_var")}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, shape in shapes.items():
            member = io.BytesIO()
            np.save(member, np.ones(shape, np.float32))
            archive.writestr(f"{name}.npy", member.getvalue())
    return file.getvalue()


@cache
def good_input() -> bytes:
    """An input of the first network above."""
    import numpy as np

    file = io.BytesIO()
    np.save(file, np.ones((2, 5, 5), np.float32))
    return file.getvalue()


assert set(USUAL) <= set(COMMANDS)
