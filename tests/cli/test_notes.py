"""Notes on standard error: how something was read that may have been meant otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["flops", "conv 64 k7 s2 p3 bias=false", "--input", "8x3x224x224"], "--batch 8"),
        (["padding", "--kernel", "3", "--from", "3x32x32"], "for 3 channels of 32x32 give --from 32x32"),
        (["transposed", "--from", "32x32x3", "--to", "64x64x6", "-k", "4"], "give --from 32x32"),
    ],
)
def test_notes_go_to_standard_error(cli: Cli, arguments: list[str], note: str) -> None:
    done = cli(*arguments)
    assert done.code == 0
    assert done.err.startswith("note: ")
    assert note in done.err
    assert "note:" not in done.out


@pytest.mark.parametrize("command", [["sizes"], ["rf"], ["summary"], ["explain"], ["verify"], ["memory"]])
def test_every_command_says_which_input_was_meant(cli: Cli, command: list[str]) -> None:
    done = cli(*command, "lenet5", "--input", "2x1x32x32")
    assert (done.code, done.out) == (2, "")
    batch = " (--batch 2)" if command[0] in ("summary", "memory") else ""  # the others have no batch
    assert f"did you mean --input 1x32x32{batch}?" in done.err


@pytest.mark.parametrize("size", ["3", "32x32", "16x32x32", "3x3", "1x1x1"])
def test_common_sizes_are_not_noted(cli: Cli, size: str) -> None:
    assert cli("padding", "--kernel", "3", "--from", size).err == ""


def test_a_square_without_channels_is_noted(cli: Cli) -> None:
    """``7x7`` is 7 channels; a map was meant more often."""
    done = cli("shapes", "conv 1 k3", "--input", "7x7")
    assert (done.code, "a map of one channel is --input 1x7x7" in done.err) == (0, True)
    for spec, shape in (
        ("conv 1 k3", "7x9"),
        ("conv 1 k3", "1x7x7"),
        ("linear 5 axis=-1", "7x7"),
        ("Conv1d(7, 1, 3)", "7x7"),
    ):
        assert cli("shapes", spec, "--input", shape).err == ""
