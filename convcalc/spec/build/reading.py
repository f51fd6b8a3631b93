"""A spec that was read, before it is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from convcalc.dims import Shape
    from convcalc.spec.build.builder import Builder
    from convcalc.spec.document.items import Document


class Reading(NamedTuple):
    """A spec that was read and is not built yet.

    Attributes:
        document: what its text says.
        inputs: the shapes given from outside, by name of the input.
        variables: the values given from outside.
        line: whether it is a line of the language.
    """

    document: Document
    inputs: Mapping[str, Shape]
    variables: Mapping[str, Any]
    line: bool

    def builder(self, cls: type[Builder] | None = None, *, max_layers: int | None = None) -> Builder:
        """What builds its graph; of another class where one is given."""
        from convcalc.spec.build.builder import Builder

        builder = (cls or Builder)(self.document, self.inputs, self.variables, max_layers)
        builder.line = self.line
        return builder
