"""The kernels: one file per family of layers, each with the whole record of its operations.

Importing this package imports every family, which fills :data:`convcalc.executor.operation.OPERATIONS`.
"""

from convcalc.executor.kernels import (  # noqa: F401
    activation,
    adaptive,
    conv,
    deformable,
    functions,
    linear,
    lookups,
    merge,
    moves,
    norm,
    pool,
    product,
    rearrange,
    recurrent,
    reduce,
    resize,
    shape,
    sources,
    transposed,
    unfold,
)
from convcalc.executor.operation import OPERATIONS, operation, run_kernel

__all__ = ["OPERATIONS", "operation", "run_kernel"]
