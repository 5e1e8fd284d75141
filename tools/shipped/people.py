"""The photos that the face generator learns from, aligned.

`python -m tools.shipped.people PORTRAITS OUT --part 0 --parts 2`, PORTRAITS as `python -m data_prep
download open-portraits PORTRAITS` leaves them. Writes OUT/people-0.npz with, for each colour
portrait: the photo aligned by its eyes and mouth ("aligned", 128 px), the share of it that lies
inside the original ("aligned_inside"), the distance of the eyes there ("eyes_px"), its name, split
and labels. People keep the split that all shipped models share.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from data_prep.make.portraits import PortraitFile
from s2f_utils.pictures import faces, images, mesh
from tools.shipped.portraits import portraits_in

SIZE_PX, WORK_PX = 128, 256


def aligned_inside(shape: tuple[int, ...], to_picture: np.ndarray) -> float:
    """The share of an aligned picture that lies inside the original, of this shape.

    to_picture: (2, 3), from the aligned picture's pixels to the original's.
    """
    steps = np.arange(WORK_PX, dtype=np.float64)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1)
    where = grid @ to_picture[:, :2].T + to_picture[:, 2]
    x, y = where[..., 0], where[..., 1]
    inside = (x >= -0.5) & (x <= shape[1] - 0.5) & (y >= -0.5) & (y <= shape[0] - 0.5)
    return float(inside.mean())


def prepare(entry: PortraitFile) -> Mapping[str, Any]:
    """All that is kept of one portrait."""
    photo = images.load_rgb(entry.path)
    alignment = faces.alignment(mesh.five_of(entry.points), WORK_PX)
    aligned = faces.warp(photo, alignment, WORK_PX)
    return {
        "aligned": cv2.resize(aligned, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA),
        "aligned_inside": aligned_inside(photo.shape, faces.inverse(alignment)),
        "name": entry.name,
        "split": entry.split,
        "eyes_px": float(mesh.eye_distance(entry.points)),
        "labels": json.dumps(dict(entry.labels)),
    }


def main() -> None:
    """Prepare the portraits, or a part of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    entries = [one for one in portraits_in(args.portraits) if one.labels.get("colour") != "grey"]
    kept = [prepare(entry) for entry in entries[args.part :: args.parts]]
    args.out.mkdir(parents=True, exist_ok=True)
    columns = {name: np.array([one[name] for one in kept]) for name in kept[0]}
    partial = args.out / f"people-{args.part}.partial.npz"
    np.savez(partial, **columns)
    partial.rename(args.out / f"people-{args.part}.npz")


if __name__ == "__main__":
    main()
