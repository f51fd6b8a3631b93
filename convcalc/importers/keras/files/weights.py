"""Weights of a file: where each variable of Keras stands in it, and how it becomes an array of ours.

Nothing is read until it is asked for, and then one dataset; its shape is held against the one that the
layer has. Links to other files, and datasets that say they are larger than what is stored, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from threading import RLock
from typing import Any, Final, NamedTuple

from convcalc.importers.keras.files.opening import Opened, hdf5, weights_file
from convcalc.importers.keras.files.records import Model
from convcalc.importers.network import Stored
from convcalc.layers.values import show
from convcalc.spec.errors import Problem, SpecError

_RATIO: Final = 1032
_MOST_FOUND: Final = 100_000


class Holder(NamedTuple):
    """A layer as the file of the weights knows it.

    Attributes:
        names: of the models around it and its own.
        groups: those that lead to it in an archive of Keras 3.
        trainable: whether it is trained.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    trainable: bool

    def part(self, group: str, name: str, trainable: bool = True) -> Holder:
        """A layer inside it, by the attribute that holds it and by its name."""
        return Holder((*self.names, name), (*self.groups, *group.split("/")), self.trainable and trainable)


class Weights:
    """The weights of one file.

    Args:
        source: what was opened; it may have none.
    """

    def __init__(self, source: Opened) -> None:
        self.path = source.weights
        self.legacy = source.legacy
        self._file: Any = None
        self._lock = RLock()

    def __bool__(self) -> bool:
        return self.path is not None

    def stored(
        self, holder: Holder, number: int, name: str, shape: tuple[int, ...], *, learned: bool = True
    ) -> Stored:
        """A variable of a layer: its number among those of the layer, its name and the shape it has."""

        def read() -> Any:
            return self._read(holder, number, name, shape)

        full = "/".join((*holder.names, name))
        return Stored(full, shape, "float32", read, learned=learned, frozen=learned and not holder.trainable)

    def found(self, holder: Holder) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes of all variables below a layer, those of random numbers aside."""
        with self._lock:
            group = self._opened()
            for part in ("model_weights", holder.names[0]) if self.legacy else holder.groups:
                group = _child(group, part)
                if group is None:
                    return
            waiting: list[tuple[str, Any, int]] = [("", group, 0)]
            for _ in range(_MOST_FOUND):
                if not waiting:
                    return
                at, one, depth = waiting.pop()
                if hasattr(one, "shape"):
                    yield at, tuple(int(n) for n in one.shape)
                elif depth < 32:
                    for key in reversed(list(one)):
                        inner = None if key == "seed_generator" else _child(one, key)
                        if inner is not None:
                            waiting.append((f"{at}/{key}", inner, depth + 1))

    def _fault(self, place: str, message: str) -> SpecError:
        return SpecError(Problem(f"{place}: {message}", file=str(self.path)))

    def _opened(self) -> Any:
        if self._file is None:
            assert self.path is not None
            h5py = hdf5(self.path)
            try:
                self._file = h5py.File(self.path if self.legacy else weights_file(self.path), "r")
            except (SpecError, OSError) as error:
                if isinstance(error, SpecError) or error.filename is not None:
                    raise
                raise self._fault("model.weights.h5", "the HDF5 file is damaged") from None
            except Exception as error:  # h5py raises whatever damage leads it to
                raise self._fault("model.weights.h5", f"cannot be read: {str(error)[:100]}") from None
        return self._file

    def _read(self, holder: Holder, number: int, name: str, shape: tuple[int, ...]) -> Any:
        place = "/".join((*holder.names, name))
        with self._lock:
            try:
                dataset = self._dataset(holder, number)
                if dataset is None or not hasattr(dataset, "shape"):
                    raise self._fault(place, "the file has no such weights")
                if tuple(dataset.shape) != shape:
                    raise self._fault(
                        place, f"the file has {show(dataset.shape)}, and the layer needs {show(shape)}"
                    )
                if dataset.dtype.kind not in "fiub" or dataset.is_virtual or dataset.external:
                    raise self._fault(place, "no numbers of this file")
                if dataset.nbytes > _RATIO * (dataset.id.get_storage_size() + 1):
                    raise self._fault(place, f"{dataset.nbytes:,} bytes that are not there")
                return dataset[()]
            except SpecError:
                raise
            except OSError as error:
                if error.filename is not None:
                    raise
                raise self._fault(place, "the file of the weights is damaged") from None
            except Exception as error:  # h5py raises whatever damage leads it to
                raise self._fault(place, f"cannot be read: {str(error)[:100]}") from None

    def _dataset(self, holder: Holder, number: int) -> Any:
        group = self._opened()
        if not self.legacy:
            for part in (*holder.groups, "vars", str(number)):
                group = _child(group, part)
                if group is None:
                    return None
            return group
        group = _child(_child(group, "model_weights"), holder.names[0])
        if group is None:
            return None
        listed = [one.decode() if isinstance(one, bytes) else str(one) for one in group.attrs["weight_names"]]
        parts = [(one, one.split(":")[0].split("/")) for one in listed]
        for name in holder.names[1:]:
            parts = [(one, words) for one, words in parts if name in words[:-1]] or parts
        if number >= len(parts):
            return None
        for part in parts[number][0].split("/"):
            group = _child(group, part)
        return group


def _child(group: Any, name: str) -> Any:
    """What a group of this very file holds under a name."""
    if group is None or hasattr(group, "shape") or name not in group:
        return None
    link = group.get(name, getlink=True)
    return group[name] if type(link).__name__ == "HardLink" else None


_CLASSES: Final = {"GroupQueryAttention": "GroupedQueryAttention"}
"""Classes that go by another name outside."""


def group_names(model: Model) -> list[str]:
    """The groups in which an archive of Keras 3 keeps the layers of a model, in their order."""
    used: dict[str, int] = {}
    found = []
    for record in model.layers:
        if record.operation or (model.sequential and record.kind == "InputLayer"):
            found.append("")
            continue
        name = re.sub(r"\W+", "", _CLASSES.get(record.kind, record.kind))
        name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
        name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
        used[name] = used.get(name, -1) + 1
        found.append(f"{name}_{used[name]}" if used[name] else name)
    return found


Turn = Callable[[Stored], Stored]


def to_front(stored: Stored) -> Stored:
    """The last two axes first and in turn: ``(*kernel, in, out)`` to ``(out, in, *kernel)``."""
    rank = len(stored.shape)
    return stored.permuted((rank - 1, rank - 2, *range(rank - 2)))


def depthwise(stored: Stored) -> Stored:
    """``(*kernel, in, multiplier)`` to ``(in * multiplier, 1, *kernel)``."""
    rank = len(stored.shape)
    *kernel, channels, multiplier = stored.shape
    turned = stored.permuted((rank - 2, rank - 1, *range(rank - 2)))
    return turned.reshaped((channels * multiplier, 1, *kernel))


def last_first(stored: Stored) -> Stored:
    """The last axis first."""
    rank = len(stored.shape)
    return stored.permuted((rank - 1, *range(rank - 1))) if rank > 1 else stored


def gates(stored: Stored, order: tuple[int, ...]) -> Stored:
    """The parts of the last axis, one a gate, in another order."""
    if order == tuple(range(len(order))):
        return stored

    def change(array: Any) -> Any:
        import numpy as np

        parts = np.split(array, len(order), axis=-1)
        return np.concatenate([parts[number] for number in order], axis=-1)

    return stored.map(change, stored.shape, f"gates{order}")


def row(stored: Stored, number: int) -> Stored:
    """One of the rows of a table, as an array of its own name."""
    found = stored.map(lambda array: array[number], stored.shape[1:], "")
    found.name = f"{stored.name}[{number}]"
    found.tag = stored.tag
    return found
