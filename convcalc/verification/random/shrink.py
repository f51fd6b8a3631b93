"""Shrinking a spec that fails: fewer layers, fewer words, smaller numbers, as long as it still fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from convcalc.layers import lookup
from convcalc.spec import SpecError
from convcalc.verification.random.specs import RandomSpec, Stage


def shrink(spec: RandomSpec, fails: Callable[[RandomSpec], bool], tries: int = 400) -> RandomSpec:
    """The smallest spec found that still fails.

    Args:
        spec: a spec that fails.
        fails: whether a spec fails; it is only asked about specs that the parser takes.
        tries: how many specs may be tried.

    Returns:
        a spec that fails.
    """
    left = tries
    again = True
    while again and left > 0:
        again = False
        for smaller in _smaller(spec):
            if left <= 0:
                break
            if not _sensible(smaller):
                continue
            try:
                smaller.load()
            except SpecError:
                continue
            except Exception:  # for whoever asks what fails to judge
                pass
            left -= 1
            if fails(smaller):
                spec, again = smaller, True
                break
    return spec


def _sensible(spec: RandomSpec) -> bool:
    """Whether what is read as whole numbers still is: places of a pool, or an input, which is drawn so."""
    layers = {stage.name: lookup(stage.words[0]) for stage in spec.stages}
    for stage in spec.stages:
        for number in layers[stage.name].looks_up:
            if number < len(stage.reads) and stage.reads[number] not in spec.inputs:
                return False
        for number in layers[stage.name].index_inputs:
            if number >= len(stage.reads):
                return False
            name, _, part = stage.reads[number].partition(".")
            if not part or name not in layers or not layers[name].index_outputs:
                return False
    return True


def _smaller(spec: RandomSpec) -> Iterator[RandomSpec]:
    """Specs a little smaller, the boldest first."""
    stages = spec.stages
    for count in range(1, len(stages)):
        yield _used(replace(spec, stages=stages[:count]))
    for index in range(len(stages) - 1, -1, -1):
        name = stages[index].name
        unread = not any(read.partition(".")[0] == name for stage in stages for read in stage.reads)
        for read in stages[index].reads or ("",) * (unread and len(stages) > 1):
            yield _used(_without(spec, index, read))
    for index, stage in enumerate(stages):
        if len(stage.reads) > 1:
            for drop in range(len(stage.reads)):
                reads = (*stage.reads[:drop], *stage.reads[drop + 1 :])
                yield _used(_with(spec, index, replace(stage, reads=reads)))
        for number in range(1, len(stage.words)):
            words = (*stage.words[:number], *stage.words[number + 1 :])
            yield _with(spec, index, replace(stage, words=words))
    yield from _smaller_numbers(spec)


def _smaller_numbers(spec: RandomSpec) -> Iterator[RandomSpec]:
    for name, shape in spec.inputs.items():
        if len(shape) > 2:  # one axis less
            yield replace(spec, inputs={**spec.inputs, name: shape[:-1]})
        for axis, size in enumerate(shape):
            for less in _less(size):
                inputs = dict.fromkeys(spec.inputs, (*shape[:axis], less, *shape[axis + 1 :]))
                yield replace(spec, inputs=inputs)
                if len(spec.inputs) > 1:
                    one = {**spec.inputs, name: inputs[name]}
                    yield replace(spec, inputs=one)
    for index, stage in enumerate(spec.stages):
        for number, word in enumerate(stage.words[1:], 1):
            for match in re.finditer(r"\d+(?!\w|\.)", word.replace("x", ",")):
                if match.start() and word[match.start() - 1] == ".":
                    continue
                for less in _less(int(match[0])):
                    text = f"{word[: match.start()]}{less}{word[match.end() :]}"
                    words = (*stage.words[:number], text, *stage.words[number + 1 :])
                    yield _with(spec, index, replace(stage, words=words))


def _less(number: int) -> tuple[int, ...]:
    """Smaller numbers to try, the smallest first."""
    return tuple(n for n in dict.fromkeys((0, 1, number // 2, number - 1)) if 0 <= n < number)


def _with(spec: RandomSpec, index: int, stage: Stage) -> RandomSpec:
    return replace(spec, stages=(*spec.stages[:index], stage, *spec.stages[index + 1 :]))


def _without(spec: RandomSpec, index: int, instead: str) -> RandomSpec:
    """The spec without a stage; who read it reads ``instead``."""
    gone = spec.stages[index].name
    stages = tuple(
        replace(stage, reads=tuple(instead if r.partition(".")[0] == gone else r for r in stage.reads))
        for stage in (*spec.stages[:index], *spec.stages[index + 1 :])
    )
    return replace(spec, stages=stages)


def _used(spec: RandomSpec) -> RandomSpec:
    """The spec without inputs that nobody reads."""
    read = {name.partition(".")[0] for stage in spec.stages for name in stage.reads}
    inputs = {name: shape for name, shape in spec.inputs.items() if name in read}
    return replace(spec, inputs=inputs) if inputs else spec
