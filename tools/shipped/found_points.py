"""Points, people and labels of a collection of portraits, found by the landmark detector: what
`scribbles_set` needs.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np

from data_prep.make.portraits import MASK_PX, SIZE_PX, STORED_PER_PX
from data_prep.messages import printable, say, warn
from s2f_utils import runtime
from s2f_utils.data import DataError
from s2f_utils.pictures import faces, images
from s2f_utils.pictures.attributes import WORN

MOST_PX = 2**16 // STORED_PER_PX  # a larger coordinate cannot be stored
Found = tuple[np.ndarray, np.ndarray, dict[str, str]]  # points, the person's bits, labels


def find_points(
    portraits: str | os.PathLike, out: str | os.PathLike, *, progress: bool = True
) -> Path:
    """Find the points of the faces in a folder, and write them, and where the people are, to the
    .npz file `out`; glasses, beards and hats go into a .csv file beside it, to be corrected by
    hand.

    Pictures without a face, larger than 1,024 pixels, or of a name that another has are left out
    with a warning. Returns `out`. Raises DataError where there is no folder, no face, or a
    file in the way; WeightsError as `landmarks.find_landmarks`.
    """
    from tqdm.auto import tqdm

    portraits, out = Path(portraits), Path(out)
    labels = out.with_suffix(".csv")
    _check(portraits, out, labels)
    files = [p for p in sorted(portraits.rglob("*")) if p.is_file() and images.is_image_name(p)]
    found: dict[str, Found] = {}
    first: dict[str, Path] = {}
    for path in tqdm(files, desc="points", unit="portrait", disable=not progress):
        try:
            if printable(path.stem) != path.stem:
                raise DataError("its name is not Unicode: rename it")
            other = first.setdefault(path.stem, path)
            if other != path:
                raise DataError(f"{printable(other)} also has this name: rename one of them")
            found[path.stem] = _find(path)
        except (DataError, images.ImageError, faces.FaceError) as error:
            warn(f"left out: {printable(path)}: {error}")
    if not found:
        raise DataError(f"{printable(portraits)}: no face in its {len(files)} pictures")
    _write(found, out, labels)
    say(f"{len(found)} faces in {printable(out)}, what they show in {printable(labels)}", progress)
    return out


def _check(portraits: Path, out: Path, labels: Path) -> None:
    if not portraits.is_dir():
        raise DataError(f"{printable(portraits)}: no such folder: give one with portraits")
    if out.suffix != ".npz":
        raise DataError(f"{printable(out)}: the file's name must end in .npz")
    for path in (out, labels):
        if path.exists():
            raise DataError(
                f"{printable(path)}: is there already: choose another name, or delete it"
            )


def _find(path: Path) -> Found:
    import cv2

    from s2f_utils.infer.landmarks import find_all_landmarks

    photo = images.load_rgb(path)
    face = faces.find_face(photo)
    if max(photo.shape) > MOST_PX:
        raise DataError(f"more than {MOST_PX} pixels: make it smaller")
    matrix = faces.alignment(face.landmarks, SIZE_PX)
    seen = find_all_landmarks([faces.warp(photo, matrix, SIZE_PX)])[0]
    back = cv2.invertAffineTransform(matrix)
    places = np.clip(faces.transform(seen.points, back), 0, MOST_PX - 1)
    person = _squeezed(seen.parts["person"], back, photo.shape) > 0.5
    glasses, beard, hat = (seen.flags[flag] > 0.5 for flag in WORN)
    labels = {
        "glasses": str(int(glasses)),
        "beard": "full" if beard else "none",
        "hat": "hat" if hat else "none",
    }
    points = np.rint(places * STORED_PER_PX).astype(np.uint16)
    return points, np.packbits(person.ravel()), labels


def _squeezed(person: np.ndarray, back: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where the person is, float32 (SIZE_PX, SIZE_PX) of the aligned face, in the whole picture, as
    a square.
    """
    import cv2

    height, width = shape[:2]
    options = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    whole = cv2.warpAffine(person, back, (width, height), **options)
    return cv2.resize(whole, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)


def _write(found: dict[str, Found], out: Path, labels: Path) -> None:
    """Both files, or neither."""
    points, people, shown = zip(*found.values(), strict=True)
    with runtime.atomic_path(labels) as for_labels, runtime.atomic_path(out) as for_points:
        with open(for_labels, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["name", "split", *shown[0]])
            writer.writeheader()
            for name, one in zip(found, shown, strict=True):
                writer.writerow({"name": name, "split": "", **one})
        with open(for_points, "wb") as file:
            names = np.array(list(found))
            np.savez_compressed(file, names=names, points=np.stack(points), people=np.stack(people))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portraits", type=Path, help="folder with portraits")
    parser.add_argument("out", type=Path, help="new .npz file; a .csv is written beside it")
    find_points(**vars(parser.parse_args()))
