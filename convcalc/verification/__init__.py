"""Formula against execution: the only room where both witnesses meet.

``convcalc.verify(graph)`` holds every number that convcalc states for a graph against what running
the graph shows. :func:`verify_random` does it for random specs, :func:`verify_zoo` for the zoo.
"""


def __getattr__(name: str) -> object:
    from convcalc.lazy import load

    return load(__name__, name)
