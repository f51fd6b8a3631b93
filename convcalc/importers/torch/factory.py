"""``torch:package.module:factory``: a module made by code that is imported, because the person asked for it.

Nothing else in this project imports code that it is not part of.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from convcalc.importers.torch.live import first_line

if TYPE_CHECKING:
    from convcalc.dims import Shape
    from convcalc.graph import Graph

PREFIX: Final = "torch:"
MOST_TEXT: Final = 10_000
"""Longest value of ``--set`` that is read as more than a text."""


def is_factory(text: str) -> bool:
    """Whether a spec has the form ``torch:package.module:factory``."""
    return text.startswith(PREFIX)


def open_factory(text: str, input: Any = None, set: Mapping[str, Any] | None = None) -> Graph:
    """Import code, make the module, and give its network.

    Args:
        text: ``torch:package.module:factory``, where the factory is a class, a function that returns a
            module, or a module that stands there.
        input: see :func:`convcalc.from_torch`.
        set: arguments of the factory by name.

    Raises:
        SpecError: there is no such module or factory, it fails, or PyTorch cannot export what it makes.
    """
    from contextlib import redirect_stdout

    from convcalc.importers.torch.exporting import from_torch
    from convcalc.spec.errors import Problem, SpecError

    name = text.rpartition(":")[2].rpartition(".")[2]
    with redirect_stdout(sys.stderr):  # what the code prints is no part of the answer
        try:
            module = make(text, set or {})
        except ValueError as error:
            raise SpecError([Problem(str(error), file=text, line=0)]) from None
        takes = _forward(module)
        expected = " ".join(f"--input {f'{one}=' if len(takes) > 1 else ''}3x224x224" for one in takes or "x")
        if input is None:
            message = f"{name} is a module: nothing says what it is given"
            raise SpecError(Problem(message, file=text, line=0, expected=expected))
        try:
            graph = from_torch(module, input, name=name)
        except SpecError as error:
            for problem in error.problems:
                if problem.file == f"<{name}>":
                    problem.file = text
                    if "missing a required argument" in problem.message:
                        problem.expected = expected
            raise
    if graph.again is not None:
        whole = graph.again

        def again(shapes: Mapping[str, Shape], variables: Mapping[str, Any]) -> Graph:
            changed = {**(set or {}), **variables}
            return open_factory(text, dict(shapes), changed) if variables else whole(shapes, variables)

        graph.again = again
    graph.notes = (f"the code of {text.split(':')[1]} was imported to make the module", *graph.notes)
    return graph


def _forward(module: Any) -> list[str]:
    """Names of the tensors that a module cannot do without."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (AttributeError, TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]


def _meant(value: Any, parameter: Any) -> Any:
    """A value of ``--set`` as Python reads it; a text that is none, or where a text is taken, is a text."""
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        return value
    if parameter is not None and (isinstance(parameter.default, str) or parameter.annotation in (str, "str")):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


def make(text: str, arguments: Mapping[str, Any]) -> Any:
    """The module that ``torch:package.module:factory`` makes of these arguments.

    Raises:
        ValueError: there is none, with what went wrong.
    """
    parts = text.removeprefix(PREFIX).split(":")
    if len(parts) != 2 or not all(part.isidentifier() for name in parts for part in name.split(".")):
        raise ValueError(
            f"{text[:120]!r} names no factory; expected torch:package.module:factory, "
            "such as torch:torchvision.models:resnet18"
        )
    where, name = parts
    try:
        import torch
    except ImportError:
        raise ValueError("PyTorch is not installed: pip install torch") from None
    found = _imported(where)
    for part in name.split("."):
        if not hasattr(found, part):
            near = get_close_matches(part, [word for word in dir(found) if not word.startswith("_")], 1)
            raise ValueError(f"{where} has no {part}" + (f"; did you mean {near[0]}?" if near else ""))
        found = getattr(found, part)
    if isinstance(found, torch.nn.Module):
        if arguments:
            raise ValueError(f"{name} is a module already and takes no {', '.join(arguments)}")
        return found
    if not callable(found):
        raise ValueError(f"{name} is {type(found).__name__}; expected a class, a function or a module")
    known = _fits(found, name, arguments)
    try:
        made = found(**{key: _meant(value, known.get(key)) for key, value in arguments.items()})
    except (Exception, SystemExit) as error:
        raise ValueError(f"{name} fails: {type(error).__name__}: {first_line(error)}") from None
    if not isinstance(made, torch.nn.Module):
        raise ValueError(f"{name} gives {type(made).__name__}; expected a torch.nn.Module")
    return made


def _imported(where: str) -> Any:
    here = os.getcwd()
    added = here not in sys.path and "" not in sys.path
    if added:  # as `python -m` finds it
        sys.path.insert(0, here)
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        missing = error.name or where
        if missing == where or where.startswith(f"{missing}."):
            raise ValueError(
                f"there is no Python module {missing} here or among the installed ones"
            ) from None
        raise ValueError(f"{where} needs {missing}, which is not installed") from None
    except (Exception, SystemExit) as error:
        raise ValueError(f"{where} cannot be imported: {type(error).__name__}: {first_line(error)}") from None
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def _fits(factory: Any, name: str, arguments: Mapping[str, Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a factory, if it has those that are given and is given those it needs.

    Raises:
        ValueError: as said.
    """
    try:
        known = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}
    parameters = known.values()
    kinds = inspect.Parameter
    names = [p.name for p in parameters if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    if not any(p.kind is kinds.VAR_KEYWORD for p in parameters):
        for given in arguments:
            if given not in names:
                near = get_close_matches(given, names, 1)
                said = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(names) or 'none'}"
                raise ValueError(f"{name} has no argument {given}{said}")
    needed = [p.name for p in parameters if p.default is kinds.empty and p.name in names]
    lacking = [word for word in needed if word not in arguments]
    if lacking:
        raise ValueError(
            f"{name} needs {', '.join(lacking)}: give {' '.join(f'--set {word}=...' for word in lacking)}"
        )
    return known
