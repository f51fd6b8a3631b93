"""Hostile input: random calls of every command, and what each is held to.

A short seeded run is part of the default tests. ``python -m tests.fuzz --count N --seed S --jobs 2``
runs as many as one likes; the number of a find is all that is needed to repeat it.
"""
