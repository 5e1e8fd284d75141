"""Paint people for trainings, beside those that come with `data_prep`:
`python -m tools.shipped.generated.pairs OUT NUM [--part K] [--preview]`.

Writes OUT/partK/: photos and label maps of 256 pixels, two drawings by hand of each person,
codes.npy in the order of the manifest's people, and, at the end, manifest.csv. All are for
training: whoever is tested is one of the embedded people. Nobody has looked at these people; who
might be under 18, wears a hat or stands before something busy is left out by what the shipped
`People` network reads off a code. Some two seconds a person on one core; with --preview, which
paints 256 pixels by the preview head, half a second: enough for encoders.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from data_prep.hand_sketches.drawing import scribble
from data_prep.portrait import Portrait
from s2f_studio import shipped
from s2f_studio.faces.looks import TRAITS
from s2f_utils import weights
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import faces, images, masks
from s2f_utils.runtime import atomic_path
from tools.shipped.embedded_people import MOST_YAW, key_of, paint, person_in, yaw_of
from tools.shipped.generated.paint import Painter, evened_codes

DRAWINGS = 2
LEAST_AGE = np.log(27)
MOST_HAT = 0.3
MOST_BUSY_SHARE = 0.7  # the plainer part of all pictures
SOFT_PX = 1.0
COLUMNS = ("split", "id", "identity", "sketch", "photo", "mask", "source")


def traits_of(codes: np.ndarray) -> dict[str, np.ndarray]:
    """What the shipped network reads off codes (N, D), by trait: (N,) each."""
    net = checkpoints.load_network(shipped.file_of(shipped.PEOPLE))[0]
    with torch.inference_mode():
        code = net.to_code(torch.from_numpy(codes))
        traits = net.traits_of(code) * net.traits_deviation + net.traits_mean
    return dict(zip(TRAITS, traits.numpy().T, strict=True))


def usable_codes(painter: Painter, num: int, seed: int) -> tuple[np.ndarray, dict]:
    """Up to `num` codes of adults without hats before plain walls, and their traits."""
    codes = evened_codes(painter, 2 * num, seed)
    traits = traits_of(codes)
    is_plain = traits["busy"] <= np.quantile(traits["busy"], MOST_BUSY_SHARE)
    is_usable = (traits["age"] >= LEAST_AGE) & (traits["hat"] <= MOST_HAT) & is_plain
    places = np.flatnonzero(is_usable)[:num]
    return codes[places], {name: values[places] for name, values in traits.items()}


def labels_of(traits: Mapping[str, np.ndarray], place: int) -> dict[str, str]:
    """What decides how somebody is drawn."""
    return {
        "glasses": str(int(traits["glasses"][place] > 0.5)),
        "beard": "full" if traits["beard"][place] > 0.5 else "none",
        "hat": "none",
        "hair_texture": "curly" if traits["curls"][place] > 1.2 else "straight",
    }


def write_person(
    folder: Path, person: Mapping[str, np.ndarray], labels: dict[str, str], name: str
) -> list[dict[str, str]]:
    """Write one person's pictures; the rows of the manifest."""
    kinds = (person["map"] > 0, person["map"] == masks.CLASSES.index("hair"))
    soft = [cv2.GaussianBlur(mask.astype(np.float32), (0, 0), SOFT_PX) for mask in kinds]
    portrait = Portrait(person["picture"], person["points"], *soft, labels)
    images.save(folder / f"photos/{name}.png", person["picture"])
    images.save(folder / f"maps/{name}.png", person["map"])
    rows = []
    for number in range(DRAWINGS):
        rng = np.random.default_rng([int(name.split("-")[1], 16), number])
        sketch = scribble(portrait, rng, (number + rng.random()) / DRAWINGS).image
        file = f"sketches/{name}-{number}.png"
        images.save(folder / file, sketch)
        row = ("train", f"{name}-{number}", name, file, f"photos/{name}.png", f"maps/{name}.png")
        rows.append(dict(zip(COLUMNS, (*row, "people"), strict=True)))
    return rows


def main() -> None:
    """Paint one part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("num", type=int)
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--preview", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    folder = args.out / f"part{args.part}"
    for kind in ("photos", "maps", "sketches"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    painter = Painter()
    codes, traits = usable_codes(painter, args.num, 9_000_011 * args.part)
    net = checkpoints.load_network(weights.generator())[0].eval()
    rows, kept = [], []
    for place, code in enumerate(tqdm(codes, desc="painted", unit="person")):
        labels = labels_of(traits, place)
        try:
            if args.preview:
                person = person_in(painter.paint(code), labels)
            else:
                person = paint(net, code, labels)
        except faces.FaceError:
            continue
        if yaw_of(person["points"]) > MOST_YAW:
            continue
        rows += write_person(folder, person, labels, f"p-{key_of(code)}")
        kept.append(code)
    np.save(folder / "codes.npy", np.stack(kept))
    with (
        atomic_path(folder / "manifest.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{folder}: {len(kept)} people, {len(rows)} drawings")


if __name__ == "__main__":
    main()
