"""The sheet of samples of a training: the same sketches again and again, what comes out, and the truths."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from s2f_utils.data.stores import Pairs
from s2f_utils.metrics import on_device
from s2f_utils.pictures import images, viz
from s2f_utils.training.data import sample_pictures
from s2f_utils.training.saving import attempt
from s2f_utils.training.state import TrainingRun


def write_sheet(run: TrainingRun) -> Path:
    """Write the sheet, log its scores (`run.scores`), and keep the generator if it is the best so far; draws nothing at
    random. The pictures are validation pairs where there are some, else training pictures: never the test set.
    """
    sketches, photos = sample_pictures(run.samples)
    a, b = (sketches, photos) if run.to_photo else (photos, sketches)
    a, b = (run.precision.images(images.to_tensor(side)) for side in (a, b))
    with torch.no_grad():
        rows = run.model.samples(a, b, run.generators)
    run.scores = {}
    if isinstance(run.samples, Pairs):
        found = on_device.measure(*(on_device.to_grey_levels(rows[name]) for name in ("fake_b", "b")))
        run.scores = {name: round(values.mean().item(), 4) for name, values in found.items()}
    path = run.folder / "samples" / f"{run.images_seen:08d}.png"
    images.save(path, viz.sheet([images.to_uint8(row) for row in rows.values()]), generated=True)
    run.log.event("sample", images=run.images_seen, file=f"samples/{path.name}", **run.scores)
    score = run.scores.get(run.config.keep_best, -math.inf)
    if run.images_seen and score > run.best:
        attempt(run, "keep the best generator", lambda: run.keep_best(score))
    return path
