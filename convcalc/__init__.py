"""convcalc: a convolution calculator whose every number can be executed.

Everything public is imported from here, and loaded when it is first used:

    >>> import convcalc
    >>> graph = convcalc.load("conv 3->4 k3 bias=false", input="3x32x32")
    >>> convcalc.analyze(graph).totals.params
    108
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    from convcalc.lazy import load

    return load(__name__, name)


def __dir__() -> list[str]:
    from convcalc.lazy import homes

    return sorted({*globals(), *homes(__name__)})
