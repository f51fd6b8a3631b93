"""A call of every command that answers, for what holds of all of them."""

from __future__ import annotations

from typing import Any

from convcalc.cli.app import LazyGroup
from convcalc.cli.registry import COMMANDS

LINE = "input 3x16x16 | conv 4 k3 p1 | relu | maxpool k2"

CALLS: dict[str, tuple[str, ...]] = {
    "summary": (LINE,),
    "params": (LINE,),
    "flops": (LINE,),
    "conventions": (LINE,),
    "shapes": (LINE,),
    "sizes": (LINE,),
    "memory": (LINE,),
    "cost": (LINE, "--device", "a100"),
    "run": (LINE,),
    "verify": (LINE,),
    "compare": (LINE, LINE.replace("k3 p1", "k5 p2")),
    "rf": (LINE,),
    "padding": ("-k", "3"),
    "variants": ("input 8x8x8 | conv 8 k3 p1",),
    "check": (LINE, "--max-params", "1000"),
    "dilation": ("1", "2", "5"),
    "fit": (LINE, "--resolution", "8..16", "--max-macs", "10K"),
    "transposed": ("--from", "4", "--to", "8", "-k", "4"),
    "explain": ("conv 3->4 k3",),
    "draw": ("input 1x5x5 | conv 1 k3",),
    "list": ("blocks",),
    "show": ("lenet5",),
    "export": ("lenet5", "--form", "spec"),
    "schema": (),
}
APART = {
    "page": "its file is a page of its own making",
    "serve": "it answers in a browser",
}
"""Commands that give no answer of their own, with the reason."""


def parameters(command: str) -> list[Any]:
    """The options of a command."""
    group: Any = LazyGroup(name="convcalc")
    return [p for p in group.get_command(None, command).params if p.param_type_name == "option"]


def long(parameter: Any) -> str:
    """The long name of an option."""
    return str(max(parameter.opts, key=len))


def test_every_command_has_a_call() -> None:
    assert {*CALLS, *APART} == set(COMMANDS)
