"""The live page as files: its HTML with the first answer in it, and what it loads beside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from convcalc.page.html import asset, embedded
from convcalc.page.live.engine import answer
from convcalc.printable import one_line
from convcalc.spec.library import zoo_names

ASSETS: Final = ("report.css", "report.js", "live.css", "live.js")
"""What the page loads beside itself."""
CHIPS: Final = (
    ("3x3", "conv 3->16 k3 p1", "3x7x7"),
    ("strided", "conv 3->16 k3 s2 p1", "3x9x9"),
    ("dilated", "conv 3->16 k3 d2 p2", "3x9x9"),
    ("transposed ×2", "convT 3->16 k4 s2 p1", "3x4x4"),
    ("separable", "depthwise k3 p1 | conv 64 k1", "32x28x28"),
    ("holes", "conv 8 k3 d2 | conv 8 k3 d2 | conv 8 k3 d2", "3x31x31"),
    ("ResNet-50", "resnet50", ""),
    ("U-Net", "unet", ""),
)
"""What one can start from: a word, the spec, the input. The first is there where nothing was asked for."""
PASTE: Final = (
    "nn.Conv2d(3, 32, 3, padding=1)\nnn.BatchNorm2d(32)\nnn.ReLU()\nnn.MaxPool2d(2)\n"
    "nn.Conv2d(32, 64, 3, padding=1)\nnn.ReLU()"
)
"""What stands in the editor before people paste their own."""


POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # of the pictures, which carry theirs
        "img-src data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
"""What the page may load: its own files, and no script that stands in it."""


def start(specs: list[str], input: str = "", set: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the page opens with: the question and its answer, so that it need not be asked."""
    given = {"specs": specs, "input": input, "set": dict(set or {})}
    return {**given, "answer": answer({"question": "page", **given})}


def html(first: Mapping[str, Any], engine: Mapping[str, Any]) -> str:
    """The page.

    Args:
        first: what it opens with (:func:`start`).
        engine: what answers: ``{"kind": "server"}``, or ``{"kind": "browser"}`` with the addresses of
            ``runtime`` and ``sources``.
    """
    data = {
        "first": dict(first),
        "engine": dict(engine),
        "chips": [{"title": title, "spec": spec, "input": given} for title, spec, given in CHIPS],
        "networks": list(zoo_names()),
        "paste": PASTE,
    }
    title = " and ".join(" ".join(spec.split())[:60] for spec in first["specs"])
    policy = escape(f"{POLICY}; worker-src 'self'")
    parts = {
        "title": escape(one_line(title)),
        "policy": f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        "data": f'<script type="application/json" id="live-start">{embedded(data)}</script>',
    }
    return re.sub(r"<!--convcalc:(title|policy|data)-->", lambda match: parts[match[1]], asset("live.html"))
