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
    from convcalc.calculators.answers import Unreachable as Unreachable
    from convcalc.calculators.check.verdict import Check as Check
    from convcalc.calculators.check.verdict import check as check
    from convcalc.calculators.compare.networks import Comparison as Comparison
    from convcalc.calculators.compare.networks import compare as compare
    from convcalc.calculators.count.resolutions import Resolution as Resolution
    from convcalc.calculators.count.resolutions import resolutions as resolutions
    from convcalc.calculators.explain.sections import Explanation as Explanation
    from convcalc.calculators.explain.sections import explain as explain
    from convcalc.calculators.fit.answer import Fit as Fit
    from convcalc.calculators.fit.answer import fit as fit
    from convcalc.calculators.padding.answer import PaddingSolution as PaddingSolution
    from convcalc.calculators.padding.check import PaddingReport as PaddingReport
    from convcalc.calculators.padding.check import check_padding as check_padding
    from convcalc.calculators.padding.solve import solve_padding as solve_padding
    from convcalc.calculators.receptive_field.graph import ReceptiveField as ReceptiveField
    from convcalc.calculators.sizes.sizes import Sizes as Sizes
    from convcalc.calculators.sizes.sizes import sizes as sizes
    from convcalc.calculators.transposed.check import check_transposed as check_transposed
    from convcalc.calculators.variants.convolution import Variants as Variants
    from convcalc.calculators.variants.convolution import variants as variants
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
    from convcalc.render.pictures.convolution import Picture as Picture
    from convcalc.render.pictures.convolution import draw as draw
    from convcalc.solve.coverage import Coverage as Coverage
    from convcalc.solve.coverage import coverage as coverage
    from convcalc.solve.dilation import DilationJudgement as DilationJudgement
    from convcalc.solve.dilation import design_dilations as design_dilations
    from convcalc.solve.dilation import judge_dilations as judge_dilations
    from convcalc.solve.dilation import judge_network_dilations as judge_network_dilations
    from convcalc.solve.transposed import TransposedSolution as TransposedSolution
    from convcalc.solve.transposed import solve_transposed as solve_transposed
    from convcalc.spec import load as load
    from convcalc.spec.errors import Problem as Problem
    from convcalc.spec.errors import SpecError as SpecError
    from convcalc.verification import RandomRun as RandomRun
    from convcalc.verification import Verification as Verification
    from convcalc.verification import ZooRun as ZooRun
    from convcalc.verification import verify as verify
    from convcalc.verification import verify_random as verify_random
    from convcalc.verification import verify_zoo as verify_zoo
    from convcalc.verification.laws import LawResult as LawResult
    from convcalc.verification.laws import run_laws as run_laws

_HOME = {
    "Check": "convcalc.calculators.check.verdict",
    "Comparison": "convcalc.calculators.compare.networks",
    "Coverage": "convcalc.solve.coverage",
    "DilationJudgement": "convcalc.solve.dilation",
    "DimensionError": "convcalc.dims",
    "Edge": "convcalc.graph",
    "ExecutionError": "convcalc.executor",
    "Explanation": "convcalc.calculators.explain.sections",
    "Fit": "convcalc.calculators.fit.answer",
    "Graph": "convcalc.graph",
    "LawResult": "convcalc.verification.laws",
    "MemoryLimitError": "convcalc.executor",
    "Node": "convcalc.graph",
    "PaddingReport": "convcalc.calculators.padding.check",
    "PaddingSolution": "convcalc.calculators.padding.answer",
    "Picture": "convcalc.render.pictures.convolution",
    "Problem": "convcalc.spec.errors",
    "RandomRun": "convcalc.verification",
    "ReceptiveField": "convcalc.calculators.receptive_field.graph",
    "Report": "convcalc.api",
    "Resolution": "convcalc.calculators.count.resolutions",
    "Run": "convcalc.executor.trace",
    "Sizes": "convcalc.calculators.sizes.sizes",
    "SpecError": "convcalc.spec.errors",
    "TransposedSolution": "convcalc.solve.transposed",
    "Unreachable": "convcalc.calculators.answers",
    "Variants": "convcalc.calculators.variants.convolution",
    "Verification": "convcalc.verification",
    "WeightsError": "convcalc.executor",
    "ZooRun": "convcalc.verification",
    "analyze": "convcalc.api",
    "check": "convcalc.calculators.check.verdict",
    "check_padding": "convcalc.calculators.padding.check",
    "check_transposed": "convcalc.calculators.transposed.check",
    "compare": "convcalc.calculators.compare.networks",
    "coverage": "convcalc.solve.coverage",
    "design_dilations": "convcalc.solve.dilation",
    "draw": "convcalc.render.pictures.convolution",
    "execute": "convcalc.executor",
    "explain": "convcalc.calculators.explain.sections",
    "fit": "convcalc.calculators.fit.answer",
    "init_weights": "convcalc.executor",
    "judge_dilations": "convcalc.solve.dilation",
    "judge_network_dilations": "convcalc.solve.dilation",
    "load": "convcalc.spec",
    "load_weights": "convcalc.executor",
    "receptive_field": "convcalc.api",
    "resolutions": "convcalc.calculators.count.resolutions",
    "run": "convcalc.executor.trace",
    "run_laws": "convcalc.verification.laws",
    "sizes": "convcalc.calculators.sizes.sizes",
    "solve_padding": "convcalc.calculators.padding.solve",
    "solve_transposed": "convcalc.solve.transposed",
    "symbol": "convcalc.dims",
    "variants": "convcalc.calculators.variants.convolution",
    "verify": "convcalc.verification",
    "verify_random": "convcalc.verification",
    "verify_zoo": "convcalc.verification",
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
