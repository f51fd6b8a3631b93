"""Names that are cut: short enough, and never the same where the names differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convcalc.render.names import shortened
from convcalc.spec.source import cells

# Few letters, so that names share beginnings and ends; a wide one and a combining one among them.
NAMES = st.lists(st.text("ab1.層é", max_size=30), max_size=12)
DOTTED = st.lists(
    st.lists(st.sampled_from(["layer1", "layer2", "block", "conv1", "bn", "a"]), min_size=1, max_size=7).map(
        ".".join
    ),
    max_size=15,
)


@given(NAMES | DOTTED, st.integers(min_value=12, max_value=40))
def test_names_fit_and_stay_apart(names: list[str], width: int) -> None:
    found = shortened(names, width)
    assert all(cells(text) <= width for text in found)
    assert all(text == name for text, name in zip(found, names, strict=True) if cells(name) <= width)
    assert len(set(zip(names, found, strict=True))) == len(set(names)) == len(set(found))


@given(NAMES, st.integers(min_value=1, max_value=40))
def test_names_stay_apart_at_any_width(names: list[str], width: int) -> None:
    assert len(set(shortened(names, width))) == len(set(names))


def test_the_middle_goes_first() -> None:
    assert shortened(["layer1.bottleneck1.conv_bn1.conv1"], 20) == ["layer1.bo…_bn1.conv1"]
    assert shortened(["short"], 20) == ["short"]


def test_what_tells_names_apart_is_kept() -> None:
    alike = [f"backbone.stage{n}.bottleneck_with_a_long_name.conv1" for n in (1, 2)]
    one, two = shortened(alike, 24)
    assert one != two and "1" in one and "stage2" in two
    ends = [f"inception_{n}.conv_bn1.conv1" for n in "abc"]
    assert len({text for text in shortened(ends, 18)}) == 3
