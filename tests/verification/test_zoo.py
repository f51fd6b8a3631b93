"""Networks of the zoo, formula against execution."""

from __future__ import annotations

import pytest

import convcalc
from convcalc.spec.library import zoo_names
from convcalc.verification import verify_zoo

SMALL = ("lenet5_original", "squeezenet1_1", "shiftnet_c", "srcnn3d", "dcgan_generator")


def faults(run: convcalc.ZooRun) -> str:
    return "\n".join(str(found) for found in run.networks.values() if not found.ok)


def test_some_networks_verify_at_their_own_size() -> None:
    run = verify_zoo(SMALL)
    assert run.ok, faults(run)
    assert list(run.networks) == list(SMALL)
    for found in run.networks.values():
        assert not found.reduced
        assert found.fields >= 4
    # The published parameter counts of LeNet-5 and SqueezeNet 1.1.
    params = {
        name: {c.quantity: c.executed for c in found.totals}["params"] for name, found in run.networks.items()
    }
    assert params["squeezenet1_1"] == 1_235_496


def test_large_networks_verify_at_a_smaller_size() -> None:
    run = verify_zoo(("segnet", "squeezenet1_0"), macs=10**8, fields=False)
    assert run.ok, faults(run)
    assert all(found.reduced for found in run.networks.values())


@pytest.mark.slow
def test_the_whole_zoo_verifies() -> None:
    # At sizes of at most half a GMAC, and without fields: `convcalc verify --zoo` is the whole of it.
    run = verify_zoo(macs=5 * 10**8, fields=False)
    assert run.ok, faults(run)
    assert tuple(run.networks) == tuple(zoo_names())
    assert len(run.networks) >= 139


@pytest.mark.slow
def test_fields_of_networks_of_every_kind() -> None:
    names = ("resnet18", "vgg11", "mobilenet_v2", "densenet121", "googlenet", "shufflenet_v2_x0_5", "wavenet")
    names += ("deeplabv3_resnet50", "dcgan_discriminator", "edsr_baseline", "context_module_basic", "tcn")
    run = verify_zoo(names, macs=10**8)
    assert run.ok, faults(run)
    shown = {
        check.executed
        for found in run.networks.values()
        for layer in found.layers
        for check in layer.checks
        if check.quantity == "receptive_field"
    }
    # Yu & Koltun 2016, Table 1: the basic context module sees 67x67.
    assert "67x67 s1 p33" in shown


def test_a_name_that_is_not_in_the_zoo_is_refused() -> None:
    with pytest.raises(convcalc.SpecError, match="resnet18"):
        verify_zoo(("resnet188",))


def test_the_command_shows_one_row_a_network(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcalc.verification.zoo.zoo_names", lambda: ("lenet5", "espcn"))
    outcome = cli("verify", "--zoo")
    assert outcome.code == 0
    assert "lenet5" in outcome.out and "espcn" in outcome.out
    assert outcome.out.startswith("✓ formula and execution agree on 2 of 2 networks\n")
    data = cli("verify", "--zoo", "--json").json()
    assert data["ok"] is True
    assert [row["network"] for row in data["networks"]] == ["lenet5", "espcn"]
    assert all(row["differences"] == [] for row in data["networks"])


def test_a_difference_in_the_zoo_leaves_with_1(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.layers.products.linear import Linear

    monkeypatch.setattr("convcalc.verification.zoo.zoo_names", lambda: ("lenet5", "espcn"))
    monkeypatch.setattr(Linear, "macs", lambda self, inputs, outputs: 1)
    outcome = cli("verify", "--zoo")
    assert outcome.code == 1
    assert "✗ formula and execution DIFFER on 1 of 2 networks" in outcome.out
    assert "lenet5: ✗" in outcome.out
