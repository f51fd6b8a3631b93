"""Closed forms in several threads at once: the same text, byte for byte, as in one."""

from __future__ import annotations

import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from convcalc.collector import collector_paused

# In a process of its own, so that every cache is empty and every module still to be loaded.
CODE = """
import sys, threading
import convcalc
import convcalc.calculators.explain
SPECS = [
    ("conv M k=K s2 | maxpool k3 s2 ceil=true", "3xHxW"),
    ("conv N k3 s2 p1 | maxpool k2 | conv N k3 sS p=same", "MxHxW"),
    ("upsample scale=1.5 | pad p=P:Q | conv N k3 | crop size=(K,L)", "MxHxW"),
    ("conv out=make_divisible(M*3,8) k1 | conv out=round(M/3)+W k1", "MxWxH"),
]

def text(spec, shape):
    graph = convcalc.load(spec, input=shape)
    report = convcalc.analyze(graph)
    rows = [(r.output_shape, r.params, r.macs, r.valid_macs, r.ops) for r in report.layers]
    parts = [graph.constraints, rows, report, convcalc.receptive_field(graph)]
    return "\\n".join(map(str, [*parts, convcalc.explain(spec, input=shape)]))

found = [{} for _ in range(8)]
start = threading.Barrier(8)

def work(number):
    start.wait()
    for turn in range(len(SPECS)):
        place = (number + turn) % len(SPECS)
        try:
            found[number][place] = text(*SPECS[place])
        except Exception as error:
            found[number][place] = repr(error)

sys.setswitchinterval(1e-4)
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for place, spec in enumerate(SPECS):
    alone = text(*spec)
    for number in range(8):
        if found[number][place] != alone:
            print(number, spec, found[number][place], alone, sep="\\n")
"""


@pytest.mark.slow
def test_eight_threads_give_what_one_gives(process) -> None:
    done = process(code=CODE)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_the_collector_of_cycles_is_started_again_whoever_paused_it() -> None:
    def pause(_: int) -> None:
        for _ in range(300):
            with collector_paused(), collector_paused():
                pass

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(pause, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert gc.isenabled()


def test_what_one_thread_assumes_no_other_does() -> None:
    from convcalc.symbols import symbol
    from convcalc.symbols.bounds import assuming

    H = symbol("H")
    assumed, asked = threading.Event(), threading.Event()

    def assume() -> None:
        with assuming({"H": 7}):
            assumed.set()
            asked.wait(10)

    thread = threading.Thread(target=assume)
    thread.start()
    assumed.wait(10)
    here = H >= 7
    asked.set()
    thread.join()
    assert str(here) == "H >= 7"


def test_execution_and_verification_in_eight_threads_give_what_one_gives() -> None:
    """Load, count, field, explain, execute and verify, with numbers: the same text from every thread."""
    import numpy as np

    import convcalc

    specs = [
        "input 2x9x9 | conv 4 k3 s2 p1 | bn | relu | maxpool k2",
        "input 4x8x8 | conv 4 k3 g2 p=same | convT 2 k4 s2 p1 | upsample scale=2",
    ]

    def text(spec: str) -> str:
        graph = convcalc.load(spec)
        shape = graph.nodes[0].outputs[0]
        values = convcalc.execute(graph, np.arange(np.prod(shape), dtype=np.float64).reshape(1, *shape))
        parts = [convcalc.analyze(graph), convcalc.receptive_field(graph), convcalc.explain(graph)]
        checked = convcalc.verify(graph)
        return "\n".join(map(str, [*parts, values.tobytes().hex(), checked.to_dict()]))

    alone = [text(spec) for spec in specs]
    barrier = threading.Barrier(8)

    def work(number: int) -> list[str]:
        barrier.wait()
        turned = [(number + n) % len(specs) for n in range(len(specs))]
        found = {place: text(specs[place]) for place in turned}
        return [found[place] for place in range(len(specs))]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            for found in pool.map(work, range(8)):
                assert found == alone
    finally:
        sys.setswitchinterval(interval)
