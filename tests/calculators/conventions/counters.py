"""The real counters, run on a module: what the declarations are held against."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable
from typing import Any

TOOLS = ("torch", "fvcore", "thop", "ptflops", "ptflops-aten", "torchinfo")
PACKAGES = ("fvcore", "thop", "ptflops", "torchinfo")


def missing() -> list[str]:
    """The packages of counters that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


@contextlib.contextmanager
def _quiet():
    """Without what the counters print and warn of."""
    logging.disable(logging.CRITICAL)
    out, err = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with warnings.catch_warnings(), out, err:
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def counted(tool: str, make: Callable[[], Any], shape: tuple[int, ...], batch: int = 1) -> int:
    """What a counter prints of a fresh module in evaluation mode, on an input of zeros."""
    import torch

    with _quiet():
        torch.manual_seed(0)
        module = make().eval()
        return COUNTERS[tool](module, torch.zeros(batch, *shape))


def _torch(module: Any, x: Any) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(x)
    return int(counter.get_total_flops()) // 2


def _fvcore(module: Any, x: Any) -> int:
    from fvcore.nn import FlopCountAnalysis

    return int(_silent(FlopCountAnalysis(module, x)).total())


def fvcore_activations(module: Any, x: Any) -> int:
    """The other quantity of fvcore: elements that convolutions and products write."""
    from fvcore.nn import ActivationCountAnalysis

    return int(_silent(ActivationCountAnalysis(module, x)).total())


def _silent(analysis: Any) -> Any:
    analysis.unsupported_ops_warnings(False)
    analysis.uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    return analysis


def _thop(module: Any, x: Any) -> int:
    import thop

    return int(thop.profile(module, (x,), verbose=False)[0])


def _ptflops(module: Any, x: Any, backend: str = "pytorch") -> int:
    from tests.importers.torch.shim import declare

    declare()
    import ptflops

    def given(_: Any) -> Any:
        # The input as the one positional argument: a dictionary would hide it from the counter of batches.
        return x

    found = ptflops.get_model_complexity_info(
        module, tuple(x.shape[1:]), as_strings=False, print_per_layer_stat=False, backend=backend,
        verbose=False, input_constructor=given,
    )[0]  # fmt: skip
    if found is None:
        raise ValueError("ptflops could not count it")
    return int(found)


def _torchinfo(module: Any, x: Any) -> int:
    import torchinfo

    return int(torchinfo.summary(module, input_data=x, verbose=0).total_mult_adds)


COUNTERS: dict[str, Callable[[Any, Any], int]] = {
    "torch": _torch,
    "fvcore": _fvcore,
    "fvcore activations": fvcore_activations,
    "thop": _thop,
    "ptflops": _ptflops,
    "ptflops-aten": lambda module, x: _ptflops(module, x, "aten"),
    "torchinfo": _torchinfo,
}
