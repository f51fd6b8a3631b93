"""``convcalc sizes``, and what other commands say of sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HALVED = "input 4x9x12 | maxpool k2 s2 | upsample scale=2 | add with=input"


def test_the_table_names_the_nearest(cli: Callable[..., Any]) -> None:
    done = cli("sizes", HALVED)
    assert done.code == 0
    assert "height  multiples of 2          2     9  no         8     10" in done.out
    assert "width   multiples of 2          2    12  yes" in done.out
    assert "4x9x12 does not work" in done.out
    assert "4x8x12, 4x10x12" in done.out


def test_json_holds_what_the_table_shows(cli: Callable[..., Any]) -> None:
    found = cli("sizes", HALVED, "--near", "31x40", "--json").json()
    assert (found["works"], found["nearest"]) == (False, [{"input": [4, 30, 40]}, {"input": [4, 32, 40]}])
    height, width = found["axes"]
    sizes = height["sizes"]
    assert (sizes["multiple"], sizes["remainders"], sizes["smallest"]) == (2, [0], 2)
    assert (height["below"], height["above"], height["works"]) == (30, 32, False)
    assert (width["name"], width["axes"], width["works"], width["held"]) == (
        "width",
        [["input", 2]],
        True,
        {},
    )


def test_near_takes_sizes(cli: Callable[..., Any]) -> None:
    for near in ("0", "7x7x7", "x", "-3"):
        done = cli("sizes", HALVED, "--near", near)
        assert (done.code, done.out) == (2, ""), near
        assert "near" in done.err


def test_every_command_says_which_sizes_work(cli: Callable[..., Any]) -> None:
    for command in ("summary", "params", "rf", "memory", "explain"):
        done = cli(command, HALVED)
        assert done.code == 2
        assert "sizes that work: multiples of 2; nearest 4x8x12 and 4x10x12" in done.err
        (problem,) = cli(command, HALVED, "--json").json()["errors"]
        assert problem["sizes"]["nearest"] == [{"input": [4, 8, 12]}, {"input": [4, 10, 12]}]


def test_conditions_on_letters_say_which_sizes_meet_them(cli: Callable[..., Any]) -> None:
    done = cli("shapes", HALVED, "--input", "4xHxW")
    assert "2*floor(H/2) = H" in done.out
    assert "that is, H and W: multiples of 2." in done.out
