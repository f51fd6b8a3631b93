"""The kernels: one file per family of layers, each with the whole record of its operations.

Importing this package imports every family, which fills :data:`convcalc.executor.operation.OPERATIONS`.
"""

from convcalc.executor.kernels.arithmetic import activation, functions, merge, norm, reduce  # noqa: F401
from convcalc.executor.kernels.products import linear, product, recurrent  # noqa: F401
from convcalc.executor.kernels.tensors import lookups, moves, opaque, rearrange, shape, sources  # noqa: F401
from convcalc.executor.kernels.windows import (  # noqa: F401
    adaptive,
    conv,
    deformable,
    pool,
    resize,
    transposed,
    unfold,
)
from convcalc.executor.operation import OPERATIONS, operation, run_kernel

__all__ = ["OPERATIONS", "operation", "run_kernel"]
