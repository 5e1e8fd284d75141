"""What is expected of drawings of people whom nothing learned from, for the posterior.

`python -m tools.shipped.people.drawings PORTRAITS DATA`, PORTRAITS and DATA as for `prepare`.
Writes DATA/drawings.npz with, for each validation and test person, the average face of three
scribbles and of one careful drawing ("expected", (M, 3, 128, 128), uint8), the name of the
person, how crude the drawing is by the finder's word, its points ("points", (M, 164, 2), in
aligned pixels of 256 px), and which glasses, beard and hat were seen in it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

import s2f_utils as s2f
from data_prep.make.portraits import PortraitSet
from s2f_studio.drawings.landmarks import find_all_landmarks
from s2f_studio.faces.average_face import average_faces
from s2f_studio.request import DrawingRequest
from s2f_utils.pictures import sketches
from tools.shipped.people import running
from tools.shipped.portrait_sketches.drawing import scribble
from tools.shipped.portraits import portraits_in

EXPECTED = "sketch-to-photo-expected"
NUM_SCRIBBLES = 3
SEEN = ("glasses", "beard", "hat")


def drawings_of(portraits: PortraitSet, number: int) -> list[np.ndarray]:
    """Scribbles and a careful drawing of one person: uint8 (256, 256, 3) each."""
    rng = np.random.default_rng([11, number])
    portrait = portraits.segmented(number)
    made = [scribble(portrait, rng).image for _ in range(NUM_SCRIBBLES)]
    made.append(sketches.mixture(portrait.photo, int(rng.integers(2**31))))
    return [np.repeat(one[..., None], 3, axis=2) if one.ndim == 2 else one for one in made]


def main() -> None:
    """Draw the people, and note what is expected of each drawing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    held = set(running.read_people(args.data)["name"])
    entries = [one for one in portraits_in(args.portraits) if one.name in held]
    entries = [one for one in entries if one.split != "train"]
    portraits, model = PortraitSet(entries), s2f.load(EXPECTED, device="cpu")
    columns: dict[str, list] = {name: [] for name in ("name", "crude", "points", "expected", *SEEN)}
    for number, entry in enumerate(entries):
        made = drawings_of(portraits, number)
        found = find_all_landmarks(made)
        with torch.no_grad():
            requests = [DrawingRequest()] * len(made)
            expected = average_faces(model.engine, np.stack(made), found, requests)
        for seen, face in zip(found, expected, strict=True):
            columns["name"].append(entry.name)
            columns["crude"].append(seen.flags["crude"])
            columns["points"].append(seen.points)
            columns["expected"].append(np.clip(255 * face[:3] + 0.5, 0, 255).astype(np.uint8))
            for name in SEEN:
                columns[name].append(seen.flags[name])
        if number % 50 == 0:
            print(f"{number} of {len(entries)}", flush=True)
    partial = args.data / "drawings.partial.npz"
    np.savez(partial, **{name: np.array(values) for name, values in columns.items()})
    partial.rename(args.data / "drawings.npz")


if __name__ == "__main__":
    main()
