"""An operator that is not known cannot be executed."""

from __future__ import annotations

from typing import Any

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call
from convcalc.executor.marks import Reach
from convcalc.executor.operation import OPERATIONS, Operation
from convcalc.executor.windows import ExecutionError


def refused(layer: Any) -> str:
    """Why it cannot be executed."""
    return f"{layer.what} is not known here, and cannot be run"


def opaque(call: Call) -> Array:
    """Nothing: there is no telling what it computes.

    Raises:
        ExecutionError: always.
    """
    raise ExecutionError(refused(call.layer))


def backwards(reach: Reach) -> list[Array]:
    """Nothing, for the same reason.

    Raises:
        ExecutionError: always.
    """
    raise ExecutionError(refused(reach.layer))


OPERATIONS["opaque"] = Operation(opaque, backward=backwards, refuses=refused)
