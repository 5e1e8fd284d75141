"""Training people in painted hats, in the mean shape's frame: photos of hats are rare.

`python -m tools.shipped.people.hats PORTRAITS DATA`, PORTRAITS and DATA as for `prepare`. Writes
DATA/hats.npz: "photo", uint8 (N, 128, 128, 3), and "name", whose photo it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from data_prep.hand_sketches.hats import put_on
from data_prep.make.portraits import PortraitSet
from tools.shipped.people import running
from tools.shipped.people.appearance import is_whole
from tools.shipped.people.prepare import IDENTITY, MeanFrame
from tools.shipped.portraits import portraits_in

NUM_HATS = 400


def main() -> None:
    """Paint hats onto some training people."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    people = running.read_people(args.data)
    bare = np.array([labels.get("hat", "none") == "none" for labels in people["labels"]])
    chosen = is_whole(people) & (people["split"] == "train") & bare
    rng = np.random.default_rng(3)
    names = set(rng.choice(people["name"][chosen], NUM_HATS, replace=False))
    entries = [one for one in portraits_in(args.portraits) if one.name in names]
    portraits, frame, photos = PortraitSet(entries), MeanFrame(), []
    for number in range(len(entries)):
        dressed = put_on(portraits.segmented(number), rng)
        photos.append(frame.warp(dressed.photo, dressed.points, IDENTITY)[0])
        if number % 50 == 49:
            print(f"{number + 1} of {len(entries)}", flush=True)
    partial = args.data / "hats.partial.npz"
    np.savez(partial, photo=np.stack(photos), name=np.array([one.name for one in entries]))
    partial.replace(args.data / "hats.npz")


if __name__ == "__main__":
    main()
