"""What notebook 05 loads of a restorer with a generative prior, which is too large to come along.

`python -m tools.shipped.restorer_prior DATA RUNS`, after `python -m tools.shipped.train_weights
DATA restorer-128-prior --runs RUNS`. Writes `restorers.json` and `restorers.jpg` to
s2f_series/long_runs: scores on damaged photos of test people, and twelve of these people,
not the best, as they are damaged, by `restorer-256`, by the prior when only the styles steer it,
when scales and shifts steer it as well, and the photos.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from s2f_series.long_runs import FOLDER
from s2f_utils import metrics, runtime
from s2f_utils.data import Row, read_manifest
from s2f_utils.infer import restorers
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import degradations, images

NAME, STRENGTH = "restorer-128-prior", "strong"
SIZE_PX, NUM, SHOWN, QUALITY = 128, 100, 12, 90
PUBLIC = "_congress-118__"  # this set is in the public domain
SCORES = ("psnr", "ssim", "sharpness")


def people_of(rows: list[Row]) -> list[Row]:
    """The first photo of each person, those first whose photos may be shown."""
    first: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (PUBLIC not in row.id, row.id)):
        first.setdefault(row.identity, row)
    return list(first.values())


@torch.inference_mode()
def restored(net: nn.Module, hurt: np.ndarray) -> np.ndarray:
    """What a network makes of damaged photos, uint8 (N, S, S, 3) each."""
    parts = [images.to_tensor(part) for part in np.array_split(hurt, len(hurt) // 4)]
    return np.concatenate([images.to_uint8(net(part).clamp(-1, 1)) for part in parts])


@torch.no_grad()
def by_styles_alone(net: nn.Module) -> nn.Module:
    """A copy of a restorer whose scales are 1 and whose shifts are 0."""
    net = copy.deepcopy(net)
    for layers, value in ((net.condition_scale, 1.0), (net.condition_shift, 0.0)):
        for layer in layers:
            layer[2].weight.zero_()
            layer[2].bias.fill_(value)
    return net


def main() -> None:
    """Restore, measure and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = runtime.last_run_folder(args.runs, NAME)
    if folder is None:
        raise SystemExit(f"no run {NAME} in {args.runs}: train it first, see this file's top")
    net, meta = checkpoints.load_network(folder / "generator.safetensors")
    test = people_of(read_manifest(args.data / "open-faces/manifest-sharp.csv").split("test"))[:NUM]
    large = np.stack([images.load_rgb(row.photo) for row in test])
    damage = degradations.STRENGTHS[STRENGTH]
    hurt = [degradations.degrade(one, n, damage) for n, one in enumerate(large)]
    own = restorers.load("restorer-256", "cpu")

    def small(pictures: list[np.ndarray]) -> np.ndarray:
        return np.stack([images.resize(one, SIZE_PX) for one in pictures])

    photos, given = small(list(large)), small(hurt)
    rows = {
        "damaged": given,
        "no prior (restorer-256)": small([own.restore(one) for one in hurt]),
        "prior, styles alone": restored(by_styles_alone(net), given),
        "prior, steered": restored(net, given),
    }
    runs = {}
    for label, side in rows.items():
        scores = {name: metrics.measure(side, photos, (name,))[name] for name in SCORES}
        means = {name: round(float(values.mean()), 4) for name, values in scores.items()}
        seen = int(meta["images_seen"]) if label.startswith("prior") else 0
        runs[label] = {"rows": [], "measures": [{"images": seen} | means]}
        print(label, runs[label]["measures"])
    rows["photo"], runs["photo"] = photos, {"rows": [], "measures": []}
    text = {
        "settings": {"size_px": SIZE_PX, "people": len(test), "damage": STRENGTH},
        "changes": {label: {} for label in rows},
        "shown": {label: [int(meta["images_seen"])] for label in rows},
        "runs": runs,
    }
    (FOLDER / "restorers.json").write_text(json.dumps(text) + "\n", encoding="utf-8")
    strips = [np.hstack(side[:SHOWN]) for side in rows.values()]
    Image.fromarray(np.vstack(strips)).save(FOLDER / "restorers.jpg", quality=QUALITY)


if __name__ == "__main__":
    main()
