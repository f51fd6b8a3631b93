"""Formula against execution: the only room where both witnesses meet.

``convcalc.verify(graph)`` holds every number that convcalc states for a graph against what running
the graph shows. :func:`verify_random` does it for random specs, :func:`verify_zoo` for the zoo.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convcalc.verify.random_run import Failure, RandomRun, verify_random
    from convcalc.verify.result import Check, LayerCheck, Verification
    from convcalc.verify.run import verify
    from convcalc.verify.zoo import ZooRun, verify_zoo

_HOMES = {
    "Check": "result",
    "Failure": "random_run",
    "LayerCheck": "result",
    "RandomRun": "random_run",
    "Verification": "result",
    "ZooRun": "zoo",
    "verify": "run",
    "verify_random": "random_run",
    "verify_zoo": "zoo",
}

__all__ = [
    "Check",
    "Failure",
    "LayerCheck",
    "RandomRun",
    "Verification",
    "ZooRun",
    "verify",
    "verify_random",
    "verify_zoo",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


class _Callable(ModuleType):
    """``convcalc.verify`` is the function even after this package was imported under that name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from convcalc.verify.run import verify as function

        return function(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
