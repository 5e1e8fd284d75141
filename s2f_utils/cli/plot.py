"""The command `s2f plot`: the curves of runs as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def plot(
    runs: list[Path],
    /,
    *,
    out: Path | None = None,
    only: Annotated[tuple[str, ...], Parameter(metavar="NAME", consume_multiple=True)] = (),
    x: Literal["images", "seconds", "epoch"] = "images",
    log: bool = False,
) -> None:
    """Draw the curves of one run, or of several to compare.

    Losses, and the scores of the samples, from a run's log: raw as thin lines, smoothed as bold
    ones. Numbered marks show where a live value was changed while training ran. The run may still
    be training.

        s2f plot runs/0003-pix2pix-demo
        s2f plot runs/0003-pix2pix-demo --log --only loss_l1 ssim
        s2f plot runs/0003-pix2pix-demo runs/0004-pix2pix-demo --x seconds --out both.svg

    Args:
        runs: run folders; several are drawn into the same axes
        out: .png or .svg; default: curves.png in the run folder, or here for several runs
        only: only these curves
        x: along images seen, seconds or epochs
        log: losses on a logarithmic scale
    """
    from s2f_utils import runtime
    from s2f_utils.pictures import viz
    from s2f_utils.train.tracking import read_log

    runs = list(dict.fromkeys(runs))
    out = out or (runs[0] if len(runs) == 1 else Path()) / "curves.png"
    kind = out.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"--out {str(out)!r}: name a file that ends in .png or .svg")
    names = [folder.resolve().name for folder in runs]
    labels = names if len(set(names)) == len(names) else list(map(str, runs))
    logs = {label: read_log(folder) for label, folder in zip(labels, runs, strict=True)}
    if empty := [folder for folder, (rows, _) in zip(runs, logs.values(), strict=True) if not rows]:
        raise ValueError(
            f"{empty[0]}: no row of losses in log.jsonl: give the folder of a run, after its first row"
        )
    known = list(
        dict.fromkeys(name for entries in logs.values() for name in viz.curve_names(*entries))
    )
    if unknown := [name for name in only if name not in known]:
        raise ValueError(
            f"--only {unknown[0]}: there is no such curve: the names are {', '.join(known)}"
        )
    figure = viz.curves(logs, only=only, x=x, log=log)
    with runtime.atomic_path(out) as temporary:
        figure.savefig(temporary, format=kind, dpi=150)
    print(out)
