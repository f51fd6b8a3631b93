"""The reference executor: every layer run on arrays, counted as it runs, traced back to the input.

The second witness of every number convcalc states: kernels are written from the definition of
each operation, read only the hyper-parameters of a layer, and know none of its formulas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convcalc.executor.backward.gradients import gradient
    from convcalc.executor.backward.tainting import paths, poison, taint
    from convcalc.executor.counting import Counts, NodeCount, count
    from convcalc.executor.memory import MemoryEstimate, MemoryLimitError, estimate_memory
    from convcalc.executor.run import execute
    from convcalc.executor.weights import WeightsError, init_weights, load_weights
    from convcalc.executor.windows import ExecutionError

# Looked up when first needed: importing this package loads no NumPy.
_HOMES = {
    "Counts": "counting",
    "NodeCount": "counting",
    "count": "counting",
    "MemoryEstimate": "memory",
    "MemoryLimitError": "memory",
    "estimate_memory": "memory",
    "execute": "run",
    "gradient": "backward.gradients",
    "paths": "backward.tainting",
    "poison": "backward.tainting",
    "taint": "backward.tainting",
    "WeightsError": "weights",
    "init_weights": "weights",
    "load_weights": "weights",
    "ExecutionError": "windows",
}

__all__ = [
    "Counts",
    "ExecutionError",
    "MemoryEstimate",
    "MemoryLimitError",
    "NodeCount",
    "WeightsError",
    "count",
    "estimate_memory",
    "execute",
    "gradient",
    "init_weights",
    "load_weights",
    "paths",
    "poison",
    "taint",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
