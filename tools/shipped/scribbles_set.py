"""A data set of drawings of every degree of abstraction, made from portraits, with the points that
were meant.
"""

from __future__ import annotations

import argparse
import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.errors import DataPrepError
from data_prep.make.parallel import Workers
from data_prep.make.portrait import mirrored
from data_prep.make.portraits import SIZE_PX, Gallery, Sitter, digest_of, evened, sitters_of
from data_prep.make.synthetic_set import digest_of_code
from data_prep.make.with_landmarks import HAIR, PERSON, write_folds
from data_prep.make.write import SetPlan, describe_counts, write_set
from data_prep.messages import say
from s2f_studio.attributes import TRAIT_LABELS
from tools.shipped import portrait_sketches as scribbles

NUM, DRAWINGS = 2_000, 6
PER_VAL = 2  # faces of a person kept for validation
MIXED_SHARE, SHARE = 0.4, 0.6  # of the faces that have parts of others; of their parts
HAT_SHARE, GLASSES_SHARE = 0.12, 0.18  # of the faces that put on a hat, and glasses
OVER_SHARE = 0.8  # of the faces with glasses that put others over them, whose lines are known
MIN_SIZE_PX = 32


@dataclass(frozen=True)
class Face:
    """One face to be made: whose, from which seed, mirrored or not, in what.

    number: of the sitter, in the gallery that `among` names; parts are exchanged with people of
    that gallery alone.
    """

    number: int
    split: str
    among: str
    seed: int
    mirrored: bool = False
    hat: bool = False
    glasses: bool = False


