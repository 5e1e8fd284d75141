"""Read the pictures of generated people: `python -m tools.shipped.bank.read FACES OUT`.

FACES has the folders sfhq-t2i, sfhq and faker-portraits, each with its CSV beside it (docs/data.md
says where they come from). OUT/read.npz gets, for each picture with a face, its head in the mean
shape's frame with a margin, masks of person and hair, its landmarks, and what the finder says of
it. Nothing is left out here but pictures without a face: `entries.csv` decides, which was filled in
by looking.

Shapes: N pictures, C = 320 pixels of the frame and its margin, M = 80 of masks over the same.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from s2f_studio.attributes import FINDER_OUTPUTS
from s2f_studio.drawings import mesh, warping
from s2f_studio.drawings.landmarks import find_landmarks
from s2f_studio.drawings.mesh import FACE_PX
from s2f_utils.pictures import faces, images

SETS = ("sfhq-t2i", "sfhq", "faker-portraits")
MARGIN_PX = 32  # around the mean shape's frame of 256 pixels: what the drawn shape may bring in
CANVAS_PX = FACE_PX + 2 * MARGIN_PX
MASK_PX = 80  # side of masks, of the canvas as well
SHARP_FROM = 1.25  # pixels of a picture to one of the canvas from which it is blurred first
EDGE_PX = 3  # of a picture's pixels at its edge: sheets of figures have lines between pictures
SOFT_PX = 6.0  # how soft the canvas is beyond a picture's edge
WALL_PX = (90.0, 30.0, 10.0)  # over which the wall above a picture is a mean


@dataclass(frozen=True)
class Source:
    """A row of a set's CSV. key: set and file, such as sfhq/1046."""

    key: str
    path: Path
    sheet: str  # theme of the sheet of figures, or empty


def sources(folder: Path) -> list[Source]:
    """All pictures of the three sets, in the order of their CSVs."""
    found = []
    for name in SETS:
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                path = folder / name / row["name"]
                found.append(Source(f"{name}/{path.stem}", path, row.get("sheet") or ""))
    return found


class Frame:
    """The mean shape's frame with its margin."""

    def __init__(self) -> None:
        self.mean = mesh.mean_shape(FACE_PX) + MARGIN_PX
        self.matrix = warping.fixed_field(self.mean, CANVAS_PX)

    def where(self, points: np.ndarray) -> np.ndarray:
        """The source of each pixel in an aligned picture with these points: (C, C, 2)."""
        return warping.field_by(self.matrix, self.mean, points, CANVAS_PX)


def mapped(where: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A field (H, W, 2) through an affine map (2, 3): float32."""
    return (where @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def read(picture: np.ndarray, frame: Frame) -> dict[str, np.ndarray]:
    """All that is kept of one picture, uint8 (H, W, 3). Raises FaceError without a face."""
    alignment = faces.alignment(faces.find_face(picture).landmarks, FACE_PX)
    look = find_landmarks(faces.warp(picture, alignment, FACE_PX))
    in_picture = faces.transform(look.points, faces.inverse(alignment))
    # Aligned once more, by the landmarks that were found.
    own = faces.alignment(mesh.five_of(in_picture), FACE_PX)
    points = faces.transform(in_picture, own)
    where = mapped(frame.where(points.astype(np.float32)), faces.inverse(own))
    height, width = picture.shape[:2]
    # Shares of the frame, without its margin, that lie above, below and beside the picture.
    inner = where[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    x, y = inner[..., 0], inner[..., 1]
    cut = [
        (y < -0.5).mean(),
        (y > height - 0.5).mean(),
        (x < -0.5).mean(),
        (x > width - 0.5).mean(),
    ]
    scale = float(np.sqrt(abs(np.linalg.det(faces.inverse(own)[:, :2]))))
    if scale > SHARP_FROM:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 * scale)
    in_look = mapped(where, alignment)
    person, hair = (_sampled(look.parts[name], in_look) for name in ("person", "hair"))
    canvas = beyond_filled(picture, where, person)
    return {
        "canvas": canvas,
        "person": _small(person),
        "hair": _small(hair),
        "points": points.astype(np.float32),
        "eyes_px": np.float32(mesh.eye_distance(in_picture)),
        "cut": np.array(cut, np.float32),
        "flags": np.array([look.flags[name] for name in FINDER_OUTPUTS], np.float32),
    }


def beyond_filled(picture: np.ndarray, where: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The picture, uint8, where the field (C, C, 2) says: uint8 (C, C, 3).

    Beyond its sides and below, its edges go on, softly. Above it there is what the wall has there:
    the mean of what is seen around, without the person, float (C, C).
    """
    height, width = picture.shape[:2]
    least, most = np.float32(EDGE_PX), np.array([width, height], np.float32) - 1 - EDGE_PX
    held = np.clip(where, least, most)
    canvas = cv2.remap(picture, held[..., 0], held[..., 1], cv2.INTER_CUBIC)
    beyond = (np.abs(where - held).max(axis=2) > 0).astype(np.float32)
    above = (where[..., 1] < least).astype(np.float32)
    if not beyond.any():
        return canvas
    filled = cv2.GaussianBlur(canvas, (0, 0), SOFT_PX).astype(np.float32)
    seen = (1 - beyond) * np.clip(1 - 2 * person, 0, 1)
    wall = np.zeros_like(filled)
    for sigma in WALL_PX:  # what is near counts; farther away only where nothing else is seen
        weight = cv2.GaussianBlur(seen, (0, 0), sigma)
        mean = cv2.GaussianBlur(canvas * seen[..., None], (0, 0), sigma)
        mean /= np.maximum(weight, 1e-4)[..., None]
        sure = np.clip(weight / 0.02, 0, 1)[..., None]
        wall = wall * (1 - sure) + mean * sure
    filled = np.where(above[..., None] > 0, wall, filled)
    share = np.clip(2 * cv2.GaussianBlur(beyond, (0, 0), EDGE_PX) - 0.6, 0, 1)[..., None]
    return images.rounded(canvas * (1 - share) + filled * share)


def _sampled(mask: np.ndarray, where: np.ndarray) -> np.ndarray:
    mask = np.ascontiguousarray(mask, np.float32)
    return cv2.remap(
        mask, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _small(mask: np.ndarray) -> np.ndarray:
    small = cv2.resize(mask, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
    return images.rounded(255 * small)


def main() -> None:
    """Read all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    frame, keys, sheets, kept = Frame(), [], [], []
    for source in sources(args.faces):
        try:
            kept.append(read(images.load_rgb(source.path), frame))
        except faces.FaceError as error:
            print(f"{source.key}: {error}")
            continue
        keys.append(source.key)
        sheets.append(source.sheet)
        if len(kept) % 100 == 0:
            print(f"{len(kept)} read", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    columns = {name: np.stack([one[name] for one in kept]) for name in kept[0]}
    partial = args.out / "read.partial.npz"
    np.savez(partial, key=np.array(keys), sheet=np.array(sheets), **columns)
    partial.rename(args.out / "read.npz")


if __name__ == "__main__":
    main()
