"""Coverage of receptive fields: counts worked out by hand, closed forms, Luo et al. 2016."""

from __future__ import annotations

from math import comb, sqrt
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc import MemoryLimitError, Unreachable, coverage, load, receptive_field
from convcalc.solve.coverage import SHARES, distances, inscribed
from tests.calculators.random_graphs import make_graph


def chain(*layers: str) -> Any:
    return load(" | ".join(layers))


def test_gridding_of_equal_rates() -> None:
    """Three 3x3 layers of rate 2 read every other pixel of 13: 7x7 of 13x13 (Wang et al. 2018)."""
    found = coverage(chain(*["conv 1->1 k3 d2"] * 3))
    assert found.pixels == 169
    assert found.count == 49
    assert found.fraction == 49 / 169
    row = found.crop(found.paths)[0]
    # paths along an axis: coefficients of (1 + x + x^2)^3
    assert row.tolist() == [1, 0, 3, 0, 6, 0, 7, 0, 6, 0, 3, 0, 1]


def test_hybrid_rates_leave_no_hole() -> None:
    """Wang et al. 2018: rates 1, 2, 5 cover their field, 1, 2, 9 do not."""
    assert coverage(chain(*(f"conv 1->1 k3 d{d}" for d in (1, 2, 5)))).fraction == 1
    assert coverage(chain(*(f"conv 1->1 k3 d{d}" for d in (1, 2, 9)))).fraction < 1


@given(st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=15)
def test_paths_are_binomials(layers: int, channels: int) -> None:
    """A line of kernels of 2 has Pascal's triangle; channels multiply it."""
    spec = " | ".join(f"conv {channels} k2" for _ in range(layers))
    found = coverage(load(spec, input=f"{channels}x{2 * layers + 3}"))
    assert found.crop(found.paths).tolist() == [
        comb(layers, i) * channels ** (layers + 1) for i in range(layers + 1)
    ]
    assert found.unit % channels ** (layers + 1) == 0


def test_the_numbers_of_paths_make_up_all_weights() -> None:
    """All paths to one position: product over layers of the weights that one output reads."""
    found = coverage(load("conv 3->4 k3 | conv 5 k2 | conv 2 k3", input="3x20x20"))
    assert int(found.paths.sum()) == 2 * (3 * 9) * (4 * 4) * (5 * 9)


def test_a_position_at_the_border() -> None:
    found = coverage(load("conv 1->1 k3 p1 | conv 1 k3 p1", input="1x9x9"), (0, 4))
    assert found.box == ((0, 2), (2, 6))
    assert found.count == found.pixels == 15
    assert found.field.padding_pixels == 10


def test_the_position_nearest_to_the_middle_with_a_whole_field() -> None:
    found = coverage(load("conv 1->1 k3 s2 p1 | conv 1 k3 p1", input="1x16x16"))
    assert found.field.padding_pixels == 0
    assert found.field.position == (3, 3) or found.field.position == (4, 4)


def test_sizes_that_nobody_stated_are_chosen_to_hold_the_field() -> None:
    found = coverage(load("conv 3->4 k5 s2 | convT 4 k3 s2 p1 | conv 4 k3 p=same"))
    assert found.field.padding_pixels == 0
    assert found.fraction == 1


def test_everything_is_the_box_of_a_global_operation() -> None:
    found = coverage(load("conv 1->2 k3 | globalavgpool", input="1x6x7"))
    assert found.box == ((0, 5), (0, 6))
    assert found.fraction == 1


def test_paths_cannot_be_counted_through_products() -> None:
    spec = "layers:\n  - {branches: {a: [identity], b: [globalavgpool]}, merge: mul}\n"
    found = coverage(load(spec, input="2x4x4"))
    assert found.paths is None
    assert "mul" in found.reason
    assert found.fraction == 1


def test_measured_from_an_inner_layer() -> None:
    graph = load("conv 1->1 k3 s2 id=a | conv 1 k3 d2 id=b | conv 1 k1", input="1x40x40")
    found = coverage(graph, start="a")
    assert found.field.input == "a"
    assert (found.count, found.pixels) == (9, 25)
    with pytest.raises(Unreachable, match="does not come after"):
        coverage(graph, layer="a", start="b")


def test_one_of_several_inputs() -> None:
    spec = (
        "inputs: {left: 1x12x12, right: 1x12x12}\nlayers:\n"
        "  - conv 1 k3 d2 p2 from=left id=l\n  - conv 1 k3 p1 from=right id=r\n  - add from=[l,r]\n"
    )
    assert coverage(load(spec)).pixels == 25
    assert coverage(load(spec), input="right").pixels == 9
    with pytest.raises(Unreachable, match="sees no input 'middle'"):
        coverage(load(spec), input="middle")


def test_a_flat_network_has_no_field() -> None:
    with pytest.raises(Unreachable, match="sees no pixel"):
        coverage(load("linear 10->4"))


