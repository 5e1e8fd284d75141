"""Several ranks against one process: do they learn the same, and what does it cost? 10 minutes on two quiet cores.

`python benchmarks/ranks.py [--images 200] [--rounds 3]`. Weights after 200 pictures in float64, on 1, 2 and 4 ranks;
then the time of an image with one process of two threads and with two ranks of one thread, in turns; and of each method
how many numbers its gradients have, from which docs/scale.md reckons.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import common
import torch
from ranks_worker import apart, folder_of, launch

import data_prep
from s2f_utils import runtime
from s2f_utils.models import checkpoints
from s2f_utils.training import config
from s2f_utils.training.method import weights_of
from s2f_utils.training.methods import METHODS

TINY = {"size_px": 32, "load_size_px": 34, "batch_size": 6, "num_samples": 2}
NETS = {"base_filters": 4, "disc_filters": 4, "disc_layers": 1}
METHODS_APART: dict[str, dict[str, Any]] = {
    "pix2pix": {**TINY, **NETS, "norm": "instance", "rotate_deg": 10.0, "elastic": 0.02, "ema_half_life_images": 20.0},
    "cyclegan": {**TINY, **NETS, "num_blocks": 1, "pool_size": 4, "dropout": 0.3},
    "faithful": {**TINY, "load_size_px": 32, "widths": "16,24", "fine": "8,8", "blocks": 1, "hint_share": 0.5},
    "stylegan2": {
        **TINY, "load_size_px": 32, "batch_size": 8, "style_dim": 8, "num_mlp": 2, "width": 8, "r1_every": 4,
        "path_every": 4, "ada_images": 200.0,
    },
}  # fmt: skip
SPEED = {
    "batch_size": 8,
    "size_px": 128,
    "load_size_px": 136,
    "base_filters": 32,
    "disc_filters": 24,
    "norm": "instance",
}
SCALED = ("pix2pix", "cyclegan", "faithful", "stylegan2", "psp", "restore")


def nets_of(place: Path, name: str) -> dict[str, Any]:
    """The networks that a run has saved."""
    return checkpoints.load_torch_file(folder_of(place, name) / "resume.pt")["nets"]


def agreement(manifest: Path, place: Path, num_images: int) -> dict[str, dict[str, float]]:
    """By method and number of ranks, how far the weights are from those of one process."""
    jobs = [
        {"name": name, "method": name, "manifest": manifest, "double": True,
         "settings": settings | {"total_images": num_images, "log_every_images": 50}}
        for name, settings in METHODS_APART.items()
    ]  # fmt: skip
    places = {num: place / f"ranks-{num}" for num in (1, 2, 4)}
    for num, where in places.items():
        where.mkdir()
        launch(num, jobs, where)
    return {
        name: {str(num): apart(nets_of(places[1], name), nets_of(places[num], name)) for num in (2, 4)}
        for name in METHODS_APART
    }


def overhead(manifest: Path, place: Path, rounds: int, num_steps: int = 12) -> dict[str, float]:
    """Seconds an image of one process of two threads, and of two ranks of one."""
    seconds: dict[str, list[float]] = {"one process, two threads": [], "two ranks, one thread each": []}
    for number in range(rounds):
        for num, label in enumerate(seconds, start=1):
            job = {"name": f"{number}-{num}", "method": "pix2pix", "manifest": manifest, "threads": 3 - num}
            settings = SPEED | {"total_images": 10**6, "sample_every_images": 10**9, "precision": "auto"}
            job |= {"settings": settings, "stop_at": SPEED["batch_size"] * (num_steps + 4)}
            launch(num, [job], place)
            times = torch.load(folder_of(place, job["name"]) / "first.pt", weights_only=True)["times"][3:]
            steps = [after - before for before, after in zip(times, times[1:], strict=False)]
            seconds[label].append(statistics.median(steps) / SPEED["batch_size"])
    return {label: round(statistics.median(found), 4) for label, found in seconds.items()}


def gradients() -> dict[str, int]:
    """How many numbers the gradients of a step have, with the paper's settings."""
    precision = runtime.pick_precision(torch.device("cpu"), "float32")
    found = {}
    for method in SCALED:
        model = METHODS[method](config.resolve(method, "full").config, precision)
        found[method] = sum(p.numel() for opt in model.optimizers.values() for p in weights_of(opt))
    return found


def main() -> None:
    """Measure and write results/ranks.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        small = data_prep.make_synthetic(place / "small", num=32, size_px=64, progress=False)
        large = data_prep.make_synthetic(place / "large", num=32, size_px=136, progress=False)
        found = {"weights_apart": agreement(small, place, args.images), "images": args.images}
        found["seconds_per_image"] = overhead(large, place, args.rounds)
    one, two = found["seconds_per_image"].values()
    common.write("ranks", found | {"two_ranks_over_one_process": round(two / one, 3), "gradients": gradients()})


if __name__ == "__main__":
    main()
