"""No text whatever makes the reader raise anything but its own error, or take long."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.spec import SpecError
from convcalc.spec.document.reading import is_document
from convcalc.spec.loading import build
from convcalc.spec.source import Source


def read(text: str) -> None:
    try:
        build(Source("<test>", text))
    except SpecError as error:
        assert error.problems
        assert str(error)
        error.to_dict()


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    read(text)


@given(st.text(max_size=200))
def test_any_text_as_layers(text: str) -> None:
    read("layers:\n  - " + text)


LINE = st.text(alphabet="conv dwT3x1->64kspg=|;#()[]{}'\"$,.:\n bnreluid+*/ in", max_size=80)


@given(LINE)
def test_near_lines(text: str) -> None:
    read(text)


STAGES = st.lists(
    st.sampled_from(
        """conv 3->4 k3 | conv 8 k3 p1 | bn | relu | maxpool k2 | linear 10 | flatten | dwconv k3 p=same |
        convT 4 k4 s2 p1 | upsample scale=2 | add from=input with=input | concat from=[input,input] |
        unpool k2 | shift | shuffle 2 | gn 2 | Conv2d(3, 8, 3) | Dense(10) | nn.ReLU() | split (1,2) |
        slice start=1 | crop size=(2,2) | permute (1,0,2) | lrn 5 | conv in*2 k1 id=x | add with=x | $x
        | input 3x8x8 | globalavgpool | pad p1 | reshape 3x64 | pixelshuffle 2 | ln | adaptiveavgpool
        size=1 | prelu | softmax | scale | conv kK M->N | separable(8) | Sequential(ReLU())""".replace(
            "\n", " "
        ).split("|")
    ),
    min_size=1,
    max_size=6,
).map("|".join)


@given(STAGES)
@settings(max_examples=300)
def test_any_sequence_of_layers(text: str) -> None:
    read("input 3x8x8 | " + text)
    read(text)


YAML = st.recursive(
    st.sampled_from(
        [
            "conv 4 k3",
            "bn",
            "relu",
            "i > 0",
            "3",
            "identity",
            "x",
            "[a, b]",
            "add",
            "",
            "in//2",
            "{i}",
            "9**9**9",
        ]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(
            st.sampled_from(
                [
                    "repeat",
                    "each",
                    "of",
                    "when",
                    "do",
                    "else",
                    "branches",
                    "merge",
                    "residual",
                    "shortcut",
                    "group",
                    "let",
                    "body",
                    "id",
                    "from",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        ).map(lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"),
    ),
    max_leaves=12,
)


@given(YAML, YAML)
@settings(max_examples=300)
def test_any_structure(one: str, two: str) -> None:
    read(f"input: 3x8x8\nvars: {{x: 2}}\nblocks: {{b(x): {two}}}\nlayers: {one}\n")
    read(f"input: 3x8x8\nlayers:\n  - {one}\n  - {two}\n")


def bombs() -> dict[str, str]:
    """Small documents that ask for a lot."""
    aliases = "vars:\n  a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"  a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    bodies = "blocks:\n  b0: &b0 [relu, relu]\n" + "".join(
        f"  b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    calls = "blocks:\n  b0: [relu]\n" + "".join(
        f"  b{i}: [{', '.join([f'b{i - 1}()'] * 9)}]\n" for i in range(1, 12)
    )
    head = "input: 3x8x8\n"
    return {
        "alias values": aliases + head + "layers: [relu]\n",
        "alias bodies": bodies + head + "layers: ['b11()']\n",
        "block calls": calls + head + "layers: ['b11()']\n",
        "recursion": head + "blocks:\n  b: ['b()']\nlayers: ['b()']\n",
        "two recursions": head + "blocks:\n  b: ['b()', 'b()']\nlayers: ['b()']\n",
        "repeat": head + "layers:\n  - {repeat: 1000000000, body: [relu]}\n",
        "empty repeat": head + "layers:\n  - {repeat: 90000, body: [{repeat: 90000, body: []}]}\n",
        "nested repeats": head
        + "layers:\n  - {repeat: 300, body: [{repeat: 300, body: [{repeat: 300, body: [relu]}]}]}\n",
        "fresh layers": head + "layers:\n  - {repeat: 99999, each: i, body: ['conv 1+i k1']}\n",
        "big expressions": head
        + f"layers:\n  - {{repeat: 99999, each: i, body: ['conv {'+'.join(['i'] * 90)}+1 k1']}}\n",
        "let": head
        + "layers:\n  - {repeat: 99999, each: i, body: "
        + "[{let: {a: i*i+i, b: a*a}}, {when: a > 0, do: [relu]}]}\n",
        "power": head + "layers: ['conv 9**9**9**9 k1']\n",
        "power var": "vars: {x: 9**9**9**9}\n" + head + "layers: [relu]\n",
        "growing": head + "vars: {x: 2}\nlayers:\n  - {repeat: 5000, body: ['conv in*2 k1']}\n",
        "huge channels": head + "layers: ['conv 10**1000 k3 p1', 'conv 10**1000 k3 p1']\n",
        "huge kernel": head + "layers: ['conv 1 k99999999999999999999 p99999999999999999999']\n",
        "huge padding": "input: 3x9\nlayers: ['conv 1 k9999999 p9999998', 'maxpool k999 p400 s1']\n",
        "huge dilation": head + "layers: ['conv 1 k3 d99999999999 p=same']\n",
        "deep flow": head + "layers: " + "[" * 3000 + "]" * 3000 + "\n",
        "deep map": head + "layers: " + "{body: " * 900 + "x" + "}" * 900 + "\n",
        "deep repeats": head + "layers: " + "[{repeat: 1, body: " * 95 + "[relu]" + "}]" * 95 + "\n",
        "deep brackets": "conv " + "(" * 3000 + "1" + ")" * 3000,
        "deep calls": "nn.Sequential(" * 300 + "ReLU()" + ")" * 300,
        "sequence times": "Sequential(" + "(0-999): 9999 x ReLU()\n" * 80 + ")",
        "wide split": "input 1000000x4 | split " + ",".join(["1"] * 9),
        "many branches": head
        + "layers:\n  - {repeat: 20000, body: [{branches: {a: [], b: []}, merge: add}]}\n",
        "concat doubling": head + "layers:\n  - {repeat: 3000, body: [{branches: {a: [], b: []}}]}\n",
        "concat of all": "input: 3x8x8\nlayers:\n"
        + "  - relu id=r\n"
        + "  - {repeat: 3000, each: i, body: ['concat from=["
        + ",".join(["r"] * 200)
        + "]']}\n",
        "same names": head + "layers:\n  - {repeat: 50000, body: ['relu id=x']}\n",
        "same groups": head + "layers:\n  - {repeat: 30000, body: [{group: g, body: [relu]}]}\n",
        "symbols": "input: 3xHxW\nlayers:\n  - {repeat: 20000, body: ['conv 3 k3 s2 p1']}\n",
        "symbol products": "input: MxHxW\nlayers:\n  - {repeat: 5000, each: i, body: ['conv in*M+i k1']}\n",
        "errors": head + "layers:\n" + "  - nonsense\n" * 1500,
        "runtime errors": head + "layers:\n  - {repeat: 50000, body: ['conv 4 k99']}\n",
        "binary": "\x00\x01\x02",
        "surrogate": "name: \ud800\nlayers: [relu]\n",
        "tag": "layers: !!python/object/apply:os.system ['true']\n",
        "self alias": "layers: &a [*a]\n",
        "reshape": "input 4x4 | reshape " + "x".join(["1"] * 900),
        "tensors of its own": "param 99999x99999 | tile (99999,99999) | input 1x1 | add with=tile1",
        "index": "input 9x4 | gather index=(" + "123456780," * 1800 + ")",
        "names": "input 4x4 id=y0 | add from=[y{0..99}{0..99}{0..99}]",
        "merged loops": "input: 4x4\nlayers:\n"
        + "  - {repeat: 90, merge: add, body: [{repeat: 90, merge: stack, body: [relu]}]}\n",
        "sizes that grow": "input: TxC\nlayers:\n"
        + "  - {repeat: 300, body: ['linear size[-1]//2+size[0] axis=-1']}\n",
        "shared by shared": "input 4 | linear 4 id=a0 | "
        + " | ".join(f"linear 4 id=a{i} share=a{i - 1}" for i in range(1, 500)),
        "recurrence": "input 99999999x4 | lstm 100000 layers=100 bidirectional=true projection=3",
        "sixteen axes": "input "
        + "x".join(["2"] * 16)
        + " | permute (15,14,13,12,11,10,9,8,7,6,5,4,3,2,1,0)",
        "products that grow": "input 99999x1 id=a | matmul transpose_b=true with=a | matmul with=matmul1",
    }


MEASURE = """
import resource, sys, time
from convcalc.spec import SpecError
from convcalc.spec.loading import build
from convcalc.spec.source import Source
import convcalc.layers
text = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
build(Source("<warm>", "input: 3x8x8\\nlayers: [conv 4 k3, relu]"))
if "H" in text or "M" in text:
    import convcalc.symbols
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
try:
    print(len(build(Source("<bomb>", text)).nodes), "nodes")
