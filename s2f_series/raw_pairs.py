"""Pictures of people before anything is aligned: portraits, and faces drawn by code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.make.portraits import PortraitFile, read_portraits
from data_prep.messages import say
from data_prep.procedural_faces.synthetic import draw_face
from s2f_series.default_set import (
    CREDIT,
    RAW_CHOICES,
    portraits_folder,
    shown_files,
    wants_portraits,
)
from s2f_utils.data import DataError
from s2f_utils.pictures import images, mesh, sketches

RAW_PX = 512  # height and width
DRAWN_EACH = 3  # among portraits, each third person is drawn


@dataclass(frozen=True)
class SamplePair:
    """A photo and a drawing of one person, in one frame: uint8 (512, 512, 3) each.

    landmarks: float64 (5, 2), pixels of both, as `faces` orders them; a drawn face's are exact.
    name: of the portrait's file, or "drawn-" and a number.
    """

    name: str
    photo: np.ndarray
    drawing: np.ndarray
    landmarks: np.ndarray

    @property
    def is_drawn(self) -> bool:
        """Whether the photo is also drawn by code."""
        return self.name.startswith("drawn-")


def sample_pairs(
    num: int,
    data: str = "auto",
    *,
    profile: str | None = None,
    seed: int = 3,
    progress: bool = True,
) -> list[SamplePair]:
    """`num` people: two portraits, a drawn face, and so on; drawn faces alone where no portraits
    can be had.

    data: "portraits", of US senators and representatives, with pencil drawings made from them;
    "drawn"; "auto": portraits where they can be had. They are looked for as by `make_default`, but
    no more are downloaded than are used. In the profile "fast", "auto" is "drawn". seed: which
    portraits. Says in one line what it took.

    Raises DataError where `data` is none of these, or portraits are asked for and cannot be
    had.
    """
    if data not in RAW_CHOICES:
        raise DataError(f"data must be one of {', '.join(RAW_CHOICES)}, got {data!r}")
    entries: list[PortraitFile] = []
    if wants_portraits(data, profile):
        try:
            entries = _random_portraits(num - num // DRAWN_EACH, seed, progress)
        except (DataError, OSError) as error:
            if data == "portraits":
                raise
            say(f"the portraits cannot be had: {error}")
    say(f"data: {CREDIT}; each third face is drawn" if entries else "data: faces drawn by code")
    people, portraits = [], iter(entries)
    for n in range(num):
        entry = None
        if n % DRAWN_EACH != DRAWN_EACH - 1:
            entry = next(portraits, None)
        people.append(_drawn(n) if entry is None else _portrait(entry))
    return people


def _random_portraits(num: int, seed: int, progress: bool) -> list[PortraitFile]:
    """As many portraits, at random; those that are not on this machine are fetched."""
    files = shown_files()
    chosen = [files[n] for n in np.random.default_rng(seed).permutation(len(files))[:num]]
    folder = portraits_folder(chosen, progress=progress)
    by_name = {entry.name: entry for entry in read_portraits(folder)}
    names = [Path(file.name).stem for file in chosen]
    return [by_name[name] for name in names if name in by_name]


def _portrait(entry: PortraitFile) -> SamplePair:
    photo = images.load_rgb(entry.path)
    drawing = np.repeat(sketches.pencil(photo)[..., None], 3, axis=2)
    return SamplePair(entry.name, photo, drawing, mesh.five_of(entry.points))


def _drawn(number: int) -> SamplePair:
    face = draw_face(number, size_px=RAW_PX)
    drawing = np.repeat(face.sketch[..., None], 3, axis=2)
    return SamplePair(f"drawn-{number:03d}", face.photo, drawing, face.landmarks.astype(np.float64))
