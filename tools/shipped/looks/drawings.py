"""Drawings with known looks, from which the reader learns.

`python -m tools.shipped.looks.drawings KIND OUT --source FOLDER`.

Three kinds: hand-like drawings, careful to crude, of open portraits and of generated people, both
with labels by people who looked; and pencil drawings of faces that were made by code, with exact
ones. Each is read by the finder as a user's drawing is, and bent to the mean shape.
OUT/drawings-K.npz gets `ink` uint8 (N, 128, 128), dark is 0, `parts` uint8 (N, 2, 64, 64), the
finder's person and hair, `crude` (N,), and `looks` int8 (N, L), an index into `LOOKS`' values each,
-1 where unknown.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from data_prep.hand_sketches import hats, spectacles
from data_prep.hand_sketches.drawing import scribble
from data_prep.make.portraits import PortraitSet
from data_prep.portrait import Portrait
from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils.infer.landmarks import Landmarks, find_landmarks
from s2f_utils.pictures import faces, images, mesh, warping
from s2f_utils.pictures.mesh import FACE_PX
from tools.shipped.looks.labels import Labelled, age_group, looks_of, read_labels
from tools.shipped.portraits import mirrored, portraits_in

INK_PX, PARTS_PX = 128, 64
HAT_SHARE, GLASSES_SHARE = 0.15, 0.12  # of portraits that put one on
PER_PORTRAIT, PER_GENERATED, NUM_BY_CODE = 2, 5, 1500
SAVED_EVERY = 500  # drawings
HAIR_OF_CODE = {  # hair styles of `procedural_faces`: length, texture, fringe
    "bald": ("bald", "", "no"),
    "balding": ("receding", "", "no"),
    "buzz": ("short", "straight", "no"),
    "short": ("short", "straight", "no"),
    "swept back": ("short", "straight", "no"),
    "side part": ("short", "straight", "no"),
    "crop": ("short", "straight", "no"),
    "short curls": ("short", "curly", "no"),
    "afro": ("short", "curly", "no"),
    "locs": ("long", "wavy", "no"),
    "bob": ("medium", "straight", "no"),
    "bob with fringe": ("medium", "straight", "yes"),
    "long": ("long", "straight", "no"),
    "long wavy": ("long", "wavy", "no"),
    "long with fringe": ("long", "straight", "yes"),
    "long curls": ("long", "curly", "no"),
    "bun": ("medium", "straight", "no"),
    "ponytail": ("long", "straight", "no"),
}
HAT_NAMES = {"headscarf": "scarf", "other": ""}  # of hats, in other lists' words
LIPS = {"smile-closed": "closed"}


class MeanFrame:
    """Bends what is drawn to the mean shape."""

    def __init__(self) -> None:
        self.mean = mesh.mean_shape(FACE_PX)
        self.matrix = warping.fixed_field(self.mean, FACE_PX)

    def read(self, square: np.ndarray, look: Landmarks) -> tuple[np.ndarray, np.ndarray]:
        """`ink` and `parts` of one drawing, uint8 (256, 256, 3), as the finder read it."""
        where = warping.field_by(self.matrix, self.mean, look.points, FACE_PX)
        ink = warping.bend(square.mean(axis=2).astype(np.float32), where, border=255)
        parts = [warping.bend(look.parts[name], where) for name in ("person", "hair")]
        return small(ink, INK_PX), np.stack([small(255 * part, PARTS_PX) for part in parts])


def small(picture: np.ndarray, size_px: int) -> np.ndarray:
    """A picture (H, W), reduced: uint8 (size_px, size_px)."""
    return images.rounded(cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA))


def labels_of(portrait: Portrait) -> dict[str, str]:
    """A portrait's labels in the words of `LOOKS`."""
    given = portrait.labels
    hat = given.get("hat", "")
    return {
        "age": given.get("age", ""),
        "presents": given.get("presents", ""),
        "glasses": {"0": "no", "1": "yes"}.get(given.get("glasses", ""), ""),
        "hat": HAT_NAMES.get(hat, hat),
        "beard": given.get("beard", "").replace("stubble", "none"),
        "length": given.get("hair_length", ""),
        "texture": given.get("hair_texture", ""),
        "fringe": {"0": "no", "1": "yes"}.get(given.get("fringe", ""), ""),
        "lips": LIPS.get(given.get("mouth", ""), given.get("mouth", "")),
    }


