"""Exports models of timm or torchvision, counts them, and holds every number to a reference.

    python -m tests.importers.torch.models timm --csv tests/importers/torch/timm.csv --slice 0:20
    python -m tests.importers.torch.models timm --names 'test_*' --values --out found.txt

The reference is the row of a table, made elsewhere by hooks and by counting attention's products; without a
row it is PyTorch: ``parameters()``, ``buffers()`` and ``torch.utils.flop_counter`` on the meta device. One
line a model: ``exact``, ``different`` (which figure, by how much), ``not sayable`` (the operator, how often,
why), ``cannot export`` (PyTorch's own reason), ``failed`` (a fault here). With ``--out`` it goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import collections
import csv
import fnmatch
import os
import resource
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any


def models(library: str) -> list[str]:
    """Names of all models of a library that take a picture or a clip."""
    if library == "timm":
        import timm

        return list(timm.list_models())
    import torchvision

    kept = ("classification", "segmentation", "video")
    names = torchvision.models.list_models()
    return [name for name in names if not name.startswith("quantized") and _part(name) in kept]


def _part(name: str) -> str:
    import torchvision

    module = torchvision.models.get_model_builder(name).__module__
    return next((part for part in ("segmentation", "video", "detection", "optical_flow") if part in module),
                "classification")  # fmt: skip


def made(library: str, name: str, device: str = "meta") -> Any:
    """The model, with no memory for its weights on the meta device, with its own start otherwise."""
    try:
        return _made(library, name, device)
    except NotImplementedError:  # it reads numbers while it is made
        return _made(library, name, "cpu").to(device)


def _made(library: str, name: str, device: str) -> Any:
    import torch

    with torch.device(device):
        if library == "timm":
            import timm

            return timm.create_model(name, pretrained=False)
        import torchvision

        given = {"weights": None}
        if _part(name) == "segmentation":
            given["weights_backbone"] = None
        if name in ("googlenet", "inception_v3"):
            given["init_weights"] = False
        return torchvision.models.get_model(name, **given)


def shape_of(library: str, name: str, model: Any) -> str:
    """The input that a model is made for."""
    if library == "timm":
        return "x".join(map(str, model.default_cfg["input_size"]))
    if name == "s3d":
        return "3x16x224x224"
    if _part(name) == "video":
        return "3x16x112x112" if "mvit" not in name and "swin" not in name else "3x16x224x224"
    return "3x299x299" if name == "inception_v3" else "3x224x224"


def by_torch(model: Any, shape: tuple[int, ...]) -> dict[str, str]:
    """Parameters, buffers that are no indices, and multiply-accumulates of a sample, by PyTorch."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model.eval().requires_grad_(False)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        out = model(torch.empty(1, *shape, device="meta"))
    figures = {
        "params": sum(p.numel() for p in model.parameters()),
        "buffers": sum(b.numel() for b in model.buffers() if b.is_floating_point()),
        "macs": counter.get_total_flops() // 2,
    }
    found = {key: str(number) for key, number in figures.items()}
    if isinstance(out, torch.Tensor):
        found["out"] = "x".join(map(str, out.shape))
    return found


def judged(library: str, name: str, row: dict[str, str] | None, values: bool) -> str:
    """What is to be said of one model."""
    import convcalc
    from convcalc.importers.torch.exporting import read

    start = time.time()
    model = made(library, name, "cpu" if values else "meta")
    shape = row["input"] if row else shape_of(library, name, model)
    sizes = tuple(map(int, shape.split("x")))
    try:
        program, graph = read(model, shape)
    except convcalc.SpecError:
        raise
    except ValueError as error:
        return f"cannot export\t{error}"
    exported = time.time()
    if getattr(graph, "weights", None) is None and program.held:
        return "failed\tno weights"
    said = collections.Counter((node.layer.what) for node in graph.nodes if node.op == "opaque")
    if said:
        reasons = [note for note in graph.notes if any(f": {what} " in note for what in said)]
        words = ", ".join(f"{what} x{number}" for what, number in said.most_common())
        return f"not sayable\t{words}\t{' | '.join(reasons[:2])[:400]}"
    report = convcalc.analyze(graph)
    totals = report.totals
    known = row or by_torch(made(library, name), sizes)
    shapes = [("x".join(map(str, (1, *one)))) for one in report.outputs.values()]
    mine = {"params": totals.params, "buffers": totals.buffers, "macs": totals.macs}
    for key, ops in (("conv_macs", "conv"), ("linear_macs", "linear"), ("matmul_macs", "")):
        mine[key] = sum(one.macs for one in report.layers if _is_kind(one.op, ops))
    mine["out"] = shapes[0]
    wrong = [
        f"{key} {mine[key]} for {due}" for key, due in known.items() if key in mine and str(mine[key]) != due
    ]
    times = f"{exported - start:.1f}+{time.time() - exported:.1f} s"
    if wrong and row:
        counted = by_torch(made(library, name), sizes)
        if all(str(mine[key]) == due for key, due in counted.items()):
            return f"exact\tby PyTorch's counter; the table has {'; '.join(wrong)}\t{times}"
    if wrong:
        return f"different\t{'; '.join(wrong)}\t{times}"
    if not values:
        return f"exact\t{len(graph.nodes)} layers\t{times}"
    return f"exact\t{len(graph.nodes)} layers\t{_values(model, graph, sizes)}\t{times}"


