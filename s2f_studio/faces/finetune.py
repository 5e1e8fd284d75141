"""Fine-tunes all networks from a drawing to a face on a hundred pairs, one after the other.

The average face of a training person must come from a network not trained on that person. So two
copies of the shipped one are trained on one half of the people each, the rendering network on their
average faces, and a third copy, trained on everybody, is used in the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s2f_utils import runtime, weights
from s2f_utils.data import DataError, Manifest, read_manifest
from s2f_utils.train import config
from s2f_utils.train.loop import train
from s2f_utils.train.run import finished, open_run

MINUTES = 25.0
EXPECT = {
    "lr_g": 3e-4,
    "constant_share": 0.2,
    "misfit_px": 0.8,
    "pen": 0.5,
    "ema_half_life_images": 2_000.0,
}
RENDER = {"lr_g": 2e-4, "lr_d": 3e-4, "constant_share": 0.4, "misfit_px": 0.8, "pen": 0.5}
MOST_PASSES = 100.0  # epochs: more have no effect
# name → method, share of the time
STEPS: dict[str, tuple[str, float]] = {
    "expected-fold-0": ("expect", 0.15),
    "expected-fold-1": ("expect", 0.15),
    "expected": ("expect", 0.2),
    "rendered": ("render", 0.5),
}
BEGIN = {"expect": weights.EXPECT, "render": weights.RENDER}  # method → its initial weights
FILES = {"expected": "expected.safetensors", "rendered": "generator.safetensors"}


class StoppedError(ValueError):
    """The training was interrupted; the message says how to continue."""


def finetune(
    data: str | Path,
    runs: str | Path = "runs",
    *,
    minutes: float = MINUTES,
    device: str = "auto",
    begin: Mapping[str, str | Path] = BEGIN,
    **changes: Any,
) -> Path:
    """Fine-tune the shipped models on a set of `python -m data_prep landmarks`; returns a folder
    that `infer.load` takes: generator.safetensors and expected.safetensors.

    The same call again resumes an interrupted one. begin: other initial weights. changes: settings
    of all steps, such as total_images. Raises DataError for a set without folds, ConfigError,
    CheckpointError, and StoppedError.
    """
    manifest = read_manifest(data)
    halves = [
        read_manifest(manifest.path.with_name(f"manifest-fold-{fold}.csv")) for fold in range(2)
    ]
    if any("fold" not in row.attributes for row in manifest.pairs):
        raise DataError(
            f"{manifest.path}: has no column fold: make the set with 'python -m data_prep"
            " landmarks'"
        )
    runs, done = Path(runs), {}
    for name, (method, share) in STEPS.items():
        settings = {"time_budget_s": 60 * minutes * share, "max_epochs": MOST_PASSES}
        settings |= EXPECT if method == "expect" else RENDER
        if method == "render":
            settings["expected_by"] = ",".join(
                str(done[f"expected-fold-{fold}"]) for fold in range(2)
            )
        of = halves[int(name[-1])] if name[-1].isdigit() else manifest
        run_name = f"finetune-{name}"
        done[name] = finished_run(
            method, settings | changes, of, runs, run_name, init=begin[method], device=device
        )
    out = done["rendered"]
    with runtime.atomic_path(out / FILES["expected"]) as temporary:
        shutil.copyfile(done["expected"] / "generator.safetensors", temporary)
    return out


def finished_run(
    method: str,
    changes: dict[str, Any],
    manifest: Manifest,
    runs: Path,
    name: str,
    *,
    init: str | Path | None = None,
    device: str = "auto",
) -> Path:
    """The folder of the finished run with this name and settings; trains it, or resumes its
    training, if need be.

    Raises StoppedError, and what `open_run` raises.
    """
    has_gpu = runtime.pick_device(device).type != "cpu"
    begun_with = config.settings_of(init, method) if init else {}
    resolved = config.resolve(method, "full", changes, has_gpu=has_gpu, begun_with=begun_with)
    done = finished(resolved, manifest, runs, name=name, init=init)
    if done:
        return done
    run = open_run(resolved, manifest, runs, name=name, init=init, device=device)
    if train(run) != "done":
        raise StoppedError(
            "interrupted; everything is saved: give the same command again to resume"
        )
    return run.folder
