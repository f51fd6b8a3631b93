"""Several threads for one layer: its blocks are computed side by side.

NumPy lets other threads run while it computes, but uses several of them for matrix products
only. Here every kernel cuts its work into blocks, of sizes that do not depend on how many threads
there are, and hands them to :func:`each`; meanwhile the BLAS library inside NumPy is kept to one
thread. How many there are is what that library was told (``OMP_NUM_THREADS``,
``OPENBLAS_NUM_THREADS``, or the processors it found). Where it cannot be told, blocks run one
after the other and it uses the threads it likes.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convcalc.executor.arithmetic.arith import Array

T = TypeVar("T")
MOST_THREADS = 8
"""With blocks of these sizes, more threads gain nothing."""

BLOCK_BYTES = 1 << 18
"""How much an elementwise layer computes at a time: it stays in the cache from one pass to the next."""


class _Blas(NamedTuple):
    get: Callable[[], int]
    set: Callable[[int], None]


@lru_cache(maxsize=1)
def _blas() -> _Blas | None:
    """The OpenBLAS that came with NumPy, if it did."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                library = ctypes.CDLL(str(path))  # the one that is loaded already
            except OSError:
                continue
            for prefix in ("scipy_openblas_", "openblas_"):
                for suffix in ("64_", ""):
                    get = getattr(library, f"{prefix}get_num_threads{suffix}", None)
                    change = getattr(library, f"{prefix}set_num_threads{suffix}", None)
                    if get is not None and change is not None:
                        return _Blas(get, change)
    return None


class _Helpers:
    """Threads that wait for work."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.running = 0
        self.busy = threading.Lock()

    def start(self, many: int, work: Callable[[], None]) -> None:
        while self.running < many:
            threading.Thread(target=self._serve, name=f"convcalc-{self.running}", daemon=True).start()
            self.running += 1
        for _ in range(many):
            self.jobs.put(work)

    def _serve(self) -> None:
        while True:
            self.jobs.get()()


_helpers = _Helpers()


def _renew() -> None:
    """Threads do not survive a fork."""
    global _helpers
    _helpers = _Helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class _BlasUse:
    """How many kernels run now, and how many threads BLAS had before the first of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kernels = 0
        self.threads = 1


_use = _BlasUse()


def threads() -> int:
    """How many threads a kernel would use now."""
    blas = _blas()
    if blas is None:
        return 1
    return max(1, min(_use.threads if _use.kernels else int(blas.get()), MOST_THREADS))


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread, so that :func:`each` can use several.

    It holds for as long as a kernel runs, not only inside :func:`each`: a BLAS thread that was used
    once waits for more work by spinning, and takes the processor from the others.
    """
    blas = _blas()
    if blas is None:
        yield
        return
    with _use.lock:
        if _use.kernels == 0:
            _use.threads = int(blas.get())
            blas.set(1)
        _use.kernels += 1
    try:
        yield
    finally:
        with _use.lock:
            _use.kernels -= 1
            if _use.kernels == 0:
                blas.set(_use.threads)


def each(task: Callable[[T], object], items: Iterable[T], shared: bool = True) -> None:
    """Call a task with each of the items, several at a time inside :func:`single_blas_thread`.

    Args:
        task: computes one block and writes it where no other block is written.
        items: what the blocks are.
        shared: whether the task may run in several threads at once.
    """
    todo = deque(items)
    many = min(threads(), len(todo)) - 1 if shared and _use.kernels else 0
    if many < 1 or not _helpers.busy.acquire(blocking=False):
        for item in todo:
            task(item)
        return
    helpers = _helpers
    try:
        _together(helpers, many, task, todo)
    finally:
        helpers.busy.release()


def _together(helpers: _Helpers, many: int, task: Callable[[T], object], todo: deque[T]) -> None:
    faults: list[BaseException] = []
    done: SimpleQueue[None] = SimpleQueue()

    def work() -> None:
        try:
            while True:
                try:
                    item = todo.popleft()
                except IndexError:
                    return
                task(item)
        except BaseException as error:  # raised by the thread that started it
            faults.append(error)
            todo.clear()

    contexts = [copy_context() for _ in range(many)]  # with NumPy's settings for errors

    def help_out() -> None:
        try:
            contexts.pop().run(work)
        finally:
            done.put(None)

    helpers.start(many, help_out)
    try:
        work()
    finally:
        todo.clear()
        for _ in range(many):
            done.get()
    if faults:
        raise faults[0]


_own = threading.local()


def scratch(size: int, dtype: np.dtype[Any], slot: int = 0) -> Array:
    """Working space of this thread: what was in that slot is gone at the next call."""
    if dtype.hasobject:
        return np.empty(size, dtype)
    name = f"slot{slot}"
    space: Array | None = getattr(_own, name, None)
    if space is None or space.nbytes < size * dtype.itemsize:
        space = np.empty(size * dtype.itemsize, np.uint8)
        setattr(_own, name, space)
    return space[: size * dtype.itemsize].view(dtype)


def spans(length: int, step: int) -> list[slice]:
    """A range cut into slices of ``step``, the last one shorter."""
    step = max(1, step)
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def row_spans(x: Array, axis: int = 1) -> list[slice]:
    """Slices along one axis of ``x``, each of about :data:`BLOCK_BYTES`."""
    return spans(x.shape[axis], BLOCK_BYTES * x.shape[axis] // max(1, x.nbytes))
