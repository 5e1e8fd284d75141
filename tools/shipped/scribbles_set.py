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

from data_prep import hand_sketches
from data_prep.make.parallel import Workers
from data_prep.make.portraits import SIZE_PX, PortraitFile, PortraitSet, digest_of
from data_prep.make.with_landmarks import HAIR, PERSON
from data_prep.make.write import (
    MASK,
    PHOTO,
    POINTS,
    Item,
    Part,
    Prepared,
    SetPlan,
    digest_of_code,
    write_set,
)
from data_prep.messages import describe_counts, say
from data_prep.portrait import Portrait
from s2f_utils.data import DataError
from s2f_utils.pictures.attributes import TRAIT_LABELS
from tools.shipped.portraits import evened, mirrored, person_of, portraits_in

NUM, DRAWINGS = 2_000, 6
PER_VAL = 2  # faces of a person kept for validation
MIXED_SHARE, SHARE = 0.4, 0.6  # of the faces that have parts of others; of their parts
HAT_SHARE, GLASSES_SHARE = 0.12, 0.18  # of the faces that put on a hat, and glasses
OVER_SHARE = 0.8  # of the faces with glasses that put others over them, whose lines are known
MIN_SIZE_PX = 32


@dataclass(frozen=True)
class Face:
    """One face to be made: whose, from which seed, mirrored or not, in what.

    number: of the entry, in the gallery that `among` names; parts are exchanged with people of
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

    num: faces for training, of people whose split is train; those of the split val are drawn
    twice, those of the split test not at all. drawings: of each face; the n-th is
    between (n - 1) / drawings and n / drawings crude. size_px: of the pictures, 32 to 256.
    points, labels: as in `portraits.portraits_in`. workers, dry_run, progress: as in
    `data_prep.make_people`.

    The set has photos, sketches, masks (background, skin for all of the person, hair), and points:
    the drawing's in the column points, the photo's in photo_points, (164, 2) in pixels of size_px,
    as `faces.mesh` orders them. The column fold has 0 for one half of the people and 1 for the
    other: portraits with the same label `person` are in one half, and faces exchange parts within
    their half. Returns the manifest's path. Raises DataError, and
    OSError where the disk is full or may not be written.
    """
    for option, value, least, most in (
        ("--num", num, 1, 1_000_000),
        ("--drawings", drawings, 1, 100),
        ("--size", size_px, MIN_SIZE_PX, SIZE_PX),
    ):
        if not least <= value <= most:
            raise DataError(f"{option} must be from {least} to {most:,}, got {value}")
    if seed < 0:
        raise DataError(f"--seed must be 0 or more, got {seed}")
    given = [None if path is None else Path(path) for path in (points, labels)]
    entries = [one for one in portraits_in(Path(portraits), *given) if _is_usable(one)]
    people = {split: [one for one in entries if one.split == split] for split in ("train", "val")}
    if not people["train"]:
        raise DataError(f"{portraits}: nobody is for training: see the column split of --labels")
    settings = {
        "layout": "scribbles",
        "source": "portraits",
        "source_digest": digest_of(entries),
        "drawing_digest": digest_of_code(hand_sketches),
        "num": num,
        "drawings": drawings,
        "size_px": size_px,
        "fit": "",
        "seed": seed,
    }
    sets = {among: PortraitSet(mine) for among, mine in _sets(people).items()}
    draw = functools.partial(draw_face, sets=sets, drawings=drawings, size_px=size_px)
    plan = SetPlan(_items(people, num, drawings, seed), draw, settings)
    counts = describe_counts(plan.counts())
    say(
        f"{counts}: drawings of {len(people['train'])} people and of mixtures of them",
        progress and not dry_run,
    )
    return write_set(Path(out), plan, workers=workers, progress=progress, dry_run=dry_run)


def _is_usable(entry: PortraitFile) -> bool:
    """Not those with hats, of which no line is known, nor grey photos, which have no colours to
    learn.
    """
    return entry.labels.get("hat", "none") == "none" and entry.labels.get("colour") != "grey"


