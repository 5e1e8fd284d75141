"""From which crudeness on the expected face is nearer to the photo than the faithful one, on validation people alone.

`choosing.CRUDE_FROM` is chosen by it: the least from which on the expected face is nearer in three of four. `python
benchmarks/choosing.py --data ../shared/data`, a minute on one core. Twenty people are drawn at all degrees, by the
generator that the training's drawings come from, and in the two styles that the faithful model knows best.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import numpy as np
from tqdm import tqdm

from data_prep.make.gallery import Gallery, sitters_of
from data_prep.make.scribbles.drawing import scribble
from s2f_studio.drawings import mesh
from s2f_studio.drawings.understanding import understood
from s2f_utils import inference, runtime
from s2f_utils.metrics import inside
from s2f_utils.pictures import sketches

DRAWINGS = 8  # of each person
STYLES = ("pencil", "xdog")  # and these, which the faithful model knows best
BINS = (0.0, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.01)


def measured(data: Path) -> list[dict[str, float]]:
    """Of each drawing: how crude the finder finds it, and inside the face L1 and stroke residue of both answers."""
    gallery = Gallery([one for one in sitters_of(data / "portraits") if one.split == "val"])
    model, rng, rows = inference.load("sketch-to-photo", "cpu"), np.random.default_rng(5), []
    for number in tqdm(range(len(gallery)), unit="person"):
        portrait = gallery.cut_out(number)
        five = mesh.five_of(portrait.points).astype(float)
        shown = [scribble(portrait, rng, (n + rng.random()) / DRAWINGS) for n in range(DRAWINGS)]
        made = [(one.image, one.points) for one in shown]
        made += [(sketches.make_sketch(portrait.photo, style), portrait.points) for style in STYLES]
        for image, points in made:
            picture = np.repeat(image[..., None], 3, axis=2)
            row = {"crude": understood(picture).flags["crude"]}
            mask = inside.mask_of(points[mesh.PARTS["oval"]], picture.shape)
            for answer in ("faithful", "expected"):
                answered = model.translate(picture, answer=answer, detail=0.0 if answer == "faithful" else 1.0)
                found = inside.compare(answered, portrait.photo, five)
                row |= {f"{answer}_l1": found["face_l1"], f"{answer}_ssim": found["face_ssim"]}
                row[f"{answer}_residue"] = inside.stroke_residue(answered, picture, mask)
            rows.append(row)
    return rows


def binned(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Means by crudeness."""
    found = []
    for low, high in zip(BINS, BINS[1:], strict=False):
        mine = [row for row in rows if low <= row["crude"] < high]
        if mine:
            means = {key: round(float(np.mean([row[key] for row in mine])), 3) for key in mine[0]}
            nearer = np.mean([row["expected_l1"] < row["faithful_l1"] for row in mine])
            found.append({"from": low, "num": len(mine), **means, "expected_nearer": round(float(nearer), 3)})
    return found


def table(found: dict) -> str:
    """By how crude the drawings are."""
    head = [
        "crude, from", "drawings", "L1 in the face: faithful ↓", "expected ↓", "expected is nearer",
        "residue: faithful", "expected",
    ]  # fmt: skip
    cells = [
        [
            f"{r['from']:g}", str(r["num"]), f"{r['faithful_l1']:.1f}", f"{r['expected_l1']:.1f}",
            f"{r['expected_nearer']:.2f}", f"{r['faithful_residue']:.2f}", f"{r['expected_residue']:.2f}",
        ]
        for r in found["results"]["rows"]
    ]  # fmt: skip
    return f"{common.markdown(head, cells)}\n\n{common.machine_of(found)}."


TABLES = {"choosing": table}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of portraits")
    args = parser.parse_args()
    found = {**common.facts(), "results": {"rows": binned(measured(args.data))}}
    runtime.write_json(common.RESULTS / "choosing.json", found)
    print(table(found))


if __name__ == "__main__":
    main()
