"""How far from an asked tone of skin is what the answer shows?

`python benchmarks/skin_tones.py FOLDER …`: drawings as PNGs, such as s2f_studio/drawings/examples.
Each of the page's six tones is asked for with two seeds a drawing. Measured in the answer's cheeks,
as `inside.tones` does, in degrees of the individual typology angle. Writes results/skin_tones.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import inside
import numpy as np
from tqdm import tqdm

import s2f_studio as s2f
from s2f_studio import shipped
from s2f_studio.attributes import as_tone
from s2f_studio.drawings.prepare import prepare
from s2f_studio.page.page import SHADES
from s2f_studio.request import DrawingRequest
from s2f_utils.infer.landmarks import find_landmarks
from s2f_utils.pictures import faces, images, mesh

SIZE_PX, NUM_SEEDS = 256, 2
NEAR_DEG = 8.0


def shown_by(picture: np.ndarray) -> float:
    """The angle of the cheeks in an answer, degrees."""
    picture = images.resize(picture, SIZE_PX)
    look = find_landmarks(picture)
    matrix = faces.alignment(mesh.five_of(look.points), SIZE_PX)
    return inside.tones(faces.warp(picture, matrix, SIZE_PX))[0]


def off_by(model: s2f.Model, square: np.ndarray, colour: str) -> list[float]:
    """How much lighter than asked the cheeks of each seed's answer are, degrees."""
    patch = np.full((1, 1, 3), as_tone(colour).colour, np.uint8)
    wanted = inside.skin_tone(patch, np.ones((1, 1), bool))
    asks = [DrawingRequest(seed=seed, person={"skin": colour}) for seed in range(NUM_SEEDS)]
    return [shown_by(one) - wanted for one in model.answer([square] * NUM_SEEDS, asks)]


def table(found: dict) -> str:
    """A row for each tone."""
    header = ["tone", "answers", "within 8°", "lighter than asked, median"]
    rows = []
    for name, row in found["results"]["rows"].items():
        rows.append([name, str(row["num"]), f"{row['near']:.2f}", f"{row['median']:.1f}°"])
    return common.markdown(header, rows) + f"\n\n{common.machine_of(found)}."


def main() -> None:
    """Measure all tones, write results/skin_tones.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--num", type=int, help="drawings of each folder (default: all)")
    args = parser.parse_args()
    model = s2f.load(shipped.MODEL)
    files = [file for folder in args.folders for file in sorted(folder.glob("*.png"))[: args.num]]
    squares = [prepare(images.load_rgb(file), size_px=SIZE_PX).image for file in files]
    rows, every = {}, []
    for name, colour in SHADES["skin"].items():
        off = np.array([off_by(model, one, colour) for one in tqdm(squares, desc=name)]).ravel()
        every.append(off)
        rows[name] = _row(off)
    rows["all"] = _row(np.concatenate(every))
    common.write("skin_tones", {"rows": rows}, table)


def _row(off: np.ndarray) -> dict[str, float]:
    near = float((np.abs(off) <= NEAR_DEG).mean())
    return {
        "num": len(off),
        "near": round(near, 3),
        "median": round(float(np.median(off)), 1),
    }


if __name__ == "__main__":
    main()
