"""Pack the open portraits for a training elsewhere: `python -m tools.shipped.packing PORTRAITS
OUT`.

PORTRAITS as `python -m data_prep download open-portraits` leaves them; OUT becomes a folder of
parts of at most 15 MB, for tools/shipped/train_expected.py. Each portrait in
colour that is for training is bent to the mean shape, with its background, and three drawings are
made of it, from careful to crude. A part has, for N portraits: `pictures`, the bytes of four
pictures each (photo as JPEG; person above hair, the drawings above each other, and by how much they
were bent, as grey WebP), which end at `ends` (N, 4); words (N, 7) as `ATTRIBUTES` orders them,
NaN where not known; weight (N,), how often each is to be drawn; and sets, whose they are.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from data_prep.hand_sketches.drawing import scribble
from data_prep.make.portraits import PortraitFile, PortraitSet
from data_prep.portrait import Portrait
from s2f_studio.faces.shaped import planes_of
from s2f_utils.pictures import mesh, warping
from s2f_utils.pictures.attributes import TRAITS
from s2f_utils.pictures.mesh import MEAN_PX as SIZE_PX
from tools.shipped.portraits import evened, portraits_in

DRAWINGS = 3
MOST_BYTES = 15_000_000  # of a part
# label → how much rarer looks are drawn more often: weight = share to the power of minus this
EVENED = {
    "mouth": 0.9,
    "age": 0.4,
    "glasses": 0.3,
    "presents": 0.6,
    "skin": 0.5,
    "hair_length": 0.3,
}
MOST_OFTEN = 5.0
MEAN = mesh.mean_shape(SIZE_PX)
FIELD = warping.fixed_field(MEAN, SIZE_PX)


def chosen(folder: Path) -> list[PortraitFile]:
    """Whom to learn from: in colour, for training."""
    return [
        one
        for one in portraits_in(folder)
        if one.split == "train" and one.labels["colour"] == "rgb"
    ]


def bent(
    picture: np.ndarray, points: np.ndarray, border: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A picture of 256 px in the mean shape's frame, 128 px, and the field that bent it."""
    import cv2

    where = warping.field_by(FIELD, MEAN, (points + 0.5) / 2 - 0.5, SIZE_PX)
    fine = cv2.resize(where, (2 * SIZE_PX, 2 * SIZE_PX), interpolation=cv2.INTER_LINEAR) * 2 + 0.5
    made = warping.bend(picture, fine.astype(np.float32), border=border)
    return cv2.resize(made, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA), where


def drawn(portrait: Portrait, number: int) -> np.ndarray:
    """Drawings of a portrait and how they were bent: uint8 (DRAWINGS, 3, 128, 128)."""
    out = []
    for n in range(DRAWINGS):
        rng = np.random.default_rng([number, n])
        made = scribble(portrait, rng, (n + rng.random()) / DRAWINGS)
        picture, where = bent(made.image, made.points, 255)
        out.append(np.dstack([picture, planes_of(where)]).transpose(2, 0, 1))
    return np.stack(out)


def words_of(entry: PortraitFile) -> np.ndarray:
    """What labels say, as `ATTRIBUTES` orders it: from -1 to 1, NaN where they do not."""
    labels = entry.labels
    worn = [
        labels["glasses"] == "1",
        labels["beard"] not in ("none", "stubble"),
        labels["hat"] != "none",
    ]
    traits = [levels.get(labels.get(label, ""), np.nan) for label, levels in TRAITS.values()]
    return np.array([2.0 * one - 1 for one in worn] + traits, np.float32)


def bytes_of(picture: np.ndarray, kind: str, **how: int) -> bytes:
    """A picture as a file of this kind."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, kind, **how)
    return file.getvalue()


def packed(portrait: Portrait, number: int) -> list[bytes]:
    """A portrait's four pictures."""
    parts = bent(
        (255 * np.dstack([portrait.person, portrait.hair])).astype(np.uint8), portrait.points
    )[0]
    drawings = drawn(portrait, number)
    return [
        bytes_of(bent(portrait.photo, portrait.points)[0], "JPEG", quality=89, subsampling=0),
        bytes_of(np.concatenate(list(parts.transpose(2, 0, 1))), "WEBP", quality=50),
        bytes_of(np.concatenate(list(drawings[:, 0])), "WEBP", quality=38),
        bytes_of(
            np.concatenate(list(drawings[:, 1:].reshape(-1, SIZE_PX, SIZE_PX))), "WEBP", quality=80
        ),
    ]


def pack(folder: Path, out: Path) -> None:
    """Make all of it and write it, a part as soon as it is full."""
    out.mkdir(parents=True, exist_ok=True)
    entries = chosen(folder)
    gallery, weight = PortraitSet(entries), len(entries) * evened(entries, EVENED, MOST_OFTEN)
    sizes, files, first, parts = 0, [], 0, 0
    for number in tqdm(range(len(entries)), desc="packing", unit="portrait"):
        files.append(packed(gallery.segmented(number), number))
        sizes += sum(map(len, files[-1]))
        if sizes > MOST_BYTES - 200_000 or number + 1 == len(entries):
            some = entries[first : number + 1]
            ends = np.cumsum([[len(one) for one in four] for four in files]).reshape(-1, 4)
            joined = b"".join(one for four in files for one in four)
            np.savez(
                out / f"part-{parts}.npz",
                pictures=np.frombuffer(joined, np.uint8),
                ends=ends.astype(np.int32),
                words=np.stack([words_of(one) for one in some]),
                weight=weight[first : number + 1].astype(np.float32),
                sets=[one.name.partition("/")[0] for one in some],
            )
            sizes, files, first, parts = 0, [], number + 1, parts + 1
    print(f"{out}: {len(entries)} portraits in {parts} parts")


def main() -> None:
    """Pack, by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    pack(args.portraits, args.out)


if __name__ == "__main__":
    main()
