"""The analysis of a drawing: landmarks of the face with expected errors, and what else is drawn."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2f_utils import runtime, weights
from s2f_utils.infer import onnx_engine
from s2f_utils.infer.translator import LEAST_PX
from s2f_utils.pictures import faces, images, mesh
from s2f_utils.pictures.attributes import FINDER_OUTPUTS, FOUND_PARTS, WORN
from s2f_utils.pictures.cleanup import LINES_BELOW
from s2f_utils.pictures.mesh import FACE_PX

if TYPE_CHECKING:
    from s2f_utils.infer.engine import Engine

SHRUNK_FROM = 0.95  # below this scale a picture is reduced first
INKED = 0.5  # a share of dark pixels that only a photo exceeds
# A drawing below this share of the picture's side is enlarged, to this share.
SMALL, FILLED = 0.75, 0.9
BY_HAND = 4.0  # times "crude": one stroke displaces all points of a part; best on validation people
# The finder mistakes hair drawn down to the brows for a hat: how much hair is above them decides.
HAIR_UNDER_HAT = (
    0.2,
    0.5,
)  # from the first share on a hat is doubtful, from the second there is none
HAT_IN_DOUBT = 0.05  # from this "hat" score on, `asserted_hat` checks that share
# Hat thresholds for (careful, crude) drawings; they accept 45 of 49 crude hats.
HAT_FROM, MOST_HAIR = (0.7, 0.9), (0.45, 0.1)
CRUDE_HATS_FROM = 0.4  # "crude" score from which the latter apply: scribbled hair looks like a hat
CLEAR_HAT = 0.95  # from this "hat" score on, a hat is clear enough
LOOKS = 2  # passes: over the unaligned picture, and with the face aligned from the first pass


@dataclass(frozen=True)
class Landmarks:
    """The analysis of a face.

    points: float64 (164, 2), pixels of the picture, as `mesh` orders them. off: float64 (164,), the
    expected error of each in pixels. flags: {"photo", "crude", "glasses", "beard", "hat": from 0 to
    1}; "crude" is how abstract a drawing is. parts: {"person", "hair": float32 (S, S) in [0, 1]}.
    """

    points: np.ndarray
    off: np.ndarray
    flags: dict[str, float]
    parts: dict[str, np.ndarray]

    @property
    def off_by_hand(self) -> np.ndarray:
        """`off` for fitting a likely shape, (164,).

        The cruder a drawing, the more a whole part is displaced.
        """
        return (1 + BY_HAND * self.flags["crude"]) * self.off

    @property
    def vagueness(self) -> float:
        """The mean expected error of a point, in eye distances."""
        return float(self.off.mean() / mesh.eye_distance(self.points))

    @property
    def hair_above(self) -> float:
        """The share of hair in the person above the brows, from 0 (a hat, a bald head) to 1."""
        unit = mesh.eye_distance(self.points)
        brows = min(self.points[mesh.PARTS[name], 1].min() for name in ("left_brow", "right_brow"))
        across = self.points[:, 0].mean() + 0.7 * unit * np.array([-1, 1])
        down = brows - unit * np.array([1.3, 0.25])
        (left, right), (top, bottom) = (
            np.clip(span, 0, len(self.parts["hair"]) - 1).astype(int) for span in (across, down)
        )
        hair, person = (
            self.parts[name][top : bottom + 1, left : right + 1].mean()
            for name in ("hair", "person")
        )
        return float(hair / max(person, 0.05))


def worn_in(look: Landmarks) -> np.ndarray:
    """The probabilities that glasses, a beard and a hat are drawn: float32 (3,), as `WORN`.

    Hair that is drawn above the brows speaks against a hat.
    """
    worn = np.array([look.flags[name] for name in WORN], np.float32)
    bare, haired = HAIR_UNDER_HAT
    worn[WORN.index("hat")] *= np.clip((haired - look.hair_above) / (haired - bare), 0, 1)
    return worn


def asserted_hat(look: Landmarks) -> bool | None:
    """Whether a hat is drawn, for a network that gets the finder's score: None where that score is
    clear enough.
    """
    score, crude = look.flags["hat"], int(look.flags["crude"] > CRUDE_HATS_FROM)
    if score <= HAT_IN_DOUBT:
        return None
    if score <= HAT_FROM[crude] or look.hair_above >= MOST_HAIR[crude]:
        return False
    return True if score < CLEAR_HAT else None


@functools.lru_cache(maxsize=2)
def finder(engine: str = "auto") -> Engine:
    """The shipped landmark finder, on the CPU.

    Raises WeightsError if its file is missing or damaged.
    """
    path = weights.shipped(weights.FINDER)
    chosen = runtime.choose_engine(engine, "cpu")
    try:
        return _finder_of(path, chosen)
    except (FileNotFoundError, ValueError) as error:
        raise weights.WeightsError(
            f"{path.name}, which finds the face in a drawing, is not there, or damaged: install"
            " the package again"
        ) from error


def _finder_of(path: Path, engine: str) -> Engine:
    if engine == runtime.ONNX:
        found = onnx_engine.OnnxEngine({"look": weights.GRAPHS / "look.onnx"}, {"look": [path]})
        found.takes("look")  # loads it now, not at the first picture
        return found
    from s2f_utils.infer.stages import FindLandmarks, TorchEngine
    from s2f_utils.networks import checkpoints

    return TorchEngine(
        {"look": FindLandmarks(checkpoints.load_network(path)[0].requires_grad_(False))}
    )


def find_all_landmarks(
    pictures: Sequence[np.ndarray], finding: Engine | None = None
) -> list[Landmarks]:
    """Analyse square pictures, uint8 (S, S, 3), whose faces fill them roughly as aligned ones do.

    finding: another finder than the shipped one. Raises ValueError for another array, WeightsError
    as `finder`.
    """
    for picture in pictures:
        _check(picture)
    finding = finding or finder()
    made: dict[int, Landmarks] = {}
    for side_px in {len(picture) for picture in pictures}:
        of_size = [n for n, picture in enumerate(pictures) if len(picture) == side_px]
        found = _landmarks_of_one_size([pictures[n] for n in of_size], finding)
        made |= zip(of_size, found, strict=True)
    return [made[n] for n in range(len(pictures))]


def find_landmarks(picture: np.ndarray, finding: Engine | None = None) -> Landmarks:
    """As `find_all_landmarks`, of one picture."""
    return find_all_landmarks([picture], finding)[0]


def _framed(picture: np.ndarray) -> np.ndarray:
    """The affine map from the pixels of a picture, uint8 (S, S, 3), to those of the analysed one:
    float64 (2, 3).

    A small drawing on much empty paper is enlarged to fill it.
    """
    left, top, side = 0.0, 0.0, float(len(picture))
    inked = picture.min(axis=2) < LINES_BELOW
    if 0 < inked.mean() < INKED:
        spans = [np.flatnonzero(inked.any(axis=axis))[[0, -1]] for axis in (0, 1)]
        wide = max(last + 1 - first for first, last in spans) / FILLED
        if wide < SMALL * side:
            (left, top), side = ((first + last + 1 - wide) / 2 for first, last in spans), wide
    scale = FACE_PX / side
    return np.array([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]])


def _check(picture: np.ndarray) -> None:
    side_px = len(picture) if picture.ndim == 3 else 0
    if picture.dtype != np.uint8 or picture.shape != (side_px, side_px, 3) or side_px < LEAST_PX:
        raise ValueError(
            f"a picture must be uint8 (S, S, 3), got {picture.dtype} {picture.shape}: {LEAST_PX}"
            " pixels are the least"
        )


def _landmarks_of_one_size(pictures: Sequence[np.ndarray], finding: Engine) -> list[Landmarks]:
    """`find_all_landmarks` for pictures of one size.

    Affine maps lead from the pixels of the squares, which may be smaller than the pictures, to
    those of the network's input.
    """
    size_px = len(pictures[0])
    affine = np.stack([_framed(picture) for picture in pictures])
    small_px = _reduced_size(size_px, affine)
    squares = _resized(pictures, small_px)
    paper = np.array([np.mean(images.paper_colour(square)) for square in squares], np.float32)
    share = size_px / small_px
    affine = np.stack([_for_smaller(one, share) for one in affine])
    for look in range(LOOKS):
        points, off, parts, flags = finding.run("look", squares, affine.astype(np.float32), paper)
        if look < LOOKS - 1:
            affine = _aligned(points)
    if small_px != FACE_PX:
        # The graph samples the masks at FACE_PX pixels a side, so they take squares of that size.
        affine = np.stack([_for_smaller(one, small_px / FACE_PX) for one in affine])
        squares = _resized(squares, FACE_PX)
        parts = finding.run("look", squares, affine.astype(np.float32), paper)[2]
    points = (points.astype(np.float64) + 0.5) * share - 0.5
    off = off.astype(np.float64) * share
    return [
        Landmarks(points[n], off[n], _named_flags(flags[n]), _named_parts(parts[n], size_px))
        for n in range(len(pictures))
    ]


def _reduced_size(size_px: int, affine: np.ndarray) -> int:
    """The side of pictures without aliasing in the network's input: theirs, or less."""
    scale = float(np.sqrt(np.abs(np.linalg.det(affine[:, :, :2]))).max())
    return size_px if scale >= SHRUNK_FROM else max(1, round(size_px * scale))