def _sets(people: dict[str, list[PortraitFile]]) -> dict[str, list[PortraitFile]]:
    """The portraits that may exchange parts: those of either half of the people for training, and
    those for validation.
    """
    everybody = {person_of(entry) for entries in people.values() for entry in entries}
    fold = {name: place % 2 for place, name in enumerate(sorted(everybody))}
    sets: dict[str, list[PortraitFile]] = {"0": [], "1": [], "val": people["val"]}
    for entry in people["train"]:
        sets[str(fold[person_of(entry)])].append(entry)
    return sets


def _faces(people: dict[str, list[PortraitFile]], num: int, seed: int) -> list[Face]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, 11]))
    places = {}
    for among, entries in _sets(people).items():
        for n, entry in enumerate(entries):
            places[id(entry)] = among, n
    chosen = rng.choice(len(people["train"]), num, p=evened(people["train"]))
    faces = []
    for place, n in enumerate(chosen):
        among, number = places[id(people["train"][n])]
        extras = (rng.random(3) < (0.5, HAT_SHARE, GLASSES_SHARE)).tolist()
        faces.append(Face(number, "train", among, seed * 1_000_003 + place, *extras))
    for n in range(PER_VAL * len(people["val"])):
        worn = {"hat": n % 8 == 7, "glasses": n % 7 == 6}
        faces.append(Face(n % len(people["val"]), "val", "val", n, **worn))
    return faces


def _items(people: dict[str, list[PortraitFile]], num: int, drawings: int, seed: int) -> list[Item]:
    sets = _sets(people)
    styles = [str(n + 1) for n in range(drawings)]
    parts = [PHOTO, MASK, POINTS]
    for style in styles:
        parts += [Part("sketch", style), Part("points", style)]
    degrees = {s: {"degree": f"{(n + 0.5) / drawings:.3f}"} for n, s in enumerate(styles)}
    items = []
    for place, face in enumerate(_faces(people, num, seed)):
        entry = sets[face.among][face.number]
        row = {
            "split": face.split,
            "id": f"{face.split}-{place:05d}",
            "identity": person_of(entry),
            "source": "scribbles",
            "fold": "1" if face.among == "1" else "0",
        }
        for label in ("glasses", "beard", *TRAIT_LABELS):
            row[label] = entry.labels.get(label, "")
        row["hat"] = str(int(face.hat))
        if face.glasses:
            row["glasses"] = "1"
        items.append(Item(row, face, tuple(parts), degrees))
    return items


def _changed(face: Face, people: PortraitSet, rng: np.random.Generator) -> Portrait:
    """The face's portrait, mixed with others, in glasses, in a hat, mirrored."""
    from data_prep.hand_sketches import hats, spectacles
    from data_prep.hand_sketches.mixing import mixed

    portrait = people.segmented(face.number)
    if face.split == "train" and rng.random() < MIXED_SHARE:
        portrait = mixed(portrait, people, rng, share=SHARE)
    if face.glasses or (portrait.labels.get("glasses") == "1" and rng.random() < OVER_SHARE):
        portrait = spectacles.put_on(portrait, rng)
    if face.hat:
        portrait = hats.put_on(portrait, rng)
    return mirrored(portrait) if face.mirrored else portrait


def draw_face(face: Face, sets: dict[str, PortraitSet], drawings: int, size_px: int) -> Prepared:
    """One face and its drawings, of size_px."""
    import cv2

    from data_prep.hand_sketches.drawing import scribble

    stream = 12 if face.split == "train" else 13
    rng = np.random.default_rng(np.random.SeedSequence([face.seed, stream]))
    portrait = _changed(face, sets[face.among], rng)

    def small(picture: np.ndarray) -> np.ndarray:
        return cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA)

    def at_size(points: np.ndarray) -> np.ndarray:
        return (points + 0.5) * (size_px / SIZE_PX) - 0.5

    labels = np.where(small(portrait.person) > 0.5, np.uint8(PERSON), np.uint8(0))
    labels[small(portrait.hair) > 0.5] = HAIR
    made = {PHOTO: small(portrait.photo), MASK: labels, POINTS: at_size(portrait.points)}
    for n in range(drawings):
        drawn = scribble(portrait, rng, (n + rng.random()) / drawings)
        made[Part("sketch", str(n + 1))] = small(drawn.image)
        made[Part("points", str(n + 1))] = at_size(drawn.points)
    return Prepared(made)


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