def test_effective_field_grows_with_the_root_of_the_depth() -> None:
    """Luo et al. 2016, section 2: n layers of kernel k, random weights: a Gaussian whose standard
    deviation is sqrt(n (k^2 - 1) / 12), while the theoretical field grows with n."""
    found = {}
    for layers in (6, 24):
        spec = " | ".join("conv 16 k3 bias=false" for _ in range(layers))
        size = 2 * layers + 5
        effective = coverage(load(spec, input=f"16x{size}x{size}"), samples=3).effective
        assert effective is not None
        found[layers] = effective.deviation[0]
        # magnitudes of random sums: amplitude, not power; a Gaussian's is wider by sqrt(2)
        assert found[layers] / sqrt(layers * 8 / 12) == pytest.approx(sqrt(2), rel=0.12)
    assert found[24] / found[6] == pytest.approx(2, rel=0.12)


def test_the_gradient_of_equal_weights_is_the_number_of_paths() -> None:
    """A mean over windows: mass and paths have the same shape."""
    found = coverage(load("avgpool k3 s1 | avgpool k5 s1", input="1x15x15"), samples=1)
    assert found.effective is not None
    paths = found.paths.astype(float)
    np.testing.assert_allclose(found.effective.mass, paths / paths.sum(), atol=1e-7)
    assert found.effective.center == pytest.approx((7, 7))


def test_shares_within_a_radius() -> None:
    found = coverage(load("conv 3->8 k5 | relu | conv 8 k5", input="3x21x21"), samples=2).effective
    assert found is not None
    assert list(found.radii) == sorted(found.radii)
    for share, radius in zip(SHARES, found.radii, strict=True):
        assert found.share(radius) >= share - 1e-9
        assert found.share(radius * 0.999 - 1e-6) < share
    assert found.share(distances(found.mass.shape, found.center).max()) == pytest.approx(1)


def test_no_gradient_outside_the_theoretical_field() -> None:
    found = coverage(load("conv 3->8 k3 d2 | gelu | convT 8 k3 s2 | conv 4 k3", input="3x24x24"), samples=1)
    assert found.effective is not None
    outside = np.ones(found.reached.shape, bool)
    outside[tuple(slice(a, b + 1) for a, b in found.box)] = False
    assert not found.effective.mass[outside].any()
    assert not found.effective.mass[~found.reached].any()
    assert inscribed(found.field) == min(axis.length for axis in found.field.axes) / 2


def test_samples_depend_on_the_seed_alone() -> None:
    graph = load("conv 3->4 k3 | relu | conv 4 k3", input="3x9x9")
    a, b, c = (coverage(graph, samples=1, seed=seed).effective for seed in (0, 0, 1))
    assert a is not None and b is not None and c is not None
    assert (a.mass == b.mass).all()
    assert (a.mass != c.mass).any()
    with pytest.raises(Unreachable, match="samples"):
        coverage(graph, samples=-1)


def test_json_holds_maps_where_asked() -> None:
    found = coverage(load("conv 1->1 k3 d2", input="1x9x9"), samples=1)
    assert "map" not in found.to_dict()
    data = found.to_dict(maps=True)
    assert data["map"] == [[1, 0, 1, 0, 1], [0] * 5] * 2 + [[1, 0, 1, 0, 1]]
    assert data["paths"] == {"least": 1, "most": 1, "unit": 1}
    assert (data["reached"], data["box_pixels"]) == (9, 25)


@given(st.integers(0, 1 << 40))
@settings(max_examples=25)
def test_formula_and_execution_agree_from_any_layer(seed: int) -> None:
    """Coverage runs the part of a graph behind a layer; the calculator measures from that layer."""
    rng = Random(seed)
    graph = make_graph(rng)
    start = rng.choice(graph.nodes[:-1] or graph.nodes).name
    fields = receptive_field(graph, start=start)
    if not fields.of():
        return
    found = coverage(graph, start=start)
    assert 0 <= found.fraction <= 1
    (region,) = fields.at(found.field.position)
    for axis, extent in enumerate(region.axes):
        other = tuple(i for i in range(found.reached.ndim) if i != axis)
        seen = np.flatnonzero(found.reached.any(axis=other))
        assert extent.count == len(seen)
        assert extent.read == ((int(seen[0]), int(seen[-1])) if len(seen) else None)


def test_measured_from_a_layer_whose_other_output_is_read() -> None:
    graph = load(
        "conv 2->2 k3 | maxpool k2 id=pool | conv 2 k3 p1 | unpool k2 with=pool.indices", input="2x10x10"
    )
    found = coverage(graph, start="pool")
    assert found.field.input == "pool"
    assert found.count == 9


def test_padding_that_goes_round_lies_beside_the_field() -> None:
    found = coverage(load("conv 1->1 k3 p1 padding_mode=circular", input="1x9"), (0,))
    assert found.reached.tolist() == [True, True, *[False] * 6, True]
    assert found.box == ((0, 8),)


def test_a_map_that_needs_too_much_memory_is_refused() -> None:
    with pytest.raises(MemoryLimitError):
        coverage(load("conv 1->1 k3", input="1x3000000x3000000"), (0, 0))