def _resized(squares: Sequence[np.ndarray], size_px: int) -> np.ndarray:
    if len(squares[0]) == size_px:
        return np.stack(squares)
    return np.stack([images.resize(square, size_px) for square in squares])


def _aligned(points: np.ndarray) -> np.ndarray:
    """The affine maps that align faces with these points, (N, 164, 2): float64 (N, 2, 3)."""
    five = mesh.five_of(points.astype(np.float64))
    return np.stack([faces.alignment(one, FACE_PX) for one in five])


def _named_flags(flags: np.ndarray) -> dict[str, float]:
    return {name: float(flag) for name, flag in zip(FINDER_OUTPUTS, flags, strict=True)}


def _named_parts(parts: np.ndarray, size_px: int) -> dict[str, np.ndarray]:
    """Masks (2, 256, 256), enlarged or reduced to a picture's size, by name."""
    import cv2

    if parts.shape[-1] != size_px:
        parts = [cv2.resize(part, (size_px, size_px)) for part in parts]  # bilinear
    return dict(zip(FOUND_PARTS, parts, strict=True))


def _for_smaller(affine: np.ndarray, share: float) -> np.ndarray:
    """An affine map (2, 3) from a picture's pixels, for the picture with 1 / share of its side."""
    shift = affine[:, :2] @ np.full(2, 0.5 * share - 0.5) + affine[:, 2]
    return np.column_stack([affine[:, :2] * share, shift])
