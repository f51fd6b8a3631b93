"""Receptive fields against published tables, closed forms and the definitions."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc import Unreachable, load, receptive_field

DATA = Path(__file__).parent / "data"


def last(spec: str, **options: Any) -> Any:
    """What the output of a spec sees."""
    return receptive_field(load(spec, **options)).output


def linear(row: Any) -> tuple[Any, Any, Any]:
    """Size, stride and padding where all axes have the same."""
    assert len({*row.size}) == len({*row.stride}) == len({*row.padding}) == 1
    return row.size[0], row.stride[0], row.padding[0]


# Araujo, Norris & Sim 2019 (distill.pub) and the table of receptive fields of end-points that
# Google Research publishes with it: network, resolution, end-point, size, stride, padding.
PUBLISHED = [
    ("alexnet_v2", 224, "conv1", 11, 4, 0),
    ("alexnet_v2", 224, "pool1", 19, 8, 0),
    ("alexnet_v2", 224, "conv2", 51, 8, 16),
    ("alexnet_v2", 224, "conv3", 99, 16, 32),
    ("alexnet_v2", 224, "conv4", 131, 16, 48),
    ("alexnet_v2", 224, "conv5", 163, 16, 64),
    ("alexnet_v2", 224, "pool5", 195, 32, 64),
    ("alexnet_v2", 321, "pool5", 195, 32, 64),
    ("vgg_16", 224, "conv1_1", 3, 1, 1),
    ("vgg_16", 224, "pool1", 6, 2, 2),
    ("vgg_16", 224, "conv3_2", 32, 4, 14),
    ("vgg_16", 224, "pool3", 44, 8, 18),
    ("vgg_16", 224, "pool4", 100, 16, 42),
    ("vgg_16", 224, "conv5_2", 164, 16, 74),
    ("vgg_16", 224, "pool5", 212, 32, 90),
    ("vgg_16", 321, "pool5", 212, 32, 90),
    ("mobilenet_v1", 224, "pointwise3", 19, 4, 6),
    ("mobilenet_v1", 224, "pointwise6", 59, 16, 14),
    ("mobilenet_v1", 224, "pointwise12", 251, 32, 94),
    ("mobilenet_v1", 224, "pointwise13", 315, 32, 126),
    ("mobilenet_v1", 321, "conv0", 3, 2, 1),
    ("mobilenet_v1", 321, "pointwise4", 27, 8, 13),
    ("mobilenet_v1", 321, "pointwise12", 251, 32, 125),
    ("mobilenet_v1", 321, "pointwise13", 315, 32, 157),
    ("resnet_v1_50", 224, "block1", 35, 8, 15),
    ("resnet_v1_50", 224, "block2", 99, 16, 47),
    ("resnet_v1_50", 224, "block3", 291, 32, 143),
    ("resnet_v1_50", 224, "block4", 483, 32, 239),
    ("resnet_v1_50", 321, "block1", 35, 8, 17),
    ("resnet_v1_50", 321, "block4", 483, 32, 241),
    ("inception_v2", 224, "Conv2d_1a_7x7", 7, 2, 2),
    ("inception_v2", 224, "Mixed_3c", 91, 8, 38),
    ("inception_v2", 224, "Mixed_4a", 123, 16, 46),
    ("inception_v2", 224, "Mixed_5c", 699, 32, 318),
    ("inception_v2", 321, "MaxPool_2a_3x3", 11, 4, 5),
    ("inception_v2", 321, "Mixed_4e", 379, 16, 189),
    ("inception_v2", 321, "Mixed_5c", 699, 32, 349),
]


@pytest.mark.parametrize(("network", "resolution", "layer", "size", "stride", "padding"), PUBLISHED)
def test_published_end_points(
    network: str, resolution: int, layer: str, size: int, stride: int, padding: int
) -> None:
    graph = load(DATA / f"{network}.yaml", input=f"3x{resolution}x{resolution}")
    (row,) = receptive_field(graph).of(layer)
    assert linear(row) == (size, stride, padding)


@pytest.mark.parametrize(
    ("network", "layer", "size", "stride", "padding"),
    [
        ("alexnet_v2", "pool5", 195, 32, 64),
        ("vgg_16", "pool5", 212, 32, 90),
        ("mobilenet_v1", "pointwise13", 315, 32, None),
        ("resnet_v1_50", "block4", 483, 32, None),
        ("inception_v2", "Mixed_5c", 699, 32, None),
    ],
)
def test_published_without_a_resolution(
    network: str, layer: str, size: int, stride: int, padding: int | None
) -> None:
    """The same table, resolution None: SAME padding after a stride depends on the input."""
    fields = receptive_field(load(DATA / f"{network}.yaml", input="3x?x?"))
    row = fields.of(layer)[0].to_dict()
    assert (row["size"], row["stride"], row["padding"]) == ([size] * 2, [stride] * 2, [padding] * 2)


@pytest.mark.parametrize(
    ("units", "size", "padding"),
    [("[3, 4, 23, 3]", 1027, 511), ("[3, 8, 36, 3]", 1507, 751), ("[3, 24, 36, 3]", 1763, 879)],
)
def test_published_deeper_resnets(units: str, size: int, padding: int) -> None:
    graph = load(DATA / "resnet_v1_50.yaml", set={"units": units})
    assert linear(receptive_field(graph).of("block4")[0]) == (size, 32, padding)


@pytest.mark.parametrize(
    ("network", "size", "stride", "padding"),
    [
        ("alexnet_v2", 195, 32, 64),
        ("vgg16", 212, 32, 90),
        ("mobilenet_v1", 315, 32, 126),
        ("resnet_v1_50", 483, 32, 239),
        ("inception_v3", 1311, 32, 618),
        ("inception_v4", 2071, 32, 998),
        ("inception_resnet_v2", 3039, 32, 1482),
    ],
)
def test_published_figures_of_zoo_networks(network: str, size: int, stride: int, padding: int) -> None:
    rows = receptive_field(load(network)).layers
    whole = [row for row in rows if row.size != ("all", "all") and row.output_shape[1:] > (2, 2)]
    assert linear(whole[-1]) == (size, stride, padding)


def test_resnet_50_as_torchvision_has_it_sees_427_pixels() -> None:
    """Richter et al. 2021, toolbox."""
    rows = [row for row in receptive_field(load("resnet50")).layers if row.size != ("all", "all")]
    assert linear(rows[-1])[:2] == (427, 32)


def test_context_module() -> None:
    """Yu & Koltun 2016, Table 1."""
    rows = receptive_field(load("context_module_basic")).layers
    found = [row.size for row in rows if row.op == "conv"]
    assert found == [(n, n) for n in (3, 5, 9, 17, 33, 65, 67, 67)]


def test_three_small_kernels_see_what_a_large_one_sees() -> None:
    """Simonyan & Zisserman 2015, section 2.3."""
    assert linear(last("conv 3->4 k3 | conv 4 k3 | conv 4 k3"))[0] == linear(last("conv 3->4 k7"))[0] == 7


@given(
    st.lists(st.tuples(*(st.integers(1, n) for n in (5, 3, 4)), st.integers(0, 4)), min_size=1, max_size=12)
)
def test_chains_follow_the_closed_form(layers: list[tuple[int, int, int, int]]) -> None:
    """Araujo et al. 2019, equations 2 and 5: sums over layers of products of strides."""
    spec = " | ".join(f"conv 2 k{k} s{s} d{d} p{p}" for k, s, d, p in layers)
    size, stride, padding = 1, 1, 0
    for k, s, d, p in layers:
        size += d * (k - 1) * stride
        padding += p * stride
        stride *= s
    row = last(spec, input="1x?x?")
    assert linear(row) == (size, stride, padding)
    assert row.center[0] == Fraction(size - 1, 2) - padding


def test_axes_are_apart() -> None:
    row = last("conv 3->4 k3x5x1 s1x2x3 p1x0x2 | conv 4 k1x3x3 d1x4x2", input="3x20x40x40")
    assert row.size == (3, 5 + 4 * 2 * 2, 1 + 2 * 2 * 3)
    assert row.stride == (1, 2, 3)
    assert row.padding == (1, 0, 2)


def test_one_and_three_dimensions() -> None:
    assert linear(last("conv 3->4 k5 s2 p2 | conv 4 k3", input="3x64")) == (9, 2, 2)
    assert linear(last("conv 3->4 k5 s2 p2 | conv 4 k3", input="3x64x64x64")) == (9, 2, 2)


# Transposed convolution, kernel k, stride s, padding p: output j is written by the inputs i with
# 0 <= j + p - i*s < k (Dumoulin & Visin 2016); resizing: the taps of each mode.
@pytest.mark.parametrize(
    ("spec", "starts", "sizes", "stride"),
    [
        ("convT 4 k4 s2 p1", (-1, 0), (2, 2), Fraction(1, 2)),
        ("convT 4 k3 s2 p1", (0, 0), (1, 2), Fraction(1, 2)),
        ("convT 4 k2 s2", (0, 0), (1, 1), Fraction(1, 2)),
        ("convT 4 k2 s3", (0, 0, None), (1, 1, 0), Fraction(1, 3)),
        ("convT 4 k3", (-2,), (3,), 1),
        ("upsample scale=2 mode=nearest", (0, 0), (1, 1), Fraction(1, 2)),
        ("upsample scale=2 mode=linear", (-1, 0), (2, 2), Fraction(1, 2)),
        ("upsample scale=3 mode=linear", (-1, 0, 0), (2, 1, 2), Fraction(1, 3)),
        ("upsample scale=2 mode=cubic", (-2, -1), (4, 4), Fraction(1, 2)),
        ("upsample scale=2 mode=cubic a=0", (-1, 0), (2, 2), Fraction(1, 2)),
        ("upsample scale=3/2 mode=nearest", (0, 0, 1), (1, 1, 1), Fraction(2, 3)),
        ("upsample size=21 mode=linear align_corners=true", (0, 0), (1, 2), Fraction(1, 2)),
        ("pixelshuffle 2", (0, 0), (1, 1), Fraction(1, 2)),
        ("maxpool k2 id=pool | unpool k2 with=pool.indices", (0, 0), (2, 2), 1),
    ],
)
def test_phases(spec: str, starts: tuple[Any, ...], sizes: tuple[int, ...], stride: Any) -> None:
    (axis,) = last(spec, input="4x11" if "pool k2" not in spec else "4x12").axes
    assert (axis.starts, axis.sizes, axis.stride) == (starts, sizes, stride)


def test_a_stride_after_upsampling_leaves_one_phase() -> None:
    row = last("convT 4 k4 s2 p1 | conv 4 k2 s2", input="3x16x16")
    assert row.period == (1, 1)
    # outputs 2i and 2i + 1 see inputs i-1..i and i..i+1
    assert linear(row) == (3, 1, 1)


@pytest.mark.parametrize(
    "layer",
    [
        "globalavgpool",
        "globalmaxpool",
        "adaptiveavgpool 1",
        "adaptivemaxpool 1",
        "flatten",
        "flatten | linear 5",
        "ln",
        "gn 2",
        "instancenorm",
        "bn track=false",
        "upsample scale=2 mode=spline",
    ],
)
def test_global_operations_see_everything(layer: str) -> None:
    layer = layer.replace("pool 1", "pool size=1")
    row = last(f"conv 4 k3 p1 | {layer}", input="3x9x9")
    assert row.size == ("all", "all")
    assert row.local == (None, None)
    assert row.stride == (None, None)
    assert row.to_dict()["size"] == ["all", "all"]


@pytest.mark.parametrize("layer", ["softmax", "ln over=channels", "lrn 5", "bn", "linear 6 axis=channels"])
def test_operations_over_channels_see_no_further(layer: str) -> None:
    assert linear(last(f"conv 4 k3 p1 | {layer}", input="3x9x9")) == (3, 1, 1)


def test_a_global_branch_is_said_beside_the_local_field() -> None:
    spec = (
        "layers:\n  - conv 4 k3 p1\n"
        "  - {branches: {a: [identity], b: [globalavgpool, conv 4 k1]}, merge: mul}\n  - conv 4 k3\n"
    )
    row = last(spec, input="3x16x16")
    assert row.size == ("all", "all")
    assert row.local == (5, 5)


def test_permuted_axes_are_followed() -> None:
    row = last("conv 4 k3x5 | permute (0,2,1) | conv 4 k3x1 s2x1", input="3x20x30")
    assert row.size == (3, 7)  # the kernel of 3 runs along what was the second axis
    assert row.stride == (1, 2)
    assert [axis.driver for axis in row.axes] == [2, 1]


def test_symbols_give_closed_forms() -> None:
    row = last("conv M->N kK s=S | conv N k=L d=D", input="MxHxW")
    size, stride = str(row.size[0]), str(row.stride[0])
    for values in ({"K": 3, "S": 2, "L": 5, "D": 4}, {"K": 7, "S": 3, "L": 2, "D": 1}):
        K, S, L, D = values.values()
        assert eval(size, {}, dict(values)) == K + (L - 1) * D * S
        assert eval(stride, {}, dict(values)) == S


def test_unstated_sizes() -> None:
    assert linear(last("conv 3->4 k3 d16 p=same | conv 4 k5 p=same")) == (37, 1, 18)
    row = last("conv 3->4 k3 s2 p=same | conv 4 k3").to_dict()
    assert (row["size"], row["stride"], row["padding"], row["center"]) == (
        [7, 7],
        [2, 2],
        [None] * 2,
        [None] * 2,
    )


# -- branches ---------------------------------------------------------------------------------------


def branches(a: str, b: str, merge: str = "add") -> str:
    return f"layers:\n  - {{branches: {{a: [{a}], b: [{b}]}}, merge: {merge}}}\n"


def test_the_hull_of_branches() -> None:
    row = last(branches("conv 4 k3 d5 p5", "conv 4 k5 p2"), input="4x20x20")
    assert linear(row) == (11, 1, 5)


def test_misaligned_branches_are_named() -> None:
    fields = receptive_field(load(branches("conv 4 k3 s2 p0:2", "conv 4 k1 s2", "concat"), input="4x9x9"))
    assert {(item.axis, item.by, item.at_end) for item in fields.misaligned} == {(0, 1, None), (1, 1, None)}
    assert fields.misaligned[0].layer == "concat1"
    assert {*fields.misaligned[0].branches} == {"a.conv1", "b.conv1"}
    # windows 3i..3i+1 and 3i..3i+2 have their centres half a pixel apart
    fields = receptive_field(load(branches("conv 4 k2 s2", "conv 4 k3 s2 p0:1"), input="4x10x10"))
    assert [item.by for item in fields.misaligned] == [Fraction(1, 2)] * 2


def test_rows_and_columns_of_a_product_are_not_apart() -> None:
    maps = "conv 8 k3 s2 p1 id=m | reshape 2x4x64 id=k | maxpool k1 s2 from=m | reshape 2x4x16 id=q"
    graph = convcalc.load(f"{maps} | matmul from=[q,k] transpose_a=true", input="3x16x16")
    assert not convcalc.receptive_field(graph).misaligned


def test_aligned_branches_are_not() -> None:
    for network in ("resnet50", "inception_v3", "densenet121", "unet"):
        assert receptive_field(load(network)).misaligned == []


def test_resizing_with_corners_on_each_other_shifts_along_the_axis() -> None:
    """Sizes 9 -> 3 -> 9: pixels 0, 4, 8 of the branch are those of the input only in the middle."""
    spec = branches("identity", "maxpool k3 s3, upsample size=9 mode=linear align_corners=true")
    fields = receptive_field(load(spec, input="4x9"))
    (item,) = fields.misaligned
    assert (item.by, item.at_end) == (1, 1)  # the pool's first centre is 1, its last 7


def test_shifts_read_all_around() -> None:
    assert linear(last("shift k3 | conv 4 k1", input="9x9x9")) == (3, 1, 1)
    assert linear(last("shift k5 d2 | conv 4 k1", input="25x32x32")) == (9, 1, 4)


# -- regions ----------------------------------------------------------------------------------------


def test_region_of_a_position() -> None:
    fields = receptive_field(load("conv 3->4 k3 s2 p1 | conv 4 k3 p1", input="3x32x32"))
    (found,) = fields.at((0, 15))
    top, side = found.axes
    # rows: outputs -1..1 of the first layer, that is -3..3 of the input; columns: outputs 14..16
    assert (top.first, top.last, top.read, top.before, top.after) == (-3, 3, (0, 3), 3, 0)
    assert (side.first, side.last, side.read, side.before, side.after) == (27, 33, (27, 31), 0, 2)
    assert (found.pixels, found.padding_pixels) == (49, 49 - 4 * 5)


def test_a_padded_crop_reads_nothing_beyond_its_border() -> None:
    """Padding after a crop is zeros, though the input goes on there."""
    fields = receptive_field(load("crop amounts=5 | conv 4 k3 p1", input="3x20"))
    (found,) = fields.at((0,))
    assert (found.axes[0].first, found.axes[0].last, found.axes[0].read) == (4, 6, (5, 6))


def test_what_lies_between_is_counted() -> None:
    fields = receptive_field(load("conv 4 k3 d2 | conv 4 k3 d2", input="3x20x20"))
    (found,) = fields.at((3, 4))
    assert [(axis.length, axis.count) for axis in found.axes] == [(9, 5), (9, 5)]


def test_circular_padding_reads_the_other_end() -> None:
    fields = receptive_field(load("conv 4 k3 p1 padding_mode=circular", input="3x8"))
    (found,) = fields.at((0,))
    assert (found.axes[0].read, found.axes[0].count) == ((0, 7), 3)


def test_measured_from_an_inner_layer() -> None:
    graph = load("conv 4 k3 s2 id=a | conv 4 k3 id=b | conv 4 k5 s2 id=c", input="3x64x64")
    fields = receptive_field(graph, start="a")
    assert [row.name for row in fields.layers] == ["b", "c"]
    assert linear(fields.of("c")[0]) == (7, 2, 0)
    (found,) = fields.at((1, 1), "c")
    assert found.input == "a"
    assert found.axes[0].read == (2, 8)


def test_several_inputs_and_outputs() -> None:
    spec = (
        "inputs: {left: 3x16x16, right: 3x16x16}\nlayers:\n"
        "  - conv 4 k3 p1 from=left id=l\n  - conv 4 k7 p3 from=right id=r\n  - add from=[l,r] id=both\n"
    )
    fields = receptive_field(load(spec))
    assert {row.input: row.size for row in fields.of("both")} == {"left": (3, 3), "right": (7, 7)}
    assert {row.input for row in fields.of("l")} == {"left"}
    assert {found.input: found.axes[0].read for found in fields.at((8, 8))} == {
        "left": (7, 9),
        "right": (5, 11),
    }


def test_parts_of_a_split_are_told_apart() -> None:
    spec = branches("identity", "conv 4 k5 p2", "concat") + "  - split (4,4) id=parts\n"
    fields = receptive_field(load(spec, input="4x16"))
    reads = [fields.at((8,), f"parts.{part}")[0].axes[0].read for part in (0, 1)]
    assert reads == [(8, 8), (6, 10)]


# -- productive range -------------------------------------------------------------------------------


def test_productive_range_of_vgg_16() -> None:
    """Layer before conv5_3 sees 164, conv5_3 sees 196 (Richter et al. 2021: r_{l-1} <= i)."""
    (found,) = receptive_field(load("vgg16")).ranges
    assert (found.smallest, found.largest) == ((164, 164), (196, 196))


@pytest.mark.parametrize(
    ("size", "border"), [(32, "features.stack4.conv1"), (164, None), (163, "features.stack5.conv3")]
)
def test_layers_without_new_context_are_marked(size: int, border: str | None) -> None:
    """Sizes seen by the layers of VGG-16: 3 5 6 10 14 16 24 32 40 44 60 76 92 100 132 164 196 212."""
    rows = receptive_field(load("vgg16", input=f"3x{size}x{size}")).layers
    marked = [row.name for row in rows if row.adds_context is False]
    assert marked[:1] == ([border] if border else [])


def test_paths_that_see_little_keep_a_layer_productive() -> None:
    """A residual path carries what the image still has to say (Richter et al. 2021, minimum field)."""
    plain = "layers:\n  - {repeat: 12, body: [conv 4 k3 p1]}\n"
    residual = "layers:\n  - {repeat: 12, body: [{residual: identity, body: [conv 4 k3 p1]}]}\n"
    assert receptive_field(load(plain, input="4x9x9")).ranges[0].smallest == (23, 23)
    assert receptive_field(load(residual, input="4x9x9")).ranges[0].smallest == (1, 1)


# -- scale, errors ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_fifty_thousand_layers() -> None:
    graph = load("input: 2x64x64\nlayers:\n  - {repeat: 25000, body: [conv 2 k3 p1, relu]}\n")
    fields = receptive_field(graph)
    assert fields.output is not None
    assert linear(fields.output) == (50001, 1, 25000)
    assert fields.at((0, 63))[0].axes[0].read == (0, 63)


def test_the_numbers_need_no_numpy(process: Any) -> None:
    code = (
        "import sys, convcalc; f = convcalc.receptive_field(convcalc.load('unet'));"
        "f.at((3, 4)); f.to_json();"
        "print([m for m in ('numpy', 'sympy') if m in sys.modules])"
    )
    assert process(code=code).out.strip() == "[]"


@pytest.mark.parametrize(
    ("position", "layer", "words"),
    [
        ((0, 14), None, "there is no position 14 on axis 1, the output has 14"),
        ((-1, 0), None, "there is no position -1 on axis 0"),
        ((1,), None, "the output has 2 spatial axes"),
        ((0, 0), "conf1", "the graph has no layer 'conf1'"),
    ],
)
def test_refusals(position: tuple[int, ...], layer: str | None, words: str) -> None:
    fields = receptive_field(load("conv 4 k3", input="3x16x16"))
    with pytest.raises(Unreachable, match=words):
        fields.at(position, layer)


def test_positions_need_sizes() -> None:
    with pytest.raises(Unreachable, match="not numbers"):
        receptive_field(load("conv 3->4 k3")).at((0, 0))
    with pytest.raises(Unreachable, match="no layer"):
        receptive_field(load("conv 3->4 k3"), start="nowhere")


def test_the_nearest_position_and_name_are_offered() -> None:
    fields = receptive_field(load("conv 4 k3 id=stem", input="3x16x16"))
    with pytest.raises(Unreachable) as error:
        fields.at((3, 99))
    assert error.value.nearest == "3,13"
    with pytest.raises(Unreachable) as error:
        fields.of("sten")
    assert error.value.nearest == "stem"


def test_json_has_whole_numbers_and_fractions() -> None:
    found = receptive_field(load("conv 4 k4 s3 | convT 4 k3 s2", input="3x20x20")).to_dict()
    row = found["layers"][-1]
    assert row["stride"] == ["3/2", "3/2"]
    assert row["size"] == [7, 7]
    assert row["size_min"] == [4, 4]
    assert row["period"] == [2, 2]
    assert [phase["size"] for phase in row["phases"][0]] == [7, 4]


def test_it_shows_itself() -> None:
    fields = receptive_field(load("conv 3->4 k3 | conv 4 k5"))
    assert isinstance(fields, convcalc.ReceptiveField)
    assert str(fields).splitlines()[3].split() == ["conv2", "conv", "4x?x?", "7", "1", "0", "3"]
    assert "<td" in fields._repr_html_() and "conv2" in fields._repr_html_()


def test_counting_does_not_load_it(process: Any) -> None:
    code = (
        "import sys, convcalc; convcalc.analyze(convcalc.load('resnet18'))\n"
        "print([m for m in sys.modules if 'reads' in m or 'receptive' in m])"
    )
    assert process(code=code).out.strip() == "[]"
