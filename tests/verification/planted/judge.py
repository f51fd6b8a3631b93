"""Whether the verifier notices a mistake, on a corpus that is the same for all of them."""

from __future__ import annotations

import re

from convcalc.spec import SpecError, load
from convcalc.verification import Verification, verify
from tests.verification.corpus import CORPUS
from tests.verification.planted.base import MUTANTS, Mutant, planted


def words(spec: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]\w*", spec))


def specs_for(one: Mutant) -> list[str]:
    """The specs of the corpus that hold a layer the mistake is about."""
    return [spec for spec in CORPUS if words(spec) & set(one.ops)]


def checked(spec: str) -> Verification | None:
    """The verification; None where the parser refuses the spec, which is no verdict of the verifier."""
    try:
        graph = load(spec)
    except SpecError:
        return None
    return verify(graph)


def kill(one: Mutant) -> str | None:
    """What the verifier says of the first spec on which it notices the mistake."""
    with planted(one):
        for spec in specs_for(one):
            found = checked(spec)
            if found is None or found.ok:
                continue
            # A mistake must be one of arithmetic, not a call that Python refuses.
            assert not re.match("TypeError|AttributeError|NameError", found.error or ""), found.error
            what = sorted({f"{c.quantity} ({c.witness})" for _, c in found.differences()})
            if found.error:
                what.append(f"not executed: {found.error.partition(chr(10))[0][:60]}")
            return f"{spec}: {', '.join(what)}"
    return None


def listing() -> tuple[str, list[str]]:
    """Every mutant with what noticed it, and those that nothing did."""
    found = {one: kill(one) for one in MUTANTS}
    survivors = [one.name for one, noticed in found.items() if noticed is None]
    kernels = sum(one.kernel for one in MUTANTS)
    lines = [f"{len(found) - len(survivors)} of {len(found)} mutants noticed, {kernels} of them in kernels"]
    for kind, wanted in (("formulas", False), ("kernels", True)):
        lines += ["", f"In {kind}:"]
        for one, noticed in found.items():
            if one.kernel is wanted:
                lines.append(f"  {one.name}\n    {noticed or 'NOT NOTICED'}")
    return "\n".join(lines), survivors
