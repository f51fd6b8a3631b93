"""The reference executor: every layer run on arrays, counted as it runs, traced back to the input.

The second witness of every number convcalc states: kernels are written from the definition of
each operation, read only the hyper-parameters of a layer, and know none of its formulas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convcalc.executor.backward.gradients import gradient as gradient
    from convcalc.executor.backward.tainting import paths as paths
    from convcalc.executor.backward.tainting import poison as poison
    from convcalc.executor.backward.tainting import taint as taint
    from convcalc.executor.counting import Counts as Counts
    from convcalc.executor.counting import NodeCount as NodeCount
    from convcalc.executor.counting import count as count
    from convcalc.executor.memory import MemoryEstimate as MemoryEstimate
    from convcalc.executor.memory import MemoryLimitError as MemoryLimitError
    from convcalc.executor.memory import estimate_memory as estimate_memory
    from convcalc.executor.run import execute as execute
    from convcalc.executor.weights import WeightsError as WeightsError
    from convcalc.executor.weights import init_weights as init_weights
    from convcalc.executor.weights import load_weights as load_weights
    from convcalc.executor.windows import ExecutionError as ExecutionError

# Looked up when first needed: importing this package loads no NumPy.
_NAMES = {
    "backward.gradients": "gradient",
    "backward.tainting": "paths poison taint",
    "counting": "Counts NodeCount count",
    "memory": "MemoryEstimate MemoryLimitError estimate_memory",
    "run": "execute",
    "weights": "WeightsError init_weights load_weights",
    "windows": "ExecutionError",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
