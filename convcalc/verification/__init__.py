"""Formula against execution: the only room where both witnesses meet.

``convcalc.verify(graph)`` holds every number that convcalc states for a graph against what running
the graph shows. :func:`verify_random` does it for random specs, :func:`verify_zoo` for the zoo.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convcalc.verification.random.run import Failure, RandomRun, verify_random
    from convcalc.verification.result import Check, LayerCheck, Verification
    from convcalc.verification.run import verify
    from convcalc.verification.zoo import ZooRun, verify_zoo

_HOMES = {
    "Check": "result",
    "Failure": "random.run",
    "LayerCheck": "result",
    "RandomRun": "random.run",
    "Verification": "result",
    "ZooRun": "zoo",
    "verify": "run",
    "verify_random": "random.run",
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
