"""The photos that the renderer and the face generator learn from, each portrait in two frames.

`python -m tools.shipped.people.prepare PORTRAITS OUT --part 0 --parts 2`, PORTRAITS as `python -m
data_prep download open-portraits PORTRAITS` leaves them. Writes OUT/people-0.npz with, for each
colour portrait: the photo warped to the mean shape ("photo", 128 px) and where it was cut off
("inside"), drawings of it in several styles warped alike ("lines"), the photo aligned by its eyes
and mouth ("aligned", 128 px, with "aligned_inside"), its points, split, person and labels. People
keep the split that all shipped models share.
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
from s2f_studio.drawings import mesh, warping
from s2f_utils.pictures import faces, images, sketches
from tools.shipped.portraits import portraits_in

SIZE_PX, WORK_PX = 128, 256
STYLES = ("pencil", "xdog", "contour", "strokes", "mixture", "mixture")
WHITE = 255
IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


class MeanFrame:
    """Warps pictures to the mean shape."""

    def __init__(self) -> None:
        self.mean = mesh.mean_shape(WORK_PX)
        self.matrix = warping.fixed_field(self.mean, WORK_PX)

    def warp(
        self,
        picture: np.ndarray,
        points: np.ndarray,
        to_picture: np.ndarray,
        border: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """A picture in the mean shape's frame, and where the frame lies inside it: uint8 both.

        points: (164, 2), in an aligned picture of WORK_PX. to_picture: (2, 3), from there to the
        given picture's pixels. border: the colour beyond the picture's edges; None continues the
        edge.
        """
        where = warping.field_by(self.matrix, self.mean, points, WORK_PX)
        places = where.reshape(-1, 2) @ to_picture[:, :2].T + to_picture[:, 2]
        where = places.reshape(where.shape).astype(np.float32)
        scale = float(np.sqrt(abs(np.linalg.det(to_picture[:, :2]))))
        if scale > 1:
            picture = cv2.GaussianBlur(picture, (0, 0), 0.5 * scale)
        warped = warping.bend(picture, where, border=None if border is None else (border,) * 3)
        size = (SIZE_PX, SIZE_PX)
        small = cv2.resize(warped, size, interpolation=cv2.INTER_AREA)
        inside = cv2.resize(is_inside(where, picture.shape), size, interpolation=cv2.INTER_AREA)
        return small, (255 * inside).astype(np.uint8)


def is_inside(where: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """1 where a field of pixels (H, W, 2) points into a picture of this shape: float32 (H, W)."""
    x, y = where[..., 0], where[..., 1]
    inside = (x >= -0.5) & (x <= shape[1] - 0.5) & (y >= -0.5) & (y <= shape[0] - 0.5)
    return inside.astype(np.float32)


def aligned_inside(shape: tuple[int, ...], to_picture: np.ndarray) -> float:
    """The share of an aligned picture that lies inside the original."""
    steps = np.arange(WORK_PX, dtype=np.float64)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1)
    where = grid @ to_picture[:, :2].T + to_picture[:, 2]
    return float(is_inside(where, shape).mean())


def drawn(photo: np.ndarray, style: str, rng: np.random.Generator) -> np.ndarray:
    """A drawing of an aligned photo, with random settings of the style: uint8 (H, W, 3)."""
    seed = int(rng.integers(2**31))
    if style == "mixture":
        drawing = sketches.mixture(photo, seed)
    else:
        limits = sketches.RANDOM[style]
        settings = {
            name: float(np.exp(rng.uniform(*np.log(ends)))) for name, ends in limits.items()
        }
        if style == "strokes":
            settings["seed"] = seed
        drawing = sketches.make_sketch(photo, style, **settings)
    return np.repeat(drawing[..., None], 3, axis=2) if drawing.ndim == 2 else drawing


def prepare(entry: PortraitFile, frame: MeanFrame, rng: np.random.Generator) -> Mapping[str, Any]:
    """All that is kept of one portrait."""
    photo = images.load_rgb(entry.path)
    alignment = faces.alignment(mesh.five_of(entry.points), WORK_PX)
    back = faces.inverse(alignment)
    points = faces.transform(entry.points, alignment).astype(np.float32)
    warped, inside = frame.warp(photo, points, back)
    aligned = faces.warp(photo, alignment, WORK_PX)
    drawings = [drawn(aligned, style, rng) for style in STYLES]
    lines = [frame.warp(one, points, IDENTITY, border=WHITE)[0][..., 0] for one in drawings]
    return {
        "photo": warped,
        "inside": inside,
        "lines": np.stack(lines),
        "aligned": cv2.resize(aligned, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA),
        "aligned_inside": aligned_inside(photo.shape, back),
        "points": points,
        "name": entry.name,
        "split": entry.split,
        "person": entry.labels["person"],
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
    frame, kept = MeanFrame(), []
    for number, entry in enumerate(entries):
        if number % args.parts != args.part:
            continue
        kept.append(prepare(entry, frame, np.random.default_rng([7, number])))
        if len(kept) % 100 == 0:
            print(f"{len(kept)} of {len(entries) // args.parts}", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    columns = {name: np.array([one[name] for one in kept]) for name in kept[0]}
    partial = args.out / f"people-{args.part}.partial.npz"
    np.savez(partial, **columns)
    partial.rename(args.out / f"people-{args.part}.npz")


if __name__ == "__main__":
    main()
