"""Random small networks in which not every size works: strides, pools, transposed convolutions, joins."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def window(draw: st.DrawFn) -> str:
    """Kernel, stride, dilation and padding of a convolution."""
    k, s, d = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    padding = draw(
        st.sampled_from(["", "p1", "p0:1", "p2", "same", "same_lower", "padding=valid", "padding=causal"])
    )
    if padding in ("same", "same_lower"):
        padding = f"padding={padding}"
    return f"k{k} s{s} d{d} {padding}".strip()


@st.composite
def layer(draw: st.DrawFn) -> str:
    """One layer that changes the sizes, or asks something of them."""
    kind = draw(st.integers(0, 11))
    if kind <= 2:
        return f"conv 4 {draw(window())}"
    if kind == 3:
        mode = draw(st.sampled_from(["reflect", "replicate", "circular"]))
        return f"conv 4 k3 p{draw(st.integers(1, 3))} padding_mode={mode}"
    if kind <= 5:
        k, s = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        ceil = draw(st.sampled_from(["", " ceil=true"]))
        pad = draw(st.integers(0, k // 2))
        return f"{draw(st.sampled_from(['maxpool', 'avgpool']))} k{k} s{s} p{pad}{ceil}"
    if kind <= 7:
        k, s, p = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 2))
        extra = draw(st.integers(0, s - 1))
        return f"convT 4 k{k} s{s} p{p} op{extra}"
    if kind == 8:
        rounding = draw(st.sampled_from(["", " rounding=double"]))
        return f"upsample scale={draw(st.sampled_from(['2', '3', '3/2', '1/2', '4/3', '0.7']))}{rounding}"
    if kind == 9:
        return draw(
            st.sampled_from(["adaptiveavgpool size=5", "crop amounts=1:2", "pad p1:0", "relu", "crop size=4"])
        )
    if kind == 10:
        return f"slice {draw(st.sampled_from(['0 4', '1 -1', '-3 -1']))} axis=1"
    return draw(
        st.sampled_from(
            ["pixelunshuffle factor=2 | conv 4 k1", "pixelshuffle factor=2 | conv 4 k1", "upsample size=9"]
        )
    )


@st.composite
def undone(draw: st.DrawFn, name: str) -> list[str]:
    """A stride, what is between, what undoes it, and a join with the start: mostly of a pattern of sizes."""
    s = draw(st.integers(2, 4))
    k = draw(st.integers(1, 5))
    p = draw(st.integers(0, k // 2))
    ceil = draw(st.sampled_from(["", " ceil=true"]))
    down = draw(
        st.sampled_from(
            [f"conv 4 k{k} s{s} p{p}", f"maxpool k{k} s{s} p{p}{ceil}", f"conv 4 k{k} s{s} padding=same"]
        )
    )
    off = draw(st.sampled_from([0, 0, 0, 1]))
    up = draw(
        st.sampled_from(
            [f"convT 4 k{k + off} s{s} p{p}", f"upsample scale={s}", f"convT 4 k{k} s{s} padding=same"]
        )
    )
    inner = draw(st.sampled_from([0, 0, 1, 2]))
    between: list[str] = []
    if inner == 1:
        between = draw(undone(f"{name}i"))
    elif inner == 2:
        between = [draw(layer())]
    join = draw(st.sampled_from(["add", "concat", "mul"]))
    return [f"conv 4 k1 id={name}", down, *between, up, f"{join} with={name}", "conv 4 k1"]


@st.composite
def spec(draw: st.DrawFn) -> str:
    """Layers in a row, some of which are undone, or joined again with the ones before."""
    stages = ["conv 4 k1 id=t0"]
    for number in range(1, draw(st.integers(1, 4)) + 1):
        kind = draw(st.integers(0, 5))
        if kind <= 2:
            stages += [*draw(undone(f"u{number}")), f"identity id=t{number}"]
            continue
        stages.append(f"{draw(layer())} id=t{number}")
        if kind == 5:
            join = draw(st.sampled_from(["add", "concat", "mul"]))
            stages.append(f"{join} with=t{draw(st.integers(0, number))} | conv 4 k1")
    end = draw(st.integers(0, 7))
    if end == 0:
        stages.append(f"flatten | linear {4 * draw(st.integers(1, 12))}->3")
    if end == 1:
        stages.append(f"reshape {draw(st.sampled_from(['4x7', '2x6', '12']))}")
    return " | ".join(stages)
