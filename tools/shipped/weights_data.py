"""The data that photo-to-sketch and the restorer are trained on: portraits with sketches, and drawn
faces.

`python -m tools.shipped.weights_data PORTRAITS OUT`, PORTRAITS as `python -m data_prep download
portraits` leaves them. Writes the data set OUT/photo-to-sketch. 100 people are for testing, 20 for
validation; who is there twice is for training. Sketches are drawn from the person before a
softened background, as artists draw them; the photo has its own.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from data_prep.procedural_faces import synthetic
from s2f_utils.data import COLUMNS
from s2f_utils.pictures import background, duplicates, faces, images, sketches

SIZE_PX = 256
NUM_TEST, NUM_VAL = 100, 20
NUM_DRAWN = 500


def artist(photo: np.ndarray) -> np.ndarray:
    """The sketch that photo → sketch learns to draw: soft pencil with ink where it is dark, uint8
    (H, W).
    """
    return np.minimum(
        sketches.pencil(photo, strength=1.2), sketches.xdog(photo, strength=0.8, sharpness=3)
    )


def soften_background(photo: np.ndarray, mask: np.ndarray, sigma: float = 0.08) -> np.ndarray:
    """Blur what is behind the person, as a studio's backdrop is: uint8 (H, W, 3), mask float (H, W)
    in [0, 1].

    sigma: of the Gaussian, a share of the longer side. The person's own colours do not run into the
    background: each pixel behind is the mean of its neighbours behind. Returns uint8 (H, W, 3).
    """
    behind = np.clip(1.0 - mask[..., None].astype(np.float32), 1e-3, 1.0)
    sigma_px = sigma * max(photo.shape[:2])
    weights = cv2.GaussianBlur(behind, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)[
        ..., None
    ]
    blurred = (
        cv2.GaussianBlur(photo * behind, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)
        / weights
    )
    share = mask[..., None].astype(np.float32)
    return images.rounded(photo * share + blurred * (1 - share))


class Writer:
    """Pictures and rows of one data set; the manifest is written last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, str]] = []

    def add(
        self,
        split: str,
        name: str,
        identity: str,
        sketch: np.ndarray,
        photo: np.ndarray | str,
        source: str,
    ) -> str:
        """Write one pair; `photo` may be the path of one that is there. Returns the photo's path in
        the set.
        """
        paths = {"sketch": f"sketches/{name}.png", "photo": f"photos/{name}.png"}
        images.save(self.folder / paths["sketch"], np.repeat(sketch[..., None], 3, axis=2))
        if isinstance(photo, str):
            paths["photo"] = photo
        else:
            images.save(self.folder / paths["photo"], photo)
        row = (
            dict.fromkeys(COLUMNS, "")
            | {"split": split, "id": name, "identity": identity, "source": source}
            | paths
        )
        self.rows.append(row)
        return paths["photo"]

    def finish(self) -> None:
        """Write the manifest."""
        with open(self.folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)


def splits_of(photos: Sequence[np.ndarray]) -> list[str]:
    """A split for each portrait; near duplicates (a person under two names) are for training."""
    prints = [duplicates.hashes_of({}, duplicates.Hashes.of(photo)) for photo in photos]
    twins = {n for pair in duplicates.find_duplicates(prints) for n in (pair.first, pair.second)}
    order = [n for n in np.random.default_rng(0).permutation(len(photos)) if n not in twins]
    split = dict.fromkeys(range(len(photos)), "train")
    split |= dict.fromkeys(order[:NUM_TEST], "test") | dict.fromkeys(
        order[NUM_TEST : NUM_TEST + NUM_VAL], "val"
    )
    return [split[n] for n in range(len(photos))]


def add_portraits(folder: Path, to_sketch: Writer) -> None:
    """Align the portraits, and draw them before softened backgrounds."""
    found = []
    for path in tqdm(sorted(folder.glob("*.jpg")), desc="aligning", unit="portrait"):
        try:
            face = faces.find_face(images.load_rgb(path))
        except faces.FaceError as error:
            print(f"left out: {path.name}: {error}")
            continue
        matrix = faces.alignment(face.landmarks, SIZE_PX)
        photo = images.load_rgb(path)
        mask = background.person_mask(photo, face=face)
        soft = soften_background(photo, mask)
        found.append(
            (path.stem, faces.warp(photo, matrix, SIZE_PX), faces.warp(soft, matrix, SIZE_PX))
        )
    splits = splits_of([own for _, own, _ in found])
    for (name, own, soft), split in zip(
        tqdm(found, desc="drawing", unit="portrait"), splits, strict=True
    ):
        to_sketch.add(split, name, name, artist(soft), own, "portraits artist")


def add_drawn(to_sketch: Writer) -> None:
    """Every fourth of the drawn faces, in the portraits' frame."""
    for number in tqdm(range(0, NUM_DRAWN, 4), desc="drawn faces", unit="face"):
        face = synthetic.draw_face(number, size_px=SIZE_PX, seed=5)
        photo = faces.warp(face.photo, faces.alignment(face.landmarks, SIZE_PX), SIZE_PX)
        name = f"face-{number:05d}"
        to_sketch.add("train", name, name, artist(photo), photo, "synthetic")


def main() -> None:
    """Make the data set; a folder that is there is left as it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    if (args.out / "photo-to-sketch" / "manifest.csv").exists():
        print(f"{args.out}: is there already")
        return
    partial = args.out.with_name(args.out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    to_sketch = Writer(partial / "photo-to-sketch")
    add_portraits(args.portraits, to_sketch)
    add_drawn(to_sketch)
    to_sketch.finish()
    partial.rename(args.out)
    print(f"{args.out}: {len(to_sketch.rows)} pairs of photo → sketch")


if __name__ == "__main__":
    main()
