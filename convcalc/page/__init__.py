"""The report of a network, and the live page, in a browser.

The room has the name of the public function that makes a report, so the room can be called as well:
``convcalc.page("resnet50").save("report.html")``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """A package that can be called as its function of the same name."""

    def __call__(self, *specs: Any, **options: Any) -> Any:
        from convcalc.page.report import page

        return page(*specs, **options)


sys.modules[__name__].__class__ = _Room
