"""Options of training, and the answers of ``memory --training`` and ``flops --training``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from convcalc.cli.output import UsageProblem
from convcalc.cli.rows import asked, laid_out
from convcalc.render.answer import Answer

if TYPE_CHECKING:
    from convcalc.cli.options import Common
    from convcalc.render.pictures.drawing import Drawing

Training = Annotated[
    bool, typer.Option("--training", help="Of a training step: forward, backward and the optimizer.")
]
Optimizer = Annotated[
    Literal["sgd", "momentum", "adam", "adamw", "adafactor"] | None,
    typer.Option("--optimizer", help="With --training: what keeps a state of each parameter. Default: sgd."),
]
Precision = Annotated[
    Literal["fp32", "amp", "bf16"] | None,
    typer.Option("--precision", help="With --training: number types. Default: fp32."),
]
Checkpoint = Annotated[
    list[str] | None,
    typer.Option(
        "--checkpoint",
        metavar="BLOCKS",
        help="With --training: blocks that run again instead of being kept, such as 'layer*' or a,b.",
    ),
]
InPlace = Annotated[
    bool,
    typer.Option(
        "--in-place", help="With --training: activations write over what they read, as torchvision has it."
    ),
]


class Asked(NamedTuple):
    """What was said of training.

    Attributes:
        training: whether it is asked for.
        optimizer: its name.
        precision: number types.
        checkpoint: blocks and patterns, as they were typed.
    """

    training: bool
    optimizer: str | None = None
    precision: str | None = None
    checkpoint: list[str] | None = None

    def given(self) -> dict[str, Any]:
        """Keyword arguments of :func:`convcalc.training_memory`."""
        names = [name.strip() for text in self.checkpoint or () for name in text.split(",")]
        return {
            "optimizer": self.optimizer or "sgd",
            "precision": self.precision or "fp32",
            "checkpoint": tuple(name for name in names if name),
        }

    def check(self, common: Common) -> None:
        """Refuse what does not go together.

        Raises:
            UsageProblem: an option of training without it, or one that says something else.
        """
        named = {"optimizer": self.optimizer, "precision": self.precision, "checkpoint": self.checkpoint}
        if not self.training:
            for name, value in named.items():
                if value:
                    words = value if isinstance(value, str) else " ".join(value)
                    raise UsageProblem(
                        f"--{name} goes with --training", expected=f"--training --{name} {words}"
                    )
            return
        if common.dtype != "float32":
            raise UsageProblem("--dtype is of inference", expected="--precision fp32, amp or bf16")
        if common.counted_as:
            raise UsageProblem("--as is of a forward pass, and does not go with --training")
        if common.partial:
            raise UsageProblem("--partial does not go with --training")


def answer(common: Common, said: Asked, in_place: bool, costs: bool = False) -> Answer:
    """The table of memory in training, or of its costs; with its picture."""
    import convcalc
    from convcalc.render.pictures.questions.training import timeline
    from convcalc.render.views.count import training

    found = convcalc.training_memory(common.load(), batch=common.batch, in_place=in_place, **said.given())
    what = asked(common.layer, [row.name for row in found.layers])
    depth = None if common.depth is None else common.depth + what.levels
    show = training.costs if costs else training.table
    table = show(found, exact=common.exact, depth=depth)
    names = [name for name, _ in training.rows_of(found, depth)]
    order = common.choose(table, "training_macs" if costs else "saved_bytes")
    order = [i for i in order if what.holds(names[i])][: common.top]

    def data() -> dict[str, Any]:
        if depth is not None:
            return {**found.to_dict(), "layers": table.rows_at(order).records()}
        layers = [found.layers[i].to_dict() for i in order]
        return {**found.to_dict(), "layers": layers}

    def picture() -> Drawing:
        return timeline(found)

    return Answer([laid_out(common, table, order, what, None)], data, picture=picture)
