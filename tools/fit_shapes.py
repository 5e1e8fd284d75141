"""The components of `pictures/faces/likely.py`: how the shapes of training people's faces vary. A second.

    python tools/fit_shapes.py

It reads the points of data_prep's portraits, of people whose split is train, and of their mirror images.
"""

from __future__ import annotations

import csv

import numpy as np

from data_prep.make.gallery import OUR_LABELS, OUR_POINTS
from s2f_studio.drawings import likely, mesh
from s2f_utils.pictures.faces.geometry import similarity, transform

NUM = 25  # 99.2 % of the variance


def aligned_of(split: str) -> np.ndarray:
    """The faces of a split, laid on the mean shape: float64 (N, 164, 2), pixels of 256."""
    with open(OUR_LABELS, newline="", encoding="utf-8") as file:
        splits = {row["name"]: row["split"] for row in csv.DictReader(file)}
    with np.load(OUR_POINTS) as found:
        faces = [
            p.astype(float) for name, p in zip(found["names"], found["points"], strict=True) if splits[name] == split
        ]
    mean = mesh.mean_shape(mesh.FACE_PX)
    return np.stack([transform(points, similarity(points, mean)) for points in faces])


def main() -> None:
    """Write them."""
    faces = aligned_of("train")
    middle = 2 * mesh.mean_shape(mesh.FACE_PX)[:, 0].mean()
    twins = faces[:, mesh.mirror()] * [-1, 1] + [middle, 0]
    mean, components, spread = likely.fitted(np.concatenate([faces, twins]), NUM)
    np.savez(likely.SHAPES, mean=np.float32(mean), components=np.float32(components), spread=np.float32(spread))
    apart = faces - mean
    print(f"{len(faces)} people, {NUM} components: {spread @ spread / (apart**2).sum(axis=(1, 2)).mean():.1%}")


if __name__ == "__main__":
    main()
