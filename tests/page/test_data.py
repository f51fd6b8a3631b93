"""What a page shows is what the calculators answer."""

from __future__ import annotations

import json

import pytest

import convcalc


@pytest.mark.parametrize("spec", ["lenet5", "resnet18", "unet"])
def test_the_report_in_a_page_is_that_of_summary(cli, spec: str) -> None:
    page = cli("page", spec, "--json").json()
    summary = cli("summary", spec, "--json", "--partial").json()
    (network,) = page["networks"]
    assert network["report"] == summary
    rows = {row["id"]: row for row in network["rows"]}
    for layer in summary["layers"]:
        values = rows[layer["name"]]["values"]
        assert {key: values[key] for key in ("params", "macs", "flops")} == {
            key: layer[key] for key in ("params", "macs", "flops")
        }


def test_the_page_can_be_called_by_its_room_and_by_its_function() -> None:
    from convcalc.page import html

    made = convcalc.page("lenet5")
    assert json.dumps(made.to_dict())
    assert html.render(made.to_dict()) == made.html
