"""Explanations: every layer and block, its formulas at numbers, and the forms of the papers."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.explain.sections import Explanation, Section
from convcalc.calculators.explain.templates import block_call
from convcalc.dims import is_symbolic
from convcalc.layers import ALIASES, lookup, names
from convcalc.layers.arithmetic.activation import Activation
from convcalc.layers.arithmetic.merge import Join
from convcalc.render.views.design import explain as render
from convcalc.spec.library import block_names

CASES = {
    "conv": ("conv 6->8 k3x5 s2x1 p1:0x2 d1x2 g2", "6x17x19"),
    "dwconv": ("dwconv 6->12 k3 s2 p1 bias=false", "6x17x19"),
    "convT": ("convT 6->8 k4x3 s2 p1 op1x0 g2", "6x5x7"),
    "linear": ("linear 10->4", "10"),
    "rnn": ("rnn 10->4 layers=2", "7x10"),
    "lstm": ("lstm 10->4 projection=3", "7x10"),
    "gru": ("gru 10->4 bidirectional=true axis=1", "10x7"),
    "maxpool": ("maxpool k3 s2 p1", "3x17x19"),
    "avgpool": ("avgpool k3x2 s2", "3x17x18"),
    "lppool": ("lppool k3 s2 norm=3", "3x17x19"),
    "globalavgpool": ("globalavgpool", "3x17x19"),
    "globalmaxpool": ("globalmaxpool", "3x17x19"),
    "adaptiveavgpool": ("adaptiveavgpool size=3x5", "3x17x19"),
    "adaptivemaxpool": ("adaptivemaxpool size=3x5", "3x17x19"),
    "bn": ("bn", "3x17x19"),
    "ln": ("ln", "3x5x5"),
    "gn": ("gn 3", "6x17x19"),
    "rmsnorm": ("rmsnorm", "3x5x5"),
    "unfold": ("unfold k3x2 s2 p1", "3x9x8"),
    "fold": ("fold 9x8 k3x2 s2", "12x16"),
    "instancenorm": ("instancenorm", "6x17x19"),
    "lrn": ("lrn 5", "6x17x19"),
    "scale": ("scale", "6x17x19"),
    "rescale": ("rescale scale=1/255", "3x17x19"),
    "prelu": ("prelu", "6x17x19"),
    "gelu": ("gelu", "6x17x19"),
    "softmax": ("softmax", "10"),
    "l2norm": ("l2norm", "10"),
    "upsample": ("upsample scale=2 mode=bilinear", "3x5x6"),
    "pixelshuffle": ("pixelshuffle 2", "8x5x6"),
    "pixelunshuffle": ("pixelunshuffle 2", "3x8x6"),
    "shift": ("shift k3 d2", "9x8x6"),
    "shuffle": ("shuffle 3", "9x8x6"),
    "permute": ("permute order=(1,2,0)", "9x8x6"),
    "dropout": ("dropout 0.2", "9x8x6"),
    "identity": ("identity", "9x8x6"),
    "flatten": ("flatten", "9x8x6"),
    "reshape": ("reshape 9x48", "9x8x6"),
    "pad": ("pad p1:2x3", "9x8x6"),
    "crop": ("crop amounts=1:2x1", "9x8x6"),
    "slice": ("slice 2 7", "9x8x6"),
    "embedding": ("embedding 9->4", "6x5"),
    "gather": ("gather 3x4 axis=1", "6x5x4"),
    "split": ("split (4,5)", "9x8x6"),
    "roll": ("roll (-1,2) axis=(1,2)", "9x8x6"),
    "flip": ("flip axis=2", "9x8x6"),
    "expand": ("expand 9x8x6", "9x1x6"),
    "tile": ("tile (1,2,3)", "9x8x6"),
    "unstack": ("unstack axis=2", "9x8x6"),
    "mean": ("mean axis=(1,2)", "9x8x6"),
    "norm": ("norm axis=0", "9x8x6"),
    "var": ("var axis=(0,2) keep=true", "9x8x6"),
    "std": ("std", "9x8x6"),
    "sum": ("sum axis=0", "9x8x6"),
    "prod": ("prod axis=(0,1)", "9x8x6"),
    "max": ("max axis=-1 keep=true", "9x8x6"),
    "min": ("min", "9x8x6"),
    "argmax": ("argmax axis=1", "9x8x6"),
    "argmin": ("argmin axis=-1 keep=true", "9x8x6"),
    "relu": ("relu", "9x8x6"),
}


def by_name(section: Section) -> dict[str, Any]:
    """Every quantity of a section, the number where there is one."""
    return {line.quantity: line.formula if line.value is None else line.value for line in section.lines}


@pytest.mark.parametrize("op", names())
def test_every_layer_is_explained_in_letters(op: str) -> None:
    result = convcalc.explain(op)
    (section,) = result.sections
    assert section.about
    assert section.source == lookup(op).source != ""
    groups = {line.group for line in section.lines}
    assert {"output", "parameters", "operations"} <= groups
    for line in section.lines:
        if is_symbolic(line.formula):
            letters = {v.name for v in section.variables} | {other.letter for other in section.lines}
            assert line.formula.names <= letters, line
    for variable in section.variables:
        assert variable.meaning != "given as a symbol"
    forms(result)


@pytest.mark.parametrize("name", block_names())
def test_every_block_is_explained_in_letters(name: str) -> None:
    result = convcalc.explain(name)
    assert result.about
    assert re.search(r"\b(19|20)\d\d\b", result.source)
    assert result.source in render.to_text(result)
    assert result.parts
    letters = {v.name for v in result.variables}
    lines = {line.quantity: line.formula for line in result.lines}
    assert {"all parameters", "MACs"} <= lines.keys()
    for formula in (lines["all parameters"], lines["MACs"]):
        assert not is_symbolic(formula) or formula.names <= letters
    assert all(variable.meaning != "given as a symbol" for variable in result.variables)
    forms(result)


@pytest.mark.parametrize("name", block_names())
def test_the_letters_of_a_block_hold_at_numbers(name: str) -> None:
    """What the letters give at numbers is what the block gives that is called with these numbers."""
    result = convcalc.explain(name)
    call, shape = block_call(name)
    letters = sorted(set(re.findall(r"\b[A-Z](?:_\w+)?\b", f"{call} {shape}")))
    constraints = [str(constraint) for constraint in result.constraints]
    assert not [text for text in constraints if " = " in text], "sizes that do not go together"
    generator = random.Random(name)
    for _ in range(200):
        values = {letter: 2 ** generator.randint(1, 3) * generator.choice([1, 3]) for letter in letters}
        if all(holds(text, values) for text in constraints):
            break
    else:
        raise AssertionError(constraints)

    def at(size: Any) -> int:
        return int(size.subs(values)) if is_symbolic(size) else size

    call = re.sub(r"\b[A-Z](_\w+)?\b", lambda found: str(values.get(found[0], found[0])), call)
    if isinstance(shape, tuple):
        graph = convcalc.load(call, input=tuple(map(at, shape)))
    else:
        stated = "".join(f"  {one}: {size}\n" for one, size in shape.items())
        graph = convcalc.load(
            f"vars: {values}\ninputs:\n{stated}layers:\n- {call} from={next(iter(shape))}\n"
        )
    totals = convcalc.analyze(graph).totals
    found = {
        line.quantity: at(line.formula) for line in result.lines if line.group in ("parameters", "operations")
    }
    assert found["all parameters"] == totals.params
    assert (found["MACs"], found["FLOPs"]) == (totals.macs, totals.flops)


def holds(constraint: str, values: dict[str, int]) -> bool:
    """Whether a condition such as ``G divides M`` or ``N != M`` holds at numbers."""
    text = re.sub(r"(.*) divides (.*)", r"(\2) % (\1) == 0", constraint).replace("/", "//")
    return bool(eval(text, {"floor": int}, values))


def forms(result: Explanation) -> None:
    """Every form can be written, and holds no leftovers of another."""
    for notation in ("plain", "unicode", "latex"):
        assert render.to_text(result, notation)
    markdown, latex = render.to_markdown_text(result), render.to_latex(result)
    assert markdown.count("$") % 2 == 0
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") > 0
    assert latex.count("{") == latex.count("}")
    assert "\0" not in markdown + latex


@pytest.mark.parametrize("op", CASES)
def test_formulas_at_numbers_are_the_counts(op: str) -> None:
    """What the letters give at the numbers of a spec is what counting the numbers gives."""
    spec, shape = CASES[op]
    graph = convcalc.load(spec, input=shape)
    (row,) = convcalc.analyze(graph).layers
    (section,) = convcalc.explain(graph).sections
    found = by_name(section)
    ops = {"additions": row.ops.add, "multiplications": row.ops.mul, "comparisons": row.ops.cmp,
           "divisions": row.ops.div, "special functions": row.ops.special}  # fmt: skip
    assert {kind: found.get(kind, 0) for kind in ops} == ops
    assert found["FLOPs"] == row.flops
    stated = [value for name, value in found.items() if name.startswith(("weight", "bias", "all parameters"))]
    assert stated[-1] == row.params
    if row.macs:
        assert (found["MACs"], found["MACs without padding"]) == (row.macs, row.valid_macs)
    sizes = [
        line.formula if line.value is None else line.value for line in section.lines if line.group == "output"
    ]
    assert tuple(sizes[: len(row.output_shape)]) == row.output_shape
    assert section.given == spec or section.given.split()[0] == op
    field = convcalc.receptive_field(graph).output
    if field is not None and field.axes and all(axis.local for axis in field.axes):
        lines = [line for line in section.lines if line.quantity.startswith("receptive field")]
        values = {str(line.formula if line.value is None else line.value) for line in lines}
        ranges = ({axis.smallest, axis.size} for axis in field.axes)  # a range where phases differ
        assert values == {" to ".join(map(str, sorted(ends))) for ends in ranges}


def test_every_kind_of_layer_has_a_case() -> None:
    """Activations share one class of formulas; layers of no or several inputs have a test of their own."""
    shared = {op for op in names() if issubclass(lookup(op), Activation | Join)}
    shared |= {op for op in names() if lookup(op).arity[1] == 0}
    assert set(CASES) | shared | {"unpool", "concat", "stack", "matmul", "deformconv", "opaque"} == set(
        names()
    )


@settings(max_examples=40)
@given(
    st.integers(1, 8), st.integers(1, 8), st.integers(1, 5), st.integers(1, 3), st.integers(0, 3),
    st.integers(1, 3), st.integers(13, 40), st.integers(13, 40),
)  # fmt: skip
def test_the_letters_of_a_convolution_hold_anywhere(
    m: int, n: int, k: int, s: int, p: int, d: int, h: int, w: int
) -> None:
    """The formulas in letters alone, at random numbers, against counts of numbers."""
    (section,) = convcalc.explain("conv").sections
    values = {"M": m, "N": n, "K": k, "S": s, "P": p, "D": d, "G": 1, "H": h, "W": w}
    (row,) = convcalc.analyze(convcalc.load(f"conv {n} k{k} s{s} p{p} d{d}", input=f"{m}x{h}x{w}")).layers
    for line in section.lines:
        value = line.formula.subs(values) if is_symbolic(line.formula) else line.formula
        if line.letter:
            values[line.letter] = value
        expected = {
            "channels": row.output_shape[0], "height": row.output_shape[1], "width": row.output_shape[2],
            "all parameters": row.params, "MACs": row.macs, "MACs without padding": row.valid_macs,
            "additions": row.ops.add, "FLOPs": row.flops, "activations": row.activations,
            "receptive field": d * (k - 1) + 1, "effective stride": s, "effective padding": p,
        }  # fmt: skip
        if line.quantity in expected:
            assert value == expected[line.quantity], line.quantity


def test_formulas_of_the_papers() -> None:
    """Costs as their papers state them, in letters."""
    m, n, k, h, w, a, b = map(convcalc.symbol, "MNKHWAB")

    def cost(block: str) -> Any:
        return next(line.formula for line in convcalc.explain(block).lines if line.quantity == "MACs")

    # Howard et al. 2017, equation 5; the map keeps its size.
    assert cost("separable") == k**2 * m * h * w + m * n * h * w
    # Sandler et al. 2018, section 3: h w d' t (d' + k^2 + d'') with t = 6 and k = 3
    assert cost("inverted_residual") == h * w * m * 6 * (m + 9 + n)
    # Liu et al. 2021, equations 1 and 2: 4 h w C^2 + 2 (h w)^2 C, and in windows 4 h w C^2 + 2 M^2 h w C
    heads, d, t, p = map(convcalc.symbol, "ADTP")
    assert cost("attention") == 4 * t * (heads * d) ** 2 + 2 * t**2 * heads * d
    tall, wide = p * h, p * w
    assert cost("window_attention") == tall * wide * (4 * (heads * d) ** 2 + 2 * p**2 * heads * d)
    # Iandola et al. 2016: a squeeze of A, then B and N filters of 1x1 and 3x3
    assert cost("fire") == h * w * (m * a + a * b + 9 * a * n)


def test_a_chain_is_written_as_a_textbook_would() -> None:
    text = render.to_text(convcalc.explain("conv 3->64 k7 s2 p3", input="3x224x224"))
    assert "height: H_out = floor((H - K + 2*P)/S) + 1 = floor((224 - 7 + 2*3)/2) + 1 = 112" in text
    assert "weight (N x M x K x K): K**2*M*N = 7**2*3*64 = 9,408" in text
    for right in re.findall(r"= ([0-9*+()/ -]+) = ([0-9,]+)$", text, re.MULTILINE):
        assert eval(right[0].replace("/", "//")) == int(right[1].replace(",", "")), right


def test_numbers_are_put_into_latex() -> None:
    latex = render.to_latex(convcalc.explain("conv 3->64 k7 s2 p3 bias=false", input="3x224x224"))
    assert r"K^{2} M N = 7^{2} \cdot 3 \cdot 64 = 9408" in latex
    assert r"\frac{224 - 7 + 2 \cdot 3}{2}" in latex


def test_totals_are_sums_of_the_layers() -> None:
    result = convcalc.explain("dwconv 3 k3 bias=false | conv 4 k1 bias=false", input="3x32x32")
    assert [section.given for section in result.sections] == [
        "dwconv 3->3 k3 bias=false",
        "conv 3->4 k1 bias=false",
    ]
    text = render.to_text(result)
    assert "all parameters: 27 + 12 = 39" in text
    assert "MACs: 24,300 + 10,800 = 35,100" in text


def test_equal_layers_share_a_section() -> None:
    result = convcalc.explain("conv 8->8 k3 p1 | relu | conv 8->8 k3 p1 | relu", input="8x9x9")
    assert len(result.sections) == 2
    assert len(result.parts) == 4


def test_one_layer_of_a_network() -> None:
    (section,) = convcalc.explain("resnet18", layer="layer2.basic_block1.conv_bn1.conv1").sections
    assert by_name(section)["weight (N x M x K x K)"] == 73_728
    with pytest.raises(ValueError, match="did you mean"):
        convcalc.explain("resnet18", layer="layer2.basic_block1.conv_bn1.conv")


def test_sizes_that_nobody_stated_stay_letters() -> None:
    (section,) = convcalc.explain("conv 3->64 k7").sections
    h, w = convcalc.symbol("H"), convcalc.symbol("W")
    found = by_name(section)
    assert found["height"] == h - 6
    assert found["MACs without padding"] == 9408 * (h - 6) * (w - 6)


def test_symbols_of_a_spec_are_kept() -> None:
    (section,) = convcalc.explain("conv 3->N k3 p1", input="3xHxW").sections
    assert by_name(section)["all parameters"] == 28 * convcalc.symbol("N")


def test_inputs_of_several_widths() -> None:
    text = 'inputs: {a: 3x8x8, b: 5x8x8}\nlayers: ["concat from=[a,b]"]\n'
    (section,) = convcalc.explain(text).sections
    assert [str(shape[0]) for shape in section.inputs] == ["C_1", "C_2"]
    assert by_name(section)["channels"] == 8


def test_broadcast_sizes_of_one_stay_one() -> None:
    text = 'inputs: {a: 3x8x8, b: 3x1x1}\nlayers: ["mul from=[a,b]"]\n'
    (section,) = convcalc.explain(text).sections
    assert [list(map(str, shape)) for shape in section.inputs] == [["C", "H", "W"], ["C", "1", "1"]]
    assert by_name(section)["multiplications"] == 3 * 64


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_other_names_of_layers(alias: str) -> None:
    assert convcalc.explain(alias).name == ALIASES[alias]


def test_constraints_are_told() -> None:
    (section,) = convcalc.explain("conv").sections
    assert "G divides M" in map(str, section.constraints)
    assert "as long as G divides M" in render.to_text(convcalc.explain("conv"))


def test_json() -> None:
    data = convcalc.explain("conv 3->64 k7 s2 p3", input="3x224x224").to_dict()
    lines = {line["quantity"]: line for line in data["sections"][0]["lines"]}
    assert lines["height"]["formula"] == "floor((H - K + 2*P)/S) + 1"
    assert lines["height"]["value"] == 112
    assert lines["MACs"]["latex"]


def test_counts_call_the_output_sizes_by_their_letters() -> None:
    """A formula in full for each axis would be written twice, beside its letter."""
    (section,) = convcalc.explain("conv 16->32 k3x5 s2x1 p=same", input="16x17x19").sections
    (line,) = [line for line in section.lines if line.quantity == "MACs without padding"]
    assert {"H_out", "W_out"} <= set(line.formula.names)
    # Pairs of an output and a tap inside the map: rows 9*3 less 2 at the ends, columns 19*5 less 6.
    assert line.value == 16 * 32 * (9 * 3 - 2) * (19 * 5 - 6)
    text = render.to_text(convcalc.explain("conv 16->32 k3x5 s2x1 p=same", input="16x17x19"))
    assert render.TOO_LONG not in text
    assert "1,139,200" in text


def test_latex_text_has_no_characters_of_mathematics() -> None:
    """In LaTeX's default encoding < and > outside mathematics print as inverted punctuation."""
    text = render.to_latex(convcalc.explain("inverted_residual"))
    assert "squeeze > 0" in convcalc.explain("inverted_residual").about
    assert "squeeze $>$ 0" in text
    assert r"\texttt{linear M->N" in render.to_latex(convcalc.explain("linear"))


