"""Photos before plain walls: what is behind each person is blurred and loses half its colour.

`python -m tools.shipped.people.walls PORTRAITS DATA --part 0`, DATA as `prepare`
and `hats` leave it. Writes DATA/plain-0.npz with "photo" and "aligned" as in DATA/people-0.npz, for
the same people, and with part 0 DATA/plain-hats.npz with "photo" as in DATA/hats.npz.
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
from tools.shipped.people import running
from tools.shipped.people.prepare import IDENTITY, SIZE_PX, MeanFrame
from tools.shipped.portraits import portraits_in

BLUR_PX = 10.0
COLOUR_LEFT = 0.5
HAT_CHANGES = 25  # of 255, from which a painted pixel belongs to the hat
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


def masks(entry: PortraitFile, frame: MeanFrame) -> tuple[np.ndarray, np.ndarray]:
    """Where the person is, in the mean shape's frame and in the aligned one: float32 (128, 128)."""
    portrait = PortraitSet([entry]).segmented(0)
    drawn = np.repeat(images.rounded(255 * portrait.person)[..., None], 3, axis=2)
    warped = frame.warp(drawn, portrait.points, IDENTITY)[0][..., 0]
    size = (SIZE_PX, SIZE_PX)
    return warped.astype(np.float32) / 255, cv2.resize(
        portrait.person, size, interpolation=cv2.INTER_AREA
    )


def plain_hats(
    path: Path, bare: dict[str, np.ndarray], entries: dict[str, PortraitFile], frame: MeanFrame
) -> np.ndarray:
    """Photos of people in painted hats before plain walls; bare: their photos without a hat."""
    photos = []
    with np.load(path) as hats:
        for name, photo in zip(hats["name"], hats["photo"], strict=True):
            person, _ = masks(entries[str(name)], frame)
            changed = np.abs(photo.astype(np.float32) - bare[str(name)]).max(axis=2) > HAT_CHANGES
            changed = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
            hat = cv2.GaussianBlur(changed.astype(np.float32), (0, 0), 1.0)
            photos.append(plain(photo, np.maximum(person, hat)))
    return np.array(photos)


def write(path: Path, **columns: np.ndarray) -> None:
    """Write a file, complete or not at all."""
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **columns)
    partial.rename(path)


def main() -> None:
    """Make plain the walls of the portraits of one part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", type=int, default=0)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    entries = {entry.name: entry for entry in portraits_in(args.portraits)}
    frame, photos, aligned = MeanFrame(), [], []
    with np.load(args.data / f"people-{args.part}.npz") as people:
        rows = zip(people["name"], people["photo"], people["aligned"], strict=True)
        for name, photo, straight in rows:
            of_photo, of_straight = masks(entries[str(name)], frame)
            photos.append(plain(photo, of_photo))
            aligned.append(plain(straight, of_straight))
    write(args.data / f"plain-{args.part}.npz", photo=np.array(photos), aligned=np.array(aligned))
    if args.part == 0:
        everybody = running.read_people(args.data)
        bare = dict(zip(everybody["name"], everybody["photo"], strict=True))
        hats = plain_hats(args.data / "hats.npz", bare, entries, frame)
        write(args.data / "plain-hats.npz", photo=hats)


if __name__ == "__main__":
    main()