def _is_kind(op: str, kind: str) -> bool:
    convolution = "conv" in op
    return convolution if kind == "conv" else op == kind if kind else not convolution


def _values(model: Any, graph: Any, sizes: tuple[int, ...]) -> str:
    """The largest difference of an output from PyTorch's with the same weights, over its largest entry."""
    import numpy as np
    import torch

    import convcalc

    torch.manual_seed(0)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if "running_mean" in name:
            tensor.data.normal_(0, 0.1)
        elif "running_var" in name:
            tensor.data.uniform_(0.5, 1.5)
        elif tensor.is_floating_point() and name in dict(model.named_parameters()) and not tensor.abs().max():
            tensor.data.normal_(0, 0.02)  # a layer that starts at zero would hide what is behind it
    x = torch.randn(1, *sizes)
    with torch.no_grad():
        due = model.eval()(x)
    due = next(iter(due.values())) if isinstance(due, dict) else due[0] if isinstance(due, tuple) else due
    found = convcalc.run(graph, x.numpy()[0]).outputs
    got = np.asarray(next(iter(found.values())))
    due = due.numpy()[0]
    error = float(np.abs(got - due).max() / max(np.abs(due).max(), 1e-30))
    return f"values {'equal' if error < 1e-4 else 'DIFFER'} {error:.1e}"


def alone(
    library: str, name: str, row: dict[str, str] | None, values: bool, seconds: int, gigabytes: float
) -> str:
    """The verdict of a process of its own, which ends at a limit of time or memory."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            limit = int(gigabytes * (1 << 30))
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            signal.alarm(seconds)
            try:
                text = judged(library, name, row, values)
            except BaseException as error:
                cause = error.__cause__ or error
                at = cause.__traceback__
                while at is not None and at.tb_next is not None:
                    at = at.tb_next
                place = f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}" if at else ""
                text = f"failed\t{type(error).__name__}: {str(error)[:300]!r}\t{place}"
            os.write(write, text.encode()[:4000])
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    if text:
        return text
    ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return "failed\tout of time" if ended == signal.SIGALRM else f"failed\tended by signal {ended}"


def _warm_up(library: str) -> None:
    """Load what every model needs, once, before the processes part."""
    import torch

    import convcalc

    models(library)
    convcalc.analyze(convcalc.from_torch(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1)), "1x2x2"))


def main() -> int:
    """Run a slice and print one line a model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("library", choices=("timm", "torchvision"))
    parser.add_argument("--csv", type=Path, help="table of reference figures")
    parser.add_argument("--slice", default=":", help="which of them, as a:b or a:b:step")
    parser.add_argument("--names", default="*", help="pattern of names")
    parser.add_argument("--all", action="store_true", help="also models without a row in the table")
    parser.add_argument("--families", action="store_true", help="the first of every family in the table")
    parser.add_argument("--lightest", action="store_true", help="by multiply-accumulates, few first")
    parser.add_argument("--values", action="store_true", help="execute, and compare outputs with PyTorch's")
    parser.add_argument("--out", type=Path, help="file that lines are added to; models in it are passed over")
    parser.add_argument(
        "--again", default="", help="verdicts in the file that are tried again: failed,different"
    )
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--gigabytes", type=float, default=10)
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    import torch

    from tests.importers.torch.shim import declare

    torch.set_num_threads(1)
    declare()
    _warm_up(asked.library)
    rows = {row["model"]: row for row in csv.DictReader(asked.csv.open())} if asked.csv else {}
    names = list(rows) if rows and not asked.all else models(asked.library)
    names = [name for name in names if fnmatch.fnmatch(name, asked.names)]
    if asked.lightest:
        names.sort(key=lambda name: int(rows.get(name, {}).get("macs", 1 << 62)))
    if asked.families:
        first: dict[str, str] = {}
        for name in names:
            first.setdefault(rows[name].get("family", name) if name in rows else name, name)
        names = list(first.values())
    names = names[slice(*(int(part) if part else None for part in asked.slice.split(":")))]
    done: dict[str, str] = {}
    if asked.out and asked.out.exists():
        for line in asked.out.read_text().splitlines():
            name, _, rest = line.partition("\t")
            done[name] = rest
    again = tuple(filter(None, asked.again.split(",")))
    tally: collections.Counter[str] = collections.Counter()
    for name in names:
        text = done.get(name, "")
        if not text or (again and text.startswith(again)):
            text = alone(asked.library, name, rows.get(name), asked.values, asked.seconds, asked.gigabytes)
            text = text.replace("\n", " ")
            print(f"{name}\t{text}", flush=True)
            if asked.out:
                with asked.out.open("a") as file:
                    file.write(f"{name}\t{text}\n")
        tally[text.partition("\t")[0]] += 1
    print(", ".join(f"{number} {what}" for what, number in tally.most_common()))
    return 0 if set(tally) <= {"exact", "cannot export"} else 1


if __name__ == "__main__":
    sys.exit(main())
