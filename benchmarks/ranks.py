"""Several ranks against one process: do they learn the same, and what does it cost? 10 minutes on two quiet cores.

`python benchmarks/ranks.py [--images 200] [--rounds 3]`. Weights after 200 pictures in float64, on 1, 2 and 4 ranks;
then the time of an image with one process of two threads and with two ranks of one thread, in turns; and of each method
how many numbers its gradients have and how long a step of a picture takes here, from which its tables reckon.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import common
import torch
import train_speed
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
    "cyclegan, a tenth of the learning rate": {
        **TINY, **NETS, "num_blocks": 1, "pool_size": 4, "dropout": 0.3, "lr_g": 2e-5, "lr_d": 2e-5,
    },
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
LINKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s or PCIe": 12.5e9, "NVLink": 200e9}  # bytes a second, as makers state them
RANKS = (2, 8, 64)
STEPPED = ("pix2pix", "cyclegan", "faithful")
SCALED = ("pix2pix", "cyclegan", "faithful", "stylegan2", "psp", "restore")


def nets_of(place: Path, name: str) -> dict[str, Any]:
    """The networks that a run has saved."""
    return checkpoints.load_torch_file(folder_of(place, name) / "resume.pt")["nets"]


def agreement(manifest: Path, place: Path, num_images: int) -> dict[str, dict[str, float]]:
    """By method, how far the weights are from those of one process: on 2 and 4 ranks, and of one process whose weights
    began with another last bit.
    """
    jobs = [
        {"name": name.replace(" ", "-"), "method": name.partition(",")[0], "manifest": manifest, "double": True,
         "settings": settings | {"total_images": num_images, "log_every_images": 50}}
        for name, settings in METHODS_APART.items()
    ]  # fmt: skip
    places = {num: place / f"ranks-{num}" for num in (1, 2, 4)}
    for num, where in places.items():
        where.mkdir()
        launch(num, jobs, where)
    nudged = place / "nudged"
    nudged.mkdir()
    launch(1, [job | {"nudge": True} for job in jobs], nudged)
    others = {"2": places[2], "4": places[4], "last bit": nudged}
    found = {}
    for method, job in zip(METHODS_APART, jobs, strict=True):
        true = nets_of(places[1], job["name"])
        found[method] = {key: apart(true, nets_of(where, job["name"])) for key, where in others.items()}
    return found


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


def steps() -> dict[str, float]:
    """Seconds of a step of one picture with the paper's settings, on all of this machine's cores."""
    calls = {method: train_speed.bare(method, {"batch_size": 1}) for method in STEPPED}
    return {name: round(seconds, 3) for name, seconds in common.alternate(calls, 3).items()}


def exchange(num_numbers: int, num_ranks: int, bytes_a_second: float) -> float:
    """Seconds in which a ring of ranks adds up so many float32 numbers: each sends and takes 2 (n - 1) / n of them."""
    return 2 * (num_ranks - 1) / num_ranks * 4 * num_numbers / bytes_a_second


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
    found |= {"two_ranks_over_one_process": round(two / one, 3), "gradients": gradients(), "seconds_of_a_step": steps()}
    common.write("ranks", found)


def table(found: dict[str, Any]) -> str:
    """How far trainings are apart, and what two ranks cost here."""
    r = found["results"]
    rows = [[name, *(f"{apart:.0e}" for apart in by.values())] for name, by in r["weights_apart"].items()]
    header = ["method", "2 ranks", "4 ranks", "one process, another last bit"]
    one, two = (f"{1000 * value:.1f} ms" for value in r["seconds_per_image"].values())
    return (
        f"Largest difference of a weight from one process's, float64, after {r['images']} pictures:\n\n"
        + common.markdown(header, rows)
        + "\n\nThe last column is one process again, whose first weights began one last bit larger: what rounding"
        f" alone becomes.\n\npix2pix at 128 px, batch 8 ({common.machine_of(found)}): one process of two threads"
        f" takes {one} an image, two ranks of one thread {two}: {r['two_ranks_over_one_process']:.2f} times as long."
        " Both ranks do all of the optimiser's work, and gradients go from one to the other: on one machine's cores"
        " ranks do not pay."
    )


def scaling(found: dict[str, Any]) -> str:
    """What many ranks would win, on paper."""
    r = found["results"]
    rows = []
    for name, num in r["gradients"].items():
        shortest = [f"{1000 * 9 * exchange(num, 64, speed):.0f} ms" for speed in LINKS.values()]
        seconds = r["seconds_of_a_step"].get(name)
        kept = [f"{seconds / (seconds + exchange(num, n, LINKS['10 Gbit/s'])):.0%}" if seconds else "–" for n in RANKS]
        rows.append([name, f"{4 * num / 1e6:.0f} MB", *shortest, f"{seconds:.2f} s" if seconds else "–", *kept])
    header = ["method", "gradients", *(f"90 % over {name}" for name in LINKS), "step here, batch 1"]
    return common.markdown([*header, *(f"{n} such machines" for n in RANKS)], rows)


TABLES = {"ranks": table, "scaling": scaling}


if __name__ == "__main__":
    main()
