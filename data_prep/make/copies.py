"""Copies for small sets, as project 1 made them: each training pair turned, shifted and sheared, many times over.

Training does the same in batches while it runs (`s2f train --set rotate_deg=20 --set shift_px=5 --set shear_deg=5`),
anew for every picture seen and without a byte on the disk: the copies are for other programs that read folders.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.make.recipe import load
from data_prep.make.write import SetPlan, describe_counts, dry_run_report, write_set
from data_prep.messages import say
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.pictures import images

MAX_COPIES = 10_000


@dataclass(frozen=True)
class CopyTask:
    """What another process needs to make one copy: the pair's files ("" for no mask), and the transform; all zero:
    none.

    Angles in degrees, shifts in pixels.
    """

    sketch: str
    photo: str
    mask: str
    rotate_deg: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)
    shear_deg: float = 0.0


def make_copy(task: CopyTask) -> dict[str, object]:
    """One pair, transformed: {"sketch", "photo", "mask"}, uint8, each of its own size and all by the same transform.

    Edges are continued by reflection, label maps by class 0. Raises ImageError when a picture is unusable.
    """
    made: dict[str, object] = {"sketch": load(task.sketch), "photo": load(task.photo)}
    if task.mask:
        made["mask"] = files.load_labels(task.mask)
    content = images.read_content_box(task.photo)
    moved = task.rotate_deg or task.shear_deg or any(task.shift_px)
    if content and not moved:
        made["content"] = content
    return {part: _moved(image, task, part) for part, image in made.items()} if moved else made


def _moved(image: np.ndarray, task: CopyTask, part: str) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    turn, shear = np.radians(task.rotate_deg), np.tan(np.radians(task.shear_deg))
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ [[1.0, shear], [0.0, 1.0]]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.column_stack([linear, centre - linear @ centre + np.array(task.shift_px)])
    labels = part == "mask"
    return cv2.warpAffine(
        image, matrix, (width, height),
        flags=cv2.INTER_NEAREST if labels else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT if labels else cv2.BORDER_REFLECT_101,
    )  # fmt: skip


def make_copies(
    data: str | os.PathLike,
    out: str | os.PathLike,
    num: int = 130,
    *,
    rotate_deg: float = 20.0,
    shift_px: float = 5.0,
    shear_deg: float = 5.0,
    seed: int = 0,
    workers: int | None = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Make a data set in `out` with every pair of `data` and `num` more copies of each training pair.

    rotate_deg, shift_px, shear_deg: the largest values, either way; drawn evenly, the same for sketch, photo and mask.
    Validation and test pairs are taken over as they are. The other arguments are those of `make_pairs`. Returns the
    manifest's path. Raises DataPrepError for impossible options or a folder without a manifest, OSError when the disk
    is full or may not be written.
    """
    if not 1 <= num <= MAX_COPIES:
        raise DataPrepError(f"--num must be from 1 to {MAX_COPIES:,}, got {num}")
    for name, value, most in (("rotate", rotate_deg, 180), ("shift", shift_px, 1000), ("shear", shear_deg, 60)):
        if not 0 <= value <= most:
            raise DataPrepError(f"--{name} must be from 0 to {most}, got {value:g}")
    try:
        manifest = read_manifest(data)
    except (ValueError, FileNotFoundError) as error:
        raise DataPrepError(str(error)) from None
    out = Path(out)
    root = manifest.path.parent.resolve()
    if out.resolve() == root or root in out.resolve().parents:
        raise DataPrepError(f"{printable(out)}: lies in the data set that is copied: choose a folder outside of it")
    settings = {
        "layout": "copies",
        "source": printable(root.name),
        "source_digest": _digest(manifest),
        "size_px": manifest.settings.get("size_px"),
        "fit": manifest.settings.get("fit", ""),
        "num": num,
        "rotate_deg": rotate_deg,
        "shift_px": shift_px,
        "shear_deg": shear_deg,
        "seed": seed,
    }
    if manifest.settings.get("layout") == "copies":
        raise DataPrepError(f"{printable(root)}: holds copies already: make them from the set that they were made of")
    rng = np.random.default_rng(seed)
    rows, tasks = [], []
    masks = all(pair.mask for pair in manifest.pairs)
    for pair in manifest.pairs:
        files = (str(pair.sketch), str(pair.photo), str(pair.mask) if masks else "")
        row = {"split": pair.split, "identity": pair.identity, "source": pair.source}
        rows.append({"id": pair.id, **row})
        tasks.append(CopyTask(*files))
        for copy in range(1, num + 1) if pair.split == "train" else ():
            angle, across, down, shear = rng.uniform(-1, 1, 4) * [rotate_deg, shift_px, shift_px, shear_deg]
            rows.append({"id": f"{pair.id}-copy{copy:03d}", **row})
            tasks.append(CopyTask(*files, float(angle), (float(across), float(down)), float(shear)))
    plan = SetPlan(rows, tasks, make_copy, ("sketch", "photo", *(("mask",) if masks else ())), settings)
    size = sum(Path(t.sketch).stat().st_size + Path(t.photo).stat().st_size for t in tasks)
    say(f"{describe_counts(plan.counts())}, about {size / 2**20:,.0f} MB", progress or dry_run)
    say(
        "training makes the same changes while it runs, without the disk: see 's2f train pix2pix --list-settings'",
        progress,
    )
    if dry_run:
        return dry_run_report(out, plan)
    return write_set(out, plan, workers=workers, progress=progress)


def _digest(manifest: Manifest) -> str:
    import hashlib

    digest = hashlib.sha256(manifest.path.read_bytes())
    for pair in manifest.pairs:
        digest.update(f"{pair.photo.stat().st_size} {pair.sketch.stat().st_size}\n".encode())
    return digest.hexdigest()
