"""Pictures of people as they come, before anything is aligned: portraits, and faces drawn by code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.errors import DataPrepError
from data_prep.make.default_set import CHOICES, CREDIT, portraits_folder, shown_files
from data_prep.make.portraits import Sitter, sitters_of
from data_prep.make.synthetic_set import profile_of
from data_prep.messages import say
from data_prep.procedural_faces.synthetic import draw_face
from s2f_studio.drawings import mesh
from s2f_utils.pictures import images, sketches

RAW_PX = 512  # height and width
DRAWN_EACH = 3  # among portraits, each third person is drawn


@dataclass(frozen=True)
class RawPerson:
    """A photo and a drawing of one person, in one frame: uint8 (512, 512, 3) each.

    landmarks: float64 (5, 2), pixels of both, as `faces` orders them; of a portrait they were
    found, of a drawn face
    they are exact. name: of the portrait's file, or "drawn-" and a number.
    """

    name: str
    photo: np.ndarray
    drawing: np.ndarray
    landmarks: np.ndarray

    @property
    def is_drawn(self) -> bool:
        """Whether code drew the photo, too."""
        return self.name.startswith("drawn-")


def raw_people(
    num: int,
    data: str = "auto",
    *,
    profile: str | None = None,
    seed: int = 3,
    progress: bool = True,
) -> list[RawPerson]:
    """`num` people: two portraits, a drawn face, and so on; drawn faces alone where no portraits
    can be had.

    data: "portraits", of US senators and representatives, with pencil drawings made from them;
    "drawn"; "auto": portraits where they can be had. They are looked for as by `make_default`, but
    no more are downloaded than are used. In the profile "fast", "auto" is "drawn". seed: which
    portraits. Says in one line what it took.

    Raises DataPrepError where `data` is none of these, or portraits are asked for and cannot be
    had.
    """
    if data not in CHOICES:
        raise DataPrepError(f"data must be one of {', '.join(CHOICES)}, got {data!r}")
    sitters: list[Sitter] = []
    if data == "portraits" or (data == "auto" and profile_of(profile)[0] != "fast"):
        try:
            sitters = _sitters(num - num // DRAWN_EACH, seed, progress)
        except (DataPrepError, OSError) as error:
            if data == "portraits":
                raise
            say(f"the portraits cannot be had: {error}")
    say(
        f"data: {CREDIT}; each third face is drawn by code"
        if sitters
        else "data: faces drawn by code"
    )
    people, waiting = [], iter(sitters)
    for n in range(num):
        sitter = None if n % DRAWN_EACH == DRAWN_EACH - 1 else next(waiting, None)
        people.append(_drawn(n) if sitter is None else _portrait(sitter))
    return people


def _sitters(num: int, seed: int, progress: bool) -> list[Sitter]:
    """As many portraits, by chance; those that are not on this machine are fetched."""
    files = shown_files()
    chosen = [files[n] for n in np.random.default_rng(seed).permutation(len(files))[:num]]
    by_name = {
        sitter.name: sitter for sitter in sitters_of(portraits_folder(chosen, progress=progress))
    }
    return [by_name[Path(file.name).stem] for file in chosen if Path(file.name).stem in by_name]


def _portrait(sitter: Sitter) -> RawPerson:
    photo = images.load_rgb(sitter.file)
    drawing = np.repeat(sketches.pencil(photo)[..., None], 3, axis=2)
    return RawPerson(sitter.name, photo, drawing, mesh.five_of(sitter.points))


def _drawn(number: int) -> RawPerson:
    face = draw_face(number, size_px=RAW_PX)
    drawing = np.repeat(face.sketch[..., None], 3, axis=2)
    return RawPerson(f"drawn-{number:03d}", face.photo, drawing, face.landmarks.astype(np.float64))