def make_scribbles(
    portraits: str | os.PathLike,
    out: str | os.PathLike,
    num: int = NUM,
    drawings: int = DRAWINGS,
    size_px: int = 128,
    seed: int = 0,
    *,
    points: str | os.PathLike | None = None,
    labels: str | os.PathLike | None = None,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Draw faces of the portraits in a folder, and of mixtures of them, each several times, from
    careful to crude.

    num: faces for training, of people whose split is train; those of the split val are drawn twice,
    those of the split
    test not at all. drawings: of each face; the n-th is between (n - 1) / drawings and n / drawings
    crude. size_px: of the pictures, 32 to 256. points, labels: as in `gallery.sitters_of`. workers,
    dry_run, progress: as in `make_synthetic`.

    The set has photos, sketches, masks (background, skin for all of the person, hair), and points:
    the drawing's in the column points, the photo's in photo_points, (164, 2) in pixels of size_px,
    as `faces.mesh` orders them. The column fold has 0 for one half of the people and 1 for the
    other, and beside manifest.csv stand manifest-fold-0.csv and manifest-fold-1.csv, for networks
    that learn from one half alone. Portraits with the same label `person` are in one half, and
    faces exchange parts within their half. Returns the manifest's path. Raises DataPrepError, and
    OSError where the disk is full or may not be written.
    """
    for option, value, least, most in (
        ("--num", num, 1, 1_000_000),
        ("--drawings", drawings, 1, 100),
        ("--size", size_px, MIN_SIZE_PX, SIZE_PX),
    ):
        if not least <= value <= most:
            raise DataPrepError(f"{option} must be from {least} to {most:,}, got {value}")
    if seed < 0:
        raise DataPrepError(f"--seed must be 0 or more, got {seed}")
    given = [None if path is None else Path(path) for path in (points, labels)]
    sitters = [one for one in sitters_of(Path(portraits), *given) if _may_sit(one)]
    people = {split: [one for one in sitters if one.split == split] for split in ("train", "val")}
    if not people["train"]:
        raise DataPrepError(
            f"{portraits}: nobody is for training: see the column split of --labels"
        )
    rows, tasks = _planned(people, num, seed)
    styles = [f"-{n + 1}" for n in range(drawings)]
    parts = (
        "photo",
        "mask",
        "points",
        *(f"{part}{style}" for style in styles for part in ("sketch", "points")),
    )
    settings = {
        "layout": "scribbles",
        "source": "portraits",
        "source_digest": digest_of(sitters),
        "drawing_digest": digest_of_code(scribbles),
        "num": num,
        "drawings": drawings,
        "size_px": size_px,
        "fit": "",
        "seed": seed,
    }
    galleries = {among: Gallery(mine) for among, mine in _galleries(people).items()}
    draw = functools.partial(draw_face, galleries=galleries, drawings=drawings, size_px=size_px)
    degrees = {
        f"sketch{style}": {"degree": f"{(n + 0.5) / drawings:.3f}"}
        for n, style in enumerate(styles)
    }
    plan = SetPlan(rows, tasks, draw, parts, settings, of_sketch=degrees)
    said = f"{describe_counts(plan.counts())}: drawings of {len(people['train'])} people and of mixtures of them"
    say(said, progress and not dry_run)
    manifest = write_set(Path(out), plan, workers=workers, progress=progress, dry_run=dry_run)
    if not dry_run:
        write_folds(manifest)
    return manifest


def _may_sit(sitter: Sitter) -> bool:
    """Not those with hats, of which no line is known, nor grey photos, which have no colours to
    learn.
    """
    return sitter.labels.get("hat", "none") == "none" and sitter.labels.get("colour") != "grey"


def _galleries(people: dict[str, list[Sitter]]) -> dict[str, list[Sitter]]:
    """The sitters that may exchange parts: those of either half for training, and those for
    validation.
    """
    names = sorted({_person(sitter) for mine in people.values() for sitter in mine})
    fold = {name: place % 2 for place, name in enumerate(names)}
    halves = {
        str(half): [one for one in people["train"] if fold[_person(one)] == half] for half in (0, 1)
    }
    return halves | {"val": people["val"]}


def _person(sitter: Sitter) -> str:
    """Who it is, where labels say that somebody is there more than once."""
    return sitter.labels.get("person") or sitter.name


def _planned(
    people: dict[str, list[Sitter]], num: int, seed: int
) -> tuple[list[dict[str, str]], list[Face]]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, 11]))
    galleries = _galleries(people)
    places = {
        id(one): (among, n) for among, mine in galleries.items() for n, one in enumerate(mine)
    }
    chosen = rng.choice(len(people["train"]), num, p=evened(people["train"]))
    faces = []
    for place, n in enumerate(chosen):
        among, number = places[id(people["train"][n])]
        extras = (rng.random(3) < (0.5, HAT_SHARE, GLASSES_SHARE)).tolist()
        faces.append(Face(number, "train", among, seed * 1_000_003 + place, *extras))
    faces += [
        Face(n % len(people["val"]), "val", "val", n, hat=n % 8 == 7, glasses=n % 7 == 6)
        for n in range(PER_VAL * len(people["val"]))
    ]
    rows = []
    for place, face in enumerate(faces):
        sitter = galleries[face.among][face.number]
        shown = {key: sitter.labels.get(key, "") for key in ("glasses", "beard", *TRAIT_LABELS)}
        shown |= {"hat": str(int(face.hat))} | ({"glasses": "1"} if face.glasses else {})
        name, fold = f"{face.split}-{place:05d}", "1" if face.among == "1" else "0"
        who = {"identity": _person(sitter), "source": "scribbles", "fold": fold}
        rows.append({"split": face.split, "id": name, **who, **shown})
    return rows, faces


def draw_face(
    face: Face, galleries: dict[str, Gallery], drawings: int, size_px: int
) -> dict[str, np.ndarray]:
    """One face and its drawings: {"photo", "mask", "points", "sketch-1", "points-1", …} of size_px."""
    import cv2

    from tools.shipped.portrait_sketches import hats, spectacles
    from tools.shipped.portrait_sketches.drawing import scribble
    from tools.shipped.portrait_sketches.mixing import mixed

    rng = np.random.default_rng(
        np.random.SeedSequence([face.seed, 12 if face.split == "train" else 13])
    )
    people = galleries[face.among]
    portrait = people.cut_out(face.number)
    if face.split == "train" and rng.random() < MIXED_SHARE:
        portrait = mixed(portrait, people, rng, share=SHARE)
    if face.glasses or (portrait.shows.get("glasses") == "1" and rng.random() < OVER_SHARE):
        portrait = spectacles.put_on(portrait, rng)
    if face.hat:
        portrait = hats.put_on(portrait, rng)
    if face.mirrored:
        portrait = mirrored(portrait)

    def small(picture: np.ndarray) -> np.ndarray:
        return cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA)

    def at_size(points: np.ndarray) -> np.ndarray:
        return (points + 0.5) * (size_px / SIZE_PX) - 0.5

    labels = np.where(small(portrait.person) > 0.5, np.uint8(PERSON), np.uint8(0))
    labels[small(portrait.hair) > 0.5] = HAIR
    made = {"photo": small(portrait.photo), "mask": labels, "points": at_size(portrait.points)}
    for n in range(drawings):
        drawn = scribble(portrait, rng, (n + rng.random()) / drawings)
        made |= {f"sketch-{n + 1}": small(drawn.image), f"points-{n + 1}": at_size(drawn.points)}
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portraits", type=Path, help="folder, as 'download' leaves it, or yours")
    parser.add_argument("out", type=Path, help="new folder for the data set")
    parser.add_argument("--num", type=int, default=NUM, help="faces for training")
    parser.add_argument("--drawings", type=int, default=DRAWINGS, help="of each face")
    parser.add_argument("--size", type=int, default=128, dest="size_px", help="in pixels")
    parser.add_argument("--points", type=Path, help="points of your portraits (.npz)")
    parser.add_argument("--labels", type=Path, help="what is known of your portraits (.csv)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other drawings")
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    make_scribbles(**vars(parser.parse_args()))
