"""What notebook 05 loads of two restorers that differ in one thing: whether their decoder is a
StyleGAN2 that learned faces before, kept fixed, or learns with the rest.

`python -m tools.shipped.restorer_pair DATA RUNS`, after `python -m tools.shipped.train_weights DATA
restorer-128 --runs RUNS`, and the same with restorer-128-prior. Writes `restorers.json` and
`restorers.jpg` to s2f_utils/notebook/long_runs: curves of both, scores on damaged photos of test
people, and twelve of these people, not the best.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from s2f_utils import metrics, runtime
from s2f_utils.data import Row, read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.notebook.long_runs import FOLDER
from s2f_utils.pictures import degradations, images

RUNS = {"without a prior": "restorer-128", "with a prior": "restorer-128-prior"}
SIZE_PX, NUM, SHOWN, QUALITY = 128, 100, 12, 90
STRENGTH = "strong"
PUBLIC = "_congress-118__"  # this set is in the public domain
SCORES = ("psnr", "ssim", "sharpness")
CURVES = ("loss_l1", "loss_perceptual", "loss_d")


def people_of(rows: list[Row]) -> list[Row]:
    """The first photo of each person, those first whose photos may be shown."""
    first: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (PUBLIC not in row.id, row.id)):
        first.setdefault(row.identity, row)
    return list(first.values())


@torch.inference_mode()
def restored(folder: Path, hurt: np.ndarray) -> np.ndarray:
    """What the network of a run makes of damaged photos, uint8 (N, S, S, 3) each."""
    net, _ = checkpoints.load_network(folder / "generator.safetensors")
    parts = [images.to_tensor(part) for part in np.array_split(hurt, len(hurt) // 4)]
    return np.concatenate([images.to_uint8(net(part).clamp(-1, 1)) for part in parts])


def curve_of(folder: Path, most: int) -> list[dict[str, float]]:
    """The rows of a run's log, up to so many images."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    names = ("images", "seconds", *CURVES)
    return [
        {name: float(f"{row[name]:.4g}") for name in names if name in row}
        for row in rows
        if "loss_l1" in row and row["images"] <= most
    ]


def main() -> None:
    """Measure both and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    test = people_of(read_manifest(args.data / "open-faces/manifest-sharp.csv").split("test"))[:NUM]
    photos = np.stack([images.resize(images.load_rgb(row.photo), SIZE_PX) for row in test])
    damage = degradations.STRENGTHS[STRENGTH]
    hurt = np.stack([degradations.degrade(one, n, damage) for n, one in enumerate(photos)])
    rows, told = {"damaged": hurt}, {}
    for label, name in RUNS.items():
        folder = runtime.last_run_folder(args.runs, name)
        if folder is None:
            raise SystemExit(f"no run {name} in {args.runs}: train it first, see this file's top")
        rows[label] = restored(folder, hurt)
        curve = curve_of(folder, most=10**9)
        told[label] = {"rows": curve, "images": int(curve[-1]["images"])}
    runs = {}
    for label, side in rows.items():
        scores = {name: metrics.measure(side, photos, (name,))[name] for name in SCORES}
        means = {name: round(float(values.mean()), 4) for name, values in scores.items()}
        seen = told.get(label, {"rows": [], "images": 0})
        runs[label] = seen | {"measures": [{"images": seen["images"]} | means]}
    rows["photo"], runs["photo"] = photos, {"rows": [], "images": 0, "measures": []}
    text = {
        "settings": {"size_px": SIZE_PX, "people": len(test), "damage": STRENGTH},
        "changes": {label: {} for label in rows},
        "shown": {label: [run["images"]] for label, run in runs.items()},
        "runs": runs,
    }
    (FOLDER / "restorers.json").write_text(json.dumps(text) + "\n", encoding="utf-8")
    strips = [np.hstack(side[:SHOWN]) for side in rows.values()]
    Image.fromarray(np.vstack(strips)).save(FOLDER / "restorers.jpg", quality=QUALITY)
    for label, run in runs.items():
        print(label, run["measures"])


if __name__ == "__main__":
    main()
