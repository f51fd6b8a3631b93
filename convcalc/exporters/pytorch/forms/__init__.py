"""What PyTorch calls each layer: one form per layer, found by its name, in the file of its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convcalc.exporters.pytorch.forms import arithmetic, joins, norms, products, tensors, windows

if TYPE_CHECKING:
    from convcalc.exporters.pytorch.forms.form import Former

FORMS: Final[dict[str, Former]] = {
    **windows.FORMS,
    **arithmetic.FORMS,
    **norms.FORMS,
    **joins.FORMS,
    **products.FORMS,
    **tensors.FORMS,
}
"""By name of the layer, what makes its form."""
