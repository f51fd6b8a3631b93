"""The whole zoo, formula against execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from convcalc.budget import apart
from convcalc.shown import Told
from convcalc.spec import load
from convcalc.spec.library import zoo_names
from convcalc.verification.result import Verification
from convcalc.verification.run import verify

MACS = 12_000_000_000
"""Multiply-accumulates up to which a network of the zoo is run at its own size: the most that is usual
for networks of 224x224, so that the whole zoo takes a minute or two."""


@dataclass(frozen=True, repr=False)
class ZooRun(Told):
    """What verifying networks of the zoo found.

    Attributes:
        networks: each by name, in order.
        seconds: what each took.
        asked: how many networks were to be verified.
        complete: whether it came to its end; else it was interrupted.
    """

    networks: dict[str, Verification]
    seconds: dict[str, float]
    asked: int = 0
    complete: bool = True

    @property
    def ok(self) -> bool:
        """Whether formula and execution agreed on every network."""
        return all(found.ok for found in self.networks.values())

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON holds it: a summary of each network, and the layers of those that differ."""
        rows = []
        for name, found in self.networks.items():
            whole = found.to_dict()
            layers = whole.pop("layers")
            rows.append(
                {
                    "network": name,
                    **whole,
                    "layers": len(layers),
                    "seconds": round(self.seconds[name], 3),
                    "differences": [layer for layer in layers if not layer["ok"]],
                }
            )
        seconds = round(sum(self.seconds.values()), 3)
        return {"ok": self.ok, "complete": self.complete, "seconds": seconds, "networks": rows}


@apart
def verify_zoo(
    names: Sequence[str] | None = None,
    *,
    macs: int | None = MACS,
    max_memory: int | None = None,
    fields: bool = True,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> ZooRun:
    """Verify networks of the zoo, each as :func:`convcalc.verify` does.

    Args:
        names: which; all of them where None.
        macs: multiply-accumulates up to which a network is run at its own size, else reduced.
        max_memory: bytes that a run may need.
        fields: whether to trace receptive fields.
        seed: of weights and inputs.
        progress: called with networks done, networks in all and the name of the next.
            A KeyboardInterrupt ends the run with what was found, once there is something.

    Raises:
        SpecError: a name is not in the zoo.
        MemoryLimitError: a run would need more memory than it may.
    """
    chosen = list(zoo_names() if names is None else names)
    networks: dict[str, Verification] = {}
    seconds: dict[str, float] = {}
    for number, name in enumerate(chosen):
        if progress is not None:
            progress(number, len(chosen), name)
        began = perf_counter()
        try:
            networks[name] = verify(load(name), macs=macs, max_memory=max_memory, fields=fields, seed=seed)
        except KeyboardInterrupt:
            if not networks:
                raise
            return ZooRun(networks, seconds, len(chosen), complete=False)
        if not networks[name].complete:
            if len(networks) > 1:
                del networks[name]
            return ZooRun(networks, seconds, len(chosen), complete=False)
        seconds[name] = perf_counter() - began
    if progress is not None:
        progress(len(chosen), len(chosen), "")
    return ZooRun(networks, seconds, len(chosen))
