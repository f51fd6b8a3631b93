"""The kernels: one file per family of layers, each with the whole record of its operations.

Importing this package imports every family, which fills :data:`convcalc.executor.operation.OPERATIONS`.
"""

from importlib import import_module
from pkgutil import iter_modules

from convcalc.executor.operation import OPERATIONS, operation, run_kernel

for _family in iter_modules(__path__, f"{__name__}."):
    import_module(_family.name)

__all__ = ["OPERATIONS", "operation", "run_kernel"]
