"""convcalc: a convolution calculator whose every number can be executed.

Everything public is imported from here, and loaded when it is first used:

    >>> import convcalc
    >>> graph = convcalc.load("conv 3->4 k3 bias=false", input="3x32x32")
    >>> convcalc.analyze(graph).totals.params
    108
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from convcalc.api import Report as Report
    from convcalc.api import analyze as analyze
    from convcalc.api import receptive_field as receptive_field
    from convcalc.calculators.asked import Unreachable as Unreachable
    from convcalc.calculators.check import Check as Check
    from convcalc.calculators.check import check as check
    from convcalc.calculators.compare import Comparison as Comparison
    from convcalc.calculators.compare import compare as compare
    from convcalc.calculators.explain import Explanation as Explanation
    from convcalc.calculators.explain import explain as explain
    from convcalc.calculators.fit import Fit as Fit
    from convcalc.calculators.fit import fit as fit
    from convcalc.calculators.padding import solve_padding as solve_padding
    from convcalc.calculators.padding_answer import PaddingSolution as PaddingSolution
    from convcalc.calculators.padding_check import PaddingReport as PaddingReport
    from convcalc.calculators.padding_check import check_padding as check_padding
    from convcalc.calculators.receptive_field import ReceptiveField as ReceptiveField
    from convcalc.calculators.resolutions import Resolution as Resolution
    from convcalc.calculators.resolutions import resolutions as resolutions
    from convcalc.calculators.transposed_check import check_transposed as check_transposed
    from convcalc.calculators.variants import Variants as Variants
    from convcalc.calculators.variants import variants as variants
    from convcalc.dims import DimensionError as DimensionError
    from convcalc.dims import symbol as symbol
    from convcalc.executor import ExecutionError as ExecutionError
    from convcalc.executor import MemoryLimitError as MemoryLimitError
    from convcalc.executor import WeightsError as WeightsError
    from convcalc.executor import execute as execute
    from convcalc.executor import init_weights as init_weights
    from convcalc.executor import load_weights as load_weights
    from convcalc.executor.trace import Run as Run
    from convcalc.executor.trace import run as run
    from convcalc.graph import Edge as Edge
    from convcalc.graph import Graph as Graph
    from convcalc.graph import Node as Node
    from convcalc.render.pictures import Picture as Picture
    from convcalc.render.pictures import draw as draw
    from convcalc.spec import load as load
    from convcalc.spec.errors import Problem as Problem
    from convcalc.spec.errors import SpecError as SpecError
    from convcalc.verify import RandomRun as RandomRun
    from convcalc.verify import Verification as Verification
    from convcalc.verify import ZooRun as ZooRun
    from convcalc.verify import verify as verify
    from convcalc.verify import verify_random as verify_random
    from convcalc.verify import verify_zoo as verify_zoo
    from convcalc.verify.coverage import Coverage as Coverage
    from convcalc.verify.coverage import coverage as coverage
    from convcalc.verify.dilation import DilationJudgement as DilationJudgement
    from convcalc.verify.dilation import design_dilations as design_dilations
    from convcalc.verify.dilation import judge_dilations as judge_dilations
    from convcalc.verify.dilation import judge_network_dilations as judge_network_dilations
    from convcalc.verify.laws import LawResult as LawResult
    from convcalc.verify.laws import run_laws as run_laws
    from convcalc.verify.transposed import TransposedSolution as TransposedSolution
    from convcalc.verify.transposed import solve_transposed as solve_transposed

_HOME = {
    "Check": "convcalc.calculators.check",
    "Comparison": "convcalc.calculators.compare",
    "Coverage": "convcalc.verify.coverage",
    "DilationJudgement": "convcalc.verify.dilation",
    "DimensionError": "convcalc.dims",
    "Edge": "convcalc.graph",
    "ExecutionError": "convcalc.executor",
    "Explanation": "convcalc.calculators.explain",
    "Fit": "convcalc.calculators.fit",
    "Graph": "convcalc.graph",
    "LawResult": "convcalc.verify.laws",
    "MemoryLimitError": "convcalc.executor",
    "Node": "convcalc.graph",
    "PaddingReport": "convcalc.calculators.padding_check",
    "PaddingSolution": "convcalc.calculators.padding_answer",
    "Picture": "convcalc.render.pictures",
    "Problem": "convcalc.spec.errors",
    "RandomRun": "convcalc.verify",
    "ReceptiveField": "convcalc.calculators.receptive_field",
    "Report": "convcalc.api",
    "Resolution": "convcalc.calculators.resolutions",
    "Run": "convcalc.executor.trace",
    "SpecError": "convcalc.spec.errors",
    "TransposedSolution": "convcalc.verify.transposed",
    "Unreachable": "convcalc.calculators.asked",
    "Variants": "convcalc.calculators.variants",
    "Verification": "convcalc.verify",
    "WeightsError": "convcalc.executor",
    "ZooRun": "convcalc.verify",
    "analyze": "convcalc.api",
    "check": "convcalc.calculators.check",
    "check_padding": "convcalc.calculators.padding_check",
    "check_transposed": "convcalc.calculators.transposed_check",
    "compare": "convcalc.calculators.compare",
    "coverage": "convcalc.verify.coverage",
    "design_dilations": "convcalc.verify.dilation",
    "draw": "convcalc.render.pictures",
    "execute": "convcalc.executor",
    "explain": "convcalc.calculators.explain",
    "fit": "convcalc.calculators.fit",
    "init_weights": "convcalc.executor",
    "judge_dilations": "convcalc.verify.dilation",
    "judge_network_dilations": "convcalc.verify.dilation",
    "load": "convcalc.spec",
    "load_weights": "convcalc.executor",
    "receptive_field": "convcalc.api",
    "resolutions": "convcalc.calculators.resolutions",
    "run": "convcalc.executor.trace",
    "run_laws": "convcalc.verify.laws",
    "solve_padding": "convcalc.calculators.padding",
    "solve_transposed": "convcalc.verify.transposed",
    "symbol": "convcalc.dims",
    "variants": "convcalc.calculators.variants",
    "verify": "convcalc.verify",
    "verify_random": "convcalc.verify",
    "verify_zoo": "convcalc.verify",
}

__all__ = [
    "__version__",
    *_HOME,
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'convcalc' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
