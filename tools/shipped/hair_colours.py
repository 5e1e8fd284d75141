"""Train notebook 03's CycleGAN long: drawn people with dark hair, and others with blond hair.

`python -m tools.shipped.hair_colours STATE`, STATE any folder outside of the project. It draws the
two piles, trains, and writes `dark-to-blond.safetensors` and `blond-to-dark.safetensors` to
s2f_series/long_runs. Given again, it goes on where it stopped.

The step is the library's, which gives the losses of the step in the notebook
(tests/test_notebook_cyclegan.py). Settings are those of the notebook, but for more people, more
steps, and the weight of the cycle, which is lower from `LOOSER_FROM` on. Without `Loosen` the
training ends nearly where it ends with it (README.md). The notebook's test people are in neither
pile.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from data_prep.make.write import write_manifest
from data_prep.procedural_faces.person import choose
from data_prep.procedural_faces.synthetic import draw_face
from s2f_series.long_runs import FOLDER
from s2f_utils.data import read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import DIRECTIONS
from s2f_utils.pictures import images
from s2f_utils.train import config
from s2f_utils.train.loop import train
from s2f_utils.train.run import finished, open_run
from s2f_utils.train.state import TrainingRun

SIZE_PX, NUM_PEOPLE = 64, 400
# side of the manifest → the first number of its people, the colour of their hair
PILES = {"sketch": (0, "dark brown"), "photo": (100_000, "blond")}
NAMES = dict(zip(DIRECTIONS, ("dark-to-blond", "blond-to-dark"), strict=True))
SETTINGS = {
    "size_px": SIZE_PX,
    "load_size_px": SIZE_PX,
    "batch_size": 1,
    "base_filters": 24,
    "num_blocks": 4,
    "residual": True,
    "disc_filters": 32,
    "disc_layers": 2,
    "lr_g": 4e-4,
    "lr_d": 4e-4,
    "flip": 0.5,
    "total_images": 4_200,
    "constant_share": 0.5,
    "ema_half_life_images": 300.0,
    "log_every_images": 50,
    "sample_every_images": 100,
    "save_every_s": 120.0,
    "num_snapshots": 9,
}

LOOSER_FROM = 1_838  # steps
LOOSER = {"lambda_cycle_sketch": 3.0, "lambda_cycle_photo": 3.0, "lambda_identity": 5 / 3}


class Loosen:
    """A callback of the loop: from `LOOSER_FROM` on the cycle weighs 3; the identity still 5."""

    def on_step(self, run: TrainingRun) -> None:
        if run.images_seen == LOOSER_FROM:
            for name, value in LOOSER.items():
                run.live.set(name, value, "tools.shipped.hair_colours")


def suits(number: int) -> bool:
    """Whether a drawn person is grown up and shows their hair."""
    person = choose(number, 0).attributes
    has_hair = person["hair_style"] not in ("bald", "balding", "buzz")
    return person["age"] >= 18 and person["hat"] == "none" and has_hair


def draw_piles(folder: Path) -> Path:
    """Draw the people of both piles, of whom none is in both, and return the manifest."""
    rows = []
    for side, (number, colour) in PILES.items():
        for _ in range(NUM_PEOPLE):
            while not suits(number):
                number += 1
            name = f"{colour}/{number:06d}.png"
            if not (folder / name).is_file():
                face = draw_face(number, size_px=SIZE_PX, hair_colour=colour)
                images.save(folder / name, face.photo)
            row = {"split": "train", "id": f"{number:06d}", "identity": f"{number:06d}"}
            rows.append({**row, "sketch": "", "photo": "", "mask": "", "source": "drawn"})
            rows[-1][side] = name
            number += 1
    write_manifest(folder / "manifest.csv", rows)
    return folder / "manifest.csv"


def ship(trained: Path) -> None:
    """Write both generators' averages, a byte for each weight."""
    seconds = round(checkpoints.load_torch_file(trained / "resume.pt")["seconds"])
    for direction, name in NAMES.items():
        end = "" if direction == DIRECTIONS[0] else f"-{direction}"
        file = trained / f"generator{end}.safetensors"
        net, meta = checkpoints.load_network(file)
        info = checkpoints.info_of(file).public()
        info = replace(info, data="drawn faces", trained_on=["drawn faces"])
        path = FOLDER / f"{name}.safetensors"
        about = {"name": name, "images_seen": meta["images_seen"], "training_seconds": seconds}
        checkpoints.save_generator(path, net.half(), about, info, compact=True)
        path.chmod(0o644)
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    """Draw, train, ship."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("state", type=Path, metavar="STATE")
    state = parser.parse_args().state
    torch.set_num_threads(1)
    manifest = read_manifest(draw_piles(state / "data"))
    resolved = config.resolve("cyclegan", "full", SETTINGS, has_gpu=False)
    trained = finished(resolved, manifest, state, name="hair")
    if trained is None:
        run = open_run(resolved, manifest, state, name="hair", device="cpu")
        if train(run, callbacks=[Loosen()]) != "done":
            raise SystemExit(f"{run.folder}: stopped; give the same command to go on")
        trained = run.folder
    ship(trained)


if __name__ == "__main__":
    main()
