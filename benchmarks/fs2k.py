"""Artists' sketches, FS2K's test pairs: how near the average face and a person are to the photo,
and whether closed mouths stay closed.

`python benchmarks/fs2k.py DATA [--num N] [--mesh PYTHON]`, DATA as `python -m data_prep pairs FS2K
DATA --align face --drop-leaks` leaves it. Answers lie where the drawing has the face, in the drawn
shape; a person's seed is the pair's number. The face is where aligned faces have it. --mesh: of an
environment with mediapipe 0.10.14. Writes results/fs2k.json; three minutes for 300 pairs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import common
import inside
import numpy as np
from people import mesh_error, meshes_of, mouths

import s2f_studio as s2f
from s2f_studio import shipped
from s2f_utils.data import read_manifest
from s2f_utils.metrics import METRICS, bootstrap_mean, evaluation, paired_difference
from s2f_utils.pictures import faces

SIZE_PX = 256
ANSWERS = ("average", "person")
WHOLE = ("ssim", "psnr", "sharpness")


def answers_of(kind: str, sketches: np.ndarray) -> np.ndarray:
    """One kind of answer to sketches: uint8 (N, 256, 256, 3)."""
    model = s2f.load(shipped.MODEL)
    asks = {"answer": kind, "frame": "paper", "likely": 0.0, "preview": True}
    made = [model.translate(one, seed=number, **asks) for number, one in enumerate(sketches)]
    return np.stack(made)


def scores_of(made: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """Of each picture: the scores of the whole, and SSIM in the face: (N,) each."""
    found = {name: METRICS[name].measure(made, true) for name in WHOLE}
    mask = inside.mask_of(inside.outline_of(faces.TEMPLATE * SIZE_PX - 0.5), made[0].shape)
    pairs = zip(made, true, strict=True)
    found["face_ssim"] = np.array(
        [inside.similarity_inside(one, other, mask)["face_ssim"] for one, other in pairs]
    )
    return found


def measure(sketches: np.ndarray, photos: np.ndarray, mesh: Path | None) -> dict:
    """The rows of the table, and how far a person is from the average, pair by pair."""
    table = {kind: answers_of(kind, sketches) for kind in ANSWERS} | {"sketch": sketches}
    scores = {name: scores_of(made, photos) for name, made in table.items()}
    rows = {}
    for name, values in scores.items():
        rows[name] = common.rounded({key: bootstrap_mean(one) for key, one in values.items()})
    difference = paired_difference(scores["person"]["face_ssim"], scores["average"]["face_ssim"])
    found = {"num": len(photos), "rows": rows}
    found["person_over_average"] = common.rounded({"face_ssim": difference})
    if mesh:
        with tempfile.TemporaryDirectory() as work:
            true = meshes_of(mesh, photos, Path(work))
            for name, made in table.items():
                meshes = meshes_of(mesh, made, Path(work))
                rows[name] |= {"mesh_off": mesh_error(meshes, true), **mouths(meshes, true)}
    return found


def table_of(found: dict) -> str:
    """The table of docs/results.md."""
    results, rows = found["results"], []
    for name, row in results["rows"].items():
        numbers = [f"{row[key]['mean']:.{digits}f}" for key, digits in (("ssim", 3), ("psnr", 1))]
        numbers += [common.with_interval(row["face_ssim"], 3), f"{row['sharpness']['mean']:.2f}"]
        for key in ("mesh_off", "closed_to_open", "open_to_closed"):
            numbers.append(f"{row[key]:.3f}" if key in row else "–")
        rows.append([name, *numbers])
    head = ["SSIM ↑", "PSNR ↑", "SSIM in the face ↑", "sharpness → 1", "mesh off ↓"]
    head += ["closed mouths that open ↓", "open mouths that close ↓"]
    pairs = f"{results['num']} test pairs"
    return common.markdown([pairs, *head], rows) + f"\n\n{common.machine_of(found)}."


def main() -> None:
    """Measure both answers, write results/fs2k.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--num", type=int, help="pairs, evenly over the test set (default: all)")
    parser.add_argument("--mesh", type=Path, metavar="PYTHON")
    args = parser.parse_args()
    rows = read_manifest(args.data / "manifest.csv").split("test")
    chosen = np.linspace(0, len(rows) - 1, args.num or len(rows)).round().astype(int)
    some = [rows[number] for number in chosen]
    sketches, photos = evaluation.load_pairs(some, SIZE_PX, "sketch-to-photo")
    common.write("fs2k", measure(sketches, photos, args.mesh), table_of)


if __name__ == "__main__":
    main()