def test_the_last_part_of_a_name_is_enough_for_a_hint() -> None:
    for command in (convcalc.explain, convcalc.variants):
        with pytest.raises(ValueError, match=r"did you mean [\w.]+\.conv1\?"):
            command("resnet18", layer="conv1")


@pytest.mark.parametrize(
    ("spec", "shape", "lines"),
    [
        ("linear 10 axis=-1", "197x768", ("on LxM", "M  = 768  features that arrive", "features: N = 10")),
        ("linear 10 axis=-1", "197x768", ("MACs: L*M*N = 197*768*10 = 1,512,960",)),
        ("pad p=1x0:2 axis=(2,0)", "3x4x5x6x7", ("pad pP_01:P_02xP_2 axis=(0,2)", "size of axis 4")),
        ("pad p=1x0:2 axis=(2,0)", "3x4x5x6x7", ("P_02  = 2  padding after, axis 0",)),
        ("scale axis=3", "2x3x4x5x6", ("on L_1 x L_2 x L_3 x C x L_4", "C    = 5  features")),
        ("pad p=1x0x2x0:1", "3x4x5x6x7", ("P_42  = 1  padding after, axis 4",)),
    ],
)
def test_letters_of_axes(cli: Any, spec: str, shape: str, lines: tuple[str, ...]) -> None:
    found = cli("explain", spec, "--input", shape)
    assert found.code == 0
    for line in lines:
        assert line in found.out