def scribbled(
    portrait: Portrait, times: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    """Drawings of a portrait, some in a hat or glasses: uint8 (256, 256, 3) and its labels."""
    for n in range(times):
        shown = mirrored(portrait) if rng.random() < 0.5 else portrait
        if rng.random() < GLASSES_SHARE:
            shown = spectacles.put_on(shown, rng)
        if shown.labels.get("hat", "none") == "none" and rng.random() < HAT_SHARE:
            shown = hats.put_on(shown, rng)
        drawn = scribble(shown, rng, (n + rng.random()) / times)
        yield np.repeat(drawn.image[..., None], 3, axis=2), labels_of(shown)


def of_portraits(folder: Path) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    """Drawings of the open portraits that others are trained on as well."""
    entries = [one for one in portraits_in(folder) if one.split != "test"]
    people = PortraitSet(entries)
    for number in np.random.default_rng(0).permutation(len(people)):
        rng = np.random.default_rng([21, number])
        yield from scribbled(people.segmented(number), PER_PORTRAIT, rng)


def of_generated(folder: Path) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    """Drawings of the generated people that are usable, with children."""
    everybody = read_labels()
    for number in np.random.default_rng(0).permutation(len(everybody)):
        if everybody[number].usable:
            rng = np.random.default_rng([22, number])
            yield from scribbled(portrait_of(everybody[number], folder), PER_GENERATED, rng)


def portrait_of(generated: Labelled, folder: Path) -> Portrait:
    """A generated person, aligned, with landmarks and masks as the finder sees them."""
    picture = images.load_rgb(folder / f"{generated.key}.webp")
    matrix = faces.alignment(faces.find_face(picture).landmarks, FACE_PX)
    photo = faces.warp(picture, matrix, FACE_PX)
    look = find_landmarks(photo)
    labels = as_portrait_labels(generated.labels)
    return Portrait(photo, look.points, look.parts["person"], look.parts["hair"], labels)


def as_portrait_labels(given: Mapping[str, str]) -> dict[str, str]:
    """A generated person's labels in the words of portraits."""
    return {
        "age": age_group(float(given["age"])),
        "presents": {"m": "man", "f": "woman"}[given["sex"]],
        "glasses": given["glasses"],
        "hat": given["hat"],
        "beard": given["beard"],
        "hair_length": given["length"],
        "hair_texture": given["texture"],
        "fringe": given["fringe"],
        "mouth": given["lips"],
    }


def by_code(num: int) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    """Pencil drawings of faces made by code."""
    for number in range(num):
        face = draw_face(number, size_px=2 * FACE_PX, seed=23)
        sketch = np.repeat(face.sketch[..., None], 3, axis=2)
        matrix = faces.alignment(face.landmarks, FACE_PX)
        has, (length, texture, fringe) = (
            face.attributes,
            HAIR_OF_CODE[face.attributes["hair_style"]],
        )
        hat = HAT_NAMES.get(has["hat"], has["hat"])
        hidden = hat != "none"
        yield (
            faces.warp(sketch, matrix, FACE_PX, border="paper"),
            {
                "age": age_group(has["age"]),
                "presents": "woman" if has["feminine"] else "man",
                "glasses": "no" if has["glasses"] == "none" else "yes",
                "hat": hat,
                "beard": {"stubble": "none", "short": "full"}.get(has["beard"], has["beard"]),
                "length": "" if hidden else length,
                "texture": "" if hidden else texture,
                "fringe": "" if hidden else fringe,
                "lips": {"grin": "teeth", "surprised": "parted"}.get(has["expression"], "closed"),
            },
        )


def main() -> None:
    """Draw and read one kind."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=("portraits", "generated", "code"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--source", type=Path, help="folder of these pictures")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    makers = {"portraits": of_portraits, "generated": of_generated}
    made = by_code(NUM_BY_CODE) if args.kind == "code" else makers[args.kind](args.source)
    frame, kept = MeanFrame(), []
    for square, labels in made:
        look = find_landmarks(square)
        kept.append((*frame.read(square, look), look.flags["crude"], looks_of(labels)))
        if len(kept) % SAVED_EVERY == 0:
            save(args.out / f"drawings-{args.kind}.npz", kept)
            print(f"{len(kept)} drawings", flush=True)
    save(args.out / f"drawings-{args.kind}.npz", kept)


def save(path: Path, kept: list[tuple]) -> None:
    """Write what was kept, complete or not at all."""
    inks, parts, crude, looks = zip(*kept, strict=True)
    columns = {"ink": inks, "parts": parts, "crude": crude, "looks": looks}
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **{name: np.stack(values) for name, values in columns.items()})
    partial.rename(path)


if __name__ == "__main__":
    main()
