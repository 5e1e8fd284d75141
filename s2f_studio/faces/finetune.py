"""Fine-tunes the average face for a drawing on a hundred pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s2f_studio import shipped
from s2f_studio.faces import method  # noqa: F401  the method is known from now on
from s2f_utils import runtime
from s2f_utils.data import read_manifest
from s2f_utils.train import config
from s2f_utils.train.loop import train
from s2f_utils.train.run import finished, open_run

METHOD, NAME = "expect", "finetune"
BEGIN = shipped.file_of(shipped.EXPECT)
MOST_PASSES = 100.0  # epochs: more have no effect
SETTINGS = {
    "lr_g": 3e-4,
    "constant_share": 0.2,
    "misfit_px": 0.8,
    "pen": 0.5,
    "ema_half_life_images": 2_000.0,
    "max_epochs": MOST_PASSES,
}


class StoppedError(ValueError):
    """The training was interrupted; the message says how to continue."""


def finetune(
    data: str | Path,
    runs: str | Path = "runs",
    *,
    minutes: float,
    device: str = "auto",
    begin: str | Path = BEGIN,
    **changes: Any,
) -> Path:
    """Fine-tune the shipped average face on a set of `python -m data_prep landmarks`; returns a run
    folder that `load` takes.

    The same call again resumes an interrupted run, or returns the finished one; with more minutes
    it goes on with that run. begin: other initial weights. changes: further settings, such as
    total_images. Raises StoppedError, and what `open_run` raises.
    """
    manifest, runs = read_manifest(data), Path(runs)
    has_gpu = runtime.pick_device(device).type != "cpu"
    settings = SETTINGS | {"time_budget_s": 60 * minutes} | changes
    begun_with = config.settings_of(begin, METHOD)
    resolved = config.resolve(METHOD, "full", settings, has_gpu=has_gpu, begun_with=begun_with)
    done = finished(resolved, manifest, runs, name=NAME, init=begin)
    if done:
        return done
    run = open_run(resolved, manifest, runs, name=NAME, init=begin, device=device)
    if train(run) != "done":
        raise StoppedError(
            "interrupted; everything is saved: give the same command again to resume"
        )
    return run.folder
