"""The long run: ``python -m tests.fuzz --count N --seed S --jobs 2``.

Prints a line a find as it is made, and at the end how many cases ran and what was found. Each job is a
process that works through every n-th case; one that dies or hangs is replaced and the case is a find.
"""

from __future__ import annotations

import argparse
import collections
import json
import multiprocessing
import os
import signal
import tempfile
import time
from multiprocessing.connection import Connection
from typing import Any

from tests.fuzz.cases import case
from tests.fuzz.running import Find, call, finds, warm_up

PATIENCE = 120.0
"""Seconds of wall-clock time after which a process that says nothing is ended."""
REPORT = 200


def _work(seed: int, first: int, last: int, step: int, pipe: Connection) -> None:
    os.chdir(tempfile.mkdtemp())
    warm_up()
    for done, index in enumerate(range(first, last, step), 1):
        pipe.send(("at", index))
        one = case(seed, index)
        for find in finds(one, call(one)):
            pipe.send(("find", index, find))
        if done % 20_000 == 0:  # whatever a process gathers in a long life is no matter of a case
            pipe.send(("next", index + step))
            return
    pipe.send(("end", last))


class Job:
    """A process and how far it is."""

    def __init__(self, seed: int, first: int, last: int, step: int) -> None:
        self.seed, self.last, self.step = seed, last, step
        self.at = first - step
        self.done = 0
        self.over = False
        self.start(first)

    def start(self, first: int) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        arguments = (self.seed, first, self.last, self.step, theirs)
        self.process = multiprocessing.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self.heard = time.monotonic()

    def listen(self) -> list[tuple[int, Find]]:
        found: list[tuple[int, Find]] = []
        try:
            while self.pipe.poll(0.05):
                word: Any = self.pipe.recv()
                self.heard = time.monotonic()
                if word[0] == "at":
                    self.done += 1
                    self.at = word[1]
                elif word[0] == "find":
                    found.append((word[1], word[2]))
                elif word[0] == "end":
                    self.over = True
                    return found
                else:
                    self.process.join()
                    self.start(word[1])
                    return found
            if time.monotonic() - self.heard > PATIENCE:
                found.append((self.at, Find("slow", f"nothing for {PATIENCE:.0f} s")))
                os.kill(self.process.pid or 0, signal.SIGKILL)
                self.start(self.at + self.step)
        except EOFError:
            self.process.join()
            found.append((self.at, Find("exception", f"the process ended with {self.process.exitcode}")))
            self.start(self.at + self.step)
        return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--only", type=int, help="run this case alone and show it")
    options = parser.parse_args()
    if options.only is not None:
        one = case(options.seed, options.only)
        os.chdir(tempfile.mkdtemp())
        warm_up()
        outcome = call(one)
        print(one, outcome, *finds(one, outcome), sep="\n")
        return 0
    start = time.monotonic()
    last = options.first + options.count
    jobs = [Job(options.seed, options.first + n, last, options.jobs) for n in range(options.jobs)]
    counts: collections.Counter[str] = collections.Counter()
    told = 0
    while not all(job.over for job in jobs):
        for job in jobs:
            if not job.over:
                for index, find in job.listen():
                    counts[find.kind] += 1
                    shown = {"index": index, "kind": find.kind, "detail": find.detail}
                    arguments = case(options.seed, index).arguments
                    print(json.dumps({**shown, "arguments": arguments}), flush=True)
        done = sum(job.done for job in jobs)
        if done // 10_000 > told:
            told = done // 10_000
            print(f"# {done:,} cases, {time.monotonic() - start:.0f} s, {dict(counts)}", flush=True)
    done = sum(job.done for job in jobs)
    kinds = ("exception", "slow", "memory", "control", "exit")
    print(f"{done:,} cases: " + ", ".join(f"{kind} {counts[kind]}" for kind in kinds))
    return 1 if counts else 0


if __name__ == "__main__":
    raise SystemExit(main())
