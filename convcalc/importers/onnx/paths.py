"""Where a node stands in the network that was exported, as a dotted path."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from convcalc.importers.onnx.model import Node

_TYPE: Final = re.compile(r"^(.*)/([A-Za-z0-9]+?)(_\d+)?$")


class Paths:
    """The paths of the nodes of a graph.

    Args:
        nodes: all of them: a module that is a single node has that node's path, with nothing behind it.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._read: dict[str, str] = {}
        counts = Counter(self._module(node) for node in nodes)
        counts.pop("", None)
        around = {module[:at] for module in counts for at in range(len(module)) if module[at] == "."}
        self._alone = {module for module, many in counts.items() if many == 1 and module not in around}

    def of(self, node: Node, block: str = "") -> str:
        """The path of a node: from its metadata, its name, or the name of what it writes.

        ``/layer1/layer1.0/conv1/Conv`` of PyTorch's older exporter is ``layer1.0.conv1``; its newer one keeps
        the modules in the metadata.
        """
        module = self._module(node)
        if module:
            found = module if module in self._alone else f"{module}.{node.op.lower()}"
        else:
            found = node.op.lower() if _SCOPES in node.metadata else _slashed(node) or _plain(node)
        return f"{block}.{found}" if block else found

    def _module(self, node: Node) -> str:
        """The module that a node belongs to, by the metadata of PyTorch's newer exporter."""
        text = node.metadata.get(_SCOPES)
        if not text or len(text) > 1 << 16:
            return ""
        if _FUSED in node.metadata.get(_RULE, "") and len(node.inputs) > 1:
            module, dot, last = node.inputs[1].rpartition(".")
            if dot and last == "weight":  # a norm folded into a convolution leaves its own name on it
                return module
        if text not in self._read:
            self._read[text] = _innermost(text)
        return self._read[text]


_SCOPES: Final = "pkg.torch.onnx.name_scopes"
_RULE: Final = "pkg.onnxscript.rewriter.rule_name"
_FUSED: Final = "FuseBatchNorm"


def _innermost(text: str) -> str:
    """The last module of a list of scopes, at whose end an operator stands."""
    try:
        scopes = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return ""
    if isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes) and len(scopes) > 1:
        return str(scopes[-2])
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
