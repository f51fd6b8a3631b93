"""How results become JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

import convcalc
from convcalc.dims import UNKNOWN
from convcalc.records import Record, plain, record


class Pair(NamedTuple):
    first: object
    second: object


@dataclass(frozen=True, slots=True)
class Mechanical(Record):
    name: str
    sizes: tuple[object, ...]


@dataclass(frozen=True)
class Named(Record):
    """Keys in another order than the fields, under other names, and one that no attribute holds."""

    KEYS = "total about? first=pair.first pair"

    pair: Pair
    about: str

    def to_dict(self):
        return record(self, total=self.pair.first + self.pair.second, last=UNKNOWN)


@pytest.mark.parametrize(
    ("value", "held"),
    [
        (3, 3),
        (True, True),
        (0.5, 0.5),
        (None, None),
        ("all", "all"),
        (UNKNOWN, None),
        (Fraction(1, 2), "1/2"),
        (Fraction(4, 2), 2),
        (np.int64(7), 7),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ((1, (2, UNKNOWN)), [1, [2, None]]),
        ({3: (1,)}, {"3": [1]}),
        (Pair(1, Fraction(1, 3)), {"first": 1, "second": "1/3"}),
        (convcalc.symbol("N") * 2 + 1, "2*N + 1"),
    ],
)
def test_what_json_holds(value: object, held: object) -> None:
    found = plain(value)
    assert found == held
    assert type(found) is type(held)
    json.dumps(found)


def test_every_field_is_held_where_nothing_else_is_said() -> None:
    assert plain([Mechanical("a", (1, UNKNOWN))]) == [{"name": "a", "sizes": [1, None]}]


def test_keys_keep_their_order() -> None:
    found = Named(Pair(1, 2), "")
    assert found.to_json(None) == (
        '{"total": 3, "about": null, "first": 1, "pair": {"first": 1, "second": 2}, "last": null}'
    )
