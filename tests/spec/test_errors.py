"""Errors: the place, the caret, what was expected, the nearest valid name; several at once."""

from __future__ import annotations

import pytest

from convcalc import load
from convcalc.spec import SpecError


def problems(spec: str, **settings: object) -> list:
    with pytest.raises(SpecError) as caught:
        load(spec, **settings)
    return caught.value.problems


@pytest.mark.parametrize(
    ("spec", "token", "nearest"),
    [
        ("conv 3->4 k3 | batchnrom", "batchnrom", "batchnorm"),
        ("conv 3->4 k3 | maxpol k2", "maxpol", "maxpool"),
        ("conv 3->4 k3 strid=2", "strid", "stride"),
        ("conv 3->4 k3 p=smae", "smae", "same"),
        ("conv 3->4 k3 bias=flase", "flase", "false"),
        ("conv 3->4 K3", "K3", "k3"),
        ("avgpool k3 d2", "d2", None),
        ("upsample scale=2 mode=bilinaer", "bilinaer", "bilinear"),
        ("conv 3->4 k3 id=first | relu from=frist", "frist", "first"),
        ("conv 3->4 k3 | separabel(8)", "separabel", "separable"),
        ("fire(16, e1=64)", "e1", "e1x1"),
        ("conv out=make_divisble(33, 8) k3", "make_divisble", "make_divisible"),
        ("conv 3->4 k3 s=-1", "s=-1", None),
        ("conv 3->4 k3 | conv 8 k9", "k9", None),
        ("conv 3->4 k3 g2", "g2", None),
        ("convT 3->4 k3 s2 op2", "op2", None),
        ("conv 3->4 k3 padding_mode=relfect", "relfect", "reflect"),
    ],
)
def test_the_caret_stands_under_the_token(spec: str, token: str, nearest: str | None) -> None:
    (problem,) = problems(spec, input="3x8x8")
    assert spec[problem.column - 1 : problem.column - 1 + problem.length] == token
    if nearest is not None:
        assert problem.nearest == nearest
    shown, caret = str(problem).split("\n")[1:3]
    assert caret.index("^") == shown.index(token)
    assert problem.expected


DOCUMENT = """\
name: broken
input: 3x32x32
blocks:
  pair(out):
    - conv out k3 p1
    - bnn
layers:
  - conv 8 k3 strid=2
  - {repeat: 2, bdy: [relu]}
  - conv 8 k3 g5
  - pair(8)
  - relu from=nowhere
"""


def test_independent_faults_of_a_document_come_together() -> None:
    found = [(p.line, p.column, p.nearest) for p in problems(DOCUMENT)]
    # Faults that the text shows: line 6 (a layer), 8 (an option), 9 (a key, and the body it leaves out).
    assert {(6, 7, "bn"), (8, 15, "stride"), (9, 17, "body")} <= set(found)
    assert found == sorted(found, key=lambda p: p[:2])


def test_faults_that_only_the_shapes_show_come_together() -> None:
    text = (
        "input: 3x32x32\nlayers:\n"
        "  - conv 8 k3 g5\n"
        "  - {branches: {a: [conv 4 k99], b: [conv 6 k3 g4 from=input]}}\n"
        "  - relu from=nowhere\n"
    )
    found = problems(text)
    assert [p.line for p in found] == [3, 4, 5]
    # The branch that reads the refused layer is not refused again.
    assert "groups 4" in found[1].message


def test_what_follows_from_a_fault_is_not_told() -> None:
    """A size that is not known for it goes through arithmetic: powers, too."""
    (problem,) = problems(
        "input: 8x9\nlayers:\n  - add with=nothere\n  - mul size[-1]**-0.5\n  - clip 0 (in/2)**0.5\n"
    )
    assert "nothere" in problem.message


def test_a_fault_in_a_block_names_the_call() -> None:
    text = "input: 3x8x8\nblocks:\n  wide(k):\n    - conv 8 k=k\nlayers:\n  - wide(3)\n  - wide(9)\n"
    (problem,) = problems(text)
    assert (problem.line, problem.column) == (4, 14)
    assert "called in line 7" in problem.message


def test_a_file_is_named_and_columns_count_characters(tmp_path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("name: é\ninput: 3x8x8\nlayers:\n  - 'conv 8 k3 | bnn'\n", encoding="utf-8")
    (problem,) = problems(str(path))
    assert problem.file == str(path)
    assert (problem.line, problem.column) == (4, 18)
    assert problem.text == "  - 'conv 8 k3 | bnn'"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("layers: [relu]\nlayers: [relu]\n", 2, "twice"),
        ("vars: {a: 1, a: 2}\nlayers: [relu]\n", 1, "twice"),
        ("layers: [relu\n", 2, ""),
        ("layers: !!python/name:os.system x\n", 1, "tag"),
        ("input: 3x8x8\nlayers:\n\t- relu\n", 3, ""),
        ("input: 3x8x8\n", 1, "layers"),
        ("name: x\nlayer: [relu]\n", 2, "layer"),
        ("input: 3x8x8\nlayers: [relu]\noutputs: [x]\n", 3, "no tensor named 'x'"),
        ("inputs: {a: 3x8x8, b: 3x9x9}\nlayers: ['add from=[a,b]']\n", 2, "add"),
        ("input: 3x8x8\nlayers: [{residual: identity, body: [conv 4 k1]}]\n", 2, "residual"),
        ("input: 3x8x8\nlayers: [{branches: {a: [], b: [conv 3 k3]}, merge: add}]\n", 2, "add"),
        ("input: 3x8x8\nlayers: [{branches: {a: [], b: [conv 3 k3]}}]\n", 2, "concat"),
        ("input: 3x8x8\nlayers: [{repeat: -1, body: [relu]}]\n", 2, "repeat"),
        ("input: 3x8x8\nlayers: [{when: 1 +, do: [relu]}]\n", 2, ""),
        ("input: 3x8x0\nlayers: [relu]\n", 1, "size"),
    ],
)
def test_documents_that_are_refused(text: str, line: int, message: str) -> None:
    found = problems(text)
    assert found[0].line == line
    assert message in found[0].message
    assert "Traceback" not in str(found[0])
