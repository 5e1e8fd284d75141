"""Points, people and labels of a collection of portraits, found by our own landmark finder: what
`scribbles` needs.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np

from data_prep.errors import DataPrepError, printable
from data_prep.make.portraits import MASK_PX, SIZE_PX, STORED_PER_PX
from data_prep.messages import say, warn
from s2f_studio.attributes import WORN
from s2f_utils import runtime
from s2f_utils.pictures import faces, images

MOST_PX = 2**16 // STORED_PER_PX  # a larger coordinate cannot be stored


def find_points(
    portraits: str | os.PathLike, out: str | os.PathLike, *, progress: bool = True
) -> Path:
    """Find the points of the faces in a folder, and write them, and where the people are, to the
    .npz file `out`; what the finder says of glasses, beards and hats goes into a .csv file beside
    it, to be corrected by hand.

    Pictures without a face, larger than 1,024 pixels, or of a name that another has are left out
    with a warning. Returns `out`. Raises DataPrepError where there is no folder, no detector, no
    face, or a file in the way; WeightsError as `understanding.finder`.
    """
    import cv2
    from tqdm.auto import tqdm

    from s2f_studio.drawings.understanding import understand

    portraits, out = Path(portraits), Path(out)
    if not portraits.is_dir():
        raise DataPrepError(f"{printable(portraits)}: no such folder: give one with portraits")
    if out.suffix != ".npz":
        raise DataPrepError(f"{printable(out)}: the file's name must end in .npz")
    labels = out.with_suffix(".csv")
    for path in (out, labels):
        if path.exists():
            raise DataPrepError(
                f"{printable(path)}: is there already: choose another name, or delete it"
            )
    if problem := faces.detector_problem():
        raise DataPrepError(f"the face detector is missing: {problem}")
    files = sorted(
        path for path in portraits.rglob("*") if path.is_file() and images.is_image_name(path)
    )
    first: dict[str, Path] = {}
    names, points, people, rows = [], [], [], []
    for path in tqdm(files, desc="finding points", unit="portrait", disable=not progress):
        if printable(path.stem) != path.stem:
            warn(f"left out: {printable(path)}: its name is not Unicode: rename it")
            continue
        if first.setdefault(path.stem, path) != path:
            warn(
                f"left out: {printable(path)}: {printable(first[path.stem])} has this name, too: rename one of them"
            )
            continue
        try:
            photo = images.load_rgb(path)
            face = faces.find_face(photo)
        except (images.ImageError, faces.FaceError) as error:
            warn(f"left out: {printable(path)}: {error}")
            continue
        if max(photo.shape) > MOST_PX:
            warn(f"left out: {printable(path)}: more than {MOST_PX} pixels: make it smaller")
            continue
        matrix = faces.alignment(face.landmarks, SIZE_PX)
        found = understand([faces.warp(photo, matrix, SIZE_PX)])[0]
        back = cv2.invertAffineTransform(matrix)
        places = np.clip(faces.transform(found.points, back), 0, MOST_PX - 1)
        names.append(path.stem)
        points.append(np.rint(places * STORED_PER_PX).astype(np.uint16))
        people.append(
            np.packbits((_squeezed(found.parts["person"], back, photo.shape) > 0.5).ravel())
        )
        glasses, beard, hat = (found.flags[flag] > 0.5 for flag in WORN)
        shown = {
            "glasses": int(glasses),
            "beard": "full" if beard else "none",
            "hat": "hat" if hat else "none",
        }
        rows.append({"name": path.stem, "split": "", **shown})
    if not names:
        raise DataPrepError(
            f"{printable(portraits)}: no face was found in its {len(files)} pictures"
        )
    with (
        runtime.atomic_path(labels) as for_labels,
        runtime.atomic_path(out) as for_points,
    ):  # both, or neither
        with open(for_labels, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        with open(for_points, "wb") as file:
            np.savez_compressed(
                file, names=np.array(names), points=np.stack(points), people=np.stack(people)
            )
    say(f"{len(names)} faces in {printable(out)}, what they show in {printable(labels)}", progress)
    return out


def _squeezed(person: np.ndarray, back: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where the person is, float32 (SIZE_PX, SIZE_PX) of the aligned face, in the whole picture, as
    a square.
    """
    import cv2

    height, width = shape[:2]
    options = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    whole = cv2.warpAffine(person, back, (width, height), **options)
    return cv2.resize(whole, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portraits", type=Path, help="folder with portraits")
    parser.add_argument("out", type=Path, help="new .npz file; a .csv is written beside it")
    find_points(**vars(parser.parse_args()))
