"""Which sizes work, against building every size for real."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.spec.loading import read
from convcalc.spec.lookup import find
from convcalc.spec.sizes.rows import rows_of
from convcalc.spec.sizes.trace import Spec
from tests.calculators.sizes.random_specs import spec

ZOO = [
    "unet", "unet3d", "resnet18", "segnet", "fcn8s", "fcn16s", "densenet121", "inception_v3", "googlenet",
    "inception_v4", "mobilenet_v2", "shufflenet_v2_x1_0", "deeplabv3plus", "pspnet_resnet50", "darknet53",
    "vgg16", "xception", "srcnn", "lenet5_original", "alexnet_v2", "mixer_b16",
]  # fmt: skip


def builds(text: str, shape: tuple[int, ...] | dict[str, tuple[int, ...]]) -> bool:
    """Whether a spec can be built at a shape: the question itself."""
    try:
        convcalc.load(text, input=shape)
    except convcalc.SpecError:
        return False
    return True


def followed(text: str, shape: tuple[int, ...]):  # type: ignore[no-untyped-def]
    """The rows that are found without building single sizes."""
    return rows_of(Spec(read(find(text), shape)), checks=0, tried=0).rows


@given(spec())
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_one_axis_agrees_with_building_every_size(text: str) -> None:
    (row,) = followed(text, (4, 50))
    assert [n for n in range(1, 101) if n in row.sizes] == [n for n in range(1, 101) if builds(text, (4, n))]


@given(spec(), st.lists(st.integers(1, 10**7), min_size=8, max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_what_repeats_holds_far_beyond_the_window(text: str, sizes: list[int]) -> None:
    (row,) = followed(text, (4, 50))
    for n in (*sizes, *(row.sizes.above(n) or n for n in sizes), *(row.sizes.below(n) or n for n in sizes)):
        if row.sizes.limit is None:
            assert (n in row.sizes) is builds(text, (4, n)), n


@given(spec(), st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=12, max_size=12))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_two_axes_agree_with_building(text: str, shapes: list[tuple[int, int]]) -> None:
    rows = followed(text, (4, 24, 31))
    free = [row for row in rows if not row.held]
    alike = any(len(row.places) > 1 for row in free)
    for height, width in shapes:
        if alike or not free:
            width = height
        if free:
            at = {("input", 1): height, ("input", 2): width}
            assert all(at[p] in row.sizes for row in free for p in row.places) is builds(
                text, (4, height, width)
            )
        for row in rows:
            if row.held:
                shape = (4, height, 31) if row.places == (("input", 1),) else (4, 24, height)
                assert (height in row.sizes) is builds(text, shape)


def agrees(name: str, sizes: Iterable[int]) -> None:
    found = convcalc.sizes(name)
    (shape,) = found.inputs.values()
    free = [axis for axis in found.axes if not axis.held]
    assert free
    for n in sizes:
        expected = all(n in axis.sizes for axis in free)
        assert builds(name, (shape[0], *(n for _ in shape[1:]))) is expected, n


@pytest.mark.parametrize("name", ZOO[::2])
def test_the_zoo_agrees_with_building(name: str) -> None:
    smallest = max(axis.smallest or 1 for axis in convcalc.sizes(name).axes if not axis.held)
    agrees(name, [*range(max(1, smallest - 2), smallest + 3), 67, 133, 224, 397])


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_agrees_with_building_sizes_to_1024(name: str) -> None:
    # Seven has no factor in common with the multiples that networks require: every remainder is met.
    agrees(name, range(1, 1025) if name in ZOO[:3] else range(ZOO.index(name) % 7 + 1, 1025, 7))


# -- the answers, by arithmetic ------------------------------------------------------------------

UNET = """
input: 3x576x576
blocks:
  double(c):
    - conv c k3 p1
    - conv c k3 p1
layers:
  - double(64) id=e1
  - maxpool k2 s2
  - double(128) id=e2
  - maxpool k2 s2
  - double(256) id=e3
  - maxpool k2 s2
  - double(512) id=e4
  - maxpool k2 s2
  - double(1024)
  - convT 512 k2 s2
  - concat with=e4
  - convT 256 k2 s2
  - concat with=e3
  - convT 128 k2 s2
  - concat with=e2
  - convT 64 k2 s2
  - concat with=e1
