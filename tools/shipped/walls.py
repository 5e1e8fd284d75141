"""Photos before plain walls: what is behind each person is blurred and loses half its colour.

`python -m tools.shipped.walls PORTRAITS DATA --part 0`, DATA as `tools.shipped.people` leaves it.
Writes DATA/plain-0.npz with "aligned" as in DATA/people-0.npz, for the same people.
Flags beside heads made ears red, and networks learned crumbs of walls around hair: no drawing says
what stands behind a person.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from data_prep.make.portraits import PortraitFile, PortraitSet
from s2f_utils.pictures import images
from tools.shipped.people import SIZE_PX
from tools.shipped.portraits import portraits_in

BLUR_PX = 10.0
COLOUR_LEFT = 0.5
GREY = np.array([0.299, 0.587, 0.114], np.float32)


def plain(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A photo before a plain wall: uint8 (H, W, 3); mask: float32 (H, W), 1 where the person is.

    Each pixel of the wall is the mean of its neighbours on the wall, so that the person's colours
    do not run into it.
    """
    behind = np.clip(1 - mask, 1e-3, 1)[..., None]

    def blurred(picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture, (0, 0), BLUR_PX, borderType=cv2.BORDER_REFLECT_101)

    wall = blurred(photo * behind) / blurred(behind)[..., None]
    grey = (wall @ GREY)[..., None]
    wall = grey + COLOUR_LEFT * (wall - grey)
    return images.rounded(photo * (1 - behind) + wall * behind)


def mask_of(entry: PortraitFile) -> np.ndarray:
    """Where the person is in the aligned portrait: float32 (128, 128)."""
    person = PortraitSet([entry]).segmented(0).person
    return cv2.resize(person, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Make plain the walls of the portraits of one part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", type=int, default=0)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    entries = {entry.name: entry for entry in portraits_in(args.portraits)}
    with np.load(args.data / f"people-{args.part}.npz") as people:
        rows = zip(people["name"], people["aligned"], strict=True)
        photos = [plain(photo, mask_of(entries[str(name)])) for name, photo in rows]
    partial = args.data / f"plain-{args.part}.partial.npz"
    np.savez(partial, aligned=np.array(photos))
    partial.rename(args.data / f"plain-{args.part}.npz")


if __name__ == "__main__":
    main()
