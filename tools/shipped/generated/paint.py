"""Paint people by the generator, draw them by hand, and read the drawings as a user's are read:
`python -m tools.shipped.generated.paint POOL PART NUM [--evened]`.

Writes POOL/pPART.npz: codes w, pictures as painted and aligned (JPEG bytes), landmarks, masks, and
of each person three drawings, careful to crude, in the mean shape, with what the finder says of
them. --evened: rarer looks are painted more often, by the traits that the shipped `People` network
reads off codes. A second or two a person on one core; set MALLOC_MMAP_THRESHOLD_=2000000000 and
MALLOC_TRIM_THRESHOLD_=4000000000, which keep the memory of large tensors.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from data_prep.hand_sketches.drawing import scribble
from data_prep.portrait import Portrait
from s2f_studio import shipped
from s2f_studio.faces.looks import TRAITS
from s2f_utils import weights
from s2f_utils.infer.landmarks import Landmarks, find_landmarks
from s2f_utils.networks import checkpoints
from s2f_utils.networks.mobile_stylegan import MobileStyleGAN, PreviewHead
from s2f_utils.pictures import faces, images, mesh, warping
from s2f_utils.pictures.mesh import FACE_PX
from tools.shipped.generated.pool import FLAGS
from tools.shipped.looks.drawings import MeanFrame, small

PSI = 0.55, 1.0  # truncation, drawn for each person
DRAWINGS = 3
MOST_TURN = 0.25  # of the nose off the middle between the eyes, in eye distances
MASK_PX = 64
SAVED_EVERY = 250  # people
# Trait: of evened people, how many show most of it, and whether that is a small value.
EVENED = {
    "glasses": (0.16, 1),
    "beard": (0.12, 1),
    "hat": (0.1, 1),
    "hair_length": (0.12, -1),
    "curls": (0.08, 1),
    "fringe": (0.06, 1),
    "skin_l": (0.1, -1),
    "age": (0.08, 1),
    "gap": (0.04, -1),
    "hair_l": (0.02, 1),
}
NUM_TO_CHOOSE_FROM = 60_000
LEAST_AGE = 2.9  # log years: no children are sought


class Painter:
    """The generator with the preview head: codes → pictures of 256 pixels."""

    def __init__(self) -> None:
        self.generator: MobileStyleGAN = checkpoints.load_network(weights.generator())[0]
        self.head: PreviewHead = checkpoints.load_network(weights.shipped(weights.PREVIEW))[0]

    @torch.inference_mode()
    def paint(self, w: np.ndarray) -> np.ndarray:
        """A code (D,) as a picture: uint8 (256, 256, 3)."""
        code = torch.from_numpy(w)[None]
        styles = self.generator.styles_of(code)
        features = self.generator.features(styles, self.head.NUM_BLOCKS)
        picture = self.head(features, code - self.generator.mean_w)[0]
        return images.rounded(127.5 * (picture.permute(1, 2, 0).numpy() + 1))

    @torch.inference_mode()
    def codes(self, num: int, seed: int) -> np.ndarray:
        """Random codes (num, D), each with a truncation of its own."""
        chance = torch.Generator().manual_seed(seed)
        z = torch.randn(num, 512, generator=chance)
        psi = PSI[0] + (PSI[1] - PSI[0]) * torch.rand(num, 1, generator=chance)
        mean = self.generator.mean_w
        return (mean + psi * (self.generator.mapping(z) - mean)).numpy()


def evened_codes(painter: Painter, num: int, seed: int) -> np.ndarray:
    """Codes (num, D) of adults among whom rarer looks are more frequent."""
    w = painter.codes(NUM_TO_CHOOSE_FROM, seed)
    net = checkpoints.load_network(shipped.file_of(shipped.PEOPLE))[0]
    with torch.inference_mode():
        code = net.to_code(torch.from_numpy(w))
        traits = net.traits_of(code) * net.traits_deviation + net.traits_mean
    columns = dict(zip(TRAITS, traits.numpy().T, strict=True))
    rng = np.random.default_rng(seed)
    is_left = columns["age"] > LEAST_AGE
    chosen: list[int] = []
    for name, (share, sign) in EVENED.items():
        rank = np.argsort(-np.where(is_left, sign * columns[name], -np.inf))
        taken = rng.permutation(rank[: int(2.5 * share * num)])[: int(share * num)]
        is_left[taken] = False
        chosen += taken.tolist()
    others = rng.permutation(np.flatnonzero(is_left))[: num - len(chosen)]
    return w[rng.permutation([*chosen, *others])]


def jpeg(picture: np.ndarray) -> np.ndarray:
    """A picture as the bytes of a JPEG: uint8 (bytes,)."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, 95]
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags)[1].ravel()


