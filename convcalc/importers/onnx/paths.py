"""Where a node stands in the network that was exported, as a dotted path."""

from __future__ import annotations

import ast
import re
from typing import Final

from convcalc.importers.onnx.model import Node

_TYPE: Final = re.compile(r"^(.*)/([A-Za-z0-9]+?)(_\d+)?$")


def path_of(node: Node, block: str = "") -> str:
    """The path of a node: from its metadata, its name, or the name of what it writes.

    ``/layer1/layer1.0/conv1/Conv`` of PyTorch's older exporter is ``layer1.0.conv1``; its newer one keeps the
    modules in the metadata.
    """
    found = _scopes(node) or _slashed(node) or _plain(node)
    return f"{block}.{found}" if block else found


def _scopes(node: Node) -> str:
    """From the metadata of PyTorch's newer exporter."""
    metadata = node.metadata
    text = metadata.get("pkg.torch.onnx.name_scopes")
    if text and len(text) < 1 << 16:
        try:
            scopes = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return ""
        if isinstance(scopes, list) and scopes and all(isinstance(scope, str) for scope in scopes):
            modules = scopes[:-1]
            module = modules[-1] if modules else ""
            return f"{module}.{node.op.lower()}" if module else node.op.lower()
    return ""


_WEIGHTED: Final = frozenset(
    ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "LSTM", "GRU", "RNN")
)


def _slashed(node: Node) -> str:
    name = node.name
    if not name.startswith("/"):
        return ""
    parts = [part for part in name.split("/") if part]
    last = parts[-1]
    modules: list[str] = []
    for part in parts[:-1]:
        # a module inside a list is written with the whole name of its list before it
        if modules and part.startswith(modules[-1] + "."):
            modules[-1] = part
        else:
            modules.append(part)
    op, _, number = last.partition("_")
    if modules and not number and op == node.op:
        return ".".join(modules)
    return ".".join([*modules, last.lower()])


def _plain(node: Node) -> str:
    name = node.name or (node.outputs[0] if node.outputs else "") or node.op
    name = name.strip("/").replace("/", ".")
    return name.lstrip("%") if not name.isdigit() else f"{node.op.lower()}_{name}"
