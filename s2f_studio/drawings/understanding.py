"""What a drawing shows: where each point of the face is meant to be, how sure that is, and what else is drawn."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_studio.drawings import mesh
from s2f_studio.drawings.cleanup import LINES_BELOW
from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.engines import running
from s2f_utils import weights
from s2f_utils.inference.asking import LEAST_PX
from s2f_utils.inference.engine import Engine
from s2f_utils.pictures import faces, images
from s2f_utils.pictures.attributes import FOUND_FLAGS, FOUND_PARTS

SHRUNK_FROM = 0.95  # below this scale a picture is made smaller first
REMEMBERED = 16  # pictures that were understood last
INKED = 0.5  # a share of the pixels that only a photo exceeds
SMALL, FILLED = 0.75, 0.9  # a drawing below this share of the picture's side is enlarged, to this share
BY_HAND = 4.0  # times the cruder: points of a part are off together, by one stroke; best on validation people
LOOKS = 2  # at the picture as it is, and with the face laid as the first look found it


@dataclass(frozen=True)
class Understood:
    """A face as it was understood.

    points: float64 (164, 2), pixels of the picture, as `mesh` orders them. off: float64 (164,), by how many
    pixels each is expected to be off. flags: {"photo", "crude", "glasses", "beard", "hat": from 0 to 1}; "crude" is how
    abstract a drawing is. parts: {"person", "hair": float32 (S, S) in [0, 1]}.
    """

    points: np.ndarray
    off: np.ndarray
    flags: dict[str, float]
    parts: dict[str, np.ndarray]

    @property
    def off_by_hand(self) -> np.ndarray:
        """`off` as it counts against a likely shape, (164,): the cruder a drawing, the more a whole part is off."""
        return (1 + BY_HAND * self.flags["crude"]) * self.off

    @property
    def hair_above(self) -> float:
        """How much of the person above the brows is hair, from 0 (a hat, a bald head) to 1."""
        unit = mesh.eye_distance(self.points)
        brows = min(self.points[mesh.PARTS[name], 1].min() for name in ("left_brow", "right_brow"))
        across = self.points[:, 0].mean() + 0.7 * unit * np.array([-1, 1])
        down = brows - unit * np.array([1.3, 0.25])
        (left, right), (top, bottom) = (
            np.clip(span, 0, len(self.parts["hair"]) - 1).astype(int) for span in (across, down)
        )
        hair, person = (self.parts[name][top : bottom + 1, left : right + 1].mean() for name in ("hair", "person"))
        return float(hair / max(person, 0.05))


@functools.lru_cache(maxsize=2)
def finder(engine: str = "auto") -> Engine:
    """The landmark finder that comes along, on the CPU. Raises WeightsError where its file is not there, or damaged."""
    path = weights.shipped(weights.FINDER)
    try:
        return _finder_of(path, running.chosen(engine, "cpu"))
    except (FileNotFoundError, ValueError):
        raise weights.WeightsError(
            f"{path.name}, which finds the face in a drawing, is not there, or damaged: install the package again"
        ) from None


def _finder_of(path: Path, engine: str) -> Engine:
    if engine == running.ONNX:
        found = running.OnnxEngine({"look": weights.GRAPHS / "look.onnx"}, {"look": [path]})
        found.takes("look")  # now, not when a picture is there
        return found
    from s2f_studio.drawings.look import Look
    from s2f_utils.inference.stages import TorchEngine
    from s2f_utils.models import checkpoints

    return TorchEngine({"look": Look(checkpoints.load_network(path)[0].requires_grad_(False))})


def understand(pictures: Sequence[np.ndarray], finding: Engine | None = None) -> list[Understood]:
    """Find the faces of square pictures, uint8 (S, S, 3), that fill them about as aligned ones do.

    finding: another finder than the one that comes along. Raises ValueError for another array, WeightsError as
    `finder`.
    """
    for picture in pictures:
        _check(picture)
    finding = finding or finder()
    made: dict[int, Understood] = {}
    for side_px in {len(picture) for picture in pictures}:
        mine = [n for n, picture in enumerate(pictures) if len(picture) == side_px]
        made |= zip(mine, _alike([pictures[n] for n in mine], finding), strict=True)
    return [made[n] for n in range(len(pictures))]


def understood(picture: np.ndarray, finding: Engine | None = None) -> Understood:
    """As `understand`, of one picture; the last ones are remembered. finding: an engine that may have a finder."""
    _check(picture)
    own = weakref.ref(finding) if finding and finding.has("look") else None  # what is remembered keeps no engine alive
    return _remembered(picture.tobytes(), len(picture), own)


@functools.lru_cache(maxsize=REMEMBERED)
def _remembered(content: bytes, size_px: int, finding: weakref.ref[Engine] | None) -> Understood:
    picture = np.frombuffer(content, np.uint8).reshape(size_px, size_px, 3)
    return understand([picture], finding() if finding else None)[0]


def _framed(picture: np.ndarray) -> np.ndarray:
    """From the pixels of a picture, uint8 (S, S, 3), to those of the size that is looked at: float64 (2, 3).

    Of a small drawing on much empty paper, the drawing fills what is looked at.
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
            f"a picture must be uint8 (S, S, 3), got {picture.dtype} {picture.shape}: {LEAST_PX} pixels are the least"
        )


def _alike(pictures: Sequence[np.ndarray], finding: Engine) -> list[Understood]:
    """`understand`, of pictures of one size."""
    size_px = len(pictures[0])
    affine = np.stack([_framed(picture) for picture in pictures])
    scale = float(np.sqrt(np.abs(np.linalg.det(affine[:, :, :2]))).max())
    small_px = size_px if scale >= SHRUNK_FROM else max(1, round(size_px * scale))  # else what is small glitters
    share = size_px / small_px
    squares = np.stack([images.resize(picture, small_px) for picture in pictures] if share != 1 else pictures)
    paper = np.array([np.mean(images.paper_colour(square)) for square in squares], np.float32)
    affine = np.stack([_for_smaller(one, share) for one in affine])
    for look in range(LOOKS):
        points, off, parts, flags = finding.run("look", squares, affine.astype(np.float32), paper)
        if look < LOOKS - 1:
            affine = np.stack([faces.alignment(mesh.five_of(own), FACE_PX) for own in points.astype(np.float64)])
    return [
        Understood(
            (points[n].astype(np.float64) + 0.5) * share - 0.5,
            off[n].astype(np.float64) * share,
            {name: float(flag) for name, flag in zip(FOUND_FLAGS, flags[n], strict=True)},
            {name: _enlarged(part, size_px) for name, part in zip(FOUND_PARTS, parts[n], strict=True)},
        )
        for n in range(len(pictures))
    ]


def _enlarged(part: np.ndarray, size_px: int) -> np.ndarray:
    import cv2

    return part if len(part) == size_px else cv2.resize(part, (size_px, size_px), interpolation=cv2.INTER_LINEAR)


def _for_smaller(affine: np.ndarray, share: float) -> np.ndarray:
    """An affine map (2, 3) from a picture's pixels, for the picture with 1 / share as many a side."""
    shift = affine[:, :2] @ np.full(2, 0.5 * share - 0.5) + affine[:, 2]
    return np.column_stack([affine[:, :2] * share, shift])