def flags_of(look: Landmarks) -> np.ndarray:
    """The finder's `FLAGS`: float32 (5,)."""
    return np.array([look.flags[name] for name in FLAGS], np.float32)


def turn_of(points: np.ndarray) -> float:
    """How far a face is turned to a side: the nose off the middle, in eye distances."""
    five = mesh.five_of(points)
    middle = (five[0, 0] + five[1, 0]) / 2
    return float(abs(five[2, 0] - middle) / mesh.eye_distance(points))


def drawings_of(
    portrait: Portrait, frame: MeanFrame, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Drawings by hand of a person, careful to crude, as the finder reads them."""
    columns: dict[str, list] = {}
    for number in range(DRAWINGS):
        drawn = scribble(portrait, rng, (number + rng.random()) / DRAWINGS)
        square = np.repeat(drawn.image[..., None], 3, axis=2)
        look = find_landmarks(square)
        ink, parts = frame.read(square, look)
        found = {
            "ink": ink,
            "dparts": parts,
            "dpoints": look.points.astype(np.float32),
            "doff": look.off.astype(np.float32),
            "dflags": flags_of(look),
            "dhair_above": np.float32(look.hair_above),
            "degree": np.float32(drawn.degree),
        }
        for name, value in found.items():
            columns.setdefault(name, []).append(value)
    return {name: np.stack(values) for name, values in columns.items()}


def person_of(
    painter: Painter, w: np.ndarray, frame: MeanFrame, rng: np.random.Generator
) -> dict[str, np.ndarray] | None:
    """A painted person with drawings; None for a head that is turned. Raises FaceError."""
    picture = painter.paint(w)
    matrix = faces.alignment(faces.find_face(picture).landmarks, FACE_PX)
    aligned = faces.warp(picture, matrix, FACE_PX)
    look = find_landmarks(aligned)
    if turn_of(look.points) > MOST_TURN:
        return None
    labels = {
        "glasses": "1" if look.flags["glasses"] > 0.5 else "0",
        "beard": "full" if look.flags["beard"] > 0.6 else "none",
        "hat": "none",
    }
    masks = [look.parts[name].astype(np.float32) for name in ("person", "hair")]
    points = look.points.astype(np.float32)
    where = warping.field_by(frame.matrix, frame.mean, look.points, FACE_PX)
    return {
        "w": w.astype(np.float32),
        "full": jpeg(picture),
        "aligned": jpeg(aligned),
        "matrix": matrix.astype(np.float32),
        "points": points,
        "off": look.off.astype(np.float32),
        "flags": flags_of(look),
        "parts": np.stack([small(255 * mask, MASK_PX) for mask in masks]),
        "hair": small(255 * warping.bend(masks[1], where), MASK_PX),
        **drawings_of(Portrait(aligned, points, *masks, labels), frame, rng),
    }


def save(path: Path, people: list[dict[str, np.ndarray]]) -> None:
    """Write people, complete or not at all."""
    columns = {}
    for name in people[0]:
        values = [person[name] for person in people]
        is_bytes = name in ("full", "aligned")
        columns[name] = np.array(values, dtype=object) if is_bytes else np.stack(values)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **columns)
    partial.rename(path)


def main() -> None:
    """Paint one part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("part", type=int)
    parser.add_argument("num", type=int)
    parser.add_argument("--evened", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    painter, frame = Painter(), MeanFrame()
    seed = 7_000_003 * args.part
    make = evened_codes if args.evened else Painter.codes
    people, begun = [], time.monotonic()
    for number, w in enumerate(make(painter, args.num, seed)):
        rng = np.random.default_rng([7, args.part, number])
        try:
            person = person_of(painter, w, frame, rng)
        except faces.FaceError:
            continue
        if person is not None:
            people.append(person)
        is_time = len(people) % SAVED_EVERY == 0 or number == args.num - 1
        if people and is_time:
            save(args.pool / f"p{args.part}.npz", people)
            print(f"{len(people)} of {number + 1}, {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