except SpecError as error:
    print(str(error)[:200])
print(time.process_time() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize("name", bombs())
def test_small_documents_stay_small(name: str) -> None:
    """A few KB are refused or accepted within a second of processor time and 200 MB.

    The bound is stated by the language; the margin of two is for a slow or loaded machine.
    """
    text = bombs()[name]
    assert len(text) < 20_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=text.encode("utf-8", "surrogatepass"),
        capture_output=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    seconds, megabytes = map(float, done.stdout.decode().split("\n")[-2].split())
    assert seconds < 2, (seconds, done.stdout.decode()[:300])
    assert megabytes < 200, megabytes


def test_a_document_is_told_from_a_line() -> None:
    assert is_document("# comment\n\nname: x\nlayers: [relu]")
    assert is_document("- conv 3\n- relu")
    assert not is_document("conv 3 k3 | relu")
    assert not is_document("nn.Sequential(\n  (0): ReLU()\n)")


def test_blank_lines_are_read_in_one_way() -> None:
    # 28 blank lines before anything else took six seconds: each could be two breaks of blanks.
    start = time.process_time()
    assert not is_document("\n" * 15_000 + "((((")
    assert not is_document("\t\n \r\n" * 5_000 + "((((")
    assert is_document("\n \n\t\n# words\n\n---\n\n  layers: conv 3")
    assert is_document("\r\n\r\nlayers: conv 3")
    assert time.process_time() - start < 1
