"""``torch:package.module:factory``: a module made by code that is imported, because the person asked for it.

Nothing else in this project imports code that it is not part of.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from convcalc.importers.torch.live import first_line

if TYPE_CHECKING:
    from convcalc.dims import Shape
    from convcalc.graph import Graph

PREFIX: Final = "torch:"


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
    from convcalc.importers.torch.exporting import from_torch
    from convcalc.spec.errors import Problem, SpecError

    try:
        module = make(text, set or {})
    except ValueError as error:
        raise SpecError([Problem(str(error), file=text, line=0)]) from None
    graph = from_torch(module, input, name=text.rpartition(":")[2].rpartition(".")[2])
    if graph.again is not None:
        whole = graph.again

        def again(shapes: Mapping[str, Shape], variables: Mapping[str, Any]) -> Graph:
            changed = {**(set or {}), **variables}
            return open_factory(text, dict(shapes), changed) if variables else whole(shapes, variables)

        graph.again = again
    graph.notes = (f"the code of {text.split(':')[1]} was imported to make the module", *graph.notes)
    return graph


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
    _fits(found, name, arguments)
    try:
        made = found(**arguments)
    except Exception as error:
        raise ValueError(f"{name} fails: {type(error).__name__}: {first_line(error)}") from None
    if not isinstance(made, torch.nn.Module):
        raise ValueError(f"{name} gives {type(made).__name__}; expected a torch.nn.Module")
    return made


def _imported(where: str) -> Any:
    import os
    import sys

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
    except Exception as error:
        raise ValueError(f"{where} cannot be imported: {type(error).__name__}: {first_line(error)}") from None
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def _fits(factory: Any, name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments the factory does not have, and name those it needs.

    Raises:
        ValueError: as said.
    """
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return
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
        raise ValueError(f"{name} needs {', '.join(lacking)}: give --set {lacking[0]}=...")
