"""The reference executor: every layer run on arrays, counted as it runs, traced back to the input.

The second witness of every number convcalc states: kernels are written from the definition of
each operation, read only the hyper-parameters of a layer, and know none of its formulas.
"""


def __getattr__(name: str) -> object:
    from convcalc.lazy import load

    return load(__name__, name)