"""
FIVE_HALVINGS = " | ".join([*["conv 8 k3 p1", "maxpool k2 s2"] * 5, "flatten", "linear 8*4*4->10"])
UNPOOLED = "maxpool k2 s2 id=p | unpool k2 s2 with=p.indices"
FIVE_STRIDES = " | ".join(["conv 8 k4 s2 p1"] * 5 + ["conv 1 k4"])


@pytest.mark.parametrize(
    ("text", "shape", "expected"),
    [
        (UNET, (3, 576, 576), ["multiples of 16", "multiples of 16"]),  # four halvings that are undone
        (FIVE_HALVINGS, (3, 224, 224), ["128 to 159", "none", "none"]),  # floor(n/32) = 4
        (FIVE_STRIDES, (3, 49, 74), ["any from 128", "any from 128"]),  # 4*32
        ("conv 4 k7", (3, 9), ["any from 7"]),
        ("conv 4 k3 s2 id=a | convT 4 k3 s2 | add from=[input,unnamed]", (4, 9), None),
        ("input 4x9 | conv 4 k3 s2 | convT 4 k3 s2 | add with=input", (4, 9), ["2*n + 1 from 3"]),
        ("input 4x9 | conv 4 k5 s4 p1 id=c | convT 4 k5 s4 p1 | add with=input", (4, 9), ["4*n + 3"]),
        ("pixelunshuffle factor=3", (3, 9, 9), ["multiples of 3", "multiples of 3"]),
        ("slice 5 9 axis=1", (3, 20), ["any from 9"]),
        (UNPOOLED, (3, 20), ["any from 2"]),
        (f"input 3x20 | {UNPOOLED} | add with=input", (3, 20), ["multiples of 2"]),
        ("adaptiveavgpool size=4 | flatten | linear 48->2", (3, 20, 20), ["any", "any"]),
        ("conv 4 k3 p4 padding_mode=circular", (3, 20), ["any from 4"]),
        ("reshape 2x6", (3, 20), ["4"]),
        ("linear 8", (12,), []),
    ],
)  # fmt: skip
def test_answers_that_arithmetic_gives(text: str, shape: tuple[int, ...], expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(convcalc.SpecError):
            convcalc.sizes(text, input=shape)
        return
    assert [str(axis.sizes) for axis in convcalc.sizes(text, input=shape).axes] == expected


def test_the_nearest_sizes() -> None:
    found = convcalc.sizes(UNET, input="3x700x512")
    assert found.works is False
    assert "concat cannot join 512x86x64 and 512x87x64" in str(found.reason)
    assert [tuple(near["input"]) for near in found.nearest] == [(3, 688, 512), (3, 704, 512)]
    height, width = found["height"], found["width"]
    assert (height.works, height.smallest, height.below, height.above) == (False, 16, 688, 704)
    assert (width.works, width.below, width.above) == (True, 512, 512)
    assert convcalc.sizes(UNET, near=9).nearest[0]["input"] == (3, 16, 16)
    assert convcalc.sizes(UNET, near=(700, 512)).inputs == found.inputs
    with pytest.raises(KeyError, match="height, width"):
        found["depth"]


def test_a_graph_is_asked_as_its_spec_is() -> None:
    graph = convcalc.load(UNET)
    assert [axis.sizes for axis in convcalc.sizes(graph).axes] == [
        axis.sizes for axis in convcalc.sizes(UNET).axes
    ]
    graph.text = ""
    assert [str(axis.sizes) for axis in convcalc.sizes(graph, near=30).axes] == ["multiples of 16"] * 2


def test_variables_are_set() -> None:
    text = "vars: {s: 2}\ninput: 4x20\nlayers: [conv 4 k=s s=s, convT 4 k=s s=s, add with=input]"
    assert str(convcalc.sizes(text)["length"].sizes) == "multiples of 2"
    assert "multiples of 5" in str(convcalc.sizes(text, set={"s": 5})["length"].sizes)


def test_several_inputs_and_ranks() -> None:
    text = "inputs: {a: 3x32x32, b: 3x16x16}\nlayers: [upsample scale=2 from=b, concat with=a]"
    found = convcalc.sizes(text)
    assert {axis.name: str(axis.sizes) for axis in found.axes} == {
        "height of a at height of b 16": "32",
        "height of b at height of a 32": "16",
        "width of a at width of b 16": "32",
        "width of b at width of a 32": "16",
    }
    text = "inputs: {a: 3x32x48, b: 3x32x48}\nlayers: [maxpool k2 s2 from=b, upsample scale=2, concat with=a]"
    free = {axis.name: str(axis.sizes) for axis in convcalc.sizes(text).axes if not axis.held}
    assert free == {
        "height of a = height of b": "multiples of 2",
        "width of a = width of b": "multiples of 2",
    }
    volume = convcalc.sizes(
        "input 1x9x9x9 | maxpool k2x3x1 s2x3x1 | upsample scale=(2,3,1) | concat with=input"
    )
    assert [str(axis.sizes) for axis in volume.axes] == ["multiples of 2", "multiples of 3", "any"]


def test_letters_that_are_the_same_stand_for_one_size() -> None:
    (axis,) = convcalc.sizes(FIVE_HALVINGS, input="3xNxN").axes
    assert (axis.name, str(axis.sizes), axis.works) == ("height = width", "128 to 159", None)


def test_a_network_that_cannot_be_followed_is_built_size_by_size() -> None:
    text = "vars: {n: 3}\ninput: 4x20\nlayers: [{repeat: 2, body: [conv 4 k3 s2]}, crop size=2]"
    assert convcalc.sizes(text).axes  # followed
    odd = "conv 4 k3 | upsample scale=1.234567"
    assert list(islice(convcalc.sizes(odd, input="4x9")["length"].sizes, 3)) == [3, 4, 5]


def test_nothing_is_said_of_sizes_beyond_what_was_looked_at() -> None:
    # 300 kernels that each take 2 rows: from 601 on, beyond the first window
    deep = "input: 3x100\nlayers: [{repeat: 300, body: [conv 4 k3]}]"
    assert str(convcalc.sizes(deep)["length"].sizes) == "any from 601"
    # 5,000 of them: from 10,001 on, beyond every window, so that nothing is certain
    deeper = deep.replace("300", "5000")
    length = convcalc.sizes(deeper)["length"]
    assert not length.sizes
    assert length.sizes.limit is not None
    with pytest.raises(convcalc.SpecError) as error:
        convcalc.load(deeper)
    assert "sizes that work" not in str(error.value)


def test_a_product_that_is_rounded_to_doubles_is_looked_at_size_by_size() -> None:
    # 1.4 makes 62 of 45 (PyTorch), so that only what the window holds is known
    text = "conv 4 k3 | upsample scale=1.4 rounding=double | crop size=62"
    sizes = convcalc.sizes(text, input="3x45")["length"].sizes
    assert [n for n in range(1, 90) if n in sizes] == [n for n in range(1, 90) if builds(text, (3, n))]
    assert sizes.limit is not None
    assert sizes.limit > 500


def test_what_takes_too_much_work_is_refused() -> None:
    huge = "input: 3x20001x100\nlayers: [{repeat: 90000, body: [conv 8 k3 p1, relu]}]"
    with pytest.raises(convcalc.Unreachable, match="more than 100"):
        convcalc.sizes(huge)


def test_where_the_structure_depends_on_the_size() -> None:
    # a residual that is dropped where it does not fit: fits always works, both ways are built
    text = "input: 4x9\nlayers: [{residual: auto, body: [conv 4 k3 s2 p1]}, conv 4 k2]"
    row = convcalc.sizes(text)["length"]
    assert [n for n in range(1, 9) if n in row.sizes] == [n for n in range(1, 9) if builds(text, (4, n))]


# -- in errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shape", "message", "sizes"),
    [
        (UNET, "3x700x700", "concat cannot join", "multiples of 16; nearest 688 and 704"),
        (UNET, "3x700x512", "concat cannot join", "multiples of 16; nearest 3x688x512 and 3x704x512"),
        (FIVE_STRIDES, "3x49x74", "kernel 4 is larger than the input 1", "any from 128; nearest 3x128x128"),
        (FIVE_HALVINGS, "3x224x224", "in_features is 128, but 392 arrive", "128 to 159; nearest 159"),
        (f"input 4x9 | {UNPOOLED} | add with=input", "4x9", "add cannot", "multiples of 2; nearest 8 and 10"),
    ],
)  # fmt: skip
def test_errors_say_which_sizes_work(text: str, shape: str, message: str, sizes: str) -> None:
    with pytest.raises(convcalc.SpecError) as error:
        convcalc.load(text, input=shape)
    assert message in str(error.value)
    assert f"  sizes that work: {sizes}" in str(error.value)
    (problem, *_) = error.value.to_dict()["errors"]
    assert problem["sizes"]["text"] == sizes
    for near in problem["sizes"]["nearest"]:
        convcalc.load(text, input=near)


@given(spec(), st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_what_an_error_offers_can_be_built(text: str, height: int, width: int) -> None:
    try:
        convcalc.load(text, input=(4, height, width))
    except convcalc.SpecError as error:
        sizes = error.told()[0].sizes
        for near in sizes["nearest"] if sizes else ():
            convcalc.load(text, input=near)


@pytest.mark.parametrize("text", ["conv 4 k3 | conx 4", "conv 4 k3 g2", "input 3x9 | conv 5->4 k3"])
def test_errors_that_no_size_mends_say_nothing_of_sizes(text: str) -> None:
    with pytest.raises(convcalc.SpecError) as error:
        convcalc.load(text, input=None if text.startswith("input") else "3x9x9")
    assert "sizes that work" not in str(error.value)


@pytest.mark.parametrize(
    ("spec", "given", "told"),
    [
        ("conv 4->8 k3", "3x9x9", "in_channels is 4, but 3 arrive"),
        ("conv 3->8 k3 | add x", "3x9x9", "unknown name 'x'"),
        ("input: 3x9x9\nlayers: []\n", None, "the spec has no layers"),
    ],
)
def test_what_no_size_mends_is_no_question_of_sizes(spec: str, given: str | None, told: str) -> None:
    with pytest.raises(convcalc.SpecError) as caught:
        convcalc.sizes(spec, input=given)
    assert caught.value.problems[0].message == told