def test_a_product_has_rows_and_columns() -> None:
    (section,) = convcalc.explain("matmul").sections
    named = {line.quantity: str(line.formula) for line in section.lines if line.group == "output"}
    assert named == {"rows": "M", "columns": "N"}


@pytest.mark.parametrize(
    ("spec", "shape", "letters"),
    [
        ("conv M k3 s2 p1", "3xHxW", {"M": 7, "H": 20, "W": 20}),
        ("conv S k=P", "NxHxW", {"S": 4, "P": 3, "N": 5, "H": 9, "W": 9}),
        ("conv 8 k=N s2", "KxHxW", {"N": 3, "K": 5, "H": 9, "W": 11}),
        ("convT M k=N s2", "CxHxW", {"M": 4, "N": 2, "C": 3, "H": 5, "W": 5}),
        ("linear M", "3", {"M": 6}),
    ],
)
def test_letters_of_a_spec_mean_what_they_mean_there(spec: str, shape: str, letters: dict[str, int]) -> None:
    """The parameters with numbers for the letters, against the same layer written in numbers."""
    (section,) = convcalc.explain(spec, input=shape).sections
    found = by_name(section)["all parameters"].subs(letters)
    numbers = re.sub(r"[A-Z]\b", lambda letter: str(letters[letter[0]]), spec.replace("convT", "deconv"))
    sizes = re.sub(r"[A-Z]", lambda letter: str(letters[letter[0]]), shape)
    assert found == convcalc.analyze(numbers, input=sizes).totals.params
